import { guilds, type Guild } from '../store/guilds';
import { isGuildUnread, mentionsIn } from '../store/unread';
import { dialog, openGuild, openHome, place } from '../store/view';
import { text } from '../text';
import { colorOf, initials } from './avatar';
import { Icon } from './icons';

function Server({ guild }: { guild: Guild }) {
    const open = place.value.guild === guild.id;
    const unread = isGuildUnread(guild);
    const mentions = mentionsIn(guild);
    const name = guild.name.value;
    return (
        <li class="server" data-open={open} data-unread={unread}>
            <button type="button" style={{ '--face': colorOf(guild.id) }} aria-current={open ? 'page' : undefined} title={name} onClick={() => openGuild(guild.id)}>
                <span aria-hidden="true">{initials(name)}</span>
                <span class="visually-hidden">{text.rail.server(name, unread, mentions)}</span>
            </button>
            {mentions > 0 && <span class="badge" aria-hidden="true">{mentions > 99 ? '99+' : mentions}</span>}
        </li>
    );
}

export function Rail() {
    return (
        <nav class="rail" aria-label={text.rail.label}>
            <ul>
                <li class="server" data-open={!place.value.guild}>
                    <button type="button" class="tool" aria-label={text.rail.home} title={text.rail.home} aria-current={place.value.guild ? undefined : 'page'} onClick={openHome}>
                        <Icon name="home" size={22} />
                    </button>
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
