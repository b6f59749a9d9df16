#include "services/gateway/edge/download.h"
#include "hubbub/v1/media.hub.h"
#include <string.h>

static void on_over(struct exchange *x)
{
    struct download *d = x->state;
    if (d->stream && d->left)
        rpc_stream_cancel(d->stream);
}

static bool streaming(const struct exchange *x)
{
    return x->connection->exchange == x && x->connection->state == CONNECTION_ANSWERING;
}

static void on_drained(struct exchange *x)
{
    struct download *d = x->state;
    if (d->stream && d->left)
        rpc_stream_read(d->stream);
}

static void on_chunk(void *user, const ProtobufCMessage *message)
{
    struct exchange *x = user;
    struct download *d = x->state;
    const Hubbub__V1__DownloadChunk *chunk = (const Hubbub__V1__DownloadChunk *)message;
    size_t n = chunk->has_data ? chunk->data.len : 0;
    if (!d->begun && exchange_alive(x)) {
        d->begun = true;
        d->left = d->length = d->length ? d->length : chunk->size;
        exchange_count(x, d->code);
        connection_answer_begin(x->connection, d->code, d->content_type, d->headers, d->length);
    }
    if (!streaming(x))
        return;
    if (x->is_head) {
        connection_answer_end(x->connection);
        return;
    }
    n = n < d->left ? n : (size_t)d->left;
    d->left -= n;
    struct connection *c = x->connection;
    if (d->left) {
        connection_answer_write(c, chunk->data.data, n);
        return;
    }
    c->answered = true; /* before the write: what is out last ends the answer */
    connection_answer_write(c, chunk->data.data, n);
}

static void on_stream_done(void *user, const struct rpc_result *result)
{
    struct exchange *x = user;
    struct download *d = x->state;
    d->stream = NULL;
    if (!d->begun)
        exchange_fail(x, result->st == ST_OK || result->st == ST_NOT_FOUND ? ST_UNKNOWN_ASSET : result->st, NULL);
    else if (d->left && streaming(x))
        connection_abort(x->connection); /* a short answer must not look whole */
    exchange_unref(x);
}

void download_start(struct exchange *x, const struct rpc_method *method, const ProtobufCMessage *request)
{
    static const struct rpc_stream_events events = {.on_message = on_chunk, .on_done = on_stream_done};
    struct download *d = x->state;
    struct rpc_group *from = d->from ? d->from : x->edge->media;
    if (!rpc_group_ready(from)) {
        exchange_fail(x, ST_UNAVAILABLE, NULL);
        return;
    }
    d->left = d->length;
    x->on_drained = on_drained;
    x->on_over = on_over;
    exchange_ref(x);
    d->stream = rpc_stream_open(from, 0, method, request, &x->caller, &events, x);
    rpc_stream_read(d->stream);
}

void download_answer_head(struct exchange *x)
{
    const struct download *d = x->state;
    exchange_count(x, d->code);
    connection_answer_begin(x->connection, d->code, d->content_type, d->headers, d->length);
    connection_answer_end(x->connection);
}

bool download_is_known(const struct exchange *x, const char *etag)
{
    const char *known = http_header(&x->head, "if-none-match");
    return known && (!strcmp(known, "*") || http_list_has(known, etag) || strstr(known, etag));
}
