// Goal: nothing escapes the rules. Several people act at random in a guild, through two gateways and two chats; a small model (rules.js) says of
// each act whether it is allowed, of each read what it shows, and of each event who hears it. Every answer, every read and
// every event of every socket is as the model says: nothing more, nothing less, in order.
//   HUBBUB_ACTS=50000 HUBBUB_SEED=7 node --test tests/model/model.test.js      a long run; how to repeat one
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { randomOf, until, withHubbub } from '../e2e/harness.js';
import { ACTS, READS } from './acts.js';
import { Bit, Guild } from './rules.js';

const PEOPLE = 5, GUILDS = 4, CHECK_EVERY = 40;
const acts = Number(process.env.HUBBUB_ACTS ?? 3000);
const seed = Number(process.env.HUBBUB_SEED ?? Math.floor(Math.random() * 2 ** 31));
const up = withHubbub({ before, after }, { gateways: 2, chats: 2 });
const FOLLOWED = new Set(['MESSAGE_CREATE', 'MESSAGE_UPDATE', 'MESSAGE_DELETE', 'MESSAGE_REACTION_ADD', 'MESSAGE_REACTION_REMOVE']);
const EVERYONE_AT_FIRST = Bit.VIEW | Bit.SEND | Bit.HISTORY | Bit.ADD_REACTIONS;

function random(start) {
    let serial = 0;
    const next = randomOf(start);
    const below = (n) => Math.floor(next() * n);
    return { below, chance: (p) => next() < p, pick: (list) => list[below(list.length)], name: () => `word ${start} ${serial++}` };
}

// What one person's socket was told of the guild, beside what it should have been told.
class Watcher {
    constructor(guildId, socket) { Object.assign(this, { guildId, socket, at: 0, heard: [], expected: [], channels: new Set() }); }
    fold() {
        for (; this.at < this.socket.frames.length; this.at++) {
            const { t, d } = this.socket.frames[this.at];
            if (FOLLOWED.has(t) && d.guild_id === this.guildId) this.heard.push({ name: t, id: d.message_id ?? d.id, d });
            if (t === 'GUILD_CREATE' && d.id === this.guildId) this.channels = new Set(d.channels.map((c) => c.id));
            if (t === 'GUILD_DELETE' && d.id === this.guildId) this.channels.clear();
            if (t === 'CHANNEL_CREATE' && d.guild_id === this.guildId) this.channels.add(d.id);
            if (t === 'CHANNEL_DELETE' && d.guild_id === this.guildId) this.channels.delete(d.id);
            if (t === 'CHANNEL_UPDATE' && d.guild_id === this.guildId) assert.ok(this.channels.has(d.id), `an update of channel ${d.id}, which is not shown`);
        }
        this.socket.frames.length = this.at = 0;
    }
    compare(who) {
        const line = (e) => `${e.name} ${e.id}`;
        assert.deepEqual(this.heard.map(line), this.expected.map(line), `what ${who} was told of`);
        this.heard.forEach((h, i) => assert.ok(this.expected[i].check?.(h.d) ?? true, `${line(h)} as told to ${who}: ${JSON.stringify(h.d)}`));
        this.heard = [];
        this.expected = [];
    }
}

class World {
    constructor(hub, number) { Object.assign(this, { hub, random: random(seed + number * 7919), done: 0, allowed: 0, counts: {} }); }
    async start() {
        this.people = new Map((await this.hub.people(PEOPLE)).map((p) => [p.id, p]));
        this.ids = [...this.people.keys()];
        const owner = this.people.get(this.ids[0]);
        const made = await owner.post('/guilds', { name: 'model' });
        for (const c of await owner.get(`/guilds/${made.id}/channels`)) await owner.delete(`/channels/${c.id}`);
        await owner.patch(`/guilds/${made.id}`, { system_channel_id: null });
        await owner.patch(`/guilds/${made.id}/roles/${made.id}`, { permissions: String(EVERYONE_AT_FIRST) });
        const g = this.guild = new Guild(made.id, owner.id, EVERYONE_AT_FIRST);
        g.join(owner.id);
        await this.addFixed(owner);
        g.invite = (await owner.post(`/channels/${this.fixed.id}/invites`, { max_age: 0 })).code;
        this.watchers = new Map();
        for (const [id, person] of this.people) {
            const socket = await person.connect({ gateway: this.random.below(2) });
            this.watchers.set(id, new Watcher(g.id, socket));
        }
        await this.watchers.get(owner.id).socket.event('GUILD_CREATE');
    }
    // A channel that all members see whatever happens: what is said there closes each stretch of acts.
    async addFixed(owner) {
        const { id } = await owner.post(`/guilds/${this.guild.id}/channels`, { name: 'fixed', type: 0 });
        await owner.put(`/channels/${id}/permissions/${this.guild.id}`, { type: 0, allow: String(Bit.VIEW), deny: '0' });
        this.guild.addChannel(id, { fixed: true });
        this.fixed = this.guild.channels.get(id);
        this.fixed.overwrites.set(this.guild.id, { allow: Bit.VIEW, deny: 0n });
    }
    // One act or read, by somebody, through one of the gateways.
    async step(make) {
        const someone = this.random.pick(this.ids);
        const act = make(this.guild, this.random, someone, this.ids);
        if (!act) return;
        const who = act.who ?? someone, [verb, path, body] = act.ask;
        const breaches = act.rules.filter(([broken]) => broken).map(([, code]) => code);
        const answer = await this.people.get(who).request(verb, path, { body, base: `http://${this.random.pick(this.hub.gateways)}/api/v10` });
        const told = `${make.name} of ${who}: ${verb} ${path} ${JSON.stringify(body)} answered ${answer.status} ${JSON.stringify(answer.body).slice(0, 300)}`;
        this.done++;
        this.counts[make.name] ??= [0, 0];
        if (breaches.length) {
            this.counts[make.name][1]++;
            assert.ok(answer.status >= 400 && answer.status < 500 && breaches.includes(answer.body.code), `the rules say ${breaches}; ${told}`);
        } else {
            this.counts[make.name][0]++;
            assert.ok(answer.status >= 200 && answer.status < 300, `the rules allow it; ${told}`);
            if (act.same) assert.deepEqual(...act.same(answer.body), told);
            else await this.expect(who, act.done(answer.body) ?? []);
        }
    }
    // Who joins hears what comes after its GUILD_CREATE; what was said before that, the channels' last_message_id tells.
    async expect(who, events) {
        for (const e of events) for (const to of e.to) this.watchers.get(to).expected.push(e);
        const w = this.watchers.get(who);
        if (this.guild.isMember(who)) await until(`${who} is shown the guild`, () => (w.fold(), w.channels.size), 10_000, 1);
    }
    // Everybody who is there has heard what was said up to now, and nothing else.
    async check() {
        const g = this.guild, mark = this.random.name();
        const { id } = await this.people.get(g.owner).say(this.fixed.id, mark);
        this.fixed.messages.set(id, { id, author: g.owner, content: mark, reactions: new Set(), tells: false });
        for (const who of g.members.keys()) this.watchers.get(who).expected.push({ name: 'MESSAGE_CREATE', id });
        for (const who of g.members.keys()) {
            const w = this.watchers.get(who);
            await until(`${who} hears the mark`, () => (w.fold(), w.heard.at(-1)?.id === id), 10_000, 2);
            w.compare(who);
            assert.deepEqual([...w.channels].sort(), g.visible(who), `the channels that ${who} was shown`);
        }
    }
    // Whoever is not there could have heard too much: all come back, and what they heard is compared too.
    async end() {
        const g = this.guild, owner = this.people.get(g.owner);
        for (const id of g.bans) await owner.delete(`/guilds/${g.id}/bans/${id}`);
        for (const id of this.ids.filter((x) => !g.isMember(x))) {
            await this.people.get(id).post(`/invites/${g.invite}`);
            g.join(id);
        }
        await this.check();
    }
    async run(n) {
        await this.start();
        while (this.done < n) {
            await this.step(this.random.pick(this.random.chance(0.7) ? ACTS : READS));
            if (this.done % CHECK_EVERY === 0) await this.check();
        }
        await this.end();
    }
}

test(`random acts do as the rules say`, { timeout: 60_000 + acts * 40 }, async () => {
    console.log(`seed ${seed} (HUBBUB_SEED repeats it), ${acts} acts in ${GUILDS} guilds`);
    const worlds = Array.from({ length: GUILDS }, (_, i) => new World(up.hub, i));
    await Promise.all(worlds.map((w) => w.run(acts / GUILDS)));
    const sums = {};
    for (const w of worlds) for (const [k, [yes, no]] of Object.entries(w.counts)) sums[k] = [(sums[k]?.[0] ?? 0) + yes, (sums[k]?.[1] ?? 0) + no];
    for (const [name, [yes, no]] of Object.entries(sums)) console.log(`${name.padEnd(16)} ${String(yes).padStart(6)} allowed ${String(no).padStart(6)} refused`);
    // A run in which most is refused, or nothing is, shows little.
    const [yes, no] = Object.values(sums).reduce(([a, b], [y, n]) => [a + y, b + n], [0, 0]);
    assert.ok(yes > acts * 0.2 && no > acts * 0.1, `${yes} allowed, ${no} refused`);
});
