// A second factor: the codes of an authenticator, set up, and taken away.
import { useState } from 'preact/hooks';
import { disableTotp, enableTotp } from '../../api/routes';
import { me } from '../../store/me';
import { changeToken } from '../../store/session';
import { tell } from '../../store/view';
import { text } from '../../text';
import { Form } from '../dialogs/form';

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const SECRET_CHARS = 32; // 160 bits

const newSecret = (): string => [...crypto.getRandomValues(new Uint8Array(SECRET_CHARS))].map((byte) => BASE32[byte & 31]).join('');
const inFours = (s: string): string => s.replace(/(.{4})(?=.)/g, '$1 ');
const linkOf = (secret: string): string => `otpauth://totp/${encodeURIComponent(`${text.name}:${me.value!.username}`)}?secret=${secret}&issuer=${encodeURIComponent(text.name)}`;
const put = (enabled: boolean): void => {
    me.value = { ...me.value!, mfa_enabled: enabled };
};

export function SecondFactor() {
    const [secret] = useState(newSecret);
    const [codes, setCodes] = useState<string[] | null>(null);
    const t = text.secondFactor;
    const code = <label class="field"><span>{t.code}</span><input name="code" required maxLength={16} inputMode="numeric" autoComplete="one-time-code" /></label>;
    if (codes) return <div class="form"><h4>{t.recovery}</h4><p class="hint">{t.recoveryHint}</p><ul class="codes">{codes.map((c) => <li key={c}><code>{c}</code></li>)}</ul></div>;
    if (me.value!.mfa_enabled)
        return (
            <Form label={t.disable} danger onSubmit={async (get) => { await changeToken(disableTotp(get('code'))); put(false); tell(text.settings.saved); }}>
                <h4>{t.title}</h4>
                <p class="good">{t.on}</p>
                {code}
            </Form>
        );
    const enable = async (get: (name: string) => string): Promise<void> => {
        const answer = enableTotp(get('password'), secret, get('code'));
        await changeToken(answer);
        put(true);
        setCodes((await answer).backup_codes.map((c) => c.code));
    };
    return (
        <Form label={t.enable} onSubmit={enable}>
            <h4>{t.title}</h4>
            <p class="hint">{t.hint}</p>
            <p><code class="secret">{inFours(secret)}</code> <a href={linkOf(secret)}>{t.open}</a></p>
            <label class="field"><span>{text.account.password}</span><input name="password" type="password" required maxLength={72} autoComplete="current-password" /></label>
            {code}
        </Form>
    );
}
