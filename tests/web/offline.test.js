// What was seen can be read while the server cannot be reached, and is put right when it can.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { Person } from './browser.js';
import { story } from './story.js';
import { world } from './world.js';

describe('without the server', () => {
    const test = story(() => [pat]);
    let pat, api, guild, channels, down = true;

    before(async () => {
        api = await world.hub.register('pat');
        guild = (await api.post('/guilds', { name: 'Lighthouse', system_channel_flags: 1 })).id;
        const general = (await api.get(`/guilds/${guild}/channels`)).find((c) => c.type === 0).id;
        const log = (await api.post(`/guilds/${guild}/channels`, { name: 'log', type: 0 })).id;
        channels = { general, log };
        await api.say(general, 'the lamp is **lit**');
        await api.say(log, 'wind from the west');
        pat = await (await Person.open(world.browser, world.hub)).as(api, `/#/${guild}/${general}`);
    }, { timeout: 240_000 });
    after(() => pat?.close());

    test('a page that opens without it shows what was read, and keeps drafts', async () => {
        await pat.sees('the lamp is');
        await pat.page.getByRole('button', { name: /^log/ }).click();
        await pat.sees('wind from the west');
        await pat.composer.fill('half a thought');
        await pat.page.routeWebSocket(/.*/, (socket) => (down ? socket.close() : socket.connectToServer()));
        await pat.page.route('**/api/**', (route) => route.abort());
        await pat.page.reload();
        await pat.sees('wind from the west');
        assert.equal(await pat.composer.inputValue(), 'half a thought');
        await pat.page.getByText('Connection lost').waitFor();
        await pat.page.getByRole('button', { name: /^general/ }).click();
        await pat.row('the lamp is').locator('strong', { hasText: 'lit' }).waitFor();
    });

    test('once it is back, what was missed is there', async () => {
        await api.say(channels.general, 'and the fog lifts');
        down = false;
        await pat.page.unrouteAll();
        await pat.page.reload();
        await pat.sees('and the fog lifts');
        await pat.page.locator('.banner').waitFor({ state: 'detached' });
    });

    test('signing out leaves nothing behind', async () => {
        await pat.page.getByRole('button', { name: 'Settings' }).click();
        await pat.page.getByRole('button', { name: 'Sign out' }).click();
        await pat.page.getByRole('heading', { name: 'Welcome back' }).waitFor();
        assert.equal(await pat.page.evaluate(() => JSON.stringify(localStorage).includes('the fog lifts')), false);
    });
});
