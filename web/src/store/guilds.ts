// Servers with their channels, roles and members, as the gateway told them. Maps in signals are replaced, never changed.
import { signal, type Signal } from '@preact/signals';
import type { Channel, CustomEmoji, GuildCreate, GuildInfo, Member, Role, User } from '../api/types';
import { ChannelType } from '../api/types';
import { me } from './me';

export interface Guild {
    id: string;
    joinedAt: number;
    large: boolean;
    name: Signal<string>;
    ownerId: Signal<string>;
    memberCount: Signal<number>;
    info: Signal<GuildInfo>;
    roles: Signal<ReadonlyMap<string, Role>>;
    channels: Signal<ReadonlyMap<string, Channel>>;
    members: Signal<ReadonlyMap<string, Member>>;
    emojis: Signal<ReadonlyMap<string, CustomEmoji>>;
}

export const guilds = signal<ReadonlyMap<string, Guild>>(new Map());
export const users = new Map<string, User>(); // everybody seen, by id

const byKey = <T extends { id: string }>(list: T[]): ReadonlyMap<string, T> => new Map(list.map((x) => [x.id, x]));

export function putIn<T>(map: Signal<ReadonlyMap<string, T>>, key: string, value: T | undefined): void {
    const next = new Map(map.value);
    if (value === undefined) next.delete(key);
    else next.set(key, value);
    map.value = next;
}

export const seeUser = (user: User | undefined): void => {
    if (user?.username) users.set(user.id, user);
};

export const infoOf = (d: GuildInfo): GuildInfo => ({
    icon: d.icon,
    description: d.description,
    system_channel_id: d.system_channel_id,
    system_channel_flags: d.system_channel_flags,
    verification_level: d.verification_level,
    default_message_notifications: d.default_message_notifications,
});

export function putGuild(data: GuildCreate): void {
    const members = data.members as Member[];
    for (const m of members) seeUser(m.user);
    const old = guilds.value.get(data.id);
    const guild: Guild = old ?? {
        id: data.id,
        joinedAt: Date.parse(data.joined_at),
        large: data.large,
        name: signal(data.name),
        ownerId: signal(data.owner_id),
        memberCount: signal(data.member_count),
        info: signal({}),
        roles: signal(new Map()),
        channels: signal(new Map()),
        members: signal(new Map()),
        emojis: signal(new Map()),
    };
    guild.large = data.large;
    guild.name.value = data.name;
    guild.ownerId.value = data.owner_id;
    guild.memberCount.value = data.member_count;
    guild.info.value = infoOf(data);
    guild.roles.value = byKey(data.roles);
    guild.channels.value = byKey((data.channels as Channel[]).map((c) => ({ ...c, guild_id: data.id })));
    guild.members.value = new Map(members.map((m) => [m.user.id, m]));
    guild.emojis.value = byKey((data.emojis ?? []) as CustomEmoji[]);
    if (!old) putIn(guilds, data.id, guild);
}

export function putEmojis(guildId: string, emojis: CustomEmoji[]): void {
    const guild = guilds.value.get(guildId);
    if (guild) guild.emojis.value = byKey(emojis);
}

export function putMembers(guildId: string, members: Member[]): void {
    const guild = guilds.value.get(guildId);
    if (!guild) return;
    const next = new Map(guild.members.value);
    for (const m of members) {
        seeUser(m.user);
        next.set(m.user.id, { ...next.get(m.user.id), ...m });
    }
    guild.members.value = next;
}

export function guildOf(channelId: string | null): Guild | undefined {
    if (channelId) for (const guild of guilds.value.values()) if (guild.channels.value.has(channelId)) return guild;
    return undefined;
}

const WRITTEN_IN = new Set<number>([ChannelType.Text, ChannelType.Direct, ChannelType.Group, 5]);
export const isText = (channel: Channel): boolean => WRITTEN_IN.has(channel.type);

const byPosition = (a: Channel, b: Channel): number =>
    Number(a.type === ChannelType.Voice) - Number(b.type === ChannelType.Voice) || a.position - b.position || (BigInt(a.id) < BigInt(b.id) ? -1 : 1);

export interface Section {
    category: Channel | null;
    channels: Channel[];
}
// Channels without a category first, then each category with its own, all by position.
export function sectionsOf(guild: Guild): Section[] {
    const all = [...guild.channels.value.values()];
    const categories = all.filter((c) => c.type === ChannelType.Category).sort(byPosition);
    const known = new Set(categories.map((c) => c.id));
    const inside = (id: string | null): Channel[] =>
        all.filter((c) => c.type !== ChannelType.Category && (c.parent_id && known.has(c.parent_id) ? c.parent_id : null) === id).sort(byPosition);
    return [{ category: null, channels: inside(null) }, ...categories.map((category) => ({ category, channels: inside(category.id) }))];
}
export const textChannelsOf = (guild: Guild): Channel[] => sectionsOf(guild).flatMap((s) => s.channels.filter(isText));

export const nameOfUser = (user: User): string => user.global_name || user.username;
export function nameIn(guild: Guild | undefined, user: User): string {
    return guild?.members.value.get(user.id)?.nick || nameOfUser(users.get(user.id) ?? user);
}
// Highest first; @everyone last.
export const rolesOf = (guild: Guild): Role[] => [...guild.roles.value.values()].sort((a, b) => b.position - a.position || (BigInt(a.id) < BigInt(b.id) ? -1 : 1));
export const cssColor = (color: number): string => `#${color.toString(16).padStart(6, '0')}`;
// The colour of the highest role that has one, for CSS.
export function colorIn(guild: Guild | undefined, userId: string): string | undefined {
    const member = guild?.members.value.get(userId);
    let best: Role | undefined;
    for (const id of member?.roles ?? []) {
        const role = guild!.roles.value.get(id);
        if (role?.color && (!best || role.position > best.position)) best = role;
    }
    // mixed with the text's colour, so that any choice can be read in both themes
    return best && `color-mix(in oklab, ${cssColor(best.color)} 62%, var(--text))`;
}
export const myMember = (guild: Guild): Member | undefined => guild.members.value.get(me.value?.id ?? '');
