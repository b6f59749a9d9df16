// The frame of all dialogs: <dialog> keeps focus inside and closes on Escape.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { dialog } from '../../store/view';
import { text } from '../../text';
import { IconButton } from '../icons';

export const closeDialog = (): void => {
    dialog.value = null;
};

export function Dialog(p: { title: string; onClose?: () => void; class?: string; children: ComponentChildren }) {
    const element = useRef<HTMLDialogElement>(null);
    const close = p.onClose ?? closeDialog;
    useEffect(() => {
        const before = document.activeElement;
        if (!element.current!.open) element.current!.showModal();
        return () => before instanceof HTMLElement && before.isConnected && before.focus();
    }, []);
    return (
        <dialog ref={element} class={`dialog ${p.class ?? ''}`} aria-label={p.title} onClose={close} onMouseDown={(e) => e.target === e.currentTarget && close()}>
            <div class="dialog-box">
                <header>
                    <h2>{p.title}</h2>
                    <IconButton icon="close" label={text.common.close} onClick={close} />
                </header>
                {p.children}
            </div>
        </dialog>
    );
}
