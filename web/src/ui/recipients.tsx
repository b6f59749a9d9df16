// Who is in a group DM.
import { removeRecipient } from '../api/routes';
import type { Channel, User } from '../api/types';
import { nameOfUser, users } from '../store/guilds';
import { me } from '../store/me';
import { presences, statusOf } from '../store/presence';
import { membersShown, pane, tell } from '../store/view';
import { reason, text } from '../text';
import { Avatar } from './avatar';
import { IconButton } from './icons';
import { openProfile } from './profile';

function Recipient({ channel, user }: { channel: Channel; user: User }) {
    const name = nameOfUser(users.get(user.id) ?? user);
    const status = statusOf(user.id);
    const mayRemove = channel.owner_id === me.value?.id && user.id !== me.value?.id;
    return (
        <li class="recipient">
            <button type="button" class="member" data-away={status === 'offline'} onClick={(e) => openProfile(user.id, e.currentTarget)}>
                <Avatar id={user.id} name={name} size={32} status={status} />
                <span class="name">{name}</span>
                {user.id === channel.owner_id && <span class="crown" role="img" aria-label={text.direct.owner} title={text.direct.owner}>★</span>}
            </button>
            {mayRemove && <IconButton icon="close" size={16} label={text.direct.remove(name)} onClick={() => void removeRecipient(channel.id, user.id).catch((e: unknown) => tell(reason(e)))} />}
        </li>
    );
}

export function Recipients({ channel }: { channel: Channel }) {
    const shown = membersShown.value || pane.value === 'members';
    presences.value;
    if (!shown) return null;
    const all = [me.value!, ...(channel.recipients ?? [])];
    return (
        <aside class="members" aria-label={text.members.label}>
            <section>
                <h3>{text.friends.count(text.members.label, all.length)}</h3>
                <ul>{all.map((u) => <Recipient key={u.id} channel={channel} user={u} />)}</ul>
            </section>
        </aside>
    );
}
