/* server.c - the poller and the life of a server.
 *
 * The poller alone takes from the completion queue, and runs nothing that blocks: while it is busy nobody reads a
 * socket, and no cancellation or deadline is seen. For each method a few requests for a next call stand ready with
 * gRPC; what comes while none does waits inside gRPC. One more request, the catch-all, answers methods that nobody
 * registered; without it their callers would wait for their deadline. */
#include "lib/rpc/server.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/rpc/credentials.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { POSTED_PER_METHOD = 4, IN_FLIGHT_DEFAULT = 4096, MESSAGE_BYTES_DEFAULT = 4 << 20, TIMEOUT_DEFAULT_MS = 30000 };
/* A client pings at most as often as group.c says; one that vanished without a word is noticed after about 20 s. */
enum { PING_MIN_MS = 100, KEEPALIVE_MS = 10000 };

static void post(struct rpc_server *, struct server_method *);

/* ---- One call --------------------------------------------------------------------------------------------------- */

void call_hold(struct call *c)
{
    atomic_fetch_add(&c->refs, 1);
}

static void free_call(struct call *c)
{
    if (c->payload)
        grpc_byte_buffer_destroy(c->payload);
    call_finish(c);
    grpc_metadata_array_destroy(&c->metadata);
    grpc_call_details_destroy(&c->details);
    if (c->grpc)
        grpc_call_unref(c->grpc);
    pthread_cond_destroy(&c->has_moved);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void call_release(struct call *c)
{
    if (atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    atomic_fetch_sub(&c->server->in_flight, 1);
    metric_add(&rpc_in_flight, -1);
    free_call(c);
}

static void closed(struct tag *tag, bool ok)
{
    struct call *c = TAG_OWNER(tag, struct call, closed);
    if (c->close_failed)
        atomic_store(&c->cancelled, true);
    if (c->watching)
        health_closed(c);
    call_release(c);
}

static void watch_close(struct call *c)
{
    grpc_op op = {.op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &c->close_failed};
    c->closed.done = closed;
    call_hold(c);
    if (!codec_start(c->grpc, &op, 1, &c->closed))
        call_release(c);
}

/* A caller without a deadline gets the method's. */
static void read_deadline(struct call *c)
{
    const struct rpc_method *decl = call_decl(c);
    int64_t left_ms = decl->timeout_ms ? decl->timeout_ms : TIMEOUT_DEFAULT_MS;
    if (gpr_time_cmp(c->deadline, gpr_inf_future(c->deadline.clock_type)))
        left_ms = gpr_time_to_millis(gpr_time_sub(c->deadline, gpr_now(c->deadline.clock_type)));
    c->deadline_ms = clock_mono_ms() + left_ms;
}

/* In a time that depends on the lengths alone. */
static bool knows_secret(const struct call *c)
{
    const char *secret = c->server->config.secret;
    const grpc_slice *given = codec_find(&c->metadata, RPC_KEY_SECRET);
    size_t n = secret ? strlen(secret) : 0;
    if (!n)
        return true;
    if (!given || GRPC_SLICE_LENGTH(*given) != n)
        return false;
    volatile unsigned char differ = 0;
    for (size_t i = 0; i < n; i++)
        differ |= (unsigned char)secret[i] ^ GRPC_SLICE_START_PTR(*given)[i];
    return !differ;
}

static void refuse(struct call *c, status st, const char *why)
{
    call_open(c);
    call_reply(c, call_fail(c, st, "%s", why), NULL);
}

static void dispatch(struct call *c)
{
    struct rpc_server *s = c->server;
    if (!c->method)
        refuse(c, ST_UNIMPLEMENTED, "no such method");
    else if (atomic_load(&s->in_flight) > s->config.in_flight_max)
        refuse(c, ST_OVERLOADED, "too many calls in flight");
    else if (c->method->on_poller)
        c->method->on_poller(c);
    else if (!knows_secret(c))
        refuse(c, ST_INTERNAL_AUTH, "not the cluster's secret");
    else if (!pool_put(c->method->pool, c))
        refuse(c, ST_OVERLOADED, "the bulkhead's queue is full");
}

static void arrived(struct tag *tag, bool ok)
{
    struct call *c = TAG_OWNER(tag, struct call, arrived);
    if (!ok) {
        free_call(c);
        return;
    }
    post(c->server, c->method);
    atomic_fetch_add(&c->server->in_flight, 1);
    metric_add(&rpc_in_flight, 1);
    c->started_us = clock_mono_us();
    if (!c->method)
        c->deadline = c->details.deadline;
    read_deadline(c);
    watch_close(c);
    dispatch(c);
}

static struct call *new_call(struct rpc_server *s, struct server_method *m)
{
    struct call *c = calloc(1, sizeof *c);
    if (!c)
        log_fatal("out of memory");
    c->server = s;
    c->method = m;
    c->arrived.done = arrived;
    c->moved.done = call_moved;
    c->leaf_end = &c->leaves;
    atomic_init(&c->refs, 1);
    grpc_metadata_array_init(&c->metadata);
    grpc_call_details_init(&c->details);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->has_moved, NULL);
    return c;
}

static bool reads_payload(const struct server_method *m)
{
    return m->decl->kind == RPC_UNARY || m->decl->kind == RPC_SERVER_STREAM;
}

static void post(struct rpc_server *s, struct server_method *m)
{
    struct call *c = new_call(s, m);
    grpc_call_error error;
    TAG_RELEASE(&c->arrived);
    if (m)
        error = grpc_server_request_registered_call(s->grpc, m->registered, &c->grpc, &c->deadline, &c->metadata,
                                                    reads_payload(m) ? &c->payload : NULL, s->cq, s->cq, &c->arrived);
    else
        error = grpc_server_request_call(s->grpc, &c->grpc, &c->details, &c->metadata, s->cq, s->cq, &c->arrived);
    if (error == GRPC_CALL_OK)
        return;
    log_error("cannot ask for calls", LOG_S("detail", grpc_call_error_to_string(error)));
    free_call(c);
}

/* ---- The poller ------------------------------------------------------------------------------------------------- */

static void *poll_queue(void *user)
{
    struct rpc_server *s = user;
    for (;;) {
        grpc_event event = grpc_completion_queue_next(s->cq, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        struct tag *tag = event.tag;
        TAG_ACQUIRE(tag);
        tag->done(tag, event.success);
    }
}

static void start_poller(struct rpc_server *s)
{
    if (!s->polling && pthread_create(&s->poller, NULL, poll_queue, s))
        log_fatal("no thread for the poller");
    s->polling = true;
}

/* ---- The server ------------------------------------------------------------------------------------------------- */

static grpc_server *make_grpc(const struct rpc_server_config *config)
{
    grpc_arg args[] = {
        codec_arg(GRPC_ARG_ALLOW_REUSEPORT, 0),
        codec_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, (int)config->message_bytes_max),
        codec_arg(GRPC_ARG_MAX_METADATA_SIZE, RPC_METADATA_BYTES_MAX),
        codec_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, PING_MIN_MS),
        codec_arg(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1),
        codec_arg(GRPC_ARG_KEEPALIVE_TIME_MS, KEEPALIVE_MS),
        codec_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, KEEPALIVE_MS),
        codec_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0),
        codec_arg(GRPC_ARG_ENABLE_CHANNELZ, 0),
        codec_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0),
        codec_arg(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, RPC_WINDOW_BYTES),
    };
    grpc_channel_args all = {sizeof args / sizeof *args, args};
    return grpc_server_create(&all, NULL);
}

/* Its threads are its own: who asks a server about itself holds up nobody's call. */
static void set_bulkheads(struct rpc_server *s, const struct rpc_bulkhead *all, unsigned n)
{
    static const struct rpc_bulkhead reflection = {.name = REFLECTION_BULKHEAD, .workers = 2, .queue_max = 16};
    s->bulkheads = calloc(n + 1, sizeof *all);
    if (!s->bulkheads)
        log_fatal("out of memory");
    memcpy(s->bulkheads, all, n * sizeof *all);
    s->bulkheads[n] = reflection;
    s->config.bulkheads = s->bulkheads;
    s->config.n_bulkheads = n + (s->reflection != NULL);
}

static void copy_config(struct rpc_server *s, const struct rpc_server_config *config)
{
    static const struct rpc_bulkhead one = {.name = "main", .workers = 16, .queue_max = 1024};
    s->config = *config;
    s->reflection = reflection_create();
    set_bulkheads(s, config->n_bulkheads ? config->bulkheads : &one, config->n_bulkheads ? config->n_bulkheads : 1);
    if (!s->config.message_bytes_max || s->config.message_bytes_max > INT_MAX)
        s->config.message_bytes_max = MESSAGE_BYTES_DEFAULT;
    if (!s->config.in_flight_max)
        s->config.in_flight_max = IN_FLIGHT_DEFAULT;
}

static void shut(struct tag *tag, bool ok)
{
    struct rpc_server *s = TAG_OWNER(tag, struct rpc_server, shut);
    pthread_mutex_lock(&s->lock);
    s->shut_done = true;
    pthread_cond_signal(&s->is_shut);
    pthread_mutex_unlock(&s->lock);
}

static void init_waiting(struct rpc_server *s)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&s->is_shut, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->health_lock, NULL);
    s->shut.done = shut;
}

static bool bind_address(struct rpc_server *s)
{
    if (!address_claim(s->config.listen))
        return false;
    grpc_server_credentials *credentials = credentials_of_server();
    s->port = grpc_server_add_http2_port(s->grpc, s->config.listen, credentials);
    grpc_server_credentials_release(credentials);
    if (!s->port)
        log_error("cannot listen", LOG_S("address", s->config.listen));
    return s->port;
}

struct rpc_server *rpc_server_create(const struct rpc_server_config *config)
{
    struct rpc_server *s = calloc(1, sizeof *s);
    if (!s)
        log_fatal("out of memory");
    codec_init();
    copy_config(s, config);
    init_waiting(s);
    s->grpc = make_grpc(&s->config);
    s->cq = grpc_completion_queue_create_for_next(NULL);
    grpc_server_register_completion_queue(s->grpc, s->cq, NULL);
    s->pools = pools_create(s, s->config.bulkheads, s->config.n_bulkheads);
    if (bind_address(s))
        return s;
    rpc_server_destroy(s);
    return NULL;
}

int rpc_server_port(const struct rpc_server *s)
{
    return s->port;
}

void server_add_method(struct rpc_server *s, const struct rpc_method *decl, rpc_handler *handler,
                       void (*on_poller)(struct call *))
{
    struct server_method *m = calloc(1, sizeof *m);
    if (!m)
        log_fatal("out of memory");
    *m = (struct server_method){
        .server = s,
        .decl = decl,
        .handler = handler,
        .on_poller = on_poller,
        .pool = pools_find(s->pools, s->config.n_bulkheads, decl->bulkhead),
        .counts = counts_of(decl->path),
        .next = s->methods,
    };
    m->registered = grpc_server_register_method(
        s->grpc, decl->path, NULL, reads_payload(m) ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE,
        0);
    if (s->started || !m->registered)
        log_fatal("%s: added twice or too late", decl->path);
    s->methods = m;
}

void rpc_server_add(struct rpc_server *s, const struct rpc_service *service, rpc_handler *const *handlers)
{
    for (unsigned i = 0; i < service->n; i++)
        if (handlers[i])
            server_add_method(s, &service->methods[i], handlers[i], NULL);
}

bool server_knows(const struct rpc_server *s, const char *service)
{
    size_t n = strlen(service);
    for (const struct server_method *m = s->methods; m; m = m->next)
        if (!strncmp(m->decl->path + 1, service, n) && m->decl->path[1 + n] == '/')
            return true;
    return false;
}

bool rpc_server_start(struct rpc_server *s)
{
    health_add(s);
    reflection_add(s);
    s->started = true;
    pools_start(s->pools, s->config.n_bulkheads);
    grpc_server_start(s->grpc);
    start_poller(s);
    for (int i = 0; i < POSTED_PER_METHOD; i++) {
        for (struct server_method *m = s->methods; m; m = m->next)
            post(s, m);
        post(s, NULL);
    }
    log_info("rpc listens", LOG_S("address", s->config.listen), LOG_I("port", s->port));
    return true;
}

static bool wait_shut(struct rpc_server *s, int64_t ms)
{
    int64_t until_us = clock_mono_us() + ms * 1000;
    struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    pthread_mutex_lock(&s->lock);
    while (!s->shut_done && !pthread_cond_timedwait(&s->is_shut, &s->lock, &until))
        continue;
    bool done = s->shut_done;
    pthread_mutex_unlock(&s->lock);
    return done;
}

/* The order matters: a batch that a worker starts after the queue's shutdown would be lost, so the workers end first.
 */
void rpc_server_drain(struct rpc_server *s, int64_t grace_ms)
{
    if (s->drained)
        return;
    s->drained = true;
    start_poller(s);
    pthread_mutex_lock(&s->health_lock);
    atomic_store(&s->draining, true);
    pthread_mutex_unlock(&s->health_lock);
    grpc_server_shutdown_and_notify(s->grpc, s->cq, &s->shut);
    health_tell(s);
    if (!wait_shut(s, grace_ms)) {
        grpc_server_cancel_all_calls(s->grpc);
        while (!wait_shut(s, 1000))
            log_warn("waits for calls that were cancelled", LOG_I("n", atomic_load(&s->in_flight)));
    }
    pools_stop(s->pools, s->config.n_bulkheads);
    grpc_completion_queue_shutdown(s->cq);
    pthread_join(s->poller, NULL);
    s->polling = false;
}

void rpc_server_destroy(struct rpc_server *s)
{
    if (!s)
        return;
    rpc_server_drain(s, 0);
    grpc_server_destroy(s->grpc);
    grpc_completion_queue_destroy(s->cq);
    pools_destroy(s->pools, s->config.n_bulkheads);
    while (s->methods) {
        struct server_method *m = s->methods;
        s->methods = m->next;
        free(m);
    }
    pthread_cond_destroy(&s->is_shut);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->health_lock);
    grpc_shutdown();
    reflection_destroy(s->reflection);
    free(s->bulkheads);
    free(s);
}
