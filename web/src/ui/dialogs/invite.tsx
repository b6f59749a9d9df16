import { useEffect, useState } from 'preact/hooks';
import { createInvite, deleteInvite, listInvites } from '../../api/routes';
import type { Invite } from '../../api/types';
import { textChannelsOf } from '../../store/guilds';
import { mayInGuild, Permission } from '../../store/permissions';
import { currentChannel, currentGuild, tell } from '../../store/view';
import { reason, text } from '../../text';
import { relativeTime } from '../time';
import { Dialog } from './dialog';

const linkOf = (code: string): string => `${location.origin}/#/invite/${code}`;

function All({ guildId, changed }: { guildId: string; changed: number }) {
    const [list, setList] = useState<Invite[]>([]);
    const read = (): void => void listInvites(guildId).then(setList, () => {});
    useEffect(read, [guildId, changed]);
    if (!list.length) return null;
    return (
        <details>
            <summary>{text.invites.all} ({list.length})</summary>
            <ul class="invite-list">
                {list.map((i) => (
                    <li key={i.code}>
                        <span>{text.invites.row(i.code, i.uses ?? 0, i.max_uses ?? 0)}<br />
                            <small class="hint">{i.expires_at ? text.invites.expires(relativeTime(Date.parse(i.expires_at))) : text.invites.never}</small>
                        </span>
                        <button type="button" class="danger" onClick={() => deleteInvite(i.code).then(read, (e: unknown) => tell(reason(e)))}>{text.invites.revoke}</button>
                    </li>
                ))}
            </ul>
        </details>
    );
}

export function InviteDialog({ channel }: { channel?: string }) {
    const guild = currentGuild.value;
    const id = channel ?? currentChannel.value?.id ?? (guild && textChannelsOf(guild)[0]?.id);
    const [age, setAge] = useState(604800);
    const [uses, setUses] = useState(0);
    const [code, setCode] = useState<string | null>(null);
    const [made, setMade] = useState(0);
    const make = (): void => {
        if (id) createInvite(id, { max_age: age, max_uses: uses }).then((i) => { setCode(i.code); setMade((n) => n + 1); }, (e: unknown) => tell(reason(e)));
    };
    useEffect(make, [id]);
    if (!guild) return null;
    const copy = (): void => void navigator.clipboard.writeText(linkOf(code!)).then(() => tell(text.message.copied), () => {});
    return (
        <Dialog title={text.invites.title(guild.name.value)}>
            <div class="form">
                <label class="field"><span>{text.invites.link}</span>
                    <span class="row"><input readOnly value={code ? linkOf(code) : ''} onFocus={(e) => e.currentTarget.select()} /><button type="button" class="primary" disabled={!code} onClick={copy}>{text.invites.copy}</button></span>
                </label>
                <div class="row">
                    <label class="field"><span>{text.invites.expiry}</span><select onChange={(e) => setAge(Number(e.currentTarget.value))}>{text.invites.ages.map(([n, l]) => <option value={n} selected={n === age}>{l}</option>)}</select></label>
                    <label class="field"><span>{text.invites.uses}</span><select onChange={(e) => setUses(Number(e.currentTarget.value))}>{text.invites.useLimits.map(([n, l]) => <option value={n} selected={n === uses}>{l}</option>)}</select></label>
                </div>
                <button type="button" onClick={make}>{text.invites.make}</button>
                {mayInGuild(guild, Permission.ManageGuild) && <All guildId={guild.id} changed={made} />}
            </div>
        </Dialog>
    );
}
