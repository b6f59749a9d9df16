/* rim.h - hub_io: the core's questions go out as calls, its topics to the bus, its presences in beats, op 100 to chat.
 */
#pragma once
#include "services/gateway/edge/edge.h"

struct rim;
struct rim *rim_create(struct edge *);
/* After the hub is gone and every call ended. */
void rim_destroy(struct rim *);
void rim_fill_io(struct rim *, struct hub_io *ret);
/* Every 20 ms: sends the presence changes of the last 100 ms, and the beats that are due. */
void rim_tick(struct rim *, int64_t now_ms);
/* Tells presence that all sessions ended; true when it has been told. */
bool rim_say_goodbye(struct rim *, int64_t now_ms);

/* presence_batch.c: what presence has to be told. Pure. */
enum { PRESENCE_BATCH_MAX = 1000, PRESENCE_BEAT_MS = 20000 };
struct presence_batch;
struct presence_batch *presence_batch_create(void);
void presence_batch_destroy(struct presence_batch *);
/* A session opened, changed or closed: copied. */
void presence_batch_put(struct presence_batch *, const Hubbub__V1__SessionPresence *);
/* What is to be sent now: fills at most PRESENCE_BATCH_MAX pointers, that live until the next put; 0: nothing.
 * One batch is out at a time. */
size_t presence_batch_take(struct presence_batch *, int64_t now_ms, Hubbub__V1__SessionPresence **ret);
/* The batch that was taken has arrived, or not: then it is due again. */
void presence_batch_done(struct presence_batch *, bool arrived, int64_t now_ms);
/* Presence forgot everything: all is due again. */
/* The session goes on elsewhere: nothing is told of it any more. */
void presence_batch_forget(struct presence_batch *, const char *session_id);
void presence_batch_announce_all(struct presence_batch *);
void presence_batch_close_all(struct presence_batch *);
bool presence_batch_idle(const struct presence_batch *);
