import { useEffect } from 'preact/hooks';
import type { Member, Role } from '../api/types';
import { colorIn, nameIn, type Guild } from '../store/guilds';
import { customs, presences, statusOf } from '../store/presence';
import { requestMembers } from '../store/session';
import { membersShown, pane } from '../store/view';
import { text } from '../text';
import { Avatar } from './avatar';
import { openProfile } from './profile';

interface Group {
    title: string;
    members: Member[];
}
const SHOWN_MAX = 200;
const asked = new Set<string>();

// Those online by their highest role that is shown apart, then the rest of them, then who is away.
function groupsOf(guild: Guild): Group[] {
    const hoisted = [...guild.roles.value.values()].filter((r) => r.hoist && r.id !== guild.id).sort((a, b) => b.position - a.position);
    const named = [...guild.members.value.values()].map((m) => [nameIn(guild, m.user).toLocaleLowerCase(), m] as const).sort((a, b) => (a[0] < b[0] ? -1 : 1));
    const groups = new Map<Role | 'online' | 'offline', Member[]>([...hoisted.map((r) => [r, []] as [Role, Member[]]), ['online', []], ['offline', []]]);
    for (const [, m] of named) {
        const key = statusOf(m.user.id) === 'offline' ? 'offline' : (hoisted.find((r) => m.roles.includes(r.id)) ?? 'online');
        groups.get(key)!.push(m);
    }
    return [...groups].filter(([, members]) => members.length).map(([key, members]) => ({ title: typeof key === 'string' ? text.members[key] : key.name, members }));
}

function MemberRow({ guild, member }: { guild: Guild; member: Member }) {
    const status = statusOf(member.user.id);
    const name = nameIn(guild, member.user);
    return (
        <li>
            <button type="button" class="member" data-away={status === 'offline'} onClick={(e) => openProfile(member.user.id, e.currentTarget)}>
                <Avatar id={member.user.id} name={name} size={32} status={status} />
                <span class="member-name">
                    <span class="name" style={{ color: colorIn(guild, member.user.id) }}>{name}</span>
                    {status !== 'offline' && customs.has(member.user.id) && <small class="cut">{customs.get(member.user.id)}</small>}
                </span>
                {member.user.bot && <span class="tag">{text.chat.bot}</span>}
                {member.user.id === guild.ownerId.value && <span class="crown" role="img" aria-label={text.members.owner} title={text.members.owner}>★</span>}
            </button>
        </li>
    );
}

export function MemberList({ guild }: { guild: Guild }) {
    const shown = membersShown.value || pane.value === 'members';
    presences.value;
    useEffect(() => {
        if (!shown || !guild.large || asked.has(guild.id)) return;
        asked.add(guild.id);
        requestMembers(guild.id);
    }, [shown, guild]);
    if (!shown) return null;
    let left = SHOWN_MAX;
    return (
        <aside class="members" aria-label={text.members.label}>
            <h2 class="visually-hidden">{text.guild.members(guild.memberCount.value)}</h2>
            {groupsOf(guild).map((g) => {
                const rows = g.members.slice(0, Math.max(0, left));
                left -= rows.length;
                return (
                    <section key={g.title}>
                        <h3>{g.title} — {g.members.length}</h3>
                        <ul>{rows.map((m) => <MemberRow key={m.user.id} guild={guild} member={m} />)}</ul>
                    </section>
                );
            })}
        </aside>
    );
}
