// A client that is a process of its own, to be killed or stopped: client.js URL TOKEN. Identifies, beats, and says when it is
// ready.
import WebSocket from 'ws';

const [, , url, token] = process.argv;
const ws = new WebSocket(url, { perMessageDeflate: false });
const send = (op, d) => ws.send(JSON.stringify({ op, d }));
ws.on('message', (data) => {
    const frame = JSON.parse(data);
    if (frame.op === 10) {
        setInterval(() => send(1, null), frame.d.heartbeat_interval * 0.5);
        send(2, { token, properties: { os: 'linux', browser: 'child', device: '' } });
    }
    if (frame.t === 'READY') console.log('ready');
});
