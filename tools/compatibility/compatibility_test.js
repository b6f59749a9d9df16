// Goal: docs/compatibility.md is what the generator prints, and each `yes` in it is shown by a test.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { judge, top, write } from './compatibility.js';

const judged = judge();

test('every yes is shown by a test, every row of facts.js is about something that is served', () => {
    assert.deepEqual(judged.problems, []);
});

test('docs/compatibility.md is up to date', () => {
    const written = readFileSync(join(top, 'docs/compatibility.md'), 'utf8');
    assert.ok(written === write(judged), 'run: bazel build //protos/... && node tools/compatibility/generate.js');
});

test('all of the public API is listed', () => {
    assert.ok(judged.operations.length >= 242, `${judged.operations.length} operations`);
    assert.ok(judged.events.length >= 79, `${judged.events.length} events`);
    assert.ok(judged.opcodes.length >= 13, `${judged.opcodes.length} opcodes`);
});
