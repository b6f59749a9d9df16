// What message list, composer and keys share about the open channel.
import { signal } from '@preact/signals';
import type { Message } from '../api/types';
import { logOf } from '../store/messages';
import { openChannel, place } from '../store/view';

export const divider = signal<string | null>(null); // "new" begins behind this id
export const editing = signal<string | null>(null);
export const replying = signal<Message | null>(null);
export const active = signal<string | null>(null); // the row that shows its actions
export const target = signal<{ id: string; align: 'center' | 'end' } | null>(null); // where the list shall go
export const presentAsked = signal(0);

export function goToPresent(): void {
    const channel = place.value.channel;
    if (!channel) return;
    const log = logOf(channel);
    presentAsked.value++;
    if (!log.atEnd.value) void log.open();
}

export function jumpTo(guildId: string | null, channelId: string, messageId: string): void {
    if (place.value.channel !== channelId) openChannel(guildId, channelId);
    const log = logOf(channelId);
    target.value = { id: messageId, align: 'center' };
    if (!log.rows.value.some((m) => m.id === messageId)) void log.open(messageId);
}
