// Where I am signed in, and a way out of there.
import { listSessions, revokeSessions } from '../../api/routes';
import { sessionHash } from '../../store/me';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { confirm } from '../dialogs/confirm';
import { Icon } from '../icons';
import { useRead } from '../screen';
import { relativeTime } from '../time';

export function SessionsSection() {
    const { value: list, error, again } = useRead(listSessions, []);
    const t = text.sessions;
    const mine = sessionHash.value;
    const others = (list ?? []).filter((s) => s.id_hash !== mine).map((s) => s.id_hash);
    const end = (hashes: string[]): void => void revokeSessions(hashes).then(again, (e: unknown) => tell(reason(e)));
    const endAll = async (): Promise<void> => {
        if (await confirm(t.endAll, t.sureAll)) end(others);
    };
    return (
        <>
            <p class="hint">{t.hint}</p>
            {error !== null && <p class="error" role="alert">{reason(error)}</p>}
            <ul>
                {list?.map((s) => {
                    const name = [s.client_info?.platform, s.client_info?.os].filter(Boolean).join(', ') || t.unknown;
                    const here = s.id_hash === mine;
                    return (
                        <li key={s.id_hash} class="person-row wide">
                            <Icon name={/android|ios|mobile/i.test(name) ? 'phone' : 'screen'} size={28} />
                            <span class="person-name"><strong>{name}</strong><small>{here ? t.here : t.last(relativeTime(Date.parse(s.approx_last_used_time)))}</small></span>
                            {!here && <button type="button" class="danger" onClick={() => end([s.id_hash])}>{t.end}</button>}
                        </li>
                    );
                })}
            </ul>
            {others.length > 1 && <p><button type="button" class="primary danger" onClick={() => void endAll()}>{t.endAll}</button></p>}
        </>
    );
}
