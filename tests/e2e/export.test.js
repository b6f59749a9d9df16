// Goal: a person gets all that is theirs as one document, and nobody else's: asked for by the password once a day, made in the background
// whatever is killed meanwhile, fetched by a link that is good for a while, and gone some days later.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { PASSWORD, exchange, totp, until, withHubbub } from './harness.js';

const up = withHubbub({ before, after }, { chats: 2 });
const codes = ({ status, body }) => [status, body?.code];
const ask = (who, body = { password: PASSWORD }) => who.request('POST', '/users/@me/harvest', { body, keep429: true });
const ready = async (who, ms = 60_000) => {
    let last;
    await until('the export is ready', async () => { last = await who.get('/users/@me/harvest'); return last.state === 'ready'; }, ms, 100);
    return last;
};
const fetchText = async (url, options) => {
    const answer = await fetch(url, options);
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
};
const forgetDay = (who) => up.hub.psql(`UPDATE exports SET created_at = created_at - interval '25 hours' WHERE user_id = ${who.id}`);

describe('an export', () => {
    test('needs the proof, and holds what is the person\'s', async () => {
        const g = await up.hub.guild(2), [p, friend] = g.members;
        await p.patch('/users/@me', { email: `${p.username}@example.org`, password: PASSWORD, bio: 'about "me"\n' });
        await p.patch('/users/@me/settings', { theme: 'light' });
        await p.patch(`/users/@me/guilds/${g.guild}/settings`, { muted: true });
        await p.patch(`/guilds/${g.guild}/members/@me`, { nick: 'Nick' });
        await p.put(`/users/@me/relationships/${friend.id}`, {});
        await friend.put(`/users/@me/relationships/${p.id}`, {});
        await p.put(`/users/@me/notes/${friend.id}`, { note: 'a note' });
        const form = new FormData();
        form.set('payload_json', JSON.stringify({ content: 'with a file' }));
        form.set('files[0]', new Blob(['words']), 'a.txt');
        const first = await p.post(`/channels/${g.channel}/messages`, form);
        await friend.say(g.channel, 'not theirs');
        const second = await p.say(g.voice, 'in another channel ✓');
        const dm = await p.post('/users/@me/channels', { recipient_id: friend.id });
        const third = await p.say(dm.id, 'in private');
        await friend.say(dm.id, 'not theirs either');

        assert.equal((await p.request('GET', '/users/@me/harvest')).status, 204);
        assert.deepEqual(codes(await ask(p, {})), [400, 50035]);
        assert.deepEqual(codes(await ask(p, { password: 'wrong' })), [400, 50018]);
        const asked = await ask(p);
        assert.deepEqual([asked.status, asked.body.state, asked.body.url], [200, 'pending', null], JSON.stringify(asked.body));
        const done = await ready(p);
        assert.deepEqual([done.id, done.messages], [asked.body.id, 3]);
        const { status, headers, text } = await fetchText(done.url);
        assert.equal(status, 200);
        assert.equal(headers.get('content-disposition'), 'attachment; filename="hubbub-export.json"');
        assert.equal(headers.get('cache-control'), 'no-store');
        assert.equal(Buffer.byteLength(text), done.size);
        const all = JSON.parse(text);
        assert.deepEqual(Object.keys(all), ['exported_at', 'account', 'settings', 'settings_proto', 'guild_settings', 'sessions', 'guilds', 'relationships', 'notes', 'direct_channels', 'applications', 'reports', 'messages', 'complete']);
        assert.deepEqual([all.account.id, all.account.username, all.account.email, all.account.bio, all.account.date_of_birth], [p.id, p.username, `${p.username}@example.org`, 'about "me"', '1990-05-17']);
        assert.equal(all.settings.theme, 'light');
        assert.deepEqual(all.guild_settings.map((s) => [s.guild_id, s.muted]), [[g.guild, true]]);
        assert.deepEqual(all.guilds.map((x) => [x.id, x.owner, x.nick]), [[g.guild, false, 'Nick']]);
        assert.deepEqual(all.relationships.map((x) => [x.id, x.type]), [[friend.id, 'friend']]);
        assert.deepEqual(all.notes.map((x) => [x.id, x.note]), [[friend.id, 'a note']]);
        assert.deepEqual(all.direct_channels.map((x) => [x.id, x.recipients.map((r) => r.id)]), [[dm.id, [friend.id]]]);
        assert.equal(all.sessions.length, 1);
        assert.deepEqual(all.messages.map((m) => m.id).sort(), [first.id, second.id, third.id].sort());
        assert.deepEqual(all.messages.find((m) => m.id === first.id).attachments.map((a) => [a.filename, a.size]), [['a.txt', 5]]);
        assert.equal(all.complete, true);
        for (const secret of ['not theirs', PASSWORD, 'argon2', p.token]) assert.ok(!text.includes(secret), secret);
    });

    test('is one a day; its link is nobody else\'s, and ends with the password and with what it leads to', async () => {
        const p = await up.hub.register();
        const both = await Promise.all([ask(p), ask(p)]);
        assert.deepEqual(both.map((x) => x.status).sort(), [200, 429]);
        const refused = both.find((x) => x.status === 429);
        assert.ok(refused.body.retry_after > 86_000 && refused.body.retry_after <= 86_400, String(refused.body.retry_after));
        const { url } = await ready(p);
        assert.equal((await fetchText(url)).status, 200);
        assert.equal((await fetchText(url)).status, 200, 'again: a download may break off');
        assert.equal((await fetchText(url, { method: 'HEAD' })).text, '');
        assert.equal((await fetchText(url, { method: 'POST' })).status, 405);
        for (const bad of [`${url}x`, url.slice(0, -1), `${up.hub.url}/exports/`, `${up.hub.url}/exports/${'x'.repeat(500)}`]) assert.equal((await fetchText(bad)).status, 404, bad);
        up.hub.psql(`UPDATE tickets SET expires_at = now() WHERE user_id = ${p.id}`);
        assert.equal((await fetchText(url)).status, 404, 'the link expired');
        const fresh = (await ready(p)).url;
        assert.equal((await fetchText(fresh)).status, 200);
        Object.assign(p, { token: (await p.patch('/users/@me', { password: PASSWORD, new_password: `${PASSWORD}!` })).token });
        assert.equal((await fetchText(fresh)).status, 404, 'the password is another');
        up.hub.psql(`UPDATE exports SET created_at = now() - interval '73 hours' WHERE user_id = ${p.id}`);
        await until('the janitor came by', () => up.hub.psql(`SELECT count(*) FROM exports WHERE user_id = ${p.id}`) === '0', 90_000, 500);
        assert.equal((await p.request('GET', '/users/@me/harvest')).status, 204);
    });

    test('asks for the second factor, and goes with its account', async () => {
        const p = await up.hub.register();
        await p.enrol();
        assert.deepEqual(codes(await ask(p)), [400, 60008]);
        up.hub.psql(`UPDATE totp SET last_step = 0 WHERE user_id = ${p.id}`);
        assert.equal((await ask(p, { password: PASSWORD, code: totp(p.secret) })).status, 200);
        await ready(p);
        up.hub.psql(`UPDATE totp SET last_step = 0 WHERE user_id = ${p.id}`);
        assert.equal((await p.request('POST', '/users/@me/delete', { body: { password: PASSWORD, code: totp(p.secret) } })).status, 204);
        assert.equal(up.hub.psql(`SELECT count(*) FROM exports WHERE user_id = ${p.id}`), '0');
        assert.equal(up.hub.psql('SELECT count(*) FROM export_pieces x WHERE NOT EXISTS (SELECT FROM exports e WHERE e.id = x.export_id)'), '0');
    });

    test('of many messages comes in pieces, and is whole although both chats are killed while it is made', { timeout: 180_000 }, async () => {
        const g = await up.hub.guild(1), [p] = g.members, N = 30_000;
        // Every third is theirs. Their ids are those of the last hour.
        up.hub.psql(`INSERT INTO messages (channel_id, id, author_id, content) SELECT ${g.channel}, ((extract(epoch FROM now()) * 1000)::bigint - 1420070400000 - 3600000 + i) << 22,
            CASE WHEN i % 3 = 0 THEN ${p.id} ELSE ${g.owner.id} END, repeat('word ' || i || ' ', 20) FROM generate_series(1, ${N}) i`);
        const asked = (await ask(p)).body;
        for (const victim of ['chat-1', 'chat-2']) {
            await until('some of it is there', () => Number(up.hub.psql(`SELECT section FROM exports WHERE id = ${asked.id}`)) > 0, 30_000, 20);
            await up.hub.killAndWait(victim);
        }
        const done = await ready(p, 120_000);
        assert.equal(done.messages, N / 3);
        const { text } = await fetchText(done.url);
        const { messages, complete } = JSON.parse(text);
        assert.equal(complete, true);
        assert.deepEqual(messages.map((m) => Number(m.content.split(' ')[1])), Array.from({ length: N / 3 }, (_, i) => 3 * (i + 1)));
        const [pieces, largest] = up.hub.psql(`SELECT count(*), max(length(data)) FROM export_pieces WHERE export_id = ${asked.id}`).split('|').map(Number);
        assert.ok(pieces > 20 && largest <= 65536, `${pieces} pieces of up to ${largest} bytes`);
        forgetDay(p);
        assert.equal((await ask(p)).status, 200, 'the next day another');
    });
});
