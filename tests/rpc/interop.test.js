// Goal: lib/rpc is gRPC, not only something that talks to itself: its server answers @grpc/grpc-js, and its client is content
// with a server of @grpc/grpc-js. PROBE_SERVER and PROBE_CLIENT name the two programs of this folder.
import { test, before, after, describe } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const load = (...files) =>
  loader.loadSync(files.map((f) => path.join(root, f)), { keepCase: true, longs: String, defaults: true, enums: String });
const probe = load('lib/rpc/testing/probe.proto');
const health = load('lib/rpc/health.proto');
const common = load('protos/hubbub/v1/common.proto');
const statusRows = [...fs.readFileSync(path.join(root, 'lib/base/status.def'), 'utf8').matchAll(/^STATUS\((\w+), (\d+), \d+, \d+, "(.*)"\)$/gm)]
  .map(([, name, code, text], number) => ({ name, code: Number(code), text, number }));
const row = (name) => statusRows.find((r) => r.name === name);
const Probe = grpc.loadPackageDefinition(probe).hubbub.probe.v1.Probe;
const Health = grpc.loadPackageDefinition(health).grpc.health.v1.Health;
const ErrorDetail = common['hubbub.v1.ErrorDetail'];

const call = (client, method, request, { metadata = new grpc.Metadata(), ...options } = {}) =>
  new Promise((resolve) => {
    const c = client[method](request, metadata, options, (error, response) => resolve({ error, response, call: c }));
    c.on('status', (status) => (c.last = status));
  });
const from = (ms) => ({ deadline: Date.now() + ms });
const collect = async (stream) => {
  const messages = [];
  let error;
  stream.on('data', (m) => messages.push(m));
  stream.on('error', (e) => (error = e));
  await Promise.race([once(stream, 'end').catch(() => {}), once(stream, 'error')]);
  return { messages, error };
};

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rpc-interop-'));
after(() => fs.rmSync(folder, { recursive: true }));

async function startServer(listen) {
  const child = spawn(process.env.PROBE_SERVER, [listen], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  while (!output.includes('\n')) await once(child.stdout, 'data');
  const port = output.trim();
  return { child, target: listen.startsWith('unix:') ? listen : `127.0.0.1:${port}`, output: () => output };
}

for (const listen of ['127.0.0.1:0', `unix:${folder}/probe.sock`]) {
  describe(`grpc-js calls our server at ${listen.split(':')[0]}`, () => {
    let server, client, checker;
    before(async () => {
      server = await startServer(listen);
      client = new Probe(server.target, grpc.credentials.createInsecure());
      checker = new Health(server.target, grpc.credentials.createInsecure());
    });
    after(() => {
      client.close();
      checker.close();
      server.child.kill('SIGKILL');
    });

    test('unary, with what the headers say', async () => {
      const metadata = new grpc.Metadata();
      metadata.set('hubbub-user', '175928847299117063');
      metadata.set('hubbub-admin', '1');
      metadata.set('hubbub-reason', 'gr%C3%BCn%21');
      metadata.set('x-request-id', 'interop-1');
      metadata.set('other-bin', Buffer.from([0, 1, 255]));
      const { error, response } = await call(client, 'Echo', { text: 'grüße' }, { metadata });
      assert.equal(error, null);
      assert.equal(response.text, 'grüße');
      assert.equal(response.user, '175928847299117063');
      assert.deepEqual([response.bot, response.admin, response.reason, response.request_id], [false, true, 'grün!', 'interop-1']);
    });

    test('a call without a deadline gets the method\'s', async () => {
      const { response } = await call(client, 'Echo', {});
      assert.ok(Number(response.left_ms) > 4000 && Number(response.left_ms) <= 5000, response.left_ms);
    });

    test('every status: gRPC code, text, and the detail in the trailer', async () => {
      for (const r of statusRows.slice(1)) {
        const { error } = await call(client, 'Fail', { number: r.number });
        assert.equal(error.code, r.code, r.name);
        assert.equal(error.details, r.text);
        const detail = ErrorDetail.deserialize(error.metadata.get('hubbub-error-bin')[0]);
        assert.equal(detail.status, r.number);
        assert.equal(detail.leaves.length, r.name === 'INVALID_FORM' ? 2 : 0);
      }
    });

    test('the trailer of feed entries', async () => {
      const { error, call: c } = await call(client, 'Write', { number: 2 });
      assert.equal(error, null);
      assert.equal(c.last.metadata.get('hubbub-feed-bin').length, 1);
    });

    test('deadline', async () => {
      const begun = Date.now();
      const { error } = await call(client, 'Sleep', { number: 3000 }, from(150));
      assert.equal(error.code, grpc.status.DEADLINE_EXCEEDED);
      assert.ok(Date.now() - begun < 1500);
    });

    test('cancel', async () => {
      const error = await new Promise((resolve) => {
        const c = client.Sleep({ number: 3000 }, resolve);
        setTimeout(() => c.cancel(), 150);
      });
      assert.equal(error.code, grpc.status.CANCELLED);
    });

    test('unknown method and unknown service are answered at once', async () => {
      for (const name of ['/hubbub.probe.v1.Probe/Nothing', '/no.such.Service/Echo', '/x', '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo']) {
        const begun = Date.now();
        const error = await new Promise((resolve) =>
          client.makeUnaryRequest(name, (b) => b, (b) => b, Buffer.alloc(0), new grpc.Metadata(), from(5000), resolve));
        assert.equal(error.code, grpc.status.UNIMPLEMENTED);
        assert.ok(Date.now() - begun < 1500);
      }
    });

    test('bytes that are no message', async () => {
      for (const bytes of [[0x0a, 0xff], [0xff, 0xff, 0xff, 0xff], [0x08, 0x05], [0x22, 0x02, 0x0a, 0x09]]) {
        const error = await new Promise((resolve) =>
          client.makeUnaryRequest('/hubbub.probe.v1.Probe/Echo', (b) => b, (b) => b, Buffer.from(bytes), new grpc.Metadata(), from(5000), resolve));
        assert.equal(error.code, grpc.status.INTERNAL);
      }
    });

    test('a compressed request', async () => {
      const zipped = new Probe(server.target, grpc.credentials.createInsecure(), { 'grpc.default_compression_algorithm': 2 });
      const { error, response } = await call(zipped, 'Echo', { text: 'x'.repeat(100000) });
      assert.equal(error, null);
      assert.equal(response.text.length, 100000);
      zipped.close();
    });

    test('a request that is too large', async () => {
      const { error } = await call(client, 'Echo', { blob: Buffer.alloc(5 << 20) }, from(5000));
      assert.equal(error.code, grpc.status.RESOURCE_EXHAUSTED);
    });

    test('client stream', async () => {
      const { error, response } = await new Promise((resolve) => {
        const stream = client.Upload((error, response) => resolve({ error, response }));
        for (let i = 0; i < 100; i++) stream.write({ blob: Buffer.alloc(50000) });
        stream.end();
      });
      assert.equal(error, null);
      assert.equal(response.total, '5000000');
    });

    test('server stream, to its end and to an error', async () => {
      const good = await collect(client.Download({ number: 100, blob: Buffer.alloc(50000) }));
      assert.equal(good.error, undefined);
      assert.equal(good.messages.length, 100);
      const bad = await collect(client.Download({ number: 3, text: 'fail' }));
      assert.equal(bad.messages.length, 3);
      assert.equal(bad.error.details, row('UNKNOWN_ASSET').text);
    });

    test('both ways', async () => {
      const stream = client.Talk();
      for (let i = 0; i < 20; i++) stream.write({ number: i });
      stream.end();
      const { messages, error } = await collect(stream);
      assert.equal(error, undefined);
      assert.deepEqual(messages.map((m) => m.number), [...Array(20).keys()]);
    });

    test('health', async () => {
      assert.equal((await call(checker, 'Check', {})).response.status, 'SERVING');
      assert.equal((await call(checker, 'Check', { service: 'hubbub.probe.v1.Probe' })).response.status, 'SERVING');
      assert.equal((await call(checker, 'Check', { service: 'nothing' })).error.code, grpc.status.NOT_FOUND);
    });

    test('what is no HTTP/2 does not disturb it', async () => {
      const socket = net.connect(listen.startsWith('unix:') ? { path: listen.slice(5) } : { port: Number(server.target.split(':')[1]), host: '127.0.0.1' });
      socket.on('error', () => {}); // a reset is as good an end as any
      socket.resume();
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n' + '\0\xff'.repeat(5000));
      await closed;
      assert.equal((await call(client, 'Echo', {})).error, null);
    });

    test('SIGTERM: what runs ends well, the watcher is told, and the process goes', async () => {
      const watcher = checker.Watch({});
      const states = [];
      watcher.on('data', (m) => states.push(m.status));
      watcher.on('error', (e) => states.push(e.code));
      await once(watcher, 'data');
      const running = call(client, 'Sleep', { number: 600 });
      await new Promise((r) => setTimeout(r, 200));
      server.child.kill('SIGTERM');
      const [code] = await once(server.child, 'exit');
      assert.equal((await running).error, null);
      assert.equal(code, 0);
      assert.deepEqual(states, ['SERVING', 'NOT_SERVING']);
      assert.match(server.output(), /cancelled 2 broken 0/);
    });
  });
}

// ---- The other way ---------------------------------------------------------------------------------------------------

let cancelled = 0;
const detailOf = (number) => {
  const metadata = new grpc.Metadata();
  const leaf = { path: 'content', code: 'BASE_TYPE_REQUIRED', message: 'x' };
  metadata.set('hubbub-error-bin', ErrorDetail.serialize({ status: number, message: 'böse', leaves: [leaf] }));
  return metadata;
};
const implementation = {
  Echo({ request, metadata }, done) {
    if (request.text === 'garbage') return done(null, { raw: Buffer.from([0x0a, 0xff]) });
    done(null, { text: `${request.text} ${metadata.get('hubbub-user')[0]} ${metadata.get('hubbub-reason')[0]}` });
  },
  Fail({ request }, done) {
    if (request.text === 'plain') return done({ code: request.number, details: 'plain' });
    if (request.text === 'detail') return done({ code: 3, details: 'x', metadata: detailOf(request.number) });
    const metadata = new grpc.Metadata();
    metadata.set('hubbub-error-bin', Buffer.from([0xff, 0xff, 0xff]));
    done({ code: request.number, details: 'x', metadata });
  },
  Write(_, done) {
    const trailer = new grpc.Metadata();
    trailer.set('hubbub-feed-bin', Buffer.from([0x12, 0x02, 0x10, 0x01, 0x12, 0x02, 0x10, 0x02]));
    done(null, {}, trailer);
  },
  Sleep(c, done) {
    if (c.request.text === 'seen?') return done(null, { text: `${cancelled} cancelled` });
    const timer = setTimeout(() => done(null, {}), c.request.number);
    c.on('cancelled', () => {
      clearTimeout(timer);
      cancelled++;
    });
  },
  Slow: (_, done) => done(null, {}),
  Upload(stream, done) {
    let total = 0;
    stream.on('data', (m) => (total += m.blob.length)).on('end', () => done(null, { total }));
  },
  Download(stream) {
    const { number, blob, text } = stream.request;
    for (let i = 0; i < number; i++) stream.write({ number: i, blob });
    if (text === 'fail') stream.emit('error', { code: 5, details: 'x', metadata: detailOf(row('UNKNOWN_ASSET').number) });
    else stream.end();
  },
  Talk(stream) {
    stream.on('data', (m) => stream.write(m)).on('end', () => stream.end());
  },
};

test('our client calls a server of grpc-js', async () => {
  const server = new grpc.Server();
  const service = { ...Probe.service };
  const { responseSerialize } = service.Echo;
  service.Echo = { ...service.Echo, responseSerialize: (m) => m.raw ?? responseSerialize(m) };
  server.addService(service, implementation);
  const port = await new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))));
  const child = spawn(process.env.PROBE_CLIENT, [`127.0.0.1:${port}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const [code] = await once(child, 'close');
  server.forceShutdown();
  assert.doesNotMatch(output, /WRONG/);
  assert.match(output, /the loop is free/);
  assert.equal(code, 0);
});
