// What each gateway event changes. One row an event.
import { batch } from '@preact/signals';
import type { Channel, CustomEmoji, GuildCreate, GuildInfo, GuildQuiet, Member, Message, Reaction, Relationship, Role, User, UserSettings } from '../api/types';
import { text } from '../text';
import { directs, findChannel, putDirect, titleOf } from './directs';
import { inWords } from './emojis';
import { guildOf, guilds, infoOf, nameIn, putEmojis, putGuild, putIn, putMembers, seeUser, users } from './guilds';
import { me, sessionHash } from './me';
import { putList } from './member_lists';
import { knownLog, markAllStale, pinChanges } from './messages';
import { arrived } from './outbox';
import { isBlocked, putRelationship, putRelationships, relationships } from './people';
import { presences, putPresences, startTyping, stopTyping, type Presence } from './presence';
import { isHeard, putAllQuiet, putQuiet } from './quiet';
import { putSettings } from './settings';
import { isNewer } from './snowflake';
import { acked, callsMe, noteMention, passOwn, putReadStates, type ReadState } from './unread';
import { announcement, place } from './view';
import { notify } from './notify';

type Place = { channel_id: string; guild_id?: string };
type ReactionEvent = Place & { message_id: string; user_id: string; emoji: { id: string | null; name: string | null } };
type Handler = (d: never) => void;

interface Ready {
    user: User;
    guilds: { id: string }[];
    private_channels?: Channel[];
    relationships?: Relationship[];
    read_state?: { entries: ReadState[] };
    user_settings?: UserSettings;
    auth_session_id_hash?: string;
    user_guild_settings?: { entries: GuildQuiet[] };
}
function ready(d: Ready): void {
    me.value = d.user;
    seeUser(d.user);
    const mine = new Set(d.guilds.map((g) => g.id));
    guilds.value = new Map([...guilds.value].filter(([id]) => mine.has(id)));
    presences.value = new Map();
    directs.value = new Map();
    for (const channel of d.private_channels ?? []) putDirect(channel);
    putRelationships(d.relationships ?? []);
    putSettings(d.user_settings ?? {});
    sessionHash.value = d.auth_session_id_hash ?? null;
    putAllQuiet(d.user_guild_settings?.entries ?? []);
    putReadStates(d.read_state?.entries ?? []);
    markAllStale();
}

function guildCreate(d: GuildCreate): void {
    putGuild(d);
    putPresences(d.presences as Presence[]);
}
function guildUpdate(d: GuildInfo & { id: string; name: string; owner_id: string }): void {
    const guild = guilds.value.get(d.id);
    if (!guild) return;
    guild.name.value = d.name;
    guild.ownerId.value = d.owner_id;
    guild.info.value = infoOf(d);
}
function guildDelete(d: { id: string; unavailable?: boolean }): void {
    if (!d.unavailable) putIn(guilds, d.id, undefined);
}

function channelPut(d: Channel): void {
    if (!d.guild_id) return putDirect(d);
    const guild = guilds.value.get(d.guild_id);
    if (guild) putIn(guild.channels, d.id, { ...guild.channels.value.get(d.id), ...d });
}
function channelDelete(d: Channel): void {
    const guild = guilds.value.get(d.guild_id ?? '');
    putIn(guild ? guild.channels : directs, d.id, undefined);
}
function recipients(d: { channel_id: string; user: User }, here: boolean): void {
    const channel = directs.value.get(d.channel_id);
    const others = (channel?.recipients ?? []).filter((u) => u.id !== d.user.id);
    if (channel) putDirect({ ...channel, recipients: here ? [...others, d.user] : others });
}

function rolePut(d: { guild_id: string; role: Role }): void {
    const guild = guilds.value.get(d.guild_id);
    if (guild) putIn(guild.roles, d.role.id, d.role);
}
function roleDelete(d: { guild_id: string; role_id: string }): void {
    const guild = guilds.value.get(d.guild_id);
    if (guild) putIn(guild.roles, d.role_id, undefined);
}

function memberAdd(d: Member & { guild_id: string }): void {
    const guild = guilds.value.get(d.guild_id);
    if (!guild) return;
    if (!guild.members.value.has(d.user.id)) guild.memberCount.value++;
    putMembers(d.guild_id, [d]);
}
function memberRemove(d: { guild_id: string; user: User }): void {
    const guild = guilds.value.get(d.guild_id);
    if (!guild) return;
    guild.memberCount.value--;
    putIn(guild.members, d.user.id, undefined);
}
function membersChunk(d: { guild_id: string; members: Member[]; presences?: Presence[] }): void {
    putMembers(d.guild_id, d.members);
    putPresences(d.presences ?? []);
}
function userUpdate(d: User): void {
    me.value = { ...me.value, administrator: undefined, ...d } as User; // left out when it is taken away
    seeUser(d);
}

function isSeen(channelId: string): boolean {
    return place.value.channel === channelId && document.visibilityState === 'visible' && document.hasFocus();
}

function messageCreate(d: Message): void {
    const guild = guildOf(d.channel_id);
    const channel = findChannel(d.channel_id);
    seeUser(d.author);
    if (guild && d.member && !guild.members.value.has(d.author.id))
        putMembers(guild.id, [{ ...d.member, user: d.author } as Member]);
    if (channel && (!channel.last_message_id || isNewer(d.id, channel.last_message_id)))
        putIn(guild ? guild.channels : directs, channel.id, { ...channel, last_message_id: d.id });
    stopTyping(d.channel_id, d.author.id);
    if (d.author.id === me.value?.id) {
        arrived(d);
        passOwn(d.channel_id, d.id);
        return;
    }
    knownLog(d.channel_id)?.add(d);
    if (place.value.channel === d.channel_id) announcement.value = text.chat.announce(nameIn(guild, d.author), inWords(d.content) || text.chat.aFile);
    if (isSeen(d.channel_id) || isBlocked(d.author.id)) return;
    const calls = callsMe(d);
    if (calls) noteMention(d.channel_id);
    if (isHeard(d.channel_id, calls)) {
        notify(nameIn(guild, d.author), channel ? titleOf(channel) : '', d);
    }
}
function messageUpdate(d: Message): void {
    knownLog(d.channel_id)?.change(d.id, (m) => ({ ...m, ...d, reactions: d.reactions ?? m.reactions }));
}
function messageDelete(d: Place & { id?: string; ids?: string[] }): void {
    knownLog(d.channel_id)?.remove(d.ids ?? [d.id!]);
}

const sameEmoji = (a: { id: string | null; name: string | null }, b: { id: string | null; name: string | null }): boolean =>
    a.id ? a.id === b.id : !b.id && a.name === b.name;

function changeReaction(d: ReactionEvent, by: 1 | -1): void {
    const mine = d.user_id === me.value?.id;
    knownLog(d.channel_id)?.change(d.message_id, (m) => {
        const old = m.reactions ?? [];
        const known = old.find((r) => sameEmoji(r.emoji, d.emoji));
        if (mine && known && known.me === by > 0) return m; // told twice
        const next = { ...(known ?? { emoji: d.emoji, count: 0, me: false }), count: (known?.count ?? 0) + by } as Reaction;
        if (mine) next.me = by > 0;
        const rest = known ? old.map((r) => (r === known ? next : r)) : [...old, next];
        return { ...m, reactions: rest.filter((r) => r.count > 0) };
    });
}
function clearReactions(d: Place & { message_id: string; emoji?: { id: string | null; name: string | null } }): void {
    knownLog(d.channel_id)?.change(d.message_id, (m) => ({
        ...m,
        reactions: d.emoji ? m.reactions?.filter((r) => !sameEmoji(r.emoji, d.emoji!)) : [],
    }));
}

function typingStart(d: Place & { user_id: string; member?: Member }): void {
    if (d.member?.user) seeUser(d.member.user);
    if (d.user_id !== me.value?.id && users.has(d.user_id)) startTyping(d.channel_id, d.user_id);
}

const handlers: Record<string, Handler> = {
    READY: ready as Handler,
    GUILD_CREATE: guildCreate as Handler,
    GUILD_UPDATE: guildUpdate as Handler,
    GUILD_DELETE: guildDelete as Handler,
    CHANNEL_CREATE: channelPut as Handler,
    CHANNEL_UPDATE: channelPut as Handler,
    CHANNEL_DELETE: channelDelete as Handler,
    CHANNEL_RECIPIENT_ADD: ((d) => recipients(d, true)) as Handler,
    CHANNEL_RECIPIENT_REMOVE: ((d) => recipients(d, false)) as Handler,
    RELATIONSHIP_ADD: putRelationship as Handler,
    RELATIONSHIP_UPDATE: putRelationship as Handler,
    RELATIONSHIP_REMOVE: ((d: Relationship) => putIn(relationships, d.id, undefined)) as Handler,
    GUILD_ROLE_CREATE: rolePut as Handler,
    GUILD_ROLE_UPDATE: rolePut as Handler,
    GUILD_ROLE_DELETE: roleDelete as Handler,
    GUILD_EMOJIS_UPDATE: ((d: { guild_id: string; emojis: CustomEmoji[] }) => putEmojis(d.guild_id, d.emojis)) as Handler,
    GUILD_MEMBER_ADD: memberAdd as Handler,
    GUILD_MEMBER_UPDATE: ((d: Member & { guild_id: string }) => putMembers(d.guild_id, [d])) as Handler,
    GUILD_MEMBER_REMOVE: memberRemove as Handler,
    GUILD_MEMBERS_CHUNK: membersChunk as Handler,
    USER_GUILD_SETTINGS_UPDATE: putQuiet as Handler,
    USER_SETTINGS_UPDATE: putSettings as Handler,
    USER_UPDATE: userUpdate as Handler,
    MESSAGE_CREATE: messageCreate as Handler,
    MESSAGE_UPDATE: messageUpdate as Handler,
    MESSAGE_DELETE: messageDelete as Handler,
    MESSAGE_DELETE_BULK: messageDelete as Handler,
    MESSAGE_REACTION_ADD: ((d: ReactionEvent) => changeReaction(d, 1)) as Handler,
    MESSAGE_REACTION_REMOVE: ((d: ReactionEvent) => changeReaction(d, -1)) as Handler,
    MESSAGE_REACTION_REMOVE_ALL: clearReactions as Handler,
    MESSAGE_REACTION_REMOVE_EMOJI: clearReactions as Handler,
    GUILD_MEMBER_LIST_UPDATE: putList as Handler,
    CHANNEL_PINS_UPDATE: () => void pinChanges.value++,
    MESSAGE_ACK: acked as Handler,
    TYPING_START: typingStart as Handler,
    PRESENCE_UPDATE: ((d: Presence) => putPresences([d])) as Handler,
};

export function dispatch(name: string, data: unknown): void {
    batch(() => handlers[name]?.(data as never));
}
