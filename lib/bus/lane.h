/* lane.h - one of the bus' Redis: what bus.h says of all of them, for one. lib/bus only. */
#pragma once
#include "lib/bus/bus.h"
#include "lib/bus/connect.h"

struct publisher_lane;
struct publisher_lane *publisher_lane_create(const struct bus_address *);
void publisher_lane_destroy(struct publisher_lane *);
void publisher_lane_publish(struct publisher_lane *, const char *kind, uint64_t id, const void *data, size_t n);
bool publisher_lane_connected(struct publisher_lane *);

struct subscriber_lane;
struct subscriber_lane *subscriber_lane_create(uv_loop_t *, const struct bus_address *,
                                               const struct bus_subscriber_events *, void *user);
void subscriber_lane_destroy(struct subscriber_lane *);
void subscriber_lane_hold(struct subscriber_lane *, const char *kind, uint64_t id);
void subscriber_lane_release(struct subscriber_lane *, const char *kind, uint64_t id);
bool subscriber_lane_connected(struct subscriber_lane *);
