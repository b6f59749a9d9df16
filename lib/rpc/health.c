/* health.c - grpc.health.v1: Check, and Watch for whoever balances load. Answered by the poller: nothing here blocks.
 *
 * A watcher is a call that stays in the server's list. health_push() looks at one watcher: while a write is on its way
 * it waits for it (told() looks again); else it sends the state when that is another than the one last sent; and ends
 * the call when the server drains and the watcher knows. The list, and every batch of a watcher, belongs to
 * health_lock. */
#include "lib/base/log.h"
#include "lib/rpc/health.pb-c.h"
#include "lib/rpc/server.h"

enum { WATCHERS_MAX = 256 };
enum {
    UNKNOWN_SERVICE = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN,
    SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING,
    NOT_SERVING = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING,
};

/* Of a server that runs. */
static int state_of(struct rpc_server *s)
{
    return s->ready && !atomic_load(&s->draining) ? SERVING : NOT_SERVING;
}

/* Whether the request names a service of ours, or none, which asks for the whole server. */
static bool read_request(struct call *c, bool *ret_known)
{
    call_open(c);
    Grpc__Health__V1__HealthCheckRequest *request =
        codec_unpack_buffer(c->arena, &grpc__health__v1__health_check_request__descriptor, c->payload);
    if (!request)
        return false;
    *ret_known = !*request->service || server_knows(c->server, request->service);
    return true;
}

static void check(struct call *c)
{
    bool known;
    if (!read_request(c, &known)) {
        call_reply(c, call_fail(c, c->payload ? ST_INTERNAL : ST_CANCELLED, "the request is no HealthCheckRequest"),
                   NULL);
        return;
    }
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    pthread_mutex_lock(&c->server->health_lock);
    response.status = state_of(c->server);
    pthread_mutex_unlock(&c->server->health_lock);
    call_reply(c, known ? ST_OK : ST_NOT_FOUND, known ? &response.base : NULL);
}

/* ---- Watch ------------------------------------------------------------------------------------------------------ */

static void unlist(struct call *c)
{
    struct call **at = &c->server->watchers;
    while (*at && *at != c)
        at = &(*at)->next;
    if (*at) {
        *at = c->next;
        c->server->n_watchers--;
    }
}

static void end(struct call *c, status st)
{
    unlist(c);
    c->watch_over = true;
    call_reply(c, st, NULL);
}

static bool send_state(struct call *c, int state)
{
    Grpc__Health__V1__HealthCheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = state;
    c->read_bytes = codec_pack_buffer(&response.base);
    grpc_op ops[2] = {{.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = c->read_bytes}};
    size_t n = 1;
    if (!c->headers_sent)
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
    c->headers_sent = true;
    c->moving = true;
    c->watch_told = state;
    return codec_start(c->grpc, ops, n, &c->moved);
}

static void push(struct call *c)
{
    int state = c->watch_told == UNKNOWN_SERVICE ? UNKNOWN_SERVICE : state_of(c->server);
    if (c->moving || c->watch_over)
        return;
    if (atomic_load(&c->cancelled))
        end(c, ST_CANCELLED);
    else if (c->watch_told != state && !send_state(c, state))
        end(c, ST_INTERNAL);
    else if (!c->moving && atomic_load(&c->server->draining))
        end(c, ST_OK);
}

static void told(struct tag *tag, bool ok)
{
    struct call *c = TAG_OWNER(tag, struct call, moved);
    struct rpc_server *s = c->server;
    pthread_mutex_lock(&s->health_lock);
    c->moving = false;
    grpc_byte_buffer_destroy(c->read_bytes);
    c->read_bytes = NULL;
    if (ok)
        push(c);
    else
        end(c, ST_CANCELLED);
    pthread_mutex_unlock(&s->health_lock);
}

static void enlist(struct call *c, bool known)
{
    struct rpc_server *s = c->server;
    c->next = s->watchers;
    s->watchers = c;
    s->n_watchers++;
    c->moved.done = told;
    c->watch_told = -1;
    c->watching = true;
    if (!known && !send_state(c, UNKNOWN_SERVICE))
        end(c, ST_INTERNAL);
    else if (known)
        push(c);
}

static void watch(struct call *c)
{
    struct rpc_server *s = c->server;
    bool known;
    if (!read_request(c, &known)) {
        call_reply(c, call_fail(c, c->payload ? ST_INTERNAL : ST_CANCELLED, "the request is no HealthCheckRequest"),
                   NULL);
        return;
    }
    pthread_mutex_lock(&s->health_lock);
    bool fits = s->n_watchers < WATCHERS_MAX;
    if (fits)
        enlist(c, known);
    pthread_mutex_unlock(&s->health_lock);
    if (!fits) {
        metric_add(&rpc_watchers_refused, 1);
        call_reply(c, call_fail(c, ST_OVERLOADED, "%d health watchers", WATCHERS_MAX), NULL);
    }
}

void health_tell(struct rpc_server *s)
{
    pthread_mutex_lock(&s->health_lock);
    for (struct call *c = s->watchers, *next; c; c = next) {
        next = c->next;
        push(c);
    }
    pthread_mutex_unlock(&s->health_lock);
}

void health_closed(struct call *c)
{
    struct rpc_server *s = c->server;
    pthread_mutex_lock(&s->health_lock);
    push(c);
    pthread_mutex_unlock(&s->health_lock);
}

void rpc_server_set_ready(struct rpc_server *s, bool ready)
{
    pthread_mutex_lock(&s->health_lock);
    s->ready = ready;
    pthread_mutex_unlock(&s->health_lock);
    health_tell(s);
}

void health_add(struct rpc_server *s)
{
    static const struct rpc_method methods[] = {
        {"/grpc.health.v1.Health/Check", RPC_UNARY, &grpc__health__v1__health_check_request__descriptor,
         &grpc__health__v1__health_check_response__descriptor},
        {"/grpc.health.v1.Health/Watch", RPC_SERVER_STREAM, &grpc__health__v1__health_check_request__descriptor,
         &grpc__health__v1__health_check_response__descriptor},
    };
    server_add_method(s, &methods[0], NULL, check);
    server_add_method(s, &methods[1], NULL, watch);
}
