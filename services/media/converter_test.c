/* Goal: however the program that decodes images ends - well, by refusing, by a crash, not at all - its caller hears it
 * in time; and no more of them run than may. */
#define _GNU_SOURCE /* O_TMPFILE */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/media/converter.h"
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], program[96];
static int in, out;

static void set_up(void)
{
    strcpy(folder, "/tmp/hubbub-convert-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(program, sizeof program, "%s/program", folder);
    in = open(folder, O_TMPFILE | O_RDWR, 0600);
    out = open(folder, O_TMPFILE | O_RDWR, 0600);
    ck_assert_int_eq(write(in, "input", 5), 5);
}

static void tear_down(void)
{
    close(in);
    close(out);
    unlink(program);
    ck_assert_int_eq(rmdir(folder), 0);
}

static struct converter *create(const char *script, unsigned processes)
{
    FILE *f = fopen(program, "w");
    fprintf(f, "#!/bin/sh\n%s\n", script);
    fclose(f);
    ck_assert_int_eq(chmod(program, 0700), 0);
    struct converter *c = converter_create(program, processes);
    ck_assert_ptr_nonnull(c);
    return c;
}

static const struct {
    const char *script;
    int result;
} ends[] = {
    {"cat", CONVERT_STILL},
    {"exit 3", CONVERT_ANIMATED},
    {"exit 1", CONVERT_REFUSED},
    {"exit 2", CONVERT_FAILED},
    {"exit 77", CONVERT_FAILED},
    {"kill -SYS $$", CONVERT_REFUSED},
    {"kill -XCPU $$", CONVERT_REFUSED},
    {"kill -KILL $$", CONVERT_REFUSED},
};

START_TEST(each_end_is_a_result)
{
    struct converter *c = create(ends[_i].script, 1);
    ck_assert_int_eq(converter_run(c, in, out, NULL, NULL, clock_mono_ms() + 10000), ends[_i].result);
    converter_destroy(c);
}
END_TEST

START_TEST(it_reads_from_the_start_and_is_told_what_to_make)
{
    char text[64] = "";
    struct converter *c = create("cat; printf ' %s %s %s' $# $1 $2", 1);
    ck_assert_int_eq(converter_run(c, in, out, "64", "png", clock_mono_ms() + 10000), CONVERT_STILL);
    ck_assert_int_gt(pread(out, text, sizeof text - 1, 0), 0);
    ck_assert_str_eq(text, "input 2 64 png");
    converter_destroy(c);
}
END_TEST

START_TEST(what_does_not_end_is_ended)
{
    struct converter *c = create("exec sleep 1000", 1);
    ck_assert_int_eq(converter_run(c, in, out, NULL, NULL, clock_mono_ms() + 300), CONVERT_BUSY);
    converter_destroy(c);
}
END_TEST

struct caller {
    struct converter *converter;
    pthread_t thread;
    int result;
};

static void *call(void *user)
{
    struct caller *c = user;
    int file = open(folder, O_TMPFILE | O_RDWR, 0600);
    c->result = converter_run(c->converter, file, out, NULL, NULL, clock_mono_ms() + 20000);
    close(file);
    return NULL;
}

/* Two run until the test lets them; sixteen wait; all others are turned away at once. */
START_TEST(a_flood_is_turned_away)
{
    enum { CALLERS = 2 + CONVERTER_WAITING_MAX + 5 };
    char script[256];
    struct caller callers[CALLERS];
    snprintf(script, sizeof script, "echo x >> %s/ran; while [ ! -e %s/go ]; do sleep 0.02; done", folder, folder);
    struct converter *c = create(script, 2);
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){.converter = c, .result = -1};
        ck_assert_int_eq(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
    }
    int busy = 0;
    for (int64_t end = clock_mono_ms() + 10000; busy < 5 && clock_mono_ms() < end; usleep(5000)) {
        busy = 0;
        for (int i = 0; i < CALLERS; i++)
            busy += __atomic_load_n(&callers[i].result, __ATOMIC_ACQUIRE) == CONVERT_BUSY;
    }
    ck_assert_int_eq(busy, 5);
    char path[96];
    struct stat st;
    snprintf(path, sizeof path, "%s/ran", folder);
    ck_assert_int_eq(stat(path, &st), 0);
    ck_assert_int_le(st.st_size, 4); /* two lines at most */
    char go[96];
    snprintf(go, sizeof go, "%s/go", folder);
    close(open(go, O_CREAT | O_WRONLY, 0600));
    int done = 0;
    for (int i = 0; i < CALLERS; i++) {
        ck_assert_int_eq(pthread_join(callers[i].thread, NULL), 0);
        done += callers[i].result == CONVERT_STILL;
    }
    ck_assert_int_eq(done, CALLERS - 5);
    unlink(go);
    unlink(path);
    converter_destroy(c);
}
END_TEST

START_TEST(no_program_is_told_at_the_start)
{
    ck_assert_ptr_null(converter_create("/nowhere/convert", 1));
}
END_TEST

int main(void)
{
    log_init("converter_test", "error");
    Suite *suite = suite_create("converter");
    TCase *tests = tcase_create("converter");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, each_end_is_a_result, 0, sizeof ends / sizeof *ends);
    tcase_add_test(tests, it_reads_from_the_start_and_is_told_what_to_make);
    tcase_add_test(tests, what_does_not_end_is_ended);
    tcase_add_test(tests, a_flood_is_turned_away);
    tcase_add_test(tests, no_program_is_told_at_the_start);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
