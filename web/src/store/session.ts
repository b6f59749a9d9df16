// From the token to a live session and back.
import { signal } from '@preact/signals';
import { setToken, whenRefused } from '../api/client';
import * as api from '../api/routes';
import { Gateway, type GatewayState } from '../gateway/connection';
import { dispatch } from './dispatch';
import { forgetSeen } from './cache';
import { directs } from './directs';
import { guilds } from './guilds';
import { me, token } from './me';
import { forgetLogs, whenSeen } from './messages';
import { relationships } from './people';
import { viewAs } from './permissions';
import { myStatus, presences, type Chosen } from './presence';
import { activitiesOf, customStatus } from './settings';
import { save } from './storage';
import { authMode, dialog, leaveMail, panel } from './view';

export const gatewayState = signal<GatewayState>('stopped');
export const retryAt = signal(0);
let gateway: Gateway | null = null;

function connect(value: string): void {
    setToken(value);
    gateway = new Gateway(value, {
        onEvent(name, data) {
            dispatch(name, data);
            if (name === 'READY' || name === 'USER_SETTINGS_UPDATE') tellStatus(); // it may say another, chosen elsewhere
        },
        onState(state, at) {
            gatewayState.value = state;
            retryAt.value = at ?? 0;
            if (state === 'refused' && !changing) forget();
        },
    });
    gateway.start();
}

function begin(value: string): void {
    token.value = value;
    save('token', value);
    connect(value);
}

// A change that ends all tokens and answers with a new one: the old session may end before the answer comes.
let changing = false;
export async function changeToken(change: Promise<{ token?: string }>): Promise<void> {
    changing = true;
    try {
        const { token: fresh } = await change;
        if (!fresh) return;
        gateway?.stop();
        begin(fresh);
    } finally {
        changing = false;
    }
}

// Nothing of the last person may be seen by the next.
function forget(): void {
    gateway?.stop();
    gateway = null;
    setToken(null);
    token.value = null;
    save('token', null);
    me.value = null;
    guilds.value = new Map();
    directs.value = new Map();
    relationships.value = new Map();
    presences.value = new Map();
    forgetLogs();
    forgetSeen();
    viewAs.value = null;
    authMode.value = 'in';
    panel.value = dialog.value = null;
}

export async function signUp(form: api.SignUp): Promise<void> {
    begin((await api.signUp(form)).token);
}
// A ticket, when a second factor is asked for.
export async function signIn(login: string, password: string): Promise<string | null> {
    const answer = await api.signIn(login, password);
    if ('ticket' in answer) return answer.ticket;
    begin(answer.token);
    return null;
}
export async function finishSignIn(ticket: string, code: string): Promise<void> {
    begin((await api.finishSignIn(ticket, code)).token);
    leaveMail();
}
export const askForReset = api.forgotPassword;
// By the token of a mail's link. Whoever was signed in here is out; a ticket, when a second factor is asked for.
export async function resetPassword(linkToken: string, password: string): Promise<string | null> {
    const answer = await api.resetPassword(linkToken, password);
    if (token.value) await signOut();
    if ('ticket' in answer) return answer.ticket;
    begin(answer.token);
    leaveMail();
    return null;
}
export async function signOut(): Promise<void> {
    await api.signOut().catch(() => {});
    forget();
}

// The account ends all its tokens; the socket may know it before the answer comes.
export async function leaveAccount(work: Promise<unknown>): Promise<void> {
    changing = true;
    try {
        await work;
        forget();
    } finally {
        changing = false;
    }
}

export const reconnectNow = (): void => gateway?.retryNow();
export const watchMembers = (guild: string, channel: string, ranges: [number, number][]): void => gateway?.watchMembers(guild, channel, ranges);

// Who wrote in a large server and is not known as its member: asked for together, each once.
const IDS_MAX = 100;
const asked = new Set<string>();
whenSeen((guild, ids) => {
    const fresh = ids.filter((id) => !asked.has(`${guild}/${id}`)).slice(0, IDS_MAX);
    for (const id of fresh) asked.add(`${guild}/${id}`);
    if (fresh.length) gateway?.requestMembers(guild, fresh);
});

// ---- Presence: what the person chose, and idle by itself after ten minutes without a key or a pointer.
const IDLE_MS = 10 * 60_000;
let idleTimer: ReturnType<typeof setTimeout>;
let isIdle = false;

export function setStatus(value: Chosen): void {
    myStatus.value = value;
    tellStatus();
}
export const tellStatus = (): void => gateway?.setStatus(isIdle && myStatus.value === 'online' ? 'idle' : myStatus.value, activitiesOf(customStatus.value));
function active(): void {
    clearTimeout(idleTimer);
    idleTimer = setTimeout(() => {
        isIdle = true;
        tellStatus();
    }, IDLE_MS);
    if (!isIdle) return;
    isIdle = false;
    tellStatus();
}

export function resumeSession(): void {
    whenRefused(() => !changing && forget());
    for (const event of ['keydown', 'pointerdown', 'pointermove']) window.addEventListener(event, active, { passive: true });
    active();
    if (token.value) connect(token.value);
}

// For tests and for people on bad networks: cut the connection and resume.
Object.assign(window, { hubbub: { cut: () => gateway?.cut() } });
