/* A direct-mapped table by BLAKE2b-256 of the token: an entry is overwritten by the next token that lands on it, so the
 * table is bounded and needs no sweeping; a token that is not valid is never remembered. */
#include "services/gateway/edge/identity.h"
#include "hubbub/v1/accounts.hub.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/gateway/edge/edge.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { ENTRIES = 8192, KEY_BYTES = 32, RESOLVE_TIMEOUT_MS = 3000, TOKEN_BYTES_MAX = 256 };

struct entry {
    uint8_t key[KEY_BYTES];
    struct identity identity;
    int64_t until_ms;
};
struct identity_cache {
    struct entry entries[ENTRIES];
};

struct identity_cache *identity_cache_create(void)
{
    struct identity_cache *c = calloc(1, sizeof *c);
    if (!c)
        log_fatal("out of memory");
    return c;
}

void identity_cache_destroy(struct identity_cache *c)
{
    free(c);
}

static struct entry *slot_of(struct identity_cache *c, const uint8_t *key)
{
    uint32_t at;
    memcpy(&at, key, sizeof at);
    return &c->entries[at % ENTRIES];
}

void identity_forget(struct identity_cache *c, const uint8_t *token_hash, unsigned n)
{
    if (n != KEY_BYTES)
        return;
    struct entry *e = slot_of(c, token_hash);
    if (!memcmp(e->key, token_hash, KEY_BYTES))
        e->until_ms = 0;
}

const char *identity_token_of(const char *header)
{
    if (!header)
        return NULL;
    if (!strncasecmp(header, "Bot ", 4))
        header += 4;
    else if (!strncasecmp(header, "Bearer ", 7))
        header += 7;
    header += strspn(header, " ");
    size_t n = strlen(header);
    if (!n || n > TOKEN_BYTES_MAX)
        return NULL;
    for (const char *c = header; *c; c++)
        if ((unsigned char)*c <= 0x20 || (unsigned char)*c >= 0x7f)
            return NULL;
    return header;
}

/* A token that chat does not know is 401 to the client, whatever chat calls it. */
static status as_client_sees(status st)
{
    int http = status_row(st)->http;
    return http >= 400 && http < 500 && st != ST_RATE_LIMITED && st != ST_CANCELLED ? ST_UNAUTHORIZED : st;
}

static void on_resolved(void *user, const struct rpc_result *result)
{
    struct identity_wait *wait = user;
    if (result->st != ST_OK) {
        wait->done(wait, as_client_sees(result->st), NULL);
        return;
    }
    const Hubbub__V1__Identity *found = (const Hubbub__V1__Identity *)result->response;
    struct identity identity = {found->user_id, found->bot, found->admin};
    struct entry *e = slot_of(wait->edge->identities, wait->key);
    memcpy(e->key, wait->key, KEY_BYTES);
    e->identity = identity;
    e->until_ms = wait->asked_ms + IDENTITY_TTL_MS;
    wait->done(wait, ST_OK, &identity);
}

void identity_resolve(struct edge *edge, const char *token, const char *request_id, struct identity_wait *wait)
{
    wait->edge = edge;
    crypto_generichash(wait->key, KEY_BYTES, (const unsigned char *)token, strlen(token), NULL, 0);
    struct entry *e = slot_of(edge->identities, wait->key);
    if (e->until_ms > clock_mono_ms() && !sodium_memcmp(e->key, wait->key, KEY_BYTES)) {
        metric_add(&edge_identity_hits, 1);
        struct identity identity = e->identity;
        wait->done(wait, ST_OK, &identity);
        return;
    }
    metric_add(&edge_identity_misses, 1);
    if (!rpc_group_ready(edge->chat)) {
        metric_add(&edge_rpc_unready, 1);
        wait->done(wait, ST_UNAVAILABLE, NULL);
        return;
    }
    Hubbub__V1__ResolveTokenRequest request = HUBBUB__V1__RESOLVE_TOKEN_REQUEST__INIT;
    request.token = (char *)token;
    wait->asked_ms = clock_mono_ms();
    uint64_t key;
    memcpy(&key, wait->key, sizeof key);
    struct rpc_identity caller = {.request_id = request_id};
    rpc_call(edge->chat, key, &hubbub__v1__accounts__resolve_token__method, &request.base, &caller, RESOLVE_TIMEOUT_MS,
             on_resolved, wait);
}
