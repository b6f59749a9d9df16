// What is reported, and what the instance's administrators do about it and about accounts; and how strangers get in where an
// invite is needed.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { Hubbub, PASSWORD, until } from '../e2e/harness.js';
import { Person, webEnv } from './browser.js';
import { story } from './story.js';
import { world } from './world.js';

describe('administration', () => {
    const test = story(() => [zoe, yan, xia]);
    let zoe, yan, xia, api, yanApi, xiaApi, channel;
    const body = () => zoe.page.locator('.screen-body');
    const section = (name) => zoe.page.getByRole('navigation', { name: 'Administration' }).getByRole('button', { name, exact: true }).click();
    const row = (name) => body().locator('.account', { hasText: name });
    const more = async (name, item) => {
        await row(name).getByRole('button', { name: `More about ${name}` }).click();
        await zoe.page.getByRole('menuitem', { name: item }).click();
    };
    const sure = (name) => zoe.page.getByRole('dialog', { name }).getByRole('button', { name }).click();
    const report = async (content, why, comment) => {
        await yan.action(content, 'Message actions');
        await yan.page.getByRole('menuitem', { name: 'Report' }).click();
        await yan.page.getByRole('combobox', { name: 'What is wrong with it' }).selectOption(why);
        await yan.page.getByLabel('What they should know').fill(comment);
        await yan.page.getByRole('dialog').getByRole('button', { name: 'Report', exact: true }).click();
        await yan.page.getByText('Thank you.').waitFor();
        await yan.page.getByRole('button', { name: 'OK' }).click();
    };

    before(async () => {
        api = await world.hub.register('zoe'); // first: should nobody be there yet, she administers anyway
        [yanApi, xiaApi] = await Promise.all(['yan', 'xia'].map((n) => world.hub.register(n)));
        world.hub.command('user', 'admin', 'zoe', 'on');
        await until('zoe administers', async () => (await api.get('/users/@me')).administrator);
        const { id: guild } = await yanApi.post('/guilds', { name: 'Docks', system_channel_flags: 1 });
        channel = (await yanApi.get(`/guilds/${guild}/channels`)).find((c) => c.type === 0).id;
        const { code } = await yanApi.post(`/channels/${channel}/invites`, { max_age: 0 });
        for (const who of [api, xiaApi]) await who.post(`/invites/${code}`);
        await xiaApi.say(channel, 'buy **cheap** rope');
        await xiaApi.say(channel, 'and cheaper nails');
        [zoe, yan, xia] = await Promise.all([api, yanApi, xiaApi].map(async (a) => (await Person.open(world.browser, world.hub)).as(a, `/#/${guild}/${channel}`)));
        await yan.sees('cheaper nails');
    }, { timeout: 240_000 });
    after(() => Promise.all([zoe?.close(), yan?.close(), xia?.close()]));

    test('a message is reported by another’s menu, not by one’s own', async () => {
        await report('rope', 'Spam or deceit', 'all day long');
        await report('nails', 'Something else', 'this too');
        await yan.say('mine');
        await yan.sees('mine');
        await until('sent', async () => (await yan.page.locator('.outgoing').count()) === 0);
        await yan.action('mine', 'Message actions');
        await yan.page.getByRole('menuitem', { name: 'Delete' }).waitFor();
        assert.equal(await yan.page.getByRole('menuitem', { name: 'Report' }).count(), 0);
        await yan.page.keyboard.press('Escape');
    });

    test('who administers sees how the instance is; others have no way there', async () => {
        await yan.page.getByRole('button', { name: 'Settings' }).click();
        await yan.page.getByRole('button', { name: 'Sign out' }).waitFor();
        assert.equal(await yan.page.getByRole('button', { name: 'Administration' }).count(), 0);
        await yan.page.keyboard.press('Escape');
        await zoe.page.getByRole('button', { name: 'Settings' }).click();
        await zoe.page.getByRole('button', { name: 'Administration' }).click();
        await body().locator('.health li', { hasText: 'postgresql' }).getByText('works').waitFor();
        const tile = async (name) => Number((await body().locator('.tile', { hasText: name }).locator('strong').innerText()).replace(/\D/g, ''));
        const { users, reports_open } = await api.get('/admin/summary');
        assert.deepEqual([await tile('People'), await tile('Open reports')], [users, reports_open]);
        await body().getByText('for everybody').waitFor();
    });

    test('somebody is found, with what was reported of them', async () => {
        await section('People');
        await body().getByLabel('Find somebody').fill('xi');
        await row('xia').getByText('1 server').waitFor();
        await row('xia').getByRole('button', { name: '2 open reports' }).click();
        await body().getByText('Only what was reported of one person.').waitFor();
        await until('both are there', async () => (await body().locator('.report').count()) === 2);
        const card = body().locator('.report', { hasText: 'Spam or deceit' });
        await card.getByText('all day long').waitFor();
        await card.getByText('Reported by yan').waitFor();
        await card.locator('strong', { hasText: 'cheap' }).waitFor();
        await card.getByText('#general in Docks').waitFor();
    });

    test('a report is resolved by deleting the message, and stands among the resolved', async () => {
        const card = body().locator('.report', { hasText: 'Spam or deceit' });
        await card.getByLabel('What happens').selectOption('Delete the message');
        await card.getByLabel('Note, for other administrators').fill('the third time');
        await card.getByRole('button', { name: 'Resolve' }).click();
        await card.waitFor({ state: 'detached' });
        await yan.row('rope').waitFor({ state: 'detached' });
        await body().getByRole('button', { name: 'Resolved' }).click();
        await card.getByText('the third time').waitFor();
        await card.getByText('deleted since').waitFor();
        await card.locator('strong', { hasText: 'cheap' }).waitFor(); // the evidence stays
        await body().getByRole('button', { name: 'Show all' }).click();
    });

    test('from a report one gets to its message', async () => {
        const card = body().locator('.report', { hasText: 'this too' });
        await card.getByRole('button', { name: 'Go to the message' }).click();
        await zoe.page.locator('.screen').waitFor({ state: 'detached' });
        await zoe.page.locator('.flash').waitFor();
    });

    test('an account is disabled, enabled, and deleted for good', async () => {
        await zoe.page.getByRole('button', { name: 'Settings' }).click();
        await zoe.page.getByRole('button', { name: 'Administration' }).click();
        await section('People');
        await body().getByLabel('Find somebody').fill('xia');
        await more('xia', 'Disable account');
        await sure('Disable account');
        await row('xia').getByText('Disabled').waitFor();
        await xia.page.getByRole('heading', { name: 'Welcome back' }).waitFor();
        await body().getByLabel('Only disabled ones').check();
        await row('xia').waitFor();
        await more('xia', 'Enable account');
        await row('xia').getByText('Disabled').waitFor({ state: 'detached' });
        await xia.signIn('xia', PASSWORD);
        await body().getByLabel('Only disabled ones').uncheck();
        await row('xia').waitFor();
        await more('xia', 'Delete account');
        await sure('Delete account');
        await row('xia').waitFor({ state: 'detached' });
        await xia.page.getByRole('heading', { name: 'Welcome back' }).waitFor();
        assert.match((await api.get(`/users/${xiaApi.id}`)).username, /^deleted_user/);
        await body().getByLabel('Find somebody').fill('zoe');
        await row('zoe').getByText('Administrator').waitFor();
        await row('zoe').getByRole('button', { name: 'More about zoe' }).click();
        assert.equal(await zoe.page.getByRole('menuitem', { name: /account/ }).count(), 0); // not oneself
        await zoe.page.keyboard.press('Escape');
    });

    test('who administers no more is out of there at once', async () => {
        world.hub.command('user', 'admin', 'zoe', 'off');
        await zoe.page.locator('.screen').waitFor({ state: 'detached' });
        await zoe.say('only a person again');
        await yan.sees('only a person again');
        assert.deepEqual([...zoe.faults, ...yan.faults, ...xia.faults], []);
    });
});

describe('where an invite is needed', () => {
    const test = story(() => [tom]);
    let hub, tom, code;

    before(async () => {
        hub = await Hubbub.start({ env: { ...webEnv, HUBBUB_REGISTRATION: 'invite' } });
        const first = await hub.register('first'); // needs none
        const { id } = await first.post('/guilds', { name: 'Harbour' });
        const channel = (await first.get(`/guilds/${id}/channels`)).find((c) => c.type === 0).id;
        ({ code } = await first.post(`/channels/${channel}/invites`, { max_age: 0 }));
        tom = await Person.open(world.browser, hub);
    }, { timeout: 240_000 });
    after(async () => {
        await tom?.close();
        await hub?.stop();
    });

    const fill = async (name) => {
        await tom.page.getByLabel('User name').fill(name);
        await tom.page.getByLabel('Password').fill(PASSWORD);
        await tom.page.getByLabel('Date of birth').fill('1990-05-17');
        await tom.page.getByRole('button', { name: 'Create account' }).click();
    };
    test('without one that is what is said', async () => {
        await tom.goto();
        await tom.page.getByRole('button', { name: /Create an account/ }).click();
        await fill('tom');
        await tom.page.getByRole('alert').getByText('New accounts need an invite here').waitFor();
    });
    test('with its link one is in, and in its server', async () => {
        await tom.goto(`/#/invite/${code}`);
        await tom.page.reload();
        await tom.page.getByText('You were invited to Harbour').waitFor();
        await fill('tom');
        await tom.page.getByRole('heading', { name: 'Harbour' }).waitFor();
        await tom.composer.waitFor();
        assert.deepEqual(tom.faults, []);
    });
});
