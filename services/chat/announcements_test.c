/* Goal: what is published in an announcement channel appears in each channel that follows exactly once, however many
 * deliver at once; it follows the edits and the removal of its source; and only who may follows and publishes. */
#include "lib/permission/permission.h"
#include "services/chat/audit.h"
#include "services/chat/crosspost.h"
#include "services/chat/message_content.h"
#include "services/chat/testing/world.h"
#include <stdio.h>
#include <string.h>

enum { FOLLOWERS = 5 };
static struct {
    uint64_t owner, reader, source_guild, source, guild, target;
} cast;

static void set_stage(void)
{
    world_clear();
    world_number("WITH a AS (DELETE FROM published RETURNING 1), b AS (DELETE FROM crossposts RETURNING 1) SELECT $1::bigint + $2::bigint",
                 0, 0);
    cast.owner = world_quick_person("owner");
    cast.reader = world_quick_person("reader");
    cast.source_guild = world_guild(cast.owner);
    cast.source = world_channel(cast.source_guild, cast.owner, "News Room", CHANNEL_ANNOUNCEMENT, 0);
    cast.guild = world_guild(cast.reader);
    cast.target = world_text_channel(cast.guild);
    world_join(cast.source_guild, cast.reader);
}

static status follow(uint64_t who, uint64_t source, uint64_t target, uint64_t *ret)
{
    Hubbub__V1__FollowChannelRequest req = HUBBUB__V1__FOLLOW_CHANNEL_REQUEST__INIT;
    Hubbub__V1__FollowedChannel resp = HUBBUB__V1__FOLLOWED_CHANNEL__INIT;
    PB_SET(&req, channel_id, source);
    PB_SET(&req, webhook_channel_id, target);
    status st = DO(who, announcements, follow, &req, &resp);
    *ret = resp.webhook_id;
    return st;
}

static uint64_t say(uint64_t who, const char *text)
{
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message sent = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&req, channel_id, cast.source);
    req.content = (char *)text;
    ck_assert_int_eq(DO(who, messages, create, &req, &sent), ST_OK);
    return sent.id;
}

static status publish(uint64_t who, uint64_t channel, uint64_t message, Hubbub__V1__Message *ret)
{
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, message_id, message);
    return DO(who, announcements, crosspost, &req, ret);
}

static uint64_t published(const char *text)
{
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    uint64_t id = say(cast.owner, text);
    ck_assert_int_eq(publish(cast.owner, cast.source, id, &m), ST_OK);
    ck_assert_uint_eq(m.flags & FLAG_CROSSPOSTED, FLAG_CROSSPOSTED);
    ck_assert_uint_eq(world_entry(0)->event->message_update->flags & FLAG_CROSSPOSTED, FLAG_CROSSPOSTED);
    return id;
}

static void deliver_all(void)
{
    bool more = true;
    while (more)
        ck_assert_int_eq(crosspost_round(world_last = world_call(0, false), &more), ST_OK);
}

static Hubbub__V1__Message *newest(uint64_t channel)
{
    static Hubbub__V1__Message m;
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    hubbub__v1__message__init(&m);
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, message_id,
           (uint64_t)world_number("SELECT max(id) FROM messages WHERE channel_id = $1 AND $2 = 0::bigint", channel, 0));
    ck_assert_int_eq(DO(cast.reader, messages, get, &req, &m), ST_OK);
    return &m;
}

static int64_t count(uint64_t channel)
{
    return world_number("SELECT count(*) FROM messages WHERE channel_id = $1 AND type = 0 AND $2 = 0::bigint", channel, 0);
}

START_TEST(test_follow)
{
    uint64_t id, again, text = 0;
    set_stage();
    text = world_text_channel(cast.source_guild);
    ck_assert_int_eq(follow(cast.reader, cast.source, cast.target, &id), ST_OK);
    ck_assert_uint_eq(world_entries(), 3);
    const Hubbub__V1__Message *notice = world_entry(0)->event->message_create;
    ck_assert_int_eq(notice->type, MESSAGE_CHANNEL_FOLLOW_ADD);
    ck_assert_str_eq(notice->content, "A guild #news-room");
    ck_assert_uint_eq(notice->message_reference->channel_id, cast.source);
    ck_assert_uint_eq(world_entry(1)->event->webhooks_update->channel_id, cast.target);
    ck_assert_uint_eq(world_entry(2)->event->audit_entry->action_type, AUDIT_WEBHOOK_CREATE);
    ck_assert_int_eq(follow(cast.reader, cast.source, cast.target, &again), ST_OK);
    ck_assert_uint_eq(again, id);
    ck_assert_uint_eq(world_entries(), 0);
    ck_assert_int_eq(follow(cast.reader, text, cast.target, &id), ST_WRONG_CHANNEL_TYPE);
    ck_assert_int_eq(follow(cast.reader, cast.source, cast.source, &id), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(follow(cast.owner, cast.source, cast.source, &id), ST_INVALID_FORM);
    ck_assert_int_eq(follow(cast.owner, cast.source, cast.target, &id), ST_MISSING_ACCESS);
    ck_assert_int_eq(follow(cast.reader, 12345, cast.target, &id), ST_UNKNOWN_CHANNEL);
    ck_assert_int_eq(follow(cast.reader, cast.source, 12345, &id), ST_UNKNOWN_CHANNEL);
    uint64_t stranger = world_quick_person("stranger");
    ck_assert_int_eq(follow(stranger, cast.source, cast.target, &id), ST_MISSING_ACCESS);
}
END_TEST

START_TEST(test_publish)
{
    uint64_t id, source, mine;
    char text[64];
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    set_stage();
    ck_assert_int_eq(follow(cast.reader, cast.source, cast.target, &id), ST_OK);
    snprintf(text, sizeof text, "hello <#%llu> @everyone", (unsigned long long)cast.source);
    source = published(text);
    ck_assert_int_eq(count(cast.target), 0); /* not by who publishes: later */
    deliver_all();
    deliver_all();
    ck_assert_int_eq(count(cast.target), 1);
    const Hubbub__V1__Message *there = newest(cast.target);
    ck_assert_str_eq(there->content, text);
    ck_assert_uint_eq(there->flags, FLAG_IS_CROSSPOST);
    ck_assert_uint_eq(there->webhook_id, id);
    ck_assert_str_eq(there->author->username, "A guild #news-room");
    ck_assert_uint_eq(there->message_reference->message_id, source);
    ck_assert_uint_eq(there->message_reference->channel_id, cast.source);
    ck_assert_uint_eq(there->message_reference->guild_id, cast.source_guild);
    ck_assert_uint_eq(there->n_mention_channels, 1);
    ck_assert_str_eq(there->mention_channels[0]->name, "news-room");
    ck_assert(!there->mention_everyone);
    ck_assert_int_eq(publish(cast.owner, cast.source, source, &m), ST_ALREADY_CROSSPOSTED);
    ck_assert_int_eq(publish(cast.owner, cast.source, 12345, &m), ST_UNKNOWN_MESSAGE);
    ck_assert_int_eq(publish(cast.reader, cast.target, there->id, &m), ST_WRONG_CHANNEL_TYPE);
    mine = say(cast.reader, "mine");
    ck_assert_int_eq(publish(cast.reader, cast.source, say(cast.owner, "theirs"), &m), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(publish(cast.reader, cast.source, mine, &m), ST_OK);
}
END_TEST

START_TEST(test_limit)
{
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    set_stage();
    for (int i = 0; i < CROSSPOSTS_PER_HOUR; i++)
        published("again");
    uint64_t more = say(cast.owner, "once too often");
    ck_assert_int_eq(publish(cast.owner, cast.source, more, &m), ST_CHANNEL_WRITE_LIMIT);
    int64_t wait = call_fake_retry_after(world_last);
    ck_assert(wait > 3500 * 1000 && wait <= 3600 * 1000);
    world_number("WITH x AS (UPDATE published SET at = at - interval '1 hour' WHERE message_id = (SELECT min(message_id) "
                 "FROM published) RETURNING 1) SELECT count(*) + $1::bigint + $2::bigint FROM x",
                 0, 0);
    ck_assert_int_eq(publish(cast.owner, cast.source, more, &m), ST_OK);
}
END_TEST

static void edit(uint64_t message, const char *text)
{
    Hubbub__V1__EditMessageRequest req = HUBBUB__V1__EDIT_MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    uint32_t present = 3;
    PB_SET(&req, channel_id, cast.source);
    PB_SET(&req, message_id, message);
    req.content = (char *)text;
    req.present = &present;
    req.n_present = 1;
    ck_assert_int_eq(DO(cast.owner, messages, edit, &req, &m), ST_OK);
}

static void delete_source(uint64_t message)
{
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, cast.source);
    PB_SET(&req, message_id, message);
    ck_assert_int_eq(DO(cast.owner, messages, delete, &req, &none), ST_OK);
}

START_TEST(test_source_changes)
{
    uint64_t id, source;
    set_stage();
    ck_assert_int_eq(follow(cast.reader, cast.source, cast.target, &id), ST_OK);
    source = published("first");
    edit(source, "edited before it came");
    deliver_all();
    ck_assert_str_eq(newest(cast.target)->content, "edited before it came");
    edit(source, "edited");
    deliver_all();
    ck_assert_uint_eq(world_entries(), 1);
    ck_assert_str_eq(newest(cast.target)->content, "edited");
    ck_assert(newest(cast.target)->has_edited_timestamp);
    delete_source(source);
    deliver_all();
    ck_assert_int_eq(count(cast.target), 1);
    ck_assert_uint_eq(newest(cast.target)->flags, FLAG_IS_CROSSPOST | FLAG_SOURCE_DELETED);
    ck_assert_str_eq(newest(cast.target)->content, "[Original Message Deleted]");
    source = published("gone before it came");
    delete_source(source);
    deliver_all();
    ck_assert_int_eq(count(cast.target), 1);
    ck_assert_int_eq(world_number("SELECT count(*) + $1::bigint + $2::bigint FROM crossposts WHERE due", 0, 0), 0);
}
END_TEST

static void one_round(unsigned i)
{
    bool more;
    ck_assert_int_eq(crosspost_round(world_call(0, false), &more), ST_OK);
}

/* Many deliver, while the source is edited: once in each channel, as it was at last. */
START_TEST(test_exactly_once)
{
    uint64_t id, source, channels[FOLLOWERS];
    set_stage();
    for (int i = 0; i < FOLLOWERS; i++) {
        channels[i] = world_channel(cast.guild, cast.reader, "follower", CHANNEL_TEXT, 0);
        ck_assert_int_eq(follow(cast.reader, cast.source, channels[i], &id), ST_OK);
    }
    for (int round = 0; round < 8; round++) {
        source = published("news");
        world_race(4, one_round);
        edit(source, "newer");
        world_race(4, one_round);
        deliver_all();
        for (int i = 0; i < FOLLOWERS; i++) {
            ck_assert_int_eq(count(channels[i]), round + 1);
            ck_assert_str_eq(newest(channels[i])->content, "newer");
        }
    }
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"following", test_follow},
        {"publishing", test_publish},
        {"ten an hour", test_limit},
        {"what happens to the source", test_source_changes},
        {"exactly once", test_exactly_once},
    };
    return world_run("announcements", tests, sizeof tests / sizeof *tests);
}
