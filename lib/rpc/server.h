/* server.h - what the files of the server share; nobody else includes it.
 *
 * One call, in order: server.c's poller takes it from the completion queue, watches for its end, admits or refuses it
 * and puts it into a pool; a worker of the pool (pool.c) unpacks the request, runs the handler (call.c is what the
 * handler sees) and starts the reply (reply.c); the poller sees the reply leave and frees the call.
 *
 * Who holds a reference: the poller, then the pool, then the worker, who pass one on; the batch that waits for the
 * peer's close; the batch of the reply. Batches of a call start on one thread at a time: the close by the poller before
 * anybody else knows the call, all others by the one who holds the passed reference. (A health watcher: under health's
 * lock.)
 *
 * A stream's worker waits on a condition for the poller to bring its read or write, and does not poll a queue of its
 * own: so a stream is refused, cancelled and drained like any other call, without a blocking step on the poller. */
#pragma once
#include "lib/base/buf.h"
#include "lib/rpc/codec.h"
#include "lib/rpc/count.h"
#include "lib/rpc/rpc.h"
#include <pthread.h>
#include <stdatomic.h>

struct pool;

struct server_method {
    struct rpc_server *server;
    const struct rpc_method *decl;
    rpc_handler *handler;
    void (*on_poller)(struct call *); /* health: answered by the poller itself, no secret needed */
    struct pool *pool;
    void *registered;
    struct counts *counts;
    struct server_method *next;
};

struct error_leaf {
    const char *path, *code, *message;
    struct error_leaf *next;
};

struct call {
    struct rpc_server *server;
    struct server_method *method; /* NULL: a method that nobody registered */
    struct tag arrived, closed, moved, replied;
    atomic_uint refs;
    struct call *next; /* in the pool's queue, or among the health watchers */
    /* From gRPC. */
    grpc_call *grpc;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_call_details details;
    grpc_byte_buffer *payload;
    int close_failed;
    atomic_bool cancelled;
    /* For the handler; the texts live in the arena. */
    struct arena *arena;
    void *worker;
    int64_t started_us, deadline_ms;
    uint64_t user;
    bool bot, admin;
    const char *address, *request_id, *reason;
    /* What the handler said. */
    const char *detail, *error_text;
    int64_t retry_after_ms;
    struct error_leaf *leaves, **leaf_end;
    unsigned n_leaves;
    struct buf feed; /* packed BusMessages one after the other: that is one BusMessage */
    /* Streams: one read or write at a time. */
    pthread_mutex_t lock;
    pthread_cond_t has_moved;
    bool moving, moved_ok, headers_sent;
    grpc_byte_buffer *read_bytes;
    struct arena *read_arena;
    /* Health watchers: the state last sent, -1 none. */
    int watch_told;
    bool watching, watch_over;
    /* The reply. */
    grpc_byte_buffer *reply_bytes;
    struct headers trailers;
};

struct rpc_server {
    struct rpc_server_config config;
    grpc_server *grpc;
    grpc_completion_queue *cq;
    pthread_t poller;
    int port;
    bool started, drained;
    struct server_method *methods;
    struct pool *pools; /* config.n_bulkheads of them */
    atomic_uint in_flight;
    atomic_bool draining;
    struct tag shut;
    pthread_mutex_t lock;
    pthread_cond_t is_shut;
    bool shut_done;
    bool polling;
    /* health.c */
    pthread_mutex_t health_lock;
    bool ready;
    struct call *watchers;
    unsigned n_watchers;
    struct rpc_bulkhead *bulkheads; /* what config.bulkheads points to */
    struct reflection *reflection;  /* NULL: it is off */
};

/* ---- server.c ---- */
void call_hold(struct call *);
void call_release(struct call *);
void server_add_method(struct rpc_server *, const struct rpc_method *, rpc_handler *, void (*on_poller)(struct call *));
/* Whether it registered a service of that name. */
bool server_knows(const struct rpc_server *, const char *service);

/* ---- call.c ---- */
/* Reads the headers into the call; makes its arena. Needed before the handler or call_reply. */
void call_open(struct call *);
void call_finish(struct call *);
/* What a broken read or write means. */
status call_broken(struct call *);
/* Wakes the worker; the poller calls it. */
void call_moved(struct tag *, bool ok);
const struct rpc_method *call_decl(const struct call *);

/* ---- reply.c ---- */
/* Ends the call: exactly once, by the holder of the passed reference, which goes with it. response may be NULL. */
void call_reply(struct call *, status, const ProtobufCMessage *response);

/* ---- pool.c ---- */
struct pool *pools_create(struct rpc_server *, const struct rpc_bulkhead *, unsigned n);
void pools_start(struct pool *, unsigned n);
/* Ends the threads when the queues are empty. */
void pools_stop(struct pool *, unsigned n);
void pools_destroy(struct pool *, unsigned n);
struct pool *pools_find(struct pool *, unsigned n, const char *name);
/* false: the queue is full or closed; the reference stays with the caller. */
bool pool_put(struct pool *, struct call *) MUST_CHECK;

/* ---- health.c ---- */
void health_add(struct rpc_server *);
/* Tells every watcher what changed; ends them when the server drains. */
void health_tell(struct rpc_server *);
/* A watcher's peer went away. */
void health_closed(struct call *);

/* ---- reflection.c ---- */
#define REFLECTION_BULKHEAD "reflection"
/* NULL: it is off. */
struct reflection *reflection_create(void);
void reflection_destroy(struct reflection *);
/* Adds its methods when it is on. */
void reflection_add(struct rpc_server *);

/* ---- address.c ---- */
/* Removes a unix socket file that nobody listens on. false: somebody does, or it is no socket (logged). */
bool address_claim(const char *listen) MUST_CHECK;
