// The part of the zlib-sync package that @discordjs/ws uses, on Node's own zlib: with `node --import` this file, its socket layer takes
// the zlib-stream path, unchanged. (The package itself is a native addon.)
import { createRequire, register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const zlib = createRequire(import.meta.url)('node:zlib');
const { Z_NO_FLUSH, Z_SYNC_FLUSH } = zlib.constants;

class Inflate {
    constructor({ chunkSize }) {
        this.stream = zlib.createInflate({ chunkSize });
        this.err = 0;
    }
    push(bytes, flush) {
        const handle = this.stream._handle, { close } = handle;
        handle.close = () => {}; // it is closed behind each synchronous step; this stream goes on
        try {
            this.result = this.stream._processChunk(bytes, flush).toString();
        } catch (e) {
            [this.err, this.msg] = [e.errno ?? -3, e.message];
        }
        Object.assign(handle, { close });
        this.stream._handle = handle;
        this.stream.removeAllListeners('error');
    }
}
export default { Inflate, Z_NO_FLUSH, Z_SYNC_FLUSH };

// The hooks live on a thread of their own.
export async function resolve(specifier, context, next) {
    return specifier === 'zlib-sync' ? { url: import.meta.url, shortCircuit: true } : next(specifier, context);
}
if (isMainThread) register(import.meta.url);
