// Where the server's pictures are, in a size that suits.
const sizeFor = (px: number): number => 2 ** Math.ceil(Math.log2(Math.max(16, px * Math.min(2, devicePixelRatio))));
const at = (kind: string, id: string, hash: string, px: number): string => `/${kind}/${id}/${hash}.webp?size=${sizeFor(px)}`;

export const avatarUrl = (user: { id: string; avatar?: string | null } | undefined, px: number): string | undefined =>
    user?.avatar ? at('avatars', user.id, user.avatar, px) : undefined;
export const EMOJI_PX = 48;
export const emojiUrl = (id: string, moves: boolean): string => `/emojis/${id}.${moves ? 'gif' : 'webp'}?size=${sizeFor(EMOJI_PX)}`;
export const iconUrl = (guild: string, icon: string | null | undefined, px: number): string | undefined => (icon ? at('icons', guild, icon, px) : undefined);
