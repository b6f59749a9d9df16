#include "services/media/handlers.h"
#include "hubbub/v1/media.hub.h"
#include "lib/base/metric.h"
#include "services/media/filename.h"
#include "services/media/image.h"
#include "services/media/sniff.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK_BYTES = 64 << 10, RETRY_AFTER_MS = 5000 };

static struct metric uploads = METRIC_COUNTER("hubbub_media_uploads_total", "Files stored", "");
static struct metric upload_bytes = METRIC_COUNTER("hubbub_media_upload_bytes_total", "Bytes of files stored", "");
static struct metric download_bytes = METRIC_COUNTER("hubbub_media_download_bytes_total", "Bytes sent", "");
static struct metric disk_errors = METRIC_COUNTER("hubbub_media_disk_errors_total", "Disk full or failing", "");

status media_fail_disk(struct call *c, const char *what, int error)
{
    metric_add(&disk_errors, 1);
    call_retry_after(c, RETRY_AFTER_MS);
    return call_fail(c, ST_UNAVAILABLE, "%s: %s", what, strerror(error));
}

/* ---- Upload ----------------------------------------------------------------------------------------------------- */

struct upload {
    struct blob_writer writer;
    struct text_check text;
    char *filename, *claimed_type; /* of the first chunk */
};

/* The cleanup of every way out; nothing is left to remove after the commit. */
static void abort_upload(struct upload *u)
{
    blob_writer_abort(&u->writer);
}

static status receive_chunk(struct call *c, struct upload *u, const Hubbub__V1__UploadChunk *chunk)
{
    const struct media *m = call_server_user(c);
    size_t n = chunk->data.len;
    if (n > m->upload_bytes_max - u->writer.size)
        return call_fail(c, ST_TOO_LARGE, "more than %" PRIu64 " bytes", m->upload_bytes_max);
    text_check_feed(&u->text, chunk->data.data, n);
    int error = blob_writer_write(&u->writer, chunk->data.data, n);
    return error ? media_fail_disk(c, "write", error) : ST_OK;
}

static status receive_file(struct call *c, struct upload *u)
{
    const ProtobufCMessage *message;
    for (bool first = true;; first = false) {
        status st = call_read(c, &message);
        if (st != ST_OK)
            return st;
        const Hubbub__V1__UploadChunk *chunk = (const Hubbub__V1__UploadChunk *)message;
        if (!chunk)
            return first ? call_fail(c, ST_UPLOAD_MISSING, "no chunk") : ST_OK;
        if (first) {
            u->filename = arena_strdup(call_arena(c), chunk->filename ? chunk->filename : "");
            u->claimed_type = arena_strdup(call_arena(c), chunk->content_type ? chunk->content_type : "");
        }
        st = receive_chunk(c, u, chunk);
        if (st != ST_OK)
            return st;
    }
}

static status describe(struct call *c, struct upload *u, Hubbub__V1__Attachment *a)
{
    uint8_t *head = arena_alloc(call_arena(c), IMAGE_HEAD_BYTES);
    ssize_t n = blob_writer_head(&u->writer, head, IMAGE_HEAD_BYTES);
    if (n < 0)
        return media_fail_disk(c, "read", errno);
    uint32_t width, height;
    a->filename = (char *)filename_clean(call_arena(c), u->filename);
    a->content_type = (char *)sniff_type(head, (size_t)n, text_check_holds(&u->text), u->claimed_type);
    PB_SET(a, size, u->writer.size);
    if (!image_size(head, (size_t)n, &width, &height))
        return ST_OK;
    PB_SET(a, width, width);
    PB_SET(a, height, height);
    return ST_OK;
}

static status upload(struct call *c, const void *none, Hubbub__V1__Attachment *response)
{
    const struct media *m = call_server_user(c);
    __attribute__((cleanup(abort_upload))) struct upload u = {.writer.fd = -1};
    int error = blob_writer_open(&u.writer, m->store);
    if (error)
        return media_fail_disk(c, "open", error);
    status st = receive_file(c, &u);
    if (st == ST_OK)
        st = describe(c, &u, response);
    if (st != ST_OK)
        return st;
    response->store_key = arena_alloc(call_arena(c), BLOB_KEY_CHARS + 1);
    error = blob_writer_commit(&u.writer, response->store_key);
    if (error)
        return media_fail_disk(c, "commit", error);
    metric_add(&uploads, 1);
    metric_add(&upload_bytes, (int64_t)response->size);
    return ST_OK;
}

/* ---- Download --------------------------------------------------------------------------------------------------- */

void media_close_file(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

status media_send_range(struct call *c, int fd, uint64_t size, uint64_t at, uint64_t end)
{
    uint8_t *bytes = arena_alloc(call_arena(c), CHUNK_BYTES);
    Hubbub__V1__DownloadChunk chunk = HUBBUB__V1__DOWNLOAD_CHUNK__INIT;
    PB_SET(&chunk, size, size);
    do {
        size_t want = end - at < CHUNK_BYTES ? (size_t)(end - at) : CHUNK_BYTES;
        ssize_t n = want ? pread(fd, bytes, want, (off_t)at) : 0;
        if (n < 0 || (want && !n))
            return media_fail_disk(c, "read", n < 0 ? errno : EIO);
        PB_SET(&chunk, data, ((ProtobufCBinaryData){(size_t)n, bytes}));
        status st = call_write(c, &chunk.base);
        if (st != ST_OK)
            return st;
        metric_add(&download_bytes, n);
        at += (uint64_t)n;
        chunk.has_size = 0;
    } while (at < end);
    return ST_OK;
}

static status download(struct call *c, const Hubbub__V1__DownloadRequest *request, void *none)
{
    const struct media *m = call_server_user(c);
    __attribute__((cleanup(media_close_file))) int fd = -1;
    uint64_t size;
    int error = blob_open(m->store, request->store_key, &fd, &size);
    if (error == ENOENT)
        return call_fail(c, ST_UNKNOWN_ASSET, "no such file");
    if (error)
        return media_fail_disk(c, "open", error);
    if (request->offset > size)
        return call_fail(c, ST_RANGE_NOT_SATISFIABLE, "offset %" PRIu64 " of %" PRIu64, request->offset, size);
    uint64_t left = size - request->offset;
    uint64_t length = request->length && request->length < left ? request->length : left;
    return media_send_range(c, fd, size, request->offset, request->offset + length);
}

void handlers_serve(struct rpc_server *server)
{
    static const struct hubbub__v1__media__handlers handlers = {
        .upload = upload,
        .download = download,
        .store_image = media_store_image,
        .image = media_image,
    };
    metric_register(&uploads);
    metric_register(&upload_bytes);
    metric_register(&download_bytes);
    metric_register(&disk_errors);
    hubbub__v1__media__serve(server, &handlers);
}
