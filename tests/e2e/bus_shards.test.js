// Goal: events go over two Redis, each channel's over one; when one is killed, what was its comes by the digest, and the other's goes
// on as before. Which way a message took is told by counters. It is sent by gateway 1 and heard at gateway 2: a gateway learns of
// its own messages without a bus.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hubbub, until } from './harness.js';

const folder = mkdtempSync(join(tmpdir().length < 40 ? tmpdir() : '/tmp', 'bus-'));
const redis = [];
let hub;

async function start(i) {
    const path = join(folder, `${i}.sock`);
    redis[i] = spawn('redis-server', ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    redis[i].stdout.on('data', (d) => { said += d; });
    await until(`redis ${i}`, () => said.includes('ready to accept connections'));
    return `unix://${path}`;
}

before(async () => {
    const urls = [await start(0), await start(1)];
    hub = await Hubbub.start({ gateways: 2, env: { HUBBUB_BUS_URLS: urls.join(',') } });
}, { timeout: 120_000 });
after(async () => {
    if (hub) {
        console.log(hub.output);
        await hub.stop();
    }
    for (const r of redis) r.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
}, { timeout: 60_000 });

// bus_shard_of().
const shardOf = (id) => Number((BigInt.asUintN(64, BigInt(id) * 0x9e3779b97f4a7c15n) >> 32n) % 2n);

// Of gateway 2.
async function counters() {
    const text = await (await fetch(`http://127.0.0.1:${hub.adminPort('gateway-2')}/metrics`)).text();
    const value = (name) => Number(text.match(new RegExp(`^${name} (\\d+)`, 'm'))[1]);
    return { received: value('hubbub_bus_received_total'), gaps: value('hubbub_gateway_gaps_total') };
}

// Says it, waits until it is heard once, and tells by how many messages of the bus. readBack: also until the gap is counted (the
// gateway shows its counts four times a second).
async function send(world, socket, channel, content, readBack = false) {
    const was = await counters();
    await world.owner.post(`/channels/${channel}/messages`, { content }, { base: `http://${hub.gateways[0]}/api/v10` });
    await socket.message(content);
    const received = (await counters()).received - was.received;
    if (readBack) await until('the gap is counted', async () => (await counters()).gaps > was.gaps);
    assert.equal(socket.dispatched('MESSAGE_CREATE').filter((m) => m.content === content).length, 1);
    return received;
}

test('each channel has its Redis; one that dies takes only its own messages to the digest', { timeout: 120_000 }, async () => {
    const world = await hub.guild(2), channels = [];
    for (let i = 0; channels[0] === undefined || channels[1] === undefined; i++) {
        const { id } = await world.owner.post(`/guilds/${world.guild}/channels`, { name: `shard-${i}` });
        channels[shardOf(id)] ??= id;
    }
    // Presence comes by the bus too, a moment later: when both have heard of each other it is not counted with a message.
    const [member, witness] = world.members;
    const sees = async (s, other) => s.event('PRESENCE_UPDATE', (d) => d.user.id === other.id);
    const watching = await witness.connect({ gateway: 1 });
    await watching.event('SESSIONS_REPLACE');
    const socket = await member.connect({ gateway: 1 });
    await Promise.all([sees(watching, member), socket.event('SESSIONS_REPLACE')]);
    // A gateway that just loaded the guild may not have its topics yet: the first ones may come either way.
    for (const i of [0, 1]) await until(`the bus carries ${i}`, async () => (await send(world, socket, channels[i], `first ${i} ${Date.now()}`)) > 0);
    for (const i of [0, 1]) assert.equal(await send(world, socket, channels[i], `both ${i}`), 1);

    redis[1].kill('SIGKILL');
    await once(redis[1], 'exit');
    await until('gateway 2 has noticed', () => hub.log('gateway-2').includes('"msg":"redis is away: nothing is received"'));
    for (let n = 0; n < 5; n++) {
        assert.equal(await send(world, socket, channels[0], `other ${n}`), 1, 'by its Redis');
        assert.equal(await send(world, socket, channels[1], `lost ${n}`, true), 0, 'read back');
    }

    await start(1);
    await until('the bus carries it again', async () => (await send(world, socket, channels[1], `again ${Date.now()}`)) > 0, 20_000);
    assert.deepEqual((await world.owner.history(channels[1])).map((m) => m.content), socket.dispatched('MESSAGE_CREATE').filter((m) => m.channel_id === channels[1]).map((m) => m.content));
    for (const s of [socket, watching]) await s.close();
});
