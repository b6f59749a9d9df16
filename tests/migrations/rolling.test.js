// Goal: upgrading and rolling back cost no request. A newer version's migration is applied while people talk; a chat starts on a
// database that is ahead of it; one that may not migrate waits for the schema and serves as soon as another brought it up, with what
// the first version had written; one whose migrations are not the database's ends.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { top, until, withHubbub } from '../e2e/harness.js';

const up = withHubbub({ before, after }, { gateways: 1, chats: 2 });
const LOCK_KEY = 0x68756201; // migrate.c

// What the next version would bring, as its chat applies it.
const nextVersion = (number) => `BEGIN; SELECT pg_advisory_xact_lock(${LOCK_KEY});
    ALTER TABLE messages ADD COLUMN next_version text NOT NULL DEFAULT 'x'; ALTER TABLE users ADD COLUMN next_version bigint;
    ALTER TABLE guilds ADD COLUMN next_version boolean NOT NULL DEFAULT false; CREATE TABLE next_version (id bigint PRIMARY KEY);
    CREATE INDEX ON messages (channel_id, next_version);
    INSERT INTO migrations (number, name, checksum) VALUES (${number}, '${number}_next_version', '\\x00'); COMMIT`;

// Writes, reads and hears until told to stop; every answer is kept.
function traffic(world, socket) {
    const state = { stopped: false, sent: [], failed: [] };
    const speak = async (person, k) => {
        for (let i = 0; !state.stopped; i++) {
            const content = `${k} ${i}`;
            const said = await person.request('POST', `/channels/${world.channel}/messages`, { body: { content, nonce: content, enforce_nonce: true } });
            const read = await person.request('GET', `/channels/${world.channel}/messages?limit=5`);
            if (said.status === 200) state.sent.push(content);
            state.failed.push(...[said, read].filter((a) => a.status !== 200));
        }
    };
    const all = Promise.all([world.owner, ...world.members].map(speak));
    state.more = async (n = 30) => {
        const had = state.sent.length;
        await until(`${n} more messages`, () => state.sent.length >= had + n, 20_000);
    };
    state.stop = async () => {
        state.stopped = true;
        await all;
        assert.deepEqual(state.failed.map((a) => [a.status, a.body]), []);
        await until('all is heard', () => new Set(socket.dispatched('MESSAGE_CREATE').map((m) => m.content)).size === state.sent.length);
        assert.deepEqual((await world.owner.history(world.channel)).map((m) => m.content).sort(), [...state.sent].sort());
    };
    return state;
}

test('a newer migration under traffic, and chats that start on a database ahead of them', { timeout: 90_000 }, async () => {
    const world = await up.hub.guild(2), socket = await world.members[0].connect();
    await socket.event('GUILD_CREATE');
    const talk = traffic(world, socket);
    await talk.more();
    const number = Number(up.hub.psql('SELECT max(number) FROM migrations'));
    up.hub.psql(nextVersion(number + 1));
    await talk.more();
    await up.hub.killAndWait('chat-1');
    await talk.more();
    await up.hub.killAndWait('chat-2');
    await talk.more();
    await talk.stop();
    assert.equal((await world.owner.patch(`/guilds/${world.guild}`, { name: 'still changed' })).name, 'still changed');
    await up.hub.register();
    await socket.close();
});

// ---- Chats by themselves, on a database with the first version's schema
function chatProgram() {
    const places = [join(dirname(up.hub.program), '../../services/chat/chat'), join(dirname(up.hub.program), 'chat')];
    return places.find((p) => existsSync(p));
}
const database = () => `postgresql:///old?host=${up.hub.data}/postgres/socket&user=hubbub`;
const psqlOld = (sql) => execFileSync('psql', ['-XAtq', '-v', 'ON_ERROR_STOP=1', database(), '-c', sql], { encoding: 'utf8' }).trim();

function startChat(t, n, migrate) {
    const port = up.hub.port + 190 + n, chat = { output: '' };
    chat.child = spawn('setpriv', ['--pdeathsig', 'KILL', chatProgram()], {
        env: {
            ...process.env, HUBBUB_DATABASE_URL: database(), HUBBUB_MIGRATE: migrate, HUBBUB_CLUSTER_SECRET: 'a secret of this test alone',
            HUBBUB_RPC_LISTEN: `unix:${up.hub.data}/old-${n}.sock`, HUBBUB_ADMIN_LISTEN: `127.0.0.1:${port}`, HUBBUB_REDIS_URL: `unix://${up.hub.data}/run/redis.sock`,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [chat.child.stdout, chat.child.stderr]) stream.on('data', (d) => { chat.output += d; });
    chat.exited = new Promise((done) => chat.child.on('exit', done));
    t.after(() => chat.child.kill('SIGKILL'));
    chat.readyz = async () => {
        try {
            const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
            return `${answer.status} ${await answer.text()}`;
        } catch {
            return '';
        }
    };
    chat.says = (pattern) => until(`chat says ${pattern}`, async () => {
        if (chat.child.exitCode !== null) throw new Error(chat.output);
        return pattern.test(await chat.readyz());
    }, 20_000);
    return chat;
}

test('a database of the first version: a chat waits that may not migrate, and serves when another did', { timeout: 60_000 }, async (t) => {
    const checksum = up.hub.psql('SELECT checksum FROM migrations WHERE number = 1');
    up.hub.psql('CREATE DATABASE old');
    psqlOld(readFileSync(join(top, 'services/chat/migrations/0001_first_floor.sql'), 'utf8'));
    psqlOld(`CREATE TABLE migrations (number int PRIMARY KEY, name text NOT NULL, checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now());
        INSERT INTO migrations VALUES (1, '0001_first_floor', '${checksum}'); INSERT INTO users (id, username) VALUES (1, 'first');
        INSERT INTO guilds (id, name, owner_id) VALUES (2, 'old', 1); INSERT INTO members (guild_id, user_id) VALUES (2, 1);
        INSERT INTO channels (id, guild_id, type, name) VALUES (3, 2, 0, 'general')`);
    const waiting = startChat(t, 1, 'no');
    await waiting.says(/^503[^]*schema: not yet there/);
    assert.equal(psqlOld('SELECT count(*) FROM migrations'), '1', 'it may not migrate');
    const migrating = startChat(t, 2, 'yes');
    await migrating.says(/^200/);
    await waiting.says(/^200/);
    const known = up.hub.psql('SELECT string_agg(name || checksum, \',\' ORDER BY number) FROM migrations WHERE name NOT LIKE \'%next_version\'');
    assert.equal(psqlOld('SELECT string_agg(name || checksum, \',\' ORDER BY number) FROM migrations'), known);
    assert.equal(psqlOld('SELECT u.username || g.name || c.name FROM users u, guilds g, channels c'), 'firstoldgeneral');
});

test('a migration that is another one than was applied: the chat ends and says so', { timeout: 30_000 }, async (t) => {
    psqlOld('UPDATE migrations SET checksum = \'\\x00\' WHERE number = 2');
    const chat = startChat(t, 3, 'yes');
    assert.equal(await chat.exited, 1);
    assert.match(chat.output, /changed after it was applied/);
});
