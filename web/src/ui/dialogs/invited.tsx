// An invite link was opened: what it leads to, and the way in.
import { useEffect, useState } from 'preact/hooks';
import { join, lookAtInvite } from '../../api/routes';
import type { Invite } from '../../api/types';
import { me } from '../../store/me';
import { invited, place } from '../../store/view';
import { text } from '../../text';
import { colorOf, initials } from '../avatar';
import { iconUrl } from '../images';
import { Dialog } from './dialog';
import { Form } from './form';
import { openWhenThere } from './guild_new';

export function Invited() {
    const code = invited.value;
    const [invite, setInvite] = useState<Invite | null | undefined>();
    useEffect(() => {
        if (code) lookAtInvite(code).then(setInvite, () => setInvite(null));
    }, [code]);
    if (!code || !me.value) return null;
    const close = (): void => {
        invited.value = null;
        history.replaceState(null, '', place.value.guild ? `#/${place.value.guild}/${place.value.channel ?? ''}` : '#/');
    };
    const guild = invite?.guild;
    return (
        <Dialog title={text.guild.joinTitle} onClose={close}>
            {invite === null && <p class="error" role="alert">{text.guild.badInvite}</p>}
            {invite && guild && (
                <Form label={text.guild.join} onSubmit={async () => { await join(code); openWhenThere(guild.id, invite.channel?.id); }}>
                    <div class="invited">
                        {guild.icon ? <img class="guild-face" src={iconUrl(guild.id, guild.icon, 64)} alt="" /> : <span class="guild-face" style={{ background: colorOf(guild.id) }} aria-hidden="true">{initials(guild.name)}</span>}
                        <p>{text.guild.invitedTo}<br /><strong>{guild.name}</strong><br />
                            {invite.approximate_member_count !== undefined && <small class="hint">{text.guild.members(invite.approximate_member_count)} · {text.guild.online(invite.approximate_presence_count ?? 0)}</small>}
                        </p>
                    </div>
                </Form>
            )}
        </Dialog>
    );
}
