#include "services/gateway/edge/limit_table.h"
#include "lib/base/log.h"
#include <stdlib.h>
#include <string.h>

enum { SETS = 16384, WAYS = 4 };

struct place {
    struct ratelimit_key key;
    int64_t count, reset_ms; /* reset_ms <= now: free */
};
struct limit_table {
    struct place places[SETS][WAYS];
};

struct limit_table *limit_table_create(void)
{
    struct limit_table *t = calloc(1, sizeof *t);
    if (!t)
        log_fatal("out of memory");
    return t;
}

void limit_table_destroy(struct limit_table *t)
{
    free(t);
}

static size_t set_of(const struct ratelimit_key *key)
{
    uint32_t at;
    memcpy(&at, key->bytes, sizeof at);
    return at % SETS;
}

static const struct place *find(const struct limit_table *t, const struct ratelimit_key *key, int64_t now_ms)
{
    const struct place *set = t->places[set_of(key)];
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].reset_ms > now_ms && !memcmp(&set[i].key, key, sizeof *key))
            return &set[i];
    return NULL;
}

void limit_table_look(const struct limit_table *t, struct ratelimit_rule *rules, unsigned n, int64_t now_ms)
{
    for (unsigned i = 0; i < n; i++) {
        const struct place *p = find(t, &rules[i].key, now_ms);
        rules[i].count = p ? p->count : 0;
        rules[i].reset_ms = p ? p->reset_ms : now_ms + rules[i].limit.window_ms;
    }
}

static struct place *place_for(struct limit_table *t, const struct ratelimit_key *key, int64_t now_ms)
{
    struct place *p = (struct place *)find(t, key, now_ms), *set = t->places[set_of(key)];
    if (p)
        return p;
    p = set;
    for (unsigned i = 1; i < WAYS; i++)
        p = set[i].reset_ms < p->reset_ms ? &set[i] : p;
    return p;
}

void limit_table_keep(struct limit_table *t, const struct ratelimit_rule *rules, unsigned n, int64_t now_ms)
{
    for (unsigned i = 0; i < n; i++)
        if (rules[i].count > 0)
            *place_for(t, &rules[i].key, now_ms) = (struct place){rules[i].key, rules[i].count, rules[i].reset_ms};
}

bool limit_table_take(struct limit_table *t, struct ratelimit_rule *rules, unsigned n, int64_t now_ms)
{
    limit_table_look(t, rules, n, now_ms);
    if (ratelimit_judge(rules, n) != RATELIMIT_NO_RULE)
        return false;
    for (unsigned i = 0; i < n; i++)
        rules[i].count += rules[i].cost;
    limit_table_keep(t, rules, n, now_ms);
    return true;
}
