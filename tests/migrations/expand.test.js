// Goal: every migration after the first only expands, so that the version before runs on beside it; each rule is seen to catch what
// breaks it.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { top } from '../e2e/harness.js';
import { statements, violations } from './expand.js';

const folder = join(top, 'services/chat/migrations');
const files = readdirSync(folder).sort();

for (const file of files.slice(1))
    test(`${file} only expands`, () => {
        const sql = readFileSync(join(folder, file), 'utf8');
        assert.ok(statements(sql).length);
        assert.deepEqual(violations(sql), []);
    });

const BREAKS = [
    ['DROP TABLE users', 'nothing is dropped'],
    ['ALTER TABLE users DROP COLUMN bio', 'nothing is dropped'],
    ['ALTER TABLE users\n  ADD COLUMN x int, DROP bio', 'nothing is dropped'],
    ['ALTER TABLE users RENAME COLUMN bio TO about', 'nothing is renamed'],
    ['ALTER TABLE users RENAME TO people', 'nothing is renamed'],
    ['ALTER TABLE users ALTER COLUMN flags TYPE int', 'no column changes its type'],
    ['ALTER TABLE users ALTER flags SET DATA TYPE int', 'no column changes its type'],
    ['ALTER TABLE users ALTER COLUMN email SET NOT NULL', 'no column becomes NOT NULL'],
    ['ALTER TABLE users ALTER COLUMN flags DROP NOT NULL', 'no NULL comes where older versions expect none'],
    ['ALTER TABLE users ALTER COLUMN flags SET DEFAULT 1', 'no default goes away or changes'],
    ['ALTER TABLE users ALTER COLUMN flags DROP DEFAULT', 'no default goes away or changes'],
    ['ALTER TABLE users ADD COLUMN x int NOT NULL', 'a new column is nullable or has a default'],
    ['ALTER TABLE users ADD COLUMN y int DEFAULT 1, ADD COLUMN x int NOT NULL', 'a new column is nullable or has a default'],
    ['ALTER TABLE users ADD COLUMN x int NOT NULL, ADD COLUMN y int NOT NULL DEFAULT 1', 'a new column is nullable or has a default'],
    ['ALTER TABLE users ADD COLUMN x text UNIQUE', 'a new column does not repeat another\'s value'],
    ['ALTER TABLE users ADD CONSTRAINT c CHECK (flags >= 0)', 'no constraint is put on what older versions write'],
    ['ALTER TABLE users ADD FOREIGN KEY (id) REFERENCES bots', 'no constraint is put on what older versions write'],
    ['CREATE UNIQUE INDEX ON users (email)', 'no constraint is put on what older versions write'],
    ['CREATE TRIGGER t BEFORE INSERT ON users EXECUTE FUNCTION f()', 'no trigger or rule stands in the way of older versions'],
    ['CREATE OR REPLACE FUNCTION next_id() RETURNS bigint LANGUAGE sql AS $$ SELECT 1; SELECT 2 $$', 'no function is replaced'],
    ['DELETE FROM users', 'nothing is deleted'],
    ['TRUNCATE users', 'nothing is deleted'],
];
for (const [sql, rule] of BREAKS)
    test(`refused: ${sql}`, () => assert.deepEqual(violations(`-- a; comment\nCREATE TABLE other (id int);\n${sql};`).map((v) => v.rule), [rule]));

const KEEPS = [
    'ALTER TABLE users ADD COLUMN x int',
    'ALTER TABLE users ADD COLUMN x text NOT NULL DEFAULT \'; DROP TABLE users\'',
    'ALTER TABLE users ADD COLUMN x int DEFAULT 1 NOT NULL, ADD y int',
    'CREATE INDEX ON users (email)',
    'DROP INDEX users_x',
    'CREATE TABLE t (id int); CREATE UNIQUE INDEX ON t (id); ALTER TABLE t ADD CHECK (id > 0)',
];
for (const sql of KEEPS)
    test(`fine: ${sql}`, () => assert.deepEqual(violations(sql), []));
