// Goal: bad input of every kind gets a clear error, stores nothing and stops nothing. The sweep is made from routes.json: for
// each field of each route, its limit passes and one past it fails with its leaf in the 50035 tree.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { png, uri } from './pictures.js';
import { PASSWORD, routes, unique, withHubbub } from './harness.js';

const up = withHubbub({ before, after });
let world;

async function prepare(hub) {
    const w = await hub.guild(1);
    w.hub = hub;
    w.member = w.members[0];
    w.bot = await hub.bot(w.owner, { guild: w.guild });
    w.role = (await w.owner.post(`/guilds/${w.guild}/roles`, { name: 'role' })).id;
    w.message = (await w.owner.say(w.channel, 'hello')).id;
    w.foreign = await hub.guild();
    w.foreign.message = (await w.foreign.owner.say(w.foreign.channel, 'elsewhere')).id;
    w.foreign.role = (await w.foreign.owner.post(`/guilds/${w.foreign.guild}/roles`, { name: 'foreign' })).id;
    // Images are taken for a webhook only when its token is right.
    w.hook = await w.owner.post(`/channels/${w.channel}/webhooks`, { name: 'hook' });
    return w;
}

// ---- The sweep over fields
const letters = (n) => 'a'.repeat(n);
// Texts with a shape of their own beside the length: what passes at n code points.
const shaped = {
    username: (n) => unique('u').padEnd(n, 'x').slice(0, n),
    email: (n) => `${unique('m')}@`.padEnd(n - 4, 'd') + '.org',
    date_of_birth: () => '1990-01-01',
    code: (n) => letters(n),
};

// Leaves of the field table; a handler may still refuse what is within the limits, with a word of its own.
const LIMIT = /LENGTH|_MIN$|_MAX$|CONVERT|COERCE|BAD_INT|PARSE|REQUIRED/;

// A value that a field takes, as small as may be.
function good(field) {
    if (field.choices?.length && field.type !== 'array') return field.choices[0];
    switch (field.form) {
    case 'SNOWFLAKE': return field.type === 'array' ? [] : '1';
    case 'DECIMAL': return '0';
    case 'TIME': return '2026-01-02T03:04:05.000000+00:00';
    case 'NONCE': return 'n';
    case 'IMAGE': return uri(png(1, 1));
    default:
    }
    switch (field.type) {
    case 'string': return (shaped[field.name] ?? letters)(Math.max(field.min_len ?? 0, 1));
    case 'integer': case 'number': return field.min ?? 0;
    case 'boolean': return false;
    case 'array': return [];
    default: return goodObject(field.fields ?? []);
    }
}
const goodObject = (fields) => Object.fromEntries(fields.filter((f) => f.required).map((f) => [f.name, good(f)]));

// [value, does it pass, leaf code]: what lies at the limit and one past it; wrong types.
function trials(field) {
    const out = [];
    const text = field.type === 'string' && ['PLAIN', 'NONCE'].includes(field.form) && !field.choices;
    const of = (n) => (field.form === 'NONCE' ? letters(n) : (shaped[field.name] ?? letters)(n));
    if (text && field.max_len) {
        out.push([of(field.max_len), true], [of(field.max_len).padEnd(field.max_len + 1, 'z'), false, field.min_len ? 'BASE_TYPE_BAD_LENGTH' : 'BASE_TYPE_MAX_LENGTH']);
        if (!shaped[field.name]) out.push(['🙂'.repeat(field.max_len), true]);
    }
    if (text && field.min_len > 1) out.push([of(field.min_len), true], [of(field.min_len).slice(0, field.min_len - 1), false, 'LENGTH']);
    if (text && field.min_len === 1 && !field.nullable) out.push(['', false, 'LENGTH|REQUIRED']);
    if (field.type === 'integer' && !field.choices && !field.clamp) {
        if (field.min !== undefined) out.push([field.min, true], [field.min - 1, false, 'NUMBER_TYPE_MIN|BASE_TYPE_BAD_INT|NUMBER_TYPE_COERCE']);
        if (field.max !== undefined && field.max < 2 ** 52) out.push([field.max, true], [field.max + 1, false, 'NUMBER_TYPE_MAX|BASE_TYPE_BAD_INT|NUMBER_TYPE_COERCE']);
        out.push(['x', false, 'NUMBER_TYPE_COERCE'], [{}, false, 'NUMBER_TYPE_COERCE'], [1.5, false, 'NUMBER_TYPE_COERCE|BASE_TYPE_BAD_INT']);
    }
    if (field.choices?.length && field.type !== 'array') {
        out.push([field.choices.at(-1), true]);
        out.push([typeof field.choices[0] === 'number' ? 99 : 'zzz', false, 'BASE_TYPE_CHOICES|ENUM_TYPE_COERCE']);
    }
    if (field.type === 'array') {
        const item = field.items === 'object' ? goodObject(field.fields ?? []) : field.choices?.[0] ?? '1';
        if (field.max_len) out.push([Array(field.max_len + 1).fill(item), false, 'BASE_TYPE_MAX_LENGTH|BASE_TYPE_BAD_LENGTH']);
        if (field.choices) out.push([[field.choices.at(-1)], true]);
        out.push(['x', false, 'LIST_TYPE_CONVERT'], [{}, false, 'LIST_TYPE_CONVERT']);
    }
    if (field.type === 'object') out.push(['x', false, 'MODEL_TYPE_CONVERT'], [[], false, 'MODEL_TYPE_CONVERT']);
    if (field.type === 'boolean') out.push(['x', false, 'BOOLEAN_TYPE|TYPE']);
    if (text) out.push([{}, false, 'STRING_TYPE_CONVERT'], [[], false, 'STRING_TYPE_CONVERT']);
    if (field.form === 'SNOWFLAKE' && field.type === 'string') out.push(['x', false, 'NUMBER_TYPE_COERCE'], ['-1', false, 'NUMBER_TYPE'], ['18446744073709551616', false, 'NUMBER_TYPE'], [{}, false, 'NUMBER_TYPE_COERCE']);
    if (field.form === 'DECIMAL') out.push(['x', false, 'NUMBER_TYPE_COERCE'], ['1e3', false, 'NUMBER_TYPE_COERCE']);
    if (field.form === 'IMAGE') for (const bad of ['x', 'data:image/png;base64,', 'data:image/png;base64,!', 'data:image/bmp;base64,AAAA', 'data:image/png;base64,AAAA']) out.push([bad, false, 'IMAGE_INVALID']);
    if (field.form === 'TIME') out.push(['yesterday', false, 'DATE_TIME_TYPE_PARSE']);
    if (field.required) out.push([undefined, false, 'BASE_TYPE_REQUIRED']);
    if (!field.nullable && !field.required && field.form !== 'RAW') out.push([null, false, 'REQUIRED|TYPE|COERCE|CONVERT|PARSE']);
    return out;
}

// Every field that a body may hold, with the way to it: [{path, field}].
function bodyFields(fields, path = [], depth = 0) {
    return fields.filter((f) => !['PRESENT', 'HIDDEN', 'RAW'].includes(f.form)).flatMap((f) => [
        { path, field: f },
        ...(f.fields && depth < 4 ? bodyFields(f.fields, [...path, f.type === 'array' ? [f, 0] : [f]], depth + 1) : []),
    ]);
}

// The body in which one value is set, all that is required around it being good.
function bodyWith(fields, path, field, value) {
    const body = goodObject(fields);
    let at = body, siblings = fields;
    for (const [parent, index] of path) {
        const inner = goodObject(parent.fields);
        at[parent.name] = index === undefined ? inner : [inner];
        at = inner;
        siblings = parent.fields;
    }
    if (value === undefined) delete at[field.name];
    else at[field.name] = value;
    return body;
}

const leafPath = (path, field) => [...path.flatMap(([p, i]) => (i === undefined ? [p.name] : [p.name, String(i)])), field.name];
const leafAt = (tree, keys) => keys.reduce((t, k) => t?.[k], tree)?._errors;

function fill(path) {
    const values = { guild_id: world.guild, channel_id: world.channel, message_id: world.message, role_id: world.role, user_id: world.member.id,
        overwrite_id: world.role, application_id: world.bot.application, code: world.invite, emoji: encodeURIComponent('👍'), report_id: '1', webhook_id: world.hook.id, webhook_token: world.hook.token };
    return path.replace(/\{(\w+)\}/g, (_, k) => values[k]);
}
const callerOf = (route) => (route.auth === 'BOT' ? world.bot : world.owner);
// What would end the world under the other trials when it passes.
const passingWouldEnd = (route) => route.verb === 'DELETE' || /\/(delete|reset|bot|logout)$|\/(bans|bulk-ban|prune)\b/.test(route.path);

test('each field of each route: its limit passes, one past it fails with its leaf', { timeout: 300_000 }, async (t) => {
    world = await prepare(up.hub);
    let count = 0;
    for (const route of routes()) {
        const own = route.fields ?? [];
        const inBody = route.body === '*' ? own.filter((f) => f.where === 'body') : route.body ? own.filter((f) => f.name === route.body) : [];
        if (!inBody.length || passingWouldEnd(route)) continue;
        await t.test(`${route.verb} ${route.path}`, async () => {
            const whole = route.body !== '*' ? inBody[0] : undefined; // the body is this one array
            const fields = whole ? whole.fields : inBody;
            const faults = [];
            for (const { path, field } of bodyFields(fields))
                for (const [value, passes, code] of trials(field)) {
                    const object = bodyWith(fields, path, field, value);
                    const body = whole ? [object] : object;
                    const keys = [...(whole ? ['0'] : []), ...leafPath(path, field)];
                    const answer = await callerOf(route).request(route.verb, fill(route.path), { body });
                    const told = whole ? leafAt(answer.body.errors, keys) ?? leafAt(answer.body.errors?.[whole.name], keys) : leafAt(answer.body?.errors, keys);
                    const shown = JSON.stringify(value)?.slice(0, 40);
                    count++;
                    if (answer.status >= 500) faults.push(`${keys.join('.')} = ${shown}: ${answer.status}`);
                    else if (passes && told?.some((l) => LIMIT.test(l.code))) faults.push(`${keys.join('.')} = ${shown} (${String(value).length} long) should pass: ${JSON.stringify(told)}`);
                    else if (!passes && !told) faults.push(`${keys.join('.')} = ${shown} should fail: ${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}`);
                    else if (!passes && (answer.status !== 400 || answer.body.code !== 50035 || !told.some((l) => new RegExp(code).test(l.code) && l.message)))
                        faults.push(`${keys.join('.')} = ${shown} should fail with ${code}: ${answer.status} ${answer.body.code} ${JSON.stringify(told)}`);
                }
            assert.equal(faults.length, 0, `${faults.length} of the trials:\n${faults.slice(0, 25).join('\n')}`);
        });
    }
    console.log(`${count} trials`);
    assert.ok(count > 300);
});

test('query parameters: limits and wrong types', async () => {
    world ??= await prepare(up.hub);
    for (const route of routes().filter((r) => r.verb === 'GET'))
        for (const field of (route.fields ?? []).filter((f) => f.where === 'query')) {
            if (field.type !== 'integer' || field.clamp) continue;
            const limits = field.choices ? [...field.choices.map((c) => [c, true]), [99, false]]
                : [[field.min, true], [field.max, true], [field.min - 1, false], [field.max + 1, false]];
            for (const [value, passes] of [...limits, ['x', false]]) {
                const answer = await callerOf(route).request('GET', `${fill(route.path)}?${field.name}=${value}`);
                const told = answer.body?.errors?.[field.name]?._errors;
                assert.equal(told !== undefined, !passes, `${route.path}?${field.name}=${value}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}`);
                if (!passes) assert.deepEqual([answer.status, answer.body.code], [400, 50035]);
            }
        }
    for (const bool of ['true', 'True', '1', 'false', 'False', '0'])
        assert.equal((await world.owner.request('GET', `/guilds/${world.guild}?with_counts=${bool}`)).status, 200, bool);
});

describe('bodies', () => {
    before(async () => { world ??= await prepare(up.hub); });
    const post = (body, headers = {}) => world.owner.request('POST', `/channels/${world.channel}/messages`, { body, headers });
    const malformed = ['{', '{"content":"x"', '{"content":x}', '"x" 1', '{"content":"x"}}', '{"content":"\u0001"}', `{"content":${'['.repeat(5000)}`,
        '{"content":"x","content":"y"}', '{"content":1e999}', '\u00ff\u00fe', '{"content":"\\ud800"}', 'NaN'];
    for (const text of malformed)
        test(`malformed JSON ${JSON.stringify(text.slice(0, 24))}: 50109`, async () => {
            const answer = await post(text);
            assert.deepEqual([answer.status, answer.body.code], [400, 50109], JSON.stringify(answer.body));
        });
    for (const text of ['[]', '"x"', '1', 'null', 'true'])
        test(`JSON that is no object, ${text}: refused`, async () => {
            const answer = await post(text);
            assert.equal(answer.status, 400);
            assert.ok([50109, 50035].includes(answer.body.code));
        });
    test('an empty message: 50006', async () => {
        for (const body of [{}, { content: '' }, { content: '   ' }, { content: null, embeds: [] }]) {
            const answer = await post(body);
            assert.deepEqual([answer.status, answer.body.code], [400, 50006], JSON.stringify(body));
        }
    });
    test('a content of another type: 415 or 50109, never 500', async () => {
        const answer = await post('content=x', { 'content-type': 'application/x-www-form-urlencoded' });
        assert.ok([400, 415].includes(answer.status), String(answer.status));
    });
    test('unknown keys are ignored', async () => {
        assert.equal((await post({ content: 'x', no_such_key: { a: [1, 2] }, sticker_ids: [] })).status, 200);
    });
    test('a JSON body of more than 1 MiB: 413 and 40005, before it was read', async () => {
        const answer = await post(JSON.stringify({ content: 'x', pad: 'y'.repeat(3 << 20) })).catch((e) => ({ status: 413, body: { code: 40005 }, cut: e }));
        assert.deepEqual([answer.status, answer.body.code], [413, 40005]);
    });
    test('embeds: 6,000 characters together pass, one more fails', async () => {
        const embeds = (n) => [{ description: 'd'.repeat(4096) }, { description: 'e'.repeat(n - 4096) }];
        assert.equal((await post({ embeds: embeds(6000) })).status, 200);
        const answer = await post({ embeds: embeds(6001) });
        assert.deepEqual([answer.status, answer.body.code], [400, 50035]);
    });
    test('control characters, quotes and every script come back as they were', async () => {
        const content = 'a"b\\c/d\u2028e\u0000f</script>\ttab \u202E rtl 🏳️‍🌈 𝔘𝔫𝔦 日本語'.replace('\u0000', '');
        const sent = await post({ content });
        assert.equal(sent.status, 200);
        assert.equal((await world.owner.get(`/channels/${world.channel}/messages/${sent.body.id}`)).content, content);
    });
});

describe('multipart', () => {
    before(async () => { world ??= await prepare(up.hub); });
    const send = (text, boundary = 'b') => world.owner.request('POST', `/channels/${world.channel}/messages`, { body: text, headers: { 'content-type': `multipart/form-data; boundary=${boundary}` } });
    const part = (name, body, more = '') => `--b\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${body}\r\n`;
    const trials = {
        'no final boundary': part('payload_json', '{"content":"x"}'),
        'no boundary at all': 'hello',
        'bad payload_json': `${part('payload_json', '{')}--b--\r\n`,
        'eleven files': `${part('payload_json', '{"content":"x"}')}${Array.from({ length: 11 }, (_, i) => part(`files[${i}]`, 'x', `; filename="f${i}"`)).join('')}--b--\r\n`,
        'an attachment that was not sent': `${part('payload_json', '{"content":"x","attachments":[{"id":7,"filename":"x"}]}')}--b--\r\n`,
    };
    for (const [what, text] of Object.entries(trials))
        test(`${what}: refused`, async () => {
            const answer = await send(text);
            assert.equal(answer.status, 400, JSON.stringify(answer.body));
            assert.equal(typeof answer.body.code, 'number');
        });
    test('a file name cannot climb out of its folder', async () => {
        const answer = await send(`${part('files[0]', 'x', '; filename="../../../etc/passwd"')}--b--\r\n`);
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        assert.doesNotMatch(answer.body.attachments[0].filename, /\//);
        assert.equal((await fetch(answer.body.attachments[0].url)).status, 200);
    });
});

describe('ids of others', () => {
    before(async () => { world ??= await prepare(up.hub); });
    test('nothing of another guild can be read or changed', async () => {
        const { foreign, owner } = world;
        const cases = [
            ['GET', `/guilds/${foreign.guild}`], ['PATCH', `/guilds/${foreign.guild}`, { name: 'mine now' }], ['DELETE', `/guilds/${foreign.guild}`],
            ['GET', `/guilds/${foreign.guild}/channels`], ['POST', `/guilds/${foreign.guild}/channels`, { name: 'x' }],
            ['GET', `/guilds/${foreign.guild}/roles`], ['POST', `/guilds/${foreign.guild}/roles`, { name: 'x' }],
            ['GET', `/guilds/${foreign.guild}/members`], ['GET', `/guilds/${foreign.guild}/members/${foreign.owner.id}`],
            ['GET', `/channels/${foreign.channel}`], ['PATCH', `/channels/${foreign.channel}`, { topic: 'x' }], ['DELETE', `/channels/${foreign.channel}`],
            ['GET', `/channels/${foreign.channel}/messages`], ['POST', `/channels/${foreign.channel}/messages`, { content: 'x' }],
            ['GET', `/channels/${foreign.channel}/messages/${foreign.message}`], ['PATCH', `/channels/${foreign.channel}/messages/${foreign.message}`, { content: 'x' }],
            ['DELETE', `/channels/${foreign.channel}/messages/${foreign.message}`], ['POST', `/channels/${foreign.channel}/invites`, {}],
            ['PUT', `/channels/${foreign.channel}/permissions/${world.role}`, { type: 0, allow: '0', deny: '0' }], ['DELETE', `/invites/${foreign.invite}`],
        ];
        for (const [verb, path, body] of cases) {
            const answer = await owner.request(verb, path, { body });
            assert.ok([403, 404].includes(answer.status), `${verb} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
            assert.ok(answer.body.code > 0);
        }
        assert.equal((await foreign.owner.history(foreign.channel)).at(-1).content, 'elsewhere');
        assert.notEqual((await foreign.owner.get(`/guilds/${foreign.guild}`)).name, 'mine now');
    });
    test('ids of another guild inside our own routes are unknown there', async () => {
        const { foreign, owner, guild, channel, member } = world;
        const cases = [
            ['GET', `/channels/${channel}/messages/${foreign.message}`, undefined, 10008],
            ['DELETE', `/channels/${channel}/messages/${foreign.message}`, undefined, 10008],
            ['GET', `/guilds/${guild}/roles/${foreign.role}`, undefined, 10011],
            ['PATCH', `/guilds/${guild}/roles/${foreign.role}`, { name: 'x' }, 10011],
            ['DELETE', `/guilds/${guild}/roles/${foreign.role}`, undefined, 10011],
            ['PUT', `/guilds/${guild}/members/${member.id}/roles/${foreign.role}`, undefined, 10011],
            ['PUT', `/guilds/${guild}/members/${foreign.owner.id}/roles/${world.role}`, undefined, 10007],
            ['DELETE', `/guilds/${guild}/members/${foreign.owner.id}`, undefined, 10007],
        ];
        for (const [verb, path, body, code] of cases) {
            const answer = await owner.request(verb, path, { body });
            assert.deepEqual([answer.status, answer.body.code], [404, code], `${verb} ${path}`);
        }
        for (const [verb, path, body] of [
            ['POST', `/guilds/${guild}/channels`, { name: 'x', parent_id: foreign.channel }],
            ['PATCH', `/guilds/${guild}`, { system_channel_id: foreign.channel }],
            ['PATCH', `/guilds/${guild}/channels`, [{ id: foreign.channel, position: 1 }]],
            ['PATCH', `/guilds/${guild}/roles`, [{ id: foreign.role, position: 1 }]],
            ['PATCH', `/guilds/${guild}/members/${member.id}`, { roles: [foreign.role] }],
        ]) {
            const answer = await owner.request(verb, path, { body });
            assert.ok(answer.status >= 400 && answer.status < 500, `${verb} ${path}: ${answer.status}`);
        }
    });
    test('ids that are none', async () => {
        for (const id of ['0', '-1', '18446744073709551615', '18446744073709551616', '1e3', 'x', '..%2f..%2fetc', '%00', '1'.repeat(100)]) {
            const answer = await world.owner.request('GET', `/channels/${id}`);
            assert.ok([400, 404].includes(answer.status), `${id}: ${answer.status} ${JSON.stringify(answer.body)}`);
            assert.equal(typeof answer.body.code, 'number', id);
            assert.equal(typeof answer.body.message, 'string', id);
        }
    });
    test('without a token, with a bad one: 401 on every route that needs one', async () => {
        for (const route of routes().filter((r) => r.auth !== 'PUBLIC'))
            for (const token of [undefined, 'MQ.x.y', 'Bot', 'Bearer x', 'Bot ' + 'x'.repeat(300)]) {
                const body = ['POST', 'PUT', 'PATCH'].includes(route.verb) ? {} : undefined;
                const answer = await up.hub.request(route.verb, fill(route.path), { token, body });
                assert.equal(answer.status, 401, `${route.verb} ${route.path} with ${token}: ${answer.status}`);
                assert.equal(typeof answer.body.code, 'number');
            }
    });
    test('bots and people are kept apart', async () => {
        for (const route of routes().filter((r) => r.auth === 'PERSON' && !passingWouldEnd(r))) {
            const answer = await world.bot.request(route.verb, fill(route.path), { body: route.verb === 'GET' ? undefined : {} });
            assert.deepEqual([answer.status, answer.body.code], [403, 20001], `${route.verb} ${route.path}`);
        }
        assert.deepEqual([(await world.owner.request('GET', '/applications/@me')).status], [403]);
    });
    test('a member without the permission is told so', async () => {
        const { member, guild, channel, role } = world;
        for (const [verb, path, body] of [['PATCH', `/guilds/${guild}`, { name: 'xx' }], ['POST', `/guilds/${guild}/channels`, { name: 'x' }], ['PATCH', `/channels/${channel}`, { topic: 'x' }],
            ['DELETE', `/channels/${channel}`], ['POST', `/guilds/${guild}/roles`, { name: 'x' }], ['DELETE', `/guilds/${guild}/roles/${role}`], ['PUT', `/guilds/${guild}/members/${member.id}/roles/${role}`],
            ['DELETE', `/guilds/${guild}/members/${world.owner.id}`], ['DELETE', `/channels/${channel}/messages/${world.message}`]]) {
            const answer = await member.request(verb, path, { body });
            assert.deepEqual([answer.status, answer.body.code], [403, 50013], `${verb} ${path}: ${JSON.stringify(answer.body)}`);
        }
        const edit = await member.request('PATCH', `/channels/${channel}/messages/${world.message}`, { body: { content: 'x' } });
        assert.deepEqual([edit.status, edit.body.code], [403, 50005]);
        const del = await member.request('DELETE', `/guilds/${guild}`);
        assert.equal(del.status, 403);
    });
});

describe('HTTP itself', () => {
    test('unknown paths, verbs and versions are answered with a code and a message', async () => {
        const { hub } = up;
        for (const [verb, path, status] of [['GET', '/api/v10/no/such/route', 404], ['DELETE', '/api/v10/users/@me', 405], ['GET', '/api/v3/users/@me', 400], ['GET', '/nothing', 404]]) {
            const answer = await fetch(hub.url + path, { method: verb });
            const body = await answer.json();
            assert.equal(answer.status, status, `${verb} ${path}: ${answer.status} ${JSON.stringify(body)}`);
            assert.equal(typeof body.code, 'number');
            assert.equal(typeof body.message, 'string');
        }
    });
    const raw = {
        'no HTTP at all': 'hello\r\n\r\n',
        'a head that does not end': `GET / HTTP/1.1\r\nX: ${'y'.repeat(70_000)}`,
        'a negative length': 'POST /api/v10/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
        'two lengths': 'POST /api/v10/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
        'a length and chunks': 'POST /api/v10/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        'a chunk of 2^64': 'POST /api/v10/auth/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n',
        'NUL in the path': 'GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n',
    };
    for (const [what, text] of Object.entries(raw))
        test(`${what}: 4xx or cut, and the server lives`, async () => {
            const { hub } = up;
            const socket = net.connect(hub.port, '127.0.0.1');
            let answer = '';
            socket.on('data', (d) => { answer += d; });
            socket.on('error', () => {});
            socket.write(text);
            await Promise.race([new Promise((done) => socket.once('close', done)), new Promise((done) => socket.once('data', done)), new Promise((done) => setTimeout(done, 3000).unref())]);
            socket.destroy();
            assert.match(answer || 'HTTP/1.1 400', /^HTTP\/1\.[01] 4\d\d/);
            assert.equal((await fetch(`${hub.url}/ping`)).status, 200);
        });
    test('registration: wrong names, under age, no consent, taken', async () => {
        const { hub } = up;
        const register = (more) => hub.request('POST', '/auth/register', { body: { username: unique('r'), password: PASSWORD, consent: true, date_of_birth: '1990-01-01', ...more } });
        for (const username of ['everyone', 'here', 'a@b', 'a#b', 'a:b', '```', 'discord', 'x'])
            assert.deepEqual([(await register({ username })).status], [400], username);
        const young = await register({ date_of_birth: `${new Date().getFullYear() - 5}-01-01` });
        assert.ok(young.status === 403 || young.body.code === 50035, JSON.stringify(young.body));
        assert.equal((await register({ consent: false })).status, 400);
        assert.equal((await register({ date_of_birth: '1990-13-45' })).status, 400);
        const name = unique('taken');
        assert.equal((await register({ username: name })).status, 201);
        assert.equal((await register({ username: name })).status, 400);
        const email = `${unique('e')}@example.org`;
        assert.equal((await register({ email })).status, 201);
        assert.equal((await register({ email: email.toUpperCase() })).status, 400);
    });
    test('after all that every process is the one that was started', async () => {
        const { hub } = up;
        for (const name of hub.names()) assert.ok(hub.pid(name) > 0);
        assert.doesNotMatch(hub.output, /starting it again/);
        await hub.allReady();
    });
});
