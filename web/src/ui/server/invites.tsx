import { deleteInvite, listInvites } from '../../api/routes';
import { nameOfUser, type Guild } from '../../store/guilds';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { Avatar } from '../avatar';
import { useRead } from '../screen';
import { relativeTime } from '../time';

export function Invites({ guild }: { guild: Guild }) {
    const { value: list, error, again } = useRead(() => listInvites(guild.id), [guild.id]);
    return (
        <>
            {error !== null && <p class="error" role="alert">{reason(error)}</p>}
            {list?.length === 0 && <p class="hint">{text.invites.none}</p>}
            <ul>
                {list?.map((i) => (
                    <li key={i.code} class="person-row wide">
                        {i.inviter && <Avatar id={i.inviter.id} name={nameOfUser(i.inviter)} size={36} />}
                        <span class="person-name">
                            <strong class="cut">{text.invites.row(i.code, i.uses ?? 0, i.max_uses ?? 0)}</strong>
                            <small>{[i.inviter && nameOfUser(i.inviter), i.channel && `#${i.channel.name}`, i.expires_at ? text.invites.expires(relativeTime(Date.parse(i.expires_at))) : text.invites.never].filter(Boolean).join(' · ')}</small>
                        </span>
                        <button type="button" class="danger" aria-label={`${text.invites.revoke}: ${i.code}`} onClick={() => deleteInvite(i.code).then(again, (e: unknown) => tell(reason(e)))}>{text.invites.revoke}</button>
                    </li>
                ))}
            </ul>
        </>
    );
}
