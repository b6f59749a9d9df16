// Who is online, and who is writing where.
import { signal } from '@preact/signals';
import { putIn } from './guilds';
import { me } from './me';

export type Status = 'online' | 'idle' | 'dnd' | 'offline';
export const presences = signal<ReadonlyMap<string, Status>>(new Map());

export interface Presence {
    user: { id: string };
    status?: string;
    activities?: { type: number; state?: string | null; emoji?: { name?: string } | null }[];
}
// What people write beside their names.
export const customs = new Map<string, string>();
function putCustom(p: Presence): void {
    const custom = p.activities?.find((a) => a.type === 4);
    const words = custom && [custom.emoji?.name, custom.state].filter(Boolean).join(' ');
    if (words) customs.set(p.user.id, words);
    else customs.delete(p.user.id);
}

export function putPresences(list: Presence[]): void {
    if (!list.length) return;
    const next = new Map(presences.value);
    for (const p of list) {
        putCustom(p);
        if (!p.status || p.status === 'offline' || p.status === 'invisible') next.delete(p.user.id);
        else next.set(p.user.id, p.status as Status);
    }
    presences.value = next;
}
// What I chose; the gateway does not tell me of myself.
export type Chosen = 'online' | 'idle' | 'dnd' | 'invisible';
export const myStatus = signal<Chosen>('online');
export function statusOf(user: string): Status {
    if (user !== me.value?.id) return presences.value.get(user) ?? 'offline';
    return myStatus.value === 'invisible' ? 'offline' : myStatus.value;
}

const TYPING_MS = 10_000;
// channel → user → when it ends
export const typing = signal<ReadonlyMap<string, ReadonlyMap<string, number>>>(new Map());

export function startTyping(channel: string, user: string): void {
    putIn(typing, channel, new Map(typing.value.get(channel)).set(user, Date.now() + TYPING_MS));
    setTimeout(() => {
        if ((typing.value.get(channel)?.get(user) ?? Infinity) <= Date.now()) stopTyping(channel, user);
    }, TYPING_MS + 50);
}
export function stopTyping(channel: string, user: string): void {
    const old = typing.value.get(channel);
    if (!old?.has(user)) return;
    const next = new Map(old);
    next.delete(user);
    putIn(typing, channel, next);
}
