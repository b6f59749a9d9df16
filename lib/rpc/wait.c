#include "lib/base/log.h"
#include "lib/rpc/client.h"

struct waiting {
    struct rpc_result result;
    struct arena *arena;
};

static void *copy(struct arena *arena, const void *message)
{
    if (!message)
        return NULL;
    grpc_slice packed = codec_pack(message);
    void *copied = codec_unpack_slice(arena, ((const ProtobufCMessage *)message)->descriptor, packed);
    grpc_slice_unref(packed);
    return copied;
}

static void done(void *user, const struct rpc_result *result)
{
    struct waiting *w = user;
    w->result = (struct rpc_result){
        .st = result->st,
        .response = copy(w->arena, result->response),
        .error = copy(w->arena, result->error),
        .entries = copy(w->arena, result->entries),
    };
}

struct rpc_result rpc_call_wait(const char *targets, const char *secret, const struct rpc_method *method,
                                const ProtobufCMessage *message, const struct rpc_identity *who, int64_t timeout_ms,
                                struct arena *arena)
{
    struct waiting w = {.arena = arena};
    uv_loop_t loop;
    if (uv_loop_init(&loop))
        log_fatal("cannot make a loop");
    struct rpc_client *client = rpc_client_create(&loop, secret);
    struct rpc_group *group = rpc_group_create(client, targets);
    rpc_call(group, 0, method, message, who, timeout_ms, done, &w);
    uv_run(&loop, UV_RUN_DEFAULT);
    rpc_group_destroy(group);
    rpc_client_destroy(client);
    uv_run(&loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop))
        log_fatal("the loop is still in use");
    return w.result;
}
