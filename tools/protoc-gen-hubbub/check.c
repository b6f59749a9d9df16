/* What must not build. A rule is one small function; each tells what is wrong and where, and checking goes on, so that
 * one run shows all of it. Only the files on protoc's command line are looked at. */
#include "tools/protoc-gen-hubbub/schema.h"
#include <string.h>

enum { REQUEST_DEPTH_MAX = 16 };

/* ---- Fields ---------------------------------------------------------------------------------------------------- */

/* Which types a form may have. */
static const struct {
    const char *name;
    unsigned kinds;
} forms[] = {
    [HUBBUB__V1__FORM__PLAIN] = {"PLAIN", KIND_ANY},
    [HUBBUB__V1__FORM__SNOWFLAKE] = {"SNOWFLAKE", KIND_UINT64},
    [HUBBUB__V1__FORM__DECIMAL] = {"DECIMAL", KIND_UINT64},
    [HUBBUB__V1__FORM__TIME] = {"TIME", KIND_INT64},
    [HUBBUB__V1__FORM__NONCE] = {"NONCE", KIND_STRING},
    [HUBBUB__V1__FORM__IMAGE] = {"IMAGE", KIND_STRING},
    [HUBBUB__V1__FORM__RAW] = {"RAW", KIND_STRING | KIND_BYTES},
    [HUBBUB__V1__FORM__PRESENT] = {"PRESENT", KIND_UINT32},
    [HUBBUB__V1__FORM__HIDDEN] = {"HIDDEN", KIND_ANY},
};
enum { N_FORMS = sizeof forms / sizeof *forms };

static bool is_number(const struct field *f)
{
    return (f->kind & KIND_NUMBER) && f->form == HUBBUB__V1__FORM__PLAIN;
}

/* One row a rule of a field: broken says whether f breaks it. */
static bool wrong_form(const struct field *f)
{
    return (unsigned)f->form >= N_FORMS || !(forms[f->form].kinds & f->kind);
}
static bool present_of_one(const struct field *f)
{
    return f->form == HUBBUB__V1__FORM__PRESENT && !f->repeated;
}
static bool raw_list(const struct field *f)
{
    return f->form == HUBBUB__V1__FORM__RAW && f->repeated;
}
static bool bad_inline(const struct field *f)
{
    return f->rule->inline_ && (f->kind != KIND_MESSAGE || f->repeated || f->rule->nullable);
}
static bool always_message(const struct field *f)
{
    return f->rule->always && f->kind == KIND_MESSAGE && !f->repeated;
}
static bool lengths_cross(const struct field *f)
{
    return f->rule->max_len && f->rule->min_len > f->rule->max_len;
}
static bool length_of_nothing(const struct field *f)
{
    return (f->rule->min_len || f->rule->max_len) && !f->repeated && f->kind != KIND_STRING;
}
static bool image_without_bound(const struct field *f)
{
    return f->form == HUBBUB__V1__FORM__IMAGE && (!f->rule->max_len || f->repeated);
}
static bool item_length_of_nothing(const struct field *f)
{
    return f->rule->item_max_len && (!f->repeated || f->kind != KIND_STRING);
}
static bool bounds_cross(const struct field *f)
{
    return f->rule->has_min && f->rule->has_max && f->rule->min > f->rule->max;
}
static bool bounds_of_nothing(const struct field *f)
{
    return (f->rule->has_min || f->rule->has_max || f->rule->n_choices) && !is_number(f);
}
static bool clamp_without_bounds(const struct field *f)
{
    return f->rule->clamp && !(f->rule->has_min && f->rule->has_max);
}
static bool texts_of_nothing(const struct field *f)
{
    return f->rule->n_choices_text && f->kind != KIND_STRING;
}
static bool in_oneof(const struct field *f)
{
    return f->proto->has_oneof_index;
}
static bool array_of_nothing(const struct field *f)
{
    return f->rule->array_of && (f->form != HUBBUB__V1__FORM__RAW || !f->array_of);
}
static bool group(const struct field *f)
{
    return f->kind == 0;
}

static const struct {
    bool (*broken)(const struct field *);
    const char *what;
} field_rules[] = {
    {group, "is a group: write a message"},
    {in_oneof, "is in a oneof: JSON has none"},
    {wrong_form, "has a form that does not fit its type"},
    {present_of_one, "is PRESENT: it must be repeated uint32"},
    {raw_list, "is a repeated RAW: one RAW field holds a whole array"},
    {bad_inline, "is inline: only one message that is not nullable can be"},
    {always_message, "is a message: it has no default that `always` could write"},
    {lengths_cross, "has min_len above max_len"},
    {length_of_nothing, "has min_len or max_len: only strings and arrays have a length"},
    {image_without_bound, "is an IMAGE: it must be one, with the bytes that it may have as max_len"},
    {item_length_of_nothing, "has item_max_len: only arrays of strings have it"},
    {bounds_cross, "has min above max"},
    {bounds_of_nothing, "has min, max or choices: only plain numbers have them"},
    {clamp_without_bounds, "has clamp: it needs min and max"},
    {array_of_nothing, "has array_of: it must be RAW, and the name a message of the package"},
    {texts_of_nothing, "has choices_text: only strings have them"},
};

static void check_key(struct schema *s, const struct message *m, unsigned index)
{
    const struct field *f = &m->fields[index];
    for (unsigned i = 0; i < index; i++)
        if (!strcmp(m->fields[i].key, f->key))
            schema_refuse(s, &f->place, m->full, "has the JSON key %s twice", f->key);
    if (strpbrk(f->key, "\"\\."))
        schema_refuse(s, &f->place, m->full, "has the JSON key %s: no quotes, backslashes or dots", f->key);
}

static void check_message(struct schema *s, const struct message *m)
{
    for (unsigned i = 0; i < m->n_fields; i++) {
        const struct field *f = &m->fields[i];
        const char *name = arena_printf(s->arena, "%s.%s", m->full, f->proto->name);
        for (unsigned r = 0; r < sizeof field_rules / sizeof *field_rules; r++)
            if (field_rules[r].broken(f))
                schema_refuse(s, &f->place, name, "%s", field_rules[r].what);
        check_key(s, m, i);
    }
}

/* ---- Methods --------------------------------------------------------------------------------------------------- */

struct route_check {
    struct schema *schema;
    const struct method *method;
    const char *name, *path;
};

static void check_parameter(void *user, const char *parameter)
{
    const struct route_check *c = user;
    const struct field *f = schema_field(c->method->in, parameter);
    const struct place *at = &c->method->place;
    if (!f)
        schema_refuse(c->schema, at, c->name, "has {%s} in %s, but %s has no such field", parameter, c->path,
                      c->method->in->full);
    else if (f->repeated || f->kind == KIND_MESSAGE || f->form >= HUBBUB__V1__FORM__RAW)
        schema_refuse(c->schema, at, c->name, "has {%s} in %s, which is no single value", parameter, c->path);
}

static void check_part(const struct route_check *c, const struct message *m, const char *field, const char *what)
{
    if (*field && strcmp(field, "*") && !schema_field(m, field))
        schema_refuse(c->schema, &c->method->place, c->name, "has %s \"%s\", but %s has no such field", what, field,
                      m->full);
}

/* What a client sends is bounded before it is read: a list in a request says how long it may be. */
static void check_lists(const struct route_check *c, const struct message *m, unsigned depth)
{
    for (unsigned i = 0; i < m->n_fields; i++) {
        const struct field *f = &m->fields[i];
        if (f->form >= HUBBUB__V1__FORM__PRESENT || f->rule->inline_)
            continue;
        if (f->repeated && !f->rule->max_len)
            schema_refuse(c->schema, &f->place, c->name, "takes %s.%s, a list without max_len", m->full,
                          f->proto->name);
        if (f->message && depth < REQUEST_DEPTH_MAX)
            check_lists(c, f->message, depth + 1);
    }
}

static void check_binding(struct schema *s, const struct method *m, const char *name, const struct binding *b)
{
    struct route_check c = {s, m, name, b->path};
    if (!b->verb || *b->path != '/') {
        schema_refuse(s, &m->place, name, "has a route without a verb, or whose path does not begin with /");
        return;
    }
    path_each_parameter(s->arena, b->path, check_parameter, &c);
    check_lists(&c, m->in, 0);
    check_part(&c, m->in, b->body, "body");
    check_part(&c, m->out, b->response_body, "response_body");
    if (*b->body && !strcmp(b->verb, "GET"))
        schema_refuse(s, &m->place, name, "is a GET with a body");
}

static void check_auth(struct schema *s, const struct method *m, const char *name)
{
    bool internal = m->rule->auth == HUBBUB__V1__AUTH__INTERNAL;
    if (m->rule->auth == HUBBUB__V1__AUTH__AUTH_UNSET)
        schema_refuse(s, &m->place, name, "has no auth: say who may call it, option (method) = {auth: ...}");
    else if (internal && m->n_bindings)
        schema_refuse(s, &m->place, name, "is INTERNAL and has a route: services only means no route");
    else if (!internal && !m->n_bindings)
        schema_refuse(s, &m->place, name, "has no route: give it one, or make it INTERNAL");
}

static void check_method(struct schema *s, const struct method *m)
{
    const char *name = arena_printf(s->arena, "%s.%s", m->service->full, m->proto->name);
    if (!m->in || !m->out) {
        schema_refuse(s, &m->place, name, "takes or answers a message that is not there");
        return;
    }
    check_auth(s, m, name);
    if (name_is_keyword(m->member))
        schema_refuse(s, &m->place, name, "is a word of C in lower case: no function can be called so");
    if (m->n_bindings && (m->proto->client_streaming || m->proto->server_streaming))
        schema_refuse(s, &m->place, name, "is a stream and has a route");
    if (m->rule->has_success && (m->rule->success < 200 || m->rule->success > 299))
        schema_refuse(s, &m->place, name, "has success %u: it must be 200 to 299", m->rule->success);
    for (unsigned b = 0; b < m->n_bindings; b++)
        check_binding(s, m, name, &m->bindings[b]);
}

/* ---- Routes against each other --------------------------------------------------------------------------------- */

/* Two paths that no router can tell apart: equal but for the parameters' names. */
static bool same_shape(const char *a, const char *b)
{
    while (*a && *b) {
        if (*a == '{' && *b == '{') {
            a += strcspn(a, "}");
            b += strcspn(b, "}");
        }
        if (*a != *b)
            return false;
        a += *a != '\0';
        b += *b != '\0';
    }
    return *a == *b;
}

struct seen {
    const struct binding *bindings[4096];
    unsigned n;
};

static void check_twin(struct schema *s, struct seen *seen, const struct method *m, const struct binding *b)
{
    for (unsigned i = 0; i < seen->n; i++)
        if (!strcmp(seen->bindings[i]->verb, b->verb) && same_shape(seen->bindings[i]->path, b->path))
            schema_refuse(s, &m->place, m->proto->name, "has the route %s %s, which is there already", b->verb,
                          b->path);
    if (seen->n < sizeof seen->bindings / sizeof *seen->bindings)
        seen->bindings[seen->n++] = b;
}

static void check_service(struct schema *s, struct seen *seen, const struct service *service)
{
    for (unsigned i = 0; i < service->n_methods; i++) {
        const struct method *m = &service->methods[i];
        check_method(s, m);
        for (unsigned b = 0; b < m->n_bindings; b++)
            if (m->bindings[b].verb)
                check_twin(s, seen, m, &m->bindings[b]);
    }
}

void check_schema(struct schema *s)
{
    struct seen *seen = ARENA_NEW(s->arena, struct seen);
    for (unsigned f = 0; f < s->n_files; f++) {
        const struct file *file = &s->files[f];
        if (!file->wanted)
            continue;
        for (unsigned m = 0; m < file->n_messages; m++)
            check_message(s, &file->messages[m]);
        for (unsigned i = 0; i < file->n_services; i++)
            check_service(s, seen, &file->services[i]);
    }
}
