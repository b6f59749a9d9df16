/* Single values: what a field's form and type accept, and its limits. One function a form or type. */
#include "lib/wire/read.h"
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

typedef enum value_result reader_fn(struct reader *, const struct path *, const struct wire_field *,
                                    const ProtobufCFieldDescriptor *, const struct input *, void *at);

/* ---- Faults ---------------------------------------------------------------------------------------------------- */

static void put_path(struct buf *b, const struct path *p)
{
    if (!p)
        return;
    put_path(b, p->up);
    if (b->len)
        buf_putc(b, '.');
    if (p->key)
        buf_puts(b, p->key);
    else
        buf_printf(b, "%zu", p->index);
}

enum value_result wire_fault(struct reader *r, const struct path *p, const char *code, const char *format, ...)
{
    struct buf b = {0};
    va_list args;
    if (r->errors->n == sizeof r->errors->leaves / sizeof *r->errors->leaves)
        return VALUE_FAULT;
    va_start(args, format);
    const char *message = arena_vprintf(r->arena, format, args);
    va_end(args);
    put_path(&b, p);
    wire_error_add(r->errors, buf_str(&b), code, message);
    buf_finish(&b);
    return VALUE_FAULT;
}

enum value_result wire_fault_required(struct reader *r, const struct path *p)
{
    return wire_fault(r, p, "BASE_TYPE_REQUIRED", "This field is required");
}

bool wire_check_length(struct reader *r, const struct path *p, int64_t n, uint32_t min, uint32_t max)
{
    bool low = min && n < min, high = max && n > max;
    if (!low && !high)
        return true;
    if (min && max)
        wire_fault(r, p, "BASE_TYPE_BAD_LENGTH", "Must be between %" PRIu32 " and %" PRIu32 " in length.", min, max);
    else if (low)
        wire_fault(r, p, "BASE_TYPE_MIN_LENGTH", "Must be %" PRIu32 " or more in length.", min);
    else
        wire_fault(r, p, "BASE_TYPE_MAX_LENGTH", "Must be %" PRIu32 " or fewer in length.", max);
    return false;
}

/* The value as the fault's message quotes it: at most SHOWN_MAX bytes of a text, whole code points. */
enum { SHOWN_MAX = 100 };
static const char *show(struct reader *r, const struct input *in)
{
    size_t n = 0;
    if (in->kind == INPUT_INTEGER)
        return arena_printf(r->arena, "%" PRId64, in->integer);
    if (in->kind == INPUT_REAL)
        return arena_printf(r->arena, "%.17g", in->real);
    if (in->kind == INPUT_BOOL)
        return in->boolean ? "True" : "False";
    if (in->kind != INPUT_TEXT)
        return json_is_array(in->json) ? "[...]" : "{...}";
    for (size_t step; n < in->bytes && (step = wire_utf8_sequence(in->text + n, in->bytes - n)) > 0; n += step)
        if (n + step > SHOWN_MAX)
            break;
    return arena_strndup(r->arena, in->text, n);
}

static enum value_result fault_coerce(struct reader *r, const struct path *p, const struct input *in, const char *type)
{
    return wire_fault(r, p, "NUMBER_TYPE_COERCE", "Value \"%s\" is not %s.", show(r, in), type);
}

static enum value_result fault_choices(struct reader *r, const struct path *p, const struct wire_field *f)
{
    struct buf b = {0};
    for (unsigned i = 0; i < f->n_choices; i++)
        buf_printf(&b, "%s%" PRId64, i ? ", " : "", f->choices[i]);
    for (unsigned i = 0; i < f->n_choices_text; i++)
        buf_printf(&b, "%s'%s'", i ? ", " : "", f->choices_text[i]);
    wire_fault(r, p, "BASE_TYPE_CHOICES", "Value must be one of {%s}.", buf_str(&b));
    buf_finish(&b);
    return VALUE_FAULT;
}

/* ---- Input ----------------------------------------------------------------------------------------------------- */

struct input wire_input(const json_t *json)
{
    struct input in = {.kind = INPUT_OTHER, .json = json};
    switch (json_typeof(json)) {
    case JSON_NULL:
        in.kind = INPUT_NULL;
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        in.kind = INPUT_BOOL;
        in.boolean = json_is_true(json);
        break;
    case JSON_INTEGER:
        in.kind = INPUT_INTEGER;
        in.integer = json_integer_value(json);
        break;
    case JSON_REAL:
        in.kind = INPUT_REAL;
        in.real = json_real_value(json);
        break;
    case JSON_STRING:
        in.kind = INPUT_TEXT;
        in.text = json_string_value(json);
        in.bytes = json_string_length(json);
        break;
    default:
        break;
    }
    return in;
}

/* Digits with an optional minus sign, within int64, and nothing else. */
static bool parse_integer(const char *s, size_t n, int64_t *ret)
{
    size_t sign = n > 0 && *s == '-';
    if (n == sign || n > 32 || strspn(s + sign, "0123456789") != n - sign)
        return false;
    errno = 0;
    *ret = strtoll(s, NULL, 10);
    return errno == 0;
}

/* A real with no fraction counts, as long as it stands for one integer only. */
static bool to_integer(const struct input *in, int64_t *ret)
{
    const double exact_max = 9007199254740992.0;
    if (in->kind == INPUT_TEXT)
        return parse_integer(in->text, in->bytes, ret);
    if (in->kind == INPUT_REAL && fabs(in->real) < exact_max && floor(in->real) == in->real) {
        *ret = (int64_t)in->real;
        return true;
    }
    *ret = in->integer;
    return in->kind == INPUT_INTEGER;
}

/* ---- Numbers --------------------------------------------------------------------------------------------------- */

/* What a type holds; a field's own min and max narrow it. */
static const struct bounds {
    int64_t min, max;
} ranges[] = {
    [PROTOBUF_C_TYPE_INT32] = {INT32_MIN, INT32_MAX},    [PROTOBUF_C_TYPE_SINT32] = {INT32_MIN, INT32_MAX},
    [PROTOBUF_C_TYPE_SFIXED32] = {INT32_MIN, INT32_MAX}, [PROTOBUF_C_TYPE_ENUM] = {INT32_MIN, INT32_MAX},
    [PROTOBUF_C_TYPE_UINT32] = {0, UINT32_MAX},          [PROTOBUF_C_TYPE_FIXED32] = {0, UINT32_MAX},
    [PROTOBUF_C_TYPE_INT64] = {INT64_MIN, INT64_MAX},    [PROTOBUF_C_TYPE_SINT64] = {INT64_MIN, INT64_MAX},
    [PROTOBUF_C_TYPE_SFIXED64] = {INT64_MIN, INT64_MAX}, [PROTOBUF_C_TYPE_UINT64] = {0, INT64_MAX},
    [PROTOBUF_C_TYPE_FIXED64] = {0, INT64_MAX},
};

static struct bounds bounds_of(const struct wire_field *f, const ProtobufCFieldDescriptor *fd)
{
    struct bounds b = ranges[fd->type];
    if ((f->flags & WIRE_HAS_MIN) && f->min > b.min)
        b.min = f->min;
    if ((f->flags & WIRE_HAS_MAX) && f->max < b.max)
        b.max = f->max;
    return b;
}

static bool is_choice(const struct wire_field *f, int64_t n)
{
    for (unsigned i = 0; i < f->n_choices; i++)
        if (f->choices[i] == n)
            return true;
    return f->n_choices == 0;
}

static void store_integer(const ProtobufCFieldDescriptor *fd, int64_t n, void *at)
{
    if (wire_value_size(fd->type) == sizeof(int64_t))
        memcpy(at, &n, sizeof n);
    else
        memcpy(at, &(uint32_t){(uint32_t)n}, sizeof(uint32_t));
}

static enum value_result read_integer(struct reader *r, const struct path *p, const struct wire_field *f,
                                      const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    const struct bounds b = bounds_of(f, fd);
    int64_t n;
    if (!to_integer(in, &n))
        return fault_coerce(r, p, in, "int");
    if (f->flags & WIRE_CLAMP)
        n = n < b.min ? b.min : n > b.max ? b.max : n;
    if (n < b.min)
        return wire_fault(r, p, "NUMBER_TYPE_MIN", "int value should be greater than or equal to %" PRId64 ".", b.min);
    if (n > b.max)
        return wire_fault(r, p, "NUMBER_TYPE_MAX", "int value should be less than or equal to %" PRId64 ".", b.max);
    if (!is_choice(f, n))
        return fault_choices(r, p, f);
    store_integer(fd, n, at);
    return VALUE_OK;
}

static bool to_real(const struct input *in, double *ret)
{
    char *end;
    if (in->kind == INPUT_INTEGER)
        *ret = (double)in->integer;
    else if (in->kind == INPUT_REAL)
        *ret = in->real;
    else if (in->kind != INPUT_TEXT || in->bytes == 0 || strspn(in->text, "+-.0123456789eE") != in->bytes)
        return false;
    else
        return *ret = strtod(in->text, &end), *end == '\0' && isfinite(*ret);
    return true;
}

static enum value_result read_real(struct reader *r, const struct path *p, const struct wire_field *f,
                                   const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    double x;
    if (!to_real(in, &x))
        return fault_coerce(r, p, in, "float");
    if ((f->flags & WIRE_HAS_MIN) && x < (double)f->min)
        return wire_fault(r, p, "NUMBER_TYPE_MIN", "float value should be greater than or equal to %" PRId64 ".",
                          f->min);
    if ((f->flags & WIRE_HAS_MAX) && x > (double)f->max)
        return wire_fault(r, p, "NUMBER_TYPE_MAX", "float value should be less than or equal to %" PRId64 ".", f->max);
    if (fd->type == PROTOBUF_C_TYPE_FLOAT)
        *(float *)at = (float)x;
    else
        *(double *)at = x;
    return VALUE_OK;
}

static enum value_result read_bool(struct reader *r, const struct path *p, const struct wire_field *f,
                                   const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    static const struct {
        const char *text;
        bool value;
    } texts[] = {{"true", 1}, {"True", 1}, {"1", 1}, {"false", 0}, {"False", 0}, {"0", 0}};
    bool known = in->kind == INPUT_BOOL, value = in->boolean;
    for (size_t i = 0; in->parameter && i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i].text, in->text))
            known = true, value = texts[i].value;
    if (!known)
        return wire_fault(r, p, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.");
    *(protobuf_c_boolean *)at = value;
    return VALUE_OK;
}

static enum value_result read_id(struct reader *r, const struct path *p, const struct wire_field *f,
                                 const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    int64_t n;
    bool number = in->kind == INPUT_INTEGER || in->kind == INPUT_TEXT;
    if (!number || !to_integer(in, &n) || n < 0 || (in->kind == INPUT_TEXT && *in->text == '-'))
        return fault_coerce(r, p, in, f->form == WIRE_SNOWFLAKE ? "snowflake" : "int");
    *(uint64_t *)at = (uint64_t)n;
    return VALUE_OK;
}

/* ---- Text ------------------------------------------------------------------------------------------------------ */

static bool is_text_choice(const struct wire_field *f, const char *s)
{
    for (unsigned i = 0; i < f->n_choices_text; i++)
        if (!strcmp(f->choices_text[i], s))
            return true;
    return f->n_choices_text == 0;
}

static enum value_result fault_string(struct reader *r, const struct path *p)
{
    return wire_fault(r, p, "STRING_TYPE_CONVERT", "Could not interpret as string.");
}

/* PostgreSQL has no U+0000 in its text. */
static bool is_clean(const char *s, size_t n, int64_t *points)
{
    return !memchr(s, '\0', n) && (*points = wire_utf8_length(s, n)) >= 0;
}

static enum value_result store_text(struct reader *r, const struct path *p, const struct wire_field *f, const char *s,
                                    size_t n, bool item, void *at)
{
    int64_t points;
    if (!is_clean(s, n, &points))
        return fault_string(r, p);
    if (f->flags & WIRE_TRIM) {
        wire_trim(&s, &n);
        points = wire_utf8_length(s, n);
    }
    if (n == 0 && !item && (f->flags & WIRE_NULLABLE))
        return VALUE_EMPTY;
    if (n == 0 && !item && (f->flags & WIRE_REQUIRED) && !f->min_len)
        return wire_fault_required(r, p);
    if (!wire_check_length(r, p, points, item ? 0 : f->min_len, item ? f->item_max_len : f->max_len))
        return VALUE_FAULT;
    char *text = arena_strndup(r->arena, s, n);
    if (!is_text_choice(f, text))
        return fault_choices(r, p, f);
    *(char **)at = text;
    return VALUE_OK;
}

static enum value_result read_string(struct reader *r, const struct path *p, const struct wire_field *f,
                                     const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    if (in->kind != INPUT_TEXT)
        return fault_string(r, p);
    return store_text(r, p, f, in->text, in->bytes, in->item, at);
}

static enum value_result read_nonce(struct reader *r, const struct path *p, const struct wire_field *f,
                                    const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    if (in->kind != INPUT_INTEGER)
        return read_string(r, p, f, fd, in, at);
    const char *digits = show(r, in);
    return store_text(r, p, f, digits, strlen(digits), in->item, at);
}

/* The base64 that stands behind data:image/...;base64, or NULL. */
static const char *image_data(const char *s)
{
    static const char *const heads[] = {
        "data:image/png;base64,",
        "data:image/jpeg;base64,",
        "data:image/gif;base64,",
        "data:image/webp;base64,",
    };
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (!strncmp(s, heads[i], strlen(heads[i])))
            return s + strlen(heads[i]);
    return NULL;
}

static bool is_base64(const char *s)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t body = strspn(s, letters), padding = strspn(s + body, "=");
    return body > 0 && padding <= 2 && s[body + padding] == '\0' && (body + padding) % 4 == 0;
}

/* Its bound is of the bytes that the text stands for. */
static enum value_result read_image(struct reader *r, const struct path *p, const struct wire_field *f,
                                    const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    struct wire_field unbounded = *f;
    unbounded.max_len = 0;
    enum value_result result = read_string(r, p, &unbounded, fd, in, at);
    if (result != VALUE_OK)
        return result;
    const char *text = *(char **)at, *data = image_data(text);
    *(char **)at = NULL;
    if (!data || !is_base64(data))
        return wire_fault(r, p, "IMAGE_INVALID", "Invalid image data");
    size_t bytes = strcspn(data, "=") * 3 / 4;
    if (f->max_len && bytes > f->max_len)
        return wire_fault(r, p, "BINARY_TYPE_MAX_SIZE", "File cannot be larger than %.1f kb.", f->max_len / 1024.0);
    *(const char **)at = text;
    return VALUE_OK;
}

static enum value_result read_time(struct reader *r, const struct path *p, const struct wire_field *f,
                                   const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    if (in->kind == INPUT_TEXT && strlen(in->text) == in->bytes && wire_time_read(in->text, at))
        return VALUE_OK;
    return wire_fault(r, p, "DATE_TIME_TYPE_PARSE", "Could not parse %s. Should be ISO8601.", show(r, in));
}

static enum value_result read_raw(struct reader *r, const struct path *p, const struct wire_field *f,
                                  const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    char *text = json_dumps(in->json, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return fault_string(r, p);
    size_t n = strlen(text);
    char *copy = arena_strndup(r->arena, text, n);
    free(text);
    if (fd->type == PROTOBUF_C_TYPE_BYTES)
        *(ProtobufCBinaryData *)at = (ProtobufCBinaryData){n, (uint8_t *)copy};
    else
        *(char **)at = copy;
    return VALUE_OK;
}

/* ---- Tables ---------------------------------------------------------------------------------------------------- */

static reader_fn *const plain[] = {
    [PROTOBUF_C_TYPE_INT32] = read_integer,    [PROTOBUF_C_TYPE_SINT32] = read_integer,
    [PROTOBUF_C_TYPE_SFIXED32] = read_integer, [PROTOBUF_C_TYPE_INT64] = read_integer,
    [PROTOBUF_C_TYPE_SINT64] = read_integer,   [PROTOBUF_C_TYPE_SFIXED64] = read_integer,
    [PROTOBUF_C_TYPE_UINT32] = read_integer,   [PROTOBUF_C_TYPE_FIXED32] = read_integer,
    [PROTOBUF_C_TYPE_UINT64] = read_integer,   [PROTOBUF_C_TYPE_FIXED64] = read_integer,
    [PROTOBUF_C_TYPE_ENUM] = read_integer,     [PROTOBUF_C_TYPE_FLOAT] = read_real,
    [PROTOBUF_C_TYPE_DOUBLE] = read_real,      [PROTOBUF_C_TYPE_BOOL] = read_bool,
    [PROTOBUF_C_TYPE_STRING] = read_string,
};

static enum value_result read_plain(struct reader *r, const struct path *p, const struct wire_field *f,
                                    const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    return plain[fd->type](r, p, f, fd, in, at);
}

static reader_fn *const forms[] = {
    [WIRE_PLAIN] = read_plain, [WIRE_SNOWFLAKE] = read_id, [WIRE_DECIMAL] = read_id, [WIRE_TIME] = read_time,
    [WIRE_NONCE] = read_nonce, [WIRE_IMAGE] = read_image,  [WIRE_RAW] = read_raw,
};

enum value_result wire_read_value(struct reader *r, const struct path *p, const struct wire_field *f,
                                  const ProtobufCFieldDescriptor *fd, const struct input *in, void *at)
{
    return forms[f->form](r, p, f, fd, in, at);
}
