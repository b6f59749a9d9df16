/* Commas and line ends by what stands last in the buffer: nothing needs to be remembered but the depth. */
#include "tools/protoc-gen-hubbub/json.h"
#include <inttypes.h>
#include <string.h>

enum { LINES_TO_DEPTH = 4 };

void json_quote(struct buf *b, const char *s)
{
    buf_putc(b, '"');
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20)
            buf_printf(b, "\\u%04x", (unsigned)*s);
        else
            buf_printf(b, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    }
    buf_putc(b, '"');
}

static void begin(struct json *j, const char *key)
{
    char last = j->b->len ? j->b->data[j->b->len - 1] : '\0';
    if (last && last != '{' && last != '[')
        buf_putc(j->b, ',');
    if (last && j->depth <= LINES_TO_DEPTH)
        buf_printf(j->b, "\n%*s", (int)j->depth, "");
    if (!key)
        return;
    json_quote(j->b, key);
    buf_putc(j->b, ':');
}

void json_open(struct json *j, const char *key, char bracket)
{
    begin(j, key);
    buf_putc(j->b, bracket);
    j->depth++;
}

void json_close(struct json *j, char bracket)
{
    j->depth--;
    buf_putc(j->b, bracket);
}

void json_text(struct json *j, const char *key, const char *value)
{
    begin(j, key);
    json_quote(j->b, value);
}

void json_number(struct json *j, const char *key, int64_t value)
{
    begin(j, key);
    buf_printf(j->b, "%" PRId64, value);
}

void json_bool(struct json *j, const char *key, bool value)
{
    json_raw(j, key, value ? "true" : "false");
}

void json_raw(struct json *j, const char *key, const char *value)
{
    begin(j, key);
    buf_puts(j->b, value);
}
