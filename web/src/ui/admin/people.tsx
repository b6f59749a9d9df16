// Everybody who has an account: found, looked at, disabled and enabled, deleted.
import { useEffect, useRef, useState } from 'preact/hooks';
import { deleteAccount, disableAccount, enableAccount, listAccounts } from '../../api/routes';
import type { Account } from '../../api/types';
import { nameOfUser, seeUser } from '../../store/guilds';
import { me } from '../../store/me';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { Avatar } from '../avatar';
import { confirm } from '../dialogs/confirm';
import { IconButton } from '../icons';
import { openMenu } from '../popover';
import { dayOf, relativeTime } from '../time';

const PAGE = 50;
const PAUSE_MS = 250; // behind the last key

// The accounts that fit, by pages; the last asked for wins.
function useAccounts(query: string, disabled: boolean) {
    const [list, setList] = useState<Account[] | null>(null);
    const [more, setMore] = useState(false);
    const [error, setError] = useState<unknown>(null);
    const run = useRef(0);
    const read = async (after: Account | undefined): Promise<void> => {
        const mine = ++run.current;
        try {
            const { users } = await listAccounts({ query, limit: String(PAGE), ...(disabled && { disabled: 'true' }), ...(after && { after: after.user.id }) });
            if (mine !== run.current) return;
            for (const a of users) seeUser(a.user);
            setList((old) => [...(after ? (old ?? []) : []), ...users]);
            setMore(users.length === PAGE);
            setError(null);
        } catch (e) {
            if (mine === run.current) setError(e);
        }
    };
    useEffect(() => {
        const timer = setTimeout(() => void read(undefined), list ? PAUSE_MS : 0);
        return () => {
            clearTimeout(timer);
            run.current++;
        };
    }, [query, disabled]);
    const put = (id: string, now: Account | null): void => setList((old) => old?.flatMap((a) => (a.user.id === id ? (now ?? []) : a)) ?? null);
    return { list, more, error, put, next: () => void read(list?.at(-1)) };
}

function factsOf(a: Account): string {
    const t = text.admin.people;
    return [a.email, t.since(dayOf(Date.parse(a.created_at))), t.seen(relativeTime(Date.parse(a.seen_at))), t.guilds(a.guilds), t.sessions(a.sessions)].filter(Boolean).join(' · ');
}

function Row({ a, put, onReports }: { a: Account; put: (id: string, now: Account | null) => void; onReports: (id: string) => void }) {
    const t = text.admin.people;
    const { id } = a.user;
    const name = nameOfUser(a.user);
    const attempt = (work: Promise<Account | void>): void => void work.then((now) => put(id, now ?? null), (e: unknown) => tell(reason(e)));
    const disable = async (): Promise<void> => { if (await confirm(t.disable, t.sureDisable(name))) attempt(disableAccount(id)); };
    const remove = async (): Promise<void> => { if (await confirm(t.remove, t.sureRemove(name))) attempt(deleteAccount(id)); };
    const safe = a.administrator || id === me.value?.id;
    const menu = (anchor: Element): void =>
        openMenu(anchor, text.friends.more(name), [
            { label: t.reports(a.reports_open), onPick: () => onReports(id) },
            !safe && a.disabled && { label: t.enable, onPick: () => attempt(enableAccount(id)) },
            !safe && !a.disabled && { label: t.disable, danger: true, onPick: () => void disable() },
            !safe && { label: t.remove, danger: true, onPick: () => void remove() },
        ]);
    const tags = [a.administrator && t.administrator, a.disabled && (a.self_disabled ? t.selfDisabled : t.disabled), a.mfa_enabled && t.secondFactor, !!a.email && !a.verified && t.unverified].filter(Boolean);
    return (
        <li class="person-row wide account" data-disabled={a.disabled}>
            <Avatar id={id} name={name} size={36} />
            <span class="person-name">
                <span><strong>{name}</strong> {name !== a.user.username && <small>{a.user.username}</small>}</span>
                <small>{factsOf(a)}</small>
                {tags.length > 0 && <span class="chips">{tags.map((tag) => <span key={String(tag)} class="chip">{tag}</span>)}</span>}
            </span>
            {a.reports_open > 0 && <button type="button" onClick={() => onReports(id)}>{t.reports(a.reports_open)}</button>}
            <IconButton icon="more" class="round" label={text.friends.more(name)} onClick={(e) => menu(e.currentTarget)} />
        </li>
    );
}

export function People({ onReports }: { onReports: (id: string) => void }) {
    const [query, setQuery] = useState('');
    const [disabled, setDisabled] = useState(false);
    const { list, more, error, put, next } = useAccounts(query.trim(), disabled);
    const t = text.admin.people;
    return (
        <>
            <div class="row search-row">
                <label class="field"><span>{t.find}</span><input type="search" value={query} placeholder={t.findHint} autoComplete="off" onInput={(e) => setQuery(e.currentTarget.value)} /></label>
                <label class="choice"><input type="checkbox" checked={disabled} onChange={(e) => setDisabled(e.currentTarget.checked)} /> {t.onlyDisabled}</label>
            </div>
            {error !== null && <p class="error" role="alert">{reason(error)}</p>}
            {list?.length === 0 && <p class="hint" role="status">{t.none}</p>}
            <ul>{list?.map((a) => <Row key={a.user.id} a={a} put={put} onReports={onReports} />)}</ul>
            {more && <button type="button" onClick={next}>{text.server.more}</button>}
        </>
    );
}
