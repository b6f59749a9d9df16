/* The replay ring: order, exact bounds, gaps of ephemeral entries only, snapshots let go once acknowledged. */
#include "services/gateway/core/memory.h"
#include "services/gateway/core/ring.h"
#include <check.h>
#include <stdio.h>

static struct ring ring;
static char replayed[256];

static void put(int64_t s, bool ephemeral, bool snapshot)
{
    struct hub_payload *p = memory_zeroed(sizeof *p);
    *p = (struct hub_payload){.refs = 1, .ephemeral = ephemeral, .snapshot = snapshot};
    ring_put(&ring, NULL, p, s);
    hub_payload_unref(NULL, p);
}

static void note(void *user, struct hub_payload *p, int64_t s)
{
    size_t n = strlen(replayed);
    snprintf(replayed + n, sizeof replayed - n, "%s%d", n ? " " : "", (int)s);
}

static const char *replay(int64_t seq)
{
    replayed[0] = '\0';
    ring_replay(&ring, seq, note, NULL);
    return replayed;
}

START_TEST(replays_what_is_later_in_order)
{
    ring_init(&ring, 8, 4);
    for (int64_t s = 1; s <= 6; s++)
        put(s, s % 3 == 0, false);
    ck_assert_str_eq(replay(0), "1 2 3 4 5 6");
    ck_assert_str_eq(replay(2), "3 4 5 6");
    ck_assert_str_eq(replay(6), "");
    ring_finish(&ring, NULL);
}
END_TEST

START_TEST(lasting_entries_that_fall_out_raise_the_floor)
{
    ring_init(&ring, 3, 4);
    for (int64_t s = 1; s <= 40; s++)
        put(s, false, false);
    ck_assert(!ring_can_replay(&ring, 36));
    ck_assert(ring_can_replay(&ring, 37));
    ck_assert_str_eq(replay(37), "38 39 40");
    ring_finish(&ring, NULL);
}
END_TEST

START_TEST(ephemeral_entries_never_push_messages_out)
{
    ring_init(&ring, 3, 2);
    put(1, false, false);
    for (int64_t s = 2; s <= 90; s++)
        put(s, true, false);
    put(91, false, false);
    ck_assert(ring_can_replay(&ring, 0));
    ck_assert_str_eq(replay(0), "1 89 90 91");
    ring_finish(&ring, NULL);
}
END_TEST

START_TEST(acknowledged_snapshots_go_with_all_before_them)
{
    ring_init(&ring, 8, 2);
    put(1, false, true);
    put(2, false, false);
    put(3, false, true);
    put(4, false, false);
    ring_acknowledge(&ring, NULL, 2);
    ck_assert_str_eq(replay(1), "2 3 4");
    ring_acknowledge(&ring, NULL, 4);
    ck_assert(!ring_can_replay(&ring, 2));
    ck_assert_str_eq(replay(3), "4");
    ring_finish(&ring, NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("ring");
    TCase *t = tcase_create("ring");
    tcase_add_test(t, replays_what_is_later_in_order);
    tcase_add_test(t, lasting_entries_that_fall_out_raise_the_floor);
    tcase_add_test(t, ephemeral_entries_never_push_messages_out);
    tcase_add_test(t, acknowledged_snapshots_go_with_all_before_them);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
