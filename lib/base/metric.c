#include "lib/base/metric.h"
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int64_t bounds_us[METRIC_BUCKETS - 1] = {500,    1000,   2500,    5000,    10000,   25000,   50000,
                                                      100000, 250000, 500000, 1000000, 2500000, 5000000, 10000000};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric *all; /* sorted by name, so that one family's lines stand together */

void metric_register(struct metric *m)
{
    if (atomic_load(&m->registered))
        return;
    pthread_mutex_lock(&lock);
    if (!atomic_load(&m->registered)) {
        struct metric **at = &all;
        while (*at && strcmp((*at)->name, m->name) <= 0)
            at = &(*at)->next;
        m->next = *at;
        *at = m;
        atomic_store(&m->registered, true);
    }
    pthread_mutex_unlock(&lock);
}

void metric_add(struct metric *m, int64_t n)
{
    metric_register(m);
    atomic_fetch_add_explicit(&m->value, n, memory_order_relaxed);
}

void metric_set(struct metric *m, int64_t n)
{
    metric_register(m);
    atomic_store_explicit(&m->value, n, memory_order_relaxed);
}

void metric_observe_us(struct metric *m, int64_t us)
{
    metric_add(m, us);
    unsigned i = 0;
    while (i < METRIC_BUCKETS - 1 && us > bounds_us[i])
        i++;
    atomic_fetch_add_explicit(&m->buckets[i], 1, memory_order_relaxed);
}

static void write_histogram(struct buf *out, struct metric *m)
{
    const char *comma = *m->labels ? "," : "";
    long long count = 0;
    for (unsigned i = 0; i < METRIC_BUCKETS; i++) {
        count += atomic_load(&m->buckets[i]);
        char bound[24] = "+Inf";
        if (i < METRIC_BUCKETS - 1)
            snprintf(bound, sizeof bound, "%g", (double)bounds_us[i] / 1e6);
        buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %lld\n", m->name, m->labels, comma, bound, count);
    }
    const char *open = *m->labels ? "{" : "", *close = *m->labels ? "}" : "";
    buf_printf(out, "%s_sum%s%s%s %g\n", m->name, open, m->labels, close, (double)atomic_load(&m->value) / 1e6);
    buf_printf(out, "%s_count%s%s%s %lld\n", m->name, open, m->labels, close, count);
}

static void write_one(struct buf *out, struct metric *m)
{
    if (m->kind == METRIC_KIND_HISTOGRAM)
        write_histogram(out, m);
    else
        buf_printf(out, *m->labels ? "%s{%s} %lld\n" : "%s%s %lld\n", m->name, m->labels, (long long)atomic_load(&m->value));
}

static long long resident_bytes(void)
{
    long long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%lld %lld", &pages, &resident) != 2)
        resident = 0;
    if (f)
        fclose(f);
    return resident * sysconf(_SC_PAGESIZE);
}

static int open_fds(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 3 ? n - 3 : 0;
}

void metric_write(struct buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    const char *family = "";
    pthread_mutex_lock(&lock);
    for (struct metric *m = all; m; m = m->next) {
        if (strcmp(family, m->name))
            buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, kinds[m->kind]);
        family = m->name;
        write_one(out, m);
    }
    pthread_mutex_unlock(&lock);
    buf_printf(out, "# HELP process_resident_memory_bytes Resident memory\n# TYPE process_resident_memory_bytes gauge\n"
                    "process_resident_memory_bytes %lld\n", resident_bytes());
    buf_printf(out, "# HELP process_open_fds Open file descriptors\n# TYPE process_open_fds gauge\nprocess_open_fds %d\n", open_fds());
}
