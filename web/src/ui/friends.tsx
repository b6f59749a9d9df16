// Friends, requests and blocks: what the middle shows at home.
import { useState } from 'preact/hooks';
import { addFriend, relate, unrelate } from '../api/routes';
import type { Relationship, User } from '../api/types';
import { RelationshipType } from '../api/types';
import { nameOfUser } from '../store/guilds';
import { me } from '../store/me';
import { ofType, relationships, requests } from '../store/people';
import { presences, statusOf } from '../store/presence';
import { dialog, guildCount, pane, tell } from '../store/view';
import { reason, text } from '../text';
import { Avatar } from './avatar';
import { confirm } from './dialogs/confirm';
import { Form } from './dialogs/form';
import { Icon, IconButton } from './icons';
import { openMenu } from './popover';
import { openProfile } from './profile';
import { writeTo } from './write_to';

type Tab = 'online' | 'all' | 'pending' | 'blocked' | 'add';
const attempt = (work: Promise<unknown>): void => void work.catch((e: unknown) => tell(reason(e)));

export async function block(user: User): Promise<void> {
    if (await confirm(text.friends.block, text.friends.sureBlock(nameOfUser(user)))) attempt(relate(user.id, 2));
}
export async function unfriend(user: User): Promise<void> {
    if (await confirm(text.friends.remove, text.friends.sureRemove(nameOfUser(user)))) attempt(unrelate(user.id));
}

function listOf(tab: Tab, filter: string): Relationship[] {
    const types = { online: [RelationshipType.Friend], all: [RelationshipType.Friend], pending: [RelationshipType.Incoming, RelationshipType.Outgoing], blocked: [RelationshipType.Blocked], add: [] }[tab];
    const q = filter.toLowerCase();
    const fits = (r: Relationship): boolean => [nameOfUser(r.user!), r.user!.username].some((n) => n.toLowerCase().includes(q));
    const list = types.flatMap(ofType).filter((r) => r.user && fits(r) && (tab !== 'online' || statusOf(r.id) !== 'offline'));
    return list.sort((a, b) => a.type - b.type || nameOfUser(a.user!).localeCompare(nameOfUser(b.user!)));
}

function FriendActions({ r, name }: { r: Relationship; name: string }) {
    const user = r.user!;
    if (r.type === RelationshipType.Blocked)
        return <button type="button" aria-label={`${text.friends.unblock}: ${name}`} onClick={() => attempt(unrelate(user.id))}>{text.friends.unblock}</button>;
    if (r.type === RelationshipType.Incoming)
        return (
            <>
                <IconButton icon="check" class="round ok" label={text.friends.accept(name)} onClick={() => attempt(relate(user.id, 1))} />
                <IconButton icon="close" class="round" label={text.friends.decline(name)} onClick={() => attempt(unrelate(user.id))} />
            </>
        );
    if (r.type === RelationshipType.Outgoing) return <IconButton icon="close" class="round" label={text.friends.cancel(name)} onClick={() => attempt(unrelate(user.id))} />;
    const more = (anchor: Element): void =>
        openMenu(anchor, text.friends.more(name), [
            { label: text.friends.remove, danger: true, onPick: () => void unfriend(user) },
            { label: text.friends.block, danger: true, onPick: () => void block(user) },
        ]);
    return (
        <>
            <IconButton icon="message" class="round" label={text.friends.message(name)} onClick={() => attempt(writeTo(user.id))} />
            <IconButton icon="more" class="round" label={text.friends.more(name)} onClick={(e) => more(e.currentTarget)} />
        </>
    );
}

function detailOf(r: Relationship): string {
    if (r.type === RelationshipType.Incoming) return text.friends.incoming;
    if (r.type === RelationshipType.Outgoing) return text.friends.outgoing;
    return r.type === RelationshipType.Friend ? text.members.status[statusOf(r.id)]! : r.user!.username;
}

function FriendRow({ r }: { r: Relationship }) {
    const name = nameOfUser(r.user!);
    return (
        <li class="friend">
            <button type="button" class="friend-who" onClick={(e) => openProfile(r.id, e.currentTarget)}>
                <Avatar id={r.id} name={name} size={36} status={r.type === RelationshipType.Friend ? statusOf(r.id) : undefined} />
                <span><strong>{name}</strong><small>{detailOf(r)}</small></span>
            </button>
            <FriendActions r={r} name={name} />
        </li>
    );
}

function AddFriend() {
    const [sent, setSent] = useState<string | null>(null);
    return (
        <div class="friends-add">
            <h3>{text.friends.tabs.add}</h3>
            <p class="hint">{text.friends.addHint}</p>
            <Form label={text.friends.send} onSubmit={async (get) => { setSent(null); await addFriend(get('username')); setSent(get('username')); }}>
                <label class="field"><span>{text.friends.name}</span><input name="username" required maxLength={32} autoComplete="off" autoCapitalize="none" spellcheck={false} /></label>
                {sent && <p class="good" role="status">{text.friends.sent(sent)}</p>}
            </Form>
        </div>
    );
}

function List({ tab }: { tab: Tab }) {
    const [filter, setFilter] = useState('');
    const list = listOf(tab, filter);
    return (
        <>
            {relationships.value.size > 5 && <input type="search" aria-label={text.friends.filter} placeholder={text.friends.filter} value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />}
            {list.length ? <h3>{text.friends.count(text.friends.tabs[tab]!, list.length)}</h3> : <p class="hint none"><Icon name="people" size={56} />{text.friends.none[tab]}</p>}
            <ul>{list.map((r) => <FriendRow key={r.id} r={r} />)}</ul>
        </>
    );
}

export function Friends() {
    const [tab, setTab] = useState<Tab>(() => (ofType(RelationshipType.Friend).length ? 'online' : 'all'));
    const asked = requests.value;
    presences.value;
    return (
        <main class="home friends">
            <header class="chat-header">
                <IconButton icon="menu" class="phone-only" label={text.chat.showNav} onClick={() => (pane.value = 'nav')} />
                <Icon name="people" size={22} />
                <h2>{text.friends.title}</h2>
                <div class="tabs" role="group" aria-label={text.friends.title}>
                    {Object.entries(text.friends.tabs).map(([key, label]) => (
                        <button key={key} type="button" class={`tab tab-${key}`} aria-pressed={tab === key} onClick={() => setTab(key as Tab)}>
                            {label}{key === 'pending' && asked > 0 && <span class="badge" aria-label={text.friends.pending(asked)}>{asked}</span>}
                        </button>
                    ))}
                </div>
            </header>
            <div class="friends-body">
                <h1 class={guildCount.value ? 'visually-hidden' : 'hello'}>{text.home.title(nameOfUser(me.value!))}</h1>
                {!guildCount.value && <p class="hello-more">{text.home.none} <button type="button" class="primary" onClick={() => (dialog.value = { name: 'guild-new' })}>{text.rail.add}</button></p>}
                {tab === 'add' ? <AddFriend /> : <List key={tab} tab={tab} />}
            </div>
        </main>
    );
}
