// The routes that the client uses, one line each.
import { call } from './client';
import type { Channel, GuildCreate, Invite, Member, Message, User } from './types';

export interface Session {
    token: string;
    user_id?: string;
}
export interface SignUp {
    username: string;
    password: string;
    date_of_birth: string;
    consent: true;
}

export const signUp = (form: SignUp) => call<Session>('POST', '/auth/register', form);
export const signIn = (login: string, password: string) => call<Session>('POST', '/auth/login', { login, password });
export const signOut = () => call<void>('POST', '/auth/logout', {});
export const editMe = (changes: { global_name?: string | null }) => call<User>('PATCH', '/users/@me', changes);

export const createGuild = (name: string) => call<GuildCreate>('POST', '/guilds', { name });
export const leaveGuild = (guild: string) => call<void>('DELETE', `/users/@me/guilds/${guild}`);
export const deleteGuild = (guild: string) => call<void>('DELETE', `/guilds/${guild}`);

export const createChannel = (guild: string, form: { name: string; type: number; parent_id?: string | null }) =>
    call<Channel>('POST', `/guilds/${guild}/channels`, form);
export const editChannel = (channel: string, form: { name?: string; topic?: string | null }) =>
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
export const listPins = (channel: string) =>
    call<{ items: { message: Message }[] }>('GET', `/channels/${channel}/messages/pins`).then((page) => page.items.map((i) => i.message));
export const pin = (channel: string, message: string) => call<void>('PUT', `/channels/${channel}/messages/pins/${message}`);
export const unpin = (channel: string, message: string) => call<void>('DELETE', `/channels/${channel}/messages/pins/${message}`);
export const react = (channel: string, message: string, emoji: string, add: boolean) =>
    call<void>(add ? 'PUT' : 'DELETE', `/channels/${channel}/messages/${message}/reactions/${encodeURIComponent(emoji)}/@me`);
export const tellTyping = (channel: string) => call<void>('POST', `/channels/${channel}/typing`);

export const ack = (channel: string, message: string, manual: boolean) =>
    call<unknown>('POST', `/channels/${channel}/messages/${message}/ack`, { manual });
export const ackMany = (read_states: { channel_id: string; message_id: string; read_state_type: number }[]) =>
    call<void>('POST', '/read-states/ack-bulk', { read_states }, { keepalive: true });

export const searchMembers = (guild: string, query: string) =>
    call<Member[]>('GET', `/guilds/${guild}/members/search?${new URLSearchParams({ query, limit: '8' })}`);
export const kick = (guild: string, user: string) => call<void>('DELETE', `/guilds/${guild}/members/${user}`);
export const ban = (guild: string, user: string) => call<void>('PUT', `/guilds/${guild}/bans/${user}`, {});
export const timeOut = (guild: string, user: string, until: string | null) =>
    call<Member>('PATCH', `/guilds/${guild}/members/${user}`, { communication_disabled_until: until });
