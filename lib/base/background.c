#include "lib/base/background.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include <time.h>

static void *run(void *user)
{
    struct background *b = user;
    b->run(b->user);
    return NULL;
}

void background_start(struct background *b, const char *name, void (*work)(void *user), void *user)
{
    *b = (struct background){.name = name, .run = work, .user = user};
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&b->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    pthread_mutex_init(&b->lock, NULL);
    if (pthread_create(&b->thread, NULL, run, b))
        log_fatal("no thread for %s", name);
}

bool background_rest(struct background *b, int64_t ms)
{
    int64_t until_ms = clock_mono_ms() + ms;
    struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
    pthread_mutex_lock(&b->lock);
    while (!b->ending && !b->woken && !pthread_cond_timedwait(&b->wake, &b->lock, &until))
        continue;
    b->woken = false;
    bool go_on = !b->ending;
    pthread_mutex_unlock(&b->lock);
    return go_on;
}

void background_wake(struct background *b)
{
    pthread_mutex_lock(&b->lock);
    b->woken = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
}

void background_end(struct background *b)
{
    pthread_mutex_lock(&b->lock);
    b->ending = true;
    pthread_cond_signal(&b->wake);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
}
