// Everybody in the server, by pages, with their roles.
import { useEffect, useState } from 'preact/hooks';
import { giveRole, listMembers, searchMembers, takeRole } from '../../api/routes';
import type { Member } from '../../api/types';
import { cssColor, nameIn, putMembers, rolesOf, type Guild } from '../../store/guilds';
import { mayInGuild, myHeight, Permission } from '../../store/permissions';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { Avatar } from '../avatar';
import { IconButton } from '../icons';
import { moderationOf } from '../moderation';
import { openMenu } from '../popover';
import { dayOf } from '../time';

const attempt = (work: Promise<unknown>): void => void work.catch((e: unknown) => tell(reason(e)));
const PAGE = 50;

function Roles({ guild, member }: { guild: Guild; member: Member }) {
    const height = myHeight(guild);
    const may = mayInGuild(guild, Permission.ManageRoles);
    const all = rolesOf(guild).filter((r) => r.id !== guild.id);
    const free = all.filter((r) => may && r.position < height && !r.managed && !member.roles.includes(r.id));
    const name = nameIn(guild, member.user);
    return (
        <span class="chips">
            {all.filter((r) => member.roles.includes(r.id)).map((r) => (
                <span key={r.id} class="chip">
                    <span class="swatch" style={{ background: r.color ? cssColor(r.color) : 'var(--text-soft)' }} />{r.name}
                    {may && r.position < height && !r.managed && <IconButton icon="close" size={12} label={text.roles.take(r.name, name)} onClick={() => attempt(takeRole(guild.id, member.user.id, r.id))} />}
                </span>
            ))}
            {free.length > 0 && <IconButton icon="plus" size={14} class="chip" label={text.roles.giveTo(name)} onClick={(e) => openMenu(e.currentTarget, text.roles.giveTo(name), free.map((r) => ({ label: r.name, onPick: () => attempt(giveRole(guild.id, member.user.id, r.id)) })))} />}
        </span>
    );
}

function Row({ guild, id }: { guild: Guild; id: string }) {
    const member = guild.members.value.get(id);
    if (!member) return null;
    const name = nameIn(guild, member.user);
    const acts = moderationOf(guild, id);
    return (
        <li class="person-row wide">
            <Avatar id={id} name={name} size={36} />
            <span class="person-name"><strong class="cut">{name}</strong><small class="cut">{member.user.username}{member.joined_at && ` · ${text.members.since} ${dayOf(Date.parse(member.joined_at))}`}</small></span>
            <Roles guild={guild} member={member} />
            {acts.length > 0 && <IconButton icon="more" label={text.friends.more(name)} onClick={(e) => openMenu(e.currentTarget, text.friends.more(name), acts)} />}
        </li>
    );
}

export function Members({ guild }: { guild: Guild }) {
    const [query, setQuery] = useState('');
    const [ids, setIds] = useState<string[]>([]);
    const [whole, setWhole] = useState(false);
    const put = (list: Member[], more: boolean): void => {
        putMembers(guild.id, list);
        setIds((old) => [...new Set([...(more ? old : []), ...list.map((m) => m.user.id)])]);
        setWhole(list.length < PAGE);
    };
    const read = (more: boolean): Promise<void> => (query ? searchMembers(guild.id, query) : listMembers(guild.id, more ? (ids.at(-1) ?? '0') : '0')).then((list) => put(list, more));
    useEffect(() => {
        const timer = setTimeout(() => attempt(read(false)), query ? 250 : 0);
        return () => clearTimeout(timer);
    }, [query]);
    return (
        <>
            <input type="search" aria-label={text.server.findMember} placeholder={text.server.findMember} value={query} onInput={(e) => setQuery(e.currentTarget.value)} />
            <p class="hint" role="status">{text.guild.members(guild.memberCount.value)}</p>
            <ul>{ids.map((id) => <Row key={id} guild={guild} id={id} />)}</ul>
            {!whole && !query && <button type="button" onClick={() => attempt(read(true))}>{text.server.more}</button>}
        </>
    );
}
