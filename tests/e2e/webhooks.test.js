// Goal: webhooks as their managers, posters and readers meet them: made and limited, posted through by discord.js and
// oceanic.js, in the forms of Slack and GitHub, and out of reach at once when they are removed.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EmbedBuilder, WebhookClient } from 'discord.js';
import { Client as Oceanic } from 'oceanic.js';
import { withHubbub } from './harness.js';

const up = withHubbub({ before, after }, { env: { HUBBUB_RATELIMIT: 'off' } });
const MANAGE_WEBHOOKS = String(1n << 29n);
const code = (answer) => [answer.status, answer.body?.code];
let world, hook;
const at = (rest = '') => `/webhooks/${hook.id}/${hook.token}${rest}`;
const make = (name, channel = world.channel) => world.owner.post(`/channels/${channel}/webhooks`, { name });
const prepare = async () => {
    if (world) return;
    world = await up.hub.guild(2);
    hook = await make('Captain Hook');
};

describe('who manages webhooks', () => {
    before(prepare);

    test('makes, lists, changes and moves one; everybody who views the channel hears of it', async () => {
        const [member] = world.members;
        const socket = await member.connect();
        const made = await make('  spaces around ');
        assert.equal(made.name, 'spaces around');
        assert.equal(made.type, 1);
        assert.match(made.token, /^[A-Za-z0-9]{68}$/);
        assert.equal(made.url, `${up.hub.url}/api/webhooks/${made.id}/${made.token}`);
        assert.equal(made.user.id, world.owner.id);
        assert.deepEqual((await socket.event('WEBHOOKS_UPDATE')).d, { guild_id: world.guild, channel_id: world.channel });
        const listed = await world.owner.get(`/channels/${world.channel}/webhooks`);
        assert.deepEqual(listed.map((w) => w.id).sort(), [hook.id, made.id].sort());
        const elsewhere = (await world.owner.post(`/guilds/${world.guild}/channels`, { name: 'elsewhere' })).id;
        const moved = await world.owner.patch(`/webhooks/${made.id}`, { name: 'moved', channel_id: elsewhere }, { headers: { 'x-audit-log-reason': 'tidy' } });
        assert.deepEqual([moved.name, moved.channel_id, moved.token], ['moved', elsewhere, made.token]);
        await socket.event('WEBHOOKS_UPDATE', (d) => d.channel_id === elsewhere);
        const { audit_log_entries: [entry], webhooks: [shown] } = await world.owner.get(`/guilds/${world.guild}/audit-logs?action_type=51`);
        assert.deepEqual([shown.id, shown.name, shown.token, shown.url], [made.id, 'moved', undefined, undefined]);
        assert.deepEqual([entry.target_id, entry.user_id, entry.reason], [made.id, world.owner.id, 'tidy']);
        assert.deepEqual(entry.changes.map((c) => [c.key, c.old_value, c.new_value]), [['name', 'spaces around', 'moved'], ['channel_id', world.channel, elsewhere]]);
        await world.owner.delete(`/channels/${elsewhere}`);
        assert.deepEqual(code(await world.owner.request('GET', `/webhooks/${made.id}`)), [404, 10015], 'it went with its channel');
        await socket.close();
    });

    test('needs MANAGE_WEBHOOKS in the channel, also in the one that it is moved to', async () => {
        const [, member] = world.members;
        const role = (await world.owner.post(`/guilds/${world.guild}/roles`, { name: 'hooks', permissions: MANAGE_WEBHOOKS })).id;
        const hidden = (await world.owner.post(`/guilds/${world.guild}/channels`, { name: 'hidden', permission_overwrites: [{ id: member.id, type: 1, deny: '1024' }] })).id;
        const there = await make('there', hidden);
        const acts = [['POST', `/channels/${world.channel}/webhooks`, { name: 'x' }], ['GET', `/channels/${world.channel}/webhooks`], ['GET', `/guilds/${world.guild}/webhooks`],
            ['GET', `/webhooks/${hook.id}`], ['PATCH', `/webhooks/${hook.id}`, { name: 'Captain Hook' }]];
        for (const [verb, path, body] of acts) assert.deepEqual(code(await member.request(verb, path, { body })), [403, 50013], path);
        await world.owner.put(`/guilds/${world.guild}/members/${member.id}/roles/${role}`);
        for (const [verb, path, body] of acts) assert.equal((await member.request(verb, path, { body })).status, 200, path);
        for (const [verb, path, body] of [['GET', `/webhooks/${there.id}`], ['DELETE', `/webhooks/${there.id}`], ['PATCH', `/webhooks/${hook.id}`, { channel_id: hidden }]])
            assert.deepEqual(code(await member.request(verb, path, { body })), [403, 50001], path);
    });

    test('names are 1 to 80 characters and not the platform\'s', async () => {
        for (const name of ['', 'x'.repeat(81), 'my CLYDE', 'Discord news']) {
            const answer = await world.owner.request('POST', `/channels/${world.channel}/webhooks`, { body: { name } });
            assert.deepEqual(code(answer), [400, 50035], name);
            assert.ok(answer.body.errors.name, name);
            assert.deepEqual(code(await up.hub.request('PATCH', at(), { body: { name } })), [400, 50035], name);
        }
        const longest = await up.hub.request('PATCH', at(), { body: { name: 'x'.repeat(80), channel_id: '1' } });
        assert.deepEqual([longest.status, longest.body.channel_id, longest.body.user], [200, world.channel, undefined], 'the token does not move it');
        await up.hub.request('PATCH', at(), { body: { name: 'Captain Hook' } });
    });

    test('a channel has 15 of them', async () => {
        const full = (await world.owner.post(`/guilds/${world.guild}/channels`, { name: 'full' })).id;
        for (let i = 0; i < 15; i++) await make(`number ${i}`, full);
        const one = await world.owner.request('POST', `/channels/${full}/webhooks`, { body: { name: 'one more' } });
        assert.deepEqual(code(one), [400, 30007]);
        assert.deepEqual(code(await world.owner.request('PATCH', `/webhooks/${hook.id}`, { body: { channel_id: full } })), [400, 30007]);
        assert.equal((await world.owner.get(`/channels/${full}/webhooks`)).length, 15);
    });
});

describe('who has the token', () => {
    before(prepare);

    test('posts in the webhook\'s name or another, with files and embeds; readers see a bot, live and in the history', async () => {
        const [member] = world.members;
        const socket = await member.connect();
        const form = new FormData();
        form.set('payload_json', JSON.stringify({ content: 'with a file', username: 'Smee', embeds: [{ title: 'T' }], avatar_url: 'https://example.org/a.png' }));
        form.set('files[0]', new Blob(['words']), 'a.txt');
        const answer = await up.hub.request('POST', at('?wait=true'), { body: form });
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        const { body: posted } = answer;
        assert.equal(posted.webhook_id, hook.id);
        assert.deepEqual([posted.author.id, posted.author.username, posted.author.bot, posted.author.discriminator], [hook.id, 'Smee', true, '0000']);
        assert.equal(posted.attachments[0].filename, 'a.txt');
        const { d: live } = await socket.event('MESSAGE_CREATE', (d) => d.id === posted.id);
        assert.deepEqual([live.webhook_id, live.author, live.guild_id, live.member], [hook.id, posted.author, world.guild, undefined]);
        const read = (await member.history(world.channel)).find((m) => m.id === posted.id);
        assert.deepEqual([read.webhook_id, read.author, read.embeds], [hook.id, posted.author, posted.embeds]);
        const silent = await up.hub.request('POST', at(), { body: { content: 'no wait' } });
        assert.deepEqual([silent.status, silent.bytes.length], [204, 0]);
        await socket.event('MESSAGE_CREATE', (d) => d.content === 'no wait' && d.author.username === 'Captain Hook');
        await socket.close();
    });

    test('is refused for an empty message, names and addresses that may not be, threads that are not', async () => {
        for (const [body, want] of [[{}, [400, 50006]], [{ content: 'x', username: 'discord' }, [400, 50035]], [{ content: 'x', username: 'x'.repeat(81) }, [400, 50035]],
            [{ content: 'x', avatar_url: 'javascript:1' }, [400, 50035]], [{ content: 'x'.repeat(2001) }, [400, 50035]], [{ content: 'x', embeds: Array(11).fill({ title: 'x' }) }, [400, 50035]]])
            assert.deepEqual(code(await up.hub.request('POST', at(), { body })), want, JSON.stringify(body).slice(0, 60));
        assert.deepEqual(code(await up.hub.request('POST', at('?thread_id=5'), { body: { content: 'x' } })), [404, 10003]);
        assert.equal((await up.hub.request('POST', at(), { body: { content: 'x'.repeat(2000), username: 'x'.repeat(80) } })).status, 204);
        for (const [verb, rest] of [['GET', ''], ['POST', ''], ['PATCH', ''], ['DELETE', ''], ['POST', '/slack'], ['POST', '/github'], ['GET', `/messages/1`]])
            assert.deepEqual(code(await up.hub.request(verb, `/webhooks/${hook.id}/${hook.token.slice(1)}x${rest}`, { body: verb === 'GET' || verb === 'DELETE' ? undefined : { content: 'x', text: 'x' } })), [401, 50027], `${verb} ${rest}`);
    });

    test('mentions whom the message allows', async () => {
        const [member] = world.members;
        const post = async (body) => (await up.hub.request('POST', at('?wait=true'), { body })).body;
        const loud = await post({ content: `@everyone <@${member.id}>` });
        assert.deepEqual([loud.mention_everyone, loud.mentions.map((u) => u.id)], [true, [member.id]]);
        const quiet = await post({ content: `@everyone <@${member.id}>`, allowed_mentions: { parse: [] } });
        assert.deepEqual([quiet.mention_everyone, quiet.mentions], [false, []]);
    });

    test('reads, edits and deletes its own messages and nobody else\'s', async () => {
        const mine = (await up.hub.request('POST', at('?wait=true'), { body: { content: 'first', username: 'Smee' } })).body;
        const other = await world.owner.say(world.channel, 'mine');
        const stranger = await make('stranger');
        const socket = await world.owner.connect();
        const edited = await up.hub.request('PATCH', at(`/messages/${mine.id}`), { body: { content: 'second' } });
        assert.deepEqual([edited.status, edited.body.content, edited.body.author.username], [200, 'second', 'Smee']);
        assert.equal((await socket.event('MESSAGE_UPDATE', (d) => d.id === mine.id)).d.author.username, 'Smee');
        assert.equal((await up.hub.request('GET', at(`/messages/${mine.id}`))).body.content, 'second');
        for (const [verb, path] of [['GET', at(`/messages/${other.id}`)], ['PATCH', at(`/messages/${other.id}`)], ['DELETE', at(`/messages/${other.id}`)],
            ['DELETE', `/webhooks/${stranger.id}/${stranger.token}/messages/${mine.id}`]])
            assert.deepEqual(code(await up.hub.request(verb, path, { body: verb === 'PATCH' ? { content: 'x' } : undefined })), [404, 10008], `${verb} ${path}`);
        assert.equal((await up.hub.request('DELETE', at(`/messages/${mine.id}`))).status, 204);
        await socket.event('MESSAGE_DELETE', (d) => d.id === mine.id);
        assert.deepEqual(code(await up.hub.request('GET', at(`/messages/${mine.id}`))), [404, 10008]);
        await socket.close();
    });

    test('posts nothing any more once the removal is answered, however many posts race it', async () => {
        const doomed = await make('doomed');
        const path = `/webhooks/${doomed.id}/${doomed.token}`;
        const socket = await world.owner.connect();
        let over = false, late = 0;
        const posters = Array.from({ length: 8 }, async (_, i) => {
            for (let n = 0; ; n++) {
                const began = over;
                const answer = await up.hub.request('POST', path, { body: { content: `doomed ${i} ${n}` } });
                if (began && answer.status === 204) late++;
                if (answer.status === 404) return;
            }
        });
        await socket.event('MESSAGE_CREATE', (d) => d.webhook_id === doomed.id);
        await world.owner.delete(`/webhooks/${doomed.id}`);
        over = true;
        await Promise.all(posters);
        const { audit_log_entries: entries, webhooks } = await world.owner.get(`/guilds/${world.guild}/audit-logs`);
        assert.deepEqual(entries.filter((e) => e.target_id === doomed.id).map((e) => e.action_type), [52, 50]);
        assert.ok(!webhooks.some((w) => w.id === doomed.id));
        assert.equal(late, 0);
        const last = await world.owner.say(world.channel, 'behind it');
        await socket.event('MESSAGE_CREATE', (d) => d.id === last.id);
        const seen = socket.frames.filter((f) => ['MESSAGE_CREATE', 'WEBHOOKS_UPDATE'].includes(f.t)).map((f) => f.d);
        const removal = seen.findLastIndex((d) => !d.id);
        assert.ok(removal > 0 && !seen.slice(removal).some((d) => d.webhook_id === doomed.id), 'a message came behind the removal');
        await socket.close();
    });
});

describe('other platforms\' forms', () => {
    before(prepare);
    const newest = async () => (await world.owner.history(world.channel)).reduce((a, b) => (BigInt(a.id) > BigInt(b.id) ? a : b));

    test('Slack\'s text and attachments', async () => {
        const body = { text: 'see <https://example.org/a|this> &amp; that', username: 'ci', attachments: [{ pretext: 'before', color: '#36a64f', title: 'Build', title_link: 'https://example.org/b',
            text: 'passed', fields: [{ title: 'Branch', value: 'main', short: true }, { title: '', value: 'no name' }], footer: 'foot', ts: 1700000000 }, { color: 'danger', fallback: 'plain' }] };
        const answer = await up.hub.request('POST', at('/slack'), { body });
        assert.deepEqual([answer.status, answer.body], [200, 'ok']);
        const m = await newest();
        assert.equal(m.content, 'see [this](https://example.org/a) & that\nbefore');
        assert.equal(m.author.username, 'ci');
        const [first, second] = m.embeds;
        assert.deepEqual([first.title, first.url, first.description, first.color, first.footer.text], ['Build', 'https://example.org/b', 'passed', 0x36a64f, 'foot']);
        assert.deepEqual(first.fields, [{ name: 'Branch', value: 'main', inline: true }]);
        assert.equal(Date.parse(first.timestamp), 1700000000000);
        assert.deepEqual([second.description, second.color], ['plain', 0xa30200]);
        assert.deepEqual(code(await up.hub.request('POST', at('/slack'), { body: {} })), [400, 50006]);
    });

    test('GitHub\'s events; a ping posts nothing', async () => {
        const base = { repository: { full_name: 'a/b', html_url: 'https://example.org/a/b' }, sender: { login: 'ada', html_url: 'https://example.org/ada' } };
        const before_ = await newest();
        assert.equal((await up.hub.request('POST', at('/github'), { body: { ...base, zen: 'Keep it simple.', hook_id: 1 } })).status, 204);
        assert.equal((await newest()).id, before_.id);
        const commits = [{ id: '0123456789abcdef', message: 'Fix it\n\nbecause', url: 'https://example.org/c', author: { name: 'Ada', username: 'ada' } }];
        const cases = [
            [{ ref: 'refs/heads/feature/x', compare: 'https://example.org/compare', commits }, '[a/b] feature/x: 1 new commit', '[`0123456`](https://example.org/c) Fix it - ada'],
            [{ action: 'opened', issue: { number: 7, title: 'It broke', html_url: 'https://example.org/7', body: 'badly' } }, '[a/b] Issue opened: #7 It broke', 'badly'],
            [{ action: 'closed', pull_request: { number: 8, title: 'Mend', html_url: 'https://example.org/8', merged: true } }, '[a/b] Pull request merged: #8 Mend', undefined],
            [{ action: 'created', issue: { number: 7, title: 'It broke' }, comment: { html_url: 'https://example.org/7#1', body: 'same here' } }, '[a/b] New comment on issue #7: It broke', 'same here'],
            [{ action: 'published', release: { tag_name: 'v1', name: 'One', html_url: 'https://example.org/v1', body: 'notes' } }, '[a/b] New release published: One', 'notes'],
            [{ ref_type: 'tag', ref: 'v2' }, '[a/b] New tag: v2', undefined],
        ];
        for (const [body, title, description] of cases) {
            const answer = await up.hub.request('POST', at('/github'), { body: { ...base, ...body } });
            assert.equal(answer.status, 204, JSON.stringify(answer.body));
            const [embed] = (await newest()).embeds;
            assert.deepEqual([embed.title, embed.description?.trim(), embed.author.name], [title, description, 'ada']);
        }
    });
});

describe('libraries', () => {
    before(prepare);

    test('discord.js\'s WebhookClient posts, edits, reads and deletes', async () => {
        const client = new WebhookClient({ id: hook.id, token: hook.token }, { rest: { api: `${up.hub.url}/api` } });
        const sent = await client.send({ content: 'from discord.js', username: 'poster', embeds: [new EmbedBuilder().setTitle('E')], files: [{ attachment: Buffer.from('x'), name: 'x.txt' }] });
        assert.deepEqual([sent.content, sent.author.username, sent.webhook_id], ['from discord.js', 'poster', hook.id]);
        assert.equal((await client.editMessage(sent.id, 'changed')).content, 'changed');
        assert.equal((await client.fetchMessage(sent.id)).content, 'changed');
        await client.deleteMessage(sent.id);
        assert.equal(await client.sendSlackMessage({ text: 'slack' }), true);
        assert.deepEqual(code(await up.hub.request('GET', at(`/messages/${sent.id}`))), [404, 10008]);
    });

    test('oceanic.js posts', async () => {
        const oceanic = new Oceanic({ rest: { baseURL: `${up.hub.url}/api/v10` } });
        const sent = await oceanic.rest.webhooks.execute(hook.id, hook.token, { content: 'from oceanic', wait: true });
        assert.deepEqual([sent.content, sent.webhookID], ['from oceanic', hook.id]);
    });
});
