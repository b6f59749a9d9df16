// Picks friends: for a new conversation, or into the group (of the DM, with its other) that is open.
import { useState } from 'preact/hooks';
import { addRecipient, editChannel, openGroup } from '../../api/routes';
import { ChannelType, RelationshipType } from '../../api/types';
import { findChannel, putDirect } from '../../store/directs';
import { nameOfUser } from '../../store/guilds';
import { ofType } from '../../store/people';
import { openDirect } from '../../store/view';
import { text } from '../../text';
import { Avatar } from '../avatar';
import { writeTo } from '../write_to';
import { closeDialog, Dialog } from './dialog';
import { Form } from './form';

const OTHERS_MAX = 9;

// What follows from the choice.
async function settle(channelId: string | undefined, picked: string[]): Promise<void> {
    const channel = findChannel(channelId ?? null);
    if (channel?.type === ChannelType.Group) {
        for (const user of picked) await addRecipient(channel.id, user);
        return;
    }
    const all = [...(channel?.recipients ?? []).map((u) => u.id), ...picked];
    if (all.length === 1) return writeTo(all[0]!);
    const group = await openGroup(all);
    putDirect(group);
    openDirect(group.id);
}

export function Group({ channel: id }: { channel?: string }) {
    const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
    const [filter, setFilter] = useState('');
    const there = new Set((findChannel(id ?? null)?.recipients ?? []).map((u) => u.id));
    const friends = ofType(RelationshipType.Friend).filter((r) => r.user && !there.has(r.id));
    const left = OTHERS_MAX - there.size - picked.size;
    const toggle = (user: string): void => {
        const next = new Set(picked);
        if (!next.delete(user)) next.add(user);
        setPicked(next);
    };
    const fits = friends.filter((r) => [nameOfUser(r.user!), r.user!.username].some((n) => n.toLowerCase().includes(filter.toLowerCase())));
    return (
        <Dialog title={id ? text.direct.add : text.direct.start}>
            {friends.length === 0 ? <p class="hint">{text.direct.noFriends}</p> : (
                <Form label={id ? text.direct.add : text.direct.open} disabled={!picked.size} onSubmit={async () => { await settle(id, [...picked]); closeDialog(); }}>
                    <p class="hint">{text.direct.startHint(left)}</p>
                    <input type="search" autofocus aria-label={text.friends.filter} placeholder={text.friends.filter} value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />
                    <ul class="pick-list">
                        {fits.map((r) => (
                            <li key={r.id}>
                                <label class="choice">
                                    <Avatar id={r.id} name={nameOfUser(r.user!)} size={32} />
                                    <span class="name">{nameOfUser(r.user!)} <small>{r.user!.username}</small></span>
                                    <input type="checkbox" checked={picked.has(r.id)} disabled={!picked.has(r.id) && left <= 0} onChange={() => toggle(r.id)} />
                                </label>
                            </li>
                        ))}
                    </ul>
                </Form>
            )}
        </Dialog>
    );
}

export function GroupName({ id }: { id: string }) {
    const channel = findChannel(id);
    if (!channel) return null;
    return (
        <Dialog title={text.direct.rename}>
            <Form label={text.settings.save} onSubmit={async (get) => { await editChannel(id, { name: get('name') }); closeDialog(); }}>
                <label class="field"><span>{text.direct.name}</span><input name="name" required maxLength={100} autofocus defaultValue={channel.name ?? ''} autoComplete="off" /></label>
            </Form>
        </Dialog>
    );
}
