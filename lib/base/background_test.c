/* Goal: a background thread rests as long as it is told, less when it is woken, and is over when its end returns. */
#include "lib/base/background.h"
#include "lib/base/clock.h"
#include <check.h>
#include <sched.h>
#include <stdlib.h>

enum { FOREVER_MS = 3600000, PATIENCE_MS = 10000 };

struct worker {
    struct background thread;
    int64_t rest_ms;
    atomic_int rounds;
    atomic_bool over;
};

static void run(void *user)
{
    struct worker *w = user;
    while (background_rest(&w->thread, w->rest_ms))
        atomic_fetch_add(&w->rounds, 1);
    atomic_store(&w->over, true);
}

static void expect_rounds(struct worker *w, int n)
{
    int64_t until_ms = clock_mono_ms() + PATIENCE_MS;
    while (atomic_load(&w->rounds) < n && clock_mono_ms() < until_ms)
        sched_yield();
    ck_assert_int_ge(atomic_load(&w->rounds), n);
}

START_TEST(it_works_when_it_is_woken)
{
    struct worker w = {.rest_ms = FOREVER_MS};
    background_start(&w.thread, "a test", run, &w);
    for (int i = 1; i <= 3; i++) {
        background_wake(&w.thread);
        expect_rounds(&w, i);
    }
    ck_assert_int_eq(atomic_load(&w.rounds), 3);
    background_end(&w.thread);
    ck_assert(atomic_load(&w.over));
    ck_assert_int_eq(atomic_load(&w.rounds), 3);
}
END_TEST

START_TEST(it_works_when_it_has_rested)
{
    struct worker w = {.rest_ms = 1};
    background_start(&w.thread, "a test", run, &w);
    expect_rounds(&w, 3);
    background_end(&w.thread);
    ck_assert(atomic_load(&w.over));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("background");
    TCase *t = tcase_create("background");
    tcase_add_test(t, it_works_when_it_is_woken);
    tcase_add_test(t, it_works_when_it_has_rested);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
