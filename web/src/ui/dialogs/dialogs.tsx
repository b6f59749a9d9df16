// Which dialog is open.
import type { JSX } from 'preact';
import { me } from '../../store/me';
import { dialog, type DialogName } from '../../store/view';
import { Settings } from '../account/settings';
import { StatusDialog } from '../account/status';
import { Admin } from '../admin/admin';
import { ChannelSettings } from '../channel/channel_settings';
import { Moderation } from '../moderation';
import { ServerSettings } from '../server/server_settings';
import { AccountEndDialog, type AccountEnd } from './account_end';
import { ChannelNew } from './channel_new';
import { Confirm } from './confirm';
import { Group, GroupName } from './group';
import { GuildNew } from './guild_new';
import { InviteDialog } from './invite';
import { Invited } from './invited';
import { Keys } from './keys';
import { ReportDialog } from './report';
import { QuietChannel, QuietGuild } from './quiet';
import { Switcher } from './switcher';
import { ViewAs } from './view_as';

const DIALOGS: Record<DialogName, (argument?: string) => JSX.Element> = {
    'guild-new': () => <GuildNew />,
    'channel-new': (category) => <ChannelNew category={category} />,
    'channel-edit': (id) => <ChannelSettings id={id ?? ''} />,
    server: () => <ServerSettings />,
    'view-as': () => <ViewAs />,
    status: () => <StatusDialog />,
    'quiet-guild': (id) => <QuietGuild id={id ?? ''} />,
    'quiet-channel': (id) => <QuietChannel id={id ?? ''} />,
    invite: (channel) => <InviteDialog channel={channel} />,
    settings: () => <Settings />,
    switcher: () => <Switcher />,
    keys: () => <Keys />,
    report: (where) => { const [channel, message] = where!.split('/'); return <ReportDialog channel={channel!} message={message!} />; },
    admin: () => <Admin />,
    'account-end': (act) => <AccountEndDialog act={act as AccountEnd} />,
    group: (channel) => <Group channel={channel} />,
    'group-name': (id) => <GroupName id={id ?? ''} />,
};

export function Dialogs() {
    const open = dialog.value;
    return (
        <>
            {open && me.value && DIALOGS[open.name](open.argument)}
            <Invited />
            <Moderation />
            <Confirm />
        </>
    );
}
