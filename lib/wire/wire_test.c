/* The codec as a whole: JSON that must be refused, the tree of an error body, tables that agree with their descriptors,
 * and a random round trip over every message of every route: what is written reads back without a fault and is written
 * the same again. HUBBUB_SEED replays a run. */
#include "hubbub/v1/accounts.hub.h"
#include "hubbub/v1/feeds.hub.h"
#include "hubbub/v1/gateway.hub.h"
#include "hubbub/v1/routes.hub.h"
#include "lib/rpc/rpc.h"
#include "lib/wire/internal.h"
#include "lib/wire/testing.h"
#include <stdio.h>
#include <time.h>

/* ---- Parsing --------------------------------------------------------------------------------------------------- */

static status parse(const char *text, size_t n)
{
    struct wire_json *json = NULL;
    status st = wire_parse(text, n, &json);
    if (st == ST_OK)
        wire_json_free(json);
    return st;
}

START_TEST(what_is_no_json_is_refused)
{
    static const char *const texts[] = {
        "",
        " ",
        "{",
        "}",
        "]]]",
        "{'a':1,'a':2}",
        "{'a':{'b':1,'b':1}}",
        "[1,]",
        "{'a'}",
        "nul",
        "'\\ud800'",
        "'\\udc00x'",
        "'\\ud83d\\u0041'",
        "'\xff'",
        "'\xed\xa0\x80'",
        "01",
        "1 2",
        "'a",
        "'a\\",
        "[1e999]",
        "{'a\\u0000b':1}",
        "[-]",
        "\x01",
    };
    struct arena *a = arena_create(0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = quoted(a, texts[i]);
        ck_assert_msg(parse(text, strlen(text)) == ST_BAD_JSON, "%s", text);
    }
    ck_assert_int_eq(parse("[1]\0", 4), ST_BAD_JSON);
    ck_assert_int_eq(parse("[123456789012345678901234567890, -9223372036854775809, 1]", 57), ST_OK);
    arena_destroy(a);
}
END_TEST

START_TEST(depth_is_capped)
{
    struct buf b = {0};
    for (int i = 0; i < 64; i++)
        buf_putc(&b, '[');
    for (int i = 0; i < 64; i++)
        buf_putc(&b, ']');
    ck_assert_int_eq(parse(b.data, b.len), ST_OK);
    buf_clear(&b);
    for (int i = 0; i < 65; i++)
        buf_puts(&b, "{\"a\":");
    buf_putc(&b, '1');
    for (int i = 0; i < 65; i++)
        buf_putc(&b, '}');
    ck_assert_int_eq(parse(b.data, b.len), ST_BAD_JSON);
    buf_clear(&b);
    for (int i = 0; i < 1000000; i++)
        buf_putc(&b, '[');
    ck_assert_int_eq(parse(b.data, b.len), ST_BAD_JSON);
    buf_clear(&b);
    buf_puts(&b, "[\"");
    for (int i = 0; i < 1000; i++)
        buf_puts(&b, "[{\\\"");
    buf_puts(&b, "\"]");
    ck_assert_int_eq(parse(b.data, b.len), ST_OK);
    buf_finish(&b);
}
END_TEST

START_TEST(frames_have_an_op)
{
    static const struct {
        const char *text;
        bool frame;
        int64_t op;
    } rows[] = {{"{'op':1,'d':251}", true, 1},
                {"{'op':'1'}", false, 0},
                {"{}", false, 0},
                {"[]", false, 0},
                {"7", false, 0},
                {"{'op':1.5}", false, 0},
                {"{'d':1,'op':-1}", true, -1}};
    struct arena *a = arena_create(0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire_json *root, *d = NULL;
        int64_t op = 0;
        const char *text = quoted(a, rows[i].text);
        ck_assert_int_eq(wire_parse(text, strlen(text), &root), ST_OK);
        ck_assert_int_eq(wire_json_frame(root, &op, &d), rows[i].frame);
        ck_assert_int_eq(op, rows[i].op);
        wire_json_free(root);
    }
    arena_destroy(a);
}
END_TEST

START_TEST(pairs_of_integers)
{
    static const char text[] = "[[0,99],[1],[100,199],\"x\",[2,3,4],[5,null],[200,299]]";
    struct wire_json *root;
    int64_t pairs[2][2];
    ck_assert_int_eq(wire_parse(text, strlen(text), &root), ST_OK);
    ck_assert_uint_eq(wire_json_pairs(root, pairs, 2), 2);
    ck_assert_int_eq(pairs[0][1], 99);
    ck_assert_int_eq(pairs[1][0], 100);
    wire_json_free(root);
}
END_TEST

START_TEST(heartbeats_are_an_integer_or_null)
{
    static const struct {
        const char *text;
        bool good;
        int64_t value;
    } rows[] = {{"{\"op\":1,\"d\":251}", true, 251},
                {"{\"op\":1,\"d\":null}", true, -1},
                {"{\"op\":1}", true, -1},
                {"{\"op\":1,\"d\":\"1\"}", false, 0},
                {"{\"op\":1,\"d\":1.5}", false, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct wire_json *root, *d;
        int64_t op, value = 0;
        ck_assert_int_eq(wire_parse(rows[i].text, strlen(rows[i].text), &root), ST_OK);
        ck_assert(wire_json_frame(root, &op, &d));
        ck_assert_int_eq(wire_json_integer_or_null(d, &value), rows[i].good);
        ck_assert_int_eq(value, rows[i].value);
        wire_json_free(root);
    }
}
END_TEST

/* ---- Error bodies ---------------------------------------------------------------------------------------------- */

START_TEST(leaves_nest_by_their_path)
{
    struct arena *a = arena_create(0);
    struct wire_errors e = {.arena = a};
    static const char *const paths[] = {"embeds.0.title", "name", "embeds.10.color", "embeds.0.title",
                                        "embeds",         "",     "embeds.0",        "em"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        wire_error_add(&e, paths[i], "C", arena_printf(a, "m%zu", i));
    struct buf b = {0};
    wire_write_error(&b, ST_INVALID_FORM, wire_errors_detail(&e));
    expect_json(&b, "{'code':50035,'message':'Invalid Form Body','errors':{"
                    "'embeds':{"
                    "'0':{'title':{'_errors':[{'code':'C','message':'m0'},{'code':'C','message':'m3'}]},"
                    "'_errors':[{'code':'C','message':'m6'}]},"
                    "'10':{'color':{'_errors':[{'code':'C','message':'m2'}]}},"
                    "'_errors':[{'code':'C','message':'m4'}]},"
                    "'name':{'_errors':[{'code':'C','message':'m1'}]},"
                    "'_errors':[{'code':'C','message':'m5'}],"
                    "'em':{'_errors':[{'code':'C','message':'m7'}]}}}");
    arena_destroy(a);
}
END_TEST

START_TEST(bodies_of_other_errors)
{
    Hubbub__V1__ErrorDetail d = HUBBUB__V1__ERROR_DETAIL__INIT;
    struct buf b = {0};
    wire_write_error(&b, ST_UNKNOWN_CHANNEL, NULL);
    expect_json(&b, "{'code':10003,'message':'Unknown Channel'}");
    b = (struct buf){0};
    wire_write_error(&b, ST_RATE_LIMITED, &d);
    expect_json(&b, "{'code':0,'message':'You are being rate limited.'}");
    PB_SET(&d, retry_after_ms, 1250);
    d.message = "Not \"yet\"";
    b = (struct buf){0};
    wire_write_error(&b, ST_RATE_LIMITED, &d);
    ck_assert_str_eq(buf_str(&b), "{\"code\":0,\"message\":\"Not \\\"yet\\\"\",\"retry_after\":1.250}");
    buf_finish(&b);
}
END_TEST

START_TEST(a_hundred_leaves_and_no_more)
{
    struct arena *a = arena_create(0);
    struct wire_errors e = {.arena = a};
    for (int i = 0; i < 150; i++)
        wire_error_add(&e, arena_printf(a, "list.%d", i), "C", "m");
    ck_assert_uint_eq(e.n, 100);
    Hubbub__V1__ErrorDetail *d = wire_errors_detail(&e);
    ck_assert_uint_eq(d->n_leaves, 100);
    ck_assert_uint_eq(d->status, ST_INVALID_FORM);
    arena_destroy(a);
}
END_TEST

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

static void check_table(const struct wire_message *w, unsigned depth)
{
    for (unsigned i = 0; i < w->descriptor->n_fields && depth < 16; i++) {
        const ProtobufCFieldDescriptor *fd = &w->descriptor->fields[i];
        ck_assert_str_eq(w->fields[i].key, fd->name);
        ck_assert(i == 0 || fd[-1].id < fd->id);
        ck_assert_int_eq(fd->type == PROTOBUF_C_TYPE_MESSAGE, w->fields[i].message != NULL);
        if (!w->fields[i].message)
            continue;
        ck_assert_ptr_eq(w->fields[i].message->descriptor, fd->descriptor);
        check_table(w->fields[i].message, depth + 1);
    }
}

START_TEST(tables_agree_with_descriptors)
{
    for (unsigned i = 0; i < hubbub_n_routes; i++) {
        check_table(hubbub_routes[i].request, 0);
        check_table(hubbub_routes[i].response, 0);
        ck_assert_ptr_eq(hubbub_routes[i].method->in, hubbub_routes[i].request->descriptor);
        ck_assert_ptr_eq(hubbub_routes[i].method->out, hubbub_routes[i].response->descriptor);
    }
    check_table(&hubbub__v1__event__wire, 0);
    check_table(&hubbub__v1__guild_created__wire, 0);
}
END_TEST

static const struct wire_route *find_route(const char *verb, const char *path)
{
    for (unsigned i = 0; i < hubbub_n_routes; i++)
        if (!strcmp(hubbub_routes[i].verb, verb) && !strcmp(hubbub_routes[i].path, path))
            return &hubbub_routes[i];
    ck_abort_msg("no route %s %s", verb, path);
    return NULL;
}

START_TEST(routes_say_what_their_protos_say)
{
    const struct wire_route *r = find_route("POST", "/channels/{channel_id}/messages");
    ck_assert_str_eq(r->service, "hubbub.v1.Messages");
    ck_assert_str_eq(r->name, "Create");
    ck_assert_str_eq(r->method->path, "/hubbub.v1.Messages/Create");
    ck_assert_str_eq(r->body, "*");
    ck_assert(r->multipart && !r->reason && r->success == 200 && r->method->auth == RPC_TOKEN);
    ck_assert_str_eq(r->bucket, "hubbub.v1.Messages.Create");
    r = find_route("PATCH", "/guilds/{guild_id}/roles");
    ck_assert_str_eq(r->body, "positions");
    ck_assert_str_eq(r->response_body, "roles");
    /* An additional binding is a route of the same method. */
    const struct wire_route *also = find_route("GET", "/oauth2/applications/@me");
    ck_assert_ptr_eq(also->method, find_route("GET", "/applications/@me")->method);
    ck_assert_int_eq(also->method->auth, RPC_BOT);
    r = find_route("POST", "/auth/register");
    ck_assert_str_eq(r->method->bulkhead, "argon2");
    ck_assert_int_eq(r->method->timeout_ms, 15000);
    ck_assert_int_eq(r->success, 201);
}
END_TEST

/* ---- Round trip ------------------------------------------------------------------------------------------------ */

static uint64_t state;

/* xorshift64*: any run is replayed by its seed. */
static uint64_t draw(uint64_t below)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * UINT64_C(2685821657736338717) >> 11) % below;
}

static char *random_text(struct arena *a, const struct wire_field *f, bool item)
{
    static const char *const points[] = {
        "a", "Z", "0", "\"", "\\", "\n", "/", "\x7f", "\xc3\xa9", "\xe6\xbc\xa2", "\xf0\x9f\x98\x80"};
    bool must = (f->flags & WIRE_REQUIRED) && !f->min_len; /* an empty string would be unset */
    uint64_t min = item ? 0 : f->min_len + must, max = item ? f->item_max_len : f->max_len;
    uint64_t most = max && max < min + 20 ? max : min + 20, n = min + draw(most - min + 1);
    struct buf b = {0};
    if (f->n_choices_text)
        return arena_strdup(a, f->choices_text[draw(f->n_choices_text)]);
    if (f->form == WIRE_IMAGE)
        return arena_strdup(a, "data:image/gif;base64,AAAA");
    if (f->form == WIRE_RAW)
        return arena_strdup(a, "{\"a\":[1,2.5,\"x\"]}");
    for (uint64_t i = 0; i < n; i++)
        buf_puts(&b, i == 0 || i + 1 == n ? "x" : points[draw(sizeof points / sizeof *points)]);
    char *text = arena_strdup(a, buf_str(&b));
    buf_finish(&b);
    return text;
}

static int64_t random_integer(const struct wire_field *f, const ProtobufCFieldDescriptor *fd)
{
    static const int64_t small[] = {0, 1, 7, 255, 86400, INT32_MAX};
    if (f->n_choices)
        return f->choices[draw(f->n_choices)];
    if (f->form == WIRE_TIME)
        return (int64_t)draw(4102444800000) - 1000000000000;
    if (f->form == WIRE_SNOWFLAKE || f->form == WIRE_DECIMAL)
        return (int64_t)(draw(UINT64_C(1) << 53) << draw(11));
    int64_t min = f->flags & WIRE_HAS_MIN ? f->min : 0;
    if (f->flags & WIRE_HAS_MAX)
        return min + (int64_t)draw((uint64_t)(f->max - min) + 1);
    return min + small[draw(sizeof small / sizeof *small)] / (min ? 2 : 1);
}

static void fill(struct arena *a, const struct wire_message *w, ProtobufCMessage *m);

static void fill_value(struct arena *a, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, bool item,
                       void *at)
{
    int64_t n;
    if (fd->type == PROTOBUF_C_TYPE_MESSAGE) {
        ProtobufCMessage *m = *(ProtobufCMessage **)at = arena_alloc(a, f->message->descriptor->sizeof_message);
        protobuf_c_message_init(f->message->descriptor, m);
        fill(a, f->message, m);
    } else if (fd->type == PROTOBUF_C_TYPE_STRING) {
        *(char **)at = random_text(a, f, item);
    } else if (fd->type == PROTOBUF_C_TYPE_BYTES) {
        char *text = random_text(a, f, item);
        *(ProtobufCBinaryData *)at = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    } else if (fd->type == PROTOBUF_C_TYPE_BOOL) {
        *(protobuf_c_boolean *)at = (protobuf_c_boolean)draw(2);
    } else {
        n = random_integer(f, fd);
        memcpy(at, &n, wire_value_size(fd->type)); /* little endian */
    }
}

static void fill_array(struct arena *a, const struct wire_field *f, const ProtobufCFieldDescriptor *fd,
                       ProtobufCMessage *m)
{
    size_t most = f->max_len && f->max_len < f->min_len + 4 ? f->max_len : f->min_len + 4;
    size_t least = !f->min_len && f->flags & WIRE_REQUIRED ? 1 : f->min_len; /* an empty array counts as missing */
    size_t n = least + draw(most - least + 1), size = wire_value_size(fd->type);
    char *items = arena_alloc(a, n * size);
    for (size_t i = 0; i < n; i++)
        fill_value(a, f, fd, true, items + i * size);
    *(size_t *)wire_quantifier(m, fd) = n;
    *(char **)wire_member(m, fd) = items;
}

static void fill(struct arena *a, const struct wire_message *w, ProtobufCMessage *m)
{
    for (unsigned i = 0; i < w->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *fd = &w->descriptor->fields[i];
        const struct wire_field *f = &w->fields[i];
        bool must = (f->flags & WIRE_REQUIRED) || (f->flags & WIRE_ALWAYS && f->n_choices) ||
                    (fd->label == PROTOBUF_C_LABEL_REPEATED && f->min_len);
        if (f->form >= WIRE_PRESENT || (f->flags & WIRE_INLINE) || (!must && draw(2)))
            continue;
        if (wire_is_repeated(fd)) {
            fill_array(a, f, fd, m);
            continue;
        }
        fill_value(a, f, fd, false, wire_member(m, fd));
        if (fd->quantifier_offset)
            *(protobuf_c_boolean *)wire_quantifier(m, fd) = 1;
    }
}

static void expect_same_bytes(struct arena *a, const ProtobufCMessage *x, const ProtobufCMessage *y)
{
    size_t n = protobuf_c_message_get_packed_size(x);
    uint8_t *left = arena_alloc(a, n), *right = arena_alloc(a, protobuf_c_message_get_packed_size(y));
    ck_assert_uint_eq(n, protobuf_c_message_get_packed_size(y));
    protobuf_c_message_pack(x, left);
    protobuf_c_message_pack(y, right);
    ck_assert_int_eq(memcmp(left, right, n), 0);
}

static void round_trip(const struct wire_message *w)
{
    struct arena *a = arena_create(0);
    ProtobufCMessage *m = arena_alloc(a, w->descriptor->sizeof_message);
    struct buf first = {0}, second = {0};
    struct reading r, again;
    protobuf_c_message_init(w->descriptor, m);
    fill(a, w, m);
    wire_write(&first, w, m);
    reading_text(&r, w, first.data, first.len);
    ck_assert_msg(r.errors.n == 0, "%s: %s %s in %s", w->descriptor->name, r.errors.n ? r.errors.leaves[0]->path : "",
                  r.errors.n ? r.errors.leaves[0]->message : "", buf_str(&first));
    wire_write(&second, w, r.message);
    ck_assert_str_eq(buf_str(&first), buf_str(&second));
    reading_text(&again, w, second.data, second.len);
    expect_same_bytes(a, r.message, again.message);
    reading_finish(&r);
    reading_finish(&again);
    buf_finish(&first);
    buf_finish(&second);
    arena_destroy(a);
}

static void start_seed(void)
{
    const char *seed = getenv("HUBBUB_SEED");
    state = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
    printf("HUBBUB_SEED=%llu\n", (unsigned long long)state);
    fflush(stdout);
    state = state * 2 + 1;
}

START_TEST(random_messages_survive_the_round_trip)
{
    start_seed();
    for (int turn = 0; turn < 40; turn++) {
        for (unsigned i = 0; i < hubbub_n_routes; i++) {
            round_trip(hubbub_routes[i].request);
            round_trip(hubbub_routes[i].response);
        }
        round_trip(&hubbub__v1__identify__wire);
        round_trip(&hubbub__v1__members_chunk__wire);
        round_trip(&hubbub__v1__message__wire);
    }
}
END_TEST

/* A few bytes exchanged for others that mean something in JSON. */
static void damage(struct buf *b)
{
    static const char bytes[] = "{}[]\",:\\0-9.eEntfu \n\xff\xc3";
    for (uint64_t n = 1 + draw(4); n > 0; n--)
        b->data[draw(b->len)] = bytes[draw(sizeof bytes)];
}

/* Whatever came of it: a message that can be written, and an error body that is JSON. */
static void read_damaged(const struct wire_message *w, const char *text, size_t n)
{
    struct reading r;
    struct buf b = {0};
    reading_start(&r);
    if (wire_parse(text, n, &r.json) == ST_OK) {
        wire_read(r.json, w, &r.errors, r.arena, &r.message);
        wire_check_required(w, r.message, &r.errors);
        wire_write(&b, w, r.message);
        ck_assert_int_eq(parse(b.data, b.len), ST_OK);
        buf_clear(&b);
        wire_write_error(&b, ST_INVALID_FORM, wire_errors_detail(&r.errors));
        ck_assert_int_eq(parse(b.data, b.len), ST_OK);
    }
    buf_finish(&b);
    reading_finish(&r);
}

START_TEST(damaged_json_gives_faults_and_nothing_worse)
{
    start_seed();
    for (int turn = 0; turn < 100; turn++) {
        for (unsigned i = 0; i < hubbub_n_routes; i++) {
            const struct wire_message *w = hubbub_routes[i].request;
            struct arena *a = arena_create(0);
            ProtobufCMessage *m = arena_alloc(a, w->descriptor->sizeof_message);
            struct buf b = {0};
            protobuf_c_message_init(w->descriptor, m);
            fill(a, w, m);
            wire_write(&b, w, m);
            damage(&b);
            read_damaged(w, b.data, b.len);
            buf_finish(&b);
            arena_destroy(a);
        }
    }
}
END_TEST

int main(void)
{
    static const TTest *const *const tests[] = {
        &what_is_no_json_is_refused,
        &depth_is_capped,
        &frames_have_an_op,
        &pairs_of_integers,
        &heartbeats_are_an_integer_or_null,
        &leaves_nest_by_their_path,
        &bodies_of_other_errors,
        &a_hundred_leaves_and_no_more,
        &tables_agree_with_descriptors,
        &routes_say_what_their_protos_say,
        &random_messages_survive_the_round_trip,
        &damaged_json_gives_faults_and_nothing_worse,
    };
    return run_tests("wire", tests, sizeof tests / sizeof *tests);
}
