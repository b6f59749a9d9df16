/* deflate.c - see deflate.h. */
#include "services/gateway/edge/deflate.h"
#include "lib/base/log.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Level 3: 1 % more bytes than level 6 for an event, 9 % for a large guild, in half the time. Memory level 7: what is
 * cleared before each body is half of zlib's default. */
enum { LEVEL = 3, MEMORY_LEVEL = 7, SLACK_BYTES = 64 };

/* CM 8, CINFO 7 (a window of 32 KiB), FLEVEL 2. */
const unsigned char deflate_header[DEFLATE_HEADER_BYTES] = {0x78, 0x9c};

struct deflater {
    z_stream z;
};

struct deflater *deflater_create(void)
{
    struct deflater *d = calloc(1, sizeof *d);
    if (!d || deflateInit2(&d->z, LEVEL, Z_DEFLATED, -MAX_WBITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        log_fatal("out of memory");
    return d;
}

void deflater_destroy(struct deflater *d)
{
    if (!d)
        return;
    deflateEnd(&d->z);
    free(d);
}

static struct deflated *resized(struct deflated *d, size_t cap)
{
    d = realloc(d, sizeof *d + cap);
    if (!d)
        log_fatal("out of memory");
    return d;
}

/* The flush is complete once it leaves room: only then does the output end in 00 00 ff ff. */
struct deflated *deflate_body(struct deflater *d, const char *plain, size_t n)
{
    deflateReset(&d->z);
    size_t cap = deflateBound(&d->z, n) + SLACK_BYTES, done = 0;
    struct deflated *out = resized(NULL, cap);
    d->z.next_in = (unsigned char *)plain;
    d->z.avail_in = (uInt)n;
    for (;;) {
        d->z.next_out = out->data + done;
        d->z.avail_out = (uInt)(cap - done);
        deflate(&d->z, Z_SYNC_FLUSH);
        done = cap - d->z.avail_out;
        if (d->z.avail_out)
            break;
        out = resized(out, cap *= 2);
    }
    out = resized(out, done);
    out->plain_bytes = n;
    out->adler = (uint32_t)adler32_z(adler32(0, NULL, 0), (const unsigned char *)plain, n);
    out->len = done;
    return out;
}

/* RFC 1951 section 3.2.4, from a byte boundary. */
static unsigned char *stored_block(unsigned char *at, const char *bytes, size_t n, bool last)
{
    *at++ = last;
    *at++ = (unsigned char)n;
    *at++ = (unsigned char)(n >> 8);
    *at++ = (unsigned char)~n;
    *at++ = (unsigned char)(~n >> 8);
    if (n)
        memcpy(at, bytes, n);
    return at + n;
}

size_t deflate_tail(unsigned char *ret, const struct deflated *body, const char *own, size_t n, bool whole)
{
    unsigned char *at = ret;
    if (n)
        at = stored_block(at, own, n, false);
    if (n || whole)
        at = stored_block(at, NULL, 0, whole);
    if (whole) {
        uint32_t own_adler = (uint32_t)adler32_z(adler32(0, NULL, 0), (const unsigned char *)own, n);
        uint32_t adler = (uint32_t)adler32_combine(body->adler, own_adler, (z_off_t)n);
        for (int shift = 24; shift >= 0; shift -= 8)
            *at++ = (unsigned char)(adler >> shift);
    }
    return (size_t)(at - ret);
}
