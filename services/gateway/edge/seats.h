/* seats.h - how many sessions with a socket a person has, over all gateways: a seat each, in Redis. A seat is its
 * session's, wherever that goes: to take it again is free. It lasts for lease_ms after it was last taken, so those of a
 * gateway that died are free again by themselves. While Redis is away every seat is given: the core counts its own
 * sessions. Loop thread. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
struct seats;
enum { SEATS_LEASE_MS = 75000 }; /* some refreshes may be late or lost */

/* NULL: the address of Redis is none (logged). */
struct seats *seats_create(uv_loop_t *, const char *redis_url, int64_t lease_ms);
/* Answers what waits. destroy(NULL) is fine. */
void seats_destroy(struct seats *);
/* done is called once, now or within a second; false: the person has `max` others. */
typedef void seats_fn(void *user, bool seated);
void seats_claim(struct seats *, uint64_t user_id, const char *session_id, int64_t max, seats_fn *done, void *user);
/* For a session that is open already: there may be more than the most. */
void seats_keep(struct seats *, uint64_t user_id, const char *session_id);
void seats_leave(struct seats *, uint64_t user_id, const char *session_id);
