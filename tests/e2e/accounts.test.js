// Goal: what guards an account, and what ends it, as its owner's client, other people and somebody with a stolen password meet it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PASSWORD, totp, withHubbub } from './harness.js';

const up = withHubbub({ before, after });
const code = (answer) => [answer.status, answer.body?.code];
const login = (who, password = PASSWORD) => up.hub.request('POST', '/auth/login', { body: { login: who.username, password } });
const finish = (ticket, c, way = 'totp') => up.hub.request('POST', `/auth/mfa/${way}`, { body: { ticket, code: c } });
const ticketOf = async (who) => (await login(who)).body.ticket;
// As if half a minute had gone by: the codes of this one count again.
const forget = (who) => up.hub.psql(`UPDATE totp SET last_step = 0 WHERE user_id = ${who.id}`);

describe('the second factor', () => {
    test('is turned on by who knows the password and has the authenticator; every session ends, and the secret is told to nobody', async () => {
        const anna = await up.hub.register();
        const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
        const enable = (body) => anna.request('POST', '/users/@me/mfa/totp/enable', { body: { password: PASSWORD, secret, code: totp(secret), ...body } });
        assert.deepEqual(code(await enable({ password: 'wrong' })), [400, 50018]);
        assert.deepEqual(code(await enable({ secret: 'not base32!' })), [400, 60005]);
        assert.deepEqual(code(await enable({ secret: 'GEZDGNBVGY3TQOI=' })), [400, 60005]); // 9 bytes
        assert.deepEqual(code(await enable({ code: totp(secret, 9) })), [400, 60008]);
        assert.deepEqual(code(await enable({ code: undefined })), [400, 50035]);
        assert.equal((await anna.get('/users/@me')).mfa_enabled, false);
        const socket = await anna.connect();
        const old = anna.token;
        const answer = await enable({ secret: secret.toLowerCase() });
        assert.deepEqual([answer.status, answer.body.backup_codes.length, Object.keys(answer.body).sort()], [200, 10, ['backup_codes', 'token']]);
        for (const c of answer.body.backup_codes) {
            assert.match(c.code, /^[a-z0-9]{8}$/);
            assert.deepEqual([c.user_id, c.consumed], [anna.id, false]);
        }
        assert.equal((await socket.event('USER_UPDATE')).d.mfa_enabled, true);
        assert.equal(await socket.closeCodeWithin(), 4004);
        assert.equal((await anna.request('GET', '/users/@me', { token: old })).status, 401);
        anna.token = answer.body.token;
        assert.equal((await anna.get('/users/@me')).mfa_enabled, true);
        assert.deepEqual(code(await enable({})), [400, 60001]);
        for (const c of answer.body.backup_codes) assert.ok(!up.hub.psql(`SELECT string_agg(hash::text, ' ') FROM recovery_codes`).includes(c.code));
        assert.deepEqual(code(await (await up.hub.bot(anna)).request('POST', '/users/@me/mfa/totp/disable', { body: { code: '1' } })), [403, 20001]);
    });

    test('is asked for at login; a code counts once, a ticket too', async () => {
        const anna = await up.hub.register();
        await anna.enrol();
        const asked = await login(anna);
        assert.equal(asked.status, 200);
        const { ticket, ...rest } = asked.body;
        assert.deepEqual(rest, { user_id: anna.id, mfa: true, totp: true, backup: true, sms: false });
        assert.deepEqual(code(await finish(ticket, anna.usedCode)), [400, 60008], 'the code that it was turned on with');
        assert.deepEqual(code(await finish(ticket, totp(anna.secret, 9))), [400, 60008], 'of a later time');
        assert.deepEqual(code(await finish('x'.repeat(43), totp(anna.secret, 1))), [400, 60006]);
        assert.deepEqual(code(await up.hub.request('GET', '/users/@me', { token: ticket })), [401, 0]);
        const next = totp(anna.secret, 1);
        const done = await finish(ticket, next);
        assert.deepEqual([done.status, Object.keys(done.body).sort(), done.body.user_id], [200, ['token', 'user_id'], anna.id]);
        assert.equal((await up.hub.request('GET', '/users/@me', { token: done.body.token })).body.id, anna.id);
        forget(anna);
        assert.deepEqual(code(await finish(ticket, totp(anna.secret))), [400, 60006]);
        const second = await ticketOf(anna);
        const last = totp(anna.secret, 1);
        assert.equal((await finish(second, last)).status, 200);
        assert.deepEqual(code(await finish(await ticketOf(anna), last)), [400, 60008]);
        assert.deepEqual(code(await login(anna, 'wrong password')), [400, 50035]);
    });

    test('may be a recovery code, once, however it is written', async () => {
        const anna = await up.hub.register();
        const [first, second] = await anna.enrol();
        assert.equal((await finish(await ticketOf(anna), `${first.slice(0, 4)}-${first.slice(4)}`.toUpperCase())).status, 200);
        const ticket = await ticketOf(anna);
        assert.deepEqual(code(await finish(ticket, first)), [400, 60008]);
        assert.equal((await finish(ticket, second, 'backup')).status, 200);
    });

    test('lets nobody try for long, and forgives after a right code or a quarter of an hour', async () => {
        const anna = await up.hub.register();
        const [first, second] = await anna.enrol();
        const ticket = await ticketOf(anna);
        const wrong = async (n) => {
            for (let i = 0; i < n; i++) assert.deepEqual(code(await finish(await ticketOf(anna), '000000')), [400, 60008]);
        };
        await wrong(4);
        assert.equal((await finish(ticket, first)).status, 200);
        await wrong(5);
        const refused = await finish(await ticketOf(anna), second);
        assert.equal(refused.status, 429);
        assert.ok(refused.body.retry_after > 800 && refused.body.retry_after <= 900, JSON.stringify(refused.body));
        assert.equal((await anna.request('POST', '/users/@me/mfa/totp/disable', { body: { code: second }, keep429: true })).status, 429);
        up.hub.psql(`UPDATE totp SET failures_at = failures_at - interval '15 minutes' WHERE user_id = ${anna.id}`);
        assert.equal((await finish(await ticketOf(anna), second)).status, 200);
    });

    test('is not got around by a ticket of the password that was', async () => {
        const anna = await up.hub.register();
        const [first, second] = await anna.enrol();
        const ticket = await ticketOf(anna);
        anna.token = (await anna.patch('/users/@me', { password: PASSWORD, new_password: 'quite another one' })).token;
        assert.deepEqual(code(await finish(ticket, first)), [400, 60006]);
        const other = (await login(anna, 'quite another one')).body.ticket;
        up.hub.command('user', 'disable', anna.username);
        assert.deepEqual(code(await finish(other, second)), [400, 60006]);
        assert.equal((await login(anna, 'quite another one')).body.errors.login._errors[0].code, 'ACCOUNT_DISABLED');
    });

    test('has its recovery codes counted and made anew by password and code', async () => {
        const anna = await up.hub.register();
        const challenge = (password = PASSWORD) => anna.request('POST', '/auth/verify/view-backup-codes-challenge', { body: { password } });
        const view = (body) => anna.request('POST', '/users/@me/mfa/codes-verification', { body });
        assert.deepEqual(code(await view({ key: '000000', nonce: 'x' })), [400, 60002]);
        const [first, second, third] = await anna.enrol();
        assert.deepEqual(code(await challenge('wrong')), [400, 50018]);
        const { nonce, regenerate_nonce } = (await challenge()).body;
        assert.deepEqual(code(await view({ key: first, nonce: regenerate_nonce })), [400, 60011], 'the nonce of the other');
        const seen = (await view({ key: totp(anna.secret, 1), nonce })).body.backup_codes;
        assert.deepEqual(seen.map((c) => c.consumed), Array(10).fill(false)); // what was refused spent nothing
        assert.ok(seen.every((c) => c.code === '********'));
        assert.deepEqual(code(await view({ key: second, nonce })), [400, 60011], 'a nonce counts once');
        forget(anna);
        assert.deepEqual(code(await view({ key: '000000', nonce: regenerate_nonce, regenerate: true })), [400, 60008]);
        const fresh = (await view({ key: second, nonce: regenerate_nonce, regenerate: true })).body.backup_codes.map((c) => c.code);
        assert.deepEqual([fresh.length, fresh.some((c) => [first, second, third].includes(c))], [10, false]);
        assert.deepEqual(code(await finish(await ticketOf(anna), third)), [400, 60008]);
        assert.equal((await finish(await ticketOf(anna), fresh[0])).status, 200);
        const again = (await challenge()).body;
        assert.deepEqual((await view({ key: totp(anna.secret, 1), nonce: again.nonce })).body.backup_codes.map((c) => c.consumed), [true, ...Array(9).fill(false)]);
    });

    test('is turned off by a code', async () => {
        const anna = await up.hub.register();
        assert.deepEqual(code(await anna.request('POST', '/users/@me/mfa/totp/disable', { body: { code: '000000' } })), [400, 60002]);
        await anna.enrol();
        const old = anna.token;
        assert.deepEqual(code(await anna.request('POST', '/users/@me/mfa/totp/disable', { body: { code: '000000' } })), [400, 60008]);
        anna.token = (await anna.post('/users/@me/mfa/totp/disable', { code: totp(anna.secret, 1) })).token;
        assert.equal((await anna.get('/users/@me')).mfa_enabled, false);
        assert.equal((await anna.request('GET', '/users/@me', { token: old })).status, 401);
        assert.equal((await login(anna)).body.mfa, undefined);
    });
});

describe('a guild whose moderators need a second factor', () => {
    test('is made one by an owner who has it', async () => {
        const g = await up.hub.guild(1);
        const level = (who, body, guild = g.guild) => who.request('POST', `/guilds/${guild}/mfa`, { body });
        assert.deepEqual(code(await level(g.members[0], { level: 1 })), [403, 50013]);
        assert.deepEqual(code(await level(await up.hub.register(), { level: 1 })), [403, 50001]);
        assert.deepEqual(code(await level(g.owner, { level: 1 })), [403, 60003]);
        await g.owner.enrol();
        assert.deepEqual(code(await level(g.owner, { level: 2 })), [400, 50035]);
        assert.deepEqual(code(await level(g.owner, {})), [400, 50035]);
        assert.deepEqual(code(await level(g.owner, { level: 1 }, '1')), [404, 10004]);
        const socket = await g.members[0].connect();
        const reason = { headers: { 'x-audit-log-reason': 'raids' }, body: { level: 1 } };
        assert.deepEqual((await g.owner.request('POST', `/guilds/${g.guild}/mfa`, reason)).body, { level: 1 });
        assert.equal((await socket.event('GUILD_UPDATE')).d.mfa_level, 1);
        assert.equal((await g.owner.get(`/guilds/${g.guild}`)).mfa_level, 1);
        const [entry] = (await g.owner.get(`/guilds/${g.guild}/audit-logs?action_type=1`)).audit_log_entries;
        assert.deepEqual([entry.reason, entry.changes], ['raids', [{ key: 'mfa_level', old_value: 0, new_value: 1 }]]);
        await socket.close();
    });

    test('answers 60003 to whoever may but has none, and to their bots; what everybody may goes on', async () => {
        const g = await up.hub.guild(3);
        const [mod, plain, target] = g.members;
        const MANAGE = [1, 2, 4, 5, 13, 28, 29].reduce((bits, b) => bits | 1n << BigInt(b), 0n).toString();
        const role = (await g.owner.post(`/guilds/${g.guild}/roles`, { name: 'mods', permissions: MANAGE })).id;
        await g.owner.put(`/guilds/${g.guild}/members/${mod.id}/roles/${role}`);
        const helper = await up.hub.bot(mod, { guild: g.guild, permissions: MANAGE });
        const said = await target.say(g.channel, 'hello');
        await g.owner.enrol();
        await g.owner.post(`/guilds/${g.guild}/mfa`, { level: 1 });
        const at = `/guilds/${g.guild}`, c = `/channels/${g.channel}`;
        const acts = [['DELETE', `${at}/members/${target.id}`], ['PUT', `${at}/bans/${target.id}`, {}], ['GET', `${at}/bans`], ['PATCH', at, { name: 'renamed' }],
            ['POST', `${at}/roles`, { name: 'x' }], ['POST', `${at}/channels`, { name: 'x' }], ['DELETE', `${c}/messages/${said.id}`], ['POST', `${c}/webhooks`, { name: 'x' }],
            ['PUT', `${c}/permissions/${g.guild}`, { type: 0, allow: '0', deny: '0' }], ['DELETE', `/invites/${g.invite}`]];
        for (const [verb, path, body] of acts)
            for (const who of [mod, helper]) assert.deepEqual(code(await who.request(verb, path, { body })), [403, 60003], `${verb} ${path}`);
        for (const [verb, path, body] of acts) assert.deepEqual(code(await plain.request(verb, path, { body })), [403, 50013], `${verb} ${path}`);
        assert.equal((await mod.request('DELETE', `${c}/messages/${(await mod.say(g.channel, 'my own')).id}`)).status, 204);
        assert.equal((await g.owner.get(`${c}/messages/${said.id}`)).content, 'hello');
        await mod.enrol();
        const names = (await helper.patch(at, { name: 'by the bot' })).name;
        assert.deepEqual([names, (await mod.request('DELETE', `${at}/members/${target.id}`)).status], ['by the bot', 204]);
        mod.token = (await mod.post('/users/@me/mfa/totp/disable', { code: totp(mod.secret, 1) })).token;
        assert.deepEqual(code(await mod.request('PATCH', at, { body: { name: 'no more' } })), [403, 60003]);
    });
});
