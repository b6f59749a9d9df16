/* search_index.h - the thread that fills message_search behind the feeds. Any number of chat processes may run one: an
 * advisory lock lets one work, and another goes on where it was when it dies.
 *
 * A feed's first visit notes its head and then reads the older messages, a chunk a transaction; what comes after that
 * head is followed by its entries: created and edited messages are read as they are stored, deleted ones removed. A
 * feed whose entries were truncated before they were taken is read anew. */
#pragma once
#include "lib/db/db.h"

struct search_index;
struct search_index *search_index_create(struct db_pool *);
void search_index_destroy(struct search_index *);
/* One round, now: every feed that is behind moves on by one chunk. all: looks at every feed, not only at those that
 * changed since the last round (*token, 0 at first). *ret_more: there is something left. ST_OVERLOADED: another holds
 * the lock. */
status search_index_round(struct db *, uint64_t *token, bool all, bool *ret_more) MUST_CHECK;
