// Goal: a link does what its state says, and everything it was given arrives in order once it is mended.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../e2e/harness.js';
import { Link } from './link.js';

const folder = mkdtempSync(join(tmpdir(), 'link-'));
let echo, link, heard = '';
before(async () => {
    echo = net.createServer((s) => s.on('error', () => {}).on('data', (d) => {
        heard += d;
        s.write(d);
    })).listen(join(folder, 'real'));
    await once(echo, 'listening');
    link = await new Link('link', join(folder, 'front'), join(folder, 'real')).open();
});
after(() => {
    link.close();
    echo.close();
    rmSync(folder, { recursive: true });
});

async function talk() {
    const s = net.connect(join(folder, 'front'));
    Object.assign(s, { got: '', gone: false });
    s.on('data', (d) => { s.got += d; }).on('error', () => {}).on('close', () => { s.gone = true; });
    await once(s, 'connect');
    return s;
}
const echoes = (s, text) => until(`${text} comes back`, () => s.got.endsWith(text), 2000, 2);

test('open: bytes go; cut: both sides end; refused: so does whoever comes', async () => {
    const s = await talk();
    s.write('one');
    await echoes(s, 'one');
    link.cut();
    await until('it is cut', () => s.gone);
    link.set('refused');
    const late = await talk();
    await until('it is refused', () => late.gone);
    link.mend();
    const next = await talk();
    next.write('two');
    await echoes(next, 'two');
    next.destroy();
});

test('hung: nothing goes and nothing ends; then all of it comes, in order', async () => {
    const s = await talk();
    link.set('hung');
    for (let i = 0; i < 100; i++) s.write(`${i},`);
    await sleep(50);
    assert.equal(s.got, '');
    assert.ok(!s.gone);
    link.mend();
    await echoes(s, Array.from({ length: 100 }, (_, i) => `${i},`).join(''));
    link.set('hung');
    s.write('never');
    link.cut();
    await until('it is cut though it hung', () => s.gone);
    link.mend();
});

test('mute: what is asked is heard, and no answer comes', async () => {
    const s = await talk();
    link.set('mute');
    heard = '';
    s.write('do it');
    await until('it is heard', () => heard === 'do it', 2000, 2);
    assert.equal(s.got, '');
    link.mend();
    await echoes(s, 'do it');
    s.destroy();
});

test('late: each piece takes its time; cut after so many bytes: in the middle of a piece', async () => {
    const s = await talk();
    link.delayMs = 40;
    const start = Date.now();
    s.write('late');
    await echoes(s, 'late');
    assert.ok(Date.now() - start >= 79, 'there and back');
    link.mend();
    heard = '';
    link.cutAfter = 4;
    s.write('truncated');
    await until('it is cut', () => s.gone);
    assert.equal(heard, 'trun');
    assert.equal(link.cutAfter, undefined);
});
