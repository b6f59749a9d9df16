// Goal: a bot written with discord.js, unchanged but for its base URL, does a bot's work on Hubbub; eris and oceanic.js log in too.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { ActivityType, ChannelType, Client, Events, GatewayIntentBits, PermissionFlagsBits } from 'discord.js';
import { Client as Eris } from 'eris';
import { Client as Oceanic } from 'oceanic.js';
import { until, withHubbub } from './harness.js';

const up = withHubbub({ before, after });

// A PNG of 3 x 2 red pixels.
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAMAAAACCAIAAAASFvFNAAAAEElEQVR4nGP4z8AARAwQCgAf7gP9i18U1AAAAABJRU5ErkJggg==', 'base64');

function client(hub) {
    return new Client({
        intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMembers, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent,
            GatewayIntentBits.GuildPresences, GatewayIntentBits.GuildMessageTyping, GatewayIntentBits.GuildInvites],
        rest: { api: `${hub.url}/api`, cdn: hub.url, retries: 2 },
    });
}

async function within(ms, what, promise) {
    let timer;
    const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms); });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

async function ready(bot, token) {
    const done = once(bot, Events.ClientReady);
    await bot.login(token);
    await within(15_000, 'ready', done);
    return bot;
}

describe('discord.js', () => {
    let world, bot, account;
    before(async () => {
        world = await up.hub.guild(1);
        account = await up.hub.bot(world.owner, { guild: world.guild, name: 'pingbot' });
        bot = await ready(client(up.hub), account.secret);
    });
    after(() => bot?.destroy());
    const guild = () => bot.guilds.cache.get(world.guild);
    const channel = () => bot.channels.cache.get(world.channel);

    test('knows its guild after ready', () => {
        assert.equal(bot.user.id, account.id);
        assert.equal(guild().ownerId, world.owner.id);
        assert.ok(guild().available);
        assert.equal(channel().name, 'general');
        assert.ok(guild().members.me.permissions.has(PermissionFlagsBits.Administrator));
    });

    test('answers !ping through a collector', async () => {
        const collector = channel().createMessageCollector({ filter: (m) => m.content === '!ping' && !m.author.bot, max: 1 });
        collector.on('collect', (m) => m.reply('pong'));
        const socket = await world.members[0].connect();
        const ping = await world.members[0].say(world.channel, '!ping');
        const { d } = await socket.message('pong');
        assert.equal(d.author.id, account.id);
        assert.equal(d.message_reference.message_id, ping.id);
        await socket.close();
    });

    test('creates channels and roles, gives the role, and edits and deletes all of it', async () => {
        const category = await guild().channels.create({ name: 'Projects', type: ChannelType.GuildCategory });
        const room = await guild().channels.create({
            name: 'rockets', type: ChannelType.GuildText, parent: category.id, topic: 'to the moon', reason: 'asked for',
            permissionOverwrites: [{ id: guild().roles.everyone.id, deny: [PermissionFlagsBits.ViewChannel] }],
        });
        assert.equal(room.parentId, category.id);
        assert.equal(room.topic, 'to the moon');
        assert.ok(room.permissionOverwrites.cache.get(world.guild).deny.has(PermissionFlagsBits.ViewChannel));
        const voice = await guild().channels.create({ name: 'Lounge', type: ChannelType.GuildVoice, userLimit: 5 });
        assert.equal(voice.userLimit, 5);
        const role = await guild().roles.create({ name: 'pilot', colors: { primaryColor: 0x112233 }, permissions: [PermissionFlagsBits.ViewChannel], hoist: true });
        assert.equal(role.name, 'pilot');
        assert.ok(role.hoist);
        await room.permissionOverwrites.edit(role, { ViewChannel: true });
        const member = await guild().members.fetch(world.members[0].id);
        await member.roles.add(role);
        await until('the role is in the cache', () => guild().members.cache.get(world.members[0].id).roles.cache.has(role.id));
        await world.members[0].say(room.id, 'I can see it');
        await role.setName('captain');
        await room.setTopic('to mars');
        assert.equal(room.topic, 'to mars');
        await member.setNickname('Buzz');
        await until('the nickname is in the cache', () => guild().members.cache.get(world.members[0].id).nickname === 'Buzz');
        await role.delete();
        await room.delete();
        await until('the channel is gone from the cache', () => !guild().channels.cache.has(room.id));
    });

    test('pages 250 messages of history', async () => {
        const room = await guild().channels.create({ name: 'archive' });
        for (let i = 0; i < 250; i += 25)
            await Promise.all(Array.from({ length: 25 }, (_, k) => world.owner.say(room.id, `line ${i + k}`)));
        const all = [];
        for (let before; ;) {
            const page = await room.messages.fetch({ limit: 100, before, cache: false });
            if (!page.size) break;
            all.push(...page.values());
            before = page.last().id;
        }
        assert.equal(all.length, 250);
        assert.equal(new Set(all.map((m) => m.content)).size, 250);
        assert.ok(all.every((m, i) => i === 0 || BigInt(all[i - 1].id) > BigInt(m.id)), 'newest first');
        const middle = all[125];
        const around = await room.messages.fetch({ around: middle.id, limit: 11 });
        assert.ok(around.has(middle.id));
        assert.equal(around.size, 11);
        const later = await room.messages.fetch({ after: middle.id, limit: 5 });
        assert.deepEqual([...later.keys()].sort(), all.slice(120, 125).map((m) => m.id).sort());
        await assert.rejects(room.messages.fetch({ limit: 101 }), /limit|Invalid Form Body/);
    });

    test('sends, edits, deletes, and sees embeds as they were given', async () => {
        const sent = await channel().send({ content: 'look', embeds: [{ title: 'T', description: 'D', color: 0xff0000, fields: [{ name: 'a', value: 'b', inline: true }], footer: { text: 'f' }, timestamp: '2026-01-02T03:04:05.000Z' }] });
        assert.equal(sent.embeds[0].title, 'T');
        assert.equal(sent.embeds[0].fields[0].inline, true);
        assert.equal(new Date(sent.embeds[0].timestamp).getTime(), Date.UTC(2026, 0, 2, 3, 4, 5));
        const updated = once(bot, Events.MessageUpdate);
        const edited = await sent.edit('look again');
        assert.equal(edited.content, 'look again');
        assert.equal(edited.embeds.length, 1);
        assert.ok((await within(5000, 'messageUpdate', updated))[1].editedTimestamp);
        const deleted = once(bot, Events.MessageDelete);
        await sent.delete();
        assert.equal((await within(5000, 'messageDelete', deleted))[0].id, sent.id);
        await assert.rejects(channel().messages.fetch(sent.id), (e) => e.code === 10008);
        await assert.rejects(channel().send('x'.repeat(2001)), (e) => e.code === 50035);
    });

    test('sees presences come, change and go', async () => {
        const [person] = world.members;
        const status = () => guild().presences.cache.get(person.id)?.status ?? 'offline';
        const socket = await person.connect({ identify: { presence: { status: 'idle', since: null, afk: false, activities: [] } } });
        await until('idle', () => status() === 'idle');
        socket.send({ op: 3, d: { status: 'online', since: null, afk: false, activities: [{ name: 'the flute', type: ActivityType.Playing }] } });
        await until('online', () => status() === 'online');
        assert.equal(guild().presences.cache.get(person.id).activities[0].name, 'the flute');
        bot.user.setPresence({ status: 'dnd', activities: [{ name: 'you', type: ActivityType.Watching }] });
        await socket.event('PRESENCE_UPDATE', (d) => d.user.id === account.id && d.status === 'dnd');
        await socket.close(1000);
        await until('offline', () => status() === 'offline');
    });

    test('sends a file and reads it back, byte for byte, with its type and size', async () => {
        const sent = await channel().send({ content: 'a picture', files: [{ attachment: PNG, name: 'red dot.png', description: 'a red rectangle' }, { attachment: Buffer.from('plain words\n'), name: 'notes.txt' }] });
        const [picture, notes] = [...sent.attachments.values()];
        assert.deepEqual([picture.width, picture.height, picture.size, picture.contentType], [3, 2, PNG.length, 'image/png']);
        assert.equal(picture.description, 'a red rectangle');
        assert.match(notes.contentType, /^text\/plain/);
        const answer = await fetch(picture.url);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.get('content-type'), 'image/png');
        assert.equal(answer.headers.get('x-content-type-options'), 'nosniff');
        assert.deepEqual(Buffer.from(await answer.arrayBuffer()), PNG);
        const etag = answer.headers.get('etag');
        assert.equal((await fetch(picture.url, { headers: { 'if-none-match': etag } })).status, 304);
        const part = await fetch(picture.url, { headers: { range: 'bytes=1-3' } });
        assert.equal(part.status, 206);
        assert.equal(part.headers.get('content-range'), `bytes 1-3/${PNG.length}`);
        assert.equal(await part.text(), 'PNG');
        assert.equal((await fetch(picture.url, { headers: { range: `bytes=${PNG.length}-` } })).status, 416);
        const seen = await world.owner.get(`/channels/${world.channel}/messages/${sent.id}`);
        assert.deepEqual(seen.attachments.map((a) => a.filename), ['red_dot.png', 'notes.txt']);
        await sent.delete();
        assert.equal((await fetch(picture.url)).status, 404);
    });

    test('a file of more than 10 MiB is refused and nothing is sent', async () => {
        const form = new FormData();
        form.set('payload_json', JSON.stringify({ content: 'too big' }));
        form.set('files[0]', new Blob([Buffer.alloc(10 * 1024 * 1024 + 1)]), 'big.bin');
        const answer = await world.owner.request('POST', `/channels/${world.channel}/messages`, { body: form, ms: 60_000 });
        assert.deepEqual([answer.status, answer.body.code], [413, 40005]);
        const [last] = await world.owner.get(`/channels/${world.channel}/messages?limit=1`);
        assert.notEqual(last?.content, 'too big');
    });

    test('resumes after its socket is destroyed, and misses nothing', async () => {
        const shard = bot.ws._ws.strategy.shards.get(0);
        const heard = [];
        bot.on(Events.MessageCreate, (m) => heard.push(m.content));
        const resumed = once(bot, Events.ShardResume);
        shard.connection.terminate();
        for (let i = 0; i < 10; i++) await world.owner.say(world.channel, `during ${i}`);
        const [, replayed] = await within(15_000, 'shardResume', resumed);
        assert.ok(replayed >= 0);
        await world.owner.say(world.channel, 'afterwards');
        await until('all was heard', () => heard.includes('afterwards'));
        assert.deepEqual(heard.filter((c) => c.startsWith('during')), Array.from({ length: 10 }, (_, i) => `during ${i}`));
    });

    test('fetches members, invites, itself', async () => {
        const members = await within(10_000, 'members', guild().members.fetch());
        assert.equal(members.size, 3);
        const invite = await channel().createInvite({ maxAge: 60, maxUses: 2, unique: true });
        assert.equal(invite.maxUses, 2);
        assert.ok((await guild().invites.fetch()).has(invite.code));
        const application = await bot.application.fetch();
        assert.equal(application.owner.id, world.owner.id);
        const fetched = await bot.guilds.fetch({ guild: world.guild, force: true });
        assert.equal(fetched.roles.cache.size, guild().roles.cache.size);
    });

    test('leaves the guild when it is kicked', async () => {
        const gone = once(bot, Events.GuildDelete);
        await world.owner.delete(`/guilds/${world.guild}/members/${account.id}`);
        assert.equal((await within(5000, 'guildDelete', gone))[0].id, world.guild);
    });
});

test('eris logs in and answers', async () => {
    const { hub } = up;
    const world = await hub.guild();
    const account = await hub.bot(world.owner, { guild: world.guild });
    // eris speaks https only: its requests go through an agent that leaves the TLS out.
    const agent = new http.Agent();
    agent.protocol = 'https:';
    agent.createConnection = () => net.connect(hub.port, '127.0.0.1');
    const bot = new Eris(`Bot ${account.secret}`, {
        intents: ['guilds', 'guildMessages', 'messageContent'], restMode: true, rest: { agent, baseURL: '/api/v9', domain: '127.0.0.1' },
    });
    bot.on('error', () => {});
    const ready = once(bot, 'ready');
    await bot.connect();
    await within(15_000, 'eris is ready', ready);
    assert.equal(bot.user.id, account.id);
    assert.ok(bot.guilds.has(world.guild));
    const heard = once(bot, 'messageCreate');
    await world.owner.say(world.channel, 'hello eris');
    const [message] = await within(5000, 'messageCreate', heard);
    assert.equal(message.content, 'hello eris');
    bot.disconnect({ reconnect: false });
});

test('oceanic.js logs in, sends and hears', async () => {
    const { hub } = up;
    const world = await hub.guild();
    const account = await hub.bot(world.owner, { guild: world.guild });
    const bot = new Oceanic({
        auth: `Bot ${account.secret}`, gateway: { intents: ['GUILDS', 'GUILD_MESSAGES', 'MESSAGE_CONTENT'] }, rest: { baseURL: `${hub.url}/api/v10` },
    });
    bot.on('error', () => {});
    const ready = once(bot, 'ready');
    await bot.connect();
    await within(15_000, 'oceanic.js is ready', ready);
    assert.equal(bot.user.id, account.id);
    const heard = once(bot, 'messageCreate');
    await bot.rest.channels.createMessage(world.channel, { content: 'hello from oceanic' });
    const [message] = await within(5000, 'messageCreate', heard);
    assert.equal(message.content, 'hello from oceanic');
    bot.disconnect(false);
});
