/* store.h - presence as Redis holds it. All of it may be gone at any moment; beat.lua, sweep.lua and settle.lua say how
 * it is laid out, and every change is one of these scripts, so that any number of processes may run them.
 *
 * Redis away or hung: the call that finds out takes 500 ms at most; from then on every call fails at once, and one of
 * them tries again each 250 ms (`store_shared` is the breaker). */
#pragma once
#include "hubbub/v1/presence.pb-c.h"
#include "lib/base/arena.h"
#include "lib/bus/connect.h"
#include <stdatomic.h>

enum {
    STORE_SESSIONS_MAX = 1000, /* in one beat */
    STORE_USERS_MAX = 1000,    /* in one get */
    STORE_LEASE_MS = 75000,    /* a session is gone when it was not beaten for so long */
    STORE_SETTLE_MS = 200,     /* changes of a user within this time are told once */
};

/* What all connections of the process share. */
struct store_shared {
    struct bus_address address;
    int64_t lease_ms, settle_ms;
    atomic_bool failing;
    atomic_uint losses;       /* a connection older than the last loss is made anew before it is used */
    atomic_llong retry_at_ms; /* on clock_mono_ms() */
};
/* false when the URL is none. lease_ms, settle_ms: as above but in tests. */
bool store_shared_init(struct store_shared *, const char *url, int64_t lease_ms, int64_t settle_ms) MUST_CHECK;
bool store_available(const struct store_shared *);

/* One thread's connection; made at the first use. */
struct store;
struct store *store_create(struct store_shared *);
void store_destroy(struct store *);

/* One session as its own user sees it. */
struct shown_session {
    const char *session_id, *status, *client, *activities;
};
/* What is shown of a user, and the guilds and friends to tell. */
struct shown {
    uint64_t user_id;
    const char *status, *desktop, *mobile, *web; /* "" for a client that is not there */
    const char *activities;                      /* a JSON array */
    const uint64_t *guild_ids;
    size_t n_guild_ids;
    const uint64_t *friend_ids;
    size_t n_friend_ids;
    const struct shown_session *sessions;
    size_t n_sessions;
};

/* All return ST_OK or ST_UNAVAILABLE; results live in the arena. */

/* Stores the sessions. *ret_wiped: something announced before is gone. Twice the same beat is as good as once. */
status store_beat(struct store *, struct arena *, const Hubbub__V1__BeatRequest *, bool *ret_wiped) MUST_CHECK;
/* The users who are not offline, as they were shown last, in the order asked; guilds are not filled. */
status store_get(struct store *, struct arena *, const uint64_t *user_ids, size_t n, struct shown **ret,
                 size_t *ret_n) MUST_CHECK;
/* Those of them who have a session. ST_UNAVAILABLE also while no gateway has beaten for STORE_KNOWN_MS: after a wipe
 * some may be missing. */
enum { STORE_KNOWN_MS = 60000 };
status store_connected(struct store *, struct arena *, const uint64_t *user_ids, size_t n, uint64_t **ret,
                       size_t *ret_n) MUST_CHECK;
/* Ends the sessions whose lease is over. */
status store_sweep(struct store *, struct arena *) MUST_CHECK;
/* Takes users that changed; those for whom something else is shown now are to be told to their guilds,
 * and each to its own sessions. *ret_more: there may be more. */
status store_settle(struct store *, struct arena *, struct shown **ret, size_t *ret_n, bool *ret_more) MUST_CHECK;
