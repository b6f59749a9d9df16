// Custom emoji: what the servers have, which of them I may use where, and how a message holds them (<:name:id>, <a:name:id>)
// and how people type them (:name:; of several with one name, :name~1: and so on).
import type { CustomEmoji } from '../api/types';
import { guildOf, guilds, myMember, type Guild } from './guilds';
import { mayIn, Permission } from './permissions';

export interface Usable {
    emoji: CustomEmoji;
    guild: Guild;
    key: string; // what is typed between the colons
}

function mayUse(guild: Guild, emoji: CustomEmoji): boolean {
    if (emoji.available === false) return false;
    if (!emoji.roles?.length) return true;
    const mine = myMember(guild)?.roles ?? [];
    return emoji.roles.some((r) => mine.includes(r));
}

// In a channel: those of its server first, then the others', if one may use them there.
export function usableIn(channelId: string): Usable[] {
    const here = guildOf(channelId);
    const elsewhere = mayIn(channelId, Permission.ExternalEmoji) ? [...guilds.value.values()].filter((g) => g !== here) : [];
    const seen = new Map<string, number>();
    return (here ? [here, ...elsewhere] : elsewhere).flatMap((guild) =>
        [...guild.emojis.value.values()].filter((e) => mayUse(guild, e)).map((emoji) => {
            const n = seen.get(emoji.name) ?? 0;
            seen.set(emoji.name, n + 1);
            return { emoji, guild, key: n ? `${emoji.name}~${n}` : emoji.name };
        }),
    );
}
export function findUsable(channelId: string, query: string, max: number): Usable[] {
    const q = query.toLowerCase();
    const rank = (u: Usable): number => (u.key.toLowerCase().startsWith(q) ? 0 : 1);
    return usableIn(channelId).filter((u) => u.key.toLowerCase().includes(q)).sort((a, b) => rank(a) - rank(b)).slice(0, max);
}

export const inMessage = (e: CustomEmoji): string => `<${e.animated ? 'a' : ''}:${e.name}:${e.id}>`;
const HELD = /<a?:(\w{2,32}):(\d{1,20})>/g;
// As people type it, for who edits it again; what cannot be used here stays as it is.
export function asTyped(content: string, channelId: string): string {
    const keys = new Map(usableIn(channelId).map((u) => [u.emoji.id, u.key]));
    return content.replace(HELD, (all, _, id: string) => (keys.has(id) ? `:${keys.get(id)}:` : all));
}
// Without pictures.
export const inWords = (content: string): string => content.replace(HELD, ':$1:');
