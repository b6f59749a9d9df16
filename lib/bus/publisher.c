/* The way to one Redis. publisher_lane_publish() puts a copy on a list under a lock; one thread takes up to a batch
 * from it, sends it as one pipeline and reads the replies. A batch stays in hand until Redis answered all of it or it
 * is stale, so a connection found dead costs no message if the next one stands at once. While Redis is away, the list
 * fills to its bound (more is dropped at the door) and what grows stale is thrown away after each failed attempt: after
 * an outage nobody is sent the past. A hung Redis is noticed by the reply's timeout, and when there is nothing to send
 * by a PING each second. */
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/bus/connect.h"
#include "lib/bus/lane.h"
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    QUEUE_MAX = 10000,
    QUEUE_BYTES_MAX = 64 << 20,
    BATCH_MAX = 100,
    BATCH_BYTES_MAX = 1 << 20,
    STALE_MS = 2000,
    REPLY_TIMEOUT_MS = 1000,
    IDLE_PING_MS = 1000,
    BACKOFF_MIN_MS = 100,
    BACKOFF_MAX_MS = 2000,
    TOPIC_BYTES_MAX = 40,
};

static struct metric published = METRIC_COUNTER("hubbub_bus_published_total", "Messages that Redis took", "");
static struct metric dropped_full =
    METRIC_COUNTER("hubbub_bus_dropped_total", "Messages not published", "reason=\"queue_full\"");
static struct metric dropped_stale =
    METRIC_COUNTER("hubbub_bus_dropped_total", "Messages not published", "reason=\"stale\"");
static struct metric reconnects =
    METRIC_COUNTER("hubbub_bus_connections_lost_total", "Connections to Redis lost", "role=\"publisher\"");
static struct metric queue_length = METRIC_GAUGE("hubbub_bus_queue_length", "Messages waiting to be published", "");

struct message {
    struct message *next;
    int64_t queued_ms;
    size_t n;
    char topic[TOPIC_BYTES_MAX];
    char data[];
};

struct publisher_lane {
    struct bus_address address;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct message *head, **tail; /* under lock, with the three below */
    unsigned length;
    size_t bytes;
    bool stopping;
    atomic_bool connected;
    /* The thread's own: */
    redisContext *redis;
    bool proven; /* it took a batch: a loss is followed by an attempt at once, not after a wait */
    int64_t backoff_ms, retry_at_ms;
    struct message *batch[BATCH_MAX];
    unsigned batch_n;
    unsigned length_shown; /* under lock */
};

static void rest(struct publisher_lane *p)
{
    p->retry_at_ms = clock_mono_ms() + bus_backoff(&p->backoff_ms, BACKOFF_MAX_MS);
}

static void close_connection(struct publisher_lane *p)
{
    redisFree(p->redis);
    p->redis = NULL;
    if (!p->proven)
        rest(p);
    if (!atomic_exchange(&p->connected, false))
        return;
    metric_add(&reconnects, 1);
    log_warn("redis is away: publishing waits", LOG_S("redis", bus_address_name(&p->address)));
}

static void open_connection(struct publisher_lane *p)
{
    const char *reason;
    p->redis = bus_connect(&p->address, REPLY_TIMEOUT_MS, &reason);
    p->proven = false;
    if (!p->redis)
        return rest(p);
    atomic_store(&p->connected, true);
    log_info("redis answers: publishing goes on", LOG_S("redis", bus_address_name(&p->address)));
}

/* Takes the head off the queue. Under the lock. */
static struct message *pop(struct publisher_lane *p)
{
    struct message *m = p->head;
    p->head = m->next;
    if (!p->head)
        p->tail = &p->head;
    p->length--;
    p->bytes -= m->n;
    return m;
}

/* Messages are queued in the order of their time: the stale ones stand first, in the batch and then in the queue. */
static void drop_stale(struct publisher_lane *p)
{
    int64_t oldest_ms = clock_mono_ms() - STALE_MS;
    unsigned n = 0;
    while (n < p->batch_n && p->batch[n]->queued_ms < oldest_ms)
        free(p->batch[n++]);
    memmove(p->batch, p->batch + n, (p->batch_n - n) * sizeof *p->batch);
    p->batch_n -= n;
    pthread_mutex_lock(&p->lock);
    for (; p->head && p->head->queued_ms < oldest_ms; n++)
        free(pop(p));
    pthread_mutex_unlock(&p->lock);
    metric_add(&dropped_stale, n);
}

/* Fills the batch; waits for something to do until the time is wait_ms away. false: time to end. */
static bool take_batch(struct publisher_lane *p, int64_t wait_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += wait_ms % 1000 * 1000000;
    until.tv_sec += wait_ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&p->lock);
    int timed_out = 0;
    while (!timed_out && !p->stopping && (p->redis ? !p->head && !p->batch_n : true))
        timed_out = pthread_cond_timedwait(&p->wake, &p->lock, &until);
    size_t bytes = 0;
    while (p->redis && p->head && p->batch_n < BATCH_MAX && (bytes += p->head->n) <= BATCH_BYTES_MAX + p->head->n)
        p->batch[p->batch_n++] = pop(p);
    bool over = p->stopping && (!p->redis || (!p->head && !p->batch_n));
    metric_add(&queue_length, (int64_t)p->length - p->length_shown); /* a sum over all lanes */
    p->length_shown = p->length;
    pthread_mutex_unlock(&p->lock);
    return !over;
}

static bool send_batch(struct publisher_lane *p)
{
    for (unsigned i = 0; i < p->batch_n; i++) {
        const struct message *m = p->batch[i];
        const char *argv[] = {"PUBLISH", m->topic, m->data};
        const size_t lengths[] = {7, strlen(m->topic), m->n};
        if (redisAppendCommandArgv(p->redis, 3, argv, lengths) != REDIS_OK)
            return false;
    }
    if (!p->batch_n && redisAppendCommand(p->redis, "PING") != REDIS_OK)
        return false;
    unsigned replies = p->batch_n ? p->batch_n : 1;
    for (unsigned i = 0; i < replies; i++) {
        void *reply;
        if (redisGetReply(p->redis, &reply) != REDIS_OK)
            return false;
        bool ok = ((redisReply *)reply)->type != REDIS_REPLY_ERROR; /* LOADING, READONLY, NOAUTH, OOM */
        freeReplyObject(reply);
        if (!ok)
            return false;
    }
    return true;
}

static void finish_batch(struct publisher_lane *p)
{
    for (unsigned i = 0; i < p->batch_n; i++)
        free(p->batch[i]);
    metric_add(&published, p->batch_n);
    p->batch_n = 0;
    p->proven = true;
    p->backoff_ms = BACKOFF_MIN_MS;
}

static void *run(void *user)
{
    struct publisher_lane *p = user;
    sigset_t pipe; /* hiredis writes without MSG_NOSIGNAL */
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    for (;;) {
        int64_t wait_ms = IDLE_PING_MS;
        if (!p->redis) {
            int64_t now_ms = clock_mono_ms();
            if (now_ms >= p->retry_at_ms)
                open_connection(p);
            wait_ms = p->redis ? IDLE_PING_MS : p->retry_at_ms - now_ms;
        }
        drop_stale(p);
        if (!take_batch(p, wait_ms > 0 ? wait_ms : 1))
            break;
        if (p->redis && send_batch(p))
            finish_batch(p);
        else if (p->redis)
            close_connection(p);
    }
    return NULL;
}

struct publisher_lane *publisher_lane_create(const struct bus_address *address)
{
    struct publisher_lane *p = calloc(1, sizeof *p);
    if (!p)
        log_fatal("out of memory");
    p->address = *address;
    p->tail = &p->head;
    p->backoff_ms = BACKOFF_MIN_MS;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&p->lock, NULL);
    metric_register(&published);
    metric_register(&dropped_full);
    metric_register(&dropped_stale);
    metric_register(&reconnects);
    metric_register(&queue_length);
    if (pthread_create(&p->thread, NULL, run, p))
        log_fatal("cannot start the publisher's thread");
    return p;
}

void publisher_lane_destroy(struct publisher_lane *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    pthread_join(p->thread, NULL);
    while (p->head)
        free(pop(p));
    for (unsigned i = 0; i < p->batch_n; i++)
        free(p->batch[i]);
    if (p->redis)
        redisFree(p->redis);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

void publisher_lane_publish(struct publisher_lane *p, const char *kind, uint64_t id, const void *data, size_t n)
{
    struct message *m = malloc(sizeof *m + n);
    if (!m)
        log_fatal("out of memory");
    *m = (struct message){.n = n};
    snprintf(m->topic, sizeof m->topic, "%s:%" PRIu64, kind, id);
    if (n)
        memcpy(m->data, data, n);
    pthread_mutex_lock(&p->lock);
    bool room = p->length < QUEUE_MAX && n <= QUEUE_BYTES_MAX - p->bytes;
    if (room) {
        m->queued_ms = clock_mono_ms(); /* under the lock: the queue is in the order of its times */
        *p->tail = m;
        p->tail = &m->next;
        p->bytes += n;
        if (!p->length++)
            pthread_cond_signal(&p->wake);
    }
    pthread_mutex_unlock(&p->lock);
    if (room)
        return;
    metric_add(&dropped_full, 1);
    free(m);
}

bool publisher_lane_connected(struct publisher_lane *p)
{
    return atomic_load(&p->connected);
}
