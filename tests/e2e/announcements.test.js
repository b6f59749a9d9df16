// Goal: an announcement channel as discord.js knows it: it is followed, what is published appears with who follows, follows its
// source, and appears once however chat dies meanwhile.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { ChannelType, Client, Events, GatewayIntentBits, MessageFlags, MessageType, WebhookType } from 'discord.js';
import { until, withHubbub } from './harness.js';

const up = withHubbub({ before, after }, { chats: 2 });
describe('announcements', () => {
    let source, target, bot, news, reader;
    before(async () => {
        source = await up.hub.guild();
        target = await up.hub.guild();
        const account = await up.hub.bot(source.owner, { guild: source.guild, name: 'herald' });
        await target.owner.post(`/invites/${source.invite}`);
        bot = new Client({
            intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent, GatewayIntentBits.GuildWebhooks],
            rest: { api: `${up.hub.url}/api`, cdn: up.hub.url, retries: 2 },
        });
        const ready = once(bot, Events.ClientReady);
        await bot.login(account.secret);
        await ready;
        news = await bot.guilds.cache.get(source.guild).channels.create({ name: 'news', type: ChannelType.GuildAnnouncement });
        reader = await target.owner.connect();
        await reader.event('GUILD_CREATE', (d) => d.id === target.guild);
    });
    after(async () => {
        await reader?.close();
        await bot?.destroy();
    });

    test('are followed, published, edited and removed', async () => {
        await target.owner.post(`/channels/${news.id}/followers`, { webhook_channel_id: target.channel });
        const notice = (await reader.event('MESSAGE_CREATE', (m) => m.type === MessageType.ChannelFollowAdd)).d;
        assert.deepEqual([notice.author.id, notice.message_reference.channel_id], [target.owner.id, news.id]);
        const [hook] = await target.owner.get(`/channels/${target.channel}/webhooks`);
        assert.deepEqual([hook.type, hook.source_channel.id, hook.source_guild.id, hook.token], [WebhookType.ChannelFollower, news.id, source.guild, undefined]);

        const said = await news.send({ content: `read <#${news.id}>`, embeds: [{ title: 'today' }] });
        await said.crosspost();
        await until('the message is shown as published', () => said.flags.has(MessageFlags.Crossposted));
        const there = (await reader.event('MESSAGE_CREATE', (m) => m.webhook_id === hook.id)).d;
        assert.deepEqual([there.content, there.flags, there.embeds[0].title, there.author.username], [`read <#${news.id}>`, 2, 'today', hook.name]);
        assert.deepEqual(there.message_reference, { type: 0, channel_id: news.id, guild_id: source.guild, message_id: said.id });
        assert.deepEqual(there.mention_channels, [{ id: news.id, guild_id: source.guild, type: 5, name: 'news' }]);
        await assert.rejects(said.crosspost(), { code: 40033 });

        await said.edit('read this');
        assert.equal((await reader.event('MESSAGE_UPDATE', (m) => m.id === there.id && m.content === 'read this')).d.flags, 2);
        await said.delete();
        assert.equal((await reader.event('MESSAGE_UPDATE', (m) => m.id === there.id && m.flags & 8)).d.embeds.length, 0);
    });

    test('become text channels and back; nothing else changes its type', async () => {
        const edited = await news.setType(ChannelType.GuildText);
        assert.equal(edited.type, ChannelType.GuildText);
        assert.equal((await source.owner.patch(`/channels/${news.id}`, { type: 5 })).type, 5);
        const voice = await source.owner.request('PATCH', `/channels/${source.voice}`, { body: { type: 5 } });
        assert.deepEqual([voice.status, voice.body.code], [400, 50035]);
    });

    test('appear exactly once with each follower, though both chats are killed again and again', { timeout: 120_000 }, async () => {
        const rooms = [];
        for (let i = 0; i < 8; i++) {
            const { id } = await target.owner.post(`/guilds/${target.guild}/channels`, { name: `room-${i}` });
            await target.owner.post(`/channels/${news.id}/followers`, { webhook_channel_id: id });
            rooms.push(id);
        }
        const texts = ['one', 'two', 'three'];
        for (const [i, text] of texts.entries()) {
            const { id } = await source.owner.say(news.id, text);
            await source.owner.post(`/channels/${news.id}/messages/${id}/crosspost`);
            await up.hub.killAndWait(`chat-${1 + (i % 2)}`);
        }
        await until('everything is delivered', async () => up.hub.psql('SELECT count(*) FROM crossposts WHERE due') === '0', 30_000, 100);
        for (const room of rooms) {
            const found = (await target.owner.history(room)).filter((m) => m.type === 0).map((m) => m.content);
            assert.deepEqual(found.sort(), [...texts].sort());
        }
    });
});
