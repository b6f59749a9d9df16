#define _GNU_SOURCE
#include "services/gateway/edge/http.h"
#include <string.h>
#include <strings.h>

/* RFC 9110 section 5.6.2 */
static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++)
        if (!is_token_char((unsigned char)*s))
            return false;
    return true;
}

/* The next line, cut at its CRLF: NULL when it has a bare CR, a bare LF or a control character. */
static char *next_line(char **at, const char *end)
{
    char *line = *at, *cr = memchr(line, '\r', (size_t)(end - line));
    if (!cr || cr + 1 >= end || cr[1] != '\n')
        return NULL;
    for (char *c = line; c < cr; c++)
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return NULL;
    *cr = '\0';
    *at = cr + 2;
    return line;
}

/* "http://host/path" to "/path", "?v=10" (which eris sends) to "/" and its query. */
static bool read_target(char *target, struct http_head *ret)
{
    if (!*target)
        return false;
    for (const char *c = target; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            return false;
    if (!strncasecmp(target, "http://", 7) || !strncasecmp(target, "https://", 8)) {
        target = strstr(target, "://") + 3;
        target += strcspn(target, "/?");
    }
    char *fragment = strchr(target, '#');
    if (fragment)
        *fragment = '\0';
    char *query = strchr(target, '?');
    ret->query = query ? query + 1 : target + strlen(target);
    if (query)
        *query = '\0';
    static char root[] = "/", any[] = "*";
    ret->path = *target ? target : root;
    return *ret->path == '/' || !strcmp(ret->path, any);
}

static int read_request_line(char *line, struct http_head *ret)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version)
        return -400;
    *target++ = '\0';
    *version++ = '\0';
    ret->verb = line;
    if (!is_token(line) || strncmp(version, "HTTP/", 5) || strlen(version) != 8)
        return -400;
    if (strcmp(version, "HTTP/1.1") && strcmp(version, "HTTP/1.0"))
        return -505;
    ret->keep_alive = version[7] == '1';
    return read_target(target, ret) ? 0 : -400;
}

static int read_header(char *line, struct http_head *ret)
{
    char *colon = strchr(line, ':');
    if (!colon)
        return -400;
    *colon = '\0';
    if (!is_token(line))
        return -400;
    if (ret->n_headers == HTTP_HEADERS_MAX)
        return -431;
    for (char *c = line; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20);
    char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t n = strlen(value);
    while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
        value[--n] = '\0';
    ret->headers[ret->n_headers++] = (struct http_header){line, value};
    return 0;
}

const char *http_header(const struct http_head *h, const char *name)
{
    for (unsigned i = 0; i < h->n_headers; i++)
        if (!strcmp(h->headers[i].name, name))
            return h->headers[i].value;
    return NULL;
}

bool http_list_has(const char *list, const char *token)
{
    size_t n = strlen(token);
    while (list && *list) {
        list += strspn(list, " \t,");
        size_t item = strcspn(list, ",");
        size_t trimmed = item;
        while (trimmed && (list[trimmed - 1] == ' ' || list[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == n && !strncasecmp(list, token, n))
            return true;
        list += item;
    }
    return false;
}

static unsigned count_headers(const struct http_head *h, const char *name)
{
    unsigned count = 0;
    for (unsigned i = 0; i < h->n_headers; i++)
        count += !strcmp(h->headers[i].name, name);
    return count;
}

static int read_length(struct http_head *h)
{
    const char *text = http_header(h, "content-length");
    h->content_length = -1;
    if (!text)
        return 0;
    size_t digits = strspn(text, "0123456789");
    if (count_headers(h, "content-length") > 1 || !digits || text[digits] || digits > 18)
        return -400;
    h->content_length = 0;
    for (; *text; text++)
        h->content_length = h->content_length * 10 + (*text - '0');
    return 0;
}

/* How the body is framed and what the connection is for. */
static int judge(struct http_head *h)
{
    bool newest = h->keep_alive;
    const char *coding = http_header(h, "transfer-encoding"), *connection = http_header(h, "connection");
    if (read_length(h) || count_headers(h, "host") > 1 || (newest && !http_header(h, "host")))
        return -400;
    if (coding) {
        if (h->content_length >= 0 || !newest || count_headers(h, "transfer-encoding") > 1)
            return -400;
        if (strcasecmp(coding, "chunked"))
            return -501;
        h->chunked = true;
    }
    if (http_list_has(connection, "close"))
        h->keep_alive = false;
    h->expect_continue = newest && http_list_has(http_header(h, "expect"), "100-continue");
    h->websocket =
        newest && http_list_has(connection, "upgrade") && http_list_has(http_header(h, "upgrade"), "websocket");
    bool twice = count_headers(h, "sec-websocket-key") > 1 || count_headers(h, "sec-websocket-version") > 1;
    return h->websocket && twice ? -400 : 0; /* RFC 6455 section 11.3 */
}

int http_head_read(char *text, size_t n, struct http_head *ret)
{
    size_t skip = 0;
    while (n - skip >= 2 && skip < 8 && !memcmp(text + skip, "\r\n", 2))
        skip += 2; /* RFC 9112 section 2.2: an empty line before a request is ignored */
    char *blank = n - skip >= 4 ? memmem(text + skip, n - skip, "\r\n\r\n", 4) : NULL;
    size_t len = blank ? (size_t)(blank + 4 - text) : n;
    if (len > HTTP_HEAD_BYTES_MAX)
        return memchr(text, '\n', HTTP_HEAD_BYTES_MAX) ? -431 : -414;
    if (!blank)
        return 0;
    *ret = (struct http_head){0};
    char *at = text + skip, *end = blank + 2;
    char *line = next_line(&at, end);
    int result = line ? read_request_line(line, ret) : -400;
    while (!result && at < end) {
        line = next_line(&at, end);
        result = line ? read_header(line, ret) : -400;
    }
    if (!result)
        result = judge(ret);
    return result ? result : (int)len;
}

enum {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    TRAILER,
    TRAILER_LF,
    ENDED
};

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_size(struct http_chunked *c, char byte)
{
    int digit = hex_digit(byte);
    if (digit >= 0) {
        if (++c->overhead > 8)
            return -400;
        c->left = c->left * 16 + (uint64_t)digit;
        return 0;
    }
    if (!c->overhead || (byte != '\r' && byte != ';' && byte != ' ' && byte != '\t'))
        return -400;
    c->state = byte == '\r' ? CHUNK_SIZE_LF : CHUNK_EXTENSION;
    return 0;
}

static int end_size(struct http_chunked *c)
{
    c->overhead = 0;
    c->blank = true;
    c->state = c->left ? CHUNK_DATA : TRAILER;
    return 0;
}

static int expect(struct http_chunked *c, char byte, char wanted, int next)
{
    c->state = next;
    return byte == wanted ? 0 : -400;
}

static int trailer_byte(struct http_chunked *c, char byte)
{
    if (byte == '\r') {
        c->state = TRAILER_LF;
    } else {
        c->blank = false;
        if (byte == '\n' || !byte)
            return -400;
    }
    return ++c->overhead > HTTP_TRAILER_BYTES_MAX ? -400 : 0;
}

static int trailer_end(struct http_chunked *c, char byte)
{
    c->state = c->blank ? ENDED : TRAILER;
    c->blank = true;
    return byte == '\n' ? 0 : -400;
}

/* One byte of the framing. */
static int step(struct http_chunked *c, char byte)
{
    switch (c->state) {
    case CHUNK_SIZE:
        return read_size(c, byte);
    case CHUNK_EXTENSION:
        if (byte == '\r')
            c->state = CHUNK_SIZE_LF;
        return byte == '\n' || !byte || ++c->overhead > 1024 ? -400 : 0;
    case CHUNK_SIZE_LF:
        return byte == '\n' ? end_size(c) : -400;
    case CHUNK_DATA_CR:
        return expect(c, byte, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF:
        return expect(c, byte, '\n', CHUNK_SIZE);
    case TRAILER:
        return trailer_byte(c, byte);
    default:
        return trailer_end(c, byte);
    }
}

int http_chunked_read(struct http_chunked *c, const char *in, size_t n, size_t *used, const char **data,
                      size_t *data_len)
{
    *data_len = 0;
    for (*used = 0; *used < n && c->state != ENDED;) {
        if (c->state == CHUNK_DATA) {
            size_t take = n - *used < c->left ? n - *used : (size_t)c->left;
            *data = in + *used;
            *data_len = take;
            *used += take;
            c->left -= take;
            if (!c->left)
                c->state = CHUNK_DATA_CR;
            return 0;
        }
        int result = step(c, in[(*used)++]);
        if (result)
            return result;
    }
    return c->state == ENDED;
}
