// Which test names what. Read from the text of tests/{e2e,presence}/*.test.js, because those run only against a whole server; that they
// pass is what the same CI run shows.
//   operation  a row of the table in schemas.test.js, 'VERB /path': [schema, call], whose schema is the specification's;
//   event      its name as a string: 'MESSAGE_CREATE';
//   any        a comment `// shows: GET /gateway, MESSAGE_CREATE` above the test that shows it.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const VERBS = 'GET|PUT|POST|PATCH|DELETE';

// Path parameters have other names in the specification than with us.
export const shape = (operation) => operation.replace(/\{[^}]*\}/g, '{}');

function operationsOf(text) {
    const rows = [...text.matchAll(new RegExp(`^\\s*'((?:${VERBS}) /[^']*)': \\[(\\w+)`, 'gm'))];
    return rows.filter(([, , schema]) => schema !== 'OURS').map(([, operation]) => shape(operation));
}

const eventsOf = (text) => [...text.matchAll(/'([A-Z]+(?:_[A-Z]+)*)'/g)].map(([, name]) => name);

function marksOf(text) {
    return [...text.matchAll(/^\s*\/\/ shows: (.*)$/gm)].flatMap(([, list]) => list.split(', ').map((item) => shape(item.trim())));
}

export function readEvidence(top) {
    const files = ['tests/e2e', 'tests/presence'].flatMap((folder) =>
        readdirSync(join(top, folder)).filter((name) => name.endsWith('.test.js')).sort().map((name) => `${folder}/${name}`));
    const texts = files.map((name) => [name, readFileSync(join(top, name), 'utf8')]);
    const named = new Map();
    for (const [file, text] of texts)
        for (const item of [...operationsOf(text), ...eventsOf(text), ...marksOf(text)])
            if (!named.has(item)) named.set(item, file);
    return {
        file: (item) => named.get(shape(item)),
        fileWith: (words) => texts.find(([, text]) => text.includes(words))?.[0],
    };
}
