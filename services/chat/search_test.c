/* What is stored is found, and nothing else: words in any case, pairs of East Asian letters, authors, mentions, files;
 * edits and deletions are followed, also by a feed that is read anew; only channels are looked in whose history the
 * caller reads now. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/chat/access.h"
#include "services/chat/search_index.h"
#include "services/chat/search_terms.h"
#include "services/chat/testing/world.h"
#include "tests/support/postgres.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    uint64_t owner, ben, guild, room;
} cast;

static void set_up(void)
{
    world_clear();
    cast.owner = world_quick_person("owner");
    cast.ben = world_quick_person("ben");
    cast.guild = world_guild(cast.owner);
    cast.room = world_text_channel(cast.guild);
    world_join(cast.guild, cast.ben);
}

static void index_all(void)
{
    DB_LEASED struct db *d = NULL;
    uint64_t token = 0;
    bool more = true;
    ck_assert_int_eq(db_lease(world->db, clock_mono_ms() + 2000, &d), ST_OK);
    db_close_at_release(d);
    while (more)
        ck_assert_int_eq(search_index_round(d, &token, true, &more), ST_OK);
}

static uint64_t say(uint64_t user, uint64_t channel, const char *text)
{
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&req, channel_id, channel);
    req.content = (char *)text;
    ck_assert_int_eq(DO(user, messages, create, &req, &m), ST_OK);
    return m.id;
}

static status search(uint64_t user, Hubbub__V1__SearchMessagesRequest *req, Hubbub__V1__SearchMessagesResponse *ret)
{
    PB_SET(req, guild_id, cast.guild);
    hubbub__v1__search_messages_response__init(ret);
    return DO(user, search, in_guild, req, ret);
}

static int found(uint64_t user, const char *text)
{
    Hubbub__V1__SearchMessagesRequest req = HUBBUB__V1__SEARCH_MESSAGES_REQUEST__INIT;
    Hubbub__V1__SearchMessagesResponse ret;
    req.content = (char *)text;
    ck_assert_int_eq(search(user, &req, &ret), ST_OK);
    return ret.total_results;
}

static const struct {
    const char *text, *query;
    bool hit;
} texts[] = {
    {"The Quick brown Fox", "quick FOX", true},
    {"The quick brown fox", "quick cat", false},
    {"Straße und ＦＵＬＬ", "STRASSE full", true},
    {"東京都に行きました", "東京", true},
    {"東京都に行きました", "京都", true},
    {"東京都に行きました", "京", true},
    {"東京都に行きました", "都京", false},
    {"안녕하세요 여러분", "하세", true},
    {"我们去吃饭吧", "吃饭", true},
    {"我们去吃饭吧", "饭吃", false},
    {"mixed日本text", "日本 text", true},
    {"naïve café", "CAFÉ", true},
    {"100% sure, a:b", "100 sure a b", true},
};

START_TEST(text_is_found)
{
    say(cast.ben, cast.room, texts[_i].text);
    index_all();
    ck_assert_int_eq(found(cast.ben, texts[_i].query), texts[_i].hit);
}
END_TEST

START_TEST(edits_and_deletions_are_followed)
{
    uint64_t first = say(cast.ben, cast.room, "apple"), second = say(cast.ben, cast.room, "apple pie");
    index_all();
    ck_assert_int_eq(found(cast.ben, "apple"), 2);
    Hubbub__V1__EditMessageRequest edit = HUBBUB__V1__EDIT_MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    uint32_t present[] = {3};
    PB_SET(&edit, channel_id, cast.room);
    PB_SET(&edit, message_id, first);
    edit.content = "pear";
    edit.present = present;
    edit.n_present = 1;
    ck_assert_int_eq(DO(cast.ben, messages, edit, &edit, &m), ST_OK);
    index_all();
    ck_assert_int_eq(found(cast.ben, "apple"), 1);
    ck_assert_int_eq(found(cast.ben, "pear"), 1);
    Hubbub__V1__MessageRequest gone = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Empty nothing = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&gone, channel_id, cast.room);
    PB_SET(&gone, message_id, second);
    ck_assert_int_eq(DO(cast.ben, messages, delete, &gone, &nothing), ST_OK);
    ck_assert_int_eq(found(cast.ben, "apple"), 0); /* before the index knows */
    ck_assert_int_eq(world_number("SELECT count(*) FROM message_search WHERE scope_id = $1 OR $2 = 1", cast.guild, 0), 2);
    index_all();
    ck_assert_int_eq(world_number("SELECT count(*) FROM message_search WHERE scope_id = $1 OR $2 = 1", cast.guild, 0), 1);
    uint64_t ids[] = {say(cast.ben, cast.room, "one two"), say(cast.ben, cast.room, "two three")};
    index_all();
    Hubbub__V1__BulkDeleteRequest bulk = HUBBUB__V1__BULK_DELETE_REQUEST__INIT;
    PB_SET(&bulk, channel_id, cast.room);
    bulk.messages = ids;
    bulk.n_messages = 2;
    ck_assert_int_eq(DO(cast.owner, messages, bulk_delete, &bulk, &nothing), ST_OK);
    index_all();
    ck_assert_int_eq(world_number("SELECT count(*) FROM message_search WHERE scope_id = $1 OR $2 = 1", cast.guild, 0), 1);
}
END_TEST

/* More than a chunk, from before the index; then entries that were truncated before they were taken. */
START_TEST(a_feed_is_read_from_the_tables)
{
    for (int i = 0; i < 30; i++)
        say(cast.ben, cast.room, "common");
    uint64_t other = world_channel(cast.guild, cast.owner, "other", 0, 0);
    world_number("WITH i AS (INSERT INTO messages (channel_id, id, author_id, content) SELECT $1, n, $2, 'common old' "
                 "FROM generate_series(1, 1000) n RETURNING 1) SELECT count(*) FROM i",
                 other, cast.ben);
    Hubbub__V1__SearchMessagesRequest req = HUBBUB__V1__SEARCH_MESSAGES_REQUEST__INIT;
    Hubbub__V1__SearchMessagesResponse ret;
    ck_assert_int_eq(search(cast.ben, &req, &ret), ST_INDEX_NOT_READY);
    index_all();
    ck_assert_int_eq(found(cast.ben, "common"), 1030);
    ck_assert_int_eq(found(cast.ben, "old"), 1000);
    say(cast.ben, cast.room, "late");
    world_number("WITH d AS (DELETE FROM feed_entries WHERE scope_id = $1 OR $2 = 1 RETURNING 1) SELECT count(*) FROM d",
                 cast.guild, 0);
    index_all();
    ck_assert_int_eq(found(cast.ben, "late"), 1);
    ck_assert_int_eq(found(cast.ben, "common"), 1030);
}
END_TEST

START_TEST(only_what_may_be_read_now)
{
    uint64_t hidden = world_channel(cast.guild, cast.owner, "hidden", 0, 0);
    say(cast.owner, hidden, "secret");
    say(cast.owner, cast.room, "secret");
    index_all();
    ck_assert_int_eq(found(cast.ben, "secret"), 2);
    world_number("WITH i AS (INSERT INTO overwrites (channel_id, target_id, type, allow, deny) VALUES ($1, $2, 0, 0, "
                 "65536) RETURNING 1) SELECT count(*) FROM i",
                 hidden, cast.guild); /* READ_MESSAGE_HISTORY */
    ck_assert_int_eq(found(cast.ben, "secret"), 1);
    ck_assert_int_eq(found(cast.owner, "secret"), 2);
    Hubbub__V1__SearchMessagesRequest req = HUBBUB__V1__SEARCH_MESSAGES_REQUEST__INIT;
    Hubbub__V1__SearchMessagesResponse ret;
    req.channel_id = &hidden;
    req.n_channel_id = 1;
    ck_assert_int_eq(search(cast.ben, &req, &ret), ST_OK);
    ck_assert_int_eq(ret.total_results, 0);
    ck_assert_int_eq(search(cast.owner, &req, &ret), ST_OK);
    ck_assert_int_eq(ret.total_results, 1);
    ck_assert_int_eq(search(world_quick_person("stranger"), &req, &ret), ST_MISSING_ACCESS);
}
END_TEST

static int count(Hubbub__V1__SearchMessagesRequest req)
{
    Hubbub__V1__SearchMessagesResponse ret;
    ck_assert_int_eq(search(cast.ben, &req, &ret), ST_OK);
    return ret.total_results;
}

START_TEST(filters_say_which)
{
    const Hubbub__V1__SearchMessagesRequest none = HUBBUB__V1__SEARCH_MESSAGES_REQUEST__INIT;
    Hubbub__V1__SearchMessagesRequest req = none;
    char mention[40];
    snprintf(mention, sizeof mention, "hello <@%llu>", (unsigned long long)cast.owner);
    uint64_t first = say(cast.ben, cast.room, mention), second = say(cast.owner, cast.room, "see https://example.org");
    uint64_t third = say(cast.owner, cast.room, "@everyone hello");
    world_number("WITH u AS (UPDATE messages SET pinned_at = now() WHERE id = $1 OR $2 = 1 RETURNING 1) SELECT count(*) "
                 "FROM u",
                 second, 0);
    index_all();
    ck_assert_int_eq(count(none), 3);
    req.author_id = &cast.owner;
    req.n_author_id = 1;
    ck_assert_int_eq(count(req), 2);
    req = none;
    req.mentions = &cast.owner;
    req.n_mentions = 1;
    ck_assert_int_eq(count(req), 1);
    char *link[] = {"link"}, *no_link[] = {"-link"};
    req = none;
    req.has = link;
    req.n_has = 1;
    ck_assert_int_eq(count(req), 1);
    req.has = no_link;
    ck_assert_int_eq(count(req), 2);
    req = none;
    PB_SET(&req, pinned, true);
    ck_assert_int_eq(count(req), 1);
    PB_SET(&req, pinned, false);
    ck_assert_int_eq(count(req), 2);
    req = none;
    PB_SET(&req, mention_everyone, true);
    ck_assert_int_eq(count(req), 1);
    req = none;
    PB_SET(&req, min_id, first);
    ck_assert_int_eq(count(req), 2);
    PB_SET(&req, max_id, third);
    ck_assert_int_eq(count(req), 1);
    Hubbub__V1__SearchMessagesResponse ret;
    req = none;
    PB_SET(&req, limit, 1);
    PB_SET(&req, offset, 1);
    ck_assert_int_eq(search(cast.ben, &req, &ret), ST_OK);
    ck_assert_int_eq(ret.total_results, 3);
    ck_assert_ptr_nonnull(strstr((char *)ret.messages.data, "see https"));
    req.offset = 0;
    req.sort_order = "asc";
    ck_assert_int_eq(search(cast.ben, &req, &ret), ST_OK);
    ck_assert_ptr_nonnull(strstr((char *)ret.messages.data, "hello <@"));
}
END_TEST

int main(void)
{
    log_init("search_test", "error");
    world_start();
    TCase *t = tcase_create("search");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, NULL);
    tcase_add_loop_test(t, text_is_found, 0, sizeof texts / sizeof *texts);
    tcase_add_test(t, edits_and_deletions_are_followed);
    tcase_add_test(t, a_feed_is_read_from_the_tables);
    tcase_add_test(t, only_what_may_be_read_now);
    tcase_add_test(t, filters_say_which);
    Suite *s = suite_create("services/chat search");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    world_stop();
    return failed ? 1 : 0;
}
