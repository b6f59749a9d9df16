/* fault.h - places at which a test has a process die as by kill -9: HUBBUB_FAULT_POINT=NAME:N, when it comes there for
 * the Nth time. Where that is not set, as everywhere but in tests/fault, a place costs a load and a branch.
 * Thread-safe. */
#pragma once

/* Sorted. */
#define FAULT_POINTS(X)                                                                                                \
    X(BATCH_PUBLISHED,                                                                                                 \
      "batch_published")            /* messages are stored and on their way to Redis; their authors still wait */      \
    X(BATCH_STORED, "batch_stored") /* messages are stored, and nobody was told */                                     \
    X(CHANGE_COMMITTED, "change_committed") /* any other change */                                                     \
    X(CHANGE_WRITTEN, "change_written")     /* all but COMMIT was done */                                              \
    X(MOVE_CONFIRMED, "move_confirmed")     /* a gateway let a session go, and has not said so */                      \
    X(SESSION_TAKEN, "session_taken")       /* a gateway froze a session, and has not handed it over */

enum fault_point {
    FAULT_NONE,
#define FAULT_ENUM(name, text) FAULT_##name,
    FAULT_POINTS(FAULT_ENUM)
#undef FAULT_ENUM
};

extern enum fault_point fault_armed;
/* Before other threads start. A name that is not in the table ends the process with a message. */
void fault_init(void);
void fault_pass(void);
static inline void fault_at(enum fault_point p)
{
    if (fault_armed == p)
        fault_pass();
}
