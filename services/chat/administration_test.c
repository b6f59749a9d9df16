/* Goal: what the operator does to accounts holds against people who act at the same moment, and its lists come in pages. The
 * commands themselves are tested in tests/cli. */
#include "services/chat/testing/world.h"
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static status set_disabled(uint64_t user, bool disabled)
{
    Hubbub__V1__SetDisabledRequest q = HUBBUB__V1__SET_DISABLED_REQUEST__INIT;
    Hubbub__V1__Empty e = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&q, user_id, user);
    PB_SET(&q, disabled, disabled);
    return DO(0, administration, set_disabled, &q, &e);
}

static status delete_account(uint64_t user)
{
    Hubbub__V1__UserRequest q = HUBBUB__V1__USER_REQUEST__INIT;
    Hubbub__V1__Empty e = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&q, user_id, user);
    return DO(0, administration, delete_account, &q, &e);
}

static status change_password(uint64_t user, const char *old, const char *new)
{
    Hubbub__V1__EditMeRequest q = HUBBUB__V1__EDIT_ME_REQUEST__INIT;
    Hubbub__V1__Me me = HUBBUB__V1__ME__INIT;
    q.password = (char *)old;
    q.new_password = (char *)new;
    return DO(user, accounts, edit_me, &q, &me);
}

static int64_t tokens_of(uint64_t user)
{
    return world_number("SELECT count(*) FROM tokens WHERE user_id = $1 AND $2 = 0::bigint", user, 0);
}

/* A change of the password that was let in before the disabling would give a new token after it. */
START_TEST(test_disabled_gets_no_token_by_a_new_password)
{
    world_clear();
    uint64_t user = world_person("mallory");
    ck_assert_int_eq(set_disabled(user, true), ST_OK);
    ck_assert_int_eq(tokens_of(user), 0);
    ck_assert_int_ne(change_password(user, "password of mallory", "another password"), ST_OK);
    ck_assert_int_eq(tokens_of(user), 0);
    ck_assert_int_eq(set_disabled(user, false), ST_OK);
    ck_assert_int_eq(change_password(user, "password of mallory", "another password"), ST_OK);
    ck_assert_int_eq(tokens_of(user), 1);
}
END_TEST

static uint64_t racer;
static status logged_in[8];
static void log_in_or_disable(unsigned i)
{
    Hubbub__V1__LoginRequest q = HUBBUB__V1__LOGIN_REQUEST__INIT;
    Hubbub__V1__TokenResponse resp = HUBBUB__V1__TOKEN_RESPONSE__INIT;
    q.login = "racer";
    q.password = "password of racer";
    logged_in[i] = i == 3 ? set_disabled(racer, true) : DO(0, accounts, login, &q, &resp);
}

START_TEST(test_no_token_is_left_after_disabling)
{
    world_clear();
    racer = world_person("racer");
    for (int round = 0; round < 5; round++) {
        world_race(8, log_in_or_disable);
        ck_assert_int_eq(logged_in[3], ST_OK);
        ck_assert_int_eq(tokens_of(racer), 0);
        ck_assert_int_eq(set_disabled(racer, false), ST_OK);
    }
}
END_TEST

START_TEST(test_disabling_tells_of_the_tokens_once)
{
    world_clear();
    uint64_t user = world_person("one");
    ck_assert_int_eq(set_disabled(user, true), ST_OK);
    ck_assert_uint_eq(world_entries(), 1);
    ck_assert_uint_eq(world_entry(0)->scope_id, user);
    ck_assert_uint_eq(world_entry(0)->event->tokens_revoked->n_token_hashes, 1);
    ck_assert_int_eq(set_disabled(user, true), ST_OK);
    ck_assert_uint_eq(world_entries(), 0);
    ck_assert_int_eq(set_disabled(user, false), ST_OK);
    ck_assert_uint_eq(world_entries(), 0);
}
END_TEST

START_TEST(test_owner_is_refused_with_the_list)
{
    world_clear();
    uint64_t user = world_quick_person("owner"), guild = world_guild(user);
    char expected[64];
    ck_assert_int_eq(delete_account(user), ST_OWNS_GUILDS);
    snprintf(expected, sizeof expected, "guild %" PRIu64 " \"", guild);
    ck_assert_ptr_nonnull(strstr(call_fake_text(world_last), expected));
    ck_assert_int_eq(world_number("SELECT count(*) FROM users WHERE id = $1 AND NOT deleted AND $2 = 0::bigint", user, 0), 1);
    for (int i = 0; i < 30; i++)
        world_guild(user);
    ck_assert_int_eq(delete_account(user), ST_OWNS_GUILDS);
    ck_assert_ptr_nonnull(strstr(call_fake_text(world_last), "and more"));
}
END_TEST

START_TEST(test_deleted_leaves_guilds_by_entries)
{
    world_clear();
    uint64_t owner = world_quick_person("owner"), user = world_person("leaver"), guild = world_guild(owner);
    world_join(guild, user);
    ck_assert_int_eq(delete_account(user), ST_OK);
    ck_assert_uint_eq(world_entries(), 4); /* user_update, tokens_revoked; member_remove, guild_left */
    ck_assert_ptr_nonnull(world_entry(0)->event->user_update);
    ck_assert_ptr_nonnull(world_entry(1)->event->tokens_revoked);
    bool removed = false, left = false;
    for (size_t i = 2; i < 4; i++) {
        removed |= world_entry(i)->event->member_remove && world_entry(i)->scope_id == guild;
        left |= world_entry(i)->event->guild_left && world_entry(i)->scope_id == user;
    }
    ck_assert(removed && left);
    ck_assert_int_eq(set_disabled(user, false), ST_UNKNOWN_USER);
}
END_TEST

static uint64_t given, giver, heir;
static void give_and_go(unsigned i)
{
    if (i) {
        (void)!delete_account(heir);
        return;
    }
    Hubbub__V1__EditGuildRequest q = HUBBUB__V1__EDIT_GUILD_REQUEST__INIT;
    Hubbub__V1__Guild g = HUBBUB__V1__GUILD__INIT;
    PB_SET(&q, guild_id, given);
    PB_SET(&q, owner_id, heir);
    (void)!DO(giver, guilds, edit, &q, &g);
}

START_TEST(test_nobody_is_given_a_guild_and_deleted)
{
    world_clear();
    giver = world_quick_person("giver");
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "heir%d", i);
        heir = world_quick_person(name);
        given = world_guild(giver);
        world_join(given, heir);
        world_race(2, give_and_go);
        ck_assert_int_eq(world_number("SELECT count(*) FROM guilds g JOIN users u ON u.id = g.owner_id WHERE u.deleted "
                                      "AND g.id = $1 AND $2 = 0::bigint",
                                      given, 0),
                         0);
    }
}
END_TEST

START_TEST(test_bots_and_strangers_are_no_accounts)
{
    world_clear();
    uint64_t user = world_quick_person("owner");
    world_number("WITH b AS (INSERT INTO users (id, username, bot) VALUES (77, 'bot', true) RETURNING id) "
                 "SELECT id FROM b WHERE $1 = $2::bigint OR true", 0, 0);
    world_number("WITH f AS (INSERT INTO feeds (scope_id) VALUES (77) RETURNING scope_id) "
                 "SELECT scope_id FROM f WHERE $1 = $2::bigint OR true", 0, 0);
    ck_assert_int_eq(set_disabled(77, true), ST_UNKNOWN_USER);
    ck_assert_int_eq(delete_account(77), ST_UNKNOWN_USER);
    ck_assert_int_eq(delete_account(12345), ST_UNKNOWN_USER);
    ck_assert_int_eq(set_disabled(user, true), ST_OK);
}
END_TEST

START_TEST(test_lists_come_in_pages)
{
    world_clear();
    uint64_t first = 0, owner = 0;
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "person %d", i);
        owner = world_quick_person(name);
        first = first ? first : owner;
        world_guild(owner);
    }
    Hubbub__V1__AccountPage q = HUBBUB__V1__ACCOUNT_PAGE__INIT;
    Hubbub__V1__AccountList page = HUBBUB__V1__ACCOUNT_LIST__INIT;
    PB_SET(&q, limit, 3);
    ck_assert_int_eq(DO(0, administration, list_accounts, &q, &page), ST_OK);
    ck_assert_uint_eq(page.n_accounts, 3);
    ck_assert_uint_eq(page.accounts[0]->id, first);
    PB_SET(&q, after, page.accounts[2]->id);
    hubbub__v1__account_list__init(&page);
    ck_assert_int_eq(DO(0, administration, list_accounts, &q, &page), ST_OK);
    ck_assert_uint_eq(page.n_accounts, 2);
    ck_assert_uint_eq(page.accounts[1]->id, owner);

    Hubbub__V1__GuildPage g = HUBBUB__V1__GUILD_PAGE__INIT;
    Hubbub__V1__GuildRows guilds = HUBBUB__V1__GUILD_ROWS__INIT;
    PB_SET(&g, limit, 4);
    ck_assert_int_eq(DO(0, administration, list_guilds, &g, &guilds), ST_OK);
    ck_assert_uint_eq(guilds.n_guilds, 4);
    PB_SET(&g, after, guilds.guilds[3]->id);
    ck_assert_int_eq(DO(0, administration, list_guilds, &g, &guilds), ST_OK);
    ck_assert_uint_eq(guilds.n_guilds, 1);
    ck_assert_uint_eq(guilds.guilds[0]->owner_id, owner);
    ck_assert_uint_eq(guilds.guilds[0]->channels, 4);
    ck_assert_uint_ne(guilds.guilds[0]->invite_channel_id, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("administration");
    TCase *t = tcase_create("administration");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_disabled_gets_no_token_by_a_new_password);
    tcase_add_test(t, test_no_token_is_left_after_disabling);
    tcase_add_test(t, test_disabling_tells_of_the_tokens_once);
    tcase_add_test(t, test_owner_is_refused_with_the_list);
    tcase_add_test(t, test_deleted_leaves_guilds_by_entries);
    tcase_add_test(t, test_nobody_is_given_a_guild_and_deleted);
    tcase_add_test(t, test_bots_and_strangers_are_no_accounts);
    tcase_add_test(t, test_lists_come_in_pages);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    world_start();
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    world_stop();
    return failed ? 1 : 0;
}
