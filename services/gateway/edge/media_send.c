#include "services/gateway/edge/media_send.h"
#include "hubbub/v1/media.hub.h"

static void go_on(struct media_send *s)
{
    s->waiting = false;
    if (exchange_alive(s->x))
        connection_resume(s->x->connection);
}

static void wait_for_media(struct media_send *s)
{
    s->waiting = true;
    connection_pause(s->x->connection);
}

static void on_sent(void *user)
{
    struct media_send *s = user;
    if (!s->ended)
        go_on(s);
}

static void on_done(void *user, const struct rpc_result *result)
{
    struct media_send *s = user;
    struct exchange *x = s->x;
    s->stream = NULL;
    if (exchange_alive(x) && result->st == ST_OK && s->ended)
        s->stored(x, result->response);
    else if (exchange_alive(x) && !(s->refused && s->refused(x, result)))
        exchange_fail(x, result->st == ST_OK ? ST_INTERNAL : result->st, result->error);
    if (exchange_alive(x))
        go_on(s);
    exchange_unref(x);
}

bool media_send_begin(struct media_send *s, const struct rpc_method *method, const Hubbub__V1__UploadChunk *first)
{
    static const struct rpc_stream_events events = {.on_sent = on_sent, .on_done = on_done};
    struct exchange *x = s->x;
    if (!rpc_group_ready(x->edge->media)) {
        exchange_fail(x, ST_UNAVAILABLE, NULL);
        return false;
    }
    s->ended = false;
    s->bytes = 0;
    exchange_ref(x);
    s->stream = rpc_stream_open(x->edge->media, 0, method, NULL, &x->caller, &events, s);
    if (!first)
        return true;
    rpc_stream_send(s->stream, &first->base);
    wait_for_media(s);
    return true;
}

bool media_send_data(struct media_send *s, const void *data, size_t n)
{
    Hubbub__V1__UploadChunk chunk = HUBBUB__V1__UPLOAD_CHUNK__INIT;
    s->bytes += n;
    if (s->bytes > s->bytes_max)
        return false;
    PB_SET(&chunk, data, ((ProtobufCBinaryData){n, (uint8_t *)data}));
    rpc_stream_send(s->stream, &chunk.base);
    wait_for_media(s);
    return true;
}

void media_send_end(struct media_send *s)
{
    s->ended = true;
    rpc_stream_close_send(s->stream);
    wait_for_media(s);
}

void media_send_cancel(struct media_send *s)
{
    if (s->stream)
        rpc_stream_cancel(s->stream);
}
