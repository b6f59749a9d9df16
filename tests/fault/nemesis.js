// Breaks things, one after the other, as the seed says; each mended before the next. A row of FAULTS: how likely, and what it does.
import { setTimeout as sleep } from 'node:timers/promises';

const SERVICES = ['gateway-1', 'gateway-2', 'chat-1', 'chat-2', 'presence-1', 'media-1'];
const STORES = ['postgres-1', 'redis-1'];

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

const FAULTS = [
    [6, 'kill', async (n) => n.told(n.pick(SERVICES.slice(0, 4)), (name) => kill(n, name))],
    [1, 'kill', async (n) => n.told(n.pick(SERVICES.slice(4)), (name) => kill(n, name))],
    [2, 'kill', async (n) => n.told(n.pick(STORES), (name) => kill(n, name))],
    [4, 'pause', async (n) => n.told(n.pick([...SERVICES, ...STORES]), (name) => pause(n, name, 300 + 2500 * n.random()))],
    [5, 'cut sockets of readers', async (n) => n.readers.filter(() => n.random() < 0.5).forEach((r) => r.socket.destroy())],
    [2, 'wipe Redis', async (n) => n.hub.redis('FLUSHALL')],
    [2, 'cut every subscriber of Redis', async (n) => n.hub.redis('CLIENT', 'KILL', 'TYPE', 'pubsub')],
    // What is committed in between was never told to anybody but its sender: the gap between COMMIT and PUBLISH.
    [4, 'kill a chat whose publications wait', async (n) => {
        n.hub.redis('CLIENT', 'PAUSE', '1500', 'WRITE');
        await sleep(200 + 800 * n.random());
        await n.told(n.pick(['chat-1', 'chat-2']), (name) => kill(n, name));
    }],
    [2, 'kill a gateway and a chat at once', async (n) => Promise.all([kill(n, n.pick(['gateway-1', 'gateway-2'])), kill(n, n.pick(['chat-1', 'chat-2']))])],
    [2, 'end every session of PostgreSQL', async (n) => n.hub.psql('SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename IS NOT NULL')],
];

export class Nemesis {
    constructor(hub, random) { Object.assign(this, { hub, random, readers: [], kills: [], log: [], count: 0 }); }
    pick(list) { return list[Math.floor(this.random() * list.length)]; }
    async told(name, act) {
        this.log.push(`  ${name}`);
        await act(name);
    }
    // A reader's socket ended because its gateway was killed, not for another reason.
    killedLately(gateway) { return this.kills.some(([g, at]) => g === gateway && Date.now() - at < 15_000); }
    async run(ms, betweenMs) {
        const start = Date.now(), all = FAULTS.flatMap(([times, what, act]) => Array(times).fill([what, act]));
        while (Date.now() - start < ms) {
            const [what, act] = this.pick(all);
            this.log.push(`${((Date.now() - start) / 1000).toFixed(1)} s: ${what}`);
            this.count++;
            try {
                await act(this);
            } catch (e) {
                this.log.push(`  it failed: ${e.message.split('\n')[0]}`);
            }
            await this.hub.allReady(60_000);
            await sleep(betweenMs * 2 * this.random());
        }
    }
}
