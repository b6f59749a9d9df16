import { useState } from 'preact/hooks';
import { deleteGuild, leaveGuild } from '../api/routes';
import type { Channel } from '../api/types';
import { nameOfUser, sectionsOf, type Guild, type Section } from '../store/guilds';
import { me } from '../store/me';
import { moveCategory, moveChannel, stepCategory } from '../store/order';
import { isShown, mayInGuild, Permission } from '../store/permissions';
import { statusOf } from '../store/presence';
import { customStatus } from '../store/settings';
import { load, save } from '../store/storage';
import { isUnread, markGuildRead, markRead } from '../store/unread';
import { dialog, openHome, place, tell } from '../store/view';
import { reason, text } from '../text';
import { statusMenu } from './account/status';
import { Avatar } from './avatar';
import { ChannelRow } from './channel_row';
import { DirectList } from './direct_list';
import { dropPlace, sortable } from './drag';
import { confirm } from './dialogs/confirm';
import { Icon, IconButton } from './icons';
import { openMenu } from './popover';
import { hasServerSettings } from './server/server_settings';

const attempt = (work: Promise<unknown> | undefined): void => void work?.catch((e: unknown) => tell(reason(e)));

function categoryMenu(anchor: Element, guild: Guild, category: Channel): void {
    const arranges = mayInGuild(guild, Permission.ManageChannels);
    openMenu(anchor, text.channel.actions(category.name), [
        { label: text.chat.markRead, onPick: () => sectionsOf(guild).find((s) => s.category?.id === category.id)?.channels.forEach((c) => markRead(c.id, c.last_message_id)) },
        arranges && { label: text.channel.up, onPick: () => attempt(stepCategory(guild, category.id, -1)) },
        arranges && { label: text.channel.down, onPick: () => attempt(stepCategory(guild, category.id, 1)) },
        arranges && { label: text.channel.edit, onPick: () => (dialog.value = { name: 'channel-edit', argument: category.id }) },
    ]);
}

function SectionRows({ guild, section, index }: { guild: Guild; section: Section; index: number }) {
    const { category } = section;
    const channels = section.channels.filter(isShown);
    const key = `closed:${category?.id}`;
    const [closed, setClosed] = useState(() => load(key, false));
    if (category && !channels.length && !isShown(category)) return null;
    const row = (c: Channel) => <ChannelRow key={c.id} guild={guild} channel={c} parent={category?.id ?? null} index={section.channels.indexOf(c)} />;
    if (!category) return <ul>{channels.map(row)}</ul>;
    const arranges = mayInGuild(guild, Permission.ManageChannels);
    const drag = arranges
        ? sortable({ kind: 'category', id: category.id, list: 'categories', index }, (id, at) => attempt(moveCategory(guild, id, at)))
        : {};
    const drop = arranges ? dropPlace('channel', category.id, (id) => attempt(moveChannel(guild, id, category.id, Infinity))) : {};
    const shown = closed ? channels.filter((c) => isUnread(c) || c.id === place.value.channel) : channels;
    return (
        <section class="section" {...drag}>
            <h2 class="category" onContextMenu={(e) => { e.preventDefault(); categoryMenu(e.currentTarget, guild, category); }} {...drop}>
                <button type="button" aria-expanded={!closed} onClick={() => { setClosed(!closed); save(key, !closed); }}>
                    <Icon name="chevron" size={14} />
                    {category.name}
                </button>
                {arranges && (
                    <>
                        <IconButton icon="more" size={16} class="on-hover" label={text.channel.actions(category.name)} onClick={(e) => categoryMenu(e.currentTarget, guild, category)} />
                        <IconButton icon="plus" size={16} label={text.channel.createIn(category.name)} onClick={() => (dialog.value = { name: 'channel-new', argument: category.id })} />
                    </>
                )}
            </h2>
            <ul>{shown.map(row)}</ul>
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

export function guildMenu(anchor: Element, guild: Guild): void {
    const own = guild.ownerId.value === me.value?.id;
    openMenu(anchor, text.guild.menu, [
        mayInGuild(guild, Permission.CreateInvite) && { label: text.guild.invite, onPick: () => (dialog.value = { name: 'invite' }) },
        mayInGuild(guild, Permission.ManageChannels) && { label: text.guild.newChannel, onPick: () => (dialog.value = { name: 'channel-new' }) },
        hasServerSettings(guild) && { label: text.server.settings, onPick: () => (dialog.value = { name: 'server' }) },
        mayInGuild(guild, Permission.ManageRoles) && { label: text.viewAs.title, onPick: () => (dialog.value = { name: 'view-as' }) },
        { label: text.quiet.open, onPick: () => (dialog.value = { name: 'quiet-guild', argument: guild.id }) },
        { label: text.guild.markRead, onPick: () => markGuildRead(guild) },
        { label: own ? text.guild.remove : text.guild.leave, danger: true, onPick: () => void leave(guild, own) },
    ]);
}

function MePanel() {
    const user = me.value!;
    const custom = customStatus.value;
    return (
        <div class="me">
            <button type="button" class="me-face" aria-haspopup="menu" title={text.settings.status} onClick={(e) => statusMenu(e.currentTarget)}>
                <Avatar id={user.id} name={nameOfUser(user)} size={32} status={statusOf(user.id)} />
                <span class="me-name">
                    <strong>{nameOfUser(user)}</strong>
                    <small>{custom ? [custom.emoji_name, custom.text].filter(Boolean).join(' ') : user.username}</small>
                </span>
            </button>
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
                        {sectionsOf(guild).map((s, i) => <SectionRows key={s.category?.id ?? 'none'} guild={guild} section={s} index={i - 1} />)}
                    </nav>
                </>
            ) : (
                <DirectList />
            )}
            <MePanel />
        </div>
    );
}
