/* Member lists: clients apply what they are sent to arrays of their own, and after random acts every row of their
 * ranges is what a plain sort of the guild gives. The seed is printed; member_list_test SEED repeats one. */
#include "lib/permission/permission.h"
#include "services/gateway/core/fake_list.h"
#include "services/gateway/core/member_list.h"
#include <check.h>
#include <stdio.h>
#include <time.h>

enum { LOOKERS = 3, ACTS = 300, SECOND_CHANNEL = 1 };

static uint64_t seed;

static void check(struct fake_world *w, struct looker *k, bool large)
{
    const char *wrong = looker_wrong(w, k, large);
    if (wrong)
        ck_abort_msg("seed %llu: %s", (unsigned long long)seed, wrong);
}

/* ---- Tests ----------------------------------------------------------------------------------------------------------
 */

static struct looker *start(struct fake_world *w, unsigned user, unsigned channel)
{
    struct looker *k = memory_zeroed(sizeof *k);
    *k = (struct looker){.client = fake_open(w, user), .channel = channel, .user = user};
    k->ranges[0][1] = 99;
    k->n_ranges = 1;
    looker_subscribe(w, k);
    return k;
}

static void drop(struct looker *k)
{
    looker_end(k);
    free(k);
}

START_TEST(ids_are_the_hash_of_who_may_view)
{
    ck_assert_uint_eq(list_murmur3("", 0), 0);
    ck_assert_uint_eq(list_murmur3("hello", 5), 0x248bfa47);
    ck_assert_uint_eq(list_murmur3("hello, world", 12), 0x149bbb7f);
    ck_assert_uint_eq(list_murmur3("The quick brown fox jumps over the lazy dog", 43), 0x2e4ff723);
    struct fake_world *w = fake_create(1);
    struct looker *k = start(w, 0, 0);
    fake_run(w, 200);
    looker_look(k);
    ck_assert_str_eq(k->id, "everyone");
    fake_set_channel(w, 0, 0, true, 1);
    fake_run(w, 2500);
    looker_look(k);
    char tokens[100], id[LIST_ID_BYTES];
    int n = snprintf(tokens, sizeof tokens, "allow:%llu,deny:%llu", (unsigned long long)fake_role_id(0, 1),
                     (unsigned long long)fake_guild_id(0));
    snprintf(id, sizeof id, "%u", list_murmur3(tokens, (size_t)n));
    ck_assert_str_eq(k->id, id);
    check(w, k, false);
    drop(k);
    fake_destroy(w);
}
END_TEST

/* The guild came to be known whole by one change after another; who was online before was not told. */
START_TEST(presences_that_nobody_asked_for_are_asked_for)
{
    struct fake_world *w = fake_create(1);
    fake_settle_town(w, 3, 3);
    w->town[1].online = true;
    struct fake_client *first = fake_open(w, 1);
    for (unsigned i = 0; i < 3; i++)
        fake_resident_set(w, i, "known", 0);
    fake_run(w, 200);
    ck_assert_uint_gt(fake_count(first, "GUILD_MEMBER_UPDATE"), 2);
    struct looker *k = start(w, 0, 0);
    fake_run(w, 500);
    check(w, k, false);
    ck_assert_uint_eq(k->online, 1);
    drop(k);
    fake_destroy(w);
}
END_TEST

/* The answer is from before what was told meanwhile. */
START_TEST(who_goes_while_presences_are_asked_for_is_gone)
{
    struct fake_world *w = fake_create(1);
    struct fake_client *c = fake_connect(w);
    w->quiet = true;
    fake_identify(c, 1);
    for (unsigned i = 0; i < 400 && !fake_find(w, QUESTION_PRESENCES); i++) {
        struct fake_question *q = w->questions;
        fake_tick(w, 5);
        if (!q)
            continue;
        fake_serve(w, q, ST_OK);
        fake_deliver(w, q);
    }
    struct scope *s = scope_find(w->hub, fake_guild_id(0));
    Hubbub__V1__PresenceUser user = HUBBUB__V1__PRESENCE_USER__INIT;
    Hubbub__V1__PresenceUpdated old = HUBBUB__V1__PRESENCE_UPDATED__INIT, *both[2] = {&old};
    PB_SET(&user, id, fake_user_id(2));
    old.user = &user;
    old.status = "online";
    fake_presence(w, 0, fake_user_id(2), false);
    replica_take_presences(s->replica, both, 1); /* asked for before */
    ck_assert_ptr_null(replica_presence(s->replica, fake_user_id(2)));
    replica_take_presences(s->replica, both, 1); /* and after */
    ck_assert_ptr_nonnull(replica_presence(s->replica, fake_user_id(2)));
    fake_destroy(w);
}
END_TEST

START_TEST(groups_counts_and_each_operation)
{
    struct fake_world *w = fake_create(1);
    fake_settle_town(w, 4, 0);
    struct looker *k = start(w, 0, 0);
    fake_run(w, 200);
    check(w, k, false);
    ck_assert_str_eq(k->groups, "offline=3 ");
    fake_hoist(w, 0, 1, 5);
    fake_resident_set(w, 0, "Zoe", 2);
    fake_presence(w, 0, TOWN, true);
    fake_resident_set(w, 1, "amy", 0);
    fake_presence(w, 0, TOWN + 1, true);
    fake_run(w, 2500);
    check(w, k, false);
    char groups[100];
    snprintf(groups, sizeof groups, "%llu=1 online=1 offline=3 ", (unsigned long long)fake_role_id(0, 1));
    ck_assert_str_eq(k->groups, groups);
    ck_assert_uint_eq(k->online, 2);
    ck_assert_uint_eq(k->members, 5);
    unsigned before = k->ops;
    fake_resident_set(w, 1, "Amy", 0); /* in place: UPDATE */
    fake_run(w, 300);
    looker_look(k);
    ck_assert_uint_eq(k->ops - before, 1);
    fake_resident_leave(w, 1); /* with its group: two DELETE */
    fake_run(w, 300);
    looker_look(k);
    ck_assert_uint_eq(k->ops - before, 3);
    check(w, k, false);
    drop(k);
    fake_destroy(w);
}
END_TEST

static void act(struct fake_world *w)
{
    static const char *const names[] = {"Ann", "ann", "Bob", "bea", "Zed", "Mia", "mio", "Kim"};
    unsigned i = (unsigned)(fake_random(w) % w->n_town), what = (unsigned)(fake_random(w) % 20);
    struct fake_resident *x = &w->town[i];
    if (what < 8 && x->member)
        fake_presence(w, 0, TOWN + i, !x->online);
    else if (what < 14 || (!x->member && what < 17))
        fake_resident_set(w, i, fake_random(w) % 4 ? names[fake_random(w) % 8] : NULL, (unsigned)(fake_random(w) % 16));
    else if (what < 17) {
        fake_presence(w, 0, TOWN + i, false);
        fake_resident_leave(w, i);
        fake_run(w, 20); /* presence is told by who comes after, not before */
    } else if (what == 17)
        fake_hoist(w, 0, 1 + (unsigned)(fake_random(w) % 3), (int)(fake_random(w) % 3));
    else if (what == 18)
        fake_set_channel(w, 0, SECOND_CHANNEL, fake_random(w) % 3, (unsigned)(fake_random(w) % FAKE_ROLES));
}

static void choose_ranges(struct fake_world *w, struct looker *k)
{
    unsigned first = (unsigned)(fake_random(w) % 60);
    k->n_ranges = 1 + (unsigned)(fake_random(w) % LOOKER_RANGES);
    k->ranges[0][0] = 0;
    k->ranges[0][1] = (unsigned)(fake_random(w) % 20);
    k->ranges[1][0] = k->ranges[0][1] + 1 + first;
    k->ranges[1][1] = k->ranges[1][0] + (unsigned)(fake_random(w) % 30);
    looker_subscribe(w, k);
}

/* Every position of hoisted roles differs from the others', or order between groups is by id: avoided in the truth. */
static void distinct_positions(struct fake_world *w)
{
    for (unsigned r = 1; r < FAKE_ROLES; r++)
        if (w->guilds[0].hoisted[r])
            fake_hoist(w, 0, r, (int)(r * 3) + w->guilds[0].hoisted[r] % 3);
}

static void act_at_random(uint64_t with, unsigned town, unsigned members, bool large)
{
    seed = with;
    struct fake_world *w = fake_create(seed);
    fake_settle_town(w, town, members);
    for (unsigned i = 0; large && i < members; i += 17)
        w->town[i].online = true;
    fake_add_channel(w, 0);
    struct looker *all[LOOKERS];
    for (unsigned i = 0; i < LOOKERS; i++)
        all[i] = start(w, 0, i % 2);
    for (unsigned i = 0; i < ACTS; i++) {
        act(w);
        if (fake_random(w) % 4 == 0)
            fake_run(w, 10 * (int64_t)(fake_random(w) % 20));
        if (fake_random(w) % 40 == 0)
            choose_ranges(w, all[fake_random(w) % LOOKERS]);
        if (fake_random(w) % 30)
            continue;
        distinct_positions(w);
        fake_run(w, 4000);
        for (unsigned k = 0; k < LOOKERS; k++) {
            fake_send(all[k]->client, "{\"op\":1,\"d\":null}");
            ck_assert_uint_eq(all[k]->client->close_code, 0);
            check(w, all[k], large);
        }
    }
    for (unsigned i = 0; i < LOOKERS; i++)
        drop(all[i]);
    fake_destroy(w);
}

static uint64_t first_seed, n_seeds = 20;

START_TEST(random_acts_in_a_small_guild)
{
    for (uint64_t i = 0; i < n_seeds; i++)
        act_at_random(first_seed + i, 60, 20, false);
}
END_TEST

START_TEST(random_acts_in_a_large_guild)
{
    for (uint64_t i = 0; i < n_seeds / 4 + 1; i++)
        act_at_random(first_seed + i, 1600, 1500, true);
}
END_TEST

START_TEST(a_large_guild_costs_only_while_somebody_looks)
{
    struct fake_world *w = fake_create(1);
    fake_settle_town(w, 3000, 3000);
    for (unsigned i = 0; i < 3000; i += 100)
        w->town[i].online = true;
    struct fake_client *other = fake_open(w, 1);
    fake_run(w, 1000);
    struct hub_stats st;
    hub_stats(w->hub, &st);
    ck_assert_uint_eq(st.rosters, 0);
    ck_assert_uint_eq(w->asked[QUESTION_MEMBERS], 0);
    struct looker *k = start(w, 0, 0);
    fake_run(w, 1000);
    check(w, k, true);
    ck_assert_str_eq(k->groups, "online=30 ");
    ck_assert_uint_eq(k->members, 3003);
    ck_assert_uint_eq(w->asked[QUESTION_MEMBERS], 4);
    ck_assert_uint_eq(HASH_COUNT(w->hub->rosters->rows), 30); /* no row of those who are offline */
    fake_presence(w, 0, TOWN + 7, true);                      /* not known: asked for by id */
    fake_run(w, 500);
    check(w, k, true);
    ck_assert_uint_eq(w->asked[QUESTION_MEMBERS], 5);
    ck_assert_uint_eq(fake_count(other, "GUILD_MEMBER_LIST_UPDATE"), 0);
    fake_cut(k->client, 1000);
    fake_run(w, ROSTER_LINGER_MS + 200);
    hub_stats(w->hub, &st);
    ck_assert_uint_eq(st.rosters, 0);
    drop(k);
    fake_destroy(w);
}
END_TEST

START_TEST(what_comes_while_pages_are_read_is_newer)
{
    struct fake_world *w = fake_create(1);
    fake_settle_town(w, 1500, 1500);
    w->town[3].online = w->town[4].online = w->town[5].online = true;
    struct fake_client *c = fake_open(w, 0);
    w->quiet = true;
    struct looker k = {.client = c, .n_ranges = 1, .ranges = {{0, 99}}};
    looker_subscribe(w, &k);
    fake_tick(w, 20);
    ck_assert(fake_answer(w, QUESTION_MEMBERS));
    fake_serve(w, fake_find(w, QUESTION_PRESENCES), ST_OK); /* read, and on its way */
    fake_presence(w, 0, TOWN + 3, false);
    fake_presence(w, 0, TOWN + 6, true);
    fake_resident_leave(w, 4);
    fake_resident_set(w, 5, "renamed", 0);
    while (w->bus)
        fake_bus_deliver(w, w->bus, false, false);
    w->quiet = false;
    fake_run(w, 2500);
    check(w, &k, true);
    ck_assert_str_eq(k.groups, "online=2 ");
    looker_end(&k);
    fake_destroy(w);
}
END_TEST

START_TEST(a_raid_of_ten_thousand_is_a_few_updates)
{
    enum { RAID = 10000 };
    struct fake_world *w = fake_create(1);
    fake_settle_town(w, RAID, 0);
    struct looker *k = start(w, 0, 0);
    fake_run(w, 200);
    for (unsigned i = 0; i < RAID; i++) {
        fake_resident_set(w, i, NULL, 0);
        if (i % 50 == 0)
            fake_run(w, 10);
    }
    fake_run(w, 10000);
    looker_look(k);
    ck_assert_uint_lt(k->updates, 40); /* two seconds of joins, at most one rebuild a second, or a flush in 100 ms */
    ck_assert_uint_eq(HASH_COUNT(w->hub->rosters->rows), 0);
    ck_assert(w->hub->rosters->large);
    ck_assert_str_eq(k->groups, "");
    drop(k);
    fake_destroy(w);
}
END_TEST

START_TEST(who_loses_the_channel_is_told_no_more)
{
    struct fake_world *w = fake_create(1);
    fake_settle_town(w, 4, 0);
    struct looker *k = start(w, 1, 0);
    fake_run(w, 200);
    fake_set_channel(w, 0, 0, true, 1);
    fake_resident_set(w, 0, "secret", 2);
    fake_presence(w, 0, TOWN, true);
    fake_run(w, 2500);
    for (unsigned i = 0; i < k->client->n_frames; i++)
        if (strstr(k->client->frames[i].text, "GUILD_MEMBER_LIST_UPDATE"))
            ck_assert_ptr_null(strstr(k->client->frames[i].text, "secret"));
    looker_subscribe(w, k); /* and may not look again */
    fake_run(w, 2500);
    ck_assert_uint_eq(fake_count(k->client, "GUILD_MEMBER_LIST_UPDATE"), 1);
    drop(k);
    fake_destroy(w);
}
END_TEST

START_TEST(a_resumed_session_is_told_everything_anew)
{
    struct fake_world *w = fake_create(1);
    fake_settle_town(w, 4, 0);
    struct looker *k = start(w, 0, 0);
    fake_run(w, 200);
    looker_look(k);
    struct fake_client *old = k->client;
    fake_cut(old, 0);
    fake_resident_set(w, 0, "meanwhile", 0);
    fake_run(w, 500);
    k->client = fake_connect(w);
    k->seen = 0;
    fake_resume(k->client, old, old->seq);
    fake_run(w, 200);
    ck_assert_ptr_nonnull(fake_dispatch(k->client, "RESUMED", 0));
    check(w, k, false);
    drop(k);
    fake_destroy(w);
}
END_TEST

/* 0: taken from a gateway that lives; 1: from the tick of one that was killed. */
START_TEST(a_session_that_moves_goes_on_looking)
{
    struct fake_world *w = fake_create(1);
    fake_settle_town(w, 4, 0);
    fake_add_gateway(w);
    struct looker *k = start(w, 0, 0);
    fake_run(w, 1500);
    looker_look(k);
    struct fake_client *old = k->client;
    fake_use(w, 1);
    if (_i)
        fake_kill(w, 0);
    else
        fake_cut(old, 0);
    fake_resident_set(w, 0, "meanwhile", 0);
    k->client = fake_connect(w);
    k->seen = 0;
    fake_resume(k->client, old, old->seq);
    fake_run(w, 1000);
    ck_assert_ptr_nonnull(fake_dispatch(k->client, "RESUMED", 0));
    check(w, k, false);
    unsigned synced = k->updates;
    fake_resident_set(w, 1, "after", 0);
    fake_run(w, 300);
    check(w, k, false);
    ck_assert_uint_gt(k->updates, synced);
    drop(k);
    if (!_i)
        fake_use(w, 0);
    fake_destroy(w);
}
END_TEST

/* What is told of lists is not kept: told before the session has arrived, it would be a hole in what the client sees. */
START_TEST(who_looks_while_the_session_moves_in_misses_nothing)
{
    struct fake_world *w = fake_create(1);
    fake_settle_town(w, 4, 4);
    fake_add_gateway(w);
    struct looker *k = start(w, 0, 0);
    fake_run(w, 200);
    struct fake_client *old = k->client;
    fake_cut(old, 0);
    fake_use(w, 1);
    w->quiet = true;
    k->client = fake_connect(w);
    k->seen = 0;
    fake_resume(k->client, old, old->seq);
    for (unsigned i = 0; i < 60; i++) {
        fake_tick(w, 10);
        for (enum question_kind kind = 0; kind < QUESTION_KINDS; kind++)
            while (kind != QUESTION_CONFIRM && fake_answer(w, kind))
                ;
        if (i == 30)
            looker_subscribe(w, k);
    }
    ck_assert_ptr_nonnull(fake_find(w, QUESTION_CONFIRM));
    w->quiet = false;
    fake_run(w, 500);
    ck_assert_ptr_nonnull(fake_dispatch(k->client, "RESUMED", 0));
    int64_t seq = old->seq;
    for (unsigned i = 0; i < k->client->n_frames; i++)
        if (k->client->frames[i].s >= 0)
            ck_assert_int_eq(k->client->frames[i].s, ++seq);
    check(w, k, false);
    drop(k);
    fake_use(w, 0);
    fake_destroy(w);
}
END_TEST

START_TEST(viewers_of_one_range_share_what_is_encoded)
{
    struct fake_world *w = fake_create(1);
    fake_settle_town(w, 4, 0);
    struct looker *all[3] = {start(w, 0, 0), start(w, 1, 0), start(w, 2, 0)};
    fake_run(w, 200);
    uint64_t before = w->hub->stats.list_updates;
    fake_resident_set(w, 0, "new", 0);
    fake_run(w, 300);
    ck_assert_uint_eq(w->hub->stats.list_updates - before, 1);
    for (unsigned i = 0; i < 3; i++) {
        check(w, all[i], false);
        drop(all[i]);
    }
    fake_destroy(w);
}
END_TEST

int main(int argc, char **argv)
{
    first_seed = argc > 1 ? strtoull(argv[1], NULL, 10) : (uint64_t)time(NULL);
    n_seeds = argc > 1 ? 1 : n_seeds;
    printf("seeds from %llu\n", (unsigned long long)first_seed);
    Suite *s = suite_create("member_list");
    TCase *t = tcase_create("member_list");
    tcase_set_timeout(t, 0);
    tcase_add_test(t, ids_are_the_hash_of_who_may_view);
    tcase_add_test(t, who_goes_while_presences_are_asked_for_is_gone);
    tcase_add_test(t, presences_that_nobody_asked_for_are_asked_for);
    tcase_add_test(t, groups_counts_and_each_operation);
    tcase_add_test(t, random_acts_in_a_small_guild);
    tcase_add_test(t, random_acts_in_a_large_guild);
    tcase_add_test(t, a_large_guild_costs_only_while_somebody_looks);
    tcase_add_test(t, what_comes_while_pages_are_read_is_newer);
    tcase_add_test(t, a_raid_of_ten_thousand_is_a_few_updates);
    tcase_add_test(t, who_loses_the_channel_is_told_no_more);
    tcase_add_test(t, a_resumed_session_is_told_everything_anew);
    tcase_add_loop_test(t, a_session_that_moves_goes_on_looking, 0, 2);
    tcase_add_test(t, who_looks_while_the_session_moves_in_misses_nothing);
    tcase_add_test(t, viewers_of_one_range_share_what_is_encoded);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
