// The routes that the client uses, one line each.
import { call } from './client';
import type { Account, AdminSummary, AuditEntry, AuthSession, Ban, Channel, ChannelQuiet, CustomEmoji, GuildCreate, GuildInfo, GuildQuiet, Invite, Member, Message, Overwrite, OwnData, Profile, Report, Role, User, UserSettings, Webhook } from './types';

export interface Session {
    token: string;
    user_id?: string;
}
// In place of a token: a second factor is asked for.
export interface Challenge {
    mfa: true;
    ticket: string;
}
export interface SignUp {
    username: string;
    password: string;
    email?: string;
    invite?: string;
    date_of_birth: string;
    consent: true;
}

export const signUp = (form: SignUp) => call<Session>('POST', '/auth/register', form);
export const signIn = (login: string, password: string) => call<Session | Challenge>('POST', '/auth/login', { login, password });
export const finishSignIn = (ticket: string, code: string) => call<Session>('POST', '/auth/mfa/totp', { ticket, code });
export const verifyEmail = (token: string) => call<unknown>('POST', '/auth/verify', { token });
export const resendVerification = () => call<void>('POST', '/auth/verify/resend', {});
export const forgotPassword = (login: string) => call<void>('POST', '/auth/forgot', { login });
export const resetPassword = (token: string, password: string) => call<Session | Challenge>('POST', '/auth/reset', { token, password });
export const enableTotp = (password: string, secret: string, code: string) =>
    call<Session & { backup_codes: { code: string }[] }>('POST', '/users/@me/mfa/totp/enable', { password, secret, code });
export const disableTotp = (code: string) => call<Session>('POST', '/users/@me/mfa/totp/disable', { code });
export const signOut = () => call<void>('POST', '/auth/logout', {});
export interface MeChanges {
    username?: string;
    global_name?: string | null;
    email?: string | null;
    avatar?: string | null; // data URI
    bio?: string | null;
    pronouns?: string | null;
    password?: string;
    new_password?: string;
}
export const editMe = (changes: MeChanges) => call<User & { token?: string }>('PATCH', '/users/@me', changes);
export const disableMe = (password: string, code: string | null) => call<void>('POST', '/users/@me/disable', { password, code });
export const deleteMe = (password: string, code: string | null) => call<void>('POST', '/users/@me/delete', { password, code });
// undefined: none was asked for
export const lookAtExport = () => call<OwnData | undefined>('GET', '/users/@me/harvest');
export const requestExport = (password: string, code: string | null) => call<OwnData>('POST', '/users/@me/harvest', { password, code });
export const editSettings = (changes: Partial<UserSettings>) => call<UserSettings>('PATCH', '/users/@me/settings', changes);
export const lookAtProfile = (user: string) => call<Profile>('GET', `/users/${user}/profile?with_mutual_friends_count=true`);
export const listSessions = () => call<{ user_sessions: AuthSession[] }>('GET', '/auth/sessions').then((a) => a.user_sessions);
export const revokeSessions = (session_id_hashes: string[]) => call<void>('POST', '/auth/sessions/logout', { session_id_hashes });

export const createGuild = (name: string) => call<GuildCreate>('POST', '/guilds', { name });
export const editGuild = (guild: string, form: GuildInfo & { name?: string }) => call<unknown>('PATCH', `/guilds/${guild}`, form);
export const listEmojis = (guild: string) => call<CustomEmoji[]>('GET', `/guilds/${guild}/emojis`);
export const createEmoji = (guild: string, form: { name: string; image: string }) => call<CustomEmoji>('POST', `/guilds/${guild}/emojis`, form);
export const editEmoji = (guild: string, emoji: string, form: { name: string }) => call<CustomEmoji>('PATCH', `/guilds/${guild}/emojis/${emoji}`, form);
export const deleteEmoji = (guild: string, emoji: string) => call<void>('DELETE', `/guilds/${guild}/emojis/${emoji}`);
export const leaveGuild = (guild: string) => call<void>('DELETE', `/users/@me/guilds/${guild}`);
export const deleteGuild = (guild: string) => call<void>('DELETE', `/guilds/${guild}`);

export const createChannel = (guild: string, form: { name: string; type: number; parent_id?: string | null }) =>
    call<Channel>('POST', `/guilds/${guild}/channels`, form);
export const editChannel = (channel: string, form: { name?: string; topic?: string | null; nsfw?: boolean; rate_limit_per_user?: number }) =>
    call<Channel>('PATCH', `/channels/${channel}`, form);
export const deleteChannel = (channel: string) => call<Channel>('DELETE', `/channels/${channel}`);

export const openDirect = (recipient_id: string) => call<Channel>('POST', '/users/@me/channels', { recipient_id });
export const openGroup = (recipients: string[]) => call<Channel>('POST', '/users/@me/channels', { recipients });
export const addRecipient = (channel: string, user: string) => call<void>('PUT', `/channels/${channel}/recipients/${user}`);
export const removeRecipient = (channel: string, user: string) => call<void>('DELETE', `/channels/${channel}/recipients/${user}`);
export const addFriend = (username: string) => call<void>('POST', '/users/@me/relationships', { username });
// type 1 asks or accepts, 2 blocks
export const relate = (user: string, type: 1 | 2) => call<void>('PUT', `/users/@me/relationships/${user}`, { type });
export const unrelate = (user: string) => call<void>('DELETE', `/users/@me/relationships/${user}`);

export interface ChannelPlace {
    id: string;
    position: number;
    parent_id?: string | null;
}
export const orderChannels = (guild: string, places: ChannelPlace[]) => call<void>('PATCH', `/guilds/${guild}/channels`, places);
// guild: @me for DMs
export const editQuiet = (guild: string, changes: Partial<Omit<GuildQuiet, 'channel_overrides'>> & { channel_overrides?: Record<string, Partial<ChannelQuiet>> }) =>
    call<GuildQuiet>('PATCH', `/users/@me/guilds/${guild}/settings`, changes);

export const lookAtInvite = (code: string) => call<Invite>('GET', `/invites/${encodeURIComponent(code)}?with_counts=true`);
export const join = (code: string) => call<Invite>('POST', `/invites/${encodeURIComponent(code)}`, {});
export const createInvite = (channel: string, form: { max_age: number; max_uses: number }) =>
    call<Invite>('POST', `/channels/${channel}/invites`, form);
export const listInvites = (guild: string) => call<Invite[]>('GET', `/guilds/${guild}/invites`);
export const deleteInvite = (code: string) => call<Invite>('DELETE', `/invites/${encodeURIComponent(code)}`);

export const listMessages = (channel: string, where: { before?: string; after?: string; around?: string }, limit: number) =>
    call<Message[]>('GET', `/channels/${channel}/messages?${new URLSearchParams({ ...where, limit: String(limit) })}`);
export const editMessage = (channel: string, message: string, content: string) =>
    call<Message>('PATCH', `/channels/${channel}/messages/${message}`, { content });
export const deleteMessage = (channel: string, message: string) =>
    call<void>('DELETE', `/channels/${channel}/messages/${message}`);
export interface SearchPage {
    messages: Message[][];
    total_results: number;
}
// Without messages: the server's index is not whole yet.
// where: /guilds/ID or /channels/ID
export const search = (where: string, params: URLSearchParams, offset: number) =>
    call<SearchPage | { retry_after: number }>('GET', `${where}/messages/search?${params}&offset=${offset}`);
export const listPins = (channel: string) =>
    call<{ items: { message: Message }[] }>('GET', `/channels/${channel}/messages/pins`).then((page) => page.items.map((i) => i.message));
export const pin = (channel: string, message: string) => call<void>('PUT', `/channels/${channel}/messages/pins/${message}`);
export const unpin = (channel: string, message: string) => call<void>('DELETE', `/channels/${channel}/messages/pins/${message}`);
export const react = (channel: string, message: string, emoji: string, add: boolean) =>
    call<void>(add ? 'PUT' : 'DELETE', `/channels/${channel}/messages/${message}/reactions/${encodeURIComponent(emoji)}/@me`);
export const reportMessage = (channel: string, message: string, why: string, comment: string | null) =>
    call<{ id: string }>('POST', `/channels/${channel}/messages/${message}/reports`, { reason: why, comment });
export const tellTyping = (channel: string) => call<void>('POST', `/channels/${channel}/typing`);

export const ack = (channel: string, message: string, manual: boolean) =>
    call<unknown>('POST', `/channels/${channel}/messages/${message}/ack`, { manual });
export const ackMany = (read_states: { channel_id: string; message_id: string; read_state_type: number }[]) =>
    call<void>('POST', '/read-states/ack-bulk', { read_states }, undefined, { keepalive: true });

export const searchMembers = (guild: string, query: string) =>
    call<Member[]>('GET', `/guilds/${guild}/members/search?${new URLSearchParams({ query, limit: '8' })}`);
export const listMembers = (guild: string, after: string) =>
    call<Member[]>('GET', `/guilds/${guild}/members?${new URLSearchParams({ limit: '50', after })}`);
export const editMember = (guild: string, user: string, form: { nick?: string | null; roles?: string[] }) =>
    call<Member>('PATCH', `/guilds/${guild}/members/${user}`, form);
export const giveRole = (guild: string, user: string, role: string) => call<void>('PUT', `/guilds/${guild}/members/${user}/roles/${role}`);
export const takeRole = (guild: string, user: string, role: string) => call<void>('DELETE', `/guilds/${guild}/members/${user}/roles/${role}`);
export type RoleForm = Partial<Pick<Role, 'name' | 'color' | 'hoist' | 'mentionable' | 'permissions'>>;
export const createRole = (guild: string, form: RoleForm) => call<Role>('POST', `/guilds/${guild}/roles`, form);
export const editRole = (guild: string, role: string, form: RoleForm) => call<Role>('PATCH', `/guilds/${guild}/roles/${role}`, form);
export const deleteRole = (guild: string, role: string) => call<void>('DELETE', `/guilds/${guild}/roles/${role}`);
export const orderRoles = (guild: string, positions: { id: string; position: number }[]) => call<Role[]>('PATCH', `/guilds/${guild}/roles`, positions);
export const putOverwrite = (channel: string, o: Overwrite) =>
    call<void>('PUT', `/channels/${channel}/permissions/${o.id}`, { type: o.type, allow: o.allow, deny: o.deny });
export const deleteOverwrite = (channel: string, id: string) => call<void>('DELETE', `/channels/${channel}/permissions/${id}`);
export const listBans = (guild: string) => call<Ban[]>('GET', `/guilds/${guild}/bans`);
export const unban = (guild: string, user: string) => call<void>('DELETE', `/guilds/${guild}/bans/${user}`);
export interface AuditFilter {
    user_id?: string;
    action_type?: string;
    before?: string;
}
export const listAudit = (guild: string, filter: AuditFilter) =>
    call<{ audit_log_entries: AuditEntry[]; users: User[] }>('GET', `/guilds/${guild}/audit-logs?${new URLSearchParams({ ...filter })}`);
export const listWebhooks = (guild: string) => call<Webhook[]>('GET', `/guilds/${guild}/webhooks`);
export const createWebhook = (channel: string, name: string) => call<Webhook>('POST', `/channels/${channel}/webhooks`, { name });
export const editWebhook = (id: string, form: { name?: string; channel_id?: string }) => call<Webhook>('PATCH', `/webhooks/${id}`, form);
export const deleteWebhook = (id: string) => call<void>('DELETE', `/webhooks/${id}`);
export const kick = (guild: string, user: string, why?: string) => call<void>('DELETE', `/guilds/${guild}/members/${user}`, undefined, why);
export const ban = (guild: string, user: string, delete_message_seconds: number, why?: string) =>
    call<void>('PUT', `/guilds/${guild}/bans/${user}`, { delete_message_seconds }, why);
export const timeOut = (guild: string, user: string, until: string | null, why?: string) =>
    call<Member>('PATCH', `/guilds/${guild}/members/${user}`, { communication_disabled_until: until }, why);

// For the administrators of the instance.
export const adminSummary = () => call<AdminSummary>('GET', '/admin/summary');
export const listAccounts = (where: Record<string, string>) => call<{ users: Account[] }>('GET', `/admin/users?${new URLSearchParams(where)}`);
export const disableAccount = (user: string) => call<Account>('POST', `/admin/users/${user}/disable`);
export const enableAccount = (user: string) => call<Account>('POST', `/admin/users/${user}/enable`);
export const deleteAccount = (user: string) => call<void>('DELETE', `/admin/users/${user}`);
export const listReports = (where: Record<string, string>) => call<{ reports: Report[]; open: number }>('GET', `/admin/reports?${new URLSearchParams(where)}`);
export const resolveReport = (report: string, act: string, note: string | null) => call<Report>('POST', `/admin/reports/${report}/resolve`, { act, note });
