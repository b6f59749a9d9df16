// Kick, ban, time-out and nickname of a member: a dialog that asks for what it needs, a reason included.
import { signal } from '@preact/signals';
import { ban, editMember, kick, timeOut } from '../api/routes';
import { nameIn, users, type Guild } from '../store/guilds';
import { isBelowMe, mayInGuild, Permission } from '../store/permissions';
import { me } from '../store/me';
import { tell } from '../store/view';
import { reason, text } from '../text';
import { Dialog } from './dialogs/dialog';
import { Form } from './dialogs/form';
import type { MenuItem } from './popover';

type Act = 'kick' | 'ban' | 'timeOut' | 'nickname';
const asked = signal<{ guild: Guild; id: string; act: Act } | null>(null);
const SECOND_MS = 1000;

const perform: Record<Act, (guild: Guild, id: string, get: (name: string) => string) => Promise<unknown>> = {
    kick: (g, id, get) => kick(g.id, id, get('reason')),
    ban: (g, id, get) => ban(g.id, id, Number(get('purge')), get('reason')),
    timeOut: (g, id, get) => timeOut(g.id, id, new Date(Date.now() + Number(get('for')) * SECOND_MS).toISOString(), get('reason')),
    nickname: (g, id, get) => editMember(g.id, id, { nick: get('nick') || null }),
};

const choice = (list: [number, string][]) => list.map(([n, label]) => <option value={n}>{label}</option>);

function Fields({ guild, id, act }: { guild: Guild; id: string; act: Act }) {
    const t = text.moderation;
    if (act === 'nickname') return <label class="field"><span>{t.nick}</span><input name="nick" maxLength={32} autofocus autoComplete="off" defaultValue={guild.members.value.get(id)?.nick ?? ''} placeholder={users.get(id)?.username} /></label>;
    return (
        <>
            {act === 'ban' && <label class="field"><span>{t.purge}</span><select name="purge">{choice(t.purges)}</select></label>}
            {act === 'timeOut' && <label class="field"><span>{t.length}</span><select name="for">{choice(t.lengths)}</select></label>}
            <label class="field"><span>{t.reason}</span><input name="reason" maxLength={512} autoComplete="off" autofocus /></label>
        </>
    );
}

export function Moderation() {
    const now = asked.value;
    if (!now) return null;
    const { guild, id, act } = now;
    const close = (): void => { asked.value = null; };
    const name = users.has(id) ? nameIn(guild, users.get(id)!) : id;
    return (
        <Dialog title={text.moderation.titles[act]!(name)} onClose={close}>
            <Form label={text.moderation.acts[act]!} danger={act !== 'nickname'} extra={<button type="button" onClick={close}>{text.common.cancel}</button>} onSubmit={async (get) => { await perform[act](guild, id, get); close(); }}>
                <Fields guild={guild} id={id} act={act} />
            </Form>
        </Dialog>
    );
}

const ask = (guild: Guild, id: string, act: Act) => (): void => { asked.value = { guild, id, act }; };

// What I may do to a member, as rows of a menu.
export function moderationOf(guild: Guild, id: string): MenuItem[] {
    const self = id === me.value?.id;
    const below = !self && isBelowMe(guild, id);
    const until = guild.members.value.get(id)?.communication_disabled_until;
    const out = !!until && Date.parse(until) > Date.now();
    const t = text.moderation.acts;
    const rows: (MenuItem | false)[] = [
        (self ? mayInGuild(guild, Permission.ChangeNickname) : below && mayInGuild(guild, Permission.ManageNicknames)) && { label: t.nickname!, onPick: ask(guild, id, 'nickname') },
        below && mayInGuild(guild, Permission.TimeOut) && (out
            ? { label: text.moderation.endTimeOut, onPick: () => void timeOut(guild.id, id, null).catch((e: unknown) => tell(reason(e))) }
            : { label: t.timeOut!, danger: true, onPick: ask(guild, id, 'timeOut') }),
        below && mayInGuild(guild, Permission.Kick) && { label: t.kick!, danger: true, onPick: ask(guild, id, 'kick') },
        below && mayInGuild(guild, Permission.Ban) && { label: t.ban!, danger: true, onPick: ask(guild, id, 'ban') },
    ];
    return rows.filter((r): r is MenuItem => !!r);
}
