#include "lib/base/fault.h"
#include "lib/base/log.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {"",
#define FAULT_NAME(name, text) text,
                                    FAULT_POINTS(FAULT_NAME)
#undef FAULT_NAME
};

enum fault_point fault_armed;
static atomic_int left;

void fault_init(void)
{
    const char *given = getenv("HUBBUB_FAULT_POINT"), *colon = given ? strchr(given, ':') : NULL;
    if (!given || !*given)
        return;
    size_t n = colon ? (size_t)(colon - given) : strlen(given);
    atomic_store(&left, colon ? atoi(colon + 1) : 1);
    for (size_t i = 1; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == n && strncmp(names[i], given, n) == 0)
            fault_armed = (enum fault_point)i;
    if (fault_armed == FAULT_NONE)
        log_fatal("HUBBUB_FAULT_POINT=%s: there is no such place", given);
    log_warn("this process will kill itself", LOG_S("at", given));
}

void fault_pass(void)
{
    if (atomic_fetch_sub(&left, 1) == 1)
        kill(getpid(), SIGKILL);
}
