/* crosspost_worker.h - the thread that delivers what is published: at once when it is woken, and each second what other
 * processes left. Any number of chat processes may run one. */
#pragma once
#include "lib/rpc/rpc.h"

struct crosspost_worker;
struct crosspost_worker *crosspost_worker_create(struct rpc_server *);
/* Before the server is destroyed. */
void crosspost_worker_destroy(struct crosspost_worker *);
/* Something is due. Any thread; NULL is fine. */
void crosspost_worker_wake(struct crosspost_worker *);
