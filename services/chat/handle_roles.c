/* handle_roles.c - the Roles service. Hierarchy is checked inside the change: PROTOCOL section 14. */
#include "lib/wire/wire.h"
#include "services/chat/access.h"
#include "services/chat/audit.h"
#include "services/chat/emoji.h"
#include "services/chat/handlers.h"
#include "services/chat/rows.h"
#include <inttypes.h>
#include <stdlib.h>

enum { ROLES_MAX = 250 };

static Hubbub__V1__GuildRole *guild_role(struct call *c, uint64_t guild_id, Hubbub__V1__Role *role)
{
    Hubbub__V1__GuildRole *e = PB_NEW(call_arena(c), Hubbub__V1__GuildRole, hubbub__v1__guild_role);
    PB_SET(e, guild_id, guild_id);
    e->role = role;
    return e;
}

/* before NULL: made; after NULL: deleted. */
static Hubbub__V1__AuditEntry *audit_role(struct call *c, enum audit_action action, const Hubbub__V1__Role *before,
                                          const Hubbub__V1__Role *after)
{
    Hubbub__V1__AuditEntry *e = audit_entry(c, action, before ? before->id : after->id);
    audit_compare(c, e, &hubbub__v1__role__wire, before, after, AUDIT_ROLE_FIELDS);
    return e;
}

/* ---- Read ------------------------------------------------------------------------------------------------------ */

static status list(struct call *c, const Hubbub__V1__GuildRequest *req, Hubbub__V1__RoleList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    return st == ST_OK ? rows_load_roles(c, d, req->guild_id, &resp->roles, &resp->n_roles) : st;
}

static status get(struct call *c, const Hubbub__V1__RoleRequest *req, Hubbub__V1__Role *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    Hubbub__V1__Role *role;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    if (st == ST_OK)
        st = rows_load_role(c, d, req->guild_id, req->role_id, &role);
    if (st == ST_OK)
        *resp = *role;
    return st;
}

/* ---- Create ---------------------------------------------------------------------------------------------------- */

static status check_room(struct call *c, struct change *ch, uint64_t guild_id)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "SELECT count(*) FROM roles WHERE guild_id = $1", DB_ID(guild_id));
    if (st == ST_OK && db_i64(rows, 0, 0) >= ROLES_MAX)
        st = call_fail(c, ST_MAX_ROLES, "guild %" PRIu64 " has %d roles", guild_id, ROLES_MAX);
    return st;
}

static uint32_t color_of(const Hubbub__V1__RoleColors *colors, uint32_t color)
{
    return colors ? colors->primary_color & 0xffffff : color;
}

static status check_emoji(struct call *c, const char *emoji)
{
    if (!emoji || !*emoji || emoji_is_unicode(emoji))
        return ST_OK;
    return call_fail_field(c, "unicode_emoji", "INVALID_EMOJI", "Not an emoji of Unicode.");
}

/* At position 1, without shifting the others: of equal positions the older role is the higher one. Permissions that are
 * not given are @everyone's. */
static status create(struct call *c, const Hubbub__V1__CreateRoleRequest *req, Hubbub__V1__Role *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *rows;
    uint64_t wanted = req->permissions & PERM_ALL;
    status st = access_begin_guild(c, req->guild_id, 0, PERM_MANAGE_ROLES, &ch, &a);
    if (st == ST_OK)
        st = access_may_grant(c, &a, wanted);
    if (st == ST_OK)
        st = check_emoji(c, req->unicode_emoji);
    if (st == ST_OK)
        st = check_room(c, ch, a.guild_id);
    if (st == ST_OK)
        st = change_query(
            ch, &rows,
            "INSERT INTO roles AS r (id, guild_id, name, color, hoist, position, permissions, mentionable, icon, "
            "unicode_emoji) "
            "SELECT next_id(), e.id, coalesce($2, 'new role'), $3::int, $4::boolean, 1, coalesce($5, e.permissions), "
            "$6::boolean, $7::text, CASE WHEN $7::text IS NULL THEN $8::text END "
            "FROM roles e WHERE e.id = $1 RETURNING " ROWS_ROLE,
            DB_ID(a.guild_id), DB_TEXT_OR_NULL(req->name), DB_I64(color_of(req->colors, req->color)),
            DB_BOOL(req->hoist), req->has_permissions ? DB_ID(wanted) : DB_NULL, DB_BOOL(req->mentionable),
            DB_TEXT_OR_NULL(req->icon), DB_TEXT_OR_NULL(req->unicode_emoji));
    if (st != ST_OK)
        return st;
    Hubbub__V1__Role *role = rows_role(call_arena(c), rows, 0, 0);
    change_add(ch, a.guild_id, a.guild_id, 0, ROWS_EVENT(call_arena(c), role_create, guild_role(c, a.guild_id, role)));
    st = audit_add(c, ch, a.guild_id, audit_role(c, AUDIT_ROLE_CREATE, NULL, role));
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *resp = *role;
    return st;
}

/* ---- Edit, delete ---------------------------------------------------------------------------------------------- */

/* The role, when the caller may change it: below its own highest one, and no bot's. @everyone is below everybody. */
static status load_editable(struct call *c, struct change *ch, const struct access *a, uint64_t role_id,
                            Hubbub__V1__Role **ret)
{
    status st = rows_load_role(c, change_db(ch), a->guild_id, role_id, ret);
    if (st != ST_OK)
        return st;
    if (role_id != a->guild_id && !access_above_role(a, (*ret)->position, role_id))
        return call_fail(c, ST_MISSING_PERMISSIONS, "role %" PRIu64 " is not below the caller", role_id);
    if ((*ret)->managed)
        return call_fail(c, ST_INVALID_ROLE, "role %" PRIu64 " is managed", role_id);
    return ST_OK;
}

/* An icon takes the emoji's place, and an emoji the icon's. @everyone has neither. */
static status update_icon(struct change *ch, const Hubbub__V1__EditRoleRequest *req)
{
    struct db_rows *rows;
    bool icon = WIRE_PRESENT_IN(req, 9), emoji = WIRE_PRESENT_IN(req, 10);
    if (req->role_id == req->guild_id || (!icon && !emoji))
        return ST_OK;
    return change_query(ch, &rows,
                        "UPDATE roles SET icon = CASE WHEN $2 THEN $3::text WHEN $5::text IS NULL THEN icon END, unicode_emoji = "
                        "CASE WHEN $3::text IS NOT NULL THEN NULL WHEN $4 THEN $5::text ELSE unicode_emoji END WHERE id = $1",
                        DB_ID(req->role_id), DB_BOOL(icon), DB_TEXT_OR_NULL(req->icon), DB_BOOL(emoji),
                        DB_TEXT_OR_NULL(req->unicode_emoji));
}

static status update_role(struct call *c, struct change *ch, const struct access *a,
                          const Hubbub__V1__EditRoleRequest *req, Hubbub__V1__Role **ret)
{
    struct db_rows *rows;
    bool everyone = req->role_id == a->guild_id, color = WIRE_PRESENT_IN(req, 4) || req->colors;
    status st = change_query(
        ch, &rows,
        "UPDATE roles r SET name = coalesce($2, r.name), permissions = coalesce($3, r.permissions), "
        "color = coalesce($4, r.color), hoist = coalesce($5, r.hoist), mentionable = coalesce($6, r.mentionable) "
        "WHERE r.id = $1 RETURNING " ROWS_ROLE,
        DB_ID(req->role_id), everyone ? DB_NULL : DB_TEXT_OR_NULL(req->name),
        req->has_permissions ? DB_ID(req->permissions & PERM_ALL) : DB_NULL,
        color ? DB_I64(color_of(req->colors, req->color)) : DB_NULL,
        WIRE_PRESENT_IN(req, 6) && !everyone ? DB_BOOL(req->hoist) : DB_NULL,
        WIRE_PRESENT_IN(req, 7) && !everyone ? DB_BOOL(req->mentionable) : DB_NULL);
    if (st == ST_OK)
        *ret = rows_role(call_arena(c), rows, 0, 0);
    return st;
}

static status edit(struct call *c, const Hubbub__V1__EditRoleRequest *req, Hubbub__V1__Role *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Role *before, *role;
    status st = access_begin_guild(c, req->guild_id, 0, PERM_MANAGE_ROLES, &ch, &a);
    if (st == ST_OK)
        st = load_editable(c, ch, &a, req->role_id, &before);
    if (st == ST_OK && req->has_permissions) {
        st = access_may_grant(c, &a, req->permissions & PERM_ALL & ~before->permissions);
        if (before->permissions & ~req->permissions)
            change_fence(ch, a.guild_id);
    }
    if (st == ST_OK)
        st = check_emoji(c, req->unicode_emoji);
    if (st == ST_OK)
        st = update_icon(ch, req);
    if (st == ST_OK)
        st = update_role(c, ch, &a, req, &role);
    if (st != ST_OK)
        return st;
    change_add(ch, a.guild_id, a.guild_id, 0, ROWS_EVENT(call_arena(c), role_update, guild_role(c, a.guild_id, role)));
    st = audit_add(c, ch, a.guild_id, audit_role(c, AUDIT_ROLE_UPDATE, before, role));
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *resp = *role;
    return st;
}

/* Members lose it with this one entry: whoever folds role_delete drops it from their lists. */
static status delete_role(struct call *c, const Hubbub__V1__RoleRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Role *role;
    struct db_rows *rows;
    status st = access_begin_guild(c, req->guild_id, 0, PERM_MANAGE_ROLES, &ch, &a);
    if (st == ST_OK && req->role_id == a.guild_id)
        st = call_fail(c, ST_INVALID_ROLE, "@everyone stays");
    if (st == ST_OK)
        st = load_editable(c, ch, &a, req->role_id, &role);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "WITH gone AS (DELETE FROM roles WHERE id = $2), overwritten AS (DELETE FROM overwrites "
                          "WHERE target_id = $2) "
                          "UPDATE members SET roles = array_remove(roles, $2) WHERE guild_id = $1 AND $2 = ANY (roles)",
                          DB_ID(a.guild_id), DB_ID(req->role_id));
    if (st != ST_OK)
        return st;
    Hubbub__V1__GuildRoleDeleted *e =
        PB_NEW(call_arena(c), Hubbub__V1__GuildRoleDeleted, hubbub__v1__guild_role_deleted);
    PB_SET(e, guild_id, a.guild_id);
    PB_SET(e, role_id, req->role_id);
    change_add(ch, a.guild_id, a.guild_id, 0, ROWS_EVENT(call_arena(c), role_delete, e));
    change_fence(ch, a.guild_id);
    st = audit_add(c, ch, a.guild_id, audit_role(c, AUDIT_ROLE_DELETE, role, NULL));
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Reorder --------------------------------------------------------------------------------------------------- */

struct place {
    const Hubbub__V1__Role *role;
    int64_t key; /* wanted position; on a tie one that moves up comes after those that are there, one that moves down
                    before */
    bool moved;  /* asked for, and to another position than it has */
};

/* Lowest first: the order of the hierarchy turned around. */
static int compare_places(const void *x, const void *y)
{
    const struct place *a = x, *b = y;
    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    if (a->role->position != b->role->position)
        return a->role->position < b->role->position ? -1 : 1;
    return a->role->id > b->role->id ? -1 : a->role->id < b->role->id;
}

static struct place *place_of(struct place *places, size_t n, uint64_t role_id)
{
    for (size_t i = 0; i < n; i++)
        if (places[i].role->id == role_id)
            return &places[i];
    return NULL;
}

static status want(struct call *c, const struct access *a, struct place *places, size_t n,
                   const Hubbub__V1__RolePosition *wanted)
{
    if (!wanted->has_position)
        return ST_OK;
    if (wanted->id == a->guild_id)
        return wanted->position ? call_fail(c, ST_INVALID_ROLE, "@everyone stays where it is") : ST_OK;
    struct place *p = place_of(places, n, wanted->id);
    if (!p)
        return call_fail(c, ST_UNKNOWN_ROLE, "no role %" PRIu64, wanted->id);
    int64_t at = wanted->position < 1 ? 1 : wanted->position;
    p->moved = at != p->role->position;
    p->key = at * 4 + (at > p->role->position ? 3 : at < p->role->position ? 1 : 2);
    if (p->moved && !access_above_role(a, p->role->position, p->role->id))
        return call_fail(c, ST_MISSING_PERMISSIONS, "role %" PRIu64 " is not below the caller", wanted->id);
    return ST_OK;
}

/* Sorted places, @everyone left out; nothing that moved may end above the caller's highest role. */
static status plan(struct call *c, const struct access *a, const Hubbub__V1__ReorderRolesRequest *req,
                   struct place *places, size_t n)
{
    for (size_t i = 0; i < req->n_positions; i++) {
        status st = want(c, a, places, n, req->positions[i]);
        if (st != ST_OK)
            return st;
    }
    qsort(places, n, sizeof *places, compare_places);
    bool above = false;
    for (size_t i = 0; i < n; i++) {
        if (above && places[i].moved && !a->subject.owner)
            return call_fail(c, ST_MISSING_PERMISSIONS, "role %" PRIu64 " would not be below the caller",
                             places[i].role->id);
        above |= places[i].role->id == a->top_role;
    }
    return ST_OK;
}

/* The entries of those whose position is another one now: rows as write_places got them. */
static status audit_places(struct call *c, struct change *ch, uint64_t guild_id, struct place *places, size_t n,
                           const struct db_rows *rows)
{
    size_t n_rows = db_count(rows);
    Hubbub__V1__AuditEntry **entries = ARENA_ARRAY(call_arena(c), Hubbub__V1__AuditEntry *, n_rows);
    for (unsigned i = 0; i < n_rows; i++) {
        const Hubbub__V1__Role *now = rows_role(call_arena(c), rows, i, 0);
        entries[i] = audit_role(c, AUDIT_ROLE_UPDATE, place_of(places, n, now->id)->role, now);
    }
    return audit_add_all(c, ch, guild_id, entries, n_rows);
}

static status write_places(struct call *c, struct change *ch, uint64_t guild_id, struct place *places, size_t n)
{
    uint64_t *ids = ARENA_ARRAY(call_arena(c), uint64_t, n);
    int64_t *positions = ARENA_ARRAY(call_arena(c), int64_t, n);
    for (size_t i = 0; i < n; i++) {
        ids[i] = places[i].role->id;
        positions[i] = (int64_t)i + 1;
    }
    struct db_rows *rows;
    status st = change_query(
        ch, &rows,
        "UPDATE roles r SET position = x.position FROM unnest($1::bigint[], $2::int[]) AS x (id, position) "
        "WHERE r.id = x.id AND r.position <> x.position RETURNING " ROWS_ROLE,
        DB_IDS(ids, n), DB_I64S(positions, n));
    for (unsigned i = 0; st == ST_OK && i < db_count(rows); i++) {
        Hubbub__V1__Role *role = rows_role(call_arena(c), rows, i, 0);
        change_add(ch, guild_id, guild_id, 0, ROWS_EVENT(call_arena(c), role_update, guild_role(c, guild_id, role)));
    }
    return st == ST_OK ? audit_places(c, ch, guild_id, places, n, rows) : st;
}

static struct place *places_of(struct call *c, const struct access *a, Hubbub__V1__Role *const *roles, size_t n,
                               size_t *ret_n)
{
    struct place *places = ARENA_ARRAY(call_arena(c), struct place, n);
    *ret_n = 0;
    for (size_t i = 0; i < n; i++)
        if (roles[i]->id != a->guild_id)
            places[(*ret_n)++] = (struct place){.role = roles[i], .key = roles[i]->position * 4 + 2};
    return places;
}

static status reorder(struct call *c, const Hubbub__V1__ReorderRolesRequest *req, Hubbub__V1__RoleList *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Role **roles;
    size_t n, n_places;
    status st = access_begin_guild(c, req->guild_id, 0, PERM_MANAGE_ROLES, &ch, &a);
    if (st == ST_OK)
        st = rows_load_roles(c, change_db(ch), a.guild_id, &roles, &n);
    if (st != ST_OK)
        return st;
    struct place *places = places_of(c, &a, roles, n, &n_places);
    st = plan(c, &a, req, places, n_places);
    if (st == ST_OK)
        st = write_places(c, ch, a.guild_id, places, n_places);
    if (st == ST_OK)
        st = rows_load_roles(c, change_db(ch), a.guild_id, &resp->roles, &resp->n_roles);
    return st == ST_OK ? change_commit(ch) : st;
}

const struct hubbub__v1__roles__handlers roles_handlers = {
    .list = list,
    .get = get,
    .create = create,
    .reorder = reorder,
    .edit = edit,
    .delete = delete_role,
};
