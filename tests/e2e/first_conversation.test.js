// Goal: two people who have just registered talk to each other, live and in the history.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Op, unique, withHubbub } from './harness.js';

const up = withHubbub({ before, after });

test('two people register, meet in a guild by an invite, and read each other live', async () => {
    const { hub } = up;
    const [anna, bela] = await hub.people(2);
    const guild = await anna.post('/guilds', { name: 'Reading circle' });
    assert.equal(guild.owner_id, anna.id);
    const channels = await anna.get(`/guilds/${guild.id}/channels`);
    assert.ok(channels.some((c) => c.type === 0 && c.name === 'general'));
    assert.ok(channels.some((c) => c.type === 2));
    const room = await anna.post(`/guilds/${guild.id}/channels`, { name: 'Book of  the Month', type: 0 });
    assert.match(room.name, /^book-of-+the-month$/);

    const annasSocket = await anna.connect();
    const invite = await anna.post(`/channels/${room.id}/invites`, { max_uses: 1 });
    const look = await hub.request('GET', `/invites/${invite.code}`);
    assert.equal(look.body.guild.name, 'Reading circle');
    await bela.post(`/invites/${invite.code}`);
    const joined = await annasSocket.event('GUILD_MEMBER_ADD');
    assert.equal(joined.d.user.id, bela.id);
    const spent = await (await hub.register()).request('POST', `/invites/${invite.code}`, { body: {} });
    assert.deepEqual([spent.status, spent.body.code], [404, 10006]);

    const belasSocket = await bela.connect();
    await belasSocket.event('GUILD_CREATE', (d) => d.id === guild.id);
    const sent = await anna.say(room.id, 'Shall we begin?', { nonce: '17' });
    for (const socket of [annasSocket, belasSocket]) {
        const { d } = await socket.message('Shall we begin?');
        assert.equal(d.id, sent.id);
        assert.equal(d.guild_id, guild.id);
        assert.equal(d.author.id, anna.id);
        assert.ok(d.member && !d.member.user);
    }
    const answer = await bela.say(room.id, 'Gladly 🙂');
    await annasSocket.message('Gladly 🙂');
    assert.ok(BigInt(answer.id) > BigInt(sent.id));
    assert.deepEqual((await bela.get(`/channels/${room.id}/messages`)).map((m) => m.content), ['Gladly 🙂', 'Shall we begin?']);

    await anna.patch(`/channels/${room.id}/messages/${sent.id}`, { content: 'Let us begin.' });
    assert.ok((await belasSocket.event('MESSAGE_UPDATE', (d) => d.id === sent.id)).d.edited_timestamp);
    await anna.delete(`/channels/${room.id}/messages/${sent.id}`);
    await belasSocket.event('MESSAGE_DELETE', (d) => d.id === sent.id);
    await Promise.all([annasSocket.close(), belasSocket.close()]);
});

test('a joining member gets the guild on a socket that is already open, and loses it when leaving', async () => {
    const { hub } = up;
    const { owner, guild, channel, invite } = await hub.guild();
    const visitor = await hub.register();
    const socket = await visitor.connect();
    await visitor.post(`/invites/${invite}`);
    const created = await socket.event('GUILD_CREATE', (d) => d.id === guild);
    assert.ok(created.d.channels.some((c) => c.id === channel));
    await owner.say(channel, 'welcome');
    await socket.message('welcome');
    await visitor.delete(`/users/@me/guilds/${guild}`);
    await socket.event('GUILD_DELETE', (d) => d.id === guild);
    await owner.say(channel, 'gone?');
    const denied = await visitor.request('GET', `/channels/${channel}/messages`);
    assert.ok([403, 404].includes(denied.status));
    socket.send({ op: Op.HEARTBEAT, d: socket.seq });
    await socket.op(Op.ACK);
    assert.ok(!socket.dispatched('MESSAGE_CREATE').some((m) => m.content === 'gone?'));
    await socket.close();
});

test('a channel that a member may not see stays silent for them', async () => {
    const { hub } = up;
    const { owner, guild, members: [member] } = await hub.guild(1);
    const VIEW_CHANNEL = '1024';
    const secret = await owner.post(`/guilds/${guild}/channels`, {
        name: 'board', type: 0, permission_overwrites: [{ id: guild, type: 0, allow: '0', deny: VIEW_CHANNEL }],
    });
    const socket = await member.connect();
    const created = await socket.event('GUILD_CREATE', (d) => d.id === guild);
    assert.ok(!created.d.channels.some((c) => c.id === secret.id), 'a hidden channel is not in GUILD_CREATE');
    await owner.say(secret.id, 'between us');
    const denied = await member.request('GET', `/channels/${secret.id}/messages`);
    assert.deepEqual([denied.status, denied.body.code], [403, 50001]);
    await owner.put(`/channels/${secret.id}/permissions/${member.id}`, { type: 1, allow: VIEW_CHANNEL, deny: '0' });
    await owner.say(secret.id, 'come in');
    await socket.message('come in');
    assert.ok(!socket.dispatched('MESSAGE_CREATE').some((m) => m.content === 'between us'));
    await socket.close();
});

test('logging in again gives another token, logging out ends it and its socket', async () => {
    const { hub } = up;
    const person = await hub.register(unique('login'));
    const { body } = await hub.request('POST', '/auth/login', { body: { login: person.username, password: 'correct horse battery' } });
    assert.notEqual(body.token, person.token);
    assert.equal(Buffer.from(body.token.split('.')[0], 'base64').toString(), person.id);
    const wrong = await hub.request('POST', '/auth/login', { body: { login: person.username, password: 'wrong horse' } });
    const nobody = await hub.request('POST', '/auth/login', { body: { login: unique('nobody'), password: 'wrong horse' } });
    assert.equal(wrong.status, nobody.status);
    assert.deepEqual(wrong.body, nobody.body);
    const socket = await person.connect();
    await person.post('/auth/logout', {});
    assert.equal(await socket.closeCodeWithin(5000), 4004);
    assert.equal((await person.request('GET', '/users/@me')).status, 401);
    assert.equal((await hub.request('GET', '/users/@me', { token: body.token })).status, 200);
});

test('the last use of an invite is given once, to whoever is first', async () => {
    const { hub } = up;
    const { owner, channel } = await hub.guild();
    const { code } = await owner.post(`/channels/${channel}/invites`, { max_uses: 1 });
    const people = await hub.people(6);
    const answers = await Promise.all(people.map((p) => p.request('POST', `/invites/${code}`, { body: {} })));
    assert.equal(answers.filter((a) => a.status === 200).length, 1);
    for (const a of answers.filter((a) => a.status !== 200)) assert.deepEqual([a.status, a.body.code], [404, 10006]);
});

test('a page of history is read by the primary key', async () => {
    const { hub } = up;
    const { owner, channel } = await hub.guild();
    await owner.say(channel, 'one');
    const plan = hub.psql(`SET enable_seqscan = off; EXPLAIN SELECT id FROM messages WHERE channel_id = ${channel} AND id < 9223372036854775807 ORDER BY id DESC LIMIT 50`);
    assert.match(plan, /Index (Only )?Scan Backward using messages_\d+_pkey/);
    assert.doesNotMatch(plan, /Sort/);
});

test('the command line makes a bot and tells what runs', async () => {
    const { hub } = up;
    const { owner, guild } = await hub.guild();
    const token = hub.command('bot', 'create', 'clerk', '--owner', owner.username, '--guild', guild, '--permissions', '2048');
    const me = await hub.request('GET', '/users/@me', { token: `Bot ${token}` });
    assert.deepEqual([me.status, me.body.username, me.body.bot], [200, 'clerk', true]);
    const guilds = await hub.request('GET', '/users/@me/guilds', { token: `Bot ${token}` });
    assert.deepEqual(guilds.body.map((g) => g.id), [guild]);
    const page = hub.command('status');
    for (const name of ['chat-1', 'gateway-1', 'media-1', 'presence-1', 'postgres-1', 'redis-1']) assert.match(page, new RegExp(`${name} .* running`));
    assert.match(page, /services +together +\d/);
    console.log(page);
});
