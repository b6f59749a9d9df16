import { useState } from 'preact/hooks';
import { listBans, unban } from '../../api/routes';
import { nameOfUser, type Guild } from '../../store/guilds';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { Avatar } from '../avatar';
import { useRead } from '../screen';

export function Bans({ guild }: { guild: Guild }) {
    const { value: list, error, again } = useRead(() => listBans(guild.id), [guild.id]);
    const [query, setQuery] = useState('');
    const shown = list?.filter((b) => [nameOfUser(b.user), b.user.username].some((n) => n.toLowerCase().includes(query.toLowerCase())));
    return (
        <>
            {error !== null && <p class="error" role="alert">{reason(error)}</p>}
            {list && list.length > 5 && <input type="search" aria-label={text.server.findBan} placeholder={text.server.findBan} value={query} onInput={(e) => setQuery(e.currentTarget.value)} />}
            {list?.length === 0 && <p class="hint">{text.server.noBans}</p>}
            <ul>
                {shown?.map((b) => (
                    <li key={b.user.id} class="person-row wide">
                        <Avatar id={b.user.id} name={nameOfUser(b.user)} size={36} />
                        <span class="person-name"><strong class="cut">{nameOfUser(b.user)}</strong><small>{b.reason || text.server.noReason}</small></span>
                        <button type="button" aria-label={`${text.server.unban}: ${nameOfUser(b.user)}`} onClick={() => unban(guild.id, b.user.id).then(again, (e: unknown) => tell(reason(e)))}>{text.server.unban}</button>
                    </li>
                ))}
            </ul>
        </>
    );
}
