/* schema.h - the protos of one run, read into what the emitters need: types resolved, options decoded, routes listed.
 * Everything lives in the schema's arena, and is read-only once schema_load returns. One thread. */
#pragma once
#include "google/api/http.pb-c.h"
#include "google/protobuf/compiler/plugin.pb-c.h"
#include "hubbub/v1/options.pb-c.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__FieldDescriptorProto field_proto;
typedef Google__Protobuf__ServiceDescriptorProto service_proto;
typedef Google__Protobuf__MethodDescriptorProto method_proto;
typedef Hubbub__V1__FieldRule field_rule;
typedef Hubbub__V1__MethodRule method_rule;

enum { PLACE_DEPTH_MAX = 32 };
/* Where in a file something stands: the path that source_code_info uses. */
struct place {
    const file_proto *file;
    int32_t path[PLACE_DEPTH_MAX];
    unsigned n;
};

/* What a value is in C and in JSON; bits, so that a set of them is a mask. */
enum kind {
    KIND_BOOL = 1,
    KIND_INT32 = 2,
    KIND_UINT32 = 4,
    KIND_INT64 = 8,
    KIND_UINT64 = 16,
    KIND_REAL = 32,
    KIND_STRING = 64,
    KIND_BYTES = 128,
    KIND_ENUM = 256,
    KIND_MESSAGE = 512
};
enum { KIND_NUMBER = KIND_INT32 | KIND_UINT32 | KIND_INT64 | KIND_UINT64 | KIND_REAL | KIND_ENUM, KIND_ANY = 1023 };

struct message;
struct field {
    const field_proto *proto;
    const field_rule *rule; /* never NULL */
    const char *key;        /* in JSON */
    enum kind kind;
    Hubbub__V1__Form form; /* bytes without a form are HIDDEN: JSON has none for them */
    bool repeated;
    const struct message *message;  /* of KIND_MESSAGE */
    const struct message *array_of; /* of a RAW field that says so */
    struct place place;
};
struct message {
    const char *full;  /* "hubbub.v1.Guild" */
    const char *type;  /* "Hubbub__V1__Guild" */
    const char *lower; /* "hubbub__v1__guild" */
    const message_proto *proto;
    struct field *fields; /* in the order of their numbers, as protobuf-c has them */
    unsigned n_fields;
    struct place place;
};
struct binding {
    const char *verb, *path, *body, *response_body;
};
struct method {
    const method_proto *proto;
    const method_rule *rule; /* never NULL */
    const char *member;      /* "list_of_guild" */
    const struct message *in, *out;
    struct binding *bindings;
    unsigned n_bindings, index;
    const struct service *service;
    struct place place;
};
struct service {
    const char *full, *lower;
    struct method *methods;
    unsigned n_methods;
};
struct file {
    const file_proto *proto;
    const char *stem; /* "hubbub/v1/guilds" */
    bool wanted;      /* named on protoc's command line: code is made for it */
    struct message *messages;
    unsigned n_messages;
    struct service *services;
    unsigned n_services;
};
struct schema {
    struct arena *arena;
    struct file *files;
    unsigned n_files;
    struct buf refusals; /* one line for each thing that must not build; empty: all is well */
};

void schema_load(struct schema *, const Google__Protobuf__Compiler__CodeGeneratorRequest *);
/* The field of that proto name, or NULL. */
const struct field *schema_field(const struct message *, const char *name);
/* Where a route takes the field of its request from: "path", "query" or "body". */
const char *binding_where(const struct binding *, const struct field *);
/* The message of that full name, or NULL. */
const struct message *schema_message(const struct schema *, const char *full);
/* The name without its package. */
const char *schema_short(const file_proto *, const char *full);
/* The comment at a place, as one line: the lines above it, and with trailing what stands behind it on its own line. ""
 * when none. */
const char *schema_comment(const struct schema *, const struct place *, bool trailing);
/* The comment that opens the file. */
const char *schema_file_comment(const struct schema *, const file_proto *);
/* Adds "file.proto:LINE: NAME WHAT". */
void schema_refuse(struct schema *, const struct place *, const char *name, const char *format, ...) PRINTF_LIKE(4, 5);

/* Calls visit for every {parameter} of a route's path, in order, with the name alone. */
void path_each_parameter(struct arena *, const char *path, void (*visit)(void *user, const char *name), void *user);

/* protoc-c's names: "hubbub.v1.GuildRole" -> "Hubbub__V1__GuildRole", "hubbub__v1__guild_role". */
const char *name_type(struct arena *, const char *full);
const char *name_lower(struct arena *, const char *full);
/* Whether C keeps the word for itself. */
bool name_is_keyword(const char *);

/* Everything that must not build, told in schema.refusals. */
void check_schema(struct schema *);

/* The texts of the generated files; each in the arena. */
const char *emit_header(struct schema *, const struct file *);
const char *emit_source(struct schema *, const struct file *);
const char *emit_routes_header(struct schema *);
const char *emit_routes_source(struct schema *, const char *folder);
const char *emit_routes_json(struct schema *);
const char *emit_openapi(struct schema *);
