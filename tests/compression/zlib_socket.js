// A raw gateway connection with compress=zlib-stream: one inflater for its life, as client libraries have it. `decoder` makes the
// inflater: an async function from the bytes of a message to its text.
import zlib from 'node:zlib';
import { Op, Socket } from '../e2e/harness.js';

// Node's createInflate: what a write gave is there when its callback comes.
export function nodeByteInflater() {
    const stream = zlib.createInflate({ flush: zlib.constants.Z_SYNC_FLUSH });
    let chunks = [];
    stream.on('data', (chunk) => chunks.push(chunk));
    return (bytes) => new Promise((resolve, reject) => {
        stream.once('error', reject);
        stream.write(bytes, () => {
            stream.off('error', reject);
            resolve(Buffer.concat(chunks));
            chunks = [];
        });
    });
}

export function nodeInflater() {
    const inflate = nodeByteInflater();
    return async (bytes) => (await inflate(bytes)).toString();
}

// The stream of browsers. It does not tell where a message ends: the text does.
export function webInflater() {
    const stream = new DecompressionStream('deflate'), writer = stream.writable.getWriter(), reader = stream.readable.getReader();
    return async (bytes) => {
        writer.write(bytes).catch(() => {}); // the reader fails too
        const text = new TextDecoder();
        for (let all = ''; ;) {
            const { value, done } = await reader.read();
            if (done) throw new Error('the stream ended');
            all += text.decode(value, { stream: true });
            try {
                JSON.parse(all);
                return all;
            } catch {
                // there is more
            }
        }
    };
}

export class ZlibSocket extends Socket {
    constructor(url, { decoder = nodeInflater(), ...options } = {}) {
        super(url, options);
        this.decode = decoder;
        this.wire = []; // each message as it came
        this.faults = [];
        this.turn = Promise.resolve();
    }
    take(data, binary) {
        this.wire.push({ data, binary });
        this.turn = this.turn.then(async () => super.take(await this.decode(data), binary)).catch((e) => this.faults.push(e));
    }
}

export function zlibSocket(hub, options) {
    return new ZlibSocket(`ws://127.0.0.1:${hub.port}/?v=10&encoding=json&compress=zlib-stream`, options);
}

export async function connect(person, options = {}) {
    const socket = zlibSocket(person.hub, options);
    await socket.op(Op.HELLO);
    socket.identify(person.token, options.identify);
    socket.ready = (await socket.event('READY')).d;
    return socket;
}
