import { lookAtProfile, relate, unrelate } from '../api/routes';
import { RelationshipType } from '../api/types';
import { guilds, nameIn, nameOfUser, users, type Guild } from '../store/guilds';
import { me } from '../store/me';
import { typeOf } from '../store/people';
import { customs, statusOf } from '../store/presence';
import { timeOf } from '../store/snowflake';
import { currentGuild, tell } from '../store/view';
import { reason, text } from '../text';
import { Avatar } from './avatar';
import { insertInComposer } from './composer_text';
import { block, unfriend } from './friends';
import { Markdown } from './markdown/render';
import { moderationOf } from './moderation';
import { closePopover, openPopover } from './popover';
import { useRead } from './screen';
import { dayOf } from './time';
import { writeTo } from './write_to';

function Moderate({ guild, id }: { guild: Guild; id: string }) {
    const acts = moderationOf(guild, id);
    if (!acts.length) return null;
    return (
        <div class="profile-actions">
            {acts.map((a) => <button key={a.label} type="button" class={a.danger ? 'danger' : ''} onClick={() => { closePopover(); a.onPick(); }}>{a.label}</button>)}
        </div>
    );
}

function About({ id }: { id: string }) {
    const { value: p } = useRead(() => lookAtProfile(id), [id]);
    const shared = (p?.mutual_guilds ?? []).flatMap((g) => guilds.value.get(g.id)?.name.value ?? []);
    if (!p || id === me.value?.id && !p.user_profile?.bio) return null;
    return (
        <>
            {p.user_profile?.pronouns && <p class="hint">{p.user_profile.pronouns}</p>}
            {p.user_profile?.bio && <div class="bio"><Markdown source={p.user_profile.bio} /></div>}
            {shared.length > 0 && id !== me.value?.id && <p class="hint">{text.members.shared(shared)}</p>}
        </>
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
            {customs.has(id) && <p class="custom">{customs.get(id)}</p>}
            <About id={id} />
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
            {guild && member && <Moderate guild={guild} id={id} />}
        </div>
    );
}

export function openProfile(id: string, anchor: Element): void {
    if (users.has(id)) openPopover(anchor, nameOfUser(users.get(id)!), () => <Profile id={id} />);
}
