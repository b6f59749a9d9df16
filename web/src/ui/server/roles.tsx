// Roles: their order, colour, and what they allow.
import { useState } from 'preact/hooks';
import { createRole, deleteRole, editRole, giveRole, orderRoles, takeRole } from '../../api/routes';
import type { Role } from '../../api/types';
import { cssColor, nameIn, putIn, rolesOf, type Guild } from '../../store/guilds';
import { mine, myHeight, Permission } from '../../store/permissions';
import { bitOf, GROUPS, type PermissionKey } from '../../store/permission_table';
import { tell } from '../../store/view';
import { reason, text } from '../../text';
import { Avatar } from '../avatar';
import { confirm } from '../dialogs/confirm';
import { sortable } from '../drag';
import { Icon, IconButton } from '../icons';
import { PersonPicker } from './person_picker';

const attempt = (work: Promise<unknown>): void => void work.catch((e: unknown) => tell(reason(e)));
const PALETTE = ['#1abc9c', '#2ecc71', '#3498db', '#9b59b6', '#e91e63', '#f1c40f', '#e67e22', '#e74c3c', '#95a5a6', '#607d8b'];

// list: highest first, without @everyone. The lowest has position 1.
const positionsOf = (list: Role[]): { id: string; position: number }[] => list.map((r, i) => ({ id: r.id, position: list.length - i }));

function Order({ guild, at, choose }: { guild: Guild; at: string; choose: (id: string) => void }) {
    const all = rolesOf(guild);
    const movable = all.filter((r) => r.id !== guild.id);
    const height = myHeight(guild);
    const move = (id: string, to: number): void => {
        const list = movable.filter((r) => r.id !== id);
        list.splice(to, 0, movable.find((r) => r.id === id)!);
        attempt(orderRoles(guild.id, positionsOf(list)));
    };
    const make = async (): Promise<void> => {
        const role = await createRole(guild.id, { name: text.roles.fresh });
        putIn(guild.roles, role.id, role); // the event may come later
        choose(role.id);
    };
    return (
        <div class="role-order">
            <button type="button" class="primary" onClick={() => attempt(make())}>{text.roles.create}</button>
            <ul>
                {all.map((r) => {
                    const i = movable.indexOf(r);
                    const mayMove = i >= 0 && r.position < height;
                    return (
                        <li key={r.id} class="role-row" data-open={r.id === at} {...(mayMove ? sortable({ kind: 'role', id: r.id, list: 'roles', index: i }, move) : {})}>
                            <button type="button" class="role-name" aria-current={r.id === at ? 'true' : undefined} onClick={() => choose(r.id)}>
                                <span class="swatch" style={{ background: r.color ? cssColor(r.color) : 'var(--text-soft)' }} />
                                <span class="cut">{r.name}</span>
                                {r.position >= height && r.id !== guild.id && <Icon name="lock" size={14} />}
                            </button>
                            {mayMove && i > 0 && movable[i - 1]!.position < height && <IconButton icon="up" size={16} label={text.roles.up(r.name)} onClick={() => move(r.id, i - 1)} />}
                            {mayMove && i < movable.length - 1 && <IconButton icon="down" size={16} label={text.roles.down(r.name)} onClick={() => move(r.id, i + 1)} />}
                        </li>
                    );
                })}
            </ul>
        </div>
    );
}

function PermissionSwitch({ name, on, disabled, set }: { name: PermissionKey; on: boolean; disabled: boolean; set: (on: boolean) => void }) {
    const [label, hint] = text.permissions.names[name];
    return (
        <label class="permission">
            <span><strong>{label}</strong>{hint && <small>{hint}</small>}</span>
            <input type="checkbox" class="switch" role="switch" checked={on} disabled={disabled} onChange={(e) => set(e.currentTarget.checked)} />
        </label>
    );
}

function RoleMembers({ guild, role }: { guild: Guild; role: Role }) {
    const list = [...guild.members.value.values()].filter((m) => m.roles.includes(role.id));
    return (
        <div class="role-members">
            <h4>{text.roles.members(list.length)}</h4>
            <PersonPicker guild={guild} without={new Set(list.map((m) => m.user.id))} label={text.roles.addMember} onPick={(id) => attempt(giveRole(guild.id, id, role.id))} />
            <ul>
                {list.map((m) => {
                    const name = nameIn(guild, m.user);
                    return (
                        <li key={m.user.id} class="person-row">
                            <Avatar id={m.user.id} name={name} size={28} /><span class="cut">{name}</span>
                            <IconButton icon="close" size={16} label={text.roles.take(role.name, name)} onClick={() => attempt(takeRole(guild.id, m.user.id, role.id))} />
                        </li>
                    );
                })}
            </ul>
        </div>
    );
}

function Color({ value, disabled, set }: { value: number; disabled: boolean; set: (color: number) => void }) {
    return (
        <fieldset disabled={disabled}>
            <legend>{text.roles.color}</legend>
            <div class="swatches">
                <button type="button" class="swatch none" aria-pressed={value === 0} aria-label={text.roles.noColor} title={text.roles.noColor} onClick={() => set(0)}><Icon name="close" size={14} /></button>
                {PALETTE.map((c) => <button key={c} type="button" class="swatch" style={{ background: c }} aria-pressed={cssColor(value) === c} aria-label={c} onClick={() => set(parseInt(c.slice(1), 16))} />)}
                <input type="color" aria-label={text.roles.ownColor} value={value ? cssColor(value) : '#99aab5'} onInput={(e) => set(parseInt(e.currentTarget.value.slice(1), 16))} />
            </div>
        </fieldset>
    );
}

function Permissions({ bits, held, locked, set }: { bits: bigint; held: bigint; locked: boolean; set: (bits: bigint) => void }) {
    return (
        <>
            {GROUPS.map((g) => (
                <section key={g.key} class="permissions">
                    <h4>{text.permissions.groups[g.key]}</h4>
                    {g.keys.map((k) => {
                        const bit = bitOf(k);
                        return <PermissionSwitch key={k} name={k} on={(bits & bit) !== 0n} disabled={locked || !(held & bit)} set={(on) => set(on ? bits | bit : bits & ~bit)} />;
                    })}
                </section>
            ))}
        </>
    );
}

function Editor({ guild, role, gone }: { guild: Guild; role: Role; gone: () => void }) {
    const [draft, setDraft] = useState({ name: role.name, color: role.color, hoist: role.hoist, mentionable: role.mentionable, permissions: BigInt(role.permissions) });
    const [busy, setBusy] = useState(false);
    const everyone = role.id === guild.id;
    const locked = !everyone && role.position >= myHeight(guild);
    const held = mine(guild) & Permission.Administrator ? ~0n : mine(guild);
    const change = (changes: Partial<typeof draft>): void => setDraft({ ...draft, ...changes });
    const save = async (): Promise<void> => {
        setBusy(true);
        const permissions = String(draft.permissions);
        await editRole(guild.id, role.id, everyone ? { permissions } : { ...draft, permissions }).then(() => tell(text.settings.saved), (e: unknown) => tell(reason(e)));
        setBusy(false);
    };
    const remove = async (): Promise<void> => {
        if (!(await confirm(text.roles.remove, text.roles.sureRemove(role.name)))) return;
        await deleteRole(guild.id, role.id);
        gone();
    };
    return (
        <form class="role-editor form" onSubmit={(e) => { e.preventDefault(); void save(); }}>
            {locked && <p class="hint">{text.roles.locked}</p>}
            {!everyone && (
                <>
                    <label class="field"><span>{text.roles.name}</span><input required maxLength={100} value={draft.name} disabled={locked} onInput={(e) => change({ name: e.currentTarget.value })} /></label>
                    <Color value={draft.color} disabled={locked} set={(color) => change({ color })} />
                    <label class="permission"><span><strong>{text.roles.hoist}</strong></span><input type="checkbox" class="switch" role="switch" checked={draft.hoist} disabled={locked} onChange={(e) => change({ hoist: e.currentTarget.checked })} /></label>
                    <label class="permission"><span><strong>{text.roles.mentionable}</strong></span><input type="checkbox" class="switch" role="switch" checked={draft.mentionable} disabled={locked} onChange={(e) => change({ mentionable: e.currentTarget.checked })} /></label>
                    {!locked && <RoleMembers guild={guild} role={role} />}
                </>
            )}
            <Permissions bits={draft.permissions} held={held} locked={locked} set={(permissions) => change({ permissions })} />
            <footer class="sticky">
                {!everyone && !role.managed && <button type="button" class="danger" disabled={locked} onClick={() => attempt(remove())}>{text.roles.remove}</button>}
                <button class="primary" disabled={busy || locked}>{text.settings.save}</button>
            </footer>
        </form>
    );
}

export function Roles({ guild }: { guild: Guild }) {
    const [at, setAt] = useState(() => rolesOf(guild)[0]!.id);
    const role = guild.roles.value.get(at) ?? guild.roles.value.get(guild.id)!;
    return (
        <div class="roles">
            <Order guild={guild} at={role.id} choose={setAt} />
            <Editor key={role.id} guild={guild} role={role} gone={() => setAt(guild.id)} />
        </div>
    );
}
