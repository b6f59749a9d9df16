// A long channel, read from its newest message to its oldest and back: every message once in order, few rows in the page, and
// what is being read does not move when rows come and go. HUBBUB_MESSAGES sets how many:
//     HUBBUB_MESSAGES=100000 node --test-timeout=0 tests/web/scroll.test.js
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { until } from '../e2e/harness.js';
import { Person } from './browser.js';
import { world } from './world.js';

describe('a long channel', () => {
    const MESSAGES = Number(process.env.HUBBUB_MESSAGES ?? 600);
    const ROWS_MAX = 200;
    let guild, person;

    before(async () => {
        guild = await world.hub.guild(1);
        for (let i = 0; i < MESSAGES; i++) await guild.owner.say(guild.channel, `line ${i}${i % 7 ? '' : `\n${'tall '.repeat(60)}`}`);
        person = await (await Person.open(world.browser, world.hub)).as(guild.owner, `/#/${guild.guild}/${guild.channel}`);
        await person.row(`line ${MESSAGES - 1}`).waitFor();
    }, { timeout: 300_000 + MESSAGES * 40 });

    // Scrolls by steps in the page until `isEnd`; after each frame notes which rows there are and how far a kept row has moved.
    const travel = (direction) => person.page.evaluate(async ({ direction, total }) => {
        const box = document.querySelector('.log-scroll');
        const frame = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        const number = (row) => Number(/line (\d+)/.exec(row.textContent)[1]);
        const seen = [], known = new Set();
        let rowsMax = 0, moved = 0, stuck = 0, twice = 0;
        const end = direction < 0 ? 0 : total - 1;
        for (let step = 0; step < 1000 + total * 4 && stuck < 400; step++) {
            const edge = box.getBoundingClientRect();
            const rows = [...box.querySelectorAll('li[data-id]')];
            rowsMax = Math.max(rowsMax, rows.length);
            twice = Math.max(twice, rows.length - new Set(rows.map((r) => r.dataset.id)).size);
            const inSight = rows.filter((r) => { const b = r.getBoundingClientRect(); return b.bottom > edge.top && b.top < edge.bottom; });
            for (const n of (direction < 0 ? inSight.toReversed() : inSight).map(number)) if (!known.has(n)) known.add(n), seen.push(n);
            if (seen.at(-1) === end) break;
            const kept = inSight[Math.floor(inSight.length / 2)];
            const top = kept.getBoundingClientRect().top;
            const before = box.scrollTop;
            box.scrollTop += direction * 300;
            const by = box.scrollTop - before; // less than asked at an edge that waits for more
            await frame();
            if (kept.isConnected) moved = Math.max(moved, Math.abs(kept.getBoundingClientRect().top - (top - by)));
            stuck = by === 0 ? stuck + 1 : 0;
        }
        return { seen, rowsMax, moved, twice };
    }, { direction, total: MESSAGES });

    const numbers = Array.from({ length: MESSAGES }, (_, i) => i);

    test('from newest to oldest', { timeout: 300_000 + MESSAGES * 40 }, async () => {
        const { seen, rowsMax, moved, twice } = await travel(-1);
        assert.deepEqual(seen, numbers.toReversed());
        assert.equal(twice, 0);
        assert.ok(rowsMax <= ROWS_MAX, `${rowsMax} rows`);
        assert.ok(moved <= 2, `moved by ${moved} px`);
        console.log(`${seen.length} messages, at most ${rowsMax} rows, moved by ${moved.toFixed(2)} px at most`);
    });

    test('what comes meanwhile does not move what is read', async () => {
        const place = () => person.row('line 3').first().evaluate((r) => r.getBoundingClientRect().top);
        const top = await place();
        await guild.members[0].say(guild.channel, 'meanwhile');
        await person.page.getByText('You are reading older messages').waitFor();
        assert.ok(Math.abs((await place()) - top) <= 2);
        await guild.owner.delete(`/channels/${guild.channel}/messages/${(await guild.owner.get(`/channels/${guild.channel}/messages?limit=1`))[0].id}`);
    });

    test('and back to newest', { timeout: 300_000 + MESSAGES * 40 }, async () => {
        const { seen, rowsMax, moved, twice } = await travel(1);
        assert.deepEqual(seen, numbers);
        assert.equal(twice, 0);
        assert.ok(rowsMax <= ROWS_MAX, `${rowsMax} rows`);
        assert.ok(moved <= 2, `moved by ${moved} px`);
        console.log(`${seen.length} messages, at most ${rowsMax} rows, moved by ${moved.toFixed(2)} px at most`);
    });

    test('at the end again it follows what comes', async () => {
        await person.page.keyboard.press('Escape');
        await guild.members[0].say(guild.channel, 'the very last');
        await person.sees('the very last');
        await until('it is in sight', () => person.row('the very last').evaluate((r) => r.getBoundingClientRect().bottom < innerHeight));
        assert.deepEqual(person.faults, []);
    });

    test('a reply leads to what it answers, far up, and a button back', async () => {
        const first = (await guild.owner.get(`/channels/${guild.channel}/messages?after=0&limit=1`))[0];
        await guild.members[0].say(guild.channel, 'about the start', { message_reference: { message_id: first.id } });
        await person.row('about the start').locator('.reply-preview').click();
        await person.row('line 0').first().waitFor();
        await person.page.getByRole('button', { name: 'Jump to present' }).click();
        await until('the end is in sight', () => person.row('about the start').last().evaluate((r) => r.getBoundingClientRect().top < innerHeight));
    });
});
