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
