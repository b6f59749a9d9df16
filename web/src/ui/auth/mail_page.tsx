// What the links in mails lead to: an address is confirmed by opening the page, a new password is chosen.
import { useEffect, useState } from 'preact/hooks';
import { ApiError } from '../../api/client';
import { verifyEmail } from '../../api/routes';
import { token } from '../../store/me';
import { resetPassword } from '../../store/session';
import { authMode, leaveMail, type MailLink } from '../../store/view';
import { reason, text } from '../../text';
import { Card, NewPassword, Told } from './card';
import { SecondStep } from './second_step';

const isSpent = (e: unknown): boolean => e instanceof ApiError && !!e.field('token');

function Verify({ link }: { link: MailLink }) {
    const [error, setError] = useState<unknown>();
    const [done, setDone] = useState(false);
    const run = (): void => {
        setError(undefined);
        verifyEmail(link.token).then(() => setDone(true), setError);
    };
    useEffect(run, [link.token]);
    const t = text.mail;
    if (!done && error === undefined) return <Told title={t.verify} busy><p role="status">{t.verifying}</p></Told>;
    return (
        <Told title={done ? t.verified : t.verify}>
            {done ? <p>{t.verifiedHint}</p> : <p class="error">{isSpent(error) ? t.verifySpent : reason(error)}</p>}
            {!done && !isSpent(error) && <button type="button" onClick={run}>{text.chat.retry}</button>}
            <button type="button" class="primary" onClick={leaveMail}>{token.value ? t.goOn : text.auth.signIn}</button>
        </Told>
    );
}

function Reset({ link }: { link: MailLink }) {
    const [ticket, setTicket] = useState<string | null>(null);
    const [spent, setSpent] = useState(false);
    const t = text.mail;
    const choose = async (password: string): Promise<void> => {
        const next = await resetPassword(link.token, password).catch((e: unknown) => {
            if (!isSpent(e)) throw e;
            setSpent(true);
        });
        if (next) setTicket(next);
    };
    const leaveTo = (mode: typeof authMode.value) => (): void => {
        authMode.value = mode;
        leaveMail();
    };
    if (ticket) return <SecondStep ticket={ticket} onBack={leaveTo('in')} />;
    if (spent)
        return (
            <Told title={t.reset}>
                <p class="error">{t.resetSpent}</p>
                <button type="button" class="primary" onClick={leaveTo('forgot')}>{t.another}</button>
                <button type="button" class="link" onClick={leaveTo('in')}>{text.auth.back}</button>
            </Told>
        );
    return (
        <Card
            title={t.reset}
            label={t.choose}
            fields={['password']}
            onSubmit={async (get) => {
                if (get('password') !== get('again')) throw new Error(text.account.differ);
                await choose(get('password'));
            }}
        >
            {(errorOf) => (
                <>
                    <p class="hint">{t.resetHint}</p>
                    <NewPassword label={text.account.fresh} error={errorOf('password')} />
                    <NewPassword name="again" label={text.account.again} />
                </>
            )}
        </Card>
    );
}

export const MailPage = ({ link }: { link: MailLink }) => (link.kind === 'verify' ? <Verify key={link.token} link={link} /> : <Reset key={link.token} link={link} />);
