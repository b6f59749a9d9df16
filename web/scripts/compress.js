// Lays a .gz and a .br beside each text file of dist, and says what the first load weighs: it may be 150 KB of JavaScript.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const LIMIT_BYTES = 150_000;
const dist = new URL('../dist/', import.meta.url).pathname;
const compressible = /\.(js|css|html|svg|json)$/;
let javascript = 0;

for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !compressible.test(path)) continue;
    const bytes = readFileSync(path);
    const gzip = gzipSync(bytes, { level: 9 });
    const brotli = brotliCompressSync(bytes, {
        params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
    });
    if (gzip.length < bytes.length) writeFileSync(`${path}.gz`, gzip);
    if (brotli.length < bytes.length) writeFileSync(`${path}.br`, brotli);
    if (path.endsWith('.js')) javascript += gzip.length;
    console.log(`${path.slice(dist.length).padEnd(34)} ${bytes.length} B, gzip ${gzip.length}, brotli ${brotli.length}`);
}
console.log(`JavaScript of the first load: ${(javascript / 1000).toFixed(1)} KB compressed (limit ${LIMIT_BYTES / 1000})`);
if (javascript > LIMIT_BYTES) process.exit(1);
