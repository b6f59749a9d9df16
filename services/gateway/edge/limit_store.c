#include "services/gateway/edge/limit_store.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/bus/bus_command.h"
#include "services/gateway/edge/limit_table.h"
#include <stdlib.h>

static struct metric counted_here = METRIC_COUNTER(
    "hubbub_ratelimit_local_total", "Requests counted in the process, because Redis did not answer in time", "");

struct limit_store {
    struct bus_commander *redis;
    struct limit_table *table;
};

struct limit_store *limit_store_create(uv_loop_t *loop, const char *redis_url)
{
    struct limit_store *s = calloc(1, sizeof *s);
    if (!s)
        log_fatal("out of memory");
    s->table = limit_table_create();
    s->redis = bus_commander_create(loop, redis_url, ratelimit_script, LIMIT_PATIENCE_MS);
    metric_register(&counted_here);
    if (s->redis)
        return s;
    limit_store_destroy(s);
    return NULL;
}

void limit_store_destroy(struct limit_store *s)
{
    if (!s)
        return;
    bus_commander_destroy(s->redis);
    limit_table_destroy(s->table);
    free(s);
}

struct ratelimit_rule *limit_ask_add(struct limit_ask *ask, const struct ratelimit_rule *rule)
{
    if (!rule->limit.count)
        return NULL;
    if (ask->n == RATELIMIT_RULES_MAX)
        log_fatal("a request has more than %d rules", RATELIMIT_RULES_MAX);
    ask->rules[ask->n] = *rule;
    return &ask->rules[ask->n++];
}

static void on_answer(void *user, status st, const int64_t *numbers, unsigned n)
{
    struct limit_ask *ask = user;
    int64_t now = clock_mono_ms();
    if (st == ST_OK && ratelimit_read_answer(ask->rules, ask->n, numbers, n, now, &ask->counted)) {
        limit_table_keep(ask->store->table, ask->rules, ask->n, now);
    } else {
        metric_add(&counted_here, 1);
        ask->counted = limit_table_take(ask->store->table, ask->rules, ask->n, now);
    }
    ask->done(ask);
}

static void ask_redis(struct limit_store *s, struct limit_ask *ask)
{
    char texts[RATELIMIT_RULES_MAX][RATELIMIT_KEY_TEXT_BYTES];
    const char *keys[RATELIMIT_RULES_MAX];
    int64_t numbers[3 * RATELIMIT_RULES_MAX];
    for (unsigned i = 0; i < ask->n; i++) {
        const struct ratelimit_rule *r = &ask->rules[i];
        ratelimit_key_text(&r->key, texts[i]);
        keys[i] = texts[i];
        numbers[3 * i] = r->limit.count;
        numbers[3 * i + 1] = r->limit.window_ms;
        numbers[3 * i + 2] = r->cost;
    }
    bus_command_run(s->redis, keys, ask->n, numbers, 3 * ask->n, on_answer, ask);
}

void limit_store_take(struct limit_store *s, struct limit_ask *ask)
{
    ask->store = s;
    limit_table_look(s->table, ask->rules, ask->n, clock_mono_ms());
    ask->counted = ratelimit_judge(ask->rules, ask->n) == RATELIMIT_NO_RULE;
    if (ask->counted && ask->n)
        ask_redis(s, ask);
    else
        ask->done(ask);
}

static void on_noted(struct limit_ask *ask)
{
    free(ask);
}

void limit_store_note(struct limit_store *s, const struct ratelimit_rule *rule)
{
    struct limit_ask *ask = calloc(1, sizeof *ask);
    if (!ask)
        log_fatal("out of memory");
    ask->done = on_noted;
    limit_ask_add(ask, rule);
    limit_store_take(s, ask);
}

bool limit_store_is_full(const struct limit_store *s, struct ratelimit_rule *rule)
{
    if (!rule->limit.count)
        return false;
    limit_table_look(s->table, rule, 1, clock_mono_ms());
    return ratelimit_is_full(rule);
}
