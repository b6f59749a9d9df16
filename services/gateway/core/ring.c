/* ring.c - the replay ring: see ring.h. */
#include "services/gateway/core/ring.h"
#include "services/gateway/core/memory.h"

void ring_init(struct ring *r, unsigned lasting_max, unsigned ephemeral_max)
{
    *r =
        (struct ring){.lasting_max = lasting_max ? lasting_max : 1, .ephemeral_max = ephemeral_max ? ephemeral_max : 1};
}

static struct ring_entry *queue_at(const struct ring_queue *q, unsigned i)
{
    return &q->entries[(q->first + i) % q->cap];
}

static struct ring_entry queue_pop(struct ring_queue *q)
{
    struct ring_entry e = *queue_at(q, 0);
    q->first = (q->first + 1) % q->cap;
    q->n--;
    return e;
}

static void queue_grow(struct ring_queue *q, unsigned max)
{
    unsigned cap = q->cap ? q->cap * 2 : 16;
    if (cap > max)
        cap = max;
    struct ring_entry *bigger = memory_zeroed(cap * sizeof *bigger);
    for (unsigned i = 0; i < q->n; i++)
        bigger[i] = *queue_at(q, i);
    free(q->entries);
    *q = (struct ring_queue){.entries = bigger, .n = q->n, .cap = cap};
}

static void queue_finish(struct ring_queue *q, struct hub *h)
{
    while (q->n > 0)
        hub_payload_unref(h, queue_pop(q).payload);
    free(q->entries);
}

void ring_finish(struct ring *r, struct hub *h)
{
    queue_finish(&r->lasting, h);
    queue_finish(&r->ephemeral, h);
}

/* Lets the oldest lasting entry go. */
static void drop_lasting(struct ring *r, struct hub *h)
{
    struct ring_entry e = queue_pop(&r->lasting);
    r->floor = e.s;
    hub_payload_unref(h, e.payload);
}

unsigned ring_put(struct ring *r, struct hub *h, struct hub_payload *payload, int64_t s)
{
    struct ring_queue *q = payload->ephemeral ? &r->ephemeral : &r->lasting;
    unsigned max = payload->ephemeral ? r->ephemeral_max : r->lasting_max;
    unsigned evicted = q->n == max;
    if (evicted && payload->ephemeral)
        hub_payload_unref(h, queue_pop(q).payload);
    else if (evicted)
        drop_lasting(r, h);
    if (q->n == q->cap)
        queue_grow(q, max);
    hub_payload_ref(payload);
    q->n++;
    *queue_at(q, q->n - 1) = (struct ring_entry){s, payload};
    return evicted;
}

bool ring_can_replay(const struct ring *r, int64_t seq)
{
    return seq >= r->floor;
}

static unsigned first_after(const struct ring_queue *q, int64_t seq)
{
    unsigned low = 0, high = q->n;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        if (queue_at(q, middle)->s > seq)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void ring_replay(const struct ring *r, int64_t seq, void (*send)(void *user, struct hub_payload *, int64_t s),
                 void *user)
{
    unsigned i = first_after(&r->lasting, seq), j = first_after(&r->ephemeral, seq);
    while (i < r->lasting.n || j < r->ephemeral.n) {
        bool lasting =
            j == r->ephemeral.n || (i < r->lasting.n && queue_at(&r->lasting, i)->s < queue_at(&r->ephemeral, j)->s);
        struct ring_entry *e = lasting ? queue_at(&r->lasting, i++) : queue_at(&r->ephemeral, j++);
        send(user, e->payload, e->s);
    }
}

void ring_acknowledge(struct ring *r, struct hub *h, int64_t seq)
{
    unsigned seen = first_after(&r->lasting, seq), drop = 0;
    for (unsigned i = 0; i < seen; i++)
        if (queue_at(&r->lasting, i)->payload->snapshot)
            drop = i + 1;
    while (drop-- > 0)
        drop_lasting(r, h);
}
