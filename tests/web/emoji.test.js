// A server's own emoji: put in, written, reacted with, found, given another name and taken out, in the sight of another person.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { gif } from '../e2e/pictures.js';
import { until } from '../e2e/harness.js';
import { Person, picture } from './browser.js';
import { story } from './story.js';
import { world } from './world.js';

describe('custom emoji', () => {
    const test = story(() => [eda, flo]);
    let eda, flo, api, floApi, guild, channel, other;
    const body = () => eda.page.locator('.screen-body');
    const settings = async () => {
        await eda.page.locator('button.guild-name').click();
        await eda.page.getByRole('menuitem', { name: 'Server settings' }).click();
        await eda.page.getByRole('navigation', { name: 'Dyers' }).getByRole('button', { name: 'Emoji', exact: true }).click();
    };
    // What is behind the settings takes no key before they are gone.
    const leave = async () => {
        await eda.page.getByRole('button', { name: 'Close', exact: true }).click();
        await body().waitFor({ state: 'detached' });
    };
    const picker = async (who) => {
        await who.page.getByRole('button', { name: 'Insert emoji' }).click();
        return who.page.getByRole('dialog', { name: 'Emoji' });
    };
    const isDrawn = (img) => until('it is drawn', () => img.evaluate((i) => i.complete && i.naturalWidth > 0));
    const last = async (where = channel) => (await api.get(`/channels/${where}/messages?limit=1`))[0].content;
    const emojis = async () => Object.fromEntries((await api.get(`/guilds/${guild}/emojis`)).map((e) => [e.name, e]));

    before(async () => {
        [api, floApi] = await Promise.all(['eda', 'flo'].map((n) => world.hub.register(n)));
        const made = async (name) => {
            const { id } = await api.post('/guilds', { name, system_channel_flags: 1 });
            const general = (await api.get(`/guilds/${id}/channels`)).find((c) => c.type === 0).id;
            await floApi.post(`/invites/${(await api.post(`/channels/${general}/invites`, { max_age: 0 })).code}`);
            return [id, general];
        };
        [guild, channel] = await made('Dyers');
        other = await made('Spinners');
        [eda, flo] = await Promise.all([api, floApi].map(async (a) => (await Person.open(world.browser, world.hub)).as(a, `/#/${guild}/${channel}`)));
        await Promise.all([eda, flo].map((p) => p.composer.waitFor()));
    }, { timeout: 240_000 });
    after(() => Promise.all([eda?.close(), flo?.close()]));

    test('pictures are put in, and named after their files', async () => {
        await settings();
        await body().getByText('Still — 0 of 50').waitFor();
        await body().getByLabel('Add emoji').setInputFiles([
            { name: 'wool & dye.png', mimeType: 'image/png', buffer: await picture(eda.page, '#27a') },
            { name: 'spin.gif', mimeType: 'image/gif', buffer: gif(16, 2) },
        ]);
        await body().getByRole('textbox', { name: 'Name of wool_dye' }).waitFor();
        await body().getByRole('textbox', { name: 'Name of spin' }).waitFor();
        await body().getByText('Still — 1 of 50').waitFor();
        await body().getByText('Moving — 1 of 50').waitFor();
        await body().getByText('made by eda').first().waitFor();
        await isDrawn(body().locator('.emoji-row img').first());
        await leave();
        assert.deepEqual(Object.values(await emojis()).map((e) => [e.name, e.animated]), [['wool_dye', false], ['spin', true]]);
    });

    test('a file that is no picture is refused with a word', async () => {
        await settings();
        await body().getByLabel('Add emoji').setInputFiles({ name: 'not.png', mimeType: 'image/png', buffer: Buffer.from('words') });
        await eda.page.getByText('not.png: This file is no picture that can be read.').waitFor();
        await leave();
    });

    test('they are completed while one writes, and drawn for others; code is left alone', async () => {
        await eda.composer.pressSequentially('look :woo');
        await eda.page.getByRole('option', { name: ':wool_dye: Dyers' }).waitFor();
        await eda.composer.press('Enter');
        assert.equal(await eda.composer.inputValue(), 'look :wool_dye: ');
        await eda.composer.pressSequentially('and `:wool_dye:`');
        await eda.composer.press('Enter');
        const row = flo.row('look');
        await isDrawn(row.getByRole('img', { name: ':wool_dye:' }));
        assert.equal(await row.locator('code').innerText(), ':wool_dye:');
        const { wool_dye: e } = await emojis();
        assert.equal(await last(), `look <:wool_dye:${e.id}> and \`:wool_dye:\``);
    });

    test('alone they are large; from the picker, the moving one', async () => {
        const box = await picker(flo);
        await box.getByRole('region', { name: 'Dyers' }).getByRole('button', { name: 'spin' }).click();
        await flo.composer.press('Enter');
        await isDrawn(eda.page.locator('.jumbo img[alt=":spin:"]'));
        assert.match(await last(), /^<a:spin:\d+>$/);
    });

    test('a message that is edited has them as they are typed', async () => {
        await eda.action('look', 'Edit');
        const box = eda.page.getByLabel('Edit', { exact: true });
        assert.equal(await box.inputValue(), 'look :wool_dye: and `:wool_dye:`');
        await box.fill('seen :wool_dye::spin:');
        await box.press('Enter');
        await flo.row('seen').getByRole('img', { name: ':spin:' }).waitFor();
        assert.equal(await flo.row('seen').getByRole('img').count(), 2);
    });

    test('a reaction is one of them, found by its name and counted for both', async () => {
        await flo.action('seen', 'Add reaction');
        await flo.page.getByLabel('Search emoji').fill('wool');
        await flo.page.keyboard.press('Enter');
        const button = eda.row('seen').getByRole('button', { name: ':wool_dye:, 1 reaction' });
        await isDrawn(button.locator('img'));
        await button.click();
        await flo.row('seen').getByRole('button', { name: ':wool_dye:, 2 reactions, yours' }).click();
        await eda.row('seen').getByRole('button', { name: ':wool_dye:, 1 reaction, yours' }).waitFor();
    });

    test('in another server one has them too, until that may not be', async () => {
        await flo.page.getByRole('button', { name: 'Spinners', exact: true }).first().click();
        const place = flo.page.getByLabel('Message #general');
        await place.fill('');
        await place.pressSequentially(':spi');
        await flo.page.getByRole('option', { name: ':spin: Dyers' }).click();
        await place.press('Enter');
        await flo.page.locator('.messages img[alt=":spin:"]').waitFor();
        const role = (await api.get(`/guilds/${other[0]}/roles`)).find((r) => r.id === other[0]);
        await api.patch(`/guilds/${other[0]}/roles/${role.id}`, { permissions: String(BigInt(role.permissions) & ~(1n << 18n)) });
        await until('they are not offered', async () => {
            const box = await picker(flo);
            const n = await box.getByRole('region', { name: 'Dyers' }).count();
            await flo.page.keyboard.press('Escape');
            return n === 0;
        });
        await flo.page.getByRole('button', { name: 'Dyers', exact: true }).first().click();
    });

    test('another name, and none at all, reach everybody', async () => {
        await settings();
        const name = body().getByRole('textbox', { name: 'Name of wool_dye' });
        await name.fill('indigo');
        await name.press('Enter');
        await eda.page.getByText('Saved.').waitFor();
        await until('flo is offered it', async () => {
            const box = await picker(flo);
            const n = await box.getByRole('button', { name: 'indigo' }).count();
            await flo.page.keyboard.press('Escape');
            return n > 0;
        });
        await body().getByRole('button', { name: 'Delete :spin:' }).click();
        await eda.page.getByRole('dialog', { name: 'Delete emoji' }).getByRole('button', { name: 'Delete emoji' }).click();
        await body().getByText('Moving').waitFor({ state: 'detached' });
        assert.deepEqual(Object.keys(await emojis()), ['indigo']);
        await leave();
        assert.deepEqual([...eda.faults, ...flo.faults], []);
    });
});
