// Which dialog is open.
import type { JSX } from 'preact';
import { me } from '../../store/me';
import { dialog, type DialogName } from '../../store/view';
import { ChannelEdit, ChannelNew } from './channel_new';
import { Confirm } from './confirm';
import { Group, GroupName } from './group';
import { GuildNew } from './guild_new';
import { InviteDialog } from './invite';
import { Invited } from './invited';
import { Keys } from './keys';
import { Pins } from './pins';
import { Settings } from './settings';
import { Switcher } from './switcher';

const DIALOGS: Record<DialogName, (argument?: string) => JSX.Element> = {
    'guild-new': () => <GuildNew />,
    'channel-new': (category) => <ChannelNew category={category} />,
    'channel-edit': (id) => <ChannelEdit id={id ?? ''} />,
    invite: (channel) => <InviteDialog channel={channel} />,
    settings: () => <Settings />,
    switcher: () => <Switcher />,
    keys: () => <Keys />,
    group: (channel) => <Group channel={channel} />,
    'group-name': (id) => <GroupName id={id ?? ''} />,
    pins: (channel) => <Pins channel={channel ?? ''} />,
};

export function Dialogs() {
    const open = dialog.value;
    return (
        <>
            {open && me.value && DIALOGS[open.name](open.argument)}
            <Invited />
            <Confirm />
        </>
    );
}
