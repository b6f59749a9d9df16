/* lib/db against a real PostgreSQL: values go there and back, a deadline ends a slow statement, a killed connection and
 * a killed, stopped and returning server are survived, and nobody waits for a server that is away. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/db/db.h"
#include "lib/db/hosts.h"
#include "tests/support/postgres.h"
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct db_pool *pool;
static struct arena *arena;

static void set_up(void)
{
    pool = db_pool_create(postgres_start(), 4);
    arena = arena_create(0);
}

static void tear_down(void)
{
    db_pool_destroy(pool);
    arena_destroy(arena);
}

static int64_t in_ms(int64_t ms)
{
    return clock_mono_ms() + ms;
}

static struct db *lease(void)
{
    struct db *d = NULL;
    ck_assert_int_eq(db_lease(pool, in_ms(2000), &d), ST_OK);
    return d;
}

START_TEST(values_go_there_and_back)
{
    DB_LEASED struct db *d = lease();
    struct db_rows *r;
    static const char *const texts[] = {"plain", "with \"quotes\" \\ and {braces},", NULL, "", "NULL"};
    static const uint64_t ids[] = {1, UINT64_C(9223372036854775807)};
    static const int64_t numbers[] = {-5, 0};
    static const struct db_blob blobs[] = {{"a\0b", 3}, {NULL, 0}, {"", 0}};
    ck_assert_int_eq(
        db_run(d, arena, in_ms(2000), &r,
               "SELECT $1::bigint, $2::text, $3::bytea, $4::boolean, $5::text[], $6::bigint[], $7::text, $8::bigint[]",
               DB_I64(-7), DB_TEXT("it's; DROP TABLE x"), DB_BYTES("\0\xff", 2), DB_BOOL(true), DB_TEXTS(texts, 5),
               DB_IDS(ids, 2), DB_NULL, DB_I64S(numbers, 2)),
        ST_OK);
    size_t n;
    uint64_t *back;
    ck_assert_int_eq(db_i64(r, 0, 0), -7);
    ck_assert_str_eq(db_text(r, 0, 1), "it's; DROP TABLE x");
    ck_assert_mem_eq(db_bytes(r, 0, 2, &n), "\0\xff", 2);
    ck_assert_uint_eq(n, 2);
    ck_assert(db_bool(r, 0, 3));
    ck_assert_uint_eq(db_ids(r, 0, 5, arena, &back), 2);
    ck_assert_uint_eq(back[1], UINT64_C(9223372036854775807));
    ck_assert(db_is_null(r, 0, 6));
    ck_assert_str_eq(db_text(r, 0, 6), "");
    ck_assert_int_eq(
        db_run(d, arena, in_ms(2000), &r, "SELECT t, t IS NULL FROM unnest($1::text[]) t", DB_TEXTS(texts, 5)), ST_OK);
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_str_eq(db_text(r, i, 0), texts[i] ? texts[i] : "");
        ck_assert_int_eq(db_bool(r, i, 1), !texts[i]);
    }
    ck_assert_int_eq(db_run(d, arena, in_ms(2000), &r, "SELECT b FROM unnest($1::bytea[]) b", DB_BYTES_ARRAY(blobs, 3)),
                     ST_OK);
    ck_assert_mem_eq(db_bytes(r, 0, 0, &n), "a\0b", 3);
    ck_assert_uint_eq(n, 3);
    ck_assert(db_is_null(r, 1, 0));
    ck_assert(!db_is_null(r, 2, 0));
    ck_assert_int_eq(db_run(d, arena, in_ms(2000), &r, "SELECT '{}'::bigint[]"), ST_OK);
    ck_assert_uint_eq(db_ids(r, 0, 0, arena, &back), 0);
    ck_assert_uint_ne(db_generation(d).system_id, 0);
    ck_assert_uint_eq(db_generation(d).timeline, 1);
}
END_TEST

START_TEST(a_refused_statement_says_why_and_leaves_the_connection)
{
    DB_LEASED struct db *d = lease();
    struct db_rows *r;
    ck_assert_int_eq(
        db_exec(d, in_ms(2000), "CREATE TEMP TABLE t (a int CONSTRAINT only_one UNIQUE); INSERT INTO t VALUES (1)"),
        ST_OK);
    ck_assert_int_eq(db_run(d, arena, in_ms(2000), &r, "INSERT INTO t VALUES ($1)", DB_I64(1)), ST_INTERNAL);
    ck_assert_str_eq(db_sqlstate(d), "23505");
    ck_assert_str_eq(db_constraint(d), "only_one");
    ck_assert_int_eq(db_run(d, arena, in_ms(2000), &r, "INSERT INTO t VALUES ($1)", DB_I64(2)), ST_OK);
    ck_assert_uint_eq(db_affected(r), 1);
    ck_assert_str_eq(db_sqlstate(d), "");
}
END_TEST

START_TEST(commit_of_a_failed_transaction_is_no_success)
{
    DB_LEASED struct db *d = lease();
    struct db_rows *r;
    ck_assert_int_eq(db_exec(d, in_ms(2000), "BEGIN"), ST_OK);
    ck_assert_int_eq(db_run(d, arena, in_ms(2000), &r, "SELECT 1 / $1::int", DB_I64(0)), ST_INTERNAL);
    ck_assert_int_eq(db_exec(d, in_ms(2000), "COMMIT"), ST_INTERNAL);
}
END_TEST

START_TEST(release_rolls_back)
{
    struct db_rows *r;
    struct db *d = lease();
    ck_assert_int_eq(db_exec(d, in_ms(2000), "BEGIN; CREATE TABLE left_over (a int)"), ST_OK);
    db_release(d);
    d = lease();
    ck_assert_int_eq(db_run(d, arena, in_ms(2000), &r, "SELECT to_regclass('left_over') IS NULL"), ST_OK);
    ck_assert(db_bool(r, 0, 0));
    db_release(d);
}
END_TEST

START_TEST(a_deadline_ends_a_slow_statement)
{
    struct db_rows *r;
    struct db *d = lease();
    int64_t start = clock_mono_ms();
    ck_assert_int_eq(db_run(d, arena, in_ms(300), &r, "SELECT pg_sleep(20)"), ST_DEADLINE);
    int64_t took = clock_mono_ms() - start;
    ck_assert_int_ge(took, 290);
    ck_assert_int_lt(took, 900);
    ck_assert_int_eq(db_run(d, arena, in_ms(300), &r, "SELECT 1"), ST_UNAVAILABLE); /* half-used: not to be trusted */
    db_release(d);
    d = lease();
    ck_assert_int_eq(db_run(d, arena, in_ms(1000), &r, "SELECT 1"), ST_OK);
    /* the server noticed that nobody waits any more */
    for (int i = 0; i < 50; i++) {
        ck_assert_int_eq(db_run(d, arena, in_ms(1000), &r,
                                "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(20)'"),
                         ST_OK);
        if (db_i64(r, 0, 0) == 0)
            break;
        usleep(100000);
    }
    ck_assert_int_eq(db_i64(r, 0, 0), 0);
    db_release(d);
}
END_TEST

START_TEST(an_exhausted_pool_waits_until_the_deadline)
{
    struct db *all[4], *more = NULL;
    for (int i = 0; i < 4; i++)
        all[i] = lease();
    int64_t start = clock_mono_ms();
    ck_assert_int_eq(db_lease(pool, in_ms(250), &more), ST_DEADLINE);
    ck_assert_int_ge(clock_mono_ms() - start, 240);
    db_release(all[0]);
    all[0] = lease();
    for (int i = 0; i < 4; i++)
        db_release(all[i]);
}
END_TEST

/* Ends the backend, and waits until it has ended. */
static void end_backend(struct db *killer, int64_t pid)
{
    struct db_rows *r;
    ck_assert_int_eq(db_run(killer, arena, in_ms(6000), &r, "SELECT pg_terminate_backend($1::int, 5000)", DB_I64(pid)),
                     ST_OK);
    ck_assert(db_bool(r, 0, 0));
}

START_TEST(a_connection_ended_by_the_server_is_replaced)
{
    struct db_rows *r;
    struct db *d = lease(), *killer = lease();
    ck_assert_int_eq(db_run(d, arena, in_ms(1000), &r, "SELECT pg_backend_pid()"), ST_OK);
    int64_t pid = db_i64(r, 0, 0);
    end_backend(killer, pid);
    ck_assert_int_eq(db_run(d, arena, in_ms(1000), &r, "SELECT 1"), ST_UNAVAILABLE); /* in use: its user is told */
    db_release(d);
    db_release(killer);
    d = lease(); /* idle ones: nobody notices */
    killer = lease();
    ck_assert_int_eq(db_run(d, arena, in_ms(1000), &r, "SELECT pg_backend_pid()"), ST_OK);
    pid = db_i64(r, 0, 0);
    db_release(d);
    end_backend(killer, pid);
    d = lease();
    ck_assert_int_eq(db_run(d, arena, in_ms(1000), &r, "SELECT 1"), ST_OK);
    db_release(d);
    db_release(killer);
}
END_TEST

/* Waits until the pool answers again; returns the milliseconds it took. */
static int64_t wait_back(void)
{
    int64_t start = clock_mono_ms();
    struct db_rows *r;
    while (clock_mono_ms() - start < 10000) {
        DB_LEASED struct db *d = NULL;
        if (db_lease(pool, in_ms(1000), &d) == ST_OK && db_run(d, arena, in_ms(1000), &r, "SELECT 1") == ST_OK)
            break;
        usleep(20000);
    }
    return clock_mono_ms() - start;
}

START_TEST(a_killed_server_is_told_at_once_and_comes_back)
{
    struct db_rows *r;
    db_release(lease());
    postgres_command("kill");
    struct db *d = NULL;
    for (int i = 0; i < 100; i++) {
        int64_t start = clock_mono_ms();
        status st = db_lease(pool, in_ms(5000), &d);
        ck_assert_int_eq(st, ST_UNAVAILABLE);
        ck_assert_int_lt(clock_mono_ms() - start, 1000);
    }
    usleep(300000);
    ck_assert(!db_pool_ready(pool));
    postgres_command("start");
    ck_assert_int_lt(wait_back(), 2000);
    d = lease();
    ck_assert_int_eq(db_run(d, arena, in_ms(1000), &r, "SELECT 1"), ST_OK);
    db_release(d);
    usleep(300000);
    ck_assert(db_pool_ready(pool));
}
END_TEST

START_TEST(a_hung_server_delays_nobody_for_over_a_second)
{
    struct db_rows *r;
    struct db *held = lease(), *d = NULL;
    ck_assert_int_eq(db_run(held, arena, in_ms(1000), &r, "SELECT 1"), ST_OK);
    usleep(500000); /* the probe has its connection */
    postgres_command("pause");
    int64_t start = clock_mono_ms();
    ck_assert_int_eq(db_run(held, arena, in_ms(5000), &r, "SELECT 1"), ST_UNAVAILABLE);
    ck_assert_int_lt(clock_mono_ms() - start, 1200);
    start = clock_mono_ms();
    ck_assert_int_eq(db_lease(pool, in_ms(5000), &d), ST_UNAVAILABLE);
    ck_assert_int_lt(clock_mono_ms() - start, 50);
    postgres_command("resume");
    ck_assert_int_lt(wait_back(), 2000);
    db_release(held);
}
END_TEST

static void *count_up(void *user)
{
    struct arena *a = arena_create(0);
    for (int i = 0; i < 200; i++) {
        DB_LEASED struct db *d = NULL;
        struct db_rows *r;
        ck_assert_int_eq(db_lease(pool, in_ms(5000), &d), ST_OK);
        ck_assert_int_eq(db_run(d, a, in_ms(5000), &r, "UPDATE counter SET n = n + $1", DB_I64(1)), ST_OK);
    }
    arena_destroy(a);
    return NULL;
}

START_TEST(many_threads_share_few_connections)
{
    struct db *d = lease();
    struct db_rows *r;
    ck_assert_int_eq(db_exec(d, in_ms(2000), "CREATE TABLE counter AS SELECT 0 AS n"), ST_OK);
    db_release(d);
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, count_up, NULL);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    d = lease();
    ck_assert_int_eq(
        db_run(d, arena, in_ms(2000), &r,
               "SELECT n, (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hubbub') FROM counter"),
        ST_OK);
    ck_assert_int_eq(db_i64(r, 0, 0), 1600);
    ck_assert_int_le(db_i64(r, 0, 1), 5); /* four, and the probe's */
    db_release(d);
}
END_TEST

/* A server that takes connections and says nothing, as a machine that is gone, named before the one that answers. */
START_TEST(a_silent_server_is_passed_over_for_the_next)
{
    char folder[] = "/tmp/db-silent-XXXXXX", url[512];
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(at.sun_path, sizeof at.sun_path, "%s/.s.PGSQL.5432", folder);
    int silent = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(silent, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(silent, 16), 0);
    struct hosts real;
    hosts_init(&real, postgres_start());
    snprintf(url, sizeof url, "host=%s,%s user=hubbub dbname=postgres", folder, real.host);
    hosts_finish(&real);
    db_pool_destroy(pool);
    pool = db_pool_create(url, 4);
    ck_assert_int_lt(wait_back(), 5000);
    close(silent);
    unlink(at.sun_path);
    rmdir(folder);
}
END_TEST

START_TEST(lists_turn)
{
    static const char *const expected[] = {"a,b,c", "b,c,a", "c,a,b", "a,b,c"};
    for (unsigned i = 0; i < 4; i++) {
        char *turned = hosts_turn("a,b,c", i);
        ck_assert_str_eq(turned, expected[i]);
        free(turned);
    }
    char *one = hosts_turn("a", 3);
    ck_assert_str_eq(one, "a");
    free(one);
    ck_assert_ptr_null(hosts_turn(NULL, 1));
    struct hosts h = {.host = "a,b,a", .port = "1,1,2"};
    ck_assert_uint_eq(hosts_find(&h, "b", "1"), 1);
    ck_assert_uint_eq(hosts_find(&h, "a", "2"), 2);
    ck_assert_uint_eq(hosts_find(&h, "c", "1"), 0);
}
END_TEST

int main(void)
{
    log_init("db_test", "error");
    postgres_start();
    TCase *t = tcase_create("db");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, values_go_there_and_back);
    tcase_add_test(t, a_refused_statement_says_why_and_leaves_the_connection);
    tcase_add_test(t, commit_of_a_failed_transaction_is_no_success);
    tcase_add_test(t, release_rolls_back);
    tcase_add_test(t, a_deadline_ends_a_slow_statement);
    tcase_add_test(t, an_exhausted_pool_waits_until_the_deadline);
    tcase_add_test(t, a_connection_ended_by_the_server_is_replaced);
    tcase_add_test(t, many_threads_share_few_connections);
    tcase_add_test(t, a_killed_server_is_told_at_once_and_comes_back);
    tcase_add_test(t, a_hung_server_delays_nobody_for_over_a_second);
    tcase_add_test(t, a_silent_server_is_passed_over_for_the_next);
    tcase_add_test(t, lists_turn);
    Suite *s = suite_create("lib/db");
    suite_add_tcase(s, t);
    SRunner *runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
