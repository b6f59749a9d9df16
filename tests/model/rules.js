// A small model of one guild: who is in it, who may do what (PROTOCOL section 14, written anew from the rules and not from lib/permission),
// and what was said. Everything is held by the ids that the server gave.
const bit = (n) => 1n << BigInt(n);
export const Bit = {
    KICK: bit(1), BAN: bit(2), ADMINISTRATOR: bit(3), MANAGE_CHANNELS: bit(4), MANAGE_GUILD: bit(5), ADD_REACTIONS: bit(6), AUDIT: bit(7), VIEW: bit(10), SEND: bit(11),
    MANAGE_MESSAGES: bit(13), HISTORY: bit(16), MENTION_EVERYONE: bit(17), CHANGE_NICK: bit(26), MANAGE_NICKS: bit(27), MANAGE_ROLES: bit(28), MODERATE: bit(40),
};
export const EVERYTHING = (1n << 53n) - 1n & ~bit(47);
const WHILE_TIMED_OUT = Bit.VIEW | Bit.HISTORY;

export class Guild {
    constructor(id, owner, everyone) {
        Object.assign(this, { id, owner, roles: new Map(), members: new Map(), channels: new Map(), bans: new Set() });
        this.roles.set(id, { id, permissions: everyone, position: 0 });
    }
    join(user) { this.members.set(user, { roles: new Set(), timedOut: false, nick: null }); }
    addChannel(id, more = {}) { this.channels.set(id, { id, overwrites: new Map(), messages: new Map(), ...more }); }
    isMember(user) { return this.members.has(user); }

    base(user) {
        const own = this.members.get(user)?.roles ?? [];
        return [this.id, ...own].reduce((sum, r) => sum | this.roles.get(r).permissions, 0n);
    }
    isAdmin(user) { return this.isMember(user) && (user === this.owner || (this.base(user) & Bit.ADMINISTRATOR) !== 0n); }
    // What somebody may do in the guild as a whole.
    rights(user) {
        if (!this.isMember(user)) return 0n;
        if (this.isAdmin(user)) return EVERYTHING;
        return this.base(user) & (this.members.get(user).timedOut ? WHILE_TIMED_OUT : EVERYTHING);
    }
    // What somebody may do in a channel: @everyone's overwrite, then those of all roles at once, then the member's own.
    rightsIn(user, channel) {
        if (!this.isMember(user)) return 0n;
        if (this.isAdmin(user)) return EVERYTHING;
        const member = this.members.get(user);
        let p = this.base(user);
        const apply = (...targets) => {
            const found = targets.map((t) => channel.overwrites.get(t)).filter(Boolean);
            const sum = (key) => found.reduce((bits, o) => bits | o[key], 0n);
            p = (p & ~sum('deny')) | sum('allow');
        };
        apply(this.id);
        apply(...member.roles);
        apply(user);
        p &= ~Bit.ADMINISTRATOR;
        if (member.timedOut) p &= WHILE_TIMED_OUT;
        if (!(p & Bit.VIEW)) return 0n;
        if (!(p & Bit.SEND)) p &= ~(Bit.MENTION_EVERYONE | bit(12) | bit(14) | bit(15));
        return p;
    }
    may(user, channel, right) { return (this.rightsIn(user, channel) & right) === right; }
    viewers(channel) { return [...this.members.keys()].filter((u) => this.may(u, channel, Bit.VIEW)); }
    visible(user) { return [...this.channels.values()].filter((c) => this.may(user, c, Bit.VIEW)).map((c) => c.id).sort(); }

    // Hierarchy: the higher position first, of equal ones the older role; members of one highest role are equals.
    compareRoles(a, b) { return a.position - b.position || (BigInt(a.id) < BigInt(b.id) ? 1 : a.id === b.id ? 0 : -1); }
    top(user) {
        return [...(this.members.get(user)?.roles ?? [])].map((r) => this.roles.get(r))
            .reduce((best, r) => (this.compareRoles(r, best) > 0 ? r : best), this.roles.get(this.id));
    }
    outranksRole(user, role) { return user === this.owner || this.compareRoles(this.top(user), role) > 0; }
    outranks(user, other) {
        if (user === other || other === this.owner) return false;
        return user === this.owner || this.compareRoles(this.top(user), this.top(other)) > 0;
    }
    mayGrant(user, bits, held) { return this.isAdmin(user) || (bits & ~held) === 0n; }

    removeMember(user) { this.members.delete(user); }
    removeRole(id) {
        this.roles.delete(id);
        for (const m of this.members.values()) m.roles.delete(id);
        for (const c of this.channels.values()) c.overwrites.delete(id);
    }
}
