#include "services/presence/teller.h"
#include "lib/base/background.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "services/presence/update.h"
#include <stdlib.h>

enum { TURN_MS = 50, TURNS_PER_SWEEP = 20, TURN_BYTES_MAX = 256 << 20 };

static struct metric told =
    METRIC_COUNTER("hubbub_presence_updates_total", "Presence updates published, a guild or friend each", "");

struct teller {
    struct store *store;
    struct bus_publisher *publisher;
    struct background thread;
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

static void run(void *user)
{
    struct teller *t = user;
    for (unsigned turn = 0; background_rest(&t->thread, TURN_MS); turn++) {
        if (turn % TURNS_PER_SWEEP == 0)
            sweep(t);
        settle(t);
    }
}

struct teller *teller_create(struct store_shared *shared, struct bus_publisher *publisher)
{
    struct teller *t = calloc(1, sizeof *t);
    if (!t)
        log_fatal("out of memory");
    t->store = store_create(shared);
    t->publisher = publisher;
    metric_register(&told);
    background_start(&t->thread, "the teller", run, t);
    return t;
}

void teller_destroy(struct teller *t)
{
    if (!t)
        return;
    background_end(&t->thread);
    store_destroy(t->store);
    free(t);
}
