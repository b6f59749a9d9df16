// The page behind nginx with TLS, set up as docs/operating.md says: all by https and wss, and nothing asked of another host.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Hubbub, until } from '../e2e/harness.js';
import { randomPort, startNginx } from '../e2e/nginx.js';
import { Person, picture, webEnv } from './browser.js';
import { world } from './world.js';

describe('behind nginx with TLS', () => {
    const port = randomPort();
    const url = `https://127.0.0.1:${port}`;
    let hub, nginx, ann;

    before(async () => {
        hub = await Hubbub.start({ env: { ...webEnv, HUBBUB_PUBLIC_URL: url, HUBBUB_TRUSTED_PROXIES: '127.0.0.1' } });
        nginx = startNginx(hub, port);
    }, { timeout: 240_000 });
    after(async () => {
        await ann?.close();
        await nginx?.stop();
        await hub?.stop();
    }, { timeout: 120_000 });

    test('a person signs up, and a message with a picture goes out and comes back', async () => {
        ann = await Person.open(world.browser, { url, port }, { ignoreHTTPSErrors: true });
        const sockets = [];
        ann.page.on('websocket', (s) => sockets.push(s.url()));
        await until('nginx answers', () => ann.goto().then(() => true, () => {
            if (!nginx.running()) throw new Error(nginx.said());
            return false;
        }));
        await ann.signUp('ann');
        await ann.page.getByRole('button', { name: 'Create or join a server' }).first().click();
        await ann.page.getByLabel('Server name').fill('Behind');
        await ann.page.getByRole('button', { name: 'Create server' }).click();
        await ann.composer.waitFor();
        await ann.page.locator('.composer input[type=file]').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: await picture(ann.page, '#27a') });
        await ann.say('over TLS');
        const img = ann.row('over TLS').locator('.image img');
        await until('it is drawn', async () => (await img.count()) && img.evaluate((i) => i.complete && i.naturalWidth > 0));
        assert.ok((await img.getAttribute('src')).startsWith(`${url}/`));
        assert.ok(sockets.length && sockets.every((s) => s.startsWith('wss://')));
        assert.deepEqual(ann.faults, []);
    }, { timeout: 240_000 });
});
