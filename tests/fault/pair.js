// Two PostgreSQL servers on this machine, one following the other synchronously: what is acknowledged is with both. When the first is
// killed the other takes its place, on a timeline of its own, and a new follower is made of it.
import { execFile, execFileSync, spawn } from 'node:child_process';
import { chownSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { until } from '../e2e/harness.js';

const BIN = '/usr/lib/postgresql/15/bin', run = promisify(execFile);
const asRoot = process.getuid() === 0;
const owner = asRoot ? { uid: Number(execFileSync('id', ['-u', 'postgres'])), gid: Number(execFileSync('id', ['-g', 'postgres'])) } : {};
// A killed process loses nothing that it wrote to a file; only a machine would.
const SETTINGS = ['listen_addresses=', 'max_connections=100', 'shared_buffers=64MB', 'fsync=off', 'full_page_writes=off', 'wal_keep_size=64MB',
    'wal_receiver_status_interval=1s', 'timezone=UTC', 'log_timezone=UTC'];

class Server {
    constructor(folder, name) { Object.assign(this, { folder, name, data: join(folder, name), socket: join(folder, `${name}-socket`) }); }
    get path() { return join(this.socket, '.s.PGSQL.5432'); }
    get conninfo() { return `host=${this.socket} port=5432 user=hubbub dbname=hubbub`; }
    start() {
        const log = openSync(join(this.folder, `${this.name}.log`), 'a');
        const settings = [...SETTINGS, `unix_socket_directories=${this.socket}`].flatMap((s) => ['-c', s]);
        this.child = spawn('setpriv', ['--pdeathsig', 'INT', `${BIN}/postgres`, '-D', this.data, ...settings], { ...owner, cwd: this.folder, stdio: ['ignore', log, log] });
        this.exited = new Promise((done) => this.child.on('exit', done));
        return until(`${this.name} answers`, () => run('pg_isready', ['-q', '-h', this.socket]).then(() => true, () => false), 30_000);
    }
    processes() { return [this.child.pid, ...execFileSync('pgrep', ['-P', this.child.pid], { encoding: 'utf8' }).split('\n').filter(Boolean).map(Number)]; }
    signal(signal) {
        for (const pid of this.processes()) try { process.kill(pid, signal); } catch { /* a backend that has just ended */ }
    }
    // The postmaster, and every backend with it.
    async kill() {
        this.signal('SIGKILL');
        await this.exited;
    }
    sql(text) { return execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', this.conninfo, '-c', text], { encoding: 'utf8' }).trim(); }
    // Whether commits wait for a follower.
    waitForFollower(on) { this.sql(`ALTER SYSTEM SET synchronous_standby_names = '${on ? '*' : ''}'`), this.sql('SELECT pg_reload_conf()'); }
}

export class Pair {
    constructor() {
        this.folder = mkdtempSync(join(tmpdir(), 'hubbub-pair-'));
        this.servers = ['a', 'b'].map((name) => new Server(this.folder, name));
        this.failovers = 0;
    }
    async start() {
        for (const s of this.servers) mkdirSync(s.socket);
        for (const f of [this.folder, ...this.servers.map((s) => s.socket)]) if (asRoot) chownSync(f, owner.uid, owner.gid);
        [this.primary, this.follower] = this.servers;
        await this.tool('initdb', '-D', this.primary.data, '--username=hubbub', '--auth=trust', '--encoding=UTF8', '--locale=C.UTF-8', '--no-sync', '--no-instructions');
        await this.primary.start();
        await run('psql', ['-Xq', '-h', this.primary.socket, '-U', 'hubbub', 'postgres', '-c', 'CREATE DATABASE hubbub']);
        await this.follow();
        return this;
    }
    tool(name, ...args) { return run(`${BIN}/${name}`, args, { ...owner, cwd: this.folder }); }
    // Makes the follower anew of the primary; from the end on a commit is with both.
    async follow() {
        const { primary, follower } = this;
        rmSync(follower.data, { recursive: true, force: true });
        await this.tool('pg_basebackup', '-D', follower.data, '-h', primary.socket, '-U', 'hubbub', '-R', '-X', 'stream', '-c', 'fast', '--no-sync');
        await follower.start();
        await until('the follower follows', () => primary.sql("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") === '1', 30_000);
        primary.waitForFollower(true);
        await until('it follows synchronously', () => primary.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") === '1', 30_000);
    }
    // The primary is gone for good; the follower goes on in its place. Resolves once that can be written to.
    async failOver() {
        const { primary, follower } = this;
        await primary.kill();
        await this.tool('pg_ctl', 'promote', '-D', follower.data, '-w', '-t', '30');
        follower.waitForFollower(false);
        Object.assign(this, { primary: follower, follower: primary });
        this.failovers++;
    }
    // The primary is killed, and recovers.
    async crash() {
        await this.primary.kill();
        await this.primary.start();
        await until('the follower is back', () => this.primary.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") === '1', 30_000);
    }
    async stop() {
        for (const s of this.servers) if (s.child) s.signal('SIGCONT'), s.child.kill('SIGINT');
        await Promise.all(this.servers.map((s) => s.exited));
        rmSync(this.folder, { recursive: true, force: true });
    }
}
