// Goal: what people have with each other and for themselves, as their clients meet it: on the device that acts, on their others, on
// those of the people concerned, after a new start, and for nobody else.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { withHubbub } from './harness.js';

const up = withHubbub({ before, after });
const code = (answer) => [answer.status, answer.body?.code];
let world, anna, ben;
const prepare = async () => {
    if (world) return;
    world = await up.hub.guild(1);
    [anna, [ben]] = [world.owner, world.members];
};
// The READY of a new session.
async function ready(who) {
    const socket = await who.connect();
    await socket.close();
    return socket.ready;
}

describe('read states', () => {
    before(prepare);
    const entry = async (who, channel) => (await ready(who)).read_state.entries.find((e) => e.id === channel);
    test('are told in READY, and to the other devices when they change', async () => {
        const first = await anna.say(world.channel, `hello <@${ben.id}>`);
        const second = await anna.say(world.channel, '@everyone');
        const found = await entry(ben, world.channel);
        assert.deepEqual([found.mention_count, found.flags], [2, 1]);
        assert.ok(BigInt(found.last_message_id) < BigInt(first.id));
        assert.equal((await entry(anna, world.channel)).last_message_id, second.id);
        const devices = [await ben.connect(), await ben.connect()];
        assert.deepEqual(await ben.post(`/channels/${world.channel}/messages/${first.id}/ack`, { token: null, last_viewed: 4000 }), { token: null });
        for (const d of devices) {
            const told = (await d.event('MESSAGE_ACK')).d;
            assert.deepEqual([told.channel_id, told.message_id, told.mention_count, told.manual], [world.channel, first.id, 1, undefined]);
            assert.equal(typeof told.version, 'number');
        }
        await ben.post('/read-states/ack-bulk', { read_states: [{ channel_id: world.channel, message_id: second.id, read_state_type: 0 }] });
        assert.equal((await devices[1].event('MESSAGE_ACK', (d) => d.message_id === second.id)).d.mention_count, 0);
        await anna.put(`/channels/${world.channel}/messages/pins/${first.id}`);
        await devices[0].event('CHANNEL_PINS_UPDATE');
        await ben.post(`/channels/${world.channel}/pins/ack`);
        const pins = (await devices[1].event('CHANNEL_PINS_ACK')).d;
        const now = await entry(ben, world.channel);
        assert.deepEqual([now.last_message_id, now.mention_count, now.last_pin_timestamp], [second.id, 0, pins.timestamp]);
        for (const d of devices) await d.close();
    });

    test('of a channel that is no longer viewed are not told, and are there again with it', async () => {
        const channel = (await anna.post(`/guilds/${world.guild}/channels`, { name: 'secret' })).id;
        const message = await anna.say(channel, `<@${ben.id}>`);
        assert.equal((await entry(ben, channel)).mention_count, 1);
        await anna.put(`/channels/${channel}/permissions/${world.guild}`, { type: 0, allow: '0', deny: '1024' });
        assert.equal(await entry(ben, channel), undefined);
        assert.deepEqual(code(await ben.request('POST', `/channels/${channel}/messages/${message.id}/ack`, { body: {} })), [403, 50001]);
        await ben.post('/read-states/ack-bulk', { read_states: [{ channel_id: channel, message_id: message.id }] });
        await anna.delete(`/channels/${channel}/permissions/${world.guild}`);
        assert.equal((await entry(ben, channel)).mention_count, 1);
        await ben.delete(`/channels/${channel}/messages/ack`);
        assert.equal((await entry(ben, channel)).mention_count, 1);
    });

    test('of DMs count every message of the other', async () => {
        const dm = await anna.post('/users/@me/channels', { recipient_id: ben.id });
        await anna.say(dm.id, 'one');
        const last = await anna.say(dm.id, 'two');
        assert.deepEqual([(await entry(ben, dm.id)).mention_count, (await entry(ben, dm.id)).flags], [2, 0]);
        assert.equal((await ready(ben)).private_channels.find((c) => c.id === dm.id).last_message_id, last.id);
        const mine = await ben.say(dm.id, 'three');
        assert.deepEqual([(await entry(ben, dm.id)).mention_count, (await entry(ben, dm.id)).last_message_id], [0, mine.id]);
    });

    test('are of people, and at most a hundred at once', async () => {
        const bot = await up.hub.bot(anna, { guild: world.guild });
        assert.deepEqual(code(await bot.request('POST', `/channels/${world.channel}/messages/1/ack`, { body: {} })), [403, 20001]);
        const many = (n) => ({ body: { read_states: Array.from({ length: n }, () => ({ channel_id: world.channel, message_id: '1' })) } });
        assert.equal((await ben.request('POST', '/read-states/ack-bulk', many(100))).status, 204);
        assert.deepEqual(code(await ben.request('POST', '/read-states/ack-bulk', many(101))), [400, 50035]);
    });
});

describe('relationships', () => {
    before(prepare);
    test('are asked for, accepted, named and ended, and both sides see it live', async () => {
        const [carl, dora] = [await up.hub.register(), await up.hub.register()];
        const [c, d] = [await carl.connect(), await dora.connect()];
        const open = () => carl.request('POST', '/users/@me/channels', { body: { recipient_id: dora.id } });
        assert.deepEqual(code(await open()), [403, 50007]);
        await carl.post('/users/@me/relationships', { username: dora.username, discriminator: null });
        const asked = (await d.event('RELATIONSHIP_ADD')).d;
        assert.deepEqual([asked.id, asked.type, asked.user.username, asked.should_notify], [carl.id, 3, carl.username, true]);
        assert.deepEqual([(await c.event('RELATIONSHIP_ADD')).d.type, (await ready(dora)).relationships.map((r) => r.type)], [4, [3]]);
        await dora.put(`/users/@me/relationships/${carl.id}`, {});
        await c.event('RELATIONSHIP_ADD', (r) => r.id === dora.id && r.type === 1);
        assert.equal((await open()).status, 200);
        await carl.patch(`/users/@me/relationships/${dora.id}`, { nickname: 'Dodo' });
        assert.equal((await c.event('RELATIONSHIP_UPDATE')).d.nickname, 'Dodo');
        const [listed] = await carl.get('/users/@me/relationships');
        assert.deepEqual([listed.nickname, (await ready(carl)).relationships], ['Dodo', [listed]]);
        await dora.put(`/users/@me/relationships/${carl.id}`, { type: 2 });
        assert.deepEqual((await c.event('RELATIONSHIP_REMOVE')).d, { id: dora.id, type: 1 });
        const dm = (await carl.get('/users/@me/channels'))[0].id;
        assert.deepEqual(code(await carl.request('POST', `/channels/${dm}/messages`, { body: { content: 'but why' } })), [403, 50007]);
        assert.deepEqual(code(await carl.request('POST', '/users/@me/relationships', { body: { username: dora.username } })), [403, 80001]);
        await dora.delete(`/users/@me/relationships/${carl.id}`);
        assert.deepEqual(await dora.get('/users/@me/relationships'), []);
        for (const s of [c, d]) await s.close();
    });

    test('refuse what is none', async () => {
        const put = (id, body = {}) => anna.request('PUT', `/users/@me/relationships/${id}`, { body });
        const bot = await up.hub.bot(anna);
        assert.deepEqual(code(await put(anna.id)), [400, 80003]);
        assert.deepEqual(code(await put(bot.id)), [400, 80002]);
        assert.deepEqual(code(await put('12345')), [404, 10013]);
        assert.deepEqual(code(await put(ben.id, { type: 3 })), [400, 50035]);
        assert.deepEqual(code(await anna.request('POST', '/users/@me/relationships', { body: { username: 'nobody here' } })), [400, 80004]);
        assert.deepEqual(code(await bot.request('GET', '/users/@me/relationships')), [403, 20001]);
        await anna.put(`/users/@me/relationships/${ben.id}`, {});
        const rename = (n) => anna.request('PATCH', `/users/@me/relationships/${ben.id}`, { body: { nickname: 'n'.repeat(n) } });
        assert.deepEqual([(await rename(32)).status, ...code(await rename(33))], [204, 400, 50035]);
    });
});

describe('settings', () => {
    before(prepare);
    test('are the same on every device', async () => {
        const other = await ben.connect();
        assert.equal((await ben.get('/users/@me/settings')).theme, 'dark');
        const changed = await ben.patch('/users/@me/settings', { theme: 'light', custom_status: { text: 'at sea', expires_at: '2030-01-01T00:00:00.000000+00:00' }, guild_folders: [{ id: null, guild_ids: [world.guild] }] });
        assert.deepEqual([changed.theme, changed.custom_status.text, changed.guild_folders[0].guild_ids], ['light', 'at sea', [world.guild]]);
        assert.deepEqual((await other.event('USER_SETTINGS_UPDATE')).d, changed);
        assert.deepEqual([await ben.get('/users/@me/settings'), (await ready(ben)).user_settings], [changed, changed]);
        const proto = await ben.patch('/users/@me/settings-proto/1', { settings: 'CAESAmhp' });
        assert.deepEqual((await other.event('USER_SETTINGS_PROTO_UPDATE')).d, { settings: { proto: 'CAESAmhp', type: 1 }, partial: true });
        assert.deepEqual([await ben.get('/users/@me/settings-proto/1'), (await ready(ben)).user_settings_proto], [proto, 'CAESAmhp']);
        await other.close();
        assert.deepEqual((await (await up.hub.bot(anna)).connect()).ready.user_settings, {});
    });

    test('of guilds decide what counts', async () => {
        const other = await ben.connect();
        const set = await ben.patch(`/users/@me/guilds/${world.guild}/settings`, { suppress_everyone: true, message_notifications: 1, channel_overrides: { [world.channel]: { muted: true, mute_config: { end_time: null, selected_time_window: -1 } } } });
        assert.deepEqual([set.guild_id, set.suppress_everyone, set.message_notifications, set.channel_overrides[0].channel_id, set.channel_overrides[0].muted], [world.guild, true, 1, world.channel, true]);
        assert.deepEqual((await other.event('USER_GUILD_SETTINGS_UPDATE')).d, set);
        const directs = await ben.patch('/users/@me/guilds/@me/settings', { hide_muted_channels: true });
        const many = await ben.patch('/users/@me/guilds/settings', { guilds: { [world.guild]: { suppress_everyone: false } } });
        assert.deepEqual([directs.guild_id, many.length, many[0].suppress_everyone, many[0].message_notifications], [null, 1, false, 1]);
        const told = (await ready(ben)).user_guild_settings;
        assert.deepEqual([told.partial, told.entries], [false, [directs, many[0]]]);
        await other.close();
    });

    test('have limits', async () => {
        const edit = (path, body) => ben.request('PATCH', path, { body }).then(code);
        assert.deepEqual(await edit('/users/@me/settings', { custom_status: { text: 'x'.repeat(128) } }), [200, undefined]);
        assert.deepEqual(await edit('/users/@me/settings', { custom_status: { text: 'x'.repeat(129) } }), [400, 50035]);
        assert.deepEqual(await edit('/users/@me/settings', { theme: 'pink' }), [400, 50035]);
        assert.deepEqual(await edit('/users/@me/settings-proto/3', { settings: '' }), [400, 50035]);
        assert.deepEqual(await edit('/users/@me/settings-proto/2', { settings: '%' }), [400, 50035]);
        assert.deepEqual(await edit('/users/@me/guilds/12345/settings', {}), [404, 10004]);
        const overrides = (n) => ({ channel_overrides: Object.fromEntries(Array.from({ length: n }, (_, i) => [`${i + 1}`, {}])) });
        assert.deepEqual(await edit('/users/@me/guilds/@me/settings', overrides(1000)), [200, undefined]);
        assert.deepEqual(await edit('/users/@me/guilds/@me/settings', overrides(1001)), [400, 50035]);
        assert.deepEqual(await edit('/users/@me/guilds/settings', { guilds: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`${i + 1}`, {}])) }), [400, 50035]);
    });
});

describe('profiles and notes', () => {
    before(prepare);
    test('a profile shows what one has in common', async () => {
        await anna.patch('/users/@me', { bio: 'sails', pronouns: 'she/her' });
        const p = await ben.get(`/users/${anna.id}/profile?with_mutual_guilds=true&with_mutual_friends_count=true&guild_id=${world.guild}`);
        assert.deepEqual([p.user.id, p.user_profile.bio, p.user_profile.pronouns], [anna.id, 'sails', 'she/her']);
        assert.deepEqual([p.mutual_guilds.map((g) => g.id), p.mutual_friends_count, p.guild_member.user.id], [[world.guild], 0, anna.id]);
        assert.deepEqual(code(await (await up.hub.register()).request('GET', `/users/${anna.id}/profile`)), [403, 50001]);
        const edit = (body) => anna.request('PATCH', '/users/@me', { body }).then(code);
        assert.deepEqual([await edit({ bio: 'b'.repeat(190) }), await edit({ bio: 'b'.repeat(191) })], [[200, undefined], [400, 50035]]);
        assert.deepEqual([await edit({ pronouns: 'p'.repeat(40) }), await edit({ pronouns: 'p'.repeat(41) })], [[200, undefined], [400, 50035]]);
    });

    test('a note is on the own devices only', async () => {
        const [mine, theirs] = [await anna.connect(), await ben.connect()];
        await anna.put(`/users/@me/notes/${ben.id}`, { note: 'owes me a tea' });
        assert.deepEqual((await mine.event('USER_NOTE_UPDATE')).d, { id: ben.id, note: 'owes me a tea' });
        assert.deepEqual(await anna.get(`/users/@me/notes/${ben.id}`), { user_id: anna.id, note_user_id: ben.id, note: 'owes me a tea' });
        assert.deepEqual(code(await anna.request('PUT', `/users/@me/notes/${ben.id}`, { body: { note: 'n'.repeat(257) } })), [400, 50015]);
        assert.deepEqual(code(await ben.request('GET', `/users/@me/notes/${ben.id}`)), [404, 10013]);
        const mark = await ben.patch('/users/@me', { global_name: 'Marked' });
        await theirs.event('USER_UPDATE', (d) => d.global_name === mark.global_name);
        assert.deepEqual(theirs.dispatched('USER_NOTE_UPDATE'), []);
        for (const s of [mine, theirs]) await s.close();
    });
});

describe('a changed name', () => {
    test('is told to guilds, friends, DMs and the own devices, and to nobody else', async () => {
        const w = await up.hub.guild(1);
        const [emil] = w.members;
        const [friend, partner, stranger] = await up.hub.people(3);
        await emil.put(`/users/@me/relationships/${friend.id}`, {});
        await friend.put(`/users/@me/relationships/${emil.id}`, {});
        await emil.put(`/users/@me/relationships/${partner.id}`, {});
        await partner.put(`/users/@me/relationships/${emil.id}`, {});
        const dm = (await emil.post('/users/@me/channels', { recipient_id: partner.id })).id;
        await emil.say(dm, 'hello');
        await emil.delete(`/users/@me/relationships/${partner.id}`);
        const sockets = [];
        for (const who of [w.owner, friend, partner, stranger, emil]) sockets.push(await who.connect());
        const [member, ofFriend, ofPartner, ofStranger, own] = sockets;
        await member.event('GUILD_CREATE');
        const quiet = sockets.map((s) => s.frames.length);
        await emil.patch('/users/@me', { global_name: 'Emil the Second' });
        const renamed = (u) => u.id === emil.id && u.global_name === 'Emil the Second';
        const updated = (await member.event('GUILD_MEMBER_UPDATE', (d) => renamed(d.user))).d;
        assert.equal(updated.guild_id, w.guild);
        const related = (await ofFriend.event('RELATIONSHIP_UPDATE')).d;
        assert.deepEqual([related.id, related.type, renamed(related.user)], [emil.id, 1, true]);
        const channel = (await ofPartner.event('CHANNEL_UPDATE', (d) => d.id === dm)).d;
        assert.ok(channel.recipients.length === 1 && renamed(channel.recipients[0]));
        await own.event('USER_UPDATE', renamed);
        // Who looks up a member later sees the new name too: the replica was changed, not only the socket.
        const late = await w.owner.connect();
        const created = (await late.event('GUILD_CREATE')).d;
        assert.ok(renamed(created.members.find((m) => m.user.id === emil.id).user));
        await late.close();
        const names = ofStranger.frames.slice(quiet[3]).filter((f) => JSON.stringify(f).includes(emil.id));
        assert.deepEqual(names, []);
        for (const s of sockets) await s.close();
    });
});

describe('friends', () => {
    test('see each other come and go without a guild in common, and no longer once it is over', async () => {
        const [fay, gus] = await up.hub.people(2);
        await fay.put(`/users/@me/relationships/${gus.id}`, {});
        const first = await fay.connect();
        await gus.put(`/users/@me/relationships/${fay.id}`, {});
        await first.event('RELATIONSHIP_ADD', (r) => r.type === 1);
        const second = await gus.connect({ identify: { presence: { status: 'dnd', since: null, afk: false, activities: [] } } });
        const there = (await second.event('PRESENCE_UPDATE', (d) => d.user.id === fay.id)).d;
        assert.deepEqual([there.status, 'guild_id' in there], ['online', false]);
        await first.event('PRESENCE_UPDATE', (d) => d.user.id === gus.id && d.status === 'dnd');
        await second.close();
        await first.event('PRESENCE_UPDATE', (d) => d.user.id === gus.id && d.status === 'offline');
        await fay.delete(`/users/@me/relationships/${gus.id}`);
        await first.event('RELATIONSHIP_REMOVE');
        const from = first.frames.length;
        const again = await gus.connect();
        await again.event('SESSIONS_REPLACE');
        assert.deepEqual(first.frames.slice(from).filter((f) => f.t === 'PRESENCE_UPDATE'), []);
        assert.deepEqual(again.dispatched('PRESENCE_UPDATE'), []);
        for (const s of [first, again]) await s.close();
    });
});
