/* link.h - one connection to Redis on a libuv loop: resolves, connects, authenticates, selects the database, sends
 * commands and parses replies; libuv's own stream below and hiredis' parser above. (hiredis' async client is not used:
 * it resolves names while everybody waits, and answers to PING on a subscribed connection leave its callbacks queued.)
 * It knows no timeouts and does not come back once lost: its user has the timer and opens the next one. lib/bus only.
 */
#pragma once
#include "lib/bus/connect.h"

typedef struct uv_loop_s uv_loop_t;
struct bus_link;

/* on_lost: the link is gone, also for its user; reason is valid during the call. A user may close it from any of them.
 */
struct bus_link_events {
    void (*on_open)(void *user);
    void (*on_reply)(void *user, const redisReply *); /* in the order of the commands sent */
    void (*on_lost)(void *user, const char *reason);
};
/* No event comes before it returns. NULL: the name cannot even be asked for; *ret_reason says why (static text). */
struct bus_link *bus_link_open(uv_loop_t *, const struct bus_address *, const struct bus_link_events *, void *user,
                               const char **ret_reason) MUST_CHECK;
/* No event comes after it; the memory is freed as the loop turns. close(NULL) is fine. */
void bus_link_close(struct bus_link *);
/* After on_open. */
void bus_link_send(struct bus_link *, int argc, const char **argv);
/* The name is being asked for: that ends by itself, and asking again would only add to it. */
bool bus_link_resolving(const struct bus_link *);
/* Whether a byte came since the last time this was asked. */
bool bus_link_heard(struct bus_link *);
