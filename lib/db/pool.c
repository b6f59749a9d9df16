/* pool.c - connections made when they are leased, kept when they come back clean, and one that watches.
 *
 * lease: an idle connection, else a new one, else wait for a release until the deadline. A connection that died while
 * idle is found by its readable socket and dropped. A connect attempt that fails opens the breaker for BREAKER_MS:
 * leases that would have to connect are refused at once, so callers learn in microseconds what one of them waited for.
 *
 * A server that hangs (stopped, a dead disk, a silent partition) refuses nothing: so a probe thread sends SELECT 1 on a
 * connection of its own five times a second. No answer in PROBE_MS: the pool is silent; leases are refused and queries
 * that have waited for SILENT_MS end with ST_UNAVAILABLE (db_wait). The first answer ends the silence. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/db/hosts.h"
#include "lib/db/internal.h"
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CONNECT_MS = 900, BREAKER_MS = 500, PROBE_MS = 700, PROBE_EVERY_MS = 200 };

static struct metric connections = METRIC_GAUGE("hubbub_db_connections", "Connections to PostgreSQL", "");
static struct metric connect_failures =
    METRIC_COUNTER("hubbub_db_connect_failures_total", "Connection attempts that failed", "");
static struct metric lease_waits =
    METRIC_COUNTER("hubbub_db_lease_waits_total", "Leases that had to wait for a connection", "");
static struct metric leases_late =
    METRIC_COUNTER("hubbub_db_leases_late_total", "Leases given up at their deadline", "");
static struct metric server_up = METRIC_GAUGE("hubbub_db_up", "1 while PostgreSQL answers", "");

struct db_pool {
    char *url;
    struct hosts hosts;
    atomic_uint first_host; /* that the next connection is tried at */
    unsigned connections_max;
    pthread_mutex_t mutex;
    pthread_cond_t released; /* on CLOCK_MONOTONIC */
    struct db *idle;
    unsigned n; /* connections made or being made */
    int64_t breaker_until_ms;
    bool silent, failed; /* failed: the last attempt to connect */
    bool stopping;
    pthread_cond_t stop;
    pthread_t probe;
};

/* ---- One connection ---------------------------------------------------------------------------------------------- */

static void close_connection(struct db *d)
{
    PQfinish(d->pq);
    free(d);
    metric_add(&connections, -1);
}

/* What the server remarks is no line of our log. */
static void ignore_notice(void *user, const char *text)
{
}

static struct db *start_connection(struct db_pool *p)
{
    static const char *const names[] = {"dbname",           "host",    "hostaddr", "port", "application_name",
                                        "tcp_user_timeout", "options", NULL};
    unsigned first = atomic_load(&p->first_host);
    char *host = hosts_turn(p->hosts.host, first), *hostaddr = hosts_turn(p->hosts.hostaddr, first),
         *port = hosts_turn(p->hosts.port, first);
    const char *const values[] = {p->url,
                                  host,
                                  hostaddr,
                                  port,
                                  "hubbub",
                                  "5000",
                                  "-c statement_timeout=15000 -c idle_in_transaction_session_timeout=15000"
                                  " -c client_connection_check_interval=1000 -c client_encoding=UTF8 -c timezone=UTC"
                                  " -c client_min_messages=warning",
                                  NULL};
    struct db *d = calloc(1, sizeof *d);
    if (!d)
        log_fatal("no memory for a connection");
    d->pool = p;
    d->pq = PQconnectStartParams(names, values, 1);
    free(host);
    free(hostaddr);
    free(port);
    PQsetNoticeProcessor(d->pq, ignore_notice, NULL);
    metric_add(&connections, 1);
    return d;
}

static status finish_connection(struct db *d, int64_t deadline_ms)
{
    PostgresPollingStatusType wanted = PQstatus(d->pq) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
    while (wanted != PGRES_POLLING_OK) {
        if (wanted == PGRES_POLLING_FAILED || clock_mono_ms() >= deadline_ms)
            return ST_UNAVAILABLE;
        struct pollfd f = {.fd = PQsocket(d->pq), .events = wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT};
        int64_t left = deadline_ms - clock_mono_ms();
        if (poll(&f, 1, left > 0 ? (int)left : 0) > 0)
            wanted = PQconnectPoll(d->pq);
    }
    return PQsetnonblocking(d->pq, 1) == 0 ? ST_OK : ST_UNAVAILABLE;
}

/* pg_walfile_name fails on a standby: nothing can be written there. */
static status read_generation(struct db *d, int64_t deadline_ms)
{
    struct arena *a = arena_create(0);
    struct db_rows *r;
    status st = db_run(d, a, deadline_ms, &r,
                       "SELECT system_identifier, ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, "
                       "8))::bit(32)::bigint FROM pg_control_system()");
    if (st == ST_OK)
        d->generation = (struct db_generation){db_u64(r, 0, 0), (uint32_t)db_u64(r, 0, 1)};
    arena_destroy(a);
    return st;
}

static status make_connection(struct db_pool *p, int64_t deadline_ms, struct db **ret)
{
    int64_t at_most = clock_mono_ms() + CONNECT_MS;
    struct db *d = start_connection(p);
    status st = finish_connection(d, deadline_ms < at_most ? deadline_ms : at_most);
    if (st == ST_OK)
        st = read_generation(d, at_most);
    if (st == ST_OK) {
        atomic_store(&p->first_host, hosts_find(&p->hosts, PQhost(d->pq), PQport(d->pq)));
        *ret = d;
        return ST_OK;
    }
    metric_add(&connect_failures, 1);
    atomic_fetch_add(&p->first_host, 1);
    log_debug("cannot connect to PostgreSQL", LOG_S("error", *d->error ? d->error : PQerrorMessage(d->pq)));
    close_connection(d);
    return ST_UNAVAILABLE;
}

/* An idle connection has nothing to read unless the server closed it. */
static bool is_alive(struct db *d)
{
    struct pollfd f = {.fd = PQsocket(d->pq), .events = POLLIN};
    if (poll(&f, 1, 0) == 0)
        return true;
    return PQconsumeInput(d->pq) && PQstatus(d->pq) == CONNECTION_OK &&
           !(poll(&f, 1, 0) > 0 && f.revents & (POLLHUP | POLLERR));
}

/* ---- Lease and release ------------------------------------------------------------------------------------------- */

static struct db *take_idle(struct db_pool *p)
{
    while (p->idle) {
        struct db *d = p->idle;
        p->idle = d->next;
        if (is_alive(d))
            return d;
        close_connection(d);
        p->n--;
    }
    return NULL;
}

static bool wait_released(struct db_pool *p, int64_t deadline_ms)
{
    struct timespec at = {.tv_sec = deadline_ms / 1000, .tv_nsec = deadline_ms % 1000 * 1000000};
    metric_add(&lease_waits, 1);
    return pthread_cond_timedwait(&p->released, &p->mutex, &at) == 0;
}

/* With the mutex held; connects without it. */
static status lease_new(struct db_pool *p, int64_t deadline_ms, struct db **ret)
{
    if (clock_mono_ms() < p->breaker_until_ms)
        return ST_UNAVAILABLE;
    p->n++;
    pthread_mutex_unlock(&p->mutex);
    status st = make_connection(p, deadline_ms, ret);
    pthread_mutex_lock(&p->mutex);
    p->failed = st != ST_OK;
    if (st != ST_OK) {
        p->n--;
        p->breaker_until_ms = clock_mono_ms() + BREAKER_MS;
        pthread_cond_broadcast(&p->released); /* those who wait for this place meet the breaker */
    }
    return st;
}

static status lease_locked(struct db_pool *p, int64_t deadline_ms, struct db **ret)
{
    for (;;) {
        if (p->silent)
            return ST_UNAVAILABLE;
        struct db *d = take_idle(p);
        if (d) {
            *ret = d;
            return ST_OK;
        }
        if (p->n < p->connections_max)
            return lease_new(p, deadline_ms, ret);
        int64_t at_most = clock_mono_ms() + 100; /* to look at `silent` again */
        if (!wait_released(p, deadline_ms < at_most ? deadline_ms : at_most) && clock_mono_ms() >= deadline_ms) {
            metric_add(&leases_late, 1);
            return ST_DEADLINE;
        }
    }
}

status db_lease(struct db_pool *p, int64_t deadline_ms, struct db **ret)
{
    pthread_mutex_lock(&p->mutex);
    status st = lease_locked(p, deadline_ms, ret);
    pthread_mutex_unlock(&p->mutex);
    return st;
}

static bool clean_up(struct db *d)
{
    if (d->broken || d->to_close || PQstatus(d->pq) != CONNECTION_OK)
        return false;
    if (PQtransactionStatus(d->pq) == PQTRANS_IDLE)
        return true;
    return db_exec(d, clock_mono_ms() + 500, "ROLLBACK") == ST_OK && PQtransactionStatus(d->pq) == PQTRANS_IDLE;
}

void db_release(struct db *d)
{
    if (!d)
        return;
    struct db_pool *p = d->pool;
    bool keep = clean_up(d);
    if (!keep)
        close_connection(d);
    pthread_mutex_lock(&p->mutex);
    if (keep) {
        d->next = p->idle;
        p->idle = d;
    } else {
        p->n--;
    }
    pthread_cond_signal(&p->released);
    pthread_mutex_unlock(&p->mutex);
}

void db_close_at_release(struct db *d)
{
    d->to_close = true;
}

struct db_generation db_generation(const struct db *d)
{
    return d->generation;
}

/* ---- The probe --------------------------------------------------------------------------------------------------- */

bool pool_silent(struct db_pool *p)
{
    pthread_mutex_lock(&p->mutex);
    bool silent = p->silent;
    pthread_mutex_unlock(&p->mutex);
    return silent;
}

bool db_pool_ready(struct db_pool *p)
{
    pthread_mutex_lock(&p->mutex);
    bool ready = !p->silent && !p->failed;
    pthread_mutex_unlock(&p->mutex);
    return ready;
}

static void set_silent(struct db_pool *p, bool silent)
{
    pthread_mutex_lock(&p->mutex);
    bool changed = p->silent != silent;
    p->silent = silent;
    if (!silent) {
        p->failed = false;
        p->breaker_until_ms = 0;
    }
    pthread_cond_broadcast(&p->released);
    pthread_mutex_unlock(&p->mutex);
    metric_set(&server_up, !silent);
    if (changed)
        log_write(silent ? LOG_WARN_ : LOG_INFO_, silent ? "PostgreSQL does not answer" : "PostgreSQL answers", NULL,
                  0);
}

/* One question to the server; *d is its connection, made again when it was lost. */
static bool probe_once(struct db_pool *p, struct db **d)
{
    if (!*d && make_connection(p, clock_mono_ms() + CONNECT_MS, d) != ST_OK)
        return false;
    if (db_exec(*d, clock_mono_ms() + PROBE_MS, "SELECT 1") == ST_OK)
        return true;
    close_connection(*d);
    *d = NULL;
    return false;
}

static void *run_probe(void *user)
{
    struct db_pool *p = user;
    struct db *d = NULL;
    pthread_mutex_lock(&p->mutex);
    while (!p->stopping) {
        pthread_mutex_unlock(&p->mutex);
        int64_t started_ms = clock_mono_ms();
        bool had = d != NULL, ok = probe_once(p, &d);
        if (!ok && had && clock_mono_ms() - started_ms < PROBE_MS / 2)
            ok = probe_once(p, &d); /* a quick end: perhaps of this connection alone */
        set_silent(p, !ok);
        pthread_mutex_lock(&p->mutex);
        int64_t next = clock_mono_ms() + PROBE_EVERY_MS;
        struct timespec at = {.tv_sec = next / 1000, .tv_nsec = next % 1000 * 1000000};
        if (!p->stopping)
            pthread_cond_timedwait(&p->stop, &p->mutex, &at);
    }
    pthread_mutex_unlock(&p->mutex);
    if (d)
        close_connection(d);
    return NULL;
}

/* ---- Life cycle -------------------------------------------------------------------------------------------------- */

static void init_cond(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(c, &attr);
    pthread_condattr_destroy(&attr);
}

struct db_pool *db_pool_create(const char *url, unsigned connections_max)
{
    struct db_pool *p = calloc(1, sizeof *p);
    if (!p || !(p->url = strdup(url)))
        log_fatal("no memory for the pool");
    hosts_init(&p->hosts, url);
    p->connections_max = connections_max;
    pthread_mutex_init(&p->mutex, NULL);
    init_cond(&p->released);
    init_cond(&p->stop);
    metric_register(&server_up);
    metric_register(&connect_failures);
    if (pthread_create(&p->probe, NULL, run_probe, p))
        log_fatal("no thread for the pool");
    return p;
}

void db_pool_destroy(struct db_pool *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->mutex);
    p->stopping = true;
    pthread_cond_broadcast(&p->stop);
    pthread_mutex_unlock(&p->mutex);
    pthread_join(p->probe, NULL);
    while (p->idle) {
        struct db *d = p->idle;
        p->idle = d->next;
        close_connection(d);
    }
    pthread_cond_destroy(&p->released);
    pthread_cond_destroy(&p->stop);
    pthread_mutex_destroy(&p->mutex);
    hosts_finish(&p->hosts);
    free(p->url);
    free(p);
}
