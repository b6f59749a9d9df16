// The frame of what opens at the right in the place of the members: search and pins.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { closePanel } from '../store/view';
import { text } from '../text';
import { IconButton } from './icons';

export function Panel({ title, children }: { title: string; children: ComponentChildren }) {
    const box = useRef<HTMLElement>(null);
    useEffect(() => {
        const before = document.activeElement;
        (box.current!.querySelector<HTMLElement>('input') ?? box.current)!.focus();
        return () => before instanceof HTMLElement && before.isConnected && before.focus();
    }, []);
    return (
        <aside
            ref={box}
            class="members panel"
            aria-label={title}
            tabIndex={-1}
            data-keys
            onKeyDown={(e) => {
                if (e.key !== 'Escape' || e.defaultPrevented) return;
                e.stopPropagation();
                closePanel();
            }}
        >
            <header>
                <h2>{title}</h2>
                <IconButton icon="close" label={text.common.close} onClick={closePanel} />
            </header>
            {children}
        </aside>
    );
}
