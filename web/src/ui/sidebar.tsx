import { useState } from 'preact/hooks';
import { deleteGuild, leaveGuild } from '../api/routes';
import type { Channel } from '../api/types';
import { isText, nameOfUser, sectionsOf, type Guild, type Section } from '../store/guilds';
import { me } from '../store/me';
import { mayIn, mayInGuild, Permission } from '../store/permissions';
import { statusOf } from '../store/presence';
import { load, save } from '../store/storage';
import { isUnread, markGuildRead, mentions } from '../store/unread';
import { dialog, openChannel, openHome, place, tell } from '../store/view';
import { reason, text } from '../text';
import { Avatar } from './avatar';
import { DirectList } from './direct_list';
import { confirm } from './dialogs/confirm';
import { Icon, IconButton } from './icons';
import { openMenu } from './popover';

function ChannelRow({ guild, channel }: { guild: Guild; channel: Channel }) {
    const open = place.value.channel === channel.id;
    const named = mentions.value.get(channel.id) ?? 0;
    const unread = isUnread(channel);
    if (!isText(channel))
        return (
            <li>
                <span class="channel voice" title={text.channel.voice(channel.name)}>
                    <Icon name="voice" size={18} />
                    <span class="name">{channel.name}</span>
                </span>
            </li>
        );
    const label = named ? text.channel.mentions(channel.name, named) : unread ? text.channel.unread(channel.name) : channel.name;
    return (
        <li class="channel-row" data-open={open} data-unread={unread}>
            <button type="button" class="channel" aria-label={label} aria-current={open ? 'page' : undefined} onClick={() => openChannel(guild.id, channel.id)}>
                <Icon name="hash" size={18} />
                <span class="name">{channel.name}</span>
                {named > 0 && <span class="badge">{named}</span>}
            </button>
            {mayIn(channel.id, Permission.CreateInvite) && (
                <IconButton icon="invite" size={16} label={text.channel.invite} onClick={() => (dialog.value = { name: 'invite', argument: channel.id })} />
            )}
            {mayIn(channel.id, Permission.ManageChannels) && (
                <IconButton icon="gear" size={16} label={`${text.channel.edit}: ${channel.name}`} onClick={() => (dialog.value = { name: 'channel-edit', argument: channel.id })} />
            )}
        </li>
    );
}

function SectionRows({ guild, section }: { guild: Guild; section: Section }) {
    const { category, channels } = section;
    const key = `closed:${category?.id}`;
    const [closed, setClosed] = useState(() => load(key, false));
    if (!category) return <ul>{channels.map((c) => <ChannelRow key={c.id} guild={guild} channel={c} />)}</ul>;
    const shown = closed ? channels.filter((c) => isUnread(c) || c.id === place.value.channel) : channels;
    return (
        <section>
            <h2 class="category">
                <button type="button" aria-expanded={!closed} onClick={() => { setClosed(!closed); save(key, !closed); }}>
                    <Icon name="chevron" size={14} />
                    {category.name}
                </button>
                {mayInGuild(guild, Permission.ManageChannels) && (
                    <IconButton icon="plus" size={16} label={text.channel.createIn(category.name)} onClick={() => (dialog.value = { name: 'channel-new', argument: category.id })} />
                )}
            </h2>
            <ul>{shown.map((c) => <ChannelRow key={c.id} guild={guild} channel={c} />)}</ul>
        </section>
    );
}

async function leave(guild: Guild, remove: boolean): Promise<void> {
    const name = guild.name.value;
    const sure = remove ? text.guild.sureRemove(name) : text.guild.sureLeave(name);
    if (!(await confirm(remove ? text.guild.remove : text.guild.leave, sure))) return;
    try {
        await (remove ? deleteGuild(guild.id) : leaveGuild(guild.id));
        openHome();
    } catch (e) {
        tell(reason(e));
    }
}

function guildMenu(anchor: Element, guild: Guild): void {
    const own = guild.ownerId.value === me.value?.id;
    openMenu(anchor, text.guild.menu, [
        mayInGuild(guild, Permission.CreateInvite) && { label: text.guild.invite, onPick: () => (dialog.value = { name: 'invite' }) },
        mayInGuild(guild, Permission.ManageChannels) && { label: text.guild.newChannel, onPick: () => (dialog.value = { name: 'channel-new' }) },
        { label: text.guild.markRead, onPick: () => markGuildRead(guild) },
        { label: own ? text.guild.remove : text.guild.leave, danger: true, onPick: () => void leave(guild, own) },
    ]);
}

function MePanel() {
    const user = me.value!;
    return (
        <div class="me">
            <Avatar id={user.id} name={nameOfUser(user)} size={32} status={statusOf(user.id)} />
            <span class="me-name">
                <strong>{nameOfUser(user)}</strong>
                <small>{user.username}</small>
            </span>
            <IconButton icon="gear" label={text.settings.open} onClick={() => (dialog.value = { name: 'settings' })} />
        </div>
    );
}

export function Sidebar({ guild }: { guild: Guild | undefined }) {
    return (
        <div class="sidebar">
            {guild ? (
                <>
                    <header>
                        <button type="button" class="guild-name" aria-haspopup="menu" onClick={(e) => guildMenu(e.currentTarget, guild)}>
                            <h1>{guild.name.value}</h1>
                            <Icon name="chevron" size={18} />
                        </button>
                    </header>
                    <nav class="channels" aria-label={text.channel.list}>
                        {sectionsOf(guild).map((s) => <SectionRows key={s.category?.id ?? 'none'} guild={guild} section={s} />)}
                    </nav>
                </>
            ) : (
                <DirectList />
            )}
            <MePanel />
        </div>
    );
}
