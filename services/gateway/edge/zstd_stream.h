/* zstd_stream.h - the form of frames with compress=zstd-stream (PROTOCOL.md section 7; RFC 8878). Pure.
 *
 * A connection's stream is one zstd frame that never ends, of blocks that end with each message. As with deflate.h,
 * what many sessions are sent is compressed once, without history, and its blocks are put into everybody's frame; a
 * session's own bytes follow as a raw block, so that a connection costs no memory.
 *
 *   a message:  frame header (before the connection's first) | anchor | blocks of the body | raw block: the session's
 * own
 *
 * A block may name the last three distances at which something was repeated instead of giving one, and they live on
 * from block to block: they are what a compressor that began anew believes (1, 4 and 8) in no stream but a new one. So
 * each body begins with an anchor: a block of white space with repetitions at the distances 8, 4 and 1. JSON does not
 * mind the white space; what is not text is stored in raw blocks. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum { ZSTD_STREAM_HEADER_BYTES = 6, ZSTD_STREAM_RAW_BYTES = 3, ZSTD_STREAM_ANCHOR_SPACES = 33 };
extern const unsigned char zstd_stream_header[ZSTD_STREAM_HEADER_BYTES];

/* One thread's: about 1 MB. */
struct zstd_streamer;
struct zstd_streamer *zstd_streamer_create(void);
void zstd_streamer_destroy(struct zstd_streamer *);

struct zstd_body {
    size_t plain_bytes, len;
    unsigned char data[];
};
/* free() it. text: white space may stand before it. */
struct zstd_body *zstd_stream_body(struct zstd_streamer *, const char *plain, size_t n, bool text);
/* What follows the body: own, of at most 65,535 bytes. ret holds n + ZSTD_STREAM_RAW_BYTES. Returns the bytes written.
 */
size_t zstd_stream_tail(unsigned char *ret, const void *own, size_t n);
