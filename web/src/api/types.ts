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

export type User = APIUser;
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
export interface Invite {
    code: string;
    guild?: { id: string; name: string };
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
