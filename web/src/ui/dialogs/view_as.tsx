// Looks at the server as somebody with one role would.
import { rolesOf } from '../../store/guilds';
import { viewAs } from '../../store/permissions';
import { currentGuild } from '../../store/view';
import { text } from '../../text';
import { closeDialog, Dialog } from './dialog';
import { Form } from './form';

export function ViewAs() {
    const guild = currentGuild.value;
    if (!guild) return null;
    return (
        <Dialog title={text.viewAs.title}>
            <p class="hint">{text.viewAs.hint}</p>
            <Form label={text.viewAs.start} onSubmit={async (get) => {
                const role = guild.roles.value.get(get('role'));
                viewAs.value = { guild: guild.id, roles: role && role.id !== guild.id ? [role.id] : [], name: role?.name ?? '' };
                closeDialog();
            }}>
                <label class="field"><span>{text.viewAs.role}</span><select name="role" autofocus>{rolesOf(guild).map((r) => <option value={r.id}>{r.name}</option>)}</select></label>
            </Form>
        </Dialog>
    );
}
