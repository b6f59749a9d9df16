// Keys that work everywhere. `text.keys` tells people of them.
import type { Channel } from '../api/types';
import { directList } from '../store/directs';
import { guilds, textChannelsOf, type Guild } from '../store/guilds';
import { isUnread, markRead } from '../store/unread';
import { currentChannel, currentGuild, dialog, openChannel, pane, panel, togglePanel } from '../store/view';
import { divider, goToPresent } from './follow';

function step(by: number, unreadOnly: boolean): void {
    const all: { g: Guild | null; c: Channel }[] = unreadOnly
        ? [...directList.value.map((c) => ({ g: null, c })), ...[...guilds.value.values()].flatMap((g) => textChannelsOf(g).map((c) => ({ g, c })))]
        : currentGuild.value
          ? textChannelsOf(currentGuild.value).map((c) => ({ g: currentGuild.value!, c }))
          : directList.value.map((c) => ({ g: null, c }));
    const at = all.findIndex((x) => x.c.id === currentChannel.value?.id);
    for (let i = 1; i <= all.length; i++) {
        const next = all[(((at + by * i) % all.length) + all.length) % all.length]!;
        if (unreadOnly && !isUnread(next.c)) continue;
        openChannel(next.g?.id ?? null, next.c.id);
        return;
    }
}

function isTyping(target: EventTarget | null): boolean {
    return target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

export function handleShortcut(e: KeyboardEvent): void {
    const command = e.ctrlKey || e.metaKey;
    const inDialog = !!document.querySelector('dialog[open], .screen'); // Escape and letters are its own
    if (command && e.key.toLowerCase() === 'k') dialog.value = dialog.value?.name === 'switcher' ? null : { name: 'switcher' };
    else if (command && e.key.toLowerCase() === 'f' && (currentGuild.value || currentChannel.value)) {
        if (panel.value !== 'search') togglePanel('search');
    } else if (command && e.key === '/') dialog.value = { name: 'keys' };
    else if (e.altKey && e.key === 'ArrowUp') step(-1, e.shiftKey);
    else if (e.altKey && e.key === 'ArrowDown') step(1, e.shiftKey);
    else if (e.key === 'Escape' && !inDialog && !e.defaultPrevented) {
        const channel = currentChannel.value;
        if (pane.value !== 'chat') pane.value = 'chat';
        else if (channel) {
            markRead(channel.id, channel.last_message_id);
            divider.value = null;
            goToPresent();
        }
    } else if (e.key.length === 1 && !command && !e.altKey && !inDialog && !isTyping(e.target) && !(e.target as Element).closest?.('[data-keys], .popover, button')) {
        document.querySelector<HTMLTextAreaElement>('.composer textarea')?.focus(); // one just starts to write
        return;
    } else return;
    e.preventDefault();
}
