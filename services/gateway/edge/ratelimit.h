/* ratelimit.h - rate limits: which ones there are, what a request is counted under, what follows from the counts. Pure;
 * limit_store.h keeps the counts, admit.c asks for each request.
 *
 * A limit is "N in a window", the window beginning with the first request in it: what the headers say (so many left,
 * all of them again after so long) is then exact. A rule is a limit applied to a key. A request is counted under all
 * its rules or, when one of them is used up, under none. */
#pragma once
#include "lib/base/buf.h"
#include "lib/base/config.h"
#include "lib/wire/wire.h"
#include <netinet/in.h>

enum ratelimit_class {
    RATELIMIT_GLOBAL,             /* all requests of a user */
    RATELIMIT_ADDRESS,            /* all requests without a user, of an address */
    RATELIMIT_INVALID,            /* answers 401, 403 and 429, to an address */
    RATELIMIT_READ,               /* a GET, for each bucket */
    RATELIMIT_WRITE,              /* what is not a GET, for each bucket */
    RATELIMIT_MESSAGES,           /* sending into a channel */
    RATELIMIT_GUILDS,             /* making guilds, joining them */
    RATELIMIT_ACCOUNT,            /* changes of the own account: they try a password */
    RATELIMIT_REGISTER,           /* new accounts, of an address */
    RATELIMIT_LOGIN,              /* logins, of an address */
    RATELIMIT_LOGIN_TRIES,        /* logins into one account, of an address */
    RATELIMIT_LOGIN_ACCOUNT,      /* logins into one account, of all addresses */
    RATELIMIT_IDENTIFY,           /* IDENTIFYs of a bot */
    RATELIMIT_CONCURRENCY,        /* IDENTIFYs of a bot at a time, of each bucket of its shards */
    RATELIMIT_HANDSHAKES_ADDRESS, /* WebSocket handshakes of an address, at this gateway */
    RATELIMIT_HANDSHAKES,         /* ... and of all addresses */
    /* Counted by the gateway's core for each socket: HUBBUB_RATELIMIT does not turn these off. */
    RATELIMIT_FRAMES,   /* frames of a client */
    RATELIMIT_PRESENCE, /* presence updates of a client */
    RATELIMIT_CLASSES
};
struct ratelimit_limit {
    int64_t count, window_ms; /* count 0: no limit */
};

/* The options HUBBUB_RATELIMIT...; for config_load. */
extern const struct config_table ratelimit_options;
/* What the options say. "10/5" is ten in five seconds, "off" none. NULL: all is well, else the option that is wrong. */
const char *ratelimit_read_options(struct ratelimit_limit ret[RATELIMIT_CLASSES]) MUST_CHECK;
/* max_concurrency: a shard is in the bucket of its number modulo this. */
int64_t ratelimit_identify_buckets(void);
bool ratelimit_parse(const char *text, struct ratelimit_limit *ret) MUST_CHECK;

/* The class of a row of the route table. */
enum ratelimit_class ratelimit_class_of(const struct wire_route *);

/* Whom a rule counts: hashed, so that no name, address or e-mail is kept, and no key can be made up. */
enum { RATELIMIT_KEY_BYTES = 16, RATELIMIT_BUCKET_BYTES = 17, RATELIMIT_KEY_TEXT_BYTES = 36 };
struct ratelimit_key {
    uint8_t bytes[RATELIMIT_KEY_BYTES];
};
/* Each call mixes in what the key is made of; begin with {0}. */
void ratelimit_key_add(struct ratelimit_key *, const void *, size_t n);
void ratelimit_key_add_number(struct ratelimit_key *, uint64_t);
void ratelimit_key_add_text(struct ratelimit_key *, const char *);
/* "rl:" and 32 hex digits. */
void ratelimit_key_text(const struct ratelimit_key *, char ret[RATELIMIT_KEY_TEXT_BYTES]);

struct ratelimit_rule {
    enum ratelimit_class class;
    struct ratelimit_key key;
    struct ratelimit_limit limit;
    int64_t cost;                        /* 0: only asks */
    char bucket[RATELIMIT_BUCKET_BYTES]; /* what the client reads as its name; "" for one without headers */
    /* The answer. */
    int64_t count;    /* this request included, when it is let through */
    int64_t reset_ms; /* on the monotonic clock: then the count is 0 again */
};
enum { RATELIMIT_RULES_MAX = 4, RATELIMIT_NO_RULE = -1 };

/* The key is made of the bucket's name and the rest by the caller; takes the limit from limits[class]. */
void ratelimit_rule_init(struct ratelimit_rule *, const struct ratelimit_limit limits[RATELIMIT_CLASSES],
                         enum ratelimit_class, const char *bucket);
static inline bool ratelimit_is_full(const struct ratelimit_rule *r)
{
    return r->count + r->cost > r->limit.count;
}
/* The rule among the full ones that stays so for the longest; RATELIMIT_NO_RULE when none is full. */
int ratelimit_judge(const struct ratelimit_rule *, unsigned n);

/* The script for Redis: KEYS are the keys of the rules, ARGV three numbers a rule: count, window and cost. It returns
 * 1 when it counted, 0 when a rule was full, then count and milliseconds to the reset for each rule. */
extern const char ratelimit_script[];
/* Fills in the answers of n rules; *ret_counted: they are counted. false: this is no answer of the script. */
bool ratelimit_read_answer(struct ratelimit_rule *, unsigned n, const int64_t *numbers, unsigned n_numbers,
                           int64_t now_ms, bool *ret_counted) MUST_CHECK;

/* X-RateLimit-Limit, -Remaining, -Reset, -Reset-After and -Bucket, each with CRLF. */
void ratelimit_write_headers(struct buf *, const struct ratelimit_rule *, int64_t now_ms, int64_t wall_ms);
/* What a 429 has beside: Retry-After, X-RateLimit-Scope and, for all requests of a user, X-RateLimit-Global. */
void ratelimit_write_refusal(struct buf *headers, struct buf *body, bool global, int64_t wait_ms);
