// Search in a server or a conversation: a box that knows filters, and what was found, newest first.
import { useEffect, useRef, useState } from 'preact/hooks';
import { search } from '../api/routes';
import type { Message } from '../api/types';
import { seeUser } from '../store/guilds';
import { completed, nameOfScope, pathOf, proposals, understand, type Scope } from '../store/search';
import { closePanel } from '../store/view';
import { reason, text } from '../text';
import { jumpTo } from './follow';
import { MessageCard } from './message_card';
import { Panel } from './panel';

const PAGE = 25;
const PROPOSED_MAX = 7;
const RETRY_MS = 1500;

interface Found {
    list: Message[];
    total: number;
}

// One search at a time; the last asked for wins.
function useSearch(scope: Scope) {
    const [found, setFound] = useState<Found | null>(null);
    const [note, setNote] = useState<string | null>(null);
    const [busy, setBusy] = useState(false);
    const run = useRef(0);
    const params = useRef(new URLSearchParams());

    const read = async (offset: number, mine: number): Promise<void> => {
        for (;;) {
            const answer = await search(pathOf(scope), params.current, offset);
            if (mine !== run.current) return;
            if (!('messages' in answer)) {
                setNote(text.search.indexing);
                await new Promise((done) => setTimeout(done, RETRY_MS));
                if (mine !== run.current) return;
                continue;
            }
            const page = answer.messages.flatMap((m) => m[0] ?? []);
            for (const m of page) seeUser(m.author);
            setNote(null);
            setFound((old) => ({ list: offset ? [...(old?.list ?? []), ...page] : page, total: answer.total_results }));
            return;
        }
    };
    const begin = async (work: (mine: number) => Promise<void>): Promise<void> => {
        const mine = ++run.current;
        setBusy(true);
        try {
            await work(mine);
        } catch (e) {
            if (mine === run.current) setNote(reason(e));
        }
        if (mine === run.current) setBusy(false);
    };
    useEffect(() => () => void run.current++, []);
    return {
        found, note, busy,
        start: (input: string) =>
            begin(async (mine) => {
                const query = await understand(scope, input);
                setFound(null);
                setNote(query.wrong.length ? text.search.wrong(query.wrong.join(', ')) : null);
                params.current = query.params;
                if (!query.wrong.length && query.params.size) await read(0, mine);
            }),
        more: () => begin((mine) => read(found?.list.length ?? 0, mine)),
    };
}

function Box({ scope, onSearch }: { scope: Scope; onSearch: (input: string) => void }) {
    const [input, setInput] = useState('');
    const [chosen, setChosen] = useState(-1);
    const [open, setOpen] = useState(true);
    const field = useRef<HTMLInputElement>(null);
    const list = open ? proposals(scope, input).slice(0, PROPOSED_MAX) : [];
    const take = (proposal: string): void => {
        setInput(completed(input, proposal));
        setChosen(-1);
        field.current?.focus();
    };
    const press = (e: KeyboardEvent): void => {
        const by = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
        if (by && list.length) setChosen((chosen + by + list.length) % list.length);
        else if (e.key === 'Enter' && list[chosen]) take(list[chosen]!);
        else if (e.key === 'Enter') { setOpen(false); onSearch(input); }
        else if (e.key === 'Escape' && list.length && input) setOpen(false);
        else return;
        e.preventDefault();
    };
    return (
        <div class="search-box">
            <input ref={field} list={undefined} type="search" role="combobox" aria-expanded={list.length > 0} aria-controls="proposals" aria-activedescendant={chosen >= 0 ? `proposal-${chosen}` : undefined} aria-label={text.search.label(nameOfScope(scope))} placeholder={text.search.label(nameOfScope(scope))} value={input} autoComplete="off" onInput={(e) => { setInput(e.currentTarget.value); setChosen(-1); setOpen(true); }} onKeyDown={press} />
            {list.length > 0 && (
                <ul id="proposals" role="listbox" aria-label={text.search.filters}>
                    {list.map((p, i) => (
                        <li key={p} id={`proposal-${i}`} role="option" aria-selected={i === chosen} onMouseDown={(e) => { e.preventDefault(); take(p); }}>
                            <strong>{p}</strong> <small>{text.search.hints[p.slice(0, -1)] ?? ''}</small>
                        </li>
                    ))}
                </ul>
            )}
        </div>
    );
}

function Results({ scope, found }: { scope: Scope; found: Found }) {
    const { guild } = scope;
    let channel = scope.direct?.id ?? ''; // whose name need not be said
    return (
        <ul class="cards">
            {found.list.flatMap((m) => {
                const card = <MessageCard key={m.id} guild={guild} message={m} onJump={() => { if (matchMedia('(max-width: 760px)').matches) closePanel(); jumpTo(guild?.id ?? null, m.channel_id, m.id); }} />;
                if (m.channel_id === channel) return [card];
                channel = m.channel_id;
                return [<li key={`in-${m.id}`} class="card-place">#{guild?.channels.value.get(channel)?.name ?? channel}</li>, card];
            })}
        </ul>
    );
}

export function SearchPanel({ scope }: { scope: Scope }) {
    const { found, note, busy, start, more } = useSearch(scope);
    return (
        <Panel title={text.search.title}>
            <Box scope={scope} onSearch={start} />
            <p class="hint" role="status">{note ?? (found ? text.search.count(found.total) : busy ? text.search.busy : '')}</p>
            {found && <Results scope={scope} found={found} />}
            {found && found.list.length < found.total && <button type="button" disabled={busy} onClick={more}>{text.search.more(Math.min(PAGE, found.total - found.list.length))}</button>}
        </Panel>
    );
}
