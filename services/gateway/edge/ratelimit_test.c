/* Limits: how they are written, who shares a count, what the counts mean for a client, and what the process counts
 * while Redis is away. */
#include "services/gateway/edge/limit_table.h"
#include "services/gateway/edge/ratelimit.h"
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static struct ratelimit_limit limits[RATELIMIT_CLASSES] = {
    [RATELIMIT_GLOBAL] = {50, 1000}, [RATELIMIT_MESSAGES] = {10, 5000}, [RATELIMIT_READ] = {3, 2000}};

static struct ratelimit_rule rule(enum ratelimit_class class, const char *bucket, uint64_t who)
{
    struct ratelimit_rule r;
    ratelimit_rule_init(&r, limits, class, bucket);
    ratelimit_key_add_number(&r.key, who);
    return r;
}

START_TEST(limits_are_read_or_refused)
{
    struct ratelimit_limit l;
    ck_assert(ratelimit_parse("10/5", &l) && l.count == 10 && l.window_ms == 5000);
    ck_assert(ratelimit_parse("off", &l) && l.count == 0);
    static const char *const wrong[] = {
        "",          "10", "10/", "/5", "0/5", "10/0", "-1/5", "10/5s", " 10/5", "1e3/5", "99999999999999999999/1",
        "1/99999999"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!ratelimit_parse(wrong[i], &l), "%s", wrong[i]);
}
END_TEST

START_TEST(the_defaults_are_limits)
{
    const char *const argv[] = {"gateway"};
    struct ratelimit_limit all[RATELIMIT_CLASSES];
    config_load("gateway", 1, (char **)argv, &ratelimit_options, 1);
    ck_assert_ptr_null(ratelimit_read_options(all));
    for (unsigned i = 0; i < RATELIMIT_CLASSES; i++)
        ck_assert_msg(all[i].count > 0 && all[i].window_ms > 0, "class %u", i);
    ck_assert_int_ge(all[RATELIMIT_REGISTER].count, 60); /* a classroom */
    setenv("HUBBUB_RATELIMIT_READ", "much", 1);
    config_load("gateway", 1, (char **)argv, &ratelimit_options, 1);
    ck_assert_str_eq(ratelimit_read_options(all), "HUBBUB_RATELIMIT_READ");
    setenv("HUBBUB_RATELIMIT_READ", "off", 1);
    setenv("HUBBUB_RATELIMIT", "off", 1);
    config_load("gateway", 1, (char **)argv, &ratelimit_options, 1);
    ck_assert_ptr_null(ratelimit_read_options(all));
    for (unsigned i = 0; i < RATELIMIT_FRAMES; i++)
        ck_assert_int_eq(all[i].count, 0);
    ck_assert_int_eq(all[RATELIMIT_FRAMES].count, 120);
    ck_assert_int_eq(all[RATELIMIT_PRESENCE].count, 5);
}
END_TEST

START_TEST(keys_are_the_same_for_the_same_and_differ_otherwise)
{
    struct ratelimit_rule a = rule(RATELIMIT_READ, "one", 1), b = rule(RATELIMIT_READ, "one", 1),
                          c = rule(RATELIMIT_READ, "one", 2), d = rule(RATELIMIT_READ, "two", 1);
    ck_assert(!memcmp(&a.key, &b.key, sizeof a.key));
    ck_assert(memcmp(&a.key, &c.key, sizeof a.key));
    ck_assert(memcmp(&a.key, &d.key, sizeof a.key));
    ck_assert_str_eq(a.bucket, c.bucket); /* the name is of the bucket, not of who uses it */
    ck_assert_str_ne(a.bucket, d.bucket);
    char text[RATELIMIT_KEY_TEXT_BYTES];
    ratelimit_key_text(&a.key, text);
    ck_assert_uint_eq(strlen(text), 35);
    ck_assert_uint_eq(strspn(text + 3, "0123456789abcdef"), 32);
}
END_TEST

START_TEST(a_route_has_its_class)
{
    struct wire_route send = {.verb = "POST", .bucket = "hubbub.v1.Messages.Create"},
                      get = {.verb = "GET", .bucket = "hubbub.v1.Guilds.Get"},
                      put = {.verb = "PUT", .bucket = "hubbub.v1.Channels.PutOverwrite"};
    ck_assert_int_eq(ratelimit_class_of(&send), RATELIMIT_MESSAGES);
    ck_assert_int_eq(ratelimit_class_of(&get), RATELIMIT_READ);
    ck_assert_int_eq(ratelimit_class_of(&put), RATELIMIT_WRITE);
}
END_TEST

START_TEST(answers_of_redis_are_read_or_refused)
{
    struct ratelimit_rule rules[2] = {rule(RATELIMIT_GLOBAL, "all", 1), rule(RATELIMIT_MESSAGES, "m", 1)};
    bool counted;
    ck_assert(ratelimit_read_answer(rules, 2, (int64_t[]){1, 7, 300, 10, 2500}, 5, 1000, &counted) && counted);
    ck_assert(rules[0].count == 7 && rules[0].reset_ms == 1301 && rules[1].count == 10 && rules[1].reset_ms == 3501);
    ck_assert(ratelimit_read_answer(rules, 2, (int64_t[]){0, 0, -2, 10, 2500}, 5, 1000, &counted) && !counted);
    ck_assert_int_eq(rules[0].reset_ms, 2000); /* not begun: a whole window */
    ck_assert_int_eq(ratelimit_judge(rules, 2), 1);
    ck_assert(!ratelimit_read_answer(rules, 2, (int64_t[]){1, 7, 300}, 3, 1000, &counted));
}
END_TEST

START_TEST(the_rule_that_is_full_for_longest_is_told)
{
    struct ratelimit_rule rules[3] = {rule(RATELIMIT_GLOBAL, "all", 1), rule(RATELIMIT_READ, "r", 1),
                                      rule(RATELIMIT_MESSAGES, "m", 1)};
    ck_assert_int_eq(ratelimit_judge(rules, 3), RATELIMIT_NO_RULE);
    rules[0].count = 50;
    rules[0].reset_ms = 10;
    ck_assert_int_eq(ratelimit_judge(rules, 3), 0);
    rules[1].count = 3;
    rules[1].reset_ms = 20;
    ck_assert_int_eq(ratelimit_judge(rules, 3), 1);
    rules[1].cost = 0; /* it only asks */
    ck_assert_int_eq(ratelimit_judge(rules, 3), 0);
}
END_TEST

START_TEST(the_process_counts_as_redis_does)
{
    struct limit_table *t = limit_table_create();
    struct ratelimit_rule rules[2];
    for (int i = 0; i < 5; i++) {
        rules[0] = rule(RATELIMIT_GLOBAL, "all", 1);
        rules[1] = rule(RATELIMIT_READ, "r", 1);
        ck_assert_int_eq(limit_table_take(t, rules, 2, 1000 + i), i < 3);
        ck_assert_int_eq(rules[0].count, i < 3 ? i + 1 : 3); /* a refused one counts nowhere */
        ck_assert_int_eq(rules[1].reset_ms, 3000);
    }
    rules[1] = rule(RATELIMIT_READ, "r", 2);
    ck_assert(limit_table_take(t, rules + 1, 1, 1010)); /* somebody else */
    rules[1] = rule(RATELIMIT_READ, "r", 1);
    ck_assert(!limit_table_take(t, rules + 1, 1, 2999));
    ck_assert(limit_table_take(t, rules + 1, 1, 3000));
    ck_assert_int_eq(rules[1].count, 1);
    ck_assert_int_eq(rules[1].reset_ms, 5000);
    limit_table_destroy(t);
}
END_TEST

START_TEST(the_table_is_bounded_and_keeps_what_lasts)
{
    struct limit_table *t = limit_table_create();
    struct ratelimit_rule r = rule(RATELIMIT_MESSAGES, "lasting", 0);
    r.limit = (struct ratelimit_limit){1, 1000000};
    ck_assert(limit_table_take(t, &r, 1, 1));
    for (uint64_t i = 0; i < 200000; i++) {
        struct ratelimit_rule other = rule(RATELIMIT_READ, "short", i);
        ck_assert(limit_table_take(t, &other, 1, 2));
    }
    ck_assert(!limit_table_take(t, &r, 1, 3));
    limit_table_destroy(t);
}
END_TEST

START_TEST(headers_are_what_a_client_expects)
{
    struct ratelimit_rule r = rule(RATELIMIT_MESSAGES, "m", 1);
    struct buf b = {0}, body = {0};
    r.count = 4;
    r.reset_ms = 6005;
    ratelimit_write_headers(&b, &r, 2000, 1700000000250);
    ck_assert_ptr_nonnull(strstr(buf_str(&b), "X-RateLimit-Limit: 10\r\nX-RateLimit-Remaining: 6\r\n"
                                              "X-RateLimit-Reset: 1700000004.255\r\n"
                                              "X-RateLimit-Reset-After: 4.005\r\nX-RateLimit-Bucket: "));
    buf_clear(&b);
    ratelimit_write_refusal(&b, &body, false, 1250);
    ck_assert_str_eq(buf_str(&b), "Retry-After: 2\r\nX-RateLimit-Scope: user\r\n");
    ck_assert_str_eq(buf_str(&body),
                     "{\"message\":\"You are being rate limited.\",\"retry_after\":1.250,\"global\":false,"
                     "\"code\":0}");
    buf_clear(&b);
    ratelimit_write_refusal(&b, &body, true, -5);
    ck_assert_str_eq(buf_str(&b), "Retry-After: 1\r\nX-RateLimit-Scope: global\r\nX-RateLimit-Global: true\r\n");
    buf_finish(&b);
    buf_finish(&body);
}
END_TEST

int main(void)
{
    if (sodium_init() < 0)
        return EXIT_FAILURE;
    TCase *c = tcase_create("ratelimit");
    tcase_set_timeout(c, 30);
    tcase_add_test(c, limits_are_read_or_refused);
    tcase_add_test(c, the_defaults_are_limits);
    tcase_add_test(c, keys_are_the_same_for_the_same_and_differ_otherwise);
    tcase_add_test(c, a_route_has_its_class);
    tcase_add_test(c, answers_of_redis_are_read_or_refused);
    tcase_add_test(c, the_rule_that_is_full_for_longest_is_told);
    tcase_add_test(c, the_process_counts_as_redis_does);
    tcase_add_test(c, the_table_is_bounded_and_keeps_what_lasts);
    tcase_add_test(c, headers_are_what_a_client_expects);
    Suite *s = suite_create("ratelimit");
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
