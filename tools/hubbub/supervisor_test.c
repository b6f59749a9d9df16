/* Goal: a child is started, seen to be ready, started again with growing patience when it dies, and stopped; its log is kept
 * and rotated by size; an instance has one supervisor and one secret. */
#define _GNU_SOURCE
#include "lib/base/clock.h"
#include "tools/hubbub/instance.h"
#include "tools/hubbub/process.h"
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char folder[] = "/tmp/hubbub-test-XXXXXX";

static void make_folder(void)
{
    strcpy(folder, "/tmp/hubbub-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
    char *command = text("rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
    free(command);
}

static char *in_folder(const char *name)
{
    return text("%s/%s", folder, name);
}

static struct process make_process(char *const *argv)
{
    struct process p = {.name = "child-1", .pid_path = in_folder("child-1.pid"), .folder = folder, .argv = argv, .env = environ,
                        .stop_signal = SIGTERM, .hurry_signal = SIGKILL, .orphan_signal = SIGKILL};
    p.door.unix_socket = in_folder("door");
    char *log = in_folder("child-1.log");
    process_init(&p, log);
    free(log);
    return p;
}

static void wait_for_end(struct process *p, int64_t now_ms)
{
    int status;
    ck_assert_int_eq(waitpid(p->pid, &status, 0), p->pid);
    process_ended(p, status, now_ms);
}

START_TEST(starts_and_keeps_the_log)
{
    char *const argv[] = {"/bin/sh", "-c", "echo one; echo two >&2", NULL};
    struct process p = make_process(argv);
    process_step(&p, 1000);
    ck_assert_int_eq(p.state, PROCESS_RUNNING);
    FILE *f = fopen(p.pid_path, "r");
    int pid = 0;
    ck_assert_int_eq(fscanf(f, "%d", &pid), 1);
    fclose(f);
    ck_assert_int_eq(pid, p.pid);
    wait_for_end(&p, 1000);
    ck_assert_str_eq(p.log.line, "two");
    ck_assert_int_eq(access(p.pid_path, F_OK), -1);
    process_finish(&p);
}
END_TEST

START_TEST(patience_grows_and_is_forgotten)
{
    char *const argv[] = {"/bin/false", NULL};
    struct process p = make_process(argv);
    int64_t now = 1000;
    static const int waits[] = {100, 200, 400, 800, 1600, 3200, 5000, 5000};
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        process_step(&p, now);
        wait_for_end(&p, now);
        ck_assert_int_eq(p.state, PROCESS_WAITING);
        ck_assert_int_eq((int)(p.start_at_ms - now), waits[i]);
        process_step(&p, p.start_at_ms - 1);
        ck_assert_int_eq(p.state, PROCESS_WAITING);
        now = p.start_at_ms;
    }
    process_step(&p, now);
    wait_for_end(&p, now + 60000); /* it had settled */
    ck_assert_int_eq((int)(p.start_at_ms - now - 60000), 100);
    process_finish(&p);
}
END_TEST

START_TEST(is_ready_when_its_door_opens)
{
    char *const argv[] = {"/bin/sleep", "100", NULL};
    struct process p = make_process(argv);
    process_step(&p, 1000);
    process_step(&p, 1001);
    ck_assert(!p.ready);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", p.door.unix_socket);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    process_step(&p, 1002);
    ck_assert(p.ready);
    process_stop(&p, 2000, 500);
    ck_assert_int_eq(p.state, PROCESS_STOPPING);
    wait_for_end(&p, 2001);
    ck_assert_int_eq(p.state, PROCESS_ENDED);
    close(fd);
    process_finish(&p);
}
END_TEST

START_TEST(one_that_does_not_stop_is_killed)
{
    char *const argv[] = {"/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 1; done", NULL};
    struct process p = make_process(argv);
    process_step(&p, 1000);
    for (int i = 0; i < 500 && strcmp(p.log.line, "up"); i++) {
        usleep(10000);
        process_read_output(&p);
    }
    ck_assert_str_eq(p.log.line, "up");
    process_stop(&p, 2000, 500);
    process_step(&p, 2499);
    usleep(50000);
    ck_assert_int_eq(waitpid(p.pid, NULL, WNOHANG), 0);
    process_step(&p, 2500);
    wait_for_end(&p, 2501);
    ck_assert(WIFSIGNALED(p.exit_status) && WTERMSIG(p.exit_status) == SIGKILL);
    process_finish(&p);
}
END_TEST

START_TEST(a_program_that_is_not_there_says_so)
{
    char *const argv[] = {"/no/such/program", NULL};
    struct process p = make_process(argv);
    process_step(&p, 1000);
    wait_for_end(&p, 1000);
    ck_assert_str_eq(p.log.line, "child-1: /no/such/program: No such file or directory");
    process_finish(&p);
}
END_TEST

static off_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_size : -1;
}

START_TEST(logs_are_rotated_by_size)
{
    enum { PART = 1 << 20 };
    char *path = in_folder("big.log"), *part = malloc(PART);
    memset(part, 'x', PART);
    struct rotated_log log;
    rotated_log_init(&log, path);
    for (int i = 0; i < 45; i++)
        rotated_log_write(&log, part, PART);
    for (int i = 0; i <= ROTATED_LOG_KEPT + 1; i++) {
        char *name = i ? text("%s.%d", path, i) : text("%s", path);
        ck_assert_int_eq(size_of(name), i > ROTATED_LOG_KEPT ? -1 : i ? ROTATED_LOG_BYTES_MAX : 5 * PART);
        free(name);
    }
    rotated_log_finish(&log);
    rotated_log_init(&log, path); /* goes on where it was */
    ck_assert_uint_eq(log.size, 5 * PART);
    rotated_log_finish(&log);
    free(path);
    free(part);
}
END_TEST

START_TEST(an_instance_has_one_supervisor_and_one_secret)
{
    setenv("HUBBUB_DATA", folder, 1);
    setenv("HUBBUB_LISTEN", "127.0.0.1:9000", 1);
    struct instance one, two;
    instance_load(&one);
    ck_assert_str_eq(one.public_url, "http://127.0.0.1:9000");
    ck_assert_int_eq(one.port, 9000);
    instance_create_folders(&one);
    instance_load(&two);
    instance_create_folders(&two);
    ck_assert_uint_eq(strlen(one.secret), INSTANCE_SECRET_HEX);
    ck_assert_str_eq(one.secret, two.secret);
    struct stat st;
    char *secret = in_folder("secret");
    ck_assert_int_eq(stat(secret, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0600);
    free(secret);
    int other = 0;
    ck_assert(instance_lock(&one, &other));
    ck_assert(!instance_lock(&two, &other));
    ck_assert_int_eq(other, getpid());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("supervisor");
    TCase *c = tcase_create("supervisor");
    tcase_set_timeout(c, 30);
    tcase_add_checked_fixture(c, make_folder, remove_folder);
    tcase_add_test(c, starts_and_keeps_the_log);
    tcase_add_test(c, patience_grows_and_is_forgotten);
    tcase_add_test(c, is_ready_when_its_door_opens);
    tcase_add_test(c, one_that_does_not_stop_is_killed);
    tcase_add_test(c, a_program_that_is_not_there_says_so);
    tcase_add_test(c, logs_are_rotated_by_size);
    tcase_add_test(c, an_instance_has_one_supervisor_and_one_secret);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0;
}
