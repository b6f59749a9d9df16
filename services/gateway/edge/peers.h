/* peers.h - the other gateways: what this one asks of them, and the door by which they ask of it. All of the list is
 * known from the start; which process is which is learnt from their answers. Loop thread, but for the door's workers.
 */
#pragma once
#include "services/gateway/edge/edge.h"

struct peers;
/* NULL: HUBBUB_GATEWAY_TARGETS names nobody else. */
struct peers *peers_create(struct edge *);
/* hub_io.take and .confirm. A peer that cannot be reached makes the answer unsure for PEERS_GONE_MS, then it counts as
 * dead: it has no sessions. */
enum { PEERS_GONE_MS = 10000 };
void peers_take(struct peers *, uint64_t ticket, const char *session_id, const char *token, int64_t seq, bool again);
void peers_confirm(struct peers *, uint64_t ticket, uint64_t from, const char *session_id, uint64_t hop);
/* Whether one of them lives and does not drain itself, as far as is known; asks them, every half second. */
bool peers_take_over(struct peers *, int64_t now_ms);

/* peer_door.c. false: it cannot be opened (logged). */
bool peer_door_start(struct edge *) MUST_CHECK;
