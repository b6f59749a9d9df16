// Goal: reactions, pins, bulk deletion, slow mode and replies, as bots written with discord.js and raw clients meet them; each
// event goes to those who view the channel and asked for it, and to nobody else.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, Events, GatewayIntentBits, MessageType, Partials } from 'discord.js';
import { until, withHubbub } from './harness.js';

const up = withHubbub({ before, after });
const THUMB = encodeURIComponent('👍');
let world;
const prepare = async () => { world ??= await up.hub.guild(2); };
const code = (answer) => [answer.status, answer.body?.code];

describe('discord.js', () => {
    let bot;
    const channel = () => bot.channels.cache.get(world.channel);
    const heard = (event) => once(bot, event, { signal: AbortSignal.timeout(10_000) });
    before(async () => {
        await prepare();
        const account = await up.hub.bot(world.owner, { guild: world.guild });
        bot = new Client({
            intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.GuildMessageReactions, GatewayIntentBits.MessageContent],
            partials: [Partials.Message, Partials.Reaction, Partials.User],
            rest: { api: `${up.hub.url}/api`, cdn: up.hub.url },
        });
        const ready = heard(Events.ClientReady);
        await bot.login(account.secret);
        await ready;
    });
    after(() => bot?.destroy());

    test('reacts, collects reactions, lists who reacted, removes and clears them', async () => {
        const message = await channel().send('vote');
        await message.react('👍');
        assert.equal(message.reactions.cache.get('👍').count, 1);
        const collected = message.awaitReactions({ filter: (r, user) => r.emoji.name === '🎉' && !user.bot, max: 2, time: 10_000, errors: ['time'] });
        const party = `/channels/${world.channel}/messages/${message.id}/reactions/${encodeURIComponent('🎉')}`;
        for (const m of world.members) await m.put(`${party}/@me`);
        const reactions = await collected;
        assert.equal(reactions.get('🎉').count, 2);
        const users = await reactions.get('🎉').users.fetch();
        assert.deepEqual([...users.keys()].sort(), world.members.map((m) => m.id).sort());
        const removed = heard(Events.MessageReactionRemove);
        await reactions.get('🎉').users.remove(world.members[0].id);
        assert.equal((await removed)[1].id, world.members[0].id);
        const emoji = heard(Events.MessageReactionRemoveEmoji);
        await reactions.get('🎉').remove();
        assert.equal((await emoji)[0].emoji.name, '🎉');
        const all = heard(Events.MessageReactionRemoveAll);
        await message.reactions.removeAll();
        await all;
        assert.equal((await channel().messages.fetch({ message: message.id, force: true })).reactions.cache.size, 0);
    });

    test('pins and unpins', async () => {
        const message = await channel().send('the rules');
        const updated = heard(Events.ChannelPinsUpdate);
        const told = new Promise((found) => { bot.on(Events.MessageCreate, (m) => m.system && found(m)); });
        await message.pin();
        const [where, at] = await updated;
        assert.equal(where.id, world.channel);
        assert.ok(Math.abs(at - Date.now()) < 60_000);
        const system = await told;
        assert.equal(system.type, MessageType.ChannelPinnedMessage);
        assert.equal(system.reference.messageId, message.id);
        const pins = await channel().messages.fetchPins();
        assert.deepEqual(pins.items.map((p) => p.message.id), [message.id]);
        await until('the message is known as pinned', () => message.pinned);
        await message.unpin();
        assert.equal((await channel().messages.fetchPins()).items.length, 0);
    });

    test('deletes many messages at once', async () => {
        const sent = await Promise.all(Array.from({ length: 5 }, (_, i) => channel().send(`spam ${i}`)));
        const gone = heard(Events.MessageBulkDelete);
        await channel().bulkDelete(sent);
        assert.deepEqual([...(await gone)[0].keys()].sort(), sent.map((m) => m.id).sort());
        assert.equal((await channel().messages.fetch({ limit: 100 })).filter((m) => m.content.startsWith('spam')).size, 0);
    });

    test('reads what a reply answers', async () => {
        const question = await world.members[0].say(world.channel, 'what time is it?');
        const answered = new Promise((found) => { bot.on(Events.MessageCreate, (m) => m.content === 'noon' && found(m)); });
        await world.members[1].say(world.channel, 'noon', { message_reference: { message_id: question.id } });
        const answer = await answered;
        assert.equal((await answer.fetchReference()).content, 'what time is it?');
        assert.ok(channel().messages.cache.has(question.id));
    });
});

describe('raw', () => {
    before(prepare);

    // shows: MESSAGE_REACTION_ADD, MESSAGE_DELETE_BULK
    test('events go to those who view the channel', async () => {
        const { owner, members, guild } = world;
        const room = await owner.post(`/guilds/${guild}/channels`, { name: 'staff', permission_overwrites: [{ id: guild, type: 0, allow: '0', deny: '1024' }] });
        const [inside, outside] = [await owner.connect(), await members[0].connect()];
        const sent = [await owner.say(room.id, 'one'), await owner.say(room.id, 'two')];
        const base = `/channels/${room.id}/messages/${sent[0].id}/reactions`;
        assert.deepEqual(code(await members[0].request('PUT', `${base}/${THUMB}/@me`)), [403, 50001]);
        await owner.put(`${base}/${THUMB}/@me`);
        const { d } = await inside.event('MESSAGE_REACTION_ADD');
        assert.deepEqual([d.user_id, d.message_id, d.emoji, d.member.user.id], [owner.id, sent[0].id, { id: null, name: '👍' }, owner.id]);
        await owner.delete(`${base}/${THUMB}/@me`);
        await inside.event('MESSAGE_REACTION_REMOVE');
        await owner.put(`${base}/${THUMB}/@me`);
        await owner.delete(`${base}/${THUMB}`);
        await inside.event('MESSAGE_REACTION_REMOVE_EMOJI');
        await owner.put(`${base}/${THUMB}/@me`);
        await owner.delete(base);
        await inside.event('MESSAGE_REACTION_REMOVE_ALL');
        await owner.put(`/channels/${room.id}/pins/${sent[0].id}`);
        await inside.event('CHANNEL_PINS_UPDATE');
        await owner.post(`/channels/${room.id}/messages/bulk-delete`, { messages: sent.map((m) => m.id) });
        await inside.event('MESSAGE_DELETE_BULK', (b) => b.ids.length === 2);
        await owner.say(world.channel, 'the end');
        await outside.message('the end');
        const leaked = outside.frames.filter((f) => f.d?.channel_id === room.id || f.d?.id === room.id);
        assert.deepEqual(leaked.map((f) => f.t), []);
        await Promise.all([inside.close(), outside.close()]);
    });

    test('a bot without the intents of reactions and content hears none, and sees nothing of what a reply answers', async () => {
        const { owner, channel, guild } = world;
        const bot = await up.hub.bot(owner, { guild });
        const socket = await bot.connect({ identify: { intents: 1 | (1 << 9) } });
        const question = await owner.say(channel, 'a secret');
        await owner.put(`/channels/${channel}/messages/${question.id}/reactions/${THUMB}/@me`);
        const answer = await owner.say(channel, 'reply', { message_reference: { message_id: question.id } });
        const { d } = await socket.event('MESSAGE_CREATE', (m) => m.id === answer.id);
        assert.equal(d.content, '');
        assert.ok(!JSON.stringify(socket.frames).includes('a secret'));
        assert.deepEqual(socket.dispatched('MESSAGE_REACTION_ADD'), []);
        await socket.close();
    });

    test('reactions and bulk deletion: what is refused', async () => {
        const { owner, members, channel } = world;
        const message = await members[0].say(channel, 'text');
        const base = `/channels/${channel}/messages/${message.id}/reactions`;
        for (const emoji of ['x', 'party:123', '%F0%9F%91%8D%F0%9F%91%8D'])
            assert.deepEqual(code(await owner.request('PUT', `${base}/${emoji}/@me`)), [404, 10014], emoji);
        for (let i = 0; i < 20; i++) await owner.put(`${base}/${encodeURIComponent(String.fromCodePoint(0x1f600 + i))}/@me`);
        assert.deepEqual(code(await owner.request('PUT', `${base}/${THUMB}/@me`)), [400, 30010]);
        assert.deepEqual(code(await members[1].request('DELETE', base)), [403, 50013]);
        const bulk = (ids, who = owner) => who.request('POST', `/channels/${channel}/messages/bulk-delete`, { body: { messages: ids } });
        assert.deepEqual(code(await bulk([message.id])), [400, 50016]);
        assert.deepEqual(code(await bulk([message.id, '1'])), [400, 50034]);
        assert.deepEqual(code(await bulk([message.id, message.id])), [400, 50035]);
        assert.deepEqual(code(await bulk([message.id, String(BigInt(message.id) + 1n)], members[1])), [403, 50013]);
        assert.equal((await owner.get(`/channels/${channel}/messages/${message.id}`)).reactions.length, 20);
    });

    test('slow mode: 20016 with the time to wait, the owner goes on, and one of a race gets through', async () => {
        const { owner, members, guild } = world;
        const room = await owner.post(`/guilds/${guild}/channels`, { name: 'slow', rate_limit_per_user: 1 });
        const send = (who) => who.request('POST', `/channels/${room.id}/messages`, { body: { content: 'x' }, keep429: true });
        const race = await Promise.all(Array.from({ length: 8 }, () => send(members[0])));
        assert.equal(race.filter((a) => a.status === 200).length, 1);
        const refused = race.find((a) => a.status !== 200);
        assert.deepEqual(code(refused), [429, 20016]);
        assert.ok(refused.body.retry_after > 0 && refused.body.retry_after <= 1, String(refused.body.retry_after));
        assert.equal((await send(members[1])).status, 200);
        for (let i = 0; i < 3; i++) assert.equal((await send(owner)).status, 200);
        await sleep(refused.body.retry_after * 1000 + 5);
        assert.equal((await send(members[0])).status, 200);
    });

    test('a reply without READ_MESSAGE_HISTORY: 160002; one whose message is gone shows null', async () => {
        const { owner, members, guild } = world;
        const room = await owner.post(`/guilds/${guild}/channels`, { name: 'forgetful' });
        const question = await owner.say(room.id, 'question');
        const reply = await members[0].say(room.id, 'answer', { message_reference: { message_id: question.id } });
        assert.equal(reply.referenced_message.content, 'question');
        await owner.delete(`/channels/${room.id}/messages/${question.id}`);
        const [stored] = await members[0].get(`/channels/${room.id}/messages`);
        assert.equal(stored.id, reply.id);
        assert.equal(stored.referenced_message, null);
        await owner.put(`/channels/${room.id}/permissions/${guild}`, { type: 0, allow: '0', deny: '65536' });
        const answer = await members[0].request('POST', `/channels/${room.id}/messages`, { body: { content: 'x', message_reference: { message_id: reply.id } } });
        assert.deepEqual(code(answer), [400, 160002]);
    });

    test('a form keeps its limits, and each leaf stands at its path', async () => {
        const { owner, channel } = world;
        const send = (body) => owner.request('POST', `/channels/${channel}/messages`, { body });
        const x = (n) => 'x'.repeat(n);
        const leaf = async (body, path) => {
            const answer = await send(body);
            assert.deepEqual(code(answer), [400, 50035], path);
            return path.split('.').reduce((at, key) => at?.[key], answer.body.errors)?._errors?.[0].code;
        };
        const field = (name, value) => ({ name: x(name), value: x(value) });
        const limits = [
            ['title', 256], ['description', 4096], ['footer.text', 2048], ['author.name', 256], ['fields.0.name', 256], ['fields.0.value', 1024],
        ];
        for (const [path, max] of limits) {
            const embed = (n) => {
                if (path.startsWith('fields')) return { fields: [path.endsWith('name') ? field(n, 1) : field(1, n)] };
                const [first, second] = path.split('.');
                return { [first]: second ? { [second]: x(n) } : x(n) };
            };
            assert.equal((await send({ embeds: [embed(max)] })).status, 200, path);
            assert.match(await leaf({ embeds: [embed(max + 1)] }, `embeds.0.${path}`), /LENGTH/, path);
        }
        assert.equal((await send({ embeds: [{ fields: Array(25).fill(field(1, 1)) }] })).status, 200);
        assert.match(await leaf({ embeds: [{ fields: Array(26).fill(field(1, 1)) }] }, 'embeds.0.fields'), /LENGTH/);
        assert.equal((await send({ embeds: Array(10).fill({ title: 'x' }) })).status, 200);
        assert.match(await leaf({ embeds: Array(11).fill({ title: 'x' }) }, 'embeds'), /LENGTH/);
        assert.equal((await send({ embeds: [{ description: x(4096) }, { description: x(1904) }] })).status, 200);
        assert.equal(await leaf({ embeds: [{ description: x(4096) }, { description: x(1905) }] }, 'embeds'), 'MAX_EMBED_SIZE_EXCEEDED');
        assert.equal(await leaf({ embeds: [{ title: 'x' }, { image: { url: 'ftp://x' } }] }, 'embeds.1.image.url'), 'URL_TYPE_INVALID_SCHEME');
        assert.deepEqual(code(await send({ sticker_ids: ['1'] })), [400, 50006]);
        for (const [allowed, path] of [[{ parse: ['users'], users: ['1'] }, ''], [{ parse: ['roles'], roles: ['1'] }, ''], [{ parse: ['all'] }, 'parse.0']])
            assert.ok(await leaf({ content: 'x', allowed_mentions: allowed }, `allowed_mentions${path && `.${path}`}`), JSON.stringify(allowed));
    });

    test('a forward shows its files after the message is gone; an edit keeps one file and adds another', async () => {
        const { owner, members, guild, channel } = world;
        const form = (json, name, text) => {
            const f = new FormData();
            f.set('payload_json', JSON.stringify(json));
            f.set('files[0]', new Blob([text]), name);
            return f;
        };
        const socket = await members[0].connect();
        const source = await owner.post(`/channels/${channel}/messages`, form({ content: 'look' }, 'a.txt', 'first'));
        const edited = await owner.patch(`/channels/${channel}/messages/${source.id}`, form({ attachments: [{ id: source.attachments[0].id }, { id: 0, description: 'new' }] }, 'b.txt', 'second'));
        assert.deepEqual(edited.attachments.map((a) => [a.filename, a.description]), [['a.txt', undefined], ['b.txt', 'new']]);
        assert.equal((await socket.event('MESSAGE_UPDATE', (d) => d.id === source.id)).d.attachments.length, 2);
        const sent = await members[0].post(`/channels/${channel}/messages`, { message_reference: { type: 1, channel_id: channel, message_id: source.id } });
        await owner.delete(`/channels/${channel}/messages/${source.id}`);
        const { d } = await socket.event('MESSAGE_CREATE', (m) => m.id === sent.id);
        const { message } = d.message_snapshots[0];
        assert.deepEqual([message.content, message.attachments.length, d.content, d.flags], ['look', 2, '', 1 << 14]);
        assert.equal(await (await fetch(message.attachments[1].url)).text(), 'second');
        assert.equal((await fetch(edited.attachments[1].url)).status, 404);
        const closed = await owner.post(`/guilds/${guild}/channels`, { name: 'closed', permission_overwrites: [{ id: guild, type: 0, deny: '1024', allow: '0' }] });
        const secret = await owner.say(closed.id, 'secret');
        assert.deepEqual(code(await members[0].request('POST', `/channels/${channel}/messages`, { body: { message_reference: { type: 1, channel_id: closed.id, message_id: secret.id } } })), [403, 160014]);
        await socket.close();
    });

    test('who joins is greeted in the system channel', async () => {
        const { owner, guild, channel, invite } = world;
        await owner.patch(`/guilds/${guild}`, { system_channel_flags: 0 });
        const guest = await up.hub.register();
        await guest.post(`/invites/${invite}`);
        await owner.patch(`/guilds/${guild}`, { system_channel_flags: 1 });
        const [last] = await owner.get(`/channels/${channel}/messages?limit=1`);
        assert.deepEqual([last.type, last.author.id, last.content], [7, guest.id, '']);
    });
});

describe('pages', () => {
    let channel, ids, gone;
    const page = (query) => world.owner.request('GET', `/channels/${channel}/messages${query}`);
    const got = async (query) => (await world.owner.get(`/channels/${channel}/messages${query}`)).map((m) => m.id);
    const newestFirst = (list) => [...list].reverse();
    before(async () => {
        await prepare();
        channel = (await world.owner.post(`/guilds/${world.guild}/channels`, { name: 'pages' })).id;
        ids = [];
        for (let i = 0; i < 130; i++) ids.push((await world.owner.say(channel, `${i}`)).id);
        gone = ids.splice(60, 1)[0];
        await world.owner.delete(`/channels/${channel}/messages/${gone}`);
    }, { timeout: 60_000 });

    test('before, after and around, of one and of a hundred', async () => {
        assert.deepEqual(await got(''), newestFirst(ids.slice(-50)));
        assert.deepEqual(await got('?limit=1'), [ids.at(-1)]);
        assert.deepEqual(await got('?limit=100'), newestFirst(ids.slice(-100)));
        const at = ids[65];
        assert.deepEqual(await got(`?before=${at}&limit=1`), [ids[64]]);
        assert.deepEqual(await got(`?before=${at}&limit=100`), newestFirst(ids.slice(0, 65)));
        assert.deepEqual(await got(`?after=${at}&limit=1`), [ids[66]]);
        assert.deepEqual(await got(`?after=${at}&limit=100`), newestFirst(ids.slice(66)));
        assert.deepEqual(await got(`?after=${ids[5]}&limit=100`), newestFirst(ids.slice(6, 106)));
        assert.deepEqual(await got(`?around=${at}&limit=1`), [at]);
        assert.deepEqual(await got(`?around=${at}&limit=100`), newestFirst(ids.slice(65 - 49, 65 + 51)));
    });

    test('an id that was deleted, and those that nothing can have', async () => {
        assert.deepEqual(await got(`?before=${gone}&limit=1`), [ids[59]]);
        assert.deepEqual(await got(`?after=${gone}&limit=1`), [ids[60]]);
        assert.deepEqual(await got(`?around=${gone}&limit=2`), [ids[60], ids[59]]);
        assert.deepEqual(await got('?before=0'), []);
        assert.deepEqual(await got('?after=0&limit=2'), newestFirst(ids.slice(0, 2)));
        assert.deepEqual(await got('?around=0&limit=2'), [ids[0]]);
        const last = (2n ** 63n - 1n).toString();
        assert.deepEqual(await got(`?before=${last}&limit=1`), [ids.at(-1)]);
        assert.deepEqual(await got(`?after=${last}`), []);
        for (const key of ['before', 'after', 'around']) {
            assert.deepEqual(code(await page(`?${key}=${2n ** 63n}`)), [400, 50035]);
            assert.deepEqual(code(await page(`?${key}=-1`)), [400, 50035]);
        }
        for (const limit of [0, 101, 'x']) assert.deepEqual(code(await page(`?limit=${limit}`)), [400, 50035]);
        assert.deepEqual(code(await page(`?before=${ids[1]}&after=${ids[0]}`)), [400, 50035]);
    });
});

describe('mentions', () => {
    before(prepare);
    test('tell in events who it is in the guild, live and in an edit, and nobody in an answer', async () => {
        const { owner, guild, channel, members: [ben] } = world;
        await owner.patch(`/guilds/${guild}/members/${ben.id}`, { nick: 'Captain' });
        const socket = await owner.connect();
        const sent = await owner.say(channel, `ahoy <@${ben.id}>`);
        assert.equal(sent.mentions[0].member, undefined);
        const { mentions: [live] } = (await socket.event('MESSAGE_CREATE', (m) => m.id === sent.id)).d;
        assert.deepEqual([live.id, live.member.nick, live.member.user], [ben.id, 'Captain', undefined]);
        await owner.patch(`/channels/${channel}/messages/${sent.id}`, { content: `ahoy again <@${ben.id}>` });
        const { mentions: [edited] } = (await socket.event('MESSAGE_UPDATE', (m) => m.id === sent.id)).d;
        assert.equal(edited.member.nick, 'Captain');
        assert.equal((await owner.get(`/channels/${channel}/messages/${sent.id}`)).mentions[0].member, undefined);
        await socket.close();
    });
});
