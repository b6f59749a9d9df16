/* friends.c - whose friend the user of a session is, so far as its feed has told, and what the session is told of them:
 * their presence, with or without a guild in common. Whoever is online names the friends to presence, which tells each
 * on the topic of their own feed; told is only who is a friend by the session's own feed, too. */
#include "services/gateway/core/state.h"

enum { FRIENDS_MAX = 1000, TYPE_FRIEND = 1 };

static size_t find(const struct session *x, uint64_t user_id)
{
    size_t i = 0;
    while (i < x->n_friends && x->friends[i] != user_id)
        i++;
    return i;
}

static bool add(struct session *x, uint64_t user_id)
{
    if (find(x, user_id) < x->n_friends || x->n_friends == FRIENDS_MAX)
        return false;
    x->friends = memory_resized(x->friends, (x->n_friends + 1) * sizeof *x->friends);
    x->friends[x->n_friends++] = user_id;
    return true;
}

static bool drop(struct session *x, uint64_t user_id)
{
    size_t i = find(x, user_id);
    if (i == x->n_friends)
        return false;
    x->friends[i] = x->friends[--x->n_friends];
    return true;
}

void friends_load(struct session *x, const Hubbub__V1__OpenSessionResponse *r)
{
    x->n_friends = 0;
    for (size_t i = 0; i < r->n_relationships; i++)
        if (r->relationships[i]->type == TYPE_FRIEND)
            add(x, r->relationships[i]->id);
}

/* Whose presence is there is asked once: what comes later is told by whoever changes. */
static void ask(struct hub *h, struct session *x, const uint64_t *ids, size_t n)
{
    if (!n || x->friends_ticket)
        return;
    x->friends_ticket = ticket_create(h, TICKET_FRIENDS);
    x->friends_ticket->session = x;
    h->io.presences(h->io.user, x->friends_ticket->id, ids, n);
}

void friends_ask(struct hub *h, struct session *x)
{
    ask(h, x, x->friends, x->n_friends);
}

void friends_forget(struct session *x)
{
    if (x->friends_ticket)
        x->friends_ticket->session = NULL;
    x->friends_ticket = NULL;
}

void friends_fold(struct hub *h, struct session *x, const Hubbub__V1__Event *e)
{
    const Hubbub__V1__Relationship *r = e->relationship_add;
    bool differs = false;
    if (r && r->type == TYPE_FRIEND)
        differs = add(x, r->id);
    else if (r)
        differs = drop(x, r->id);
    else if (e->relationship_remove)
        differs = drop(x, e->relationship_remove->id);
    if (!differs)
        return;
    session_mark_presence(h, x);
    if (r && r->type == TYPE_FRIEND)
        ask(h, x, &r->id, 1);
}

/* ---- Their presence ---------------------------------------------------------------------------------------------- */

static void tell(struct hub *h, struct session *x, const Hubbub__V1__PresenceUpdated *p, struct fanout *f)
{
    if (x->state == SESSION_OPEN && p->user && find(x, p->user->id) < x->n_friends)
        fanout_send(h, f, x);
}

static void begin(struct fanout *f, Hubbub__V1__Event *e, const Hubbub__V1__PresenceUpdated *p)
{
    *e = (Hubbub__V1__Event)HUBBUB__V1__EVENT__INIT;
    e->presence_update = (Hubbub__V1__PresenceUpdated *)p;
    fanout_begin(f, e, 0);
    f->ephemeral = true;
}

void friends_presence(struct hub *h, const Hubbub__V1__PresenceUpdated *p)
{
    struct user *u = user_find(h, p->friend_id);
    struct session *x;
    struct fanout f;
    Hubbub__V1__Event e;
    if (!u)
        return;
    begin(&f, &e, p);
    DL_FOREACH2(u->sessions, x, next_of_user)
    tell(h, x, p, &f);
    fanout_end(h, &f);
}

void friends_on_presences(struct hub *h, struct ticket *t, status st, const Hubbub__V1__GetPresencesResponse *r)
{
    struct session *x = t->session;
    if (!x)
        return;
    x->friends_ticket = NULL;
    for (size_t i = 0; st == ST_OK && i < r->n_presences; i++) {
        struct fanout f;
        Hubbub__V1__Event e;
        begin(&f, &e, r->presences[i]);
        tell(h, x, r->presences[i], &f);
        fanout_end(h, &f);
    }
}
