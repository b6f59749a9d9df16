import { adminSummary } from '../../api/routes';
import { reason, text } from '../../text';
import { sizeOf } from '../files';
import { useRead } from '../screen';

const number = new Intl.NumberFormat();

export function Summary() {
    const { value: s, error, again } = useRead(adminSummary, []);
    const t = text.admin.summary;
    if (!s) return error === null ? <p class="hint" role="status">{text.connection.connecting}</p> : <p class="error" role="alert">{reason(error)}</p>;
    const counts: [string, string, string?][] = [
        [t.users, number.format(s.users), t.usersMore(s.users_active, s.users_disabled)],
        [t.guilds, number.format(s.guilds)],
        [t.messages, number.format(s.messages), t.estimated],
        [t.bots, number.format(s.bots)],
        [t.reports, number.format(s.reports_open)],
        [t.database, sizeOf(s.database_bytes), `PostgreSQL ${s.postgresql_version.split(' ')[0]}`],
    ];
    return (
        <>
            <dl class="tiles">
                {counts.map(([label, value, more]) => <div key={label} class="tile"><dt>{label}</dt><dd><strong>{value}</strong>{more && <small>{more}</small>}</dd></div>)}
            </dl>
            <h4>{t.health}</h4>
            <ul class="health">
                {s.services.map((v) => <li key={v.name} data-state={v.state}><span class={`dot in-menu ${v.state === 'ok' ? 'dot-online' : 'dot-dnd'}`} aria-hidden="true" />{v.name}<small>{t.states[v.state] ?? v.state}</small></li>)}
            </ul>
            <h4>{t.rules}</h4>
            <dl class="facts">
                <div><dt>{t.registration}</dt><dd>{t.registrations[s.registration] ?? s.registration}</dd></div>
                <div><dt>{t.age}</dt><dd>{s.minimum_age ? t.years(s.minimum_age) : t.noAge}</dd></div>
                <div><dt>{t.mail}</dt><dd>{s.mail ? t.mailOn : t.mailOff}</dd></div>
            </dl>
            <p class="hint">{t.rulesHint}</p>
            <p><button type="button" onClick={again}>{text.admin.again}</button></p>
        </>
    );
}
