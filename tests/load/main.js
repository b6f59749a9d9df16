// tests/load/run: one scenario at the size that is asked for, on a Hubbub of its own. Prints what was counted as JSON.
import { parseArgs } from 'node:util';
import { Hubbub } from '../e2e/harness.js';
import * as swarms from './scenarios.js';
import { search } from './search.js';

const scenarios = { ...swarms, search };

const defaults = {
    herd: { sessions: 5000, gateways: 2 },
    rolling: { sessions: 5000, gateways: 2, rate: 100, perSecond: 200 },
    memory: { sessions: 5000, gateways: 1, rate: 50, seconds: 15 },
    slow: { sessions: 1000, gateways: 1, rate: 20, seconds: 10 },
    search: { messages: 1_000_000, gateways: 1, rate: 50, seconds: 10 },
};
const { values, positionals: [name] } = parseArgs({ allowPositionals: true, options: Object.fromEntries(
    ['sessions', 'messages', 'gateways', 'rate', 'perSecond', 'seconds', 'chats'].map((key) => [key, { type: 'string' }])) });
if (!defaults[name]) {
    console.error(`usage: tests/load/run ${Object.keys(defaults).join('|')} [--sessions N] [--messages N] [--gateways N] [--rate MESSAGES_A_SECOND] [--perSecond OP_7_A_SECOND] [--seconds S]`);
    process.exit(2);
}
const options = { ...defaults[name] };
for (const [key, value] of Object.entries(values)) options[key] = Number(value);
const hub = await Hubbub.start({ gateways: options.gateways, chats: options.chats ?? 1, env: options.perSecond ? { HUBBUB_DRAIN_PER_SECOND: String(options.perSecond) } : {} });
try {
    console.log(JSON.stringify({ scenario: name, ...await scenarios[name](hub, options) }, null, 1));
} catch (e) {
    console.error(hub.output, hub.tails(5));
    throw e;
} finally {
    await hub.stop();
}
process.exit(0); // sockets that do not read would keep it
