// All that is one's own, as one file: asked for by the password, made in the background, fetched when it is ready.
import { useEffect } from 'preact/hooks';
import { lookAtExport, requestExport } from '../../api/routes';
import { me } from '../../store/me';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { Form } from '../dialogs/form';
import { sizeOf } from '../files';
import { useRead } from '../screen';
import { fullTime } from '../time';

const LOOK_MS = 2000;
const DAY_MS = 86_400_000; // between two

// A link is good for an hour: a fresh one each time.
async function fetchFile(): Promise<void> {
    const now = await lookAtExport();
    if (!now?.url) return;
    const link = Object.assign(document.createElement('a'), { href: now.url, download: 'hubbub.json' });
    link.click();
}

export function DataExport() {
    const { value: made, error, again } = useRead(lookAtExport, []);
    const t = text.account.export;
    const pending = made?.state === 'pending';
    useEffect(() => {
        const timer = pending && setInterval(again, LOOK_MS);
        return () => void (timer && clearInterval(timer));
    }, [pending]);
    const mayAsk = error === null && (!made || (!pending && Date.parse(made.created_at) < Date.now() - DAY_MS));
    return (
        <div class="form">
            <h4>{t.title}</h4>
            <p class="hint">{t.hint}</p>
            {error !== null && <p class="error" role="alert">{reason(error)}</p>}
            {pending && <p role="status">{t.pending(made.messages)}</p>}
            {made?.state === 'ready' && (
                <p class="row">
                    <button type="button" class="primary" onClick={() => void fetchFile().catch((e: unknown) => tell(reason(e)))}>{t.download(sizeOf(made.size))}</button>
                    <span class="hint">{t.until(fullTime(Date.parse(made.expires_at)))}</span>
                </p>
            )}
            {mayAsk && (
                <Form label={t.ask} onSubmit={async (get) => { await requestExport(get('password'), get('code') || null); again(); }}>
                    <label class="field"><span>{text.account.password}</span><input name="password" type="password" required maxLength={72} autoComplete="current-password" /></label>
                    {me.value?.mfa_enabled && <label class="field"><span>{text.secondFactor.code}</span><input name="code" required maxLength={32} autoComplete="one-time-code" /></label>}
                </Form>
            )}
        </div>
    );
}
