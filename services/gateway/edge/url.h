/* url.h - pieces of a request target, after RFC 3986. Pure. */
#pragma once
#include "lib/base/arena.h"
#include <stdbool.h>
#include <stddef.h>

/* Decodes %XX; in a query (`plus`) also + as a space. NULL when an escape is broken, or what comes out holds a NUL or
 * is not UTF-8. */
char *url_decode(struct arena *, const char *text, size_t n, bool plus);

struct url_pair {
    const char *name, *value; /* decoded */
};
/* Splits "a=1&b=2". At most max pairs; false when there are more, or one does not decode. */
bool url_query(struct arena *, const char *query, struct url_pair *ret, unsigned max, unsigned *ret_n);

/* Whether the bytes are UTF-8 after RFC 3629 (no surrogates, nothing past U+10FFFF). */
bool url_is_utf8(const char *, size_t n);
/* The text as RFC 8187 ext-value characters (filename*=UTF-8''...). */
char *url_encode(struct arena *, const char *text);
