/* chat.h - the chat service's own things: made by chat_create, reachable from any call, and what every handler needs of
 * them: a lease, a query whose failure is recorded, and the telling of what was committed. Thread-safe. */
#pragma once
#include "lib/bus/bus.h"
#include "lib/mail/mail.h"
#include "services/chat/change.h"
#include <stdatomic.h>

struct writer;
struct feed_store;
struct crosspost_worker;
struct account_worker;

enum registration { REGISTRATION_OPEN, REGISTRATION_INVITE, REGISTRATION_CLOSED };
struct chat_config {
    const char *database_url, *bus_urls, *public_url;
    /* Which of the users (at most 1,000) are connected; false: not known. Into the arena, within the time. NULL: never
     * known. */
    bool (*find_connected)(const uint64_t *user_ids, size_t n, int64_t timeout_ms, struct arena *, uint64_t **ret,
                           size_t *ret_n);
    unsigned workers; /* threads that may hold a connection at once */
    enum registration registration;
    int minimum_age; /* years; 0: not asked */
    struct mail_config mail;
    const uint8_t *seal_key; /* SEAL_KEY_N bytes; NULL: nothing is sealed */
    int64_t seal_after_ms;   /* from the start: second_factor.h */
};
struct chat {
    struct chat_config config;
    struct db_pool *db;
    struct bus_publisher *bus; /* NULL: nothing is published (tests) */
    struct writer *writer;
    struct feed_store *feeds;
    _Atomic(struct account_worker *) accounts;       /* as the next */
    _Atomic(struct crosspost_worker *) crossposts;   /* main's; NULL until the schema is there, and in tests */
    _Atomic int64_t voices_kept_ms, voices_since_ms; /* voices_keep: the last one, and the first one without a pause */
    int64_t started_ms; /* on clock_mono_ms() */
    atomic_bool open; /* the schema is there; until then every call is answered ST_UNAVAILABLE */
};
/* Never fails for an absent PostgreSQL or Redis. The strings of the config must outlive it. bus_urls NULL: no bus. */
struct chat *chat_create(const struct chat_config *);
/* After the last call ended. */
void chat_destroy(struct chat *);

static inline struct chat *chat_of(struct call *c)
{
    return call_server_user(c);
}
/* Records a failure of the database for the log and tells the client when to come again; returns st. what: "read a
 * page". */
status chat_db_failed(struct call *, struct db *or_null, status st, const char *what) MUST_CHECK;
/* Something was published, or what was published changed: it is delivered now rather than within a second. */
void chat_wake_crossposts(struct call *);
/* An export was asked for. */
void chat_wake_accounts(struct call *);
/* In the arena. */
Hubbub__V1__Generation *chat_generation(struct arena *, struct db_generation);

/* How many entries one bus message carries at most. */
enum { TELL_ENTRIES_MAX = 100 };
/* Publishes an event that no feed has, on the topic kind:id. */
void chat_publish_ephemeral(struct bus_publisher *or_null, const char *kind, uint64_t id, const Hubbub__V1__Event *);
/* Publishes entries that were committed: consecutive ones of a topic in one message. */
void chat_publish(struct bus_publisher *or_null, const Hubbub__V1__Generation *, Hubbub__V1__FeedEntry *const *,
                  size_t n);
