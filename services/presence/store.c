#include "services/presence/store.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TIMEOUT_MS = 500,
    RETRY_MS = 250,
    SESSIONS_PER_SCRIPT = 100, /* a script stops Redis while it runs */
    VALUES_PER_SESSION = 7,
    USERS_PER_SCRIPT = 200,
    SWEPT_PER_SCRIPT = 500,
    SHOWN_FIELDS = 5,
};

enum script { BEAT, SWEEP, SETTLE, SCRIPTS };
static const char *const sources[SCRIPTS] = {
#include "services/presence/beat.lua.inc"
    ,
#include "services/presence/sweep.lua.inc"
    ,
#include "services/presence/settle.lua.inc"
};

static struct metric losses =
    METRIC_COUNTER("hubbub_presence_redis_failures_total", "Connections to Redis lost or refused", "");
static struct metric refused =
    METRIC_COUNTER("hubbub_presence_redis_refused_total", "Calls refused at once while Redis is away", "");
static struct metric swept = METRIC_COUNTER("hubbub_presence_expired_total", "Sessions whose lease ended", "");

struct store {
    struct store_shared *shared;
    redisContext *redis;
    unsigned losses; /* of shared when the connection was made */
    char sha[SCRIPTS][41];
};

/* ---- The connection and its breaker ----------------------------------------------------------------------------- */

bool store_shared_init(struct store_shared *s, const char *url, int64_t lease_ms, int64_t settle_ms)
{
    *s = (struct store_shared){.lease_ms = lease_ms, .settle_ms = settle_ms};
    metric_register(&losses);
    metric_register(&refused);
    metric_register(&swept);
    return bus_address_parse(url, &s->address);
}

bool store_available(const struct store_shared *s)
{
    return !atomic_load(&s->failing);
}

struct store *store_create(struct store_shared *shared)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        log_fatal("out of memory");
    s->shared = shared;
    return s;
}

static void disconnect(struct store *s)
{
    if (s->redis)
        redisFree(s->redis);
    s->redis = NULL;
}

void store_destroy(struct store *s)
{
    if (!s)
        return;
    disconnect(s);
    free(s);
}

static status fail(struct store *s, const char *reason)
{
    struct store_shared *shared = s->shared;
    atomic_store(&shared->retry_at_ms, clock_mono_ms() + RETRY_MS);
    atomic_fetch_add(&shared->losses, 1);
    if (!atomic_exchange(&shared->failing, true))
        log_warn("redis is away: presence is unavailable", LOG_S("reason", reason));
    metric_add(&losses, 1);
    disconnect(s);
    return ST_UNAVAILABLE;
}

/* Whether this call may go to Redis: always while it answers, one call each RETRY_MS while it does not. */
static bool may_try(struct store_shared *shared)
{
    if (!atomic_load(&shared->failing))
        return true;
    long long at_ms = atomic_load(&shared->retry_at_ms), now_ms = clock_mono_ms();
    if (now_ms >= at_ms && atomic_compare_exchange_strong(&shared->retry_at_ms, &at_ms, now_ms + RETRY_MS + TIMEOUT_MS))
        return true;
    metric_add(&refused, 1);
    return false;
}

static bool load_scripts(struct store *s)
{
    for (int i = 0; i < SCRIPTS; i++) {
        redisReply *r = redisCommand(s->redis, "SCRIPT LOAD %s", sources[i]);
        bool ok = r && r->type == REDIS_REPLY_STRING && r->len == 40;
        if (ok)
            memcpy(s->sha[i], r->str, 41);
        if (r)
            freeReplyObject(r);
        if (!ok)
            return false;
    }
    return true;
}

/* A connection that Redis is believed to answer on. */
static status require_connection(struct store *s)
{
    const char *reason;
    if (!may_try(s->shared))
        return ST_UNAVAILABLE;
    unsigned now = atomic_load(&s->shared->losses);
    if (s->redis && s->losses == now)
        return ST_OK;
    disconnect(s);
    s->losses = now;
    s->redis = bus_connect(&s->shared->address, TIMEOUT_MS, &reason);
    if (!s->redis)
        return fail(s, reason);
    return load_scripts(s) ? ST_OK : fail(s, "the scripts cannot be loaded");
}

static void succeed(struct store *s)
{
    if (atomic_exchange(&s->shared->failing, false))
        log_info("redis answers: presence is available");
}

/* Replies are owned by the caller for as long as its block lasts. */
static void free_reply(redisReply **r)
{
    if (*r)
        freeReplyObject(*r);
}
#define OWNED_REPLY __attribute__((cleanup(free_reply))) redisReply *

static bool lacks_script(const redisReply *r)
{
    return r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "NOSCRIPT", 8);
}

/* Runs a script with argv[3..argc-1] as its arguments. *ret is freed by the caller; untouched on failure. */
static status run_script(struct store *s, enum script script, int argc, const char **argv, redisReply **ret)
{
    status st = require_connection(s);
    if (st != ST_OK)
        return st;
    argv[0] = "EVALSHA";
    argv[1] = s->sha[script];
    argv[2] = "0";
    redisReply *r = redisCommandArgv(s->redis, argc, argv, NULL);
    if (r && lacks_script(r)) {
        freeReplyObject(r);
        argv[0] = "EVAL";
        argv[1] = sources[script];
        r = redisCommandArgv(s->redis, argc, argv, NULL);
    }
    if (!r)
        return fail(s, s->redis->errstr);
    if (r->type == REDIS_REPLY_ERROR) {
        st = fail(s, r->str);
        freeReplyObject(r);
        return st;
    }
    succeed(s);
    *ret = r;
    return ST_OK;
}

static const char *decimal(struct arena *a, int64_t n)
{
    return arena_printf(a, "%" PRId64, n);
}

/* ---- Beats ------------------------------------------------------------------------------------------------------ */

static const char *text(const char *s)
{
    return s ? s : "";
}

/* "1,2,u3": guilds, then friends; "" when no guild is given; "-" for the single id 0 and no friend: shown nowhere. */
static const char *audience(struct arena *a, const Hubbub__V1__SessionPresence *p)
{
    enum { DIGITS = 22 };
    bool nowhere = p->n_guild_ids == 1 && !p->guild_ids[0];
    if (!p->n_guild_ids)
        return "";
    if (nowhere && !p->n_friend_ids)
        return "-";
    char *list = arena_alloc(a, (p->n_guild_ids + p->n_friend_ids) * DIGITS + 1);
    size_t n = 0;
    for (size_t i = 0; !nowhere && i < p->n_guild_ids; i++)
        n += (size_t)sprintf(list + n, "%s%" PRIu64, n ? "," : "", p->guild_ids[i]);
    for (size_t i = 0; i < p->n_friend_ids; i++)
        n += (size_t)sprintf(list + n, "%su%" PRIu64, n ? "," : "", p->friend_ids[i]);
    return list;
}

static void put_session(struct arena *a, const Hubbub__V1__SessionPresence *p, const char **argv)
{
    argv[0] = arena_printf(a, "%" PRIu64, p->user_id);
    argv[1] = text(p->session_id);
    argv[2] = p->closed ? "closed" : "";
    argv[3] = text(p->status);
    argv[4] = text(p->client);
    argv[5] = audience(a, p);
    argv[6] = p->activities.len ? arena_strndup(a, (const char *)p->activities.data, p->activities.len) : "";
}

status store_beat(struct store *s, struct arena *a, const Hubbub__V1__BeatRequest *beat, bool *ret_wiped)
{
    const char *argv[6 + SESSIONS_PER_SCRIPT * VALUES_PER_SESSION];
    bool wiped = false;
    size_t i = 0;
    do {
        int argc = 6;
        argv[3] = decimal(a, s->shared->lease_ms);
        argv[4] = decimal(a, s->shared->settle_ms);
        argv[5] = text(beat->gateway_id);
        for (size_t end = i + SESSIONS_PER_SCRIPT; i < beat->n_sessions && i < end; i++, argc += VALUES_PER_SESSION)
            put_session(a, beat->sessions[i], argv + argc);
        OWNED_REPLY r = NULL;
        status st = run_script(s, BEAT, argc, argv, &r);
        if (st != ST_OK)
            return st;
        wiped = wiped || r->integer;
    } while (i < beat->n_sessions);
    *ret_wiped = wiped;
    return ST_OK;
}

/* ---- Reading ---------------------------------------------------------------------------------------------------- */

/* The five texts of what is shown, from the reply's elements. */
static void read_shown(struct arena *a, redisReply *const *element, struct shown *ret)
{
    const char **fields[SHOWN_FIELDS] = {&ret->status, &ret->desktop, &ret->mobile, &ret->web, &ret->activities};
    for (int i = 0; i < SHOWN_FIELDS; i++)
        *fields[i] = arena_strndup(a, text(element[i]->str), element[i]->str ? (size_t)element[i]->len : 0);
}

static bool read_get_reply(struct store *s, struct arena *a, uint64_t user_id, struct shown *all, size_t *n)
{
    void *reply;
    if (redisGetReply(s->redis, &reply) != REDIS_OK)
        return false;
    OWNED_REPLY r = reply;
    if (r->type != REDIS_REPLY_ARRAY || r->elements != SHOWN_FIELDS)
        return false;
    if (!r->element[0]->str || !strcmp(r->element[0]->str, "offline"))
        return true;
    all[*n].user_id = user_id;
    read_shown(a, r->element, &all[(*n)++]);
    return true;
}

status store_get(struct store *s, struct arena *a, const uint64_t *user_ids, size_t n, struct shown **ret,
                 size_t *ret_n)
{
    status st = require_connection(s);
    if (st != ST_OK)
        return st;
    struct shown *all = ARENA_ARRAY(a, struct shown, n);
    size_t found = 0;
    for (size_t i = 0; i < n; i++)
        if (redisAppendCommand(s->redis, "HMGET presence:%llu status desktop mobile web activities",
                               (unsigned long long)user_ids[i]) != REDIS_OK)
            return fail(s, s->redis->errstr);
    for (size_t i = 0; i < n; i++)
        if (!read_get_reply(s, a, user_ids[i], all, &found))
            return fail(s, s->redis->err ? s->redis->errstr : "an unexpected reply");
    succeed(s);
    *ret = all;
    *ret_n = found;
    return ST_OK;
}

/* When the gateway that has beaten longest began to, since the last wipe; 0: none has. */
static bool read_known_since(struct store *s, int64_t *ret)
{
    void *reply;
    if (redisGetReply(s->redis, &reply) != REDIS_OK)
        return false;
    OWNED_REPLY r = reply;
    if (r->type != REDIS_REPLY_ARRAY)
        return false;
    *ret = 0;
    for (size_t i = 0; i < r->elements; i++) {
        int64_t at = strtoll(text(r->element[i]->str), NULL, 10);
        *ret = !*ret || at < *ret ? at : *ret;
    }
    return true;
}

static bool read_exists(struct store *s, bool *ret)
{
    void *reply;
    if (redisGetReply(s->redis, &reply) != REDIS_OK)
        return false;
    OWNED_REPLY r = reply;
    *ret = r->type == REDIS_REPLY_INTEGER && r->integer;
    return r->type == REDIS_REPLY_INTEGER;
}

status store_connected(struct store *s, struct arena *a, const uint64_t *user_ids, size_t n, uint64_t **ret,
                       size_t *ret_n)
{
    int64_t since = 0;
    bool there;
    status st = require_connection(s);
    if (st != ST_OK)
        return st;
    bool sent = redisAppendCommand(s->redis, "HVALS presence:epoch") == REDIS_OK;
    for (size_t i = 0; sent && i < n; i++)
        sent = redisAppendCommand(s->redis, "EXISTS presence:%llu", (unsigned long long)user_ids[i]) == REDIS_OK;
    if (!sent || !read_known_since(s, &since))
        return fail(s, s->redis->err ? s->redis->errstr : "an unexpected reply");
    *ret = ARENA_ARRAY(a, uint64_t, n);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++) {
        if (!read_exists(s, &there))
            return fail(s, s->redis->err ? s->redis->errstr : "an unexpected reply");
        if (there)
            (*ret)[(*ret_n)++] = user_ids[i];
    }
    succeed(s);
    return since && clock_wall_ms() - since >= STORE_KNOWN_MS ? ST_OK : ST_UNAVAILABLE;
}

/* ---- Sweeping and settling --------------------------------------------------------------------------------------- */

status store_sweep(struct store *s, struct arena *a)
{
    for (;;) {
        const char *argv[4] = {[3] = decimal(a, SWEPT_PER_SCRIPT)};
        OWNED_REPLY r = NULL;
        status st = run_script(s, SWEEP, 4, argv, &r);
        if (st != ST_OK)
            return st;
        metric_add(&swept, r->integer);
        if (r->integer < SWEPT_PER_SCRIPT)
            return ST_OK;
    }
}

static const char *copy_text(struct arena *a, const redisReply *r)
{
    return arena_strndup(a, text(r->str), r->str ? (size_t)r->len : 0);
}

static void read_sessions(struct arena *a, const redisReply *r, struct shown *ret)
{
    enum { TEXTS = 4 };
    ret->n_sessions = r->elements / TEXTS;
    struct shown_session *all = ARENA_ARRAY(a, struct shown_session, ret->n_sessions);
    for (size_t i = 0; i < ret->n_sessions; i++) {
        redisReply *const *texts = r->element + i * TEXTS;
        all[i] = (struct shown_session){copy_text(a, texts[0]), copy_text(a, texts[1]), copy_text(a, texts[2]),
                                        copy_text(a, texts[3])};
    }
    ret->sessions = all;
}

static void read_audience(struct arena *a, const redisReply *r, struct shown *ret)
{
    uint64_t *guilds = ARENA_ARRAY(a, uint64_t, r->elements), *friends = ARENA_ARRAY(a, uint64_t, r->elements);
    for (size_t i = 0; i < r->elements; i++) {
        const char *id = r->element[i]->str;
        if (*id == 'u')
            friends[ret->n_friend_ids++] = strtoull(id + 1, NULL, 10);
        else
            guilds[ret->n_guild_ids++] = strtoull(id, NULL, 10);
    }
    ret->guild_ids = guilds;
    ret->friend_ids = friends;
}

static void read_update(struct arena *a, const redisReply *r, struct shown *ret)
{
    const redisReply *sessions = r->element[2 + SHOWN_FIELDS];
    ret->user_id = strtoull(r->element[0]->str, NULL, 10);
    read_shown(a, r->element + 1, ret);
    read_audience(a, r->element[1 + SHOWN_FIELDS], ret);
    read_sessions(a, sessions, ret);
}

status store_settle(struct store *s, struct arena *a, struct shown **ret, size_t *ret_n, bool *ret_more)
{
    const char *argv[4] = {[3] = decimal(a, USERS_PER_SCRIPT)};
    OWNED_REPLY r = NULL;
    status st = run_script(s, SETTLE, 4, argv, &r);
    if (st != ST_OK)
        return st;
    struct shown *all = ARENA_ARRAY(a, struct shown, r->elements);
    for (size_t i = 1; i < r->elements; i++)
        read_update(a, r->element[i], &all[i - 1]);
    *ret = all;
    *ret_n = r->elements - 1;
    *ret_more = r->element[0]->integer == USERS_PER_SCRIPT;
    return ST_OK;
}
