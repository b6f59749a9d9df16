import { createChannel, deleteChannel, editChannel } from '../../api/routes';
import { ChannelType } from '../../api/types';
import { findChannel } from '../../store/directs';
import { putIn, sectionsOf } from '../../store/guilds';
import { currentGuild, openChannel } from '../../store/view';
import { text } from '../../text';
import { confirm } from './confirm';
import { closeDialog, Dialog } from './dialog';
import { Form } from './form';

export function ChannelNew({ category }: { category?: string }) {
    const guild = currentGuild.value;
    if (!guild) return null;
    const categories = sectionsOf(guild).flatMap((s) => s.category ?? []);
    return (
        <Dialog title={text.channel.create}>
            <Form label={text.channel.create} onSubmit={async (get) => {
                const type = Number(get('type'));
                const parent = type === ChannelType.Category ? null : get('parent') || null;
                const made = await createChannel(guild.id, { name: get('name'), type, parent_id: parent });
                putIn(guild.channels, made.id, { ...made, guild_id: guild.id }); // the event may come later
                closeDialog();
                if (type === ChannelType.Text) openChannel(guild.id, made.id);
            }}>
                <label class="field"><span>{text.channel.name}</span><input name="name" required maxLength={100} autofocus autoComplete="off" /></label>
                <label class="field"><span>{text.channel.kind}</span>
                    <select name="type">{Object.entries(text.channel.kinds).map(([n, label]) => <option value={n}>{label}</option>)}</select>
                </label>
                <label class="field"><span>{text.channel.category}</span>
                    <select name="parent" defaultValue={category ?? ''}>
                        <option value="">{text.channel.noCategory}</option>
                        {categories.map((c) => <option value={c.id} selected={c.id === category}>{c.name}</option>)}
                    </select>
                </label>
            </Form>
        </Dialog>
    );
}

export function ChannelEdit({ id }: { id: string }) {
    const channel = findChannel(id);
    if (!channel) return null;
    const remove = async (): Promise<void> => {
        if (!(await confirm(text.channel.remove, text.channel.sureRemove(channel.name)))) return;
        await deleteChannel(id);
        closeDialog();
    };
    return (
        <Dialog title={`${text.channel.edit}: ${channel.name}`}>
            <Form label={text.settings.save} extra={<button type="button" class="danger" onClick={() => void remove()}>{text.channel.remove}</button>} onSubmit={async (get) => {
                await editChannel(id, { name: get('name'), topic: get('topic') || null });
                closeDialog();
            }}>
                <label class="field"><span>{text.channel.name}</span><input name="name" required maxLength={100} defaultValue={channel.name} autoComplete="off" /></label>
                <label class="field"><span>{text.channel.topic}</span><textarea name="topic" rows={3} maxLength={1024} defaultValue={channel.topic ?? ''} /></label>
            </Form>
        </Dialog>
    );
}
