/* exchange.h - one request and its answer. Lives in its arena; the connection holds it until the answer is out, a call
 * in flight holds the connection. */
#pragma once
#include "services/gateway/edge/admit.h"
#include "services/gateway/edge/connection.h"
#include "services/gateway/edge/identity.h"
#include "services/gateway/edge/multipart.h"

struct exchange {
    struct connection *connection; /* held by the exchange: may be closed, is never gone */
    unsigned refs;                 /* the connection's, and one for each call in flight */
    struct edge *edge;
    struct arena *arena;
    struct http_head head; /* points into head_text */
    char *head_text;
    char request_id[33];
    int64_t started_us;
    bool is_head;
    int metric_route; /* index in hubbub_routes; -1: an own route */
    struct router_match match;
    const char *token; /* as the client sent it, prefix cut; NULL when none */
    struct identity identity;
    struct rpc_identity caller;
    struct identity_wait identity_wait;
    struct admission admission;
    struct wire_json *json;
    /* What the connection calls. */
    void (*on_body)(struct exchange *);
    void (*on_drained)(struct exchange *);
    void (*on_over)(struct exchange *); /* answered, or the socket is closed: cancel what still runs */
    void *state;
};

/* The connection has read a head into text (owned by the exchange from now on). */
void exchange_start(struct connection *, char *head_text, const struct http_head *);
void exchange_ref(struct exchange *);
void exchange_unref(struct exchange *);
/* Whether the answer is still wanted: false when the socket is gone, or the exchange was answered already. */
static inline bool exchange_alive(const struct exchange *x)
{
    return x->connection->exchange == x && x->connection->state < CONNECTION_ANSWERING;
}

void exchange_answer(struct exchange *, int code, const char *content_type, const char *headers, const void *body,
                     size_t n);
/* The error body of st; detail may be NULL. */
void exchange_fail(struct exchange *, status st, const Hubbub__V1__ErrorDetail *);
/* Counts an answer: called by whoever begins one by connection_answer_begin. */
void exchange_count(struct exchange *, int code);

/* own_routes.c: true when it took the request. */
bool own_route_start(struct exchange *);
/* rest.c: a route was found and the caller may use it. */
void rest_start(struct exchange *);
/* The request message from payload (NULL: {}), query and path, into *ret; false: it was answered already. */
bool rest_build(struct exchange *, const char *payload, size_t n, ProtobufCMessage **ret) MUST_CHECK;
void rest_call(struct exchange *, const ProtobufCMessage *);
/* upload.c */
void upload_start(struct exchange *);
/* json_images.c: a body that may hold images; whether a request is of that kind. */
void json_images_start(struct exchange *);
bool json_images_wanted(const struct wire_message *request);
/* export.c: what is behind "/exports/". */
void export_start(struct exchange *, const char *ticket);
/* attachment.c: path is behind "/attachments/". */
void attachment_start(struct exchange *, const char *path);
/* The same behind "/evidence/". */
void evidence_start(struct exchange *, const char *path);
/* asset.c: true when it took the request. */
bool asset_start(struct exchange *);
