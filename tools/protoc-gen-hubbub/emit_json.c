/* routes.json: what a client may send to each route, for sweeps over all of them. An array of
 *   {verb, path, service, method, auth, bucket, success, multipart, reason, body, response_body, request, response,
 * fields} and a field is {name, type, items?, form, where?, required, nullable, trim, clamp, min_len?, max_len?,
 * item_max_len?, min?, max?, choices?, fields?} where: "path", "query" or "body" (of a route's own fields only); items:
 * the type of an array's items; fields: of an object or of an array's objects. Fields that JSON does not have are left
 * out. */
#include "tools/protoc-gen-hubbub/json.h"
#include "tools/protoc-gen-hubbub/schema.h"
#include <inttypes.h>
#include <string.h>

enum { NESTING_MAX = 16 };

static const char *const auths[] = {"UNSET", "PUBLIC", "TOKEN", "PERSON", "BOT", "INTERNAL", "ADMINISTRATOR"};
static const char *const forms[] = {"PLAIN", "SNOWFLAKE", "DECIMAL", "TIME",  "NONCE",
                                    "IMAGE", "RAW",       "PRESENT", "HIDDEN"};

static void put_text(struct buf *b, const char *key, const char *value)
{
    buf_printf(b, "\"%s\": ", key);
    json_quote(b, value);
    buf_puts(b, ", ");
}

static void put_bool(struct buf *b, const char *key, bool value)
{
    buf_printf(b, "\"%s\": %s, ", key, value ? "true" : "false");
}

static void put_number(struct buf *b, const char *key, bool set, int64_t value)
{
    if (set)
        buf_printf(b, "\"%s\": %" PRId64 ", ", key, value);
}

/* ---- Fields ---------------------------------------------------------------------------------------------------- */

/* The JSON type of one value, as it is written. */
static const char *type_of(const struct field *f)
{
    static const char *const of_form[] = {
        [HUBBUB__V1__FORM__SNOWFLAKE] = "string", [HUBBUB__V1__FORM__DECIMAL] = "string",
        [HUBBUB__V1__FORM__TIME] = "string",      [HUBBUB__V1__FORM__NONCE] = "string",
        [HUBBUB__V1__FORM__IMAGE] = "string",     [HUBBUB__V1__FORM__RAW] = "any",
        [HUBBUB__V1__FORM__HIDDEN] = NULL,
    };
    if (of_form[f->form])
        return of_form[f->form];
    if (f->kind == KIND_MESSAGE)
        return "object";
    if (f->kind == KIND_STRING)
        return "string";
    if (f->kind == KIND_BOOL)
        return "boolean";
    return f->kind == KIND_REAL ? "number" : "integer";
}

static void put_choices(struct buf *b, const field_rule *r)
{
    if (!r->n_choices && !r->n_choices_text)
        return;
    const char *comma = "";
    buf_puts(b, "\"choices\": [");
    for (size_t i = 0; i < r->n_choices; i++, comma = ", ")
        buf_printf(b, "%s%" PRId64, comma, r->choices[i]);
    for (size_t i = 0; i < r->n_choices_text; i++, comma = ", ") {
        buf_puts(b, comma);
        json_quote(b, r->choices_text[i]);
    }
    buf_puts(b, "], ");
}

/* C's own range is a bound too. */
static void put_bounds(struct buf *b, const struct field *f)
{
    const field_rule *r = f->rule;
    const bool plain = f->form == HUBBUB__V1__FORM__PLAIN;
    const bool small = plain && (f->kind & (KIND_INT32 | KIND_UINT32));
    const bool natural = plain && (f->kind & (KIND_UINT32 | KIND_UINT64));
    put_number(b, "min", r->has_min || small || natural, r->has_min ? r->min : natural ? 0 : INT32_MIN);
    put_number(b, "max", r->has_max || small, r->has_max ? r->max : f->kind == KIND_INT32 ? INT32_MAX : UINT32_MAX);
}

static void put_fields(struct buf *b, const struct message *m, const struct binding *at, unsigned depth);

static void put_last(struct buf *b, const struct field *f, unsigned depth)
{
    if (f->message && depth < NESTING_MAX) {
        buf_puts(b, "\"fields\": ");
        put_fields(b, f->message, NULL, depth + 1);
    } else {
        b->len -= 2; /* the comma of the one before */
    }
    buf_putc(b, '}');
}

static void put_field(struct buf *b, const struct field *f, const struct binding *at, unsigned depth)
{
    const field_rule *r = f->rule;
    buf_putc(b, '{');
    put_text(b, "name", f->key);
    put_text(b, "type", f->repeated ? "array" : type_of(f));
    if (f->repeated)
        put_text(b, "items", type_of(f));
    put_text(b, "form", forms[f->form]);
    if (at)
        put_text(b, "where", binding_where(at, f));
    put_bool(b, "required", r->required);
    put_bool(b, "nullable", r->nullable);
    put_bool(b, "trim", r->trim);
    put_bool(b, "clamp", r->clamp);
    put_number(b, "min_len", r->min_len, r->min_len);
    put_number(b, "max_len", r->max_len, r->max_len);
    put_number(b, "item_max_len", r->item_max_len, r->item_max_len);
    put_bounds(b, f);
    put_choices(b, r);
    put_last(b, f, depth);
}

/* An inline message is for output only: nobody can send it. */
static bool sendable(const struct field *f)
{
    return f->form != HUBBUB__V1__FORM__HIDDEN && f->form != HUBBUB__V1__FORM__PRESENT && !f->rule->inline_;
}

static void put_fields(struct buf *b, const struct message *m, const struct binding *at, unsigned depth)
{
    const char *comma = "";
    buf_putc(b, '[');
    for (unsigned i = 0; i < m->n_fields; i++) {
        if (!sendable(&m->fields[i]))
            continue;
        buf_puts(b, comma);
        if (at)
            buf_puts(b, "\n   ");
        put_field(b, &m->fields[i], at, depth);
        comma = ", ";
    }
    buf_putc(b, ']');
}

/* ---- Routes ---------------------------------------------------------------------------------------------------- */

static void put_route(struct schema *s, struct buf *b, const struct method *m, const struct binding *at)
{
    const method_rule *r = m->rule;
    const char *full = arena_printf(s->arena, "%s.%s", m->service->full, m->proto->name);
    buf_puts(b, b->len > 2 ? ",\n {" : " {");
    put_text(b, "verb", at->verb);
    put_text(b, "path", at->path);
    put_text(b, "service", m->service->full);
    put_text(b, "method", m->proto->name);
    put_text(b, "auth", auths[r->auth]);
    put_text(b, "bucket", r->bucket && *r->bucket ? r->bucket : full);
    put_number(b, "success", true, r->has_success ? r->success : 200);
    put_bool(b, "multipart", r->multipart);
    put_bool(b, "reason", r->reason);
    put_text(b, "body", at->body);
    put_text(b, "response_body", at->response_body);
    put_text(b, "request", m->in->full);
    put_text(b, "response", m->out->full);
    buf_puts(b, "\"fields\": ");
    put_fields(b, m->in, at, 0);
    buf_putc(b, '}');
}

static void put_service(struct schema *s, struct buf *b, const struct service *service)
{
    for (unsigned i = 0; i < service->n_methods; i++)
        for (unsigned k = 0; k < service->methods[i].n_bindings; k++)
            put_route(s, b, &service->methods[i], &service->methods[i].bindings[k]);
}

const char *emit_routes_json(struct schema *s)
{
    struct buf b = {0};
    buf_puts(&b, "[\n");
    for (unsigned f = 0; f < s->n_files; f++)
        for (unsigned i = 0; s->files[f].wanted && i < s->files[f].n_services; i++)
            put_service(s, &b, &s->files[f].services[i]);
    buf_puts(&b, "\n]\n");
    const char *text = arena_strdup(s->arena, buf_str(&b));
    buf_finish(&b);
    return text;
}
