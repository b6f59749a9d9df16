// Goal: what people show is seen by others, on another gateway too, and goes when they go: closed, dropped, killed, forgotten.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Intent, Op, sleep, until, withHubbub } from '../e2e/harness.js';

// With 30 s between heartbeats, the default, a silent client is offline within a minute: here it takes less.
const up = withHubbub({ before, after }, { gateways: 2, env: { HUBBUB_HEARTBEAT_INTERVAL_MS: '8000' } });
const of = (id, status) => (d) => d.user.id === id && d.status === status;

describe('what is shown', () => {
    let hub, world, watcher, person;
    before(async () => {
        ({ hub } = up);
        world = await hub.guild(1);
        person = world.members[0];
        watcher = await world.owner.connect({ gateway: 0 });
        await watcher.event('GUILD_CREATE');
    });

    test('a custom status, to somebody at another gateway; fields that are none are left out', async () => {
        const socket = await person.connect({
            gateway: 1,
            identify: { properties: { os: 'x', browser: 'Discord Client', device: '' }, presence: { status: 'dnd', since: null, afk: false, activities: [
                { type: 4, name: 'Custom Status', state: 'at sea', emoji: { id: null, name: '⛵' } }, { type: 42, name: 'x' }, { type: 0, name: 'x'.repeat(300), secrets: { join: 's' } }] } },
        });
        const { d } = await watcher.event('PRESENCE_UPDATE', of(person.id, 'dnd'));
        assert.deepEqual(d.activities, [{ name: 'Custom Status', type: 4, state: 'at sea', emoji: { name: '⛵' } }, { name: 'x'.repeat(128), type: 0 }]);
        assert.deepEqual(d.client_status, { desktop: 'dnd' });
        assert.equal(d.guild_id, world.guild);
        const { d: sessions } = await socket.event('SESSIONS_REPLACE', (list) => list.length === 1);
        assert.equal(sessions[0].status, 'dnd');
        const phone = await person.connect({ gateway: 0, identify: { properties: { os: 'x', browser: 'Discord iOS', device: '' } } });
        const both = await watcher.event('PRESENCE_UPDATE', of(person.id, 'online'));
        assert.deepEqual(both.d.client_status, { desktop: 'dnd', mobile: 'online' });
        const list = await socket.event('SESSIONS_REPLACE', (l) => l.length === 3);
        assert.deepEqual(list.d.map((s) => s.session_id === 'all' ? 'all' : s.client_info.client).sort(), ['all', 'desktop', 'mobile']);
        await phone.event('SESSIONS_REPLACE', (l) => l.length === 3);
        await phone.close();
        await socket.close();
        await watcher.event('PRESENCE_UPDATE', of(person.id, 'offline'), { from: watcher.frames.length - 1 });
    });

    test('invisible is offline to others, and not to oneself', async () => {
        const from = watcher.frames.length;
        const socket = await person.connect({ gateway: 1, identify: { presence: { status: 'invisible', since: null, afk: false, activities: [] } } });
        const { d } = await socket.event('SESSIONS_REPLACE');
        assert.equal(d[0].status, 'invisible');
        await sleep(1000);
        assert.ok(!watcher.frames.slice(from).some((f) => f.t === 'PRESENCE_UPDATE' && f.d.user.id === person.id && f.d.status !== 'offline'));
        socket.send({ op: 3, d: { status: 'idle', since: Date.now(), afk: true, activities: [] } });
        await watcher.event('PRESENCE_UPDATE', of(person.id, 'idle'), { from });
        socket.send({ op: 3, d: { status: 'invisible', since: null, afk: false, activities: [] } });
        await watcher.event('PRESENCE_UPDATE', of(person.id, 'offline'), { from });
        await socket.close();
    });

    test('of more than five changes in 20 s the first five count, and the socket stays', async () => {
        const from = watcher.frames.length;
        const socket = await person.connect({ gateway: 1 });
        const show = (state) => socket.send({ op: 3, d: { status: 'online', since: null, afk: false, activities: [{ type: 4, name: 'Custom Status', state }] } });
        const state = (frame) => frame.d.activities[0]?.state;
        for (let i = 1; i <= 8; i++) show(`state ${i}`);
        socket.send({ op: Op.HEARTBEAT, d: socket.seq });
        await socket.op(Op.ACK);
        await watcher.event('PRESENCE_UPDATE', (d) => d.user.id === person.id && d.activities[0]?.state === 'state 5', { from });
        const late = await world.owner.connect({ gateway: 1 });
        const { d: guild } = await late.event('GUILD_CREATE', (d) => d.id === world.guild);
        assert.equal(guild.presences.find((p) => p.user.id === person.id).activities[0].state, 'state 5');
        assert.ok(!watcher.frames.slice(from).some((f) => f.t === 'PRESENCE_UPDATE' && /state [678]/.test(state(f))));
        assert.equal(socket.closeCode, undefined);
        await Promise.all([late.close(), socket.close()]);
        await watcher.event('PRESENCE_UPDATE', of(person.id, 'offline'), { from });
    });

    test('a dropped socket is shown for 10 s more, and a session that is resumed stays', { timeout: 60_000 }, async () => {
        const from = watcher.frames.length;
        const socket = await person.connect({ gateway: 1 });
        await watcher.event('PRESENCE_UPDATE', of(person.id, 'online'), { from });
        socket.destroy();
        const at = Date.now();
        await watcher.event('PRESENCE_UPDATE', of(person.id, 'offline'), { from, ms: 20_000 });
        const took = Date.now() - at;
        assert.ok(took > 8000 && took < 15_000, `${took} ms`);
    });

    test('in a guild of more than 250 members bots are told, and people of whom they subscribed to', { timeout: 60_000 }, async () => {
        const large = await hub.guild(2);
        hub.psql(`INSERT INTO users (id, username) SELECT i, 'mass' || i FROM generate_series(2000001, 2000300) i;
            INSERT INTO members (guild_id, user_id) SELECT ${large.guild}, i FROM generate_series(2000001, 2000300) i;
            UPDATE guilds SET member_count = member_count + 300 WHERE id = ${large.guild}`);
        const [one, two] = large.members;
        const bot = await hub.bot(large.owner, { guild: large.guild });
        const app = await bot.connect({ gateway: 0, identify: { intents: Intent.GUILDS | Intent.PRESENCES } });
        const viewer = await large.owner.connect({ gateway: 0 });
        for (const socket of [app, viewer]) await socket.event('GUILD_CREATE');
        viewer.send({ op: 14, d: { guild_id: large.guild, members: [one.id], typing: true, activities: true } });
        const sockets = [await one.connect({ gateway: 1 }), await two.connect({ gateway: 1 })];
        await app.event('PRESENCE_UPDATE', of(one.id, 'online'));
        await app.event('PRESENCE_UPDATE', of(two.id, 'online'));
        await viewer.event('PRESENCE_UPDATE', of(one.id, 'online'));
        await sleep(300);
        assert.ok(!viewer.dispatched('PRESENCE_UPDATE').some((d) => d.user.id === two.id));
        viewer.send({ op: 37, d: { subscriptions: { [large.guild]: { members: [two.id] } } } });
        await viewer.event('PRESENCE_UPDATE', of(two.id, 'online'));
        for (const socket of [app, viewer, ...sockets]) await socket.close();
    });
});

test('a wiped Redis: who leaves is seen to leave, and within 60 s everything is right', { timeout: 120_000 }, async () => {
    const { hub } = up;
    const { owner, members: [stays, leaves] } = await hub.guild(2);
    const watcher = await owner.connect({ gateway: 0 });
    const [a, b] = [await stays.connect({ gateway: 1 }), await leaves.connect({ gateway: 1 })];
    await watcher.event('PRESENCE_UPDATE', of(stays.id, 'online'));
    await watcher.event('PRESENCE_UPDATE', of(leaves.id, 'online'));
    hub.redis('FLUSHALL');
    await b.close();
    await watcher.event('PRESENCE_UPDATE', of(leaves.id, 'offline'), { ms: 60_000 });
    await until('presence is announced again', () => hub.redis('HGET', `presence:${stays.id}`, 'status').trim() === 'online', 60_000, 250);
    const from = watcher.frames.length;
    a.send({ op: 3, d: { status: 'dnd', since: null, afk: false, activities: [] } });
    await watcher.event('PRESENCE_UPDATE', of(stays.id, 'dnd'), { from });
    for (const socket of [watcher, a]) await socket.close();
});

test('kill -9 of a client, and one whose network falls silent: both are offline within 90 s', { timeout: 150_000 }, async () => {
    const { hub } = up;
    const { owner, guild, members: [killed, silent] } = await hub.guild(2);
    const watcher = await owner.connect({ gateway: 0 });
    await watcher.event('GUILD_CREATE', (d) => d.id === guild);
    const program = fileURLToPath(new URL('client.js', import.meta.url));
    const clients = [killed, silent].map((p) => spawn(process.execPath, [program, `ws://${hub.gateways[1]}/?v=10&encoding=json`, p.token], { stdio: 'inherit' }));
    try {
        for (const p of [killed, silent]) await watcher.event('PRESENCE_UPDATE', of(p.id, 'online'), { ms: 20_000 });
        clients[0].kill('SIGKILL');
        clients[1].kill('SIGSTOP'); // its socket stays open, and says nothing
        for (const p of [killed, silent]) await watcher.event('PRESENCE_UPDATE', of(p.id, 'offline'), { ms: 90_000 });
    } finally {
        for (const c of clients) c.kill('SIGKILL');
    }
    await watcher.close();
});

test('kill -9 of a gateway: its people are offline within 90 s', { timeout: 150_000 }, async () => {
    const { hub } = up;
    const { owner, members: [member] } = await hub.guild(1);
    const watcher = await owner.connect({ gateway: 0 });
    await watcher.event('GUILD_CREATE');
    const socket = await member.connect({ gateway: 1 });
    await watcher.event('PRESENCE_UPDATE', of(member.id, 'online'));
    await hub.killAndWait('gateway-2');
    const at = Date.now();
    await socket.closed;
    await watcher.event('PRESENCE_UPDATE', of(member.id, 'offline'), { ms: 90_000 });
    console.log(`offline after ${Date.now() - at} ms`);
    await watcher.close();
});
