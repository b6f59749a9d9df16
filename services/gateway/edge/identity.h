/* identity.h - whose token is this? Asks chat, and remembers the answer until IDENTITY_TTL_MS after it asked; a token
 * that is known to be revoked is forgotten at once. So an identity that was read before a commit is a lease that has
 * lapsed everywhere IDENTITY_TTL_MS after it: the answer to what revokes tokens waits that long (rest.c), and no gateway
 * takes them afterwards, Redis or not. */
#pragma once
#include "lib/base/status.h"
#include <stdbool.h>
#include <stdint.h>

enum { IDENTITY_TTL_MS = 250 };

struct edge;
struct identity {
    uint64_t user_id;
    bool bot, admin;
};
struct identity_cache;
struct identity_cache *identity_cache_create(void);
void identity_cache_destroy(struct identity_cache *);
void identity_forget(struct identity_cache *, const uint8_t *token_hash, unsigned n);

/* "Bot abc", "Bearer abc" or "abc" to "abc" (inside header); NULL when it cannot be a token. */
const char *identity_token_of(const char *header);

struct identity_wait {
    void (*done)(struct identity_wait *, status st, const struct identity *); /* st != ST_OK: no identity */
    struct edge *edge;
    uint8_t key[32];
    int64_t asked_ms;
};
/* done is called now when the answer is remembered, else later. The wait lives until then. */
void identity_resolve(struct edge *, const char *token, const char *request_id, struct identity_wait *);
