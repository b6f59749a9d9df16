// What I may do, by the same computation as the server's: only to show or hide; the server decides.
import { signal } from '@preact/signals';
import type { Channel, Overwrite } from '../api/types';
import { directs, findChannel } from './directs';
import { guildOf, myMember, type Guild } from './guilds';
import { me } from './me';

export const Permission = {
    CreateInvite: 1n << 0n,
    Kick: 1n << 1n,
    Ban: 1n << 2n,
    Administrator: 1n << 3n,
    ManageChannels: 1n << 4n,
    ManageGuild: 1n << 5n,
    AddReactions: 1n << 6n,
    View: 1n << 10n,
    Send: 1n << 11n,
    ManageMessages: 1n << 13n,
    Attach: 1n << 15n,
    History: 1n << 16n,
    ChangeNickname: 1n << 26n,
    ManageNicknames: 1n << 27n,
    ManageRoles: 1n << 28n,
    ManageWebhooks: 1n << 29n,
    ManageEmoji: 1n << 30n,
    CreateEmoji: 1n << 43n,
    ExternalEmoji: 1n << 18n,
    AuditLog: 1n << 7n,
    TimeOut: 1n << 40n,
    Pin: 1n << 51n,
} as const;
const ALL = ~0n;
const IN_DIRECTS = Permission.View | Permission.Send | Permission.AddReactions | Permission.Attach | Permission.History | Permission.Pin | Permission.ExternalEmoji;

// To see a server as somebody with these roles would.
export const viewAs = signal<{ guild: string; roles: string[]; name: string } | null>(null);
const rolesAs = (guild: Guild): readonly string[] | undefined => (viewAs.value?.guild === guild.id ? viewAs.value.roles : undefined);
const isOwner = (guild: Guild): boolean => guild.ownerId.value === me.value?.id;

function baseOf(guild: Guild): bigint {
    const as = rolesAs(guild);
    if (!as && isOwner(guild)) return ALL;
    let bits = BigInt(guild.roles.value.get(guild.id)?.permissions ?? 0);
    for (const id of as ?? myMember(guild)?.roles ?? []) bits |= BigInt(guild.roles.value.get(id)?.permissions ?? 0);
    return bits & Permission.Administrator ? ALL : bits;
}

function apply(bits: bigint, overwrites: Overwrite[]): bigint {
    let deny = 0n;
    let allow = 0n;
    for (const o of overwrites) {
        deny |= BigInt(o.deny);
        allow |= BigInt(o.allow);
    }
    return (bits & ~deny) | allow;
}

export const mayInGuild = (guild: Guild | undefined, permission: bigint): boolean => !!guild && (baseOf(guild) & permission) !== 0n;

export function mayIn(channelId: string, permission: bigint): boolean {
    const guild = guildOf(channelId);
    if (!guild) return directs.value.has(channelId) && (IN_DIRECTS & permission) !== 0n;
    let bits = baseOf(guild);
    if (bits === ALL) return true;
    const as = rolesAs(guild);
    const roles = new Set(as ?? myMember(guild)?.roles ?? []);
    const overwrites = findChannel(channelId)?.permission_overwrites ?? [];
    bits = apply(bits, overwrites.filter((o) => o.id === guild.id));
    bits = apply(bits, overwrites.filter((o) => o.type === 0 && roles.has(o.id)));
    bits = apply(bits, overwrites.filter((o) => !as && o.type === 1 && o.id === me.value?.id));
    return (bits & permission) !== 0n;
}

// What is shown of a server's channels: all that the server told, but for who looks with other eyes.
export const isShown = (channel: Channel): boolean => !viewAs.value || viewAs.value.guild !== channel.guild_id || mayIn(channel.id, Permission.View);
// How high I stand in the order of roles: those below may be changed by me.
export function myHeight(guild: Guild): number {
    if (isOwner(guild)) return Infinity;
    return Math.max(0, ...(myMember(guild)?.roles ?? []).map((id) => guild.roles.value.get(id)?.position ?? 0));
}
export function isBelowMe(guild: Guild, userId: string): boolean {
    if (userId === guild.ownerId.value) return false;
    const height = Math.max(0, ...(guild.members.value.get(userId)?.roles ?? []).map((id) => guild.roles.value.get(id)?.position ?? 0));
    return height < myHeight(guild);
}
export const mine = (guild: Guild): bigint => baseOf(guild);
