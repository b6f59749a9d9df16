/* change.h - one transaction that changes what others see: it takes the feeds rows of its scopes first (in id order),
 * numbers the entries, commits, and only then tells: the caller's gateway by the trailer, everybody by the publisher.
 * FEEDS.md. Every mutation of a guild goes through here; so the last use of an invite, the last owner, a role's
 * deletion against its assignment each have one order. Hold it for under 100 ms: no call to another service, no argon2
 * inside. */
#pragma once
#include "hubbub/v1/feeds.pb-c.h"
#include "lib/db/db.h"
#include "lib/rpc/rpc.h"

struct change;
/* Leases a connection, BEGIN, locks the feeds rows of scopes (guild and user ids, any order). A scope that is closed or
 * not there: gone_status (ST_UNKNOWN_GUILD...), nothing held. Scopes made inside (a new guild, a new user) are added
 * later. */
status change_begin(struct call *, const uint64_t *scopes, size_t n, status gone_status,
                    struct change **ret) MUST_CHECK;
/* Inserts a new feeds row into the transaction. */
status change_new_scope(struct change *, uint64_t scope_id) MUST_CHECK;
struct db *change_db(struct change *);
/* change_query(ch, &rows, sql, params...) in the call's arena and deadline. A failure is recorded with call_fail. */
#define change_query(ch, ret, sql, ...)                                                                                \
    change_query_params((ch), (ret), (sql), (struct db_param[]){{0}, ##__VA_ARGS__} + 1,                               \
                        sizeof((struct db_param[]){{0}, ##__VA_ARGS__}) / sizeof(struct db_param) - 1)
status change_query_params(struct change *, struct db_rows **ret, const char *sql, const struct db_param *,
                           size_t n) MUST_CHECK;
/* Adds an entry: its number is the scope's head + 1. The event must live in the call's arena. topic: the channel that
 * decides who sees it, or the scope's id. Returns the number. ref: the message's id for message entries (payload is
 * then not stored), else 0. */
uint64_t change_add(struct change *, uint64_t scope_id, uint64_t topic, uint64_t ref, const Hubbub__V1__Event *);
/* The same for an entry that only members are shown who hold these permissions in the guild. */
uint64_t change_add_for(struct change *, uint64_t scope_id, uint64_t permission, const Hubbub__V1__Event *);
/* This change can take a right away: raises the scope's epoch (the fence that messages are checked against). */
void change_fence(struct change *, uint64_t scope_id);
/* The scope takes no more changes (the guild is deleted). */
void change_close_scope(struct change *, uint64_t scope_id);
/* Removes from voice channels who may be there no longer (of scopes that are fenced), writes the entries, COMMIT,
 * tells. After it the change is over whatever the result. */
status change_commit(struct change *) MUST_CHECK;
/* Rolls back and releases; NULL and committed ones are fine. CHANGE_OWNED struct change *ch = NULL; */
void change_end(struct change *);
static inline void change_end_at(struct change **c)
{
    change_end(*c);
}
#define CHANGE_OWNED __attribute__((cleanup(change_end_at)))

/* The chat service's own things, reachable from any call: (struct chat *)call_server_user(c). */
struct chat;
struct db_pool *chat_db(struct call *);
const char *chat_public_url(struct call *);
/* A read outside a change: leases for the caller until the end of its scope.
 *   DB_LEASED struct db *d = NULL; status st = chat_lease(c, &d);  then chat_query(c, d, &rows, sql, params...) */
status chat_lease(struct call *, struct db **ret) MUST_CHECK;
/* The same, and all queries see one snapshot, until the release. For a check and what it allows to be read: on a plain
 * lease the read could show what is younger than a revocation that the caller was already told of. */
status chat_snapshot(struct call *, struct db **ret) MUST_CHECK;
#define chat_query(c, d, ret, sql, ...)                                                                                \
    chat_query_params((c), (d), (ret), (sql), (struct db_param[]){{0}, ##__VA_ARGS__} + 1,                             \
                      sizeof((struct db_param[]){{0}, ##__VA_ARGS__}) / sizeof(struct db_param) - 1)
status chat_query_params(struct call *, struct db *, struct db_rows **ret, const char *sql, const struct db_param *,
                         size_t n) MUST_CHECK;
