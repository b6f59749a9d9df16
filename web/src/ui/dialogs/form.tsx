// A form whose submit may be refused: shows why, and is busy meanwhile.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { reason } from '../../text';

export function Form(p: { label: string; onSubmit: (get: (name: string) => string) => Promise<unknown>; children: ComponentChildren; extra?: ComponentChildren; disabled?: boolean; danger?: boolean }) {
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<string | null>(null);
    const submit = async (e: Event): Promise<void> => {
        e.preventDefault();
        const form = new FormData(e.currentTarget as HTMLFormElement);
        setBusy(true);
        setError(null);
        try {
            await p.onSubmit((name) => String(form.get(name) ?? '').trim());
        } catch (e) {
            setError(reason(e));
        }
        setBusy(false);
    };
    return (
        <form onSubmit={submit} class="form">
            {p.children}
            {error && <p class="error" role="alert">{error}</p>}
            <footer>
                {p.extra}
                <button class={p.danger ? 'primary danger' : 'primary'} disabled={busy || p.disabled}>{p.label}</button>
            </footer>
        </form>
    );
}
