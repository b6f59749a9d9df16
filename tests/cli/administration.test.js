// Goal: every verb of `hubbub user|guild|invite|bot` does on a running Hubbub what docs/administration.md says, and people see it.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { Client, PASSWORD, unique, until, withHubbub } from '../e2e/harness.js';

const at = withHubbub({ before, after });

// {code, out, err} of `hubbub ARGS`, with `input` as standard input.
function run(args, { input = '', env = {} } = {}) {
    const { hub } = at;
    const r = spawnSync(hub.program, args, {
        input, encoding: 'utf8', timeout: 30_000,
        env: { ...process.env, HUBBUB_DATA: hub.data, HUBBUB_LISTEN: `127.0.0.1:${hub.port}`, ...env },
    });
    return { code: r.status, out: r.stdout.trim(), err: r.stderr.trim() };
}
function ok(args, options) {
    const r = run(args, options);
    assert.equal(r.code, 0, `hubbub ${args.join(' ')}: ${r.err}`);
    return r.out;
}
function refused(args, pattern, options) {
    const r = run(args, options);
    assert.equal(r.code, 1, `hubbub ${args.join(' ')} gives ${r.code}: ${r.out}${r.err}`);
    assert.match(r.err, pattern);
    assert.equal(r.out, '');
    assert.ok(!r.err.includes('\n'), 'one line');
}
const login = (name, password) => at.hub.request('POST', '/auth/login', { body: { login: name, password } });
async function me(token) {
    const answer = await at.hub.request('GET', '/users/@me', { token });
    return answer.status === 200 ? answer.body : answer.status;
}
// The row of a list whose first column is the id.
const row = (list, id) => list.split('\n').find((line) => line.startsWith(id));

test('user create: a password of standard input, or one made up; the rules for names and passwords hold', async () => {
    const name = unique('made');
    const first = ok(['user', 'create', name, '--email', `${name}@example.org`], { input: `${PASSWORD}\n` });
    const [id] = first.split(' ');
    assert.match(first, new RegExp(`^\\d{17,19} ${name}`));
    const answer = await login(name, PASSWORD);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.user_id, id);
    assert.equal((await login(`${name}@example.org`, PASSWORD)).status, 200);

    const other = unique('made');
    const generated = ok(['user', 'create', other, '--admin', '--generate']);
    assert.match(generated, /\(administrator\)\npassword [a-z2-9]{20}$/);
    assert.equal((await login(other, generated.split('password ')[1])).status, 200);
    assert.equal(at.hub.psql(`SELECT admin FROM users WHERE username = '${other}'`), 't');
    assert.equal(at.hub.psql(`SELECT admin FROM users WHERE username = '${name}'`), id === at.hub.psql('SELECT min(id) FROM users') ? 't' : 'f');

    refused(['user', 'create', name, '--generate'], /username: Username is unavailable/);
    refused(['user', 'create', name.toUpperCase(), '--generate'], /username: Username is unavailable/);
    refused(['user', 'create', 'a@b', '--generate'], /username: Username cannot contain "@"/);
    refused(['user', 'create', 'deleted_user_7', '--generate'], /username: Username cannot contain "deleted_user_"/);
    refused(['user', 'create', unique('made'), '--email', `${name}@example.org`, '--generate'], /email: Email is already registered/);
    refused(['user', 'create', unique('made')], /password: Must be between 8 and 72/, { input: 'short\n' });
    refused(['user', 'create', unique('made')], /password: Must be between 8 and 72/, { input: 'x'.repeat(73) });
    assert.equal(run(['user', 'create']).code, 2);
    assert.equal(run(['user', 'create', 'two', 'names']).code, 2);
    assert.equal(run(['user', 'create', unique('made'), '--nonsense']).code, 2);
});

test('user list: state, tokens and guilds of everybody; a name does not move the cursor', async () => {
    const g = await at.hub.guild(0);
    const list = ok(['user', 'list']);
    assert.match(list.split('\n')[0], /^id +created +tokens +guilds +state +name$/);
    assert.match(row(list, g.owner.id), new RegExp(`^${g.owner.id}  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d +1 +1 +${g.owner.username}$`));
    assert.equal(list.split('\n').length - 1, Number(at.hub.psql('SELECT count(*) FROM users WHERE NOT bot AND NOT deleted')));
    at.hub.psql(`UPDATE guilds SET name = E'\\x1b[2Jbad\\u009b' WHERE id = ${g.guild}`);
    const guilds = ok(['guild', 'list']);
    assert.ok(!/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(guilds));
    assert.match(row(guilds, g.guild), /\?\[2Jbad\?\?$/);
});

test('user password: the new one works, the old one and every token do not', async () => {
    const p = await at.hub.register();
    const socket = await p.connect();
    assert.match(ok(['user', 'password', p.username], { input: 'another password\n' }), /new password/);
    assert.equal(await socket.closeCodeWithin(), 4004);
    await until('the token ended', async () => (await me(p.token)) === 401);
    assert.equal((await login(p.username, PASSWORD)).status, 400);
    assert.equal((await login(p.username, 'another password')).status, 200);
    const made = ok(['user', 'password', p.id, '--generate']).split('password ')[1];
    assert.equal((await login(p.username, 'another password')).status, 400);
    assert.equal((await login(p.username, made)).status, 200);
    refused(['user', 'password', p.username], /password: Must be between/, { input: 'short\n' });
    refused(['user', 'password', unique('nobody'), '--generate'], /Unknown User/);
});

test('user disable and enable: sockets close, tokens end, only the right password is told why', async () => {
    const p = await at.hub.register();
    const socket = await p.connect();
    assert.equal((await me(p.token)).id, p.id);
    assert.match(ok(['user', 'disable', p.username]), /is disabled/);
    assert.equal(await socket.closeCodeWithin(), 4004);
    await until('the token ended', async () => (await me(p.token)) === 401);
    assert.match(row(ok(['user', 'list']), p.id), / 0 +0 +disabled +/);

    const right = await login(p.username, PASSWORD);
    assert.equal(right.status, 400);
    assert.equal(right.body.code, 50035);
    assert.deepEqual(right.body.errors, {
        login: { _errors: [{ code: 'ACCOUNT_DISABLED', message: 'This account is disabled. Ask who runs this server.' }] },
    });
    const wrong = await login(p.username, 'wrong password');
    assert.equal(wrong.status, 400);
    assert.equal(wrong.body.code, 50035);
    assert.equal(wrong.body.errors.login._errors[0].code, 'INVALID_LOGIN');
    refused(['user', 'token', p.username], /disabled/);
    ok(['user', 'disable', p.username]); // once more changes nothing

    assert.match(ok(['user', 'enable', p.username]), /is enabled/);
    const again = await login(p.username, PASSWORD);
    assert.equal(again.status, 200);
    assert.equal((await me(again.body.token)).id, p.id);
    assert.equal(await me(p.token), 401, 'the old token stays ended');
});

test('user disable: no token works, even one that was left in the database', async () => {
    const p = await at.hub.register();
    const spare = ok(['user', 'token', p.username]);
    at.hub.psql(`UPDATE users SET disabled = true WHERE id = ${p.id}`);
    assert.equal(await me(spare), 401);
});

test('user token: a further token, by name or id', async () => {
    const p = await at.hub.register();
    for (const who of [p.username, p.id]) {
        const token = ok(['user', 'token', who]);
        assert.equal((await me(token)).id, p.id);
        const socket = await new Client(at.hub, token, p).connect();
        assert.equal(socket.ready.user.id, p.id);
        await socket.close();
    }
    assert.equal((await me(p.token)).id, p.id, 'the first goes on');
    refused(['user', 'token', '1234567890'], /Unknown User/);
});

test('user delete: an owner is refused with the list; then nothing tells of the person, and the guild sees them leave', async () => {
    const g = await at.hub.guild(1);
    const [p] = g.members;
    const watcher = await g.owner.connect();
    await watcher.event('GUILD_CREATE');
    await p.enrol();
    const socket = await p.connect();
    const said = await p.say(g.channel, 'I was here');
    const own = await p.post('/guilds', { name: 'mine alone' });
    const bot = await at.hub.bot(p);

    refused(['user', 'delete', p.username], new RegExp(`owns .*bot ${bot.application} ".*", guild ${own.id} "mine alone"`));
    assert.equal((await me(p.token)).username, p.username, 'a refusal changes nothing');
    await p.delete(`/guilds/${own.id}`);
    ok(['bot', 'delete', bot.application]);

    assert.match(ok(['user', 'delete', p.username]), new RegExp(`is deleted, and is deleted_user_${p.id}`));
    assert.equal(await socket.closeCodeWithin(), 4004);
    const left = await watcher.event('GUILD_MEMBER_REMOVE', (d) => d.user.id === p.id);
    assert.equal(left.d.user.username, `deleted_user_${p.id}`);
    await until('the token ended', async () => (await me(p.token)) === 401);
    assert.equal((await login(p.username, PASSWORD)).body.errors.login._errors[0].code, 'INVALID_LOGIN');
    assert.equal(at.hub.psql(`SELECT username, global_name, email, password_hash, date_of_birth, admin, disabled FROM users WHERE id = ${p.id}`),
        `deleted_user_${p.id}|||||f|t`);
    assert.equal(at.hub.psql(`SELECT (SELECT count(*) FROM tokens WHERE user_id = ${p.id}) + (SELECT count(*) FROM members WHERE user_id = ${p.id}) + (SELECT count(*) FROM totp WHERE user_id = ${p.id})`), '0');
    assert.equal(at.hub.psql(`SELECT member_count FROM guilds WHERE id = ${g.guild}`), '1');
    const [kept] = (await g.owner.history(g.channel)).filter((m) => m.id === said.id);
    assert.equal(kept.content, 'I was here');
    assert.equal(kept.author.username, `deleted_user_${p.id}`);
    assert.equal(row(ok(['user', 'list']), p.id), undefined);

    await at.hub.register(p.username); // the name is free again
    ok(['user', 'delete', `deleted_user_${p.id}`]); // asking again is safe
    for (const verb of ['enable', 'disable', 'token']) refused(['user', verb, p.id], /Unknown User/);
    refused(['user', 'password', p.id, '--generate'], /Unknown User/);
});

test('user delete finishes what broke off between the two steps', async () => {
    const g = await at.hub.guild(1);
    const [p] = g.members;
    at.hub.psql(`UPDATE users SET username = 'deleted_user_${p.id}', password_hash = NULL, disabled = true, deleted = true WHERE id = ${p.id}`);
    ok(['user', 'delete', p.id]);
    assert.equal(at.hub.psql(`SELECT count(*) FROM members WHERE user_id = ${p.id}`), '0');
});

test('user totp off: the password alone is enough again; tokens stay', async () => {
    const p = await at.hub.register();
    refused(['user', 'totp', p.username, 'off'], /second factor/);
    await p.enrol();
    assert.equal((await login(p.username, PASSWORD)).body.mfa, true);
    assert.equal(run(['user', 'totp', p.username]).code, 2);
    assert.equal(run(['user', 'totp', p.username, 'on']).code, 2);
    assert.match(ok(['user', 'totp', p.username, 'off']), /by the password alone/);
    assert.equal((await me((await login(p.username, PASSWORD)).body.token)).mfa_enabled, false);
    assert.equal((await me(p.token)).id, p.id);
    assert.equal(at.hub.psql(`SELECT (SELECT count(*) FROM totp WHERE user_id = ${p.id}) + (SELECT count(*) FROM recovery_codes WHERE user_id = ${p.id})`), '0');
});

test('guild list and delete: the members are told, and the owner may be disabled', async () => {
    const g = await at.hub.guild(1, 'to be deleted');
    assert.match(row(ok(['guild', 'list']), g.guild), new RegExp(`^${g.guild} +2 +4 +${g.owner.username} +to be deleted$`));
    const socket = await g.members[0].connect();
    await socket.event('GUILD_CREATE');
    ok(['user', 'disable', g.owner.username]);
    assert.match(ok(['guild', 'delete', g.guild]), new RegExp(`guild ${g.guild} "to be deleted" is deleted`));
    await socket.event('GUILD_DELETE', (d) => d.id === g.guild);
    assert.equal(row(ok(['guild', 'list']), g.guild), undefined);
    refused(['guild', 'delete', g.guild], /Unknown Guild/);
    assert.equal(run(['guild', 'delete', 'name']).code, 2);
    await socket.close();
});

test('invite create, list, delete: the code lets in until it ends', async () => {
    const g = await at.hub.guild(0);
    const [a, b] = await at.hub.people(2);
    const code = ok(['invite', 'create', g.guild, '--max-uses', '5', '--max-age', '3600']);
    assert.match(code, /^[A-Za-z0-9]{8}$/);
    assert.equal((await a.post(`/invites/${code}`)).guild.id, g.guild);
    const list = ok(['invite', 'list', g.guild]);
    assert.match(row(list, code), new RegExp(`^${code} +1/5 +\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d +${g.owner.username} +general$`));
    assert.match(row(list, g.invite), / 0 +never +/);
    assert.match(ok(['invite', 'delete', code]), new RegExp(`invite ${code} is deleted`));
    assert.equal((await b.request('POST', `/invites/${code}`, { body: {} })).status, 404);
    refused(['invite', 'delete', code], /Unknown Invite/);
    refused(['invite', 'list', '999'], /Unknown Guild/);

    const voice = ok(['invite', 'create', g.guild, '--channel', g.voice]);
    assert.equal((await b.get(`/invites/${voice}`)).channel.id, g.voice);
    refused(['invite', 'create', g.guild, '--channel', '12345'], /Unknown Channel/);
    for (const bad of [['--max-uses', '101'], ['--max-age', '604801'], ['--max-age', '-1'], ['--max-age', 'week']])
        assert.equal(run(['invite', 'create', g.guild, ...bad]).code, 2, bad.join(' '));
});

test('bot create, list, token, delete', async () => {
    const g = await at.hub.guild(0);
    const name = unique('helper');
    const token = ok(['bot', 'create', name, '--owner', g.owner.username, '--guild', g.guild]);
    const bot = await me(`Bot ${token}`);
    assert.equal(bot.bot, true);
    assert.match(row(ok(['bot', 'list']), bot.id), new RegExp(`^${bot.id} +1 +yes +${g.owner.username} +${name}$`));
    const socket = await new Client(at.hub, token, bot).connect({ identify: { token } });

    const renewed = ok(['bot', 'token', name]);
    assert.equal(await socket.closeCodeWithin(), 4004);
    await until('the old token ended', async () => (await me(`Bot ${token}`)) === 401);
    assert.equal((await me(`Bot ${renewed}`)).id, bot.id);

    ok(['bot', 'create', name, '--owner', g.owner.id]);
    refused(['bot', 'token', name], new RegExp(`2 bots are called ${name}`));
    assert.match(ok(['bot', 'delete', bot.id]), new RegExp(`bot ${bot.id} "${name}" is deleted`));
    await until('the token ended', async () => (await me(`Bot ${renewed}`)) === 401);
    assert.equal(at.hub.psql(`SELECT member_count FROM guilds WHERE id = ${g.guild}`), '1');
    refused(['bot', 'delete', bot.id], /there is no bot/);
    refused(['bot', 'create', unique('x'), '--owner', unique('nobody')], /Unknown User/);
    assert.equal(run(['bot', 'create', 'x']).code, 2);
});

test('help, unknown verbs, and an instance that does not run', async () => {
    for (const command of ['user', 'guild', 'invite', 'bot']) {
        const help = ok([command, '--help']);
        for (const verb of { user: ['create', 'list', 'password', 'disable', 'enable', 'delete', 'token'], guild: ['list', 'delete'],
            invite: ['create', 'list', 'delete'], bot: ['create', 'list', 'token', 'delete'] }[command])
            assert.ok(help.includes(`hubbub ${command} ${verb}`), `${command} ${verb}`);
        assert.equal(run([command, 'frobnicate']).code, 2);
        assert.equal(run([command]).code, 2);
    }
    const empty = execFileSync('mktemp', ['-d'], { encoding: 'utf8' }).trim();
    refused(['user', 'list'], /no Hubbub has run on/, { env: { HUBBUB_DATA: empty } });
    execFileSync('rmdir', [empty]);
});

test('registration that is closed does not hold for the operator', { timeout: 120_000 }, async () => {
    const { Hubbub } = await import('../e2e/harness.js');
    const hub = await Hubbub.start({ env: { HUBBUB_REGISTRATION: 'closed' } });
    try {
        const create = (name) => hub.command('user', 'create', name, '--generate');
        assert.match(create('first'), /\(administrator\)/);
        assert.doesNotMatch(create('second'), /\(administrator\)/);
        const answer = await hub.request('POST', '/auth/register', { body: { username: 'third', password: PASSWORD, consent: true } });
        assert.equal(answer.status, 403);
    } finally {
        await hub.stop();
    }
});
