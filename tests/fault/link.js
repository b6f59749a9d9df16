// A link between two processes, to be cut and delayed: a unix socket in front of another one, through which bytes go as the link's state
// says. One Link is one direction of calling: of gateway-1 to chat-2, of chat-1 to Redis.
//   open     bytes go
//   refused  what is connected is cut, and so is whoever comes
//   hung     nothing goes, and nothing is cut: a machine that is gone
//   mute     what is asked goes, what is answered does not
// delayMs: how long each piece is on its way, in both directions. cutAfter: bytes until every connection is cut in the middle of them.
import { mkdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';

const HELD_BYTES_MAX = 1 << 20; // of one direction, while it is hung or late; then its sender has to wait

class Pipe {
    constructor(link, from, to, answers) { Object.assign(this, { link, from, to, answers, pieces: [], held: 0 }); }
    stands() { return this.link.state === 'hung' || (this.answers && this.link.state === 'mute'); }
    take(data) {
        this.pieces.push({ data, due: Date.now() + this.link.delayMs });
        this.held += data.length;
        if (this.held > HELD_BYTES_MAX) this.from.pause();
        this.pump();
    }
    pump() {
        clearTimeout(this.timer);
        while (this.pieces.length && !this.stands() && this.pieces[0].due <= Date.now()) this.give(this.pieces.shift().data);
        if (this.held <= HELD_BYTES_MAX) this.from.resume();
        if (this.ended && !this.pieces.length && !this.stands()) this.to.end();
        if (this.pieces.length && !this.stands()) this.timer = setTimeout(() => this.pump(), this.pieces[0].due - Date.now());
    }
    give(data) {
        this.held -= data.length;
        if (this.link.cutAfter === undefined) return this.to.write(data);
        const left = this.link.cutAfter - data.length;
        if (left > 0) {
            this.link.cutAfter = left;
            return this.to.write(data);
        }
        this.to.write(data.subarray(0, this.link.cutAfter), () => this.link.cut());
        this.link.cutAfter = undefined;
        this.stopped = true;
    }
}

export class Link {
    constructor(name, path, target) {
        Object.assign(this, { name, path, target, state: 'open', delayMs: 0, pairs: new Set(), connections: 0 });
    }
    async open() {
        mkdirSync(dirname(this.path), { recursive: true });
        rmSync(this.path, { force: true });
        this.server = net.createServer({ allowHalfOpen: true }, (client) => this.connect(client));
        await new Promise((done, fail) => this.server.once('error', fail).listen(this.path, done));
        return this;
    }
    connect(client) {
        this.connections++;
        if (this.state === 'refused') return client.on('error', () => {}).destroy();
        const server = net.connect({ path: this.target, allowHalfOpen: true }), pair = { client, server };
        pair.pipes = [new Pipe(this, client, server, false), new Pipe(this, server, client, true)];
        this.pairs.add(pair);
        for (const pipe of pair.pipes) {
            pipe.from.on('data', (data) => pipe.take(data));
            pipe.from.on('error', () => this.end(pair));
            pipe.from.on('close', () => this.end(pair));
            pipe.from.on('end', () => {
                pipe.ended = true;
                pipe.pump();
            });
        }
    }
    // A side that is gone takes the other along; but what hangs hears nothing of it.
    end(pair) {
        if (this.state === 'hung' || !this.pairs.delete(pair)) return;
        for (const pipe of pair.pipes) clearTimeout(pipe.timer);
        pair.client.destroy();
        pair.server.destroy();
    }
    cut() {
        const state = this.state;
        this.state = 'refused';
        for (const pair of [...this.pairs]) this.end(pair);
        this.state = state;
    }
    set(state) {
        this.state = state;
        if (state === 'refused') this.cut();
        for (const { pipes } of this.pairs) for (const pipe of pipes) pipe.pump();
    }
    // Everything goes again. What hung, and is gone on one side by now, is cut on the other.
    mend() {
        Object.assign(this, { delayMs: 0, cutAfter: undefined });
        this.set('open');
        for (const pair of [...this.pairs]) if (pair.client.destroyed || pair.server.destroyed) this.end(pair);
    }
    close() {
        this.cut();
        this.server.close();
    }
}
