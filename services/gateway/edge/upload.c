/* A message with files: the parts are read as they arrive, each file goes on to media in chunks, and the next bytes are
 * taken from the socket only when the last chunk has left, so the gateway holds 128 KiB of a file at most. payload_json
 * may stand before or behind the files: the message is built when the last delimiter was read.
 *
 * How it fails: media refuses (too large, away) and its status is the answer; the client goes away and the stream is
 * cancelled, so media throws the piece away; files that were stored for a message that is then refused have no message
 * and are media's to sweep. */
#include "hubbub/v1/media.hub.h"
#include "lib/base/log.h"
#include "services/gateway/edge/media_send.h"
#include <string.h>

enum { FILES_MAX = 10 };

struct upload {
    struct multipart parser;
    struct media_send send;
    bool in_file, in_text;
    struct buf text; /* of the text part being read */
    char *payload, *content;
    size_t payload_len;
    Hubbub__V1__Attachment *files[FILES_MAX];
    uint32_t index[FILES_MAX];
    unsigned n;
};

static void on_over(struct exchange *x)
{
    struct upload *u = x->state;
    media_send_cancel(&u->send);
    buf_finish(&u->text);
}

/* ---- One file to media ----------------------------------------------------------------------------------------- */

/* The answer lives in the call's arena: packed and unpacked, it lives in ours. */
static Hubbub__V1__Attachment *keep(struct exchange *x, const Hubbub__V1__Attachment *a)
{
    size_t n = hubbub__v1__attachment__get_packed_size(a);
    uint8_t *bytes = arena_alloc(x->arena, n);
    hubbub__v1__attachment__pack(a, bytes);
    return hubbub__v1__attachment__unpack(arena_protobuf(x->arena), n, bytes);
}

static void on_stored(struct exchange *x, const ProtobufCMessage *answer)
{
    struct upload *u = x->state;
    u->in_file = false;
    u->files[u->n++] = keep(x, (const Hubbub__V1__Attachment *)answer);
}

/* The n of files[n], or the next number that no file has. */
static uint32_t free_index(const struct upload *u, int wanted)
{
    uint32_t index = wanted < 0 ? 0 : (uint32_t)wanted;
    for (unsigned i = 0; i < u->n; i++)
        if (u->index[i] == index) {
            index++;
            i = (unsigned)-1;
        }
    return index;
}

static void begin_file(struct exchange *x)
{
    struct upload *u = x->state;
    if (u->n == FILES_MAX) {
        exchange_fail(x, ST_MAX_ATTACHMENTS, NULL);
        return;
    }
    u->index[u->n] = free_index(u, multipart_file_index(u->parser.name));
    Hubbub__V1__UploadChunk first = HUBBUB__V1__UPLOAD_CHUNK__INIT;
    first.filename = u->parser.filename;
    first.content_type = u->parser.content_type;
    u->in_file = media_send_begin(&u->send, &hubbub__v1__media__upload__method, &first);
}

/* ---- Parts ----------------------------------------------------------------------------------------------------- */

static void begin_part(struct exchange *x)
{
    struct upload *u = x->state;
    bool file = u->parser.is_file && strcmp(u->parser.name, "payload_json");
    if (file && multipart_file_index(u->parser.name) >= 0) {
        begin_file(x);
        return;
    }
    u->in_text = !strcmp(u->parser.name, "payload_json") || !strcmp(u->parser.name, "content");
    u->text.bytes_max = EDGE_BODY_BYTES_MAX;
    buf_clear(&u->text);
}

static void end_text(struct exchange *x)
{
    struct upload *u = x->state;
    char *text = arena_strndup(x->arena, u->text.data ? u->text.data : "", u->text.len);
    if (u->text.failed)
        exchange_fail(x, ST_TOO_LARGE, NULL);
    else if (!strcmp(u->parser.name, "content"))
        u->content = text;
    else if (u->payload)
        exchange_fail(x, ST_BAD_REQUEST, NULL); /* which of the two would be meant? */
    else {
        u->payload = text;
        u->payload_len = u->text.len;
    }
    u->in_text = false;
}

static void end_part(struct exchange *x)
{
    struct upload *u = x->state;
    if (u->in_text)
        end_text(x);
    if (u->in_file)
        media_send_end(&u->send);
}

/* Some of a part's content; the result is how much of it was taken. */
static size_t take_data(struct exchange *x, const char *data, size_t n)
{
    struct upload *u = x->state;
    if (u->in_file) {
        n = n < EDGE_CHUNK_BYTES ? n : EDGE_CHUNK_BYTES;
        if (!media_send_data(&u->send, data, n))
            exchange_fail(x, ST_TOO_LARGE, NULL);
    } else if (u->in_text) {
        buf_put(&u->text, data, n);
    }
    return n;
}

static const ProtobufCFieldDescriptor *field(const ProtobufCMessage *m, const char *name)
{
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(m->descriptor, name);
    if (!f || f->label != PROTOBUF_C_LABEL_REPEATED)
        log_fatal("a multipart method needs the repeated field %s", name);
    return f;
}

static void set_repeated(ProtobufCMessage *m, const char *name, void *items, size_t n)
{
    const ProtobufCFieldDescriptor *f = field(m, name);
    memcpy((char *)m + f->quantifier_offset, &n, sizeof n);
    memcpy((char *)m + f->offset, &items, sizeof items);
}

/* A form without payload_json may still carry `content`. */
static void make_payload(struct exchange *x)
{
    struct upload *u = x->state;
    if (u->payload || !u->content)
        return;
    struct buf json = {0};
    buf_puts(&json, "{\"content\":");
    wire_write_string(&json, u->content);
    buf_puts(&json, "}");
    u->payload = arena_strndup(x->arena, json.data, json.len);
    u->payload_len = json.len;
    buf_finish(&json);
}

static void end_upload(struct exchange *x)
{
    struct upload *u = x->state;
    ProtobufCMessage *message;
    make_payload(x);
    if (!rest_build(x, u->payload, u->payload_len, &message))
        return;
    set_repeated(message, "uploaded", u->files, u->n);
    set_repeated(message, "uploaded_index", u->index, u->n);
    x->connection->state = CONNECTION_THINKING;
    rest_call(x, message);
}

static void take_event(struct exchange *x, enum multipart_event event)
{
    if (event == MULTIPART_PART)
        begin_part(x);
    else if (event == MULTIPART_PART_END)
        end_part(x);
    else if (event == MULTIPART_ERROR)
        exchange_fail(x, ST_BAD_REQUEST, NULL);
}

static void on_body(struct exchange *x)
{
    struct upload *u = x->state;
    while (!u->send.waiting && exchange_alive(x)) {
        size_t n, used, data_len;
        const char *data, *body = connection_body(x->connection, &n);
        enum multipart_event event = multipart_read(&u->parser, body, n, &used, &data, &data_len);
        if (event == MULTIPART_DATA)
            used = used - data_len + take_data(x, data, data_len);
        connection_body_used(x->connection, used);
        if (event == MULTIPART_END && x->connection->body_done) {
            end_upload(x);
            return;
        }
        if (event == MULTIPART_END)
            return;
        if (event == MULTIPART_MORE && x->connection->body_done)
            exchange_fail(x, ST_BAD_REQUEST, NULL);
        if (event == MULTIPART_MORE)
            return;
        take_event(x, event);
    }
}

void upload_start(struct exchange *x)
{
    struct upload *u = ARENA_NEW(x->arena, struct upload);
    u->send =
        (struct media_send){.x = x, .bytes_max = (uint64_t)x->edge->config->upload_bytes_max, .stored = on_stored};
    x->state = u;
    x->on_body = on_body;
    x->on_over = on_over;
    if (!multipart_init(&u->parser, http_header(&x->head, "content-type"))) {
        exchange_fail(x, ST_BAD_REQUEST, NULL);
        return;
    }
    x->caller.user_id = x->identity.user_id;
    connection_read_body(x->connection, EDGE_MULTIPART_BYTES_MAX, false);
}
