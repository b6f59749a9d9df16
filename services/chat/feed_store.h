/* feed_store.h - the feeds read: the digest, single-flighted, and ranges of entries with their messages joined.
 * FEEDS.md, "The digest". Thread-safe. */
#pragma once
#include "hubbub/v1/feeds.pb-c.h"
#include "services/chat/change.h"

struct feed_store;
struct feed_store *feed_store_create(struct db_pool *);
void feed_store_destroy(struct feed_store *);

/* Which scopes have entries of transactions at or after the token, and the next token: exact whatever commits late.
 * Callers within DIGEST_MS share one statement when its token is not above theirs. ret lives in the call's arena. */
enum { DIGEST_MS = 50 };
status feed_store_heads(struct feed_store *, struct call *, const Hubbub__V1__HeadsRequest *,
                        Hubbub__V1__HeadsResponse *ret) MUST_CHECK;
/* Entries of a scope after a number, at most 500. ST_NOT_FOUND when there is no such scope. */
status feed_store_read(struct call *, const Hubbub__V1__ReadFeedRequest *,
                       Hubbub__V1__ReadFeedResponse *ret) MUST_CHECK;
/* Members of a guild by id, by how a name begins, or all by pages, with the feed's head of the same snapshot.
 * ST_UNKNOWN_GUILD when it is gone. */
status feed_store_members(struct call *, struct db *, const Hubbub__V1__SearchMembersRequest *,
                          Hubbub__V1__SearchMembersResponse *ret) MUST_CHECK;
