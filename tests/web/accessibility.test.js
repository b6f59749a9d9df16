// axe finds no serious fault in any main view, light and dark, at desk and phone size.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import axe from 'axe-core';
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
    }, { timeout: 240_000 });

    const describeFault = (v) => `${v.id}: ${v.help}\n${v.nodes.slice(0, 4).map((n) => `    ${n.target.join(' ')}: ${n.failureSummary.split('\n')[1]}`).join('\n')}`;
    // axe is put into a page once: it is large.
    const faultsOf = async (page, within, rules) => {
        if (!(await page.evaluate(() => !!window.axe))) await page.evaluate(axe.source);
        const violations = await page.evaluate(async ({ within, rules }) => {
            const options = { resultTypes: ['violations'], iframes: false, ...(rules && { runOnly: { type: 'rule', values: rules } }) };
            return (await window.axe.run(document.querySelector(within ?? 'html'), options)).violations;
        }, { within, rules });
        return violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map(describeFault).join('\n');
    };

    // From view to view in one page: what was open is closed, then the address is changed.
    const go = async (person, view) => {
        const { page } = person;
        if (view.signedOut) return person.goto(view.path?.(scene) ?? '/');
        for (let i = 0; i < 4 && (await page.locator('.screen, dialog[open], .popover, .panel').count()); i++) await page.keyboard.press('Escape');
        await page.evaluate((hash) => { location.hash = hash; }, (view.path?.(scene) ?? `/#/${scene.guild}/${scene.general}`).slice(1));
        if (person === phone) await page.locator('.scrim').click({ timeout: 500, position: { x: 380, y: 300 } }).catch(() => {});
        if (!view.path) await person.sees('The view from the mill');
    };

    for (const [name, view] of Object.entries(VIEWS))
        test(name, { timeout: 120_000 }, async () => {
            const person = view.signedOut ? stranger : view.phoneOnly ? phone : desk;
            const { page } = person;
            await go(person, view);
            await view.open(person, person === phone);
            await page.evaluate(() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => {}))));
            assert.equal(await faultsOf(page, view.within), '');
            await page.emulateMedia({ colorScheme: 'dark' }); // the same elements in other colours
            assert.equal(await faultsOf(page, view.within, ['color-contrast']), '', 'dark');
            await page.emulateMedia({ colorScheme: 'light' });
            assert.deepEqual(person.faults, []);
        });
});
