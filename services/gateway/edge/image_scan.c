#include "services/gateway/edge/image_scan.h"
#include <string.h>

/* The data URIs that are taken. */
static const char *const heads[] = {"data:image/png;base64,", "data:image/jpeg;base64,", "data:image/gif;base64,",
                                    "data:image/webp;base64,"};

static int find_key(const struct image_scan *s)
{
    for (unsigned i = 0; i < s->n_keys; i++)
        if (strlen(s->keys[i]) == s->key_len && !memcmp(s->keys[i], s->key, s->key_len))
            return (int)i;
    return -1;
}

/* ---- Text ------------------------------------------------------------------------------------------------------- */

static void begin_string(struct image_scan *s)
{
    s->escaped = false;
    if (s->depth == 1 && s->wants_key) {
        s->state = SCAN_KEY;
        s->key_len = 0;
    } else if (s->depth == 1 && s->found >= 0) {
        s->state = SCAN_HEAD;
        s->head_len = s->head_raw = s->unicode_left = 0;
    } else {
        s->state = SCAN_STRING;
    }
}

static void between(struct image_scan *s, char c)
{
    buf_putc(s->out, c);
    if (c == '"') {
        begin_string(s);
    } else if (c == '{' || c == '[') {
        s->depth++;
        s->wants_key = s->depth == 1 && c == '{';
        s->found = -1;
    } else if (c == '}' || c == ']') {
        s->depth -= s->depth > 0;
    } else if (c == ',' && s->depth == 1) {
        s->wants_key = true;
        s->found = -1;
    } else if (c == ':' && s->depth == 1) {
        s->wants_key = false;
        s->found = s->n < IMAGE_SCAN_MAX ? find_key(s) : -1;
    }
}

/* A key that is written with escapes, or too long, is none of ours. */
static void in_string(struct image_scan *s, char c)
{
    buf_putc(s->out, c);
    if (s->escaped)
        s->escaped = false;
    else if (c == '\\')
        s->escaped = true;
    else if (c == '"')
        s->state = SCAN_BETWEEN;
    if (s->state == SCAN_KEY)
        s->key[s->key_len < IMAGE_SCAN_KEY_MAX ? s->key_len++ : IMAGE_SCAN_KEY_MAX - 1] = c;
}

/* ---- Images ----------------------------------------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

enum { CHAR_NONE = -1, CHAR_END = -2, CHAR_BAD = -3 };
/* The character that c completes: clients write '/' and '+' with escapes too. */
static int unescape(struct image_scan *s, char c)
{
    if (s->unicode_left) {
        int digit = hex(c);
        if (digit < 0)
            return CHAR_BAD;
        s->unicode = s->unicode << 4 | (unsigned)digit;
        return --s->unicode_left ? CHAR_NONE : s->unicode && s->unicode < 0x80 ? (int)s->unicode : CHAR_BAD;
    }
    if (s->escaped) {
        s->escaped = false;
        s->unicode = 0;
        s->unicode_left = c == 'u' ? 4 : 0;
        return c == 'u' ? CHAR_NONE : c == '/' ? '/' : CHAR_BAD;
    }
    if (c == '\\')
        s->escaped = true;
    return c == '\\' ? CHAR_NONE : c == '"' ? CHAR_END : (unsigned char)c < 0x80 ? c : CHAR_BAD;
}

/* It was no data URI: what was held back goes on as an ordinary string. */
static void give_back(struct image_scan *s)
{
    s->state = SCAN_STRING;
    s->escaped = false;
    for (unsigned i = 0; i < s->head_raw; i++)
        in_string(s, s->raw[i]);
}

static bool begins_head(const struct image_scan *s, bool whole)
{
    for (unsigned i = 0; i < sizeof heads / sizeof *heads; i++)
        if (!strncmp(heads[i], s->head, s->head_len) && (!whole || strlen(heads[i]) == s->head_len))
            return true;
    return false;
}

/* true: an image begins. */
static bool in_head(struct image_scan *s, char c)
{
    int decoded = unescape(s, c);
    s->raw[s->head_raw++] = c;
    if (decoded >= 0)
        s->head[s->head_len++] = (char)decoded;
    if (decoded == CHAR_END || decoded == CHAR_BAD || !begins_head(s, false)) {
        give_back(s);
        return false;
    }
    if (!begins_head(s, true))
        return false;
    buf_printf(s->out, IMAGE_SCAN_MARK, s->n);
    s->state = SCAN_IMAGE;
    s->n_bits = s->padding = 0;
    s->broken = s->escaped = false;
    return true;
}

static int sextet(int c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* false: its end. */
static bool in_image(struct image_scan *s, char c, uint8_t *data, size_t *n)
{
    int decoded = unescape(s, c);
    if (decoded == CHAR_NONE)
        return true;
    if (decoded == CHAR_END)
        return false;
    int value = decoded < 0 ? -1 : sextet(decoded);
    if (decoded == '=')
        s->padding++;
    else if (value < 0 || s->padding)
        s->broken = true;
    if (decoded == '=' || s->broken)
        return true;
    s->bits = s->bits << 6 | (uint32_t)value;
    s->n_bits += 6;
    if (s->n_bits >= 8) {
        s->n_bits -= 8;
        data[(*n)++] = (uint8_t)(s->bits >> s->n_bits);
    }
    return true;
}

/* Six bits too many are a byte that is missing; padding may stand for exactly what a group lacks. */
static void end_image(struct image_scan *s)
{
    unsigned lacks = s->n_bits == 0 ? 0 : s->n_bits == 4 ? 2 : s->n_bits == 2 ? 1 : 3;
    s->broken |= lacks == 3 || s->padding != lacks;
    s->n++;
    s->found = -1;
    s->state = SCAN_BETWEEN;
    buf_putc(s->out, '"');
}

enum image_scan_event image_scan_read(struct image_scan *s, const char *in, size_t n, size_t *used, uint8_t *data,
                                      size_t *ret_data)
{
    *ret_data = 0;
    for (*used = 0; *used < n;) {
        char c = in[*used];
        if (s->state == SCAN_IMAGE && c == '"' && !s->escaped && *ret_data)
            return SCAN_DATA; /* the end comes next */
        ++*used;
        if (s->state == SCAN_BETWEEN)
            between(s, c);
        else if (s->state == SCAN_STRING || s->state == SCAN_KEY)
            in_string(s, c);
        else if (s->state == SCAN_HEAD && in_head(s, c))
            return SCAN_BEGIN;
        else if (s->state == SCAN_IMAGE && !in_image(s, c, data, ret_data)) {
            end_image(s);
            return SCAN_END;
        }
    }
    return *ret_data ? SCAN_DATA : SCAN_MORE;
}
