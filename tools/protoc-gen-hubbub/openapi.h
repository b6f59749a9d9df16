/* openapi.h - what emit_openapi.c (paths) and emit_schemas.c (messages) share. */
#pragma once
#include "tools/protoc-gen-hubbub/json.h"
#include "tools/protoc-gen-hubbub/schema.h"

/* Whose JSON it is: an answer's, a request body's, or a parameter's. Bits, for struct reached. */
enum direction { DIRECTION_OUT = 1, DIRECTION_IN = 2, DIRECTION_TEXT = 4 };

/* Every message of the run in the protos' order, and how the routes come to it. */
struct reached {
    const struct message *message;
    unsigned directions;
};
struct openapi {
    struct schema *schema;
    struct json json;
    struct reached *reached;
    unsigned n_reached;
};

/* Marks the message, or the one behind a field, and all it holds. Before anything is put: a schema's name depends on
 * it. */
void openapi_reach(struct openapi *, const struct message *, enum direction);
void openapi_reach_field(struct openapi *, const struct field *, enum direction);
/* Whether JSON has the field. */
bool openapi_has(const struct field *, enum direction);
/* Whether an object of it must have some key. at: of a request, so that only the body's fields count; else NULL. */
bool openapi_requires(const struct message *, const struct binding *at, enum direction);

/* A reference to the message's schema. */
void openapi_put_message(struct openapi *, const char *key, const struct message *, enum direction);
void openapi_put_object(struct openapi *, const char *key, const struct message *, const struct binding *at,
                        enum direction);
void openapi_put_field(struct openapi *, const char *key, const struct field *, enum direction);
/* components/schemas of all that was reached, into an object that is open. */
void openapi_put_schemas(struct openapi *);
