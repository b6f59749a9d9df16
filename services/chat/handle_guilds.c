/* handle_guilds.c - the Guilds service. */
#include "lib/wire/wire.h"
#include "services/chat/access.h"
#include "services/chat/audit.h"
#include "services/chat/handlers.h"
#include "services/chat/membership.h"
#include "services/chat/rows.h"
#include "services/chat/voices.h"
#include <inttypes.h>

/* ---- Create ---------------------------------------------------------------------------------------------------- */

/* Ids of a new guild and of what it begins with. */
enum { NEW_GUILD, NEW_TEXT_CATEGORY, NEW_VOICE_CATEGORY, NEW_TEXT, NEW_VOICE, NEW_N };

static status new_ids(struct call *c, struct change *ch, uint64_t ids[NEW_N])
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "SELECT next_id() FROM generate_series(1, $1)", DB_I64(NEW_N));
    for (unsigned i = 0; st == ST_OK && i < NEW_N; i++)
        ids[i] = db_u64(rows, i, 0);
    return st;
}

static status insert_channels(struct change *ch, const uint64_t ids[NEW_N])
{
    struct db_rows *rows;
    return change_query(ch, &rows,
                        "INSERT INTO channels (id, guild_id, type, name, position, parent_id) VALUES "
                        "($2, $1, 4, 'Text Channels', 0, NULL), ($3, $1, 4, 'Voice Channels', 1, NULL), "
                        "($4, $1, 0, 'general', 0, $2), ($5, $1, 2, 'General', 0, $3)",
                        DB_ID(ids[NEW_GUILD]), DB_ID(ids[NEW_TEXT_CATEGORY]), DB_ID(ids[NEW_VOICE_CATEGORY]),
                        DB_ID(ids[NEW_TEXT]), DB_ID(ids[NEW_VOICE]));
}

static status insert_guild(struct call *c, struct change *ch, const Hubbub__V1__CreateGuildRequest *req,
                           uint64_t *ret_id)
{
    uint64_t ids[NEW_N] = {0};
    struct db_rows *rows;
    status st = new_ids(c, ch, ids);
    if (st == ST_OK)
        st = change_new_scope(ch, ids[NEW_GUILD]);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "INSERT INTO guilds (id, name, owner_id, verification_level, default_message_notifications, "
                          "system_channel_id, system_channel_flags, icon) "
                          "VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                          DB_ID(ids[NEW_GUILD]), DB_TEXT(req->name), DB_ID(call_user(c)),
                          DB_I64(req->verification_level), DB_I64(req->default_message_notifications),
                          DB_ID(ids[NEW_TEXT]), DB_I64(req->system_channel_flags), DB_TEXT_OR_NULL(req->icon));
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "INSERT INTO roles (id, guild_id, name, permissions) VALUES ($1, $1, '@everyone', $2)",
                          DB_ID(ids[NEW_GUILD]), DB_ID(PERM_DEFAULT));
    if (st == ST_OK)
        st = insert_channels(ch, ids);
    *ret_id = ids[NEW_GUILD];
    return st;
}

static status create(struct call *c, const Hubbub__V1__CreateGuildRequest *req, Hubbub__V1__Guild *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    uint64_t user = call_user(c), id = 0;
    bool is_new;
    Hubbub__V1__Member *member;
    Hubbub__V1__Guild *guild;
    status st = change_begin(c, &user, 1, ST_UNAUTHORIZED, &ch);
    if (st == ST_OK)
        st = insert_guild(c, ch, req, &id);
    if (st == ST_OK)
        st = rows_insert_member(c, ch, id, user, &is_new);
    if (st == ST_OK)
        st = rows_load_member(c, change_db(ch), id, user, &member);
    if (st == ST_OK)
        st = rows_load_guild(c, change_db(ch), id, &guild);
    if (st != ST_OK)
        return st;
    rows_add_joined(c, ch, id, member);
    st = change_commit(ch);
    if (st == ST_OK)
        *resp = *guild;
    return st;
}

/* ---- Read ------------------------------------------------------------------------------------------------------ */

static status get(struct call *c, const Hubbub__V1__GuildRequest *req, Hubbub__V1__Guild *resp)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    struct db_rows *rows;
    Hubbub__V1__Guild *guild;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    if (st == ST_OK)
        st = rows_load_guild(c, d, req->guild_id, &guild);
    if (st == ST_OK && req->with_counts) {
        st = chat_query(c, d, &rows, "SELECT member_count FROM guilds WHERE id = $1", DB_ID(req->guild_id));
        if (st == ST_OK && db_count(rows))
            PB_SET(guild, approximate_member_count, (int32_t)db_i64(rows, 0, 0));
    }
    if (st == ST_OK)
        *resp = *guild;
    return st;
}

static Hubbub__V1__GuildSummary *read_summary(struct call *c, const struct db_rows *rows, unsigned row,
                                              bool with_counts)
{
    Hubbub__V1__GuildSummary *g = PB_NEW(call_arena(c), Hubbub__V1__GuildSummary, hubbub__v1__guild_summary);
    struct permission_subject who = {
        .owner = db_bool(rows, row, 2), .timed_out = db_bool(rows, row, 5), .base = db_u64(rows, row, 4)};
    PB_SET(g, id, db_u64(rows, row, 0));
    g->name = (char *)db_text(rows, row, 1);
    g->icon = (char *)db_text(rows, row, 6);
    g->banner = (char *)db_text(rows, row, 7);
    PB_SET(g, owner, who.owner);
    PB_SET(g, permissions, permission_in_guild(&who));
    if (with_counts)
        PB_SET(g, approximate_member_count, (int32_t)db_i64(rows, row, 3));
    return g;
}

/* By id; with `before` alone the ones nearest to it. */
static status list_mine(struct call *c, const Hubbub__V1__ListMyGuildsRequest *req, Hubbub__V1__GuildSummaryList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(
            c, d, &rows,
            "SELECT * FROM (SELECT g.id, g.name, g.owner_id = $1, g.member_count, r.bits, "
            "coalesce(m.timeout_until > clock_timestamp(), false), g.icon, g.banner FROM members m JOIN guilds g ON "
            "g.id = m.guild_id, "
            "LATERAL (SELECT bit_or(permissions) AS bits FROM roles WHERE id = ANY (array_append(m.roles, g.id))) r "
            "WHERE m.user_id = $1 AND g.id > $2 AND ($3::bigint = 0 OR g.id < $3) "
            "ORDER BY CASE WHEN $3 > 0 AND $2 = 0 THEN -g.id ELSE g.id END LIMIT $4) s ORDER BY 1",
            DB_ID(call_user(c)), DB_ID(req->after), DB_ID(req->before), DB_I64(req->limit));
    if (st != ST_OK)
        return st;
    resp->n_guilds = db_count(rows);
    resp->guilds = ARENA_ARRAY(call_arena(c), Hubbub__V1__GuildSummary *, resp->n_guilds);
    for (unsigned i = 0; i < resp->n_guilds; i++)
        resp->guilds[i] = read_summary(c, rows, i, req->with_counts);
    return ST_OK;
}

/* ---- Edit ------------------------------------------------------------------------------------------------------ */

static status check_channel(struct call *c, struct change *ch, uint64_t guild_id, uint64_t channel_id, int type,
                            const char *field)
{
    struct db_rows *rows;
    if (!channel_id)
        return ST_OK;
    status st = change_query(ch, &rows, "SELECT FROM channels WHERE id = $1 AND guild_id = $2 AND type = $3",
                             DB_ID(channel_id), DB_ID(guild_id), DB_I64(type));
    if (st == ST_OK && !db_count(rows))
        st = call_fail_field(c, field, "CHANNEL_INVALID", "No channel of that kind in this guild has this id.");
    return st;
}

/* FOR SHARE: who deletes their account at this moment is either seen here, or sees that they own the guild. */
static status check_heir_stays(struct call *c, struct change *ch, uint64_t user_id)
{
    struct db_rows *rows;
    status st =
        change_query(ch, &rows, "SELECT FROM users WHERE id = $1 AND NOT deleted FOR SHARE", DB_ID(user_id));
    return st == ST_OK && !db_count(rows) ? call_fail(c, ST_UNKNOWN_MEMBER, "user %" PRIu64 " is deleted", user_id) : st;
}

/* Only the owner gives the guild away, and only to a member. */
static status check_owner(struct call *c, struct change *ch, const struct access *a, uint64_t owner_id)
{
    if (!owner_id || owner_id == a->owner_id)
        return ST_OK;
    if (!a->subject.owner)
        return call_fail(c, ST_MISSING_PERMISSIONS, "user %" PRIu64 " does not own the guild", call_user(c));
    struct access heir;
    status st = access_of(c, change_db(ch), a->guild_id, owner_id, &heir);
    if (st == ST_OK && !heir.member)
        st = call_fail(c, ST_UNKNOWN_MEMBER, "user %" PRIu64 " is no member", owner_id);
    if (st == ST_OK)
        st = check_heir_stays(c, ch, owner_id);
    if (st == ST_OK)
        change_fence(ch, a->guild_id);
    return st;
}

#define INT_IF_PRESENT(req, tag, value) (WIRE_PRESENT_IN(req, tag) ? DB_I64(value) : DB_NULL)

static status update_guild(struct change *ch, const Hubbub__V1__EditGuildRequest *req)
{
    struct db_rows *rows;
    return change_query(
        ch, &rows,
        "UPDATE guilds SET name = coalesce($2, name), description = CASE WHEN $3 THEN $4 ELSE description END, "
        "verification_level = coalesce($5, verification_level), "
        "default_message_notifications = coalesce($6, default_message_notifications), "
        "explicit_content_filter = coalesce($7, explicit_content_filter), "
        "system_channel_id = CASE WHEN $8 THEN $9 ELSE system_channel_id END, "
        "afk_channel_id = CASE WHEN $10 THEN $11 ELSE afk_channel_id END, afk_timeout = coalesce($12, afk_timeout), "
        "owner_id = coalesce($13, owner_id), preferred_locale = CASE WHEN $14 THEN coalesce($15, 'en-US') ELSE "
        "preferred_locale END, system_channel_flags = coalesce($16, system_channel_flags), "
        "icon = CASE WHEN $17 THEN $18 ELSE icon END, banner = CASE WHEN $19 THEN $20 ELSE banner END, "
        "splash = CASE WHEN $21 THEN $22 ELSE splash END, "
        "discovery_splash = CASE WHEN $23 THEN $24 ELSE discovery_splash END "
        "WHERE id = $1",
        DB_ID(req->guild_id), DB_TEXT_OR_NULL(req->name), DB_BOOL(WIRE_PRESENT_IN(req, 3)),
        DB_TEXT_OR_NULL(req->description), INT_IF_PRESENT(req, 4, req->verification_level),
        INT_IF_PRESENT(req, 5, req->default_message_notifications),
        INT_IF_PRESENT(req, 6, req->explicit_content_filter), DB_BOOL(WIRE_PRESENT_IN(req, 7)),
        DB_ID_OR_NULL(req->system_channel_id), DB_BOOL(WIRE_PRESENT_IN(req, 8)), DB_ID_OR_NULL(req->afk_channel_id),
        INT_IF_PRESENT(req, 9, req->afk_timeout), DB_ID_OR_NULL(req->owner_id), DB_BOOL(WIRE_PRESENT_IN(req, 11)),
        DB_TEXT_OR_NULL(req->preferred_locale), INT_IF_PRESENT(req, 40, req->system_channel_flags),
        DB_BOOL(WIRE_PRESENT_IN(req, 50)), DB_TEXT_OR_NULL(req->icon), DB_BOOL(WIRE_PRESENT_IN(req, 51)),
        DB_TEXT_OR_NULL(req->banner), DB_BOOL(WIRE_PRESENT_IN(req, 52)), DB_TEXT_OR_NULL(req->splash),
        DB_BOOL(WIRE_PRESENT_IN(req, 53)), DB_TEXT_OR_NULL(req->discovery_splash));
}

/* Adds the event and the audit entry of what is different now, and commits. A level that rises takes rights away. */
static status finish_edit(struct call *c, struct change *ch, const Hubbub__V1__Guild *before, Hubbub__V1__Guild **ret)
{
    status st = rows_load_guild(c, change_db(ch), before->id, ret);
    if (st != ST_OK)
        return st;
    if ((*ret)->verification_level > before->verification_level || (*ret)->mfa_level > before->mfa_level)
        change_fence(ch, before->id);
    change_add(ch, before->id, before->id, 0, ROWS_EVENT(call_arena(c), guild_update, *ret));
    if ((*ret)->afk_channel_id != before->afk_channel_id)
        st = voices_review(c, ch, before->id);
    if (st != ST_OK)
        return st;
    Hubbub__V1__AuditEntry *e = audit_entry(c, AUDIT_GUILD_UPDATE, before->id);
    audit_compare(c, e, &hubbub__v1__guild__wire, before, *ret, AUDIT_GUILD_FIELDS);
    st = audit_add(c, ch, before->id, e);
    return st == ST_OK ? change_commit(ch) : st;
}

static status edit(struct call *c, const Hubbub__V1__EditGuildRequest *req, Hubbub__V1__Guild *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Guild *before, *guild;
    status st = access_begin_guild(c, req->guild_id, 0, PERM_MANAGE_GUILD, &ch, &a);
    if (st == ST_OK)
        st = rows_load_guild(c, change_db(ch), a.guild_id, &before);
    if (st == ST_OK)
        st = check_owner(c, ch, &a, req->owner_id);
    if (st == ST_OK)
        st = check_channel(c, ch, a.guild_id, req->system_channel_id, CHANNEL_TEXT, "system_channel_id");
    if (st == ST_OK)
        st = check_channel(c, ch, a.guild_id, req->afk_channel_id, CHANNEL_VOICE, "afk_channel_id");
    if (st == ST_OK)
        st = update_guild(ch, req);
    if (st == ST_OK)
        st = finish_edit(c, ch, before, &guild);
    if (st == ST_OK)
        *resp = *guild;
    return st;
}

/* Nobody shuts themselves out, and nobody without the second factor takes the guard away. */
static status check_sets_level(struct call *c, struct change *ch, const struct access *a)
{
    struct db_rows *rows;
    if (!a->subject.owner)
        return call_fail(c, ST_MISSING_PERMISSIONS, "user %" PRIu64 " does not own the guild", call_user(c));
    status st = change_query(ch, &rows, "SELECT FROM users WHERE id = $1 AND mfa", DB_ID(call_user(c)));
    return st == ST_OK && !db_count(rows) ? call_fail(c, ST_MFA_REQUIRED, "the owner has no second factor") : st;
}

static status set_mfa_level(struct call *c, const Hubbub__V1__SetMfaLevelRequest *req, Hubbub__V1__MfaLevel *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *rows;
    Hubbub__V1__Guild *before, *guild;
    status st = access_begin_guild(c, req->guild_id, 0, 0, &ch, &a);
    if (st == ST_OK)
        st = check_sets_level(c, ch, &a);
    if (st == ST_OK)
        st = rows_load_guild(c, change_db(ch), a.guild_id, &before);
    if (st == ST_OK)
        st = change_query(ch, &rows, "UPDATE guilds SET mfa_level = $2 WHERE id = $1", DB_ID(a.guild_id),
                          DB_I64(req->level));
    if (st == ST_OK)
        st = finish_edit(c, ch, before, &guild);
    if (st == ST_OK)
        PB_SET(resp, level, req->level);
    return st;
}

/* ---- Delete, leave --------------------------------------------------------------------------------------------- */

/* The scope closes; everything but messages goes with the row. */
static status delete_guild(struct call *c, const Hubbub__V1__GuildRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *rows;
    status st = access_begin_guild(c, req->guild_id, 0, 0, &ch, &a);
    if (st == ST_OK && !a.subject.owner)
        st = call_fail(c, ST_MISSING_PERMISSIONS, "user %" PRIu64 " does not own the guild", call_user(c));
    if (st == ST_OK)
        st = change_query(ch, &rows, "DELETE FROM guilds WHERE id = $1", DB_ID(a.guild_id));
    if (st != ST_OK)
        return st;
    Hubbub__V1__GuildDeleted *e = PB_NEW(call_arena(c), Hubbub__V1__GuildDeleted, hubbub__v1__guild_deleted);
    PB_SET(e, id, a.guild_id);
    change_add(ch, a.guild_id, a.guild_id, 0, ROWS_EVENT(call_arena(c), guild_delete, e));
    change_fence(ch, a.guild_id);
    change_close_scope(ch, a.guild_id);
    return change_commit(ch);
}

static status leave(struct call *c, const Hubbub__V1__GuildRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    status st = access_begin_guild(c, req->guild_id, call_user(c), 0, &ch, &a);
    if (st == ST_OK && a.subject.owner)
        st = call_fail(c, ST_INVALID_GUILD, "the owner cannot leave");
    if (st == ST_OK)
        st = member_remove(c, ch, a.guild_id, call_user(c));
    return st == ST_OK ? change_commit(ch) : st;
}

const struct hubbub__v1__guilds__handlers guilds_handlers = {
    .create = create,
    .get = get,
    .edit = edit,
    .set_mfa_level = set_mfa_level,
    .delete = delete_guild,
    .list_mine = list_mine,
    .leave = leave,
};
