/* Goal: unread mentions are right after whatever can change them: sending, mentions of every kind, edits, removals,
 * acknowledging here and elsewhere, losing a role, leaving and coming back. */
#include "services/chat/read_states.h"
#include "services/chat/testing/world.h"
#include <check.h>
#include <stdio.h>

static struct {
    uint64_t anna, ben, guild, channel, role;
} cast;

static void set_stage(void)
{
    world_clear();
    cast.anna = world_quick_person("anna");
    cast.ben = world_quick_person("ben");
    cast.guild = world_guild(cast.anna);
    cast.channel = world_text_channel(cast.guild);
    world_join(cast.guild, cast.ben);
    cast.role = world_role(cast.guild, cast.anna, 0);
}

static uint64_t said(uint64_t who, uint64_t channel, const char *text)
{
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message resp = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&req, channel_id, channel);
    req.content = (char *)text;
    ck_assert_int_eq(DO(who, messages, create, &req, &resp), ST_OK);
    return resp.id;
}

static const char *text_of(const char *format, uint64_t id)
{
    static char text[100];
    snprintf(text, sizeof text, format, (unsigned long long)id);
    return text;
}

/* NULL: nothing to tell. */
static const Hubbub__V1__ReadState *state(uint64_t user, uint64_t channel)
{
    struct call *c = world_call(user, false);
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__ReadState **list;
    size_t n;
    ck_assert_int_eq(chat_lease(c, &d), ST_OK);
    ck_assert_int_eq(read_states_load(c, d, user, &list, &n), ST_OK);
    for (size_t i = 0; i < n; i++)
        if (list[i]->id == channel)
            return list[i];
    return NULL;
}

static int mentions(uint64_t user, uint64_t channel)
{
    const Hubbub__V1__ReadState *s = state(user, channel);
    return s ? s->mention_count : 0;
}

static status acked(uint64_t who, uint64_t channel, uint64_t message, bool manual)
{
    Hubbub__V1__AckRequest req = HUBBUB__V1__ACK_REQUEST__INIT;
    Hubbub__V1__AckResponse resp = HUBBUB__V1__ACK_RESPONSE__INIT;
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, message_id, message);
    PB_SET(&req, manual, manual);
    return DO(who, reading, ack, &req, &resp);
}

static void edit(uint64_t who, uint64_t message, const char *text)
{
    Hubbub__V1__EditMessageRequest req = HUBBUB__V1__EDIT_MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message resp = HUBBUB__V1__MESSAGE__INIT;
    uint32_t content = 3;
    PB_SET(&req, channel_id, cast.channel);
    PB_SET(&req, message_id, message);
    req.content = (char *)text;
    req.present = &content;
    req.n_present = 1;
    ck_assert_int_eq(DO(who, messages, edit, &req, &resp), ST_OK);
}

static void erase(uint64_t who, uint64_t message)
{
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, cast.channel);
    PB_SET(&req, message_id, message);
    ck_assert_int_eq(DO(who, messages, delete, &req, &none), ST_OK);
}

START_TEST(test_mentions_of_every_kind)
{
    set_stage();
    uint64_t plain = said(cast.anna, cast.channel, "hello");
    ck_assert_ptr_null(state(cast.ben, cast.channel));
    ck_assert_uint_eq(state(cast.anna, cast.channel)->last_message_id, plain); /* who writes has read */
    said(cast.anna, cast.channel, text_of("<@%llu>", cast.ben));
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 1);
    said(cast.anna, cast.channel, "@everyone");
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 2);
    said(cast.anna, cast.channel, text_of("<@&%llu> @here", cast.role)); /* once, for @here */
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 3);
    said(cast.anna, cast.channel, text_of("<@&%llu>", cast.role));
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 3);
    world_give(cast.guild, cast.anna, cast.ben, cast.role);
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 4);
    said(cast.ben, cast.channel, "@everyone");
    ck_assert_int_eq(mentions(cast.anna, cast.channel), 1);
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 0);
    ck_assert_uint_eq(state(cast.ben, cast.channel)->flags, 1);
}
END_TEST

static uint64_t connected_user; /* 0: not known */

static bool only_one(const uint64_t *user_ids, size_t n, int64_t timeout_ms, struct arena *a, uint64_t **ret,
                     size_t *ret_n)
{
    *ret = ARENA_ARRAY(a, uint64_t, 1);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++)
        if (user_ids[i] == connected_user)
            (*ret)[(*ret_n)++] = connected_user;
    return connected_user && timeout_ms > 0;
}

START_TEST(test_here_reaches_who_is_connected)
{
    set_stage();
    uint64_t cem = world_quick_person("cem");
    world_join(cast.guild, cem);
    world->config.find_connected = only_one;
    connected_user = cast.ben;
    uint64_t here = said(cast.anna, cast.channel, text_of("<@%llu> @here", cast.ben)); /* twice, and counts once */
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 1);
    ck_assert_int_eq(mentions(cem, cast.channel), 0);
    world_number(
        "INSERT INTO guild_settings (user_id, guild_id, settings, suppress_everyone) VALUES ($1, $2, '', true) "
        "RETURNING 1",
        cast.ben, cast.guild);
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 1); /* by name */
    edit(cast.anna, here, "@here");
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 0); /* kept quiet, as @everyone is */
    world_number("DELETE FROM guild_settings WHERE user_id = $1 OR $2 = 0 RETURNING 1", cast.ben, 1);
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 1); /* whoever it reached stays reached */
    connected_user = cem;
    edit(cast.anna, here, "still @here");
    ck_assert_int_eq(mentions(cem, cast.channel), 0); /* and nobody else is by an edit */
    edit(cast.anna, here, "@everyone, not only @here");
    ck_assert_int_eq(mentions(cem, cast.channel), 1);
    edit(cast.anna, here, "nobody");
    ck_assert_int_eq(mentions(cast.ben, cast.channel) + mentions(cem, cast.channel), 0);
    connected_user = 0;
    here = said(cast.anna, cast.channel, "@here"); /* not known: everybody */
    edit(cast.anna, here, "@here again");
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 1);
    ck_assert_int_eq(mentions(cem, cast.channel), 1);
    world->config.find_connected = NULL;
}
END_TEST

START_TEST(test_edits_and_removals)
{
    set_stage();
    uint64_t first = said(cast.anna, cast.channel, text_of("<@%llu>", cast.ben));
    uint64_t second = said(cast.anna, cast.channel, "nobody");
    edit(cast.anna, first, "nobody any more");
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 0);
    edit(cast.anna, second, text_of("<@%llu> after all", cast.ben));
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 1);
    erase(cast.anna, second);
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 0);
    ck_assert_int_eq(world_number("SELECT count(*) FROM mentions WHERE channel_id = $1 OR $2 = 0", cast.channel, 1), 0);
}
END_TEST

START_TEST(test_acknowledging)
{
    set_stage();
    uint64_t first = said(cast.anna, cast.channel, text_of("<@%llu> one", cast.ben));
    uint64_t second = said(cast.anna, cast.channel, text_of("<@%llu> two", cast.ben));
    ck_assert_int_eq(acked(cast.ben, cast.channel, first, false), ST_OK);
    ck_assert_uint_eq(world_entries(), 1);
    const Hubbub__V1__MessageAcked *told = world_entry(0)->event->message_ack;
    ck_assert_uint_eq(world_entry(0)->scope_id, cast.ben);
    ck_assert_uint_eq(told->message_id, first);
    ck_assert_int_eq(told->mention_count, 1);
    ck_assert_uint_eq(told->version, world_entry(0)->seq);
    ck_assert_int_eq(acked(cast.ben, cast.channel, second, false), ST_OK);
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 0);
    ck_assert_int_eq(acked(cast.ben, cast.channel, first, false), ST_OK); /* late, from another device */
    ck_assert_uint_eq(world_entries(), 0);
    ck_assert_uint_eq(state(cast.ben, cast.channel)->last_message_id, second);
    ck_assert_int_eq(acked(cast.ben, cast.channel, first, true), ST_OK); /* by hand it goes back */
    ck_assert(world_entry(0)->event->message_ack->manual);
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 1);
    ck_assert_int_eq(acked(cast.ben, 12345, first, false), ST_UNKNOWN_CHANNEL);
    uint64_t stranger = world_quick_person("stranger");
    ck_assert_int_eq(acked(stranger, cast.channel, first, false), ST_MISSING_ACCESS);
}
END_TEST

START_TEST(test_many_at_once)
{
    set_stage();
    uint64_t other = world_channel(cast.guild, cast.anna, "other", 0, 0);
    uint64_t a = said(cast.anna, cast.channel, "@everyone"), b = said(cast.anna, other, "@everyone");
    Hubbub__V1__AckItem items[5], *list[5];
    const struct {
        uint64_t channel, message;
        int type;
    } of[] = {{other, b, 0}, {cast.channel, a, 0}, {12345, a, 0}, {cast.channel, a - 1, 0}, {cast.guild, b, 1}};
    for (int i = 0; i < 5; i++) {
        hubbub__v1__ack_item__init(list[i] = &items[i]);
        PB_SET(list[i], channel_id, of[i].channel);
        PB_SET(list[i], message_id, of[i].message);
        PB_SET(list[i], read_state_type, of[i].type);
    }
    Hubbub__V1__BulkAckRequest req = HUBBUB__V1__BULK_ACK_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    req.read_states = list;
    req.n_read_states = 5;
    ck_assert_int_eq(DO(cast.ben, reading, ack_many, &req, &none), ST_OK);
    ck_assert_uint_eq(world_entries(), 2);
    ck_assert_uint_eq(state(cast.ben, cast.channel)->last_message_id, a);
    ck_assert_uint_eq(state(cast.ben, other)->last_message_id, b);
    ck_assert_int_eq(mentions(cast.ben, other), 0);
}
END_TEST

START_TEST(test_leaving_and_coming_back)
{
    set_stage();
    said(cast.anna, cast.channel, text_of("<@%llu>", cast.ben));
    Hubbub__V1__GuildRequest leave = HUBBUB__V1__GUILD_REQUEST__INIT;
    Hubbub__V1__InviteRequest come = HUBBUB__V1__INVITE_REQUEST__INIT;
    Hubbub__V1__Invite invite = HUBBUB__V1__INVITE__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&leave, guild_id, cast.guild);
    come.code = world_invite(cast.channel, cast.anna, 0, 0);
    ck_assert_int_eq(DO(cast.ben, guilds, leave, &leave, &none), ST_OK);
    ck_assert_ptr_null(state(cast.ben, cast.channel));
    said(cast.anna, cast.channel, "@everyone");
    for (int i = 0; i < 20; i++) /* ids ahead of the clock */
        said(cast.anna, cast.channel, "@everyone");
    ck_assert_int_eq(DO(cast.ben, invites, accept, &come, &invite), ST_OK);
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 0); /* before he came */
    said(cast.anna, cast.channel, "@everyone");
    ck_assert_int_eq(mentions(cast.ben, cast.channel), 1);
}
END_TEST

START_TEST(test_direct_messages)
{
    set_stage();
    Hubbub__V1__OpenDirectRequest req = HUBBUB__V1__OPEN_DIRECT_REQUEST__INIT;
    Hubbub__V1__Channel dm = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&req, recipient_id, cast.ben);
    ck_assert_int_eq(DO(cast.anna, directs, open, &req, &dm), ST_OK);
    said(cast.anna, dm.id, "one");
    uint64_t last = said(cast.anna, dm.id, "two");
    ck_assert_int_eq(mentions(cast.ben, dm.id), 2);
    ck_assert_int_eq(mentions(cast.anna, dm.id), 0);
    ck_assert_uint_eq(state(cast.ben, dm.id)->flags, 0);
    said(cast.ben, dm.id, "an answer reads it");
    ck_assert_int_eq(mentions(cast.ben, dm.id), 0);
    ck_assert_int_eq(mentions(cast.anna, dm.id), 1);
    ck_assert_int_eq(acked(cast.ben, dm.id, last, true), ST_OK);
    ck_assert_int_eq(mentions(cast.ben, dm.id), 0); /* his own */
}
END_TEST

START_TEST(test_pins_and_forgetting)
{
    set_stage();
    Hubbub__V1__ReadStateRequest req = HUBBUB__V1__READ_STATE_REQUEST__INIT;
    Hubbub__V1__MessageRequest pin = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, cast.channel);
    ck_assert_int_eq(DO(cast.ben, reading, ack_pins, &req, &none), ST_OK);
    ck_assert_uint_eq(world_entries(), 0); /* there are none */
    PB_SET(&pin, channel_id, cast.channel);
    PB_SET(&pin, message_id, said(cast.anna, cast.channel, "keep"));
    ck_assert_int_eq(DO(cast.anna, pins, add, &pin, &none), ST_OK);
    ck_assert_int_eq(DO(cast.ben, reading, ack_pins, &req, &none), ST_OK);
    ck_assert_uint_eq(world_entries(), 1);
    ck_assert_int_eq(world_entry(0)->event->pins_ack->timestamp, state(cast.ben, cast.channel)->last_pin_timestamp);
    ck_assert_int_eq(DO(cast.ben, reading, ack_pins, &req, &none), ST_OK);
    ck_assert_uint_eq(world_entries(), 0);
    ck_assert_int_eq(DO(cast.ben, reading, forget, &req, &none), ST_OK);
    ck_assert_ptr_null(state(cast.ben, cast.channel));
}
END_TEST

static void race_ack(unsigned i)
{
    if (i % 2)
        said(cast.ben, cast.channel, "mine");
    else
        ck_assert_int_eq(acked(cast.ben, cast.channel, (uint64_t)i + 1, false), ST_OK);
}

START_TEST(test_writing_against_acknowledging)
{
    set_stage();
    world_race(16, race_ack);
    ck_assert_int_eq(world_number("SELECT count(*) FROM read_states r WHERE r.user_id = $1 AND r.last_read = (SELECT "
                                  "max(id) FROM messages WHERE channel_id = $2)",
                                  cast.ben, cast.channel),
                     1);
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"mentions of every kind", test_mentions_of_every_kind},
        {"@here", test_here_reaches_who_is_connected},
        {"edits and removals", test_edits_and_removals},
        {"acknowledging", test_acknowledging},
        {"many at once", test_many_at_once},
        {"leaving and coming back", test_leaving_and_coming_back},
        {"direct messages", test_direct_messages},
        {"pins and forgetting", test_pins_and_forgetting},
        {"writing against acknowledging", test_writing_against_acknowledging},
    };
    return world_run("read states", tests, sizeof tests / sizeof *tests);
}
