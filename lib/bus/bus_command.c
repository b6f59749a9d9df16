/*   RESTING -> CONNECTING -> READY <-> LATE
 *
 * CONNECTING lasts until SCRIPT LOAD is answered, so a Redis that hangs from the start is not READY. Commands wait in
 * the order sent, which is the order of the replies, and nearly that of their deadlines. The first that is not answered
 * in time makes it LATE: all that wait are given up (they stay in the list, for their replies may still come), and new
 * ones are refused. The last reply owed makes it READY again; LOST_MS without it ends the connection.
 *
 * A Redis that lost the script (SCRIPT FLUSH, a failover) answers NOSCRIPT: the command is sent again as EVAL, which
 * also loads it. One timer serves every state. */
#include "lib/bus/bus_command.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/bus/link.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>
#include <uv.h>

enum {
    ATTEMPT_TIMEOUT_MS = 1000,
    LOST_MS = 2000,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 2000,
    ANSWER_NUMBERS_MAX = 32,
    SHA_BYTES = 41,
    NUMBER_BYTES = 21
};

static struct metric reconnects =
    METRIC_COUNTER("hubbub_bus_connections_lost_total", "Connections to Redis lost", "role=\"commander\"");

enum state { RESTING, CONNECTING, READY, LATE };

struct pending {
    struct pending *prev, *next;
    bus_command_fn *done; /* NULL: given up */
    void *user;
    int64_t deadline_ms;
    bool sent_whole; /* as EVAL */
    unsigned n_keys, n_numbers;
    char keys[BUS_COMMAND_KEYS_MAX][BUS_COMMAND_KEY_BYTES_MAX + 1];
    char numbers[BUS_COMMAND_NUMBERS_MAX][NUMBER_BYTES];
    char *text; /* NULL: none */
};

struct bus_commander {
    uv_loop_t *loop;
    struct bus_address address;
    const char *script;
    int64_t patience_ms, backoff_ms;
    enum state state;
    struct bus_link *link;
    uv_timer_t timer;
    char sha[SHA_BYTES];
    struct pending *pending;
    unsigned n_pending;
    const char *text;                 /* of the reply that is being told */
    bool loss_logged, refusal_logged; /* once, until it answers again */
};

static void on_timer(uv_timer_t *);

static void set_timer(struct bus_commander *c, int64_t ms)
{
    uv_timer_start(&c->timer, on_timer, ms > 0 ? (uint64_t)ms : 0, 0);
}

/* ---- What waits -------------------------------------------------------------------------------------------------- */

static void end(struct pending *p, status st, const int64_t *numbers, unsigned n)
{
    bus_command_fn *done = p->done;
    p->done = NULL;
    if (done)
        done(p->user, st, numbers, n);
}

static void free_pending(struct pending *p)
{
    free(p->text);
    free(p);
}

static void give_up_all(struct bus_commander *c, status st)
{
    struct pending *p;
    DL_FOREACH(c->pending, p)
    end(p, st, NULL, 0);
}

/* The callbacks of one of these may ask again: they find the state that refuses them. */
static void drop_all(struct bus_commander *c, status st)
{
    give_up_all(c, st);
    struct pending *p, *next;
    DL_FOREACH_SAFE(c->pending, p, next)
    {
        DL_DELETE(c->pending, p);
        free_pending(p);
    }
    c->n_pending = 0;
}

static void lose(struct bus_commander *c, const char *reason)
{
    if (!c->loss_logged)
        log_warn("redis is away: commands are not sent", LOG_S("reason", reason));
    c->loss_logged = true;
    if (c->state >= READY)
        metric_add(&reconnects, 1);
    c->state = RESTING;
    bus_link_close(c->link);
    c->link = NULL;
    set_timer(c, bus_backoff(&c->backoff_ms, BACKOFF_MAX_MS));
    drop_all(c, ST_UNAVAILABLE);
}

static void send_pending(struct bus_commander *c, struct pending *p)
{
    const char *argv[4 + BUS_COMMAND_KEYS_MAX + BUS_COMMAND_NUMBERS_MAX];
    char n_keys[NUMBER_BYTES];
    int n = 0;
    snprintf(n_keys, sizeof n_keys, "%u", p->n_keys);
    argv[n++] = p->sent_whole ? "EVAL" : "EVALSHA";
    argv[n++] = p->sent_whole ? c->script : c->sha;
    argv[n++] = n_keys;
    for (unsigned i = 0; i < p->n_keys; i++)
        argv[n++] = p->keys[i];
    for (unsigned i = 0; i < p->n_numbers; i++)
        argv[n++] = p->numbers[i];
    if (p->text)
        argv[n++] = p->text;
    DL_APPEND(c->pending, p);
    c->n_pending++;
    bus_link_send(c->link, n, argv);
}

/* ---- Replies ----------------------------------------------------------------------------------------------------- */

static void end_with_reply(struct bus_commander *c, struct pending *p, const redisReply *r)
{
    int64_t numbers[ANSWER_NUMBERS_MAX];
    bool ok = r->type == REDIS_REPLY_ARRAY && r->elements <= ANSWER_NUMBERS_MAX;
    size_t n = ok ? r->elements : 0;
    c->text = n && r->element[n - 1]->type == REDIS_REPLY_STRING ? r->element[--n]->str : NULL;
    for (size_t i = 0; ok && i < n; i++) {
        ok = r->element[i]->type == REDIS_REPLY_INTEGER;
        numbers[i] = r->element[i]->integer;
    }
    if (!ok && !c->refusal_logged)
        log_warn("redis refuses a command", LOG_S("reason", r->type == REDIS_REPLY_ERROR ? r->str : "not numbers"));
    c->refusal_logged = !ok;
    end(p, ok ? ST_OK : ST_UNAVAILABLE, ok ? numbers : NULL, ok ? (unsigned)n : 0);
}

static void on_loaded(struct bus_commander *c, const redisReply *r)
{
    if (r->type != REDIS_REPLY_STRING || strlen(r->str) != SHA_BYTES - 1) {
        lose(c, r->type == REDIS_REPLY_ERROR ? r->str : "the script was not loaded");
        return;
    }
    memcpy(c->sha, r->str, SHA_BYTES);
    c->state = READY;
    c->backoff_ms = BACKOFF_MIN_MS;
    c->loss_logged = false;
    uv_timer_stop(&c->timer);
    log_info("redis answers: commands are sent");
}

/* After a reply: what is waited for next. */
static void watch_next(struct bus_commander *c)
{
    if (!c->pending) {
        c->state = READY;
        uv_timer_stop(&c->timer);
    } else if (c->state == READY) {
        set_timer(c, c->pending->deadline_ms - clock_mono_ms());
    }
}

static void on_reply(void *user, const redisReply *r)
{
    struct bus_commander *c = user;
    struct pending *p = c->pending;
    if (c->state == CONNECTING)
        return on_loaded(c, r);
    if (!p)
        return lose(c, "a reply to no command");
    DL_DELETE(c->pending, p);
    c->n_pending--;
    if (r->type == REDIS_REPLY_ERROR && !strncmp(r->str, "NOSCRIPT", 8) && p->done && !p->sent_whole) {
        p->sent_whole = true;
        send_pending(c, p);
        return watch_next(c);
    }
    watch_next(c); /* before the callback: it may ask again, or destroy */
    end_with_reply(c, p, r);
    free_pending(p);
}

/* ---- Connecting -------------------------------------------------------------------------------------------------- */

static void on_open(void *user)
{
    struct bus_commander *c = user;
    bus_link_send(c->link, 3, (const char *[]){"SCRIPT", "LOAD", c->script});
}

static void on_lost(void *user, const char *reason)
{
    lose(user, reason);
}

static void attempt(struct bus_commander *c)
{
    static const struct bus_link_events events = {on_open, on_reply, on_lost};
    const char *reason;
    c->state = CONNECTING;
    set_timer(c, ATTEMPT_TIMEOUT_MS);
    c->link = bus_link_open(c->loop, &c->address, &events, c, &reason);
    if (!c->link)
        lose(c, reason);
}

static void on_late(struct bus_commander *c)
{
    int64_t left = c->pending ? c->pending->deadline_ms - clock_mono_ms() : 0;
    if (left > 0) {
        set_timer(c, left);
        return;
    }
    c->state = LATE;
    set_timer(c, LOST_MS);
    give_up_all(c, ST_DEADLINE);
}

static void on_timer(uv_timer_t *timer)
{
    struct bus_commander *c = timer->data;
    switch (c->state) {
    case RESTING:
        return attempt(c);
    case CONNECTING:
        return bus_link_resolving(c->link) ? set_timer(c, ATTEMPT_TIMEOUT_MS) : lose(c, "no connection in time");
    case READY:
        return on_late(c);
    case LATE:
        return lose(c, "no answer in time");
    }
}

/* ---- Operations -------------------------------------------------------------------------------------------------- */

struct bus_commander *bus_commander_create(uv_loop_t *loop, const char *url, const char *script, int64_t patience_ms)
{
    struct bus_commander *c = calloc(1, sizeof *c);
    if (!c)
        log_fatal("out of memory");
    if (!bus_address_parse(url, &c->address)) {
        log_error("the address of redis is neither redis://host:port nor unix:///path");
        free(c);
        return NULL;
    }
    c->loop = loop;
    c->script = script;
    c->patience_ms = patience_ms;
    c->backoff_ms = BACKOFF_MIN_MS;
    uv_timer_init(loop, &c->timer);
    c->timer.data = c;
    metric_register(&reconnects);
    set_timer(c, 0);
    return c;
}

static void on_closed(uv_handle_t *timer)
{
    free(timer->data);
}

void bus_commander_destroy(struct bus_commander *c)
{
    if (!c)
        return;
    c->state = RESTING;
    bus_link_close(c->link);
    c->link = NULL;
    drop_all(c, ST_CANCELLED);
    uv_close((uv_handle_t *)&c->timer, on_closed);
}

void bus_command_run(struct bus_commander *c, const char *const *keys, unsigned n_keys, const int64_t *numbers,
                     unsigned n_numbers, bus_command_fn *done, void *user)
{
    bus_command_run_text(c, keys, n_keys, numbers, n_numbers, NULL, done, user);
}

const char *bus_command_text(const struct bus_commander *c)
{
    return c->text;
}

void bus_command_run_text(struct bus_commander *c, const char *const *keys, unsigned n_keys, const int64_t *numbers,
                          unsigned n_numbers, const char *text, bus_command_fn *done, void *user)
{
    if (n_keys > BUS_COMMAND_KEYS_MAX || n_numbers > BUS_COMMAND_NUMBERS_MAX)
        log_fatal("a command of %u keys and %u numbers", n_keys, n_numbers);
    if (c->state != READY || c->n_pending >= BUS_COMMANDS_PENDING_MAX ||
        (text && strlen(text) > BUS_COMMAND_TEXT_BYTES_MAX)) {
        done(user, c->state == READY ? ST_OVERLOADED : ST_UNAVAILABLE, NULL, 0);
        return;
    }
    struct pending *p = calloc(1, sizeof *p);
    if (!p)
        log_fatal("out of memory");
    *p = (struct pending){.done = done, .user = user, .n_keys = n_keys, .n_numbers = n_numbers};
    p->deadline_ms = clock_mono_ms() + c->patience_ms;
    p->text = text ? strdup(text) : NULL;
    if (text && !p->text)
        log_fatal("out of memory");
    for (unsigned i = 0; i < n_keys; i++)
        if (snprintf(p->keys[i], sizeof p->keys[i], "%s", keys[i]) >= (int)sizeof p->keys[i])
            log_fatal("a key of redis is too long: %s", keys[i]);
    for (unsigned i = 0; i < n_numbers; i++)
        snprintf(p->numbers[i], sizeof p->numbers[i], "%" PRId64, numbers[i]);
    bool first = !c->pending;
    send_pending(c, p);
    if (first)
        set_timer(c, c->patience_ms);
}

bool bus_commander_ready(const struct bus_commander *c)
{
    return c->state == READY && c->n_pending < BUS_COMMANDS_PENDING_MAX;
}
