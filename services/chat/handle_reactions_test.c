/* The service Reactions against a real PostgreSQL: who may react, what is told, at most twenty emoji, what history and
 * lists show, and that racing reactions keep the bound. */
#include "lib/base/log.h"
#include "services/chat/testing/fixture.h"
#include "tests/support/postgres.h"
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static struct fixture fixture;
static struct call *call; /* of the last request */
static uint64_t message;  /* the owner's */

enum { VIEW = 1024, HISTORY = 65536, REACT = 64 };

static void permit(int bits)
{
    char sql[100];
    snprintf(sql, sizeof sql, "UPDATE roles SET permissions = %d WHERE id = 1000", bits);
    fixture_exec(&fixture, sql);
}

static void set_up(void)
{
    fixture_init(&fixture);
    permit(VIEW | HISTORY | REACT);
    ck_assert_int_eq(fixture_send(&fixture, FIXTURE_OWNER, FIXTURE_CHANNEL, "text", NULL, &message), ST_OK);
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

static Hubbub__V1__ReactionRequest request(const char *emoji)
{
    Hubbub__V1__ReactionRequest req = HUBBUB__V1__REACTION_REQUEST__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, message_id, message);
    req.emoji = (char *)emoji;
    return req;
}

static status react(uint64_t user, const char *emoji)
{
    Hubbub__V1__ReactionRequest req = request(emoji);
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    return reactions_handlers.add(as(user), &req, &empty);
}

static status take_back(uint64_t user, const char *emoji)
{
    Hubbub__V1__ReactionRequest req = request(emoji);
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    return reactions_handlers.remove_own(as(user), &req, &empty);
}

static status remove_of(uint64_t user, const char *emoji, uint64_t whose)
{
    Hubbub__V1__UserReactionRequest req = HUBBUB__V1__USER_REACTION_REQUEST__INIT;
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, message_id, message);
    PB_SET(&req, user_id, whose);
    req.emoji = (char *)emoji;
    return reactions_handlers.remove(as(user), &req, &empty);
}

static status clear(uint64_t user, const char *emoji)
{
    Hubbub__V1__ReactionRequest req = request(emoji);
    Hubbub__V1__MessageRequest all = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&all, channel_id, FIXTURE_CHANNEL);
    PB_SET(&all, message_id, message);
    return emoji ? reactions_handlers.clear(as(user), &req, &empty)
                 : reactions_handlers.clear_all(as(user), &all, &empty);
}

/* The event of the last request, NULL when it told nothing. */
static const Hubbub__V1__Event *event(void)
{
    Hubbub__V1__FeedEntry *const *entries;
    if (call_fake_entries(call, &entries, NULL) == 0)
        return NULL;
    ck_assert_uint_eq(call_fake_entries(call, &entries, NULL), 1);
    ck_assert_uint_eq(entries[0]->topic, FIXTURE_CHANNEL);
    return entries[0]->event;
}

/* "emoji count me," of each. */
static const char *shown(uint64_t user)
{
    static char text[400];
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, message_id, message);
    ck_assert_int_eq(messages_handlers.get(as(user), &req, &m), ST_OK);
    text[0] = '\0';
    for (size_t i = 0; i < m.n_reactions; i++) {
        const Hubbub__V1__Reaction *r = m.reactions[i];
        ck_assert_int_eq(r->count, r->count_details->normal);
        sprintf(text + strlen(text), "%s %d %d,", r->emoji->name, r->count, r->me);
    }
    return text;
}

START_TEST(a_reaction_is_told_and_shown)
{
    ck_assert_int_eq(react(FIXTURE_MEMBER, "👍"), ST_OK);
    const Hubbub__V1__ReactionChanged *x = event()->reaction_add;
    ck_assert_uint_eq(x->user_id, FIXTURE_MEMBER);
    ck_assert_uint_eq(x->message_id, message);
    ck_assert_uint_eq(x->message_author_id, FIXTURE_OWNER);
    ck_assert_uint_eq(x->guild_id, FIXTURE_GUILD);
    ck_assert_str_eq(x->emoji->name, "👍");
    ck_assert_uint_eq(x->member->user->id, FIXTURE_MEMBER);
    ck_assert_int_eq(react(FIXTURE_MEMBER, "👍"), ST_OK);
    ck_assert_ptr_null(event());
    ck_assert_int_eq(react(FIXTURE_OWNER, "🎉"), ST_OK);
    ck_assert_int_eq(react(FIXTURE_OWNER, "👍"), ST_OK);
    ck_assert_str_eq(shown(FIXTURE_MEMBER), "👍 2 1,🎉 1 0,");
    ck_assert_str_eq(shown(FIXTURE_OWNER), "👍 2 1,🎉 1 1,");
    ck_assert_int_eq(take_back(FIXTURE_OWNER, "👍"), ST_OK);
    ck_assert_uint_eq(event()->reaction_remove->user_id, FIXTURE_OWNER);
    ck_assert_int_eq(take_back(FIXTURE_OWNER, "👍"), ST_OK);
    ck_assert_ptr_null(event());
    ck_assert_str_eq(shown(FIXTURE_OWNER), "👍 1 0,🎉 1 1,");
}
END_TEST

START_TEST(pages_show_reactions)
{
    Hubbub__V1__ListMessagesRequest req = HUBBUB__V1__LIST_MESSAGES_REQUEST__INIT;
    Hubbub__V1__MessagePage p = HUBBUB__V1__MESSAGE_PAGE__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    ck_assert_int_eq(fixture_send(&fixture, FIXTURE_OWNER, FIXTURE_CHANNEL, "without", NULL, NULL), ST_OK);
    ck_assert_int_eq(react(FIXTURE_MEMBER, "👍"), ST_OK);
    ck_assert_int_eq(messages_handlers.list(as(FIXTURE_MEMBER), &req, &p), ST_OK);
    const char *json = arena_strndup(call_arena(call), (const char *)p.messages.data, p.messages.len);
    const char *at = strstr(json, "\"reactions\":");
    ck_assert_ptr_nonnull(at);
    ck_assert_ptr_null(strstr(at + 1, "\"reactions\":"));
    ck_assert_ptr_nonnull(strstr(at, "\"reactions\":[{\"emoji\":{\"id\":null,\"name\":\"👍\"},\"count\":1,"
                                     "\"count_details\":{\"burst\":0,\"normal\":1},\"burst_colors\":[],"
                                     "\"me_burst\":false,\"me\":true}]"));
}
END_TEST

START_TEST(permissions_decide)
{
    permit(VIEW | HISTORY);
    ck_assert_int_eq(react(FIXTURE_MEMBER, "👍"), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(react(FIXTURE_OWNER, "👍"), ST_OK);
    ck_assert_int_eq(react(FIXTURE_MEMBER, "👍"), ST_OK); /* joins in */
    permit(VIEW | REACT);
    ck_assert_int_eq(react(FIXTURE_MEMBER, "🎉"), ST_MISSING_PERMISSIONS); /* READ_MESSAGE_HISTORY */
    permit(VIEW | REACT | HISTORY);
    ck_assert_int_eq(react(FIXTURE_STRANGER, "👍"), ST_MISSING_ACCESS);
    ck_assert_int_eq(remove_of(FIXTURE_MEMBER, "👍", FIXTURE_OWNER), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(clear(FIXTURE_MEMBER, "👍"), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(clear(FIXTURE_MEMBER, NULL), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(remove_of(FIXTURE_OWNER, "👍", FIXTURE_MEMBER), ST_OK);
    ck_assert_uint_eq(event()->reaction_remove->user_id, FIXTURE_MEMBER);
    fixture_exec(&fixture, "UPDATE members SET timeout_until = now() + interval '1 hour' WHERE user_id = 102");
    ck_assert_int_eq(react(FIXTURE_MEMBER, "👍"), ST_MISSING_PERMISSIONS);
}
END_TEST

START_TEST(what_is_unknown_is_refused)
{
    ck_assert_int_eq(react(FIXTURE_MEMBER, "party:123"), ST_UNKNOWN_EMOJI);
    ck_assert_int_eq(react(FIXTURE_MEMBER, "a"), ST_UNKNOWN_EMOJI);
    ck_assert_int_eq(react(FIXTURE_MEMBER, NULL), ST_UNKNOWN_EMOJI);
    message++;
    ck_assert_int_eq(react(FIXTURE_MEMBER, "👍"), ST_UNKNOWN_MESSAGE);
    ck_assert_int_eq(take_back(FIXTURE_MEMBER, "👍"), ST_UNKNOWN_MESSAGE);
}
END_TEST

/* Of 40: U+1F600 and on. */
static const char *emoji(int i)
{
    static _Thread_local char text[5];
    snprintf(text, sizeof text, "\xf0\x9f\x98%c", (char)(0x80 + i));
    return text;
}

static status raced[40];
static void *react_beside(void *user)
{
    int i = (int)(intptr_t)user;
    struct call *c = fixture_call(&fixture, FIXTURE_MEMBER);
    Hubbub__V1__ReactionRequest req = request(emoji(i));
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    raced[i] = reactions_handlers.add(c, &req, &empty);
    call_fake_destroy(c);
    return NULL;
}

START_TEST(twenty_emoji_and_no_more)
{
    pthread_t threads[12];
    for (int i = 0; i < 14; i++)
        ck_assert_int_eq(react(FIXTURE_MEMBER, emoji(i)), ST_OK);
    for (int i = 0; i < 12; i++)
        pthread_create(&threads[i], NULL, react_beside, (void *)(intptr_t)(14 + i));
    int ok = 0;
    for (int i = 0; i < 12; i++) {
        pthread_join(threads[i], NULL);
        ck_assert(raced[14 + i] == ST_OK || raced[14 + i] == ST_MAX_REACTIONS);
        ok += raced[14 + i] == ST_OK;
    }
    ck_assert_int_eq(ok, 6);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(DISTINCT emoji) FROM reactions"), 20);
    ck_assert_int_eq(react(FIXTURE_OWNER, emoji(30)), ST_MAX_REACTIONS);
    ck_assert_int_eq(react(FIXTURE_OWNER, emoji(3)), ST_OK);
}
END_TEST

START_TEST(reactions_are_cleared)
{
    react(FIXTURE_MEMBER, "👍");
    react(FIXTURE_OWNER, "👍");
    react(FIXTURE_OWNER, "🎉");
    ck_assert_int_eq(clear(FIXTURE_OWNER, "👍"), ST_OK);
    ck_assert_str_eq(event()->reactions_clear->emoji->name, "👍");
    ck_assert_str_eq(shown(FIXTURE_OWNER), "🎉 1 1,");
    ck_assert_int_eq(clear(FIXTURE_OWNER, NULL), ST_OK);
    ck_assert_uint_eq(event()->reactions_clear_all->message_id, message);
    ck_assert_int_eq(clear(FIXTURE_OWNER, NULL), ST_OK);
    ck_assert_ptr_null(event());
    react(FIXTURE_MEMBER, "👍");
    Hubbub__V1__MessageRequest req = HUBBUB__V1__MESSAGE_REQUEST__INIT;
    Hubbub__V1__Empty empty = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, message_id, message);
    ck_assert_int_eq(messages_handlers.delete(as(FIXTURE_OWNER), &req, &empty), ST_OK);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM reactions"), 0);
}
END_TEST

static size_t listed(uint64_t user, const char *text, uint64_t after, int limit, int type, uint64_t *ret_first)
{
    Hubbub__V1__ListReactionsRequest req = HUBBUB__V1__LIST_REACTIONS_REQUEST__INIT;
    Hubbub__V1__UserList list = HUBBUB__V1__USER_LIST__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, message_id, message);
    PB_SET(&req, after, after);
    PB_SET(&req, limit, limit);
    PB_SET(&req, type, type);
    req.emoji = (char *)text;
    ck_assert_int_eq(reactions_handlers.list(as(user), &req, &list), ST_OK);
    *ret_first = list.n_users ? list.users[0]->id : 0;
    return list.n_users;
}

START_TEST(who_reacted_is_listed_by_pages)
{
    uint64_t first;
    react(FIXTURE_MEMBER, "👍");
    react(FIXTURE_OWNER, "👍");
    ck_assert_uint_eq(listed(FIXTURE_MEMBER, "👍", 0, 25, 0, &first), 2);
    ck_assert_uint_eq(first, FIXTURE_OWNER);
    ck_assert_uint_eq(listed(FIXTURE_MEMBER, "👍", 0, 1, 0, &first), 1);
    ck_assert_uint_eq(listed(FIXTURE_MEMBER, "👍", FIXTURE_OWNER, 25, 0, &first), 1);
    ck_assert_uint_eq(first, FIXTURE_MEMBER);
    ck_assert_uint_eq(listed(FIXTURE_MEMBER, "👍", UINT64_MAX, 25, 0, &first), 0);
    ck_assert_uint_eq(listed(FIXTURE_MEMBER, "👍", 0, 25, 1, &first), 0);
    ck_assert_uint_eq(listed(FIXTURE_MEMBER, "🎉", 0, 25, 0, &first), 0);
}
END_TEST

int main(void)
{
    log_init("handle_reactions_test", "error");
    postgres_start();
    TCase *t = tcase_create("reactions");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_reaction_is_told_and_shown);
    tcase_add_test(t, pages_show_reactions);
    tcase_add_test(t, permissions_decide);
    tcase_add_test(t, what_is_unknown_is_refused);
    tcase_add_test(t, twenty_emoji_and_no_more);
    tcase_add_test(t, reactions_are_cleared);
    tcase_add_test(t, who_reacted_is_listed_by_pages);
    Suite *s = suite_create("services/chat reactions");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
