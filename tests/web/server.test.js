// A server and those who look after it: search, pins, links to messages, settings, roles, permissions, order, quiet, moderation.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { until } from '../e2e/harness.js';
import { Person, picture } from './browser.js';
import { story } from './story.js';
import { indexed, world } from './world.js';

describe('a server', () => {
    const test = story(() => [ida, joe]);
    let ida, joe, kim, api, joeApi, guild, general, plans;
    const side = (who) => who.page.getByRole('navigation', { name: 'Channels' });
    const menu = async (who, item) => {
        await who.page.locator('button.guild-name').click();
        await who.page.getByRole('menuitem', { name: item, exact: true }).click();
    };
    const settings = async (section) => {
        await menu(ida, 'Server settings');
        await ida.page.getByRole('navigation', { name: 'Looms' }).getByRole('button', { name: section, exact: true }).click();
    };
    const ofChannel = async (who, name, item) => {
        await side(who).getByRole('button', { name: new RegExp(`^${name}`) }).click({ button: 'right' });
        await who.page.getByRole('menuitem', { name: item }).click();
    };
    const body = () => ida.page.locator('.screen-body');
    const channels = async (who) => (await side(who).locator('.channel-row .name').allTextContents());

    before(async () => {
        [api, joeApi, kim] = await Promise.all(['ida', 'joe', 'kim'].map((n) => world.hub.register(n)));
        guild = (await api.post('/guilds', { name: 'Looms', system_channel_flags: 1 })).id;
        const first = (await api.get(`/guilds/${guild}/channels`)).find((c) => c.type === 0);
        general = first.id;
        plans = (await api.post(`/guilds/${guild}/channels`, { name: 'plans', type: 0, parent_id: first.parent_id })).id;
        const { code } = await api.post(`/channels/${general}/invites`, { max_age: 0 });
        for (const who of [joeApi, kim]) await who.post(`/invites/${code}`);
        await api.say(general, 'the very first line');
        for (let i = 0; i < 60; i++) await joeApi.say(general, `shuttle ${i}`);
        await kim.say(plans, 'a **shuttle** of https://example.org/wood');
        [ida, joe] = await Promise.all([api, joeApi].map(async (a) => (await Person.open(world.browser, world.hub)).as(a, `/#/${guild}/${general}`)));
        await ida.sees('shuttle 59');
        await indexed(api, `/guilds/${guild}`, 'shuttle', 61);
    }, { timeout: 240_000 });
    after(() => Promise.all([ida?.close(), joe?.close()]));

    test('search finds by words and filters, and leads to the message', async () => {
        await ida.page.keyboard.press('Control+f');
        const box = ida.page.getByRole('combobox', { name: 'Search in Looms' });
        await box.fill('shuttle from:ki');
        await ida.page.getByRole('option', { name: 'from:kim' }).click();
        await box.press('Enter');
        const cards = ida.page.locator('.card-message');
        await cards.getByText('shuttle', { exact: true }).waitFor();
        assert.equal(await cards.count(), 1);
        await box.fill('has:link');
        await box.press('Enter');
        await ida.page.getByText('1 message', { exact: true }).waitFor();
        await box.fill('shuttle in:general before:2015-06-01');
        await box.press('Enter');
        await ida.page.getByText('Nothing found.').waitFor();
        await box.fill('from:nobody-here');
        await box.press('Enter');
        await ida.page.getByText('Not understood: from:nobody-here').waitFor();
        await box.fill('shuttle in:general');
        await box.press('Enter');
        await ida.page.getByText('60 messages').waitFor();
        await ida.page.getByRole('button', { name: 'Show 25 more' }).click();
        await until('the second page', async () => (await cards.count()) === 50);
        await box.fill('very first');
        await box.press('Enter');
        await ida.page.getByText('1 message', { exact: true }).waitFor();
        await cards.getByRole('button', { name: 'Jump' }).click();
        await ida.row('the very first line').waitFor();
        await until('it is in sight', () => ida.row('the very first line').evaluate((r) => r.getBoundingClientRect().top > 0));
        await ida.page.keyboard.press('Escape'); // closes the panel
        await ida.page.locator('.panel').waitFor({ state: 'detached' });
        await ida.page.keyboard.press('Escape'); // goes to the newest
        await until('the newest is in sight', () => ida.row('shuttle 59').evaluate((r) => r.getBoundingClientRect().bottom < innerHeight));
    });

    test('a link to a message leads there, also by a fresh page', async () => {
        const [first] = await api.get(`/channels/${general}/messages?after=0&limit=1`);
        await joe.goto(`/#/${guild}/${general}/${first.id}`);
        await joe.page.reload();
        await joe.row('the very first line').waitFor();
        assert.equal(new URL(joe.page.url()).hash, `#/${guild}/${general}`);
        await api.say(plans, `see ${world.hub.url}/#/${guild}/${general}/${first.id}`);
        await side(joe).getByRole('button', { name: /^plans/ }).click();
        await joe.row('see ').getByRole('link').click();
        await joe.row('the very first line').waitFor();
    });

    test('pins are shown, jumped to and taken off', async () => {
        await ida.action('shuttle 59', 'Message actions');
        await ida.page.getByRole('menuitem', { name: 'Pin' }).click();
        await ida.page.getByText('pinned a message.').waitFor();
        await ida.page.getByRole('button', { name: 'Pinned messages' }).click();
        const panel = ida.page.getByRole('complementary', { name: 'Pinned messages' });
        await panel.getByText('shuttle 59').waitFor();
        await panel.getByRole('button', { name: 'Jump' }).click();
        await ida.page.locator('.flash', { hasText: 'shuttle 59' }).waitFor();
        await panel.getByRole('button', { name: 'Unpin' }).click();
        await panel.getByText('Nothing is pinned here yet.').waitFor();
        await panel.getByRole('button', { name: 'Close' }).click();
        await ida.page.locator('.members').getByText('kim').waitFor();
    });

    test('a reply shows what is bold as bold, in one line', async () => {
        const m = await joeApi.say(general, 'it is **hot**\n> indeed ||not||');
        await kim.say(general, 'so it is', { message_reference: { message_id: m.id } });
        const preview = ida.row('so it is').locator('.reply-preview');
        await preview.locator('strong', { hasText: 'hot' }).waitFor();
        assert.doesNotMatch(await preview.innerText(), /\*\*|\|\||>/);
    });

    test('overview: name and rules are changed for all', async () => {
        await settings('Overview');
        await body().getByLabel('Server name').fill('Looms and Co');
        await body().getByLabel('Channel for system messages').selectOption('#plans');
        await body().getByLabel('Who may write').selectOption('Registered for 5 minutes');
        await body().getByRole('button', { name: 'Save' }).click();
        await joe.page.getByRole('button', { name: 'Looms and Co', exact: true }).first().waitFor();
        const now = await api.get(`/guilds/${guild}`);
        assert.deepEqual([now.system_channel_id, now.verification_level], [plans, 2]);
        await body().getByLabel('Choose an icon').setInputFiles({ name: 'loom.png', mimeType: 'image/png', buffer: await picture(ida.page, '#a27') });
        const icon = joe.page.locator('.rail').locator('img');
        await until('the icon is drawn', () => icon.evaluate((img) => img.complete && img.naturalWidth > 0));
        await body().getByLabel('Server name').fill('Looms');
        await body().getByLabel('Who may write').selectOption('Everybody');
        await body().getByRole('button', { name: 'Save' }).click();
        await joe.page.getByRole('button', { name: 'Looms', exact: true }).first().waitFor();
        await ida.page.getByRole('button', { name: 'Close', exact: true }).click();
    });

    test('a role is made, coloured, shown apart, given and ordered', async () => {
        await settings('Roles');
        for (const name of ['Weavers', 'Carders']) {
            await body().getByRole('button', { name: 'Create role' }).click();
            await until('the new role is open', async () => (await body().getByLabel('Role name').count()) && (await body().getByLabel('Role name').inputValue()) === 'new role');
            await body().getByLabel('Role name').fill(name);
            await body().getByRole('button', { name: '#e91e63' }).click();
            await body().getByLabel('Show its members apart in the member list').check();
            await body().getByLabel(/^Manage messages/).check();
            await body().getByRole('button', { name: 'Save' }).click();
            await body().getByRole('button', { name, exact: true }).waitFor();
        }
        await body().getByRole('button', { name: 'Weavers', exact: true }).click();
        await until('the editor shows it', async () => (await body().getByLabel('Role name').inputValue()) === 'Weavers');
        await body().getByLabel('Give it to a member').fill('joe');
        await ida.page.keyboard.press('Enter');
        await joe.page.locator('.members h3', { hasText: 'Weavers' }).waitFor();
        const positions = async () => Object.fromEntries((await api.get(`/guilds/${guild}/roles`)).map((r) => [r.name, r.position]));
        await body().getByRole('button', { name: 'Move Weavers down' }).click();
        await until('Weavers stands below', async () => { const p = await positions(); return p.Weavers < p.Carders; });
        await body().locator('.role-row', { hasText: 'Weavers' }).dragTo(body().locator('.role-row', { hasText: 'Carders' }), { targetPosition: { x: 40, y: 2 } });
        await until('Weavers stands above', async () => { const p = await positions(); return p.Weavers > p.Carders; });
        await body().getByRole('button', { name: 'Carders', exact: true }).click();
        await body().getByRole('button', { name: 'Delete role' }).click();
        await ida.page.getByRole('dialog', { name: 'Delete role' }).getByRole('button', { name: 'Delete role' }).click();
        await body().getByRole('button', { name: 'Carders', exact: true }).waitFor({ state: 'detached' });
        const role = (await api.get(`/guilds/${guild}/roles`)).find((r) => r.name === 'Weavers');
        assert.deepEqual([role.color, role.hoist, (BigInt(role.permissions) & (1n << 13n)) !== 0n], [0xe91e63, true, true]);
    });

    test('the members’ list gives and takes roles and nicknames', async () => {
        await ida.page.getByRole('navigation', { name: 'Looms' }).getByRole('button', { name: 'Members' }).click();
        await body().getByRole('button', { name: 'Give kim a role' }).click();
        await ida.page.getByRole('menuitem', { name: 'Weavers' }).click();
        await body().getByRole('button', { name: 'Take Weavers from kim' }).click();
        await until('it is taken', async () => !(await api.get(`/guilds/${guild}/members/${kim.id}`)).roles.length);
        await body().getByRole('button', { name: 'More about kim' }).click();
        await ida.page.getByRole('menuitem', { name: 'Change nickname' }).click();
        await ida.page.getByRole('textbox', { name: 'Nickname' }).fill('Kim the carder');
        await ida.page.getByRole('dialog', { name: 'Nickname of kim' }).getByRole('button', { name: 'Change nickname' }).click();
        await joe.page.locator('.members').getByText('Kim the carder').waitFor();
    });

    test('a webhook is made, posts, and is deleted', async () => {
        await ida.page.getByRole('navigation', { name: 'Looms' }).getByRole('button', { name: 'Webhooks' }).click();
        await body().getByRole('textbox', { name: 'Name' }).fill('Bell');
        await body().getByRole('button', { name: 'Create webhook' }).click();
        await body().locator('summary', { hasText: 'Bell' }).click();
        const [hook] = await api.get(`/guilds/${guild}/webhooks`);
        await fetch(`${world.hub.url}/api/v10/webhooks/${hook.id}/${hook.token}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"content":"dong"}' });
        await joe.row('dong').getByText('Bell').waitFor();
        await body().getByRole('button', { name: 'Delete webhook' }).click();
        await ida.page.getByRole('dialog', { name: 'Delete webhook' }).getByRole('button', { name: 'Delete webhook' }).click();
        await body().getByText('No webhooks yet.').waitFor();
    });

    test('invites are listed and revoked', async () => {
        await ida.page.getByRole('navigation', { name: 'Looms' }).getByRole('button', { name: 'Invites' }).click();
        await body().getByRole('button', { name: /^Revoke/ }).click();
        await body().getByText('No invites.').waitFor();
        assert.deepEqual(await api.get(`/guilds/${guild}/invites`), []);
        await ida.page.getByRole('button', { name: 'Close', exact: true }).click();
    });

    test('a channel’s permissions hide it from a role, and one can look with other eyes', async () => {
        await ofChannel(ida, 'plans', 'Edit channel');
        await ida.page.getByRole('navigation', { name: '#plans' }).getByRole('button', { name: 'Permissions' }).click();
        const see = body().getByRole('group', { name: 'See channels' });
        await see.getByRole('radio', { name: 'Refuse' }).check({ force: true });
        await body().getByRole('button', { name: 'Save' }).click();
        await side(joe).getByRole('button', { name: /^plans/ }).waitFor({ state: 'detached' });
        await body().getByRole('button', { name: 'Add role' }).click();
        await ida.page.getByRole('menuitem', { name: 'Weavers' }).click();
        await see.getByRole('radio', { name: 'Allow' }).check({ force: true });
        await body().getByRole('button', { name: 'Save' }).click();
        await side(joe).getByRole('button', { name: /^plans/ }).waitFor(); // joe weaves
        await ida.page.getByRole('button', { name: 'Close', exact: true }).click();
        await menu(ida, 'View as a role');
        await ida.page.getByRole('combobox', { name: 'Role' }).selectOption('@everyone');
        await ida.page.getByRole('button', { name: 'View', exact: true }).click();
        await side(ida).getByRole('button', { name: /^plans/ }).waitFor({ state: 'detached' });
        await ida.page.getByRole('button', { name: 'Stop' }).click();
        await side(ida).getByRole('button', { name: /^plans/ }).waitFor();
    });

    test('channels are put in another order by dragging and by the menu, and into categories', async () => {
        await api.post(`/guilds/${guild}/channels`, { name: 'Attic', type: 4 });
        await side(ida).getByRole('button', { name: 'Attic', exact: true }).waitFor();
        assert.deepEqual((await channels(ida)).slice(0, 2), ['general', 'plans']);
        await side(ida).locator('.channel-row', { hasText: 'plans' }).dragTo(side(ida).locator('.channel-row', { hasText: /^general/ }), { targetPosition: { x: 40, y: 2 } });
        await until('joe sees the other order', async () => (await channels(joe)).slice(0, 2).join() === 'plans,general');
        await ofChannel(ida, 'plans', 'Move down');
        await until('joe sees the first order', async () => (await channels(joe)).slice(0, 2).join() === 'general,plans');
        await side(ida).locator('.channel-row', { hasText: 'plans' }).dragTo(side(ida).getByRole('button', { name: 'Attic', exact: true }));
        await until('it is in the attic', async () => (await joe.page.locator('.section', { hasText: 'Attic' }).locator('.name').allTextContents()).includes('plans'));
        await side(joe).getByRole('button', { name: 'Attic', exact: true }).click(); // folds
        await side(joe).getByRole('button', { name: /^plans/ }).waitFor({ state: 'detached' });
        await side(joe).getByRole('button', { name: 'Attic', exact: true }).click();
    });

    test('a muted channel is not told of as unread, and a muted server neither', async () => {
        await ofChannel(joe, 'plans', 'Notifications');
        await joe.page.getByRole('combobox', { name: 'Mute' }).selectOption('for 1 hour');
        await side(joe).getByRole('button', { name: 'plans, muted', exact: true }).waitFor();
        await joe.page.keyboard.press('Escape');
        await api.say(plans, 'while it is quiet');
        await api.say(general, 'a mark');
        await joe.sees('a mark');
        assert.equal(await side(joe).getByRole('button', { name: /plans, unread/ }).count(), 0);
        await joe.page.reload(); // the server keeps it
        await side(joe).getByRole('button', { name: 'plans, muted', exact: true }).waitFor();
        await ofChannel(joe, 'plans', 'Notifications');
        await joe.page.getByRole('combobox', { name: 'Mute' }).selectOption('Not muted');
        await side(joe).getByRole('button', { name: 'plans, unread' }).waitFor();
        await joe.page.keyboard.press('Escape');
        await menu(joe, 'Notifications');
        await joe.page.getByLabel('Not of @everyone and @here').check();
        await until('the server knows', async () => {
            const socket = await joeApi.connect();
            const known = socket.ready.user_guild_settings.entries.find((e) => e.guild_id === guild)?.suppress_everyone;
            await socket.close();
            return known;
        });
        await joe.page.keyboard.press('Escape');
        await menu(joe, 'Mark all as read');
        await side(joe).getByRole('button', { name: 'plans', exact: true }).waitFor();
    });

    test('a ban with a reason, the list of bans, the audit log, and the way back', async () => {
        await ida.page.locator('.members').getByText('Kim the carder').click();
        await ida.page.getByRole('dialog', { name: 'kim' }).getByRole('button', { name: 'Ban' }).click();
        await ida.page.getByLabel('Reason, for the audit log').fill('too loud — ganz laut');
        await ida.page.getByRole('dialog', { name: /^Ban/ }).getByRole('button', { name: 'Ban', exact: true }).click();
        await joe.page.locator('.members').getByText('Kim the carder').waitFor({ state: 'detached' });
        await settings('Bans');
        await body().getByText('too loud — ganz laut').waitFor();
        await ida.page.getByRole('navigation', { name: 'Looms' }).getByRole('button', { name: 'Audit log' }).click();
        await body().getByText('banned kim').waitFor();
        await body().getByRole('combobox', { name: 'What' }).selectOption('Role created');
        await body().getByText('created the role').first().waitFor();
        await body().getByText('banned kim').waitFor({ state: 'detached' });
        await ida.page.getByRole('navigation', { name: 'Looms' }).getByRole('button', { name: 'Bans' }).click();
        await body().getByRole('button', { name: 'Lift ban: kim' }).click();
        await body().getByText('Nobody is banned.').waitFor();
        await ida.page.getByRole('button', { name: 'Close', exact: true }).click();
    });

    test('who may not, does not see it', async () => {
        await joe.page.locator('button.guild-name').click();
        await joe.page.getByRole('menuitem', { name: 'Leave server' }).waitFor();
        assert.equal(await joe.page.getByRole('menuitem', { name: 'Server settings' }).count(), 0);
        await joe.page.keyboard.press('Escape');
        assert.deepEqual([...ida.faults, ...joe.faults], []);
    });
});
