/* A JSON body that holds images (fields of form IMAGE): each goes on to media while it arrives, and what media calls it
 * stands in its place when the message is built; so the gateway holds 128 KiB of an image at most, and what decodes it
 * is neither here nor in chat.
 *
 * How it fails: media refuses an image (none, broken, past a bound) and the field has a leaf of its own; an image that
 * was stored for a request that is then refused has no owner and is media's to sweep. */
#include "hubbub/v1/media.hub.h"
#include "services/gateway/edge/image_scan.h"
#include "services/gateway/edge/media_send.h"
#include <string.h>

struct images {
    struct media_send send;
    struct image_scan scan;
    struct buf text;
    const char *keys[IMAGE_SCAN_MAX];
    const struct wire_field *fields[IMAGE_SCAN_MAX];
    unsigned taken[IMAGE_SCAN_MAX]; /* which key the image of that number stands under */
    const char *hashes[IMAGE_SCAN_MAX];
    uint8_t *data;
};

static void on_over(struct exchange *x)
{
    struct images *m = x->state;
    media_send_cancel(&m->send);
    buf_finish(&m->text);
}

static void fail_field(struct exchange *x, const char *key, const char *code, const char *message)
{
    struct wire_errors errors = {.arena = x->arena};
    wire_error_add(&errors, key, code, message);
    exchange_fail(x, ST_INVALID_FORM, wire_errors_detail(&errors));
}

/* The field of the image that is being read. */
static const struct wire_field *field_now(const struct images *m)
{
    return m->fields[m->taken[m->scan.state == SCAN_IMAGE ? m->scan.n : m->scan.n - 1]];
}

static void fail_too_large(struct exchange *x)
{
    const struct wire_field *f = field_now(x->state);
    fail_field(x, f->key, "BINARY_TYPE_MAX_SIZE",
               arena_printf(x->arena, "File cannot be larger than %.1f kb.", f->max_len / 1024.0));
}

static bool on_refused(struct exchange *x, const struct rpc_result *result)
{
    if (result->st == ST_TOO_LARGE)
        fail_too_large(x);
    else if (result->st == ST_UNSUPPORTED_MEDIA_TYPE)
        fail_field(x, field_now(x->state)->key, "IMAGE_INVALID", "Invalid image data");
    return result->st == ST_TOO_LARGE || result->st == ST_UNSUPPORTED_MEDIA_TYPE;
}

static void on_stored(struct exchange *x, const ProtobufCMessage *answer)
{
    struct images *m = x->state;
    m->hashes[m->scan.n - 1] = arena_strdup(x->arena, ((const Hubbub__V1__StoredImage *)answer)->hash);
}

/* ---- The body --------------------------------------------------------------------------------------------------- */

/* The mark in each image field becomes the image's hash. false: there is another data URI than those that were taken.
 */
static bool fill_in(struct exchange *x, ProtobufCMessage *message)
{
    struct images *m = x->state;
    const struct wire_message *wire = x->match.route->request;
    for (unsigned i = 0; i < wire->descriptor->n_fields; i++) {
        char **at = (char **)((char *)message + wire->descriptor->fields[i].offset), mark[40];
        if (wire->fields[i].form != WIRE_IMAGE || !*at || !**at)
            continue;
        const char *hash = NULL;
        for (unsigned n = 0; n < m->scan.n && !hash; n++) {
            snprintf(mark, sizeof mark, IMAGE_SCAN_MARK, n);
            hash = m->fields[m->taken[n]] == &wire->fields[i] && !strcmp(*at, mark) ? m->hashes[n] : NULL;
        }
        if (!hash) {
            fail_field(x, wire->fields[i].key, "IMAGE_INVALID", "Invalid image data");
            return false;
        }
        *at = (char *)hash;
    }
    return true;
}

static void end_body(struct exchange *x)
{
    struct images *m = x->state;
    ProtobufCMessage *message;
    if (!rest_build(x, m->text.data, m->text.len, &message) || !fill_in(x, message))
        return;
    x->connection->state = CONNECTION_THINKING;
    rest_call(x, message);
}

static void begin_image(struct exchange *x)
{
    struct images *m = x->state;
    m->taken[m->scan.n] = (unsigned)m->scan.found;
    m->send.bytes_max = field_now(m)->max_len;
    /* What cannot be begun was answered, and the exchange is over. */
    (void)!media_send_begin(&m->send, &hubbub__v1__media__store_image__method, NULL);
}

static void take(struct exchange *x, enum image_scan_event event, size_t n)
{
    struct images *m = x->state;
    if (m->text.failed)
        exchange_fail(x, ST_TOO_LARGE, NULL);
    else if (event == SCAN_BEGIN)
        begin_image(x);
    else if (event == SCAN_DATA && !media_send_data(&m->send, m->data, n))
        fail_too_large(x);
    else if (event == SCAN_END && m->scan.broken)
        fail_field(x, field_now(m)->key, "IMAGE_INVALID", "Invalid image data");
    else if (event == SCAN_END)
        media_send_end(&m->send);
}

static void on_body(struct exchange *x)
{
    struct images *m = x->state;
    while (!m->send.waiting && exchange_alive(x)) {
        size_t n, used, data_len;
        const char *body = connection_body(x->connection, &n);
        n = n < EDGE_CHUNK_BYTES ? n : EDGE_CHUNK_BYTES;
        enum image_scan_event event = image_scan_read(&m->scan, body, n, &used, m->data, &data_len);
        connection_body_used(x->connection, used);
        take(x, event, data_len);
        if (event == SCAN_MORE && !used && exchange_alive(x)) {
            if (x->connection->body_done)
                end_body(x);
            return;
        }
    }
}

bool json_images_wanted(const struct wire_message *request)
{
    for (unsigned i = 0; i < request->descriptor->n_fields; i++)
        if (request->fields[i].form == WIRE_IMAGE)
            return true;
    return false;
}

/* The most that a body may have: its text, and the base64 of each image. */
static size_t find_fields(const struct wire_message *request, struct images *m)
{
    size_t bytes_max = EDGE_BODY_BYTES_MAX;
    for (unsigned i = 0; i < request->descriptor->n_fields && m->scan.n_keys < IMAGE_SCAN_MAX; i++) {
        if (request->fields[i].form != WIRE_IMAGE)
            continue;
        m->fields[m->scan.n_keys] = &request->fields[i];
        m->keys[m->scan.n_keys++] = request->fields[i].key;
        bytes_max += ((size_t)request->fields[i].max_len + 2) / 3 * 4;
    }
    return bytes_max;
}

void json_images_start(struct exchange *x)
{
    struct images *m = ARENA_NEW(x->arena, struct images);
    size_t bytes_max = find_fields(x->match.route->request, m);
    m->send = (struct media_send){.x = x, .stored = on_stored, .refused = on_refused};
    m->scan.keys = m->keys;
    m->scan.found = -1;
    m->scan.out = &m->text;
    m->text.bytes_max = EDGE_BODY_BYTES_MAX;
    m->data = arena_alloc(x->arena, EDGE_CHUNK_BYTES);
    x->state = m;
    x->on_body = on_body;
    x->on_over = on_over;
    x->caller.user_id = x->identity.user_id;
    connection_read_body(x->connection, bytes_max, false);
}
