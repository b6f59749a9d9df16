/* targets.c - see targets.h. */
#include "tests/fuzz/targets.h"
#include "hubbub/v1/messages.hub.h"
#include "lib/wire/wire.h"
#include "services/chat/message_content.h"
#include "services/gateway/core/fake_world.h"
#include "services/gateway/edge/etf.h"
#include "services/gateway/edge/frame.h"
#include "services/gateway/edge/http.h"
#include "services/gateway/edge/image_scan.h"
#include "services/gateway/edge/multipart.h"
#include "services/gateway/edge/range.h"
#include "services/gateway/edge/url.h"
#include "services/media/filename.h"
#include "services/media/image.h"
#include "services/media/sniff.h"
#include <stdio.h>

enum { PIECES_MAX = 4096 };

static void must(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

/* A copy with a NUL behind it: of its exact size, so that a step outside is seen. */
static char *text_of(const uint8_t *in, size_t n)
{
    char *text = memory_zeroed(n + 1);
    if (n)
        memcpy(text, in, n);
    return text;
}

/* The first byte says in which pieces the rest arrives; 0: in one. */
static size_t piece(const uint8_t *in, size_t left)
{
    size_t size = in[0] ? in[0] : left;
    return size < left ? size : left;
}

/* ---- The edge ------------------------------------------------------------------------------------------------------
 */

static void feed_frame(const uint8_t *in, size_t n)
{
    struct frame_reader r = {.message_bytes_max = 4096, .binary = n && in[0] & 1};
    bool over = false;
    for (size_t at = 1; at < n && !over; at += piece(in, n - at)) {
        size_t left = piece(in, n - at), used = 0;
        char *bytes = text_of(in + at, left);
        for (char *next = bytes; !over; next += used, left -= used) {
            struct frame_event e = frame_read(&r, next, left, &used);
            must(used <= left, "a frame reader uses what is there");
            must(e.kind != FRAME_MESSAGE || e.n <= r.message_bytes_max, "a message has its bound");
            over = e.kind == FRAME_CLOSED || e.kind == FRAME_FAULT;
            if (e.kind == FRAME_MORE)
                break;
        }
        free(bytes);
    }
    frame_reader_finish(&r);
}

/* What was read is JSON, and can be written again. */
static void feed_etf(const uint8_t *in, size_t n)
{
    struct buf json = {0}, term = {0};
    char *exact = text_of(in, n);
    if (etf_read(&json, exact, n)) {
        must(json.len <= 7 * n + 32, "a term's text has its bound");
        struct wire_json *root = NULL;
        if (wire_parse(json.data, json.len, &root) == ST_OK)
            must(etf_write(&term, json.data, json.len), "what was read as a term can be written as one");
        wire_json_free(root);
    }
    free(exact);
    buf_finish(&json);
    buf_finish(&term);
}

static void feed_multipart(const uint8_t *in, size_t n)
{
    const uint8_t *line = n ? memchr(in, '\n', n) : NULL;
    struct multipart m;
    if (!line || line + 1 == in + n)
        return;
    char *type = text_of(in, (size_t)(line - in)), *body = text_of(line + 1, (size_t)(in + n - line - 1));
    size_t have = (size_t)(in + n - line - 1), at = 0, end = 0, used = 0, data_len = 0, step = 1 + in[0] % 32;
    const char *data = NULL;
    bool good = multipart_init(&m, type);
    while (good && at <= end) {
        enum multipart_event e = multipart_read(&m, body + at, end - at, &used, &data, &data_len);
        must(used <= end - at, "multipart uses what is there");
        must(e != MULTIPART_DATA || (data >= body + at && data + data_len <= body + end), "content is inside");
        at += used;
        good = e != MULTIPART_ERROR && e != MULTIPART_END && (e != MULTIPART_MORE || end < have);
        if (e == MULTIPART_MORE)
            end = end + step < have ? end + step : have;
    }
    free(type);
    free(body);
}

static void feed_http(const uint8_t *in, size_t n)
{
    struct http_head head;
    char *text = text_of(in, n);
    int length = http_head_read(text, n, &head);
    must(length <= (int)n, "a head is no longer than what came");
    for (unsigned i = 0; length > 0 && i < head.n_headers; i++)
        must(head.headers[i].value >= text && head.headers[i].value <= text + n, "a header is inside");
    struct http_chunked c = {0};
    size_t at = length > 0 ? (size_t)length : 0, used = 0, data_len = 0;
    const char *data;
    while (at <= n && http_chunked_read(&c, (const char *)in + at, n - at, &used, &data, &data_len) == 0 && used) {
        must(used <= n - at, "a chunk reader uses what is there");
        at += used;
    }
    free(text);
}

/* Query, cursor, Range: one a line. */
static void feed_target(const uint8_t *in, size_t n)
{
    struct arena *a = arena_create(0);
    char *text = text_of(in, n), *rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        struct url_pair pairs[16];
        unsigned n_pairs = 0;
        uint64_t first = 0, length = 0;
        Hubbub__V1__ListMessagesRequest *page =
            PB_NEW(a, Hubbub__V1__ListMessagesRequest, hubbub__v1__list_messages_request);
        struct wire_errors errors = {.arena = a};
        if (url_query(a, line, pairs, 16, &n_pairs))
            for (unsigned i = 0; i < n_pairs; i++) {
                must(url_is_utf8(pairs[i].value, strlen(pairs[i].value)), "a query's value is UTF-8");
                wire_read_text(&hubbub__v1__list_messages_request__wire, &page->base, pairs[i].name, pairs[i].value,
                               &errors, a);
            }
        if (range_parse(line, 1000, &first, &length) == RANGE_PART)
            must(first < 1000 && length > 0 && length <= 1000 - first, "a range is inside");
    }
    free(text);
    arena_destroy(a);
}

static void feed_image_scan(const uint8_t *in, size_t n)
{
    static const char *const keys[] = {"avatar", "icon"};
    struct buf out = {.bytes_max = 1 << 20};
    struct image_scan s = {.keys = keys, .n_keys = 2, .out = &out};
    for (size_t at = 1; at < n; at += piece(in, n - at)) {
        size_t left = piece(in, n - at), used = 0, got = 0;
        uint8_t *data = memory_zeroed(left);
        const char *next = (const char *)in + at;
        for (unsigned turns = 0; turns < PIECES_MAX; turns++, next += used, left -= used) {
            enum image_scan_event e = image_scan_read(&s, next, left, &used, data, &got);
            must(used <= left && got <= left, "an image is no longer than its text");
            if (e == SCAN_MORE)
                break;
        }
        free(data);
    }
    buf_finish(&out);
}

/* ---- Bodies and texts ----------------------------------------------------------------------------------------------
 */

static void feed_body(const uint8_t *in, size_t n)
{
    struct wire_json *root = NULL;
    struct arena *a = arena_create(0);
    struct wire_errors errors = {.arena = a};
    ProtobufCMessage *m = NULL;
    char *text = text_of(in, n);
    if (wire_parse(text, n, &root) == ST_OK) {
        wire_read(root, &hubbub__v1__create_message_request__wire, &errors, a, &m);
        wire_check_required(&hubbub__v1__create_message_request__wire, m, &errors);
        void *copy = errors.n ? NULL : memory_copy_message(m); /* what was read well can go on by gRPC */
        memory_free_message(copy);
    }
    wire_json_free(root);
    free(text);
    arena_destroy(a);
}

static void feed_content(const uint8_t *in, size_t n)
{
    struct arena *a = arena_create(0);
    struct mentions *found = memory_zeroed(sizeof *found);
    uint64_t ids[EMOJI_TOKENS_MAX];
    char *text = text_of(in, n);
    if (url_is_utf8(text, strlen(text))) { /* bodies are, by then */
        mentions_parse(text, found);
        must(found->n_users <= MENTIONS_MAX && found->n_roles <= MENTIONS_MAX, "mentions have their bound");
        size_t tokens = emoji_tokens(text, ids, EMOJI_TOKENS_MAX);
        must(tokens <= EMOJI_TOKENS_MAX, "emoji have their bound");
        must(strlen(emoji_tokens_strip(a, text, ids, tokens)) == strlen(text), "kept emoji stay");
        must(strlen(emoji_tokens_strip(a, text, NULL, 0)) <= strlen(text), "a text without emoji is not longer");
        content_trim(a, text);
    }
    free(found);
    free(text);
    arena_destroy(a);
}

static void feed_file(const uint8_t *in, size_t n)
{
    struct arena *a = arena_create(0);
    uint32_t width = 0, height = 0;
    struct text_check check = {0};
    uint8_t *exact = (uint8_t *)text_of(in, n);
    if (image_size(exact, n, &width, &height))
        must(width && height, "an image has a size");
    text_check_feed(&check, exact, n);
    must(sniff_type(exact, n, text_check_holds(&check), NULL) != NULL, "a file has a type");
    const char *name = filename_clean(a, (char *)exact);
    must(name[0] && name[0] != '.' && strlen(name) <= FILENAME_BYTES_MAX && !strchr(name, '/'), "a name is safe");
    must(url_is_utf8(name, strlen(name)), "a name is UTF-8");
    free(exact);
    arena_destroy(a);
}

/* ---- The gateway ---------------------------------------------------------------------------------------------------
 */

/* Frames of one client, one a line; an empty line: some time passes. $S: its session's id. */
static void feed_gateway(const uint8_t *in, size_t n)
{
    struct fake_world *w = fake_create(1);
    struct fake_client *c = fake_connect(w);
    char *text = text_of(in, n), *rest = text;
    fake_run(w, 20);
    unsigned turns = 0;
    for (char *line; turns < 100 && (line = strsep(&rest, "\n")); turns++) {
        if (!line[0])
            fake_run(w, 50);
        else
            hub_receive(w->hub, c->connection, line, strlen(line), w->now);
    }
    fake_run(w, 100);
    free(text);
    fake_destroy(w);
}

/* What Redis and other gateways say of a session that is to go on here. */
static void feed_move(const uint8_t *in, size_t n)
{
    Hubbub__V1__SessionMove *m = hubbub__v1__session_move__unpack(NULL, n, in);
    if (m && m->base.n_unknown_fields) { /* protobuf-c does not read all of those that it writes */
        memory_free_message(m);
        return;
    }
    bool known = true; /* the fake counts topics by a small number made of their id: DMs that are none share others' */
    for (size_t i = 0; m && i < m->n_positions; i++)
        known &= m->positions[i]->kind != SCOPE_DIRECT || m->positions[i]->scope_id < 1000;
    if (!m || !m->session_id || !known) {
        memory_free_message(m);
        return;
    }
    struct fake_world *w = fake_create(1);
    fake_add_gateway(w);
    fake_run(w, 50);
    struct fake_client *c = fake_connect(w);
    w->quiet = true;
    fake_send(c, "{\"op\":6,\"d\":{\"token\":\"token-0-0\",\"session_id\":\"x\",\"seq\":%lld}}",
              (long long)(m->s & 63));
    struct fake_question *q = fake_find(w, QUESTION_TAKE);
    if (q) {
        hub_on_take(w->hub, q->ticket, HUB_TAKE_TAKEN, 2, m, w->now);
        fake_drop(w, q);
    }
    w->quiet = false;
    fake_run(w, 300);
    fake_destroy(w);
    memory_free_message(m);
}

const struct fuzz_target fuzz_targets[] = {
    {"frame", feed_frame},
    {"etf", feed_etf},
    {"multipart", feed_multipart},
    {"http", feed_http},
    {"target", feed_target},
    {"body", feed_body},
    {"image_scan", feed_image_scan},
    {"content", feed_content},
    {"file", feed_file},
    {"gateway", feed_gateway},
    {"move", feed_move},
};
const unsigned n_fuzz_targets = sizeof fuzz_targets / sizeof *fuzz_targets;

const struct fuzz_target *fuzz_find(const char *name)
{
    for (unsigned i = 0; i < n_fuzz_targets; i++)
        if (strcmp(name, fuzz_targets[i].name) == 0)
            return &fuzz_targets[i];
    return NULL;
}
