// Goal: the server tells what it is: /openapi.json says of the running routes what they answer, /docs shows it under a
// policy that lets nothing foreign in, and what has no route of the table (GET /gateway, USER_UPDATE) is as specified.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as spec from 'discord-api-spec/zod';
import { routes, withHubbub } from './harness.js';

const up = withHubbub({ before, after });

async function page(path, options) {
    const response = await fetch(up.hub.url + path, options);
    return { status: response.status, type: response.headers.get('content-type'), headers: response.headers, text: await response.text() };
}

test('/openapi.json is open to everybody and has every route', async () => {
    const { status, type, headers, text } = await page('/openapi.json');
    assert.deepEqual([status, type], [200, 'application/json']);
    assert.equal(headers.get('access-control-allow-origin'), '*');
    const api = JSON.parse(text);
    assert.deepEqual(routes().filter((r) => !api.paths[r.path]?.[r.verb.toLowerCase()]).map((r) => `${r.verb} ${r.path}`), []);
    assert.equal((await page('/openapi.json', { method: 'POST' })).status, 405);
});

test('answers are what /openapi.json says', async (t) => {
    const api = JSON.parse((await page('/openapi.json')).text);
    const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
    ajv.addSchema(api, 'api');
    const world = await up.hub.guild(1);
    const { id } = await world.owner.say(world.channel, 'words');
    const asked = [
        ['/users/@me', '/users/@me'], ['/users/{user_id}', `/users/${world.members[0].id}`], ['/users/@me/guilds', '/users/@me/guilds'],
        ['/guilds/{guild_id}', `/guilds/${world.guild}?with_counts=true`], ['/guilds/{guild_id}/channels', `/guilds/${world.guild}/channels`],
        ['/guilds/{guild_id}/roles', `/guilds/${world.guild}/roles`], ['/guilds/{guild_id}/members', `/guilds/${world.guild}/members?limit=10`],
        ['/channels/{channel_id}', `/channels/${world.channel}`], ['/channels/{channel_id}/invites', `/channels/${world.channel}/invites`],
        ['/channels/{channel_id}/messages', `/channels/${world.channel}/messages`], ['/channels/{channel_id}/messages/{message_id}', `/channels/${world.channel}/messages/${id}`],
        ['/invites/{code}', `/invites/${world.invite}`], ['/gateway', '/gateway'],
    ];
    for (const [route, path] of asked)
        await t.test(route, async () => {
            const pointer = `#/paths/${route.replaceAll('/', '~1').replaceAll('{', '%7B').replaceAll('}', '%7D')}/get/responses/200/content/application~1json/schema`;
            const answer = await world.owner.get(path);
            assert.ok(ajv.validate({ $ref: `api${pointer}` }, answer), `${ajv.errorsText()}\n${JSON.stringify(answer).slice(0, 1500)}`);
        });
    await t.test('an error with a tree', async () => {
        const answer = await world.owner.request('POST', '/guilds', { body: { name: 'x' } });
        assert.equal(answer.status, 400);
        assert.ok(ajv.validate({ $ref: 'api#/components/schemas/Error' }, answer.body), ajv.errorsText());
    });
});

test('/docs loads its own files and nothing else', async () => {
    const docs = await page('/docs');
    assert.deepEqual([docs.status, docs.type], [200, 'text/html; charset=utf-8']);
    const policy = docs.headers.get('content-security-policy');
    assert.ok(policy.startsWith("default-src 'none';"), policy);
    assert.doesNotMatch(policy, /unsafe|\*|https?:/);
    const named = [...docs.text.matchAll(/(?:src|href)="([^"]+)"/g)].map((m) => m[1]);
    assert.deepEqual(named.filter((path) => !path.startsWith('/') || path.startsWith('//')), []);
    assert.doesNotMatch(docs.text, /<script(?![^>]* src=)|<style|style=| on[a-z]+=/);
    for (const path of named) {
        const file = await page(path);
        assert.equal(file.status, 200, path);
        assert.equal(file.headers.get('x-content-type-options'), 'nosniff', path);
        if (path !== '/openapi.json') assert.doesNotMatch(file.text, /https?:\/\/|\/\/[a-z]+\.|innerHTML|eval\(/, path);
    }
    assert.match((await page('/docs/page.js')).type, /^text\/javascript/);
    assert.match((await page('/docs/page.css')).type, /^text\/css/);
    assert.equal((await page('/docs/')).status, 200);
});

// shows: GET /gateway
test('GET /gateway needs no token', async () => {
    const { body } = await up.hub.request('GET', '/gateway');
    assert.ok(spec.GatewayResponseSchema.safeParse(body).success, JSON.stringify(body));
});

test('USER_UPDATE comes to the other sessions of the user', async () => {
    const person = await up.hub.register();
    const socket = await person.connect();
    await person.patch('/users/@me', { global_name: 'Another Name' });
    const { d } = await socket.event('USER_UPDATE');
    assert.deepEqual([d.id, d.global_name], [person.id, 'Another Name']);
});
