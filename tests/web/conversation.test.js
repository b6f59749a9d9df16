// Two people in browsers and a bot of discord.js hold a conversation through the real services. Each step is done as a person
// does it and looked for where another person would see it.
import assert from 'node:assert/strict';
import { after, describe } from 'node:test';
import { Client, GatewayIntentBits } from 'discord.js';
import { until } from '../e2e/harness.js';
import { Person, picture } from './browser.js';
import { story } from './story.js';
import { world } from './world.js';

describe('a conversation', () => {
    const test = story(() => [ada, ben]);
    let ada, ben, inviteLink, bot;

    after(() => bot?.destroy());

    test('a person signs up', async () => {
        ada = await Person.open(world.browser, world.hub);
        await ada.signUp('ada');
        await ada.page.getByRole('heading', { name: 'Hello, ada' }).waitFor();
        assert.match(await ada.token(), /\w/);
    });

    test('signing up says what is wrong with a field', async () => {
        const other = await Person.open(world.browser, world.hub);
        await other.goto();
        await other.page.getByRole('button', { name: /Create an account/ }).click();
        await other.page.getByLabel('User name').fill('ada');
        await other.page.getByLabel('Password').fill('long enough');
        await other.page.getByLabel('Date of birth').fill('1990-05-17');
        await other.page.getByRole('button', { name: 'Create account' }).click();
        await other.page.getByRole('alert').waitFor();
        await other.close();
    });

    test('she makes a server and gets its first channel', async () => {
        await ada.page.getByRole('button', { name: 'Create or join a server' }).first().click();
        await ada.page.getByLabel('Server name').fill('Analytical Engines');
        await ada.page.getByRole('button', { name: 'Create server' }).click();
        await ada.page.getByRole('heading', { name: 'Welcome to #general' }).waitFor();
    });

    test('she makes a channel', async () => {
        await ada.page.getByRole('button', { name: 'Analytical Engines', exact: true }).last().click();
        await ada.page.getByRole('menuitem', { name: 'Create channel' }).click();
        await ada.page.getByLabel('Channel name').fill('plans');
        await ada.page.getByRole('dialog').getByRole('button', { name: 'Create channel' }).click();
        await ada.page.getByRole('heading', { name: 'Welcome to #plans' }).waitFor();
        await ada.page.getByRole('button', { name: 'general', exact: true }).click();
        await ada.page.getByRole('heading', { name: 'Welcome to #general' }).waitFor();
    });

    test('she invites', async () => {
        await ada.page.getByRole('button', { name: 'Analytical Engines', exact: true }).last().click();
        await ada.page.getByRole('menuitem', { name: 'Invite people' }).click();
        const box = ada.page.getByLabel('Invite link');
        inviteLink = await until('an invite link', () => box.inputValue());
        assert.match(inviteLink, /\/#\/invite\/\w+$/);
        await ada.page.keyboard.press('Escape');
    });

    test('a second person follows the link, signs up and is in', async () => {
        ben = await Person.open(world.browser, world.hub);
        ben.hash = inviteLink.slice(world.hub.url.length);
        await ben.signUp('ben');
        await ben.page.locator('.composer').waitFor();
        await ada.page.locator('.members').getByText('ben').waitFor();
    });

    test('who has an account joins by the link, when asked', async () => {
        const guest = await Person.open(world.browser, world.hub);
        await guest.as(await world.hub.register('guest'), inviteLink.slice(world.hub.url.length));
        await guest.page.getByRole('dialog').getByText('Analytical Engines').waitFor();
        await guest.page.getByRole('button', { name: 'Join server' }).click();
        await guest.composer.waitFor();
        await ada.page.locator('.members').getByText('guest').waitFor();
        await guest.close();
    });

    test('both are shown as online', async () => {
        for (const who of [ada, ben])
            await who.page.locator('.members').getByRole('img', { name: 'Online' }).nth(1).waitFor();
    });

    test('messages go both ways live, shown once, and not as unsent', async () => {
        await ada.say('Hello, Ben');
        await ben.sees('Hello, Ben');
        await ben.say('Hello, Ada');
        await ada.sees('Hello, Ada');
        await until('nothing is pending', async () => (await ada.page.locator('.outgoing').count()) === 0);
        assert.equal(await ada.row('Hello, Ben').count(), 1);
        assert.equal(await ben.row('Hello, Ada').count(), 1);
    });

    test('typing is seen', async () => {
        await ben.composer.pressSequentially('hm');
        await ada.page.getByText('ben is typing').waitFor();
        await ben.composer.fill('');
    });

    test('markdown becomes elements and never markup', async () => {
        await ada.say('**bold** `code` ||secret|| <b>no</b> <script>alert(1)</script>');
        const row = ben.row('bold');
        await row.locator('strong', { hasText: 'bold' }).waitFor();
        assert.equal(await row.locator('.content b, .content script').count(), 0);
        await row.getByRole('button', { name: /Spoiler/ }).click();
        await row.getByText('secret').waitFor();
    });

    test('the up key edits the last message', async () => {
        await ben.say('a first toughts');
        await ben.sees('a first toughts');
        await until('sent', async () => (await ben.page.locator('.outgoing').count()) === 0);
        await ben.composer.press('ArrowUp');
        await ben.page.getByLabel('Edit', { exact: true }).fill('a first thought');
        await ben.page.keyboard.press('Enter');
        await ada.row('a first thought').getByText('(edited)').waitFor();
    });

    test('a reply shows what it answers', async () => {
        await ada.action('a first thought', 'Reply');
        await ada.page.getByText('Replying to ben').waitFor();
        await ada.say('well thought');
        await ben.row('well thought').locator('.reply-preview', { hasText: 'a first thought' }).waitFor();
    });

    test('a mention while one is elsewhere becomes a badge', async () => {
        await ben.page.getByRole('button', { name: 'plans', exact: true }).click();
        await ben.page.getByRole('heading', { name: 'Welcome to #plans' }).waitFor();
        await ada.composer.pressSequentially('@be');
        await ada.page.getByRole('option', { name: /@ben/ }).waitFor();
        await ada.page.keyboard.press('Enter');
        await ada.composer.pressSequentially('look here');
        await ada.composer.press('Enter');
        await ben.page.getByRole('button', { name: 'general, 1 mention' }).waitFor();
        await ben.page.reload(); // the server counts, not the page
        const phone = await Person.open(world.browser, world.hub);
        await phone.as({ token: await ben.token() }, new URL(ben.page.url()).hash);
        await phone.page.getByRole('button', { name: 'general, 1 mention' }).waitFor();
        await ben.page.getByRole('button', { name: 'general, 1 mention' }).click();
        await phone.page.getByRole('button', { name: 'general', exact: true }).waitFor(); // read there is read here
        await phone.close();
        await ben.page.locator('.fresh').waitFor();
        await ben.sees('look here');
        await ben.page.getByRole('button', { name: 'general', exact: true }).waitFor();
    });

    test('a reaction is counted for both', async () => {
        await ben.action('look here', 'Add reaction');
        await ben.page.getByLabel('Search emoji').fill('rocket');
        await ben.page.keyboard.press('Enter');
        await ada.row('look here').getByRole('button', { name: '🚀, 1 reaction' }).click();
        await ben.row('look here').getByRole('button', { name: '🚀, 2 reactions, yours' }).click();
        await ada.row('look here').getByRole('button', { name: '🚀, 1 reaction, yours' }).waitFor();
    });

    test('a picture is uploaded, previewed and opened large', async () => {
        await ada.page.locator('input[type=file]').setInputFiles({ name: 'engine.png', mimeType: 'image/png', buffer: await picture(ada.page, '#3a7') });
        await ada.page.locator('.tray').getByText('engine.png').waitFor();
        await ada.say('see this');
        const image = ben.row('see this').getByRole('button', { name: 'engine.png' });
        await until('the picture is drawn', () => image.locator('img').evaluate((i) => i.complete && i.naturalWidth === 64));
        await image.click();
        await ben.page.getByRole('dialog', { name: 'engine.png' }).waitFor();
        await ben.page.keyboard.press('Escape');
        await ben.page.getByRole('dialog', { name: 'engine.png' }).waitFor({ state: 'detached' });
    });

    test('a pasted file and a dropped one wait to be sent', async () => {
        const give = (kind) => ben.page.evaluate((kind) => {
            const data = new DataTransfer();
            data.items.add(new File(['of words'], `${kind}.txt`, { type: 'text/plain' }));
            const event = kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }) : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
            document.querySelector(kind === 'paste' ? '.composer textarea' : '.log').dispatchEvent(event);
        }, kind);
        await give('paste');
        await give('drop');
        await ben.page.locator('.tray').getByText('drop.txt').waitFor();
        await ben.page.getByRole('button', { name: 'Remove drop.txt' }).click();
        await ben.page.getByRole('button', { name: 'Send', exact: true }).click();
        await ada.page.locator('.file').getByRole('link', { name: 'paste.txt', exact: true }).waitFor();
    });

    test('a deleted message goes everywhere', async () => {
        await ben.action('Hello, Ada', 'Delete');
        await ben.page.getByRole('dialog').getByRole('button', { name: 'Delete message' }).click();
        await ada.row('Hello, Ada').waitFor({ state: 'detached' });
        await ben.row('Hello, Ada').waitFor({ state: 'detached' });
    });

    test('a bot of discord.js takes part', async () => {
        const { hub } = world;
        const api = async (verb, path, body) => (await hub.request(verb, path, { token: await ada.token(), body })).body;
        const application = await api('POST', '/applications', { name: 'Pong' });
        await api('PATCH', `/applications/${application.id}`, { flags: (1 << 18) | (1 << 19) });
        const { token } = await api('POST', `/applications/${application.id}/bot`, {});
        const guild = (await api('GET', '/users/@me/guilds'))[0].id;
        await api('POST', `/oauth2/authorize?client_id=${application.id}&scope=bot&permissions=8`, { guild_id: guild, permissions: '8', authorize: true });
        bot = new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent], rest: { api: `${hub.url}/api` } });
        bot.on('messageCreate', (m) => { if (m.content === '!ping') void m.reply({ content: 'pong', embeds: [{ title: 'An embed', description: 'with **bold**' }] }); });
        const ready = new Promise((done) => bot.once('clientReady', done));
        await bot.login(token);
        await ready;
        await ben.say('!ping');
        await ada.row('pong').last().getByText('BOT').waitFor();
        await ben.row('pong').last().locator('.embed strong', { hasText: 'bold' }).waitFor();
    });

    test('a cut connection is resumed and nothing is missed', async () => {
        await ben.page.evaluate(() => window.hubbub.cut());
        await ada.say('while you were away');
        await ben.sees('while you were away');
        assert.equal(await ben.row('while you were away').count(), 1);
    });

    test('without a network a message fails, and goes by a retry', async () => {
        await ben.context.setOffline(true);
        await ben.page.evaluate(() => window.hubbub.cut());
        await ben.say('from a tunnel');
        const failed = ben.page.locator('.outgoing[data-state=failed]');
        await failed.getByText('Not sent.').waitFor();
        await ben.page.getByText('Connection lost').waitFor();
        await ben.context.setOffline(false);
        await failed.getByRole('button', { name: 'Try again' }).click();
        await ada.sees('from a tunnel');
        await failed.waitFor({ state: 'detached' });
        await ben.page.locator('.banner').waitFor({ state: 'detached' });
        assert.equal(await ada.row('from a tunnel').count(), 1);
    });

    test('drafts, theme and the session outlive a reload', async () => {
        await ada.composer.fill('a thought to be finished');
        await ada.page.getByRole('button', { name: 'Settings' }).click();
        await ada.page.getByRole('button', { name: 'Appearance' }).click();
        await ada.page.getByLabel('Dark').check();
        await ada.page.keyboard.press('Escape');
        await ada.page.reload();
        await ada.sees('from a tunnel');
        assert.equal(await ada.composer.inputValue(), 'a thought to be finished');
        assert.equal(await ada.page.evaluate(() => getComputedStyle(document.documentElement).colorScheme), 'dark');
        await ada.composer.fill('');
    });

    test('the keyboard suffices to walk, react and switch', async () => {
        await ada.composer.press('Control+k');
        await ada.page.getByRole('combobox').fill('plans');
        await ada.page.keyboard.press('Enter');
        await ada.page.getByRole('heading', { name: 'Welcome to #plans' }).waitFor();
        await ada.page.keyboard.press('Alt+ArrowUp');
        await ada.sees('from a tunnel');
        await ada.row('from a tunnel').focus();
        await ada.page.keyboard.press('ArrowUp');
        assert.match(await ada.page.evaluate(() => document.activeElement.textContent), /while you were away/);
        await ada.page.keyboard.press('+');
        await ada.page.getByLabel('Search emoji').fill('tada');
        await ada.page.keyboard.press('Enter');
        await ben.row('while you were away').getByRole('button', { name: '🎉, 1 reaction' }).waitFor();
    });

    test('signing out forgets', async () => {
        await ben.page.getByRole('button', { name: 'Settings' }).click();
        await ben.page.getByRole('button', { name: 'Sign out' }).click();
        await ben.page.getByRole('heading', { name: 'Welcome back' }).waitFor();
        assert.equal(await ben.token(), null);
        await ben.signIn('ben');
        await ben.page.getByRole('button', { name: /^Analytical Engines/ }).first().waitFor();
    });

    test('no page failed, and none asked another host', () => {
        assert.deepEqual([...ada.faults, ...ben.faults], []);
    });
});
