/* Paths find their route: a literal beats a parameter, verbs decide between 404 and 405, prefixes and ranges are read
 * strictly, escapes decode to UTF-8 or not at all, and timers fire late but never early. */
#include "services/gateway/edge/range.h"
#include "services/gateway/edge/router.h"
#include "services/gateway/edge/url.h"
#include "services/gateway/edge/wheel.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

static const struct wire_route routes[] = {
    {.verb = "GET", .path = "/users/{user_id}"},
    {.verb = "GET", .path = "/users/@me"},
    {.verb = "PATCH", .path = "/guilds/{guild_id}/members/@me"},
    {.verb = "GET", .path = "/guilds/{guild_id}/members/{user_id}"},
    {.verb = "DELETE", .path = "/channels/{channel_id}/messages/{message_id}"},
};

START_TEST(routes_are_found)
{
    static const struct {
        const char *verb, *path;
        int index; /* -1: 405, -2: 404 */
    } rows[] = {
        {"GET", "/users/1", 0},
        {"GET", "/users/@me", 1},
        {"GET", "/users/@me/", 1},
        {"GET", "/guilds/1/members/@me", 3},
        {"PATCH", "/guilds/1/members/@me", 2},
        {"PATCH", "/guilds/1/members/2", -1},
        {"GET", "/users", -2},
        {"GET", "/users//", -2},
        {"GET", "/users/1/2", -2},
        {"POST", "/users/@me", -1},
        {"GET", "/", -2},
        {"DELETE", "/channels/1/messages/2", 4},
        {"GET", "/users/1//", -2},
    };
    struct router *r = router_create(routes, sizeof routes / sizeof routes[0]);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct router_match m;
        router_find(r, rows[i].verb, rows[i].path, &m);
        int found = m.route ? (int)m.index : m.path_exists ? -1 : -2;
        ck_assert_msg(found == rows[i].index, "%s %s: %d", rows[i].verb, rows[i].path, found);
    }
    struct router_match m;
    router_find(r, "DELETE", "/channels/12/messages/34%20", &m);
    ck_assert_uint_eq(m.n_parameters, 2);
    ck_assert_str_eq(m.parameters[0].name, "channel_id");
    ck_assert_int_eq(strncmp(m.parameters[1].value, "34%20", m.parameters[1].len), 0);
    ck_assert_uint_eq(m.parameters[1].len, 5);
    router_destroy(r);
}
END_TEST

START_TEST(prefixes)
{
    bool bad;
    ck_assert_str_eq(router_strip_prefix("/api/v10/users/1", &bad), "/users/1");
    ck_assert_str_eq(router_strip_prefix("/api/v9/users", &bad), "/users");
    ck_assert_str_eq(router_strip_prefix("/v1/users", &bad), "/users");
    ck_assert_str_eq(router_strip_prefix("/api/users", &bad), "/users");
    ck_assert_ptr_null(router_strip_prefix("/users", &bad));
    ck_assert(!bad);
    ck_assert_ptr_null(router_strip_prefix("/api/v8/users", &bad));
    ck_assert(bad);
}
END_TEST

START_TEST(ranges)
{
    static const struct {
        const char *header;
        enum range_kind kind;
        uint64_t first, length;
    } rows[] = {
        {NULL, RANGE_WHOLE, 0, 0},
        {"bytes=0-99", RANGE_PART, 0, 100},
        {"bytes=0-0", RANGE_PART, 0, 1},
        {"bytes=500-", RANGE_PART, 500, 500},
        {"bytes=900-5000", RANGE_PART, 900, 100},
        {"bytes=-10", RANGE_PART, 990, 10},
        {"bytes=-5000", RANGE_PART, 0, 1000},
        {"bytes=-0", RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=1000-", RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-1,5-6", RANGE_WHOLE, 0, 0},
        {"bytes=5-1", RANGE_WHOLE, 0, 0},
        {"bytes=a-", RANGE_WHOLE, 0, 0},
        {"items=0-1", RANGE_WHOLE, 0, 0},
        {"bytes=99999999999999999999999-", RANGE_WHOLE, 0, 0},
        {"bytes=0-18446744073709551615", RANGE_PART, 0, 1000},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t first = 0, length = 0;
        ck_assert_msg(range_parse(rows[i].header, 1000, &first, &length) == rows[i].kind, "%s", rows[i].header);
        ck_assert_uint_eq(first, rows[i].first);
        ck_assert_uint_eq(length, rows[i].length);
    }
    uint64_t first, length;
    ck_assert_int_eq(range_parse("bytes=0-", 0, &first, &length), RANGE_UNSATISFIABLE);
}
END_TEST

START_TEST(escapes)
{
    struct arena *a = arena_create(0);
    ck_assert_str_eq(url_decode(a, "a%20b+%C3%A9", 12, false), "a b+\xc3\xa9");
    ck_assert_str_eq(url_decode(a, "a+b", 3, true), "a b");
    ck_assert_str_eq(url_decode(a, "%2e%2F", 6, false), "./");
    static const char *const broken[] = {"%", "%4", "%zz", "%00", "%ff", "%c3", "%ed%a0%80", "a%"};
    for (unsigned i = 0; i < sizeof broken / sizeof broken[0]; i++)
        ck_assert_msg(!url_decode(a, broken[i], strlen(broken[i]), false), "%s", broken[i]);
    ck_assert_str_eq(url_encode(a, "a b\"\r\n\xc3\xa9.png"), "a%20b%22%0D%0A%C3%A9.png");
    struct url_pair pairs[3];
    unsigned n;
    ck_assert(url_query(a, "a=1&&b=x%26y&c", pairs, 3, &n));
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(pairs[1].value, "x&y");
    ck_assert_str_eq(pairs[2].name, "c");
    ck_assert_str_eq(pairs[2].value, "");
    ck_assert(!url_query(a, "a&b&c&d", pairs, 3, &n));
    ck_assert(!url_query(a, "a=%ff", pairs, 3, &n));
    arena_destroy(a);
}
END_TEST

static int64_t now;
static int fired;

static void on_fire(struct wheel_timer *t)
{
    ck_assert_int_ge(now, t->due_ms);
    ck_assert_int_le(now, t->due_ms + 2 * WHEEL_SLOT_MS);
    ck_assert_ptr_null(t->next);
    fired++;
}

START_TEST(timers_fire_late_but_never_early)
{
    static struct wheel_timer timers[1000];
    struct wheel w;
    now = 123456;
    wheel_init(&w, now);
    srand(3);
    for (int i = 0; i < 1000; i++) {
        timers[i].fire = on_fire;
        wheel_set(&w, &timers[i], now + rand() % 400000); /* up to six turns of the wheel */
    }
    for (int i = 0; i < 100; i++)
        wheel_cancel(&timers[i]);
    wheel_cancel(&timers[0]);
    for (int i = 100; i < 200; i++)
        wheel_set(&w, &timers[i], now + 1000 + i);
    for (int64_t end = now + 410000; now < end; now += 20)
        wheel_tick(&w, now);
    ck_assert_int_eq(fired, 900);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("router");
    TCase *t = tcase_create("router");
    tcase_add_test(t, routes_are_found);
    tcase_add_test(t, prefixes);
    tcase_add_test(t, ranges);
    tcase_add_test(t, escapes);
    tcase_add_test(t, timers_fire_late_but_never_early);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
