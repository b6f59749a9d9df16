/* deflate.h - the form of compressed frames (PROTOCOL.md section 7; RFC 1950, RFC 1951). Pure.
 *
 * What many sessions are sent is deflated once, raw and without history, and flushed to a byte boundary: such blocks
 * are valid inside anybody's stream, wherever it stands. What is a session's own follows as a stored block, which needs
 * no compressor. So a connection costs no memory: its whole state is whether its stream has begun.
 *
 *   zlib-stream, a message:  78 9c (before the connection's first) | body | stored block, not the last | 00 00 00 ff ff
 *   IDENTIFY's compress:     78 9c                                 | body | stored block, not the last | 01 00 00 ff ff
 * | Adler-32
 *
 * body ends in 00 00 ff ff; without a tail of its own, a zlib-stream message ends there. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEFLATE_HEADER_BYTES = 2, DEFLATE_OWN_BYTES_MAX = 65535 };
/* What deflate_tail adds to n bytes of a session's own, at most. */
enum { DEFLATE_TAIL_BYTES = 14 };
extern const unsigned char deflate_header[DEFLATE_HEADER_BYTES];

/* One thread's: about 200 KB. */
struct deflater;
struct deflater *deflater_create(void);
void deflater_destroy(struct deflater *);

struct deflated {
    size_t plain_bytes;
    uint32_t adler; /* of the plain bytes */
    size_t len;
    unsigned char data[];
};
/* free() it. n may be 0. */
struct deflated *deflate_body(struct deflater *, const char *plain, size_t n);
/* What follows the body: own (at most DEFLATE_OWN_BYTES_MAX, may be empty), and the end of the message. whole: of a
 * zlib stream of its own, which ends with it; else of one that goes on. ret holds n + DEFLATE_TAIL_BYTES. Returns the
 * bytes written. */
size_t deflate_tail(unsigned char *ret, const struct deflated *body, const char *own, size_t n, bool whole);
