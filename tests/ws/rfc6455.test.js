// Goal: the edge speaks RFC 6455 as written. Each row names its section, sends bytes of ours to a real gateway, and asserts the
// exact answer: an HTTP status, a close code, a pong, or op 11 for a heartbeat that arrived. After each row a witness, who has
// been online since the start, still gets a message within its time.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { INTENTS_ALL, sleep, until, unique, withHubbub } from '../e2e/harness.js';
import { Opcode, Wire, acceptOf, close, frame, handshake, more, ping, pong, text } from './wire.js';

const up = withHubbub({
    before: (start, options) => before(async () => {
        await start();
        await prepare(up.hub);
    }, options),
    after: (stop, options) => after(async () => {
        clearInterval(witness?.timer);
        witness?.destroy();
        await stop();
    }, options),
}, { env: { HUBBUB_SEND_BUFFER_BYTES: '4096', HUBBUB_SEND_QUEUE_BYTES: '65536' } }); // small, so that frames leave in pieces
const SIDE_BY_SIDE = { concurrency: 8 }; // rows that mostly wait
const WITNESS_MS = 3000;
const END_MS = 3000;        // from the answer to the server's close frame to the end of the socket
const UNANSWERED_MS = 9000; // a close frame that the client does not answer: five seconds, and a turn of the wheel
const HEAD_MS = 15_000;     // the edge's time for a head; not an option
const IDENTIFY_MS = 15_000;

const BEAT = '{"op":1,"d":null}';
const beatWith = (payload) => Buffer.concat([Buffer.from('{"op":1,"d":null,"x":"'), Buffer.from(payload), Buffer.from('"}')]);
const beatOf = (bytes) => BEAT.padEnd(bytes, ' ');
const hex = (s) => Buffer.from(s.replaceAll(' ', ''), 'hex');

// ---- The witness
let witness, speakers, channel, turn = 0;

async function prepare(hub) {
    const world = await hub.guild(4);
    channel = world.channel;
    speakers = [world.owner, ...world.members];
    const listener = speakers.pop();
    witness = new Wire(hub.port);
    await witness.shake();
    const beat = () => witness.write(text(BEAT));
    witness.timer = setInterval(beat, 20_000).unref();
    witness.write(text(JSON.stringify({ op: 2, d: { token: listener.token, intents: INTENTS_ALL, properties: {} } })));
    await witness.wait('GUILD_CREATE', () => witness.json().some((f) => f.t === 'GUILD_CREATE'));
}

// The witness hears what is said now; how long it took.
async function witnessed() {
    const content = unique('still here ');
    const start = Date.now();
    await speakers[turn++ % speakers.length].say(channel, content);
    await witness.wait('a live message for the witness', () => witness.frames.findLast((f) => f.payload.includes(content)), WITNESS_MS);
    return Date.now() - start;
}

function row(rfc, what, run, options = {}) {
    test(`[${rfc}] ${what}`, { timeout: 60_000, ...options }, async () => {
        await run();
        await witnessed();
    });
}

// ---- What a row expects
async function opened(options) {
    const wire = new Wire(up.hub.port);
    await wire.shake(options);
    return wire;
}

// It still answers a ping and a close frame, and then it ends.
async function assertWell(wire, probe = unique('well ')) {
    wire.write(ping(probe));
    await wire.wait('the pong', () => wire.pongs().some((p) => p.toString() === probe));
    wire.write(close(1000));
    assert.equal((await wire.closeFrame()).code, 1000);
    await wire.end(END_MS);
}

const acks = (n = 1) => Object.assign(async (wire) => {
    await wire.op(11, n);
    await assertWell(wire);
    assert.equal(wire.acks(), n);
}, { said: n === 1 ? 'accepted' : `accepted: ${n} messages` });

const closes = (code) => Object.assign(async (wire) => {
    const seen = await wire.closeFrame();
    assert.equal(seen.code, code, seen.reason);
    wire.write(close(code));
    await wire.end(END_MS);
    assert.equal(wire.wrong, undefined);
}, { said: `closed with ${code}` });

// Pongs with these payloads, in this order, and nothing else amiss.
const pongs = (...payloads) => Object.assign(async (wire) => {
    await wire.wait('pongs', () => wire.pongs().length >= payloads.length);
    assert.deepEqual(wire.pongs().map(String), payloads.map(String));
    await assertWell(wire);
}, { said: `${payloads.length} pongs` });

// Segments: buffers, each written by itself.
async function send(wire, segments) {
    for (const s of segments) {
        wire.write(s);
        if (segments.length > 1) await sleep(3);
    }
}

function table(rows) {
    for (const [rfc, what, segments, expects, options] of rows)
        row(rfc, `${what}: ${expects.said}`, async () => {
            const wire = await opened();
            await send(wire, segments);
            await expects(wire);
            wire.destroy();
        }, options);
}

// ---- Section 4: the handshake
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const no = (name) => ({ headers: { [name]: null } });
const having = (headers) => ({ headers });

// What makes a handshake right in spite of how it looks.
const RIGHT = [
    ['1.3', 'the sample of the RFC', {}],
    ['4.2.1', 'header names in any case', { headers: { Upgrade: null, Connection: null }, extra: 'UPGRADE: WebSocket\r\ncOnNeCtIoN: UPGRADE\r\n' }],
    ['4.2.1', 'a list of connection options', having({ Connection: 'keep-alive, Upgrade' })],
    ['4.2.1', 'a list of protocols to upgrade to', having({ Upgrade: 'h2c, websocket' })],
    ['4.2.1', 'Origin, cookies and headers that nobody knows', having({ Origin: 'https://discord.com', Cookie: 'a=b', 'X-Any': 'thing' })],
    ['4.2.2', 'a subprotocol that is offered: none is chosen', having({ 'Sec-WebSocket-Protocol': 'chat, superchat' })],
    ['9.1', 'extensions that are offered: none is chosen', having({ 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits, x-unknown' })],
    ['4.1', 'the path /gateway', { target: '/gateway?v=9&encoding=json' }],
    ['4.1', 'an absolute target', { target: 'http://hubbub.test/?v=10' }],
    ['4.1', 'nothing before the question mark', { target: '?v=10' }],
    ['4.1', 'an empty query', { target: '/?' }],
    ['4.1', 'a query of keys without values, twice, and unknown', { target: '/?&&=&v=10&v=11&encoding=json&x&y==&%20' }],
    ['4.1', 'zero bytes of body announced', having({ 'Content-Length': '0' })],
    ['4.1', 'a head of fifteen KiB', having({ 'X-Long': 'y'.repeat(15 * 1024) })],
];

const WRONG = [
    ['4.2.1', 'no key', no('Sec-WebSocket-Key'), 400],
    ['4.2.1', 'an empty key', { key: '' }, 400],
    ['4.2.1', 'a key of 15 bytes', { key: Buffer.alloc(15, 7).toString('base64') }, 400],
    ['4.2.1', 'a key of 17 bytes', { key: Buffer.alloc(17, 7).toString('base64') }, 400],
    ['4.2.1', 'a key of 24 characters that is not base64', { key: 'dGhlIHNhbXBsZSBub25j*Q==' }, 400],
    ['4.2.1', 'a key without padding', { key: KEY.slice(0, 22) }, 400],
    ['4.2.1', 'a key with white space in it', { key: 'dGhlIHNhbXBs ZSBub25jZQ==' }, 400],
    ['4.2.1', 'a key of a kilobyte', { key: 'A'.repeat(1024) }, 400],
    ['4.4', 'no version', no('Sec-WebSocket-Version'), 426],
    ['4.4', 'version 8', having({ 'Sec-WebSocket-Version': '8' }), 426],
    ['4.4', 'version 14', having({ 'Sec-WebSocket-Version': '14' }), 426],
    ['4.4', 'version 013', having({ 'Sec-WebSocket-Version': '013' }), 426],
    ['4.4', 'a version that is none', having({ 'Sec-WebSocket-Version': 'thirteen' }), 426],
    ['4.2.1', 'POST', { verb: 'POST', ...having({ 'Content-Length': '0' }) }, 400],
    ['4.2.1', 'HEAD', { verb: 'HEAD' }, 400],
    ['4.2.1', 'OPTIONS', { verb: 'OPTIONS' }, 400],
    ['4.2.1', 'get in small letters', { verb: 'get' }, 400],
    ['4.2.1', 'a body', { ...having({ 'Content-Length': '5' }), body: 'hello' }, 400],
    ['4.2.1', 'HTTP/0.9', { version: 'HTTP/0.9' }, 505],
    ['4.2.1', 'HTTP/2.0', { version: 'HTTP/2.0' }, 505],
    ['4.2.1', 'no Host', no('Host'), 400],
    ['4.2.1', 'two Hosts', { extra: 'Host: other\r\n' }, 400],
    ['4.2.1', 'two keys', { extra: `Sec-WebSocket-Key: ${KEY}\r\n` }, 400],
    ['4.2.1', 'two versions', { extra: 'Sec-WebSocket-Version: 8\r\n' }, 400],
    ['4.2.1', 'a path that is none of ours', { target: '/elsewhere?v=10' }, 404],
    ['4.2.1', 'a path of the REST API', { target: '/api/v10/users/@me' }, 404],
    ['4.2.1', 'a target with a space', { target: '/?v=1 0' }, 400],
    ['4.2.1', 'no target', { target: '' }, 400],
    ['4.2.1', 'a header without a colon', { extra: 'nonsense\r\n' }, 400],
    ['4.2.1', 'a folded header', { extra: 'X-A: b\r\n c\r\n' }, 400],
    ['4.2.1', 'a bare line feed', { extra: 'X-A: b\nX-B: c\r\n' }, 400],
    ['4.2.1', 'NUL in a header', { extra: 'X-A: b\0c\r\n' }, 400],
    ['4.2.1', 'a header of seventeen KiB', having({ 'X-Long': 'y'.repeat(17 * 1024) }), 431],
    ['4.2.1', 'a hundred headers', { extra: 'X-Many: y\r\n'.repeat(100) }, 431],
    ['4.2.1', 'a target of seventeen KiB', { target: `/?v=10&x=${'y'.repeat(17 * 1024)}` }, 414],
];

// No handshake at all, so the page at / (or a 404) is the answer, and the socket is not upgraded.
const PLAIN = [
    ['4.2.1', 'no Upgrade', no('Upgrade')],
    ['4.2.1', 'no Connection', no('Connection')],
    ['4.2.1', 'Connection: close', having({ Connection: 'close' })],
    ['4.2.1', 'Connection: keep-alive', having({ Connection: 'keep-alive' })],
    ['4.2.1', 'an upgrade to something else', having({ Upgrade: 'h2c' })],
    ['4.2.1', 'Upgrade: websockets', having({ Upgrade: 'websockets' })],
    ['4.2.1', 'HTTP/1.0, in which Upgrade means nothing', { version: 'HTTP/1.0' }],
];

async function shaken(options) {
    const wire = new Wire(up.hub.port);
    wire.write(handshake(options) + (options.body ?? ''));
    return { wire, answer: await wire.head() };
}

describe('section 4: the handshake', () => {
    for (const [rfc, what, options] of RIGHT)
        row(rfc, `${what}: 101`, async () => {
            const { wire, answer } = await shaken(options);
            assert.equal(answer.line, 'HTTP/1.1 101 Switching Protocols');
            assert.equal(answer.headers.upgrade.toLowerCase(), 'websocket');
            assert.equal(answer.headers.connection.toLowerCase(), 'upgrade');
            assert.equal(answer.headers['sec-websocket-accept'], acceptOf(options.key ?? KEY));
            assert.ok(!answer.headers['sec-websocket-protocol'], 'no subprotocol');
            assert.ok(!answer.headers['sec-websocket-extensions'], 'no extension');
            wire.upgrade();
            await wire.op(10);
            await assertWell(wire);
        });

    for (const [rfc, what, options, status] of WRONG)
        row(rfc, `${what}: ${status}`, async () => {
            const { wire, answer } = await shaken(options);
            assert.equal(answer.status, status, answer.line);
            if (status === 426) assert.equal(answer.headers['sec-websocket-version'], '13');
            assert.ok(!answer.headers['sec-websocket-accept']);
            wire.destroy();
        });

    for (const [rfc, what, options] of PLAIN)
        row(rfc, `${what}: answered as an ordinary request`, async () => {
            const { wire, answer } = await shaken(options);
            assert.equal(answer.status, 200, answer.line);
            assert.ok(!answer.headers['sec-websocket-accept']);
            wire.destroy();
        });

    for (const [what, target] of [['version 11', '/?v=11'], ['version x', '/?v=x'], ['an encoding that we do not speak', '/?v=10&encoding=xml'], ['a broken escape', '/?v=%zz']])
        row('7.4.2', `${what}: our close code 4012`, async () => {
            const { wire, answer } = await shaken({ target });
            assert.equal(answer.status, 101);
            wire.upgrade();
            await closes(4012)(wire);
        });

    row('4.1', 'keys are random: each gets its own answer', async () => {
        for (let i = 0; i < 20; i++) {
            const key = Buffer.from(Array.from({ length: 16 }, (_, at) => (i * 37 + at * 11) & 255)).toString('base64');
            const wire = new Wire(up.hub.port);
            const answer = await wire.shake({ key });
            assert.equal(answer.headers['sec-websocket-accept'], acceptOf(key));
            wire.destroy();
        }
    });
    row('4.1', 'a handshake that arrives byte by byte: 101', async () => {
        const wire = new Wire(up.hub.port);
        await wire.trickle(Buffer.from(handshake()));
        assert.equal((await wire.head()).status, 101);
        wire.upgrade();
        await wire.op(10);
        await assertWell(wire);
    });
    row('4.1', 'an empty line before the request: 101', async () => {
        const wire = new Wire(up.hub.port);
        wire.write(`\r\n${handshake()}`);
        assert.equal((await wire.head()).status, 101);
        wire.destroy();
    });
    row('4.1', 'frames in the same segment as the handshake: read', async () => {
        const wire = new Wire(up.hub.port);
        wire.write(Buffer.concat([Buffer.from(handshake()), text(BEAT), text(BEAT), ping('early')]));
        assert.equal((await wire.head()).status, 101);
        wire.upgrade();
        await wire.op(11, 2);
        await wire.wait('the pong', () => wire.pongs().length);
        assert.equal(wire.pongs()[0].toString(), 'early');
        await assertWell(wire);
    });
    row('4.1', 'half a frame in the same segment as the handshake: read once it is whole', async () => {
        const wire = new Wire(up.hub.port);
        const beat = text(BEAT);
        wire.write(Buffer.concat([Buffer.from(handshake()), beat.subarray(0, 9)]));
        assert.equal((await wire.head()).status, 101);
        wire.upgrade();
        await wire.op(10);
        wire.write(beat.subarray(9));
        await acks()(wire);
    });
    row('4.1', 'a handshake behind an ordinary request on the same socket: 200, then 101', async () => {
        const wire = new Wire(up.hub.port);
        wire.write(`GET /ping HTTP/1.1\r\nHost: hubbub.test\r\n\r\n${handshake()}`);
        const first = await wire.head();
        assert.equal(first.status, 200);
        wire.bytes = wire.bytes.subarray(Number(first.headers['content-length']));
        assert.equal((await wire.head()).status, 101);
        wire.upgrade();
        await wire.op(10);
        await assertWell(wire);
    });
    row('4.2.1', 'garbage in the place of a handshake: 400 and the end', async () => {
        const wire = new Wire(up.hub.port);
        wire.write(Buffer.concat([text(BEAT), Buffer.from('\r\n\r\n')]));
        assert.equal((await wire.head()).status, 400);
        await wire.end(END_MS);
    });
});

// ---- Section 5: frames
describe('section 5.1: masking', SIDE_BY_SIDE, () => {
    table([
        ['5.3', 'a mask of zeros', [text(BEAT, { mask: Buffer.alloc(4) })], acks()],
        ['5.3', 'a mask with zeros at its end', [text(BEAT, { mask: hex('ff000000') })], acks()],
        ['5.3', 'a mask of ones', [text(BEAT, { mask: hex('ffffffff') })], acks()],
        ['5.3', 'a new mask each time', [Buffer.concat([text(BEAT, { mask: hex('01020304') }), text(BEAT, { mask: Buffer.alloc(4) }), text(BEAT, { mask: hex('fffefdfc') })])], acks(3)],
        ['5.1', 'an unmasked text frame', [text(BEAT, { masked: false })], closes(1002)],
        ['5.1', 'an unmasked text fragment', [text(BEAT.slice(0, 5), { fin: false }), more(BEAT.slice(5), { masked: false })], closes(1002)],
        ['5.1', 'an unmasked ping', [ping('x', { masked: false })], closes(1002)],
        ['5.1', 'an unmasked pong', [pong('x', { masked: false })], closes(1002)],
        ['5.1', 'an unmasked close frame', [close(1000, '', { masked: false })], closes(1002)],
        ['5.1', 'an unmasked frame of 2^63 - 1 bytes', [text('x', { masked: false, form: 64, lie: (1n << 63n) - 1n })], closes(1002)],
        ['5.1', 'an unmasked empty frame, length in 16 bits, and a message', [Buffer.concat([text('', { masked: false, form: 16 }), text(BEAT)])], closes(1002)],
        ['5.1', 'an unmasked message behind a masked one: the first is answered', [text(BEAT), text(BEAT, { masked: false })], Object.assign(async (wire) => {
            await wire.op(11);
            await closes(1002)(wire);
            assert.equal(wire.acks(), 1);
        }, { said: 'then closed with 1002' })],
    ]);
});

describe('section 5.2: reserved bits, opcodes, lengths', SIDE_BY_SIDE, () => {
    for (let rsv = 1; rsv < 8; rsv++)
        table([
            ['5.2', `reserved bits ${rsv.toString(2).padStart(3, '0')} in a text frame`, [text(BEAT, { rsv })], closes(1002)],
            ['5.2', `reserved bits ${rsv.toString(2).padStart(3, '0')} in a ping`, [ping('x', { rsv })], closes(1002)],
        ]);
    for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
        table([
            ['5.2', `opcode ${opcode}`, [frame(opcode, 'x')], closes(1002)],
            ['5.2', `opcode ${opcode}, empty`, [frame(opcode)], closes(1002)],
        ]);
    table([
        ['5.2', 'a reserved bit in a continuation', [text(BEAT.slice(0, 5), { fin: false }), more(BEAT.slice(5), { rsv: 4 })], closes(1002)],
        ['5.2', 'a reserved bit in a close frame', [close(1000, '', { rsv: 2 })], closes(1002)],
        ['5.2', 'a reserved opcode behind a good frame in one segment', [Buffer.concat([text(BEAT), frame(3, 'x')])], async (wire) => {
            await wire.op(11);
            await closes(1002)(wire);
        }],
        ['5.2', 'a reserved opcode within a fragmented message', [text(BEAT.slice(0, 5), { fin: false }), frame(11, 'x')], closes(1002)],
        ['5.2', '125 bytes, length in seven bits', [text(beatOf(125))], acks()],
        ['5.2', '126 bytes, length in 16 bits', [text(beatOf(126))], acks()],
        ['5.2', '127 and 128 bytes', [text(beatOf(127)), text(beatOf(128))], acks(2)],
        ['5.2', '1023, 1024 and 1025 bytes', [text(beatOf(1023)), text(beatOf(1024)), text(beatOf(1025))], acks(3)],
        ['5.2', '4096 bytes', [text(beatOf(4096))], acks()],
        ['5.2', 'a short frame, length in 16 bits', [text(BEAT, { form: 16 })], closes(1002)],
        ['5.2', 'a short frame, length in 64 bits', [text(BEAT, { form: 64 })], closes(1002)],
        ['5.2', 'a frame of 300 bytes, length in 64 bits', [text(beatOf(300), { form: 64 })], closes(1002)],
        ['5.2', 'an empty text frame is a message: no JSON', [text('')], closes(4002)],
        ['5.2', 'a length of 2^63 with its top bit set', [text('x', { form: 64, lie: 1n << 63n })], closes(1002)],
        ['5.2', 'a length of 2^64 - 1', [text('x', { form: 64, lie: (1n << 64n) - 1n })], closes(1002)],
        ['10.4', 'a length of 2^63 - 1: our 4002 at its first byte', [text('x', { form: 64, lie: (1n << 63n) - 1n })], closes(4002)],
        ['10.4', 'a length of 2^32: our 4002 at its first byte', [text('x', { form: 64, lie: 1n << 32n })], closes(4002)],
        ['10.4', 'a length of 2^32 + 17, of which 17 bytes come', [text(BEAT, { form: 64, lie: (1n << 32n) + 17n })], closes(4002)],
        ['10.4', '65536 bytes, length in 64 bits', [text(beatOf(65536))], closes(4002)],
        ['10.4', '16385 bytes', [text(beatOf(16 * 1024 + 1))], closes(4002)],
        ['10.4', 'fragments of 8 KiB that pass 16 KiB together', [text(beatOf(8192), { fin: false }), more(' '.repeat(8192), { fin: false }), more(' ')], closes(4002)],
        ['10.4', 'a megabyte: the rest is not waited for', [text('{'.repeat(1 << 20))], closes(4002)],
        ['5.6', 'a binary message: our 4002, for no form of the API is binary', [frame(Opcode.BINARY, BEAT)], closes(4002)],
    ].map(([rfc, what, segments, expects]) => [rfc, what, segments, Object.assign(expects, { said: expects.said ?? 'answered, then closed with 1002' })]));
});

describe('section 5.4: fragments', SIDE_BY_SIDE, () => {
    const half = [BEAT.slice(0, 8), BEAT.slice(8)];
    table([
        ['5.4', 'two fragments', [text(half[0], { fin: false }), more(half[1])], acks()],
        ['5.4', 'two fragments in one segment', [Buffer.concat([text(half[0], { fin: false }), more(half[1])])], acks()],
        ['5.4', 'a fragment for each byte', [Buffer.concat([text(BEAT[0], { fin: false }), ...[...BEAT.slice(1, -1)].map((c) => more(c, { fin: false })), more(BEAT.at(-1))])], acks()],
        ['5.4', 'empty fragments before, within and at the end', [Buffer.concat([text('', { fin: false }), more(half[0], { fin: false }), more('', { fin: false }), more(half[1], { fin: false }), more('')])], acks()],
        ['5.4', 'a fragment of one message, whole ones behind it', [Buffer.concat([text(half[0], { fin: false }), more(half[1]), text(BEAT), text(BEAT)])], acks(3)],
        ['5.4', 'a ping between fragments is answered before the message is whole', [text(half[0], { fin: false }), ping('between')], async (wire) => {
            await wire.wait('the pong', () => wire.pongs().length);
            assert.equal(wire.acks(), 0);
            wire.write(more(half[1]));
            await acks()(wire);
        }],
        ['5.4', 'a pong between fragments', [text(half[0], { fin: false }), pong('unasked'), more(half[1])], acks()],
        ['5.4', 'an empty ping and an empty pong between fragments', [text(half[0], { fin: false }), pong(), ping(), more(half[1])], acks()],
        ['5.5.1', 'a close frame between fragments', [text(half[0], { fin: false }), close(1000)], closes(1000)],
        ['5.4', 'a continuation of nothing', [more(BEAT)], closes(1002)],
        ['5.4', 'a continuation of nothing, not final', [more(BEAT, { fin: false })], closes(1002)],
        ['5.4', 'an empty continuation of nothing', [more('')], closes(1002)],
        ['5.4', 'a continuation behind a whole message', [text(BEAT), more(BEAT)], async (wire) => {
            await wire.op(11);
            await closes(1002)(wire);
        }],
        ['5.4', 'a continuation behind a ping', [ping('x'), more(BEAT)], closes(1002)],
        ['5.4', 'a continuation behind the final fragment', [text(half[0], { fin: false }), more(half[1]), more('x')], async (wire) => {
            await wire.op(11);
            await closes(1002)(wire);
        }],
        ['5.4', 'a text frame within a fragmented message', [text(half[0], { fin: false }), text(BEAT)], closes(1002)],
        ['5.4', 'a text fragment within a fragmented message', [text(half[0], { fin: false }), text(half[1], { fin: false })], closes(1002)],
        ['5.4', 'a binary frame within a fragmented message', [text(half[0], { fin: false }), frame(Opcode.BINARY, half[1])], closes(1002)],
        ['10.4', 'fragments without an end: 4002 when they pass 16 KiB', [text('{', { fin: false }), Buffer.concat(Array.from({ length: 400 }, () => more(' '.repeat(100), { fin: false })))], closes(4002)],
        ['10.4', 'empty fragments without an end do no harm', [text('', { fin: false }), Buffer.concat(Array.from({ length: 5000 }, () => more('', { fin: false }))), more(BEAT)], acks()],
    ].map(([rfc, what, segments, expects]) => [rfc, what, segments, Object.assign(expects, { said: expects.said ?? 'in this order' })]));
});

describe('section 5.5: control frames', () => {
    table([
        ['5.5', 'a fragmented ping', [ping('x', { fin: false })], closes(1002)],
        ['5.5', 'a fragmented pong', [pong('x', { fin: false })], closes(1002)],
        ['5.5', 'a fragmented close frame', [close(1000, '', { fin: false })], closes(1002)],
        ['5.5.2', 'a ping without payload', [ping()], pongs('')],
        ['5.5.2', 'a ping of 125 bytes', [ping('p'.repeat(125))], pongs('p'.repeat(125))],
        ['5.5.2', 'a ping whose payload is no UTF-8', [ping(hex('ff00fe80'))], async (wire) => {
            await wire.wait('the pong', () => wire.pongs().length);
            assert.deepEqual(wire.pongs()[0], hex('ff00fe80'));
            await assertWell(wire);
        }],
        ['5.5.3', 'a pong that nobody asked for', [pong(), pong('hello'), pong('p'.repeat(125)), text(BEAT)], acks()],
        ['5.5.3', 'a pong before any message whose payload is no UTF-8', [pong(hex('ff00fe80')), text(BEAT)], acks()],
        ['5.5', 'a ping of 126 bytes', [ping('p'.repeat(126))], closes(1002)],
        ['5.5', 'a ping of 125 bytes, length in 16 bits', [ping('p'.repeat(125), { form: 16 })], closes(1002)],
        ['5.5', 'a ping of 65536 bytes', [ping('p'.repeat(65536))], closes(1002)],
        ['5.5', 'a pong of 126 bytes', [pong('p'.repeat(126))], closes(1002)],
        ['5.5', 'a close frame of 126 bytes', [close(1000, 'p'.repeat(124))], closes(1002)],
    ].map(([rfc, what, segments, expects]) => [rfc, what, segments, Object.assign(expects, { said: expects.said ?? 'echoed' })]));

    row('5.5.2', 'pings of 0 to 125 bytes, one after the other: each comes back', async () => {
        const wire = await opened();
        for (let n = 0; n <= 125; n++) {
            const payload = Buffer.from(Array.from({ length: n }, (_, i) => (i * 7 + n) & 255));
            wire.write(ping(payload));
            await wire.wait(`the pong of ${n} bytes`, () => wire.pongs().length > n);
            assert.deepEqual(wire.pongs()[n], payload);
        }
        await assertWell(wire);
    });
    row('5.5.3', 'three pings in one segment: a pong for the last', async () => {
        const wire = await opened();
        wire.write(Buffer.concat([ping('a'), ping('b'), ping('c'), text(BEAT)]));
        await wire.op(11);
        await wire.wait('the pong', () => wire.pongs().some((p) => p.toString() === 'c'));
        await assertWell(wire);
    });
    row('5.5.2', 'pings while messages go out: all is whole', async () => {
        const wire = await opened();
        for (let i = 0; i < 50; i++) wire.write(Buffer.concat([text(BEAT), ping(`load ${i}`), text(BEAT)]));
        await wire.op(11, 100);
        await wire.wait('a pong', () => wire.pongs().length);
        wire.pongs().forEach((p) => assert.match(p.toString(), /^load \d+$/));
        await assertWell(wire);
    });
    row('5.5.2', 'a flood of 50,000 pings: the witness waits for nothing', async () => {
        const wire = await opened();
        const flood = Buffer.concat(Array.from({ length: 1000 }, (_, i) => ping(`flood ${i}`)));
        const latencies = [];
        for (let i = 0; i < 50; i++) {
            wire.write(flood);
            if (i % 10 === 0) latencies.push(await witnessed());
        }
        assert.ok(Math.max(...latencies) < WITNESS_MS, `${latencies}`);
        wire.write(text(BEAT)); // once it is answered all pings are read, and one more is not lost behind them
        await wire.op(11);
        await wire.wait('pongs', () => wire.pongs().length);
        await assertWell(wire);
    });
    row('5.5.2', 'a flood of pings by a client that reads no pong: the witness waits for nothing', async () => {
        const wire = await opened();
        wire.socket.pause();
        const flood = Buffer.concat(Array.from({ length: 1000 }, () => ping('f'.repeat(125))));
        for (let i = 0; i < 30; i++) wire.write(flood);
        for (let i = 0; i < 5; i++) await witnessed();
        wire.destroy();
    });
});

// ---- Section 8.1: UTF-8
const VALID = {
    'two bytes, first': 'c280', 'two bytes, last': 'dfbf', 'three bytes, first': 'e0a080', 'three bytes, last': 'efbfbf',
    'four bytes, first': 'f0908080', 'four bytes, last': 'f48fbfbf', 'before the surrogates': 'ed9fbf', 'behind the surrogates': 'ee8080',
    'a noncharacter': 'f09fbfbe', 'a byte order mark': 'efbbbf', 'combining marks': '65cc81cc82',
};
const INVALID = {
    'a lone continuation byte': '80', 'another': 'bf', 'six of them': '80bf80bf80bf', 'two bytes cut': 'c3', 'three bytes cut at one': 'e2',
    'three bytes cut at two': 'e282', 'four bytes cut at one': 'f0', 'four bytes cut at three': 'f09f98', 'FE': 'fe', 'FF': 'ff',
    'overlong slash, two bytes': 'c0af', 'overlong slash, three bytes': 'e080af', 'overlong slash, four bytes': 'f08080af', 'overlong slash, five bytes': 'f8808080af',
    'overlong NUL': 'c080', 'overlong 7F': 'c1bf', 'overlong 7FF': 'e09fbf', 'overlong FFFF': 'f08fbfbf', 'above 10FFFF': 'f4908080', 'F5': 'f5808080',
    'five bytes': 'f888808080', 'six bytes': 'fc8480808080', 'surrogate D800': 'eda080', 'surrogate DBFF': 'edafbf', 'surrogate DC00': 'edb080', 'surrogate DFFF': 'edbfbf',
    'a pair of surrogates': 'eda080edb080', 'a continuation byte too many': 'c3a9a9', 'Latin-1': 'e974e9',
};

describe('section 8.1: UTF-8', SIDE_BY_SIDE, () => {
    for (const [what, bytes] of Object.entries(VALID)) {
        const message = beatWith(hex(bytes));
        table([['8.1', `${what} (${bytes})`, [text(message)], acks()]]);
    }
    for (const [what, bytes] of Object.entries(INVALID)) {
        const message = beatWith(hex(bytes));
        table([['8.1', `${what} (${bytes})`, [text(message)], closes(1007)]]);
    }
    const sample = beatWith('aé€😀𐍈\u{10ffff}z');
    row('8.1', 'valid text, cut into two fragments at every byte: accepted', async () => {
        const wire = await opened();
        for (let at = 1; at < sample.length; at++) {
            wire.write(Buffer.concat([text(sample.subarray(0, at), { fin: false }), more(sample.subarray(at))]));
            await wire.op(11, at);
        }
        await assertWell(wire);
    });
    row('8.1', 'valid text, cut into two segments at every byte: accepted', async () => {
        const wire = await opened();
        const bytes = text(sample);
        for (let at = 1; at < bytes.length; at++) {
            wire.write(bytes.subarray(0, at));
            await sleep(2);
            wire.write(bytes.subarray(at));
            await wire.op(11, at);
        }
        await assertWell(wire);
    });
    row('8.1', 'a fragment for each byte, with a ping behind each: accepted', async () => {
        const wire = await opened();
        const bytes = [...sample].map((b) => Buffer.from([b]));
        wire.write(Buffer.concat(bytes.flatMap((b, i) => [i ? more(b, { fin: i === bytes.length - 1 }) : text(b, { fin: false }), ping(b)])));
        await acks()(wire);
    });
    const broken = { 'a surrogate': 'eda080', 'an overlong form': 'e080af', 'above 10FFFF': 'f4908080', 'a lone byte': '61ff61' };
    for (const [what, bytes] of Object.entries(broken))
        row('8.1', `${what}, cut at every byte into fragments: 1007`, async () => {
            const message = beatWith(hex(bytes));
            const cuts = Array.from({ length: message.length - 1 }, (_, i) => i + 1);
            await Promise.all(cuts.map(async (at) => {
                const wire = await opened();
                await send(wire, [text(message.subarray(0, at), { fin: false }), more(message.subarray(at))]);
                await closes(1007)(wire);
                wire.destroy();
            }));
        });
    table([
        ['8.1', 'a message that ends within a character, the end alone in an empty fragment', [text(hex('c3'), { fin: false }), more('')], closes(1007)],
        ['8.1', 'a message that ends within a character, cut there', [text(beatWith(hex('c3')).subarray(0, -2))], closes(1007)],
        ['8.1', 'text that is valid but no JSON: our 4002, not 1007', [text('é€😀')], closes(4002)],
        ['8.1', 'a NUL byte: valid UTF-8, no JSON', [text(beatWith('\0'))], closes(4002)],
        ['5.5', 'a character cut by a pong whose payload is no UTF-8', [text(sample.subarray(0, 24), { fin: false }), pong(hex('ff')), more(sample.subarray(24))], acks()],
        ['5.5', 'a pong behind a message, its payload no UTF-8', [text(BEAT), pong(hex('ff00fe')), text(BEAT)], acks(2)],
    ]);
});

// ---- Section 7: closing
describe('section 7: closing', SIDE_BY_SIDE, () => {
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4004, 4999])
        table([['7.4', `the client closes with ${code}`, [close(code)], closes(code)]]);
    for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
        table([['7.4.2', `the client closes with ${code}, which may not be sent`, [close(code)], closes(1002)]]);
    table([
        ['5.5.1', 'a close frame without a code', [frame(Opcode.CLOSE)], closes(1005)],
        ['5.5.1', 'a close frame of one byte', [frame(Opcode.CLOSE, hex('03'))], closes(1002)],
        ['5.5.1', 'a close frame with a reason', [close(1000, 'Ende. Schön.')], closes(1000)],
        ['5.5.1', 'a close frame with a reason of 123 bytes', [close(1000, 'é'.repeat(61) + 'x')], closes(1000)],
        ['8.1', 'a close frame whose reason is no UTF-8', [close(1000, hex('ff'))], closes(1007)],
        ['8.1', 'a close frame whose reason ends within a character', [close(1000, hex('61c3'))], closes(1007)],
        ['8.1', 'a close frame with a surrogate in its reason', [close(1000, hex('eda080'))], closes(1007)],
        ['5.5.1', 'frames behind a close frame are not read', [Buffer.concat([close(1000), text(BEAT), text('x')])], async (wire) => {
            await wire.closeFrame();
            await wire.end(END_MS);
            assert.equal(wire.closeCode, 1000);
            assert.equal(wire.acks(), 0);
        }],
        ['1.4', 'a reserved opcode behind a close frame in one segment', [Buffer.concat([close(1000), frame(3)])], closes(1000)],
        ['5.5.1', 'a message, then a close frame in one segment', [Buffer.concat([text(BEAT), close(1000)])], async (wire) => {
            await wire.closeFrame();
            await wire.end(END_MS);
            assert.equal(wire.closeCode, 1000);
            assert.equal(wire.wrong, undefined);
        }],
        ['5.5.1', 'two close frames', [Buffer.concat([close(1000), close(1001)])], async (wire) => {
            await wire.end(END_MS);
            assert.equal(wire.closeCode, 1000);
            assert.equal(wire.wrong, undefined);
        }],
        ['5.5.1', 'a ping, then a close frame in one segment', [Buffer.concat([ping('x'), close(1000)])], closes(1000)],
        ['7.1.1', 'a reserved opcode before the answer to our 4002: one close frame', [text('no JSON')], async (wire) => {
            await wire.closeFrame();
            wire.write(Buffer.concat([frame(3, 'x'), close(4002)]));
            await wire.end(END_MS);
            assert.equal(wire.wrong, undefined);
            assert.equal(wire.closeCode, 4002);
        }],
        ['7.1.1', 'the server ends the socket first', [close(1000)], async (wire) => {
            await wire.closeFrame();
            assert.equal(await wire.end(END_MS), 'end');
        }],
        ['7.1.7', 'faults in a row: one close frame', [Buffer.concat([frame(3), frame(4), text(BEAT), ping('x'), frame(5)])], closes(1002)],
        ['7.1.7', 'a binary message, then a reserved opcode in one segment: one close frame', [Buffer.concat([frame(Opcode.BINARY, 'x'), frame(3)])], async (wire) => {
            await wire.closeFrame();
            wire.write(close(1000));
            await wire.end(END_MS);
            assert.equal(wire.wrong, undefined);
        }],
        ['7.1.4', 'half a frame, then the client stops sending', [text(BEAT).subarray(0, 10)], async (wire) => {
            wire.socket.end();
            await wire.end(END_MS);
            assert.equal(wire.closeCode, undefined);
        }],
        ['7.1.4', 'the client stops sending without a close frame', [], async (wire) => {
            wire.socket.end();
            await wire.end(END_MS);
        }],
        ['7.1.4', 'the client stops sending behind its close frame', [], async (wire) => {
            wire.socket.end(close(1000));
            assert.equal((await wire.closeFrame()).code, 1000);
            await wire.end(END_MS);
        }],
        ['7.1.4', 'the client resets the connection', [text(BEAT)], async (wire) => {
            await wire.op(11);
            wire.socket.resetAndDestroy();
        }],
        ['7.1.4', 'the client resets the connection within a frame', [text(BEAT).subarray(0, 7)], async (wire) => { wire.socket.resetAndDestroy(); }],
    ].map(([rfc, what, segments, expects]) => [rfc, what, segments, Object.assign(expects, { said: expects.said ?? 'and so it ends' })]));

    row('7.1.4', 'the client stops sending behind its handshake: answered, and the socket ends', async () => {
        const wire = new Wire(up.hub.port);
        wire.socket.end(handshake());
        await wire.end(END_MS);
    });
    row('7.1.1', 'a close frame of ours (4002) that is not answered: the socket ends all the same', async () => {
        const wire = await opened();
        wire.write(text('no JSON'));
        assert.equal((await wire.closeFrame()).code, 4002);
        await wire.end(UNANSWERED_MS);
    });
    row('7.1.1', 'a 1002 that is not answered: the socket ends all the same', async () => {
        const wire = await opened();
        wire.write(frame(3));
        assert.equal((await wire.closeFrame()).code, 1002);
        await wire.end(UNANSWERED_MS);
    });
    row('7.1.1', 'a 1002 behind which the client goes on talking: the socket ends all the same', async () => {
        const wire = await opened();
        wire.write(frame(3));
        await wire.closeFrame();
        const timer = setInterval(() => wire.write(text(BEAT)), 200);
        await wire.end(UNANSWERED_MS).finally(() => clearInterval(timer));
        assert.equal(wire.wrong, undefined);
    });
    row('5.5.1', 'no message behind a close frame, when one is said at that moment', async () => {
        const wire = await identified(speakers[0]);
        wire.write(frame(3));
        await wire.closeFrame();
        await witnessed();
        await witnessed();
        await wire.end(UNANSWERED_MS);
        assert.equal(wire.wrong, undefined);
    });
});

// ---- Time and crowds
// Numbers from 0 to n - 1 that the seed alone decides (xorshift32).
function generator(seed) {
    let x = (seed | 0) || 1;
    return (n) => {
        x ^= x << 13;
        x ^= x >>> 17;
        x ^= x << 5;
        return (x >>> 0) % n;
    };
}

// Seven in eight are whole frames of some kind; the others have bits flipped or bytes cut.
function oddFrame(pick) {
    const payload = Buffer.from(Array.from({ length: pick(3) ? pick(40) : pick(400) }, () => pick(256)));
    const opcode = [0, 1, 1, 1, 2, 9, 10, pick(16)][pick(8)];
    const bytes = frame(opcode, pick(2) ? BEAT : payload, { fin: pick(8) > 0, rsv: pick(16) ? 0 : pick(8), mask: Buffer.from([pick(256), pick(256), pick(256), pick(256)]) });
    if (pick(8)) return bytes;
    bytes[pick(Math.min(bytes.length, 14))] ^= 1 << pick(8);
    return pick(2) ? bytes : bytes.subarray(0, pick(bytes.length));
}

async function metrics() {
    const page = await (await fetch(`http://127.0.0.1:${up.hub.adminPort('gateway-1')}/metrics`)).text();
    return (name) => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(page)?.[1]);
}

async function identified(speaker) {
    const wire = await opened();
    wire.write(text(JSON.stringify({ op: 2, d: { token: speaker.token, intents: INTENTS_ALL, properties: {} } })));
    await wire.wait('GUILD_CREATE', () => wire.json().some((f) => f.t === 'GUILD_CREATE'));
    return wire;
}

// n messages of six KB each, said at once; the witness has them all.
async function shout(n) {
    const contents = Array.from({ length: n }, () => unique('loud ').padEnd(2000, '€'));
    await Promise.all(contents.map((content, i) => speakers[i % speakers.length].say(channel, content)));
    await witness.wait('what is shouted', () => contents.every((c) => witness.frames.findLast((f) => f.payload.includes(c))));
    return contents;
}

describe('time and crowds', () => {
    row('10.4', 'a client that reads nothing for a second, among messages: it gets each whole, and in order', async () => {
        const wire = await identified(speakers[0]);
        wire.socket.pause();
        const contents = await shout(30);
        wire.write(ping('behind'));
        await sleep(1000);
        wire.socket.resume();
        const created = () => wire.json().filter((f) => f.t === 'MESSAGE_CREATE');
        await wire.wait('all messages', () => created().length === 30);
        assert.deepEqual(new Set(created().map((f) => f.d.content)), new Set(contents));
        assert.ok(created().every((f, i, all) => !i || f.s > all[i - 1].s));
        await wire.wait('the pong', () => wire.pongs().some((p) => p.toString() === 'behind'));
        await assertWell(wire);
    });
    row('10.4', 'a client that reads nothing, among more messages than its queue may hold: it is cut and counted', async () => {
        const wire = await identified(speakers[0]);
        const before = (await metrics())('hubbub_gateway_queue_cuts_total');
        wire.socket.pause();
        await shout(60);
        await until('it is counted', async () => (await metrics())('hubbub_gateway_queue_cuts_total') === before + 1);
        wire.socket.resume();
        await wire.end(END_MS);
        assert.equal(wire.closeCode, undefined);
        assert.equal(wire.wrong, undefined);
    });
    row('7.1.1', 'a close frame of a client that reads nothing for a second: it gets all that was said, and the echo last', async () => {
        const wire = await identified(speakers[0]);
        wire.socket.pause();
        await shout(25);
        wire.write(close(1000));
        await sleep(1000);
        wire.socket.resume();
        assert.equal((await wire.closeFrame()).code, 1000);
        assert.equal(wire.json().filter((f) => f.t === 'MESSAGE_CREATE').length, 25);
        assert.equal(await wire.end(END_MS), 'end');
    });
    row('5.2', 'frames that arrive byte by byte, five clients at once: read', async () => {
        await Promise.all(Array.from({ length: 5 }, async () => {
            const wire = await opened();
            await wire.trickle(Buffer.concat([text(BEAT), ping('slow'), text(beatOf(200)), text(BEAT.slice(0, 4), { fin: false }), more(BEAT.slice(4))]));
            await wire.op(11, 3);
            assert.equal(wire.pongs()[0].toString(), 'slow');
            await assertWell(wire);
        }));
    });
    row('5.2', 'a hundred messages in one segment: all are read, in order', async () => {
        const wire = await opened();
        wire.write(Buffer.concat(Array.from({ length: 100 }, () => text(BEAT))));
        await acks(100)(wire);
    });
    row('7.4.2', 'more than 120 messages in a minute: our 4008', async () => {
        const wire = await opened();
        wire.write(Buffer.concat(Array.from({ length: 200 }, () => text(BEAT))));
        await closes(4008)(wire);
    });
    row('10.4', 'nothing sent, half a head, a head byte by byte, and no IDENTIFY: each ends in its time', async () => {
        const start = Date.now();
        const bound = HEAD_MS + 5000;
        const [silent, half, slow, idle] = [new Wire(up.hub.port), new Wire(up.hub.port), new Wire(up.hub.port), await opened()];
        half.write(handshake().slice(0, 60));
        const drip = (async () => {
            for (const c of handshake({ headers: { 'X-Long': 'y'.repeat(500) } })) {
                if (slow.ended) return;
                slow.write(c);
                await sleep(200);
            }
        })();
        const idling = idle.closeFrame(IDENTIFY_MS + 5000).then(({ code }) => assert.equal(code, 4003));
        await Promise.all([silent.end(bound), half.end(bound), slow.end(bound), idling]);
        assert.ok(Date.now() - start >= HEAD_MS - 1000, 'none was cut before its time');
        await drip;
    });
    row('10.4', '500 sockets that never identify, half of them never shake hands: the witness hears every message at once', async () => {
        const crowd = await Promise.all(Array.from({ length: 500 }, async (_, i) => {
            const wire = new Wire(up.hub.port);
            if (i % 2) await wire.shake();
            return wire;
        }));
        const latencies = [];
        for (let i = 0; i < 10; i++) latencies.push(await witnessed());
        latencies.sort((a, b) => a - b);
        assert.ok(latencies[5] < 1000, `${latencies}`);
        assert.ok(crowd.every((w) => !w.wrong));
        for (const wire of crowd) wire.destroy();
        await until('the gateway lets go of all of them', async () => {
            const of = await metrics();
            return of('hubbub_gateway_connections') + of('hubbub_gateway_http_connections') < 20;
        });
    });
    const seed = Number(process.env.HUBBUB_SEED ?? Date.now() % 1e9);
    row('10.4', `10,000 frames with flipped bits, wrong lengths and wrong order (HUBBUB_SEED=${seed}): what comes back is well formed, the witness hears every message`, async () => {
        const pick = generator(seed);
        for (let round = 0; round < 10; round++) {
            const crowd = await Promise.all(Array.from({ length: 20 }, () => opened()));
            for (const wire of crowd) await send(wire, [Buffer.concat(Array.from({ length: 50 }, () => oddFrame(pick)))]);
            await witnessed();
            for (const wire of crowd) {
                assert.equal(wire.wrong, undefined);
                wire.destroy();
            }
        }
    });
    row('10.4', '300 sockets that are cut within a frame: the witness hears every message', async () => {
        const bytes = text(beatOf(300));
        await Promise.all(Array.from({ length: 300 }, async (_, i) => {
            const wire = await opened();
            wire.write(bytes.subarray(0, (i % (bytes.length - 1)) + 1));
            await sleep(5);
            if (i % 2) wire.destroy();
            else wire.socket.resetAndDestroy();
        }));
    });
});

test('after all that every process is the one that was started', async () => {
    assert.doesNotMatch(up.hub.output, /starting it again/);
    await up.hub.allReady();
});
