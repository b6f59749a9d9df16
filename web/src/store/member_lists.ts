// The list beside a channel of a large server: the gateway keeps it, and tells the ranges that are looked at (op 14).
// Rows are indexed over the whole list, group headers included.
import { signal } from '@preact/signals';
import type { Member } from '../api/types';
import { putIn, putMembers } from './guilds';
import { putPresences, type Presence } from './presence';

export interface ListGroup {
    id: string; // a role's, or online, offline
    count: number;
}
export type ListRow = { group: ListGroup } | { member: Member & { presence?: Presence } };
export interface MemberList {
    id: string;
    groups: ListGroup[];
    rows: ReadonlyMap<number, ListRow>;
}
interface ListOp {
    op: 'SYNC' | 'INSERT' | 'UPDATE' | 'DELETE' | 'INVALIDATE';
    range?: [number, number];
    index?: number;
    item?: ListRow;
    items?: ListRow[];
}
export interface ListUpdate {
    guild_id: string;
    id: string;
    groups: ListGroup[];
    ops: ListOp[];
}

export const memberLists = signal<ReadonlyMap<string, MemberList>>(new Map()); // by server: the one that is looked at

// All rows from an index on move by one.
function shift(rows: Map<number, ListRow>, from: number, by: 1 | -1): Map<number, ListRow> {
    const next = new Map<number, ListRow>();
    for (const [i, row] of rows) if (i < from) next.set(i, row);
        else if (by > 0 || i > from) next.set(i + by, row);
    return next;
}

function apply(rows: Map<number, ListRow>, o: ListOp): Map<number, ListRow> {
    switch (o.op) {
        case 'SYNC':
            o.items!.forEach((item, i) => rows.set(o.range![0] + i, item));
            for (let i = o.range![0] + o.items!.length; i <= o.range![1]; i++) rows.delete(i);
            return rows;
        case 'INVALIDATE':
            for (let i = o.range![0]; i <= o.range![1]; i++) rows.delete(i);
            return rows;
        case 'UPDATE':
            return rows.set(o.index!, o.item!);
        case 'INSERT':
            return shift(rows, o.index!, 1).set(o.index!, o.item!);
        case 'DELETE':
            return shift(rows, o.index!, -1);
    }
}

export function putList(d: ListUpdate): void {
    const old = memberLists.value.get(d.guild_id);
    let rows = new Map(old?.id === d.id ? old.rows : []);
    for (const o of d.ops) {
        rows = apply(rows, o);
        const members = (o.items ?? (o.item ? [o.item] : [])).flatMap((row) => ('member' in row ? [row.member] : []));
        putMembers(d.guild_id, members);
        putPresences(members.flatMap((m) => (m.presence ? [{ ...m.presence, user: { id: m.user.id } }] : [{ user: { id: m.user.id } }])));
    }
    putIn(memberLists, d.guild_id, { id: d.id, groups: d.groups.filter((g) => g.count > 0), rows });
}

// How many rows the whole list has.
export const lengthOf = (list: MemberList): number => list.groups.reduce((n, g) => n + 1 + g.count, 0);

const BLOCK = 100;
// The first block, and those that the rows in sight lie in: at most three.
export function rangesFor(first: number, last: number): [number, number][] {
    const starts = new Set([0, Math.floor(first / BLOCK) * BLOCK, Math.floor(last / BLOCK) * BLOCK]);
    return [...starts].sort((a, b) => a - b).map((s) => [s, s + BLOCK - 1]);
}
