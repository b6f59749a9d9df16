// node tests/web/screenshots.js [FOLDER [VIEW...]]: pictures of the main views (or of those), at desktop and phone size, light
// and dark.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Hubbub, top } from '../e2e/harness.js';
import { DESKTOP, launch, Person, PHONE, webEnv } from './browser.js';
import { livedIn, sendPicture } from './scene.js';
import { VIEWS } from './views.js';

const folder = process.argv[2] ?? join(top, '.build/screenshots');
const only = process.argv.slice(3);
mkdirSync(folder, { recursive: true });
const hub = await Hubbub.start({ env: webEnv });
const browser = await launch();
try {
    const scene = await livedIn(hub);
    const ben = await (await Person.open(browser, hub)).as(scene.ben, `/#/${scene.guild}/${scene.general}`);
    await sendPicture(hub, scene.cleo, scene.general, ben.page);
    for (const [form, viewport, dark] of [['desktop', DESKTOP, true], ['desktop-light', DESKTOP, false], ['phone', PHONE, false], ['phone-dark', PHONE, true]]) {
        const phone = viewport === PHONE;
        for (const [name, view] of Object.entries(VIEWS)) {
            if ((view.phoneOnly && !phone) || (only.length && !only.includes(name))) continue;
            const person = await Person.open(browser, hub, { viewport, dark, ...(phone && { hasTouch: true, isMobile: true }) });
            if (view.signedOut) await person.goto(view.path?.(scene));
            else await person.as(scene.ada, view.path?.(scene) ?? `/#/${scene.guild}/${scene.general}`);
            if (!view.signedOut && !view.path) await person.sees('The view from the mill');
            await view.open(person, phone);
            await person.page.waitForTimeout(350);
            await person.page.screenshot({ path: join(folder, `${form}-${name}.png`) });
            await person.close();
        }
    }
    console.log(`drawn in ${folder}`);
} finally {
    await browser.close();
    await hub.stop();
}
