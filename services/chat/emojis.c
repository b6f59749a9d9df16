#include "services/chat/emojis.h"
#include "services/chat/emoji.h"
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

status emojis_check_use(struct call *c, struct db *d, const struct access *a, uint64_t emoji_id)
{
    struct db_rows *r;
    uint64_t *roles;
    status st = chat_query(c, d, &r,
                           "SELECT e.guild_id, e.roles, coalesce(p.bot_id = $2, false), EXISTS (SELECT FROM members m "
                           "WHERE m.guild_id = e.guild_id AND m.user_id = $2) FROM emojis e LEFT JOIN applications p "
                           "ON p.id = e.application_id WHERE e.id = $1",
                           DB_ID(emoji_id), DB_ID(call_user(c)));
    if (st != ST_OK)
        return st;
    if (!db_count(r) || (!db_bool(r, 0, 2) && !db_bool(r, 0, 3)))
        return call_fail(c, ST_UNKNOWN_EMOJI, "no emoji %" PRIu64 " that the caller knows", emoji_id);
    if (db_bool(r, 0, 2))
        return ST_OK;
    if (db_u64(r, 0, 0) != a->guild_id)
        return access_is_direct(a) ? ST_OK : access_require(c, a, PERM_USE_EXTERNAL_EMOJIS);
    size_t n = db_ids(r, 0, 1, call_arena(c), &roles);
    return holds_one_of(a, roles, n) ? ST_OK : call_fail(c, ST_UNKNOWN_EMOJI, "emoji %" PRIu64 " is kept", emoji_id);
}
