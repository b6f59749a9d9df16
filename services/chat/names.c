#define _GNU_SOURCE /* strcasestr */
#include "services/chat/names.h"
#include "services/chat/accounts.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

static char *to_nfc(struct arena *arena, const char *s)
{
    uint8_t *out = NULL;
    ssize_t n =
        utf8proc_map((const uint8_t *)s, 0, &out,
                     UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_STRIPCC | UTF8PROC_IGNORE);
    char *copy = n < 0 ? NULL : arena_strndup(arena, (const char *)out, (size_t)n);
    free(out);
    return copy;
}

static void collapse_spaces(char *s)
{
    char *to = s;
    for (char *from = s; *from; from++)
        if (*from != ' ' || (to > s && to[-1] != ' '))
            *to++ = *from;
    while (to > s && to[-1] == ' ')
        to--;
    *to = '\0';
}

static size_t code_points(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

char *username_normalise(struct arena *arena, const char *username, const char **ret_why)
{
    static const char *const parts[] = {"@", "#", ":", "```", "discord", ACCOUNT_DELETED_PREFIX};
    static const char *const names[] = {"everyone", "here"};
    char *name = to_nfc(arena, username);
    *ret_why = "Must be between 2 and 32 in length.";
    if (!name)
        return NULL;
    collapse_spaces(name);
    if (code_points(name) < 2 || code_points(name) > 32)
        return NULL;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcasestr(name, parts[i])) {
            *ret_why = arena_printf(arena, "Username cannot contain \"%s\"", parts[i]);
            return NULL;
        }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcasecmp(name, names[i])) {
            *ret_why = arena_printf(arena, "Username cannot be \"%s\"", names[i]);
            return NULL;
        }
    return name;
}

static bool is_space(utf8proc_int32_t cp)
{
    utf8proc_category_t category = utf8proc_category(cp);
    return cp == '\t' || cp == '\n' || cp == '\r' || category == UTF8PROC_CATEGORY_ZS ||
           category == UTF8PROC_CATEGORY_ZL || category == UTF8PROC_CATEGORY_ZP;
}

char *channel_name_normalise(struct arena *arena, const char *name)
{
    char *nfc = to_nfc(arena, name);
    if (!nfc || !*nfc)
        return NULL;
    uint8_t *out = arena_alloc(arena, strlen(nfc) * 4 + 1), *to = out;
    utf8proc_int32_t cp;
    for (const uint8_t *at = (const uint8_t *)nfc; *at;) {
        utf8proc_ssize_t n = utf8proc_iterate(at, -1, &cp);
        if (n <= 0)
            return NULL;
        at += n;
        cp = is_space(cp) ? '-' : utf8proc_tolower(cp);
        if (cp != '-' || to == out || to[-1] != '-')
            to += utf8proc_encode_char(cp, to);
    }
    return (char *)out;
}
