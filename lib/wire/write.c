/* Messages to JSON. Every event is written once for each gateway and goes out to all its sessions, so this is the hot
 * end of fan-out: bytes are appended as the tables are walked, nothing is built in between. */
#include "lib/wire/internal.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Appends one value; at: as wire_member gives it, or an array's element. */
typedef void writer(struct buf *, const struct wire_field *, const ProtobufCFieldDescriptor *, const void *at);

/* ---- Numbers --------------------------------------------------------------------------------------------------- */

static void put_u64(struct buf *b, uint64_t n)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    buf_put(b, digits + at, sizeof digits - at);
}

static void put_i64(struct buf *b, int64_t n)
{
    if (n < 0)
        buf_putc(b, '-');
    put_u64(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

/* The shortest of 15 to 17 digits that reads back the same; JSON has no infinity. */
static void put_real(struct buf *b, double x)
{
    char text[32] = "null";
    for (int digits = 15; isfinite(x) && digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if (strtod(text, NULL) == x)
            break;
    }
    buf_puts(b, text);
}

/* ---- Plain values, by their type ------------------------------------------------------------------------------- */

static void write_i32(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    put_i64(b, *(const int32_t *)at);
}

static void write_u32(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    put_u64(b, *(const uint32_t *)at);
}

static void write_i64(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    put_i64(b, *(const int64_t *)at);
}

static void write_u64(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    put_u64(b, *(const uint64_t *)at);
}

static void write_float(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    put_real(b, *(const float *)at);
}

static void write_double(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    put_real(b, *(const double *)at);
}

static void write_bool(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    buf_puts(b, *(const protobuf_c_boolean *)at ? "true" : "false");
}

static void write_text(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    const char *s = *(char *const *)at;
    wire_write_string(b, s ? s : "");
}

static void write_message(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    const ProtobufCMessage *m = *(ProtobufCMessage *const *)at;
    if (m)
        wire_write(b, f->message, m);
    else
        buf_puts(b, "null");
}

/* Bytes have no plain form: the generator makes them WIRE_HIDDEN. */
static writer *const plain[] = {
    [PROTOBUF_C_TYPE_INT32] = write_i32,    [PROTOBUF_C_TYPE_SINT32] = write_i32,
    [PROTOBUF_C_TYPE_SFIXED32] = write_i32, [PROTOBUF_C_TYPE_INT64] = write_i64,
    [PROTOBUF_C_TYPE_SINT64] = write_i64,   [PROTOBUF_C_TYPE_SFIXED64] = write_i64,
    [PROTOBUF_C_TYPE_UINT32] = write_u32,   [PROTOBUF_C_TYPE_FIXED32] = write_u32,
    [PROTOBUF_C_TYPE_UINT64] = write_u64,   [PROTOBUF_C_TYPE_FIXED64] = write_u64,
    [PROTOBUF_C_TYPE_FLOAT] = write_float,  [PROTOBUF_C_TYPE_DOUBLE] = write_double,
    [PROTOBUF_C_TYPE_BOOL] = write_bool,    [PROTOBUF_C_TYPE_ENUM] = write_i32,
    [PROTOBUF_C_TYPE_STRING] = write_text,  [PROTOBUF_C_TYPE_MESSAGE] = write_message,
};

/* ---- Forms ----------------------------------------------------------------------------------------------------- */

static void write_plain(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    plain[fd->type](b, f, fd, at);
}

static void write_digits(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    buf_putc(b, '"');
    put_u64(b, *(const uint64_t *)at);
    buf_putc(b, '"');
}

static void write_time(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    char text[WIRE_TIME_BYTES];
    wire_time_write(text, *(const int64_t *)at);
    buf_putc(b, '"');
    buf_put(b, text, WIRE_TIME_BYTES - 1);
    buf_putc(b, '"');
}

static void write_raw(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const void *at)
{
    const ProtobufCBinaryData *bytes = at;
    const char *s = fd->type == PROTOBUF_C_TYPE_BYTES ? (const char *)bytes->data : *(char *const *)at;
    size_t n = fd->type == PROTOBUF_C_TYPE_BYTES ? bytes->len : s ? strlen(s) : 0;
    if (n)
        buf_put(b, s, n);
    else
        buf_puts(b, "null");
}

static writer *const forms[] = {
    [WIRE_PLAIN] = write_plain, [WIRE_SNOWFLAKE] = write_digits, [WIRE_DECIMAL] = write_digits,
    [WIRE_TIME] = write_time,   [WIRE_NONCE] = write_text,       [WIRE_IMAGE] = write_text,
    [WIRE_RAW] = write_raw,
};

/* ---- Fields ---------------------------------------------------------------------------------------------------- */

static void write_array(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd,
                        const ProtobufCMessage *m)
{
    size_t n = *(size_t *)wire_quantifier(m, fd), size = wire_value_size(fd->type);
    const char *items = *(char *const *)wire_member(m, fd);
    buf_putc(b, '[');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_putc(b, ',');
        forms[f->form](b, f, fd, items + i * size);
    }
    buf_putc(b, ']');
}

static void write_default(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd)
{
    static const union {
        uint64_t number;
        double real;
        ProtobufCBinaryData bytes;
        const char *text;
    } zero;
    const char *text = fd->default_value;
    if (fd->type == PROTOBUF_C_TYPE_STRING)
        forms[f->form](b, f, fd, &text);
    else
        forms[f->form](b, f, fd, fd->default_value ? fd->default_value : &zero);
}

static void write_value(struct buf *b, const struct wire_field *f, const ProtobufCFieldDescriptor *fd,
                        const ProtobufCMessage *m)
{
    if (wire_is_repeated(fd))
        write_array(b, f, fd, m);
    else if (wire_is_set(m, fd))
        forms[f->form](b, f, fd, wire_member(m, fd));
    else if (f->flags & WIRE_NULLABLE)
        buf_puts(b, "null");
    else
        write_default(b, f, fd);
}

static bool is_written(const struct wire_field *f, const ProtobufCFieldDescriptor *fd, const ProtobufCMessage *m)
{
    if (f->form == WIRE_PRESENT || f->form == WIRE_HIDDEN)
        return false;
    if (wire_is_repeated(fd))
        return !(f->flags & WIRE_OMIT_EMPTY) || wire_is_set(m, fd);
    return (f->flags & (WIRE_NULLABLE | WIRE_ALWAYS)) || wire_is_set(m, fd);
}

/* *first: whether the object has no key yet; an inline message's keys go into the same object. */
static void write_fields(struct buf *b, const struct wire_message *w, const ProtobufCMessage *m, bool *first)
{
    for (unsigned i = 0; i < w->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *fd = &w->descriptor->fields[i];
        const struct wire_field *f = &w->fields[i];
        if (!is_written(f, fd, m))
            continue;
        if (f->flags & WIRE_INLINE) {
            write_fields(b, f->message, *(ProtobufCMessage *const *)wire_member(m, fd), first);
            continue;
        }
        buf_put(b, ",\"" + *first, 2 - *first);
        *first = false;
        buf_puts(b, f->key);
        buf_put(b, "\":", 2);
        write_value(b, f, fd, m);
    }
}

void wire_write(struct buf *b, const struct wire_message *w, const ProtobufCMessage *m)
{
    bool first = true;
    buf_putc(b, '{');
    write_fields(b, w, m, &first);
    buf_putc(b, '}');
}

void wire_write_field(struct buf *b, const struct wire_message *w, const ProtobufCMessage *m, const char *field_name)
{
    int i = wire_find(w, field_name);
    if (i < 0 || w->fields[i].form >= WIRE_PRESENT)
        buf_puts(b, "null");
    else
        write_value(b, &w->fields[i], &w->descriptor->fields[i], m);
}
