/* wire.h - JSON from and to protobuf-c messages, by the field tables that tools/protoc-gen-hubbub writes from protos/.
 * Pure and thread-safe (all tables are constant). No JSON of one message is written or read by hand anywhere.
 *
 * Writing: fields in the order of their numbers. Unset optional fields are left out; `nullable` ones become null,
 * `always` ones their default; arrays are always written unless `omit_empty`. A string is unset when it is empty.
 * Reading: jansson, depth capped at 64, duplicate keys refused. Unknown keys are ignored. Every fault of a field becomes
 * one leaf of the 50035 tree (PROTOCOL section 21), at most 100 leaves; reading goes on so that all are told at once. */
#pragma once
#include "hubbub/v1/common.pb-c.h"
#include "lib/base/arena.h"
#include "lib/base/buf.h"
#include <protobuf-c/protobuf-c.h>

enum wire_form { WIRE_PLAIN, WIRE_SNOWFLAKE, WIRE_DECIMAL, WIRE_TIME, WIRE_NONCE, WIRE_IMAGE, WIRE_RAW, WIRE_PRESENT, WIRE_HIDDEN };
enum wire_flag {
    WIRE_NULLABLE = 1, WIRE_ALWAYS = 2, WIRE_REQUIRED = 4, WIRE_OMIT_EMPTY = 8, WIRE_TRIM = 16, WIRE_CLAMP = 32,
    WIRE_INLINE = 64, WIRE_HAS_MIN = 128, WIRE_HAS_MAX = 256
};

struct wire_message;
/* One row a field, in the order of ProtobufCMessageDescriptor.fields. */
struct wire_field {
    const char *key; /* the JSON key */
    enum wire_form form;
    unsigned flags;
    uint32_t min_len, max_len, item_max_len; /* 0: no limit */
    int64_t min, max;                        /* with WIRE_HAS_MIN, WIRE_HAS_MAX */
    const int64_t *choices;
    unsigned n_choices;
    const char *const *choices_text;
    unsigned n_choices_text;
    const struct wire_message *message; /* of a message field */
    const char *dispatch;               /* Event only: the gateway event's name, or NULL */
    int intent, dm_intent;              /* Event only; -1: always sent */
};
struct wire_message {
    const ProtobufCMessageDescriptor *descriptor;
    const struct wire_field *fields; /* descriptor->n_fields of them */
};

/* Appends the message as a JSON object. */
void wire_write(struct buf *, const struct wire_message *, const ProtobufCMessage *);
/* Appends the value of one field (a whole array for a repeated one): google.api.http response_body. */
void wire_write_field(struct buf *, const struct wire_message *, const ProtobufCMessage *, const char *field_name);
/* Appends s as a JSON string, quotes included; invalid UTF-8 becomes U+FFFD. For the edge's own envelopes. */
void wire_write_string(struct buf *, const char *s);

/* Collects the leaves of one request. */
struct wire_errors {
    struct arena *arena;
    unsigned n;
    Hubbub__V1__ErrorLeaf *leaves[100];
};
void wire_error_add(struct wire_errors *, const char *path, const char *code, const char *message);
/* Appends {"code","message","errors"?,"retry_after"?}: the body of every error that a client sees. */
void wire_write_error(struct buf *, status st, const Hubbub__V1__ErrorDetail *detail_or_null);
/* A detail of ST_INVALID_FORM that carries the leaves. In the arena. */
Hubbub__V1__ErrorDetail *wire_errors_detail(const struct wire_errors *);

/* A parsed JSON text. Opaque to users (jansson inside). */
struct wire_json;
/* Parses text; ST_BAD_JSON when it is no JSON or too deep. Free with wire_json_free. */
status wire_parse(const char *text, size_t n, struct wire_json **ret) MUST_CHECK;
void wire_json_free(struct wire_json *);
/* The `op` and `d` of a gateway frame: false when it is no object with an integer op. *d lives as long as root. */
bool wire_json_frame(struct wire_json *root, int64_t *op, struct wire_json **d);
/* An integer or null value (heartbeat's d): false when it is neither; null gives -1. */
bool wire_json_integer_or_null(struct wire_json *, int64_t *ret);

/* Calls fn for each member of an object; false when it is none. */
bool wire_json_each(struct wire_json *, void (*fn)(void *user, const char *key, struct wire_json *value), void *user);
/* A member of an object, NULL when there is none. */
struct wire_json *wire_json_get(struct wire_json *, const char *key);
/* The pairs of integers in an array of arrays ([[0,99],[100,199]]), at most max; what is none is left out. */
size_t wire_json_pairs(struct wire_json *, int64_t (*ret)[2], size_t max);

/* Reads a JSON object into a new message in the arena. Faults go to errors; *ret is set whatever they are. */
void wire_read(struct wire_json *, const struct wire_message *, struct wire_errors *, struct arena *, ProtobufCMessage **ret);
/* Reads into one field of an existing message: the array or object that a body: "field" rule names. The body is that
 * field, so leaves begin below it ("0.id"). */
void wire_read_field(struct wire_json *, const struct wire_message *, ProtobufCMessage *, const char *field_name, struct wire_errors *, struct arena *);
/* Sets one field from text: a path or query parameter, by the proto's name or the JSON key. An unknown name is ignored, and
 * so are HIDDEN, RAW and message fields; repeated fields append. `present` is kept as it is: it tells of the body only. */
void wire_read_text(const struct wire_message *, ProtobufCMessage *, const char *name, const char *text, struct wire_errors *, struct arena *);
/* Required fields that are still unset become leaves: call after body, query and path were read. Nested ones were
 * checked by wire_read; this is for the request message itself. A field (or a body) that has a leaf gets no second one. */
void wire_check_required(const struct wire_message *, const ProtobufCMessage *, struct wire_errors *);

/* Whether the key of field number tag was in the request (null or not): for PATCH. */
static inline bool wire_present(size_t n, const uint32_t *present, uint32_t tag)
{
    for (size_t i = 0; i < n; i++)
        if (present[i] == tag)
            return true;
    return false;
}
#define WIRE_PRESENT_IN(request, tag) wire_present((request)->n_present, (request)->present, (tag))

/* Routes. */
struct rpc_method;
struct wire_route {
    const char *verb;     /* "GET" */
    const char *path;     /* "/channels/{channel_id}/messages": after the version prefix */
    const char *service, *name;
    const struct rpc_method *method;
    const struct wire_message *request, *response;
    const char *body;          /* "*", a field's name, or "" */
    const char *response_body; /* a field's name, or "" */
    const char *bucket;
    int success;
    bool multipart, reason, may_be_empty;
};
/* The only set field of an Event: its row in the field table (dispatch, intent), and the message. NULL when none is set. */
const struct wire_field *wire_event_field(const struct wire_message *event_wire, const ProtobufCMessage *event, const ProtobufCMessage **ret_message);
