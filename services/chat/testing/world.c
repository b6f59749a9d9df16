#include "services/chat/testing/world.h"
#include "services/chat/message_content.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/chat/migrate.h"
#include "tests/support/postgres.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { CALLS_MAX = 20000, THREADS_MAX = 32 };

struct chat *world;
_Thread_local struct call *world_last;
_Thread_local const char *world_reason;
static struct call *calls[CALLS_MAX];
static unsigned n_calls;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void must(status st, const char *what)
{
    if (st != ST_OK)
        log_fatal("%s: %s (%s %s)", what, status_row(st)->name, world_last ? call_fake_detail(world_last) : "",
                  world_last ? LEAF : "");
}

void world_start(void)
{
    static struct chat_config config = {.public_url = "http://127.0.0.1", .workers = THREADS_MAX, .minimum_age = 13};
    config.database_url = postgres_start();
    world = chat_create(&config);
    must(migrate_run(world->db, true), "migrate");
    atomic_store(&world->open, true);
}

void world_stop(void)
{
    for (unsigned i = 0; i < n_calls; i++)
        call_fake_destroy(calls[i]);
    n_calls = 0;
    chat_destroy(world);
    world = NULL;
}

struct call *world_call(uint64_t user_id, bool bot)
{
    struct call *c = call_fake(&(struct fake_call){
        .server_user = world, .user_id = user_id, .bot = bot, .reason = world_reason, .timeout_ms = 20000});
    pthread_mutex_lock(&mutex);
    if (n_calls == CALLS_MAX)
        log_fatal("more than %d calls in a test", CALLS_MAX);
    calls[n_calls++] = c;
    pthread_mutex_unlock(&mutex);
    return c;
}

Hubbub__V1__FeedEntry *world_entry(size_t i)
{
    Hubbub__V1__FeedEntry *const *entries;
    size_t n = call_fake_entries(world_last, &entries, NULL);
    if (i >= n)
        log_fatal("there are %zu entries, not %zu", n, i + 1);
    return entries[i];
}

size_t world_entries(void)
{
    return call_fake_entries(world_last, NULL, NULL);
}

static struct db_rows *run(const char *sql, const struct db_param *params, size_t n)
{
    DB_LEASED struct db *d = NULL;
    struct call *c = world_last = world_call(0, false);
    struct db_rows *rows;
    must(chat_lease(c, &d), "lease");
    must(chat_query_params(c, d, &rows, sql, params, n), sql);
    return rows;
}

int world_run(const char *name, const struct world_test *tests, size_t n)
{
    Suite *suite = suite_create(name);
    for (size_t i = 0; i < n; i++) {
        TCase *tc = tcase_create(tests[i].name);
        tcase_set_timeout(tc, 60);
        tcase_add_test(tc, tests[i].test);
        suite_add_tcase(suite, tc);
    }
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    world_start();
    srunner_run_all(runner, CK_NORMAL);
    world_stop();
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

void world_clear(void)
{
    run("TRUNCATE reports, users, guilds, applications, tokens, feeds, feed_entries, messages, send_keys CASCADE", NULL, 0);
}

int64_t world_number(const char *sql, uint64_t p1, uint64_t p2)
{
    const struct db_param params[] = {DB_ID(p1), DB_ID(p2)};
    const struct db_rows *rows = run(sql, params, 2);
    return db_count(rows) ? db_i64(rows, 0, 0) : -1;
}

uint64_t world_person(const char *name)
{
    char password[64];
    snprintf(password, sizeof password, "password of %s", name);
    Hubbub__V1__RegisterRequest req = HUBBUB__V1__REGISTER_REQUEST__INIT;
    Hubbub__V1__TokenResponse resp = HUBBUB__V1__TOKEN_RESPONSE__INIT;
    req.username = (char *)name;
    req.password = password;
    PB_SET(&req, consent, true);
    must(DO(0, accounts, sign_up, &req, &resp), "sign up");
    return resp.user_id;
}

uint64_t world_quick_person(const char *name)
{
    const struct db_param params[] = {DB_TEXT(name)};
    return db_u64(run("WITH u AS (INSERT INTO users (id, username) VALUES (next_id(), $1) RETURNING id) "
                      "INSERT INTO feeds (scope_id) SELECT id FROM u RETURNING scope_id",
                      params, 1),
                  0, 0);
}

uint64_t world_guild(uint64_t owner)
{
    Hubbub__V1__CreateGuildRequest req = HUBBUB__V1__CREATE_GUILD_REQUEST__INIT;
    Hubbub__V1__Guild resp = HUBBUB__V1__GUILD__INIT;
    req.name = "A guild";
    PB_SET(&req, system_channel_flags, SYSTEM_SUPPRESS_JOINS); /* entries and messages are those of the test */
    must(DO(owner, guilds, create, &req, &resp), "create a guild");
    return resp.id;
}

uint64_t world_channel(uint64_t guild, uint64_t owner, const char *name, int type, uint64_t parent)
{
    Hubbub__V1__CreateChannelRequest req = HUBBUB__V1__CREATE_CHANNEL_REQUEST__INIT;
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&req, guild_id, guild);
    PB_SET(&req, type, type);
    PB_SET(&req, parent_id, parent);
    req.name = (char *)name;
    must(DO(owner, channels, create, &req, &resp), "create a channel");
    return resp.id;
}

uint64_t world_text_channel(uint64_t guild)
{
    return (uint64_t)world_number(
        "SELECT id FROM channels WHERE guild_id = $1 AND type = 0 AND name = 'general' AND $2 = 0::bigint", guild, 0);
}

void world_join(uint64_t guild, uint64_t user)
{
    const struct db_param params[] = {DB_ID(guild), DB_ID(user)};
    run("WITH m AS (INSERT INTO members (guild_id, user_id) VALUES ($1, $2)) UPDATE guilds SET member_count = "
        "member_count + 1 WHERE id = $1",
        params, 2);
}

uint64_t world_role(uint64_t guild, uint64_t owner, uint64_t permissions)
{
    Hubbub__V1__CreateRoleRequest req = HUBBUB__V1__CREATE_ROLE_REQUEST__INIT;
    Hubbub__V1__Role resp = HUBBUB__V1__ROLE__INIT;
    PB_SET(&req, guild_id, guild);
    PB_SET(&req, permissions, permissions);
    must(DO(owner, roles, create, &req, &resp), "create a role");
    return resp.id;
}

void world_give(uint64_t guild, uint64_t owner, uint64_t user, uint64_t role)
{
    Hubbub__V1__MemberRoleRequest req = HUBBUB__V1__MEMBER_ROLE_REQUEST__INIT;
    Hubbub__V1__Empty resp = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, guild_id, guild);
    PB_SET(&req, user_id, user);
    PB_SET(&req, role_id, role);
    must(DO(owner, members, add_role, &req, &resp), "give a role");
}

char *world_invite(uint64_t channel, uint64_t user, int max_uses, int max_age)
{
    Hubbub__V1__CreateInviteRequest req = HUBBUB__V1__CREATE_INVITE_REQUEST__INIT;
    Hubbub__V1__Invite resp = HUBBUB__V1__INVITE__INIT;
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, max_uses, max_uses);
    PB_SET(&req, max_age, max_age);
    PB_SET(&req, unique, true);
    must(DO(user, invites, create, &req, &resp), "create an invite");
    return resp.code;
}

/* ---- Threads --------------------------------------------------------------------------------------------------- */

struct runner {
    pthread_t thread;
    pthread_barrier_t *start;
    void (*f)(unsigned);
    unsigned i;
};

static void *run_one(void *arg)
{
    struct runner *r = arg;
    pthread_barrier_wait(r->start);
    r->f(r->i);
    return NULL;
}

void world_race(unsigned n, void (*f)(unsigned i))
{
    struct runner runners[THREADS_MAX];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, n);
    for (unsigned i = 0; i < n; i++) {
        runners[i] = (struct runner){.start = &start, .f = f, .i = i};
        if (pthread_create(&runners[i].thread, NULL, run_one, &runners[i]))
            log_fatal("no thread");
    }
    for (unsigned i = 0; i < n; i++)
        pthread_join(runners[i].thread, NULL);
    pthread_barrier_destroy(&start);
}
