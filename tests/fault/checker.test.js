// Goal: the checker finds what it is for. A clean run is clean; each planted fault is named, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from './checker.js';

const heard = (...ids) => ids.map((id) => ({ id, channel: 'c', nonce: `n${id}` }));
function cleanRun() {
    return {
        sends: ['1', '2', '3'].map((id) => ({ nonce: `n${id}`, channel: 'c', answer: 'acknowledged', id })),
        stored: { c: ['1', '2', '3'].map((id) => ({ id, nonce: `n${id}` })) },
        readers: [{ name: 'early', first: {}, heard: heard('1', '2', '3') }, { name: 'late', first: { c: '2' }, heard: heard('3') }],
    };
}
const PLANTED = [
    ['a lost message', (r) => { r.stored.c.pop(); for (const x of r.readers) x.heard.pop(); }, ['n3 was acknowledged and is lost']],
    ['a doubled one', (r) => r.sends.pop() && (r.stored.c[2].nonce = 'n2'), ['n2 is stored twice', 'n2 was acknowledged as 2 and is stored as 3']],
    ['a refused one that is stored', (r) => { r.sends[2].answer = 'refused'; }, ['n3 was refused and is stored']],
    ['another id than was answered', (r) => { r.sends[0].id = '9'; }, ['n1 was acknowledged as 9 and is stored as 1']],
    ['a gap', (r) => r.readers[0].heard.splice(1, 1), ['early never heard 2 (n2)']],
    ['a lost tail', (r) => r.readers[1].heard.pop(), ['late never heard 3 (n3)']],
    ['an inversion', (r) => r.readers[0].heard.splice(0, 2, ...heard('2', '1')), ['early heard 1 (n1) behind 2']],
    ['one heard twice', (r) => r.readers[0].heard.push(...heard('2')), ['early heard 2 (n2) twice']],
    ['one that nobody stored', (r) => r.readers[1].heard.push(...heard('7')), ['late heard 7 (n7), which is not stored']],
    ['a history out of order', (r) => { r.stored.c.reverse(); }, ['history of c: 2 behind 3', 'history of c: 1 behind 2']],
];

test('a clean run is clean', () => assert.deepEqual(check(cleanRun()), { violations: [], repeats: 0 }));
for (const [what, plant, found] of PLANTED)
    test(`${what} is found`, () => {
        const run = cleanRun();
        plant(run);
        assert.deepEqual(check(run).violations, found);
    });
test('what a killed gateway\'s session hears again is counted, and no fault', () => {
    const run = cleanRun();
    run.readers[0].heard.push({ ...heard('3')[0], repeatable: true });
    assert.deepEqual(check(run), { violations: [], repeats: 1 });
});
test('an unknown answer may be either', () => {
    const run = cleanRun();
    run.sends[0].answer = 'unknown';
    run.sends.push({ nonce: 'n4', channel: 'c', answer: 'unknown' });
    assert.deepEqual(check(run).violations, []);
});
