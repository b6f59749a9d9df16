// Friends, direct messages, groups and blocks, between two people in browsers and one who only has the API.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { until } from '../e2e/harness.js';
import { Person } from './browser.js';
import { story } from './story.js';
import { indexed, world } from './world.js';

describe('people', () => {
    const test = story(() => [fay, gus]);
    let fay, gus, hal, apiFay;
    const body = (who) => who.page.locator('.friends-body');
    const direct = (who, name) => who.page.getByRole('navigation', { name: 'Direct messages' }).getByRole('button', { name });

    before(async () => {
        const accounts = await Promise.all(['fay', 'gus', 'hal'].map((n) => world.hub.register(n)));
        [apiFay, , hal] = accounts;
        [fay, gus] = await Promise.all([accounts[0], accounts[1]].map(async (a) => (await Person.open(world.browser, world.hub)).as(a, '/#/')));
    }, { timeout: 240_000 });
    after(() => Promise.all([fay?.close(), gus?.close()]));

    test('asking by a name that nobody has says so', async () => {
        await fay.page.getByRole('button', { name: 'Add friend' }).click();
        await fay.page.getByLabel('User name').fill('nobody-at-all');
        await fay.page.getByRole('button', { name: 'Send request' }).click();
        await fay.page.getByRole('alert').waitFor();
    });

    test('a request arrives with a badge, is accepted, and both are friends who see each other online', async () => {
        await fay.page.getByLabel('User name').fill('gus');
        await fay.page.getByRole('button', { name: 'Send request' }).click();
        await fay.page.getByText('Your request to gus is on its way.').waitFor();
        await gus.page.getByRole('button', { name: 'Direct messages, 1 mention' }).waitFor(); // the rail
        await gus.page.getByRole('button', { name: /^Pending/ }).click();
        await gus.page.getByRole('button', { name: 'Accept fay' }).click();
        await gus.page.getByRole('button', { name: 'All', exact: true }).click();
        await body(gus).getByText('fay').waitFor();
        await fay.page.getByRole('button', { name: 'All', exact: true }).click();
        await body(fay).getByText('gus').waitFor();
    });

    test('a request can be taken back and declined', async () => {
        await hal.post('/users/@me/relationships', { username: 'fay' });
        await fay.page.getByRole('button', { name: /^Pending/ }).click();
        await fay.page.getByRole('button', { name: 'Decline hal' }).click();
        await fay.page.getByText('No friend requests.').waitFor();
        await fay.page.getByRole('button', { name: 'Add friend' }).click();
        await fay.page.getByLabel('User name').fill('hal');
        await fay.page.getByRole('button', { name: 'Send request' }).click();
        await fay.page.getByText('Your request to hal').waitFor();
        await fay.page.getByRole('button', { name: /^Pending/ }).click();
        await fay.page.getByRole('button', { name: 'Take back the request to hal' }).click();
        await fay.page.getByText('No friend requests.').waitFor();
        assert.deepEqual((await hal.get('/users/@me/relationships')), []);
    });

    test('a direct message is written from the list of friends and becomes a badge for the other', async () => {
        await fay.page.getByRole('button', { name: 'All', exact: true }).click();
        await fay.page.getByRole('button', { name: 'Message gus' }).click();
        await fay.page.getByText('This is the beginning of your direct messages with gus.').waitFor();
        await fay.say('only for you');
        await gus.page.getByRole('button', { name: 'Direct messages, 1 mention' }).waitFor();
        await direct(gus, 'fay, 1 mention').click();
        await gus.sees('only for you');
        await gus.page.getByRole('button', { name: 'Direct messages', exact: true }).waitFor(); // read: the badge goes
        await gus.say('and this for you');
        await fay.sees('and this for you');
    });

    test('there too one types, reacts, pins and completes names', async () => {
        await gus.composer.pressSequentially('h');
        await fay.page.getByText('gus is typing').waitFor();
        await gus.composer.fill('');
        await fay.row('and this for you').focus();
        await fay.page.keyboard.press('+');
        await fay.page.getByLabel('Search emoji').fill('tada');
        await fay.page.keyboard.press('Enter');
        await gus.row('and this for you').getByRole('button', { name: '🎉, 1 reaction' }).waitFor();
        await fay.composer.pressSequentially('@gu');
        await fay.page.getByRole('option', { name: /@gus/ }).waitFor();
        await fay.page.keyboard.press('Escape');
        await fay.composer.fill('');
    });

    test('a conversation is searched, and a hit leads far up', async () => {
        const channel = new URL(fay.page.url()).hash.split('/')[2];
        for (let i = 0; i < 230; i++) await apiFay.say(channel, `oar ${i}`);
        await fay.sees('oar 229');
        await indexed(apiFay, `/channels/${channel}`, 'oar', 230);
        await fay.page.keyboard.press('Control+f');
        const box = fay.page.getByRole('combobox', { name: 'Search in @gus' });
        const cards = fay.page.locator('.card-message');
        await box.fill('in');
        assert.equal(await fay.page.getByRole('option', { name: /^in:/ }).count(), 0); // there is no other channel
        await box.fill('from:gu');
        await fay.page.getByRole('option', { name: 'from:gus' }).click();
        await box.press('Enter');
        await fay.page.getByText('1 message', { exact: true }).waitFor();
        await cards.getByText('and this for you').waitFor();
        await box.fill('from:hal'); // who is not in it
        await box.press('Enter');
        await fay.page.getByText('Not understood: from:hal').waitFor();
        await box.fill('oar');
        await box.press('Enter');
        await fay.page.getByText('230 messages').waitFor();
        await box.fill('only for you');
        await box.press('Enter');
        await fay.page.getByText('1 message', { exact: true }).waitFor();
        await cards.getByRole('button', { name: 'Jump' }).click();
        await until('it is in sight', () => fay.row('only for you').evaluate((r) => { const b = r.getBoundingClientRect(); return b.top > 0 && b.bottom < innerHeight; }));
        assert.equal(await fay.row('oar 229').count(), 0); // the end is far away
        await fay.page.keyboard.press('Escape');
        await fay.page.locator('.panel').waitFor({ state: 'detached' });
        await fay.page.keyboard.press('Escape');
        await fay.sees('oar 229');
    });

    test('a closed conversation goes from the list and comes back with a message', async () => {
        await gus.page.getByRole('button', { name: 'Close the conversation with fay' }).click();
        await direct(gus, /^fay/).waitFor({ state: 'detached' });
        await fay.say('are you there?');
        await direct(gus, 'fay, 1 mention').click();
        await gus.sees('are you there?');
    });

    test('a group is made of friends, named, grown, and left', async () => {
        await hal.post('/users/@me/relationships', { username: 'fay' });
        await apiFay.put(`/users/@me/relationships/${hal.id}`, {});
        await fay.page.getByRole('button', { name: 'New message' }).click();
        for (const name of ['gus', 'hal']) await fay.page.getByRole('dialog').getByLabel(new RegExp(name)).check();
        await fay.page.getByRole('button', { name: 'Start conversation' }).click();
        await fay.page.locator('.members').getByText('hal').waitFor();
        await fay.page.getByRole('button', { name: /gus, hal|hal, gus/ }).first().waitFor();
        await fay.page.getByTitle('Rename group').click();
        await fay.page.getByLabel('Group name').fill('Mill people');
        await fay.page.getByRole('button', { name: 'Save' }).click();
        await direct(gus, /^Mill people/).click();
        await fay.say('all of us');
        await gus.sees('all of us');
        await indexed(apiFay, `/channels/${new URL(fay.page.url()).hash.split('/')[2]}`, 'all', 1);
        await fay.page.getByRole('button', { name: 'Search', exact: true }).click();
        await fay.page.getByRole('combobox', { name: 'Search in Mill people' }).fill('all from:fay');
        await fay.page.keyboard.press('Enter');
        await fay.page.locator('.card-message').getByText('all of us').waitFor();
        await fay.page.keyboard.press('Escape');
        await fay.page.keyboard.press('Escape');
        await fay.page.getByRole('button', { name: 'Remove hal from the group' }).click();
        await gus.page.locator('.members').getByText('hal').waitFor({ state: 'detached' });
        await gus.page.getByText('removed hal.').waitFor();
        await gus.page.getByRole('button', { name: 'Leave group: Mill people' }).click();
        await gus.page.getByRole('dialog').getByRole('button', { name: 'Leave group' }).click();
        await direct(gus, /^Mill people/).waitFor({ state: 'detached' });
        await fay.page.getByText('left the group.').waitFor();
    });

    test('a block folds what they say, forbids to write, and is taken back', async () => {
        await direct(gus, /^fay/).click();
        await gus.page.locator('.chat-header .title').click();
        await gus.page.getByRole('dialog', { name: 'fay' }).getByRole('button', { name: 'Block' }).click();
        await gus.page.getByRole('dialog', { name: 'Block' }).getByRole('button', { name: 'Block' }).click();
        await gus.page.getByText('You block this person').waitFor();
        await gus.page.getByText('A message of somebody you block.').first().waitFor();
        assert.equal(await gus.row('are you there?').count(), 0);
        await gus.page.locator('.folded').last().getByRole('button', { name: 'Show' }).click();
        await gus.sees('are you there?');
        await gus.page.locator('.sidebar').getByRole('button', { name: 'Friends' }).click();
        await gus.page.getByRole('button', { name: 'Blocked', exact: true }).click();
        await gus.page.getByRole('button', { name: 'Unblock: fay' }).click();
        await gus.page.getByText('You block nobody.').waitFor();
    });

    test('the quick switcher finds people', async () => {
        await gus.page.keyboard.press('Control+k');
        await gus.page.getByRole('combobox').fill('fay');
        await gus.page.getByRole('option', { name: /@fay/ }).click();
        await gus.sees('are you there?');
    });

    test('no page failed', async () => {
        await until('nothing is pending', async () => (await fay.page.locator('.outgoing').count()) === 0);
        assert.deepEqual([...fay.faults, ...gus.faults], []);
    });
});
