/* status.h - how a call ends: one enum for every service, with what a client is told of it. Pure; any thread. */
#pragma once
#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(at, args) __attribute__((format(printf, at, args)))

typedef enum {
#define STATUS(name, grpc, http, json, text) ST_##name,
#include "lib/base/status.def"
#undef STATUS
    ST_COUNT
} status;

struct status_row {
    const char *name; /* "UNKNOWN_CHANNEL" */
    int grpc;         /* grpc_status_code */
    int http;         /* the HTTP status that the edge answers with */
    int json;         /* `code` of the error body; PROTOCOL section 21 */
    const char *text; /* `message` of the error body */
};

/* The row of st; one outside the table (a newer peer's) reads as ST_INTERNAL. */
const struct status_row *status_row(status st);
