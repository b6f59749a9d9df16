/* handle_invites.c - the Invites service. Codes are 8 letters or digits, guessed with chance 2^-47. */
#include "services/chat/access.h"
#include "services/chat/audit.h"
#include "services/chat/credentials.h"
#include "services/chat/handlers.h"
#include "services/chat/invites.h"
#include "services/chat/messages.h"
#include <inttypes.h>

enum { CODE_N = 8, INVITES_MAX = 1000 };

static status load_invite(struct call *c, struct db *d, const char *code, bool with_meta, Hubbub__V1__Invite **ret)
{
    struct db_rows *rows;
    status st = chat_query(
        c, d, &rows, "SELECT " ROWS_INVITE ROWS_INVITE_FROM "WHERE i.code = $1 AND " ROWS_INVITE_ALIVE, DB_TEXT(code));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_INVITE, "no such invite");
    *ret = rows_invite(call_arena(c), rows, 0, 0, with_meta);
    return ST_OK;
}

static Hubbub__V1__AuditEntry *audit_invite(struct call *c, enum audit_action action, const Hubbub__V1__Invite *before,
                                            const Hubbub__V1__Invite *after)
{
    Hubbub__V1__AuditEntry *e = audit_entry(c, action, 0);
    audit_compare(c, e, &hubbub__v1__invite__wire, before, after, AUDIT_INVITE_FIELDS);
    PB_SET(audit_options(c, e), channel_id, (before ? before : after)->channel->id);
    return e;
}

/* ---- Create ---------------------------------------------------------------------------------------------------- */

static void add_invite_create(struct call *c, struct change *ch, const Hubbub__V1__Invite *i)
{
    struct arena *a = call_arena(c);
    Hubbub__V1__InviteCreated *e = PB_NEW(a, Hubbub__V1__InviteCreated, hubbub__v1__invite_created);
    PB_SET(e, channel_id, i->channel->id);
    PB_SET(e, guild_id, i->guild_id);
    e->code = i->code;
    PB_SET(e, created_at, i->created_at);
    if (i->has_expires_at)
        PB_SET(e, expires_at, i->expires_at);
    e->inviter = i->inviter;
    PB_SET(e, max_age, i->max_age);
    PB_SET(e, max_uses, i->max_uses);
    PB_SET(e, temporary, i->temporary);
    PB_SET(e, uses, i->uses);
    PB_SET(e, type, 0);
    change_add(ch, i->guild_id, i->channel->id, 0, ROWS_EVENT(a, invite_create, e));
}

static void add_invite_delete(struct call *c, struct change *ch, uint64_t guild_id, uint64_t channel_id,
                              const char *code)
{
    struct arena *a = call_arena(c);
    Hubbub__V1__InviteDeleted *e = PB_NEW(a, Hubbub__V1__InviteDeleted, hubbub__v1__invite_deleted);
    PB_SET(e, channel_id, channel_id);
    PB_SET(e, guild_id, guild_id);
    e->code = (char *)code;
    change_add(ch, guild_id, channel_id, 0, ROWS_EVENT(a, invite_delete, e));
}

/* The newest invite that the caller made there with the same settings; *ret NULL when there is none. */
static status find_equal(struct call *c, struct change *ch, const Hubbub__V1__CreateInviteRequest *req,
                         const char **ret)
{
    struct db_rows *rows;
    status st = change_query(
        ch, &rows,
        "SELECT i.code FROM invites i WHERE i.channel_id = $1 AND i.inviter_id = $2 AND i.max_age = $3 "
        "AND i.max_uses = $4 AND i.temporary = $5 AND " ROWS_INVITE_ALIVE " ORDER BY i.created_at DESC LIMIT 1",
        DB_ID(req->channel_id), DB_ID(call_user(c)), DB_I64(req->max_age), DB_I64(req->max_uses),
        DB_BOOL(req->temporary));
    if (st == ST_OK)
        *ret = db_count(rows) ? db_text(rows, 0, 0) : NULL;
    return st;
}

/* The dead ones go at the same time: they are of use to nobody and would fill the limit. */
static status make_room(struct call *c, struct change *ch, uint64_t guild_id)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "DELETE FROM invites i WHERE i.guild_id = $1 AND NOT (" ROWS_INVITE_ALIVE ")",
                             DB_ID(guild_id));
    if (st == ST_OK)
        st = change_query(ch, &rows, "SELECT count(*) FROM invites WHERE guild_id = $1", DB_ID(guild_id));
    if (st == ST_OK && db_i64(rows, 0, 0) >= INVITES_MAX)
        st = call_fail(c, ST_MAX_INVITES, "guild %" PRIu64 " has %d invites", guild_id, INVITES_MAX);
    return st;
}

static status insert_invite(struct call *c, struct change *ch, const struct access *a,
                            const Hubbub__V1__CreateInviteRequest *req, Hubbub__V1__Invite **ret)
{
    char *code = code_make(call_arena(c), CODE_N);
    struct db_rows *rows;
    status st = make_room(c, ch, a->guild_id);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "INSERT INTO invites (code, guild_id, channel_id, inviter_id, max_age, max_uses, temporary) "
                          "VALUES ($1, $2, $3, $4, $5, $6, $7)",
                          DB_TEXT(code), DB_ID(a->guild_id), DB_ID(a->channel_id), DB_ID(call_user(c)),
                          DB_I64(req->max_age), DB_I64(req->max_uses), DB_BOOL(req->temporary));
    if (st == ST_OK)
        st = load_invite(c, change_db(ch), code, true, ret);
    if (st != ST_OK)
        return st;
    add_invite_create(c, ch, *ret);
    return audit_add(c, ch, a->guild_id, audit_invite(c, AUDIT_INVITE_CREATE, NULL, *ret));
}

static status create(struct call *c, const Hubbub__V1__CreateInviteRequest *req, Hubbub__V1__Invite *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    status st = access_begin_channel(c, req->channel_id, PERM_CREATE_INSTANT_INVITE, &ch, &a);
    if (st != ST_OK)
        return st;
    if (a.channel_type == CHANNEL_CATEGORY)
        return call_fail(c, ST_WRONG_CHANNEL_TYPE, "a category has no invites");
    const char *same = NULL;
    if (!req->unique)
        st = find_equal(c, ch, req, &same);
    Hubbub__V1__Invite *invite = NULL;
    if (st == ST_OK)
        st = same ? load_invite(c, change_db(ch), same, true, &invite) : insert_invite(c, ch, &a, req, &invite);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *resp = *invite;
    return st;
}

/* ---- Read ------------------------------------------------------------------------------------------------------ */

static status get(struct call *c, const Hubbub__V1__InviteRequest *req, Hubbub__V1__Invite *resp)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    Hubbub__V1__Invite *invite;
    if (st == ST_OK)
        st = load_invite(c, d, req->code ? req->code : "", false, &invite);
    struct db_rows *rows;
    if (st == ST_OK && req->with_counts) {
        st = chat_query(c, d, &rows, "SELECT member_count FROM guilds WHERE id = $1", DB_ID(invite->guild_id));
        if (st == ST_OK && db_count(rows))
            PB_SET(invite, approximate_member_count, (int32_t)db_i64(rows, 0, 0));
    }
    if (st == ST_OK)
        *resp = *invite;
    return st;
}

static void fill_list(struct call *c, const struct db_rows *rows, Hubbub__V1__InviteList *resp)
{
    resp->n_invites = db_count(rows);
    resp->invites = ARENA_ARRAY(call_arena(c), Hubbub__V1__Invite *, resp->n_invites);
    for (unsigned i = 0; i < resp->n_invites; i++)
        resp->invites[i] = rows_invite(call_arena(c), rows, i, 0, true);
}

static status list_of_channel(struct call *c, const Hubbub__V1__ChannelRequest *req, Hubbub__V1__InviteList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    struct db_rows *rows;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_channel(c, d, req->channel_id, &a);
    if (st == ST_OK)
        st = access_require(c, &a, PERM_MANAGE_CHANNELS);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT " ROWS_INVITE ROWS_INVITE_FROM
                        "WHERE i.guild_id = $1 AND i.channel_id = $2 AND " ROWS_INVITE_ALIVE
                        " ORDER BY i.created_at, i.code",
                        DB_ID(a.guild_id), DB_ID(req->channel_id));
    if (st == ST_OK)
        fill_list(c, rows, resp);
    return st;
}

static status list_of_guild(struct call *c, const Hubbub__V1__GuildChannelsRequest *req, Hubbub__V1__InviteList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    struct db_rows *rows;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    if (st == ST_OK)
        st = access_require(c, &a, PERM_MANAGE_GUILD);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT " ROWS_INVITE ROWS_INVITE_FROM "WHERE i.guild_id = $1 AND " ROWS_INVITE_ALIVE
                        " ORDER BY i.created_at, i.code",
                        DB_ID(req->guild_id));
    if (st == ST_OK)
        fill_list(c, rows, resp);
    return st;
}

/* ---- Accept ---------------------------------------------------------------------------------------------------- */

status invite_guild(struct call *c, const char *code, uint64_t *ret_guild_id)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, "SELECT i.guild_id FROM invites i WHERE i.code = $1 AND " ROWS_INVITE_ALIVE,
                        DB_TEXT(code));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_INVITE, "no such invite");
    *ret_guild_id = db_u64(rows, 0, 0);
    return ST_OK;
}

/* Counts one use; the last one deletes it and says so before the join. */
static status count_use(struct call *c, struct change *ch, const Hubbub__V1__Invite *invite)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "UPDATE invites i SET uses = uses + 1 WHERE i.code = $1 AND " ROWS_INVITE_ALIVE
                             " RETURNING i.max_uses > 0 AND i.uses >= i.max_uses",
                             DB_TEXT(invite->code));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_INVITE, "the invite ended");
    if (!db_bool(rows, 0, 0))
        return ST_OK;
    st = change_query(ch, &rows, "DELETE FROM invites WHERE code = $1", DB_TEXT(invite->code));
    if (st == ST_OK)
        add_invite_delete(c, ch, invite->guild_id, invite->channel->id, invite->code);
    return st;
}

status invite_use(struct call *c, struct change *ch, const char *code, uint64_t user_id, Hubbub__V1__Invite **ret)
{
    bool is_new = false;
    Hubbub__V1__Member *member;
    status st = load_invite(c, change_db(ch), code, false, ret);
    if (st == ST_OK)
        st = rows_insert_member(c, ch, (*ret)->guild_id, user_id, &is_new);
    if (st != ST_OK || !is_new)
        return st;
    st = count_use(c, ch, *ret);
    if (st == ST_OK)
        st = rows_load_member(c, change_db(ch), (*ret)->guild_id, user_id, &member);
    if (st != ST_OK)
        return st;
    rows_add_joined(c, ch, (*ret)->guild_id, member);
    return messages_add_join(c, ch, (*ret)->guild_id, member);
}

static status accept_invite(struct call *c, const Hubbub__V1__InviteRequest *req, Hubbub__V1__Invite *resp)
{
    const char *code = req->code ? req->code : "";
    uint64_t guild_id;
    status st = invite_guild(c, code, &guild_id);
    if (st != ST_OK)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    const uint64_t scopes[] = {guild_id, call_user(c)};
    st = change_begin(c, scopes, 2, ST_UNKNOWN_INVITE, &ch);
    Hubbub__V1__Invite *invite;
    if (st == ST_OK)
        st = invite_use(c, ch, code, call_user(c), &invite);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *resp = *invite;
    return st;
}

/* ---- Delete ---------------------------------------------------------------------------------------------------- */

/* MANAGE_CHANNELS in the invite's channel, or MANAGE_GUILD. */
static status may_delete(struct call *c, struct db *d, const struct access *a, const Hubbub__V1__Invite *invite)
{
    if (a->in_guild & PERM_MANAGE_GUILD)
        return access_require(c, a, PERM_MANAGE_GUILD);
    struct access in_channel;
    status st = access_channel(c, d, invite->channel->id, &in_channel);
    return st == ST_OK ? access_require(c, &in_channel, PERM_MANAGE_CHANNELS) : st;
}

static status delete_invite(struct call *c, const Hubbub__V1__InviteRequest *req, Hubbub__V1__Invite *resp)
{
    const char *code = req->code ? req->code : "";
    uint64_t guild_id;
    status st = invite_guild(c, code, &guild_id);
    if (st != ST_OK)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Invite *invite;
    struct db_rows *rows;
    st = access_begin_guild(c, guild_id, 0, 0, &ch, &a);
    if (st == ST_OK)
        st = load_invite(c, change_db(ch), code, true, &invite);
    if (st == ST_OK)
        st = may_delete(c, change_db(ch), &a, invite);
    if (st == ST_OK)
        st = change_query(ch, &rows, "DELETE FROM invites WHERE code = $1", DB_TEXT(code));
    if (st != ST_OK)
        return st;
    add_invite_delete(c, ch, guild_id, invite->channel->id, invite->code);
    st = audit_add(c, ch, guild_id, audit_invite(c, AUDIT_INVITE_DELETE, invite, NULL));
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *resp = *invite;
    return st;
}

const struct hubbub__v1__invites__handlers invites_handlers = {
    .create = create,
    .list_of_channel = list_of_channel,
    .list_of_guild = list_of_guild,
    .get = get,
    .accept = accept_invite,
    .delete = delete_invite,
};
