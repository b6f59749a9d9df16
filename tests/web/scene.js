// A server that looks lived in, for pictures and for the accessibility check.
import { png, uri } from '../e2e/pictures.js';

export async function livedIn(hub) {
    const [ada, ben, cleo] = await Promise.all(['ada.l', 'ben.carter', 'cleo'].map((n) => hub.register(n)));
    const guild = await ada.post('/guilds', { name: 'Analytical Engines' });
    await ada.post('/guilds', { name: 'Garden Club' });
    const channels = await ada.get(`/guilds/${guild.id}/channels`);
    const general = channels.find((c) => c.type === 0);
    await ada.patch(`/channels/${general.id}`, { topic: 'Anything about machines that think, or seem to' });
    const category = await ada.post(`/guilds/${guild.id}/channels`, { name: 'Workshop', type: 4 });
    for (const name of ['plans', 'punched-cards', 'a-channel-with-quite-a-long-name-to-be-cut'])
        await ada.post(`/guilds/${guild.id}/channels`, { name, type: 0, parent_id: category.id });
    const { code } = await ada.post(`/channels/${general.id}/invites`, { max_age: 0 });
    for (const who of [ben, cleo]) await who.post(`/invites/${code}`);
    const role = await ada.post(`/guilds/${guild.id}/roles`, { name: 'Engineers', color: 0xc2571a, hoist: true });
    await ada.put(`/guilds/${guild.id}/members/${ben.id}/roles/${role.id}`);
    const say = (who, content, more) => who.say(general.id, content, more);
    await say(ben, 'Morning! Did the store hold overnight?');
    const first = await say(ada, 'It did. All **forty** columns, and the carriage came back to *zero* on its own.');
    await say(ada, 'The card for it:\n```js\nfor (const column of store) {\n    // carry to the left\n    column.turn(1, { carry: true });\n}\n```');
    await say(ben, 'Lovely.', { message_reference: { message_id: first.id } });
    await ada.put(`/channels/${general.id}/messages/${first.id}/reactions/${encodeURIComponent('🎉')}/@me`);
    for (const e of ['🎉', '👀']) await cleo.put(`/channels/${general.id}/messages/${first.id}/reactions/${encodeURIComponent(e)}/@me`);
    await say(cleo, '> carry to the left\nThat is the part I never get right. See <https://example.org/carry>, ||it jams||');
    await say(cleo, '- oil\n- patience\n- `turn(1)`');
    await say(ben, `<@${ada.id}> shall we show it on <t:1800000000:D>?`);
    await say(ada, '🎉🚀');
    await ada.put(`/channels/${general.id}/messages/pins/${first.id}`);
    for (const [name, hue] of [['gear', [194, 87, 26]], ['punch', [47, 122, 79]], ['steam', [70, 83, 196]]])
        await ada.post(`/guilds/${guild.id}/emojis`, { name, image: uri(png(64, 64, (x, y) => ((x - 32) ** 2 + (y - 32) ** 2 < 900 ? hue : [240, 240, 240]))) });
    await moderate(hub, ada, guild.id, general.id);
    await report(hub, ada, ben, cleo, general.id);
    const { direct, group } = await befriend(hub, ada, ben, cleo);
    return { ada, ben, cleo, guild: guild.id, general: general.id, code, direct, group };
}

// Ada administers the instance, too, and has something to look at.
async function report(hub, ada, ben, cleo, channel) {
    hub.command('user', 'admin', ada.username, 'on');
    const said = await cleo.say(channel, 'Half price oil, **today only**: https://example.org/oil');
    await ben.post(`/channels/${channel}/messages/${said.id}/reports`, { reason: 'spam', comment: 'The third time today' });
    await ada.post(`/channels/${channel}/messages/${said.id}/reports`, { reason: 'other' });
    await cleo.delete(`/channels/${channel}/messages/${said.id}`);
}

// A ban, a webhook, and an audit log that tells of them.
async function moderate(hub, ada, guild, general) {
    const mob = await hub.register('mob');
    await ada.request('PUT', `/guilds/${guild}/bans/${mob.id}`, { body: {}, headers: { 'X-Audit-Log-Reason': 'shouting' } });
    await ada.post(`/channels/${general}/webhooks`, { name: 'Weather' });
}

// Friends, a request, a DM and a group.
async function befriend(hub, ada, ben, cleo) {
    const [dora, eve] = await Promise.all(['dora_m', 'eve'].map((n) => hub.register(n)));
    await ada.patch('/users/@me', { global_name: 'Ada Lovelace' });
    for (const who of [ben, cleo, dora]) {
        await who.post('/users/@me/relationships', { username: 'ada.l' });
        await ada.put(`/users/@me/relationships/${who.id}`, {});
    }
    await eve.post('/users/@me/relationships', { username: 'ada.l' });
    const group = await ada.post('/users/@me/channels', { recipients: [ben.id, cleo.id, dora.id] });
    await ada.patch(`/channels/${group.id}`, { name: 'Saturday at the mill' });
    await cleo.say(group.id, 'Who brings the oil?');
    const direct = await ben.post('/users/@me/channels', { recipient_id: ada.id });
    await ben.say(direct.id, 'Do you have a minute? The third column sticks.');
    await ada.say(direct.id, 'On my way, *five minutes*.');
    await ben.say(direct.id, 'Thanks! I leave the door open.');
    return { direct: direct.id, group: group.id };
}

// A picture with something in it, sent as a file.
export async function sendPicture(hub, who, channel, page) {
    const bytes = Buffer.from(await page.evaluate(() => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 800, height: 500 });
        const c = canvas.getContext('2d');
        const sky = c.createLinearGradient(0, 0, 0, 500);
        sky.addColorStop(0, '#27406b');
        sky.addColorStop(1, '#e0a96d');
        c.fillStyle = sky;
        c.fillRect(0, 0, 800, 500);
        c.fillStyle = '#1d2733';
        for (let i = 0; i < 9; i++) c.fillRect(40 + i * 84, 330 - (i % 3) * 60, 60, 300);
        return canvas.toDataURL('image/png').split(',')[1];
    }), 'base64');
    const form = new FormData();
    form.append('payload_json', JSON.stringify({ content: 'The view from the mill:', attachments: [{ id: 0, filename: 'mill.png' }, { id: 1, filename: 'notes.txt' }] }));
    form.append('files[0]', new Blob([bytes], { type: 'image/png' }), 'mill.png');
    form.append('files[1]', new Blob(['of the day'], { type: 'text/plain' }), 'notes.txt');
    const answer = await fetch(`${hub.url}/api/v10/channels/${channel}/messages`, { method: 'POST', headers: { Authorization: who.token }, body: form });
    if (!answer.ok) throw new Error(await answer.text());
}
