// Goal: a moderation bot written with discord.js bans, unbans and reads the audit log with its reasons; who is banned is out,
// stays out, and its messages are gone; entries of the audit log reach only those who may read it.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { AuditLogEvent, Client, Events, GatewayIntentBits, PermissionFlagsBits } from 'discord.js';
import { until, withHubbub } from './harness.js';

const up = withHubbub({ before, after });
describe('moderation', () => {
    let world, bot;

    before(async () => {
        world = await up.hub.guild(2);
        const account = await up.hub.bot(world.owner, { guild: world.guild, name: 'keeper' });
        bot = new Client({
            intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMembers, GatewayIntentBits.GuildModeration, GatewayIntentBits.GuildMessages],
            rest: { api: `${up.hub.url}/api`, cdn: up.hub.url, retries: 2 },
        });
        const ready = once(bot, Events.ClientReady);
        await bot.login(account.secret);
        await ready;
    });
    after(() => bot?.destroy());

    const guild = () => bot.guilds.cache.get(world.guild);
    async function guest() {
        const person = await up.hub.register();
        await person.post(`/invites/${world.invite}`);
        return person;
    }
    // What the bot emits next under this name for which check is true.
    function emitted(name, check = () => true) {
        let hear;
        const heard = new Promise((resolve) => {
            hear = (...args) => check(...args) && resolve(args);
            bot.on(name, hear);
        });
        return until(name, async () => Promise.race([heard, new Promise((r) => setTimeout(r, 20))])).finally(() => bot.off(name, hear));
    }

    test('bans with a reason: GUILD_BAN_ADD, the socket loses the guild, messages go, no invite lets back in', async () => {
        const rude = await guest();
        const socket = await rude.connect();
        await socket.event('GUILD_CREATE', (d) => d.id === world.guild);
        for (let i = 0; i < 5; i++) await rude.say(world.channel, `rude ${i}`);
        await world.owner.say(world.channel, 'polite');
        const added = emitted(Events.GuildBanAdd, (ban) => ban.user.id === rude.id);
        const entry = emitted(Events.GuildAuditLogEntryCreate, (e) => e.action === AuditLogEvent.MemberBanAdd);
        await guild().members.ban(rude.id, { reason: 'five rude words', deleteMessageSeconds: 3600 });
        await added;
        const [logged] = await entry;
        assert.equal(logged.reason, 'five rude words');
        assert.equal(logged.targetId, rude.id);
        assert.equal(logged.executorId, bot.user.id);
        await socket.event('GUILD_DELETE', (d) => d.id === world.guild);
        const left = await world.owner.history(world.channel);
        assert.equal(left.filter((m) => m.author.id === rude.id).length, 0);
        assert.ok(left.some((m) => m.content === 'polite'));
        const answer = await rude.request('POST', `/invites/${world.invite}`, { body: {} });
        assert.deepEqual([answer.status, answer.body.code], [403, 40007]);
        await socket.close();

        const ban = await guild().bans.fetch({ user: rude.id, force: true });
        assert.equal(ban.reason, 'five rude words');
        assert.ok((await guild().bans.fetch()).has(rude.id));
        const removed = emitted(Events.GuildBanRemove, (b) => b.user.id === rude.id);
        await guild().members.unban(rude.id, 'said sorry');
        await removed;
        await assert.rejects(guild().bans.fetch({ user: rude.id, force: true }), { code: 10026 });
        await rude.post(`/invites/${world.invite}`);
    });

    test('members with the right socket see GUILD_BAN_ADD, MESSAGE_DELETE_BULK and GUILD_BAN_REMOVE', async () => {
        const rude = await guest();
        const sent = [await rude.say(world.channel, 'one'), await rude.say(world.channel, 'two')];
        const socket = await world.owner.connect();
        await world.owner.put(`/guilds/${world.guild}/bans/${rude.id}`, { delete_message_days: 1 });
        const { d: ban } = await socket.event('GUILD_BAN_ADD', (d) => d.guild_id === world.guild);
        assert.equal(ban.user.username, rude.username);
        const { d: gone } = await socket.event('MESSAGE_DELETE_BULK', (d) => d.channel_id === world.channel);
        assert.deepEqual(gone.ids, sent.map((m) => m.id));
        await world.owner.delete(`/guilds/${world.guild}/bans/${rude.id}`);
        await socket.event('GUILD_BAN_REMOVE', (d) => d.user.id === rude.id);
        await socket.close();
    });

    test('bans many at once and says who could not be banned', async () => {
        const people = [await guest(), await guest()];
        const result = await guild().bans.bulkCreate([people[0].id, people[1].id, world.owner.id], { reason: 'raid' });
        assert.deepEqual([...result.bannedUsers].sort(), people.map((p) => p.id).sort());
        assert.deepEqual(result.failedUsers, [world.owner.id]);
        await assert.rejects(guild().bans.bulkCreate([world.owner.id]), { code: 500000 });
    });

    test('reads the audit log: who, whom, what and why', async () => {
        const room = await guild().channels.create({ name: 'log-me', reason: 'to be seen' });
        await room.setTopic('about', 'needs one');
        await room.permissionOverwrites.create(guild().roles.everyone, { SendMessages: false }, { reason: 'quiet' });
        const role = await guild().roles.create({ name: 'logged', reason: 'a role' });
        const member = await guild().members.fetch(world.members[0].id);
        await member.roles.add(role, 'earned');
        await member.setNickname('Bob', 'shorter');
        await room.delete('done');
        const logs = await guild().fetchAuditLogs({ limit: 50 });
        const find = (type) => logs.entries.find((e) => e.action === type);
        assert.equal(find(AuditLogEvent.ChannelCreate).reason, 'to be seen');
        assert.deepEqual(find(AuditLogEvent.ChannelUpdate).changes, [{ key: 'topic', new: 'about' }]);
        assert.equal(find(AuditLogEvent.ChannelOverwriteCreate).reason, 'quiet');
        assert.equal(find(AuditLogEvent.RoleCreate).targetId, role.id);
        assert.deepEqual(find(AuditLogEvent.MemberRoleUpdate).changes, [{ key: '$add', new: [{ name: 'logged', id: role.id }] }]);
        assert.equal(find(AuditLogEvent.MemberUpdate).changes[0].new, 'Bob');
        assert.equal(find(AuditLogEvent.ChannelDelete).reason, 'done');
        assert.equal(find(AuditLogEvent.BotAdd).executorId, world.owner.id);
        const some = await guild().fetchAuditLogs({ type: AuditLogEvent.RoleCreate, limit: 1 });
        assert.equal(some.entries.size, 1);
        assert.equal(some.entries.first().reason, 'a role');
    });

    test('entries are dispatched to those with VIEW_AUDIT_LOG only, and read by nobody else', async () => {
        const [plain] = world.members;
        const owner = await world.owner.connect(), member = await plain.connect();
        await world.owner.patch(`/guilds/${world.guild}`, { description: 'first' });
        await owner.event('GUILD_AUDIT_LOG_ENTRY_CREATE', (d) => d.guild_id === world.guild && d.changes[0].new_value === 'first');
        await member.event('GUILD_UPDATE', (d) => d.description === 'first');
        const role = (await world.owner.post(`/guilds/${world.guild}/roles`, { name: 'reader', permissions: String(PermissionFlagsBits.ViewAuditLog) })).id;
        const refused = await plain.request('GET', `/guilds/${world.guild}/audit-logs`);
        assert.deepEqual([refused.status, refused.body.code], [403, 50013]);
        await world.owner.put(`/guilds/${world.guild}/members/${plain.id}/roles/${role}`);
        await world.owner.patch(`/guilds/${world.guild}`, { description: 'second' });
        await member.event('GUILD_AUDIT_LOG_ENTRY_CREATE', (d) => d.changes[0].new_value === 'second');
        assert.ok(!member.dispatched('GUILD_AUDIT_LOG_ENTRY_CREATE').some((d) => d.changes?.[0].new_value === 'first'));
        assert.ok((await plain.get(`/guilds/${world.guild}/audit-logs?limit=1`)).audit_log_entries.length === 1);
        await owner.close();
        await member.close();
    });

    test('prunes who was away, with and without a role, and keeps the rest', async () => {
        const [away, roled, here] = [await guest(), await guest(), await guest()];
        const role = await guild().roles.create({ name: 'sleeper' });
        await world.owner.put(`/guilds/${world.guild}/members/${roled.id}/roles/${role.id}`);
        up.hub.psql(`UPDATE users SET seen_at = now() - interval '8 days' WHERE id IN (${away.id}, ${roled.id})`);
        up.hub.psql(`UPDATE tokens SET used_at = now() - interval '8 days' WHERE user_id IN (${away.id}, ${roled.id})`);
        up.hub.psql(`UPDATE members SET joined_at = now() - interval '8 days' WHERE user_id IN (${away.id}, ${roled.id})`);
        assert.equal(await guild().members.prune({ days: 9, dry: true }), 0);
        assert.equal(await guild().members.prune({ days: 7, dry: true }), 1);
        assert.equal(await guild().members.prune({ days: 7, roles: [role], dry: true }), 2);
        const removed = emitted(Events.GuildMemberRemove, (m) => m.id === roled.id);
        assert.equal(await guild().members.prune({ days: 7, roles: [role], reason: 'asleep' }), 2);
        await removed;
        const entry = (await guild().fetchAuditLogs({ type: AuditLogEvent.MemberPrune, limit: 1 })).entries.first();
        assert.deepEqual([entry.reason, entry.extra], ['asleep', { removed: 2, days: 7 }]);
        assert.equal((await away.request('GET', `/guilds/${world.guild}`)).body.code, 50001);
        await here.get(`/guilds/${world.guild}`);
        for (const days of [0, 31]) await assert.rejects(guild().members.prune({ days }), { code: 50035 });
    });

    test('a verification level keeps newcomers silent until they are given a role', async () => {
        const newcomer = await guest();
        await world.owner.patch(`/guilds/${world.guild}`, { verification_level: 3 });
        const refused = await newcomer.request('POST', `/channels/${world.channel}/messages`, { body: { content: 'first' } });
        assert.deepEqual([refused.status, refused.body.code], [403, 50009]);
        const role = await guild().roles.create({ name: 'trusted' });
        await world.owner.put(`/guilds/${world.guild}/members/${newcomer.id}/roles/${role.id}`);
        await newcomer.say(world.channel, 'second');
        await world.owner.patch(`/guilds/${world.guild}`, { verification_level: 0 });
    });

    test('finds members by the beginning of a name', async () => {
        const found = await guild().members.search({ query: world.members[1].username.slice(0, -1).toUpperCase(), limit: 10 });
        assert.ok(found.has(world.members[1].id));
    });
});
