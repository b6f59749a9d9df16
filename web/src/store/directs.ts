// Direct messages, alone and in groups, and any channel by its id.
import { computed, signal } from '@preact/signals';
import type { Channel } from '../api/types';
import { ChannelType } from '../api/types';
import { text } from '../text';
import { guildOf, nameOfUser, putIn, seeUser, users } from './guilds';
import { byId } from './snowflake';

export const directs = signal<ReadonlyMap<string, Channel>>(new Map());

export function putDirect(channel: Channel): void {
    for (const user of channel.recipients ?? []) seeUser(user);
    putIn(directs, channel.id, { ...directs.value.get(channel.id), ...channel });
}
export const isDirect = (channel: Channel): boolean => channel.type === ChannelType.Direct || channel.type === ChannelType.Group;
// The one with whom it is spoken, or undefined in a group.
export const partnerOf = (channel: Channel) =>
    channel.type === ChannelType.Direct && channel.recipients?.[0] ? (users.get(channel.recipients[0].id) ?? channel.recipients[0]) : undefined;

const lastOf = (channel: Channel): { id: string } => ({ id: channel.last_message_id ?? channel.id });
// The last spoken in first.
export const directList = computed(() => [...directs.value.values()].sort((a, b) => byId(lastOf(b), lastOf(a))));
export const directWith = (user: string): Channel | undefined =>
    directList.value.find((c) => c.type === ChannelType.Direct && c.recipients?.[0]?.id === user);

export const findChannel = (channelId: string | null): Channel | undefined =>
    channelId ? (guildOf(channelId)?.channels.value.get(channelId) ?? directs.value.get(channelId)) : undefined;

// What people call it: the other's name, the group's, or the names in it.
export function nameOfChannel(channel: Channel): string {
    if (!isDirect(channel) || channel.name) return channel.name;
    const names = (channel.recipients ?? []).map((u) => nameOfUser(users.get(u.id) ?? u));
    return names.join(', ') || text.direct.empty;
}
// The same as it stands in a sentence.
export const titleOf = (channel: Channel): string =>
    isDirect(channel) ? (channel.type === ChannelType.Direct ? '@' : '') + nameOfChannel(channel) : `#${channel.name}`;
