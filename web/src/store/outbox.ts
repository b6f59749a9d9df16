// Messages on their way, one after the other in each channel. One that failed stays until it is tried again or dropped.
import { signal } from '@preact/signals';
import { ApiError } from '../api/client';
import { send, type Draft, type Sending } from '../api/send';
import type { Message } from '../api/types';
import { text } from '../text';
import { knownLog } from './messages';
import { newNonce } from './snowflake';

export interface Outgoing extends Draft {
    channelId: string;
    at: number;
    state: 'waiting' | 'sending' | 'failed';
    progress: number;
    reason?: string;
}

export const outbox = signal<readonly Outgoing[]>([]);
const running = new Map<string, Sending>(); // by nonce
const queues = new Map<string, Promise<void>>(); // by channel: settles when the last one has been tried

function change(nonce: string, changes: Partial<Outgoing>): void {
    outbox.value = outbox.value.map((o) => (o.nonce === nonce ? { ...o, ...changes } : o));
}
const find = (nonce: string): Outgoing | undefined => outbox.value.find((o) => o.nonce === nonce);

export function drop(nonce: string): void {
    outbox.value = outbox.value.filter((o) => o.nonce !== nonce);
}
export function cancel(nonce: string): void {
    running.get(nonce)?.cancel();
    drop(nonce);
}

function reasonOf(error: unknown): string {
    if (error instanceof ApiError) return error.status === 413 || error.code === 40005 ? text.composer.tooLarge : error.message;
    return text.composer.noNetwork;
}

async function attempt(nonce: string): Promise<void> {
    const out = find(nonce);
    if (!out) return;
    change(nonce, { state: 'sending', progress: 0, reason: undefined });
    const sending = send(out.channelId, out, (progress) => change(nonce, { progress }));
    running.set(nonce, sending);
    try {
        arrived(await sending.answer);
        drop(nonce);
    } catch (error) {
        change(nonce, { state: 'failed', reason: reasonOf(error) });
    } finally {
        running.delete(nonce);
    }
}

function enqueue(channelId: string, nonce: string): void {
    const next = (queues.get(channelId) ?? Promise.resolve()).then(() => attempt(nonce));
    queues.set(channelId, next);
}

export function post(channelId: string, draft: Omit<Draft, 'nonce'>): void {
    const nonce = newNonce();
    outbox.value = [...outbox.value, { ...draft, nonce, channelId, at: Date.now(), state: 'waiting', progress: 0 }];
    enqueue(channelId, nonce);
}
export function retry(nonce: string): void {
    const out = find(nonce);
    if (!out) return;
    change(nonce, { state: 'waiting' });
    enqueue(out.channelId, nonce);
}

// My own message is there, by its answer or by the gateway, whichever came first.
export function arrived(message: Message): void {
    if (message.nonce) drop(String(message.nonce));
    knownLog(message.channel_id)?.add(message);
}
