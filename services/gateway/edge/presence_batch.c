/* A row a session, in one of three lists: DUE (something to tell), OUT (in the batch that is on its way), ALIVE (told;
 * sorted by the time of that, so the next beat is at the front). A change while a row is OUT marks it, and it is due
 * again when the batch is done. A closed row goes once presence has heard of it. */
#include "lib/base/log.h"
#include "services/gateway/edge/rim.h"
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

enum list { DUE, OUT, ALIVE, LISTS };
struct row {
    char *session_id;
    Hubbub__V1__SessionPresence *full; /* as the core said it last */
    Hubbub__V1__SessionPresence beat;  /* only who it is: still alive */
    bool changed;                      /* tell the full form */
    bool forgotten;                    /* while it was OUT */
    enum list list;
    int64_t told_ms;
    struct row *prev, *next;
    UT_hash_handle hh;
};
struct presence_batch {
    struct row *rows, *lists[LISTS];
    bool out;
};

struct presence_batch *presence_batch_create(void)
{
    struct presence_batch *b = calloc(1, sizeof *b);
    if (!b)
        log_fatal("out of memory");
    return b;
}

static void move(struct presence_batch *b, struct row *r, enum list to)
{
    DL_DELETE(b->lists[r->list], r);
    r->list = to;
    DL_APPEND(b->lists[to], r);
}

static void drop(struct presence_batch *b, struct row *r)
{
    DL_DELETE(b->lists[r->list], r);
    HASH_DEL(b->rows, r);
    hubbub__v1__session_presence__free_unpacked(r->full, NULL);
    free(r->session_id);
    free(r);
}

void presence_batch_destroy(struct presence_batch *b)
{
    struct row *r, *next;
    if (b)
        HASH_ITER(hh, b->rows, r, next)
    drop(b, r);
    free(b);
}

/* A copy; presence reads an empty list of guilds as "as before", and the single id 0 as none. */
static Hubbub__V1__SessionPresence *copy(const Hubbub__V1__SessionPresence *p)
{
    uint64_t nowhere = 0;
    Hubbub__V1__SessionPresence said = *p;
    if (!said.n_guild_ids && !said.closed) {
        said.guild_ids = &nowhere;
        said.n_guild_ids = 1;
    }
    size_t n = hubbub__v1__session_presence__get_packed_size(&said);
    uint8_t *bytes = malloc(n + 1);
    if (!bytes)
        log_fatal("out of memory");
    hubbub__v1__session_presence__pack(&said, bytes);
    Hubbub__V1__SessionPresence *result = hubbub__v1__session_presence__unpack(NULL, n, bytes);
    free(bytes);
    if (!result)
        log_fatal("out of memory");
    return result;
}

static struct row *add(struct presence_batch *b, const char *session_id)
{
    struct row *r = calloc(1, sizeof *r);
    if (!r || !(r->session_id = strdup(session_id)))
        log_fatal("out of memory");
    r->list = DUE;
    DL_APPEND(b->lists[DUE], r);
    HASH_ADD_KEYPTR(hh, b->rows, r->session_id, strlen(r->session_id), r);
    return r;
}

void presence_batch_put(struct presence_batch *b, const Hubbub__V1__SessionPresence *p)
{
    struct row *r;
    HASH_FIND_STR(b->rows, p->session_id, r);
    if (!r && p->closed)
        return;
    if (!r)
        r = add(b, p->session_id);
    if (r->full)
        hubbub__v1__session_presence__free_unpacked(r->full, NULL);
    r->full = copy(p);
    hubbub__v1__session_presence__init(&r->beat);
    r->beat.has_user_id = true;
    r->beat.user_id = p->user_id;
    r->beat.session_id = r->session_id;
    r->changed = true;
    r->forgotten = false;
    if (r->list == ALIVE)
        move(b, r, DUE);
}

void presence_batch_forget(struct presence_batch *b, const char *session_id)
{
    struct row *r;
    HASH_FIND_STR(b->rows, session_id, r);
    if (r && r->list == OUT)
        r->forgotten = true;
    else if (r)
        drop(b, r);
}

size_t presence_batch_take(struct presence_batch *b, int64_t now_ms, Hubbub__V1__SessionPresence **ret)
{
    size_t n = 0;
    if (b->out)
        return 0;
    while (b->lists[ALIVE] && b->lists[ALIVE]->told_ms + PRESENCE_BEAT_MS <= now_ms)
        move(b, b->lists[ALIVE], DUE);
    while (b->lists[DUE] && n < PRESENCE_BATCH_MAX) {
        struct row *r = b->lists[DUE];
        ret[n++] = r->changed ? r->full : &r->beat;
        r->told_ms = now_ms;
        r->changed = false;
        move(b, r, OUT);
    }
    b->out = n > 0;
    return n;
}

void presence_batch_done(struct presence_batch *b, bool arrived, int64_t now_ms)
{
    b->out = false;
    while (b->lists[OUT]) {
        struct row *r = b->lists[OUT];
        if (!arrived)
            r->changed = true; /* whether it was heard is not known: say it all again */
        if (r->forgotten || (!r->changed && r->full->closed))
            drop(b, r);
        else
            move(b, r, r->changed ? DUE : ALIVE);
    }
}

void presence_batch_announce_all(struct presence_batch *b)
{
    while (b->lists[ALIVE])
        move(b, b->lists[ALIVE], DUE);
    for (struct row *r = b->rows; r; r = r->hh.next)
        r->changed = true;
}

void presence_batch_close_all(struct presence_batch *b)
{
    for (struct row *r = b->rows; r; r = r->hh.next) {
        r->full->has_closed = r->full->closed = true;
        r->changed = true;
    }
    while (b->lists[ALIVE])
        move(b, b->lists[ALIVE], DUE);
}

bool presence_batch_idle(const struct presence_batch *b)
{
    return !b->out && !b->lists[DUE];
}
