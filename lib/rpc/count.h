/* count.h - what is counted and logged of calls. Any thread. */
#pragma once
#include "lib/base/metric.h"
#include "lib/base/status.h"
#include <stdint.h>

/* The counters of one method, for the life of the process; hubbub_rpc_calls_total{service,method,status} and
 * hubbub_rpc_seconds{service,method}. The same path gives the same counters. */
struct counts;
struct counts *counts_of(const char *path);
/* One call was answered. */
void counts_add(struct counts *, status, int64_t us);

/* One line for a call that failed by our fault (INTERNAL, UNAVAILABLE, DEADLINE, OVERLOADED); nothing for any other.
 * Of refusals by a full queue at most one a second, with how many there were. */
void count_failure(const char *path, const char *request_id, status, const char *detail, int64_t us);

extern struct metric rpc_in_flight, rpc_entries_dropped, rpc_resends, rpc_watchers_refused;
