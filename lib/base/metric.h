/* metric.h - Prometheus counters, gauges and histograms. Thread-safe and lock-free to count; registering takes a lock.
 * Metrics are file-scope statics, registered by main() or on first use; their label sets are fixed text, never ids.
 *   static struct metric sent = METRIC_COUNTER("hubbub_messages_total", "Messages stored", "");
 *   static struct metric failed = METRIC_COUNTER("hubbub_calls_total", "Calls answered", "code=\"UNKNOWN\""); */
#pragma once
#include "lib/base/buf.h"
#include <stdatomic.h>

enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_HISTOGRAM };
/* Upper bounds in seconds: 0.5 ms to 10 s, then +Inf. */
enum { METRIC_BUCKETS = 15 };

struct metric {
    const char *name, *help, *labels; /* labels: `a="b",c="d"` or "" */
    enum metric_kind kind;
    atomic_llong value;                      /* counter, gauge; histogram: the sum in microseconds */
    atomic_llong buckets[METRIC_BUCKETS]; /* histogram: not cumulative */
    atomic_bool registered;
    struct metric *next;
};
#define METRIC_COUNTER(n, h, l) {.name = (n), .help = (h), .labels = (l), .kind = METRIC_KIND_COUNTER}
#define METRIC_GAUGE(n, h, l) {.name = (n), .help = (h), .labels = (l), .kind = METRIC_KIND_GAUGE}
#define METRIC_HISTOGRAM(n, h, l) {.name = (n), .help = (h), .labels = (l), .kind = METRIC_KIND_HISTOGRAM}

/* Makes it appear in /metrics before its first use. */
void metric_register(struct metric *);
void metric_add(struct metric *, int64_t n);
void metric_set(struct metric *, int64_t n);
/* Histogram: one observation, in microseconds; exposed in seconds. */
void metric_observe_us(struct metric *, int64_t us);
/* The text format, version 0.0.4, of every metric and of process_resident_memory_bytes and process_open_fds. */
void metric_write(struct buf *);
