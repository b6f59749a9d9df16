// Goal: openapi.json is valid OpenAPI 3.1, leads nowhere that is not there, and tells of every route what the route is.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { readGenerated } from './compatibility.js';

const api = readGenerated('HUBBUB_OPENAPI', 'openapi.json');
const routes = readGenerated('HUBBUB_ROUTES', 'routes.json');
const operations = Object.entries(api.paths).flatMap(([path, verbs]) => Object.entries(verbs).map(([verb, operation]) => ({ name: `${verb.toUpperCase()} ${path}`, path, operation })));
const operationOf = (route) => api.paths[route.path]?.[route.verb.toLowerCase()];

function each(value, visit) {
    if (!value || typeof value !== 'object') return;
    visit(value);
    for (const inner of Object.values(value)) each(inner, visit);
}

function resolve(reference) {
    return reference.slice(2).split('/').reduce((at, key) => at?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], api);
}

test('it is valid by the schema of OpenAPI 3.1', async () => {
    const result = await new Validator().validate(structuredClone(api));
    assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
    assert.equal(api.openapi, '3.1.0');
});

test('every $ref leads somewhere, and every component is used', () => {
    const used = new Set();
    each(api, (v) => { if (typeof v.$ref === 'string') used.add(v.$ref); });
    assert.deepEqual([...used].filter((r) => !r.startsWith('#/') || resolve(r) === undefined), []);
    const kinds = ['schemas', 'responses', 'headers'];
    const there = kinds.flatMap((kind) => Object.keys(api.components[kind]).map((name) => `#/components/${kind}/${name}`));
    assert.deepEqual(there.filter((r) => !used.has(r)), []);
});

test('operationIds and tags', () => {
    const ids = operations.map((o) => o.operation.operationId);
    assert.deepEqual(ids.filter((id, i) => ids.indexOf(id) !== i), []);
    const tags = api.tags.map((t) => t.name);
    for (const { name, operation } of operations) {
        assert.match(operation.operationId, /^[a-z][a-z0-9_]*$/, name);
        assert.ok(operation.summary, name);
        assert.ok(operation.tags.length === 1 && tags.includes(operation.tags[0]), name);
    }
});

test('every route is there, with its parameters, its answer and its refusals', () => {
    assert.equal(operations.length, routes.length + 2, 'the routes, /gateway and /gateway/bot');
    for (const route of routes) {
        const name = `${route.verb} ${route.path}`;
        const operation = operationOf(route);
        assert.ok(operation, name);
        const inPath = operation.parameters.filter((p) => p.in === 'path').map((p) => p.name).sort();
        assert.deepEqual(inPath, [...route.path.matchAll(/\{(\w+)\}/g)].map((m) => m[1]).sort(), name);
        const success = operation.responses[route.success];
        assert.ok(success, `${name}: ${route.success}`);
        assert.equal(success.content === undefined, route.success === 204, name);
        const refusals = ['429', ...(route.auth === 'PUBLIC' ? [] : ['401', '403']), ...(inPath.length ? ['404'] : [])];
        assert.deepEqual(refusals.filter((status) => !operation.responses[status]), [], name);
        assert.equal(operation.security?.length === 0, route.auth === 'PUBLIC', name);
        assert.equal('requestBody' in operation, route.body !== '', name);
        assert.equal('multipart/form-data' in (operation.requestBody?.content ?? {}), route.multipart, name);
    }
});

test('a field of a request has its limits', () => {
    for (const route of routes.filter((r) => r.body === '*')) {
        const schema = operationOf(route).requestBody.content['application/json'].schema;
        for (const field of route.fields.filter((f) => f.where === 'body')) {
            const shown = schema.properties[field.name];
            const name = `${route.verb} ${route.path} ${field.name}`;
            assert.ok(shown, name);
            assert.equal(schema.required?.includes(field.name) ?? false, field.required, name);
            // Of a picture the bytes are counted that its text stands for: no schema can say that.
            if (field.form === 'IMAGE') assert.match(shown.pattern, /image/, name);
            else if (field.max_len) assert.equal(shown[field.type === 'array' ? 'maxItems' : 'maxLength'], field.max_len, name);
            if (field.choices) assert.deepEqual((shown.enum ?? shown.items.enum).filter((c) => c !== null), field.choices, name);
        }
    }
});

// A schema that nothing could break would be of no use: the forms are checked with values.
test('schemas take what we send and refuse what we do not', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false });
    ajv.addSchema(api, 'api');
    const check = (name, value) => ajv.validate({ $ref: `api#/components/schemas/${name}` }, value);
    for (const name of Object.keys(api.components.schemas)) ajv.compile({ $ref: `api#/components/schemas/${name}` });
    assert.ok(check('Snowflake', '1267612384051200000'));
    for (const bad of [1, '', '01', '-1', 'x', null]) assert.ok(!check('Snowflake', bad), String(bad));
    assert.ok(check('Snowflake.Input', 5) && check('Snowflake.Input', '5') && !check('Snowflake.Input', -5));
    assert.ok(check('BitSet', '18446744073709551615') && !check('BitSet', 8));
    const role = { id: '1', name: 'r', color: 0, hoist: false, position: 0, permissions: '0', managed: false, mentionable: false, flags: 0, icon: null, unicode_emoji: null, description: null };
    assert.ok(check('Role', role), JSON.stringify(ajv.errors));
    assert.ok(!check('Role', { ...role, permissions: 0 }) && !check('Role', { ...role, id: undefined }));
    assert.ok(check('Error', { code: 50035, message: 'Invalid Form Body', errors: { embeds: { 0: { title: { _errors: [{ code: 'BASE_TYPE_MAX_LENGTH', message: 'Must be' }] } } } } }));
    assert.ok(!check('Error', { message: 'x' }));
});
