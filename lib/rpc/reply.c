/* reply.c - how a call ends on the wire: the response and the feed entries of a success, or the gRPC code and text of
 * the status's row with an ErrorDetail in a trailer. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/rpc/server.h"

static void fill_leaves(struct call *c, Hubbub__V1__ErrorDetail *error)
{
    error->leaves = ARENA_ARRAY(c->arena, Hubbub__V1__ErrorLeaf *, c->n_leaves);
    for (struct error_leaf *leaf = c->leaves; leaf; leaf = leaf->next) {
        Hubbub__V1__ErrorLeaf *to = PB_NEW(c->arena, Hubbub__V1__ErrorLeaf, hubbub__v1__error_leaf);
        to->path = (char *)leaf->path;
        to->code = (char *)leaf->code;
        to->message = (char *)leaf->message;
        error->leaves[error->n_leaves++] = to;
    }
    while (error->n_leaves && protobuf_c_message_get_packed_size(&error->base) > RPC_ERROR_BYTES_MAX)
        error->n_leaves--;
}

static void add_error(struct call *c, status st)
{
    Hubbub__V1__ErrorDetail error = HUBBUB__V1__ERROR_DETAIL__INIT;
    PB_SET(&error, status, (uint32_t)st);
    if (c->error_text)
        error.message = (char *)c->error_text;
    if (c->retry_after_ms)
        PB_SET(&error, retry_after_ms, c->retry_after_ms);
    if (st == ST_INVALID_FORM)
        fill_leaves(c, &error);
    headers_add_slice(&c->trailers, RPC_KEY_ERROR, codec_pack(&error.base));
}

static void left(struct tag *tag, bool ok)
{
    call_release(TAG_OWNER(tag, struct call, replied));
}

static void account(struct call *c, status st)
{
    int64_t us = clock_mono_us() - c->started_us;
    const char *path = call_decl(c)->path;
    counts_add(c->method ? c->method->counts : counts_of(path), st, us);
    count_failure(path, c->request_id, st, c->detail, us);
}

static bool send_status(struct call *c, const struct status_row *row)
{
    grpc_slice text = grpc_slice_from_static_string(row->grpc ? row->text : "");
    grpc_op ops[3] = {{
        .op = GRPC_OP_SEND_STATUS_FROM_SERVER,
        .data.send_status_from_server =
            {
                .status = row->grpc,
                .status_details = &text,
                .trailing_metadata = c->trailers.all,
                .trailing_metadata_count = c->trailers.n,
            },
    }};
    size_t n = 1;
    if (!c->headers_sent)
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_INITIAL_METADATA};
    if (c->reply_bytes)
        ops[n++] = (grpc_op){.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = c->reply_bytes};
    c->headers_sent = true;
    call_hold(c);
    return codec_start(c->grpc, ops, n, &c->replied);
}

void call_reply(struct call *c, status st, const ProtobufCMessage *response)
{
    call_open(c);
    if (st == ST_CANCELLED)
        st = call_broken(c); /* a handler cannot tell a deadline from a caller who left */
    if (response)
        c->reply_bytes = codec_pack_buffer(response);
    if (st != ST_OK)
        add_error(c, st);
    else if (c->feed.len)
        headers_add_slice(&c->trailers, RPC_KEY_FEED, grpc_slice_from_copied_buffer(c->feed.data, c->feed.len));
    account(c, st);
    c->replied.done = left;
    if (!send_status(c, status_row(st))) {
        grpc_call_cancel(c->grpc, NULL);
        call_release(c);
    }
    call_release(c);
}
