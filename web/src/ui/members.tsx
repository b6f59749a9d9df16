import type { Member, Role } from '../api/types';
import { nameIn, type Guild } from '../store/guilds';
import { presences, statusOf } from '../store/presence';
import { membersShown, pane, place } from '../store/view';
import { text } from '../text';
import { LazyMembers } from './lazy_members';
import { MemberRow } from './member_row';

interface Group {
    title: string;
    members: Member[];
}
const SHOWN_MAX = 200;

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

export function MemberList({ guild }: { guild: Guild }) {
    const shown = membersShown.value || pane.value === 'members';
    presences.value;
    if (!shown) return null;
    if (guild.large && place.value.channel) return <LazyMembers key={guild.id} guild={guild} channel={place.value.channel} />;
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
                        <ul>{rows.map((m) => <li key={m.user.id}><MemberRow guild={guild} member={m} /></li>)}</ul>
                    </section>
                );
            })}
        </aside>
    );
}
