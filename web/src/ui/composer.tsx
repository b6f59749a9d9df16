import { useEffect, useRef, useState } from 'preact/hooks';
import { tellTyping } from '../api/routes';
import type { Channel } from '../api/types';
import { partnerOf, titleOf } from '../store/directs';
import { nameIn, type Guild } from '../store/guilds';
import { me } from '../store/me';
import { logOf } from '../store/messages';
import { post } from '../store/outbox';
import { isBlocked } from '../store/people';
import { mayIn, Permission } from '../store/permissions';
import { markRead } from '../store/unread';
import { text } from '../text';
import { Completion, useCompletion } from './completion';
import { draftOf, insertInComposer, keepDraft } from './composer_text';
import { withEmoji } from './emoji';
import { addFiles, clearFiles, filesOf, removeFile, sizeOf } from './files';
import { fit } from './fit';
import { divider, editing, goToPresent, replying } from './follow';
import { Icon, IconButton } from './icons';
import { openPicker } from './picker';

const TYPING_EVERY_MS = 8000;
const CONTENT_MAX = 2000;
const COUNT_FROM = 200;

function Preview({ file, onRemove }: { file: File; onRemove: () => void }) {
    const [url, setUrl] = useState<string | null>(null);
    useEffect(() => {
        if (!file.type.startsWith('image/')) return;
        const made = URL.createObjectURL(file);
        setUrl(made);
        return () => URL.revokeObjectURL(made);
    }, [file]);
    return (
        <li class="tray-file">
            {url ? <img src={url} alt="" /> : <Icon name="file" size={40} />}
            <span class="name">{file.name}</span>
            <small>{sizeOf(file.size)}</small>
            <IconButton icon="close" size={16} label={text.composer.removeFile(file.name)} onClick={onRemove} />
        </li>
    );
}

function Replying({ guild, ping, setPing }: { guild: Guild | undefined; ping: boolean; setPing: (on: boolean) => void }) {
    const to = replying.value;
    if (!to) return null;
    return (
        <div class="replying">
            <span>{text.composer.replying(nameIn(guild, to.author))}</span>
            <label><input type="checkbox" checked={ping} onChange={(e) => setPing(e.currentTarget.checked)} /> {text.composer.ping}</label>
            <IconButton icon="close" size={16} label={text.composer.cancelReply} onClick={() => (replying.value = null)} />
        </div>
    );
}

export function Composer({ guild, channel }: { guild: Guild | undefined; channel: Channel }) {
    const [content, setContentState] = useState(() => draftOf(channel.id));
    const [ping, setPing] = useState(true);
    const area = useRef<HTMLTextAreaElement>(null);
    const picker = useRef<HTMLInputElement>(null);
    const typedAt = useRef(0);
    const files = filesOf(channel.id);
    const setContent = (value: string): void => {
        setContentState(value);
        keepDraft(channel.id, value);
    };
    const completion = useCompletion(guild, channel, area, content, setContent);
    useEffect(() => {
        fit(area.current!);
        if (matchMedia('(hover: hover)').matches) area.current!.focus();
    }, []);
    useEffect(() => fit(area.current!), [content]);

    const partner = partnerOf(channel);
    const blocked = !!partner && isBlocked(partner.id);
    const title = titleOf(channel);
    if (blocked || !mayIn(channel.id, Permission.Send)) return <p class="composer forbidden">{blocked ? text.composer.blocked : text.composer.forbidden}<textarea ref={area} hidden /></p>;

    const submit = (): void => {
        const body = withEmoji(content.trim(), channel.id);
        if ((!body && !files.length) || body.length > CONTENT_MAX) return;
        post(channel.id, { content: body, files: [...files], replyTo: replying.value?.id, pingReplied: ping });
        setContent('');
        clearFiles(channel.id);
        replying.value = divider.value = null;
        typedAt.current = 0;
        markRead(channel.id, channel.last_message_id);
        goToPresent();
    };
    const editLast = (): boolean => {
        const last = logOf(channel.id).rows.value.findLast((m) => m.author.id === me.value?.id && (m.type === 0 || m.type === 19));
        if (last) editing.value = last.id;
        return !!last;
    };
    const press = (e: KeyboardEvent): void => {
        if (completion.press(e)) return;
        if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) submit();
        else if (e.key === 'ArrowUp' && !e.altKey && !content && editLast()) area.current!.blur();
        else if (e.key === 'Escape' && replying.value) {
            replying.value = null;
            e.stopPropagation();
        } else return;
        e.preventDefault();
    };
    const input = (value: string): void => {
        setContent(value);
        if (!value || Date.now() - typedAt.current < TYPING_EVERY_MS) return;
        typedAt.current = Date.now();
        tellTyping(channel.id).catch(() => {});
    };
    const left = CONTENT_MAX - content.length;
    return (
        <form class="composer" onSubmit={(e) => { e.preventDefault(); submit(); }}>
            <Completion state={completion} />
            <Replying guild={guild} ping={ping} setPing={setPing} />
            {files.length > 0 && <ul class="tray">{files.map((f) => <Preview key={`${f.name}-${f.size}-${f.lastModified}`} file={f} onRemove={() => removeFile(channel.id, f)} />)}</ul>}
            <div class="composer-row">
                {mayIn(channel.id, Permission.Attach) && <IconButton icon="plus" label={text.composer.attach} onClick={() => picker.current?.click()} />}
                <input ref={picker} type="file" multiple hidden aria-label={text.composer.attach} onChange={(e) => { addFiles(channel.id, [...(e.currentTarget.files ?? [])]); e.currentTarget.value = ''; }} />
                <textarea
                    ref={area}
                    rows={1}
                    value={content}
                    aria-label={text.composer.label(title)}
                    placeholder={text.composer.label(title)}
                    {...completion.aria}
                    onInput={(e) => input(e.currentTarget.value)}
                    onKeyDown={press}
                    onPaste={(e) => {
                        const pasted = [...(e.clipboardData?.files ?? [])];
                        if (!pasted.length) return;
                        e.preventDefault();
                        addFiles(channel.id, pasted);
                    }}
                />
                {left < COUNT_FROM && <span class={left < 0 ? 'count over' : 'count'} aria-label={text.composer.left(left)}>{left}</span>}
                <IconButton icon="smile" label={text.composer.emoji} onClick={(e) => openPicker(e.currentTarget, channel.id, (c) => insertInComposer(c.typed))} />
                <button class="icon-button send" aria-label={text.composer.send} title={text.composer.send} disabled={!content.trim() && !files.length}><Icon name="send" /></button>
            </div>
        </form>
    );
}
