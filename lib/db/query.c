/* query.c - one statement on one connection: parameters to text, send, wait with poll() until the deadline, read.
 *
 * The happy path is one round trip: PQsendQueryPrepared, flush, wait, PQgetResult. The first use of a statement's text
 * on a connection prepares it, which costs one more. It fails in four ways:
 *  - the deadline passes, or the probe says that the server is silent: the connection has an answer still to come, so
 * it is marked broken and closed at release; the server notices the closed socket (client_connection_check_interval);
 *  - the connection is lost: broken, ST_UNAVAILABLE;
 *  - the server says that it cannot (shutting down, recovering, out of connections, disk or memory): broken,
 * ST_UNAVAILABLE;
 *  - the statement is refused (a constraint, a programmer's error): ST_INTERNAL with the SQLSTATE; the connection is
 * fine. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/db/internal.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static struct metric query_seconds = METRIC_HISTOGRAM("hubbub_db_query_seconds", "Round trips to PostgreSQL", "");
static struct metric queries_late =
    METRIC_COUNTER("hubbub_db_queries_late_total", "Statements given up at their deadline", "");

/* SQLSTATEs, or their classes, that say something of the server and not of the statement. */
static const struct sqlstate_row {
    const char *prefix;
    status st;
    bool broken;
} sqlstates[] = {
    {"08", ST_UNAVAILABLE, true},     /* connection exception */
    {"57P", ST_UNAVAILABLE, true},    /* shutting down, crashed, starting up */
    {"25006", ST_UNAVAILABLE, true},  /* read only: a standby by now */
    {"53", ST_UNAVAILABLE, false},    /* out of disk, memory, connections */
    {"40", ST_UNAVAILABLE, false},    /* deadlock, serialization: nothing was done */
    {"55P03", ST_UNAVAILABLE, false}, /* lock_timeout */
    {"57014", ST_DEADLINE, false},    /* statement_timeout */
    {"25P03", ST_UNAVAILABLE, true},  /* idle_in_transaction_session_timeout */
    {"0A000", ST_INTERNAL, true},     /* a cached plan must not change result type: a migration went by */
    {"26000", ST_INTERNAL, true},     /* the prepared statement is unknown: a pooler stands between */
};

status db_wait(struct db *d, bool writable, int64_t started_ms, int64_t deadline_ms)
{
    for (;;) {
        int64_t now = clock_mono_ms();
        if (now >= deadline_ms)
            return ST_DEADLINE;
        if (now - started_ms >= SILENT_MS && pool_silent(d->pool))
            return ST_UNAVAILABLE;
        struct pollfd p = {.fd = PQsocket(d->pq), .events = (short)(POLLIN | (writable ? POLLOUT : 0))};
        int64_t slice = deadline_ms - now < 100 ? deadline_ms - now : 100;
        int n = poll(&p, 1, (int)slice);
        if (n > 0)
            return ST_OK;
        if (n < 0 && errno != EINTR)
            return ST_UNAVAILABLE;
    }
}

static status fail(struct db *d, status st, const char *text)
{
    d->broken = true;
    snprintf(d->error, sizeof d->error, "%s", text);
    if (st == ST_DEADLINE)
        metric_add(&queries_late, 1);
    return st;
}

static status lost(struct db *d)
{
    return fail(d, ST_UNAVAILABLE, PQerrorMessage(d->pq));
}

/* Everything is sent; the next result can be got without blocking. */
static status await_result(struct db *d, int64_t started_ms, int64_t deadline_ms)
{
    int unsent = PQflush(d->pq);
    while (unsent == 1 || PQisBusy(d->pq)) {
        status st = db_wait(d, unsent == 1, started_ms, deadline_ms);
        if (st != ST_OK)
            return fail(d, st, st == ST_DEADLINE ? "deadline passed" : "server is silent");
        if (!PQconsumeInput(d->pq))
            return lost(d);
        unsent = unsent == 1 ? PQflush(d->pq) : unsent;
        if (unsent < 0)
            return lost(d);
    }
    return unsent < 0 ? lost(d) : ST_OK;
}

static void record_error(struct db *d, const PGresult *r)
{
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE),
               *constraint = PQresultErrorField(r, PG_DIAG_CONSTRAINT_NAME);
    const char *text = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
    snprintf(d->sqlstate, sizeof d->sqlstate, "%s", state ? state : "");
    snprintf(d->constraint, sizeof d->constraint, "%s", constraint ? constraint : "");
    snprintf(d->error, sizeof d->error, "%s", text ? text : PQerrorMessage(d->pq));
}

static status refused(struct db *d, const PGresult *r)
{
    record_error(d, r);
    if (PQstatus(d->pq) != CONNECTION_OK) {
        d->broken = true;
        return ST_UNAVAILABLE;
    }
    for (size_t i = 0; i < sizeof sqlstates / sizeof *sqlstates; i++)
        if (!strncmp(d->sqlstate, sqlstates[i].prefix, strlen(sqlstates[i].prefix))) {
            d->broken |= sqlstates[i].broken;
            return sqlstates[i].st;
        }
    return ST_INTERNAL;
}

/* Reads all results of what was sent. The first failure counts; the last good one's rows are copied when ret is given.
 */
static status read_results(struct db *d, struct arena *a, int64_t deadline_ms, struct db_rows **ret)
{
    int64_t started_us = clock_mono_us();
    status st = ST_OK;
    for (;;) {
        status waited = await_result(d, started_us / 1000, deadline_ms);
        if (waited != ST_OK)
            return waited;
        PGresult *r = PQgetResult(d->pq);
        if (!r)
            break;
        ExecStatusType kind = PQresultStatus(r);
        if (kind != PGRES_TUPLES_OK && kind != PGRES_COMMAND_OK && kind != PGRES_EMPTY_QUERY)
            st = st == ST_OK ? refused(d, r) : st;
        else if (ret && st == ST_OK)
            *ret = db_rows_copy(a, r);
        d->rolled_back = !strcmp(PQcmdStatus(r), "ROLLBACK");
        PQclear(r);
    }
    metric_observe_us(&query_seconds, clock_mono_us() - started_us);
    return st;
}

static status begin(struct db *d)
{
    d->sqlstate[0] = d->constraint[0] = d->error[0] = '\0';
    return d->broken ? ST_UNAVAILABLE : ST_OK;
}

/* The slot of the statement; *known says whether it is prepared already. */
static unsigned statement_slot(struct db *d, const char *sql, bool *known)
{
    if (d->n_prepared >= STATEMENTS_MAX / 2)
        log_fatal("more than %d different statements: a text that is built at run time?", STATEMENTS_MAX / 2);
    unsigned i = (unsigned)(((uintptr_t)sql * UINT64_C(0x9e3779b97f4a7c15)) >> 40) % STATEMENTS_MAX;
    while (d->prepared[i] && d->prepared[i] != sql)
        i = (i + 1) % STATEMENTS_MAX;
    *known = d->prepared[i] == sql;
    return i;
}

static status prepare(struct db *d, struct arena *a, int64_t deadline_ms, const char *sql, char *name, size_t name_n)
{
    bool known;
    unsigned slot = statement_slot(d, sql, &known);
    snprintf(name, name_n, "s%u", slot);
    if (known)
        return ST_OK;
    if (!PQsendPrepare(d->pq, name, sql, 0, NULL))
        return lost(d);
    status st = read_results(d, a, deadline_ms, NULL);
    if (st == ST_OK) {
        d->prepared[slot] = sql;
        d->n_prepared++;
    }
    return st;
}

/* ---- Parameters as text ------------------------------------------------------------------------------------------ */

static const char *number_array(struct arena *a, const struct db_param *p)
{
    const int64_t *items = p->data; /* uint64_t[] reads as the same bits: bigint */
    char *text = arena_alloc(a, p->n * 21 + 3), *at = text;
    *at++ = '{';
    for (size_t i = 0; i < p->n; i++)
        at += sprintf(at, "%s%" PRId64, i ? "," : "", items[i]);
    strcpy(at, "}");
    return text;
}

static char *put_quoted(char *at, const char *s)
{
    *at++ = '"';
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            *at++ = '\\';
        *at++ = *s;
    }
    *at++ = '"';
    return at;
}

static const char *text_array(struct arena *a, const struct db_param *p)
{
    const char *const *items = p->data;
    size_t n = 3;
    for (size_t i = 0; i < p->n; i++)
        n += items[i] ? 2 * strlen(items[i]) + 3 : 5;
    char *text = arena_alloc(a, n), *at = text;
    *at++ = '{';
    for (size_t i = 0; i < p->n; i++) {
        if (i)
            *at++ = ',';
        at = items[i] ? put_quoted(at, items[i]) : stpcpy(at, "NULL");
    }
    strcpy(at, "}");
    return text;
}

static const char *bytes_array(struct arena *a, const struct db_param *p)
{
    static const char digits[] = "0123456789abcdef";
    const struct db_blob *items = p->data;
    size_t n = 3;
    for (size_t i = 0; i < p->n; i++)
        n += 2 * items[i].n + 8;
    char *text = arena_alloc(a, n), *at = text;
    *at++ = '{';
    for (size_t i = 0; i < p->n; i++) {
        at = stpcpy(at, i ? "," : "");
        at = stpcpy(at, items[i].data ? "\"\\\\x" : "NULL");
        for (size_t j = 0; items[i].data && j < items[i].n; j++) {
            uint8_t byte = ((const uint8_t *)items[i].data)[j];
            *at++ = digits[byte >> 4];
            *at++ = digits[byte & 15];
        }
        at = stpcpy(at, items[i].data ? "\"" : "");
    }
    strcpy(at, "}");
    return text;
}

struct sent_params {
    const char **values;
    int *lengths, *formats;
};

static void put_param(struct arena *a, const struct db_param *p, struct sent_params *to, size_t i)
{
    switch (p->type) {
    case DB_T_I64:
    case DB_T_U64:
        to->values[i] = arena_printf(a, "%" PRId64, p->number);
        break;
    case DB_T_TEXT:
        to->values[i] = p->data;
        break;
    case DB_T_BYTES:
        to->values[i] = p->data ? p->data : "";
        to->lengths[i] = (int)p->n;
        to->formats[i] = 1;
        break;
    case DB_T_BOOL:
        to->values[i] = p->number ? "t" : "f";
        break;
    case DB_T_U64_ARRAY:
    case DB_T_I64_ARRAY:
        to->values[i] = number_array(a, p);
        break;
    case DB_T_TEXT_ARRAY:
        to->values[i] = text_array(a, p);
        break;
    case DB_T_BYTES_ARRAY:
        to->values[i] = bytes_array(a, p);
        break;
    case DB_T_NULL:
        to->values[i] = NULL;
        break;
    }
}

status db_query(struct db *d, struct arena *a, int64_t deadline_ms, const char *sql, const struct db_param *params,
                size_t n, struct db_rows **ret)
{
    char name[16];
    status st = begin(d);
    if (st == ST_OK)
        st = prepare(d, a, deadline_ms, sql, name, sizeof name);
    if (st != ST_OK)
        return st;
    struct sent_params sent = {ARENA_ARRAY(a, const char *, n), ARENA_ARRAY(a, int, n), ARENA_ARRAY(a, int, n)};
    for (size_t i = 0; i < n; i++)
        put_param(a, &params[i], &sent, i);
    if (!PQsendQueryPrepared(d->pq, name, (int)n, sent.values, sent.lengths, sent.formats, 0))
        return lost(d);
    return read_results(d, a, deadline_ms, ret);
}

status db_exec(struct db *d, int64_t deadline_ms, const char *sql)
{
    status st = begin(d);
    if (st != ST_OK)
        return st;
    if (!PQsendQuery(d->pq, sql))
        return lost(d);
    st = read_results(d, NULL, deadline_ms, NULL);
    if (st == ST_OK && d->rolled_back &&
        !strcmp(sql, "COMMIT")) { /* what PostgreSQL answers after a failed statement */
        snprintf(d->error, sizeof d->error, "COMMIT of a failed transaction");
        return ST_INTERNAL;
    }
    return st;
}

const char *db_sqlstate(const struct db *d)
{
    return d->sqlstate;
}

const char *db_constraint(const struct db *d)
{
    return d->constraint;
}

const char *db_error_text(const struct db *d)
{
    return d->error;
}
