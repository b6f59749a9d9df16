// What people type into the search box, as the server's parameters: words, and from: in: mentions: has: before: after: pinned:.
import { searchMembers } from '../api/routes';
import type { Channel, User } from '../api/types';
import { titleOf } from './directs';
import { nameIn, putMembers, textChannelsOf, users, type Guild } from './guilds';
import { me } from './me';
import { idAt } from './snowflake';

export const KEYS = ['from', 'in', 'mentions', 'has', 'before', 'after', 'pinned'] as const;
export type Key = (typeof KEYS)[number];
export const HAS = ['link', 'embed', 'file', 'image', 'video', 'sound'];

// Where it is searched: in all of a server, or in one DM or group.
export type Scope = { guild: Guild; direct?: undefined } | { guild?: undefined; direct: Channel };
export const pathOf = (s: Scope): string => (s.guild ? `/guilds/${s.guild.id}` : `/channels/${s.direct.id}`);
export const nameOfScope = (s: Scope): string => (s.guild ? s.guild.name.value : titleOf(s.direct));
const keysOf = (s: Scope): readonly Key[] => (s.guild ? KEYS : KEYS.filter((k) => k !== 'in'));
const peopleOf = (s: Scope): User[] =>
    s.guild ? [...s.guild.members.value.values()].map((m) => m.user) : [me.value!, ...(s.direct.recipients ?? [])].map((u) => users.get(u.id) ?? u);

const TOKEN = /(?:(from|in|mentions|has|before|after|pinned):)(?:"([^"]*)"|(\S+))/gi;
const DAY_MS = 86_400_000;

export interface Query {
    params: URLSearchParams;
    wrong: string[]; // what was not understood, as it was typed
}

const same = (a: string, b: string): boolean => a.toLocaleLowerCase() === b.toLocaleLowerCase();

async function findUser(scope: Scope, name: string): Promise<string | undefined> {
    const plain = name.replace(/^@/, '');
    const fits = (): string | undefined => peopleOf(scope).find((u) => [nameIn(scope.guild, u), u.username].some((n) => same(n, plain)))?.id;
    const known = fits();
    if (known || !scope.guild?.large) return known;
    putMembers(scope.guild.id, await searchMembers(scope.guild.id, plain).catch(() => []));
    return fits();
}

// A day, or a time: before: its beginning, after: its end.
function momentOf(value: string, key: Key): string | undefined {
    const ms = Date.parse(/^\d{4}-\d\d-\d\d$/.test(value) ? `${value}T00:00` : value);
    if (Number.isNaN(ms)) return undefined;
    return idAt(key === 'after' && value.length <= 10 ? ms + DAY_MS : ms);
}

const PARAMETER: Record<Key, string> = { from: 'author_id', in: 'channel_id', mentions: 'mentions', has: 'has', before: 'max_id', after: 'min_id', pinned: 'pinned' };

async function valueOf(scope: Scope, key: Key, value: string): Promise<string | undefined> {
    switch (key) {
        case 'from':
        case 'mentions':
            return findUser(scope, value);
        case 'in':
            return scope.guild && textChannelsOf(scope.guild).find((c) => same(c.name, value.replace(/^#/, '')))?.id;
        case 'has':
            return HAS.includes(value.toLowerCase().replace(/^-/, '')) ? value.toLowerCase() : undefined;
        case 'before':
        case 'after':
            return momentOf(value, key);
        case 'pinned':
            return /^(true|yes)$/i.test(value) ? 'true' : /^(false|no)$/i.test(value) ? 'false' : undefined;
    }
}

export async function understand(scope: Scope, input: string): Promise<Query> {
    const params = new URLSearchParams();
    const wrong: string[] = [];
    for (const m of input.matchAll(TOKEN)) {
        const key = m[1]!.toLowerCase() as Key;
        const value = await valueOf(scope, key, m[2] ?? m[3]!);
        if (value === undefined) wrong.push(m[0]);
        else params.append(PARAMETER[key], value);
    }
    const words = input.replace(TOKEN, ' ').replace(/\s+/g, ' ').trim();
    if (words) params.set('content', words);
    return { params, wrong };
}

// What could follow what is typed: the filters, or the values of the filter that was begun.
export function proposals(scope: Scope, input: string): string[] {
    const begun = /(?:^|\s)(from|in|mentions|has|pinned|before|after):("?)([^\s"]*)$/i.exec(input);
    const quote = (s: string): string => (/\s/.test(s) ? `"${s}"` : s);
    if (!begun) {
        const word = /(\S*)$/.exec(input)![1]!.toLowerCase();
        return keysOf(scope).filter((k) => k.startsWith(word)).map((k) => `${k}:`);
    }
    const key = begun[1]!.toLowerCase() as Key;
    const q = begun[3]!.toLowerCase();
    const values: Record<Key, () => string[]> = {
        from: () => peopleOf(scope).map((u) => u.username),
        mentions: () => peopleOf(scope).map((u) => u.username),
        in: () => (scope.guild ? textChannelsOf(scope.guild).map((c) => c.name) : []),
        has: () => HAS,
        pinned: () => ['true', 'false'],
        before: () => [today()],
        after: () => [today()],
    };
    return values[key]().filter((v) => v.toLowerCase().includes(q) && v.toLowerCase() !== q).map((v) => `${key}:${quote(v)}`);
}
const today = (): string => new Date().toLocaleDateString('sv');

// The input with its last word replaced.
export const completed = (input: string, proposal: string): string => `${input.replace(/\S*$/, '')}${proposal}${proposal.endsWith(':') ? '' : ' '}`;
