/* bus_command over a real redis-server: answers come in order and exactly once; a Redis that hangs costs its patience
 * once and then nothing, one that is gone costs nothing, and both are used again when they are back. */
#include "lib/base/clock.h"
#include "lib/bus/bus_command.h"
#include "lib/bus/redis_fixture.h"
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum { PATIENCE_MS = 50 };
static const char script[] = "return {redis.call('INCRBY', KEYS[1], ARGV[1]), redis.call('PTTL', KEYS[1])}";

static struct redis_fixture redis;
static uv_loop_t loop;
static uv_timer_t ticker;
static struct bus_commander *commander;
static unsigned answers;
static status last;
static int64_t numbers_seen[64];

static void wake(uv_timer_t *timer)
{
}

#define RUN_UNTIL(condition, limit_ms)                                                                                 \
    do {                                                                                                               \
        int64_t until_ = clock_mono_ms() + (limit_ms);                                                                 \
        while (!(condition) && clock_mono_ms() < until_)                                                               \
            uv_run(&loop, UV_RUN_ONCE);                                                                                \
        ck_assert_msg((condition), "not within %d ms: " #condition, (int)(limit_ms));                                  \
    } while (0)

static void on_answer(void *user, status st, const int64_t *numbers, unsigned n)
{
    last = st;
    ck_assert_uint_eq(n, st == ST_OK ? 2 : 0);
    numbers_seen[answers++ % 64] = st == ST_OK ? numbers[0] : -1;
}

static void run(int64_t by)
{
    bus_command_run(commander, (const char *const[]){"counted"}, 1, &by, 1, on_answer, NULL);
}

static void set_up(void)
{
    answers = 0;
    last = ST_INTERNAL;
    redis_fixture_init(&redis);
    uv_loop_init(&loop);
    uv_timer_init(&loop, &ticker);
    uv_timer_start(&ticker, wake, 5, 5);
    redis_fixture_start(&redis);
    commander = bus_commander_create(&loop, redis.url, script, PATIENCE_MS);
    ck_assert_ptr_nonnull(commander);
    RUN_UNTIL(bus_commander_ready(commander), 2000);
}

static void tear_down(void)
{
    bus_commander_destroy(commander);
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    redis_fixture_finish(&redis);
}

START_TEST(each_command_is_answered_once_and_in_order)
{
    for (int i = 0; i < 50; i++)
        run(1);
    RUN_UNTIL(answers == 50, 1000);
    for (int i = 0; i < 50; i++)
        ck_assert_int_eq(numbers_seen[i], i + 1);
}
END_TEST

static char text_seen[64];

static void on_text(void *user, status st, const int64_t *numbers, unsigned n)
{
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(numbers[0], 2);
    const char *text = bus_command_text(*(struct bus_commander **)user);
    snprintf(text_seen, sizeof text_seen, "%s", text ? text : "(none)");
    answers++;
}

START_TEST(a_text_goes_there_and_comes_back)
{
    struct bus_commander *other =
        bus_commander_create(&loop, redis.url, "return {#ARGV, ARGV[2] ~= '' and ARGV[2] or nil}", PATIENCE_MS);
    int64_t one = 1;
    RUN_UNTIL(bus_commander_ready(other), 2000);
    bus_command_run_text(other, (const char *const[]){"k"}, 1, &one, 1, "a b:c", on_text, &other);
    RUN_UNTIL(answers == 1, 1000);
    ck_assert_str_eq(text_seen, "a b:c");
    bus_command_run_text(other, (const char *const[]){"k"}, 1, &one, 1, "", on_text, &other);
    RUN_UNTIL(answers == 2, 1000);
    ck_assert_str_eq(text_seen, "(none)");
    bus_commander_destroy(other);
}
END_TEST

START_TEST(a_redis_that_lost_the_script_is_given_it_again)
{
    redis_fixture_ask(&redis, "SCRIPT FLUSH");
    run(7);
    RUN_UNTIL(answers == 1, 1000);
    ck_assert_int_eq(last, ST_OK);
    ck_assert_int_eq(numbers_seen[0], 7);
}
END_TEST

START_TEST(a_hanging_redis_costs_its_patience_once)
{
    redis_fixture_signal(&redis, SIGSTOP);
    int64_t began = clock_mono_ms();
    run(1);
    run(1);
    RUN_UNTIL(answers == 2, 1000);
    ck_assert_int_eq(last, ST_DEADLINE);
    ck_assert_int_ge(clock_mono_ms() - began, PATIENCE_MS);
    run(1);
    ck_assert_uint_eq(answers, 3); /* at once */
    ck_assert_int_eq(last, ST_UNAVAILABLE);
    redis_fixture_signal(&redis, SIGCONT);
    RUN_UNTIL(bus_commander_ready(commander), 5000);
    run(1);
    RUN_UNTIL(answers == 4, 1000);
    ck_assert_int_eq(last, ST_OK);
    ck_assert_int_eq(numbers_seen[3], 3); /* the two that were given up were run after all */
}
END_TEST

START_TEST(it_comes_back_to_a_redis_that_hung_for_long)
{
    redis_fixture_signal(&redis, SIGSTOP);
    run(1);
    RUN_UNTIL(answers == 1, 1000);
    int64_t until = clock_mono_ms() + 2500;
    while (clock_mono_ms() < until)
        uv_run(&loop, UV_RUN_ONCE);
    redis_fixture_signal(&redis, SIGCONT);
    RUN_UNTIL(bus_commander_ready(commander), 5000);
    run(1);
    RUN_UNTIL(answers == 2, 1000);
    ck_assert_int_eq(last, ST_OK);
}
END_TEST

START_TEST(a_killed_redis_is_noticed_and_found_again)
{
    run(1);
    redis_fixture_kill(&redis);
    RUN_UNTIL(!bus_commander_ready(commander) && answers, 1000);
    run(1);
    ck_assert_int_eq(last, ST_UNAVAILABLE);
    redis_fixture_start(&redis);
    RUN_UNTIL(bus_commander_ready(commander), 5000);
    answers = 0;
    run(5);
    RUN_UNTIL(answers == 1, 1000);
    ck_assert_int_eq(numbers_seen[0], 5);
}
END_TEST

START_TEST(an_error_of_the_script_is_told)
{
    redis_fixture_ask(&redis, "SET counted text");
    run(1);
    RUN_UNTIL(answers == 1, 1000);
    ck_assert_int_eq(last, ST_UNAVAILABLE);
    ck_assert(bus_commander_ready(commander));
}
END_TEST

START_TEST(what_waits_at_the_end_is_told)
{
    run(1);
    bus_commander_destroy(commander);
    commander = NULL;
    ck_assert_uint_eq(answers, 1);
    ck_assert_int_eq(last, ST_CANCELLED);
    ck_assert_ptr_null(bus_commander_create(&loop, "http://127.0.0.1", script, PATIENCE_MS));
}
END_TEST

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    TCase *c = tcase_create("bus_command");
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_set_timeout(c, 30);
    tcase_add_test(c, each_command_is_answered_once_and_in_order);
    tcase_add_test(c, a_text_goes_there_and_comes_back);
    tcase_add_test(c, a_redis_that_lost_the_script_is_given_it_again);
    tcase_add_test(c, a_hanging_redis_costs_its_patience_once);
    tcase_add_test(c, it_comes_back_to_a_redis_that_hung_for_long);
    tcase_add_test(c, a_killed_redis_is_noticed_and_found_again);
    tcase_add_test(c, an_error_of_the_script_is_told);
    tcase_add_test(c, what_waits_at_the_end_is_told);
    Suite *s = suite_create("bus_command");
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
