/* protoc-gen-hubbub - what protobuf-c leaves out: JSON field tables with their limits, services with kinds, auth and
 * deadlines, typed stubs, and the REST routes. protoc writes a CodeGeneratorRequest to stdin and reads the response.
 *
 * hubbub/v1/X.proto gives hubbub/v1/X.hub.h and X.hub.c; the run as a whole gives routes.hub.h, routes.hub.c,
 * routes.json and openapi.json beside the first of them. A proto that breaks a rule of check.c gives none: protoc prints why and fails.
 */
#include "tools/protoc-gen-hubbub/schema.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Google__Protobuf__Compiler__CodeGeneratorRequest request_pb;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse response_pb;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File response_file;

static request_pb *read_request(struct arena *a)
{
    struct buf in = {0};
    char chunk[65536];
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, stdin)) > 0;)
        buf_put(&in, chunk, n);
    request_pb *request =
        google__protobuf__compiler__code_generator_request__unpack(arena_protobuf(a), in.len, (const uint8_t *)in.data);
    buf_finish(&in);
    return request;
}

static int write_response(const response_pb *response)
{
    size_t n = google__protobuf__compiler__code_generator_response__get_packed_size(response);
    uint8_t *bytes = malloc(n ? n : 1);
    if (!bytes)
        return 1;
    google__protobuf__compiler__code_generator_response__pack(response, bytes);
    bool written = fwrite(bytes, 1, n, stdout) == n && fflush(stdout) == 0;
    free(bytes);
    return written ? 0 : 1;
}

static void add_file(struct arena *a, response_pb *response, const char *stem, const char *suffix, const char *text)
{
    response_file *f = PB_NEW(a, response_file, google__protobuf__compiler__code_generator_response__file);
    f->name = arena_printf(a, "%s%s", stem, suffix);
    f->content = arena_strdup(a, text);
    response->file[response->n_file++] = f;
}

static const char *folder_of(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? arena_strndup(a, path, (size_t)(slash - path) + 1) : "";
}

static void emit(struct schema *s, response_pb *response, const char *folder)
{
    response->file = ARENA_ARRAY(s->arena, response_file *, 2 * s->n_files + 4);
    for (unsigned i = 0; i < s->n_files; i++) {
        const struct file *f = &s->files[i];
        if (!f->wanted)
            continue;
        add_file(s->arena, response, f->stem, ".hub.h", emit_header(s, f));
        add_file(s->arena, response, f->stem, ".hub.c", emit_source(s, f));
    }
    const char *routes = arena_printf(s->arena, "%sroutes", folder);
    add_file(s->arena, response, routes, ".hub.h", emit_routes_header(s));
    add_file(s->arena, response, routes, ".hub.c", emit_routes_source(s, folder));
    add_file(s->arena, response, routes, ".json", emit_routes_json(s));
    add_file(s->arena, response, arena_printf(s->arena, "%sopenapi", folder), ".json", emit_openapi(s));
}

int main(void)
{
    struct schema s = {.arena = arena_create((size_t)1 << 30)};
    const request_pb *request = read_request(s.arena);
    if (!request || request->n_file_to_generate == 0) {
        fprintf(stderr, "protoc-gen-hubbub: run me through protoc\n");
        return 1;
    }
    response_pb response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
    schema_load(&s, request);
    check_schema(&s);
    if (s.refusals.len)
        response.error = arena_strdup(s.arena, buf_str(&s.refusals));
    else
        emit(&s, &response, folder_of(s.arena, request->file_to_generate[0]));
    int result = write_response(&response);
    buf_finish(&s.refusals);
    arena_destroy(s.arena);
    return result;
}
