#include "services/chat/voices.h"
#include "lib/base/clock.h"
#include "services/chat/audit.h"
#include "services/chat/chat.h"
#include "services/chat/rows.h"
#include <inttypes.h>
#include <string.h>

#define ENTER_BITS (PERM_VIEW_CHANNEL | PERM_CONNECT)

/* ---- Rows -------------------------------------------------------------------------------------------------------- */

#define VOICE                                                                                                          \
    "v.guild_id, v.channel_id, v.user_id, v.session_id, v.self_mute, v.self_deaf, v.self_video, v.self_stream, "       \
    "v.suppress, v.suppressed, v.brought, coalesce(g.afk_channel_id = v.channel_id, false), m.user_id IS NOT "         \
    "NULL, " ROWS_MEMBER
enum { VOICE_HAS_MEMBER = 12, VOICE_MEMBER = 13 };
#define VOICE_FROM                                                                                                     \
    " FROM voice_states v JOIN guilds g ON g.id = v.guild_id LEFT JOIN members m ON m.guild_id = v.guild_id AND "      \
    "m.user_id = v.user_id LEFT JOIN users u ON u.id = m.user_id WHERE v.guild_id = $1 "

static struct voice read_voice(struct arena *a, const struct db_rows *r, unsigned row)
{
    struct voice v = {.state = PB_NEW(a, Hubbub__V1__VoiceState, hubbub__v1__voice_state)};
    PB_SET(v.state, guild_id, db_u64(r, row, 0));
    PB_SET(v.state, channel_id, db_u64(r, row, 1));
    PB_SET(v.state, user_id, db_u64(r, row, 2));
    v.state->session_id = (char *)db_text(r, row, 3);
    PB_SET(v.state, self_mute, db_bool(r, row, 4));
    PB_SET(v.state, self_deaf, db_bool(r, row, 5));
    PB_SET(v.state, self_video, db_bool(r, row, 6));
    PB_SET(v.state, self_stream, db_bool(r, row, 7));
    PB_SET(v.state, suppress, db_bool(r, row, 8));
    v.suppressed = db_bool(r, row, 9);
    v.brought = db_bool(r, row, 10);
    v.in_afk = db_bool(r, row, 11);
    if (db_bool(r, row, VOICE_HAS_MEMBER)) {
        v.state->member = rows_member(a, r, row, VOICE_MEMBER);
        PB_SET(v.state, mute, v.state->member->mute);
        PB_SET(v.state, deaf, v.state->member->deaf);
    }
    return v;
}

status voices_find(struct call *c, struct db *d, uint64_t guild_id, uint64_t user_id, struct voice **ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT " VOICE VOICE_FROM "AND v.user_id = $2", DB_ID(guild_id), DB_ID(user_id));
    if (st != ST_OK)
        return st;
    *ret = NULL;
    if (db_count(r)) {
        *ret = ARENA_NEW(call_arena(c), struct voice);
        **ret = read_voice(call_arena(c), r, 0);
    }
    return ST_OK;
}

status voices_load(struct call *c, struct db *d, uint64_t guild_id, uint64_t user_id, status none, struct voice **ret)
{
    status st = voices_find(c, d, guild_id, user_id, ret);
    return st == ST_OK && !*ret ? call_fail(c, none, "user %" PRIu64 " is in no voice channel", user_id) : st;
}

/* By user id. */
static status find_all(struct call *c, struct db *d, uint64_t guild_id, struct voice **ret, size_t *ret_n)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT " VOICE VOICE_FROM "ORDER BY v.user_id", DB_ID(guild_id));
    if (st != ST_OK)
        return st;
    *ret_n = db_count(r);
    *ret = ARENA_ARRAY(call_arena(c), struct voice, *ret_n);
    for (unsigned i = 0; i < *ret_n; i++)
        (*ret)[i] = read_voice(call_arena(c), r, i);
    return ST_OK;
}

status voices_load_all(struct call *c, struct db *d, uint64_t guild_id, Hubbub__V1__VoiceState ***ret, size_t *ret_n)
{
    struct voice *all;
    status st = find_all(c, d, guild_id, &all, ret_n);
    if (st != ST_OK)
        return st;
    *ret = ARENA_ARRAY(call_arena(c), Hubbub__V1__VoiceState *, *ret_n);
    for (size_t i = 0; i < *ret_n; i++)
        (*ret)[i] = all[i].state;
    return ST_OK;
}

/* ---- Telling ----------------------------------------------------------------------------------------------------- */

static void add_event(struct call *c, struct change *ch, Hubbub__V1__VoiceState *state, uint64_t left)
{
    if (left)
        PB_SET(state, left_channel_id, left);
    change_add(ch, state->guild_id, state->guild_id, 0, ROWS_EVENT(call_arena(c), voice_state_update, state));
}

status voices_tell(struct call *c, struct change *ch, uint64_t guild_id, uint64_t user_id, uint64_t left)
{
    struct voice *v;
    status st = voices_load(c, change_db(ch), guild_id, user_id, ST_INTERNAL, &v);
    if (st == ST_OK)
        add_event(c, ch, v->state, left);
    return st;
}

/* The row is gone: a session that comes in again has a state of its own. */
static void tell_left(struct call *c, struct change *ch, struct voice *v)
{
    Hubbub__V1__VoiceState *s = v->state;
    uint64_t left = s->channel_id;
    s->has_channel_id = false;
    s->channel_id = 0;
    s->self_video = s->self_stream = s->suppress = false;
    add_event(c, ch, s, left);
}

status voices_remove(struct call *c, struct change *ch, struct voice *v)
{
    struct db_rows *r;
    status st = change_query(ch, &r, "DELETE FROM voice_states WHERE guild_id = $1 AND user_id = $2",
                             DB_ID(v->state->guild_id), DB_ID(v->state->user_id));
    if (st == ST_OK)
        tell_left(c, ch, v);
    return st;
}

status voices_empty(struct call *c, struct change *ch, uint64_t guild_id, uint64_t channel_id)
{
    struct voice *all;
    size_t n;
    status st = find_all(c, change_db(ch), guild_id, &all, &n);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        if (all[i].state->channel_id == channel_id)
            st = voices_remove(c, ch, &all[i]);
    return st;
}

/* ---- Joining ----------------------------------------------------------------------------------------------------- */

/* What is shown, of what a session or the guild wants. */
struct shown {
    bool video, stream, suppress;
};
static struct shown show(const struct access *a, bool video, bool stream, bool suppressed, bool in_afk)
{
    bool may_stream = a->permissions & PERM_(STREAM);
    return (struct shown){video && may_stream, stream && may_stream,
                          suppressed || in_afk || !(a->permissions & PERM_(SPEAK))};
}

static status check_room(struct call *c, struct change *ch, const struct access *a)
{
    struct db_rows *r;
    if (a->permissions & PERM_(MOVE_MEMBERS))
        return ST_OK;
    status st = change_query(ch, &r,
                             "SELECT c.user_limit > 0 AND (SELECT count(*) FROM voice_states v WHERE v.guild_id = "
                             "c.guild_id AND v.channel_id = c.id) >= c.user_limit FROM channels c WHERE c.id = $1",
                             DB_ID(a->channel_id));
    if (st == ST_OK && db_bool(r, 0, 0))
        st = call_fail(c, ST_MISSING_PERMISSIONS, "channel %" PRIu64 " is full", a->channel_id);
    return st;
}

/* The caller in a voice channel of the guild, seen or not. */
static status find_channel(struct call *c, struct change *ch, uint64_t guild_id, uint64_t channel_id,
                           struct access *ret)
{
    status st = access_channel_of(c, change_db(ch), channel_id, call_user(c), ret);
    if (st == ST_OK && ret->guild_id != guild_id)
        st = call_fail(c, ST_UNKNOWN_CHANNEL, "channel %" PRIu64 " is another guild's", channel_id);
    if (st == ST_OK && ret->channel_type != CHANNEL_VOICE)
        st = call_fail(c, ST_WRONG_CHANNEL_TYPE, "channel %" PRIu64 " is no voice channel", channel_id);
    return st;
}

/* Who comes from elsewhere is suppressed, and brought, no longer. */
static status store(struct call *c, struct change *ch, const struct access *a, const Hubbub__V1__SetVoiceRequest *req,
                    const struct voice *before)
{
    bool stays = before && before->state->channel_id == a->channel_id;
    struct db_rows *r;
    status st = change_query(ch, &r, "SELECT FROM guilds WHERE id = $1 AND afk_channel_id = $2", DB_ID(a->guild_id),
                             DB_ID(a->channel_id));
    if (st != ST_OK)
        return st;
    struct shown s = show(a, req->self_video, req->self_stream, stays && before->suppressed, db_count(r));
    return change_query(ch, &r,
                        "INSERT INTO voice_states (guild_id, user_id, channel_id, session_id, self_mute, self_deaf, "
                        "self_video, self_stream, suppress, suppressed, brought, due) VALUES ($1, $2, $3, $4, $5, $6, "
                        "$7, $8, $9, $10, $11, clock_timestamp() + make_interval(secs => $12::bigint)) "
                        "ON CONFLICT (guild_id, user_id) DO UPDATE SET channel_id = excluded.channel_id, session_id = "
                        "excluded.session_id, self_mute = excluded.self_mute, self_deaf = excluded.self_deaf, "
                        "self_video = excluded.self_video, self_stream = excluded.self_stream, suppress = "
                        "excluded.suppress, suppressed = excluded.suppressed, brought = excluded.brought, due = "
                        "excluded.due",
                        DB_ID(a->guild_id), DB_ID(call_user(c)), DB_ID(a->channel_id), DB_TEXT(req->session_id),
                        DB_BOOL(req->self_mute), DB_BOOL(req->self_deaf), DB_BOOL(s.video), DB_BOOL(s.stream),
                        DB_BOOL(s.suppress), DB_BOOL(stays && before->suppressed), DB_BOOL(stays && before->brought),
                        DB_I64(VOICE_LEASE_S));
}

static bool is_same(const Hubbub__V1__VoiceState *a, const Hubbub__V1__VoiceState *b)
{
    return a->channel_id == b->channel_id && strcmp(a->session_id, b->session_id) == 0 &&
           a->self_mute == b->self_mute && a->self_deaf == b->self_deaf && a->self_video == b->self_video &&
           a->self_stream == b->self_stream && a->suppress == b->suppress;
}

/* Nothing is told when nothing is another. */
static status tell_set(struct call *c, struct change *ch, uint64_t guild_id, const struct voice *before)
{
    struct voice *now;
    status st = voices_load(c, change_db(ch), guild_id, call_user(c), ST_INTERNAL, &now);
    if (st != ST_OK || (before && is_same(before->state, now->state)))
        return st;
    bool moved = before && before->state->channel_id != now->state->channel_id;
    add_event(c, ch, now->state, moved ? before->state->channel_id : 0);
    return ST_OK;
}

status voices_set(struct call *c, struct change *ch, const Hubbub__V1__SetVoiceRequest *req)
{
    struct access a;
    struct voice *before;
    status st = find_channel(c, ch, req->guild_id, req->channel_id, &a);
    if (st == ST_OK)
        st = voices_find(c, change_db(ch), req->guild_id, call_user(c), &before);
    if (st == ST_OK && !(before && before->state->channel_id == a.channel_id)) {
        st = access_require(c, &a, ENTER_BITS);
        if (st == ST_OK)
            st = check_room(c, ch, &a);
    }
    if (st == ST_OK)
        st = store(c, ch, &a, req, before);
    return st == ST_OK ? tell_set(c, ch, req->guild_id, before) : st;
}

/* ---- What permissions leave -------------------------------------------------------------------------------------- */

static bool may_stay(const struct access *a, const struct voice *v)
{
    if (!a->member || !a->channel_id)
        return false;
    return v->brought ? !a->subject.timed_out : (a->permissions & ENTER_BITS) == ENTER_BITS;
}

static status store_shown(struct call *c, struct change *ch, struct voice *v, struct shown s)
{
    Hubbub__V1__VoiceState *state = v->state;
    struct db_rows *r;
    if (s.video == state->self_video && s.stream == state->self_stream && s.suppress == state->suppress)
        return ST_OK;
    status st = change_query(ch, &r,
                             "UPDATE voice_states SET self_video = $3, self_stream = $4, suppress = $5 WHERE guild_id "
                             "= $1 AND user_id = $2",
                             DB_ID(state->guild_id), DB_ID(state->user_id), DB_BOOL(s.video), DB_BOOL(s.stream),
                             DB_BOOL(s.suppress));
    state->self_video = s.video;
    state->self_stream = s.stream;
    state->suppress = s.suppress;
    if (st == ST_OK)
        add_event(c, ch, state, 0);
    return st;
}

static status review_one(struct call *c, struct change *ch, const struct access *a, struct voice *v)
{
    if (!may_stay(a, v))
        return voices_remove(c, ch, v);
    return store_shown(c, ch, v, show(a, v->state->self_video, v->state->self_stream, v->suppressed, v->in_afk));
}

status voices_review(struct call *c, struct change *ch, uint64_t guild_id)
{
    struct voice *all;
    struct access *may;
    size_t n = 0, n_may = 0;
    struct db_rows *r;
    status st = change_query(ch, &r, "SELECT FROM voice_states WHERE guild_id = $1 LIMIT 1", DB_ID(guild_id));
    if (st != ST_OK || !db_count(r))
        return st;
    st = find_all(c, change_db(ch), guild_id, &all, &n);
    if (st == ST_OK)
        st = access_in_voice(c, change_db(ch), guild_id, &may, &n_may);
    for (size_t i = 0; st == ST_OK && i < n && i < n_may; i++) /* both by user, under the scope's lock */
        st = review_one(c, ch, &may[i], &all[i]);
    return st;
}

/* ---- What others say --------------------------------------------------------------------------------------------- */

enum { MEMBER_MUTE = 360, MEMBER_DEAF = 361, MEMBER_CHANNEL = 362 }; /* fields of EditMemberRequest */

/* The caller's permissions in the channel where the member is. */
static status require_there(struct call *c, struct change *ch, const struct voice *v, uint64_t bits)
{
    struct access a;
    status st = access_channel_of(c, change_db(ch), v->state->channel_id, call_user(c), &a);
    return st == ST_OK ? access_require(c, &a, bits) : st;
}

static status set_guild_flags(struct call *c, struct change *ch, const Hubbub__V1__EditMemberRequest *req,
                              const struct voice *v)
{
    struct db_rows *r;
    bool mute = WIRE_PRESENT_IN(req, MEMBER_MUTE), deaf = WIRE_PRESENT_IN(req, MEMBER_DEAF);
    if (!mute && !deaf)
        return ST_OK;
    status st = require_there(c, ch, v, (mute ? PERM_(MUTE_MEMBERS) : 0) | (deaf ? PERM_(DEAFEN_MEMBERS) : 0));
    if (st == ST_OK)
        st = change_query(ch, &r,
                          "UPDATE members SET mute = CASE WHEN $3 THEN $4 ELSE mute END, deaf = CASE WHEN $5 THEN $6 "
                          "ELSE deaf END WHERE guild_id = $1 AND user_id = $2",
                          DB_ID(req->guild_id), DB_ID(req->user_id), DB_BOOL(mute), DB_BOOL(req->mute), DB_BOOL(deaf),
                          DB_BOOL(req->deaf));
    if (st != ST_OK)
        return st;
    bool same = (!mute || req->mute == v->state->mute) && (!deaf || req->deaf == v->state->deaf);
    return same ? ST_OK : voices_tell(c, ch, req->guild_id, req->user_id, 0);
}

/* The entries of both count, and name nobody. */
static status audit_move(struct call *c, struct change *ch, uint64_t guild_id, uint64_t channel_id)
{
    Hubbub__V1__AuditEntry *e = audit_entry(c, channel_id ? AUDIT_MEMBER_MOVE : AUDIT_MEMBER_DISCONNECT, 0);
    if (channel_id)
        PB_SET(audit_options(c, e), channel_id, channel_id);
    audit_options(c, e)->count = (char *)"1";
    return audit_add(c, ch, guild_id, e);
}

static status disconnect(struct call *c, struct change *ch, struct voice *v)
{
    status st = require_there(c, ch, v, PERM_(MOVE_MEMBERS));
    if (st == ST_OK)
        st = voices_remove(c, ch, v);
    return st == ST_OK ? audit_move(c, ch, v->state->guild_id, 0) : st;
}

static status store_move(struct call *c, struct change *ch, const struct access *target, const struct voice *v)
{
    struct db_rows *r;
    struct shown s = show(target, v->state->self_video, v->state->self_stream, false, false);
    return change_query(ch, &r,
                        "UPDATE voice_states v SET channel_id = $3, brought = $4, suppressed = false, self_video = $5, "
                        "self_stream = $6, suppress = $7 OR coalesce(g.afk_channel_id = $3, false) FROM guilds g WHERE "
                        "g.id = v.guild_id AND v.guild_id = $1 AND v.user_id = $2",
                        DB_ID(v->state->guild_id), DB_ID(v->state->user_id), DB_ID(target->channel_id),
                        DB_BOOL((target->permissions & ENTER_BITS) != ENTER_BITS), DB_BOOL(s.video), DB_BOOL(s.stream),
                        DB_BOOL(s.suppress));
}

/* A channel that the member could not enter, or that is full, takes whoever is brought. */
static status move(struct call *c, struct change *ch, const struct voice *v, uint64_t channel_id)
{
    struct access there, target;
    const uint64_t guild_id = v->state->guild_id, from = v->state->channel_id;
    status st = find_channel(c, ch, guild_id, channel_id, &there);
    if (st == ST_OK)
        st = access_require(c, &there, ENTER_BITS | PERM_(MOVE_MEMBERS));
    if (st == ST_OK)
        st = require_there(c, ch, v, PERM_(MOVE_MEMBERS));
    if (st != ST_OK || from == channel_id)
        return st;
    st = access_channel_of(c, change_db(ch), channel_id, v->state->user_id, &target);
    if (st == ST_OK)
        st = store_move(c, ch, &target, v);
    if (st == ST_OK)
        st = voices_tell(c, ch, guild_id, v->state->user_id, from);
    return st == ST_OK ? audit_move(c, ch, guild_id, channel_id) : st;
}

status voices_moderate(struct call *c, struct change *ch, const struct access *a,
                       const Hubbub__V1__EditMemberRequest *req)
{
    struct voice *v;
    status st = voices_load(c, change_db(ch), a->guild_id, req->user_id, ST_NOT_IN_VOICE, &v);
    if (st == ST_OK)
        st = set_guild_flags(c, ch, req, v);
    if (st != ST_OK || !WIRE_PRESENT_IN(req, MEMBER_CHANNEL))
        return st;
    return req->channel_id ? move(c, ch, v, req->channel_id) : disconnect(c, ch, v);
}

status voices_suppress(struct call *c, struct change *ch, const struct voice *v, bool suppressed)
{
    struct db_rows *r;
    struct access a;
    const Hubbub__V1__VoiceState *s = v->state;
    status st = access_channel_of(c, change_db(ch), s->channel_id, s->user_id, &a);
    if (st != ST_OK)
        return st;
    bool suppress = show(&a, false, false, suppressed, v->in_afk).suppress;
    st = change_query(ch, &r,
                      "UPDATE voice_states SET suppressed = $3, suppress = $4 WHERE guild_id = $1 AND user_id = $2",
                      DB_ID(s->guild_id), DB_ID(s->user_id), DB_BOOL(suppressed), DB_BOOL(suppress));
    return st == ST_OK && suppress != s->suppress ? voices_tell(c, ch, s->guild_id, s->user_id, 0) : st;
}

/* ---- Leases ------------------------------------------------------------------------------------------------------ */

/* Gateways keep every ten seconds. After a pause of all keeping (PostgreSQL was away, or this is a new chat) each of
 * them gets the chance to keep before anything goes. */
enum { KEEPING_GAP_MS = 20000, KEEPING_FIRST_MS = 30000, EXPIRE_AT_ONCE = 100 };

static bool is_time_to_expire(struct chat *chat)
{
    int64_t now = clock_mono_ms(), last = atomic_exchange(&chat->voices_kept_ms, now);
    if (!last || now - last > KEEPING_GAP_MS)
        atomic_store(&chat->voices_since_ms, now);
    return now - atomic_load(&chat->voices_since_ms) >= KEEPING_FIRST_MS;
}

static status keep(struct call *c, struct db *d, const Hubbub__V1__KeepVoicesRequest *req)
{
    struct arena *a = call_arena(c);
    struct db_rows *r;
    size_t n = req->n_voices;
    uint64_t *guilds = ARENA_ARRAY(a, uint64_t, n), *users = ARENA_ARRAY(a, uint64_t, n);
    char **sessions = ARENA_ARRAY(a, char *, n);
    for (size_t i = 0; i < n; i++) {
        guilds[i] = req->voices[i]->guild_id;
        users[i] = req->voices[i]->user_id;
        sessions[i] = req->voices[i]->session_id;
    }
    if (!n)
        return ST_OK;
    return chat_query(c, d, &r,
                      "UPDATE voice_states v SET due = clock_timestamp() + make_interval(secs => $4::bigint) FROM "
                      "unnest($1::bigint[], $2::bigint[], $3::text[]) AS x (guild_id, user_id, session_id) WHERE "
                      "v.guild_id = x.guild_id AND v.user_id = x.user_id AND v.session_id = x.session_id",
                      DB_IDS(guilds, n), DB_IDS(users, n), DB_TEXTS(sessions, n), DB_I64(VOICE_LEASE_S));
}

static status expire_one(struct call *c, uint64_t guild_id, uint64_t user_id)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct voice *v = NULL;
    struct db_rows *r;
    status st = change_begin(c, &guild_id, 1, ST_UNKNOWN_GUILD, &ch);
    if (st == ST_OK)
        st = voices_find(c, change_db(ch), guild_id, user_id, &v);
    if (st == ST_OK)
        st = change_query(ch, &r,
                          "DELETE FROM voice_states WHERE guild_id = $1 AND user_id = $2 AND due < clock_timestamp()",
                          DB_ID(guild_id), DB_ID(user_id));
    if (st != ST_OK || !v || !db_affected(r)) /* it was kept meanwhile, or has left */
        return st;
    tell_left(c, ch, v);
    return change_commit(ch);
}

static status expire(struct call *c)
{
    struct db_rows *r;
    {
        DB_LEASED struct db *d = NULL;
        status st = chat_lease(c, &d);
        if (st == ST_OK)
            st = chat_query(c, d, &r,
                            "SELECT guild_id, user_id FROM voice_states WHERE due < clock_timestamp() LIMIT $1",
                            DB_I64(EXPIRE_AT_ONCE));
        if (st != ST_OK)
            return st;
    }
    for (unsigned i = 0; i < db_count(r); i++) {
        status st = expire_one(c, db_u64(r, i, 0), db_u64(r, i, 1));
        if (st != ST_OK && st != ST_UNKNOWN_GUILD)
            return st;
    }
    return ST_OK;
}

status voices_keep(struct call *c, const Hubbub__V1__KeepVoicesRequest *req)
{
    {
        DB_LEASED struct db *d = NULL;
        status st = chat_lease(c, &d);
        if (st == ST_OK)
            st = keep(c, d, req);
        if (st != ST_OK)
            return st;
    }
    return is_time_to_expire(chat_of(c)) ? expire(c) : ST_OK;
}
