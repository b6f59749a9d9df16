// Goal: X-Audit-Log-Reason of every route that takes it stands in the audit log, and every other route that changes a guild is
// known here with what it is instead. A new route that does neither fails.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { routes, withHubbub } from '../e2e/harness.js';
import { png, uri } from '../e2e/pictures.js';
import { people, scene } from './scene.js';

const up = withHubbub({ before, after });

// Changes that the audit log does not show: what people say and do for themselves, a guild's end, and what has no reason in the
// public specification.
const WITHOUT = new Set(['POST /guilds', 'DELETE /guilds/{guild_id}', 'POST /guilds/{guild_id}/delete',
    'POST /channels/{channel_id}/messages', 'PATCH /channels/{channel_id}/messages/{message_id}', 'POST /channels/{channel_id}/typing',
    'POST /channels/{channel_id}/messages/{message_id}/crosspost', 'POST /channels/{channel_id}/messages/{message_id}/ack',
    'POST /channels/{channel_id}/messages/{message_id}/reports', 'POST /channels/{channel_id}/pins/ack', 'DELETE /channels/{channel_id}/messages/ack',
    'PATCH /guilds/{guild_id}/voice-states/@me', 'PATCH /guilds/{guild_id}/voice-states/{user_id}',
    'PUT /channels/{channel_id}/recipients/{user_id}', 'DELETE /channels/{channel_id}/recipients/{user_id}']);
const isOther = ({ path }) => path.includes('/reactions') || path.startsWith('/users/@me/') || /^\/webhooks\/\{webhook_id\}\/\{webhook_token\}(\/|$)/.test(path);
const mutates = (r) => r.verb !== 'GET' && /\{(guild_id|channel_id|webhook_id|code)\}/.test(r.path) && !(r.verb === 'POST' && r.path === '/invites/{code}');

const image = uri(png(2, 2));
const newEmoji = async (s) => ({ emoji_id: (await s.owner.post(`/guilds/${s.guild}/emojis`, { name: 'extra', image })).id });

// What is sent; the rest is the scene's own.
const bodies = {
    'PATCH /guilds/{guild_id}': { description: 'why not' },
    'POST /guilds/{guild_id}/channels': { name: 'new' },
    'PATCH /guilds/{guild_id}/channels': (s) => [{ id: s.channel, position: 9 }],
    'PATCH /channels/{channel_id}': { topic: 'why not' },
    'PUT /channels/{channel_id}/permissions/{overwrite_id}': { type: 0, allow: '0', deny: '2048' },
    'POST /channels/{channel_id}/invites': { unique: true },
    'POST /guilds/{guild_id}/roles': { name: 'new' },
    'PATCH /guilds/{guild_id}/roles': (s) => [{ id: s.role, position: 3 }],
    'PATCH /guilds/{guild_id}/roles/{role_id}': { name: 'renamed' },
    'PATCH /guilds/{guild_id}/members/{user_id}': { nick: 'Renamed' },
    'PATCH /guilds/{guild_id}/members/@me': { nick: 'Myself' },
    'POST /channels/{channel_id}/messages/bulk-delete': (s) => ({ messages: [s.message, s.secondMessage] }),
    'PUT /guilds/{guild_id}/bans/{user_id}': {},
    'POST /guilds/{guild_id}/bulk-ban': (s) => ({ user_ids: [s.target.id] }),
    'POST /guilds/{guild_id}/prune': { days: 1 },
    'POST /guilds/{guild_id}/mfa': { level: 1 },
    'POST /guilds/{guild_id}/emojis': { name: 'new', image },
    'PATCH /guilds/{guild_id}/emojis/{emoji_id}': { name: 'renamed' },
    'POST /channels/{channel_id}/followers': (s) => ({ webhook_channel_id: s.channel }),
    'POST /channels/{channel_id}/webhooks': { name: 'new' },
    'PATCH /webhooks/{webhook_id}': { name: 'renamed' },
};
// Where the usual ids are not those to act on, what must be so first, and what is taken back at last.
const special = {
    'PUT /guilds/{guild_id}/members/{user_id}/roles/{role_id}': { path: (s) => ({ role_id: s.spareRole }) },
    'DELETE /guilds/{guild_id}/bans/{user_id}': { path: (s) => ({ user_id: s.banned.id }) },
    'POST /channels/{channel_id}/followers': { path: (s) => ({ channel_id: s.news }) },
    'DELETE /channels/{channel_id}/messages/{message_id}': { first: async (s) => ({ message_id: (await s.target.say(s.channel, 'of another')).id }) },
    'DELETE /channels/{channel_id}/messages/pins/{message_id}': { first: (s) => s.owner.put(`/channels/${s.channel}/messages/pins/${s.message}`) },
    'DELETE /channels/{channel_id}/pins/{message_id}': { first: (s) => s.owner.put(`/channels/${s.channel}/messages/pins/${s.message}`) },
    'PATCH /guilds/{guild_id}/emojis/{emoji_id}': { first: newEmoji },
    'DELETE /guilds/{guild_id}/emojis/{emoji_id}': { first: newEmoji },
    'POST /guilds/{guild_id}/mfa': {
        first: (s) => void s.hub.psql(`UPDATE users SET mfa = true WHERE id = ${s.owner.id}`),
        last: (s) => void s.hub.psql(`UPDATE guilds SET mfa_level = 0 WHERE id = ${s.guild}; UPDATE users SET mfa = false WHERE id = ${s.owner.id}`),
    },
    'POST /guilds/{guild_id}/prune': {
        first: async (s) => {
            await s.owner.delete(`/guilds/${s.guild}/members/${s.target.id}/roles/${s.role}`);
            for (const table of ['users SET seen_at', 'tokens SET used_at']) s.hub.psql(`UPDATE ${table} = now() - interval '9 days' WHERE ${table.startsWith('users') ? 'id' : 'user_id'} = ${s.target.id}`);
            s.hub.psql(`UPDATE members SET joined_at = now() - interval '9 days' WHERE user_id = ${s.target.id}`);
        },
    },
};

test('every change of a guild has its reason in the audit log, or is known to have none', { timeout: 600_000 }, async (t) => {
    const cast = await people(up.hub);
    for (const route of routes().filter((r) => mutates(r) && !isOther(r))) {
        const name = `${route.verb} ${route.path}`;
        if (WITHOUT.has(name)) {
            await t.test(name, () => assert.ok(!route.reason, 'takes a reason, and stands among those that do not'));
            continue;
        }
        await t.test(name, async () => {
            assert.ok(route.reason, 'changes a guild and takes no reason');
            const s = await scene(cast);
            const more = (await special[name]?.first?.(s)) ?? {};
            const ids = { ...s.ids, ...special[name]?.path?.(s), ...more };
            const path = route.path.replace(/\{(\w+)\}/g, (_, key) => ids[key]);
            const body = typeof bodies[name] === 'function' ? bodies[name](s) : bodies[name];
            const reason = `because of ${name} – ä`;
            const answer = await s.owner.request(route.verb, path, { body, headers: { 'x-audit-log-reason': encodeURIComponent(reason) } });
            assert.equal(answer.status, route.success, JSON.stringify(answer.body));
            const { audit_log_entries } = await s.owner.get(`/guilds/${s.guild}/audit-logs?limit=20`);
            assert.ok(audit_log_entries.some((e) => e.reason === reason), 'the reason stands in no entry');
            assert.ok(audit_log_entries.filter((e) => e.reason).every((e) => e.reason === reason));
            await special[name]?.last?.(s);
            await s.end();
        });
    }
});
