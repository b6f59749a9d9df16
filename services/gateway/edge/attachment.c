/* /attachments/{channel_id}/{attachment_id}/{filename}, and /evidence/{ticket}/{attachment_id}/{filename} of a report:
 * chat says what it is, media streams it. The content is a
 * stranger's: it is never run (CSP sandbox, nosniff), and what a browser would not merely show is handed out as a
 * download. */
#include "hubbub/v1/media.hub.h"
#include "hubbub/v1/messages.hub.h"
#include "hubbub/v1/reports.hub.h"
#include "services/gateway/edge/download.h"
#include "services/gateway/edge/range.h"
#include "services/gateway/edge/url.h"
#include <stdlib.h>
#include <string.h>

enum { TICKET_BYTES_MAX = 100 };

struct attachment {
    struct download download;
    uint64_t channel_id, attachment_id, first;
    const char *filename;
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

/* ---- What is asked for ----------------------------------------------------------------------------------------- */

static void describe(struct exchange *x, const Hubbub__V1__Attachment *a, const char *etag)
{
    const struct attachment *file = x->state;
    struct download *d = x->state;
    d->content_type = arena_strdup(x->arena, safe_type(a->content_type));
    const char *range =
        d->code != 206
            ? ""
            : arena_printf(x->arena, "Content-Range: bytes %llu-%llu/%llu\r\n", (unsigned long long)file->first,
                           (unsigned long long)(file->first + d->length - 1), (unsigned long long)a->size);
    d->headers = arena_printf(
        x->arena,
        "ETag: %s\r\nCache-Control: private, max-age=86400\r\nAccept-Ranges: bytes\r\n%s"
        "Content-Disposition: %s; filename*=UTF-8''%s\r\nContent-Security-Policy: default-src 'none'; sandbox\r\n"
        "Cross-Origin-Resource-Policy: cross-origin\r\n",
        etag, range, is_shown(d->content_type) ? "inline" : "attachment", url_encode(x->arena, file->filename));
}

static void start_stream(struct exchange *x, const char *store_key)
{
    const struct attachment *file = x->state;
    Hubbub__V1__DownloadRequest request = HUBBUB__V1__DOWNLOAD_REQUEST__INIT;
    request.store_key = (char *)store_key;
    PB_SET(&request, offset, file->first);
    PB_SET(&request, length, file->download.length);
    download_start(x, &hubbub__v1__media__download__method, &request.base);
}

static void answer_file(struct exchange *x, const Hubbub__V1__Attachment *a)
{
    struct attachment *file = x->state;
    struct download *d = x->state;
    const char *etag = arena_printf(x->arena, "\"%s\"", a->store_key), *if_range = http_header(&x->head, "if-range");
    const char *range = if_range && strcmp(if_range, etag) ? NULL : http_header(&x->head, "range");
    file->first = 0;
    d->length = a->size;
    enum range_kind kind = range_parse(range, a->size, &file->first, &d->length);
    d->code = kind == RANGE_PART ? 206 : 200;
    describe(x, a, etag);
    if (download_is_known(x, etag)) {
        exchange_answer(x, 304, NULL, d->headers, NULL, 0);
    } else if (kind == RANGE_UNSATISFIABLE) {
        exchange_answer(x, 416, NULL,
                        arena_printf(x->arena, "Content-Range: bytes */%llu\r\n", (unsigned long long)a->size), NULL,
                        0);
    } else if (x->is_head || !d->length) {
        download_answer_head(x);
    } else {
        start_stream(x, a->store_key);
    }
}

static void on_resolved(void *user, const struct rpc_result *result)
{
    struct exchange *x = user;
    const struct attachment *file = x->state;
    const Hubbub__V1__Attachment *a = (const Hubbub__V1__Attachment *)result->response;
    if (result->st != ST_OK)
        exchange_fail(x, result->st, result->error);
    else if (!a->store_key || !a->filename || strcmp(a->filename, file->filename))
        exchange_fail(x, ST_UNKNOWN_ASSET, NULL);
    else if (exchange_alive(x))
        answer_file(x, a);
    exchange_unref(x);
}

/* "123/"; *path moves behind it. */
static bool read_number(const char **path, uint64_t *ret)
{
    size_t n = strspn(*path, "0123456789");
    if (!n || n > 20 || (*path)[n] != '/')
        return false;
    *ret = strtoull(*path, NULL, 10);
    *path += n + 1;
    return true;
}

/* "456/name" */
static bool read_file(struct exchange *x, const char *path, struct attachment *d)
{
    if (!read_number(&path, &d->attachment_id))
        return false;
    d->filename = url_decode(x->arena, path, strlen(path), false);
    return d->filename && *d->filename;
}

/* false: it was answered. */
static bool may_ask(struct exchange *x, bool path_is_right)
{
    if (strcmp(x->head.verb, "GET") && !x->is_head)
        exchange_fail(x, ST_METHOD_NOT_ALLOWED, NULL);
    else if (!path_is_right)
        exchange_fail(x, ST_UNKNOWN_ASSET, NULL);
    else if (!rpc_group_ready(x->edge->chat))
        exchange_fail(x, ST_UNAVAILABLE, NULL);
    else
        return true;
    return false;
}

void attachment_start(struct exchange *x, const char *path)
{
    struct attachment *d = ARENA_NEW(x->arena, struct attachment);
    x->state = d;
    if (!may_ask(x, read_number(&path, &d->channel_id) && read_file(x, path, d)))
        return;
    Hubbub__V1__ResolveAttachmentRequest request = HUBBUB__V1__RESOLVE_ATTACHMENT_REQUEST__INIT;
    PB_SET(&request, channel_id, d->channel_id);
    PB_SET(&request, attachment_id, d->attachment_id);
    exchange_ref(x);
    rpc_call(x->edge->chat, d->channel_id, &hubbub__v1__messages__resolve_attachment__method, &request.base, &x->caller,
             0, on_resolved, x);
}

void evidence_start(struct exchange *x, const char *path)
{
    struct attachment *d = ARENA_NEW(x->arena, struct attachment);
    size_t n = strcspn(path, "/");
    x->state = d;
    if (!may_ask(x, n && n <= TICKET_BYTES_MAX && path[n] && read_file(x, path + n + 1, d)))
        return;
    Hubbub__V1__EvidenceRequest request = HUBBUB__V1__EVIDENCE_REQUEST__INIT;
    request.ticket = arena_strndup(x->arena, path, n);
    PB_SET(&request, attachment_id, d->attachment_id);
    exchange_ref(x);
    rpc_call(x->edge->chat, d->attachment_id, &hubbub__v1__reports__resolve_evidence__method, &request.base, &x->caller,
             0, on_resolved, x);
}
