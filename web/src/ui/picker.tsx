// The emoji picker: a search box and a grid that arrow keys walk.
import { useState } from 'preact/hooks';
import { load, save } from '../store/storage';
import { text } from '../text';
import { EMOJI, findEmoji, QUICK, type Emoji } from './emoji';
import { closePopover, openPopover } from './popover';

const RECENT_MAX = 16;
const recent = (): string[] => load('recent-emoji', QUICK);
function remember(char: string): void {
    save('recent-emoji', [char, ...recent().filter((c) => c !== char)].slice(0, RECENT_MAX));
}

function walk(e: KeyboardEvent & { currentTarget: HTMLElement }): void {
    const buttons = [...e.currentTarget.querySelectorAll<HTMLElement>('.emoji-grid button')];
    const at = buttons.indexOf(document.activeElement as HTMLElement);
    const columns = 8;
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: at < 0 ? 1 : columns, ArrowUp: -columns }[e.key];
    if (!by || (at < 0 && e.key !== 'ArrowDown')) return;
    e.preventDefault();
    if (at + by < 0) e.currentTarget.querySelector('input')?.focus();
    else buttons[Math.min(buttons.length - 1, at + by)]?.focus();
}

function Picker({ onPick }: { onPick: (char: string) => void }) {
    const [query, setQuery] = useState('');
    const found = findEmoji(query);
    const pick = (char: string): void => {
        remember(char);
        closePopover();
        onPick(char);
    };
    const grid = (list: Emoji[]) => (
        <div class="emoji-grid">
            {list.map((e) => (
                <button type="button" aria-label={e.words[0]?.replaceAll('_', ' ') ?? e.char} title={`:${e.words[0]}:`} onClick={() => pick(e.char)}>
                    {e.char}
                </button>
            ))}
        </div>
    );
    const often = recent().map((char) => EMOJI.find((e) => e.char === char) ?? { char, words: [] });
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
                    if (e.key === 'Enter' && found[0]) {
                        e.preventDefault();
                        pick(found[0].char);
                    }
                }}
            />
            <div class="picker-scroll">
                {!query && <h3>{text.picker.recent}</h3>}
                {!query && grid(often)}
                {!query && <h3>{text.picker.label}</h3>}
                {found.length ? grid(found) : <p class="hint">{text.picker.none}</p>}
            </div>
        </div>
    );
}

export function openPicker(anchor: Element, onPick: (char: string) => void): void {
    openPopover(anchor, text.picker.label, () => <Picker onPick={onPick} />);
}
