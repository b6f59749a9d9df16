/* Both ways are one descent: a byte that says what it is, then its parts. Lengths of maps and lists are written once
 * their parts are known. */
#include "services/gateway/edge/etf.h"
#include "lib/base/log.h"
#include "services/gateway/edge/frame.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSION = 131,
    NEW_FLOAT = 70,
    SMALL_INTEGER = 97,
    INTEGER = 98,
    ATOM = 100,
    NIL = 106,
    STRING = 107,
    LIST = 108,
    BINARY = 109,
    SMALL_BIG = 110,
    SMALL_ATOM = 115,
    MAP = 116,
    ATOM_UTF8 = 118,
    SMALL_ATOM_UTF8 = 119,
    INT64_BYTES = 8,
    WRITE_DEPTH_MAX = 256 /* what was read is at most 64 deep, and stands in something */
};

/* ---- JSON to terms --------------------------------------------------------------------------------------------- */

struct writer {
    const char *at, *end;
    struct buf *out;
    unsigned depth;
    bool cut; /* the text ended behind a key */
};

static bool write_value(struct writer *);

static void put_u32(struct buf *b, uint32_t n)
{
    unsigned char bytes[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8),
                              (unsigned char)n};
    buf_put(b, bytes, sizeof bytes);
}

/* The length that was left open at `at`. */
static void patch_u32(struct buf *b, size_t at, uint32_t n)
{
    if (b->failed)
        return;
    for (unsigned i = 0; i < 4; i++)
        b->data[at + i] = (char)(n >> (24 - 8 * i));
}

static void put_atom(struct buf *b, const char *name)
{
    size_t n = strlen(name);
    buf_putc(b, (char)SMALL_ATOM);
    buf_putc(b, (char)n);
    buf_put(b, name, n);
}

static void skip_space(struct writer *w)
{
    while (w->at < w->end && strchr(" \t\r\n", *w->at) && *w->at)
        w->at++;
}

static bool take(struct writer *w, char c)
{
    skip_space(w);
    if (w->at == w->end || *w->at != c)
        return false;
    w->at++;
    return true;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Four digits; -1. */
static int32_t take_hex(struct writer *w)
{
    int32_t n = 0;
    if (w->end - w->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(*w->at++);
        if (digit < 0)
            return -1;
        n = n << 4 | digit;
    }
    return n;
}

static void put_utf8(struct buf *b, uint32_t c)
{
    if (c < 0x80) {
        buf_putc(b, (char)c);
        return;
    }
    unsigned more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
    buf_putc(b, (char)(lead[more] | c >> (6 * more)));
    while (more--)
        buf_putc(b, (char)(0x80 | (c >> (6 * more) & 0x3f)));
}

/* Behind "\u". */
static bool write_escaped_unit(struct writer *w)
{
    int32_t high = take_hex(w), low;
    if (high < 0 || (high >= 0xdc00 && high <= 0xdfff))
        return false;
    if (high < 0xd800 || high > 0xdbff) {
        put_utf8(w->out, (uint32_t)high);
        return true;
    }
    if (w->end - w->at < 6 || w->at[0] != '\\' || w->at[1] != 'u')
        return false;
    w->at += 2;
    low = take_hex(w);
    if (low < 0xdc00 || low > 0xdfff)
        return false;
    put_utf8(w->out, 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
    return true;
}

/* Behind the backslash. */
static bool write_escape(struct writer *w)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (w->at == w->end)
        return false;
    char c = *w->at++;
    if (c == 'u')
        return write_escaped_unit(w);
    const char *known = memchr(from, c, sizeof from - 1);
    if (known)
        buf_putc(w->out, to[known - from]);
    return known;
}

/* Behind the quote. */
static bool write_string(struct writer *w)
{
    buf_putc(w->out, (char)BINARY);
    size_t length_at = w->out->len;
    put_u32(w->out, 0);
    for (;;) {
        const char *start = w->at;
        while (w->at < w->end && *w->at != '"' && *w->at != '\\')
            w->at++;
        buf_put(w->out, start, (size_t)(w->at - start));
        if (w->at == w->end)
            return false;
        if (*w->at++ == '"')
            break;
        if (!write_escape(w))
            return false;
    }
    patch_u32(w->out, length_at, (uint32_t)(w->out->len - length_at - 4));
    return true;
}

static void put_integer(struct buf *b, bool negative, uint64_t size)
{
    if (!negative && size <= UINT8_MAX) {
        buf_putc(b, (char)SMALL_INTEGER);
        buf_putc(b, (char)size);
    } else if (size <= INT32_MAX) {
        buf_putc(b, (char)INTEGER);
        put_u32(b, negative ? (uint32_t) - (int64_t)size : (uint32_t)size);
    } else {
        char bytes[INT64_BYTES];
        unsigned n = 0;
        for (; size; size >>= 8)
            bytes[n++] = (char)size;
        buf_putc(b, (char)SMALL_BIG);
        buf_putc(b, (char)n);
        buf_putc(b, negative);
        buf_put(b, bytes, n);
    }
}

static void put_float(struct buf *b, double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    buf_putc(b, (char)NEW_FLOAT);
    put_u32(b, (uint32_t)(bits >> 32));
    put_u32(b, (uint32_t)bits);
}

/* text: with a NUL behind it. */
static bool write_number_text(struct writer *w, const char *text)
{
    char *end;
    bool negative = *text == '-';
    if (strpbrk(text, ".eE"))
        put_float(w->out, strtod(text, &end));
    else
        put_integer(w->out, negative, strtoull(text + negative, &end, 10));
    return text[negative] >= '0' && text[negative] <= '9' && *end == '\0';
}

static bool write_number(struct writer *w)
{
    const char *start = w->at;
    while (w->at < w->end && *w->at && strchr("+-.0123456789eE", *w->at))
        w->at++;
    char *text = strndup(start, (size_t)(w->at - start));
    if (!text)
        log_fatal("out of memory");
    bool good = write_number_text(w, text);
    free(text);
    return good;
}

static bool write_name(struct writer *w)
{
    static const struct {
        const char *text, *atom;
    } names[] = {{"true", "true"}, {"false", "false"}, {"null", "nil"}};
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i].text);
        if ((size_t)(w->end - w->at) < n || memcmp(w->at, names[i].text, n))
            continue;
        w->at += n;
        put_atom(w->out, names[i].atom);
        return true;
    }
    return false;
}

/* A pair of the object; cut when its value is still to come. */
static bool write_pair(struct writer *w)
{
    if (!take(w, '"') || !write_string(w) || !take(w, ':'))
        return false;
    w->cut = w->at == w->end && w->depth == 1;
    return w->cut || write_value(w);
}

/* Behind the bracket: the parts between it and the other one. */
static bool write_parts(struct writer *w, unsigned char kind, char close, bool (*write_part)(struct writer *))
{
    uint32_t n = 0;
    buf_putc(w->out, (char)kind);
    size_t length_at = w->out->len;
    put_u32(w->out, 0);
    if (!take(w, close)) {
        do {
            if (!write_part(w))
                return false;
            n++;
        } while (!w->cut && take(w, ','));
        if (!w->cut && !take(w, close))
            return false;
    }
    patch_u32(w->out, length_at, n);
    return true;
}

static bool write_list(struct writer *w)
{
    if (take(w, ']')) {
        buf_putc(w->out, (char)NIL);
        return true;
    }
    if (!write_parts(w, LIST, ']', write_value))
        return false;
    buf_putc(w->out, (char)NIL);
    return true;
}

static bool write_value(struct writer *w)
{
    skip_space(w);
    if (w->at == w->end || w->depth == WRITE_DEPTH_MAX)
        return false;
    w->depth++;
    bool good;
    char c = *w->at;
    if (c == '{' || c == '[' || c == '"')
        w->at++;
    if (c == '{')
        good = write_parts(w, MAP, '}', write_pair);
    else if (c == '[')
        good = write_list(w);
    else if (c == '"')
        good = write_string(w);
    else
        good = c == '-' || (c >= '0' && c <= '9') ? write_number(w) : write_name(w);
    w->depth--;
    return good;
}

bool etf_write(struct buf *out, const char *json, size_t n)
{
    struct writer w = {.at = json, .end = json + n, .out = out};
    buf_putc(out, (char)VERSION);
    bool good = write_value(&w);
    skip_space(&w);
    return good && w.at == w.end && !out->failed;
}

void etf_tail(unsigned char ret[ETF_TAIL_BYTES], int64_t s)
{
    ret[0] = INTEGER;
    for (unsigned i = 0; i < 4; i++)
        ret[1 + i] = (unsigned char)(s >> (24 - 8 * i));
}

/* ---- Terms to JSON --------------------------------------------------------------------------------------------- */

struct reader {
    const unsigned char *at, *end;
    struct buf *out;
    unsigned depth;
};

static bool read_term(struct reader *);

static size_t left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}

/* A number of n <= 8 bytes, the largest first. */
static bool read_uint(struct reader *r, unsigned n, uint64_t *ret)
{
    if (left(r) < n)
        return false;
    for (*ret = 0; n; n--)
        *ret = *ret << 8 | *r->at++;
    return true;
}

static void put_json_string(struct buf *b, const char *text, size_t n)
{
    buf_putc(b, '"');
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20)
            buf_printf(b, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            buf_printf(b, "\\%c", c);
        else
            buf_putc(b, (char)c);
    }
    buf_putc(b, '"');
}

static bool read_binary(struct reader *r)
{
    uint64_t n;
    struct frame_utf8 utf8 = {0};
    if (!read_uint(r, 4, &n) || n > left(r))
        return false;
    const char *text = (const char *)r->at;
    r->at += n;
    if (!frame_utf8_take(&utf8, text, n) || utf8.more)
        return false;
    put_json_string(r->out, text, n);
    return true;
}

static bool read_atom(struct reader *r, unsigned length_bytes)
{
    static const struct {
        const char *atom, *text;
    } names[] = {{"true", "true"}, {"false", "false"}, {"nil", "null"}, {"null", "null"}};
    uint64_t n;
    if (!read_uint(r, length_bytes, &n) || n > left(r))
        return false;
    const unsigned char *name = r->at;
    r->at += n;
    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i].atom) == n && !memcmp(names[i].atom, name, n)) {
            buf_puts(r->out, names[i].text);
            return true;
        }
    return false;
}

static bool read_integer(struct reader *r, unsigned bytes)
{
    uint64_t n;
    if (!read_uint(r, bytes, &n))
        return false;
    buf_printf(r->out, "%" PRId64, bytes == 4 ? (int64_t)(int32_t)(uint32_t)n : (int64_t)n);
    return true;
}

/* The smallest byte first. */
static bool read_big(struct reader *r)
{
    uint64_t n, sign, size = 0;
    if (!read_uint(r, 1, &n) || !read_uint(r, 1, &sign) || n > left(r) || n > INT64_BYTES || sign > 1)
        return false;
    for (unsigned i = 0; i < n; i++)
        size |= (uint64_t)r->at[i] << (8 * i);
    r->at += n;
    buf_printf(r->out, "%s%" PRIu64, sign && size ? "-" : "", size);
    return true;
}

static bool read_float(struct reader *r)
{
    uint64_t bits;
    double d;
    if (!read_uint(r, 8, &bits))
        return false;
    memcpy(&d, &bits, sizeof d);
    if (!isfinite(d))
        return false;
    buf_printf(r->out, "%.17g", d);
    return true;
}

static bool read_list(struct reader *r)
{
    uint64_t n;
    if (!read_uint(r, 4, &n) || n > left(r))
        return false;
    buf_putc(r->out, '[');
    for (uint64_t i = 0; i < n; i++) {
        if (i)
            buf_putc(r->out, ',');
        if (!read_term(r))
            return false;
    }
    buf_putc(r->out, ']');
    return left(r) && *r->at++ == NIL;
}

/* How libraries pack a list of small integers. */
static bool read_bytes(struct reader *r)
{
    uint64_t n;
    if (!read_uint(r, 2, &n) || n > left(r))
        return false;
    buf_putc(r->out, '[');
    for (uint64_t i = 0; i < n; i++)
        buf_printf(r->out, i ? ",%u" : "%u", *r->at++);
    buf_putc(r->out, ']');
    return true;
}

static bool read_map(struct reader *r)
{
    uint64_t n;
    if (!read_uint(r, 4, &n) || n > left(r) / 2)
        return false;
    buf_putc(r->out, '{');
    for (uint64_t i = 0; i < n; i++) {
        if (i)
            buf_putc(r->out, ',');
        if (!left(r) || *r->at++ != BINARY || !read_binary(r))
            return false;
        buf_putc(r->out, ':');
        if (!read_term(r))
            return false;
    }
    buf_putc(r->out, '}');
    return true;
}

static bool read_kind(struct reader *r, unsigned char kind)
{
    switch (kind) {
    case SMALL_INTEGER:
        return read_integer(r, 1);
    case INTEGER:
        return read_integer(r, 4);
    case SMALL_BIG:
        return read_big(r);
    case NEW_FLOAT:
        return read_float(r);
    case ATOM:
    case ATOM_UTF8:
        return read_atom(r, 2);
    case SMALL_ATOM:
    case SMALL_ATOM_UTF8:
        return read_atom(r, 1);
    case BINARY:
        return read_binary(r);
    case STRING:
        return read_bytes(r);
    case LIST:
        return read_list(r);
    case NIL:
        buf_puts(r->out, "[]");
        return true;
    case MAP:
        return read_map(r);
    default:
        return false;
    }
}

static bool read_term(struct reader *r)
{
    if (!left(r) || r->depth == ETF_DEPTH_MAX)
        return false;
    r->depth++;
    bool good = read_kind(r, *r->at++);
    r->depth--;
    return good;
}

bool etf_read(struct buf *out, const char *term, size_t n)
{
    struct reader r = {(const unsigned char *)term, (const unsigned char *)term + n, out, 0};
    return n && *r.at++ == VERSION && read_term(&r) && r.at == r.end && !out->failed;
}
