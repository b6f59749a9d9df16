/* Goal: whatever is put behind whatever, libzstd's own decompressor reads back the messages of a stream one by one, and
 * bodies are shared by streams that stand at different places. */
#include "services/gateway/edge/zstd_stream.h"
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

enum { PLAIN_MAX = 400 * 1000, OWN_MAX = 64, STREAMS = 3 };

static struct zstd_streamer *streamer;
static char plain[PLAIN_MAX], back[PLAIN_MAX + 1000];
static uint32_t seed;

struct stream {
    ZSTD_DCtx *z;
    bool begun;
};

static void set_up(void)
{
    streamer = zstd_streamer_create();
    seed = 7;
}

static void tear_down(void)
{
    zstd_streamer_destroy(streamer);
}

static uint32_t draw(uint32_t below)
{
    seed = seed * 1103515245 + 12345;
    return (seed >> 8) % below;
}

/* Runs of one letter and of few use the distances that live on; noise is stored; text is between. */
static size_t fill(void)
{
    static const char text[] = "{\"id\":\"1234567890\",\"content\":\"hello\",\"author\":{\"username\":\"someone\"}}";
    uint32_t kind = draw(4);
    size_t n = kind == 0 ? draw(300) : draw(10) ? draw(5000) : draw(PLAIN_MAX);
    for (size_t i = 0; i < n; i++)
        plain[i] = kind == 0   ? 'a'
                   : kind == 1 ? (char)('a' + draw(2))
                   : kind == 2 ? (char)draw(256)
                               : (draw(30) ? text[i % (sizeof text - 1)] : (char)('a' + draw(26)));
    return n;
}

static size_t decompress(struct stream *s, const void *bytes, size_t n, size_t have)
{
    ZSTD_inBuffer in = {bytes, n, 0};
    ZSTD_outBuffer out = {back, sizeof back, have};
    while (in.pos < in.size) {
        size_t left = ZSTD_decompressStream(s->z, &out, &in);
        ck_assert_msg(!ZSTD_isError(left), "%s", ZSTD_getErrorName(left));
        ck_assert_uint_ne(left, 0); /* the frame does not end */
    }
    return out.pos;
}

static void check_message(struct stream *s, const struct zstd_body *b, size_t n, bool text)
{
    unsigned char tail[OWN_MAX + ZSTD_STREAM_RAW_BYTES];
    char own[OWN_MAX];
    size_t own_bytes = draw(OWN_MAX), ahead = text ? ZSTD_STREAM_ANCHOR_SPACES : 0, got = 0;
    memset(own, '0' + (int)draw(10), own_bytes);
    if (!s->begun)
        got = decompress(s, zstd_stream_header, sizeof zstd_stream_header, 0);
    s->begun = true;
    got = decompress(s, b->data, b->len, got);
    got = decompress(s, tail, zstd_stream_tail(tail, own, own_bytes), got);
    ck_assert_uint_eq(got, ahead + n + own_bytes);
    for (size_t i = 0; i < ahead; i++)
        ck_assert_int_eq(back[i], ' ');
    ck_assert_mem_eq(back + ahead, plain, n);
    ck_assert_mem_eq(back + ahead + n, own, own_bytes);
}

START_TEST(bodies_are_valid_in_every_stream)
{
    struct stream streams[STREAMS] = {0};
    for (int i = 0; i < STREAMS; i++)
        streams[i].z = ZSTD_createDCtx();
    for (int message = 0; message < 1500; message++) {
        size_t n = fill();
        bool text = draw(8);
        struct zstd_body *b = zstd_stream_body(streamer, plain, n, text);
        ck_assert_uint_eq(b->plain_bytes, n);
        for (int i = 0; i < STREAMS; i++)
            if (draw(3))
                check_message(&streams[i], b, n, text);
        free(b);
    }
    for (int i = 0; i < STREAMS; i++)
        ZSTD_freeDCtx(streams[i].z);
}
END_TEST

START_TEST(text_gets_smaller_and_noise_hardly_larger)
{
    for (size_t i = 0; i < 5000; i++)
        plain[i] = "the same words again and again; "[i % 32];
    struct zstd_body *b = zstd_stream_body(streamer, plain, 5000, true);
    ck_assert_uint_lt(b->len, 200);
    free(b);
    for (size_t i = 0; i < 5000; i++)
        plain[i] = (char)draw(256);
    b = zstd_stream_body(streamer, plain, 5000, true);
    ck_assert_uint_lt(b->len, 5050);
    free(b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("zstd_stream");
    TCase *t = tcase_create("zstd_stream");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, bodies_are_valid_in_every_stream);
    tcase_add_test(t, text_gets_smaller_and_noise_hardly_larger);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
