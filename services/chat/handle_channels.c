/* handle_channels.c - the Channels service: channels of guilds and their overwrites.
 *
 * A channel made in a category without overwrites of its own takes the category's; while the two sets are equal the
 * channel is "synced", and a change of the category's set is copied to it in the same transaction (PROTOCOL section
 * 14). */
#include "lib/base/log.h"
#include "lib/wire/wire.h"
#include "services/chat/access.h"
#include "services/chat/audit.h"
#include "services/chat/direct.h"
#include "services/chat/handlers.h"
#include "services/chat/names.h"
#include "services/chat/rows.h"
#include "services/chat/voices.h"
#include <inttypes.h>

enum { CHANNELS_MAX = 500, CHILDREN_MAX = 50, OVERWRITES_MAX = 1000 };

/* ---- Entries --------------------------------------------------------------------------------------------------- */

static void add_update(struct call *c, struct change *ch, Hubbub__V1__Channel *channel)
{
    change_add(ch, channel->guild_id, channel->id, 0, ROWS_EVENT(call_arena(c), channel_update, channel));
}

/* Reads the channel as it is now and tells of it. */
static status tell_update(struct call *c, struct change *ch, uint64_t channel_id, Hubbub__V1__Channel **ret)
{
    status st = rows_load_channel(c, change_db(ch), channel_id, ret);
    if (st == ST_OK)
        add_update(c, ch, *ret);
    return st;
}

static status tell_updates(struct call *c, struct change *ch, const uint64_t *ids, size_t n)
{
    Hubbub__V1__Channel *channel;
    status st = ST_OK;
    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = tell_update(c, ch, ids[i], &channel);
    return st;
}

/* Column 0 of the rows. */
static uint64_t *ids_of(struct call *c, const struct db_rows *rows, size_t *ret_n)
{
    *ret_n = db_count(rows);
    uint64_t *ids = ARENA_ARRAY(call_arena(c), uint64_t, *ret_n);
    for (unsigned i = 0; i < *ret_n; i++)
        ids[i] = db_u64(rows, i, 0);
    return ids;
}

/* ---- Overwrites ------------------------------------------------------------------------------------------------ */

struct overwrite_set {
    Hubbub__V1__Overwrite *const *items;
    size_t n;
};

static const Hubbub__V1__Overwrite *find_overwrite(struct overwrite_set set, uint64_t id)
{
    for (size_t i = 0; i < set.n; i++)
        if (set.items[i]->id == id)
            return set.items[i];
    return NULL;
}

/* The bits in which the item of one set differs from the same target's in the other. */
static uint64_t changed_bits(const Hubbub__V1__Overwrite *a, const Hubbub__V1__Overwrite *b)
{
    uint64_t allow = (a ? a->allow : 0) ^ (b ? b->allow : 0), deny = (a ? a->deny : 0) ^ (b ? b->deny : 0);
    return (allow | deny) & PERM_ALL;
}

/* Only bits that the caller holds may change, unless it is an administrator. */
static status check_change(struct call *c, const struct access *a, struct overwrite_set before,
                           struct overwrite_set after)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < after.n; i++)
        bits |= changed_bits(after.items[i], find_overwrite(before, after.items[i]->id));
    for (size_t i = 0; i < before.n; i++)
        bits |= changed_bits(before.items[i], find_overwrite(after, before.items[i]->id));
    return access_may_grant(c, a, bits);
}

/* Every role is the guild's, every user is there. */
static status check_targets(struct call *c, struct change *ch, uint64_t guild_id, struct overwrite_set set)
{
    uint64_t *roles = ARENA_ARRAY(call_arena(c), uint64_t, set.n), *users = ARENA_ARRAY(call_arena(c), uint64_t, set.n);
    size_t n_roles = 0, n_users = 0;
    for (size_t i = 0; i < set.n; i++)
        if (set.items[i]->type == 1)
            users[n_users++] = set.items[i]->id;
        else
            roles[n_roles++] = set.items[i]->id;
    struct db_rows *rows;
    status st =
        change_query(ch, &rows,
                     "SELECT (SELECT count(*) FROM unnest($2::bigint[]) x WHERE NOT EXISTS (SELECT FROM roles WHERE id "
                     "= x AND guild_id = $1)), "
                     "(SELECT count(*) FROM unnest($3::bigint[]) x WHERE NOT EXISTS (SELECT FROM users WHERE id = x))",
                     DB_ID(guild_id), DB_IDS(roles, n_roles), DB_IDS(users, n_users));
    if (st == ST_OK && db_i64(rows, 0, 0))
        st = call_fail(c, ST_UNKNOWN_ROLE, "an overwrite of a role that is not the guild's");
    if (st == ST_OK && db_i64(rows, 0, 1))
        st = call_fail(c, ST_UNKNOWN_USER, "an overwrite of a user that is not there");
    return st;
}

/* Replaces the channel's set; of two items of one target the last counts. */
static status write_overwrites(struct call *c, struct change *ch, uint64_t channel_id, struct overwrite_set set)
{
    struct arena *a = call_arena(c);
    uint64_t *ids = ARENA_ARRAY(a, uint64_t, set.n), *allow = ARENA_ARRAY(a, uint64_t, set.n),
             *deny = ARENA_ARRAY(a, uint64_t, set.n);
    int64_t *types = ARENA_ARRAY(a, int64_t, set.n);
    for (size_t i = 0; i < set.n; i++) {
        ids[i] = set.items[i]->id;
        types[i] = set.items[i]->type;
        allow[i] = set.items[i]->allow & PERM_ALL;
        deny[i] = set.items[i]->deny & PERM_ALL;
    }
    struct db_rows *rows;
    status st = change_query(ch, &rows, "DELETE FROM overwrites WHERE channel_id = $1", DB_ID(channel_id));
    if (st == ST_OK && set.n)
        st = change_query(ch, &rows,
                          "INSERT INTO overwrites (channel_id, target_id, type, allow, deny) SELECT DISTINCT ON (x.id) "
                          "$1::bigint, x.id, x.type, x.allow, x.deny "
                          "FROM unnest($2::bigint[], $3::smallint[], $4::bigint[], $5::bigint[]) WITH ORDINALITY AS x "
                          "(id, type, allow, deny, n) "
                          "ORDER BY x.id, x.n DESC",
                          DB_ID(channel_id), DB_IDS(ids, set.n), DB_I64S(types, set.n), DB_IDS(allow, set.n),
                          DB_IDS(deny, set.n));
    return st;
}

#define SIGNATURE(id)                                                                                                  \
    "ARRAY(SELECT (o.target_id, o.type, o.allow, o.deny)::text FROM overwrites o WHERE o.channel_id = " id             \
    " ORDER BY o.target_id)"

/* Call before the category's set changes. */
static status find_synced(struct call *c, struct change *ch, const struct access *a, uint64_t **ret, size_t *ret_n)
{
    struct db_rows *rows;
    *ret_n = 0;
    if (a->channel_type != CHANNEL_CATEGORY)
        return ST_OK;
    status st = change_query(ch, &rows,
                             "SELECT c.id FROM channels c WHERE c.guild_id = $2 AND c.parent_id = $1 AND " SIGNATURE(
                                 "c.id") " = " SIGNATURE("$1"),
                             DB_ID(a->channel_id), DB_ID(a->guild_id));
    if (st == ST_OK)
        *ret = ids_of(c, rows, ret_n);
    return st;
}

/* The category's set to each of these. */
static status copy_overwrites(struct change *ch, uint64_t category_id, const uint64_t *ids, size_t n)
{
    struct db_rows *rows;
    status st =
        n ? change_query(ch, &rows, "DELETE FROM overwrites WHERE channel_id = ANY ($1::bigint[])", DB_IDS(ids, n))
          : ST_OK;
    if (st == ST_OK && n)
        st = change_query(ch, &rows,
                          "INSERT INTO overwrites (channel_id, target_id, type, allow, deny) SELECT x, o.target_id, "
                          "o.type, o.allow, o.deny "
                          "FROM unnest($1::bigint[]) x, overwrites o WHERE o.channel_id = $2",
                          DB_IDS(ids, n), DB_ID(category_id));
    return st;
}

/* ---- The audit log --------------------------------------------------------------------------------------------- */

static Hubbub__V1__AuditEntry *audit_channel(struct call *c, enum audit_action action,
                                             const Hubbub__V1__Channel *before, const Hubbub__V1__Channel *after)
{
    static const char *const overwrites[] = {"permission_overwrites", NULL};
    Hubbub__V1__AuditEntry *e = audit_entry(c, action, before ? before->id : after->id);
    audit_compare(c, e, &hubbub__v1__channel__wire, before, after, AUDIT_CHANNEL_FIELDS);
    if (!before || !after)
        audit_compare(c, e, &hubbub__v1__channel__wire, before, after, overwrites);
    return e;
}

static Hubbub__V1__AuditEntry *audit_overwrite(struct call *c, uint64_t channel_id, const Hubbub__V1__Overwrite *before,
                                               const Hubbub__V1__Overwrite *after)
{
    const Hubbub__V1__Overwrite *any = before ? before : after;
    enum audit_action action = !before  ? AUDIT_OVERWRITE_CREATE
                               : !after ? AUDIT_OVERWRITE_DELETE
                                        : AUDIT_OVERWRITE_UPDATE;
    Hubbub__V1__AuditEntry *e = audit_entry(c, action, channel_id);
    audit_compare(c, e, &hubbub__v1__overwrite__wire, before, after, AUDIT_OVERWRITE_FIELDS);
    Hubbub__V1__AuditOptions *o = audit_options(c, e);
    PB_SET(o, id, any->id);
    o->type = any->type ? "1" : "0";
    return e;
}

/* The channel's edit, and an entry for each of its overwrites that is another one now. */
static status audit_edit(struct call *c, struct change *ch, const Hubbub__V1__Channel *before,
                         const Hubbub__V1__Channel *after)
{
    struct overwrite_set old = {before->permission_overwrites, before->n_permission_overwrites},
                         new = {after->permission_overwrites, after->n_permission_overwrites};
    Hubbub__V1__AuditEntry **entries = ARENA_ARRAY(call_arena(c), Hubbub__V1__AuditEntry *, old.n + new.n + 1);
    size_t n = 0;
    entries[n++] = audit_channel(c, AUDIT_CHANNEL_UPDATE, before, after);
    for (size_t i = 0; i < new.n; i++)
        entries[n++] = audit_overwrite(c, after->id, find_overwrite(old, new.items[i]->id), new.items[i]);
    for (size_t i = 0; i < old.n; i++)
        if (!find_overwrite(new, old.items[i]->id))
            entries[n++] = audit_overwrite(c, after->id, old.items[i], NULL);
    return audit_add_all(c, ch, after->guild_id, entries, n);
}

/* ---- Create ---------------------------------------------------------------------------------------------------- */

static status check_room(struct call *c, struct change *ch, uint64_t guild_id)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "SELECT count(*) FROM channels WHERE guild_id = $1", DB_ID(guild_id));
    if (st == ST_OK && db_i64(rows, 0, 0) >= CHANNELS_MAX)
        st = call_fail(c, ST_MAX_CHANNELS, "guild %" PRIu64 " has %d channels", guild_id, CHANNELS_MAX);
    return st;
}

/* A channel's place in a category that the caller may not view is not the caller's to choose. */
static status check_view(struct call *c, struct change *ch, const struct access *a, uint64_t channel_id)
{
    Hubbub__V1__Channel *channel;
    status st = rows_load_channel(c, change_db(ch), channel_id, &channel);
    if (st == ST_OK && !(access_in(c, a, channel) & PERM_VIEW_CHANNEL))
        st =
            call_fail(c, ST_MISSING_ACCESS, "user %" PRIu64 " may not view channel %" PRIu64, call_user(c), channel_id);
    return st;
}

/* A category of the guild that the caller views, with room for one more. 0: none is wanted. */
static status check_parent(struct call *c, struct change *ch, const struct access *a, uint64_t parent_id, int type)
{
    struct db_rows *rows;
    if (!parent_id)
        return ST_OK;
    if (type == CHANNEL_CATEGORY)
        return call_fail_field(c, "parent_id", "CHANNEL_PARENT_INVALID_TYPE", "A category has no parent.");
    status st = change_query(ch, &rows,
                             "SELECT (SELECT count(*) FROM channels WHERE guild_id = $2 AND parent_id = $1) "
                             "FROM channels WHERE id = $1 AND guild_id = $2 AND type = 4",
                             DB_ID(parent_id), DB_ID(a->guild_id));
    if (st == ST_OK && !db_count(rows))
        st = call_fail_field(c, "parent_id", "CHANNEL_PARENT_INVALID", "Category does not exist");
    if (st == ST_OK && db_i64(rows, 0, 0) >= CHILDREN_MAX)
        st = call_fail_field(c, "parent_id", "CHANNEL_PARENT_MAX_CHANNELS",
                             "Maximum number of channels in category reached (50)");
    return st == ST_OK ? check_view(c, ch, a, parent_id) : st;
}

static status normalise_name(struct call *c, const char *given, int type, const char **ret)
{
    *ret = type == CHANNEL_TEXT || type == CHANNEL_ANNOUNCEMENT ? channel_name_normalise(call_arena(c), given) : given;
    return *ret ? ST_OK : call_fail_field(c, "name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.");
}

static status insert_channel(struct call *c, struct change *ch, const Hubbub__V1__CreateChannelRequest *req,
                             const char *name, uint64_t *ret_id)
{
    struct db_rows *rows;
    status st = change_query(
        ch, &rows,
        "INSERT INTO channels (id, guild_id, type, name, topic, position, parent_id, nsfw, rate_limit_per_user, "
        "bitrate, user_limit) "
        "SELECT next_id(), $1, $2, $3, $4, coalesce($5, (SELECT max(position) + 1 FROM channels WHERE guild_id = $1 "
        "AND parent_id IS NOT DISTINCT FROM $6), 0), $6, $7::boolean, $8::int, $9::int, $10::int RETURNING id",
        DB_ID(req->guild_id), DB_I64(req->type), DB_TEXT(name), DB_TEXT_OR_NULL(req->topic),
        req->has_position ? DB_I64(req->position) : DB_NULL, DB_ID_OR_NULL(req->parent_id), DB_BOOL(req->nsfw),
        DB_I64(req->rate_limit_per_user), DB_I64(req->has_bitrate ? req->bitrate : 64000), DB_I64(req->user_limit));
    if (st == ST_OK)
        *ret_id = db_u64(rows, 0, 0);
    return st;
}

static status give_overwrites(struct call *c, struct change *ch, const struct access *a,
                              const Hubbub__V1__CreateChannelRequest *req, uint64_t id)
{
    struct overwrite_set set = {req->permission_overwrites, req->n_permission_overwrites}, none = {0};
    if (!set.n)
        return req->parent_id ? copy_overwrites(ch, req->parent_id, &id, 1) : ST_OK;
    status st = check_change(c, a, none, set);
    if (st == ST_OK)
        st = check_targets(c, ch, a->guild_id, set);
    return st == ST_OK ? write_overwrites(c, ch, id, set) : st;
}

static status create(struct call *c, const Hubbub__V1__CreateChannelRequest *req, Hubbub__V1__Channel *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    const char *name;
    uint64_t id;
    Hubbub__V1__Channel *channel;
    status st = normalise_name(c, req->name, req->type, &name);
    if (st == ST_OK)
        st = access_begin_guild(c, req->guild_id, 0, PERM_MANAGE_CHANNELS, &ch, &a);
    if (st == ST_OK)
        st = check_room(c, ch, a.guild_id);
    if (st == ST_OK)
        st = check_parent(c, ch, &a, req->parent_id, req->type);
    if (st == ST_OK)
        st = insert_channel(c, ch, req, name, &id);
    if (st == ST_OK)
        st = give_overwrites(c, ch, &a, req, id);
    if (st == ST_OK)
        st = rows_load_channel(c, change_db(ch), id, &channel);
    if (st != ST_OK)
        return st;
    change_add(ch, a.guild_id, id, 0, ROWS_EVENT(call_arena(c), channel_create, channel));
    st = audit_add(c, ch, a.guild_id, audit_channel(c, AUDIT_CHANNEL_CREATE, NULL, channel));
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *resp = *channel;
    return st;
}

/* ---- Read ------------------------------------------------------------------------------------------------------ */

static status list_of_guild(struct call *c, const Hubbub__V1__GuildChannelsRequest *req, Hubbub__V1__ChannelList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    Hubbub__V1__Channel **all;
    size_t n;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    if (st == ST_OK)
        st = rows_load_channels(c, d, req->guild_id, &all, &n);
    if (st != ST_OK)
        return st;
    resp->channels = ARENA_ARRAY(call_arena(c), Hubbub__V1__Channel *, n);
    for (size_t i = 0; i < n; i++)
        if (access_in(c, &a, all[i]) & PERM_VIEW_CHANNEL)
            resp->channels[resp->n_channels++] = all[i];
    return ST_OK;
}

static status get(struct call *c, const Hubbub__V1__ChannelRequest *req, Hubbub__V1__Channel *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    Hubbub__V1__Channel *channel;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_channel(c, d, req->channel_id, &a);
    if (st == ST_OK && access_is_direct(&a))
        st = direct_load(c, d, req->channel_id, call_user(c), &channel);
    else if (st == ST_OK)
        st = rows_load_channel(c, d, req->channel_id, &channel);
    if (st == ST_OK)
        *resp = *channel;
    return st;
}

/* ---- Edit ------------------------------------------------------------------------------------------------------ */

#define INT_IF_PRESENT(req, tag, value) (WIRE_PRESENT_IN(req, tag) ? DB_I64(value) : DB_NULL)

static status update_channel(struct change *ch, const Hubbub__V1__EditChannelRequest *req, const char *name)
{
    struct db_rows *rows;
    return change_query(ch, &rows,
                        "UPDATE channels SET name = coalesce($2, name), topic = CASE WHEN $3 THEN $4 ELSE topic END, "
                        "position = coalesce($5, position), "
                        "parent_id = CASE WHEN $6 THEN $7 ELSE parent_id END, nsfw = coalesce($8, nsfw), "
                        "rate_limit_per_user = coalesce($9, rate_limit_per_user), bitrate = coalesce($10, bitrate), "
                        "user_limit = coalesce($11, user_limit), type = coalesce($12, type) "
                        "WHERE id = $1",
                        DB_ID(req->channel_id), DB_TEXT_OR_NULL(name), DB_BOOL(WIRE_PRESENT_IN(req, 4)),
                        DB_TEXT_OR_NULL(req->topic), req->has_position ? DB_I64(req->position) : DB_NULL,
                        DB_BOOL(WIRE_PRESENT_IN(req, 7)), DB_ID_OR_NULL(req->parent_id),
                        WIRE_PRESENT_IN(req, 8) ? DB_BOOL(req->nsfw) : DB_NULL,
                        INT_IF_PRESENT(req, 9, req->rate_limit_per_user),
                        req->has_bitrate ? DB_I64(req->bitrate) : DB_NULL, INT_IF_PRESENT(req, 11, req->user_limit),
                        INT_IF_PRESENT(req, 41, req->type));
}

/* The whole set, as the request has it. */
static status replace_overwrites(struct call *c, struct change *ch, const struct access *a, struct overwrite_set after)
{
    Hubbub__V1__Channel *channel;
    uint64_t *synced = NULL;
    size_t n_synced;
    status st = access_require(c, a, PERM_MANAGE_ROLES);
    if (st == ST_OK)
        st = rows_load_channel(c, change_db(ch), a->channel_id, &channel);
    if (st != ST_OK)
        return st;
    struct overwrite_set before = {channel->permission_overwrites, channel->n_permission_overwrites};
    st = check_change(c, a, before, after);
    if (st == ST_OK)
        st = check_targets(c, ch, a->guild_id, after);
    if (st == ST_OK)
        st = find_synced(c, ch, a, &synced, &n_synced);
    if (st == ST_OK)
        st = write_overwrites(c, ch, a->channel_id, after);
    if (st == ST_OK)
        st = copy_overwrites(ch, a->channel_id, synced, n_synced);
    if (st == ST_OK)
        st = tell_updates(c, ch, synced, n_synced);
    change_fence(ch, a->guild_id);
    return st;
}

static status check_type_change(struct call *c, int from)
{
    if (from == CHANNEL_TEXT || from == CHANNEL_ANNOUNCEMENT)
        return ST_OK;
    return call_fail_field(c, "type", "CHANNEL_TYPE_INVALID", "Only text and announcement channels change their type.");
}

static status edit_of_guild(struct call *c, const Hubbub__V1__EditChannelRequest *req, Hubbub__V1__Channel *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    const char *name = NULL;
    Hubbub__V1__Channel *before, *channel;
    status st = access_begin_channel(c, req->channel_id, PERM_MANAGE_CHANNELS, &ch, &a);
    if (st == ST_OK)
        st = rows_load_channel(c, change_db(ch), a.channel_id, &before);
    if (st == ST_OK && WIRE_PRESENT_IN(req, 41))
        st = check_type_change(c, a.channel_type);
    if (st == ST_OK && req->name && *req->name)
        st = normalise_name(c, req->name, a.channel_type, &name);
    if (st == ST_OK && req->parent_id != a.parent_id)
        st = check_parent(c, ch, &a, req->parent_id, a.channel_type);
    if (st == ST_OK && WIRE_PRESENT_IN(req, 6))
        st = replace_overwrites(c, ch, &a,
                                (struct overwrite_set){req->permission_overwrites, req->n_permission_overwrites});
    if (st == ST_OK)
        st = update_channel(ch, req, name);
    if (st == ST_OK)
        st = tell_update(c, ch, a.channel_id, &channel);
    if (st == ST_OK)
        st = audit_edit(c, ch, before, channel);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *resp = *channel;
    return st;
}

static status edit(struct call *c, const Hubbub__V1__EditChannelRequest *req, Hubbub__V1__Channel *resp)
{
    bool direct;
    status st = direct_is(c, req->channel_id, &direct);
    if (st != ST_OK)
        return st;
    return direct ? direct_edit(c, req, resp) : edit_of_guild(c, req, resp);
}

/* ---- Delete ---------------------------------------------------------------------------------------------------- */

/* A category's channels go on without one. */
static status orphan_children(struct call *c, struct change *ch, const struct access *a)
{
    struct db_rows *rows;
    size_t n;
    if (a->channel_type != CHANNEL_CATEGORY)
        return ST_OK;
    status st = change_query(ch, &rows,
                             "UPDATE channels SET parent_id = NULL WHERE guild_id = $2 AND parent_id = $1 RETURNING id",
                             DB_ID(a->channel_id), DB_ID(a->guild_id));
    if (st != ST_OK)
        return st;
    uint64_t *ids = ids_of(c, rows, &n);
    return tell_updates(c, ch, ids, n);
}

static status forget_in_guild(struct call *c, struct change *ch, const struct access *a)
{
    struct db_rows *rows;
    Hubbub__V1__Guild *guild;
    status st = change_query(ch, &rows,
                             "UPDATE guilds SET system_channel_id = nullif(system_channel_id, $2), afk_channel_id = "
                             "nullif(afk_channel_id, $2) "
                             "WHERE id = $1 AND $2 IN (system_channel_id, afk_channel_id)",
                             DB_ID(a->guild_id), DB_ID(a->channel_id));
    if (st != ST_OK || !db_affected(rows))
        return st;
    st = rows_load_guild(c, change_db(ch), a->guild_id, &guild);
    if (st == ST_OK)
        change_add(ch, a->guild_id, a->guild_id, 0, ROWS_EVENT(call_arena(c), guild_update, guild));
    return st;
}

static status delete_of_guild(struct call *c, const Hubbub__V1__ChannelRequest *req, Hubbub__V1__Channel *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *rows;
    Hubbub__V1__Channel *channel;
    status st = access_begin_channel(c, req->channel_id, PERM_MANAGE_CHANNELS, &ch, &a);
    if (st == ST_OK)
        st = rows_load_channel(c, change_db(ch), a.channel_id, &channel);
    if (st == ST_OK)
        st = orphan_children(c, ch, &a);
    if (st == ST_OK)
        st = forget_in_guild(c, ch, &a);
    if (st == ST_OK)
        st = voices_empty(c, ch, a.guild_id, a.channel_id);
    if (st == ST_OK)
        st = change_query(ch, &rows, "DELETE FROM channels WHERE id = $1", DB_ID(a.channel_id));
    if (st != ST_OK)
        return st;
    change_add(ch, a.guild_id, a.channel_id, 0, ROWS_EVENT(call_arena(c), channel_delete, channel));
    change_fence(ch, a.guild_id);
    st = audit_add(c, ch, a.guild_id, audit_channel(c, AUDIT_CHANNEL_DELETE, channel, NULL));
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *resp = *channel;
    return st;
}

static status delete_channel(struct call *c, const Hubbub__V1__ChannelRequest *req, Hubbub__V1__Channel *resp)
{
    bool direct;
    status st = direct_is(c, req->channel_id, &direct);
    if (st != ST_OK)
        return st;
    return direct ? direct_close(c, req->channel_id, resp) : delete_of_guild(c, req, resp);
}

/* ---- Reorder --------------------------------------------------------------------------------------------------- */

/* The request as columns; -1: stays as it is. */
struct moves {
    size_t n;
    uint64_t *ids;
    int64_t *positions, *parents;
};

static struct moves read_moves(struct call *c, const Hubbub__V1__ReorderChannelsRequest *req)
{
    struct arena *a = call_arena(c);
    struct moves m = {req->n_positions, ARENA_ARRAY(a, uint64_t, req->n_positions),
                      ARENA_ARRAY(a, int64_t, req->n_positions), ARENA_ARRAY(a, int64_t, req->n_positions)};
    for (size_t i = 0; i < m.n; i++) {
        const Hubbub__V1__ChannelPosition *p = req->positions[i];
        m.ids[i] = p->id;
        m.positions[i] = p->has_position ? p->position : -1;
        m.parents[i] = WIRE_PRESENT_IN(p, 3) ? (int64_t)p->parent_id : -1;
    }
    return m;
}

static status check_moves(struct call *c, struct change *ch, uint64_t guild_id, const struct moves *m)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "SELECT count(*) FILTER (WHERE c.id IS NULL), "
                             "count(*) FILTER (WHERE x.parent > 0 AND (p.id IS NULL OR c.type = 4)) FROM "
                             "unnest($2::bigint[], $3::bigint[]) AS x (id, parent) "
                             "LEFT JOIN channels c ON c.id = x.id AND c.guild_id = $1 LEFT JOIN channels p ON p.id = "
                             "x.parent AND p.guild_id = $1 AND p.type = 4",
                             DB_ID(guild_id), DB_IDS(m->ids, m->n), DB_I64S(m->parents, m->n));
    if (st == ST_OK && db_i64(rows, 0, 0))
        st = call_fail(c, ST_UNKNOWN_CHANNEL, "a channel that is not the guild's");
    if (st == ST_OK && db_i64(rows, 0, 1))
        st = call_fail_field(c, "parent_id", "CHANNEL_PARENT_INVALID", "Category does not exist");
    return st;
}

static status check_children(struct call *c, struct change *ch, uint64_t guild_id)
{
    struct db_rows *rows;
    status st = change_query(
        ch, &rows,
        "SELECT FROM channels WHERE guild_id = $1 AND parent_id IS NOT NULL GROUP BY parent_id HAVING count(*) > $2",
        DB_ID(guild_id), DB_I64(CHILDREN_MAX));
    if (st == ST_OK && db_count(rows))
        st = call_fail_field(c, "parent_id", "CHANNEL_PARENT_MAX_CHANNELS",
                             "Maximum number of channels in category reached (50)");
    return st;
}

static const Hubbub__V1__Channel *channel_of(Hubbub__V1__Channel *const *all, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (all[i]->id == id)
            return all[i];
    return NULL;
}

/* Every channel that moves, and every category that one moves to, is viewed by the caller, and one that changes its
 * category is managed: the bits that the guild's roles give may be denied there. Call when check_moves said ST_OK. */
static status check_reach(struct call *c, struct change *ch, const struct access *a, const struct moves *m)
{
    Hubbub__V1__Channel **all;
    size_t n;
    status st = rows_load_channels(c, change_db(ch), a->guild_id, &all, &n);
    for (size_t i = 0; st == ST_OK && i < m->n; i++) {
        const Hubbub__V1__Channel *channel = channel_of(all, n, m->ids[i]);
        const Hubbub__V1__Channel *parent = m->parents[i] > 0 ? channel_of(all, n, (uint64_t)m->parents[i]) : NULL;
        bool moves = m->parents[i] >= 0 && (uint64_t)m->parents[i] != channel->parent_id;
        uint64_t here = access_in(c, a, channel);
        if (!(here & PERM_VIEW_CHANNEL) || (moves && parent && !(access_in(c, a, parent) & PERM_VIEW_CHANNEL)))
            st = call_fail(c, ST_MISSING_ACCESS, "user %" PRIu64 " may not view channel %" PRIu64 " or its category",
                           call_user(c), channel->id);
        else if (moves && !(here & PERM_MANAGE_CHANNELS))
            st = call_fail(c, ST_MISSING_PERMISSIONS, "user %" PRIu64 " does not manage channel %" PRIu64, call_user(c),
                           channel->id);
    }
    return st;
}

/* lock_permissions: the channel takes its parent's set. Needs MANAGE_ROLES and the bits that change, in the channel. */
static status lock_permissions(struct call *c, struct change *ch, const struct access *a, uint64_t channel_id)
{
    Hubbub__V1__Channel *channel, *parent;
    struct access here = *a;
    status st = rows_load_channel(c, change_db(ch), channel_id, &channel);
    if (st != ST_OK)
        return st;
    here.permissions = access_in(c, a, channel);
    st = access_require(c, &here, PERM_MANAGE_ROLES);
    if (st != ST_OK || !channel->parent_id)
        return st;
    st = rows_load_channel(c, change_db(ch), channel->parent_id, &parent);
    if (st == ST_OK)
        st = check_change(c, &here,
                          (struct overwrite_set){channel->permission_overwrites, channel->n_permission_overwrites},
                          (struct overwrite_set){parent->permission_overwrites, parent->n_permission_overwrites});
    change_fence(ch, a->guild_id);
    return st == ST_OK ? copy_overwrites(ch, parent->id, &channel_id, 1) : st;
}

struct channel_set {
    Hubbub__V1__Channel **items;
    size_t n;
};

static const Hubbub__V1__Channel *find_channel(const struct channel_set *set, uint64_t id)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i]->id == id)
            return set->items[i];
    log_fatal("channel %" PRIu64 " was not there before it moved", id);
}

/* The update and the audit entry of each that was named. The overwrites that lock_permissions gave it are not told one
 * by one: the category's have their entries. */
static status tell_moves(struct call *c, struct change *ch, uint64_t guild_id, const struct channel_set *before,
                         const struct db_rows *moved)
{
    Hubbub__V1__AuditEntry **entries = ARENA_ARRAY(call_arena(c), Hubbub__V1__AuditEntry *, db_count(moved));
    Hubbub__V1__Channel *now;
    for (unsigned i = 0; i < db_count(moved); i++) {
        status st = tell_update(c, ch, db_u64(moved, i, 0), &now);
        if (st != ST_OK)
            return st;
        entries[i] = audit_channel(c, AUDIT_CHANNEL_UPDATE, find_channel(before, now->id), now);
    }
    return audit_add_all(c, ch, guild_id, entries, db_count(moved));
}

static status reorder(struct call *c, const Hubbub__V1__ReorderChannelsRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *rows;
    struct channel_set before;
    struct moves m = read_moves(c, req);
    status st = access_begin_guild(c, req->guild_id, 0, PERM_MANAGE_CHANNELS, &ch, &a);
    if (st == ST_OK)
        st = check_moves(c, ch, a.guild_id, &m);
    if (st == ST_OK)
        st = check_reach(c, ch, &a, &m);
    if (st == ST_OK)
        st = rows_load_channels(c, change_db(ch), a.guild_id, &before.items, &before.n);
    if (st == ST_OK)
        st = change_query(
            ch, &rows,
            "UPDATE channels c SET position = CASE WHEN x.position < 0 THEN c.position ELSE x.position END, "
            "parent_id = CASE WHEN x.parent < 0 THEN c.parent_id ELSE nullif(x.parent, 0) END "
            "FROM unnest($1::bigint[], $2::int[], $3::bigint[]) AS x (id, position, parent) WHERE c.id = x.id "
            "RETURNING c.id",
            DB_IDS(m.ids, m.n), DB_I64S(m.positions, m.n), DB_I64S(m.parents, m.n));
    if (st == ST_OK)
        st = check_children(c, ch, a.guild_id);
    for (size_t i = 0; st == ST_OK && i < req->n_positions; i++)
        if (req->positions[i]->lock_permissions)
            st = lock_permissions(c, ch, &a, req->positions[i]->id);
    if (st != ST_OK)
        return st;
    st = tell_moves(c, ch, a.guild_id, &before, rows);
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- One overwrite --------------------------------------------------------------------------------------------- */

static bool is_role(const Hubbub__V1__PutOverwriteRequest *req, const struct db_rows *roles)
{
    return req->has_type ? req->type == 0 : db_count(roles) > 0;
}

/* A change of one target's row is a change of the set. */
static status put_overwrite(struct call *c, const Hubbub__V1__PutOverwriteRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *rows;
    Hubbub__V1__Channel *channel, *edited;
    status st = access_begin_channel(c, req->channel_id, PERM_MANAGE_ROLES, &ch, &a);
    if (st == ST_OK)
        st = rows_load_channel(c, change_db(ch), a.channel_id, &channel);
    if (st == ST_OK)
        st = change_query(ch, &rows, "SELECT FROM roles WHERE id = $1 AND guild_id = $2", DB_ID(req->overwrite_id),
                          DB_ID(a.guild_id));
    if (st != ST_OK)
        return st;
    Hubbub__V1__Overwrite *mine = PB_NEW(call_arena(c), Hubbub__V1__Overwrite, hubbub__v1__overwrite);
    PB_SET(mine, id, req->overwrite_id);
    PB_SET(mine, type, !is_role(req, rows));
    PB_SET(mine, allow, req->allow);
    PB_SET(mine, deny, req->deny);
    size_t n = 0;
    Hubbub__V1__Overwrite **after =
        ARENA_ARRAY(call_arena(c), Hubbub__V1__Overwrite *, channel->n_permission_overwrites + 1);
    for (size_t i = 0; i < channel->n_permission_overwrites; i++)
        if (channel->permission_overwrites[i]->id != mine->id)
            after[n++] = channel->permission_overwrites[i];
    after[n++] = mine;
    if (n > OVERWRITES_MAX)
        return call_fail(c, ST_MAX_OVERWRITES, "channel %" PRIu64 " has %d overwrites", a.channel_id, OVERWRITES_MAX);
    st = replace_overwrites(c, ch, &a, (struct overwrite_set){after, n});
    if (st == ST_OK)
        st = tell_update(c, ch, a.channel_id, &edited);
    if (st == ST_OK)
        st = audit_edit(c, ch, channel, edited);
    return st == ST_OK ? change_commit(ch) : st;
}

static status delete_overwrite(struct call *c, const Hubbub__V1__OverwriteRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Channel *channel, *edited;
    status st = access_begin_channel(c, req->channel_id, PERM_MANAGE_ROLES, &ch, &a);
    if (st == ST_OK)
        st = rows_load_channel(c, change_db(ch), a.channel_id, &channel);
    if (st != ST_OK)
        return st;
    size_t n = 0;
    Hubbub__V1__Overwrite **after =
        ARENA_ARRAY(call_arena(c), Hubbub__V1__Overwrite *, channel->n_permission_overwrites);
    for (size_t i = 0; i < channel->n_permission_overwrites; i++)
        if (channel->permission_overwrites[i]->id != req->overwrite_id)
            after[n++] = channel->permission_overwrites[i];
    if (n == channel->n_permission_overwrites)
        return call_fail(c, ST_UNKNOWN_OVERWRITE, "no overwrite of %" PRIu64, req->overwrite_id);
    st = replace_overwrites(c, ch, &a, (struct overwrite_set){after, n});
    if (st == ST_OK)
        st = tell_update(c, ch, a.channel_id, &edited);
    if (st == ST_OK)
        st = audit_edit(c, ch, channel, edited);
    return st == ST_OK ? change_commit(ch) : st;
}

const struct hubbub__v1__channels__handlers channels_handlers = {
    .create = create,
    .list_of_guild = list_of_guild,
    .reorder = reorder,
    .get = get,
    .edit = edit,
    .delete = delete_channel,
    .put_overwrite = put_overwrite,
    .delete_overwrite = delete_overwrite,
};
