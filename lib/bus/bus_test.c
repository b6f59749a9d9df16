/* lib/bus over real redis-servers: what is published arrives; a Redis that was killed, stopped or wiped of its
 * connections is noticed, and every topic is subscribed again; nobody who publishes ever waits. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/bus/bus.h"
#include "lib/bus/connect.h"
#include "lib/bus/redis_fixture.h"
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

static struct redis_fixture redis, second;
static uv_loop_t loop;
static struct bus_publisher *publisher;
static struct bus_subscriber *subscriber;
static unsigned messages, ups, downs;
static char last[64];
static bool destroy_at_message;

static void on_message(void *user, const void *data, size_t n)
{
    messages++;
    snprintf(last, sizeof last, "%.*s", (int)n, (const char *)data);
    if (!destroy_at_message)
        return;
    bus_subscriber_destroy(subscriber);
    subscriber = NULL;
}

static void on_state(void *user, bool connected)
{
    *(connected ? &ups : &downs) += 1;
}

static const struct bus_subscriber_events events = {on_message, on_state};

static void wake(uv_timer_t *timer)
{
}

/* Runs the loop until the condition holds; fails after limit_ms. */
#define RUN_UNTIL(condition, limit_ms)                                                                                 \
    do {                                                                                                               \
        int64_t until_ = clock_mono_ms() + (limit_ms);                                                                 \
        while (!(condition) && clock_mono_ms() < until_)                                                               \
            uv_run(&loop, UV_RUN_ONCE);                                                                                \
        ck_assert_msg((condition), "not within %d ms: " #condition, (int)(limit_ms));                                  \
    } while (0)

static uv_timer_t ticker;

static void set_up(void)
{
    messages = ups = downs = 0;
    destroy_at_message = false;
    redis_fixture_init(&redis);
    uv_loop_init(&loop);
    uv_timer_init(&loop, &ticker);
    uv_timer_start(&ticker, wake, 10, 10);
}

static void set_up_running(void)
{
    set_up();
    redis_fixture_start(&redis);
    publisher = bus_publisher_create(redis.url);
    subscriber = bus_subscriber_create(&loop, redis.url, &events, NULL);
    bus_hold(subscriber, "channel", 7);
    RUN_UNTIL(ups == 1 && bus_publisher_connected(publisher), 2000);
}

static void tear_down(void)
{
    bus_publisher_destroy(publisher);
    bus_subscriber_destroy(subscriber);
    publisher = NULL;
    subscriber = NULL;
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    redis_fixture_finish(&redis);
}

static void publish(uint64_t channel, const char *text)
{
    bus_publish(publisher, "channel", channel, text, strlen(text));
}

static long metric_value(const char *line_start)
{
    struct buf out = {0};
    metric_write(&out);
    const char *at = strstr(buf_str(&out), line_start);
    long value = at ? atol(at + strlen(line_start)) : 0;
    buf_finish(&out);
    return value;
}

START_TEST(a_message_arrives_by_its_topic_and_only_while_it_is_held)
{
    publish(8, "foreign");
    publish(7, "mine");
    RUN_UNTIL(messages == 1, 1000);
    ck_assert_str_eq(last, "mine");
    bus_hold(subscriber, "channel", 7);
    bus_release(subscriber, "channel", 7);
    bus_hold(subscriber, "channel", 8);
    RUN_UNTIL(!strcmp(redis_fixture_ask(&redis, "PUBSUB NUMSUB channel:8"), "1"), 1000);
    publish(7, "still held");
    RUN_UNTIL(messages == 2, 1000);
    bus_release(subscriber, "channel", 7);
    RUN_UNTIL(!strcmp(redis_fixture_ask(&redis, "PUBSUB NUMSUB channel:7"), "0"), 1000);
    publish(7, "released");
    publish(8, "held");
    RUN_UNTIL(messages == 3, 1000);
    ck_assert_str_eq(last, "held");
    bus_publish(publisher, "channel", 8, "a\0b", 3);
    bus_publish(publisher, "channel", 8, "", 0);
    RUN_UNTIL(messages == 5, 1000);
}
END_TEST

START_TEST(a_killed_redis_is_noticed_and_all_topics_are_subscribed_again)
{
    for (uint64_t i = 100; i < 1700; i++)
        bus_hold(subscriber, "channel", i);
    RUN_UNTIL(!strcmp(redis_fixture_ask(&redis, "PUBSUB NUMSUB channel:1699"), "1"), 1000);
    redis_fixture_kill(&redis);
    RUN_UNTIL(downs == 1, 1000);
    ck_assert(!bus_subscriber_connected(subscriber));
    bus_release(subscriber, "channel", 100);
    bus_hold(subscriber, "channel", 5000);
    redis_fixture_start(&redis);
    RUN_UNTIL(ups == 2, 5000);
    /* on_state(true) came after the last acknowledgement: Redis knows all of them now */
    ck_assert_str_eq(redis_fixture_ask(&redis, "PUBSUB NUMSUB channel:7"), "1");
    ck_assert_str_eq(redis_fixture_ask(&redis, "PUBSUB NUMSUB channel:1699"), "1");
    ck_assert_str_eq(redis_fixture_ask(&redis, "PUBSUB NUMSUB channel:5000"), "1");
    ck_assert_str_eq(redis_fixture_ask(&redis, "PUBSUB NUMSUB channel:100"), "0");
    RUN_UNTIL(bus_publisher_connected(publisher), 5000);
    publish(1234, "again");
    RUN_UNTIL(messages == 1, 1000);
}
END_TEST

START_TEST(a_hung_redis_is_noticed_in_three_seconds)
{
    redis_fixture_signal(&redis, SIGSTOP);
    int64_t since_ms = clock_mono_ms();
    RUN_UNTIL(downs == 1, 3000);
    RUN_UNTIL(!bus_publisher_connected(publisher), 3000 - (clock_mono_ms() - since_ms));
    publish(7, "late");
    redis_fixture_signal(&redis, SIGCONT);
    RUN_UNTIL(ups == 2 && bus_publisher_connected(publisher), 6000);
    publish(7, "after");
    RUN_UNTIL(messages >= 1 && !strcmp(last, "after"), 1000);
}
END_TEST

START_TEST(a_subscriber_that_redis_cuts_comes_back)
{
    redis_fixture_ask(&redis, "CLIENT KILL TYPE pubsub");
    RUN_UNTIL(downs == 1 && ups == 2, 3000);
    publish(7, "back");
    RUN_UNTIL(messages == 1, 1000);
}
END_TEST

START_TEST(a_publishing_connection_that_is_cut_costs_no_message)
{
    redis_fixture_ask(&redis, "CLIENT KILL TYPE normal");
    for (int i = 0; i < 300; i++)
        publish(7, "x");
    RUN_UNTIL(messages >= 300, 2000);
}
END_TEST

START_TEST(a_subscriber_may_be_destroyed_from_its_callback)
{
    destroy_at_message = true;
    publish(7, "one");
    publish(7, "two");
    RUN_UNTIL(messages == 1, 1000);
    usleep(50000);
    uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_uint_eq(messages, 1);
}
END_TEST

START_TEST(publishing_never_waits_and_what_is_too_much_is_counted)
{
    publisher = bus_publisher_create(redis.url);
    long before = metric_value("hubbub_bus_dropped_total{reason=\"queue_full\"} ");
    int64_t start_ms = clock_mono_ms();
    for (int i = 0; i < 10500; i++)
        publish(7, "x");
    ck_assert_int_lt(clock_mono_ms() - start_ms, 500);
    ck_assert_int_eq(metric_value("hubbub_bus_dropped_total{reason=\"queue_full\"} ") - before, 500);
    ck_assert(!bus_publisher_connected(publisher));
    static char big[1 << 20];
    for (int i = 0; i < 5; i++)
        bus_publish(publisher, "guild", 1, big, sizeof big);
    ck_assert_int_lt(clock_mono_ms() - start_ms, 600);
}
END_TEST

START_TEST(nobody_is_sent_the_past_after_an_outage)
{
    publisher = bus_publisher_create(redis.url);
    subscriber = bus_subscriber_create(&loop, redis.url, &events, NULL);
    bus_hold(subscriber, "channel", 7);
    publish(7, "old");
    int64_t until_ms = clock_mono_ms() + 2500;
    RUN_UNTIL(clock_mono_ms() >= until_ms, 3000);
    redis_fixture_start(&redis);
    RUN_UNTIL(ups == 1 && bus_publisher_connected(publisher), 5000);
    publish(7, "new");
    RUN_UNTIL(messages == 1, 1000);
    ck_assert_str_eq(last, "new");
    ck_assert_int_ge(metric_value("hubbub_bus_dropped_total{reason=\"stale\"} "), 1);
}
END_TEST

START_TEST(destroying_a_publisher_sends_what_is_queued)
{
    for (int i = 0; i < 2000; i++)
        publish(7, "x");
    bus_publisher_destroy(publisher);
    publisher = NULL;
    RUN_UNTIL(messages == 2000, 2000);
}
END_TEST

START_TEST(subscriber_over_tcp_with_a_password)
{
    char command[64], url[64];
    int port = 20000 + getpid() % 20000;
    snprintf(command, sizeof command, "CONFIG SET port %d", port);
    ck_assert_str_eq(redis_fixture_ask(&redis, command), "OK");
    ck_assert_str_eq(redis_fixture_ask(&redis, "CONFIG SET requirepass secret"), "OK");
    bus_publisher_destroy(publisher);
    bus_subscriber_destroy(subscriber);
    ups = 0;
    snprintf(url, sizeof url, "redis://:secret@localhost:%d/1", port);
    publisher = bus_publisher_create(url);
    subscriber = bus_subscriber_create(&loop, url, &events, NULL);
    bus_hold(subscriber, "user", 1);
    RUN_UNTIL(ups == 1 && bus_publisher_connected(publisher), 3000);
    bus_publish(publisher, "user", 1, "tcp", 3);
    RUN_UNTIL(messages == 1, 1000);
    bus_subscriber_destroy(subscriber);
    snprintf(url, sizeof url, "redis://:wrong@localhost:%d", port);
    subscriber = bus_subscriber_create(&loop, url, &events, NULL);
    int64_t until_ms = clock_mono_ms() + 500;
    RUN_UNTIL(clock_mono_ms() >= until_ms, 1000);
    ck_assert_uint_eq(ups, 1);
}
END_TEST

/* An id of each of two shards. */
static uint64_t id_of(unsigned shard)
{
    uint64_t id = 1000;
    while (bus_shard_of(id, 2) != shard)
        id++;
    return id;
}

static void set_up_two(void)
{
    char urls[200];
    set_up();
    redis_fixture_init(&second);
    redis_fixture_start(&redis);
    redis_fixture_start(&second);
    snprintf(urls, sizeof urls, "%s,%s", redis.url, second.url);
    publisher = bus_publisher_create(urls);
    subscriber = bus_subscriber_create(&loop, urls, &events, NULL);
    bus_hold(subscriber, "channel", id_of(0));
    bus_hold(subscriber, "channel", id_of(1));
    RUN_UNTIL(ups == 1 && bus_publisher_connected(publisher), 3000);
}

static void tear_down_two(void)
{
    tear_down();
    redis_fixture_finish(&second);
}

static const char *subscribers_of(struct redis_fixture *r, uint64_t id)
{
    char command[64];
    snprintf(command, sizeof command, "PUBSUB NUMSUB channel:%llu", (unsigned long long)id);
    return redis_fixture_ask(r, command);
}

START_TEST(a_topic_is_of_one_redis_and_the_other_s_death_does_not_touch_it)
{
    ck_assert_str_eq(subscribers_of(&redis, id_of(0)), "1");
    ck_assert_str_eq(subscribers_of(&redis, id_of(1)), "0");
    ck_assert_str_eq(subscribers_of(&second, id_of(1)), "1");
    publish(id_of(0), "first");
    publish(id_of(1), "second");
    RUN_UNTIL(messages == 2, 1000);
    downs = 0;
    redis_fixture_kill(&second);
    RUN_UNTIL(downs == 1, 1000);
    ck_assert(!bus_subscriber_connected(subscriber));
    publish(id_of(0), "still");
    RUN_UNTIL(messages == 3, 1000);
    ck_assert_str_eq(last, "still");
    redis_fixture_start(&second);
    RUN_UNTIL(ups == 2 && bus_publisher_connected(publisher), 5000);
    publish(id_of(1), "again");
    RUN_UNTIL(messages == 4 && !strcmp(last, "again"), 1000);
}
END_TEST

START_TEST(ids_are_spread)
{
    unsigned n[4] = {0};
    for (uint64_t i = 0; i < 4000; i++)
        n[bus_shard_of((i + 1000) << 22, 4)]++; /* as those of one millisecond each are */
    for (int i = 0; i < 4; i++)
        ck_assert_uint_gt(n[i], 800);
    for (uint64_t i = 0; i < 100; i++)
        ck_assert_uint_eq(bus_shard_of(i, 1), 0);
}
END_TEST

START_TEST(lists_that_are_none)
{
    char many[400] = "";
    for (int i = 0; i <= BUS_SHARDS_MAX; i++)
        strcat(many, "redis://h:1,");
    ck_assert_ptr_null(bus_publisher_create(""));
    ck_assert_ptr_null(bus_publisher_create("redis://127.0.0.1:1,http://x"));
    ck_assert_ptr_null(bus_publisher_create(many));
    ck_assert_ptr_null(bus_subscriber_create(&loop, ",", &events, NULL));
}
END_TEST

struct url_row {
    const char *url;
    bool ok;
    const char *path, *host;
    int port, db;
    const char *user, *password;
};
static const struct url_row urls[] = {
    {"unix:///run/r.sock", true, "/run/r.sock", "", 6379, 0, "", ""},
    {"unix://run/r.sock", true, "run/r.sock", "", 6379, 0, "", ""},
    {"redis://h", true, "", "h", 6379, 0, "", ""},
    {"redis://h:1/2", true, "", "h", 1, 2, "", ""},
    {"redis://u:p@s@h:1", true, "", "h", 1, 0, "u", "p@s"},
    {"redis://secret@[::1]:9/", true, "", "::1", 9, 0, "", "secret"},
    {"redis://[::1]", true, "", "::1", 6379, 0, "", ""},
    {"redis://", false, "", "", 0, 0, "", ""},
    {"redis://h:65536", false, "", "", 0, 0, "", ""},
    {"redis://h:1x", false, "", "", 0, 0, "", ""},
    {"redis://[::1", false, "", "", 0, 0, "", ""},
    {"unix://", false, "", "", 0, 0, "", ""},
    {"http://h", false, "", "", 0, 0, "", ""},
};

START_TEST(addresses)
{
    const struct url_row *row = &urls[_i];
    struct bus_address a;
    ck_assert_msg(bus_address_parse(row->url, &a) == row->ok, "%s", row->url);
    if (!row->ok)
        return;
    ck_assert_str_eq(a.path, row->path);
    ck_assert_str_eq(a.host, row->host);
    ck_assert_int_eq(a.port, row->port);
    ck_assert_int_eq(a.db, row->db);
    ck_assert_str_eq(a.user, row->user);
    ck_assert_str_eq(a.password, row->password);
}
END_TEST

int main(void)
{
    log_init("bus_test", "info");
    signal(SIGPIPE, SIG_IGN);
    Suite *suite = suite_create("bus");
    TCase *pure = tcase_create("address"), *running = tcase_create("running"), *two = tcase_create("two"),
          *away = tcase_create("away");
    tcase_add_loop_test(pure, addresses, 0, sizeof urls / sizeof *urls);
    tcase_add_checked_fixture(running, set_up_running, tear_down);
    tcase_add_test(running, a_message_arrives_by_its_topic_and_only_while_it_is_held);
    tcase_add_test(running, a_killed_redis_is_noticed_and_all_topics_are_subscribed_again);
    tcase_add_test(running, a_hung_redis_is_noticed_in_three_seconds);
    tcase_add_test(running, a_subscriber_that_redis_cuts_comes_back);
    tcase_add_test(running, a_publishing_connection_that_is_cut_costs_no_message);
    tcase_add_test(running, a_subscriber_may_be_destroyed_from_its_callback);
    tcase_add_test(running, destroying_a_publisher_sends_what_is_queued);
    tcase_add_test(running, subscriber_over_tcp_with_a_password);
    tcase_set_timeout(running, 20);
    tcase_add_checked_fixture(away, set_up, tear_down);
    tcase_add_test(away, publishing_never_waits_and_what_is_too_much_is_counted);
    tcase_add_test(away, nobody_is_sent_the_past_after_an_outage);
    tcase_set_timeout(away, 20);
    suite_add_tcase(suite, pure);
    suite_add_tcase(suite, running);
    suite_add_tcase(suite, away);
    tcase_add_checked_fixture(two, set_up_two, tear_down_two);
    tcase_add_test(two, a_topic_is_of_one_redis_and_the_other_s_death_does_not_touch_it);
    tcase_set_timeout(two, 20);
    suite_add_tcase(suite, two);
    tcase_add_test(pure, ids_are_spread);
    tcase_add_test(pure, lists_that_are_none);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
