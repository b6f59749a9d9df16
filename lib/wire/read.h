/* read.h - between read.c, which walks objects and arrays, and value.c, which reads single values. */
#pragma once
#include "lib/wire/internal.h"

/* The way to a value, from the inside out: a link for each object key and array index. */
struct path {
    const struct path *up;
    const char *key; /* NULL: the index */
    size_t index;
};

struct reader {
    struct wire_errors *errors;
    struct arena *arena;
};

/* A value as it came: from JSON, or the text of a path or query parameter. */
enum input_kind { INPUT_NULL, INPUT_BOOL, INPUT_INTEGER, INPUT_REAL, INPUT_TEXT, INPUT_OTHER };
struct input {
    enum input_kind kind;
    bool parameter; /* path or query: all kinds come as text */
    bool item;      /* of an array: item_max_len holds, not min_len and max_len */
    bool boolean;
    int64_t integer;
    double real;
    const char *text; /* with a NUL behind it */
    size_t bytes;
    const json_t *json; /* NULL for a parameter */
};
struct input wire_input(const json_t *);

enum value_result {
    VALUE_OK,
    VALUE_EMPTY, /* as good as null: an empty string in a nullable field */
    VALUE_FAULT, /* a leaf was added */
};
/* Reads one value that is no message into *at. */
enum value_result wire_read_value(struct reader *, const struct path *, const struct wire_field *,
                                  const ProtobufCFieldDescriptor *, const struct input *, void *at);
/* Adds a leaf at the path; always VALUE_FAULT. */
enum value_result wire_fault(struct reader *, const struct path *, const char *code, const char *format, ...)
    PRINTF_LIKE(4, 5);
enum value_result wire_fault_required(struct reader *, const struct path *);
/* Adds a leaf when n is outside min..max (0: no limit). */
bool wire_check_length(struct reader *, const struct path *, int64_t n, uint32_t min, uint32_t max);
