/* janitor.c - feed_entries has four partitions, one a slot of six hours (period = Unix time / 21600, slot = period %
 * 4). While period p is written, the slot of p + 1 still holds p - 3, older than 18 hours: it is truncated now, so that
 * p + 1 begins empty. No DDL job ever makes or drops a table.
 *
 * The highest transaction id of what is truncated is kept in the same transaction: a digest asked with a token at or
 * below it may have missed entries and is told so (lapsed). TRUNCATE wants the partition for itself for an instant; it
 * gives up after 200 ms rather than make readers queue behind it, and is tried again a minute later. */
#include "services/chat/janitor.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "services/chat/audit.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LOCK_KEY = 0x68756202, ROUND_MS = 60000, STEP_MS = 10000, KEYS_AT_ONCE = 5000 };

static struct metric truncations_total =
    METRIC_COUNTER("hubbub_feed_truncations_total", "Slots of feed entries truncated", "");
static struct metric keys_total = METRIC_COUNTER("hubbub_send_keys_removed_total", "Idempotency keys removed", "");

struct janitor {
    struct db_pool *pool;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t stop;
    bool stopping;
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

/* In chunks, so that no transaction is long. */
static status remove_keys(struct db *d, struct arena *a, int slot)
{
    struct db_rows *r;
    do {
        status st = db_run(
            d, a, step_deadline(), &r,
            "DELETE FROM send_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM send_keys WHERE slot = $1 LIMIT $2))",
            DB_I64(slot), DB_I64(KEYS_AT_ONCE));
        if (st != ST_OK)
            return st;
        metric_add(&keys_total, db_affected(r));
    } while (db_affected(r) == KEYS_AT_ONCE);
    return ST_OK;
}

/* Slow mode is six hours at most. */
static status forget_sends(struct db *d, struct arena *a)
{
    struct db_rows *r;
    do {
        status st = db_run(d, a, step_deadline(), &r,
                           "DELETE FROM last_sends WHERE ctid = ANY (ARRAY(SELECT ctid FROM last_sends WHERE at < "
                           "clock_timestamp() - interval '6 hours' LIMIT $1))",
                           DB_I64(KEYS_AT_ONCE));
        if (st != ST_OK)
            return st;
    } while (db_affected(r) == KEYS_AT_ONCE);
    return ST_OK;
}

/* Entries of the audit log are kept for AUDIT_DAYS; their ids tell when they were made. */
static status forget_audit(struct db *d, struct arena *a)
{
    struct db_rows *r;
    do {
        status st = db_run(d, a, step_deadline(), &r,
                           "DELETE FROM audit_log WHERE ctid = ANY (ARRAY(SELECT ctid FROM audit_log WHERE id < "
                           "((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1420070400000 - $1::bigint * "
                           "86400000) << 22 LIMIT $2))",
                           DB_I64(AUDIT_DAYS), DB_I64(KEYS_AT_ONCE));
        if (st != ST_OK)
            return st;
    } while (db_affected(r) == KEYS_AT_ONCE);
    return ST_OK;
}

static status forget_tickets(struct db *d, struct arena *a)
{
    struct db_rows *r;
    do {
        status st = db_run(d, a, step_deadline(), &r,
                           "DELETE FROM tickets WHERE hash = ANY (ARRAY(SELECT hash FROM tickets WHERE expires_at < "
                           "clock_timestamp() LIMIT $1))",
                           DB_I64(KEYS_AT_ONCE));
        if (st != ST_OK)
            return st;
    } while (db_affected(r) == KEYS_AT_ONCE);
    return ST_OK;
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
        st = forget_sends(d, a);
    if (st == ST_OK)
        st = forget_audit(d, a);
    if (st == ST_OK)
        st = forget_tickets(d, a);
    if (st == ST_INTERNAL)
        log_warn("janitor failed", LOG_S("sqlstate", db_sqlstate(d)), LOG_S("error", db_error_text(d)));
    arena_destroy(a);
    return st;
}

static void *run_janitor(void *user)
{
    struct janitor *j = user;
    pthread_mutex_lock(&j->mutex);
    while (!j->stopping) {
        pthread_mutex_unlock(&j->mutex);
        status st = janitor_round(j->pool);
        pthread_mutex_lock(&j->mutex);
        struct timespec at;
        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec += (st == ST_OK ? ROUND_MS : ROUND_MS / 6) / 1000;
        if (!j->stopping)
            pthread_cond_timedwait(&j->stop, &j->mutex, &at);
    }
    pthread_mutex_unlock(&j->mutex);
    return NULL;
}

struct janitor *janitor_create(struct db_pool *pool)
{
    struct janitor *j = calloc(1, sizeof *j);
    if (!j)
        log_fatal("no memory for the janitor");
    j->pool = pool;
    pthread_mutex_init(&j->mutex, NULL);
    pthread_cond_init(&j->stop, NULL);
    metric_register(&truncations_total);
    metric_register(&keys_total);
    if (pthread_create(&j->thread, NULL, run_janitor, j))
        log_fatal("no thread for the janitor");
    return j;
}

void janitor_destroy(struct janitor *j)
{
    if (!j)
        return;
    pthread_mutex_lock(&j->mutex);
    j->stopping = true;
    pthread_cond_signal(&j->stop);
    pthread_mutex_unlock(&j->mutex);
    pthread_join(j->thread, NULL);
    pthread_cond_destroy(&j->stop);
    pthread_mutex_destroy(&j->mutex);
    free(j);
}
