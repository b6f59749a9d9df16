import { useRef, useState } from 'preact/hooks';
import { ChannelType, type Channel } from '../api/types';
import { isDirect, nameOfChannel, partnerOf, titleOf } from '../store/directs';
import { nameIn, users, type Guild } from '../store/guilds';
import { mayIn, Permission } from '../store/permissions';
import { typing } from '../store/presence';
import { isUnread, lastReadOf } from '../store/unread';
import { dialog, membersShown, pane, panel, toggleMembers, togglePanel } from '../store/view';
import { text } from '../text';
import { Composer } from './composer';
import { DirectFace } from './direct_list';
import { addFiles } from './files';
import { divider, editing, replying } from './follow';
import { Icon, IconButton } from './icons';
import { MessageList } from './message_list';
import { openProfile } from './profile';

function DirectTitle({ channel }: { channel: Channel }) {
    const partner = partnerOf(channel);
    const name = nameOfChannel(channel);
    if (partner) return <><DirectFace channel={channel} size={26} /><button type="button" class="title" onClick={(e) => openProfile(partner.id, e.currentTarget)}><h2>{name}</h2></button></>;
    return <><DirectFace channel={channel} size={26} /><button type="button" class="title" title={text.direct.rename} onClick={() => (dialog.value = { name: 'group-name', argument: channel.id })}><h2>{name}</h2></button></>;
}

function Header({ channel }: { channel: Channel }) {
    const direct = isDirect(channel);
    return (
        <header class="chat-header">
            <IconButton icon="menu" class="phone-only" label={text.chat.showNav} onClick={() => (pane.value = 'nav')} />
            {direct ? <DirectTitle channel={channel} /> : <><Icon name="hash" size={22} /><h2>{channel.name}</h2></>}
            {channel.topic && <p class="topic" title={channel.topic}>{channel.topic}</p>}
            <span class="spring" />
            <IconButton icon="pin" label={text.chat.pins} pressed={panel.value === 'pins'} onClick={() => togglePanel('pins')} />
            <IconButton icon="search" label={text.search.title} pressed={panel.value === 'search'} onClick={() => togglePanel('search')} />
            {direct && <IconButton icon="invite" label={text.direct.add} onClick={() => (dialog.value = { name: 'group', argument: channel.id })} />}
            {channel.type !== ChannelType.Direct && <IconButton icon="people" label={text.chat.showMembers} pressed={membersShown.value && !panel.value} onClick={toggleMembers} />}
        </header>
    );
}

function Typing({ guild, channel }: { guild: Guild | undefined; channel: Channel }) {
    const ids = [...(typing.value.get(channel.id)?.keys() ?? [])];
    const names = ids.flatMap((id) => (users.has(id) ? [nameIn(guild, users.get(id)!)] : []));
    return (
        <div class="typing" aria-live="polite">
            {names.length > 0 && <><span class="typing-dots" aria-hidden="true"><i /><i /><i /></span> {text.chat.typing(names)}</>}
        </div>
    );
}

// Files dragged over the chat: a veil tells where they would go.
function useDrop(channel: Channel) {
    const [over, setOver] = useState(false);
    const depth = useRef(0);
    const hasFiles = (e: DragEvent): boolean => !!e.dataTransfer?.types.includes('Files');
    const enter = (by: 1 | -1) => (e: DragEvent): void => {
        if (!hasFiles(e)) return;
        e.preventDefault();
        depth.current = Math.max(0, depth.current + by);
        setOver(depth.current > 0);
    };
    return {
        over,
        on: {
            onDragEnter: enter(1),
            onDragLeave: enter(-1),
            onDragOver: (e: DragEvent) => hasFiles(e) && e.preventDefault(),
            onDrop: (e: DragEvent) => {
                if (!hasFiles(e)) return;
                e.preventDefault();
                depth.current = 0;
                setOver(false);
                addFiles(channel.id, [...e.dataTransfer!.files]);
            },
        },
    };
}

export function Chat({ guild, channel }: { guild: Guild | undefined; channel: Channel }) {
    const drop = useDrop(channel);
    useState(() => {
        divider.value = isUnread(channel) ? lastReadOf(channel.id) : null;
        editing.value = replying.value = null;
    });
    return (
        <main class="chat" {...drop.on}>
            <Header channel={channel} />
            <MessageList guild={guild} channel={channel} />
            <Composer guild={guild} channel={channel} />
            <Typing guild={guild} channel={channel} />
            {drop.over && mayIn(channel.id, Permission.Send) && <div class="drop-veil">{text.composer.dropHere(titleOf(channel))}</div>}
        </main>
    );
}
