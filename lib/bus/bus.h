/* bus.h - Redis as a bus: publishing from worker threads, subscribing on the gateway's loop. Never blocks its caller, never
 * fails a request: what cannot be sent is dropped and counted; subscribers learn of it from the digest. */
#pragma once
#include "lib/base/status.h"
#include <stddef.h>
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;

/* Publisher: a thread with a bounded queue (10,000 messages, 64 MiB) and one connection; commands are pipelined; a
 * connection or reply that takes over 1 s is given up and made again after 100 ms..2 s. Thread-safe. */
struct bus_publisher;
struct bus_publisher *bus_publisher_create(const char *url); /* redis://host:port[/db] or unix:///path; never fails for an absent Redis */
void bus_publisher_destroy(struct bus_publisher *);
/* kind: "channel", "guild" or "user"; the topic is kind:id. Copies the bytes. */
void bus_publish(struct bus_publisher *, const char *kind, uint64_t id, const void *data, size_t n);
bool bus_publisher_connected(struct bus_publisher *);

/* Subscriber on a libuv loop. Reconnects with backoff and jitter and subscribes again in batches of 500; a PING every second
 * that stays unanswered for 2 s counts as a loss (a hung Redis). */
struct bus_subscriber;
struct bus_subscriber_events {
    void (*on_message)(void *user, const void *data, size_t n);
    void (*on_state)(void *user, bool connected); /* connected: every topic is subscribed again; ask the digest now */
};
struct bus_subscriber *bus_subscriber_create(uv_loop_t *, const char *url, const struct bus_subscriber_events *, void *user);
void bus_subscriber_destroy(struct bus_subscriber *);
/* Reference-counted by topic: subscribed at the first hold, unsubscribed at the last release. */
void bus_hold(struct bus_subscriber *, const char *kind, uint64_t id);
void bus_release(struct bus_subscriber *, const char *kind, uint64_t id);
bool bus_subscriber_connected(struct bus_subscriber *);
