/* The schemas of openapi.json: what a message looks like in JSON. An answer's message and a request's have different
 * ones (an answer always has some keys, a request has limits and takes ids as numbers too): the one for requests is
 * called X.Input when both are needed. A parameter of a path or query is text: an answer's forms with a request's
 * limits. */
#include "tools/protoc-gen-hubbub/openapi.h"
#include <inttypes.h>
#include <string.h>

/* ---- Which messages -------------------------------------------------------------------------------------------- */

static struct reached *find_reached(struct openapi *o, const struct message *m)
{
    for (unsigned i = 0; i < o->n_reached; i++)
        if (o->reached[i].message == m)
            return &o->reached[i];
    return NULL;
}

bool openapi_has(const struct field *f, enum direction d)
{
    bool hidden = f->form == HUBBUB__V1__FORM__HIDDEN || f->form == HUBBUB__V1__FORM__PRESENT;
    return !hidden && (d == DIRECTION_OUT || !f->rule->inline_);
}

void openapi_reach_field(struct openapi *o, const struct field *f, enum direction d)
{
    const struct message *m = f->message ? f->message : f->array_of;
    if (m && openapi_has(f, d))
        openapi_reach(o, m, d);
}

void openapi_reach(struct openapi *o, const struct message *m, enum direction d)
{
    struct reached *r = find_reached(o, m);
    if (!r)
        return;
    if (r->directions & d)
        return;
    r->directions |= d;
    for (unsigned i = 0; i < m->n_fields; i++)
        openapi_reach_field(o, &m->fields[i], d);
}

static const char *schema_name(struct openapi *o, const struct message *m, enum direction d)
{
    const char *name = schema_short(m->place.file, m->full);
    const struct reached *r = find_reached(o, m);
    bool both = r && r->directions == (DIRECTION_OUT | DIRECTION_IN);
    return both && d == DIRECTION_IN ? arena_printf(o->schema->arena, "%s.Input", name) : name;
}

/* ---- One value ------------------------------------------------------------------------------------------------- */

/* How a value that is no message is written, by its form, else by its type. */
struct shape {
    const char *type, *format, *ref, *ref_in, *pattern;
};
static const struct shape by_form[] = {
    [HUBBUB__V1__FORM__SNOWFLAKE] = {.ref = "Snowflake", .ref_in = "Snowflake.Input"},
    [HUBBUB__V1__FORM__DECIMAL] = {.ref = "BitSet", .ref_in = "BitSet.Input"},
    [HUBBUB__V1__FORM__TIME] = {"string", "date-time"},
    [HUBBUB__V1__FORM__NONCE] = {"string"},
    [HUBBUB__V1__FORM__IMAGE] = {"string", .pattern = "^data:image/(png|jpeg|gif|webp);base64,"},
    [HUBBUB__V1__FORM__HIDDEN] = {0},
};
static const struct {
    enum kind kind;
    struct shape shape;
} by_kind[] = {
    {KIND_BOOL, {"boolean"}},           {KIND_STRING, {"string"}},
    {KIND_REAL, {"number", "double"}},  {KIND_INT32, {"integer", "int32"}},
    {KIND_ENUM, {"integer", "int32"}},  {KIND_UINT32, {"integer", "uint32"}},
    {KIND_INT64, {"integer", "int64"}}, {KIND_UINT64, {"integer", "uint64"}},
};

static struct shape shape_of(const struct field *f)
{
    for (unsigned i = 0; f->form == HUBBUB__V1__FORM__PLAIN && i < sizeof by_kind / sizeof *by_kind; i++)
        if (by_kind[i].kind == f->kind)
            return by_kind[i].shape;
    return by_form[f->form];
}

static void put_type(struct json *j, const char *type, bool nullable)
{
    if (!nullable) {
        json_text(j, "type", type);
        return;
    }
    json_open(j, "type", '[');
    json_text(j, NULL, type);
    json_text(j, NULL, "null");
    json_close(j, ']');
}

static void put_ref(struct openapi *o, const char *name, bool nullable)
{
    struct json *j = &o->json;
    const char *ref = arena_printf(o->schema->arena, "#/components/schemas/%s", name);
    if (!nullable) {
        json_text(j, "$ref", ref);
        return;
    }
    json_open(j, "anyOf", '[');
    json_open(j, NULL, '{');
    json_text(j, "$ref", ref);
    json_close(j, '}');
    json_open(j, NULL, '{');
    json_text(j, "type", "null");
    json_close(j, '}');
    json_close(j, ']');
}

static void put_choices(struct json *j, const field_rule *r, bool nullable)
{
    if (!r->n_choices && !r->n_choices_text)
        return;
    json_open(j, "enum", '[');
    for (size_t i = 0; i < r->n_choices; i++)
        json_number(j, NULL, r->choices[i]);
    for (size_t i = 0; i < r->n_choices_text; i++)
        json_text(j, NULL, r->choices_text[i]);
    if (nullable)
        json_raw(j, NULL, "null");
    json_close(j, ']');
}

static void put_default(struct json *j, const struct field *f)
{
    const char *value = f->proto->default_value;
    if (!value)
        return;
    if (f->kind == KIND_STRING || f->kind == KIND_BYTES)
        json_text(j, "default", value);
    else
        json_raw(j, "default", value);
}

/* What a client may send. A bound that a number is moved to refuses nothing: the description tells it. */
static void put_limits(struct json *j, const struct field *f, bool nullable)
{
    const field_rule *r = f->rule;
    const bool image = f->form == HUBBUB__V1__FORM__IMAGE; /* max_len counts what the text stands for */
    const unsigned min_len = f->repeated ? 0 : r->min_len, max_len = image         ? 0
                                                                     : f->repeated ? r->item_max_len
                                                                                   : r->max_len;
    if (min_len)
        json_number(j, "minLength", min_len);
    if (max_len)
        json_number(j, "maxLength", max_len);
    if (r->has_min && !r->clamp)
        json_number(j, "minimum", r->min);
    else if (f->form == HUBBUB__V1__FORM__PLAIN && (f->kind & (KIND_UINT32 | KIND_UINT64)))
        json_number(j, "minimum", 0);
    if (r->has_max && !r->clamp)
        json_number(j, "maximum", r->max);
    put_choices(j, r, nullable);
    if (!f->repeated)
        put_default(j, f);
}

static void put_array_of(struct openapi *o, const struct message *m, enum direction d)
{
    json_text(&o->json, "type", "array");
    json_open(&o->json, "items", '{');
    put_ref(o, schema_name(o, m, d), false);
    json_close(&o->json, '}');
}

/* The keys of one value's schema, into an object that is open. */
static void put_value(struct openapi *o, const struct field *f, enum direction d, bool nullable)
{
    struct json *j = &o->json;
    const struct shape shape = shape_of(f);
    if (f->array_of)
        put_array_of(o, f->array_of, d);
    else if (f->message)
        put_ref(o, schema_name(o, f->message, d), nullable);
    else if (shape.ref)
        put_ref(o, d == DIRECTION_IN ? shape.ref_in : shape.ref, nullable);
    else if (shape.type)
        put_type(j, shape.type, nullable);
    if (f->message || f->array_of || !shape.type)
        return;
    if (shape.format)
        json_text(j, "format", shape.format);
    if (shape.pattern && d != DIRECTION_OUT)
        json_text(j, "pattern", shape.pattern);
    if (d != DIRECTION_OUT)
        put_limits(j, f, nullable);
}

static void put_array(struct openapi *o, const struct field *f, enum direction d, bool nullable)
{
    struct json *j = &o->json;
    put_type(j, "array", nullable);
    if (d != DIRECTION_OUT && f->rule->min_len)
        json_number(j, "minItems", f->rule->min_len);
    if (d != DIRECTION_OUT && f->rule->max_len)
        json_number(j, "maxItems", f->rule->max_len);
    json_open(j, "items", '{');
    put_value(o, f, d, false);
    json_close(j, '}');
}

static void put_description(struct openapi *o, const struct field *f, enum direction d)
{
    const char *text = schema_comment(o->schema, &f->place, true);
    if (d != DIRECTION_OUT && f->rule->clamp)
        text = arena_printf(o->schema->arena, "%s%sBelow %" PRId64 " it is read as that, above %" PRId64 " as that.",
                            text, *text ? ". " : "", f->rule->min, f->rule->max);
    if (*text)
        json_text(&o->json, "description", text);
}

void openapi_put_field(struct openapi *o, const char *key, const struct field *f, enum direction d)
{
    const bool nullable = f->rule->nullable && d != DIRECTION_TEXT;
    json_open(&o->json, key, '{');
    if (d != DIRECTION_TEXT)
        put_description(o, f, d);
    if (f->repeated) /* an answer's array is never null */
        put_array(o, f, d, nullable && d == DIRECTION_IN);
    else
        put_value(o, f, d, nullable);
    json_close(&o->json, '}');
}

/* ---- Objects --------------------------------------------------------------------------------------------------- */

static bool is_required(const struct field *f, enum direction d)
{
    const field_rule *r = f->rule;
    if (d == DIRECTION_IN)
        return r->required;
    return f->repeated ? !r->omit_empty : r->always || r->nullable;
}

static bool is_body(const struct binding *at, const struct field *f)
{
    return !at || !strcmp(binding_where(at, f), "body");
}

static void put_properties(struct openapi *o, const struct message *m, const struct binding *at, enum direction d)
{
    json_open(&o->json, "properties", '{');
    for (unsigned i = 0; i < m->n_fields; i++) {
        const struct field *f = &m->fields[i];
        if (openapi_has(f, d) && !f->rule->inline_ && is_body(at, f))
            openapi_put_field(o, f->key, f, d);
    }
    json_close(&o->json, '}');
}

bool openapi_requires(const struct message *m, const struct binding *at, enum direction d)
{
    for (unsigned i = 0; i < m->n_fields; i++)
        if (openapi_has(&m->fields[i], d) && is_required(&m->fields[i], d) && is_body(at, &m->fields[i]))
            return true;
    return false;
}

static void put_required(struct openapi *o, const struct message *m, const struct binding *at, enum direction d)
{
    if (!openapi_requires(m, at, d))
        return;
    json_open(&o->json, "required", '[');
    for (unsigned i = 0; i < m->n_fields; i++) {
        const struct field *f = &m->fields[i];
        if (openapi_has(f, d) && !f->rule->inline_ && is_body(at, f) && is_required(f, d))
            json_text(&o->json, NULL, f->key);
    }
    json_close(&o->json, ']');
}

/* The keys of an inline message stand in the object itself. */
static void put_inlines(struct openapi *o, const struct message *m, enum direction d)
{
    for (unsigned i = 0; i < m->n_fields; i++) {
        if (!m->fields[i].rule->inline_ || d != DIRECTION_OUT)
            continue;
        json_open(&o->json, "allOf", '[');
        json_open(&o->json, NULL, '{');
        put_ref(o, schema_name(o, m->fields[i].message, d), false);
        json_close(&o->json, '}');
        json_close(&o->json, ']');
        return;
    }
}

void openapi_put_object(struct openapi *o, const char *key, const struct message *m, const struct binding *at,
                        enum direction d)
{
    struct json *j = &o->json;
    const char *comment = schema_comment(o->schema, &m->place, false);
    json_open(j, key, '{');
    json_text(j, "type", "object");
    if (at)
        json_text(j, "title", schema_short(m->place.file, m->full));
    if (*comment)
        json_text(j, "description", comment);
    put_inlines(o, m, d);
    put_properties(o, m, at, d);
    put_required(o, m, at, d);
    json_close(j, '}');
}

void openapi_put_message(struct openapi *o, const char *key, const struct message *m, enum direction d)
{
    json_open(&o->json, key, '{');
    put_ref(o, schema_name(o, m, d), false);
    json_close(&o->json, '}');
}

void openapi_put_schemas(struct openapi *o)
{
    for (unsigned i = 0; i < o->n_reached; i++) {
        const struct message *m = o->reached[i].message;
        for (unsigned d = DIRECTION_OUT; d <= DIRECTION_IN; d <<= 1)
            if (o->reached[i].directions & d)
                openapi_put_object(o, schema_name(o, m, d), m, NULL, d);
    }
}
