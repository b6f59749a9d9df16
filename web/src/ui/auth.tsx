import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../api/client';
import { lookAtInvite } from '../api/routes';
import { finishSignIn, signIn, signUp } from '../store/session';
import { invited } from '../store/view';
import { reason, text } from '../text';

interface FieldProps {
    name: string;
    label: string;
    type?: 'text' | 'password' | 'date';
    autocomplete: string;
    hint?: string;
    error?: string;
    minLength?: number;
    maxLength?: number;
}
function Field(p: FieldProps) {
    const described = p.error ? `${p.name}-error` : p.hint ? `${p.name}-hint` : undefined;
    return (
        <label class="field">
            <span>{p.label}</span>
            <input name={p.name} type={(p.type ?? 'text') as 'text'} required autoComplete={p.autocomplete} minLength={p.minLength} maxLength={p.maxLength} aria-invalid={!!p.error} aria-describedby={described} autoCapitalize="none" spellcheck={false} />
            {p.error ? <small id={`${p.name}-error`} class="error" role="alert">{p.error}</small> : p.hint && <small id={`${p.name}-hint`}>{p.hint}</small>}
        </label>
    );
}

function useInviteName(): string | null {
    const [name, setName] = useState<string | null>(null);
    const code = invited.value;
    useEffect(() => {
        if (code) lookAtInvite(code).then((i) => setName(i.guild?.name ?? null), () => {});
    }, [code]);
    return name;
}

export function Auth() {
    const [fresh, setFresh] = useState(!!invited.value);
    const [busy, setBusy] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const [ticket, setTicket] = useState<string | null>(null);
    const guild = useInviteName();
    const fieldError = (name: string): string | undefined => (error instanceof ApiError ? error.field(name) : undefined);
    const anyField = ['username', 'password', 'date_of_birth', 'login', 'code'].some(fieldError);
    const message = error instanceof ApiError && !fresh && error.status < 429 ? (ticket ? text.secondFactor.wrong : text.auth.wrong) : error ? reason(error) : null;

    const submit = async (e: Event): Promise<void> => {
        e.preventDefault();
        const form = new FormData(e.currentTarget as HTMLFormElement);
        const get = (name: string): string => String(form.get(name) ?? '');
        setBusy(true);
        setError(null);
        try {
            if (fresh) await signUp(get('username'), get('password'), get('date_of_birth'));
            else if (ticket) await finishSignIn(ticket, get('code'));
            else {
                setTicket(await signIn(get('login'), get('password')));
                setBusy(false);
            }
        } catch (e) {
            setError(e);
            setBusy(false);
        }
    };
    return (
        <main class="auth">
            <form class="card" onSubmit={submit} key={ticket ?? String(fresh)}>
                <h1>{fresh ? text.auth.welcome : text.auth.welcomeBack}</h1>
                {guild && <p class="hint">{text.auth.invited(guild)}</p>}
                {ticket ? (
                    <Field name="code" label={text.secondFactor.code} autocomplete="one-time-code" maxLength={16} hint={text.secondFactor.codeHint} error={fieldError('code')} />
                ) : fresh ? (
                    <>
                        <Field name="username" label={text.auth.user} autocomplete="username" minLength={2} maxLength={32} error={fieldError('username')} />
                        <Field name="password" label={text.auth.password} type="password" autocomplete="new-password" minLength={8} maxLength={72} hint={text.auth.passwordHint} error={fieldError('password')} />
                        <Field name="date_of_birth" label={text.auth.birth} type="date" autocomplete="bday" error={fieldError('date_of_birth')} />
                    </>
                ) : (
                    <>
                        <Field name="login" label={text.auth.userOrMail} autocomplete="username" maxLength={254} error={fieldError('login')} />
                        <Field name="password" label={text.auth.password} type="password" autocomplete="current-password" maxLength={72} error={fieldError('password')} />
                    </>
                )}
                {message && !anyField && <p class="error" role="alert">{message}</p>}
                <button class="primary" disabled={busy}>{fresh ? text.auth.signUp : text.auth.signIn}</button>
                <button type="button" class="link" onClick={() => { setError(null); setTicket(null); setFresh(!fresh); }}>{fresh ? text.auth.toSignIn : text.auth.toSignUp}</button>
            </form>
        </main>
    );
}
