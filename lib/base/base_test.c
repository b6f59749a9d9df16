/* lib/base: an arena hands out zeroed, aligned memory past its block size; a buffer keeps its limit; a metric's text adds up. */
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include "lib/base/metric.h"
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

START_TEST(arena_allocations_are_zeroed_aligned_and_apart)
{
    struct arena *a = arena_create(0);
    unsigned char *last = NULL;
    for (size_t n = 1; n < 9000; n = n * 2 + 1) {
        unsigned char *p = arena_alloc(a, n);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < n; i++)
            ck_assert_uint_eq(p[i], 0);
        memset(p, 0xff, n);
        ck_assert_ptr_ne(p, last);
        last = p;
    }
    ck_assert_str_eq(arena_printf(a, "%s-%d", "x", 7), "x-7");
    ck_assert_str_eq(arena_strndup(a, "abcdef", 3), "abc");
    arena_destroy(a);
}
END_TEST

START_TEST(buffer_stops_at_its_limit_and_says_so)
{
    struct buf b = {.bytes_max = 300};
    for (int i = 0; i < 30; i++)
        buf_puts(&b, "0123456789");
    ck_assert(!b.failed);
    ck_assert_uint_eq(b.len, 300);
    buf_putc(&b, 'x');
    ck_assert(b.failed);
    ck_assert_uint_eq(b.len, 300);
    buf_finish(&b);
}
END_TEST

START_TEST(buffer_prints_long_text_whole)
{
    char text[1000];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct buf b = {0};
    buf_printf(&b, "<%s>", text);
    ck_assert_uint_eq(b.len, sizeof text + 1);
    ck_assert_int_eq(buf_str(&b)[b.len - 1], '>');
    buf_finish(&b);
}
END_TEST

START_TEST(histogram_buckets_are_cumulative_and_in_seconds)
{
    static struct metric m = METRIC_HISTOGRAM("test_seconds", "help", "a=\"b\"");
    metric_observe_us(&m, 400);
    metric_observe_us(&m, 3000);
    metric_observe_us(&m, 20000000);
    struct buf b = {0};
    metric_write(&b);
    const char *text = buf_str(&b);
    ck_assert_ptr_nonnull(strstr(text, "test_seconds_bucket{a=\"b\",le=\"0.0005\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(text, "test_seconds_bucket{a=\"b\",le=\"0.005\"} 2\n"));
    ck_assert_ptr_nonnull(strstr(text, "test_seconds_bucket{a=\"b\",le=\"+Inf\"} 3\n"));
    ck_assert_ptr_nonnull(strstr(text, "test_seconds_sum{a=\"b\"} 20.0034\n"));
    ck_assert_ptr_nonnull(strstr(text, "# TYPE process_open_fds gauge\n"));
    buf_finish(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("base");
    TCase *t = tcase_create("base");
    tcase_add_test(t, arena_allocations_are_zeroed_aligned_and_apart);
    tcase_add_test(t, buffer_stops_at_its_limit_and_says_so);
    tcase_add_test(t, buffer_prints_long_text_whole);
    tcase_add_test(t, histogram_buckets_are_cumulative_and_in_seconds);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
