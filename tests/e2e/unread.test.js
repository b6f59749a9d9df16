// Goal: the badge that a session shows - the counts of its READY, and what it heard since - is what the server counts afterwards, however
// its opening raced with those who mention its user.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { sleep, until, withHubbub } from './harness.js';

const up = withHubbub({ before, after }, { gateways: 2 });

// As a client counts: what READY says, and each later message that mentions.
function badge(socket, channel, me) {
    const state = socket.ready.read_state.entries.find((e) => e.id === channel);
    const heard = socket.dispatched('MESSAGE_CREATE').filter((m) => m.channel_id === channel && (m.mention_everyone || m.mentions.some((u) => u.id === me)));
    assert.equal(new Set(heard.map((m) => m.id)).size, heard.length, 'a message was told twice');
    return { ready: state?.mention_count ?? 0, heard: heard.length, total: (state?.mention_count ?? 0) + heard.length };
}

test('mentions while sessions open are counted once, in READY or behind it', { timeout: 120_000 }, async () => {
    const { hub } = up, world = await hub.guild(2), [ann, ben] = world.members;
    const sides = { ready: 0, heard: 0 };
    let on = true, said = 0, last;
    const talk = (async () => {
        while (on) {
            last = (await ben.say(world.channel, said % 3 ? `<@${ann.id}>` : 'nobody in particular')).id;
            said++;
        }
    })();
    for (let i = 0; i < 25; i++) {
        on = true;
        const sockets = await Promise.all([0, 1, 0, 1].map((gateway) => ann.connect({ gateway })));
        for (const s of sockets) await s.event('GUILD_CREATE');
        const mark = await world.owner.say(world.channel, `<@${ann.id}> mark ${i}`);
        await Promise.all(sockets.map((s) => s.event('MESSAGE_CREATE', (m) => BigInt(m.id) >= BigInt(mark.id), { ms: 20_000 })));
        const shown = sockets.map((s) => badge(s, world.channel, ann.id));
        // What was said behind the mark by then is not told alike to all yet.
        const upTo = (s) => s.dispatched('MESSAGE_CREATE').filter((m) => BigInt(m.id) <= BigInt(mark.id) && m.mentions.some((u) => u.id === ann.id)).length;
        const counts = sockets.map((s, k) => shown[k].ready + upTo(s));
        const real = (await world.owner.history(world.channel)).filter((m) => BigInt(m.id) <= BigInt(mark.id) && m.mentions.some((u) => u.id === ann.id)).length;
        assert.deepEqual(counts, counts.map(() => Math.min(real, 1000)), `round ${i}, ${JSON.stringify(shown)}`);
        for (const s of shown) {
            sides.ready += s.ready > 0;
            sides.heard += s.heard > 1;
        }
        await Promise.all(sockets.map((s) => s.close()));
        if (real > 600) await ann.post(`/channels/${world.channel}/messages/${mark.id}/ack`);
        if (real > 600) break;
    }
    on = false;
    await talk;
    console.log(`${said} said while opening; ${JSON.stringify(sides)}`);
    assert.ok(sides.ready && sides.heard);
});

test('@here counts for who was connected when it was written: what a session showed is what the server counts', { timeout: 60_000 }, async () => {
    const { hub } = up, world = await hub.guild(4), [ann, ben, cem, eve] = world.members;
    const count = async (who) => {
        const socket = await who.connect();
        const { ready } = badge(socket, world.channel, who.id);
        await socket.close();
        return ready;
    };
    const here = (await ann.connect({ gateway: 0 })), hidden = (await ben.connect({ gateway: 1, identify: { presence: { status: 'invisible', since: null, afk: false, activities: [] } } }));
    // As after a minute without a wipe: until then nobody could know.
    await until('both are told of', () => [ann, ben].every((u) => hub.redis('EXISTS', `presence:${u.id}`).trim() === '1'));
    const gateways = hub.redis('HKEYS', 'presence:epoch').trim().split('\n');
    for (const g of gateways) hub.redis('HSET', 'presence:epoch', g, String(Date.now() - 120_000));

    await world.owner.say(world.channel, '@here');
    for (const socket of [here, hidden]) await socket.event('MESSAGE_CREATE', (m) => m.mention_everyone);
    assert.deepEqual([badge(here, world.channel, ann.id).total, badge(hidden, world.channel, ben.id).total], [1, 1]);
    assert.deepEqual([await count(ann), await count(ben), await count(cem)], [1, 1, 0]);
    await world.owner.say(world.channel, '@everyone');
    assert.deepEqual([await count(ann), await count(ben), await count(eve)], [2, 2, 1]);

    // Nobody knows: everybody is meant, and nobody waits for long.
    hub.redis('DEL', 'presence:epoch');
    const start = Date.now();
    await world.owner.say(world.channel, '@here');
    assert.ok(Date.now() - start < 2000);
    assert.equal(await count(eve), 2);
    for (const kind of hub.names().filter((n) => n.startsWith('presence'))) hub.signal(kind, 'SIGSTOP');
    try {
        const stopped = Date.now();
        await world.owner.say(world.channel, '@here');
        assert.ok(Date.now() - stopped < 3000, `${Date.now() - stopped} ms`);
        assert.equal(hub.psql(`SELECT count(*) FROM mentions WHERE channel_id = ${world.channel} AND target_id = ${world.guild}`), '3');
    } finally {
        for (const kind of hub.names().filter((n) => n.startsWith('presence'))) hub.signal(kind, 'SIGCONT');
    }
    await Promise.all([here.close(), hidden.close()]);
});
