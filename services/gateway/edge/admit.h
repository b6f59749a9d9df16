/* admit.h - whether a request may go on: which rules of ratelimit.h it falls under, and the 429 when one is full. */
#pragma once
#include "services/gateway/edge/limit_store.h"

struct limits; /* what edge->limits is: the options, the counts, whose X-Forwarded-For counts */
struct exchange;
struct edge;

/* What an exchange keeps of it. */
struct admission {
    struct limit_ask ask;
    void (*go)(struct exchange *);
    struct ratelimit_rule shown; /* the bucket that the headers tell of; limit.count 0: none */
    bool exempt;                 /* the answer does not count as invalid */
};

/* Reads the options, makes edge->limits. false: an option is wrong (logged). */
bool admit_start(struct edge *) MUST_CHECK;
/* What the core counts by itself, for each socket. */
struct hub_limit admit_socket_limit(const struct edge *, enum ratelimit_class);
/* The client's address, behind the proxies that are trusted. Lives as long as the exchange. */
const char *admit_client_address(struct exchange *);
/* A WebSocket handshake, counted in this process alone: a flood is shed before anybody else is asked. False: it is one
 * too many, of its address or of all. */
bool admit_handshake(struct exchange *);
/* Refuses an address that got too many 401, 403 and 429: true when the exchange is answered. */
bool admit_refuse_address(struct exchange *);
/* Counts the request under the class's limit, for its bucket, guild or channel, and user or address, and under the
 * limit of all requests. go is called now or later, or the exchange is answered by 429. */
void admit(struct exchange *, enum ratelimit_class, const char *bucket, void (*go)(struct exchange *));
/* The same for the table row that was found. */
void admit_route(struct exchange *, void (*go)(struct exchange *));
/* A try to log in, once it is known into which account. */
void admit_login(struct exchange *, const char *account, void (*go)(struct exchange *));
/* A message that came by a WebSocket (op 100): the same count as POST's. ask->counted tells, in ask->done, whether it
 * may be sent; ratelimit_judge which rule is full. */
void admit_message(struct edge *, uint64_t user_id, uint64_t channel_id, struct limit_ask *);
void admit_count_refused_message(void);
/* The exchange is answered by this code. */
void admit_note_answer(struct exchange *, int code);
/* The X-RateLimit headers. */
void admit_write_headers(const struct exchange *, struct buf *);

/* IDENTIFY. How many a bot has left of how many, and when it has all of them again. */
struct admit_starts {
    int64_t total, remaining, reset_after_ms, max_concurrency;
};
void admit_read_starts(struct exchange *, void (*go)(struct exchange *));
struct admit_starts admit_starts_of(const struct exchange *);
/* Counts one, of the bot's day and of the shard's bucket; ask->counted tells, in ask->done, whether it may open. */
void admit_identify(struct edge *, uint64_t user_id, int32_t shard, struct limit_ask *);
void admit_count_refused_identify(void);
