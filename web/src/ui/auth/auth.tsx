// The ways in: signing in, a new account, a forgotten password.
import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../../api/client';
import { lookAtInvite } from '../../api/routes';
import type { Invite } from '../../api/types';
import { askForReset, signIn, signUp } from '../../store/session';
import { authMode, invited } from '../../store/view';
import { text } from '../../text';
import { openWhenThere } from '../dialogs/guild_new';
import { Card, Field, NewPassword, Told, type Get } from './card';
import { SecondStep } from './second_step';

const isRefusal = (e: unknown): boolean => e instanceof ApiError && e.status < 429;

function useInvite(): Invite | null {
    const [invite, setInvite] = useState<Invite | null>(null);
    const code = invited.value;
    useEffect(() => {
        if (code) lookAtInvite(code).then(setInvite, () => {});
    }, [code]);
    return invite;
}
const Switch = ({ to, label }: { to: typeof authMode.value; label: string }) => <button type="button" class="link" onClick={() => (authMode.value = to)}>{label}</button>;
const Invitation = ({ invite }: { invite: Invite | null }) => (invite?.guild ? <p class="hint">{text.auth.invited(invite.guild.name)}</p> : null);

function SignIn({ invite }: { invite: Invite | null }) {
    const [ticket, setTicket] = useState<string | null>(null);
    if (ticket) return <SecondStep ticket={ticket} onBack={() => setTicket(null)} />;
    return (
        <Card
            title={text.auth.welcomeBack}
            label={text.auth.signIn}
            fields={['login', 'password']}
            explain={(e) => (isRefusal(e) ? text.auth.wrong : undefined)}
            onSubmit={async (get) => setTicket(await signIn(get('login'), get('password')))}
            more={<Switch to="up" label={text.auth.toSignUp} />}
        >
            {(errorOf) => (
                <>
                    <Invitation invite={invite} />
                    <Field name="login" label={text.auth.userOrMail} autocomplete="username" maxLength={254} error={errorOf('login')} />
                    <div class="field-and-link">
                        <Field name="password" label={text.auth.password} type="password" autocomplete="current-password" maxLength={72} error={errorOf('password')} />
                        <Switch to="forgot" label={text.auth.forgot} />
                    </div>
                </>
            )}
        </Card>
    );
}

// By an invite one is in its server at once.
async function join(get: Get, invite: Invite | null): Promise<void> {
    await signUp({ username: get('username'), password: get('password'), date_of_birth: get('date_of_birth'), ...(get('email') && { email: get('email') }), ...(invite && { invite: invite.code }), consent: true });
    if (invite?.guild) openWhenThere(invite.guild.id, invite.channel?.id);
}

function SignUp({ invite }: { invite: Invite | null }) {
    return (
        <Card
            title={text.auth.welcome}
            label={text.auth.signUp}
            fields={['username', 'email', 'password', 'date_of_birth']}
            explain={(e) => (e instanceof ApiError && e.field('invite') ? text.auth.inviteNeeded : undefined)}
            onSubmit={(get) => join(get, invite)}
            more={<Switch to="in" label={text.auth.toSignIn} />}
        >
            {(errorOf) => (
                <>
                    <Invitation invite={invite} />
                    <Field name="username" label={text.auth.user} autocomplete="username" minLength={2} maxLength={32} error={errorOf('username')} />
                    <NewPassword error={errorOf('password')} />
                    <Field name="email" label={text.auth.email} type="email" autocomplete="email" maxLength={254} optional hint={text.auth.emailHint} error={errorOf('email')} />
                    <Field name="date_of_birth" label={text.auth.birth} type="date" autocomplete="bday" error={errorOf('date_of_birth')} />
                </>
            )}
        </Card>
    );
}

function Forgot() {
    const [sent, setSent] = useState(false);
    if (sent)
        return (
            <Told title={text.auth.forgotTitle}>
                <p>{text.auth.forgotSent}</p>
                <Switch to="in" label={text.auth.back} />
            </Told>
        );
    return (
        <Card title={text.auth.forgotTitle} label={text.auth.sendLink} fields={['login']} onSubmit={async (get) => { await askForReset(get('login')); setSent(true); }} more={<Switch to="in" label={text.auth.back} />}>
            {(errorOf) => (
                <>
                    <p class="hint">{text.auth.forgotHint}</p>
                    <Field name="login" label={text.auth.userOrMail} autocomplete="username" maxLength={254} error={errorOf('login')} />
                </>
            )}
        </Card>
    );
}

export function Auth() {
    const invite = useInvite();
    if (authMode.value === 'forgot') return <Forgot />;
    return authMode.value === 'up' ? <SignUp invite={invite} /> : <SignIn invite={invite} />;
}
