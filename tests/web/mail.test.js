// What comes by mail: addresses that are confirmed and passwords that were forgotten, by the links that a real mail server took.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { Hubbub, PASSWORD, totp } from '../e2e/harness.js';
import { Post } from '../e2e/post.js';
import { Person, webEnv } from './browser.js';
import { story } from './story.js';
import { world } from './world.js';

describe('mail', () => {
    const test = story(() => [uma, vic]);
    let post, hub, uma, vic, api;
    const ADDRESS = 'uma@example.org', NEXT = 'a new one, much longer', SECRET = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP';
    const body = (who) => who.page.locator('.screen-body');
    const linkIn = async (n, address = ADDRESS) => (await post.mail(address, n)).text.match(/^https?:\S+$/m)[0];
    const follow = (who, link) => who.page.goto(link, { waitUntil: 'domcontentloaded' });
    const account = async (who) => {
        await who.page.getByRole('button', { name: 'Settings' }).click();
        await who.page.getByRole('navigation', { name: 'Settings' }).getByRole('button', { name: 'Account', exact: true }).click();
    };
    const forget = async (who, login) => {
        await who.page.getByRole('button', { name: 'Forgot your password?' }).click();
        await who.page.getByLabel(/User name/).fill(login);
        await who.page.getByRole('button', { name: 'Send the link' }).click();
    };
    const choose = async (who, first, again = first) => {
        await who.page.getByLabel(/^New password(?!,)/).fill(first);
        await who.page.getByLabel('New password, again').fill(again);
        await who.page.getByRole('button', { name: 'Set the password' }).click();
    };

    before(async () => {
        post = await Post.start();
        hub = await Hubbub.start({ env: { ...webEnv, ...post.env() } });
        api = await hub.register('uma');
        [uma, vic] = await Promise.all([0, 1].map(() => Person.open(world.browser, hub)));
        await uma.signIn('uma');
        await vic.goto();
    }, { timeout: 240_000 });
    after(async () => {
        await Promise.all([uma?.close(), vic?.close()]);
        await hub?.stop();
        await post?.close();
    });

    test('an address is given, and said to be unconfirmed until the link was followed', async () => {
        await account(uma);
        const form = body(uma).locator('form').first();
        await form.getByLabel('E-mail').fill(ADDRESS);
        await form.getByLabel('Current password').fill(PASSWORD);
        await form.getByRole('button', { name: 'Save' }).click();
        await form.getByText('This address is not confirmed yet').waitFor();
        await follow(vic, await linkIn(1)); // in a browser where nobody is signed in
        await vic.page.getByRole('heading', { name: 'Your e-mail address is confirmed' }).waitFor();
        await form.getByText('This address is not confirmed yet').waitFor({ state: 'detached' });
        assert.equal((await api.get('/users/@me')).verified, true);
        await vic.page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await vic.page.getByRole('heading', { name: 'Welcome back' }).waitFor();
        assert.equal(vic.page.url(), `${hub.url}/`, 'the token is no longer in the address');
    });

    test('a link that was used says so', async () => {
        await follow(vic, await linkIn(1));
        await vic.page.getByText('This link was used already').waitFor();
    });

    test('the mail is sent again when asked for, and its link works where one is signed in', async () => {
        const form = body(uma).locator('form').first();
        await form.getByLabel('E-mail').fill('uma@example.net');
        await form.getByLabel('Current password').fill(PASSWORD);
        await form.getByRole('button', { name: 'Save' }).click();
        await form.getByRole('button', { name: 'Send it again' }).click();
        await uma.page.getByText('Another mail is on its way.').waitFor();
        await follow(uma, await linkIn(2, 'uma@example.net'));
        await uma.page.getByRole('heading', { name: 'Your e-mail address is confirmed' }).waitFor();
        await uma.page.getByRole('button', { name: 'Go on' }).click();
        await uma.page.locator('.shell').waitFor();
        await api.patch('/users/@me', { email: ADDRESS, password: PASSWORD });
        await follow(vic, await linkIn(3)); // the second told the old address of the change
        await vic.page.getByRole('heading', { name: 'Your e-mail address is confirmed' }).waitFor();
    });

    test('a forgotten password: the same words for everybody, a link, and one is in with the new one', async () => {
        const said = vic.page.getByText('If there is such an account');
        await vic.goto();
        await forget(vic, 'nobody-of-this-name');
        await said.waitFor();
        await vic.page.getByRole('button', { name: 'Back to signing in' }).click();
        await forget(vic, 'uma');
        await said.waitFor();
        await follow(vic, await linkIn(4));
        await choose(vic, NEXT, 'another one altogether');
        await vic.page.getByText('The two new passwords differ.').waitFor();
        await choose(vic, NEXT);
        await vic.page.locator('.shell').waitFor();
        assert.equal(vic.page.url().replace(/#\/?$/, ''), `${hub.url}/`);
        await uma.page.getByRole('heading', { name: 'Welcome back' }).waitFor(); // out, elsewhere
        await uma.signIn('uma', NEXT);
    });

    test('its link works once, and the way to another is offered', async () => {
        await follow(vic, await linkIn(4));
        await choose(vic, 'yet another one');
        await vic.page.getByText('This link was used already').waitFor();
        await vic.page.getByRole('button', { name: 'Send another link' }).click();
        await vic.page.locator('.shell').waitFor(); // who is signed in has no use for one
    });

    test('a second factor is asked for behind a forgotten password too', async () => {
        api.token = await uma.token();
        const enrolled = await api.post('/users/@me/mfa/totp/enable', { password: NEXT, secret: SECRET, code: totp(SECRET) });
        const recovery = enrolled.backup_codes[0].code;
        await uma.page.getByRole('heading', { name: 'Welcome back' }).waitFor(); // the old token ended
        await forget(uma, ADDRESS);
        await uma.page.getByText('If there is such an account').waitFor();
        await follow(uma, await linkIn(5));
        await choose(uma, PASSWORD);
        await uma.page.getByLabel('Code').fill('000000');
        await uma.page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await uma.page.getByText('That code does not fit.').waitFor();
        await uma.page.getByLabel('Code').fill(recovery);
        await uma.page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await uma.page.locator('.shell').waitFor();
    });

    test('a new account may have an address from the start', async () => {
        const wim = await Person.open(world.browser, hub);
        await wim.goto();
        await wim.page.getByRole('button', { name: /Create an account/ }).click();
        await wim.page.getByLabel('User name').fill('wim');
        await wim.page.getByLabel('Password').fill(PASSWORD);
        await wim.page.getByLabel('E-mail').fill('wim@example.org');
        await wim.page.getByLabel('Date of birth').fill('1990-05-17');
        await wim.page.getByRole('button', { name: 'Create account' }).click();
        await wim.page.locator('.shell').waitFor();
        await post.mail('wim@example.org');
        await wim.close();
    });

    test('where no mail is sent, that is what is said', async () => {
        const other = await Person.open(world.browser, world.hub);
        await other.goto();
        await forget(other, 'anybody');
        await other.page.getByRole('alert').getByText('This server sends no e-mail').waitFor();
        await other.close();
        assert.deepEqual([...uma.faults, ...vic.faults, ...other.faults], []);
    });
});
