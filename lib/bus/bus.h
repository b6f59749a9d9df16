/* bus.h - Redis as a bus: publishing from worker threads, subscribing on the gateway's loop. Never blocks its caller,
 * never fails a request: what cannot be sent is dropped and counted; subscribers learn of it from the digest.
 *
 * It may be several Redis, a comma list of addresses, the same in every process: each topic is one's alone. */
#pragma once
#include "lib/base/status.h"
#include <stddef.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;

enum { BUS_SHARDS_MAX = 16 };
/* Which of so many Redis has the topics of that id. */
unsigned bus_shard_of(uint64_t id, unsigned shards);

/* Publisher: for each Redis a thread with a bounded queue (10,000 messages, 64 MiB) and one connection; commands are
 * pipelined; a connection or reply that takes over 1 s is given up and made again after 100 ms..2 s. A message that
 * waited for 2 s is dropped: by then the digest has told of it. A message whose reply was lost is sent again: receivers
 * may see it twice. Thread-safe. */
struct bus_publisher;
/* redis://[[user]:password@]host[:port][/db] or unix:///path, or several. Never fails for an absent Redis; NULL for
 * another URL (logged). */
struct bus_publisher *bus_publisher_create(const char *urls);
/* Sends what is queued if Redis answers; takes 2 s at most. destroy(NULL) is fine. */
void bus_publisher_destroy(struct bus_publisher *);
/* kind: "channel", "guild" or "user"; the topic is kind:id. Copies the bytes. */
void bus_publish(struct bus_publisher *, const char *kind, uint64_t id, const void *data, size_t n);
/* To all of them. */
bool bus_publisher_connected(struct bus_publisher *);

/* Subscriber on a libuv loop. Reconnects with backoff and jitter and subscribes again in batches of 500; a PING every
 * half second, and two seconds without a byte from Redis count as a loss (a hung Redis). Used on the loop's thread
 * only. The process ignores SIGPIPE. */
struct bus_subscriber;
struct bus_subscriber_events {
    void (*on_message)(void *user, const void *data, size_t n);
    /* One of them came or went: ask the digest now. connected: all are there, and every topic is subscribed. */
    void (*on_state)(void *user, bool connected);
};
/* NULL for a URL that is none (logged). events must outlive it. */
struct bus_subscriber *bus_subscriber_create(uv_loop_t *, const char *urls, const struct bus_subscriber_events *,
                                             void *user);
/* No event comes after it, also when called from inside one; the memory is freed as the loop turns. destroy(NULL) is
 * fine. */
void bus_subscriber_destroy(struct bus_subscriber *);
/* Reference-counted by topic: subscribed at the first hold, unsubscribed at the last release. Sent as the loop turns,
 * many in one command: what is published before Redis has it, the digest tells. */
void bus_hold(struct bus_subscriber *, const char *kind, uint64_t id);
void bus_release(struct bus_subscriber *, const char *kind, uint64_t id);
bool bus_subscriber_connected(struct bus_subscriber *);
