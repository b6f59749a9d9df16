/* access.c - the one query behind every permission check. FEEDS.md measured its shape: roles OR-ed in SQL, the
 * channel's overwrites gathered by target in SQL, and the guild's epoch from the same snapshot. */
#include "services/chat/access.h"
#include <inttypes.h>

/* user: the SQL that names whom it is about. The factor that counts for a bot is its owner's. */
#define SUBJECT_COLUMNS(user)                                                                                          \
    "g.id, g.owner_id, f.epoch, m.user_id IS NOT NULL, coalesce(m.timeout_until > clock_timestamp(), false), "         \
    "m.roles, "                                                                                                        \
    "r.bits, r.position, r.id, g.verification_level, g.mfa_level > 0 AND NOT (SELECT coalesce(o.mfa, u.mfa) FROM "     \
    "users u LEFT JOIN applications p ON p.bot_id = u.id LEFT JOIN users o ON o.id = p.owner_id WHERE u.id = " user    \
    ")"
#define SUBJECT_JOINS(user)                                                                                            \
    "JOIN feeds f ON f.scope_id = g.id AND NOT f.closed "                                                              \
    "LEFT JOIN members m ON m.guild_id = g.id AND m.user_id = " user " "                                               \
    "LEFT JOIN LATERAL (SELECT bit_or(permissions) AS bits, (array_agg(position ORDER BY position DESC, id))[1] AS "   \
    "position, "                                                                                                       \
    "(array_agg(id ORDER BY position DESC, id))[1] AS id FROM roles WHERE id = ANY (array_append(m.roles, g.id))) r "  \
    "ON true "
enum { SUBJECT_N = 11, CHANNEL_N = 10 };

static void read_subject(struct call *c, const struct db_rows *rows, unsigned row, uint64_t user_id, struct access *a)
{
    *a = (struct access){
        .guild_id = db_u64(rows, row, 0), .owner_id = db_u64(rows, row, 1), .epoch = db_u64(rows, row, 2)};
    a->scope_id = a->guild_id;
    a->member = db_bool(rows, row, 3);
    a->top_position = (int)db_i64(rows, row, 7);
    a->top_role = db_u64(rows, row, 8);
    a->verification_level = (int)db_i64(rows, row, 9);
    a->lacks_factor = db_bool(rows, row, 10);
    struct permission_subject *s = &a->subject;
    s->user_id = user_id;
    s->guild_id = a->guild_id;
    s->owner = a->member && user_id == a->owner_id;
    s->timed_out = db_bool(rows, row, 4);
    s->base = a->member ? db_u64(rows, row, 6) : 0;
    uint64_t *roles;
    s->n_roles = db_ids(rows, row, 5, call_arena(c), &roles);
    s->roles = roles;
    a->in_guild = a->permissions = permission_in_guild(s);
}

status access_of(struct call *c, struct db *d, uint64_t guild_id, uint64_t user_id, struct access *ret)
{
    struct db_rows *rows;
    status st =
        chat_query(c, d, &rows, "SELECT " SUBJECT_COLUMNS("$2") " FROM guilds g " SUBJECT_JOINS("$2") "WHERE g.id = $1",
                   DB_ID(guild_id), DB_ID(user_id));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_GUILD, "no guild %" PRIu64, guild_id);
    read_subject(c, rows, 0, user_id, ret);
    return ST_OK;
}

status access_guild(struct call *c, struct db *d, uint64_t guild_id, struct access *ret)
{
    struct access a;
    status st = access_of(c, d, guild_id, call_user(c), &a);
    if (st != ST_OK)
        return st;
    if (!a.member)
        return call_fail(c, ST_MISSING_ACCESS, "user %" PRIu64 " is not in guild %" PRIu64, call_user(c), guild_id);
    *ret = a;
    return ST_OK;
}

#define OVERWRITE_SUMS(user)                                                                                           \
    "LEFT JOIN LATERAL (SELECT bit_or(allow) FILTER (WHERE type = 0 AND target_id = g.id) AS ea, "                     \
    "bit_or(deny) FILTER (WHERE type = 0 AND target_id = g.id) AS ed, "                                                \
    "bit_or(allow) FILTER (WHERE type = 0 AND target_id <> g.id) AS ra, "                                              \
    "bit_or(deny) FILTER (WHERE type = 0 AND target_id <> g.id) AS rd, "                                               \
    "bit_or(allow) FILTER (WHERE type = 1) AS ma, bit_or(deny) FILTER (WHERE type = 1) AS md "                         \
    "FROM overwrites WHERE channel_id = c.id AND target_id = ANY (m.roles || ARRAY[g.id, " user "])) o ON true "
#define CHANNEL_COLUMNS "c.id, c.type, c.parent_id, c.rate_limit_per_user, o.ea, o.ed, o.ra, o.rd, o.ma, o.md"

static void read_channel(const struct db_rows *rows, unsigned row, struct access *a)
{
    enum { AT = SUBJECT_N };
    a->channel_id = db_u64(rows, row, AT);
    a->channel_type = (int)db_i64(rows, row, AT + 1);
    a->parent_id = db_u64(rows, row, AT + 2);
    a->rate_limit_per_user = (int)db_i64(rows, row, AT + 3);
    struct permission_sums sums = {
        .everyone_allow = db_u64(rows, row, AT + 4),
        .everyone_deny = db_u64(rows, row, AT + 5),
        .roles_allow = db_u64(rows, row, AT + 6),
        .roles_deny = db_u64(rows, row, AT + 7),
        .member_allow = db_u64(rows, row, AT + 8),
        .member_deny = db_u64(rows, row, AT + 9),
    };
    a->permissions = permission_compute(&a->subject, a->channel_type, &sums);
}

/* What whoever is in a DM may do there. */
#define ACCESS_DIRECT                                                                                                  \
    (PERM_VIEW_CHANNEL | PERM_SEND_MESSAGES | PERM_SEND_TTS_MESSAGES | PERM_EMBED_LINKS | PERM_ATTACH_FILES |          \
     PERM_READ_MESSAGE_HISTORY | PERM_MENTION_EVERYONE | PERM_ADD_REACTIONS | PERM_PIN_MESSAGES |                      \
     PERM_BYPASS_SLOWMODE)

static status access_direct(struct call *c, struct db *d, uint64_t channel_id, struct access *ret)
{
    struct db_rows *rows;
    status st = chat_query(c, d, &rows,
                           "SELECT c.type, c.owner_id, f.epoch, bool_or(r.user_id = $2), bool_or(NOT r.shown)"
                           " FROM channels c JOIN feeds f ON f.scope_id = c.id AND NOT f.closed"
                           " JOIN dm_recipients r ON r.channel_id = c.id"
                           " WHERE c.id = $1 AND c.guild_id IS NULL GROUP BY c.id, f.scope_id",
                           DB_ID(channel_id), DB_ID(call_user(c)));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_CHANNEL, "no channel %" PRIu64, channel_id);
    if (!db_bool(rows, 0, 3))
        return call_fail(c, ST_MISSING_ACCESS, "user %" PRIu64 " is not in DM %" PRIu64, call_user(c), channel_id);
    *ret = (struct access){.scope_id = channel_id, .channel_id = channel_id, .permissions = ACCESS_DIRECT};
    ret->subject.user_id = call_user(c);
    ret->channel_type = (int)db_i64(rows, 0, 0);
    ret->owner_id = db_u64(rows, 0, 1);
    ret->epoch = db_u64(rows, 0, 2);
    ret->someone_hides = db_bool(rows, 0, 4);
    return ST_OK;
}

/* *ret_found: false for a DM, and when there is none. */
static status find_in_guild(struct call *c, struct db *d, uint64_t channel_id, uint64_t user_id, bool *ret_found,
                            struct access *ret)
{
    struct db_rows *rows;
    status st = chat_query(
        c, d, &rows,
        "SELECT " SUBJECT_COLUMNS("$2") ", " CHANNEL_COLUMNS
                                        " FROM channels c JOIN guilds g ON g.id = c.guild_id " SUBJECT_JOINS("$2")
                                            OVERWRITE_SUMS("$2") "WHERE c.id = $1",
        DB_ID(channel_id), DB_ID(user_id));
    if (st != ST_OK)
        return st;
    *ret_found = db_count(rows);
    if (*ret_found) {
        read_subject(c, rows, 0, user_id, ret);
        read_channel(rows, 0, ret);
    }
    return ST_OK;
}

status access_channel(struct call *c, struct db *d, uint64_t channel_id, struct access *ret)
{
    struct access a;
    bool found;
    status st = find_in_guild(c, d, channel_id, call_user(c), &found, &a);
    if (st == ST_OK && !found)
        return access_direct(c, d, channel_id, ret);
    if (st != ST_OK)
        return st;
    if (!a.member || !(a.permissions & PERM_VIEW_CHANNEL))
        return call_fail(c, ST_MISSING_ACCESS, "user %" PRIu64 " may not view channel %" PRIu64, call_user(c),
                         channel_id);
    *ret = a;
    return ST_OK;
}

status access_channel_of(struct call *c, struct db *d, uint64_t channel_id, uint64_t user_id, struct access *ret)
{
    bool found;
    status st = find_in_guild(c, d, channel_id, user_id, &found, ret);
    return st == ST_OK && !found ? call_fail(c, ST_UNKNOWN_CHANNEL, "no channel %" PRIu64, channel_id) : st;
}

status access_in_voice(struct call *c, struct db *d, uint64_t guild_id, struct access **ret, size_t *ret_n)
{
    struct db_rows *rows;
    status
        st = chat_query(c, d, &rows,
                        "SELECT " SUBJECT_COLUMNS(
                            "v.user_id") ", " CHANNEL_COLUMNS
                                         ", v.user_id FROM voice_states v JOIN guilds g ON g.id = "
                                         "v.guild_id " SUBJECT_JOINS("v.user_id") "LEFT JOIN channels c ON c.id = "
                                                                                  "v.channel_id " OVERWRITE_SUMS(
                                                                                      "v.user_id") "WHERE v.guild_id = "
                                                                                                   "$1 ORDER BY "
                                                                                                   "v.user_id",
                        DB_ID(guild_id));
    if (st != ST_OK)
        return st;
    *ret_n = db_count(rows);
    *ret = ARENA_ARRAY(call_arena(c), struct access, *ret_n);
    for (unsigned i = 0; i < *ret_n; i++) {
        read_subject(c, rows, i, db_u64(rows, i, SUBJECT_N + CHANNEL_N), &(*ret)[i]);
        read_channel(rows, i, &(*ret)[i]);
    }
    return ST_OK;
}

status access_require(struct call *c, const struct access *a, uint64_t bits)
{
    uint64_t lacking = bits & ~a->permissions;
    if (!lacking && a->lacks_factor && (bits & PERM_ELEVATED))
        return call_fail(c, ST_MFA_REQUIRED, "user %" PRIu64 " has no second factor", a->subject.user_id);
    if (!lacking)
        return ST_OK;
    return call_fail(c, access_is_direct(a) ? ST_NOT_ON_DM : ST_MISSING_PERMISSIONS, "user %" PRIu64 " lacks %#" PRIx64,
                     a->subject.user_id, lacking);
}

status access_may_grant(struct call *c, const struct access *a, uint64_t bits)
{
    if (access_is_admin(a))
        return ST_OK;
    return access_require(c, a, bits);
}

uint64_t access_in(struct call *c, const struct access *a, const Hubbub__V1__Channel *channel)
{
    size_t n = channel->n_permission_overwrites;
    struct permission_overwrite *list = ARENA_ARRAY(call_arena(c), struct permission_overwrite, n);
    for (size_t i = 0; i < n; i++) {
        const Hubbub__V1__Overwrite *o = channel->permission_overwrites[i];
        list[i] = (struct permission_overwrite){o->id, o->type == 1, o->allow, o->deny};
    }
    struct permission_sums sums = {0};
    permission_gather(&a->subject, list, n, &sums);
    return permission_compute(&a->subject, channel->type, &sums);
}

status access_begin_guild(struct call *c, uint64_t guild_id, uint64_t more, uint64_t bits, struct change **ret_change,
                          struct access *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    const uint64_t scopes[] = {guild_id, more};
    status st = change_begin(c, scopes, more ? 2 : 1, ST_UNKNOWN_GUILD, &ch);
    if (st == ST_OK)
        st = access_guild(c, change_db(ch), guild_id, ret);
    if (st == ST_OK)
        st = access_require(c, ret, bits);
    if (st != ST_OK)
        return st;
    *ret_change = ch;
    ch = NULL;
    return ST_OK;
}

/* A channel never moves to another guild, so this needs no lock. */
static status scope_of_channel(struct call *c, uint64_t channel_id, uint64_t *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, "SELECT coalesce(guild_id, id) FROM channels WHERE id = $1", DB_ID(channel_id));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_CHANNEL, "no channel %" PRIu64, channel_id);
    *ret = db_u64(rows, 0, 0);
    return ST_OK;
}

/* direct: DMs too. */
static status begin_channel(struct call *c, uint64_t channel_id, bool direct, uint64_t bits, struct change **ret_change,
                            struct access *ret)
{
    uint64_t scope_id;
    status st = scope_of_channel(c, channel_id, &scope_id);
    if (st != ST_OK)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    st = change_begin(c, &scope_id, 1, ST_UNKNOWN_CHANNEL, &ch);
    if (st == ST_OK)
        st = access_channel(c, change_db(ch), channel_id, ret);
    if (st == ST_OK && !direct && access_is_direct(ret))
        st = call_fail(c, ST_NOT_ON_DM, "channel %" PRIu64 " is a DM", channel_id);
    if (st == ST_OK)
        st = access_require(c, ret, bits);
    if (st != ST_OK)
        return st;
    *ret_change = ch;
    ch = NULL;
    return ST_OK;
}

status access_begin_channel(struct call *c, uint64_t channel_id, uint64_t bits, struct change **ret_change,
                            struct access *ret)
{
    return begin_channel(c, channel_id, false, bits, ret_change, ret);
}

status access_begin_any_channel(struct call *c, uint64_t channel_id, uint64_t bits, struct change **ret_change,
                                struct access *ret)
{
    return begin_channel(c, channel_id, true, bits, ret_change, ret);
}

static bool rank_above(int position, uint64_t id, int other_position, uint64_t other_id)
{
    return position != other_position ? position > other_position : id < other_id;
}

bool access_above_role(const struct access *a, int position, uint64_t role_id)
{
    if (a->subject.owner)
        return true;
    return rank_above(a->top_position, a->top_role, position, role_id);
}

bool access_above(const struct access *a, const struct access *target)
{
    if (a->subject.user_id == target->subject.user_id || target->subject.owner)
        return false;
    if (a->subject.owner)
        return true;
    /* Members whose highest role is the same one are equals. */
    return rank_above(a->top_position, a->top_role, target->top_position, target->top_role);
}
