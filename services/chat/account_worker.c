#include "services/chat/account_worker.h"
#include "lib/base/background.h"
#include "lib/base/log.h"
#include "services/chat/account_end.h"
#include "services/chat/export.h"
#include "services/chat/second_factor.h"
#include <stdlib.h>

enum { ROUND_MS = 30000, TIMEOUT_MS = 30000 };

struct account_worker {
    struct rpc_server *server;
    struct background thread;
};

static status finish_deletion(struct call *c, bool *ret_more)
{
    uint64_t user;
    status st = account_next_unerased(c, &user);
    *ret_more = st == ST_OK && user;
    return *ret_more ? account_erase(c, user) : st;
}

/* Each does a piece of its work; *ret_more: there was one. What fails waits for the next round. */
static status (*const kinds[])(struct call *, bool *ret_more) = {finish_deletion, export_step,
                                                             second_factor_seal_some};

static void work(struct account_worker *w, size_t kind)
{
    bool more = true;
    while (more && !atomic_load(&w->thread.ending)) {
        struct call *c = call_create_own(w->server, TIMEOUT_MS);
        if (kinds[kind](c, &more) != ST_OK)
            more = false;
        call_destroy_own(c);
    }
}

static void run(void *user)
{
    struct account_worker *w = user;
    do
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            work(w, i);
    while (background_rest(&w->thread, ROUND_MS));
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

void account_worker_wake(struct account_worker *w)
{
    if (w)
        background_wake(&w->thread);
}

void account_worker_destroy(struct account_worker *w)
{
    if (!w)
        return;
    background_end(&w->thread);
    free(w);
}
