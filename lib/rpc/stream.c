/* stream.c - streaming calls out of a libuv loop. Four batches may be on their way at once: the opening (headers out,
 * and the request of a server-streaming method; headers in), one read, one write (or the closing of our side), and the
 * status. Each holds a reference; the last to come back ends the stream: on_done, once, and the memory goes. The status
 * comes after everything that the peer sent was read, or at once when the stream broke. */
#include "lib/base/log.h"
#include "lib/rpc/client.h"
#include <stdlib.h>

#define RESULT_ARENA_BYTES ((size_t)1 << 30)

struct rpc_stream {
    struct rpc_group *group;
    struct instance *instance;
    const struct rpc_method *method;
    const struct rpc_stream_events *events;
    void *user;
    grpc_call *call;
    struct headers headers;
    grpc_byte_buffer *request, *sending, *reading;
    struct answer answer;
    struct tag opened, sent, closed_send, read, ended;
    unsigned refs;
    bool is_sending, is_reading, close_wanted, close_sent, cancelled, over;
};

static void finish(struct rpc_stream *s)
{
    struct arena *arena = arena_create(RESULT_ARENA_BYTES);
    struct rpc_result result = {.st = ST_CANCELLED};
    if (!s->cancelled)
        result = answer_result(&s->answer, s->method->kind == RPC_CLIENT_STREAM ? s->method->out : NULL, arena);
    s->events->on_done(s->user, &result);
    arena_destroy(arena);
    answer_finish(&s->answer);
    headers_finish(&s->headers);
    if (s->request)
        grpc_byte_buffer_destroy(s->request);
    grpc_call_unref(s->call);
    client_end(s->group);
    free(s);
}

static void start(struct rpc_stream *s, const grpc_op *ops, size_t n, struct tag *tag)
{
    s->refs++;
    client_start(s->group->client, s->call, ops, n, tag);
}

static void release(struct rpc_stream *s)
{
    if (!--s->refs)
        finish(s);
}

static void opened(struct tag *tag, bool ok)
{
    release(TAG_OWNER(tag, struct rpc_stream, opened));
}

static void ended(struct tag *tag, bool ok)
{
    struct rpc_stream *s = TAG_OWNER(tag, struct rpc_stream, ended);
    s->over = true;
    answer_settle(&s->answer, s->cancelled, ok);
    if (s->answer.code == GRPC_STATUS_UNAVAILABLE && !answer_is_peers(&s->answer))
        s->instance->failed = true;
    release(s);
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

static void deliver(struct rpc_stream *s)
{
    struct arena *arena = arena_create(RESULT_ARENA_BYTES);
    const ProtobufCMessage *message = codec_unpack_buffer(arena, s->method->out, s->reading);
    grpc_byte_buffer_destroy(s->reading);
    s->reading = NULL;
    if (message)
        s->events->on_message(s->user, message);
    else
        grpc_call_cancel_with_status(s->call, GRPC_STATUS_INTERNAL, "a message that does not unpack", NULL);
    arena_destroy(arena);
}

static void read_done(struct tag *tag, bool ok)
{
    struct rpc_stream *s = TAG_OWNER(tag, struct rpc_stream, read);
    s->is_reading = false;
    if (s->reading && s->method->kind == RPC_CLIENT_STREAM) {
        s->answer.response = s->reading;
        s->reading = NULL;
    } else if (s->reading) {
        deliver(s);
    }
    release(s);
}

static void start_read(struct rpc_stream *s)
{
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &s->reading};
    s->is_reading = true;
    start(s, &op, 1, &s->read);
}

void rpc_stream_read(struct rpc_stream *s)
{
    if (s->is_reading || s->method->kind == RPC_CLIENT_STREAM)
        log_fatal("rpc_stream_read: one at a time, and not of a client-streaming call");
    if (!s->over)
        start_read(s);
}

/* ---- Writing ---------------------------------------------------------------------------------------------------- */

static void start_close(struct rpc_stream *s)
{
    grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    s->close_sent = true;
    start(s, &op, 1, &s->closed_send);
}

static void send_closed(struct tag *tag, bool ok)
{
    release(TAG_OWNER(tag, struct rpc_stream, closed_send));
}

static void send_done(struct tag *tag, bool ok)
{
    struct rpc_stream *s = TAG_OWNER(tag, struct rpc_stream, sent);
    s->is_sending = false;
    grpc_byte_buffer_destroy(s->sending);
    s->sending = NULL;
    if (ok && s->close_wanted && !s->over)
        start_close(s);
    else if (ok && s->events->on_sent)
        s->events->on_sent(s->user);
    release(s);
}

void rpc_stream_send(struct rpc_stream *s, const ProtobufCMessage *message)
{
    if (s->is_sending || s->close_wanted || s->method->kind == RPC_SERVER_STREAM)
        log_fatal("rpc_stream_send: one at a time, and none after the close");
    if (s->over)
        return;
    s->sending = codec_pack_buffer(message);
    grpc_op op = {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = s->sending};
    s->is_sending = true;
    start(s, &op, 1, &s->sent);
}

void rpc_stream_close_send(struct rpc_stream *s)
{
    s->close_wanted = true;
    if (!s->is_sending && !s->close_sent && !s->over)
        start_close(s);
}

void rpc_stream_cancel(struct rpc_stream *s)
{
    s->cancelled = true;
    grpc_call_cancel(s->call, NULL);
}

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

static void watch_status(struct rpc_stream *s)
{
    grpc_op op = {
        .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
        .data.recv_status_on_client = {.trailing_metadata = &s->answer.trailers,
                                       .status = &s->answer.code,
                                       .status_details = &s->answer.text},
    };
    start(s, &op, 1, &s->ended);
}

static void start_open(struct rpc_stream *s, const ProtobufCMessage *request)
{
    grpc_op ops[4] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA,
         .data.send_initial_metadata = {.count = s->headers.n, .metadata = s->headers.all}},
        {.op = GRPC_OP_RECV_INITIAL_METADATA, .data.recv_initial_metadata.recv_initial_metadata = &s->answer.headers},
    };
    size_t n = 2;
    if (request) {
        s->request = codec_pack_buffer(request);
        s->close_wanted = s->close_sent = true;
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = s->request};
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    }
    start(s, ops, n, &s->opened);
}

struct rpc_stream *rpc_stream_open(struct rpc_group *group, uint64_t key, const struct rpc_method *method,
                                   const ProtobufCMessage *request, const struct rpc_identity *who,
                                   const struct rpc_stream_events *events, void *user)
{
    struct rpc_stream *s = calloc(1, sizeof *s);
    if (!s)
        log_fatal("out of memory");
    if (method->kind == RPC_UNARY || (method->kind == RPC_SERVER_STREAM) != (request != NULL))
        log_fatal("rpc_stream_open: %s is no such stream", method->path);
    *s = (struct rpc_stream){
        .group = group,
        .instance = group_pick(group, key, NULL),
        .method = method,
        .events = events,
        .user = user,
        .opened.done = opened,
        .sent.done = send_done,
        .closed_send.done = send_closed,
        .read.done = read_done,
        .ended.done = ended,
    };
    s->call = client_make_call(group->client, s->instance, method->path, client_deadline(client_timeout_ms(method, 0)));
    answer_init(&s->answer);
    client_add_headers(group->client, who, &s->headers);
    client_begin(group);
    start_open(s, request);
    watch_status(s);
    if (method->kind == RPC_CLIENT_STREAM)
        start_read(s);
    return s;
}
