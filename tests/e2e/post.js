// A mail server for tests: real SMTP with STARTTLS and a login. It keeps what it takes, and can refuse, be busy or be away.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer } from 'smtp-server';
import { until } from './harness.js';

const USER = 'hub', PASSWORD = 'secret of the post';

function certificate() {
    const folder = mkdtempSync(join(tmpdir(), 'post-'));
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key, '-out', cert,
        '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
    return { path: cert, key: readFileSync(key), cert: readFileSync(cert) };
}

function parse(raw) {
    const end = raw.indexOf('\r\n\r\n');
    const headers = Object.fromEntries(raw.slice(0, end).split('\r\n').map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 2)]));
    return { headers, text: Buffer.from(raw.slice(end), 'base64').toString() };
}

export class Post {
    mails = [];
    answers = {}; // by recipient: the code that is answered to it
    static async start() {
        const post = new Post();
        post.certificate = certificate();
        await post.open(0);
        return post;
    }
    async open(port = this.port) {
        this.server = new SMTPServer({
            ...this.certificate, authMethods: ['PLAIN', 'LOGIN'], disableReverseLookup: true, logger: false,
            onAuth: (auth, session, done) => (auth.username === USER && auth.password === PASSWORD ? done(null, { user: USER }) : done(new Error('who?'))),
            onRcptTo: ({ address }, session, done) => {
                const responseCode = this.answers[address];
                done(responseCode && Object.assign(new Error(`not ${address}`), { responseCode }));
            },
            onData: (stream, session, done) => {
                const chunks = [];
                stream.on('data', (c) => chunks.push(c));
                stream.on('end', () => {
                    this.mails.push({ ...parse(Buffer.concat(chunks).toString()), to: session.envelope.rcptTo.map((r) => r.address), from: session.envelope.mailFrom.address, secure: session.secure, user: session.user });
                    done();
                });
            },
        });
        this.server.on('error', () => {});
        await new Promise((ready) => { this.server.listen(port, '127.0.0.1', ready); });
        this.port = this.server.server.address().port;
    }
    close() { return new Promise((done) => { this.server.close(done); }); }
    env(more = {}) {
        return { HUBBUB_SMTP_URL: `smtp://127.0.0.1:${this.port}`, HUBBUB_SMTP_USER: USER, HUBBUB_SMTP_PASSWORD: PASSWORD, HUBBUB_SMTP_FROM: 'Hub <hub@example.org>', HUBBUB_SMTP_CA: this.certificate.path, ...more };
    }
    of(address) { return this.mails.filter((m) => m.to.includes(address)); }
    // The nth mail to the address, from 1.
    async mail(address, n = 1) {
        await until(`mail ${n} to ${address}`, () => this.of(address).length >= n, 60_000);
        return this.of(address)[n - 1];
    }
    // The token of its link.
    async token(address, n = 1) { return (await this.mail(address, n)).text.match(/#token=(\w+)/)[1]; }
}
