#include "services/media/filename.h"
#include <string.h>
#include <utf8proc.h>

enum { EXTENSION_BYTES_MAX = 32 };

struct range {
    utf8proc_int32_t first, last;
};
/* Controls and everything that changes how the rest is shown, or shows as nothing. Sorted. */
static const struct range dropped[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x061c, 0x061c}, {0x115f, 0x1160},
    {0x180e, 0x180e}, {0x200b, 0x200f}, {0x2028, 0x202e},   {0x2060, 0x206f}, {0xfe00, 0xfe0f},
    {0xfeff, 0xfeff}, {0xfff0, 0xffff}, {0xe0000, 0xe0fff},
};

static bool is_dropped(utf8proc_int32_t c)
{
    for (size_t i = 0; i < sizeof dropped / sizeof *dropped; i++)
        if (c >= dropped[i].first && c <= dropped[i].last)
            return true;
    return false;
}

static bool is_replaced(utf8proc_int32_t c)
{
    return c < 0x80 ? strchr(" \"<>:|?*;`$&'#%", (int)c) != NULL : utf8proc_category(c) == UTF8PROC_CATEGORY_ZS;
}

static const char *last_part(const char *path)
{
    const char *last = path;
    for (; *path; path++)
        if (*path == '/' || *path == '\\')
            last = path + 1;
    return last;
}

/* Cuts the stem so that stem and extension fit, between two characters. */
static void shorten(char *name)
{
    size_t n = strlen(name);
    if (n <= FILENAME_BYTES_MAX)
        return;
    const char *dot = strrchr(name, '.');
    size_t extension = dot && name + n - dot <= EXTENSION_BYTES_MAX ? (size_t)(name + n - dot) : 0;
    size_t stem = FILENAME_BYTES_MAX - extension;
    while (stem && ((unsigned char)name[stem] & 0xc0) == 0x80)
        stem--;
    memmove(name + stem, name + n - extension, extension + 1);
}

const char *filename_clean(struct arena *a, const char *raw)
{
    const char *from = last_part(raw ? raw : "");
    size_t left = strlen(from);
    char *name = arena_alloc(a, left + 1), *to = name;
    while (left) {
        utf8proc_int32_t c;
        utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)from, (utf8proc_ssize_t)left, &c);
        bool drop = n <= 0 || is_dropped(c) || (c == '.' && to == name);
        n = n > 0 ? n : 1;
        if (!drop && is_replaced(c)) {
            *to++ = '_';
        } else if (!drop) {
            memcpy(to, from, (size_t)n);
            to += n;
        }
        from += n;
        left -= (size_t)n;
    }
    *to = '\0';
    shorten(name);
    return *name ? name : "unknown";
}
