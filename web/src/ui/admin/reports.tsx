// What was reported, with the message as it was then, and what becomes of it.
import { useEffect, useState } from 'preact/hooks';
import { listReports, resolveReport } from '../../api/routes';
import type { Report } from '../../api/types';
import { guilds, nameOfUser, seeUser } from '../../store/guilds';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { Attachments, Embeds } from '../attachments';
import { Avatar } from '../avatar';
import { closeDialog } from '../dialogs/dialog';
import { Form } from '../dialogs/form';
import { jumpTo } from '../follow';
import { Markdown } from '../markdown/render';
import { dayOf, fullTime, relativeTime } from '../time';

const PAGE = 50;
type State = 'open' | 'resolved';

function useReports(state: State, author: string | null) {
    const [list, setList] = useState<Report[] | null>(null);
    const [open, setOpen] = useState(0);
    const [more, setMore] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const read = async (before: Report | undefined, isCurrent: () => boolean): Promise<void> => {
        const page = await listReports({ state, limit: String(PAGE), ...(author && { author_id: author }), ...(before && { before: before.id }) });
        if (!isCurrent()) return;
        for (const r of page.reports) for (const u of [r.author, r.reporter, r.resolver]) seeUser(u);
        setList((old) => [...(before ? (old ?? []) : []), ...page.reports]);
        setOpen(page.open);
        setMore(page.reports.length === PAGE);
    };
    const again = (): (() => void) => {
        let current = true;
        setError(null);
        read(undefined, () => current).catch((e: unknown) => current && setError(e));
        return () => void (current = false);
    };
    useEffect(() => {
        setList(null);
        return again();
    }, [state, author]);
    return { list, open, more, error, again, next: () => void read(list?.at(-1), () => true).catch(setError) };
}

function Evidence({ r }: { r: Report }) {
    const m = r.message;
    const name = r.author ? nameOfUser(r.author) : text.admin.reports.webhook;
    return (
        <blockquote class="evidence">
            <div class="person-row">
                <Avatar id={r.author?.id ?? r.channel_id} name={name} size={28} />
                <strong class="cut">{name}</strong>
                {m && <time class="hint" dateTime={m.timestamp} title={fullTime(Date.parse(m.timestamp))}>{relativeTime(Date.parse(m.timestamp))}</time>}
            </div>
            {m?.content && <div class="content"><Markdown source={m.content} /></div>}
            {m && <><Attachments list={m.attachments} /><Embeds list={m.embeds} /></>}
        </blockquote>
    );
}

function Resolve({ r, done }: { r: Report; done: () => void }) {
    const t = text.admin.reports;
    const acts = Object.entries(t.acts).filter(([act]) => (act !== 'delete_message' || r.message_exists) && (act !== 'disable_user' || r.author));
    return (
        <Form label={t.resolve} onSubmit={async (get) => {
            await resolveReport(r.id, get('act'), get('note') || null);
            tell(t.resolved);
            done();
        }}>
            <div class="row">
                <label class="field"><span>{t.act}</span><select name="act">{acts.map(([act, label]) => <option value={act}>{label}</option>)}</select></label>
                <label class="field"><span>{t.note}</span><input name="note" maxLength={1000} autoComplete="off" /></label>
            </div>
        </Form>
    );
}

function Card({ r, done }: { r: Report; done: () => void }) {
    const t = text.admin.reports;
    const place = r.guild_id ? t.place(r.channel_name ?? r.channel_id, r.guild_name ?? r.guild_id) : t.direct;
    const reachable = r.message_exists && !!r.guild_id && !!guilds.value.get(r.guild_id)?.channels.value.has(r.channel_id);
    const look = (): void => {
        closeDialog();
        jumpTo(r.guild_id, r.channel_id, r.message_id);
    };
    return (
        <li class="report" aria-label={text.report.reasons[r.reason] ?? r.reason}>
            <header>
                <h4>{text.report.reasons[r.reason] ?? r.reason}</h4>
                <small>{place}{!r.message_exists && ` · ${t.gone}`}</small>
            </header>
            <Evidence r={r} />
            <p class="hint">{t.by(r.reporter ? nameOfUser(r.reporter) : '?', dayOf(Date.parse(r.created_at)))}{r.comment && <>: <q>{r.comment}</q></>}</p>
            {reachable && <p><button type="button" onClick={look}>{t.look}</button></p>}
            {r.resolved_at ? <p class="good">{t.ended(t.acts[r.act ?? 'none'] ?? '', r.resolver ? nameOfUser(r.resolver) : '?', dayOf(Date.parse(r.resolved_at)))}{r.note && <>: <q>{r.note}</q></>}</p> : <Resolve r={r} done={done} />}
        </li>
    );
}

export function Reports({ author, onAll }: { author: string | null; onAll: () => void }) {
    const [state, setState] = useState<State>('open');
    const { list, open, more, error, again, next } = useReports(state, author);
    const t = text.admin.reports;
    return (
        <>
            <div class="tabs" role="group" aria-label={text.admin.sections.reports}>
                {(['open', 'resolved'] as const).map((s) => <button key={s} type="button" class="tab" aria-pressed={state === s} onClick={() => setState(s)}>{t.states[s]}{s === 'open' && open > 0 && <span class="badge">{open}</span>}</button>)}
            </div>
            {author && <p class="warning">{t.onlyOf} <button type="button" class="link" onClick={onAll}>{t.all}</button></p>}
            {error !== null && <p class="error" role="alert">{reason(error)}</p>}
            {list?.length === 0 && <p class="hint" role="status">{t.none}</p>}
            <ul class="reports">{list?.map((r) => <Card key={r.id} r={r} done={() => void again()} />)}</ul>
            {more && <button type="button" onClick={next}>{text.server.more}</button>}
        </>
    );
}
