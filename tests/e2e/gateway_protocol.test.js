// Goal: every opcode, close code and transport variant of the gateway that PROTOCOL sections 3 to 6 name, over raw sockets.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { INTENTS_ALL, Intent, Op, sleep, withHubbub } from './harness.js';

const up = withHubbub({ before, after });

async function opened(hub, options) {
    const socket = hub.socket(options);
    const hello = await socket.op(Op.HELLO);
    assert.ok(hello.d.heartbeat_interval > 0);
    return socket;
}

describe('opening', () => {
    test('HELLO comes first, READY is s 1, then one GUILD_CREATE a guild; s goes up by one', async () => {
        const { hub } = up;
        const { owner, guild, channel, members: [member] } = await hub.guild(1);
        const bot = await hub.bot(owner, { guild });
        const socket = await bot.connect();
        assert.equal(socket.frames[0].op, Op.HELLO);
        const { ready } = socket;
        assert.equal(ready.v, 10);
        assert.equal(ready.user.id, bot.id);
        assert.equal(ready.user.bot, true);
        assert.deepEqual(ready.guilds, [{ id: guild, unavailable: true }]);
        assert.equal(ready.application.id, bot.application);
        assert.match(ready.resume_gateway_url, /^ws:\/\//);
        for (const key of ['session_id', 'session_type', 'private_channels', 'relationships', 'presences', 'user_settings', 'geo_ordered_rtc_regions'])
            assert.ok(key in ready, key);
        const { d } = await socket.event('GUILD_CREATE');
        assert.equal(d.id, guild);
        assert.ok(d.channels.some((c) => c.id === channel));
        assert.deepEqual(new Set(d.members.map((m) => m.user.id)), new Set([owner.id, member.id, bot.id]));
        assert.equal(d.member_count, 3);
        for (const key of ['emojis', 'stickers', 'roles', 'voice_states', 'threads', 'presences', 'stage_instances', 'guild_scheduled_events', 'soundboard_sounds', 'features'])
            assert.ok(Array.isArray(d[key]), key);
        for (const key of ['joined_at', 'large', 'system_channel_flags', 'owner_id', 'preferred_locale']) assert.ok(d[key] != null, key);
        for (const c of d.channels) assert.ok(Array.isArray(c.permission_overwrites) && c.flags != null);
        for (const r of d.roles) assert.ok(typeof r.permissions === 'string' && r.colors && r.flags != null);
        const numbers = socket.frames.filter((f) => f.op === 0).map((f) => f.s);
        assert.deepEqual(numbers, numbers.map((_, i) => i + 1));
        for (const f of socket.frames.filter((f) => f.op !== 0)) assert.ok(f.s == null && f.t == null);
        await socket.close();
    });

    for (const path of ['/?v=10&encoding=json', '/?v=9&encoding=json', '/', '/gateway', '/gateway?v=9', '/gateway/?encoding=json&v=10', '/?encoding=json&v=10&compress=br-stream'])
        test(`a client that connects to ${path} is served in plain text`, async () => {
            const { hub } = up;
            const person = await hub.register();
            const socket = await person.connect({ path });
            assert.ok(!socket.frames[0].binary);
            assert.equal(socket.ready.v, path.includes('v=9') ? 9 : 10);
            await socket.close();
        });

    test('so is one that puts nothing before the question mark', async () => {
        const { hub } = up;
        const raw = net.connect(hub.port, '127.0.0.1');
        raw.write(`GET ?v=10&encoding=json HTTP/1.1\r\nHost: 127.0.0.1:${hub.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
            'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n');
        const [data] = await once(raw, 'data');
        assert.match(data.toString(), /^HTTP\/1\.1 101 /);
        assert.match(data.toString(), /s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
        raw.destroy();
    });

    test('a token is taken with and without "Bot "', async () => {
        const { hub } = up;
        const { owner, guild } = await hub.guild();
        const bot = await hub.bot(owner, { guild });
        for (const token of [bot.secret, `Bot ${bot.secret}`]) {
            const socket = await opened(hub);
            socket.identify(token);
            await socket.event('READY');
            await socket.close();
        }
    });

    test('IDENTIFY may come before HELLO was read, and properties with a dollar are taken', async () => {
        const { hub } = up;
        const person = await hub.register();
        const socket = hub.socket();
        socket.ws.once('open', () => socket.identify(person.token, { properties: { $os: 'linux', $browser: 'x', $device: 'x' }, unknown_key: { deep: [1] } }));
        await socket.event('READY');
        await socket.close();
    });

    test('GET /gateway, /gateway/bot and the .well-known pages name the gateway', async () => {
        const { hub } = up;
        const { owner, guild } = await hub.guild();
        const bot = await hub.bot(owner, { guild });
        const plain = await hub.request('GET', '/gateway');
        assert.equal(plain.status, 200);
        assert.match(plain.body.url, /^ws:\/\/127\.0\.0\.1:/);
        const { url, shards, session_start_limit: limit } = await bot.get('/gateway/bot');
        assert.equal(url, plain.body.url);
        assert.equal(shards, 1);
        assert.ok(limit.total >= limit.remaining && limit.remaining > 0 && limit.max_concurrency >= 1);
        assert.equal((await hub.request('GET', '/gateway/bot')).status, 401);
        for (const path of ['/.well-known/spacebar', '/.well-known/spacebar/client', '/ping']) {
            const answer = await fetch(hub.url + path);
            assert.equal(answer.status, 200, path);
            assert.ok((await answer.text()).length > 2);
        }
        const page = await fetch(`${hub.url}/`, { headers: { accept: 'text/html' } });
        assert.equal(page.status, 200);
        assert.match(await page.text(), /Hubbub/);
        const cors = await fetch(`${hub.url}/api/v9/users/@me`, { method: 'OPTIONS', headers: { origin: 'https://example.org', 'access-control-request-method': 'GET' } });
        assert.ok(cors.status === 200 || cors.status === 204);
        assert.ok(cors.headers.get('access-control-allow-origin'));
    });

    for (const prefix of ['/v1', '/api/v9', '/api/v10', '/api'])
        test(`REST answers under ${prefix}`, async () => {
            const { hub } = up;
            const person = await hub.register();
            assert.equal((await person.request('GET', '/users/@me', { base: hub.url + prefix })).body.id, person.id);
        });
});

describe('opcodes', () => {
    let socket, person, world;
    before(async () => {
        world = await up.hub.guild(2);
        person = world.members[0];
    });
    const connect = async () => { socket = await person.connect(); return socket; };

    test('1 and 40 are answered by 11', async () => {
        await connect();
        socket.send({ op: 1, d: null });
        await socket.op(Op.ACK);
        const from = socket.frames.length;
        socket.send({ op: 1, d: socket.seq });
        await socket.op(Op.ACK, { from });
        const next = socket.frames.length;
        socket.send({ op: 40, d: { seq: socket.seq, qos: { ver: 26, active: true, reasons: [] } } });
        await socket.op(Op.ACK, { from: next });
        await socket.close();
    });

    test('3 changes the presence that others see', async () => {
        const other = await world.members[1].connect();
        await connect();
        const online = await other.event('PRESENCE_UPDATE', (d) => d.user.id === person.id && d.status === 'online');
        assert.equal(online.d.guild_id, world.guild);
        socket.send({ op: 3, d: { status: 'dnd', since: null, afk: false, activities: [{ name: 'chess', type: 0 }] } });
        const busy = await other.event('PRESENCE_UPDATE', (d) => d.user.id === person.id && d.status === 'dnd');
        assert.equal(busy.d.activities[0].name, 'chess');
        await socket.close(1000);
        await other.event('PRESENCE_UPDATE', (d) => d.user.id === person.id && d.status === 'offline');
        await other.close();
    });

    test('8 gives members, by query and by id, with the nonce', async () => {
        socket = await world.owner.connect(); // everybody: only for who may manage them
        socket.send({ op: 8, d: { guild_id: world.guild, query: '', limit: 0, nonce: 'all' } });
        const all = await socket.event('GUILD_MEMBERS_CHUNK', (d) => d.nonce === 'all');
        assert.deepEqual([all.d.chunk_index, all.d.chunk_count], [0, 1]);
        assert.deepEqual(new Set(all.d.members.map((m) => m.user.id)), new Set([world.owner.id, ...world.members.map((m) => m.id)]));
        socket.send({ op: 8, d: { guild_id: world.guild, user_ids: [person.id, '1'], nonce: 'ids' } });
        const some = await socket.event('GUILD_MEMBERS_CHUNK', (d) => d.nonce === 'ids');
        assert.deepEqual(some.d.members.map((m) => m.user.id), [person.id]);
        assert.deepEqual(some.d.not_found, ['1']);
        socket.send({ op: 8, d: { guild_id: world.guild, query: world.members[1].username, limit: 5, nonce: 'name' } });
        const named = await socket.event('GUILD_MEMBERS_CHUNK', (d) => d.nonce === 'name');
        assert.deepEqual(named.d.members.map((m) => m.user.id), [world.members[1].id]);
        await socket.close();
    });

    test('4, 5, 14, 17, 28, 29, 32, 33, 37, 41 and 42 are accepted', async () => {
        await connect();
        for (const op of [5, 17, 28, 29, 32, 33, 41, 42]) socket.send({ op, d: null });
        socket.send({ op: 4, d: { guild_id: world.guild, channel_id: null, self_mute: false, self_deaf: false } });
        socket.send({ op: 14, d: { guild_id: world.guild, channels: { [world.channel]: [[0, 99]] } } });
        socket.send({ op: 37, d: { subscriptions: { [world.guild]: { typing: true } } } });
        socket.send({ op: 1, d: socket.seq });
        await socket.op(Op.ACK);
        assert.equal(socket.closeCode, undefined);
        await socket.close();
    });

    test('100 sends a message and 101 answers it by its nonce, once', async () => {
        await connect();
        socket.send({ op: 100, d: { channel_id: world.channel, content: 'by socket', nonce: 'n1', enforce_nonce: true } });
        const sent = await socket.op(Op.SENT);
        assert.deepEqual([sent.d.nonce, sent.d.status], ['n1', 200]);
        const seen = await socket.message('by socket');
        assert.equal(seen.d.id, sent.d.message.id);
        assert.equal(seen.d.nonce, 'n1');
        const from = socket.frames.length;
        socket.send({ op: 100, d: { channel_id: world.channel, content: 'by socket', nonce: 'n1', enforce_nonce: true } });
        const again = await socket.op(Op.SENT, { from });
        assert.equal(again.d.status, 200);
        assert.equal(again.d.message.id, sent.d.message.id);
        await socket.close();
    });

    test('101 carries the error body that the POST would have had', async () => {
        await connect();
        socket.send({ op: 100, d: { channel_id: world.channel, content: 'x'.repeat(2001), nonce: 'long' } });
        const long = await socket.find('101', (f) => f.op === 101 && f.d.nonce === 'long');
        assert.equal(long.d.status, 400);
        assert.equal(long.d.error.code, 50035);
        assert.equal(long.d.error.errors.content._errors[0].code, 'BASE_TYPE_MAX_LENGTH');
        socket.send({ op: 100, d: { channel_id: '1', content: 'x', nonce: 'nowhere' } });
        const nowhere = await socket.find('101', (f) => f.op === 101 && f.d.nonce === 'nowhere');
        assert.deepEqual([nowhere.d.status, nowhere.d.error.code], [404, 10003]);
        await socket.close();
    });
});

describe('resuming', () => {
    test('after a lost socket: what was missed comes once and in order, then RESUMED; s goes on', async () => {
        const { hub } = up;
        const { owner, channel, members: [member] } = await hub.guild(1);
        const first = await member.connect();
        await first.event('GUILD_CREATE');
        await owner.say(channel, 'before');
        await first.message('before');
        const { session_id, resume_gateway_url } = first.ready;
        const seq = first.seq;
        first.destroy();
        await first.closed;
        for (let i = 0; i < 10; i++) await owner.say(channel, `missed ${i}`);
        assert.match(resume_gateway_url, /^ws:\/\//);
        const second = await opened(hub, { gateway: 0 });
        second.resume(member.token, session_id, seq);
        await second.event('RESUMED');
        const missed = second.dispatched('MESSAGE_CREATE').map((m) => m.content);
        assert.deepEqual(missed, Array.from({ length: 10 }, (_, i) => `missed ${i}`));
        const numbers = second.frames.filter((f) => f.op === 0).map((f) => f.s);
        assert.deepEqual(numbers, numbers.map((_, i) => seq + 1 + i));
        await owner.say(channel, 'after');
        await second.message('after');
        // A client that lost some of it may ask once more from an older point.
        second.destroy();
        await second.closed;
        const third = await opened(hub, { gateway: 0 });
        third.resume(member.token, session_id, seq + 4);
        await third.event('RESUMED');
        assert.equal(third.frames.find((f) => f.op === 0).s, seq + 5);
        await third.close();
    });

    test('a close with 1000 ends the session, 4000 does not', async () => {
        const { hub } = up;
        const { members: [member] } = await hub.guild(1);
        for (const [code, resumable] of [[1000, false], [4000, true]]) {
            const first = await member.connect();
            await first.event('GUILD_CREATE');
            await first.close(code);
            const second = await opened(hub, { gateway: 0 });
            second.resume(member.token, first.ready.session_id, first.seq);
            if (resumable) await second.event('RESUMED');
            else assert.equal((await second.op(Op.INVALID_SESSION)).d, false);
            await second.close();
        }
    });

    test('an unknown session, or that of another token, gives 9 false, and the socket may identify', async () => {
        const { hub } = up;
        const { members: [member, other] } = await hub.guild(2);
        const victim = await member.connect();
        const socket = await opened(hub, { gateway: 0 });
        socket.resume(other.token, victim.ready.session_id, victim.seq);
        assert.equal((await socket.op(Op.INVALID_SESSION)).d, false);
        socket.identify(other.token);
        await socket.event('READY');
        assert.equal(victim.closeCode, undefined);
        await Promise.all([socket.close(), victim.close()]);
    });
});

describe('close codes', () => {
    const cases = [
        ['4001', 'an unknown opcode', (s) => s.send({ op: 99, d: null }), 4001, true],
        ['4002', 'no JSON', (s) => s.send('{"op":1,'), 4002],
        ['4002', 'JSON that is no frame', (s) => s.send('[1]'), 4002],
        ['4002', 'an opcode that is no number', (s) => s.send('{"op":"x"}'), 4002],
        ['4002', 'a heartbeat whose d is no number', (s) => s.send({ op: 1, d: 'x' }), 4002],
        ['4002', 'JSON too deep', (s) => s.send(`{"op":1,"d":${'['.repeat(2000)}${']'.repeat(2000)}}`), 4002],
        ['4002', 'a frame of more than 16 KiB', (s) => s.send({ op: 1, d: null, pad: 'x'.repeat(17000) }), 4002],
        ['4003', 'an opcode before IDENTIFY', (s) => s.send({ op: 3, d: { status: 'online', since: null, afk: false, activities: [] } }), 4003],
        ['4003', 'op 100 before IDENTIFY', (s) => s.send({ op: 100, d: { channel_id: '1', content: 'x' } }), 4003],
        ['4004', 'a bad token', (s) => s.identify('MQ.x.y'), 4004],
        ['4010', 'a shard that is not one of its count', (s, bot) => s.identify(bot.secret, { shard: [2, 2] }), 4010],
        ['4010', 'a shard that is no pair', (s, bot) => s.identify(bot.secret, { shard: [0] }), 4010],
        ['4013', 'unknown intents', (s, bot) => s.identify(bot.secret, { intents: 1 << 30 }), 4013],
        ['4013', 'no intents', (s, bot) => s.identify(bot.secret, { intents: undefined }), 4013],
        ['4014', 'privileged intents that were not approved', (s, bot, plain) => s.identify(plain.secret, { intents: Intent.GUILDS | Intent.MEMBERS }), 4014],
    ];
    let bot, plain, person;
    before(async () => {
        const { owner, guild } = await up.hub.guild();
        person = owner;
        bot = await up.hub.bot(owner, { guild });
        plain = await up.hub.bot(owner, { guild, flags: 0 });
    });
    for (const [name, what, act, code, identified] of cases)
        test(`${name}: ${what}`, async () => {
            const socket = identified ? await bot.connect() : await opened(up.hub);
            act(socket, bot, plain);
            assert.equal(await socket.closeCodeWithin(), code);
        });

    test('4002: a bot frame of more than 4 KiB, though op 100 may be longer', async () => {
        const socket = await bot.connect();
        socket.send({ op: 100, d: { channel_id: '1', content: 'x', nonce: 'big', pad: 'x'.repeat(8000) } });
        await socket.op(Op.SENT);
        socket.send({ op: 1, d: null, pad: 'x'.repeat(5000) });
        assert.equal(await socket.closeCodeWithin(), 4002);
    });
    test('4005: a second IDENTIFY, and RESUME of one who is there', async () => {
        for (const act of [(s) => s.identify(bot.secret), (s) => s.resume(bot.secret, s.ready.session_id, 1)]) {
            const socket = await bot.connect();
            act(socket);
            assert.equal(await socket.closeCodeWithin(), 4005);
        }
    });
    test('4007: RESUME from a number that was not given yet', async () => {
        const first = await bot.connect();
        first.destroy();
        await first.closed;
        const socket = await opened(up.hub, { gateway: 0 });
        socket.resume(bot.secret, first.ready.session_id, 1_000_000);
        assert.equal(await socket.closeCodeWithin(), 4007);
    });
    test('4008: more than 120 frames a minute', async () => {
        const socket = await person.connect();
        for (let i = 0; i < 130; i++) socket.send({ op: 1, d: null });
        assert.equal(await socket.closeCodeWithin(), 4008);
    });
    for (const version of ['5', '11', 'x'])
        test(`4012: API version ${version}`, async () => {
            const socket = up.hub.socket({ path: `/?v=${version}&encoding=json` });
            assert.equal(await socket.closeCodeWithin(), 4012);
        });
    test('4014 not: the same intents, approved', async () => {
        const socket = await bot.connect({ identify: { intents: INTENTS_ALL } });
        await socket.close();
    });
    test('4015: a person with more than 50 live sessions', async () => {
        const many = await up.hub.register();
        const sockets = [];
        for (let i = 0; i < 50; i++) sockets.push(await many.connect());
        const last = await opened(up.hub);
        last.identify(many.token);
        assert.equal(await last.closeCodeWithin(), 4015);
        await Promise.all(sockets.map((s) => s.close()));
    });
});

describe('intents', () => {
    test('without MESSAGE_CONTENT a bot sees content only of its own messages and where it is mentioned', async () => {
        const { hub } = up;
        const { owner, guild, channel } = await hub.guild();
        const bot = await hub.bot(owner, { guild });
        const socket = await bot.connect({ identify: { intents: Intent.GUILDS | Intent.MESSAGES } });
        await socket.event('GUILD_CREATE');
        const plain = await owner.say(channel, 'secret plans');
        const mention = await owner.say(channel, `hello <@${bot.id}>`);
        const own = await bot.say(channel, 'mine');
        const content = async (id) => (await socket.event('MESSAGE_CREATE', (d) => d.id === id)).d.content;
        assert.equal(await content(plain.id), '');
        assert.equal(await content(mention.id), `hello <@${bot.id}>`);
        assert.equal(await content(own.id), 'mine');
        await socket.close();
    });
    test('without GUILD_MESSAGES there are no messages, without GUILD_MEMBERS no joins', async () => {
        const { hub } = up;
        const { owner, guild, channel, invite } = await hub.guild();
        const bot = await hub.bot(owner, { guild });
        const socket = await bot.connect({ identify: { intents: Intent.GUILDS } });
        await socket.event('GUILD_CREATE');
        await owner.say(channel, 'unseen');
        await (await hub.register()).post(`/invites/${invite}`);
        await owner.patch(`/guilds/${guild}`, { name: 'another name' });
        await socket.event('GUILD_UPDATE', (d) => d.name === 'another name');
        assert.deepEqual(socket.dispatched('MESSAGE_CREATE'), []);
        assert.deepEqual(socket.dispatched('GUILD_MEMBER_ADD'), []);
        await socket.close();
    });
});

describe('every change of a guild is dispatched', () => {
    test('channels, roles, members, invites, the guild itself', async () => {
        const { hub } = up;
        const { owner, guild, members: [member] } = await hub.guild(1);
        const watcher = await hub.bot(owner, { guild });
        const socket = await watcher.connect();
        await socket.event('GUILD_CREATE');
        const channel = await owner.post(`/guilds/${guild}/channels`, { name: 'plans', type: 0, topic: 'what next' });
        const made = await socket.event('CHANNEL_CREATE', (d) => d.id === channel.id);
        assert.equal(made.d.guild_id, guild);
        await owner.patch(`/channels/${channel.id}`, { topic: null, name: 'old-plans' });
        assert.equal((await socket.event('CHANNEL_UPDATE', (d) => d.name === 'old-plans')).d.topic, null);
        const role = await owner.post(`/guilds/${guild}/roles`, { name: 'helper', color: 255, permissions: '1024' });
        assert.equal((await socket.event('GUILD_ROLE_CREATE', (d) => d.role.id === role.id)).d.guild_id, guild);
        await owner.patch(`/guilds/${guild}/roles/${role.id}`, { name: 'elder' });
        await socket.event('GUILD_ROLE_UPDATE', (d) => d.role.name === 'elder');
        await owner.put(`/guilds/${guild}/members/${member.id}/roles/${role.id}`);
        await socket.event('GUILD_MEMBER_UPDATE', (d) => d.user.id === member.id && d.roles.includes(role.id));
        await owner.patch(`/guilds/${guild}/members/${member.id}`, { nick: 'Bel' });
        await socket.event('GUILD_MEMBER_UPDATE', (d) => d.nick === 'Bel');
        const invite = await owner.post(`/channels/${channel.id}/invites`, { max_age: 60 });
        await socket.event('INVITE_CREATE', (d) => d.code === invite.code);
        await owner.delete(`/invites/${invite.code}`);
        await socket.event('INVITE_DELETE', (d) => d.code === invite.code);
        await owner.delete(`/guilds/${guild}/roles/${role.id}`);
        await socket.event('GUILD_ROLE_DELETE', (d) => d.role_id === role.id);
        await owner.delete(`/channels/${channel.id}`);
        await socket.event('CHANNEL_DELETE', (d) => d.id === channel.id);
        await owner.delete(`/guilds/${guild}/members/${member.id}`);
        await socket.event('GUILD_MEMBER_REMOVE', (d) => d.user.id === member.id);
        await owner.delete(`/guilds/${guild}`);
        const gone = await socket.event('GUILD_DELETE', (d) => d.id === guild);
        assert.ok(!gone.d.unavailable);
        await socket.close();
    });
});

describe('time', () => {
    test('4009: a client that does not beat; a silent socket is closed before IDENTIFY', async () => {
        const { Hubbub } = await import('./harness.js');
        const hub = await Hubbub.start({ env: { HUBBUB_HEARTBEAT_INTERVAL_MS: '1000' } });
        try {
            const person = await hub.register();
            const quiet = await person.connect({ beat: false });
            const beating = await person.connect();
            assert.equal(await quiet.closeCodeWithin(6000), 4009);
            const silent = hub.socket({ beat: false });
            assert.ok([4003, 4009].includes(await silent.closeCodeWithin(6000)));
            await sleep(2000);
            assert.equal(beating.closeCode, undefined);
            await beating.close();
        } finally {
            await hub.stop();
        }
    });
    test('SIGTERM of a gateway: op 7, then the socket is closed so that the client may resume', async () => {
        const { hub } = up;
        const person = await hub.register();
        const socket = await person.connect();
        const old = hub.signal('gateway-1', 'SIGTERM');
        await socket.op(Op.RECONNECT, { ms: 8000 });
        const code = await socket.closeCodeWithin(10_000);
        assert.ok(![1000, 1001].includes(code), `closed with ${code}`);
        assert.ok(old > 0);
        await hub.allReady();
        const again = await person.connect();
        await again.close();
    });
});
