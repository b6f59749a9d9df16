// Everything about oneself.
import { me } from '../../store/me';
import { signOut } from '../../store/session';
import { dialog } from '../../store/view';
import { text } from '../../text';
import { closeDialog } from '../dialogs/dialog';
import { KeyList } from '../dialogs/keys';
import { Screen } from '../screen';
import { AccountSection } from './account_section';
import { LookSection, NotifySection } from './look_section';
import { ProfileSection } from './profile_section';
import { SessionsSection } from './sessions_section';

export function Settings() {
    const t = text.settings.sections;
    return (
        <Screen
            title={text.settings.title}
            sections={[
                { key: 'profile', label: t.profile, draw: () => <ProfileSection /> },
                { key: 'account', label: t.account, draw: () => <AccountSection /> },
                { key: 'sessions', label: t.sessions, draw: () => <SessionsSection /> },
                { key: 'look', label: t.look, draw: () => <LookSection /> },
                { key: 'notify', label: t.notify, draw: () => <NotifySection /> },
                { key: 'keys', label: t.keys, draw: () => <KeyList /> },
            ]}
            footer={<>{me.value?.administrator && <><hr /><button type="button" onClick={() => (dialog.value = { name: 'admin' })}>{text.admin.title}</button></>}<hr /><button type="button" class="danger" onClick={() => { closeDialog(); void signOut(); }}>{text.settings.signOut}</button></>}
        />
    );
}
