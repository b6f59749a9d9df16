// How I am shown to others: the menu at my name, and the words that go with it.
import type { CustomStatus } from '../../api/types';
import { me } from '../../store/me';
import { myStatus, type Chosen } from '../../store/presence';
import { setStatus, tellStatus } from '../../store/session';
import { customStatus, saveSettings } from '../../store/settings';
import { dialog, tell } from '../../store/view';
import { reason, text } from '../../text';
import { closeDialog, Dialog } from '../dialogs/dialog';
import { Form } from '../dialogs/form';
import { openMenu } from '../popover';
import { openProfile } from '../profile';

const STATUSES: Chosen[] = ['online', 'idle', 'dnd', 'invisible'];
const attempt = (work: Promise<unknown>): void => void work.catch((e: unknown) => tell(reason(e)));

export async function saveCustom(custom: CustomStatus | null): Promise<void> {
    await saveSettings({ custom_status: custom });
    tellStatus();
}

export function statusMenu(anchor: Element): void {
    openMenu(anchor, text.settings.status, [
        ...STATUSES.map((s) => ({
            label: text.members.status[s]!,
            dot: s,
            checked: myStatus.value === s,
            onPick: () => { setStatus(s); attempt(saveSettings({ status: s })); },
        })),
        { label: customStatus.value ? text.status.edit : text.status.set, onPick: () => (dialog.value = { name: 'status' }) },
        customStatus.value && { label: text.status.clear, onPick: () => attempt(saveCustom(null)) },
        { label: text.status.profile, onPick: () => openProfile(me.value!.id, anchor) },
    ]);
}

export function StatusDialog() {
    const now = customStatus.value;
    return (
        <Dialog title={text.status.set}>
            <Form label={text.settings.save} onSubmit={async (get) => {
                const seconds = Number(get('for'));
                const words = get('text');
                const emoji = get('emoji');
                await saveCustom(words || emoji ? { text: words || null, emoji_id: null, emoji_name: emoji || null, expires_at: seconds ? new Date(Date.now() + seconds * 1000).toISOString() : null } : null);
                closeDialog();
            }}>
                <div class="row">
                    <label class="field short"><span>{text.status.emoji}</span><input name="emoji" maxLength={16} autoComplete="off" defaultValue={now?.emoji_name ?? ''} placeholder="🙂" /></label>
                    <label class="field"><span>{text.status.text}</span><input name="text" maxLength={128} autofocus autoComplete="off" defaultValue={now?.text ?? ''} placeholder={text.status.example} /></label>
                </div>
                <label class="field"><span>{text.status.until}</span><select name="for">{text.status.times.map(([n, l]) => <option value={n}>{l}</option>)}</select></label>
            </Form>
        </Dialog>
    );
}
