// Goal: direct messages, one to one and in groups, as people's clients and a bot written with discord.js meet them; live, after
// a lost connection, and for nobody else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { ChannelType, Client, Events, GatewayIntentBits, Partials } from 'discord.js';
import { Op, until, withHubbub } from './harness.js';

const up = withHubbub({ before, after });
const THUMB = encodeURIComponent('👍');
let world, anna, ben, carl;
const prepare = async () => {
    if (world) return;
    world = await up.hub.guild(2);
    [anna, [ben, carl]] = [world.owner, world.members];
};
const code = (answer) => [answer.status, answer.body?.code];
// After it, everything that was sent to the socket before has come.
async function settle(who, socket) {
    const from = socket.frames.length;
    await who.patch('/users/@me', { global_name: `mark ${from}` });
    await socket.event('USER_UPDATE', (d) => d.global_name === `mark ${from}`, { from });
}

describe('one to one', () => {
    before(prepare);
    test('the first message shows it to the other, live', async () => {
        const [a, b, c] = [await anna.connect(), await ben.connect(), await carl.connect()];
        const dm = await anna.post('/users/@me/channels', { recipient_id: ben.id });
        assert.equal(dm.type, 1);
        assert.deepEqual(dm.recipients.map((r) => r.id), [ben.id]);
        assert.equal(dm.guild_id, undefined);
        assert.equal((await a.event('CHANNEL_CREATE', (d) => d.id === dm.id)).d.recipients[0].id, ben.id);
        assert.equal((await ben.post('/users/@me/channels', { recipients: [anna.id] })).id, dm.id);
        await ben.delete(`/channels/${dm.id}`);
        const message = await anna.say(dm.id, 'only for you');
        const shown = await b.event('CHANNEL_CREATE', (d) => d.id === dm.id);
        assert.equal(shown.d.recipients[0].id, anna.id);
        const got = await b.message('only for you');
        assert.ok(got.s > shown.s);
        assert.deepEqual([got.d.id, got.d.channel_id, got.d.guild_id, got.d.member], [message.id, dm.id, undefined, undefined]);
        await a.message('only for you');

        await ben.put(`/channels/${dm.id}/messages/${message.id}/reactions/${THUMB}/@me`);
        assert.equal((await a.event('MESSAGE_REACTION_ADD')).d.guild_id, undefined);
        await ben.put(`/channels/${dm.id}/messages/pins/${message.id}`);
        await a.event('CHANNEL_PINS_UPDATE', (d) => d.channel_id === dm.id && d.guild_id === undefined);
        await a.event('MESSAGE_CREATE', (d) => d.type === 6);
        await anna.patch(`/channels/${dm.id}/messages/${message.id}`, { content: 'only for you, Ben' });
        assert.equal((await b.event('MESSAGE_UPDATE', (d) => d.content === 'only for you, Ben')).d.guild_id, undefined);
        await ben.post(`/channels/${dm.id}/typing`);
        assert.equal((await a.event('TYPING_START', (d) => d.channel_id === dm.id)).d.user_id, ben.id);
        const form = new FormData();
        form.set('payload_json', JSON.stringify({ content: 'a file' }));
        form.set('files[0]', new Blob(['words']), 'a.txt');
        const file = (await ben.post(`/channels/${dm.id}/messages`, form)).attachments[0];
        assert.equal(await (await fetch(file.url)).text(), 'words');
        assert.deepEqual((await anna.get(`/channels/${dm.id}/messages`)).map((m) => m.content).filter(Boolean), ['a file', 'only for you, Ben']);
        await anna.delete(`/channels/${dm.id}/messages/${message.id}`);
        await b.event('MESSAGE_DELETE', (d) => d.id === message.id && d.guild_id === undefined);

        await settle(carl, c);
        assert.deepEqual(c.frames.filter((f) => f.d?.channel_id === dm.id || f.d?.id === dm.id), []);
        assert.deepEqual(code(await carl.request('GET', `/channels/${dm.id}/messages`)), [403, 50001]);
        for (const s of [a, b, c]) await s.close();
    });

    test('READY has the open ones; a closed one comes back with the next message', async () => {
        const dm = await anna.post('/users/@me/channels', { recipient_id: carl.id });
        await anna.say(dm.id, 'one');
        const c = await carl.connect();
        const known = c.ready.private_channels.find((p) => p.id === dm.id);
        assert.deepEqual([known.type, known.recipients[0].id], [1, anna.id]);
        assert.ok((await carl.get('/users/@me/channels')).some((p) => p.id === dm.id));
        assert.equal((await carl.delete(`/channels/${dm.id}`)).id, dm.id);
        await c.event('CHANNEL_DELETE', (d) => d.id === dm.id);
        assert.ok(!(await carl.get('/users/@me/channels')).some((p) => p.id === dm.id));
        const without = await carl.connect();
        assert.ok(!without.ready.private_channels.some((p) => p.id === dm.id));
        for (let i = 0; i < 5; i++) await anna.say(dm.id, `back ${i}`);
        for (const socket of [c, without]) {
            await socket.message('back 4');
            assert.deepEqual(socket.dispatched('MESSAGE_CREATE').filter((m) => m.channel_id === dm.id).map((m) => m.content), [0, 1, 2, 3, 4].map((i) => `back ${i}`));
            assert.equal(socket.dispatched('CHANNEL_CREATE').filter((d) => d.id === dm.id).length, 1);
            await socket.close();
        }
    });

    test('a resumed session gets what was said meanwhile, once', async () => {
        const dm = await anna.post('/users/@me/channels', { recipient_id: ben.id });
        const b = await ben.connect();
        await anna.say(dm.id, 'before');
        await b.message('before');
        b.destroy();
        await b.closed;
        await Promise.all([1, 2, 3].map((i) => anna.say(dm.id, `meanwhile ${i}`)));
        const again = up.hub.socket();
        await again.op(Op.HELLO);
        again.resume(ben.token, b.ready.session_id, b.seq);
        await again.event('RESUMED');
        await anna.say(dm.id, 'after');
        await again.message('after');
        assert.deepEqual(again.dispatched('MESSAGE_CREATE').map((m) => m.content).sort(), ['after', 'meanwhile 1', 'meanwhile 2', 'meanwhile 3']);
        await again.close();
    });

    test('nobody to write to, and what a DM does not have', async () => {
        const stranger = await up.hub.register();
        const open = (who, body) => who.request('POST', '/users/@me/channels', { body });
        assert.deepEqual(code(await open(stranger, { recipient_id: anna.id })), [403, 50007]);
        assert.deepEqual(code(await open(anna, { recipient_id: anna.id })), [403, 50007]);
        assert.deepEqual(code(await open(anna, { recipient_id: '12345' })), [404, 10013]);
        assert.deepEqual(code(await open(anna, {})), [400, 50033]);
        const dm = (await open(anna, { recipient_id: ben.id })).body.id;
        assert.deepEqual(code(await anna.request('PATCH', `/channels/${dm}`, { body: { topic: 'x' } })), [400, 50003]);
        assert.deepEqual(code(await anna.request('POST', `/channels/${dm}/invites`, { body: {} })), [400, 50003]);
        const message = await ben.say(dm, 'mine');
        assert.deepEqual(code(await anna.request('DELETE', `/channels/${dm}/messages/${message.id}`)), [400, 50003]);
    });
});

describe('groups', () => {
    before(prepare);
    test('are made, grow, shrink and pass to another owner', async () => {
        const dora = await up.hub.register();
        await dora.post(`/invites/${world.invite}`);
        const [b, c, d] = [await ben.connect(), await carl.connect(), await dora.connect()];
        const group = await anna.post('/users/@me/channels', { recipients: [ben.id, carl.id] });
        assert.deepEqual([group.type, group.owner_id, group.recipients.length], [3, anna.id, 2]);
        for (const [who, socket] of [[ben, b], [carl, c]]) {
            const shown = (await socket.event('CHANNEL_CREATE', (x) => x.id === group.id)).d;
            assert.ok(!shown.recipients.some((r) => r.id === who.id) && shown.recipients.some((r) => r.id === anna.id));
        }
        await anna.say(group.id, 'hello both');
        for (const socket of [b, c]) await socket.message('hello both');

        await ben.put(`/channels/${group.id}/recipients/${dora.id}`);
        assert.equal((await c.event('CHANNEL_RECIPIENT_ADD', (x) => x.channel_id === group.id)).d.user.id, dora.id);
        await d.event('CHANNEL_CREATE', (x) => x.id === group.id);
        assert.equal((await d.event('MESSAGE_CREATE', (m) => m.type === 1)).d.mentions[0].id, dora.id);

        assert.deepEqual(code(await ben.request('DELETE', `/channels/${group.id}/recipients/${carl.id}`)), [403, 50013]);
        await anna.delete(`/channels/${group.id}/recipients/${carl.id}`);
        await c.event('CHANNEL_DELETE', (x) => x.id === group.id);
        assert.equal((await b.event('CHANNEL_RECIPIENT_REMOVE', (x) => x.channel_id === group.id)).d.user.id, carl.id);
        await anna.say(group.id, 'without Carl');
        await b.message('without Carl');
        assert.deepEqual(code(await carl.request('POST', `/channels/${group.id}/messages`, { body: { content: 'but' } })), [403, 50001]);
        await settle(carl, c);
        assert.ok(!c.dispatched('MESSAGE_CREATE').some((m) => m.content === 'without Carl'));

        await anna.delete(`/channels/${group.id}`);
        const changed = (await b.event('CHANNEL_UPDATE', (x) => x.id === group.id)).d;
        assert.equal(changed.owner_id, ben.id);
        assert.deepEqual(changed.recipients.map((r) => r.id), [dora.id]);
        for (const socket of [b, c, d]) await socket.close();
    });
});

test('a DM is searched by who is in it, and by nobody else', async () => {
    await prepare();
    const dm = (await anna.post('/users/@me/channels', { recipient_id: ben.id })).id;
    await anna.say(dm, 'the harbour at dawn');
    await ben.say(dm, 'the harbour at dusk');
    const search = (who, query, channel = dm) => who.request('GET', `/channels/${channel}/messages/search?${query}`);
    await until('the DM is indexed', async () => (await search(ben, 'content=harbour')).body.total_results === 2);
    const found = async (query) => (await search(ben, query)).body.messages.map(([m]) => m.content);
    assert.deepEqual(await found('content=harbour&sort_order=asc'), ['the harbour at dawn', 'the harbour at dusk']);
    assert.deepEqual(await found(`content=harbour&author_id=${ben.id}`), ['the harbour at dusk']);
    assert.deepEqual(await found('content=harbour&limit=1&offset=1'), ['the harbour at dawn']);
    assert.deepEqual(code(await search(carl, 'content=harbour')), [403, 50001]);
    assert.deepEqual(code(await search(ben, 'content=harbour', '12345')), [404, 10003]);
    for (const limit of [0, 26]) assert.deepEqual(code(await search(ben, `limit=${limit}`)), [400, 50035]);
    // A channel of a guild, too.
    await anna.say(world.channel, 'the harbour at noon');
    await until('the guild is indexed', async () => (await search(carl, 'content=harbour', world.channel)).body.total_results === 1);
});

describe('discord.js', () => {
    before(prepare);
    test('answers a person who writes to the bot, and writes first to another', async () => {
        const account = await up.hub.bot(anna, { guild: world.guild });
        const bot = new Client({
            intents: [GatewayIntentBits.Guilds, GatewayIntentBits.DirectMessages, GatewayIntentBits.DirectMessageReactions, GatewayIntentBits.DirectMessageTyping],
            partials: [Partials.Channel, Partials.Message],
            rest: { api: `${up.hub.url}/api`, cdn: up.hub.url },
        });
        const ready = once(bot, Events.ClientReady, { signal: AbortSignal.timeout(10_000) });
        await bot.login(account.secret);
        await ready;
        try {
            bot.on(Events.MessageCreate, (m) => { if (!m.author.bot && m.content === 'ping') m.reply('pong'); });
            const socket = await ben.connect();
            const dm = await ben.post('/users/@me/channels', { recipient_id: account.id });
            const typing = once(bot, Events.TypingStart, { signal: AbortSignal.timeout(10_000) });
            await ben.say(dm.id, 'ping');
            const pong = (await socket.message('pong')).d;
            assert.deepEqual([pong.author.id, pong.author.bot, pong.channel_id, pong.type], [account.id, true, dm.id, 19]);
            await ben.post(`/channels/${dm.id}/typing`);
            assert.equal((await typing)[0].user.id, ben.id);

            const user = await bot.users.fetch(carl.id);
            const listening = await carl.connect();
            const sent = await user.send('good morning');
            assert.equal(sent.channel.type, ChannelType.DM);
            await listening.event('CHANNEL_CREATE', (d) => d.id === sent.channelId && d.recipients[0].bot);
            await listening.message('good morning');
            const collected = sent.channel.awaitMessages({ filter: (m) => m.author.id === carl.id, max: 1, time: 10_000, errors: ['time'] });
            await carl.say(sent.channelId, 'to you too');
            assert.equal((await collected).first().content, 'to you too');
            const reacted = once(bot, Events.MessageReactionAdd, { signal: AbortSignal.timeout(10_000) });
            await carl.put(`/channels/${sent.channelId}/messages/${sent.id}/reactions/${THUMB}/@me`);
            assert.equal((await reacted)[0].emoji.name, '👍');
            await socket.close();
            await listening.close();
        } finally {
            await bot.destroy();
        }
    });
});
