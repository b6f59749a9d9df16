// Goal: op 8 gives all of a guild of 1,500 and some, to discord.js and to raw sockets; typing is seen where it should be.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { Client, Events, GatewayIntentBits } from 'discord.js';
import { Intent, Op, sleep, withHubbub } from '../e2e/harness.js';

const up = withHubbub({ before, after }, { gateways: 2 });
const CROWD = 1500;

// More members than a gateway holds; their ids are low numbers that nobody else has.
function insertCrowd(hub, guild, n = CROWD) {
    hub.psql(`INSERT INTO users (id, username) SELECT i, 'crowd' || i FROM generate_series(1000001, ${1000000 + n}) i;
        INSERT INTO feeds (scope_id) SELECT i FROM generate_series(1000001, ${1000000 + n}) i;
        INSERT INTO members (guild_id, user_id, nick) SELECT ${guild}, i, CASE WHEN i % 100 = 0 THEN 'Zebra' || i END FROM generate_series(1000001, ${1000000 + n}) i;
        UPDATE guilds SET member_count = member_count + ${n} WHERE id = ${guild}`);
}

describe('a guild of more than a thousand members', () => {
    let hub, world, bot;
    before(async () => {
        ({ hub } = up);
        world = await hub.guild(1);
        insertCrowd(hub, world.guild);
        bot = await hub.bot(world.owner, { guild: world.guild });
    });

    test('discord.js fetches all members', { timeout: 60_000 }, async () => {
        const client = new Client({
            intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMembers, GatewayIntentBits.GuildPresences],
            rest: { api: `${hub.url}/api`, cdn: hub.url, retries: 2 },
        });
        const ready = once(client, Events.ClientReady);
        await client.login(bot.secret);
        await ready;
        const guild = client.guilds.cache.get(world.guild);
        const members = await guild.members.fetch({ time: 20_000, withPresences: true });
        assert.equal(members.size, CROWD + 3);
        assert.equal(guild.memberCount, CROWD + 3);
        assert.ok(members.has(world.owner.id) && members.has('1000001') && members.has(String(1000000 + CROWD)));
        const some = await guild.members.fetch({ user: ['1000007', world.members[0].id], time: 10_000 });
        assert.deepEqual(new Set(some.keys()), new Set(['1000007', world.members[0].id]));
        await client.destroy();
    });

    test('chunks, the nonce, not_found, a beginning of a name; everybody once in 30 s', { timeout: 60_000 }, async () => {
        const another = await hub.bot(world.owner, { guild: world.guild });
        const [socket, owner] = [await another.connect(), await world.owner.connect({ identify: { presence: { status: 'online', activities: [] } } })];
        await socket.event('PRESENCE_UPDATE', (d) => d.user.id === world.owner.id);
        socket.send({ op: 8, d: { guild_id: world.guild, query: '', limit: 0, nonce: 'all', presences: true } });
        const first = await socket.event('GUILD_MEMBERS_CHUNK', (d) => d.nonce === 'all' && d.chunk_index === 0);
        const second = await socket.event('GUILD_MEMBERS_CHUNK', (d) => d.nonce === 'all' && d.chunk_index === 1);
        assert.deepEqual([first.d.chunk_count, second.d.chunk_count, first.d.members.length], [2, 2, 1000]);
        const ids = [...first.d.members, ...second.d.members].map((m) => m.user.id);
        assert.equal(new Set(ids).size, CROWD + 4);
        const presences = [...first.d.presences ?? [], ...second.d.presences ?? []];
        assert.deepEqual(presences.filter((p) => p.user.id === world.owner.id).map((p) => p.status), ['online']);
        socket.send({ op: 8, d: { guild_id: world.guild, query: '', limit: 0, nonce: 'again' } });
        const { d: limited } = await socket.event('RATE_LIMITED');
        assert.equal(limited.opcode, 8);
        assert.ok(limited.retry_after > 20 && limited.retry_after <= 30);
        assert.deepEqual(limited.meta, { guild_id: world.guild, nonce: 'again' });
        socket.send({ op: 8, d: { guild_id: world.guild, query: 'zebra', limit: 10, nonce: 'nick' } });
        const nick = await socket.event('GUILD_MEMBERS_CHUNK', (d) => d.nonce === 'nick');
        assert.equal(nick.d.members.length, 10);
        assert.ok(nick.d.members.every((m) => m.nick.startsWith('Zebra')));
        socket.send({ op: 8, d: { guild_id: world.guild, user_ids: ['1000009', '9'], nonce: 'ids' } });
        const byId = await socket.event('GUILD_MEMBERS_CHUNK', (d) => d.nonce === 'ids');
        assert.deepEqual([byId.d.members.map((m) => m.user.id), byId.d.not_found], [['1000009'], ['9']]);
        await owner.close();
        await socket.close();
    });

    test('a person without a right over members finds them by name only', async () => {
        const socket = await world.members[0].connect();
        await socket.event('GUILD_CREATE');
        socket.send({ op: 8, d: { guild_id: [world.guild], query: '', limit: 0, nonce: 'all' } });
        const all = await socket.event('GUILD_MEMBERS_CHUNK', (d) => d.nonce === 'all');
        assert.deepEqual(all.d.members, []);
        socket.send({ op: 8, d: { guild_id: [world.guild], query: 'crowd100001', limit: 100, nonce: 'named' } });
        const named = await socket.event('GUILD_MEMBERS_CHUNK', (d) => d.nonce === 'named');
        assert.deepEqual(named.d.members.map((m) => m.user.id), Array.from({ length: 10 }, (_, i) => String(1000010 + i)));
        await socket.close();
    });

    test('who is no member is told nothing', async () => {
        const stranger = await hub.register();
        const socket = await stranger.connect();
        socket.send({ op: 8, d: { guild_id: world.guild, query: 'crowd', limit: 10 } });
        await sleep(500);
        assert.deepEqual(socket.dispatched('GUILD_MEMBERS_CHUNK'), []);
        await socket.close();
    });
});

describe('typing', () => {
    test('POST /channels/{channel_id}/typing is seen by those who view the channel, with the member', async () => {
        const { hub } = up;
        const { owner, guild, channel, members: [member] } = await hub.guild(1);
        const hidden = await owner.post(`/guilds/${guild}/channels`, { name: 'hidden', permission_overwrites: [{ id: guild, type: 0, allow: '0', deny: '1024' }] });
        const bot = await hub.bot(owner, { guild, permissions: '0' });
        const other = await owner.connect({ gateway: 1 });
        const blind = await bot.connect({ identify: { intents: Intent.GUILDS | Intent.TYPING } });
        const deaf = await bot.connect({ identify: { intents: Intent.GUILDS } });
        for (const socket of [other, blind, deaf]) await socket.event('GUILD_CREATE', (d) => d.id === guild);
        const before = Math.floor(Date.now() / 1000);
        const answer = await member.request('POST', `/channels/${channel}/typing`);
        assert.equal(answer.status, 204);
        const { d } = await other.event('TYPING_START');
        assert.deepEqual([d.channel_id, d.guild_id, d.user_id, d.member.user.id], [channel, guild, member.id, member.id]);
        assert.ok(d.timestamp >= before && d.timestamp <= before + 5);
        await blind.event('TYPING_START', (t) => t.channel_id === channel);
        assert.equal((await owner.request('POST', `/channels/${hidden.id}/typing`)).status, 204);
        await other.event('TYPING_START', (t) => t.channel_id === hidden.id);
        assert.equal((await member.request('POST', `/channels/${hidden.id}/typing`)).status, 403);
        assert.equal((await member.request('POST', '/channels/1/typing')).status, 404);
        await sleep(200);
        assert.equal(blind.dispatched('TYPING_START').length, 1);
        assert.equal(deaf.dispatched('TYPING_START').length, 0);
        for (const socket of [other, blind, deaf]) await socket.close();
    });
});
