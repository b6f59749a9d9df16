/* bus_command.h - runs one Lua script on Redis from a libuv loop, with little patience: an answer comes within
 * patience_ms or the caller is told that there is none. Never blocks; never fails for an absent Redis. Used on the
 * loop's thread only.
 *
 * A Redis that let one command wait for too long gets no further one until it has answered what it owes (or is
 * connected to anew): while it hangs, callers are told at once. */
#pragma once
#include "lib/base/status.h"
#include <stdint.h>

typedef struct uv_loop_s uv_loop_t;
struct bus_commander;

enum {
    BUS_COMMAND_KEYS_MAX = 8,
    BUS_COMMAND_KEY_BYTES_MAX = 79,
    BUS_COMMAND_NUMBERS_MAX = 24,
    BUS_COMMANDS_PENDING_MAX = 10000
};

/* ST_OK: what the script returned, a flat array of integers (valid during the call). ST_DEADLINE: not within the
 * patience (Redis may run it later). ST_UNAVAILABLE: Redis is away, hangs, or refused. ST_OVERLOADED: too many wait.
 * ST_CANCELLED: destroyed meanwhile. */
typedef void bus_command_fn(void *user, status st, const int64_t *numbers, unsigned n);

/* script lives as long as the commander. NULL for a URL that is none (logged). */
struct bus_commander *bus_commander_create(uv_loop_t *, const char *url, const char *script, int64_t patience_ms);
/* Ends what waits with ST_CANCELLED; not from inside a callback. The memory is freed as the loop turns. destroy(NULL)
 * is fine. */
void bus_commander_destroy(struct bus_commander *);
/* The same with a text as the last of ARGV (NULL: none), of at most BUS_COMMAND_TEXT_BYTES_MAX. */
enum { BUS_COMMAND_TEXT_BYTES_MAX = 256 * 1024 };
void bus_command_run_text(struct bus_commander *, const char *const *keys, unsigned n_keys, const int64_t *numbers,
                          unsigned n_numbers, const char *text, bus_command_fn *done, void *user);
/* In a callback, after ST_OK: the text that the script returned as its last element; NULL: it returned none. */
const char *bus_command_text(const struct bus_commander *);
/* KEYS and ARGV of the script; both are copied. done is called once: before this returns, or later. */
void bus_command_run(struct bus_commander *, const char *const *keys, unsigned n_keys, const int64_t *numbers,
                     unsigned n_numbers, bus_command_fn *done, void *user);
/* Whether a command would be sent now. */
bool bus_commander_ready(const struct bus_commander *);
