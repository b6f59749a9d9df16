/* Goal: a process dies at the place and the time that it was told, and nowhere else. */
#include "lib/base/fault.h"
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* How a child ends that comes by both places three times; -1: in peace. */
static int end_of(const char *told)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        setenv("HUBBUB_FAULT_POINT", told, 1);
        fault_init();
        for (int i = 0; i < 3; i++) {
            fault_at(FAULT_CHANGE_WRITTEN);
            fault_at(FAULT_CHANGE_COMMITTED);
        }
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status) ? WEXITSTATUS(status) : -1;
}

START_TEST(it_dies_at_the_nth_time)
{
    ck_assert_int_eq(end_of(""), -1);
    ck_assert_int_eq(end_of("change_committed"), SIGKILL);
    ck_assert_int_eq(end_of("change_committed:3"), SIGKILL);
    ck_assert_int_eq(end_of("change_committed:4"), -1);
    ck_assert_int_eq(end_of("batch_stored:1"), -1);
}
END_TEST

START_TEST(a_name_that_is_not_there_is_refused)
{
    int end = end_of("change:1");
    ck_assert_int_ne(end, -1);
    ck_assert_int_ne(end, SIGKILL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("fault");
    TCase *t = tcase_create("fault");
    tcase_add_test(t, it_dies_at_the_nth_time);
    tcase_add_test(t, a_name_that_is_not_there_is_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
