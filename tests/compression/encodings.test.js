// Goal: encoding=etf and compress=zstd-stream say the same as JSON, in each combination: decoded by libraries that others wrote, by
// eris with an erlpack, and by Python's zstandard as discord.py has it; and what a client may not send as a term closes its socket.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import Module, { createRequire } from 'node:module';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Op, until, withHubbub } from '../e2e/harness.js';
import { FormSocket, pack, unpack } from './etf_socket.js';

const here = dirname(fileURLToPath(import.meta.url));
const up = withHubbub({ before, after }, { env: { HUBBUB_SEND_BUFFER_BYTES: '8192', HUBBUB_SEND_QUEUE_BYTES: '16777216' } });
const noise = (n) => randomBytes(n).toString('base64').slice(0, n);
const FORMS = [
    { encoding: 'etf' },
    { encoding: 'etf', compress: 'zlib-stream' },
    { encoding: 'etf', compress: 'zstd-stream' },
    { encoding: 'json', compress: 'zstd-stream' },
];

async function connect(person, form) {
    const socket = new FormSocket(person.hub, form);
    await socket.op(Op.HELLO);
    socket.identify(person.token);
    socket.ready = (await socket.event('READY')).d;
    await socket.event('GUILD_CREATE');
    return socket;
}

test('every form says what JSON says', { timeout: 120_000 }, async () => {
    const { hub } = up, { owner, guild, channel } = await hub.guild();
    const plain = await owner.connect();
    const create = await plain.event('GUILD_CREATE');
    const sockets = [];
    for (const form of FORMS) sockets.push(await connect(owner, form));
    for (let i = 0; i < 120; i++) await owner.say(channel, `${i} ${i % 40 ? 'aaaaaaaa'.repeat(i % 7) : noise(1900)} "\\ äöü 🦆 \n`);
    await owner.patch(`/channels/${channel}`, { topic: 'a topic', rate_limit_per_user: 21600 });
    await owner.post(`/channels/${channel}/typing`);
    const all = (s) => s.frames.filter((f) => ['MESSAGE_CREATE', 'CHANNEL_UPDATE'].includes(f.t)).map((f) => f.d);
    await until('all by JSON', () => all(plain).length === 121);
    for (const [i, socket] of sockets.entries()) {
        await until(`all by ${JSON.stringify(FORMS[i])}`, () => all(socket).length === 121 || (socket.faults.length && assert.fail(socket.faults[0])));
        assert.deepEqual(all(socket), all(plain));
        const guildOf = (f) => ({ ...f.d, presences: [] });
        assert.deepEqual(guildOf(await socket.event('GUILD_CREATE', (d) => d.id === guild)), guildOf(create));
        const seqs = socket.frames.filter((f) => f.op === Op.DISPATCH).map((f) => f.s);
        assert.deepEqual(seqs, seqs.map((_, k) => k + 1));
        assert.ok(socket.wire.every((m) => m.binary));
        assert.equal(socket.ready.user.id, owner.id);
        socket.send({ op: Op.HEARTBEAT, d: socket.seq });
        await socket.op(Op.ACK);
        assert.deepEqual(socket.faults, []);
    }
    const bytes = sockets.map((s) => s.wire.reduce((n, m) => n + m.data.length, 0)), text = Buffer.byteLength(JSON.stringify(plain.frames));
    console.log(`JSON about ${text} bytes; ${FORMS.map((f, i) => `${f.encoding} ${f.compress ?? 'plain'} ${bytes[i]}`).join(', ')}`);
    assert.ok(bytes[1] < bytes[0] && bytes[3] < text);
    for (const s of [plain, ...sockets]) await s.close();
});

test('a session goes on in another form', { timeout: 60_000 }, async () => {
    const { owner, channel } = await up.hub.guild();
    let socket = await connect(owner, FORMS[0]);
    const { session_id } = socket.ready;
    for (const [i, form] of [...FORMS, { encoding: 'json' }].entries()) {
        const { seq } = socket;
        socket.destroy();
        await owner.say(channel, `meanwhile ${i}`);
        const next = new FormSocket(up.hub, form);
        await next.op(Op.HELLO);
        next.resume(owner.token, session_id, seq);
        await next.message(`meanwhile ${i}`);
        await next.event('RESUMED');
        await owner.say(channel, `after ${i}`);
        await next.message(`after ${i}`);
        assert.deepEqual(next.faults, []);
        socket = next;
    }
    await socket.close();
});

test('what may not be sent as a term closes the socket with 4002', { timeout: 60_000 }, async () => {
    const bad = [
        Buffer.from([131, 116, 0, 0, 0, 1, 115, 2, 0x6f, 0x70, 97, 1]), // an atom for a key
        Buffer.from([131, 80, 0, 0, 0, 9, 0x78, 0x9c]), // compressed
        Buffer.from([131, 116, 255, 255, 255, 255]), // more than there is
        Buffer.from([130]), Buffer.from([]), pack({ op: 'x' }), pack([1]), pack(5),
        JSON.stringify({ op: 1, d: null }), // text
    ];
    for (const bytes of bad) {
        const socket = new FormSocket(up.hub, { encoding: 'etf' });
        await socket.op(Op.HELLO);
        socket.ws.send(bytes);
        assert.equal(await socket.closeCodeWithin(), 4002, String(bytes));
    }
    const json = up.hub.socket();
    await json.op(Op.HELLO);
    json.ws.send(pack({ op: 1, d: null }));
    assert.equal(await json.closeCodeWithin(), 4002);
    const other = up.hub.socket({ path: '/?v=10&encoding=xml' });
    assert.equal(await other.closeCodeWithin(), 4012);
});

test('eris with an erlpack logs in, hears and loses its socket', { timeout: 60_000 }, async () => {
    const { hub } = up, world = await hub.guild(), account = await hub.bot(world.owner, { guild: world.guild });
    const load = Module._load;
    let packed = 0, unpacked = 0;
    const erlpack = { pack: (d) => (packed++, pack(d)), unpack: (d) => (unpacked++, unpack(d)) };
    Module._load = (name, ...rest) => (name === 'erlpack' ? erlpack : load(name, ...rest));
    const { Client: Eris } = createRequire(import.meta.url)('eris');
    Module._load = load;
    const agent = new http.Agent(); // eris speaks https only
    agent.protocol = 'https:';
    agent.createConnection = () => net.connect(hub.port, '127.0.0.1');
    const bot = new Eris(`Bot ${account.secret}`, {
        intents: ['guilds', 'guildMessages', 'messageContent'], restMode: true, rest: { agent, baseURL: '/api/v9', domain: '127.0.0.1' },
    });
    bot.on('error', () => {});
    const ready = once(bot, 'ready');
    await bot.connect();
    await ready;
    const hears = async (text) => {
        const heard = once(bot, 'messageCreate');
        await world.owner.say(world.channel, text);
        assert.equal((await heard)[0].content, text);
    };
    await hears('hello');
    const [shard] = [...bot.shards.values()], resumed = new Promise((done) => bot.once('shardResume', done)); // once() would end at the 'error' before
    shard.ws.terminate();
    await resumed;
    await hears('hello again');
    assert.ok(packed >= 2 && unpacked > 5, `${packed} ${unpacked}`);
    assert.ok(bot.guilds.has(world.guild));
    bot.disconnect({ reconnect: false });
});

test("Python's zstandard decompresses message by message, as discord.py has it", { timeout: 60_000 }, async (t) => {
    const { hub } = up, world = await hub.guild(), account = await hub.bot(world.owner, { guild: world.guild });
    const said = Array.from({ length: 60 }, (_, i) => `${i} ${'aaaa'.repeat(i)} ä`);
    const child = spawn('/usr/bin/python3', [join(here, 'stream_client.py'), `ws://127.0.0.1:${hub.port}/?v=10&encoding=json&compress=zstd-stream`, account.secret, String(said.length)], { stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    const lines = [];
    let errors = '';
    createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
    child.stderr.on('data', (d) => { errors += d; });
    await until('it is ready', () => lines[0] === 'ready' || (child.exitCode !== null && assert.fail(errors)), 30_000);
    for (const content of said) await world.owner.say(world.channel, content);
    await until('all have come', () => lines.length === said.length + 1 || (child.exitCode && assert.fail(errors)), 30_000);
    assert.deepEqual(lines.slice(1).map((l) => JSON.parse(l)), said);
});
