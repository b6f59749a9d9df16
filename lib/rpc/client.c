/* client.c - calls out of a libuv loop. gRPC's completion queue has no descriptor that a loop could watch, so one
 * thread blocks in it and carries what comes to the loop: it pushes the tag onto a stack and wakes the loop when the
 * stack was empty. The loop takes the whole stack at once and runs the tags in the order in which they came.
 *
 * A unary call is one batch with one tag. When it ends UNAVAILABLE and another instance is left, the same bytes are
 * sent to that one, once; both attempts share the deadline. */
#include "lib/rpc/client.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (!top)
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

void rpc_client_destroy(struct rpc_client *client)
{
    if (!client)
        return;
    if (client->pending || client->groups)
        log_fatal("rpc_client_destroy: %u calls and %u groups are left", client->pending, client->groups);
    grpc_completion_queue_shutdown(client->cq);
    pthread_join(client->thread, NULL);
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

struct rpc_request {
    struct rpc_group *group;
    struct instance *instance;
    const struct rpc_method *method;
    uint64_t key;
    gpr_timespec deadline;
    struct headers headers;
    grpc_slice packed;
    grpc_call *call;
    grpc_byte_buffer *sent;
    struct answer answer;
    struct tag ended;
    bool cancelled, resent;
    unsigned connection;            /* the instance's, when the attempt began */
    struct rpc_request *next, **at; /* in the instance's calls */
    rpc_done_fn *done;
    void *user;
};

static void begin_attempt(struct rpc_request *r)
{
    r->connection = r->instance->connection;
    if (!r->instance->n_calls++)
        r->instance->heard_ms = clock_mono_ms();
    r->at = &r->instance->calls;
    r->next = *r->at;
    if (r->next)
        r->next->at = &r->next;
    *r->at = r;
}

static void send_to_instance(struct rpc_request *r)
{
    begin_attempt(r);
    r->call = client_make_call(r->group->client, r->instance, r->method->path, r->deadline);
    r->sent = grpc_raw_byte_buffer_create(&r->packed, 1);
    answer_init(&r->answer);
    grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data.send_initial_metadata = {.count = r->headers.n, .metadata = r->headers.all}},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = r->sent},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &r->answer.headers},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &r->answer.response},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
         .data.recv_status_on_client = {.trailing_metadata = &r->answer.trailers,
                                        .status = &r->answer.code,
                                        .status_details = &r->answer.text}},
    };
    client_start(r->group->client, r->call, ops, sizeof ops / sizeof *ops, &r->ended);
}

static void end_attempt(struct rpc_request *r)
{
    r->instance->n_calls--;
    *r->at = r->next;
    if (r->next)
        r->next->at = r->at;
    answer_finish(&r->answer);
    grpc_byte_buffer_destroy(r->sent);
    grpc_call_unref(r->call);
}

void client_abandon(struct instance *instance)
{
    for (struct rpc_request *r = instance->calls; r; r = r->next)
        grpc_call_cancel_with_status(r->call, GRPC_STATUS_UNAVAILABLE, "the peer hangs", NULL);
}

/* Whether the call went out again. */
static bool resend(struct rpc_request *r)
{
    if (r->answer.code != GRPC_STATUS_UNAVAILABLE)
        return false;
    if (!answer_is_peers(&r->answer))
        instance_failed(r->instance, r->connection);
    if (r->method->once || r->resent || r->cancelled || gpr_time_cmp(gpr_now(GPR_CLOCK_MONOTONIC), r->deadline) >= 0)
        return false;
    struct instance *other = group_pick(r->group, r->key, r->instance);
    if (!other)
        return false;
    end_attempt(r);
    r->resent = true;
    r->instance = other;
    metric_add(&rpc_resends, 1);
    send_to_instance(r);
    return true;
}

static void finish(struct rpc_request *r)
{
    struct arena *arena = arena_create(RESULT_ARENA_BYTES);
    struct rpc_result result = {.st = ST_CANCELLED};
    if (!r->cancelled)
        result = answer_result(&r->answer, r->method->out, arena);
    r->done(r->user, &result);
    arena_destroy(arena);
    end_attempt(r);
    headers_finish(&r->headers);
    grpc_slice_unref(r->packed);
    client_end(r->group);
    free(r);
}

static void ended(struct tag *tag, bool ok)
{
    struct rpc_request *r = TAG_OWNER(tag, struct rpc_request, ended);
    answer_settle(&r->answer, r->cancelled, ok);
    if (r->answer.code == GRPC_STATUS_OK || answer_is_peers(&r->answer))
        r->instance->heard_ms = clock_mono_ms();
    if (!resend(r))
        finish(r);
}

struct rpc_request *rpc_call(struct rpc_group *group, uint64_t key, const struct rpc_method *method,
                             const ProtobufCMessage *message, const struct rpc_identity *who, int64_t timeout_ms,
                             rpc_done_fn *done, void *user)
{
    struct rpc_request *r = calloc(1, sizeof *r);
    if (!r)
        log_fatal("out of memory");
    if (method->kind != RPC_UNARY)
        log_fatal("rpc_call: %s is a stream", method->path);
    *r = (struct rpc_request){
        .group = group,
        .instance = group_pick(group, key, NULL),
        .method = method,
        .key = key,
        .deadline = client_deadline(client_timeout_ms(method, timeout_ms)),
        .packed = codec_pack(message),
        .ended.done = ended,
        .done = done,
        .user = user,
    };
    client_add_headers(group->client, who, &r->headers);
    client_begin(group);
    send_to_instance(r);
    return r;
}

void rpc_cancel(struct rpc_request *r)
{
    r->cancelled = true;
    grpc_call_cancel(r->call, NULL);
}
