/* Presence hears of every change once, of every living session each 20 s, and of everything again when a batch was
 * lost. */
#include "services/gateway/edge/rim.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct presence_batch *batch;
static Hubbub__V1__SessionPresence *out[PRESENCE_BATCH_MAX];

static void put(const char *id, const char *status, bool closed)
{
    uint64_t guild = 7;
    Hubbub__V1__SessionPresence p = HUBBUB__V1__SESSION_PRESENCE__INIT;
    PB_SET(&p, user_id, 1);
    p.session_id = (char *)id;
    p.status = (char *)status;
    p.guild_ids = &guild;
    p.n_guild_ids = strcmp(status, "nowhere") != 0;
    PB_SET(&p, closed, closed);
    presence_batch_put(batch, &p);
}

static void setup(void)
{
    batch = presence_batch_create();
}

static void teardown(void)
{
    presence_batch_destroy(batch);
}

START_TEST(changes_go_once_then_beats)
{
    put("a", "online", false);
    put("a", "idle", false);
    ck_assert_uint_eq(presence_batch_take(batch, 1000, out), 1);
    ck_assert_str_eq(out[0]->status, "idle");
    ck_assert_uint_eq(presence_batch_take(batch, 1001, out), 0); /* one at a time */
    presence_batch_done(batch, true, 1002);
    ck_assert(presence_batch_idle(batch));
    ck_assert_uint_eq(presence_batch_take(batch, 20999, out), 0);
    ck_assert_uint_eq(presence_batch_take(batch, 21000, out), 1);
    ck_assert_ptr_null(out[0]->status); /* only alive */
    ck_assert_str_eq(out[0]->session_id, "a");
    presence_batch_done(batch, true, 21001);
}
END_TEST

START_TEST(what_was_lost_is_said_again_in_full)
{
    put("a", "online", false);
    presence_batch_take(batch, 0, out);
    presence_batch_done(batch, true, 1);
    presence_batch_take(batch, 20000, out);
    presence_batch_done(batch, false, 20001);
    ck_assert_uint_eq(presence_batch_take(batch, 20002, out), 1);
    ck_assert_str_eq(out[0]->status, "online");
    presence_batch_done(batch, true, 20003);
    presence_batch_announce_all(batch);
    ck_assert_uint_eq(presence_batch_take(batch, 20004, out), 1);
    ck_assert_str_eq(out[0]->status, "online");
}
END_TEST

START_TEST(closed_sessions_go_when_they_were_told)
{
    put("a", "online", false);
    presence_batch_take(batch, 0, out);
    put("a", "online", true); /* while it is on its way */
    presence_batch_done(batch, true, 1);
    ck_assert_uint_eq(presence_batch_take(batch, 2, out), 1);
    ck_assert(out[0]->closed);
    presence_batch_done(batch, false, 3);
    ck_assert_uint_eq(presence_batch_take(batch, 4, out), 1);
    presence_batch_done(batch, true, 5);
    ck_assert(presence_batch_idle(batch));
    ck_assert_uint_eq(presence_batch_take(batch, 90000, out), 0);
    put("b", "online", true); /* never heard of */
    ck_assert_uint_eq(presence_batch_take(batch, 90001, out), 0);
}
END_TEST

START_TEST(one_that_moved_away_is_not_spoken_of)
{
    put("a", "online", false);
    put("b", "online", false);
    presence_batch_take(batch, 0, out);
    presence_batch_forget(batch, "a"); /* while it is on its way */
    presence_batch_done(batch, false, 1);
    ck_assert_uint_eq(presence_batch_take(batch, 2, out), 1);
    ck_assert_str_eq(out[0]->session_id, "b");
    presence_batch_done(batch, true, 3);
    presence_batch_forget(batch, "b");
    presence_batch_close_all(batch);
    ck_assert_uint_eq(presence_batch_take(batch, 90000, out), 0);
    put("b", "online", false); /* it came back */
    ck_assert_uint_eq(presence_batch_take(batch, 90001, out), 1);
}
END_TEST

START_TEST(no_guilds_is_said_as_guild_zero)
{
    put("a", "nowhere", false);
    presence_batch_take(batch, 0, out);
    ck_assert_uint_eq(out[0]->n_guild_ids, 1);
    ck_assert_uint_eq(out[0]->guild_ids[0], 0);
}
END_TEST

START_TEST(batches_are_bounded_and_everyone_gets_a_turn)
{
    for (int i = 0; i < 2500; i++) {
        char id[16];
        sprintf(id, "s%d", i);
        put(id, "online", false);
    }
    size_t sizes[3] = {PRESENCE_BATCH_MAX, PRESENCE_BATCH_MAX, 500};
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(presence_batch_take(batch, i, out), sizes[i]);
        presence_batch_done(batch, true, i);
    }
    presence_batch_close_all(batch);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(presence_batch_take(batch, i, out), sizes[i]);
        ck_assert(out[0]->closed);
        presence_batch_done(batch, true, i);
    }
    ck_assert(presence_batch_idle(batch));
}
END_TEST

int main(void)
{
    Suite *s = suite_create("presence_batch");
    TCase *t = tcase_create("presence_batch");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, changes_go_once_then_beats);
    tcase_add_test(t, what_was_lost_is_said_again_in_full);
    tcase_add_test(t, closed_sessions_go_when_they_were_told);
    tcase_add_test(t, one_that_moved_away_is_not_spoken_of);
    tcase_add_test(t, no_guilds_is_said_as_guild_zero);
    tcase_add_test(t, batches_are_bounded_and_everyone_gets_a_turn);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
