/* handle_feeds.c - the service Feeds: what gateways load and heal their replicas and sessions from. */
#include "services/chat/chat.h"
#include "services/chat/direct.h"
#include "services/chat/feed_store.h"
#include "services/chat/handlers.h"
#include "services/chat/read_states.h"
#include "services/chat/relationships.h"
#include "services/chat/rows.h"
#include "services/chat/settings.h"
#include "services/chat/tokens.h"
#include "services/chat/voices.h"
#include <inttypes.h>

enum { MEMBERS_MAX = 1000 };

static status heads(struct call *c, const Hubbub__V1__HeadsRequest *req, Hubbub__V1__HeadsResponse *ret)
{
    return feed_store_heads(chat_of(c)->feeds, c, req, ret);
}

static status read_feed(struct call *c, const Hubbub__V1__ReadFeedRequest *req, Hubbub__V1__ReadFeedResponse *ret)
{
    return feed_store_read(c, req, ret);
}

static status read_head(struct call *c, struct db *d, uint64_t guild_id, uint64_t *ret_head, uint64_t *ret_count)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT f.head, g.member_count FROM feeds f JOIN guilds g ON g.id = f.scope_id WHERE "
                           "f.scope_id = $1 AND NOT f.closed",
                           DB_ID(guild_id));
    if (st != ST_OK)
        return st;
    if (db_count(r) == 0)
        return call_fail(c, ST_UNKNOWN_GUILD, "no guild %" PRIu64, guild_id);
    *ret_head = db_u64(r, 0, 0);
    *ret_count = db_u64(r, 0, 1);
    return ST_OK;
}

static status read_members(struct call *c, struct db *d, const Hubbub__V1__SnapshotRequest *req,
                           Hubbub__V1__SnapshotResponse *ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "(SELECT " ROWS_MEMBER ", 0 FROM members m JOIN users u ON u.id = m.user_id WHERE "
                           "m.guild_id = $1 AND m.user_id = ANY($2::bigint[]) LIMIT $3)"
                           " UNION ALL (SELECT " ROWS_MEMBER
                           ", 1 FROM (SELECT * FROM members WHERE guild_id = $1 AND user_id <> ALL($2::bigint[])"
                           " ORDER BY joined_at, user_id LIMIT $3) m JOIN users u ON u.id = m.user_id ORDER BY "
                           "m.joined_at, m.user_id) LIMIT $3",
                           DB_ID(req->guild_id), DB_IDS(req->user_ids, req->n_user_ids), DB_I64(MEMBERS_MAX));
    if (st != ST_OK)
        return st;
    ret->n_members = db_count(r);
    ret->members = ARENA_ARRAY(call_arena(c), Hubbub__V1__Member *, ret->n_members);
    for (unsigned i = 0; i < ret->n_members; i++)
        ret->members[i] = rows_member(call_arena(c), r, i, 0);
    return ST_OK;
}

static status snapshot(struct call *c, const Hubbub__V1__SnapshotRequest *req, Hubbub__V1__SnapshotResponse *ret)
{
    DB_LEASED struct db *d = NULL;
    uint64_t head = 0, count = 0;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = read_head(c, d, req->guild_id, &head, &count);
    if (st == ST_OK)
        st = rows_load_guild(c, d, req->guild_id, &ret->guild);
    if (st == ST_OK)
        st = rows_load_channels(c, d, req->guild_id, &ret->channels, &ret->n_channels);
    if (st == ST_OK)
        st = read_members(c, d, req, ret);
    if (st == ST_OK)
        st = voices_load_all(c, d, req->guild_id, &ret->voice_states, &ret->n_voice_states);
    if (st != ST_OK)
        return st;
    ret->generation = chat_generation(call_arena(c), db_generation(d));
    PB_SET(ret, head, head);
    PB_SET(ret, member_count, (uint32_t)count);
    return ST_OK;
}

/* ---- OpenSession ------------------------------------------------------------------------------------------------- */

static status read_self(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__OpenSessionResponse *ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_ME ", f.head, pg_snapshot_xmin(pg_current_snapshot())::text FROM users u "
                           "JOIN feeds f ON f.scope_id = u.id WHERE u.id = $1",
                           DB_ID(user_id));
    if (st != ST_OK)
        return st;
    if (db_count(r) == 0)
        return call_fail(c, ST_UNAUTHORIZED, "user %" PRIu64 " has no feed", user_id);
    ret->user = PB_NEW(call_arena(c), Hubbub__V1__Me, hubbub__v1__me);
    rows_me(call_arena(c), r, 0, 0, ret->user);
    PB_SET(ret, head, db_u64(r, 0, ROWS_ME_N));
    PB_SET(ret, xmin, db_u64(r, 0, ROWS_ME_N + 1));
    return ST_OK;
}

static status read_guilds(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__OpenSessionResponse *ret)
{
    struct arena *a = call_arena(c);
    struct db_rows *r;
    status st =
        chat_query(c, d, &r,
                   "SELECT " ROWS_MEMBER ", m.guild_id, f.head FROM members m JOIN users u ON u.id = m.user_id"
                   " JOIN feeds f ON f.scope_id = m.guild_id AND NOT f.closed WHERE m.user_id = $1 ORDER BY m.guild_id",
                   DB_ID(user_id));
    if (st != ST_OK)
        return st;
    ret->n_guilds = db_count(r);
    ret->guilds = ARENA_ARRAY(a, Hubbub__V1__OpenGuild *, ret->n_guilds);
    for (unsigned i = 0; i < ret->n_guilds; i++) {
        ret->guilds[i] = PB_NEW(a, Hubbub__V1__OpenGuild, hubbub__v1__open_guild);
        PB_SET(ret->guilds[i], guild_id, db_u64(r, i, ROWS_MEMBER_N));
        PB_SET(ret->guilds[i], head, db_u64(r, i, ROWS_MEMBER_N + 1));
        ret->guilds[i]->member = rows_member(a, r, i, 0);
    }
    return ST_OK;
}

/* What only people's READY tells. */
static status read_for_ready(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__OpenSessionResponse *ret)
{
    status st = read_states_load(c, d, user_id, &ret->read_states, &ret->n_read_states);
    if (st == ST_OK)
        st = settings_load(c, d, user_id, &ret->settings);
    if (st == ST_OK)
        st = settings_load_proto(c, d, user_id, 1, &ret->settings_proto);
    return st == ST_OK ? settings_load_guilds(c, d, user_id, &ret->guild_settings, &ret->n_guild_settings) : st;
}

static status open_session(struct call *c, const Hubbub__V1__OpenSessionRequest *req,
                           Hubbub__V1__OpenSessionResponse *ret)
{
    DB_LEASED struct db *d = NULL;
    ret->identity = PB_NEW(call_arena(c), Hubbub__V1__Identity, hubbub__v1__identity);
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = token_resolve(c, d, req->token ? req->token : "", ret->identity);
    if (st == ST_OK)
        st = read_self(c, d, ret->identity->user_id, ret);
    if (st == ST_OK)
        st = read_guilds(c, d, ret->identity->user_id, ret);
    if (st == ST_OK)
        st = direct_load_shown(c, d, ret->identity->user_id, &ret->dms, &ret->n_dms);
    if (st == ST_OK && !ret->identity->bot)
        st = relationships_load(c, d, ret->identity->user_id, &ret->relationships, &ret->n_relationships);
    if (st == ST_OK && !ret->identity->bot && !req->resumes)
        st = read_for_ready(c, d, ret->identity->user_id, ret);
    if (st != ST_OK)
        return st;
    ret->generation = chat_generation(call_arena(c), db_generation(d));
    ret->session_id_hash = token_id_hash(call_arena(c), ret->identity);
    return ST_OK;
}

static status get_member(struct call *c, const Hubbub__V1__GetMemberRequest *req, Hubbub__V1__GetMemberResponse *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r,
                        "SELECT " ROWS_MEMBER
                        ", f.head FROM feeds f LEFT JOIN members m ON m.guild_id = f.scope_id AND m.user_id = $2"
                        " LEFT JOIN users u ON u.id = m.user_id WHERE f.scope_id = $1 AND NOT f.closed",
                        DB_ID(req->guild_id), DB_ID(req->user_id));
    if (st != ST_OK)
        return st;
    if (db_count(r) == 0)
        return call_fail(c, ST_UNKNOWN_GUILD, "no guild %" PRIu64, req->guild_id);
    ret->generation = chat_generation(call_arena(c), db_generation(d));
    PB_SET(ret, head, db_u64(r, 0, ROWS_MEMBER_N));
    if (!db_is_null(r, 0, ROWS_MEMBER_ONLY_N))
        ret->member = rows_member(call_arena(c), r, 0, 0);
    return ST_OK;
}

static status search_members(struct call *c, const Hubbub__V1__SearchMembersRequest *req,
                             Hubbub__V1__SearchMembersResponse *ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    return st == ST_OK ? feed_store_members(c, d, req, ret) : st;
}

const struct hubbub__v1__feeds__handlers feeds_handlers = {
    .heads = heads,
    .read = read_feed,
    .snapshot = snapshot,
    .open_session = open_session,
    .search_members = search_members,
    .get_member = get_member,
};
