// Gateway connections in the other forms: encoding=etf by erlang_js, compress=zstd-stream by fzstd. Both are written by others, in
// JavaScript, and know nothing of ours.
import erlang from 'erlang_js';
import { Decompress } from 'fzstd';
import { Socket } from '../e2e/harness.js';
import { nodeByteInflater } from './zlib_socket.js';

const { Erlang } = erlang;

// What erlpack.unpack gives.
function fromTerm(term) {
    if (term instanceof Erlang.OtpErlangBinary) return Buffer.from(term.value).toString();
    if (term instanceof Erlang.OtpErlangList) return term.value.map(fromTerm);
    if (term instanceof Erlang.OtpErlangMap) return Object.fromEntries([...term.value].map(([key, value]) => [fromTerm(key), fromTerm(value)]));
    if (term instanceof Erlang.OtpErlangAtom) {
        if (term.value !== 'nil') throw new Error(`an atom: ${term.value}`);
        return null;
    }
    return term;
}
export function unpack(bytes) {
    let result;
    Erlang.binary_to_term(Buffer.from(bytes), (error, term) => {
        if (error) throw error;
        result = fromTerm(term);
    });
    return result;
}

function toTerm(value) {
    if (value === null || value === undefined) return new Erlang.OtpErlangAtom('nil');
    if (typeof value === 'string') return new Erlang.OtpErlangBinary(Buffer.from(value));
    if (Array.isArray(value)) return new Erlang.OtpErlangList(value.map(toTerm));
    if (typeof value === 'object') return new Erlang.OtpErlangMap(new Map(Object.entries(value).map(([k, v]) => [toTerm(k), toTerm(v)])));
    return value;
}
export function pack(value) {
    let bytes;
    Erlang.term_to_binary(toTerm(value), (error, data) => {
        if (error) throw error;
        bytes = data;
    });
    return bytes;
}

function zstdInflater() {
    let chunks = [];
    const stream = new Decompress((chunk) => chunks.push(Buffer.from(chunk)));
    return async (bytes) => {
        stream.push(new Uint8Array(bytes));
        const all = Buffer.concat(chunks);
        chunks = [];
        return all;
    };
}

const decompressors = {
    '': () => async (bytes) => bytes,
    'zlib-stream': nodeByteInflater,
    'zstd-stream': zstdInflater,
};

export class FormSocket extends Socket {
    constructor(hub, { encoding = 'json', compress = '', ...options } = {}) {
        super(`ws://127.0.0.1:${hub.port}/?v=10&encoding=${encoding}${compress && `&compress=${compress}`}`, options);
        Object.assign(this, { encoding, faults: [], wire: [], turn: Promise.resolve(), decompress: decompressors[compress]() });
    }
    take(data, binary) {
        this.wire.push({ data, binary });
        this.turn = this.turn.then(async () => {
            const plain = await this.decompress(data);
            super.take(this.encoding === 'etf' ? JSON.stringify(unpack(plain)) : plain, binary);
        }).catch((e) => this.faults.push(e));
    }
    send(frame) {
        if (this.ws.readyState === 1) this.ws.send(this.encoding === 'etf' ? pack(frame) : JSON.stringify(frame));
    }
}
