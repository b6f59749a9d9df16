#include "services/chat/rows.h"
#include "lib/permission/permission.h"
#include "services/chat/emojis.h"
#include <inttypes.h>

/* proto2 strings: NULL is unset. */
static char *text_or_null(const struct db_rows *rows, unsigned row, unsigned col)
{
    const char *s = db_text(rows, row, col);
    return *s ? (char *)s : NULL;
}

#define SET_UNLESS_ZERO(message, field, value)                                                                         \
    do {                                                                                                               \
        __auto_type value_ = (value);                                                                                  \
        if (value_)                                                                                                    \
            PB_SET(message, field, value_);                                                                            \
    } while (0)

Hubbub__V1__User *rows_user(struct arena *arena, const struct db_rows *rows, unsigned row, unsigned col)
{
    Hubbub__V1__User *u = PB_NEW(arena, Hubbub__V1__User, hubbub__v1__user);
    PB_SET(u, id, db_u64(rows, row, col));
    u->username = (char *)db_text(rows, row, col + 1);
    u->global_name = text_or_null(rows, row, col + 2);
    SET_UNLESS_ZERO(u, bot, db_bool(rows, row, col + 3));
    PB_SET(u, public_flags, db_u64(rows, row, col + 4));
    PB_SET(u, flags, u->public_flags);
    u->avatar = text_or_null(rows, row, col + 5);
    u->banner = text_or_null(rows, row, col + 6);
    return u;
}

void rows_me(struct arena *arena, const struct db_rows *rows, unsigned row, unsigned col, Hubbub__V1__Me *me)
{
    PB_SET(me, id, db_u64(rows, row, col));
    me->username = (char *)db_text(rows, row, col + 1);
    me->global_name = text_or_null(rows, row, col + 2);
    SET_UNLESS_ZERO(me, bot, db_bool(rows, row, col + 3));
    PB_SET(me, public_flags, db_u64(rows, row, col + 4));
    PB_SET(me, flags, db_u64(rows, row, col + 4));
    PB_SET(me, verified, db_bool(rows, row, col + ROWS_USER_N + 2));
    me->avatar = text_or_null(rows, row, col + 5);
    me->banner = text_or_null(rows, row, col + 6);
    me->email = text_or_null(rows, row, col + ROWS_USER_N);
    PB_SET(me, mfa_enabled, db_bool(rows, row, col + ROWS_USER_N + 1));
    SET_UNLESS_ZERO(me, administrator, db_bool(rows, row, col + ROWS_USER_N + 3));
}

Hubbub__V1__User *rows_own_user(struct arena *arena, const struct db_rows *rows, unsigned row, unsigned col)
{
    Hubbub__V1__User *u = rows_user(arena, rows, row, col);
    PB_SET(u, verified, db_bool(rows, row, col + ROWS_USER_N + 2));
    u->email = text_or_null(rows, row, col + ROWS_USER_N);
    PB_SET(u, mfa_enabled, db_bool(rows, row, col + ROWS_USER_N + 1));
    SET_UNLESS_ZERO(u, administrator, db_bool(rows, row, col + ROWS_USER_N + 3));
    return u;
}

Hubbub__V1__Member *rows_member_only(struct arena *arena, const struct db_rows *rows, unsigned row, unsigned col)
{
    Hubbub__V1__Member *m = PB_NEW(arena, Hubbub__V1__Member, hubbub__v1__member);
    m->nick = text_or_null(rows, row, col);
    m->n_roles = db_ids(rows, row, col + 1, arena, &m->roles);
    PB_SET(m, joined_at, db_i64(rows, row, col + 2));
    PB_SET(m, flags, db_u64(rows, row, col + 3));
    SET_UNLESS_ZERO(m, communication_disabled_until, db_i64(rows, row, col + 4));
    m->avatar = text_or_null(rows, row, col + 5);
    m->banner = text_or_null(rows, row, col + 6);
    SET_UNLESS_ZERO(m, mute, db_bool(rows, row, col + 7));
    SET_UNLESS_ZERO(m, deaf, db_bool(rows, row, col + 8));
    return m;
}

Hubbub__V1__Member *rows_member(struct arena *arena, const struct db_rows *rows, unsigned row, unsigned col)
{
    Hubbub__V1__Member *m = rows_member_only(arena, rows, row, col);
    m->user = rows_user(arena, rows, row, col + ROWS_MEMBER_ONLY_N);
    return m;
}

Hubbub__V1__Role *rows_role(struct arena *arena, const struct db_rows *rows, unsigned row, unsigned col)
{
    Hubbub__V1__Role *r = PB_NEW(arena, Hubbub__V1__Role, hubbub__v1__role);
    PB_SET(r, id, db_u64(rows, row, col));
    r->name = (char *)db_text(rows, row, col + 1);
    PB_SET(r, color, (uint32_t)db_u64(rows, row, col + 2));
    r->colors = PB_NEW(arena, Hubbub__V1__RoleColors, hubbub__v1__role_colors);
    PB_SET(r->colors, primary_color, r->color);
    PB_SET(r, hoist, db_bool(rows, row, col + 3));
    PB_SET(r, position, (int32_t)db_i64(rows, row, col + 4));
    PB_SET(r, permissions, db_u64(rows, row, col + 5));
    PB_SET(r, managed, db_bool(rows, row, col + 6));
    PB_SET(r, mentionable, db_bool(rows, row, col + 7));
    uint64_t bot_id = db_u64(rows, row, col + 8);
    if (bot_id) {
        r->tags = PB_NEW(arena, Hubbub__V1__RoleTags, hubbub__v1__role_tags);
        PB_SET(r->tags, bot_id, bot_id);
    }
    r->icon = text_or_null(rows, row, col + 9);
    r->unicode_emoji = text_or_null(rows, row, col + 10);
    return r;
}

Hubbub__V1__Guild *rows_guild(struct arena *arena, const struct db_rows *rows, unsigned row, unsigned col)
{
    Hubbub__V1__Guild *g = PB_NEW(arena, Hubbub__V1__Guild, hubbub__v1__guild);
    PB_SET(g, id, db_u64(rows, row, col));
    g->name = (char *)db_text(rows, row, col + 1);
    PB_SET(g, owner_id, db_u64(rows, row, col + 2));
    g->description = text_or_null(rows, row, col + 3);
    PB_SET(g, verification_level, (int32_t)db_i64(rows, row, col + 4));
    PB_SET(g, default_message_notifications, (int32_t)db_i64(rows, row, col + 5));
    PB_SET(g, explicit_content_filter, (int32_t)db_i64(rows, row, col + 6));
    SET_UNLESS_ZERO(g, system_channel_id, db_u64(rows, row, col + 7));
    SET_UNLESS_ZERO(g, afk_channel_id, db_u64(rows, row, col + 8));
    PB_SET(g, afk_timeout, (int32_t)db_i64(rows, row, col + 9));
    g->preferred_locale = (char *)db_text(rows, row, col + 10);
    PB_SET(g, system_channel_flags, db_u64(rows, row, col + 11));
    g->icon = text_or_null(rows, row, col + 12);
    g->banner = text_or_null(rows, row, col + 13);
    g->splash = text_or_null(rows, row, col + 14);
    g->discovery_splash = text_or_null(rows, row, col + 15);
    PB_SET(g, mfa_level, (int32_t)db_i64(rows, row, col + 16));
    return g;
}

static void read_overwrites(struct arena *arena, Hubbub__V1__Channel *c, const uint64_t *flat, size_t n)
{
    c->n_permission_overwrites = n / 4;
    c->permission_overwrites = ARENA_ARRAY(arena, Hubbub__V1__Overwrite *, n / 4);
    for (size_t i = 0; i < n / 4; i++) {
        Hubbub__V1__Overwrite *o = PB_NEW(arena, Hubbub__V1__Overwrite, hubbub__v1__overwrite);
        PB_SET(o, id, flat[i * 4]);
        PB_SET(o, type, (int32_t)flat[i * 4 + 1]);
        PB_SET(o, allow, flat[i * 4 + 2]);
        PB_SET(o, deny, flat[i * 4 + 3]);
        c->permission_overwrites[i] = o;
    }
}

/* Which columns a channel shows depends on its type. */
static void read_by_type(Hubbub__V1__Channel *c, const struct db_rows *rows, unsigned row, unsigned col)
{
    if (c->type != CHANNEL_CATEGORY) {
        SET_UNLESS_ZERO(c, last_message_id, db_u64(rows, row, col + 13));
        PB_SET(c, rate_limit_per_user, (int32_t)db_i64(rows, row, col + 8));
        SET_UNLESS_ZERO(c, last_pin_timestamp, db_i64(rows, row, col + 14));
    }
    if (c->type == CHANNEL_VOICE) {
        PB_SET(c, bitrate, (int32_t)db_i64(rows, row, col + 9));
        PB_SET(c, user_limit, (int32_t)db_i64(rows, row, col + 10));
    }
}

Hubbub__V1__Channel *rows_channel(struct arena *arena, const struct db_rows *rows, unsigned row, unsigned col)
{
    Hubbub__V1__Channel *c = PB_NEW(arena, Hubbub__V1__Channel, hubbub__v1__channel);
    PB_SET(c, id, db_u64(rows, row, col));
    SET_UNLESS_ZERO(c, guild_id, db_u64(rows, row, col + 1));
    PB_SET(c, type, (int32_t)db_i64(rows, row, col + 2));
    c->name = (char *)db_text(rows, row, col + 3);
    c->topic = text_or_null(rows, row, col + 4);
    PB_SET(c, position, (int32_t)db_i64(rows, row, col + 5));
    SET_UNLESS_ZERO(c, parent_id, db_u64(rows, row, col + 6));
    PB_SET(c, nsfw, db_bool(rows, row, col + 7));
    PB_SET(c, flags, db_u64(rows, row, col + 11));
    c->icon = text_or_null(rows, row, col + 15);
    uint64_t *flat;
    size_t n = db_ids(rows, row, col + 12, arena, &flat);
    read_overwrites(arena, c, flat, n);
    read_by_type(c, rows, row, col);
    return c;
}

static void read_invite_meta(Hubbub__V1__Invite *i, const struct db_rows *rows, unsigned row, unsigned col)
{
    PB_SET(i, created_at, db_i64(rows, row, col + 2));
    PB_SET(i, max_age, (int32_t)db_i64(rows, row, col + 3));
    PB_SET(i, max_uses, (int32_t)db_i64(rows, row, col + 4));
    PB_SET(i, uses, (int32_t)db_i64(rows, row, col + 5));
    PB_SET(i, temporary, db_bool(rows, row, col + 6));
}

static Hubbub__V1__InviteGuild *read_invite_guild(struct arena *arena, const struct db_rows *rows, unsigned row,
                                                  unsigned col)
{
    Hubbub__V1__InviteGuild *g = PB_NEW(arena, Hubbub__V1__InviteGuild, hubbub__v1__invite_guild);
    PB_SET(g, id, db_u64(rows, row, col + 1));
    g->name = (char *)db_text(rows, row, col + 10);
    g->description = text_or_null(rows, row, col + 11);
    PB_SET(g, verification_level, (int32_t)db_i64(rows, row, col + 12));
    g->icon = text_or_null(rows, row, col + 14);
    g->banner = text_or_null(rows, row, col + 15);
    g->splash = text_or_null(rows, row, col + 16);
    return g;
}

Hubbub__V1__Invite *rows_invite(struct arena *arena, const struct db_rows *rows, unsigned row, unsigned col,
                                bool with_meta)
{
    Hubbub__V1__Invite *i = PB_NEW(arena, Hubbub__V1__Invite, hubbub__v1__invite);
    i->code = (char *)db_text(rows, row, col);
    PB_SET(i, type, 0);
    PB_SET(i, guild_id, db_u64(rows, row, col + 1));
    i->guild = read_invite_guild(arena, rows, row, col);
    i->channel = PB_NEW(arena, Hubbub__V1__InviteChannel, hubbub__v1__invite_channel);
    PB_SET(i->channel, id, db_u64(rows, row, col + 7));
    PB_SET(i->channel, type, (int32_t)db_i64(rows, row, col + 8));
    i->channel->name = text_or_null(rows, row, col + 9);
    int64_t max_age = db_i64(rows, row, col + 3);
    if (max_age)
        PB_SET(i, expires_at, db_i64(rows, row, col + 2) + max_age * 1000);
    if (!db_is_null(rows, row, col + 17))
        i->inviter = rows_user(arena, rows, row, col + 17);
    if (with_meta)
        read_invite_meta(i, rows, row, col);
    return i;
}

/* ---- Reads ----------------------------------------------------------------------------------------------------- */

status rows_load_user(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__User **ret)
{
    struct db_rows *rows;
    status st = chat_query(c, d, &rows, "SELECT " ROWS_USER " FROM users u WHERE u.id = $1", DB_ID(user_id));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_USER, "no user %" PRIu64, user_id);
    *ret = rows_user(call_arena(c), rows, 0, 0);
    return ST_OK;
}

status rows_load_member(struct call *c, struct db *d, uint64_t guild_id, uint64_t user_id, Hubbub__V1__Member **ret)
{
    struct db_rows *rows;
    status st = chat_query(c, d, &rows,
                           "SELECT " ROWS_MEMBER " FROM members m JOIN users u ON u.id = m.user_id "
                           "WHERE m.guild_id = $1 AND m.user_id = $2",
                           DB_ID(guild_id), DB_ID(user_id));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_MEMBER, "user %" PRIu64 " is no member of %" PRIu64, user_id, guild_id);
    *ret = rows_member(call_arena(c), rows, 0, 0);
    return ST_OK;
}

status rows_load_guild(struct call *c, struct db *d, uint64_t guild_id, Hubbub__V1__Guild **ret)
{
    struct db_rows *rows;
    status st = chat_query(c, d, &rows, "SELECT " ROWS_GUILD " FROM guilds g WHERE g.id = $1", DB_ID(guild_id));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_GUILD, "no guild %" PRIu64, guild_id);
    Hubbub__V1__Guild *g = rows_guild(call_arena(c), rows, 0, 0);
    st = rows_load_roles(c, d, guild_id, &g->roles, &g->n_roles);
    if (st == ST_OK)
        st = emojis_load(c, d, (struct emoji_owner){.guild_id = guild_id}, false, &g->emojis, &g->n_emojis);
    if (st == ST_OK)
        *ret = g;
    return st;
}

status rows_load_role(struct call *c, struct db *d, uint64_t guild_id, uint64_t role_id, Hubbub__V1__Role **ret)
{
    struct db_rows *rows;
    status st = chat_query(c, d, &rows, "SELECT " ROWS_ROLE " FROM roles r WHERE r.id = $1 AND r.guild_id = $2",
                           DB_ID(role_id), DB_ID(guild_id));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_ROLE, "no role %" PRIu64 " in %" PRIu64, role_id, guild_id);
    *ret = rows_role(call_arena(c), rows, 0, 0);
    return ST_OK;
}

status rows_load_roles(struct call *c, struct db *d, uint64_t guild_id, Hubbub__V1__Role ***ret, size_t *ret_n)
{
    struct db_rows *rows;
    status st =
        chat_query(c, d, &rows, "SELECT " ROWS_ROLE " FROM roles r WHERE r.guild_id = $1 ORDER BY r.position, r.id",
                   DB_ID(guild_id));
    if (st != ST_OK)
        return st;
    *ret_n = db_count(rows);
    *ret = ARENA_ARRAY(call_arena(c), Hubbub__V1__Role *, *ret_n);
    for (unsigned i = 0; i < *ret_n; i++)
        (*ret)[i] = rows_role(call_arena(c), rows, i, 0);
    return ST_OK;
}

status rows_load_channel(struct call *c, struct db *d, uint64_t channel_id, Hubbub__V1__Channel **ret)
{
    struct db_rows *rows;
    status st = chat_query(c, d, &rows, "SELECT " ROWS_CHANNEL " FROM channels c WHERE c.id = $1", DB_ID(channel_id));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_CHANNEL, "no channel %" PRIu64, channel_id);
    *ret = rows_channel(call_arena(c), rows, 0, 0);
    return ST_OK;
}

status rows_load_channels(struct call *c, struct db *d, uint64_t guild_id, Hubbub__V1__Channel ***ret, size_t *ret_n)
{
    struct db_rows *rows;
    status st = chat_query(c, d, &rows,
                           "SELECT " ROWS_CHANNEL " FROM channels c WHERE c.guild_id = $1 ORDER BY c.position, c.id",
                           DB_ID(guild_id));
    if (st != ST_OK)
        return st;
    *ret_n = db_count(rows);
    *ret = ARENA_ARRAY(call_arena(c), Hubbub__V1__Channel *, *ret_n);
    for (unsigned i = 0; i < *ret_n; i++)
        (*ret)[i] = rows_channel(call_arena(c), rows, i, 0);
    return ST_OK;
}

status rows_next_id(struct call *c, struct db *d, uint64_t *ret)
{
    struct db_rows *rows;
    status st = chat_query(c, d, &rows, "SELECT next_id()");
    if (st == ST_OK)
        *ret = db_u64(rows, 0, 0);
    return st;
}

/* ---- Entries and membership ------------------------------------------------------------------------------------ */

static Hubbub__V1__GuildMember *guild_member(struct arena *arena, uint64_t guild_id, Hubbub__V1__Member *member)
{
    Hubbub__V1__GuildMember *m = PB_NEW(arena, Hubbub__V1__GuildMember, hubbub__v1__guild_member);
    PB_SET(m, guild_id, guild_id);
    m->member = member;
    return m;
}

static Hubbub__V1__GuildMembership *membership(struct arena *arena, uint64_t guild_id, uint64_t position)
{
    Hubbub__V1__GuildMembership *m = PB_NEW(arena, Hubbub__V1__GuildMembership, hubbub__v1__guild_membership);
    PB_SET(m, guild_id, guild_id);
    PB_SET(m, position, position);
    return m;
}

void rows_add_joined(struct call *c, struct change *ch, uint64_t guild_id, Hubbub__V1__Member *member)
{
    struct arena *a = call_arena(c);
    uint64_t seq = change_add(ch, guild_id, guild_id, 0, ROWS_EVENT(a, member_add, guild_member(a, guild_id, member)));
    uint64_t user_id = member->user->id;
    change_add(ch, user_id, user_id, 0, ROWS_EVENT(a, guild_joined, membership(a, guild_id, seq)));
}

void rows_add_left(struct call *c, struct change *ch, uint64_t guild_id, Hubbub__V1__User *user)
{
    struct arena *a = call_arena(c);
    Hubbub__V1__GuildMemberRemoved *removed =
        PB_NEW(a, Hubbub__V1__GuildMemberRemoved, hubbub__v1__guild_member_removed);
    PB_SET(removed, guild_id, guild_id);
    removed->user = user;
    uint64_t seq = change_add(ch, guild_id, guild_id, 0, ROWS_EVENT(a, member_remove, removed));
    change_add(ch, user->id, user->id, 0, ROWS_EVENT(a, guild_left, membership(a, guild_id, seq)));
}

void rows_add_member_update(struct call *c, struct change *ch, uint64_t guild_id, Hubbub__V1__Member *member)
{
    struct arena *a = call_arena(c);
    change_add(ch, guild_id, guild_id, 0, ROWS_EVENT(a, member_update, guild_member(a, guild_id, member)));
}

status rows_insert_member(struct call *c, struct change *ch, uint64_t guild_id, uint64_t user_id, bool *ret_new)
{
    struct db_rows *rows;
    status st =
        change_query(ch, &rows,
                     "SELECT count(*) >= 100 AND NOT (SELECT bot FROM users WHERE id = $1), "
                     "coalesce(bool_or(guild_id = $2), false), EXISTS (SELECT FROM bans WHERE guild_id = $2 AND "
                     "user_id = $1) FROM members WHERE user_id = $1",
                     DB_ID(user_id), DB_ID(guild_id));
    if (st != ST_OK)
        return st;
    *ret_new = !db_bool(rows, 0, 1);
    if (!*ret_new)
        return ST_OK;
    if (db_bool(rows, 0, 2))
        return call_fail(c, ST_BANNED_FROM_GUILD, "user %" PRIu64 " is banned from %" PRIu64, user_id, guild_id);
    if (db_bool(rows, 0, 0))
        return call_fail(c, ST_MAX_GUILDS, "user %" PRIu64 " is in 100 guilds", user_id);
    return change_query(
        ch, &rows,
        "WITH added AS (INSERT INTO members (guild_id, user_id, joined_at) SELECT $1, $2, " ROWS_AFTER_FEED
        " FROM feeds f WHERE f.scope_id = $1) "
        "UPDATE guilds SET member_count = member_count + 1 WHERE id = $1",
        DB_ID(guild_id), DB_ID(user_id));
}
