/* The way of a request: a WebSocket handshake goes to socket.c, OPTIONS is answered for all, then an own route, then
 * the generated table. For a table row: who is it (identity.c; before a byte of the body is read), may they (the row's
 * auth), then the body, then the call. */
#include "services/gateway/edge/exchange.h"
#include "hubbub/v1/routes.hub.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/gateway/edge/socket.h"
#include "services/gateway/edge/url.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Counting -------------------------------------------------------------------------------------------------- */

enum { CODE_CLASSES = 5 };
/* One counter for each route and class of codes that was seen; row 0: what is no route of the table. */
static struct metric **route_counters;
static struct metric latency =
    METRIC_HISTOGRAM("hubbub_http_request_seconds", "From the head of a request to its answer", "");

static struct metric *counter_of(int route, int code)
{
    unsigned at = (unsigned)(route + 1) * CODE_CLASSES + (unsigned)(code / 100 - 1) % CODE_CLASSES;
    if (!route_counters)
        route_counters = calloc((hubbub_n_routes + 1) * CODE_CLASSES, sizeof *route_counters);
    if (!route_counters)
        log_fatal("out of memory");
    if (route_counters[at])
        return route_counters[at];
    struct buf labels = {0};
    if (route < 0)
        buf_printf(&labels, "route=\"other\",code=\"%dxx\"", code / 100);
    else
        buf_printf(&labels, "route=\"%s %s\",code=\"%dxx\"", hubbub_routes[route].verb, hubbub_routes[route].path,
                   code / 100);
    struct metric *m = malloc(sizeof *m);
    if (!m)
        log_fatal("out of memory");
    *m = (struct metric)METRIC_COUNTER("hubbub_http_requests_total",
                                       "Requests answered, by route and class of the code", buf_str(&labels));
    return route_counters[at] = m; /* labels stay: metrics are never taken away */
}

void exchange_count(struct exchange *x, int code)
{
    admit_note_answer(x, code);
    metric_add(counter_of(x->metric_route, code), 1);
    metric_observe_us(&latency, clock_mono_us() - x->started_us);
}

/* ---- Life ------------------------------------------------------------------------------------------------------ */

void exchange_ref(struct exchange *x)
{
    x->refs++;
}

void exchange_unref(struct exchange *x)
{
    if (--x->refs)
        return;
    struct connection *c = x->connection;
    wire_json_free(x->json);
    free(x->head_text);
    arena_destroy(x->arena); /* x itself is in it */
    connection_unref(c);
}

void exchange_answer(struct exchange *x, int code, const char *content_type, const char *headers, const void *body,
                     size_t n)
{
    if (!exchange_alive(x))
        return;
    exchange_count(x, code);
    connection_answer(x->connection, code, content_type, headers, body, n);
}

static const char *retry_line(struct exchange *x, int code, const Hubbub__V1__ErrorDetail *detail)
{
    int64_t ms = detail && detail->has_retry_after_ms ? detail->retry_after_ms : 0;
    if (code != 503 && code != 429)
        return NULL;
    x->admission.exempt = code == 429; /* not a limit of ours: the service's, for all who use the thing */
    return arena_printf(x->arena, "Retry-After: %lld\r\n%s", (long long)(ms > 0 ? (ms + 999) / 1000 : 1),
                        code == 429 ? "X-RateLimit-Scope: shared\r\n" : "");
}

void exchange_fail(struct exchange *x, status st, const Hubbub__V1__ErrorDetail *detail)
{
    if (!exchange_alive(x))
        return;
    if (st == ST_CANCELLED || st == ST_OK)
        st = ST_UNAVAILABLE;
    struct buf body = {0};
    wire_write_error(&body, st, detail);
    int code = status_row(st)->http;
    exchange_answer(x, code, "application/json", retry_line(x, code, detail), body.data, body.len);
    buf_finish(&body);
}

void edge_request_id(char ret[33])
{
    unsigned char bytes[16];
    randombytes_buf(bytes, sizeof bytes);
    sodium_bin2hex(ret, 33, bytes, sizeof bytes);
}

/* ---- WebSocket ------------------------------------------------------------------------------------------------- */

enum { HANDSHAKE_RETRY_S_MAX = 5 };

static const char *query_value(const struct url_pair *pairs, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(pairs[i].name, name))
            return pairs[i].value;
    return NULL;
}

/* No version asked means 10. Of a compression that we do not have, nothing comes: frames as they are are what every
 * client takes as well. */
static struct socket_terms terms_of(struct exchange *x)
{
    struct socket_terms terms = {0};
    struct url_pair pairs[16];
    unsigned n;
    if (!url_query(x->arena, x->head.query, pairs, 16, &n))
        return terms;
    const char *v = query_value(pairs, n, "v"), *encoding = query_value(pairs, n, "encoding"),
               *compress = query_value(pairs, n, "compress");
    if (compress && !strcmp(compress, "zlib-stream"))
        terms.stream = STREAM_ZLIB;
    else if (compress && !strcmp(compress, "zstd-stream"))
        terms.stream = STREAM_ZSTD;
    terms.etf = encoding && !strcmp(encoding, "etf");
    if (encoding && !terms.etf && strcmp(encoding, "json"))
        return terms;
    if (!v || !strcmp(v, "10"))
        terms.version = 10;
    else if (!strcmp(v, "9"))
        terms.version = 9;
    return terms;
}

static bool key_ok(const char *key)
{
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return key && strlen(key) == 24 && strspn(key, base64) == 22 && !strcmp(key + 22, "==");
}

static bool is_gateway_path(const char *path)
{
    return !strcmp(path, "/") || !strcmp(path, "/gateway") || !strcmp(path, "/gateway/");
}

/* A herd comes again in a spread of seconds, not at once. */
static void refuse_handshake(struct exchange *x)
{
    Hubbub__V1__ErrorDetail detail = HUBBUB__V1__ERROR_DETAIL__INIT;
    PB_SET(&detail, retry_after_ms, (1 + randombytes_uniform(HANDSHAKE_RETRY_S_MAX)) * 1000);
    metric_add(&edge_handshakes_refused, 1);
    exchange_fail(x, ST_UNAVAILABLE, &detail);
}

static void start_websocket(struct exchange *x)
{
    const char *key = http_header(&x->head, "sec-websocket-key"),
               *version = http_header(&x->head, "sec-websocket-version");
    if (!is_gateway_path(x->head.path)) {
        exchange_fail(x, ST_NOT_FOUND, NULL);
        return;
    }
    if (!version || strcmp(version, "13")) {
        exchange_answer(x, 426, NULL, "Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\n", NULL, 0);
        return;
    }
    if (strcmp(x->head.verb, "GET") || !key_ok(key) || !x->connection->body_done) {
        exchange_fail(x, ST_BAD_REQUEST, NULL);
        return;
    }
    if (hub_unidentified(x->edge->hub) >= x->edge->config->unidentified_max || !admit_handshake(x)) {
        refuse_handshake(x);
        return;
    }
    char *rest;
    size_t n;
    struct socket_terms terms = terms_of(x);
    int fd = connection_release(x->connection, &rest, &n);
    socket_adopt(x->edge, fd, key, terms, rest, n);
    free(rest);
}

/* ---- The table ------------------------------------------------------------------------------------------------- */

/* The body's form, judged by its headers alone. ST_OK when it can be read. */
static status judge_body(const struct exchange *x)
{
    const char *type = http_header(&x->head, "content-type"), *encoding = http_header(&x->head, "content-encoding");
    if (x->connection->body_done)
        return ST_OK;
    if (encoding && strcasecmp(encoding, "identity"))
        return ST_UNSUPPORTED_MEDIA_TYPE;
    size_t n = type ? strcspn(type, "; \t") : 0;
    if (n == 16 && !strncasecmp(type, "application/json", n))
        return ST_OK;
    if (n == 19 && !strncasecmp(type, "multipart/form-data", n) && x->match.route->multipart)
        return ST_OK;
    return ST_UNSUPPORTED_MEDIA_TYPE;
}

static void on_identity(struct identity_wait *wait, status st, const struct identity *identity)
{
    struct exchange *x = (struct exchange *)((char *)wait - offsetof(struct exchange, identity_wait));
    enum rpc_auth auth = x->match.route->method->auth;
    if (st == ST_OK) {
        x->identity = *identity;
        if (auth == RPC_PERSON && identity->bot)
            st = ST_BOTS_FORBIDDEN;
        if (auth == RPC_BOT && !identity->bot)
            st = ST_ONLY_BOTS;
        if (auth == RPC_ADMINISTRATOR && !identity->admin)
            st = ST_MISSING_ACCESS;
    }
    if (st != ST_OK)
        exchange_fail(x, st, NULL);
    else if (exchange_alive(x))
        admit_route(x, rest_start);
    exchange_unref(x);
}

static void start_route(struct exchange *x)
{
    const struct wire_route *route = x->match.route;
    status st = judge_body(x);
    if (st != ST_OK) {
        exchange_fail(x, st, NULL);
        return;
    }
    if (route->method->auth == RPC_PUBLIC) {
        admit_route(x, rest_start);
        return;
    }
    if (!x->token) {
        exchange_fail(x, ST_UNAUTHORIZED, NULL);
        return;
    }
    x->identity_wait.done = on_identity;
    exchange_ref(x);
    identity_resolve(x->edge, x->token, x->request_id, &x->identity_wait);
}

static void find_route(struct exchange *x)
{
    bool bad_version;
    const char *path = router_strip_prefix(x->head.path, &bad_version);
    if (!path) {
        exchange_fail(x, bad_version ? ST_BAD_API_VERSION : ST_NOT_FOUND, NULL);
        return;
    }
    router_find(x->edge->router, x->is_head ? "GET" : x->head.verb, path, &x->match);
    if (!x->match.route) {
        exchange_fail(x, x->match.path_exists ? ST_METHOD_NOT_ALLOWED : ST_NOT_FOUND, NULL);
        return;
    }
    x->metric_route = (int)x->match.index;
    start_route(x);
}

static void answer_options(struct exchange *x)
{
    static const char headers[] =
        "Access-Control-Allow-Methods: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"
        "Access-Control-Allow-Headers: Authorization, Content-Type, X-Audit-Log-Reason, X-Request-Id, "
        "X-Super-Properties, X-Discord-Locale, X-Discord-Timezone, X-Debug-Options, Range\r\n"
        "Access-Control-Max-Age: 86400\r\n";
    exchange_answer(x, 204, NULL, headers, NULL, 0);
}

static struct exchange *create(struct connection *c, char *head_text, const struct http_head *head)
{
    struct arena *arena = arena_create(0);
    struct exchange *x = ARENA_NEW(arena, struct exchange);
    *x = (struct exchange){.connection = c,
                           .refs = 1,
                           .edge = c->edge,
                           .arena = arena,
                           .head = *head,
                           .head_text = head_text,
                           .started_us = clock_mono_us(),
                           .is_head = !strcmp(head->verb, "HEAD"),
                           .metric_route = -1};
    edge_request_id(x->request_id);
    connection_ref(c);
    c->exchange = x;
    x->token = identity_token_of(http_header(&x->head, "authorization"));
    x->caller = (struct rpc_identity){.address = admit_client_address(x),
                                      .request_id = x->request_id,
                                      .traceparent = http_header(&x->head, "traceparent")};
    return x;
}

/* Files that chat gives out by what stands in their path. */
static bool file_start(struct exchange *x)
{
    static const struct {
        const char *prefix;
        void (*start)(struct exchange *, const char *behind);
    } files[] = {{"/attachments/", attachment_start}, {"/evidence/", evidence_start}, {"/exports/", export_start}};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t n = strlen(files[i].prefix);
        if (!strncmp(x->head.path, files[i].prefix, n)) {
            files[i].start(x, x->head.path + n);
            return true;
        }
    }
    return false;
}

void exchange_start(struct connection *c, char *head_text, const struct http_head *head)
{
    struct exchange *x = create(c, head_text, head);
    exchange_ref(x);
    if (x->head.websocket)
        start_websocket(x);
    else if (!strcmp(x->head.verb, "OPTIONS"))
        answer_options(x);
    else if (admit_refuse_address(x))
        ;
    else if (!file_start(x) && !asset_start(x) && !own_route_start(x))
        find_route(x);
    exchange_unref(x);
}
