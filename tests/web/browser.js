// People in real browsers: Debian's Chromium driven by playwright-core, one profile a person.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { PASSWORD, top, unique } from '../e2e/harness.js';

export const WEB_DIR = process.env.HUBBUB_WEB_DIR ?? join(top, 'web/dist');
export const webEnv = { HUBBUB_WEB_DIR: WEB_DIR };
if (!existsSync(join(WEB_DIR, 'index.html'))) throw new Error(`${WEB_DIR} is not built: npm run build in web/`);

const FLAGS = [
    '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync',
];
export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 780 };

export const launch = () => chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });

// One person at one screen. What a page logs as an error, and every request to another host, is kept in `faults`.
export class Person {
    static async open(browser, hub, { viewport = DESKTOP, dark = false, ...more } = {}) {
        const person = new Person();
        person.hub = hub;
        person.context = await browser.newContext({ viewport, locale: 'en-GB', timezoneId: 'UTC', colorScheme: dark ? 'dark' : 'light', ...more });
        person.page = await person.context.newPage();
        person.page.setDefaultTimeout(60_000); // also on a machine that does much else
        person.faults = [];
        person.page.on('pageerror', (e) => person.faults.push(String(e)));
        person.page.on('console', (m) => {
            if (m.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(m.text())) person.faults.push(m.text());
        });
        person.page.on('request', (r) => {
            if (!/^(data|blob):/.test(r.url()) && new URL(r.url()).host !== new URL(hub.url).host) person.faults.push(`request to ${r.url()}`);
        });
        return person;
    }
    goto(path = '/') { return this.page.goto(this.hub.url + path, { waitUntil: 'domcontentloaded' }); }
    async signUp(name = unique('web')) {
        const { page } = this;
        this.name = name;
        await this.goto(this.hash ?? '/');
        if (!(await page.getByLabel('Date of birth').isVisible())) await page.getByRole('button', { name: /Create an account/ }).click();
        await page.getByLabel('User name').fill(name);
        await page.getByLabel('Password').fill(PASSWORD);
        await page.getByLabel('Date of birth').fill('1990-05-17');
        await page.getByRole('button', { name: 'Create account' }).click();
        await this.page.locator('.shell').waitFor();
        return this;
    }
    async signIn(name, password = PASSWORD) {
        this.name = name;
        await this.goto();
        await this.page.getByLabel(/User name/).fill(name);
        await this.page.getByLabel('Password').fill(password);
        await this.page.getByRole('button', { name: 'Sign in', exact: true }).click();
        await this.page.locator('.shell').waitFor();
        return this;
    }
    // Takes over an account of the harness: its token is there when the page first starts.
    async as(client, path = '/') {
        await this.context.addInitScript((token) => {
            if (sessionStorage.getItem('as')) return;
            sessionStorage.setItem('as', 'done');
            localStorage.setItem('hubbub:token', JSON.stringify(token));
        }, client.token);
        await this.goto(path.startsWith('#') ? `/${path}` : path);
        await this.page.locator('.shell').waitFor();
        this.name = client.username;
        return this;
    }
    get composer() { return this.page.locator('.composer textarea'); }
    async say(content) {
        await this.composer.fill(content);
        await this.composer.press('Enter');
    }
    row(content) { return this.page.locator('li.message[data-id]', { hasText: content }); }
    sees(content) { return this.row(content).first().waitFor(); }
    async action(content, name) {
        const row = this.row(content).last();
        await row.hover();
        await row.getByRole('toolbar').getByRole('button', { name }).first().click();
    }
    token() { return this.page.evaluate(() => JSON.parse(localStorage.getItem('hubbub:token'))); }
    close() { return this.context.close(); }
}

// A picture of 64 x 48 points, made by the browser itself.
export const picture = async (page, color) => Buffer.from(await page.evaluate((color) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
    const c = canvas.getContext('2d');
    c.fillStyle = color;
    c.fillRect(0, 0, 64, 48);
    return canvas.toDataURL('image/png').split(',')[1];
}, color), 'base64');
