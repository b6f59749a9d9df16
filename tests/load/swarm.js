// Thousands of gateway sessions in one process, for load: a WebSocket client that keeps a few hundred bytes a session. All sockets
// read into one buffer, frames are not parsed as JSON but looked into (the gateway writes op and t first and s last), and one timer
// beats for all. They behave as client libraries do: RESUME after a lost socket or op 7, IDENTIFY after op 9, and a handshake that is
// answered 503 is tried again after its Retry-After.
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { INTENTS_ALL, Op, until } from '../e2e/harness.js';

const READ_BYTES = 256 * 1024, BEAT_STEPS = 20;
const shared = Buffer.allocUnsafe(READ_BYTES);

// A client's frame, masked with zeros.
function frameOf(op, d) {
    const body = Buffer.from(JSON.stringify({ op, d }));
    const head = body.length < 126 ? [0x81, 0x80 | body.length] : [0x81, 0xfe, body.length >> 8, body.length & 255];
    return Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), body]);
}

const between = (text, from, to) => {
    const at = text.indexOf(from);
    return at < 0 ? '' : text.slice(at + from.length, text.indexOf(to, at + from.length));
};

export class Session {
    seq = null;
    id = null;       // of the session, once there was a READY
    live = false;
    seen = [];       // numbers of messages that were written by the swarm
    gaps = 0;
    repeats = 0;
    identifies = 0;
    resumes = 0;
    failures = 0;
    constructor(swarm, world, slow) {
        this.swarm = swarm;
        this.world = world;
        this.slow = slow;
        this.open();
    }
    open() {
        const { swarm } = this, [host, port] = swarm.address(this);
        swarm.handshakes.push(Date.now());
        this.pend = null;
        this.status = 0;
        const socket = this.socket = net.connect({ host, port, onread: { buffer: shared, callback: (n, buffer) => this.socket === socket && this.read(buffer.subarray(0, n)) } });
        socket.setNoDelay(true);
        socket.on('error', () => {});
        socket.on('close', () => this.socket === socket && this.closed());
        socket.write(`GET /?v=10&encoding=json HTTP/1.1\r\nHost: ${host}:${port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`);
    }
    // As a lost network: whatever was under way is gone.
    drop() {
        const { socket } = this;
        this.socket = null;
        socket.resetAndDestroy();
        this.closed();
    }
    async closed() {
        this.live = false;
        if (this.ended) return;
        let wait = Math.min(2000, 100 * this.failures++) * (0.5 + Math.random());
        if (this.retryAfter) wait = 1000 * (this.retryAfter + Math.random());
        this.retryAfter = 0;
        if (wait) await sleep(wait);
        if (!this.ended) this.open();
    }
    end() {
        this.ended = true;
        this.socket?.resetAndDestroy();
    }
    send(op, d) { if (this.socket?.writable) this.socket.write(frameOf(op, d)); }
    identify() {
        this.identifies++;
        this.seq = null;
        this.send(Op.IDENTIFY, { token: this.world.owner.token, intents: INTENTS_ALL, properties: { os: 'linux', browser: 'test', device: 'test' } });
    }
    read(chunk) {
        let bytes = this.pend ? Buffer.concat([this.pend, chunk]) : chunk, at = 0;
        if (this.status !== 101) {
            const end = bytes.indexOf('\r\n\r\n');
            at = end < 0 ? 0 : end + 4;
            if (end >= 0 && !this.answered(bytes.toString('latin1', 0, end))) return;
        }
        for (let next; this.status === 101 && (next = this.frameAt(bytes, at)); at = next);
        // Copied: the buffer is everybody's.
        this.pend = at < bytes.length ? (this.pend && !at ? bytes : Buffer.from(bytes.subarray(at))) : null;
    }
    // Whether it is a WebSocket now.
    answered(head) {
        this.status = Number(head.slice(9, 12));
        if (this.status === 101) return true;
        this.retryAfter = Number(head.match(/^retry-after: (\d+)/im)?.[1] ?? 0);
        this.swarm.refused(this.status, this.retryAfter);
        this.socket.destroy();
        return false;
    }
    // Handles the frame at `at` and tells where the next begins; 0: it is not whole.
    frameAt(bytes, at) {
        if (bytes.length < at + 2) return 0;
        let n = bytes[at + 1], body = at + 2;
        if (n === 126) n = bytes.length < at + 4 ? Infinity : bytes.readUInt16BE(at + 2), body = at + 4;
        else if (n === 127) n = bytes.length < at + 10 ? Infinity : Number(bytes.readBigUInt64BE(at + 2)), body = at + 10;
        if (bytes.length < body + n) return 0;
        const kind = bytes[at] & 15;
        if (kind === 1) this.take(bytes, body, body + n);
        else if (kind === 8) this.socket?.end();
        return body + n;
    }
    take(bytes, from, to) {
        const head = bytes.latin1Slice(from, Math.min(to, from + 60)), op = Number(head.slice(6, 8).replace(/\D/, ''));
        if (op === Op.DISPATCH) this.dispatched(head.slice(head.indexOf('"t":"') + 5).split('"', 1)[0], bytes, from, to);
        else if (op === Op.HELLO) this.hello(bytes.latin1Slice(from, to));
        else if (op === Op.RECONNECT) this.socket.end(Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x10, 0x68])); // 4200
        else if (op === Op.INVALID_SESSION) this.invalidated();
    }
    hello(text) {
        this.swarm.startBeats(Number(between(text, '"heartbeat_interval":', '}').split(',')[0]));
        if (this.id) this.send(Op.RESUME, { token: this.world.owner.token, session_id: this.id, seq: this.seq });
        else this.identify();
    }
    async invalidated() {
        this.swarm.counts.invalid++;
        this.id = null;
        const { socket } = this;
        await sleep(200 + 800 * Math.random());
        if (this.socket === socket) this.identify();
    }
    dispatched(name, bytes, from, to) {
        const s = Number(bytes.latin1Slice(to - 11, to - 1));
        if (this.seq !== null && s > this.seq + 1) this.gaps++;
        if (this.seq !== null && s <= this.seq) this.repeats++;
        this.seq = s;
        if (name === 'MESSAGE_CREATE') {
            const content = between(bytes.latin1Slice(from, to), '"content":"', '"');
            const [n, at] = content.split(' ');
            this.seen.push(Number(n));
            this.swarm.heard(this, Number(at));
        } else if (name === 'READY') {
            this.id = between(bytes.latin1Slice(from, to), '"session_id":"', '"');
            this.arrived();
        } else if (name === 'RESUMED') {
            this.resumes++;
            this.arrived();
        }
    }
    arrived() {
        this.live = true;
        this.failures = 0;
        if (this.slow) this.socket.pause();
    }
}

export class Swarm {
    sessions = [];
    worlds = [];
    handshakes = [];
    counts = { invalid: 0 };
    refusals = new Map(); // what handshakes were answered by that were not let in: "503 with Retry-After" -> how often
    posts = new Map();    // the same of messages
    latencies = null;     // in ms, while it is an array
    sent = [];            // [message id, number, world]
    written = 0;
    constructor(hub, sessionsPerPerson = 50) {
        Object.assign(this, { hub, sessionsPerPerson, target: ['127.0.0.1', hub.port] });
    }
    address() { return this.target; }
    refused(status, retryAfter) {
        const key = status === 503 ? `503 ${retryAfter ? 'with' : 'without'} Retry-After` : String(status);
        this.refusals.set(key, (this.refusals.get(key) ?? 0) + 1);
    }
    heard(session, at) {
        if (this.latencies && at && !session.slow) this.latencies.push(performance.now() - at);
    }
    startBeats(interval) {
        if (this.beats) return;
        let step = 0;
        this.beats = setInterval(() => {
            for (let i = step; i < this.sessions.length; i += BEAT_STEPS) this.sessions[i].send(Op.HEARTBEAT, this.sessions[i].seq);
            step = (step + 1) % BEAT_STEPS;
        }, interval * 0.8 / BEAT_STEPS);
    }
    // People and their guilds, all of them in the first one's guild too.
    async populate(sessions) {
        const n = Math.ceil(sessions / this.sessionsPerPerson);
        while (this.worlds.length < n) {
            const world = await this.hub.guild();
            if (this.worlds.length) await world.owner.post(`/invites/${this.worlds[0].invite}`);
            this.worlds.push(world);
        }
    }
    // So many sessions more, opened `perSecond` a second; all live on return. slow: they do not read once they are.
    async open(n, { perSecond = 400, slow = false } = {}) {
        const want = this.sessions.length + n, batch = Math.max(1, Math.round(perSecond / 20));
        await this.populate(want);
        while (this.sessions.length < want) {
            this.sessions.push(new Session(this, this.worlds[Math.floor(this.sessions.length / this.sessionsPerPerson)], slow));
            if (this.sessions.length % batch === 0) await sleep(50);
        }
        await this.settled();
    }
    missing() { return this.sessions.filter((s) => !s.live).length; }
    async settled(ms = 120_000) {
        await until('all sessions are live', () => this.missing() === 0, ms).catch((e) => { throw new Error(`${this.missing()} of ${this.sessions.length} sessions: ${e.message}`); });
    }
    sum(field) { return this.sessions.reduce((n, s) => n + s[field], 0); }
    // The most handshakes in any second.
    peak(since = 0) {
        let best = 0;
        const times = this.handshakes.filter((t) => t >= since);
        for (let i = 0, j = 0; i < times.length; i++) {
            while (times[i] - times[j] >= 1000) j++;
            best = Math.max(best, i - j + 1);
        }
        return best;
    }
    // ---- Messages: into the guilds in turn, each tried until it is taken.
    write(rate, { padding = '', worlds = this.worlds } = {}) {
        this.writing = true;
        const under_way = new Set();
        this.done = (async () => {
            for (let due = Date.now(); this.writing; due += 1000 / rate) {
                const one = this.say(worlds[this.written % worlds.length], this.written++, padding).finally(() => under_way.delete(one));
                under_way.add(one);
                await sleep(Math.max(0, due - Date.now()));
            }
            await Promise.all(under_way);
        })();
    }
    async stopWriting() {
        this.writing = false;
        await this.done;
    }
    async say(world, n, padding) {
        for (let tries = 0; tries < 400; tries++) {
            const content = `${n} ${performance.now().toFixed(1)} ${padding}`;
            const answer = await this.hub.request('POST', `/channels/${world.channel}/messages`, {
                token: world.owner.token, body: { content, nonce: `n${n}`, enforce_nonce: true },
            }).catch((e) => ({ status: e.cause?.code ?? e.name, headers: new Headers() }));
            if (answer.status === 200) {
                this.sent.push([answer.body.id, n, world]);
                return;
            }
            const key = answer.status === 503 ? `503 ${answer.headers.get('retry-after') ? 'with' : 'without'} Retry-After` : String(answer.status);
            this.posts.set(key, (this.posts.get(key) ?? 0) + 1);
            await sleep(50);
        }
        throw new Error(`message ${n} was never taken`);
    }
    // What is wrong with what sessions were given; waits until nobody is behind. Who began afresh is counted, and not judged: what was
    // said in between is in the history.
    async faults(ms = 30_000) {
        const all = new Map(this.worlds.map((w) => [w, []]));
        for (const [, n, world] of this.sent.sort(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : 1))) all.get(world).push(n);
        // The first guild is everybody's.
        const expected = (s) => (s.world === this.worlds[0] ? all.get(s.world).length : all.get(s.world).length + all.get(this.worlds[0]).length);
        const judged = this.sessions.filter((s) => s.identifies === 1 && !s.slow);
        await until('everybody has everything', () => judged.every((s) => s.seen.length >= expected(s)), ms, 100).catch(() => {});
        const faults = { lost: 0, doubled: 0, disordered: 0, gaps: 0, afresh: this.sessions.filter((s) => s.identifies > 1).length };
        for (const s of judged) {
            const seen = new Set(s.seen);
            faults.gaps += s.gaps + s.repeats;
            faults.doubled += s.seen.length - seen.size;
            for (const world of new Set([s.world, this.worlds[0]])) {
                const wanted = all.get(world), had = new Set(wanted);
                faults.lost += wanted.filter((n) => !seen.has(n)).length;
                const got = s.seen.filter((n) => had.has(n));
                faults.disordered += got.length === wanted.length && got.some((n, i) => n !== wanted[i]);
            }
        }
        return faults;
    }
    end() {
        this.writing = false;
        clearInterval(this.beats);
        for (const s of this.sessions) s.end();
    }
}
