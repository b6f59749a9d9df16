// How the gateway hands out the client: compressed as asked, kept by browsers as long as is right, and under a strict policy.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Hubbub } from '../e2e/harness.js';
import { WEB_DIR } from './browser.js';
import { world } from './world.js';

describe('handing out the client', () => {
    const index = readFileSync(join(WEB_DIR, 'index.html'), 'utf8');
    const script = /src="(\/assets\/[^"]+\.js)"/.exec(index)[1];

    const ask = (path, { headers = {}, method = 'GET' } = {}) => new Promise((done, fail) => {
        http.request(world.hub.url + path, { method, headers }, (r) => {
            const parts = [];
            r.on('data', (d) => parts.push(d)).on('end', () => done({ status: r.statusCode, headers: r.headers, body: Buffer.concat(parts) }));
        }).on('error', fail).end();
    });

    test('the page is asked for each time, and may load from here alone', async () => {
        const { status, headers, body } = await ask('/');
        assert.equal(status, 200);
        assert.equal(body.toString(), index);
        assert.equal(headers['cache-control'], 'no-cache');
        assert.match(headers['content-security-policy'], /^default-src 'self';/);
        assert.doesNotMatch(headers['content-security-policy'], /unsafe|\*/);
        assert.equal((await ask('/', { headers: { 'If-None-Match': headers.etag } })).status, 304);
        for (const path of ['/verify', '/reset']) assert.deepEqual([(await ask(path)).body.toString(), (await ask(path)).headers['cache-control']], [index, 'no-cache'], path);
        assert.equal((await ask('/resetting')).status, 404);
    });

    test('a file comes in the best form that is taken, each with its own tag', async () => {
        const bytes = readFileSync(WEB_DIR + script);
        const tags = new Set();
        for (const [accept, encoding, decode] of [
            ['gzip, deflate, br', 'br', brotliDecompressSync],
            ['gzip;q=0.8, br;q=0', 'gzip', gunzipSync],
            ['br;q=0.000, identity', undefined, (b) => b],
            ['brotli, xgzip', undefined, (b) => b],
            [undefined, undefined, (b) => b],
        ]) {
            const { status, headers, body } = await ask(script, { headers: accept ? { 'Accept-Encoding': accept } : {} });
            assert.equal(status, 200, accept);
            assert.equal(headers['content-encoding'], encoding, accept);
            assert.ok(decode(body).equals(bytes), accept);
            assert.equal(headers['content-type'], 'text/javascript; charset=utf-8');
            assert.equal(headers['cache-control'], 'public, max-age=31536000, immutable');
            assert.equal(headers.vary, 'Accept-Encoding');
            tags.add(headers.etag);
        }
        assert.equal(tags.size, 3);
    });

    test('HEAD has no body; other verbs and other names are refused', async () => {
        const head = await ask(script, { method: 'HEAD' });
        assert.equal(head.body.length, 0);
        assert.equal(Number(head.headers['content-length']), readFileSync(WEB_DIR + script).length);
        assert.equal((await ask('/', { method: 'POST' })).status, 405);
        for (const path of ['/assets/', '/assets/none.js', '/assets/../index.html', '/assets/%2e%2e/index.html', `${script}.br`, `/assets/${'a'.repeat(4000)}`])
            assert.equal((await ask(path)).status, 404, path);
    });

    test('without a folder / tells of next steps', async () => {
        const bare = await Hubbub.start({ env: { HUBBUB_WEB_DIR: '' } });
        try {
            assert.match(await (await fetch(bare.url)).text(), /Hubbub is\s+running/);
        } finally {
            await bare.stop();
        }
    }, { timeout: 60_000 });
});
