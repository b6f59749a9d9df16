// Goal: files that nobody has use for vanish from the disk: of messages that were refused or deleted, of guilds that are gone,
// pictures and emoji that were replaced; what is still used stays, also when another use of the same file went.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { exchange, until, withHubbub } from './harness.js';
import { png, uri } from './pictures.js';

const up = withHubbub({ before, after }, { env: { HUBBUB_RATELIMIT: 'off', HUBBUB_SWEEP_GRACE_S: '1', HUBBUB_SWEEP_INTERVAL_S: '1' } });

// Names of all files of that kind.
const stored = (kind) => {
    const walk = (path) => (!existsSync(path) ? [] : statSync(path).isDirectory() ? readdirSync(path).flatMap((n) => walk(join(path, n))) : [path.split('/').pop()]);
    return walk(join(up.hub.data, 'media', kind));
};

describe('the sweep', () => {
    test('removes what is unused, and nothing else', { timeout: 120_000 }, async () => {
        const world = await up.hub.guild(1), [member] = world.members;
        const other = await world.owner.post('/guilds', { name: 'will go' });
        const there = (await world.owner.get(`/guilds/${other.id}/channels`)).find((c) => c.type === 0).id;
        const send = async (who, channel, text) => {
            const form = new FormData();
            form.set('payload_json', '{}');
            form.set('files[0]', new Blob([text]), 'a.txt');
            return who.request('POST', `/channels/${channel}/messages`, { body: form });
        };
        // Of each message the one file that is new on the disk.
        const names = {};
        const store = async (name, channel, text) => {
            const seen = stored('blobs'), { status, body } = await send(world.owner, channel, text);
            assert.equal(status, 200);
            names[name] = stored('blobs').find((n) => !seen.includes(n)) ?? names.shared;
            return body;
        };
        const kept = await store('kept', world.channel, 'this stays'), shared = await store('shared', world.channel, 'this is sent twice');
        const twin = await store('twin', world.channel, 'this is sent twice');
        await store('deleted', world.channel, 'this is deleted').then((m) => world.owner.delete(`/channels/${world.channel}/messages/${m.id}`));
        const forwarded = await store('forwarded', world.channel, 'this is forwarded');
        const copy = await world.owner.post(`/channels/${world.channel}/messages`, { message_reference: { type: 1, channel_id: world.channel, message_id: forwarded.id } });
        await world.owner.delete(`/channels/${world.channel}/messages/${forwarded.id}`);
        await store('gone', there, 'this goes with its guild');
        await world.owner.delete(`/guilds/${other.id}`);
        await world.owner.delete(`/channels/${world.channel}/messages/${twin.id}`);
        await world.owner.put(`/channels/${world.channel}/permissions/${member.id}`, { type: 1, allow: '0', deny: '2048' });
        const before_ = stored('blobs');
        assert.equal((await send(member, world.channel, 'this is refused')).status, 403);
        names.refused = stored('blobs').find((n) => !before_.includes(n));
        assert.equal(names.twin, names.shared, 'the same content is one file');

        const set = async (color) => (await world.owner.patch('/users/@me', { avatar: uri(png(8, 8, () => color)) })).avatar;
        const replaced = await set([1, 2, 3]);
        await exchange(up.hub.url, 'GET', `/avatars/${world.owner.id}/${replaced}.webp?size=16`);
        const emoji = await world.owner.post(`/guilds/${world.guild}/emojis`, { name: 'stays', image: uri(png(8, 8, () => [7, 7, 7])) });
        const avatar = await set([7, 7, 7]); // the same picture as the emoji's
        const icon = (await world.owner.patch(`/guilds/${world.guild}`, { icon: uri(png(8, 8, () => [9, 9, 9])) })).icon;
        await set([5, 5, 5]);

        for (const name of ['deleted', 'gone', 'refused']) {
            assert.ok(names[name], name);
            await until(`the file that is ${name} is removed`, () => !stored('blobs').includes(names[name]), 60_000);
        }
        await until('the picture that was replaced is removed, and what was made of it', () => !stored('images').some((n) => n.startsWith(replaced)), 60_000);
        assert.equal((await exchange(up.hub.url, 'GET', `/avatars/${world.owner.id}/${replaced}.png`)).status, 404);
        const texts = [[kept.attachments[0], 'this stays'], [shared.attachments[0], 'this is sent twice'], [copy.message_snapshots[0].message.attachments[0], 'this is forwarded']];
        for (const [attachment, text] of texts) assert.equal((await exchange(up.hub.url, 'GET', new URL(attachment.url).pathname)).body, text);
        for (const path of [`/emojis/${emoji.id}.png`, `/icons/${world.guild}/${icon}.png`, `/avatars/1/${avatar}.png`]) assert.equal((await exchange(up.hub.url, 'GET', path)).status, 200, path);
        const { body } = await exchange(`http://127.0.0.1:${up.hub.adminPort('media-1')}`, 'GET', '/metrics');
        assert.ok(Number(/hubbub_media_swept_files_total (\d+)/.exec(body)[1]) >= 5);
    });
});
