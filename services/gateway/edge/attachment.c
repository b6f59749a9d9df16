/* /attachments/{channel_id}/{attachment_id}/{filename}: chat says what it is, media streams it; the next chunk is asked
 * for when the last one has left the socket. The content is a stranger's: it is never run (CSP sandbox, nosniff), and
 * what a browser would not merely show is handed out as a download. */
#include "hubbub/v1/media.hub.h"
#include "hubbub/v1/messages.hub.h"
#include "services/gateway/edge/exchange.h"
#include "services/gateway/edge/range.h"
#include "services/gateway/edge/url.h"
#include <stdlib.h>
#include <string.h>

struct download {
    uint64_t channel_id, attachment_id;
    const char *filename;
    const char *headers, *content_type;
    char store_key[129];
    int code;
    uint64_t first, length, left;
    struct rpc_stream *stream;
    bool begun;
};

static const char *const shown[] = {"image/png",  "image/jpeg", "image/gif", "image/webp", "video/mp4",
                                    "video/webm", "audio/mpeg", "audio/ogg", "text/plain"};

static bool is_shown(const char *type)
{
    size_t n = strcspn(type, "; ");
    for (unsigned i = 0; i < sizeof shown / sizeof shown[0]; i++)
        if (strlen(shown[i]) == n && !strncmp(shown[i], type, n))
            return true;
    return false;
}

/* A type that came from a client once: only what a header may hold. */
static const char *safe_type(const char *type)
{
    if (!type || !*type || strlen(type) > 100)
        return "application/octet-stream";
    for (const char *c = type; *c; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
            return "application/octet-stream";
    return strcmp(type, "text/plain") ? type : "text/plain; charset=utf-8";
}

/* ---- Streaming ------------------------------------------------------------------------------------------------- */

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
        exchange_count(x, d->code);
        connection_answer_begin(x->connection, d->code, d->content_type, d->headers, d->length);
    }
    if (!streaming(x))
        return;
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

static void start_stream(struct exchange *x)
{
    static const struct rpc_stream_events events = {.on_message = on_chunk, .on_done = on_stream_done};
    struct download *d = x->state;
    if (!rpc_group_ready(x->edge->media)) {
        exchange_fail(x, ST_UNAVAILABLE, NULL);
        return;
    }
    Hubbub__V1__DownloadRequest request = HUBBUB__V1__DOWNLOAD_REQUEST__INIT;
    request.store_key = d->store_key;
    PB_SET(&request, offset, d->first);
    PB_SET(&request, length, d->length);
    d->left = d->length;
    x->on_drained = on_drained;
    x->on_over = on_over;
    exchange_ref(x);
    d->stream =
        rpc_stream_open(x->edge->media, 0, &hubbub__v1__media__download__method, &request.base, &x->caller, &events, x);
    rpc_stream_read(d->stream);
}

/* ---- What is asked for ----------------------------------------------------------------------------------------- */

static bool etag_matches(const char *if_none_match, const char *etag)
{
    if (!if_none_match)
        return false;
    return !strcmp(if_none_match, "*") || http_list_has(if_none_match, etag) || strstr(if_none_match, etag);
}

static void describe(struct exchange *x, const Hubbub__V1__Attachment *a, const char *etag)
{
    struct download *d = x->state;
    d->content_type = arena_strdup(x->arena, safe_type(a->content_type));
    const char *range =
        d->code != 206 ? ""
                       : arena_printf(x->arena, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)d->first,
                                      (unsigned long long)(d->first + d->length - 1), (unsigned long long)a->size);
    d->headers = arena_printf(
        x->arena,
        "ETag: %s\r\nCache-Control: private, max-age=86400\r\nAccept-Ranges: bytes\r\n%s"
        "Content-Disposition: %s; filename*=UTF-8''%s\r\nContent-Security-Policy: default-src 'none'; sandbox\r\n"
        "Cross-Origin-Resource-Policy: cross-origin\r\n",
        etag, range, is_shown(d->content_type) ? "inline" : "attachment", url_encode(x->arena, d->filename));
}

static void answer_file(struct exchange *x, const Hubbub__V1__Attachment *a)
{
    struct download *d = x->state;
    const char *etag = arena_printf(x->arena, "\"%s\"", a->store_key), *if_range = http_header(&x->head, "if-range");
    const char *range = if_range && strcmp(if_range, etag) ? NULL : http_header(&x->head, "range");
    d->first = 0;
    d->length = a->size;
    enum range_kind kind = range_parse(range, a->size, &d->first, &d->length);
    d->code = kind == RANGE_PART ? 206 : 200;
    snprintf(d->store_key, sizeof d->store_key, "%s", a->store_key);
    describe(x, a, etag);
    if (etag_matches(http_header(&x->head, "if-none-match"), etag)) {
        exchange_answer(x, 304, NULL, d->headers, NULL, 0);
    } else if (kind == RANGE_UNSATISFIABLE) {
        exchange_answer(x, 416, NULL,
                        arena_printf(x->arena, "Content-Range: bytes */%llu\r\n", (unsigned long long)a->size), NULL,
                        0);
    } else if (x->is_head || !d->length) {
        exchange_count(x, d->code);
        connection_answer_begin(x->connection, d->code, d->content_type, d->headers, d->length);
        connection_answer_end(x->connection);
    } else {
        start_stream(x);
    }
}

static void on_resolved(void *user, const struct rpc_result *result)
{
    struct exchange *x = user;
    struct download *d = x->state;
    const Hubbub__V1__Attachment *a = (const Hubbub__V1__Attachment *)result->response;
    if (result->st != ST_OK)
        exchange_fail(x, result->st, result->error);
    else if (!a->store_key || !a->filename || strcmp(a->filename, d->filename))
        exchange_fail(x, ST_UNKNOWN_ASSET, NULL);
    else if (exchange_alive(x))
        answer_file(x, a);
    exchange_unref(x);
}

/* "123/456/name" */
static bool read_path(struct exchange *x, const char *path, struct download *d)
{
    char *end;
    size_t first = strspn(path, "0123456789");
    if (!first || first > 20 || path[first] != '/')
        return false;
    d->channel_id = strtoull(path, &end, 10);
    path += first + 1;
    size_t second = strspn(path, "0123456789");
    if (!second || second > 20 || path[second] != '/')
        return false;
    d->attachment_id = strtoull(path, &end, 10);
    path += second + 1;
    d->filename = url_decode(x->arena, path, strlen(path), false);
    return d->filename && *d->filename;
}

void attachment_start(struct exchange *x, const char *path)
{
    struct download *d = ARENA_NEW(x->arena, struct download);
    x->state = d;
    if (strcmp(x->head.verb, "GET") && !x->is_head) {
        exchange_fail(x, ST_METHOD_NOT_ALLOWED, NULL);
        return;
    }
    if (!read_path(x, path, d)) {
        exchange_fail(x, ST_UNKNOWN_ASSET, NULL);
        return;
    }
    if (!rpc_group_ready(x->edge->chat)) {
        exchange_fail(x, ST_UNAVAILABLE, NULL);
        return;
    }
    Hubbub__V1__ResolveAttachmentRequest request = HUBBUB__V1__RESOLVE_ATTACHMENT_REQUEST__INIT;
    PB_SET(&request, channel_id, d->channel_id);
    PB_SET(&request, attachment_id, d->attachment_id);
    exchange_ref(x);
    rpc_call(x->edge->chat, d->channel_id, &hubbub__v1__messages__resolve_attachment__method, &request.base, &x->caller,
             0, on_resolved, x);
}
