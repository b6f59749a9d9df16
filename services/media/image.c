#include "services/media/image.h"
#include <string.h>

/* What is left to read. Reads past the end give 0 and leave `short_` set: checked once, at the end. */
struct reader {
    const uint8_t *at;
    size_t left;
    bool short_;
};

static void skip(struct reader *r, size_t n)
{
    r->short_ = r->short_ || n > r->left;
    n = n < r->left ? n : r->left;
    r->at += n;
    r->left -= n;
}

static uint32_t read_be(struct reader *r, size_t n)
{
    uint32_t value = 0;
    for (size_t i = 0; i < n && i < r->left; i++)
        value = value << 8 | r->at[i];
    skip(r, n);
    return r->short_ ? 0 : value;
}

static uint32_t read_le(struct reader *r, size_t n)
{
    uint32_t value = 0;
    for (size_t i = 0; i < n && i < r->left; i++)
        value |= (uint32_t)r->at[i] << 8 * i;
    skip(r, n);
    return r->short_ ? 0 : value;
}

static bool take(struct reader *r, const char *bytes, size_t n)
{
    bool same = r->left >= n && !memcmp(r->at, bytes, n);
    skip(r, n);
    return same;
}

struct size {
    uint32_t width, height;
};

/* RFC 2083 section 4.1.1: IHDR is the first chunk, 13 bytes; dimensions below 2^31. */
static bool read_png(struct reader *r, struct size *s)
{
    if (!take(r, "\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16))
        return false;
    s->width = read_be(r, 4);
    s->height = read_be(r, 4);
    return s->width <= INT32_MAX && s->height <= INT32_MAX;
}

static bool read_gif(struct reader *r, struct size *s)
{
    if (!take(r, "GIF8", 4))
        return false;
    uint32_t version = read_be(r, 2);
    s->width = read_le(r, 2);
    s->height = read_le(r, 2);
    return version == ('7' << 8 | 'a') || version == ('9' << 8 | 'a');
}

static bool is_frame_marker(uint32_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

/* ITU T.81 annex B: segments until the first frame header. */
static bool read_jpeg(struct reader *r, struct size *s)
{
    if (!take(r, "\xff\xd8", 2))
        return false;
    while (!r->short_) {
        if (read_be(r, 1) != 0xff)
            return false;
        uint32_t marker = 0xff;
        while (marker == 0xff && !r->short_) /* fill bytes */
            marker = read_be(r, 1);
        if (marker == 0x01 || (marker >= 0xd0 && marker <= 0xd7))
            continue; /* stands alone */
        if (marker < 0xc0 || marker == 0xd8 || marker == 0xd9 || marker == 0xda)
            return false; /* nothing, another start, the end or the scan before a frame */
        uint32_t length = read_be(r, 2);
        if (is_frame_marker(marker)) {
            skip(r, 1); /* precision */
            s->height = read_be(r, 2);
            s->width = read_be(r, 2);
            return length >= 8;
        }
        if (length < 2)
            return false;
        skip(r, length - 2);
    }
    return false;
}

/* RFC 9649; the lossy frame header is that of RFC 6386 section 9.1. */
static bool read_webp(struct reader *r, struct size *s)
{
    if (!take(r, "RIFF", 4))
        return false;
    skip(r, 4);
    if (!take(r, "WEBP", 4))
        return false;
    uint32_t chunk = read_be(r, 4);
    skip(r, 4);
    switch (chunk) {
    case 0x56503820: /* "VP8 " */
        skip(r, 3);
        if (!take(r, "\x9d\x01\x2a", 3))
            return false;
        s->width = read_le(r, 2) & 0x3fff;
        s->height = read_le(r, 2) & 0x3fff;
        return true;
    case 0x5650384c: /* "VP8L" */
        if (read_be(r, 1) != 0x2f)
            return false;
        s->width = read_le(r, 4);
        s->height = (s->width >> 14 & 0x3fff) + 1;
        s->width = (s->width & 0x3fff) + 1;
        return true;
    case 0x56503858: /* "VP8X" */
        skip(r, 4);
        s->width = read_le(r, 3) + 1;
        s->height = read_le(r, 3) + 1;
        return true;
    }
    return false;
}

bool image_size(const uint8_t *head, size_t n, uint32_t *ret_width, uint32_t *ret_height)
{
    static bool (*const readers[])(struct reader *, struct size *) = {read_png, read_jpeg, read_gif, read_webp};
    for (size_t i = 0; i < sizeof readers / sizeof *readers; i++) {
        struct reader r = {.at = head, .left = n};
        struct size s = {0};
        if (!readers[i](&r, &s) || r.short_ || !s.width || !s.height)
            continue;
        *ret_width = s.width;
        *ret_height = s.height;
        return true;
    }
    return false;
}
