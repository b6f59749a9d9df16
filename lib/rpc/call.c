/* call.c - the call as its handler sees it. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/rpc/server.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { LEAVES_MAX = 200, REQUEST_ID_MAX = 128 };
#define ARENA_BYTES_MIN ((size_t)64 << 20)

const struct rpc_method *call_decl(const struct call *c)
{
    static const struct rpc_method unknown = {.path = "/unknown/unknown", .bulkhead = ""};
    return c->method ? c->method->decl : &unknown;
}

static const char *make_request_id(struct arena *arena)
{
    uint64_t id = 0;
    while (getrandom(&id, sizeof id, 0) != sizeof id)
        continue;
    return arena_printf(arena, "%016" PRIx64, id);
}

void call_open(struct call *c)
{
    if (c->arena)
        return;
    size_t message_max = c->server->config.message_bytes_max;
    c->arena = arena_create(ARENA_BYTES_MIN + 2 * (RPC_UNPACK_BYTES_MIN + RPC_UNPACK_FACTOR * message_max));
    c->user = strtoull(codec_find_text(&c->metadata, RPC_KEY_USER, c->arena), NULL, 10);
    c->bot = *codec_find_text(&c->metadata, RPC_KEY_BOT, c->arena) == '1';
    c->admin = *codec_find_text(&c->metadata, RPC_KEY_ADMIN, c->arena) == '1';
    c->address = codec_find_text(&c->metadata, RPC_KEY_ADDRESS, c->arena);
    c->request_id = codec_find_text(&c->metadata, RPC_KEY_REQUEST_ID, c->arena);
    if (!*c->request_id || strlen(c->request_id) > REQUEST_ID_MAX)
        c->request_id = make_request_id(c->arena);
    char *reason = arena_strdup(c->arena, codec_find_text(&c->metadata, RPC_KEY_REASON, c->arena));
    codec_percent_decode(reason);
    c->reason = reason;
}

struct call *call_create_own(struct rpc_server *server, int64_t timeout_ms)
{
    struct call *c = calloc(1, sizeof *c);
    if (!c)
        log_fatal("out of memory");
    c->server = server;
    c->deadline_ms = clock_mono_ms() + timeout_ms;
    c->leaf_end = &c->leaves;
    call_open(c);
    return c;
}

void call_destroy_own(struct call *c)
{
    call_finish(c);
    free(c);
}

void call_finish(struct call *c)
{
    headers_finish(&c->trailers);
    buf_finish(&c->feed);
    if (c->reply_bytes)
        grpc_byte_buffer_destroy(c->reply_bytes);
    if (c->read_bytes)
        grpc_byte_buffer_destroy(c->read_bytes);
    arena_destroy(c->read_arena);
    arena_destroy(c->arena);
}

/* ---- What the caller said --------------------------------------------------------------------------------------- */

struct arena *call_arena(struct call *c)
{
    return c->arena;
}

void *call_worker(struct call *c)
{
    return c->worker;
}

void *call_server_user(struct call *c)
{
    return c->server->config.user;
}

uint64_t call_user(const struct call *c)
{
    return c->user;
}

bool call_is_bot(const struct call *c)
{
    return c->bot;
}

bool call_is_admin(const struct call *c)
{
    return c->admin;
}

const char *call_address(const struct call *c)
{
    return c->address;
}

const char *call_request_id(const struct call *c)
{
    return c->request_id;
}

const char *call_reason(const struct call *c)
{
    return c->reason;
}

int64_t call_deadline_ms(const struct call *c)
{
    return c->deadline_ms;
}

int64_t call_left_ms(const struct call *c)
{
    return c->deadline_ms - clock_mono_ms();
}

bool call_cancelled(const struct call *c)
{
    return atomic_load(&c->cancelled) || call_left_ms(c) <= 0;
}

bool call_draining(const struct call *c)
{
    return atomic_load(&c->server->draining);
}

status call_broken(struct call *c)
{
    return call_left_ms(c) <= 0 ? ST_DEADLINE : ST_CANCELLED;
}

/* ---- What the handler says -------------------------------------------------------------------------------------- */

status call_fail(struct call *c, status st, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    c->detail = arena_vprintf(c->arena, format, args);
    va_end(args);
    return st;
}

status call_fail_field(struct call *c, const char *path, const char *code, const char *message)
{
    if (c->n_leaves++ >= LEAVES_MAX)
        return ST_INVALID_FORM;
    struct error_leaf *leaf = ARENA_NEW(c->arena, struct error_leaf);
    *leaf = (struct error_leaf){
        .path = arena_strdup(c->arena, path),
        .code = arena_strdup(c->arena, code),
        .message = arena_strdup(c->arena, message),
    };
    *c->leaf_end = leaf;
    c->leaf_end = &leaf->next;
    return ST_INVALID_FORM;
}

void call_error_text(struct call *c, const char *message)
{
    c->error_text = arena_strdup(c->arena, message);
}

void call_retry_after(struct call *c, int64_t ms)
{
    c->retry_after_ms = ms;
}

/* Packed messages of one type may be laid end to end: repeated fields append, others take the last. */
void call_add_entries(struct call *c, const Hubbub__V1__Generation *generation, Hubbub__V1__FeedEntry *const *entries,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        Hubbub__V1__FeedEntry *one = entries[i];
        Hubbub__V1__BusMessage message = HUBBUB__V1__BUS_MESSAGE__INIT;
        message.generation = c->feed.len ? NULL : (Hubbub__V1__Generation *)generation;
        message.entries = &one;
        message.n_entries = 1;
        size_t size = protobuf_c_message_get_packed_size(&message.base);
        if (c->feed.len + size > RPC_FEED_BYTES_MAX) {
            metric_add(&rpc_entries_dropped, (int64_t)(n - i));
            return;
        }
        grpc_slice packed = codec_pack(&message.base);
        buf_put(&c->feed, GRPC_SLICE_START_PTR(packed), GRPC_SLICE_LENGTH(packed));
        grpc_slice_unref(packed);
    }
}

/* ---- Streams ---------------------------------------------------------------------------------------------------- */

void call_moved(struct tag *tag, bool ok)
{
    struct call *c = TAG_OWNER(tag, struct call, moved);
    pthread_mutex_lock(&c->lock);
    c->moving = false;
    c->moved_ok = ok;
    pthread_cond_signal(&c->has_moved);
    pthread_mutex_unlock(&c->lock);
}

/* The batch ends at the latest when the call is cancelled or its deadline passes: then gRPC fails it. */
static bool move(struct call *c, const grpc_op *ops, size_t n)
{
    c->moving = true;
    if (!codec_start(c->grpc, ops, n, &c->moved))
        return false;
    pthread_mutex_lock(&c->lock);
    while (c->moving)
        pthread_cond_wait(&c->has_moved, &c->lock);
    bool ok = c->moved_ok;
    pthread_mutex_unlock(&c->lock);
    return ok;
}

static void assert_stream(struct call *c, bool reads)
{
    enum rpc_kind kind = call_decl(c)->kind;
    if (kind != RPC_BIDI && kind != (reads ? RPC_CLIENT_STREAM : RPC_SERVER_STREAM))
        log_fatal("%s: not that kind of stream", call_decl(c)->path);
}

status call_read(struct call *c, const ProtobufCMessage **ret)
{
    assert_stream(c, true);
    grpc_op op = {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &c->read_bytes};
    arena_destroy(c->read_arena);
    c->read_arena = NULL;
    if (!move(c, &op, 1) || (!c->read_bytes && (grpc_call_failed_before_recv_message(c->grpc) || call_cancelled(c))))
        return call_fail(c, call_broken(c), "the stream broke off");
    if (!c->read_bytes) {
        *ret = NULL;
        return ST_OK;
    }
    c->read_arena = arena_create(2 * (RPC_UNPACK_BYTES_MIN + RPC_UNPACK_FACTOR * c->server->config.message_bytes_max));
    const ProtobufCMessage *message = codec_unpack_buffer(c->read_arena, call_decl(c)->in, c->read_bytes);
    grpc_byte_buffer_destroy(c->read_bytes);
    c->read_bytes = NULL;
    if (!message)
        return call_fail(c, ST_INTERNAL, "a message of the stream is no %s", call_decl(c)->in->name);
    *ret = message;
    return ST_OK;
}

status call_write(struct call *c, const ProtobufCMessage *message)
{
    assert_stream(c, false);
    grpc_byte_buffer *bytes = codec_pack_buffer(message);
    grpc_op ops[2] = {{.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = bytes}};
    size_t n = 1;
    if (!c->headers_sent)
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
    c->headers_sent = true;
    bool ok = move(c, ops, n);
    grpc_byte_buffer_destroy(bytes);
    return ok ? ST_OK : call_fail(c, call_broken(c), "the stream broke off");
}
