#include "services/chat/slow_mode.h"
#include <inttypes.h>

static bool applies(const struct access *a)
{
    return a->rate_limit_per_user > 0 && !(a->permissions & PERM_BYPASS_SLOWMODE);
}

static status refuse(struct call *c, struct db *d, const struct access *a)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT greatest(1, ceil(extract(epoch FROM at + make_interval(secs => $3) - "
                           "clock_timestamp()) * 1000))::bigint FROM last_sends WHERE channel_id = $1 AND user_id = $2",
                           DB_ID(a->channel_id), DB_ID(call_user(c)), DB_I64(a->rate_limit_per_user));
    if (st != ST_OK)
        return st;
    call_retry_after(c, db_count(r) ? db_i64(r, 0, 0) : 1);
    return call_fail(c, ST_SLOW_MODE, "user %" PRIu64 " sent less than %d s ago", call_user(c), a->rate_limit_per_user);
}

status slow_mode_claim(struct call *c, struct db *d, const struct access *a, const char *key)
{
    struct db_rows *r;
    if (!applies(a))
        return ST_OK;
    status st = chat_query(c, d, &r,
                           "INSERT INTO last_sends AS l (channel_id, user_id, at, key) VALUES ($1, $2, "
                           "clock_timestamp(), $3) ON CONFLICT (channel_id, user_id) DO UPDATE SET"
                           " at = CASE WHEN l.at + make_interval(secs => $4) <= clock_timestamp() THEN "
                           "clock_timestamp() ELSE l.at END, key = excluded.key"
                           " WHERE l.key = excluded.key OR l.at + make_interval(secs => $4) <= clock_timestamp()",
                           DB_ID(a->channel_id), DB_ID(call_user(c)), DB_TEXT(key), DB_I64(a->rate_limit_per_user));
    if (st != ST_OK)
        return st;
    return db_affected(r) ? ST_OK : refuse(c, d, a);
}

status slow_mode_forget(struct call *c, struct db *d, uint64_t channel_id, const char *key)
{
    struct db_rows *r;
    return chat_query(c, d, &r, "UPDATE last_sends SET key = '' WHERE channel_id = $1 AND user_id = $2 AND key = $3",
                      DB_ID(channel_id), DB_ID(call_user(c)), DB_TEXT(key));
}

void slow_mode_give_back(struct call *c, const struct access *a, const char *key)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    if (!applies(a) || chat_lease(c, &d) != ST_OK)
        return;
    if (chat_query(c, d, &r, "DELETE FROM last_sends WHERE channel_id = $1 AND user_id = $2 AND key = $3",
                   DB_ID(a->channel_id), DB_ID(call_user(c)), DB_TEXT(key)) != ST_OK)
        return; /* the user waits */
}
