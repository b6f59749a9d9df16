/* rpc.h - gRPC, the only place that knows it: typed unary and streaming calls over C core and protobuf-c.
 *
 * Server: one poller thread, and a bounded pool of workers for each bulkhead; a handler is straight blocking code.
 * Client: all on one libuv loop thread; completions arrive on that loop.
 * Every call has a deadline; every failure is a row of status.def with an ErrorDetail in the trailer hubbub-error-bin.
 * Metadata: x-request-id, traceparent, hubbub-secret (the cluster's), hubbub-user, hubbub-bot, hubbub-admin,
 * hubbub-address (the client's), hubbub-reason (percent-encoded). */
#pragma once
#include "hubbub/v1/common.pb-c.h"
#include "hubbub/v1/feeds.pb-c.h"
#include "lib/base/arena.h"
#include <protobuf-c/protobuf-c.h>

enum rpc_kind { RPC_UNARY, RPC_CLIENT_STREAM, RPC_SERVER_STREAM, RPC_BIDI };
enum rpc_auth { RPC_AUTH_UNSET, RPC_PUBLIC, RPC_TOKEN, RPC_PERSON, RPC_BOT, RPC_INTERNAL, RPC_ADMINISTRATOR };
/* Written by the generator. */
struct rpc_method {
    const char *path; /* "/hubbub.v1.Guilds/Create" */
    enum rpc_kind kind;
    const ProtobufCMessageDescriptor *in, *out;
    enum rpc_auth auth;
    const char *bulkhead; /* "main" by default */
    int64_t timeout_ms;
    bool once; /* running it twice would show: rpc_call does not send it again */
};
struct rpc_service {
    const char *name; /* "hubbub.v1.Guilds" */
    unsigned n;
    const struct rpc_method *methods;
};

/* ---- Server ---------------------------------------------------------------------------------------------------- */
struct call; /* one call in flight; belongs to the worker that runs it */

/* Unary and server-streaming: request is given; the response is filled (unary) or call_write is used (stream).
 * Client-streaming: request is NULL, call_read gives them. Any status but ST_OK: call_fail said why. */
typedef status rpc_handler(struct call *, const void *request, void *response);

struct rpc_bulkhead {
    const char *name;
    unsigned workers;   /* threads */
    unsigned queue_max; /* calls that wait; one more is answered ST_OVERLOADED */
};
struct rpc_server_config {
    const char *listen; /* "127.0.0.1:9101" or "unix:run/chat-1.sock" */
    const char *secret; /* callers without it are answered ST_INTERNAL_AUTH; "" lets all in (tests) */
    const struct rpc_bulkhead *bulkheads; /* the first is used for methods whose bulkhead is not named here */
    unsigned n_bulkheads;
    size_t message_bytes_max;             /* 0: 4 MiB */
    unsigned in_flight_max;               /* 0: 4096; one more is answered ST_OVERLOADED */
    void *(*worker_start)(void *user);    /* on each worker thread; its result is call_worker(); may be NULL */
    void (*worker_stop)(void *user, void *worker);
    void *user;
};
struct rpc_server;
/* NULL when the address cannot be bound (logged). Block SIGTERM and SIGINT in all threads before. The config is copied;
 * its strings live as long as the server. A socket file that nobody listens on is removed; one that is in use is not. */
struct rpc_server *rpc_server_create(const struct rpc_server_config *);
/* The TCP port that was bound (listen may say port 0); 1 for a unix socket. */
int rpc_server_port(const struct rpc_server *);
/* Before rpc_server_start. handlers[i] serves service->methods[i]; NULL: UNIMPLEMENTED. */
void rpc_server_add(struct rpc_server *, const struct rpc_service *, rpc_handler *const *handlers);
/* Serves also grpc.health.v1 (SERVING while `rpc_server_set_ready(true)`). false when it cannot start (logged). */
bool rpc_server_start(struct rpc_server *) MUST_CHECK;
void rpc_server_set_ready(struct rpc_server *, bool ready);
/* GOAWAY; running calls go on for grace_ms at most, then are cancelled; returns when all are over. Then destroy. */
void rpc_server_drain(struct rpc_server *, int64_t grace_ms);
void rpc_server_destroy(struct rpc_server *);

/* A call that nobody made, for work of the service's own by the functions that serve calls: no user, no caller, entries
 * go to nobody's trailer. Not for streams. Destroy it before the server. */
struct call *call_create_own(struct rpc_server *, int64_t timeout_ms);
void call_destroy_own(struct call *);

struct arena *call_arena(struct call *);
void *call_worker(struct call *);
void *call_server_user(struct call *); /* rpc_server_config.user */
uint64_t call_user(const struct call *); /* 0: none */
bool call_is_bot(const struct call *);
bool call_is_admin(const struct call *);
const char *call_address(const struct call *);    /* the client's address, "" when unknown */
const char *call_request_id(const struct call *); /* never empty */
const char *call_reason(const struct call *);     /* audit reason, decoded; "" when none */
int64_t call_deadline_ms(const struct call *);    /* on clock_mono_ms() */
int64_t call_left_ms(const struct call *);
bool call_cancelled(const struct call *); /* the peer went away, cancelled, or the deadline passed */
bool call_draining(const struct call *);  /* the server shuts down: a long stream ends itself */
/* Records the detail (for the log, never for the client) and returns st. */
status call_fail(struct call *, status st, const char *format, ...) PRINTF_LIKE(3, 4);
/* Adds a leaf of the 50035 tree and returns ST_INVALID_FORM. path "embeds.0.title". */
status call_fail_field(struct call *, const char *path, const char *code, const char *message);
/* Replaces the text of the status's row in the client's error body. Copied. */
void call_error_text(struct call *, const char *message);
/* Tells the client when to come again (429, 503). */
void call_retry_after(struct call *, int64_t ms);
/* Feed entries that this call wrote: they go back in the trailer hubbub-feed-bin when the call succeeds, so that the
 * caller's own gateway needs no bus. Copied at once. What does not fit into 160 KiB is dropped (counted): the bus brings
 * it. */
void call_add_entries(struct call *, const Hubbub__V1__Generation *, Hubbub__V1__FeedEntry *const *, size_t n);
/* Client-streaming: the next message, in an arena of its own (valid until the next read); NULL at the end. A stream that
 * broke off is ST_CANCELLED or ST_DEADLINE, never an end. */
status call_read(struct call *, const ProtobufCMessage **ret) MUST_CHECK;
/* Server-streaming: blocks until the peer's window takes it. */
status call_write(struct call *, const ProtobufCMessage *) MUST_CHECK;

/* ---- Client ---------------------------------------------------------------------------------------------------- */
typedef struct uv_loop_s uv_loop_t;
struct rpc_client; /* the completion thread and its bridge to the loop */
/* secret: printable ASCII, or "". */
struct rpc_client *rpc_client_create(uv_loop_t *, const char *secret);
/* After every call ended and every group is destroyed (asserted). Its handle closes in the loop's next turn: run the loop
 * once more before closing that. While a call is pending it keeps uv_run() going; otherwise it does not. */
void rpc_client_destroy(struct rpc_client *);

struct rpc_group; /* the instances of one service */
/* targets: "unix:run/chat-1.sock,unix:run/chat-2.sock", "10.0.0.1:9101,...", or one "dns:///chat:9101". */
struct rpc_group *rpc_group_create(struct rpc_client *, const char *targets);
/* After its calls ended (asserted). Its handle closes in the loop's next turn. */
void rpc_group_destroy(struct rpc_group *);
/* Whether at least one instance is connected or not known to be down, and does not hang. */
bool rpc_group_ready(struct rpc_group *);

struct rpc_identity { /* on whose behalf */
    uint64_t user_id;
    bool bot, admin;
    const char *address, *reason, *request_id, *traceparent; /* NULL: none */
};
struct rpc_result {
    status st;
    const ProtobufCMessage *response;          /* NULL unless ST_OK */
    const Hubbub__V1__ErrorDetail *error;      /* NULL when the peer gave none */
    const Hubbub__V1__BusMessage *entries;     /* what the call wrote into feeds, or NULL */
};
/* The result lives until the callback returns. */
typedef void rpc_done_fn(void *user, const struct rpc_result *);
struct rpc_request;
/* Sends a unary call to the instance that rendezvous hashing picks for key (0: to each in turn); an UNAVAILABLE one is sent once more to
 * another instance, unless method->once: what is sent twice carries a key or is idempotent. So is one at an instance that
 * hangs: where a health check was not answered for half a second. The callback comes later, never from inside
 * rpc_call. timeout_ms 0: the method's own. */
struct rpc_request *rpc_call(struct rpc_group *, uint64_t key, const struct rpc_method *, const ProtobufCMessage *, const struct rpc_identity *, int64_t timeout_ms, rpc_done_fn *, void *user);
/* The callback still comes, with ST_CANCELLED. */
void rpc_cancel(struct rpc_request *);

/* Streams. on_done comes exactly once, last; the stream is gone when it returns. No callback comes from inside a call
 * below. A stream is never sent twice. Its deadline is the method's timeout_ms. */
struct rpc_stream_events {
    void (*on_message)(void *user, const ProtobufCMessage *); /* the next read starts with rpc_stream_read */
    void (*on_sent)(void *user);                              /* the last rpc_stream_send left: backpressure */
    rpc_done_fn *on_done;                                     /* client-streaming: response is the answer */
};
struct rpc_stream;
/* request: of a server-streaming method; NULL otherwise. */
struct rpc_stream *rpc_stream_open(struct rpc_group *, uint64_t key, const struct rpc_method *, const ProtobufCMessage *request, const struct rpc_identity *, const struct rpc_stream_events *, void *user);
void rpc_stream_send(struct rpc_stream *, const ProtobufCMessage *); /* one at a time: wait for on_sent */
void rpc_stream_close_send(struct rpc_stream *);                     /* no more sends; may follow a send at once */
void rpc_stream_read(struct rpc_stream *); /* one at a time: server-streaming and bidi; at the end on_done comes instead */
void rpc_stream_cancel(struct rpc_stream *);

/* Blocking unary call for tools and tests, on a loop of its own. Copies of response and error live in the arena. */
struct rpc_result rpc_call_wait(const char *targets, const char *secret, const struct rpc_method *, const ProtobufCMessage *, const struct rpc_identity *, int64_t timeout_ms, struct arena *);
