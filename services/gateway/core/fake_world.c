/* fake_world.c - the feeds, the bus and the questions: see fake_world.h. */
#include "services/gateway/core/fake_world.h"
#include "lib/permission/permission.h"
#include <limits.h>
#include <stdio.h>

enum { TICK_MS = 10, BUS_DELAY_MS = 2 };

uint64_t fake_user_id(unsigned user)
{
    return 100 + user;
}

uint64_t fake_guild_id(unsigned guild)
{
    return (uint64_t)(guild + 1) << 22;
}

uint64_t fake_direct_id(unsigned direct)
{
    return 500 + direct;
}

uint64_t fake_role_id(unsigned guild, unsigned role)
{
    return role == 0 ? fake_guild_id(guild) : fake_guild_id(guild) + role;
}

uint64_t fake_random(struct fake_world *w)
{
    uint64_t z = (w->random_state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void turned(struct fake_world *w)
{
    if (w->on_turn)
        w->on_turn(w);
}

/* ---- What is stored, as messages ------------------------------------------------------------------------------- */

static Hubbub__V1__Generation *make_generation(const struct fake_world *w, struct arena *a)
{
    Hubbub__V1__Generation *g = PB_NEW(a, Hubbub__V1__Generation, hubbub__v1__generation);
    PB_SET(g, system_id, w->system_id);
    PB_SET(g, timeline, w->timeline);
    return g;
}

static Hubbub__V1__User *make_user(struct arena *a, unsigned user)
{
    Hubbub__V1__User *u = PB_NEW(a, Hubbub__V1__User, hubbub__v1__user);
    PB_SET(u, id, fake_user_id(user));
    u->username = arena_printf(a, "user%u", user);
    return u;
}

static Hubbub__V1__Member *make_member(struct arena *a, const struct fake_world *w, unsigned guild, unsigned user)
{
    Hubbub__V1__Member *m = PB_NEW(a, Hubbub__V1__Member, hubbub__v1__member);
    m->user = make_user(a, user);
    PB_SET(m, joined_at, 1700000000000);
    m->roles = ARENA_ARRAY(a, uint64_t, FAKE_ROLES);
    for (unsigned r = 1; r < FAKE_ROLES; r++)
        if (w->guilds[guild].member_roles[user] >> r & 1)
            m->roles[m->n_roles++] = fake_role_id(guild, r);
    return m;
}

Hubbub__V1__Member *fake_member(const struct fake_world *w, unsigned guild, unsigned user, struct arena *a)
{
    return make_member(a, w, guild, user);
}

static void add_overwrite(struct arena *a, Hubbub__V1__Channel *c, uint64_t id, int type, uint64_t allow, uint64_t deny)
{
    Hubbub__V1__Overwrite *o = PB_NEW(a, Hubbub__V1__Overwrite, hubbub__v1__overwrite);
    PB_SET(o, id, id);
    PB_SET(o, type, type);
    PB_SET(o, allow, allow);
    PB_SET(o, deny, deny);
    c->permission_overwrites[c->n_permission_overwrites++] = o;
}

static Hubbub__V1__Channel *make_channel(struct arena *a, unsigned guild, const struct fake_channel *f)
{
    Hubbub__V1__Channel *c = PB_NEW(a, Hubbub__V1__Channel, hubbub__v1__channel);
    PB_SET(c, id, f->id);
    PB_SET(c, guild_id, fake_guild_id(guild));
    c->name = arena_printf(a, "channel-%u", (unsigned)f->id);
    if (f->last_message)
        PB_SET(c, last_message_id, f->last_message);
    c->permission_overwrites = ARENA_ARRAY(a, Hubbub__V1__Overwrite *, 3);
    if (f->hidden)
        add_overwrite(a, c, fake_guild_id(guild), 0, 0, PERM_VIEW_CHANNEL);
    if (f->shown_to)
        add_overwrite(a, c, f->shown_to, 0, PERM_VIEW_CHANNEL, 0);
    if (f->shown_to_user)
        add_overwrite(a, c, f->shown_to_user, 1, PERM_VIEW_CHANNEL, 0);
    return c;
}

static Hubbub__V1__Role *make_role(struct arena *a, const struct fake_world *w, unsigned guild, unsigned role)
{
    Hubbub__V1__Role *r = PB_NEW(a, Hubbub__V1__Role, hubbub__v1__role);
    PB_SET(r, id, fake_role_id(guild, role));
    r->name = arena_printf(a, "role%u", role);
    PB_SET(r, permissions, w->guilds[guild].role_permissions[role]);
    PB_SET(r, hoist, w->guilds[guild].hoisted[role] > 0);
    PB_SET(r, position, w->guilds[guild].hoisted[role]);
    return r;
}

bool fake_can_view(const struct fake_world *w, unsigned guild, unsigned channel, unsigned user)
{
    const struct fake_guild *g = &w->guilds[guild];
    const struct fake_channel *c = &g->channels[channel];
    if (!g->member[user] || g->deleted)
        return false;
    uint64_t base = g->role_permissions[0];
    bool shown = c->shown_to_user == fake_user_id(user);
    for (unsigned r = 1; r < FAKE_ROLES; r++)
        if (g->member_roles[user] >> r & 1) {
            base |= g->role_permissions[r];
            shown = shown || c->shown_to == fake_role_id(guild, r);
        }
    if (fake_user_id(user) == g->owner || (base & PERM_ADMINISTRATOR))
        return true;
    return shown || ((base & PERM_VIEW_CHANNEL) && !c->hidden);
}

/* ---- Feeds and the bus ------------------------------------------------------------------------------------------- */

static int *subscription(struct fake_world *w, enum hub_topic topic, uint64_t id)
{
    return &w->gateways[w->here].subscribed[topic][(id < 4096 ? id : id >> 22) % 4096];
}

static Hubbub__V1__BusMessage *make_bus(struct fake_world *w, const Hubbub__V1__FeedEntry *e)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__BusMessage *m = PB_NEW(a, Hubbub__V1__BusMessage, hubbub__v1__bus_message), *copy;
    m->generation = make_generation(w, a);
    m->entries = (Hubbub__V1__FeedEntry **)&e;
    m->n_entries = 1;
    copy = memory_copy_message(m);
    arena_destroy(a);
    return copy;
}

static void publish(struct fake_world *w, enum hub_topic topic, uint64_t id, Hubbub__V1__BusMessage *m)
{
    struct fake_bus *b = memory_zeroed(sizeof *b);
    *b = (struct fake_bus){.topic = topic, .id = id, .message = m, .at = w->now + BUS_DELAY_MS};
    DL_APPEND(w->bus, b);
}

void fake_push(struct fake_world *w, const struct fake_feed *f, uint64_t seq)
{
    Hubbub__V1__BusMessage *m = make_bus(w, f->entries[seq - 1].entry);
    hub_on_bus(w->hub, m, w->now);
    turned(w);
    memory_free_message(m);
}

static uint64_t take_xid(struct fake_world *w)
{
    return w->next_xid++;
}

uint64_t fake_begin(struct fake_world *w)
{
    uint64_t xid = take_xid(w);
    w->running[w->n_running++] = xid;
    return xid;
}

void fake_commit_as(struct fake_world *w, uint64_t xid)
{
    for (unsigned i = 0; i < w->n_running; i++)
        if (w->running[i] == xid) {
            w->running[i] = w->running[--w->n_running];
            break;
        }
    w->committing = xid;
}

/* The xid of the transaction that fake_commit_as() named, or a new one. */
static uint64_t commit_xid(struct fake_world *w)
{
    return w->committing ? w->committing : take_xid(w);
}

static void end_commit(struct fake_world *w)
{
    w->committing = 0;
}

static uint64_t append(struct fake_world *w, struct fake_feed *f, enum hub_topic kind, uint64_t topic,
                       Hubbub__V1__Event *event, uint64_t viewers, uint64_t xid)
{
    Hubbub__V1__FeedEntry e = HUBBUB__V1__FEED_ENTRY__INIT;
    f->entries = memory_resized(f->entries, (f->head + 1) * sizeof *f->entries);
    PB_SET(&e, scope_id, f->id);
    PB_SET(&e, seq, f->head + 1);
    PB_SET(&e, topic, topic);
    if (w->permission)
        PB_SET(&e, permission, w->permission);
    w->permission = 0;
    e.event = event;
    f->entries[f->head++] = (struct fake_entry){f->head, xid, viewers, memory_copy_message(&e)};
    f->entries[f->head - 1].seq = f->head;
    if (!w->deaf)
        publish(w, kind, kind == HUB_TOPIC_CHANNEL ? topic : f->id, make_bus(w, &e));
    return f->head;
}

static Hubbub__V1__Event *new_event(struct arena *a)
{
    return PB_NEW(a, Hubbub__V1__Event, hubbub__v1__event);
}

static uint64_t append_guild(struct fake_world *w, unsigned guild, uint64_t topic, Hubbub__V1__Event *e, uint64_t xid)
{
    return append(w, &w->guilds[guild].feed, HUB_TOPIC_GUILD, topic ? topic : fake_guild_id(guild), e, 0, xid);
}

static void append_user(struct fake_world *w, unsigned user, Hubbub__V1__Event *e, uint64_t xid)
{
    append(w, &w->users[user].feed, HUB_TOPIC_USER, fake_user_id(user), e, 0, xid);
}

/* ---- Changes ------------------------------------------------------------------------------------------------------
 */

uint64_t fake_mention(struct fake_world *w, unsigned guild, unsigned channel, unsigned author)
{
    w->mentioning = true;
    uint64_t seq = fake_message(w, guild, channel, author);
    w->mentioning = false;
    return seq;
}

uint64_t fake_message(struct fake_world *w, unsigned guild, unsigned channel, unsigned author)
{
    struct arena *a = arena_create(0);
    struct fake_guild *g = &w->guilds[guild];
    uint64_t seq = g->feed.head + 1, viewers = 0;
    Hubbub__V1__Event *e = new_event(a);
    Hubbub__V1__Message *m = e->message_create = PB_NEW(a, Hubbub__V1__Message, hubbub__v1__message);
    PB_SET(m, id, seq);
    PB_SET(m, channel_id, g->channels[channel].id);
    PB_SET(m, guild_id, fake_guild_id(guild));
    m->content = arena_printf(a, "text %u", (unsigned)seq);
    m->author = make_user(a, author);
    if (w->mentioning)
        PB_SET(m, mention_everyone, true);
    for (unsigned u = 0; u < FAKE_USERS; u++)
        if (fake_can_view(w, guild, channel, u))
            viewers |= UINT64_C(1) << u;
    g->channels[channel].last_message = seq;
    append(w, &g->feed, HUB_TOPIC_CHANNEL, g->channels[channel].id, e, viewers, commit_xid(w));
    end_commit(w);
    arena_destroy(a);
    return seq;
}

static Hubbub__V1__GuildMembership *make_membership(struct arena *a, unsigned guild, uint64_t position)
{
    Hubbub__V1__GuildMembership *m = PB_NEW(a, Hubbub__V1__GuildMembership, hubbub__v1__guild_membership);
    PB_SET(m, guild_id, fake_guild_id(guild));
    PB_SET(m, position, position);
    return m;
}

uint64_t fake_join(struct fake_world *w, unsigned guild, unsigned user)
{
    struct arena *a = arena_create(0);
    uint64_t xid = commit_xid(w);
    w->guilds[guild].member[user] = true;
    w->guilds[guild].member_roles[user] = 0;
    Hubbub__V1__Event *e = new_event(a), *own = new_event(a);
    e->member_add = PB_NEW(a, Hubbub__V1__GuildMember, hubbub__v1__guild_member);
    PB_SET(e->member_add, guild_id, fake_guild_id(guild));
    e->member_add->member = make_member(a, w, guild, user);
    uint64_t seq = append_guild(w, guild, 0, e, xid);
    own->guild_joined = make_membership(a, guild, seq);
    append_user(w, user, own, xid);
    end_commit(w);
    arena_destroy(a);
    return seq;
}

uint64_t fake_leave(struct fake_world *w, unsigned guild, unsigned user)
{
    struct arena *a = arena_create(0);
    uint64_t xid = commit_xid(w);
    w->guilds[guild].member[user] = false;
    Hubbub__V1__Event *e = new_event(a), *own = new_event(a);
    e->member_remove = PB_NEW(a, Hubbub__V1__GuildMemberRemoved, hubbub__v1__guild_member_removed);
    PB_SET(e->member_remove, guild_id, fake_guild_id(guild));
    e->member_remove->user = make_user(a, user);
    uint64_t seq = append_guild(w, guild, 0, e, xid);
    own->guild_left = make_membership(a, guild, seq);
    append_user(w, user, own, xid);
    end_commit(w);
    arena_destroy(a);
    return seq;
}

static uint64_t commit_guild(struct fake_world *w, unsigned guild, uint64_t topic, Hubbub__V1__Event *e,
                             struct arena *a)
{
    uint64_t seq = append_guild(w, guild, topic, e, commit_xid(w));
    end_commit(w);
    arena_destroy(a);
    return seq;
}

uint64_t fake_audit(struct fake_world *w, unsigned guild, uint64_t permission)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    e->audit_entry = PB_NEW(a, Hubbub__V1__AuditEntry, hubbub__v1__audit_entry);
    PB_SET(e->audit_entry, guild_id, fake_guild_id(guild));
    w->permission = permission;
    return commit_guild(w, guild, 0, e, a);
}

static Hubbub__V1__VoiceState *make_voice(struct arena *a, const struct fake_world *w, unsigned guild, unsigned user)
{
    const struct fake_guild *g = &w->guilds[guild];
    Hubbub__V1__VoiceState *v = PB_NEW(a, Hubbub__V1__VoiceState, hubbub__v1__voice_state);
    PB_SET(v, guild_id, fake_guild_id(guild));
    PB_SET(v, user_id, fake_user_id(user));
    if (g->voice[user])
        PB_SET(v, channel_id, g->voice[user]);
    v->session_id = (char *)g->voice_session[user];
    v->member = fake_member(w, guild, user, a);
    return v;
}

uint64_t fake_voice(struct fake_world *w, unsigned guild, unsigned user, int channel, const char *session_id)
{
    struct fake_guild *g = &w->guilds[guild];
    struct arena *a = arena_create(0);
    uint64_t left = g->voice[user];
    g->voice[user] = channel < 0 ? 0 : g->channels[channel].id;
    snprintf(g->voice_session[user], sizeof g->voice_session[user], "%s", session_id);
    Hubbub__V1__Event *e = new_event(a);
    e->voice_state_update = make_voice(a, w, guild, user);
    if (left && left != g->voice[user])
        PB_SET(e->voice_state_update, left_channel_id, left);
    return commit_guild(w, guild, 0, e, a);
}

uint64_t fake_set_roles(struct fake_world *w, unsigned guild, unsigned user, unsigned roles)
{
    struct arena *a = arena_create(0);
    w->guilds[guild].member_roles[user] = roles;
    Hubbub__V1__Event *e = new_event(a);
    e->member_update = PB_NEW(a, Hubbub__V1__GuildMember, hubbub__v1__guild_member);
    PB_SET(e->member_update, guild_id, fake_guild_id(guild));
    e->member_update->member = make_member(a, w, guild, user);
    return commit_guild(w, guild, 0, e, a);
}

uint64_t fake_set_role_permissions(struct fake_world *w, unsigned guild, unsigned role, uint64_t permissions)
{
    struct arena *a = arena_create(0);
    w->guilds[guild].role_permissions[role] = permissions;
    Hubbub__V1__Event *e = new_event(a);
    e->role_update = PB_NEW(a, Hubbub__V1__GuildRole, hubbub__v1__guild_role);
    PB_SET(e->role_update, guild_id, fake_guild_id(guild));
    e->role_update->role = make_role(a, w, guild, role);
    return commit_guild(w, guild, 0, e, a);
}

uint64_t fake_hoist(struct fake_world *w, unsigned guild, unsigned role, int position)
{
    w->guilds[guild].hoisted[role] = position;
    return fake_set_role_permissions(w, guild, role, w->guilds[guild].role_permissions[role]);
}

/* ---- The town -----------------------------------------------------------------------------------------------------
 */

static Hubbub__V1__Member *make_resident(unsigned resident, const char *nick, unsigned roles)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Member *m = PB_NEW(a, Hubbub__V1__Member, hubbub__v1__member), *copy;
    m->user = PB_NEW(a, Hubbub__V1__User, hubbub__v1__user);
    PB_SET(m->user, id, (uint64_t)TOWN + resident);
    m->user->username = arena_printf(a, "town%u", resident);
    m->nick = (char *)nick;
    m->roles = ARENA_ARRAY(a, uint64_t, FAKE_ROLES);
    for (unsigned r = 1; r < FAKE_ROLES; r++)
        if (roles >> r & 1)
            m->roles[m->n_roles++] = fake_role_id(0, r);
    copy = memory_copy_message(m);
    arena_destroy(a);
    return copy;
}

void fake_settle_town(struct fake_world *w, unsigned n, unsigned n_members)
{
    w->town = memory_zeroed(n * sizeof *w->town);
    w->n_town = n;
    for (unsigned i = 0; i < n_members; i++)
        w->town[i].member = make_resident(i, NULL, 0);
}

void fake_resident_set(struct fake_world *w, unsigned resident, const char *nick, unsigned roles)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    struct fake_resident *x = &w->town[resident];
    Hubbub__V1__GuildMember **field = x->member ? &e->member_update : &e->member_add;
    memory_free_message(x->member);
    x->member = make_resident(resident, nick, roles);
    *field = PB_NEW(a, Hubbub__V1__GuildMember, hubbub__v1__guild_member);
    PB_SET(*field, guild_id, fake_guild_id(0));
    (*field)->member = x->member;
    commit_guild(w, 0, 0, e, a);
}

void fake_resident_leave(struct fake_world *w, unsigned resident)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    e->member_remove = PB_NEW(a, Hubbub__V1__GuildMemberRemoved, hubbub__v1__guild_member_removed);
    PB_SET(e->member_remove, guild_id, fake_guild_id(0));
    e->member_remove->user = memory_copy_message(w->town[resident].member->user);
    memory_free_message(w->town[resident].member);
    w->town[resident].member = NULL;
    Hubbub__V1__User *user = e->member_remove->user;
    commit_guild(w, 0, 0, e, a);
    memory_free_message(user);
}

static Hubbub__V1__PresenceUpdated *make_presence(struct arena *a, uint64_t user_id, bool online)
{
    Hubbub__V1__PresenceUpdated *p = PB_NEW(a, Hubbub__V1__PresenceUpdated, hubbub__v1__presence_updated);
    p->user = PB_NEW(a, Hubbub__V1__PresenceUser, hubbub__v1__presence_user);
    PB_SET(p->user, id, user_id);
    p->status = arena_strdup(a, online ? "online" : "offline");
    return p;
}

void fake_presence(struct fake_world *w, unsigned guild, uint64_t user_id, bool online)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    e->presence_update = make_presence(a, user_id, online);
    PB_SET(e->presence_update, guild_id, fake_guild_id(guild));
    if (user_id >= TOWN)
        w->town[user_id - TOWN].online = online;
    fake_ephemeral(w, e);
    arena_destroy(a);
}

static uint64_t commit_channel_update(struct fake_world *w, unsigned guild, const struct fake_channel *c)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    e->channel_update = make_channel(a, guild, c);
    return commit_guild(w, guild, c->id, e, a);
}

uint64_t fake_add_channel(struct fake_world *w, unsigned guild)
{
    struct fake_guild *g = &w->guilds[guild];
    struct arena *a = arena_create(0);
    struct fake_channel *c = &g->channels[g->n_channels++];
    *c = (struct fake_channel){.id = ++w->last_channel};
    Hubbub__V1__Event *e = new_event(a);
    e->channel_create = make_channel(a, guild, c);
    return commit_guild(w, guild, c->id, e, a);
}

uint64_t fake_remove_channel(struct fake_world *w, unsigned guild, unsigned channel)
{
    struct fake_guild *g = &w->guilds[guild];
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    e->channel_delete = make_channel(a, guild, &g->channels[channel]);
    uint64_t id = g->channels[channel].id;
    g->channels[channel] = g->channels[--g->n_channels];
    return commit_guild(w, guild, id, e, a);
}

uint64_t fake_set_channel(struct fake_world *w, unsigned guild, unsigned channel, bool hidden, unsigned shown_to_role)
{
    struct fake_channel *c = &w->guilds[guild].channels[channel];
    c->hidden = hidden;
    c->shown_to = shown_to_role ? fake_role_id(guild, shown_to_role) : 0;
    return commit_channel_update(w, guild, c);
}

uint64_t fake_show_to_user(struct fake_world *w, unsigned guild, unsigned channel, unsigned user)
{
    struct fake_channel *c = &w->guilds[guild].channels[channel];
    c->shown_to_user = fake_user_id(user);
    return commit_channel_update(w, guild, c);
}

uint64_t fake_delete_guild(struct fake_world *w, unsigned guild)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    e->guild_delete = PB_NEW(a, Hubbub__V1__GuildDeleted, hubbub__v1__guild_deleted);
    PB_SET(e->guild_delete, id, fake_guild_id(guild));
    w->guilds[guild].deleted = w->guilds[guild].feed.closed = true;
    memset(w->guilds[guild].member, 0, sizeof w->guilds[guild].member);
    return commit_guild(w, guild, 0, e, a);
}

static Hubbub__V1__Channel *make_direct(struct arena *a, const struct fake_world *w, unsigned direct, int viewer)
{
    Hubbub__V1__Channel *c = PB_NEW(a, Hubbub__V1__Channel, hubbub__v1__channel);
    PB_SET(c, id, fake_direct_id(direct));
    PB_SET(c, type, CHANNEL_GROUP_DM);
    c->recipients = ARENA_ARRAY(a, Hubbub__V1__User *, FAKE_USERS);
    for (int u = 0; u < FAKE_USERS; u++)
        if (w->directs[direct].in[u] && u != viewer)
            c->recipients[c->n_recipients++] = make_user(a, (unsigned)u);
    return c;
}

static uint64_t commit_direct(struct fake_world *w, unsigned direct, Hubbub__V1__Event *e, struct arena *a)
{
    struct fake_feed *f = &w->directs[direct].feed;
    uint64_t seq = append(w, f, HUB_TOPIC_CHANNEL, f->id, e, 0, commit_xid(w));
    end_commit(w);
    arena_destroy(a);
    return seq;
}

void fake_show_direct(struct fake_world *w, unsigned direct, unsigned user)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    w->directs[direct].in[user] = w->directs[direct].shown[user] = true;
    e->direct_opened = PB_NEW(a, Hubbub__V1__DirectOpened, hubbub__v1__direct_opened);
    PB_SET(e->direct_opened, position, w->directs[direct].feed.head);
    e->direct_opened->channel = make_direct(a, w, direct, (int)user);
    append_user(w, user, e, commit_xid(w));
    end_commit(w);
    arena_destroy(a);
}

static void append_closed(struct fake_world *w, unsigned direct, unsigned user, uint64_t left_at)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    w->directs[direct].shown[user] = false;
    e->direct_closed = PB_NEW(a, Hubbub__V1__DirectClosed, hubbub__v1__direct_closed);
    PB_SET(e->direct_closed, left, left_at > 0);
    PB_SET(e->direct_closed, position, left_at);
    e->direct_closed->channel = make_direct(a, w, direct, (int)user);
    append_user(w, user, e, commit_xid(w));
    end_commit(w);
    arena_destroy(a);
}

void fake_close_direct(struct fake_world *w, unsigned direct, unsigned user)
{
    append_closed(w, direct, user, 0);
}

uint64_t fake_expel(struct fake_world *w, unsigned direct, unsigned user)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    w->directs[direct].in[user] = false;
    e->recipient_remove = PB_NEW(a, Hubbub__V1__RecipientChanged, hubbub__v1__recipient_changed);
    PB_SET(e->recipient_remove, channel_id, fake_direct_id(direct));
    e->recipient_remove->user = make_user(a, user);
    uint64_t seq = commit_direct(w, direct, e, a);
    append_closed(w, direct, user, seq);
    return seq;
}

uint64_t fake_direct_message(struct fake_world *w, unsigned direct, unsigned author)
{
    struct arena *a = arena_create(0);
    uint64_t seq = w->directs[direct].feed.head + 1;
    Hubbub__V1__Event *e = new_event(a);
    Hubbub__V1__Message *m = e->message_create = PB_NEW(a, Hubbub__V1__Message, hubbub__v1__message);
    PB_SET(m, id, seq);
    PB_SET(m, channel_id, fake_direct_id(direct));
    m->content = arena_printf(a, "text %u", (unsigned)seq);
    m->author = make_user(a, author);
    commit_direct(w, direct, e, a);
    for (unsigned u = 0; u < FAKE_USERS; u++)
        if (w->directs[direct].in[u])
            w->directs[direct].feed.entries[seq - 1].viewers |= UINT64_C(1) << u;
    return seq;
}

uint64_t fake_direct_update(struct fake_world *w, unsigned direct)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    e->channel_update = make_direct(a, w, direct, -1);
    return commit_direct(w, direct, e, a);
}

void fake_rename_user(struct fake_world *w, unsigned user)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    e->user_update = make_user(a, user);
    append_user(w, user, e, commit_xid(w));
    end_commit(w);
    arena_destroy(a);
}

static ProtobufCBinaryData token_hash(struct arena *a, unsigned user, unsigned token)
{
    uint8_t *hash = arena_alloc(a, 32);
    hash[0] = (uint8_t)user;
    hash[1] = (uint8_t)token;
    hash[2] = (uint8_t)(token >> 8);
    return (ProtobufCBinaryData){32, hash};
}

void fake_revoke(struct fake_world *w, unsigned user)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Event *e = new_event(a);
    e->tokens_revoked = PB_NEW(a, Hubbub__V1__TokensRevoked, hubbub__v1__tokens_revoked);
    ProtobufCBinaryData hash = token_hash(a, user, w->users[user].token++);
    e->tokens_revoked->token_hashes = &hash;
    e->tokens_revoked->n_token_hashes = 1;
    append_user(w, user, e, commit_xid(w));
    end_commit(w);
    arena_destroy(a);
}

void fake_truncate(struct fake_world *w, struct fake_feed *f)
{
    f->truncated = f->head;
    for (uint64_t i = 0; i < f->head; i++)
        if (f->entries[i].xid > w->truncated_xid)
            w->truncated_xid = f->entries[i].xid;
}

void fake_new_generation(struct fake_world *w)
{
    w->timeline++;
}

void fake_ephemeral(struct fake_world *w, const Hubbub__V1__Event *e)
{
    Hubbub__V1__BusMessage m = HUBBUB__V1__BUS_MESSAGE__INIT;
    m.ephemeral = (Hubbub__V1__Event **)&e;
    m.n_ephemeral = 1;
    hub_on_bus(w->hub, &m, w->now);
    turned(w);
}

/* ---- Answers ------------------------------------------------------------------------------------------------------
 */

static struct fake_feed *find_feed(struct fake_world *w, uint64_t scope)
{
    for (unsigned i = 0; i < FAKE_GUILDS; i++)
        if (w->guilds[i].feed.id == scope)
            return &w->guilds[i].feed;
    for (unsigned i = 0; i < FAKE_USERS; i++)
        if (w->users[i].feed.id == scope)
            return &w->users[i].feed;
    for (unsigned i = 0; i < FAKE_DIRECTS; i++)
        if (w->directs[i].feed.id == scope)
            return &w->directs[i].feed;
    return NULL;
}

static int find_guild(const struct fake_world *w, uint64_t id)
{
    for (int i = 0; i < FAKE_GUILDS; i++)
        if (w->guilds[i].feed.id == id)
            return i;
    return -1;
}

static uint64_t xmin(const struct fake_world *w)
{
    uint64_t min = w->next_xid;
    for (unsigned i = 0; i < w->n_running; i++)
        if (w->running[i] < min)
            min = w->running[i];
    return min;
}

static void add_head(Hubbub__V1__HeadsResponse *r, const struct fake_feed *f, uint64_t token, struct arena *a)
{
    uint64_t seq = 0;
    for (uint64_t i = 0; i < f->head; i++)
        if (f->entries[i].xid >= token && f->entries[i].seq > f->truncated)
            seq = f->entries[i].seq;
    if (seq == 0)
        return;
    Hubbub__V1__Head *h = PB_NEW(a, Hubbub__V1__Head, hubbub__v1__head);
    PB_SET(h, scope_id, f->id);
    PB_SET(h, seq, seq);
    r->heads[r->n_heads++] = h;
}

static status answer_heads(struct fake_world *w, const struct fake_question *q, struct arena *a, ProtobufCMessage **ret)
{
    Hubbub__V1__HeadsResponse *r = PB_NEW(a, Hubbub__V1__HeadsResponse, hubbub__v1__heads_response);
    r->generation = make_generation(w, a);
    PB_SET(r, token, xmin(w));
    PB_SET(r, started_at, w->database_started_at);
    r->heads = ARENA_ARRAY(a, Hubbub__V1__Head *, FAKE_GUILDS + FAKE_USERS + FAKE_DIRECTS);
    for (unsigned i = 0; q->flag && i < FAKE_GUILDS; i++)
        add_head(r, &w->guilds[i].feed, q->a, a);
    for (unsigned i = 0; q->flag && i < FAKE_USERS; i++)
        add_head(r, &w->users[i].feed, q->a, a);
    for (unsigned i = 0; q->flag && i < FAKE_DIRECTS; i++)
        add_head(r, &w->directs[i].feed, q->a, a);
    PB_SET(r, lapsed, q->flag && q->a <= w->truncated_xid);
    *ret = &r->base;
    return ST_OK;
}

static status answer_read(struct fake_world *w, const struct fake_question *q, struct arena *a, ProtobufCMessage **ret)
{
    struct fake_feed *f = find_feed(w, q->a);
    if (!f)
        return ST_NOT_FOUND;
    Hubbub__V1__ReadFeedResponse *r = PB_NEW(a, Hubbub__V1__ReadFeedResponse, hubbub__v1__read_feed_response);
    r->generation = make_generation(w, a);
    PB_SET(r, head, f->head);
    r->entries = ARENA_ARRAY(a, Hubbub__V1__FeedEntry *, w->read_limit);
    for (uint64_t i = q->b > f->truncated ? q->b : f->truncated; i < f->head && r->n_entries < w->read_limit; i++)
        r->entries[r->n_entries++] = f->entries[i].entry;
    *ret = &r->base;
    return ST_OK;
}

static void fill_guild(const struct fake_world *w, unsigned guild, Hubbub__V1__SnapshotResponse *r, struct arena *a)
{
    const struct fake_guild *f = &w->guilds[guild];
    Hubbub__V1__Guild *g = r->guild = PB_NEW(a, Hubbub__V1__Guild, hubbub__v1__guild);
    PB_SET(g, id, fake_guild_id(guild));
    g->name = arena_printf(a, "guild%u", guild);
    PB_SET(g, owner_id, f->owner);
    g->roles = ARENA_ARRAY(a, Hubbub__V1__Role *, FAKE_ROLES);
    for (unsigned i = 0; i < FAKE_ROLES; i++)
        g->roles[g->n_roles++] = make_role(a, w, guild, i);
    r->channels = ARENA_ARRAY(a, Hubbub__V1__Channel *, f->n_channels);
    for (unsigned i = 0; i < f->n_channels; i++)
        r->channels[r->n_channels++] = make_channel(a, guild, &f->channels[i]);
    r->members = ARENA_ARRAY(a, Hubbub__V1__Member *, FAKE_USERS);
    for (unsigned i = 0; i < FAKE_USERS; i++)
        if (f->member[i])
            r->members[r->n_members++] = make_member(a, w, guild, i);
    r->voice_states = ARENA_ARRAY(a, Hubbub__V1__VoiceState *, FAKE_USERS);
    for (unsigned i = 0; i < FAKE_USERS; i++)
        if (f->voice[i])
            r->voice_states[r->n_voice_states++] = make_voice(a, w, guild, i);
    uint32_t count = (uint32_t)r->n_members;
    for (unsigned i = 0; guild == 0 && i < w->n_town; i++)
        count += w->town[i].member != NULL;
    PB_SET(r, member_count, count);
}

static status answer_snapshot(struct fake_world *w, const struct fake_question *q, struct arena *a,
                              ProtobufCMessage **ret)
{
    int guild = find_guild(w, q->a);
    if (guild < 0 || w->guilds[guild].deleted)
        return ST_UNKNOWN_GUILD;
    Hubbub__V1__SnapshotResponse *r = PB_NEW(a, Hubbub__V1__SnapshotResponse, hubbub__v1__snapshot_response);
    r->generation = make_generation(w, a);
    PB_SET(r, head, w->guilds[guild].feed.head);
    fill_guild(w, (unsigned)guild, r, a);
    *ret = &r->base;
    return ST_OK;
}

static void fill_identity(const struct fake_world *w, unsigned user, unsigned token, Hubbub__V1__OpenSessionResponse *r,
                          struct arena *a)
{
    r->identity = PB_NEW(a, Hubbub__V1__Identity, hubbub__v1__identity);
    PB_SET(r->identity, user_id, fake_user_id(user));
    PB_SET(r->identity, bot, w->users[user].bot);
    PB_SET(r->identity, application_id, fake_user_id(user));
    PB_SET(r->identity, application_flags, w->users[user].application_flags);
    PB_SET(r->identity, token_hash, token_hash(a, user, token));
    r->user = PB_NEW(a, Hubbub__V1__Me, hubbub__v1__me);
    PB_SET(r->user, id, fake_user_id(user));
    r->user->username = arena_printf(a, "user%u", user);
}

static status answer_open(struct fake_world *w, const struct fake_question *q, struct arena *a, ProtobufCMessage **ret)
{
    unsigned user = 0, token = 0;
    if (sscanf(q->token, "token-%u-%u", &user, &token) != 2 || user >= FAKE_USERS || token != w->users[user].token)
        return ST_UNAUTHORIZED;
    Hubbub__V1__OpenSessionResponse *r = PB_NEW(a, Hubbub__V1__OpenSessionResponse, hubbub__v1__open_session_response);
    r->generation = make_generation(w, a);
    fill_identity(w, user, token, r, a);
    PB_SET(r, head, w->users[user].feed.head);
    PB_SET(r, xmin, xmin(w));
    r->guilds = ARENA_ARRAY(a, Hubbub__V1__OpenGuild *, FAKE_GUILDS);
    for (unsigned i = 0; i < FAKE_GUILDS; i++) {
        if (!w->guilds[i].member[user] || w->guilds[i].deleted)
            continue;
        Hubbub__V1__OpenGuild *g = r->guilds[r->n_guilds++] = PB_NEW(a, Hubbub__V1__OpenGuild, hubbub__v1__open_guild);
        PB_SET(g, guild_id, fake_guild_id(i));
        PB_SET(g, head, w->guilds[i].feed.head);
        g->member = make_member(a, w, i, user);
    }
    r->dms = ARENA_ARRAY(a, Hubbub__V1__DirectOpened *, FAKE_DIRECTS);
    for (unsigned i = 0; i < FAKE_DIRECTS; i++) {
        if (!w->directs[i].shown[user])
            continue;
        Hubbub__V1__DirectOpened *o = r->dms[r->n_dms++] =
            PB_NEW(a, Hubbub__V1__DirectOpened, hubbub__v1__direct_opened);
        PB_SET(o, position, w->directs[i].feed.head);
        o->channel = make_direct(a, w, i, (int)user);
    }
    *ret = &r->base;
    return ST_OK;
}

static status answer_member(struct fake_world *w, const struct fake_question *q, struct arena *a,
                            ProtobufCMessage **ret)
{
    int guild = find_guild(w, q->a);
    if (guild < 0 || w->guilds[guild].deleted)
        return ST_UNKNOWN_GUILD;
    Hubbub__V1__GetMemberResponse *r = PB_NEW(a, Hubbub__V1__GetMemberResponse, hubbub__v1__get_member_response);
    unsigned user = (unsigned)(q->b - fake_user_id(0));
    r->generation = make_generation(w, a);
    PB_SET(r, head, w->guilds[guild].feed.head);
    if (w->guilds[guild].member[user])
        r->member = make_member(a, w, (unsigned)guild, user);
    *ret = &r->base;
    return ST_OK;
}

static status answer_presences(struct fake_world *w, const struct fake_question *q, struct arena *a,
                               ProtobufCMessage **ret)
{
    Hubbub__V1__GetPresencesResponse *r =
        PB_NEW(a, Hubbub__V1__GetPresencesResponse, hubbub__v1__get_presences_response);
    r->presences = ARENA_ARRAY(a, Hubbub__V1__PresenceUpdated *, q->n_ids);
    for (size_t i = 0; i < q->n_ids; i++)
        if (q->ids[i] >= TOWN && w->town[q->ids[i] - TOWN].online)
            r->presences[r->n_presences++] = make_presence(a, q->ids[i], true);
    *ret = &r->base;
    return ST_OK;
}

static Hubbub__V1__Member *make_crowd_member(struct arena *a, uint64_t user_id)
{
    Hubbub__V1__Member *m = PB_NEW(a, Hubbub__V1__Member, hubbub__v1__member);
    m->user = PB_NEW(a, Hubbub__V1__User, hubbub__v1__user);
    PB_SET(m->user, id, user_id);
    m->user->username = arena_printf(a, "crowd%llu", (unsigned long long)user_id);
    return m;
}

static bool is_asked_for(const struct fake_question *q, const Hubbub__V1__Member *m)
{
    bool asked = !q->n_ids && strncmp(m->user->username, q->token, strlen(q->token)) == 0;
    for (size_t i = 0; i < q->n_ids; i++)
        asked |= q->ids[i] == m->user->id;
    return asked && m->user->id > q->b;
}

static status answer_members(struct fake_world *w, const struct fake_question *q, struct arena *a,
                             ProtobufCMessage **ret)
{
    int guild = find_guild(w, q->a);
    if (guild < 0 || w->guilds[guild].deleted)
        return ST_UNKNOWN_GUILD;
    Hubbub__V1__SearchMembersResponse *r =
        PB_NEW(a, Hubbub__V1__SearchMembersResponse, hubbub__v1__search_members_response);
    r->generation = make_generation(w, a);
    PB_SET(r, head, w->guilds[guild].feed.head);
    r->members = ARENA_ARRAY(a, Hubbub__V1__Member *, FAKE_USERS + w->crowd + w->n_town);
    uint32_t total = 0;
    for (unsigned i = 0; i < FAKE_USERS + w->crowd; i++) {
        if (i < FAKE_USERS && !w->guilds[guild].member[i])
            continue;
        Hubbub__V1__Member *m =
            i < FAKE_USERS ? make_member(a, w, (unsigned)guild, i) : make_crowd_member(a, CROWD + i - FAKE_USERS);
        total++;
        if (is_asked_for(q, m) && r->n_members < q->limit)
            r->members[r->n_members++] = m;
    }
    for (unsigned i = 0; guild == 0 && i < w->n_town; i++) {
        total += w->town[i].member != NULL;
        if (w->town[i].member && is_asked_for(q, w->town[i].member) && r->n_members < q->limit)
            r->members[r->n_members++] = w->town[i].member;
    }
    PB_SET(r, total, total);
    PB_SET(r, joined_by, w->now);
    *ret = &r->base;
    return ST_OK;
}

static status answer_take(struct fake_world *w, const struct fake_question *q, struct arena *a, ProtobufCMessage **ret)
{
    unsigned user = 0, token = 0, here = w->here;
    bool unsure = false;
    Hubbub__V1__TakeSessionResponse *best = NULL;
    Hubbub__V1__TakeSessionRequest r = HUBBUB__V1__TAKE_SESSION_REQUEST__INIT;
    sscanf(q->token, "token-%u-%u", &user, &token);
    r.session_id = q->session_id;
    PB_SET(&r, token_hash, token_hash(a, user, token));
    PB_SET(&r, seq, (int64_t)q->a);
    for (unsigned g = 0; g < w->n_gateways; g++) {
        if (g == q->gateway || !w->gateways[g].hub)
            continue;
        unsure |= w->gateways[g].hung_since && w->now - w->gateways[g].hung_since < FAKE_GONE_MS;
        if (w->gateways[g].hung_since)
            continue;
        Hubbub__V1__TakeSessionResponse *one =
            PB_NEW(a, Hubbub__V1__TakeSessionResponse, hubbub__v1__take_session_response);
        fake_use(w, g);
        hub_take(w->hub, &r, a, one, w->now);
        one = memory_copy_message(one);
        if (!best || one->outcome > best->outcome) {
            memory_free_message(best);
            best = one;
            w->taken_from = g;
        } else {
            memory_free_message(one);
        }
    }
    fake_use(w, here);
    if (!best)
        best = PB_NEW(a, Hubbub__V1__TakeSessionResponse, hubbub__v1__take_session_response);
    if (unsure && best->outcome < HUB_TAKE_UNSURE)
        PB_SET(best, outcome, HUB_TAKE_UNSURE);
    *ret = &best->base;
    return ST_OK;
}

static struct fake_question *ask(void *user, enum question_kind kind, uint64_t ticket);

static struct fake_tick *add_tick(struct fake_world *w, const char *id)
{
    struct fake_tick *t = memory_zeroed(sizeof *t);
    snprintf(t->id, sizeof t->id, "%s", id);
    LL_PREPEND(w->ticks, t);
    return t;
}

void fake_wipe(struct fake_world *w)
{
    while (w->ticks) {
        struct fake_tick *t = w->ticks;
        LL_DELETE(w->ticks, t);
        memory_free_message(t->move);
        free(t);
    }
}

static struct fake_tick *find_tick(struct fake_world *w, const char *id)
{
    struct fake_tick *t;
    LL_FOREACH(w->ticks, t)
    if (strcmp(t->id, id) == 0)
        return t;
    return NULL;
}

static void io_tick(void *user, const Hubbub__V1__SessionMove *m, const uint8_t token_hash[32])
{
    struct fake_world *w = user;
    struct fake_tick *last = find_tick(w, m->session_id), *t;
    if (w->redis_away)
        return;
    struct fake_question *q = ask(w, QUESTION_TICK, 0);
    q->session_id = memory_strdup(m->session_id);
    q->a = m->hop;
    q->b = !last || last->hop <= m->hop;
    if (!q->b)
        return;
    t = add_tick(w, m->session_id);
    t->hop = m->hop;
    t->hash = token_hash[0];
    t->move = memory_copy_message(m);
}

static void drop_tick(struct fake_tick *t)
{
    memory_free_message(t->move);
    t->move = NULL;
}

static void io_tick_drop(void *user, const char *session_id)
{
    struct fake_tick *t;
    LL_FOREACH(((struct fake_world *)user)->ticks, t)
    if (strcmp(t->id, session_id) == 0)
        drop_tick(t);
}

/* Of one that is killed: it does not come to it. */
static void io_tick_nothing(void *user, const char *session_id)
{
}

static status answer_confirm(struct fake_world *w, const struct fake_question *q, struct arena *a,
                             ProtobufCMessage **ret)
{
    unsigned here = w->here;
    Hubbub__V1__ConfirmMoveRequest r = HUBBUB__V1__CONFIRM_MOVE_REQUEST__INIT;
    Hubbub__V1__ConfirmMoveResponse *answer =
        PB_NEW(a, Hubbub__V1__ConfirmMoveResponse, hubbub__v1__confirm_move_response);
    if (q->b == HUB_FROM_TICK) {
        struct fake_tick *last = find_tick(w, q->session_id);
        PB_SET(answer, ok, last && last->hop == q->a);
        *ret = &answer->base;
        return ST_OK;
    }
    if (!w->gateways[q->b - 1].hub || w->gateways[q->b - 1].hung_since)
        return ST_UNAVAILABLE;
    r.session_id = q->session_id;
    PB_SET(&r, hop, q->a);
    fake_use(w, (unsigned)q->b - 1);
    PB_SET(answer, ok, hub_confirm(w->hub, &r, w->now));
    fake_use(w, here);
    *ret = &answer->base;
    return ST_OK;
}

/* Whether a session can go on from there, behind seq. */
static bool reaches(const Hubbub__V1__SessionMove *m, int64_t seq)
{
    return m->has_whole_from ? m->whole_from <= seq && seq <= m->s : m->s <= seq;
}

/* The newest that does; those past the seq are of a time that never was. */
static status answer_claim(struct fake_world *w, const struct fake_question *q, struct arena *a, ProtobufCMessage **ret)
{
    unsigned user = 0, token = 0;
    sscanf(q->token, "token-%u-%u", &user, &token);
    struct fake_tick *last = find_tick(w, q->session_id), *t;
    if (w->redis_away || !last || last->hash != user)
        return ST_NOT_FOUND;
    LL_FOREACH(w->ticks, t)
    if (strcmp(t->id, q->session_id) == 0 && t->move && t->move->s > (int64_t)q->a && !reaches(t->move, (int64_t)q->a))
        drop_tick(t);
    LL_FOREACH(w->ticks, t)
    if (strcmp(t->id, q->session_id) == 0 && t->move && reaches(t->move, (int64_t)q->a)) {
        last->hop += 1000; /* past what was taken since the last tick */
        PB_SET(t->move, hop, last->hop);
        *ret = &t->move->base;
        return ST_OK;
    }
    return ST_NOT_FOUND;
}

static status answer_tick(struct fake_world *w, const struct fake_question *q, struct arena *a, ProtobufCMessage **ret)
{
    return ST_OK;
}

static status (*const answers[QUESTION_KINDS])(struct fake_world *, const struct fake_question *, struct arena *,
                                               ProtobufCMessage **) = {
    answer_heads,   answer_read, answer_snapshot, answer_open,  answer_member, answer_presences,
    answer_members, answer_take, answer_confirm,  answer_claim, answer_tick,
};

void fake_serve(struct fake_world *w, struct fake_question *q, status st)
{
    struct arena *a = arena_create(0);
    ProtobufCMessage *answer = NULL;
    q->served = true;
    q->st = st == ST_OK ? answers[q->kind](w, q, a, &answer) : st;
    q->answer = memory_copy_message(answer);
    if (q->kind == QUESTION_TAKE)
        q->b = w->taken_from + 1;
    arena_destroy(a);
}

static void free_question(struct fake_world *w, struct fake_question *q)
{
    DL_DELETE(w->questions, q);
    memory_free_message(q->answer);
    free(q->token);
    free(q->session_id);
    free(q->ids);
    free(q);
}

void fake_lose(struct fake_question *q)
{
    memory_free_message(q->answer);
    q->answer = NULL;
    q->st = ST_DEADLINE;
}

void fake_drop(struct fake_world *w, struct fake_question *q)
{
    free_question(w, q);
}

void fake_deliver(struct fake_world *w, struct fake_question *q)
{
    const void *m = q->answer;
    const Hubbub__V1__TakeSessionResponse *taken = m;
    const Hubbub__V1__ConfirmMoveResponse *confirmed = m;
    unsigned here = fake_use(w, q->gateway);
    switch (q->kind) {
    case QUESTION_HEADS:
        hub_on_heads(w->hub, q->ticket, q->st, m, w->now);
        break;
    case QUESTION_READ:
        hub_on_read(w->hub, q->ticket, q->st, m, w->now);
        break;
    case QUESTION_SNAPSHOT:
        hub_on_snapshot(w->hub, q->ticket, q->st, m, w->now);
        break;
    case QUESTION_OPEN:
        hub_on_open(w->hub, q->ticket, q->st, m, w->now);
        break;
    case QUESTION_MEMBER:
        hub_on_member(w->hub, q->ticket, q->st, m, w->now);
        break;
    case QUESTION_PRESENCES:
        hub_on_presences(w->hub, q->ticket, q->st, m, w->now);
        break;
    case QUESTION_MEMBERS:
        hub_on_members(w->hub, q->ticket, q->st, m, w->now);
        break;
    case QUESTION_TAKE:
        hub_on_take(w->hub, q->ticket, q->st == ST_OK ? taken->outcome : HUB_TAKE_UNSURE, q->b,
                    q->st == ST_OK ? taken->session : NULL, w->now);
        break;
    case QUESTION_CONFIRM:
        hub_on_confirm(w->hub, q->ticket, q->st, q->st == ST_OK && confirmed->ok, w->now);
        break;
    case QUESTION_CLAIM:
        hub_on_claim(w->hub, q->ticket, q->st == ST_NOT_FOUND ? ST_OK : q->st, q->st == ST_OK ? m : NULL, w->now);
        break;
    case QUESTION_TICK:
        if (q->st == ST_OK)
            hub_on_tick(w->hub, q->session_id, q->a, q->b, q->at, w->now);
        break;
    case QUESTION_KINDS:
        break;
    }
    free_question(w, q);
    fake_use(w, here);
    turned(w);
}

struct fake_question *fake_find(struct fake_world *w, enum question_kind kind)
{
    struct fake_question *q;
    DL_FOREACH(w->questions, q)
    if (q->kind == kind)
        return q;
    return NULL;
}

bool fake_fail(struct fake_world *w, enum question_kind kind, status st)
{
    struct fake_question *q = fake_find(w, kind);
    if (!q)
        return false;
    fake_serve(w, q, st);
    fake_deliver(w, q);
    return true;
}

bool fake_answer(struct fake_world *w, enum question_kind kind)
{
    return fake_fail(w, kind, ST_OK);
}

/* ---- What the hub asks ---------------------------------------------------------------------------------------------
 */

static struct fake_question *ask(void *user, enum question_kind kind, uint64_t ticket)
{
    struct fake_world *w = user;
    struct fake_question *q = memory_zeroed(sizeof *q);
    q->kind = kind;
    q->ticket = ticket;
    q->gateway = w->here;
    q->at = w->now;
    w->asked[kind]++;
    DL_APPEND(w->questions, q);
    return q;
}

static void io_heads(void *user, uint64_t ticket, bool has_token, uint64_t token)
{
    struct fake_question *q = ask(user, QUESTION_HEADS, ticket);
    q->flag = has_token;
    q->a = token;
}

static void io_read(void *user, uint64_t ticket, uint64_t scope_id, uint64_t after)
{
    struct fake_question *q = ask(user, QUESTION_READ, ticket);
    q->a = scope_id;
    q->b = after;
}

static void io_snapshot(void *user, uint64_t ticket, uint64_t guild_id, const uint64_t *user_ids, size_t n)
{
    struct fake_question *q = ask(user, QUESTION_SNAPSHOT, ticket);
    q->a = guild_id;
    q->ids = memory_zeroed(n * sizeof *q->ids);
    q->n_ids = n;
    if (n)
        memcpy(q->ids, user_ids, n * sizeof *q->ids);
}

static void io_take(void *user, uint64_t ticket, const char *session_id, const char *token, int64_t seq, bool again)
{
    struct fake_question *q = ask(user, QUESTION_TAKE, ticket);
    q->session_id = memory_strdup(session_id);
    q->token = memory_strdup(token);
    q->a = (uint64_t)seq;
}

static void io_confirm(void *user, uint64_t ticket, uint64_t from, const char *session_id, uint64_t hop)
{
    struct fake_question *q = ask(user, QUESTION_CONFIRM, ticket);
    q->session_id = memory_strdup(session_id);
    q->a = hop;
    q->b = from;
}

static void io_claim(void *user, uint64_t ticket, const char *session_id, const char *token, int64_t seq)
{
    struct fake_question *q = ask(user, QUESTION_CLAIM, ticket);
    q->session_id = memory_strdup(session_id);
    q->token = memory_strdup(token);
    q->a = (uint64_t)seq;
}

static void io_presence_moved(void *user, const char *session_id)
{
    ((struct fake_world *)user)->presences_moved++;
}

static void io_open(void *user, uint64_t ticket, const struct hub_opening *o)
{
    ((struct fake_world *)user)->identifies += o->identify;
    ask(user, QUESTION_OPEN, ticket)->token = memory_strdup(o->token);
}

static void io_seat(void *user, uint64_t user_id, const char *session_id, bool taken)
{
    struct fake_world *w = user;
    w->seats_taken += taken;
    w->seats_left += !taken;
}

static void io_member(void *user, uint64_t ticket, uint64_t guild_id, uint64_t user_id)
{
    struct fake_question *q = ask(user, QUESTION_MEMBER, ticket);
    q->a = guild_id;
    q->b = user_id;
}

static void io_members(void *user, uint64_t ticket, const Hubbub__V1__SearchMembersRequest *r)
{
    struct fake_question *q = ask(user, QUESTION_MEMBERS, ticket);
    q->a = r->guild_id;
    q->b = r->after;
    q->limit = r->limit;
    q->token = memory_strdup(r->query ? r->query : "");
    q->n_ids = r->n_user_ids;
    q->ids = memory_zeroed(q->n_ids * sizeof *q->ids);
    if (q->n_ids)
        memcpy(q->ids, r->user_ids, q->n_ids * sizeof *q->ids);
}

static void io_presences(void *user, uint64_t ticket, const uint64_t *user_ids, size_t n)
{
    struct fake_question *q = ask(user, QUESTION_PRESENCES, ticket);
    q->ids = memory_zeroed(n * sizeof *q->ids);
    q->n_ids = n;
    if (n)
        memcpy(q->ids, user_ids, n * sizeof *q->ids);
}

static void io_subscribe(void *user, bool on, enum hub_topic topic, uint64_t id)
{
    int *count = subscription(user, topic, id);
    *count += on ? 1 : -1;
    if (*count < 0 || *count > 1)
        log_fatal("topic %d of %llu subscribed %d times", topic, (unsigned long long)id, *count);
}

static void io_presence(void *user, const Hubbub__V1__SessionPresence *p)
{
    struct fake_world *w = user;
    memory_free_message(w->last_presence);
    w->last_presence = memory_copy_message(p);
}

static void io_voice(void *user, uint64_t ticket, const Hubbub__V1__SetVoiceRequest *r)
{
    struct fake_world *w = user;
    memory_free_message(w->last_voice);
    w->last_voice = memory_copy_message(r);
    w->voice_ticket = ticket;
    w->voices_asked++;
}

static void io_voices_keep(void *user, const Hubbub__V1__KeepVoicesRequest *r)
{
    struct fake_world *w = user;
    w->voices_kept = (unsigned)r->n_voices;
}

static void keep_frame(struct fake_client *c, const struct hub_payload *p, int64_t s)
{
    if (c->n_frames == c->cap_frames) {
        c->cap_frames = c->cap_frames ? c->cap_frames * 2 : 32;
        c->frames = memory_resized(c->frames, c->cap_frames * sizeof *c->frames);
    }
    char tail[24] = "", *text = memory_zeroed(p->len + sizeof tail);
    if (s >= 0)
        if (snprintf(tail, sizeof tail, "%10lld}", (long long)s) != HUB_TAIL_BYTES)
            log_fatal("an s of %lld", (long long)s);
    memcpy(text, p->data, p->len);
    memcpy(text + p->len, tail, sizeof tail);
    c->frames[c->n_frames++] = (struct fake_frame){s, text};
}

static void note_dispatch(struct fake_client *c, int64_t s, json_t *root)
{
    const char *name = json_string_value(json_object_get(root, "t"));
    if (json_integer_value(json_object_get(root, "s")) != s)
        log_fatal("a frame's s is not the session's");
    c->seq = s;
    if (strcmp(name, "READY") == 0) {
        c->ready = true;
        snprintf(c->session_id, sizeof c->session_id, "%s",
                 json_string_value(json_object_get(json_object_get(root, "d"), "session_id")));
    }
}

static void io_send(void *user, void *edge, struct hub_payload *p, int64_t s)
{
    struct fake_client *c = edge;
    if (!c->open)
        return;
    keep_frame(c, p, s);
    json_t *root = json_loads(c->frames[c->n_frames - 1].text, JSON_REJECT_DUPLICATES, NULL);
    if (!root)
        log_fatal("not JSON: %s", c->frames[c->n_frames - 1].text);
    if (s >= 0)
        note_dispatch(c, s, root);
    else if (json_integer_value(json_object_get(root, "op")) == 9)
        c->invalid = true;
    else if (json_integer_value(json_object_get(root, "op")) == 7)
        c->sent_away = true;
    json_decref(root);
}

static void io_close(void *user, void *edge, uint16_t code, const char *reason)
{
    struct fake_client *c = edge;
    c->close_code = code;
}

static void io_payload_free(void *user, void *cache)
{
    ((struct fake_world *)user)->payloads++;
}

static void io_command(void *user, void *edge, const struct hub_identity *who, int64_t op, struct wire_json *d)
{
    ((struct fake_world *)user)->commands++;
}

static uint64_t io_random(void *user)
{
    return fake_random(user);
}

/* ---- The world -----------------------------------------------------------------------------------------------------
 */

static void lay_out(struct fake_world *w)
{
    static const bool first_members[FAKE_GUILDS][FAKE_USERS] = {
        {true, true, true}, {true, true}, {false, false, false, true}};
    for (unsigned u = 0; u < FAKE_USERS; u++)
        w->users[u].feed.id = fake_user_id(u);
    for (unsigned i = 0; i < FAKE_DIRECTS; i++)
        w->directs[i].feed.id = fake_direct_id(i);
    for (unsigned g = 0; g < FAKE_GUILDS; g++) {
        struct fake_guild *guild = &w->guilds[g];
        guild->feed.id = fake_guild_id(g);
        guild->owner = fake_user_id(g == 2 ? 3 : 0);
        for (unsigned r = 0; r < FAKE_ROLES; r++)
            guild->role_permissions[r] = r == 0 ? PERM_VIEW_CHANNEL | PERM_SEND_MESSAGES : 0;
        w->deaf = true;
        fake_add_channel(w, g);
        for (unsigned u = 0; u < FAKE_USERS; u++)
            if (first_members[g][u])
                fake_join(w, g, u);
        w->deaf = false;
    }
}

static void start_gateway(struct fake_world *w, unsigned gateway)
{
    static const char *const names[FAKE_GATEWAYS] = {"gateway-1", "gateway-2", "gateway-3"};
    struct hub_config config = {
        .heartbeat_interval_ms = 30000,
        .identify_timeout_ms = 15000,
        .session_linger_ms = 180000,
        .ring_events_max = 1024,
        .ring_ephemeral_max = 128,
        .sessions_max = 1000,
        .connections_max = 1000,
        .identifies_asked_max = 48,
        .identifies_waiting_max = 1000,
        .frame_bytes_max_bot = 4096,
        .frame_bytes_max_user = 16384,
        .frames = {120, 60000},
        .presences = {5, 20000},
        .user_sessions_max = 50,
        .gateway_id = names[gateway],
        .resume_url = "ws://127.0.0.1:8081",
    };
    struct hub_io io = {.user = w,
                        .heads = io_heads,
                        .read = io_read,
                        .snapshot = io_snapshot,
                        .open = io_open,
                        .seat = io_seat,
                        .member = io_member,
                        .members = io_members,
                        .presences = io_presences,
                        .take = io_take,
                        .confirm = io_confirm,
                        .tick = io_tick,
                        .tick_drop = io_tick_drop,
                        .claim = io_claim,
                        .presence_moved = io_presence_moved,
                        .subscribe = io_subscribe,
                        .presence = io_presence,
                        .voice = io_voice,
                        .voices_keep = io_voices_keep,
                        .send = io_send,
                        .close = io_close,
                        .payload_free = io_payload_free,
                        .command = io_command,
                        .random = io_random};
    if (w->n_gateways == 1)
        io.take = NULL, io.claim = NULL; /* alone */
    w->gateways[gateway].hub = hub_create(&config, &io, w->now);
}

static void add_gateway(struct fake_world *w)
{
    w->n_gateways++;
    start_gateway(w, w->n_gateways - 1);
    if (w->n_gateways == 2)
        w->gateways[0].hub->io.take = io_take, w->gateways[0].hub->io.claim = io_claim;
}

unsigned fake_use(struct fake_world *w, unsigned gateway)
{
    unsigned before = w->here;
    w->here = gateway;
    w->hub = w->gateways[gateway].hub;
    return before;
}

unsigned fake_add_gateway(struct fake_world *w)
{
    add_gateway(w);
    return w->n_gateways - 1;
}

void fake_kill(struct fake_world *w, unsigned gateway)
{
    unsigned here = fake_use(w, gateway);
    for (unsigned i = 0; i < w->n_clients; i++)
        if (w->clients[i]->gateway == gateway)
            w->clients[i]->open = false;
    w->hub->io.tick_drop = io_tick_nothing;
    hub_destroy(w->hub);
    w->gateways[gateway] = (struct fake_gateway){0};
    struct fake_question *q, *next;
    DL_FOREACH_SAFE(w->questions, q, next)
    if (q->gateway == gateway)
        free_question(w, q);
    fake_use(w, here);
}

void fake_hang(struct fake_world *w, unsigned gateway, bool hangs)
{
    w->gateways[gateway].hung_since = hangs ? w->now : 0;
}

void fake_revive(struct fake_world *w, unsigned gateway)
{
    start_gateway(w, gateway);
}

struct fake_world *fake_create(uint64_t seed)
{
    struct fake_world *w = memory_zeroed(sizeof *w);
    w->now = 1000000;
    w->random_state = seed;
    w->system_id = 7;
    w->timeline = 1;
    w->next_xid = 100;
    w->database_started_at = 1;
    w->last_channel = 1000;
    w->read_limit = 200;
    lay_out(w);
    add_gateway(w);
    fake_use(w, 0);
    return w;
}

static void free_feed(struct fake_feed *f)
{
    for (uint64_t i = 0; i < f->head; i++)
        memory_free_message(f->entries[i].entry);
    free(f->entries);
}

static void free_client(struct fake_client *c)
{
    for (unsigned i = 0; i < c->n_frames; i++)
        free(c->frames[i].text);
    free(c->frames);
    free(c);
}

static void free_bus(struct fake_world *w, struct fake_bus *b)
{
    DL_DELETE(w->bus, b);
    memory_free_message(b->message);
    free(b);
}

void fake_destroy(struct fake_world *w)
{
    for (unsigned g = 0; g < w->n_gateways; g++) {
        fake_use(w, g);
        hub_destroy(w->hub);
        for (unsigned t = 0; t < 3; t++)
            for (unsigned i = 0; i < 4096; i++)
                if (w->gateways[g].subscribed[t][i] != 0)
                    log_fatal("topic %u of %u stays subscribed", t, i);
    }
    while (w->questions)
        free_question(w, w->questions);
    while (w->bus)
        free_bus(w, w->bus);
    for (unsigned i = 0; i < FAKE_GUILDS; i++)
        free_feed(&w->guilds[i].feed);
    for (unsigned i = 0; i < FAKE_USERS; i++)
        free_feed(&w->users[i].feed);
    for (unsigned i = 0; i < FAKE_DIRECTS; i++)
        free_feed(&w->directs[i].feed);
    for (unsigned i = 0; i < w->n_clients; i++)
        free_client(w->clients[i]);
    memory_free_message(w->last_presence);
    memory_free_message(w->last_voice);
    for (unsigned i = 0; i < w->n_town; i++)
        memory_free_message(w->town[i].member);
    free(w->town);
    fake_wipe(w);
    free(w);
}

void fake_bus_deliver(struct fake_world *w, struct fake_bus *b, bool lost, bool twice)
{
    fake_bus_deliver_to(w, b, lost ? 0 : UINT_MAX, twice);
}

void fake_bus_deliver_to(struct fake_world *w, struct fake_bus *b, unsigned gateways, bool twice)
{
    unsigned here = w->here;
    for (unsigned i = 0; i < (1 + twice) * w->n_gateways; i++) {
        fake_use(w, i % w->n_gateways);
        if (w->hub && !w->gateways[w->here].hung_since && (gateways >> w->here & 1) &&
            *subscription(w, b->topic, b->id)) {
            hub_on_bus(w->hub, b->message, w->now);
            turned(w);
        }
    }
    fake_use(w, here);
    free_bus(w, b);
}

void fake_tick(struct fake_world *w, int64_t ms)
{
    unsigned here = w->here;
    w->now += ms;
    for (unsigned g = 0; g < w->n_gateways; g++) {
        fake_use(w, g);
        if (w->hub && !w->gateways[g].hung_since)
            hub_tick(w->hub, w->now);
    }
    fake_use(w, here);
    turned(w);
}

static void deliver_bus(struct fake_world *w)
{
    struct fake_bus *b, *next;
    DL_FOREACH_SAFE(w->bus, b, next)
    if (b->at <= w->now)
        fake_bus_deliver(w, b, false, false);
}

static void answer_all(struct fake_world *w)
{
    struct fake_question *q = w->quiet ? NULL : w->questions;
    while (q) {
        if (w->gateways[q->gateway].hung_since) {
            q = q->next;
            continue;
        }
        if (!q->served)
            fake_serve(w, q, ST_OK);
        fake_deliver(w, q);
        q = w->questions;
    }
}

void fake_run(struct fake_world *w, int64_t ms)
{
    for (int64_t end = w->now + ms; w->now < end;) {
        w->now += TICK_MS;
        deliver_bus(w);
        answer_all(w);
        fake_tick(w, 0);
        answer_all(w);
    }
}

/* ---- Clients --------------------------------------------------------------------------------------------------------
 */

struct fake_client *fake_connect(struct fake_world *w)
{
    struct fake_client *c = memory_zeroed(sizeof *c);
    if (w->n_clients == FAKE_CLIENTS)
        log_fatal("too many clients");
    c->world = w;
    c->open = true;
    c->gateway = w->here;
    w->clients[w->n_clients++] = c;
    c->connection = hub_connected(w->hub, c, 10, w->now);
    turned(w);
    return c;
}

void fake_send(struct fake_client *c, const char *format, ...)
{
    char text[20000];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    unsigned here = fake_use(c->world, c->gateway);
    hub_receive(c->world->hub, c->connection, text, (size_t)n, c->world->now);
    fake_use(c->world, here);
    turned(c->world);
}

void fake_identify(struct fake_client *c, unsigned user)
{
    c->user = user;
    c->token = c->world->users[user].token;
    c->invalid = false;
    fake_send(c, "{\"op\":2,\"d\":{\"token\":\"token-%u-%u\",\"properties\":{\"os\":\"linux\"}}}", user, c->token);
}

void fake_resume(struct fake_client *c, const struct fake_client *old, int64_t seq)
{
    c->user = old->user;
    c->token = old->token;
    c->seq = c->resumed_seq = seq;
    snprintf(c->session_id, sizeof c->session_id, "%s", old->session_id);
    snprintf(c->resumed_id, sizeof c->resumed_id, "%s", old->session_id);
    fake_send(c, "{\"op\":6,\"d\":{\"token\":\"token-%u-%u\",\"session_id\":\"%s\",\"seq\":%lld}}", old->user,
              old->token, old->session_id, (long long)seq);
}

void fake_cut(struct fake_client *c, uint16_t code)
{
    if (!c->open)
        return;
    c->open = false;
    unsigned here = fake_use(c->world, c->gateway);
    hub_disconnected(c->world->hub, c->connection, code, c->world->now);
    fake_use(c->world, here);
    turned(c->world);
}

struct fake_client *fake_open(struct fake_world *w, unsigned user)
{
    struct fake_client *c = fake_connect(w);
    fake_identify(c, user);
    fake_run(w, 100);
    if (!c->ready)
        log_fatal("user %u is not ready after 100 ms", user);
    return c;
}

static bool is_dispatch(const struct fake_frame *f, const char *name)
{
    char start[80];
    int n = snprintf(start, sizeof start, "{\"op\":0,\"t\":\"%s\",", name);
    return strncmp(f->text, start, (size_t)n) == 0;
}

const char *fake_dispatch(const struct fake_client *c, const char *name, unsigned nth)
{
    for (unsigned i = 0; i < c->n_frames; i++)
        if (is_dispatch(&c->frames[i], name) && nth-- == 0)
            return c->frames[i].text;
    return NULL;
}

unsigned fake_count(const struct fake_client *c, const char *name)
{
    unsigned n = 0;
    while (fake_dispatch(c, name, n))
        n++;
    return n;
}

unsigned fake_count_op(const struct fake_client *c, int op)
{
    unsigned n = 0;
    char start[32];
    snprintf(start, sizeof start, "{\"op\":%d,", op);
    for (unsigned i = 0; i < c->n_frames; i++)
        n += c->frames[i].s < 0 && strncmp(c->frames[i].text, start, strlen(start)) == 0;
    return n;
}

static const char *list_messages(const struct fake_client *c, const char *key, uint64_t id)
{
    static char list[4096];
    size_t n = 0;
    list[0] = '\0';
    for (unsigned i = 0; i < c->n_frames; i++) {
        if (!is_dispatch(&c->frames[i], "MESSAGE_CREATE"))
            continue;
        json_t *root = json_loads(c->frames[i].text, 0, NULL), *d = json_object_get(root, "d");
        const char *of = json_string_value(json_object_get(d, key));
        if (of && strtoull(of, NULL, 10) == id && n < sizeof list - 24)
            n += (size_t)snprintf(list + n, sizeof list - n, "%s%s", n ? " " : "",
                                  json_string_value(json_object_get(d, "id")));
        json_decref(root);
    }
    return list;
}

const char *fake_messages(const struct fake_client *c, unsigned guild)
{
    return list_messages(c, "guild_id", fake_guild_id(guild));
}

const char *fake_direct_messages(const struct fake_client *c, unsigned direct)
{
    return list_messages(c, "channel_id", fake_direct_id(direct));
}
