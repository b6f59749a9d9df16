// What people do, at random: for each act, how it is asked for, the rules it breaks (pairs of a rule's breach and the error code that tells
// of it), what it changes in the model, and which events it makes. An act that breaks no rule must succeed; one that
// breaks some must be refused with the code of one of them and change nothing.
import { Bit, EVERYTHING } from './rules.js';

const ACCESS = 50001, PERMISSION = 50013, AUTHOR = 50005, NO_MEMBER = 10007, NO_BAN = 10026, NO_OVERWRITE = 10009, BANNED = 40007;
const THUMB = encodeURIComponent('👍');
const INTERESTING = Object.values(Bit);

const view = (g, who, c) => [!g.may(who, c, Bit.VIEW), ACCESS];
const need = (g, who, c, right) => [!g.may(who, c, right), PERMISSION];
const inGuild = (g, who) => [!g.isMember(who), ACCESS];
const needInGuild = (g, who, right) => [(g.rights(who) & right) !== right, PERMISSION];
const messageEvent = (g, channel, name, id) => ({ name, id, to: g.viewers(channel) });

// Bits of a set of permissions: few at a time, administrator seldom.
function someBits(r, likely = 0.25) {
    return INTERESTING.filter((b) => (b === Bit.ADMINISTRATOR ? r.chance(0.03) : r.chance(likely))).reduce((a, b) => a | b, 0n);
}
const changed = (a, b) => ((a?.allow ?? 0n) ^ (b?.allow ?? 0n)) | ((a?.deny ?? 0n) ^ (b?.deny ?? 0n));

const openChannels = (g) => [...g.channels.values()].filter((c) => !c.fixed);
const anyMessage = (g, r) => {
    const channel = r.pick([...g.channels.values()].filter((c) => c.messages.size));
    return channel && { channel, message: r.pick([...channel.messages.values()]) };
};
const ownRoles = (g) => [...g.roles.values()].filter((x) => x.id !== g.id);

function send(g, r, who) {
    const channel = r.pick([...g.channels.values()]);
    const everyone = r.chance(0.2), content = `${r.name()}${everyone ? ' @everyone' : ''}`;
    return {
        ask: ['POST', `/channels/${channel.id}/messages`, { content }],
        rules: [view(g, who, channel), need(g, who, channel, Bit.SEND)],
        done(answer) {
            const tells = everyone && g.may(who, channel, Bit.MENTION_EVERYONE);
            channel.messages.set(answer.id, { id: answer.id, author: who, content, reactions: new Set(), tells });
            return [{ ...messageEvent(g, channel, 'MESSAGE_CREATE', answer.id), check: (d) => d.content === content && d.mention_everyone === tells }];
        },
    };
}
function editMessage(g, r, who) {
    const at = anyMessage(g, r);
    if (!at) return null;
    const content = r.name();
    return {
        ask: ['PATCH', `/channels/${at.channel.id}/messages/${at.message.id}`, { content }],
        rules: [view(g, who, at.channel), [at.message.author !== who, AUTHOR]],
        done() {
            Object.assign(at.message, { content, tells: false }); // worked out anew from the new text
            return [{ ...messageEvent(g, at.channel, 'MESSAGE_UPDATE', at.message.id), check: (d) => d.content === content }];
        },
    };
}
function deleteMessage(g, r, who) {
    const at = anyMessage(g, r);
    if (!at) return null;
    return {
        ask: ['DELETE', `/channels/${at.channel.id}/messages/${at.message.id}`],
        rules: [view(g, who, at.channel), [at.message.author !== who && !g.may(who, at.channel, Bit.MANAGE_MESSAGES), PERMISSION]],
        done() {
            at.channel.messages.delete(at.message.id);
            return [messageEvent(g, at.channel, 'MESSAGE_DELETE', at.message.id)];
        },
    };
}
function react(g, r, who) {
    const at = anyMessage(g, r);
    if (!at) return null;
    const { channel, message } = at;
    return {
        ask: ['PUT', `/channels/${channel.id}/messages/${message.id}/reactions/${THUMB}/@me`],
        rules: [view(g, who, channel), need(g, who, channel, Bit.HISTORY), [!g.isAdmin(who) && g.members.get(who)?.timedOut, PERMISSION],
            [!message.reactions.size && !g.may(who, channel, Bit.ADD_REACTIONS), PERMISSION]],
        done() {
            if (message.reactions.has(who)) return [];
            message.reactions.add(who);
            return [messageEvent(g, channel, 'MESSAGE_REACTION_ADD', message.id)];
        },
    };
}
function unreact(g, r, who) {
    const at = anyMessage(g, r);
    if (!at) return null;
    const { channel, message } = at, whose = r.chance(0.7) ? who : r.pick([...g.members.keys()]);
    return {
        ask: ['DELETE', `/channels/${channel.id}/messages/${message.id}/reactions/${THUMB}/${whose === who ? '@me' : whose}`],
        rules: [view(g, who, channel), [whose !== who && !g.may(who, channel, Bit.MANAGE_MESSAGES), PERMISSION]],
        done() { return message.reactions.delete(whose) ? [messageEvent(g, channel, 'MESSAGE_REACTION_REMOVE', message.id)] : []; },
    };
}
function createChannel(g, r, who) {
    if (g.channels.size >= 8) return null;
    return {
        ask: ['POST', `/guilds/${g.id}/channels`, { name: 'channel', type: 0 }],
        rules: [inGuild(g, who), needInGuild(g, who, Bit.MANAGE_CHANNELS)],
        done(answer) { g.addChannel(answer.id); },
    };
}
function editChannel(g, r, who) {
    const channel = r.pick(openChannels(g));
    return channel && {
        ask: ['PATCH', `/channels/${channel.id}`, { topic: r.name() }],
        rules: [view(g, who, channel), need(g, who, channel, Bit.MANAGE_CHANNELS)],
        done() {},
    };
}
function deleteChannel(g, r, who) {
    const channel = openChannels(g).length > 3 && r.chance(0.5) ? r.pick(openChannels(g)) : null;
    return channel && {
        ask: ['DELETE', `/channels/${channel.id}`],
        rules: [view(g, who, channel), need(g, who, channel, Bit.MANAGE_CHANNELS)],
        done() { g.channels.delete(channel.id); },
    };
}
function putOverwrite(g, r, who, people) {
    const channel = r.pick(openChannels(g));
    if (!channel) return null;
    const member = r.chance(0.3), target = member ? r.pick(people) : r.pick([...g.roles.keys()]);
    const deny = someBits(r) & ~Bit.ADMINISTRATOR, allow = someBits(r) & ~Bit.ADMINISTRATOR & ~deny, next = { allow, deny };
    return {
        ask: ['PUT', `/channels/${channel.id}/permissions/${target}`, { type: member ? 1 : 0, allow: String(allow), deny: String(deny) }],
        rules: [view(g, who, channel), need(g, who, channel, Bit.MANAGE_ROLES),
            [!g.mayGrant(who, changed(channel.overwrites.get(target), next), g.rightsIn(who, channel)), PERMISSION]],
        done() { channel.overwrites.set(target, next); },
    };
}
function deleteOverwrite(g, r, who) {
    const channel = r.pick(openChannels(g));
    if (!channel) return null;
    const target = r.pick([...channel.overwrites.keys(), ...(r.chance(0.1) ? [g.id] : [])]);
    if (!target) return null;
    const before = channel.overwrites.get(target);
    return {
        ask: ['DELETE', `/channels/${channel.id}/permissions/${target}`],
        rules: [view(g, who, channel), need(g, who, channel, Bit.MANAGE_ROLES), [!before, NO_OVERWRITE],
            [!g.mayGrant(who, changed(before, undefined), g.rightsIn(who, channel)), PERMISSION]],
        done() { channel.overwrites.delete(target); },
    };
}
function createRole(g, r, who) {
    if (g.roles.size >= 8) return null;
    const permissions = someBits(r);
    return {
        ask: ['POST', `/guilds/${g.id}/roles`, { name: 'role', permissions: String(permissions) }],
        rules: [inGuild(g, who), needInGuild(g, who, Bit.MANAGE_ROLES), [!g.mayGrant(who, permissions, g.rights(who)), PERMISSION]],
        done(answer) { g.roles.set(answer.id, { id: answer.id, permissions, position: answer.position }); },
    };
}
function editRole(g, r, who) {
    const role = r.pick([...g.roles.values()]), permissions = someBits(r, role.id === g.id ? 0.6 : 0.25);
    return {
        ask: ['PATCH', `/guilds/${g.id}/roles/${role.id}`, { permissions: String(permissions) }],
        rules: [inGuild(g, who), needInGuild(g, who, Bit.MANAGE_ROLES), [role.id !== g.id && !g.outranksRole(who, role), PERMISSION],
            [!g.mayGrant(who, permissions & ~role.permissions, g.rights(who)), PERMISSION]],
        done() { role.permissions = permissions; },
    };
}
function deleteRole(g, r, who) {
    const role = g.roles.size > 4 && r.chance(0.5) ? r.pick(ownRoles(g)) : null;
    return role && {
        ask: ['DELETE', `/guilds/${g.id}/roles/${role.id}`],
        rules: [inGuild(g, who), needInGuild(g, who, Bit.MANAGE_ROLES), [!g.outranksRole(who, role), PERMISSION]],
        done() { g.removeRole(role.id); },
    };
}
// Only by the owner, to whom every order is open: what it comes to is the server's answer.
function moveRole(g, r) {
    const role = r.pick(ownRoles(g));
    return role && {
        who: g.owner,
        ask: ['PATCH', `/guilds/${g.id}/roles`, [{ id: role.id, position: r.below(g.roles.size) }]],
        rules: [],
        done(answer) { for (const x of answer) g.roles.get(x.id).position = x.position; },
    };
}
function giveRole(g, r, who, people) {
    const role = r.pick(ownRoles(g)), target = r.pick(people), take = r.chance(0.4);
    return role && {
        ask: [take ? 'DELETE' : 'PUT', `/guilds/${g.id}/members/${target}/roles/${role.id}`],
        rules: [inGuild(g, who), needInGuild(g, who, Bit.MANAGE_ROLES), [!g.isMember(target), NO_MEMBER], [!g.outranksRole(who, role), PERMISSION]],
        done() { g.members.get(target).roles[take ? 'delete' : 'add'](role.id); },
    };
}
function timeOut(g, r, who, people) {
    const target = r.pick(people), on = r.chance(0.5);
    return {
        ask: ['PATCH', `/guilds/${g.id}/members/${target}`, { communication_disabled_until: on ? new Date(Date.now() + 7200_000).toISOString() : null }],
        rules: [inGuild(g, who), [!g.isMember(target), NO_MEMBER], needInGuild(g, who, Bit.MODERATE), [!g.outranks(who, target), PERMISSION], [on && g.isAdmin(target), PERMISSION]],
        done() { g.members.get(target).timedOut = on; },
    };
}
function nick(g, r, who, people) {
    const target = r.chance(0.5) ? who : r.pick(people), name = r.name();
    const rights = g.rights(who), allowed = target === who ? rights & (Bit.CHANGE_NICK | Bit.MANAGE_NICKS) : (rights & Bit.MANAGE_NICKS) && g.outranks(who, target);
    return {
        ask: ['PATCH', `/guilds/${g.id}/members/${target}`, { nick: name }],
        rules: [inGuild(g, who), [!g.isMember(target), NO_MEMBER], [!allowed, PERMISSION]],
        done() { g.members.get(target).nick = name; },
    };
}
function kick(g, r, who, people) {
    const target = r.pick(people);
    return {
        ask: ['DELETE', `/guilds/${g.id}/members/${target}`],
        rules: [inGuild(g, who), [!g.isMember(target), NO_MEMBER], needInGuild(g, who, Bit.KICK), [!g.outranks(who, target), PERMISSION]],
        done() { g.removeMember(target); },
    };
}
function ban(g, r, who, people) {
    const target = r.pick(people);
    return {
        ask: ['PUT', `/guilds/${g.id}/bans/${target}`, {}],
        rules: [inGuild(g, who), needInGuild(g, who, Bit.BAN), [g.isMember(target) && !g.outranks(who, target), PERMISSION]],
        done() {
            g.bans.add(target);
            g.removeMember(target);
        },
    };
}
function unban(g, r, who, people) {
    const target = r.pick([...g.bans, r.pick(people)]);
    return {
        ask: ['DELETE', `/guilds/${g.id}/bans/${target}`],
        rules: [inGuild(g, who), needInGuild(g, who, Bit.BAN), [!g.bans.has(target), NO_BAN]],
        done() { g.bans.delete(target); },
    };
}
const join = (g, r, who) => ({
    ask: ['POST', `/invites/${g.invite}`],
    rules: [[g.bans.has(who), BANNED]],
    done() { if (!g.isMember(who)) g.join(who); },
});
const leave = (g, r, who) => (g.isMember(who) && who !== g.owner && r.chance(0.3) ? {
    ask: ['DELETE', `/users/@me/guilds/${g.id}`],
    rules: [],
    done() { g.removeMember(who); },
} : null);
function give(g, r, who) {
    const heir = r.pick([...g.members.keys()]);
    return r.chance(0.3) ? {
        ask: ['PATCH', `/guilds/${g.id}`, { owner_id: heir }],
        rules: [inGuild(g, who), needInGuild(g, who, Bit.MANAGE_GUILD), [heir !== g.owner && g.owner !== who, PERMISSION]],
        done() { g.owner = heir; },
    } : null;
}

// ---- Reads: what somebody is shown is what the model says, no more and no less.

function readHistory(g, r, who) {
    const channel = r.pick([...g.channels.values()]);
    const shown = g.may(who, channel, Bit.HISTORY) ? [...channel.messages.values()].slice(-50) : [];
    return {
        ask: ['GET', `/channels/${channel.id}/messages?limit=50`],
        rules: [view(g, who, channel)],
        same: (answer) => [answer.toReversed().map((m) => [m.id, m.content, m.reactions?.[0]?.count ?? 0]), shown.map((m) => [m.id, m.content, m.reactions.size])],
    };
}
function readMessage(g, r, who) {
    const at = anyMessage(g, r);
    return at && {
        ask: ['GET', `/channels/${at.channel.id}/messages/${at.message.id}`],
        rules: [view(g, who, at.channel), need(g, who, at.channel, Bit.HISTORY)],
        same: (answer) => [[answer.content, answer.author.id, answer.mention_everyone], [at.message.content, at.message.author, at.message.tells]],
    };
}
function readReactions(g, r, who) {
    const at = anyMessage(g, r);
    return at && {
        ask: ['GET', `/channels/${at.channel.id}/messages/${at.message.id}/reactions/${THUMB}?limit=100`],
        rules: [view(g, who, at.channel), need(g, who, at.channel, Bit.HISTORY)],
        same: (answer) => [answer.map((u) => u.id).sort(), [...at.message.reactions].sort()],
    };
}
const readChannels = (g, r, who) => ({
    ask: ['GET', `/guilds/${g.id}/channels`],
    rules: [inGuild(g, who)],
    same: (answer) => [answer.map((c) => c.id).sort(), g.visible(who)],
});
const readMembers = (g, r, who) => ({
    ask: ['GET', `/guilds/${g.id}/members?limit=100`],
    rules: [inGuild(g, who)],
    same: (answer) => [answer.map((m) => [m.user.id, m.nick ?? null, [...m.roles].sort()]).sort(),
        [...g.members].map(([id, m]) => [id, m.nick, [...m.roles].sort()]).sort()],
});
const readRoles = (g, r, who) => ({
    ask: ['GET', `/guilds/${g.id}/roles`],
    rules: [inGuild(g, who)],
    same: (answer) => [answer.map((x) => [x.id, x.permissions]).sort(), [...g.roles.values()].map((x) => [x.id, String(x.permissions)]).sort()],
});
const readBans = (g, r, who) => ({
    ask: ['GET', `/guilds/${g.id}/bans`],
    rules: [inGuild(g, who), needInGuild(g, who, Bit.BAN)],
    same: (answer) => [answer.map((b) => b.user.id).sort(), [...g.bans].sort()],
});
const readAudit = (g, r, who) => ({
    ask: ['GET', `/guilds/${g.id}/audit-logs?limit=1`],
    rules: [inGuild(g, who), needInGuild(g, who, Bit.AUDIT)],
    same: () => [0, 0],
});

export const READS = [readHistory, readHistory, readMessage, readReactions, readChannels, readMembers, readRoles, readBans, readAudit];
// How often each act comes, of all.
export const ACTS = [[send, 30], [editMessage, 5], [deleteMessage, 5], [react, 8], [unreact, 5], [createChannel, 4], [editChannel, 2], [deleteChannel, 2], [putOverwrite, 12],
    [deleteOverwrite, 5], [createRole, 4], [editRole, 8], [deleteRole, 2], [moveRole, 2], [giveRole, 12], [timeOut, 4], [nick, 3], [kick, 2], [ban, 2], [unban, 5], [join, 12],
    [leave, 1], [give, 2]].flatMap(([act, times]) => Array(times).fill(act));
export { EVERYTHING };
