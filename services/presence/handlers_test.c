/* Goal: a beat through a real server reaches a guild's topic on the bus within moments, and Get tells the same;
 * without Redis calls are refused at once, and go on when it is back. */
#include "hubbub/v1/presence.hub.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/bus/bus.h"
#include "lib/bus/redis_fixture.h"
#include "services/presence/handlers.h"
#include "services/presence/store.h"
#include "services/presence/teller.h"
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static struct redis_fixture redis;
static struct store_shared shared;
static struct bus_publisher *publisher;
static struct teller *teller;
static struct rpc_server *server;
static uv_loop_t loop;
static uv_timer_t ticker;
static struct bus_subscriber *subscriber;
static struct arena *arena;
static char address[96], last[128];
static unsigned updates;

static void on_message(void *user, const void *data, size_t n)
{
    Hubbub__V1__BusMessage *m = hubbub__v1__bus_message__unpack(arena_protobuf(arena), n, data);
    ck_assert(m && m->n_ephemeral == 1 && m->ephemeral[0]->presence_update);
    const Hubbub__V1__PresenceUpdated *p = m->ephemeral[0]->presence_update;
    snprintf(last, sizeof last, "%d %s in %d", (int)p->user->id, p->status, (int)p->guild_id);
    updates++;
}

static void on_state(void *user, bool connected)
{
}

static void *start_worker(void *user)
{
    return store_create(&shared);
}

static void stop_worker(void *user, void *worker)
{
    store_destroy(worker);
}

static void wake(uv_timer_t *timer)
{
}

static void start_server(void)
{
    static const struct rpc_bulkhead bulkhead = {"main", 2, 16};
    struct rpc_server_config config = {.listen = address,
                                       .secret = "",
                                       .bulkheads = &bulkhead,
                                       .n_bulkheads = 1,
                                       .worker_start = start_worker,
                                       .worker_stop = stop_worker};
    server = rpc_server_create(&config);
    ck_assert_ptr_nonnull(server);
    handlers_serve(server);
    ck_assert(rpc_server_start(server));
    rpc_server_set_ready(server, true);
}

static void set_up(void)
{
    static const struct bus_subscriber_events events = {on_message, on_state};
    redis_fixture_init(&redis);
    redis_fixture_start(&redis);
    arena = arena_create(0);
    ck_assert(store_shared_init(&shared, redis.url, 1000, 200));
    publisher = bus_publisher_create(redis.url);
    teller = teller_create(&shared, publisher);
    snprintf(address, sizeof address, "unix:%s/p", redis.directory);
    start_server();
    uv_loop_init(&loop);
    uv_timer_init(&loop, &ticker);
    uv_timer_start(&ticker, wake, 10, 10);
    subscriber = bus_subscriber_create(&loop, redis.url, &events, NULL);
    bus_hold(subscriber, "guild", 7);
    while (!bus_subscriber_connected(subscriber) || !bus_publisher_connected(publisher))
        uv_run(&loop, UV_RUN_ONCE);
}

static void tear_down(void)
{
    bus_subscriber_destroy(subscriber);
    uv_close((uv_handle_t *)&ticker, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    rpc_server_drain(server, 1000);
    rpc_server_destroy(server);
    teller_destroy(teller);
    bus_publisher_destroy(publisher);
    arena_destroy(arena);
    redis_fixture_finish(&redis);
}

static struct rpc_result call(const struct rpc_method *method, const ProtobufCMessage *request)
{
    return rpc_call_wait(address, "", method, request, NULL, 3000, arena);
}

static status beat(const char *presence, bool closed)
{
    uint64_t guild_ids[] = {7};
    Hubbub__V1__SessionPresence p = HUBBUB__V1__SESSION_PRESENCE__INIT, *sessions[] = {&p};
    Hubbub__V1__BeatRequest request = HUBBUB__V1__BEAT_REQUEST__INIT;
    PB_SET(&p, user_id, 5);
    PB_SET(&p, closed, closed);
    p.session_id = "s";
    p.status = (char *)presence;
    p.guild_ids = guild_ids;
    p.n_guild_ids = 1;
    request.gateway_id = "gateway-1";
    request.sessions = sessions;
    request.n_sessions = 1;
    return call(&hubbub__v1__presences__beat__method, &request.base).st;
}

static void expect_update(const char *what, int64_t limit_ms)
{
    unsigned before = updates;
    for (int64_t until_ms = clock_mono_ms() + limit_ms; updates == before && clock_mono_ms() < until_ms;)
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_msg(updates != before, "%s: not within %d ms", what, (int)limit_ms);
    ck_assert_str_eq(last, what);
}

START_TEST(a_beat_is_told_and_answered)
{
    ck_assert_int_eq(beat("idle", false), ST_OK);
    expect_update("5 idle in 7", 1500);
    uint64_t user_ids[] = {4, 5};
    Hubbub__V1__GetPresencesRequest request = HUBBUB__V1__GET_PRESENCES_REQUEST__INIT;
    request.user_ids = user_ids;
    request.n_user_ids = 2;
    struct rpc_result r = call(&hubbub__v1__presences__get__method, &request.base);
    ck_assert_int_eq(r.st, ST_OK);
    const Hubbub__V1__GetPresencesResponse *got = (const Hubbub__V1__GetPresencesResponse *)r.response;
    ck_assert_uint_eq(got->n_presences, 1);
    ck_assert_uint_eq(got->presences[0]->user->id, 5);
    ck_assert_str_eq(got->presences[0]->client_status->desktop, "idle");
    ck_assert_int_eq(beat("idle", true), ST_OK);
    expect_update("5 offline in 7", 1500);
}
END_TEST

START_TEST(without_beats_the_user_goes_offline)
{
    ck_assert_int_eq(beat("online", false), ST_OK);
    expect_update("5 online in 7", 1500);
    expect_update("5 offline in 7", 4000);
}
END_TEST

START_TEST(nonsense_is_refused)
{
    ck_assert_int_eq(beat("sleeping", false), ST_BAD_REQUEST);
    Hubbub__V1__BeatRequest request = HUBBUB__V1__BEAT_REQUEST__INIT;
    ck_assert_int_eq(call(&hubbub__v1__presences__beat__method, &request.base).st, ST_BAD_REQUEST);
}
END_TEST

START_TEST(without_redis_calls_fail_at_once_and_go_on_when_it_is_back)
{
    ck_assert_int_eq(beat("online", false), ST_OK);
    redis_fixture_kill(&redis);
    ck_assert_int_eq(beat("online", false), ST_UNAVAILABLE);
    int64_t start_ms = clock_mono_ms();
    ck_assert_int_eq(beat("online", false), ST_UNAVAILABLE);
    ck_assert_int_lt(clock_mono_ms() - start_ms, 500);
    redis_fixture_start(&redis);
    while (beat("online", false) != ST_OK)
        ck_assert_int_lt(clock_mono_ms() - start_ms, 4000);
    while (!bus_subscriber_connected(subscriber) || !bus_publisher_connected(publisher))
        uv_run(&loop, UV_RUN_ONCE);
    ck_assert_int_eq(beat("dnd", false), ST_OK);
    start_ms = clock_mono_ms();
    while (strcmp(last, "5 dnd in 7")) { /* "online" may be told before */
        ck_assert_int_lt(clock_mono_ms() - start_ms, 1000);
        uv_run(&loop, UV_RUN_ONCE);
    }
}
END_TEST

int main(void)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    log_init("handlers_test", "error");
    Suite *suite = suite_create("presence handlers");
    TCase *t = tcase_create("calls");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, a_beat_is_told_and_answered);
    tcase_add_test(t, without_beats_the_user_goes_offline);
    tcase_add_test(t, nonsense_is_refused);
    tcase_add_test(t, without_redis_calls_fail_at_once_and_go_on_when_it_is_back);
    tcase_set_timeout(t, 30);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
