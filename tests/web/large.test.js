// A server of many members: its list is told by ranges, and drawn as far as it is in sight.
import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { until } from '../e2e/harness.js';
import { Person } from './browser.js';
import { story } from './story.js';
import { world } from './world.js';

describe('a large server', () => {
    const MEMBERS = 320;
    const test = story(() => [ned]);
    let ned, api, guild, channel, olga;
    const list = () => ned.page.locator('.members.lazy');

    // Written into the database before anybody looks: so many sign-ups would take longer than all else.
    before(async () => {
        [api, olga] = await Promise.all(['ned', 'olga'].map((n) => world.hub.register(n)));
        guild = (await api.post('/guilds', { name: 'Harbour', system_channel_flags: 1 })).id;
        channel = (await api.get(`/guilds/${guild}/channels`)).find((c) => c.type === 0).id;
        const { code } = await api.post(`/channels/${channel}/invites`, { max_age: 0 });
        await olga.post(`/invites/${code}`);
        world.hub.psql(`WITH u AS (INSERT INTO users (id, username) SELECT ${guild} + n, 'sailor' || lpad(n::text, 3, '0') FROM generate_series(1, ${MEMBERS}) n RETURNING id)
            INSERT INTO members (guild_id, user_id) SELECT ${guild}, id FROM u;
            UPDATE guilds SET member_count = member_count + ${MEMBERS} WHERE id = ${guild}`);
        ned = await (await Person.open(world.browser, world.hub)).as(api, `/#/${guild}/${channel}`);
    }, { timeout: 240_000 });
    after(() => ned?.close());

    test('the list shows groups and the first rows, and the rest as one scrolls', async () => {
        await list().getByText(`Offline — ${MEMBERS + 1}`).waitFor();
        await list().getByText('sailor001').waitFor();
        assert.ok((await list().locator('li').count()) < 80);
        await list().evaluate((box) => { box.scrollTop = box.scrollHeight; });
        await list().getByText(`sailor${MEMBERS}`).waitFor();
        await list().getByText('sailor001').waitFor({ state: 'detached' });
        await list().evaluate((box) => { box.scrollTop = 0; });
        await list().getByText('sailor001').waitFor();
    });

    test('who comes online moves there, live', async () => {
        const socket = await olga.connect();
        await list().getByText('Online — 2').waitFor();
        await until('olga stands among those online', async () => (await list().locator('.member[data-away=false]').allTextContents()).some((t) => t.includes('olga')));
        await socket.close();
        await list().getByText('Online — 1').waitFor();
    });

    test('names that are written come from all members', async () => {
        await ned.composer.pressSequentially('@sailor31');
        await ned.page.getByRole('option', { name: /sailor310/ }).waitFor();
        await ned.composer.fill('');
        assert.deepEqual(ned.faults, []);
    });
});
