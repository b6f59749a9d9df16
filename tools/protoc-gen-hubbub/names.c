/* The names that protoc-c gives to what it generates. */
#include "tools/protoc-gen-hubbub/schema.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* "guild_role" and "guildRole" begin a new word with a capital; the underscore goes. */
static void put_type(struct buf *b, const char *s, size_t n)
{
    bool capital = true;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '_') {
            capital = true;
            continue;
        }
        buf_putc(b, capital ? (char)toupper((unsigned char)s[i]) : s[i]);
        capital = false;
    }
}

/* '_' before an upper-case letter unless the previous one was upper. */
static void put_lower(struct buf *b, const char *s, size_t n)
{
    bool was_upper = true;
    for (size_t i = 0; i < n; i++) {
        bool upper = isupper((unsigned char)s[i]);
        if (upper && !was_upper)
            buf_putc(b, '_');
        buf_putc(b, (char)tolower((unsigned char)s[i]));
        was_upper = upper;
    }
}

static const char *join(struct arena *a, const char *full, void (*put)(struct buf *, const char *, size_t))
{
    struct buf b = {0};
    for (const char *s = full;; s++) {
        size_t n = strcspn(s, ".");
        put(&b, s, n);
        s += n;
        if (!*s)
            break;
        buf_puts(&b, "__");
    }
    const char *name = arena_strdup(a, buf_str(&b));
    buf_finish(&b);
    return name;
}

const char *name_type(struct arena *a, const char *full)
{
    return join(a, full, put_type);
}

const char *name_lower(struct arena *a, const char *full)
{
    return join(a, full, put_lower);
}

static int compare(const void *word, const void *row)
{
    return strcmp(word, *(const char *const *)row);
}

bool name_is_keyword(const char *word)
{
    static const char *const words[] = {
        "auto",    "break",    "case",   "char",     "const",  "continue", "default", "do",     "double",
        "else",    "enum",     "extern", "float",    "for",    "goto",     "if",      "inline", "int",
        "long",    "register", "return", "short",    "signed", "sizeof",   "static",  "struct", "switch",
        "typedef", "typeof",   "union",  "unsigned", "void",   "volatile", "while",
    };
    return bsearch(word, words, sizeof words / sizeof *words, sizeof *words, compare);
}
