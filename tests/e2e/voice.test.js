// Goal: who is in which voice channel, as Discord's clients know it: told to those who view the channel, checked against CONNECT and
// the limit, moderated, and over when the session, the member or the right is gone, whatever was killed meanwhile.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { AuditLogEvent, Client, Events, GatewayIntentBits } from 'discord.js';
import { Op, until, withHubbub } from './harness.js';

const LINGER_MS = 4000;
const up = withHubbub({ before, after }, { gateways: 2, env: { HUBBUB_SESSION_LINGER_MS: String(LINGER_MS) } });
const Bit = { VIEW: 1n << 10n, CONNECT: 1n << 20n, SPEAK: 1n << 21n, MUTE: 1n << 22n, DEAFEN: 1n << 23n, MOVE: 1n << 24n, STREAM: 1n << 9n };

// In the channel (null: in none); the rest of op 4 as given.
const enter = (socket, guild, channel, more = {}) => socket.send({ op: 4, d: { guild_id: guild, channel_id: channel, self_mute: false, self_deaf: false, ...more } });
const of = (who, channel) => (d) => d.user_id === who.id && d.channel_id === channel;
// From the frames that are still to come.
const told = (socket, who, channel, options) => socket.event('VOICE_STATE_UPDATE', of(who, channel), options);
async function open(who, options) {
    const socket = await who.connect(options);
    socket.guild = (await socket.event('GUILD_CREATE')).d;
    return socket;
}
const refused = async (promise, status, code) => assert.deepEqual([(await promise).status, (await promise).body.code], [status, code]);

describe('voice states', () => {
    let hub, world, owner, ann, ben, watcher, annSocket, benSocket, lounge, den;
    before(async () => {
        ({ hub } = up);
        world = await hub.guild(2);
        ({ owner } = world);
        [ann, ben] = world.members;
        lounge = world.voice;
        den = (await owner.post(`/guilds/${world.guild}/channels`, { name: 'den', type: 2 })).id;
        watcher = await open(owner, { gateway: 0 });
        annSocket = await open(ann, { gateway: 1 });
        benSocket = await open(ben, { gateway: 1 });
    });
    const overwrite = (channel, who, deny, allow = 0n) => owner.put(`/channels/${channel}/permissions/${who.id}`, { type: 1, allow: String(allow), deny: String(deny) });
    const free = (channel, who) => owner.delete(`/channels/${channel}/permissions/${who.id}`);
    const member = (who, body, by = owner) => by.request('PATCH', `/guilds/${world.guild}/members/${who.id}`, { body });
    const state = (who, by = owner) => by.request('GET', `/guilds/${world.guild}/voice-states/${who.id}`);
    const isIn = async (who) => { const { status, body } = await state(who); return status === 200 ? body.channel_id : null; };
    // Joins, and waits until the watcher has heard.
    async function join(socket, who, channel, more) {
        if (await isIn(who) === channel && !more) return;
        const from = watcher.frames.length;
        enter(socket, world.guild, channel, more);
        await told(watcher, who, channel, { from });
    }

    test('are told across gateways, listed with the guild, and read by REST', async () => {
        await refused(state(ann), 404, 10065);
        enter(annSocket, world.guild, lounge, { self_mute: true });
        const { d } = await told(watcher, ann, lounge);
        assert.deepEqual({ ...d, member: d.member.user.id }, {
            guild_id: world.guild, channel_id: lounge, user_id: ann.id, member: ann.id, session_id: annSocket.ready.session_id, deaf: false, mute: false,
            self_deaf: false, self_mute: true, self_stream: false, self_video: false, suppress: false, request_to_speak_timestamp: null,
        });
        await told(annSocket, ann, lounge);
        const { guild_id, member: _, ...listed } = d;
        const late = await open(ben, { gateway: 0 });
        assert.deepEqual(late.guild.voice_states, [listed]);
        await late.close();
        assert.equal((await ann.get(`/guilds/${world.guild}/voice-states/@me`)).session_id, d.session_id);
        assert.deepEqual((await state(ann, ben)).body, d);

        let from = watcher.frames.length;
        enter(annSocket, world.guild, lounge, { self_deaf: true, self_video: true, self_stream: true });
        const second = (await told(watcher, ann, lounge, { from })).d;
        assert.deepEqual([second.self_mute, second.self_deaf, second.self_video, second.self_stream], [false, true, true, true]);
        from = watcher.frames.length;
        enter(annSocket, world.guild, lounge, { self_deaf: true, self_video: true, self_stream: true }); // the same: nothing is told
        enter(annSocket, world.guild, den);
        await told(watcher, ann, den, { from });
        assert.equal(watcher.frames.slice(from).filter((f) => f.t === 'VOICE_STATE_UPDATE').length, 1);
        from = watcher.frames.length;
        enter(annSocket, world.guild, null);
        await told(watcher, ann, null, { from });
        await refused(state(ann), 404, 10065);
        assert.equal((await ann.get('/voice/regions')).length, 1);
    });

    test('take VIEW_CHANNEL, CONNECT, a voice channel of the guild, and room', async () => {
        const other = await hub.guild();
        await overwrite(den, ann, Bit.CONNECT);
        let from = watcher.frames.length;
        for (const channel of [den, world.channel, other.voice, '1']) enter(annSocket, world.guild, channel);
        enter(annSocket, other.guild, other.voice);
        enter(annSocket, world.guild, lounge);
        await told(watcher, ann, lounge, { from });
        await overwrite(den, ann, Bit.VIEW);
        enter(annSocket, world.guild, den);
        enter(annSocket, world.guild, lounge, { self_mute: true });
        await watcher.event('VOICE_STATE_UPDATE', (d) => d.user_id === ann.id && d.self_mute, { from });
        assert.ok(!watcher.frames.slice(from).some((f) => f.t === 'VOICE_STATE_UPDATE' && f.d.channel_id !== lounge));
        await free(den, ann);

        await owner.patch(`/channels/${den}`, { user_limit: 1 });
        await join(annSocket, ann, den);
        from = watcher.frames.length;
        enter(benSocket, world.guild, den);
        enter(benSocket, world.guild, lounge);
        await told(watcher, ben, lounge, { from });
        assert.ok(!watcher.frames.slice(from).some((f) => f.t === 'VOICE_STATE_UPDATE' && f.d.channel_id === den));
        await overwrite(den, ben, 0n, Bit.MOVE);
        await join(benSocket, ben, den); // who may move members gets in
        await free(den, ben);
        assert.equal(await isIn(ben), den);
        await owner.patch(`/channels/${den}`, { user_limit: 0 });

        // What is shown follows SPEAK, STREAM and the AFK channel.
        await join(annSocket, ann, den, { self_video: true });
        from = watcher.frames.length;
        await overwrite(den, ann, Bit.SPEAK | Bit.STREAM);
        const { d } = await told(watcher, ann, den, { from });
        assert.deepEqual([d.suppress, d.self_video], [true, false]);
        from = watcher.frames.length;
        await free(den, ann);
        assert.equal((await told(watcher, ann, den, { from })).d.suppress, false);
        from = watcher.frames.length;
        await owner.patch(`/guilds/${world.guild}`, { afk_channel_id: den });
        assert.equal((await told(watcher, ann, den, { from })).d.suppress, true);
        await owner.patch(`/guilds/${world.guild}`, { afk_channel_id: null });
        assert.equal((await state(ann)).body.suppress, false);
    });

    test('are hidden with their channel, and come and go with it', async () => {
        await join(annSocket, ann, lounge);
        await overwrite(den, ben, Bit.VIEW);
        let from = benSocket.frames.length;
        await join(annSocket, ann, den);
        assert.equal((await told(benSocket, ann, null, { from })).d.member.user.id, ann.id);
        await refused(state(ann, ben), 404, 10065);
        const late = await open(ben, { gateway: 0 });
        assert.deepEqual(late.guild.voice_states.filter((v) => v.user_id === ann.id), []);
        await late.close();
        from = benSocket.frames.length;
        await free(den, ben);
        await told(benSocket, ann, den, { from });
        from = benSocket.frames.length;
        await overwrite(den, ben, Bit.VIEW);
        await told(benSocket, ann, null, { from });
        await free(den, ben);
    });

    test('are moderated by those who may, and only in their channel', async () => {
        const moderator = (await hub.people(1))[0];
        await moderator.post(`/invites/${world.invite}`);
        await member(ann, { channel_id: null });
        await refused(member(ann, { mute: true }), 400, 40032);
        await refused(member(ann, { channel_id: lounge }), 400, 40032);
        await join(annSocket, ann, lounge);
        await join(benSocket, ben, lounge);
        // Without the bit, and with it in another channel only, each is refused.
        for (const [bit, body] of [[Bit.MUTE, { mute: true }], [Bit.DEAFEN, { deaf: true }], [Bit.MOVE, { channel_id: den }], [Bit.MOVE, { channel_id: null }]]) {
            await overwrite(den, moderator, 0n, bit);
            await refused(member(ann, body, moderator), 403, 50013);
            await free(den, moderator);
        }
        let from = watcher.frames.length;
        await overwrite(lounge, moderator, 0n, Bit.MUTE | Bit.DEAFEN);
        const muted = await member(ann, { mute: true, deaf: true }, moderator);
        assert.deepEqual([muted.status, muted.body.mute, muted.body.deaf], [200, true, true]);
        assert.ok((await told(watcher, ann, lounge, { from })).d.mute);
        assert.ok((await watcher.event('GUILD_MEMBER_UPDATE', (d) => d.user.id === ann.id, { from })).d.deaf);
        assert.equal((await member(owner, { mute: true }, moderator)).body.code, 40032); // rank does not count, being there does
        assert.equal((await member(ann, { mute: false, deaf: false }, moderator)).status, 200);

        // To move: MOVE_MEMBERS in both channels, and CONNECT in the one to go to.
        await overwrite(lounge, moderator, 0n, Bit.MOVE);
        await refused(member(ann, { channel_id: den }, moderator), 403, 50013);
        await overwrite(den, moderator, Bit.CONNECT, Bit.MOVE);
        await refused(member(ann, { channel_id: den }, moderator), 403, 50013);
        await overwrite(den, moderator, 0n, Bit.MOVE);
        await refused(member(ann, { channel_id: world.channel }, moderator), 400, 50024);
        await overwrite(den, ann, Bit.VIEW | Bit.CONNECT); // whoever is brought may stay, and is told of themselves
        from = annSocket.frames.length;
        assert.equal((await member(ann, { channel_id: den }, moderator)).status, 200);
        await told(annSocket, ann, den, { from });
        from = watcher.frames.length;
        enter(annSocket, world.guild, den, { self_mute: true });
        await watcher.event('VOICE_STATE_UPDATE', (d) => d.user_id === ann.id && d.self_mute, { from });
        await owner.patch(`/channels/${den}`, { topic: 'another' });
        assert.equal(await isIn(ann), den);
        await free(den, ann);
        assert.equal((await member(ann, { channel_id: null }, moderator)).status, 200);
        assert.equal(await isIn(ann), null);

        const { audit_log_entries: log } = await owner.get(`/guilds/${world.guild}/audit-logs?user_id=${moderator.id}`);
        assert.deepEqual(log.slice(0, 4).map((e) => e.action_type), [AuditLogEvent.MemberDisconnect, AuditLogEvent.MemberMove, AuditLogEvent.MemberUpdate, AuditLogEvent.MemberUpdate]);
        assert.deepEqual(log[1].options, { channel_id: den, count: '1' });
        assert.deepEqual(log[3].changes.map((c) => [c.key, c.new_value]).sort(), [['deaf', true], ['mute', true]]);
        await owner.delete(`/guilds/${world.guild}/members/${moderator.id}`);
    });

    test('are suppressed by oneself freely, and by others with MUTE_MEMBERS', async () => {
        await join(annSocket, ann, lounge);
        await join(benSocket, ben, lounge);
        const edit = (by, whom, body) => by.request('PATCH', `/guilds/${world.guild}/voice-states/${whom}`, { body });
        const from = watcher.frames.length;
        assert.equal((await edit(ann, '@me', { channel_id: lounge, suppress: true })).status, 204);
        assert.ok((await told(watcher, ann, lounge, { from })).d.suppress);
        await refused(edit(ann, '@me', { suppress: false }), 403, 50013);
        await refused(edit(ben, ann.id, { suppress: false }), 403, 50013);
        await refused(edit(owner, ann.id, { channel_id: den, suppress: false }), 400, 50035);
        assert.equal((await edit(owner, ann.id, { suppress: false })).status, 204);
        assert.equal((await state(ann)).body.suppress, false);
        await refused(edit(owner, '@me', { suppress: true }), 404, 10065);
    });

    test('end with the right to be there, with the channel, and with the membership', async () => {
        const everyone = { id: world.guild };
        const endings = [
            ['CONNECT is denied', () => owner.put(`/channels/${den}/permissions/${everyone.id}`, { type: 0, allow: '0', deny: String(Bit.CONNECT) }), () => free(den, everyone)],
            ['VIEW_CHANNEL is denied', () => overwrite(den, ann, Bit.VIEW), () => free(den, ann)],
            ['a time-out', () => member(ann, { communication_disabled_until: new Date(Date.now() + 60_000).toISOString() }), () => member(ann, { communication_disabled_until: null })],
            ['the role loses CONNECT', () => owner.patch(`/guilds/${world.guild}/roles/${world.guild}`, { permissions: String(Bit.VIEW) }),
                () => owner.patch(`/guilds/${world.guild}/roles/${world.guild}`, { permissions: String(Bit.VIEW | Bit.CONNECT | Bit.SPEAK | Bit.STREAM) })],
        ];
        for (const [what, end, restore] of endings) {
            await join(annSocket, ann, den);
            const from = watcher.frames.length;
            await end();
            assert.equal(await isIn(ann), null, what);
            await told(watcher, ann, null, { from });
            await restore();
        }
        const spare = (await owner.post(`/guilds/${world.guild}/channels`, { name: 'spare', type: 2 })).id;
        await join(annSocket, ann, spare);
        let from = watcher.frames.length;
        await owner.delete(`/channels/${spare}`);
        await told(watcher, ann, null, { from });
        const kinds = watcher.frames.slice(from).map((f) => f.t).filter((t) => ['VOICE_STATE_UPDATE', 'CHANNEL_DELETE'].includes(t));
        await watcher.event('CHANNEL_DELETE', (d) => d.id === spare, { from });
        assert.equal(kinds[0], 'VOICE_STATE_UPDATE');

        const guests = await hub.people(3), acts = [(g) => owner.delete(`/guilds/${world.guild}/members/${g.id}`),
            (g) => owner.put(`/guilds/${world.guild}/bans/${g.id}`, {}), (g) => g.delete(`/users/@me/guilds/${world.guild}`)];
        for (const [i, guest] of guests.entries()) {
            await guest.post(`/invites/${world.invite}`);
            const socket = await open(guest, { gateway: 1 });
            await join(socket, guest, lounge);
            from = watcher.frames.length;
            await acts[i](guest);
            assert.equal((await told(watcher, guest, null, { from })).d.member, undefined);
            assert.equal(hub.psql(`SELECT count(*) FROM voice_states WHERE user_id = ${guest.id}`), '0');
            await socket.close();
        }
    });

    test('are one a user: another session of the user takes it over, and the first one\'s end does not end it', async () => {
        await join(benSocket, ben, lounge);
        const second = await open(ben, { gateway: 0 });
        let from = watcher.frames.length;
        enter(second, world.guild, den);
        assert.equal((await told(watcher, ben, den, { from })).d.session_id, second.ready.session_id);
        await benSocket.close();
        benSocket = await open(ben, { gateway: 1 });
        assert.equal(await isIn(ben), den);
        from = watcher.frames.length;
        await second.close();
        await told(watcher, ben, null, { from });
    });

    test('are one a person over all guilds: who joins in another has left here', async () => {
        await join(annSocket, ann, lounge);
        const other = await hub.guild();
        await ann.post(`/invites/${other.invite}`);
        await annSocket.event('GUILD_CREATE', (d) => d.id === other.guild);
        const from = watcher.frames.length;
        enter(annSocket, other.guild, other.voice);
        await told(watcher, ann, null, { from });
        await until('it is there', async () => (await other.owner.request('GET', `/guilds/${other.guild}/voice-states/${ann.id}`)).body.channel_id === other.voice);
        assert.equal(await isIn(ann), null);
        enter(annSocket, other.guild, null);
    });

    test('stay while the session can be resumed, at another gateway too, and end with it', async () => {
        const socket = await open(ben, { gateway: 0 });
        await join(socket, ben, lounge);
        await told(socket, ben, lounge);
        socket.destroy();
        const back = hub.socket({ gateway: 1 });
        await back.op(Op.HELLO);
        back.resume(ben.token, socket.ready.session_id, socket.seq);
        await back.event('RESUMED');
        await new Promise((done) => setTimeout(done, LINGER_MS + 1500)); // past the end of the first one's grace
        assert.equal((await state(ben)).body.session_id, socket.ready.session_id);
        let from = watcher.frames.length;
        enter(back, world.guild, den);
        await told(watcher, ben, den, { from });
        from = watcher.frames.length;
        const lost = Date.now();
        back.destroy();
        const { at } = await told(watcher, ben, null, { from, ms: LINGER_MS + 5000 });
        assert.ok(at - lost >= LINGER_MS - 100, `left ${at - lost} ms after the socket was lost`);
    });

    test('do not hang on Redis', async () => {
        await join(annSocket, ann, lounge);
        hub.redis('FLUSHALL');
        let from = watcher.frames.length;
        enter(annSocket, world.guild, den, { self_mute: true });
        await told(watcher, ann, den, { from });
        const late = await open(owner, { gateway: 1 });
        assert.equal(late.guild.voice_states.find((v) => v.user_id === ann.id).channel_id, den);
        await late.close();
    });

    test('are what a discord.js bot sees and does', async () => {
        await join(annSocket, ann, lounge);
        const account = await hub.bot(owner, { guild: world.guild, name: 'bouncer' });
        const bot = new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates], rest: { api: `${hub.url}/api`, retries: 2 } });
        const ready = once(bot, Events.ClientReady);
        await bot.login(account.secret);
        await ready;
        const guild = bot.guilds.cache.get(world.guild);
        const voice = guild.voiceStates.cache.get(ann.id);
        assert.equal(voice.channelId, lounge);
        assert.equal(voice.channel.members.get(ann.id).user.username, ann.username); // though the bot is told of no members
        const changes = [];
        bot.on(Events.VoiceStateUpdate, (was, is) => changes.push([was.channelId, is.channelId, is.serverMute]));
        const changed = (...want) => until(`${want}`, () => changes.some((c) => c.join() === want.join()));
        const { member: annMember } = voice;
        await annMember.voice.setChannel(den, 'to the den');
        await changed(lounge, den, false);
        assert.equal(annMember.voice.channel.id, den);
        await annMember.voice.setMute(true, 'hush');
        await changed(den, den, true);
        assert.ok(annMember.voice.serverMute);
        await annMember.voice.setMute(false);
        await annMember.voice.setDeaf(true);
        await until('deaf', () => annMember.voice.serverDeaf);
        await annMember.voice.setDeaf(false);
        await annMember.voice.disconnect();
        await changed(den, null, false);
        assert.equal(annMember.voice.channel, null);
        const log = await guild.fetchAuditLogs({ type: AuditLogEvent.MemberMove, limit: 1 });
        assert.deepEqual([log.entries.first().reason, log.entries.first().extra.channel.id], ['to the den', den]);
        // The bot itself, by op 4 as @discordjs/voice sends it.
        bot.ws.shards.first().send({ op: 4, d: { guild_id: guild.id, channel_id: lounge, self_deaf: true, self_mute: false } });
        await until('the bot is in', () => guild.members.me.voice.channelId === lounge && guild.members.me.voice.selfDeaf);
        assert.equal(guild.members.me.voice.sessionId, (await state({ id: bot.user.id })).body.session_id);
        await bot.destroy();
        await until('the bot has left', async () => (await isIn({ id: bot.user.id })) === null);
    });

    test('end within 90 s of kill -9 of their gateway, and stay when chat is killed', { timeout: 150_000 }, async () => {
        await join(benSocket, ben, lounge);
        watcher = await open(owner, { gateway: 0 });
        const stays = await open(ann, { gateway: 0 });
        await join(stays, ann, lounge);
        const from = watcher.frames.length;
        const killed = Date.now();
        hub.signal('gateway-2', 'SIGKILL');
        await hub.killAndWait('chat-1');
        const { at } = await told(watcher, ben, null, { from, ms: 90_000 });
        console.log(`left ${at - killed} ms after the kill`);
        assert.equal(await isIn(ann), lounge);
    });
});
