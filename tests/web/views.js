// The main views of the client, each with the way to it. `within`: what axe looks at, when the rest was looked at before.
// What tests/web looks at and what screenshots.js draws.
export const VIEWS = {
    'sign-in': { signedOut: true, open: async () => {} },
    'sign-up': { signedOut: true, open: (p) => p.page.getByRole('button', { name: /Create an account/ }).click() },
    friends: { path: () => '/#/', open: (p) => p.page.getByRole('button', { name: 'All', exact: true }).click() },
    requests: { path: () => '/#/', within: '.friends', open: (p) => p.page.getByRole('button', { name: /^Pending/ }).click() },
    'friend-add': { path: () => '/#/', within: '.friends', open: (p) => p.page.locator('.tab-add').click() },
    direct: { path: (scene) => `/#/@me/${scene.direct}`, open: (p) => p.sees('I leave the door open') },
    group: { path: (scene) => `/#/@me/${scene.group}`, open: (p) => p.sees('Who brings the oil?') },
    'group-new': { path: (scene) => `/#/@me/${scene.direct}`, within: 'dialog',
        open: async (p) => {
            await p.page.getByRole('button', { name: 'Add people' }).click();
            await p.page.getByRole('dialog').getByLabel(/cleo/).check();
        },
    },
    chat: { open: async () => {} },
    channels: { within: '.nav', phoneOnly: true, open: (p) => p.page.getByRole('button', { name: 'Channels' }).click() },
    members: { within: '.members', phoneOnly: true, open: (p) => p.page.getByRole('button', { name: 'Member list' }).click() },
    actions: { within: '.popover',
        open: async (p) => {
            await p.row('That is the part').click({ position: { x: 200, y: 8 } });
            await p.row('That is the part').getByRole('button', { name: 'Add reaction' }).click();
        },
    },
    reply: { within: '.composer',
        open: async (p) => {
            await p.row('shall we show it').click({ position: { x: 200, y: 8 } });
            await p.row('shall we show it').getByRole('button', { name: 'Reply' }).click();
            await p.composer.fill('@b');
            await p.page.getByRole('listbox').waitFor();
        },
    },
    profile: { within: '.popover',
        open: async (p) => {
            await p.row('Morning!').scrollIntoViewIfNeeded();
            await p.row('Morning!').locator('.author').click();
        },
    },
    'guild-new': { within: 'dialog',
        open: async (p, phone) => {
            if (phone) await p.page.getByRole('button', { name: 'Channels' }).click();
            await p.page.getByRole('button', { name: 'Create or join a server' }).click();
        },
    },
    settings: { within: 'dialog',
        open: async (p, phone) => {
            if (phone) await p.page.getByRole('button', { name: 'Channels' }).click();
            await p.page.getByRole('button', { name: 'Settings' }).click();
        },
    },
    invite: { within: 'dialog',
        open: async (p, phone) => {
            if (phone) await p.page.getByRole('button', { name: 'Channels' }).click();
            await p.page.locator('.guild-name').click();
            await p.page.getByRole('menuitem', { name: 'Invite people' }).click();
            await p.page.getByText('All invites').click();
        },
    },
    switcher: { within: 'dialog', open: (p) => p.page.keyboard.press('Control+k') },
};
