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
    unsigned pending;           /* calls and streams; while there are any they keep the loop alive */
    unsigned groups;
};

struct instance {
    char *target;
    grpc_channel *channel;
    uint64_t hash;
    bool failed; /* seen down; until it is connected again it is only tried when no other is left */
    int64_t suspect_ms;  /* since when a call is lost on a connection that says it is READY; 0: none is */
    int64_t down_ms;     /* since when it is not connected; 0: it was when last asked */
    unsigned connection; /* counts them */
    struct rpc_request *calls; /* unary calls that are out there */
    unsigned n_calls;
    int64_t heard_ms; /* when it last answered one, or when the first of them began */
};

struct rpc_group {
    struct rpc_client *client;
    struct instance *instances;
    unsigned n;
    unsigned calls;
    uint64_t turn; /* for calls without a key */
};

/* ---- client.c ---- */
/* A call begins, and ends. */
void client_begin(struct rpc_group *);
void client_end(struct rpc_group *);
/* Starts the batch; when gRPC refuses it, the tag comes all the same, with ok = false. */
void client_start(struct rpc_client *, grpc_call *, const grpc_op *, size_t n, struct tag *);
grpc_call *client_make_call(struct rpc_client *, const struct instance *, const char *path, gpr_timespec deadline);
/* Ends the unary calls at the instance: they are sent to another, or are UNAVAILABLE. */
void client_abandon(struct instance *);
/* timeout_ms from now, on the monotonic clock. */
gpr_timespec client_deadline(int64_t timeout_ms);
int64_t client_timeout_ms(const struct rpc_method *, int64_t timeout_ms);
void client_add_headers(const struct rpc_client *, const struct rpc_identity *, struct headers *);

/* ---- group.c ---- */
/* The connected instance with the highest score for the key, but never `not` unless the group is one name behind which
 * there are several; NULL when no other is left. */
struct instance *group_pick(struct rpc_group *, uint64_t key, const struct instance * not );
/* A call that began on that connection ended without an answer of the peer's. */
void instance_failed(struct instance *, unsigned connection);

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
/* Right after the end. cancelled: by us; ok: of the tag. A peer that stops resets what reaches it too late,
 * and gRPC calls that CANCELLED: nobody cancelled, the instance is UNAVAILABLE. */
void answer_settle(struct answer *, bool cancelled, bool ok);
/* What the callback gets; lives in the arena. out NULL: no response is read. */
struct rpc_result answer_result(const struct answer *, const ProtobufCMessageDescriptor *out, struct arena *);
