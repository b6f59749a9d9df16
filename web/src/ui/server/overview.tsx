import { deleteGuild, editGuild } from '../../api/routes';
import { textChannelsOf, type Guild } from '../../store/guilds';
import { me } from '../../store/me';
import { openHome, tell } from '../../store/view';
import { reason, text } from '../../text';
import { confirm } from '../dialogs/confirm';
import { closeDialog } from '../dialogs/dialog';
import { Form } from '../dialogs/form';
import { GuildFace } from '../guild_face';
import { PickImage } from '../pick_image';

const NO_JOINS = 1; // bit of system_channel_flags

async function remove(guild: Guild): Promise<void> {
    if (!(await confirm(text.guild.remove, text.guild.sureRemove(guild.name.value)))) return;
    try {
        await deleteGuild(guild.id);
        closeDialog();
        openHome();
    } catch (e) {
        tell(reason(e));
    }
}

export function Overview({ guild }: { guild: Guild }) {
    const t = text.server;
    const info = guild.info.value;
    const flags = info.system_channel_flags ?? 0;
    const choices = (list: string[], now: number | undefined) => list.map((label, n) => <option value={n} selected={n === (now ?? 0)}>{label}</option>);
    return (
        <>
            <div class="profile-preview"><GuildFace guild={guild} size={72} /><span><strong>{guild.name.value}</strong><small>{text.guild.members(guild.memberCount.value)}</small></span><PickImage has={!!info.icon} label={text.images.icon} onPick={(icon) => editGuild(guild.id, { icon })} /></div>
            <Form label={text.settings.save} onSubmit={async (get) => {
                await editGuild(guild.id, {
                    name: get('name'),
                    description: get('description') || null,
                    system_channel_id: get('system') || null,
                    system_channel_flags: get('joins') ? flags & ~NO_JOINS : flags | NO_JOINS,
                    verification_level: Number(get('verification')),
                    default_message_notifications: Number(get('notifications')),
                });
                tell(text.settings.saved);
            }}>
                <label class="field"><span>{text.guild.name}</span><input name="name" required minLength={2} maxLength={100} defaultValue={guild.name.value} autoComplete="off" /></label>
                <label class="field"><span>{t.description}</span><textarea name="description" rows={2} maxLength={300} defaultValue={info.description ?? ''} /></label>
                <label class="field"><span>{t.systemChannel}</span>
                    <select name="system">
                        <option value="">{t.noSystemChannel}</option>
                        {textChannelsOf(guild).map((c) => <option value={c.id} selected={c.id === info.system_channel_id}>#{c.name}</option>)}
                    </select>
                </label>
                <label class="choice"><input type="checkbox" name="joins" value="yes" defaultChecked={!(flags & NO_JOINS)} /> {t.greet}</label>
                <label class="field"><span>{t.verification}</span><select name="verification">{choices(t.verifications, info.verification_level)}</select></label>
                <label class="field"><span>{t.notifications}</span><select name="notifications">{choices(text.quiet.levels.slice(0, 2), info.default_message_notifications)}</select></label>
            </Form>
            {guild.ownerId.value === me.value?.id && (
                <div class="danger-zone"><h4>{text.guild.remove}</h4><p class="hint">{text.guild.removeHint}</p><button type="button" class="primary danger" onClick={() => void remove(guild)}>{text.guild.remove}</button></div>
            )}
        </>
    );
}
