/* The admin port answers livez, readyz by what its owner says, and metrics; refuses an address in use; ends when told. */
#include "lib/base/admin.h"
#include "lib/base/metric.h"
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static bool ready_now;
static char address[32];
static struct admin *admin;

static bool ready(void *user, struct buf *lines)
{
    buf_printf(lines, "%s: %s\n", (const char *)user, ready_now ? "ok" : "away");
    return ready_now;
}

static uint16_t free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, n), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static void start(void)
{
    snprintf(address, sizeof address, "127.0.0.1:%u", free_port());
    admin = admin_create(address, ready, "postgresql");
    ck_assert_ptr_nonnull(admin);
}

/* The whole answer, as text. */
static char *get(const char *verb, const char *path)
{
    static char answer[65536];
    char request[200];
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1))};
    int fd = socket(AF_INET, SOCK_STREAM, 0), n = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", verb, path);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    ck_assert_int_eq(write(fd, request, (size_t)n), n);
    size_t len = 0;
    ssize_t got;
    while ((got = read(fd, answer + len, sizeof answer - 1 - len)) > 0)
        len += (size_t)got;
    answer[len] = '\0';
    close(fd);
    return answer;
}

START_TEST(says_how_it_is)
{
    static struct metric m = METRIC_COUNTER("test_admin_total", "help", "");
    metric_add(&m, 3);
    start();
    ck_assert_ptr_nonnull(strstr(get("GET", "/livez"), "200 OK"));
    ready_now = false;
    ck_assert_ptr_nonnull(strstr(get("GET", "/readyz"), " 503 "));
    ck_assert_ptr_nonnull(strstr(get("GET", "/readyz?verbose"), "postgresql: away\n"));
    ready_now = true;
    ck_assert_ptr_nonnull(strstr(get("GET", "/readyz"), "200 OK"));
    ck_assert_ptr_nonnull(strstr(get("GET", "/metrics"), "\ntest_admin_total 3\n"));
    ck_assert_ptr_nonnull(strstr(get("GET", "/"), " 404 "));
    ck_assert_ptr_null(strstr(get("POST", "/livez"), "200 OK"));
    admin_destroy(admin);
}
END_TEST

START_TEST(refuses_what_it_cannot_have)
{
    start();
    ck_assert_ptr_null(admin_create(address, ready, ""));
    ck_assert_ptr_null(admin_create("nowhere", ready, ""));
    admin_destroy(admin);
    admin_destroy(NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("admin");
    TCase *t = tcase_create("admin");
    tcase_add_test(t, says_how_it_is);
    tcase_add_test(t, refuses_what_it_cannot_have);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
