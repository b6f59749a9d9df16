// axe finds no serious fault in any main view, light and dark, at desk and phone size.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import { DESKTOP, Person, PHONE } from './browser.js';
import { livedIn, sendPicture } from './scene.js';
import { VIEWS } from './views.js';
import { world } from './world.js';

describe('axe finds nothing serious', () => {
    let scene, desk, phone, stranger;

    before(async () => {
        scene = await livedIn(world.hub);
        const home = `/#/${scene.guild}/${scene.general}`;
        [desk, phone] = await Promise.all([DESKTOP, PHONE].map(async (viewport) => (await Person.open(world.browser, world.hub, { viewport })).as(scene.ada, home)));
        stranger = await Person.open(world.browser, world.hub);
        await sendPicture(world.hub, scene.cleo, scene.general, desk.page);
    }, { timeout: 60_000 });

    const describeFault = (v) => `${v.id}: ${v.help}\n${v.nodes.slice(0, 4).map((n) => `    ${n.target.join(' ')}: ${n.failureSummary.split('\n')[1]}`).join('\n')}`;
    const faultsOf = async (page, within, rules) => {
        const axe = new AxeBuilder({ page }).setLegacyMode().include(within ?? 'html'); // legacy: no frames, no page of its own
        const { violations } = await (rules ? axe.withRules(rules) : axe).analyze();
        return violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map(describeFault).join('\n');
    };

    for (const [name, view] of Object.entries(VIEWS))
        test(name, { timeout: 120_000 }, async () => {
            const person = view.signedOut ? stranger : view.phoneOnly ? phone : desk;
            const { page } = person;
            await person.goto(view.signedOut ? '/' : (view.path?.(scene) ?? `/#/${scene.guild}/${scene.general}`));
            if (!view.signedOut && !view.path) await person.sees('The view from the mill');
            await view.open(person, person === phone);
            await page.evaluate(() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {}))));
            assert.equal(await faultsOf(page, view.within), '');
            await page.emulateMedia({ colorScheme: 'dark' }); // the same elements in other colours
            assert.equal(await faultsOf(page, view.within, ['color-contrast']), '', 'dark');
            await page.emulateMedia({ colorScheme: 'light' });
            assert.deepEqual(person.faults, []);
            if (view.within) await page.keyboard.press('Escape');
        });
});
