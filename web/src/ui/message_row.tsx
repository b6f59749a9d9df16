import { useComputed } from '@preact/signals';
import { useState } from 'preact/hooks';
import { deleteMessage, pin, react, unpin } from '../api/routes';
import type { Message } from '../api/types';
import { inWords } from '../store/emojis';
import { colorIn, nameIn, nameOfUser, type Guild } from '../store/guilds';
import { me } from '../store/me';
import { isBlocked } from '../store/people';
import { mayIn, Permission } from '../store/permissions';
import { timeOf } from '../store/snowflake';
import { markUnread, mentionsMe } from '../store/unread';
import { addressOf, dialog, tell } from '../store/view';
import { reason, text } from '../text';
import { Attachments, Embeds } from './attachments';
import { Avatar } from './avatar';
import { focusComposer } from './composer_text';
import { confirm } from './dialogs/confirm';
import { active, divider, editing, jumpTo, replying } from './follow';
import { IconButton } from './icons';
import { InlineMarkdown } from './markdown/inline';
import { Markdown } from './markdown/render';
import { MessageEditor } from './message_editor';
import { openPicker } from './picker';
import { openMenu } from './popover';
import { openProfile } from './profile';
import { Reactions, toggle } from './reactions';
import { clockTime, fullTime, messageTime } from './time';

const ENDS_WITH_TEXT = new Set([0, 19, 20, 23]); // message types whose content is a person's
const attempt = (work: Promise<unknown>): void => void work.catch((e: unknown) => tell(reason(e)));

function canEdit(m: Message): boolean {
    return m.author.id === me.value?.id && ENDS_WITH_TEXT.has(m.type);
}
const canDelete = (m: Message): boolean => m.author.id === me.value?.id || mayIn(m.channel_id, Permission.ManageMessages);

export function startReply(m: Message): void {
    replying.value = m;
    focusComposer();
}
export async function remove(m: Message, sure: boolean): Promise<void> {
    if (sure || (await confirm(text.message.removeTitle, text.message.removeSure, inWords(m.content)))) attempt(deleteMessage(m.channel_id, m.id));
}

function moreMenu(anchor: Element, guild: Guild | undefined, m: Message): void {
    const pins = mayIn(m.channel_id, Permission.ManageMessages | Permission.Pin);
    const link = `${location.origin}/${addressOf(guild?.id ?? null, m.channel_id)}/${m.id}`;
    openMenu(anchor, text.message.actions, [
        pins && { label: m.pinned ? text.message.unpin : text.message.pin, onPick: () => attempt((m.pinned ? unpin : pin)(m.channel_id, m.id)) },
        { label: text.message.copyLink, onPick: () => attempt(navigator.clipboard.writeText(link).then(() => tell(text.message.copied))) },
        { label: text.message.unread, onPick: () => { attempt(markUnread(m.channel_id, m.id)); divider.value = String(BigInt(m.id) - 1n); } },
        m.author.id !== me.value?.id && { label: text.report.open, danger: true, onPick: () => (dialog.value = { name: 'report', argument: `${m.channel_id}/${m.id}` }) },
        canDelete(m) && { label: text.message.remove, danger: true, onPick: () => void remove(m, false) },
    ]);
}

function Actions({ guild, m }: { guild: Guild | undefined; m: Message }) {
    return (
        <div class="actions" role="toolbar" aria-label={text.message.actions}>
            {mayIn(m.channel_id, Permission.AddReactions) && <IconButton icon="smile" size={18} label={text.message.react} onClick={(e) => openPicker(e.currentTarget, m.channel_id, (c) => attempt(react(m.channel_id, m.id, c.reaction, true)))} />}
            {mayIn(m.channel_id, Permission.Send) && <IconButton icon="reply" size={18} label={text.message.reply} onClick={() => startReply(m)} />}
            {canEdit(m) && <IconButton icon="edit" size={18} label={text.message.edit} onClick={() => (editing.value = m.id)} />}
            {canDelete(m) && <IconButton icon="trash" size={18} class="danger" label={text.message.remove} onClick={(e) => void remove(m, e.shiftKey)} />}
            <IconButton icon="more" size={18} label={text.message.actions} onClick={(e) => moreMenu(e.currentTarget, guild, m)} />
        </div>
    );
}

function ReplyPreview({ guild, m }: { guild: Guild | undefined; m: Message }) {
    const to = m.referenced_message;
    if (m.type !== 19) return null;
    if (!to) return <div class="reply-preview"><em>{text.chat.gone}</em></div>;
    return (
        <button type="button" class="reply-preview" onClick={() => jumpTo(guild?.id ?? null, m.channel_id, to.id)}>
            <Avatar id={to.author.id} name={nameIn(guild, to.author)} size={16} />
            <strong style={{ color: colorIn(guild, to.author.id) }}>{nameIn(guild, to.author)}</strong>
            <span class="reply-text">{to.content ? <InlineMarkdown source={to.content} guild={guild} /> : text.chat.file}</span>
        </button>
    );
}

// What a message without a person's words tells of.
function systemText(m: Message): string | null {
    const of = m.mentions[0];
    const name = of ? nameOfUser(of) : '';
    switch (m.type) {
        case 1: return text.chat.added(name);
        case 2: return of?.id === m.author.id ? text.chat.left : text.chat.removed(name);
        case 4: return text.chat.renamed(m.content);
        case 6: return text.chat.pinned;
        case 7: return text.chat.joined;
        default: return null;
    }
}

function Content({ m }: { m: Message }) {
    const system = systemText(m);
    if (system) return <em class="system">{system}</em>;
    return (
        <>
            {m.content && <Markdown source={m.content} />}
            {m.edited_timestamp && <time class="edited" dateTime={m.edited_timestamp} title={fullTime(Date.parse(m.edited_timestamp))}> {text.chat.edited}</time>}
        </>
    );
}

const keysOf = (guild: Guild | undefined, m: Message): Record<string, (e: KeyboardEvent) => void> => ({
    e: () => canEdit(m) && (editing.value = m.id),
    r: () => startReply(m),
    '+': (e) => openPicker(e.currentTarget as Element, m.channel_id, (c) => toggle(m, c.reaction)),
    Delete: (e) => canDelete(m) && void remove(m, e.shiftKey),
    Enter: (e) => moreMenu(e.currentTarget as Element, guild, m),
});

export function MessageRow({ guild, message: m, compact }: { guild: Guild | undefined; message: Message; compact: boolean }) {
    const isActive = useComputed(() => active.value === m.id).value;
    const isEdited = useComputed(() => editing.value === m.id).value;
    const isFolded = useComputed(() => isBlocked(m.author.id)).value;
    const [unfolded, unfold] = useState(false);
    const name = nameIn(guild, m.author);
    const ms = timeOf(m.id);
    if (isFolded && !unfolded)
        return (
            <li class="message folded" data-id={m.id} tabIndex={-1}>
                <span class="message-main">{text.chat.blocked} <button type="button" class="link" onClick={() => unfold(true)}>{text.chat.showBlocked}</button></span>
            </li>
        );
    const show = (): void => void (active.value = m.id);
    const profile = (e: MouseEvent): void => openProfile(m.author.id, e.currentTarget as Element);
    const press = (e: KeyboardEvent): void => {
        const key = keysOf(guild, m)[e.key];
        if (!key || e.target !== e.currentTarget || e.ctrlKey || e.metaKey || e.altKey) return;
        e.preventDefault();
        key(e);
    };
    return (
        <li class="message" data-id={m.id} data-compact={compact} data-mentioned={mentionsMe(m)} tabIndex={-1} onMouseEnter={show} onFocus={show} onClick={show} onKeyDown={press}>
            <ReplyPreview guild={guild} m={m} />
            <div class="message-side">
                {compact ? <time dateTime={m.timestamp} aria-hidden="true">{clockTime(ms)}</time> : <button type="button" class="bare" tabIndex={-1} aria-hidden="true" onClick={profile}><Avatar id={m.author.id} name={name} /></button>}
            </div>
            <div class="message-main">
                {!compact && (
                    <div class="message-head">
                        <button type="button" class="author" style={{ color: colorIn(guild, m.author.id) }} onClick={profile}>{name}</button>
                        {m.author.bot && <span class="tag">{text.chat.bot}</span>}
                        <time dateTime={m.timestamp} title={fullTime(ms)}>{messageTime(ms)}</time>
                    </div>
                )}
                {isEdited ? <MessageEditor message={m} /> : <div class="content"><Content m={m} /></div>}
                <Attachments list={m.attachments} />
                <Embeds list={m.embeds} />
                <Reactions message={m} />
            </div>
            {isActive && !isEdited && <Actions guild={guild} m={m} />}
        </li>
    );
}
