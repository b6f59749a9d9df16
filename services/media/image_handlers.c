/* Images that are shown at a URL of their own: taken in once, through the program that decodes them, and made into what
 * is asked for when it is asked for first. */
#include "hubbub/v1/media.hub.h"
#include "services/media/handlers.h"
#include "services/media/image.h"
#include "services/media/sniff.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RETRY_AFTER_MS = 2000, HEADER_PIXELS_MAX = 25000000 };

static status refuse(struct call *c, int result)
{
    if (result == CONVERT_REFUSED)
        return call_fail(c, ST_UNSUPPORTED_MEDIA_TYPE, "not decoded");
    if (result == CONVERT_BUSY) {
        call_retry_after(c, RETRY_AFTER_MS);
        return call_fail(c, ST_UNAVAILABLE, "too many images at a time");
    }
    return call_fail(c, ST_INTERNAL, "the decoder does not work");
}

/* ---- In --------------------------------------------------------------------------------------------------------- */

static status receive(struct call *c, struct blob_writer *w)
{
    const ProtobufCMessage *message;
    for (;;) {
        status st = call_read(c, &message);
        if (st != ST_OK || !message)
            return st;
        const Hubbub__V1__UploadChunk *chunk = (const Hubbub__V1__UploadChunk *)message;
        if (chunk->data.len > MEDIA_IMAGE_BYTES_MAX - w->size)
            return call_fail(c, ST_TOO_LARGE, "more than %d bytes", MEDIA_IMAGE_BYTES_MAX);
        int error = blob_writer_write(w, chunk->data.data, chunk->data.len);
        if (error)
            return media_fail_disk(c, "write", error);
    }
}

/* What its first bytes tell costs no process: another kind of file, and a picture larger than is ever decoded. */
static status check_head(struct call *c, struct blob_writer *w)
{
    uint8_t *head = arena_alloc(call_arena(c), IMAGE_HEAD_BYTES);
    ssize_t n = blob_writer_head(w, head, IMAGE_HEAD_BYTES);
    uint32_t width, height;
    if (n < 0)
        return media_fail_disk(c, "read", errno);
    if (!image_size(head, (size_t)n, &width, &height))
        return call_fail(c, ST_UNSUPPORTED_MEDIA_TYPE, "no image");
    if ((uint64_t)width * height > HEADER_PIXELS_MAX)
        return call_fail(c, ST_UNSUPPORTED_MEDIA_TYPE, "%" PRIu32 " x %" PRIu32 " pixels", width, height);
    return ST_OK;
}

static status convert_and_store(struct call *c, int in, Hubbub__V1__StoredImage *ret)
{
    const struct media *m = call_server_user(c);
    __attribute__((cleanup(blob_writer_abort))) struct blob_writer out = {.fd = -1};
    int error = blob_writer_open(&out, m->store);
    if (error)
        return media_fail_disk(c, "open", error);
    int result = converter_run(m->converter, in, out.fd, NULL, NULL, call_deadline_ms(c));
    if (result != CONVERT_STILL && result != CONVERT_ANIMATED)
        return refuse(c, result);
    ret->hash = arena_alloc(call_arena(c), BLOB_IMAGE_CHARS + 1);
    error = blob_writer_adopt(&out);
    if (!error)
        error = blob_writer_commit_image(&out, result == CONVERT_ANIMATED, ret->hash);
    return error ? media_fail_disk(c, "commit", error) : ST_OK;
}

status media_store_image(struct call *c, const void *none, Hubbub__V1__StoredImage *response)
{
    const struct media *m = call_server_user(c);
    __attribute__((cleanup(blob_writer_abort))) struct blob_writer in = {.fd = -1};
    int error = blob_writer_open(&in, m->store);
    if (error)
        return media_fail_disk(c, "open", error);
    status st = receive(c, &in);
    if (st == ST_OK)
        st = check_head(c, &in);
    return st == ST_OK ? convert_and_store(c, in.fd, response) : st;
}

/* ---- Out -------------------------------------------------------------------------------------------------------- */

/* The formats by the name that the program convert knows them by. */
static const struct {
    const char *format, *type;
    bool animated;
    const char *name;
} formats[] = {
    {"png", "image/png", false, "png"},         {"jpeg", "image/jpeg", false, "jpeg"},
    {"webp", "image/webp", false, "webp"},      {"webp", "image/webp", true, "webp-animated"},
    {"gif", "image/gif", true, "gif-animated"},
};

static int find_format(const Hubbub__V1__ImageRequest *req, bool animated)
{
    for (int i = 0; i < (int)(sizeof formats / sizeof *formats); i++)
        if (req->format && !strcmp(req->format, formats[i].format) && animated == formats[i].animated)
            return i;
    return -1;
}

static bool is_kept_as(int fd, const char *type)
{
    uint8_t head[512];
    ssize_t n = pread(fd, head, sizeof head, 0);
    return n > 0 && !strcmp(sniff_type(head, (size_t)n, false, NULL), type);
}

static status make_variant(struct call *c, int kept, const char *size, const char *format, const char *name)
{
    const struct media *m = call_server_user(c);
    __attribute__((cleanup(blob_writer_abort))) struct blob_writer out = {.fd = -1};
    int error = blob_writer_open(&out, m->store);
    if (error)
        return media_fail_disk(c, "open", error);
    int result = converter_run(m->converter, kept, out.fd, size, format, call_deadline_ms(c));
    if (result != CONVERT_STILL)
        return refuse(c, result);
    error = blob_writer_commit_variant(&out, name);
    return error ? media_fail_disk(c, "commit", error) : ST_OK;
}

static status send_file(struct call *c, int fd, uint64_t size)
{
    return media_send_range(c, fd, size, 0, size);
}

static status send_variant(struct call *c, const Hubbub__V1__ImageRequest *req, int kept, const char *format)
{
    const struct media *m = call_server_user(c);
    __attribute__((cleanup(media_close_file))) int fd = -1;
    char size[16];
    uint64_t bytes;
    snprintf(size, sizeof size, "%" PRIu32, req->size);
    size_t still = strcspn(format, "-"); /* gif-animated is named .gif.a */
    const char *name =
        arena_printf(call_arena(c), "%s.%s.%.*s%s", req->hash, size, (int)still, format, format[still] ? ".a" : "");
    int error = blob_open_image(m->store, name, &fd, &bytes);
    if (error == ENOENT) {
        status st = make_variant(c, kept, size, format, name);
        if (st != ST_OK)
            return st;
        error = blob_open_image(m->store, name, &fd, &bytes);
    }
    return error ? media_fail_disk(c, "open", error) : send_file(c, fd, bytes);
}

status media_image(struct call *c, const Hubbub__V1__ImageRequest *req, void *none)
{
    const struct media *m = call_server_user(c);
    __attribute__((cleanup(media_close_file))) int fd = -1;
    uint64_t bytes;
    if (!blob_is_image_hash(req->hash))
        return call_fail(c, ST_UNKNOWN_ASSET, "no hash");
    bool is_animation = req->hash[1] == '_';
    int format = find_format(req, is_animation && req->animated);
    if (format < 0)
        return call_fail(c, ST_UNSUPPORTED_MEDIA_TYPE, "no such form of it");
    int error = blob_open_image(m->store, req->hash, &fd, &bytes);
    if (error == ENOENT)
        return call_fail(c, ST_UNKNOWN_ASSET, "no such image");
    if (error)
        return media_fail_disk(c, "open", error);
    if (!req->size && is_animation == formats[format].animated && is_kept_as(fd, formats[format].type))
        return send_file(c, fd, bytes);
    return send_variant(c, req, fd, formats[format].name);
}
