import { editMe, lookAtProfile } from '../../api/routes';
import type { User } from '../../api/types';
import { nameOfUser, seeUser } from '../../store/guilds';
import { me } from '../../store/me';
import { tell } from '../../store/view';
import { text } from '../../text';
import { Avatar } from '../avatar';
import { Form } from '../dialogs/form';
import { PickImage } from '../pick_image';
import { useRead } from '../screen';

export function ProfileSection() {
    const user = me.value!;
    const { value: profile } = useRead(() => lookAtProfile(user.id), [user.id]);
    const t = text.settings;
    const take = (changed: User): void => {
        me.value = { ...me.value!, ...changed };
        seeUser(me.value);
    };
    return (
        <>
            <div class="profile-preview"><Avatar id={user.id} name={nameOfUser(user)} size={72} /><span><strong>{nameOfUser(user)}</strong><small>{user.username}</small></span><PickImage has={!!user.avatar} label={text.images.avatar} onPick={async (avatar) => take(await editMe({ avatar }))} /></div>
            {profile && (
                <Form label={t.save} onSubmit={async (get) => {
                    take(await editMe({ global_name: get('name') || null, bio: get('bio') || null, pronouns: get('pronouns') || null }));
                    tell(t.saved);
                }}>
                    <label class="field"><span>{t.displayName}</span><input name="name" maxLength={32} defaultValue={user.global_name ?? ''} placeholder={user.username} autoComplete="off" /></label>
                    <label class="field"><span>{t.pronouns}</span><input name="pronouns" maxLength={40} defaultValue={profile.user_profile?.pronouns ?? ''} autoComplete="off" /></label>
                    <label class="field"><span>{t.bio}</span><textarea name="bio" rows={4} maxLength={190} defaultValue={profile.user_profile?.bio ?? ''} /></label>
                </Form>
            )}
        </>
    );
}
