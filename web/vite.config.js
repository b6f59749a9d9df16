// Everything that index.html loads gets a name with the hash of its content: the gateway lets browsers keep it for ever.
import { defineConfig } from 'vite';

const server = process.env.HUBBUB_PUBLIC_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
    build: { target: 'es2022', assetsInlineLimit: 0, modulePreload: { polyfill: false }, chunkSizeWarningLimit: 400 },
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    // `npm run dev`: pages from Vite, everything else from a running Hubbub.
    server: { proxy: { '/api': server, '/attachments': server, '/gateway': { target: server, ws: true } } },
});
