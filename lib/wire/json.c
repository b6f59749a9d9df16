/* JSON text to jansson's tree, and the little of it that the gateway's frames need. A struct wire_json is a json_t.
 *
 * jansson itself nests up to 2048 deep and gives up on an integer outside int64. A scan before it counts the nesting,
 * and marks such an integer as a real ("e0" behind it), so that it becomes a fault of its field and not of the text. */
#include "lib/wire/internal.h"
#include <errno.h>
#include <stdlib.h>

enum { DEPTH_MAX = 64, INT64_DIGITS = 19 };

struct scan {
    const char *text;
    size_t n, at;
    struct buf out; /* text up to `copied`, changed; empty: nothing was changed */
    size_t copied;
    unsigned depth;
};

static void skip_string(struct scan *s)
{
    for (s->at++; s->at < s->n && s->text[s->at] != '"'; s->at++)
        if (s->text[s->at] == '\\')
            s->at++;
    s->at++;
}

static bool is_outside_int64(const char *token, size_t n)
{
    char text[INT64_DIGITS + 2];
    if (n < INT64_DIGITS || memchr(token, '.', n) || memchr(token, 'e', n) || memchr(token, 'E', n))
        return false;
    if (n >= sizeof text)
        return true;
    memcpy(text, token, n);
    text[n] = '\0';
    errno = 0;
    strtoll(text, NULL, 10);
    return errno == ERANGE;
}

static void scan_number(struct scan *s)
{
    size_t start = s->at;
    while (s->at < s->n && s->text[s->at] && strchr("+-.0123456789eE", s->text[s->at]))
        s->at++;
    if (!is_outside_int64(s->text + start, s->at - start))
        return;
    buf_put(&s->out, s->text + s->copied, s->at - s->copied);
    buf_put(&s->out, "e0", 2);
    s->copied = s->at;
}

/* False when it nests too deep. */
static bool scan(struct scan *s)
{
    while (s->at < s->n) {
        char c = s->text[s->at];
        if (c == '"') {
            skip_string(s);
        } else if (c == '-' || (c >= '0' && c <= '9')) {
            scan_number(s);
        } else {
            s->depth += (c == '{' || c == '[') - (c == '}' || c == ']');
            if (s->depth > DEPTH_MAX) /* also one that closes what was never opened: no JSON anyway */
                return false;
            s->at++;
        }
    }
    if (s->copied)
        buf_put(&s->out, s->text + s->copied, s->n - s->copied);
    return !s->out.failed;
}

status wire_parse(const char *text, size_t n, struct wire_json **ret)
{
    struct scan s = {.text = text, .n = n};
    json_t *root = NULL;
    if (scan(&s))
        root = json_loadb(s.copied ? s.out.data : text, s.copied ? s.out.len : n,
                          JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    buf_finish(&s.out);
    if (!root)
        return ST_BAD_JSON;
    *ret = (struct wire_json *)root;
    return ST_OK;
}

void wire_json_free(struct wire_json *json)
{
    json_decref((json_t *)json);
}

bool wire_json_frame(struct wire_json *root, int64_t *op, struct wire_json **d)
{
    const json_t *number = json_object_get((json_t *)root, "op");
    if (!json_is_integer(number))
        return false;
    *op = json_integer_value(number);
    *d = (struct wire_json *)json_object_get((json_t *)root, "d");
    return true;
}

bool wire_json_integer_or_null(struct wire_json *json, int64_t *ret)
{
    const json_t *value = (const json_t *)json;
    if (value && !json_is_null(value) && !json_is_integer(value))
        return false;
    *ret = json_is_integer(value) ? json_integer_value(value) : -1;
    return true;
}

bool wire_json_each(struct wire_json *json, void (*fn)(void *user, const char *key, struct wire_json *value), void *user)
{
    const char *key;
    json_t *value;
    if (!json_is_object((json_t *)json))
        return false;
    json_object_foreach((json_t *)json, key, value)
        fn(user, key, (struct wire_json *)value);
    return true;
}

struct wire_json *wire_json_get(struct wire_json *json, const char *key)
{
    return (struct wire_json *)json_object_get((json_t *)json, key);
}

size_t wire_json_pairs(struct wire_json *json, int64_t (*ret)[2], size_t max)
{
    size_t i, n = 0;
    json_t *pair;
    json_array_foreach((json_t *)json, i, pair)
    {
        const json_t *first = json_array_get(pair, 0), *last = json_array_get(pair, 1);
        if (n == max || json_array_size(pair) != 2 || !json_is_integer(first) || !json_is_integer(last))
            continue;
        ret[n][0] = json_integer_value(first);
        ret[n++][1] = json_integer_value(last);
    }
    return n;
}
