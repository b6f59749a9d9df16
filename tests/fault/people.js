// Who takes part in a run, as careful client libraries do, and what they record of it.
import { setTimeout as sleep } from 'node:timers/promises';
import { Op, exchange } from '../e2e/harness.js';

// Sends into the channels in turn until stop(). A message without an answer, or with 5xx, is sent again with its nonce.
export class Writer {
    constructor(hub, person, channels, rate, random) {
        Object.assign(this, { hub, person, channels, random, pause: 1000 / rate, sends: [], stopped: false });
        this.done = this.run();
    }
    async run() {
        for (let n = 0; !this.stopped; n++) {
            const started = Date.now();
            await this.send({ nonce: `${this.person.username}-${n}`, channel: this.channels[n % this.channels.length], answer: 'unknown' });
            await sleep(Math.max(0, this.pause * 2 * this.random() - (Date.now() - started)));
        }
    }
    async send(one) {
        this.sends.push(one);
        for (let tries = 0; tries < 400; tries++) {
            const gateway = this.hub.gateways[Math.floor(this.random() * this.hub.gateways.length)];
            const answer = await exchange(`http://${gateway}/api/v10`, 'POST', `/channels/${one.channel}/messages`, {
                token: this.person.token, body: { content: one.nonce, nonce: one.nonce, enforce_nonce: true }, ms: 5000,
            }).catch(() => null);
            if (answer?.status === 200) return this.acknowledged(Object.assign(one, { answer: 'acknowledged', id: answer.body.id }));
            if (answer && answer.status < 500) return Object.assign(one, { answer: 'refused', why: `${answer.status} ${answer.body.code}` });
            await sleep(30 + 100 * this.random());
        }
        return one;
    }
    // Now and then something else than a message: a reaction goes the way of all other changes.
    acknowledged(one) {
        if (this.random() < 0.1)
            this.person.request('PUT', `/channels/${one.channel}/messages/${one.id}/reactions/%F0%9F%91%8D/@me`, { ms: 5000 }).catch(() => {});
        return one;
    }
    stop() {
        this.stopped = true;
        return this.done;
    }
}

// Reads live, resumes at any gateway when its socket is lost, and begins anew and pages through what it missed when it may not.
export class Reader {
    constructor(hub, person, channels, nemesis, random) {
        Object.assign(this, { hub, person, nemesis, random, name: person.username, first: {}, heard: [], newest: {}, resumes: 0, begins: 0, stopped: false });
        this.channels = new Set(channels);
    }
    async start() {
        await this.begin(await this.connect());
        this.follow();
        return this;
    }
    async connect() {
        this.gateway = Math.floor(this.random() * this.hub.gateways.length);
        const socket = this.hub.socket({ gateway: this.gateway });
        await socket.op(Op.HELLO, { ms: 5000 });
        return socket;
    }
    take(frame) {
        if (frame.op === Op.RECONNECT) this.socket.ws.close(4200);
        if (frame.op !== Op.DISPATCH) return;
        this.seq = frame.s;
        if (frame.t === 'MESSAGE_CREATE' && this.channels.has(frame.d.channel_id)) this.hear(frame.d, { ends: this.ends, n: this.ends?.length });
    }
    hear(message, how) {
        this.heard.push({ id: message.id, channel: message.channel_id, nonce: message.content, ...how });
        this.newest[message.channel_id] = message.id;
    }
    // From READY on; the frames that have come by then are taken in order, those to come as they come.
    attach(socket) {
        this.socket = socket;
        for (const frame of socket.frames) this.take(frame);
        socket.frames = { push: (frame) => this.take(frame), slice: () => [], at: () => undefined, length: 0 };
    }
    async begin(socket) {
        this.begins++;
        this.session = null;
        socket.identify(this.person.token);
        const ready = (await socket.event('READY', () => true, { ms: 15_000 })).d;
        const guild = (await socket.event('GUILD_CREATE', (d) => d.channels.some((c) => this.channels.has(c.id)), { ms: 15_000 })).d;
        await this.catchUp(Object.fromEntries(guild.channels.map((c) => [c.id, c.last_message_id ?? '0'])));
        this.session = ready.session_id;
        this.ends = []; // of this session's sockets: where, and when
        this.attach(socket);
    }
    // What was said since the last that was heard, up to what the new session begins behind.
    async catchUp(last) {
        for (const channel of this.channels) {
            if (this.begins === 1) {
                this.first[channel] = this.newest[channel] = last[channel];
                continue;
            }
            await this.readUpTo(channel, last[channel]);
        }
    }
    async readUpTo(channel, last) {
        while (BigInt(this.newest[channel]) < BigInt(last)) {
            const page = (await this.page(channel)).reverse().filter((m) => BigInt(m.id) <= BigInt(last));
            if (!page.length) return; // the last one was deleted
            for (const m of page) this.hear(m, { read: true });
        }
    }
    page(channel) { return this.person.get(`/channels/${channel}/messages?after=${this.newest[channel]}&limit=100`); }
    async resume(socket) {
        socket.resume(this.person.token, this.session, this.seq);
        const answer = await socket.find('RESUMED or 9', (f) => f.op === Op.DISPATCH || f.op === Op.INVALID_SESSION, { ms: 10_000 });
        if (answer.op === Op.INVALID_SESSION) return this.begin(socket);
        this.resumes++;
        return this.attach(socket);
    }
    async follow() {
        while (!this.stopped) {
            await this.socket.closed;
            this.ends.push({ gateway: this.gateway, at: Date.now() });
            for (let back = false; !back && !this.stopped;) {
                try {
                    const socket = await this.connect();
                    await (this.session ? this.resume(socket) : this.begin(socket));
                    back = true;
                } catch {
                    await sleep(50 + 100 * this.random());
                }
            }
        }
    }
    // For the checker, once it is known who was killed when.
    record() {
        const heard = this.heard.map(({ ends = [], n, ...h }) => ({ ...h, repeatable: ends.slice(0, n).some((e) => this.nemesis.killed(e)) }));
        return { name: this.name, first: this.first, heard };
    }
    stop() {
        this.stopped = true;
        this.socket.destroy();
    }
}
