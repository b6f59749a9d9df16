// One of the members beside a conversation.
import type { Member } from '../api/types';
import { colorIn, nameIn, type Guild } from '../store/guilds';
import { customs, statusOf } from '../store/presence';
import { text } from '../text';
import { Avatar } from './avatar';
import { openProfile } from './profile';

export function MemberRow({ guild, member }: { guild: Guild; member: Member }) {
    const status = statusOf(member.user.id);
    const name = nameIn(guild, member.user);
    return (
        <button type="button" class="member" data-away={status === 'offline'} onClick={(e) => openProfile(member.user.id, e.currentTarget)}>
            <Avatar id={member.user.id} name={name} size={32} status={status} />
            <span class="member-name">
                <span class="name" style={{ color: colorIn(guild, member.user.id) }}>{name}</span>
                {status !== 'offline' && customs.has(member.user.id) && <small class="cut">{customs.get(member.user.id)}</small>}
            </span>
            {member.user.bot && <span class="tag">{text.chat.bot}</span>}
            {member.user.id === guild.ownerId.value && <span class="crown" role="img" aria-label={text.members.owner} title={text.members.owner}>★</span>}
        </button>
    );
}
