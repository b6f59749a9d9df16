/* probe.h - the tests' own service: its table, written by hand, and its handlers. */
#pragma once
#include "lib/rpc/rpc.h"
#include "lib/rpc/testing/probe.pb-c.h"
#include <stdatomic.h>

enum {
    PROBE_ECHO,
    PROBE_FAIL,
    PROBE_WRITE,
    PROBE_SLEEP,
    PROBE_SLOW,
    PROBE_UPLOAD,
    PROBE_DOWNLOAD,
    PROBE_TALK,
    PROBE_N
};
extern const struct rpc_service probe_service;
extern rpc_handler *const probe_handlers[PROBE_N];

/* What the handlers of this process saw. */
struct probe_seen {
    atomic_int running;   /* Sleep and Slow, now */
    atomic_int cancelled; /* Sleep, Slow and Download that were cut short */
    atomic_int broken_uploads, whole_uploads;
    atomic_int received, written; /* messages of streams */
};
extern struct probe_seen probe_seen;

/* A server of the probe; its instance name is `listen`. Bulkheads: main (4 workers, 64 wait) and slow (1, 1). */
struct rpc_server *probe_serve(const char *listen, const char *secret);
