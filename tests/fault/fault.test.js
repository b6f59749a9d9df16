// Goal: whatever breaks, what was acknowledged is stored, once; everybody hears each message once, in one order; and soon after the last
// fault everybody has everything. The real processes under load, a nemesis with a seed, and a checker that judges the record.
// A long run, and how to repeat one: tests/fault/run --minutes 10 --seed 7
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { randomOf, until } from '../e2e/harness.js';
import { check } from './checker.js';
import { Nemesis } from './nemesis.js';
import { Reader, Writer } from './people.js';
import { Stage } from './stage.js';

const seconds = Number(process.env.HUBBUB_FAULT_SECONDS ?? 30); // of faults, and until each had its turn
const rate = Number(process.env.HUBBUB_FAULT_RATE ?? 60); // messages a second, of all writers
const seed = Number(process.env.HUBBUB_SEED ?? 20261124);
const WRITERS = Number(process.env.HUBBUB_FAULT_WRITERS ?? 4), READERS = 8, CHANNELS = 3;
const CATCH_UP_MS = 5000; // what is promised; twice that is waited, so that a busy machine's record can be read
let stage;
const cast = []; // who is to stop, whatever happens
before(async () => { stage = await Stage.start({ gateways: 2, chats: 2 }); }, { timeout: 120_000 });
after(async () => {
    for (const one of cast) one.stop();
    if (!stage) return;
    console.log(stage.hub.output);
    if (process.env.HUBBUB_TAILS) console.log(stage.hub.tails(40));
    await stage.stop();
}, { timeout: 60_000 });

async function furnish(hub) {
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

test('nothing that was acknowledged is lost, doubled or out of order', { timeout: seconds * 1000 + 600_000 }, async () => {
    const { hub } = stage, nemesis = new Nemesis(stage, randomOf(seed));
    console.log(`seed ${seed}, ${seconds} s of faults, ${rate} messages a second (tests/fault/run --help)`);
    const world = await until('the scene stands', () => furnish(hub).catch((e) => e.status !== 503 && Promise.reject(e)), 60_000, 500);
    const readers = await Promise.all(world.people.slice(0, READERS).map((p, i) => new Reader(hub, p, world.channels, nemesis, randomOf(seed + 100 + i)).start()));
    nemesis.readers = readers;
    cast.push(...readers);
    const writers = world.people.slice(READERS).map((p, i) => new Writer(hub, p, world.channels, rate / WRITERS, randomOf(seed + 200 + i)));
    cast.push(...writers);
    await nemesis.run(seconds * 1000, 1000);
    await Promise.all(writers.map((w) => w.stop()));
    const mended = Date.now(), stored = await storedIn(world);
    const all = Object.values(stored).flat().length;
    const behind = () => readers.filter((r) => world.channels.some((c) => stored[c].length && (r.newest[c] ?? '0') !== stored[c].at(-1).id));
    await until('everybody has the last message', () => !behind().length, 2 * CATCH_UP_MS, 5).catch(() => {});
    const caughtUp = Date.now() - mended;
    for (const r of readers) r.stop();

    const sends = writers.flatMap((w) => w.sends), acknowledged = sends.filter((s) => s.answer === 'acknowledged').length;
    const { violations, repeats } = check({ sends, stored, readers: readers.map((r) => r.record()) });
    const sum = (key) => readers.reduce((n, r) => n + r[key], 0);
    console.log(`fault points: ${JSON.stringify(nemesis.points)}; ${stage.pair.failovers} times the other PostgreSQL took over`);
    console.log(`${acknowledged} acknowledged of ${sends.length}, ${all} stored; ${nemesis.count} faults; readers resumed ${sum('resumes')} and began anew ${sum('begins') - READERS} times, `
        + `${repeats} heard again behind a killed gateway; all caught up ${caughtUp} ms after the last fault`);
    if (violations.length || nemesis.failed || process.env.HUBBUB_FAULT_LOG) console.log(nemesis.log.join('\n'));
    assert.deepEqual(violations.slice(0, 20), []);
    assert.deepEqual(sends.filter((s) => s.answer !== 'acknowledged'), [], 'a message that nobody may refuse');
    assert.ok(!nemesis.failed, 'a fault could not be made, or not be mended');
    assert.ok(stage.pair.failovers > 0 && Object.keys(nemesis.points).length > 0);
    assert.ok(acknowledged > seconds * rate / 10 && nemesis.count >= 3 && sum('resumes') + sum('begins') > READERS, 'a run in which little happens shows little');
});
