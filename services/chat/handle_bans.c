/* handle_bans.c - the Bans service. A ban is one change of the guild: the member goes, the row is there, and the next
 * accept of an invite, which takes the same lock, finds it (rows_insert_member). The messages are removed after that
 * commit, since no transaction holds a guild for longer than PURGE_AT_ONCE rows take; the fence that the ban raised
 * sees to it that no later one appears. A purge that its deadline cut off is gone on with by banning again. */
#include "services/chat/access.h"
#include "services/chat/audit.h"
#include "services/chat/handlers.h"
#include "services/chat/membership.h"
#include "services/chat/message_remove.h"
#include "services/chat/rows.h"
#include <inttypes.h>

enum { PURGE_AT_ONCE = 100, SECONDS_A_DAY = 86400 };

/* ---- Read ------------------------------------------------------------------------------------------------------ */

#define ROWS_BAN ROWS_USER ", b.reason"

static Hubbub__V1__Ban *read_ban(struct call *c, const struct db_rows *rows, unsigned row)
{
    Hubbub__V1__Ban *b = PB_NEW(call_arena(c), Hubbub__V1__Ban, hubbub__v1__ban);
    b->user = rows_user(call_arena(c), rows, row, 0);
    b->reason = (char *)db_text(rows, row, ROWS_USER_N);
    return b;
}

static status lease_for(struct call *c, uint64_t guild_id, uint64_t bits, struct db **ret)
{
    struct access a;
    status st = chat_snapshot(c, ret);
    if (st == ST_OK)
        st = access_guild(c, *ret, guild_id, &a);
    return st == ST_OK ? access_require(c, &a, bits) : st;
}

static status list(struct call *c, const Hubbub__V1__ListBansRequest *req, Hubbub__V1__BanList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = lease_for(c, req->guild_id, PERM_BAN_MEMBERS, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT * FROM (SELECT " ROWS_BAN " FROM bans b JOIN users u ON u.id = b.user_id "
                        "WHERE b.guild_id = $1 AND b.user_id > $2 AND ($3::bigint = 0 OR b.user_id < $3) "
                        "ORDER BY CASE WHEN $3 > 0 AND $2 = 0 THEN -b.user_id ELSE b.user_id END LIMIT $4) s "
                        "ORDER BY 1",
                        DB_ID(req->guild_id), DB_ID(req->after), DB_ID(req->before), DB_I64(req->limit));
    if (st != ST_OK)
        return st;
    resp->n_bans = db_count(rows);
    resp->bans = ARENA_ARRAY(call_arena(c), Hubbub__V1__Ban *, resp->n_bans);
    for (unsigned i = 0; i < resp->n_bans; i++)
        resp->bans[i] = read_ban(c, rows, i);
    return ST_OK;
}

static status get(struct call *c, const Hubbub__V1__MemberRequest *req, Hubbub__V1__Ban *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = lease_for(c, req->guild_id, PERM_BAN_MEMBERS, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT " ROWS_BAN " FROM bans b JOIN users u ON u.id = b.user_id "
                        "WHERE b.guild_id = $1 AND b.user_id = $2",
                        DB_ID(req->guild_id), DB_ID(req->user_id));
    if (st == ST_OK && !db_count(rows))
        st = call_fail(c, ST_UNKNOWN_BAN, "user %" PRIu64 " is not banned", req->user_id);
    if (st == ST_OK)
        *resp = *read_ban(c, rows, 0);
    return st;
}

/* ---- Purge ----------------------------------------------------------------------------------------------------- */

struct purge {
    uint64_t guild_id;
    const uint64_t *authors;
    size_t n_authors;
    uint64_t first; /* the lowest id that a message of the time can have */
};

/* The guild's channels, and by PostgreSQL's clock, which numbered the messages, the first id that counts. */
static status where_to_look(struct call *c, uint64_t guild_id, int64_t seconds, struct db_rows **ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    return st == ST_OK ? chat_query(c, d, ret,
                                    "SELECT id, ((extract(epoch FROM statement_timestamp()) * 1000)::bigint - "
                                    "1420070400000 - $2::bigint * 1000) << 22 FROM channels WHERE guild_id = $1 "
                                    "ORDER BY id",
                                    DB_ID(guild_id), DB_I64(seconds))
                       : st;
}

/* The next of the authors' messages in the channel: a read, outside the guild's lock. */
static status find_messages(struct call *c, const struct purge *p, uint64_t channel_id, uint64_t after, uint64_t *ids,
                            size_t *ret_n)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT id FROM messages WHERE channel_id = $1 AND id > $2 AND author_id = ANY ($3::bigint[]) "
                        "ORDER BY id LIMIT $4",
                        DB_ID(channel_id), DB_ID(after), DB_IDS(p->authors, p->n_authors), DB_I64(PURGE_AT_ONCE));
    if (st != ST_OK)
        return st;
    *ret_n = db_count(rows);
    for (unsigned i = 0; i < *ret_n; i++)
        ids[i] = db_u64(rows, i, 0);
    return ST_OK;
}

static status purge_channel(struct call *c, const struct purge *p, uint64_t channel_id)
{
    uint64_t ids[PURGE_AT_ONCE], after = p->first - 1;
    size_t n;
    do {
        status st = find_messages(c, p, channel_id, after, ids, &n);
        if (st != ST_OK || !n)
            return st;
        CHANGE_OWNED struct change *ch = NULL;
        st = change_begin(c, &p->guild_id, 1, ST_UNKNOWN_GUILD, &ch);
        if (st == ST_OK)
            st = message_remove_many(c, ch, p->guild_id, channel_id, ids, n, NULL);
        if (st == ST_OK)
            st = change_commit(ch);
        if (st != ST_OK)
            return st;
        after = ids[n - 1];
    } while (n == PURGE_AT_ONCE);
    return ST_OK;
}

static status purge(struct call *c, uint64_t guild_id, const uint64_t *authors, size_t n_authors, int64_t seconds)
{
    struct purge p = {.guild_id = guild_id, .authors = authors, .n_authors = n_authors};
    struct db_rows *channels;
    if (!seconds)
        return ST_OK;
    status st = where_to_look(c, guild_id, seconds, &channels);
    for (unsigned i = 0; st == ST_OK && i < db_count(channels); i++) {
        p.first = db_u64(channels, i, 1);
        st = purge_channel(c, &p, db_u64(channels, i, 0));
    }
    return st;
}

/* ---- Ban ------------------------------------------------------------------------------------------------------- */

static void add_event(struct call *c, struct change *ch, uint64_t guild_id, Hubbub__V1__User *user, bool added)
{
    struct arena *a = call_arena(c);
    Hubbub__V1__GuildBan *ban = PB_NEW(a, Hubbub__V1__GuildBan, hubbub__v1__guild_ban);
    PB_SET(ban, guild_id, guild_id);
    ban->user = user;
    change_add(ch, guild_id, guild_id, 0, added ? ROWS_EVENT(a, ban_add, ban) : ROWS_EVENT(a, ban_remove, ban));
}

/* Anybody may be banned who is not there; of the members those below the caller. */
static status check_target(struct call *c, struct change *ch, const struct access *a, uint64_t user_id,
                           bool *ret_member)
{
    struct access target;
    status st = access_of(c, change_db(ch), a->guild_id, user_id, &target);
    if (st == ST_OK && target.member && !access_above(a, &target))
        st = call_fail(c, ST_MISSING_PERMISSIONS, "user %" PRIu64 " is not below the caller", user_id);
    if (st == ST_OK)
        *ret_member = target.member;
    return st;
}

/* In a change that holds both scopes. *ret_new is false when the user was banned already. */
static status ban_in_change(struct call *c, struct change *ch, const struct access *a, Hubbub__V1__User *user,
                            bool *ret_new)
{
    struct db_rows *rows;
    bool member;
    status st = check_target(c, ch, a, user->id, &member);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "INSERT INTO bans (guild_id, user_id, reason) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
                          DB_ID(a->guild_id), DB_ID(user->id), DB_TEXT_OR_NULL(call_reason(c)));
    if (st != ST_OK || !(*ret_new = db_affected(rows) > 0))
        return st;
    if (member)
        st = member_remove(c, ch, a->guild_id, user->id);
    if (st != ST_OK)
        return st;
    add_event(c, ch, a->guild_id, user, true);
    return audit_act(c, ch, a->guild_id, AUDIT_MEMBER_BAN_ADD, user->id);
}

/* One whole change. The user is looked up before: one who does not exist has no scope to lock. */
static status ban(struct call *c, uint64_t guild_id, uint64_t user_id, uint64_t bits, bool *ret_new)
{
    Hubbub__V1__User *user;
    {
        DB_LEASED struct db *d = NULL;
        status st = lease_for(c, guild_id, bits, &d);
        if (st == ST_OK)
            st = rows_load_user(c, d, user_id, &user);
        if (st != ST_OK)
            return st;
    }
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    status st = access_begin_guild(c, guild_id, user_id, bits, &ch, &a);
    if (st == ST_OK)
        st = ban_in_change(c, ch, &a, user, ret_new);
    return st == ST_OK ? change_commit(ch) : st;
}

static status create(struct call *c, const Hubbub__V1__BanMemberRequest *req, Hubbub__V1__Empty *resp)
{
    bool is_new;
    int64_t seconds = req->has_delete_message_seconds ? req->delete_message_seconds
                                                      : (int64_t)req->delete_message_days * SECONDS_A_DAY;
    status st = ban(c, req->guild_id, req->user_id, PERM_BAN_MEMBERS, &is_new);
    return st == ST_OK ? purge(c, req->guild_id, &req->user_id, 1, seconds) : st;
}

static status remove_ban(struct call *c, const Hubbub__V1__MemberRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *rows;
    Hubbub__V1__User *user;
    status st = access_begin_guild(c, req->guild_id, 0, PERM_BAN_MEMBERS, &ch, &a);
    if (st == ST_OK)
        st = change_query(ch, &rows, "DELETE FROM bans WHERE guild_id = $1 AND user_id = $2", DB_ID(a.guild_id),
                          DB_ID(req->user_id));
    if (st == ST_OK && !db_affected(rows))
        st = call_fail(c, ST_UNKNOWN_BAN, "user %" PRIu64 " is not banned", req->user_id);
    if (st == ST_OK)
        st = rows_load_user(c, change_db(ch), req->user_id, &user);
    if (st != ST_OK)
        return st;
    add_event(c, ch, a.guild_id, user, false);
    st = audit_act(c, ch, a.guild_id, AUDIT_MEMBER_BAN_REMOVE, req->user_id);
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Bulk ------------------------------------------------------------------------------------------------------ */

static bool contains(const uint64_t *ids, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* What ends the call, of all that one user's ban can fail with: the rest is that user's. */
static bool is_users_own(status st)
{
    return st == ST_OK || st == ST_UNKNOWN_USER || st == ST_MISSING_PERMISSIONS;
}

static status bulk_create(struct call *c, const Hubbub__V1__BulkBanRequest *req, Hubbub__V1__BulkBanResponse *resp)
{
    struct arena *arena = call_arena(c);
    resp->banned_users = ARENA_ARRAY(arena, uint64_t, req->n_user_ids);
    resp->failed_users = ARENA_ARRAY(arena, uint64_t, req->n_user_ids);
    {
        DB_LEASED struct db *d = NULL;
        status st = lease_for(c, req->guild_id, PERM_BAN_MEMBERS | PERM_MANAGE_GUILD, &d);
        if (st != ST_OK)
            return st;
    }
    for (size_t i = 0; i < req->n_user_ids; i++) {
        uint64_t id = req->user_ids[i];
        bool is_new = false;
        if (contains(req->user_ids, i, id))
            continue;
        status st = ban(c, req->guild_id, id, PERM_BAN_MEMBERS | PERM_MANAGE_GUILD, &is_new);
        if (!is_users_own(st))
            return st;
        if (st == ST_OK && is_new)
            resp->banned_users[resp->n_banned_users++] = id;
        else
            resp->failed_users[resp->n_failed_users++] = id;
    }
    if (!resp->n_banned_users)
        return call_fail(c, ST_BULK_BAN_FAILED, "none of %zu users was banned", req->n_user_ids);
    return purge(c, req->guild_id, resp->banned_users, resp->n_banned_users, req->delete_message_seconds);
}

const struct hubbub__v1__bans__handlers bans_handlers = {
    .list = list,
    .get = get,
    .create = create,
    .remove = remove_ban,
    .bulk_create = bulk_create,
};
