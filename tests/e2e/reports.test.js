// Goal: who reads a message can report it; the report keeps what was said whatever happens to the message, only the instance's
// administrators see it, and resolving it deletes the message or disables its author in the same moment, once.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { PASSWORD, until, withHubbub } from './harness.js';

const up = withHubbub({ before, after }, { env: { HUBBUB_SWEEP_GRACE_S: '1', HUBBUB_SWEEP_INTERVAL_S: '1' } });
const report = (who, channel, message, body = { reason: 'spam' }) => who.request('POST', `/channels/${channel}/messages/${message}/reports`, { body });
const codes = ({ status, body }) => [status, body?.code];
const stored = () => {
    const walk = (path) => (!existsSync(path) ? [] : statSync(path).isDirectory() ? readdirSync(path).flatMap((n) => walk(join(path, n))) : [path.split('/').pop()]);
    return walk(join(up.hub.data, 'media', 'blobs'));
};

describe('reports', () => {
    let admin, g, author, reader;
    before(async () => {
        admin = await up.hub.register();
        up.hub.command('user', 'admin', admin.username, 'on');
        await until('the flag is known', async () => (await admin.get('/users/@me')).administrator === true);
        g = await up.hub.guild(2);
        [author, reader] = g.members;
    });
    const open = async (message) => (await admin.get('/admin/reports?limit=100')).reports.filter((r) => r.message_id === message);

    test('hold the message, its author and who reported it, and a second one of the same message is the first', async () => {
        const said = await author.say(g.channel, 'buy my <@1> things', { embeds: [{ title: 'cheap' }] });
        const first = await report(reader, g.channel, said.id, { reason: 'spam', comment: '  again and again ' });
        assert.equal(first.status, 201, JSON.stringify(first.body));
        assert.deepEqual((await report(reader, g.channel, said.id, { reason: 'other' })).body, first.body);
        const second = await report(g.owner, g.channel, said.id, { reason: 'illegal' });
        assert.notEqual(second.body.id, first.body.id);
        const all = await open(said.id);
        assert.deepEqual(all.map((r) => r.id), [second.body.id, first.body.id], 'the last first');
        const [, r] = all;
        assert.deepEqual([r.reason, r.comment, r.reporter.id, r.author.id, r.guild_id, r.channel_id, r.message_exists, r.resolved_at, r.act],
            ['spam', 'again and again', reader.id, author.id, g.guild, g.channel, true, null, null]);
        assert.deepEqual([r.message.content, r.message.embeds[0].title, r.message.author.id], ['buy my <@1> things', 'cheap', author.id]);
        assert.deepEqual(await admin.get(`/admin/reports/${first.body.id}`), r);
    });

    test('are for who can read the message, and for reasons of the table', async () => {
        const said = await author.say(g.channel, 'hidden');
        const stranger = await up.hub.register();
        assert.deepEqual(codes(await report(stranger, g.channel, said.id)), [403, 50001]);
        await g.owner.put(`/channels/${g.channel}/permissions/${reader.id}`, { type: 1, allow: '0', deny: String(1n << 16n) });
        assert.deepEqual(codes(await report(reader, g.channel, said.id)), [403, 50013], 'who may not read the history');
        await g.owner.delete(`/channels/${g.channel}/permissions/${reader.id}`);
        for (const body of [{}, { reason: 'because' }, { reason: 'spam', comment: 'x'.repeat(1001) }])
            assert.deepEqual(codes(await report(reader, g.channel, said.id, body)), [400, 50035], JSON.stringify(body));
        assert.deepEqual(codes(await report(reader, g.channel, g.channel)), [404, 10008]);
        assert.deepEqual(await open(said.id), []);
    });

    test('are shown to administrators only', async () => {
        const said = await author.say(g.channel, 'who sees this');
        const { id } = (await report(reader, g.channel, said.id)).body;
        const bot = await up.hub.bot(admin);
        for (const who of [reader, author, g.owner, bot])
            for (const [verb, path] of [['GET', '/admin/reports'], ['GET', `/admin/reports/${id}`], ['POST', `/admin/reports/${id}/resolve`]])
                assert.deepEqual(codes(await who.request(verb, path, { body: verb === 'POST' ? {} : undefined })), [403, 50001], path);
        assert.equal((await open(said.id)).length, 1);
    });

    test('a file stays in the store while its report is kept, and the message as it was', async () => {
        const form = new FormData();
        form.set('payload_json', JSON.stringify({ content: 'see the file' }));
        const evidence = `evidence ${Math.random()}`;
        form.set('files[0]', new Blob([evidence]), 'a.txt');
        const earlier = stored();
        const said = await author.post(`/channels/${g.channel}/messages`, form);
        const file = stored().find((n) => !earlier.includes(n));
        const { id } = (await report(reader, g.channel, said.id)).body;
        await author.patch(`/channels/${g.channel}/messages/${said.id}`, { content: 'nothing to see' });
        await author.delete(`/channels/${g.channel}/messages/${said.id}`);
        const other = new FormData();
        other.set('payload_json', '{}');
        other.set('files[0]', new Blob([`nobody needs this ${Math.random()}`]), 'b.txt');
        const seen = stored();
        const gone = await author.post(`/channels/${g.channel}/messages`, other);
        const unused = stored().find((n) => !seen.includes(n));
        await author.delete(`/channels/${g.channel}/messages/${gone.id}`);
        await until('the sweeper came by', () => !stored().includes(unused), 20_000);
        assert.ok(stored().includes(file));
        const r = await admin.get(`/admin/reports/${id}`);
        const { url, filename } = r.message.attachments[0];
        assert.deepEqual([r.message_exists, r.message.content, filename], [false, 'see the file', 'a.txt']);
        assert.equal((await fetch(said.attachments[0].url)).status, 404, 'out of reach for all others');
        const answer = await fetch(url);
        assert.deepEqual([answer.status, await answer.text()], [200, evidence]);
        for (const bad of [url.replace('a.txt', 'b.txt'), url.replace(/evidence\/./, 'evidence/'), `${up.hub.url}/evidence/x/${said.attachments[0].id}/a.txt`, `${up.hub.url}/evidence/`])
            assert.equal((await fetch(bad)).status, 404, bad);
        const second = await up.hub.register();
        up.hub.command('user', 'admin', second.username, 'on');
        await until('the flag is known', async () => (await second.request('GET', '/admin/reports')).status === 200);
        const theirs = (await second.get(`/admin/reports/${id}`)).message.attachments[0].url;
        assert.equal((await fetch(theirs)).status, 200);
        up.hub.command('user', 'admin', second.username, 'off');
        assert.equal((await fetch(theirs)).status, 404, 'who is no administrator any more');
    });

    test('resolved by deleting: the message goes for all, its other reports with it, and the guild\'s audit log tells', async () => {
        const socket = await reader.connect();
        const said = await author.say(g.channel, 'this goes');
        const { id } = (await report(reader, g.channel, said.id)).body, other = (await report(g.owner, g.channel, said.id)).body.id;
        const before_ = (await admin.get('/admin/reports')).open;
        const done = await admin.post(`/admin/reports/${id}/resolve`, { act: 'delete_message', note: 'against the rules' });
        assert.deepEqual([done.id, done.act, done.note, done.resolver.id, done.message_exists], [id, 'delete_message', 'against the rules', admin.id, false]);
        await socket.event('MESSAGE_DELETE', (d) => d.id === said.id && d.guild_id === g.guild);
        assert.equal((await admin.get('/admin/reports')).open, before_ - 2);
        const resolved = (await admin.get(`/admin/reports?state=resolved&author_id=${author.id}`)).reports.map((r) => r.id);
        assert.ok(resolved.includes(id) && resolved.includes(other));
        assert.deepEqual(codes(await admin.request('POST', `/admin/reports/${other}/resolve`, { body: {} })), [400, 40099]);
        const { audit_log_entries: [entry] } = await g.owner.get(`/guilds/${g.guild}/audit-logs?action_type=72`);
        assert.deepEqual([entry.user_id, entry.target_id], [admin.id, author.id]);
        await socket.close();
    });

    test('resolved by deleting, in a direct message', async () => {
        const dm = await author.post('/users/@me/channels', { recipient_id: reader.id });
        const said = await author.say(dm.id, 'psst');
        const { id } = (await report(reader, dm.id, said.id, { reason: 'harassment' })).body;
        const socket = await author.connect();
        const done = await admin.post(`/admin/reports/${id}/resolve`, { act: 'delete_message' });
        assert.deepEqual([done.guild_id, done.message_exists, done.message.content], [null, false, 'psst']);
        await socket.event('MESSAGE_DELETE', (d) => d.id === said.id);
        await socket.close();
    });

    test('resolved by disabling: the author is out at once; an administrator cannot be', async () => {
        const [out] = await up.hub.people(1);
        await out.post(`/invites/${g.invite}`);
        const socket = await out.connect();
        const said = await out.say(g.channel, 'the last word');
        const { id } = (await report(reader, g.channel, said.id)).body;
        await admin.post(`/admin/reports/${id}/resolve`, { act: 'disable_user' });
        assert.equal(await socket.closeCodeWithin(), 4004);
        assert.equal((await out.request('GET', '/users/@me')).status, 401);
        assert.equal((await up.hub.request('POST', '/auth/login', { body: { login: out.username, password: PASSWORD } })).body.errors.login._errors[0].code, 'ACCOUNT_DISABLED');

        await admin.post(`/invites/${g.invite}`);
        const own = (await report(reader, g.channel, (await admin.say(g.channel, 'me')).id)).body.id;
        assert.deepEqual(codes(await admin.request('POST', `/admin/reports/${own}/resolve`, { body: { act: 'disable_user' } })), [403, 50013]);
        assert.equal((await admin.get(`/admin/reports/${own}`)).resolved_at, null, 'a refusal leaves it open');
        await admin.post(`/admin/reports/${own}/resolve`, {});
    });

    test('two administrators at once: one of them resolves it', async () => {
        const said = await author.say(g.channel, 'once');
        const { id } = (await report(reader, g.channel, said.id)).body;
        const both = await Promise.all(['a', 'b'].map((note) => admin.request('POST', `/admin/reports/${id}/resolve`, { body: { act: 'delete_message', note } })));
        assert.deepEqual(both.map((x) => x.status).sort(), [200, 400]);
        assert.equal((await admin.get(`/admin/reports/${id}`)).note, both.find((x) => x.status === 200).body.note);
    });

    test('pages do not overlap, and a day has a bound', async () => {
        const busy = await up.hub.register();
        await busy.post(`/invites/${g.invite}`);
        const ids = [];
        for (let i = 0; i < 25; i++) ids.unshift((await report(busy, g.channel, (await author.say(g.channel, `number ${i}`)).id)).body.id);
        const extra = await author.say(g.channel, 'one too many');
        const refused = await busy.request('POST', `/channels/${g.channel}/messages/${extra.id}/reports`, { body: { reason: 'spam' }, keep429: true });
        assert.equal(refused.status, 429);
        assert.ok(refused.body.retry_after > 23 * 3600 && refused.body.retry_after <= 24 * 3600, String(refused.body.retry_after));
        const seen = [];
        for (let before = ''; ;) {
            const { reports } = await admin.get(`/admin/reports?limit=7${before}`);
            if (!reports.length) break;
            seen.push(...reports.map((r) => r.id));
            before = `&before=${reports.at(-1).id}`;
        }
        assert.equal(new Set(seen).size, seen.length);
        assert.deepEqual(seen.filter((id) => ids.includes(id)), ids);
    });
});
