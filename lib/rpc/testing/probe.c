#include "lib/rpc/testing/probe.h"
#include "lib/base/clock.h"
#include <string.h>
#include <unistd.h>

/* proto2: a string that was not sent is NULL. */
static const char *text_of(const Hubbub__Probe__V1__Text *in)
{
    return in->text ? in->text : "";
}

#define TEXT (&hubbub__probe__v1__text__descriptor)
#define SEEN (&hubbub__probe__v1__seen__descriptor)
#define P "/hubbub.probe.v1.Probe/"
static const struct rpc_method methods[PROBE_N] = {
    {P "Echo", RPC_UNARY, TEXT, SEEN, RPC_INTERNAL, "main", 5000},
    {P "Fail", RPC_UNARY, TEXT, SEEN, RPC_INTERNAL, "main", 5000},
    {P "Write", RPC_UNARY, TEXT, SEEN, RPC_INTERNAL, "main", 5000},
    {P "Sleep", RPC_UNARY, TEXT, SEEN, RPC_INTERNAL, "main", 5000},
    {P "Slow", RPC_UNARY, TEXT, SEEN, RPC_INTERNAL, "slow", 5000},
    {P "Upload", RPC_CLIENT_STREAM, TEXT, SEEN, RPC_INTERNAL, "main", 20000},
    {P "Download", RPC_SERVER_STREAM, TEXT, TEXT, RPC_INTERNAL, "main", 20000},
    {P "Talk", RPC_BIDI, TEXT, TEXT, RPC_INTERNAL, "main", 20000},
};
const struct rpc_service probe_service = {"hubbub.probe.v1.Probe", PROBE_N, methods};
struct probe_seen probe_seen;

static status echo(struct call *c, const void *request, void *response)
{
    const Hubbub__Probe__V1__Text *in = request;
    Hubbub__Probe__V1__Seen *out = response;
    out->text = in->text;
    PB_SET(out, user, call_user(c));
    PB_SET(out, bot, call_is_bot(c));
    PB_SET(out, admin, call_is_admin(c));
    PB_SET(out, left_ms, call_left_ms(c));
    out->address = (char *)call_address(c);
    out->reason = (char *)call_reason(c);
    out->request_id = (char *)call_request_id(c);
    out->instance = call_server_user(c);
    return ST_OK;
}

static status fail(struct call *c, const void *request, void *response)
{
    const Hubbub__Probe__V1__Text *in = request;
    status st = (status)in->number;
    if (st == ST_INVALID_FORM) {
        st = call_fail_field(c, "embeds.0.title", "BASE_TYPE_MAX_LENGTH", "Must be 256 or fewer in length.");
        st = call_fail_field(c, "content", "BASE_TYPE_REQUIRED", "Dies ist ein Pflichtfeld: äöü");
        return st;
    }
    if (st == ST_RATE_LIMITED)
        call_retry_after(c, 1500);
    if (*text_of(in))
        call_error_text(c, in->text);
    return call_fail(c, st, "asked for status %u", in->number);
}

static status write_entries(struct call *c, const void *request, void *response)
{
    const Hubbub__Probe__V1__Text *in = request;
    Hubbub__V1__Generation generation = HUBBUB__V1__GENERATION__INIT;
    PB_SET(&generation, system_id, 77);
    PB_SET(&generation, timeline, 3);
    for (uint32_t i = 0; i < in->number; i++) {
        Hubbub__V1__FeedEntry entry = HUBBUB__V1__FEED_ENTRY__INIT, *one = &entry;
        PB_SET(&entry, scope_id, 5);
        PB_SET(&entry, seq, i + 1);
        ProtobufCMessageUnknownField filler = {.tag = 1000, .wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED};
        size_t n = strlen(text_of(in));
        if (n > 100) { /* the bytes of an event, whatever they mean */
            uint8_t *bytes = arena_alloc(call_arena(c), n + 2);
            bytes[0] = (uint8_t)(0x80 | (n & 127));
            bytes[1] = (uint8_t)(n >> 7);
            memcpy(bytes + 2, in->text, n);
            filler.data = bytes;
            filler.len = n + 2;
            entry.base.unknown_fields = &filler;
            entry.base.n_unknown_fields = 1;
        }
        call_add_entries(c, &generation, &one, 1);
    }
    return echo(c, request, response);
}

static status sleep_ms(struct call *c, const void *request, void *response)
{
    const Hubbub__Probe__V1__Text *in = request;
    int64_t until = clock_mono_ms() + in->number;
    status st = ST_OK;
    atomic_fetch_add(&probe_seen.running, 1);
    while (st == ST_OK && clock_mono_ms() < until) {
        usleep(2000);
        if (call_cancelled(c))
            st = call_fail(c, ST_CANCELLED, "cut short");
    }
    atomic_fetch_add(&probe_seen.cancelled, st != ST_OK);
    atomic_fetch_sub(&probe_seen.running, 1);
    return st == ST_OK ? echo(c, request, response) : st;
}

static status upload(struct call *c, const void *request, void *response)
{
    Hubbub__Probe__V1__Seen *out = response;
    out->has_total = 1;
    for (;;) {
        const ProtobufCMessage *message;
        status st = call_read(c, &message);
        if (st != ST_OK) {
            atomic_fetch_add(&probe_seen.broken_uploads, 1);
            return st;
        }
        if (!message) {
            atomic_fetch_add(&probe_seen.whole_uploads, 1);
            return ST_OK;
        }
        const Hubbub__Probe__V1__Text *in = (const Hubbub__Probe__V1__Text *)message;
        out->total += in->blob.len;
        atomic_fetch_add(&probe_seen.received, 1);
        if (!strcmp(text_of(in), "stop"))
            return call_fail(c, ST_TOO_LARGE, "enough");
        usleep(in->number * 1000);
    }
}

static status download(struct call *c, const void *request, void *response)
{
    const Hubbub__Probe__V1__Text *in = request;
    status st = ST_OK;
    Hubbub__Probe__V1__Text out = HUBBUB__PROBE__V1__TEXT__INIT;
    out.has_number = 1;
    if (in->has_blob)
        PB_SET(&out, blob, in->blob);
    for (; out.number < in->number && st == ST_OK; out.number++) {
        st = call_write(c, &out.base);
        atomic_fetch_add(&probe_seen.written, st == ST_OK);
    }
    atomic_fetch_add(&probe_seen.cancelled, st != ST_OK);
    return st != ST_OK || !*text_of(in) ? st : call_fail(c, ST_UNKNOWN_ASSET, "asked to fail after the last");
}

static status talk(struct call *c, const void *request, void *response)
{
    for (;;) {
        const ProtobufCMessage *message;
        status st = call_read(c, &message);
        if (st != ST_OK || !message)
            return st;
        st = call_write(c, message);
        if (st != ST_OK)
            return st;
    }
}

rpc_handler *const probe_handlers[PROBE_N] = {echo, fail, write_entries, sleep_ms, sleep_ms, upload, download, talk};

struct rpc_server *probe_serve(const char *listen, const char *secret)
{
    static const struct rpc_bulkhead bulkheads[] = {{"main", 4, 64}, {"slow", 1, 1}};
    struct rpc_server *server = rpc_server_create(&(struct rpc_server_config){
        .listen = listen,
        .secret = secret,
        .bulkheads = bulkheads,
        .n_bulkheads = 2,
        .user = (void *)listen,
    });
    if (!server)
        return NULL;
    rpc_server_add(server, &probe_service, probe_handlers);
    if (!rpc_server_start(server)) {
        rpc_server_destroy(server);
        return NULL;
    }
    rpc_server_set_ready(server, true);
    return server;
}
