/* client.c - calls out of a libuv loop. gRPC's completion queue has no descriptor that a loop could watch, so one
 * thread blocks in it and carries what comes to the loop: it pushes the tag onto a stack and wakes the loop when the
 * stack was empty. The loop takes the whole stack at once and runs the tags in the order in which they came.
 *
 * A unary call is one or two attempts, each one batch with one tag. When the first ends UNAVAILABLE, or its instance
 * hangs (group.c), and another instance is left, the same bytes are sent to that one; both share the deadline. An
 * attempt that is given up is cancelled, but nobody waits for its end: gRPC holds it back while a write is stuck in a
 * full socket. */
#define _GNU_SOURCE
#include "lib/rpc/client.h"
#include "lib/base/log.h"
#include "lib/rpc/health.pb-c.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TIMEOUT_DEFAULT_MS = 10000 };
#define RESULT_ARENA_BYTES ((size_t)1 << 30)

/* ---- The bridge ------------------------------------------------------------------------------------------------- */

static void push(struct rpc_client *client, struct tag *tag, bool ok)
{
    struct tag *top = atomic_load(&client->done);
    tag->ok = ok;
    do
        tag->next = top;
    while (!atomic_compare_exchange_weak(&client->done, &top, tag));
    if (!top && !atomic_load(&client->closing))
        uv_async_send(&client->wake);
}

static void *carry(void *user)
{
    struct rpc_client *client = user;
    for (;;) {
        grpc_event event = grpc_completion_queue_next(client->cq, gpr_inf_future(GPR_CLOCK_REALTIME), NULL);
        if (event.type == GRPC_QUEUE_SHUTDOWN)
            return NULL;
        TAG_ACQUIRE(event.tag);
        push(client, event.tag, event.success);
    }
}

static struct tag *take_in_order(struct rpc_client *client)
{
    struct tag *stack = atomic_exchange(&client->done, NULL), *queue = NULL;
    while (stack) {
        struct tag *next = stack->next;
        stack->next = queue;
        queue = stack;
        stack = next;
    }
    return queue;
}

static void woken(uv_async_t *wake)
{
    for (struct tag *tag = take_in_order(wake->data), *next; tag; tag = next) {
        next = tag->next;
        tag->done(tag, tag->ok);
    }
}

struct rpc_client *rpc_client_create(uv_loop_t *loop, const char *secret)
{
    struct rpc_client *client = calloc(1, sizeof *client);
    if (!client || !(client->secret = strdup(secret ? secret : "")))
        log_fatal("out of memory");
    codec_init();
    client->loop = loop;
    client->cq = grpc_completion_queue_create_for_next(NULL);
    if (uv_async_init(loop, &client->wake, woken))
        log_fatal("the loop takes no more handles");
    client->wake.data = client;
    uv_unref((uv_handle_t *)&client->wake);
    if (pthread_create(&client->thread, NULL, carry, client))
        log_fatal("no thread for completions");
    return client;
}

static void handle_closed(uv_handle_t *wake)
{
    free(wake->data);
}

/* false: a hung peer holds the write of an attempt that was given up, and gRPC cannot let go of it. */
static bool join(struct rpc_client *client)
{
    struct timespec until;
    grpc_completion_queue_shutdown(client->cq);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 1;
    return !pthread_timedjoin_np(client->thread, NULL, &until);
}

void rpc_client_destroy(struct rpc_client *client)
{
    if (!client)
        return;
    if (client->pending || client->groups)
        log_fatal("rpc_client_destroy: %u calls and %u groups are left", client->pending, client->groups);
    atomic_store(&client->closing, true);
    if (!join(client)) {
        pthread_detach(client->thread); /* it keeps what it uses until the process ends */
        uv_close((uv_handle_t *)&client->wake, NULL);
        return;
    }
    woken(&client->wake);
    grpc_completion_queue_destroy(client->cq);
    grpc_shutdown();
    free(client->secret);
    uv_close((uv_handle_t *)&client->wake, handle_closed);
}

void client_begin(struct rpc_group *group)
{
    group->calls++;
    if (!group->client->pending++)
        uv_ref((uv_handle_t *)&group->client->wake);
}

void client_end(struct rpc_group *group)
{
    group->calls--;
    if (!--group->client->pending)
        uv_unref((uv_handle_t *)&group->client->wake);
}

/* ---- What calls and streams begin with -------------------------------------------------------------------------- */

void client_start(struct rpc_client *client, grpc_call *call, const grpc_op *ops, size_t n, struct tag *tag)
{
    if (!codec_start(call, ops, n, tag))
        push(client, tag, false);
}

grpc_call *client_make_call(struct rpc_client *client, const struct instance *instance, const char *path,
                            gpr_timespec deadline)
{
    return grpc_channel_create_call(instance->channel, NULL, GRPC_PROPAGATE_DEFAULTS, client->cq,
                                    grpc_slice_from_static_string(path), NULL, deadline, NULL);
}

gpr_timespec client_deadline(int64_t timeout_ms)
{
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
}

int64_t client_timeout_ms(const struct rpc_method *method, int64_t timeout_ms)
{
    if (timeout_ms > 0)
        return timeout_ms;
    return method->timeout_ms ? method->timeout_ms : TIMEOUT_DEFAULT_MS;
}

void client_add_headers(const struct rpc_client *client, const struct rpc_identity *who, struct headers *h)
{
    char user[24] = "";
    headers_add_text(h, RPC_KEY_SECRET, client->secret);
    if (!who)
        return;
    if (who->user_id)
        snprintf(user, sizeof user, "%" PRIu64, who->user_id);
    headers_add_text(h, RPC_KEY_USER, user);
    headers_add_text(h, RPC_KEY_BOT, who->bot ? "1" : "");
    headers_add_text(h, RPC_KEY_ADMIN, who->admin ? "1" : "");
    headers_add_text(h, RPC_KEY_ADDRESS, who->address);
    headers_add_text(h, RPC_KEY_REQUEST_ID, who->request_id);
    headers_add_text(h, RPC_KEY_TRACEPARENT, who->traceparent);
    if (!who->reason || !*who->reason)
        return;
    char *reason = codec_percent_encode(who->reason);
    headers_add_text(h, RPC_KEY_REASON, reason);
    free(reason);
}

/* ---- Unary calls ------------------------------------------------------------------------------------------------ */

struct attempt {
    struct rpc_request *request;
    struct instance *instance; /* NULL: ended, or given up */
    grpc_call *call;
    grpc_byte_buffer *sent;
    struct answer answer;
    struct tag ended;
    struct attempt *next, **at; /* in the instance's calls */
};

enum { ATTEMPTS_MAX = 2 };

struct rpc_request {
    struct rpc_group *group;
    const struct rpc_method *method;
    uint64_t key;
    gpr_timespec deadline;
    struct headers headers;
    grpc_slice packed;
    struct attempt attempts[ATTEMPTS_MAX];
    unsigned n_attempts, n_out; /* n_out: whose tag has not come */
    bool cancelled, over;       /* over: the callback was called */
    rpc_done_fn *done;
    void *user;
};

static const struct rpc_method check_method = {
    "/grpc.health.v1.Health/Check",
    RPC_UNARY,
    &grpc__health__v1__health_check_request__descriptor,
    &grpc__health__v1__health_check_response__descriptor,
    .once = true,
};

static void ended(struct tag *tag, bool ok);

static void start_batch(struct attempt *a)
{
    struct rpc_request *r = a->request;
    grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data.send_initial_metadata = {.count = r->headers.n, .metadata = r->headers.all}},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = a->sent},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &a->answer.headers},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &a->answer.response},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
         .data.recv_status_on_client = {.trailing_metadata = &a->answer.trailers,
                                        .status = &a->answer.code,
                                        .status_details = &a->answer.text}},
    };
    client_start(r->group->client, a->call, ops, sizeof ops / sizeof *ops, &a->ended);
}

static void send_to(struct rpc_request *r, struct instance *instance)
{
    struct attempt *a = &r->attempts[r->n_attempts++];
    *a = (struct attempt){
        .request = r,
        .instance = instance,
        .call = client_make_call(r->group->client, instance, r->method->path, r->deadline),
        .sent = grpc_raw_byte_buffer_create(&r->packed, 1),
        .ended.done = ended,
        .next = instance->calls,
        .at = &instance->calls,
    };
    answer_init(&a->answer);
    if (a->next)
        a->next->at = &a->next;
    instance->calls = a;
    r->n_out++;
    group_watch(r->group);
    start_batch(a);
}

static void leave(struct attempt *a)
{
    *a->at = a->next;
    if (a->next)
        a->next->at = a->at;
    a->instance = NULL;
}

/* Whether the call went out again. */
static bool resend(struct rpc_request *r, const struct instance *from)
{
    if (r->method->once || r->n_attempts == ATTEMPTS_MAX || r->cancelled ||
        gpr_time_cmp(gpr_now(GPR_CLOCK_MONOTONIC), r->deadline) >= 0)
        return false;
    struct instance *other = group_pick(r->group, r->key, from);
    if (!other)
        return false;
    metric_add(&rpc_resends, 1);
    send_to(r, other);
    return true;
}

/* answer NULL: the instance hangs. */
static void finish(struct rpc_request *r, const struct answer *answer)
{
    struct arena *arena = arena_create(RESULT_ARENA_BYTES);
    struct rpc_result result = {.st = r->cancelled ? ST_CANCELLED : ST_UNAVAILABLE};
    if (!r->cancelled && answer)
        result = answer_result(answer, r->method->out, arena);
    r->done(r->user, &result);
    arena_destroy(arena);
    r->over = true;
    if (r->method != &check_method)
        client_end(r->group);
}

static void settle(struct attempt *a)
{
    struct rpc_request *r = a->request;
    struct instance *instance = a->instance;
    leave(a);
    if (answer_is_heard(&a->answer))
        instance_heard(instance);
    else if (a->answer.code == GRPC_STATUS_UNAVAILABLE)
        instance->failed = true;
    if (a->answer.code != GRPC_STATUS_UNAVAILABLE || !resend(r, instance))
        finish(r, &a->answer);
}

static void ended(struct tag *tag, bool ok)
{
    struct attempt *a = TAG_OWNER(tag, struct attempt, ended);
    struct rpc_request *r = a->request;
    answer_settle(&a->answer, r->cancelled, ok);
    if (a->instance)
        settle(a);
    answer_finish(&a->answer);
    grpc_byte_buffer_destroy(a->sent);
    grpc_call_unref(a->call);
    if (--r->n_out || !r->over)
        return;
    headers_finish(&r->headers);
    grpc_slice_unref(r->packed);
    free(r);
}

void client_abandon(struct instance *instance)
{
    struct attempt *all = instance->calls; /* callbacks may begin others */
    instance->calls = NULL;
    if (all)
        all->at = &all;
    while (all) {
        struct attempt *a = all;
        leave(a);
        grpc_call_cancel_with_status(a->call, GRPC_STATUS_UNAVAILABLE, "the peer hangs", NULL);
        if (!resend(a->request, instance))
            finish(a->request, NULL);
    }
}

static struct rpc_request *make(struct rpc_group *group, uint64_t key, const struct rpc_method *method,
                                const ProtobufCMessage *message, const struct rpc_identity *who, int64_t timeout_ms,
                                rpc_done_fn *done, void *user)
{
    struct rpc_request *r = calloc(1, sizeof *r);
    if (!r)
        log_fatal("out of memory");
    *r = (struct rpc_request){
        .group = group,
        .method = method,
        .key = key,
        .deadline = client_deadline(client_timeout_ms(method, timeout_ms)),
        .packed = codec_pack(message),
        .done = done,
        .user = user,
    };
    client_add_headers(group->client, who, &r->headers);
    return r;
}

struct rpc_request *rpc_call(struct rpc_group *group, uint64_t key, const struct rpc_method *method,
                             const ProtobufCMessage *message, const struct rpc_identity *who, int64_t timeout_ms,
                             rpc_done_fn *done, void *user)
{
    if (method->kind != RPC_UNARY)
        log_fatal("rpc_call: %s is a stream", method->path);
    struct rpc_request *r = make(group, key, method, message, who, timeout_ms, done, user);
    client_begin(group);
    send_to(r, group_pick(group, key, NULL));
    return r;
}

void rpc_cancel(struct rpc_request *r)
{
    r->cancelled = true;
    grpc_call_cancel(r->attempts[r->n_attempts - 1].call, NULL);
}

static void probed(void *user, const struct rpc_result *result)
{
    ((struct instance *)user)->probing = false;
}

void client_probe(struct rpc_group *group, struct instance *instance)
{
    Grpc__Health__V1__HealthCheckRequest any = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    instance->probing = true;
    send_to(make(group, 0, &check_method, &any.base, NULL, 0, probed, instance), instance);
}
