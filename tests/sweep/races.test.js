// Goal: a right that was taken away is gone when the answer says so: what is sent after a kick, a role's removal or a denied
// overwrite is refused and never stored, whatever was under way at that moment; nor is anything read or heard by then.
// Two gateways and two chat instances, so that no cache of one process can hide it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Op, PASSWORD, unique, withHubbub } from '../e2e/harness.js';

const ROUNDS = 6;
const AFTER = 20; // requests after the answer, of each of the senders
const up = withHubbub({ before, after }, { gateways: 2, chats: 2 });
const base = (n) => `http://${up.hub.gateways[n % 2]}/api/v10`;

// Sends from both gateways without a pause; `stop()` resolves once AFTER more were sent by each. Each request is
// {content, begun, status, code, id}.
function stream(who, request) {
    const done = [];
    let left = Infinity;
    const one = async (n) => {
        for (; left > 0; left -= 0.5) {
            const content = unique('m'), begun = performance.now();
            const answer = await request(who, content, base(n));
            done.push({ content, begun, status: answer.status, code: answer.body?.code, id: answer.body?.id, body: answer.body });
        }
    };
    const senders = [one(0), one(1)];
    return { done, async stop() { left = AFTER; await Promise.all(senders); return done; } };
}
const post = (channel) => (who, content, at) => who.request('POST', `/channels/${channel}/messages`, { body: { content }, base: at });

// Only what began before the answer may be stored; what was acknowledged is; what was refused is not.
async function judge(owner, channel, sent, answered, code) {
    const late = sent.filter((m) => m.begun > answered);
    assert.ok(late.length >= AFTER, `only ${late.length} requests after the answer`);
    for (const m of late) assert.deepEqual([m.status, m.code], [403, code]);
    const stored = new Set((await owner.history(channel)).map((m) => m.content));
    for (const m of sent) assert.equal(stored.has(m.content), m.status === 200, `${m.content}: ${m.status}`);
}

async function setUp() {
    const w = await up.hub.guild(1);
    w.member = w.members[0];
    return w;
}
const warm = (s) => new Promise((done) => {
    const look = () => (s.done.filter((m) => m.status === 200).length >= 5 ? done() : setTimeout(look, 2));
    look();
});

describe('what is sent after a right was taken away', () => {
    test('kick against send', { timeout: 120_000 }, async () => {
        const { owner, guild, channel, invite, member } = await setUp();
        for (let round = 0; round < ROUNDS; round++) {
            const s = stream(member, post(channel));
            await warm(s);
            await owner.delete(`/guilds/${guild}/members/${member.id}`, { base: base(round) });
            const answered = performance.now();
            await judge(owner, channel, await s.stop(), answered, 50001);
            await member.post(`/invites/${invite}`);
        }
    });
    test('ban against send, and against coming back', { timeout: 120_000 }, async () => {
        const { owner, guild, channel, invite, member } = await setUp();
        for (let round = 0; round < 3; round++) {
            const s = stream(member, post(channel));
            await warm(s);
            await owner.put(`/guilds/${guild}/bans/${member.id}`, {}, { base: base(round) });
            const answered = performance.now();
            await judge(owner, channel, await s.stop(), answered, 50001);
            await owner.delete(`/guilds/${guild}/bans/${member.id}`);
            // Joining while the ban is written: refused, or a member for a moment; a member by the end in no case.
            const joins = stream(member, (who, _, at) => who.request('POST', `/invites/${invite}`, { base: at }));
            await warm(joins);
            await owner.put(`/guilds/${guild}/bans/${member.id}`, {}, { base: base(round + 1) });
            const banned = performance.now();
            for (const j of (await joins.stop()).filter((m) => m.begun > banned)) assert.deepEqual([j.status, j.code], [403, 40007]);
            assert.ok(!(await owner.get(`/guilds/${guild}/members?limit=100`)).some((m) => m.user.id === member.id));
            await owner.delete(`/guilds/${guild}/bans/${member.id}`);
            await member.post(`/invites/${invite}`);
        }
    });
    test('a role\'s removal, edit and deletion against send', { timeout: 120_000 }, async () => {
        const { owner, guild, channel, member } = await setUp();
        await owner.put(`/channels/${channel}/permissions/${guild}`, { type: 0, allow: '0', deny: '2048' });
        const role = async () => (await owner.post(`/guilds/${guild}/roles`, { name: 'may send', permissions: '0' })).id;
        const end = [
            (id, options) => owner.delete(`/guilds/${guild}/members/${member.id}/roles/${id}`, options),
            (id, options) => owner.patch(`/guilds/${guild}/members/${member.id}`, { roles: [] }, options),
            (id, options) => owner.delete(`/guilds/${guild}/roles/${id}`, options),
            (id, options) => owner.delete(`/channels/${channel}/permissions/${id}`, options),
        ];
        for (let round = 0; round < ROUNDS; round++) {
            const id = await role();
            await owner.put(`/channels/${channel}/permissions/${id}`, { type: 0, allow: '2048', deny: '0' });
            await owner.put(`/guilds/${guild}/members/${member.id}/roles/${id}`);
            const s = stream(member, post(channel));
            await warm(s);
            await end[round % end.length](id, { base: base(round) });
            const answered = performance.now();
            await judge(owner, channel, await s.stop(), answered, 50013);
        }
    });
    test('a timeout and a channel\'s deletion against send', { timeout: 120_000 }, async () => {
        const { owner, guild, channel, member } = await setUp();
        const timeout = (ms) => owner.patch(`/guilds/${guild}/members/${member.id}`, { communication_disabled_until: ms && new Date(Date.now() + ms).toISOString() });
        for (let round = 0; round < 2; round++) {
            const s = stream(member, post(channel));
            await warm(s);
            await timeout(60_000);
            const answered = performance.now();
            await judge(owner, channel, await s.stop(), answered, 50013);
            await timeout(null);
        }
        const s = stream(member, post(channel));
        await warm(s);
        await owner.delete(`/channels/${channel}`);
        const answered = performance.now();
        for (const m of (await s.stop()).filter((r) => r.begun > answered)) assert.deepEqual([m.status, m.code], [404, 10003]);
    });
});

test('a denied overwrite against reading and hearing', { timeout: 120_000 }, async () => {
    const { owner, channel, member } = await setUp();
    const sockets = [await member.connect({ gateway: 0 }), await member.connect({ gateway: 1 })];
    const get = (who, content, at) => who.request('GET', `/channels/${channel}/messages?limit=20`, { base: at });
    for (let round = 0; round < ROUNDS; round++) {
        const s = stream(member, get);
        await warm(s);
        await owner.put(`/channels/${channel}/permissions/${member.id}`, { type: 1, allow: '0', deny: '1024' }, { base: base(round) });
        const answered = performance.now();
        const secret = unique('secret ');
        const { id } = await owner.post(`/channels/${channel}/messages`, { content: secret }, { base: base(round + 1) });
        await owner.patch(`/channels/${channel}/messages/${id}`, { content: `${secret} still` });
        const reads = await s.stop();
        for (const r of reads.filter((x) => x.begun > answered)) assert.deepEqual([r.status, r.code], [403, 50001]);
        for (const r of reads) assert.ok(!JSON.stringify(r.body).includes(secret), 'the page of a read that was refused by then holds a later message');
        const one = await member.request('GET', `/channels/${channel}/messages/${id}`);
        assert.deepEqual([one.status, one.body.code], [403, 50001]);
        await owner.delete(`/channels/${channel}/messages/${id}`);
        await owner.delete(`/channels/${channel}/permissions/${member.id}`, { base: base(round + 1) });
        const open = unique('open ');
        await owner.say(channel, open);
        for (const socket of sockets) await socket.message(open);
        for (const socket of sockets) assert.ok(!JSON.stringify(socket.frames).includes(secret), 'a socket heard what it may not');
    }
});

// ---- Tokens
const login = async (who) => (await up.hub.request('POST', '/auth/login', { body: { login: who.username, password: PASSWORD } })).body.token;
const as = (who, token) => Object.assign(Object.create(Object.getPrototypeOf(who)), who, { token });
// Each ends the tokens of `who` that are not the first: by the session's list, by the password, by logging out.
const ways = {
    async 'a session that is ended from another'(who, own, at) {
        const hash = (await own.connect()).ready.auth_session_id_hash;
        const { user_sessions } = await who.get('/auth/sessions');
        assert.ok(user_sessions.some((s) => s.id_hash === hash), 'READY names the session as the list does');
        await who.post('/auth/sessions/logout', { session_id_hashes: [hash] }, { base: at });
    },
    async 'a password that is changed'(who, own, at) {
        who.token = (await who.patch('/users/@me', { password: PASSWORD, new_password: PASSWORD }, { base: at })).token;
    },
    async 'logging out'(who, own, at) { await own.post('/auth/logout', {}, { base: at }); },
};

// Two sockets on each gateway; requests without a pause at both, whose identity caches are warm with it.
async function endsEverywhere(way, n) {
    const { channel, member } = await setUp();
    const own = as(member, await login(member));
    const sockets = [];
    for (const gateway of [0, 1, 0, 1]) sockets.push(await own.connect({ gateway }));
    const s = stream(own, post(channel));
    await warm(s);
    await ways[way](member, own, base(n));
    const answered = performance.now();
    const sent = await s.stop();
    const late = sent.filter((m) => m.begun > answered);
    assert.ok(late.length >= AFTER, `only ${late.length} requests after the answer`);
    for (const m of late) assert.equal(m.status, 401, `${m.begun - answered} ms after the answer`);
    for (const socket of sockets) assert.equal(await socket.closeCodeWithin(5000), 4004);
    const stored = new Set((await member.history(channel)).map((m) => m.content));
    for (const m of sent) assert.equal(stored.has(m.content), m.status === 200, `${m.content}: ${m.status}`);
}

describe('a token that ended is nobody\'s at both gateways, and its sockets are closed', () => {
    Object.keys(ways).forEach((way, n) => test(way, { timeout: 60_000 }, () => endsEverywhere(way, n)));
    test('and so while Redis does not answer', { timeout: 120_000 }, async () => {
        up.hub.signal('redis-1', 'SIGSTOP');
        try {
            for (const [n, way] of Object.keys(ways).entries()) await endsEverywhere(way, n);
        } finally {
            up.hub.signal('redis-1', 'SIGCONT');
        }
    });
});

test('a session that is resumed while its token ends is closed, or not there any more', { timeout: 120_000 }, async () => {
    const { member } = await setUp();
    const ends = {};
    for (let round = 0; round < 10; round++) {
        const own = as(member, await login(member));
        const socket = await own.connect({ gateway: round % 2 });
        socket.destroy();
        await socket.closed;
        const again = up.hub.socket({ gateway: round >> 1 & 1 }); // the same gateway and the other one
        await again.op(Op.HELLO);
        const over = own.post('/auth/logout', {}, { base: base(round >> 1) });
        again.resume(own.token, socket.ready.session_id, socket.seq);
        await over;
        // Whatever it was told at first: nothing of it stays open, and it cannot come back.
        const told = await Promise.race([again.closed, again.op(Op.INVALID_SESSION).catch(() => again.closed)]);
        if (told.op === Op.INVALID_SESSION) again.identify(own.token);
        assert.equal(await again.closeCodeWithin(5000), 4004);
        ends[told.op === Op.INVALID_SESSION ? 'op 9' : again.dispatched('RESUMED').length ? 'resumed, then 4004' : '4004'] = true;
    }
    console.log(`ends seen: ${Object.keys(ends)}`);
});

test('the last use of an invite is had by one', { timeout: 60_000 }, async () => {
    const { owner, guild, channel } = await setUp();
    const people = await up.hub.people(6);
    for (let round = 0; round < 4; round++) {
        const { code } = await owner.post(`/channels/${channel}/invites`, { max_uses: 1, unique: true });
        const answers = await Promise.all(people.map((p, n) => p.request('POST', `/invites/${code}`, { base: base(n) })));
        const joined = people.filter((_, n) => answers[n].status === 200);
        assert.equal(joined.length, 1, JSON.stringify(answers.map((a) => [a.status, a.body.code])));
        for (const a of answers.filter((x) => x.status !== 200)) assert.deepEqual([a.status, a.body.code], [404, 10006]);
        await owner.delete(`/guilds/${guild}/members/${joined[0].id}`);
    }
});

test('two who kick each other: the higher one stays', { timeout: 60_000 }, async () => {
    const { owner, guild, invite } = await setUp();
    const manager = (await owner.post(`/guilds/${guild}/roles`, { name: 'kicks', permissions: '2' })).id;
    const higher = (await owner.post(`/guilds/${guild}/roles`, { name: 'above', permissions: '2' })).id;
    await owner.patch(`/guilds/${guild}/roles`, [{ id: manager, position: 1 }, { id: higher, position: 2 }]);
    const [a, b] = await up.hub.people(2);
    for (let round = 0; round < 4; round++) {
        for (const p of [a, b]) await p.post(`/invites/${invite}`);
        await owner.put(`/guilds/${guild}/members/${a.id}/roles/${higher}`);
        await owner.put(`/guilds/${guild}/members/${b.id}/roles/${manager}`);
        const [kick, refused] = await Promise.all([a.request('DELETE', `/guilds/${guild}/members/${b.id}`, { base: base(0) }), b.request('DELETE', `/guilds/${guild}/members/${a.id}`, { base: base(1) })]);
        assert.equal(kick.status, 204);
        assert.equal(refused.status, 403);
    }
});

// However it ends: one owner, who is there.
async function oneOwner(guild, ...all) {
    const reader = (await Promise.all(all.map(async (p) => [p, (await p.request('GET', `/guilds/${guild}`)).status]))).find(([, status]) => status === 200)[0];
    const { owner_id } = await reader.get(`/guilds/${guild}`);
    assert.ok((await reader.get(`/guilds/${guild}/members?limit=100`)).some((m) => m.user.id === owner_id), 'the owner is a member');
    return owner_id;
}

test('the last ownership: given to two at once, one has it', { timeout: 60_000 }, async () => {
    const [first, a, b] = await up.hub.people(3);
    for (let round = 0; round < 6; round++) {
        const guild = (await first.post('/guilds', { name: 'owned' })).id;
        const channel = (await first.get(`/guilds/${guild}/channels`)).find((c) => c.type === 0).id;
        const { code } = await first.post(`/channels/${channel}/invites`, {});
        for (const p of [a, b]) await p.post(`/invites/${code}`);
        const give = (to, n) => first.request('PATCH', `/guilds/${guild}`, { body: { owner_id: to.id }, base: base(n) });
        const answers = await Promise.all([give(a, 0), give(b, 1)]);
        assert.deepEqual(answers.map((x) => x.status).sort(), [200, 403]);
        assert.equal(await oneOwner(guild, first, a, b), answers[0].status === 200 ? a.id : b.id);
    }
});

test('the last ownership: given to one who leaves, it stays or they do', { timeout: 60_000 }, async () => {
    const [first, heir] = await up.hub.people(2);
    for (let round = 0; round < 8; round++) {
        const guild = (await first.post('/guilds', { name: 'owned' })).id;
        const channel = (await first.get(`/guilds/${guild}/channels`)).find((c) => c.type === 0).id;
        await heir.post(`/invites/${(await first.post(`/channels/${channel}/invites`, {})).code}`);
        const [given, left] = await Promise.all([first.request('PATCH', `/guilds/${guild}`, { body: { owner_id: heir.id }, base: base(round) }),
            heir.request('DELETE', `/users/@me/guilds/${guild}`, { base: base(round + 1) })]);
        const outcome = [given.status, given.body.code, left.status, left.body?.code];
        assert.ok([[200, undefined, 400, 50055], [404, 10007, 204, undefined]].some((legal) => legal.every((x, i) => x === outcome[i])), String(outcome));
        assert.equal(await oneOwner(guild, first, heir), given.status === 200 ? heir.id : first.id);
    }
});

test('a role that is deleted while it is given is nobody\'s', { timeout: 60_000 }, async () => {
    const { owner, guild, member } = await setUp();
    for (let round = 0; round < 12; round++) {
        const { id } = await owner.post(`/guilds/${guild}/roles`, { name: 'short-lived' });
        const give = round % 2
            ? owner.request('PUT', `/guilds/${guild}/members/${member.id}/roles/${id}`, { base: base(0) })
            : owner.request('PATCH', `/guilds/${guild}/members/${member.id}`, { body: { roles: [id] }, base: base(0) });
        const [given, deleted] = await Promise.all([give, owner.request('DELETE', `/guilds/${guild}/roles/${id}`, { base: base(1) })]);
        assert.equal(deleted.status, 204);
        assert.ok([200, 204].includes(given.status) || given.body.code === 10011, `${given.status} ${given.body?.code}`);
        assert.deepEqual((await owner.get(`/guilds/${guild}/members/${member.id}`)).roles, []);
    }
});
