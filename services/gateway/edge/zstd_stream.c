/* zstd_stream.c - see zstd_stream.h. */
#include "services/gateway/edge/zstd_stream.h"
#include "lib/base/log.h"
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

/* Level 1: an event is too small for more to find much. */
enum { LEVEL = 1, WINDOW_LOG = 17, BLOCK_BYTES_MAX = 1 << WINDOW_LOG, SLACK_BYTES = 64 };
enum { BLOCK_RAW = 0 };

/* Magic number; no content size, checksum or dictionary; a window of 128 KiB. */
const unsigned char zstd_stream_header[ZSTD_STREAM_HEADER_BYTES] = {0x28, 0xb5, 0x2f,
                                                                    0xfd, 0x00, (WINDOW_LOG - 10) << 3};

/* RFC 8878 section 3.1.1.2. Block header: 9 bytes, compressed, not the last. Literals: 24 times a space. Three
 * sequences: literal lengths and match lengths each by one symbol (8 and 3), offsets by the predefined table: 8, 4, 1.
 */
static const unsigned char anchor[] = {0x4c, 0x00, 0x00, 0xc1, 0x20, 0x03, 0x44, 0x08, 0x00, 0xb8, 0xdd, 0x4a};

struct zstd_streamer {
    ZSTD_CCtx *z;
};

struct zstd_streamer *zstd_streamer_create(void)
{
    struct zstd_streamer *s = calloc(1, sizeof *s);
    if (!s || !(s->z = ZSTD_createCCtx()))
        log_fatal("out of memory");
    ZSTD_CCtx_setParameter(s->z, ZSTD_c_compressionLevel, LEVEL);
    ZSTD_CCtx_setParameter(s->z, ZSTD_c_windowLog, WINDOW_LOG);
    return s;
}

void zstd_streamer_destroy(struct zstd_streamer *s)
{
    if (!s)
        return;
    ZSTD_freeCCtx(s->z);
    free(s);
}

static struct zstd_body *resized(struct zstd_body *b, size_t cap)
{
    b = realloc(b, sizeof *b + cap);
    if (!b)
        log_fatal("out of memory");
    return b;
}

static void raw_header(unsigned char ret[ZSTD_STREAM_RAW_BYTES], size_t n)
{
    size_t header = n << 3 | BLOCK_RAW << 1;
    for (unsigned i = 0; i < ZSTD_STREAM_RAW_BYTES; i++)
        ret[i] = (unsigned char)(header >> (8 * i));
}

static struct zstd_body *store(const char *plain, size_t n)
{
    struct zstd_body *b = resized(NULL, n + (n / BLOCK_BYTES_MAX + 1) * ZSTD_STREAM_RAW_BYTES);
    unsigned char *at = b->data;
    for (size_t done = 0; done < n;) {
        size_t take = n - done < BLOCK_BYTES_MAX ? n - done : BLOCK_BYTES_MAX;
        raw_header(at, take);
        memcpy(at + ZSTD_STREAM_RAW_BYTES, plain + done, take);
        at += ZSTD_STREAM_RAW_BYTES + take;
        done += take;
    }
    *b = (struct zstd_body){.plain_bytes = n, .len = (size_t)(at - b->data)};
    return b;
}

struct zstd_body *zstd_stream_body(struct zstd_streamer *s, const char *plain, size_t n, bool text)
{
    if (!text)
        return store(plain, n);
    size_t cap = ZSTD_compressBound(n) + SLACK_BYTES;
    struct zstd_body *b = resized(NULL, cap);
    ZSTD_CCtx_reset(s->z, ZSTD_reset_session_only);
    ZSTD_inBuffer in = {plain, n, 0};
    /* The frame's header comes first; the anchor takes its place. */
    const size_t ahead = sizeof anchor - ZSTD_STREAM_HEADER_BYTES;
    ZSTD_outBuffer out = {b->data + ahead, cap - ahead, 0};
    for (;;) {
        size_t more = ZSTD_compressStream2(s->z, &out, &in, ZSTD_e_flush);
        if (ZSTD_isError(more))
            log_fatal("zstd: %s", ZSTD_getErrorName(more));
        if (!more)
            break;
        cap *= 2;
        b = resized(b, cap);
        out.dst = b->data + ahead;
        out.size = cap - ahead;
    }
    if (memcmp(b->data + ahead, zstd_stream_header, sizeof zstd_stream_header))
        log_fatal("zstd begins a frame in an unexpected way");
    memcpy(b->data, anchor, sizeof anchor);
    size_t len = ahead + out.pos;
    b = resized(b, len);
    b->plain_bytes = n;
    b->len = len;
    return b;
}

size_t zstd_stream_tail(unsigned char *ret, const void *own, size_t n)
{
    if (!n)
        return 0;
    raw_header(ret, n);
    memcpy(ret + ZSTD_STREAM_RAW_BYTES, own, n);
    return ZSTD_STREAM_RAW_BYTES + n;
}
