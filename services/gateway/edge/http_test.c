/* A request head is read as RFC 9112 has it, whatever two servers could read differently is refused, and a chunked body
 * comes out whole however it is cut. */
#define _GNU_SOURCE
#include "services/gateway/edge/http.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char text[64 * 1024];

static int read_head(const char *source, struct http_head *h)
{
    strcpy(text, source);
    return http_head_read(text, strlen(text), h);
}

START_TEST(head_is_cut_into_its_parts)
{
    struct http_head h;
    const char *source = "POST /api/v10/channels/1/messages?wait=true HTTP/1.1\r\nHost: a\r\nContent-LENGTH:  12 "
                         "\r\nX-Empty:\r\n\r\nbody";
    ck_assert_int_eq(read_head(source, &h), (int)strlen(source) - 4);
    ck_assert_str_eq(h.verb, "POST");
    ck_assert_str_eq(h.path, "/api/v10/channels/1/messages");
    ck_assert_str_eq(h.query, "wait=true");
    ck_assert_int_eq(h.content_length, 12);
    ck_assert_str_eq(http_header(&h, "x-empty"), "");
    ck_assert(h.keep_alive && !h.chunked && !h.websocket);
    ck_assert_ptr_null(http_header(&h, "authorization"));
}
END_TEST

START_TEST(half_a_head_wants_more_and_is_not_touched)
{
    struct http_head h;
    const char *source = "GET / HTTP/1.1\r\nHost: a\r\n\r";
    ck_assert_int_eq(read_head(source, &h), 0);
    ck_assert_str_eq(text, source);
}
END_TEST

START_TEST(targets_of_real_clients)
{
    static const struct {
        const char *target, *path, *query;
    } rows[] = {
        {"?v=10&encoding=json", "/", "v=10&encoding=json"},
        {"/?v=10", "/", "v=10"},
        {"/", "/", ""},
        {"http://host:80/a/b?c", "/a/b", "c"},
        {"http://host?v=9", "/", "v=9"},
        {"/a%2fb#x", "/a%2fb", ""},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char source[200];
        struct http_head h;
        snprintf(source, sizeof source, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", rows[i].target);
        ck_assert_int_gt(read_head(source, &h), 0);
        ck_assert_str_eq(h.path, rows[i].path);
        ck_assert_str_eq(h.query, rows[i].query);
    }
}
END_TEST

START_TEST(handshake_is_seen_among_tokens)
{
    struct http_head h;
    ck_assert_int_gt(
        read_head("GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n", &h), 0);
    ck_assert(h.websocket && h.keep_alive);
    ck_assert_int_gt(read_head("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nUpgrade: websocket\r\n\r\n", &h), 0);
    ck_assert(!h.websocket && !h.keep_alive);
    ck_assert_int_gt(read_head("GET / HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", &h), 0);
    ck_assert(!h.websocket); /* RFC 9110 section 7.8 */
}
END_TEST

START_TEST(what_could_be_read_in_two_ways_is_refused)
{
    static const struct {
        const char *lines;
        int code;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", -501},
        {"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", -400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", -505},
        {"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET / \r\nHost: a\r\n\r\n", -400},
        {"G@T / HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET a HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET  HTTP/1.1\r\nHost: a\r\n\r\n", -400},
        {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n"
         "Sec-WebSocket-Key: b\r\n\r\n",
         -400},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct http_head h;
        ck_assert_msg(read_head(rows[i].lines, &h) == rows[i].code, "%s", rows[i].lines);
    }
}
END_TEST

START_TEST(sizes_of_a_head_are_bounded)
{
    struct http_head h;
    strcpy(text, "GET /");
    memset(text + 5, 'a', HTTP_HEAD_BYTES_MAX);
    ck_assert_int_eq(http_head_read(text, HTTP_HEAD_BYTES_MAX + 1, &h), -414);
    strcpy(text, "GET / HTTP/1.1\r\nX: ");
    memset(text + strlen(text), 'a', HTTP_HEAD_BYTES_MAX);
    ck_assert_int_eq(http_head_read(text, HTTP_HEAD_BYTES_MAX + 1, &h), -431);
    strcpy(text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 0; i < HTTP_HEADERS_MAX; i++)
        strcat(text, "a: b\r\n");
    strcat(text, "\r\n");
    ck_assert_int_eq(http_head_read(text, strlen(text), &h), -431);
}
END_TEST

/* Feeds in pieces of `piece` bytes; the result is the last answer, the payload is in ret. */
static int unchunk(const char *in, size_t piece, char *ret, size_t *consumed)
{
    struct http_chunked c = {0};
    size_t n = strlen(in), at = 0, len = 0;
    int result = 0;
    while (!result && at < n) {
        size_t used, data_len, take = piece < n - at ? piece : n - at;
        const char *data;
        result = http_chunked_read(&c, in + at, take, &used, &data, &data_len);
        memcpy(ret + len, data_len ? data : "", data_len);
        len += data_len;
        at += used;
    }
    ret[len] = '\0';
    *consumed = at;
    return result;
}

START_TEST(chunks_are_joined_however_they_are_cut)
{
    const char *in = "5\r\nhello\r\n6;ext=\"x\"\r\n world\r\n0\r\nTrailer: a\r\n\r\nNEXT";
    for (size_t piece = 1; piece <= strlen(in); piece++) {
        char out[64];
        size_t used;
        ck_assert_int_eq(unchunk(in, piece, out, &used), 1);
        ck_assert_str_eq(out, "hello world");
        ck_assert_str_eq(in + used, "NEXT");
    }
}
END_TEST

START_TEST(broken_chunks_are_refused)
{
    static const char *const rows[] = {"x\r\n",  "\r\n",      "5\nhello", "5\r\nhelloX\r\n", "fffffffff\r\n",
                                       "-1\r\n", "0\r\na\nb", "5 \n",     "0x5\r\n"};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[64];
        size_t used;
        ck_assert_msg(unchunk(rows[i], 3, out, &used) == -400, "%s", rows[i]);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("http");
    TCase *t = tcase_create("http");
    tcase_add_test(t, head_is_cut_into_its_parts);
    tcase_add_test(t, half_a_head_wants_more_and_is_not_touched);
    tcase_add_test(t, targets_of_real_clients);
    tcase_add_test(t, handshake_is_seen_among_tokens);
    tcase_add_test(t, what_could_be_read_in_two_ways_is_refused);
    tcase_add_test(t, sizes_of_a_head_are_bounded);
    tcase_add_test(t, chunks_are_joined_however_they_are_cut);
    tcase_add_test(t, broken_chunks_are_refused);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
