/* member_list.c - the lists of a guild's roster, and who looks at them: see member_list.h.
 *
 * A list is a tree of rows in their order, group headers among them. One flush takes the rows that changed, moves them,
 * and notes each move as an operation with the index it had at that moment. What a view (one session, one channel) is
 * told of them follows from its ranges alone, so views of the same ranges share one payload. A client keeps what it was
 * told at those indices, and every operation moves what is behind it: a row that comes into a range from outside is not
 * known to the client, and told by UPDATE of its index. */
#include "services/gateway/core/member_list.h"
#include "hubbub/v1/gateway.hub.h"
#include <inttypes.h>
#include <stdio.h>
#include <utf8proc.h>

struct list_row {
    struct order_node node; /* first: compare() casts */
    unsigned rank;
    uint64_t user_id; /* 0: the header of the group */
    struct roster_row *row;
    bool updated;
    UT_hash_handle hh;
    char name[]; /* case-folded */
};
struct list_group {
    uint64_t role_id; /* 0: online or offline */
    uint32_t count;
    struct list_row *header; /* in the tree; NULL: the group is empty */
};
/* What moved in this flush. */
struct list_move {
    bool inserted;
    size_t index;
    unsigned rank;    /* of a header */
    uint64_t user_id; /* 0: a header */
};
struct member_list {
    char id[LIST_ID_BYTES];
    uint64_t channel_id; /* one whose list it is */
    struct roster *roster;
    struct order_node *root;
    struct list_row *rows;
    struct list_group *groups; /* by rank; the last two: online, offline */
    unsigned n_groups;
    struct list_move *moves;
    size_t n_moves, cap_moves;
    bool changed;
    struct list_view *views;
    struct member_list *prev, *next;
};
struct list_view {
    struct hold *hold;
    uint64_t channel_id;
    struct member_list *list;
    int64_t ranges[LIST_RANGES_MAX][2], dropped[LIST_RANGES_MAX][2];
    size_t n_ranges, n_dropped; /* dropped: to be told INVALIDATE */
    bool sync, named;
    struct list_view *prev, *next;                 /* list.views */
    struct list_view *prev_of_hold, *next_of_hold; /* hold.views */
};

/* ---- Order ------------------------------------------------------------------------------------------------------- */

static int compare(const struct order_node *a, const struct order_node *b)
{
    const struct list_row *x = (const struct list_row *)a, *y = (const struct list_row *)b;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    if (!x->user_id != !y->user_id)
        return x->user_id ? 1 : -1;
    int names = strcmp(x->name, y->name);
    return names ? names : x->user_id < y->user_id ? -1 : x->user_id > y->user_id;
}

static const char *display_name(const Hubbub__V1__Member *m)
{
    const char *all[] = {m->nick, m->user->global_name, m->user->username};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i] && all[i][0])
            return all[i];
    return "";
}

/* On the heap. */
static char *fold_name(const Hubbub__V1__Member *m)
{
    utf8proc_uint8_t *folded = NULL;
    const char *name = display_name(m);
    utf8proc_map((const utf8proc_uint8_t *)name, 0, &folded,
                 UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
    return folded ? (char *)folded : memory_strdup(name);
}

static int compare_roles(const void *a, const void *b)
{
    const Hubbub__V1__Role *x = *(Hubbub__V1__Role *const *)a, *y = *(Hubbub__V1__Role *const *)b;
    if (x->position != y->position)
        return x->position > y->position ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Hoisted roles, the highest first; then those who are online without one, and those who are offline. */
static void make_groups(struct member_list *l)
{
    const Hubbub__V1__Guild *g = l->roster->scope->replica->guild;
    Hubbub__V1__Role **hoisted = memory_zeroed(g->n_roles * sizeof *hoisted);
    unsigned n = 0;
    for (size_t i = 0; i < g->n_roles; i++)
        if (g->roles[i]->hoist && g->roles[i]->id != g->id)
            hoisted[n++] = g->roles[i];
    qsort(hoisted, n, sizeof *hoisted, compare_roles);
    l->n_groups = n + 2;
    l->groups = memory_resized(l->groups, l->n_groups * sizeof *l->groups);
    memset(l->groups, 0, l->n_groups * sizeof *l->groups);
    for (unsigned i = 0; i < n; i++)
        l->groups[i].role_id = hoisted[i]->id;
    free(hoisted);
}

static unsigned rank_of(const struct member_list *l, const struct roster_row *row)
{
    if (!row->presence)
        return l->n_groups - 1;
    for (unsigned i = 0; i < l->n_groups - 2; i++)
        for (size_t k = 0; k < row->member->n_roles; k++)
            if (row->member->roles[k] == l->groups[i].role_id)
                return i;
    return l->n_groups - 2;
}

static bool views(const struct member_list *l, const struct roster_row *row)
{
    struct replica *r = l->roster->scope->replica;
    if (strcmp(l->id, "everyone") == 0)
        return true;
    struct replica_channel *c = replica_channel(r, l->channel_id);
    struct view_class *class = replica_class(r, row->user_id, row->member->roles, row->member->n_roles);
    return c && replica_views(r, class, c);
}

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

static void note(struct member_list *l, bool inserted, size_t index, const struct list_row *row)
{
    if (l->n_moves == l->cap_moves) {
        l->cap_moves = l->cap_moves ? l->cap_moves * 2 : 16;
        l->moves = memory_resized(l->moves, l->cap_moves * sizeof *l->moves);
    }
    l->moves[l->n_moves++] = (struct list_move){inserted, index, row->rank, row->user_id};
}

static struct list_row *new_row(unsigned rank, uint64_t user_id, const char *name)
{
    size_t n = strlen(name) + 1;
    struct list_row *row = memory_zeroed(sizeof *row + n);
    row->rank = rank;
    row->user_id = user_id;
    memcpy(row->name, name, n);
    return row;
}

static void put(struct member_list *l, struct list_row *row)
{
    note(l, true, order_insert(&l->root, &row->node, row->user_id ? row->user_id : row->rank + 1, compare), row);
}

static void take_out(struct member_list *l, struct list_row *row)
{
    note(l, false, order_remove(&l->root, &row->node, compare), row);
    free(row);
}

static void add_row(struct member_list *l, struct list_row *row)
{
    struct list_group *g = &l->groups[row->rank];
    if (g->count++ == 0)
        put(l, g->header = new_row(row->rank, 0, ""));
    put(l, row);
    HASH_ADD(hh, l->rows, user_id, sizeof row->user_id, row);
}

static void remove_row(struct member_list *l, struct list_row *row)
{
    struct list_group *g = &l->groups[row->rank];
    HASH_DEL(l->rows, row);
    take_out(l, row);
    if (--g->count > 0)
        return;
    take_out(l, g->header);
    g->header = NULL;
}

static struct list_row *find_row(const struct member_list *l, uint64_t user_id)
{
    struct list_row *row;
    HASH_FIND(hh, l->rows, &user_id, sizeof user_id, row);
    return row;
}

/* Puts a user where they belong by now. */
static void place(struct member_list *l, struct roster_row *from)
{
    struct list_row *old = find_row(l, from->user_id);
    bool in = roster_lists(l->roster, from) && views(l, from);
    unsigned rank = in ? rank_of(l, from) : 0;
    char *name = in ? fold_name(from->member) : NULL;
    if (old && in && old->rank == rank && strcmp(old->name, name) == 0) {
        old->updated = true;
    } else {
        if (old)
            remove_row(l, old);
        if (in) {
            struct list_row *row = new_row(rank, from->user_id, name);
            row->row = from;
            add_row(l, row);
        }
    }
    l->changed |= old || in;
    free(name);
}

/* ---- Lists ------------------------------------------------------------------------------------------------------- */

static void clear(struct member_list *l)
{
    struct list_row *row, *next;
    HASH_ITER(hh, l->rows, row, next)
    {
        HASH_DEL(l->rows, row);
        free(row);
    }
    for (unsigned i = 0; i < l->n_groups; i++)
        free(l->groups[i].header);
    l->root = NULL;
    l->n_groups = 0;
}

static void fill(struct member_list *l)
{
    clear(l);
    make_groups(l);
    struct roster_row *row;
    for (row = l->roster->rows; row; row = row->hh.next)
        place(l, row);
    l->n_moves = 0;
    for (struct list_row *known = l->rows; known; known = known->hh.next)
        known->updated = false;
}

static void drop_list(struct member_list *l)
{
    clear(l);
    DL_DELETE(l->roster->lists, l);
    free(l->groups);
    free(l->moves);
    free(l);
}

/* A new one is filled when the roster is made anew, or at once when there is nothing to wait for. */
static struct member_list *ensure_list(struct roster *o, const struct replica_channel *c)
{
    char id[LIST_ID_BYTES];
    struct member_list *l;
    list_id(o->scope->replica, c->channel, id);
    DL_FOREACH(o->lists, l)
    if (strcmp(l->id, id) == 0)
        return l;
    l = memory_zeroed(sizeof *l);
    memcpy(l->id, id, sizeof id);
    l->channel_id = c->id;
    l->roster = o;
    DL_APPEND(o->lists, l);
    fill(l);
    return l;
}

/* ---- Views ------------------------------------------------------------------------------------------------------- */

static void leave_list(struct list_view *v)
{
    struct member_list *l = v->list;
    v->list = NULL;
    if (!l)
        return;
    DL_DELETE(l->views, v);
    if (!l->views)
        drop_list(l);
}

static void join_list(struct list_view *v, const struct replica_channel *c)
{
    v->list = ensure_list(v->hold->scope->roster, c);
    DL_APPEND(v->list->views, v);
    v->sync = true;
}

static void drop_view(struct hub *h, struct list_view *v)
{
    struct roster *o = v->hold->scope->roster;
    leave_list(v);
    DL_DELETE2(v->hold->views, v, prev_of_hold, next_of_hold);
    if (--o->n_views == 0)
        o->idle_since = h->now;
    free(v);
}

void lists_forget(struct hub *h, struct hold *hold)
{
    while (hold->views)
        drop_view(h, hold->views);
}

void lists_drop(struct hub *h, struct roster *o)
{
    struct hold *hold;
    DL_FOREACH(o->scope->holds, hold)
    lists_forget(h, hold);
}

void lists_resume(struct hub *h, struct session *x)
{
    for (struct hold *hold = x->holds; hold; hold = hold->hh.next) {
        struct list_view *v;
        DL_FOREACH2(hold->views, v, next_of_hold)
        v->sync = true;
        if (hold->views)
            hold->scope->roster->flush_at = h->now;
    }
}

static struct list_view *find_view(const struct hold *hold, uint64_t channel_id)
{
    struct list_view *v;
    DL_FOREACH2(hold->views, v, next_of_hold)
    if (v->channel_id == channel_id)
        return v;
    return NULL;
}

static bool has_range(const int64_t (*ranges)[2], size_t n, const int64_t range[2])
{
    for (size_t i = 0; i < n; i++)
        if (ranges[i][0] == range[0] && ranges[i][1] == range[1])
            return true;
    return false;
}

/* Leaves those that a client may ask for; returns how many. */
static size_t keep_allowed(int64_t (*ranges)[2], size_t given)
{
    size_t n = 0;
    for (size_t i = 0; i < given; i++) {
        int64_t first = ranges[i][0], last = ranges[i][1];
        if (first < 0 || last < first || last > LIST_INDEX_MAX || last - first >= LIST_RANGE_ROWS_MAX)
            continue;
        ranges[n][0] = first;
        ranges[n++][1] = last;
    }
    return n;
}

static void set_ranges(struct list_view *v, const int64_t (*ranges)[2], size_t n)
{
    for (size_t i = 0; i < v->n_ranges && v->n_dropped < LIST_RANGES_MAX; i++)
        if (!has_range(ranges, n, v->ranges[i]) && !has_range(v->dropped, v->n_dropped, v->ranges[i]))
            memcpy(v->dropped[v->n_dropped++], v->ranges[i], sizeof *v->ranges);
    memcpy(v->ranges, ranges, n * sizeof *ranges);
    v->n_ranges = n;
    v->sync = true;
}

struct subscribing {
    struct hub *h;
    struct hold *hold;
    unsigned n;
};

static void look_at(struct subscribing *u, uint64_t channel_id, int64_t (*ranges)[2], size_t n)
{
    struct hold *hold = u->hold;
    struct replica_channel *c = replica_channel(hold->scope->replica, channel_id);
    n = keep_allowed(ranges, n);
    if (!c || !hold_views(hold, c) || n == 0 || u->n++ >= LIST_CHANNELS_MAX)
        return;
    struct list_view *v = find_view(hold, c->id);
    if (!v) {
        v = memory_zeroed(sizeof *v);
        *v = (struct list_view){.hold = hold, .channel_id = c->id};
        DL_APPEND2(hold->views, v, prev_of_hold, next_of_hold);
        roster_ensure(u->h, hold->scope)->n_views++;
        join_list(v, c);
    }
    v->named = true;
    set_ranges(v, ranges, n);
    hold->scope->roster->flush_at = u->h->now;
}

static void subscribe(void *user, const char *key, struct wire_json *value)
{
    int64_t ranges[LIST_RANGES_MAX][2];
    look_at(user, strtoull(key, NULL, 10), ranges, wire_json_pairs(value, ranges, LIST_RANGES_MAX));
}

void lists_subscribe(struct hub *h, struct session *x, uint64_t guild_id, struct wire_json *d)
{
    struct hold *hold = session_find_hold(x, guild_id);
    struct wire_json *channels = wire_json_get(d, "channels");
    if (!channels || !hold || !hold->attached || !hold->membership)
        return;
    struct list_view *v, *next;
    DL_FOREACH2(hold->views, v, next_of_hold)
    v->named = false;
    wire_json_each(channels, subscribe, &(struct subscribing){h, hold, 0});
    DL_FOREACH_SAFE2(hold->views, v, next, next_of_hold)
    if (!v->named)
        drop_view(h, v);
}

/* ---- Sessions that move ------------------------------------------------------------------------------------------ */

static Hubbub__V1__ListLook *describe_view(struct arena *a, const struct list_view *v)
{
    Hubbub__V1__ListLook *look = PB_NEW(a, Hubbub__V1__ListLook, hubbub__v1__list_look);
    PB_SET(look, channel_id, v->channel_id);
    look->range = ARENA_ARRAY(a, uint32_t, v->n_ranges * 2);
    for (; look->n_range < v->n_ranges * 2; look->n_range++)
        look->range[look->n_range] = (uint32_t)v->ranges[look->n_range / 2][look->n_range % 2];
    return look;
}

void lists_describe(struct arena *a, const struct hold *hold, Hubbub__V1__ScopePosition *ret)
{
    const struct list_view *v;
    ret->looks = ARENA_ARRAY(a, Hubbub__V1__ListLook *, LIST_CHANNELS_MAX);
    DL_FOREACH2(hold->views, v, next_of_hold)
    ret->looks[ret->n_looks++] = describe_view(a, v);
}

void lists_adopt(struct hub *h, struct hold *hold, const Hubbub__V1__ScopePosition *p)
{
    struct subscribing u = {h, hold, 0};
    for (size_t i = 0; i < p->n_looks; i++) {
        int64_t ranges[LIST_RANGES_MAX][2];
        size_t n = 0;
        for (; n < LIST_RANGES_MAX && n * 2 + 1 < p->looks[i]->n_range; n++) {
            ranges[n][0] = p->looks[i]->range[n * 2];
            ranges[n][1] = p->looks[i]->range[n * 2 + 1];
        }
        look_at(&u, p->looks[i]->channel_id, ranges, n);
    }
}

/* ---- What a view is told ----------------------------------------------------------------------------------------- */

static Hubbub__V1__ListGroup *make_group(const struct member_list *l, unsigned rank, struct arena *a)
{
    Hubbub__V1__ListGroup *g = PB_NEW(a, Hubbub__V1__ListGroup, hubbub__v1__list_group);
    const struct list_group *of = &l->groups[rank];
    g->id = of->role_id ? arena_printf(a, "%" PRIu64, of->role_id)
                        : arena_strdup(a, rank == l->n_groups - 1 ? "offline" : "online");
    PB_SET(g, count, of->count);
    return g;
}

static Hubbub__V1__PresenceUpdated *make_offline(uint64_t user_id, struct arena *a)
{
    Hubbub__V1__PresenceUpdated *p = PB_NEW(a, Hubbub__V1__PresenceUpdated, hubbub__v1__presence_updated);
    p->user = PB_NEW(a, Hubbub__V1__PresenceUser, hubbub__v1__presence_user);
    PB_SET(p->user, id, user_id);
    p->status = arena_strdup(a, "offline");
    p->client_status = PB_NEW(a, Hubbub__V1__ClientStatus, hubbub__v1__client_status);
    return p;
}

static Hubbub__V1__ListItem *make_item(const struct member_list *l, const struct list_row *row, unsigned rank,
                                       struct arena *a)
{
    Hubbub__V1__ListItem *item = PB_NEW(a, Hubbub__V1__ListItem, hubbub__v1__list_item);
    if (!row || !row->user_id) {
        item->group = make_group(l, rank, a);
        return item;
    }
    item->member = PB_NEW(a, Hubbub__V1__ListMember, hubbub__v1__list_member);
    item->member->member = row->row->member;
    item->member->presence = row->row->presence ? row->row->presence : make_offline(row->user_id, a);
    return item;
}

static const struct list_row *row_at(const struct member_list *l, size_t index)
{
    return (const struct list_row *)order_at(l->root, index);
}

/* One GUILD_MEMBER_LIST_UPDATE on its way. */
struct telling {
    const struct member_list *l;
    const struct list_view *v;
    struct arena *a;
    Hubbub__V1__MemberListUpdate *d;
    size_t cap;
};

static Hubbub__V1__ListOp *add_op(struct telling *t, const char *name)
{
    if (t->d->n_ops == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 16;
        Hubbub__V1__ListOp **bigger = ARENA_ARRAY(t->a, Hubbub__V1__ListOp *, t->cap);
        if (t->d->n_ops)
            memcpy(bigger, t->d->ops, t->d->n_ops * sizeof *bigger);
        t->d->ops = bigger;
    }
    Hubbub__V1__ListOp *op = t->d->ops[t->d->n_ops++] = PB_NEW(t->a, Hubbub__V1__ListOp, hubbub__v1__list_op);
    op->op = arena_strdup(t->a, name);
    return op;
}

static void add_range(struct telling *t, Hubbub__V1__ListOp *op, const int64_t range[2])
{
    op->range = ARENA_ARRAY(t->a, uint32_t, 2);
    op->n_range = 2;
    op->range[0] = (uint32_t)range[0];
    op->range[1] = (uint32_t)range[1];
}

/* A range past the end is empty. */
static void tell_sync(struct telling *t, const int64_t range[2])
{
    size_t end = order_size(t->l->root);
    bool empty = (size_t)range[0] >= end;
    Hubbub__V1__ListOp *op = add_op(t, empty ? "INVALIDATE" : "SYNC");
    add_range(t, op, range);
    if (empty)
        return;
    op->items = ARENA_ARRAY(t->a, Hubbub__V1__ListItem *, (size_t)(range[1] - range[0] + 1));
    for (size_t i = (size_t)range[0]; i <= (size_t)range[1] && i < end; i++) {
        const struct list_row *row = row_at(t->l, i);
        op->items[op->n_items++] = make_item(t->l, row, row->rank, t->a);
    }
}

static void tell_all(struct telling *t)
{
    for (size_t i = 0; i < t->v->n_dropped; i++)
        add_range(t, add_op(t, "INVALIDATE"), t->v->dropped[i]);
    for (size_t i = 0; i < t->v->n_ranges; i++)
        tell_sync(t, t->v->ranges[i]);
}

static size_t last_index(const struct list_view *v)
{
    int64_t last = 0;
    for (size_t i = 0; i < v->n_ranges; i++)
        if (v->ranges[i][1] > last)
            last = v->ranges[i][1];
    return (size_t)last;
}

/* What the client knows, by index; it follows the moves. */
struct known {
    size_t n;
    uint8_t *at;
};

static void mark_ranges(struct known *k, const struct list_view *v, size_t end)
{
    for (size_t i = 0; i < v->n_ranges; i++)
        for (size_t at = (size_t)v->ranges[i][0]; at <= (size_t)v->ranges[i][1] && at < end; at++)
            k->at[at] = 1;
}

static void tell_move(struct telling *t, struct known *k, const struct list_move *m)
{
    if (m->index >= k->n)
        return;
    Hubbub__V1__ListOp *op = add_op(t, m->inserted ? "INSERT" : "DELETE");
    PB_SET(op, index, (uint32_t)m->index);
    uint8_t *at = k->at + m->index;
    if (!m->inserted) {
        memmove(at, at + 1, k->n - m->index - 1);
        k->at[k->n - 1] = 0;
        return;
    }
    memmove(at + 1, at, k->n - m->index - 1);
    *at = 1;
    op->item = make_item(t->l, m->user_id ? find_row(t->l, m->user_id) : NULL, m->rank, t->a);
}

/* Rows that changed in place, and those that came into a range from outside. */
static void tell_rest(struct telling *t, const struct known *k, const int64_t range[2])
{
    size_t end = order_size(t->l->root);
    for (size_t i = (size_t)range[0]; i <= (size_t)range[1] && i < end; i++) {
        const struct list_row *row = row_at(t->l, i);
        if (k->at[i] && !row->updated)
            continue;
        Hubbub__V1__ListOp *op = add_op(t, "UPDATE");
        PB_SET(op, index, (uint32_t)i);
        op->item = make_item(t->l, row, row->rank, t->a);
    }
}

static void tell_moves(struct telling *t)
{
    const struct member_list *l = t->l;
    size_t before = order_size(l->root);
    for (size_t i = 0; i < l->n_moves; i++)
        before += l->moves[i].inserted ? (size_t)-1 : 1;
    struct known k = {.n = last_index(t->v) + 1};
    k.at = ARENA_ARRAY(t->a, uint8_t, k.n);
    mark_ranges(&k, t->v, before);
    for (size_t i = 0; i < l->n_moves; i++)
        tell_move(t, &k, &l->moves[i]);
    for (size_t i = 0; i < t->v->n_ranges; i++)
        tell_rest(t, &k, t->v->ranges[i]);
}

/* NULL: nothing to tell. */
static struct hub_payload *encode(const struct list_view *v)
{
    const struct member_list *l = v->list;
    Hubbub__V1__MemberListUpdate d = HUBBUB__V1__MEMBER_LIST_UPDATE__INIT;
    struct telling t = {.l = l, .v = v, .a = arena_create(0), .d = &d};
    if (v->sync)
        tell_all(&t);
    else
        tell_moves(&t);
    PB_SET(&d, guild_id, l->roster->scope->id);
    d.id = (char *)l->id;
    PB_SET(&d, online_count, l->roster->online);
    PB_SET(&d, member_count, l->roster->scope->replica->member_count);
    d.groups = ARENA_ARRAY(t.a, Hubbub__V1__ListGroup *, l->n_groups);
    for (unsigned i = 0; i < l->n_groups; i++)
        if (l->groups[i].count)
            d.groups[d.n_groups++] = make_group(l, i, t.a);
    struct hub_payload *p = NULL;
    if (d.n_ops || l->n_moves) {
        p = payload_dispatch("GUILD_MEMBER_LIST_UPDATE", &hubbub__v1__member_list_update__wire, &d);
        p->transient = true;
    }
    arena_destroy(t.a);
    return p;
}

static bool told_alike(const struct list_view *a, const struct list_view *b)
{
    return a->sync == b->sync && a->n_ranges == b->n_ranges && a->n_dropped == b->n_dropped &&
           memcmp(a->ranges, b->ranges, a->n_ranges * sizeof *a->ranges) == 0 &&
           memcmp(a->dropped, b->dropped, a->n_dropped * sizeof *a->dropped) == 0;
}

/* Without a socket, and while it moves in, nothing is told, for nothing is kept: the session is told all when it is
 * resumed. */
static bool can_be_told(struct list_view *v)
{
    const struct session *x = v->hold->session;
    if (x->state == SESSION_OPEN && x->connection && !x->arrival && v->hold->attached && !v->hold->catchup)
        return true;
    v->sync = true;
    return false;
}

/* Gives the payload to every view that is told the same. */
static void tell_alike(struct hub *h, struct list_view *like, struct hub_payload *p)
{
    struct list_view *v;
    for (v = like->next; v; v = v->next)
        if (!v->named && told_alike(like, v)) {
            v->named = true;
            v->sync = false;
            v->n_dropped = 0;
            if (p)
                session_dispatch(h, v->hold->session, p);
        }
    like->sync = false;
    like->n_dropped = 0;
    if (p)
        session_dispatch(h, like->hold->session, p);
}

/* named: told, or not to be told in this flush. */
static void tell_views(struct hub *h, struct member_list *l)
{
    struct list_view *v;
    DL_FOREACH(l->views, v)
    v->named = !can_be_told(v) || (!v->sync && !l->changed);
    DL_FOREACH(l->views, v)
    {
        if (v->named)
            continue;
        struct hub_payload *p = encode(v);
        h->stats.list_updates += p != NULL;
        tell_alike(h, v, p);
        hub_payload_unref(h, p);
    }
    for (struct list_row *row = l->rows; l->changed && row; row = row->hh.next)
        row->updated = false;
    l->n_moves = 0;
    l->changed = false;
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

/* Who lost the view of the channel, or whose channel is gone, looks no more. */
static void drop_blind(struct hub *h, struct roster *o)
{
    struct hold *hold;
    DL_FOREACH(o->scope->holds, hold)
    {
        struct list_view *v, *next;
        DL_FOREACH_SAFE2(hold->views, v, next, next_of_hold)
        {
            struct replica_channel *c = replica_channel(o->scope->replica, v->channel_id);
            if (!c || !hold_views(hold, c))
                drop_view(h, v);
        }
    }
}

/* Every list is made anew: views may belong to other lists by now. */
static void rebuild(struct hub *h, struct roster *o)
{
    struct hold *hold;
    struct list_view *v;
    DL_FOREACH(o->scope->holds, hold)
    DL_FOREACH2(hold->views, v, next_of_hold)
    leave_list(v);
    DL_FOREACH(o->scope->holds, hold)
    DL_FOREACH2(hold->views, v, next_of_hold)
    join_list(v, replica_channel(o->scope->replica, v->channel_id));
    o->rebuild = false;
    o->views_version = o->scope->replica->version;
    o->rebuilt_at = h->now;
    h->stats.list_rebuilds++;
}

static void move_rows(struct roster *o)
{
    struct roster_row *row;
    DL_FOREACH2(o->dirty, row, next_dirty)
    {
        struct member_list *l;
        DL_FOREACH(o->lists, l)
        place(l, row);
    }
}

static void flush(struct hub *h, struct roster *o)
{
    roster_count(h, o);
    drop_blind(h, o);
    if (o->views_version != o->scope->replica->version || o->n_dirty > LIST_CHANGES_MAX)
        o->rebuild = true;
    if (o->rebuild && h->now < o->rebuilt_at + LIST_REBUILD_MS) {
        o->flush_at = o->rebuilt_at + LIST_REBUILD_MS;
        return;
    }
    if (o->rebuild)
        rebuild(h, o);
    else
        move_rows(o);
    o->flush_at = INT64_MAX - LIST_FLUSH_MS;
    struct member_list *l;
    DL_FOREACH(o->lists, l)
    tell_views(h, l);
    roster_settle(o);
}

static bool is_due(const struct hub *h, const struct roster *o)
{
    bool stale = o->rebuild || o->views_version != o->scope->replica->version;
    return h->now >= o->flush_at || (stale && h->now >= o->rebuilt_at + LIST_REBUILD_MS);
}

void lists_tick(struct hub *h)
{
    struct roster *o, *next;
    DL_FOREACH_SAFE(h->rosters, o, next)
    {
        if (o->n_views == 0 && h->now - o->idle_since >= ROSTER_LINGER_MS) {
            roster_drop(h, o->scope);
            continue;
        }
        roster_tick(h, o);
        if (!o->loading && is_due(h, o))
            flush(h, o);
    }
}
