// The wire's own types, by the names that the rest of the client uses.
import type {
    APIAttachment,
    APIGuildMember,
    APIMessage,
    APIRole,
    APIUser,
    GatewayActivity,
    GatewayGuildCreateDispatchData,
} from 'discord-api-types/v10';

export type User = APIUser & { administrator?: boolean }; // of the instance: told of oneself only
export type Role = APIRole;
export type Attachment = APIAttachment;
export type Message = APIMessage & { guild_id?: string; member?: Omit<APIGuildMember, 'user'> }; // the last two in events only
export type GuildCreate = GatewayGuildCreateDispatchData;
export type Activity = GatewayActivity;
export type Member = Omit<APIGuildMember, 'user'> & { user: User };
export type Reaction = NonNullable<APIMessage['reactions']>[number];

export interface Overwrite {
    id: string;
    type: number;
    allow: string;
    deny: string;
}
export interface Channel {
    id: string;
    type: number;
    guild_id?: string;
    name: string;
    position: number;
    parent_id?: string | null;
    topic?: string | null;
    last_message_id?: string | null;
    permission_overwrites?: Overwrite[];
    rate_limit_per_user?: number;
    nsfw?: boolean;
    recipients?: User[]; // of DMs: the others
    owner_id?: string; // of group DMs
}
export interface Relationship {
    id: string; // of the other
    type: number; // see RelationshipType
    nickname?: string | null;
    user?: User;
}
// What of a server is neither its lists nor its name.
export interface GuildInfo {
    icon?: string | null;
    description?: string | null;
    system_channel_id?: string | null;
    system_channel_flags?: number;
    verification_level?: number;
    default_message_notifications?: number;
}
export interface CustomEmoji {
    id: string;
    name: string;
    animated?: boolean;
    available?: boolean;
    roles?: string[]; // who may use it; none: everybody
    user?: User; // told to who manages them
}
export interface CustomStatus {
    text: string | null;
    emoji_id: string | null;
    emoji_name: string | null;
    expires_at: string | null;
}
export interface UserSettings {
    status: string;
    custom_status: CustomStatus | null;
}
export interface Profile {
    user: User;
    user_profile?: { bio: string; pronouns: string };
    mutual_guilds?: { id: string; nick: string | null }[];
    mutual_friends_count?: number;
}
export interface AuthSession {
    id_hash: string;
    approx_last_used_time: string;
    client_info?: { os?: string | null; platform?: string | null };
}
export interface MuteConfig {
    end_time: string | null;
    selected_time_window: number | null; // seconds
}
export interface ChannelQuiet {
    channel_id: string;
    muted?: boolean;
    mute_config?: MuteConfig | null;
    message_notifications?: number; // see Level
}
export interface GuildQuiet {
    guild_id?: string | null; // none: of DMs
    muted: boolean;
    mute_config?: MuteConfig | null;
    message_notifications: number;
    suppress_everyone: boolean;
    suppress_roles: boolean;
    hide_muted_channels: boolean;
    channel_overrides?: ChannelQuiet[];
}
export interface Ban {
    user: User;
    reason?: string | null;
}
export interface AuditEntry {
    id: string;
    user_id: string | null;
    target_id: string | null;
    action_type: number;
    changes?: { key: string; old_value?: unknown; new_value?: unknown }[];
    options?: { channel_id?: string; count?: string; role_name?: string; id?: string };
    reason?: string;
}
export interface Webhook {
    id: string;
    name: string;
    channel_id: string;
    url?: string;
    user?: User;
}
// A person as the instance's administrators see them.
export interface Account {
    user: User;
    email: string | null;
    verified: boolean;
    administrator: boolean;
    disabled: boolean;
    self_disabled: boolean; // a login takes it back
    mfa_enabled: boolean;
    sessions: number;
    guilds: number;
    reports_open: number;
    created_at: string;
    seen_at: string;
}
export interface OwnData {
    state: string; // pending, ready
    created_at: string;
    expires_at: string;
    size: number;
    messages: number;
    url: string | null;
}
export interface AdminSummary {
    registration: string;
    minimum_age: number;
    mail: boolean;
    postgresql_version: string;
    services: { name: string; state: string }[];
    users: number;
    users_disabled: number;
    users_active: number;
    bots: number;
    guilds: number;
    messages: number;
    database_bytes: number;
    reports_open: number;
}
export interface Report {
    id: string;
    created_at: string;
    reason: string;
    comment: string | null;
    reporter?: User;
    author?: User; // none: a webhook's
    guild_id: string | null;
    guild_name: string | null;
    channel_id: string;
    channel_name: string | null;
    message_id: string;
    message?: Message; // as it was when it was reported
    message_exists: boolean;
    resolved_at: string | null;
    resolver?: User;
    act: string | null;
    note: string | null;
}
export interface Invite {
    code: string;
    guild?: { id: string; name: string; icon?: string | null };
    channel?: { id: string; name: string };
    inviter?: User;
    expires_at?: string | null;
    max_uses?: number;
    uses?: number;
    approximate_member_count?: number;
    approximate_presence_count?: number;
}
export const ChannelType = { Text: 0, Direct: 1, Voice: 2, Group: 3, Category: 4 } as const;
export const RelationshipType = { Friend: 1, Blocked: 2, Incoming: 3, Outgoing: 4 } as const;
