#include "services/gateway/edge/url.h"
#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool url_is_utf8(const char *text, size_t n)
{
    for (size_t at = 0; at < n;) {
        utf8proc_int32_t point;
        utf8proc_ssize_t used =
            utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(n - at), &point);
        if (used <= 0)
            return false;
        at += (size_t)used;
    }
    return true;
}

char *url_decode(struct arena *a, const char *text, size_t n, bool plus)
{
    char *out = arena_alloc(a, n + 1);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        char c = text[i];
        if (c == '%') {
            int high = n - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = n - i > 2 ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0)
                return NULL;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        if (c == '\0')
            return NULL;
        out[len++] = c;
    }
    out[len] = '\0';
    return url_is_utf8(out, len) ? out : NULL;
}

bool url_query(struct arena *a, const char *query, struct url_pair *ret, unsigned max, unsigned *ret_n)
{
    unsigned count = 0;
    while (*query) {
        size_t n = strcspn(query, "&");
        if (n) {
            const char *equals = memchr(query, '=', n);
            size_t name = equals ? (size_t)(equals - query) : n;
            size_t value = equals ? n - name - 1 : 0;
            if (count == max)
                return false;
            struct url_pair p = {url_decode(a, query, name, true), url_decode(a, query + n - value, value, true)};
            if (!p.name || !p.value)
                return false;
            ret[count++] = p;
        }
        query += n + (query[n] == '&');
    }
    *ret_n = count;
    return true;
}

char *url_encode(struct arena *a, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *out = arena_alloc(a, strlen(text) * 3 + 1), *at = out;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || strchr("-._~!$&+^`|#", c);
        if (plain && c < 0x80) {
            *at++ = (char)c;
            continue;
        }
        *at++ = '%';
        *at++ = digits[c >> 4];
        *at++ = digits[c & 15];
    }
    *at = '\0';
    return out;
}
