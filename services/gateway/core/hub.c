/* hub.c - the hub's life: questions and their tickets, what a turn has left to do, time, statistics. */
#include "hubbub/v1/gateway.hub.h"
#include "services/gateway/core/member_list.h"
#include "services/gateway/core/state.h"


struct hub *hub_create(const struct hub_config *config, const struct hub_io *io, int64_t now_ms)
{
    struct hub *h = memory_zeroed(sizeof *h);
    h->config = *config;
    h->io = *io;
    h->now = h->digest_at = h->slow_at = h->ticked_at = now_ms;
    h->digest_asked_at = now_ms - DIGEST_SPACING_MS;
    h->bus_up = true;
    h->readies_left = READIES_A_TURN;
    Hubbub__V1__Hello hello = HUBBUB__V1__HELLO__INIT;
    PB_SET(&hello, heartbeat_interval, config->heartbeat_interval_ms);
    h->hello = payload_frame(10, &hubbub__v1__hello__wire, &hello);
    h->beat_ack = payload_frame_text(11, "null");
    h->invalid = payload_frame_text(9, "false");
    h->reconnect = payload_frame_text(7, "null");
    return h;
}

void hub_destroy(struct hub *h)
{
    if (!h)
        return;
    while (h->connections) {
        struct hub_connection *c = h->connections;
        DL_DELETE(h->connections, c);
        if (c->session)
            c->session->connection = NULL;
        move_forget(h, c);
        memory_free_message(c->late);
        free(c);
    }
    while (h->sessions)
        session_end(h, h->sessions);
    sessions_reap(h);
    moves_clear(h);
    struct scope *s, *next_scope;
    HASH_ITER(hh, h->scopes, s, next_scope)
    scope_drop(h, s);
    struct ticket *t, *next_ticket;
    HASH_ITER(hh, h->tickets, t, next_ticket)
    {
        HASH_DEL(h->tickets, t);
        ticket_free(t);
    }
    hub_payload_unref(h, h->hello);
    hub_payload_unref(h, h->beat_ack);
    hub_payload_unref(h, h->invalid);
    hub_payload_unref(h, h->reconnect);
    free(h);
}

/* ---- Tickets ----------------------------------------------------------------------------------------------------- */

struct ticket *ticket_create(struct hub *h, enum ticket_kind kind)
{
    struct ticket *t = memory_zeroed(sizeof *t);
    t->id = ++h->last_ticket;
    t->kind = kind;
    HASH_ADD(hh, h->tickets, id, sizeof t->id, t);
    h->in_flight[kind]++;
    return t;
}

struct ticket *ticket_take(struct hub *h, uint64_t id, enum ticket_kind kind)
{
    struct ticket *t;
    HASH_FIND(hh, h->tickets, &id, sizeof id, t);
    if (!t || t->kind != kind)
        return NULL;
    HASH_DEL(h->tickets, t);
    h->in_flight[kind]--;
    return t;
}

void ticket_free(struct ticket *t)
{
    if (!t)
        return;
    free(t->users);
    free(t);
}

uint64_t hub_random_below(struct hub *h, uint64_t n)
{
    return n ? h->io.random(h->io.user) % n : 0;
}

int64_t hub_backoff(struct hub *h, unsigned *backoff_ms)
{
    unsigned wait = *backoff_ms < BACKOFF_MIN_MS ? BACKOFF_MIN_MS : *backoff_ms;
    *backoff_ms = wait * 2 > BACKOFF_MAX_MS ? BACKOFF_MAX_MS : wait * 2;
    return wait / 2 + (int64_t)hub_random_below(h, wait / 2 + 1);
}

/* ---- Turns ------------------------------------------------------------------------------------------------------- */

void hub_wake(struct hub *h, int64_t now_ms)
{
    h->now = now_ms;
    if (now_ms - h->ticked_at < HUNG_MS)
        return;
    h->ticked_at = now_ms;
    moves_doubt(h);
}

/* Something moved in the scope: who waits for it looks again. */
static void wake(struct hub *h, struct scope *s)
{
    struct hold *hold, *next;
    DL_FOREACH_SAFE(s->holds, hold, next)
    {
        if (hold->attached && !hold->pending)
            continue;
        if (hold->session->state == SESSION_GATHERING)
            session_try(h, hold->session);
        else
            session_reconcile(h, hold->session, s);
    }
}

void hub_settle(struct hub *h)
{
    while (h->dirty) {
        struct scope *s = h->dirty;
        DL_DELETE2(h->dirty, s, prev_dirty, next_dirty);
        s->dirty = false;
        wake(h, s);
    }
    sessions_make_ready(h);
    moves_settle(h);
    if (h->some_new)
        sessions_open(h);
    sessions_reap(h);
    sessions_show(h);
    cursor_pump(h);
}

static void unload_idle(struct hub *h)
{
    struct scope *s, *next;
    HASH_ITER(hh, h->scopes, s, next)
    if (s->n_holds == 0 && h->now - s->idle_since >= UNLOAD_LINGER_MS)
        scope_drop(h, s);
}

void hub_tick(struct hub *h, int64_t now_ms)
{
    hub_wake(h, now_ms);
    h->ticked_at = now_ms;
    h->readies_left = READIES_A_TURN;
    cursor_tick(h);
    sessions_open(h);
    members_tick(h);
    lists_tick(h);
    if (now_ms >= h->slow_at) {
        h->slow_at = now_ms + SLOW_CHECK_MS;
        connections_check(h);
        sessions_check(h);
        moves_check(h);
        moves_tick(h);
        voices_keep(h);
        unload_idle(h);
    }
    hub_settle(h);
}

void hub_on_bus(struct hub *h, const Hubbub__V1__BusMessage *m, int64_t now_ms)
{
    hub_wake(h, now_ms);
    for (size_t i = 0; i < m->n_entries; i++)
        cursor_entry(h, m->generation, m->entries[i]);
    for (size_t i = 0; i < m->n_ephemeral; i++)
        apply_ephemeral(h, m->ephemeral[i]);
    hub_settle(h);
}

void hub_on_bus_state(struct hub *h, bool connected, int64_t now_ms)
{
    hub_wake(h, now_ms);
    h->bus_up = connected;
    cursor_digest(h);
    hub_settle(h);
}

bool hub_is_behind(const struct hub *h)
{
    return h->gathered;
}

/* ---- Questions from outside -------------------------------------------------------------------------------------- */

uint64_t hub_guild_of_channel(const struct hub *h, uint64_t channel_id)
{
    struct replica_channel *c;
    HASH_FIND(hh, h->channels, &channel_id, sizeof channel_id, c);
    return c ? c->replica->guild_id : 0;
}

void hub_stats(const struct hub *h, struct hub_stats *ret)
{
    *ret = h->stats;
    ret->connections = h->n_connections;
    ret->sessions = h->n_sessions;
    const struct session *x;
    DL_FOREACH(h->sessions, x)
    ret->sessions_detached += !x->connection;
    for (const struct scope *s = h->scopes; s; s = s->hh.next)
        ret->guilds += s->kind == SCOPE_GUILD;
    const struct roster *o;
    DL_FOREACH(h->rosters, o)
    ret->rosters++;
    ret->scopes = HASH_COUNT(h->scopes);
    ret->identifies_waiting = h->n_waiting;
}
