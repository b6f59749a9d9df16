// Goal: a connection with compress=zlib-stream is one zlib stream from its first byte on, whatever is sent over it: shared events,
// answers, large guilds, what a RESUME replays, what a slow client is sent late; and IDENTIFY's compress gives whole zlib messages.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import zlib from 'node:zlib';
import { Op, exchange, until, withHubbub } from '../e2e/harness.js';
import { connect, webInflater, zlibSocket } from './zlib_socket.js';

// A small send buffer: what a client does not read at once is sent in parts. A large queue: nobody is cut for that.
const up = withHubbub({ before, after }, { env: { HUBBUB_SEND_BUFFER_BYTES: '8192', HUBBUB_SEND_QUEUE_BYTES: '16777216' } });
const noise = (n) => randomBytes(n).toString('base64').slice(0, n);

// The gateway's counters: {before, after} of a metric with a stage.
async function stages(name) {
    const { body } = await exchange(`http://127.0.0.1:${up.hub.adminPort('gateway-1')}`, 'GET', '/metrics');
    const value = (stage) => Number(body.match(new RegExp(`^${name}\\{[^}]*stage="${stage}"[^}]*\\} (\\d+)`, 'm'))?.[1]);
    return { before: value('before'), after: value('after') };
}

function checkWire(socket) {
    assert.deepEqual(socket.faults, []);
    assert.ok(socket.wire.every((m) => m.binary), 'a text frame');
    assert.ok(socket.wire.every((m) => m.data.readUInt32BE(m.data.length - 4) === 0xffff), 'a message that does not end in 00 00 ff ff');
    assert.deepEqual([...socket.wire[0].data.subarray(0, 2)], [0x78, 0x9c]);
}

// Each of the world's people says its share at once. Returns what was said, by person.
async function chatter(world, total, content) {
    const people = [world.owner, ...world.members], share = total / people.length;
    return Promise.all(people.map(async (person, k) => {
        const said = [];
        for (let i = 0; i < share; i++) {
            said.push(content(k, i));
            await person.say(world.channel, said.at(-1));
        }
        return said;
    }));
}

test('500 live messages decode one by one, as an uncompressed socket gets them', { timeout: 240_000 }, async () => {
    const { hub } = up;
    const world = await hub.guild(4);
    const [a, b] = [await hub.bot(world.owner, { guild: world.guild }), await hub.bot(world.owner, { guild: world.guild })];
    const plain = await a.connect(), node = await connect(a), web = await connect(b, { decoder: webInflater() });
    await Promise.all([plain, node, web].map((s) => s.event('GUILD_CREATE')));
    const [before, deflated] = [await stages('hubbub_gateway_compressed_bytes_total'), await stages('hubbub_gateway_deflated_bytes_total')];
    await chatter(world, 500, (k, i) => `${k}:${i} ${noise(i % 100 ? i : 1900)} äöü 🦆`);
    const all = (s) => s.dispatched('MESSAGE_CREATE');
    for (const s of [plain, node, web]) await until('all 500', () => all(s).length === 500 || (s.faults?.length && assert.fail(s.faults[0])), 20_000);
    assert.deepEqual(all(node), all(plain));
    assert.deepEqual(all(web), all(plain));
    for (const s of [node, web]) {
        checkWire(s);
        const seqs = s.frames.filter((f) => f.op === Op.DISPATCH).map((f) => f.s);
        assert.deepEqual(seqs, seqs.map((_, i) => i + 1));
    }
    const [sent, made] = [await stages('hubbub_gateway_compressed_bytes_total'), await stages('hubbub_gateway_deflated_bytes_total')];
    assert.ok(sent.after - before.after < sent.before - before.before, JSON.stringify({ before, sent }));
    // Two sockets, one deflating: what was sent is about twice what was made.
    assert.ok(made.before - deflated.before < 0.6 * (sent.before - before.before), JSON.stringify({ deflated, made, before, sent }));
    await Promise.all([plain, node, web].map((s) => s.close()));
});

test('answers are compressed too: heartbeats, op 9, op 101', async () => {
    const { hub } = up;
    const world = await hub.guild();
    const socket = await connect(world.owner);
    await socket.event('GUILD_CREATE');
    for (let i = 0; i < 3; i++) {
        const from = socket.frames.length;
        socket.send({ op: Op.HEARTBEAT, d: socket.seq });
        await socket.op(Op.ACK, { from });
    }
    socket.send({ op: Op.SEND, d: { channel_id: world.channel, content: 'by the socket', nonce: '1' } });
    assert.equal((await socket.op(Op.SENT)).d.status, 200);
    await socket.message('by the socket');
    checkWire(socket);
    await socket.close();
    const lost = zlibSocket(hub);
    await lost.op(Op.HELLO);
    lost.resume(world.owner.token, 'no such session', 1);
    assert.equal((await lost.op(Op.INVALID_SESSION)).d, false);
    checkWire(lost);
    await lost.close();
});

test('close codes come behind the stream', async () => {
    const { hub } = up;
    const socket = zlibSocket(hub);
    await socket.op(Op.HELLO);
    socket.identify('no such token');
    assert.equal(await socket.closeCodeWithin(), 4004);
    const other = zlibSocket(hub);
    await other.op(Op.HELLO);
    other.send('{');
    assert.equal(await other.closeCodeWithin(), 4002);
    checkWire(other);
});

test('a guild of more than 64 KiB, which does not compress', { timeout: 240_000 }, async () => {
    const { hub } = up;
    const world = await hub.guild();
    for (let i = 0; i < 100; i += 5)
        await Promise.all([0, 1, 2, 3, 4].map((k) => world.owner.post(`/guilds/${world.guild}/channels`, { name: `c${i + k}`, type: 0, topic: noise(1000) })));
    const socket = await connect(world.owner), plain = await world.owner.connect(), asked = hub.socket();
    const created = (s) => s.event('GUILD_CREATE').then((f) => f.d);
    const guild = await created(plain);
    assert.ok(JSON.stringify(guild).length > 100_000);
    assert.deepEqual(await created(socket), guild);
    // The same as one whole zlib message.
    asked.take = function (data, binary) {
        Object.getPrototypeOf(this).take.call(this, binary ? zlib.inflateSync(data) : data, binary);
    };
    await asked.op(Op.HELLO);
    asked.identify(world.owner.token, { compress: true });
    assert.deepEqual(await created(asked), guild);
    await world.owner.say(world.channel, 'behind it');
    for (const s of [socket, plain, asked]) await s.message('behind it');
    checkWire(socket);
    for (const s of [socket, plain, asked]) await s.close();
});

test('a client that stops reading for a while gets every byte in order afterwards', { timeout: 240_000 }, async () => {
    const { hub } = up;
    const world = await hub.guild(4);
    const socket = await connect(world.members[0]);
    await socket.event('GUILD_CREATE');
    for (let round = 0; round < 3; round++) {
        socket.ws.pause();
        const said = await chatter(world, 250, (k, i) => `${round} ${k} ${i} ${noise(1900)}`);
        socket.ws.resume();
        for (const mine of said) await socket.message(mine.at(-1), { ms: 20_000 });
        const got = socket.dispatched('MESSAGE_CREATE').map((m) => m.content);
        for (const [k, mine] of said.entries()) assert.deepEqual(got.filter((c) => c.startsWith(`${round} ${k} `)), mine);
    }
    checkWire(socket);
    await socket.close();
});

test('a RESUME over a compressed connection starts a stream of its own, whatever the one before was', async () => {
    const { hub } = up;
    const world = await hub.guild();
    let socket = await connect(world.owner);
    await socket.event('GUILD_CREATE');
    const { session_id } = socket.ready;
    for (const kind of ['compressed', 'plain', 'compressed again']) {
        const { seq } = socket;
        socket.destroy();
        for (let i = 0; i < 10; i++) await world.owner.say(world.channel, `${kind} ${i}`);
        socket = kind === 'plain' ? hub.socket() : zlibSocket(hub);
        await socket.op(Op.HELLO);
        socket.resume(world.owner.token, session_id, seq);
        await socket.event('RESUMED');
        assert.deepEqual(socket.dispatched('MESSAGE_CREATE').map((m) => m.content), Array.from({ length: 10 }, (_, i) => `${kind} ${i}`));
        await world.owner.say(world.channel, `after ${kind}`);
        await socket.message(`after ${kind}`);
        if (kind !== 'plain') checkWire(socket);
    }
    await socket.close();
});

test("IDENTIFY's compress: what opens a session and what is large comes as a whole zlib message, events as text", async () => {
    const { hub } = up;
    const world = await hub.guild();
    const socket = hub.socket(), kinds = [];
    socket.take = function (data, binary) {
        const text = binary ? zlib.inflateSync(data) : data;
        const { op, t } = JSON.parse(text);
        kinds.push(`${t ?? op} ${binary ? 'binary' : 'text'}`);
        Object.getPrototypeOf(this).take.call(this, text, binary);
    };
    await socket.op(Op.HELLO);
    socket.identify(world.owner.token, { compress: true });
    await socket.event('GUILD_CREATE');
    await world.owner.say(world.channel, 'small');
    await socket.message('small');
    for (const kind of ['10 text', 'READY binary', 'GUILD_CREATE binary', 'MESSAGE_CREATE text']) assert.ok(kinds.includes(kind), `${kind}: ${kinds}`);
    await socket.close();
    // Within a zlib-stream it asks for nothing more.
    const both = await connect(world.owner, { identify: { compress: true } });
    await both.event('GUILD_CREATE');
    checkWire(both);
    await both.close();
});

test('a compression that we do not have gives text frames', async () => {
    const { hub } = up;
    const world = await hub.guild();
    for (const compress of ['br-stream', '', 'ZLIB-STREAM', 'zlib-stream2']) {
        const socket = await world.owner.connect({ path: `/?v=10&encoding=json&compress=${compress}` });
        await socket.event('GUILD_CREATE');
        assert.ok(socket.frames.every((f) => !f.binary), compress);
        await socket.close();
    }
});
