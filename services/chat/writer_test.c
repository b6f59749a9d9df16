/* The writer against a real PostgreSQL: contiguous numbers and increasing ids whatever writes at once, a key stored
 * once, the epoch fence, one held guild that delays no other, one bad row that fails alone, and kills of connections
 * and of the server. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/chat/testing/fixture.h"
#include "services/chat/writer.h"
#include "tests/support/postgres.h"
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 8 };
static struct fixture fixture;

static void set_up(void)
{
    fixture_init(&fixture);
}

static void tear_down(void)
{
    fixture_finish(&fixture);
}

/* What must hold of everything that was ever stored. */
static void check_order(void)
{
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM (SELECT scope_id, max(seq) - count(*) AS gap FROM "
                                              "feed_entries GROUP BY 1) x WHERE gap <> 0"),
                     0);
    ck_assert_int_eq(
        fixture_number(
            &fixture,
            "SELECT count(*) FROM (SELECT scope_id, seq FROM feed_entries GROUP BY 1, 2 HAVING count(*) > 1) x"),
        0);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM feeds f WHERE head <> coalesce((SELECT max(seq) "
                                              "FROM feed_entries e WHERE e.scope_id = f.scope_id), 0)"),
                     0);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM (SELECT ref, lag(ref) OVER (PARTITION BY scope_id "
                                              "ORDER BY seq) AS before FROM feed_entries"
                                              " WHERE type = 1) x WHERE ref <= before"),
                     0);
    ck_assert_int_eq(
        fixture_number(&fixture, "SELECT count(*) - (SELECT count(*) FROM messages) FROM feed_entries WHERE type = 1"),
        0);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) - count(DISTINCT id) FROM messages"), 0);
}

static void *send_many(void *user)
{
    for (int i = 0; i < 150; i++)
        ck_assert_int_eq(fixture_send(&fixture, FIXTURE_MEMBER, i % 3 ? FIXTURE_CHANNEL : FIXTURE_OTHER_CHANNEL,
                                      "hello", NULL, NULL),
                         ST_OK);
    return NULL;
}

/* Changes of the same guild in between: the other way of writing entries. */
static void *change_many(void *user)
{
    for (int i = 0; i < 40; i++) {
        CALL_FAKED struct call *c = fixture_call(&fixture, FIXTURE_OWNER);
        CHANGE_OWNED struct change *ch = NULL;
        uint64_t scopes[] = {FIXTURE_OTHER_GUILD, FIXTURE_GUILD};
        ck_assert_int_eq(change_begin(c, scopes, 2, ST_UNKNOWN_GUILD, &ch), ST_OK);
        Hubbub__V1__Event *e = PB_NEW(call_arena(c), Hubbub__V1__Event, hubbub__v1__event);
        e->guild_update = PB_NEW(call_arena(c), Hubbub__V1__Guild, hubbub__v1__guild);
        change_add(ch, FIXTURE_GUILD, FIXTURE_GUILD, 0, e);
        change_add(ch, FIXTURE_OTHER_GUILD, FIXTURE_OTHER_GUILD, 0, e);
        ck_assert_int_eq(change_commit(ch), ST_OK);
        ck_assert_uint_eq(call_fake_entries(c, NULL, NULL), 2);
    }
    return NULL;
}

static void run_threads(void *(*first)(void *), void *(*last)(void *))
{
    pthread_t threads[THREADS + 1];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, first, (void *)(intptr_t)i);
    pthread_create(&threads[THREADS], NULL, last, NULL);
    for (int i = 0; i <= THREADS; i++)
        pthread_join(threads[i], NULL);
}

START_TEST(numbers_are_contiguous_and_ids_increase)
{
    run_threads(send_many, change_many);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), THREADS * 150);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM feed_entries"), THREADS * 150 + 80);
    check_order();
}
END_TEST

static uint64_t same_ids[THREADS];

static void *send_same(void *user)
{
    ck_assert_int_eq(
        fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, "once", "the-same-request", &same_ids[(intptr_t)user]),
        ST_OK);
    return NULL;
}

static void *send_nothing(void *user)
{
    return NULL;
}

START_TEST(a_request_that_is_sent_again_is_stored_once)
{
    run_threads(send_same, send_nothing);
    run_threads(send_same, send_nothing);
    for (int i = 0; i < THREADS; i++)
        ck_assert_uint_eq(same_ids[i], same_ids[0]);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), 1);
    uint64_t other;
    ck_assert_int_eq(fixture_send(&fixture, FIXTURE_OWNER, FIXTURE_CHANNEL, "mine", "the-same-request", &other),
                     ST_OK); /* another author's */
    ck_assert_uint_ne(other, same_ids[0]);
    check_order();
}
END_TEST

static status send_nonce(const char *nonce, bool enforce, uint64_t *ret_id, size_t *ret_entries)
{
    CALL_FAKED struct call *c = fixture_call(&fixture, FIXTURE_MEMBER);
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&req, channel_id, FIXTURE_CHANNEL);
    PB_SET(&req, enforce_nonce, enforce);
    req.content = "text";
    req.nonce = (char *)nonce;
    status st = messages_handlers.create(c, &req, &m);
    ck_assert_str_eq(m.nonce, nonce);
    *ret_id = m.id;
    *ret_entries = call_fake_entries(c, NULL, NULL);
    return st;
}

START_TEST(an_enforced_nonce_gives_the_earlier_message)
{
    uint64_t a, b, third, fourth;
    size_t n;
    ck_assert_int_eq(send_nonce("77", true, &a, &n), ST_OK);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(send_nonce("77", true, &b, &n), ST_OK);
    ck_assert_uint_eq(n, 0); /* nothing new to tell */
    ck_assert_uint_eq(a, b);
    fixture_exec(&fixture, "DELETE FROM messages");
    ck_assert_int_eq(send_nonce("77", true, &third, &n), ST_OK);
    ck_assert_uint_eq(a, third); /* even if it was deleted meanwhile */
    ck_assert_int_eq(send_nonce("77", false, &fourth, &n), ST_OK);
    ck_assert_uint_ne(a, fourth);
    fixture_exec(&fixture, "UPDATE send_keys SET message_id = message_id - (600001::bigint << 22) WHERE key = 'n77'");
    ck_assert_int_eq(send_nonce("77", true, &b, &n), ST_OK); /* used over ten minutes ago: free again */
    ck_assert_uint_gt(b, fourth);
}
END_TEST

/* ---- Somebody else holds the guild ------------------------------------------------------------------------------- */

struct sender {
    uint64_t channel;
    status st;
    int64_t took_ms;
};

static void *send_one(void *user)
{
    struct sender *s = user;
    int64_t start = clock_mono_ms();
    s->st = fixture_send(&fixture, FIXTURE_MEMBER, s->channel, "text", NULL, NULL);
    s->took_ms = clock_mono_ms() - start;
    return NULL;
}

static struct db *hold_guild(void)
{
    struct db *d = NULL;
    ck_assert_int_eq(db_lease(fixture.chat->db, clock_mono_ms() + 2000, &d), ST_OK);
    ck_assert_int_eq(
        db_exec(d, clock_mono_ms() + 2000, "BEGIN; SELECT FROM feeds WHERE scope_id = 1000 FOR NO KEY UPDATE"), ST_OK);
    return d;
}

START_TEST(a_held_guild_delays_no_other)
{
    struct sender held = {.channel = FIXTURE_CHANNEL}, other = {.channel = FIXTURE_OTHER_CHANNEL};
    pthread_t thread;
    fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, "connects", NULL, NULL);
    fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_OTHER_CHANNEL, "connects", NULL, NULL);
    struct db *d = hold_guild();
    pthread_create(&thread, NULL, send_one, &held);
    for (int i = 0; i < 20; i++) {
        send_one(&other);
        ck_assert_int_eq(other.st, ST_OK);
        ck_assert_int_lt(other.took_ms, 300);
    }
    usleep(1200000); /* past the slow lane's lock_timeout: it tries again */
    ck_assert_int_eq(db_exec(d, clock_mono_ms() + 2000, "COMMIT"), ST_OK);
    db_release(d);
    pthread_join(thread, NULL);
    ck_assert_int_eq(held.st, ST_OK);
    ck_assert_int_ge(held.took_ms, 1200);
    check_order();
}
END_TEST

START_TEST(a_right_that_goes_between_check_and_store_stops_the_message)
{
    struct sender s = {.channel = FIXTURE_CHANNEL};
    pthread_t thread;
    struct db *d = hold_guild();
    pthread_create(&thread, NULL, send_one, &s); /* its rights are read: it may send; the row waits for the guild */
    usleep(300000);
    ck_assert_int_eq(db_exec(d, clock_mono_ms() + 2000,
                             "UPDATE roles SET permissions = 1024 WHERE id = 1000; UPDATE feeds SET epoch = epoch + 1 "
                             "WHERE scope_id = 1000"),
                     ST_OK);
    ck_assert_int_eq(db_exec(d, clock_mono_ms() + 2000, "COMMIT"), ST_OK);
    db_release(d);
    pthread_join(thread, NULL);
    ck_assert_int_eq(s.st, ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), 0);
}
END_TEST

START_TEST(an_epoch_that_moved_for_another_reason_is_looked_up_again)
{
    struct sender s = {.channel = FIXTURE_CHANNEL};
    pthread_t thread;
    struct db *d = hold_guild();
    pthread_create(&thread, NULL, send_one, &s);
    usleep(300000);
    ck_assert_int_eq(db_exec(d, clock_mono_ms() + 2000, "UPDATE feeds SET epoch = epoch + 1 WHERE scope_id = 1000"),
                     ST_OK);
    ck_assert_int_eq(db_exec(d, clock_mono_ms() + 2000, "COMMIT"), ST_OK);
    db_release(d);
    pthread_join(thread, NULL);
    ck_assert_int_eq(s.st, ST_OK);
}
END_TEST

static status store(const char *content, const char *key, uint64_t epoch)
{
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&m, channel_id, FIXTURE_CHANNEL);
    m.content = (char *)content;
    struct write_row row = {
        .scope_id = FIXTURE_GUILD, .author_id = FIXTURE_MEMBER, .epoch = epoch, .key = key, .message = &m};
    return writer_store(fixture.chat->writer, clock_mono_ms() + 5000, &row);
}

START_TEST(a_closed_guild_takes_nothing)
{
    ck_assert_int_eq(store("text", "k1", 7), ST_STALE);
    fixture_exec(&fixture, "UPDATE feeds SET closed = true WHERE scope_id = 1000");
    ck_assert_int_eq(store("text", "k2", 0), ST_NOT_FOUND);
}
END_TEST

static void *store_good_and_bad(void *user)
{
    for (int i = 0; i < 40; i++) {
        char key[32];
        snprintf(key, sizeof key, "k%d-%d", (int)(intptr_t)user, i);
        bool bad = i % 5 == 0;
        ck_assert_int_eq(store(bad ? "\xff not UTF-8" : "good", key, 0), bad ? ST_INTERNAL : ST_OK);
    }
    return NULL;
}

START_TEST(a_bad_row_fails_alone)
{
    run_threads(store_good_and_bad, send_nothing);
    ck_assert_int_eq(fixture_number(&fixture, "SELECT count(*) FROM messages"), THREADS * 32);
    check_order();
}
END_TEST

/* ---- Kills ------------------------------------------------------------------------------------------------------- */

static uint64_t acked[THREADS][400];
static unsigned n_acked[THREADS];
static atomic_bool stop;

/* As the gateway does: an UNAVAILABLE answer is sent again with the same request id, so the message must be there once.
 */
static void *send_until_stopped(void *user)
{
    int me = (int)(intptr_t)user;
    for (int i = 0; i < 400 && !atomic_load(&stop); i++) {
        char id[32], text[32];
        snprintf(id, sizeof id, "r%d-%d", me, i);
        snprintf(text, sizeof text, "%d-%d", me, i);
        status st;
        while ((st = fixture_send(&fixture, FIXTURE_MEMBER, i % 2 ? FIXTURE_CHANNEL : FIXTURE_OTHER_CHANNEL, text, id,
                                  &acked[me][n_acked[me]])) != ST_OK &&
               !atomic_load(&stop)) {
            ck_assert(st == ST_UNAVAILABLE || st == ST_DEADLINE);
            usleep(20000);
        }
        n_acked[me] += st == ST_OK;
        usleep(2000);
    }
    return NULL;
}

static void *kill_connections(void *user)
{
    struct fixture f = {.chat = fixture.chat, .arena = arena_create(0)};
    for (int i = 0; i < 15; i++) {
        usleep(100000);
        fixture_query(
            &f, "SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory'"); /* the lanes' */
    }
    atomic_store(&stop, true);
    arena_destroy(f.arena);
    return NULL;
}

static void *kill_server(void *user)
{
    for (int i = 0; i < 3; i++) {
        usleep(400000);
        postgres_command("kill");
        usleep(200000);
        postgres_command("start");
    }
    usleep(800000);
    atomic_store(&stop, true);
    return NULL;
}

static void check_acked(void)
{
    unsigned total = 0;
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    ck_assert_int_eq(db_lease(fixture.chat->db, clock_mono_ms() + 2000, &d), ST_OK);
    for (int t = 0; t < THREADS; t++) {
        ck_assert_int_eq(db_run(d, fixture.arena, clock_mono_ms() + 5000, &r,
                                "SELECT count(*) FROM messages WHERE id = ANY($1::bigint[])",
                                DB_IDS(acked[t], n_acked[t])),
                         ST_OK);
        ck_assert_uint_eq(db_u64(r, 0, 0), n_acked[t]);
        total += n_acked[t];
    }
    ck_assert_uint_gt(total, 100);
    ck_assert_int_eq(
        fixture_number(&fixture,
                       "SELECT count(*) FROM (SELECT content FROM messages GROUP BY 1 HAVING count(*) > 1) x"),
        0);
    check_order();
}

START_TEST(killed_connections_lose_and_double_nothing)
{
    run_threads(send_until_stopped, kill_connections);
    check_acked();
}
END_TEST

START_TEST(a_killed_server_loses_and_doubles_nothing)
{
    run_threads(send_until_stopped, kill_server);
    check_acked();
}
END_TEST

START_TEST(a_server_that_is_away_is_told_within_a_second)
{
    fixture_send(&fixture, FIXTURE_MEMBER, FIXTURE_CHANNEL, "connects", NULL, NULL);
    postgres_command("kill");
    struct sender s = {.channel = FIXTURE_CHANNEL};
    for (int i = 0; i < 20; i++) {
        send_one(&s);
        ck_assert_int_eq(s.st, ST_UNAVAILABLE);
        ck_assert_int_lt(s.took_ms, 1000);
    }
    CALL_FAKED struct call *c = fixture_call(&fixture, FIXTURE_MEMBER);
    Hubbub__V1__HeadsRequest req = HUBBUB__V1__HEADS_REQUEST__INIT;
    Hubbub__V1__HeadsResponse resp = HUBBUB__V1__HEADS_RESPONSE__INIT;
    PB_SET(&req, token, 5);
    ck_assert_int_eq(feeds_handlers.heads(c, &req, &resp), ST_UNAVAILABLE);
    ck_assert_int_gt(call_fake_retry_after(c), 0);
    postgres_command("start");
    int64_t start = clock_mono_ms();
    do
        send_one(&s);
    while (s.st != ST_OK && clock_mono_ms() - start < 5000);
    ck_assert_int_eq(s.st, ST_OK);
    ck_assert_int_lt(clock_mono_ms() - start, 2000);
}
END_TEST

int main(void)
{
    log_init("writer_test", "error");
    postgres_start();
    TCase *t = tcase_create("writer");
    tcase_set_timeout(t, 90);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, numbers_are_contiguous_and_ids_increase);
    tcase_add_test(t, a_request_that_is_sent_again_is_stored_once);
    tcase_add_test(t, an_enforced_nonce_gives_the_earlier_message);
    tcase_add_test(t, a_held_guild_delays_no_other);
    tcase_add_test(t, a_right_that_goes_between_check_and_store_stops_the_message);
    tcase_add_test(t, an_epoch_that_moved_for_another_reason_is_looked_up_again);
    tcase_add_test(t, a_closed_guild_takes_nothing);
    tcase_add_test(t, a_bad_row_fails_alone);
    tcase_add_test(t, killed_connections_lose_and_double_nothing);
    tcase_add_test(t, a_killed_server_loses_and_doubles_nothing);
    tcase_add_test(t, a_server_that_is_away_is_told_within_a_second);
    Suite *s = suite_create("services/chat writer");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
