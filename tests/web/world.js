// One Hubbub and one browser for every test of this folder: web.test.js runs them all; each file also runs by itself.
import { after, before } from 'node:test';
import { Hubbub, until } from '../e2e/harness.js';
import { launch, webEnv } from './browser.js';

export const world = {};

before(async () => {
    [world.hub, world.browser] = await Promise.all([Hubbub.start({ env: webEnv }), launch()]);
}, { timeout: 120_000 });
after(async () => {
    await world.browser?.close();
    if (process.env.HUBBUB_TAILS) console.log(world.hub?.tails(40));
    await world.hub?.stop();
}, { timeout: 60_000 });

// The search index follows what is written: until n messages with the word are found there (/channels/ID or /guilds/ID).
export const indexed = (person, where, word, n) => until(`${n} messages with ${word} are found`, async () => {
    const { body } = await person.request('GET', `${where}/messages/search?content=${word}`);
    return body.total_results >= n;
}, 30_000);
