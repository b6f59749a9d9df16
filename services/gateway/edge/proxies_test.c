/* Only a trusted proxy's word about the client's address counts, and only the part that it wrote itself. */
#include "services/gateway/edge/proxies.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(lists_are_read_or_refused)
{
    struct proxies p;
    ck_assert(proxies_parse("", &p) && p.n == 0);
    ck_assert(proxies_parse("127.0.0.1, 10.0.0.0/8,::1 ,fd00::/8,", &p) && p.n == 4);
    static const char *const wrong[] = {"localhost",   "10.0.0.0/33", "::/129",     "10.0.0.0/",
                                        "10.0.0.0/-1", "1.2.3",       "1.2.3.4/8x", "1.2.3.4 5.6.7.8"};
    for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++)
        ck_assert_msg(!proxies_parse(wrong[i], &p), "%s", wrong[i]);
}
END_TEST

static const struct {
    const char *trusted, *peer, *forwarded, *client;
} rows[] = {
    {"", "203.0.113.9", NULL, "203.0.113.9"},
    {"", "203.0.113.9", "198.51.100.1", "203.0.113.9"},
    {"127.0.0.1", "203.0.113.9", "198.51.100.1", "203.0.113.9"},
    {"127.0.0.1", "127.0.0.1", NULL, "127.0.0.1"},
    {"127.0.0.1", "127.0.0.1", "198.51.100.1", "198.51.100.1"},
    {"127.0.0.1", "127.0.0.1", "1.1.1.1, 198.51.100.1", "198.51.100.1"},
    {"127.0.0.1,10.0.0.0/8", "127.0.0.1", "1.1.1.1,198.51.100.1 ,10.200.3.4", "198.51.100.1"},
    {"10.0.0.0/9", "10.127.0.1", "10.128.0.1", "10.128.0.1"},
    {"10.0.0.0/9", "10.128.0.1", "1.1.1.1", "10.128.0.1"},
    {"0.0.0.0/0", "127.0.0.1", "1.1.1.1, 2.2.2.2", "1.1.1.1"},
    {"127.0.0.1", "127.0.0.1", "1.1.1.1, unknown", "127.0.0.1"},
    {"127.0.0.1", "127.0.0.1", "", "127.0.0.1"},
    {"127.0.0.1", "127.0.0.1", "1.1.1.1,", "127.0.0.1"},
    {"127.0.0.1", "127.0.0.1", "198.51.100.1:4711", "198.51.100.1"},
    {"::1", "::1", "[2001:db8::7]:4711", "2001:db8::7"},
    {"::1", "::1", "2001:db8::7", "2001:db8::7"},
    {"127.0.0.1", "::ffff:127.0.0.1", "::ffff:198.51.100.1", "198.51.100.1"},
    {"127.0.0.1", "127.0.0.1", "' or 1=1, 00000000000000000000000000000000000000000000000000000000000000000000000000",
     "127.0.0.1"},
};

START_TEST(the_rightmost_address_that_is_not_trusted_is_the_clients)
{
    struct proxies p;
    char client[INET6_ADDRSTRLEN];
    ck_assert(proxies_parse(rows[_i].trusted, &p));
    proxies_client_address(&p, rows[_i].peer, rows[_i].forwarded, client);
    ck_assert_str_eq(client, rows[_i].client);
}
END_TEST

START_TEST(a_host_is_counted_once_however_many_addresses_it_takes)
{
    struct in6_addr a = proxies_counted_address("2001:db8::1"), b = proxies_counted_address("2001:db8::ffff:2");
    ck_assert(!memcmp(&a, &b, sizeof a));
    a = proxies_counted_address("2001:db8:0:1::1");
    ck_assert(memcmp(&a, &b, sizeof a));
    a = proxies_counted_address("192.0.2.1");
    b = proxies_counted_address("192.0.2.2");
    ck_assert(memcmp(&a, &b, sizeof a));
    a = proxies_counted_address("::ffff:192.0.2.2");
    ck_assert(!memcmp(&a, &b, sizeof a));
}
END_TEST

int main(void)
{
    TCase *c = tcase_create("proxies");
    tcase_add_test(c, lists_are_read_or_refused);
    tcase_add_loop_test(c, the_rightmost_address_that_is_not_trusted_is_the_clients, 0, sizeof rows / sizeof *rows);
    tcase_add_test(c, a_host_is_counted_once_however_many_addresses_it_takes);
    Suite *s = suite_create("proxies");
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
