/* A message with files: the parts are read as they arrive, each file goes on to media in chunks, and the next bytes are
 * taken from the socket only when the last chunk has left, so the gateway holds 128 KiB of a file at most. payload_json
 * may stand before or behind the files: the message is built when the last delimiter was read.
 *
 * How it fails: media refuses (too large, away) and its status is the answer; the client goes away and the stream is
 * cancelled, so media throws the piece away; files that were stored for a message that is then refused have no message
 * and are media's to sweep. */
#include "hubbub/v1/media.hub.h"
#include "lib/base/log.h"
#include "services/gateway/edge/exchange.h"
#include <string.h>

enum { FILES_MAX = 10 };

struct upload {
    struct multipart parser;
    struct rpc_stream *stream;
    bool waiting; /* for on_sent or on_done: nothing is read */
    bool in_file, in_text, file_ended;
    uint64_t file_bytes;
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
    if (u->stream)
        rpc_stream_cancel(u->stream);
    buf_finish(&u->text);
}

/* ---- One file to media ----------------------------------------------------------------------------------------- */

static void go_on(struct exchange *x)
{
    struct upload *u = x->state;
    u->waiting = false;
    if (exchange_alive(x))
        connection_resume(x->connection);
}

static void on_sent(void *user)
{
    struct exchange *x = user;
    if (!((struct upload *)x->state)->file_ended)
        go_on(x);
}

/* The answer lives in the call's arena: packed and unpacked, it lives in ours. */
static Hubbub__V1__Attachment *keep(struct exchange *x, const Hubbub__V1__Attachment *a)
{
    size_t n = hubbub__v1__attachment__get_packed_size(a);
    uint8_t *bytes = arena_alloc(x->arena, n);
    hubbub__v1__attachment__pack(a, bytes);
    return hubbub__v1__attachment__unpack(arena_protobuf(x->arena), n, bytes);
}

static void on_file_done(void *user, const struct rpc_result *result)
{
    struct exchange *x = user;
    struct upload *u = x->state;
    u->stream = NULL;
    u->in_file = false;
    if (exchange_alive(x) && (result->st != ST_OK || !u->file_ended)) {
        exchange_fail(x, result->st == ST_OK ? ST_INTERNAL : result->st, result->error);
    } else if (exchange_alive(x)) {
        u->files[u->n++] = keep(x, (const Hubbub__V1__Attachment *)result->response);
        go_on(x);
    }
    exchange_unref(x);
}

static void wait_for_media(struct exchange *x)
{
    ((struct upload *)x->state)->waiting = true;
    connection_pause(x->connection);
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
    static const struct rpc_stream_events events = {.on_sent = on_sent, .on_done = on_file_done};
    struct upload *u = x->state;
    if (u->n == FILES_MAX) {
        exchange_fail(x, ST_MAX_ATTACHMENTS, NULL);
        return;
    }
    if (!rpc_group_ready(x->edge->media)) {
        exchange_fail(x, ST_UNAVAILABLE, NULL);
        return;
    }
    u->index[u->n] = free_index(u, multipart_file_index(u->parser.name));
    u->in_file = true;
    u->file_ended = false;
    u->file_bytes = 0;
    exchange_ref(x);
    u->stream = rpc_stream_open(x->edge->media, 0, &hubbub__v1__media__upload__method, NULL, &x->caller, &events, x);
    Hubbub__V1__UploadChunk first = HUBBUB__V1__UPLOAD_CHUNK__INIT;
    first.filename = u->parser.filename;
    first.content_type = u->parser.content_type;
    rpc_stream_send(u->stream, &first.base);
    wait_for_media(x);
}

static void send_chunk(struct exchange *x, const char *data, size_t n)
{
    struct upload *u = x->state;
    u->file_bytes += n;
    if (u->file_bytes > (uint64_t)x->edge->config->upload_bytes_max) {
        exchange_fail(x, ST_TOO_LARGE, NULL);
        return;
    }
    Hubbub__V1__UploadChunk chunk = HUBBUB__V1__UPLOAD_CHUNK__INIT;
    chunk.has_data = true;
    chunk.data = (ProtobufCBinaryData){n, (uint8_t *)data};
    rpc_stream_send(u->stream, &chunk.base);
    wait_for_media(x);
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
    if (!u->in_file)
        return;
    u->file_ended = true;
    rpc_stream_close_send(u->stream);
    wait_for_media(x);
}

/* Some of a part's content; the result is how much of it was taken. */
static size_t take_data(struct exchange *x, const char *data, size_t n)
{
    struct upload *u = x->state;
    if (u->in_file) {
        n = n < EDGE_CHUNK_BYTES ? n : EDGE_CHUNK_BYTES;
        send_chunk(x, data, n);
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
    while (!u->waiting && exchange_alive(x)) {
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
