import { editMe } from '../../api/routes';
import { me } from '../../store/me';
import { canNotify, notifying, setNotifying } from '../../store/notify';
import { myStatus, type Chosen } from '../../store/presence';
import { setStatus, signOut } from '../../store/session';
import { compact, setCompact, setTheme, tell, theme, type Theme } from '../../store/view';
import { text } from '../../text';
import { closeDialog, Dialog } from './dialog';
import { Form } from './form';

const STATUSES: Chosen[] = ['online', 'idle', 'dnd', 'invisible'];

export function Settings() {
    return (
        <Dialog title={text.settings.title}>
            <Form label={text.settings.save} onSubmit={async (get) => { await editMe({ global_name: get('name') || null }); tell(text.settings.save); closeDialog(); }}>
                <label class="field"><span>{text.settings.displayName}</span><input name="name" maxLength={32} defaultValue={me.value?.global_name ?? ''} placeholder={me.value?.username} autoComplete="off" /></label>
            </Form>
            <hr />
            <div class="form">
                <label class="field"><span>{text.settings.status}</span>
                    <select onChange={(e) => setStatus(e.currentTarget.value as Chosen)}>{STATUSES.map((s) => <option value={s} selected={s === myStatus.value}>{text.members.status[s]}</option>)}</select>
                </label>
                <fieldset>
                    <legend>{text.settings.theme}</legend>
                    {Object.entries(text.settings.themes).map(([key, label]) => (
                        <label class="choice"><input type="radio" name="theme" checked={theme.value === key} onChange={() => setTheme(key as Theme)} /> {label}</label>
                    ))}
                </fieldset>
                <label class="choice"><input type="checkbox" checked={compact.value} onChange={(e) => setCompact(e.currentTarget.checked)} /> {text.settings.compact}</label>
                {canNotify && <label class="choice"><input type="checkbox" checked={notifying.value} onChange={(e) => void setNotifying(e.currentTarget.checked)} /> {text.settings.notify}</label>}
                <footer><button type="button" class="danger" onClick={() => { closeDialog(); void signOut(); }}>{text.settings.signOut}</button></footer>
            </div>
        </Dialog>
    );
}
