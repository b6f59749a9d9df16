/* handle_members.c - the Members service. */
#include "lib/base/clock.h"
#include "lib/wire/wire.h"
#include "services/chat/access.h"
#include "services/chat/audit.h"
#include "services/chat/feed_store.h"
#include "services/chat/handlers.h"
#include "services/chat/membership.h"
#include "services/chat/rows.h"
#include "services/chat/voices.h"
#include <inttypes.h>

#define TIMEOUT_MAX_MS (INT64_C(28) * 24 * 3600 * 1000)

/* ---- Read ------------------------------------------------------------------------------------------------------ */

static status list(struct call *c, const Hubbub__V1__ListMembersRequest *req, Hubbub__V1__MemberList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    struct db_rows *rows;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT " ROWS_MEMBER " FROM members m JOIN users u ON u.id = m.user_id "
                        "WHERE m.guild_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3",
                        DB_ID(req->guild_id), DB_ID(req->after), DB_I64(req->limit));
    if (st != ST_OK)
        return st;
    resp->n_members = db_count(rows);
    resp->members = ARENA_ARRAY(call_arena(c), Hubbub__V1__Member *, resp->n_members);
    for (unsigned i = 0; i < resp->n_members; i++)
        resp->members[i] = rows_member(call_arena(c), rows, i, 0);
    return ST_OK;
}

static status search(struct call *c, const Hubbub__V1__FindMembersRequest *req, Hubbub__V1__MemberList *resp)
{
    Hubbub__V1__SearchMembersRequest asked = HUBBUB__V1__SEARCH_MEMBERS_REQUEST__INIT;
    Hubbub__V1__SearchMembersResponse found = HUBBUB__V1__SEARCH_MEMBERS_RESPONSE__INIT;
    DB_LEASED struct db *d = NULL;
    struct access a;
    PB_SET(&asked, guild_id, req->guild_id);
    PB_SET(&asked, limit, (uint32_t)req->limit);
    asked.query = req->query;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    if (st == ST_OK)
        st = feed_store_members(c, d, &asked, &found);
    if (st != ST_OK)
        return st;
    resp->members = found.members;
    resp->n_members = found.n_members;
    return ST_OK;
}

static status read_member(struct call *c, uint64_t guild_id, uint64_t user_id, Hubbub__V1__Member *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    Hubbub__V1__Member *member;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, guild_id, &a);
    if (st == ST_OK)
        st = rows_load_member(c, d, guild_id, user_id, &member);
    if (st == ST_OK)
        *resp = *member;
    return st;
}

static status get(struct call *c, const Hubbub__V1__MemberRequest *req, Hubbub__V1__Member *resp)
{
    return read_member(c, req->guild_id, req->user_id, resp);
}

static status get_self(struct call *c, const Hubbub__V1__GuildRequest *req, Hubbub__V1__Member *resp)
{
    return read_member(c, req->guild_id, call_user(c), resp);
}

/* ---- What an edit needs ---------------------------------------------------------------------------------------- */

struct target {
    struct access access;       /* the member's own rank */
    Hubbub__V1__Member *before; /* any edit */
    bool self;
};

static status find_target(struct call *c, struct change *ch, const struct access *a, uint64_t user_id, struct target *t)
{
    t->self = user_id == call_user(c);
    status st = access_of(c, change_db(ch), a->guild_id, user_id, &t->access);
    if (st == ST_OK && !t->access.member)
        st = call_fail(c, ST_UNKNOWN_MEMBER, "user %" PRIu64 " is no member", user_id);
    return st == ST_OK ? rows_load_member(c, change_db(ch), a->guild_id, user_id, &t->before) : st;
}

/* The bits, and a rank above the target's. */
static status require_above(struct call *c, const struct access *a, const struct target *t, uint64_t bits)
{
    status st = access_require(c, a, bits);
    if (st == ST_OK && !access_above(a, &t->access))
        st =
            call_fail(c, ST_MISSING_PERMISSIONS, "user %" PRIu64 " is not below the caller", t->access.subject.user_id);
    return st;
}

static bool contains(const uint64_t *ids, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

/* May the caller give or take this role? It lies below the caller's highest, is no bot's and not @everyone. */
static status check_role(struct call *c, struct change *ch, const struct access *a, uint64_t role_id)
{
    Hubbub__V1__Role *role;
    status st = rows_load_role(c, change_db(ch), a->guild_id, role_id, &role);
    if (st != ST_OK)
        return st;
    if (role_id == a->guild_id || role->managed)
        return call_fail(c, ST_INVALID_ROLE, "role %" PRIu64 " is not assigned by people", role_id);
    if (!access_above_role(a, role->position, role_id))
        return call_fail(c, ST_MISSING_PERMISSIONS, "role %" PRIu64 " is not below the caller", role_id);
    return ST_OK;
}

/* Every role that is in one of the two sets only. */
static status check_difference(struct call *c, struct change *ch, const struct access *a, const uint64_t *from,
                               size_t n_from, const uint64_t *to, size_t n_to)
{
    for (size_t i = 0; i < n_from; i++) {
        status st = contains(to, n_to, from[i]) ? ST_OK : check_role(c, ch, a, from[i]);
        if (st != ST_OK)
            return st;
    }
    return ST_OK;
}

static status set_roles(struct call *c, struct change *ch, const struct access *a, const struct target *t,
                        const uint64_t *roles, size_t n)
{
    const struct permission_subject *now = &t->access.subject;
    struct db_rows *rows;
    status st = check_difference(c, ch, a, now->roles, now->n_roles, roles, n);
    if (st == ST_OK)
        st = check_difference(c, ch, a, roles, n, now->roles, now->n_roles);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "UPDATE members SET roles = ARRAY(SELECT DISTINCT r FROM unnest($3::bigint[]) r ORDER BY r) "
                          "WHERE guild_id = $1 AND user_id = $2",
                          DB_ID(a->guild_id), DB_ID(now->user_id), DB_IDS(roles, n));
    if (st == ST_OK)
        change_fence(ch, a->guild_id);
    return st;
}

static status set_nick(struct change *ch, uint64_t guild_id, uint64_t user_id, const char *nick)
{
    struct db_rows *rows;
    return change_query(ch, &rows, "UPDATE members SET nick = $3 WHERE guild_id = $1 AND user_id = $2", DB_ID(guild_id),
                        DB_ID(user_id), DB_TEXT_OR_NULL(nick));
}

/* until_ms 0: none any more. Administrators cannot be timed out. */
static status set_timeout(struct call *c, struct change *ch, const struct access *a, const struct target *t,
                          int64_t until_ms)
{
    if (until_ms > clock_wall_ms() + TIMEOUT_MAX_MS)
        return call_fail_field(c, "communication_disabled_until", "BASE_TYPE_MAX", "A timeout lasts at most 28 days.");
    if (until_ms && access_is_admin(&t->access))
        return call_fail(c, ST_MISSING_PERMISSIONS, "an administrator is not timed out");
    struct db_rows *rows;
    status st = change_query(
        ch, &rows,
        "UPDATE members SET timeout_until = to_timestamp($3::bigint / 1000.0) WHERE guild_id = $1 AND user_id = $2",
        DB_ID(a->guild_id), DB_ID(t->access.subject.user_id), until_ms ? DB_I64(until_ms) : DB_NULL);
    if (st == ST_OK)
        change_fence(ch, a->guild_id);
    return st;
}

/* The roles that are in the first set only, with their names. */
static status named_difference(struct call *c, struct change *ch, const Hubbub__V1__Member *of,
                               const Hubbub__V1__Member *without, Hubbub__V1__AuditRoles *ret)
{
    struct arena *a = call_arena(c);
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "SELECT id, name FROM roles WHERE id = ANY ($1::bigint[]) AND id <> ALL ($2::bigint[]) "
                             "ORDER BY position DESC, id",
                             DB_IDS(of->roles, of->n_roles), DB_IDS(without->roles, without->n_roles));
    if (st != ST_OK)
        return st;
    ret->n_roles = db_count(rows);
    ret->roles = ARENA_ARRAY(a, Hubbub__V1__AuditRole *, ret->n_roles);
    for (unsigned i = 0; i < ret->n_roles; i++) {
        ret->roles[i] = PB_NEW(a, Hubbub__V1__AuditRole, hubbub__v1__audit_role);
        PB_SET(ret->roles[i], id, db_u64(rows, i, 0));
        ret->roles[i]->name = (char *)db_text(rows, i, 1);
    }
    return ST_OK;
}

static status audit_member(struct call *c, struct change *ch, uint64_t guild_id, const Hubbub__V1__Member *before,
                           const Hubbub__V1__Member *after)
{
    Hubbub__V1__AuditRoles added = HUBBUB__V1__AUDIT_ROLES__INIT, removed = added;
    Hubbub__V1__AuditEntry *edited = audit_entry(c, AUDIT_MEMBER_UPDATE, after->user->id);
    Hubbub__V1__AuditEntry *given = audit_entry(c, AUDIT_MEMBER_ROLE_UPDATE, after->user->id);
    audit_compare(c, edited, &hubbub__v1__member__wire, before, after, AUDIT_MEMBER_FIELDS);
    status st = named_difference(c, ch, after, before, &added);
    if (st == ST_OK)
        st = named_difference(c, ch, before, after, &removed);
    if (st != ST_OK)
        return st;
    audit_roles(c, given, "$add", &added);
    audit_roles(c, given, "$remove", &removed);
    return audit_add_all(c, ch, guild_id, (Hubbub__V1__AuditEntry *[]){edited, given}, 2);
}

/* The member as it is now, told to the guild. before: as it was when the change began. */
static status finish(struct call *c, struct change *ch, uint64_t guild_id, const Hubbub__V1__Member *before,
                     Hubbub__V1__Member *resp)
{
    Hubbub__V1__Member *member;
    status st = rows_load_member(c, change_db(ch), guild_id, before->user->id, &member);
    if (st != ST_OK)
        return st;
    rows_add_member_update(c, ch, guild_id, member);
    st = audit_member(c, ch, guild_id, before, member);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK && resp)
        *resp = *member;
    return st;
}

/* ---- Edit ------------------------------------------------------------------------------------------------------ */

static status edit_nick(struct call *c, struct change *ch, const struct access *a, const struct target *t,
                        const char *nick)
{
    status st = t->self && (a->permissions & PERM_CHANGE_NICKNAME) ? ST_OK
                : t->self                                          ? access_require(c, a, PERM_MANAGE_NICKNAMES)
                                                                   : require_above(c, a, t, PERM_MANAGE_NICKNAMES);
    return st == ST_OK ? set_nick(ch, a->guild_id, t->access.subject.user_id, nick) : st;
}

/* Anybody's, one's own too: what counts is that each role that changes lies below one's highest. */
static status edit_roles(struct call *c, struct change *ch, const struct access *a, const struct target *t,
                         const Hubbub__V1__EditMemberRequest *req)
{
    status st = access_require(c, a, PERM_MANAGE_ROLES);
    return st == ST_OK ? set_roles(c, ch, a, t, req->roles, req->n_roles) : st;
}

enum { EDIT_MUTE = 360, EDIT_DEAF = 361, EDIT_CHANNEL = 362 };

/* Whether the member is another after it, as the guild is told. */
static bool edits_member(const Hubbub__V1__EditMemberRequest *req)
{
    return WIRE_PRESENT_IN(req, 3) || WIRE_PRESENT_IN(req, 4) || WIRE_PRESENT_IN(req, 5) ||
           WIRE_PRESENT_IN(req, EDIT_MUTE) || WIRE_PRESENT_IN(req, EDIT_DEAF);
}

static bool edits_voice(const Hubbub__V1__EditMemberRequest *req)
{
    return WIRE_PRESENT_IN(req, EDIT_MUTE) || WIRE_PRESENT_IN(req, EDIT_DEAF) || WIRE_PRESENT_IN(req, EDIT_CHANNEL);
}

/* Only moved, or disconnected. */
static status finish_move(struct change *ch, const Hubbub__V1__Member *member, Hubbub__V1__Member *resp)
{
    status st = change_commit(ch);
    if (st == ST_OK)
        *resp = *member;
    return st;
}

static status edit(struct call *c, const Hubbub__V1__EditMemberRequest *req, Hubbub__V1__Member *resp)
{
    if (!edits_member(req) && !edits_voice(req))
        return read_member(c, req->guild_id, req->user_id, resp);
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct target t;
    status st = access_begin_guild(c, req->guild_id, 0, 0, &ch, &a);
    if (st == ST_OK)
        st = find_target(c, ch, &a, req->user_id, &t);
    if (st == ST_OK && WIRE_PRESENT_IN(req, 3))
        st = edit_nick(c, ch, &a, &t, req->nick);
    if (st == ST_OK && WIRE_PRESENT_IN(req, 4))
        st = edit_roles(c, ch, &a, &t, req);
    if (st == ST_OK && WIRE_PRESENT_IN(req, 5)) {
        st = require_above(c, &a, &t, PERM_MODERATE_MEMBERS);
        if (st == ST_OK)
            st = set_timeout(c, ch, &a, &t, req->communication_disabled_until);
    }
    if (st == ST_OK && edits_voice(req))
        st = voices_moderate(c, ch, &a, req);
    if (st == ST_OK && !edits_member(req))
        return finish_move(ch, t.before, resp);
    return st == ST_OK ? finish(c, ch, a.guild_id, t.before, resp) : st;
}

/* How the member looks in this guild alone: everybody's own business. */
static status set_images(struct change *ch, const Hubbub__V1__EditSelfRequest *req, uint64_t user_id)
{
    struct db_rows *rows;
    bool avatar = WIRE_PRESENT_IN(req, 4), banner = WIRE_PRESENT_IN(req, 5);
    if (!avatar && !banner)
        return ST_OK;
    return change_query(ch, &rows,
                        "UPDATE members SET avatar = CASE WHEN $3 THEN $4 ELSE avatar END, banner = CASE WHEN $5 THEN "
                        "$6 ELSE banner END WHERE guild_id = $1 AND user_id = $2",
                        DB_ID(req->guild_id), DB_ID(user_id), DB_BOOL(avatar), DB_TEXT_OR_NULL(req->avatar),
                        DB_BOOL(banner), DB_TEXT_OR_NULL(req->banner));
}

static status edit_self(struct call *c, const Hubbub__V1__EditSelfRequest *req, Hubbub__V1__Member *resp)
{
    const bool nick = WIRE_PRESENT_IN(req, 3);
    if (!nick && !WIRE_PRESENT_IN(req, 4) && !WIRE_PRESENT_IN(req, 5))
        return read_member(c, req->guild_id, call_user(c), resp);
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Member *before;
    status st = access_begin_guild(c, req->guild_id, 0, nick ? PERM_CHANGE_NICKNAME : 0, &ch, &a);
    if (st == ST_OK)
        st = rows_load_member(c, change_db(ch), a.guild_id, call_user(c), &before);
    if (st == ST_OK && nick)
        st = set_nick(ch, a.guild_id, call_user(c), req->nick);
    if (st == ST_OK)
        st = set_images(ch, req, call_user(c));
    return st == ST_OK ? finish(c, ch, a.guild_id, before, resp) : st;
}

static status change_role(struct call *c, const Hubbub__V1__MemberRoleRequest *req, bool add)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct target t;
    struct db_rows *rows;
    status st = access_begin_guild(c, req->guild_id, 0, PERM_MANAGE_ROLES, &ch, &a);
    if (st == ST_OK)
        st = find_target(c, ch, &a, req->user_id, &t);
    if (st == ST_OK)
        st = check_role(c, ch, &a, req->role_id);
    if (st != ST_OK || contains(t.access.subject.roles, t.access.subject.n_roles, req->role_id) == add)
        return st;
    if (add)
        st = change_query(ch, &rows,
                          "UPDATE members SET roles = array_append(roles, $3) WHERE guild_id = $1 AND user_id = $2",
                          DB_ID(a.guild_id), DB_ID(req->user_id), DB_ID(req->role_id));
    else
        st = change_query(ch, &rows,
                          "UPDATE members SET roles = array_remove(roles, $3) WHERE guild_id = $1 AND user_id = $2",
                          DB_ID(a.guild_id), DB_ID(req->user_id), DB_ID(req->role_id));
    change_fence(ch, a.guild_id); /* a role can deny as well as allow */
    return st == ST_OK ? finish(c, ch, a.guild_id, t.before, NULL) : st;
}

static status add_role(struct call *c, const Hubbub__V1__MemberRoleRequest *req, Hubbub__V1__Empty *resp)
{
    return change_role(c, req, true);
}

static status remove_role(struct call *c, const Hubbub__V1__MemberRoleRequest *req, Hubbub__V1__Empty *resp)
{
    return change_role(c, req, false);
}

/* ---- Kick ------------------------------------------------------------------------------------------------------ */

/* Whether there is such a member, before its scope is locked: a user that does not exist has none. */
static status find_member(struct call *c, uint64_t guild_id, uint64_t user_id)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    Hubbub__V1__Member *member;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, guild_id, &a);
    return st == ST_OK ? rows_load_member(c, d, guild_id, user_id, &member) : st;
}

static status kick(struct call *c, const Hubbub__V1__MemberRequest *req, Hubbub__V1__Empty *resp)
{
    status st = find_member(c, req->guild_id, req->user_id);
    if (st != ST_OK)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct target t;
    st = access_begin_guild(c, req->guild_id, req->user_id, PERM_KICK_MEMBERS, &ch, &a);
    if (st == ST_OK)
        st = find_target(c, ch, &a, req->user_id, &t);
    if (st == ST_OK)
        st = require_above(c, &a, &t, PERM_KICK_MEMBERS);
    if (st == ST_OK)
        st = member_remove(c, ch, a.guild_id, req->user_id);
    if (st == ST_OK)
        st = audit_act(c, ch, a.guild_id, AUDIT_MEMBER_KICK, req->user_id);
    return st == ST_OK ? change_commit(ch) : st;
}

const struct hubbub__v1__members__handlers members_handlers = {
    .list = list,
    .get = get,
    .search = search,
    .get_self = get_self,
    .edit = edit,
    .edit_self = edit_self,
    .kick = kick,
    .add_role = add_role,
    .remove_role = remove_role,
};
