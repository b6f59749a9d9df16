/* UTF-8: counted and trimmed for the limits, escaped for JSON. */
#include "lib/wire/internal.h"

/* One row a lead byte's range: how long the sequence is, and which second byte it may have (no overlong form, no
 * surrogate, nothing past U+10FFFF). RFC 3629, section 4. */
static const struct {
    unsigned char first, last, length, second_min, second_max;
} leads[] = {
    {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

static bool is_tail(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t wire_utf8_sequence(const char *text, size_t n)
{
    const unsigned char *s = (const unsigned char *)text;
    if (*s < 0x80)
        return 1;
    for (size_t i = 1; i < sizeof leads / sizeof *leads; i++) {
        if (*s < leads[i].first || *s > leads[i].last)
            continue;
        size_t length = leads[i].length;
        if (n < length || s[1] < leads[i].second_min || s[1] > leads[i].second_max)
            return 0;
        bool whole = (length < 3 || is_tail(s[2])) && (length < 4 || is_tail(s[3]));
        return whole ? length : 0;
    }
    return 0;
}

int64_t wire_utf8_length(const char *s, size_t n)
{
    int64_t points = 0;
    while (n > 0) {
        size_t step = wire_utf8_sequence(s, n);
        if (step == 0)
            return -1;
        s += step;
        n -= step;
        points++;
    }
    return points;
}

static uint32_t decode(const char *text, size_t length)
{
    static const unsigned char masks[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const unsigned char *s = (const unsigned char *)text;
    uint32_t c = *s & masks[length];
    for (size_t i = 1; i < length; i++)
        c = c << 6 | (s[i] & 0x3f);
    return c;
}

/* Unicode's White_Space, and U+FEFF. */
static bool is_space(uint32_t c)
{
    static const struct {
        uint32_t first, last;
    } spaces[] = {
        {0x09, 0x0d},     {0x1c, 0x20},     {0x85, 0x85},     {0xa0, 0xa0},     {0x1680, 0x1680}, {0x2000, 0x200a},
        {0x2028, 0x2029}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}, {0xfeff, 0xfeff},
    };
    for (size_t i = 0; i < sizeof spaces / sizeof *spaces; i++)
        if (c >= spaces[i].first && c <= spaces[i].last)
            return true;
    return false;
}

void wire_trim(const char **s, size_t *n)
{
    while (*n > 0) {
        size_t step = wire_utf8_sequence(*s, *n);
        if (!is_space(decode(*s, step)))
            break;
        *s += step;
        *n -= step;
    }
    while (*n > 0) {
        size_t step = 1;
        while (step < *n && is_tail((unsigned char)(*s)[*n - step]))
            step++;
        if (!is_space(decode(*s + *n - step, step)))
            break;
        *n -= step;
    }
}

static void put_escaped(struct buf *b, unsigned char c)
{
    static const char letters[0x20] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    static const char hex[] = "0123456789abcdef";
    if (c == '"' || c == '\\')
        buf_put(b, (char[]){'\\', (char)c}, 2);
    else if (letters[c])
        buf_put(b, (char[]){'\\', letters[c]}, 2);
    else
        buf_put(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
}

/* Copies runs that stand for themselves; stops only at what must be escaped or is no UTF-8. */
void wire_put_string(struct buf *b, const char *s, size_t n)
{
    size_t start = 0;
    buf_putc(b, '"');
    for (size_t i = 0; i < n;) {
        unsigned char c = (unsigned char)s[i];
        size_t step = 1;
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        if (c >= 0x80 && (step = wire_utf8_sequence(s + i, n - i)) > 0) {
            i += step;
            continue;
        }
        buf_put(b, s + start, i - start);
        if (c >= 0x80)
            buf_puts(b, "\xef\xbf\xbd");
        else
            put_escaped(b, c);
        start = ++i;
    }
    buf_put(b, s + start, n - start);
    buf_putc(b, '"');
}

void wire_write_string(struct buf *b, const char *s)
{
    wire_put_string(b, s, strlen(s));
}
