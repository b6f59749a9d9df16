/* ring.h - what one session was sent, for RESUME: payload references and their s. Grows lazily up to its two caps.
 *
 * Ephemeral dispatches (typing, presence) have a small queue of their own, so that they cannot push messages out; one
 * that falls out leaves a gap in the stored s, which a replay skips. Anything else that falls out raises `floor`: a
 * replay from before it would lose something, and ring_can_replay() says so. */
#pragma once
#include "services/gateway/core/hub.h"

struct ring_entry {
    int64_t s;
    struct hub_payload *payload;
};
struct ring_queue {
    struct ring_entry *entries;
    unsigned first, n, cap;
};
struct ring {
    struct ring_queue lasting, ephemeral;
    unsigned lasting_max, ephemeral_max;
    int64_t floor; /* the highest s that is gone and was not ephemeral */
};

void ring_init(struct ring *, unsigned lasting_max, unsigned ephemeral_max);
void ring_finish(struct ring *, struct hub *);
/* Takes a reference. s rises from call to call. Returns how many entries fell out. */
unsigned ring_put(struct ring *, struct hub *, struct hub_payload *, int64_t s);
/* Whether everything lasting after seq is still here. */
bool ring_can_replay(const struct ring *, int64_t seq);
/* Calls send for every entry with s > seq, in order of s. */
void ring_replay(const struct ring *, int64_t seq, void (*send)(void *user, struct hub_payload *, int64_t s),
                 void *user);
/* The client has seen everything up to seq: the snapshots among it (large, and nobody else's) are let go, with all
 * before them. */
void ring_acknowledge(struct ring *, struct hub *, int64_t seq);
