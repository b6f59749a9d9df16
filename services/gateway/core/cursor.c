/* cursor.c - one position per feed, and how it moves: FEEDS.md, "The gateway's cursor".
 *
 * Entries come from the bus, from trailers of own calls and from reads, all by cursor_entry(). The one that is next is
 * applied; an early one is held and the gap is read after 20 ms; a late one is dropped. What nobody brought (a lost
 * tail) is noticed by the digest, which tells the heads of the scopes that were written lately. A read that does not
 * start at the next number means that the feed was truncated meanwhile: the scope is loaded anew and its sessions start
 * afresh (op 9).
 *
 * Everything carries the generation of the database. A newer one drops all that is known: numbers may have been taken
 * back. */
#include "services/gateway/core/member_list.h"
#include "services/gateway/core/state.h"

/* ---- Entries that wait ------------------------------------------------------------------------------------------- */

static void held_remove(struct held_entries *held, struct held_entry *e)
{
    DL_DELETE(held->list, e);
    held->n--;
    held->bytes -= e->n;
    free(e);
}

void held_clear(struct held_entries *held)
{
    while (held->list)
        held_remove(held, held->list);
}

static void held_insert(struct held_entries *held, struct held_entry *e)
{
    struct held_entry *at;
    held->n++;
    held->bytes += e->n;
    DL_FOREACH(held->list, at)
    if (at->seq > e->seq) {
        DL_PREPEND_ELEM(held->list, at, e);
        return;
    }
    DL_APPEND(held->list, e);
}

static bool held_has(const struct held_entries *held, uint64_t seq)
{
    const struct held_entry *at;
    DL_FOREACH(held->list, at)
    if (at->seq == seq)
        return true;
    return false;
}

bool held_put(struct held_entries *held, const Hubbub__V1__FeedEntry *entry)
{
    if (held_has(held, entry->seq))
        return true;
    size_t n = hubbub__v1__feed_entry__get_packed_size(entry);
    struct held_entry *e = memory_zeroed(sizeof *e + n);
    e->seq = entry->seq;
    e->n = n;
    hubbub__v1__feed_entry__pack(entry, e->packed);
    held_insert(held, e);
    bool kept = true;
    while (held->n > PEND_ENTRIES_MAX || held->bytes > PEND_BYTES_MAX) {
        struct held_entry *largest = held->list->prev;
        kept = kept && largest != e;
        held_remove(held, largest);
    }
    return kept;
}

Hubbub__V1__FeedEntry *held_pop(struct held_entries *held)
{
    struct held_entry *e = held->list;
    Hubbub__V1__FeedEntry *entry = hubbub__v1__feed_entry__unpack(NULL, e->n, e->packed);
    held_remove(held, e);
    return entry;
}

/* ---- Scopes ------------------------------------------------------------------------------------------------------ */

struct scope *scope_find(const struct hub *h, uint64_t scope_id)
{
    struct scope *s;
    HASH_FIND(hh, h->scopes, &scope_id, sizeof scope_id, s);
    return s;
}

/* A DM's entries are published as those of its channel. */
static const enum hub_topic topics[] = {
    [SCOPE_GUILD] = HUB_TOPIC_GUILD, [SCOPE_USER] = HUB_TOPIC_USER, [SCOPE_DIRECT] = HUB_TOPIC_CHANNEL};

static struct scope *scope_create(struct hub *h, enum scope_kind kind, uint64_t id)
{
    struct scope *s = memory_zeroed(sizeof *s);
    *s = (struct scope){.id = id, .kind = kind, .incarnation = ++h->incarnations, .idle_since = h->now};
    HASH_ADD(hh, h->scopes, id, sizeof s->id, s);
    h->io.subscribe(h->io.user, true, topics[kind], id);
    return s;
}

static void queue_load(struct hub *h, struct scope *s)
{
    if (s->loading)
        return;
    s->loading = s->queued = true;
    DL_APPEND2(h->load_queue, s, prev_queued, next_queued);
}

struct scope *scope_ensure_guild(struct hub *h, uint64_t guild_id)
{
    struct scope *s = scope_find(h, guild_id);
    if (s)
        return s->kind == SCOPE_GUILD && !s->gone ? s : NULL;
    s = scope_create(h, SCOPE_GUILD, guild_id);
    s->state = SCOPE_LOADING;
    queue_load(h, s);
    return s;
}

struct scope *scope_ensure_live(struct hub *h, enum scope_kind kind, uint64_t id, uint64_t position)
{
    struct scope *s = scope_find(h, id);
    if (s)
        return s->kind == kind ? s : NULL;
    s = scope_create(h, kind, id);
    s->state = SCOPE_LIVE;
    s->applied = s->known = s->base = position;
    return s;
}

static void disarm(struct hub *h, struct scope *s)
{
    if (s->armed)
        DL_DELETE2(h->armed, s, prev_armed, next_armed);
    s->armed = false;
}

static void unqueue(struct hub *h, struct scope *s)
{
    if (!s->queued)
        return;
    struct scope **queue = s->state == SCOPE_LOADING ? &h->load_queue : &h->read_queue;
    DL_DELETE2(*queue, s, prev_queued, next_queued);
    s->queued = false;
}

/* Forgets the guild, and every question that was asked for it. */
static void scope_clear(struct hub *h, struct scope *s)
{
    disarm(h, s);
    unqueue(h, s);
    held_clear(&s->pend);
    recent_begin(&s->recent, 0);
    s->incarnation = ++h->incarnations;
    s->reading = s->loading = s->check = s->gone = false;
    s->presences_due = 0;
    s->not_before = s->backoff_ms = 0;
    roster_drop(h, s);
    for (unsigned i = 0; s->replica && i < s->replica->n_channels; i++)
        h->io.subscribe(h->io.user, false, HUB_TOPIC_CHANNEL, s->replica->channels[i]->id);
    replica_destroy(s->replica);
    s->replica = NULL;
}

void scope_drop(struct hub *h, struct scope *s)
{
    while (s->holds)
        hold_drop(h, s->holds);
    scope_clear(h, s);
    if (s->dirty)
        DL_DELETE2(h->dirty, s, prev_dirty, next_dirty);
    h->io.subscribe(h->io.user, false, topics[s->kind], s->id);
    HASH_DEL(h->scopes, s);
    free(s);
}

/* The guild does not exist any longer: who waited for it goes on without. */
static void scope_gone(struct hub *h, struct scope *s)
{
    while (s->holds) {
        struct session *x = s->holds->session;
        hold_drop(h, s->holds);
        if (x->state == SESSION_GATHERING)
            session_try(h, x);
    }
    scope_drop(h, s);
}

void scope_mark_dirty(struct hub *h, struct scope *s)
{
    if (s->dirty)
        return;
    s->dirty = true;
    DL_APPEND2(h->dirty, s, prev_dirty, next_dirty);
}

void scope_arm(struct hub *h, struct scope *s, int64_t wait_ms)
{
    int64_t at = h->now + wait_ms;
    if (at < s->not_before)
        at = s->not_before;
    if (s->armed && s->arm_at <= at)
        return;
    s->arm_at = at;
    if (!s->armed)
        DL_APPEND2(h->armed, s, prev_armed, next_armed);
    s->armed = true;
}

void scope_know(struct hub *h, struct scope *s, uint64_t position, int64_t wait_ms)
{
    if (position > s->known)
        s->known = position;
    if (s->state == SCOPE_LIVE && s->known > s->applied)
        scope_arm(h, s, wait_ms);
}

bool scope_ready(const struct hub *h, const struct scope *s)
{
    return s->state == SCOPE_LIVE && h->now >= s->presences_due;
}

/* ---- Generation -------------------------------------------------------------------------------------------------- */

enum generation { GENERATION_SAME, GENERATION_OLDER, GENERATION_NEWER, GENERATION_FOREIGN };

static enum generation compare_generation(const struct hub *h, const Hubbub__V1__Generation *g)
{
    if (!h->has_generation || !g || g->system_id != h->system_id)
        return GENERATION_FOREIGN;
    if (g->timeline == h->timeline)
        return GENERATION_SAME;
    return g->timeline < h->timeline ? GENERATION_OLDER : GENERATION_NEWER;
}

static void forget_memberships(struct hub *h)
{
    struct user *u, *next_user;
    HASH_ITER(hh, h->users, u, next_user)
    {
        struct membership *m, *next;
        HASH_ITER(hh, u->memberships, m, next)
        m->known = false;
    }
}

/* FEEDS.md's new_gen: all that is known is void. Without a token, opens wait for one. */
static void begin_generation(struct hub *h, const Hubbub__V1__Generation *g, bool has_token, uint64_t token)
{
    h->has_generation = true;
    h->system_id = g->system_id;
    h->timeline = g->timeline;
    h->has_token = has_token;
    h->token = token;
    struct session *x, *next;
    DL_FOREACH_SAFE(h->sessions, x, next)
    {
        /* One that moves in may come before the first digest; move_attach() compares its generation. */
        if (x->state == SESSION_OPEN || x->state == SESSION_FROZEN)
            session_invalidate(h, x);
        else
            session_restart(h, x);
    }
    struct scope *s, *next_scope;
    HASH_ITER(hh, h->scopes, s, next_scope)
    scope_drop(h, s);
    forget_memberships(h);
    moves_clear(h);
    cursor_digest(h);
}

bool cursor_accept(struct hub *h, status st, const Hubbub__V1__Generation *g)
{
    if (st != ST_OK)
        return false;
    switch (compare_generation(h, g)) {
    case GENERATION_SAME:
        return true;
    case GENERATION_NEWER:
        begin_generation(h, g, false, 0);
        return false;
    case GENERATION_FOREIGN:
        cursor_digest(h);
        return false;
    case GENERATION_OLDER:
        return false;
    }
    return false;
}

void cursor_rewind_token(struct hub *h, uint64_t token)
{
    if (h->has_token && token < h->token)
        h->token = token;
    cursor_digest(h);
}

/* ---- Entries ----------------------------------------------------------------------------------------------------- */

static void drain(struct hub *h, struct scope *s)
{
    while (s->pend.list && s->pend.list->seq <= s->applied + 1) {
        Hubbub__V1__FeedEntry *e = held_pop(&s->pend);
        if (e && e->seq == s->applied + 1)
            apply_entry(h, s, e);
        memory_free_message(e);
    }
}

/* An entry of this generation, by whichever door. */
static void take_entry(struct hub *h, struct scope *s, const Hubbub__V1__FeedEntry *e)
{
    if (s->state == SCOPE_LIVE && e->seq <= s->applied)
        return;
    if (e->seq > s->known)
        s->known = e->seq;
    if (s->state == SCOPE_LOADING || e->seq > s->applied + 1) {
        unsigned before = s->pend.n + !held_has(&s->pend, e->seq);
        held_put(&s->pend, e);
        h->stats.held_dropped += before - s->pend.n;
        if (s->state == SCOPE_LIVE)
            scope_arm(h, s, GAP_WAIT_MS);
        return;
    }
    apply_entry(h, s, e);
    drain(h, s);
}

void cursor_entry(struct hub *h, const Hubbub__V1__Generation *g, const Hubbub__V1__FeedEntry *e)
{
    enum generation compared = compare_generation(h, g);
    if (compared == GENERATION_NEWER || (compared == GENERATION_FOREIGN && h->has_generation))
        cursor_digest(h);
    if (compared != GENERATION_SAME)
        return;
    struct scope *s = scope_find(h, e->scope_id);
    if (s)
        take_entry(h, s, e);
}

/* ---- Reads ------------------------------------------------------------------------------------------------------- */

static void queue_read(struct hub *h, struct scope *s)
{
    if (s->reading)
        return;
    s->reading = s->queued = true;
    DL_APPEND2(h->read_queue, s, prev_queued, next_queued);
}

static unsigned reads_in_flight(const struct hub *h)
{
    return h->in_flight[TICKET_READ] + h->in_flight[TICKET_CATCHUP];
}

static void ask_read(struct hub *h, struct scope *s)
{
    unqueue(h, s);
    struct ticket *t = ticket_create(h, TICKET_READ);
    t->scope_id = s->id;
    t->incarnation = s->incarnation;
    t->after = s->applied;
    if (s->known > s->applied)
        h->stats.gaps++;
    h->stats.reads++;
    h->io.read(h->io.user, t->id, s->id, s->applied);
}

/* A scope's timer. */
static void scope_due(struct hub *h, struct scope *s)
{
    if (s->state == SCOPE_LOADING) {
        queue_load(h, s);
        return;
    }
    if (h->now >= s->presences_due)
        s->presences_due = 0;
    if (s->n_waiting > 0)
        scope_mark_dirty(h, s);
    if ((s->known > s->applied || s->check) && !s->reading)
        queue_read(h, s);
    if (s->presences_due)
        scope_arm(h, s, s->presences_due - h->now);
}

/* The feed was truncated past the position: nothing can be caught up. */
static void reset_scope(struct hub *h, struct scope *s)
{
    h->stats.resets++;
    struct hold *hold, *next;
    DL_FOREACH_SAFE(s->holds, hold, next)
    if (hold->session->state == SESSION_OPEN || s->kind == SCOPE_USER)
        session_invalidate(h, hold->session);
    else if (s->kind == SCOPE_DIRECT)
        session_restart(h, hold->session);
    if (s->kind != SCOPE_GUILD) {
        scope_drop(h, s);
        return;
    }
    scope_clear(h, s);
    s->state = SCOPE_LOADING;
    queue_load(h, s);
}

static void retry_read(struct hub *h, struct scope *s)
{
    s->not_before = h->now + hub_backoff(h, &s->backoff_ms);
    scope_arm(h, s, 0);
}

static void fold_read(struct hub *h, struct scope *s, const Hubbub__V1__ReadFeedResponse *r)
{
    if (r->head > s->applied && (r->n_entries == 0 || r->entries[0]->seq > s->applied + 1)) {
        reset_scope(h, s);
        return;
    }
    uint64_t before = s->applied;
    s->check = false;
    for (size_t i = 0; i < r->n_entries; i++)
        if (r->entries[i]->scope_id == s->id)
            take_entry(h, s, r->entries[i]);
    if (r->head > s->known)
        s->known = r->head;
    if (s->known <= s->applied)
        s->backoff_ms = 0;
    else if (s->applied > before)
        queue_read(h, s);
    else
        retry_read(h, s); /* nothing new in it: not a reason to ask without end */
}

/* The scope that a ticket was asked for; NULL when it was dropped or loaded again since. */
static struct scope *ticket_scope(const struct hub *h, const struct ticket *t)
{
    struct scope *s = scope_find(h, t->scope_id);
    return s && s->incarnation == t->incarnation ? s : NULL;
}

static void answer_read(struct hub *h, struct ticket *t, status st, const Hubbub__V1__ReadFeedResponse *r)
{
    struct scope *s = ticket_scope(h, t);
    bool good = cursor_accept(h, st, r ? r->generation : NULL);
    s = s ? ticket_scope(h, t) : NULL;
    if (!s)
        return;
    s->reading = false;
    if (!good) {
        retry_read(h, s);
    } else if (r->head < t->after) {
        h->stats.resets++; /* numbers went back: cannot be in one generation */
        begin_generation(h, r->generation, false, 0);
    } else {
        fold_read(h, s, r);
    }
}

/* ---- Catch-up ---------------------------------------------------------------------------------------------------- */

void catchup_start(struct hub *h, struct hold *hold, uint64_t position)
{
    if (hold->scope->applied - position > CATCHUP_RANGE_MAX) {
        h->stats.catchups_over++;
        session_invalidate(h, hold->session);
        return;
    }
    struct catchup *c = memory_zeroed(sizeof *c);
    *c = (struct catchup){.after = position, .end = hold->scope->applied, .not_before = h->now};
    hold->catchup = c;
    DL_APPEND2(h->catchups, hold, prev_catchup, next_catchup);
}

void catchup_drop(struct hub *h, struct hold *hold)
{
    struct catchup *c = hold->catchup;
    if (!c)
        return;
    if (c->ticket)
        c->ticket->hold = NULL;
    DL_DELETE2(h->catchups, hold, prev_catchup, next_catchup);
    held_clear(&c->queue);
    while (c->n_payloads)
        hub_payload_unref(h, c->payloads[--c->n_payloads]);
    free(c->payloads);
    free(c);
    hold->catchup = NULL;
}

void catchup_queue_payload(struct hub *h, struct hold *hold, struct hub_payload *p)
{
    struct catchup *c = hold->catchup;
    if (c->n_payloads == CATCHUP_PAYLOADS_MAX) {
        h->stats.catchups_over++;
        session_invalidate(h, hold->session);
        return;
    }
    if (c->n_payloads == c->cap_payloads) {
        c->cap_payloads = c->cap_payloads ? c->cap_payloads * 2 : 16;
        c->payloads = memory_resized(c->payloads, c->cap_payloads * sizeof(struct hub_payload *));
    }
    hub_payload_ref(p);
    c->payloads[c->n_payloads++] = p;
}

bool catchup_queue(struct hub *h, struct hold *hold, const Hubbub__V1__FeedEntry *e)
{
    if (held_put(&hold->catchup->queue, e))
        return true;
    h->stats.catchups_over++;
    session_invalidate(h, hold->session);
    return false;
}

static void ask_catchup(struct hub *h, struct hold *hold)
{
    struct ticket *t = ticket_create(h, TICKET_CATCHUP);
    t->hold = hold;
    hold->catchup->ticket = t;
    h->stats.reads++;
    h->io.read(h->io.user, t->id, hold->scope_id, hold->catchup->after);
}

/* The entry has to wait for another feed: it is read again later. */
static void wait_in_catchup(struct hub *h, struct catchup *c, uint64_t seq)
{
    c->after = seq - 1;
    if (c->end < seq)
        c->end = seq;
    c->not_before = h->now + hub_backoff(h, &c->backoff_ms);
}

/* What was applied meanwhile. False: the hold is gone, or one of the entries has to wait. */
static bool drain_catchup(struct hub *h, struct hold *hold)
{
    bool held = true;
    while (held && hold->catchup->queue.list && hold->session->state == SESSION_OPEN) {
        Hubbub__V1__FeedEntry *e = held_pop(&hold->catchup->queue);
        bool waits = e && apply_must_wait(h, hold, e);
        if (waits)
            wait_in_catchup(h, hold->catchup, e->seq);
        held = !waits && (!e || apply_held_entry(h, hold, e));
        memory_free_message(e);
    }
    return held;
}

/* The range is through: what was applied meanwhile follows, and the session is as live as the others. */
static void finish_catchup(struct hub *h, struct hold *hold)
{
    bool held = drain_catchup(h, hold);
    struct catchup *c = held ? hold->catchup : NULL;
    for (unsigned i = 0; c && i < c->n_payloads && hold->session->state == SESSION_OPEN; i++)
        session_dispatch(h, hold->session, c->payloads[i]);
    if (held)
        catchup_drop(h, hold);
}

static void fold_catchup(struct hub *h, struct hold *hold, const Hubbub__V1__ReadFeedResponse *r)
{
    struct catchup *c = hold->catchup;
    if (r->n_entries == 0 || r->entries[0]->seq > c->after + 1) {
        session_invalidate(h, hold->session); /* truncated */
        return;
    }
    for (size_t i = 0; i < r->n_entries && c->after < c->end; i++) {
        if (r->entries[i]->seq != c->after + 1)
            continue;
        if (apply_must_wait(h, hold, r->entries[i])) {
            wait_in_catchup(h, c, c->after + 1);
            return;
        }
        c->after++;
        if (!apply_held_entry(h, hold, r->entries[i]))
            return;
    }
    if (c->after >= c->end)
        finish_catchup(h, hold);
}

static void answer_catchup(struct hub *h, struct ticket *t, status st, const Hubbub__V1__ReadFeedResponse *r)
{
    bool good = cursor_accept(h, st, r ? r->generation : NULL);
    struct hold *hold = t->hold; /* NULL: the session is gone, or its hold */
    if (!hold)
        return;
    hold->catchup->ticket = NULL;
    if (!good)
        hold->catchup->not_before = h->now + hub_backoff(h, &hold->catchup->backoff_ms);
    else
        fold_catchup(h, hold, r);
}

void hub_on_read(struct hub *h, uint64_t ticket, status st, const Hubbub__V1__ReadFeedResponse *r, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_READ);
    struct ticket *c = t ? NULL : ticket_take(h, ticket, TICKET_CATCHUP);
    if (t)
        answer_read(h, t, st, r);
    else if (c)
        answer_catchup(h, c, st, r);
    ticket_free(t);
    ticket_free(c);
    hub_settle(h);
}

/* ---- Digest ------------------------------------------------------------------------------------------------------ */

void cursor_digest(struct hub *h)
{
    h->digest_wanted = true;
    int64_t at = h->digest_asked_at + DIGEST_SPACING_MS;
    if (at < h->now)
        at = h->now;
    if (at < h->digest_at)
        h->digest_at = at;
}

static int64_t digest_interval(const struct hub *h)
{
    return h->bus_up ? DIGEST_MS : DIGEST_NO_BUS_MS;
}

static void ask_heads(struct hub *h)
{
    struct ticket *t = ticket_create(h, TICKET_HEADS);
    t->has_token = h->has_token;
    t->token = h->token;
    h->digest_wanted = false;
    h->digest_asked_at = h->now;
    h->digest_at = h->now + digest_interval(h);
    h->io.heads(h->io.user, t->id, t->has_token, t->token);
}

/* A read will tell. */
static void suspect(struct hub *h, struct scope *s)
{
    s->check = true;
    if (s->state == SCOPE_LIVE)
        scope_arm(h, s, (int64_t)hub_random_below(h, 50));
}

/* From what was applied, every scope is read: what is missing there is found by that. */
static void suspect_all(struct hub *h)
{
    struct scope *s, *next;
    HASH_ITER(hh, h->scopes, s, next)
    {
        suspect(h, s);
    }
}

/* Files that were copied back are of the same generation. They show by a head that went back, and by what went_back
 * asks; another chat may have answered from a moment ago, so it is no more than a suspicion. */
static void fold_heads(struct hub *h, const Hubbub__V1__HeadsResponse *r)
{
    for (size_t i = 0; i < r->n_heads; i++) {
        struct scope *s = scope_find(h, r->heads[i]->scope_id);
        if (!s)
            continue;
        if (r->heads[i]->seq < s->digested)
            suspect(h, s);
        s->digested = r->heads[i]->seq;
        scope_know(h, s, r->heads[i]->seq, (int64_t)hub_random_below(h, 50));
    }
}

/* The counter of transactions is lower, or the server is another one since: it may have passed the old number again. */
static bool went_back(const struct hub *h, const struct ticket *t, const Hubbub__V1__HeadsResponse *r)
{
    return r->token < t->token || (h->database_started_at && h->database_started_at != r->started_at);
}

static void answer_heads(struct hub *h, const struct ticket *t, const Hubbub__V1__HeadsResponse *r)
{
    enum generation compared = compare_generation(h, r->generation);
    if (compared == GENERATION_OLDER || !r->generation)
        return;
    if (compared != GENERATION_SAME) {
        begin_generation(h, r->generation, !t->has_token, r->token);
        return;
    }
    if (!t->has_token) {
        if (!h->has_token)
            h->token = r->token;
        h->has_token = true;
        return;
    }
    if (r->lapsed || went_back(h, t, r))
        suspect_all(h);
    h->database_started_at = r->started_at;
    fold_heads(h, r);
    if (h->has_token && (r->token < t->token ? r->token < h->token : t->token <= h->token && r->token > h->token))
        h->token = r->token;
}

void hub_on_heads(struct hub *h, uint64_t ticket, status st, const Hubbub__V1__HeadsResponse *r, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_HEADS);
    if (t && st == ST_OK)
        answer_heads(h, t, r);
    ticket_free(t);
    if (h->digest_wanted)
        cursor_digest(h);
    hub_settle(h);
}

/* ---- Loads ------------------------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Whose members a snapshot is asked for: the users that hold the guild, each once. */
static void list_holders(const struct scope *s, struct ticket *t)
{
    uint64_t *all = memory_zeroed(s->n_holds * sizeof *all);
    size_t n = 0, distinct = 0;
    struct hold *hold;
    DL_FOREACH(s->holds, hold)
    all[n++] = hold->session->user->id;
    qsort(all, n, sizeof *all, compare_ids);
    for (size_t i = 0; i < n && distinct < SNAPSHOT_USERS_MAX; i++)
        if (i == 0 || all[i] != all[i - 1])
            all[distinct++] = all[i];
    t->users = all;
    t->n_users = distinct;
}

static void ask_snapshot(struct hub *h, struct scope *s)
{
    unqueue(h, s);
    struct ticket *t = ticket_create(h, TICKET_SNAPSHOT);
    t->scope_id = s->id;
    t->incarnation = s->incarnation;
    list_holders(s, t);
    h->stats.loads++;
    h->io.snapshot(h->io.user, t->id, s->id, t->users, t->n_users);
}

static void fold_snapshot_member(struct hub *h, const struct scope *s, uint64_t user_id, uint64_t head)
{
    struct user *u = user_find(h, user_id);
    struct membership *m = u ? user_membership(u, s->id, true) : NULL;
    if (m && (!m->known || head > m->pos))
        membership_set(m, replica_member(s->replica, user_id), head);
}

static void ask_presences(struct hub *h, struct scope *s)
{
    size_t n = 0;
    uint64_t *ids = memory_zeroed(SNAPSHOT_USERS_MAX * sizeof *ids);
    for (struct replica_member *m = s->replica->members; m && n < SNAPSHOT_USERS_MAX; m = m->hh.next)
        ids[n++] = m->user_id;
    struct ticket *t = ticket_create(h, TICKET_PRESENCES);
    t->whole = replica_complete(s->replica) && n == HASH_COUNT(s->replica->members);
    t->scope_id = s->id;
    t->incarnation = s->incarnation;
    replica_ask_presences(s->replica);
    s->presences_due = h->now + PRESENCES_WAIT_MS;
    scope_arm(h, s, PRESENCES_WAIT_MS);
    h->io.presences(h->io.user, t->id, ids, n);
    free(ids);
}

static void fold_snapshot(struct hub *h, struct scope *s, const struct ticket *t, const Hubbub__V1__SnapshotResponse *r)
{
    s->loading = false;
    s->backoff_ms = 0;
    s->replica = replica_create(r, &h->channels, &h->versions);
    s->applied = s->base = r->head;
    recent_begin(&s->recent, r->head);
    if (r->head > s->known)
        s->known = r->head;
    for (size_t i = 0; i < t->n_users; i++)
        fold_snapshot_member(h, s, t->users[i], r->head);
    s->state = SCOPE_LIVE;
    for (unsigned i = 0; i < s->replica->n_channels; i++)
        h->io.subscribe(h->io.user, true, HUB_TOPIC_CHANNEL, s->replica->channels[i]->id);
    ask_presences(h, s);
    drain(h, s);
    scope_know(h, s, 0, 0);
    scope_mark_dirty(h, s);
    cursor_digest(h); /* what was published before the topics were subscribed */
}

static void answer_snapshot(struct hub *h, struct ticket *t, status st, const Hubbub__V1__SnapshotResponse *r)
{
    bool good = cursor_accept(h, st, r ? r->generation : NULL);
    struct scope *s = ticket_scope(h, t);
    if (!s)
        return;
    if (good && r->guild && r->guild->id == s->id) {
        fold_snapshot(h, s, t, r);
    } else if (st == ST_UNKNOWN_GUILD) {
        scope_gone(h, s);
    } else {
        s->loading = false;
        s->not_before = h->now + hub_backoff(h, &s->backoff_ms);
        scope_arm(h, s, 0);
    }
}

void hub_on_snapshot(struct hub *h, uint64_t ticket, status st, const Hubbub__V1__SnapshotResponse *r, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_SNAPSHOT);
    if (t)
        answer_snapshot(h, t, st, r);
    ticket_free(t);
    hub_settle(h);
}

void hub_on_presences(struct hub *h, uint64_t ticket, status st, const Hubbub__V1__GetPresencesResponse *r,
                      int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_PRESENCES);
    struct ticket *of_roster = t ? NULL : ticket_take(h, ticket, TICKET_ROSTER_PRESENCES);
    struct ticket *of_friends = t || of_roster ? NULL : ticket_take(h, ticket, TICKET_FRIENDS);
    if (of_roster)
        roster_on_presences(h, of_roster, st, r);
    ticket_free(of_roster);
    if (of_friends)
        friends_on_presences(h, of_friends, st, r);
    ticket_free(of_friends);
    struct scope *s = t ? ticket_scope(h, t) : NULL;
    if (s && s->state == SCOPE_LIVE) {
        s->replica->presences_whole = st == ST_OK && t->whole;
        replica_take_presences(s->replica, st == ST_OK ? r->presences : NULL, st == ST_OK ? r->n_presences : 0);
        s->presences_due = 0;
        scope_mark_dirty(h, s);
    }
    ticket_free(t);
    hub_settle(h);
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

static void ask_catchups(struct hub *h)
{
    struct hold *hold;
    DL_FOREACH2(h->catchups, hold, next_catchup)
    if (!hold->catchup->ticket && h->now >= hold->catchup->not_before && reads_in_flight(h) < READS_MAX)
        ask_catchup(h, hold);
}

void cursor_pump(struct hub *h)
{
    if (!h->in_flight[TICKET_HEADS] && h->now >= h->digest_at)
        ask_heads(h);
    while (h->read_queue && reads_in_flight(h) < READS_MAX)
        ask_read(h, h->read_queue);
    ask_catchups(h);
    while (h->load_queue && h->in_flight[TICKET_SNAPSHOT] < LOADS_MAX)
        ask_snapshot(h, h->load_queue);
}

void cursor_tick(struct hub *h)
{
    struct scope *s, *next;
    DL_FOREACH_SAFE2(h->armed, s, next, next_armed)
    if (h->now >= s->arm_at) {
        disarm(h, s);
        scope_due(h, s);
    }
}
