/* http.h - the head of an HTTP/1.1 request and its chunked body, after RFC 9112, read strictly. Pure.
 *
 * Strict means: lines end in CRLF only, no folded header, no space before a colon, Content-Length at most once and
 * never beside Transfer-Encoding, the only transfer coding is chunked. What two servers in a row could read differently
 * is 400. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP_HEAD_BYTES_MAX = 16 * 1024, HTTP_HEADERS_MAX = 64, HTTP_TRAILER_BYTES_MAX = 4096 };

struct http_header {
    char *name, *value; /* the name in lower case; the value without white space at both ends */
};
struct http_head {
    char *verb;
    char *path;  /* as sent, never empty, not decoded; an absolute-form target lost its scheme and authority */
    char *query; /* after the ?, "" when none */
    struct http_header headers[HTTP_HEADERS_MAX];
    unsigned n_headers;
    int64_t content_length; /* -1: no such header */
    bool chunked, keep_alive, expect_continue;
    bool websocket; /* HTTP/1.1, Connection: upgrade and Upgrade: websocket */
};

/* Reads a head from text and cuts it up in place: *ret points into text. The result is the head's length, 0 when more
 * bytes are needed (text is untouched then), or a negated HTTP status: -400, -414, -431, -501, -505. */
int http_head_read(char *text, size_t n, struct http_head *ret);
/* The value of the header (its name in lower case), or NULL. */
const char *http_header(const struct http_head *, const char *name);
/* Whether a comma list holds the token, case-insensitive. */
bool http_list_has(const char *list, const char *token);

/* A zeroed struct is at the start of a body. */
struct http_chunked {
    int state;
    uint64_t left;     /* of the chunk */
    unsigned overhead; /* bytes of the line or trailer being read */
    bool blank;        /* the trailer line being read is empty so far */
};
/* Takes from in[0..n): *used bytes. *data and *data_len: payload among them (it points into in). 1: the body ended; 0:
 * go on; -400: broken. Each call gives at most one piece: call again while *used > 0. */
int http_chunked_read(struct http_chunked *, const char *in, size_t n, size_t *used, const char **data,
                      size_t *data_len);
