import { createWebhook, deleteWebhook, editWebhook, listWebhooks } from '../../api/routes';
import type { Webhook } from '../../api/types';
import { textChannelsOf, type Guild } from '../../store/guilds';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { Avatar } from '../avatar';
import { confirm } from '../dialogs/confirm';
import { Form } from '../dialogs/form';
import { Icon } from '../icons';
import { useRead } from '../screen';

const channelsOf = (guild: Guild, at?: string) => textChannelsOf(guild).map((c) => <option value={c.id} selected={c.id === at}>#{c.name}</option>);

function Row({ guild, hook, changed }: { guild: Guild; hook: Webhook; changed: () => void }) {
    const t = text.webhooks;
    const remove = async (): Promise<void> => {
        if (await confirm(t.remove, t.sureRemove(hook.name))) await deleteWebhook(hook.id).then(changed, (e: unknown) => tell(reason(e)));
    };
    const copy = (): void => void navigator.clipboard.writeText(hook.url!).then(() => tell(text.message.copied), () => tell(hook.url!));
    return (
        <li class="webhook">
            <details>
                <summary class="person-row"><Avatar id={hook.id} name={hook.name} size={36} /><span class="person-name"><strong class="cut">{hook.name}</strong><small class="cut">#{guild.channels.value.get(hook.channel_id)?.name ?? '?'}{hook.user && ` · ${t.by(hook.user.username)}`}</small></span><Icon name="chevron" size={18} /></summary>
                <Form label={text.settings.save} extra={<><button type="button" class="danger" onClick={() => void remove()}>{t.remove}</button>{hook.url && <button type="button" onClick={copy}>{t.copy}</button>}</>}
                    onSubmit={async (get) => { await editWebhook(hook.id, { name: get('name'), channel_id: get('channel') }); changed(); tell(text.settings.saved); }}>
                    <label class="field"><span>{t.name}</span><input name="name" required maxLength={80} defaultValue={hook.name} autoComplete="off" /></label>
                    <label class="field"><span>{t.channel}</span><select name="channel">{channelsOf(guild, hook.channel_id)}</select></label>
                </Form>
            </details>
        </li>
    );
}

export function Webhooks({ guild }: { guild: Guild }) {
    const { value: list, error, again } = useRead(() => listWebhooks(guild.id), [guild.id]);
    const t = text.webhooks;
    return (
        <>
            <p class="hint">{t.hint}</p>
            <Form label={t.create} onSubmit={async (get) => { await createWebhook(get('channel'), get('name')); again(); }}>
                <div class="row">
                    <label class="field"><span>{t.name}</span><input name="name" required maxLength={80} autoComplete="off" /></label>
                    <label class="field"><span>{t.channel}</span><select name="channel">{channelsOf(guild)}</select></label>
                </div>
            </Form>
            {error !== null && <p class="error" role="alert">{reason(error)}</p>}
            {list?.length === 0 && <p class="hint">{t.none}</p>}
            <ul>{list?.map((h) => <Row key={h.id} guild={guild} hook={h} changed={again} />)}</ul>
        </>
    );
}
