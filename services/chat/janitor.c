/* janitor.c - feed_entries has four partitions, one a slot of six hours (period = Unix time / 21600, slot = period %
 * 4). While period p is written, the slot of p + 1 still holds p - 3, older than 18 hours: it is truncated now, so that
 * p + 1 begins empty. No DDL job ever makes or drops a table.
 *
 * The highest transaction id of what is truncated is kept in the same transaction: a digest asked with a token at or
 * below it may have missed entries and is told so (lapsed). TRUNCATE wants the partition for itself for an instant; it
 * gives up after 200 ms rather than make readers queue behind it, and is tried again a minute later. */
#include "services/chat/janitor.h"
#include "lib/base/background.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "services/chat/audit.h"
#include "services/chat/export.h"
#include "services/chat/reports.h"
#include <stdlib.h>
#include <string.h>

enum { LOCK_KEY = 0x68756202, ROUND_MS = 60000, STEP_MS = 10000, KEYS_AT_ONCE = 5000 };

static struct metric truncations_total =
    METRIC_COUNTER("hubbub_feed_truncations_total", "Slots of feed entries truncated", "");
static struct metric keys_total = METRIC_COUNTER("hubbub_send_keys_removed_total", "Idempotency keys removed", "");

struct janitor {
    struct db_pool *pool;
    struct background thread;
};

#define TRUNCATE_SLOT(n)                                                                                               \
    "SET LOCAL lock_timeout = 200; LOCK TABLE feed_entries_" #n " IN ACCESS EXCLUSIVE MODE;"                           \
    " INSERT INTO feed_truncations (slot, xid, period) SELECT " #n ","                                                 \
    " coalesce((SELECT xid FROM feed_entries_" #n " ORDER BY xid DESC LIMIT 1), '0'),"                                 \
    " extract(epoch FROM clock_timestamp())::bigint / 21600 + 1"                                                       \
    " ON CONFLICT (slot) DO UPDATE SET xid = greatest(feed_truncations.xid, excluded.xid), period = excluded.period;"  \
    " TRUNCATE feed_entries_" #n
static const char *const truncate_slot[] = {TRUNCATE_SLOT(0), TRUNCATE_SLOT(1), TRUNCATE_SLOT(2), TRUNCATE_SLOT(3)};

static int64_t step_deadline(void)
{
    return clock_mono_ms() + STEP_MS;
}

/* In a transaction that holds the lock. *ret_slot: the next period's; *ret_due: it was not truncated for it yet. */
static status look(struct db *d, struct arena *a, int *ret_slot, bool *ret_due)
{
    struct db_rows *r;
    status st = db_run(d, a, step_deadline(), &r,
                       "WITH n AS (SELECT extract(epoch FROM clock_timestamp())::bigint / 21600 + 1 AS period)"
                       " SELECT period % 4, NOT EXISTS (SELECT FROM feed_truncations t WHERE t.slot = n.period % 4 AND "
                       "t.period >= n.period),"
                       " pg_try_advisory_xact_lock($1) FROM n",
                       DB_I64(LOCK_KEY));
    if (st != ST_OK)
        return st;
    *ret_slot = (int)db_i64(r, 0, 0);
    *ret_due = db_bool(r, 0, 1) && db_bool(r, 0, 2);
    return ST_OK;
}

static status truncate_due(struct db *d, struct arena *a, int *ret_slot)
{
    bool due = false;
    status st = db_exec(d, step_deadline(), "BEGIN");
    if (st == ST_OK)
        st = look(d, a, ret_slot, &due);
    if (st == ST_OK && due)
        st = db_exec(d, step_deadline(), truncate_slot[*ret_slot]);
    if (st == ST_OK)
        st = db_exec(d, step_deadline(), "COMMIT");
    if (st == ST_OK && due) {
        metric_add(&truncations_total, 1);
        log_info("feed slot truncated", LOG_I("slot", *ret_slot));
    }
    return st;
}

/* In chunks, so that no transaction is long. $1 of the statement: number; $2: how many rows at the most. */
static status remove_rows(struct db *d, struct arena *a, const char *sql, int64_t number, uint64_t *ret_removed)
{
    struct db_rows *r;
    *ret_removed = 0;
    do {
        status st = db_run(d, a, step_deadline(), &r, sql, DB_I64(number), DB_I64(KEYS_AT_ONCE));
        if (st != ST_OK)
            return st;
        *ret_removed += db_affected(r);
    } while (db_affected(r) == KEYS_AT_ONCE);
    return ST_OK;
}

static status remove_keys(struct db *d, struct arena *a, int slot)
{
    uint64_t removed;
    status st = remove_rows(d, a, "DELETE FROM send_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM send_keys WHERE slot "
                                  "= $1 LIMIT $2))",
                            slot, &removed);
    metric_add(&keys_total, (int64_t)removed);
    return st;
}

/* What is of no use after a time. */
static const struct {
    const char *sql;
    int64_t number;
} old_rows[] = {
    /* Slow mode is six hours at most. */
    {"DELETE FROM last_sends WHERE ctid = ANY (ARRAY(SELECT ctid FROM last_sends WHERE at < clock_timestamp() - "
     "make_interval(hours => $1::bigint::int) LIMIT $2))",
     6},
    /* Their ids tell when they were made. */
    {"DELETE FROM audit_log WHERE ctid = ANY (ARRAY(SELECT ctid FROM audit_log WHERE id < ((extract(epoch FROM "
     "clock_timestamp()) * 1000)::bigint - 1420070400000 - $1::bigint * 86400000) << 22 LIMIT $2))",
     AUDIT_DAYS},
    {"DELETE FROM reports WHERE id = ANY (ARRAY(SELECT id FROM reports WHERE resolved_at < clock_timestamp() - "
     "make_interval(days => $1::bigint::int) LIMIT $2))",
     REPORT_DAYS},
    /* Their pieces go with them. */
    {"DELETE FROM exports WHERE id = ANY (ARRAY(SELECT id FROM exports WHERE created_at < clock_timestamp() - "
     "make_interval(days => $1::bigint::int) LIMIT $2))",
     EXPORT_DAYS},
    {"DELETE FROM tickets WHERE hash = ANY (ARRAY(SELECT hash FROM tickets WHERE expires_at < clock_timestamp() - "
     "make_interval(secs => $1::bigint) LIMIT $2))",
     0},
};

static status remove_old(struct db *d, struct arena *a)
{
    uint64_t removed;
    status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < sizeof old_rows / sizeof *old_rows; i++)
        st = remove_rows(d, a, old_rows[i].sql, old_rows[i].number, &removed);
    return st;
}

status janitor_round(struct db_pool *pool)
{
    DB_LEASED struct db *d = NULL;
    status st = db_lease(pool, clock_mono_ms() + 1000, &d);
    if (st != ST_OK)
        return st;
    struct arena *a = arena_create(0);
    int slot = 0;
    st = truncate_due(d, a, &slot);
    if (st == ST_OK)
        st = remove_keys(d, a, slot);
    if (st == ST_OK)
        st = remove_old(d, a);
    if (st == ST_INTERNAL)
        log_warn("janitor failed", LOG_S("sqlstate", db_sqlstate(d)), LOG_S("error", db_error_text(d)));
    arena_destroy(a);
    return st;
}

static void run(void *user)
{
    struct janitor *j = user;
    status st;
    do
        st = janitor_round(j->pool);
    while (background_rest(&j->thread, st == ST_OK ? ROUND_MS : ROUND_MS / 6));
}

struct janitor *janitor_create(struct db_pool *pool)
{
    struct janitor *j = calloc(1, sizeof *j);
    if (!j)
        log_fatal("no memory for the janitor");
    j->pool = pool;
    metric_register(&truncations_total);
    metric_register(&keys_total);
    background_start(&j->thread, "the janitor", run, j);
    return j;
}

void janitor_destroy(struct janitor *j)
{
    if (!j)
        return;
    background_end(&j->thread);
    free(j);
}
