/* background.h - a thread of a service that works, rests, and works again, until it is ended. One owner creates and ends
 * it; wake and is_ending are for any thread. */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct background {
    const char *name;
    void (*run)(void *user);
    void *user;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool woken;         /* under lock */
    atomic_bool ending; /* set under lock; may be handed to what should not outlast the end */
};

/* Calls run(user) on a thread of its own; name, which must live, is what is logged when there is none, and the process
 * ends. run returns soon after background_rest() says false. The struct must not move until background_end(). */
void background_start(struct background *, const char *name, void (*run)(void *user), void *user);
/* By run alone: sleeps ms (monotonic), less when woken. false: it is to end. */
bool background_rest(struct background *, int64_t ms);
/* The rest that is under way, or the next, is over at once. */
void background_wake(struct background *);
/* Returns when run has. */
void background_end(struct background *);
