// Breaks things, one after the other, as the seed says; each mended before the next. A row of FAULTS: how likely, and what it does. First
// each row has its turn once.
import { setTimeout as sleep } from 'node:timers/promises';

const SERVICES = ['gateway-1', 'gateway-2', 'chat-1', 'chat-2', 'presence-1', 'media-1'];
const GATEWAYS = SERVICES.slice(0, 2), CHATS = SERVICES.slice(2, 4);
const CHAT_POINTS = ['batch_published', 'batch_stored', 'change_committed', 'change_written'], GATEWAY_POINTS = ['move_confirmed', 'session_taken'];
const POINT_MS = 60_000; // within which a process comes to its fault point, under load

async function pause(n, name, ms) {
    n.hub.signal(name, 'SIGSTOP');
    await sleep(ms);
    try {
        n.hub.signal(name, 'SIGCONT');
    } catch { /* the supervisor gave up on it and started another */ }
}
async function kill(n, name) {
    if (name.startsWith('gateway')) n.kills.push([Number(name.at(-1)) - 1, Date.now()]);
    await n.hub.killAndWait(name, 60_000);
}
async function pauseServer(n, server, ms) {
    server.signal('SIGSTOP');
    await sleep(ms);
    server.signal('SIGCONT');
}

// Dies at a fault point: it is started anew for that, and then comes to the point by what people do.
async function dieAt(n, name, point, nth, provoke = () => {}) {
    n.stage.arm(name, point, nth);
    await kill(n, name);
    const armed = n.hub.pid(name), end = Date.now() + POINT_MS;
    while (n.isRunning(armed) && Date.now() < end) {
        provoke();
        await sleep(20);
    }
    if (n.isRunning(armed)) return n.log.push(`  ${name} did not come to ${point}`);
    n.points[point] = (n.points[point] ?? 0) + 1;
    if (name.startsWith('gateway')) n.kills.push([Number(name.at(-1)) - 1, Date.now()]);
}

const cutReaders = (n, share = 0.5) => n.readers.filter(() => n.random() < share).forEach((r) => r.socket.destroy());
// Some links of one kind, for a while in the state that is made of them.
async function withLinks(n, make, ms = 300 + 2700 * n.random()) {
    const kind = n.pick(['chat', 'redis', 'postgres']), all = n.stage.links.filter((l) => l.kind === kind);
    const some = all.filter(() => n.random() < 0.5), chosen = some.length ? some : all;
    n.log.push(`  ${chosen.map((l) => l.name).join(', ')}`);
    chosen.forEach(make);
    await sleep(ms);
    n.stage.mend();
}

const FAULTS = [
    [6, 'kill', async (n) => n.told(n.pick(SERVICES.slice(0, 4)), (name) => kill(n, name))],
    [1, 'kill', async (n) => n.told(n.pick(SERVICES.slice(4)), (name) => kill(n, name))],
    [1, 'kill Redis', async (n) => kill(n, 'redis-1')],
    [1, 'kill PostgreSQL', async (n) => n.pair.crash()],
    [2, 'fail over to the other PostgreSQL', async (n) => {
        await n.pair.failOver();
        await n.hub.allReady(60_000);
        await n.pair.follow();
    }],
    [3, 'pause', async (n) => n.told(n.pick([...SERVICES, 'redis-1']), (name) => pause(n, name, 300 + 2500 * n.random()))],
    [2, 'pause a PostgreSQL', async (n) => n.told(n.pick(['primary', 'follower']), (which) => pauseServer(n, n.pair[which], 300 + 2500 * n.random()))],
    [5, 'cut sockets of readers', async (n) => cutReaders(n)],
    [2, 'wipe Redis', async (n) => n.hub.redis('FLUSHALL')],
    [2, 'cut every subscriber of Redis', async (n) => n.hub.redis('CLIENT', 'KILL', 'TYPE', 'pubsub')],
    [2, 'kill a chat whose publications wait', async (n) => {
        n.hub.redis('CLIENT', 'PAUSE', '1500', 'WRITE');
        await sleep(200 + 800 * n.random());
        await n.told(n.pick(CHATS), (name) => kill(n, name));
    }],
    [4, 'kill a chat at a fault point', async (n) => n.told(`${n.pick(CHATS)} at ${n.pick(CHAT_POINTS)}`, (what) => {
        const [name, , point] = what.split(' ');
        return dieAt(n, name, point, 1 + Math.floor(10 * n.random()));
    })],
    [2, 'kill a gateway at a fault point', async (n) => n.told(`${n.pick(GATEWAYS)} at ${n.pick(GATEWAY_POINTS)}`, (what) => {
        const [name, , point] = what.split(' ');
        return dieAt(n, name, point, 1 + Math.floor(3 * n.random()), () => n.random() < 0.1 && cutReaders(n, 0.3));
    })],
    [2, 'kill a gateway and a chat at once', async (n) => Promise.all([kill(n, n.pick(GATEWAYS)), kill(n, n.pick(CHATS))])],
    [2, 'end every session of PostgreSQL', async (n) => n.pair.primary.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")],
    [2, 'cut links', async (n) => withLinks(n, (l) => l.cut(), 0)],
    [2, 'cut links in the middle of a message', async (n) => withLinks(n, (l) => { l.cutAfter = Math.floor(4000 * n.random()); })],
    [2, 'refuse on links', async (n) => withLinks(n, (l) => l.set('refused'))],
    [3, 'hang links', async (n) => withLinks(n, (l) => l.set('hung'))],
    [2, 'lose the answers of links', async (n) => withLinks(n, (l) => l.set('mute'))],
    [2, 'delay links', async (n) => withLinks(n, (l) => { l.delayMs = 20 + Math.floor(180 * n.random()); })],
];

export class Nemesis {
    constructor(stage, random) { Object.assign(this, { stage, hub: stage.hub, pair: stage.pair, random, readers: [], kills: [], log: [], count: 0, points: {} }); }
    pick(list) { return list[Math.floor(this.random() * list.length)]; }
    async told(name, act) {
        this.log.push(`  ${name}`);
        await act(name);
    }
    isRunning(pid) {
        try {
            return process.kill(pid, 0);
        } catch {
            return false;
        }
    }
    // A socket ended because its gateway was killed (what a fault point kills is noticed later), not for another reason.
    killed({ gateway, at }) { return this.kills.some(([g, when]) => g === gateway && at > when - 2000 && at < when + 15_000); }
    shuffled(list) {
        const rest = [...list], out = [];
        while (rest.length) out.push(...rest.splice(Math.floor(this.random() * rest.length), 1));
        return out;
    }
    async run(ms, betweenMs) {
        const start = Date.now(), all = FAULTS.flatMap((row) => Array(row[0]).fill(row)), first = this.shuffled(FAULTS);
        while (first.length || Date.now() - start < ms) {
            const [, what, act] = first.pop() ?? this.pick(all), began = Date.now();
            this.log.push(`${((Date.now() - start) / 1000).toFixed(1)} s: ${what}`);
            this.count++;
            try {
                await act(this);
            } catch (e) {
                this.log.push(`  it failed: ${e.message.split('\n')[0]}`);
                this.failed = true;
            }
            this.stage.mend();
            await this.hub.allReady(60_000).catch((e) => {
                this.failed = true;
                this.log.push(`  it was not mended: ${e.message}`, this.hub.tails(30));
            });
            this.log.push(`  mended after ${Date.now() - began} ms`);
            await sleep(betweenMs * 2 * this.random());
        }
    }
}
