/* writer.h - stores new messages: callers queue a row and wait; a few threads commit what is queued in one statement
 * each (natural batching, FEEDS.md "Writing"). A row is answered only after COMMIT. Thread-safe.
 *
 * What it promises: sequence numbers of a scope are contiguous, ids of a scope strictly increase with them, a key is
 * stored once however often it is sent, and no row is stored whose epoch is not the scope's any more. */
#pragma once
#include "hubbub/v1/messages.pb-c.h"
#include "lib/bus/bus.h"
#include "lib/db/db.h"

struct here;
struct writer;
enum { WRITER_FAST_LANES = 2, WRITER_CONNECTIONS = WRITER_FAST_LANES + 1 };

/* One message. The memory is the caller's, and stays put until writer_store returns. */
struct write_row {
    uint64_t scope_id; /* the guild, or the DM: whose feed numbers it */
    uint64_t author_id;
    uint64_t epoch;  /* of the scope, as it was when the author's rights were read */
    const char *key; /* idempotency, within (channel, author) */
    Hubbub__V1__Message *
        message; /* as the event shows it: channel_id, content, type, flags, attachments; id and timestamp are filled */
    const struct here *here; /* whom its @here reaches; NULL: it says @everyone, or neither */
    const void *extra;       /* messages.extra */
    size_t extra_n;
    /* Answered with ST_OK: */
    bool duplicate; /* the key was stored before, as message->id; seq is 0 */
    uint64_t seq;
    struct db_generation generation;
};

/* Connections come from the pool: WRITER_CONNECTIONS of its maximum, kept. bus: where stored messages are published, in
 * the order of their numbers; NULL: nowhere. */
struct writer *writer_create(struct db_pool *, struct bus_publisher *bus);
/* What is queued is written first. */
void writer_destroy(struct writer *);

/* Blocks until the row is committed or refused.
 * ST_STALE: the scope's epoch is another by now: read the rights again. ST_NOT_FOUND: the scope is gone.
 * ST_UNAVAILABLE, ST_DEADLINE: it may have been stored; the same key tells. ST_OVERLOADED: too many wait. ST_INTERNAL:
 * PostgreSQL refuses the row. */
status writer_store(struct writer *, int64_t deadline_ms, struct write_row *) MUST_CHECK;
