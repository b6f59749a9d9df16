import { createGuild, join } from '../../api/routes';
import { invited, openChannel, openGuild } from '../../store/view';
import { guilds } from '../../store/guilds';
import { text } from '../../text';
import { closeDialog, Dialog } from './dialog';
import { Form } from './form';

export const codeOf = (input: string): string => input.trim().replace(/[/\s]+$/, '').split('/').at(-1) ?? '';

// The gateway tells of a server a moment after the answer.
export function openWhenThere(guild: string, channel?: string): void {
    const open = (): void => (channel && guilds.value.get(guild)?.channels.value.has(channel) ? openChannel(guild, channel) : openGuild(guild));
    closeDialog();
    invited.value = null;
    if (guilds.value.has(guild)) return open();
    const stop = guilds.subscribe((now) => {
        if (!now.has(guild)) return;
        queueMicrotask(() => stop());
        open();
    });
}

export function GuildNew() {
    return (
        <Dialog title={text.guild.newTitle}>
            <Form label={text.guild.create} onSubmit={async (get) => openWhenThere((await createGuild(get('name'))).id)}>
                <label class="field"><span>{text.guild.name}</span><input name="name" required minLength={2} maxLength={100} autofocus autoComplete="off" /></label>
            </Form>
            <hr />
            <Form label={text.guild.join} onSubmit={async (get) => {
                const invite = await join(codeOf(get('code')));
                if (invite.guild) openWhenThere(invite.guild.id, invite.channel?.id);
            }}>
                <label class="field"><span>{text.guild.code}</span><input name="code" required autoComplete="off" spellcheck={false} /></label>
            </Form>
        </Dialog>
    );
}
