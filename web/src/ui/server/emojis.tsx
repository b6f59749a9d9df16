// A server's own emoji: put in, given other names, taken out.
import { useRef, useState } from 'preact/hooks';
import { createEmoji, deleteEmoji, editEmoji, listEmojis } from '../../api/routes';
import type { CustomEmoji as Emoji } from '../../api/types';
import { nameIn, type Guild } from '../../store/guilds';
import { me } from '../../store/me';
import { mayInGuild, Permission } from '../../store/permissions';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { CustomEmoji } from '../custom_emoji';
import { confirm } from '../dialogs/confirm';
import { IconButton } from '../icons';
import { shrink } from '../pick_image';
import { useRead } from '../screen';

const SIDE_PX = 128;
const EACH_MAX = 50; // of still ones, and of those that move
const NAME = { min: 2, max: 32 };

// A name out of a file's: what the server takes of it.
export function nameOfFile(file: string): string {
    const name = file.replace(/\.\w+$/, '').replace(/\W+/g, '_').replace(/^_+|_+$/g, '').slice(0, NAME.max);
    return name.length < NAME.min ? `emoji_${name}` : name;
}

function Row({ guild, emoji, mayEdit }: { guild: Guild; emoji: Emoji; mayEdit: boolean }) {
    const t = text.emojis;
    const rename = async (box: HTMLInputElement): Promise<void> => {
        const name = box.value.trim();
        if (name === emoji.name) return;
        await editEmoji(guild.id, emoji.id, { name }).then(() => tell(text.settings.saved), (e: unknown) => { box.value = emoji.name; tell(reason(e)); });
    };
    const remove = async (): Promise<void> => {
        if (await confirm(t.remove, t.sureRemove(emoji.name))) await deleteEmoji(guild.id, emoji.id).catch((e: unknown) => tell(reason(e)));
    };
    return (
        <li class="emoji-row">
            <CustomEmoji id={emoji.id} name={emoji.name} animated={emoji.animated} lazy />
            <input aria-label={t.nameOf(emoji.name)} disabled={!mayEdit} defaultValue={emoji.name} minLength={NAME.min} maxLength={NAME.max} autoComplete="off" spellcheck={false} onBlur={(e) => void rename(e.currentTarget)} onKeyDown={(e) => e.key === 'Enter' && e.currentTarget.blur()} />
            <small class="cut">{emoji.user ? text.webhooks.by(nameIn(guild, emoji.user)) : ''}</small>
            {mayEdit && <IconButton icon="trash" class="danger" label={t.removeThis(emoji.name)} onClick={() => void remove()} />}
        </li>
    );
}

function Upload({ guild }: { guild: Guild }) {
    const input = useRef<HTMLInputElement>(null);
    const [busy, setBusy] = useState(false);
    const upload = async (files: File[]): Promise<void> => {
        setBusy(true);
        for (const file of files)
            await shrink(file, SIDE_PX, false).then((image) => createEmoji(guild.id, { name: nameOfFile(file.name), image })).catch((e: unknown) => tell(`${file.name}: ${e instanceof DOMException ? text.images.unreadable : reason(e)}`));
        setBusy(false);
    };
    return (
        <p>
            <input ref={input} type="file" multiple accept="image/png,image/jpeg,image/webp,image/gif" hidden aria-label={text.emojis.add} onChange={(e) => {
                const files = [...(e.currentTarget.files ?? [])];
                e.currentTarget.value = '';
                void upload(files);
            }} />
            <button type="button" class="primary" disabled={busy} onClick={() => input.current?.click()}>{text.emojis.add}</button>
        </p>
    );
}

export function Emojis({ guild }: { guild: Guild }) {
    const now = guild.emojis.value; // what the gateway tells; who put each in is asked for
    const { value: told, error } = useRead(() => listEmojis(guild.id), [guild.id, now]);
    const list = [...now.values()].map((e) => ({ ...e, user: told?.find((t) => t.id === e.id)?.user }));
    const manages = mayInGuild(guild, Permission.ManageEmoji);
    const creates = mayInGuild(guild, Permission.CreateEmoji);
    const t = text.emojis;
    return (
        <>
            <p class="hint">{t.hint}</p>
            {creates && <Upload guild={guild} />}
            {error !== null && <p class="error" role="alert">{reason(error)}</p>}
            {[false, true].map((animated) => {
                const some = list.filter((e) => !!e.animated === animated);
                if (animated && !some.length) return null;
                return (
                    <section key={String(animated)}>
                        <h4>{t.count(animated ? t.moving : t.still, some.length, EACH_MAX)}</h4>
                        {some.length ? <ul>{some.map((e) => <Row key={`${e.id}${e.name}`} guild={guild} emoji={e} mayEdit={manages || (creates && e.user?.id === me.value?.id)} />)}</ul> : <p class="hint">{t.none}</p>}
                    </section>
                );
            })}
        </>
    );
}
