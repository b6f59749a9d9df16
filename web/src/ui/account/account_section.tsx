import { editMe, resendVerification } from '../../api/routes';
import { me } from '../../store/me';
import { changeToken } from '../../store/session';
import { dialog, tell } from '../../store/view';
import { reason, text } from '../../text';
import { Form } from '../dialogs/form';
import { DataExport } from './data_export';
import { SecondFactor } from './second_factor';

function Unconfirmed() {
    const send = (): void => void resendVerification().then(() => tell(text.account.resent), (e: unknown) => tell(reason(e)));
    return <p class="warning">{text.account.unconfirmed} <button type="button" class="link" onClick={send}>{text.account.resend}</button></p>;
}

export function AccountSection() {
    const user = me.value!;
    const t = text.account;
    return (
        <>
            <Form label={text.settings.save} onSubmit={async (get) => {
                const email = get('email') || null;
                me.value = { ...user, ...(await editMe({ password: get('password'), ...(get('username') !== user.username && { username: get('username') }), ...(email !== (user.email ?? null) && { email }) })) };
                tell(text.settings.saved);
            }}>
                <h4>{t.names}</h4>
                <label class="field"><span>{text.auth.user}</span><input name="username" required minLength={2} maxLength={32} defaultValue={user.username} autoComplete="username" autoCapitalize="none" spellcheck={false} /></label>
                <label class="field"><span>{t.email}</span><input name="email" type="email" maxLength={254} defaultValue={user.email ?? ''} autoComplete="email" /></label>
                {user.email && user.verified === false && <Unconfirmed />}
                <label class="field"><span>{t.password}</span><input name="password" type="password" required maxLength={72} autoComplete="current-password" /></label>
            </Form>
            <hr />
            <Form label={t.change} onSubmit={async (get) => {
                if (get('new') !== get('again')) throw new Error(t.differ);
                await changeToken(editMe({ password: get('old'), new_password: get('new') }));
                tell(t.changed);
            }}>
                <h4>{t.change}</h4>
                <p class="hint">{t.changeHint}</p>
                <label class="field"><span>{t.password}</span><input name="old" type="password" required maxLength={72} autoComplete="current-password" /></label>
                <label class="field"><span>{t.fresh}</span><input name="new" type="password" required minLength={8} maxLength={72} autoComplete="new-password" /></label>
                <label class="field"><span>{t.again}</span><input name="again" type="password" required minLength={8} maxLength={72} autoComplete="new-password" /></label>
            </Form>
            <hr />
            <SecondFactor />
            <hr />
            <DataExport />
            <div class="danger-zone">
                <h4>{t.leave}</h4>
                <p class="hint">{t.leaveHint}</p>
                <div class="row">
                    {(['disable', 'remove'] as const).map((act) => <button key={act} type="button" class="danger" onClick={() => (dialog.value = { name: 'account-end', argument: act })}>{t.ends[act].title}</button>)}
                </div>
            </div>
        </>
    );
}
