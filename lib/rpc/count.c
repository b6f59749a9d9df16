#define _GNU_SOURCE
#include "lib/rpc/count.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct metric rpc_in_flight = METRIC_GAUGE("hubbub_rpc_in_flight", "Calls that this server holds", "");
struct metric rpc_entries_dropped =
    METRIC_COUNTER("hubbub_rpc_entries_dropped_total", "Feed entries that did not fit into a trailer", "");
struct metric rpc_resends = METRIC_COUNTER("hubbub_rpc_resends_total", "Calls sent once more, to another instance", "");
struct metric rpc_watchers_refused =
    METRIC_COUNTER("hubbub_rpc_watchers_refused_total", "Health watchers above the limit", "");

/* A counter is made when its status is first seen: most methods ever give three. They are never freed, since /metrics
 * keeps them. */
struct counts {
    char *path, *labels;
    struct metric seconds;
    _Atomic(struct metric *) calls[ST_COUNT];
    struct counts *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct counts *all;

static char *text_of(const char *format, ...) PRINTF_LIKE(1, 2);
static char *text_of(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0)
        log_fatal("out of memory");
    return text;
}

static struct counts *make(const char *path)
{
    struct counts *c = calloc(1, sizeof *c);
    if (!c)
        log_fatal("out of memory");
    const char *service = path + (*path == '/'), *slash = strchr(service, '/');
    int n = slash ? (int)(slash - service) : (int)strlen(service);
    c->path = text_of("%s", path);
    c->labels = text_of("service=\"%.*s\",method=\"%s\"", n, service, slash ? slash + 1 : "");
    c->seconds = (struct metric)METRIC_HISTOGRAM("hubbub_rpc_seconds", "Time from arrival to reply", c->labels);
    return c;
}

struct counts *counts_of(const char *path)
{
    pthread_mutex_lock(&lock);
    struct counts *c = all;
    while (c && strcmp(c->path, path))
        c = c->next;
    if (!c) {
        c = make(path);
        c->next = all;
        all = c;
    }
    pthread_mutex_unlock(&lock);
    return c;
}

static struct metric *counter(struct counts *c, status st)
{
    pthread_mutex_lock(&lock);
    struct metric *m = atomic_load(&c->calls[st]);
    if (!m) {
        m = calloc(1, sizeof *m);
        if (!m)
            log_fatal("out of memory");
        char *labels = text_of("%s,status=\"%s\"", c->labels, status_row(st)->name);
        *m = (struct metric)METRIC_COUNTER("hubbub_rpc_calls_total", "Calls answered", labels);
        atomic_store(&c->calls[st], m);
    }
    pthread_mutex_unlock(&lock);
    return m;
}

void counts_add(struct counts *c, status st, int64_t us)
{
    if ((unsigned)st >= ST_COUNT)
        st = ST_INTERNAL;
    struct metric *m = atomic_load(&c->calls[st]);
    metric_add(m ? m : counter(c, st), 1);
    metric_observe_us(&c->seconds, us);
}

/* Whether this refusal may have its line; *ret: how many there were since the last. */
static bool may_log_refusal(int *ret)
{
    static atomic_llong next_ms;
    static atomic_int silent;
    int n = atomic_fetch_add(&silent, 1) + 1;
    long long now = clock_mono_ms(), due = atomic_load(&next_ms);
    if (now < due || !atomic_compare_exchange_strong(&next_ms, &due, now + 1000))
        return false;
    atomic_fetch_sub(&silent, n);
    *ret = n;
    return true;
}

void count_failure(const char *path, const char *request_id, status st, const char *detail, int64_t us)
{
    int n = 1;
    if (st != ST_INTERNAL && st != ST_UNAVAILABLE && st != ST_DEADLINE && st != ST_OVERLOADED)
        return;
    if (st == ST_OVERLOADED && !may_log_refusal(&n))
        return;
    struct log_field fields[] = {
        LOG_S("method", path),   LOG_S("request_id", request_id), LOG_S("status", status_row(st)->name),
        LOG_S("detail", detail), LOG_I("ms", us / 1000),          LOG_I("n", n),
    };
    log_write(st == ST_INTERNAL ? LOG_ERROR_ : LOG_WARN_, "call failed", fields, sizeof fields / sizeof *fields);
}
