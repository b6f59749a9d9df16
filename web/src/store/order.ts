// Another order of a server's channels.
import { orderChannels, type ChannelPlace } from '../api/routes';
import { sectionsOf, type Guild } from './guilds';

interface List {
    parent: string | null;
    ids: string[];
}
const listsOf = (guild: Guild): List[] => sectionsOf(guild).map((s) => ({ parent: s.category?.id ?? null, ids: s.channels.map((c) => c.id) }));

// What differs from how it stands, numbered through all lists.
function changesOf(guild: Guild, lists: List[]): ChannelPlace[] {
    const out: ChannelPlace[] = [];
    let position = 0;
    for (const { parent, ids } of lists)
        for (const id of ids) {
            const channel = guild.channels.value.get(id)!;
            const moved = (channel.parent_id ?? null) !== parent;
            if (moved || channel.position !== position) out.push({ id, position, ...(moved && { parent_id: parent }) });
            position++;
        }
    return out;
}

// at: among the channels of that category without it; beyond the end: at the end.
export function moveChannel(guild: Guild, id: string, parent: string | null, at: number): Promise<unknown> {
    const lists = listsOf(guild).map((l) => ({ ...l, ids: l.ids.filter((x) => x !== id) }));
    lists.find((l) => l.parent === parent)!.ids.splice(at, 0, id);
    return orderChannels(guild.id, changesOf(guild, lists));
}
export function moveCategory(guild: Guild, id: string, at: number): Promise<unknown> {
    const ids = sectionsOf(guild).flatMap((s) => s.category?.id ?? []).filter((x) => x !== id);
    ids.splice(at, 0, id);
    return orderChannels(guild.id, ids.map((x, position) => ({ id: x, position })));
}

// By one step, over the edge into the next category.
export function stepChannel(guild: Guild, id: string, by: 1 | -1): Promise<unknown> | undefined {
    const lists = listsOf(guild);
    const from = lists.findIndex((l) => l.ids.includes(id));
    const at = lists[from]!.ids.indexOf(id) + by;
    if (at >= 0 && at < lists[from]!.ids.length) return moveChannel(guild, id, lists[from]!.parent, at);
    const next = lists[from + by];
    return next && moveChannel(guild, id, next.parent, by > 0 ? 0 : next.ids.length);
}
export function stepCategory(guild: Guild, id: string, by: 1 | -1): Promise<unknown> | undefined {
    const ids = sectionsOf(guild).flatMap((s) => s.category?.id ?? []);
    const at = ids.indexOf(id) + by;
    return at >= 0 && at < ids.length ? moveCategory(guild, id, at) : undefined;
}
