/* Goal: what JSON says, terms say, and back; and whatever a client sends as a term is refused or is JSON. */
#include "lib/wire/wire.h"
#include "services/gateway/edge/etf.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct buf term, back;

static void tear_down(void)
{
    buf_finish(&term);
    buf_finish(&back);
}

static bool to_term(const char *json)
{
    buf_clear(&term);
    return etf_write(&term, json, strlen(json));
}

static bool from_term(const char *bytes, size_t n)
{
    buf_clear(&back);
    return etf_read(&back, bytes, n);
}

static void check_term(const char *json, const void *bytes, size_t n)
{
    ck_assert(to_term(json));
    ck_assert_uint_eq(term.len, n);
    ck_assert_mem_eq(term.data, bytes, n);
}
#define CHECK_TERM(json, bytes) check_term(json, bytes, sizeof(bytes) - 1)

START_TEST(each_kind_has_its_form)
{
    CHECK_TERM("0", "\x83"
                    "a\0");
    CHECK_TERM("255", "\x83"
                      "a\xff");
    CHECK_TERM("256", "\x83"
                      "b\0\0\1\0");
    CHECK_TERM("-1", "\x83"
                     "b\xff\xff\xff\xff");
    CHECK_TERM("2147483648", "\x83"
                             "n\4\0\0\0\0\x80");
    CHECK_TERM("-9223372036854775808", "\x83"
                                       "n\x08\1\0\0\0\0\0\0\0\x80");
    CHECK_TERM("1.5", "\x83"
                      "F\x3f\xf8\0\0\0\0\0\0");
    CHECK_TERM(" null ", "\x83"
                         "s\3nil");
    CHECK_TERM("\"a\\n\\u00e9\\ud83d\\ude00\"", "\x83"
                                                "m\0\0\0\x08"
                                                "a\n\xc3\xa9\xf0\x9f\x98\x80");
    CHECK_TERM("[]", "\x83"
                     "j");
    CHECK_TERM("[true,1]", "\x83"
                           "l\0\0\0\2s\4truea\1j");
    CHECK_TERM("{\"op\": 1}", "\x83"
                              "t\0\0\0\1m\0\0\0\2opa\1");
    CHECK_TERM("{}", "\x83"
                     "t\0\0\0\0");
}
END_TEST

/* The shared part of a dispatch, and a session's own. */
START_TEST(what_is_cut_behind_a_key_goes_on_with_the_tail)
{
    unsigned char tail[ETF_TAIL_BYTES];
    ck_assert(to_term("{\"op\":0,\"t\":\"X\",\"d\":{\"id\":\"5\"},\"s\":"));
    etf_tail(tail, 1234567);
    buf_put(&term, tail, sizeof tail);
    ck_assert(from_term(term.data, term.len));
    ck_assert_str_eq(buf_str(&back), "{\"op\":0,\"t\":\"X\",\"d\":{\"id\":\"5\"},\"s\":1234567}");
    ck_assert(!to_term("{\"op\":0,\"d\":{\"id\":"));
}
END_TEST

START_TEST(there_and_back)
{
    static const char *const texts[] = {
        "{\"op\":2,\"d\":{\"token\":\"x\",\"intents\":33281,\"properties\":{\"os\":\"l\"},\"compress\":false,\"shard\":"
        "[0,1]}}",
        "{\"a\":[[],{},[[1,2],[-3]],\"\",null,true,false],\"b\":18446744073709551615,\"c\":-2147483649}",
        "[0.10000000000000001,-2.5,1e+20]",
        "\"\\u0001\\\"\\\\ \xe2\x82\xac\"",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_msg(to_term(texts[i]), "%s", texts[i]);
        ck_assert(from_term(term.data, term.len));
        ck_assert_str_eq(buf_str(&back), texts[i]);
    }
}
END_TEST

START_TEST(what_is_no_json_is_refused)
{
    static const char *const texts[] = {"",    "{",         "[1",          "[1,]",    "{\"a\"}", "{\"a\":1", "nul",
                                        "1 2", "\"\\u12\"", "\"\\ud800\"", "\"\\x\"", "-",       "--1",      "\"a"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        ck_assert_msg(!to_term(texts[i]), "%s", texts[i]);
}
END_TEST

/* Each stands for a rule of the header. */
START_TEST(terms_that_clients_may_not_send)
{
#define BAD(bytes)                                                                                                     \
    {                                                                                                                  \
        bytes, sizeof(bytes) - 1                                                                                       \
    }
    static const struct {
        const char *bytes;
        size_t n;
    } terms[] = {
        BAD(""),
        BAD("\x83"),
        BAD("\x82"
            "a\1"),
        BAD("\x83"
            "a\1a"), /* bytes behind it */
        BAD("\x83"
            "P\0\0\0\2xx"), /* compressed */
        BAD("\x83"
            "h\1a\1"), /* a tuple */
        BAD("\x83"
            "t\0\0\0\1s\2opa\1"), /* an atom for a key */
        BAD("\x83"
            "s\3foo"), /* an atom that is no value */
        BAD("\x83"
            "n\x09\0\1\1\1\1\1\1\1\1\1"), /* nine bytes */
        BAD("\x83"
            "n\1\2\1"), /* a sign of 2 */
        BAD("\x83"
            "F\x7f\xf0\0\0\0\0\0\0"), /* infinite */
        BAD("\x83"
            "m\0\0\0\2\xc3("), /* not UTF-8 */
        BAD("\x83"
            "m\0\0\0\1\xc3"), /* cut UTF-8 */
        BAD("\x83"
            "m\xff\xff\xff\xff"
            "a"), /* more than there is */
        BAD("\x83"
            "l\x7f\xff\xff\xff"
            "a\1j"),
        BAD("\x83"
            "t\x7f\xff\xff\xff"
            "m\0\0\0\1aa\1"),
        BAD("\x83"
            "l\0\0\0\1a\1a\1"), /* an improper list */
    };
    for (size_t i = 0; i < sizeof terms / sizeof *terms; i++)
        ck_assert_msg(!from_term(terms[i].bytes, terms[i].n), "%zu", i);
}
END_TEST

START_TEST(nesting_ends_at_the_bound)
{
    char deep[1 + 5 * (ETF_DEPTH_MAX + 1) + ETF_DEPTH_MAX + 1];
    for (unsigned depth = ETF_DEPTH_MAX - 1; depth <= ETF_DEPTH_MAX; depth++) {
        size_t n = 0;
        deep[n++] = (char)131;
        for (unsigned i = 0; i < depth; i++, n += 5)
            memcpy(deep + n, "l\0\0\0\1", 5);
        deep[n++] = 'j';
        memset(deep + n, 'j', depth);
        n += depth;
        ck_assert_int_eq(from_term(deep, n), depth < ETF_DEPTH_MAX);
    }
}
END_TEST

static uint32_t draw(uint32_t below)
{
    static uint32_t state = 20261124;
    state = state * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)state * below) >> 32);
}

/* Whatever comes is refused or is JSON that our own parser takes (but for a key that comes twice or holds a NUL),
 * within the room that the header says. */
static void check_any(const char *bytes, size_t n)
{
    char *exact = malloc(n + !n); /* for AddressSanitizer: nothing behind it may be read */
    memcpy(exact, bytes, n);
    if (from_term(exact, n)) {
        struct wire_json *json = NULL;
        ck_assert_uint_le(back.len, 7 * n + 32);
        if (wire_parse(back.data, back.len, &json) == ST_OK)
            wire_json_free(json);
        else
            ck_assert_ptr_nonnull(memchr(back.data, '{', back.len));
    }
    free(exact);
}

START_TEST(random_terms_do_no_harm)
{
    static const char kinds[] = {97, 98, 70, 100, 106, 107, 108, 109, 110, 115, 116, 118, 119};
    static const char seed[] = "{\"op\":2,\"d\":{\"token\":\"abc\",\"shard\":[0,1],\"x\":[1.5,null,{\"k\":\"\\u20ac\"}]"
                               ",\"n\":12345678901234}}";
    char bytes[256];
    ck_assert(to_term(seed));
    size_t n = term.len;
    memcpy(bytes, term.data, n);
    for (size_t cut = 0; cut < n; cut++)
        ck_assert(!from_term(bytes, cut));
    for (int i = 0; i < 200000; i++) {
        char changed[256];
        memcpy(changed, bytes, n);
        for (uint32_t k = 0; k <= draw(4); k++)
            changed[draw((uint32_t)n)] = draw(2) ? (char)draw(256) : kinds[draw(sizeof kinds)];
        check_any(changed, n - draw(3));
    }
    for (int i = 0; i < 200000; i++) {
        size_t length = draw(64);
        for (size_t k = 0; k < length; k++)
            bytes[k] = draw(2) ? kinds[draw(sizeof kinds)] : (char)draw(4);
        bytes[0] = (char)131;
        check_any(bytes, length);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("etf");
    TCase *t = tcase_create("etf");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, NULL, tear_down);
    tcase_add_test(t, each_kind_has_its_form);
    tcase_add_test(t, what_is_cut_behind_a_key_goes_on_with_the_tail);
    tcase_add_test(t, there_and_back);
    tcase_add_test(t, what_is_no_json_is_refused);
    tcase_add_test(t, terms_that_clients_may_not_send);
    tcase_add_test(t, nesting_ends_at_the_bound);
    tcase_add_test(t, random_terms_do_no_harm);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
