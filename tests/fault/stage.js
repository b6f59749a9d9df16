// A Hubbub whose every link can be cut: the services start through scripts that put the links' addresses into their environment, and
// PostgreSQL is a pair of servers. A fault point is given to a service by a file that its next start takes.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Hubbub } from '../e2e/harness.js';
import { Link } from './link.js';
import { Pair } from './pair.js';

const KINDS = ['chat', 'presence', 'media', 'gateway'];
// Beside `hubbub`, or where Bazel puts it.
const program = (hub, kind) => [join(dirname(hub.program), kind), join(dirname(hub.program), '../../services', kind, kind)].find(existsSync);

// sh: `me` is this process' name, as chat-2; it runs in the data folder.
const script = (real, links, chats) => `#!/bin/sh
me=$(basename "$HUBBUB_RPC_LISTEN" .sock)
if [ -f "run/fault.$me" ]; then
    HUBBUB_FAULT_POINT=$(cat "run/fault.$me"); export HUBBUB_FAULT_POINT
    rm "run/fault.$me"
fi
export HUBBUB_REDIS_URL="unix://${links}/$me.redis"
export HUBBUB_CHAT_TARGETS="${Array.from({ length: chats }, (_, i) => `unix:${links}/$me.chat-${i + 1}`).join(',')}"
case $me in chat-*) export HUBBUB_DATABASE_URL="host=${links}/$me.a,${links}/$me.b port=5432,5432 user=hubbub dbname=hubbub target_session_attrs=read-write" ;; esac
exec "${real}" "$@"
`;

export class Stage {
    static async start({ gateways, chats }) {
        const stage = new Stage();
        stage.hub = await Hubbub.start({ gateways, chats, prepare: (hub) => stage.prepare(hub, gateways, chats) });
        return stage;
    }
    async prepare(hub, gateways, chats) {
        const links = join(hub.data, 'links'), bin = join(hub.data, 'bin');
        mkdirSync(bin);
        for (const kind of KINDS) writeFileSync(join(bin, kind), script(program(hub, kind), links, chats), { mode: 0o755 });
        this.pair = await new Pair().start();
        this.links = [];
        const add = async (kind, name, path, target) => this.links.push(Object.assign(await new Link(name, join(links, path), target).open(), { kind }));
        const all = (kind, n) => Array.from({ length: n }, (_, i) => `${kind}-${i + 1}`);
        for (const g of all('gateway', gateways)) for (const c of all('chat', chats)) await add('chat', `${g} to ${c}`, `${g}.${c}`, join(hub.data, 'run', `${c}.sock`));
        for (const me of [...all('gateway', gateways), ...all('chat', chats), 'presence-1', 'media-1']) await add('redis', `${me} to Redis`, `${me}.redis`, join(hub.data, 'run/redis.sock'));
        for (const c of all('chat', chats)) for (const s of this.pair.servers) await add('postgres', `${c} to PostgreSQL ${s.name}`, `${c}.${s.name}/.s.PGSQL.5432`, s.path);
        return { HUBBUB_BIN_DIR: bin, HUBBUB_DATABASE_URL: 'given by the scripts' };
    }
    // The service's next process kills itself at the point, when it comes there for the nth time.
    arm(name, point, n) { writeFileSync(join(this.hub.data, 'run', `fault.${name}`), `${point}:${n}`); }
    mend() { for (const l of this.links) l.mend(); }
    async stop() {
        this.mend();
        await this.hub.stop();
        await this.pair.stop();
        for (const l of this.links) l.close();
    }
}
