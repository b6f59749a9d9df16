// A view over everything, with sections at its side: settings of a server, of a channel, of oneself. No <dialog>: menus open
// above it, and a modal one would make them inert.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { text } from '../text';
import { closeDialog } from './dialogs/dialog';
import { IconButton } from './icons';

export interface Section {
    key: string;
    label: string;
    draw: () => ComponentChildren;
}

// at: the section that is to be shown now, whatever was chosen; onOpen: one was chosen.
export function Screen(p: { title: string; sections: (Section | false)[]; footer?: ComponentChildren; at?: string; onOpen?: () => void }) {
    const element = useRef<HTMLDivElement>(null);
    const sections = p.sections.filter((s): s is Section => !!s);
    const [at, setAt] = useState(sections[0]?.key);
    useEffect(() => {
        if (p.at) setAt(p.at);
    }, [p.at]);
    const now = sections.find((s) => s.key === at) ?? sections[0];
    useEffect(() => {
        const before = document.activeElement;
        const behind = document.querySelector<HTMLElement>('.shell');
        const press = (e: KeyboardEvent): void => {
            if (e.key === 'Escape' && !e.defaultPrevented && !document.querySelector('dialog[open]')) closeDialog();
        };
        behind?.toggleAttribute('inert', true);
        document.addEventListener('keydown', press);
        element.current!.querySelector<HTMLElement>('button[aria-current]')?.focus();
        return () => {
            behind?.toggleAttribute('inert', false);
            document.removeEventListener('keydown', press);
            if (before instanceof HTMLElement && before.isConnected) before.focus();
        };
    }, []);
    if (!now) return null;
    return (
        <div ref={element} class="screen" role="dialog" aria-modal="true" aria-label={p.title}>
            <nav class="screen-nav" aria-label={p.title}>
                <h2>{p.title}</h2>
                <div class="screen-sections">
                    {sections.map((s) => (
                        <button key={s.key} type="button" aria-current={s === now ? 'page' : undefined} onClick={() => { setAt(s.key); p.onOpen?.(); }}>{s.label}</button>
                    ))}
                    {p.footer}
                </div>
            </nav>
            <section class="screen-body" aria-label={now.label}>
                <header><h3>{now.label}</h3></header>
                <div key={now.key}>{now.draw()}</div>
            </section>
            <IconButton icon="close" class="screen-close round" label={text.common.close} onClick={closeDialog} />
        </div>
    );
}

// What a section reads when it opens; again() reads anew.
export function useRead<T>(read: () => Promise<T>, keys: unknown[]): { value: T | undefined; error: unknown; again: () => void } {
    const [value, setValue] = useState<T>();
    const [error, setError] = useState<unknown>(null);
    const run = useRef(0);
    const again = (): void => {
        const mine = ++run.current;
        read().then((v) => mine === run.current && (setValue(v), setError(null)), (e: unknown) => mine === run.current && setError(e));
    };
    useEffect(() => {
        again();
        return () => void run.current++;
    }, keys);
    return { value, error, again };
}
