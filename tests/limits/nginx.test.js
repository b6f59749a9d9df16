// Goal: behind nginx with TLS, set up as docs/operating.md says, REST, uploads and the gateway work by https and wss URLs only, and
// each client is counted by its own address, which it cannot make up.
import assert from 'node:assert/strict';
import https from 'node:https';
import { after, before, test } from 'node:test';
import { Hubbub, Op, PASSWORD, Socket, unique, until } from '../e2e/harness.js';
import { randomPort, startNginx } from '../e2e/nginx.js';

const port = randomPort();
const base = `https://127.0.0.1:${port}`;
let hub, nginx;

// By TLS, from 127.0.0.1 or another loopback address.
function ask(verb, path, { token, body, type = 'application/json', headers = {}, localAddress } = {}) {
    const payload = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
    return new Promise((resolve, reject) => {
        const request = https.request(path.startsWith('https:') ? path : `${base}${path}`, {
            method: verb, ca: nginx.ca, localAddress, timeout: 15_000,
            headers: { ...(token ? { authorization: token } : {}), ...(payload ? { 'content-type': type, 'content-length': payload.length } : {}), ...headers },
        }, (response) => {
            const chunks = [];
            response.on('data', (d) => chunks.push(d));
            response.on('end', () => {
                const bytes = Buffer.concat(chunks);
                const json = (response.headers['content-type'] ?? '').includes('json') && bytes.length;
                resolve({ status: response.statusCode, headers: response.headers, bytes, body: json ? JSON.parse(bytes) : bytes.toString() });
            });
        });
        request.on('error', reject);
        request.on('timeout', () => request.destroy(new Error(`${verb} ${path}: no answer in time`)));
        request.end(payload);
    });
}

before(async () => {
    hub = await Hubbub.start({ gateways: 2, env: { HUBBUB_RATELIMIT: 'on', HUBBUB_PUBLIC_URL: base, HUBBUB_TRUSTED_PROXIES: '127.0.0.1' } });
    nginx = startNginx(hub, port);
    await until('nginx answers', async () => {
        if (!nginx.running()) throw new Error(`nginx ended: ${nginx.said()}`);
        return (await ask('GET', '/ping').catch(() => ({}))).status === 200;
    });
}, { timeout: 120_000 });

after(async () => {
    await nginx?.stop();
    await hub?.stop();
}, { timeout: 60_000 });

test('every URL handed out is https or wss', async () => {
    assert.equal((await ask('GET', '/api/v10/gateway')).body.url, `wss://127.0.0.1:${port}`);
    const known = (await ask('GET', '/.well-known/spacebar/client')).body;
    assert.deepEqual([known.api.baseUrl, known.cdn.baseUrl, known.gateway.baseUrl], [`${base}/api`, base, `wss://127.0.0.1:${port}`]);
    assert.ok((await ask('GET', '/')).body.includes(`wss://127.0.0.1:${port}`));
});

test('a message and its file go out by https and come by wss', async () => {
    const name = unique('tls');
    const { body: { token } } = await ask('POST', '/api/v10/auth/register', { body: { username: name, password: PASSWORD, consent: true, date_of_birth: '1990-05-17' } });
    const { body: guild } = await ask('POST', '/api/v10/guilds', { token, body: { name } });
    const { body: channels } = await ask('GET', `/api/v10/guilds/${guild.id}/channels`, { token });
    const channel = channels.find((c) => c.type === 0).id;
    const { body: { url } } = await ask('GET', '/api/v10/gateway');
    const socket = new Socket(`${url}/?v=10&encoding=json`, { ws: { ca: nginx.ca } });
    await socket.op(Op.HELLO);
    socket.identify(token);
    const ready = (await socket.event('READY')).d;
    assert.equal(ready.resume_gateway_url, url);
    const file = Buffer.alloc(3_000_000, 'hubbub ');
    const parts = ['--b\r\nContent-Disposition: form-data; name="payload_json"\r\nContent-Type: application/json\r\n\r\n{"content":"over TLS"}\r\n',
        '--b\r\nContent-Disposition: form-data; name="files[0]"; filename="a.txt"\r\nContent-Type: text/plain\r\n\r\n', file, '\r\n--b--\r\n'];
    const sent = await ask('POST', `/api/v10/channels/${channel}/messages`, { token, type: 'multipart/form-data; boundary=b', body: Buffer.concat(parts.map((p) => Buffer.from(p))) });
    assert.equal(sent.status, 200, JSON.stringify(sent.body));
    const { d } = await socket.message('over TLS');
    assert.equal(d.id, sent.body.id);
    assert.ok(d.attachments[0].url.startsWith(`${base}/attachments/`), d.attachments[0].url);
    const got = await ask('GET', d.attachments[0].url);
    assert.ok(got.bytes.equals(file));
    socket.destroy();
    await socket.closed;
    const again = new Socket(`${ready.resume_gateway_url}/?v=10&encoding=json`, { ws: { ca: nginx.ca } });
    await again.op(Op.HELLO);
    again.resume(token, ready.session_id, socket.seq);
    await again.find('RESUMED or op 9', (f) => f.t === 'RESUMED' || f.op === Op.INVALID_SESSION);
    await again.close();
});

test('clients are counted by their own address, not by what they say it is', async () => {
    const left = async (localAddress, forwarded) => Number((await ask('GET', '/api/v10/invites/none', {
        localAddress, headers: forwarded ? { 'x-forwarded-for': forwarded } : {},
    })).headers['x-ratelimit-remaining']);
    assert.equal(await left('127.0.0.2'), 99);
    assert.equal(await left('127.0.0.2', '198.51.100.9'), 98);
    assert.equal(await left('127.0.0.2', '127.0.0.1, 127.0.0.3'), 97);
    assert.equal(await left('127.0.0.3'), 99);
});
