// The emoji picker: a search box and grids that arrow keys walk: what is used often, the servers' own, Unicode's.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { usableIn, type Usable } from '../store/emojis';
import { load, save } from '../store/storage';
import { text } from '../text';
import { CustomEmoji } from './custom_emoji';
import { EMOJI, findEmoji, QUICK, type Emoji } from './emoji';
import { closePopover, openPopover } from './popover';

export interface Picked {
    typed: string; // as it stands in a text box
    reaction: string; // as a reaction's route names it
}
interface Choice extends Picked {
    name: string;
    face: ComponentChildren;
    keep: string; // among those used often
}
const RECENT_MAX = 16;
const CUSTOM_MAX = 400; // drawn without a search
const recent = (): string[] => load('recent-emoji', QUICK);
function remember(keep: string): void {
    save('recent-emoji', [keep, ...recent().filter((c) => c !== keep)].slice(0, RECENT_MAX));
}

const plain = (e: Emoji): Choice => ({ typed: e.char, reaction: e.char, keep: e.char, face: e.char, name: e.words[0] ?? e.char });
const custom = ({ emoji: e, key }: Usable): Choice => ({
    typed: `:${key}: `, reaction: `${e.name}:${e.id}`, keep: e.id, name: key, face: <CustomEmoji id={e.id} name={key} animated={e.animated} lazy />,
});
// Those used often, without what is not there any more, or not here.
function often(usable: Usable[]): Choice[] {
    const known = new Map(usable.map((u) => [u.emoji.id, u]));
    return recent().flatMap((keep) => {
        if (known.has(keep)) return [custom(known.get(keep)!)];
        return /^\d{5,}$/.test(keep) ? [] : [plain(EMOJI.find((e) => e.char === keep) ?? { char: keep, words: [] })];
    });
}

// To the sides by one, up and down to what stands there.
function walk(e: KeyboardEvent & { currentTarget: HTMLElement }): void {
    const buttons = [...e.currentTarget.querySelectorAll<HTMLElement>('.emoji-grid button')];
    const from = buttons.indexOf(document.activeElement as HTMLElement);
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[e.key];
    if (!by || (from < 0 && e.key !== 'ArrowDown')) return;
    e.preventDefault();
    const search = e.currentTarget.querySelector('input');
    if (from < 0) return buttons[0]?.focus();
    if (e.key === 'ArrowLeft' || e.key === 'ArrowRight') return (buttons[from + by] ?? (by < 0 ? search : buttons[from]))?.focus();
    const at = buttons[from]!.getBoundingClientRect();
    const beyond = (by > 0 ? buttons.slice(from + 1) : buttons.slice(0, from).reverse()).map((b) => ({ b, r: b.getBoundingClientRect() })).filter(({ r }) => (by > 0 ? r.top >= at.bottom - 1 : r.bottom <= at.top + 1));
    const row = beyond.filter(({ r }) => Math.abs(r.top - beyond[0]!.r.top) < 2).sort((a, b) => Math.abs(a.r.left - at.left) - Math.abs(b.r.left - at.left));
    (row[0]?.b ?? (by < 0 ? search : null))?.focus();
}

function sectionsOf(usable: Usable[], query: string): { title: string; list: Choice[] }[] {
    const q = query.toLowerCase().replaceAll(':', '').trim();
    const found = q ? usable.filter((u) => u.key.toLowerCase().includes(q)) : usable.slice(0, CUSTOM_MAX);
    const ofServers = [...new Set(found.map((u) => u.guild))].map((g) => ({ title: g.name.value, list: found.filter((u) => u.guild === g).map(custom) }));
    return [...(q ? [] : [{ title: text.picker.recent, list: often(usable) }]), ...ofServers, { title: text.picker.label, list: findEmoji(query).map(plain) }].filter((s) => s.list.length);
}

function Picker({ channel, onPick }: { channel: string; onPick: (e: Picked) => void }) {
    const [query, setQuery] = useState('');
    const sections = sectionsOf(usableIn(channel), query);
    const pick = (choice: Choice): void => {
        remember(choice.keep);
        closePopover();
        onPick(choice);
    };
    return (
        <div class="picker" onKeyDown={walk as never}>
            <input
                type="search"
                autofocus
                aria-label={text.picker.search}
                placeholder={text.picker.search}
                value={query}
                onInput={(e) => setQuery(e.currentTarget.value)}
                onKeyDown={(e) => {
                    const first = sections[0]?.list[0];
                    if (e.key !== 'Enter' || !first) return;
                    e.preventDefault();
                    pick(first);
                }}
            />
            <div class="picker-scroll">
                {sections.map((s) => (
                    <section key={s.title} aria-label={s.title}>
                        <h3>{s.title}</h3>
                        <div class="emoji-grid">
                            {s.list.map((c) => (
                                <button key={c.keep} type="button" aria-label={c.name.replaceAll('_', ' ')} title={`:${c.name}:`} onClick={() => pick(c)}>{c.face}</button>
                            ))}
                        </div>
                    </section>
                ))}
                {!sections.length && <p class="hint">{text.picker.none}</p>}
            </div>
        </div>
    );
}

export function openPicker(anchor: Element, channel: string, onPick: (e: Picked) => void): void {
    openPopover(anchor, text.picker.label, () => <Picker channel={channel} onPick={onPick} />);
}
