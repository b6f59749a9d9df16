// What each route answers to whom: the one table behind authorization.test.js.
//
// A new route needs one row here, else the sweep fails ("has no row"); a row whose route went away fails too. A row says:
//   outsider  a stranger, a member who left, a kicked and a banned one (one of them alone: stranger, left, kicked, banned)
//   lowest    a member who has @everyone and nothing else
//   blind     only for paths with {channel_id}: a member with every MANAGE_ bit who may not view that channel
//   owner     the guild's owner (for BOT routes: the owner's bot), whose request shows that the others were refused for
//             what they are and not for what they sent
//   none      for PUBLIC routes: without a token and with bad ones; all others answer 401
//   body      what is sent; a function gets the scene (scene.js)
//   query     what follows the path, with its question mark
//   path      ids of the path that are not the scene's usual ones: {user_id: (s) => ...}
//   foreign   the same object of another guild in the path, by parameter; asked by the owner
//   other     an id of another kind in the path, by parameter; asked by the owner
//   zero      the id 0, by parameter
//   ready     waits until the route can answer; gets the scene
//   spends    the request ends the token that it is made with: each caller gets a token of its own for it
// Each is OK (the route's own success), ANY (not asked) or one of the refusals below. What a row leaves out is what its path says: see
// `expected`. Bots on PERSON routes and people on BOT routes need no row. A new kind of object (a ban, a webhook) needs its
// id in scene.js and its line in `parameters`.

import { until } from '../e2e/harness.js';
import { png, uri } from '../e2e/pictures.js';

export const OUTSIDERS = ['stranger', 'left', 'kicked', 'banned'];
export const OK = 'OK';
export const ANY = 'ANY'; // not asked
export const UNAUTHORIZED = [401, 0];
export const ACCESS = [403, 50001];
export const PERMISSIONS = [403, 50013];
export const BANNED = [403, 40007];
export const CANNOT_DM = [403, 50007];
export const NOT_AUTHOR = [403, 50005];
export const NOT_APPLICATION_OWNER = [403, 20012];
export const BOTS_FORBIDDEN = [403, 20001];
export const ONLY_BOTS = [403, 20002];
export const FORM = [400, 50035];
export const UNKNOWN = { application: [404, 10002], ban: [404, 10026], channel: [404, 10003], emoji: [404, 10014], guild: [404, 10004], invite: [404, 10006], member: [404, 10007], message: [404, 10008],
    overwrite: [404, 10009], report: [404, 10099], role: [404, 10011], session: [404, 10020], user: [404, 10013], webhook: [404, 10015], voice: [404, 10065] };
export const PASSWORD_WRONG = [400, 50018];
export const NOT_ENROLLED = [400, 60002];
export const FACTOR_NEEDED = [403, 60003];
export const BAD_TICKET = [400, 60006];
export const MAIL_OFF = [400, 40006];
export const BAD_TOKEN = [401, 50027];

// What an id in the path answers when it is another guild's, and when nobody has it or another kind of object.
export const parameters = {
    guild_id: { foreign: ACCESS, unknown: UNKNOWN.guild },
    channel_id: { foreign: ACCESS, unknown: UNKNOWN.channel },
    message_id: { foreign: UNKNOWN.message, unknown: UNKNOWN.message },
    role_id: { foreign: UNKNOWN.role, unknown: UNKNOWN.role },
    user_id: { foreign: UNKNOWN.member, unknown: UNKNOWN.member },
    overwrite_id: { foreign: UNKNOWN.overwrite, unknown: UNKNOWN.overwrite },
    type: { foreign: FORM, unknown: FORM, text: true },
    application_id: { foreign: NOT_APPLICATION_OWNER, unknown: UNKNOWN.application },
    webhook_id: { foreign: ACCESS, unknown: UNKNOWN.webhook },
    webhook_token: { foreign: BAD_TOKEN, unknown: BAD_TOKEN, text: true },
    emoji: { foreign: ANY, unknown: UNKNOWN.emoji, text: true },
    report_id: { foreign: OK, unknown: UNKNOWN.report }, // of the whole instance
    emoji_id: { foreign: UNKNOWN.emoji, unknown: UNKNOWN.emoji },
    code: { foreign: ACCESS, unknown: UNKNOWN.invite, text: true },
};

const everybody = { outsider: OK, lowest: OK, owner: OK };
const all = (answer) => ({ outsider: answer, lowest: answer, owner: answer });
const members = { outsider: ACCESS, lowest: OK, owner: OK };
const powerful = { outsider: ACCESS, lowest: PERMISSIONS, owner: OK };
const applicationOwner = { outsider: NOT_APPLICATION_OWNER, lowest: NOT_APPLICATION_OWNER, owner: OK };
const bot = { owner: OK };
const unbanned = { foreign: { user_id: UNKNOWN.ban }, other: { user_id: UNKNOWN.ban }, zero: { user_id: UNKNOWN.ban } };
const banned = { ...powerful, path: { user_id: (s) => s.banned.id }, ...unbanned };
// Only the owner has anything with the target (scene.js).
const withSomebody = { outsider: UNKNOWN.user, lowest: UNKNOWN.user, owner: OK, foreign: { user_id: ANY }, other: { user_id: UNKNOWN.user }, zero: { user_id: UNKNOWN.user } };
// Whom an overwrite is of: PUT may name a role or a user.
// Whoever has the token is the webhook.
const holder = { ...everybody, none: OK, foreign: { webhook_id: BAD_TOKEN } };
const spent = { outsider: ANY, lowest: ANY, none: ANY, owner: OK, foreign: { webhook_id: BAD_TOKEN } }; // by the first
const ownMessage = { path: { message_id: (s) => s.webhookMessage } };
// Only where they are needed: an image is decoded for each.
const image = uri(png(1, 1));
const withEmoji = { ready: async (s) => { s.ids.emoji_id = (await s.owner.post(`/guilds/${s.guild}/emojis`, { name: 'scene', image })).id; } };
const withOwnEmoji = { ready: async (s) => { s.ids.emoji_id = (await s.owner.post(`/applications/${s.application}/emojis`, { name: 'scene', image })).id; } };
// Of the instance: the owner administers it (scene.js).
const administrator = { outsider: ACCESS, lowest: ACCESS, owner: OK };
const withReport = { ready: async (s) => { s.ids.report_id = (await s.target.post(`/channels/${s.channel}/messages/${s.message}/reports`, { reason: 'spam' })).id; } };
const withVictim = { ready: async (s) => { s.ids.user_id = (await s.hub.register()).id; }, foreign: { user_id: ANY }, other: { user_id: UNKNOWN.user }, zero: { user_id: UNKNOWN.user } };
// Three of the cast are in a voice channel.
const inVoice = { ready: (s) => void s.hub.psql(`INSERT INTO voice_states (guild_id, user_id, channel_id, session_id, due) SELECT ${s.guild}, u, c.id, 'scene', now() + interval '1 hour'
    FROM unnest(ARRAY[${s.owner.id}, ${s.lowest.id}, ${s.target.id}]::bigint[]) u, channels c WHERE c.guild_id = ${s.guild} AND c.type = 2`) };
const noVoice = { foreign: { user_id: UNKNOWN.voice }, other: { user_id: UNKNOWN.voice }, zero: { user_id: UNKNOWN.voice } };
const ofNobody = { overwrite_id: UNKNOWN.role };

export const table = {
    'POST /auth/register': { ...everybody, none: OK, body: (s) => ({ username: s.unique('new'), password: s.PASSWORD, consent: true, date_of_birth: '1990-01-01' }) },
    'POST /auth/login': { ...everybody, none: OK, body: (s) => ({ login: s.owner.username, password: s.PASSWORD }) },
    'POST /auth/logout': { ...everybody, spends: true },
    'GET /auth/sessions': everybody,
    // Somebody's session is unknown to all others: only who has one that is named gets so far as OK.
    'POST /auth/sessions/logout': { outsider: UNKNOWN.session, lowest: UNKNOWN.session, owner: OK, body: (s) => ({ session_id_hashes: [s.spareSession] }) },
    // Whoever asks has no second factor: that of the cast would end their tokens. tests/e2e/accounts.test.js has those who do.
    'POST /users/@me/mfa/totp/enable': { ...all(PASSWORD_WRONG), body: { password: 'wrong', secret: 'JBSWY3DPEHPK3PXP', code: '000000' } },
    'POST /users/@me/mfa/totp/disable': { ...all(NOT_ENROLLED), body: { code: '000000' } },
    'POST /auth/verify/view-backup-codes-challenge': { ...everybody, body: (s) => ({ password: s.PASSWORD }) },
    'POST /users/@me/mfa/codes-verification': { ...all(NOT_ENROLLED), body: { key: '000000', nonce: 'x', regenerate: true } },
    'POST /auth/mfa/totp': { ...all(BAD_TICKET), none: BAD_TICKET, body: { ticket: 'x', code: '000000' } },
    'POST /auth/mfa/backup': { ...all(BAD_TICKET), none: BAD_TICKET, body: { ticket: 'x', code: '000000' } },
    // No mail is sent here; the tokens of mails are nobody's.
    'POST /auth/verify': { ...all(FORM), none: FORM, body: { token: 'x' } },
    'POST /auth/verify/resend': all(MAIL_OFF),
    'POST /auth/forgot': { ...all(MAIL_OFF), none: MAIL_OFF, body: (s) => ({ login: s.owner.username }) },
    'POST /auth/reset': { ...all(FORM), none: FORM, body: (s) => ({ token: 'x', password: s.PASSWORD }) },
    // With a wrong password: the cast is needed. tests/e2e/account_end.test.js has those who go.
    'POST /users/@me/disable': { ...all(PASSWORD_WRONG), body: { password: 'wrong' } },
    'POST /users/@me/delete': { ...all(PASSWORD_WRONG), body: { password: 'wrong' } },
    'POST /users/@me/harvest': { ...all(PASSWORD_WRONG), body: { password: 'wrong' } },
    'GET /users/@me/harvest': all([204, undefined]), // nobody asked for one
    'GET /users/@me': everybody,
    'PATCH /users/@me': { ...everybody, body: { global_name: 'Somebody' } },
    'GET /users/{user_id}': { ...everybody, foreign: { user_id: OK }, other: { user_id: UNKNOWN.user }, zero: { user_id: UNKNOWN.user } },

    'POST /applications': { ...everybody, body: { name: 'another' } },
    'GET /applications': everybody,
    'GET /applications/{application_id}': applicationOwner,
    'GET /applications/@me': bot,
    'PATCH /applications/@me': { ...bot, body: { description: 'changed' } },
    'GET /oauth2/applications/@me': bot,
    'PATCH /applications/{application_id}': { ...applicationOwner, body: { description: 'changed' } },
    'DELETE /applications/{application_id}': applicationOwner,
    'POST /applications/{application_id}/delete': applicationOwner,
    'POST /applications/{application_id}/bot': applicationOwner,
    'POST /applications/{application_id}/bot/reset': applicationOwner,
    'POST /oauth2/authorize': { ...powerful, body: (s) => ({ client_id: s.application, scope: 'bot', guild_id: s.guild, permissions: '8', authorize: true }) },

    'POST /guilds': { ...everybody, body: { name: 'one more' } },
    'GET /guilds/{guild_id}': members,
    'PATCH /guilds/{guild_id}': { ...powerful, body: { name: 'renamed' } },
    'POST /guilds/{guild_id}/mfa': { ...powerful, owner: FACTOR_NEEDED, body: { level: 1 } },
    'DELETE /guilds/{guild_id}': powerful,
    'POST /guilds/{guild_id}/delete': powerful,
    'GET /users/@me/guilds': everybody,
    'DELETE /users/@me/guilds/{guild_id}': { ...members, owner: [400, 50055] },

    'POST /guilds/{guild_id}/channels': { ...powerful, body: { name: 'new' } },
    'GET /guilds/{guild_id}/channels': members,
    'PATCH /guilds/{guild_id}/channels': { ...powerful, body: (s) => [{ id: s.channel, position: 7 }] },
    'GET /channels/{channel_id}': members,
    'PATCH /channels/{channel_id}': { ...powerful, body: { topic: 'changed' } },
    'DELETE /channels/{channel_id}': powerful,
    'PUT /channels/{channel_id}/permissions/{overwrite_id}': { ...powerful, body: { type: 0, allow: '0', deny: '2048' }, foreign: ofNobody, other: ofNobody, zero: ofNobody },
    'DELETE /channels/{channel_id}/permissions/{overwrite_id}': powerful,

    'POST /users/@me/channels': { outsider: CANNOT_DM, lowest: OK, owner: OK, body: (s) => ({ recipient_id: s.target.id }) },
    'GET /users/@me/channels': everybody,
    // In a group; nobody but those in it counts, whatever they may do in a guild.
    'PUT /channels/{channel_id}/recipients/{user_id}': { ...members, path: { channel_id: (s) => s.group, user_id: (s) => s.blind.id },
        foreign: { user_id: CANNOT_DM }, other: { user_id: UNKNOWN.user }, zero: { user_id: UNKNOWN.user } },
    'DELETE /channels/{channel_id}/recipients/{user_id}': { ...powerful, path: { channel_id: (s) => s.group }, foreign: { user_id: UNKNOWN.user }, other: { user_id: UNKNOWN.user }, zero: { user_id: UNKNOWN.user } },

    'POST /channels/{channel_id}/invites': { ...members, body: { unique: true } },
    'GET /channels/{channel_id}/invites': powerful,
    'GET /guilds/{guild_id}/invites': powerful,
    'GET /invites/{code}': { ...everybody, none: OK, foreign: { code: OK } },
    'POST /invites/{code}': { ...everybody, banned: BANNED, foreign: { code: ANY } }, // to accept another's invite is what it is for
    'DELETE /invites/{code}': powerful,

    'GET /guilds/{guild_id}/roles': members,
    'GET /guilds/{guild_id}/roles/{role_id}': members,
    'POST /guilds/{guild_id}/roles': { ...powerful, body: { name: 'new' } },
    'PATCH /guilds/{guild_id}/roles': { ...powerful, body: (s) => [{ id: s.role, position: 2 }] },
    'PATCH /guilds/{guild_id}/roles/{role_id}': { ...powerful, body: { name: 'renamed', permissions: '8' } },
    'DELETE /guilds/{guild_id}/roles/{role_id}': powerful,

    'GET /guilds/{guild_id}/members': members,
    'GET /guilds/{guild_id}/members/{user_id}': members,
    'GET /users/@me/guilds/{guild_id}/member': members,
    'GET /guilds/{guild_id}/members/search': { ...members, query: '?query=p' },
    'PATCH /guilds/{guild_id}/members/{user_id}': { ...powerful, body: { nick: 'renamed' } },
    'PATCH /guilds/{guild_id}/members/@me': { ...members, body: { nick: 'myself' } },
    'DELETE /guilds/{guild_id}/members/{user_id}': powerful,
    'PUT /guilds/{guild_id}/members/{user_id}/roles/{role_id}': { ...powerful, path: { role_id: (s) => s.spareRole } },
    'DELETE /guilds/{guild_id}/members/{user_id}/roles/{role_id}': powerful,

    'GET /guilds/{guild_id}/voice-states/@me': { ...members, ...inVoice },
    'GET /guilds/{guild_id}/voice-states/{user_id}': { ...members, ...inVoice, ...noVoice },
    'PATCH /guilds/{guild_id}/voice-states/@me': { ...members, ...inVoice, body: { suppress: true } },
    'PATCH /guilds/{guild_id}/voice-states/{user_id}': { ...powerful, ...inVoice, ...noVoice, body: { suppress: true } },
    'GET /voice/regions': everybody,

    'POST /channels/{channel_id}/messages': { ...members, body: { content: 'said' } },
    'GET /channels/{channel_id}/messages': members,
    'GET /channels/{channel_id}/messages/{message_id}': members,
    'PATCH /channels/{channel_id}/messages/{message_id}': { ...powerful, lowest: NOT_AUTHOR, body: { content: 'changed' } },
    'DELETE /channels/{channel_id}/messages/{message_id}': powerful,
    'POST /channels/{channel_id}/messages/bulk-delete': { ...powerful, body: (s) => ({ messages: [s.message, s.secondMessage] }) },
    'POST /channels/{channel_id}/typing': members,

    // Of the caller and another user, whoever that is.
    'GET /users/@me/relationships': everybody,
    'POST /users/@me/relationships': { ...everybody, body: (s) => ({ username: s.gone.username }) },
    'PUT /users/@me/relationships/{user_id}': { ...everybody, body: {}, path: { user_id: (s) => s.gone.id }, foreign: { user_id: OK }, other: { user_id: UNKNOWN.user }, zero: { user_id: UNKNOWN.user } },
    'PATCH /users/@me/relationships/{user_id}': { ...withSomebody, body: { nickname: 'Tag' } },
    'DELETE /users/@me/relationships/{user_id}': withSomebody,

    'GET /users/{user_id}/profile': { ...members, foreign: { user_id: ANY }, other: { user_id: UNKNOWN.user }, zero: { user_id: UNKNOWN.user } },
    'PUT /users/@me/notes/{user_id}': { ...everybody, body: { note: 'noted' }, path: { user_id: (s) => s.gone.id }, foreign: { user_id: OK }, other: { user_id: UNKNOWN.user }, zero: { user_id: UNKNOWN.user } },
    'GET /users/@me/notes/{user_id}': { ...withSomebody },
    'GET /users/@me/settings': everybody,
    'PATCH /users/@me/settings': { ...everybody, body: { theme: 'light' } },
    'GET /users/@me/settings-proto/{type}': everybody,
    'PATCH /users/@me/settings-proto/{type}': { ...everybody, body: { settings: 'CAE=' } },
    'PATCH /users/@me/guilds/{guild_id}/settings': { ...members, body: { muted: true } },
    'PATCH /users/@me/guilds/@me/settings': { ...everybody, body: { muted: true } },
    'PATCH /users/@me/guilds/settings': { ...members, body: (s) => ({ guilds: { [s.guild]: {} } }) },

    // Of one's own reading: the message need not exist.
    'POST /channels/{channel_id}/messages/{message_id}/ack': { ...members, body: {}, foreign: { message_id: OK }, other: { message_id: OK }, zero: { message_id: OK } },
    'POST /read-states/ack-bulk': { ...everybody, body: (s) => ({ read_states: [{ channel_id: s.channel, message_id: s.message }] }) },
    'POST /channels/{channel_id}/pins/ack': members,
    'DELETE /channels/{channel_id}/messages/ack': { ...everybody, blind: OK, foreign: { channel_id: OK }, other: { channel_id: OK }, zero: { channel_id: OK } },

    'PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me': members,
    'DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me': members,
    'DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/{user_id}': { ...powerful, foreign: { user_id: OK }, other: { user_id: OK }, zero: { user_id: OK } },
    'GET /channels/{channel_id}/messages/{message_id}/reactions/{emoji}': members,
    'DELETE /channels/{channel_id}/messages/{message_id}/reactions': powerful,
    'DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}': powerful,

    // The index follows a new guild by a moment; until then those who may are told to ask again.
    'GET /guilds/{guild_id}/messages/search': {
        ...members,
        ready: (s) => until('the guild is indexed', async () => (await s.owner.request('GET', `/guilds/${s.guild}/messages/search`)).status === 200),
    },
    'GET /channels/{channel_id}/messages/search': {
        ...members,
        ready: (s) => until('the guild is indexed', async () => (await s.owner.request('GET', `/channels/${s.channel}/messages/search`)).status === 200),
    },
    'GET /channels/{channel_id}/messages/pins': members,
    'PUT /channels/{channel_id}/messages/pins/{message_id}': powerful,
    'DELETE /channels/{channel_id}/messages/pins/{message_id}': powerful,
    'GET /channels/{channel_id}/pins': members,
    'PUT /channels/{channel_id}/pins/{message_id}': powerful,
    'DELETE /channels/{channel_id}/pins/{message_id}': powerful,

    'GET /guilds/{guild_id}/bans': powerful,
    'GET /guilds/{guild_id}/bans/{user_id}': banned,
    // Somebody who never was here may be banned too.
    'PUT /guilds/{guild_id}/bans/{user_id}': { ...powerful, foreign: { user_id: OK }, other: { user_id: UNKNOWN.user }, zero: { user_id: UNKNOWN.user } },
    'DELETE /guilds/{guild_id}/bans/{user_id}': banned,
    'POST /guilds/{guild_id}/bulk-ban': { ...powerful, body: (s) => ({ user_ids: [s.target.id] }) },
    'GET /guilds/{guild_id}/audit-logs': powerful,
    'GET /guilds/{guild_id}/prune': powerful,
    'POST /guilds/{guild_id}/prune': { ...powerful, body: { days: 30 } },

    'POST /channels/{channel_id}/messages/{message_id}/reports': { ...members, body: { reason: 'spam' } },
    'GET /admin/reports': administrator,
    'GET /admin/reports/{report_id}': { ...administrator, ...withReport },
    'POST /admin/reports/{report_id}/resolve': { ...administrator, ...withReport, body: { note: 'seen' } },
    'GET /admin/summary': administrator,
    'GET /admin/users': administrator,
    'GET /admin/users/{user_id}': { ...administrator, ...withVictim },
    'POST /admin/users/{user_id}/disable': { ...administrator, ...withVictim },
    'POST /admin/users/{user_id}/enable': { ...administrator, ...withVictim },
    'DELETE /admin/users/{user_id}': { ...administrator, ...withVictim },

    // From the announcement channel into the scene's own.
    'POST /channels/{channel_id}/followers': { ...powerful, path: { channel_id: (s) => s.news }, body: (s) => ({ webhook_channel_id: s.channel }) },
    'POST /channels/{channel_id}/messages/{message_id}/crosspost': { ...powerful, path: { channel_id: (s) => s.news, message_id: (s) => s.newsMessage } },
    'GET /guilds/{guild_id}/emojis': members,
    'GET /guilds/{guild_id}/emojis/{emoji_id}': { ...members, ...withEmoji },
    'POST /guilds/{guild_id}/emojis': { ...powerful, body: { name: 'new', image } },
    'PATCH /guilds/{guild_id}/emojis/{emoji_id}': { ...powerful, ...withEmoji, body: { name: 'renamed' } },
    'DELETE /guilds/{guild_id}/emojis/{emoji_id}': { ...powerful, ...withEmoji },
    'GET /applications/{application_id}/emojis': applicationOwner,
    'GET /applications/{application_id}/emojis/{emoji_id}': { ...applicationOwner, ...withOwnEmoji },
    'POST /applications/{application_id}/emojis': { ...applicationOwner, body: { name: 'new', image } },
    'PATCH /applications/{application_id}/emojis/{emoji_id}': { ...applicationOwner, ...withOwnEmoji, body: { name: 'renamed' } },
    'DELETE /applications/{application_id}/emojis/{emoji_id}': { ...applicationOwner, ...withOwnEmoji },

    'POST /channels/{channel_id}/webhooks': { ...powerful, body: { name: 'new' } },
    'GET /channels/{channel_id}/webhooks': powerful,
    'GET /guilds/{guild_id}/webhooks': powerful,
    'GET /webhooks/{webhook_id}': powerful,
    'PATCH /webhooks/{webhook_id}': { ...powerful, body: { name: 'renamed' } },
    'DELETE /webhooks/{webhook_id}': powerful,
    'GET /webhooks/{webhook_id}/{webhook_token}': holder,
    'PATCH /webhooks/{webhook_id}/{webhook_token}': { ...holder, body: { name: 'renamed' } },
    'DELETE /webhooks/{webhook_id}/{webhook_token}': spent,
    'POST /webhooks/{webhook_id}/{webhook_token}': { ...holder, query: '?wait=true', body: { content: 'posted' } },
    'POST /webhooks/{webhook_id}/{webhook_token}/slack': { ...holder, body: { text: 'posted' } },
    'POST /webhooks/{webhook_id}/{webhook_token}/github': { ...holder, body: { repository: { full_name: 'a/b' }, sender: { login: 'ada' }, ref_type: 'tag', ref: 'v1' } },
    'GET /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}': { ...holder, ...ownMessage },
    'PATCH /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}': { ...holder, ...ownMessage, body: { content: 'changed' } },
    'DELETE /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}': { ...spent, ...ownMessage },
};

// The row's answer to somebody, or what follows from the path when the row does not say.
export function expected(route, who) {
    const row = table[`${route.verb} ${route.path}`];
    if (who === 'none') return row.none ?? UNAUTHORIZED;
    if (row[who] !== undefined) return row[who];
    if (OUTSIDERS.includes(who)) return row.outsider;
    if (who === 'blind') return ACCESS;
    return undefined;
}

export const succeeds = (route, answer) => (answer === OK ? [route.success, undefined] : answer);
