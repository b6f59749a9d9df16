// Goal: a person ends their own account, for a while or for good, by the password and the second factor: every session is closed within a
// second, at both gateways; guilds, friends and DMs are told; what was said stays under a name that tells of nobody; and what broke off
// is finished without anybody asking.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PASSWORD, totp, unique, until, withHubbub } from './harness.js';
import { png, uri } from './pictures.js';

const up = withHubbub({ before, after }, { gateways: 2, chats: 2 });
const codes = ({ status, body }) => [status, body?.code];
const login = (name, password = PASSWORD) => up.hub.request('POST', '/auth/login', { body: { login: name, password } });
const end = (who, how, body = { password: PASSWORD }) => who.request('POST', `/users/@me/${how}`, { body });
// Sockets of the person at every gateway.
const everywhere = (who) => Promise.all([0, 0, 1, 1].map((gateway) => who.connect({ gateway })));
// Nobody's but theirs: each is closed within the second behind the answer.
async function allClosed(sockets, since) {
    for (const socket of sockets) assert.equal(await socket.closeCodeWithin(), 4004);
    assert.ok(Date.now() - since < 1500, `closed after ${Date.now() - since} ms`);
}

describe('disabling', () => {
    test('asks for the password; every session ends; the next login takes it back', async () => {
        const g = await up.hub.guild(1), [p] = g.members;
        assert.deepEqual(codes(await end(p, 'disable', {})), [400, 50035]);
        assert.deepEqual(codes(await end(p, 'disable', { password: 'wrong' })), [400, 50018]);
        assert.equal((await p.get('/users/@me')).id, p.id);
        const sockets = await everywhere(p), since = Date.now();
        assert.equal((await end(p, 'disable')).status, 204);
        assert.equal((await p.request('GET', '/users/@me')).status, 401);
        await allClosed(sockets, since);
        assert.equal(up.hub.psql(`SELECT disabled, self_disabled FROM users WHERE id = ${p.id}`), 't|t');
        assert.equal((await g.owner.get(`/guilds/${g.guild}/members/${p.id}`)).user.username, p.username, 'they stay a member');

        assert.equal((await login(p.username, 'wrong password')).body.errors.login._errors[0].code, 'INVALID_LOGIN');
        assert.equal(up.hub.psql(`SELECT disabled FROM users WHERE id = ${p.id}`), 't');
        const back = await login(p.username);
        assert.equal(back.status, 200, JSON.stringify(back.body));
        p.token = back.body.token;
        assert.equal((await p.get('/users/@me/guilds')).length, 1);
        assert.equal(up.hub.psql(`SELECT disabled, self_disabled FROM users WHERE id = ${p.id}`), 'f|f');
    });

    test('with a second factor: it is asked for, to go and to come back', async () => {
        const p = await up.hub.register();
        await p.enrol();
        assert.deepEqual(codes(await end(p, 'disable')), [400, 60008], 'no code');
        assert.deepEqual(codes(await end(p, 'disable', { password: PASSWORD, code: totp(p.secret, 9) })), [400, 60008]);
        up.hub.psql(`UPDATE totp SET last_step = 0 WHERE user_id = ${p.id}`);
        assert.equal((await end(p, 'disable', { password: PASSWORD, code: totp(p.secret) })).status, 204);
        const asked = await login(p.username);
        assert.equal(asked.body.mfa, true);
        assert.equal(up.hub.psql(`SELECT disabled FROM users WHERE id = ${p.id}`), 't', 'the password alone does not bring it back');
        up.hub.psql(`UPDATE totp SET last_step = 0 WHERE user_id = ${p.id}`);
        const back = await up.hub.request('POST', '/auth/mfa/totp', { body: { ticket: asked.body.ticket, code: totp(p.secret) } });
        assert.equal(back.status, 200, JSON.stringify(back.body));
        assert.equal((await p.get('/users/@me', { token: back.body.token })).id, p.id);
    });

    test('what an administrator disabled no login brings back, also of who had disabled themselves', async () => {
        const p = await up.hub.register();
        assert.equal((await end(p, 'disable')).status, 204);
        up.hub.command('user', 'disable', p.username);
        assert.equal((await login(p.username)).body.errors.login._errors[0].code, 'ACCOUNT_DISABLED');
        up.hub.command('user', 'enable', p.username);
        assert.equal((await login(p.username)).status, 200);
    });
});

describe('deleting', () => {
    test('is refused to who owns a guild or a bot, with the list, and by a wrong proof', async () => {
        const g = await up.hub.guild(1);
        const refused = await end(g.owner, 'delete');
        assert.deepEqual(codes(refused), [400, 40011]);
        assert.ok(refused.body.message.includes(g.guild), refused.body.message);
        await g.owner.patch(`/guilds/${g.guild}`, { owner_id: g.members[0].id });
        const application = (await g.owner.post('/applications', { name: 'mine' })).id;
        assert.deepEqual(codes(await end(g.owner, 'delete')), [400, 40011]);
        await g.owner.delete(`/applications/${application}`);
        assert.deepEqual(codes(await end(g.owner, 'delete', { password: 'wrong' })), [400, 50018]);
        await g.owner.enrol();
        assert.deepEqual(codes(await end(g.owner, 'delete')), [400, 60008]);
        assert.equal((await g.owner.get('/users/@me')).username, g.owner.username);
        up.hub.psql(`UPDATE totp SET last_step = 0 WHERE user_id = ${g.owner.id}`);
        assert.equal((await end(g.owner, 'delete', { password: PASSWORD, code: totp(g.owner.secret) })).status, 204);
    });

    test('takes all that tells of the person, tells who knew them, and leaves what they wrote', async () => {
        const g = await up.hub.guild(3), [p, friend, third] = g.members;
        const email = `${unique('gone')}@example.org`;
        await p.patch('/users/@me', { email, password: PASSWORD, bio: 'about me', global_name: 'Me' });
        const { avatar } = await p.patch('/users/@me', { avatar: uri(png(4, 4)) });
        assert.ok(avatar);
        await p.put(`/users/@me/relationships/${friend.id}`, {});
        await friend.put(`/users/@me/relationships/${p.id}`, {});
        await g.owner.put(`/users/@me/relationships/${p.id}`, { type: 2 });
        await p.put(`/users/@me/notes/${friend.id}`, { note: 'nice' });
        await p.patch('/users/@me/settings', { theme: 'light' });
        const said = await p.say(g.channel, 'kept in the guild');
        const dm = await p.post('/users/@me/channels', { recipient_id: friend.id });
        const whispered = await p.say(dm.id, 'kept in the DM');
        const group = await p.post('/users/@me/channels', { recipients: [friend.id, third.id] });
        const [atGuild, atFriend] = await Promise.all([g.owner.connect(), friend.connect()]);
        const sockets = await everywhere(p), since = Date.now();

        assert.equal((await end(p, 'delete')).status, 204);
        await allClosed(sockets, since);
        assert.equal((await p.request('GET', '/users/@me')).status, 401);
        const name = `deleted_user_${p.id}`;
        assert.equal((await atGuild.event('GUILD_MEMBER_REMOVE', (d) => d.user.id === p.id)).d.user.username, name);
        assert.equal((await atFriend.event('RELATIONSHIP_REMOVE', (d) => d.id === p.id)).d.type, 1);
        await atFriend.event('CHANNEL_UPDATE', (d) => d.id === dm.id && d.recipients.some((r) => r.id === p.id && r.username === name && !r.avatar));
        await atFriend.event('CHANNEL_UPDATE', (d) => d.id === group.id && [friend.id, third.id].includes(d.owner_id));

        for (const [channel, message, text] of [[g.channel, said.id, 'kept in the guild'], [dm.id, whispered.id, 'kept in the DM']]) {
            const { content, author } = await friend.get(`/channels/${channel}/messages/${message}`);
            assert.deepEqual([content, author.id, author.username, author.global_name, author.avatar], [text, p.id, name, null, null]);
        }
        assert.deepEqual(await friend.get('/users/@me/relationships'), []);
        assert.deepEqual(await g.owner.get('/users/@me/relationships'), []);
        assert.ok([400, 403].includes((await friend.request('POST', `/channels/${dm.id}/messages`, { body: { content: 'hello?' } })).status));
        const row = up.hub.psql(`SELECT row_to_json(u)::text FROM users u WHERE id = ${p.id}`);
        for (const trace of [email, 'about me', avatar, p.username]) assert.ok(!row.includes(trace), trace);
        assert.equal(JSON.parse(row).erased, true);
        for (const table of ['tokens', 'members', 'relationships', 'read_states', 'user_settings', 'notes', 'totp', 'tickets'])
            assert.equal(up.hub.psql(`SELECT count(*) FROM ${table} WHERE user_id = ${p.id}`), '0', table);
        assert.equal((await login(email)).body.errors.login._errors[0].code, 'INVALID_LOGIN');
        assert.equal((await up.hub.request('POST', '/auth/register', { body: { username: p.username, email, password: PASSWORD, consent: true, date_of_birth: '1990-01-01' } })).status, 201, 'name and address are free');
        await Promise.all([atGuild.close(), atFriend.close()]);
    });

    test('what broke off is finished by itself', { timeout: 90_000 }, async () => {
        const g = await up.hub.guild(1), [p] = g.members;
        await p.put(`/users/@me/relationships/${g.owner.id}`, {});
        await g.owner.put(`/users/@me/relationships/${p.id}`, {});
        const socket = await g.owner.connect();
        up.hub.psql(`UPDATE users SET username = 'deleted_user_${p.id}', password_hash = NULL, disabled = true, deleted = true WHERE id = ${p.id}`);
        await until('the worker came by', () => up.hub.psql(`SELECT erased FROM users WHERE id = ${p.id}`) === 't', 60_000, 500);
        await socket.event('GUILD_MEMBER_REMOVE', (d) => d.user.id === p.id);
        await socket.event('RELATIONSHIP_REMOVE', (d) => d.id === p.id);
        await socket.close();
    });

    test('sent twice at once, it happens once', async () => {
        const p = await up.hub.register();
        const both = await Promise.all([end(p, 'delete'), end(p, 'delete')]);
        assert.ok(both.some((a) => a.status === 204) && both.every((a) => [204, 400, 401].includes(a.status)), JSON.stringify(both.map(codes)));
        assert.equal(up.hub.psql(`SELECT username FROM users WHERE id = ${p.id}`), `deleted_user_${p.id}`);
    });
});
