/* janitor.h - the thread that throws away what is old: entries of feeds after 18 to 24 hours, a slot at a time, and the
 * keys of idempotency with them. Any number of chat processes may run one: an advisory lock lets one work. */
#pragma once
#include "lib/db/db.h"

struct janitor;
struct janitor *janitor_create(struct db_pool *);
void janitor_destroy(struct janitor *);
/* One round, now; what the thread does each minute. */
status janitor_round(struct db_pool *) MUST_CHECK;
