// Goal: images that people show - avatars, icons, banners - go in as data URIs, are decoded where they can do no harm, keep
// nothing but their pixels, and come back at Discord's URLs in every size and form; hostile files are refused quickly.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { exchange, until, withHubbub } from './harness.js';
import { chunk, gif, measure, png, pngBomb, pngFlood, uri, withExif } from './pictures.js';

const up = withHubbub({ before, after }, { env: { HUBBUB_RATELIMIT: 'off' } });
const MIB = 1 << 20;
const red = uri(png(64, 64));
let world;
const prepare = async () => {
    if (world) return;
    world = await up.hub.guild(1);
    world.everyone = (await world.owner.get(`/guilds/${world.guild}/roles`)).find((r) => r.id === world.guild);
};
const fetchFile = (path, headers = {}, verb = 'GET') => exchange(up.hub.url, verb, path, { headers });
const conversions = async () => /conversions_total\{result="done"\} (\d+)/.exec((await exchange(`http://127.0.0.1:${up.hub.adminPort('media-1')}`, 'GET', '/metrics')).body)[1];
const leaf = (answer, key) => [answer.status, answer.body?.code, answer.body?.errors?.[key]?._errors[0].code];
const setAvatar = (avatar) => world.owner.request('PATCH', '/users/@me', { body: { avatar } });

describe('what becomes of an image', () => {
    before(prepare);

    test('an avatar is kept by its hash, shown to everybody, and removed by null', async () => {
        const [member] = world.members, socket = await member.connect(), own = await world.owner.connect();
        const me = await world.owner.patch('/users/@me', { avatar: red });
        assert.match(me.avatar, /^[0-9a-f]{32}$/);
        const heard = (await socket.event('GUILD_MEMBER_UPDATE', (d) => d.user.id === world.owner.id)).d;
        assert.deepEqual([heard.guild_id, heard.user.avatar, heard.avatar], [world.guild, me.avatar, null]);
        assert.equal((await own.event('USER_UPDATE')).d.avatar, me.avatar);
        assert.equal((await member.get(`/users/${world.owner.id}`)).avatar, me.avatar);
        assert.equal((await world.owner.say(world.channel, 'look')).author.avatar, me.avatar);
        assert.equal((await world.owner.patch('/users/@me', { global_name: 'Ann' })).avatar, me.avatar, 'another change leaves it');
        assert.equal((await world.owner.patch('/users/@me', { avatar: null })).avatar, null);
        await socket.event('GUILD_MEMBER_UPDATE', (d) => d.user.id === world.owner.id && d.user.avatar === null);
        assert.equal((await fetchFile(`/avatars/${world.owner.id}/${me.avatar}.png`)).status, 200, 'what was seen may still be shown');
        await Promise.all([socket.close(), own.close()]);
    });

    test('a guild has an icon, a banner and splashes; they are audited and heard of', async () => {
        const socket = await world.members[0].connect();
        const made = await world.owner.post('/guilds', { name: 'with an icon', icon: red });
        assert.match(made.icon, /^[0-9a-f]{32}$/);
        const forms = { icon: red, banner: uri(png(32, 16)), splash: uri(png(16, 32)), discovery_splash: uri(png(8, 8)) };
        const changed = await world.owner.patch(`/guilds/${world.guild}`, forms, { headers: { 'x-audit-log-reason': 'prettier' } });
        for (const key of Object.keys(forms)) assert.match(changed[key], /^[0-9a-f]{32}$/, key);
        assert.equal(changed.icon, made.icon, 'the same picture has the same hash');
        const heard = (await socket.event('GUILD_UPDATE')).d;
        assert.deepEqual([heard.icon, heard.banner, heard.splash, heard.discovery_splash], [changed.icon, changed.banner, changed.splash, changed.discovery_splash]);
        const listed = (await world.owner.get('/users/@me/guilds')).find((g) => g.id === world.guild);
        assert.deepEqual([listed.icon, listed.banner], [changed.icon, changed.banner]);
        const invited = (await up.hub.request('GET', `/invites/${world.invite}`)).body.guild;
        assert.deepEqual([invited.icon, invited.banner, invited.splash], [changed.icon, changed.banner, changed.splash]);
        const { audit_log_entries: [entry] } = await world.owner.get(`/guilds/${world.guild}/audit-logs?action_type=1`);
        assert.deepEqual(entry.changes.map((c) => c.key), ['icon_hash', 'banner_hash', 'splash_hash', 'discovery_splash_hash']);
        assert.equal(entry.changes[0].new_value, changed.icon);
        for (const [folder, hash, size] of [['icons', changed.icon, 64], ['banners', changed.banner, 32], ['splashes', changed.splash, 16], ['discovery-splashes', changed.discovery_splash, 8]]) {
            const file = await fetchFile(`/${folder}/${world.guild}/${hash}.png`);
            assert.deepEqual([file.status, ...measure(file.bytes).slice(0, 2)], [200, 'png', size], folder);
        }
        assert.deepEqual(leaf(await world.members[0].request('PATCH', `/guilds/${world.guild}`, { body: { icon: null } })), [403, 50013, undefined]);
        assert.equal((await world.owner.patch(`/guilds/${world.guild}`, { icon: null })).icon, null);
        await socket.close();
    });

    test('a member may look otherwise in one guild', async () => {
        const [member] = world.members, socket = await world.owner.connect();
        const seen = await member.patch(`/guilds/${world.guild}/members/@me`, { avatar: red, banner: uri(png(20, 10)) });
        assert.match(seen.avatar, /^[0-9a-f]{32}$/);
        assert.deepEqual([seen.user.avatar, seen.nick], [null, null]);
        const heard = (await socket.event('GUILD_MEMBER_UPDATE', (d) => d.user.id === member.id)).d;
        assert.deepEqual([heard.avatar, heard.banner], [seen.avatar, seen.banner]);
        assert.equal((await fetchFile(`/guilds/${world.guild}/users/${member.id}/avatars/${seen.avatar}.webp`)).status, 200);
        await member.say(world.channel, 'as here');
        assert.equal((await socket.message('as here')).d.member.avatar, seen.avatar);
        await world.owner.patch(`/guilds/${world.guild}/roles/${world.guild}`, { permissions: String(BigInt(world.everyone.permissions) & ~(1n << 26n)) });
        assert.deepEqual(leaf(await member.request('PATCH', `/guilds/${world.guild}/members/@me`, { body: { nick: 'x' } })), [403, 50013, undefined]);
        assert.equal((await member.patch(`/guilds/${world.guild}/members/@me`, { avatar: null })).avatar, null, 'which needs no permission');
        await world.owner.patch(`/guilds/${world.guild}/roles/${world.guild}`, { permissions: world.everyone.permissions });
        await socket.close();
    });

    test('a role has an icon or an emoji, of 256 KiB at most', async () => {
        const roles = `/guilds/${world.guild}/roles`, padded = (n) => uri(png(16, 16, undefined, [chunk('zzZz', Buffer.alloc(n - png(16, 16).length - 12))]));
        const role = await world.owner.post(roles, { name: 'shiny', icon: padded(256 << 10) });
        assert.match(role.icon, /^[0-9a-f]{32}$/);
        assert.equal((await fetchFile(`/role-icons/${role.id}/${role.icon}.png`)).status, 200);
        assert.deepEqual(leaf(await world.owner.request('PATCH', `${roles}/${role.id}`, { body: { icon: padded((256 << 10) + 1) } }), 'icon'), [400, 50035, 'BINARY_TYPE_MAX_SIZE']);
        const emoji = await world.owner.patch(`${roles}/${role.id}`, { unicode_emoji: '🔥' });
        assert.deepEqual([emoji.icon, emoji.unicode_emoji], [null, '🔥'], 'one takes the place of the other');
        const { audit_log_entries: [entry] } = await world.owner.get(`/guilds/${world.guild}/audit-logs?action_type=31`);
        assert.deepEqual(entry.changes.map((c) => c.key).sort(), ['icon_hash', 'unicode_emoji']);
        const icon = await world.owner.patch(`${roles}/${role.id}`, { icon: red });
        assert.deepEqual([icon.icon, icon.unicode_emoji], [(await world.owner.patch('/users/@me', { avatar: red })).avatar, null]);
        assert.deepEqual((await world.owner.patch(`${roles}/${role.id}`, { hoist: true })).icon, icon.icon);
        assert.equal((await world.owner.patch(`${roles}/${role.id}`, { icon: null })).icon, null);
        assert.deepEqual(leaf(await world.owner.request('PATCH', `${roles}/${role.id}`, { body: { unicode_emoji: 'fire' } }), 'unicode_emoji'), [400, 50035, 'INVALID_EMOJI']);
        assert.deepEqual(leaf(await world.members[0].request('PATCH', `${roles}/${role.id}`, { body: { icon: red } })), [403, 50013, undefined]);
    });

    test('webhooks, groups and applications have theirs', async () => {
        const hook = await world.owner.post(`/channels/${world.channel}/webhooks`, { name: 'painted', avatar: red });
        const said = (await up.hub.request('POST', `/webhooks/${hook.id}/${hook.token}?wait=true`, { body: { content: 'x' } })).body;
        assert.equal(said.author.avatar, hook.avatar);
        assert.equal((await fetchFile(`/avatars/${hook.id}/${hook.avatar}.png`)).status, 200);
        const changed = (await up.hub.request('PATCH', `/webhooks/${hook.id}/${hook.token}`, { body: { avatar: uri(gif(8, 2), 'gif') } })).body;
        assert.match(changed.avatar, /^a_/);
        assert.equal((await world.owner.patch(`/webhooks/${hook.id}`, { name: 'still painted' })).avatar, changed.avatar);
        assert.equal((await world.owner.patch(`/webhooks/${hook.id}`, { avatar: null })).avatar, null);
        const guest = await up.hub.register();
        await guest.post(`/invites/${world.invite}`);
        const group = await world.owner.post('/users/@me/channels', { recipients: [world.members[0].id, guest.id] }), socket = await guest.connect();
        const seen = await world.owner.patch(`/channels/${group.id}`, { icon: red });
        assert.match(seen.icon, /^[0-9a-f]{32}$/);
        assert.equal((await socket.event('CHANNEL_UPDATE', (d) => d.id === group.id)).d.icon, seen.icon);
        assert.equal((await socket.event('MESSAGE_CREATE', (d) => d.channel_id === group.id)).d.type, 5);
        assert.equal((await fetchFile(`/channel-icons/${group.id}/${seen.icon}.png`)).status, 200);
        assert.equal((await world.owner.patch(`/channels/${group.id}`, { icon: null })).icon, null);
        const pair = await world.owner.post('/users/@me/channels', { recipient_id: guest.id });
        assert.deepEqual(leaf(await world.owner.request('PATCH', `/channels/${pair.id}`, { body: { icon: red } })), [400, 50003, undefined]);
        const application = await world.owner.post('/applications', { name: 'with an icon' });
        const edited = await world.owner.patch(`/applications/${application.id}`, { icon: red });
        assert.match(edited.icon, /^[0-9a-f]{32}$/);
        assert.equal((await fetchFile(`/app-icons/${application.id}/${edited.icon}.png?size=32`)).status, 200);
        assert.equal((await world.owner.patch(`/applications/${application.id}`, { icon: null })).icon, null);
        await socket.close();
    });

    test('it comes in every form and size, made once, for good', async () => {
        const { avatar } = await world.owner.patch('/users/@me', { avatar: uri(png(300, 200, (x, y) => [x & 255, y, 99])) });
        const path = `/avatars/${world.owner.id}/${avatar}`;
        for (const [extension, kind] of [['png', 'png'], ['jpg', 'jpeg'], ['jpeg', 'jpeg'], ['webp', 'webp']]) {
            const file = await fetchFile(`${path}.${extension}?size=64`);
            assert.equal(file.status, 200, extension);
            assert.equal(file.headers.get('content-type'), `image/${kind}`);
            assert.equal(file.headers.get('x-content-type-options'), 'nosniff');
            assert.equal(file.headers.get('cache-control'), 'public, max-age=31536000, immutable');
            assert.match(file.headers.get('content-security-policy'), /sandbox/);
            assert.equal(measure(file.bytes)[0], kind);
            if (kind !== 'webp') assert.deepEqual(measure(file.bytes).slice(1), [64, 43], 'the longer side is what was asked for');
            const again = await fetchFile(`${path}.${extension}?size=64`, { 'if-none-match': file.headers.get('etag') });
            assert.deepEqual([again.status, again.bytes.length], [304, 0]);
        }
        assert.deepEqual(measure((await fetchFile(`${path}.png?size=4096`)).bytes), ['png', 300, 200], 'never larger than it is');
        const made = await conversions();
        const head = await fetchFile(`${path}.png?size=64`, {}, 'HEAD');
        assert.deepEqual([head.status, head.bytes.length, Number(head.headers.get('content-length')) > 100], [200, 0, true]);
        assert.equal(await conversions(), made, 'it was there already');
        for (const size of ['0', '15', '17', '48', '8192', 'x', '-16', '']) assert.equal((await fetchFile(`${path}.png?size=${size}`)).status, 400, size);
        assert.equal((await fetchFile(`${path}.svg`)).status, 415);
        assert.equal((await fetchFile(`${path}.gif`)).status, 415, 'it does not move');
        assert.equal((await fetchFile(`/avatars/1/${'0'.repeat(32)}.png`)).status, 404);
        for (const wrong of [`/avatars/x/${avatar}.png`, `/avatars/1/${avatar}`, `/avatars/1/..%2f..%2f${avatar}.png`, `/avatars/1/${avatar.slice(1)}.png`])
            assert.equal((await fetchFile(wrong)).status, 404, wrong);
        assert.equal((await fetchFile(`${path}.png`, {}, 'POST')).status, 405);
    });

    test('an animation keeps its frames as GIF and WebP, and shows its first one elsewhere', async () => {
        const { avatar } = await world.owner.patch('/users/@me', { avatar: uri(gif(40, 3), 'gif') });
        assert.match(avatar, /^a_[0-9a-f]{32}$/);
        const path = `/avatars/${world.owner.id}/${avatar}`, at = async (rest) => (await fetchFile(path + rest)).bytes;
        const frames = (bytes) => bytes.toString('latin1').split('\x21\xf9\x04').length - 1;
        assert.deepEqual([measure(await at('.gif')), frames(await at('.gif'))], [['gif', 40, 40], 3]);
        assert.deepEqual([measure(await at('.gif?size=16')), frames(await at('.gif?size=16'))], [['gif', 16, 16], 3]);
        assert.deepEqual(measure(await at('.png')), ['png', 40, 40]);
        assert.equal((await at('.webp')).includes('ANMF'), false);
        assert.equal((await at('.webp?animated=true')).includes('ANMF'), true);
        assert.doesNotMatch((await world.owner.patch('/users/@me', { avatar: uri(gif(40, 1), 'gif') })).avatar, /^a_/, 'one frame is no animation');
    });

    test('only the pixels stay: Exif is gone, the picture stands upright', async () => {
        const { avatar } = await world.owner.patch('/users/@me', { avatar: uri(png(60, 40, (x) => [x * 4, 0, 0])) });
        const plain = (await fetchFile(`/avatars/1/${avatar}.jpg`)).bytes;
        assert.deepEqual(measure(plain), ['jpeg', 60, 40]);
        const tagged = withExif(plain);
        assert.ok(tagged.includes('GPS-SECRET-PLACE'));
        const turned = await world.owner.patch('/users/@me', { avatar: uri(tagged, 'jpeg') });
        for (const form of ['jpg', 'png', 'jpg?size=32']) {
            const file = (await fetchFile(`/avatars/1/${turned.avatar}.${form}`)).bytes;
            assert.equal(file.includes('GPS-SECRET-PLACE') || file.includes('Exif'), false, form);
            assert.deepEqual(measure(file).slice(1), form.includes('size') ? [21, 32] : [40, 60], form);
        }
        const commented = await world.owner.patch('/users/@me', { avatar: uri(Buffer.concat([png(8, 8, undefined, [chunk('tEXt', Buffer.from('Comment\0SECRET-TEXT'))]), Buffer.from('<script>tail</script>')])) });
        const file = (await fetchFile(`/avatars/1/${commented.avatar}.png`)).bytes;
        assert.equal(file.includes('SECRET-TEXT') || file.includes('script'), false, 'neither text nor what stood behind the image');
    });

    test('who has no avatar has a picture too', async () => {
        const files = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => fetchFile(`/embed/avatars/${i}.png?size=128`)));
        for (const file of files) assert.deepEqual([file.status, file.headers.get('content-type'), measure(file.bytes)], [200, 'image/png', ['png', 256, 256]]);
        assert.equal(new Set(files.map((f) => f.bytes.toString('hex'))).size, 6);
        assert.equal((await fetchFile('/embed/avatars/6.png')).status, 404);
        assert.match((await world.owner.patch('/users/@me', { avatar: uri(files[0].bytes) })).avatar, /^[0-9a-f]{32}$/, 'a decoder takes it');
    });
});

describe('what is refused', () => {
    before(prepare);

    test('hostile files cost little and change nothing', { timeout: 120_000 }, async () => {
        const { avatar } = await world.owner.patch('/users/@me', { avatar: red });
        const scans = (await fetchFile(`/avatars/1/${avatar}.jpg`)).bytes;
        const attacks = {
            'a flood of pixels': uri(pngFlood(65535, 65535)), 'one past the pixels': uri(pngFlood(5001, 5000)),
            'a bomb behind one pixel': uri(pngBomb(64 * MIB)), 'frames without end': uri(gif(16, 10_000), 'gif'),
            'one frame too many': uri(gif(4, 101), 'gif'), 'a cut file': uri(png(64, 64, (x, y) => [x, y, x ^ y]).subarray(0, 120)),
            'a JPEG that is cut': uri(scans.subarray(0, 300), 'jpeg'),
            svg: uri(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')), html: uri(Buffer.from('<html><script>alert(1)</script>')),
            'another kind under its name': 'data:image/svg+xml;base64,PHN2Zy8+', 'no base64': 'data:image/png;base64,!!!!', 'half a group': 'data:image/png;base64,AAA',
            nothing: 'data:image/png;base64,', 'a URL': 'https://example.com/a.png', 'our own mark': 'data:image/png;base64,AAA0', 'a hash': avatar,
        };
        for (const [name, value] of Object.entries(attacks)) {
            const answer = await setAvatar(value);
            if (name === 'a bomb behind one pixel' && answer.status === 200) { // it was one pixel, and no more was ever unpacked
                await setAvatar(red);
                continue;
            }
            assert.deepEqual(leaf(answer, 'avatar'), [400, 50035, 'IMAGE_INVALID'], name);
            assert.equal((await world.owner.get('/users/@me')).avatar, avatar, name);
        }
        assert.deepEqual(leaf(await setAvatar(7), 'avatar'), [400, 50035, 'STRING_TYPE_CONVERT']);
        const moved = await setAvatar(uri(gif(4, 100), 'gif'));
        assert.deepEqual([moved.status, moved.body.avatar.slice(0, 2)], [200, 'a_'], 'at the limit');
    });

    test('10 MiB are taken, one byte more is not; no other text may be that long', { timeout: 60_000 }, async () => {
        const small = png(16, 16), pad = (n) => chunk('zzZz', Buffer.alloc(n - small.length - 12));
        const large = (n) => uri(png(16, 16, undefined, [pad(n)]));
        assert.equal(Buffer.from(large(10 * MIB).split(',')[1], 'base64').length, 10 * MIB);
        assert.equal((await setAvatar(large(10 * MIB))).status, 200);
        assert.deepEqual(leaf(await setAvatar(large(10 * MIB + 1)), 'avatar'), [400, 50035, 'BINARY_TYPE_MAX_SIZE']);
        const two = await world.owner.patch(`/guilds/${world.guild}`, { banner: large(9 * MIB), splash: large(8 * MIB) });
        assert.match(two.banner, /^[0-9a-f]{32}$/);
        assert.deepEqual(leaf(await world.owner.request('PATCH', '/users/@me', { body: { bio: 'x'.repeat(MIB + 1) } })), [413, 40005, undefined]);
        assert.deepEqual(leaf(await world.owner.request('PATCH', '/users/@me', { body: { bio: large(2 * MIB) } })), [413, 40005, undefined], 'only where an image may be');
    });

    test('is decoded for a webhook only when its token is right', async () => {
        const hook = await world.owner.post(`/channels/${world.channel}/webhooks`, { name: 'picture' });
        const put = (token) => up.hub.request('PATCH', `/webhooks/${hook.id}/${token}`, { body: { name: 'renamed', avatar: uri(png(7, 9)) } });
        const before = await conversions();
        const wrong = await put(hook.token.replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')));
        assert.deepEqual([wrong.status, wrong.body.code], [401, 50027]);
        assert.deepEqual([(await up.hub.request('PATCH', `/webhooks/1/${hook.token}`, { body: { avatar: uri(png(7, 9)) } })).body.code], [10015]);
        assert.equal(await conversions(), before);
        const right = await put(hook.token);
        assert.deepEqual([right.status, right.body.name, typeof right.body.avatar], [200, 'renamed', 'string']);
        assert.equal(Number(await conversions()), Number(before) + 1);
    });

    test('is an application\'s too, set by its bot', async () => {
        const bot = await up.hub.bot(world.owner, { guild: world.guild });
        const edited = await bot.patch('/applications/@me', { icon: uri(png(5, 5)), description: 'does things', flags: 1 << 19 });
        assert.deepEqual([edited.description, edited.flags, typeof edited.icon], ['does things', 1 << 19, 'string']);
        assert.equal((await bot.get('/applications/@me')).icon, edited.icon);
        assert.equal((await bot.patch('/applications/@me', { icon: null })).icon, null);
        const person = await world.owner.request('PATCH', '/applications/@me', { body: {} });
        assert.deepEqual([person.status, person.body.code], [403, 20002]);
    });

    test('JSON as clients write it: escapes, order, both a fault and an image', async () => {
        const send = (body) => world.owner.request('PATCH', '/users/@me', { body });
        const escaped = await send(`{"avatar":"${red.replaceAll('/', '\\/').replaceAll('+', '\\u002B').replace('A', '\\u0041')}","global_name":"q\\"{}[],:\\\\"}`);
        assert.deepEqual([escaped.status, escaped.body.global_name, /^[0-9a-f]{32}$/.test(escaped.body.avatar)], [200, 'q"{}[],:\\', true]);
        assert.equal((await send(`{"nested":{"avatar":"${red}"},"list":["${red}"]}`)).body.avatar, escaped.body.avatar, 'only at the top');
        assert.deepEqual(leaf(await send(`{"av\\u0061tar":"${red}"}`), 'avatar'), [400, 50035, 'IMAGE_INVALID'], 'a key that hides is not followed');
        const both = await send({ avatar: red, bio: 'x'.repeat(191) });
        assert.deepEqual(leaf(both, 'bio'), [400, 50035, 'BASE_TYPE_MAX_LENGTH']);
        assert.equal((await send(`{"avatar":"${red}"`)).body.code, 50109);
        assert.equal((await send('')).status, 200, 'no body is no change');
    });

    test('many at once are turned away, not queued without end', { timeout: 120_000 }, async () => {
        const heavy = uri(png(700, 700, (x, y) => [(x * y) & 255, (x ^ y) & 255, (x + y) & 255]));
        const answers = await Promise.all(Array.from({ length: 24 }, () => world.owner.request('PATCH', '/users/@me', { body: { avatar: heavy }, ms: 60_000 })));
        for (const a of answers) assert.ok(a.status === 200 || (a.status === 503 && a.headers.get('retry-after')), String(a.status));
        assert.ok(answers.some((a) => a.status === 200));
        await until('images again', async () => (await setAvatar(red)).status === 200, 60_000);
    });
});
