// docs/compatibility.md, made of: the public specification (npm's discord-api-spec and discord-api-types), our routes and
// events, facts.js, and the tests that name them.
import { readFileSync, readdirSync, existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ActionTypes, pathsList } from 'discord-api-spec';
import { GatewayDispatchEvents, GatewayOpcodes } from 'discord-api-types/v10';
import { readEvidence, shape } from './evidence.js';
import * as facts from './facts.js';

export const top = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const OTHER_SOURCES = ['fake_world.c'];

export function readGenerated(variable, name) {
    const places = [process.env[variable], join(top, `.build/bazel-bin/protos/hubbub/v1/${name}`)];
    const path = places.find((p) => p && existsSync(p));
    if (!path) throw new Error(`${name} is not built: bazel build //protos/...`);
    return JSON.parse(readFileSync(path, 'utf8'));
}

/* ---- What is asked, what is served ---- */

function publicOperations() {
    const verbs = ['get', 'put', 'post', 'patch', 'delete'];
    const all = verbs.flatMap((verb) => pathsList[verb].map((path) => ({ path, name: `${verb.toUpperCase()} ${path}`, rank: verbs.indexOf(verb) })));
    return all.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : a.rank - b.rank)).map((o) => o.name);
}

const servedOperations = () => [...readGenerated('HUBBUB_ROUTES', 'routes.json').map((r) => `${r.verb} ${r.path}`), ...facts.ownOperations];
const publicEvents = () => [...new Set([...Object.values(ActionTypes), ...Object.values(GatewayDispatchEvents)])].sort();

// The feed's events by their option, and those that the gateway makes by the calls that make them.
function servedEvents() {
    const core = join(top, 'services/gateway/core');
    const sources = readdirSync(core).filter((name) => name.endsWith('.c') && !name.endsWith('_test.c') && !OTHER_SOURCES.includes(name));
    const made = sources.flatMap((name) => [...readFileSync(join(core, name), 'utf8').matchAll(/"([A-Z]+(?:_[A-Z]+)*)",\s*&hubbub__v1__/g)]);
    const fed = readFileSync(join(top, 'protos/hubbub/v1/feeds.proto'), 'utf8').matchAll(/dispatch: "([A-Z_]+)"/g);
    return [...new Set([...made, ...fed].map(([, name]) => name))].sort();
}

/* ---- Judging ---- */

// problems: what must not be, one line each.
export function judge() {
    const evidence = readEvidence(top);
    const problems = [];
    const judgeOne = (name, served, missing) => {
        if (!served) return { name, state: 'no', note: '' };
        if (missing) return { name, state: 'partly', note: missing };
        const file = evidence.file(name);
        if (!file) problems.push(`${name}: counts as yes, but no test names it (tools/compatibility/evidence.js), and facts.js has no row`);
        return { name, state: 'yes', note: file ?? '' };
    };
    const judgeAll = (names, served, rows) => {
        const shapes = new Set(served.map(shape));
        for (const row of Object.keys(rows))
            if (!names.includes(row) || !shapes.has(shape(row))) problems.push(`facts.js: ${row} is not public, or not served`);
        return names.map((name) => judgeOne(name, shapes.has(shape(name)), rows[name]));
    };
    const judgeOpcode = ([op, name, from, state, missing, mark]) => {
        const file = mark && evidence.fileWith(mark);
        if (state === 'yes' && !file) problems.push(`op ${op}: yes, but no test has ${mark}`);
        return { name: `${op} ${name} (${from})`, state, note: missing || file || '' };
    };
    const operations = publicOperations();
    const events = publicEvents();
    const shapes = new Set(operations.map(shape));
    const wanted = Object.values(GatewayOpcodes).filter((op) => typeof op === 'number');
    for (const op of wanted.filter((o) => !facts.opcodes.some(([known]) => known === o))) problems.push(`facts.js: no row for op ${op}`);
    return {
        problems,
        operations: judgeAll(operations, servedOperations(), facts.operations),
        events: judgeAll(events, servedEvents(), facts.events),
        opcodes: facts.opcodes.map(judgeOpcode),
        opcodesBeyond: facts.opcodesBeyond.map(judgeOpcode),
        operationsBeyond: servedOperations().filter((o) => !shapes.has(shape(o))),
        eventsBeyond: servedEvents().filter((e) => !events.includes(e)),
    };
}

/* ---- Writing ---- */

const table = (what, rows) => [`| ${what} | Hubbub | missing, or the test |`, '| --- | --- | --- |', ...rows.map((r) => `| \`${r.name}\` | ${r.state} | ${r.note} |`), ''];

function counts(what, rows) {
    const n = (state) => rows.filter((r) => r.state === state).length;
    return `| ${what} | ${rows.length} | ${n('yes')} | ${n('partly')} | ${n('no')} |`;
}

const bullets = (names, none) => [...(names.length ? names.map((name) => `- \`${name}\``) : [none]), ''];

export function write(judged) {
    return `${[
        '# Compatibility',
        '',
        'What of Discord\'s public API version 10 this server has. Written by `node tools/compatibility/generate.js`: do not edit.',
        'A `yes` is shown by a test that names it, a `partly` says what is missing. The form of every answer, the limits and the',
        'errors are in `/openapi.json` of each server.',
        '',
        '| | all | yes | partly | no |',
        '| --- | --- | --- | --- | --- |',
        counts('operations', judged.operations),
        counts('gateway events', judged.events),
        counts('gateway opcodes', judged.opcodes),
        '',
        '## Operations',
        '',
        ...table('operation', judged.operations),
        '## Gateway events',
        '',
        ...table('event', judged.events),
        '## Gateway opcodes',
        '',
        ...table('opcode', judged.opcodes),
        '## Beyond the public API',
        '',
        'Operations:',
        '',
        ...bullets(judged.operationsBeyond, 'None.'),
        'Events:',
        '',
        ...bullets(judged.eventsBeyond, 'None.'),
        'Opcodes:',
        '',
        ...table('opcode', judged.opcodesBeyond),
    ].join('\n').trimEnd()}\n`;
}
