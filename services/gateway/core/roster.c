/* roster.c - who may stand in the lists of one guild: see member_list.h.
 *
 * While pages are gone through, every MEMBER_* and presence that comes leaves a row, also for those who left or are
 * offline: what a page says of them is older, or will be told again in order, and is not taken. Then rows that stand in
 * no list go. Who comes online and is not known is asked for, a hundred at a time. */
#include "services/gateway/core/member_list.h"

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

static struct roster_row *find(const struct roster *o, uint64_t user_id)
{
    struct roster_row *row;
    HASH_FIND(hh, o->rows, &user_id, sizeof user_id, row);
    return row;
}

/* NULL at the bound. */
static struct roster_row *ensure(struct hub *h, struct roster *o, uint64_t user_id)
{
    struct roster_row *row = find(o, user_id);
    if (row)
        return row;
    if (HASH_COUNT(o->rows) >= ROSTER_ROWS_MAX) {
        h->stats.list_rows_refused++;
        return NULL;
    }
    row = memory_zeroed(sizeof *row);
    row->user_id = user_id;
    HASH_ADD(hh, o->rows, user_id, sizeof row->user_id, row);
    return row;
}

static void touch(struct hub *h, struct roster *o, struct roster_row *row)
{
    if (!row->dirty) {
        row->dirty = true;
        DL_APPEND2(o->dirty, row, prev_dirty, next_dirty);
        o->n_dirty++;
    }
    if (o->flush_at > h->now + LIST_FLUSH_MS)
        o->flush_at = h->now + LIST_FLUSH_MS;
}

static void want(struct roster *o, struct roster_row *row)
{
    if (row->wanted || row->member || row->gone || o->loading)
        return;
    row->wanted = true;
    DL_APPEND2(o->wanted, row, prev_wanted, next_wanted);
}

static void unwant(struct roster *o, struct roster_row *row)
{
    if (row->wanted)
        DL_DELETE2(o->wanted, row, prev_wanted, next_wanted);
    row->wanted = false;
}

static void set_member(struct roster *o, struct roster_row *row, const Hubbub__V1__Member *member)
{
    memory_free_message(row->member);
    row->member = memory_copy_message(member);
    row->gone = !member;
    unwant(o, row);
}

static bool is_offline(const Hubbub__V1__PresenceUpdated *p)
{
    return !p || !p->status || strcmp(p->status, "offline") == 0;
}

static void set_presence(struct roster_row *row, const Hubbub__V1__PresenceUpdated *p)
{
    memory_free_message(row->presence);
    row->presence = is_offline(p) ? NULL : memory_copy_message(p);
}

static void free_row(struct roster *o, struct roster_row *row)
{
    unwant(o, row);
    if (row->dirty)
        DL_DELETE2(o->dirty, row, prev_dirty, next_dirty);
    HASH_DEL(o->rows, row);
    memory_free_message(row->member);
    memory_free_message(row->presence);
    free(row);
}

bool roster_lists(const struct roster *o, const struct roster_row *row)
{
    return row->member && (row->presence || !o->large);
}

static bool is_needed(const struct roster *o, const struct roster_row *row)
{
    return roster_lists(o, row) || (row->presence && !row->gone);
}

void roster_settle(struct roster *o)
{
    while (o->dirty) {
        struct roster_row *row = o->dirty;
        DL_DELETE2(o->dirty, row, prev_dirty, next_dirty);
        row->dirty = false;
        if (!is_needed(o, row))
            free_row(o, row);
    }
    o->n_dirty = 0;
}

static void prune(struct roster *o)
{
    struct roster_row *row, *next;
    HASH_ITER(hh, o->rows, row, next)
    if (!is_needed(o, row))
        free_row(o, row);
}

/* A guild that grows large loses its offline group; one that shrinks has to be gone through for it. */
void roster_count(struct hub *h, struct roster *o)
{
    uint32_t n = o->scope->replica->member_count;
    if (!o->large && n > LIST_LARGE_MEMBERS) {
        o->large = o->rebuild = true;
        if (!o->loading)
            prune(o);
    } else if (o->large && n <= LIST_SMALL_MEMBERS) {
        o->large = false;
        o->missed = true;
    }
    o->online = 0;
    for (const struct roster_row *row = o->rows; row; row = row->hh.next)
        o->online += row->member && row->presence;
}

/* ---- Folds ------------------------------------------------------------------------------------------------------- */

void roster_member(struct hub *h, struct scope *s, const Hubbub__V1__Member *member, uint64_t seq)
{
    struct roster *o = s->roster;
    if (!o)
        return;
    const Hubbub__V1__PresenceUpdated *p = replica_presence(s->replica, member->user->id);
    struct roster_row *row = find(o, member->user->id);
    if (!row && o->large && !o->loading && !p)
        return; /* offline in a large guild: nobody sees it */
    if (!row)
        row = ensure(h, o, member->user->id);
    if (!row)
        return;
    set_member(o, row, member);
    row->member_seq = seq;
    if (!row->presence && !row->shown)
        set_presence(row, p);
    touch(h, o, row);
}

void roster_member_gone(struct hub *h, struct scope *s, uint64_t user_id, uint64_t seq)
{
    struct roster *o = s->roster;
    if (!o)
        return;
    struct roster_row *row = o->loading ? ensure(h, o, user_id) : find(o, user_id);
    if (!row)
        return;
    set_member(o, row, NULL);
    set_presence(row, NULL);
    row->shown = false;
    row->member_seq = seq;
    touch(h, o, row);
}

void roster_presence(struct hub *h, struct scope *s, const Hubbub__V1__PresenceUpdated *p)
{
    struct roster *o = s->roster;
    if (!o)
        return;
    bool keep = o->loading || !is_offline(p);
    struct roster_row *row = keep ? ensure(h, o, p->user->id) : find(o, p->user->id);
    if (!row)
        return;
    set_presence(row, p); /* also of one who left: the joining may be still to come */
    row->shown = true;
    const Hubbub__V1__Member *known = row->member ? NULL : replica_member(s->replica, row->user_id);
    if (known)
        set_member(o, row, known);
    if (row->presence)
        want(o, row);
    touch(h, o, row);
}

void roster_role_gone(struct scope *s, uint64_t role_id)
{
    for (struct roster_row *row = s->roster ? s->roster->rows : NULL; row; row = row->hh.next)
        if (row->member)
            replica_strip_member(row->member, role_id);
    roster_roles(s);
}

void roster_roles(struct scope *s)
{
    if (s->roster)
        s->roster->rebuild = true;
}

/* ---- Loading ----------------------------------------------------------------------------------------------------- */

static void finish_load(struct hub *h, struct roster *o)
{
    o->loading = false;
    prune(o);
    struct roster_row *row;
    for (row = o->rows; row; row = row->hh.next)
        want(o, row);
    o->rebuild = true;
    o->rebuilt_at = h->now - LIST_REBUILD_MS;
    o->flush_at = h->now;
}

/* A small guild whose members are all here, with their presences. */
static void load_from_replica(struct hub *h, struct roster *o)
{
    for (const struct replica_member *m = o->scope->replica->members; m; m = m->hh.next) {
        struct roster_row *row = ensure(h, o, m->user_id);
        if (!row || row->member)
            continue;
        set_member(o, row, m->member);
        set_presence(row, replica_presence(o->scope->replica, m->user_id));
    }
    finish_load(h, o);
}

static void begin_load(struct hub *h, struct roster *o)
{
    const struct replica *r = o->scope->replica;
    o->loading = true;
    o->missed = false;
    o->after = 0;
    o->joined_by = 0;
    struct roster_row *row;
    for (row = o->rows; row; row = row->hh.next) {
        unwant(o, row);
        row->member_seq = 0;
        row->shown = false;
    }
    if (r->member_count <= LIST_LARGE_MEMBERS && replica_complete(r) && r->presences_whole)
        load_from_replica(h, o);
}

struct roster *roster_ensure(struct hub *h, struct scope *s)
{
    if (s->roster)
        return s->roster;
    struct roster *o = s->roster = memory_zeroed(sizeof *o);
    *o = (struct roster){.scope = s, .idle_since = h->now, .flush_at = h->now};
    o->large = s->replica->member_count > LIST_LARGE_MEMBERS;
    DL_APPEND(h->rosters, o);
    begin_load(h, o);
    return o;
}

void roster_drop(struct hub *h, struct scope *s)
{
    struct roster *o = s->roster;
    if (!o)
        return;
    lists_drop(h, o);
    struct roster_row *row, *next;
    HASH_ITER(hh, o->rows, row, next)
    free_row(o, row);
    if (o->ticket)
        o->ticket->roster = NULL;
    memory_free_message(o->page);
    DL_DELETE(h->rosters, o);
    s->roster = NULL;
    free(o);
}

static void ask_members(struct hub *h, struct roster *o, uint64_t *ids, size_t n_ids)
{
    Hubbub__V1__SearchMembersRequest r = HUBBUB__V1__SEARCH_MEMBERS_REQUEST__INIT;
    PB_SET(&r, guild_id, o->scope->id);
    PB_SET(&r, limit, n_ids ? (uint32_t)n_ids : ROSTER_PAGE);
    PB_SET(&r, after, n_ids ? 0 : o->after);
    PB_SET(&r, joined_by, n_ids ? 0 : o->joined_by);
    r.user_ids = ids;
    r.n_user_ids = n_ids;
    o->ticket = ticket_create(h, TICKET_ROSTER);
    o->ticket->roster = o;
    o->ticket->by_id = n_ids > 0;
    h->stats.list_pages++;
    h->io.members(h->io.user, o->ticket->id, &r);
}

static void ask_wanted(struct hub *h, struct roster *o)
{
    uint64_t ids[ROSTER_IDS];
    size_t n = 0;
    while (o->wanted && n < ROSTER_IDS) {
        ids[n++] = o->wanted->user_id;
        unwant(o, o->wanted);
    }
    ask_members(h, o, ids, n);
    o->ticket->users = memory_zeroed(sizeof ids);
    o->ticket->n_users = n;
    memcpy(o->ticket->users, ids, n * sizeof *ids);
}

void roster_tick(struct hub *h, struct roster *o)
{
    if (o->ticket || h->now < o->not_before || h->in_flight[TICKET_ROSTER] >= ROSTER_ASKS_MAX)
        return;
    if (o->loading)
        ask_members(h, o, NULL, 0);
    else if (o->wanted)
        ask_wanted(h, o);
    else if (o->missed)
        begin_load(h, o);
}

/* Of those who were asked for by id: who is not among the answer is no member. */
static void fold_wanted(struct hub *h, struct roster *o, const struct ticket *t,
                        const Hubbub__V1__SearchMembersResponse *r)
{
    for (size_t i = 0; i < t->n_users; i++) {
        struct roster_row *row = find(o, t->users[i]);
        if (!row || row->member || row->gone)
            continue;
        const Hubbub__V1__Member *found = NULL;
        for (size_t k = 0; r && k < r->n_members; k++)
            if (r->members[k]->user->id == row->user_id)
                found = r->members[k];
        if (!r)
            want(o, row);
        else
            set_member(o, row, found);
        touch(h, o, row);
    }
}

static void ask_presences(struct hub *h, struct roster *o)
{
    uint64_t *ids = memory_zeroed(o->page->n_members * sizeof *ids);
    for (size_t i = 0; i < o->page->n_members; i++)
        ids[i] = o->page->members[i]->user->id;
    o->ticket = ticket_create(h, TICKET_ROSTER_PRESENCES);
    o->ticket->roster = o;
    h->io.presences(h->io.user, o->ticket->id, ids, o->page->n_members);
    free(ids);
}

static void retry(struct hub *h, struct roster *o)
{
    o->not_before = h->now + hub_backoff(h, &o->backoff_ms);
}

void roster_on_members(struct hub *h, struct ticket *t, bool good, const Hubbub__V1__SearchMembersResponse *r)
{
    struct roster *o = t->roster;
    if (!o)
        return;
    o->ticket = NULL;
    if (good)
        o->backoff_ms = 0;
    else
        retry(h, o);
    if (t->by_id) {
        fold_wanted(h, o, t, good ? r : NULL);
    } else if (good && r->n_members == 0) {
        finish_load(h, o);
    } else if (good) {
        memory_free_message(o->page);
        o->page = memory_copy_message(r);
        scope_know(h, o->scope, r->head, 0);
        ask_presences(h, o);
    }
}

static const Hubbub__V1__PresenceUpdated *presence_among(const Hubbub__V1__GetPresencesResponse *r, uint64_t user_id)
{
    for (size_t i = 0; i < r->n_presences; i++)
        if (r->presences[i]->user && r->presences[i]->user->id == user_id)
            return r->presences[i];
    return NULL;
}

/* What a page says, but for what was told since the roster is. */
static void fold_page_member(struct hub *h, struct roster *o, const Hubbub__V1__Member *member,
                             const Hubbub__V1__PresenceUpdated *p)
{
    struct roster_row *row = find(o, member->user->id);
    if (!row && !p && o->large)
        return;
    if (!row)
        row = ensure(h, o, member->user->id);
    if (!row)
        return;
    if (!row->member_seq)
        set_member(o, row, member);
    if (!row->shown)
        set_presence(row, row->gone ? NULL : p);
}

void roster_on_presences(struct hub *h, struct ticket *t, status st, const Hubbub__V1__GetPresencesResponse *r)
{
    struct roster *o = t->roster;
    if (!o)
        return;
    o->ticket = NULL;
    if (st != ST_OK) {
        retry(h, o); /* the page is asked for again */
        return;
    }
    const Hubbub__V1__SearchMembersResponse *page = o->page;
    for (size_t i = 0; i < page->n_members; i++)
        fold_page_member(h, o, page->members[i], presence_among(r, page->members[i]->user->id));
    o->after = page->members[page->n_members - 1]->user->id;
    o->joined_by = page->joined_by;
    if (page->n_members < ROSTER_PAGE)
        finish_load(h, o);
    memory_free_message(o->page);
    o->page = NULL;
}
