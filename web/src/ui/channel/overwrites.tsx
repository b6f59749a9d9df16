// A channel's own permissions: for each role or member what is allowed, refused, or as the server says.
import { useState } from 'preact/hooks';
import { deleteOverwrite, putOverwrite } from '../../api/routes';
import type { Channel, Overwrite } from '../../api/types';
import { nameIn, rolesOf, users, type Guild } from '../../store/guilds';
import { mayIn, mine, myHeight, Permission } from '../../store/permissions';
import { bitOf, GROUPS, type PermissionKey } from '../../store/permission_table';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { Avatar } from '../avatar';
import { Icon } from '../icons';
import { openMenu } from '../popover';
import { PersonPicker } from '../server/person_picker';

type State = 'deny' | 'inherit' | 'allow';
const STATES: State[] = ['deny', 'inherit', 'allow'];
const ICONS = { deny: 'close', inherit: 'slash', allow: 'check' } as const;

const nameOf = (guild: Guild, o: { id: string; type: number }): string =>
    o.type === 0 ? (guild.roles.value.get(o.id)?.name ?? o.id) : users.has(o.id) ? nameIn(guild, users.get(o.id)!) : o.id;

function Choice({ name, state, disabled, set }: { name: PermissionKey; state: State; disabled: boolean; set: (state: State) => void }) {
    const [label, hint] = text.permissions.names[name];
    return (
        <fieldset class="permission tri" disabled={disabled}>
            <legend class="visually-hidden">{label}</legend>
            <span aria-hidden="true"><strong>{label}</strong>{hint && <small>{hint}</small>}</span>
            <span class="tri-choices">
                {STATES.map((s) => (
                    <label key={s} class={`tri-${s}`} title={text.permissions.states[s]}>
                        <input type="radio" class="visually-hidden" name={name} checked={state === s} aria-label={text.permissions.states[s]} onChange={() => set(s)} />
                        <Icon name={ICONS[s]} size={16} />
                    </label>
                ))}
            </span>
        </fieldset>
    );
}

function Editor({ guild, channel, overwrite, gone }: { guild: Guild; channel: Channel; overwrite: Overwrite; gone: () => void }) {
    const [allow, setAllow] = useState(BigInt(overwrite.allow));
    const [deny, setDeny] = useState(BigInt(overwrite.deny));
    const [busy, setBusy] = useState(false);
    const role = overwrite.type === 0 ? guild.roles.value.get(overwrite.id) : undefined;
    const locked = !!role && role.id !== guild.id && role.position >= myHeight(guild);
    const held = mine(guild) & Permission.Administrator ? ~0n : mine(guild);
    const stateOf = (bit: bigint): State => (allow & bit ? 'allow' : deny & bit ? 'deny' : 'inherit');
    const set = (bit: bigint, state: State): void => {
        setAllow(state === 'allow' ? allow | bit : allow & ~bit);
        setDeny(state === 'deny' ? deny | bit : deny & ~bit);
    };
    const run = async (work: Promise<unknown>): Promise<void> => {
        setBusy(true);
        await work.then(() => tell(text.settings.saved), (e: unknown) => tell(reason(e)));
        setBusy(false);
    };
    const isNew = !channel.permission_overwrites?.some((o) => o.id === overwrite.id);
    return (
        <form class="role-editor form" onSubmit={(e) => { e.preventDefault(); void run(putOverwrite(channel.id, { ...overwrite, allow: String(allow), deny: String(deny) })); }}>
            {GROUPS.filter((g) => g.inChannel.length).map((g) => (
                <section key={g.key} class="permissions">
                    <h4>{text.permissions.groups[g.key]}</h4>
                    {g.inChannel.map((k) => <Choice key={k} name={k} state={stateOf(bitOf(k))} disabled={locked || !(held & bitOf(k))} set={(s) => set(bitOf(k), s)} />)}
                </section>
            ))}
            <footer class="sticky">
                {!isNew && <button type="button" class="danger" disabled={locked || busy} onClick={() => void run(deleteOverwrite(channel.id, overwrite.id)).then(gone)}>{text.permissions.remove}</button>}
                <button class="primary" disabled={busy || locked}>{text.settings.save}</button>
            </footer>
        </form>
    );
}

export function Overwrites({ guild, channel }: { guild: Guild; channel: Channel }) {
    const [added, setAdded] = useState<Overwrite[]>([]);
    const [at, setAt] = useState(guild.id);
    const known = channel.permission_overwrites ?? [];
    const fresh = (id: string, type: number): Overwrite => ({ id, type, allow: '0', deny: '0' });
    const all = [known.find((o) => o.id === guild.id) ?? fresh(guild.id, 0), ...known.filter((o) => o.id !== guild.id), ...added.filter((a) => !known.some((o) => o.id === a.id))];
    const now = all.find((o) => o.id === at) ?? all[0]!;
    const ids = new Set(all.map((o) => o.id));
    const add = (id: string, type: number): void => {
        setAdded([...added, fresh(id, type)]);
        setAt(id);
    };
    const roles = rolesOf(guild).filter((r) => !ids.has(r.id));
    if (!mayIn(channel.id, Permission.ManageRoles)) return <p class="hint">{text.permissions.locked}</p>;
    return (
        <div class="roles">
            <div class="role-order">
                <button type="button" class="primary" disabled={!roles.length} onClick={(e) => openMenu(e.currentTarget, text.permissions.addRole, roles.map((r) => ({ label: r.name, onPick: () => add(r.id, 0) })))}>{text.permissions.addRole}</button>
                <PersonPicker guild={guild} without={ids} label={text.permissions.addMember} onPick={(id) => add(id, 1)} />
                <ul>
                    {all.map((o) => (
                        <li key={o.id} class="role-row" data-open={o === now}>
                            <button type="button" class="role-name" aria-current={o === now ? 'true' : undefined} onClick={() => setAt(o.id)}>
                                {o.type === 1 ? <Avatar id={o.id} name={nameOf(guild, o)} size={20} /> : <Icon name="shield" size={18} />}
                                <span class="cut">{nameOf(guild, o)}</span>
                            </button>
                        </li>
                    ))}
                </ul>
            </div>
            <Editor key={now.id} guild={guild} channel={channel} overwrite={now} gone={() => setAt(guild.id)} />
        </div>
    );
}
