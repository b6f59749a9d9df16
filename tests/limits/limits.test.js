// Goal: limits are exact however many gateways count, say in their headers what is true, are not got around by another spelling
// or a made-up address, hold while Redis hangs, and are never met by a classroom or by a bot of a stock library.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import { Client as Bot, Events, GatewayIntentBits, Partials } from 'discord.js';
import { Op, PASSWORD, Socket, exchange, sleep, unique, until, withHubbub } from '../e2e/harness.js';

const number = (answer, name) => Number(answer.headers.get(`x-ratelimit-${name}`));
const count = (answers, status) => answers.filter((a) => a.status === status).length;

// A 429 as Discord writes it.
function assertRefusal(answer, { global = false } = {}) {
    assert.equal(answer.status, 429);
    assert.equal(answer.body.message, 'You are being rate limited.');
    assert.equal(answer.body.global, global);
    assert.equal(typeof answer.body.retry_after, 'number');
    assert.ok(answer.body.retry_after > 0);
    assert.equal(Number(answer.headers.get('retry-after')), Math.ceil(answer.body.retry_after));
    assert.equal(answer.headers.get('x-ratelimit-scope'), global ? 'global' : 'user');
    assert.equal(answer.headers.get('x-ratelimit-global'), global ? 'true' : null);
}

async function metric(hub, gateway, line) {
    const text = await (await fetch(`http://127.0.0.1:${hub.adminPort(gateway)}/metrics`)).text();
    return Number(text.split('\n').find((l) => l.startsWith(`${line} `))?.split(' ').at(-1) ?? 0);
}

describe('limits by default, two gateways', () => {
    const up = withHubbub({ before, after }, { gateways: 2, env: { HUBBUB_RATELIMIT: 'on' } });
    const at = (n, prefix = '/api/v10') => `http://${up.hub.gateways[n]}${prefix}`;
    const send = (person, channel, base) => exchange(base, 'POST', `/channels/${channel}/messages`, { token: person.token, body: { content: 'x' } });

    test('a classroom behind one address registers at once', async () => {
        const people = await Promise.all(Array.from({ length: 60 }, () => up.hub.register()));
        assert.equal(new Set(people.map((p) => p.id)).size, 60);
    });

    test('ten messages in five seconds are ten, over two gateways and every spelling of the path', async () => {
        const { owner, channel } = await up.hub.guild();
        const encoded = `%3${channel[0]}${channel.slice(1)}`;
        const paths = ['/v1', '/api', '/api/v9', '/api/v10'].flatMap((prefix) => [channel, `0${channel}`, encoded]
            .flatMap((id) => [`${prefix}/channels/${id}/messages`, `${prefix}/channels/${id}/messages/`]));
        const answers = await Promise.all(Array.from({ length: 48 }, (_, i) =>
            exchange(`http://${up.hub.gateways[i % 2]}`, 'POST', paths[i % paths.length], { token: owner.token, body: { content: `${i}` } })));
        const stored = await owner.history(channel);
        assert.equal(count(answers, 200) + count(answers, 429), 48, JSON.stringify(answers.map((a) => [a.status, a.body.code])));
        assert.equal(count(answers, 200), 10);
        assert.equal(stored.length, 10);
        const left = answers.filter((a) => a.status === 200).map((a) => number(a, 'remaining')).sort((a, b) => a - b);
        assert.deepEqual(left, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        for (const a of answers.filter((b) => b.status === 429)) {
            assertRefusal(a);
            assert.equal(number(a, 'remaining'), 0);
            assert.ok(Math.abs(number(a, 'reset-after') - a.body.retry_after) < 0.05);
        }
        assert.equal(new Set(answers.map((a) => a.headers.get('x-ratelimit-bucket'))).size, 1);
        const ends = answers.map((a) => number(a, 'reset'));
        assert.ok(Math.max(...ends) - Math.min(...ends) < 0.25, 'both gateways tell one end of the window');
    });

    test('the window ends when the headers say, and another channel, person or route has its own', async () => {
        const { owner, guild, channel, members: [member] } = await up.hub.guild(1);
        const other = await owner.post(`/guilds/${guild}/channels`, { name: 'other' });
        const answers = await Promise.all(Array.from({ length: 12 }, (_, i) => send(owner, channel, at(i % 2))));
        assert.equal(count(answers, 200), 10);
        const first = await send(owner, other.id, at(0));
        assert.equal(first.status, 200);
        assert.deepEqual([number(first, 'limit'), number(first, 'remaining')], [10, 9]);
        assert.equal((await send(member, channel, at(1))).status, 200);
        assert.equal((await exchange(at(0), 'GET', `/channels/${channel}/messages`, { token: owner.token })).status, 200);
        const refused = await send(owner, channel, at(0));
        assertRefusal(refused);
        assert.ok(Math.abs(number(refused, 'reset') * 1000 - (Date.now() + refused.body.retry_after * 1000)) < 500);
        await sleep(refused.body.retry_after * 1000);
        const again = await send(owner, channel, at(0));
        assert.deepEqual([again.status, number(again, 'remaining')], [200, 9]);
    });

    test('a webhook has one rate, whoever posts and in whatever form', async () => {
        const { owner, channel } = await up.hub.guild();
        const [hook, other] = await Promise.all(['one', 'two'].map((name) => owner.post(`/channels/${channel}/webhooks`, { name })));
        const post = (w, i) => exchange(at(i % 2), 'POST', `/webhooks/${w.id}/${w.token}${i % 3 ? '' : '/slack'}`, { token: i % 5 ? undefined : owner.token, body: i % 3 ? { content: 'x' } : { text: 'x' } });
        const answers = await Promise.all(Array.from({ length: 14 }, (_, i) => post(hook, i)));
        assert.equal(count(answers, 200) + count(answers, 204), 10);
        assert.equal(count(answers, 429), 4);
        assert.equal(new Set(answers.map((a) => a.headers.get('x-ratelimit-bucket'))).size, 1);
        assertRefusal(answers.find((a) => a.status === 429));
        assert.equal((await post(other, 1)).status, 204);
        assert.equal((await send(owner, channel, at(0))).status, 200);
    });

    test('messages by the socket and by POST are one count', async () => {
        const { owner, channel } = await up.hub.guild();
        const socket = await owner.connect();
        for (let i = 0; i < 4; i++) assert.equal((await send(owner, channel, at(i % 2))).status, 200);
        for (let i = 0; i < 8; i++) socket.send({ op: Op.SEND, d: { channel_id: channel, content: 'x', nonce: `${i}` } });
        await until('eight answers', () => socket.frames.filter((f) => f.op === Op.SENT).length === 8);
        const results = socket.frames.filter((f) => f.op === Op.SENT).map((f) => f.d);
        assert.deepEqual(results.map((d) => d.status).sort(), [200, 200, 200, 200, 200, 200, 429, 429]);
        assert.ok(results.find((d) => d.status === 429).error.retry_after > 0);
        assertRefusal(await send(owner, channel, at(0)));
        await socket.close();
    });

    test('a browser may read the headers', async () => {
        const answer = await exchange(at(0), 'GET', '/invites/none', {});
        const exposed = answer.headers.get('access-control-expose-headers').toLowerCase();
        for (const name of ['limit', 'remaining', 'reset', 'reset-after', 'bucket', 'scope', 'global']) assert.ok(exposed.includes(`x-ratelimit-${name}`), name);
        assert.ok(exposed.includes('retry-after'));
    });

    test('all requests of a person are limited over all routes', async () => {
        const { owner } = await up.hub.guild();
        const paths = ['/users/@me', '/users/@me/guilds', '/applications', `/users/${owner.id}`];
        const answers = await Promise.all(Array.from({ length: 160 }, (_, i) => exchange(at(i % 2), 'GET', paths[i % 4], { token: owner.token })));
        const refused = answers.filter((a) => a.status === 429);
        assert.ok(refused.length, 'some of 160 requests at once are over 50 in a second');
        assertRefusal(refused[0], { global: true });
        assert.ok(await metric(up.hub, 'gateway-1', 'hubbub_ratelimited_total{scope="global"}') > 0);
    });

    test('an address that the client makes up counts for nothing', async () => {
        const left = [];
        for (let i = 0; i < 3; i++) {
            const answer = await exchange(at(i % 2), 'GET', '/invites/none', { headers: { 'x-forwarded-for': `198.51.100.${i}` } });
            left.push(number(answer, 'remaining'));
        }
        assert.deepEqual([left[1], left[2]], [left[0] - 1, left[0] - 2]);
    });

    test('logins into one account are limited, others are not', async () => {
        const [victim, other] = [await up.hub.register(), await up.hub.register()];
        const login = (who, password) => up.hub.request('POST', '/auth/login', { body: { login: who, password } });
        const answers = [];
        for (let i = 0; i < 12; i++) answers.push(await login(i % 2 ? victim.username : victim.username.toUpperCase(), 'a wrong password'));
        assert.equal(count(answers.slice(0, 10), 429), 0);
        assert.equal(count(answers.slice(10), 429), 2);
        assertRefusal(answers.at(-1));
        assertRefusal(await login(victim.username, PASSWORD));
        assert.equal((await login(other.username, PASSWORD)).status, 200);
    });

    test('a discord.js bot sends thirty messages at once and meets no limit', async () => {
        const { owner, guild, channel } = await up.hub.guild();
        const account = await up.hub.bot(owner, { guild });
        const bot = new Bot({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages], rest: { api: `${up.hub.url}/api`, retries: 0 } });
        const refused = [];
        bot.rest.on('response', (request, response) => response.status === 429 && refused.push(request.path));
        const ready = once(bot, Events.ClientReady);
        await bot.login(account.secret);
        await ready;
        const room = bot.channels.cache.get(channel);
        await Promise.all(Array.from({ length: 30 }, (_, i) => room.send(`message ${i}`)));
        assert.equal((await owner.history(channel)).length, 30);
        assert.deepEqual(refused, []);
        await bot.destroy();
    });

    test('a discord.js bot of two shards, each a client of its own at another gateway: each has its guilds, DMs are shard 0\'s', { timeout: 120_000 }, async (t) => {
        const { owner, guild } = await up.hub.guild();
        const account = await up.hub.bot(owner, { guild });
        const guilds = [[], []], shardOf = (id) => Number((BigInt(id) >> 22n) % 2n);
        const add = (id) => owner.post(`/oauth2/authorize?client_id=${account.application}&scope=bot&permissions=8`, { guild_id: id, permissions: '8', authorize: true });
        const roomOf = async (id) => (await owner.get(`/guilds/${id}/channels`)).find((c) => c.type === 0).id;
        guilds[shardOf(guild)].push(guild);
        while (guilds.some((list) => list.length < 2)) {
            const { id } = await owner.post('/guilds', { name: unique('shard ') });
            await add(id);
            guilds[shardOf(id)].push(id);
        }
        const opened = () => Promise.all(['gateway-1', 'gateway-2'].map((name) => metric(up.hub, name, 'hubbub_gateway_identified_total')));
        const had = await opened();
        const bots = await Promise.all([0, 1].map(async (shard) => {
            const { Guilds, GuildMessages, DirectMessages, MessageContent } = GatewayIntentBits;
            const bot = new Bot({ shards: [shard], shardCount: 2, intents: [Guilds, GuildMessages, DirectMessages, MessageContent], partials: [Partials.Channel], rest: { api: `${up.hub.url}/api` } });
            t.after(() => bot.destroy());
            const get = bot.rest.get.bind(bot.rest);
            bot.rest.get = async (route, options) => {
                const answer = await get(route, options);
                return route === '/gateway/bot' ? { ...answer, url: `ws://${up.hub.gateways[shard]}` } : answer;
            };
            bot.heard = [];
            bot.on(Events.MessageCreate, (m) => bot.heard.push(m.content));
            const ready = once(bot, Events.ClientReady);
            await bot.login(account.secret);
            await ready;
            return bot;
        }));
        await until('a shard at each gateway', async () => (await opened()).every((n, i) => n === had[i] + 1));
        for (const shard of [0, 1]) assert.deepEqual([...bots[shard].guilds.cache.keys()].sort(), guilds[shard].sort());
        const dm = await owner.post('/users/@me/channels', { recipients: [account.id] });
        await owner.say(dm.id, 'between us');
        for (const id of guilds.flat()) await owner.say(await roomOf(id), `in ${id}`);
        await until('both heard theirs', () => bots[0].heard.length >= 1 + guilds[0].length && bots[1].heard.length >= guilds[1].length);
        // One that the bot is added to while both run.
        const { id: late } = await owner.post('/guilds', { name: unique('late ') });
        await add(late);
        await until('the new guild is there', () => bots[shardOf(late)].guilds.cache.has(late));
        guilds[shardOf(late)].push(late);
        await owner.say(await roomOf(late), `in ${late}`);
        for (const shard of [0, 1]) {
            const expected = [...guilds[shard].map((id) => `in ${id}`), ...(shard ? [] : ['between us'])].sort();
            await until(`shard ${shard} heard all`, () => bots[shard].heard.length >= expected.length);
            assert.deepEqual(bots[shard].heard.sort(), expected);
            assert.deepEqual([...bots[shard].guilds.cache.keys()].sort(), guilds[shard].sort());
        }
    });

    test('/gateway/bot counts sessions that are opened, resumed ones not', async () => {
        const { owner, guild } = await up.hub.guild();
        const bot = await up.hub.bot(owner, { guild });
        const starts = async () => (await bot.get('/gateway/bot')).session_start_limit;
        assert.deepEqual(await starts(), { total: 1000, remaining: 1000, reset_after: 86_400_000, max_concurrency: 16 }, 'no session yet');
        // The first two of one bucket: shards of other buckets may identify at once, over both gateways.
        const sockets = [await bot.connect({ gateway: 0, identify: { shard: [0, 18] } }), await bot.connect({ gateway: 1, identify: { shard: [1, 18] } })];
        const late = up.hub.socket({ gateway: 1 });
        await late.op(Op.HELLO);
        late.identify(bot.secret, { shard: [16, 18] });
        assert.equal((await late.op(Op.INVALID_SESSION)).d, false, 'shard 16 is in the bucket of shard 0');
        await late.close();
        const { total, remaining, reset_after } = await starts();
        assert.deepEqual([total, remaining], [1000, 998]);
        assert.ok(reset_after > 86_000_000 && reset_after < 86_400_000);
        const { seq, ready } = sockets[0];
        sockets[0].destroy();
        await sockets[0].closed;
        const resumed = up.hub.socket({ gateway: 0 });
        await resumed.op(Op.HELLO);
        resumed.resume(bot.secret, ready.session_id, seq);
        await resumed.event('RESUMED');
        assert.equal((await starts()).remaining, 998);
        await Promise.all([resumed.close(), sockets[1].close()]);
    });

    // Opens n sessions at once, one after the other gateway of those named. {open, refused}
    const openMany = async (person, n, ...at) => {
        const open = [], refused = [];
        await Promise.all(Array.from({ length: n }, async (_, i) => {
            const socket = up.hub.socket({ gateway: at[i % at.length] });
            await socket.op(Op.HELLO);
            socket.identify(person.token, { intents: 1 });
            await Promise.race([socket.event('READY', undefined, { ms: 30_000 }).then((f) => { socket.ready = f.d; }, () => {}), socket.closed]);
            if (socket.closeCode === undefined) return open.push(socket);
            assert.equal(socket.closeCode, 4015);
            refused.push(socket);
        }));
        return { open, refused };
    };
    const closeAll = (sockets) => Promise.all(sockets.map((s) => s.close()));

    test('a person has fifty sessions over both gateways, and one that moves keeps its place', async () => {
        const person = await up.hub.register();
        const { open, refused } = await openMany(person, 70, 0, 1);
        assert.deepEqual([open.length, refused.length], [50, 20]);
        const [moving] = open.splice(0, 1);
        moving.destroy();
        await moving.closed;
        const seats = () => Number(up.hub.redis('ZCARD', `seats:${person.id}`));
        await until('its seat is free', () => seats() === 49);
        const moved = up.hub.socket({ gateway: moving.ws.url.includes(up.hub.gateways[0]) ? 1 : 0 });
        await moved.op(Op.HELLO);
        moved.resume(person.token, moving.ready.session_id, moving.seq);
        await moved.event('RESUMED');
        await until('it has a seat again', () => seats() === 50);
        assert.equal((await openMany(person, 2, 0, 1)).refused.length, 2);
        await closeAll([moved, open.pop()]);
        await until('two seats are free', () => seats() === 48);
        const again = await openMany(person, 4, 0, 1);
        assert.equal(again.open.length, 2);
        await closeAll([...open, ...again.open]);
    });

    test('without Redis each gateway counts a person\'s sessions itself', async () => {
        const person = await up.hub.register();
        up.hub.signal('redis-1', 'SIGSTOP');
        try {
            const here = await openMany(person, 55, 0);
            assert.equal(here.open.length, 50);
            const there = await openMany(person, 2, 1);
            assert.equal(there.open.length, 2);
            await closeAll([...here.open, ...there.open]);
        } finally {
            up.hub.signal('redis-1', 'SIGCONT');
        }
    });

    test('a Redis that hangs: still limited, and nobody waits', async () => {
        const { owner, channel } = await up.hub.guild();
        const timed = async () => {
            const began = performance.now();
            const answer = await exchange(at(0), 'GET', '/users/@me', { token: owner.token });
            assert.equal(answer.status, 200);
            return performance.now() - began;
        };
        const times = async () => {
            const all = [];
            for (let i = 0; i < 20; i++) {
                all.push(await timed());
                await sleep(40);
            }
            return all;
        };
        const before_ms = Math.max(...await times());
        await sleep(1100); // the second of the limit of all requests
        up.hub.signal('redis-1', 'SIGSTOP');
        try {
            const hung = await times();
            assert.ok(Math.max(...hung) < before_ms + 100, `at most ${before_ms} ms with Redis, ${Math.max(...hung)} ms without`);
            await sleep(1100);
            const answers = await Promise.all(Array.from({ length: 25 }, () => send(owner, channel, at(0))));
            assert.equal(count(answers, 200), 10);
            assert.equal(count(answers, 429), 15);
            assertRefusal(answers.find((a) => a.status === 429));
            assert.ok(await metric(up.hub, 'gateway-1', 'hubbub_ratelimit_local_total') > 0);
        } finally {
            up.hub.signal('redis-1', 'SIGCONT');
        }
        const local = () => metric(up.hub, 'gateway-1', 'hubbub_ratelimit_local_total');
        await until('Redis counts again', async () => {
            const had = await local();
            await timed();
            return await local() === had;
        });
    });
});

describe('an operator with few sockets', () => {
    const up = withHubbub({ before, after }, { env: { HUBBUB_CONNECTIONS_MAX: '60' } });

    test('who comes past the bound is turned away and counted; when others go there is room again', async () => {
        const refused = () => metric(up.hub, 'gateway-1', 'hubbub_gateway_accept_refused_total');
        const sockets = Array.from({ length: 80 }, () => createConnection(up.hub.port, '127.0.0.1'));
        let closed = 0;
        for (const s of sockets) {
            s.on('error', () => {});
            s.on('close', () => { closed++; });
        }
        await until('the rest are closed', () => closed >= 20);
        assert.ok(closed <= 30, `${closed} were closed`); // some places are the harness's own
        assert.ok(await refused() >= 20);
        for (const s of sockets) s.destroy();
        await until('there is room', async () => (await up.hub.request('GET', '/gateway').catch(() => ({}))).status === 200);
    });
});

describe('limits of an operator, behind a trusted proxy', () => {
    const up = withHubbub({ before, after }, {
        env: {
            HUBBUB_RATELIMIT: 'on', HUBBUB_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8', HUBBUB_RATELIMIT_INVALID: '20/5', HUBBUB_RATELIMIT_IDENTIFY: '4/60',
            HUBBUB_RATELIMIT_HANDSHAKES_ADDRESS: '30/5', HUBBUB_IDENTIFY_CONCURRENCY: '1', HUBBUB_RATELIMIT_GLOBAL: 'off', HUBBUB_RATELIMIT_FRAMES: '20/60', HUBBUB_USER_SESSIONS_MAX: '9',
        },
    });
    const from = (address, path, options = {}) => up.hub.request('GET', path, { headers: { 'x-forwarded-for': address }, ...options });

    test('who sends too many bad tokens is refused, by the address that the proxy saw', async () => {
        const answers = [];
        for (let i = 0; i < 25; i++) answers.push(await from(`203.0.113.${i}, 198.51.100.1, 10.1.2.3`, '/users/@me', { token: 'bad' }));
        assert.equal(count(answers, 401), 20);
        assert.equal(count(answers, 429), 5);
        assertRefusal(answers.at(-1), { global: true });
        assert.equal((await from('198.51.100.1', '/gateway')).status, 429);
        assert.equal((await from('198.51.100.2', '/gateway')).status, 200);
        assert.equal((await up.hub.request('GET', '/gateway')).status, 200);
        await sleep(answers.at(-1).body.retry_after * 1000 + 50);
        assert.equal((await from('198.51.100.1', '/gateway')).status, 200);
    });

    test('one client has one count, whatever stands before it; an IPv6 host one for its network', async () => {
        const left = async (address) => number(await from(address, '/invites/none'), 'remaining');
        const first = await left('198.51.100.7');
        assert.equal(await left('192.0.2.1, 198.51.100.7'), first - 1);
        assert.equal(await left('198.51.100.8'), 99);
        assert.equal(await left('2001:db8::1'), 99);
        assert.equal(await left('2001:db8::2:3'), 98);
        assert.equal(await left('2001:db8:0:1::1'), 99);
    });

    test('a bot that identifies too often gets op 9, and may again after five seconds', async () => {
        const { owner, guild } = await up.hub.guild();
        const bot = await up.hub.bot(owner, { guild });
        const first = await bot.connect();
        const second = new Socket(`ws://127.0.0.1:${up.hub.port}/?v=10&encoding=json`);
        await second.op(Op.HELLO);
        second.identify(bot.secret);
        assert.equal((await second.op(Op.INVALID_SESSION)).d, false);
        const limit = (await bot.get('/gateway/bot')).session_start_limit;
        assert.deepEqual([limit.total, limit.remaining, limit.max_concurrency], [4, 3, 1]);
        await sleep(5100);
        second.identify(bot.secret);
        await second.event('READY');
        await Promise.all([first.close(), second.close()]);
    });

    test('a flood of handshakes is shed by 503, of its address alone', async () => {
        const open = (address) => new Promise((done) => {
            const s = new WebSocket(`ws://127.0.0.1:${up.hub.port}/?v=10&encoding=json`, { headers: { 'x-forwarded-for': address } });
            const end = (answer) => { s.terminate(); done(answer); };
            s.on('error', () => {});
            s.on('open', () => end(101));
            s.on('unexpected-response', (_, answer) => {
                const retry = Number(answer.headers['retry-after']);
                answer.destroy();
                end(retry >= 1 && retry <= 5 ? answer.statusCode : `${answer.statusCode}, Retry-After ${retry}`);
            });
        });
        const counted = () => metric(up.hub, 'gateway-1', 'hubbub_ratelimited_total{scope="handshake"}');
        const before_ = await counted();
        const answers = await Promise.all(Array.from({ length: 40 }, () => open('198.51.100.20')));
        assert.deepEqual([answers.filter((a) => a === 101).length, answers.filter((a) => a === 503).length], [30, 10], `${answers}`);
        assert.equal(await counted(), before_ + 10);
        assert.equal(await open('198.51.100.21'), 101);
    });

    test('a head that trickles in is given up after 15 s, and others are served meanwhile', { timeout: 60_000 }, async () => {
        const timeouts = () => metric(up.hub, 'gateway-1', 'hubbub_http_timeouts_total');
        const before_ = await timeouts(), start = Date.now();
        const slow = Array.from({ length: 50 }, () => createConnection(up.hub.port, '127.0.0.1'));
        for (const s of slow) {
            s.on('error', () => {});
            s.write('GET /api/v10/gateway HTTP/1.1\r\nhost: x\r\n');
        }
        const trickle = setInterval(() => slow.forEach((s) => s.writable && s.write('x: y\r\n')), 1000);
        const closed = Promise.all(slow.map((s) => once(s, 'close')));
        let worst = 0;
        for (let i = 0; i < 20; i++) {
            const begin = Date.now();
            assert.equal((await up.hub.request('GET', '/gateway')).status, 200);
            worst = Math.max(worst, Date.now() - begin);
        }
        await closed;
        clearInterval(trickle);
        const took = Date.now() - start;
        assert.ok(took > 14_000 && took < 25_000, `${took} ms`);
        assert.ok(worst < 1000, `${worst} ms`);
        await until('they are counted', async () => await timeouts() >= before_ + 50);
    });

    test('people identify as often as they like, and have as many sessions and frames as the operator says', async () => {
        const person = await up.hub.register(unique('often'));
        const sockets = await Promise.all(Array.from({ length: 9 }, () => person.connect()));
        const tenth = up.hub.socket();
        await tenth.op(Op.HELLO);
        tenth.identify(person.token);
        assert.equal(await tenth.closeCodeWithin(), 4015);
        for (let i = 1; i < 20; i++) sockets[0].send({ op: Op.HEARTBEAT, d: null }); // the first was IDENTIFY
        await until('all are answered', () => sockets[0].frames.filter((f) => f.op === Op.ACK).length === 19);
        sockets[0].send({ op: Op.HEARTBEAT, d: null });
        assert.equal(await sockets[0].closeCodeWithin(), 4008);
        await Promise.all(sockets.slice(1).map((s) => s.close()));
    });
});
