#include "services/gateway/edge/wheel.h"
#include <stddef.h>

static void list_init(struct wheel_timer *head)
{
    head->prev = head->next = head;
}

void wheel_init(struct wheel *w, int64_t now_ms)
{
    for (int i = 0; i < WHEEL_SLOTS; i++)
        list_init(&w->slots[i]);
    w->at = now_ms / WHEEL_SLOT_MS;
}

void wheel_cancel(struct wheel_timer *t)
{
    if (!t->next)
        return;
    t->prev->next = t->next;
    t->next->prev = t->prev;
    t->prev = t->next = NULL;
}

static void link_last(struct wheel_timer *head, struct wheel_timer *t)
{
    t->prev = head->prev;
    t->next = head;
    head->prev->next = t;
    head->prev = t;
}

void wheel_set(struct wheel *w, struct wheel_timer *t, int64_t due_ms)
{
    wheel_cancel(t);
    t->due_ms = due_ms;
    int64_t slot = due_ms / WHEEL_SLOT_MS + 1; /* a slot is looked at when it is over: nothing fires early */
    if (slot <= w->at)
        slot = w->at + 1;
    link_last(&w->slots[slot % WHEEL_SLOTS], t);
}

/* Timers that are due in a later turn go back into the same slot; those set meanwhile are never met twice. */
static void look_at(struct wheel *w, struct wheel_timer *head, int64_t now_ms)
{
    struct wheel_timer waiting;
    list_init(&waiting);
    while (head->next != head) {
        struct wheel_timer *t = head->next;
        wheel_cancel(t);
        link_last(&waiting, t);
    }
    while (waiting.next != &waiting) {
        struct wheel_timer *t = waiting.next;
        wheel_cancel(t);
        if (t->due_ms > now_ms)
            wheel_set(w, t, t->due_ms);
        else
            t->fire(t);
    }
}

void wheel_tick(struct wheel *w, int64_t now_ms)
{
    int64_t until = now_ms / WHEEL_SLOT_MS;
    if (until - w->at > WHEEL_SLOTS)
        w->at = until - WHEEL_SLOTS;
    while (w->at < until) {
        w->at++;
        look_at(w, &w->slots[w->at % WHEEL_SLOTS], now_ms);
    }
}
