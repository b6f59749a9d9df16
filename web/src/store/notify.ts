// Desktop notifications of mentions, when the person switched them on.
import { signal } from '@preact/signals';
import type { Message } from '../api/types';
import { inWords } from './emojis';
import { load, save } from './storage';

export const canNotify = typeof Notification === 'function';
export const notifying = signal(load('notify', false) && canNotify && Notification.permission === 'granted');

export async function setNotifying(on: boolean): Promise<void> {
    notifying.value = on && canNotify && (await Notification.requestPermission()) === 'granted';
    save('notify', notifying.value);
}

export function notify(author: string, channel: string, message: Message): void {
    if (!notifying.value) return;
    const shown = new Notification(channel.startsWith('#') ? `${author} (${channel})` : author, { body: inWords(message.content), tag: message.channel_id });
    shown.onclick = () => {
        window.focus();
        location.hash = `#/${message.guild_id ?? '@me'}/${message.channel_id}`;
    };
}
