// What a person does about themselves: profile, status, password, sessions, appearance.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe } from 'node:test';
import { PASSWORD, until } from '../e2e/harness.js';
import { Person, picture } from './browser.js';
import { story } from './story.js';
import { world } from './world.js';

describe('an account', () => {
    const test = story(() => [lou, max]);
    let lou, max, api, maxApi;
    const body = () => lou.page.locator('.screen-body');
    const section = (name) => lou.page.getByRole('navigation', { name: 'Settings' }).getByRole('button', { name, exact: true }).click();

    before(async () => {
        [api, maxApi] = await Promise.all(['lou', 'max'].map((n) => world.hub.register(n)));
        const { id: guild } = await api.post('/guilds', { name: 'Ferry', system_channel_flags: 1 });
        const general = (await api.get(`/guilds/${guild}/channels`)).find((c) => c.type === 0).id;
        const { code } = await api.post(`/channels/${general}/invites`, { max_age: 0 });
        await maxApi.post(`/invites/${code}`);
        [lou, max] = await Promise.all([api, maxApi].map(async (a) => (await Person.open(world.browser, world.hub)).as(a, `/#/${guild}/${general}`)));
        await max.page.locator('.members').getByText('lou').waitFor();
    }, { timeout: 240_000 });
    after(() => Promise.all([lou?.close(), max?.close()]));

    test('name, pronouns and words about oneself are shown to others', async () => {
        await lou.page.getByRole('button', { name: 'Settings' }).click();
        await body().getByLabel('Display name').fill('Lou of the ferry');
        await body().getByLabel('Pronouns').fill('they/them');
        await body().getByLabel('About me').fill('I row *slowly*.');
        await body().getByRole('button', { name: 'Save' }).click();
        await lou.page.getByText('Saved.').waitFor();
        await max.page.locator('.members').getByText('Lou of the ferry').click();
        const card = max.page.getByRole('dialog');
        await card.getByText('they/them').waitFor();
        await card.locator('em', { hasText: 'slowly' }).waitFor();
        await card.getByText('Both in Ferry').waitFor();
        await max.page.keyboard.press('Escape');
    });

    test('a picture is chosen, shown to others, and taken away', async () => {
        await body().getByLabel('Choose a picture').setInputFiles({ name: 'lou.png', mimeType: 'image/png', buffer: await picture(lou.page, '#2a7') });
        const face = max.page.locator('.members .member', { hasText: 'Lou of the ferry' }).locator('img.avatar-face');
        await face.waitFor();
        await until('it is drawn', () => face.evaluate((img) => img.complete && img.naturalWidth > 0));
        await body().getByRole('button', { name: 'Remove' }).click();
        await face.waitFor({ state: 'detached' });
    });

    test('high contrast and less motion stay', async () => {
        await section('Appearance');
        await body().getByLabel('High contrast').check();
        await body().getByLabel('Less motion').check();
        await lou.page.reload();
        await lou.page.locator('.shell').waitFor();
        assert.deepEqual(await lou.page.evaluate(() => [getComputedStyle(document.body).backgroundColor, document.documentElement.dataset.still]), ['rgb(0, 0, 0)', 'true']);
        await lou.page.getByRole('button', { name: 'Settings' }).click();
        await section('Appearance');
        await body().getByRole('radio', { name: 'As the system' }).check();
    });

    test('a session elsewhere is listed and ended', async () => {
        const other = await Person.open(world.browser, world.hub);
        await other.signIn('lou');
        await section('Sessions');
        await body().getByText('This one').waitFor();
        const ends = body().getByRole('button', { name: 'End', exact: true });
        await until('it is listed', async () => (await ends.count()) > 0);
        const before = await ends.count();
        await ends.first().click();
        await until('one less', async () => (await ends.count()) === before - 1);
        await other.page.getByRole('heading', { name: 'Welcome back' }).waitFor();
        await other.close();
    });

    test('the password is changed; here one stays, elsewhere one is out', async () => {
        const other = await Person.open(world.browser, world.hub);
        await other.signIn('lou');
        await section('Account');
        const form = body().locator('form').nth(1);
        await form.getByLabel('Current password').fill('not it at all');
        for (const label of ['New password', 'New password, again']) await form.getByLabel(label, { exact: true }).fill('a new one, longer');
        await form.getByRole('button', { name: 'Change password' }).click();
        await form.getByRole('alert').waitFor();
        await form.getByLabel('Current password').fill(PASSWORD);
        await form.getByRole('button', { name: 'Change password' }).click();
        await lou.page.getByText('Your password is changed.').waitFor();
        await other.page.getByRole('heading', { name: 'Welcome back' }).waitFor();
        await other.signIn('lou', 'a new one, longer');
        await other.close();
        await lou.page.getByRole('button', { name: 'Close', exact: true }).click();
        await lou.say('still here');
        await max.sees('still here');
    });

    // RFC 6238; step: half minutes from now.
    const codeOf = (secret, step = 0) => {
        const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
        const bits = [...secret.replace(/ /g, '')].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
        const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
        const counter = Buffer.alloc(8);
        counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + step));
        const mac = createHmac('sha1', key).update(counter).digest();
        return String((mac.readUInt32BE(mac[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
    };

    test('a second factor is set up, asked for when signing in, and taken away', async () => {
        await lou.page.getByRole('button', { name: 'Settings' }).click();
        await section('Account');
        const form = body().locator('form').nth(2);
        const secret = await form.locator('.secret').innerText();
        await form.getByLabel('Current password').fill('a new one, longer');
        await form.getByLabel('Code').fill('000000');
        await form.getByRole('button', { name: 'Turn on' }).click();
        await form.getByRole('alert').waitFor();
        await form.getByLabel('Code').fill(codeOf(secret));
        await form.getByRole('button', { name: 'Turn on' }).click();
        const codes = body().locator('.codes code');
        await codes.first().waitFor();
        assert.equal(await codes.count(), 10);
        const [recovery] = await codes.allInnerTexts();
        const other = await Person.open(world.browser, world.hub);
        await other.goto();
        await other.page.getByLabel(/User name/).fill('lou');
        await other.page.getByLabel('Password').fill('a new one, longer');
        await other.page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await other.page.getByLabel('Code').fill('000000');
        await other.page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await other.page.getByText('That code does not fit.').waitFor();
        await other.page.getByLabel('Code').fill(recovery);
        await other.page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await other.page.locator('.shell').waitFor();
        await other.close();
        await section('Profile');
        await section('Account');
        await form.getByLabel('Code').fill(codeOf(secret, 1));
        // All tokens end, and the page goes on with the new one: what is asked before would be refused.
        await Promise.all([lou.page.waitForEvent('websocket'), form.getByRole('button', { name: 'Turn off' }).click()]);
        await form.getByRole('button', { name: 'Turn on' }).waitFor();
        await lou.page.getByRole('button', { name: 'Close', exact: true }).click();
    });

    test('status and its words are seen by others, and kept', async () => {
        await lou.page.locator('.me-face').click();
        await lou.page.getByRole('menuitemradio', { name: 'Do not disturb' }).click();
        await max.page.locator('.members').getByRole('img', { name: 'Do not disturb' }).waitFor();
        await lou.page.locator('.me-face').click();
        await lou.page.getByRole('menuitem', { name: 'Set a status' }).click();
        await lou.page.getByLabel('What are you up to?').fill('on the water');
        await lou.page.getByRole('textbox', { name: 'Emoji' }).fill('🌊');
        await lou.page.getByRole('button', { name: 'Save' }).click();
        await max.page.locator('.members').getByText('🌊 on the water').waitFor();
        await lou.page.reload();
        await lou.page.locator('.me').getByText('🌊 on the water').waitFor();
        await max.page.locator('.members').getByText('🌊 on the water').waitFor();
    });

    test('all that is one’s own comes in one file', async () => {
        await max.say('to be taken along');
        await max.sees('to be taken along');
        await max.page.getByRole('button', { name: 'Settings' }).click();
        await max.page.getByRole('navigation', { name: 'Settings' }).getByRole('button', { name: 'Account', exact: true }).click();
        const form = max.page.locator('.form', { hasText: 'Your data' }).last();
        await form.getByLabel('Current password').fill(PASSWORD);
        await form.getByRole('button', { name: 'Ask for a copy' }).click();
        const button = max.page.getByRole('button', { name: /^Download/ });
        await button.waitFor();
        const [download] = await Promise.all([max.page.waitForEvent('download'), button.click()]);
        const data = JSON.parse(readFileSync(await download.path(), 'utf8'));
        assert.equal(data.account.username, 'max');
        assert.ok(data.messages.some((m) => m.content === 'to be taken along'));
        await max.page.getByRole('button', { name: 'Close', exact: true }).click();
    });

    const leave = async (who, act, password) => {
        await who.page.getByRole('button', { name: 'Settings' }).click();
        await who.page.getByRole('navigation', { name: 'Settings' }).getByRole('button', { name: 'Account', exact: true }).click();
        await who.page.getByRole('button', { name: act }).click();
        await again(who, act, password);
    };
    const again = async (who, act, password) => {
        await who.page.getByRole('dialog', { name: act }).getByLabel('Current password').fill(password);
        await who.page.getByRole('dialog', { name: act }).getByRole('button', { name: act }).click();
    };
    test('the account is disabled by the password, and signing in takes it back', async () => {
        await leave(lou, 'Disable my account', 'not the password');
        await lou.page.getByRole('alert').waitFor();
        await again(lou, 'Disable my account', 'a new one, longer');
        await lou.page.getByText('Your account is disabled.').waitFor();
        await lou.page.getByRole('heading', { name: 'Welcome back' }).waitFor();
        assert.equal(await lou.token(), null);
        await lou.signIn('lou', 'a new one, longer');
        await lou.page.getByRole('button', { name: 'Ferry', exact: true }).first().waitFor();
    });

    test('the account is deleted for good, but not while it owns a server', async () => {
        await leave(lou, 'Delete my account', 'a new one, longer');
        await lou.page.getByRole('alert').getByText('Ferry').waitFor();
        await lou.page.keyboard.press('Escape');
        await max.say('so long');
        await lou.page.getByRole('button', { name: /^Ferry/ }).first().click();
        await lou.sees('so long');
        await leave(max, 'Delete my account', PASSWORD);
        await max.page.getByText('Your account is deleted.').waitFor();
        await max.page.getByRole('heading', { name: 'Welcome back' }).waitFor();
        await lou.page.locator('.members').getByText('max').waitFor({ state: 'detached' });
        await lou.page.reload();
        await lou.row('to be taken along').getByText(/deleted_user/).waitFor(); // the first of theirs has the name
        assert.deepEqual([...lou.faults, ...max.faults], []);
    });
});
