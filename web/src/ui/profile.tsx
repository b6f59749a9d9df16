import { ban, kick, relate, timeOut, unrelate } from '../api/routes';
import { RelationshipType } from '../api/types';
import { nameIn, nameOfUser, users, type Guild } from '../store/guilds';
import { me } from '../store/me';
import { typeOf } from '../store/people';
import { mayInGuild, Permission } from '../store/permissions';
import { statusOf } from '../store/presence';
import { timeOf } from '../store/snowflake';
import { currentGuild, tell } from '../store/view';
import { reason, text } from '../text';
import { Avatar } from './avatar';
import { insertInComposer } from './composer_text';
import { confirm } from './dialogs/confirm';
import { block, unfriend } from './friends';
import { closePopover, openPopover } from './popover';
import { dayOf } from './time';
import { writeTo } from './write_to';

const TIME_OUT_MS = 10 * 60_000;

async function moderate(label: string, name: string, act: () => Promise<unknown>): Promise<void> {
    closePopover();
    if (!(await confirm(label, text.members.sure(label, name)))) return;
    try {
        await act();
    } catch (e) {
        tell(reason(e));
    }
}

function Moderation({ guild, id, name }: { guild: Guild; id: string; name: string }) {
    if (id === me.value?.id || id === guild.ownerId.value) return null;
    const member = guild.members.value.get(id);
    const until = member?.communication_disabled_until;
    const out = !!until && Date.parse(until) > Date.now();
    const timeOutLabel = out ? text.members.endTimeOut : text.members.timeOut;
    return (
        <div class="profile-actions">
            {mayInGuild(guild, Permission.TimeOut) && <button type="button" onClick={() => moderate(timeOutLabel, name, () => timeOut(guild.id, id, out ? null : new Date(Date.now() + TIME_OUT_MS).toISOString()))}>{timeOutLabel}</button>}
            {mayInGuild(guild, Permission.Kick) && <button type="button" class="danger" onClick={() => moderate(text.members.kick, name, () => kick(guild.id, id))}>{text.members.kick}</button>}
            {mayInGuild(guild, Permission.Ban) && <button type="button" class="danger" onClick={() => moderate(text.members.ban, name, () => ban(guild.id, id))}>{text.members.ban}</button>}
        </div>
    );
}

// What I have with them, and what could come of it.
function Relation({ id }: { id: string }) {
    const user = users.get(id)!;
    if (id === me.value?.id || user.bot) return null;
    const type = typeOf(id);
    const then = (work: Promise<unknown>): void => {
        closePopover();
        work.catch((e: unknown) => tell(reason(e)));
    };
    const next: Record<number, [string, () => Promise<unknown>]> = {
        0: [text.friends.add, () => relate(id, 1)],
        [RelationshipType.Friend]: [text.friends.remove, () => unfriend(user)],
        [RelationshipType.Incoming]: [text.friends.acceptIt, () => relate(id, 1)],
        [RelationshipType.Outgoing]: [text.friends.cancelIt, () => unrelate(id)],
        [RelationshipType.Blocked]: [text.friends.unblock, () => unrelate(id)],
    };
    const [label, act] = next[type] ?? next[0]!;
    return (
        <div class="profile-row">
            <button type="button" onClick={() => then(act())}>{label}</button>
            {type !== RelationshipType.Blocked && <button type="button" class="danger" onClick={() => then(block(user))}>{text.friends.block}</button>}
        </div>
    );
}

function Profile({ id }: { id: string }) {
    const user = users.get(id)!;
    const guild = currentGuild.value;
    const member = guild?.members.value.get(id);
    const name = nameIn(guild, user);
    const roles = (member?.roles ?? []).map((r) => guild!.roles.value.get(r)).filter((r) => !!r);
    return (
        <div class="profile">
            <Avatar id={id} name={name} size={72} status={statusOf(id)} />
            <h2>{name}{user.bot && <span class="tag">{text.chat.bot}</span>}</h2>
            <p class="hint">{nameOfUser(user) === user.username ? user.username : `${nameOfUser(user)} · ${user.username}`}</p>
            <dl>
                <dt>{text.members.account}</dt>
                <dd>{dayOf(timeOf(id))}</dd>
                {member?.joined_at && <><dt>{text.members.since}</dt><dd>{dayOf(Date.parse(member.joined_at))}</dd></>}
                {roles.length > 0 && <><dt>{text.members.roles}</dt><dd>{roles.map((r) => r.name).join(', ')}</dd></>}
            </dl>
            <div class="profile-row">
                {id !== me.value?.id && <button type="button" class="primary" onClick={() => { closePopover(false); writeTo(id).catch((e: unknown) => tell(reason(e))); }}>{text.members.message}</button>}
                <button type="button" onClick={() => { closePopover(false); insertInComposer(`<@${id}> `); }}>{text.members.mention}</button>
            </div>
            <Relation id={id} />
            {guild && member && <Moderation guild={guild} id={id} name={name} />}
        </div>
    );
}

export function openProfile(id: string, anchor: Element): void {
    if (users.has(id)) openPopover(anchor, nameOfUser(users.get(id)!), () => <Profile id={id} />);
}
