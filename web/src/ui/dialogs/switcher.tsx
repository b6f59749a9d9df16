import { useState } from 'preact/hooks';
import { RelationshipType } from '../../api/types';
import { directList, directWith, nameOfChannel, titleOf } from '../../store/directs';
import { guilds, nameOfUser, textChannelsOf } from '../../store/guilds';
import { ofType } from '../../store/people';
import { isUnread } from '../../store/unread';
import { openChannel, openDirect, openGuild } from '../../store/view';
import { text } from '../../text';
import { writeTo } from '../write_to';
import { closeDialog, Dialog } from './dialog';

interface Goal {
    key: string;
    label: string;
    detail: string;
    weight: number;
    go(): void;
}
const SHOWN_MAX = 10;

function goals(query: string): Goal[] {
    const q = query.toLowerCase().replace(/^#/, '').trim();
    const out: Goal[] = [];
    const weigh = (name: string, unread: boolean): number => (name.toLowerCase().startsWith(q) ? 2 : 0) + (unread ? 1 : 0);
    for (const g of guilds.value.values()) {
        const name = g.name.value;
        if (name.toLowerCase().includes(q)) out.push({ key: g.id, label: name, detail: '', weight: weigh(name, false), go: () => openGuild(g.id) });
        for (const c of textChannelsOf(g))
            if (c.name.toLowerCase().includes(q)) out.push({ key: c.id, label: `#${c.name}`, detail: name, weight: weigh(c.name, isUnread(c)), go: () => openChannel(g.id, c.id) });
    }
    for (const c of directList.value)
        if (nameOfChannel(c).toLowerCase().includes(q)) out.push({ key: c.id, label: titleOf(c), detail: text.direct.label, weight: weigh(nameOfChannel(c), isUnread(c)), go: () => openDirect(c.id) });
    for (const r of ofType(RelationshipType.Friend))
        if (r.user && !directWith(r.id) && nameOfUser(r.user).toLowerCase().includes(q))
            out.push({ key: r.id, label: `@${nameOfUser(r.user)}`, detail: text.friends.title, weight: weigh(nameOfUser(r.user), false), go: () => void writeTo(r.id) });
    return out.sort((a, b) => b.weight - a.weight).slice(0, SHOWN_MAX);
}

export function Switcher() {
    const [query, setQuery] = useState('');
    const [at, setAt] = useState(0);
    const list = goals(query);
    const go = (goal: Goal | undefined): void => {
        if (!goal) return;
        closeDialog();
        goal.go();
    };
    const press = (e: KeyboardEvent): void => {
        const by = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
        if (by) setAt((at + by + list.length) % Math.max(1, list.length));
        else if (e.key === 'Enter') go(list[at]);
        else return;
        e.preventDefault();
    };
    return (
        <Dialog title={text.switcher.title} class="switcher">
            <input list={undefined} type="text" role="combobox" aria-expanded="true" aria-controls="goals" aria-activedescendant={list.length ? `goal-${at}` : undefined} autofocus aria-label={text.switcher.placeholder} placeholder={text.switcher.placeholder} value={query} onInput={(e) => { setQuery(e.currentTarget.value); setAt(0); }} onKeyDown={press} />
            <ul id="goals" role="listbox" aria-label={text.switcher.title}>
                {list.map((g, i) => <li key={g.key} id={`goal-${i}`} role="option" aria-selected={i === at} onClick={() => go(g)}><span>{g.label}</span> <small>{g.detail}</small></li>)}
            </ul>
            {!list.length && <p class="hint">{text.switcher.none}</p>}
        </Dialog>
    );
}
