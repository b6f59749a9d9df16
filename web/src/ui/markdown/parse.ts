// Discord's markdown to a tree. Pure; the tree is drawn by render.tsx, so a message can never become markup.
export type Node =
    | { type: 'text'; text: string }
    | { type: 'bold' | 'italic' | 'underline' | 'strike' | 'spoiler' | 'quote' | 'small'; children: Node[] }
    | { type: 'heading'; level: number; children: Node[] }
    | { type: 'list'; ordered: boolean; start: number; items: Node[][] }
    | { type: 'code'; text: string }
    | { type: 'block'; language: string; text: string }
    | { type: 'link'; href: string; children: Node[] }
    | { type: 'user' | 'role' | 'channel'; id: string }
    | { type: 'everyone'; text: string }
    | { type: 'emoji'; name: string; id: string; animated: boolean }
    | { type: 'time'; seconds: number; style: string };

const DEPTH_MAX = 12;
type Rule = { at: RegExp; make(match: RegExpExecArray, depth: number): Node | Node[] };

const wrap = (type: 'bold' | 'italic' | 'underline' | 'strike' | 'spoiler', inner: string, depth: number): Node => ({
    type,
    children: inline(inner, depth + 1),
});

function tidyLink(href: string): string {
    const closes = (href.match(/\)/g)?.length ?? 0) > (href.match(/\(/g)?.length ?? 0);
    return href.replace(closes ? /[).,:;!?'"]+$/ : /[.,:;!?'"]+$/, '');
}

// Tried in this order at each place where one of their first characters stands.
const RULES: Rule[] = [
    { at: /^\\([^\p{L}\p{N}\s])/u, make: (m) => ({ type: 'text', text: m[1]! }) },
    { at: /^(`+)([^]*?[^`])\1(?!`)/, make: (m) => ({ type: 'code', text: m[2]!.trim() || m[2]! }) },
    { at: /^<@!?(\d{1,20})>/, make: (m) => ({ type: 'user', id: m[1]! }) },
    { at: /^<@&(\d{1,20})>/, make: (m) => ({ type: 'role', id: m[1]! }) },
    { at: /^<#(\d{1,20})>/, make: (m) => ({ type: 'channel', id: m[1]! }) },
    { at: /^<(a?):(\w{2,32}):(\d{1,20})>/, make: (m) => ({ type: 'emoji', animated: !!m[1], name: m[2]!, id: m[3]! }) },
    { at: /^<t:(-?\d{1,13})(?::([tTdDfFR]))?>/, make: (m) => ({ type: 'time', seconds: Number(m[1]), style: m[2] ?? 'f' }) },
    { at: /^<(https?:\/\/[^\s<>]+)>/, make: (m) => ({ type: 'link', href: m[1]!, children: [{ type: 'text', text: m[1]! }] }) },
    { at: /^\[([^\]\n]{1,500})\]\((https?:\/\/[^\s()]+(?:\([^\s()]*\)[^\s()]*)*)\)/, make: (m, d) => ({ type: 'link', href: m[2]!, children: inline(m[1]!, d + 1, false) }) },
    { at: /^@(everyone|here)\b/, make: (m) => ({ type: 'everyone', text: m[0] }) },
    { at: /^\|\|([^]+?)\|\|/, make: (m, d) => wrap('spoiler', m[1]!, d) },
    { at: /^\*\*([^]+?)\*\*(?!\*)/, make: (m, d) => wrap('bold', m[1]!, d) },
    { at: /^__([^]+?)__(?!_)/, make: (m, d) => wrap('underline', m[1]!, d) },
    { at: /^~~([^]+?)~~/, make: (m, d) => wrap('strike', m[1]!, d) },
    { at: /^\*(?![\s*])((?:\*\*|[^*])+?)(?<!\s)\*(?!\*)/, make: (m, d) => wrap('italic', m[1]!, d) },
    { at: /^_(?![\s_])((?:__|[^_])+?)_(?![\p{L}\p{N}_])/u, make: (m, d) => wrap('italic', m[1]!, d) },
];
const LINK = /^https?:\/\/[^\s<>]+/;
const STARTS = /[\\`<[@|*_~h]/g;

function match(source: string, at: number, depth: number, links: boolean): { node: Node | Node[]; used: number } | null {
    const rest = source.slice(at);
    if (rest[0] === 'h') {
        const found = links && !/\w/.test(source[at - 1] ?? '') ? LINK.exec(rest) : null;
        if (!found) return null;
        const href = tidyLink(found[0]);
        return { node: { type: 'link', href, children: [{ type: 'text', text: href }] }, used: href.length };
    }
    if (rest[0] === '_' && rest[1] !== '_' && /[\p{L}\p{N}]/u.test(source[at - 1] ?? '')) return null; // snake_case
    for (const rule of RULES) {
        const m = rule.at.exec(rest);
        if (m) return { node: rule.make(m, depth), used: m[0].length };
    }
    return null;
}

function inline(source: string, depth = 0, links = true): Node[] {
    if (depth > DEPTH_MAX) return [{ type: 'text', text: source }];
    const out: Node[] = [];
    let plain = 0;
    STARTS.lastIndex = 0;
    for (let at = 0; at < source.length; ) {
        STARTS.lastIndex = at;
        const start = STARTS.exec(source);
        if (!start) break;
        const found = match(source, start.index, depth, links);
        at = start.index + 1;
        if (!found) continue;
        if (start.index > plain) out.push({ type: 'text', text: source.slice(plain, start.index) });
        out.push(...(Array.isArray(found.node) ? found.node : [found.node]));
        at = plain = start.index + found.used;
    }
    if (plain < source.length) out.push({ type: 'text', text: source.slice(plain) });
    return out;
}

const BULLET = /^( *)(?:[-*]|(\d{1,9})\.) +(.*)$/;

// Lines of one kind together: quotes, lists, headings; what is left is running text with its line breaks.
function lines(source: string, depth: number): Node[] {
    const all = source.split('\n');
    const out: Node[] = [];
    let text: string[] = [];
    const flush = (): void => {
        if (text.length) out.push(...inline(text.join('\n'), depth));
        text = [];
    };
    for (let i = 0; i < all.length; i++) {
        const line = all[i]!;
        const heading = /^(#{1,3}) +(.+)$/.exec(line);
        const small = /^-# +(.+)$/.exec(line);
        const bullet = BULLET.exec(line);
        if (line.startsWith('>>> ') && depth < DEPTH_MAX) {
            flush();
            out.push({ type: 'quote', children: lines([line.slice(4), ...all.slice(i + 1)].join('\n'), DEPTH_MAX) });
            return out;
        } else if (line.startsWith('> ') && depth < DEPTH_MAX) {
            flush();
            const quoted: string[] = [];
            for (; i < all.length && all[i]!.startsWith('> '); i++) quoted.push(all[i]!.slice(2));
            i--;
            out.push({ type: 'quote', children: lines(quoted.join('\n'), DEPTH_MAX) });
        } else if (heading) {
            flush();
            out.push({ type: 'heading', level: heading[1]!.length, children: inline(heading[2]!, 0) });
        } else if (small) {
            flush();
            out.push({ type: 'small', children: inline(small[1]!, 0) });
        } else if (bullet) {
            flush();
            const items: Node[][] = [];
            for (let m: RegExpExecArray | null; i < all.length && (m = BULLET.exec(all[i]!)); i++) items.push(inline(m[3]!, 0));
            i--;
            out.push({ type: 'list', ordered: bullet[2] !== undefined, start: Number(bullet[2] ?? 1), items });
        } else text.push(line);
    }
    flush();
    return out;
}

const BLOCK = /```(?:([\w+#.-]*)\n)?([^]*?)```\n?/g;

export function parse(source: string): Node[] {
    const out: Node[] = [];
    let at = 0;
    for (const m of source.matchAll(BLOCK)) {
        if (!m[2]!.trim()) continue;
        const before = source.slice(at, m.index).replace(/\n$/, '');
        if (before) out.push(...lines(before, 0));
        out.push({ type: 'block', language: m[1] ?? '', text: m[2]!.replace(/\n$/, '') });
        at = m.index + m[0].length;
    }
    if (at < source.length) out.push(...lines(source.slice(at), 0));
    return out;
}

const JUMBO_MAX = 9;
// Nothing but a few emoji: shown large.
export function isJumbo(content: string): boolean {
    if (content.length > 600) return false;
    const source = content.replace(/<a?:\w{2,32}:\d{1,20}>/g, '🙂'); // a custom one counts as one
    if (source.length > 100 || !/\p{Extended_Pictographic}/u.test(source)) return false;
    if (/[^\p{Extended_Pictographic}\p{Emoji_Component}\p{Regional_Indicator}\s]|[0-9#*]/u.test(source)) return false;
    return [...new Intl.Segmenter().segment(source.replace(/\s/g, ''))].length <= JUMBO_MAX;
}
