/* wheel.h - timers of sockets: setting, moving and cancelling are O(1), which libwebsockets' own sorted list is not.
 * A timer fires up to WHEEL_SLOT_MS late. One thread. */
#pragma once
#include <stdint.h>

enum { WHEEL_SLOTS = 256, WHEEL_SLOT_MS = 256 };

struct wheel_timer {
    struct wheel_timer *prev, *next; /* NULL: not set */
    int64_t due_ms;
    void (*fire)(struct wheel_timer *); /* not set any more when it is called */
};
struct wheel {
    struct wheel_timer slots[WHEEL_SLOTS]; /* list heads; a timer further away than one turn waits in its slot */
    int64_t at;                            /* the slot number, not wrapped, that was looked at last */
};

void wheel_init(struct wheel *, int64_t now_ms);
/* Sets or moves it; fire was filled in by the owner. */
void wheel_set(struct wheel *, struct wheel_timer *, int64_t due_ms);
/* Fine for one that is not set. */
void wheel_cancel(struct wheel_timer *);
/* Fires what is due. A timer may set, move or cancel any timer. */
void wheel_tick(struct wheel *, int64_t now_ms);
