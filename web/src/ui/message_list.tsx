// The open channel's window of rows (store/messages.ts), its place kept by anchor.ts.
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { JSX } from 'preact';
import type { Channel, Message } from '../api/types';
import { isDirect, nameOfChannel, partnerOf, titleOf } from '../store/directs';
import type { Guild } from '../store/guilds';
import { logOf, type Log } from '../store/messages';
import { outbox } from '../store/outbox';
import { isNewer, timeOf } from '../store/snowflake';
import { lastReadOf, markRead } from '../store/unread';
import { gatewayState } from '../store/session';
import { pane } from '../store/view';
import { text } from '../text';
import { Anchor } from './anchor';
import { Avatar } from './avatar';
import { active, divider, goToPresent, jumpTo, presentAsked, target } from './follow';
import { Icon } from './icons';
import { MessageRow } from './message_row';
import { OutgoingRow } from './outgoing_row';
import { dayOf, relativeTime } from './time';

const NEAR_PX = 900;
const GROUP_MS = 7 * 60_000;
const FLASH_MS = 1600;

function continues(before: Message | undefined, m: Message): boolean {
    return (
        !!before && before.author.id === m.author.id && before.type === 0 && m.type === 0 && timeOf(m.id) - timeOf(before.id) < GROUP_MS
    );
}

interface Cached {
    message: Message;
    compact: boolean;
    node: JSX.Element;
}

// The same element for the same message: Preact then leaves the row alone.
function useRows(guild: Guild | undefined): (m: Message, compact: boolean) => JSX.Element {
    const cache = useRef(new Map<string, Cached>());
    const used = new Map<string, Cached>();
    useEffect(() => void (cache.current = used));
    return (message, compact) => {
        const old = cache.current.get(message.id);
        const now = old?.message === message && old.compact === compact ? old : { message, compact, node: <MessageRow key={message.id} guild={guild} message={message} compact={compact} /> };
        used.set(message.id, now);
        return now.node;
    };
}

function drawRows(rows: readonly Message[], row: (m: Message, compact: boolean) => JSX.Element, newAfter: string | null): JSX.Element[] {
    const out: JSX.Element[] = [];
    let before: Message | undefined;
    let marked = newAfter === null;
    for (const m of rows) {
        const day = dayOf(timeOf(m.id));
        const dayChanged = !before || dayOf(timeOf(before.id)) !== day;
        const first = !marked && isNewer(m.id, newAfter!);
        if (dayChanged) out.push(<li key={`day-${day}`} class="day"><span>{day}</span></li>);
        if (first) {
            marked = true;
            if (before || rows[0] === m) out.push(<li key="fresh" class="fresh"><span>{text.chat.fresh}</span></li>);
        }
        out.push(row(m, !dayChanged && !first && continues(before, m)));
        before = m;
    }
    return out;
}

function walkRows(e: KeyboardEvent): void {
    const row = (e.target as Element).closest<HTMLElement>('li[data-id]');
    const step = e.key === 'ArrowDown' ? 'nextElementSibling' : e.key === 'ArrowUp' ? 'previousElementSibling' : null;
    if (!row || e.target !== row || !step || e.altKey) return;
    e.preventDefault();
    let next = row[step];
    while (next && !(next as HTMLElement).dataset.id) next = next[step];
    (next as HTMLElement | null)?.focus();
    next?.scrollIntoView({ block: 'nearest' });
}

// First read, and again when events were missed.
function useLoaded(log: Log): void {
    const live = gatewayState.value === 'live';
    useEffect(() => {
        if (log.stale && (live || !log.rows.value.length)) void log.open();
    }, [log, live, log.stale]);
}

function FreshBar({ log, guild, channel }: { log: Log; guild: Guild | undefined; channel: Channel }) {
    const since = divider.value;
    const first = log.rows.value[0];
    if (!since || !first || !isNewer(first.id, since) || log.atStart.value) return null;
    return (
        <div class="fresh-bar">
            <button type="button" onClick={() => jumpTo(guild?.id ?? null, channel.id, since)}>{text.chat.freshCount(relativeTime(timeOf(since)))}</button>
            <button type="button" onClick={() => { divider.value = null; markRead(channel.id, channel.last_message_id); }}>{text.chat.markRead}</button>
        </div>
    );
}

function Begin({ channel }: { channel: Channel }) {
    const partner = partnerOf(channel);
    const name = nameOfChannel(channel);
    return (
        <div class="log-begin">
            {partner ? <Avatar id={partner.id} name={name} size={72} /> : <span class="begin-icon"><Icon name={isDirect(channel) ? 'people' : 'hash'} size={36} /></span>}
            <h3>{isDirect(channel) ? name : text.chat.title(titleOf(channel))}</h3>
            <p>{partner ? text.chat.beginDirect(name) : channel.topic || text.chat.begin(titleOf(channel))}</p>
        </div>
    );
}

export function MessageList({ guild, channel }: { guild: Guild | undefined; channel: Channel }) {
    const log = logOf(channel.id);
    const scroller = useRef<HTMLDivElement>(null);
    const list = useRef<HTMLOListElement>(null);
    const anchor = useRef<Anchor | null>(null);
    const endDrawn = useRef(false);
    anchor.current ??= new Anchor(() => scroller.current, () => endDrawn.current);
    const opened = useRef(false);
    const rows = log.rows.value;
    const row = useRows(guild);
    const mine = outbox.value.filter((o) => o.channelId === channel.id);
    const atEnd = log.atEnd.value;
    useLoaded(log);
    if (opened.current) anchor.current.take(); // before this change reaches the page

    const look = (): void => {
        const box = scroller.current;
        if (!box || !opened.current) return;
        anchor.current!.take();
        log.following = anchor.current!.following && log.atEnd.value;
        if (box.scrollTop < NEAR_PX) void log.older();
        if (box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX) void log.newer();
        if (log.following && document.hasFocus() && pane.value === 'chat') markRead(channel.id, log.rows.value.at(-1)?.id);
    };

    // Where one begins: at what is new, if that is not all in sight; else at the end.
    const open = (): void => {
        opened.current = true;
        anchor.current!.following = true;
        anchor.current!.hold();
        const fresh = list.current?.querySelector('.fresh');
        const box = scroller.current!;
        if (fresh && fresh.getBoundingClientRect().top < box.getBoundingClientRect().top) anchor.current!.show(fresh, 'start');
    };

    useLayoutEffect(() => {
        if (!rows.length && !mine.length) return;
        const goal = target.value && list.current?.querySelector(`[data-id="${target.value.id}"]`);
        if (!opened.current) open();
        if (goal) {
            anchor.current!.show(goal, 'center');
            target.value = null;
            for (const other of document.querySelectorAll('.flash')) other.classList.remove('flash');
            goal.classList.add('flash');
            setTimeout(() => goal.classList.remove('flash'), FLASH_MS);
        } else anchor.current!.hold();
        endDrawn.current = atEnd;
        look();
    }, [rows, mine.length, atEnd, target.value]);

    useEffect(() => {
        const observer = new ResizeObserver(() => {
            anchor.current!.settle();
            look();
        });
        observer.observe(scroller.current!);
        observer.observe(list.current!);
        const focus = (): void => look();
        const blur = (): void => {
            if (divider.value && !isNewer(divider.value, lastReadOf(channel.id)) && log.following) divider.value = null;
        };
        window.addEventListener('focus', focus);
        window.addEventListener('blur', blur);
        return () => {
            observer.disconnect();
            window.removeEventListener('focus', focus);
            window.removeEventListener('blur', blur);
        };
    }, [log]);

    // Something came while nobody looked: from there on it is new.
    const last = rows.at(-1);
    useEffect(() => {
        if (last && !document.hasFocus() && divider.value === null && isNewer(last.id, lastReadOf(channel.id))) divider.value = lastReadOf(channel.id);
    }, [last?.id]);

    const asked = presentAsked.value;
    useEffect(() => {
        if (!asked || !scroller.current) return;
        opened.current = true;
        scroller.current.scrollTop = scroller.current.scrollHeight;
        anchor.current!.take();
    }, [asked]);

    return (
        <div class="log">
            <FreshBar log={log} guild={guild} channel={channel} />
            <div class="log-scroll" ref={scroller} onScroll={look} tabIndex={-1} data-keys>
                <div class="log-fill" />
                {log.atStart.value && <Begin channel={channel} />}
                {log.failed.value && (
                    <p class="log-note" role="alert">
                        {text.chat.failed} <button type="button" class="link" onClick={() => void (rows.length ? log.older() : log.open())}>{text.chat.retry}</button>
                    </p>
                )}
                {!rows.length && log.loading.value && <p class="log-note" role="status">{text.chat.loading}</p>}
                <ol ref={list} class="messages" aria-label={text.chat.messages(titleOf(channel))} onKeyDown={walkRows} onMouseLeave={() => (active.value = null)}>
                    {drawRows(rows, row, divider.value)}
                    {atEnd && mine.map((o) => <OutgoingRow key={o.nonce} out={o} />)}
                </ol>
            </div>
            {!atEnd && rows.length > 0 && (
                <div class="present-bar">
                    <span>{text.chat.older}</span>
                    <button type="button" onClick={goToPresent}>{text.chat.toPresent} <Icon name="down" size={16} /></button>
                </div>
            )}
        </div>
    );
}
