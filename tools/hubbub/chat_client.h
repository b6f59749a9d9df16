/* chat_client.h - chat over gRPC for a command that runs once: as one of the cluster's own (the secret in $HUBBUB_DATA), in
 * the name of nobody or of the person whose thing is administered. What fails ends the process with one line. */
#pragma once
#include "hubbub/v1/administration.hub.h"
#include "lib/base/arena.h"
#include "lib/rpc/rpc.h"
#include <stdio.h>

struct chat_client {
    struct arena *arena; /* holds every response, until the process ends */
    const char *targets, *secret;
    struct rpc_identity identity;
};

/* One row a verb of a command: `hubbub user create ...`. */
struct verb {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the verb */
    const char *usage; /* behind "hubbub COMMAND ": "create NAME [--admin]" */
    const char *doc;   /* one line */
};
/* Runs the verb that argv[1] names; --help prints the table and `more`; anything else is refused with exit status 2. */
int run_verb(int argc, char **argv, const struct verb *, unsigned n, const char *more);
/* The one argument that is no option. Else ends the process with status 2. */
const char *only_argument(int argc, char **argv, const char *what);
/* A whole number of at most max; ends the process with status 2 otherwise. what: "--max-age". */
uint64_t parse_number(const char *what, const char *value, uint64_t max);

/* Finds the instance (HUBBUB_DATA) and its chats. Changes into $HUBBUB_DATA. */
void chat_client_open(struct chat_client *);
/* The response. what: begins the line when it fails. */
const void *chat_client_call(struct chat_client *, const struct rpc_method *, const void *request, const char *what);
/* The same, but a status of its own is handed back for `allowed` (then NULL). */
const void *chat_client_try(struct chat_client *, const struct rpc_method *, const void *request, const char *what, status allowed);
/* From here on the calls are made in this person's or bot's name. */
void chat_client_act_as(struct chat_client *, uint64_t user_id);

/* A person by name, or by id when nobody has that name. */
const Hubbub__V1__Account *find_account(struct chat_client *, const char *name_or_id);
const Hubbub__V1__GuildSummaryRow *find_guild(struct chat_client *, const char *id);

/* Text of people's own: control characters are shown as '?', so that no name moves the operator's cursor. In the arena. */
const char *printable(struct chat_client *, const char *);
/* "2026-01-31 17:05" in UTC. In the arena. */
const char *printable_time(struct chat_client *, int64_t unix_ms);
