// Tests that are one story: after a step that failed the others would only wait for what cannot come.
// HUBBUB_PICTURES=FOLDER: what everybody in it saw when it failed.
import { test as declare } from 'node:test';

export function story(people) {
    let broken = false;
    const draw = async (name) => {
        const folder = process.env.HUBBUB_PICTURES;
        if (folder) for (const who of people()) await who?.page.screenshot({ path: `${folder}/${name.replaceAll(/\W+/g, '-')}-${who.name}.png` });
    };
    return (name, step, options = { timeout: 180_000 }) => declare(name, options, async (t) => {
        if (broken) return t.skip('an earlier step failed');
        try {
            await step();
        } catch (e) {
            broken = true;
            await draw(name);
            throw e;
        }
    });
}
