/* apply.c - an entry's turn has come: the replica and the memberships are folded, then every attached session that may
 * see the entry is given it, inside one turn of the loop. Who may see a message is decided by the channel's
 * VIEW_CHANNEL as it stands at this number of the feed. When an entry changes who sees what, sessions that gain a
 * channel are given CHANNEL_CREATE, those that lose one CHANNEL_DELETE, and whoever is in voice there comes and goes
 * with it. */
#include "hubbub/v1/channels.hub.h"
#include "hubbub/v1/feeds.hub.h"
#include "lib/permission/permission.h"
#include "services/gateway/core/member_list.h"
#include "services/gateway/core/state.h"

/* One guild entry in its turn. */
struct turn {
    struct hub *h;
    struct scope *s;
    struct replica *r;
    uint64_t seq;
    uint64_t channel_id; /* decides who sees it; 0: everybody in the guild */
    uint64_t permission; /* ... who holds these bits there */
    const Hubbub__V1__Event *event;
};

static void fan_out(struct turn *t, const struct user *except)
{
    struct fanout f;
    fanout_begin(&f, t->event, t->channel_id);
    f.permission = t->permission;
    fanout_all(t->h, &f, t->s, except);
    fanout_end(t->h, &f);
}

/* ---- Gained and lost channels ------------------------------------------------------------------------------------ */

static bool concerns(const struct hold *hold, const struct user *only)
{
    return hold->attached && (!only || hold->session->user == only);
}

/* Before the fold: works out what everybody (or one user) sees. */
static void views_begin(struct turn *t, const struct user *only)
{
    struct hold *hold;
    DL_FOREACH(t->s->holds, hold)
    {
        if (!concerns(hold, only))
            continue;
        hold->before = hold_class(hold);
        replica_view_all(t->r, hold->before);
    }
}

static void send_channel(struct turn *t, struct fanout *made, unsigned index, bool gained, struct hold *hold)
{
    struct fanout *f = &made[index * 2 + gained];
    if (!f->row) {
        Hubbub__V1__Event e = HUBBUB__V1__EVENT__INIT;
        Hubbub__V1__Channel **field = gained ? &e.channel_create : &e.channel_delete;
        *field = t->r->channels[index]->channel;
        fanout_begin(f, &e, 0);
    }
    if (session_has_intent(hold->session, f->row->intent))
        fanout_give(t->h, f, hold);
}

static void compare_views(struct turn *t, struct fanout *made, struct hold *hold)
{
    struct view_class *now = hold_class(hold);
    if (now == hold->before)
        return;
    for (unsigned i = 0; i < t->r->n_channels; i++) {
        bool seen = replica_views(t->r, now, t->r->channels[i]);
        if (seen != replica_viewed(hold->before, i))
            send_channel(t, made, i, seen, hold);
    }
}

/* After the fold. */
static void views_end(struct turn *t, const struct user *only)
{
    struct fanout *made = memory_zeroed(t->r->n_channels * 2 * sizeof *made);
    struct hold *hold;
    DL_FOREACH(t->s->holds, hold)
    {
        if (concerns(hold, only) && hold->before)
            compare_views(t, made, hold);
    }
    voice_views_changed(t->h, t->s, only);
    DL_FOREACH(t->s->holds, hold)
    hold->before = NULL;
    for (unsigned i = 0; i < t->r->n_channels * 2; i++)
        fanout_end(t->h, &made[i]);
    free(made);
}

/* ---- Channels ---------------------------------------------------------------------------------------------------- */

static void channel_created(struct turn *t)
{
    const Hubbub__V1__Channel *c = t->event->channel_create;
    if (replica_put_channel(t->r, c))
        t->h->io.subscribe(t->h->io.user, true, HUB_TOPIC_CHANNEL, c->id);
    fan_out(t, NULL);
}

static void channel_updated(struct turn *t)
{
    const Hubbub__V1__Channel *c = t->event->channel_update;
    if (!replica_channel(t->r, c->id))
        return;
    uint64_t version = t->r->version;
    views_begin(t, NULL);
    replica_put_channel(t->r, c);
    if (t->r->version == version) {
        fan_out(t, NULL);
        return;
    }
    struct fanout f;
    fanout_begin(&f, t->event, c->id);
    unsigned index = replica_channel(t->r, c->id)->index;
    struct hold *hold;
    DL_FOREACH(t->s->holds, hold)
    if (hold->attached && replica_viewed(hold->before, index) && session_has_intent(hold->session, f.row->intent) &&
        hold_views(hold, t->r->channels[index]))
        fanout_give(t->h, &f, hold);
    fanout_end(t->h, &f);
    views_end(t, NULL);
}

static void channel_deleted(struct turn *t)
{
    struct replica_channel *c = replica_channel(t->r, t->event->channel_delete->id);
    if (!c)
        return;
    fan_out(t, NULL);
    t->h->io.subscribe(t->h->io.user, false, HUB_TOPIC_CHANNEL, c->id);
    replica_remove_channel(t->r, c);
}

static void message_created(struct turn *t)
{
    const Hubbub__V1__Message *m = t->event->message_create;
    struct replica_channel *c = replica_channel(t->r, m->channel_id);
    if (c) {
        c->channel->has_last_message_id = true;
        c->channel->last_message_id = m->id;
    }
    fan_out(t, NULL);
}

static void pins_updated(struct turn *t)
{
    const Hubbub__V1__PinsUpdated *p = t->event->pins_update;
    struct replica_channel *c = replica_channel(t->r, p->channel_id);
    if (c) {
        c->channel->has_last_pin_timestamp = p->has_last_pin_timestamp;
        c->channel->last_pin_timestamp = p->last_pin_timestamp;
    }
    fan_out(t, NULL);
}

static void voice_updated(struct turn *t)
{
    replica_put_voice(t->r, t->event->voice_state_update);
    voice_tell_all(t->h, t->s, t->event->voice_state_update);
}

static void passed_on(struct turn *t)
{
    fan_out(t, NULL);
}

/* ---- Guild and roles --------------------------------------------------------------------------------------------- */

static void guild_updated(struct turn *t)
{
    const Hubbub__V1__Guild *g = t->event->guild_update;
    bool decides = g->n_roles > 0 || g->owner_id != t->r->guild->owner_id;
    if (decides)
        views_begin(t, NULL);
    replica_put_guild(t->r, g);
    roster_roles(t->s);
    if (g->n_roles > 0)
        replica_retire_classes(t->r);
    Hubbub__V1__Event whole = HUBBUB__V1__EVENT__INIT;
    whole.guild_update = t->r->guild;
    const Hubbub__V1__Event *stored = t->event;
    t->event = &whole;
    fan_out(t, NULL);
    t->event = stored;
    if (decides)
        views_end(t, NULL);
}

static void emojis_updated(struct turn *t)
{
    replica_put_emojis(t->r, t->event->emojis_update);
    fan_out(t, NULL);
}

static void role_created(struct turn *t)
{
    replica_put_role(t->r, t->event->role_create->role);
    roster_roles(t->s);
    fan_out(t, NULL);
}

static void role_updated(struct turn *t)
{
    const Hubbub__V1__Role *role = t->event->role_update->role;
    bool decides = replica_role_decides(t->r, role);
    if (decides)
        views_begin(t, NULL);
    replica_put_role(t->r, role);
    roster_roles(t->s);
    fan_out(t, NULL);
    if (decides)
        views_end(t, NULL);
}

static void role_deleted(struct turn *t)
{
    views_begin(t, NULL);
    replica_remove_role(t->r, t->event->role_delete->role_id);
    roster_role_gone(t->s, t->event->role_delete->role_id);
    fan_out(t, NULL);
    views_end(t, NULL);
}

/* Everybody who is attached, or waits to be, is told that the guild is gone; nothing holds the scope any longer. */
static void guild_deleted(struct turn *t)
{
    struct hold *hold, *next;
    t->s->gone = true;
    DL_FOREACH_SAFE(t->s->holds, hold, next)
    {
        membership_set(hold->membership, NULL, t->seq);
        struct session *x = hold->session;
        bool attached = hold->attached;
        if (x->state != SESSION_OPEN)
            continue;
        hold_drop(t->h, hold);
        if (attached)
            ready_send_guild_deleted(t->h, x, t->s->id);
    }
}

/* ---- Members ----------------------------------------------------------------------------------------------------- */

/* What is known of a watched user, moved on. */
static struct user *fold_membership(struct turn *t, uint64_t user_id, const Hubbub__V1__Member *member)
{
    struct user *u = user_find(t->h, user_id);
    if (!u)
        return NULL;
    struct membership *m = user_membership(u, t->s->id, true);
    if (!m->known || t->seq > m->pos)
        membership_set(m, member, t->seq);
    return u;
}

static void member_added(struct turn *t)
{
    const Hubbub__V1__Member *member = t->event->member_add->member;
    if (!member || !member->user)
        return;
    t->s->members_at = t->seq;
    bool known = replica_member(t->r, member->user->id);
    struct user *u = fold_membership(t, member->user->id, member);
    replica_put_member(t->r, member, u);
    if (!known)
        t->r->member_count++;
    roster_member(t->h, t->s, member, t->seq);
    fan_out(t, u);
    struct session *x = NULL;
    if (u)
        DL_FOREACH2(u->sessions, x, next_of_user)
    if (x->state == SESSION_OPEN && session_takes_guild(x, t->s->id))
        session_hold(t->h, x, t->s);
    scope_mark_dirty(t->h, t->s);
}

/* To those with the intent, and to the member's own sessions always. */
static void fan_out_member_update(struct turn *t, const struct user *self)
{
    struct fanout f;
    fanout_begin(&f, t->event, 0);
    fanout_all(t->h, &f, t->s, self);
    struct hold *hold;
    if (self)
        DL_FOREACH(t->s->holds, hold)
    if (concerns(hold, self))
        fanout_give(t->h, &f, hold);
    fanout_end(t->h, &f);
}

static void member_updated(struct turn *t)
{
    const Hubbub__V1__Member *member = t->event->member_update->member;
    if (!member || !member->user)
        return;
    t->s->members_at = t->seq;
    struct user *u = user_find(t->h, member->user->id);
    if (u)
        views_begin(t, u);
    fold_membership(t, member->user->id, member);
    replica_put_member(t->r, member, u);
    roster_member(t->h, t->s, member, t->seq);
    fan_out_member_update(t, u);
    if (u)
        views_end(t, u);
}

static void member_removed(struct turn *t)
{
    const Hubbub__V1__User *user = t->event->member_remove->user;
    if (!user)
        return;
    t->s->members_at = t->seq;
    struct user *u = fold_membership(t, user->id, NULL);
    struct session *x = NULL;
    if (u)
        DL_FOREACH2(u->sessions, x, next_of_user)
        {
            struct hold *hold = session_find_hold(x, t->s->id);
            if (!hold || x->state != SESSION_OPEN)
                continue;
            if (hold->attached)
                ready_send_guild_deleted(t->h, x, t->s->id);
            hold_detach(t->h, hold);
            if (!hold->pending)
                hold_drop(t->h, hold);
        }
    fan_out(t, u);
    replica_remove_member(t->r, user->id);
    roster_member_gone(t->h, t->s, user->id, t->seq);
    if (t->r->member_count > 0)
        t->r->member_count--;
    Hubbub__V1__PresenceUser id = HUBBUB__V1__PRESENCE_USER__INIT;
    id.id = user->id;
    Hubbub__V1__PresenceUpdated offline = HUBBUB__V1__PRESENCE_UPDATED__INIT;
    offline.user = &id;
    replica_put_presence(t->r, &offline);
}

/* ---- Guild entries ----------------------------------------------------------------------------------------------- */

/* What each kind of entry does in a guild; the first field of the row is set in the event. Kinds that are not here
 * belong into no guild's feed. */
static const struct {
    size_t field;
    void (*apply)(struct turn *);
} guild_rules[] = {
#define RULE(name, function)                                                                                           \
    {                                                                                                                  \
        offsetof(Hubbub__V1__Event, name), function                                                                    \
    }
    RULE(message_create, message_created),
    RULE(message_update, passed_on),
    RULE(message_delete, passed_on),
    RULE(channel_create, channel_created),
    RULE(channel_update, channel_updated),
    RULE(channel_delete, channel_deleted),
    RULE(guild_update, guild_updated),
    RULE(guild_delete, guild_deleted),
    RULE(emojis_update, emojis_updated),
    RULE(role_create, role_created),
    RULE(role_update, role_updated),
    RULE(role_delete, role_deleted),
    RULE(member_add, member_added),
    RULE(member_update, member_updated),
    RULE(member_remove, member_removed),
    RULE(invite_create, passed_on),
    RULE(webhooks_update, passed_on),
    RULE(invite_delete, passed_on),
    RULE(ban_add, passed_on),
    RULE(ban_remove, passed_on),
    RULE(audit_entry, passed_on),
    RULE(pins_update, pins_updated),
    RULE(voice_state_update, voice_updated),
    RULE(message_delete_bulk, passed_on),
    RULE(reaction_add, passed_on),
    RULE(reaction_remove, passed_on),
    RULE(reactions_clear, passed_on),
    RULE(reactions_clear_all, passed_on),
#undef RULE
};

/* ---- Guild entries that a session catches up with -----------------------------------------------------------------
 */

static bool is_member(const Hubbub__V1__Member *m, const struct user *u)
{
    return m && m->user && m->user->id == u->id;
}

/* Whether what the user sees may be another after the entry than before: only one state of the guild is known. */
static bool decides_view(const struct hold *hold, const Hubbub__V1__Event *e)
{
    const struct user *u = hold->session->user;
    const Hubbub__V1__Guild *g = e->guild_update;
    return e->role_create || e->role_update || e->role_delete || e->channel_update || e->channel_delete ||
           e->guild_delete || (g && (g->n_roles || g->owner_id != hold->scope->replica->guild->owner_id)) ||
           (e->member_add && is_member(e->member_add->member, u)) ||
           (e->member_update && is_member(e->member_update->member, u)) ||
           (e->member_remove && e->member_remove->user && e->member_remove->user->id == u->id);
}

/* Sessions that are still before the entry would be shown older ones by a view that is not theirs. */
static void stop_catchups(struct hub *h, struct scope *s, const Hubbub__V1__Event *e)
{
    struct hold *hold;
    DL_FOREACH2(h->catchups, hold, next_catchup)
    if (hold->scope == s && hold->session->state == SESSION_OPEN && decides_view(hold, e))
        session_invalidate(h, hold->session);
}

static void apply_missed_voice(struct hub *h, struct hold *hold, const Hubbub__V1__VoiceState *state)
{
    struct voice_telling v;
    voice_telling_begin(&v, state);
    struct fanout *f = voice_telling_of(&v, hold);
    if (f)
        fanout_send(h, f, hold->session);
    voice_telling_end(h, &v);
}

static bool apply_missed_entry(struct hub *h, struct hold *hold, const Hubbub__V1__FeedEntry *e)
{
    if (decides_view(hold, e->event)) {
        session_invalidate(h, hold->session);
        return false;
    }
    if (e->event->voice_state_update) {
        apply_missed_voice(h, hold, e->event->voice_state_update);
        return true;
    }
    Hubbub__V1__Event event = *e->event;
    if (event.guild_update)
        event.guild_update = hold->scope->replica->guild;
    struct fanout f;
    fanout_begin(&f, &event, e->topic == hold->scope_id ? 0 : e->topic);
    f.permission = e->permission;
    if (fanout_concerns(&f, hold))
        fanout_send(h, &f, hold->session);
    fanout_end(h, &f);
    return true;
}

static void apply_guild_entry(struct hub *h, struct scope *s, const Hubbub__V1__FeedEntry *e)
{
    stop_catchups(h, s, e->event);
    struct turn t = {.h = h, .s = s, .r = s->replica, .seq = e->seq, .event = e->event};
    t.channel_id = e->topic == s->id ? 0 : e->topic;
    t.permission = e->permission;
    for (size_t i = 0; i < sizeof guild_rules / sizeof *guild_rules; i++)
        if (*(void *const *)((const char *)e->event + guild_rules[i].field)) {
            guild_rules[i].apply(&t);
            break;
        }
    replica_release_classes(s->replica);
    recent_note(&s->recent, e);
}

/* ---- User entries ------------------------------------------------------------------------------------------------ */

/* The session gets the guild once its feed has come to the position at which the user joined. */
static void guild_joined(struct hub *h, struct session *x, const Hubbub__V1__GuildMembership *joined)
{
    if (!session_takes_guild(x, joined->guild_id))
        return;
    struct scope *s = scope_ensure_guild(h, joined->guild_id);
    if (!s)
        return;
    struct hold *hold = session_hold(h, x, s);
    if (hold->attached && s->applied >= joined->position)
        return;
    hold->pending = true;
    if (joined->position > hold->want)
        hold->want = joined->position;
    scope_know(h, s, joined->position, 0);
    scope_mark_dirty(h, s);
}

/* The guild's own MEMBER_REMOVE detaches: it only has to be read. */
static void guild_left(struct hub *h, const Hubbub__V1__GuildMembership *left)
{
    struct scope *s = scope_find(h, left->guild_id);
    if (s)
        scope_know(h, s, left->position, 0);
}

static void tokens_revoked(struct hub *h, struct session *x, const Hubbub__V1__TokensRevoked *revoked)
{
    for (size_t i = 0; i < revoked->n_token_hashes; i++) {
        const ProtobufCBinaryData *hash = &revoked->token_hashes[i];
        if (hash->len != sizeof x->token_hash || memcmp(hash->data, x->token_hash, hash->len) != 0)
            continue;
        if (x->connection)
            connection_close(h, x->connection, 4004, "Authentication failed");
        session_end(h, x);
        return;
    }
}

static void send_event(struct hub *h, struct session *x, const Hubbub__V1__Event *e, bool direct)
{
    struct fanout f;
    fanout_begin(&f, e, 0);
    if (f.row && (!direct || session_has_intent(x, f.row->dm_intent)))
        fanout_send(h, &f, x);
    fanout_end(h, &f);
}

/* Bots are not told of DMs that are shown or closed, only of what is said there. */
static void tell_direct(struct hub *h, struct session *x, Hubbub__V1__Channel *channel, bool opened)
{
    Hubbub__V1__Event e = HUBBUB__V1__EVENT__INIT;
    *(opened ? &e.channel_create : &e.channel_delete) = channel;
    if (!x->identity.bot)
        send_event(h, x, &e, false);
}

/* Whether the group's own entry has put the user out, and the user's feed is still on its way to that. */
static bool is_out(const struct hold *direct)
{
    return direct && !direct->attached;
}

/* The session gets what the DM has after the position; while it was closed it went on getting that. */
static void direct_opened(struct hub *h, struct session *x, const Hubbub__V1__DirectOpened *d)
{
    if (!session_takes_directs(x) || is_out(session_find_hold(x, d->channel->id)))
        return;
    bool fresh = !scope_find(h, d->channel->id);
    struct scope *s = scope_ensure_live(h, SCOPE_DIRECT, d->channel->id, d->position);
    if (!s)
        return;
    if (fresh) {
        s->check = true;
        scope_arm(h, s, 0);
    }
    tell_direct(h, x, d->channel, true);
    if (!session_find_hold(x, s->id))
        hold_attach(h, session_hold(h, x, s), d->position);
}

/* Who left a group hears what was said before first: the group's own entry detaches, and this one waits for it. */
bool apply_must_wait(struct hub *h, const struct hold *own, const Hubbub__V1__FeedEntry *e)
{
    const Hubbub__V1__DirectClosed *d = e->event ? e->event->direct_closed : NULL;
    const struct hold *direct = d && d->left ? session_find_hold(own->session, d->channel->id) : NULL;
    if (!direct || !direct->attached || hold_position(direct) >= d->position)
        return false;
    scope_know(h, direct->scope, d->position, 0);
    return true;
}

static void direct_closed(struct hub *h, struct session *x, const Hubbub__V1__DirectClosed *d)
{
    struct hold *hold = session_find_hold(x, d->channel->id);
    if (!session_takes_directs(x) || (d->left && !hold))
        return;
    bool told = is_out(hold);
    if (d->left)
        hold_drop(h, hold);
    if (!told)
        tell_direct(h, x, d->channel, false);
}

static void apply_user_entry(struct hub *h, struct session *x, const Hubbub__V1__Event *e)
{
    if (e->guild_joined) {
        guild_joined(h, x, e->guild_joined);
    } else if (e->guild_left) {
        guild_left(h, e->guild_left);
    } else if (e->tokens_revoked) {
        tokens_revoked(h, x, e->tokens_revoked);
    } else if (e->direct_opened) {
        direct_opened(h, x, e->direct_opened);
    } else if (e->direct_closed) {
        direct_closed(h, x, e->direct_closed);
    } else {
        friends_fold(h, x, e);
        send_event(h, x, e, false);
    }
}

/* ---- Entries of DMs ---------------------------------------------------------------------------------------------- */

/* The hold stays until the user's own feed says so too: what that tells before is older. */
static void removed_from_direct(struct hub *h, struct hold *hold)
{
    Hubbub__V1__Channel gone = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&gone, id, hold->scope_id);
    PB_SET(&gone, type, CHANNEL_GROUP_DM);
    hold_detach(h, hold);
    tell_direct(h, hold->session, &gone, false);
}

/* Everybody is among the recipients as they are stored; to each it is told without them. */
static void direct_updated(struct hub *h, struct session *x, const Hubbub__V1__Channel *c)
{
    Hubbub__V1__Channel *view = memory_copy_message(c);
    Hubbub__V1__Event e = HUBBUB__V1__EVENT__INIT;
    size_t n = 0;
    for (size_t i = 0; i < view->n_recipients; i++) {
        Hubbub__V1__User *u = view->recipients[i];
        if (u->id == x->user->id)
            memory_free_message(u);
        else
            view->recipients[n++] = u;
    }
    view->n_recipients = n;
    e.channel_update = view;
    send_event(h, x, &e, true);
    memory_free_message(view);
}

static bool apply_direct_entry(struct hub *h, struct hold *hold, const Hubbub__V1__Event *e)
{
    struct session *x = hold->session;
    const Hubbub__V1__RecipientChanged *removed = e->recipient_remove;
    if (removed && removed->user && removed->user->id == x->user->id) {
        removed_from_direct(h, hold);
        return false;
    }
    if (e->channel_update)
        direct_updated(h, x, e->channel_update);
    else
        send_event(h, x, e, true);
    return true;
}

bool apply_held_entry(struct hub *h, struct hold *hold, const Hubbub__V1__FeedEntry *entry)
{
    if (!entry->event || hold->session->state != SESSION_OPEN)
        return true;
    if (hold->scope->kind == SCOPE_GUILD)
        return apply_missed_entry(h, hold, entry);
    if (hold->scope->kind == SCOPE_DIRECT)
        return apply_direct_entry(h, hold, entry->event);
    if (hold->catchup && move_is_claimed(hold->session) && (entry->event->guild_joined || entry->event->guild_left)) {
        session_invalidate(h, hold->session); /* it may have been told of the guild, or not */
        return false;
    }
    apply_user_entry(h, hold->session, entry->event);
    return true;
}

static void apply_to_holds(struct hub *h, struct scope *s, const Hubbub__V1__FeedEntry *e)
{
    struct hold *hold, *next;
    DL_FOREACH_SAFE(s->holds, hold, next)
    {
        if (!hold->attached || e->seq <= hold->from)
            continue;
        if (hold->catchup)
            catchup_queue(h, hold, e);
        else if (apply_must_wait(h, hold, e))
            catchup_start(h, hold, e->seq - 1);
        else
            apply_held_entry(h, hold, e);
    }
}

void apply_entry(struct hub *h, struct scope *s, const Hubbub__V1__FeedEntry *e)
{
    s->applied = e->seq;
    if (s->kind != SCOPE_GUILD)
        apply_to_holds(h, s, e);
    else if (e->event)
        apply_guild_entry(h, s, e);
    if (s->n_waiting > 0)
        scope_mark_dirty(h, s);
}

/* ---- Ephemeral events -------------------------------------------------------------------------------------------- */

static void apply_typing(struct hub *h, struct scope *s, const Hubbub__V1__Event *e)
{
    struct fanout f;
    fanout_begin(&f, e, e->typing_start->channel_id);
    f.ephemeral = true;
    fanout_all(h, &f, s, NULL);
    fanout_end(h, &f);
}

static void apply_direct_typing(struct hub *h, const Hubbub__V1__Event *e)
{
    struct scope *s = scope_find(h, e->typing_start->channel_id);
    if (!s || s->kind != SCOPE_DIRECT)
        return;
    struct fanout f;
    fanout_begin(&f, e, 0);
    f.ephemeral = true;
    struct hold *hold;
    DL_FOREACH(s->holds, hold)
    if (hold->attached && session_has_intent(hold->session, f.row->dm_intent))
        fanout_send(h, &f, hold->session);
    fanout_end(h, &f);
}

/* A user's own presence is never sent to them. */
static void apply_presence(struct hub *h, struct scope *s, const Hubbub__V1__Event *e)
{
    const Hubbub__V1__PresenceUpdated *p = e->presence_update;
    if (!p->user)
        return;
    replica_put_presence(s->replica, p);
    roster_presence(h, s, p);
    const struct user *self = user_find(h, p->user->id);
    struct fanout f;
    fanout_begin(&f, e, 0);
    f.ephemeral = true;
    struct hold *hold;
    DL_FOREACH(s->holds, hold)
    if (hold->attached && hold->session->user != self && session_has_intent(hold->session, f.row->intent) &&
        presence_concerns(hold, p->user->id))
        fanout_give(h, &f, hold);
    fanout_end(h, &f);
}

/* To the sessions of the user, when it is a person. */
static void apply_sessions(struct hub *h, const Hubbub__V1__Event *e)
{
    struct user *u = user_find(h, e->sessions_replace->user_id);
    struct hub_payload *p = NULL;
    struct session *x;
    if (!u)
        return;
    DL_FOREACH2(u->sessions, x, next_of_user)
    {
        if (x->state != SESSION_OPEN || x->identity.bot)
            continue;
        if (!p)
            p = payload_dispatch_field("SESSIONS_REPLACE", &hubbub__v1__sessions_replaced__wire, e->sessions_replace,
                                       "sessions");
        session_dispatch(h, x, p);
    }
    hub_payload_unref(h, p);
}

void apply_ephemeral(struct hub *h, const Hubbub__V1__Event *e)
{
    if (e->sessions_replace) {
        apply_sessions(h, e);
        return;
    }
    if (e->presence_update && e->presence_update->friend_id) {
        friends_presence(h, e->presence_update);
        return;
    }
    if (e->typing_start && !e->typing_start->guild_id) {
        apply_direct_typing(h, e);
        return;
    }
    uint64_t guild_id = e->typing_start      ? e->typing_start->guild_id
                        : e->presence_update ? e->presence_update->guild_id
                                             : 0;
    struct scope *s = guild_id ? scope_find(h, guild_id) : NULL;
    if (!s || s->kind != SCOPE_GUILD || s->state != SCOPE_LIVE)
        return;
    if (e->typing_start)
        apply_typing(h, s, e);
    else
        apply_presence(h, s, e);
}
