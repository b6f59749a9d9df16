// Goal: whatever breaks, what was acknowledged is stored, once; everybody hears each message once, in one order; and soon after the last
// fault everybody has everything. The real processes under load, a nemesis with a seed, and a checker that judges the record.
// A long run, and how to repeat one: tests/fault/run --minutes 10 --seed 7
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { randomOf, until, withHubbub } from '../e2e/harness.js';
import { check } from './checker.js';
import { Nemesis } from './nemesis.js';
import { Reader, Writer } from './people.js';

const seconds = Number(process.env.HUBBUB_FAULT_SECONDS ?? 40);
const rate = Number(process.env.HUBBUB_FAULT_RATE ?? 60); // messages a second, of all writers
const seed = Number(process.env.HUBBUB_SEED ?? 20261124);
const WRITERS = 4, READERS = 8, CHANNELS = 3;
const CATCH_UP_MS = 5000; // what is promised; twice that is waited, so that a busy machine's record can be read
const up = withHubbub({ before, after }, { gateways: 2, chats: 2 });

async function stage(hub) {
    const world = await hub.guild(READERS + WRITERS - 1);
    const channels = [world.channel];
    while (channels.length < CHANNELS) channels.push((await world.owner.post(`/guilds/${world.guild}/channels`, { name: 'more', type: 0 })).id);
    return { ...world, channels, people: [world.owner, ...world.members] };
}

async function storedIn(world) {
    const pairs = [];
    for (const c of world.channels) pairs.push([c, (await world.owner.history(c)).map((m) => ({ id: m.id, nonce: m.content }))]);
    return Object.fromEntries(pairs);
}

test('nothing that was acknowledged is lost, doubled or out of order', { timeout: seconds * 1000 + 240_000 }, async () => {
    const { hub } = up, nemesis = new Nemesis(hub, randomOf(seed));
    console.log(`seed ${seed}, ${seconds} s of faults, ${rate} messages a second (tests/fault/run --help)`);
    const world = await stage(hub);
    const readers = await Promise.all(world.people.slice(0, READERS).map((p, i) => new Reader(hub, p, world.channels, nemesis, randomOf(seed + 100 + i)).start()));
    nemesis.readers = readers;
    const writers = world.people.slice(READERS).map((p, i) => new Writer(hub, p, world.channels, rate / WRITERS, randomOf(seed + 200 + i)));
    await nemesis.run(seconds * 1000, 1000);
    await Promise.all(writers.map((w) => w.stop()));
    const mended = Date.now(), stored = await storedIn(world);
    const all = Object.values(stored).flat().length;
    const behind = () => readers.filter((r) => world.channels.some((c) => stored[c].length && (r.newest[c] ?? '0') !== stored[c].at(-1).id));
    await until('everybody has the last message', () => !behind().length, 2 * CATCH_UP_MS, 5).catch(() => {});
    const caughtUp = Date.now() - mended;
    for (const r of readers) r.stop();

    const sends = writers.flatMap((w) => w.sends), acknowledged = sends.filter((s) => s.answer === 'acknowledged').length;
    const { violations, repeats } = check({ sends, stored, readers });
    const sum = (key) => readers.reduce((n, r) => n + r[key], 0);
    console.log(`${acknowledged} acknowledged of ${sends.length}, ${all} stored; ${nemesis.count} faults; readers resumed ${sum('resumes')} and began anew ${sum('begins') - READERS} times, `
        + `${repeats} heard again behind a killed gateway; all caught up ${caughtUp} ms after the last fault`);
    if (violations.length) console.log(nemesis.log.join('\n'));
    assert.deepEqual(violations.slice(0, 20), []);
    assert.deepEqual(sends.filter((s) => s.answer !== 'acknowledged'), [], 'a message that nobody may refuse');
    assert.ok(acknowledged > seconds * rate / 10 && nemesis.count >= 3 && sum('resumes') + sum('begins') > READERS, 'a run in which little happens shows little');
});
