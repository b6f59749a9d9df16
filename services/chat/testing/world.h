/* world.h - a chat service over a private PostgreSQL, for tests that call handlers as functions: people, bots, guilds
 * in a line each. Calls made here, and what they answered, live until world_stop(). Thread-safe but for start and stop.
 */
#pragma once
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/testing/fake_call.h"
#include <check.h>

extern struct chat *world;

/* PostgreSQL (one a process), the schema, a chat without a bus. */
void world_start(void);
/* Ends the chat; the data stays. */
void world_stop(void);
struct world_test {
    const char *name;
    const TTest *test;
};
/* A suite's main: starts the world, runs each test in this process (one PostgreSQL, threads of the service) for at most 60 s, stops it. Returns what
 * main returns. */
int world_run(const char *suite, const struct world_test *, size_t n);
/* Empties every table, the feeds too. */
void world_clear(void);

/* A call of the user (0: nobody), a bot or not; remembered. */
struct call *world_call(uint64_t user_id, bool bot);
/* status st = DO(user, guilds, create, &req, &resp): the handler, called. World_last: the call, of this thread. */
#define DO(user, service, method, req, resp)                                                                           \
    service##_handlers.method(world_last = world_call((user), false), (req), (resp))
#define DO_BOT(user, service, method, req, resp)                                                                       \
    service##_handlers.method(world_last = world_call((user), true), (req), (resp))
extern _Thread_local struct call *world_last;
/* X-Audit-Log-Reason of the calls that this thread makes from now on; NULL: none. */
extern _Thread_local const char *world_reason;
/* "path CODE" of the last leaf in this thread. */
#define LEAF call_fake_leaf(world_last)
/* The entries of the last call in this thread. */
Hubbub__V1__FeedEntry *world_entry(size_t i);
size_t world_entries(void);

/* Each ends the process when it fails. */
uint64_t world_person(const char *name);       /* password "password of NAME"; through SignUp, argon2 and all */
uint64_t world_quick_person(const char *name); /* by SQL: no password */
uint64_t world_guild(uint64_t owner);
uint64_t world_channel(uint64_t guild, uint64_t owner, const char *name, int type, uint64_t parent);
void world_join(uint64_t guild, uint64_t user); /* by SQL: no entries */
uint64_t world_role(uint64_t guild, uint64_t owner, uint64_t permissions);
void world_give(uint64_t guild, uint64_t owner, uint64_t user, uint64_t role);
char *world_invite(uint64_t channel, uint64_t user, int max_uses, int max_age); /* the code */
/* One number of one row. */
int64_t world_number(const char *sql, uint64_t p1, uint64_t p2);
uint64_t world_text_channel(uint64_t guild); /* "general" of a new guild */

/* Runs f(i) in n threads at once and waits. */
void world_race(unsigned n, void (*f)(unsigned i));
