// Goal: many sessions at once, small: who is dropped comes back, and what is not let in is told so in a way that client libraries
// follow; guilds are loaded once; who does not read is cut and disturbs nobody. The same at full size: tests/load/run.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { Client, Events, GatewayIntentBits } from 'discord.js';
import { Client as Eris } from 'eris';
import { Hubbub } from '../e2e/harness.js';
import { herd, slow } from './scenarios.js';
import { Swarm } from './swarm.js';

const SESSIONS = 300;
const silent = [];
let hub;
before(async () => {
    hub = await Hubbub.start({ gateways: 2, env: {
        HUBBUB_IDENTIFIES_ASKED: '4', HUBBUB_IDENTIFY_QUEUE: '60', HUBBUB_UNIDENTIFIED_MAX: '250',
        HUBBUB_SEND_QUEUE_BYTES: '16384', HUBBUB_SEND_BUFFER_BYTES: '8192',
    } });
}, { timeout: 120_000 });
after(async () => {
    for (const s of silent) s.destroy();
    if (!hub) return;
    console.log(hub.output);
    await hub.stop();
}, { timeout: 90_000 });

async function counter(name) {
    const texts = await Promise.all([1, 2].map(async (n) => (await fetch(`http://127.0.0.1:${hub.adminPort(`gateway-${n}`)}/metrics`)).text()));
    return texts.reduce((n, text) => n + Number(text.match(new RegExp(`^hubbub_gateway_${name} (\\d+)`, 'm'))[1]), 0);
}

test('a herd comes back: by RESUME, afresh, and behind a gateway that was killed', { timeout: 120_000 }, async () => {
    const result = await herd(hub, { sessions: SESSIONS });
    console.log(JSON.stringify(result));
    assert.ok(result.identify.identified >= SESSIONS);
    assert.ok(await counter('identifies_refused_total') > 0, 'the queue was full');
});

test('handshakes past the bound are answered 503 with Retry-After', { timeout: 60_000 }, async () => {
    const before_ = await counter('handshakes_refused_total');
    silent.push(...Array.from({ length: 400 }, () => hub.socket({ gateway: 1 })));
    const refused = [];
    for (const s of silent) s.ws.on('unexpected-response', (_, answer) => {
        refused.push([answer.statusCode, Number(answer.headers['retry-after'])]);
        answer.destroy();
        s.ws.terminate();
    });
    await Promise.all(silent.map((s) => new Promise((done) => { s.ws.on('open', done); s.ws.on('close', done); })));
    assert.ok(refused.length >= 100, `${refused.length} were refused`);
    for (const [status, retry] of refused) {
        assert.equal(status, 503);
        assert.ok(retry >= 1 && retry <= 5);
    }
    assert.equal(await counter('handshakes_refused_total'), before_ + refused.length);
    for (const s of silent.splice(0)) s.destroy();
});

test('discord.js and eris get in behind a full queue', { timeout: 120_000 }, async (t) => {
    const { owner, guild, channel } = await hub.guild();
    const accounts = [await hub.bot(owner, { guild }), await hub.bot(owner, { guild })];
    const swarm = new Swarm(hub);
    t.after(() => swarm.end());
    await swarm.open(SESSIONS);
    const refused = await counter('identifies_refused_total');
    swarm.sessions.forEach((s) => { s.id = null; s.drop(); });
    const js = new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent], rest: { api: `${hub.url}/api`, cdn: hub.url } });
    js.on(Events.ShardError, () => {});
    const agent = new http.Agent(); // eris speaks https only
    agent.protocol = 'https:';
    agent.createConnection = () => net.connect(hub.port, '127.0.0.1');
    const eris = new Eris(`Bot ${accounts[1].secret}`, {
        intents: ['guilds', 'guildMessages', 'messageContent'], restMode: true, rest: { agent, baseURL: '/api/v9', domain: '127.0.0.1' },
    });
    eris.on('error', () => {});
    const seen = { js: [], eris: [] };
    js.on(Events.MessageCreate, (m) => seen.js.push(m.content));
    eris.on('messageCreate', (m) => seen.eris.push(m.content));
    const ready = Promise.all([once(js, Events.ClientReady), once(eris, 'ready')]);
    await Promise.all([js.login(accounts[0].secret), eris.connect()]);
    await ready;
    await swarm.settled();
    assert.ok(await counter('identifies_refused_total') > refused);
    const socket = await owner.connect();
    await owner.say(channel, 'everybody is in');
    await socket.message('everybody is in');
    for (const who of ['js', 'eris']) {
        const end = Date.now() + 10_000;
        while (!seen[who].includes('everybody is in') && Date.now() < end) await new Promise((done) => setTimeout(done, 20));
        assert.deepEqual(seen[who], ['everybody is in']);
    }
    await js.destroy();
    eris.disconnect({ reconnect: false });
    await socket.close();
});

test('a tenth that does not read is cut, and the others lose nothing', { timeout: 120_000 }, async () => {
    const result = await slow(hub, { sessions: 150, rate: 20, seconds: 5 });
    console.log(JSON.stringify(result));
    assert.equal(result.cuts, 15);
});
