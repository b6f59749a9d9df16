/* handle_reports.c - the service Reports. A report keeps the message as it is when it is reported, and holds its files
 * in the store, so neither an edit nor a deletion takes the evidence away. It is resolved in one change with the act
 * that it ends in: nobody sees the one without the other, and two administrators do not both resolve it. */
#include "lib/base/clock.h"
#include "services/chat/account_end.h"
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/message_send.h"
#include "services/chat/reports.h"
#include "services/chat/rows.h"
#include "services/chat/tickets.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const int64_t DAY_MS = 24 * 3600 * INT64_C(1000);

/* ---- Create ------------------------------------------------------------------------------------------------------ */

/* The caller's reports come one after the other, so that the bound holds. *ret_id: of an earlier one about the message,
 * or 0. */
static status check_reporter(struct call *c, struct change *ch, uint64_t message_id, uint64_t *ret_id)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "SELECT pg_advisory_xact_lock($1)", DB_ID(call_user(c)));
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "SELECT count(*) FILTER (WHERE at > $3), min(at) FILTER (WHERE at > $3), coalesce(max(id) "
                          "FILTER (WHERE message_id = $2), 0) FROM (SELECT id, message_id, (id >> 22) + 1420070400000 "
                          "AS at FROM reports WHERE reporter_id = $1) x",
                          DB_ID(call_user(c)), DB_ID(message_id), DB_I64(clock_wall_ms() - DAY_MS));
    if (st != ST_OK)
        return st;
    *ret_id = db_u64(rows, 0, 2);
    if (*ret_id || db_i64(rows, 0, 0) < REPORTS_A_DAY)
        return ST_OK;
    call_retry_after(c, db_i64(rows, 0, 1) + DAY_MS - clock_wall_ms());
    return call_fail(c, ST_RATE_LIMITED, "%d reports a day", REPORTS_A_DAY);
}

static status insert(struct call *c, struct change *ch, const Hubbub__V1__CreateReportRequest *req,
                     const struct access *a, const Hubbub__V1__Message *m, uint64_t *ret_id)
{
    struct db_rows *rows;
    size_t n = hubbub__v1__message__get_packed_size(m);
    uint8_t *packed = arena_alloc(call_arena(c), n + 1);
    hubbub__v1__message__pack(m, packed);
    status st = change_query(ch, &rows,
                             "INSERT INTO reports (reporter_id, author_id, guild_id, channel_id, message_id, reason, "
                             "comment, message) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id",
                             DB_ID(call_user(c)), DB_ID(m->author ? m->author->id : 0), DB_ID_OR_NULL(a->guild_id),
                             DB_ID(req->channel_id), DB_ID(req->message_id), DB_TEXT(req->reason),
                             DB_TEXT_OR_NULL(req->comment), DB_BYTES(packed, n));
    if (st == ST_OK)
        *ret_id = db_u64(rows, 0, 0);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "INSERT INTO report_files (report_id, attachment_id, store_key) SELECT $1, id, store_key FROM "
                          "attachments WHERE channel_id = $2 AND message_id = $3",
                          DB_ID(*ret_id), DB_ID(req->channel_id), DB_ID(req->message_id));
    return st;
}

/* Under the channel's feed: the message stays what it is, and the right to read it what it was. */
static status create(struct call *c, const Hubbub__V1__CreateReportRequest *req, Hubbub__V1__ReportReceipt *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Message *m;
    uint64_t id = 0;
    status st = messages_begin(c, req->channel_id, PERM_READ_MESSAGE_HISTORY, &ch, &a);
    if (st == ST_OK)
        st = messages_load(c, change_db(ch), req->channel_id, req->message_id, &m);
    if (st == ST_OK)
        st = messages_complete(c, change_db(ch), &m, 1);
    if (st == ST_OK)
        st = check_reporter(c, ch, req->message_id, &id);
    if (st == ST_OK && !id)
        st = insert(c, ch, req, &a, m, &id);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        PB_SET(resp, id, id);
    return st;
}

/* ---- Read -------------------------------------------------------------------------------------------------------- */

/* r: reports. People are added by show_people. */
#define REPORT                                                                                                         \
    "SELECT r.id, r.reason, r.comment, r.guild_id, g.name, r.channel_id, k.name, r.message_id, r.message, EXISTS "     \
    "(SELECT FROM messages m WHERE m.channel_id = r.channel_id AND m.id = r.message_id), " ROWS_MS("r.resolved_at")    \
    ", r.act, r.note, r.reporter_id, r.author_id, r.resolver_id FROM reports r LEFT JOIN guilds g ON g.id = "          \
    "r.guild_id LEFT JOIN channels k ON k.id = r.channel_id WHERE "
enum { REPORTER = 13, AUTHOR, RESOLVER, PEOPLE = 3 };

static char *text_or_null(const struct db_rows *rows, unsigned row, unsigned col)
{
    return db_is_null(rows, row, col) ? NULL : (char *)db_text(rows, row, col);
}

static Hubbub__V1__Report *read_report(struct arena *a, const struct db_rows *rows, unsigned row)
{
    Hubbub__V1__Report *r = PB_NEW(a, Hubbub__V1__Report, hubbub__v1__report);
    size_t n;
    const uint8_t *packed = db_bytes(rows, row, 8, &n);
    PB_SET(r, id, db_u64(rows, row, 0));
    PB_SET(r, created_at, snowflake_ms(r->id));
    r->reason = (char *)db_text(rows, row, 1);
    r->comment = text_or_null(rows, row, 2);
    if (!db_is_null(rows, row, 3))
        PB_SET(r, guild_id, db_u64(rows, row, 3));
    r->guild_name = text_or_null(rows, row, 4);
    PB_SET(r, channel_id, db_u64(rows, row, 5));
    r->channel_name = text_or_null(rows, row, 6);
    PB_SET(r, message_id, db_u64(rows, row, 7));
    r->message = hubbub__v1__message__unpack(arena_protobuf(a), n, packed);
    PB_SET(r, message_exists, db_bool(rows, row, 9));
    if (!db_is_null(rows, row, 10))
        PB_SET(r, resolved_at, db_i64(rows, row, 10));
    r->act = text_or_null(rows, row, 11);
    r->note = text_or_null(rows, row, 12);
    return r;
}

static Hubbub__V1__User *person(struct arena *a, const struct db_rows *people, uint64_t id)
{
    for (unsigned i = 0; i < db_count(people); i++)
        if (db_u64(people, i, 0) == id)
            return rows_user(a, people, i, 0);
    return NULL;
}

/* Who reported, wrote and resolved, as they are now: one query. */
static status show_people(struct call *c, struct db *d, const struct db_rows *rows, Hubbub__V1__Report *const *reports)
{
    struct arena *a = call_arena(c);
    unsigned n = db_count(rows);
    uint64_t *ids = ARENA_ARRAY(a, uint64_t, PEOPLE * n);
    struct db_rows *people;
    for (unsigned i = 0; i < n * PEOPLE; i++)
        ids[i] = db_u64(rows, i / PEOPLE, REPORTER + i % PEOPLE);
    status st = chat_query(c, d, &people, "SELECT " ROWS_USER " FROM users u WHERE u.id = ANY ($1::bigint[])",
                           DB_IDS(ids, PEOPLE * n));
    for (unsigned i = 0; st == ST_OK && i < n; i++) {
        reports[i]->reporter = person(a, people, db_u64(rows, i, REPORTER));
        reports[i]->author = person(a, people, db_u64(rows, i, AUTHOR));
        reports[i]->resolver = person(a, people, db_u64(rows, i, RESOLVER));
    }
    return st;
}

static status read_list(struct call *c, struct db *d, const struct db_rows *rows, Hubbub__V1__Report ***ret)
{
    *ret = ARENA_ARRAY(call_arena(c), Hubbub__V1__Report *, db_count(rows));
    for (unsigned i = 0; i < db_count(rows); i++)
        (*ret)[i] = read_report(call_arena(c), rows, i);
    return db_count(rows) ? show_people(c, d, rows, *ret) : ST_OK;
}

static status list(struct call *c, const Hubbub__V1__ListReportsRequest *req, Hubbub__V1__ReportList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows, *open;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        REPORT "(r.resolved_at IS NULL) = $1 AND ($2::bigint = 0 OR r.author_id = $2) AND ($3::bigint = "
                               "0 OR r.id < $3) ORDER BY r.id DESC LIMIT $4",
                        DB_BOOL(!strcmp(req->state, "open")), DB_ID(req->author_id),
                        DB_ID(req->before > INT64_MAX ? INT64_MAX : req->before), DB_I64(req->limit));
    if (st == ST_OK)
        st = read_list(c, d, rows, &resp->reports);
    if (st == ST_OK)
        st = chat_query(c, d, &open, "SELECT count(*) FROM reports WHERE resolved_at IS NULL");
    if (st != ST_OK)
        return st;
    resp->n_reports = db_count(rows);
    PB_SET(resp, open, (uint32_t)db_i64(open, 0, 0));
    return ST_OK;
}

static status load(struct call *c, uint64_t id, Hubbub__V1__Report *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    Hubbub__V1__Report **found;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, REPORT "r.id = $1", DB_ID(id));
    if (st == ST_OK && !db_count(rows))
        st = call_fail(c, ST_UNKNOWN_REPORT, "no report %" PRIu64, id);
    if (st == ST_OK)
        st = read_list(c, d, rows, &found);
    if (st == ST_OK)
        *ret = *found[0];
    return st;
}

/* The message may be gone, and with it the files' usual addresses. */
static status link_files(struct call *c, Hubbub__V1__Report *r)
{
    struct arena *a = call_arena(c);
    size_t n;
    char *ticket;
    Hubbub__V1__Attachment **files = message_files(r->message, &n);
    if (!n)
        return ST_OK;
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = ticket_issue(c, d, call_user(c), TICKET_EVIDENCE, arena_printf(a, "%" PRIu64, r->id), &ticket);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        files[i]->url = files[i]->proxy_url = message_file_url(
            a, arena_printf(a, "%s/evidence/%s/%" PRIu64, chat_public_url(c), ticket, files[i]->id), files[i]);
    return st;
}

static status load_linked(struct call *c, uint64_t id, Hubbub__V1__Report *ret)
{
    status st = load(c, id, ret);
    return st == ST_OK && ret->message ? link_files(c, ret) : st;
}

static status get(struct call *c, const Hubbub__V1__ReportRequest *req, Hubbub__V1__Report *resp)
{
    return load_linked(c, req->report_id, resp);
}

/* The ticket's owner is asked again: the right may have gone since. */
static status load_evidence(struct call *c, const Hubbub__V1__EvidenceRequest *req, struct db_rows **ret)
{
    DB_LEASED struct db *d = NULL;
    uint64_t user;
    const char *report;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = ticket_look(c, d, req->ticket ? req->ticket : "", TICKET_EVIDENCE, &user, &report);
    if (st == ST_OK)
        st = chat_query(c, d, ret,
                        "SELECT f.store_key, r.message FROM report_files f JOIN reports r ON r.id = f.report_id WHERE "
                        "r.id = $1 AND f.attachment_id = $2 AND EXISTS (SELECT FROM users WHERE id = $3 AND admin AND "
                        "NOT disabled)",
                        DB_ID(strtoull(report, NULL, 10)), DB_ID(req->attachment_id), DB_ID(user));
    return st == ST_OK && !db_count(*ret) ? call_fail(c, ST_UNKNOWN_ASSET, "no such evidence") : st;
}

static status resolve_evidence(struct call *c, const Hubbub__V1__EvidenceRequest *req, Hubbub__V1__Attachment *ret)
{
    struct db_rows *rows;
    size_t n, n_files;
    status st = load_evidence(c, req, &rows);
    if (st != ST_OK)
        return st;
    const uint8_t *packed = db_bytes(rows, 0, 1, &n);
    Hubbub__V1__Message *m = hubbub__v1__message__unpack(arena_protobuf(call_arena(c)), n, packed);
    Hubbub__V1__Attachment **files = m ? message_files(m, &n_files) : NULL;
    for (size_t i = 0; files && i < n_files; i++)
        if (files[i]->id == req->attachment_id) {
            *ret = *files[i];
            ret->store_key = (char *)db_text(rows, 0, 0);
            return ST_OK;
        }
    return call_fail(c, ST_UNKNOWN_ASSET, "the message has no such file");
}

/* ---- Resolve ----------------------------------------------------------------------------------------------------- */

/* What the act is done to, found before the change that holds its scope. */
struct target {
    uint64_t message_id, author_id, scope_id; /* scope_id 0: the channel is gone */
    struct access access;                     /* to delete the message there */
};

static status find_target(struct call *c, uint64_t id, struct target *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT r.message_id, r.author_id, r.channel_id, k.guild_id, k.id IS NOT NULL FROM reports r "
                        "LEFT JOIN channels k ON k.id = r.channel_id WHERE r.id = $1",
                        DB_ID(id));
    if (st == ST_OK && !db_count(rows))
        st = call_fail(c, ST_UNKNOWN_REPORT, "no report %" PRIu64, id);
    if (st != ST_OK)
        return st;
    *ret = (struct target){.message_id = db_u64(rows, 0, 0), .author_id = db_u64(rows, 0, 1)};
    ret->access = (struct access){.channel_id = db_u64(rows, 0, 2), .guild_id = db_u64(rows, 0, 3)};
    ret->access.scope_id = ret->access.guild_id ? ret->access.guild_id : ret->access.channel_id;
    ret->access.permissions = PERM_MANAGE_MESSAGES;
    ret->scope_id = db_bool(rows, 0, 4) ? ret->access.scope_id : 0;
    return ST_OK;
}

/* In a guild its audit log tells; a DM has none. What is gone already needs no deletion. */
static status delete_message(struct call *c, struct change *ch, const struct target *t)
{
    uint64_t author;
    if (!t->scope_id)
        return ST_OK;
    status st = messages_load_author(c, change_db(ch), t->access.channel_id, t->message_id, &author);
    if (st == ST_UNKNOWN_MESSAGE)
        return ST_OK;
    if (st != ST_OK)
        return st;
    return message_delete(c, ch, &t->access, t->message_id, t->access.guild_id ? call_user(c) : author);
}

static status disable_author(struct call *c, struct change *ch, const struct target *t)
{
    status st = account_require_ordinary(c, ch, t->author_id);
    return st == ST_OK ? account_set_disabled(c, ch, t->author_id, true) : st;
}

static status no_act(struct call *c, struct change *ch, const struct target *t)
{
    return ST_OK;
}

static uint64_t no_scope(const struct target *t)
{
    return 0;
}

static uint64_t scope_of_message(const struct target *t)
{
    return t->scope_id;
}

static uint64_t scope_of_author(const struct target *t)
{
    return t->author_id;
}

static const struct act {
    const char *name;
    uint64_t (*scope)(const struct target *); /* that the change holds; 0: none */
    status (*run)(struct call *, struct change *, const struct target *);
} acts[] = {
    {"none", no_scope, no_act},
    {"delete_message", scope_of_message, delete_message},
    {"disable_user", scope_of_author, disable_author},
};

static const struct act *find_act(const char *name)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (!strcmp(acts[i].name, name))
            return &acts[i];
    return &acts[0]; /* choices_text lets no other through */
}

/* All open ones of the message; ST_REPORT_RESOLVED when this one is none of them. */
static status close_reports(struct call *c, struct change *ch, const struct target *t,
                            const Hubbub__V1__ResolveReportRequest *req)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "UPDATE reports SET resolved_at = clock_timestamp(), resolver_id = $3, act = $4, note = $5 "
                             "WHERE message_id = $1 AND resolved_at IS NULL RETURNING id = $2",
                             DB_ID(t->message_id), DB_ID(req->report_id), DB_ID(call_user(c)), DB_TEXT(req->act),
                             DB_TEXT_OR_NULL(req->note));
    for (unsigned i = 0; st == ST_OK && i < db_count(rows); i++)
        if (db_bool(rows, i, 0))
            return ST_OK;
    return st == ST_OK ? call_fail(c, ST_REPORT_RESOLVED, "report %" PRIu64, req->report_id) : st;
}

static status resolve(struct call *c, const Hubbub__V1__ResolveReportRequest *req, Hubbub__V1__Report *resp)
{
    const struct act *act = find_act(req->act);
    struct target t;
    status st = find_target(c, req->report_id, &t);
    if (st != ST_OK)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    uint64_t scope = act->scope(&t);
    st = change_begin(c, &scope, scope ? 1 : 0, scope == t.author_id ? ST_UNKNOWN_USER : ST_UNKNOWN_CHANNEL, &ch);
    if (st == ST_OK)
        st = close_reports(c, ch, &t, req);
    if (st == ST_OK)
        st = act->run(c, ch, &t);
    if (st == ST_OK)
        st = change_commit(ch);
    return st == ST_OK ? load_linked(c, req->report_id, resp) : st;
}

const struct hubbub__v1__reports__handlers reports_handlers = {
    .create = create,
    .list = list,
    .get = get,
    .resolve = resolve,
    .resolve_evidence = resolve_evidence,
};
