/* buf.h - a byte buffer that grows; what JSON is written into. Not thread-safe.
 * A zeroed struct is an empty buffer; buf_finish frees. Growth past bytes_max (or no memory) sets `failed` and drops
 * what does not fit: writers go on unchecked and the owner looks at `failed` once, at the end. */
#pragma once
#include "lib/base/status.h"
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* not NUL-terminated, but buf_str() makes it so */
    size_t len, cap;
    size_t bytes_max; /* 0: 64 MiB */
    bool failed;
};

void buf_put(struct buf *, const void *, size_t n);
void buf_puts(struct buf *, const char *);
void buf_putc(struct buf *, char);
void buf_printf(struct buf *, const char *format, ...) PRINTF_LIKE(2, 3);
/* The bytes as a string; valid until the next write. */
const char *buf_str(struct buf *);
void buf_clear(struct buf *);
void buf_finish(struct buf *);
