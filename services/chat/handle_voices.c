/* handle_voices.c - the service Voices: op 4 and the leases, of gateways; the routes of voice states. */
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/voices.h"
#include <inttypes.h>
#include <string.h>

/* ---- Of gateways ------------------------------------------------------------------------------------------------- */

/* Whoever asks to leave does, whichever session was in; a session that ended takes only itself. */
static status leave(struct call *c, struct change *ch, const Hubbub__V1__SetVoiceRequest *req)
{
    struct voice *v;
    status st = voices_find(c, change_db(ch), req->guild_id, call_user(c), &v);
    if (st != ST_OK || !v || (req->ended && strcmp(v->state->session_id, req->session_id)))
        return st;
    return voices_remove(c, ch, v);
}

static status set_in_guild(struct call *c, const Hubbub__V1__SetVoiceRequest *req)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    status st = access_begin_guild(c, req->guild_id, 0, 0, &ch, &a);
    if (st == ST_OK)
        st = req->channel_id ? voices_set(c, ch, req) : leave(c, ch, req);
    return st == ST_OK ? change_commit(ch) : st;
}

static status find_elsewhere(struct call *c, uint64_t guild_id, struct db_rows **ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    return st == ST_OK
               ? chat_query(c, d, ret, "SELECT guild_id FROM voice_states WHERE user_id = $1 AND guild_id <> $2",
                            DB_ID(call_user(c)), DB_ID(guild_id))
               : st;
}

/* A person is in one voice channel of all guilds; a bot in one of each. */
static status leave_elsewhere(struct call *c, uint64_t guild_id)
{
    struct db_rows *rows;
    status st = find_elsewhere(c, guild_id, &rows);
    for (unsigned i = 0; st == ST_OK && i < db_count(rows); i++) {
        Hubbub__V1__SetVoiceRequest left = HUBBUB__V1__SET_VOICE_REQUEST__INIT;
        PB_SET(&left, guild_id, db_u64(rows, i, 0));
        st = set_in_guild(c, &left);
    }
    return st;
}

static status set(struct call *c, const Hubbub__V1__SetVoiceRequest *req, Hubbub__V1__Empty *resp)
{
    if (!req->session_id)
        return call_fail(c, ST_BAD_REQUEST, "no session");
    status st = set_in_guild(c, req);
    return st == ST_OK && req->channel_id && !call_is_bot(c) ? leave_elsewhere(c, req->guild_id) : st;
}

static status keep(struct call *c, const Hubbub__V1__KeepVoicesRequest *req, Hubbub__V1__Empty *resp)
{
    return voices_keep(c, req);
}

/* ---- Read -------------------------------------------------------------------------------------------------------- */

/* One's own is seen wherever one is. */
static status check_seen(struct call *c, struct db *d, const struct voice *v)
{
    struct access a;
    if (v->state->user_id == call_user(c))
        return ST_OK;
    status st = access_channel_of(c, d, v->state->channel_id, call_user(c), &a);
    if (st == ST_OK && !(a.permissions & PERM_VIEW_CHANNEL))
        st = call_fail(c, ST_UNKNOWN_VOICE_STATE, "user %" PRIu64 " is where the caller may not look",
                       v->state->user_id);
    return st;
}

static status read_state(struct call *c, uint64_t guild_id, uint64_t user_id, Hubbub__V1__VoiceState *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    struct voice *v;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, guild_id, &a);
    if (st == ST_OK)
        st = voices_load(c, d, guild_id, user_id, ST_UNKNOWN_VOICE_STATE, &v);
    if (st == ST_OK)
        st = check_seen(c, d, v);
    if (st == ST_OK)
        *resp = *v->state;
    return st;
}

static status get_self(struct call *c, const Hubbub__V1__GuildRequest *req, Hubbub__V1__VoiceState *resp)
{
    return read_state(c, req->guild_id, call_user(c), resp);
}

static status get(struct call *c, const Hubbub__V1__VoiceStateRequest *req, Hubbub__V1__VoiceState *resp)
{
    return read_state(c, req->guild_id, req->user_id, resp);
}

/* ---- Edit -------------------------------------------------------------------------------------------------------- */

enum { EDIT_SUPPRESS = 4 }; /* field of EditVoiceStateRequest */

static status check_edit(struct call *c, struct change *ch, const struct voice *v,
                         const Hubbub__V1__EditVoiceStateRequest *req)
{
    struct access a;
    bool own = v->state->user_id == call_user(c);
    if (req->channel_id && req->channel_id != v->state->channel_id)
        return call_fail_field(c, "channel_id", "CHANNEL_OTHER", "The user is not in this channel.");
    status st = access_channel_of(c, change_db(ch), v->state->channel_id, call_user(c), &a);
    return st == ST_OK && !(own && req->suppress) ? access_require(c, &a, PERM_(MUTE_MEMBERS)) : st;
}

static status edit(struct call *c, const Hubbub__V1__EditVoiceStateRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct voice *v;
    status st = access_begin_guild(c, req->guild_id, 0, 0, &ch, &a);
    if (st == ST_OK)
        st = voices_load(c, change_db(ch), req->guild_id, req->user_id, ST_UNKNOWN_VOICE_STATE, &v);
    if (st == ST_OK)
        st = check_seen(c, change_db(ch), v);
    if (st == ST_OK)
        st = check_edit(c, ch, v, req);
    if (st == ST_OK && WIRE_PRESENT_IN(req, EDIT_SUPPRESS))
        st = voices_suppress(c, ch, v, req->suppress);
    return st == ST_OK ? change_commit(ch) : st;
}

static status edit_self(struct call *c, const Hubbub__V1__EditOwnVoiceStateRequest *req, Hubbub__V1__Empty *resp)
{
    Hubbub__V1__EditVoiceStateRequest of = HUBBUB__V1__EDIT_VOICE_STATE_REQUEST__INIT;
    PB_SET(&of, guild_id, req->guild_id);
    PB_SET(&of, user_id, call_user(c));
    PB_SET(&of, channel_id, req->channel_id);
    PB_SET(&of, suppress, req->suppress);
    of.present = req->present;
    of.n_present = req->n_present;
    return edit(c, &of, resp);
}

static status list_regions(struct call *c, const Hubbub__V1__Empty *req, Hubbub__V1__VoiceRegionList *resp)
{
    struct arena *a = call_arena(c);
    Hubbub__V1__VoiceRegion *here = PB_NEW(a, Hubbub__V1__VoiceRegion, hubbub__v1__voice_region);
    here->id = (char *)"here";
    here->name = (char *)"This server";
    PB_SET(here, optimal, true);
    resp->regions = ARENA_ARRAY(a, Hubbub__V1__VoiceRegion *, 1);
    resp->regions[0] = here;
    resp->n_regions = 1;
    return ST_OK;
}

const struct hubbub__v1__voices__handlers voices_handlers = {
    .set = set,
    .keep = keep,
    .get_self = get_self,
    .get = get,
    .edit_self = edit_self,
    .edit = edit,
    .list_regions = list_regions,
};
