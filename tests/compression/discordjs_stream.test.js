// Goal: discord.js' own path for zlib-stream, one inflater for a whole connection, reads what the gateway writes, over a resume too.
import './zlib_sync.js';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Client, Events, GatewayIntentBits, SimpleShardingStrategy } from 'discord.js';
import { until, withHubbub } from '../e2e/harness.js';

const up = withHubbub({ before, after });

test('discord.js reads a zlib-stream, loses its socket, and resumes', { timeout: 60_000 }, async (t) => {
    const world = await up.hub.guild();
    const account = await up.hub.bot(world.owner, { guild: world.guild });
    let strategy;
    const bot = new Client({
        intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent],
        rest: { api: `${up.hub.url}/api`, cdn: up.hub.url },
        ws: {
            buildStrategy: (manager) => {
                manager.options.compression = 'zlib-stream';
                return strategy = new SimpleShardingStrategy(manager);
            },
        },
    });
    const heard = [], debug = [], errors = [];
    bot.on(Events.MessageCreate, (m) => heard.push(m.content)).on(Events.Debug, (text) => debug.push(text));
    bot.on(Events.Error, (e) => errors.push(e)).on(Events.ShardError, (e) => errors.push(e));
    t.after(() => bot.destroy());
    const ready = once(bot, Events.ClientReady);
    await bot.login(account.secret);
    await ready;
    const said = [];
    const say = async (n) => {
        for (let i = 0; i < n; i++) await world.owner.say(world.channel, said[said.push(`${said.length} ${'grüße '.repeat(i * 7 % 200)}`.trim()) - 1]);
    };
    await say(60);
    await until('60 messages', () => heard.length === 60);
    const resumed = once(bot, Events.ShardResume);
    strategy.shards.get(0).connection.terminate();
    await say(10);
    await resumed;
    await until('10 more', () => heard.length === 70);
    assert.deepEqual(heard, said);
    assert.ok(debug.filter((text) => /Connecting to .*compress=zlib-stream/.test(text)).length >= 2, debug.join('\n'));
    assert.ok(debug.some((text) => /compression: zlib-stream/.test(text)));
    assert.deepEqual(errors, []);
});
