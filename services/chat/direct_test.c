/* Goal: who may open a DM with whom; that a DM's feed is its own and names no guild; that a closed DM comes back with
 * the next message and never loses one; that a group keeps its rules, and who left it is out. */
#include "services/chat/direct.h"
#include "services/chat/message_content.h"
#include "services/chat/testing/world.h"
#include <check.h>
#include <string.h>

static struct {
    uint64_t anna, ben, carl, stranger, guild;
} cast;

static void set_stage(void)
{
    world_clear();
    cast.anna = world_quick_person("anna");
    cast.ben = world_quick_person("ben");
    cast.carl = world_quick_person("carl");
    cast.stranger = world_quick_person("stranger");
    cast.guild = world_guild(cast.anna);
    world_join(cast.guild, cast.ben);
    world_join(cast.guild, cast.carl);
}

static status open_with(uint64_t who, const uint64_t *others, size_t n, Hubbub__V1__Channel *ret)
{
    Hubbub__V1__OpenDirectRequest req = HUBBUB__V1__OPEN_DIRECT_REQUEST__INIT;
    req.recipients = (uint64_t *)others;
    req.n_recipients = n;
    return DO(who, directs, open, &req, ret);
}

static uint64_t opened(uint64_t who, uint64_t other)
{
    Hubbub__V1__OpenDirectRequest req = HUBBUB__V1__OPEN_DIRECT_REQUEST__INIT;
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&req, recipient_id, other);
    ck_assert_int_eq(DO(who, directs, open, &req, &resp), ST_OK);
    return resp.id;
}

static uint64_t grouped(void)
{
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    const uint64_t others[] = {cast.ben, cast.carl};
    ck_assert_int_eq(open_with(cast.anna, others, 2, &resp), ST_OK);
    return resp.id;
}

static status say(uint64_t who, uint64_t channel, const char *text, Hubbub__V1__Message *ret)
{
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    PB_SET(&req, channel_id, channel);
    req.content = (char *)text;
    return DO(who, messages, create, &req, ret);
}

static uint64_t said(uint64_t who, uint64_t channel)
{
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    ck_assert_int_eq(say(who, channel, "hello", &m), ST_OK);
    return m.id;
}

static status close_dm(uint64_t who, uint64_t channel)
{
    Hubbub__V1__ChannelRequest req = HUBBUB__V1__CHANNEL_REQUEST__INIT;
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&req, channel_id, channel);
    return DO(who, channels, delete, &req, &resp);
}

static status recipient(uint64_t who, uint64_t channel, uint64_t user, bool add)
{
    Hubbub__V1__DirectRecipientRequest req = HUBBUB__V1__DIRECT_RECIPIENT_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, user_id, user);
    return add ? DO(who, directs, add_recipient, &req, &none) : DO(who, directs, remove_recipient, &req, &none);
}

static size_t listed(uint64_t who)
{
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    Hubbub__V1__ChannelList resp = HUBBUB__V1__CHANNEL_LIST__INIT;
    ck_assert_int_eq(DO(who, directs, list, &none, &resp), ST_OK);
    return resp.n_channels;
}

/* Entries of the feed after `after`, as a gateway reads them. */
static Hubbub__V1__ReadFeedResponse *read_feed(uint64_t scope, uint64_t after)
{
    static Hubbub__V1__ReadFeedResponse resp;
    Hubbub__V1__ReadFeedRequest req = HUBBUB__V1__READ_FEED_REQUEST__INIT;
    hubbub__v1__read_feed_response__init(&resp);
    PB_SET(&req, scope_id, scope);
    PB_SET(&req, after, after);
    ck_assert_int_eq(DO(0, feeds, read, &req, &resp), ST_OK);
    return &resp;
}

START_TEST(test_open)
{
    set_stage();
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    const uint64_t nobody = 12345;
    uint64_t dm = opened(cast.anna, cast.ben);
    ck_assert_uint_eq(world_entries(), 1);
    const Hubbub__V1__DirectOpened *o = world_entry(0)->event->direct_opened;
    ck_assert_uint_eq(world_entry(0)->scope_id, cast.anna);
    ck_assert_uint_eq(o->channel->n_recipients, 1);
    ck_assert_uint_eq(o->channel->recipients[0]->id, cast.ben);
    ck_assert_int_eq(o->channel->type, CHANNEL_DM);
    ck_assert(!o->channel->has_guild_id);
    ck_assert_uint_eq(opened(cast.anna, cast.ben), dm);
    ck_assert_uint_eq(world_entries(), 0);
    ck_assert_uint_eq(listed(cast.ben), 0); /* not before something is said */
    ck_assert_uint_eq(opened(cast.ben, cast.anna), dm);
    ck_assert_int_eq(open_with(cast.anna, &cast.anna, 1, &resp), ST_CANNOT_DM);
    ck_assert_int_eq(open_with(cast.anna, &cast.stranger, 1, &resp), ST_CANNOT_DM);
    ck_assert_int_eq(open_with(cast.anna, &nobody, 1, &resp), ST_UNKNOWN_USER);
    ck_assert_int_eq(open_with(cast.anna, &cast.guild, 1, &resp), ST_UNKNOWN_USER);
    ck_assert_int_eq(open_with(cast.anna, NULL, 0, &resp), ST_INVALID_RECIPIENTS);
    ck_assert_int_eq(world_number("SELECT count(*) FROM channels WHERE guild_id IS NULL OR $1 = $2", 1, 2), 1);
}
END_TEST

static uint64_t raced[8];

static void race_open(unsigned i)
{
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    const uint64_t pair[] = {cast.anna, cast.ben};
    raced[i] = open_with(pair[i % 2], &pair[1 - i % 2], 1, &resp) == ST_OK ? resp.id : 0;
}

START_TEST(test_both_open_at_once)
{
    set_stage();
    world_race(8, race_open);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(raced[i], raced[0]);
    ck_assert_uint_ne(raced[0], 0);
}
END_TEST

START_TEST(test_messages)
{
    set_stage();
    uint64_t dm = opened(cast.anna, cast.ben);
    uint64_t first = said(cast.anna, dm);
    const Hubbub__V1__DirectOpened *o = world_entry(0)->event->direct_opened;
    ck_assert_uint_eq(world_entry(0)->scope_id, cast.ben); /* shown to the other first */
    ck_assert_uint_eq(o->position, 0);
    ck_assert_uint_eq(o->channel->recipients[0]->id, cast.anna);
    ck_assert_uint_eq(world_entry(1)->scope_id, dm);
    ck_assert_uint_eq(world_entry(1)->seq, 1);
    ck_assert(!world_entry(1)->event->message_create->has_guild_id);
    ck_assert_ptr_null(world_entry(1)->event->message_create->member);
    said(cast.ben, dm);
    ck_assert_uint_eq(world_entries(), 1);
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    ck_assert_int_eq(say(cast.carl, dm, "me too", &m), ST_MISSING_ACCESS);

    Hubbub__V1__MessageRequest one = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&one, channel_id, dm);
    PB_SET(&one, message_id, first);
    ck_assert_int_eq(DO(cast.ben, pins, add, &one, &none), ST_OK);
    Hubbub__V1__ReactionRequest reaction = HUBBUB__V1__REACTION_REQUEST__INIT;
    PB_SET(&reaction, channel_id, dm);
    PB_SET(&reaction, message_id, first);
    reaction.emoji = "👍";
    ck_assert_int_eq(DO(cast.ben, reactions, add, &reaction, &none), ST_OK);
    Hubbub__V1__EditMessageRequest edit = HUBBUB__V1__EDIT_MESSAGE_REQUEST__INIT;
    uint32_t present = 3;
    PB_SET(&edit, channel_id, dm);
    PB_SET(&edit, message_id, first);
    edit.present = &present;
    edit.n_present = 1;
    edit.content = "hello again";
    ck_assert_int_eq(DO(cast.ben, messages, edit, &edit, &m), ST_NOT_AUTHOR);
    ck_assert_int_eq(DO(cast.anna, messages, edit, &edit, &m), ST_OK);
    ck_assert_int_eq(DO(cast.ben, messages, delete, &one, &none), ST_NOT_ON_DM);
    Hubbub__V1__TypingRequest typing = HUBBUB__V1__TYPING_REQUEST__INIT;
    PB_SET(&typing, channel_id, dm);
    ck_assert_int_eq(DO(cast.ben, messages, typing, &typing, &none), ST_OK);

    const Hubbub__V1__ReadFeedResponse *feed = read_feed(dm, 0);
    ck_assert_uint_eq(feed->n_entries, feed->head);
    for (size_t i = 0; i < feed->n_entries; i++) {
        const Hubbub__V1__Event *e = feed->entries[i]->event;
        ck_assert(!(e->message_create && e->message_create->has_guild_id));
        ck_assert(!(e->message_update && e->message_update->has_guild_id));
        ck_assert(!(e->reaction_add && (e->reaction_add->has_guild_id || e->reaction_add->member)));
        ck_assert(!(e->pins_update && e->pins_update->has_guild_id));
    }
    ck_assert_int_eq(DO(cast.anna, messages, delete, &one, &none), ST_OK);
    ck_assert(!world_entry(0)->event->message_delete->has_guild_id);
    feed = read_feed(dm, feed->head);
    ck_assert(!feed->entries[0]->event->message_delete->has_guild_id);
}
END_TEST

START_TEST(test_what_a_dm_is_not)
{
    set_stage();
    uint64_t dm = opened(cast.anna, cast.ben);
    Hubbub__V1__EditChannelRequest edit = HUBBUB__V1__EDIT_CHANNEL_REQUEST__INIT;
    Hubbub__V1__Channel channel = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&edit, channel_id, dm);
    ck_assert_int_eq(DO(cast.anna, channels, edit, &edit, &channel), ST_NOT_ON_DM);
    Hubbub__V1__CreateInviteRequest invite = HUBBUB__V1__CREATE_INVITE_REQUEST__INIT;
    Hubbub__V1__Invite made = HUBBUB__V1__INVITE__INIT;
    PB_SET(&invite, channel_id, dm);
    ck_assert_int_eq(DO(cast.anna, invites, create, &invite, &made), ST_NOT_ON_DM);
    ck_assert_int_eq(recipient(cast.anna, dm, cast.carl, true), ST_WRONG_CHANNEL_TYPE);
    Hubbub__V1__BulkDeleteRequest bulk = HUBBUB__V1__BULK_DELETE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&bulk, channel_id, dm);
    ck_assert_int_eq(DO(cast.anna, messages, bulk_delete, &bulk, &none), ST_NOT_ON_DM);
    Hubbub__V1__ChannelRequest get = HUBBUB__V1__CHANNEL_REQUEST__INIT;
    PB_SET(&get, channel_id, dm);
    ck_assert_int_eq(DO(cast.ben, channels, get, &get, &channel), ST_OK);
    ck_assert_uint_eq(channel.recipients[0]->id, cast.anna);
    ck_assert_int_eq(DO(cast.carl, channels, get, &get, &channel), ST_MISSING_ACCESS);
}
END_TEST

START_TEST(test_closed_and_back)
{
    set_stage();
    uint64_t dm = opened(cast.anna, cast.ben);
    said(cast.anna, dm);
    ck_assert_uint_eq(listed(cast.ben), 1);
    int64_t epoch = world_number("SELECT epoch FROM feeds WHERE scope_id = $1 OR $2 = 1", dm, 0);
    ck_assert_int_eq(close_dm(cast.ben, dm), ST_OK);
    ck_assert(!world_entry(0)->event->direct_closed->left);
    ck_assert_int_eq(world_number("SELECT epoch FROM feeds WHERE scope_id = $1 OR $2 = 1", dm, 0), epoch + 1);
    ck_assert_uint_eq(listed(cast.ben), 0);
    ck_assert_int_eq(close_dm(cast.ben, dm), ST_OK); /* nothing more to tell */
    ck_assert_uint_eq(world_entries(), 0);
    said(cast.anna, dm);
    ck_assert_uint_eq(world_entry(0)->event->direct_opened->position, 1);
    ck_assert_uint_eq(world_entry(1)->seq, 2);
    ck_assert_uint_eq(listed(cast.ben), 1);
    ck_assert_int_eq(close_dm(cast.carl, dm), ST_MISSING_ACCESS);
    ck_assert_int_eq(close_dm(cast.carl, 999), ST_UNKNOWN_CHANNEL);
}
END_TEST

static uint64_t busy_dm;
static status race_status[4]; /* of each thread: its first refusal */

static void race_close(unsigned i)
{
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    race_status[i] = ST_OK;
    for (unsigned n = 0; n < 20 && race_status[i] == ST_OK; n++)
        do
            race_status[i] = i % 2 ? say(cast.anna, busy_dm, "hello", &m) : close_dm(cast.ben, busy_dm);
        while (race_status[i] == ST_STALE); /* closed again at each of its tries: not stored */
}

/* Every message comes after a direct_opened that follows the last direct_closed, and not before its position. */
START_TEST(test_close_against_send)
{
    set_stage();
    busy_dm = opened(cast.anna, cast.ben);
    world_race(4, race_close);
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(race_status[i], ST_OK);
    said(cast.anna, busy_dm);
    ck_assert_uint_eq(listed(cast.ben), 1);
    ck_assert_int_eq(world_number("SELECT head FROM feeds WHERE scope_id = $1 OR $2 = 1", busy_dm, 0), 41);
    const Hubbub__V1__ReadFeedResponse *own = read_feed(cast.ben, 0);
    int shown = 0;
    for (size_t i = 0; i < own->n_entries; i++) {
        shown += own->entries[i]->event->direct_opened ? 1 : own->entries[i]->event->direct_closed ? -1 : 0;
        ck_assert(shown == 0 || shown == 1);
    }
    ck_assert_int_eq(shown, 1);
}
END_TEST

START_TEST(test_group)
{
    set_stage();
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    const uint64_t with_stranger[] = {cast.ben, cast.stranger};
    ck_assert_int_eq(open_with(cast.anna, with_stranger, 2, &resp), ST_CANNOT_DM);
    uint64_t many[10];
    for (unsigned i = 0; i < 10; i++)
        many[i] = 5000 + i;
    ck_assert_int_eq(open_with(cast.anna, many, 10, &resp), ST_MAX_RECIPIENTS);
    uint64_t group = grouped();
    ck_assert_uint_eq(world_entries(), 3);
    ck_assert_uint_eq(world_entry(1)->event->direct_opened->channel->n_recipients, 2);
    ck_assert_uint_eq(world_entry(1)->event->direct_opened->channel->owner_id, cast.anna);
    said(cast.carl, group);

    uint64_t dora = world_quick_person("dora");
    ck_assert_int_eq(recipient(cast.ben, group, dora, true), ST_CANNOT_DM);
    world_join(cast.guild, dora);
    ck_assert_int_eq(recipient(dora, group, dora, true), ST_MISSING_ACCESS);
    ck_assert_int_eq(recipient(cast.ben, group, dora, true), ST_OK);
    ck_assert_uint_eq(world_entries(), 3);
    ck_assert_uint_eq(world_entry(0)->event->recipient_add->user->id, dora);
    ck_assert_uint_eq(world_entry(1)->event->direct_opened->position, world_entry(0)->seq);
    ck_assert_int_eq(world_entry(2)->event->message_create->type, MESSAGE_RECIPIENT_ADD);
    ck_assert_uint_eq(world_entry(2)->event->message_create->mentions[0]->id, dora);
    ck_assert_int_eq(recipient(cast.ben, group, dora, true), ST_OK);
    ck_assert_uint_eq(world_entries(), 0);

    ck_assert_int_eq(recipient(cast.ben, group, cast.carl, false), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(recipient(cast.anna, group, cast.stranger, false), ST_UNKNOWN_USER);
    ck_assert_int_eq(recipient(cast.anna, group, cast.carl, false), ST_OK);
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    ck_assert_int_eq(say(cast.carl, group, "still here", &m), ST_MISSING_ACCESS);
}
END_TEST

START_TEST(test_group_goes_on_and_ends)
{
    set_stage();
    uint64_t group = grouped();
    ck_assert_int_eq(close_dm(cast.anna, group), ST_OK);
    ck_assert_int_eq(world_entry(0)->event->message_create->type, MESSAGE_RECIPIENT_REMOVE);
    ck_assert_uint_eq(world_entry(1)->event->recipient_remove->user->id, cast.anna);
    uint64_t owner = world_entry(2)->event->channel_update->owner_id;
    ck_assert(owner == cast.ben || owner == cast.carl);
    ck_assert_uint_eq(world_entry(2)->event->channel_update->n_recipients, 2);
    ck_assert(world_entry(3)->event->direct_closed->left);
    ck_assert_uint_eq(world_entry(3)->event->direct_closed->position, world_entry(1)->seq);
    ck_assert_int_eq(close_dm(cast.ben, group), ST_OK);
    ck_assert_int_eq(close_dm(cast.carl, group), ST_OK);
    ck_assert_int_eq(close_dm(cast.carl, group), ST_UNKNOWN_CHANNEL);
    ck_assert_int_eq(world_number("SELECT closed::int FROM feeds WHERE scope_id = $1 OR $2 = 1", group, 0), 1);
}
END_TEST

static status give(uint64_t who, uint64_t channel, uint64_t owner, Hubbub__V1__Channel *ret)
{
    Hubbub__V1__EditChannelRequest req = HUBBUB__V1__EDIT_CHANNEL_REQUEST__INIT;
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, owner, owner);
    return DO(who, channels, edit, &req, ret);
}

/* Only the owner gives the group away, and only to one who is in it. */
START_TEST(test_owner)
{
    set_stage();
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    uint64_t group = grouped(), outside = world_quick_person("outside");
    ck_assert_int_eq(give(cast.ben, group, cast.ben, &resp), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(give(cast.anna, group, outside, &resp), ST_INVALID_RECIPIENTS);
    ck_assert_int_eq(give(outside, group, outside, &resp), ST_MISSING_ACCESS);
    ck_assert_int_eq(give(cast.anna, group, cast.carl, &resp), ST_OK);
    ck_assert_uint_eq(resp.owner_id, cast.carl);
    ck_assert_uint_eq(world_entries(), 1);
    ck_assert_uint_eq(world_entry(0)->event->channel_update->owner_id, cast.carl);
    ck_assert_int_eq(give(cast.anna, group, cast.anna, &resp), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(recipient(cast.anna, group, cast.ben, false), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(recipient(cast.carl, group, cast.ben, false), ST_OK);
}
END_TEST

START_TEST(test_reach)
{
    set_stage();
    uint64_t dm = opened(cast.anna, cast.ben);
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    world_number("INSERT INTO relationships (user_id, other_id, type) VALUES ($1, $2, 2) RETURNING 1", cast.ben,
                 cast.anna);
    ck_assert_int_eq(say(cast.anna, dm, "hello?", &m), ST_CANNOT_DM);
    ck_assert_int_eq(say(cast.ben, dm, "no", &m), ST_CANNOT_DM);
    world_number("DELETE FROM relationships WHERE $1 <> $2 RETURNING 1", 1, 2);
    said(cast.anna, dm);
    world_number("DELETE FROM members WHERE user_id = $1 OR $2 = 1 RETURNING 1", cast.ben, 0);
    ck_assert_int_eq(say(cast.anna, dm, "where are you", &m), ST_CANNOT_DM);
    world_number("INSERT INTO relationships (user_id, other_id, type) VALUES ($1, $2, 1) RETURNING 1", cast.anna,
                 cast.ben);
    said(cast.anna, dm);
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"open", test_open},
        {"both open at once", test_both_open_at_once},
        {"messages", test_messages},
        {"what a DM is not", test_what_a_dm_is_not},
        {"closed and back", test_closed_and_back},
        {"close against send", test_close_against_send},
        {"group", test_group},
        {"a group goes on and ends", test_group_goes_on_and_ends},
        {"reach", test_reach},
        {"a group's owner", test_owner},
    };
    return world_run("direct", tests, sizeof tests / sizeof *tests);
}
