// Who did what to the server, newest first.
import { useEffect, useState } from 'preact/hooks';
import { listAudit } from '../../api/routes';
import type { AuditEntry } from '../../api/types';
import { nameIn, seeUser, users, type Guild } from '../../store/guilds';
import { timeOf } from '../../store/snowflake';
import { reason, text } from '../../text';
import { Avatar } from '../avatar';
import { messageTime } from '../time';

const PAGE = 50; // the server's own
const value = (v: unknown): string => (v === null || v === undefined || v === '' ? '—' : typeof v === 'object' ? (Array.isArray(v) ? v.map((x: { name?: string }) => x.name ?? String(x)).join(', ') : JSON.stringify(v)) : String(v));

function nameOfTarget(guild: Guild, e: AuditEntry): string {
    const id = e.target_id ?? '';
    const change = e.changes?.find((c) => c.key === 'name' || c.key === 'code');
    const told = change && value(change.new_value ?? change.old_value);
    if (users.has(id)) return nameIn(guild, users.get(id)!);
    const channel = guild.channels.value.get(id) ?? guild.channels.value.get(e.options?.channel_id ?? '');
    return guild.roles.value.get(id)?.name ?? guild.channels.value.get(id)?.name ?? told ?? channel?.name ?? (id === guild.id ? guild.name.value : id);
}

// The same, with names in the place of the ids of channels.
const told = (guild: Guild, v: unknown): string => guild.channels.value.get(String(v))?.name ?? value(v);

function Entry({ guild, e }: { guild: Guild; e: AuditEntry }) {
    const who = e.user_id && users.has(e.user_id) ? nameIn(guild, users.get(e.user_id)!) : text.audit.nobody;
    const what = (text.audit.actions[e.action_type] ?? text.audit.other(e.action_type)).replace('%', nameOfTarget(guild, e)) + (Number(e.options?.count) > 1 ? ` (${e.options!.count})` : '');
    const head = (
        <>
            <Avatar id={e.user_id ?? '0'} name={who} size={32} />
            <span class="person-name"><span><strong>{who}</strong> {what}</span><small>{messageTime(timeOf(e.id))}{e.reason && ` · ${text.audit.because(e.reason)}`}</small></span>
        </>
    );
    if (!e.changes?.length) return <li class="audit-entry"><div class="person-row">{head}</div></li>;
    return (
        <li class="audit-entry">
            <details>
                <summary class="person-row">{head}</summary>
                <dl>
                    {e.changes.map((c) => <div key={c.key}><dt>{text.audit.keys[c.key] ?? c.key.replaceAll('_', ' ')}</dt><dd>{c.old_value !== undefined && <><s>{told(guild, c.old_value)}</s> → </>}{told(guild, c.new_value)}</dd></div>)}
                </dl>
            </details>
        </li>
    );
}

export function Audit({ guild }: { guild: Guild }) {
    const [list, setList] = useState<AuditEntry[]>([]);
    const [whole, setWhole] = useState(false);
    const [error, setError] = useState<string | null>(null);
    const [user, setUser] = useState('');
    const [action, setAction] = useState('');
    const read = (more: boolean): void => {
        const before = more ? list.at(-1)?.id : undefined;
        listAudit(guild.id, { ...(user && { user_id: user }), ...(action && { action_type: action }), ...(before && { before }) }).then((page) => {
            page.users.forEach(seeUser);
            setList(more ? [...list, ...page.audit_log_entries] : page.audit_log_entries);
            setWhole(page.audit_log_entries.length < PAGE);
        }, (e: unknown) => setError(reason(e)));
    };
    useEffect(() => read(false), [user, action]);
    const doers = [...new Set(list.map((e) => e.user_id).filter((id) => !!id))].concat(user && !list.some((e) => e.user_id === user) ? [user] : []);
    return (
        <>
            <div class="row">
                <label class="field"><span>{text.audit.who}</span>
                    <select onChange={(e) => setUser(e.currentTarget.value)}><option value="">{text.audit.everybody}</option>{doers.map((id) => <option value={id!} selected={id === user}>{users.has(id!) ? nameIn(guild, users.get(id!)!) : id}</option>)}</select>
                </label>
                <label class="field"><span>{text.audit.what}</span>
                    <select onChange={(e) => setAction(e.currentTarget.value)}><option value="">{text.audit.everything}</option>{Object.entries(text.audit.kinds).map(([n, label]) => <option value={n} selected={n === action}>{label}</option>)}</select>
                </label>
            </div>
            {error && <p class="error" role="alert">{error}</p>}
            {!list.length && whole && <p class="hint">{text.audit.none}</p>}
            <ul class="audit">{list.map((e) => <Entry key={e.id} guild={guild} e={e} />)}</ul>
            {!whole && list.length > 0 && <button type="button" onClick={() => read(true)}>{text.server.more}</button>}
        </>
    );
}
