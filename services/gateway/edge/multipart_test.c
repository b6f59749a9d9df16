/* A multipart body comes out the same wherever the network cuts it, and a body that is none is an error, never an
 * overrun. */
#include "services/gateway/edge/multipart.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char type[] = "multipart/form-data; boundary=\"----b\"";

/* Runs the body through, with `piece` more bytes at each step; writes what happened into ret. */
static bool run(const char *body, size_t n, size_t piece, char *ret)
{
    struct multipart m;
    ck_assert(multipart_init(&m, type));
    char *buffer = malloc(n + 1);
    size_t have = 0, at = 0;
    *ret = '\0';
    for (;;) {
        size_t used, data_len;
        const char *data;
        enum multipart_event e = multipart_read(&m, buffer, have, &used, &data, &data_len);
        if (e == MULTIPART_PART)
            sprintf(ret + strlen(ret), "[%s|%s|%s]", m.name, m.is_file ? m.filename : "-", m.content_type);
        if (e == MULTIPART_DATA)
            strncat(ret, data, data_len);
        if (e == MULTIPART_PART_END)
            strcat(ret, "/");
        memmove(buffer, buffer + used, have - used);
        have -= used;
        if (e == MULTIPART_END || e == MULTIPART_ERROR || (e == MULTIPART_MORE && at == n)) {
            free(buffer);
            return e == MULTIPART_END;
        }
        if (e == MULTIPART_MORE) {
            size_t take = piece < n - at ? piece : n - at;
            memcpy(buffer + have, body + at, take);
            have += take;
            at += take;
        }
    }
}

START_TEST(parts_are_the_same_however_they_are_cut)
{
    const char *body =
        "------b\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a \\\"b\\\".txt\"\r\nContent-Type: "
        "text/plain\r\n\r\n"
        "one\r\n------\r\ntwo\r\n\r\n------b  \r\ncontent-disposition: form-data; "
        "name=payload_json\r\n\r\n{}\r\n------b\r\n"
        "Content-Disposition: form-data; filename=\"empty\"; name=\"files[1]\"\r\n\r\n\r\n------b--\r\nepilogue";
    const char *expected =
        "[files[0]|a \"b\".txt|text/plain]one\r\n------\r\ntwo\r\n/[payload_json|-|]{}/[files[1]|empty|]/";
    for (size_t piece = 1; piece <= strlen(body); piece++) {
        char out[1024];
        ck_assert(run(body, strlen(body), piece, out));
        ck_assert_str_eq(out, expected);
    }
}
END_TEST

START_TEST(broken_bodies_are_errors)
{
    static const char *const rows[] = {
        "no delimiter at all",
        "------b\r\nContent-Disposition: form-data\r\n\r\nx\r\n------b--",          /* no name */
        "------b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n------b--", /* not form-data */
        "------b\r\n\r\nx\r\n------b--",                                            /* no headers */
        "------bX\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n------b--",
        "------b\r\nContent-Disposition: form-data; name=a\r\n\r\nx", /* never ends */
        "",
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (size_t piece = 1; piece < 40; piece += 7) {
            char out[1024];
            ck_assert_msg(!run(rows[i], strlen(rows[i]), piece, out), "%s", rows[i]);
        }
}
END_TEST

START_TEST(headers_and_parts_are_bounded)
{
    static char body[64 * 1024], out[64 * 1024];
    strcpy(body, "------b\r\nContent-Disposition: form-data; name=a; filename=\"");
    memset(body + strlen(body), 'x', MULTIPART_HEADERS_MAX);
    strcat(body, "\"\r\n\r\nx\r\n------b--");
    ck_assert(!run(body, strlen(body), 100, out));
    strcpy(body, "------b");
    for (int i = 0; i <= MULTIPART_PARTS_MAX; i++)
        strcat(body, "\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n------b");
    strcat(body, "--");
    ck_assert(!run(body, strlen(body), 100, out));
    const char nul[] = "------b\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\nx\r\n------b--";
    ck_assert(!run(nul, sizeof nul - 1, 5, out));
}
END_TEST

START_TEST(boundaries)
{
    struct multipart m;
    char header[200];
    ck_assert(multipart_init(&m, "Multipart/Form-Data;boundary=x"));
    ck_assert(!multipart_init(&m, NULL));
    ck_assert(!multipart_init(&m, "multipart/form-data"));
    ck_assert(!multipart_init(&m, "multipart/form-data; boundary="));
    ck_assert(!multipart_init(&m, "multipart/form-databoundary=x"));
    ck_assert(!multipart_init(&m, "application/json; boundary=x"));
    sprintf(header, "multipart/form-data; boundary=%071d", 0);
    ck_assert(!multipart_init(&m, header));
    sprintf(header, "multipart/form-data; boundary=%070d", 0);
    ck_assert(multipart_init(&m, header));
}
END_TEST

START_TEST(file_names_of_fields)
{
    ck_assert_int_eq(multipart_file_index("files[0]"), 0);
    ck_assert_int_eq(multipart_file_index("files[12]"), 12);
    ck_assert_int_eq(multipart_file_index("file"), 0);
    ck_assert_int_eq(multipart_file_index("file3"), 3);
    ck_assert_int_eq(multipart_file_index("files[]"), -1);
    ck_assert_int_eq(multipart_file_index("files[1"), -1);
    ck_assert_int_eq(multipart_file_index("files[99999]"), -1);
    ck_assert_int_eq(multipart_file_index("payload_json"), -1);
}
END_TEST

START_TEST(noise_never_overruns)
{
    srand(7);
    for (int turn = 0; turn < 20000; turn++) {
        static const char alphabet[] = "-b\r\n:;=\"\\ ax\0";
        char body[200] = "------b\r\nContent-Disposition: form-data; name=a\r\n\r\n", out[1024];
        size_t n = (size_t)(turn % 2 ? strlen(body) : 0), len = n + (size_t)(rand() % 100);
        for (; n < len; n++)
            body[n] = alphabet[rand() % (int)(sizeof alphabet - 1)];
        run(body, n, 1 + (size_t)(rand() % 30), out);
    }
}
END_TEST

int main(void)
{
    Suite *s = suite_create("multipart");
    TCase *t = tcase_create("multipart");
    tcase_add_test(t, parts_are_the_same_however_they_are_cut);
    tcase_add_test(t, broken_bodies_are_errors);
    tcase_add_test(t, headers_and_parts_are_bounded);
    tcase_add_test(t, boundaries);
    tcase_add_test(t, file_names_of_fields);
    tcase_add_test(t, noise_never_overruns);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
