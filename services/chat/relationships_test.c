/* Goal: what two people are to each other has one answer for both, whatever they do and in whatever order. */
#include "services/chat/relationships.h"
#include "services/chat/testing/world.h"
#include <check.h>

static struct {
    uint64_t anna, ben, bot, guild;
} cast;

static void set_stage(void)
{
    world_clear();
    cast.anna = world_quick_person("anna");
    cast.ben = world_quick_person("ben");
    cast.bot = world_quick_person("bot");
    world_number("UPDATE users SET bot = true WHERE id = $1 OR $2 = 0 RETURNING 1", cast.bot, 1);
}

static status put(uint64_t who, uint64_t other, int type)
{
    Hubbub__V1__PutRelationshipRequest req = HUBBUB__V1__PUT_RELATIONSHIP_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, user_id, other);
    PB_SET(&req, type, type);
    return DO(who, relationships, put, &req, &none);
}

static status ask(uint64_t who, const char *name)
{
    Hubbub__V1__AddFriendRequest req = HUBBUB__V1__ADD_FRIEND_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    req.username = (char *)name;
    return DO(who, relationships, add, &req, &none);
}

static status drop(uint64_t who, uint64_t other)
{
    Hubbub__V1__UserRequest req = HUBBUB__V1__USER_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, user_id, other);
    return DO(who, relationships, remove, &req, &none);
}

static status name(uint64_t who, uint64_t other, const char *nickname)
{
    Hubbub__V1__EditRelationshipRequest req = HUBBUB__V1__EDIT_RELATIONSHIP_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, user_id, other);
    req.nickname = (char *)nickname;
    return DO(who, relationships, edit, &req, &none);
}

static const Hubbub__V1__Relationship *between(uint64_t who, uint64_t other)
{
    static Hubbub__V1__RelationshipList list;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    hubbub__v1__relationship_list__init(&list);
    ck_assert_int_eq(DO(who, relationships, list, &none, &list), ST_OK);
    for (size_t i = 0; i < list.n_relationships; i++)
        if (list.relationships[i]->id == other)
            return list.relationships[i];
    return NULL;
}

static int type(uint64_t who, uint64_t other)
{
    const Hubbub__V1__Relationship *x = between(who, other);
    return x ? x->type : RELATIONSHIP_NONE;
}

static void assert_types(int annas, int bens)
{
    ck_assert_int_eq(type(cast.anna, cast.ben), annas);
    ck_assert_int_eq(type(cast.ben, cast.anna), bens);
}

START_TEST(test_asking_and_accepting)
{
    set_stage();
    ck_assert_int_eq(ask(cast.anna, "BEN"), ST_OK);
    ck_assert_uint_eq(world_entries(), 2);
    for (size_t i = 0; i < 2; i++) {
        bool bens = world_entry(i)->scope_id == cast.ben;
        const Hubbub__V1__Relationship *told = world_entry(i)->event->relationship_add;
        ck_assert_uint_eq(told->user->id, bens ? cast.anna : cast.ben);
        ck_assert_int_eq(told->type, bens ? RELATIONSHIP_INCOMING : RELATIONSHIP_OUTGOING);
        ck_assert_int_eq(told->should_notify, bens);
    }
    assert_types(RELATIONSHIP_OUTGOING, RELATIONSHIP_INCOMING);
    ck_assert_int_eq(ask(cast.anna, "ben"), ST_OK);
    ck_assert_uint_eq(world_entries(), 0);
    ck_assert_int_eq(put(cast.ben, cast.anna, 1), ST_OK);
    assert_types(RELATIONSHIP_FRIEND, RELATIONSHIP_FRIEND);
    ck_assert_int_eq(ask(cast.anna, "ben"), ST_FRIEND_ALREADY);
    ck_assert_int_eq(name(cast.anna, cast.ben, "Benny"), ST_OK);
    ck_assert_uint_eq(world_entries(), 1);
    ck_assert_str_eq(world_entry(0)->event->relationship_update->nickname, "Benny");
    ck_assert_str_eq(between(cast.anna, cast.ben)->nickname, "Benny");
    ck_assert_ptr_null(between(cast.ben, cast.anna)->nickname);
    ck_assert_int_eq(drop(cast.ben, cast.anna), ST_OK);
    ck_assert_uint_eq(world_entries(), 2);
    ck_assert_int_eq(world_entry(0)->event->relationship_remove->type, RELATIONSHIP_FRIEND);
    assert_types(RELATIONSHIP_NONE, RELATIONSHIP_NONE);
    ck_assert_int_eq(drop(cast.ben, cast.anna), ST_UNKNOWN_USER);
    ck_assert_int_eq(name(cast.ben, cast.anna, "x"), ST_UNKNOWN_USER);
}
END_TEST

START_TEST(test_refusals)
{
    set_stage();
    ck_assert_int_eq(ask(cast.anna, "nobody"), ST_UNKNOWN_USERNAME);
    ck_assert_int_eq(ask(cast.anna, "bot"), ST_UNKNOWN_USERNAME);
    ck_assert_int_eq(ask(cast.anna, "anna"), ST_FRIEND_SELF);
    ck_assert_int_eq(put(cast.anna, cast.anna, 2), ST_FRIEND_SELF);
    ck_assert_int_eq(put(cast.anna, cast.bot, 1), ST_FRIEND_BOT);
    ck_assert_int_eq(put(cast.anna, cast.bot, 2), ST_OK);
    ck_assert_int_eq(put(cast.anna, 12345, 1), ST_UNKNOWN_USER);
    ck_assert_int_eq(put(cast.anna, world_guild(cast.ben), 1), ST_UNKNOWN_USER);
}
END_TEST

START_TEST(test_blocks)
{
    set_stage();
    ck_assert_int_eq(ask(cast.anna, "ben"), ST_OK);
    ck_assert_int_eq(put(cast.ben, cast.anna, 2), ST_OK);
    ck_assert_uint_eq(world_entries(), 2);
    assert_types(RELATIONSHIP_NONE, RELATIONSHIP_BLOCKED);
    ck_assert_int_eq(ask(cast.anna, "ben"), ST_FRIEND_BLOCKED);
    ck_assert_int_eq(put(cast.ben, cast.anna, 2), ST_OK);
    ck_assert_uint_eq(world_entries(), 0);
    ck_assert_int_eq(put(cast.anna, cast.ben, 2), ST_OK);
    ck_assert_uint_eq(world_entries(), 1); /* Ben is not told */
    assert_types(RELATIONSHIP_BLOCKED, RELATIONSHIP_BLOCKED);
    ck_assert_int_eq(drop(cast.ben, cast.anna), ST_OK);
    ck_assert_uint_eq(world_entries(), 1);
    assert_types(RELATIONSHIP_BLOCKED, RELATIONSHIP_NONE);
    ck_assert_int_eq(put(cast.anna, cast.ben, 1), ST_OK); /* who asks no longer blocks */
    assert_types(RELATIONSHIP_OUTGOING, RELATIONSHIP_INCOMING);
}
END_TEST

START_TEST(test_limits)
{
    set_stage();
    world_number("WITH u AS (INSERT INTO users (id, username) SELECT 7000 + n, 'friend' || n FROM generate_series(1, "
                 "1000) n RETURNING id), r AS (INSERT INTO relationships (user_id, other_id, type) SELECT $1, id, 1 "
                 "FROM u WHERE id <= $2) SELECT 1",
                 cast.anna, 7000 + RELATIONSHIP_FRIENDS_MAX - 1);
    ck_assert_int_eq(ask(cast.anna, "ben"), ST_OK);
    uint64_t carl = world_quick_person("carl");
    ck_assert_int_eq(ask(cast.anna, "carl"), ST_MAX_FRIENDS);
    ck_assert_int_eq(ask(carl, "anna"), ST_FRIEND_REQUESTS_CLOSED);
    ck_assert_int_eq(put(cast.ben, cast.anna, 1), ST_OK); /* what waits has its place */
    ck_assert_int_eq(drop(cast.anna, cast.ben), ST_OK);
    ck_assert_int_eq(ask(carl, "anna"), ST_OK);
}
END_TEST

START_TEST(test_reactions)
{
    set_stage();
    uint64_t guild = world_guild(cast.anna), channel = world_text_channel(guild);
    world_join(guild, cast.ben);
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&req, channel_id, channel);
    req.content = "hello";
    ck_assert_int_eq(DO(cast.anna, messages, create, &req, &m), ST_OK);
    Hubbub__V1__ReactionRequest react = HUBBUB__V1__REACTION_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&react, channel_id, channel);
    PB_SET(&react, message_id, m.id);
    react.emoji = "\xf0\x9f\x91\x8d";
    ck_assert_int_eq(put(cast.anna, cast.ben, 2), ST_OK);
    ck_assert_int_eq(DO(cast.ben, reactions, add, &react, &none), ST_REACTION_BLOCKED);
    ck_assert_int_eq(drop(cast.anna, cast.ben), ST_OK);
    ck_assert_int_eq(DO(cast.ben, reactions, add, &react, &none), ST_OK);
}
END_TEST

static void race_ask(unsigned i)
{
    const uint64_t pair[] = {cast.anna, cast.ben};
    status st = put(pair[i % 2], pair[1 - i % 2], 1);
    ck_assert(st == ST_OK || st == ST_FRIEND_ALREADY);
}

START_TEST(test_both_ask_at_once)
{
    for (int i = 0; i < 5; i++) {
        set_stage();
        world_race(8, race_ask);
        assert_types(RELATIONSHIP_FRIEND, RELATIONSHIP_FRIEND);
    }
}
END_TEST

static void race_block(unsigned i)
{
    status st = i % 2 ? put(cast.ben, cast.anna, 2) : ask(cast.anna, "ben");
    ck_assert(st == ST_OK || st == ST_FRIEND_BLOCKED);
}

START_TEST(test_ask_against_block)
{
    for (int i = 0; i < 5; i++) {
        set_stage();
        world_race(8, race_block);
        assert_types(RELATIONSHIP_NONE, RELATIONSHIP_BLOCKED);
    }
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"asking and accepting", test_asking_and_accepting},
        {"refusals", test_refusals},
        {"blocks", test_blocks},
        {"limits", test_limits},
        {"reactions", test_reactions},
        {"both ask at once", test_both_ask_at_once},
        {"ask against block", test_ask_against_block},
    };
    return world_run("relationships", tests, sizeof tests / sizeof *tests);
}
