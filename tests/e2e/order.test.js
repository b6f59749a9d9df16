// Goal: everybody sees one order. 4 senders × 250 messages into one channel through two gateways and two chats; 8 receivers,
// half on each gateway, and the history agree exactly; ids strictly increase. Then the same while one service is killed:
// what was acknowledged is there, once, for everybody.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { HttpError, Op, randomOf, sleep, until, withHubbub } from './harness.js';

const SENDERS = 4, RECEIVERS = 8, MESSAGES = Number(process.env.HUBBUB_MESSAGES ?? 250);
const up = withHubbub({ before, after }, { gateways: 2, chats: 2 });

const seed = Number(process.env.HUBBUB_SEED ?? Math.floor(Math.random() * 2 ** 31));
const random = randomOf(seed);
console.log(`seed ${seed} (HUBBUB_SEED repeats it)`);

const idsIncrease = (messages) => messages.every((m, i) => i === 0 || BigInt(messages[i - 1].id) < BigInt(m.id));

// A receiver as a client library is one: resumes when its socket is lost, begins anew and reads the history when it cannot.
class Receiver {
    constructor(hub, client, gateway, channel) {
        Object.assign(this, { hub, client, gateway, channel, seen: [], reconnects: 0, stopped: false });
    }
    async start() {
        this.socket = await this.client.connect({ gateway: this.gateway });
        await this.socket.event('GUILD_CREATE');
        this.ready = this.socket.ready;
        this.follow();
        return this;
    }
    async follow() {
        while (!this.stopped) {
            this.socket.ws.on('message', () => {});
            await this.socket.closed;
            this.collect();
            if (this.stopped) return;
            this.reconnects++;
            await this.reconnect();
        }
    }
    // Takes what the socket has brought so far.
    collect() {
        for (; (this.socket.at ??= 0) < this.socket.frames.length; this.socket.at++) {
            const f = this.socket.frames[this.socket.at];
            if (f.t === 'MESSAGE_CREATE' && f.d.channel_id === this.channel) this.seen.push({ id: f.d.id, nonce: f.d.nonce, s: f.s });
            if (f.op === Op.DISPATCH) this.seq = f.s;
        }
        return this.seen;
    }
    async reconnect() {
        for (let tries = 0; !this.stopped; tries++) {
            const socket = this.hub.socket({ gateway: this.gateway });
            try {
                await socket.op(Op.HELLO, { ms: 5000 });
                socket.resume(this.client.token, this.ready.session_id, this.seq);
                const answer = await socket.find('RESUMED or 9', (f) => f.t === 'RESUMED' || f.op === Op.INVALID_SESSION, { ms: 5000 });
                this.socket = socket;
                if (answer.op !== Op.INVALID_SESSION) return;
                socket.identify(this.client.token);
                this.ready = (await socket.event('READY', () => true, { ms: 15_000 })).d;
                await socket.event('GUILD_CREATE', () => true, { ms: 15_000 });
                await this.readMissed();
                return;
            } catch {
                socket.destroy();
                await sleep(100);
                assert.ok(tries < 300, 'a receiver could not come back');
            }
        }
    }
    // What was sent while there was no session: a new session begins at READY.
    async readMissed() {
        const last = this.seen.at(-1)?.id ?? '0';
        const missed = (await this.client.history(this.channel)).filter((m) => BigInt(m.id) > BigInt(last));
        const live = new Set(this.socket.dispatched('MESSAGE_CREATE').map((m) => m.id));
        this.seen.push(...missed.filter((m) => !live.has(m.id)).map((m) => ({ id: m.id, nonce: m.nonce, history: true })));
    }
    async stop() {
        this.stopped = true;
        this.socket.destroy();
        await this.socket.closed;
    }
}

async function prepare(hub) {
    const world = await hub.guild(RECEIVERS - 1);
    const senders = await hub.people(SENDERS);
    for (const s of senders) await s.post(`/invites/${world.invite}`);
    const receivers = await Promise.all([world.owner, ...world.members].map((c, i) => new Receiver(hub, c, i % 2, world.channel).start()));
    return { ...world, senders, receivers };
}

// Sends as a careful client does: the same nonce until it is acknowledged.
async function send(sender, channel, nonce) {
    for (let tries = 0; ; tries++) {
        try {
            return await sender.say(channel, nonce, { nonce, enforce_nonce: true });
        } catch (e) {
            if (e instanceof HttpError && e.status < 500) throw e;
            assert.ok(tries < 200, `${nonce} was not taken: ${e}`);
            await sleep(50 + 100 * random());
        }
    }
}

async function sendAll(world, label) {
    const acknowledged = new Map();
    await Promise.all(world.senders.map(async (sender, k) => {
        for (let i = 0; i < MESSAGES; i++) {
            const nonce = `${label}-${k}-${i}`;
            const sent = await send(sender, world.channel, nonce);
            assert.equal(sent.content, nonce);
            acknowledged.set(nonce, sent.id);
        }
    }));
    return acknowledged;
}

async function settle(world, count, ms) {
    await until('every receiver has every message', () => world.receivers.every((r) => new Set(r.collect().map((m) => m.id)).size >= count), ms, 50)
        .catch((e) => { throw new Error(`${e.message}: ${world.receivers.map((r) => new Set(r.collect().map((m) => m.id)).size)} of ${count}; reconnects ${world.receivers.map((r) => r.reconnects)}`); });
}

test('8 receivers on two gateways and the history agree on 1,000 messages of 4 senders', { timeout: 240_000 }, async () => {
    const { hub } = up;
    const world = await prepare(hub);
    const started = Date.now();
    const acknowledged = await sendAll(world, 'calm');
    const took = Date.now() - started;
    await settle(world, acknowledged.size, 15_000);
    const history = await world.owner.history(world.channel);
    assert.equal(history.length, SENDERS * MESSAGES);
    assert.ok(idsIncrease(history));
    for (const m of history) assert.equal(acknowledged.get(m.content), m.id);
    const order = history.map((m) => m.id);
    for (const [i, r] of world.receivers.entries()) {
        assert.deepEqual(r.seen.map((m) => m.id), order, `receiver ${i}`);
        assert.equal(r.reconnects, 0);
    }
    for (const [k] of world.senders.entries()) {
        const own = history.filter((m) => m.content.startsWith(`calm-${k}-`)).map((m) => Number(m.content.split('-')[2]));
        assert.deepEqual(own, own.map((_, i) => i), 'a sender is read in the order of sending');
    }
    console.log(`${acknowledged.size} messages in ${took} ms`);
    await Promise.all(world.receivers.map((r) => r.stop()));
});

for (const victim of ['chat-1', 'chat-2', 'gateway-1', 'gateway-2', 'presence-1', 'media-1', 'redis-1', 'postgres-1'])
    test(`kill -9 of ${victim} while they send: nothing that was acknowledged is lost or doubled`, { timeout: 240_000 }, async () => {
        const { hub } = up;
        const world = await prepare(hub);
        const sending = sendAll(world, victim);
        await sleep(100 + 1200 * random());
        hub.signal(victim, 'SIGKILL');
        const acknowledged = await sending;
        await settle(world, acknowledged.size, 30_000);
        const history = await world.owner.history(world.channel);
        assert.equal(history.length, acknowledged.size, 'each nonce is stored once');
        assert.ok(idsIncrease(history));
        for (const m of history) assert.equal(acknowledged.get(m.content), m.id);
        const order = history.map((m) => m.id);
        for (const [i, r] of world.receivers.entries()) {
            const ids = r.seen.map((m) => m.id);
            if (victim.startsWith('gateway') && r.reconnects) assert.deepEqual([...new Set(ids)].sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1)), order, `receiver ${i}`);
            else assert.deepEqual(ids, order, `receiver ${i} of gateway ${r.gateway + 1}, ${r.reconnects} reconnects`);
        }
        await Promise.all(world.receivers.map((r) => r.stop()));
        await hub.allReady();
    });
