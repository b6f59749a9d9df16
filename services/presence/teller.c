#include "services/presence/teller.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "services/presence/update.h"
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum { TURN_MS = 50, TURNS_PER_SWEEP = 20, TURN_BYTES_MAX = 256 << 20 };

static struct metric told =
    METRIC_COUNTER("hubbub_presence_updates_total", "Presence updates published, a guild or friend each", "");

struct teller {
    struct store *store;
    struct bus_publisher *publisher;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping; /* under lock */
};

static void tell_user(struct teller *t, const struct shown *s)
{
    struct arena *a = arena_create(0);
    size_t n;
    void *packed = update_pack_sessions(a, s, &n);
    bus_publish(t->publisher, "user", s->user_id, packed, n);
    arena_destroy(a);
}

static void tell(struct teller *t, const struct shown *s)
{
    for (size_t i = 0; i < s->n_guild_ids; i++) {
        struct arena *a = arena_create(0);
        size_t n;
        void *packed = update_pack(a, s, s->guild_ids[i], &n);
        bus_publish(t->publisher, "guild", s->guild_ids[i], packed, n);
        arena_destroy(a);
    }
    for (size_t i = 0; i < s->n_friend_ids; i++) {
        struct arena *a = arena_create(0);
        size_t n;
        void *packed = update_pack_friend(a, s, s->friend_ids[i], &n);
        bus_publish(t->publisher, "user", s->friend_ids[i], packed, n);
        arena_destroy(a);
    }
    metric_add(&told, (int64_t)(s->n_guild_ids + s->n_friend_ids));
    if (s->n_sessions)
        tell_user(t, s);
}

/* Redis away: the next turn tries again; the store's breaker makes that cheap. */
static void settle(struct teller *t)
{
    bool more = true;
    while (more) {
        struct arena *a = arena_create(TURN_BYTES_MAX);
        struct shown *changed;
        size_t n = 0;
        if (store_settle(t->store, a, &changed, &n, &more) != ST_OK)
            more = false;
        for (size_t i = 0; i < n; i++)
            tell(t, &changed[i]);
        arena_destroy(a);
    }
}

static void sweep(struct teller *t)
{
    struct arena *a = arena_create(0);
    if (store_sweep(t->store, a) != ST_OK)
        log_debug("not swept: redis is away");
    arena_destroy(a);
}

/* false: time to end. */
static bool rest(struct teller *t)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += TURN_MS * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&t->lock);
    while (!t->stopping && !pthread_cond_timedwait(&t->wake, &t->lock, &until))
        continue;
    bool go_on = !t->stopping;
    pthread_mutex_unlock(&t->lock);
    return go_on;
}

static void *run(void *user)
{
    struct teller *t = user;
    for (unsigned turn = 0; rest(t); turn++) {
        if (turn % TURNS_PER_SWEEP == 0)
            sweep(t);
        settle(t);
    }
    return NULL;
}

struct teller *teller_create(struct store_shared *shared, struct bus_publisher *publisher)
{
    struct teller *t = calloc(1, sizeof *t);
    if (!t)
        log_fatal("out of memory");
    t->store = store_create(shared);
    t->publisher = publisher;
    metric_register(&told);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&t->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&t->lock, NULL);
    if (pthread_create(&t->thread, NULL, run, t))
        log_fatal("cannot start the teller's thread");
    return t;
}

void teller_destroy(struct teller *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->lock);
    t->stopping = true;
    pthread_cond_signal(&t->wake);
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    pthread_cond_destroy(&t->wake);
    pthread_mutex_destroy(&t->lock);
    store_destroy(t->store);
    free(t);
}
