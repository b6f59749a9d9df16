// Goal: client libraries that ask for compression work on it unchanged: discord.py and oceanic.js with zlib-stream, discord.js with
// IDENTIFY's compress, python3-websockets with a decompressobj; and a browser's DecompressionStream.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Client, Events, GatewayIntentBits, SimpleShardingStrategy } from 'discord.js';
import { Client as Oceanic } from 'oceanic.js';
import { exchange, until, withHubbub } from '../e2e/harness.js';
import { webInflater } from './zlib_socket.js';

const here = dirname(fileURLToPath(import.meta.url));
const CHROMIUM = '/usr/bin/chromium';
const up = withHubbub({ before, after });

async function compressedBytes() {
    const { body } = await exchange(`http://127.0.0.1:${up.hub.adminPort('gateway-1')}`, 'GET', '/metrics');
    return Number(body.match(/^hubbub_gateway_compressed_bytes_total\{[^}]*stage="after"[^}]*\} (\d+)/m)[1]);
}

// Debian's Python with what it prints, line by line.
function python(t, script, ...args) {
    const child = spawn('/usr/bin/python3', [join(here, script), ...args.map(String)], { stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => child.kill('SIGKILL'));
    const process = { lines: [], errors: '', exited: once(child, 'exit') };
    createInterface({ input: child.stdout }).on('line', (line) => process.lines.push(line));
    child.stderr.on('data', (d) => { process.errors += d; });
    process.line = (text, ms = 30_000) => until(`"${text}" of ${script}`, () => {
        if (child.exitCode !== null && !process.lines.includes(text)) throw new Error(`${script} ended: ${process.errors}`);
        return process.lines.includes(text);
    }, ms).catch((e) => { throw new Error(`${e.message}\n${process.errors}`); });
    return process;
}

async function botIn(world) {
    return up.hub.bot(world.owner, { guild: world.guild });
}

test('discord.py answers, loses its socket, resumes and answers again', { timeout: 90_000 }, async (t) => {
    const world = await up.hub.guild(1);
    const account = await botIn(world), before = await compressedBytes();
    const bot = python(t, 'pingbot.py', `${up.hub.url}/api/v10`, account.secret);
    await bot.line('ready');
    const [person] = world.members, socket = await person.connect();
    await person.say(world.channel, '!ping');
    await socket.message('pong from discord.py');
    assert.ok(await compressedBytes() > before);
    await person.say(world.channel, '!drop');
    await bot.line('resumed');
    await person.say(world.channel, '!ping');
    await until('the second pong', () => socket.dispatched('MESSAGE_CREATE').filter((m) => m.content === 'pong from discord.py').length === 2);
    assert.doesNotMatch(bot.errors, /Traceback/);
    await socket.close();
});

test('python3-websockets with a decompressobj reads 300 messages', { timeout: 90_000 }, async (t) => {
    const world = await up.hub.guild(3);
    const account = await botIn(world), people = [world.owner, ...world.members];
    const url = `ws://127.0.0.1:${up.hub.port}/?v=10&encoding=json&compress=zlib-stream`;
    const client = python(t, 'stream_client.py', url, account.secret, 300);
    await client.line('ready');
    await Promise.all(people.map(async (person, k) => {
        for (let i = 0; i < 300 / people.length; i++) await person.say(world.channel, `${k} ${i} ${'grüße '.repeat(i % 50)}`.trim());
    }));
    const [code] = await client.exited;
    assert.equal(code, 0, client.errors);
    const stored = (await world.owner.history(world.channel)).map((m) => m.content).filter((c) => /^\d /.test(c));
    assert.deepEqual(client.lines.filter((l) => l !== 'ready').map((l) => JSON.parse(l)), stored);
});

test('oceanic.js reads a zlib-stream with its native inflater, and resumes', { timeout: 60_000 }, async (t) => {
    const world = await up.hub.guild();
    const account = await botIn(world), before = await compressedBytes();
    const bot = new Oceanic({
        auth: `Bot ${account.secret}`, rest: { baseURL: `${up.hub.url}/api/v10` },
        gateway: { intents: ['GUILDS', 'GUILD_MESSAGES', 'MESSAGE_CONTENT'], compress: 'zlib-stream', compressLibrary: 'native' },
    });
    const heard = [], errors = [];
    bot.on('error', (e) => errors.push(e));
    bot.on('messageCreate', (m) => heard.push(m.content));
    const ready = once(bot, 'ready');
    t.after(() => bot.disconnect(false));
    await bot.connect();
    await ready;
    assert.equal(bot.user.id, account.id);
    for (let i = 0; i < 20; i++) await world.owner.say(world.channel, `one ${i}`);
    await until('20 messages', () => heard.length === 20);
    const resumed = once(bot, 'shardResume');
    bot.shards.get(0).ws.terminate();
    for (let i = 0; i < 5; i++) await world.owner.say(world.channel, `two ${i}`);
    await resumed;
    await until('5 more', () => heard.length === 25);
    assert.deepEqual(heard.slice(20), [0, 1, 2, 3, 4].map((i) => `two ${i}`));
    assert.ok(await compressedBytes() > before);
    assert.deepEqual(errors.filter((e) => /zlib|JSON/.test(e.message)), []);
});

// Without the zlib-sync package its socket layer asks for compression in IDENTIFY.
test('discord.js inflates what opens its session', { timeout: 60_000 }, async (t) => {
    const world = await up.hub.guild();
    const account = await botIn(world), before = await compressedBytes();
    const bot = new Client({
        intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent],
        rest: { api: `${up.hub.url}/api`, cdn: up.hub.url },
        ws: {
            buildStrategy: (manager) => {
                manager.options.compression = 'zlib-stream';
                return new SimpleShardingStrategy(manager);
            },
        },
    });
    t.after(() => bot.destroy());
    const ready = once(bot, Events.ClientReady);
    await bot.login(account.secret);
    await ready;
    assert.ok(await compressedBytes() > before);
    assert.ok(bot.guilds.cache.get(world.guild).available);
    assert.equal(bot.channels.cache.get(world.channel).name, 'general');
    const heard = once(bot, Events.MessageCreate);
    await world.owner.say(world.channel, 'hello');
    assert.equal((await heard)[0].content, 'hello');
});

// The page speaks to the gateway itself and posts the contents that it heard.
const page = (url, token, wanted) => `<!doctype html><script>
const webInflater = ${webInflater};
const inflate = webInflater(), heard = [], kinds = new Set(), post = (path, body) => fetch(path, { method: 'POST', body: JSON.stringify(body) });
const ws = new WebSocket(${JSON.stringify(url)});
ws.binaryType = 'arraybuffer';
let turn = Promise.resolve();
ws.onmessage = ({ data }) => { turn = turn.then(() => take(data)).catch((e) => post('/done', { error: String(e) })); };
async function take(data) {
    kinds.add(typeof data);
    const { op, t, d } = JSON.parse(await inflate(data));
    if (op === 10) ws.send(JSON.stringify({ op: 2, d: { token: ${JSON.stringify(token)}, properties: { os: 'linux', browser: 'chromium', device: '' } } }));
    if (t === 'GUILD_CREATE') await post('/ready', d.id);
    if (t === 'MESSAGE_CREATE' && heard.push(d.content) === ${wanted}) await post('/done', { heard, kinds: [...kinds] });
}
</script>`;

test('a browser reads it with DecompressionStream', { timeout: 90_000, skip: existsSync(CHROMIUM) ? false : 'there is no chromium here' }, async (t) => {
    const world = await up.hub.guild();
    const url = `ws://127.0.0.1:${up.hub.port}/?v=10&encoding=json&compress=zlib-stream`, posted = {};
    const server = http.createServer(async (request, response) => {
        if (request.method === 'POST') {
            let text = '';
            for await (const chunk of request) text += chunk;
            posted[request.url] = JSON.parse(text);
        }
        response.setHeader('content-type', 'text/html; charset=utf-8');
        response.end(request.url === '/' ? page(url, world.owner.token, 100) : '');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const profile = mkdtempSync(join(tmpdir(), 'hubbub-chromium-'));
    const browser = spawn(CHROMIUM, ['--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-dev-shm-usage', '--disable-background-networking',
        `--user-data-dir=${profile}`, `http://127.0.0.1:${server.address().port}/`], { stdio: 'ignore' });
    t.after(async () => {
        browser.kill('SIGKILL');
        await once(browser, 'exit');
        server.closeAllConnections();
        server.close();
        rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
    });
    await until('the page is ready', () => posted['/ready'] === world.guild || posted['/done'], 40_000);
    const said = Array.from({ length: 100 }, (_, i) => `${i} ${'déjà vu '.repeat(i % 40)}`.trim());
    for (const content of said) await world.owner.say(world.channel, content);
    await until('the page heard all', () => posted['/done'], 20_000);
    assert.deepEqual(posted['/done'], { heard: said, kinds: ['object'] });
});
