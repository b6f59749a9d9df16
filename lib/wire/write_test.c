/* Writing: every form, what is left out and what is not, and that any text and any number comes out as JSON. */
#include "hubbub/v1/channels.hub.h"
#include "hubbub/v1/feeds.hub.h"
#include "hubbub/v1/gateway.hub.h"
#include "hubbub/v1/messages.hub.h"
#include "lib/wire/testing.h"
#include <jansson.h>

#define WRITE(b, prefix, message) wire_write((b), &prefix##__wire, &(message)->base)

START_TEST(unset_fields_follow_their_rule)
{
    Hubbub__V1__Channel c = HUBBUB__V1__CHANNEL__INIT;
    struct buf b = {0};
    WRITE(&b, hubbub__v1__channel, &c);
    expect_json(&b,
                "{'id':'0','type':0,'position':0,'permission_overwrites':[],'parent_id':null,'topic':null,'nsfw':false,"
                "'last_message_id':null,'rtc_region':null,'flags':0,'last_pin_timestamp':null,'icon':null}");
}
END_TEST

START_TEST(set_fields_come_in_the_order_of_their_numbers)
{
    Hubbub__V1__Overwrite o = HUBBUB__V1__OVERWRITE__INIT, *list[] = {&o, &o};
    Hubbub__V1__Channel c = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&o, id, UINT64_C(9223372036854775807));
    PB_SET(&o, type, 1);
    PB_SET(&o, allow, UINT64_MAX);
    PB_SET(&c, id, 41771983423143936);
    PB_SET(&c, type, 2);
    PB_SET(&c, guild_id, 7);
    c.name = "general";
    PB_SET(&c, position, -3);
    c.permission_overwrites = list;
    c.n_permission_overwrites = 2;
    PB_SET(&c, parent_id, 0);
    c.topic = "";
    PB_SET(&c, nsfw, 1);
    PB_SET(&c, bitrate, INT32_MIN);
    PB_SET(&c, flags, UINT64_MAX);
    PB_SET(&c, last_pin_timestamp, 1795482123456);
    struct buf b = {0};
    WRITE(&b, hubbub__v1__channel, &c);
    expect_json(
        &b, "{'id':'41771983423143936','type':2,'guild_id':'7','name':'general','position':-3,'permission_overwrites':["
            "{'id':'9223372036854775807','type':1,'allow':'18446744073709551615','deny':'0'},"
            "{'id':'9223372036854775807','type':1,'allow':'18446744073709551615','deny':'0'}],"
            "'parent_id':'0','topic':null,'nsfw':true,'last_message_id':null,'bitrate':-2147483648,'rtc_region':null,"
            "'flags':18446744073709551615,'last_pin_timestamp':'2026-11-24T01:02:03.456000+00:00',"
            "'icon':null}");
}
END_TEST

START_TEST(defaults_of_the_proto_are_written)
{
    Hubbub__V1__Embed e = HUBBUB__V1__EMBED__INIT;
    Hubbub__V1__PresenceUpdated p = HUBBUB__V1__PRESENCE_UPDATED__INIT;
    Hubbub__V1__Me me = HUBBUB__V1__ME__INIT;
    struct buf b = {0};
    WRITE(&b, hubbub__v1__embed, &e);
    expect_json(&b, "{'type':'rich'}");
    b = (struct buf){0};
    WRITE(&b, hubbub__v1__presence_updated, &p);
    expect_json(&b, "{'status':'','activities':[]}");
    b = (struct buf){0};
    WRITE(&b, hubbub__v1__me, &me);
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "\"discriminator\":\"0\""));
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "\"locale\":\"en-US\""));
    buf_finish(&b);
}
END_TEST

START_TEST(inline_message_stands_in_its_parent)
{
    Hubbub__V1__User u = HUBBUB__V1__USER__INIT;
    Hubbub__V1__Member m = HUBBUB__V1__MEMBER__INIT;
    Hubbub__V1__GuildMember g = HUBBUB__V1__GUILD_MEMBER__INIT;
    PB_SET(&u, id, 5);
    m.user = &u;
    struct buf b = {0};
    WRITE(&b, hubbub__v1__guild_member, &g);
    expect_json(&b, "{'guild_id':'0'}");
    g.member = &m;
    PB_SET(&g, guild_id, 9);
    b = (struct buf){0};
    WRITE(&b, hubbub__v1__guild_member, &g);
    const char *head = "{\"guild_id\":\"9\",\"user\":{\"id\":\"5\",\"username\":\"\"";
    ck_assert_int_eq(strncmp(buf_str(&b), head, strlen(head)), 0);
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "\"nick\":null,\"avatar\":null"));
    buf_finish(&b);
    /* First in its parent: no comma stands before. */
    Hubbub__V1__Guild guild = HUBBUB__V1__GUILD__INIT;
    Hubbub__V1__GuildCreated created = HUBBUB__V1__GUILD_CREATED__INIT;
    created.guild = &guild;
    b = (struct buf){0};
    WRITE(&b, hubbub__v1__guild_created, &created);
    ck_assert_int_eq(strncmp(buf_str(&b), "{\"id\":\"0\",", 10), 0);
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "\"joined_at\":\"1970-01-01T00:00:00.000000+00:00\""));
    buf_finish(&b);
}
END_TEST

START_TEST(empty_arrays_stay_unless_the_rule_omits_them)
{
    Hubbub__V1__MembersChunk m = HUBBUB__V1__MEMBERS_CHUNK__INIT;
    struct buf b = {0};
    WRITE(&b, hubbub__v1__members_chunk, &m);
    expect_json(&b, "{'guild_id':'0','members':[],'chunk_index':0,'chunk_count':0}");
    m.not_found = (uint64_t[]){3, 4};
    m.n_not_found = 2;
    b = (struct buf){0};
    WRITE(&b, hubbub__v1__members_chunk, &m);
    expect_json(&b, "{'guild_id':'0','members':[],'chunk_index':0,'chunk_count':0,'not_found':['3','4']}");
}
END_TEST

START_TEST(hidden_and_present_fields_never_show)
{
    Hubbub__V1__Attachment a = HUBBUB__V1__ATTACHMENT__INIT;
    Hubbub__V1__EditChannelRequest e = HUBBUB__V1__EDIT_CHANNEL_REQUEST__INIT;
    a.store_key = "secret";
    e.present = (uint32_t[]){2};
    e.n_present = 1;
    struct buf b = {0};
    WRITE(&b, hubbub__v1__attachment, &a);
    WRITE(&b, hubbub__v1__edit_channel_request, &e);
    wire_write_field(&b, &hubbub__v1__attachment__wire, &a.base, "store_key");
    ck_assert_ptr_null(strstr(buf_str(&b), "secret"));
    ck_assert_ptr_null(strstr(buf_str(&b), "present"));
    buf_finish(&b);
}
END_TEST

START_TEST(raw_is_spliced_and_one_field_is_written_alone)
{
    Hubbub__V1__MessagePage page = HUBBUB__V1__MESSAGE_PAGE__INIT;
    Hubbub__V1__ChannelList list = HUBBUB__V1__CHANNEL_LIST__INIT;
    PB_SET(&page, messages, ((ProtobufCBinaryData){9, (uint8_t *)"[{\"a\":1}]"}));
    struct buf b = {0};
    wire_write_field(&b, &hubbub__v1__message_page__wire, &page.base, "messages");
    expect_json(&b, "[{'a':1}]");
    b = (struct buf){0};
    wire_write_field(&b, &hubbub__v1__channel_list__wire, &list.base, "channels");
    wire_write_field(&b, &hubbub__v1__channel_list__wire, &list.base, "no_such_field");
    expect_json(&b, "[]null");
}
END_TEST

START_TEST(text_is_escaped_and_bad_utf8_replaced)
{
    static const struct {
        const char *text, *json;
    } rows[] = {
        {"", "\"\""},
        {"plain", "\"plain\""},
        {"a\"b\\c/d", "\"a\\\"b\\\\c/d\""},
        {"\b\t\n\f\r\x01\x1f\x7f", "\"\\b\\t\\n\\f\\r\\u0001\\u001f\x7f\""},
        {"\xe2\x82\xac \xf0\x9f\x98\x80 \xe6\xbc\xa2", "\"\xe2\x82\xac \xf0\x9f\x98\x80 \xe6\xbc\xa2\""},
        {"a\xff"
         "b",
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},                                 /* overlong */
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},                 /* a surrogate */
        {"\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* past U+10FFFF */
        {"cut \xf0\x9f\x98", "\"cut \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct buf b = {0};
        wire_write_string(&b, rows[i].text);
        ck_assert_str_eq(buf_str(&b), rows[i].json);
        json_t *back = json_loads(buf_str(&b), JSON_DECODE_ANY, NULL);
        ck_assert_ptr_nonnull(back);
        json_decref(back);
        buf_finish(&b);
    }
}
END_TEST

START_TEST(times_of_any_number_are_dates)
{
    static const struct {
        int64_t ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000+00:00"},
        {-1, "1969-12-31T23:59:59.999000+00:00"},
        {951782400000, "2000-02-29T00:00:00.000000+00:00"},
        {4107542399999, "2100-02-28T23:59:59.999000+00:00"},
        {4107542400000, "2100-03-01T00:00:00.000000+00:00"},
        {INT64_MAX, "9999-12-31T23:59:59.999000+00:00"},
        {INT64_MIN, "0001-01-01T00:00:00.000000+00:00"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        Hubbub__V1__Embed e = HUBBUB__V1__EMBED__INIT;
        struct buf b = {0};
        PB_SET(&e, timestamp, rows[i].ms);
        wire_write_field(&b, &hubbub__v1__embed__wire, &e.base, "timestamp");
        ck_assert_int_eq(strncmp(buf_str(&b) + 1, rows[i].text, strlen(rows[i].text)), 0);
        buf_finish(&b);
    }
}
END_TEST

START_TEST(event_tells_its_field)
{
    Hubbub__V1__Event e = HUBBUB__V1__EVENT__INIT;
    Hubbub__V1__TypingStarted t = HUBBUB__V1__TYPING_STARTED__INIT;
    const ProtobufCMessage *m = NULL;
    ck_assert_ptr_null(wire_event_field(&hubbub__v1__event__wire, &e.base, &m));
    e.typing_start = &t;
    const struct wire_field *f = wire_event_field(&hubbub__v1__event__wire, &e.base, &m);
    ck_assert_str_eq(f->dispatch, "TYPING_START");
    ck_assert_int_eq(f->intent, 11);
    ck_assert_int_eq(f->dm_intent, 14);
    ck_assert_ptr_eq(m, &t.base);
    ck_assert_ptr_eq(f->message, &hubbub__v1__typing_started__wire);
    Hubbub__V1__Event u = HUBBUB__V1__EVENT__INIT;
    u.user_update = &(Hubbub__V1__User)HUBBUB__V1__USER__INIT;
    f = wire_event_field(&hubbub__v1__event__wire, &u.base, &m);
    ck_assert_str_eq(f->dispatch, "USER_UPDATE");
    ck_assert_int_eq(f->intent, -1);
    Hubbub__V1__Event g = HUBBUB__V1__EVENT__INIT;
    g.guild_left = &(Hubbub__V1__GuildMembership)HUBBUB__V1__GUILD_MEMBERSHIP__INIT;
    ck_assert_ptr_null(wire_event_field(&hubbub__v1__event__wire, &g.base, &m)->dispatch);
}
END_TEST

int main(void)
{
    static const TTest *const *const tests[] = {
        &unset_fields_follow_their_rule,
        &set_fields_come_in_the_order_of_their_numbers,
        &defaults_of_the_proto_are_written,
        &inline_message_stands_in_its_parent,
        &empty_arrays_stay_unless_the_rule_omits_them,
        &hidden_and_present_fields_never_show,
        &raw_is_spliced_and_one_field_is_written_alone,
        &text_is_escaped_and_bad_utf8_replaced,
        &times_of_any_number_are_dates,
        &event_tells_its_field,
    };
    return run_tests("wire_write", tests, sizeof tests / sizeof *tests);
}
