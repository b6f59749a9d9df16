/* rows.h - database rows to protobuf messages: the column lists and their readers, side by side, and the reads that
 * several handlers share. A ROWS_X list goes into the text of a statement; its reader is told the first column.
 * Everything lives in the arena of the rows. Aliases are fixed: u users, m members, r roles, g guilds, c channels, i
 * invites. */
#pragma once
#include "hubbub/v1/accounts.pb-c.h"
#include "hubbub/v1/channels.pb-c.h"
#include "hubbub/v1/feeds.pb-c.h"
#include "hubbub/v1/guilds.pb-c.h"
#include "services/chat/change.h"

/* A timestamptz as Unix milliseconds; NULL stays NULL. */
#define ROWS_MS(column) "(extract(epoch FROM " column ") * 1000)::bigint"

/* Now, and after whatever the held feed f has given an id: message ids may be ahead of the clock. */
#define ROWS_AFTER_FEED "greatest(clock_timestamp(), to_timestamp((f.last_ms + 1420070400001) / 1000.0))"

#define ROWS_USER "u.id, u.username, u.global_name, u.bot, u.flags, u.avatar, u.banner"
enum { ROWS_USER_N = 7 };
Hubbub__V1__User *rows_user(struct arena *, const struct db_rows *, unsigned row, unsigned col);

/* As @me: with the private part. */
#define ROWS_ME ROWS_USER ", u.email, u.mfa, u.verified, u.admin"
enum { ROWS_ME_N = ROWS_USER_N + 4 };
void rows_me(struct arena *, const struct db_rows *, unsigned row, unsigned col, Hubbub__V1__Me *ret);
/* The same as a User: for the user's own feed only. */
Hubbub__V1__User *rows_own_user(struct arena *, const struct db_rows *, unsigned row, unsigned col);

/* Without and with its user. */
#define ROWS_MEMBER_ONLY                                                                                               \
    "m.nick, m.roles, " ROWS_MS("m.joined_at") ", m.flags, " ROWS_MS(                                                  \
        "CASE WHEN m.timeout_until > clock_timestamp() THEN m.timeout_until END") ", m.avatar, m.banner, m.mute, m.deaf"
enum { ROWS_MEMBER_ONLY_N = 9 };
Hubbub__V1__Member *rows_member_only(struct arena *, const struct db_rows *, unsigned row, unsigned col);
#define ROWS_MEMBER ROWS_MEMBER_ONLY ", " ROWS_USER
enum { ROWS_MEMBER_N = ROWS_MEMBER_ONLY_N + ROWS_USER_N };
Hubbub__V1__Member *rows_member(struct arena *, const struct db_rows *, unsigned row, unsigned col);

#define ROWS_ROLE "r.id, r.name, r.color, r.hoist, r.position, r.permissions, r.managed, r.mentionable, r.bot_id, " \
    "r.icon, r.unicode_emoji"
enum { ROWS_ROLE_N = 11 };
Hubbub__V1__Role *rows_role(struct arena *, const struct db_rows *, unsigned row, unsigned col);

/* The guild's own columns; roles are read by rows_load_guild. */
#define ROWS_GUILD                                                                                                     \
    "g.id, g.name, g.owner_id, g.description, g.verification_level, g.default_message_notifications, "                 \
    "g.explicit_content_filter, g.system_channel_id, g.afk_channel_id, g.afk_timeout, g.preferred_locale, "            \
    "g.system_channel_flags, g.icon, g.banner, g.splash, g.discovery_splash, g.mfa_level"
enum { ROWS_GUILD_N = 17 };
Hubbub__V1__Guild *rows_guild(struct arena *, const struct db_rows *, unsigned row, unsigned col);

/* With overwrites and last_message_id, by sub-selects. */
#define ROWS_CHANNEL                                                                                                   \
    "c.id, c.guild_id, c.type, c.name, c.topic, c.position, c.parent_id, c.nsfw, c.rate_limit_per_user, c.bitrate, "   \
    "c.user_limit, c.flags, "                                                                                          \
    "ARRAY(SELECT unnest(ARRAY[o.target_id, o.type, o.allow, o.deny]) FROM (SELECT * FROM overwrites "                 \
    "WHERE channel_id = c.id ORDER BY target_id) o), "                                                                 \
    "(SELECT x.id FROM messages x WHERE x.channel_id = c.id ORDER BY x.id DESC LIMIT 1), " ROWS_MS("c.last_pin_at") ", c.icon"
enum { ROWS_CHANNEL_N = 16 };
Hubbub__V1__Channel *rows_channel(struct arena *, const struct db_rows *, unsigned row, unsigned col);

/* Joined with c, g, and users as u (outer: the inviter may be gone). */
#define ROWS_INVITE_FROM                                                                                               \
    " FROM invites i JOIN guilds g ON g.id = i.guild_id JOIN channels c ON c.id = i.channel_id "                       \
    "LEFT JOIN users u ON u.id = i.inviter_id "
#define ROWS_INVITE                                                                                                    \
    "i.code, i.guild_id, " ROWS_MS(                                                                                    \
        "i.created_at") ", i.max_age, i.max_uses, i.uses, i.temporary, c.id, c.type, "                                 \
                        "c.name, g.name, g.description, g.verification_level, g.member_count, g.icon, "                \
                        "g.banner, g.splash, " ROWS_USER
enum { ROWS_INVITE_N = 17 + ROWS_USER_N };
/* True while it can be used: by PostgreSQL's clock. */
#define ROWS_INVITE_ALIVE                                                                                              \
    "(i.max_age = 0 OR i.created_at + make_interval(secs => i.max_age) > clock_timestamp()) AND "                      \
    "(i.max_uses = 0 OR i.uses < i.max_uses)"
/* What everybody sees of it; with_meta: also uses, max_uses, max_age, temporary, created_at (its makers and managers).
 */
Hubbub__V1__Invite *rows_invite(struct arena *, const struct db_rows *, unsigned row, unsigned col, bool with_meta);

/* Reads. d: a lease or change_db(). Each sets *ret in the call's arena; the named status when there is none. */
status rows_load_user(struct call *, struct db *, uint64_t user_id,
                      Hubbub__V1__User **ret) MUST_CHECK; /* UNKNOWN_USER */
status rows_load_member(struct call *, struct db *, uint64_t guild_id, uint64_t user_id,
                        Hubbub__V1__Member **ret) MUST_CHECK; /* UNKNOWN_MEMBER */
status rows_load_guild(struct call *, struct db *, uint64_t guild_id,
                       Hubbub__V1__Guild **ret) MUST_CHECK; /* with roles and emojis; UNKNOWN_GUILD */
status rows_load_role(struct call *, struct db *, uint64_t guild_id, uint64_t role_id,
                      Hubbub__V1__Role **ret) MUST_CHECK; /* UNKNOWN_ROLE */
/* By position and id, as clients show them. */
status rows_load_roles(struct call *, struct db *, uint64_t guild_id, Hubbub__V1__Role ***ret,
                       size_t *ret_n) MUST_CHECK;
status rows_load_channel(struct call *, struct db *, uint64_t channel_id,
                         Hubbub__V1__Channel **ret) MUST_CHECK; /* UNKNOWN_CHANNEL */
status rows_load_channels(struct call *, struct db *, uint64_t guild_id, Hubbub__V1__Channel ***ret,
                          size_t *ret_n) MUST_CHECK;

/* An event of one field: ROWS_EVENT(arena, role_create, role_message). */
#define ROWS_EVENT(arena, field, message)                                                                              \
    ({                                                                                                                 \
        Hubbub__V1__Event *rows_event_ = PB_NEW(arena, Hubbub__V1__Event, hubbub__v1__event);                          \
        rows_event_->field = (message);                                                                                \
        rows_event_;                                                                                                   \
    })

/* Entries that several handlers write. */
/* user joined guild: member_add there and guild_joined in the user's own feed, in this change (both scopes are held).
 */
void rows_add_joined(struct call *, struct change *, uint64_t guild_id, Hubbub__V1__Member *);
/* user left: member_remove there, guild_left in the user's own feed. */
void rows_add_left(struct call *, struct change *, uint64_t guild_id, Hubbub__V1__User *);
void rows_add_member_update(struct call *, struct change *, uint64_t guild_id, Hubbub__V1__Member *);
/* Inserts the member row and counts it. *ret_new is false when it was one already. ST_BANNED_FROM_GUILD;
 * ST_MAX_GUILDS for a person with 100. */
status rows_insert_member(struct call *, struct change *, uint64_t guild_id, uint64_t user_id,
                          bool *ret_new) MUST_CHECK;
/* The next id; in the change's or lease's connection. */
status rows_next_id(struct call *, struct db *, uint64_t *ret) MUST_CHECK;
