/* Routes that need no other service, or are the gateway's own. One row each. */
#include "hubbub/v1/gateway.hub.h"
#include "services/gateway/edge/docs_routes.h"
#include "services/gateway/edge/exchange.h"
#include "services/gateway/edge/static.h"
#include <string.h>

static void answer_json(struct exchange *x, const struct wire_message *wire, const ProtobufCMessage *message)
{
    struct buf body = {0};
    wire_write(&body, wire, message);
    exchange_answer(x, 200, "application/json", NULL, body.data, body.len);
    buf_finish(&body);
}

static void gateway(struct exchange *x)
{
    Hubbub__V1__GatewayUrl m = HUBBUB__V1__GATEWAY_URL__INIT;
    m.url = x->edge->gateway_url;
    answer_json(x, &hubbub__v1__gateway_url__wire, &m.base);
}

static void answer_gateway_bot(struct exchange *x)
{
    struct admit_starts starts = admit_starts_of(x);
    Hubbub__V1__SessionStartLimit limit = HUBBUB__V1__SESSION_START_LIMIT__INIT;
    PB_SET(&limit, total, (int32_t)starts.total);
    PB_SET(&limit, remaining, (int32_t)starts.remaining);
    PB_SET(&limit, reset_after, starts.reset_after_ms);
    PB_SET(&limit, max_concurrency, (int32_t)starts.max_concurrency);
    Hubbub__V1__GatewayBot m = HUBBUB__V1__GATEWAY_BOT__INIT;
    m.url = x->edge->gateway_url;
    PB_SET(&m, shards, 1);
    m.session_start_limit = &limit;
    answer_json(x, &hubbub__v1__gateway_bot__wire, &m.base);
}

static void on_bot_admitted(struct exchange *x)
{
    admit_read_starts(x, answer_gateway_bot);
}

static void on_bot_identity(struct identity_wait *wait, status st, const struct identity *identity)
{
    struct exchange *x = (struct exchange *)((char *)wait - offsetof(struct exchange, identity_wait));
    if (st != ST_OK) {
        exchange_fail(x, st, NULL);
    } else {
        x->identity = *identity;
        admit(x, RATELIMIT_READ, "gateway.bot", on_bot_admitted);
    }
    exchange_unref(x);
}

static void gateway_bot(struct exchange *x)
{
    if (!x->token) {
        exchange_fail(x, ST_UNAUTHORIZED, NULL);
        return;
    }
    x->identity_wait.done = on_bot_identity;
    exchange_ref(x);
    identity_resolve(x->edge, x->token, x->request_id, &x->identity_wait);
}

static void ping(struct exchange *x)
{
    exchange_answer(x, 200, "application/json", NULL, "{\"ping\":\"pong\"}", 15);
}

/* {"api": base} and, for /client, the three base URLs: what Spacebar's clients discover an instance by. */
static void well_known(struct exchange *x)
{
    struct buf body = {0};
    buf_puts(&body, "{\"api\":");
    wire_write_string(&body, arena_printf(x->arena, "%s/api", x->edge->public_url));
    buf_puts(&body, "}");
    exchange_answer(x, 200, "application/json", NULL, body.data, body.len);
    buf_finish(&body);
}

static void well_known_client(struct exchange *x)
{
    struct edge *e = x->edge;
    struct buf body = {0};
    buf_puts(&body, "{\"api\":{\"baseUrl\":");
    wire_write_string(&body, arena_printf(x->arena, "%s/api", e->public_url));
    buf_puts(&body, ",\"apiVersions\":{\"default\":\"10\",\"active\":[\"9\",\"10\"]}},\"cdn\":{\"baseUrl\":");
    wire_write_string(&body, e->cdn_url);
    buf_puts(&body, "},\"gateway\":{\"baseUrl\":");
    wire_write_string(&body, e->gateway_url);
    buf_puts(&body, ",\"encoding\":[\"json\",\"etf\"],\"compression\":[\"zlib-stream\",\"zstd-stream\"]}}");
    exchange_answer(x, 200, "application/json", NULL, body.data, body.len);
    buf_finish(&body);
}

static void put_escaped(struct buf *b, const char *text)
{
    for (; *text; text++) {
        const char *entity = *text == '&'   ? "&amp;"
                             : *text == '<' ? "&lt;"
                             : *text == '>' ? "&gt;"
                             : *text == '"' ? "&quot;"
                                            : NULL;
        if (entity)
            buf_puts(b, entity);
        else
            buf_putc(b, *text);
    }
}

/* Where there is no web client: what somebody who opens the address in a browser can do next. */
static void page(struct exchange *x)
{
    static const char headers[] = "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; "
                                  "frame-ancestors 'none'; base-uri 'none'\r\n"
                                  "Referrer-Policy: no-referrer\r\nCache-Control: no-cache\r\n";
    struct buf b = {0};
    buf_puts(
        &b, "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
            "content=\"width=device-width, initial-scale=1\">"
            "<title>Hubbub</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem "
            "auto;padding:0 1rem}"
            "pre{background:#f3f3f3;color:#222;padding:.8rem;overflow:auto}</style></head><body><main><h1>Hubbub is "
            "running</h1>"
            "<p>This server speaks Discord's REST and gateway protocol.</p><h2>Make an account</h2><pre>curl -X POST ");
    put_escaped(&b, x->edge->public_url);
    buf_puts(&b, "/api/v10/auth/register -H 'Content-Type: application/json' \\\n"
                 "  -d '{\"username\":\"ada\",\"password\":\"a long "
                 "password\",\"consent\":true,\"date_of_birth\":\"1990-01-01\"}'</pre>"
                 "<p>The first account administrates the server. The answer holds a token: send it as the "
                 "Authorization header.</p>"
                 "<h2>Listen live</h2><p>Connect a WebSocket to <code>");
    put_escaped(&b, x->edge->gateway_url);
    buf_puts(&b, "/?v=10&amp;encoding=json</code> and identify with the token.</p><h2>Run a bot</h2><p>Point a Discord "
                 "library at REST base <code>");
    put_escaped(&b, x->edge->public_url);
    buf_puts(&b, "/api</code>; it finds the gateway from there.</p></main></body></html>\n");
    exchange_answer(x, 200, "text/html; charset=utf-8", headers, b.data, b.len);
    buf_finish(&b);
}

static const struct {
    const char *path;
    bool versioned; /* stands behind /v1, /api, ... as well */
    void (*start)(struct exchange *);
} own_routes[] = {
    {"/", false, page},
    {"/gateway", true, gateway},
    {"/gateway/bot", true, gateway_bot},
    {"/ping", true, ping},
    {"/openapi.json", false, docs_openapi},
    {"/docs", false, docs_page},
    {"/docs/page.css", false, docs_style},
    {"/docs/page.js", false, docs_script},
    {"/.well-known/spacebar", false, well_known},
    {"/.well-known/spacebar/client", false, well_known_client},
};

static bool same_path(const char *path, const char *row)
{
    size_t n = strlen(row);
    return !strncmp(path, row, n) && (!path[n] || (n > 1 && !strcmp(path + n, "/")));
}

bool own_route_start(struct exchange *x)
{
    if (site_start(x->edge->site, x))
        return true;
    bool bad_version;
    const char *behind = router_strip_prefix(x->head.path, &bad_version);
    for (unsigned i = 0; i < sizeof own_routes / sizeof own_routes[0]; i++) {
        if (!same_path(x->head.path, own_routes[i].path) &&
            !(own_routes[i].versioned && behind && same_path(behind, own_routes[i].path)))
            continue;
        if (strcmp(x->head.verb, "GET") && !x->is_head)
            exchange_fail(x, ST_METHOD_NOT_ALLOWED, NULL);
        else
            own_routes[i].start(x);
        return true;
    }
    return false;
}
