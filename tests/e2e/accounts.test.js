// Goal: what guards an account, and what ends it, as its owner's client, other people and somebody with a stolen password meet it.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { SMTPServer } from 'smtp-server';
import { Client, PASSWORD, totp, unique, until, withHubbub } from './harness.js';
import { Post } from './post.js';

const post = await Post.start();
const up = withHubbub({ before, after }, { chats: 2, env: { ...post.env(), HUBBUB_SEAL_AFTER_S: '0' } });
after(() => post.close());
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
        assert.equal(up.hub.psql(`SELECT length(secret), length(sealed) FROM totp WHERE user_id = ${anna.id}`), '0|61', 'encrypted');
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

describe('e-mail', () => {
    const address = (who) => `${who.username}@example.org`;
    const register = async (email) => {
        const name = unique('mailed');
        const to = email ?? `${name}@example.org`;
        const answer = await up.hub.request('POST', '/auth/register', { body: { username: name, email: to, password: PASSWORD, consent: true, date_of_birth: '1990-05-17' } });
        assert.equal(answer.status, 201, JSON.stringify(answer.body));
        const client = new Client(up.hub, answer.body.token, {});
        return Object.assign(client, { ...(await client.get('/users/@me')), token: answer.body.token });
    };
    const post_ = (path, body, options) => up.hub.request('POST', path, { body, ...options });
    const verify = (token) => post_('/auth/verify', { token });
    const forgot = (login) => post_('/auth/forgot', { login });
    const reset = (token, password = 'a newer password') => post_('/auth/reset', { token, password });
    const BAD = { token: { _errors: [{ code: 'TOKEN_INVALID', message: 'Invalid token.' }] } };
    const refused = (answer, what) => assert.deepEqual([answer.status, answer.body.code, answer.body.errors], [400, 50035, BAD], what);
    const metric = async (line) => {
        let sum = 0;
        for (const chat of ['chat-1', 'chat-2']) {
            const text = await (await fetch(`http://127.0.0.1:${up.hub.adminPort(chat)}/metrics`)).text();
            sum += Number(text.split('\n').find((l) => l.startsWith(line))?.split(' ').pop() ?? 0);
        }
        return sum;
    };
    const settled = () => until('the outbox is empty', () => up.hub.psql('SELECT count(*) FROM outbox') === '0', 60_000);

    test('an address is confirmed by the link that was sent there, once', async () => {
        const anna = await register();
        assert.deepEqual([anna.email, anna.verified], [address(anna), false]);
        const mail = await post.mail(address(anna));
        assert.deepEqual([mail.secure, mail.user, mail.from, mail.headers.from, mail.headers.subject], [true, 'hub', 'hub@example.org', 'Hub <hub@example.org>', 'Confirm your e-mail address']);
        assert.match(mail.headers['message-id'], /^<hubbub-\d+@example\.org>$/);
        assert.ok(mail.text.includes(`\n\n${up.hub.url}/verify#token=`), mail.text);
        const token = await post.token(address(anna));
        assert.equal(up.hub.psql(`SELECT count(*) FROM tickets WHERE user_id = ${anna.id} AND tickets::text LIKE '%${token}%'`), '0');
        const socket = await anna.connect();
        assert.equal(socket.ready.user.verified, false);
        refused(await verify(`${token}x`), 'not quite');
        refused(await reset(token), 'a link for something else');
        const answer = await verify(token);
        assert.deepEqual([answer.status, answer.body], [200, { user_id: anna.id }]);
        assert.deepEqual([(await socket.event('USER_UPDATE')).d.verified, (await anna.get('/users/@me')).verified], [true, true]);
        refused(await verify(token), 'again');
        assert.equal((await anna.request('POST', '/auth/verify/resend')).status, 204);
        await settled();
        assert.equal(post.of(address(anna)).length, 1, 'who is confirmed is not asked');
        assert.deepEqual(code(await (await up.hub.bot(anna)).request('POST', '/auth/verify/resend')), [403, 20001]);
        await socket.close();
    });

    test('a link may be sent again; none is good for ever', async () => {
        const anna = await register();
        const first = await post.token(address(anna));
        await anna.post('/auth/verify/resend');
        const second = await post.token(address(anna), 2);
        up.hub.psql(`UPDATE tickets SET expires_at = clock_timestamp() WHERE user_id = ${anna.id}`);
        for (const t of [first, second]) refused(await verify(t), 'expired');
        await anna.post('/auth/verify/resend');
        assert.equal((await verify(await post.token(address(anna), 3))).status, 200);
    });

    test('another address is told to the old one, and has to be confirmed itself', async () => {
        const anna = await register();
        await verify(await post.token(address(anna)));
        const change = (body) => anna.request('PATCH', '/users/@me', { body });
        const to = `${unique('new')}@example.org`;
        assert.deepEqual(code(await change({ email: to })), [400, 50035]);
        assert.deepEqual(code(await change({ email: to, password: 'wrong' })), [400, 50035]);
        assert.equal((await forgot(anna.username)).status, 204);
        const stale = await post.token(address(anna), 2);
        const changed = await change({ email: to, password: PASSWORD });
        assert.deepEqual([changed.status, changed.body.email, changed.body.verified], [200, to, false]);
        refused(await reset(stale), 'the old address chooses no password');
        const notice = await post.mail(address(anna), 3);
        assert.deepEqual([notice.headers.subject, notice.text.includes('#token=')], ['Your e-mail address was changed', false]);
        assert.equal((await verify(await post.token(to))).status, 200);
        assert.equal((await anna.get('/users/@me')).verified, true);
        assert.equal((await change({ email: to.toUpperCase(), password: PASSWORD })).body.verified, true, 'the same in another case');
        await settled();
        assert.equal(post.of(to).length, 1);
    });

    test('a forgotten password: nobody learns who has an account; the link ends every session', async () => {
        const anna = await register();
        await post.mail(address(anna));
        const socket = await anna.connect();
        const before = post.mails.length;
        for (const nobody of ['nobody at all', 'nobody@example.org']) {
            const answer = await forgot(nobody);
            assert.deepEqual([answer.status, answer.bytes.length], [204, 0]);
        }
        assert.deepEqual(code(await forgot('')), [400, 50035]);
        assert.deepEqual(code(await forgot('x'.repeat(255))), [400, 50035]);
        await settled();
        assert.equal(post.mails.length, before);
        const answer = await forgot(address(anna).toUpperCase());
        assert.deepEqual([answer.status, answer.bytes.length], [204, 0]);
        const token = await post.token(address(anna), 2);
        assert.deepEqual(code(await reset(token, 'short')), [400, 50035]);
        assert.equal((await anna.get('/users/@me')).id, anna.id, 'what was refused changes nothing');
        const done = await reset(token);
        assert.deepEqual([done.status, done.body.user_id], [200, anna.id]);
        assert.equal(await socket.closeCodeWithin(), 4004);
        assert.equal((await anna.request('GET', '/users/@me')).status, 401);
        assert.equal((await up.hub.request('GET', '/users/@me', { token: done.body.token })).body.verified, true, 'who read the mail has the address');
        assert.equal((await login(anna)).status, 400);
        assert.equal((await login(anna, 'a newer password')).status, 200);
        refused(await reset(token, 'yet another one'), 'again');
    });

    test('a forgotten password is not a forgotten second factor', async () => {
        const anna = await register();
        const [recovery] = await anna.enrol();
        await post.mail(address(anna));
        await forgot(anna.username);
        const answer = await reset(await post.token(address(anna), 2));
        assert.deepEqual([answer.status, answer.body.mfa, answer.body.token], [200, true, undefined]);
        assert.equal((await finish(answer.body.ticket, recovery)).status, 200);
    });

    test('a disabled account gets no mail, and nobody more than a few in an hour', async () => {
        const anna = await register();
        await post.mail(address(anna));
        const dropped = await metric('hubbub_mails_total{result="dropped"}');
        for (let i = 0; i < 7; i++) await forgot(anna.username);
        await settled();
        assert.equal(post.of(address(anna)).length, 1 + 5);
        assert.equal(await metric('hubbub_mails_total{result="dropped"}') - dropped, 2);
        const ben = await register();
        await post.mail(address(ben));
        up.hub.command('user', 'disable', ben.username);
        assert.equal((await forgot(ben.username)).status, 204);
        await settled();
        assert.equal(post.of(address(ben)).length, 1);
    });

    test('a mail server that is away gets the mails when it is back, each once', async () => {
        const people = await Promise.all(Array.from({ length: 5 }, () => register()));
        for (const p of people) await post.mail(address(p));
        await post.close();
        for (const p of people) assert.equal((await forgot(p.username)).status, 204);
        await until('each was tried', () => up.hub.psql('SELECT count(*) FROM outbox WHERE tries > 0') === '5', 60_000);
        assert.ok(await metric('hubbub_mails_put_off_total') >= 5);
        await until('they are counted', async () => await metric('hubbub_mails_waiting') === 5);
        assert.ok(!up.hub.psql('SELECT string_agg(last_error, $$ $$) FROM outbox').includes('@'));
        await post.open();
        for (const p of people) await post.mail(address(p), 2);
        await settled();
        for (const p of people) assert.equal(post.of(address(p)).length, 2);
        assert.equal((await reset(await post.token(address(people[0]), 2))).status, 200);
    });

    test('a mail server that refuses an address is not asked again; one that is busy is', async () => {
        const [no, later] = [`${unique('no')}@example.org`, `${unique('later')}@example.org`];
        post.answers = { [no]: 550, [later]: 451 };
        const before = await metric('hubbub_mails_total{result="refused"}');
        await register(no);
        await until('it is given up', async () => await metric('hubbub_mails_total{result="refused"}') === before + 1, 60_000);
        await register(later);
        await until('it is put off', () => up.hub.psql(`SELECT count(*) FROM outbox WHERE recipient = '${later}' AND tries > 0`) === '1', 60_000);
        post.answers = {};
        await post.mail(later);
        await settled();
        assert.equal(post.of(no).length, 0);
        for (const chat of ['chat-1', 'chat-2']) for (const who of [no, later]) assert.ok(!up.hub.log(chat).includes(who), 'no address in the log');
    });

    test('whichever chat is killed, another sends', async () => {
        for (const chat of ['chat-1', 'chat-2']) {
            await up.hub.killAndWait(chat);
            const anna = await register();
            assert.equal((await verify(await post.token(address(anna)))).status, 200);
        }
    });

    test('without encryption nothing is said to a mail server that is to have it; hubbub doctor tells', async () => {
        const doctor = async (more) => {
            const { stdout } = await promisify(execFile)(up.hub.program, ['doctor'], { encoding: 'utf8', env: { ...process.env, HUBBUB_DATA: up.hub.data, HUBBUB_LISTEN: `127.0.0.1:${up.hub.port}`, ...more } }).catch((e) => e);
            return stdout.split('\n').filter((l) => / mail: /.test(l)).join('\n');
        };
        assert.match(await doctor(post.env()), /^ok .*answers/);
        assert.match(await doctor(post.env({ HUBBUB_SMTP_PASSWORD: 'wrong' })), /^fail /);
        assert.match(await doctor(post.env({ HUBBUB_SMTP_CA: '' })), /^fail .*certificate/i);
        assert.match(await doctor(post.env({ HUBBUB_SMTP_URL: 'smtp://127.0.0.1:1' })), /^fail /);
        const plain = new SMTPServer({ hideSTARTTLS: true, authOptional: true, disableReverseLookup: true, logger: false });
        await new Promise((ready) => { plain.listen(0, '127.0.0.1', ready); });
        const url = { HUBBUB_SMTP_URL: `smtp://127.0.0.1:${plain.server.address().port}`, HUBBUB_SMTP_USER: '' };
        assert.match(await doctor(post.env(url)), /^fail /);
        assert.match(await doctor(post.env({ ...url, HUBBUB_SMTP_TLS: 'off' })), /^ok /);
        await new Promise((done) => { plain.close(done); });
        assert.match(await doctor({}), /^ok .*off/);
    });
});
