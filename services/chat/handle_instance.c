/* handle_instance.c - the service Instance: what its administrators see and do by REST. That the caller is one is known
 * here: the method says so, and the edge asks (options.proto, ADMINISTRATOR). */
#include "services/chat/account_end.h"
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/rows.h"
#include <inttypes.h>

/* ---- Summary ----------------------------------------------------------------------------------------------------- */

static const char *const registration_names[] = {"open", "invite", "closed"};

static const char counts[] =
    "SELECT (SELECT max(number) FROM migrations), current_setting('server_version'), "
    "count(*) FILTER (WHERE NOT bot AND NOT deleted), count(*) FILTER (WHERE NOT bot AND NOT deleted AND disabled), "
    "count(*) FILTER (WHERE NOT bot AND NOT deleted AND (seen_at > clock_timestamp() - interval '30 days' OR t.user_id IS NOT "
    "NULL)), "
    "count(*) FILTER (WHERE bot), (SELECT count(*) FROM guilds), "
    "(SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = "
    "i.inhrelid WHERE i.inhparent = 'messages'::regclass), "
    "pg_database_size(current_database()), (SELECT count(*) FROM reports WHERE resolved_at IS NULL) FROM users u "
    "LEFT JOIN (SELECT user_id FROM tokens WHERE used_at > clock_timestamp() - interval '30 days' GROUP BY user_id) t ON "
    "t.user_id = u.id";

static void read_counts(const struct db_rows *rows, Hubbub__V1__InstanceSummary *s)
{
    PB_SET(s, schema_version, (int32_t)db_i64(rows, 0, 0));
    s->postgresql_version = (char *)db_text(rows, 0, 1);
    PB_SET(s, users, db_i64(rows, 0, 2));
    PB_SET(s, users_disabled, db_i64(rows, 0, 3));
    PB_SET(s, users_active, db_i64(rows, 0, 4));
    PB_SET(s, bots, db_i64(rows, 0, 5));
    PB_SET(s, guilds, db_i64(rows, 0, 6));
    PB_SET(s, messages, db_i64(rows, 0, 7));
    PB_SET(s, database_bytes, db_i64(rows, 0, 8));
    PB_SET(s, reports_open, db_i64(rows, 0, 9));
}

/* Who answers this is there itself, and its database. */
static void list_services(struct call *c, const Hubbub__V1__InstanceSummaryRequest *req, Hubbub__V1__InstanceSummary *s)
{
    bool bus = chat_of(c)->bus && bus_publisher_connected(chat_of(c)->bus);
    const struct {
        const char *name, *state;
    } all[] = {{"chat", "ok"},
               {"postgresql", "ok"},
               {"redis", bus ? "ok" : "away"},
               {"presence", req->presence_state},
               {"media", req->media_state}};
    s->services = ARENA_ARRAY(call_arena(c), Hubbub__V1__InstanceService *, sizeof all / sizeof *all);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        Hubbub__V1__InstanceService *one =
            PB_NEW(call_arena(c), Hubbub__V1__InstanceService, hubbub__v1__instance_service);
        one->name = (char *)all[i].name;
        one->state = (char *)(all[i].state ? all[i].state : "away");
        s->services[s->n_services++] = one;
    }
}

static status get_summary(struct call *c, const Hubbub__V1__InstanceSummaryRequest *req,
                          Hubbub__V1__InstanceSummary *resp)
{
    const struct chat_config *config = &chat_of(c)->config;
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, counts);
    if (st != ST_OK)
        return st;
    resp->registration = (char *)registration_names[config->registration];
    PB_SET(resp, minimum_age, config->minimum_age);
    PB_SET(resp, mail, mail_is_on(&config->mail));
    read_counts(rows, resp);
    list_services(c, req, resp);
    return ST_OK;
}

/* ---- People ------------------------------------------------------------------------------------------------------ */

#define INSTANCE_USER                                                                                                  \
    ROWS_USER ", u.email, u.verified, u.admin, u.disabled, u.self_disabled, u.mfa, "                                                    \
              "(SELECT count(*) FROM tokens t WHERE t.user_id = u.id), "                                               \
              "(SELECT count(*) FROM members m WHERE m.user_id = u.id), "                                              \
              "(SELECT count(*) FROM reports r WHERE r.author_id = u.id AND r.resolved_at IS NULL), " ROWS_MS(         \
                  "u.created_at") ", " ROWS_MS("greatest(u.seen_at, (SELECT max(t.used_at) FROM tokens t WHERE "       \
                                               "t.user_id = u.id))")

static Hubbub__V1__InstanceUser *read_user(struct arena *a, const struct db_rows *rows, unsigned row)
{
    Hubbub__V1__InstanceUser *x = PB_NEW(a, Hubbub__V1__InstanceUser, hubbub__v1__instance_user);
    unsigned col = ROWS_USER_N;
    x->user = rows_user(a, rows, row, 0);
    x->email = (char *)db_text(rows, row, col++);
    PB_SET(x, verified, db_bool(rows, row, col++));
    PB_SET(x, administrator, db_bool(rows, row, col++));
    PB_SET(x, disabled, db_bool(rows, row, col++));
    PB_SET(x, self_disabled, db_bool(rows, row, col++));
    PB_SET(x, mfa_enabled, db_bool(rows, row, col++));
    PB_SET(x, sessions, (uint32_t)db_i64(rows, row, col++));
    PB_SET(x, guilds, (uint32_t)db_i64(rows, row, col++));
    PB_SET(x, reports_open, (uint32_t)db_i64(rows, row, col++));
    PB_SET(x, created_at, db_i64(rows, row, col++));
    PB_SET(x, seen_at, db_i64(rows, row, col));
    return x;
}

static status list_users(struct call *c, const Hubbub__V1__ListInstanceUsersRequest *req,
                         Hubbub__V1__InstanceUserList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT " INSTANCE_USER " FROM users u WHERE NOT u.bot AND NOT u.deleted AND u.id > $1 AND "
                        "($2::boolean IS NULL OR u.disabled = $2) AND ($3::text IS NULL OR u.id::text = $3 OR "
                        "strpos(lower(concat_ws(E'\\n', u.username, u.global_name, u.email)), lower($3)) > 0) "
                        "ORDER BY u.id LIMIT $4",
                        DB_ID(req->after), req->has_disabled ? DB_BOOL(req->disabled) : DB_NULL,
                        DB_TEXT_OR_NULL(req->query), DB_I64(req->limit));
    if (st != ST_OK)
        return st;
    resp->users = ARENA_ARRAY(call_arena(c), Hubbub__V1__InstanceUser *, db_count(rows));
    for (unsigned i = 0; i < db_count(rows); i++)
        resp->users[resp->n_users++] = read_user(call_arena(c), rows, i);
    return ST_OK;
}

static status get_user(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__InstanceUser *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT " INSTANCE_USER " FROM users u WHERE u.id = $1 AND NOT u.bot AND NOT u.deleted",
                        DB_ID(req->user_id));
    if (st == ST_OK && !db_count(rows))
        st = call_fail(c, ST_UNKNOWN_USER, "no person has the id %" PRIu64, req->user_id);
    if (st == ST_OK)
        *resp = *read_user(call_arena(c), rows, 0);
    return st;
}

static status set_disabled(struct call *c, const Hubbub__V1__UserRequest *req, bool disabled,
                           Hubbub__V1__InstanceUser *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = change_begin(c, &req->user_id, 1, ST_UNKNOWN_USER, &ch);
    if (st == ST_OK)
        st = account_require_ordinary(c, ch, req->user_id);
    if (st == ST_OK)
        st = account_set_disabled(c, ch, req->user_id, disabled);
    if (st == ST_OK)
        st = change_commit(ch);
    return st == ST_OK ? get_user(c, req, resp) : st;
}

static status disable_user(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__InstanceUser *resp)
{
    return set_disabled(c, req, true, resp);
}

static status enable_user(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__InstanceUser *resp)
{
    return set_disabled(c, req, false, resp);
}

static status delete_user(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__Empty *resp)
{
    return account_delete(c, req->user_id, true);
}

const struct hubbub__v1__instance__handlers instance_handlers = {
    .get_summary = get_summary,
    .list_users = list_users,
    .get_user = get_user,
    .disable_user = disable_user,
    .enable_user = enable_user,
    .delete_user = delete_user,
};
