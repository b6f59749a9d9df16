/* services.h - the processes of one instance as a table: which there are, in which order they stop, and what each is told. */
#pragma once
#include "tools/hubbub/instance.h"
#include "tools/hubbub/process.h"

enum { SERVICES_MAX = 16 /* of a kind */ };

/* Processes stop phase by phase, the first first: nobody loses what they still need. */
enum service_phase { PHASE_GATEWAYS, PHASE_SERVICES, PHASE_REDIS, PHASE_POSTGRES, PHASE_COUNT };

struct service {
    struct process process;
    enum service_phase phase;
};
struct services {
    unsigned n;
    struct service *all; /* in the order of starting */
};

/* Prepares PostgreSQL, and fills *ret with every process of the instance; none is started yet. Ends the process with one line
 * when a program is missing. */
void services_prepare(const struct instance *, unsigned gateways, unsigned chats, struct services *ret);
void services_finish(struct services *);

/* The kinds of services of ours, from 0 on; NULL after the last. */
const char *services_kind(unsigned i);
/* What instance 1 of the kind would be started with. */
char **services_environment(const struct instance *, unsigned kind, const char *database_url, const char *redis_url);
/* The admin port of "chat-1"; 0 for a process that has none. */
int services_admin_port(const struct instance *, const char *name);
