/* Goal: what a program calls itself is told by name, the narrower name first, and never by what it wrote. */
#include "services/chat/client_info.h"
#include <check.h>
#include <stdlib.h>

static const struct {
    const char *user_agent, *os, *platform;
} rows[] = {
    {"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Linux", "Firefox"},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36 "
     "Edg/126.0",
     "Windows", "Edge"},
    {"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
     "Android", "Chrome"},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/17 "
     "Safari/604",
     "iOS", "Safari"},
    {"curl/7.88.1", NULL, "curl"},
    {"\xff\xfe<script>", NULL, NULL},
    {"", NULL, NULL},
    {NULL, NULL, NULL},
};

START_TEST(test_names)
{
    struct client_info info = client_info_of(rows[_i].user_agent);
    ck_assert_pstr_eq(info.os, rows[_i].os);
    ck_assert_pstr_eq(info.platform, rows[_i].platform);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("client_info");
    TCase *tc = tcase_create("all");
    tcase_add_loop_test(tc, test_names, 0, sizeof rows / sizeof *rows);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
