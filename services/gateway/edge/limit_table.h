/* limit_table.h - counts kept in the process: what Redis last said, and all there is while Redis is away. Bounded: when
 * the four places that a key may have are taken, the count that ends first goes. Pure. */
#pragma once
#include "services/gateway/edge/ratelimit.h"

struct limit_table;
struct limit_table *limit_table_create(void);
void limit_table_destroy(struct limit_table *);
/* Fills in the answers of the rules from what is known; a rule that is not known counts 0. */
void limit_table_look(const struct limit_table *, struct ratelimit_rule *, unsigned n, int64_t now_ms);
/* Keeps the answers. */
void limit_table_keep(struct limit_table *, const struct ratelimit_rule *, unsigned n, int64_t now_ms);
/* Does what the script does in Redis: true when the rules are counted. */
bool limit_table_take(struct limit_table *, struct ratelimit_rule *, unsigned n, int64_t now_ms);
