/* replica.c - one guild as its feed says it is: see replica.h. */
#include "services/gateway/core/replica.h"
#include "lib/permission/permission.h"
#include "services/gateway/core/memory.h"

enum view { VIEW_UNKNOWN, VIEW_HIDDEN, VIEW_SEEN };

/* ---- Life ------------------------------------------------------------------------------------------------------ */

struct replica *replica_create(const Hubbub__V1__SnapshotResponse *snapshot, struct replica_channel **by_id,
                               uint64_t *versions)
{
    struct replica *r = memory_zeroed(sizeof *r);
    r->guild = memory_copy_message(snapshot->guild);
    r->guild_id = r->guild->id;
    r->by_id = by_id;
    r->versions = versions;
    r->version = ++*versions;
    for (size_t i = 0; i < snapshot->n_channels; i++)
        replica_put_channel(r, snapshot->channels[i]);
    for (size_t i = 0; i < snapshot->n_members; i++)
        replica_put_member(r, snapshot->members[i], true);
    for (size_t i = 0; i < snapshot->n_voice_states; i++)
        replica_put_voice(r, snapshot->voice_states[i]);
    r->member_count = snapshot->member_count > HASH_COUNT(r->members) ? snapshot->member_count : HASH_COUNT(r->members);
    return r;
}

static void free_classes(struct view_class *retired)
{
    while (retired) {
        struct view_class *next = retired->next_retired;
        free(retired->views);
        free(retired);
        retired = next;
    }
}

static void drop_voice(struct replica *r, struct replica_voice *v)
{
    HASH_DEL(r->voices, v);
    memory_free_message(v->state);
    free(v);
}

static void forget_gone(struct replica *);

void replica_destroy(struct replica *r)
{
    if (!r)
        return;
    while (r->n_channels > 0)
        replica_remove_channel(r, r->channels[r->n_channels - 1]);
    struct replica_member *m, *next_member;
    HASH_ITER(hh, r->members, m, next_member)
    replica_remove_member(r, m->user_id);
    struct replica_presence *p, *next_presence;
    HASH_ITER(hh, r->presences, p, next_presence)
    {
        HASH_DEL(r->presences, p);
        memory_free_message(p->presence);
        free(p);
    }
    forget_gone(r);
    while (r->voices)
        drop_voice(r, r->voices);
    replica_retire_classes(r);
    replica_release_classes(r);
    memory_free_message(r->guild);
    free(r->channels);
    free(r);
}

/* ---- Channels -------------------------------------------------------------------------------------------------- */

struct replica_channel *replica_channel(const struct replica *r, uint64_t channel_id)
{
    struct replica_channel *c;
    HASH_FIND(hh, *r->by_id, &channel_id, sizeof channel_id, c);
    return c && c->replica == r ? c : NULL;
}

static bool same_overwrites(const Hubbub__V1__Channel *a, const Hubbub__V1__Channel *b)
{
    if (a->n_permission_overwrites != b->n_permission_overwrites)
        return false;
    for (size_t i = 0; i < a->n_permission_overwrites; i++) {
        const Hubbub__V1__Overwrite *x = a->permission_overwrites[i], *y = b->permission_overwrites[i];
        if (x->id != y->id || x->type != y->type || x->allow != y->allow || x->deny != y->deny)
            return false;
    }
    return true;
}

static void add_channel(struct replica *r, const Hubbub__V1__Channel *channel)
{
    struct replica_channel *c = memory_zeroed(sizeof *c);
    *c = (struct replica_channel){.id = channel->id, .index = r->n_channels, .replica = r};
    c->channel = memory_copy_message(channel);
    r->channels = memory_resized(r->channels, (r->n_channels + 1) * sizeof *r->channels);
    r->channels[r->n_channels++] = c;
    HASH_ADD(hh, *r->by_id, id, sizeof c->id, c);
    replica_retire_classes(r);
}

bool replica_put_channel(struct replica *r, const Hubbub__V1__Channel *channel)
{
    uint64_t id = channel->id;
    struct replica_channel *c;
    HASH_FIND(hh, *r->by_id, &id, sizeof id, c);
    if (c && c->replica != r)
        return false; /* another guild's: chat never says so */
    if (!c) {
        add_channel(r, channel);
        return true;
    }
    bool same = same_overwrites(c->channel, channel);
    uint64_t last_message = c->channel->last_message_id;
    memory_free_message(c->channel);
    c->channel = memory_copy_message(channel);
    if (!c->channel->has_last_message_id && last_message) {
        c->channel->has_last_message_id = true;
        c->channel->last_message_id = last_message;
    }
    if (!same)
        replica_retire_classes(r);
    return false;
}

void replica_remove_channel(struct replica *r, struct replica_channel *c)
{
    r->channels[c->index] = r->channels[--r->n_channels];
    r->channels[c->index]->index = c->index;
    HASH_DEL(*r->by_id, c);
    memory_free_message(c->channel);
    free(c);
    replica_retire_classes(r);
}

/* ---- Guild and roles ------------------------------------------------------------------------------------------- */

bool replica_put_guild(struct replica *r, const Hubbub__V1__Guild *guild)
{
    Hubbub__V1__Guild *copy = memory_copy_message(guild), *old = r->guild;
    bool same_owner = copy->owner_id == old->owner_id;
    if (copy->n_roles == 0) {
        free(copy->roles);
        copy->roles = old->roles;
        copy->n_roles = old->n_roles;
        old->roles = NULL;
        old->n_roles = 0;
    }
    memory_free_message(old);
    r->guild = copy;
    if (!same_owner)
        replica_retire_classes(r);
    return !same_owner;
}

void replica_put_emojis(struct replica *r, const Hubbub__V1__GuildEmojis *emojis)
{
    Hubbub__V1__GuildEmojis *copy = memory_copy_message(emojis);
    Hubbub__V1__Guild *g = r->guild;
    size_t n_old = g->n_emojis;
    Hubbub__V1__Emoji **old = g->emojis;
    g->emojis = copy->emojis;
    g->n_emojis = copy->n_emojis;
    copy->emojis = old;
    copy->n_emojis = n_old;
    memory_free_message(copy);
}

static Hubbub__V1__Role **find_role(const struct replica *r, uint64_t role_id)
{
    for (size_t i = 0; i < r->guild->n_roles; i++)
        if (r->guild->roles[i]->id == role_id)
            return &r->guild->roles[i];
    return NULL;
}

bool replica_role_decides(const struct replica *r, const Hubbub__V1__Role *role)
{
    const uint64_t deciding = PERM_VIEW_CHANNEL | PERM_ADMINISTRATOR;
    Hubbub__V1__Role **known = find_role(r, role->id);
    return known && (((*known)->permissions ^ role->permissions) & deciding);
}

void replica_put_role(struct replica *r, const Hubbub__V1__Role *role)
{
    Hubbub__V1__Role **known = find_role(r, role->id);
    bool decides = !known || replica_role_decides(r, role);
    if (known) {
        memory_free_message(*known);
    } else {
        Hubbub__V1__Guild *g = r->guild;
        g->roles = memory_resized(g->roles, (g->n_roles + 1) * sizeof *g->roles);
        known = &g->roles[g->n_roles++];
    }
    *known = memory_copy_message(role);
    if (decides)
        replica_retire_classes(r);
}

void replica_strip_member(Hubbub__V1__Member *m, uint64_t role_id)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n_roles; i++)
        if (m->roles[i] != role_id)
            m->roles[kept++] = m->roles[i];
    m->n_roles = kept;
}

static void strip_channel(Hubbub__V1__Channel *c, uint64_t role_id)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n_permission_overwrites; i++) {
        Hubbub__V1__Overwrite *o = c->permission_overwrites[i];
        if (o->id == role_id)
            memory_free_message(o);
        else
            c->permission_overwrites[kept++] = o;
    }
    c->n_permission_overwrites = kept;
}

void replica_remove_role(struct replica *r, uint64_t role_id)
{
    Hubbub__V1__Role **role = find_role(r, role_id);
    if (role) {
        memory_free_message(*role);
        *role = r->guild->roles[--r->guild->n_roles];
    }
    struct replica_member *m, *next;
    HASH_ITER(hh, r->members, m, next)
    replica_strip_member(m->member, role_id);
    for (unsigned i = 0; i < r->n_channels; i++)
        strip_channel(r->channels[i]->channel, role_id);
    replica_retire_classes(r);
}

/* ---- Voice ----------------------------------------------------------------------------------------------------- */

static struct replica_voice *find_voice(const struct replica *r, uint64_t user_id)
{
    struct replica_voice *v;
    HASH_FIND(hh, r->voices, &user_id, sizeof user_id, v);
    return v;
}

const Hubbub__V1__VoiceState *replica_voice(const struct replica *r, uint64_t user_id)
{
    struct replica_voice *v = find_voice(r, user_id);
    return v ? v->state : NULL;
}

void replica_put_voice(struct replica *r, const Hubbub__V1__VoiceState *state)
{
    struct replica_voice *v = find_voice(r, state->user_id);
    if (v)
        drop_voice(r, v);
    if (!state->channel_id)
        return;
    v = memory_zeroed(sizeof *v);
    v->user_id = state->user_id;
    v->state = memory_copy_message(state);
    v->state->has_left_channel_id = false;
    v->state->left_channel_id = 0;
    HASH_ADD(hh, r->voices, user_id, sizeof v->user_id, v);
}

/* Their member goes with them in what is told. */
static void renew_voice_member(struct replica *r, const Hubbub__V1__Member *member)
{
    struct replica_voice *v = find_voice(r, member->user->id);
    if (!v)
        return;
    memory_free_message(v->state->member);
    v->state->member = memory_copy_message(member);
}

/* ---- Members and presences ------------------------------------------------------------------------------------- */

static struct replica_member *find_member(const struct replica *r, uint64_t user_id)
{
    struct replica_member *m;
    HASH_FIND(hh, r->members, &user_id, sizeof user_id, m);
    return m;
}

const Hubbub__V1__Member *replica_member(const struct replica *r, uint64_t user_id)
{
    struct replica_member *m = find_member(r, user_id);
    return m ? m->member : NULL;
}

void replica_put_member(struct replica *r, const Hubbub__V1__Member *member, bool needed)
{
    if (!member->user)
        return;
    renew_voice_member(r, member);
    struct replica_member *m = find_member(r, member->user->id);
    if (!m) {
        if (!needed && HASH_COUNT(r->members) >= REPLICA_MEMBERS_MAX)
            return;
        m = memory_zeroed(sizeof *m);
        m->user_id = member->user->id;
        HASH_ADD(hh, r->members, user_id, sizeof m->user_id, m);
    }
    memory_free_message(m->member);
    m->member = memory_copy_message(member);
}

void replica_remove_member(struct replica *r, uint64_t user_id)
{
    struct replica_member *m = find_member(r, user_id);
    if (!m)
        return;
    HASH_DEL(r->members, m);
    memory_free_message(m->member);
    free(m);
}

bool replica_complete(const struct replica *r)
{
    return HASH_COUNT(r->members) >= r->member_count;
}

static struct replica_presence *find_presence(const struct replica *r, uint64_t user_id)
{
    struct replica_presence *p;
    HASH_FIND(hh, r->presences, &user_id, sizeof user_id, p);
    return p;
}

const Hubbub__V1__PresenceUpdated *replica_presence(const struct replica *r, uint64_t user_id)
{
    struct replica_presence *p = find_presence(r, user_id);
    return p ? p->presence : NULL;
}

static struct replica_presence *find_gone(const struct replica *r, uint64_t user_id)
{
    struct replica_presence *p;
    HASH_FIND(hh, r->went, &user_id, sizeof user_id, p);
    return p;
}

static void note_gone(struct replica *r, uint64_t user_id)
{
    if (!r->presences_asked || find_gone(r, user_id) || HASH_COUNT(r->went) >= REPLICA_PRESENCES_MAX)
        return;
    struct replica_presence *p = memory_zeroed(sizeof *p);
    p->user_id = user_id;
    HASH_ADD(hh, r->went, user_id, sizeof p->user_id, p);
}

static void forget_gone(struct replica *r)
{
    struct replica_presence *p, *next;
    HASH_ITER(hh, r->went, p, next)
    {
        HASH_DEL(r->went, p);
        free(p);
    }
    r->presences_asked = false;
}

void replica_ask_presences(struct replica *r)
{
    r->presences_asked = true;
}

void replica_take_presences(struct replica *r, Hubbub__V1__PresenceUpdated *const *all, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (all[i]->user && !find_presence(r, all[i]->user->id) && !find_gone(r, all[i]->user->id))
            replica_put_presence(r, all[i]);
    forget_gone(r);
}

void replica_put_presence(struct replica *r, const Hubbub__V1__PresenceUpdated *presence)
{
    if (!presence->user)
        return;
    struct replica_presence *p = find_presence(r, presence->user->id);
    bool offline = !presence->status || strcmp(presence->status, "offline") == 0;
    if (p) {
        HASH_DEL(r->presences, p);
        memory_free_message(p->presence);
        free(p);
    }
    if (offline)
        note_gone(r, presence->user->id);
    if (offline || HASH_COUNT(r->presences) >= REPLICA_PRESENCES_MAX)
        return;
    p = memory_zeroed(sizeof *p);
    p->user_id = presence->user->id;
    p->presence = memory_copy_message(presence);
    HASH_ADD(hh, r->presences, user_id, sizeof p->user_id, p);
}

/* ---- Views ----------------------------------------------------------------------------------------------------- */

static bool named_by_overwrite(const struct replica *r, uint64_t user_id)
{
    for (unsigned i = 0; i < r->n_channels; i++) {
        const Hubbub__V1__Channel *c = r->channels[i]->channel;
        for (size_t k = 0; k < c->n_permission_overwrites; k++)
            if (c->permission_overwrites[k]->type == 1 && c->permission_overwrites[k]->id == user_id)
                return true;
    }
    return false;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

struct view_class *replica_class(struct replica *r, uint64_t user_id, const uint64_t *roles, size_t n_roles)
{
    struct view_class *fresh = memory_zeroed(sizeof *fresh + (n_roles + 2) * sizeof *fresh->key), *known;
    size_t n = 2;
    fresh->key[0] = user_id == r->guild->owner_id;
    fresh->key[1] = named_by_overwrite(r, user_id) ? user_id : 0;
    for (size_t i = 0; i < n_roles; i++)
        if (find_role(r, roles[i]))
            fresh->key[n++] = roles[i];
    qsort(fresh->key + 2, n - 2, sizeof *fresh->key, compare_ids);
    fresh->n_key = n * sizeof *fresh->key;
    HASH_FIND(hh, r->classes, fresh->key, fresh->n_key, known);
    if (known) {
        free(fresh);
        return known;
    }
    fresh->n_views = r->n_channels;
    fresh->views = memory_zeroed(r->n_channels);
    HASH_ADD_KEYPTR(hh, r->classes, fresh->key, fresh->n_key, fresh);
    return fresh;
}

static uint64_t base_permissions(const struct replica *r, const struct view_class *class)
{
    Hubbub__V1__Role **role = find_role(r, r->guild_id);
    uint64_t base = role ? (*role)->permissions : 0;
    for (size_t i = 2; i < class->n_key / sizeof *class->key; i++)
        if ((role = find_role(r, class->key[i])))
            base |= (*role)->permissions;
    return base;
}

uint64_t replica_permissions(const struct replica *r, const struct view_class *class)
{
    uint64_t base = base_permissions(r, class);
    return class->key[0] || (base & PERM_ADMINISTRATOR) ? PERM_ALL : base;
}

static bool compute_view(const struct replica *r, const struct view_class *class, const Hubbub__V1__Channel *c)
{
    struct permission_subject who = {
        .user_id = class->key[1],
        .guild_id = r->guild_id,
        .owner = class->key[0],
        .base = base_permissions(r, class),
        .roles = class->key + 2,
        .n_roles = class->n_key / sizeof *class->key - 2,
    };
    struct permission_sums sums = {0};
    for (size_t i = 0; i < c->n_permission_overwrites; i++) {
        const Hubbub__V1__Overwrite *o = c->permission_overwrites[i];
        struct permission_overwrite one = {o->id, o->type == 1, o->allow, o->deny};
        permission_gather(&who, &one, 1, &sums);
    }
    return permission_compute(&who, c->type, &sums) & PERM_VIEW_CHANNEL;
}

bool replica_views(struct replica *r, struct view_class *class, const struct replica_channel *c)
{
    if (class->views[c->index] == VIEW_UNKNOWN)
        class->views[c->index] = compute_view(r, class, c->channel) ? VIEW_SEEN : VIEW_HIDDEN;
    return class->views[c->index] == VIEW_SEEN;
}

bool replica_viewed(const struct view_class *class, unsigned channel_index)
{
    return channel_index < class->n_views && class->views[channel_index] == VIEW_SEEN;
}

void replica_view_all(struct replica *r, struct view_class *class)
{
    for (unsigned i = 0; i < r->n_channels && !class->complete; i++)
        replica_views(r, class, r->channels[i]);
    class->complete = true;
}

void replica_retire_classes(struct replica *r)
{
    struct view_class *class, *next;
    HASH_ITER(hh, r->classes, class, next)
    {
        HASH_DEL(r->classes, class);
        class->next_retired = r->retired;
        r->retired = class;
    }
    r->version = ++*r->versions;
}

void replica_release_classes(struct replica *r)
{
    free_classes(r->retired);
    r->retired = NULL;
}
