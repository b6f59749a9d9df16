// Goal: `hubbub doctor` says ok of what is right, and finds each thing that is broken here on purpose, with what to do.
// And: what the processes of a running Hubbub tell Prometheus is what docs/metrics.md says of them.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { top, until, withHubbub } from '../e2e/harness.js';

const at = withHubbub({ before, after });

// {code, lines, find(check)}: find gives {word, text} of the line of a check.
function doctor(env = {}) {
    const { hub } = at;
    const r = spawnSync(hub.program, ['doctor'], {
        encoding: 'utf8', timeout: 60_000,
        env: { ...process.env, HUBBUB_DATA: hub.data, HUBBUB_LISTEN: `127.0.0.1:${hub.port}`, ...env },
    });
    assert.equal(r.stderr, '');
    const lines = r.stdout.trim().split('\n');
    const checks = lines.filter((l) => /^(ok|warn|fail) /.test(l)).map((l) => l.match(/^(\w+) +([^:]+): (.*)$/));
    return {
        code: r.status, lines,
        find: (check) => {
            const found = checks.find((c) => c[2] === check);
            assert.ok(found, `no line of ${check} in\n${r.stdout}`);
            return { word: found[1], text: found[3] };
        },
        failed: checks.filter((c) => c[1] === 'fail').map((c) => c[2]),
    };
}
const says = (d, check, word, pattern) => {
    const line = d.find(check);
    assert.equal(line.word, word, `${check}: ${line.text}`);
    assert.match(line.text, pattern);
};

test('a Hubbub that runs: nothing fails, every process is seen, exit status 0', () => {
    const d = doctor();
    assert.deepEqual(d.failed, []);
    assert.equal(d.code, 0);
    for (const name of ['hubbub', 'chat', 'gateway', 'presence', 'media']) says(d, `configuration of ${name}`, 'ok', /^right$/);
    says(d, 'program postgres', 'ok', /PostgreSQL\) 15\./);
    says(d, 'program redis-server', 'ok', /v=\d/);
    says(d, 'libraries', 'ok', /grpc \d.*uv 1\..*sodium 1\./);
    says(d, `disk ${at.hub.data}`, 'ok', /GiB free, writable/);
    says(d, `disk ${at.hub.data}/media`, 'ok', /writable/);
    says(d, 'postgresql', 'ok', /version 15\.\d+ answers/);
    says(d, 'postgresql settings', 'ok', /^right$/);
    says(d, 'postgresql connections', 'ok', /\d+ of \d+ are used/);
    says(d, 'postgresql schema', 'ok', /^at \d{4}_/);
    says(d, 'clock', 'ok', /^\d+ ms from PostgreSQL's$/);
    says(d, 'redis', 'ok', /version \d+\.\d+/);
    for (const name of ['chat-1', 'gateway-1', 'presence-1', 'media-1']) says(d, `process ${name}`, 'ok', /^is ready/);
    for (const name of ['postgres-1', 'redis-1']) says(d, `process ${name}`, 'ok', /^runs, pid \d+/);
    assert.match(d.find('limit of open files').text, /\d+/);
    assert.match(d.lines.at(-1), /^\d+ ok, \d+ to look at, 0 failed$/);
    assert.equal(execFileSync('find', [at.hub.data, '-name', '.doctor*'], { encoding: 'utf8' }), '', 'it leaves nothing behind');
});

test('a wrong value: the line of the service that refuses it', () => {
    const d = doctor({ HUBBUB_REGISTRATION: 'opne' });
    assert.deepEqual(d.failed, ['configuration of chat', 'mail']); // it is chat that tries the mail
    assert.equal(d.code, 1);
    says(d, 'configuration of chat', 'fail', /HUBBUB_REGISTRATION=opne: one of open\|invite\|closed is needed/);
    const own = doctor({ HUBBUB_LISTEN: 'nowhere' });
    assert.equal(own.code, 1);
    says(own, 'configuration of hubbub', 'fail', /HUBBUB_LISTEN=nowhere/);
});

test('a PostgreSQL and a Redis that are not there: why, and what to look at', () => {
    const d = doctor({ HUBBUB_DATABASE_URL: 'postgresql://hubbub:secret-word@127.0.0.1:1/hubbub', HUBBUB_REDIS_URL: 'redis://127.0.0.1:1' });
    assert.equal(d.code, 1);
    says(d, 'postgresql', 'fail', /refused.*check HUBBUB_DATABASE_URL/i);
    says(d, 'redis', 'fail', /check HUBBUB_REDIS_URL/);
    assert.ok(!d.lines.join('\n').includes('secret-word'), 'no password is shown');
    says(doctor({ HUBBUB_REDIS_URL: 'http://x' }), 'redis', 'fail', /neither redis:\/\/host:port nor unix/);
});

test('a Redis that accepts and never answers does not hang it', async () => {
    const server = createServer(() => {}).listen(0, '127.0.0.1');
    await new Promise((done) => server.once('listening', done));
    const start = Date.now();
    const d = doctor({ HUBBUB_REDIS_URL: `redis://127.0.0.1:${server.address().port}` });
    server.close();
    says(d, 'redis', 'fail', /./);
    assert.ok(Date.now() - start < 20_000);
});

test('settings that lose messages', () => {
    const { hub } = at;
    hub.psql("ALTER ROLE hubbub SET synchronous_commit = 'off'");
    try {
        const d = doctor();
        says(d, 'postgresql settings', 'warn', /synchronous_commit gives "off"; set synchronous_commit = on/);
        assert.equal(d.code, 0, 'a warning is no failure');
    } finally {
        hub.psql('ALTER ROLE hubbub RESET synchronous_commit');
    }
});

test('a low limit of open files', () => {
    const { hub } = at;
    const limited = (n) => spawnSync('prlimit', [`--nofile=${n}:${n}`, hub.program, 'doctor'], {
        encoding: 'utf8', env: { ...process.env, HUBBUB_DATA: hub.data, HUBBUB_LISTEN: `127.0.0.1:${hub.port}` },
    });
    assert.match(limited(4096).stdout, /^warn +limit of open files: 4096 clients at most; set LimitNOFILE/m);
    const low = limited(512);
    assert.match(low.stdout, /^fail +limit of open files: 512; every client is one/m);
    assert.equal(low.status, 1);
});

test('a process that hangs, and one that was asked for on another port', async () => {
    const { hub } = at;
    hub.signal('media-1', 'SIGSTOP');
    try {
        const d = doctor();
        says(d, 'process media-1', 'fail', /does not answer on 127\.0\.0\.1:\d+/);
        assert.equal(d.code, 1);
    } finally {
        hub.signal('media-1', 'SIGCONT');
    }
    says(doctor({ HUBBUB_LISTEN: '127.0.0.1:7' }), 'process chat-1', 'fail', /is HUBBUB_LISTEN here what it was started with/);
});

test('a part that is away: the process says so itself', async () => {
    const { hub } = at;
    hub.signal('postgres-1', 'SIGSTOP');
    try {
        await until('chat is not ready', async () => (await hub.readyz('chat-1')) === 503, 20_000, 200);
        const d = doctor();
        says(d, 'process chat-1', 'fail', /is not ready \(postgresql: away/);
        assert.equal(d.find('postgresql').word, 'fail');
    } finally {
        await until('PostgreSQL goes on', () => { // a backend may end between its listing and its signal
            try {
                return hub.signal('postgres-1', 'SIGCONT');
            } catch (e) {
                if (e.code !== 'ESRCH') throw e;
                return false;
            }
        });
    }
    await hub.allReady();
});

test('before the first start nothing fails and nothing is made; a folder that cannot be written does', () => {
    const data = mkdtempSync('/tmp/hubbub-cli-');
    const d = doctor({ HUBBUB_DATA: join(data, 'new', 'place') });
    assert.deepEqual(d.failed, []);
    assert.equal(d.code, 0);
    says(d, 'processes', 'warn', /nothing runs on .*; start it with \.\/run/);
    says(d, 'postgresql', 'warn', /does not run; \.\/run starts it/);
    assert.equal(execFileSync('find', [data, '-mindepth', '1'], { encoding: 'utf8' }), '');
    rmSync(data, { recursive: true });
    const proc = doctor({ HUBBUB_DATA: '/proc/hubbub' });
    says(proc, 'disk /proc', 'fail', /cannot be written to/);
    assert.equal(proc.code, 1);
});

test('/metrics of every process: each family is in docs/metrics.md, of the type and with the labels that stand there', async () => {
    const { hub } = at;
    const p = await hub.register();
    const { id } = await p.post('/guilds', { name: 'counted' });
    const [channel] = (await p.get(`/guilds/${id}/channels`)).filter((c) => c.type === 0);
    await p.say(channel.id, 'hello');
    const declared = new Map(execFileSync(join(top, 'tools/docs/metrics.pl'), ['--names'], { encoding: 'utf8' }).trim().split('\n').map((l) => {
        const [name, type, labels = ''] = l.split(' ');
        return [name, { type, labels }];
    }));
    const seen = new Set();
    for (const name of ['chat-1', 'gateway-1', 'presence-1', 'media-1']) {
        const text = await (await fetch(`http://127.0.0.1:${hub.adminPort(name)}/metrics`)).text();
        let family;
        for (const line of text.trim().split('\n')) {
            const type = line.match(/^# TYPE (\w+) (\w+)$/);
            if (type) {
                family = type[1];
                assert.equal(declared.get(family)?.type, type[2], `${name}: ${family}`);
                seen.add(family);
            }
            const labels = line.match(/^[a-z_]+\{(.*)\} /)?.[1];
            if (!labels) continue;
            const names = [...labels.matchAll(/(\w+)="/g)].map((m) => m[1]).filter((l) => l !== 'le').sort().join(',');
            assert.equal(names, declared.get(family).labels, `${name}: ${line}`);
        }
        const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
        assert.ok(!/error/i.test(checked.stderr), `${name}: ${checked.stderr}`);
    }
    assert.ok(seen.size > 40, `${seen.size} families`);
});
