// Goal: PostgreSQL is put back to an older state while everybody is connected: every session is told to begin anew (op 9), on all
// gateways, and from then on what is stored is what is shown, each message once. Once as a recovery ends (a new timeline), once by
// files that were copied back (the same timeline, only that numbers are taken again).
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Hubbub, Op, until } from './harness.js';

const BIN = '/usr/lib/postgresql/15/bin';

// A server of our own, which nobody starts again behind our back.
class Postgres {
    constructor() {
        this.folder = mkdtempSync('/tmp/hubbub-generation-');
        this.data = join(this.folder, 'data');
        this.as = userInfo().uid === 0 ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : ['env'];
        if (userInfo().uid === 0) execFileSync('chown', ['postgres', this.folder]);
        this.run('initdb', '-D', this.data, '-U', 'hubbub', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync');
        this.url = `host=${this.folder} user=hubbub dbname=postgres`;
        this.start();
    }
    run(program, ...args) { return execFileSync(this.as[0], [...this.as.slice(1), join(BIN, program), ...args], { encoding: 'utf8', cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'] }); }
    start() {
        this.run('pg_ctl', '-D', this.data, '-w', '-t', '60', '-l', join(this.folder, 'log'), '-o', `-c fsync=off -c listen_addresses= -c unix_socket_directories=${this.folder} -c hot_standby=on`, 'start');
    }
    stop() { this.run('pg_ctl', '-D', this.data, '-w', '-m', 'fast', 'stop'); }
    copy(from, to) {
        rmSync(to, { recursive: true, force: true });
        execFileSync('cp', ['-a', from, to]);
    }
    backUp() {
        this.stop();
        this.copy(this.data, join(this.folder, 'backup'));
        this.start();
    }
    restore({ promote }) {
        this.stop();
        this.copy(join(this.folder, 'backup'), this.data);
        if (promote) {
            writeFileSync(join(this.data, 'standby.signal'), '');
            execFileSync('chown', ['postgres', join(this.data, 'standby.signal')]);
        }
        this.start();
        if (promote) this.run('pg_ctl', '-D', this.data, '-w', 'promote');
    }
    // As the services see it: the control file follows a promotion only with the next checkpoint.
    timeline() { return Number.parseInt(this.run('psql', '-XAtq', '-d', this.url, '-c', 'SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)'), 16); }
    finish() {
        try {
            this.run('pg_ctl', '-D', this.data, '-m', 'immediate', 'stop');
        } finally {
            rmSync(this.folder, { recursive: true, force: true });
        }
    }
}

let hub, postgres;
before(async () => {
    postgres = new Postgres();
    hub = await Hubbub.start({ gateways: 2, env: { HUBBUB_DATABASE_URL: postgres.url } });
}, { timeout: 180_000 });
after(async () => {
    if (hub) {
        console.log(hub.output);
        await hub.stop();
    }
    postgres?.finish();
}, { timeout: 90_000 });

const say = (world, content) => until(`${content} is stored`, async () => {
    const answer = await world.owner.request('POST', `/channels/${world.channel}/messages`, { body: { content, nonce: content, enforce_nonce: true } });
    return answer.status === 200 && answer.body.id;
}, 20_000, 50);

async function identified(socket, person, from) {
    socket.identify(person.token);
    const ready = await socket.event('READY', () => true, { from });
    await socket.event('GUILD_CREATE', () => true, { from });
    return ready;
}

async function goBack(promote) {
    const world = await hub.guild(1), [member] = world.members;
    const sockets = [await world.owner.connect({ gateway: 0 }), await member.connect({ gateway: 1 })];
    const away = await world.owner.connect({ gateway: 0 });
    for (const s of [...sockets, away]) await s.event('GUILD_CREATE');
    for (const content of ['one', 'two']) await say(world, content);
    postgres.backUp();
    for (const content of ['lost 1', 'lost 2', 'lost 3']) await say(world, content);
    for (const s of [...sockets, away]) await s.message('lost 3');
    away.destroy();
    const timeline = postgres.timeline(), marks = sockets.map((s) => s.frames.length);
    postgres.restore({ promote });
    assert.equal(postgres.timeline(), promote ? timeline + 1 : timeline);

    for (const [i, s] of sockets.entries()) assert.equal((await s.op(Op.INVALID_SESSION, { from: marks[i], ms: 20_000 })).d, false);
    const back = hub.socket({ gateway: 1 });
    await back.op(Op.HELLO);
    back.resume(world.owner.token, away.ready.session_id, away.seq);
    assert.equal((await back.op(Op.INVALID_SESSION, { ms: 20_000 })).d, false);
    const people = [world.owner, member, world.owner], all = [...sockets, back], starts = all.map((s) => s.frames.length);
    for (const [i, s] of all.entries()) await identified(s, people[i], starts[i]);
    const said = ['three', 'four', 'five', 'six', 'seven'];
    for (const content of said) await say(world, content);
    for (const [i, s] of all.entries()) {
        await s.message('seven', { from: starts[i] });
        const since = s.frames.slice(starts[i]).filter((f) => f.t === 'MESSAGE_CREATE').map((f) => f.d.content);
        assert.deepEqual(since, said);
    }
    assert.deepEqual((await member.history(world.channel)).map((m) => m.content), ['one', 'two', ...said]);
    for (const s of all) await s.close();
}

test('a recovery that ends on a new timeline', { timeout: 180_000 }, () => goBack(true));
test('files that were copied back', { timeout: 180_000 }, () => goBack(false));
