/* routes.hub.h and routes.hub.c: every route of the run as one table, in the protos' order. */
#include "tools/protoc-gen-hubbub/schema.h"
#include <string.h>

static const char top[] = "/* Written by protoc-gen-hubbub from all protos. Do not edit. */\n";

const char *emit_routes_header(struct schema *s)
{
    return arena_printf(s->arena,
                        "%s#pragma once\n#include \"lib/wire/wire.h\"\n\n"
                        "/* In the protos' order: a router prefers literal segments to parameters by itself. */\n"
                        "extern const struct wire_route hubbub_routes[];\nextern const unsigned hubbub_n_routes;\n",
                        top);
}

static void put_route(struct buf *b, const struct method *m, const struct binding *at)
{
    const method_rule *r = m->rule;
    const char *service = m->service->full;
    buf_printf(b, "    {\"%s\", \"%s\", \"%s\", \"%s\", &%s__methods[%u], &%s__wire, &%s__wire, \"%s\", \"%s\", ",
               at->verb, at->path, service, m->proto->name, m->service->lower, m->index, m->in->lower, m->out->lower,
               at->body, at->response_body);
    if (r->bucket && *r->bucket)
        buf_printf(b, "\"%s\", ", r->bucket);
    else
        buf_printf(b, "\"%s.%s\", ", service, m->proto->name);
    buf_printf(b, "%u, %d, %d, %d},\n", r->has_success ? r->success : 200, r->multipart, r->reason,
               r->may_be_empty);
}

static unsigned put_service(struct buf *b, const struct service *service)
{
    unsigned n = 0;
    for (unsigned i = 0; i < service->n_methods; i++)
        for (unsigned k = 0; k < service->methods[i].n_bindings; k++, n++)
            put_route(b, &service->methods[i], &service->methods[i].bindings[k]);
    return n;
}

static void put_includes(struct buf *b, const struct schema *s, const char *folder)
{
    buf_printf(b, "%s#include \"%sroutes.hub.h\"\n", top, folder);
    for (unsigned f = 0; f < s->n_files; f++)
        if (s->files[f].wanted)
            buf_printf(b, "#include \"%s.hub.h\"\n", s->files[f].stem);
}

const char *emit_routes_source(struct schema *s, const char *folder)
{
    struct buf b = {0};
    unsigned n = 0;
    put_includes(&b, s, folder);
    buf_puts(&b, "\nconst struct wire_route hubbub_routes[] = {\n");
    for (unsigned f = 0; f < s->n_files; f++)
        for (unsigned i = 0; s->files[f].wanted && i < s->files[f].n_services; i++)
            n += put_service(&b, &s->files[f].services[i]);
    buf_printf(&b, "%s};\nconst unsigned hubbub_n_routes = %u;\n", n ? "" : "    {0}\n", n);
    const char *text = arena_strdup(s->arena, buf_str(&b));
    buf_finish(&b);
    return text;
}
