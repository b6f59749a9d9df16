// nginx with TLS before a Hubbub, set up as docs/operating.md says.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { top } from './harness.js';

export const randomPort = () => 19_000 + Math.floor(Math.random() * 900);

// {ca, said(), running(), stop()}: `ca` is the certificate that it shows; said: its errors.
export function startNginx(hub, port) {
    const folder = mkdtempSync('/tmp/hubbub-nginx-');
    const key = join(folder, 'key.pem'), certificate = join(folder, 'certificate.pem');
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-keyout', key, '-out', certificate,
        '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'], { stdio: 'ignore' });
    const example = readFileSync(join(top, 'docs/operating.md'), 'utf8').match(/```nginx\n([^]*?)```/)[1];
    const http = example.replace('127.0.0.1:8080', `127.0.0.1:${hub.port}`).replace('listen 443 ssl', `listen 127.0.0.1:${port} ssl`)
        .replace(/ssl_certificate .*;/, `ssl_certificate ${certificate};`).replace(/ssl_certificate_key .*;/, `ssl_certificate_key ${key};`);
    const places = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${folder}/${n};`).join('\n');
    const conf = join(folder, 'nginx.conf');
    writeFileSync(conf, `daemon off;\nworker_processes 1;\npid ${folder}/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n${places}\n${http}}\n`);
    const nginx = spawn('setpriv', ['--pdeathsig', 'TERM', 'nginx', '-p', folder, '-c', conf], {
        stdio: ['ignore', 'inherit', 'pipe'], env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    let said = '';
    nginx.stderr.on('data', (d) => { said += d; });
    return {
        ca: readFileSync(certificate),
        said: () => said,
        running: () => nginx.exitCode === null,
        async stop() {
            if (nginx.exitCode === null) {
                nginx.kill('SIGTERM');
                await new Promise((done) => nginx.on('exit', done));
            }
            rmSync(folder, { recursive: true, force: true });
        },
    };
}
