// The permissions that people set, by group. Their names are in text.permissions.
export type PermissionKey = keyof typeof BITS;
export const BITS = {
    view: 10, manageChannels: 4, manageRoles: 28, manageEmoji: 30, createEmoji: 43, audit: 7, manageWebhooks: 29, manageGuild: 5,
    invite: 0, nickname: 26, nicknames: 27, kick: 1, ban: 2, timeOut: 40,
    send: 11, embed: 14, attach: 15, react: 6, externalEmoji: 18, everyone: 17, manageMessages: 13, pin: 51, history: 16, slow: 52,
    administrator: 3,
} as const;
export const bitOf = (key: PermissionKey): bigint => 1n << BigInt(BITS[key]);

export const GROUPS: { key: string; keys: PermissionKey[]; inChannel: PermissionKey[] }[] = [
    { key: 'server', keys: ['view', 'manageChannels', 'manageRoles', 'createEmoji', 'manageEmoji', 'audit', 'manageWebhooks', 'manageGuild'], inChannel: ['view', 'manageChannels', 'manageRoles', 'manageWebhooks'] },
    { key: 'people', keys: ['invite', 'nickname', 'nicknames', 'kick', 'ban', 'timeOut'], inChannel: ['invite'] },
    { key: 'writing', keys: ['send', 'embed', 'attach', 'react', 'externalEmoji', 'everyone', 'manageMessages', 'pin', 'history', 'slow'], inChannel: ['send', 'embed', 'attach', 'react', 'externalEmoji', 'everyone', 'manageMessages', 'pin', 'history', 'slow'] },
    { key: 'all', keys: ['administrator'], inChannel: [] },
];
