// The main views of the client, each with the way to it. `within`: what axe looks at, when the rest was looked at before.
// What tests/web looks at and what screenshots.js draws.
async function serverSettings(p, phone, section) {
    if (phone) await p.page.getByRole('button', { name: 'Channels', exact: true }).click();
    await p.page.locator('button.guild-name').click();
    await p.page.getByRole('menuitem', { name: 'Server settings' }).click();
    await p.page.locator('.screen-nav').getByRole('button', { name: section, exact: true }).click();
}
async function settings(p, phone, section) {
    if (phone) await p.page.getByRole('button', { name: 'Channels', exact: true }).click();
    await p.page.locator('.me').getByRole('button', { name: 'Settings' }).click();
    await p.page.locator('.screen-nav').getByRole('button', { name: section, exact: true }).click();
}

async function admin(p, phone, section) {
    await settings(p, phone, 'Profile');
    await p.page.getByRole('button', { name: 'Administration' }).click();
    await p.page.locator('.screen-nav').getByRole('button', { name: section, exact: true }).click();
}

export const VIEWS = {
    'sign-in': { signedOut: true, open: async () => {} },
    'sign-up': { signedOut: true, open: (p) => p.page.getByRole('button', { name: /Create an account/ }).click() },
    forgot: { signedOut: true, open: (p) => p.page.getByRole('button', { name: 'Forgot your password?' }).click() },
    reset: { signedOut: true, path: () => '/reset#token=none', open: (p) => p.page.getByRole('button', { name: 'Set the password' }).waitFor() },
    verify: { signedOut: true, path: () => '/verify#token=none', open: (p) => p.page.getByText('This link was used already').waitFor() },
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
    channels: { within: '.nav', phoneOnly: true, open: (p) => p.page.getByRole('button', { name: 'Channels', exact: true }).click() },
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
    picker: { within: '.popover',
        open: async (p) => {
            await p.page.getByRole('button', { name: 'Insert emoji' }).click();
            await p.page.getByRole('region', { name: 'Analytical Engines' }).locator('img').first().waitFor();
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
            if (phone) await p.page.getByRole('button', { name: 'Channels', exact: true }).click();
            await p.page.getByRole('button', { name: 'Create or join a server' }).click();
        },
    },
    search: { within: '.panel',
        open: async (p) => {
            await p.page.getByRole('button', { name: 'Search', exact: true }).click();
            await p.page.getByRole('combobox').fill('in:general carry');
            await p.page.getByRole('combobox').press('Enter');
            await p.page.locator('.card-message').first().waitFor();
            await p.page.getByRole('combobox').fill('in:general has:');
        },
    },
    'search-direct': { within: '.panel', path: (scene) => `/#/@me/${scene.group}`,
        open: async (p) => {
            await p.page.getByRole('button', { name: 'Search', exact: true }).click();
            await p.page.getByRole('combobox').fill('oil');
            await p.page.getByRole('combobox').press('Enter');
            await p.page.locator('.card-message').first().waitFor();
        },
    },
    pins: { within: '.panel',
        open: async (p) => {
            await p.page.getByRole('button', { name: 'Pinned messages' }).click();
            await p.page.locator('.card-message').first().waitFor();
        },
    },
    'server-overview': { within: '.screen', open: (p, phone) => serverSettings(p, phone, 'Overview') },
    'server-roles': { within: '.screen',
        open: async (p, phone) => {
            await serverSettings(p, phone, 'Roles');
            await p.page.locator('.screen').getByRole('button', { name: 'Engineers', exact: true }).click();
        },
    },
    'server-emoji': { within: '.screen', open: async (p, phone) => { await serverSettings(p, phone, 'Emoji'); await p.page.locator('.emoji-row img').first().waitFor(); } },
    'server-members': { within: '.screen',
        open: async (p, phone) => {
            await serverSettings(p, phone, 'Members');
            await p.page.locator('.screen').getByText('ben.carter').first().waitFor();
        },
    },
    'server-bans': { within: '.screen', open: async (p, phone) => { await serverSettings(p, phone, 'Bans'); await p.page.getByText('shouting').waitFor(); } },
    'server-webhooks': { within: '.screen', open: async (p, phone) => { await serverSettings(p, phone, 'Webhooks'); await p.page.locator('.webhook summary').click(); } },
    'server-audit': { within: '.screen', open: async (p, phone) => { await serverSettings(p, phone, 'Audit log'); await p.page.locator('.audit-entry summary').first().click(); } },
    permissions: { within: '.screen',
        open: async (p, phone) => {
            if (phone) await p.page.getByRole('button', { name: 'Channels', exact: true }).click();
            await p.page.getByRole('navigation', { name: 'Channels' }).getByRole('button', { name: 'plans' }).first().click({ button: 'right' });
            await p.page.getByRole('menuitem', { name: 'Edit channel' }).click();
            await p.page.getByRole('button', { name: 'Permissions' }).click();
        },
    },
    quiet: { within: 'dialog',
        open: async (p, phone) => {
            if (phone) await p.page.getByRole('button', { name: 'Channels', exact: true }).click();
            await p.page.locator('button.guild-name').click();
            await p.page.getByRole('menuitem', { name: 'Notifications' }).click();
        },
    },
    settings: { within: '.screen', open: (p, phone) => settings(p, phone, 'Profile') },
    account: { within: '.screen', open: (p, phone) => settings(p, phone, 'Account') },
    'account-end': { within: 'dialog', open: async (p, phone) => { await settings(p, phone, 'Account'); await p.page.getByRole('button', { name: 'Delete my account' }).click(); } },
    sessions: { within: '.screen', open: async (p, phone) => { await settings(p, phone, 'Sessions'); await p.page.getByText('This one').waitFor(); } },
    appearance: { within: '.screen', open: (p, phone) => settings(p, phone, 'Appearance') },
    status: { within: '.popover',
        open: async (p, phone) => {
            if (phone) await p.page.getByRole('button', { name: 'Channels', exact: true }).click();
            await p.page.locator('.me-face').click();
        },
    },
    report: { within: 'dialog',
        open: async (p) => {
            await p.row('That is the part').click({ position: { x: 200, y: 8 } });
            await p.row('That is the part').getByRole('toolbar').getByRole('button', { name: 'Message actions' }).click();
            await p.page.getByRole('menuitem', { name: 'Report' }).click();
        },
    },
    admin: { within: '.screen', open: async (p, phone) => { await admin(p, phone, 'Overview'); await p.page.locator('.health').waitFor(); } },
    'admin-people': { within: '.screen', open: async (p, phone) => { await admin(p, phone, 'People'); await p.page.locator('.account').nth(3).waitFor(); } },
    'admin-reports': { within: '.screen', open: async (p, phone) => { await admin(p, phone, 'Reports'); await p.page.locator('.report').first().waitFor(); } },
    invite: { within: 'dialog',
        open: async (p, phone) => {
            if (phone) await p.page.getByRole('button', { name: 'Channels', exact: true }).click();
            await p.page.locator('button.guild-name').click();
            await p.page.getByRole('menuitem', { name: 'Invite people' }).click();
            await p.page.getByText('All invites').click();
        },
    },
    switcher: { within: 'dialog', open: (p) => p.page.keyboard.press('Control+k') },
};
