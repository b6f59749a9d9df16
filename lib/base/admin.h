/* admin.h - the loopback port of a process: /livez, /readyz, /metrics. Runs on a thread of its own (libevent). */
#pragma once
#include "lib/base/buf.h"

struct admin;

/* Appends one line a dependency ("postgresql: ok") and returns whether the process may get traffic. Called on the admin
 * thread: it must not block. */
typedef bool admin_ready_fn(void *user, struct buf *lines);

/* Listens on listen ("127.0.0.1:9000"). NULL when it cannot (logged). /livez: 200 always; /readyz: 200 or 503. */
struct admin *admin_create(const char *listen, admin_ready_fn *, void *user);
void admin_destroy(struct admin *);
