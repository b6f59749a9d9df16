/* move.c - a session goes from one gateway to another: FEEDS.md, RESUME, Take, adopt.
 *
 *   owner:  OPEN -- hub_take --> FROZEN -- hub_confirm --> gone, remembered in hub.moved for as long as sessions linger
 *   taker:  RESUME -> io.take -> hub_on_take -> NEW .. GATHERING -> OPEN, moving -> io.confirm -> replay, RESUMED
 *
 * A frozen session gets nothing more; what is handed over is its ring after the client's seq and its position in every
 * feed. The taker opens it as any other, attaches it at those positions, and reads what the feeds have after them into
 * its ring. Only when that is whole does it ask for confirmation, and only then does the client see a frame: so a
 * session that is taken twice (a socket that broke on the way) goes on exactly once. The hop decides: it rises at each
 * taking, and the newest alone is confirmed. A frozen session whose client comes back to its owner is taken by the
 * owner itself, by the same rules.
 *
 * After a kill -9 there is nobody to take from. Each session that was sent something is written down once a second, but
 * for its ring; when all gateways answered that they do not have it, the newest such tick that is not past the client's
 * seq is claimed, with a hop of its own. The others are asked once more behind that: who claimed before, and has it by
 * now, had not when it was asked first. The session goes on from seq: it never has a gap, and what it was sent after
 * the tick it may be sent again.
 *
 * A gateway that hung may be given up by the others while it has sessions still. Its ticks are not kept any more when
 * they were claimed, and by that it knows; a session is resumed and handed over only once its next tick was kept.
 *
 * At the end of a drain the sessions that nobody took are written down whole, with the ring behind what the client has
 * acknowledged: a farewell. Who claims one goes on exactly, as from a gateway that lives: a deploy, also of the only
 * gateway, shows nobody anything twice.
 *
 * What cannot be exact is op 9: another database generation, another set of guilds, a guild that was about to be
 * joined, a ring or a catch-up that is too long, a change of the view in the range that is caught up. */
#include "hubbub/v1/gateway.hub.h"
#include "services/gateway/core/member_list.h"
#include "services/gateway/core/state.h"

enum { CONFIRM_LATER_MS = 100 };

struct moved {
    char id[80];
    uint64_t hop;
    int64_t until;
    UT_hash_handle hh;
};

/* Of a session that moves in. */
struct arrival {
    uint64_t from; /* whom to ask for confirmation; 0: the frozen one is here */
    int64_t seq, not_before;
    unsigned tries;
    bool asked; /* for confirmation: from now on it may be ours */
    struct ticket *ticket;
};

/* ---- The owner: taking ------------------------------------------------------------------------------------------- */

static bool is_same_token(const struct session *x, const ProtobufCBinaryData *hash)
{
    return hash->len == sizeof x->token_hash && memcmp(hash->data, x->token_hash, hash->len) == 0;
}

/* Whether a guild's GUILD_CREATE is still to come, or a removal from a group by the user's own feed. */
static bool waits_for_more(const struct session *x)
{
    for (const struct hold *hold = x->holds; hold; hold = hold->hh.next)
        if (hold->pending || !hold->attached)
            return true;
    return false;
}

uint64_t hold_position(const struct hold *hold)
{
    if (hold->catchup)
        return hold->catchup->after;
    return hold->scope->applied > hold->from ? hold->scope->applied : hold->from;
}

static Hubbub__V1__ScopePosition *describe_hold(struct arena *a, const struct hold *hold)
{
    Hubbub__V1__ScopePosition *p = PB_NEW(a, Hubbub__V1__ScopePosition, hubbub__v1__scope_position);
    PB_SET(p, scope_id, hold->scope_id);
    PB_SET(p, kind, hold->scope->kind);
    PB_SET(p, position, hold_position(hold));
    p->watched = hold->watched;
    p->n_watched = hold->n_watched;
    lists_describe(a, hold, p);
    return p;
}

static Hubbub__V1__Identify *describe_wishes(struct arena *a, struct session *x)
{
    Hubbub__V1__Identify *d = PB_NEW(a, Hubbub__V1__Identify, hubbub__v1__identify);
    d->has_intents = x->has_intents;
    d->intents = x->intents;
    PB_SET(d, large_threshold, x->large_threshold);
    if (x->compress)
        PB_SET(d, compress, ((ProtobufCBinaryData){4, (uint8_t *)"true"}));
    if (x->n_shards) {
        d->shard = ARENA_ARRAY(a, int32_t, 2);
        d->shard[0] = x->shard;
        d->shard[1] = x->n_shards;
        d->n_shard = 2;
    }
    d->presence = PB_NEW(a, Hubbub__V1__PresenceInput, hubbub__v1__presence_input);
    if (x->presence)
        *d->presence = *x->presence;
    d->presence->status = x->status;
    return d;
}

/* All but the ring: as it is frozen. */
static Hubbub__V1__SessionMove *describe(struct hub *h, struct arena *a, struct session *x)
{
    Hubbub__V1__SessionMove *m = PB_NEW(a, Hubbub__V1__SessionMove, hubbub__v1__session_move);
    m->session_id = x->id;
    PB_SET(m, s, x->s);
    m->client = (char *)x->client;
    m->generation = PB_NEW(a, Hubbub__V1__Generation, hubbub__v1__generation);
    PB_SET(m->generation, system_id, h->system_id);
    PB_SET(m->generation, timeline, h->timeline);
    m->identify = describe_wishes(a, x);
    m->positions = ARENA_ARRAY(a, Hubbub__V1__ScopePosition *, HASH_COUNT(x->holds));
    for (const struct hold *hold = x->holds; hold; hold = hold->hh.next)
        if (hold->attached)
            m->positions[m->n_positions++] = describe_hold(a, hold);
    return m;
}

static void freeze(struct hub *h, struct session *x, const char *reason)
{
    struct arena *a = arena_create(0);
    x->move = memory_copy_message(describe(h, a, x));
    arena_destroy(a);
    session_set_state(h, x, SESSION_FROZEN);
    if (x->connection)
        connection_close(h, x->connection, 4000, reason);
    x->detached_at = h->now;
    members_forget(h, x);
    struct hold *hold, *next;
    HASH_ITER(hh, x->holds, hold, next)
    hold_drop(h, hold);
}

/* The ring after seq, put into the arena. */
struct packing {
    struct arena *arena;
    Hubbub__V1__SessionMove *move;
    size_t bytes;
};

static void pack_one(void *user, struct hub_payload *p, int64_t s)
{
    struct packing *to = user;
    Hubbub__V1__ReplayEntry *e = PB_NEW(to->arena, Hubbub__V1__ReplayEntry, hubbub__v1__replay_entry);
    PB_SET(e, s, s);
    PB_SET(e, data, ((ProtobufCBinaryData){p->len, (uint8_t *)p->data}));
    PB_SET(e, ephemeral, p->ephemeral);
    PB_SET(e, snapshot, p->snapshot);
    to->bytes += p->len;
    to->move->ring[to->move->n_ring++] = e;
}

/* NULL: it is too much. */
static Hubbub__V1__SessionMove *pack(struct session *x, int64_t seq, struct arena *a)
{
    struct packing to = {a, PB_NEW(a, Hubbub__V1__SessionMove, hubbub__v1__session_move), 0};
    *to.move = *x->move;
    to.move->ring = ARENA_ARRAY(a, Hubbub__V1__ReplayEntry *, x->ring.lasting.n + x->ring.ephemeral.n);
    ring_replay(&x->ring, seq, pack_one, &to);
    PB_SET(to.move, hop, x->hop);
    return to.bytes > MOVE_BYTES_MAX ? NULL : to.move;
}

static Hubbub__V1__SessionMove *hand_over(struct session *x, int64_t seq, struct arena *a)
{
    x->hop++;
    return pack(x, seq, a);
}

static struct moved *find_moved(const struct hub *h, const char *session_id)
{
    struct moved *m;
    HASH_FIND_STR(h->moved, session_id, m);
    return m;
}

static enum hub_take take(struct hub *h, const Hubbub__V1__TakeSessionRequest *r, struct arena *a,
                          Hubbub__V1__TakeSessionResponse *ret)
{
    struct session *x;
    HASH_FIND_STR(h->by_session_id, r->session_id, x);
    if (!x)
        return find_moved(h, r->session_id) ? HUB_TAKE_MOVED : HUB_TAKE_UNKNOWN;
    if (move_is_claimed(x) && !x->arrival->asked)
        return HUB_TAKE_UNKNOWN; /* whose claim is the newest is told by its confirmation */
    if (!is_same_token(x, &r->token_hash))
        return x->arrival ? HUB_TAKE_UNSURE : HUB_TAKE_INVALID;
    if (x->arrival || x->doubtful)
        return HUB_TAKE_UNSURE;
    if (r->seq > x->s || r->seq < 0)
        return HUB_TAKE_FUTURE;
    bool lost = !ring_can_replay(&x->ring, r->seq) || waits_for_more(x);
    if (!lost && x->state == SESSION_OPEN)
        freeze(h, x, "The session was resumed elsewhere");
    ret->session = lost ? NULL : hand_over(x, r->seq, a);
    if (ret->session)
        return HUB_TAKE_TAKEN;
    h->stats.moves_failed++;
    session_invalidate(h, x);
    return HUB_TAKE_INVALID;
}

void hub_take(struct hub *h, const Hubbub__V1__TakeSessionRequest *r, struct arena *a,
              Hubbub__V1__TakeSessionResponse *ret, int64_t now_ms)
{
    hub_wake(h, now_ms);
    ret->gateway_id = (char *)h->config.gateway_id;
    PB_SET(ret, outcome, r->session_id ? take(h, r, a, ret) : HUB_TAKE_UNKNOWN);
    hub_settle(h);
}

/* ---- The owner: letting go --------------------------------------------------------------------------------------- */

static void drop_moved(struct hub *h, struct moved *m)
{
    HASH_DEL(h->moved, m);
    free(m);
}

static void remember_moved(struct hub *h, const struct session *x)
{
    struct moved *m = memory_zeroed(sizeof *m);
    memcpy(m->id, x->id, sizeof m->id);
    m->hop = x->hop;
    m->until = h->now + h->config.session_linger_ms;
    HASH_ADD_STR(h->moved, id, m);
    if (HASH_COUNT(h->moved) > MOVED_MAX)
        drop_moved(h, h->moved); /* the oldest */
}

/* Ends a frozen session that goes on elsewhere, without a word to anybody. */
static void let_go(struct hub *h, struct session *x)
{
    x->presence_shown = false;
    x->ticked_at = 0;
    session_end(h, x);
}

static void go_elsewhere(struct hub *h, struct session *x)
{
    struct moved *m = find_moved(h, x->id);
    if (m)
        drop_moved(h, m);
    if (x->connection)
        connection_close(h, x->connection, 4000, "The session was resumed elsewhere");
    remember_moved(h, x);
    h->io.presence_moved(h->io.user, x->id);
    h->stats.moved_out++;
    let_go(h, x);
}

bool hub_confirm(struct hub *h, const Hubbub__V1__ConfirmMoveRequest *r, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct session *x = NULL;
    struct moved *m = r->session_id ? find_moved(h, r->session_id) : NULL;
    if (r->session_id)
        HASH_FIND_STR(h->by_session_id, r->session_id, x);
    if (!x)
        return m && m->hop == r->hop;
    if (x->state != SESSION_FROZEN || x->hop != r->hop)
        return false;
    go_elsewhere(h, x);
    hub_settle(h);
    return true;
}

void moves_check(struct hub *h)
{
    while (h->moved && h->now >= h->moved->until)
        drop_moved(h, h->moved);
    while (h->resumptions && h->now - h->resumptions->since >= IDENTIFY_WAIT_MS) {
        h->stats.moves_failed++;
        connection_close(h, h->resumptions->connection, 4000, "Try again later");
    }
}

void moves_clear(struct hub *h)
{
    while (h->moved)
        drop_moved(h, h->moved);
}

/* ---- The taker: asking ------------------------------------------------------------------------------------------- */

void move_forget(struct hub *h, struct hub_connection *c)
{
    struct resumption *r = c->resumption;
    if (!r)
        return;
    c->resumption = NULL;
    if (r->ticket)
        r->ticket->resumption = NULL;
    if (r->queued)
        DL_DELETE(h->resumptions, r);
    memory_free_message(r->claimed);
    free(r->token);
    free(r->session_id);
    free(r);
}

static void ask_take(struct hub *h, struct resumption *r)
{
    struct ticket *t = ticket_create(h, TICKET_TAKE);
    t->resumption = r;
    r->ticket = t;
    h->io.take(h->io.user, t->id, r->session_id, r->token, r->seq, r->again);
}

static void ask_claim(struct hub *h, struct resumption *r)
{
    struct ticket *t = ticket_create(h, TICKET_CLAIM);
    t->resumption = r;
    r->ticket = t;
    h->io.claim(h->io.user, t->id, r->session_id, r->token, r->seq);
}

void move_ask(struct hub *h, struct hub_connection *c, const Hubbub__V1__Resume *d)
{
    if (!h->io.take && !h->io.claim) {
        h->stats.invalid_sessions++;
        connection_invalidate(h, c);
        return;
    }
    struct resumption *r = c->resumption = memory_zeroed(sizeof *r);
    *r = (struct resumption){.connection = c, .seq = d->seq, .since = h->now, .queued = true};
    r->token = memory_strdup(d->token);
    r->session_id = memory_strdup(d->session_id);
    DL_APPEND(h->resumptions, r);
}

/* Of a herd that comes back by another gateway each waits for its turn, for what the owner cannot answer in time it
 * does not answer at all. */
static void ask_resumptions(struct hub *h)
{
    while (h->resumptions && h->in_flight[TICKET_TAKE] + h->in_flight[TICKET_CLAIM] < TAKES_MAX) {
        struct resumption *r = h->resumptions;
        DL_DELETE(h->resumptions, r);
        r->queued = false;
        (h->io.take ? ask_take : ask_claim)(h, r);
    }
}

static const char *client_named(const char *name)
{
    static const char *const names[] = {"desktop", "mobile", "web"};
    for (size_t i = 0; name && i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return names[i];
    return "web";
}

static void fill_ring(struct hub *h, struct session *x, const Hubbub__V1__SessionMove *m)
{
    for (size_t i = 0; i < m->n_ring; i++) {
        const Hubbub__V1__ReplayEntry *e = m->ring[i];
        if (e->s <= x->ring.floor)
            continue;
        struct hub_payload *p = memory_zeroed(sizeof *p + e->data.len);
        *p = (struct hub_payload){.refs = 1, .ephemeral = e->ephemeral, .snapshot = e->snapshot, .len = e->data.len};
        memcpy(p->data, e->data.data, e->data.len);
        ring_put(&x->ring, h, p, e->s);
        hub_payload_unref(h, p);
    }
}

static void adopt(struct hub *h, struct hub_connection *c, const Hubbub__V1__SessionMove *m, const char *token,
                  struct arrival arrival)
{
    if (h->n_sessions >= h->config.sessions_max) {
        connection_close(h, c, 4000, "Try again later");
        return;
    }
    struct session *x = session_create(h, c, token, m);
    x->arrival = memory_zeroed(sizeof *x->arrival);
    *x->arrival = arrival;
    x->s = arrival.from == HUB_FROM_TICK && !m->has_whole_from ? arrival.seq : m->s;
    x->hop = m->hop;
    x->ring.floor = arrival.seq;
    x->client = client_named(m->client);
    fill_ring(h, x, m);
    if (m->identify)
        session_configure(h, x, m->identify);
}

void move_back(struct hub *h, struct session *frozen, struct hub_connection *c, const Hubbub__V1__Resume *d)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__SessionMove *m = ring_can_replay(&frozen->ring, d->seq) ? hand_over(frozen, d->seq, a) : NULL;
    if (m) {
        adopt(h, c, m, frozen->token, (struct arrival){.seq = d->seq});
    } else {
        session_invalidate(h, frozen);
        connection_invalidate(h, c);
    }
    arena_destroy(a);
}

static void fold_take(struct hub *h, struct resumption *r, enum hub_take outcome, uint64_t from,
                      const Hubbub__V1__SessionMove *m)
{
    struct hub_connection *c = r->connection;
    switch (outcome) {
    case HUB_TAKE_TAKEN:
        adopt(h, c, m, r->token, (struct arrival){.from = from, .seq = r->seq});
        break;
    case HUB_TAKE_UNKNOWN:
    case HUB_TAKE_INVALID:
        h->stats.invalid_sessions++;
        connection_invalidate(h, c);
        break;
    case HUB_TAKE_FUTURE:
        connection_close(h, c, 4007, "Invalid seq");
        break;
    case HUB_TAKE_MOVED:
    case HUB_TAKE_UNSURE:
        h->stats.moves_failed++;
        connection_close(h, c, 4000, "Try again later");
        break;
    }
}

static void end_resumption(struct hub *h, struct resumption *r, enum hub_take outcome, uint64_t from,
                           const Hubbub__V1__SessionMove *m)
{
    struct hub_connection *c = r->connection;
    struct session *here;
    r->ticket = NULL;
    HASH_FIND_STR(h->by_session_id, r->session_id, here);
    fold_take(h, r, here ? HUB_TAKE_UNSURE : outcome, from, m);
    move_forget(h, c);
}

void hub_on_take(struct hub *h, uint64_t ticket, enum hub_take outcome, uint64_t from, const Hubbub__V1__SessionMove *m,
                 int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_TAKE);
    struct resumption *r = t ? t->resumption : NULL;
    ticket_free(t);
    bool moved = outcome == HUB_TAKE_MOVED && r, nobody = moved || outcome == HUB_TAKE_UNKNOWN;
    if (moved && !r->again) {
        r->again = true; /* who has it by now may have been asked before */
        ask_take(h, r);
    } else if (r && h->io.claim && nobody && !r->claimed) {
        ask_claim(h, r); /* moved, and nobody has it: whom it went to was killed */
    } else if (r && nobody && r->claimed) {
        end_resumption(h, r, HUB_TAKE_TAKEN, HUB_FROM_TICK, r->claimed);
    } else if (r) {
        end_resumption(h, r, outcome, from, m);
    }
    hub_settle(h);
}

static enum hub_take judge_claim(const struct hub *h, status st, const Hubbub__V1__SessionMove *m)
{
    if (st != ST_OK)
        return h->bus_up ? HUB_TAKE_UNSURE : HUB_TAKE_UNKNOWN;
    return m ? HUB_TAKE_TAKEN : HUB_TAKE_UNKNOWN;
}

void hub_on_claim(struct hub *h, uint64_t ticket, status st, const Hubbub__V1__SessionMove *m, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_CLAIM);
    struct resumption *r = t ? t->resumption : NULL;
    ticket_free(t);
    if (r && m && h->io.take) {
        r->claimed = memory_copy_message(m);
        r->again = true;
        ask_take(h, r);
    } else if (r) {
        end_resumption(h, r, judge_claim(h, st, m), HUB_FROM_TICK, m);
    }
    hub_settle(h);
}

/* ---- Ticks ------------------------------------------------------------------------------------------------------- */

static bool is_settled(const struct session *x)
{
    for (const struct hold *hold = x->holds; hold; hold = hold->hh.next)
        if (hold->catchup || hold->pending || !hold->attached || hold->scope->applied < hold->from)
            return false;
    return true;
}

static bool is_tick_due(const struct hub *h, const struct session *x)
{
    return x->state == SESSION_OPEN && !x->arrival && x->tick_phase == h->phase &&
           (!x->ticked_at || x->doubtful || x->s != x->ticked_s || h->now - x->ticked_at >= TICK_REFRESH_MS) &&
           is_settled(x);
}

void moves_doubt(struct hub *h)
{
    struct session *x;
    DL_FOREACH(h->sessions, x)
    {
        x->doubted_at = h->now;
        x->doubtful = h->io.claim;
    }
}

void moves_tick(struct hub *h)
{
    struct session *x;
    h->phase = (uint8_t)((h->phase + 1) % TICK_PHASES);
    if (!h->io.claim)
        return;
    DL_FOREACH(h->sessions, x)
    {
        if (!is_tick_due(h, x))
            continue;
        struct arena *a = arena_create(0);
        Hubbub__V1__SessionMove *m = describe(h, a, x);
        PB_SET(m, hop, x->hop);
        h->io.tick(h->io.user, m, x->token_hash);
        arena_destroy(a);
        x->ticked_s = x->s;
        x->ticked_at = h->now;
    }
}

void hub_on_tick(struct hub *h, const char *session_id, uint64_t hop, bool kept, int64_t written_ms, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct session *x;
    HASH_FIND_STR(h->by_session_id, session_id, x);
    if (x && x->state == SESSION_OPEN && !x->arrival && x->hop == hop && written_ms >= x->doubted_at) {
        if (x->doubtful && !kept) /* else it is a claim that came to nothing */
            go_elsewhere(h, x);
        x->doubtful = false;
    }
    hub_settle(h);
}

bool move_is_claimed(const struct session *x)
{
    return x->arrival && x->arrival->from == HUB_FROM_TICK;
}

/* ---- Farewells --------------------------------------------------------------------------------------------------- */

static bool awaits_farewell(const struct session *x)
{
    return !x->said_farewell && !x->arrival && (x->state == SESSION_OPEN || x->state == SESSION_FROZEN);
}

/* As it would be handed over to a client that has all but what it did not acknowledge, but for the hop: who takes it
 * from here after all is newer. Without its ring, a tick, where that is too much. */
static void write_farewell(struct hub *h, struct session *x)
{
    struct arena *a = arena_create(0);
    int64_t from = x->acked > x->ring.floor ? x->acked : x->ring.floor;
    Hubbub__V1__SessionMove *m = pack(x, from, a);
    size_t bytes = m ? hubbub__v1__session_move__get_packed_size(m) : SIZE_MAX;
    if (bytes <= FAREWELL_BYTES_MAX && h->farewell_bytes + bytes <= FAREWELLS_BYTES_MAX) {
        h->farewell_bytes += bytes;
        h->stats.farewells++;
        PB_SET(m, whole_from, from);
    } else {
        m = x->move;
        PB_SET(m, hop, x->hop);
    }
    h->io.tick(h->io.user, m, x->token_hash);
    arena_destroy(a);
}

static void say_farewell(struct hub *h, struct session *x)
{
    x->said_farewell = true;
    if (x->state == SESSION_OPEN) {
        if (waits_for_more(x))
            return; /* it cannot be resumed elsewhere: op 9 */
        freeze(h, x, "The gateway ends");
    }
    write_farewell(h, x);
    h->io.presence_moved(h->io.user, x->id);
}

unsigned hub_farewell(struct hub *h, unsigned max, int64_t now_ms)
{
    hub_wake(h, now_ms);
    unsigned n = 0;
    struct session *x;
    DL_FOREACH(h->sessions, x)
    {
        if (n == max)
            break;
        if (h->io.claim && awaits_farewell(x)) {
            say_farewell(h, x);
            n++;
        }
    }
    hub_settle(h);
    return n;
}

/* ---- The taker: attaching ---------------------------------------------------------------------------------------- */

static const Hubbub__V1__ScopePosition *position_in(const Hubbub__V1__SessionMove *m, uint64_t scope_id)
{
    for (size_t i = 0; i < m->n_positions; i++)
        if (m->positions[i]->scope_id == scope_id)
            return m->positions[i];
    return NULL;
}

static bool is_same_generation(const struct hub *h, const Hubbub__V1__Generation *g)
{
    return g && g->system_id == h->system_id && g->timeline == h->timeline;
}

/* The guilds that it held are those that it is a member of now, and its user's feed is among the rest. */
static bool is_same_set(const struct session *x)
{
    size_t here = 0, there = 0;
    for (size_t i = 0; i < x->move->n_positions; i++)
        there += x->move->positions[i]->kind == SCOPE_GUILD;
    for (const struct hold *hold = x->holds; hold; hold = hold->hh.next) {
        if (hold->scope->kind != SCOPE_DIRECT && !position_in(x->move, hold->scope_id))
            return false;
        here += hold->scope->kind == SCOPE_GUILD;
    }
    return here == there;
}

/* DMs: those that it had. One that was shown since comes by the user's feed. */
static void match_directs(struct hub *h, struct session *x)
{
    struct hold *hold, *next;
    HASH_ITER(hh, x->holds, hold, next)
    if (!position_in(x->move, hold->scope_id))
        hold_drop(h, hold);
    for (size_t i = 0; i < x->move->n_positions; i++) {
        const Hubbub__V1__ScopePosition *p = x->move->positions[i];
        struct scope *s = scope_find(h, p->scope_id);
        if (p->kind != SCOPE_DIRECT || session_find_hold(x, p->scope_id))
            continue;
        bool fresh = !s;
        s = scope_ensure_live(h, SCOPE_DIRECT, p->scope_id, p->position);
        if (!s)
            continue;
        session_hold(h, x, s);
        s->check |= fresh;
        if (fresh)
            scope_arm(h, s, 0);
    }
}

static void attach_one(struct hub *h, struct session *x, const Hubbub__V1__ScopePosition *p)
{
    struct hold *hold = session_find_hold(x, p->scope_id);
    if (!hold || hold->attached || x->state != SESSION_OPEN)
        return;
    if (hold->membership && p->n_watched && p->n_watched <= WATCHED_MAX - x->n_watched) {
        hold->watched = memory_zeroed(p->n_watched * sizeof *hold->watched);
        memcpy(hold->watched, p->watched, p->n_watched * sizeof *hold->watched);
        hold->n_watched = p->n_watched;
        x->n_watched += (unsigned)p->n_watched;
    }
    if (hold->membership)
        lists_adopt(h, hold, p);
    hold_attach(h, hold, p->position);
}

void move_attach(struct hub *h, struct session *x)
{
    if (!is_same_generation(h, x->move->generation) || !is_same_set(x)) {
        h->stats.moves_failed++;
        session_invalidate(h, x);
        return;
    }
    match_directs(h, x);
    session_set_state(h, x, SESSION_OPEN);
    for (size_t i = 0; i < x->move->n_positions; i++)
        attach_one(h, x, x->move->positions[i]);
}

/* ---- The taker: confirmation ------------------------------------------------------------------------------------- */

bool move_is_confirming(const struct session *x)
{
    return x->arrival && x->arrival->asked;
}

void move_finish(struct session *x)
{
    if (x->arrival && x->arrival->ticket)
        x->arrival->ticket->session = NULL;
    free(x->arrival);
    x->arrival = NULL;
    memory_free_message(x->move);
    x->move = NULL;
}

/* It is this gateway's. */
static void arrive(struct hub *h, struct session *x)
{
    int64_t seq = x->arrival->seq;
    h->stats.claimed += move_is_claimed(x);
    session_enqueue(h, x, NULL);
    move_finish(x);
    h->stats.moved_in++;
    if (x->connection)
        session_replay(h, x, seq);
}

/* Somebody else has it, or nobody knows: the client tries again. */
static void give_up(struct hub *h, struct session *x)
{
    h->stats.moves_failed++;
    if (x->connection)
        connection_close(h, x->connection, 4000, "Try again later");
    let_go(h, x);
}

/* The frozen one is here: what hub_confirm() does, without the way. */
static void take_back(struct hub *h, struct session *x)
{
    struct session *frozen;
    HASH_FIND_STR(h->by_session_id, x->id, frozen);
    if (!frozen || frozen->state != SESSION_FROZEN || frozen->hop != x->hop) {
        give_up(h, x);
        return;
    }
    x->presence_shown = frozen->presence_shown;
    let_go(h, frozen);
    session_list(h, x);
    arrive(h, x);
}

static void ask_confirm(struct hub *h, struct session *x)
{
    struct arrival *v = x->arrival;
    v->asked = true;
    v->tries++;
    if (!v->from) {
        take_back(h, x);
        return;
    }
    struct ticket *t = ticket_create(h, TICKET_CONFIRM);
    t->session = x;
    v->ticket = t;
    h->io.confirm(h->io.user, t->id, v->from, x->id, x->hop);
}

static bool has_caught_up(const struct session *x)
{
    for (const struct hold *hold = x->holds; hold; hold = hold->hh.next)
        if (hold->catchup)
            return false;
    return true;
}

void moves_settle(struct hub *h)
{
    ask_resumptions(h);
    struct session *x, *next;
    DL_FOREACH_SAFE2(h->adopting, x, next, next_queued)
    {
        if (!x->arrival->asked && h->now - x->identified_at >= OPEN_PATIENCE_MS)
            give_up(h, x);
        else if (!x->arrival->ticket && h->now >= x->arrival->not_before && has_caught_up(x))
            ask_confirm(h, x);
    }
}

void hub_on_confirm(struct hub *h, uint64_t ticket, status st, bool ok, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_CONFIRM);
    struct session *x = t ? t->session : NULL;
    ticket_free(t);
    if (x) {
        x->arrival->ticket = NULL;
        x->arrival->not_before = h->now + CONFIRM_LATER_MS * x->arrival->tries;
        if (st == ST_OK && ok)
            arrive(h, x);
        else if (st == ST_OK || x->arrival->tries >= CONFIRMS_MAX)
            give_up(h, x);
    }
    hub_settle(h);
}
