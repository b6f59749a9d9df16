/* A sorted set a person, `seats:{user id}`: the numbers of the sessions by when their seats are free, on Redis' clock.
 */
#include "services/gateway/edge/seats.h"
#include "lib/base/log.h"
#include "lib/bus/bus_command.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CLAIM, KEEP, LEAVE };
enum { PATIENCE_MS = 1000 };

/* ARGV: what, number of the session, the most there may be, ms to live. */
static const char script[] = "local k, what, session = KEYS[1], ARGV[1], ARGV[2] "
                             "if what == '2' then redis.call('ZREM', k, session) return {1} end "
                             "local t = redis.call('TIME') "
                             "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
                             "redis.call('ZREMRANGEBYSCORE', k, '-inf', now) "
                             "if what == '0' and not redis.call('ZSCORE', k, session) "
                             "  and redis.call('ZCARD', k) >= tonumber(ARGV[3]) then return {0} end "
                             "redis.call('ZADD', k, now + ARGV[4], session) "
                             "redis.call('PEXPIRE', k, ARGV[4]) "
                             "return {1}";

struct seats {
    struct bus_commander *redis;
    int64_t lease_ms;
};

struct seats *seats_create(uv_loop_t *loop, const char *redis_url, int64_t lease_ms)
{
    struct seats *s = calloc(1, sizeof *s);
    if (!s)
        log_fatal("out of memory");
    s->lease_ms = lease_ms;
    s->redis = bus_commander_create(loop, redis_url, script, PATIENCE_MS);
    return s->redis ? s : (free(s), NULL);
}

void seats_destroy(struct seats *s)
{
    if (s)
        bus_commander_destroy(s->redis);
    free(s);
}

static int64_t number_of(const char *session_id)
{
    int64_t n;
    uint8_t hash[crypto_generichash_BYTES_MIN];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)session_id, strlen(session_id), NULL, 0);
    memcpy(&n, hash, sizeof n);
    return n & INT64_MAX;
}

static void run(struct seats *s, int what, uint64_t user_id, const char *session_id, int64_t max, bus_command_fn *done,
                void *user)
{
    char key[BUS_COMMAND_KEY_BYTES_MAX + 1];
    const char *keys[] = {key};
    int64_t numbers[] = {what, number_of(session_id), max, s->lease_ms};
    snprintf(key, sizeof key, "seats:%" PRIu64, user_id);
    bus_command_run(s->redis, keys, 1, numbers, sizeof numbers / sizeof *numbers, done, user);
}

struct claim {
    seats_fn *done;
    void *user;
};

static void on_claimed(void *user, status st, const int64_t *numbers, unsigned n)
{
    struct claim c = *(struct claim *)user;
    free(user);
    c.done(c.user, !(st == ST_OK && n == 1 && numbers[0] == 0));
}

void seats_claim(struct seats *s, uint64_t user_id, const char *session_id, int64_t max, seats_fn *done, void *user)
{
    struct claim *c = malloc(sizeof *c);
    if (!c)
        log_fatal("out of memory");
    *c = (struct claim){done, user};
    run(s, CLAIM, user_id, session_id, max, on_claimed, c);
}

static void on_told(void *user, status st, const int64_t *numbers, unsigned n)
{
}

void seats_keep(struct seats *s, uint64_t user_id, const char *session_id)
{
    run(s, KEEP, user_id, session_id, 0, on_told, NULL);
}

void seats_leave(struct seats *s, uint64_t user_id, const char *session_id)
{
    run(s, LEAVE, user_id, session_id, 0, on_told, NULL);
}
