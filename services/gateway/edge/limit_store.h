/* limit_store.h - counts requests under their rules: in Redis, where all gateways count together; in the process while
 * Redis is away, or takes longer than 50 ms. What Redis said is remembered, so a rule that is full is not asked for
 * again before it ends, and a Redis that goes away leaves the counts where they were. */
#pragma once
#include "services/gateway/edge/ratelimit.h"

typedef struct uv_loop_s uv_loop_t;
struct limit_store;
enum { LIMIT_PATIENCE_MS = 50 };

/* Begin with a zeroed one. */
struct limit_ask {
    struct ratelimit_rule rules[RATELIMIT_RULES_MAX];
    unsigned n;
    bool counted; /* the answer: false when a rule is full (ratelimit_judge says which), and none is counted */
    void (*done)(struct limit_ask *);
    struct limit_store *store;
};

/* NULL for a URL that is none (logged). */
struct limit_store *limit_store_create(uv_loop_t *, const char *redis_url);
void limit_store_destroy(struct limit_store *);
/* Puts a copy of the rule on the list; a limit that is off is left out. The copy, or NULL. */
struct ratelimit_rule *limit_ask_add(struct limit_ask *, const struct ratelimit_rule *);
/* done is called now, or within 50 ms. The ask lives until then. */
void limit_store_take(struct limit_store *, struct limit_ask *);
/* Counts the rule; nobody waits for the answer. */
void limit_store_note(struct limit_store *, const struct ratelimit_rule *);
/* Fills in the rule from what this process knows; true when it is full. */
bool limit_store_is_full(const struct limit_store *, struct ratelimit_rule *);
