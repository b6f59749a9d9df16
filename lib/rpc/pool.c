/* pool.c - the workers of the bulkheads. A bulkhead has its own threads and its own queue: when the calls of one wait
 * for something slow, the others go on. A queue that is full refuses (ST_OVERLOADED) instead of growing; a call that
 * waited past its deadline, or whose caller left, is dropped when its turn comes. A thread is started when a call finds no
 * idle one, so a quiet service has few. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/rpc/server.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pool {
    struct rpc_server *server;
    struct rpc_bulkhead config;
    pthread_t *threads;
    unsigned n_threads;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct call *head, **tail;
    unsigned queued, idle;
    bool closed;
};

struct pool *pools_create(struct rpc_server *s, const struct rpc_bulkhead *bulkheads, unsigned n)
{
    struct pool *pools = calloc(n, sizeof *pools);
    if (!pools)
        log_fatal("out of memory");
    for (unsigned i = 0; i < n; i++) {
        struct pool *p = &pools[i];
        *p = (struct pool){.server = s, .config = bulkheads[i], .tail = &p->head};
        p->threads = calloc(p->config.workers, sizeof *p->threads);
        if (!p->threads || !p->config.workers)
            log_fatal("bulkhead %s: %u workers", p->config.name, p->config.workers);
        pthread_mutex_init(&p->lock, NULL);
        pthread_cond_init(&p->wake, NULL);
    }
    return pools;
}

void pools_destroy(struct pool *pools, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        pthread_cond_destroy(&pools[i].wake);
        pthread_mutex_destroy(&pools[i].lock);
        free(pools[i].threads);
    }
    free(pools);
}

struct pool *pools_find(struct pool *pools, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (name && !strcmp(pools[i].config.name, name))
            return &pools[i];
    return &pools[0];
}

/* NULL: the pool is closed and empty. */
static struct call *take(struct pool *p)
{
    pthread_mutex_lock(&p->lock);
    p->idle++;
    while (!p->head && !p->closed)
        pthread_cond_wait(&p->wake, &p->lock);
    p->idle--;
    struct call *c = p->head;
    if (c) {
        p->head = c->next;
        p->queued--;
        if (!p->head)
            p->tail = &p->head;
    }
    pthread_mutex_unlock(&p->lock);
    return c;
}

static const void *unpack_request(struct call *c)
{
    const void *request = codec_unpack_buffer(c->arena, c->method->decl->in, c->payload);
    grpc_byte_buffer_destroy(c->payload);
    c->payload = NULL;
    return request;
}

static bool has_request(enum rpc_kind kind)
{
    return kind == RPC_UNARY || kind == RPC_SERVER_STREAM;
}

static bool has_response(enum rpc_kind kind)
{
    return kind == RPC_UNARY || kind == RPC_CLIENT_STREAM;
}

static void run(struct call *c, void *worker)
{
    const struct rpc_method *decl = c->method->decl;
    const void *request = NULL;
    c->worker = worker;
    call_open(c);
    if (call_cancelled(c) || (has_request(decl->kind) && !c->payload)) {
        call_reply(c, call_fail(c, call_broken(c), "not begun: it waited too long, or its caller left"), NULL);
        return;
    }
    if (has_request(decl->kind) && !(request = unpack_request(c))) {
        call_reply(c, call_fail(c, ST_INTERNAL, "the request is no %s", decl->in->name), NULL);
        return;
    }
    void *response = has_response(decl->kind) ? codec_new(c->arena, decl->out) : NULL;
    status st = c->method->handler(c, request, response);
    call_reply(c, st, st == ST_OK ? response : NULL);
}

static void *work(void *user)
{
    struct pool *p = user;
    const struct rpc_server_config *config = &p->server->config;
    void *worker = config->worker_start ? config->worker_start(config->user) : NULL;
    for (struct call *c; (c = take(p));)
        run(c, worker);
    if (config->worker_stop)
        config->worker_stop(config->user, worker);
    return NULL;
}

/* Under the lock. A thread that is short of memory or of a limit is missed only when it would be the first. */
static void start_worker(struct pool *p)
{
    int error = pthread_create(&p->threads[p->n_threads], NULL, work, p);
    if (!error)
        p->n_threads++;
    else if (!p->n_threads)
        log_fatal("bulkhead %s: no thread for a worker", p->config.name);
    else
        log_warn("a bulkhead gets no more threads", LOG_S("bulkhead", p->config.name), LOG_S("error", strerror(error)));
}

bool pool_put(struct pool *p, struct call *c)
{
    pthread_mutex_lock(&p->lock);
    unsigned free = p->idle + p->config.workers - p->n_threads;
    bool fits = !p->closed && p->queued < p->config.queue_max + free;
    if (fits) {
        if (p->queued >= p->idle && p->n_threads < p->config.workers)
            start_worker(p);
        c->next = NULL;
        *p->tail = c;
        p->tail = &c->next;
        p->queued++;
        pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    return fits;
}

void pools_start(struct pool *pools, unsigned n)
{
    for (struct pool *p = pools; p < pools + n; p++) {
        pthread_mutex_lock(&p->lock);
        start_worker(p);
        pthread_mutex_unlock(&p->lock);
    }
}

void pools_stop(struct pool *pools, unsigned n)
{
    for (struct pool *p = pools; p < pools + n; p++) {
        pthread_mutex_lock(&p->lock);
        p->closed = true;
        pthread_cond_broadcast(&p->wake);
        pthread_mutex_unlock(&p->lock);
    }
    for (struct pool *p = pools; p < pools + n; p++)
        for (; p->n_threads; p->n_threads--)
            pthread_join(p->threads[p->n_threads - 1], NULL);
}
