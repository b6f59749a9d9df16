// Judges what a run recorded, after it: the invariants of docs/guarantees.md over plain data.
//   sends   [{nonce, channel, answer: 'acknowledged'|'refused'|'unknown', id}]     each message that somebody wanted to send
//   stored  {channel: [{id, nonce}]}                                             the history at the end, oldest first
//   readers [{name, first: {channel: id}, heard: [...]}]                          first: the newest message before the reader's first READY
//   heard   {id, channel, nonce, read, repeatable}   in the order in which it came; read: by paging after a new READY;
//           repeatable: a session goes on that was taken from a killed gateway's last tick
// Returns {violations: [text], repeats: n}.

const above = (a, b) => BigInt(a) > BigInt(b);

function* sendsAgainstStore({ sends, stored }) {
    const byNonce = new Map();
    for (const [channel, list] of Object.entries(stored)) {
        for (let i = 1; i < list.length; i++) if (!above(list[i].id, list[i - 1].id)) yield `history of ${channel}: ${list[i].id} behind ${list[i - 1].id}`;
        for (const m of list) {
            if (byNonce.has(m.nonce)) yield `${m.nonce} is stored twice`;
            byNonce.set(m.nonce, { ...m, channel });
        }
    }
    for (const s of sends) {
        const found = byNonce.get(s.nonce);
        if (s.answer === 'acknowledged' && !found) yield `${s.nonce} was acknowledged and is lost`;
        if (s.answer === 'acknowledged' && found && (found.id !== s.id || found.channel !== s.channel)) yield `${s.nonce} was acknowledged as ${s.id} and is stored as ${found.id}`;
        if (s.answer === 'refused' && found) yield `${s.nonce} was refused and is stored`;
    }
}

// Each message once and in the order of the history; all of those since the first READY.
function* readerAgainstStore(reader, stored, count) {
    const known = new Set(), newest = {};
    for (const h of reader.heard) {
        if (!stored[h.channel]?.ids.has(h.id)) yield `${reader.name} heard ${h.id} (${h.nonce}), which is not stored`;
        if (known.has(h.id)) {
            if (h.repeatable) count.repeats++;
            else yield `${reader.name} heard ${h.id} (${h.nonce}) twice`;
            continue;
        }
        known.add(h.id);
        if (newest[h.channel] && !above(h.id, newest[h.channel])) yield `${reader.name} heard ${h.id} (${h.nonce}) behind ${newest[h.channel]}`;
        newest[h.channel] = h.id;
    }
    for (const [channel, { list }] of Object.entries(stored))
        for (const m of list) if (above(m.id, reader.first[channel] ?? '0') && !known.has(m.id)) yield `${reader.name} never heard ${m.id} (${m.nonce})`;
}

export function check(run) {
    const count = { repeats: 0 };
    const stored = Object.fromEntries(Object.entries(run.stored).map(([channel, list]) => [channel, { list, ids: new Set(list.map((m) => m.id)) }]));
    const violations = [...sendsAgainstStore(run), ...run.readers.flatMap((r) => [...readerAgainstStore(r, stored, count)])];
    return { violations, repeats: count.repeats };
}
