/* Goal: of a JSON body only the images that may stand there are taken, byte for byte what was sent, however the text is
 * cut into pieces; all else goes on as it came. */
#include "services/gateway/edge/image_scan.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct taken {
    struct buf text;
    char images[4][64];
    size_t lengths[4];
    int found[4];
    bool broken[4];
    unsigned n;
};

/* Reads it in pieces of `piece` bytes. */
static void scan(const char *json, size_t piece, struct taken *ret)
{
    static const char *const keys[] = {"avatar", "banner"};
    *ret = (struct taken){0};
    struct image_scan s = {.keys = keys, .n_keys = 2, .out = &ret->text, .found = -1};
    for (size_t at = 0, n = strlen(json); at < n;) {
        uint8_t data[256];
        size_t used, data_n, give = n - at < piece ? n - at : piece;
        enum image_scan_event event = image_scan_read(&s, json + at, give, &used, data, &data_n);
        ck_assert(used || event != SCAN_MORE);
        ck_assert_uint_le(used, give);
        ck_assert_uint_le(data_n, give);
        at += used;
        if (event == SCAN_BEGIN)
            ret->found[s.n] = s.found;
        if (event == SCAN_DATA) {
            memcpy(ret->images[s.n] + ret->lengths[s.n], data, data_n);
            ret->lengths[s.n] += data_n;
        }
        if (event == SCAN_END)
            ret->broken[s.n - 1] = s.broken;
        ret->n = s.n;
    }
}

static const struct {
    const char *json, *text; /* text NULL: as the json */
    unsigned n;
    const char *first; /* the first image */
    bool broken;
} rows[] = {
    {"{\"avatar\":\"data:image/png;base64,aGVsbG8=\",\"x\":1}", "{\"avatar\":\"data:image/png;base64,AAA0\",\"x\":1}",
     1, "hello", false},
    {"{ \"x\" : [1,{\"avatar\":\"data:image/png;base64,aGVsbG8=\"}], \"banner\" :\n\"data:image/gif;base64,aGk=\"}",
     "{ \"x\" : [1,{\"avatar\":\"data:image/png;base64,aGVsbG8=\"}], \"banner\" :\n\"data:image/png;base64,AAA0\"}", 1,
     "hi", false},
    {"{\"avatar\":\"data:image\\/webp;base64,\\u002B+8\\/\"}", "{\"avatar\":\"data:image/png;base64,AAA0\"}", 1,
     "\xfb\xef\x3f", false},
    {"{\"avatar\":\"data:image/jpeg;base64,YQ==\",\"banner\":\"data:image/png;base64,Yg==\"}",
     "{\"avatar\":\"data:image/png;base64,AAA0\",\"banner\":\"data:image/png;base64,AAA1\"}", 2, "a", false},
    {"{\"avatar\":\"data:image/png;base64,\"}", "{\"avatar\":\"data:image/png;base64,AAA0\"}", 1, "", false},
    {"{\"avatar\":\"data:image/png;base64,YQ=\"}", "{\"avatar\":\"data:image/png;base64,AAA0\"}", 1, "a", true},
    {"{\"avatar\":\"data:image/png;base64,Y\"}", "{\"avatar\":\"data:image/png;base64,AAA0\"}", 1, "", true},
    {"{\"avatar\":\"data:image/png;base64,YW=Y\"}", "{\"avatar\":\"data:image/png;base64,AAA0\"}", 1, "a", true},
    {"{\"avatar\":\"data:image/png;base64,\\\"YQ==\"}", "{\"avatar\":\"data:image/png;base64,AAA0\"}", 1, "", true},
    {"{\"other\":\"data:image/png;base64,YQ==\"}", NULL, 0, NULL, false},
    {"{\"avatarx\":\"data:image/png;base64,YQ==\"}", NULL, 0, NULL, false},
    {"{\"av\\u0061tar\":\"data:image/png;base64,YQ==\"}", NULL, 0, NULL, false},
    {"{\"avatar\":[\"data:image/png;base64,YQ==\"]}", NULL, 0, NULL, false},
    {"[\"avatar\",\"data:image/png;base64,YQ==\"]", NULL, 0, NULL, false},
    {"{\"avatar\":\"data:image/svg+xml;base64,YQ==\"}", NULL, 0, NULL, false},
    {"{\"avatar\":\"data:im\\u0000\",\"a\":\"\\\\\\\"\"}", NULL, 0, NULL, false},
    {"{\"avatar\":\"data\",\"banner\":null,\"x\":\"{\\\"avatar\\\":\"}", NULL, 0, NULL, false},
    {"}}]]{\"avatar\":", NULL, 0, NULL, false},
};

START_TEST(images_are_taken_and_the_rest_is_left)
{
    const char *json = rows[_i].json;
    for (size_t piece = 1; piece <= strlen(json); piece++) {
        struct taken t;
        scan(json, piece, &t);
        ck_assert_str_eq(buf_str(&t.text), rows[_i].text ? rows[_i].text : json);
        ck_assert_uint_eq(t.n, rows[_i].n);
        if (rows[_i].first) {
            ck_assert_uint_eq(t.lengths[0], strlen(rows[_i].first));
            ck_assert_int_eq(memcmp(t.images[0], rows[_i].first, t.lengths[0]), 0);
            ck_assert_int_eq(t.broken[0], rows[_i].broken);
        }
        buf_finish(&t.text);
    }
}
END_TEST

START_TEST(which_key_it_stands_under)
{
    struct taken t;
    scan("{\"banner\":\"data:image/png;base64,YQ==\",\"avatar\":\"data:image/png;base64,Yg==\"}", 7, &t);
    ck_assert_int_eq(t.found[0], 1);
    ck_assert_int_eq(t.found[1], 0);
    buf_finish(&t.text);
}
END_TEST

/* The parser judges: here nothing may be read or written out of place (run under the sanitizers). */
START_TEST(any_text_passes)
{
    static const char letters[] = "{}[]\":,\\u/ data:image/png;base64,avatar=A0";
    unsigned seed = (unsigned)_i + 1;
    char json[257];
    for (int round = 0; round < 300; round++) {
        size_t n = (size_t)rand_r(&seed) % 256;
        for (size_t i = 0; i < n; i++)
            json[i] = letters[(size_t)rand_r(&seed) % (sizeof letters - 1)];
        json[n] = '\0';
        struct taken t;
        scan(json, 1 + (size_t)rand_r(&seed) % 16, &t);
        buf_finish(&t.text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image_scan");
    TCase *tests = tcase_create("image_scan");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, images_are_taken_and_the_rest_is_left, 0, sizeof rows / sizeof *rows);
    tcase_add_test(tests, which_key_it_stands_under);
    tcase_add_loop_test(tests, any_text_passes, 0, 4);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
