// What stands alone on the screen while nobody is in: one card with one form, which says what is wrong with which field.
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { ApiError } from '../../api/client';
import { reason, text } from '../../text';

interface FieldProps {
    name: string;
    label: string;
    type?: 'text' | 'password' | 'date' | 'email';
    autocomplete: string;
    hint?: string;
    error?: string;
    minLength?: number;
    maxLength?: number;
    optional?: boolean;
}
export function Field(p: FieldProps) {
    const described = p.error ? `${p.name}-error` : p.hint ? `${p.name}-hint` : undefined;
    return (
        <label class="field">
            <span>{p.label}</span>
            <input name={p.name} type={(p.type ?? 'text') as 'text'} required={!p.optional} autoComplete={p.autocomplete} minLength={p.minLength} maxLength={p.maxLength} aria-invalid={!!p.error} aria-describedby={described} autoCapitalize="none" spellcheck={false} />
            {p.error ? <small id={`${p.name}-error`} class="error" role="alert">{p.error}</small> : p.hint && <small id={`${p.name}-hint`}>{p.hint}</small>}
        </label>
    );
}

export const CodeField = ({ error }: { error?: string }) => (
    <Field name="code" label={text.secondFactor.code} autocomplete="one-time-code" maxLength={16} hint={text.secondFactor.codeHint} error={error} />
);
export const NewPassword = ({ name = 'password', label = text.auth.password, error }: { name?: 'password' | 'again'; label?: string; error?: string }) => (
    <Field name={name} label={label} type="password" autocomplete="new-password" minLength={8} maxLength={72} hint={name === 'again' ? undefined : text.auth.passwordHint} error={error} />
);

export type Get = (name: string) => string;
export type ErrorOf = (field: string) => string | undefined;
interface CardProps {
    title: string;
    label: string; // of the button
    fields?: string[]; // that show what is wrong with them by themselves
    explain?: (error: unknown) => string | undefined; // in the place of what the server says
    onSubmit: (get: Get) => Promise<unknown>;
    children: (errorOf: ErrorOf) => ComponentChildren;
    more?: ComponentChildren;
}
export function Card(p: CardProps) {
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const errorOf: ErrorOf = (name) => (error instanceof ApiError ? error.field(name) : undefined);
    const submit = async (e: Event): Promise<void> => {
        e.preventDefault();
        const form = new FormData(e.currentTarget as HTMLFormElement);
        setBusy(true);
        setError(null);
        try {
            await p.onSubmit((name) => String(form.get(name) ?? ''));
        } catch (e) {
            setError(e);
        }
        setBusy(false);
    };
    const message = error && !p.fields?.some(errorOf) ? (p.explain?.(error) ?? reason(error)) : null;
    return (
        <main class="auth">
            <form class="card" onSubmit={submit}>
                <h1>{p.title}</h1>
                {p.children(errorOf)}
                {message && <p class="error" role="alert">{message}</p>}
                <button class="primary" disabled={busy}>{p.label}</button>
                {p.more}
            </form>
        </main>
    );
}

// The same without anything to fill in.
export function Told(p: { title: string; busy?: boolean; children: ComponentChildren }) {
    return (
        <main class="auth" aria-busy={p.busy}>
            <div class="card" role={p.busy ? undefined : 'status'}>
                <h1>{p.title}</h1>
                {p.children}
            </div>
        </main>
    );
}
