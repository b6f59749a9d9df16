/* ready.c - what opens a session and a guild: READY, GUILD_CREATE. Everything is gathered from the
 * replica in the turn that attaches the session, so there is no seam between it and the entries that follow. */
#include "hubbub/v1/feeds.hub.h"
#include "hubbub/v1/gateway.hub.h"
#include "hubbub/v1/settings.hub.h"
#include "services/gateway/core/state.h"

enum {
    INTENT_GUILDS = 0,
    INTENT_VOICE_STATES = 7,
    INTENT_PRESENCES = 8,
    LARGE_MEMBERS_MAX = 100,
};

static void dispatch_once(struct hub *h, struct session *x, const char *name, const struct wire_message *wire,
                          const void *m, bool snapshot)
{
    struct hub_payload *p = payload_dispatch(name, wire, m);
    p->snapshot = snapshot;
    session_dispatch(h, x, p);
    hub_payload_unref(h, p);
}

/* ---- READY ------------------------------------------------------------------------------------------------------- */

/* The guilds that the session holds, in the order in which chat named them. */
static size_t list_guilds(struct session *x, struct arena *a, Hubbub__V1__UnavailableGuild **ret)
{
    size_t n = 0;
    for (size_t i = 0; i < x->opened->n_guilds; i++) {
        if (!session_find_hold(x, x->opened->guilds[i]->guild_id))
            continue;
        Hubbub__V1__UnavailableGuild *g = PB_NEW(a, Hubbub__V1__UnavailableGuild, hubbub__v1__unavailable_guild);
        PB_SET(g, id, x->opened->guilds[i]->guild_id);
        PB_SET(g, unavailable, true);
        ret[n++] = g;
    }
    return n;
}

/* Of what the session may view. */
static bool includes_read_state(struct session *x, const Hubbub__V1__ReadState *s)
{
    struct hold *hold = session_find_hold(x, s->guild_id ? s->guild_id : s->id);
    if (!hold || !s->guild_id)
        return hold;
    const struct replica_channel *c = replica_channel(hold->scope->replica, s->id);
    return c && hold_views(hold, c);
}

static void list_read_states(struct session *x, struct arena *a, Hubbub__V1__ReadStates *ret)
{
    ret->entries = ARENA_ARRAY(a, Hubbub__V1__ReadState *, x->opened->n_read_states);
    for (size_t i = 0; i < x->opened->n_read_states; i++)
        if (includes_read_state(x, x->opened->read_states[i]))
            ret->entries[ret->n_entries++] = x->opened->read_states[i];
    PB_SET(ret, version, x->opened->head);
}

static ProtobufCBinaryData settings_json(const struct session *x, struct arena *a)
{
    struct buf json = {0};
    wire_write(&json, &hubbub__v1__user_settings__wire, &x->opened->settings->base);
    ProtobufCBinaryData text = {json.len, arena_memdup(a, json.data, json.len)};
    buf_finish(&json);
    return text;
}

/* What only people are shown. */
static void list_of_person(struct session *x, struct arena *a, Hubbub__V1__Ready *ret)
{
    ret->private_channels = ARENA_ARRAY(a, Hubbub__V1__Channel *, x->opened->n_dms);
    for (size_t i = 0; i < x->opened->n_dms; i++)
        if (session_find_hold(x, x->opened->dms[i]->channel->id))
            ret->private_channels[ret->n_private_channels++] = x->opened->dms[i]->channel;
    ret->relationships = x->opened->relationships;
    ret->n_relationships = x->opened->n_relationships;
    ret->auth_session_id_hash = x->opened->session_id_hash;
    ret->read_state = PB_NEW(a, Hubbub__V1__ReadStates, hubbub__v1__read_states);
    list_read_states(x, a, ret->read_state);
    if (x->opened->settings)
        PB_SET(ret, user_settings, settings_json(x, a));
    ret->user_settings_proto = x->opened->settings_proto;
    ret->user_guild_settings = PB_NEW(a, Hubbub__V1__GuildSettingsList, hubbub__v1__guild_settings_list);
    ret->user_guild_settings->entries = x->opened->guild_settings;
    ret->user_guild_settings->n_entries = x->opened->n_guild_settings;
    PB_SET(ret->user_guild_settings, version, x->opened->head);
}

void ready_send(struct hub *h, struct session *x)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__Ready ready = HUBBUB__V1__READY__INIT;
    Hubbub__V1__ReadyApplication application = HUBBUB__V1__READY_APPLICATION__INIT;
    int32_t shard[2] = {x->shard, x->n_shards};
    char *trace = arena_strdup(a, h->config.gateway_id);
    PB_SET(&ready, v, x->version);
    ready.user = x->opened->user;
    ready.guilds = ARENA_ARRAY(a, Hubbub__V1__UnavailableGuild *, x->opened->n_guilds);
    ready.n_guilds = list_guilds(x, a, ready.guilds);
    ready.session_id = x->id;
    ready.resume_gateway_url = arena_strdup(a, h->config.resume_url);
    ready.shard = shard;
    ready.n_shard = x->n_shards ? 2 : 0;
    if (x->identity.bot) {
        PB_SET(&application, id, x->opened->identity->application_id);
        PB_SET(&application, flags, x->application_flags);
        ready.application = &application;
    }
    if (!x->identity.bot)
        list_of_person(x, a, &ready);
    ready._trace = &trace;
    ready.n__trace = 1;
    /* A bot's is small, and in plain text where IDENTIFY asked for compression: discord.js inflates several messages at
     * once, and would at times see the GUILD_CREATE behind it first, and then wait for that guild in vain. */
    dispatch_once(h, x, "READY", &hubbub__v1__ready__wire, &ready, !x->identity.bot);
    arena_destroy(a);
}

/* ---- GUILD_CREATE ------------------------------------------------------------------------------------------------ */

/* Bots without the presences intent are told of themselves only; else all of a small guild, who is online in a large
 * one: every one of them for bots, the first hundred for people, whose clients ask for lists. */
static bool includes_member(const struct session *x, const struct replica *r, const Hubbub__V1__GuildCreated *g,
                            uint64_t user_id)
{
    if (user_id == x->user->id)
        return true;
    if (!session_has_intent(x, INTENT_PRESENCES))
        return false;
    if (!g->large)
        return true;
    return replica_presence(r, user_id) && (x->identity.bot || g->n_members < LARGE_MEMBERS_MAX);
}

static void add_members(const struct session *x, const struct replica *r, Hubbub__V1__GuildCreated *g, struct arena *a)
{
    g->members = ARENA_ARRAY(a, Hubbub__V1__Member *, HASH_COUNT(r->members));
    struct replica_member *m;
    for (m = r->members; m; m = m->hh.next)
        if (includes_member(x, r, g, m->user_id))
            g->members[g->n_members++] = m->member;
}

/* Of the members that are told. */
static void add_presences(const struct session *x, const struct replica *r, Hubbub__V1__GuildCreated *g,
                          struct arena *a)
{
    if (!session_has_intent(x, INTENT_PRESENCES))
        return;
    g->presences = ARENA_ARRAY(a, Hubbub__V1__PresenceUpdated *, g->n_members);
    for (size_t i = 0; i < g->n_members; i++) {
        const Hubbub__V1__PresenceUpdated *p = replica_presence(r, g->members[i]->user->id);
        if (p)
            g->presences[g->n_presences++] = (Hubbub__V1__PresenceUpdated *)p;
    }
}

static bool lists_member(const Hubbub__V1__GuildCreated *g, uint64_t user_id)
{
    for (size_t i = 0; i < g->n_members; i++)
        if (g->members[i]->user->id == user_id)
            return true;
    return false;
}

/* Of the channels that the session views, and its user's own; without the guild's id, and with their members in the
 * members. */
static void add_voice_states(struct hold *hold, Hubbub__V1__GuildCreated *g, struct arena *a)
{
    const struct replica *r = hold->scope->replica;
    unsigned n = HASH_COUNT(r->voices);
    if (!n || !session_has_intent(hold->session, INTENT_VOICE_STATES))
        return;
    size_t told = g->n_members;
    g->voice_states = ARENA_ARRAY(a, Hubbub__V1__VoiceState *, n);
    g->members = memcpy(ARENA_ARRAY(a, Hubbub__V1__Member *, told + n), g->members, told * sizeof *g->members);
    for (struct replica_voice *v = r->voices; v; v = v->hh.next) {
        if (!voice_seen(hold, v->state))
            continue;
        Hubbub__V1__VoiceState *shown = g->voice_states[g->n_voice_states++] =
            PB_NEW(a, Hubbub__V1__VoiceState, hubbub__v1__voice_state);
        *shown = *v->state;
        shown->has_guild_id = false;
        shown->member = NULL;
        if (v->state->member && !lists_member(g, v->user_id))
            g->members[g->n_members++] = v->state->member;
    }
}

static void add_channels(struct hold *hold, Hubbub__V1__GuildCreated *g, struct arena *a)
{
    const struct replica *r = hold->scope->replica;
    g->channels = ARENA_ARRAY(a, Hubbub__V1__Channel *, r->n_channels);
    for (unsigned i = 0; i < r->n_channels; i++)
        if (hold_views(hold, r->channels[i]))
            g->channels[g->n_channels++] = r->channels[i]->channel;
}

void ready_send_guild(struct hub *h, struct hold *hold)
{
    struct session *x = hold->session;
    const struct replica *r = hold->scope->replica;
    if (!session_has_intent(x, INTENT_GUILDS))
        return;
    struct arena *a = arena_create(0);
    Hubbub__V1__GuildCreated g = HUBBUB__V1__GUILD_CREATED__INIT;
    g.guild = r->guild;
    PB_SET(&g, joined_at, hold->membership->joined_at);
    PB_SET(&g, member_count, r->member_count);
    PB_SET(&g, large, r->member_count > (uint32_t)x->large_threshold);
    PB_SET(&g, unavailable, false);
    add_members(x, r, &g, a);
    add_channels(hold, &g, a);
    add_voice_states(hold, &g, a);
    add_presences(x, r, &g, a);
    dispatch_once(h, x, "GUILD_CREATE", &hubbub__v1__guild_created__wire, &g, true);
    arena_destroy(a);
}

void ready_send_guild_deleted(struct hub *h, struct session *x, uint64_t guild_id)
{
    Hubbub__V1__GuildDeleted gone = HUBBUB__V1__GUILD_DELETED__INIT;
    PB_SET(&gone, id, guild_id);
    if (session_has_intent(x, INTENT_GUILDS))
        dispatch_once(h, x, "GUILD_DELETE", &hubbub__v1__guild_deleted__wire, &gone, false);
}
