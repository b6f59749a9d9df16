/* account_worker.h - the thread that finishes what deleting an account left undone, writes exports, and seals secrets that lie open: at its start,
 * when it is woken, and each half minute what other processes left. Any number of chat processes may run one: every step can be
 * repeated. */
#pragma once
#include "lib/rpc/rpc.h"

struct account_worker;
struct account_worker *account_worker_create(struct rpc_server *);
/* Before the server is destroyed. */
void account_worker_destroy(struct account_worker *);
/* Something is to be done. Any thread; NULL is fine. */
void account_worker_wake(struct account_worker *);
