/* Goal: a session goes on at another gateway exactly where it was, whatever breaks on the way; what cannot be exact is
 * told by op 9, and what is not known yet by a close that the client answers by trying again. */
#include "services/gateway/core/fake_world.h"
#include <check.h>

static struct fake_world *w;

static void set_up(void)
{
    w = fake_create(5);
    fake_add_gateway(w);
    fake_add_gateway(w);
}

static void tear_down(void)
{
    fake_destroy(w);
}

static struct fake_client *connect_to(unsigned gateway)
{
    unsigned before = fake_use(w, gateway);
    struct fake_client *c = fake_connect(w);
    fake_use(w, before);
    return c;
}

static struct fake_client *resume_at(unsigned gateway, const struct fake_client *old, int64_t seq)
{
    struct fake_client *c = connect_to(gateway);
    fake_resume(c, old, seq);
    return c;
}

static struct hub_stats stats_of(unsigned gateway)
{
    struct hub_stats st;
    hub_stats(w->gateways[gateway].hub, &st);
    return st;
}

/* The replay goes on at seq + 1, without a gap, and ends with RESUMED. */
static void expect_resumed(const struct fake_client *c, int64_t seq)
{
    ck_assert_uint_eq(c->close_code, 0);
    ck_assert_uint_eq(fake_count_op(c, 9), 0);
    ck_assert_uint_eq(fake_count(c, "RESUMED"), 1);
    ck_assert_uint_eq(fake_count(c, "READY"), 0);
    for (unsigned i = 0; i < c->n_frames; i++)
        if (c->frames[i].s >= 0)
            ck_assert_int_eq(c->frames[i].s, ++seq);
}

START_TEST(a_session_is_resumed_elsewhere_exactly)
{
    struct fake_client *a = fake_open(w, 0), *whole = fake_open(w, 0);
    fake_message(w, 0, 0, 1);
    fake_show_direct(w, 0, 0);
    fake_show_direct(w, 0, 1);
    fake_run(w, 50);
    fake_cut(a, 0);
    fake_message(w, 0, 0, 1);
    fake_direct_message(w, 0, 1);
    fake_run(w, 50);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE));
    fake_message(w, 0, 0, 1); /* between the taking and the attaching: read */
    fake_direct_message(w, 0, 1);
    fake_message(w, 1, 0, 1);
    w->quiet = false;
    fake_run(w, 500);
    fake_message(w, 0, 0, 1);
    fake_run(w, 50);
    expect_resumed(b, a->seq);
    ck_assert_uint_eq(fake_count(a, "MESSAGE_CREATE") + fake_count(b, "MESSAGE_CREATE"),
                      fake_count(whole, "MESSAGE_CREATE"));
    ck_assert_uint_eq(stats_of(0).moved_out, 1);
    ck_assert_uint_eq(stats_of(0).sessions, 1);
    ck_assert_uint_eq(stats_of(1).moved_in, 1);
    ck_assert_uint_eq(w->presences_moved, 1);
    ck_assert_uint_eq(w->identifies, 2);  /* a resume is none */
    ck_assert_uint_eq(w->seats_left, 1);  /* as a was cut */
    ck_assert_uint_eq(w->seats_taken, 1); /* ... and b has it, unasked */
}
END_TEST

START_TEST(a_gateway_takes_a_session_before_it_has_heard_of_the_database)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    fake_kill(w, 2);
    w->quiet = true;
    fake_revive(w, 2);
    struct fake_client *b = resume_at(2, a, a->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE));
    w->quiet = false;
    fake_message(w, 0, 0, 1);
    fake_run(w, 1000);
    expect_resumed(b, a->seq);
    ck_assert_uint_eq(fake_count(b, "MESSAGE_CREATE"), 1);
}
END_TEST

START_TEST(a_session_goes_round)
{
    struct fake_client *a = fake_open(w, 0);
    for (unsigned i = 1; i < 8; i++) {
        fake_message(w, 0, 0, 1);
        fake_run(w, 50);
        fake_message(w, 0, 0, 1);
        int64_t seq = a->seq; /* the old socket is still there, and goes on for a moment */
        struct fake_client *b = resume_at(i % 3, a, seq);
        fake_run(w, 600);
        expect_resumed(b, seq);
        ck_assert_uint_eq(a->close_code, 4000);
        fake_cut(a, 0);
        a = b;
    }
    ck_assert_uint_eq(stats_of(0).sessions + stats_of(1).sessions + stats_of(2).sessions, 1);
}
END_TEST

START_TEST(a_socket_that_breaks_on_the_way_leaves_the_session_with_its_owner)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE));
    fake_cut(b, 0);
    w->quiet = false;
    fake_message(w, 0, 0, 1);
    fake_run(w, 500);
    struct fake_client *c = resume_at(2, a, a->seq);
    fake_run(w, 600);
    expect_resumed(c, a->seq);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 1);
}
END_TEST

START_TEST(a_frozen_session_can_be_had_back_by_its_owner)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE));
    fake_message(w, 0, 0, 1);
    struct fake_client *c = resume_at(0, a, a->seq); /* the newer taking: the other is not confirmed */
    w->quiet = false;
    fake_run(w, 600);
    expect_resumed(c, a->seq);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 1);
    ck_assert_uint_eq(b->close_code, 4000);
    ck_assert_uint_eq(fake_count(b, "MESSAGE_CREATE"), 0);
    ck_assert_uint_eq(stats_of(0).sessions, 1);
    ck_assert_uint_eq(stats_of(1).sessions, 0);
}
END_TEST

START_TEST(two_takers_and_only_the_newest_is_confirmed)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq), *c = resume_at(2, a, a->seq);
    struct fake_question *first = fake_find(w, QUESTION_TAKE), *second = first->next;
    fake_serve(w, first, ST_OK); /* both are given it before either has begun */
    fake_serve(w, second, ST_OK);
    fake_deliver(w, first);
    fake_deliver(w, second);
    w->quiet = false;
    fake_run(w, 600);
    expect_resumed(c, a->seq);
    ck_assert_uint_eq(b->close_code, 4000);
    ck_assert_uint_eq(fake_count(b, "RESUMED"), 0);
}
END_TEST

START_TEST(nothing_is_sent_before_the_confirmation)
{
    struct fake_client *a = fake_open(w, 0);
    fake_message(w, 0, 0, 1);
    fake_run(w, 50);
    fake_cut(a, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq - 1), *c;
    while (!fake_find(w, QUESTION_CONFIRM)) {
        struct fake_question *q = w->questions;
        if (!q) {
            fake_tick(w, 10);
            continue;
        }
        fake_serve(w, q, ST_OK);
        fake_deliver(w, q);
    }
    fake_message(w, 0, 0, 1);
    fake_run(w, 30);
    ck_assert_uint_eq(b->n_frames, 1); /* HELLO */
    c = resume_at(2, a, a->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE)); /* frozen at its owner: taken again */
    ck_assert(fake_answer(w, QUESTION_CONFIRM));
    ck_assert_uint_eq(b->close_code, 4000);
    w->quiet = false;
    fake_run(w, 600);
    expect_resumed(c, a->seq);
}
END_TEST

START_TEST(a_confirmation_that_is_lost_is_asked_again)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    struct fake_client *b = resume_at(1, a, a->seq);
    w->quiet = true;
    for (unsigned lost = 0; lost < 2;) {
        struct fake_question *q = w->questions;
        if (!q) {
            fake_tick(w, 10);
            continue;
        }
        fake_serve(w, q, ST_OK);
        if (q->kind == QUESTION_CONFIRM) { /* the owner let go; the answer does not arrive */
            q->st = ST_DEADLINE;
            lost++;
        }
        fake_deliver(w, q);
    }
    w->quiet = false;
    fake_run(w, 1000);
    expect_resumed(b, a->seq);
}
END_TEST

START_TEST(a_socket_that_breaks_while_it_is_confirmed_finds_its_session_there)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    struct fake_client *b = resume_at(1, a, a->seq);
    w->quiet = true;
    for (;;) {
        struct fake_question *q = w->questions;
        if (!q) {
            fake_tick(w, 10);
            continue;
        }
        fake_serve(w, q, ST_OK);
        bool last = q->kind == QUESTION_CONFIRM;
        if (last)
            fake_cut(b, 0);
        fake_deliver(w, q);
        if (last)
            break;
    }
    w->quiet = false;
    fake_message(w, 0, 0, 1);
    fake_run(w, 100);
    struct fake_client *c = resume_at(2, a, a->seq);
    fake_run(w, 600);
    expect_resumed(c, a->seq);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 1);
}
END_TEST

START_TEST(what_cannot_be_resumed_is_refused)
{
    struct fake_client *a = fake_open(w, 0), *b = connect_to(1), *c, *d;
    fake_send(b, "{\"op\":6,\"d\":{\"token\":\"token-0-0\",\"session_id\":\"nobody\",\"seq\":1}}");
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count_op(b, 9), 1);
    fake_send(b, "{\"op\":6,\"d\":{\"token\":\"token-1-0\",\"session_id\":\"%s\",\"seq\":1}}", a->session_id);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count_op(b, 9), 2);
    ck_assert_uint_eq(fake_count_op(a, 9), 0); /* a stranger's try does no harm */
    c = resume_at(1, a, a->seq + 1);
    fake_run(w, 50);
    ck_assert_uint_eq(c->close_code, 4007);
    d = resume_at(1, a, a->seq);
    fake_send(d, "{\"op\":2,\"d\":{\"token\":\"token-0-0\"}}"); /* while it is asked for */
    ck_assert_uint_eq(d->close_code, 4005);
    fake_run(w, 50);
    struct fake_client *e = resume_at(2, a, a->seq);
    fake_run(w, 600);
    expect_resumed(e, a->seq);
}
END_TEST

START_TEST(an_owner_that_does_not_answer_makes_the_client_try_again)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq);
    ck_assert(fake_fail(w, QUESTION_TAKE, ST_DEADLINE));
    ck_assert_uint_eq(b->close_code, 4000);
    w->quiet = false;
    struct fake_client *c = resume_at(1, a, a->seq);
    fake_run(w, 600);
    expect_resumed(c, a->seq);
}
END_TEST

START_TEST(a_revoked_token_moves_nothing)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE));
    fake_revoke(w, 0);
    w->quiet = false;
    fake_run(w, 500);
    ck_assert_uint_eq(b->close_code, 4004);
    ck_assert_uint_eq(fake_count(b, "RESUMED"), 0);
}
END_TEST

/* What happens between the taking and the attaching, and whether the resume can still be exact. */
static void join(void)
{
    fake_join(w, 2, 0);
}
static void leave(void)
{
    fake_leave(w, 1, 1);
}
static void roles(void)
{
    fake_set_roles(w, 0, 1, 2);
}
static void roles_of_another(void)
{
    fake_set_roles(w, 0, 2, 2);
}
static void hide(void)
{
    fake_set_channel(w, 0, 0, true, 0);
}
static void another_joins(void)
{
    fake_join(w, 0, 5);
}
static void add_channel(void)
{
    fake_message(w, 0, fake_add_channel(w, 0) ? 1 : 0, 0);
}
static void fall_over(void)
{
    fake_new_generation(w);
}
static void truncate_guild(void)
{
    fake_message(w, 0, 0, 0);
    fake_truncate(w, &w->guilds[0].feed);
}
static void show_direct(void)
{
    fake_show_direct(w, 1, 1);
    fake_direct_message(w, 1, 0);
}
static const struct meanwhile {
    void (*happens)(void);
    bool exact;
    const char *dispatch; /* that the resumed session is given */
} meanwhiles[] = {
    {leave, false, NULL},
    {roles, false, NULL},
    {hide, false, NULL},
    {fall_over, false, NULL},
    {truncate_guild, false, NULL},
    {join, true, NULL},
    {roles_of_another, true, "GUILD_MEMBER_UPDATE"},
    {another_joins, true, "GUILD_MEMBER_ADD"},
    {add_channel, true, "CHANNEL_CREATE"},
    {show_direct, true, "MESSAGE_CREATE"},
};

START_TEST(what_happens_meanwhile_decides)
{
    const struct meanwhile *m = &meanwhiles[_i];
    struct fake_client *a = fake_open(w, 1);
    unsigned before = fake_use(w, 1);
    fake_open(w, 0); /* the guilds are loaded there */
    fake_use(w, before);
    fake_cut(a, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE));
    m->happens();
    w->quiet = false;
    fake_run(w, 1000);
    ck_assert_uint_eq(fake_count_op(b, 9), !m->exact);
    if (m->exact)
        expect_resumed(b, a->seq);
    if (m->dispatch)
        ck_assert_uint_eq(fake_count(b, m->dispatch), 1);
    if (m->exact)
        return;
    fake_identify(b, 1); /* it goes on with a session of its own */
    fake_run(w, 1000);
    ck_assert(b->ready);
}
END_TEST

/* Everything that the gateway asks is answered; what others ask waits. */
static void answer_only(unsigned gateway, unsigned turns)
{
    while (turns-- > 0) {
        struct fake_question *q, *next;
        fake_tick(w, 10);
        DL_FOREACH_SAFE(w->questions, q, next)
        {
            if (q->gateway != gateway)
                continue;
            fake_serve(w, q, ST_OK);
            fake_deliver(w, q);
        }
    }
}

START_TEST(positions_of_an_older_generation_are_not_taken_over)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    w->quiet = true;
    fake_new_generation(w);
    answer_only(1, 150); /* it knows, and the owner does not */
    struct fake_client *b = resume_at(1, a, a->seq);
    answer_only(1, 50);
    ck_assert_uint_eq(fake_count_op(b, 9), 1);
    ck_assert_uint_eq(fake_count(b, "RESUMED"), 0);
}
END_TEST

START_TEST(a_view_that_changes_during_the_catch_up_ends_it)
{
    struct fake_client *a = fake_open(w, 1);
    unsigned before = fake_use(w, 1);
    fake_open(w, 0);
    fake_use(w, before);
    fake_cut(a, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE));
    fake_message(w, 0, 0, 0);
    fake_tick(w, 10);
    while (w->bus)
        fake_bus_deliver(w, w->bus, false, false);
    ck_assert(fake_answer(w, QUESTION_OPEN)); /* attached; the message is asked for */
    fake_set_channel(w, 0, 0, true, 0);
    while (w->bus)
        fake_bus_deliver(w, w->bus, false, false);
    ck_assert_uint_eq(fake_count_op(b, 9), 1);
    ck_assert_uint_eq(fake_count(b, "MESSAGE_CREATE"), 0);
}
END_TEST

START_TEST(a_guild_that_is_about_to_come_is_not_moved)
{
    struct fake_client *a = fake_open(w, 0);
    w->quiet = true;
    fake_join(w, 2, 0);
    while (w->bus) /* the user's feed tells; the guild is not loaded */
        fake_bus_deliver(w, w->bus, false, false);
    struct fake_client *b = resume_at(1, a, a->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE));
    ck_assert_uint_eq(fake_count_op(b, 9), 1);
}
END_TEST

START_TEST(after_a_kill_a_session_goes_on_from_its_last_tick)
{
    struct fake_client *a = fake_open(w, 0);
    fake_message(w, 0, 0, 1);
    fake_run(w, 1500); /* ticked */
    unsigned before = fake_count(a, "MESSAGE_CREATE");
    int64_t ticked = a->seq;
    fake_message(w, 0, 0, 1); /* given, and given again */
    fake_run(w, 20);
    ck_assert_int_eq(a->seq, ticked + 1);
    fake_use(w, 1);
    fake_kill(w, 0);
    fake_message(w, 0, 0, 1); /* missed */
    struct fake_client *b = resume_at(1, a, a->seq);
    fake_run(w, 1000);
    expect_resumed(b, a->seq);
    ck_assert_uint_eq(before, 1);
    ck_assert_uint_eq(fake_count(b, "MESSAGE_CREATE"), 2);
    ck_assert_uint_eq(stats_of(1).claimed, 1);
    fake_run(w, 1500);
    struct fake_client *c = resume_at(2, b, b->seq); /* it is a session like any other */
    fake_run(w, 600);
    expect_resumed(c, b->seq);
}
END_TEST

START_TEST(a_session_that_moved_outlives_the_one_it_moved_to)
{
    struct fake_client *a = fake_open(w, 0), *b, *c;
    b = resume_at(1, a, a->seq);
    fake_run(w, 1500); /* ticked there */
    expect_resumed(b, a->seq);
    fake_kill(w, 1);
    fake_message(w, 0, 0, 1);
    c = resume_at(2, b, b->seq); /* the first says that it has moved */
    fake_run(w, 1000);
    expect_resumed(c, b->seq);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 1);
    ck_assert_uint_eq(stats_of(2).claimed, 1);
}
END_TEST

START_TEST(a_client_that_was_behind_goes_on_from_an_older_tick)
{
    struct fake_client *a = fake_open(w, 0);
    fake_run(w, 1500);
    int64_t seq = a->seq;
    for (unsigned i = 0; i < 3; i++) {
        fake_message(w, 0, 0, 1);
        fake_run(w, 1000);
    }
    fake_use(w, 1);
    fake_kill(w, 0);
    struct fake_client *b = resume_at(1, a, seq);
    fake_run(w, 1000);
    expect_resumed(b, seq);
    ck_assert_uint_eq(fake_count(b, "MESSAGE_CREATE"), 3);
}
END_TEST

START_TEST(a_gateway_that_ends_its_drain_leaves_its_sessions_whole)
{
    struct fake_client *a = fake_open(w, 0);
    fake_run(w, 1500); /* ticked */
    fake_message(w, 0, 0, 1);
    fake_run(w, 20); /* given: a tick alone would give it again */
    int64_t seq = a->seq;
    fake_cut(a, 0);
    fake_message(w, 0, 0, 1); /* in the ring only */
    fake_run(w, 20);
    ck_assert_uint_eq(hub_farewell(w->gateways[0].hub, 10, w->now), 1);
    ck_assert_uint_eq(hub_farewell(w->gateways[0].hub, 10, w->now), 0);
    ck_assert_uint_eq(stats_of(0).farewells, 1);
    fake_use(w, 1);
    fake_kill(w, 0);
    fake_message(w, 0, 0, 1); /* missed */
    struct fake_client *b = resume_at(1, a, seq);
    fake_run(w, 1000);
    expect_resumed(b, seq);
    ck_assert_uint_eq(fake_count(b, "MESSAGE_CREATE"), 2);
    ck_assert_uint_eq(stats_of(1).claimed, 1);
}
END_TEST

START_TEST(until_it_ends_the_session_may_be_taken_from_it)
{
    struct fake_client *a = fake_open(w, 0);
    fake_run(w, 1500);
    hub_farewell(w->gateways[0].hub, 10, w->now);
    fake_run(w, 20);
    ck_assert_uint_eq(a->close_code, 4000);
    fake_message(w, 0, 0, 1);
    struct fake_client *b = resume_at(1, a, a->seq);
    fake_run(w, 600);
    expect_resumed(b, a->seq);
    ck_assert_uint_eq(fake_count(b, "MESSAGE_CREATE"), 1);
    ck_assert_uint_eq(stats_of(1).claimed, 0);
    fake_run(w, 1500); /* ticked there, with a newer hop than the farewell's */
    fake_kill(w, 0);
    fake_use(w, 2);
    fake_kill(w, 1);
    struct fake_client *c = resume_at(2, b, b->seq);
    fake_run(w, 1000);
    expect_resumed(c, b->seq);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 0);
}
END_TEST

/* Of what the client acknowledged, by a heartbeat or by a close that answers op 7, the farewell has nothing: from before
 * it nothing can be resumed. */
START_TEST(a_farewell_begins_behind_what_was_acknowledged)
{
    struct fake_client *a = fake_open(w, 0);
    int64_t early = a->seq;
    fake_message(w, 0, 0, 1);
    fake_run(w, 20);
    if (_i) {
        hub_drain(w->gateways[0].hub, 0, 1000, w->now);
        fake_run(w, 100);
        ck_assert_uint_eq(fake_count_op(a, 7), 1);
        fake_cut(a, 4200);
    } else {
        fake_send(a, "{\"op\":1,\"d\":%d}", (int)a->seq);
        fake_run(w, 20);
    }
    ck_assert_int_gt(a->seq, early);
    hub_farewell(w->gateways[0].hub, 10, w->now);
    fake_use(w, 1);
    fake_kill(w, 0);
    struct fake_client *b = resume_at(1, a, early);
    fake_run(w, 1000);
    ck_assert_uint_eq(fake_count_op(b, 9), 1);
}
END_TEST

START_TEST(a_redis_that_does_not_answer_in_time_makes_the_client_try_again)
{
    struct fake_client *a = fake_open(w, 0);
    fake_run(w, 1500);
    fake_use(w, 1);
    fake_kill(w, 0);
    for (unsigned round = 0; round < 2; round++) {
        hub_on_bus_state(w->hub, round == 0, w->now);
        w->quiet = true;
        struct fake_client *b = resume_at(1, a, a->seq);
        ck_assert(fake_answer(w, QUESTION_TAKE));
        ck_assert(fake_fail(w, QUESTION_CLAIM, ST_DEADLINE));
        w->quiet = false;
        fake_run(w, 50);
        ck_assert_uint_eq(b->close_code, round == 0 ? 4000 : 0);
        ck_assert_uint_eq(fake_count_op(b, 9), round == 0 ? 0 : 1); /* away: it will not come back soon */
    }
}
END_TEST

START_TEST(a_farewell_that_is_too_large_is_a_tick)
{
    struct fake_client *a = fake_open(w, 0);
    fake_run(w, 1500);
    fake_cut(a, 0);
    for (unsigned i = 0; i < 900; i++)
        fake_message(w, 0, 0, 1);
    fake_run(w, 1500);
    ck_assert_uint_eq(hub_farewell(w->gateways[0].hub, 10, w->now), 1);
    ck_assert_uint_eq(stats_of(0).farewells, 0);
    fake_use(w, 1);
    fake_kill(w, 0);
    struct fake_client *b = resume_at(1, a, a->seq);
    fake_run(w, 1000);
    expect_resumed(b, a->seq);
    ck_assert_uint_eq(fake_count(b, "MESSAGE_CREATE"), 900);
}
END_TEST

START_TEST(two_claims_and_only_the_newest_is_confirmed)
{
    struct fake_client *a = fake_open(w, 0);
    fake_run(w, 1500);
    fake_use(w, 1);
    fake_kill(w, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq), *c = resume_at(2, a, a->seq);
    while (fake_answer(w, QUESTION_TAKE))
        ;
    while (fake_answer(w, QUESTION_CLAIM))
        ;
    w->quiet = false;
    fake_run(w, 600);
    expect_resumed(c, a->seq);
    ck_assert_uint_eq(b->close_code, 4000);
}
END_TEST

/* Who was asked before it had the session has it by the time of the claim. */
START_TEST(a_late_claim_finds_who_claimed_before)
{
    struct fake_client *a = fake_open(w, 0);
    fake_run(w, 1500);
    fake_use(w, 1);
    fake_kill(w, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq), *c = resume_at(2, a, a->seq); /* the first socket hangs */
    while (fake_find(w, QUESTION_TAKE) && !fake_find(w, QUESTION_CLAIM))
        ck_assert(fake_answer(w, QUESTION_TAKE));
    ck_assert(fake_answer(w, QUESTION_TAKE)); /* both are told that nobody has it */
    answer_only(1, 100);
    expect_resumed(b, a->seq);
    fake_message(w, 0, 0, 1);
    w->quiet = false;
    fake_run(w, 1000);
    ck_assert_uint_eq(fake_count(c, "RESUMED"), 2); /* that of the first socket was not seen */
    ck_assert_uint_eq(b->close_code, 4000);
    ck_assert_uint_eq(stats_of(1).sessions, 0);
    ck_assert_uint_eq(stats_of(2).claimed, 0);
    ck_assert_uint_eq(fake_count(c, "MESSAGE_CREATE"), 1);
}
END_TEST

START_TEST(a_gateway_that_hung_has_no_say_in_what_was_claimed)
{
    struct fake_client *a = fake_open(w, 0), *kept = fake_open(w, 1);
    fake_run(w, 1500);
    fake_use(w, 1);
    fake_hang(w, 0, true);
    struct fake_client *early = resume_at(1, a, a->seq);
    fake_run(w, 1000);
    ck_assert_uint_eq(early->close_code, 4000); /* it may be there */
    fake_run(w, FAKE_GONE_MS);
    struct fake_client *b = resume_at(1, a, a->seq);
    fake_run(w, 1000);
    expect_resumed(b, a->seq);
    fake_message(w, 0, 0, 1);
    fake_run(w, 50);
    ck_assert_uint_eq(fake_count(b, "MESSAGE_CREATE"), 1);
    w->quiet = true;
    fake_hang(w, 0, false);
    fake_tick(w, 10);
    struct fake_client *there = resume_at(0, a, a->seq), *elsewhere = resume_at(2, b, b->seq);
    ck_assert_uint_eq(there->close_code, 4000); /* before its tick was refused */
    w->quiet = false;
    fake_run(w, 3000);
    ck_assert_uint_eq(fake_count(elsewhere, "RESUMED"), 1);
    ck_assert_uint_eq(fake_count(elsewhere, "MESSAGE_CREATE"), 0); /* it had it */
    ck_assert_uint_eq(stats_of(0).sessions, 1);
    ck_assert_uint_eq(kept->close_code, 0);
    struct fake_client *again = resume_at(0, kept, kept->seq);
    fake_run(w, 50);
    expect_resumed(again, kept->seq);
}
END_TEST

START_TEST(a_tick_is_for_its_own_user_and_ends_with_the_session)
{
    struct fake_client *a = fake_open(w, 0), *ended = fake_open(w, 0);
    fake_run(w, 1500);
    fake_cut(ended, 1000);
    struct fake_client *late = resume_at(1, ended, ended->seq);
    fake_run(w, 100);
    ck_assert_uint_eq(fake_count_op(late, 9), 1);
    fake_use(w, 1);
    fake_kill(w, 0);
    struct fake_client *b = fake_connect(w);
    fake_send(b, "{\"op\":6,\"d\":{\"token\":\"token-1-0\",\"session_id\":\"%s\",\"seq\":%d}}", a->session_id,
              (int)a->seq);
    fake_run(w, 100);
    ck_assert_uint_eq(fake_count_op(b, 9), 1);
}
END_TEST

START_TEST(a_guild_that_was_left_and_joined_after_the_tick_makes_it_start_afresh)
{
    struct fake_client *a = fake_open(w, 1);
    fake_run(w, 1500);
    fake_use(w, 1);
    fake_kill(w, 0);
    fake_leave(w, 1, 1);
    fake_join(w, 1, 1);
    struct fake_client *b = resume_at(1, a, a->seq);
    fake_run(w, 1000);
    ck_assert_uint_eq(fake_count_op(b, 9), 1);
}
END_TEST

START_TEST(a_dead_owner_has_nothing)
{
    w->redis_away = true;
    struct fake_client *a = fake_open(w, 0);
    fake_use(w, 1);
    fake_kill(w, 0);
    struct fake_client *b = resume_at(1, a, a->seq);
    fake_run(w, 100);
    ck_assert_uint_eq(fake_count_op(b, 9), 1);
}
END_TEST

START_TEST(a_frozen_session_ends_in_the_end)
{
    struct fake_client *a = fake_open(w, 0);
    fake_cut(a, 0);
    w->quiet = true;
    struct fake_client *b = resume_at(1, a, a->seq);
    ck_assert(fake_answer(w, QUESTION_TAKE));
    fake_cut(b, 0);
    w->quiet = false;
    fake_run(w, 181000);
    ck_assert_uint_eq(stats_of(0).sessions, 0);
    ck_assert_uint_eq(stats_of(1).sessions, 0);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("move");
    TCase *t = tcase_create("move");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, what_happens_meanwhile_decides, 0, sizeof meanwhiles / sizeof *meanwhiles);
    const TTest *tests[] = {
        a_session_is_resumed_elsewhere_exactly,
        a_gateway_takes_a_session_before_it_has_heard_of_the_database,
        a_session_goes_round,
        a_socket_that_breaks_on_the_way_leaves_the_session_with_its_owner,
        a_frozen_session_can_be_had_back_by_its_owner,
        two_takers_and_only_the_newest_is_confirmed,
        nothing_is_sent_before_the_confirmation,
        a_confirmation_that_is_lost_is_asked_again,
        a_socket_that_breaks_while_it_is_confirmed_finds_its_session_there,
        what_cannot_be_resumed_is_refused,
        an_owner_that_does_not_answer_makes_the_client_try_again,
        a_revoked_token_moves_nothing,
        positions_of_an_older_generation_are_not_taken_over,
        a_view_that_changes_during_the_catch_up_ends_it,
        a_guild_that_is_about_to_come_is_not_moved,
        after_a_kill_a_session_goes_on_from_its_last_tick,
        a_session_that_moved_outlives_the_one_it_moved_to,
        a_client_that_was_behind_goes_on_from_an_older_tick,
        two_claims_and_only_the_newest_is_confirmed,
        a_late_claim_finds_who_claimed_before,
        a_gateway_that_hung_has_no_say_in_what_was_claimed,
        a_gateway_that_ends_its_drain_leaves_its_sessions_whole,
        until_it_ends_the_session_may_be_taken_from_it,
        a_farewell_that_is_too_large_is_a_tick,
        a_redis_that_does_not_answer_in_time_makes_the_client_try_again,
        a_tick_is_for_its_own_user_and_ends_with_the_session,
        a_guild_that_was_left_and_joined_after_the_tick_makes_it_start_afresh,
        a_dead_owner_has_nothing,
        a_frozen_session_ends_in_the_end,
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
        tcase_add_test(t, tests[i]);
    tcase_add_loop_test(t, a_farewell_begins_behind_what_was_acknowledged, 0, 2);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
