/* handle_audit.c - the Audit service. */
#include "services/chat/access.h"
#include "services/chat/audit.h"
#include "services/chat/handlers.h"
#include "services/chat/rows.h"
#include "services/chat/webhooks.h"

static void read_entries(struct call *c, const struct db_rows *rows, Hubbub__V1__AuditLog *resp)
{
    struct arena *a = call_arena(c);
    resp->audit_log_entries = ARENA_ARRAY(a, Hubbub__V1__AuditEntry *, db_count(rows));
    for (unsigned i = 0; i < db_count(rows); i++) {
        size_t n;
        const uint8_t *packed = db_bytes(rows, i, 0, &n);
        Hubbub__V1__AuditEntry *e = hubbub__v1__audit_entry__unpack(arena_protobuf(a), n, packed);
        if (e)
            resp->audit_log_entries[resp->n_audit_log_entries++] = e;
    }
}

/* Who did it, and those of the targets that are users. */
static status read_users(struct call *c, struct db *d, Hubbub__V1__AuditLog *resp)
{
    size_t n = resp->n_audit_log_entries;
    uint64_t *ids = ARENA_ARRAY(call_arena(c), uint64_t, 2 * n);
    for (size_t i = 0; i < n; i++) {
        ids[2 * i] = resp->audit_log_entries[i]->user_id;
        ids[2 * i + 1] = resp->audit_log_entries[i]->target_id;
    }
    struct db_rows *rows;
    status st =
        chat_query(c, d, &rows, "SELECT " ROWS_USER " FROM users u WHERE u.id = ANY ($1::bigint[]) ORDER BY u.id",
                   DB_IDS(ids, 2 * n));
    if (st != ST_OK)
        return st;
    resp->n_users = db_count(rows);
    resp->users = ARENA_ARRAY(call_arena(c), Hubbub__V1__User *, resp->n_users);
    for (unsigned i = 0; i < resp->n_users; i++)
        resp->users[i] = rows_user(call_arena(c), rows, i, 0);
    return ST_OK;
}

/* Those of the targets that are webhooks, and are still there. */
static status read_webhooks(struct call *c, struct db *d, uint64_t guild_id, Hubbub__V1__AuditLog *resp)
{
    Hubbub__V1__WebhookList found = HUBBUB__V1__WEBHOOK_LIST__INIT;
    uint64_t *ids = ARENA_ARRAY(call_arena(c), uint64_t, resp->n_audit_log_entries);
    size_t n = 0;
    for (size_t i = 0; i < resp->n_audit_log_entries; i++) {
        uint32_t action = resp->audit_log_entries[i]->action_type;
        if (action >= AUDIT_WEBHOOK_CREATE && action <= AUDIT_WEBHOOK_DELETE)
            ids[n++] = resp->audit_log_entries[i]->target_id;
    }
    status st = n ? webhooks_load_shown(c, d, guild_id, ids, n, &found) : ST_OK;
    if (st != ST_OK || !found.n_webhooks)
        return st;
    struct buf json = {0};
    wire_write_field(&json, &hubbub__v1__webhook_list__wire, &found.base, "webhooks");
    resp->has_webhooks = !json.failed;
    if (!json.failed)
        resp->webhooks = (ProtobufCBinaryData){json.len, arena_memdup(call_arena(c), json.data, json.len)};
    buf_finish(&json);
    return ST_OK;
}

static status list(struct call *c, const Hubbub__V1__ListAuditRequest *req, Hubbub__V1__AuditLog *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    struct db_rows *rows;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    if (st == ST_OK)
        st = access_require(c, &a, PERM_VIEW_AUDIT_LOG);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT entry FROM audit_log WHERE guild_id = $1 AND id > $2 AND ($3::bigint = 0 OR id < $3) "
                        "AND ($4::bigint = 0 OR user_id = $4) AND ($5::bigint = 0 OR target_id = $5) "
                        "AND ($6::bigint = 0 OR action_type = $6) "
                        "ORDER BY CASE WHEN $2 > 0 AND $3 = 0 THEN id ELSE -id END LIMIT $7",
                        DB_ID(req->guild_id), DB_ID(req->after), DB_ID(req->before), DB_ID(req->user_id),
                        DB_ID(req->target_id), DB_I64(req->action_type), DB_I64(req->limit));
    if (st != ST_OK)
        return st;
    read_entries(c, rows, resp);
    st = read_users(c, d, resp);
    return st == ST_OK ? read_webhooks(c, d, req->guild_id, resp) : st;
}

const struct hubbub__v1__audit__handlers audit_handlers = {
    .list = list,
};
