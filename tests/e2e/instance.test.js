// Goal: the administrators of an instance find, disable, enable and delete people by REST, read how it is, and nobody else does.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PASSWORD, unique, until, withHubbub } from './harness.js';

const up = withHubbub({ before, after }, { env: { HUBBUB_REGISTRATION: 'open', HUBBUB_MINIMUM_AGE: '16' } });
const codes = ({ status, body }) => [status, body?.code];
const login = (name) => up.hub.request('POST', '/auth/login', { body: { login: name, password: PASSWORD } });

describe('the instance', () => {
    let admin;
    before(async () => { admin = await up.hub.register(); }); // the first account is an administrator

    test('an administrator is told so, also over the socket; the flag comes and goes by the command line', async () => {
        assert.equal((await admin.get('/users/@me')).administrator, true);
        const own = await admin.connect();
        assert.equal(own.ready.user.administrator, true);
        await own.close();
        const p = await up.hub.register();
        assert.equal((await p.get('/users/@me')).administrator, undefined);
        const socket = await p.connect();
        assert.equal(up.hub.command('user', 'admin', p.username, 'on'), `${p.username} is an administrator of this instance`);
        await socket.event('USER_UPDATE', (u) => u.administrator === true);
        await until('the flag is known', async () => (await p.request('GET', '/admin/summary')).status === 200);
        assert.equal(up.hub.command('user', 'admin', p.id, 'off'), `${p.id} is no administrator of this instance`);
        await socket.event('USER_UPDATE', (u) => u.administrator === undefined);
        await until('the flag is gone', async () => (await p.request('GET', '/admin/summary')).status === 403);
        await socket.close();
        assert.equal((await admin.get(`/users/${p.id}`)).administrator, undefined);
    });

    test('the summary says how it is set up, who is there and how much', async () => {
        const g = await up.hub.guild(1);
        const before_ = await admin.get('/admin/summary');
        assert.deepEqual([before_.registration, before_.minimum_age, before_.mail], ['open', 16, false]);
        assert.deepEqual(before_.services.map((s) => [s.name, s.state]), ['chat', 'postgresql', 'redis', 'presence', 'media'].map((n) => [n, 'ok']));
        assert.match(before_.postgresql_version, /^\d+/);
        assert.ok(before_.schema_version >= 31 && before_.database_bytes > 1_000_000 && before_.guilds >= 1);
        const p = await up.hub.register();
        await up.hub.bot(p);
        await admin.post(`/admin/users/${p.id}/disable`);
        const now = await admin.get('/admin/summary');
        assert.deepEqual([now.users - before_.users, now.users_disabled - before_.users_disabled, now.bots - before_.bots], [1, 1, 1]);
        assert.ok(g.guild);
    });

    test('people are listed by pages, and found by pieces of name and address, and by id', async () => {
        const mark = unique('mark');
        const ids = [];
        for (let i = 0; i < 5; i++) ids.push((await up.hub.register(`${mark}${i}`)).id);
        const walk = async (query) => {
            const seen = [];
            for (let after_ = '0'; ;) {
                const { users } = await admin.get(`/admin/users?limit=2&after=${after_}${query}`);
                if (!users.length) return seen;
                seen.push(...users.map((u) => u.user.id));
                after_ = users.at(-1).user.id;
            }
        };
        assert.deepEqual(await walk(`&query=${mark.toUpperCase()}`), ids);
        assert.ok(ids.every((id) => up.hub && id) && (await walk('')).filter((id) => ids.includes(id)).length === 5);
        assert.deepEqual(await walk(`&query=${ids[3]}`), [ids[3]]);
        assert.deepEqual(await walk(`&query=${encodeURIComponent('100%_')}`), [], 'no pattern');
        up.hub.psql(`UPDATE users SET email = '${mark}@example.org' WHERE id = ${ids[1]}`);
        assert.deepEqual(await walk(`&query=${mark}%40exam`), [ids[1]]);
        await admin.post(`/admin/users/${ids[2]}/disable`);
        assert.deepEqual(await walk(`&query=${mark}&disabled=true`), [ids[2]]);
        assert.deepEqual(await walk(`&query=${mark}&disabled=false`), ids.filter((id) => id !== ids[2]));
        const one = await admin.get(`/admin/users/${ids[1]}`);
        assert.deepEqual([one.user.username, one.email, one.disabled, one.administrator, one.sessions, one.guilds, one.reports_open], [`${mark}1`, `${mark}@example.org`, false, false, 1, 0, 0]);
        assert.ok(Math.abs(Date.parse(one.seen_at) - Date.now()) < 120_000);
    });

    test('disabled, a person is out everywhere at the answer; enabled, they log in again', async () => {
        const p = await up.hub.register(), socket = await p.connect();
        assert.equal((await admin.post(`/admin/users/${p.id}/disable`)).disabled, true);
        assert.equal((await p.request('GET', '/users/@me')).status, 401);
        assert.equal(await socket.closeCodeWithin(), 4004);
        assert.equal((await login(p.username)).body.errors.login._errors[0].code, 'ACCOUNT_DISABLED');
        assert.equal((await admin.post(`/admin/users/${p.id}/enable`)).disabled, false);
        assert.equal((await login(p.username)).status, 200);
    });

    test('deleted, a person is gone but for what they wrote; who owns a guild is not', async () => {
        const g = await up.hub.guild(1), [p] = g.members;
        const said = await p.say(g.channel, 'I was here');
        const refused = await admin.request('DELETE', `/admin/users/${g.owner.id}`);
        assert.deepEqual([refused.status, refused.body.message.includes(g.guild)], [400, true]);
        const watcher = await g.owner.connect();
        await watcher.event('GUILD_CREATE');
        await admin.delete(`/admin/users/${p.id}`);
        await watcher.event('GUILD_MEMBER_REMOVE', (d) => d.user.id === p.id);
        assert.equal((await g.owner.get(`/channels/${g.channel}/messages/${said.id}`)).author.username, `deleted_user_${p.id}`);
        assert.deepEqual(codes(await admin.request('GET', `/admin/users/${p.id}`)), [404, 10013]);
        await watcher.close();
    });

    test('administrators do nothing to each other or themselves, and nothing to bots', async () => {
        const other = await up.hub.register();
        up.hub.command('user', 'admin', other.username, 'on');
        const bot = await up.hub.bot(await up.hub.register());
        for (const [id, answer] of [[other.id, [403, 50013]], [admin.id, [403, 50013]], [bot.id, [404, 10013]], ['1', [404, 10013]]])
            for (const [verb, path] of [['POST', '/disable'], ['POST', '/enable'], ['DELETE', '']])
                assert.deepEqual(codes(await admin.request(verb, `/admin/users/${id}${path}`, { body: verb === 'POST' ? {} : undefined })), answer, `${verb} ${id}${path}`);
        assert.equal((await admin.get('/users/@me')).id, admin.id);
    });
});
