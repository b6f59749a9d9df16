#include "services/chat/rename.h"
#include "lib/base/log.h"
#include "services/chat/direct.h"
#include "services/chat/relationships.h"
#include "services/chat/rows.h"
#include <inttypes.h>

enum { TRIES_MAX = 5, DIRECTS_AT_ONCE = 25 };

/* ---- Guilds ------------------------------------------------------------------------------------------------------ */

static status list_ids(struct call *c, const char *sql, uint64_t user_id, uint64_t after, int limit, uint64_t *ret,
                       size_t *ret_n)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    const struct db_param params[] = {DB_ID(user_id), DB_ID(after), DB_I64(limit)};
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query_params(c, d, &r, sql, params, sizeof params / sizeof *params);
    *ret_n = st == ST_OK ? db_count(r) : 0;
    for (unsigned i = 0; i < *ret_n; i++)
        ret[i] = db_u64(r, i, 0);
    return st;
}

static const char next_guilds[] = "SELECT m.guild_id FROM members m JOIN feeds f ON f.scope_id = m.guild_id AND NOT "
                                  "f.closed WHERE m.user_id = $1 AND m.guild_id > $2 ORDER BY 1 LIMIT $3";

/* Who joins a guild holds the user's feed too: once that is held, the guilds stay who they are. */
static status check_guilds(struct call *c, struct change *ch, uint64_t user_id, const uint64_t *guilds, size_t n)
{
    struct db_rows *r;
    if (n == RENAME_AT_ONCE) /* the rest is told one by one */
        return ST_OK;
    status st =
        change_query(ch, &r, "SELECT FROM members WHERE user_id = $1 AND guild_id <> ALL ($2::bigint[]) LIMIT 1",
                     DB_ID(user_id), DB_IDS(guilds, n));
    return st == ST_OK && db_count(r) ? ST_STALE : st;
}

static status try_begin(struct call *c, uint64_t user_id, struct change **ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    uint64_t scopes[RENAME_AT_ONCE + 1];
    size_t n;
    status st = list_ids(c, next_guilds, user_id, 0, RENAME_AT_ONCE, scopes, &n);
    scopes[n] = user_id;
    if (st == ST_OK)
        st = change_begin(c, scopes, n + 1, ST_STALE, &ch);
    if (st == ST_OK)
        st = check_guilds(c, ch, user_id, scopes, n);
    if (st != ST_OK)
        return st;
    *ret = ch;
    ch = NULL;
    return ST_OK;
}

/* Again when a guild went or came between the look and the lock. */
status rename_begin(struct call *c, uint64_t user_id, struct change **ret)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        status st = try_begin(c, user_id, ret);
        if (st != ST_STALE)
            return st;
    }
    return call_fail(c, ST_UNAUTHORIZED, "user %" PRIu64 " has no feed, or joins and leaves all the time", user_id);
}

static status tell_members(struct call *c, struct change *ch, uint64_t user_id, uint64_t after)
{
    struct db_rows *r;
    status st =
        change_query(ch, &r,
                     "SELECT " ROWS_MEMBER ", m.guild_id FROM members m JOIN users u ON u.id = m.user_id JOIN feeds "
                     "f ON f.scope_id = m.guild_id AND NOT f.closed WHERE m.user_id = $1 AND m.guild_id > $2 ORDER "
                     "BY m.guild_id LIMIT $3",
                     DB_ID(user_id), DB_ID(after), DB_I64(RENAME_AT_ONCE));
    for (unsigned i = 0; st == ST_OK && i < db_count(r); i++)
        rows_add_member_update(c, ch, db_u64(r, i, ROWS_MEMBER_N), rows_member(call_arena(c), r, i, 0));
    return st;
}

status rename_tell_guilds(struct call *c, struct change *ch, uint64_t user_id)
{
    return tell_members(c, ch, user_id, 0);
}

/* ---- The rest, in chunks ----------------------------------------------------------------------------------------- */

/* One kind of those who are told: whose feeds, and what each is told. */
struct audience {
    const char *name, *sql;
    int at_once;
    status (*tell)(struct call *, struct change *, uint64_t user_id, const uint64_t *scopes, size_t n);
};

static status tell_more_guilds(struct call *c, struct change *ch, uint64_t user_id, const uint64_t *guilds, size_t n)
{
    return tell_members(c, ch, user_id, guilds[0] - 1);
}

static status tell_friends(struct call *c, struct change *ch, uint64_t user_id, const uint64_t *friends, size_t n)
{
    Hubbub__V1__Relationship **list;
    size_t n_list;
    status st = relationships_load_with(c, change_db(ch), user_id, friends, n, &list, &n_list);
    for (size_t i = 0; st == ST_OK && i < n_list; i++)
        change_add(ch, friends[i], friends[i], 0, ROWS_EVENT(call_arena(c), relationship_update, list[i]));
    return st;
}

static status tell_directs(struct call *c, struct change *ch, uint64_t user_id, const uint64_t *channels, size_t n)
{
    status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = direct_add_update(c, ch, channels[i]);
    return st;
}

/* A chunk whose feeds are not all there any more is read again. */
static status tell_chunk(struct call *c, const struct audience *a, uint64_t user_id, uint64_t *after, bool *ret_more)
{
    CHANGE_OWNED struct change *ch = NULL;
    uint64_t scopes[RENAME_AT_ONCE];
    size_t n;
    status st = list_ids(c, a->sql, user_id, *after, a->at_once, scopes, &n);
    *ret_more = n > 0;
    if (st != ST_OK || !n)
        return st;
    st = change_begin(c, scopes, n, ST_STALE, &ch);
    if (st == ST_OK)
        st = a->tell(c, ch, user_id, scopes, n);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *after = scopes[n - 1];
    return st;
}

static void tell_audience(struct call *c, const struct audience *a, uint64_t user_id, uint64_t after)
{
    bool more = true;
    int stale = 0;
    while (more) {
        status st = tell_chunk(c, a, user_id, &after, &more);
        if (st == ST_STALE && stale++ < TRIES_MAX)
            continue;
        if (st == ST_OK)
            continue;
        log_warn("a changed name is not told to all", LOG_S("audience", a->name),
                 LOG_S("status", status_row(st)->name));
        return;
    }
}

void rename_tell_rest(struct call *c, uint64_t user_id)
{
    static const struct audience guilds = {"guilds", next_guilds, RENAME_AT_ONCE, tell_more_guilds};
    static const struct audience people[] = {
        {"friends",
         "SELECT x.user_id FROM relationships x JOIN feeds f ON f.scope_id = x.user_id AND NOT f.closed WHERE "
         "x.other_id = "
         "$1 AND x.user_id > $2 ORDER BY 1 LIMIT $3",
         RENAME_AT_ONCE, tell_friends},
        {"DMs",
         "SELECT q.channel_id FROM dm_recipients q JOIN feeds f ON f.scope_id = q.channel_id AND NOT f.closed WHERE "
         "q.user_id = $1 AND q.channel_id > $2 ORDER BY 1 LIMIT $3",
         DIRECTS_AT_ONCE, tell_directs},
    };
    uint64_t told[RENAME_AT_ONCE];
    size_t n;
    if (list_ids(c, next_guilds, user_id, 0, RENAME_AT_ONCE, told, &n) == ST_OK && n == RENAME_AT_ONCE)
        tell_audience(c, &guilds, user_id, told[n - 1]);
    for (size_t i = 0; i < sizeof people / sizeof *people; i++)
        tell_audience(c, &people[i], user_id, 0);
}
