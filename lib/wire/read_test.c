/* Reading: every form and limit at its edge and one past it, each leaf code, what `present` holds, and parameters. */
#include "hubbub/v1/channels.hub.h"
#include "hubbub/v1/gateway.hub.h"
#include "hubbub/v1/messages.hub.h"
#include "lib/wire/testing.h"

#define WIRE(name) (&hubbub__v1__##name##__wire)

struct row {
    const struct wire_message *wire;
    const char *json, *path, *code, *message; /* code NULL: read without a fault */
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct reading r;
        reading_json(&r, rows[i].wire, rows[i].json);
        expect_leaf(&r, rows[i].path, rows[i].code, rows[i].message);
        reading_finish(&r);
    }
}
#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof *(rows))

START_TEST(numbers_keep_their_limits)
{
    const struct row rows[] = {
        {WIRE(edit_channel_request), "{'position':0}"},
        {WIRE(edit_channel_request), "{'position':32767}"},
        {WIRE(edit_channel_request), "{'position':-1}", "position", "NUMBER_TYPE_MIN",
         "int value should be greater than or equal to 0."},
        {WIRE(edit_channel_request), "{'position':32768}", "position", "NUMBER_TYPE_MAX",
         "int value should be less than or equal to 32767."},
        {WIRE(edit_channel_request), "{'position':'12'}"},
        {WIRE(edit_channel_request), "{'position':5.0}"},
        {WIRE(edit_channel_request), "{'position':5.5}", "position", "NUMBER_TYPE_COERCE", "Value \"5.5\" is not int."},
        {WIRE(edit_channel_request), "{'position':'x'}", "position", "NUMBER_TYPE_COERCE", "Value \"x\" is not int."},
        {WIRE(edit_channel_request), "{'position':''}", "position", "NUMBER_TYPE_COERCE", "Value \"\" is not int."},
        {WIRE(edit_channel_request), "{'position':' 1'}", "position", "NUMBER_TYPE_COERCE", "Value \" 1\" is not int."},
        {WIRE(edit_channel_request), "{'position':true}", "position", "NUMBER_TYPE_COERCE",
         "Value \"True\" is not int."},
        {WIRE(edit_channel_request), "{'position':[]}", "position", "NUMBER_TYPE_COERCE", NULL},
        {WIRE(edit_channel_request), "{'position':9223372036854775807}", "position", "NUMBER_TYPE_MAX", NULL},
        {WIRE(edit_channel_request), "{'position':9223372036854775808}", "position", "NUMBER_TYPE_COERCE", NULL},
        {WIRE(edit_channel_request), "{'position':-99999999999999999999999}", "position", "NUMBER_TYPE_COERCE", NULL},
        {WIRE(message), "{'type':2147483647}"},
        {WIRE(message), "{'type':2147483648}", "type", "NUMBER_TYPE_MAX",
         "int value should be less than or equal to 2147483647."},
        {WIRE(message), "{'type':-2147483649}", "type", "NUMBER_TYPE_MIN",
         "int value should be greater than or equal to -2147483648."},
        {WIRE(attachment), "{'width':4294967295}"},
        {WIRE(attachment), "{'width':4294967296}", "width", "NUMBER_TYPE_MAX",
         "int value should be less than or equal to 4294967295."},
        {WIRE(attachment), "{'width':-1}", "width", "NUMBER_TYPE_MIN",
         "int value should be greater than or equal to 0."},
        {WIRE(attachment), "{'size':-1}", "size", "NUMBER_TYPE_MIN", "int value should be greater than or equal to 0."},
        {WIRE(create_channel_request), "{'name':'a','type':4}"},
        {WIRE(create_channel_request), "{'name':'a','type':1}", "type", "BASE_TYPE_CHOICES",
         "Value must be one of {0, 2, 4, 5}."},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(clamped_numbers_move_to_the_bound)
{
    static const struct {
        const char *json;
        int32_t value;
    } rows[] = {{"{'token':'t','large_threshold':49}", 50},
                {"{'token':'t','large_threshold':50}", 50},
                {"{'token':'t','large_threshold':9223372036854775807}", 250},
                {"{'token':'t','large_threshold':-9}", 50}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;
        reading_json(&r, WIRE(identify), rows[i].json);
        expect_leaf(&r, NULL, NULL, NULL);
        ck_assert_int_eq(((Hubbub__V1__Identify *)r.message)->large_threshold, rows[i].value);
        reading_finish(&r);
    }
}
END_TEST

START_TEST(strings_keep_their_limits)
{
    const struct row rows[] = {
        {WIRE(register_request), "{'username':'ab','password':'12345678'}"},
        {WIRE(register_request), "{'username':'a','password':'12345678'}", "username", "BASE_TYPE_BAD_LENGTH",
         "Must be between 2 and 32 in length."},
        {WIRE(register_request), "{'username':'  a  ','password':'12345678'}", "username", "BASE_TYPE_BAD_LENGTH",
         NULL},
        {WIRE(register_request), "{'username':'','password':'12345678'}", "username", "BASE_TYPE_BAD_LENGTH", NULL},
        {WIRE(register_request), "{'username':'0123456789012345678901234567890x','password':'12345678'}"},
        {WIRE(register_request), "{'username':'0123456789012345678901234567890xx','password':'12345678'}", "username",
         "BASE_TYPE_BAD_LENGTH", NULL},
        {WIRE(register_request), "{'password':'12345678'}", "username", "BASE_TYPE_REQUIRED", "This field is required"},
        {WIRE(register_request), "{'username':null,'password':'12345678'}", "username", "BASE_TYPE_REQUIRED",
         "This field is required"},
        {WIRE(register_request), "{'username':5,'password':'12345678'}", "username", "STRING_TYPE_CONVERT",
         "Could not interpret as string."},
        {WIRE(register_request), "{'username':{},'password':'12345678'}", "username", "STRING_TYPE_CONVERT", NULL},
        {WIRE(register_request), "{'username':'a\\u0000b','password':'12345678'}", "username", "STRING_TYPE_CONVERT",
         NULL},
        {WIRE(allowed_mentions), "{'parse':['roles','users','everyone']}"},
        {WIRE(allowed_mentions), "{'parse':['roles','all']}", "parse.1", "BASE_TYPE_CHOICES",
         "Value must be one of {'roles', 'users', 'everyone'}."},
        {WIRE(allowed_mentions), "{'parse':['roles','users','roles','users']}", "parse", "BASE_TYPE_MAX_LENGTH",
         "Must be 3 or fewer in length."},
        {WIRE(allowed_mentions), "{'parse':[null]}", "parse.0", "BASE_TYPE_REQUIRED", NULL},
        {WIRE(allowed_mentions), "{'parse':'roles'}", "parse", "LIST_TYPE_CONVERT",
         "Only iterables may be used in a list type"},
        {WIRE(allowed_mentions), "{'parse':null}", "parse", "BASE_TYPE_REQUIRED", NULL},
        {WIRE(identify), "{'token':'t','shard':[0]}", "shard", "BASE_TYPE_BAD_LENGTH",
         "Must be between 2 and 2 in length."},
        {WIRE(identify), "{'token':'t','shard':[0,1]}"},
        {WIRE(embed_footer), "{'text':''}", "text", "BASE_TYPE_REQUIRED", NULL},
        {WIRE(create_message_request), "{'nonce':'1234567890123456789012345'}"},
        {WIRE(create_message_request), "{'nonce':'12345678901234567890123456'}", "nonce", "BASE_TYPE_MAX_LENGTH",
         "Must be 25 or fewer in length."},
        {WIRE(create_message_request), "{'nonce':9223372036854775807}"},
        {WIRE(create_message_request), "{'nonce':1.5}", "nonce", "STRING_TYPE_CONVERT", NULL},
        {WIRE(create_message_request), "{'nonce':true}", "nonce", "STRING_TYPE_CONVERT", NULL},
        {WIRE(create_message_request), "{'content':7}", "content", "STRING_TYPE_CONVERT", NULL},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(ids_times_and_booleans_are_what_they_say)
{
    const struct row rows[] = {
        {WIRE(message_reference), "{'message_id':'9223372036854775807'}"},
        {WIRE(message_reference), "{'message_id':9223372036854775807}"},
        {WIRE(message_reference), "{'message_id':0}"},
        {WIRE(message_reference), "{'message_id':'9223372036854775808'}", "message_id", "NUMBER_TYPE_COERCE",
         "Value \"9223372036854775808\" is not snowflake."},
        {WIRE(message_reference), "{'message_id':9223372036854775808}", "message_id", "NUMBER_TYPE_COERCE", NULL},
        {WIRE(message_reference), "{'message_id':-1}", "message_id", "NUMBER_TYPE_COERCE",
         "Value \"-1\" is not snowflake."},
        {WIRE(message_reference), "{'message_id':'-0'}", "message_id", "NUMBER_TYPE_COERCE", NULL},
        {WIRE(message_reference), "{'message_id':1.0}", "message_id", "NUMBER_TYPE_COERCE", NULL},
        {WIRE(message_reference), "{'message_id':'12x'}", "message_id", "NUMBER_TYPE_COERCE",
         "Value \"12x\" is not snowflake."},
        {WIRE(message_reference), "{'message_id':'1\\u00002'}", "message_id", "NUMBER_TYPE_COERCE", NULL},
        {WIRE(message_reference), "{'message_id':''}", "message_id", "NUMBER_TYPE_COERCE", NULL},
        {WIRE(message_reference), "{'message_id':null}", "message_id", "BASE_TYPE_REQUIRED", NULL},
        {WIRE(message_reference), "{'fail_if_not_exists':1}", "fail_if_not_exists", "BOOLEAN_TYPE_CONVERT",
         "Must be either true or false."},
        {WIRE(message_reference), "{'fail_if_not_exists':'true'}", "fail_if_not_exists", "BOOLEAN_TYPE_CONVERT", NULL},
        {WIRE(put_overwrite_request), "{'allow':'9223372036854775807','deny':1024}"},
        {WIRE(put_overwrite_request), "{'allow':'9223372036854775808'}", "allow", "NUMBER_TYPE_COERCE",
         "Value \"9223372036854775808\" is not int."},
        {WIRE(put_overwrite_request), "{'allow':-1}", "allow", "NUMBER_TYPE_COERCE", NULL},
        {WIRE(put_overwrite_request), "{'allow':null}"},
        {WIRE(embed), "{'timestamp':'2026-11-24T01:02:03.456Z'}"},
        {WIRE(embed), "{'timestamp':'yesterday'}", "timestamp", "DATE_TIME_TYPE_PARSE",
         "Could not parse yesterday. Should be ISO8601."},
        {WIRE(embed), "{'timestamp':1795482123}", "timestamp", "DATE_TIME_TYPE_PARSE", NULL},
        {WIRE(embed), "{'timestamp':'2026-11-24T01:02:03Z\\u0000'}", "timestamp", "DATE_TIME_TYPE_PARSE", NULL},
    };
    CHECK_ROWS(rows);
}
END_TEST

START_TEST(times_are_read_to_the_millisecond)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2026-11-24T01:02:03.456000+00:00", 1795482123456},
        {"2026-11-24T01:02:03.4569999z", 1795482123456},
        {"2026-11-24 03:02:03.456+02:00", 1795482123456},
        {"2026-11-23T20:32:03.456-0430", 1795482123456},
        {"2026-11-24T01:02Z", 1795482120000},
        {"2000-02-29T00:00:00Z", 951782400000},
        {"1900-02-29T00:00:00Z", -1},
        {"2026-02-29T00:00:00Z", -1},
        {"2026-13-01T00:00:00Z", -1},
        {"2026-00-01T00:00:00Z", -1},
        {"2026-01-32T00:00:00Z", -1},
        {"2026-01-01T24:00:00Z", -1},
        {"2026-01-01T00:60:00Z", -1},
        {"2026-01-01T00:00:00", -1},
        {"2026-01-01T00:00:00.Z", -1},
        {"2026-01-01T00:00:00.1234567890Z", -1},
        {"2026-01-01T00:00:00+1", -1},
        {"2026-01-01T00:00:00Zx", -1},
        {"2026-01-01", -1},
        {"", -1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;
        reading_start(&r);
        Hubbub__V1__Embed e = HUBBUB__V1__EMBED__INIT;
        wire_read_text(WIRE(embed), &e.base, "timestamp", rows[i].text, &r.errors, r.arena);
        ck_assert_msg(r.errors.n == (rows[i].ms < 0), "%s", rows[i].text);
        ck_assert_int_eq(e.has_timestamp, rows[i].ms >= 0);
        if (rows[i].ms >= 0)
            ck_assert_int_eq(e.timestamp, rows[i].ms);
        reading_finish(&r);
    }
}
END_TEST

static void content_of(const char *character, size_t n, bool fits)
{
    struct buf b = {0};
    struct reading r;
    buf_puts(&b, "{\"content\":\"");
    for (size_t i = 0; i < n; i++)
        buf_puts(&b, character);
    buf_puts(&b, "\"}");
    reading_text(&r, WIRE(create_message_request), b.data, b.len);
    expect_leaf(&r, "content", fits ? NULL : "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.");
    reading_finish(&r);
    buf_finish(&b);
}

START_TEST(length_is_counted_in_code_points)
{
    static const char *const characters[] = {"a",  "\xc3\xa9", "\xe6\xbc\xa2", "\xf0\x9f\x98\x80", "\\ud83d\\ude00",
                                             "\\n"};
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++) {
        content_of(characters[i], 2000, true);
        content_of(characters[i], 2001, false);
    }
}
END_TEST

START_TEST(trim_cuts_white_space_of_any_script)
{
    struct reading r;
    reading_json(&r, WIRE(edit_channel_request), "{'name':' \\t\\u3000\\u00a0a b\\u2003\\ufeff\\n'}");
    expect_leaf(&r, NULL, NULL, NULL);
    ck_assert_str_eq(((Hubbub__V1__EditChannelRequest *)r.message)->name, "a b");
    reading_finish(&r);
    reading_json(&r, WIRE(edit_channel_request), "{'name':' \\u3000 '}");
    expect_leaf(&r, "name", "BASE_TYPE_BAD_LENGTH", NULL);
    reading_finish(&r);
}
END_TEST

START_TEST(present_holds_every_key_that_came)
{
    struct reading r;
    reading_json(&r, WIRE(edit_channel_request),
                 "{'topic':null,'parent_id':null,'nsfw':true,'unknown':1,'present':[1],'position':3}");
    const Hubbub__V1__EditChannelRequest *e = (const Hubbub__V1__EditChannelRequest *)r.message;
    expect_leaf(&r, NULL, NULL, NULL);
    ck_assert_uint_eq(e->n_present, 4);
    ck_assert(WIRE_PRESENT_IN(e, 4) && WIRE_PRESENT_IN(e, 5) && WIRE_PRESENT_IN(e, 7) && WIRE_PRESENT_IN(e, 8));
    ck_assert(!WIRE_PRESENT_IN(e, 2));
    ck_assert(!e->has_parent_id && !e->topic && e->has_nsfw && e->nsfw && e->position == 3);
    /* A parameter is no key of the body. */
    wire_read_text(WIRE(edit_channel_request), r.message, "channel_id", "77", &r.errors, r.arena);
    ck_assert_uint_eq(e->n_present, 4);
    ck_assert_uint_eq(e->channel_id, 77);
    reading_finish(&r);
    /* An empty string is null where null may be. */
    reading_json(&r, WIRE(edit_channel_request), "{'topic':''}");
    e = (const Hubbub__V1__EditChannelRequest *)r.message;
    expect_leaf(&r, NULL, NULL, NULL);
    ck_assert(!e->topic && WIRE_PRESENT_IN(e, 4));
    reading_finish(&r);
}
END_TEST

START_TEST(hidden_fields_cannot_be_sent)
{
    struct reading r;
    reading_json(&r, WIRE(create_message_request), "{'uploaded':[{'id':1}],'uploaded_index':[1]}");
    const Hubbub__V1__CreateMessageRequest *m = (const Hubbub__V1__CreateMessageRequest *)r.message;
    wire_read_text(WIRE(create_message_request), r.message, "uploaded_index", "1", &r.errors, r.arena);
    wire_read_text(WIRE(create_message_request), r.message, "embeds", "1", &r.errors, r.arena);
    wire_read_field(r.json, WIRE(create_message_request), r.message, "uploaded", &r.errors, r.arena);
    expect_leaf(&r, NULL, NULL, NULL);
    ck_assert_uint_eq(m->n_uploaded + m->n_uploaded_index + m->n_embeds, 0);
    reading_finish(&r);
}
END_TEST

START_TEST(nested_faults_carry_their_path)
{
    struct reading r;
    reading_json(&r, WIRE(create_message_request),
                 "{'embeds':[{'title':'ok'},{'fields':[{'name':'n','value':'v','inline':true},{'name':'n'}],"
                 "'color':16777216,'footer':'x'},7,null],'allowed_mentions':{'roles':['1','x']}}");
    static const char *const expected[][2] = {
        {"embeds.1.color", "NUMBER_TYPE_MAX"},
        {"embeds.1.footer", "MODEL_TYPE_CONVERT"},
        {"embeds.1.fields.1.value", "BASE_TYPE_REQUIRED"},
        {"embeds.2", "MODEL_TYPE_CONVERT"},
        {"embeds.3", "BASE_TYPE_REQUIRED"},
        {"allowed_mentions.roles.1", "NUMBER_TYPE_COERCE"},
    };
    ck_assert_uint_eq(r.errors.n, sizeof expected / sizeof *expected);
    for (unsigned i = 0; i < r.errors.n; i++) {
        ck_assert_str_eq(r.errors.leaves[i]->path, expected[i][0]);
        ck_assert_str_eq(r.errors.leaves[i]->code, expected[i][1]);
    }
    const Hubbub__V1__CreateMessageRequest *m = (const Hubbub__V1__CreateMessageRequest *)r.message;
    ck_assert_uint_eq(m->n_embeds, 2);
    ck_assert_uint_eq(m->embeds[1]->n_fields, 2);
    ck_assert(m->embeds[1]->fields[0]->inline_);
    ck_assert_uint_eq(m->allowed_mentions->n_roles, 1);
    ck_assert(WIRE_PRESENT_IN(m->allowed_mentions, 2));
    reading_finish(&r);
}
END_TEST

START_TEST(leaves_stop_at_a_hundred_and_long_lists_at_their_length)
{
    struct buf b = {0};
    struct reading r;
    buf_puts(&b, "{\"permission_overwrites\":[");
    for (int i = 0; i < 1000; i++)
        buf_puts(&b, i ? ",{\"type\":9}" : "{\"type\":9}");
    buf_puts(&b, "]}");
    reading_text(&r, WIRE(edit_channel_request), b.data, b.len);
    ck_assert_uint_eq(r.errors.n, 100);
    ck_assert_str_eq(r.errors.leaves[99]->path, "permission_overwrites.99.type");
    reading_finish(&r);
    b.len -= 2;
    buf_puts(&b, ",1]}");
    reading_text(&r, WIRE(edit_channel_request), b.data, b.len);
    expect_leaf(&r, "permission_overwrites", "BASE_TYPE_MAX_LENGTH", "Must be 1000 or fewer in length.");
    reading_finish(&r);
    buf_finish(&b);
}
END_TEST

START_TEST(a_body_that_is_no_object_is_one_fault)
{
    static const char *const bodies[] = {"[]", "7", "null", "'x'"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct reading r;
        reading_json(&r, WIRE(register_request), bodies[i]);
        expect_leaf(&r, "", "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a model type");
        ck_assert_ptr_nonnull(r.message);
        reading_finish(&r);
    }
}
END_TEST

static void read_positions(struct reading *r, Hubbub__V1__ReorderChannelsRequest *m, const char *json)
{
    reading_start(r);
    const char *text = quoted(r->arena, json);
    ck_assert_int_eq(wire_parse(text, strlen(text), &r->json), ST_OK);
    *m = (Hubbub__V1__ReorderChannelsRequest)HUBBUB__V1__REORDER_CHANNELS_REQUEST__INIT;
    wire_read_field(r->json, WIRE(reorder_channels_request), &m->base, "positions", &r->errors, r->arena);
}

START_TEST(a_body_may_be_one_field)
{
    struct reading r;
    Hubbub__V1__ReorderChannelsRequest m;
    read_positions(&r, &m, "[{'id':'1','position':2},{'id':3,'parent_id':null}]");
    expect_leaf(&r, NULL, NULL, NULL);
    ck_assert_uint_eq(m.n_positions, 2);
    ck_assert_uint_eq(m.positions[1]->id, 3);
    ck_assert(WIRE_PRESENT_IN(m.positions[1], 3) && !WIRE_PRESENT_IN(m.positions[1], 2));
    reading_finish(&r);
    read_positions(&r, &m, "[{'position':2}]");
    expect_leaf(&r, "0.id", "BASE_TYPE_REQUIRED", NULL);
    reading_finish(&r);
    read_positions(&r, &m, "{}");
    expect_leaf(&r, "", "LIST_TYPE_CONVERT", NULL);
    reading_finish(&r);
}
END_TEST

START_TEST(parameters_are_text_of_any_type)
{
    static const struct {
        const char *name, *text, *code;
    } rows[] = {
        {"limit", "1", NULL},
        {"limit", "100", NULL},
        {"limit", "0", "NUMBER_TYPE_MIN"},
        {"limit", "101", "NUMBER_TYPE_MAX"},
        {"limit", "", "NUMBER_TYPE_COERCE"},
        {"limit", "1.0", "NUMBER_TYPE_COERCE"},
        {"before", "0", NULL},
        {"before", "junk", "NUMBER_TYPE_COERCE"},
        {"unknown", "junk", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;
        Hubbub__V1__ListMessagesRequest m = HUBBUB__V1__LIST_MESSAGES_REQUEST__INIT;
        reading_start(&r);
        wire_read_text(WIRE(list_messages_request), &m.base, rows[i].name, rows[i].text, &r.errors, r.arena);
        expect_leaf(&r, rows[i].name, rows[i].code, NULL);
        reading_finish(&r);
    }
}
END_TEST

START_TEST(required_fields_may_come_from_anywhere)
{
    struct reading r;
    reading_start(&r);
    ck_assert_int_eq(wire_parse("{\"guild_id\":\"2\"}", 16, &r.json), ST_OK);
    wire_read(r.json, WIRE(authorize_request), &r.errors, r.arena, &r.message);
    expect_leaf(&r, NULL, NULL, NULL);
    wire_check_required(WIRE(authorize_request), r.message, &r.errors);
    expect_leaf(&r, "client_id", "BASE_TYPE_REQUIRED", NULL);
    r.errors.n = 0;
    wire_read_text(WIRE(authorize_request), r.message, "client_id", "1", &r.errors, r.arena);
    wire_check_required(WIRE(authorize_request), r.message, &r.errors);
    expect_leaf(&r, NULL, NULL, NULL);
    reading_finish(&r);
}
END_TEST

START_TEST(boolean_parameters_have_six_spellings)
{
    static const struct {
        const char *text;
        int value; /* -1: refused */
    } rows[] = {{"true", 1}, {"True", 1},  {"1", 1}, {"false", 0}, {"False", 0},
                {"0", 0},    {"TRUE", -1}, {"", -1}, {"2", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reading r;
        Hubbub__V1__InviteRequest m = HUBBUB__V1__INVITE_REQUEST__INIT;
        reading_start(&r);
        wire_read_text(WIRE(invite_request), &m.base, "with_counts", rows[i].text, &r.errors, r.arena);
        expect_leaf(&r, "with_counts", rows[i].value < 0 ? "BOOLEAN_TYPE_CONVERT" : NULL, NULL);
        ck_assert_int_eq(m.has_with_counts, rows[i].value >= 0);
        ck_assert_int_eq(m.with_counts, rows[i].value == 1);
        reading_finish(&r);
    }
}
END_TEST

START_TEST(repeated_parameters_append_up_to_the_limit)
{
    struct reading r;
    reading_start(&r);
    Hubbub__V1__RequestMembers m = HUBBUB__V1__REQUEST_MEMBERS__INIT;
    for (int i = 0; i < 100; i++)
        wire_read_text(WIRE(request_members), &m.base, "user_ids", arena_printf(r.arena, "%d", i), &r.errors, r.arena);
    expect_leaf(&r, NULL, NULL, NULL);
    ck_assert_uint_eq(m.n_user_ids, 100);
    ck_assert_uint_eq(m.user_ids[99], 99);
    wire_read_text(WIRE(request_members), &m.base, "user_ids", "1", &r.errors, r.arena);
    expect_leaf(&r, "user_ids", "BASE_TYPE_MAX_LENGTH", NULL);
    Hubbub__V1__InviteRequest invite = HUBBUB__V1__INVITE_REQUEST__INIT;
    wire_read_text(WIRE(invite_request), &invite.base, "code", "\xff", &r.errors, r.arena);
    ck_assert_str_eq(r.errors.leaves[1]->code, "STRING_TYPE_CONVERT");
    reading_finish(&r);
}
END_TEST

START_TEST(raw_is_any_json_stored_compact)
{
    struct reading r;
    reading_json(&r, WIRE(identify), "{ 'token':'t', 'compress': [ {'name' : 'x', 'n': 1.5}, null, true ] }");
    const Hubbub__V1__Identify *p = (const Hubbub__V1__Identify *)r.message;
    expect_leaf(&r, NULL, NULL, NULL);
    ck_assert_str_eq(arena_strndup(r.arena, (const char *)p->compress.data, p->compress.len),
                     "[{\"name\":\"x\",\"n\":1.5},null,true]");
    reading_finish(&r);
    reading_json(&r, WIRE(identify), "{'token':'t','compress':null}");
    expect_leaf(&r, NULL, NULL, NULL);
    ck_assert(!((const Hubbub__V1__Identify *)r.message)->has_compress);
    reading_finish(&r);
}
END_TEST

/* A table of our own, with a bound that a test can reach. */
START_TEST(images_are_data_urls)
{
    static const struct wire_field fields[] = {
        {.key = "avatar", .form = WIRE_IMAGE, .flags = WIRE_NULLABLE, .max_len = 4}};
    const struct wire_message wire = {&hubbub__v1__find_user_request__descriptor, fields};
    const struct row rows[] = {
        {&wire, "{'avatar':'data:image/png;base64,AAAA'}"},
        {&wire, "{'avatar':'data:image/webp;base64,AAAAAA=='}"},
        {&wire, "{'avatar':null}"},
        {&wire, "{'avatar':'data:image/png;base64,AAAAAAA='}", "avatar", "BINARY_TYPE_MAX_SIZE",
         "File cannot be larger than 0.0 kb."},
        {&wire, "{'avatar':'data:image/bmp;base64,AAAA'}", "avatar", "IMAGE_INVALID", "Invalid image data"},
        {&wire, "{'avatar':'data:image/png;base64,'}", "avatar", "IMAGE_INVALID", NULL},
        {&wire, "{'avatar':'data:image/png;base64,AAA'}", "avatar", "IMAGE_INVALID", NULL},
        {&wire, "{'avatar':'data:image/png;base64,AA!A'}", "avatar", "IMAGE_INVALID", NULL},
        {&wire, "{'avatar':'data:image/png;base64,A==='}", "avatar", "IMAGE_INVALID", NULL},
        {&wire, "{'avatar':'https://x'}", "avatar", "IMAGE_INVALID", NULL},
        {&wire, "{'avatar':1}", "avatar", "STRING_TYPE_CONVERT", NULL},
    };
    CHECK_ROWS(rows);
}
END_TEST

int main(void)
{
    static const TTest *const *const tests[] = {
        &numbers_keep_their_limits,
        &clamped_numbers_move_to_the_bound,
        &strings_keep_their_limits,
        &ids_times_and_booleans_are_what_they_say,
        &times_are_read_to_the_millisecond,
        &length_is_counted_in_code_points,
        &trim_cuts_white_space_of_any_script,
        &present_holds_every_key_that_came,
        &hidden_fields_cannot_be_sent,
        &nested_faults_carry_their_path,
        &leaves_stop_at_a_hundred_and_long_lists_at_their_length,
        &a_body_that_is_no_object_is_one_fault,
        &a_body_may_be_one_field,
        &parameters_are_text_of_any_type,
        &required_fields_may_come_from_anywhere,
        &boolean_parameters_have_six_spellings,
        &repeated_parameters_append_up_to_the_limit,
        &raw_is_any_json_stored_compact,
        &images_are_data_urls,
    };
    return run_tests("wire_read", tests, sizeof tests / sizeof *tests);
}
