/* members.c - op 8: GUILD_MEMBERS_CHUNK. A guild whose members are all in the replica is answered from it in the same
 * turn. Of a larger one chat is asked, page by page: a page is one chunk, so no more than a thousand members are in
 * hand, and the next is asked for when the one before is on its way.
 *
 * A page is as of a position of the guild's feed. When a MEMBER_* entry after that position was already applied, the
 * page could undo for the client what the entry told it: it is asked for again. Whatever comes after is told in order.
 * Whoever stops being a member gets no more chunks: each page is looked at again before it goes out. */
#include "hubbub/v1/feeds.hub.h"
#include "hubbub/v1/gateway.hub.h"
#include "lib/permission/permission.h"
#include "services/gateway/core/member_list.h"
#include "services/gateway/core/state.h"

enum {
    INTENT_MEMBERS = 1,
    INTENT_PRESENCES = 8,
    CHUNK_MEMBERS_MAX = 1000,
    QUERY_MEMBERS_MAX = 100,
    NONCE_BYTES_MAX = 32,
    ALL_EVERY_MS = 30000,    /* everybody of a guild: once in this time */
    ASKS_PER_SESSION = 100,  /* more at a time are refused */
    PAGES_IN_FLIGHT_MAX = 8, /* of all sessions */
    PAGE_SPACING_MS = 100,   /* of one ask: the socket drains meanwhile */
    STALE_TRIES_MAX = 5,     /* members come and go all the time: then it is told as it is */
    ASK_PATIENCE_MS = 20000, /* without one page */
};

/* One op 8 whose answer chat has. On hub.members_asks until its last chunk went out. */
struct members_ask {
    struct session *session;
    Hubbub__V1__RequestMembers *request; /* as the client sent it */
    uint64_t after;                      /* pages of all */
    int64_t joined_by;
    int32_t index, count; /* of the next chunk; count 0: not known yet */
    unsigned stale, backoff_ms;
    int64_t not_before, give_up_at;
    struct ticket *ticket; /* in flight */
    struct members_ask *prev, *next;
};

/* ---- Chunks ------------------------------------------------------------------------------------------------------ */

static const char *nonce_of(const Hubbub__V1__RequestMembers *request)
{
    return request->nonce && strlen(request->nonce) <= NONCE_BYTES_MAX ? request->nonce : NULL;
}

static void send_chunk(struct hub *h, struct session *x, const struct replica *r,
                       const Hubbub__V1__RequestMembers *request, Hubbub__V1__MembersChunk *chunk)
{
    struct arena *a = arena_create(0);
    PB_SET(chunk, guild_id, r->guild_id);
    chunk->nonce = (char *)nonce_of(request);
    if (request->presences && session_has_intent(x, INTENT_PRESENCES)) {
        chunk->presences = ARENA_ARRAY(a, Hubbub__V1__PresenceUpdated *, chunk->n_members);
        for (size_t i = 0; i < chunk->n_members; i++) {
            const Hubbub__V1__PresenceUpdated *p = replica_presence(r, chunk->members[i]->user->id);
            if (p)
                chunk->presences[chunk->n_presences++] = (Hubbub__V1__PresenceUpdated *)p;
        }
    }
    struct hub_payload *p = payload_dispatch("GUILD_MEMBERS_CHUNK", &hubbub__v1__members_chunk__wire, chunk);
    p->snapshot = true;
    session_dispatch(h, x, p);
    hub_payload_unref(h, p);
    arena_destroy(a);
}

static void send_rate_limited(struct hub *h, struct session *x, const Hubbub__V1__RequestMembers *request,
                              int64_t wait_ms)
{
    Hubbub__V1__RateLimitedMeta meta = HUBBUB__V1__RATE_LIMITED_META__INIT;
    Hubbub__V1__RateLimited d = HUBBUB__V1__RATE_LIMITED__INIT;
    PB_SET(&meta, guild_id, request->guild_id);
    meta.nonce = (char *)nonce_of(request);
    PB_SET(&d, opcode, 8);
    PB_SET(&d, retry_after, (double)wait_ms / 1000);
    d.meta = &meta;
    struct hub_payload *p = payload_dispatch("RATE_LIMITED", &hubbub__v1__rate_limited__wire, &d);
    session_dispatch(h, x, p);
    hub_payload_unref(h, p);
}

/* ---- From the replica -------------------------------------------------------------------------------------------- */

/* Who was asked for, and who of them is known. */
struct matches {
    Hubbub__V1__Member **members;
    uint64_t *not_found;
    size_t n, n_not_found;
};

static bool starts_with(const char *name, const char *prefix)
{
    return name && strncasecmp(name, prefix, strlen(prefix)) == 0;
}

static bool asks_for_all(const Hubbub__V1__RequestMembers *request)
{
    return request->n_user_ids == 0 && (!request->query || !request->query[0]);
}

static size_t limit_of(const Hubbub__V1__RequestMembers *request)
{
    size_t limit = request->limit > 0 ? (size_t)request->limit : SIZE_MAX;
    return asks_for_all(request) || limit < QUERY_MEMBERS_MAX ? limit : QUERY_MEMBERS_MAX;
}

static void match_ids(const struct replica *r, const Hubbub__V1__RequestMembers *request, struct matches *found)
{
    for (size_t i = 0; i < request->n_user_ids; i++) {
        const Hubbub__V1__Member *m = replica_member(r, request->user_ids[i]);
        if (m)
            found->members[found->n++] = (Hubbub__V1__Member *)m;
        else
            found->not_found[found->n_not_found++] = request->user_ids[i];
    }
}

static void match_query(const struct replica *r, const Hubbub__V1__RequestMembers *request, struct matches *found)
{
    const char *query = request->query ? request->query : "";
    struct replica_member *m;
    for (m = r->members; m && found->n < limit_of(request); m = m->hh.next) {
        const Hubbub__V1__User *u = m->member->user;
        if (starts_with(u->username, query) || starts_with(m->member->nick, query) ||
            starts_with(u->global_name, query))
            found->members[found->n++] = m->member;
    }
}

static void send_matches(struct hub *h, struct session *x, const struct replica *r,
                         const Hubbub__V1__RequestMembers *request, const struct matches *found)
{
    size_t chunks = found->n ? (found->n + CHUNK_MEMBERS_MAX - 1) / CHUNK_MEMBERS_MAX : 1;
    for (size_t i = 0; i < chunks && x->state == SESSION_OPEN; i++) {
        Hubbub__V1__MembersChunk chunk = HUBBUB__V1__MEMBERS_CHUNK__INIT;
        size_t left = found->n - i * CHUNK_MEMBERS_MAX;
        PB_SET(&chunk, chunk_index, (int32_t)i);
        PB_SET(&chunk, chunk_count, (int32_t)chunks);
        chunk.members = left ? found->members + i * CHUNK_MEMBERS_MAX : NULL;
        chunk.n_members = left < CHUNK_MEMBERS_MAX ? left : CHUNK_MEMBERS_MAX;
        chunk.not_found = found->not_found;
        chunk.n_not_found = i + 1 == chunks ? found->n_not_found : 0;
        send_chunk(h, x, r, request, &chunk);
    }
}

static void answer_at_once(struct hub *h, struct session *x, const struct replica *r,
                           const Hubbub__V1__RequestMembers *request)
{
    struct arena *a = arena_create(0);
    struct matches found = {0};
    found.members = ARENA_ARRAY(a, Hubbub__V1__Member *, HASH_COUNT(r->members) + request->n_user_ids);
    found.not_found = ARENA_ARRAY(a, uint64_t, request->n_user_ids);
    if (request->n_user_ids > 0)
        match_ids(r, request, &found);
    else
        match_query(r, request, &found);
    send_matches(h, x, r, request, &found);
    arena_destroy(a);
}

/* ---- From chat --------------------------------------------------------------------------------------------------- */

static void ask_end(struct hub *h, struct members_ask *k)
{
    if (k->ticket)
        k->ticket->members = NULL;
    DL_DELETE(h->members_asks, k);
    k->session->n_members_asks--;
    memory_free_message(k->request);
    free(k);
}

void members_forget(struct hub *h, struct session *x)
{
    struct members_ask *k, *next;
    DL_FOREACH_SAFE(h->members_asks, k, next)
    if (k->session == x)
        ask_end(h, k);
}

static void ask_page(struct hub *h, struct members_ask *k)
{
    const Hubbub__V1__RequestMembers *r = k->request;
    size_t limit = limit_of(r);
    Hubbub__V1__SearchMembersRequest page = HUBBUB__V1__SEARCH_MEMBERS_REQUEST__INIT;
    PB_SET(&page, guild_id, r->guild_id);
    page.query = r->query;
    page.user_ids = r->user_ids;
    page.n_user_ids = r->n_user_ids;
    PB_SET(&page, limit, limit < CHUNK_MEMBERS_MAX ? (uint32_t)limit : CHUNK_MEMBERS_MAX);
    PB_SET(&page, after, k->after);
    PB_SET(&page, joined_by, k->joined_by);
    k->ticket = ticket_create(h, TICKET_MEMBERS);
    k->ticket->members = k;
    h->io.members(h->io.user, k->ticket->id, &page);
}

static struct hold *attached_hold(const struct session *x, uint64_t guild_id)
{
    struct hold *hold = session_find_hold(x, guild_id);
    return hold && hold->attached && hold->membership && hold->scope->replica ? hold : NULL;
}

/* It did not come to an answer: the client may ask again at once. */
static void give_up(struct hub *h, struct members_ask *k)
{
    struct hold *hold = session_find_hold(k->session, k->request->guild_id);
    if (hold && hold->membership)
        hold->membership->all_asked_at = 0;
    ask_end(h, k);
}

void members_tick(struct hub *h)
{
    struct members_ask *k, *next;
    DL_FOREACH_SAFE(h->members_asks, k, next)
    {
        if (k->ticket)
            continue;
        if (h->now >= k->give_up_at || !attached_hold(k->session, k->request->guild_id))
            give_up(h, k);
        else if (h->now >= k->not_before && h->in_flight[TICKET_MEMBERS] < PAGES_IN_FLIGHT_MAX)
            ask_page(h, k);
    }
}

static int32_t count_chunks(const Hubbub__V1__RequestMembers *request, uint32_t total)
{
    if (!asks_for_all(request) || request->limit > 0 || total <= CHUNK_MEMBERS_MAX)
        return 1;
    return (int32_t)((total + CHUNK_MEMBERS_MAX - 1) / CHUNK_MEMBERS_MAX);
}

static void add_not_found(const Hubbub__V1__RequestMembers *request, Hubbub__V1__MembersChunk *chunk, struct arena *a)
{
    chunk->not_found = ARENA_ARRAY(a, uint64_t, request->n_user_ids);
    for (size_t i = 0; i < request->n_user_ids; i++) {
        bool found = false;
        for (size_t k = 0; k < chunk->n_members && !found; k++)
            found = chunk->members[k]->user->id == request->user_ids[i];
        if (!found)
            chunk->not_found[chunk->n_not_found++] = request->user_ids[i];
    }
}

/* The page is the next chunk. After one that is not full nobody is left: the chunks that were announced come empty. */
static void send_page(struct hub *h, struct members_ask *k, const struct replica *r,
                      const Hubbub__V1__SearchMembersResponse *page)
{
    struct session *x = k->session;
    struct arena *a = arena_create(0);
    bool more = page->n_members == CHUNK_MEMBERS_MAX;
    if (k->count == 0)
        k->count = count_chunks(k->request, page->total);
    for (size_t n = page->n_members; k->index < k->count && x->state == SESSION_OPEN; n = 0) {
        Hubbub__V1__MembersChunk chunk = HUBBUB__V1__MEMBERS_CHUNK__INIT;
        PB_SET(&chunk, chunk_index, k->index++);
        PB_SET(&chunk, chunk_count, k->count);
        chunk.members = page->members;
        chunk.n_members = n;
        add_not_found(k->request, &chunk, a);
        send_chunk(h, x, r, k->request, &chunk);
        if (more)
            break;
    }
    if (page->n_members)
        k->after = page->members[page->n_members - 1]->user->id;
    k->joined_by = page->joined_by;
    arena_destroy(a);
}

static void take_page(struct hub *h, struct members_ask *k, const Hubbub__V1__SearchMembersResponse *page)
{
    struct hold *hold = attached_hold(k->session, k->request->guild_id);
    if (!hold) {
        ask_end(h, k);
        return;
    }
    if (page->head < hold->scope->members_at && k->stale++ < STALE_TRIES_MAX)
        return; /* not_before has passed: the next tick asks again */
    scope_know(h, hold->scope, page->head, 0);
    send_page(h, k, hold->scope->replica, page);
    k->stale = k->backoff_ms = 0;
    k->not_before = h->now + PAGE_SPACING_MS;
    k->give_up_at = h->now + ASK_PATIENCE_MS;
    if (k->index >= k->count)
        ask_end(h, k);
}

void hub_on_members(struct hub *h, uint64_t ticket, status st, const Hubbub__V1__SearchMembersResponse *r,
                    int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_MEMBERS);
    struct ticket *of_roster = t ? NULL : ticket_take(h, ticket, TICKET_ROSTER);
    bool good = (t || of_roster) && cursor_accept(h, st, r ? r->generation : NULL);
    struct members_ask *k = t ? t->members : NULL; /* NULL: its session ended */
    if (k) {
        k->ticket = NULL;
        if (good)
            take_page(h, k, r);
        else if (st == ST_UNKNOWN_GUILD)
            ask_end(h, k);
        else
            k->not_before = h->now + hub_backoff(h, &k->backoff_ms);
    }
    if (of_roster)
        roster_on_members(h, of_roster, good, r);
    ticket_free(of_roster);
    ticket_free(t);
    hub_settle(h);
}

static void ask_chat(struct hub *h, struct session *x, const Hubbub__V1__RequestMembers *request)
{
    if (x->n_members_asks >= ASKS_PER_SESSION) {
        send_rate_limited(h, x, request, 1000);
        return;
    }
    struct members_ask *k = memory_zeroed(sizeof *k);
    *k = (struct members_ask){.session = x, .not_before = h->now, .give_up_at = h->now + ASK_PATIENCE_MS};
    k->request = memory_copy_message(request);
    DL_APPEND(h->members_asks, k);
    x->n_members_asks++;
    members_tick(h);
}

/* ---- Who may ask ------------------------------------------------------------------------------------------------- */

/* Everybody: bots with the intent, people who manage members. */
static bool may_ask_for_all(struct hold *hold)
{
    if (hold->session->identity.bot)
        return session_has_intent(hold->session, INTENT_MEMBERS);
    const uint64_t managing = PERM_MANAGE_ROLES | PERM_KICK_MEMBERS | PERM_BAN_MEMBERS;
    return replica_permissions(hold->scope->replica, hold_class(hold)) & managing;
}

/* How long until everybody may be asked for again; 0: now, and it is noted. */
static int64_t wait_for_all(const struct hub *h, struct membership *m)
{
    int64_t since = h->now - m->all_asked_at;
    if (m->all_asked_at && since < ALL_EVERY_MS)
        return ALL_EVERY_MS - since;
    m->all_asked_at = h->now;
    return 0;
}

void members_request(struct hub *h, struct session *x, const Hubbub__V1__RequestMembers *request)
{
    struct hold *hold = attached_hold(x, request->guild_id);
    if (!hold)
        return;
    const struct replica *r = hold->scope->replica;
    if (asks_for_all(request) && !may_ask_for_all(hold)) {
        send_matches(h, x, r, request, &(struct matches){0});
        return;
    }
    int64_t wait_ms = asks_for_all(request) ? wait_for_all(h, hold->membership) : 0;
    if (wait_ms)
        send_rate_limited(h, x, request, wait_ms);
    else if (replica_complete(r))
        answer_at_once(h, x, r, request);
    else
        ask_chat(h, x, request);
}
