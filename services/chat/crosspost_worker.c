#include "services/chat/crosspost_worker.h"
#include "lib/base/log.h"
#include "services/chat/crosspost.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { ROUND_MS = 1000, TIMEOUT_MS = 10000 };

struct crosspost_worker {
    struct rpc_server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping, woken; /* under lock */
};

/* false: time to end. */
static bool rest(struct crosspost_worker *w)
{
    struct timespec at;
    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += ROUND_MS / 1000;
    pthread_mutex_lock(&w->lock);
    while (!w->stopping && !w->woken && !pthread_cond_timedwait(&w->wake, &w->lock, &at))
        continue;
    bool go_on = !w->stopping;
    w->woken = false;
    pthread_mutex_unlock(&w->lock);
    return go_on;
}

static void *run(void *user)
{
    struct crosspost_worker *w = user;
    while (rest(w)) {
        bool more = true;
        while (more) {
            struct call *c = call_create_own(w->server, TIMEOUT_MS);
            if (crosspost_round(c, &more) != ST_OK)
                more = false; /* the next round tries again */
            call_destroy_own(c);
        }
    }
    return NULL;
}

struct crosspost_worker *crosspost_worker_create(struct rpc_server *server)
{
    struct crosspost_worker *w = calloc(1, sizeof *w);
    if (!w)
        log_fatal("no memory for crossposts");
    w->server = server;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wake, NULL);
    if (pthread_create(&w->thread, NULL, run, w))
        log_fatal("no thread for crossposts");
    return w;
}

void crosspost_worker_wake(struct crosspost_worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->woken = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

void crosspost_worker_destroy(struct crosspost_worker *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
