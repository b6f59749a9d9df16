// What a program cannot see: what is missing where Hubbub does a thing in part, and which opcodes it speaks. An operation
// or event that is served and has no row here counts as `yes`, and then a test has to name it (see evidence.js).

export const operations = {
    'GET /applications/{application_id}': 'for the owner only; a bot asks for /applications/@me',
    'PATCH /applications/{application_id}': 'takes name, description, flags and bot_public; for the owner only',
    'PATCH /users/@me': 'no avatar, no banner',
    'GET /channels/{channel_id}': 'text, voice, category, DMs and groups',
    'PATCH /channels/{channel_id}': 'text, voice and category only, no groups; no change of type, no flags, rtc_region or video_quality_mode',
    'DELETE /channels/{channel_id}': 'text, voice, category, DMs and groups',
    'POST /guilds/{guild_id}/channels': 'text, voice and category only; no rtc_region or video_quality_mode',
    'POST /channels/{channel_id}/invites': 'no targets, no role_ids',
    'GET /invites/{code}': 'no scheduled event, no targets',
    'PATCH /guilds/{guild_id}': 'no images, features, rules and updates channels, system_channel_flags',
    'POST /guilds/{guild_id}/roles': 'no icon, no unicode_emoji',
    'PATCH /guilds/{guild_id}/roles/{role_id}': 'no icon, no unicode_emoji',
    'PATCH /guilds/{guild_id}/members/{user_id}': 'no flags',
    'PATCH /guilds/{guild_id}/members/@me': 'nick only',
    'POST /channels/{channel_id}/webhooks': 'no avatar',
    'PATCH /webhooks/{webhook_id}': 'name and channel; no avatar',
    'PATCH /webhooks/{webhook_id}/{webhook_token}': 'the name; no avatar',
    'POST /webhooks/{webhook_id}/{webhook_token}': 'no threads, components, polls; avatar_url is checked, and not fetched',
    'PATCH /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}': 'no components; no new files',
    'POST /channels/{channel_id}/messages': 'no components, polls, stickers, forwards',
    'GET /channels/{channel_id}/pins': 'the newest 50',
    'PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me': 'emoji of Unicode; none of a guild\'s own, no bursts',
    'GET /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}': 'emoji of Unicode; none of a guild\'s own, no bursts',
    'PATCH /channels/{channel_id}/messages/{message_id}': 'no components; no new files',
    'GET /guilds/{guild_id}/audit-logs': 'of what is served: guild, channels, overwrites, roles, members, bans, bots, invites, webhooks, messages',
    'PATCH /guilds/{guild_id}/voice-states/@me': 'suppress; there are no stages, so nobody asks to speak',
    'PATCH /guilds/{guild_id}/voice-states/{user_id}': 'suppress',
    'GET /gateway/bot': 'session_start_limit is not counted',
};

// Served by the gateway itself: not in routes.json.
export const ownOperations = ['GET /gateway', 'GET /gateway/bot'];

export const events = {
    GUILD_CREATE: 'no threads, stages, scheduled events or sounds',
    MESSAGE_CREATE: 'what its operation does not have',
    MESSAGE_UPDATE: 'what its operation does not have',
    MESSAGE_REACTION_ADD: 'no bursts',
};

// [op, name, from, state, what is missing]; a `yes` has to be named by a test as `op: N`, Op.NAME, or what is given last.
export const opcodes = [
    [0, 'Dispatch', 'server', 'yes', '', 'Op.DISPATCH'],
    [1, 'Heartbeat', 'both', 'yes', '', 'Op.HEARTBEAT'],
    [2, 'Identify', 'client', 'yes', '', '.identify('],
    [3, 'Presence Update', 'client', 'yes', '', 'op: 3,'],
    [4, 'Voice State Update', 'client', 'yes', '', 'op: 4,'],
    [6, 'Resume', 'client', 'yes', '', '.resume('],
    [7, 'Reconnect', 'server', 'yes', '', 'Op.RECONNECT'],
    [8, 'Request Guild Members', 'client', 'yes', '', 'op: 8,'],
    [9, 'Invalid Session', 'server', 'yes', '', 'Op.INVALID_SESSION'],
    [10, 'Hello', 'server', 'yes', '', 'Op.HELLO'],
    [11, 'Heartbeat ACK', 'server', 'yes', '', 'Op.ACK'],
    [31, 'Request Soundboard Sounds', 'client', 'no', ''],
    [43, 'Request Channel Info', 'client', 'no', ''],
];

// Ours, and those of clients for people.
export const opcodesBeyond = [
    [14, 'Guild Subscriptions', 'client', 'partly', 'members, for their presence; no lists', 'op: 14,'],
    [37, 'Guild Subscriptions Bulk', 'client', 'partly', 'members, for their presence; no lists', 'op: 37,'],
    [40, 'QoS Heartbeat', 'client', 'yes', '', 'op: 40,'],
    [100, 'Send', 'client', 'yes', '', 'op: 100,'],
    [101, 'Sent', 'server', 'yes', '', 'Op.SENT'],
];
