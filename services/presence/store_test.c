/* services/presence over a real redis-server: the best session is what is shown; a change is told once, to every guild
 * it concerns; what is not beaten ends; a wiped Redis is noticed; one that is away or hung never holds a caller. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/bus/redis_fixture.h"
#include "services/presence/store.h"
#include "services/presence/update.h"
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct redis_fixture redis;
static struct store_shared shared;
static struct store *store;
static struct arena *arena;
static struct shown *changed;
static size_t n_changed;
enum { LEASE_MS = 300, SETTLE_MS = 50 };

static void set_up(void)
{
    redis_fixture_init(&redis);
    redis_fixture_start(&redis);
    ck_assert(store_shared_init(&shared, redis.url, LEASE_MS, SETTLE_MS));
    store = store_create(&shared);
    arena = arena_create(0);
}

static void tear_down(void)
{
    store_destroy(store);
    arena_destroy(arena);
    redis_fixture_finish(&redis);
}

struct row {
    uint64_t user;
    const char *session, *status, *client, *activities, *guilds; /* guilds: "12" is guild 1 and guild 2 */
    bool closed;
};

static bool beat_as(const char *gateway, const struct row *r)
{
    Hubbub__V1__SessionPresence p = HUBBUB__V1__SESSION_PRESENCE__INIT, *sessions[] = {&p};
    Hubbub__V1__BeatRequest request = HUBBUB__V1__BEAT_REQUEST__INIT;
    uint64_t guild_ids[16];
    PB_SET(&p, user_id, r->user);
    PB_SET(&p, closed, r->closed);
    p.session_id = (char *)r->session;
    p.status = (char *)r->status;
    p.client = (char *)r->client;
    if (r->activities)
        PB_SET(&p, activities, ((ProtobufCBinaryData){strlen(r->activities), (uint8_t *)r->activities}));
    for (const char *g = r->guilds; g && *g; g++)
        guild_ids[p.n_guild_ids++] = (uint64_t)(*g - '0');
    p.guild_ids = guild_ids;
    request.gateway_id = (char *)gateway;
    request.sessions = sessions;
    request.n_sessions = r->user ? 1 : 0;
    bool wiped;
    ck_assert_int_eq(store_beat(store, arena, &request, &wiped), ST_OK);
    return wiped;
}

#define BEAT(...) beat_as("gateway-1", &(struct row){__VA_ARGS__})

static void settle(void)
{
    bool more;
    usleep((SETTLE_MS + 5) * 1000);
    ck_assert_int_eq(store_settle(store, arena, &changed, &n_changed, &more), ST_OK);
    ck_assert(!more);
}

static int compare_ids(const void *a, const void *b)
{
    return *(const uint64_t *)a > *(const uint64_t *)b ? 1 : -1;
}

/* Settles, and asserts that one user is told: "online desktop=online activities guilds". */
static void expect_told(uint64_t user, const char *what)
{
    settle();
    ck_assert_uint_eq(n_changed, 1);
    const struct shown *s = changed;
    ck_assert_uint_eq(s->user_id, user);
    qsort((void *)s->guild_ids, s->n_guild_ids, sizeof *s->guild_ids, compare_ids);
    char *text = arena_printf(arena, "%s d=%s m=%s w=%s %s ", s->status, s->desktop, s->mobile, s->web, s->activities);
    for (size_t i = 0; i < s->n_guild_ids; i++)
        text = arena_printf(arena, "%s%d", text, (int)s->guild_ids[i]);
    ck_assert_str_eq(text, what);
}

static void expect_silence(void)
{
    settle();
    for (size_t i = 0; i < n_changed; i++)
        ck_assert_uint_eq(changed[i].n_guild_ids, 0);
}

START_TEST(the_best_session_is_shown)
{
    BEAT(5, "a", "idle", "desktop", "[1]", "12");
    expect_told(5, "idle d=idle m= w= [1] 12");
    BEAT(5, "b", "online", "mobile", "[2]", "23");
    expect_told(5, "online d=idle m=online w= [2] 123");
    BEAT(5, "c", "dnd", "web", "[3]", "1");
    expect_told(5, "online d=idle m=online w=dnd [2] 123");
    BEAT(5, "d", "invisible", "web", "[4]", "1");
    expect_silence();
    BEAT(5, "b", .closed = true);
    expect_told(5, "idle d=idle m= w=dnd [1] 123");
    BEAT(5, "a", .closed = true);
    expect_told(5, "dnd d= m= w=dnd [3] 12");
    BEAT(5, "c", .closed = true);
    expect_told(5, "offline d= m= w= [] 1");
    BEAT(5, "d", .closed = true);
    expect_silence();
    ck_assert_str_eq(redis_fixture_ask(&redis, "EXISTS presence:5"), "0");
}
END_TEST

START_TEST(changes_within_the_settle_time_are_told_once)
{
    BEAT(5, "a", "online", "desktop", NULL, "1");
    expect_told(5, "online d=online m= w= [] 1");
    BEAT(5, "a", "idle");
    BEAT(5, "a", "dnd");
    BEAT(5, "a", "online");
    expect_silence();
    BEAT(5, "a", "idle");
    BEAT(5, "a", "dnd");
    expect_told(5, "dnd d=dnd m= w= [] 1");
}
END_TEST

START_TEST(a_beat_that_only_says_alive_keeps_everything)
{
    BEAT(5, "a", "dnd", "web", "[1]", "12");
    expect_told(5, "dnd d= m= w=dnd [1] 12");
    ck_assert(!BEAT(5, "a"));
    expect_silence();
    BEAT(5, "a", .activities = "[]");
    expect_told(5, "dnd d= m= w=dnd [] 12");
}
END_TEST

START_TEST(a_new_guild_is_told_and_a_left_one_is_told_no_more)
{
    BEAT(5, "a", "online", "web", NULL, "1");
    expect_told(5, "online d= m= w=online [] 1");
    BEAT(5, "a", .guilds = "12");
    expect_told(5, "online d= m= w=online [] 2");
    BEAT(5, "a", .guilds = "2");
    expect_silence();
    BEAT(5, "a", "idle");
    expect_told(5, "idle d= m= w=idle [] 2");
    BEAT(5, "a", .guilds = "0"); /* none */
    expect_silence();
    BEAT(5, "a", "online");
    expect_silence();
}
END_TEST

/* The member was removed and is back before anybody looked: the list is as it was, and the guild knows nothing of them.
 */
START_TEST(a_guild_that_was_left_and_joined_again_is_told_anew)
{
    BEAT(5, "a", "online", "desktop", NULL, "12");
    expect_told(5, "online d=online m= w= [] 12");
    BEAT(5, "a", .guilds = "12");
    expect_told(5, "online d=online m= w= [] 12");
    BEAT(5, "a");
    expect_silence();
    BEAT(5, "a", .guilds = "0"); /* the leaving and the coming back, each told by a beat */
    BEAT(5, "a", .guilds = "12");
    expect_told(5, "online d=online m= w= [] 12");
    expect_silence();
}
END_TEST

START_TEST(what_is_not_beaten_ends_and_what_is_beaten_does_not)
{
    BEAT(5, "a", "online", "web", NULL, "1");
    BEAT(6, "b", "online", "web", NULL, "1");
    settle();
    ck_assert_uint_eq(n_changed, 2);
    for (int i = 0; i < 4; i++) {
        usleep(LEASE_MS / 3 * 1000);
        ck_assert(!BEAT(6, "b"));
    }
    ck_assert_int_eq(store_sweep(store, arena), ST_OK);
    expect_told(5, "offline d= m= w= [] 1");
    ck_assert(BEAT(5, "a")); /* unknown by now: announce again */
    ck_assert_str_eq(redis_fixture_ask(&redis, "ZCARD presence:due"), "1");
}
END_TEST

START_TEST(a_wiped_redis_is_noticed_by_each_gateway_once)
{
    ck_assert(beat_as("gateway-1", &(struct row){5, "a", "online", "web", NULL, "1"}));
    ck_assert(beat_as("gateway-2", &(struct row){0}));
    ck_assert(!beat_as("gateway-1", &(struct row){5, "a"}));
    redis_fixture_ask(&redis, "FLUSHALL");
    redis_fixture_ask(&redis, "SCRIPT FLUSH");
    ck_assert(beat_as("gateway-1", &(struct row){0}));
    ck_assert(beat_as("gateway-2", &(struct row){0}));
    ck_assert(!beat_as("gateway-1", &(struct row){0}));
    ck_assert(!BEAT(5, "a", "online", "web", NULL, "1"));
    expect_told(5, "online d= m= w=online [] 1");
}
END_TEST

START_TEST(who_leaves_while_redis_is_wiped_is_told_offline)
{
    BEAT(5, "a", "online", "web", NULL, "12");
    expect_told(5, "online d= m= w=online [] 12");
    redis_fixture_ask(&redis, "FLUSHALL");
    BEAT(5, "a", .guilds = "12", .closed = true);
    expect_told(5, "offline d= m= w= [] 12");
    ck_assert_str_eq(redis_fixture_ask(&redis, "EXISTS presence:5"), "0");
}
END_TEST

START_TEST(a_users_sessions_are_listed_for_the_user)
{
    BEAT(5, "a", "idle", "desktop", "[1]", "1");
    expect_told(5, "idle d=idle m= w= [1] 1");
    ck_assert_uint_eq(changed->n_sessions, 1);
    beat_as("gateway-2", &(struct row){5, "b", "invisible", "mobile", "[2]", "1"});
    settle();
    ck_assert_uint_eq(n_changed, 1); /* although nobody else sees it */
    ck_assert_uint_eq(changed->n_guild_ids, 0);
    ck_assert_uint_eq(changed->n_sessions, 2);
    size_t n;
    void *packed = update_pack_sessions(arena, changed, &n);
    Hubbub__V1__BusMessage *m = hubbub__v1__bus_message__unpack(arena_protobuf(arena), n, packed);
    const Hubbub__V1__SessionsReplaced *r = m->ephemeral[0]->sessions_replace;
    ck_assert_uint_eq(r->n_sessions, 3);
    ck_assert_str_eq(r->sessions[0]->session_id, "all");
    ck_assert_str_eq(r->sessions[0]->status, "idle");
    for (size_t i = 1; i < 3; i++) {
        bool first = strcmp(r->sessions[i]->session_id, "a") == 0;
        ck_assert_str_eq(r->sessions[i]->session_id, first ? "a" : "b");
        ck_assert_str_eq(r->sessions[i]->status, first ? "idle" : "invisible");
        ck_assert_str_eq(r->sessions[i]->client_info->client, first ? "desktop" : "mobile");
    }
}
END_TEST

START_TEST(who_has_a_session_is_known_a_minute_after_a_wipe)
{
    const uint64_t asked[] = {5, 6, 7};
    uint64_t *found;
    size_t n;
    ck_assert_int_eq(store_connected(store, arena, asked, 3, &found, &n), ST_UNAVAILABLE); /* no gateway has beaten */
    BEAT(7, "a", "online", "web", "[]", "1");
    BEAT(5, "b", "invisible", "web", "[]", "1");
    settle();
    ck_assert_int_eq(store_connected(store, arena, asked, 3, &found, &n), ST_UNAVAILABLE); /* others may come yet */
    long long aged = clock_wall_ms() - STORE_KNOWN_MS;
    redis_fixture_ask(&redis, arena_printf(arena, "HSET presence:epoch gateway-1 %lld", aged));
    ck_assert_int_eq(store_connected(store, arena, asked, 3, &found, &n), ST_OK);
    ck_assert(n == 2 && found[0] == 5 && found[1] == 7);
    beat_as("gateway-2", &(struct row){6, "c", "dnd", "web", "[]", "1"}); /* a new gateway changes nothing */
    settle();
    ck_assert_int_eq(store_connected(store, arena, asked, 3, &found, &n), ST_OK);
    ck_assert_uint_eq(n, 3);
}
END_TEST

START_TEST(get_leaves_out_who_is_offline)
{
    BEAT(5, "a", "online", "web", "[1]", "1");
    BEAT(6, "b", "invisible", "web", NULL, "1");
    BEAT(UINT64_MAX, "c", "dnd", "mobile", NULL, "1");
    settle();
    struct shown *found;
    size_t n;
    uint64_t ids[] = {4, UINT64_MAX, 6, 5};
    ck_assert_int_eq(store_get(store, arena, ids, 4, &found, &n), ST_OK);
    ck_assert_uint_eq(n, 2);
    ck_assert_uint_eq(found[0].user_id, UINT64_MAX);
    ck_assert_str_eq(found[0].mobile, "dnd");
    ck_assert_uint_eq(found[1].user_id, 5);
    ck_assert_str_eq(found[1].activities, "[1]");
    ck_assert_int_eq(store_get(store, arena, NULL, 0, &found, &n), ST_OK);
    ck_assert_uint_eq(n, 0);
}
END_TEST

START_TEST(a_thousand_sessions_in_one_beat)
{
    static Hubbub__V1__SessionPresence rows[STORE_SESSIONS_MAX];
    Hubbub__V1__SessionPresence *sessions[STORE_SESSIONS_MAX];
    uint64_t guild_id = 1;
    for (int i = 0; i < STORE_SESSIONS_MAX; i++) {
        hubbub__v1__session_presence__init(&rows[i]);
        PB_SET(&rows[i], user_id, (uint64_t)i + 1);
        rows[i].session_id = "s";
        rows[i].status = "online";
        rows[i].guild_ids = &guild_id;
        rows[i].n_guild_ids = 1;
        sessions[i] = &rows[i];
    }
    Hubbub__V1__BeatRequest request = HUBBUB__V1__BEAT_REQUEST__INIT;
    request.gateway_id = "gateway-1";
    request.sessions = sessions;
    request.n_sessions = STORE_SESSIONS_MAX;
    bool wiped, more = true;
    ck_assert_int_eq(store_beat(store, arena, &request, &wiped), ST_OK);
    usleep((SETTLE_MS + 5) * 1000);
    size_t told = 0;
    for (; more; told += n_changed)
        ck_assert_int_eq(store_settle(store, arena, &changed, &n_changed, &more), ST_OK);
    ck_assert_uint_eq(told, STORE_SESSIONS_MAX);
    usleep(LEASE_MS * 1000);
    ck_assert_int_eq(store_sweep(store, arena), ST_OK);
    ck_assert_str_eq(redis_fixture_ask(&redis, "ZCARD presence:due"), "0");
}
END_TEST

static status try_beat(int64_t *ret_ms)
{
    Hubbub__V1__BeatRequest request = HUBBUB__V1__BEAT_REQUEST__INIT;
    bool wiped;
    request.gateway_id = "gateway-1";
    int64_t start_ms = clock_mono_ms();
    status st = store_beat(store, arena, &request, &wiped);
    *ret_ms = clock_mono_ms() - start_ms;
    return st;
}

START_TEST(a_hung_redis_costs_one_timeout_and_then_nothing)
{
    int64_t ms;
    ck_assert_int_eq(try_beat(&ms), ST_OK);
    redis_fixture_signal(&redis, SIGSTOP);
    ck_assert_int_eq(try_beat(&ms), ST_UNAVAILABLE);
    ck_assert_int_lt(ms, 1000);
    ck_assert_int_eq(try_beat(&ms), ST_UNAVAILABLE);
    ck_assert_int_lt(ms, 20);
    ck_assert(!store_available(&shared));
    redis_fixture_signal(&redis, SIGCONT);
    usleep(260000);
    ck_assert_int_eq(try_beat(&ms), ST_OK);
    ck_assert(store_available(&shared));
}
END_TEST

START_TEST(a_restarted_redis_is_used_by_every_connection_without_another_failure)
{
    int64_t ms;
    struct store *first = store, *second = store_create(&shared);
    ck_assert_int_eq(try_beat(&ms), ST_OK);
    store = second;
    ck_assert_int_eq(try_beat(&ms), ST_OK);
    redis_fixture_kill(&redis);
    ck_assert_int_eq(try_beat(&ms), ST_UNAVAILABLE);
    ck_assert_int_lt(ms, 20);
    redis_fixture_start(&redis);
    usleep(260000);
    ck_assert_int_eq(try_beat(&ms), ST_OK);
    store = first;
    ck_assert_int_eq(try_beat(&ms), ST_OK);
    store_destroy(second);
}
END_TEST

START_TEST(an_update_packs_into_a_bus_message_that_has_no_entry)
{
    struct shown s = {5, "online", "", "idle", "online", "[1]", NULL, 0, NULL, 0};
    size_t n;
    void *packed = update_pack(arena, &s, 9, &n);
    Hubbub__V1__BusMessage *m = hubbub__v1__bus_message__unpack(arena_protobuf(arena), n, packed);
    ck_assert_ptr_nonnull(m);
    ck_assert_uint_eq(m->n_entries, 0);
    ck_assert_uint_eq(m->n_ephemeral, 1);
    const Hubbub__V1__PresenceUpdated *p = m->ephemeral[0]->presence_update;
    ck_assert_uint_eq(p->guild_id, 9);
    ck_assert_uint_eq(p->user->id, 5);
    ck_assert_ptr_null(p->client_status->desktop);
    ck_assert_str_eq(p->client_status->mobile, "idle");
    ck_assert_uint_eq(p->activities.len, 3);
}
END_TEST

int main(void)
{
    log_init("store_test", "error");
    signal(SIGPIPE, SIG_IGN);
    Suite *suite = suite_create("presence store");
    TCase *t = tcase_create("redis");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, the_best_session_is_shown);
    tcase_add_test(t, changes_within_the_settle_time_are_told_once);
    tcase_add_test(t, who_has_a_session_is_known_a_minute_after_a_wipe);
    tcase_add_test(t, a_beat_that_only_says_alive_keeps_everything);
    tcase_add_test(t, a_new_guild_is_told_and_a_left_one_is_told_no_more);
    tcase_add_test(t, a_guild_that_was_left_and_joined_again_is_told_anew);
    tcase_add_test(t, what_is_not_beaten_ends_and_what_is_beaten_does_not);
    tcase_add_test(t, a_wiped_redis_is_noticed_by_each_gateway_once);
    tcase_add_test(t, who_leaves_while_redis_is_wiped_is_told_offline);
    tcase_add_test(t, a_users_sessions_are_listed_for_the_user);
    tcase_add_test(t, get_leaves_out_who_is_offline);
    tcase_add_test(t, a_thousand_sessions_in_one_beat);
    tcase_add_test(t, a_hung_redis_costs_one_timeout_and_then_nothing);
    tcase_add_test(t, a_restarted_redis_is_used_by_every_connection_without_another_failure);
    tcase_add_test(t, an_update_packs_into_a_bus_message_that_has_no_entry);
    tcase_set_timeout(t, 20);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
