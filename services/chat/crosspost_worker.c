#include "services/chat/crosspost_worker.h"
#include "lib/base/background.h"
#include "lib/base/log.h"
#include "services/chat/crosspost.h"
#include <stdlib.h>

enum { ROUND_MS = 1000, TIMEOUT_MS = 10000 };

struct crosspost_worker {
    struct rpc_server *server;
    struct background thread;
};

static void run(void *user)
{
    struct crosspost_worker *w = user;
    while (background_rest(&w->thread, ROUND_MS)) {
        bool more = true;
        while (more) {
            struct call *c = call_create_own(w->server, TIMEOUT_MS);
            if (crosspost_round(c, &more) != ST_OK)
                more = false; /* the next round tries again */
            call_destroy_own(c);
        }
    }
}

struct crosspost_worker *crosspost_worker_create(struct rpc_server *server)
{
    struct crosspost_worker *w = calloc(1, sizeof *w);
    if (!w)
        log_fatal("no memory for crossposts");
    w->server = server;
    background_start(&w->thread, "crossposts", run, w);
    return w;
}

void crosspost_worker_wake(struct crosspost_worker *w)
{
    if (w)
        background_wake(&w->thread);
}

void crosspost_worker_destroy(struct crosspost_worker *w)
{
    if (!w)
        return;
    background_end(&w->thread);
    free(w);
}
