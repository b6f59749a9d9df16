/* Goal: what runs confined can compute, read descriptor 0 and write descriptor 1, and nothing else: each way out ends
 * the process, or fails. */
#define _GNU_SOURCE
#include "services/media/convert/confine.h"
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void compute(void)
{
    char bytes[8] = {0};
    free(malloc(64 << 20));
    if (read(0, bytes, sizeof bytes) < 0 || write(1, bytes, 0) < 0)
        _exit(2);
}

static void *nothing(void *user)
{
    return user;
}

static void start_a_thread(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) || pthread_join(thread, NULL))
        _exit(2);
}

static void open_a_file(void)
{
    if (open("/etc/passwd", O_RDONLY) >= 0 || errno != EACCES)
        _exit(2);
}

static void take_too_much_memory(void)
{
    if (mmap(NULL, 1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        _exit(2);
}

static void make_a_socket(void)
{
    socket(AF_INET, SOCK_STREAM, 0);
}

static void start_a_process(void)
{
    fork();
}

static void run_a_program(void)
{
    execl("/bin/true", "true", NULL);
}

static void make_code(void)
{
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void write_elsewhere(void)
{
    write(5, "x", 1);
}

static void look_at_others(void)
{
    ptrace(PTRACE_ATTACH, getpid(), NULL, NULL);
}

static void remove_a_file(void)
{
    syscall(SYS_unlink, "/tmp/nothing");
}

static void give_itself_more(void)
{
    setrlimit(RLIMIT_CPU, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY});
}

static const struct {
    void (*act)(void);
    bool killed;
} acts[] = {
    {compute, false},        {start_a_thread, false}, {open_a_file, false},  {take_too_much_memory, false},
    {make_a_socket, true},   {start_a_process, true}, {run_a_program, true}, {make_code, true},
    {write_elsewhere, true}, {look_at_others, true},  {remove_a_file, true}, {give_itself_more, true},
};

START_TEST(nothing_but_computing)
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        if (!confine_bounds() || !confine_calls())
            _exit(1);
        acts[_i].act();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFSIGNALED(status) == acts[_i].killed, "act %d: status %x", _i, status);
    if (acts[_i].killed)
        ck_assert_int_eq(WTERMSIG(status), SIGSYS);
    else
        ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(it_is_bounded_and_has_no_descriptors)
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        struct rlimit cpu, file;
        int open_one = open("/dev/null", O_RDONLY);
        bool ok = open_one > 2 && confine_bounds() && !getrlimit(RLIMIT_CPU, &cpu) && !getrlimit(RLIMIT_FSIZE, &file);
        _exit(!(ok && cpu.rlim_max == 5 && file.rlim_max == 32 << 20 && fcntl(open_one, F_GETFD) < 0));
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("confine");
    TCase *tests = tcase_create("confine");
    tcase_add_loop_test(tests, nothing_but_computing, 0, sizeof acts / sizeof *acts);
    tcase_add_test(tests, it_is_bounded_and_has_no_descriptors);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
