// Goal: a client that applies GUILD_MEMBER_LIST_UPDATE to an array of its own has the list that the guild has, after random
// acts of people and over two gateways. The seed is printed; MEMBER_LIST_SEED repeats one.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Op, until, withHubbub } from '../e2e/harness.js';

const up = withHubbub({ before, after }, { gateways: 2 });
const seed = Number(process.env.MEMBER_LIST_SEED ?? Date.now() % 1_000_000);
const ACTS = 60;
const LOOK = 14;

function generator(state) {
    return (n) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor((state / 2 ** 32) * n);
    };
}

// What a client library does with the operations.
class List {
    constructor(socket) {
        Object.assign(this, { socket, rows: [], seen: 0 });
    }
    apply() {
        for (; this.seen < this.socket.frames.length; this.seen++) {
            const { t, d } = this.socket.frames[this.seen];
            if (t !== 'GUILD_MEMBER_LIST_UPDATE') continue;
            for (const op of d.ops) this[op.op](op);
            this.last = d;
        }
    }
    SYNC({ range: [first, last], items }) {
        for (let i = first; i <= last; i++) this.rows[i] = items[i - first];
    }
    INVALIDATE({ range: [first, last] }) {
        for (let i = first; i <= last; i++) this.rows[i] = undefined;
    }
    INSERT({ index, item }) { this.rows.splice(index, 0, item); }
    UPDATE({ index, item }) { this.rows[index] = item; }
    DELETE({ index }) { this.rows.splice(index, 1); }
    text() {
        this.apply();
        return this.rows.filter(Boolean).map((r) => (r.group ? `[${r.group.id}]` : `${r.member.nick ?? r.member.user.username} ${r.member.presence.status}`));
    }
}

// The truth, from REST and from who has a socket.
async function truth(owner, guild, statuses) {
    const members = await owner.get(`/guilds/${guild}/members?limit=1000`);
    const roles = (await owner.get(`/guilds/${guild}/roles`)).filter((r) => r.hoist).sort((a, b) => b.position - a.position);
    const groups = new Map([...roles.map((r) => r.id), 'online', 'offline'].map((id) => [id, []]));
    for (const m of members) {
        const status = statuses.get(m.user.id) ?? 'offline';
        const role = roles.find((r) => m.roles.includes(r.id));
        groups.get(status === 'offline' ? 'offline' : role?.id ?? 'online').push({ name: m.nick ?? m.user.username, status, id: m.user.id });
    }
    const order = (a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : a.name.toLowerCase() > b.name.toLowerCase() ? 1 : Number(BigInt(a.id) - BigInt(b.id)));
    return [...groups].filter(([, all]) => all.length).flatMap(([id, all]) => [`[${id}]`, ...all.sort(order).map((m) => `${m.name} ${m.status}`)]);
}

async function scene(hub) {
    const world = await hub.guild(7);
    const roles = [];
    for (const name of ['captain', 'crew']) roles.push((await world.owner.post(`/guilds/${world.guild}/roles`, { name, hoist: true })).id);
    const sockets = new Map([[world.owner.id, await world.owner.connect({ gateway: 0 })]]);
    const looker = sockets.get(world.owner.id);
    const other = await world.members[0].connect({ gateway: 1 });
    sockets.set(world.members[0].id, other);
    const lists = [new List(looker), new List(other)];
    for (const { socket } of lists) {
        await socket.event('GUILD_CREATE', (d) => d.id === world.guild);
        socket.send({ op: LOOK, d: { guild_id: world.guild, typing: true, activities: true, threads: true, channels: { [world.channel]: [[0, 99]] } } });
    }
    return { ...world, hub, roles, sockets, lists, statuses: new Map([[world.owner.id, 'online'], [world.members[0].id, 'online']]) };
}

async function act(w, random) {
    const who = w.members[1 + random(w.members.length - 1)];
    const here = await w.owner.request('GET', `/guilds/${w.guild}/members/${who.id}`);
    const path = `/guilds/${w.guild}/members/${who.id}`;
    if (here.status === 404) return who.post(`/invites/${w.invite}`);
    switch (random(6)) {
    case 0:
        return w.owner.patch(path, { nick: ['Ann', 'ann', 'Bob', 'zoe', 'Ümit', null][random(6)] });
    case 1:
        return w.owner.patch(path, { roles: w.roles.filter(() => random(2)) });
    case 2:
        return w.owner.patch(`/guilds/${w.guild}/roles/${w.roles[random(2)]}`, { hoist: random(3) > 0 });
    case 3:
        if (!random(2)) return w.owner.delete(path);
    // falls through
    case 4:
        if (w.sockets.has(who.id)) {
            await w.sockets.get(who.id).close();
            w.sockets.delete(who.id);
            w.statuses.delete(who.id);
        } else {
            w.sockets.set(who.id, await who.connect({ gateway: random(2) }));
            w.statuses.set(who.id, 'online');
        }
        return undefined;
    default:
        if (w.sockets.has(who.id)) {
            const status = ['online', 'idle', 'dnd'][random(3)];
            w.sockets.get(who.id).send({ op: Op.PRESENCE, d: { status, activities: [], since: null, afk: false } });
            w.statuses.set(who.id, status);
        }
        return undefined;
    }
}

async function agree(w, list) {
    let seen, wanted;
    try {
        await until('the list', async () => {
            wanted = await truth(w.owner, w.guild, w.statuses);
            seen = list.text();
            return JSON.stringify(seen) === JSON.stringify(wanted);
        }, 15_000, 100);
    } catch {
        assert.deepEqual(seen, wanted, `seed ${seed}`);
    }
}

test('a list that follows its operations is the truth', { timeout: 180_000 }, async () => {
    console.log(`seed ${seed}`);
    const random = generator(seed);
    const w = await scene(up.hub);
    for (let i = 0; i < ACTS; i++) {
        await act(w, random);
        if (i % 15 === 14) for (const list of w.lists) await agree(w, list);
    }
    assert.equal(w.lists[0].last.id, 'everyone');
    assert.deepEqual(w.lists[0].last.groups.map((g) => `[${g.id}]`), w.lists[0].text().filter((row) => row.startsWith('[')));
    for (const socket of w.sockets.values()) await socket.close();
});

test('what a channel hides: another list, of those who may view it; one who may not is told nothing', { timeout: 60_000 }, async () => {
    const { owner, guild, members: [member] } = await up.hub.guild(1);
    const hidden = await owner.post(`/guilds/${guild}/channels`, { name: 'hidden', permission_overwrites: [{ id: guild, type: 0, allow: '0', deny: '1024' }] });
    const [socket, blind] = [await owner.connect({ gateway: 0 }), await member.connect({ gateway: 0 })];
    for (const s of [blind, socket]) {
        await s.event('GUILD_CREATE', (d) => d.id === guild);
        s.send({ op: 37, d: { subscriptions: { [guild]: { channels: { [hidden.id]: [[0, 99]] } } } } });
    }
    const { d } = await socket.event('GUILD_MEMBER_LIST_UPDATE');
    assert.match(d.id, /^\d+$/);
    const list = new List(socket);
    await until('the owner alone, online', () => JSON.stringify(list.text()) === JSON.stringify(['[online]', `${owner.username} online`]));
    assert.deepEqual([d.member_count, d.guild_id], [2, guild]);
    assert.deepEqual(blind.dispatched('GUILD_MEMBER_LIST_UPDATE'), []);
    for (const s of [blind, socket]) await s.close();
});
