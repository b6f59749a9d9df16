// What the side shows at home: friends, and the DMs, the last spoken in first.
import { deleteChannel } from '../api/routes';
import type { Channel } from '../api/types';
import { ChannelType } from '../api/types';
import { directList, nameOfChannel, partnerOf } from '../store/directs';
import { requests } from '../store/people';
import { isChannelMuted } from '../store/quiet';
import { presences, statusOf } from '../store/presence';
import { isUnread, markRead, mentions } from '../store/unread';
import { dialog, openDirect, openHome, place, tell } from '../store/view';
import { reason, text } from '../text';
import { Avatar } from './avatar';
import { confirm } from './dialogs/confirm';
import { Icon, IconButton } from './icons';
import { openMenu } from './popover';

export async function closeDirect(channel: Channel): Promise<void> {
    const group = channel.type === ChannelType.Group;
    if (group && !(await confirm(text.direct.leave, text.direct.sureLeave(nameOfChannel(channel))))) return;
    try {
        await deleteChannel(channel.id);
        if (place.value.channel === channel.id) openHome();
    } catch (e) {
        tell(reason(e));
    }
}

export function DirectFace({ channel, size = 32 }: { channel: Channel; size?: number }) {
    const partner = partnerOf(channel);
    if (partner) return <Avatar id={partner.id} name={nameOfChannel(channel)} size={size} status={statusOf(partner.id)} />;
    return <Avatar id={channel.id} name={nameOfChannel(channel)} size={size} group />;
}

function directMenu(anchor: Element, channel: Channel): void {
    const group = channel.type === ChannelType.Group;
    openMenu(anchor, text.channel.actions(nameOfChannel(channel)), [
        isUnread(channel) && { label: text.chat.markRead, onPick: () => markRead(channel.id, channel.last_message_id) },
        { label: text.quiet.open, onPick: () => (dialog.value = { name: 'quiet-channel', argument: channel.id }) },
        group && { label: text.direct.rename, onPick: () => (dialog.value = { name: 'group-name', argument: channel.id }) },
        { label: group ? text.direct.leave : text.direct.close(nameOfChannel(channel)), danger: group, onPick: () => void closeDirect(channel) },
    ]);
}

function Row({ channel }: { channel: Channel }) {
    const open = place.value.channel === channel.id;
    const muted = isChannelMuted(channel.id);
    const unread = isUnread(channel) && !muted;
    const named = mentions.value.get(channel.id) ?? 0;
    const name = nameOfChannel(channel);
    const group = channel.type === ChannelType.Group;
    const partner = partnerOf(channel);
    const status = partner ? `, ${text.members.status[statusOf(partner.id)]}` : '';
    const label = text.channel.label(name, unread, named, muted) + status;
    return (
        <li class="channel-row direct" data-open={open} data-unread={unread} data-muted={muted} onContextMenu={(e) => { e.preventDefault(); directMenu(e.currentTarget, channel); }}>
            <button type="button" class="channel" aria-current={open ? 'page' : undefined} onClick={() => openDirect(channel.id)}>
                <span class="contents" aria-hidden="true">
                    <DirectFace channel={channel} />
                    <span class="name"><span class="cut">{name}</span>{group && <small>{text.direct.members((channel.recipients?.length ?? 0) + 1)}</small>}</span>
                    {named > 0 && <span class="badge">{named}</span>}
                </span>
                <span class="visually-hidden">{label}</span>
            </button>
            <IconButton icon="close" size={16} label={group ? `${text.direct.leave}: ${name}` : text.direct.close(name)} onClick={() => void closeDirect(channel)} />
        </li>
    );
}

export function DirectList() {
    const list = directList.value;
    const asked = requests.value;
    const friendsOpen = !place.value.channel;
    presences.value;
    return (
        <>
            <header>
                <button type="button" class="guild-name find" onClick={() => (dialog.value = { name: 'switcher' })}>{text.switcher.open}</button>
            </header>
            <nav class="channels" aria-label={text.direct.label}>
                <ul>
                    <li class="channel-row direct" data-open={friendsOpen}>
                        <button type="button" class="channel" aria-current={friendsOpen ? 'page' : undefined} onClick={openHome}>
                            <span class="friends-icon"><Icon name="people" size={22} /></span>
                            <span class="name">{text.friends.title}</span>
                            {asked > 0 && <span class="badge" aria-label={text.friends.pending(asked)}>{asked}</span>}
                        </button>
                    </li>
                </ul>
                <h2 class="category">
                    <span>{text.direct.label}</span>
                    <IconButton icon="plus" size={16} label={text.direct.start} onClick={() => (dialog.value = { name: 'group' })} />
                </h2>
                {list.length ? <ul>{list.map((c) => <Row key={c.id} channel={c} />)}</ul> : <p class="hint nobody">{text.direct.none}</p>}
            </nav>
        </>
    );
}
