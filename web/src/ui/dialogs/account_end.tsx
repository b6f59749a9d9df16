// Leaving this Hubbub: for a while, or for good. The password proves who asks, and the second factor where there is one.
import { deleteMe, disableMe } from '../../api/routes';
import { me } from '../../store/me';
import { leaveAccount } from '../../store/session';
import { tell } from '../../store/view';
import { text } from '../../text';
import { closeDialog, Dialog } from './dialog';
import { Form } from './form';

export type AccountEnd = 'disable' | 'remove';
const ACTS = { disable: disableMe, remove: deleteMe };

export function AccountEndDialog({ act }: { act: AccountEnd }) {
    const t = text.account.ends[act];
    return (
        <Dialog title={t.title}>
            <Form label={t.title} danger extra={<button type="button" onClick={closeDialog}>{text.common.cancel}</button>} onSubmit={async (get) => {
                await leaveAccount(ACTS[act](get('password'), get('code') || null));
                tell(t.done);
            }}>
                <p>{t.sure}</p>
                <label class="field"><span>{text.account.password}</span><input name="password" type="password" required maxLength={72} autofocus autoComplete="current-password" /></label>
                {me.value?.mfa_enabled && <label class="field"><span>{text.secondFactor.code}</span><input name="code" required maxLength={32} autoComplete="one-time-code" /></label>}
            </Form>
        </Dialog>
    );
}
