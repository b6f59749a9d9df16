// Goal: every route answers everybody who may not with the right refusal, and nothing comes of it: no state changes, nobody
// hears of it, and those who have no part in a guild hear nothing of what its owner then does. The answers stand in table.js.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { Op, PASSWORD, routes, unique, withHubbub } from '../e2e/harness.js';
import { people, scene, stateOf } from './scene.js';
import { ANY, BANNED, BOTS_FORBIDDEN, FORM, OK, ONLY_BOTS, OUTSIDERS, expected, parameters, succeeds, table } from './table.js';

const up = withHubbub({ before, after }, { env: { HUBBUB_RATELIMIT: 'off' } });
const all = routes();
const key = (route) => `${route.verb} ${route.path}`;
const names = (route) => [...route.path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]);
let cast;
const sockets = {};

// The cast, once. (Not a hook: those of a file's top level do not wait for each other.)
async function prepare() {
    if (cast) return;
    cast = await people(up.hub);
    for (const name of [...OUTSIDERS, 'owner', 'blind']) sockets[name] = await cast[name].connect();
}
async function newScene() {
    await prepare();
    return scene(cast);
}

test('each route has its row, each row its route', () => {
    assert.deepEqual(all.map(key).filter((k) => !table[k]), [], 'a route has no row in tests/sweep/table.js: say there who may what');
    assert.deepEqual(Object.keys(table).filter((k) => !all.some((r) => key(r) === k)), [], 'a row has no route any more');
    for (const route of all)
        for (const name of names(route)) assert.ok(parameters[name], `${key(route)}: the parameter ${name} has no line in tests/sweep/table.js`);
});

// ---- One request
const hasBody = (route) => ['POST', 'PUT', 'PATCH'].includes(route.verb);
function pathOf(route, s, replaced = {}) {
    const row = table[key(route)];
    return route.path.replace(/\{(\w+)\}/g, (_, name) => replaced[name] ?? row.path?.[name]?.(s) ?? s.ids[name]) + (row.query ?? '');
}
function bodyOf(route, s) {
    const { body } = table[key(route)];
    return hasBody(route) ? (typeof body === 'function' ? body(s) : body ?? {}) : undefined;
}
const ask = (route, s, { token, replaced } = {}) => up.hub.request(route.verb, pathOf(route, s, replaced), { token, body: bodyOf(route, s) });
async function freshToken(client) {
    return (await up.hub.request('POST', '/auth/login', { body: { login: client.username, password: PASSWORD } })).body.token;
}
const tokenFor = async (route, client) => (table[key(route)].spends ? freshToken(client) : client.token);
// Who asks where the owner would: a bot on a bot's route.
const ownerOf = (route) => (route.auth === 'BOT' ? cast.bot : cast.owner);

// Collects what differs, so that one run shows a route's every wrong answer.
class Faults {
    list = [];
    check(who, route, answer, want) {
        const [status, code] = succeeds(route, want);
        const got = answer.status >= 400 ? [answer.status, answer.body?.code] : [answer.status, undefined];
        if (got[0] !== status || got[1] !== code)
            this.list.push(`${who}: ${got} instead of ${[status, code]} ${JSON.stringify(answer.body).slice(0, 200)}`);
        if (answer.status >= 400 && typeof answer.body?.message !== 'string') this.list.push(`${who}: no message`);
    }
    none() { assert.equal(this.list.length, 0, `\n${this.list.join('\n')}`); }
}

// ---- Witnesses
// After it every event of before that the person may see has arrived: an event of their own, which nobody else is told, follows them.
async function settle(name) {
    const note = unique('mark ');
    const from = sockets[name].frames.length;
    await cast[name].put(`/users/@me/notes/${cast.foreign.owner.id}`, { note });
    await sockets[name].event('USER_NOTE_UPDATE', (d) => d.note === note, { from });
    return sockets[name].frames.length;
}
const settleAll = async (list) => Object.fromEntries(await Promise.all(list.map(async (name) => [name, await settle(name)])));
// What came since: presences and one's own notes are nobody's doing.
const since = (name, from) => sockets[name].frames.slice(from).filter((f) => f.op === 0 && !['PRESENCE_UPDATE', 'USER_NOTE_UPDATE', 'USER_UPDATE', 'SESSIONS_REPLACE'].includes(f.t));
const shown = (frames) => frames.map((f) => `${f.t} ${JSON.stringify(f.d).slice(0, 160)}`).join('\n');

function malformedTokens() {
    return ['x', 'Bot', 'Bot ', 'Bearer x', 'MQ.x.y', '..', 'Bot ' + 'x'.repeat(300), cast.owner.token.slice(0, -1), `${cast.owner.token}A`, `${cast.owner.token} x`];
}

// Everybody who is refused by the row: [who, token, answer].
function refused(route) {
    const out = [];
    const add = (who, token) => {
        const want = expected(route, who);
        if (want && want !== OK && want !== ANY) out.push([who, token, want]);
    };
    add('none', undefined);
    if (route.auth !== 'PUBLIC') {
        for (const token of malformedTokens()) out.push([`the token ${JSON.stringify(token.slice(0, 20))}`, token, expected(route, 'none')]);
        out.push(['a revoked token', cast.revoked, expected(route, 'none')], ['another instance\'s token', cast.unissued, expected(route, 'none')]);
    }
    if (route.auth === 'BOT') return [...out, ['a person', cast.owner.token, ONLY_BOTS]];
    if (route.auth === 'PERSON') out.push(['a bot', cast.bot.token, BOTS_FORBIDDEN]);
    else if (route.auth !== 'PUBLIC' && expected(route, 'stranger') !== OK) out.push(['a bot of no common guild', cast.bot.token, expected(route, 'stranger')]);
    for (const who of [...OUTSIDERS, 'lowest']) add(who, cast[who].token);
    if (names(route).includes('channel_id')) add('blind', cast.blind.token);
    return out;
}

for (const route of all.filter((r) => table[key(r)])) {
    test(key(route), { timeout: 60_000 }, async () => {
        const s = await newScene();
        await table[key(route)].ready?.(s);
        const faults = new Faults();
        // Refused: nothing changes, the owner hears nothing.
        const quiet = await settle('owner');
        const was = await stateOf(s);
        for (const [who, token, want] of refused(route)) faults.check(who, route, await ask(route, s, { token }), want);
        const is = await stateOf(s);
        faults.none();
        assert.deepEqual(is, was, 'a refused request changed something');
        await settle('owner');
        assert.equal(shown(since('owner', quiet)), '', 'a refused request was told to the owner');

        // Ids that are none, of another guild, of another kind. What still passes (another's user, a public invite) is a read.
        for (const name of names(route)) await wrongIds(route, s, name, faults);
        faults.none();

        // The owner does it: those outside hear nothing of the guild, the blind member nothing of the channel.
        const marks = await settleAll([...OUTSIDERS, 'blind']);
        faults.check('owner', route, await ask(route, s, { token: await tokenFor(route, ownerOf(route)) }), expected(route, 'owner'));
        faults.none();
        await settleAll([...OUTSIDERS, 'blind']);
        for (const name of OUTSIDERS) assert.equal(shown(since(name, marks[name])), '', `${name} heard of it`);
        const blind = since('blind', marks.blind).filter((f) => JSON.stringify(f.d).includes(`"${s.channel}"`) && !allowedToTheBlind(f));
        assert.equal(shown(blind), '', 'a member who may not view the channel heard of it');

        // Those who may.
        for (const who of ['none', ...OUTSIDERS, 'lowest'])
            if (route.auth !== 'BOT' && expected(route, who) === OK)
                faults.check(who, route, await ask(route, s, { token: who === 'none' ? undefined : await tokenFor(route, cast[who]) }), OK);
        faults.none();
        await s.end();
    });
}

// The guild itself names its system channel, whoever may view that.
const allowedToTheBlind = (f) => ['GUILD_UPDATE', 'GUILD_CREATE'].includes(f.t);

async function wrongIds(route, s, name, faults) {
    const row = table[key(route)], line = parameters[name];
    if (row.spends) return;
    const { token } = ownerOf(route);
    const trials = [
        ['0', row.zero?.[name] ?? line.unknown],
        ...['-1', '18446744073709551616', '1e3', '..%2F', '0x1', '+1', '%201', '1'.repeat(100)].map((id) => [id, line.text ? null : FORM]),
        ['%00', [[404, 0]]],
        ['18446744073709551615', line.text ? null : [FORM, row.other?.[name] ?? line.unknown]],
        ['9223372036854775807', row.other?.[name] ?? line.unknown],
        [s.otherIds[name], row.other?.[name] ?? line.unknown],
        [s.foreignIds[name], row.foreign?.[name] ?? line.foreign],
    ];
    for (const [id, want] of trials.filter(([, w]) => w !== ANY)) {
        const answer = await ask(route, s, { token, replaced: { [name]: id } });
        const who = `${name} = ${id.slice(0, 24)}`;
        // Of a text any wrong form is an unknown one, or refused for its length or characters.
        const either = want === null ? [line.unknown, FORM, [404, 0]] : Array.isArray(want?.[0]) ? want : [want];
        const fits = either.find((w) => w !== OK && answer.status === w[0] && answer.body?.code === w[1]);
        if (!fits) faults.check(who, route, answer, either[0]);
    }
}

// fetch() takes dots out of a path before it sends it; a client that does not must fare no better.
test('dots in a path lead nowhere', async () => {
    const s = await newScene();
    const raw = (path) => new Promise((done, failed) => {
        const options = { host: '127.0.0.1', port: up.hub.port, path, headers: { authorization: cast.stranger.token } };
        http.get(options, (r) => {
            r.resume();
            r.on('end', () => done(r.statusCode));
        }).on('error', failed);
    });
    for (const path of [`/api/v10/guilds/../guilds/${s.guild}`, `/api/v10/channels/../guilds/${s.guild}/channels`, `/api/v10/guilds/./${s.guild}`, `/api/v10/guilds/${s.guild}/..`,
        `/api/v10/invites/${s.code}/../../guilds/${s.guild}`, `/api/v10//guilds//${s.guild}`, `/attachments/${s.channel}/../../etc/passwd`])
        assert.ok([400, 403, 404].includes(await raw(path)), path);
    await s.end();
});

test('who is not in the guild gets none of its members over the socket', async () => {
    const s = await newScene();
    const heard = sockets.owner.event('GUILD_MEMBERS_CHUNK', (d) => d.guild_id === s.guild && d.members.length > 1);
    sockets.owner.send({ op: Op.REQUEST_MEMBERS, d: { guild_id: s.guild, query: '', limit: 0 } });
    await heard; // so the question is one that is answered
    for (const name of OUTSIDERS) {
        const from = await settle(name);
        for (const d of [{ query: '', limit: 0 }, { query: '', limit: 100, presences: true }, { user_ids: [cast.owner.id, cast.lowest.id] }])
            sockets[name].send({ op: Op.REQUEST_MEMBERS, d: { guild_id: s.guild, nonce: 'sweep', ...d } });
        sockets[name].send({ op: 14, d: { guild_id: s.guild, typing: true, activities: true, threads: true, channels: { [s.channel]: [[0, 99]] }, members: [cast.owner.id] } });
        await settle(name);
        const told = sockets[name].frames.slice(from).filter((f) => [cast.lowest.id, s.role, s.channel].some((id) => JSON.stringify(f.d ?? null).includes(id)));
        assert.equal(shown(told), '', name);
    }
    await s.end();
});

test('a banned bot is not brought back', async () => {
    const s = await newScene();
    await cast.owner.put(`/guilds/${s.guild}/bans/${s.application}`, {});
    const body = { guild_id: s.guild, permissions: '8', authorize: true };
    const answer = await cast.owner.request('POST', `/oauth2/authorize?client_id=${s.application}&scope=bot`, { body });
    assert.deepEqual([answer.status, answer.body.code], BANNED);
    await s.end();
});

// The guild's roles do not tell who sees a channel: a manager who may not view one may not move it to where they may.
test('a channel that a manager may not view stays out of their reach through its guild', async () => {
    const s = await newScene();
    const open = (await cast.owner.post(`/guilds/${s.guild}/channels`, { name: 'open', type: 4 })).id;
    const before = await cast.owner.get(`/channels/${s.channel}`);
    for (const body of [[{ id: s.channel, position: 9 }], [{ id: s.channel, parent_id: open }], [{ id: s.channel, parent_id: open, lock_permissions: true }]]) {
        const answer = await cast.blind.request('PATCH', `/guilds/${s.guild}/channels`, { body });
        assert.deepEqual([answer.status, answer.body.code], [403, 50001], JSON.stringify(answer.body));
    }
    assert.deepEqual(await cast.owner.get(`/channels/${s.channel}`), before);
    const listed = (await cast.blind.get(`/guilds/${s.guild}/channels`)).map((c) => c.id);
    assert.ok(!listed.includes(s.channel) && listed.includes(open));
    await s.end();
});

test('a hidden category takes no channel of somebody who may not view it', async () => {
    const s = await newScene();
    const hidden = (await cast.owner.post(`/guilds/${s.guild}/channels`, { name: 'hidden', type: 4, permission_overwrites: [{ id: cast.blind.id, type: 1, deny: '1024' }] })).id;
    const mine = (await cast.blind.post(`/guilds/${s.guild}/channels`, { name: 'mine' })).id;
    for (const [verb, path, body] of [['POST', `/guilds/${s.guild}/channels`, { name: 'x', parent_id: hidden }], ['PATCH', `/channels/${mine}`, { parent_id: hidden }],
        ['PATCH', `/guilds/${s.guild}/channels`, [{ id: mine, parent_id: hidden, lock_permissions: true }]]]) {
        const answer = await cast.blind.request(verb, path, { body });
        assert.deepEqual([answer.status, answer.body.code], [403, 50001], `${verb} ${path}: ${JSON.stringify(answer.body)}`);
    }
    await s.end();
});

test('a manager acts only below their own highest role', async () => {
    const s = await newScene();
    const { owner, stranger } = cast;
    const make = async (name, position) => {
        const { id } = await owner.post(`/guilds/${s.guild}/roles`, { name, permissions: name === 'low' ? '0' : String((1n << 28n) | (1n << 1n) | (1n << 27n) | (1n << 40n) | (1n << 10n)) });
        await owner.patch(`/guilds/${s.guild}/roles`, [{ id, position }]);
        return id;
    };
    const low = await make('low', 1), mine = await make('mine', 2), high = await make('high', 3);
    const [me, above, below] = await up.hub.people(3);
    for (const p of [me, above, below]) await p.post(`/invites/${s.code}`);
    for (const [p, role] of [[me, mine], [above, high], [below, low]]) await owner.put(`/guilds/${s.guild}/members/${p.id}/roles/${role}`);
    const g = `/guilds/${s.guild}`;
    for (const [verb, path, body] of [
        ['PATCH', `${g}/roles/${high}`, { name: 'x' }], ['PATCH', `${g}/roles/${mine}`, { name: 'x' }], ['DELETE', `${g}/roles/${high}`], ['DELETE', `${g}/roles/${mine}`],
        ['PATCH', `${g}/roles/${low}`, { permissions: '8' }], ['POST', `${g}/roles`, { permissions: '8' }], ['PATCH', `${g}/roles`, [{ id: low, position: 3 }]],
        ['PATCH', `${g}/roles`, [{ id: high, position: 1 }]], ['PUT', `${g}/members/${me.id}/roles/${high}`], ['PUT', `${g}/members/${below.id}/roles/${mine}`],
        ['DELETE', `${g}/members/${above.id}/roles/${high}`], ['DELETE', `${g}/members/${above.id}`], ['DELETE', `${g}/members/${owner.id}`], ['DELETE', `${g}/members/${me.id}`],
        ['PATCH', `${g}/members/${above.id}`, { nick: 'x' }], ['PATCH', `${g}/members/${owner.id}`, { nick: 'x' }], ['PATCH', `${g}/members/${me.id}`, { roles: [mine, high] }],
        ['PATCH', `${g}/members/${above.id}`, { communication_disabled_until: new Date(Date.now() + 60_000).toISOString() }],
        ['PATCH', `${g}/roles/${s.guild}`, { permissions: '8' }], ['PUT', `/channels/${s.channel}/permissions/${low}`, { type: 0, allow: '8192' }],
    ]) {
        const answer = await me.request(verb, path, { body });
        assert.deepEqual([answer.status, answer.body.code], [403, 50013], `${verb} ${path} ${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`);
    }
    await me.put(`${g}/members/${stranger.id}/roles/${low}`).then(() => assert.fail(), (e) => assert.equal(e.body.code, 10007));
    await me.put(`${g}/members/${me.id}/roles/${low}`);
    await me.patch(`${g}/members/${below.id}`, { nick: 'below' });
    await me.delete(`${g}/members/${below.id}`);
    await s.end();
});

