// One thing at a time that floats beside what opened it: pickers, menus, profiles. Escape or a press elsewhere closes it, and
// focus goes back to where it came from.
import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

interface Shown {
    anchor: Element;
    label: string;
    role: 'menu' | 'dialog';
    content: () => ComponentChildren;
}
const shown = signal<Shown | null>(null);
const GAP = 8;

export function openPopover(anchor: Element, label: string, content: () => ComponentChildren, role: Shown['role'] = 'dialog'): void {
    shown.value = shown.value?.anchor === anchor ? null : { anchor, label, role, content };
}
export function closePopover(refocus = true): void {
    const anchor = shown.value?.anchor;
    shown.value = null;
    if (refocus && anchor instanceof HTMLElement && anchor.isConnected) anchor.focus();
}

function place(box: HTMLElement, anchor: Element): void {
    const a = anchor.getBoundingClientRect();
    const { offsetWidth: w, offsetHeight: h } = box;
    const left = a.left + w + GAP > innerWidth ? Math.max(GAP, Math.min(a.right - w, innerWidth - w - GAP)) : a.left;
    const below = a.bottom + GAP + h <= innerHeight;
    const top = below ? a.bottom + GAP : Math.max(GAP, a.top - h - GAP);
    box.style.left = `${left}px`;
    box.style.top = `${top}px`;
}

function walkMenu(e: KeyboardEvent, box: HTMLElement): void {
    const items = [...box.querySelectorAll<HTMLElement>('[role^=menuitem]')];
    const step = e.key === 'ArrowDown' ? 1 : e.key === 'ArrowUp' ? -1 : 0;
    if (!items.length || !step) return;
    e.preventDefault();
    const at = items.indexOf(document.activeElement as HTMLElement);
    items[(at + step + items.length) % items.length]?.focus();
}

export function Popover() {
    const box = useRef<HTMLDivElement>(null);
    const now = shown.value;
    useLayoutEffect(() => {
        if (!now || !box.current) return;
        place(box.current, now.anchor);
        (box.current.querySelector<HTMLElement>('[autofocus], button, input, a') ?? box.current).focus({ preventScroll: true });
    }, [now]);
    useEffect(() => {
        if (!now) return;
        const press = (e: PointerEvent): void => {
            const target = e.target as Element;
            if (!box.current?.contains(target) && !now.anchor.contains(target)) closePopover(false);
        };
        const resize = (): void => closePopover(false);
        document.addEventListener('pointerdown', press, true);
        window.addEventListener('resize', resize);
        return () => {
            document.removeEventListener('pointerdown', press, true);
            window.removeEventListener('resize', resize);
        };
    }, [now]);
    if (!now) return null;
    return (
        <div
            ref={box}
            class="popover"
            role={now.role}
            aria-label={now.label}
            tabIndex={-1}
            onKeyDown={(e) => {
                if (e.key === 'Escape') {
                    e.stopPropagation();
                    closePopover();
                } else walkMenu(e, e.currentTarget);
            }}
        >
            {now.content()}
        </div>
    );
}

export interface MenuItem {
    label: string;
    danger?: boolean;
    dot?: string; // a status shown before it
    checked?: boolean;
    onPick(): void;
}
export function openMenu(anchor: Element, label: string, items: (MenuItem | false | null | undefined)[]): void {
    const shownItems = items.filter((i): i is MenuItem => !!i);
    openPopover(
        anchor,
        label,
        () =>
            shownItems.map((item) => (
                <button
                    type="button"
                    role={item.checked === undefined ? 'menuitem' : 'menuitemradio'}
                    aria-checked={item.checked}
                    class={item.danger ? 'menu-item danger' : 'menu-item'}
                    onClick={() => {
                        closePopover();
                        item.onPick();
                    }}
                >
                    {item.dot && <span class={`dot dot-${item.dot} in-menu`} />}
                    {item.label}
                </button>
            )),
        'menu',
    );
}
