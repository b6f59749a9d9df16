// One channel in the side: opened by a press, put elsewhere by dragging, and all else in its menu.
import type { Channel } from '../api/types';
import { isText, type Guild } from '../store/guilds';
import { moveChannel, stepChannel } from '../store/order';
import { mayIn, mayInGuild, Permission } from '../store/permissions';
import { isChannelMuted, isGuildMuted, quietOf } from '../store/quiet';
import { isUnread, markRead, mentions } from '../store/unread';
import { addressOf, dialog, openChannel, place, tell } from '../store/view';
import { reason, text } from '../text';
import { sortable } from './drag';
import { Icon, IconButton } from './icons';
import { openMenu, type MenuItem } from './popover';

const attempt = (work: Promise<unknown> | undefined): void => void work?.catch((e: unknown) => tell(reason(e)));

export function channelMenu(anchor: Element, guild: Guild, channel: Channel): void {
    const manages = mayIn(channel.id, Permission.ManageChannels);
    const arranges = mayInGuild(guild, Permission.ManageChannels);
    const written = isText(channel);
    const items: (MenuItem | false)[] = [
        written && isUnread(channel) && { label: text.chat.markRead, onPick: () => markRead(channel.id, channel.last_message_id) },
        written && { label: text.quiet.open, onPick: () => (dialog.value = { name: 'quiet-channel', argument: channel.id }) },
        mayIn(channel.id, Permission.CreateInvite) && { label: text.guild.invite, onPick: () => (dialog.value = { name: 'invite', argument: channel.id }) },
        written && { label: text.message.copyLink, onPick: () => attempt(navigator.clipboard.writeText(`${location.origin}/${addressOf(guild.id, channel.id)}`).then(() => tell(text.message.copied))) },
        arranges && { label: text.channel.up, onPick: () => attempt(stepChannel(guild, channel.id, -1)) },
        arranges && { label: text.channel.down, onPick: () => attempt(stepChannel(guild, channel.id, 1)) },
        manages && { label: text.channel.edit, onPick: () => (dialog.value = { name: 'channel-edit', argument: channel.id }) },
    ];
    openMenu(anchor, text.channel.actions(channel.name), items);
}

export function ChannelRow({ guild, channel, parent, index }: { guild: Guild; channel: Channel; parent: string | null; index: number }) {
    const open = place.value.channel === channel.id;
    const named = mentions.value.get(channel.id) ?? 0;
    const muted = isChannelMuted(channel.id);
    const unread = isUnread(channel) && !muted && !isGuildMuted(guild.id);
    if (muted && !open && !named && quietOf(guild.id)?.hide_muted_channels) return null;
    const written = isText(channel);
    const drag = mayInGuild(guild, Permission.ManageChannels)
        ? sortable({ kind: 'channel', id: channel.id, list: parent ?? '', index }, (id, at) => attempt(moveChannel(guild, id, parent, at)))
        : {};
    const label = text.channel.label(channel.name, unread, named, muted);
    const menu = (e: Event & { currentTarget: Element }): void => {
        e.preventDefault();
        channelMenu(e.currentTarget, guild, channel);
    };
    return (
        <li class="channel-row" data-open={open} data-unread={unread} data-muted={muted} onContextMenu={menu as never} {...drag}>
            {written ? (
                <button type="button" class="channel" aria-label={label} aria-current={open ? 'page' : undefined} onClick={() => openChannel(guild.id, channel.id)}>
                    <Icon name={muted ? 'mute' : 'hash'} size={18} />
                    <span class="name">{channel.name}</span>
                    {named > 0 && <span class="badge">{named}</span>}
                </button>
            ) : (
                <span class="channel voice" title={text.channel.voice(channel.name)}>
                    <Icon name="voice" size={18} />
                    <span class="name">{channel.name}</span>
                </span>
            )}
            {written && mayIn(channel.id, Permission.CreateInvite) && (
                <IconButton icon="invite" size={16} label={text.channel.invite} onClick={() => (dialog.value = { name: 'invite', argument: channel.id })} />
            )}
            <IconButton icon="more" size={16} label={text.channel.actions(channel.name)} onClick={(e) => channelMenu(e.currentTarget, guild, channel)} />
        </li>
    );
}
