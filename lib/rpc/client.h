/* client.h - what the files of the client share; nobody else includes it. Everything runs on the loop thread but the
 * completion thread in client.c. */
#pragma once
#include "lib/rpc/codec.h"
#include "lib/rpc/count.h"
#include "lib/rpc/rpc.h"
#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct rpc_client {
    uv_loop_t *loop;
    uv_async_t wake;
    grpc_completion_queue *cq;
    pthread_t thread;
    char *secret;
    _Atomic(struct tag *) done; /* a stack: the completion thread pushes, the loop takes all of it */
    atomic_bool closing;        /* nobody is woken any more */
    unsigned pending;           /* calls and streams; while there are any they keep the loop alive */
    unsigned groups;
};

struct instance {
    char *target;
    grpc_channel *channel;
    uint64_t hash;
    bool failed;  /* seen down; until it is connected again it is only tried when no other is left */
    bool suspect; /* it hangs; until it is heard again it is only tried when no other is left, never by a resend */
    bool probing; /* a health check is among the calls */
    unsigned silent;       /* ticks with calls out there since it was last heard */
    struct attempt *calls; /* of unary calls, out there */
};

struct rpc_group {
    struct rpc_client *client;
    struct instance *instances;
    unsigned n;
    unsigned calls;
    uint64_t turn;    /* for calls without a key */
    uv_timer_t timer; /* ticks while calls are out there or an instance is suspect */
};

/* ---- client.c ---- */
/* A call begins, and ends. */
void client_begin(struct rpc_group *);
void client_end(struct rpc_group *);
/* Starts the batch; when gRPC refuses it, the tag comes all the same, with ok = false. */
void client_start(struct rpc_client *, grpc_call *, const grpc_op *, size_t n, struct tag *);
grpc_call *client_make_call(struct rpc_client *, const struct instance *, const char *path, gpr_timespec deadline);
/* Gives up the unary calls at the instance, and its probe: they are sent to another, or are UNAVAILABLE. */
void client_abandon(struct instance *);
/* Asks the instance for its health. */
void client_probe(struct rpc_group *, struct instance *);
/* timeout_ms from now, on the monotonic clock. */
gpr_timespec client_deadline(int64_t timeout_ms);
int64_t client_timeout_ms(const struct rpc_method *, int64_t timeout_ms);
void client_add_headers(const struct rpc_client *, const struct rpc_identity *, struct headers *);

/* ---- group.c ---- */
/* The best instance for the key: usable rather than down, down rather than hung, then the highest score. With `not`,
 * for a second attempt: never a hung one, nor that one unless the group is one name behind which there are several;
 * NULL when no other is left. */
struct instance *group_pick(struct rpc_group *, uint64_t key, const struct instance * not );
/* A unary call is out there: the group looks whether its instance hangs. */
void group_watch(struct rpc_group *);
/* It answered something. */
void instance_heard(struct instance *);

/* ---- answer.c: how a call ended ---- */
struct answer {
    grpc_status_code code;
    grpc_slice text;
    grpc_metadata_array headers, trailers;
    grpc_byte_buffer *response;
};
void answer_init(struct answer *);
void answer_finish(struct answer *);
/* Whether the peer itself answered (not the network between). */
bool answer_is_peers(const struct answer *);
/* The same of a server that is not ours, as far as the code tells. */
bool answer_is_heard(const struct answer *);
/* Right after the end. cancelled: by us; ok: of the tag. A peer that stops resets what reaches it too late,
 * and gRPC calls that CANCELLED: nobody cancelled, the instance is UNAVAILABLE. */
void answer_settle(struct answer *, bool cancelled, bool ok);
/* What the callback gets; lives in the arena. out NULL: no response is read. */
struct rpc_result answer_result(const struct answer *, const ProtobufCMessageDescriptor *out, struct arena *);
