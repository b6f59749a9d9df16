/* Many at once: what is asked of chat stays within its bounds, RESUMEs go first, who is not let in is told so and gets
 * in later, and everybody does in the end. */
#include "services/gateway/core/fake_world.h"
#include <check.h>

enum { HERD = 200 };

static struct fake_world *w;
static struct fake_client *herd[HERD];

static void set_up(void)
{
    w = fake_create(7);
    w->quiet = true;
    fake_tick(w, 10);
    ck_assert(fake_answer(w, QUESTION_HEADS));
}

static void tear_down(void)
{
    fake_destroy(w);
}

static void identify_bot(struct fake_client *c, unsigned user)
{
    c->user = user;
    fake_send(c, "{\"op\":2,\"d\":{\"token\":\"token-%u-0\",\"intents\":513}}", user);
}

/* Bots have no limit of sessions. */
static void identify_all(unsigned n)
{
    for (unsigned u = 0; u < 3; u++)
        w->users[u].bot = true;
    for (unsigned i = 0; i < n; i++) {
        herd[i] = fake_connect(w);
        identify_bot(herd[i], i % 3);
    }
    fake_tick(w, 10);
}

static unsigned in_flight(enum question_kind kind)
{
    unsigned n = 0;
    for (const struct fake_question *q = w->questions; q; q = q->next)
        n += q->kind == kind;
    return n;
}

static unsigned ready(unsigned n)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += herd[i]->ready;
    return sum;
}

START_TEST(a_guild_is_loaded_once_for_all_who_wait_for_it)
{
    identify_all(HERD);
    while (fake_answer(w, QUESTION_OPEN))
        fake_tick(w, 10);
    ck_assert_uint_eq(w->asked[QUESTION_OPEN], HERD);
    ck_assert_uint_eq(in_flight(QUESTION_SNAPSHOT), 2); /* of two guilds */
    w->quiet = false;
    fake_run(w, 1000);
    ck_assert_uint_eq(ready(HERD), HERD);
    ck_assert_uint_eq(w->asked[QUESTION_SNAPSHOT], 2);
    for (unsigned i = 0; i < HERD; i++)
        ck_assert_uint_eq(fake_count(herd[i], "GUILD_CREATE"), i % 3 == 2 ? 1 : 2);
}
END_TEST

START_TEST(no_more_opens_are_asked_than_allowed)
{
    w->hub->config.identifies_asked_max = 10;
    identify_all(HERD);
    ck_assert_uint_eq(in_flight(QUESTION_OPEN), 10);
    struct hub_stats stats;
    hub_stats(w->hub, &stats);
    ck_assert_uint_eq(stats.identifies_waiting, HERD - 10);
    for (unsigned i = 0; i < HERD; i++) {
        ck_assert(fake_answer(w, QUESTION_OPEN));
        fake_tick(w, 10);
        ck_assert_uint_le(in_flight(QUESTION_OPEN), 10);
    }
    ck_assert_uint_eq(in_flight(QUESTION_OPEN), 0);
}
END_TEST

START_TEST(a_turn_makes_so_many_ready_and_the_next_goes_on)
{
    identify_all(HERD);
    while (fake_answer(w, QUESTION_OPEN))
        fake_tick(w, 10);
    while (fake_answer(w, QUESTION_SNAPSHOT))
        ;
    while (fake_answer(w, QUESTION_PRESENCES))
        ;
    ck_assert(hub_is_behind(w->hub));
    unsigned before = ready(HERD), turns = 0;
    ck_assert_uint_le(before, READIES_A_TURN);
    for (; ready(HERD) < HERD; turns++) {
        before = ready(HERD);
        fake_tick(w, 0);
        ck_assert_uint_gt(ready(HERD), before);
        ck_assert_uint_le(ready(HERD), before + READIES_A_TURN);
    }
    ck_assert_uint_ge(turns, HERD / READIES_A_TURN - 1);
    fake_tick(w, 0);
    ck_assert(!hub_is_behind(w->hub));
}
END_TEST

/* Its socket went, or its guild, while it waited for its turn. */
START_TEST(who_goes_while_waiting_for_the_turn_is_let_go)
{
    identify_all(HERD);
    while (fake_answer(w, QUESTION_OPEN))
        fake_tick(w, 10);
    while (fake_answer(w, QUESTION_SNAPSHOT))
        ;
    while (fake_answer(w, QUESTION_PRESENCES))
        ;
    for (unsigned i = 0; i < HERD; i += 2)
        fake_cut(herd[i], 0);
    w->quiet = false;
    fake_delete_guild(w, 1);
    fake_run(w, 1000);
    for (unsigned i = 0; i < HERD; i++)
        ck_assert(herd[i]->ready || i % 2 == 0);
    ck_assert(!hub_is_behind(w->hub));
}
END_TEST

START_TEST(past_the_queue_op_9_comes_after_a_while_and_they_get_in_then)
{
    w->hub->config.identifies_asked_max = 5;
    w->hub->config.identifies_waiting_max = 20;
    identify_all(HERD);
    struct hub_stats stats;
    hub_stats(w->hub, &stats);
    ck_assert_uint_eq(stats.identifies_waiting, 20);
    ck_assert_uint_eq(stats.identifies_refused, HERD - 25);
    identify_bot(herd[HERD - 1], 0);
    fake_tick(w, 10);
    ck_assert_uint_eq(herd[HERD - 1]->close_code, 4005); /* it is to wait */
    w->quiet = false;
    unsigned told = 0;
    for (int64_t ms = 0; ms < REFUSED_MAX_MS + 200; ms += 100) {
        if (ms == REFUSED_MIN_MS - 100)
            ck_assert_uint_eq(told, 0);
        fake_run(w, 100);
        for (unsigned i = 25; i < HERD - 1; i++) {
            if (!herd[i]->invalid)
                continue;
            told++;
            herd[i]->invalid = false;
            identify_bot(herd[i], i % 3);
        }
    }
    ck_assert_uint_ge(told, HERD - 26);
    fake_run(w, 2000);
    ck_assert_uint_eq(ready(HERD), HERD - 1);
}
END_TEST

START_TEST(whose_turn_does_not_come_is_told_so)
{
    w->hub->config.identifies_asked_max = 1;
    identify_all(3);
    fake_run(w, IDENTIFY_WAIT_MS + 200);
    ck_assert_uint_eq(fake_count_op(herd[0], 9), 0); /* it was asked */
    ck_assert_uint_eq(fake_count_op(herd[1], 9), 1);
    ck_assert_uint_eq(fake_count_op(herd[2], 9), 1);
    struct hub_stats stats;
    hub_stats(w->hub, &stats);
    ck_assert_uint_eq(stats.identifies_overdue, 2);
    ck_assert_uint_eq(stats.identifies_waiting, 0);
}
END_TEST

START_TEST(one_that_moves_here_goes_before_a_herd)
{
    unsigned other = fake_add_gateway(w);
    w->quiet = false;
    struct fake_client *old = fake_open(w, 3);
    ck_assert(old->ready);
    fake_use(w, other);
    fake_run(w, 1100); /* it has its first digest */
    w->hub->config.identifies_asked_max = 5;
    w->quiet = true;
    identify_all(HERD);
    struct fake_client *mover = fake_connect(w);
    fake_resume(mover, old, old->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE));
    fake_tick(w, 10);
    ck_assert_uint_eq(in_flight(QUESTION_OPEN), 6);
    w->quiet = false;
    fake_run(w, 2000);
    ck_assert_uint_eq(fake_count(mover, "RESUMED"), 1);
}
END_TEST

START_TEST(a_herd_of_resumes_asks_the_owner_within_a_bound)
{
    unsigned other = fake_add_gateway(w);
    w->quiet = false;
    for (unsigned i = 0; i < 3; i++)
        w->users[i].bot = true;
    for (unsigned i = 0; i < HERD; i++)
        herd[i] = fake_connect(w);
    for (unsigned i = 0; i < HERD; i++)
        identify_bot(herd[i], i % 3);
    fake_run(w, 2000);
    ck_assert_uint_eq(ready(HERD), HERD);
    for (unsigned i = 0; i < HERD; i++)
        fake_cut(herd[i], 0);
    fake_use(w, other);
    fake_run(w, 1100);
    w->quiet = true;
    struct fake_client *again[HERD];
    for (unsigned i = 0; i < HERD; i++) {
        again[i] = fake_connect(w);
        fake_resume(again[i], herd[i], herd[i]->seq);
    }
    ck_assert_uint_eq(in_flight(QUESTION_TAKE), TAKES_MAX);
    fake_cut(again[HERD - 1], 0); /* while it waits */
    w->quiet = false;
    fake_run(w, 3000);
    for (unsigned i = 0; i < HERD - 1; i++)
        ck_assert_uint_eq(fake_count(again[i], "RESUMED"), 1);
}
END_TEST

START_TEST(whose_resume_is_not_asked_in_time_tries_again)
{
    unsigned other = fake_add_gateway(w);
    w->quiet = false;
    struct fake_client *old = fake_open(w, 0);
    fake_use(w, other);
    fake_run(w, 1100);
    w->quiet = true;
    for (unsigned i = 0; i <= TAKES_MAX; i++) {
        herd[i] = fake_connect(w);
        fake_resume(herd[i], old, old->seq);
    }
    fake_run(w, IDENTIFY_WAIT_MS + 200);
    for (unsigned i = 0; i <= TAKES_MAX; i++)
        ck_assert_uint_eq(herd[i]->close_code, i == TAKES_MAX ? 4000 : 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("herd");
    TCase *t = tcase_create("core");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_guild_is_loaded_once_for_all_who_wait_for_it);
    tcase_add_test(t, no_more_opens_are_asked_than_allowed);
    tcase_add_test(t, a_turn_makes_so_many_ready_and_the_next_goes_on);
    tcase_add_test(t, who_goes_while_waiting_for_the_turn_is_let_go);
    tcase_add_test(t, past_the_queue_op_9_comes_after_a_while_and_they_get_in_then);
    tcase_add_test(t, whose_turn_does_not_come_is_told_so);
    tcase_add_test(t, one_that_moves_here_goes_before_a_herd);
    tcase_add_test(t, a_herd_of_resumes_asks_the_owner_within_a_bound);
    tcase_add_test(t, whose_resume_is_not_asked_in_time_tries_again);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
