/* Goal: each bound of the core's memory (docs/limits.md) holds, is counted, and has the consequence that it is said to
 * have; what is below it is not touched. */
#include "services/gateway/core/fake_world.h"
#include <check.h>
#include <stdio.h>

static struct fake_world *w;

static void set_up(void)
{
    w = fake_create(3);
    fake_add_gateway(w);
}

static void tear_down(void)
{
    fake_destroy(w);
}

static struct hub_stats stats_of(unsigned gateway)
{
    struct hub_stats st;
    hub_stats(w->gateways[gateway].hub, &st);
    return st;
}

static void write_messages(unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        fake_direct_message(w, 0, 1);
}

/* A client whose session waits while n messages are written, and which then resumes at the other gateway: that follows
 * the channel already, so the session has to catch up with them. */
static struct fake_client *resume_behind(unsigned n)
{
    fake_show_direct(w, 0, 0);
    fake_show_direct(w, 0, 1);
    write_messages(1);
    struct fake_client *a = fake_open(w, 0);
    fake_use(w, 1);
    fake_open(w, 1);
    fake_run(w, 100);
    fake_cut(a, 0);
    fake_run(w, 1200);
    fake_kill(w, 0);
    write_messages(n);
    fake_run(w, 2000 + 20 * n / w->read_limit);
    struct fake_client *b = fake_connect(w);
    fake_resume(b, a, a->seq);
    fake_run(w, 2000 + 20 * n / w->read_limit);
    return b;
}

START_TEST(a_range_that_can_be_caught_up_with)
{
    struct fake_client *c = resume_behind(900);
    ck_assert_uint_eq(fake_count(c, "RESUMED"), 1);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 900);
    ck_assert_uint_eq(stats_of(1).catchups_over, 0);
}
END_TEST

START_TEST(a_longer_range_is_op_9)
{
    struct fake_client *c = resume_behind(CATCHUP_RANGE_MAX + 1);
    ck_assert_uint_eq(fake_count_op(c, 9), 1);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 0);
    ck_assert_uint_eq(stats_of(1).catchups_over, 1);
}
END_TEST

/* The first is lost, and what comes after it waits: no more than has room. All are there in the end. */
START_TEST(what_comes_early_has_its_room)
{
    enum { MESSAGES = PEND_ENTRIES_MAX + 100 };
    fake_show_direct(w, 0, 0);
    struct fake_client *a = fake_open(w, 0);
    fake_run(w, 100);
    w->quiet = true;
    write_messages(MESSAGES);
    fake_bus_deliver(w, w->bus, true, false);
    while (w->bus)
        fake_bus_deliver(w, w->bus, false, false);
    ck_assert_uint_eq(stats_of(0).held_dropped, MESSAGES - 1 - PEND_ENTRIES_MAX);
    w->quiet = false;
    fake_run(w, 2000);
    ck_assert_uint_eq(fake_count(a, "MESSAGE_CREATE"), MESSAGES);
}
END_TEST

static void subscribe(struct fake_client *c, uint64_t guild, unsigned n)
{
    char members[16000] = "";
    size_t len = 0;
    for (unsigned i = 0; i < n; i++)
        len += (size_t)snprintf(members + len, sizeof members - len, "%s\"%u\"", i ? "," : "", 5000 + i);
    fake_send(c, "{\"op\":14,\"d\":{\"guild_id\":\"%llu\",\"members\":[%s]}}", (unsigned long long)guild, members);
}

START_TEST(so_many_members_are_subscribed_to)
{
    struct fake_client *c = fake_open(w, 0);
    subscribe(c, fake_guild_id(0), 700);
    ck_assert_uint_eq(c->connection->session->n_watched, 700);
    subscribe(c, fake_guild_id(1), 700);
    ck_assert_uint_eq(c->connection->session->n_watched, WATCHED_MAX);
    ck_assert_uint_eq(stats_of(0).watched_refused, 1400 - WATCHED_MAX);
    subscribe(c, fake_guild_id(0), 1); /* the others may be more now */
    subscribe(c, fake_guild_id(1), 700);
    ck_assert_uint_eq(c->connection->session->n_watched, 701);
}
END_TEST

/* The ring keeps so many; a client that is further behind starts afresh. */
START_TEST(a_ring_keeps_so_many)
{
    fake_show_direct(w, 0, 0);
    struct fake_client *a = fake_open(w, 0);
    fake_run(w, 100);
    int64_t seq = a->seq;
    write_messages(1100);
    fake_run(w, 3000);
    ck_assert_uint_eq(fake_count(a, "MESSAGE_CREATE"), 1100);
    ck_assert_uint_gt(stats_of(0).ring_evictions, 0);
    fake_cut(a, 0);
    struct fake_client *near = fake_connect(w), *far = fake_connect(w);
    fake_resume(near, a, a->seq - 1000);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(near, "MESSAGE_CREATE"), 1000);
    fake_resume(far, a, seq);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count_op(far, 9), 1);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("bounds");
    TCase *t = tcase_create("bounds");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 120);
    const TTest *tests[] = {
        a_range_that_can_be_caught_up_with, a_longer_range_is_op_9, what_comes_early_has_its_room,
        so_many_members_are_subscribed_to,  a_ring_keeps_so_many,
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(t, tests[i]);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
