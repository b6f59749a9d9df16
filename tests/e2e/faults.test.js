// Goal: with PostgreSQL or Redis away, hung or killed, and with any service killed, an answer is quick and true, and all
// recovers without a restart by hand. What is sent goes through gateway 1 and is heard at gateway 2: a gateway learns of its own
// messages without Redis.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Op, exchange, sleep, until, withHubbub } from './harness.js';

const up = withHubbub({ before, after }, { gateways: 2 });
const QUICK_MS = 3000; // the promise is one second; this machine is shared

async function timed(work) {
    const start = Date.now();
    const value = await work();
    return { value, ms: Date.now() - start };
}

async function conversation(hub) {
    const world = await hub.guild(1);
    const socket = await world.members[0].connect({ gateway: 1 });
    await socket.event('GUILD_CREATE');
    return { ...world, socket, base: `http://${hub.gateways[0]}/api/v10` };
}

const post = (world, content) => world.owner.request('POST', `/channels/${world.channel}/messages`, { body: { content }, base: world.base });
const say = (world, content) => world.owner.post(`/channels/${world.channel}/messages`, { content }, { base: world.base });

async function assertUnavailable(world) {
    const { value, ms } = await timed(() => post(world, 'nobody hears this'));
    assert.equal(value.status, 503, JSON.stringify(value.body));
    assert.ok(Number(value.headers.get('retry-after')) > 0, 'Retry-After');
    assert.ok(ms < QUICK_MS, `answered after ${ms} ms`);
    assert.equal(typeof value.body.code, 'number');
}

async function assertRecovered(world, ms = 10_000) {
    const sent = await until('messages are stored again', async () => {
        const answer = await post(world, 'back again');
        return answer.status === 200 && answer.body;
    }, ms, 100);
    await world.socket.event('MESSAGE_CREATE', (d) => d.id === sent.id);
    const history = await world.owner.history(world.channel);
    assert.ok(history.some((m) => m.id === sent.id));
    return history;
}

test('PostgreSQL frozen: 503 with Retry-After in a second, the sockets stay, all recovers', { timeout: 60_000 }, async () => {
    const { hub } = up;
    const world = await conversation(hub);
    hub.signal('postgres-1', 'SIGSTOP');
    try {
        for (let i = 0; i < 3; i++) await assertUnavailable(world);
        const history = await timed(() => world.owner.request('GET', `/channels/${world.channel}/messages`));
        assert.equal(history.value.status, 503);
        assert.ok(history.ms < QUICK_MS);
        world.socket.send({ op: Op.HEARTBEAT, d: world.socket.seq });
        await world.socket.op(Op.ACK);
        await until('chat says so', async () => (await hub.readyz('chat-1')) === 503, 10_000);
    } finally {
        hub.signal('postgres-1', 'SIGCONT');
    }
    const stored = await assertRecovered(world);
    // What was refused may not come back as stored but once at most: the answer was "unknown", and a retry is safe by nonce.
    assert.ok(stored.filter((m) => m.content === 'nobody hears this').length <= 3);
    await world.socket.close();
});

test('PostgreSQL killed: 503 or stored, then all recovers by itself', { timeout: 60_000 }, async () => {
    const { hub } = up;
    const world = await conversation(hub);
    const before = await say(world, 'before the crash');
    hub.signal('postgres-1', 'SIGKILL');
    const { value, ms } = await timed(() => post(world, 'during'));
    assert.ok([200, 503].includes(value.status), String(value.status));
    assert.ok(ms < QUICK_MS + 2000, `answered after ${ms} ms`);
    const history = await assertRecovered(world, 20_000);
    assert.ok(history.some((m) => m.id === before.id), 'what was acknowledged outlives the crash');
    if (value.status === 200) assert.ok(history.some((m) => m.id === value.body.id));
    await world.socket.close();
});

test('all sessions of PostgreSQL cut: nothing is lost', async () => {
    const { hub } = up;
    const world = await conversation(hub);
    hub.psql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'");
    await assertRecovered(world);
    await world.socket.close();
});

test('Redis frozen: REST goes on, live messages come by the digest within a second', { timeout: 60_000 }, async () => {
    const { hub } = up;
    const world = await conversation(hub);
    hub.signal('redis-1', 'SIGSTOP');
    try {
        await sleep(1000);
        for (let i = 0; i < 5; i++) {
            const { value, ms } = await timed(() => post(world, `by digest ${i}`));
            assert.equal(value.status, 200, JSON.stringify(value.body));
            assert.ok(ms < QUICK_MS, `answered after ${ms} ms`);
            const seen = await world.socket.message(`by digest ${i}`, { ms: QUICK_MS });
            assert.equal(seen.d.id, value.body.id);
        }
        const late = await hub.register();
        const answer = await timed(() => late.request('POST', `/invites/${world.invite}`, { body: {} }));
        assert.equal(answer.value.status, 200);
    } finally {
        hub.signal('redis-1', 'SIGCONT');
    }
    await say(world, 'and by Redis');
    await world.socket.message('and by Redis');
    await world.socket.close();
});

test('Redis killed: the same, and the bus is there again afterwards', { timeout: 60_000 }, async () => {
    const { hub } = up;
    const world = await conversation(hub);
    const old = hub.signal('redis-1', 'SIGKILL');
    const sent = await say(world, 'into the gap');
    await world.socket.event('MESSAGE_CREATE', (d) => d.id === sent.id, { ms: QUICK_MS });
    await until('another Redis runs, and a gateway has subscribed again', () => {
        try {
            return hub.pid('redis-1') !== old && hub.redis('PUBSUB', 'CHANNELS').trim() !== '';
        } catch {
            return false;
        }
    }, 15_000, 100);
    await say(world, 'as before');
    await world.socket.message('as before');
    await world.socket.close();
});

test('a dropped Pub/Sub message: the gap is read back before anything later is delivered', { timeout: 120_000 }, async () => {
    const { hub } = up;
    const world = await conversation(hub);
    const sent = [];
    for (let i = 0; i < 120; i++) {
        sent.push((await say(world, `n${i}`)).id);
        if (i % 20 === 10) hub.redis('CLIENT', 'KILL', 'TYPE', 'pubsub');
    }
    await world.socket.message('n119', { ms: 15_000 });
    assert.deepEqual(world.socket.dispatched('MESSAGE_CREATE').map((m) => m.id), sent);
    await world.socket.close();
});

for (const name of ['chat-1', 'media-1', 'presence-1'])
    test(`${name} killed: sockets stay, it is started again, and messages go on`, { timeout: 60_000 }, async () => {
        const { hub } = up;
        const world = await conversation(hub);
        await hub.killAndWait(name);
        await assertRecovered(world, 20_000);
        assert.equal(world.socket.closeCode, undefined);
        await world.socket.close();
    });

test('a gateway killed: its clients come back to a new one, those of the other stay', { timeout: 60_000 }, async () => {
    const { hub } = up;
    const world = await conversation(hub);
    const other = await world.owner.connect({ gateway: 0 });
    await hub.killAndWait('gateway-2');
    await world.socket.closed;
    assert.equal(other.closeCode, undefined);
    await other.close();
    const socket = await world.members[0].connect({ gateway: 1 });
    await socket.event('GUILD_CREATE', (d) => d.id === world.guild);
    await say(world, 'good to see you');
    await socket.message('good to see you');
    await socket.close();
});

test('presence is announced again after Redis was wiped', { timeout: 120_000 }, async () => {
    const { hub } = up;
    const world = await conversation(hub);
    hub.redis('FLUSHALL');
    await until('presence is known again', () => hub.redis('EXISTS', `presence:${world.members[0].id}`).trim() === '1', 90_000, 500);
    await world.socket.close();
});

test('/metrics and /livez of every service answer', async () => {
    const { hub } = up;
    for (const name of hub.names().filter((n) => !/^(postgres|redis)/.test(n))) {
        const base = `http://127.0.0.1:${hub.adminPort(name)}`;
        assert.equal((await exchange(base, 'GET', '/livez')).status, 200, name);
        assert.equal((await exchange(base, 'GET', '/readyz')).status, 200, name);
        assert.match((await exchange(base, 'GET', '/metrics')).body, /^# (HELP|TYPE) /m, name);
    }
});

test('logs are JSON lines and hold neither tokens nor what people wrote', async () => {
    const { hub } = up;
    const world = await conversation(hub);
    await say(world, 'xyzzy-private-words');
    for (const name of hub.names().filter((n) => !/^(postgres|redis)/.test(n))) {
        const text = hub.log(name);
        for (const line of text.split('\n').filter(Boolean)) assert.doesNotThrow(() => JSON.parse(line), `${name}: ${line}`);
        for (const secret of [world.owner.token, 'xyzzy-private-words', 'correct horse battery'])
            assert.ok(!text.includes(secret), `${name} logs ${secret}`);
    }
    await world.socket.close();
});
