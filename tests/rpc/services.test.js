// Goal: the services speak TLS to each other when they are given certificates, know each other by them, and refuse whoever
// has none of their authority; and they tell of their own API to who has the cluster's secret, as the public reflection
// protocol has it. The certificates are made as docs/operating.md says.
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';
import { Op, withHubbub } from '../e2e/harness.js';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const reads = { keepCase: true, longs: String, defaults: true, enums: String, bytes: Buffer };
const folder = mkdtempSync(join(tmpdir().length < 40 ? tmpdir() : '/tmp', 'hubbub-tls-'));
after(() => rmSync(folder, { recursive: true }));

// A folder with ca.pem, service.pem and service.key, and the environment that names them.
function makeCertificates(name, change = (script) => script) {
    const place = join(folder, name);
    mkdirSync(place);
    const [, script] = readFileSync(join(root, 'docs/operating.md'), 'utf8').match(/```sh\n(umask 077\n[^`]*service\.pem\n)```/);
    execFileSync('bash', ['-euc', change(script)], { cwd: place, stdio: 'pipe' });
    const read = (file) => readFileSync(join(place, file));
    return {
        env: { HUBBUB_RPC_TLS_CERT: join(place, 'service.pem'), HUBBUB_RPC_TLS_KEY: join(place, 'service.key'), HUBBUB_RPC_TLS_CA: join(place, 'ca.pem') },
        ca: read('ca.pem'), key: read('service.key'), own: read('service.pem'),
    };
}
const ours = makeCertificates('ours');
const theirs = makeCertificates('theirs');
Object.assign(process.env, ours.env, { HUBBUB_RPC_REFLECTION: 'on' }); // of hubbub up and its commands

const up = withHubbub({ before, after }, { gateways: 2, chats: 2 });
const byName = { 'grpc.ssl_target_name_override': 'hubbub', 'grpc.default_authority': 'hubbub' };
const target = (name) => `unix:${up.hub.data}/run/${name}.sock`;
const call = (client, method, request, metadata = new grpc.Metadata(), ms = 5000) => new Promise((done) =>
    client[method](request, metadata, { deadline: Date.now() + ms }, (error, response) => done({ code: error?.code ?? 0, response })));
const withSecret = () => {
    const metadata = new grpc.Metadata();
    metadata.set('hubbub-secret', readFileSync(join(up.hub.data, 'secret'), 'utf8').trim());
    return metadata;
};

describe('certificates', () => {
    const Health = grpc.loadPackageDefinition(loader.loadSync(join(root, 'lib/rpc/health.proto'), reads)).grpc.health.v1.Health;

    test('people talk, over two gateways and two chats; a session moves between the gateways', async () => {
        const { owner, guild, channel, members: [other] } = await up.hub.guild(1);
        const [a, b] = [await owner.connect({ gateway: 0 }), await other.connect({ gateway: 1 })];
        await b.event('GUILD_CREATE', (d) => d.id === guild);
        for (let i = 0; i < 5; i++) await owner.say(channel, `through TLS ${i}`);
        for (const socket of [a, b]) await socket.message('through TLS 4');
        await a.event('PRESENCE_UPDATE', (d) => d.user.id === other.id && d.status === 'online');
        const { seq, ready } = b;
        b.destroy();
        await b.closed;
        await owner.say(channel, 'meanwhile');
        const moved = up.hub.socket({ gateway: 0 });
        await moved.op(Op.HELLO);
        moved.resume(other.token, ready.session_id, seq);
        await moved.message('meanwhile');
        await moved.event('RESUMED');
        const form = new FormData();
        form.append('payload_json', JSON.stringify({ content: 'a file' }));
        form.append('files[0]', new Blob(['kept by media']), 'a.txt');
        const sent = await (await fetch(`${up.hub.url}/api/v10/channels/${channel}/messages`, { method: 'POST', headers: { authorization: owner.token }, body: form })).json();
        assert.equal(await (await fetch(sent.attachments[0].url)).text(), 'kept by media');
        assert.match(up.hub.command('user', 'list'), new RegExp(owner.username));
        await Promise.all([a.close(), moved.close()]);
    });

    test('every service refuses a client without TLS, without a certificate, or with one of another authority', async () => {
        const clients = {
            right: [0, grpc.credentials.createSsl(ours.ca, ours.key, ours.own)],
            plain: [grpc.status.UNAVAILABLE, grpc.credentials.createInsecure()],
            'without a certificate': [grpc.status.UNAVAILABLE, grpc.credentials.createSsl(ours.ca)],
            foreign: [grpc.status.UNAVAILABLE, grpc.credentials.createSsl(ours.ca, theirs.key, theirs.own)],
        };
        for (const service of ['chat-1', 'chat-2', 'presence-1', 'media-1', 'gateway-1', 'gateway-2'])
            for (const [what, [code, credentials]] of Object.entries(clients)) {
                const client = new Health(target(service), credentials, { ...byName, 'grpc.initial_reconnect_backoff_ms': 60_000 });
                assert.equal((await call(client, 'Check', {})).code, code, `${service}: ${what}`);
                client.close();
            }
    });

    // `hubbub user list` at a chat of @grpc/grpc-js, which has no such method: its one line of failure.
    async function askChatOf(certificates) {
        const data = mkdtempSync(join(folder, 'fake-')), server = new grpc.Server();
        mkdirSync(join(data, 'run'));
        writeFileSync(join(data, 'secret'), readFileSync(join(up.hub.data, 'secret')), { mode: 0o600 });
        const credentials = grpc.ServerCredentials.createSsl(certificates.ca, [{ private_key: certificates.key, cert_chain: certificates.own }], false);
        await promisify(server.bindAsync.bind(server))(`unix:${data}/run/chat-1.sock`, credentials);
        const { code, stderr } = await promisify(execFile)(up.hub.program, ['user', 'list'], { env: { ...process.env, HUBBUB_DATA: data }, timeout: 30_000 }).catch((e) => e);
        server.forceShutdown();
        assert.equal(code, 1);
        return stderr;
    }

    test('a client of ours tells a server of another authority nothing', async () => {
        assert.match(await askChatOf(ours), /404: Not Found/);
        assert.match(await askChatOf(theirs), /503: Service Unavailable/);
    });

    test('what is wrong with them is said at the start, in one line', async () => {
        const wrongName = makeCertificates('wrong-name', (script) => script.replaceAll('DNS:hubbub', 'DNS:elsewhere'));
        const clientOnly = makeCertificates('client-only', (script) => script.replace('serverAuth,', ''));
        const cases = [
            [{ HUBBUB_RPC_TLS_KEY: '' }, /HUBBUB_RPC_TLS_KEY=: it is needed as well: all three/],
            [{ HUBBUB_RPC_TLS_CA: '', HUBBUB_RPC_TLS_CERT: '' }, /HUBBUB_RPC_TLS_CERT=: it is needed as well/],
            [{ HUBBUB_RPC_TLS_CA: 'ca.pem' }, /HUBBUB_RPC_TLS_CA=ca.pem: an absolute path is needed/],
            [{ HUBBUB_RPC_TLS_CERT: '/none.pem' }, /HUBBUB_RPC_TLS_CERT=\/none.pem: No such file/],
            [{ HUBBUB_RPC_TLS_CERT: ours.env.HUBBUB_RPC_TLS_KEY }, /HUBBUB_RPC_TLS_CERT=.*: no PEM certificate is in it/],
            [{ HUBBUB_RPC_TLS_KEY: ours.env.HUBBUB_RPC_TLS_CA }, /HUBBUB_RPC_TLS_KEY=.*: no PEM private key/],
            [{ HUBBUB_RPC_TLS_KEY: theirs.env.HUBBUB_RPC_TLS_KEY }, /HUBBUB_RPC_TLS_KEY=.*: it is not the key of HUBBUB_RPC_TLS_CERT/],
            [{ HUBBUB_RPC_TLS_CA: theirs.env.HUBBUB_RPC_TLS_CA }, /HUBBUB_RPC_TLS_CERT=.*: .*certificate/],
            [wrongName.env, /HUBBUB_RPC_TLS_CERT=.*: it is not for the name hubbub/],
            [clientOnly.env, /HUBBUB_RPC_TLS_CERT=.*: .*purpose/],
        ];
        const bin = dirname(up.hub.program), media = [join(bin, 'media'), join(bin, '../../services/media/media')].find(existsSync);
        for (const [env, expected] of cases) {
            const options = { encoding: 'utf8', timeout: 20_000, env: { ...process.env, HUBBUB_DATA: join(folder, 'nothing'), HUBBUB_CLUSTER_SECRET: 'x', ...env } };
            const start = spawnSync(up.hub.program, ['up'], options);
            assert.deepEqual([start.status, start.stderr.trim().split('\n').length], [2, 1], start.stderr);
            assert.match(start.stderr, expected);
            const service = spawnSync(media, [], options);
            assert.equal(service.status, 2);
            assert.match(service.stdout + service.stderr, expected);
        }
    });

    test('hubbub doctor knows them, and when they end', () => {
        const soon = makeCertificates('soon', (script) => script.replace('-days 365 ', '-days 5 '));
        const doctor = (env) => spawnSync(up.hub.program, ['doctor'], { encoding: 'utf8', timeout: 60_000,
            env: { ...process.env, HUBBUB_DATA: up.hub.data, HUBBUB_LISTEN: `127.0.0.1:${up.hub.port}`, ...env } }).stdout;
        assert.match(doctor({}), /^ok +certificates between services: right for 36[45] days$/m);
        assert.match(doctor(soon.env), /^warn +certificates between services: one ends in [45] days/m);
        assert.match(doctor({ HUBBUB_RPC_TLS_KEY: theirs.env.HUBBUB_RPC_TLS_KEY }), /^fail +configuration of hubbub: .*HUBBUB_RPC_TLS_KEY=.*not the key/m);
        assert.match(doctor({ HUBBUB_RPC_TLS_CERT: '', HUBBUB_RPC_TLS_KEY: '', HUBBUB_RPC_TLS_CA: '' }), /^ok +certificates between services: none/m);
    });
});

for (const version of ['v1', 'v1alpha'])
    describe(`reflection ${version}`, () => {
        // The protocol as gRPC's own package has it.
        const Reflection = grpc.loadPackageDefinition(loader.loadSync(join(root, `node_modules/@grpc/reflection/build/proto/grpc/reflection/${version}/reflection.proto`), reads)).grpc.reflection[version].ServerReflection;
        const credentials = grpc.credentials.createSsl(ours.ca, ours.key, ours.own);
        const connect = (Service, name) => new Service(target(name), credentials, byName);
        // The answers to the questions, all on one stream.
        const ask = (name, questions, metadata = withSecret()) => new Promise((done, fail) => {
            const client = connect(Reflection, name), answers = [];
            const stream = client.ServerReflectionInfo(metadata, { deadline: Date.now() + 10_000 });
            stream.on('data', (a) => answers.push(a)).on('end', () => done(answers)).on('error', fail).on('close', () => client.close());
            for (const q of questions) stream.write(q);
            stream.end();
        });
        const one = async (name, question) => (await ask(name, [question]))[0];
        const packed = (answer) => answer.file_descriptor_response.file_descriptor_proto;
        const nameOf = (file) => file.subarray(2, 2 + file[1]).toString(); // the first field of a FileDescriptorProto
        // A client made of nothing but what the server told: the files as a FileDescriptorSet.
        const clientOf = (files, service, name) => {
            const varint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >>> 7)]);
            const set = Buffer.concat(files.flatMap((f) => [Buffer.from([0x0a, ...varint(f.length)]), f]));
            return connect(grpc.makeGenericClientConstructor(loader.loadFileDescriptorSetFromBuffer(set, reads)[service], service), name);
        };

        test('each service names its own, and itself', async () => {
            const common = ['grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];
            const names = async (service) => (await one(service, { list_services: '*' })).list_services_response.service.map((s) => s.name).sort();
            assert.deepEqual(await names('presence-1'), [...common, 'hubbub.v1.Presences']);
            assert.deepEqual(await names('gateway-1'), [...common, 'hubbub.v1.Gateway']);
            const chat = await names('chat-1');
            for (const name of [...common, 'hubbub.v1.Messages', 'hubbub.v1.Guilds', 'hubbub.v1.Feeds']) assert.ok(chat.includes(name), name);
            assert.ok(!chat.includes('hubbub.v1.Presences'));
        });

        test('a client made of the answers calls the service', async () => {
            const files = packed(await one('chat-1', { file_containing_symbol: 'hubbub.v1.Administration' }));
            const client = clientOf(files, 'hubbub.v1.Administration', 'chat-1');
            const person = await up.hub.register();
            const metadata = withSecret();
            metadata.set('hubbub-admin', '1');
            const { code, response } = await call(client, 'GetAccount', { user_id: person.id }, metadata);
            assert.equal(code, 0);
            assert.deepEqual([response.id, response.username], [person.id, person.username]);
            client.close();
        });

        test('a file by its name comes with what it imports', async () => {
            const answer = await one('chat-1', { host: 'here', file_by_filename: 'hubbub/v1/messages.proto' });
            assert.equal(answer.valid_host, 'here');
            assert.equal(answer.original_request.file_by_filename, 'hubbub/v1/messages.proto');
            const names = packed(answer).map(nameOf);
            assert.equal(names[0], 'hubbub/v1/messages.proto');
            for (const imported of ['hubbub/v1/common.proto', 'hubbub/v1/options.proto', 'google/protobuf/descriptor.proto']) assert.ok(names.includes(imported), imported);
            assert.equal(new Set(names).size, names.length);
        });

        test('symbols of every kind are found', async () => {
            const name = (answer) => (answer.error_response ? answer.error_response.error_code : nameOf(packed(answer)[0]));
            const expected = {
                'hubbub.v1.Message': 'hubbub/v1/messages.proto', // a message
                'hubbub.v1.Message.content': 'hubbub/v1/messages.proto', // its field
                'hubbub.v1.Messages': 'hubbub/v1/messages.proto', // a service
                'hubbub.v1.Messages.Create': 'hubbub/v1/messages.proto', // its method
                'hubbub.v1.rule': 'hubbub/v1/options.proto', // an extension
                'google.protobuf.FieldDescriptorProto.Type': 'google/protobuf/descriptor.proto', // an enum in a message
                'google.protobuf.FieldDescriptorProto.TYPE_INT64': 'google/protobuf/descriptor.proto', // its value
                'google.protobuf.DescriptorProto.ExtensionRange.start': 'google/protobuf/descriptor.proto', // a field of a nested message
                'hubbub.v1.Mess': 5, 'hubbub.v1': 5, '': 5, 'hubbub.v1.Message.content.x': 5, 'hubbub.v1.Messages.Create.x': 5,
            };
            const symbols = Object.keys(expected);
            const answers = await ask('chat-1', symbols.map((s) => ({ file_containing_symbol: s })));
            assert.deepEqual(Object.fromEntries(symbols.map((s, i) => [s, name(answers[i])])), expected);
        });

        test('extensions: where one is, and which numbers a type has', async () => {
            const numbers = await one('chat-1', { all_extension_numbers_of_type: 'google.protobuf.FieldOptions' });
            const { base_type_name, extension_number } = numbers.all_extension_numbers_response;
            assert.equal(base_type_name, 'google.protobuf.FieldOptions');
            assert.ok(extension_number.length > 0);
            const [rule] = extension_number;
            const found = await one('chat-1', { file_containing_extension: { containing_type: 'google.protobuf.FieldOptions', extension_number: rule } });
            assert.equal(nameOf(packed(found)[0]), 'hubbub/v1/options.proto');
            const http = await one('chat-1', { file_containing_extension: { containing_type: 'google.protobuf.MethodOptions', extension_number: 72295728 } });
            assert.equal(nameOf(packed(http)[0]), 'google/api/annotations.proto');
            const [none, unknown, empty, missing] = await ask('chat-1', [
                { file_containing_extension: { containing_type: 'google.protobuf.FieldOptions', extension_number: 1 } },
                { all_extension_numbers_of_type: 'hubbub.v1.Nothing' },
                { all_extension_numbers_of_type: 'hubbub.v1.Message' },
                {},
            ]);
            assert.equal(none.error_response.error_code, grpc.status.NOT_FOUND);
            assert.equal(unknown.error_response.error_code, grpc.status.NOT_FOUND);
            assert.deepEqual(empty.all_extension_numbers_response.extension_number, []);
            assert.equal(missing.error_response.error_code, grpc.status.INVALID_ARGUMENT);
        });

        test('without the secret nothing is told', async () => {
            await assert.rejects(ask('chat-1', [{ list_services: '*' }], new grpc.Metadata()), (e) => e.code === grpc.status.UNAUTHENTICATED);
        });
    });
