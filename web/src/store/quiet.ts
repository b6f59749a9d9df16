// What a person wants to hear of: levels and mutes of servers and channels, as the server keeps them for all my clients.
import { signal } from '@preact/signals';
import { editQuiet } from '../api/routes';
import type { ChannelQuiet, GuildQuiet, MuteConfig } from '../api/types';
import { guildOf, putIn } from './guilds';

export const Level = { All: 0, Mentions: 1, Nothing: 2, Inherit: 3 } as const;
export const quiet = signal<ReadonlyMap<string, GuildQuiet>>(new Map()); // by the server's id, or @me

const keyOf = (guildId: string | null | undefined): string => guildId ?? '@me';
const keyOfChannel = (channelId: string): string => keyOf(guildOf(channelId)?.id);

export const putQuiet = (q: GuildQuiet): void => putIn(quiet, keyOf(q.guild_id), q);
export const putAllQuiet = (list: GuildQuiet[]): void => {
    quiet.value = new Map(list.map((q) => [keyOf(q.guild_id), q]));
};
export const quietOf = (guildId: string | null): GuildQuiet | undefined => quiet.value.get(keyOf(guildId));
export const channelQuietOf = (channelId: string): ChannelQuiet | undefined =>
    quiet.value.get(keyOfChannel(channelId))?.channel_overrides?.find((o) => o.channel_id === channelId);

const lasts = (q: { muted?: boolean; mute_config?: MuteConfig | null } | undefined): boolean =>
    !!q?.muted && (!q.mute_config?.end_time || Date.parse(q.mute_config.end_time) > Date.now());
export const isGuildMuted = (guildId: string): boolean => lasts(quietOf(guildId));
export const isChannelMuted = (channelId: string): boolean => lasts(channelQuietOf(channelId));

export function levelOf(channelId: string): number {
    const own = channelQuietOf(channelId)?.message_notifications ?? Level.Inherit;
    if (own !== Level.Inherit) return own;
    const guild = guildOf(channelId);
    const ofGuild = quietOf(guild?.id ?? null)?.message_notifications ?? Level.Inherit;
    if (ofGuild !== Level.Inherit) return ofGuild;
    return guild ? (guild.info.value.default_message_notifications ?? Level.All) : Level.All;
}

// Whether a message is worth a desktop notification.
export function isHeard(channelId: string, callsMe: boolean): boolean {
    const guild = guildOf(channelId);
    if (isChannelMuted(channelId) || (guild && isGuildMuted(guild.id))) return false;
    const level = levelOf(channelId);
    return level === Level.All || (level === Level.Mentions && callsMe);
}

// seconds: for how long, 0 for ever, null: no longer.
export const muting = (seconds: number | null): { muted: boolean; mute_config: MuteConfig | null } => ({
    muted: seconds !== null,
    mute_config: seconds ? { end_time: new Date(Date.now() + seconds * 1000).toISOString(), selected_time_window: seconds } : null,
});
export type GuildChanges = Partial<Omit<GuildQuiet, 'channel_overrides'>>;
export const changeGuildQuiet = async (guildId: string, changes: GuildChanges): Promise<void> => putQuiet(await editQuiet(guildId, changes));
export async function changeChannelQuiet(channelId: string, changes: Partial<ChannelQuiet>): Promise<void> {
    const { channel_id: _, ...old } = channelQuietOf(channelId) ?? { channel_id: channelId };
    putQuiet(await editQuiet(keyOfChannel(channelId), { channel_overrides: { [channelId]: { ...old, ...changes } } }));
}
