/* voice.c - who is in which voice channel, as far as a session may see it, and what a session wants of it by op 4.
 *
 * The states are the guild's: chat stores them, the feed tells them, the replica holds them. What a session knows is at
 * each number of the feed the states of the channels that it views, and its own user's: one who goes to a channel that
 * it does not view has left, and a channel that it gains or loses comes with whoever is in it, or goes with them.
 *
 * Op 4 is a call to chat, one at a time for each guild of a session, with the newest wish next: so the last one wins. A
 * refusal is silence. Whose session ends is taken out at once; whose gateway is killed goes when nobody keeps them any
 * longer (voices_keep). */
#include "hubbub/v1/feeds.hub.h"
#include "services/gateway/core/state.h"

/* ---- Who is told ------------------------------------------------------------------------------------------------- */

void voice_telling_begin(struct voice_telling *v, const Hubbub__V1__VoiceState *state)
{
    v->state = state;
    v->gone_state = *state;
    v->gone_state.has_channel_id = false;
    v->gone_state.self_video = v->gone_state.self_stream = v->gone_state.suppress = false;
    hubbub__v1__event__init(&v->event);
    hubbub__v1__event__init(&v->gone_event);
    v->event.voice_state_update = (Hubbub__V1__VoiceState *)state;
    v->gone_event.voice_state_update = &v->gone_state;
    fanout_begin(&v->full, &v->event, 0);
    fanout_begin(&v->gone, &v->gone_event, 0);
}

void voice_telling_end(struct hub *h, struct voice_telling *v)
{
    fanout_end(h, &v->full);
    fanout_end(h, &v->gone);
}

static bool views(struct hold *hold, uint64_t channel_id)
{
    struct replica_channel *c = channel_id ? replica_channel(hold->scope->replica, channel_id) : NULL;
    return c && hold_views(hold, c);
}

static bool is_own(const struct hold *hold, const Hubbub__V1__VoiceState *state)
{
    return hold->session->user->id == state->user_id;
}

struct fanout *voice_telling_of(struct voice_telling *v, struct hold *hold)
{
    if (!session_has_intent(hold->session, v->full.row->intent))
        return NULL;
    if (is_own(hold, v->state) || views(hold, v->state->channel_id))
        return &v->full;
    return views(hold, v->state->left_channel_id) ? &v->gone : NULL;
}

bool voice_seen(struct hold *hold, const Hubbub__V1__VoiceState *state)
{
    return is_own(hold, state) || views(hold, state->channel_id);
}

void voice_tell_all(struct hub *h, struct scope *s, const Hubbub__V1__VoiceState *state)
{
    struct voice_telling v;
    struct hold *hold;
    voice_telling_begin(&v, state);
    DL_FOREACH(s->holds, hold)
    {
        struct fanout *f = hold->attached ? voice_telling_of(&v, hold) : NULL;
        if (f)
            fanout_give(h, f, hold);
    }
    voice_telling_end(h, &v);
}

/* One state, to those whose view of its channel is another than before. */
static void tell_view(struct hub *h, struct scope *s, const Hubbub__V1__VoiceState *state, unsigned index,
                      const struct user *only)
{
    struct voice_telling v;
    struct hold *hold;
    voice_telling_begin(&v, state);
    DL_FOREACH(s->holds, hold)
    {
        if (!hold->attached || !hold->before || (only && hold->session->user != only) || is_own(hold, state) ||
            !session_has_intent(hold->session, v.full.row->intent))
            continue;
        bool sees = views(hold, state->channel_id);
        if (sees != replica_viewed(hold->before, index))
            fanout_give(h, sees ? &v.full : &v.gone, hold);
    }
    voice_telling_end(h, &v);
}

void voice_views_changed(struct hub *h, struct scope *s, const struct user *only)
{
    for (struct replica_voice *v = s->replica->voices; v; v = v->hh.next) {
        const struct replica_channel *c = replica_channel(s->replica, v->state->channel_id);
        if (c)
            tell_view(h, s, v->state, c->index, only);
    }
}

/* ---- Op 4 -------------------------------------------------------------------------------------------------------- */

/* What a session wants in a guild, while chat is asked for it. */
struct voice_wish {
    uint64_t guild_id;
    Hubbub__V1__SetVoiceRequest *next; /* to ask for behind the one under way; NULL: nothing newer */
    struct ticket *ticket;             /* of the one under way */
    struct voice_wish *prev, *after;
};

static struct voice_wish *find_wish(struct session *x, uint64_t guild_id)
{
    struct voice_wish *w;
    DL_FOREACH2(x->voice_wishes, w, after)
    if (w->guild_id == guild_id)
        return w;
    w = memory_zeroed(sizeof *w);
    w->guild_id = guild_id;
    DL_APPEND2(x->voice_wishes, w, prev, after);
    return w;
}

static void drop_wish(struct session *x, struct voice_wish *w)
{
    DL_DELETE2(x->voice_wishes, w, prev, after);
    if (w->ticket)
        w->ticket->voice_wish = NULL;
    memory_free_message(w->next);
    free(w);
}

static void ask(struct hub *h, struct session *x, struct voice_wish *w)
{
    Hubbub__V1__SetVoiceRequest *request = w->next;
    struct ticket *t = w->ticket = ticket_create(h, TICKET_VOICE);
    t->voice_wish = w;
    t->session = x; /* dropped with the wish, at the latest when the session ends */
    w->next = NULL;
    h->io.voice(h->io.user, t->id, request);
    memory_free_message(request);
}

void voice_request(struct hub *h, struct session *x, const Hubbub__V1__VoiceStateInput *d)
{
    struct hold *hold = session_find_hold(x, d->guild_id);
    if (!hold || !hold->attached || !hold->membership)
        return;
    Hubbub__V1__SetVoiceRequest r = HUBBUB__V1__SET_VOICE_REQUEST__INIT;
    PB_SET(&r, guild_id, d->guild_id);
    PB_SET(&r, user_id, x->user->id);
    r.session_id = x->id;
    PB_SET(&r, channel_id, d->channel_id);
    PB_SET(&r, self_mute, d->self_mute);
    PB_SET(&r, self_deaf, d->self_deaf);
    PB_SET(&r, self_video, d->self_video);
    PB_SET(&r, self_stream, d->self_stream);
    struct voice_wish *w = find_wish(x, d->guild_id);
    memory_free_message(w->next);
    w->next = memory_copy_message(&r);
    if (!w->ticket)
        ask(h, x, w);
}

void hub_on_voice(struct hub *h, uint64_t ticket, status st, int64_t now_ms)
{
    hub_wake(h, now_ms);
    struct ticket *t = ticket_take(h, ticket, TICKET_VOICE);
    struct voice_wish *w = t ? t->voice_wish : NULL;
    if (w) {
        w->ticket = NULL;
        if (w->next)
            ask(h, t->session, w);
        else
            drop_wish(t->session, w);
    }
    ticket_free(t);
    hub_settle(h);
}

/* ---- The end of a session ---------------------------------------------------------------------------------------- */

static void leave(struct hub *h, struct session *x, uint64_t guild_id)
{
    Hubbub__V1__SetVoiceRequest r = HUBBUB__V1__SET_VOICE_REQUEST__INIT;
    PB_SET(&r, guild_id, guild_id);
    PB_SET(&r, user_id, x->user->id);
    r.session_id = x->id;
    PB_SET(&r, ended, true);
    h->io.voice(h->io.user, 0, &r);
}

void voice_forget(struct hub *h, struct session *x)
{
    for (const struct hold *hold = x->holds; hold; hold = hold->hh.next) {
        const Hubbub__V1__VoiceState *v =
            hold->membership && hold->scope->replica ? replica_voice(hold->scope->replica, x->user->id) : NULL;
        if (v && strcmp(v->session_id, x->id) == 0)
            leave(h, x, hold->scope_id);
    }
    while (x->voice_wishes) {
        leave(h, x, x->voice_wishes->guild_id); /* what was asked for may have come true */
        drop_wish(x, x->voice_wishes);
    }
}

/* ---- Keeping ----------------------------------------------------------------------------------------------------- */

enum { KEPT_AT_ONCE = 1000 };

struct keeping {
    struct hub *h;
    struct arena *arena;
    Hubbub__V1__KeepVoicesRequest request;
};

static void send_kept(struct keeping *k)
{
    k->h->io.voices_keep(k->h->io.user, &k->request);
    k->request.n_voices = 0;
}

static void keep(struct keeping *k, const Hubbub__V1__VoiceState *v)
{
    struct session *x;
    HASH_FIND_STR(k->h->by_session_id, v->session_id, x);
    if (!x)
        return;
    if (k->request.n_voices == KEPT_AT_ONCE)
        send_kept(k);
    Hubbub__V1__KeptVoice *kept = PB_NEW(k->arena, Hubbub__V1__KeptVoice, hubbub__v1__kept_voice);
    PB_SET(kept, guild_id, v->guild_id);
    PB_SET(kept, user_id, v->user_id);
    kept->session_id = v->session_id;
    k->request.voices[k->request.n_voices++] = kept;
}

/* Also when there is nothing to keep: the call removes what nobody keeps. */
void voices_keep(struct hub *h)
{
    if (h->now < h->voices_keep_at)
        return;
    h->voices_keep_at = h->now + VOICES_KEEP_MS;
    struct keeping k = {.h = h, .arena = arena_create(0), .request = HUBBUB__V1__KEEP_VOICES_REQUEST__INIT};
    k.request.voices = ARENA_ARRAY(k.arena, Hubbub__V1__KeptVoice *, KEPT_AT_ONCE);
    for (struct scope *s = h->scopes; s; s = s->hh.next)
        for (struct replica_voice *v = s->replica ? s->replica->voices : NULL; v; v = v->hh.next)
            keep(&k, v->state);
    send_kept(&k);
    arena_destroy(k.arena);
}
