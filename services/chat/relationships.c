#include "services/chat/relationships.h"
#include "services/chat/rows.h"
#include <inttypes.h>

static Hubbub__V1__Relationship *read_row(struct arena *a, const struct db_rows *r, unsigned row)
{
    Hubbub__V1__Relationship *x = PB_NEW(a, Hubbub__V1__Relationship, hubbub__v1__relationship);
    x->user = rows_user(a, r, row, 3);
    PB_SET(x, id, x->user->id);
    PB_SET(x, type, (int32_t)db_i64(r, row, 0));
    PB_SET(x, since, db_i64(r, row, 1));
    if (!db_is_null(r, row, 2))
        x->nickname = (char *)db_text(r, row, 2);
    return x;
}

static void read_rows(struct call *c, const struct db_rows *r, Hubbub__V1__Relationship ***ret, size_t *ret_n)
{
    *ret_n = db_count(r);
    *ret = ARENA_ARRAY(call_arena(c), Hubbub__V1__Relationship *, *ret_n);
    for (unsigned i = 0; i < *ret_n; i++)
        (*ret)[i] = read_row(call_arena(c), r, i);
}

#define ROWS_RELATIONSHIPS                                                                                             \
    "SELECT x.type, " ROWS_MS("x.since") ", x.nickname, " ROWS_USER                                                    \
                                         " FROM relationships x JOIN users u ON u.id = x.other_id AND NOT u.deleted "

status relationships_load(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__Relationship ***ret,
                          size_t *ret_n)
{
    struct db_rows *r;
    status st =
        chat_query(c, d, &r, ROWS_RELATIONSHIPS "WHERE x.user_id = $1 ORDER BY x.since, x.other_id", DB_ID(user_id));
    if (st == ST_OK)
        read_rows(c, r, ret, ret_n);
    return st;
}

status relationships_load_with(struct call *c, struct db *d, uint64_t user_id, const uint64_t *of, size_t n,
                               Hubbub__V1__Relationship ***ret, size_t *ret_n)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           ROWS_RELATIONSHIPS "WHERE x.other_id = $1 AND x.user_id = ANY ($2::bigint[]) ORDER BY "
                                              "x.user_id",
                           DB_ID(user_id), DB_IDS(of, n));
    if (st == ST_OK && db_count(r) != n)
        return ST_STALE;
    if (st == ST_OK)
        read_rows(c, r, ret, ret_n);
    return st;
}

status relationship_may_react(struct call *c, struct db *d, uint64_t author_id)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT FROM relationships WHERE user_id = $1 AND other_id = $2 AND type = $3",
                           DB_ID(author_id), DB_ID(call_user(c)), DB_I64(RELATIONSHIP_BLOCKED));
    if (st == ST_OK && db_count(r))
        st = call_fail(c, ST_REACTION_BLOCKED, "user %" PRIu64 " is blocked by %" PRIu64, call_user(c), author_id);
    return st;
}

/* ---- The end of an account ----------------------------------------------------------------------------------------- */

enum { END_AT_ONCE = 100 };

/* Whose feeds the next change holds; the user's is the last of them. */
static status list_others(struct call *c, uint64_t user_id, uint64_t *ret, size_t *ret_n)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r,
                        "SELECT other_id FROM relationships WHERE user_id = $1 UNION SELECT user_id FROM relationships "
                        "WHERE other_id = $1 LIMIT $2",
                        DB_ID(user_id), DB_I64(END_AT_ONCE));
    *ret_n = st == ST_OK ? db_count(r) : 0;
    for (unsigned i = 0; i < *ret_n; i++)
        ret[i] = db_u64(r, i, 0);
    ret[*ret_n] = user_id;
    return st;
}

static status end_with(struct call *c, struct change *ch, uint64_t user_id, const uint64_t *others, size_t n)
{
    struct arena *a = call_arena(c);
    struct db_rows *r;
    status st = change_query(ch, &r,
                             "DELETE FROM relationships WHERE (user_id = $1 AND other_id = ANY ($2::bigint[])) OR "
                             "(other_id = $1 AND user_id = ANY ($2::bigint[])) RETURNING user_id, type",
                             DB_ID(user_id), DB_IDS(others, n));
    for (unsigned i = 0; st == ST_OK && i < db_count(r); i++) {
        uint64_t of = db_u64(r, i, 0);
        if (of == user_id)
            continue;
        Hubbub__V1__RelationshipRemoved *x =
            PB_NEW(a, Hubbub__V1__RelationshipRemoved, hubbub__v1__relationship_removed);
        PB_SET(x, id, user_id);
        PB_SET(x, type, (int32_t)db_i64(r, i, 1));
        change_add(ch, of, of, 0, ROWS_EVENT(a, relationship_remove, x));
    }
    return st;
}

status relationships_end_all(struct call *c, uint64_t user_id)
{
    for (;;) {
        uint64_t scopes[END_AT_ONCE + 1];
        size_t n;
        status st = list_others(c, user_id, scopes, &n);
        if (st != ST_OK || !n)
            return st;
        CHANGE_OWNED struct change *ch = NULL;
        st = change_begin(c, scopes, n + 1, ST_UNKNOWN_USER, &ch);
        if (st == ST_OK)
            st = end_with(c, ch, user_id, scopes, n);
        if (st == ST_OK)
            st = change_commit(ch);
        if (st != ST_OK)
            return st;
    }
}
