// Search at a size: messages go straight into PostgreSQL, the index worker puts them into its table by itself, then searches of several
// kinds are timed, and what sending costs with the worker and without it. Ratios of one run tell more than the times, for the machine may
// be busy; what must hold is judged: hits are complete, and no search reads the table from end to end.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { randomOf, sleep, until } from '../e2e/harness.js';

const GUILDS = 4, CHANNELS = 5, AUTHORS = 50, ROUNDS = 3;
const INDEX_LOCK = 0x68756203; // of services/chat/search_index.c: who holds it indexes
const percentile = (sorted, p) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))];
const round = (n) => Number(n.toFixed(1));

// Word w of 20,000 is about as common as 1/w; a word in 5,000 messages is rare, and every tenth message is Chinese.
const fillSql = (guild, channels, authors, first, n) => `
INSERT INTO messages (channel_id, id, author_id, content)
SELECT (ARRAY[${channels}]::bigint[])[1 + i % ${channels.length}], (((extract(epoch FROM now()) * 1000)::bigint - 1420070400000 - 40000000000 + i * 1000) << 22) + 1,
  (ARRAY[${authors}]::bigint[])[1 + (i * 7919) % ${authors.length}],
  CASE WHEN i % 10 = 0 THEN (SELECT string_agg(chr(19968 + floor(power(random(), 3) * 2500)::int), '') FROM generate_series(1, 20) k WHERE i = i) || '今天天气'
  ELSE (SELECT string_agg('w' || floor(exp(random() * ln(20000)))::int, ' ') FROM generate_series(1, 12) k WHERE i = i) END
  || CASE WHEN i % 5000 = 17 THEN ' zephyr' ELSE '' END || CASE WHEN i % 2 = 0 THEN ' often' ELSE '' END
FROM generate_series(${first}, ${first + n - 1}) i;`;

async function fill(hub, messages) {
    const owner = await hub.register();
    const worlds = [];
    const authors = hub.psql(`INSERT INTO users (id, username) SELECT next_id(), 'author' || i FROM generate_series(1, ${AUTHORS}) i RETURNING id`).split('\n');
    for (let g = 0; g < GUILDS; g++) {
        const guild = (await owner.post('/guilds', { name: `guild ${g}`, system_channel_flags: 1 })).id;
        const channels = [];
        for (let k = 0; k < CHANNELS; k++) channels.push((await owner.post(`/guilds/${guild}/channels`, { name: `room-${k}` })).id);
        worlds.push({ guild, channels });
    }
    const each = Math.ceil(messages / GUILDS), start = Date.now();
    for (const w of worlds)
        for (let first = 0; first < each; first += 50_000) hub.psql(fillSql(w.guild, w.channels, authors, first, Math.min(50_000, each - first)));
    hub.psql('ANALYZE messages');
    return { owner, worlds, authors, messages: each * GUILDS, seconds: (Date.now() - start) / 1000 };
}

// The worker reads the guilds anew, as after an upgrade that brought the search.
async function index(hub, worlds, messages) {
    const start = Date.now();
    hub.psql(`UPDATE search_scopes SET filling = true, channel_id = 0, message_id = 0 WHERE scope_id IN (${worlds.map((w) => w.guild)})`);
    await until('everything is indexed', () => hub.psql('SELECT count(*) FROM search_scopes WHERE filling') === '0', 3_600_000, 1000);
    const seconds = (Date.now() - start) / 1000;
    assert.ok(Number(hub.psql('SELECT count(*) FROM message_search')) >= messages);
    hub.psql('VACUUM ANALYZE message_search');
    return seconds;
}

const kinds = {
    'rare word': () => ({ content: 'zephyr' }),
    'common word': () => ({ content: 'often' }),
    'two words': (random) => ({ content: `often w${1 + Math.floor(random() * 200)}` }),
    'no such word': (random) => ({ content: `nothing${Math.floor(random() * 1e6)}` }),
    'Chinese': () => ({ content: '今天天气' }),
    'rare word of an author': (random, w) => ({ content: 'zephyr', author_id: w.authors[Math.floor(random() * w.authors.length)] }),
    'author': (random, w) => ({ author_id: w.authors[Math.floor(random() * w.authors.length)] }),
    'author in a channel': (random, w, g) => ({ author_id: w.authors[Math.floor(random() * w.authors.length)], channel_id: g.channels[Math.floor(random() * g.channels.length)] }),
    'common word, oldest first': () => ({ content: 'often', sort_order: 'asc' }),
    'page 300 of a common word': () => ({ content: 'often', offset: 7475 }),
};

const scans = (hub) => Number(hub.psql("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'message_search'"));

async function measure(hub, world, times) {
    const random = randomOf(1), results = {};
    await sleep(1500); // statistics are written by then
    const before = scans(hub);
    for (const [name, of] of Object.entries(kinds)) {
        const took = [];
        let hits = 0;
        for (let i = 0; i < times; i++) {
            const g = world.worlds[i % GUILDS], query = new URLSearchParams(of(random, world, g));
            const start = performance.now();
            const found = await world.owner.get(`/guilds/${g.guild}/messages/search?${query}`);
            took.push(performance.now() - start);
            hits = Math.max(hits, found.total_results);
        }
        took.sort((a, b) => a - b);
        results[name] = { hits, p50_ms: round(percentile(took, 0.5)), p95_ms: round(percentile(took, 0.95)) };
    }
    await sleep(1500);
    assert.equal(scans(hub), before, 'a search read the table from end to end');
    assert.equal(results['rare word'].hits, Math.floor((world.messages / GUILDS - 18) / 5000) + 1);
    assert.equal(results['no such word'].hits, 0);
    return results;
}

// Somebody else holds the worker's lock meanwhile: nothing is indexed.
async function withoutWorker(hub, act) {
    const psql = spawn('psql', ['-XAtq', `host=${join(hub.data, 'postgres/socket')} user=hubbub dbname=hubbub`], { stdio: ['pipe', 'pipe', 'inherit'] });
    const mine = `(classid::bigint << 32 | objid::bigint) = ${INDEX_LOCK} AND locktype = 'advisory'`;
    psql.stdin.write(`SELECT pg_advisory_lock(${INDEX_LOCK});\n`);
    await until('the lock is waited for', () => hub.psql(`SELECT count(*) FROM pg_locks WHERE ${mine} AND NOT granted`) === '1');
    hub.psql(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE ${mine} AND granted`);
    await until('the lock is held', () => hub.psql(`SELECT count(*) FROM pg_locks WHERE ${mine} AND granted`) === '1');
    try {
        return await act();
    } finally {
        psql.stdin.end();
        await once(psql, 'exit');
    }
}

async function send(hub, world, { rate, seconds }) {
    const took = [], under = [];
    const content = () => Array.from({ length: 12 }, () => `w${Math.floor(Math.exp(Math.random() * Math.log(20_000)))}`).join(' ');
    for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(1000 / rate)) {
        const { channels } = world.worlds[under.length % GUILDS], start = performance.now();
        under.push(world.owner.say(channels[under.length % CHANNELS], content()).then(() => took.push(performance.now() - start)));
    }
    await Promise.all(under);
    return took;
}

async function compareSending(hub, world, options) {
    const all = { on: [], off: [] };
    await send(hub, world, options); // warm
    for (let i = 0; i < ROUNDS; i++) {
        all.off.push(...await withoutWorker(hub, () => send(hub, world, options)));
        await until('the worker is back and has caught up', () => hub.psql('SELECT count(*) FROM search_scopes s JOIN feeds f USING (scope_id) WHERE f.head > s.seq') === '0', 120_000, 200);
        all.on.push(...await send(hub, world, options));
    }
    for (const list of Object.values(all)) list.sort((a, b) => a - b);
    const at = (p) => ({ on: percentile(all.on, p), off: percentile(all.off, p) });
    const [p50, p95] = [at(0.5), at(0.95)];
    return {
        messages: all.on.length + all.off.length, p50_ms: { on: round(p50.on), off: round(p50.off) }, p95_ms: { on: round(p95.on), off: round(p95.off) },
        p50_ratio: Number((p50.on / p50.off).toFixed(2)), p95_ratio: Number((p95.on / p95.off).toFixed(2)),
    };
}

export async function search(hub, { messages, times = 40, rate = 50, seconds = 10 }) {
    const world = await fill(hub, messages);
    const indexed = await index(hub, world.worlds, world.messages);
    return {
        messages: world.messages, filled_s: round(world.seconds), indexed_s: round(indexed), indexed_a_second: Math.round(world.messages / indexed),
        table: hub.psql("SELECT pg_size_pretty(pg_total_relation_size('message_search')) || ', messages ' || pg_size_pretty(sum(pg_total_relation_size(inhrelid))) FROM pg_inherits WHERE inhparent = 'messages'::regclass"),
        searches: await measure(hub, world, times),
        sending: await compareSending(hub, world, { rate, seconds }),
    };
}
