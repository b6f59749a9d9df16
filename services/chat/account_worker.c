#include "services/chat/account_worker.h"
#include "lib/base/background.h"
#include "lib/base/log.h"
#include "services/chat/account_end.h"
#include <stdlib.h>

enum { ROUND_MS = 30000, TIMEOUT_MS = 30000 };

struct account_worker {
    struct rpc_server *server;
    struct background thread;
};

/* *ret_more: one was finished. */
static status finish_one(struct call *c, bool *ret_more)
{
    uint64_t user;
    status st = account_next_unerased(c, &user);
    *ret_more = st == ST_OK && user;
    return *ret_more ? account_erase(c, user) : st;
}

static void run(void *user)
{
    struct account_worker *w = user;
    while (background_rest(&w->thread, ROUND_MS)) {
        bool more = true;
        while (more) {
            struct call *c = call_create_own(w->server, TIMEOUT_MS);
            if (finish_one(c, &more) != ST_OK)
                more = false; /* the next round tries again */
            call_destroy_own(c);
        }
    }
}

struct account_worker *account_worker_create(struct rpc_server *server)
{
    struct account_worker *w = calloc(1, sizeof *w);
    if (!w)
        log_fatal("no memory for the accounts' worker");
    w->server = server;
    background_start(&w->thread, "the accounts' worker", run, w);
    return w;
}

void account_worker_destroy(struct account_worker *w)
{
    if (!w)
        return;
    background_end(&w->thread);
    free(w);
}
