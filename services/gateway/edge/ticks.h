/* ticks.h - what a session would go on from after a kill -9 of its gateway, or when that ended its drain, in Redis:
 * `resume:{hash of its id}`, for as long as a session lingers. Written without waiting; lost with Redis, and then the
 * session starts afresh. Loop thread. */
#pragma once
#include "services/gateway/edge/edge.h"

struct ticks;
/* NULL: the address of Redis is none (logged). */
struct ticks *ticks_create(struct edge *);
/* hub_io.tick, .tick_drop, .claim, and .confirm of a claim. */
void ticks_put(struct ticks *, const Hubbub__V1__SessionMove *, const uint8_t token_hash[32]);
/* How many more farewells (ticks with whole_from) may be written now: so many are under way at most, 0 while Redis does
 * not answer. */
enum { TICKS_FAREWELLS_MAX = 64 };
unsigned ticks_farewell_room(const struct ticks *);
/* Whether all farewells were answered, or given up. */
bool ticks_are_written(const struct ticks *);
void ticks_drop(struct ticks *, const char *session_id);
void ticks_claim(struct ticks *, uint64_t ticket, const char *session_id, const char *token, int64_t seq);
void ticks_confirm(struct ticks *, uint64_t ticket, const char *session_id, uint64_t hop);
