// A WebSocket client that can say anything: bytes in, bytes out over node:net, and a reader that holds the server to RFC 6455
// (whole unmasked frames, no reserved bits, lengths in their shortest form, nothing but pongs behind a close frame).
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const Opcode = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
export const acceptOf = (key) => createHash('sha1').update(key + GUID).digest('base64');

// Length bytes behind the second one; form: 7, 16, 64, or undefined for the shortest. lie: a BigInt to state instead.
function lengthBytes(n, form, lie) {
    const shortest = n < 126 ? 7 : n < 65536 ? 16 : 64;
    const bytes = Buffer.alloc({ 7: 0, 16: 2, 64: 8 }[form ?? shortest]);
    if (bytes.length === 2) bytes.writeUInt16BE(Number(lie ?? n));
    if (bytes.length === 8) bytes.writeBigUInt64BE(BigInt(lie ?? n));
    return { first: bytes.length === 2 ? 126 : bytes.length === 8 ? 127 : n, bytes };
}

// One frame of a client. fin, rsv (0..7), masked, mask (4 bytes), form and lie as above.
export function frame(opcode, payload = '', { fin = true, rsv = 0, masked = true, mask = randomBytes(4), form, lie } = {}) {
    const data = Buffer.from(payload);
    const { first, bytes } = lengthBytes(data.length, form, lie);
    const head = Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode, (masked ? 0x80 : 0) | first]);
    if (!masked) return Buffer.concat([head, bytes, data]);
    return Buffer.concat([head, bytes, mask, data.map((b, i) => b ^ mask[i & 3])]);
}
export const text = (payload, options) => frame(Opcode.TEXT, payload, options);
export const more = (payload, options) => frame(Opcode.CONTINUATION, payload, options);
export const ping = (payload, options) => frame(Opcode.PING, payload, options);
export const pong = (payload, options) => frame(Opcode.PONG, payload, options);
export function close(code, reason = '', options) {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(code);
    return frame(Opcode.CLOSE, Buffer.concat([head, Buffer.from(reason)]), options);
}

export const handshake = ({
    verb = 'GET', target = '/?v=10&encoding=json', version = 'HTTP/1.1', key = 'dGhlIHNhbXBsZSBub25jZQ==', headers = {}, extra = '',
} = {}) => {
    const all = { Host: 'hubbub.test', Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': key, ...headers };
    const lines = Object.entries(all).filter(([, v]) => v !== null).map(([k, v]) => `${k}: ${v}\r\n`);
    return `${verb} ${target} ${version}\r\n${lines.join('')}${extra}\r\n`;
};

// Why a frame of the server is not one, or undefined.
function fault(bytes, length, form, closed) {
    const opcode = bytes[0] & 15;
    if (closed && opcode !== Opcode.PONG) return 'a frame behind a close frame'; // section 5.5.1 forbids data only, 5.5.2 wants pongs
    if (bytes[0] & 0x70) return 'a reserved bit';
    if (bytes[1] & 0x80) return 'a masked frame of a server';
    if (![0, 1, 2, 8, 9, 10].includes(opcode)) return `opcode ${opcode}`;
    if (opcode >= 8 && (length > 125 || !(bytes[0] & 0x80))) return 'a long or fragmented control frame';
    if ((form === 16 && length < 126) || (form === 64 && length < 65536)) return 'a length that is not in its shortest form';
    if (opcode === Opcode.CLOSE && length === 1) return 'a close frame of one byte';
    return undefined;
}

// Cuts one frame off the front: {opcode, payload, size}, or undefined when it is not whole yet. Throws what fault() names.
function read(bytes, closed) {
    if (bytes.length < 2) return undefined;
    const form = { 126: 16, 127: 64 }[bytes[1] & 0x7f] ?? 7;
    const at = { 7: 2, 16: 4, 64: 10 }[form];
    if (bytes.length < at) return undefined;
    const length = form === 7 ? bytes[1] & 0x7f : form === 16 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    const wrong = fault(bytes, length, form, closed);
    if (wrong) throw new Error(`the server sent ${wrong}: ${bytes.subarray(0, 16).toString('hex')}`);
    if (bytes.length < at + length) return undefined;
    return { opcode: bytes[0] & 15, payload: bytes.subarray(at, at + length), size: at + length };
}

export class Wire {
    constructor(port) {
        this.bytes = Buffer.alloc(0);
        this.frames = [];
        this.looks = new Set();
        this.socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
        this.socket.on('data', (d) => this.take(d));
        this.socket.on('end', () => this.finish('end'));
        this.socket.on('close', () => this.finish('closed'));
        this.socket.on('error', (e) => this.finish(e.code));
    }
    take(data) {
        this.bytes = Buffer.concat([this.bytes, data]);
        try {
            while (this.open && this.next());
        } catch (e) {
            this.wrong = e;
        }
        this.look();
    }
    next() {
        const f = read(this.bytes, this.closeCode !== undefined);
        if (!f) return false;
        this.bytes = this.bytes.subarray(f.size);
        this.frames.push(f);
        if (f.opcode === Opcode.CLOSE) {
            this.closeCode = f.payload.length >= 2 ? f.payload.readUInt16BE(0) : 1005;
            this.closeReason = f.payload.subarray(2).toString();
        }
        return true;
    }
    finish(how) {
        this.ended ??= how;
        this.look();
    }
    look() {
        for (const look of [...this.looks]) look();
    }
    // What check gives once it is truthy. An end of the socket ends the wait too.
    wait(what, check, ms = 10_000) {
        return new Promise((resolve, reject) => {
            const done = (settle, value) => {
                clearTimeout(timer);
                this.looks.delete(look);
                settle(value);
            };
            const state = () => `ended: ${this.ended}, close code: ${this.closeCode}, frames: ${this.frames.map((f) => `${f.opcode}:${f.payload.toString().slice(0, 60)}`).slice(-5)}`;
            const look = () => {
                if (this.wrong) return done(reject, this.wrong);
                const value = check();
                if (value) return done(resolve, value);
                if (this.ended) done(reject, new Error(`${what}: the socket is over (${state()})`));
            };
            const timer = setTimeout(() => done(reject, new Error(`${what}: not within ${ms} ms (${state()})`)), ms);
            this.looks.add(look);
            look();
        });
    }
    write(bytes) {
        if (!this.socket.destroyed) this.socket.write(bytes);
    }
    // Each byte in a segment of its own.
    async trickle(bytes, pauseMs = 1) {
        for (const b of bytes) {
            this.write(Buffer.from([b]));
            await sleep(pauseMs);
        }
    }
    // The status line and headers of an HTTP answer; what is behind them stays in bytes.
    async head(ms) {
        const at = await this.wait('an HTTP answer', () => this.bytes.indexOf('\r\n\r\n') + 1, ms);
        const [line, ...lines] = this.bytes.subarray(0, at - 1).toString().split('\r\n');
        this.bytes = this.bytes.subarray(at + 3);
        const headers = Object.fromEntries(lines.map((l) => [l.slice(0, l.indexOf(':')).toLowerCase(), l.slice(l.indexOf(':') + 1).trim()]));
        return { status: Number(line.split(' ')[1]), line, headers };
    }
    // From here on bytes are frames.
    upgrade() {
        this.open = true;
        this.take(Buffer.alloc(0));
    }
    async shake(options) {
        this.write(handshake(options));
        const answer = await this.head();
        if (answer.status !== 101) throw new Error(`the handshake was answered by ${answer.line}`);
        this.upgrade();
        await this.op(10);
        return answer;
    }
    json() { return this.frames.filter((f) => f.opcode === Opcode.TEXT).map((f) => JSON.parse(f.payload.toString())); }
    // The n-th frame with this op of ours.
    op(op, n = 1, ms) {
        return this.wait(`op ${op} number ${n}`, () => this.json().filter((f) => f.op === op)[n - 1], ms);
    }
    acks() { return this.json().filter((f) => f.op === 11).length; }
    pongs() { return this.frames.filter((f) => f.opcode === Opcode.PONG).map((f) => f.payload); }
    closeFrame(ms) {
        return this.wait('a close frame', () => this.closeCode !== undefined && { code: this.closeCode, reason: this.closeReason }, ms);
    }
    async end(ms = 8000) {
        await this.wait('the end of the socket', () => this.ended, ms);
        return this.ended;
    }
    destroy() { this.socket.destroy(); }
}
