/* Goal: whatever is put behind whatever, zlib's own inflate reads back the messages of a stream one by one, each ending
 * in 00 00 ff ff, and bodies are shared by streams that stand at different places. */
#include "services/gateway/edge/deflate.h"
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { PLAIN_MAX = 300 * 1000, ROOM = 2 * PLAIN_MAX };

/* A connection: the sender's side, and a client that inflates all of it with one inflater. */
struct stream {
    z_stream z;
    bool begun;
};
static struct deflater *deflater;
static uint32_t seed;
static char plain[PLAIN_MAX], back[ROOM];
static unsigned char wire[ROOM];

static void setup(void)
{
    deflater = deflater_create();
    seed = 1;
}

static void teardown(void)
{
    deflater_destroy(deflater);
}

static uint32_t draw(uint32_t below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % below;
}

/* Noise does not compress: zlib stores it, 65,535 bytes a block at most. */
static size_t fill(size_t n, bool noise)
{
    static const char text[] = "{\"id\":\"1234567890\",\"content\":\"hello\",\"author\":{\"username\":\"someone\"}}";
    for (size_t i = 0; i < n; i++)
        plain[i] = noise ? (char)draw(256) : draw(20) ? text[i % (sizeof text - 1)] : (char)('a' + draw(26));
    return n;
}

static void begin(struct stream *s)
{
    *s = (struct stream){0};
    ck_assert_int_eq(inflateInit(&s->z), Z_OK);
}

static void check_back(z_stream *z, const char *body, size_t n, const char *own, size_t own_bytes)
{
    size_t got = sizeof back - z->avail_out;
    ck_assert_uint_eq(z->avail_in, 0);
    ck_assert_uint_eq(got, n + own_bytes);
    ck_assert_mem_eq(back, body, n);
    ck_assert_mem_eq(back + n, own, own_bytes);
}

static size_t compose(const struct deflated *d, const char *own, size_t own_bytes, bool header, bool whole)
{
    size_t n = header ? DEFLATE_HEADER_BYTES : 0;
    memcpy(wire, deflate_header, n);
    memcpy(wire + n, d->data, d->len);
    n += d->len;
    size_t tail = deflate_tail(wire + n, d, own, own_bytes, whole);
    ck_assert_uint_le(tail, own_bytes + DEFLATE_TAIL_BYTES);
    return n + tail;
}

static void pass(struct stream *s, const struct deflated *d, const char *own, size_t own_bytes)
{
    size_t n = compose(d, own, own_bytes, !s->begun, false);
    s->begun = true;
    ck_assert_mem_eq(wire + n - 4, "\0\0\xff\xff", 4);
    s->z.next_in = wire;
    s->z.avail_in = (uInt)n;
    s->z.next_out = (unsigned char *)back;
    s->z.avail_out = sizeof back;
    ck_assert_int_eq(inflate(&s->z, Z_SYNC_FLUSH), Z_OK);
    check_back(&s->z, plain, d->plain_bytes, own, own_bytes);
}

START_TEST(four_thousand_messages_decode_one_by_one)
{
    struct stream s;
    begin(&s);
    for (unsigned i = 0; i < 4000; i++) {
        char own[16];
        int n = snprintf(own, sizeof own, "%10u}", i);
        struct deflated *d = deflate_body(deflater, plain, fill(draw(i % 100 ? 3000 : 100000), draw(10) == 0));
        pass(&s, d, own, i % 7 ? (size_t)n : 0);
        free(d);
    }
    inflateEnd(&s.z);
}
END_TEST

START_TEST(sizes_around_the_limits_of_blocks)
{
    static const size_t sizes[] = {0, 1, 65534, 65535, 65536, 131070, 131071, PLAIN_MAX};
    struct stream s;
    begin(&s);
    for (unsigned i = 0; i < 2 * sizeof sizes / sizeof sizes[0]; i++) {
        struct deflated *d = deflate_body(deflater, plain, fill(sizes[i / 2], i % 2));
        pass(&s, d, "", 0);
        pass(&s, d, "         1}", 11);
        free(d);
    }
    inflateEnd(&s.z);
}
END_TEST

START_TEST(an_own_part_of_any_size)
{
    static const size_t sizes[] = {0, 1, 255, 256, 65534, DEFLATE_OWN_BYTES_MAX};
    static char own[DEFLATE_OWN_BYTES_MAX];
    struct stream s;
    begin(&s);
    memcpy(own, plain, fill(sizeof own, true));
    struct deflated *empty = deflate_body(deflater, "", 0), *some = deflate_body(deflater, plain, fill(100, false));
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        pass(&s, empty, own, sizes[i]);
        pass(&s, some, own, sizes[i]);
    }
    free(empty);
    free(some);
    inflateEnd(&s.z);
}
END_TEST

START_TEST(streams_at_different_places_share_a_body)
{
    struct stream streams[5];
    for (unsigned i = 0; i < 5; i++)
        begin(&streams[i]);
    for (unsigned i = 0; i < 100; i++) {
        struct deflated *d = deflate_body(deflater, plain, fill(draw(2000), false));
        for (unsigned k = 0; k < 5; k++)
            if (draw(2))
                pass(&streams[k], d, "abcdefghij}", 11);
        free(d);
    }
    for (unsigned i = 0; i < 5; i++)
        inflateEnd(&streams[i].z);
}
END_TEST

START_TEST(a_message_of_its_own_is_a_whole_zlib_stream)
{
    static const size_t sizes[] = {0, 1, 500, 65536, PLAIN_MAX};
    for (unsigned i = 0; i < 4 * sizeof sizes / sizeof sizes[0]; i++) {
        const char *own = i % 2 ? "        12}" : "";
        struct deflated *d = deflate_body(deflater, plain, fill(sizes[i / 4], i & 2));
        size_t n = compose(d, own, strlen(own), true, true);
        z_stream z = {
            .next_in = wire, .avail_in = (uInt)n, .next_out = (unsigned char *)back, .avail_out = sizeof back};
        ck_assert_int_eq(inflateInit(&z), Z_OK);
        ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END); /* the check value too */
        check_back(&z, plain, d->plain_bytes, own, strlen(own));
        inflateEnd(&z);
        free(d);
    }
}
END_TEST

START_TEST(text_gets_smaller)
{
    struct deflated *d = deflate_body(deflater, plain, fill(100000, false));
    ck_assert_uint_lt(d->len, 40000);
    free(d);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("deflate");
    TCase *t = tcase_create("deflate");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, four_thousand_messages_decode_one_by_one);
    tcase_add_test(t, sizes_around_the_limits_of_blocks);
    tcase_add_test(t, an_own_part_of_any_size);
    tcase_add_test(t, streams_at_different_places_share_a_body);
    tcase_add_test(t, a_message_of_its_own_is_a_whole_zlib_stream);
    tcase_add_test(t, text_gets_smaller);
    tcase_set_timeout(t, 60);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed > 0;
}
