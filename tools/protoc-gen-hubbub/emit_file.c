/* hubbub/v1/X.hub.h and X.hub.c: field tables and services of one proto file. */
#include "tools/protoc-gen-hubbub/schema.h"
#include <inttypes.h>
#include <string.h>

/* Which member of enum wire_form, rpc_auth, rpc_kind a value is, by its number. */
static const char *const wire_forms[] = {
    "WIRE_PLAIN", "WIRE_SNOWFLAKE", "WIRE_DECIMAL", "WIRE_TIME",   "WIRE_NONCE",
    "WIRE_IMAGE", "WIRE_RAW",       "WIRE_PRESENT", "WIRE_HIDDEN",
};
static const char *const rpc_auths[] = {"RPC_AUTH_UNSET", "RPC_PUBLIC", "RPC_TOKEN",
                                        "RPC_PERSON",     "RPC_BOT",    "RPC_INTERNAL",
                                        "RPC_ADMINISTRATOR"};
static const char *const rpc_kinds[2][2] = {{"RPC_UNARY", "RPC_SERVER_STREAM"}, {"RPC_CLIENT_STREAM", "RPC_BIDI"}};
enum { TIMEOUT_MS_DEFAULT = 5000 };

static const char *finish(struct schema *s, struct buf *b)
{
    const char *text = arena_strdup(s->arena, buf_str(b));
    buf_finish(b);
    return text;
}

static void put_top(struct buf *b, const char *source)
{
    buf_printf(b, "/* Written by protoc-gen-hubbub from %s. Do not edit. */\n", source);
}

/* ---- Header ---------------------------------------------------------------------------------------------------- */

static void put_handler(struct buf *b, const struct method *m)
{
    const char *in = m->proto->client_streaming ? "void" : m->in->type;
    const char *out = m->proto->server_streaming ? "void" : m->out->type;
    buf_printf(b, "    status (*%s)(struct call *, const %s *, %s *);\n", m->member, in, out);
}

static void put_serve(struct buf *b, const struct service *s)
{
    buf_printf(b, "/* A handler that is NULL answers UNIMPLEMENTED. */\nstruct %s__handlers {\n", s->lower);
    for (unsigned i = 0; i < s->n_methods; i++)
        put_handler(b, &s->methods[i]);
    buf_printf(b,
               "};\n/* Before rpc_server_start. */\n"
               "static inline void %s__serve(struct rpc_server *server, const struct %s__handlers *h)\n{\n"
               "    rpc_handler *const list[] = {\n",
               s->lower, s->lower);
    for (unsigned i = 0; i < s->n_methods; i++)
        buf_printf(b, "        (rpc_handler *)h->%s,\n", s->methods[i].member);
    buf_printf(b, "    };\n    rpc_server_add(server, &%s__service, list);\n}\n", s->lower);
}

static void put_call(struct buf *b, const struct service *s, const struct method *m)
{
    if (m->proto->client_streaming || m->proto->server_streaming)
        return;
    buf_printf(
        b,
        "static inline struct rpc_request *%s__%s__call(struct rpc_group *group, uint64_t key, const %s *request,\n"
        "    const struct rpc_identity *identity, int64_t timeout_ms, rpc_done_fn *done, void *user)\n{\n"
        "    return rpc_call(group, key, &%s__%s__method, &request->base, identity, timeout_ms, done, user);\n}\n",
        s->lower, m->member, m->in->type, s->lower, m->member);
}

static void put_service_header(struct buf *b, const struct service *s)
{
    buf_printf(b, "\n/* ---- %s */\nextern const struct rpc_service %s__service;\n", s->full, s->lower);
    buf_printf(b, "extern const struct rpc_method %s__methods[%u]; /* in the proto's order */\n", s->lower,
               s->n_methods);
    for (unsigned i = 0; i < s->n_methods; i++)
        buf_printf(b, "#define %s__%s__method (%s__methods[%u])\n", s->lower, s->methods[i].member, s->lower, i);
    put_serve(b, s);
    for (unsigned i = 0; i < s->n_methods; i++)
        put_call(b, s, &s->methods[i]);
}

/* Tables and stubs of what the file imports come with it. */
static void put_imports(struct schema *s, struct buf *b, const struct file *f)
{
    for (unsigned i = 0; i < s->n_files; i++)
        for (size_t d = 0; d < f->proto->n_dependency; d++)
            if (s->files[i].wanted && !strcmp(s->files[i].proto->name, f->proto->dependency[d]))
                buf_printf(b, "#include \"%s.hub.h\"\n", s->files[i].stem);
}

const char *emit_header(struct schema *s, const struct file *f)
{
    struct buf b = {0};
    put_top(&b, f->proto->name);
    buf_printf(&b, "#pragma once\n#include \"%s.pb-c.h\"\n", f->stem);
    put_imports(s, &b, f);
    buf_puts(&b, "#include \"lib/wire/wire.h\"\n");
    if (f->n_services)
        buf_puts(&b, "#include \"lib/rpc/rpc.h\"\n");
    buf_putc(&b, '\n');
    for (unsigned m = 0; m < f->n_messages; m++)
        buf_printf(&b, "extern const struct wire_message %s__wire;\n", f->messages[m].lower);
    for (unsigned i = 0; i < f->n_services; i++)
        put_service_header(&b, &f->services[i]);
    return finish(s, &b);
}

/* ---- Field tables ---------------------------------------------------------------------------------------------- */

static void put_int64(struct buf *b, int64_t n)
{
    if (n == INT64_MIN)
        buf_puts(b, "INT64_MIN");
    else
        buf_printf(b, "INT64_C(%" PRId64 ")", n);
}

static void put_flags(struct buf *b, const field_rule *r)
{
    const struct {
        bool set;
        const char *name;
    } flags[] = {
        {r->nullable, "WIRE_NULLABLE"},     {r->always, "WIRE_ALWAYS"},   {r->required, "WIRE_REQUIRED"},
        {r->omit_empty, "WIRE_OMIT_EMPTY"}, {r->trim, "WIRE_TRIM"},       {r->clamp, "WIRE_CLAMP"},
        {r->inline_, "WIRE_INLINE"},        {r->has_min, "WIRE_HAS_MIN"}, {r->has_max, "WIRE_HAS_MAX"},
    };
    buf_puts(b, ", .flags = 0");
    for (unsigned i = 0; i < sizeof flags / sizeof *flags; i++)
        if (flags[i].set)
            buf_printf(b, " | %s", flags[i].name);
}

static void put_choices(struct buf *b, const struct message *m, const struct field *f)
{
    const field_rule *r = f->rule;
    if (r->n_choices)
        buf_printf(b, "static const int64_t %s__%s__choices[] = {", m->lower, f->proto->name);
    for (size_t i = 0; i < r->n_choices; i++) {
        put_int64(b, r->choices[i]);
        buf_puts(b, i + 1 < r->n_choices ? ", " : "};\n");
    }
    if (r->n_choices_text)
        buf_printf(b, "static const char *const %s__%s__texts[] = {", m->lower, f->proto->name);
    for (size_t i = 0; i < r->n_choices_text; i++)
        buf_printf(b, "\"%s\"%s", r->choices_text[i], i + 1 < r->n_choices_text ? ", " : "};\n");
}

static void put_limits(struct buf *b, const field_rule *r)
{
    const struct {
        const char *name;
        uint32_t n;
    } lengths[] = {{"min_len", r->min_len}, {"max_len", r->max_len}, {"item_max_len", r->item_max_len}};
    for (unsigned i = 0; i < sizeof lengths / sizeof *lengths; i++)
        if (lengths[i].n)
            buf_printf(b, ", .%s = %" PRIu32, lengths[i].name, lengths[i].n);
    if (r->has_min)
        buf_puts(b, ", .min = "), put_int64(b, r->min);
    if (r->has_max)
        buf_puts(b, ", .max = "), put_int64(b, r->max);
}

static void put_row(struct buf *b, const struct message *m, const struct field *f)
{
    const field_rule *r = f->rule;
    buf_printf(b, "    {.key = \"%s\", .form = %s", f->key, wire_forms[f->form]);
    put_flags(b, r);
    put_limits(b, r);
    if (r->n_choices)
        buf_printf(b, ", .choices = %s__%s__choices, .n_choices = %zu", m->lower, f->proto->name, r->n_choices);
    if (r->n_choices_text)
        buf_printf(b, ", .choices_text = %s__%s__texts, .n_choices_text = %zu", m->lower, f->proto->name,
                   r->n_choices_text);
    if (f->message)
        buf_printf(b, ", .message = &%s__wire", f->message->lower);
    if (r->dispatch && *r->dispatch)
        buf_printf(b, ", .dispatch = \"%s\"", r->dispatch);
    buf_printf(b, ", .intent = %d, .dm_intent = %d},\n", r->has_intent ? r->intent : -1,
               r->has_dm_intent ? r->dm_intent : -1);
}

static void put_table(struct buf *b, const struct message *m)
{
    buf_putc(b, '\n');
    for (unsigned i = 0; i < m->n_fields; i++)
        put_choices(b, m, &m->fields[i]);
    if (m->n_fields)
        buf_printf(b, "static const struct wire_field %s__fields[] = {\n", m->lower);
    for (unsigned i = 0; i < m->n_fields; i++)
        put_row(b, m, &m->fields[i]);
    if (m->n_fields)
        buf_puts(b, "};\n");
    const char *fields = m->n_fields ? "__fields" : "";
    buf_printf(b, "const struct wire_message %s__wire = {&%s__descriptor, %s%s};\n", m->lower, m->lower,
               m->n_fields ? m->lower : "0", fields);
}

/* ---- Services -------------------------------------------------------------------------------------------------- */

static void put_method(struct buf *b, const struct service *s, const struct method *m)
{
    const method_rule *r = m->rule;
    buf_printf(b, "    {\"/%s/%s\", %s, &%s__descriptor, &%s__descriptor, %s, \"%s\", %u, %d},\n", s->full, m->proto->name,
               rpc_kinds[m->proto->client_streaming][m->proto->server_streaming], m->in->lower, m->out->lower,
               rpc_auths[r->auth], r->bulkhead && *r->bulkhead ? r->bulkhead : "main",
               r->has_timeout_ms ? r->timeout_ms : TIMEOUT_MS_DEFAULT, r->once);
}

static void put_service(struct buf *b, const struct service *s)
{
    buf_printf(b, "\nconst struct rpc_method %s__methods[%u] = {\n", s->lower, s->n_methods);
    for (unsigned i = 0; i < s->n_methods; i++)
        put_method(b, s, &s->methods[i]);
    buf_printf(b, "};\nconst struct rpc_service %s__service = {\"%s\", %u, %s__methods};\n", s->lower, s->full,
               s->n_methods, s->lower);
}

const char *emit_source(struct schema *s, const struct file *f)
{
    struct buf b = {0};
    put_top(&b, f->proto->name);
    buf_printf(&b, "#include \"%s.hub.h\"\n", f->stem);
    for (unsigned m = 0; m < f->n_messages; m++)
        put_table(&b, &f->messages[m]);
    for (unsigned i = 0; i < f->n_services; i++)
        put_service(&b, &f->services[i]);
    return finish(s, &b);
}
