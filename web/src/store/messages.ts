// One channel's messages: a window of at most ROWS_MAX rows of the whole, without gaps, that moves as one scrolls. While it
// touches the newest message (atEnd), live messages join it; otherwise they are read when one gets there.
import { signal } from '@preact/signals';
import { listMessages } from '../api/routes';
import type { Message } from '../api/types';
import { guildOf, seeUser } from './guilds';
import { byId } from './snowflake';

export const ROWS_MAX = 200;
const PAGE = 50;

// Called with authors in a large server who are not among its known members.
let onStrangers: (guild: string, users: string[]) => void = () => {};
export const whenSeen = (handler: typeof onStrangers): void => {
    onStrangers = handler;
};
function noteAuthors(channel: string, rows: readonly Message[]): void {
    const guild = guildOf(channel);
    if (!guild?.large) return;
    const unknown = new Set(rows.filter((m) => !m.webhook_id && !guild.members.value.has(m.author.id)).map((m) => m.author.id));
    if (unknown.size) onStrangers(guild.id, [...unknown]);
}

export class Log {
    readonly rows = signal<readonly Message[]>([]);
    readonly atStart = signal(false);
    readonly atEnd = signal(false);
    readonly loading = signal<'older' | 'newer' | 'first' | null>(null);
    readonly failed = signal(false);
    stale = true; // nothing was read yet, or events were missed
    following = true; // somebody reads at the end
    private version = 0;
    private early: Message[] = []; // came live while the first page was on its way
    private deleted = new Set<string>();

    constructor(readonly channelId: string) {}

    // The newest page, or the one around a message.
    async open(around?: string): Promise<void> {
        const version = ++this.version;
        this.stale = false;
        this.early = [];
        this.deleted.clear();
        const page = await this.read('first', around ? { around } : {}, version);
        if (!page) return;
        this.atStart.value = around ? false : page.length < PAGE;
        this.atEnd.value = !around;
        this.put([...page, ...(around ? [] : this.early)].filter((m) => !this.deleted.has(m.id)), 'end');
    }

    async older(): Promise<void> {
        const first = this.rows.value[0];
        if (!first || this.atStart.value || this.loading.value) return;
        const version = this.version;
        const page = await this.read('older', { before: first.id }, version);
        if (!page) return;
        if (page.length < PAGE) this.atStart.value = true;
        this.put([...page, ...this.rows.value], 'start');
    }

    async newer(): Promise<void> {
        const last = this.rows.value.at(-1);
        if (!last || this.atEnd.value || this.loading.value) return;
        const version = this.version;
        this.early = [];
        const page = await this.read('newer', { after: last.id }, version);
        if (!page) return;
        const reached = page.length < PAGE;
        this.put([...this.rows.value, ...page, ...(reached ? this.early : [])], 'end');
        if (reached) this.atEnd.value = true;
    }

    // A live message, or the answer to a send.
    add(message: Message): void {
        if (this.loading.value) this.early.push(message);
        if (!this.atEnd.value) return;
        const full = this.rows.value.length >= ROWS_MAX && !this.rows.value.some((m) => m.id === message.id);
        if (full && !this.following) this.atEnd.value = false; // what is being read further up stays
        else this.put([...this.rows.value, message], 'end');
    }

    private put(rows: Message[], keep: 'start' | 'end'): void {
        for (const m of rows) seeUser(m.author);
        noteAuthors(this.channelId, rows);
        const unique = [...new Map(rows.map((m) => [m.id, m])).values()].sort(byId);
        if (unique.length > ROWS_MAX && keep === 'start') this.atEnd.value = false;
        if (unique.length > ROWS_MAX && keep === 'end') this.atStart.value = false;
        this.rows.value = keep === 'start' ? unique.slice(0, ROWS_MAX) : unique.slice(-ROWS_MAX);
    }

    private async read(what: 'older' | 'newer' | 'first', where: object, version: number): Promise<Message[] | null> {
        this.loading.value = what;
        this.failed.value = false;
        try {
            const page = await listMessages(this.channelId, where, PAGE);
            return version === this.version ? page.reverse() : null;
        } catch {
            if (version === this.version) {
                this.failed.value = true;
                if (what === 'first') this.stale = true;
            }
            return null;
        } finally {
            if (version === this.version) this.loading.value = null;
        }
    }

    change(id: string, edit: (m: Message) => Message): void {
        const at = this.rows.value.findIndex((m) => m.id === id);
        if (at < 0) return;
        const next = this.rows.value.slice();
        next[at] = edit(next[at]!);
        this.rows.value = next;
    }

    remove(ids: readonly string[]): void {
        const gone = new Set(ids);
        if (this.loading.value === 'first') for (const id of ids) this.deleted.add(id);
        if (this.rows.value.some((m) => gone.has(m.id))) this.rows.value = this.rows.value.filter((m) => !gone.has(m.id));
    }
}

export const pinChanges = signal(0); // counts CHANNEL_PINS_UPDATE

const LOGS_MAX = 30;
const logs = new Map<string, Log>(); // the last used at the end

export function logOf(channelId: string): Log {
    if (!logs.has(channelId)) queueMicrotask(() => void used.value++);
    const log = logs.get(channelId) ?? new Log(channelId);
    logs.delete(channelId);
    logs.set(channelId, log);
    if (logs.size > LOGS_MAX) logs.delete(logs.keys().next().value!);
    return log;
}
export const knownLog = (channelId: string): Log | undefined => logs.get(channelId);
// Events were missed: what is shown may be old.
export function markAllStale(): void {
    for (const log of logs.values()) log.stale = true;
}
// The last used ones, oldest first; a signal tells when there is another.
const used = signal(0);
export function recentLogs(n: number): Log[] {
    void used.value;
    return [...logs.values()].slice(-n);
}
// Rows from an earlier visit: shown until the server's come.
export function fillLog(channelId: string, rows: Message[]): void {
    const log = logOf(channelId);
    log.rows.value = rows;
    log.atEnd.value = true;
}
export const forgetLogs = (): void => logs.clear();
