// A guild with one of each kind of object, and everybody that the table of table.js asks about. The people are made once,
// the guild anew for each route, so that no route finds what another left behind.
import { PASSWORD, unique } from '../e2e/harness.js';
import { png, uri } from '../e2e/pictures.js';

// Every bit of a guild's management, and what a member needs to speak; but for ADMINISTRATOR, which no overwrite denies, and
// VIEW_AUDIT_LOG, which shows what happens in every channel.
const MANAGE = [0, 1, 2, 4, 5, 10, 11, 13, 16, 27, 28, 29, 30, 34, 40, 51].reduce((bits, b) => bits | 1n << BigInt(b), 0n).toString();

const THUMB = encodeURIComponent('👍');

export async function people(hub) {
    const [owner, stranger, left, kicked, banned, lowest, blind, target, elsewhere, gone] = await hub.people(10);
    const cast = { hub, owner, stranger, left, kicked, banned, lowest, blind, target, gone };
    hub.psql(`UPDATE users SET admin = (id = ${owner.id})`);
    cast.bot = await hub.bot(owner);
    cast.foreign = await foreignGuild(elsewhere);
    cast.foreign.application = (await elsewhere.post('/applications', { name: unique('foreign') })).id;
    // Two tokens that are no longer or never were: logged out, and as if another instance had made it.
    cast.revoked = gone.token;
    await gone.post('/auth/logout');
    cast.unissued = lowest.token.slice(0, -6) + (lowest.token.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA');
    return cast;
}

async function foreignGuild(owner) {
    const guild = (await owner.post('/guilds', { name: 'elsewhere' })).id;
    const channel = (await owner.get(`/guilds/${guild}/channels`)).find((c) => c.type === 0).id;
    const role = (await owner.post(`/guilds/${guild}/roles`, { name: 'foreign' })).id;
    await owner.put(`/channels/${channel}/permissions/${role}`, { type: 0, allow: '0', deny: '0' });
    const message = (await owner.say(channel, 'elsewhere')).id;
    const code = (await owner.post(`/channels/${channel}/invites`, {})).code;
    const webhook = await owner.post(`/channels/${channel}/webhooks`, { name: 'foreign' });
    const emoji = (await owner.post(`/guilds/${guild}/emojis`, { name: 'foreign', image: uri(png(1, 1)) })).id;
    const report = (await owner.post(`/channels/${channel}/messages/${message}/reports`, { reason: 'other' })).id;
    return { owner, guild, channel, role, message, code, webhook, emoji, report };
}

export async function scene(cast) {
    const { owner, hub } = cast;
    const s = { ...cast, PASSWORD, unique };
    s.guild = (await owner.post('/guilds', { name: unique('scene '), system_channel_flags: 1 })).id;
    const channels = await owner.get(`/guilds/${s.guild}/channels`);
    s.channel = channels.find((c) => c.type === 0).id;
    s.code = (await owner.post(`/channels/${s.channel}/invites`, { max_age: 0 })).code;
    for (const name of ['left', 'kicked', 'banned', 'lowest', 'blind', 'target']) await cast[name].post(`/invites/${s.code}`);
    await cast.left.delete(`/users/@me/guilds/${s.guild}`);
    await owner.delete(`/guilds/${s.guild}/members/${cast.kicked.id}`);
    await owner.put(`/guilds/${s.guild}/bans/${cast.banned.id}`, {});
    s.role = (await owner.post(`/guilds/${s.guild}/roles`, { name: 'role' })).id;
    s.spareRole = (await owner.post(`/guilds/${s.guild}/roles`, { name: 'spare' })).id;
    const managers = (await owner.post(`/guilds/${s.guild}/roles`, { name: 'managers', permissions: MANAGE })).id;
    await owner.put(`/guilds/${s.guild}/members/${cast.target.id}/roles/${s.role}`);
    await owner.put(`/guilds/${s.guild}/members/${cast.blind.id}/roles/${managers}`);
    await owner.put(`/channels/${s.channel}/permissions/${s.role}`, { type: 0, allow: '0', deny: '0' });
    await owner.put(`/channels/${s.channel}/permissions/${cast.blind.id}`, { type: 1, allow: '0', deny: '1024' });
    s.news = (await owner.post(`/guilds/${s.guild}/channels`, { name: 'news', type: 5 })).id;
    await owner.put(`/channels/${s.news}/permissions/${cast.blind.id}`, { type: 1, allow: '0', deny: '1024' });
    s.newsMessage = (await owner.say(s.news, 'news')).id;
    s.message = (await owner.say(s.channel, 'hello')).id;
    s.secondMessage = (await owner.say(s.channel, 'hello again')).id;
    await cast.target.put(`/channels/${s.channel}/messages/${s.message}/reactions/${THUMB}/@me`);
    s.webhook = await owner.post(`/channels/${s.channel}/webhooks`, { name: 'scene' });
    s.webhookMessage = (await hub.request('POST', `/webhooks/${s.webhook.id}/${s.webhook.token}?wait=true`, { body: { content: 'posted' } })).body.id;
    s.group = (await owner.post('/users/@me/channels', { recipients: [cast.target.id, cast.lowest.id] })).id;
    await owner.request('PUT', `/users/@me/relationships/${cast.target.id}`, { body: {} });
    await owner.request('PUT', `/users/@me/notes/${cast.target.id}`, { body: { note: 'noted' } });
    const sessions = async () => (await owner.get('/auth/sessions')).user_sessions.map((x) => x.id_hash);
    const before = await sessions();
    await hub.request('POST', '/auth/login', { body: { login: owner.username, password: PASSWORD } });
    s.spareSession = (await sessions()).find((h) => !before.includes(h));
    const application = await owner.post('/applications', { name: unique('application') });
    s.application = application.id;
    await owner.post(`/applications/${s.application}/bot`);
    s.end = async () => {
        await owner.request('DELETE', `/guilds/${s.guild}`);
        await owner.request('DELETE', `/applications/${s.application}`);
    };
    s.ids = { guild_id: s.guild, channel_id: s.channel, message_id: s.message, role_id: s.role, user_id: cast.target.id, overwrite_id: s.role,
        application_id: s.application, code: s.code, emoji: THUMB, emoji_id: '1', webhook_id: s.webhook.id, webhook_token: s.webhook.token, type: '1', report_id: '1' };
    const f = cast.foreign;
    s.foreignIds = { guild_id: f.guild, channel_id: f.channel, message_id: f.message, role_id: f.role, user_id: f.owner.id, overwrite_id: f.role,
        application_id: f.application, code: f.code, emoji: THUMB, emoji_id: f.emoji, webhook_id: f.webhook.id, webhook_token: f.webhook.token, type: '3', report_id: f.report };
    // An id that exists, of something else.
    s.otherIds = Object.fromEntries(Object.keys(s.ids).map((k) => [k, k === 'channel_id' ? s.role : s.channel]));
    s.hub = hub;
    return s;
}

// All that somebody who may see it can read of both guilds.
export async function stateOf(s) {
    const read = async (who, guild, channel) => Promise.all([`/guilds/${guild}`, `/guilds/${guild}/channels`, `/guilds/${guild}/roles`,
        `/guilds/${guild}/members?limit=100`, `/guilds/${guild}/invites`, `/channels/${channel}/messages?limit=100`, `/channels/${channel}/pins`,
        `/guilds/${guild}/bans`, `/guilds/${guild}/webhooks`, `/guilds/${guild}/audit-logs`, '/applications', '/users/@me', '/users/@me/guilds'].map(async (path) => [path, await who.get(path)]));
    const guilds = async (name) => [name, await s[name].get('/users/@me/guilds'), await s[name].get('/users/@me'), await s[name].get('/applications')];
    return {
        here: await read(s.owner, s.guild, s.channel),
        elsewhere: await read(s.foreign.owner, s.foreign.guild, s.foreign.channel),
        theirs: await Promise.all(['stranger', 'left', 'kicked', 'banned', 'lowest', 'blind'].map(guilds)),
    };
}
