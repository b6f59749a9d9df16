/* handle_relationships.c - the service Relationships. Every change holds the feeds rows of both, so requests that
 * cross, a request against a block and two acceptances have one order each. */
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/names.h"
#include "services/chat/relationships.h"
#include "services/chat/rows.h"
#include <inttypes.h>

/* The two sides, as they stand in the change. */
struct pair {
    struct call *call;
    struct change *ch;
    uint64_t other;
    enum relationship_type mine, theirs;
    bool bot; /* the other */
};

static status read_pair(struct pair *p)
{
    struct db_rows *r;
    uint64_t me = call_user(p->call);
    status st = change_query(p->ch, &r,
                             "SELECT u.bot, coalesce(m.type, 0), coalesce(t.type, 0) FROM users u"
                             " LEFT JOIN relationships m ON m.user_id = $1 AND m.other_id = u.id"
                             " LEFT JOIN relationships t ON t.user_id = u.id AND t.other_id = $1"
                             " WHERE u.id = $2 AND NOT u.deleted",
                             DB_ID(me), DB_ID(p->other));
    if (st != ST_OK)
        return st;
    if (!db_count(r))
        return call_fail(p->call, ST_UNKNOWN_USER, "no user %" PRIu64, p->other);
    p->bot = db_bool(r, 0, 0);
    p->mine = (enum relationship_type)db_i64(r, 0, 1);
    p->theirs = (enum relationship_type)db_i64(r, 0, 2);
    return ST_OK;
}

/* change_end(p->ch) is the caller's. */
static status begin(struct call *c, uint64_t other, struct pair *p)
{
    const uint64_t scopes[] = {call_user(c), other};
    *p = (struct pair){.call = c, .other = other};
    if (other == call_user(c))
        return call_fail(c, ST_FRIEND_SELF, "user %" PRIu64 " and themselves", other);
    status st = change_begin(c, scopes, 2, ST_UNKNOWN_USER, &p->ch);
    return st == ST_OK ? read_pair(p) : st;
}

/* ---- One side ---------------------------------------------------------------------------------------------------- */

/* What `of` is told about `about`. */
static status add_told(struct pair *p, uint64_t of, uint64_t about, enum relationship_type type)
{
    struct arena *a = call_arena(p->call);
    Hubbub__V1__Relationship *x = PB_NEW(a, Hubbub__V1__Relationship, hubbub__v1__relationship);
    struct db_rows *r;
    status st = rows_load_user(p->call, change_db(p->ch), about, &x->user);
    if (st == ST_OK)
        st = change_query(p->ch, &r,
                          "INSERT INTO relationships (user_id, other_id, type) VALUES ($1, $2, $3) ON CONFLICT "
                          "(user_id, other_id) DO UPDATE SET type = $3, since = clock_timestamp(), nickname = NULL "
                          "RETURNING " ROWS_MS("since"),
                          DB_ID(of), DB_ID(about), DB_I64(type));
    if (st != ST_OK)
        return st;
    PB_SET(x, id, about);
    PB_SET(x, type, type);
    PB_SET(x, since, db_i64(r, 0, 0));
    if (of != call_user(p->call))
        PB_SET(x, should_notify, true);
    change_add(p->ch, of, of, 0, ROWS_EVENT(a, relationship_add, x));
    return ST_OK;
}

static status drop(struct pair *p, uint64_t of, uint64_t about, enum relationship_type type)
{
    struct db_rows *r;
    if (type == RELATIONSHIP_NONE)
        return ST_OK;
    Hubbub__V1__RelationshipRemoved *x =
        PB_NEW(call_arena(p->call), Hubbub__V1__RelationshipRemoved, hubbub__v1__relationship_removed);
    PB_SET(x, id, about);
    PB_SET(x, type, type);
    change_add(p->ch, of, of, 0, ROWS_EVENT(call_arena(p->call), relationship_remove, x));
    return change_query(p->ch, &r, "DELETE FROM relationships WHERE user_id = $1 AND other_id = $2", DB_ID(of),
                        DB_ID(about));
}

static status set_both(struct pair *p, enum relationship_type mine, enum relationship_type theirs)
{
    uint64_t me = call_user(p->call);
    status st = add_told(p, me, p->other, mine);
    return st == ST_OK ? add_told(p, p->other, me, theirs) : st;
}

/* ---- Limits ------------------------------------------------------------------------------------------------------ */

static status count(struct pair *p, uint64_t of, bool blocked, int64_t *ret)
{
    struct db_rows *r;
    status st = change_query(p->ch, &r, "SELECT count(*) FROM relationships WHERE user_id = $1 AND (type = 2) = $2",
                             DB_ID(of), DB_BOOL(blocked));
    if (st == ST_OK)
        *ret = db_i64(r, 0, 0);
    return st;
}

/* One more for both: what is between them already counts. */
static status check_room(struct pair *p)
{
    int64_t mine, theirs;
    status st = count(p, call_user(p->call), false, &mine);
    if (st == ST_OK)
        st = count(p, p->other, false, &theirs);
    if (st == ST_OK && mine >= RELATIONSHIP_FRIENDS_MAX)
        st = call_fail(p->call, ST_MAX_FRIENDS, "user %" PRIu64 " has %d friends", call_user(p->call), (int)mine);
    if (st == ST_OK && theirs >= RELATIONSHIP_FRIENDS_MAX)
        st = call_fail(p->call, ST_FRIEND_REQUESTS_CLOSED, "user %" PRIu64 " has %d friends", p->other, (int)theirs);
    return st;
}

/* ---- Requests ---------------------------------------------------------------------------------------------------- */

static status check_request(struct pair *p)
{
    if (p->bot)
        return call_fail(p->call, ST_FRIEND_BOT, "user %" PRIu64 " is a bot", p->other);
    if (p->mine == RELATIONSHIP_FRIEND)
        return call_fail(p->call, ST_FRIEND_ALREADY, "users are friends");
    if (p->theirs == RELATIONSHIP_BLOCKED)
        return call_fail(p->call, ST_FRIEND_BLOCKED, "user %" PRIu64 " blocks", p->other);
    return ST_OK;
}

/* Asks, or accepts what the other has asked. */
static status request(struct pair *p)
{
    status st = check_request(p);
    if (st != ST_OK || p->mine == RELATIONSHIP_OUTGOING)
        return st;
    if (p->mine == RELATIONSHIP_INCOMING)
        return set_both(p, RELATIONSHIP_FRIEND, RELATIONSHIP_FRIEND);
    st = check_room(p);
    return st == ST_OK ? set_both(p, RELATIONSHIP_OUTGOING, RELATIONSHIP_INCOMING) : st;
}

static status block(struct pair *p)
{
    int64_t blocked;
    if (p->mine == RELATIONSHIP_BLOCKED)
        return ST_OK;
    status st = count(p, call_user(p->call), true, &blocked);
    if (st == ST_OK && blocked >= RELATIONSHIP_BLOCKED_MAX)
        st = call_fail(p->call, ST_MAX_BLOCKED, "user %" PRIu64 " blocks %d", call_user(p->call), (int)blocked);
    if (st == ST_OK)
        st = add_told(p, call_user(p->call), p->other, RELATIONSHIP_BLOCKED);
    if (st == ST_OK && p->theirs != RELATIONSHIP_BLOCKED)
        st = drop(p, p->other, call_user(p->call), p->theirs);
    return st;
}

static status change_with(struct call *c, uint64_t other, status (*act)(struct pair *))
{
    struct pair p;
    status st = begin(c, other, &p);
    if (st == ST_OK)
        st = act(&p);
    if (st == ST_OK)
        st = change_commit(p.ch);
    change_end(p.ch);
    return st;
}

static status find_by_name(struct call *c, const char *username, uint64_t *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    const char *why, *name = username_normalise(call_arena(c), username, &why);
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r,
                        "SELECT id FROM users WHERE NOT bot AND NOT deleted AND lower(username COLLATE "
                        "\"und-x-icu\") = lower($1::text COLLATE \"und-x-icu\")",
                        DB_TEXT(name ? name : ""));
    if (st == ST_OK && !db_count(r))
        st = call_fail(c, ST_UNKNOWN_USERNAME, "nobody has the name");
    if (st == ST_OK)
        *ret = db_u64(r, 0, 0);
    return st;
}

static status add(struct call *c, const Hubbub__V1__AddFriendRequest *req, Hubbub__V1__Empty *ret)
{
    uint64_t other;
    status st = find_by_name(c, req->username, &other);
    return st == ST_OK ? change_with(c, other, request) : st;
}

static status put(struct call *c, const Hubbub__V1__PutRelationshipRequest *req, Hubbub__V1__Empty *ret)
{
    return change_with(c, req->user_id, req->type == RELATIONSHIP_BLOCKED ? block : request);
}

/* ---- Removal and nicknames --------------------------------------------------------------------------------------- */

static status check_known(struct pair *p)
{
    if (p->mine != RELATIONSHIP_NONE)
        return ST_OK;
    return call_fail(p->call, ST_UNKNOWN_USER, "nothing with user %" PRIu64, p->other);
}

/* A block is lifted for one side; all else ends for both. */
static status end(struct pair *p)
{
    status st = check_known(p);
    if (st == ST_OK)
        st = drop(p, call_user(p->call), p->other, p->mine);
    if (st == ST_OK && p->mine != RELATIONSHIP_BLOCKED)
        st = drop(p, p->other, call_user(p->call), p->theirs);
    return st;
}

static status remove_relationship(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__Empty *ret)
{
    return change_with(c, req->user_id, end);
}

static status rename_friend(struct pair *p, const char *nickname)
{
    struct db_rows *r;
    Hubbub__V1__Relationship *x = PB_NEW(call_arena(p->call), Hubbub__V1__Relationship, hubbub__v1__relationship);
    status st = check_known(p);
    if (st == ST_OK)
        st = change_query(p->ch, &r,
                          "UPDATE relationships SET nickname = $3 WHERE user_id = $1 AND other_id = $2 RETURNING "
                          "nickname, " ROWS_MS("since"),
                          DB_ID(call_user(p->call)), DB_ID(p->other), DB_TEXT_OR_NULL(nickname));
    if (st == ST_OK)
        st = rows_load_user(p->call, change_db(p->ch), p->other, &x->user);
    if (st != ST_OK)
        return st;
    PB_SET(x, id, p->other);
    PB_SET(x, type, p->mine);
    PB_SET(x, since, db_i64(r, 0, 1));
    x->nickname = (char *)db_text(r, 0, 0);
    change_add(p->ch, call_user(p->call), call_user(p->call), 0,
               ROWS_EVENT(call_arena(p->call), relationship_update, x));
    return ST_OK;
}

static status edit(struct call *c, const Hubbub__V1__EditRelationshipRequest *req, Hubbub__V1__Empty *ret)
{
    struct pair p;
    status st = begin(c, req->user_id, &p);
    if (st == ST_OK)
        st = rename_friend(&p, req->nickname);
    if (st == ST_OK)
        st = change_commit(p.ch);
    change_end(p.ch);
    return st;
}

static status list(struct call *c, const Hubbub__V1__Empty *req, Hubbub__V1__RelationshipList *ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    return st == ST_OK ? relationships_load(c, d, call_user(c), &ret->relationships, &ret->n_relationships) : st;
}

const struct hubbub__v1__relationships__handlers relationships_handlers = {
    .add = add,
    .put = put,
    .edit = edit,
    .remove = remove_relationship,
    .list = list,
};
