/* The service Pins against a real PostgreSQL: who may pin, the three events of a pin, 250 and no more, exact pages. */
#include "lib/base/log.h"
#include "services/chat/message_content.h"
#include "services/chat/testing/fixture.h"
#include "tests/support/postgres.h"
#include <check.h>
#include <string.h>

static struct fixture fixture;
static struct call *call; /* of the last request */

static void set_up(void)
{
    fixture_init(&fixture);
}

static void tear_down(void)
{
    call_fake_destroy(call);
    call = NULL;
    fixture_finish(&fixture);
}

static struct call *as(uint64_t user_id)
{
    call_fake_destroy(call);
    return call = fixture_call(&fixture, user_id);
}

static uint64_t send(const char *content)
{
    uint64_t id = 0;
    ck_assert_int_eq(fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, content, NULL, &id), ST_OK);
    return id;
}

static Hubbub__V1__MessageRequest request(uint64_t id)
{
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, message_id, id);
    return req;
}

static status pin(uint64_t user, uint64_t id)
{
    Hubbub__V1__MessageRequest req = request(id);
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    return pins_handlers.add(as(user), &req, &empty);
}

static status unpin(uint64_t user, uint64_t id)
{
    Hubbub__V1__MessageRequest req = request(id);
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    return pins_handlers.remove(as(user), &req, &empty);
}

static const Hubbub__V1__Event *event(size_t i)
{
    Hubbub__V1__FeedEntry *const *entries;
    size_t n = call_fake_entries(call, &entries, NULL);
    return i < n ? entries[i]->event : NULL;
}

static Hubbub__V1__PinPage page(uint64_t user, int64_t before, int limit)
{
    Hubbub__V1__ListPinsRequest req = HUBBUB__V1__LIST_PINS_REQUEST__INIT;
    Hubbub__V1__PinPage p = HUBBUB__V1__PIN_PAGE__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, limit, limit);
    if (before)
        PB_SET(&req, before, before);
    ck_assert_int_eq(pins_handlers.list(as(user), &req, &p), ST_OK);
    return p;
}

START_TEST(a_pin_is_told_three_times)
{
    uint64_t id = send("keep this");
    ck_assert_int_eq(pin(FIXTURE_OWNER, id), ST_OK);
    ck_assert_uint_eq(event(0)->message_update->id, id);
    ck_assert(event(0)->message_update->pinned);
    const Hubbub__V1__PinsUpdated *pins = event(1)->pins_update;
    ck_assert_uint_eq(pins->channel_id, FIXTURE_CHANNEL);
    ck_assert_uint_eq(pins->guild_id, FIXTURE_GUILD);
    ck_assert(pins->last_pin_timestamp);
    const Hubbub__V1__Message *m = event(2)->message_create;
    ck_assert_int_eq(m->type, MESSAGE_CHANNEL_PINNED_MESSAGE);
    ck_assert_uint_gt(m->id, id);
    ck_assert_uint_eq(m->author->id, FIXTURE_OWNER);
    ck_assert_uint_eq(m->message_reference->message_id, id);
    uint64_t next = send("after it");
    ck_assert_uint_gt(next, m->id); /* ids follow the feed */
    int64_t last = pins->last_pin_timestamp;
    ck_assert_int_eq(pin(FIXTURE_OWNER, id), ST_OK);
    ck_assert_ptr_null(event(0)); /* it was one already */
    Hubbub__V1__ChannelRequest channel = HUBBUB__V1__CHANNEL_REQUEST__INIT;
    Hubbub__V1__Channel c = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&channel, channel_id, FIXTURE_CHANNEL);
    ck_assert_int_eq(channels_handlers.get(as(FIXTURE_MEMBER), &channel, &c), ST_OK);
    ck_assert_int_eq(c.last_pin_timestamp, last);
    ck_assert_int_eq(unpin(FIXTURE_OWNER, id), ST_OK);
    ck_assert(!event(0)->message_update->pinned);
    ck_assert_int_eq(event(1)->pins_update->last_pin_timestamp, last);
    ck_assert_int_eq(unpin(FIXTURE_OWNER, id), ST_OK);
    ck_assert_ptr_null(event(0));
}
END_TEST

START_TEST(the_feed_tells_the_same_again)
{
    uint64_t id = send("keep this");
    ck_assert_int_eq(pin(FIXTURE_OWNER, id), ST_OK);
    Hubbub__V1__ReadFeedRequest req = HUBBUB__V1__READ_FEED_REQUEST__INIT;
    Hubbub__V1__ReadFeedResponse resp = HUBBUB__V1__READ_FEED_RESPONSE__INIT;
    PB_SET(&req, scope_id, FIXTURE_GUILD);
    PB_SET(&req, after, 0);
    ck_assert_int_eq(feeds_handlers.read(as(0), &req, &resp), ST_OK);
    ck_assert_uint_ge(resp.n_entries, 4);
    ck_assert(resp.entries[1]->event->message_update->pinned);
    ck_assert_uint_eq(resp.entries[2]->event->pins_update->channel_id, FIXTURE_CHANNEL);
    ck_assert_int_eq(resp.entries[3]->event->message_create->type, MESSAGE_CHANNEL_PINNED_MESSAGE);
    ck_assert_uint_eq(resp.entries[3]->event->message_create->message_reference->message_id, id);
}
END_TEST

START_TEST(permissions_decide)
{
    uint64_t id = send("text");
    ck_assert_int_eq(pin(FIXTURE_MEMBER, id), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(pin(FIXTURE_STRANGER, id), ST_MISSING_ACCESS);
    fixture_exec(&fixture, "UPDATE roles SET permissions = 1024|(1::bigint<<51) WHERE id = 1000");
    ck_assert_int_eq(pin(FIXTURE_MEMBER, id), ST_OK);          /* PIN_MESSAGES */
    ck_assert_uint_eq(page(FIXTURE_MEMBER, 0, 50).n_items, 0); /* no READ_MESSAGE_HISTORY: nothing is shown */
    fixture_exec(&fixture, "UPDATE roles SET permissions = 1024|8192 WHERE id = 1000");
    ck_assert_int_eq(unpin(FIXTURE_MEMBER, id), ST_OK); /* MANAGE_MESSAGES */
    ck_assert_int_eq(pin(FIXTURE_OWNER, id + 1), ST_UNKNOWN_MESSAGE);
    fixture_exec(&fixture, "UPDATE messages SET type = 6");
    ck_assert_int_eq(pin(FIXTURE_OWNER, id), ST_SYSTEM_MESSAGE);
}
END_TEST

START_TEST(pages_end_where_the_next_begins)
{
    uint64_t ids[5];
    for (int i = 0; i < 5; i++)
        ids[i] = send("text");
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(pin(FIXTURE_OWNER, ids[i]), ST_OK);
    Hubbub__V1__PinPage p = page(FIXTURE_MEMBER, 0, 2);
    ck_assert_uint_eq(p.n_items, 2);
    ck_assert(p.has_more);
    ck_assert_uint_eq(p.items[0]->message->id, ids[4]);
    ck_assert(p.items[0]->message->pinned);
    p = page(FIXTURE_MEMBER, p.items[1]->pinned_at, 3);
    ck_assert_uint_eq(p.n_items, 3);
    ck_assert(!p.has_more);
    ck_assert_uint_eq(p.items[0]->message->id, ids[2]);
    ck_assert_uint_eq(p.items[2]->message->id, ids[0]);
    Hubbub__V1__AllPinsRequest req = HUBBUB__V1__ALL_PINS_REQUEST__INIT;
    Hubbub__V1__MessageList list = HUBBUB__V1__MESSAGE_LIST__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    ck_assert_int_eq(pins_handlers.list_all(as(FIXTURE_MEMBER), &req, &list), ST_OK);
    ck_assert_uint_eq(list.n_messages, 5);
    ck_assert_uint_eq(list.messages[0]->id, ids[4]);
}
END_TEST

START_TEST(no_more_than_250)
{
    uint64_t id = send("one too many");
    fixture_exec(&fixture, "INSERT INTO messages (channel_id, id, author_id, content, pinned_at) SELECT 1001, n, 102, "
                           "'text', now() FROM generate_series(1, 250) n");
    ck_assert_int_eq(pin(FIXTURE_OWNER, id), ST_MAX_PINS);
    ck_assert_int_eq(unpin(FIXTURE_OWNER, 7), ST_OK);
    ck_assert_int_eq(pin(FIXTURE_OWNER, id), ST_OK);
}
END_TEST

int main(void)
{
    log_init("handle_pins_test", "error");
    postgres_start();
    TCase *t = tcase_create("pins");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_pin_is_told_three_times);
    tcase_add_test(t, the_feed_tells_the_same_again);
    tcase_add_test(t, permissions_decide);
    tcase_add_test(t, pages_end_where_the_next_begins);
    tcase_add_test(t, no_more_than_250);
    Suite *s = suite_create("services/chat pins");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
