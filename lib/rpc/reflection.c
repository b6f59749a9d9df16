/* reflection.c - grpc.reflection.v1 and v1alpha: what services there are and the proto files that they are made of, for
 * grpcurl and its like. Only with HUBBUB_RPC_REFLECTION, and for callers with the cluster's secret.
 *
 * The files are those that the build was made from, as protoc described them (descriptors.h). They are unpacked once,
 * as the server starts, and read only from then on. A question walks over all of them: it is a person's, at a prompt.
 */
#include "lib/base/log.h"
#include "lib/rpc/descriptors.h"
#include "lib/rpc/options.h"
#include "lib/rpc/reflection.pb-c.h"
#include "lib/rpc/server.h"
#include <google/protobuf/descriptor.pb-c.h>
#include <string.h>

typedef Google__Protobuf__FileDescriptorProto File;
typedef Google__Protobuf__DescriptorProto Message;
typedef Google__Protobuf__EnumDescriptorProto Enum;
typedef Google__Protobuf__FieldDescriptorProto Field;
typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;

enum { DESCRIPTORS_BYTES_MAX = 64 << 20 };

struct reflection {
    struct arena *arena;
    const Google__Protobuf__FileDescriptorSet *files;
};

struct reflection *reflection_create(void)
{
    if (!rpc_options_reflection())
        return NULL;
    struct arena *arena = arena_create(DESCRIPTORS_BYTES_MAX);
    struct reflection *r = ARENA_NEW(arena, struct reflection);
    r->arena = arena;
    r->files =
        codec_unpack(arena, &google__protobuf__file_descriptor_set__descriptor, rpc_descriptors, rpc_descriptors_n);
    if (!r->files)
        log_fatal("the descriptors of the proto files do not unpack");
    return r;
}

void reflection_destroy(struct reflection *r)
{
    if (r)
        arena_destroy(r->arena);
}

/* ---- Names ------------------------------------------------------------------------------------------------------- */

/* What is left of a name once `scope` and a dot are taken off; NULL: it does not begin with them. */
static const char *within(const char *name, const char *scope)
{
    size_t n = scope ? strlen(scope) : 0;
    if (!n)
        return name;
    return !strncmp(name, scope, n) && name[n] == '.' ? name + n + 1 : NULL;
}

static bool is_field(Field *const *all, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(all[i]->name, name))
            return true;
    return false;
}

/* The values of an enum are named in the scope around it. */
static bool is_in_enums(Enum *const *all, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(all[i]->name, name))
            return true;
        for (size_t v = 0; v < all[i]->n_value; v++)
            if (!strcmp(all[i]->value[v]->name, name))
                return true;
    }
    return false;
}

static bool is_in_messages(Message *const *all, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        const Message *m = all[i];
        const char *rest = within(name, m->name);
        if (!strcmp(m->name, name))
            return true;
        if (rest &&
            (is_field(m->field, m->n_field, rest) || is_field(m->extension, m->n_extension, rest) ||
             is_in_enums(m->enum_type, m->n_enum_type, rest) || is_in_messages(m->nested_type, m->n_nested_type, rest)))
            return true;
        for (size_t o = 0; rest && o < m->n_oneof_decl; o++)
            if (!strcmp(m->oneof_decl[o]->name, rest))
                return true;
    }
    return false;
}

static bool is_in_services(const File *f, const char *name)
{
    for (size_t i = 0; i < f->n_service; i++) {
        const Google__Protobuf__ServiceDescriptorProto *s = f->service[i];
        const char *rest = within(name, s->name);
        if (!strcmp(s->name, name))
            return true;
        for (size_t m = 0; rest && m < s->n_method; m++)
            if (!strcmp(s->method[m]->name, rest))
                return true;
    }
    return false;
}

static bool has_symbol(const File *f, const char *symbol)
{
    const char *name = within(symbol, f->package);
    return name && (is_in_messages(f->message_type, f->n_message_type, name) ||
                    is_in_enums(f->enum_type, f->n_enum_type, name) || is_field(f->extension, f->n_extension, name) ||
                    is_in_services(f, name));
}

static bool is_message(const File *f, const char *symbol)
{
    const char *name = within(symbol, f->package);
    Message *const *all = f->message_type;
    size_t n = f->n_message_type;
    while (name) {
        const Message *found = NULL;
        for (size_t i = 0; i < n && !found; i++) {
            if (!strcmp(all[i]->name, name))
                return true;
            found = within(name, all[i]->name) ? all[i] : NULL;
        }
        name = found ? within(name, found->name) : NULL;
        all = found ? found->nested_type : NULL;
        n = found ? found->n_nested_type : 0;
    }
    return false;
}

/* ---- Extensions -------------------------------------------------------------------------------------------------- */

typedef void extension_fn(void *user, const File *, int32_t number);

static void each_of(const File *f, Field *const *all, size_t n, const char *type, extension_fn *found, void *user)
{
    for (size_t i = 0; i < n; i++)
        if (all[i]->extendee && all[i]->extendee[0] == '.' && !strcmp(all[i]->extendee + 1, type))
            found(user, f, all[i]->number);
}

static void each_in(const File *f, Message *const *all, size_t n, const char *type, extension_fn *found, void *user)
{
    for (size_t i = 0; i < n; i++) {
        each_of(f, all[i]->extension, all[i]->n_extension, type, found, user);
        each_in(f, all[i]->nested_type, all[i]->n_nested_type, type, found, user);
    }
}

/* Each extension of the message type, wherever it is declared. */
static void each_extension(const struct reflection *r, const char *type, extension_fn *found, void *user)
{
    for (size_t i = 0; i < r->files->n_file; i++) {
        const File *f = r->files->file[i];
        each_of(f, f->extension, f->n_extension, type, found, user);
        each_in(f, f->message_type, f->n_message_type, type, found, user);
    }
}

struct looking_for {
    int32_t number;
    const File *file;
};

static void compare(void *user, const File *f, int32_t number)
{
    struct looking_for *l = user;
    if (number == l->number)
        l->file = f;
}

static void append(void *user, const File *f, int32_t number)
{
    Grpc__Reflection__V1__ExtensionNumberResponse *all = user;
    if (all->extension_number)
        all->extension_number[all->n_extension_number] = number;
    all->n_extension_number++;
}

/* ---- Answers ----------------------------------------------------------------------------------------------------- */

static void fail(Response *a, struct arena *arena, int code, const char *what)
{
    a->message_response_case = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
    a->error_response = PB_NEW(arena, Grpc__Reflection__V1__ErrorResponse, grpc__reflection__v1__error_response);
    a->error_response->error_code = code;
    a->error_response->error_message = (char *)what;
}

static const File *find_file(const struct reflection *r, const char *name)
{
    for (size_t i = 0; i < r->files->n_file; i++)
        if (!strcmp(r->files->file[i]->name, name))
            return r->files->file[i];
    return NULL;
}

static const File *find_symbol(const struct reflection *r, const char *symbol)
{
    for (size_t i = 0; i < r->files->n_file; i++)
        if (has_symbol(r->files->file[i], symbol))
            return r->files->file[i];
    return NULL;
}

/* Adds the file, and what it imports, unless it is there. */
static void add_file(const struct reflection *r, const File *f, const File **list, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        if (list[i] == f)
            return;
    list[(*n)++] = f;
    for (size_t i = 0; i < f->n_dependency; i++)
        add_file(r, find_file(r, f->dependency[i]), list, n);
}

static void answer_file(const struct reflection *r, const File *file, Response *a, struct arena *arena)
{
    if (!file) {
        fail(a, arena, GRPC_STATUS_NOT_FOUND, "not found");
        return;
    }
    size_t n = 0;
    const File **list = ARENA_ARRAY(arena, const File *, r->files->n_file);
    add_file(r, file, list, &n);
    Grpc__Reflection__V1__FileDescriptorResponse *files =
        PB_NEW(arena, Grpc__Reflection__V1__FileDescriptorResponse, grpc__reflection__v1__file_descriptor_response);
    files->file_descriptor_proto = ARENA_ARRAY(arena, ProtobufCBinaryData, n);
    for (; files->n_file_descriptor_proto < n; files->n_file_descriptor_proto++) {
        const ProtobufCMessage *m = &list[files->n_file_descriptor_proto]->base;
        ProtobufCBinaryData *to = &files->file_descriptor_proto[files->n_file_descriptor_proto];
        to->data = arena_alloc(arena, protobuf_c_message_get_packed_size(m));
        to->len = protobuf_c_message_pack(m, to->data);
    }
    a->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
    a->file_descriptor_response = files;
}

static const File *find_extension(const struct reflection *r, const Grpc__Reflection__V1__ExtensionRequest *asked)
{
    struct looking_for l = {.number = asked->extension_number};
    each_extension(r, asked->containing_type, compare, &l);
    return l.file;
}

static void answer_extension_numbers(const struct reflection *r, const char *type, Response *a, struct arena *arena)
{
    bool known = false;
    for (size_t i = 0; i < r->files->n_file && !known; i++)
        known = is_message(r->files->file[i], type);
    if (!known) {
        fail(a, arena, GRPC_STATUS_NOT_FOUND, "no such message type");
        return;
    }
    Grpc__Reflection__V1__ExtensionNumberResponse *all =
        PB_NEW(arena, Grpc__Reflection__V1__ExtensionNumberResponse, grpc__reflection__v1__extension_number_response);
    each_extension(r, type, append, all); /* how many */
    all->extension_number = ARENA_ARRAY(arena, int32_t, all->n_extension_number + 1);
    all->n_extension_number = 0;
    each_extension(r, type, append, all);
    all->base_type_name = (char *)type;
    a->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
    a->all_extension_numbers_response = all;
}

/* Those that the server has a method of. */
static void answer_services(struct call *c, const struct reflection *r, Response *a, struct arena *arena)
{
    Grpc__Reflection__V1__ListServiceResponse *list =
        PB_NEW(arena, Grpc__Reflection__V1__ListServiceResponse, grpc__reflection__v1__list_service_response);
    size_t n = 0;
    for (size_t i = 0; i < r->files->n_file; i++)
        n += r->files->file[i]->n_service;
    list->service = ARENA_ARRAY(arena, Grpc__Reflection__V1__ServiceResponse *, n);
    for (size_t i = 0; i < r->files->n_file; i++)
        for (size_t s = 0; s < r->files->file[i]->n_service; s++) {
            const File *f = r->files->file[i];
            char *name = arena_printf(arena, "%s.%s", f->package, f->service[s]->name);
            if (!server_knows(c->server, name))
                continue;
            list->service[list->n_service] =
                PB_NEW(arena, Grpc__Reflection__V1__ServiceResponse, grpc__reflection__v1__service_response);
            list->service[list->n_service++]->name = name;
        }
    a->message_response_case =
        GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
    a->list_services_response = list;
}

static void answer(struct call *c, const Request *q, Response *a, struct arena *arena)
{
    const struct reflection *r = c->server->reflection;
    switch (q->message_request_case) {
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
        answer_file(r, find_file(r, q->file_by_filename), a, arena);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
        answer_file(r, find_symbol(r, q->file_containing_symbol), a, arena);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
        answer_file(r, find_extension(r, q->file_containing_extension), a, arena);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
        answer_extension_numbers(r, q->all_extension_numbers_of_type, a, arena);
        break;
    case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
        answer_services(c, r, a, arena);
        break;
    default:
        fail(a, arena, GRPC_STATUS_INVALID_ARGUMENT, "nothing is asked");
    }
}

static status converse(struct call *c, const void *none, void *nothing)
{
    const ProtobufCMessage *m;
    status st;
    while ((st = call_read(c, &m)) == ST_OK && m) {
        struct arena *arena = arena_create(0);
        Response a = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
        a.valid_host = ((const Request *)m)->host;
        a.original_request = (Request *)m;
        answer(c, (const Request *)m, &a, arena);
        st = call_write(c, &a.base);
        arena_destroy(arena);
        if (st != ST_OK)
            break;
    }
    return st;
}

void reflection_add(struct rpc_server *s)
{
#define METHOD(version)                                                                                                \
    {                                                                                                                  \
        "/grpc.reflection." version ".ServerReflection/ServerReflectionInfo", RPC_BIDI,                                \
            &grpc__reflection__v1__server_reflection_request__descriptor,                                              \
            &grpc__reflection__v1__server_reflection_response__descriptor, .bulkhead = REFLECTION_BULKHEAD,            \
                                                                           .timeout_ms = 60000                         \
    }
    static const struct rpc_method methods[] = {METHOD("v1"), METHOD("v1alpha")};
#undef METHOD
    for (size_t i = 0; s->reflection && i < sizeof methods / sizeof *methods; i++)
        server_add_method(s, &methods[i], converse, NULL);
}
