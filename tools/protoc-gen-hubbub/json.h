/* json.h - JSON text into a buffer, with its commas and line ends. key is NULL for an array's item and at the top. */
#pragma once
#include "lib/base/buf.h"
#include <stdbool.h>

struct json {
    struct buf *b;
    unsigned depth;
};

/* bracket: '{' or '[', and its partner. */
void json_open(struct json *, const char *key, char bracket);
void json_close(struct json *, char bracket);
void json_text(struct json *, const char *key, const char *value);
void json_number(struct json *, const char *key, int64_t value);
void json_bool(struct json *, const char *key, bool value);
/* value is JSON already. */
void json_raw(struct json *, const char *key, const char *value);
/* Appends s in quotes and nothing else. */
void json_quote(struct buf *, const char *s);
