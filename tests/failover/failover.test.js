// Goal: one of three chats is killed, or hangs, under several hundred requests a second, and no client sees a failure of what may
// be sent twice: reads, and messages with an enforced nonce. No message is stored twice, none that was acknowledged is lost, and
// the chat is used again afterwards. Requests that may not be sent twice get 503 with Retry-After at the worst.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { exchange, sleep, until, withHubbub } from '../e2e/harness.js';

const RATE = Number(process.env.HUBBUB_LOAD ?? 300), TICK_MS = 20, GUILDS = 12;
// Detection takes a second; this machine is shared. Nothing may wait for the hung one itself.
const HANG_MS = 6000, HUNG_MS_MAX = Number(process.env.HUBBUB_HUNG_MS_MAX ?? 2500);
const up = withHubbub({ before, after }, { chats: 3, gateways: 1, env: { HUBBUB_RATELIMIT: 'off' } });

// Guilds enough that each chat is the one for some of them.
async function worlds(hub) {
    const all = [];
    for (let i = 0; i < GUILDS; i++) all.push(await hub.guild());
    return all;
}

// Requests at a fixed rate, whether the earlier ones were answered or not: three reads for one message.
class Load {
    constructor(worlds) {
        Object.assign(this, { worlds, answers: [], under_way: new Set(), n: 0, stopped: false });
        this.running = this.run();
    }
    async run() {
        for (let due = Date.now(); !this.stopped; due += TICK_MS) {
            for (let i = 0; i < (RATE * TICK_MS) / 1000; i++) this.one(this.n++);
            await sleep(Math.max(0, due + TICK_MS - Date.now()));
        }
    }
    one(n) {
        const world = this.worlds[n % this.worlds.length];
        const channel = `/channels/${world.channel}`;
        const kinds = [
            ['GET', `${channel}/messages?limit=5`], ['GET', channel], ['GET', `/guilds/${world.guild}`],
            ['POST', `${channel}/messages`, { content: `n${n}`, nonce: `n${n}`, enforce_nonce: true }],
        ];
        const [verb, path, body] = kinds[Math.floor(n / this.worlds.length) % kinds.length];
        const start = Date.now();
        const work = world.owner.request(verb, path, { body })
            .then((answer) => answer, (error) => ({ status: 0, body: String(error.cause ?? error) }))
            .then((answer) => {
                this.under_way.delete(work);
                this.answers.push({ n, verb, path, world, start, ms: Date.now() - start, status: answer.status, body: answer.body });
            });
        this.under_way.add(work);
    }
    async stop() {
        this.stopped = true;
        await this.running;
        await Promise.all(this.under_way);
        const times = this.answers.map((a) => a.ms).sort((a, b) => a - b);
        this.max = times.at(-1);
        const at = (q) => times[Math.floor(q * (times.length - 1))];
        return `${times.length} requests, p50 ${at(0.5)} p99 ${at(0.99)} max ${this.max} ms, ${times.filter((t) => t > 500).length} over 500 ms`;
    }
    // Every request was answered as if nothing had happened, and the histories hold each message once, under the id of its answer.
    async assertWhole() {
        const failed = this.answers.filter((a) => a.status !== 200);
        assert.deepEqual(failed.slice(0, 5).map((a) => [a.verb, a.path, a.ms, a.status, a.body]), [], `${failed.length} requests failed`);
        for (const world of this.worlds) {
            const sent = this.answers.filter((a) => a.world === world && a.verb === 'POST').map((a) => `${a.n} ${a.body.id}`).sort();
            const first = Math.min(...this.answers.map((a) => a.n));
            const ids = new Set(this.answers.filter((a) => a.world === world && a.verb === 'POST').map((a) => a.body.id));
            const history = await world.owner.history(world.channel);
            const stored = history.filter((m) => /^n\d+$/.test(m.content) && Number(m.content.slice(1)) >= first);
            assert.deepEqual(stored.map((m) => `${m.content.slice(1)} ${m.id}`).sort(), sent);
            assert.equal(ids.size, sent.length);
        }
    }
}

async function metric(hub, name, pattern) {
    const { body } = await exchange(`http://127.0.0.1:${hub.adminPort(name)}`, 'GET', '/metrics');
    return body.split('\n').filter((l) => pattern.test(l)).reduce((sum, l) => sum + Number(l.split(' ').at(-1)), 0);
}
// But the health checks by which the gateway learns that it is back.
const calls = (hub, name) => metric(hub, name, /^hubbub_rpc_calls_total\{service="hubbub.*status="OK"/);
const resends = (hub) => metric(hub, 'gateway-1', /^hubbub_rpc_resends_total/);

// kill -9 while also calls are under way that are not sent twice.
async function kill(hub, name, worlds) {
    assert.ok((await calls(hub, name)) > 0, `${name} had no part of the load`);
    const once = worlds.map((w) => w.owner.request('POST', `/guilds/${w.guild}/channels`, { body: { name: `once-${name}` } }));
    await sleep(10);
    await hub.killAndWait(name);
    const answers = await Promise.all(once);
    for (const answer of answers) {
        assert.ok([201, 503].includes(answer.status), `${answer.status} ${JSON.stringify(answer.body)}`);
        if (answer.status === 503) assert.ok(Number(answer.headers.get('retry-after')) > 0, 'Retry-After');
    }
    await until(`${name} answers calls again`, async () => (await calls(hub, name)) > 0, 10_000, 100);
    return answers.filter((a) => a.status === 503).length;
}

test('a chat killed with -9: no request fails, no message twice, and it is used again', { timeout: 120_000 }, async () => {
    const { hub } = up;
    const load = new Load(await worlds(hub));
    await sleep(1500);
    const before = await resends(hub);
    let refused = 0;
    for (const name of ['chat-1', 'chat-2', 'chat-3']) refused += await kill(hub, name, load.worlds);
    await sleep(500);
    console.log(`killed: ${await load.stop()}, ${(await resends(hub)) - before} sent again, ${refused} of ${3 * GUILDS} that may not be were refused`);
    await load.assertWhole();
});

test('a chat that hangs: its requests are sent to another within about a second', { timeout: 120_000 }, async () => {
    const { hub } = up;
    const load = new Load(await worlds(hub));
    await sleep(1500);
    const before = await resends(hub);
    hub.signal('chat-1', 'SIGSTOP');
    try {
        await sleep(HANG_MS);
    } finally {
        hub.signal('chat-1', 'SIGCONT');
    }
    const seen = await calls(hub, 'chat-1');
    await until('chat-1 answers calls again', async () => (await calls(hub, 'chat-1')) > seen, 10_000, 100);
    console.log(`hung: ${await load.stop()}, ${(await resends(hub)) - before} sent again`);
    assert.ok(load.max < HUNG_MS_MAX, `a request took ${load.max} ms`);
    await load.assertWhole();
});

test('every chat hangs: 503 with Retry-After, soon, and then at once; all recovers', { timeout: 60_000 }, async () => {
    const { hub } = up;
    const { owner, channel } = await hub.guild();
    const names = ['chat-1', 'chat-2', 'chat-3'];
    const ask = async () => {
        const start = Date.now();
        const answer = await owner.request('GET', `/channels/${channel}`);
        return { ...answer, ms: Date.now() - start };
    };
    for (const name of names) hub.signal(name, 'SIGSTOP');
    try {
        const first = await ask();
        console.log(`all hung: the first answer after ${first.ms} ms`);
        for (const answer of [first, await ask(), await ask()]) {
            assert.equal(answer.status, 503);
            assert.ok(Number(answer.headers.get('retry-after')) > 0, 'Retry-After');
            assert.ok(answer.ms < HUNG_MS_MAX, `answered after ${answer.ms} ms`);
        }
    } finally {
        for (const name of names) hub.signal(name, 'SIGCONT');
    }
    await until('all is well again', async () => (await ask()).status === 200, 10_000, 100);
});
