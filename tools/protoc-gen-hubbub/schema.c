/* Reads protoc's request into the schema. The options travel as unknown fields of google.protobuf.*Options, because
 * protobuf-c knows no extensions; the value of such a field still has its length varint in front. */
#include "tools/protoc-gen-hubbub/schema.h"
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_RULE = 50001, METHOD_RULE = 50002, HTTP_RULE = 72295728 };
/* Field numbers of descriptor.proto, as source_code_info's paths name them. */
enum {
    FILE_MESSAGES = 4,
    FILE_SERVICES = 6,
    FILE_SYNTAX = 12,
    MESSAGE_FIELDS = 2,
    MESSAGE_NESTED = 3,
    SERVICE_METHODS = 2
};

/* ---- Options --------------------------------------------------------------------------------------------------- */

/* One option may come in pieces (`[(rule).min = 1, (rule).max = 2]`); joined, they are the message merged. */
static void put_pieces(struct buf *b, const ProtobufCMessage *options, unsigned tag)
{
    for (unsigned i = 0; options && i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *u = &options->unknown_fields[i];
        size_t skip = 0;
        if (u->tag != tag)
            continue;
        while (skip < u->len && (u->data[skip] & 0x80))
            skip++;
        if (skip < u->len)
            buf_put(b, u->data + skip + 1, u->len - skip - 1);
    }
}

/* The option's message, or NULL when it is not there (or not of the type). */
static const void *option(struct arena *a, const void *options, unsigned tag, const ProtobufCMessageDescriptor *type)
{
    struct buf b = {0};
    put_pieces(&b, options, tag);
    const void *message = NULL;
    if (b.len)
        message = protobuf_c_message_unpack(type, arena_protobuf(a), b.len, (const uint8_t *)b.data);
    buf_finish(&b);
    return message;
}

/* ---- Places ---------------------------------------------------------------------------------------------------- */

static struct place place_below(const struct place *up, int32_t list, size_t index)
{
    struct place p = *up;
    if (p.n + 2 <= PLACE_DEPTH_MAX) {
        p.path[p.n++] = list;
        p.path[p.n++] = (int32_t)index;
    }
    return p;
}

static const Google__Protobuf__SourceCodeInfo__Location *location_of(const struct place *p)
{
    const Google__Protobuf__SourceCodeInfo *info = p->file->source_code_info;
    for (size_t i = 0; info && i < info->n_location; i++) {
        const Google__Protobuf__SourceCodeInfo__Location *at = info->location[i];
        if (at->n_path == p->n && at->n_span && !memcmp(at->path, p->path, p->n * sizeof *p->path))
            return at;
    }
    return NULL;
}

static int line_of(const struct place *p)
{
    const Google__Protobuf__SourceCodeInfo__Location *at = location_of(p);
    return at ? at->span[0] + 1 : 0;
}

/* ---- Comments -------------------------------------------------------------------------------------------------- */

/* Appends the words of text, one space between each. */
static void put_words(struct buf *b, const char *text)
{
    static const char space[] = " \t\r\n";
    for (text += strspn(text, space); *text; text += strspn(text, space)) {
        size_t n = strcspn(text, space);
        if (b->len)
            buf_putc(b, ' ');
        buf_put(b, text, n);
        text += n;
    }
}

const char *schema_comment(const struct schema *s, const struct place *p, bool trailing)
{
    const Google__Protobuf__SourceCodeInfo__Location *at = location_of(p);
    struct buf b = {0};
    if (at && at->leading_comments)
        put_words(&b, at->leading_comments);
    if (at && trailing && at->trailing_comments)
        put_words(&b, at->trailing_comments);
    const char *text = arena_strdup(s->arena, buf_str(&b));
    buf_finish(&b);
    return text;
}

const char *schema_file_comment(const struct schema *s, const file_proto *file)
{
    return schema_comment(s, &(struct place){.file = file, .path = {FILE_SYNTAX}, .n = 1}, false);
}

void schema_refuse(struct schema *s, const struct place *place, const char *name, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *what = arena_vprintf(s->arena, format, args);
    va_end(args);
    buf_printf(&s->refusals, "%s%s:%d: %s %s", s->refusals.len ? "\n" : "", place->file->name, line_of(place), name,
               what);
}

/* ---- Messages -------------------------------------------------------------------------------------------------- */

static enum kind kind_of(const field_proto *f)
{
    static const enum kind kinds[] = {
        [1] = KIND_REAL,   [2] = KIND_REAL,    [3] = KIND_INT64, [4] = KIND_UINT64, [5] = KIND_INT32,
        [6] = KIND_UINT64, [7] = KIND_UINT32,  [8] = KIND_BOOL,  [9] = KIND_STRING, [11] = KIND_MESSAGE,
        [12] = KIND_BYTES, [13] = KIND_UINT32, [14] = KIND_ENUM, [15] = KIND_INT32, [16] = KIND_INT64,
        [17] = KIND_INT32, [18] = KIND_INT64,
    };
    return (unsigned)f->type < sizeof kinds / sizeof *kinds ? kinds[f->type] : 0;
}

static int by_number(const void *a, const void *b)
{
    return ((const struct field *)a)->proto->number - ((const struct field *)b)->proto->number;
}

static void load_field(struct schema *s, struct field *f, const field_proto *proto)
{
    static const field_rule none = HUBBUB__V1__FIELD_RULE__INIT;
    const field_rule *rule = option(s->arena, proto->options, FIELD_RULE, &hubbub__v1__field_rule__descriptor);
    f->proto = proto;
    f->rule = rule ? rule : &none;
    f->key = f->rule->json && *f->rule->json ? f->rule->json : proto->name;
    f->kind = kind_of(proto);
    f->repeated = proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
    f->form = f->rule->form;
    if (f->kind == KIND_BYTES && f->form == HUBBUB__V1__FORM__PLAIN)
        f->form = HUBBUB__V1__FORM__HIDDEN;
}

static void load_message(struct schema *s, struct file *file, const char *scope, const message_proto *, struct place);

static void load_nested(struct schema *s, struct file *file, const struct message *m)
{
    for (size_t i = 0; i < m->proto->n_nested_type; i++)
        load_message(s, file, m->full, m->proto->nested_type[i], place_below(&m->place, MESSAGE_NESTED, i));
}

static void load_message(struct schema *s, struct file *file, const char *scope, const message_proto *proto,
                         struct place place)
{
    struct message *m = &file->messages[file->n_messages++];
    m->proto = proto;
    m->place = place;
    m->full = *scope ? arena_printf(s->arena, "%s.%s", scope, proto->name) : proto->name;
    m->type = name_type(s->arena, m->full);
    m->lower = name_lower(s->arena, m->full);
    m->n_fields = (unsigned)proto->n_field;
    m->fields = ARENA_ARRAY(s->arena, struct field, m->n_fields);
    for (unsigned i = 0; i < m->n_fields; i++) {
        load_field(s, &m->fields[i], proto->field[i]);
        m->fields[i].place = place_below(&place, MESSAGE_FIELDS, i);
    }
    qsort(m->fields, m->n_fields, sizeof *m->fields, by_number);
    load_nested(s, file, m);
}

static unsigned count_messages(message_proto *const *list, size_t n)
{
    unsigned count = (unsigned)n;
    for (size_t i = 0; i < n; i++)
        count += count_messages(list[i]->nested_type, list[i]->n_nested_type);
    return count;
}

const struct message *schema_message(const struct schema *s, const char *full)
{
    for (unsigned f = 0; f < s->n_files; f++)
        for (unsigned m = 0; m < s->files[f].n_messages; m++)
            if (!strcmp(s->files[f].messages[m].full, full))
                return &s->files[f].messages[m];
    return NULL;
}

const char *schema_short(const file_proto *file, const char *full)
{
    return file->package && *file->package ? full + strlen(file->package) + 1 : full;
}

/* protoc writes type names whole: ".hubbub.v1.Guild". */
static const struct message *find_message(const struct schema *s, const char *dotted)
{
    return schema_message(s, dotted + 1);
}

static void resolve_fields(const struct schema *s, struct message *m)
{
    for (unsigned i = 0; i < m->n_fields; i++) {
        struct field *f = &m->fields[i];
        if (f->kind == KIND_MESSAGE)
            f->message = find_message(s, f->proto->type_name);
        if (f->rule->array_of)
            f->array_of = schema_message(s, arena_printf(s->arena, "%s.%s", m->place.file->package, f->rule->array_of));
    }
}

/* ---- Services -------------------------------------------------------------------------------------------------- */

static struct binding binding_of(const Google__Api__HttpRule *rule)
{
    struct binding b = {.body = rule->body, .response_body = rule->response_body};
    const struct {
        int which;
        const char *verb, *path;
    } verbs[] = {
        {GOOGLE__API__HTTP_RULE__PATTERN_GET, "GET", rule->get},
        {GOOGLE__API__HTTP_RULE__PATTERN_PUT, "PUT", rule->put},
        {GOOGLE__API__HTTP_RULE__PATTERN_POST, "POST", rule->post},
        {GOOGLE__API__HTTP_RULE__PATTERN_DELETE, "DELETE", rule->delete_},
        {GOOGLE__API__HTTP_RULE__PATTERN_PATCH, "PATCH", rule->patch},
    };
    for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if ((int)rule->pattern_case == verbs[i].which)
            b.verb = verbs[i].verb, b.path = verbs[i].path;
    return b;
}

/* Each binding names its own body; the answer is the main one's unless it says otherwise. */
static void load_bindings(struct schema *s, struct method *m)
{
    const Google__Api__HttpRule *http =
        option(s->arena, m->proto->options, HTTP_RULE, &google__api__http_rule__descriptor);
    if (!http)
        return;
    m->bindings = ARENA_ARRAY(s->arena, struct binding, 1 + http->n_additional_bindings);
    m->bindings[m->n_bindings++] = binding_of(http);
    for (size_t i = 0; i < http->n_additional_bindings; i++) {
        struct binding b = binding_of(http->additional_bindings[i]);
        if (!*b.response_body)
            b.response_body = http->response_body;
        m->bindings[m->n_bindings++] = b;
    }
}

static void load_method(struct schema *s, struct service *service, const method_proto *proto, unsigned index)
{
    static const method_rule none = HUBBUB__V1__METHOD_RULE__INIT;
    struct method *m = &service->methods[index];
    const method_rule *rule = option(s->arena, proto->options, METHOD_RULE, &hubbub__v1__method_rule__descriptor);
    m->proto = proto;
    m->rule = rule ? rule : &none;
    m->member = name_lower(s->arena, proto->name);
    m->in = find_message(s, proto->input_type);
    m->out = find_message(s, proto->output_type);
    m->index = index;
    m->service = service;
    load_bindings(s, m);
}

static void load_service(struct schema *s, struct file *file, const service_proto *proto, struct place place)
{
    struct service *service = &file->services[file->n_services++];
    service->full = arena_printf(s->arena, "%s.%s", file->proto->package, proto->name);
    service->lower = name_lower(s->arena, service->full);
    service->n_methods = (unsigned)proto->n_method;
    service->methods = ARENA_ARRAY(s->arena, struct method, service->n_methods);
    for (unsigned i = 0; i < service->n_methods; i++) {
        load_method(s, service, proto->method[i], i);
        service->methods[i].place = place_below(&place, SERVICE_METHODS, i);
    }
}

/* ---- Files ----------------------------------------------------------------------------------------------------- */

static bool is_wanted(const Google__Protobuf__Compiler__CodeGeneratorRequest *request, const char *name)
{
    for (size_t i = 0; i < request->n_file_to_generate; i++)
        if (!strcmp(request->file_to_generate[i], name))
            return true;
    return false;
}

static void load_file(struct schema *s, struct file *file, const file_proto *proto)
{
    const char *scope = proto->package ? proto->package : "";
    struct place top = {.file = proto};
    file->proto = proto;
    file->stem = arena_strndup(s->arena, proto->name, strlen(proto->name) - strlen(".proto"));
    file->messages = ARENA_ARRAY(s->arena, struct message, count_messages(proto->message_type, proto->n_message_type));
    for (size_t i = 0; i < proto->n_message_type; i++)
        load_message(s, file, scope, proto->message_type[i], place_below(&top, FILE_MESSAGES, i));
}

static void load_services(struct schema *s, struct file *file)
{
    struct place top = {.file = file->proto};
    file->services = ARENA_ARRAY(s->arena, struct service, file->proto->n_service);
    for (size_t i = 0; i < file->proto->n_service; i++)
        load_service(s, file, file->proto->service[i], place_below(&top, FILE_SERVICES, i));
}

void schema_load(struct schema *s, const Google__Protobuf__Compiler__CodeGeneratorRequest *request)
{
    s->n_files = (unsigned)request->n_proto_file;
    s->files = ARENA_ARRAY(s->arena, struct file, s->n_files);
    for (unsigned i = 0; i < s->n_files; i++) {
        load_file(s, &s->files[i], request->proto_file[i]);
        s->files[i].wanted = is_wanted(request, request->proto_file[i]->name);
    }
    for (unsigned i = 0; i < s->n_files; i++) {
        for (unsigned m = 0; m < s->files[i].n_messages; m++)
            resolve_fields(s, &s->files[i].messages[m]);
        load_services(s, &s->files[i]);
    }
}

const struct field *schema_field(const struct message *m, const char *name)
{
    for (unsigned i = 0; i < m->n_fields; i++)
        if (!strcmp(m->fields[i].proto->name, name))
            return &m->fields[i];
    return NULL;
}

void path_each_parameter(struct arena *a, const char *path, void (*visit)(void *user, const char *name), void *user)
{
    for (const char *open = strchr(path, '{'); open; open = strchr(open + 1, '{'))
        visit(user, arena_strndup(a, open + 1, strcspn(open + 1, "}")));
}

const char *binding_where(const struct binding *at, const struct field *f)
{
    const char *parameter = strstr(at->path, f->proto->name);
    size_t n = strlen(f->proto->name);
    for (; parameter; parameter = strstr(parameter + 1, f->proto->name))
        if (parameter > at->path && parameter[-1] == '{' && parameter[n] == '}')
            return "path";
    return !strcmp(at->body, "*") || !strcmp(at->body, f->proto->name) ? "body" : "query";
}
