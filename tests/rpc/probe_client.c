/* probe_client TARGET: calls a probe that somebody else implemented, checks every answer, and prints one line a check.
 * The peer's peculiarities are in interop.test.js. Exit 0 when all is well. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/rpc/testing/probe.h"
#include <stdio.h>
#include <string.h>
#include <uv.h>

typedef Hubbub__Probe__V1__Text Text;
typedef Hubbub__Probe__V1__Seen Seen;
#define METHOD(name) (&probe_service.methods[PROBE_##name])

static uv_loop_t loop;
static struct rpc_group *group;
static int failures;

static void check(const char *what, bool good)
{
    printf("%s %s\n", good ? "ok" : "WRONG", what);
    failures += !good;
}

/* What the callback keeps of the result. */
struct outcome {
    bool done;
    status st;
    char text[200], message[200];
    uint64_t total;
    unsigned n_leaves, n_entries;
    int64_t ms;
};

static void keep(void *user, const struct rpc_result *r)
{
    struct outcome *o = user;
    o->done = true;
    o->st = r->st;
    o->ms = clock_mono_ms() - o->ms;
    const Seen *seen = (const Seen *)r->response;
    if (seen && seen->base.descriptor == &hubbub__probe__v1__seen__descriptor) {
        snprintf(o->text, sizeof o->text, "%s", seen->text ? seen->text : "");
        o->total = seen->total;
    }
    if (r->error) {
        snprintf(o->message, sizeof o->message, "%s", r->error->message ? r->error->message : "");
        o->n_leaves = (unsigned)r->error->n_leaves;
    }
    if (r->entries)
        o->n_entries = (unsigned)r->entries->n_entries;
}

static struct outcome ask(const struct rpc_method *method, const char *text, uint32_t number, int64_t timeout_ms,
                          int64_t cancel_ms)
{
    struct outcome o = {.ms = clock_mono_ms()};
    Text in = HUBBUB__PROBE__V1__TEXT__INIT;
    in.text = (char *)text;
    PB_SET(&in, number, number);
    struct rpc_identity who = {.user_id = 42, .reason = "ö %"};
    struct rpc_request *r = rpc_call(group, 1, method, &in.base, &who, timeout_ms, keep, &o);
    int64_t until = clock_mono_ms() + cancel_ms;
    while (!o.done) {
        if (cancel_ms && clock_mono_ms() >= until) {
            rpc_cancel(r);
            cancel_ms = 0;
        }
        uv_run(&loop, cancel_ms ? UV_RUN_NOWAIT : UV_RUN_ONCE);
    }
    return o;
}

/* ---- Unary ------------------------------------------------------------------------------------------------------ */

static void check_unary(void)
{
    struct outcome o = ask(METHOD(ECHO), "grüße", 0, 5000, 0);
    check("unary", o.st == ST_OK && !strcmp(o.text, "grüße 42 %C3%B6%20%25"));
    o = ask(METHOD(WRITE), "", 0, 5000, 0);
    check("entries in the trailer", o.st == ST_OK && o.n_entries == 2);
    o = ask(METHOD(ECHO), "garbage", 0, 5000, 0);
    check("a response that is none", o.st == ST_INTERNAL);
    struct rpc_method unknown = *METHOD(ECHO);
    unknown.path = "/hubbub.probe.v1.Probe/Nothing";
    o = ask(&unknown, "", 0, 5000, 0);
    check("unknown method", o.st == ST_UNIMPLEMENTED && o.ms < 2000);
    unknown.path = "/hubbub.probe.v1.Nobody/Echo";
    o = ask(&unknown, "", 0, 5000, 0);
    check("unknown service", o.st == ST_UNIMPLEMENTED && o.ms < 2000);
}

static void check_errors(void)
{
    static const struct {
        uint32_t code;
        status st;
    } plain[] = {
        {1, ST_UNAVAILABLE},    {2, ST_INTERNAL},  {3, ST_INTERNAL},     {4, ST_DEADLINE},
        {5, ST_INTERNAL},       {7, ST_INTERNAL},  {8, ST_OVERLOADED},   {9, ST_INTERNAL},
        {12, ST_UNIMPLEMENTED}, {13, ST_INTERNAL}, {14, ST_UNAVAILABLE}, {16, ST_INTERNAL},
    };
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        char what[40];
        snprintf(what, sizeof what, "code %u without a detail", plain[i].code);
        check(what, ask(METHOD(FAIL), "plain", plain[i].code, 5000, 0).st == plain[i].st);
    }
    struct outcome o = ask(METHOD(FAIL), "detail", ST_INVALID_FORM, 5000, 0);
    check("detail in the trailer", o.st == ST_INVALID_FORM && o.n_leaves == 1 && !strcmp(o.message, "böse"));
    check("a status that we do not know", ask(METHOD(FAIL), "detail", 60000, 5000, 0).st == ST_INTERNAL);
    check("a detail that is none", ask(METHOD(FAIL), "garbage", 3, 5000, 0).st == ST_INTERNAL);
}

static void check_ends(void)
{
    struct outcome o = ask(METHOD(SLEEP), "", 3000, 150, 0);
    check("deadline", o.st == ST_DEADLINE && o.ms < 1500);
    o = ask(METHOD(SLEEP), "", 3000, 5000, 150);
    check("cancel", o.st == ST_CANCELLED && o.ms < 1500);
    o = ask(METHOD(SLEEP), "seen?", 0, 5000, 0);
    check("the peer saw both", o.st == ST_OK && !strcmp(o.text, "2 cancelled"));
}

/* ---- Streams ---------------------------------------------------------------------------------------------------- */

struct flow {
    struct rpc_stream *stream;
    struct outcome end;
    int sent, to_send, got;
    Text out;
};

static void send_next(void *user)
{
    struct flow *f = user;
    if (f->sent++ < f->to_send)
        rpc_stream_send(f->stream, &f->out.base);
    else
        rpc_stream_close_send(f->stream);
}

static void take(void *user, const ProtobufCMessage *message)
{
    struct flow *f = user;
    f->got++;
    rpc_stream_read(f->stream);
}

static void flow_done(void *user, const struct rpc_result *r)
{
    keep(&((struct flow *)user)->end, r);
}

static struct flow run_flow(const struct rpc_method *method, int n, const char *text)
{
    static uint8_t blob[20000];
    static const struct rpc_stream_events events = {take, send_next, flow_done};
    struct flow f = {.to_send = n, .out = HUBBUB__PROBE__V1__TEXT__INIT};
    f.out.text = (char *)text;
    PB_SET(&f.out, blob, ((ProtobufCBinaryData){sizeof blob, blob}));
    PB_SET(&f.out, number, (uint32_t)n);
    bool sends = method->kind != RPC_SERVER_STREAM;
    f.stream = rpc_stream_open(group, 1, method, sends ? NULL : &f.out.base, NULL, &events, &f);
    if (sends)
        send_next(&f);
    if (method->kind != RPC_CLIENT_STREAM)
        rpc_stream_read(f.stream);
    while (!f.end.done)
        uv_run(&loop, UV_RUN_ONCE);
    return f;
}

static void check_streams(void)
{
    struct flow f = run_flow(METHOD(UPLOAD), 250, "");
    check("client stream", f.end.st == ST_OK && f.end.total == 250 * 20000);
    f = run_flow(METHOD(DOWNLOAD), 250, "");
    check("server stream", f.end.st == ST_OK && f.got == 250);
    f = run_flow(METHOD(DOWNLOAD), 3, "fail");
    check("server stream that fails at its end", f.end.st == ST_UNKNOWN_ASSET && f.got == 3);
    f = run_flow(METHOD(TALK), 20, "");
    check("both ways", f.end.st == ST_OK && f.got == 20);
}

int main(int argc, char **argv)
{
    log_init("probe_client", "error");
    uv_loop_init(&loop);
    struct rpc_client *client = rpc_client_create(&loop, "");
    group = rpc_group_create(client, argc > 1 ? argv[1] : "127.0.0.1:1");
    check_unary();
    check_errors();
    check_ends();
    check_streams();
    rpc_group_destroy(group);
    rpc_client_destroy(client);
    uv_run(&loop, UV_RUN_DEFAULT);
    check("the loop is free", !uv_loop_close(&loop));
    return failures ? 1 : 0;
}
