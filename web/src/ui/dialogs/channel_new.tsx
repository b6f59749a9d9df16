import { createChannel } from '../../api/routes';
import { ChannelType } from '../../api/types';
import { putIn, sectionsOf } from '../../store/guilds';
import { currentGuild, openChannel } from '../../store/view';
import { text } from '../../text';
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
