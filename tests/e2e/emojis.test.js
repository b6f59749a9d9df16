// Goal: custom emoji as those who upload, use and see them meet them: bounded and guarded, heard of by everybody, put under
// messages by who may, shown at /emojis/{id}; and bots on discord.js and oceanic.js that hand out roles by reactions.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Client, Events, GatewayIntentBits, Partials } from 'discord.js';
import { Client as Oceanic } from 'oceanic.js';
import { exchange, PRIVILEGED_APPROVED, until, withHubbub } from './harness.js';
import { chunk, gif, measure, png, uri } from './pictures.js';

const up = withHubbub({ before, after }, { env: { HUBBUB_RATELIMIT: 'off' } });
const CREATE = String(1n << 43n), MANAGE = String(1n << 30n), EXTERNAL = 1n << 18n, ROLES = String(1n << 28n);
const still = uri(png(32, 32)), moving = uri(gif(16, 2), 'gif');
const code = (answer) => [answer.status, answer.body?.code];
const leaf = (answer, key) => [answer.status, answer.body?.code, answer.body?.errors?.[key]?._errors[0].code];
let world;
const at = (rest = '') => `/guilds/${world.guild}/emojis${rest}`;
const upload = (client, name, image = still, more = {}) => client.request('POST', at(), { body: { name, image, ...more } });
const reaction = (message, emoji, who = '@me') => `/channels/${world.channel}/messages/${message}/reactions/${encodeURIComponent(emoji)}/${who}`;
const withRole = async (member, permissions) => {
    const role = await world.owner.post(`/guilds/${world.guild}/roles`, { name: 'r', permissions });
    await world.owner.put(`/guilds/${world.guild}/members/${member.id}/roles/${role.id}`);
    return role.id;
};
const prepare = async () => {
    if (world) return;
    world = await up.hub.guild(3);
    world.everyone = (await world.owner.get(`/guilds/${world.guild}/roles`)).find((r) => r.id === world.guild);
};

describe('a guild\'s emoji', () => {
    before(prepare);

    test('is uploaded, shown, renamed and removed; everybody hears of it, the log tells who', async () => {
        const [member] = world.members, socket = await member.connect(), reason = { headers: { 'x-audit-log-reason': 'fun' } };
        const made = await world.owner.post(at(), { name: 'party', image: moving }, reason);
        assert.deepEqual({ ...made, id: 0, user: made.user.id }, { id: 0, name: 'party', roles: [], user: world.owner.id, require_colons: true, managed: false, animated: true, available: true });
        const heard = (await socket.event('GUILD_EMOJIS_UPDATE')).d;
        assert.deepEqual([heard.guild_id, heard.emojis.map((e) => [e.id, e.name, e.animated, e.user])], [world.guild, [[made.id, 'party', true, undefined]]]);
        assert.equal((await member.get(at('/' + made.id))).user, undefined, 'who uploaded it is told to who may upload');
        assert.equal((await world.owner.get(at()))[0].user.id, world.owner.id);
        const [file, first] = [await exchange(up.hub.url, 'GET', `/emojis/${made.id}.gif`), await exchange(up.hub.url, 'GET', `/emojis/${made.id}.png?size=16`)];
        assert.deepEqual([file.status, measure(file.bytes)[0], first.status, measure(first.bytes)], [200, 'gif', 200, ['png', 16, 16]]);
        const renamed = await world.owner.patch(at('/' + made.id), { name: 'party_2', roles: [world.guild] }, reason);
        assert.deepEqual([renamed.name, renamed.roles], ['party_2', [world.guild]]);
        await socket.event('GUILD_EMOJIS_UPDATE', (d) => d.emojis[0]?.name === 'party_2');
        const later = await world.owner.connect();
        assert.deepEqual((await later.event('GUILD_CREATE', (d) => d.id === world.guild)).d.emojis.map((e) => e.name), ['party_2']);
        assert.deepEqual((await member.get(`/guilds/${world.guild}`)).emojis.map((e) => e.id), [made.id]);
        assert.deepEqual((await world.owner.patch(`/guilds/${world.guild}`, { description: 'with emoji' })).emojis.map((e) => e.id), [made.id]);
        await world.owner.delete(at('/' + made.id), reason);
        await socket.event('GUILD_EMOJIS_UPDATE', (d) => d.emojis.length === 0);
        assert.deepEqual(code(await world.owner.request('GET', at('/' + made.id))), [404, 10014]);
        assert.equal((await exchange(up.hub.url, 'GET', `/emojis/${made.id}.png`)).status, 404);
        const { audit_log_entries: log } = await world.owner.get(`/guilds/${world.guild}/audit-logs?limit=10`);
        assert.deepEqual(log.filter((e) => e.target_id === made.id).map((e) => [e.action_type, e.reason, e.changes[0]]), [
            [62, 'fun', { key: 'name', old_value: 'party_2' }], [61, 'fun', { key: 'name', old_value: 'party', new_value: 'party_2' }], [60, 'fun', { key: 'name', new_value: 'party' }]]);
        await Promise.all([socket.close(), later.close()]);
    });

    test('needs CREATE_GUILD_EXPRESSIONS, or MANAGE_GUILD_EXPRESSIONS for those of others', async () => {
        const [creator, manager, nobody] = world.members;
        assert.deepEqual(code(await upload(creator, 'denied')), [403, 50013]);
        await withRole(creator, CREATE);
        await withRole(manager, MANAGE);
        assert.deepEqual(code(await upload(manager, 'denied')), [403, 50013]);
        const own = (await upload(creator, 'mine')).body, others = (await upload(world.owner, 'theirs')).body;
        const edit = async (who, emoji) => code(await who.request('PATCH', at('/' + emoji.id), { body: { name: 'renamed' } }));
        assert.deepEqual([await edit(creator, own), await edit(creator, others), await edit(manager, own), await edit(nobody, own)], [[200, undefined], [403, 50013], [200, undefined], [403, 50013]]);
        assert.equal((await creator.get(at('/' + others.id))).user.id, world.owner.id);
        assert.deepEqual(code(await creator.request('DELETE', at('/' + others.id))), [403, 50013]);
        await creator.delete(at('/' + own.id));
        await manager.delete(at('/' + others.id));
        const stranger = await up.hub.register();
        assert.deepEqual(code(await stranger.request('GET', at())), [403, 50001]);
    });

    test('is refused when its name or image is not as it must be', async () => {
        for (const name of ['x', 'x'.repeat(33)]) assert.deepEqual(leaf(await upload(world.owner, name), 'name'), [400, 50035, 'BASE_TYPE_BAD_LENGTH'], name);
        assert.deepEqual(leaf(await upload(world.owner, 'no spaces'), 'name'), [400, 50035, 'STRING_TYPE_REGEX']);
        assert.deepEqual(leaf(await upload(world.owner, 'fine', undefined), 'image'), [201, undefined, undefined]);
        assert.deepEqual(leaf(await upload(world.owner, 'none', null), 'image'), [400, 50035, 'BASE_TYPE_REQUIRED']);
        assert.deepEqual(leaf(await upload(world.owner, 'broken', 'data:image/png;base64,AAAA'), 'image'), [400, 50035, 'IMAGE_INVALID']);
        const padded = (n) => uri(png(16, 16, undefined, [chunk('zzZz', Buffer.alloc(n - png(16, 16).length - 12))]));
        assert.deepEqual(leaf(await upload(world.owner, 'large', padded((256 << 10) + 1)), 'image'), [400, 50035, 'BINARY_TYPE_MAX_SIZE']);
        const most = await upload(world.owner, 'x'.repeat(32), padded(256 << 10));
        assert.equal(most.status, 201);
        for (const e of await world.owner.get(at())) await world.owner.delete(at('/' + e.id));
    });

    test('there are 50 still ones and 50 that move', { timeout: 120_000 }, async () => {
        const full = await up.hub.guild(0);
        // The images are those of one upload: it is the bound that is asked for, not the decoder.
        const first = await full.owner.post(`/guilds/${full.guild}/emojis`, { name: 'first', image: still });
        const fill = (animated, n) => up.hub.psql(`INSERT INTO emojis (id, guild_id, name, image, animated) SELECT next_id(), guild_id, 'more', image, ${animated} FROM emojis, generate_series(1, ${n}) WHERE id = ${first.id}`);
        const add = (image) => full.owner.request('POST', `/guilds/${full.guild}/emojis`, { body: { name: 'one_more', image } });
        fill(false, 48);
        assert.equal((await add(still)).status, 201);
        assert.deepEqual(code(await add(still)), [400, 30008]);
        fill(true, 49);
        assert.equal((await add(moving)).status, 201);
        assert.deepEqual(code(await add(moving)), [400, 30018]);
        const both = await Promise.all([full.owner.delete(`/guilds/${full.guild}/emojis/${first.id}`), 0]);
        assert.equal(both.length, 2);
        const race = await Promise.all([add(still), add(still), add(still)]);
        assert.deepEqual(race.map((a) => a.status).sort(), [201, 400, 400], 'the last place is taken once');
    });
});

describe('an application\'s emoji', () => {
    before(prepare);

    test('is its owner\'s and its bot\'s to manage, and its bot\'s to use anywhere', async () => {
        const bot = await up.hub.bot(world.owner, { guild: world.guild }), path = `/applications/${bot.application}/emojis`;
        const made = await bot.post(path, { name: 'tool', image: still });
        assert.equal((await world.owner.post(path, { name: 'owners', image: still })).user.id, world.owner.id);
        assert.deepEqual((await world.owner.get(path)).items.map((e) => [e.name, e.user.id]), [['tool', bot.id], ['owners', world.owner.id]]);
        assert.equal((await bot.patch(`${path}/${made.id}`, { name: 'tool_2' })).name, 'tool_2');
        assert.deepEqual(code(await world.members[0].request('GET', path)), [403, 20012]);
        assert.deepEqual(code(await world.owner.request('GET', '/applications/1/emojis')), [404, 10002]);
        assert.deepEqual(code(await world.owner.request('GET', `/guilds/${world.guild}/emojis/${made.id}`)), [404, 10014], 'it is no guild\'s');
        const { id } = await world.owner.say(world.channel, 'react, bot');
        await bot.put(reaction(id, `tool_2:${made.id}`));
        assert.deepEqual((await bot.get(`/channels/${world.channel}/messages/${id}`)).reactions[0].emoji, { id: made.id, name: 'tool_2', animated: false });
        assert.deepEqual(code(await world.owner.request('PUT', reaction((await world.owner.say(world.channel, 'not you')).id, `tool_2:${made.id}`))), [404, 10014]);
        await bot.delete(`${path}/${made.id}`);
        assert.deepEqual(code(await bot.request('GET', `${path}/${made.id}`)), [404, 10014]);
    });
});

describe('reactions with custom emoji', () => {
    before(prepare);

    test('carry id, name and whether it moves, in events, messages and lists; the name in the route does not matter', async () => {
        const [member] = world.members, socket = await world.owner.connect();
        const party = (await upload(world.owner, 'party', moving)).body, emoji = { id: party.id, name: 'party', animated: true };
        const { id } = await world.owner.say(world.channel, 'react');
        await member.put(reaction(id, `a:party:${party.id}`));
        await world.owner.put(reaction(id, `renamed_since:${party.id}`));
        const added = (await socket.event('MESSAGE_REACTION_ADD', (d) => d.user_id === member.id && d.message_id === id)).d;
        assert.deepEqual([added.emoji, added.member.user.id, added.message_author_id], [emoji, member.id, world.owner.id]);
        const [shown] = (await member.get(`/channels/${world.channel}/messages/${id}`)).reactions;
        assert.deepEqual([shown.emoji, shown.count, shown.me], [emoji, 2, true]);
        assert.deepEqual((await member.get(`/channels/${world.channel}/messages/${id}/reactions/${encodeURIComponent(`x:${party.id}`)}`)).map((u) => u.id).sort(), [member.id, world.owner.id].sort());
        await member.delete(reaction(id, `party:${party.id}`));
        assert.deepEqual((await socket.event('MESSAGE_REACTION_REMOVE', (d) => d.message_id === id)).d.emoji, emoji);
        await world.owner.delete(at('/' + party.id));
        const [gone] = (await member.get(`/channels/${world.channel}/messages/${id}`)).reactions;
        assert.deepEqual([gone.emoji, gone.count], [{ id: party.id, name: null }, 1], 'what was removed has no name any more');
        await member.put(reaction(id, `party:${party.id}`));
        await world.owner.delete(`/channels/${world.channel}/messages/${id}/reactions/${encodeURIComponent(`party:${party.id}`)}`);
        assert.equal((await socket.event('MESSAGE_REACTION_REMOVE_EMOJI', (d) => d.message_id === id)).d.emoji.id, party.id);
        for (const wrong of [`party:${party.id}`, 'party:1', 'party:x', 'party', ':1', 'party:18446744073709551616'])
            assert.deepEqual(code(await member.request('PUT', reaction(id, wrong))), [404, 10014], wrong);
        await socket.close();
    });

    test('another guild\'s needs membership there and USE_EXTERNAL_EMOJIS here; one kept for a role needs the role', async () => {
        const [member, , outside] = world.members, other = await up.hub.guild(0);
        const foreign = await other.owner.post(`/guilds/${other.guild}/emojis`, { name: 'foreign', image: still });
        const fresh = async () => (await world.owner.say(world.channel, 'react')).id;
        const put = async (who, emoji) => code(await who.request('PUT', reaction(await fresh(), emoji)));
        assert.deepEqual(await put(outside, `foreign:${foreign.id}`), [404, 10014]);
        await member.post(`/invites/${(await other.owner.post(`/channels/${(await other.owner.get(`/guilds/${other.guild}/channels`)).find((c) => c.type === 0).id}/invites`, {})).code}`);
        const id = await fresh();
        assert.equal((await member.request('PUT', reaction(id, `foreign:${foreign.id}`))).status, 204);
        assert.equal((await outside.request('PUT', reaction(id, `foreign:${foreign.id}`))).status, 204, 'where it stands already everybody joins');
        await world.owner.patch(`/guilds/${world.guild}/roles/${world.guild}`, { permissions: String(BigInt(world.everyone.permissions) & ~EXTERNAL) });
        assert.deepEqual(await put(member, `foreign:${foreign.id}`), [403, 50013]);
        await world.owner.patch(`/guilds/${world.guild}/roles/${world.guild}`, { permissions: world.everyone.permissions });
        const role = await withRole(member, '0'), kept = (await upload(world.owner, 'kept', still, { roles: [role] })).body;
        assert.deepEqual(await put(member, `kept:${kept.id}`), [204, undefined]);
        assert.deepEqual(await put(outside, `kept:${kept.id}`), [404, 10014]);
    });
});

describe('emoji in what is said', () => {
    before(prepare);

    test('that the author may not use are left as their names, as Discord does', async () => {
        const other = await up.hub.guild(0), [member, , outside] = world.members;
        const foreign = await other.owner.post(`/guilds/${other.guild}/emojis`, { name: 'foreign', image: moving });
        const own = (await upload(world.owner, 'own')).body, named = `<a:foreign:${foreign.id}>`;
        const says = async (who, content) => (await who.say(world.channel, content)).content;
        await member.post(`/invites/${other.invite}`);
        assert.equal(await says(member, `${named} <:own:${own.id}>`), `${named} <:own:${own.id}>`);
        assert.equal(await says(outside, `${named} <:own:${own.id}> <:gone:1>`), `:foreign: <:own:${own.id}> :gone:`, 'of a guild that one is not in, or of none');
        await world.owner.patch(`/guilds/${world.guild}/roles/${world.guild}`, { permissions: String(BigInt(world.everyone.permissions) & ~EXTERNAL) });
        const said = await member.say(world.channel, `look: ${named}!`);
        assert.equal(said.content, 'look: :foreign:!');
        const edited = await member.patch(`/channels/${world.channel}/messages/${said.id}`, { content: `${named} <:own:${own.id}>` });
        assert.equal(edited.content, `:foreign: <:own:${own.id}>`);
        assert.equal(await says(world.owner, `<:kept:${own.id}>`), `<:kept:${own.id}>`, 'the id counts, not the name');
        const bot = await up.hub.bot(world.owner, { guild: world.guild, permissions: '3072' });
        const tool = await bot.post(`/applications/${bot.application}/emojis`, { name: 'tool', image: still });
        assert.equal(await says(bot, `<:tool:${tool.id}> ${named}`), `<:tool:${tool.id}> :foreign:`, 'its application\'s own need no permission');
        const dm = (await member.post('/users/@me/channels', { recipient_id: world.owner.id })).id;
        assert.equal((await member.say(dm, named)).content, named);
        await world.owner.patch(`/guilds/${world.guild}/roles/${world.guild}`, { permissions: world.everyone.permissions });
    });
});

describe('reaction roles', () => {
    before(prepare);
    const prepared = async (library) => {
        const bot = await up.hub.bot(world.owner, { guild: world.guild, permissions: ROLES, flags: PRIVILEGED_APPROVED });
        const roles = [];
        for (const name of ['unicode', 'custom']) roles.push((await world.owner.post(`/guilds/${world.guild}/roles`, { name: `${library} ${name}`, permissions: '0' })).id);
        const managed = (await world.owner.get(`/guilds/${world.guild}/roles`)).find((r) => r.tags?.bot_id === bot.id);
        await world.owner.patch(`/guilds/${world.guild}/roles`, [{ id: managed.id, position: 50 }]);
        const emoji = (await upload(world.owner, 'star')).body, { id: message } = await world.owner.say(world.channel, `${library}: pick a role`);
        return { bot, message, emoji, byEmoji: { '🔥': roles[0], [emoji.id]: roles[1] } };
    };
    // A member picks, sees the role, gives it back.
    const use = async ({ message, emoji, byEmoji }) => {
        const [member] = world.members;
        const has = async (role) => (await member.get(`/users/@me/guilds/${world.guild}/member`)).roles.includes(role);
        for (const [route, key] of [['🔥', '🔥'], [`star:${emoji.id}`, emoji.id]]) {
            await member.put(reaction(message, route));
            await until(`the role of ${route} is given`, () => has(byEmoji[key]));
            await member.delete(reaction(message, route));
            await until(`the role of ${route} is taken`, async () => !(await has(byEmoji[key])));
        }
    };

    test('by a bot on discord.js, for a message that it never saw', { timeout: 60_000 }, async () => {
        const scene = await prepared('discord.js');
        const client = new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMembers, GatewayIntentBits.GuildMessageReactions, GatewayIntentBits.GuildExpressions],
            partials: [Partials.Message, Partials.Reaction, Partials.User], rest: { api: `${up.hub.url}/api` } });
        const turn = (act) => async (reacted, user) => {
            const role = reacted.message.id === scene.message && scene.byEmoji[reacted.emoji.id ?? reacted.emoji.name];
            if (role) await (await client.guilds.cache.get(world.guild).members.fetch(user.id)).roles[act](role, 'asked for');
        };
        client.on(Events.MessageReactionAdd, turn('add'));
        client.on(Events.MessageReactionRemove, turn('remove'));
        const ready = new Promise((done) => client.once(Events.ClientReady, done));
        await client.login(scene.bot.token.replace(/^Bot /, ''));
        await ready;
        try {
            const cached = client.guilds.cache.get(world.guild).emojis.cache.get(scene.emoji.id);
            assert.deepEqual([cached.name, cached.animated], ['star', false]);
            assert.equal((await exchange(up.hub.url, 'GET', new URL(cached.imageURL()).pathname)).status, 200, 'the path that the library makes');
            await use(scene);
            const heard = new Promise((done) => client.once(Events.GuildEmojiCreate, done));
            await upload(world.owner, 'second_star');
            assert.equal((await heard).name, 'second_star');
        } finally {
            await client.destroy();
        }
    });

    test('by a bot on oceanic.js', { timeout: 60_000 }, async () => {
        const scene = await prepared('oceanic.js');
        const client = new Oceanic({ auth: scene.bot.token, gateway: { intents: ['GUILDS', 'GUILD_MEMBERS', 'GUILD_MESSAGE_REACTIONS'], connectionProperties: {} }, rest: { baseURL: `${up.hub.url}/api/v10` } });
        const turn = (act) => async (message, reactor, reacted) => {
            const role = message.id === scene.message && scene.byEmoji[reacted.emoji.id ?? reacted.emoji.name];
            if (role) await client.rest.guilds[act](world.guild, reactor.id, role, 'asked for');
        };
        client.on('messageReactionAdd', turn('addMemberRole'));
        client.on('messageReactionRemove', turn('removeMemberRole'));
        client.on('error', () => {});
        const ready = new Promise((done) => client.once('ready', done));
        await client.connect();
        await ready;
        try {
            await use(scene);
        } finally {
            client.disconnect(false);
        }
    });
});
