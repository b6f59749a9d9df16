#include "lib/rpc/client.h"

void answer_init(struct answer *a)
{
    *a = (struct answer){.code = GRPC_STATUS_UNKNOWN, .text = grpc_empty_slice()};
    grpc_metadata_array_init(&a->headers);
    grpc_metadata_array_init(&a->trailers);
}

void answer_finish(struct answer *a)
{
    grpc_metadata_array_destroy(&a->headers);
    grpc_metadata_array_destroy(&a->trailers);
    grpc_slice_unref(a->text);
    if (a->response)
        grpc_byte_buffer_destroy(a->response);
    a->response = NULL;
}

bool answer_is_peers(const struct answer *a)
{
    return codec_find(&a->trailers, RPC_KEY_ERROR);
}

bool answer_is_heard(const struct answer *a)
{
    return answer_is_peers(a) || (a->code != GRPC_STATUS_UNAVAILABLE && a->code != GRPC_STATUS_DEADLINE_EXCEEDED &&
                                  a->code != GRPC_STATUS_CANCELLED);
}

void answer_settle(struct answer *a, bool cancelled, bool ok)
{
    if (!ok)
        a->code = GRPC_STATUS_INTERNAL;
    else if (a->code == GRPC_STATUS_CANCELLED && !cancelled && !answer_is_peers(a))
        a->code = GRPC_STATUS_UNAVAILABLE;
}

/* A peer that gave no detail: gRPC itself, or a server that is not ours. */
static status status_of_code(grpc_status_code code)
{
    static const struct {
        grpc_status_code code;
        status st;
    } rows[] = {
        {GRPC_STATUS_OK, ST_OK},
        {GRPC_STATUS_CANCELLED, ST_CANCELLED},
        {GRPC_STATUS_DEADLINE_EXCEEDED, ST_DEADLINE},
        {GRPC_STATUS_RESOURCE_EXHAUSTED, ST_OVERLOADED},
        {GRPC_STATUS_UNIMPLEMENTED, ST_UNIMPLEMENTED},
        {GRPC_STATUS_UNAVAILABLE, ST_UNAVAILABLE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == code)
            return rows[i].st;
    return ST_INTERNAL;
}

static const void *read_trailer(const struct answer *a, const char *key, const ProtobufCMessageDescriptor *type,
                                struct arena *arena)
{
    const grpc_slice *bytes = codec_find(&a->trailers, key);
    return bytes ? codec_unpack_slice(arena, type, *bytes) : NULL;
}

static struct rpc_result failure(const struct answer *a, struct arena *arena)
{
    struct rpc_result result = {.st = status_of_code(a->code)};
    result.error = read_trailer(a, RPC_KEY_ERROR, &hubbub__v1__error_detail__descriptor, arena);
    if (result.error && result.error->status > ST_OK && result.error->status < ST_COUNT)
        result.st = (status)result.error->status;
    return result;
}

struct rpc_result answer_result(const struct answer *a, const ProtobufCMessageDescriptor *out, struct arena *arena)
{
    if (a->code != GRPC_STATUS_OK)
        return failure(a, arena);
    struct rpc_result result = {.st = ST_OK};
    result.entries = read_trailer(a, RPC_KEY_FEED, &hubbub__v1__bus_message__descriptor, arena);
    if (out && !(result.response = codec_unpack_buffer(arena, out, a->response)))
        return (struct rpc_result){.st = ST_INTERNAL};
    return result;
}
