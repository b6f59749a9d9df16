// The page at /docs: /openapi.json made readable. Text only ever becomes text nodes.
'use strict';

const VERBS = ['get', 'post', 'put', 'patch', 'delete'];
const DEPTH_MAX = 12;
let api;

function make(tag, className, ...children) {
    const node = document.createElement(tag);
    if (className) node.className = className;
    node.append(...children);
    return node;
}

const resolve = (thing) => (thing.$ref ? thing.$ref.slice(2).split('/').reduce((at, key) => at[key], api) : thing);
const nameOf = (ref) => ref.slice(ref.lastIndexOf('/') + 1);

// What a schema is, in a few words; and the object that it holds, if any.
function describe(schema) {
    if (schema.anyOf) {
        const [some, ...rest] = schema.anyOf.map(describe);
        return { words: [some.words, ...rest.map((r) => r.words)].join(' or '), object: some.object };
    }
    if (schema.$ref) {
        const target = resolve(schema);
        return { words: nameOf(schema.$ref), object: target.properties && target };
    }
    if (schema.items) {
        const item = describe(schema.items);
        const orNull = Array.isArray(schema.type) ? ' or null' : '';
        return { words: `array of ${item.words}${orNull}`, object: item.object };
    }
    const words = [schema.type ?? 'any'].flat().join(' or ');
    return { words: schema.format ? `${words} (${schema.format})` : words, object: schema.properties && schema };
}

const LIMITS = {
    minLength: (n) => `at least ${n} characters`, maxLength: (n) => `at most ${n} characters`,
    minItems: (n) => `at least ${n} items`, maxItems: (n) => `at most ${n} items`,
    minimum: (n) => `at least ${n}`, maximum: (n) => `at most ${n}`,
    enum: (list) => `one of ${list.map((v) => JSON.stringify(v)).join(', ')}`, default: (v) => `default ${JSON.stringify(v)}`,
};

function limitsOf(schema) {
    const own = Object.keys(LIMITS).filter((key) => key in schema).map((key) => LIMITS[key](schema[key]));
    const ofItem = schema.items ? limitsOf(schema.items) : '';
    return [...own, ...(ofItem ? [`each ${ofItem}`] : [])].join('; ');
}

// One row: the name, what it is, its limits; what is inside opens on demand, so that a schema may hold itself.
function row(name, schema, required, depth, description) {
    const { words, object } = describe(schema);
    const facts = [words, required ? 'required' : '', limitsOf(schema)].filter(Boolean).join('; ');
    const line = [make('code', '', name), ' ', make('span', 'dim', facts)];
    const text = description ?? schema.description;
    if (text) line.push(make('span', '', ` ${text}`));
    if (!object || depth >= DEPTH_MAX) return make('li', '', ...line);
    const details = make('details', '', make('summary', '', ...line));
    details.addEventListener('toggle', () => {
        if (details.open && details.childElementCount === 1) details.append(properties(object, depth + 1));
    });
    return make('li', '', details);
}

function properties(object, depth = 0) {
    const required = object.required ?? [];
    return make('ul', 'schema', ...Object.entries(object.properties).map(([key, schema]) => row(key, schema, required.includes(key), depth)));
}

function schemaBlock(schema) {
    const { words, object } = describe(schema);
    const nodes = [make('p', 'dim', [words, limitsOf(schema)].filter(Boolean).join('; '))];
    if (object) nodes.push(properties(object));
    return nodes;
}

function parametersBlock(list) {
    if (!list?.length) return [];
    return [make('h3', '', 'Parameters'), make('ul', 'schema', ...list.map((p) => row(`${p.name} (${p.in})`, p.schema, p.required, 0, p.description)))];
}

function bodyBlock(body) {
    if (!body) return [];
    const types = Object.keys(body.content);
    return [make('h3', '', `Body (${types.join(' or ')})`), ...schemaBlock(body.content['application/json'].schema)];
}

function answersBlock(responses) {
    const nodes = [make('h3', '', 'Answers')];
    for (const [status, reference] of Object.entries(responses)) {
        const response = resolve(reference);
        nodes.push(make('p', '', make('span', 'status', status), ` ${response.description}`));
        const schema = response.content?.['application/json']?.schema;
        if (schema && status.startsWith('2')) nodes.push(...schemaBlock(schema));
    }
    return nodes;
}

function operationNode({ path, verb, operation }) {
    const node = make('details', 'operation',
        make('summary', '', make('span', `verb ${verb}`, verb.toUpperCase()), make('code', '', path), make('span', '', operation.summary)));
    node.id = operation.operationId;
    node.addEventListener('toggle', () => {
        if (!node.open || node.childElementCount > 1) return;
        const open = operation.security?.length === 0;
        node.append(make('div', '',
            ...(operation.description ? [make('p', '', operation.description)] : []),
            make('p', 'dim', open ? 'Needs no token.' : 'Needs a token in the Authorization header.'),
            ...parametersBlock(operation.parameters), ...bodyBlock(operation.requestBody), ...answersBlock(operation.responses)));
    });
    return node;
}

function listOperations() {
    return Object.entries(api.paths).flatMap(([path, verbs]) => VERBS.filter((verb) => verbs[verb]).map((verb) => ({ path, verb, operation: verbs[verb] })));
}

function show() {
    const sections = api.tags.map((tag) => {
        const rows = listOperations().filter((o) => o.operation.tags.includes(tag.name)).map((o) => ({ ...o, node: operationNode(o) }));
        const heading = make('h2', '', tag.name);
        heading.id = tag.name;
        const section = make('section', '', heading, make('p', 'dim', tag.description ?? ''), ...rows.map((r) => r.node));
        const link = make('a', '', tag.name);
        link.href = `#${tag.name}`;
        document.getElementById('tags').append(link);
        return { section, rows, link };
    });
    document.getElementById('about').textContent = api.info.description;
    document.getElementById('operations').append(...sections.map((s) => s.section));
    return sections;
}

function filter(sections, text) {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const { section, rows, link } of sections) {
        for (const { path, verb, operation, node } of rows) {
            const hay = `${verb} ${path} ${operation.operationId} ${operation.summary} ${operation.description ?? ''}`.toLowerCase();
            node.hidden = !words.every((word) => hay.includes(word));
            shown += !node.hidden;
        }
        section.hidden = link.hidden = rows.every((r) => r.node.hidden);
    }
    document.getElementById('count').textContent = `${shown} operations`;
}

function openTarget() {
    const node = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!node) return;
    if (node.tagName === 'DETAILS') node.open = true;
    node.scrollIntoView();
}

async function start() {
    const response = await fetch('/openapi.json');
    if (!response.ok) throw new Error(`/openapi.json: ${response.status}`);
    api = await response.json();
    const sections = show();
    const search = document.getElementById('search');
    search.addEventListener('input', () => filter(sections, search.value));
    filter(sections, search.value);
    addEventListener('hashchange', openTarget);
    addEventListener('keydown', (event) => {
        if (event.key !== '/' || event.target === search) return;
        event.preventDefault();
        search.focus();
    });
    openTarget();
}

start().catch((error) => {
    document.getElementById('count').textContent = `The description could not be loaded: ${error.message}`;
});
