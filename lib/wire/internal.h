/* internal.h - what the files of lib/wire share: a field's place in its message, text, time. Pure. */
#pragma once
#include "lib/wire/wire.h"
#include <jansson.h>
#include <string.h>

/* ---- Messages -------------------------------------------------------------------------------------------------- */

/* Where the field's value lies (an array's pointer, for a repeated one). */
static inline void *wire_member(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *fd)
{
    return (char *)m + fd->offset;
}
/* Where its has_ flag or its count lies. */
static inline void *wire_quantifier(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *fd)
{
    return (char *)m + fd->quantifier_offset;
}
static inline bool wire_is_repeated(const ProtobufCFieldDescriptor *fd)
{
    return fd->label == PROTOBUF_C_LABEL_REPEATED;
}
/* The bytes that one value takes in C. */
size_t wire_value_size(ProtobufCType);
/* An empty string and an empty array are unset. */
bool wire_is_set(const ProtobufCMessage *, const ProtobufCFieldDescriptor *);
/* The field of that proto name or JSON key: its index in both tables, or -1. */
int wire_find(const struct wire_message *, const char *name);

/* ---- Text ------------------------------------------------------------------------------------------------------ */

/* The length of the UTF-8 sequence at s (of n > 0 bytes left), 0 when it is invalid: overlong, a surrogate, past
 * U+10FFFF or cut. */
size_t wire_utf8_sequence(const char *s, size_t n);
/* Code points; -1 when it is not UTF-8. */
int64_t wire_utf8_length(const char *s, size_t n);
/* Narrows *s and *n to what stands between the white space at both ends (Unicode's). s is valid UTF-8. */
void wire_trim(const char **s, size_t *n);
void wire_put_string(struct buf *, const char *s, size_t n);

/* ---- Time ------------------------------------------------------------------------------------------------------ */

enum { WIRE_TIME_BYTES = 33 }; /* "2026-11-24T01:02:03.000000+00:00" and its end */
/* Unix milliseconds, moved into the years 1 to 9999. */
void wire_time_write(char out[WIRE_TIME_BYTES], int64_t ms);
/* ISO-8601 with a date, a time and Z or an offset; false for anything else. */
bool wire_time_read(const char *s, int64_t *ret_ms);
