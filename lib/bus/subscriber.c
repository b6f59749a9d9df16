/* What comes from one Redis: one link (link.h) and the topics that are held.
 *
 *   RESTING -> CONNECTING -> SUBSCRIBING -> READY
 *
 * One timer serves every state: the wait in RESTING, the limit of an attempt in CONNECTING, the half-second tick with
 * its PING in the two others. Replies come in order, so when every PING sent is answered, every SUBSCRIBE before it is
 * too: that is READY. Whatever goes wrong ends in lose(), the only way back to RESTING.
 *
 * subscriber_lane_hold and _release only put their topic on the list of the changed ones; the list is sent in the
 * prepare phase of the same turn, so that a thousand holds are two commands and a release followed by a hold is none.
 */
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/bus/lane.h"
#include "lib/bus/link.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <uv.h>

enum {
    BATCH_MAX = 500,
    ATTEMPT_TIMEOUT_MS = 1000,
    TICK_MS = 500,
    SILENT_TICKS_MAX = 4, /* counted, not timed: a loop that was itself stopped for a while must not blame Redis */
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 2000,
    TOPIC_BYTES_MAX = 40,
};

static struct metric received = METRIC_COUNTER("hubbub_bus_received_total", "Messages received from Redis", "");
static struct metric reconnects =
    METRIC_COUNTER("hubbub_bus_connections_lost_total", "Connections to Redis lost", "role=\"subscriber\"");
static struct metric topics_held = METRIC_GAUGE("hubbub_bus_topics", "Topics subscribed to", "");

enum state { RESTING, CONNECTING, SUBSCRIBING, READY };

struct topic {
    UT_hash_handle hh;
    struct topic *next_changed;
    unsigned holds;
    bool changed;    /* on the list of changed topics */
    bool subscribed; /* SUBSCRIBE was sent on this connection */
    char name[TOPIC_BYTES_MAX];
};

struct subscriber_lane {
    uv_loop_t *loop;
    struct bus_address address;
    const struct bus_subscriber_events *events;
    void *user;
    enum state state;
    struct bus_link *link;
    struct topic *topics, *changed;
    uv_timer_t timer;
    uv_prepare_t flush;
    bool destroyed;
    unsigned references; /* timer and flush; the last one closed frees */
    unsigned silent_ticks, pings_pending;
    int64_t backoff_ms;
    const char *reason_logged; /* the loss is logged once, until it is READY again */
};

static void on_timer(uv_timer_t *);
static void lose(struct subscriber_lane *, const char *reason);

static void *allocate(size_t n)
{
    void *p = calloc(1, n);
    if (!p)
        log_fatal("out of memory");
    return p;
}

static void unreference(struct subscriber_lane *s)
{
    if (--s->references)
        return;
    struct topic *t, *next;
    HASH_ITER(hh, s->topics, t, next)
    {
        HASH_DEL(s->topics, t);
        free(t);
    }
    free(s);
}

static void on_handle_closed(uv_handle_t *handle)
{
    unreference(handle->data);
}

static void drop_link(struct subscriber_lane *s)
{
    bus_link_close(s->link);
    s->link = NULL;
}

/* ---- Sending ---------------------------------------------------------------------------------------------------- */

static void send_ping(struct subscriber_lane *s)
{
    bus_link_send(s->link, 1, (const char *[]){"PING"});
    s->pings_pending++;
}

static void forget(struct subscriber_lane *s, struct topic *t)
{
    HASH_DEL(s->topics, t);
    metric_add(&topics_held, -1);
    free(t);
}

struct batch {
    const char *argv[BATCH_MAX + 1];
    int n;
};

static void batch_send(struct subscriber_lane *s, struct batch *b, const char *verb)
{
    if (!b->n)
        return;
    b->argv[0] = verb;
    bus_link_send(s->link, b->n + 1, b->argv);
    b->n = 0;
}

static void batch_add(struct subscriber_lane *s, struct batch *b, const char *verb, const char *topic)
{
    b->argv[++b->n] = topic;
    if (b->n == BATCH_MAX)
        batch_send(s, b, verb);
}

/* Brings Redis' view to ours for every changed topic. Topics that nobody holds are freed once they were sent. */
static void send_changes(struct subscriber_lane *s)
{
    struct batch on = {0}, off = {0};
    struct topic *gone = NULL, *next;
    for (struct topic *t = s->changed; t; t = next) {
        next = t->next_changed;
        t->changed = false;
        if (t->holds && !t->subscribed) {
            t->subscribed = true;
            batch_add(s, &on, "SUBSCRIBE", t->name);
        } else if (!t->holds && t->subscribed) {
            batch_add(s, &off, "UNSUBSCRIBE", t->name);
        }
        if (!t->holds) {
            t->next_changed = gone;
            gone = t;
        }
    }
    s->changed = NULL;
    batch_send(s, &on, "SUBSCRIBE");
    batch_send(s, &off, "UNSUBSCRIBE");
    for (; gone; gone = next) {
        next = gone->next_changed;
        forget(s, gone);
    }
}

static void on_flush(uv_prepare_t *handle)
{
    struct subscriber_lane *s = handle->data;
    uv_prepare_stop(handle);
    if (s->state < SUBSCRIBING)
        return; /* all topics are sent when the connection stands */
    send_changes(s);
    if (s->state == SUBSCRIBING)
        send_ping(s);
}

static void mark_changed(struct subscriber_lane *s, struct topic *t)
{
    if (!t->changed) {
        t->changed = true;
        t->next_changed = s->changed;
        s->changed = t;
    }
    if (s->state >= SUBSCRIBING && !s->destroyed)
        uv_prepare_start(&s->flush, on_flush);
}

/* ---- Receiving -------------------------------------------------------------------------------------------------- */

static bool reply_is(const redisReply *r, const char *text)
{
    return (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS) && !strcasecmp(r->str, text);
}

static void on_pong(struct subscriber_lane *s)
{
    s->pings_pending -= s->pings_pending > 0;
    if (s->state != SUBSCRIBING || s->pings_pending)
        return;
    s->state = READY;
    s->backoff_ms = BACKOFF_MIN_MS;
    s->reason_logged = NULL;
    log_info("redis answers: subscribed", LOG_S("redis", bus_address_name(&s->address)),
             LOG_I("topics", HASH_COUNT(s->topics)));
    s->events->on_state(s->user, true);
}

static void on_reply(void *user, const redisReply *r)
{
    struct subscriber_lane *s = user;
    if (r->type == REDIS_REPLY_ERROR) {
        lose(s, r->str);
    } else if (reply_is(r, "PONG")) { /* nothing is subscribed */
        on_pong(s);
    } else if (r->type == REDIS_REPLY_ARRAY && r->elements >= 2) {
        const redisReply *what = r->element[0], *data = r->element[r->elements - 1];
        if (reply_is(what, "pong")) {
            on_pong(s);
        } else if (reply_is(what, "message") && data->type == REDIS_REPLY_STRING) {
            metric_add(&received, 1);
            s->events->on_message(s->user, data->str, (size_t)data->len);
        }
    }
}

/* ---- Connecting ------------------------------------------------------------------------------------------------- */

static void on_open(void *user)
{
    struct subscriber_lane *s = user;
    s->silent_ticks = s->pings_pending = 0;
    uv_timer_start(&s->timer, on_timer, TICK_MS, TICK_MS);
    for (struct topic *t = s->topics; t; t = t->hh.next) {
        t->subscribed = false;
        mark_changed(s, t);
    }
    s->state = SUBSCRIBING;
    send_changes(s);
    send_ping(s);
}

static void on_lost(void *user, const char *reason)
{
    lose(user, reason);
}

static void attempt(struct subscriber_lane *s)
{
    static const struct bus_link_events link_events = {on_open, on_reply, on_lost};
    const char *reason;
    s->state = CONNECTING;
    uv_timer_start(&s->timer, on_timer, ATTEMPT_TIMEOUT_MS, 0);
    s->link = bus_link_open(s->loop, &s->address, &link_events, s, &reason);
    if (!s->link)
        lose(s, reason);
}

static void on_tick(struct subscriber_lane *s)
{
    if (bus_link_heard(s->link))
        s->silent_ticks = 0;
    if (s->silent_ticks++ >= SILENT_TICKS_MAX)
        lose(s, "no answer in time");
    else
        send_ping(s);
}

static void on_timer(uv_timer_t *timer)
{
    struct subscriber_lane *s = timer->data;
    if (s->state == RESTING)
        attempt(s);
    else if (s->state != CONNECTING)
        on_tick(s);
    else if (bus_link_resolving(s->link))
        uv_timer_start(timer, on_timer, ATTEMPT_TIMEOUT_MS, 0);
    else
        lose(s, "no connection in time");
}

/* Back to RESTING, from any state. The user hears of it when it was READY, and may destroy the subscriber then. */
static void lose(struct subscriber_lane *s, const char *reason)
{
    bool was_ready = s->state == READY;
    if (!s->reason_logged)
        log_warn("redis is away: nothing is received", LOG_S("redis", bus_address_name(&s->address)),
                 LOG_S("reason", reason));
    s->reason_logged = "logged";
    s->state = RESTING;
    uv_prepare_stop(&s->flush);
    drop_link(s);
    uv_timer_start(&s->timer, on_timer, (uint64_t)bus_backoff(&s->backoff_ms, BACKOFF_MAX_MS), 0);
    if (!was_ready)
        return;
    metric_add(&reconnects, 1);
    s->events->on_state(s->user, false);
}

/* ---- Operations ------------------------------------------------------------------------------------------------- */

struct subscriber_lane *subscriber_lane_create(uv_loop_t *loop, const struct bus_address *address,
                                               const struct bus_subscriber_events *events, void *user)
{
    struct subscriber_lane *s = allocate(sizeof *s);
    s->address = *address;
    s->loop = loop;
    s->events = events;
    s->user = user;
    s->backoff_ms = BACKOFF_MIN_MS;
    s->references = 2;
    uv_timer_init(loop, &s->timer);
    uv_prepare_init(loop, &s->flush);
    s->timer.data = s->flush.data = s;
    metric_register(&received);
    metric_register(&reconnects);
    metric_register(&topics_held);
    uv_timer_start(&s->timer, on_timer, 0, 0);
    return s;
}

void subscriber_lane_destroy(struct subscriber_lane *s)
{
    if (!s)
        return;
    s->destroyed = true;
    s->state = RESTING;
    drop_link(s);
    metric_add(&topics_held, -(int64_t)HASH_COUNT(s->topics));
    uv_close((uv_handle_t *)&s->timer, on_handle_closed);
    uv_close((uv_handle_t *)&s->flush, on_handle_closed);
}

void subscriber_lane_hold(struct subscriber_lane *s, const char *kind, uint64_t id)
{
    char name[TOPIC_BYTES_MAX];
    snprintf(name, sizeof name, "%s:%" PRIu64, kind, id);
    struct topic *t;
    HASH_FIND_STR(s->topics, name, t);
    if (!t) {
        t = allocate(sizeof *t);
        memcpy(t->name, name, sizeof name);
        HASH_ADD_STR(s->topics, name, t);
        metric_add(&topics_held, 1);
    }
    if (!t->holds++)
        mark_changed(s, t);
}

void subscriber_lane_release(struct subscriber_lane *s, const char *kind, uint64_t id)
{
    char name[TOPIC_BYTES_MAX];
    snprintf(name, sizeof name, "%s:%" PRIu64, kind, id);
    struct topic *t;
    HASH_FIND_STR(s->topics, name, t);
    if (!t || !t->holds)
        log_fatal("released a topic that nobody holds: %s", name);
    if (--t->holds)
        return;
    mark_changed(s, t);
}

bool subscriber_lane_connected(struct subscriber_lane *s)
{
    return s->state == READY;
}
