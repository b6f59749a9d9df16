/* connect.h - where Redis is, and a blocking connection to it. For lib/bus itself and for the one store that keeps data
 * in Redis (services/presence). Nobody else sees hiredis. */
#pragma once
#include "lib/base/status.h"
#include <hiredis/hiredis.h>
#include <stdint.h>

struct bus_address {
    char path[108]; /* of a unix socket; "" for TCP */
    char host[256];
    int port, db;
    char user[64], password[256]; /* "": none */
};

/* redis://[[user]:password@]host[:port][/db] or unix:///path. false when it is neither. */
bool bus_address_parse(const char *url, struct bus_address *ret) MUST_CHECK;

/* Where it is, without what is secret: the path, or the host. Lives as long as the address. */
const char *bus_address_name(const struct bus_address *);

/* Connects, authenticates, selects the database and asks PING, so that a hung Redis counts as away. Each step, and each
 * reply read from the connection later, is given timeout_ms. NULL when it fails; *ret_reason then says why (static
 * text). Blocks: not for an event loop. Free with redisFree(). */
redisContext *bus_connect(const struct bus_address *, int timeout_ms, const char **ret_reason) MUST_CHECK;

/* A wait before the next attempt: between half of *backoff_ms and all of it; doubles *backoff_ms up to max_ms. */
int64_t bus_backoff(int64_t *backoff_ms, int64_t max_ms);
