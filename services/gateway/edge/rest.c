/* A request of the generated table: its message is filled from body, query and path, in that order, so that what the
 * path says wins; the call goes to the instance that owns the guild; the answer is written by the same tables. */
#include "hubbub/v1/accounts.hub.h"
#include "hubbub/v1/webhooks.hub.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/gateway/edge/exchange.h"
#include "services/gateway/edge/url.h"
#include <stdlib.h>
#include <string.h>

enum { QUERY_PAIRS_MAX = 64, REASON_CHARACTERS_MAX = 512 };

/* The row of a field that a request may name; NULL for an unknown, hidden or bookkeeping one. */
static const struct wire_field *open_field(const struct wire_message *wire, const char *name)
{
    for (unsigned i = 0; i < wire->descriptor->n_fields; i++) {
        const struct wire_field *f = &wire->fields[i];
        if (f->form == WIRE_HIDDEN || f->form == WIRE_PRESENT)
            continue;
        if (!strcmp(wire->descriptor->fields[i].name, name) || (f->key && !strcmp(f->key, name)))
            return f;
    }
    return NULL;
}

static bool read_body(struct exchange *x, const char *payload, size_t n, struct wire_errors *errors,
                      ProtobufCMessage **ret)
{
    const struct wire_route *route = x->match.route;
    bool named = *route->body && strcmp(route->body, "*"), missing = !payload || !n;
    if (missing && !named) {
        payload = "{}";
        n = 2;
    }
    if (!*route->body || (missing && named)) {
        *ret = arena_alloc(x->arena, route->request->descriptor->sizeof_message);
        protobuf_c_message_init(route->request->descriptor, *ret);
        return true;
    }
    status st = wire_parse(payload, n, &x->json);
    if (st != ST_OK) {
        exchange_fail(x, st, NULL);
        return false;
    }
    if (!named) {
        wire_read(x->json, route->request, errors, x->arena, ret);
        return true;
    }
    *ret = arena_alloc(x->arena, route->request->descriptor->sizeof_message);
    protobuf_c_message_init(route->request->descriptor, *ret);
    wire_read_field(x->json, route->request, *ret, route->body, errors, x->arena);
    return true;
}

static bool read_query(struct exchange *x, ProtobufCMessage *message, struct wire_errors *errors)
{
    struct url_pair pairs[QUERY_PAIRS_MAX];
    unsigned n;
    if (!url_query(x->arena, x->head.query, pairs, QUERY_PAIRS_MAX, &n)) {
        exchange_fail(x, ST_BAD_REQUEST, NULL);
        return false;
    }
    for (unsigned i = 0; i < n; i++)
        if (open_field(x->match.route->request, pairs[i].name))
            wire_read_text(x->match.route->request, message, pairs[i].name, pairs[i].value, errors, x->arena);
    return true;
}

static bool read_path(struct exchange *x, ProtobufCMessage *message, struct wire_errors *errors)
{
    for (unsigned i = 0; i < x->match.n_parameters; i++) {
        const struct router_parameter *p = &x->match.parameters[i];
        const char *value = url_decode(x->arena, p->value, p->len, false);
        if (!value) {
            exchange_fail(x, ST_NOT_FOUND, NULL);
            return false;
        }
        wire_read_text(x->match.route->request, message, p->name, value, errors, x->arena);
    }
    return true;
}

/* What the edge knows of a caller, by the name of the hidden string that wants it. */
static const char *known(const struct exchange *x, const char *name)
{
    if (!strcmp(name, "token"))
        return x->token;
    if (!strcmp(name, "presence_state"))
        return rpc_group_ready(x->edge->presence) ? "ok" : "away";
    if (!strcmp(name, "media_state"))
        return rpc_group_ready(x->edge->media) ? "ok" : "away";
    return strcmp(name, "user_agent") ? NULL : http_header(&x->head, "user-agent");
}

static void fill_known(struct exchange *x, ProtobufCMessage *message)
{
    const struct wire_message *wire = x->match.route->request;
    for (unsigned i = 0; i < wire->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *f = &wire->descriptor->fields[i];
        if (wire->fields[i].form != WIRE_HIDDEN || f->type != PROTOBUF_C_TYPE_STRING)
            continue;
        const char *value = known(x, f->name);
        char *copy = value ? arena_strdup(x->arena, value) : NULL;
        memcpy((char *)message + f->offset, &copy, sizeof copy);
    }
}

/* X-Audit-Log-Reason travels percent-encoded; at most 512 characters of it. */
static bool read_reason(struct exchange *x, struct wire_errors *errors)
{
    const char *header = x->match.route->reason ? http_header(&x->head, "x-audit-log-reason") : NULL;
    if (!header || !*header)
        return true;
    const char *reason = url_decode(x->arena, header, strlen(header), false);
    if (!reason) {
        exchange_fail(x, ST_BAD_REQUEST, NULL);
        return false;
    }
    size_t characters = 0;
    for (const char *c = reason; *c; c++)
        characters += ((unsigned char)*c & 0xc0) != 0x80;
    if (characters > REASON_CHARACTERS_MAX)
        wire_error_add(errors, "reason", "BASE_TYPE_MAX_LENGTH", "Must be 512 or fewer in length.");
    x->caller.reason = reason;
    return true;
}

bool rest_build(struct exchange *x, const char *payload, size_t n, ProtobufCMessage **ret)
{
    struct wire_errors errors = {.arena = x->arena};
    if (!read_body(x, payload, n, &errors, ret) || !read_query(x, *ret, &errors) || !read_path(x, *ret, &errors) ||
        !read_reason(x, &errors))
        return false;
    fill_known(x, *ret);
    wire_check_required(x->match.route->request, *ret, &errors);
    if (errors.n) {
        exchange_fail(x, ST_INVALID_FORM, wire_errors_detail(&errors));
        return false;
    }
    return true;
}

static void send_answer(struct exchange *x, int code, struct buf *body)
{
    if (body->failed)
        exchange_fail(x, ST_INTERNAL, NULL);
    else
        exchange_answer(x, code, code == 204 ? NULL : "application/json", NULL, body->data, body->len);
    buf_finish(body);
}

/* An answer that waits until no gateway remembers the tokens that were revoked. Lives in the exchange's arena. */
struct late_answer {
    struct wheel_timer timer;
    struct exchange *x;
    int code;
    struct buf body;
};

static void on_lapsed(struct wheel_timer *timer)
{
    struct late_answer *late = (struct late_answer *)((char *)timer - offsetof(struct late_answer, timer));
    if (exchange_alive(late->x))
        send_answer(late->x, late->code, &late->body);
    else
        buf_finish(&late->body);
    exchange_unref(late->x);
}

static bool revokes(const Hubbub__V1__BusMessage *told)
{
    for (size_t i = 0; told && i < told->n_entries; i++)
        if (told->entries[i]->event && told->entries[i]->event->tokens_revoked)
            return true;
    return false;
}

static void write_answer(struct exchange *x, const ProtobufCMessage *response, bool late)
{
    const struct wire_route *route = x->match.route;
    struct buf body = {0};
    bool empty = route->may_be_empty && !protobuf_c_message_get_packed_size(response);
    int code = empty ? 204 : route->success;
    if (code != 204 && *route->response_body)
        wire_write_field(&body, route->response, response, route->response_body);
    else if (code != 204)
        wire_write(&body, route->response, response);
    if (!late) {
        send_answer(x, code, &body);
        return;
    }
    struct late_answer *l = arena_alloc(x->arena, sizeof *l);
    *l = (struct late_answer){.timer.fire = on_lapsed, .x = x, .code = code, .body = body};
    exchange_ref(x);
    wheel_set(&x->edge->wheel, &l->timer, clock_mono_ms() + IDENTITY_TTL_MS);
}

static void on_done(void *user, const struct rpc_result *result)
{
    struct exchange *x = user;
    if (result->entries)
        edge_on_bus(x->edge, result->entries); /* before the answer: the caller's own sessions are never behind it */
    if (result->st != ST_OK)
        exchange_fail(x, result->st, result->error);
    else if (exchange_alive(x))
        write_answer(x, result->response, revokes(result->entries));
    exchange_unref(x);
}

static uint64_t number_of(const struct exchange *x, const char *name)
{
    for (unsigned i = 0; i < x->match.n_parameters; i++)
        if (!strcmp(x->match.parameters[i].name, name))
            return strtoull(x->match.parameters[i].value, NULL, 10);
    return 0;
}

/* Calls of one guild go to one instance, so that they share its batches; right wherever they go. */
static uint64_t routing_key(const struct exchange *x)
{
    uint64_t guild = number_of(x, "guild_id"), channel = number_of(x, "channel_id");
    if (!guild && channel)
        guild = hub_guild_of_channel(x->edge->hub, channel);
    if (guild || channel)
        return guild ? guild : channel;
    return x->identity.user_id ? x->identity.user_id : (uint64_t)x->started_us;
}

void rest_call(struct exchange *x, const ProtobufCMessage *message)
{
    if (!rpc_group_ready(x->edge->chat)) {
        metric_add(&edge_rpc_unready, 1);
        exchange_fail(x, ST_UNAVAILABLE, NULL);
        return;
    }
    x->caller.user_id = x->identity.user_id;
    x->caller.bot = x->identity.bot;
    x->caller.admin = x->identity.admin;
    exchange_ref(x);
    rpc_call(x->edge->chat, routing_key(x), x->match.route->method, message, &x->caller, 0, on_done, x);
}

static void on_login_admitted(struct exchange *x)
{
    rest_call(x, x->state);
}

static void on_body(struct exchange *x)
{
    size_t n;
    const char *body = connection_body(x->connection, &n);
    ProtobufCMessage *message;
    if (!rest_build(x, body, n, &message))
        return;
    if (x->match.route->method != &hubbub__v1__accounts__login__method) {
        rest_call(x, message);
        return;
    }
    x->state = message;
    admit_login(x, ((const Hubbub__V1__LoginRequest *)message)->login, on_login_admitted);
}

static void on_webhook(void *user, const struct rpc_result *result)
{
    struct exchange *x = user;
    if (result->st != ST_OK)
        exchange_fail(x, result->st, result->error);
    else if (exchange_alive(x))
        json_images_start(x);
    exchange_unref(x);
}

/* This route alone takes images from whoever has no account: not before the webhook's token is known to be right. */
static void find_webhook(struct exchange *x)
{
    Hubbub__V1__WebhookRequest request = HUBBUB__V1__WEBHOOK_REQUEST__INIT;
    struct wire_errors errors = {.arena = x->arena};
    for (unsigned i = 0; i < x->match.n_parameters; i++) {
        const struct router_parameter *p = &x->match.parameters[i];
        const char *value = url_decode(x->arena, p->value, p->len, false);
        if (!value) {
            exchange_fail(x, ST_NOT_FOUND, NULL);
            return;
        }
        wire_read_text(&hubbub__v1__webhook_request__wire, &request.base, p->name, value, &errors, x->arena);
    }
    if (errors.n) {
        exchange_fail(x, ST_INVALID_FORM, wire_errors_detail(&errors));
        return;
    }
    exchange_ref(x);
    rpc_call(x->edge->chat, request.webhook_id, &hubbub__v1__webhooks__get_by_token__method, &request.base, &x->caller,
             0, on_webhook, x);
}

void rest_start(struct exchange *x)
{
    const char *type = http_header(&x->head, "content-type");
    struct multipart probe;
    if (x->match.route->multipart && multipart_init(&probe, type)) {
        upload_start(x);
        return;
    }
    if (x->match.route->method == &hubbub__v1__webhooks__edit_by_token__method) {
        find_webhook(x);
        return;
    }
    if (json_images_wanted(x->match.route->request)) {
        json_images_start(x);
        return;
    }
    x->on_body = on_body;
    connection_read_body(x->connection, EDGE_BODY_BYTES_MAX, true);
}
