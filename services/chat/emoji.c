#include "services/chat/emoji.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { KEYCAP = 0x20e3, SKIN_FIRST = 0x1f3fb, SKIN_LAST = 0x1f3ff };

struct cluster {
    utf8proc_int32_t points[EMOJI_CODE_POINTS_MAX];
    int n;
};

/* False when the text is not UTF-8, empty, too long or more than one grapheme cluster. */
static bool read_cluster(const char *text, struct cluster *ret)
{
    const utf8proc_uint8_t *at = (const utf8proc_uint8_t *)text;
    utf8proc_int32_t state = 0;
    ret->n = 0;
    while (*at) {
        utf8proc_int32_t *point = &ret->points[ret->n];
        if (ret->n == EMOJI_CODE_POINTS_MAX)
            return false;
        utf8proc_ssize_t bytes = utf8proc_iterate(at, -1, point);
        if (bytes <= 0 || (ret->n && utf8proc_grapheme_break_stateful(point[-1], *point, &state)))
            return false;
        at += bytes;
        ret->n++;
    }
    return ret->n > 0;
}

bool emoji_is_unicode(const char *text)
{
    struct cluster c;
    if (!text || !read_cluster(text, &c))
        return false;
    int kind = utf8proc_get_property(c.points[0])->boundclass;
    if (kind == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR)
        return c.n == 2;
    if (c.points[0] < 0x80)
        return c.n > 1 && strchr("0123456789#*", c.points[0]) && c.points[c.n - 1] == KEYCAP;
    return kind == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC || (c.points[0] >= SKIN_FIRST && c.points[0] <= SKIN_LAST);
}

/* ---- Custom emoji ------------------------------------------------------------------------------------------------ */

static const char name_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
enum { ID_DIGITS_MAX = 20 };

bool emoji_is_name(const char *name)
{
    return *name && !name[strspn(name, name_characters)];
}

/* The digits of an id that is not 0; NULL when that is not all. */
static const char *read_digits(struct arena *a, const char *text)
{
    size_t zeros = strspn(text, "0"), n = strspn(text, "0123456789");
    if (text[n] || n == zeros || n - zeros > ID_DIGITS_MAX)
        return NULL;
    uint64_t id = strtoull(text, NULL, 10);
    return id && id <= INT64_MAX ? arena_printf(a, "%" PRIu64, id) : NULL;
}

const char *emoji_read_key(struct arena *a, const char *text)
{
    if (!text)
        return NULL;
    if (emoji_is_unicode(text))
        return arena_strdup(a, text);
    if (!strncmp(text, "a:", 2) && strchr(text + 2, ':'))
        text += 2;
    size_t name = strspn(text, name_characters);
    return name && text[name] == ':' ? read_digits(a, text + name + 1) : NULL;
}

uint64_t emoji_key_id(const char *key)
{
    return *key && !key[strspn(key, "0123456789")] ? strtoull(key, NULL, 10) : 0;
}

Hubbub__V1__ReactionEmoji *emoji_of_key(struct arena *a, const char *key)
{
    Hubbub__V1__ReactionEmoji *e = PB_NEW(a, Hubbub__V1__ReactionEmoji, hubbub__v1__reaction_emoji);
    uint64_t id = emoji_key_id(key);
    if (id)
        PB_SET(e, id, id);
    else
        e->name = (char *)key;
    return e;
}
