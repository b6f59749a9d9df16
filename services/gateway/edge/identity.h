/* identity.h - whose token is this? Asks chat, and remembers the answer for half a second; a token that is known to be
 * revoked is forgotten at once. */
#pragma once
#include "lib/base/status.h"
#include <stdbool.h>
#include <stdint.h>

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
};
/* done is called now when the answer is remembered, else later. The wait lives until then. */
void identity_resolve(struct edge *, const char *token, const char *request_id, struct identity_wait *);
