// What is done to Hubbub under many sessions, and what must then be true. Each returns what it counted. Times are told and never
// judged: the machine may be busy.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { sleep, until } from '../e2e/harness.js';
import { Swarm } from './swarm.js';

// A counter of each gateway.
async function counters(hub, metric) {
    return Promise.all(hub.gateways.map(async (_, i) => {
        const text = await (await fetch(`http://127.0.0.1:${hub.adminPort(`gateway-${i + 1}`)}/metrics`)).text();
        return text.split('\n').filter((l) => l.startsWith(`hubbub_gateway_${metric}`)).reduce((n, l) => n + Number(l.split(' ').at(-1)), 0);
    }));
}
const total = async (hub, metric) => (await counters(hub, metric)).reduce((a, b) => a + b);
// Since then; a gateway that was started anew counts from 0.
const since = async (hub, metric, before) => (await counters(hub, metric)).reduce((n, now, i) => n + now - (now < before[i] ? 0 : before[i]), 0);

const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
const round = (n, digits = 2) => Number(n.toFixed(digits));

// Somebody who uses the API meanwhile: answers by code.
function probe(hub, person) {
    const codes = new Map();
    let on = true;
    const done = (async () => {
        while (on) {
            const answer = await person.request('GET', '/users/@me').catch((e) => ({ status: e.cause?.code ?? e.name, headers: new Headers() }));
            const key = answer.status === 503 ? `503 ${answer.headers.get('retry-after') ? 'with' : 'without'} Retry-After` : String(answer.status);
            codes.set(key, (codes.get(key) ?? 0) + 1);
            await sleep(50);
        }
    })();
    return { codes, end: async () => { on = false; await done; } };
}

const isFault = (key) => /^5/.test(key) && key !== '503 with Retry-After';

// All sessions lose their sockets at once, and come back at once: by RESUME, afresh, and behind a gateway that was killed.
async function herdOf(swarm, hub, { sessions }) {
    const results = {};
    await swarm.open(sessions);
    const prober = probe(hub, swarm.worlds[0].owner);
    const round_of = async (name, act) => {
        const before = { resumes: swarm.sum('resumes'), identifies: swarm.sum('identifies'), opens: await counters(hub, 'opens_total'), loads: await counters(hub, 'loads_total'), handshakes: swarm.handshakes.length };
        const start = Date.now();
        await act();
        await swarm.settled();
        const seconds = round((Date.now() - start) / 1000, 1);
        results[name] = {
            seconds, resumed: swarm.sum('resumes') - before.resumes, identified: swarm.sum('identifies') - before.identifies,
            handshakes: swarm.handshakes.length - before.handshakes, opens: await since(hub, 'opens_total', before.opens),
            loads: await since(hub, 'loads_total', before.loads),
        };
    };
    await round_of('resume', () => swarm.sessions.forEach((s) => s.drop()));
    await round_of('identify', () => swarm.sessions.forEach((s) => { s.id = null; s.drop(); }));
    await sleep(1500); // each session has been written down since
    await round_of('killed', async () => {
        hub.signal('gateway-1', 'SIGKILL');
        await until('sockets are gone', () => swarm.missing() > 0);
    });
    await hub.allReady();
    await prober.end();
    const faults = await swarm.faults(0);
    const codes = [...prober.codes, ...swarm.refusals];
    assert.deepEqual(codes.filter(([key]) => isFault(key)), [], 'no 5xx but 503 with Retry-After');
    assert.equal(results.resume.identified, 0);
    assert.equal(results.resume.resumed, sessions);
    assert.equal(faults.gaps, 0);
    // A guild is asked for once by a gateway that does not have it, however many wait for it.
    assert.ok(results.killed.loads <= swarm.worlds.length * 2, `${results.killed.loads} loads of ${swarm.worlds.length} guilds`);
    return { sessions, guilds: swarm.worlds.length, ...results, codes: Object.fromEntries(codes) };
}

// Two gateways are restarted one behind the other, as by a deploy.
async function rollingOf(swarm, hub, { sessions, rate, perSecond }) {
    await swarm.open(sessions);
    swarm.write(rate);
    await sleep(1000);
    const start = Date.now(), handshakes = swarm.handshakes.length;
    const restart = spawn(hub.program, ['restart', '--gateways'], { env: { ...process.env, HUBBUB_DATA: hub.data, HUBBUB_LISTEN: `127.0.0.1:${hub.port}` } });
    const [code] = await once(restart, 'exit');
    assert.equal(code, 0);
    await swarm.settled();
    const seconds = round((Date.now() - start) / 1000, 1);
    await sleep(1000);
    await swarm.stopWriting();
    const faults = await swarm.faults(), peak = swarm.peak(start);
    const result = {
        sessions, messages: swarm.sent.length, seconds, handshakes: swarm.handshakes.length - handshakes, peak, bound: perSecond,
        resumes: swarm.sum('resumes'), ...faults, posts_again: Object.fromEntries(swarm.posts),
    };
    const { afresh, ...rest } = faults;
    assert.deepEqual(rest, { lost: 0, doubled: 0, disordered: 0, gaps: 0 }, JSON.stringify(result));
    assert.ok(afresh <= sessions / 100, JSON.stringify(result));
    assert.deepEqual([...swarm.posts.keys(), ...swarm.refusals.keys()].filter(isFault), []);
    return result;
}

const TICKS_A_SECOND = 100;
function usage(hub, name) {
    const pid = hub.pid(name), stat = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
    const kib = Number(readFileSync(`/proc/${pid}/status`, 'latin1').match(/VmRSS:\s+(\d+)/)[1]);
    return { kib, cpu: (Number(stat[11]) + Number(stat[12])) / TICKS_A_SECOND };
}

// Memory of a session, and processor time of a delivery, at n/5 sessions and at n, in one run.
async function memoryOf(swarm, hub, { sessions, rate = 50, seconds = 15 }) {
    const few = Math.max(50, Math.round(sessions / 5)), steps = [];
    await swarm.populate(sessions);
    const idle = usage(hub, 'gateway-1');
    for (const n of [few, sessions]) {
        await swarm.open(n - swarm.sessions.length);
        await sleep(2000); // what opening a session took is given back
        const before = usage(hub, 'gateway-1'), sent = await total(hub, 'frames_sent_total');
        swarm.write(rate);
        await sleep(seconds * 1000);
        await swarm.stopWriting();
        await sleep(500);
        const after = usage(hub, 'gateway-1'), frames = await total(hub, 'frames_sent_total') - sent;
        steps.push({ n, kib: before.kib - idle.kib, after: after.kib - idle.kib, frames, us: (after.cpu - before.cpu) * 1e6 / frames });
    }
    const [a, b] = steps, slope = (b.after - a.after) / (b.n - a.n);
    return {
        idle_kib: idle.kib, sessions: steps.map((s) => s.n), kib_a_session: steps.map((s) => round(s.after / s.n)), kib_a_further_session: round(slope),
        memory_ratio: round(slope / (a.after / a.n)), frames: steps.map((s) => s.frames), us_a_frame: steps.map((s) => round(s.us)), cpu_ratio: round(b.us / a.us),
    };
}

// A tenth of the sessions does not read. The others' delays, with them and without, in turns of one run.
async function slowOf(swarm, hub, { sessions, rate = 20, seconds = 10 }) {
    const bad = Math.round(sessions / 10), p99 = { without: [], with: [] };
    const padding = '€'.repeat(1900);
    await swarm.open(sessions - bad);
    const measure = async (name) => {
        swarm.latencies = [];
        swarm.write(rate, { padding, worlds: [swarm.worlds[0]] });
        await sleep(seconds * 1000);
        await swarm.stopWriting();
        await sleep(500);
        p99[name].push(percentile(swarm.latencies.sort((a, b) => a - b), 0.99));
        swarm.latencies = null;
    };
    const cut = () => total(hub, 'queue_cuts_total'), was_cut = await cut();
    await measure('without');
    await swarm.open(bad, { slow: true });
    const cpu = usage(hub, 'gateway-1');
    await measure('with');
    await until('who does not read is cut', async () => (await cut()) - was_cut >= bad, 60_000);
    const cuts = (await cut()) - was_cut, peak = usage(hub, 'gateway-1');
    const slow = swarm.sessions.filter((s) => s.slow);
    for (const s of slow) s.end();
    await measure('without');
    const others = swarm.sessions.filter((s) => !s.slow), faults = await swarm.faults();
    assert.ok(cuts >= bad, `${cuts} of ${bad} were cut`);
    const { afresh, ...rest } = faults;
    assert.deepEqual(rest, { lost: 0, doubled: 0, disordered: 0, gaps: 0 });
    assert.equal(others.filter((s) => s.identifies > 1 || s.resumes > 0).length, 0, 'nobody else lost a socket');
    const base = Math.min(...p99.without);
    return { sessions, slow: bad, cuts, messages: swarm.sent.length, p99_ms: { without: p99.without.map((n) => round(n, 1)), with: round(p99.with[0], 1) }, p99_ratio: round(p99.with[0] / base), grown_kib: peak.kib - cpu.kib };
}

// Each with a swarm of its own, which ends with it.
const ended = (scenario) => async (hub, options) => {
    const swarm = new Swarm(hub);
    try {
        return await scenario(swarm, hub, options);
    } finally {
        swarm.end();
    }
};
export const herd = ended(herdOf), rolling = ended(rollingOf), memory = ended(memoryOf), slow = ended(slowOf);
