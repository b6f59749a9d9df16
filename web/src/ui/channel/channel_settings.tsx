import { deleteChannel, editChannel } from '../../api/routes';
import { ChannelType, type Channel } from '../../api/types';
import { findChannel } from '../../store/directs';
import { guildOf } from '../../store/guilds';
import { mayIn, Permission } from '../../store/permissions';
import { tell } from '../../store/view';
import { text } from '../../text';
import { confirm } from '../dialogs/confirm';
import { closeDialog } from '../dialogs/dialog';
import { Form } from '../dialogs/form';
import { Screen } from '../screen';
import { Overwrites } from './overwrites';

function Overview({ channel }: { channel: Channel }) {
    const written = channel.type === ChannelType.Text;
    const remove = async (): Promise<void> => {
        if (!(await confirm(text.channel.remove, text.channel.sureRemove(channel.name)))) return;
        await deleteChannel(channel.id);
        closeDialog();
    };
    return (
        <>
            <Form label={text.settings.save} onSubmit={async (get) => {
                await editChannel(channel.id, { name: get('name'), ...(written && { topic: get('topic') || null, rate_limit_per_user: Number(get('slow')), nsfw: !!get('nsfw') }) });
                tell(text.settings.saved);
            }}>
                <label class="field"><span>{text.channel.name}</span><input name="name" required maxLength={100} defaultValue={channel.name} autoComplete="off" /></label>
                {written && (
                    <>
                        <label class="field"><span>{text.channel.topic}</span><textarea name="topic" rows={3} maxLength={1024} defaultValue={channel.topic ?? ''} /></label>
                        <label class="field"><span>{text.channel.slow}</span><select name="slow">{text.channel.slows.map(([n, l]) => <option value={n} selected={n === (channel.rate_limit_per_user ?? 0)}>{l}</option>)}</select></label>
                        <label class="choice"><input type="checkbox" name="nsfw" value="yes" defaultChecked={channel.nsfw} /> {text.channel.nsfw}</label>
                    </>
                )}
            </Form>
            <div class="danger-zone"><h4>{text.channel.remove}</h4><button type="button" class="primary danger" onClick={() => void remove()}>{text.channel.remove}</button></div>
        </>
    );
}

export function ChannelSettings({ id }: { id: string }) {
    const channel = findChannel(id);
    const guild = guildOf(id);
    if (!channel || !guild) return null;
    return (
        <Screen title={channel.type === ChannelType.Category ? channel.name : `#${channel.name}`} sections={[
            { key: 'overview', label: text.server.sections.overview, draw: () => <Overview channel={channel} /> },
            mayIn(id, Permission.ManageRoles) && { key: 'permissions', label: text.permissions.title, draw: () => <Overwrites guild={guild} channel={channel} /> },
        ]} />
    );
}
