/* Goal: what rpc.h promises, with a real client against real servers over TCP and unix sockets. */
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/rpc/health.pb-c.h"
#include "lib/rpc/testing/probe.h"
#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

typedef Hubbub__Probe__V1__Text Text;
typedef Hubbub__Probe__V1__Seen Seen;
#define TEXT_INIT HUBBUB__PROBE__V1__TEXT__INIT
#define METHOD(name) (&probe_service.methods[PROBE_##name])

/* ---- One loop, one client, one group ---------------------------------------------------------------------------- */

static char folder[64], path_a[96], path_b[96], path_c[96];
static uv_loop_t loop;
static struct rpc_client *client;
static struct rpc_group *group;
static struct rpc_server *server;
static struct arena *arena;

static void make_folder(void)
{
    strcpy(folder, "/tmp/rpc-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path_a, sizeof path_a, "unix:%s/a.sock", folder);
    snprintf(path_b, sizeof path_b, "unix:%s/b.sock", folder);
    snprintf(path_c, sizeof path_c, "unix:%s/c.sock", folder);
    arena = arena_create(0);
}

static void remove_folder(void)
{
    unlink(path_a + 5);
    unlink(path_b + 5);
    unlink(path_c + 5);
    ck_assert_int_eq(rmdir(folder), 0);
    arena_destroy(arena);
}

static void connect_to(const char *targets, const char *secret)
{
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    client = rpc_client_create(&loop, secret);
    group = rpc_group_create(client, targets);
}

static void disconnect(void)
{
    rpc_group_destroy(group);
    rpc_client_destroy(client);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void setup(void)
{
    make_folder();
    server = probe_serve(path_a, "");
    ck_assert_ptr_nonnull(server);
    connect_to(path_a, "");
}

static void teardown(void)
{
    disconnect();
    rpc_server_destroy(server);
    remove_folder();
}

/* A result that outlives its callback. */
struct kept {
    struct rpc_result result;
    struct rpc_request *request;
    bool done;
    int64_t ms;
};

static void *copy(const void *message)
{
    if (!message)
        return NULL;
    const ProtobufCMessage *m = message;
    size_t n = protobuf_c_message_get_packed_size(m);
    uint8_t *bytes = arena_alloc(arena, n);
    protobuf_c_message_pack(m, bytes);
    return protobuf_c_message_unpack(m->descriptor, arena_protobuf(arena), n, bytes);
}

static void keep(void *user, const struct rpc_result *r)
{
    struct kept *k = user;
    ck_assert(!k->done);
    k->done = true;
    k->ms = clock_mono_ms() - k->ms;
    k->result = (struct rpc_result){r->st, copy(r->response), copy(r->error), copy(r->entries)};
}

static void begin(struct kept *k, uint64_t key, const struct rpc_method *method, const void *in,
                  const struct rpc_identity *who, int64_t timeout_ms)
{
    *k = (struct kept){.ms = clock_mono_ms()};
    k->request = rpc_call(group, key, method, in, who, timeout_ms, keep, k);
    ck_assert(!k->done);
}

static void wait_for(const bool *flag)
{
    while (!*flag)
        uv_run(&loop, UV_RUN_ONCE);
}

static struct kept ask(const struct rpc_method *method, const void *in, int64_t timeout_ms)
{
    struct kept k;
    begin(&k, 1, method, in, NULL, timeout_ms);
    wait_for(&k.done);
    return k;
}

static struct kept ask_text(const struct rpc_method *method, const char *text, uint32_t number, int64_t timeout_ms)
{
    Text in = TEXT_INIT;
    in.text = (char *)text;
    PB_SET(&in, number, number);
    return ask(method, &in, timeout_ms);
}

/* Runs the loop until the handlers' counter has the value. */
static void wait_count(atomic_int *counter, int value)
{
    int64_t until = clock_mono_ms() + 5000;
    while (atomic_load(counter) < value) {
        ck_assert_int_lt(clock_mono_ms(), until);
        uv_run(&loop, UV_RUN_NOWAIT);
        usleep(1000);
    }
}

/* ---- Unary ------------------------------------------------------------------------------------------------------ */

static void check_identity(const char *listen_at, const char *targets)
{
    struct rpc_server *s = probe_serve(listen_at, "s3cret");
    ck_assert_ptr_nonnull(s);
    char target[96];
    snprintf(target, sizeof target, targets, rpc_server_port(s));
    connect_to(target, "s3cret");
    struct rpc_identity who = {
        .user_id = UINT64_MAX,
        .bot = true,
        .admin = true,
        .address = "203.0.113.7",
        .reason = "spam % ö\n",
        .request_id = "r-1",
    };
    Text in = TEXT_INIT;
    in.text = "grüße";
    struct kept k;
    begin(&k, 7, METHOD(ECHO), &in, &who, 0);
    wait_for(&k.done);
    ck_assert_int_eq(k.result.st, ST_OK);
    ck_assert_ptr_null(k.result.error);
    ck_assert_ptr_null(k.result.entries);
    const Seen *seen = (const Seen *)k.result.response;
    ck_assert_str_eq(seen->text, "grüße");
    ck_assert(seen->user == UINT64_MAX && seen->bot && seen->admin);
    ck_assert_str_eq(seen->address, "203.0.113.7");
    ck_assert_str_eq(seen->reason, "spam % ö\n");
    ck_assert_str_eq(seen->request_id, "r-1");
    ck_assert(seen->left_ms > 4000 && seen->left_ms <= 5100);
    disconnect();
    rpc_server_destroy(s);
}

START_TEST(unary_over_unix_and_tcp)
{
    make_folder();
    check_identity(path_a, path_a);
    check_identity("127.0.0.1:0", "127.0.0.1:%d");
    remove_folder();
}
END_TEST

START_TEST(without_identity_and_with_what_no_header_may_hold)
{
    struct rpc_identity who = {.request_id = "a\r\nhubbub-admin: 1", .address = "\x01"};
    Text in = TEXT_INIT;
    struct kept k;
    begin(&k, 1, METHOD(ECHO), &in, &who, 0);
    wait_for(&k.done);
    const Seen *seen = (const Seen *)k.result.response;
    ck_assert_uint_eq(strlen(seen->request_id), 16);
    ck_assert_str_eq(seen->address, "");
    ck_assert(!seen->user && !seen->bot && !seen->admin);
}
END_TEST

START_TEST(many_at_once)
{
    enum { N = 60 };
    static struct kept all[N];
    Text in = TEXT_INIT;
    for (int i = 0; i < N; i++)
        begin(&all[i], (uint64_t)i, METHOD(ECHO), &in, NULL, 0);
    for (int i = 0; i < N; i++) {
        wait_for(&all[i].done);
        ck_assert_int_eq(all[i].result.st, ST_OK);
    }
    struct buf page = {0};
    metric_write(&page);
    ck_assert_ptr_nonnull(strstr(
        buf_str(&page), "hubbub_rpc_calls_total{service=\"hubbub.probe.v1.Probe\",method=\"Echo\",status=\"OK\"} 60"));
    ck_assert_ptr_nonnull(
        strstr(buf_str(&page), "hubbub_rpc_seconds_count{service=\"hubbub.probe.v1.Probe\",method=\"Echo\"} 60"));
    buf_finish(&page);
}
END_TEST

START_TEST(errors_come_with_their_row_and_leaves)
{
    for (unsigned st = 1; st < ST_COUNT; st++) {
        struct kept k = ask_text(METHOD(FAIL), "", st, 0);
        ck_assert_uint_eq(k.result.st, st);
        ck_assert_ptr_null(k.result.response);
        ck_assert_ptr_nonnull(k.result.error);
        ck_assert_ptr_null(k.result.error->message);
        ck_assert_uint_eq(k.result.error->n_leaves, st == ST_INVALID_FORM ? 2 : 0);
        ck_assert_int_eq(k.result.error->retry_after_ms, st == ST_RATE_LIMITED ? 1500 : 0);
    }
    struct kept k = ask_text(METHOD(FAIL), "", ST_INVALID_FORM, 0);
    ck_assert_str_eq(k.result.error->leaves[0]->path, "embeds.0.title");
    ck_assert_str_eq(k.result.error->leaves[0]->code, "BASE_TYPE_MAX_LENGTH");
    ck_assert_str_eq(k.result.error->leaves[1]->message, "Dies ist ein Pflichtfeld: äöü");
    k = ask_text(METHOD(FAIL), "Only 3 of these", ST_MAX_GUILDS, 0);
    ck_assert_str_eq(k.result.error->message, "Only 3 of these");
}
END_TEST

START_TEST(entries_come_in_the_trailer)
{
    struct kept k = ask_text(METHOD(WRITE), "", 3, 0);
    ck_assert_int_eq(k.result.st, ST_OK);
    ck_assert_ptr_nonnull(k.result.entries);
    ck_assert_uint_eq(k.result.entries->generation->system_id, 77);
    ck_assert_uint_eq(k.result.entries->generation->timeline, 3);
    ck_assert_uint_eq(k.result.entries->n_entries, 3);
    ck_assert_uint_eq(k.result.entries->entries[2]->seq, 3);
}
END_TEST

START_TEST(entries_above_the_limit_are_dropped_and_the_call_succeeds)
{
    char text[1001];
    memset(text, 'x', 1000);
    text[1000] = '\0';
    struct kept k = ask_text(METHOD(WRITE), text, 400, 0);
    ck_assert_int_eq(k.result.st, ST_OK);
    ck_assert_uint_gt(k.result.entries->n_entries, 150);
    ck_assert_uint_lt(k.result.entries->n_entries, 165);
    struct buf page = {0};
    metric_write(&page);
    char line[96];
    snprintf(line, sizeof line, "hubbub_rpc_entries_dropped_total %zu\n", 400 - k.result.entries->n_entries);
    ck_assert_ptr_nonnull(strstr(buf_str(&page), line));
    buf_finish(&page);
}
END_TEST

START_TEST(deadline_ends_the_call_and_the_handler_sees_it)
{
    struct kept k = ask_text(METHOD(SLEEP), "", 3000, 100);
    ck_assert_int_eq(k.result.st, ST_DEADLINE);
    ck_assert(k.ms >= 95 && k.ms < 1000);
    wait_count(&probe_seen.cancelled, 1);
}
END_TEST

START_TEST(cancel_ends_the_call_and_the_handler_sees_it)
{
    Text in = TEXT_INIT;
    PB_SET(&in, number, 3000);
    struct kept k;
    begin(&k, 1, METHOD(SLEEP), &in, NULL, 0);
    wait_count(&probe_seen.running, 1);
    rpc_cancel(k.request);
    ck_assert(!k.done);
    wait_for(&k.done);
    ck_assert_int_eq(k.result.st, ST_CANCELLED);
    ck_assert_int_lt(k.ms, 2000);
    wait_count(&probe_seen.cancelled, 1);
}
END_TEST

START_TEST(cancel_at_once)
{
    Text in = TEXT_INIT;
    struct kept k;
    begin(&k, 1, METHOD(ECHO), &in, NULL, 0);
    rpc_cancel(k.request);
    wait_for(&k.done);
    ck_assert_int_eq(k.result.st, ST_CANCELLED);
}
END_TEST

START_TEST(an_unknown_method_is_answered_quickly)
{
    struct rpc_method unknown = *METHOD(ECHO);
    unknown.path = "/hubbub.probe.v1.Probe/Nothing";
    Text in = TEXT_INIT;
    struct kept k = ask(&unknown, &in, 5000);
    ck_assert_int_eq(k.result.st, ST_UNIMPLEMENTED);
    ck_assert_int_lt(k.ms, 1000);
}
END_TEST

START_TEST(a_message_that_is_too_large_is_refused)
{
    Text in = TEXT_INIT;
    PB_SET(&in, blob, ((ProtobufCBinaryData){(5 << 20), arena_alloc(arena, 5 << 20)}));
    struct kept k = ask(METHOD(ECHO), &in, 5000);
    ck_assert_int_eq(k.result.st, ST_OVERLOADED);
    ck_assert_int_eq(ask_text(METHOD(ECHO), "", 0, 0).result.st, ST_OK);
}
END_TEST

START_TEST(bytes_that_are_no_request_are_an_internal_error)
{
    Hubbub__Probe__V1__Wrong wrong = HUBBUB__PROBE__V1__WRONG__INIT;
    PB_SET(&wrong, text, 5);
    struct kept k = ask(METHOD(ECHO), &wrong, 0);
    ck_assert_int_eq(k.result.st, ST_INTERNAL);
    ck_assert_ptr_nonnull(k.result.error);
    /* The other way: a response that is not what the method says. */
    struct rpc_method confused = *METHOD(ECHO);
    confused.out = &hubbub__probe__v1__wrong__descriptor;
    k = ask_text(&confused, "x", 0, 0);
    ck_assert_int_eq(k.result.st, ST_INTERNAL);
    ck_assert_ptr_null(k.result.response);
}
END_TEST

/* Two bytes on the wire are a whole message in memory: 3 MB would be 200 MB. */
START_TEST(a_request_that_unpacks_to_far_too_much_is_refused)
{
    enum { N = 1500000 };
    Text empty = TEXT_INIT, in = TEXT_INIT, **many = arena_alloc(arena, N * sizeof *many);
    for (size_t i = 0; i < N; i++)
        many[i] = &empty;
    in.more = many;
    in.n_more = N;
    struct kept k = ask(METHOD(ECHO), &in, 10000);
    ck_assert_int_eq(k.result.st, ST_INTERNAL);
    ck_assert_int_eq(ask_text(METHOD(ECHO), "", 0, 0).result.st, ST_OK);
}
END_TEST

START_TEST(a_full_bulkhead_refuses_and_the_others_go_on)
{
    Text in = TEXT_INIT;
    PB_SET(&in, number, 1500);
    struct kept running, two[2]; /* one of two waits, the other is refused: which comes first is the network's matter */
    begin(&running, 1, METHOD(SLOW), &in, NULL, 0);
    wait_count(&probe_seen.running, 1);
    begin(&two[0], 1, METHOD(SLOW), &in, NULL, 300);
    begin(&two[1], 1, METHOD(SLOW), &in, NULL, 300);
    while (!two[0].done && !two[1].done)
        uv_run(&loop, UV_RUN_ONCE);
    struct kept *refused = two[0].done ? &two[0] : &two[1], *waiting = two[0].done ? &two[1] : &two[0];
    ck_assert_int_eq(refused->result.st, ST_OVERLOADED);
    ck_assert_ptr_nonnull(refused->result.error);
    ck_assert_int_eq(ask_text(METHOD(ECHO), "", 0, 1000).result.st, ST_OK);
    ck_assert(!running.done);
    wait_for(&waiting->done);
    ck_assert_int_eq(waiting->result.st, ST_DEADLINE);
    wait_for(&running.done);
    ck_assert_int_eq(running.result.st, ST_OK);
    /* The one that waited past its deadline never ran. */
    struct kept next; /* the worker may take it out of the queue a moment after it answered */
    int64_t until = clock_mono_ms() + 5000;
    do
        next = ask_text(METHOD(SLOW), "", 1, 0);
    while (next.result.st == ST_OVERLOADED && clock_mono_ms() < until);
    ck_assert_int_eq(next.result.st, ST_OK);
    ck_assert_int_eq(atomic_load(&probe_seen.cancelled), 0);
}
END_TEST

START_TEST(without_the_secret_nothing_is_answered)
{
    static const char *const wrong[] = {"", "s3cre", "s3cres", "s3crett"};
    make_folder();
    struct rpc_server *s = probe_serve(path_a, "s3cret");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        connect_to(path_a, wrong[i]);
        ck_assert_int_eq(ask_text(METHOD(ECHO), "", 0, 0).result.st, ST_INTERNAL_AUTH);
        disconnect();
    }
    rpc_server_destroy(s);
    remove_folder();
}
END_TEST

START_TEST(call_wait_needs_no_loop)
{
    Text in = TEXT_INIT;
    in.text = "hello";
    struct rpc_result r = rpc_call_wait(path_a, "", METHOD(ECHO), &in.base, NULL, 2000, arena);
    ck_assert_int_eq(r.st, ST_OK);
    ck_assert_str_eq(((const Seen *)r.response)->text, "hello");
    PB_SET(&in, number, ST_UNKNOWN_GUILD);
    r = rpc_call_wait(path_a, "", METHOD(FAIL), &in.base, NULL, 2000, arena);
    ck_assert_int_eq(r.st, ST_UNKNOWN_GUILD);
    ck_assert_str_eq(r.error->message, "hello");
    r = rpc_call_wait("unix:/tmp/nobody-listens-here", "", METHOD(ECHO), &in.base, NULL, 2000, arena);
    ck_assert_int_eq(r.st, ST_UNAVAILABLE);
}
END_TEST

/* ---- Addresses -------------------------------------------------------------------------------------------------- */

START_TEST(an_address_in_use_is_not_taken)
{
    ck_assert_ptr_null(probe_serve(path_a, ""));
    ck_assert_int_eq(ask_text(METHOD(ECHO), "", 0, 0).result.st, ST_OK);
    struct rpc_server *tcp = probe_serve("127.0.0.1:0", "");
    char taken[32];
    snprintf(taken, sizeof taken, "127.0.0.1:%d", rpc_server_port(tcp));
    ck_assert_ptr_null(probe_serve(taken, ""));
    rpc_server_destroy(tcp);
    struct rpc_server *never_started = rpc_server_create(&(struct rpc_server_config){.listen = path_b});
    ck_assert_ptr_nonnull(never_started);
    rpc_server_destroy(never_started);
}
END_TEST

START_TEST(a_stale_socket_file_is_replaced_and_no_other_file)
{
    make_folder();
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, path_a + 5);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    struct rpc_server *s = probe_serve(path_a, "");
    ck_assert_ptr_nonnull(s);
    rpc_server_destroy(s);
    FILE *f = fopen(path_b + 5, "w");
    fclose(f);
    ck_assert_ptr_null(probe_serve(path_b, ""));
    ck_assert_int_eq(access(path_b + 5, F_OK), 0);
    remove_folder();
}
END_TEST

/* ---- Groups ----------------------------------------------------------------------------------------------------- */

/* A server in a process of its own, made before this one knows gRPC. */
static pid_t spawn(const char *listen_at)
{
    int ready[2];
    ck_assert_int_eq(pipe(ready), 0);
    pid_t pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (!probe_serve(listen_at, "") || write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    char byte;
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

/* Asks for another server to be spawned by a process that never touched gRPC. */
static int spawner_in, spawner_out;
static void start_spawner(void)
{
    int in[2], out[2];
    ck_assert(!pipe(in) && !pipe(out));
    if (!fork()) {
        char which;
        close(in[1]);
        while (read(in[0], &which, 1) == 1) {
            pid_t pid = spawn(which == 'a' ? path_a : which == 'b' ? path_b : path_c);
            if (write(out[1], &pid, sizeof pid) != sizeof pid)
                break;
        }
        _exit(0);
    }
    close(in[0]);
    spawner_in = in[1];
    spawner_out = out[0];
}

static pid_t spawn_fresh(char which)
{
    pid_t pid;
    ck_assert_int_eq(write(spawner_in, &which, 1), 1);
    ck_assert_int_eq(read(spawner_out, &pid, sizeof pid), sizeof pid);
    return pid;
}

static struct kept ask_key(uint64_t key, uint32_t ms)
{
    Text in = TEXT_INIT;
    PB_SET(&in, number, ms);
    struct kept k;
    begin(&k, key, METHOD(SLEEP), &in, NULL, 5000);
    wait_for(&k.done);
    return k;
}

static const char *instance_of(const struct kept *k)
{
    ck_assert_int_eq(k->result.st, ST_OK);
    return ((const Seen *)k->result.response)->instance;
}

static void connect_to_both(void)
{
    char both[200];
    snprintf(both, sizeof both, "%s, %s", path_a, path_b);
    connect_to(both, "");
}

static uint64_t key_of_a(void)
{
    for (uint64_t key = 1; key < 100; key++) {
        struct kept k = ask_key(key, 0);
        if (!strcmp(instance_of(&k), path_a))
            return key;
    }
    ck_abort_msg("no key goes to a");
}

START_TEST(keys_stay_and_spread)
{
    make_folder();
    struct rpc_server *a = probe_serve(path_a, ""), *b = probe_serve(path_b, "");
    connect_to_both();
    int n_a = 0, turns_a = 0;
    for (uint64_t key = 1; key <= 100; key++) {
        struct kept one = ask_key(key, 0), two = ask_key(key, 0), turn = ask_key(0, 0);
        ck_assert_str_eq(instance_of(&one), instance_of(&two));
        n_a += !strcmp(instance_of(&one), path_a);
        turns_a += !strcmp(instance_of(&turn), path_a);
    }
    ck_assert(n_a > 25 && n_a < 75);
    ck_assert(turns_a > 25 && turns_a < 75);
    disconnect();
    rpc_server_destroy(a);
    rpc_server_destroy(b);
    remove_folder();
}
END_TEST

START_TEST(a_killed_instance_loses_no_call)
{
    make_folder();
    start_spawner();
    pid_t a = spawn_fresh('a'), b = spawn_fresh('b');
    connect_to_both();
    uint64_t key = key_of_a();
    enum { N = 2 }; /* with the call that must not go twice and the probe: all four workers of a */
    struct kept in_flight[N];
    Text in = TEXT_INIT;
    PB_SET(&in, number, 300);
    for (int i = 0; i < N; i++)
        begin(&in_flight[i], key, METHOD(SLEEP), &in, NULL, 5000);
    struct rpc_method sleep_once = *METHOD(SLEEP);
    sleep_once.once = true;
    struct kept not_again;
    begin(&not_again, key, &sleep_once, &in, NULL, 5000);
    struct kept other = ask_key(key, 50);
    ck_assert_str_eq(instance_of(&other), path_a);
    kill(a, SIGKILL);
    wait_for(&not_again.done);
    ck_assert_int_eq(not_again.result.st, ST_UNAVAILABLE);
    for (int i = 0; i < N; i++) {
        wait_for(&in_flight[i].done);
        ck_assert_str_eq(instance_of(&in_flight[i]), path_b);
    }
    for (int i = 0; i < 50; i++) {
        struct kept k = ask_key(key, 0);
        ck_assert_str_eq(instance_of(&k), path_b);
    }
    ck_assert(rpc_group_ready(group));
    /* It comes back, and so do its keys. */
    a = spawn_fresh('a');
    int64_t until = clock_mono_ms() + 5000;
    for (bool back = false; !back; usleep(10000)) {
        ck_assert_int_lt(clock_mono_ms(), until);
        struct kept k = ask_key(key, 0);
        back = !strcmp(instance_of(&k), path_a);
    }
    kill(a, SIGKILL);
    kill(b, SIGKILL);
    struct kept k = ask_key(key, 0);
    ck_assert_int_eq(k.result.st, ST_UNAVAILABLE);
    usleep(100000);
    ck_assert(!rpc_group_ready(group));
    disconnect();
    close(spawner_in);
    remove_folder();
}
END_TEST

static unsigned n_ended, n_failed;
static void count_end(void *user, const struct rpc_result *r)
{
    n_ended++;
    n_failed += r->st != ST_OK;
}

START_TEST(one_of_three_is_killed_at_a_thousand_calls_a_second)
{
    enum {
        CALLS = 3000,
        KILLED_AT = 1000,
        BACK_AT = 2000,
        KEYS = 97,
        IN_FLIGHT_MAX = 60
    }; /* a probe's queue takes 64 */
    make_folder();
    start_spawner();
    pid_t a = spawn_fresh('a'), b = spawn_fresh('b'), c = spawn_fresh('c');
    char all[300];
    snprintf(all, sizeof all, "%s,%s,%s", path_a, path_b, path_c);
    connect_to(all, "");
    uint64_t key = key_of_a();
    Text in = TEXT_INIT;
    int64_t start = clock_mono_ms();
    n_ended = n_failed = 0;
    for (unsigned n = 0; n < CALLS; uv_run(&loop, UV_RUN_NOWAIT)) {
        if (clock_mono_ms() - start < n || n - n_ended == IN_FLIGHT_MAX) {
            usleep(200);
            continue;
        }
        if (n == KILLED_AT)
            kill(a, SIGKILL);
        if (n == BACK_AT)
            a = spawn_fresh('a');
        rpc_call(group, n++ % KEYS + 1, METHOD(ECHO), &in.base, NULL, 5000, count_end, NULL);
    }
    while (n_ended < CALLS)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_uint_eq(n_failed, 0);
    int64_t until = clock_mono_ms() + 5000;
    for (bool back = false; !back; usleep(10000)) {
        ck_assert_int_lt(clock_mono_ms(), until);
        struct kept k = ask_key(key, 0);
        back = !strcmp(instance_of(&k), path_a);
    }
    kill(a, SIGKILL);
    kill(b, SIGKILL);
    kill(c, SIGKILL);
    disconnect();
    close(spawner_in);
    remove_folder();
}
END_TEST

/* A second until it is suspect, and what a busy machine adds. */
enum { HUNG_MS_MAX = 1600 };

static pid_t hung_a, hung_b;
static void setup_hung(void)
{
    make_folder();
    start_spawner();
    hung_a = spawn_fresh('a');
    hung_b = spawn_fresh('b');
    connect_to_both();
}

static void teardown_hung(void)
{
    kill(hung_a, SIGKILL);
    kill(hung_b, SIGKILL);
    disconnect();
    close(spawner_in);
    remove_folder();
}

/* The signal reaches each of its threads a moment later. */
static void stop(pid_t pid)
{
    kill(pid, SIGSTOP);
    usleep(50000);
}

static void use_a_again(uint64_t key)
{
    kill(hung_a, SIGCONT);
    int64_t until = clock_mono_ms() + 5000;
    for (bool back = false; !back; usleep(10000)) {
        ck_assert_int_lt(clock_mono_ms(), until);
        struct kept k = ask_key(key, 0);
        back = k.result.st == ST_OK && !strcmp(instance_of(&k), path_a);
    }
}

/* fill: headers until the socket of the hung one takes no more. */
static void hang_under_calls(bool fill)
{
    enum { N = 60 };
    static char text[8192];
    static struct kept all[N], not_again;
    struct rpc_identity who = {.reason = fill ? memset(text, 'x', sizeof text - 1) : NULL};
    struct rpc_method once = *METHOD(ECHO);
    once.once = true;
    uint64_t key = key_of_a();
    Text in = TEXT_INIT;
    stop(hung_a);
    for (int i = 0; i < N; i++)
        begin(&all[i], key, METHOD(ECHO), &in, &who, 15000);
    begin(&not_again, key, &once, &in, &who, 15000);
    wait_for(&not_again.done);
    ck_assert_int_eq(not_again.result.st, ST_UNAVAILABLE);
    ck_assert_int_lt(not_again.ms, HUNG_MS_MAX);
    for (int i = 0; i < N; i++) {
        wait_for(&all[i].done);
        ck_assert_str_eq(instance_of(&all[i]), path_b);
        ck_assert_int_lt(all[i].ms, HUNG_MS_MAX);
    }
    for (int i = 0; i < 20; i++) {
        struct kept k = ask_key(key, 100); /* long enough that gRPC's own pings have closed what they can */
        ck_assert_str_eq(instance_of(&k), path_b);
        ck_assert_int_lt(k.ms, 600);
    }
    use_a_again(key);
}

START_TEST(an_instance_that_hangs_is_given_up)
{
    hang_under_calls(false);
}
END_TEST

START_TEST(an_instance_that_hangs_behind_a_full_socket_is_given_up)
{
    hang_under_calls(true);
}
END_TEST

START_TEST(when_all_hang_calls_end_unavailable)
{
    uint64_t key = key_of_a();
    stop(hung_a);
    stop(hung_b);
    for (int i = 0; i < 3; i++) {
        Text in = TEXT_INIT;
        struct kept k;
        begin(&k, key, METHOD(ECHO), &in, NULL, 15000);
        wait_for(&k.done);
        ck_assert_int_eq(k.result.st, ST_UNAVAILABLE);
        ck_assert_int_lt(k.ms, HUNG_MS_MAX);
        ck_assert(!rpc_group_ready(group));
    }
    kill(hung_b, SIGCONT);
    use_a_again(key);
}
END_TEST

START_TEST(an_instance_that_is_slow_is_not_given_up)
{
    struct kept k = ask_key(key_of_a(), 2500);
    ck_assert_str_eq(instance_of(&k), path_a);
    ck_assert(rpc_group_ready(group));
}
END_TEST

START_TEST(a_client_ends_beside_a_hung_peer)
{
    hang_under_calls(true);
    stop(hung_a);
    stop(hung_b);
    static char text[8192];
    struct rpc_identity who = {.reason = memset(text, 'x', sizeof text - 1)};
    static struct kept all[60];
    Text in = TEXT_INIT;
    for (int i = 0; i < 60; i++)
        begin(&all[i], (uint64_t)i, METHOD(ECHO), &in, &who, 15000);
    for (int i = 0; i < 60; i++)
        wait_for(&all[i].done);
    int64_t start = clock_mono_ms();
    disconnect();
    ck_assert_int_lt(clock_mono_ms() - start, 3000);
    connect_to_both();
}
END_TEST

/* ---- Drain ------------------------------------------------------------------------------------------------------ */

static int64_t drain_grace_ms;
static void *drain(void *s)
{
    rpc_server_drain(s, drain_grace_ms);
    return NULL;
}

START_TEST(drain_lets_what_runs_finish_and_refuses_the_rest)
{
    Text in = TEXT_INIT;
    PB_SET(&in, number, 700);
    struct kept running;
    begin(&running, 1, METHOD(SLEEP), &in, NULL, 0);
    wait_count(&probe_seen.running, 1);
    drain_grace_ms = 5000;
    pthread_t thread;
    pthread_create(&thread, NULL, drain, server);
    usleep(100000);
    ck_assert_int_eq(ask_text(METHOD(ECHO), "", 0, 400).result.st, ST_UNAVAILABLE);
    ck_assert(!running.done);
    wait_for(&running.done);
    ck_assert_int_eq(running.result.st, ST_OK);
    pthread_join(thread, NULL);
}
END_TEST

START_TEST(drain_cancels_what_outlasts_the_grace)
{
    Text in = TEXT_INIT;
    PB_SET(&in, number, 4900);
    struct kept running;
    begin(&running, 1, METHOD(SLEEP), &in, NULL, 0);
    wait_count(&probe_seen.running, 1);
    int64_t begun = clock_mono_ms();
    rpc_server_drain(server, 200);
    ck_assert_int_lt(clock_mono_ms() - begun, 2000);
    ck_assert_int_eq(atomic_load(&probe_seen.cancelled), 1);
    wait_for(&running.done);
    ck_assert_int_ne(running.result.st, ST_OK);
}
END_TEST

START_TEST(drain_under_load_with_another_instance_loses_no_call)
{
    enum { AT_ONCE = 16, N = 1500 };
    make_folder();
    struct rpc_server *a = probe_serve(path_a, ""), *b = probe_serve(path_b, "");
    connect_to_both();
    key_of_a();
    drain_grace_ms = 5000;
    pthread_t thread;
    static struct kept all[N];
    Text in = TEXT_INIT;
    PB_SET(&in, number, 1);
    for (int begun = 0, ended = 0; ended < N; ended++) {
        for (; begun < N && begun < ended + AT_ONCE; begun++)
            begin(&all[begun], (uint64_t)begun + 1, METHOD(SLEEP), &in, NULL, 5000);
        if (ended == 300)
            pthread_create(&thread, NULL, drain, a);
        wait_for(&all[ended].done);
        ck_assert_int_eq(all[ended].result.st, ST_OK);
    }
    pthread_join(thread, NULL);
    disconnect();
    rpc_server_destroy(a);
    rpc_server_destroy(b);
    remove_folder();
}
END_TEST

/* ---- Streams ---------------------------------------------------------------------------------------------------- */

struct flow {
    struct rpc_stream *stream;
    struct kept end;
    int sent, to_send, got;
    bool pause; /* do not read on */
    size_t bytes;
    Text out;
};

static void flow_send(void *user)
{
    struct flow *f = user;
    if (f->sent == f->to_send) {
        rpc_stream_close_send(f->stream);
        return;
    }
    f->sent++;
    rpc_stream_send(f->stream, &f->out.base);
}

static void flow_message(void *user, const ProtobufCMessage *message)
{
    struct flow *f = user;
    f->got++;
    f->bytes += ((const Text *)message)->blob.len;
    if (!f->pause)
        rpc_stream_read(f->stream);
}

static void flow_done(void *user, const struct rpc_result *r)
{
    keep(&((struct flow *)user)->end, r);
}

static const struct rpc_stream_events flow_events = {flow_message, flow_send, flow_done};

static void flow_blob(struct flow *f, size_t n)
{
    f->out = (Text)TEXT_INIT;
    PB_SET(&f->out, blob, ((ProtobufCBinaryData){n, arena_alloc(arena, n)}));
}

START_TEST(upload_of_5_mb_with_backpressure)
{
    struct flow f = {.to_send = 80};
    flow_blob(&f, 65536);
    PB_SET(&f.out, number, 5);
    f.stream = rpc_stream_open(group, 1, METHOD(UPLOAD), NULL, NULL, &flow_events, &f);
    flow_send(&f);
    int ahead = 0;
    while (!f.end.done) {
        uv_run(&loop, UV_RUN_ONCE);
        int now = f.sent - atomic_load(&probe_seen.received);
        ahead = now > ahead ? now : ahead;
    }
    ck_assert_int_eq(f.end.result.st, ST_OK);
    ck_assert_uint_eq(((const Seen *)f.end.result.response)->total, 80 * 65536);
    ck_assert_int_lt(ahead, 30); /* the sender waited for the reader */
}
END_TEST

START_TEST(an_upload_may_be_empty)
{
    struct flow f = {0};
    f.stream = rpc_stream_open(group, 1, METHOD(UPLOAD), NULL, NULL, &flow_events, &f);
    rpc_stream_close_send(f.stream);
    wait_for(&f.end.done);
    ck_assert_int_eq(f.end.result.st, ST_OK);
    ck_assert_uint_eq(((const Seen *)f.end.result.response)->total, 0);
}
END_TEST

START_TEST(an_upload_that_the_server_ends_early)
{
    struct flow f = {.to_send = 1000000};
    flow_blob(&f, 1000);
    f.out.text = "stop";
    f.stream = rpc_stream_open(group, 1, METHOD(UPLOAD), NULL, NULL, &flow_events, &f);
    flow_send(&f);
    wait_for(&f.end.done);
    ck_assert_int_eq(f.end.result.st, ST_TOO_LARGE);
}
END_TEST

/* A truncated file must never look complete. */
START_TEST(an_upload_that_breaks_off_is_no_end)
{
    static const struct rpc_stream_events events = {.on_done = flow_done};
    enum { N = 60 };
    for (int i = 0; i < N; i++) {
        struct flow f = {0};
        flow_blob(&f, 1000);
        int before = atomic_load(&probe_seen.received);
        f.stream = rpc_stream_open(group, 1, METHOD(UPLOAD), NULL, NULL, &events, &f);
        rpc_stream_send(f.stream, &f.out.base);
        if (i % 3)
            wait_count(&probe_seen.received, before + 1);
        usleep((unsigned)i % 4 * 500);
        rpc_stream_cancel(f.stream);
        wait_for(&f.end.done);
        ck_assert_int_eq(f.end.result.st, ST_CANCELLED);
    }
    wait_count(&probe_seen.broken_uploads, N * 2 / 3);
    ck_assert_int_eq(atomic_load(&probe_seen.whole_uploads), 0);
}
END_TEST

START_TEST(download_of_5_mb_with_backpressure)
{
    struct flow f = {.pause = true};
    flow_blob(&f, 65536);
    PB_SET(&f.out, number, 80);
    f.stream = rpc_stream_open(group, 1, METHOD(DOWNLOAD), &f.out.base, NULL, &flow_events, &f);
    for (int64_t until = clock_mono_ms() + 400; clock_mono_ms() < until; usleep(5000))
        uv_run(&loop, UV_RUN_NOWAIT);
    ck_assert_int_lt(atomic_load(&probe_seen.written), 40); /* nobody reads, so the writer waits */
    f.pause = false;
    rpc_stream_read(f.stream);
    wait_for(&f.end.done);
    ck_assert_int_eq(f.end.result.st, ST_OK);
    ck_assert_int_eq(f.got, 80);
    ck_assert_uint_eq(f.bytes, 80 * 65536);
}
END_TEST

START_TEST(a_download_that_fails_at_the_end)
{
    struct flow f = {0};
    flow_blob(&f, 10);
    PB_SET(&f.out, number, 3);
    f.out.text = "fail";
    f.stream = rpc_stream_open(group, 1, METHOD(DOWNLOAD), &f.out.base, NULL, &flow_events, &f);
    rpc_stream_read(f.stream);
    wait_for(&f.end.done);
    ck_assert_int_eq(f.got, 3);
    ck_assert_int_eq(f.end.result.st, ST_UNKNOWN_ASSET);
}
END_TEST

START_TEST(a_download_that_is_cancelled)
{
    struct flow f = {.pause = true};
    flow_blob(&f, 65536);
    PB_SET(&f.out, number, 1000);
    f.stream = rpc_stream_open(group, 1, METHOD(DOWNLOAD), &f.out.base, NULL, &flow_events, &f);
    rpc_stream_read(f.stream);
    while (!f.got)
        uv_run(&loop, UV_RUN_ONCE);
    rpc_stream_cancel(f.stream);
    wait_for(&f.end.done);
    ck_assert_int_eq(f.end.result.st, ST_CANCELLED);
    wait_count(&probe_seen.cancelled, 1);
}
END_TEST

START_TEST(both_ways)
{
    struct flow f = {.to_send = 50};
    flow_blob(&f, 1000);
    f.stream = rpc_stream_open(group, 1, METHOD(TALK), NULL, NULL, &flow_events, &f);
    flow_send(&f);
    rpc_stream_read(f.stream);
    wait_for(&f.end.done);
    ck_assert_int_eq(f.end.result.st, ST_OK);
    ck_assert_int_eq(f.got, 50);
}
END_TEST

START_TEST(a_stream_to_nobody)
{
    make_folder();
    connect_to(path_a, "");
    struct flow f = {.to_send = 50};
    flow_blob(&f, 1000);
    f.stream = rpc_stream_open(group, 1, METHOD(UPLOAD), NULL, NULL, &flow_events, &f);
    flow_send(&f);
    wait_for(&f.end.done);
    ck_assert_int_eq(f.end.result.st, ST_UNAVAILABLE);
    disconnect();
    remove_folder();
}
END_TEST

START_TEST(streams_are_cut_by_a_drain)
{
    struct flow f = {.pause = true};
    flow_blob(&f, 65536);
    PB_SET(&f.out, number, 1000);
    f.stream = rpc_stream_open(group, 1, METHOD(DOWNLOAD), &f.out.base, NULL, &flow_events, &f);
    wait_count(&probe_seen.written, 1);
    rpc_server_drain(server, 100);
    ck_assert_int_eq(atomic_load(&probe_seen.cancelled), 1);
    f.pause = false;
    rpc_stream_read(f.stream);
    wait_for(&f.end.done);
    ck_assert_int_ne(f.end.result.st, ST_OK);
}
END_TEST

/* ---- Health ----------------------------------------------------------------------------------------------------- */

typedef Grpc__Health__V1__HealthCheckRequest HealthRequest;
typedef Grpc__Health__V1__HealthCheckResponse HealthResponse;
static const struct rpc_method health_check = {
    "/grpc.health.v1.Health/Check", RPC_UNARY, &grpc__health__v1__health_check_request__descriptor,
    &grpc__health__v1__health_check_response__descriptor, .timeout_ms = 2000};
static const struct rpc_method health_watch = {
    "/grpc.health.v1.Health/Watch", RPC_SERVER_STREAM, &grpc__health__v1__health_check_request__descriptor,
    &grpc__health__v1__health_check_response__descriptor, .timeout_ms = 9000};

static int health_of(const char *service)
{
    HealthRequest in = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    in.service = (char *)service;
    struct kept k = ask(&health_check, &in, 0);
    return k.result.st == ST_OK ? (int)((const HealthResponse *)k.result.response)->status : -(int)k.result.st;
}

START_TEST(health_check_says_how_it_is)
{
    ck_assert_int_eq(health_of(""), 1);
    ck_assert_int_eq(health_of("hubbub.probe.v1.Probe"), 1);
    ck_assert_int_eq(health_of("hubbub.probe.v1"), -ST_NOT_FOUND);
    ck_assert_int_eq(health_of("nothing"), -ST_NOT_FOUND);
    rpc_server_set_ready(server, false);
    ck_assert_int_eq(health_of(""), 2);
}
END_TEST

struct watched {
    struct rpc_stream *stream;
    int states[8], n;
    struct kept end;
};

static void watched_message(void *user, const ProtobufCMessage *message)
{
    struct watched *w = user;
    w->states[w->n++] = (int)((const HealthResponse *)message)->status;
    rpc_stream_read(w->stream);
}

static void watched_done(void *user, const struct rpc_result *r)
{
    keep(&((struct watched *)user)->end, r);
}

static void watch(struct watched *w, const char *service)
{
    static const struct rpc_stream_events events = {watched_message, NULL, watched_done};
    HealthRequest in = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    in.service = (char *)service;
    w->stream = rpc_stream_open(group, 1, &health_watch, &in.base, NULL, &events, w);
    rpc_stream_read(w->stream);
    while (!w->n)
        uv_run(&loop, UV_RUN_ONCE);
}

START_TEST(health_watch_tells_changes_and_ends_with_the_drain)
{
    static struct watched w, unknown, gone;
    watch(&w, "");
    watch(&unknown, "nothing");
    watch(&gone, "");
    rpc_stream_cancel(gone.stream);
    wait_for(&gone.end.done);
    rpc_server_set_ready(server, false);
    while (w.n < 2)
        uv_run(&loop, UV_RUN_ONCE);
    rpc_server_set_ready(server, true);
    while (w.n < 3)
        uv_run(&loop, UV_RUN_ONCE);
    drain_grace_ms = 3000;
    pthread_t thread;
    pthread_create(&thread, NULL, drain, server);
    wait_for(&w.end.done);
    wait_for(&unknown.end.done);
    pthread_join(thread, NULL);
    ck_assert_int_eq(w.end.result.st, ST_OK);
    ck_assert_int_eq(w.n, 4);
    ck_assert(w.states[0] == 1 && w.states[1] == 2 && w.states[2] == 1 && w.states[3] == 2);
    ck_assert(unknown.n == 1 && unknown.states[0] == 3);
}
END_TEST

/* ----------------------------------------------------------------------------------------------------------------- */

static TCase *part(Suite *suite, const char *name, bool with_server)
{
    TCase *tests = tcase_create(name);
    tcase_set_timeout(tests, 60);
    if (with_server)
        tcase_add_checked_fixture(tests, setup, teardown);
    suite_add_tcase(suite, tests);
    return tests;
}

int main(void)
{
    log_init("rpc_test", "error");
    Suite *suite = suite_create("rpc");
    TCase *t = part(suite, "one server", true);
    tcase_add_test(t, without_identity_and_with_what_no_header_may_hold);
    tcase_add_test(t, many_at_once);
    tcase_add_test(t, errors_come_with_their_row_and_leaves);
    tcase_add_test(t, entries_come_in_the_trailer);
    tcase_add_test(t, entries_above_the_limit_are_dropped_and_the_call_succeeds);
    tcase_add_test(t, deadline_ends_the_call_and_the_handler_sees_it);
    tcase_add_test(t, cancel_ends_the_call_and_the_handler_sees_it);
    tcase_add_test(t, cancel_at_once);
    tcase_add_test(t, an_unknown_method_is_answered_quickly);
    tcase_add_test(t, a_message_that_is_too_large_is_refused);
    tcase_add_test(t, bytes_that_are_no_request_are_an_internal_error);
    tcase_add_test(t, a_request_that_unpacks_to_far_too_much_is_refused);
    tcase_add_test(t, a_full_bulkhead_refuses_and_the_others_go_on);
    tcase_add_test(t, call_wait_needs_no_loop);
    tcase_add_test(t, an_address_in_use_is_not_taken);
    tcase_add_test(t, drain_lets_what_runs_finish_and_refuses_the_rest);
    tcase_add_test(t, drain_cancels_what_outlasts_the_grace);
    tcase_add_test(t, upload_of_5_mb_with_backpressure);
    tcase_add_test(t, an_upload_may_be_empty);
    tcase_add_test(t, an_upload_that_the_server_ends_early);
    tcase_add_test(t, an_upload_that_breaks_off_is_no_end);
    tcase_add_test(t, download_of_5_mb_with_backpressure);
    tcase_add_test(t, a_download_that_fails_at_the_end);
    tcase_add_test(t, a_download_that_is_cancelled);
    tcase_add_test(t, both_ways);
    tcase_add_test(t, streams_are_cut_by_a_drain);
    tcase_add_test(t, health_check_says_how_it_is);
    tcase_add_test(t, health_watch_tells_changes_and_ends_with_the_drain);
    t = part(suite, "its own servers", false);
    tcase_add_test(t, unary_over_unix_and_tcp);
    tcase_add_test(t, without_the_secret_nothing_is_answered);
    tcase_add_test(t, a_stale_socket_file_is_replaced_and_no_other_file);
    tcase_add_test(t, keys_stay_and_spread);
    tcase_add_test(t, a_killed_instance_loses_no_call);
    tcase_add_test(t, one_of_three_is_killed_at_a_thousand_calls_a_second);
    tcase_add_test(t, drain_under_load_with_another_instance_loses_no_call);
    tcase_add_test(t, a_stream_to_nobody);
    t = tcase_create("hung peers");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup_hung, teardown_hung);
    suite_add_tcase(suite, t);
    tcase_add_test(t, an_instance_that_hangs_is_given_up);
    tcase_add_test(t, an_instance_that_hangs_behind_a_full_socket_is_given_up);
    tcase_add_test(t, when_all_hang_calls_end_unavailable);
    tcase_add_test(t, an_instance_that_is_slow_is_not_given_up);
    tcase_add_test(t, a_client_ends_beside_a_hung_peer);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
