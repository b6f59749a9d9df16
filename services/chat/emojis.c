#include "services/chat/emojis.h"
#include "services/chat/emoji.h"
#include "services/chat/message_content.h"
#include "services/chat/rows.h"
#include <inttypes.h>

#define ROWS_EMOJI "e.id, e.name, e.roles, e.animated, " ROWS_USER
#define ROWS_EMOJI_FROM " FROM emojis e LEFT JOIN users u ON u.id = e.user_id WHERE "
/* $1: the guild, or NULL; $2: the application, or NULL. */
#define OF_OWNER "(e.guild_id = $1 OR e.application_id = $2)"
#define OWNER(o) DB_ID_OR_NULL((o).guild_id), DB_ID_OR_NULL((o).application_id)

static Hubbub__V1__Emoji *read_emoji(struct arena *a, const struct db_rows *r, unsigned row, bool with_user)
{
    Hubbub__V1__Emoji *e = PB_NEW(a, Hubbub__V1__Emoji, hubbub__v1__emoji);
    PB_SET(e, id, db_u64(r, row, 0));
    e->name = (char *)db_text(r, row, 1);
    e->n_roles = db_ids(r, row, 2, a, &e->roles);
    PB_SET(e, animated, db_bool(r, row, 3));
    if (with_user && !db_is_null(r, row, 4))
        e->user = rows_user(a, r, row, 4);
    return e;
}

status emojis_load(struct call *c, struct db *d, struct emoji_owner owner, bool with_user, Hubbub__V1__Emoji ***ret,
                   size_t *ret_n)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT " ROWS_EMOJI ROWS_EMOJI_FROM OF_OWNER " ORDER BY e.id", OWNER(owner));
    if (st != ST_OK)
        return st;
    *ret_n = db_count(r);
    *ret = ARENA_ARRAY(call_arena(c), Hubbub__V1__Emoji *, *ret_n);
    for (unsigned i = 0; i < *ret_n; i++)
        (*ret)[i] = read_emoji(call_arena(c), r, i, with_user);
    return ST_OK;
}

status emoji_load(struct call *c, struct db *d, struct emoji_owner owner, uint64_t emoji_id, Hubbub__V1__Emoji **ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT " ROWS_EMOJI ROWS_EMOJI_FROM OF_OWNER " AND e.id = $3", OWNER(owner),
                           DB_ID(emoji_id));
    if (st != ST_OK)
        return st;
    if (!db_count(r))
        return call_fail(c, ST_UNKNOWN_EMOJI, "no emoji %" PRIu64, emoji_id);
    *ret = read_emoji(call_arena(c), r, 0, true);
    return ST_OK;
}

/* ---- Of reactions ------------------------------------------------------------------------------------------------ */

static void take_name(const struct db_rows *r, Hubbub__V1__ReactionEmoji *e)
{
    for (unsigned i = 0; i < db_count(r); i++) {
        if (db_u64(r, i, 0) != e->id)
            continue;
        e->name = (char *)db_text(r, i, 1);
        PB_SET(e, animated, db_bool(r, i, 2));
    }
}

status emojis_name_reactions(struct call *c, struct db *d, Hubbub__V1__ReactionEmoji *const *list, size_t n)
{
    struct db_rows *r;
    uint64_t *ids = ARENA_ARRAY(call_arena(c), uint64_t, n);
    size_t n_ids = 0;
    for (size_t i = 0; i < n; i++)
        if (list[i]->id)
            ids[n_ids++] = list[i]->id;
    if (!n_ids)
        return ST_OK;
    status st =
        chat_query(c, d, &r, "SELECT id, name, animated FROM emojis WHERE id = ANY ($1::bigint[])", DB_IDS(ids, n_ids));
    for (size_t i = 0; st == ST_OK && i < n; i++)
        if (list[i]->id)
            take_name(r, list[i]);
    return st;
}

status emojis_load_reaction(struct call *c, struct db *d, const char *key, Hubbub__V1__ReactionEmoji **ret)
{
    *ret = emoji_of_key(call_arena(c), key);
    return emojis_name_reactions(c, d, ret, 1);
}

static bool holds_one_of(const struct access *a, const uint64_t *roles, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < a->subject.n_roles; j++)
            if (roles[i] == a->subject.roles[j])
                return true;
    return n == 0;
}

/* Of each: its guild, the roles it is kept for, whether it is of the caller's own application, and whether the caller
 * is in the guild. $2: the caller. */
#define USE_SQL(which)                                                                                                 \
    "SELECT e.id, e.guild_id, e.roles, coalesce(p.bot_id = $2, false), EXISTS (SELECT FROM members m WHERE "           \
    "m.guild_id "                                                                                                      \
    "= e.guild_id AND m.user_id = $2) FROM emojis e LEFT JOIN applications p ON p.id = e.application_id WHERE "        \
    "e.id " which

enum use { USE_FREE, USE_EXTERNAL, USE_UNKNOWN };

static enum use use_of(struct call *c, const struct access *a, const struct db_rows *r, unsigned row)
{
    uint64_t *roles;
    if (db_bool(r, row, 3))
        return USE_FREE;
    if (!db_bool(r, row, 4))
        return USE_UNKNOWN;
    if (db_u64(r, row, 1) != a->guild_id)
        return access_is_direct(a) ? USE_FREE : USE_EXTERNAL;
    size_t n = db_ids(r, row, 2, call_arena(c), &roles);
    return holds_one_of(a, roles, n) ? USE_FREE : USE_UNKNOWN;
}

status emojis_check_use(struct call *c, struct db *d, const struct access *a, uint64_t emoji_id)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, USE_SQL("= $1"), DB_ID(emoji_id), DB_ID(call_user(c)));
    if (st != ST_OK)
        return st;
    enum use use = db_count(r) ? use_of(c, a, r, 0) : USE_UNKNOWN;
    if (use == USE_UNKNOWN)
        return call_fail(c, ST_UNKNOWN_EMOJI, "no emoji %" PRIu64 " that the caller may use", emoji_id);
    return use == USE_EXTERNAL ? access_require(c, a, PERM_USE_EXTERNAL_EMOJIS) : ST_OK;
}

status emojis_strip(struct call *c, struct db *d, const struct access *a, char **content)
{
    struct db_rows *r;
    uint64_t ids[EMOJI_TOKENS_MAX], kept[EMOJI_TOKENS_MAX];
    size_t n = *content ? emoji_tokens(*content, ids, EMOJI_TOKENS_MAX) : 0, n_kept = 0;
    if (!n || !a->subject.user_id)
        return ST_OK;
    status st = chat_query(c, d, &r, USE_SQL("= ANY ($1::bigint[])"), DB_IDS(ids, n), DB_ID(a->subject.user_id));
    if (st != ST_OK)
        return st;
    for (unsigned i = 0; i < db_count(r); i++) {
        enum use use = use_of(c, a, r, i);
        if (use == USE_FREE || (use == USE_EXTERNAL && (a->permissions & PERM_USE_EXTERNAL_EMOJIS)))
            kept[n_kept++] = db_u64(r, i, 0);
    }
    if (n_kept < n)
        *content = emoji_tokens_strip(call_arena(c), *content, kept, n_kept);
    return ST_OK;
}
