/* openapi.json: the routes as OpenAPI 3.1, for people and for generators of clients. One operation a binding, in the
 * protos' order; operations of one path stand together, where its first one stands. Comments in the protos are the
 * summaries and descriptions. The same input gives the same bytes. */
#include "tools/protoc-gen-hubbub/openapi.h"
#include <ctype.h>
#include <string.h>

enum { REASON_CHARACTERS_MAX = 512 };

struct operation {
    const struct file *file;
    const struct method *method;
    const struct binding *at;
    unsigned nth; /* binding of its method */
};

/* ---- What the protos do not tell -------------------------------------------------------------------------------- */

/* ' stands for ". */
static const char info[] = "{'title':'Hubbub','version':'10','description':'The REST API of a Hubbub server, as "
                           "Discord API version 10 has it. Every path "
                           "also answers below /api, /api/v9 and /v1. Ids and permissions are strings of digits.',"
                           "'license':{'name':'Apache-2.0','identifier':'Apache-2.0'}}";
static const char security_schemes[] =
    "{'Authorization':{'type':'apiKey','in':'header','name':'Authorization','description':'The token as it is, or "
    "behind `Bot ` for "
    "a bot: what POST /auth/register, POST /auth/login and POST /applications/{application_id}/bot answer.'}}";
static const char headers[] =
    "{'X-RateLimit-Limit':{'description':'Requests that the bucket allows in its window','schema':{'type':'integer'}},"
    "'X-RateLimit-Remaining':{'description':'Requests that are left in it','schema':{'type':'integer'}},"
    "'X-RateLimit-Reset':{'description':'When the window ends: Unix seconds','schema':{'type':'number'}},"
    "'X-RateLimit-Reset-After':{'description':'Seconds until it ends','schema':{'type':'number'}},"
    "'X-RateLimit-Bucket':{'description':'Routes that share a limit have the same','schema':{'type':'string'}},"
    "'X-RateLimit-Global':{'description':'true when all routes are limited','schema':{'type':'boolean'}},"
    "'X-RateLimit-Scope':{'description':'user, global or "
    "shared','schema':{'type':'string','enum':['user','global','shared']}},"
    "'Retry-After':{'description':'Seconds to wait','schema':{'type':'integer'}}}";
static const struct {
    const char *name, *schema;
} fixed_schemas[] = {
    {"Snowflake", "{'type':'string','pattern':'^(0|[1-9][0-9]{0,18})$','description':'An id: its upper bits are the "
                  "time it was made "
                  "at, (id >> 22) + 1420070400000 Unix milliseconds.','examples':['1267612384051200000']}"},
    {"Snowflake.Input",
     "{'type':['string','integer'],'pattern':'^[0-9]{1,32}$','minimum':0,'description':'An id; a string, because "
     "many languages round large numbers.'}"},
    {"BitSet",
     "{'type':'string','pattern':'^(0|[1-9][0-9]{0,19})$','description':'Bits, as one decimal number: permissions, "
     "flags.','examples':['2048']}"},
    {"BitSet.Input",
     "{'type':['string','integer'],'pattern':'^[0-9]{1,32}$','minimum':0,'description':'Bits, as one decimal "
     "number.'}"},
    {"Error", "{'type':'object','properties':{'code':{'type':'integer','description':'What went wrong, for programs; 0 "
              "when the HTTP "
              "status says it all'},'message':{'type':'string','description':'The same, for people'},'errors':{'$ref':"
              "'#/components/schemas/ErrorTree'},'retry_after':{'type':'number','description':'Seconds to "
              "wait'}},'required':['code','message']}"},
    {"ErrorTree",
     "{'type':'object','description':'What is wrong with a body (code 50035): nested as the body is, an index of an "
     "array being a key; `_errors` is at the place itself.','properties':{'_errors':{'type':'array','items':{'type':"
     "'object','properties':{'code':{'type':'string','examples':['BASE_TYPE_MAX_LENGTH']},'message':{'type':'string'}},"
     "'required':['code','message']}}},'additionalProperties':{'$ref':'#/components/schemas/ErrorTree'}}"},
    {"RateLimited",
     "{'type':'object','properties':{'message':{'type':'string'},'code':{'type':'integer'},'retry_after':{'type':"
     "'number','description':'Seconds to wait'},'global':{'type':'boolean'}},'required':['message','retry_after']}"},
};
static const struct {
    const char *name, *description, *schema;
} failures[] = {
    {"BadRequest", "The request has a fault; code 50035 says where it is in `errors`.", "Error"},
    {"Unauthorized", "No token, or one that is not valid.", "Error"},
    {"Forbidden", "The caller may not do this: 50001, 50013, or what its code tells.", "Error"},
    {"NotFound", "What the path names is not there, or the caller may not know of it.", "Error"},
    {"TooLarge", "The request or a file in it is too large.", "Error"},
    {"RateLimited", "Too many requests: wait for `retry_after` seconds.", "RateLimited"},
    {"Failure", "Any other failure.", "Error"},
};
static const char *const limit_headers[] = {"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset",
                                            "X-RateLimit-Reset-After", "X-RateLimit-Bucket"};
static const char *const refusal_headers[] = {"Retry-After", "X-RateLimit-Global", "X-RateLimit-Scope"};

/* What the gateway answers by itself. */
static const struct own_operation {
    const char *path, *id, *summary, *answer;
    bool bot;
} own_operations[] = {
    {"/gateway", "gateway_get", "Where the WebSocket is.", "hubbub.v1.GatewayUrl", false},
    {"/gateway/bot", "gateway_get_bot", "Where the WebSocket is, with a bot's shards and session starts.",
     "hubbub.v1.GatewayBot", true},
};
static const char own_tag[] = "Gateway";

static void put_fixed(struct openapi *o, const char *key, const char *text)
{
    char *json = arena_strdup(o->schema->arena, text);
    for (char *c = json; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_raw(&o->json, key, json);
}

static void put_header_refs(struct openapi *o, const char *const *names, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        json_open(&o->json, names[i], '{');
        json_text(&o->json, "$ref", arena_printf(o->schema->arena, "#/components/headers/%s", names[i]));
        json_close(&o->json, '}');
    }
}

static void put_limit_headers(struct openapi *o, bool refused)
{
    json_open(&o->json, "headers", '{');
    put_header_refs(o, limit_headers, sizeof limit_headers / sizeof *limit_headers);
    if (refused)
        put_header_refs(o, refusal_headers, sizeof refusal_headers / sizeof *refusal_headers);
    json_close(&o->json, '}');
}

/* ---- Answers ---------------------------------------------------------------------------------------------------- */

static void put_failure(struct openapi *o, const char *status, const char *name, bool wanted)
{
    if (!wanted)
        return;
    json_open(&o->json, status, '{');
    json_text(&o->json, "$ref", arena_printf(o->schema->arena, "#/components/responses/%s", name));
    json_close(&o->json, '}');
}

/* takes: something that can be wrong. */
static void put_failures(struct openapi *o, bool takes, bool token, bool named, bool body)
{
    put_failure(o, "400", "BadRequest", takes);
    put_failure(o, "401", "Unauthorized", token);
    put_failure(o, "403", "Forbidden", token);
    put_failure(o, "404", "NotFound", named);
    put_failure(o, "413", "TooLarge", body);
    put_failure(o, "429", "RateLimited", true);
    put_failure(o, "default", "Failure", true);
}

static void put_answer(struct openapi *o, unsigned status, const struct message *m, const struct field *field)
{
    struct json *j = &o->json;
    json_open(j, arena_printf(o->schema->arena, "%u", status), '{');
    json_text(j, "description", status == 204 ? "Done; there is no body." : status == 201 ? "Made." : "The answer.");
    put_limit_headers(o, false);
    if (status != 204) {
        json_open(j, "content", '{');
        json_open(j, "application/json", '{');
        if (field)
            openapi_put_field(o, "schema", field, DIRECTION_OUT);
        else
            openapi_put_message(o, "schema", m, DIRECTION_OUT);
        json_close(j, '}');
        json_close(j, '}');
    }
    json_close(j, '}');
}

/* The field that is the whole answer, or NULL. */
static const struct field *answer_field(const struct operation *op)
{
    const char *name = op->at->response_body;
    return *name && strcmp(name, "*") ? schema_field(op->method->out, name) : NULL;
}

static unsigned success_of(const struct method *m)
{
    return m->rule->has_success ? m->rule->success : 200;
}

static void put_responses(struct openapi *o, const struct operation *op)
{
    const struct method *m = op->method;
    json_open(&o->json, "responses", '{');
    put_answer(o, success_of(m), m->out, answer_field(op));
    if (m->rule->may_be_empty)
        put_answer(o, 204, m->out, NULL);
    put_failures(o, m->in->n_fields > 0, m->rule->auth != HUBBUB__V1__AUTH__PUBLIC, strchr(op->at->path, '{') != NULL,
                 *op->at->body != '\0');
    json_close(&o->json, '}');
}

/* ---- Requests --------------------------------------------------------------------------------------------------- */

static void put_parameter(struct openapi *o, const struct field *f, const char *where)
{
    struct json *j = &o->json;
    const char *comment = schema_comment(o->schema, &f->place, true);
    json_open(j, NULL, '{');
    json_text(j, "name", f->key);
    json_text(j, "in", where);
    json_bool(j, "required", !strcmp(where, "path") || f->rule->required);
    if (*comment)
        json_text(j, "description", comment);
    openapi_put_field(o, "schema", f, DIRECTION_TEXT);
    json_close(j, '}');
}

static void put_reason(struct json *j)
{
    json_open(j, NULL, '{');
    json_text(j, "name", "X-Audit-Log-Reason");
    json_text(j, "in", "header");
    json_text(j, "description", "Why, for the audit log: percent-encoded UTF-8.");
    json_open(j, "schema", '{');
    json_text(j, "type", "string");
    json_number(j, "maxLength", REASON_CHARACTERS_MAX);
    json_close(j, '}');
    json_close(j, '}');
}

static bool is_parameter(const struct operation *op, const struct field *f)
{
    return openapi_has(f, DIRECTION_IN) && !f->message && strcmp(binding_where(op->at, f), "body") != 0;
}

static void put_parameters(struct openapi *o, const struct operation *op)
{
    const struct message *in = op->method->in;
    json_open(&o->json, "parameters", '[');
    for (unsigned i = 0; i < in->n_fields; i++)
        if (is_parameter(op, &in->fields[i]))
            put_parameter(o, &in->fields[i], binding_where(op->at, &in->fields[i]));
    if (op->method->rule->reason)
        put_reason(&o->json);
    json_close(&o->json, ']');
}

static const struct field *body_field(const struct operation *op)
{
    return strcmp(op->at->body, "*") ? schema_field(op->method->in, op->at->body) : NULL;
}

static void put_body_schema(struct openapi *o, const char *key, const struct operation *op)
{
    if (body_field(op))
        openapi_put_field(o, key, body_field(op), DIRECTION_IN);
    else
        openapi_put_object(o, key, op->method->in, op->at, DIRECTION_IN);
}

/* files[n] beside the body as payload_json. */
static void put_multipart(struct openapi *o, const struct operation *op)
{
    struct json *j = &o->json;
    json_open(j, "multipart/form-data", '{');
    json_open(j, "schema", '{');
    json_text(j, "type", "object");
    json_open(j, "properties", '{');
    put_body_schema(o, "payload_json", op);
    json_close(j, '}');
    put_fixed(o, "patternProperties",
              "{'^files\\\\[[0-9]{1,2}\\\\]$':{'type':'string','contentMediaType':'application/octet-stream'}}");
    json_close(j, '}');
    put_fixed(o, "encoding", "{'payload_json':{'contentType':'application/json'}}");
    json_close(j, '}');
}

static void put_body(struct openapi *o, const struct operation *op)
{
    struct json *j = &o->json;
    if (!*op->at->body)
        return;
    json_open(j, "requestBody", '{');
    json_bool(j, "required", body_field(op) || openapi_requires(op->method->in, op->at, DIRECTION_IN));
    json_open(j, "content", '{');
    json_open(j, "application/json", '{');
    put_body_schema(o, "schema", op);
    json_close(j, '}');
    if (op->method->rule->multipart)
        put_multipart(o, op);
    json_close(j, '}');
    json_close(j, '}');
}

/* ---- Operations ------------------------------------------------------------------------------------------------- */

/* What the comment's first sentence says, else the method's name: "List of guild (Channels)". */
static const char *summary_of(struct openapi *o, const struct operation *op, const char *comment)
{
    const struct method *m = op->method;
    const char *end = strstr(comment, ". ");
    if (*comment)
        return end ? arena_strndup(o->schema->arena, comment, (size_t)(end - comment) + 1) : comment;
    char *words = arena_printf(o->schema->arena, "%s (%s)", m->member, schema_short(op->file->proto, m->service->full));
    for (char *c = words; *c && *c != '('; c++)
        *c = *c == '_' ? ' ' : *c;
    *words = (char)toupper((unsigned char)*words);
    return words;
}

static const char *description_of(struct openapi *o, const struct operation *op, const char *comment)
{
    static const char *const callers[] = {
        [HUBBUB__V1__AUTH__PERSON] = "For people: a bot is answered 20001.",
        [HUBBUB__V1__AUTH__BOT] = "For bots: others are answered 20002.",
        [HUBBUB__V1__AUTH__INTERNAL] = NULL,
        [HUBBUB__V1__AUTH__ADMINISTRATOR] = "For the instance's administrators: others are answered 50001.",
    };
    const char *end = strstr(comment, ". "), *caller = callers[op->method->rule->auth];
    return arena_printf(o->schema->arena, "%s%s%s", end ? end + 2 : "", end && caller ? " " : "", caller ? caller : "");
}

static void put_head(struct openapi *o, const char *id, const char *tag, const char *summary, const char *description)
{
    struct json *j = &o->json;
    json_text(j, "operationId", id);
    json_open(j, "tags", '[');
    json_text(j, NULL, tag);
    json_close(j, ']');
    json_text(j, "summary", summary);
    if (*description)
        json_text(j, "description", description);
}

static const char *id_of(struct openapi *o, const struct operation *op)
{
    struct arena *a = o->schema->arena;
    const char *service = name_lower(a, schema_short(op->file->proto, op->method->service->full));
    if (op->nth == 0)
        return arena_printf(a, "%s_%s", service, op->method->member);
    return arena_printf(a, "%s_%s_%u", service, op->method->member, op->nth + 1);
}

static void put_security(struct openapi *o, bool token)
{
    if (!token)
        put_fixed(o, "security", "[]");
}

static const char *verb_key(struct openapi *o, const char *verb)
{
    char *key = arena_strdup(o->schema->arena, verb);
    for (char *c = key; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return key;
}

static void put_operation(struct openapi *o, const struct operation *op)
{
    const char *comment = schema_comment(o->schema, &op->method->place, false);
    json_open(&o->json, verb_key(o, op->at->verb), '{');
    put_head(o, id_of(o, op), schema_short(op->file->proto, op->method->service->full), summary_of(o, op, comment),
             description_of(o, op, comment));
    put_security(o, op->method->rule->auth != HUBBUB__V1__AUTH__PUBLIC);
    put_parameters(o, op);
    put_body(o, op);
    put_responses(o, op);
    json_close(&o->json, '}');
}

static void put_own(struct openapi *o, const struct own_operation *own, const struct message *answer)
{
    json_open(&o->json, own->path, '{');
    json_open(&o->json, "get", '{');
    put_head(o, own->id, own_tag, own->summary, own->bot ? "For bots: others are answered 20002." : "");
    put_security(o, own->bot);
    json_open(&o->json, "responses", '{');
    put_answer(o, 200, answer, NULL);
    put_failures(o, false, own->bot, false, false);
    json_close(&o->json, '}');
    json_close(&o->json, '}');
    json_close(&o->json, '}');
}

static const struct message *own_answer(struct openapi *o, unsigned i)
{
    return schema_message(o->schema, own_operations[i].answer);
}
enum { N_OWN = sizeof own_operations / sizeof *own_operations };

/* ---- The document ----------------------------------------------------------------------------------------------- */

static bool seen_before(const struct operation *list, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (!strcmp(list[k].at->path, list[i].at->path))
            return true;
    return false;
}

static void put_paths(struct openapi *o, const struct operation *list, unsigned n)
{
    json_open(&o->json, "paths", '{');
    for (unsigned i = 0; i < n; i++) {
        if (seen_before(list, i))
            continue;
        json_open(&o->json, list[i].at->path, '{');
        for (unsigned k = i; k < n; k++)
            if (!strcmp(list[k].at->path, list[i].at->path))
                put_operation(o, &list[k]);
        json_close(&o->json, '}');
    }
    for (unsigned i = 0; i < N_OWN; i++)
        if (own_answer(o, i))
            put_own(o, &own_operations[i], own_answer(o, i));
    json_close(&o->json, '}');
}

static void put_tag(struct openapi *o, const char *name, const char *description)
{
    json_open(&o->json, NULL, '{');
    json_text(&o->json, "name", name);
    if (*description)
        json_text(&o->json, "description", description);
    json_close(&o->json, '}');
}

static bool has_route(const struct service *service)
{
    for (unsigned i = 0; i < service->n_methods; i++)
        if (service->methods[i].n_bindings)
            return true;
    return false;
}

static void put_tags(struct openapi *o)
{
    const struct schema *s = o->schema;
    json_open(&o->json, "tags", '[');
    for (unsigned f = 0; f < s->n_files; f++)
        for (unsigned i = 0; s->files[f].wanted && i < s->files[f].n_services; i++)
            if (has_route(&s->files[f].services[i]))
                put_tag(o, schema_short(s->files[f].proto, s->files[f].services[i].full),
                        schema_file_comment(s, s->files[f].proto));
    if (own_answer(o, 0))
        put_tag(o, own_tag, "How to connect.");
    json_close(&o->json, ']');
}

static void put_failure_responses(struct openapi *o)
{
    struct json *j = &o->json;
    json_open(j, "responses", '{');
    for (unsigned i = 0; i < sizeof failures / sizeof *failures; i++) {
        json_open(j, failures[i].name, '{');
        json_text(j, "description", failures[i].description);
        if (!strcmp(failures[i].name, "RateLimited"))
            put_limit_headers(o, true);
        put_fixed(o, "content",
                  arena_printf(o->schema->arena, "{'application/json':{'schema':{'$ref':'#/components/schemas/%s'}}}",
                               failures[i].schema));
        json_close(j, '}');
    }
    json_close(j, '}');
}

static void put_components(struct openapi *o)
{
    struct json *j = &o->json;
    json_open(j, "components", '{');
    put_fixed(o, "securitySchemes", security_schemes);
    put_fixed(o, "headers", headers);
    put_failure_responses(o);
    json_open(j, "schemas", '{');
    for (unsigned i = 0; i < sizeof fixed_schemas / sizeof *fixed_schemas; i++)
        put_fixed(o, fixed_schemas[i].name, fixed_schemas[i].schema);
    openapi_put_schemas(o);
    json_close(j, '}');
    json_close(j, '}');
}

/* ---- Gathering -------------------------------------------------------------------------------------------------- */

static void reach_operation(struct openapi *o, const struct operation *op)
{
    const struct message *in = op->method->in;
    const struct field *whole = answer_field(op);
    for (unsigned i = 0; *op->at->body && i < in->n_fields; i++)
        if (!strcmp(binding_where(op->at, &in->fields[i]), "body"))
            openapi_reach_field(o, &in->fields[i], DIRECTION_IN);
    if (success_of(op->method) == 204)
        return;
    if (whole)
        openapi_reach_field(o, whole, DIRECTION_OUT);
    else
        openapi_reach(o, op->method->out, DIRECTION_OUT);
}

static unsigned gather_service(const struct file *file, const struct service *service, struct operation *list,
                               unsigned n)
{
    for (unsigned i = 0; i < service->n_methods; i++)
        for (unsigned k = 0; k < service->methods[i].n_bindings; k++, n++)
            if (list)
                list[n] = (struct operation){file, &service->methods[i], &service->methods[i].bindings[k], k};
    return n;
}

/* With list NULL it only counts. */
static unsigned gather(const struct schema *s, struct operation *list)
{
    unsigned n = 0;
    for (unsigned f = 0; f < s->n_files; f++)
        for (unsigned i = 0; s->files[f].wanted && i < s->files[f].n_services; i++)
            n = gather_service(&s->files[f], &s->files[f].services[i], list, n);
    return n;
}

static void list_messages(struct openapi *o)
{
    const struct schema *s = o->schema;
    unsigned n = 0;
    for (unsigned f = 0; f < s->n_files; f++)
        n += s->files[f].n_messages;
    o->reached = ARENA_ARRAY(s->arena, struct reached, n);
    for (unsigned f = 0; f < s->n_files; f++)
        for (unsigned m = 0; m < s->files[f].n_messages; m++)
            o->reached[o->n_reached++].message = &s->files[f].messages[m];
}

static void put_document(struct openapi *o, const struct operation *list, unsigned n)
{
    struct json *j = &o->json;
    json_open(j, NULL, '{');
    json_text(j, "openapi", "3.1.0");
    put_fixed(o, "info", info);
    put_fixed(o, "servers", "[{'url':'/api/v10'}]");
    put_fixed(o, "security", "[{'Authorization':[]}]");
    put_tags(o);
    put_paths(o, list, n);
    put_components(o);
    json_close(j, '}');
    buf_putc(j->b, '\n');
}

const char *emit_openapi(struct schema *s)
{
    struct buf b = {0};
    struct openapi o = {.schema = s, .json = {.b = &b}};
    unsigned n = gather(s, NULL);
    struct operation *list = ARENA_ARRAY(s->arena, struct operation, n);
    gather(s, list);
    list_messages(&o);
    for (unsigned i = 0; i < n; i++)
        reach_operation(&o, &list[i]);
    for (unsigned i = 0; i < N_OWN; i++)
        if (own_answer(&o, i))
            openapi_reach(&o, own_answer(&o, i), DIRECTION_OUT);
    put_document(&o, list, n);
    const char *text = arena_strdup(s->arena, buf_str(&b));
    buf_finish(&b);
    return text;
}
