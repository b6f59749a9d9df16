/* The door by which other gateways take sessions. gRPC's workers wait while the loop thread asks the core: a job a
 * call, on the worker's stack, in a list under a lock. A worker whose call has no time left takes its job back, unless
 * the loop has it already; then that is a matter of microseconds. */
#include "hubbub/v1/gateway.hub.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "services/gateway/edge/peers.h"
#include <pthread.h>
#include <stdlib.h>
#include <utlist.h>

enum { WORKERS = 4, QUEUE_MAX = 1024 };

struct job {
    void (*run)(struct edge *, struct job *);
    struct call *call;
    const void *request;
    void *response;
    bool started, done;
    struct job *prev, *next;
};
struct peer_door {
    struct edge *edge;
    struct rpc_server *server;
    uv_async_t wake;
    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct job *jobs;
};

/* ---- On the loop ------------------------------------------------------------------------------------------------- */

static void run_take(struct edge *e, struct job *j)
{
    struct arena *a = call_arena(j->call);
    Hubbub__V1__TakeSessionResponse r = HUBBUB__V1__TAKE_SESSION_RESPONSE__INIT;
    hub_take(e->hub, j->request, a, &r, clock_mono_ms());
    if (r.session)
        fault_at(FAULT_SESSION_TAKEN);
    PB_SET(&r, draining, e->draining);
    size_t n = hubbub__v1__take_session_response__get_packed_size(&r); /* a copy: the core's payloads are not ours */
    uint8_t *bytes = arena_alloc(a, n);
    hubbub__v1__take_session_response__pack(&r, bytes);
    Hubbub__V1__TakeSessionResponse *copy = hubbub__v1__take_session_response__unpack(arena_protobuf(a), n, bytes);
    if (copy)
        *(Hubbub__V1__TakeSessionResponse *)j->response = *copy;
}

static void run_confirm(struct edge *e, struct job *j)
{
    Hubbub__V1__ConfirmMoveResponse *response = j->response;
    PB_SET(response, ok, hub_confirm(e->hub, j->request, clock_mono_ms()));
    if (response->ok)
        fault_at(FAULT_MOVE_CONFIRMED);
}

static void on_wake(uv_async_t *wake)
{
    struct peer_door *d = wake->data;
    pthread_mutex_lock(&d->lock);
    while (d->jobs) {
        struct job *j = d->jobs;
        DL_DELETE(d->jobs, j);
        j->started = true;
        pthread_mutex_unlock(&d->lock);
        j->run(d->edge, j);
        pthread_mutex_lock(&d->lock);
        j->done = true;
        pthread_cond_broadcast(&d->moved);
    }
    pthread_mutex_unlock(&d->lock);
    edge_touch(d->edge);
}

/* ---- On the workers ---------------------------------------------------------------------------------------------- */

static struct timespec deadline_of(struct call *c)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t left = call_left_ms(c) > 0 ? call_left_ms(c) : 0, ns = t.tv_nsec + left % 1000 * 1000000;
    return (struct timespec){t.tv_sec + left / 1000 + ns / 1000000000, ns % 1000000000};
}

static status ask_loop(struct call *c, const void *request, void *response, void (*run)(struct edge *, struct job *))
{
    struct peer_door *d = call_server_user(c);
    struct job j = {.run = run, .call = c, .request = request, .response = response};
    struct timespec until = deadline_of(c);
    bool late = false;
    pthread_mutex_lock(&d->lock);
    DL_APPEND(d->jobs, &j);
    uv_async_send(&d->wake);
    while (!j.done && (j.started || !late))
        late = pthread_cond_timedwait(&d->moved, &d->lock, &until) != 0 && !j.started;
    if (!j.done)
        DL_DELETE(d->jobs, &j);
    pthread_mutex_unlock(&d->lock);
    return j.done ? ST_OK : call_fail(c, ST_DEADLINE, "the loop did not come to it");
}

static status take_session(struct call *c, const Hubbub__V1__TakeSessionRequest *request,
                           Hubbub__V1__TakeSessionResponse *response)
{
    return ask_loop(c, request, response, run_take);
}

static status confirm_move(struct call *c, const Hubbub__V1__ConfirmMoveRequest *request,
                           Hubbub__V1__ConfirmMoveResponse *response)
{
    return ask_loop(c, request, response, run_confirm);
}

static struct peer_door *create(struct edge *e)
{
    struct peer_door *d = calloc(1, sizeof *d);
    pthread_condattr_t monotonic;
    if (!d)
        log_fatal("out of memory");
    d->edge = e;
    pthread_mutex_init(&d->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&d->moved, &monotonic);
    uv_async_init(e->loop, &d->wake, on_wake);
    d->wake.data = d;
    return d;
}

bool peer_door_start(struct edge *e)
{
    static const struct hubbub__v1__gateway__handlers handlers = {.take_session = take_session,
                                                                  .confirm_move = confirm_move};
    if (!*e->config->rpc_listen)
        return true;
    if (!*e->config->secret) {
        log_error("HUBBUB_RPC_LISTEN needs HUBBUB_CLUSTER_SECRET: whoever calls could take sessions");
        return false;
    }
    struct peer_door *d = e->peer_door = create(e);
    struct rpc_bulkhead bulkhead = {.name = "main", .workers = WORKERS, .queue_max = QUEUE_MAX};
    struct rpc_server_config config = {.listen = e->config->rpc_listen,
                                       .secret = e->config->secret,
                                       .bulkheads = &bulkhead,
                                       .n_bulkheads = 1,
                                       .user = d};
    d->server = rpc_server_create(&config);
    if (!d->server)
        return false;
    hubbub__v1__gateway__serve(d->server, &handlers);
    if (!rpc_server_start(d->server))
        return false;
    rpc_server_set_ready(d->server, true);
    return true;
}
