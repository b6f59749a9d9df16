/* session.c - sessions: how one opens, is resumed, waits without a socket, and ends.
 *
 *   NEW -- hub_io.open --> ASKED -- hub_on_open --> GATHERING -- every guild loaded and valid --> OPEN --> ENDED
 *    ^______________________|___________________________|  a failure, a new generation, or a guild that is not valid
 *
 * A herd (a deploy, a cut cable) meets four bounds: IDENTIFYs that wait (the rest is told op 9, later), opens that are
 * asked (those of RESUMEs first), guilds that are loaded (each once, whoever waits for it), READYs in a turn.
 *
 * READY, the attaching to every feed and the GUILD_CREATEs are one turn: what a session is told is the state at the
 * positions from which its entries follow. A session without a socket goes on for session_linger_ms: its dispatches
 * fill the ring. Only the functions here move a session's state. */
#define _GNU_SOURCE /* strcasestr */
#include "hubbub/v1/common.hub.h"
#include "services/gateway/core/member_list.h"
#include "services/gateway/core/state.h"
#include <inttypes.h>
#include <stdio.h>

/* ---- Users and memberships -----------------------------------------------------------------------------------------
 */

struct user *user_find(const struct hub *h, uint64_t user_id)
{
    struct user *u;
    HASH_FIND(hh, h->users, &user_id, sizeof user_id, u);
    return u;
}

static struct user *user_watch(struct hub *h, uint64_t user_id, struct session *x)
{
    struct user *u = user_find(h, user_id);
    if (!u) {
        u = memory_zeroed(sizeof *u);
        u->id = user_id;
        u->watched_since = h->last_ticket;
        HASH_ADD(hh, h->users, id, sizeof u->id, u);
    }
    DL_APPEND2(u->sessions, x, prev_of_user, next_of_user);
    return u;
}

static void user_unwatch(struct hub *h, struct user *u, struct session *x)
{
    DL_DELETE2(u->sessions, x, prev_of_user, next_of_user);
    if (u->sessions)
        return;
    struct membership *m, *next;
    HASH_ITER(hh, u->memberships, m, next)
    {
        HASH_DEL(u->memberships, m);
        free(m->roles);
        free(m);
    }
    HASH_DEL(h->users, u);
    free(u);
}

struct membership *user_membership(struct user *u, uint64_t guild_id, bool create)
{
    struct membership *m;
    HASH_FIND(hh, u->memberships, &guild_id, sizeof guild_id, m);
    if (!m && create) {
        m = memory_zeroed(sizeof *m);
        m->guild_id = guild_id;
        m->none = true;
        HASH_ADD(hh, u->memberships, guild_id, sizeof m->guild_id, m);
    }
    return m;
}

void membership_set(struct membership *m, const Hubbub__V1__Member *member, uint64_t pos)
{
    m->known = true;
    m->pos = pos;
    m->none = !member;
    m->n_roles = member ? member->n_roles : 0;
    m->roles = memory_resized(m->roles, m->n_roles * sizeof *m->roles);
    if (m->n_roles)
        memcpy(m->roles, member->roles, m->n_roles * sizeof *m->roles);
    m->joined_at = member ? member->joined_at : 0;
    m->class_version = 0;
}

bool membership_valid(const struct membership *m, const struct scope *s)
{
    return m->known && s->state == SCOPE_LIVE && m->pos >= s->base;
}

/* An answer's word on a member: taken only where nothing valid is known, and only forward. One that was asked for
 * before the user was watched is taken only when the scope has not come past it: MEMBER_* in between were not folded.
 */
static void membership_learn(const struct user *u, struct membership *m, struct scope *s, const struct ticket *t,
                             const Hubbub__V1__Member *member, uint64_t pos)
{
    if (membership_valid(m, s) || (m->known && pos <= m->pos))
        return;
    if (t->id <= u->watched_since && s->state == SCOPE_LIVE && pos < s->applied)
        return;
    membership_set(m, member, pos);
    if (member && member->user && s->replica && pos <= s->applied && !replica_member(s->replica, member->user->id))
        replica_put_member(s->replica, member, true);
}

/* ---- Holds
 * ----------------------------------------------------------------------------------------------------------- */

struct hold *session_find_hold(const struct session *x, uint64_t scope_id)
{
    struct hold *hold;
    HASH_FIND(hh, x->holds, &scope_id, sizeof scope_id, hold);
    return hold;
}

struct hold *session_hold(struct hub *h, struct session *x, struct scope *s)
{
    struct hold *hold = session_find_hold(x, s->id);
    if (hold)
        return hold;
    hold = memory_zeroed(sizeof *hold);
    *hold = (struct hold){.scope_id = s->id, .session = x, .scope = s};
    if (s->kind == SCOPE_GUILD)
        hold->membership = user_membership(x->user, s->id, true);
    HASH_ADD(hh, x->holds, scope_id, sizeof hold->scope_id, hold);
    DL_APPEND(s->holds, hold);
    s->n_holds++;
    s->n_waiting++;
    return hold;
}

void session_mark_presence(struct hub *h, struct session *x)
{
    x->presence_dirty = true;
    h->some_presence = true;
}

void hold_detach(struct hub *h, struct hold *hold)
{
    catchup_drop(h, hold);
    lists_forget(h, hold);
    if (!hold->attached)
        return;
    hold->attached = false;
    hold->scope->n_waiting++;
    if (hold->membership)
        session_mark_presence(h, hold->session);
}

void hold_drop(struct hub *h, struct hold *hold)
{
    struct scope *s = hold->scope;
    hold_detach(h, hold);
    HASH_DEL(hold->session->holds, hold);
    DL_DELETE(s->holds, hold);
    s->n_holds--;
    s->n_waiting--;
    s->idle_since = h->now;
    hold->session->n_watched -= hold->n_watched;
    free(hold->watched);
    free(hold);
}

void hold_attach(struct hub *h, struct hold *hold, uint64_t position)
{
    struct scope *s = hold->scope;
    hold->attached = true;
    hold->pending = false;
    hold->want = 0;
    s->n_waiting--;
    if (hold->membership)
        session_mark_presence(h, hold->session);
    if (s->applied <= position) {
        hold->from = position;
        scope_know(h, s, position, 0);
    } else {
        hold->from = s->applied;
        catchup_start(h, hold, position);
    }
}

bool session_takes_guild(const struct session *x, uint64_t guild_id)
{
    return x->n_shards == 0 || (guild_id >> 22) % (uint64_t)x->n_shards == (uint64_t)x->shard;
}

bool session_takes_directs(const struct session *x)
{
    return x->n_shards == 0 || x->shard == 0;
}

/* ---- State
 * ----------------------------------------------------------------------------------------------------------- */

void session_enqueue(struct hub *h, struct session *x, struct session **queue)
{
    if (x->queue)
        DL_DELETE2(*x->queue, x, prev_queued, next_queued);
    h->n_waiting -= x->queue == &h->waiting;
    h->n_waiting += queue == &h->waiting;
    x->queue = queue;
    if (queue)
        DL_APPEND2(*queue, x, prev_queued, next_queued);
}

static struct session **queue_of(struct hub *h, const struct session *x)
{
    switch (x->state) {
    case SESSION_NEW:
        return x->move ? &h->moving_in : &h->waiting;
    case SESSION_ASKED:
    case SESSION_GATHERING:
        return &h->opening;
    case SESSION_OPEN:
        return x->arrival ? &h->adopting : NULL;
    case SESSION_FROZEN:
    case SESSION_ENDED:
        return NULL;
    }
    return NULL;
}

/* Another of its id may be there: the frozen one that it is to take the place of. */
void session_list(struct hub *h, struct session *x)
{
    struct session *other;
    HASH_FIND_STR(h->by_session_id, x->id, other);
    if (other)
        return;
    HASH_ADD_STR(h->by_session_id, id, x);
    x->listed = true;
}

/* Which lists it is on follows from the state. */
void session_set_state(struct hub *h, struct session *x, enum session_state state)
{
    if (state == SESSION_OPEN && !x->listed)
        session_list(h, x);
    if (state == SESSION_ENDED && x->listed) {
        HASH_DEL(h->by_session_id, x);
        x->listed = false;
    }
    if (state == SESSION_NEW)
        h->some_new = true;
    if (state == SESSION_ENDED) {
        DL_DELETE(h->sessions, x);
        DL_APPEND(h->ended, x);
        h->n_sessions--;
    }
    x->state = state;
    session_enqueue(h, x, queue_of(h, x));
}

static void name_session(struct hub *h, struct session *x)
{
    uint64_t a = h->io.random(h->io.user), b = h->io.random(h->io.user);
    snprintf(x->id, sizeof x->id, "%016" PRIx64 "%016" PRIx64 "-%s", a, b, h->config.gateway_id);
}

static const char *without_scheme(const char *token)
{
    return strncmp(token, "Bot ", 4) == 0 ? token + 4 : token;
}

struct session *session_create(struct hub *h, struct hub_connection *c, const char *token,
                               const Hubbub__V1__SessionMove *m)
{
    struct session *x = memory_zeroed(sizeof *x);
    if (m) {
        x->move = memory_copy_message(m);
        snprintf(x->id, sizeof x->id, "%s", m->session_id);
        session_list(h, x);
    } else {
        name_session(h, x);
    }
    x->token = memory_strdup(without_scheme(token));
    x->version = c->version;
    x->tick_phase = h->next_phase++ % TICK_PHASES;
    x->identified_at = x->not_before = h->now;
    x->status = memory_strdup("online");
    ring_init(&x->ring, h->config.ring_events_max, h->config.ring_ephemeral_max);
    x->connection = c;
    c->session = x;
    DL_APPEND(h->sessions, x);
    h->n_sessions++;
    session_set_state(h, x, SESSION_NEW);
    return x;
}

static void session_free(struct hub *h, struct session *x)
{
    struct hold *hold, *next;
    HASH_ITER(hh, x->holds, hold, next)
    hold_drop(h, hold);
    if (x->user)
        user_unwatch(h, x->user, x);
    ring_finish(&x->ring, h);
    move_finish(x);
    memory_free_message(x->opened);
    free(x->token);
    free(x->status);
    free(x->friends);
    memory_free_message(x->presence);
    free(x);
}

void sessions_reap(struct hub *h)
{
    while (h->ended) {
        struct session *x = h->ended;
        DL_DELETE(h->ended, x);
        session_free(h, x);
    }
}

static void leave_seat(struct hub *h, struct session *x)
{
    if (x->seated_at)
        h->io.seat(h->io.user, x->identity.user_id, x->id, false);
    x->seated_at = 0;
}

void session_detach(struct hub *h, struct session *x)
{
    if (x->connection)
        x->connection->session = NULL;
    x->connection = NULL;
    leave_seat(h, x);
    x->detached_at = h->now;
    if (x->state != SESSION_OPEN && x->state != SESSION_FROZEN)
        session_end(h, x);
    else if (x->arrival && !move_is_confirming(x))
        session_end(h, x); /* its owner has it still */
}

static void show_presence(struct hub *h, struct session *x, bool closed);

void session_end(struct hub *h, struct session *x)
{
    if (x->state == SESSION_ENDED)
        return;
    if (x->connection)
        x->connection->session = NULL;
    x->connection = NULL;
    if (x->ticket)
        x->ticket->session = NULL;
    x->ticket = NULL;
    leave_seat(h, x);
    members_forget(h, x);
    friends_forget(x);
    voice_forget(h, x);
    if (x->presence_shown)
        show_presence(h, x, true);
    if (x->ticked_at && !x->doubtful)
        h->io.tick_drop(h->io.user, x->id);
    session_set_state(h, x, SESSION_ENDED);
}

void session_invalidate(struct hub *h, struct session *x)
{
    struct hub_connection *c = x->connection;
    h->stats.invalid_sessions++;
    session_end(h, x);
    if (c)
        connection_invalidate(h, c);
}

static void fail(struct hub *h, struct session *x, uint16_t code, const char *reason)
{
    if (x->connection)
        connection_close(h, x->connection, code, reason);
    session_end(h, x);
}

void session_dispatch(struct hub *h, struct session *x, struct hub_payload *p)
{
    x->s++;
    h->stats.dispatched++;
    if (!p->transient)
        h->stats.ring_evictions += ring_put(&x->ring, h, p, x->s);
    if (x->connection && !x->arrival)
        connection_send(h, x->connection, p, x->s);
}

/* ---- Presence
 * -------------------------------------------------------------------------------------------------------- */

static void show_presence(struct hub *h, struct session *x, bool closed)
{
    Hubbub__V1__SessionPresence p = HUBBUB__V1__SESSION_PRESENCE__INIT;
    PB_SET(&p, user_id, x->identity.user_id);
    p.session_id = x->id;
    p.status = x->status;
    struct buf activities = {0};
    presence_write_activities(&activities, x->presence, x->identity.bot);
    PB_SET(&p, activities, ((ProtobufCBinaryData){activities.len, (uint8_t *)activities.data}));
    p.client = (char *)x->client;
    p.friend_ids = x->friends;
    p.n_friend_ids = x->n_friends;
    p.guild_ids = memory_zeroed(HASH_COUNT(x->holds) * sizeof *p.guild_ids);
    for (struct hold *hold = x->holds; hold; hold = hold->hh.next)
        if (hold->attached && hold->membership)
            p.guild_ids[p.n_guild_ids++] = hold->scope_id;
    PB_SET(&p, closed, closed);
    x->presence_shown = !closed;
    x->presence_dirty = false;
    h->io.presence(h->io.user, &p);
    buf_finish(&activities);
    free(p.guild_ids);
}

void sessions_show(struct hub *h)
{
    if (!h->some_presence)
        return;
    h->some_presence = false;
    struct session *x;
    DL_FOREACH(h->sessions, x)
    if (x->presence_dirty && x->state == SESSION_OPEN && x->connection && !x->arrival)
        show_presence(h, x, false);
}

enum { PRESENCE_ACTIVITIES = 2 }; /* field of PresenceInput */

void session_set_presence(struct hub *h, struct session *x, const Hubbub__V1__PresenceInput *p)
{
    static const struct {
        const char *given, *kept;
    } statuses[] = {{"offline", "invisible"}, {"unknown", "online"}};
    if (p->status && p->status[0]) {
        const char *status = p->status;
        for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
            if (strcmp(status, statuses[i].given) == 0)
                status = statuses[i].kept;
        free(x->status);
        x->status = memory_strdup(status);
    }
    if (WIRE_PRESENT_IN(p, PRESENCE_ACTIVITIES)) {
        memory_free_message(x->presence);
        x->presence = memory_copy_message(p);
    }
    if (x->state == SESSION_OPEN)
        session_mark_presence(h, x);
}

static const char *client_of(const Hubbub__V1__Identify *d)
{
    const char *browser = d->properties && d->properties->browser ? d->properties->browser : "";
    if (strcasestr(browser, "android") || strcasestr(browser, "ios"))
        return "mobile";
    return strcasestr(browser, "discord client") ? "desktop" : "web";
}

/* ---- IDENTIFY
 * -------------------------------------------------------------------------------------------------------- */

void session_configure(struct hub *h, struct session *x, const Hubbub__V1__Identify *d)
{
    x->has_intents = d->has_intents;
    x->intents = d->intents;
    x->compress = d->compress.len == 4 && memcmp(d->compress.data, "true", 4) == 0;
    x->large_threshold = d->has_large_threshold ? d->large_threshold : 0;
    if (d->n_shard == 2) {
        x->shard = d->shard[0];
        x->n_shards = d->shard[1];
    }
    if (d->presence)
        session_set_presence(h, x, d->presence);
}

void session_identify(struct hub *h, struct hub_connection *c, const Hubbub__V1__Identify *d)
{
    if (h->n_sessions >= h->config.sessions_max || h->n_waiting >= h->config.identifies_waiting_max) {
        h->stats.identifies_refused++;
        connection_refuse(h, c);
        return;
    }
    struct session *x = session_create(h, c, d->token, NULL);
    x->client = client_of(d);
    session_configure(h, x, d);
}

/* Every intent of PROTOCOL section 8 that a bot may ask for. */
static const int64_t known_intents = 0x1ffff | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25;
/* Privileged ones, and the bits of the application's flags of which one approves it. */
static const struct {
    int64_t intent;
    uint64_t approved_by;
} privileged_intents[] = {
    {1 << 1, 1 << 14 | 1 << 15},
    {1 << 8, 1 << 12 | 1 << 13},
    {1 << 15, 1 << 18 | 1 << 19},
};

/* The close code that a bot's intents earn; 0: none. */
static uint16_t check_intents(const struct session *x)
{
    if (!x->identity.bot)
        return 0;
    if (!x->has_intents || (x->intents & ~known_intents))
        return 4013;
    for (size_t i = 0; i < sizeof privileged_intents / sizeof *privileged_intents; i++)
        if ((x->intents & privileged_intents[i].intent) && !(x->application_flags & privileged_intents[i].approved_by))
            return 4014;
    return 0;
}

/* What is known here; of other gateways, the rim knows. */
static unsigned connected_sessions(const struct user *u)
{
    unsigned n = 0;
    const struct session *x;
    DL_FOREACH2(u->sessions, x, next_of_user)
    n += x->connection && (x->state == SESSION_OPEN || x->state == SESSION_GATHERING);
    return n;
}

static void fail_full(struct hub *h, struct session *x)
{
    h->stats.refused_sessions++;
    fail(h, x, 4015, "Too many sessions");
}

/* ---- Opening
 * --------------------------------------------------------------------------------------------------------- */

static void ask_open(struct hub *h, struct session *x)
{
    struct ticket *t = ticket_create(h, TICKET_OPEN);
    t->session = x;
    x->ticket = t;
    session_set_state(h, x, SESSION_ASKED);
    x->asked = true;
    h->stats.opens++;
    struct hub_opening o = {.token = x->token, .session_id = x->id, .shard = x->shard, .identify = !x->move};
    h->io.open(h->io.user, t->id, &o);
}

static void ask_opens(struct hub *h, struct session *queue, unsigned asked_max)
{
    struct session *x, *next;
    DL_FOREACH_SAFE2(queue, x, next, next_queued)
    {
        if (h->in_flight[TICKET_OPEN] >= asked_max)
            return;
        if (h->now >= x->not_before)
            ask_open(h, x);
    }
}

void sessions_open(struct hub *h)
{
    h->some_new = false;
    if (!h->has_token)
        return;
    ask_opens(h, h->moving_in, h->config.identifies_asked_max + OPENS_FOR_RESUMES);
    ask_opens(h, h->waiting, h->config.identifies_asked_max);
}

/* Gives up on those of the queue that waited too long. */
static void check_patience(struct hub *h, struct session *queue)
{
    struct session *x, *next;
    DL_FOREACH_SAFE2(queue, x, next, next_queued)
    {
        int64_t waited = h->now - x->identified_at;
        if (!x->asked && !x->move && waited >= IDENTIFY_WAIT_MS) {
            h->stats.identifies_overdue++;
            session_invalidate(h, x);
        } else if (waited >= OPEN_PATIENCE_MS) {
            fail(h, x, 4000, "Try again later");
        }
    }
}

void session_restart(struct hub *h, struct session *x)
{
    if (x->state != SESSION_ASKED && x->state != SESSION_GATHERING)
        return;
    if (x->ticket)
        x->ticket->session = NULL;
    x->ticket = NULL;
    x->not_before = h->now + hub_backoff(h, &x->backoff_ms);
    session_set_state(h, x, SESSION_NEW);
}

static void adopt_identity(struct session *x, const Hubbub__V1__OpenSessionResponse *r)
{
    const Hubbub__V1__Identity *i = r->identity;
    x->identity = (struct hub_identity){i->user_id, i->bot, i->admin};
    x->application_flags = i->application_flags;
    if (i->token_hash.len == sizeof x->token_hash)
        memcpy(x->token_hash, i->token_hash.data, sizeof x->token_hash);
    if (x->large_threshold == 0)
        x->large_threshold = i->bot ? 50 : 250;
}

static void hold_guilds(struct hub *h, struct session *x, const struct ticket *t,
                        const Hubbub__V1__OpenSessionResponse *r)
{
    for (size_t i = 0; i < r->n_guilds; i++) {
        const Hubbub__V1__OpenGuild *g = r->guilds[i];
        struct scope *s = session_takes_guild(x, g->guild_id) ? scope_ensure_guild(h, g->guild_id) : NULL;
        if (!s)
            continue;
        struct hold *hold = session_hold(h, x, s);
        hold->named = true;
        hold->want = g->head;
        membership_learn(x->user, hold->membership, s, t, g->member, g->head);
        scope_know(h, s, g->head, 0);
    }
}

/* The user's own feed, or a DM. xmin: what the digest must not be past when the scope is new. */
static bool hold_live(struct hub *h, struct session *x, enum scope_kind kind, uint64_t id, uint64_t position,
                      uint64_t xmin)
{
    bool fresh = !scope_find(h, id);
    struct scope *s = scope_ensure_live(h, kind, id, position);
    if (!s)
        return false;
    if (fresh)
        cursor_rewind_token(h, xmin);
    struct hold *hold = session_hold(h, x, s);
    hold->named = true;
    hold->want = position;
    scope_know(h, s, position, 0);
    return true;
}

/* Holds what the answer names, and nothing else. False: the user's own feed cannot be. */
static bool hold_all(struct hub *h, struct session *x, const struct ticket *t, const Hubbub__V1__OpenSessionResponse *r)
{
    struct hold *hold, *next;
    HASH_ITER(hh, x->holds, hold, next)
    hold->named = false;
    if (!hold_live(h, x, SCOPE_USER, x->user->id, r->head, r->xmin))
        return false;
    hold_guilds(h, x, t, r);
    for (size_t i = 0; i < r->n_dms && session_takes_directs(x); i++)
        hold_live(h, x, SCOPE_DIRECT, r->dms[i]->channel->id, r->dms[i]->position, r->xmin);
    HASH_ITER(hh, x->holds, hold, next)
    if (!hold->named)
        hold_drop(h, hold);
    return true;
}

static void fold_open(struct hub *h, struct session *x, const struct ticket *t,
                      const Hubbub__V1__OpenSessionResponse *r)
{
    adopt_identity(x, r);
    uint16_t code = check_intents(x);
    if (code) {
        fail(h, x, code, code == 4013 ? "Invalid intent(s)" : "Disallowed intent(s)");
        return;
    }
    if (!x->user)
        x->user = user_watch(h, x->identity.user_id, x);
    if (!x->identity.bot && !x->move && connected_sessions(x->user) >= h->config.user_sessions_max) {
        fail_full(h, x);
        return;
    }
    if (!x->identity.bot && !x->move)
        x->seated_at = h->now;
    if (!hold_all(h, x, t, r)) {
        fail(h, x, 4000, "Try again later");
        return;
    }
    memory_free_message(x->opened);
    x->opened = memory_copy_message(r);
    session_set_state(h, x, SESSION_GATHERING);
    session_try(h, x);
}

static bool is_refusal(status st)
{
    return st == ST_UNAUTHORIZED || st == ST_INVALID_TOKEN || st == ST_UNKNOWN_TOKEN;
}

bool hub_on_open(struct hub *h, uint64_t ticket, status st, const Hubbub__V1__OpenSessionResponse *r, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_OPEN);
    struct session *x = t ? t->session : NULL;
    if (x && is_refusal(st)) {
        x->ticket = NULL;
        fail(h, x, 4004, "Authentication failed");
    } else if (x && st == ST_RATE_LIMITED) { /* too many IDENTIFYs */
        struct hub_connection *c = x->connection;
        session_end(h, x);
        connection_refuse(h, c);
    } else if (x && st == ST_MAX_SESSIONS) {
        x->ticket = NULL;
        fail_full(h, x);
    } else if (t) {
        bool good = cursor_accept(h, st, r ? r->generation : NULL) && r->identity && r->user;
        x = t->session; /* a new generation restarted it */
        if (x)
            x->ticket = NULL;
        if (x && good)
            fold_open(h, x, t, r);
        else if (x)
            session_restart(h, x);
    }
    bool seated = x && x->seated_at;
    ticket_free(t);
    hub_settle(h);
    return seated;
}

/* ---- READY
 * ----------------------------------------------------------------------------------------------------------- */

enum gathered { GATHERED_ALL, GATHERED_NOT_YET, GATHERED_INVALID };

/* Whether READY's unread mentions can be brought up to what the guild is now. */
static bool counts_hold(const struct session *x, const struct hold *hold)
{
    return x->identity.bot || x->move || hold->membership->none || recent_covers(&hold->scope->recent, hold->want);
}

static enum gathered gathered(const struct hub *h, const struct session *x)
{
    enum gathered all = GATHERED_ALL;
    for (const struct hold *hold = x->holds; hold; hold = hold->hh.next) {
        const struct scope *s = hold->scope;
        if (!hold->membership)
            continue;
        if (s->state == SCOPE_LIVE && (!membership_valid(hold->membership, s) || !counts_hold(x, hold)))
            return GATHERED_INVALID;
        if (!scope_ready(h, s) || s->applied < hold->want || hold->membership->pos > s->applied)
            all = GATHERED_NOT_YET;
    }
    return all;
}

static void attach_all(struct hub *h, struct session *x)
{
    struct hold *hold, *next;
    HASH_ITER(hh, x->holds, hold, next)
    if (x->state == SESSION_OPEN) {
        hold->counted = hold->want;
        hold_attach(h, hold, hold->membership ? hold->scope->applied : hold->want);
    }
}

static void send_guilds(struct hub *h, struct session *x)
{
    for (size_t i = 0; i < x->opened->n_guilds && x->state == SESSION_OPEN; i++) {
        struct hold *hold = session_find_hold(x, x->opened->guilds[i]->guild_id);
        if (hold && hold->attached && hold->membership) {
            ready_send_guild(h, hold);
            recent_replay(h, hold, hold->counted);
        }
    }
}

static void reconcile_all(struct hub *h, struct session *x)
{
    struct membership *m, *next_membership;
    HASH_ITER(hh, x->user->memberships, m, next_membership)
    {
        struct scope *s = scope_find(h, m->guild_id);
        if (s)
            session_reconcile(h, x, s);
    }
}

static void open_session(struct hub *h, struct session *x)
{
    struct hold *hold, *next;
    HASH_ITER(hh, x->holds, hold, next)
    if (hold->membership && hold->membership->none)
        hold_drop(h, hold);
    friends_load(x, x->opened);
    if (x->move) {
        move_attach(h, x);
    } else {
        session_set_state(h, x, SESSION_OPEN);
        h->stats.identified++;
        ready_send(h, x);
        attach_all(h, x);
        send_guilds(h, x);
        friends_ask(h, x);
        session_mark_presence(h, x);
    }
    memory_free_message(x->opened);
    x->opened = NULL;
    reconcile_all(h, x);
}

void session_try(struct hub *h, struct session *x)
{
    if (x->state != SESSION_GATHERING)
        return;
    switch (gathered(h, x)) {
    case GATHERED_ALL:
        if (!h->readies_left) {
            session_enqueue(h, x, &h->gathered);
            return;
        }
        h->readies_left--;
        open_session(h, x);
        break;
    case GATHERED_INVALID:
        session_restart(h, x);
        break;
    case GATHERED_NOT_YET:
        break;
    }
}

void sessions_make_ready(struct hub *h)
{
    while (h->gathered && h->readies_left) {
        struct session *x = h->gathered;
        session_enqueue(h, x, &h->opening);
        session_try(h, x);
    }
}

/* ---- Guilds that come later
 * -------------------------------------------------------------------------------------------- */

static void ask_member(struct hub *h, struct session *x, struct scope *s, struct membership *m)
{
    if (m->asking)
        return;
    if (h->now < m->not_before || h->in_flight[TICKET_MEMBER] >= MEMBERS_ASKED_MAX) {
        scope_arm(h, s, BACKOFF_MIN_MS);
        return;
    }
    struct ticket *t = ticket_create(h, TICKET_MEMBER);
    t->scope_id = s->id;
    t->incarnation = s->incarnation;
    t->user_id = x->user->id;
    m->asking = true;
    h->io.member(h->io.user, t->id, s->id, x->user->id);
}

void session_reconcile(struct hub *h, struct session *x, struct scope *s)
{
    if (x->state != SESSION_OPEN || s->kind != SCOPE_GUILD || s->state != SCOPE_LIVE || s->gone)
        return;
    if (!session_takes_guild(x, s->id))
        return;
    struct hold *hold = session_find_hold(x, s->id);
    if (hold && hold->pending && s->applied < hold->want)
        return;
    if (hold && hold->attached) {
        hold->pending = false;
        return;
    }
    struct membership *m = user_membership(x->user, s->id, true);
    if (!membership_valid(m, s)) {
        if (hold && hold->pending)
            ask_member(h, x, s, m);
        return;
    }
    if (m->pos > s->applied || !scope_ready(h, s))
        return;
    if (m->none) {
        if (hold)
            hold_drop(h, hold);
        return;
    }
    hold = session_hold(h, x, s);
    uint64_t joined = hold->pending ? hold->want : s->applied;
    ready_send_guild(h, hold);
    hold_attach(h, hold, s->applied);
    recent_replay(h, hold, joined);
}

void hub_on_member(struct hub *h, uint64_t ticket, status st, const Hubbub__V1__GetMemberResponse *r, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_MEMBER);
    bool good = t && cursor_accept(h, st, r ? r->generation : NULL);
    struct user *u = t ? user_find(h, t->user_id) : NULL;
    struct membership *m = u ? user_membership(u, t->scope_id, false) : NULL;
    struct scope *s = t ? scope_find(h, t->scope_id) : NULL;
    if (m)
        m->asking = false;
    if (m && s && s->incarnation == t->incarnation) {
        if (good) {
            membership_learn(u, m, s, t, r->member, r->head);
            struct session *x;
            DL_FOREACH2(u->sessions, x, next_of_user)
            {
                struct hold *hold = session_find_hold(x, s->id);
                if (hold && hold->pending && r->head > hold->want)
                    hold->want = r->head;
            }
            scope_know(h, s, r->head, 0);
        } else {
            m->not_before = h->now + BACKOFF_MIN_MS;
        }
        scope_mark_dirty(h, s);
    }
    ticket_free(t);
    hub_settle(h);
}

/* ---- RESUME
 * ------------------------------------------------------------------------------------------------------------ */

struct replay {
    struct hub *h;
    struct hub_connection *c;
};

static void replay_one(void *user, struct hub_payload *p, int64_t s)
{
    struct replay *r = user;
    connection_send(r->h, r->c, p, s);
}

static void take_over(struct hub *h, struct session *x, struct hub_connection *c)
{
    if (x->connection)
        connection_close(h, x->connection, 4000, "The session was resumed elsewhere");
    x->connection = c;
    c->session = x;
    x->version = c->version;
}

void session_replay(struct hub *h, struct session *x, int64_t seq)
{
    if (!ring_can_replay(&x->ring, seq)) {
        session_invalidate(h, x);
        return;
    }
    x->acked = seq;
    struct replay to = {h, x->connection};
    ring_replay(&x->ring, seq, replay_one, &to);
    Hubbub__V1__Empty nothing = HUBBUB__V1__EMPTY__INIT;
    struct hub_payload *resumed = payload_dispatch("RESUMED", &hubbub__v1__empty__wire, &nothing);
    session_dispatch(h, x, resumed);
    hub_payload_unref(h, resumed);
    h->stats.resumed++;
    lists_resume(h, x);
    session_mark_presence(h, x);
}

void session_acknowledge(struct hub *h, struct session *x, int64_t seq)
{
    int64_t acked = seq < x->s ? seq : x->s;
    if (acked > x->acked)
        x->acked = acked;
    ring_acknowledge(&x->ring, h, acked);
}

void session_resume(struct hub *h, struct hub_connection *c, const Hubbub__V1__Resume *d)
{
    struct session *x;
    HASH_FIND_STR(h->by_session_id, d->session_id, x);
    if (!x) {
        move_ask(h, c, d);
        return;
    }
    if (strcmp(x->token, without_scheme(d->token)) != 0) {
        h->stats.invalid_sessions++;
        connection_invalidate(h, c);
        return;
    }
    if (d->seq > x->s || d->seq < 0) {
        connection_close(h, c, 4007, "Invalid seq");
        return;
    }
    if (x->arrival || x->doubtful) { /* it is just moving in, for another socket; or it may be another's by now */
        connection_close(h, c, 4000, "Try again later");
        return;
    }
    if (x->state == SESSION_FROZEN) {
        move_back(h, x, c, d);
        return;
    }
    take_over(h, x, c);
    session_replay(h, x, d->seq);
}

/* ---- Time
 * -------------------------------------------------------------------------------------------------------------- */

/* One that was resumed, or moved here, takes its seat unasked. */
static void refresh_seat(struct hub *h, struct session *x)
{
    if (x->identity.bot || !x->connection || x->arrival || x->state != SESSION_OPEN)
        return;
    if (x->seated_at && h->now - x->seated_at < HUB_SEAT_REFRESH_MS)
        return;
    x->seated_at = h->now;
    h->io.seat(h->io.user, x->identity.user_id, x->id, true);
}

void sessions_check(struct hub *h)
{
    check_patience(h, h->moving_in);
    check_patience(h, h->waiting);
    check_patience(h, h->opening);
    struct session *x, *next;
    DL_FOREACH_SAFE(h->sessions, x, next)
    {
        refresh_seat(h, x);
        if (x->connection || x->arrival || (x->state != SESSION_OPEN && x->state != SESSION_FROZEN))
            continue;
        int64_t gone = h->now - x->detached_at;
        if (gone >= h->config.session_linger_ms)
            session_end(h, x);
        else if (gone >= PRESENCE_GRACE_MS && x->presence_shown)
            show_presence(h, x, true);
    }
}
