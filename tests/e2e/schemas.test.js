// Goal: each route's answer is what Discord's own specification says, by the schemas of npm's discord-api-spec. One row a
// route; a route without a row fails. Timestamps are rewritten to the Z form for the check only.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as spec from 'discord-api-spec/zod';
import * as z from 'zod/mini';
import { PASSWORD, routes, totp, unique, until, withHubbub } from './harness.js';
import { png, uri } from './pictures.js';
import { Post } from './post.js';

const post = await Post.start();
const up = withHubbub({ before, after }, { env: post.env() });
after(() => post.close());

const SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
const EMPTY = 'no body';
const THUMB = encodeURIComponent('👍');
const OURS = z.looseObject({}); // not in the specification: our own form
const list = (schema) => z.array(schema);
const channel = spec.GuildChannelResponseSchema;
const webhook = z.union([spec.GuildIncomingWebhookResponseSchema, spec.ChannelFollowerWebhookResponseSchema]);
const invite = spec.GuildInviteResponseSchema;

// What the calls work on. Everything that a call destroys is made for it.
async function prepare(hub) {
    const w = await hub.guild(1);
    w.hub = hub;
    w.member = w.members[0];
    w.role = (await w.owner.post(`/guilds/${w.guild}/roles`, { name: 'one', permissions: '0' })).id;
    await w.owner.put(`/guilds/${w.guild}/members/${w.member.id}/roles/${w.role}`);
    w.bot = await hub.bot(w.owner, { guild: w.guild });
    w.application = w.bot.application;
    w.form = new FormData();
    w.form.set('payload_json', JSON.stringify({ content: 'with a file', embeds: [{ title: 'T', timestamp: '2026-01-02T03:04:05Z' }] }));
    w.form.set('files[0]', new Blob(['words']), 'a.txt');
    w.message = (await w.owner.post(`/channels/${w.channel}/messages`, w.form)).id;
    w.hook = await w.owner.post(`/channels/${w.channel}/webhooks`, { name: 'hook' });
    w.newHook = async () => (await w.owner.post(`/channels/${await w.newChannel()}/webhooks`, { name: 'extra' }));
    w.hooked = (rest = '') => `/webhooks/${w.hook.id}/${w.hook.token}${rest}`;
    w.post = async () => (await w.hub.request('POST', w.hooked('?wait=true'), { body: { content: 'x' } })).body.id;
    w.image = uri(png(2, 2));
    w.newEmoji = async () => (await w.owner.post(`/guilds/${w.guild}/emojis`, { name: 'extra', image: w.image })).id;
    w.newOwnEmoji = async () => (await w.owner.post(`/applications/${w.application}/emojis`, { name: 'extra', image: w.image })).id;
    w.newChannel = async () => (await w.owner.post(`/guilds/${w.guild}/channels`, { name: 'extra' })).id;
    w.newNews = async () => (await w.owner.post(`/guilds/${w.guild}/channels`, { name: 'news', type: 5 })).id;
    w.newRole = async () => (await w.owner.post(`/guilds/${w.guild}/roles`, { name: 'extra' })).id;
    w.newGuild = async () => (await w.owner.post('/guilds', { name: 'extra guild' })).id;
    w.newInvite = async () => (await w.owner.post(`/channels/${w.channel}/invites`, { unique: true })).code;
    w.newApplication = async () => (await w.owner.post('/applications', { name: 'extra' })).id;
    w.newReport = async () => (await w.member.post(`/channels/${w.channel}/messages/${(await w.owner.say(w.channel, 'report this')).id}/reports`, { reason: 'spam', comment: 'really' })).id;
    w.inVoice = async (verb, whom, body) => {
        w.socket ??= await w.owner.connect();
        w.socket.send({ op: 4, d: { guild_id: w.guild, channel_id: w.voice, self_mute: false, self_deaf: false } });
        await w.socket.event('VOICE_STATE_UPDATE');
        return w.owner.request(verb, `/guilds/${w.guild}/voice-states/${whom}`, { body });
    };
    w.guest = async () => {
        const guest = await hub.register();
        await guest.post(`/invites/${w.invite}`);
        return guest;
    };
    w.enrolled = async () => {
        const guest = await hub.register();
        guest.codes = await guest.enrol(SECRET);
        return guest;
    };
    w.finish = async (way, guest, code) => {
        const { ticket } = (await hub.request('POST', '/auth/login', { body: { login: guest.username, password: PASSWORD } })).body;
        return hub.request('POST', `/auth/mfa/${way}`, { body: { ticket, code } });
    };
    // The token of the link in a mail that somebody new got.
    w.mailed = async (n) => {
        const name = unique('mailed');
        await hub.request('POST', '/auth/register', { body: { username: name, email: `${name}@example.org`, password: PASSWORD, consent: true, date_of_birth: '1990-01-01' } });
        if (n > 1) await hub.request('POST', '/auth/forgot', { body: { login: name } });
        return post.token(`${name}@example.org`, n);
    };
    w.group = async () => (await w.owner.post('/users/@me/channels', { recipients: [w.member.id, (await w.guest()).id] })).id;
    w.banned = async () => {
        const guest = await w.guest();
        await w.owner.put(`/guilds/${w.guild}/bans/${guest.id}`, {}, { headers: { 'x-audit-log-reason': 'rude' } });
        return guest;
    };
    return w;
}

// route → [schema, call]; a call answers {status, body}.
const table = {
    'POST /auth/register': [OURS, (w) => w.hub.request('POST', '/auth/register', { body: { username: unique('x'), password: PASSWORD, consent: true, date_of_birth: '1990-01-01' } })],
    'POST /auth/login': [OURS, (w) => w.hub.request('POST', '/auth/login', { body: { login: w.owner.username, password: PASSWORD } })],
    'POST /auth/logout': [EMPTY, async (w) => (await w.hub.register()).request('POST', '/auth/logout', { body: {} })],
    'GET /auth/sessions': [OURS, (w) => w.owner.request('GET', '/auth/sessions')],
    'POST /auth/sessions/logout': [EMPTY, async (w) => {
        const guest = await w.hub.register();
        const { user_sessions } = await guest.get('/auth/sessions');
        return guest.request('POST', '/auth/sessions/logout', { body: { session_id_hashes: [user_sessions[0].id_hash] } });
    }],
    'POST /users/@me/mfa/totp/enable': [OURS, async (w) => (await w.hub.register()).request('POST', '/users/@me/mfa/totp/enable', { body: { password: PASSWORD, secret: SECRET, code: totp(SECRET) } })],
    'POST /users/@me/mfa/totp/disable': [OURS, async (w) => (await w.enrolled()).request('POST', '/users/@me/mfa/totp/disable', { body: { code: totp(SECRET, 1) } })],
    'POST /auth/verify/view-backup-codes-challenge': [OURS, (w) => w.owner.request('POST', '/auth/verify/view-backup-codes-challenge', { body: { password: PASSWORD } })],
    'POST /users/@me/mfa/codes-verification': [OURS, async (w) => {
        const guest = await w.enrolled();
        const { regenerate_nonce } = await guest.post('/auth/verify/view-backup-codes-challenge', { password: PASSWORD });
        return guest.request('POST', '/users/@me/mfa/codes-verification', { body: { key: totp(SECRET, 1), nonce: regenerate_nonce, regenerate: true } });
    }],
    'POST /auth/mfa/totp': [OURS, async (w) => w.finish('totp', await w.enrolled(), totp(SECRET, 1))],
    'POST /auth/mfa/backup': [OURS, async (w) => {
        const guest = await w.enrolled();
        return w.finish('backup', guest, guest.codes[0]);
    }],
    'POST /auth/verify': [z.object({ user_id: z.string() }), async (w) => w.hub.request('POST', '/auth/verify', { body: { token: await w.mailed(1) } })],
    'POST /auth/verify/resend': [EMPTY, (w) => w.owner.request('POST', '/auth/verify/resend')],
    'POST /auth/forgot': [EMPTY, (w) => w.hub.request('POST', '/auth/forgot', { body: { login: w.owner.username } })],
    'POST /auth/reset': [OURS, async (w) => w.hub.request('POST', '/auth/reset', { body: { token: await w.mailed(2), password: PASSWORD } })],
    'GET /users/@me': [spec.UserPIIResponseSchema, (w) => w.owner.request('GET', '/users/@me')],
    'PATCH /users/@me': [spec.UserPIIResponseSchema, (w) => w.owner.request('PATCH', '/users/@me', { body: { global_name: 'Anna' } })],
    'GET /users/{user_id}': [spec.UserResponseSchema, (w) => w.member.request('GET', `/users/${w.owner.id}`)],
    'POST /applications': [OURS, (w) => w.owner.request('POST', '/applications', { body: { name: 'app' } })],
    'GET /applications': [list(OURS), (w) => w.owner.request('GET', '/applications')],
    'GET /applications/{application_id}': [OURS, (w) => w.owner.request('GET', `/applications/${w.application}`)],
    'GET /applications/@me': [spec.PrivateApplicationResponseSchema, (w) => w.bot.request('GET', '/applications/@me')],
    'PATCH /applications/@me': [spec.PrivateApplicationResponseSchema, (w) => w.bot.request('PATCH', '/applications/@me', { body: { description: 'a bot' } })],
    'GET /oauth2/applications/@me': [spec.PrivateApplicationResponseSchema, (w) => w.bot.request('GET', '/oauth2/applications/@me')],
    'PATCH /applications/{application_id}': [OURS, (w) => w.owner.request('PATCH', `/applications/${w.application}`, { body: { description: 'does things' } })],
    'DELETE /applications/{application_id}': [EMPTY, async (w) => w.owner.request('DELETE', `/applications/${await w.newApplication()}`)],
    'POST /applications/{application_id}/delete': [EMPTY, async (w) => w.owner.request('POST', `/applications/${await w.newApplication()}/delete`, { body: {} })],
    'POST /applications/{application_id}/bot': [OURS, async (w) => w.owner.request('POST', `/applications/${await w.newApplication()}/bot`, { body: {} })],
    'POST /applications/{application_id}/bot/reset': [OURS, async (w) => w.owner.request('POST', `/applications/${await w.newApplication()}/bot/reset`, { body: {} })],
    'POST /oauth2/authorize': [OURS, async (w) => {
        const id = await w.newApplication();
        await w.owner.post(`/applications/${id}/bot`);
        return w.owner.request('POST', `/oauth2/authorize?client_id=${id}&scope=bot&permissions=0`, { body: { guild_id: w.guild, permissions: '0', authorize: true } });
    }],
    'POST /guilds': [spec.GuildResponseSchema, (w) => w.owner.request('POST', '/guilds', { body: { name: 'another' } })],
    'GET /guilds/{guild_id}': [spec.GuildWithCountsResponseSchema, (w) => w.owner.request('GET', `/guilds/${w.guild}?with_counts=true`)],
    'PATCH /guilds/{guild_id}': [spec.GuildResponseSchema, (w) => w.owner.request('PATCH', `/guilds/${w.guild}`, { body: { description: 'ours' } })],
    'POST /guilds/{guild_id}/mfa': [z.object({ level: z.literal(0) }), async (w) => {
        const guest = await w.enrolled();
        const { id } = await guest.post('/guilds', { name: 'guarded' });
        return guest.request('POST', `/guilds/${id}/mfa`, { body: { level: 0 } });
    }],
    'DELETE /guilds/{guild_id}': [EMPTY, async (w) => w.owner.request('DELETE', `/guilds/${await w.newGuild()}`)],
    'POST /guilds/{guild_id}/delete': [EMPTY, async (w) => w.owner.request('POST', `/guilds/${await w.newGuild()}/delete`, { body: {} })],
    'GET /users/@me/guilds': [list(spec.MyGuildResponseSchema), (w) => w.member.request('GET', '/users/@me/guilds?with_counts=true')],
    'DELETE /users/@me/guilds/{guild_id}': [EMPTY, async (w) => (await w.guest()).request('DELETE', `/users/@me/guilds/${w.guild}`)],
    'GET /guilds/{guild_id}/channels': [list(channel), (w) => w.owner.request('GET', `/guilds/${w.guild}/channels`)],
    'POST /guilds/{guild_id}/channels': [channel, (w) => w.owner.request('POST', `/guilds/${w.guild}/channels`, { body: { name: 'new', permission_overwrites: [{ id: w.role, type: 0, allow: '1024', deny: '0' }] } })],
    'PATCH /guilds/{guild_id}/channels': [EMPTY, (w) => w.owner.request('PATCH', `/guilds/${w.guild}/channels`, { body: [{ id: w.channel, position: 3 }] })],
    'POST /users/@me/channels': [spec.PrivateChannelResponseSchema, (w) => w.owner.request('POST', '/users/@me/channels', { body: { recipient_id: w.member.id } })],
    'GET /users/@me/channels': [list(OURS), (w) => w.owner.request('GET', '/users/@me/channels')],
    'PUT /channels/{channel_id}/recipients/{user_id}': [EMPTY, async (w) => w.owner.request('PUT', `/channels/${await w.group()}/recipients/${(await w.guest()).id}`)],
    'DELETE /channels/{channel_id}/recipients/{user_id}': [EMPTY, async (w) => w.owner.request('DELETE', `/channels/${await w.group()}/recipients/${w.member.id}`)],
    'GET /channels/{channel_id}': [channel, (w) => w.owner.request('GET', `/channels/${w.channel}`)],
    'PATCH /channels/{channel_id}': [channel, (w) => w.owner.request('PATCH', `/channels/${w.channel}`, { body: { topic: 'talk' } })],
    'DELETE /channels/{channel_id}': [channel, async (w) => w.owner.request('DELETE', `/channels/${await w.newChannel()}`)],
    'PUT /channels/{channel_id}/permissions/{overwrite_id}': [EMPTY, (w) => w.owner.request('PUT', `/channels/${w.channel}/permissions/${w.role}`, { body: { type: 0, allow: '1024', deny: '0' } })],
    'DELETE /channels/{channel_id}/permissions/{overwrite_id}': [EMPTY, async (w) => {
        await w.owner.put(`/channels/${w.channel}/permissions/${w.member.id}`, { type: 1, allow: '1024', deny: '0' });
        return w.owner.request('DELETE', `/channels/${w.channel}/permissions/${w.member.id}`);
    }],
    'POST /channels/{channel_id}/invites': [invite, (w) => w.owner.request('POST', `/channels/${w.channel}/invites`, { body: { max_uses: 3, max_age: 60 } })],
    'GET /channels/{channel_id}/invites': [list(invite), (w) => w.owner.request('GET', `/channels/${w.channel}/invites`)],
    'GET /guilds/{guild_id}/invites': [list(invite), (w) => w.owner.request('GET', `/guilds/${w.guild}/invites`)],
    'GET /invites/{code}': [invite, (w) => w.hub.request('GET', `/invites/${w.invite}?with_counts=true`)],
    'POST /invites/{code}': [invite, async (w) => (await w.hub.register()).request('POST', `/invites/${w.invite}`, { body: {} })],
    'DELETE /invites/{code}': [invite, async (w) => w.owner.request('DELETE', `/invites/${await w.newInvite()}`)],
    'GET /guilds/{guild_id}/roles': [list(spec.GuildRoleResponseSchema), (w) => w.owner.request('GET', `/guilds/${w.guild}/roles`)],
    'GET /guilds/{guild_id}/roles/{role_id}': [spec.GuildRoleResponseSchema, (w) => w.owner.request('GET', `/guilds/${w.guild}/roles/${w.role}`)],
    'POST /guilds/{guild_id}/roles': [spec.GuildRoleResponseSchema, (w) => w.owner.request('POST', `/guilds/${w.guild}/roles`, { body: { name: 'new', colors: { primary_color: 255 } } })],
    'PATCH /guilds/{guild_id}/roles': [list(spec.GuildRoleResponseSchema), (w) => w.owner.request('PATCH', `/guilds/${w.guild}/roles`, { body: [{ id: w.role, position: 1 }] })],
    'PATCH /guilds/{guild_id}/roles/{role_id}': [spec.GuildRoleResponseSchema, (w) => w.owner.request('PATCH', `/guilds/${w.guild}/roles/${w.role}`, { body: { hoist: true } })],
    'DELETE /guilds/{guild_id}/roles/{role_id}': [EMPTY, async (w) => w.owner.request('DELETE', `/guilds/${w.guild}/roles/${await w.newRole()}`)],
    'GET /guilds/{guild_id}/emojis': [list(spec.EmojiResponseSchema), async (w) => (await w.newEmoji()) && w.owner.request('GET', `/guilds/${w.guild}/emojis`)],
    'GET /guilds/{guild_id}/emojis/{emoji_id}': [spec.EmojiResponseSchema, async (w) => w.owner.request('GET', `/guilds/${w.guild}/emojis/${await w.newEmoji()}`)],
    'POST /guilds/{guild_id}/emojis': [spec.EmojiResponseSchema, (w) => w.owner.request('POST', `/guilds/${w.guild}/emojis`, { body: { name: 'new', image: w.image, roles: [w.role] } })],
    'PATCH /guilds/{guild_id}/emojis/{emoji_id}': [spec.EmojiResponseSchema, async (w) => w.owner.request('PATCH', `/guilds/${w.guild}/emojis/${await w.newEmoji()}`, { body: { name: 'other' } })],
    'DELETE /guilds/{guild_id}/emojis/{emoji_id}': [EMPTY, async (w) => w.owner.request('DELETE', `/guilds/${w.guild}/emojis/${await w.newEmoji()}`)],
    'GET /applications/{application_id}/emojis': [spec.ListApplicationEmojisResponseSchema, async (w) => (await w.newOwnEmoji()) && w.bot.request('GET', `/applications/${w.application}/emojis`)],
    'GET /applications/{application_id}/emojis/{emoji_id}': [spec.EmojiResponseSchema, async (w) => w.bot.request('GET', `/applications/${w.application}/emojis/${await w.newOwnEmoji()}`)],
    'POST /applications/{application_id}/emojis': [spec.EmojiResponseSchema, (w) => w.bot.request('POST', `/applications/${w.application}/emojis`, { body: { name: 'new', image: w.image } })],
    'PATCH /applications/{application_id}/emojis/{emoji_id}': [spec.EmojiResponseSchema, async (w) => w.bot.request('PATCH', `/applications/${w.application}/emojis/${await w.newOwnEmoji()}`, { body: { name: 'other' } })],
    'DELETE /applications/{application_id}/emojis/{emoji_id}': [EMPTY, async (w) => w.bot.request('DELETE', `/applications/${w.application}/emojis/${await w.newOwnEmoji()}`)],
    'GET /guilds/{guild_id}/members': [list(spec.GuildMemberResponseSchema), (w) => w.bot.request('GET', `/guilds/${w.guild}/members?limit=100`)],
    'GET /guilds/{guild_id}/voice-states/@me': [spec.VoiceStateResponseSchema, (w) => w.inVoice('GET', '@me')],
    'GET /guilds/{guild_id}/voice-states/{user_id}': [spec.VoiceStateResponseSchema, (w) => w.inVoice('GET', w.owner.id)],
    'PATCH /guilds/{guild_id}/voice-states/@me': [EMPTY, (w) => w.inVoice('PATCH', '@me', { suppress: true })],
    'PATCH /guilds/{guild_id}/voice-states/{user_id}': [EMPTY, (w) => w.inVoice('PATCH', w.owner.id, { suppress: false })],
    'GET /voice/regions': [list(spec.VoiceRegionResponseSchema), (w) => w.owner.request('GET', '/voice/regions')],
    'GET /guilds/{guild_id}/members/search': [list(spec.GuildMemberResponseSchema), (w) => w.bot.request('GET', `/guilds/${w.guild}/members/search?query=${w.member.username.slice(0, 4)}&limit=5`)],
    'GET /guilds/{guild_id}/bans': [list(spec.GuildBanResponseSchema), async (w) => {
        await w.banned();
        return w.bot.request('GET', `/guilds/${w.guild}/bans?limit=10`);
    }],
    'GET /guilds/{guild_id}/bans/{user_id}': [spec.GuildBanResponseSchema, async (w) => w.bot.request('GET', `/guilds/${w.guild}/bans/${(await w.banned()).id}`)],
    'PUT /guilds/{guild_id}/bans/{user_id}': [EMPTY, async (w) => w.owner.request('PUT', `/guilds/${w.guild}/bans/${(await w.guest()).id}`, { body: { delete_message_seconds: 604800 } })],
    'DELETE /guilds/{guild_id}/bans/{user_id}': [EMPTY, async (w) => w.owner.request('DELETE', `/guilds/${w.guild}/bans/${(await w.banned()).id}`)],
    'POST /guilds/{guild_id}/bulk-ban': [spec.BulkBanUsersResponseSchema, async (w) => w.owner.request('POST', `/guilds/${w.guild}/bulk-ban`, { body: { user_ids: [(await w.guest()).id, w.owner.id] } })],
    'POST /channels/{channel_id}/followers': [spec.ChannelFollowerResponseSchema, async (w) => w.owner.request('POST', `/channels/${await w.newNews()}/followers`, { body: { webhook_channel_id: w.channel } })],
    'POST /channels/{channel_id}/messages/{message_id}/crosspost': [spec.MessageResponseSchema, async (w) => {
        const news = await w.newNews();
        return w.owner.request('POST', `/channels/${news}/messages/${(await w.owner.say(news, 'news')).id}/crosspost`, { body: {} });
    }],
    'GET /guilds/{guild_id}/prune': [spec.GuildPruneResponseSchema, (w) => w.owner.request('GET', `/guilds/${w.guild}/prune?days=30&include_roles=${w.role}`)],
    'POST /guilds/{guild_id}/prune': [spec.GuildPruneResponseSchema, (w) => w.owner.request('POST', `/guilds/${w.guild}/prune`, { body: { days: 30, include_roles: [w.role], compute_prune_count: false } })],
    'GET /guilds/{guild_id}/audit-logs': [spec.GuildAuditLogResponseSchema, (w) => w.bot.request('GET', `/guilds/${w.guild}/audit-logs?limit=100`)],
    'GET /guilds/{guild_id}/members/{user_id}': [spec.GuildMemberResponseSchema, (w) => w.bot.request('GET', `/guilds/${w.guild}/members/${w.member.id}`)],
    'GET /users/@me/guilds/{guild_id}/member': [spec.PrivateGuildMemberResponseSchema, (w) => w.member.request('GET', `/users/@me/guilds/${w.guild}/member`)],
    'PATCH /guilds/{guild_id}/members/{user_id}': [spec.GuildMemberResponseSchema, (w) => w.owner.request('PATCH', `/guilds/${w.guild}/members/${w.member.id}`, { body: { nick: 'Bel' } })],
    'PATCH /guilds/{guild_id}/members/@me': [spec.PrivateGuildMemberResponseSchema, (w) => w.owner.request('PATCH', `/guilds/${w.guild}/members/@me`, { body: { nick: 'An' } })],
    'DELETE /guilds/{guild_id}/members/{user_id}': [EMPTY, async (w) => w.owner.request('DELETE', `/guilds/${w.guild}/members/${(await w.guest()).id}`)],
    'PUT /guilds/{guild_id}/members/{user_id}/roles/{role_id}': [EMPTY, (w) => w.owner.request('PUT', `/guilds/${w.guild}/members/${w.member.id}/roles/${w.role}`)],
    'DELETE /guilds/{guild_id}/members/{user_id}/roles/{role_id}': [EMPTY, async (w) => {
        const guest = await w.guest();
        await w.owner.put(`/guilds/${w.guild}/members/${guest.id}/roles/${w.role}`);
        return w.owner.request('DELETE', `/guilds/${w.guild}/members/${guest.id}/roles/${w.role}`);
    }],
    'POST /channels/{channel_id}/messages/bulk-delete': [EMPTY, async (w) => w.owner.request('POST', `/channels/${w.channel}/messages/bulk-delete`, { body: { messages: [(await w.owner.say(w.channel, 'x')).id, (await w.owner.say(w.channel, 'y')).id] } })],
    'PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me': [EMPTY, (w) => w.owner.request('PUT', `/channels/${w.channel}/messages/${w.message}/reactions/${THUMB}/@me`)],
    'DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/@me': [EMPTY, (w) => w.owner.request('DELETE', `/channels/${w.channel}/messages/${w.message}/reactions/${THUMB}/@me`)],
    'DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}/{user_id}': [EMPTY, async (w) => {
        await w.member.put(`/channels/${w.channel}/messages/${w.message}/reactions/${THUMB}/@me`);
        return w.owner.request('DELETE', `/channels/${w.channel}/messages/${w.message}/reactions/${THUMB}/${w.member.id}`);
    }],
    'GET /channels/{channel_id}/messages/{message_id}/reactions/{emoji}': [list(spec.UserResponseSchema), async (w) => {
        await w.member.put(`/channels/${w.channel}/messages/${w.message}/reactions/${THUMB}/@me`);
        return w.owner.request('GET', `/channels/${w.channel}/messages/${w.message}/reactions/${THUMB}?limit=100`);
    }],
    'DELETE /channels/{channel_id}/messages/{message_id}/reactions': [EMPTY, (w) => w.owner.request('DELETE', `/channels/${w.channel}/messages/${w.message}/reactions`)],
    'DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji}': [EMPTY, (w) => w.owner.request('DELETE', `/channels/${w.channel}/messages/${w.message}/reactions/${THUMB}`)],
    'GET /channels/{channel_id}/messages/search': [spec.GuildSearchResponseSchema, (w) => until('the channel is indexed', async () => {
        const answer = await w.owner.request('GET', `/channels/${w.channel}/messages/search?limit=5`);
        return answer.status === 200 && answer;
    })],
    'GET /guilds/{guild_id}/messages/search': [spec.GuildSearchResponseSchema, (w) => until('the message is found', async () => {
        const answer = await w.owner.request('GET', `/guilds/${w.guild}/messages/search?content=file&has=file&limit=5`);
        return answer.status === 200 && answer.body.total_results === 1 ? answer : undefined;
    })],
    'GET /channels/{channel_id}/messages/pins': [spec.PinnedMessagesResponseSchema, async (w) => {
        await w.owner.put(`/channels/${w.channel}/messages/pins/${w.message}`);
        await w.owner.put(`/channels/${w.channel}/messages/${w.message}/reactions/${THUMB}/@me`);
        return w.owner.request('GET', `/channels/${w.channel}/messages/pins?limit=1`);
    }],
    'PUT /channels/{channel_id}/messages/pins/{message_id}': [EMPTY, (w) => w.owner.request('PUT', `/channels/${w.channel}/messages/pins/${w.message}`)],
    'DELETE /channels/{channel_id}/messages/pins/{message_id}': [EMPTY, (w) => w.owner.request('DELETE', `/channels/${w.channel}/messages/pins/${w.message}`)],
    'GET /channels/{channel_id}/pins': [list(spec.MessageResponseSchema), async (w) => {
        await w.owner.put(`/channels/${w.channel}/pins/${w.message}`);
        return w.owner.request('GET', `/channels/${w.channel}/pins`);
    }],
    'PUT /channels/{channel_id}/pins/{message_id}': [EMPTY, (w) => w.owner.request('PUT', `/channels/${w.channel}/pins/${w.message}`)],
    'DELETE /channels/{channel_id}/pins/{message_id}': [EMPTY, (w) => w.owner.request('DELETE', `/channels/${w.channel}/pins/${w.message}`)],
    'GET /users/@me/relationships': [list(OURS), async (w) => {
        await w.owner.put(`/users/@me/relationships/${w.member.id}`, {});
        return w.owner.request('GET', '/users/@me/relationships');
    }],
    'POST /users/@me/relationships': [EMPTY, async (w) => w.owner.request('POST', '/users/@me/relationships', { body: { username: (await w.guest()).username } })],
    'PUT /users/@me/relationships/{user_id}': [EMPTY, async (w) => w.owner.request('PUT', `/users/@me/relationships/${(await w.guest()).id}`, { body: {} })],
    'PATCH /users/@me/relationships/{user_id}': [EMPTY, (w) => w.owner.request('PATCH', `/users/@me/relationships/${w.member.id}`, { body: { nickname: 'Bel' } })],
    'DELETE /users/@me/relationships/{user_id}': [EMPTY, (w) => w.owner.request('DELETE', `/users/@me/relationships/${w.member.id}`)],
    // The owner is the first account of the instance: it administers it.
    'POST /channels/{channel_id}/messages/{message_id}/reports': [OURS, (w) => w.member.request('POST', `/channels/${w.channel}/messages/${w.message}/reports`, { body: { reason: 'spam' } })],
    'GET /admin/reports': [OURS, (w) => w.owner.request('GET', '/admin/reports')],
    'GET /admin/reports/{report_id}': [OURS, async (w) => w.owner.request('GET', `/admin/reports/${await w.newReport()}`)],
    'POST /admin/reports/{report_id}/resolve': [OURS, async (w) => w.owner.request('POST', `/admin/reports/${await w.newReport()}/resolve`, { body: { act: 'delete_message', note: 'seen' } })],
    'GET /admin/summary': [OURS, (w) => w.owner.request('GET', '/admin/summary')],
    'GET /admin/users': [OURS, (w) => w.owner.request('GET', '/admin/users')],
    'GET /admin/users/{user_id}': [OURS, (w) => w.owner.request('GET', `/admin/users/${w.member.id}`)],
    'POST /admin/users/{user_id}/disable': [OURS, async (w) => w.owner.request('POST', `/admin/users/${(await w.hub.register()).id}/disable`)],
    'POST /admin/users/{user_id}/enable': [OURS, async (w) => w.owner.request('POST', `/admin/users/${(await w.hub.register()).id}/enable`)],
    'DELETE /admin/users/{user_id}': [EMPTY, async (w) => w.owner.request('DELETE', `/admin/users/${(await w.hub.register()).id}`)],
    'POST /users/@me/disable': [EMPTY, async (w) => (await w.hub.register()).request('POST', '/users/@me/disable', { body: { password: PASSWORD } })],
    'POST /users/@me/delete': [EMPTY, async (w) => (await w.hub.register()).request('POST', '/users/@me/delete', { body: { password: PASSWORD } })],
    'POST /users/@me/harvest': [OURS, async (w) => w.owner.request('POST', '/users/@me/harvest', { body: { password: PASSWORD } })],
    'GET /users/@me/harvest': [OURS, (w) => w.owner.request('GET', '/users/@me/harvest')],
    'GET /users/{user_id}/profile': [OURS, (w) => w.member.request('GET', `/users/${w.owner.id}/profile`)],
    'PUT /users/@me/notes/{user_id}': [EMPTY, (w) => w.owner.request('PUT', `/users/@me/notes/${w.member.id}`, { body: { note: 'x' } })],
    'GET /users/@me/notes/{user_id}': [OURS, (w) => w.owner.request('GET', `/users/@me/notes/${w.member.id}`)],
    'GET /users/@me/settings': [OURS, (w) => w.member.request('GET', '/users/@me/settings')],
    'PATCH /users/@me/settings': [OURS, (w) => w.member.request('PATCH', '/users/@me/settings', { body: { theme: 'light' } })],
    'GET /users/@me/settings-proto/{type}': [OURS, (w) => w.member.request('GET', '/users/@me/settings-proto/1')],
    'PATCH /users/@me/settings-proto/{type}': [OURS, (w) => w.member.request('PATCH', '/users/@me/settings-proto/1', { body: { settings: 'CAE=' } })],
    'PATCH /users/@me/guilds/{guild_id}/settings': [OURS, (w) => w.member.request('PATCH', `/users/@me/guilds/${w.guild}/settings`, { body: { muted: true } })],
    'PATCH /users/@me/guilds/@me/settings': [OURS, (w) => w.member.request('PATCH', '/users/@me/guilds/@me/settings', { body: {} })],
    'PATCH /users/@me/guilds/settings': [list(OURS), (w) => w.member.request('PATCH', '/users/@me/guilds/settings', { body: { guilds: { [w.guild]: {} } } })],
    'POST /channels/{channel_id}/messages/{message_id}/ack': [OURS, (w) => w.member.request('POST', `/channels/${w.channel}/messages/${w.message}/ack`, { body: {} })],
    'POST /read-states/ack-bulk': [EMPTY, (w) => w.member.request('POST', '/read-states/ack-bulk', { body: { read_states: [{ channel_id: w.channel, message_id: w.message }] } })],
    'POST /channels/{channel_id}/pins/ack': [EMPTY, (w) => w.member.request('POST', `/channels/${w.channel}/pins/ack`)],
    'DELETE /channels/{channel_id}/messages/ack': [EMPTY, (w) => w.member.request('DELETE', `/channels/${w.channel}/messages/ack`)],
    'POST /channels/{channel_id}/typing': [EMPTY, (w) => w.owner.request('POST', `/channels/${w.channel}/typing`)],
    'POST /channels/{channel_id}/webhooks': [spec.GuildIncomingWebhookResponseSchema, async (w) => w.owner.request('POST', `/channels/${await w.newChannel()}/webhooks`, { body: { name: 'new' } })],
    'GET /channels/{channel_id}/webhooks': [list(webhook), (w) => w.owner.request('GET', `/channels/${w.channel}/webhooks`)],
    'GET /guilds/{guild_id}/webhooks': [list(webhook), (w) => w.owner.request('GET', `/guilds/${w.guild}/webhooks`)],
    'GET /webhooks/{webhook_id}': [spec.GuildIncomingWebhookResponseSchema, (w) => w.owner.request('GET', `/webhooks/${w.hook.id}`)],
    'PATCH /webhooks/{webhook_id}': [spec.GuildIncomingWebhookResponseSchema, (w) => w.owner.request('PATCH', `/webhooks/${w.hook.id}`, { body: { name: 'renamed' } })],
    'DELETE /webhooks/{webhook_id}': [EMPTY, async (w) => w.owner.request('DELETE', `/webhooks/${(await w.newHook()).id}`)],
    'GET /webhooks/{webhook_id}/{webhook_token}': [spec.GuildIncomingWebhookResponseSchema, (w) => w.hub.request('GET', w.hooked())],
    'PATCH /webhooks/{webhook_id}/{webhook_token}': [spec.GuildIncomingWebhookResponseSchema, (w) => w.hub.request('PATCH', w.hooked(), { body: { name: 'renamed' } })],
    'DELETE /webhooks/{webhook_id}/{webhook_token}': [EMPTY, async (w) => {
        const { id, token } = await w.newHook();
        return w.hub.request('DELETE', `/webhooks/${id}/${token}`);
    }],
    'POST /webhooks/{webhook_id}/{webhook_token}': [spec.MessageResponseSchema, (w) => w.hub.request('POST', w.hooked('?wait=true'), { body: { content: 'x', username: 'poster', embeds: [{ title: 'T' }] } })],
    'POST /webhooks/{webhook_id}/{webhook_token}/slack': [z.string(), (w) => w.hub.request('POST', w.hooked('/slack'), { body: { text: 'x' } })],
    'POST /webhooks/{webhook_id}/{webhook_token}/github': [EMPTY, (w) => w.hub.request('POST', w.hooked('/github'), { body: { zen: 'x' } })],
    'GET /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}': [spec.MessageResponseSchema, async (w) => w.hub.request('GET', w.hooked(`/messages/${await w.post()}`))],
    'PATCH /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}': [spec.MessageResponseSchema, async (w) => w.hub.request('PATCH', w.hooked(`/messages/${await w.post()}`), { body: { content: 'better' } })],
    'DELETE /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}': [EMPTY, async (w) => w.hub.request('DELETE', w.hooked(`/messages/${await w.post()}`))],
    'POST /channels/{channel_id}/messages': [spec.MessageResponseSchema, (w) => w.owner.request('POST', `/channels/${w.channel}/messages`, { body: { content: `<@${w.member.id}> <@&${w.role}>`, message_reference: { message_id: w.message }, nonce: '5' } })],
    'GET /channels/{channel_id}/messages': [list(spec.MessageResponseSchema), (w) => w.owner.request('GET', `/channels/${w.channel}/messages`)],
    'GET /channels/{channel_id}/messages/{message_id}': [spec.MessageResponseSchema, (w) => w.owner.request('GET', `/channels/${w.channel}/messages/${w.message}`)],
    'PATCH /channels/{channel_id}/messages/{message_id}': [spec.MessageResponseSchema, (w) => w.owner.request('PATCH', `/channels/${w.channel}/messages/${w.message}`, { body: { content: 'better' } })],
    'DELETE /channels/{channel_id}/messages/{message_id}': [EMPTY, async (w) => w.owner.request('DELETE', `/channels/${w.channel}/messages/${(await w.owner.say(w.channel, 'x')).id}`)],
};

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/;
const inZ = (value) => JSON.parse(JSON.stringify(value, (_, v) => (typeof v === 'string' && TIMESTAMP.test(v) ? v.replace('+00:00', 'Z') : v)));

// The wire's own form: every value that looks like a time has six digits and an offset, every id is a string.
function checkWire(value, path) {
    if (Array.isArray(value)) value.forEach((v, i) => checkWire(v, `${path}.${i}`));
    else if (value && typeof value === 'object')
        for (const [key, v] of Object.entries(value)) {
            if ((key === 'id' || key.endsWith('_id')) && v !== null) assert.equal(typeof v, 'string', `${path}.${key}`);
            if (typeof v === 'string' && /^\d{4}-\d\d-\d\dT/.test(v)) assert.match(v, TIMESTAMP, `${path}.${key}`);
            checkWire(v, `${path}.${key}`);
        }
}

const leaves = (issues, path = []) => issues.flatMap((i) => (i.errors ? i.errors.map((e) => leaves(e, [...path, ...i.path])).sort((a, b) => a.length - b.length)[0] ?? []
    : [`${[...path, ...i.path].join('.')}: ${i.message} ${i.expected ?? ''} ${i.values ? JSON.stringify(i.values) : ''}`]));

test('every route has a row', () => {
    const known = routes().map((r) => `${r.verb} ${r.path}`);
    assert.deepEqual(known.filter((r) => !table[r]), [], 'routes without a schema');
    assert.deepEqual(Object.keys(table).filter((r) => !known.includes(r)), [], 'rows without a route');
});

test('every answer is as the specification says', async (t) => {
    const world = await prepare(up.hub);
    for (const route of routes()) {
        const name = `${route.verb} ${route.path}`;
        const row = table[name];
        if (!row) continue;
        await t.test(name, async () => {
            const [schema, call] = row;
            const answer = await call(world);
            assert.equal(answer.status, route.success, JSON.stringify(answer.body));
            if (schema === EMPTY) {
                assert.equal(answer.bytes.length, 0);
                return;
            }
            checkWire(answer.body, name);
            const result = schema.safeParse(inZ(answer.body));
            if (!result.success) assert.fail(`${leaves(result.error.issues).slice(0, 12).join('\n')}\n${JSON.stringify(answer.body).slice(0, 1500)}`);
        });
    }
    await t.test('GET /gateway and /gateway/bot', async () => {
        assert.ok(spec.GatewayResponseSchema.safeParse((await up.hub.request('GET', '/gateway')).body).success);
        const bot = await world.bot.get('/gateway/bot');
        const result = spec.GatewayBotResponseSchema.safeParse(bot);
        if (!result.success) assert.fail(JSON.stringify(result.error.issues));
    });
});
