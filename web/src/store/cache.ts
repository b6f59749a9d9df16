// What was seen last, kept in this browser: shown at once when the page opens, and read on while the server cannot be reached.
// Bounded: so many servers, conversations and rows, and CHARS_MAX in all; of more, the conversations used longest ago go.
import { batch, effect } from '@preact/signals';
import type { Channel, CustomEmoji, Member, Message, Relationship, Role, User } from '../api/types';
import { directList, directs, putDirect } from './directs';
import { guilds, putGuild, seeUser, users, type Guild } from './guilds';
import { me } from './me';
import { fillLog, recentLogs } from './messages';
import { putRelationships, relationships } from './people';
import { load, save } from './storage';
import { mentions, putReadStates, readUpTo } from './unread';

const VERSION = 1;
const GUILDS_MAX = 50;
const DIRECTS_MAX = 50;
const LOGS_MAX = 10;
const ROWS_MAX = 40;
const CHARS_MAX = 2_000_000;
const DELAY_MS = 3000;
const KEY = 'seen';

interface CachedGuild {
    id: string;
    joined_at: string;
    large: boolean;
    name: string;
    owner_id: string;
    member_count: number;
    roles: Role[];
    channels: Channel[];
    members: Member[];
    emojis: CustomEmoji[];
}
interface Cached {
    version: number;
    me: User;
    guilds: CachedGuild[];
    directs: Channel[];
    relationships: Relationship[];
    read: { id: string; last_message_id: string; mention_count: number }[];
    logs: { channel: string; rows: Message[] }[];
}

// Of the members only myself and who wrote what is kept.
function guildOut(g: Guild, authors: ReadonlySet<string>): CachedGuild {
    return {
        id: g.id, joined_at: new Date(g.joinedAt).toISOString(), large: g.large, name: g.name.value, owner_id: g.ownerId.value, member_count: g.memberCount.value, ...g.info.value,
        roles: [...g.roles.value.values()],
        channels: [...g.channels.value.values()],
        emojis: [...g.emojis.value.values()],
        members: [...g.members.value.values()].filter((m) => authors.has(m.user.id)),
    };
}

function snapshot(): Cached | null {
    const user = me.value;
    if (!user) return null;
    const logs = recentLogs(LOGS_MAX).map((l) => ({ channel: l.channelId, rows: l.rows.value.slice(-ROWS_MAX) })).filter((l) => l.rows.length);
    const authors = new Set([user.id, ...logs.flatMap((l) => l.rows.map((m) => m.author.id))]);
    return {
        version: VERSION, me: user, logs,
        guilds: [...guilds.value.values()].slice(0, GUILDS_MAX).map((g) => guildOut(g, authors)),
        directs: directList.value.slice(0, DIRECTS_MAX),
        relationships: [...relationships.value.values()],
        read: [...readUpTo.value].map(([id, last_message_id]) => ({ id, last_message_id, mention_count: mentions.value.get(id) ?? 0 })),
    };
}

export function keepSeen(): void {
    const all = snapshot();
    if (!all) return;
    while (JSON.stringify(all).length > CHARS_MAX && all.logs.length) all.logs.shift();
    save(KEY, JSON.stringify(all).length > CHARS_MAX ? null : all);
}
export const forgetSeen = (): void => save(KEY, null);

// Back into the stores, until the gateway tells better.
export function showSeen(): void {
    const all = load<Cached | null>(KEY, null);
    if (all?.version !== VERSION) return;
    batch(() => {
        me.value = all.me;
        seeUser(all.me);
        for (const g of all.guilds) putGuild({ ...g, presences: [] } as unknown as Parameters<typeof putGuild>[0]);
        for (const channel of all.directs) putDirect(channel);
        putRelationships(all.relationships);
        putReadStates(all.read);
        for (const { channel, rows } of all.logs) {
            for (const m of rows) if (!users.has(m.author.id)) seeUser(m.author);
            fillLog(channel, rows);
        }
    });
}

let timer: ReturnType<typeof setTimeout> | undefined;
// Keeps it up to date, a while after a change.
export function followSeen(): void {
    effect(() => {
        void [guilds.value, directs.value, readUpTo.value];
        for (const log of recentLogs(LOGS_MAX)) void log.rows.value;
        timer ??= setTimeout(() => {
            timer = undefined;
            keepSeen();
        }, DELAY_MS);
    });
}
