// What is on the screen. The address (#/guild/channel, #/@me/channel, #/invite/code; /verify and /reset with a mail's token) is the truth; opening a place changes it.
import { computed, signal } from '@preact/signals';
import { findChannel } from './directs';
import { guilds, textChannelsOf } from './guilds';
import { load, save } from './storage';

export type Theme = 'auto' | 'light' | 'dark' | 'contrast';
export type Pane = 'nav' | 'chat' | 'members';
export type DialogName = 'guild-new' | 'channel-new' | 'invite' | 'settings' | 'switcher' | 'keys' | 'channel-edit' | 'server' | 'view-as' | 'status' | 'quiet-guild' | 'quiet-channel' | 'group' | 'group-name' | 'report' | 'admin' | 'account-end';

export const place = signal<{ guild: string | null; channel: string | null }>({ guild: null, channel: null });
export interface MailLink {
    kind: 'verify' | 'reset';
    token: string;
}
export const mailLink = signal<MailLink | null>(null); // the page was opened by a link in a mail
export const authMode = signal<'in' | 'up' | 'forgot'>('in'); // what is shown while nobody is signed in
export const invited = signal<string | null>(null); // code of an invite that was opened
export const pane = signal<Pane>('chat'); // on a phone: which one is in front
export const panel = signal<'search' | 'pins' | null>(null); // in the place of the members
export const linked = signal<string | null>(null); // the message that an address leads to
export const membersShown = signal(load('members-shown', true));
export const dialog = signal<{ name: DialogName; argument?: string } | null>(null);
export const lightbox = signal<{ url: string; name: string } | null>(null);
export const theme = signal<Theme>(load<Theme>('theme', 'auto'));
export const compact = signal(load('compact', false));
export const still = signal(load('still', false)); // no motion, whatever the system says
export const notice = signal<string | null>(null);
export const announcement = signal(''); // what the live region says

export const guildCount = computed(() => guilds.value.size);
export const currentGuild = computed(() => (place.value.guild ? guilds.value.get(place.value.guild) : undefined));
export const currentChannel = computed(() => findChannel(place.value.channel)); // of a guild, or a DM

export function setTheme(value: Theme): void {
    theme.value = value;
    save('theme', value);
}
export function setCompact(value: boolean): void {
    compact.value = value;
    save('compact', value);
}
const onPhone = (): boolean => matchMedia('(max-width: 760px)').matches;
export function togglePanel(name: 'search' | 'pins'): void {
    if (panel.value === name) return closePanel();
    panel.value = name;
    if (onPhone()) pane.value = 'members';
}
export function closePanel(): void {
    panel.value = null;
    if (onPhone()) pane.value = 'chat';
}
export function setStill(value: boolean): void {
    still.value = value;
    save('still', value);
}
export function toggleMembers(): void {
    if (panel.value) panel.value = null;
    else if (onPhone()) pane.value = pane.value === 'members' ? 'chat' : 'members';
    else {
        membersShown.value = !membersShown.value;
        save('members-shown', membersShown.value);
    }
}

const lastChannels = load<Record<string, string>>('last-channels', {});

// guildId: null for a DM.
export function openChannel(guildId: string | null, channelId: string): void {
    if (guildId === null) return openDirect(channelId);
    lastChannels[guildId] = channelId;
    save('last-channels', lastChannels);
    pane.value = 'chat';
    location.hash = `#/${guildId}/${channelId}`;
}
// The channel that was open there last, or the first.
export function channelToOpen(guildId: string): string | null {
    const guild = guilds.value.get(guildId);
    if (!guild) return null;
    const last = lastChannels[guildId];
    return last && guild.channels.value.has(last) ? last : (textChannelsOf(guild)[0]?.id ?? null);
}
export function openGuild(guildId: string): void {
    const channel = channelToOpen(guildId);
    location.hash = channel ? `#/${guildId}/${channel}` : `#/${guildId}`;
}
export function openHome(): void {
    location.hash = '#/';
}
export function openDirect(channelId: string): void {
    pane.value = 'chat';
    location.hash = `#/@me/${channelId}`;
}
export const addressOf = (guildId: string | null, channelId: string): string => `#/${guildId ?? '@me'}/${channelId}`;

// /verify#token=, /reset#token=: behind the #, so that no server's log has it.
function mailLinkOf(address: Location): MailLink | null {
    const kind = /^\/(verify|reset)\/?$/.exec(address.pathname)?.[1] as MailLink['kind'] | undefined;
    return kind ? { kind, token: new URLSearchParams(address.hash.slice(1)).get('token') ?? '' } : null;
}
export function leaveMail(): void {
    if (!mailLink.value) return;
    history.replaceState(null, '', '/');
    mailLink.value = null;
}

export function followAddress(): void {
    mailLink.value = mailLinkOf(location);
    if (mailLink.value) return;
    const parts = location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decodeURIComponent);
    if (parts[0] === 'invite' && parts[1]) {
        invited.value = parts[1];
        authMode.value = 'up';
        return;
    }
    if (parts[2]) {
        linked.value = parts[2];
        history.replaceState(null, '', `#/${parts[0]}/${parts[1]}`);
    }
    if (place.value.guild !== (parts[0] ?? null)) panel.value = null;
    place.value = { guild: parts[0] && parts[0] !== '@me' ? parts[0] : null, channel: parts[1] ?? null };
}

let noticeTimer: ReturnType<typeof setTimeout>;
export function tell(message: string): void {
    notice.value = message;
    clearTimeout(noticeTimer);
    noticeTimer = setTimeout(() => (notice.value = null), 5000);
}
