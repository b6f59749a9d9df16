/* handle_sessions.c - the AuthSessions service: a person's tokens, as sessions that they know and can end. */
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/rows.h"
#include "services/chat/tokens.h"

enum { LISTED_MAX = 200 };

static Hubbub__V1__AuthSession *session_of(struct arena *a, const struct db_rows *r, unsigned i)
{
    Hubbub__V1__AuthSession *s = PB_NEW(a, Hubbub__V1__AuthSession, hubbub__v1__auth_session);
    s->id_hash = (char *)db_text(r, i, 0);
    PB_SET(s, approx_last_used_time, db_i64(r, i, 1));
    s->client_info = PB_NEW(a, Hubbub__V1__AuthSessionClient, hubbub__v1__auth_session_client);
    s->client_info->os = db_is_null(r, i, 2) ? NULL : (char *)db_text(r, i, 2);
    s->client_info->platform = db_is_null(r, i, 3) ? NULL : (char *)db_text(r, i, 3);
    return s;
}

static status list(struct call *c, const Hubbub__V1__Empty *req, Hubbub__V1__AuthSessionList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r,
                        "SELECT encode(hash, 'base64'), " ROWS_MS(
                            "used_at") ", os, platform FROM tokens "
                                       "WHERE user_id = $1 ORDER BY used_at DESC, hash LIMIT $2",
                        DB_ID(call_user(c)), DB_I64(LISTED_MAX));
    if (st != ST_OK)
        return st;
    resp->n_user_sessions = db_count(r);
    resp->user_sessions = ARENA_ARRAY(call_arena(c), Hubbub__V1__AuthSession *, resp->n_user_sessions);
    for (unsigned i = 0; i < resp->n_user_sessions; i++)
        resp->user_sessions[i] = session_of(call_arena(c), r, i);
    return ST_OK;
}

/* Sessions that the caller names and does not have. */
static status check_own(struct call *c, struct change *ch, const Hubbub__V1__RevokeSessionsRequest *req)
{
    struct db_rows *r;
    status st = change_query(ch, &r,
                             "SELECT FROM unnest($2::text[]) AS h WHERE NOT EXISTS (SELECT FROM tokens t WHERE "
                             "t.user_id = $1 AND encode(t.hash, 'base64') = h)",
                             DB_ID(call_user(c)), DB_TEXTS(req->session_id_hashes, req->n_session_id_hashes));
    if (st == ST_OK && db_count(r))
        st = call_fail(c, ST_UNKNOWN_SESSION, "%u sessions are not the caller's", db_count(r));
    return st;
}

static status revoke(struct call *c, const Hubbub__V1__RevokeSessionsRequest *req, Hubbub__V1__Empty *resp)
{
    uint64_t user = call_user(c);
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *ended;
    status st = change_begin(c, &user, 1, ST_UNAUTHORIZED, &ch);
    if (st == ST_OK)
        st = check_own(c, ch, req);
    if (st == ST_OK)
        st = change_query(ch, &ended,
                          "DELETE FROM tokens WHERE user_id = $1 AND encode(hash, 'base64') = ANY ($2::text[]) "
                          "RETURNING hash",
                          DB_ID(user), DB_TEXTS(req->session_id_hashes, req->n_session_id_hashes));
    if (st != ST_OK)
        return st;
    token_add_revoked(c, ch, user, ended);
    return change_commit(ch);
}

const struct hubbub__v1__auth_sessions__handlers auth_sessions_handlers = {
    .list = list,
    .revoke = revoke,
};
