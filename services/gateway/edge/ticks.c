/* A hash a session: `k` a number made of its token's hash, `h` the newest hop that was given out or written, `n` how
 * often it was written, the last four ticks as `t0`..`t3`: "hop:s:base64 of the SessionMove", and `f` the farewell of
 * the end of a drain: "hop:from:s:base64", which is preferred to ticks of a hop that is not newer. One script does
 * everything, so that a claim is atomic: whoever claims later has the higher hop, and only that is confirmed; what an
 * older owner (one that hung) still writes is refused: a claim leaps past what was taken since the last tick. A claim drops the ticks past the seq from which the session now
 * goes on. */
#include "services/gateway/edge/ticks.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/bus/bus_command.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { PUT, CLAIM, CONFIRM, DROP };
enum { PATIENCE_MS = 1000, HASH_BYTES = 32, KEY_BYTES = BUS_COMMAND_KEY_BYTES_MAX + 1, SLACK_MS = 10000 };

/* ARGV: what, number of the token, hop, s or seq, ms to live, whole_from or -1, tick. */
static const char script[] =
    "local k, what, hop, s = KEYS[1], ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4]) "
    "local newest = tonumber(redis.call('HGET', k, 'h') or '-1') "
    "if what == '3' then redis.call('DEL', k) return {1} end "
    "if what == '2' then return {newest == hop and 1 or 0} end "
    "if what == '0' then "
    "  if hop < newest then return {0} end "
    "  if tonumber(ARGV[6]) >= 0 then "
    "    redis.call('HSET', k, 'k', ARGV[2], 'h', ARGV[3], 'f', "
    "      ARGV[3] .. ':' .. ARGV[6] .. ':' .. ARGV[4] .. ':' .. ARGV[7]) "
    "    redis.call('PEXPIRE', k, ARGV[5]) "
    "    return {1} "
    "  end "
    "  local n = redis.call('HINCRBY', k, 'n', 1) % 4 "
    "  redis.call('HSET', k, 'k', ARGV[2], 'h', ARGV[3], 't' .. n, ARGV[3] .. ':' .. ARGV[4] .. ':' .. ARGV[7]) "
    "  redis.call('PEXPIRE', k, ARGV[5]) "
    "  return {1} "
    "end "
    "if redis.call('HGET', k, 'k') ~= ARGV[2] then return {0} end "
    "local best, best_hop, best_s = nil, -1, -1 "
    "for i = 0, 3 do "
    "  local t = redis.call('HGET', k, 't' .. i) "
    "  if t then "
    "    local a, b, text = string.match(t, '^(%d+):(%d+):(.*)$') "
    "    a, b = tonumber(a), tonumber(b) "
    "    if b > s then redis.call('HDEL', k, 't' .. i) "
    "    elseif a > best_hop or (a == best_hop and b > best_s) then best, best_hop, best_s = text, a, b end "
    "  end "
    "end "
    "local f = redis.call('HGET', k, 'f') "
    "if f then "
    "  local a, from, b, text = string.match(f, '^(%d+):(%d+):(%d+):(.*)$') "
    "  if tonumber(a) >= best_hop and s >= tonumber(from) and s <= tonumber(b) then best = text end "
    "end "
    "if not best then return {0} end "
    "redis.call('HSET', k, 'h', newest + 1000) "
    "redis.call('PEXPIRE', k, ARGV[5]) "
    "return {newest + 1000, best}";

struct ticks {
    struct edge *edge;
    struct bus_commander *redis;
    unsigned farewells; /* under way */
};

struct ticks *ticks_create(struct edge *e)
{
    struct ticks *t = calloc(1, sizeof *t);
    if (!t)
        log_fatal("out of memory");
    t->edge = e;
    t->redis = bus_commander_create(e->loop, e->config->redis_url, script, PATIENCE_MS);
    return t->redis ? t : (free(t), NULL);
}

/* A session's id is a client's word here, of any length and form: its hash is the key. */
static void make_key(const char *session_id, char ret[KEY_BYTES])
{
    uint8_t hash[16];
    char hex[33];
    crypto_generichash(hash, sizeof hash, (const unsigned char *)session_id, strlen(session_id), NULL, 0);
    sodium_bin2hex(hex, sizeof hex, hash, sizeof hash);
    snprintf(ret, KEY_BYTES, "resume:%s", hex);
}

static int64_t number_of(const uint8_t hash[HASH_BYTES])
{
    int64_t n;
    memcpy(&n, hash, sizeof n);
    return n & INT64_MAX;
}

static void run_from(struct ticks *t, const char *session_id, int what, int64_t token, uint64_t hop, int64_t s,
                     int64_t from, const char *text, bus_command_fn *done, void *user)
{
    char key[KEY_BYTES];
    const char *keys[] = {key};
    int64_t live_ms = t->edge->config->session_linger_ms + SLACK_MS;
    int64_t numbers[] = {what, token, (int64_t)hop, s, live_ms, from};
    make_key(session_id, key);
    bus_command_run_text(t->redis, keys, 1, numbers, sizeof numbers / sizeof *numbers, text, done, user);
}

static void run(struct ticks *t, const char *session_id, int what, int64_t token, uint64_t hop, int64_t s,
                const char *text, bus_command_fn *done, void *user)
{
    run_from(t, session_id, what, token, hop, s, -1, text, done, user);
}

static void on_dropped(void *user, status st, const int64_t *numbers, unsigned n)
{
}

/* A tick that is being written. */
struct writing {
    struct ticks *ticks;
    uint64_t hop;
    bool farewell;
    int64_t at_ms;
    char session_id[];
};

static void on_written(void *user, status st, const int64_t *numbers, unsigned n)
{
    struct writing *w = user;
    struct edge *e = w->ticks->edge;
    w->ticks->farewells -= w->farewell;
    if (st == ST_OK && n == 1) {
        hub_on_tick(e->hub, w->session_id, w->hop, numbers[0] == 1, w->at_ms, clock_mono_ms());
        edge_touch(e);
    }
    free(w);
}

unsigned ticks_farewell_room(const struct ticks *t)
{
    return bus_commander_ready(t->redis) ? TICKS_FAREWELLS_MAX - t->farewells : 0;
}

bool ticks_are_written(const struct ticks *t)
{
    return !t->farewells;
}

void ticks_put(struct ticks *t, const Hubbub__V1__SessionMove *m, const uint8_t token_hash[HASH_BYTES])
{
    if (!bus_commander_ready(t->redis))
        return;
    size_t n = hubbub__v1__session_move__get_packed_size(m);
    size_t size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_ORIGINAL);
    uint8_t *bytes = malloc(n + size);
    struct writing *w = malloc(sizeof *w + strlen(m->session_id) + 1);
    if (!bytes || !w)
        log_fatal("out of memory");
    *w = (struct writing){t, m->hop, m->has_whole_from, clock_mono_ms()};
    memcpy(w->session_id, m->session_id, strlen(m->session_id) + 1);
    char *text = (char *)bytes + n;
    hubbub__v1__session_move__pack(m, bytes);
    sodium_bin2base64(text, size, bytes, n, sodium_base64_VARIANT_ORIGINAL);
    t->farewells += w->farewell;
    run_from(t, m->session_id, PUT, number_of(token_hash), m->hop, m->s, w->farewell ? m->whole_from : -1, text,
             on_written, w);
    free(bytes);
}

void ticks_drop(struct ticks *t, const char *session_id)
{
    run(t, session_id, DROP, 0, 0, 0, NULL, on_dropped, NULL);
}

/* ---- Claiming ---------------------------------------------------------------------------------------------------- */

struct asking {
    struct ticks *ticks;
    uint64_t ticket;
};

static struct asking *ask(struct ticks *t, uint64_t ticket)
{
    struct asking *a = malloc(sizeof *a);
    if (!a)
        log_fatal("out of memory");
    *a = (struct asking){t, ticket};
    return a;
}

static Hubbub__V1__SessionMove *read_tick(const char *text)
{
    size_t max = text ? strlen(text) : 0, n = 0;
    uint8_t *bytes = malloc(max + 1);
    if (!bytes)
        log_fatal("out of memory");
    bool good = text && !sodium_base642bin(bytes, max, text, max, NULL, &n, NULL, sodium_base64_VARIANT_ORIGINAL);
    Hubbub__V1__SessionMove *m = good ? hubbub__v1__session_move__unpack(NULL, n, bytes) : NULL;
    free(bytes);
    return m;
}

static void on_claimed(void *user, status st, const int64_t *numbers, unsigned n)
{
    struct asking a = *(struct asking *)user;
    struct edge *e = a.ticks->edge;
    free(user);
    Hubbub__V1__SessionMove *m = st == ST_OK && n == 1 ? read_tick(bus_command_text(a.ticks->redis)) : NULL;
    if (m)
        PB_SET(m, hop, (uint64_t)numbers[0]);
    hub_on_claim(e->hub, a.ticket, st, m, clock_mono_ms());
    edge_touch(e);
    if (m)
        hubbub__v1__session_move__free_unpacked(m, NULL);
}

static void on_confirmed(void *user, status st, const int64_t *numbers, unsigned n)
{
    struct asking a = *(struct asking *)user;
    free(user);
    hub_on_confirm(a.ticks->edge->hub, a.ticket, st, st == ST_OK && n == 1 && numbers[0] == 1, clock_mono_ms());
    edge_touch(a.ticks->edge);
}

/* bus_command_run may call back at once, from inside the core: answers come later. */
struct late {
    uv_timer_t timer;
    struct asking *asking;
    bus_command_fn *done;
};

static void on_late_closed(uv_handle_t *timer)
{
    free(timer->data);
}

static void on_late(uv_timer_t *timer)
{
    struct late *l = timer->data;
    l->done(l->asking, ST_UNAVAILABLE, NULL, 0);
    uv_close((uv_handle_t *)timer, on_late_closed);
}

/* Whether the question can be sent; else it is answered in the next turn. */
static bool is_ready(struct ticks *t, struct asking *a, bus_command_fn *done)
{
    if (bus_commander_ready(t->redis))
        return true;
    struct late *l = malloc(sizeof *l);
    if (!l)
        log_fatal("out of memory");
    *l = (struct late){.asking = a, .done = done};
    uv_timer_init(t->edge->loop, &l->timer);
    l->timer.data = l;
    uv_timer_start(&l->timer, on_late, 0, 0);
    return false;
}

void ticks_claim(struct ticks *t, uint64_t ticket, const char *session_id, const char *token, int64_t seq)
{
    uint8_t hash[HASH_BYTES];
    const char *bare = strncmp(token, "Bot ", 4) ? token : token + 4;
    struct asking *a = ask(t, ticket);
    crypto_generichash(hash, HASH_BYTES, (const unsigned char *)bare, strlen(bare), NULL, 0);
    if (is_ready(t, a, on_claimed))
        run(t, session_id, CLAIM, number_of(hash), 0, seq, NULL, on_claimed, a);
}

void ticks_confirm(struct ticks *t, uint64_t ticket, const char *session_id, uint64_t hop)
{
    struct asking *a = ask(t, ticket);
    if (is_ready(t, a, on_confirmed))
        run(t, session_id, CONFIRM, 0, hop, 0, NULL, on_confirmed, a);
}
