/* image.c: dimensions of each format, and nothing but false from heads that are cut, lie or are noise. */
#include "services/media/image.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

struct row {
    const char *name, *bytes;
    size_t n;
    uint32_t width, height; /* 0: refused */
};
#define ROW(name, bytes, width, height)                                                                                \
    {                                                                                                                  \
        (name), (bytes), sizeof(bytes) - 1, (width), (height)                                                          \
    }
#define PNG "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
#define JPEG_APP0 "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
#define SOF(marker, height, width) "\xff" marker "\0\x11\x08" height width "\3\1\x22\0\2\x11\1\3\x11\1"
#define WEBP "RIFF\0\1\0\0WEBP"

static const struct row rows[] = {
    ROW("png", PNG "\0\0\1\0\0\0\0\x10\x08\6\0\0\0", 256, 16),
    ROW("png, pixel flood", PNG "\0\1\0\0\0\1\0\0\x08\6\0\0\0", 65536, 65536),
    ROW("png, zero width", PNG "\0\0\0\0\0\0\0\x10", 0, 0),
    ROW("png, past 2^31", PNG "\x80\0\0\0\0\0\0\x10", 0, 0),
    ROW("png, IHDR not first", "\x89PNG\r\n\x1a\n\0\0\0\rIDAT\0\0\1\0\0\0\0\x10", 0, 0),
    ROW("gif 87a", "GIF87a\x10\0\x20\1", 16, 288),
    ROW("gif 89a", "GIF89a\x10\0\x20\1\xf7\0\0", 16, 288),
    ROW("gif of no version", "GIF88a\x10\0\x20\1", 0, 0),
    ROW("gif, zero height", "GIF89a\x10\0\0\0", 0, 0),
    ROW("jpeg", JPEG_APP0 SOF("\xc0", "\0\x20", "\1\0"), 256, 32),
    ROW("jpeg, progressive", JPEG_APP0 SOF("\xc2", "\0\x20", "\1\0"), 256, 32),
    ROW("jpeg, fill bytes", JPEG_APP0 "\xff\xff" SOF("\xc0", "\0\x20", "\1\0"), 256, 32),
    ROW("jpeg, tables first", "\xff\xd8\xff\xc4\0\3\0\xff\xdb\0\2" SOF("\xc0", "\0\x20", "\1\0"), 256, 32),
    ROW("jpeg, restart marker", "\xff\xd8\xff\xd0" SOF("\xc0", "\0\x20", "\1\0"), 256, 32),
    ROW("jpeg, height of 0", JPEG_APP0 SOF("\xc0", "\0\0", "\1\0"), 0, 0),
    ROW("jpeg, scan before frame", JPEG_APP0 "\xff\xda\0\x08" SOF("\xc0", "\0\x20", "\1\0"), 0, 0),
    ROW("jpeg, segment of length 1", "\xff\xd8\xff\xe0\0\1" SOF("\xc0", "\0\x20", "\1\0"), 0, 0),
    ROW("jpeg, segment past the end", "\xff\xd8\xff\xe0\xff\xff" SOF("\xc0", "\0\x20", "\1\0"), 0, 0),
    ROW("jpeg, frame of length 2", "\xff\xd8\xff\xc0\0\2\x08\0\x20\1\0", 0, 0),
    ROW("jpeg, endless fill", "\xff\xd8\xff\xff\xff\xff\xff\xff", 0, 0),
    ROW("jpeg, not a marker", "\xff\xd8\0\0", 0, 0),
    ROW("webp, lossy", WEBP "VP8 \0\1\0\0\x30\1\0\x9d\1\x2a\x40\1\xf0\0", 320, 240),
    ROW("webp, lossy, scaled", WEBP "VP8 \0\1\0\0\x30\1\0\x9d\1\x2a\x40\x41\xf0\x80", 320, 240),
    ROW("webp, lossy, no start code", WEBP "VP8 \0\1\0\0\x30\1\0\x9d\1\x2b\x40\1\xf0\0", 0, 0),
    ROW("webp, lossless", WEBP "VP8L\0\1\0\0\x2f\x3f\xc1\x3b\0", 320, 240),
    ROW("webp, lossless, no signature", WEBP "VP8L\0\1\0\0\x2e\x3f\xc1\x3b\0", 0, 0),
    ROW("webp, extended", WEBP "VP8X\x0a\0\0\0\x10\0\0\0\x3f\1\0\xef\0\0", 320, 240),
    ROW("webp, largest", WEBP "VP8X\x0a\0\0\0\x10\0\0\0\xff\xff\xff\xff\xff\xff", 1 << 24, 1 << 24),
    ROW("webp, unknown chunk", WEBP "ALPH\x0a\0\0\0\x10\0\0\0\x3f\1\0\xef\0\0", 0, 0),
    ROW("wav", "RIFF\0\1\0\0WAVEfmt \x10\0\0\0", 0, 0),
    ROW("nothing", "", 0, 0),
};

/* A copy with no byte behind it, so that a sanitizer sees a read past the end. */
static bool size_of(const char *bytes, size_t n, uint32_t *width, uint32_t *height)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, bytes, n);
    bool ok = image_size(copy, n, width, height);
    free(copy);
    return ok;
}

START_TEST(dimensions)
{
    const struct row *row = &rows[_i];
    uint32_t width = 7, height = 7;
    ck_assert_msg(size_of(row->bytes, row->n, &width, &height) == (row->width > 0), "%s", row->name);
    ck_assert_msg(width == (row->width ? row->width : 7), "%s: width %u", row->name, width);
    ck_assert_msg(height == (row->height ? row->height : 7), "%s: height %u", row->name, height);
}
END_TEST

/* Every proper prefix that does not reach the dimensions is refused; none reads past its end. */
START_TEST(truncated)
{
    const struct row *row = &rows[_i];
    uint32_t width, height;
    bool was_ok = false;
    for (size_t n = 0; n < row->n; n++) {
        bool ok = size_of(row->bytes, n, &width, &height);
        ck_assert_msg(!ok || (width == row->width && height == row->height), "%s, %zu bytes", row->name, n);
        ck_assert_msg(ok || !was_ok, "%s: %zu bytes tell less than fewer", row->name, n);
        was_ok = ok;
    }
}
END_TEST

START_TEST(noise_behind_a_true_start_ends)
{
    unsigned seed = 20260101;
    for (int i = 0; i < 20000; i++) {
        const struct row *row = &rows[rand_r(&seed) % (sizeof rows / sizeof *rows)];
        char bytes[512];
        size_t n = row->n;
        memcpy(bytes, row->bytes, n);
        while (n < sizeof bytes)
            bytes[n++] = (char)rand_r(&seed);
        for (int flips = rand_r(&seed) % 6; flips > 0; flips--)
            bytes[(unsigned)rand_r(&seed) % 64] ^= (char)(1 << rand_r(&seed) % 8);
        uint32_t width = 1, height = 1;
        size_of(bytes, (unsigned)rand_r(&seed) % sizeof bytes, &width, &height);
        ck_assert(width && height);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("image");
    TCase *t = tcase_create("image");
    tcase_add_loop_test(t, dimensions, 0, sizeof rows / sizeof *rows);
    tcase_add_loop_test(t, truncated, 0, sizeof rows / sizeof *rows);
    tcase_add_test(t, noise_behind_a_true_start_ends);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
