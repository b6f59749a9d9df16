/* Goal: over a real Redis, seats of a person are exactly as many as there may be, whoever claims them; one is its
 * session's, and is free when nobody keeps it or when it is left; without a Redis every seat is given. */
#include "lib/base/clock.h"
#include "lib/bus/redis_fixture.h"
#include "services/gateway/edge/seats.h"
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

enum { GATEWAYS = 2, MAX = 5, LEASE_MS = 1500, PERSON = 7 };

static struct redis_fixture redis;
static uv_loop_t loop;
static uv_timer_t ticker;
static struct seats *gateways[GATEWAYS];
static unsigned answers, given;

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

static void on_claim(void *user, bool seated)
{
    answers++;
    given += seated;
}

static const char *name(unsigned session)
{
    static char text[32];
    snprintf(text, sizeof text, "session-%u", session);
    return text;
}

static bool claim(unsigned gateway, uint64_t person, unsigned session)
{
    unsigned before = given, asked = answers;
    seats_claim(gateways[gateway], person, name(session), MAX, on_claim, NULL);
    RUN_UNTIL(answers == asked + 1, 5000);
    return given > before;
}

static bool is_kept(unsigned sessions)
{
    char count[8];
    snprintf(count, sizeof count, "%u", sessions);
    return !strcmp(redis_fixture_ask(&redis, "ZCARD seats:7"), count);
}

static void set_up(void)
{
    answers = given = 0;
    redis_fixture_init(&redis);
    redis_fixture_start(&redis);
    uv_loop_init(&loop);
    uv_timer_init(&loop, &ticker);
    uv_timer_start(&ticker, wake, 5, 5);
    for (unsigned i = 0; i < GATEWAYS; i++) {
        gateways[i] = seats_create(&loop, redis.url, LEASE_MS);
        RUN_UNTIL((claim(i, 1000 + i, 0),
                   !strcmp(redis_fixture_ask(&redis, i ? "EXISTS seats:1001" : "EXISTS seats:1000"), "1")),
                  5000);
    }
}

static void tear_down(void)
{
    for (unsigned i = 0; i < GATEWAYS; i++)
        seats_destroy(gateways[i]);
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    redis_fixture_finish(&redis);
}

START_TEST(gateways_that_claim_at_once_give_no_seat_too_many)
{
    unsigned asked = answers, had = given;
    for (unsigned i = 0; i < 20; i++)
        seats_claim(gateways[i % GATEWAYS], PERSON, name(i), MAX, on_claim, NULL);
    RUN_UNTIL(answers == asked + 20, 5000);
    ck_assert_uint_eq(given - had, MAX);
    ck_assert(claim(0, PERSON + 1, 0)); /* somebody else's are others */
}
END_TEST

START_TEST(a_seat_is_its_sessions)
{
    for (unsigned i = 0; i < MAX; i++)
        ck_assert(claim(0, PERSON, i));
    ck_assert(!claim(1, PERSON, MAX));
    ck_assert(claim(1, PERSON, 0)); /* again, at another gateway */
    ck_assert(is_kept(MAX));
    seats_leave(gateways[1], PERSON, name(0));
    RUN_UNTIL(is_kept(MAX - 1), 2000);
    ck_assert(claim(1, PERSON, MAX));
    seats_keep(gateways[0], PERSON, name(0)); /* one that is open stays, also past the most */
    RUN_UNTIL(is_kept(MAX + 1), 2000);
    ck_assert(!claim(0, PERSON, MAX + 1));
}
END_TEST

START_TEST(a_seat_that_nobody_keeps_is_free)
{
    for (unsigned i = 0; i < MAX; i++)
        ck_assert(claim(0, PERSON, i));
    int64_t began = clock_mono_ms();
    while (clock_mono_ms() < began + LEASE_MS + 500) {
        seats_keep(gateways[0], PERSON, name(0));
        uv_run(&loop, UV_RUN_ONCE);
    }
    for (unsigned i = 1; i < MAX; i++)
        ck_assert(claim(1, PERSON, MAX + i));
    ck_assert(!claim(1, PERSON, 2 * MAX));
}
END_TEST

START_TEST(without_redis_every_seat_is_given)
{
    for (unsigned i = 0; i < MAX; i++)
        ck_assert(claim(0, PERSON, i));
    ck_assert(!claim(0, PERSON, MAX));
    redis_fixture_kill(&redis);
    ck_assert(claim(0, PERSON, MAX));
    ck_assert(claim(0, PERSON, MAX + 1));
    redis_fixture_start(&redis);
    RUN_UNTIL((seats_keep(gateways[0], PERSON, name(0)), is_kept(1)), 10000);
    for (unsigned i = 1; i < MAX; i++)
        ck_assert(claim(0, PERSON, i));
    ck_assert(!claim(0, PERSON, MAX));
}
END_TEST

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    Suite *s = suite_create("seats");
    TCase *t = tcase_create("seats");
    tcase_set_timeout(t, 30);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, gateways_that_claim_at_once_give_no_seat_too_many);
    tcase_add_test(t, a_seat_is_its_sessions);
    tcase_add_test(t, a_seat_that_nobody_keeps_is_free);
    tcase_add_test(t, without_redis_every_seat_is_given);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
