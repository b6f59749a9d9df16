// How far each channel was read. The server keeps it (read_state of READY, MESSAGE_ACK); what is read here is shown at once and
// told to it a moment later, so that scrolling is not a request a message. What came before I joined counts as read.
import { signal } from '@preact/signals';
import { ack, ackMany } from '../api/routes';
import type { Channel, Message } from '../api/types';
import { directs } from './directs';
import { guildOf, guilds, isText, myMember, putIn, type Guild } from './guilds';
import { me } from './me';
import { isChannelMuted, isGuildMuted, quietOf } from './quiet';
import { idAt, isNewer } from './snowflake';

export const readUpTo = signal<ReadonlyMap<string, string>>(new Map());
export const mentions = signal<ReadonlyMap<string, number>>(new Map());

export interface ReadState {
    id: string;
    last_message_id: string;
    mention_count: number;
}
export function putReadStates(entries: ReadState[]): void {
    readUpTo.value = new Map(entries.map((e) => [e.id, e.last_message_id]));
    mentions.value = new Map(entries.filter((e) => e.mention_count > 0).map((e) => [e.id, e.mention_count]));
}
export function acked(d: { channel_id: string; message_id: string; mention_count: number; manual?: boolean }): void {
    if (d.manual || isNewer(d.message_id, lastReadOf(d.channel_id))) putIn(readUpTo, d.channel_id, d.message_id);
    putIn(mentions, d.channel_id, d.mention_count || undefined);
}

const TELL_MS = 500;
const MANY = 100; // in one request
const untold = new Map<string, string>();
let pending: ReturnType<typeof setTimeout> | undefined;

export function tellRead(): void {
    clearTimeout(pending);
    pending = undefined;
    const all = [...untold];
    untold.clear();
    for (let i = 0; i < all.length; i += MANY)
        ackMany(all.slice(i, i + MANY).map(([channel_id, message_id]) => ({ channel_id, message_id, read_state_type: 0 }))).catch(() => {});
}

// Of a DM everything is for me.
export const lastReadOf = (channelId: string): string =>
    readUpTo.value.get(channelId) ?? (directs.value.has(channelId) ? '0' : idAt(guildOf(channelId)?.joinedAt ?? Date.now()));

export function isUnread(channel: Channel): boolean {
    return isText(channel) && !!channel.last_message_id && isNewer(channel.last_message_id, lastReadOf(channel.id));
}

// My own message: the server has moved my place with it.
export function passOwn(channelId: string, messageId: string): void {
    if (isNewer(messageId, lastReadOf(channelId))) putIn(readUpTo, channelId, messageId);
    if (mentions.value.has(channelId)) putIn(mentions, channelId, undefined);
}
export function markRead(channelId: string, messageId: string | null | undefined): void {
    if (!messageId || (!isNewer(messageId, lastReadOf(channelId)) && !mentions.value.has(channelId))) return;
    passOwn(channelId, messageId);
    untold.set(channelId, messageId);
    pending ??= setTimeout(tellRead, TELL_MS);
}
// Everything from this message on counts as new again.
export function markUnread(channelId: string, messageId: string): Promise<unknown> {
    const before = String(BigInt(messageId) - 1n);
    untold.delete(channelId);
    putIn(readUpTo, channelId, before);
    return ack(channelId, before, true);
}
export function markGuildRead(guild: Guild): void {
    for (const c of guild.channels.value.values()) markRead(c.id, c.last_message_id);
}

// What counts as said to me: everything in a DM.
export const callsMe = (message: Message): boolean =>
    (directs.value.has(message.channel_id) && !isChannelMuted(message.channel_id)) || countsAsMention(message);
// A mention, unless I keep such ones quiet in that server.
function countsAsMention(message: Message): boolean {
    const q = quietOf(guildOf(message.channel_id)?.id ?? null);
    return mentionsMe({ ...message, mention_everyone: message.mention_everyone && !q?.suppress_everyone, mention_roles: q?.suppress_roles ? [] : message.mention_roles });
}
export function mentionsMe(message: Message): boolean {
    const guild = guildOf(message.channel_id);
    const mine = new Set(guild ? myMember(guild)?.roles : []);
    return message.mention_everyone || message.mentions.some((u) => u.id === me.value?.id) || message.mention_roles.some((r) => mine.has(r));
}
export function noteMention(channelId: string): void {
    putIn(mentions, channelId, (mentions.value.get(channelId) ?? 0) + 1);
}

export const isGuildUnread = (guild: Guild): boolean =>
    !isGuildMuted(guild.id) && [...guild.channels.value.values()].some((c) => isUnread(c) && !isChannelMuted(c.id));
export function mentionsIn(guild: Guild): number {
    let n = 0;
    for (const c of guild.channels.value.keys()) n += mentions.value.get(c) ?? 0;
    return n;
}
export function mentionsInDirects(): number {
    let n = 0;
    for (const c of directs.value.keys()) n += mentions.value.get(c) ?? 0;
    return n;
}
export function mentionsAll(): number {
    let n = mentionsInDirects();
    for (const guild of guilds.value.values()) n += mentionsIn(guild);
    return n;
}
