// Many sessions that behave as client libraries do: they beat, follow op 7 and lost sockets by RESUME, op 9 by IDENTIFY, and count
// what they were given. Each guild has one person with up to 50 sessions; somebody writes into the guilds in turn.
import { setTimeout as sleep } from 'node:timers/promises';
import WebSocket from 'ws';
import { INTENTS_ALL, Op, exchange } from '../e2e/harness.js';

const SESSIONS_PER_PERSON = 50;

export class Follower {
    constructor(fleet, world) {
        Object.assign(this, { fleet, world, seq: null, session: null, seen: [], gaps: 0, repeats: 0, identifies: 0, resumes: 0, invalid: 0, tries: 0 });
        this.open();
    }
    open() {
        this.tries++;
        this.fleet.handshakes.push(Date.now());
        const ws = this.ws = new WebSocket(`${this.session ? this.url : this.fleet.url}/?v=10&encoding=json`, { perMessageDeflate: false });
        ws.on('error', () => {});
        ws.on('message', (data) => ws === this.ws && this.take(JSON.parse(data)));
        ws.on('close', () => ws === this.ws && this.again());
    }
    // As client libraries do: soon, and a little later each time.
    async again() {
        clearInterval(this.timer);
        this.live = false;
        if (this.ended) return;
        const wait = Math.min(2000, 100 * this.failures++) * (0.5 + Math.random());
        await sleep(wait);
        if (!this.ended) this.open();
    }
    failures = 0;
    send(op, d) { if (this.ws.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify({ op, d })); }
    identify() {
        this.identifies++;
        this.seq = null;
        this.send(Op.IDENTIFY, { token: this.world.owner.token, intents: INTENTS_ALL, properties: { os: 'linux', browser: 'test', device: 'test' } });
    }
    take(frame) {
        if (frame.op === Op.HELLO) {
            this.timer = setInterval(() => this.send(Op.HEARTBEAT, this.seq), frame.d.heartbeat_interval * 0.8).unref();
            if (this.session) this.send(Op.RESUME, { token: this.world.owner.token, session_id: this.session, seq: this.seq });
            else this.identify();
        } else if (frame.op === Op.RECONNECT) {
            this.ws.close(4200);
        } else if (frame.op === Op.INVALID_SESSION) {
            this.invalid++;
            this.session = null;
            setTimeout(() => this.identify(), 100 + Math.random() * 400);
        } else if (frame.op === Op.DISPATCH) {
            this.dispatched(frame);
        }
    }
    dispatched(frame) {
        if (this.seq !== null && frame.s > this.seq + 1) this.gaps++;
        if (this.seq !== null && frame.s <= this.seq) this.repeats++;
        this.seq = frame.s;
        if (frame.t === 'READY') {
            this.session = frame.d.session_id;
            this.url = frame.d.resume_gateway_url;
        } else if (frame.t === 'RESUMED') {
            this.resumes++;
            this.arrived();
        } else if (frame.t === 'GUILD_CREATE') {
            this.arrived();
        } else if (frame.t === 'MESSAGE_CREATE') {
            this.seen.push(frame.d.content);
        }
    }
    arrived() {
        this.live = true;
        this.failures = 0;
    }
    stop() {
        this.ended = true;
        this.ws.close(1000);
    }
}

export class Fleet {
    constructor(hub, url) {
        Object.assign(this, { hub, url: url ?? hub.url.replace('http', 'ws'), followers: [], worlds: [], handshakes: [], sent: new Map(), trouble: new Map() });
    }
    // n sessions, opened `perSecond` a second, all live on return.
    async open(n, perSecond = 500) {
        const batch = Math.max(1, Math.round(perSecond / 20));
        while (this.followers.length < n) {
            if (this.followers.length % SESSIONS_PER_PERSON === 0) this.worlds.push(await this.hub.guild());
            this.followers.push(new Follower(this, this.worlds.at(-1)));
            if (this.followers.length % batch === 0) await sleep(50);
        }
        await this.settled();
    }
    async settled(ms = 60_000) {
        const end = Date.now() + ms;
        while (this.followers.some((f) => !f.live)) {
            if (Date.now() > end) throw new Error(`${this.followers.filter((f) => !f.live).length} of ${this.followers.length} sessions are not back`);
            await sleep(20);
        }
    }
    // Messages into the guilds in turn until stop(); each is tried until it is acknowledged.
    write(rate) {
        this.writing = true;
        const under_way = new Set();
        this.written = (async () => {
            for (let n = 0, due = Date.now(); this.writing; n++, due += 1000 / rate) {
                const one = this.say(this.worlds[n % this.worlds.length], `m${n}`).finally(() => under_way.delete(one));
                under_way.add(one);
                await sleep(Math.max(0, due - Date.now()));
            }
            await Promise.all(under_way);
        })();
    }
    async say(world, content) {
        for (let tries = 0; tries < 200; tries++) {
            const answer = await exchange(`${this.hub.url}/api/v10`, 'POST', `/channels/${world.channel}/messages`, {
                token: world.owner.token, body: { content, nonce: content, enforce_nonce: true },
            }).catch((e) => ({ status: e.cause?.code ?? e.name, headers: new Headers() }));
            if (answer.status === 200) {
                if (!this.sent.has(world)) this.sent.set(world, []);
                this.sent.get(world).push([answer.body.id, content]);
                return;
            }
            const key = answer.status === 503 && !answer.headers.get('retry-after') ? '503 without Retry-After' : answer.status;
            this.trouble.set(key, (this.trouble.get(key) ?? 0) + 1);
            await sleep(50);
        }
        throw new Error(`${content} was never taken`);
    }
    async stopWriting() {
        this.writing = false;
        await this.written;
    }
    // The most handshakes in any second.
    peak(from = 0) {
        const times = this.handshakes.filter((t) => t >= from).sort((a, b) => a - b);
        let best = 0;
        for (let i = 0, j = 0; i < times.length; i++) {
            while (times[i] - times[j] >= 1000) j++;
            best = Math.max(best, i - j + 1);
        }
        return best;
    }
    // What each session of a guild should have been given, in order.
    expected(world) {
        return (this.sent.get(world) ?? []).sort(([a], [b]) => (BigInt(a) < BigInt(b) ? -1 : 1)).map(([, content]) => content);
    }
    // Waits until everybody has everything, and tells what is wrong: {lost, doubled, disordered, gaps}.
    async faults(ms = 15_000) {
        const end = Date.now() + ms;
        const behind = () => this.followers.some((f) => f.invalid === 0 && f.seen.length < this.expected(f.world).length);
        while (behind() && Date.now() < end) await sleep(50);
        const faults = { lost: 0, doubled: 0, disordered: 0, gaps: 0, afresh: 0 };
        for (const f of this.followers) {
            const expected = this.expected(f.world), seen = new Set(f.seen);
            faults.gaps += f.gaps + f.repeats;
            faults.afresh += f.invalid > 0 || f.identifies > 1;
            if (f.identifies > 1) continue; // a session that began afresh may have missed what was said between: counted above
            faults.lost += expected.filter((m) => !seen.has(m)).length;
            faults.doubled += f.seen.length - seen.size;
            faults.disordered += seen.size === expected.length && f.seen.length === expected.length && f.seen.some((m, i) => m !== expected[i]);
        }
        return faults;
    }
    stop() { for (const f of this.followers) f.stop(); }
}
