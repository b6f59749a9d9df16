// A box that finds a member by name and hands over the id.
import { useEffect, useState } from 'preact/hooks';
import { searchMembers } from '../../api/routes';
import { nameIn, putMembers, type Guild } from '../../store/guilds';
import { Avatar } from '../avatar';

const SHOWN_MAX = 6;

export function PersonPicker({ guild, without, label, onPick }: { guild: Guild; without: ReadonlySet<string>; label: string; onPick: (id: string) => void }) {
    const [query, setQuery] = useState('');
    useEffect(() => {
        if (!guild.large || !query) return;
        const timer = setTimeout(() => searchMembers(guild.id, query).then((found) => putMembers(guild.id, found), () => {}), 250);
        return () => clearTimeout(timer);
    }, [query]);
    const q = query.toLowerCase();
    const found = q ? [...guild.members.value.values()].filter((m) => !without.has(m.user.id) && [nameIn(guild, m.user), m.user.username].some((n) => n.toLowerCase().includes(q))) : [];
    return (
        <div class="person-picker">
            <input type="search" aria-label={label} placeholder={label} value={query} onInput={(e) => setQuery(e.currentTarget.value)} onKeyDown={(e) => {
                if (e.key !== 'Enter') return;
                e.preventDefault();
                if (found[0]) { onPick(found[0].user.id); setQuery(''); }
            }} />
            {found.length > 0 && (
                <ul>
                    {found.slice(0, SHOWN_MAX).map((m) => (
                        <li key={m.user.id}><button type="button" class="menu-item person-row" onClick={() => { onPick(m.user.id); setQuery(''); }}><Avatar id={m.user.id} name={nameIn(guild, m.user)} size={24} /> {nameIn(guild, m.user)} <small>{m.user.username}</small></button></li>
                    ))}
                </ul>
            )}
        </div>
    );
}
