import { guilds, type Guild } from '../store/guilds';
import { requests } from '../store/people';
import { isGuildUnread, mentionsIn, mentionsInDirects } from '../store/unread';
import { dialog, openGuild, openHome, place } from '../store/view';
import { text } from '../text';
import { colorOf, initials } from './avatar';
import { Icon } from './icons';
import { iconUrl } from './images';
import { guildMenu } from './sidebar';

function Server({ guild }: { guild: Guild }) {
    const open = place.value.guild === guild.id;
    const unread = isGuildUnread(guild);
    const mentions = mentionsIn(guild);
    const name = guild.name.value;
    const icon = iconUrl(guild.id, guild.info.value.icon, 48);
    return (
        <li class="server" data-open={open} data-unread={unread} onContextMenu={(e) => { e.preventDefault(); if (!open) openGuild(guild.id); guildMenu(e.currentTarget, guild); }}>
            <button type="button" style={{ '--face': colorOf(guild.id) }} aria-current={open ? 'page' : undefined} title={name} onClick={() => openGuild(guild.id)}>
                {icon ? <img src={icon} alt="" width={48} height={48} /> : <span aria-hidden="true">{initials(name)}</span>}
                <span class="visually-hidden">{text.rail.server(name, unread, mentions)}</span>
            </button>
            <Badge count={mentions} />
        </li>
    );
}

const Badge = ({ count }: { count: number }) => (count ? <span class="badge" aria-hidden="true">{count > 99 ? '99+' : count}</span> : null);

export function Rail() {
    const calls = mentionsInDirects() + requests.value;
    const home = text.rail.server(text.rail.home, false, calls);
    return (
        <nav class="rail" aria-label={text.rail.label}>
            <ul>
                <li class="server" data-open={!place.value.guild}>
                    <button type="button" class="tool" aria-label={home} title={text.rail.home} aria-current={place.value.guild ? undefined : 'page'} onClick={openHome}>
                        <Icon name="home" size={22} />
                    </button>
                    <Badge count={calls} />
                </li>
                {[...guilds.value.values()].map((g) => <Server key={g.id} guild={g} />)}
                <li class="server">
                    <button type="button" class="tool add" aria-label={text.rail.add} title={text.rail.add} onClick={() => (dialog.value = { name: 'guild-new' })}>
                        <Icon name="plus" size={22} />
                    </button>
                </li>
            </ul>
        </nav>
    );
}
