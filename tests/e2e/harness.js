// A whole Hubbub for one test file: `hubbub up` on fresh data under the temporary folder, on ports of its own, with people,
// bots, guilds and raw sockets. Everything waits with a deadline; nothing sleeps to get in step.
import { execFileSync, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';

export { sleep };
export const top = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const PASSWORD = 'correct horse battery';
export const ADMINISTRATOR = '8';

// Bits of IDENTIFY's intents and of an application's flags.
export const Intent = { GUILDS: 1, MEMBERS: 1 << 1, PRESENCES: 1 << 8, MESSAGES: 1 << 9, TYPING: 1 << 11, CONTENT: 1 << 15 };
export const INTENTS_ALL = 0x3ffffff & ~((1 << 17) | (1 << 18) | (1 << 19) | (1 << 22) | (1 << 23));
export const PRIVILEGED_APPROVED = (1 << 12) | (1 << 13) | (1 << 14) | (1 << 15) | (1 << 18) | (1 << 19);

export const Op = {
    DISPATCH: 0, HEARTBEAT: 1, IDENTIFY: 2, PRESENCE: 3, VOICE_STATE: 4, RESUME: 6, RECONNECT: 7, REQUEST_MEMBERS: 8,
    INVALID_SESSION: 9, HELLO: 10, ACK: 11, SEND: 100, SENT: 101,
};

let serial = 0;
export const unique = (prefix) => `${prefix}${process.pid.toString(36)}${(serial++).toString(36)}`;

// mulberry32: numbers from 0 up to 1 that a seed repeats.
export function randomOf(start) {
    let state = start;
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let t = Math.imul(state ^ (state >>> 15), 1 | state);
        t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
        return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
}

// The code of an authenticator that holds the secret (base32), `steps` half minutes from now.
export function totp(secret, steps = 0) {
    const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
    const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps));
    const mac = createHmac('sha1', key).update(counter).digest();
    return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

export async function until(what, check, ms = 10_000, stepMs = 20) {
    const end = Date.now() + ms;
    for (;;) {
        const value = await check();
        if (value) return value;
        if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
        await sleep(stepMs);
    }
}

export function routes() {
    const places = [process.env.HUBBUB_ROUTES, join(top, '.build/bazel-bin/protos/hubbub/v1/routes.json')];
    const path = places.find((p) => p && existsSync(p));
    if (!path) throw new Error('routes.json is not built: bazel build //protos/...');
    const json = JSON.parse(readFileSync(path, 'utf8'));
    return Array.isArray(json) ? json : json.routes;
}

function findProgram() {
    const places = [process.env.HUBBUB_PROGRAM, join(top, '.build/bin/hubbub'), join(top, '.build/bazel-bin/tools/hubbub/hubbub')];
    const path = places.find((p) => p && existsSync(p));
    if (!path) throw new Error('hubbub is not built: ./run or bazel build //tools/hubbub');
    return path;
}

export class HttpError extends Error {
    constructor(verb, path, answer) {
        super(`${verb} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
        Object.assign(this, answer);
    }
}

// One HTTP exchange: {status, headers, body}; body is parsed when it is JSON.
export async function exchange(base, verb, path, { token, body, headers = {}, ms = 15_000 } = {}) {
    const raw = body === undefined || body instanceof FormData || typeof body === 'string' || body instanceof Uint8Array;
    const response = await fetch(base + path, {
        method: verb,
        headers: {
            ...(token ? { authorization: token } : {}),
            ...(body !== undefined && !(body instanceof FormData) ? { 'content-type': 'application/json' } : {}),
            ...headers,
        },
        body: raw ? body : JSON.stringify(body),
        signal: AbortSignal.timeout(ms),
        redirect: 'manual',
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const isJson = (response.headers.get('content-type') ?? '').includes('json');
    return { status: response.status, headers: response.headers, bytes, body: isJson && bytes.length ? JSON.parse(bytes.toString()) : bytes.toString() };
}

// Somebody with a token.
export class Client {
    constructor(hub, token, user) {
        Object.assign(this, { hub, token, id: user.id, username: user.username });
    }
    // As it comes, but for 429: waited out, as every client library does.
    async request(verb, path, options = {}) {
        for (let tries = 0; ; tries++) {
            const answer = await exchange(options.base ?? `${this.hub.url}/api/v10`, verb, path, { token: this.token, ...options });
            if (answer.status !== 429 || tries > 100 || options.keep429) return answer;
            await sleep(Math.ceil(answer.body.retry_after * 1000) + 5);
        }
    }
    // The body of a 2xx, or an HttpError.
    async call(verb, path, body, options = {}) {
        const answer = await this.request(verb, path, { body, ...options });
        if (answer.status < 200 || answer.status > 299) throw new HttpError(verb, path, answer);
        return answer.body;
    }
    get(path, options) { return this.call('GET', path, undefined, options); }
    post(path, body = {}, options) { return this.call('POST', path, body, options); }
    patch(path, body, options) { return this.call('PATCH', path, body, options); }
    put(path, body, options) { return this.call('PUT', path, body, options); }
    delete(path, options) { return this.call('DELETE', path, undefined, options); }
    // Turns the second factor on: the client goes on with the new token. Returns the recovery codes.
    async enrol(secret = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP') {
        Object.assign(this, { secret, usedCode: totp(secret) });
        const made = await this.post('/users/@me/mfa/totp/enable', { password: PASSWORD, secret, code: this.usedCode });
        this.token = made.token;
        return made.backup_codes.map((c) => c.code);
    }
    say(channel, content, more = {}) { return this.post(`/channels/${channel}/messages`, { content, ...more }); }
    // All messages of the channel, oldest first, by pages.
    async history(channel) {
        const all = [];
        for (let after = '0'; ;) {
            const page = await this.get(`/channels/${channel}/messages?after=${after}&limit=100`);
            if (!page.length) return all;
            all.push(...page.reverse());
            after = all.at(-1).id;
        }
    }
    // A socket that has identified; READY has come. Options as of Socket, and those of IDENTIFY in `identify`.
    async connect(options = {}) {
        const socket = this.hub.socket(options);
        await socket.op(Op.HELLO);
        socket.identify(this.token, options.identify);
        socket.ready = (await socket.event('READY')).d;
        return socket;
    }
}

// A raw gateway connection: keeps every frame, hands them out in order or by what they are.
export class Socket {
    constructor(url, options = {}) {
        this.frames = [];
        this.seq = null;
        this.waiting = new Set();
        this.ws = new WebSocket(url, { perMessageDeflate: false, ...options.ws });
        this.closed = new Promise((done) => this.ws.on('close', (code, reason) => {
            this.closeCode = code;
            done({ code, reason: String(reason) });
            this.wake();
        }));
        this.ws.on('error', (e) => { this.error = e; });
        this.ws.on('message', (data, binary) => this.take(data, binary));
        this.beat = options.beat ?? true;
    }
    take(data, binary) {
        const frame = JSON.parse(data.toString());
        frame.at = Date.now();
        frame.binary = binary;
        if (frame.op === Op.DISPATCH) this.seq = frame.s;
        if (frame.op === Op.HELLO && this.beat)
            this.timer = setInterval(() => this.send({ op: Op.HEARTBEAT, d: this.seq }), frame.d.heartbeat_interval * 0.8).unref();
        this.frames.push(frame);
        this.wake();
    }
    wake() {
        for (const look of [...this.waiting]) look();
        if (this.closeCode !== undefined) clearInterval(this.timer);
    }
    // The first frame (seen or to come, from index `from` on) for which check is true.
    async find(what, check, { ms = 10_000, from = 0 } = {}) {
        let at = from;
        return new Promise((resolve, reject) => {
            const end = (settle, value) => {
                clearTimeout(timer);
                this.waiting.delete(look);
                settle(value);
            };
            const seen = () => this.frames.slice(-12).map((f) => f.t ?? `op ${f.op}`).join(', ');
            const timer = setTimeout(() => end(reject, new Error(`${what}: not within ${ms} ms; the last frames: ${seen()}`)), ms);
            const look = () => {
                for (; at < this.frames.length; at++)
                    if (check(this.frames[at])) return end(resolve, this.frames[at]);
                if (this.closeCode !== undefined)
                    end(reject, new Error(`${what}: the socket was closed with ${this.closeCode}; the last frames: ${seen()}`));
            };
            this.waiting.add(look);
            look();
        });
    }
    op(op, options) { return this.find(`op ${op}`, (f) => f.op === op, options); }
    event(name, check = () => true, options) {
        return this.find(name, (f) => f.op === Op.DISPATCH && f.t === name && check(f.d), options);
    }
    message(content, options) { return this.event('MESSAGE_CREATE', (d) => d.content === content, options); }
    dispatched(name) { return this.frames.filter((f) => f.t === name).map((f) => f.d); }
    send(frame) {
        if (this.ws.readyState === WebSocket.OPEN) this.ws.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
    }
    identify(token, more = {}) {
        this.send({ op: Op.IDENTIFY, d: { token, intents: INTENTS_ALL, properties: { os: 'linux', browser: 'test', device: 'test' }, ...more } });
    }
    resume(token, session_id, seq) { this.send({ op: Op.RESUME, d: { token, session_id, seq } }); }
    // As a lost network: no close frame.
    destroy() { this.ws.terminate(); }
    async close(code = 1000) {
        this.ws.close(code);
        await this.closed;
    }
    // The code that the server closes with.
    async closeCodeWithin(ms = 10_000) {
        const timer = sleep(ms, undefined, { ref: false });
        const end = await Promise.race([this.closed, timer]);
        if (!end) throw new Error(`the socket was not closed within ${ms} ms; frames: ${this.frames.map((f) => f.t ?? f.op)}`);
        return end.code;
    }
}

export class Hubbub {
    // prepare: given the Hubbub with its data folder before it starts; resolves to more of the environment.
    static async start({ gateways = 1, chats = 1, env = {}, readyMs = 60_000, prepare } = {}) {
        const hub = new Hubbub();
        hub.program = findProgram();
        hub.data = mkdtempSync(join(tmpdir().length < 40 ? tmpdir() : '/tmp', 'hubbub-e2e-'));
        chmodSync(hub.data, 0o711); // PostgreSQL's user passes through it
        env = { ...env, ...await prepare?.(hub) };
        for (let tries = 0; ; tries++) {
            hub.port = 10_000 + 200 * Math.floor(Math.random() * 50); // below the ports that clients are given
            try {
                await hub.up(['--gateways', gateways, '--chats', chats], env, readyMs);
                break;
            } catch (e) {
                if (tries <= 5 && String(e).includes('cannot listen')) continue;
                rmSync(hub.data, { recursive: true, force: true });
                throw e;
            }
        }
        hub.gateways = Array.from({ length: gateways }, (_, i) => `127.0.0.1:${hub.port + i + 1}`);
        return hub;
    }
    async up(args, env, readyMs) {
        this.url = `http://127.0.0.1:${this.port}`;
        this.output = '';
        // Should this process be killed, Hubbub stops too.
        this.child = spawn('setpriv', ['--pdeathsig', 'TERM', this.program, 'up', ...args.map(String)], {
            // Tests send more than people do; one that is about limits asks for them.
            env: { ...process.env, HUBBUB_DATA: this.data, HUBBUB_RATELIMIT: 'off', HUBBUB_LISTEN: `127.0.0.1:${this.port}`, ...env },
            stdio: ['ignore', 'pipe', 'pipe'],
        });
        this.exited = new Promise((done) => this.child.on('exit', (code, signal) => {
            this.exit = { code, signal };
            done(this.exit);
        }));
        for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (d) => { this.output += d; });
        try {
            await until('Hubbub is ready', () => {
                if (this.exit) throw new Error(`hubbub up ended: ${this.output}`);
                return this.output.includes('Hubbub is ready at');
            }, readyMs);
        } catch (e) {
            this.child.kill('SIGTERM');
            await this.exited;
            this.exit = undefined;
            throw new Error(`${e.message}\n${this.output}\n${this.tails()}`);
        }
    }
    async stop() {
        this.child.kill('SIGTERM');
        const end = await Promise.race([this.exited, sleep(40_000, undefined, { ref: false })]);
        if (!end) this.child.kill('SIGKILL');
        const faults = this.sanitizerReports();
        if (process.env.HUBBUB_KEEP) console.log(`data kept in ${this.data}`);
        else rmSync(this.data, { recursive: true, force: true });
        if (faults) throw new Error(faults);
        if (!end || end.code !== 0) throw new Error(`hubbub up ended with ${JSON.stringify(end ?? 'SIGKILL')}\n${this.output}`);
    }
    // What AddressSanitizer and UndefinedBehaviorSanitizer wrote, in a build that has them.
    sanitizerReports() {
        const folder = join(this.data, 'log');
        const reports = readdirSync(folder).map((f) => [f, readFileSync(join(folder, f), 'utf8')])
            .map(([f, text]) => [f, text.search(/ERROR: \w+Sanitizer|runtime error: /), text]).filter(([, at]) => at >= 0);
        return reports.map(([f, at, text]) => `${f}: ${text.slice(Math.max(0, at - 200), at + 4000)}`).join('\n');
    }
    // The last lines of each log: for people who read a failure.
    tails(lines = 8) {
        const folder = join(this.data, 'log');
        return existsSync(folder)
            ? readdirSync(folder).map((f) => `--- ${f}\n${readFileSync(join(folder, f), 'utf8').split('\n').slice(-lines).join('\n')}`).join('\n')
            : '';
    }
    log(name) { return readFileSync(join(this.data, 'log', `${name}.log`), 'utf8'); }
    pid(name) { return Number(readFileSync(join(this.data, 'run', `${name}.pid`), 'utf8')); }
    // Signals a process; for PostgreSQL also its backends, which a frozen postmaster would not freeze.
    signal(name, signal) {
        const pid = this.pid(name);
        const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
        const all = signal === 'SIGSTOP' || signal === 'SIGCONT' ? [pid, ...children] : [pid];
        for (const p of all) process.kill(p, signal);
        return pid;
    }
    // kill -9; returns once the supervisor has another one in its place that answers.
    async killAndWait(name, ms = 30_000) {
        const old = this.signal(name, 'SIGKILL');
        await until(`${name} runs again`, () => {
            try {
                return this.pid(name) !== old;
            } catch {
                return false;
            }
        }, ms);
        await this.allReady(ms);
    }
    adminPort(name) {
        const [kind, n] = name.split('-');
        return this.port + { gateway: 100, chat: 120, presence: 140, media: 160 }[kind] + Number(n);
    }
    async readyz(name) {
        try {
            return (await fetch(`http://127.0.0.1:${this.adminPort(name)}/readyz`, { signal: AbortSignal.timeout(1000) })).status;
        } catch {
            return 0;
        }
    }
    names() { return readdirSync(join(this.data, 'run')).filter((f) => f.endsWith('.pid')).map((f) => f.slice(0, -4)); }
    async allReady(ms = 30_000) {
        const services = this.names().filter((n) => !/^(postgres|redis)/.test(n));
        for (const name of services) await until(`${name} is ready`, async () => (await this.readyz(name)) === 200, ms, 50);
    }
    redis(...args) { return execFileSync('redis-cli', ['-s', join(this.data, 'run/redis.sock'), ...args], { encoding: 'utf8' }); }
    psql(sql) {
        return execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', `host=${this.data}/postgres/socket user=hubbub dbname=hubbub`, '-c', sql], { encoding: 'utf8' }).trim();
    }
    command(...args) {
        return execFileSync(this.program, args, { encoding: 'utf8', env: { ...process.env, HUBBUB_DATA: this.data, HUBBUB_LISTEN: `127.0.0.1:${this.port}` } }).trim();
    }

    // ---- People, bots, guilds
    request(verb, path, options) { return exchange(`${this.url}/api/v10`, verb, path, options); }
    async register(name = unique('person')) {
        const answer = await this.request('POST', '/auth/register', {
            body: { username: name, password: PASSWORD, consent: true, date_of_birth: '1990-05-17' },
        });
        if (answer.status !== 201) throw new HttpError('POST', '/auth/register', answer);
        const { token } = answer.body;
        const me = await new Client(this, token, {}).get('/users/@me');
        return new Client(this, token, me);
    }
    people(n) { return Promise.all(Array.from({ length: n }, () => this.register())); }
    // {owner, guild, channel, voice, invite, members}: a guild of `owner` with n others.
    async guild(members = 0, name = unique('guild ')) {
        const owner = await this.register();
        const guild = await owner.post('/guilds', { name, system_channel_flags: 1 }); // the messages are those of the tests
        const channels = await owner.get(`/guilds/${guild.id}/channels`);
        const channel = channels.find((c) => c.type === 0).id;
        const { code } = await owner.post(`/channels/${channel}/invites`, { max_age: 0 });
        const others = await this.people(members);
        for (const m of others) await m.post(`/invites/${code}`);
        return { owner, guild: guild.id, channel, voice: channels.find((c) => c.type === 2)?.id, invite: code, members: others };
    }
    // A bot of `owner`, in the guild when one is given.
    async bot(owner, { guild, permissions = ADMINISTRATOR, flags = PRIVILEGED_APPROVED, name = unique('bot') } = {}) {
        const application = await owner.post('/applications', { name });
        await owner.patch(`/applications/${application.id}`, { flags });
        const { token } = await owner.post(`/applications/${application.id}/bot`);
        if (guild)
            await owner.post(`/oauth2/authorize?client_id=${application.id}&scope=bot&permissions=${permissions}`, { guild_id: guild, permissions, authorize: true });
        const me = await new Client(this, `Bot ${token}`, {}).get('/users/@me');
        const bot = new Client(this, `Bot ${token}`, me);
        bot.secret = token;
        bot.application = application.id;
        return bot;
    }
    // options.gateway: 0.. for one gateway's own port; options.path: "/?v=10&encoding=json".
    socket(options = {}) {
        const host = options.gateway === undefined ? `127.0.0.1:${this.port}` : this.gateways[options.gateway];
        return new Socket(`ws://${host}${options.path ?? '/?v=10&encoding=json'}`, options);
    }
}

// Starts one Hubbub before the tests of a file and stops it after them. What the supervisor said is shown: a process that
// died unasked stands there. HUBBUB_TAILS=1 shows the logs' tails too, HUBBUB_KEEP=1 keeps the data.
export function withHubbub({ before, after }, options) {
    const holder = {};
    before(async () => { holder.hub = await Hubbub.start(options); }, { timeout: 120_000 });
    after(async () => {
        if (!holder.hub) return;
        console.log(holder.hub.output);
        if (process.env.HUBBUB_TAILS) console.log(holder.hub.tails(40));
        await holder.hub.stop();
    }, { timeout: 60_000 });
    return holder;
}
