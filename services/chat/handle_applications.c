/* handle_applications.c - the Applications service: bots, PROTOCOL section 26. The bot of an application is a user with
 * the application's id. */
#include "lib/wire/wire.h"
#include "services/chat/access.h"
#include "services/chat/audit.h"
#include "services/chat/credentials.h"
#include "services/chat/handlers.h"
#include "services/chat/membership.h"
#include "services/chat/messages.h"
#include "services/chat/rows.h"
#include "services/chat/tokens.h"
#include <inttypes.h>
#include <string.h>

/* Approvals of privileged intents: the only flags that an owner sets. */
#define FLAGS_EDITABLE UINT64_C(0xff000)
enum { ROLES_MAX = 250 };

/* Aliases: a application, u owner, b bot. */
#define APPLICATION_COLUMNS                                                                                            \
    "a.id, a.name, a.description, a.bot_public, a.flags, a.verify_key, a.bot_id, " ROWS_USER                           \
    ", b.id, b.username, b.global_name, b.bot, b.flags, b.avatar, b.banner, a.icon"
#define APPLICATION_FROM " FROM applications a JOIN users u ON u.id = a.owner_id LEFT JOIN users b ON b.id = a.bot_id "
enum { AT_BOT_ID = 6, AT_OWNER = 7, AT_BOT = AT_OWNER + ROWS_USER_N, AT_ICON = AT_BOT + ROWS_USER_N };

static Hubbub__V1__Application *read_application(struct arena *arena, const struct db_rows *rows, unsigned row)
{
    Hubbub__V1__Application *a = PB_NEW(arena, Hubbub__V1__Application, hubbub__v1__application);
    PB_SET(a, id, db_u64(rows, row, 0));
    a->name = (char *)db_text(rows, row, 1);
    a->description = (char *)db_text(rows, row, 2);
    PB_SET(a, bot_public, db_bool(rows, row, 3));
    PB_SET(a, flags, db_u64(rows, row, 4));
    PB_SET(a, flags_new, a->flags);
    a->verify_key = (char *)db_text(rows, row, 5);
    a->icon = (char *)db_text(rows, row, AT_ICON);
    a->owner = rows_user(arena, rows, row, AT_OWNER);
    if (!db_is_null(rows, row, AT_BOT_ID))
        a->bot = rows_user(arena, rows, row, AT_BOT);
    return a;
}

static status load_application(struct call *c, struct db *d, uint64_t id, Hubbub__V1__Application **ret)
{
    struct db_rows *rows;
    status st = chat_query(c, d, &rows, "SELECT " APPLICATION_COLUMNS APPLICATION_FROM "WHERE a.id = $1", DB_ID(id));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_APPLICATION, "no application %" PRIu64, id);
    *ret = read_application(call_arena(c), rows, 0);
    return ST_OK;
}

/* The caller's own. */
static status load_own(struct call *c, struct db *d, uint64_t id, Hubbub__V1__Application **ret)
{
    status st = load_application(c, d, id, ret);
    if (st == ST_OK && (*ret)->owner->id != call_user(c))
        st = call_fail(c, ST_NOT_APPLICATION_OWNER, "application %" PRIu64 " is somebody else's", id);
    return st;
}

/* load_own on a lease of its own. */
static status find_own(struct call *c, uint64_t id, Hubbub__V1__Application **ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    return st == ST_OK ? load_own(c, d, id, ret) : st;
}

static status create(struct call *c, const Hubbub__V1__CreateApplicationRequest *req, Hubbub__V1__Application *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    Hubbub__V1__Application *application;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "INSERT INTO applications (id, owner_id, name, description, verify_key) "
                        "VALUES (next_id(), $1, $2, $3, $4) RETURNING id",
                        DB_ID(call_user(c)), DB_TEXT(req->name), DB_TEXT(req->description ? req->description : ""),
                        DB_TEXT(hex_make(call_arena(c), 32)));
    if (st == ST_OK)
        st = load_application(c, d, db_u64(rows, 0, 0), &application);
    if (st == ST_OK)
        *resp = *application;
    return st;
}

static status list(struct call *c, const Hubbub__V1__Empty *req, Hubbub__V1__ApplicationList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT " APPLICATION_COLUMNS APPLICATION_FROM "WHERE a.owner_id = $1 ORDER BY a.id",
                        DB_ID(call_user(c)));
    if (st != ST_OK)
        return st;
    resp->n_applications = db_count(rows);
    resp->applications = ARENA_ARRAY(call_arena(c), Hubbub__V1__Application *, resp->n_applications);
    for (unsigned i = 0; i < resp->n_applications; i++)
        resp->applications[i] = read_application(call_arena(c), rows, i);
    return ST_OK;
}

static status get(struct call *c, const Hubbub__V1__ApplicationRequest *req, Hubbub__V1__Application *resp)
{
    Hubbub__V1__Application *application;
    status st = find_own(c, req->application_id, &application);
    if (st == ST_OK)
        *resp = *application;
    return st;
}

static status get_mine(struct call *c, const Hubbub__V1__Empty *req, Hubbub__V1__Application *resp)
{
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__Application *application;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = load_application(c, d, call_user(c), &application);
    if (st == ST_OK)
        *resp = *application;
    return st;
}

static status update(struct call *c, struct db *d, uint64_t id, const Hubbub__V1__EditApplicationRequest *req,
                     Hubbub__V1__Application *resp)
{
    struct db_rows *rows;
    Hubbub__V1__Application *application;
    status st =
        chat_query(c, d, &rows,
                   "UPDATE applications SET name = coalesce($2, name), description = CASE WHEN $3 THEN $4 ELSE "
                   "description END, "
                   "flags = CASE WHEN $5 THEN (flags & ~($7::bigint)) | $6 ELSE flags END, bot_public = CASE WHEN "
                   "$8 THEN $9 ELSE bot_public END, icon = CASE WHEN $10 THEN $11 ELSE icon END "
                   "WHERE id = $1",
                   DB_ID(id), DB_TEXT_OR_NULL(req->name), DB_BOOL(WIRE_PRESENT_IN(req, 3)),
                   DB_TEXT(req->description ? req->description : ""), DB_BOOL(req->has_flags),
                   DB_ID(req->flags & FLAGS_EDITABLE), DB_ID(FLAGS_EDITABLE), DB_BOOL(req->has_bot_public),
                   DB_BOOL(req->bot_public), DB_BOOL(WIRE_PRESENT_IN(req, 6)), DB_TEXT_OR_NULL(req->icon));
    if (st == ST_OK)
        st = load_application(c, d, id, &application);
    if (st == ST_OK)
        *resp = *application;
    return st;
}

static status edit(struct call *c, const Hubbub__V1__EditApplicationRequest *req, Hubbub__V1__Application *resp)
{
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__Application *application;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = load_own(c, d, req->application_id, &application);
    return st == ST_OK ? update(c, d, req->application_id, req, resp) : st;
}

/* The fields have the numbers of the owner's request. */
static status edit_mine(struct call *c, const Hubbub__V1__EditMyApplicationRequest *req, Hubbub__V1__Application *resp)
{
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__EditApplicationRequest as_owner = HUBBUB__V1__EDIT_APPLICATION_REQUEST__INIT;
    as_owner.description = req->description;
    as_owner.has_flags = req->has_flags;
    as_owner.flags = req->flags;
    as_owner.icon = req->icon;
    as_owner.present = req->present;
    as_owner.n_present = req->n_present;
    status st = chat_lease(c, &d);
    return st == ST_OK ? update(c, d, call_user(c), &as_owner, resp) : st;
}

/* ---- The bot --------------------------------------------------------------------------------------------------- */

static status insert_bot(struct call *c, const Hubbub__V1__Application *a, char **ret_token)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *rows;
    status st = change_begin(c, NULL, 0, ST_UNKNOWN_APPLICATION, &ch);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "WITH bot AS (INSERT INTO users (id, username, bot) VALUES ($1, $2, true) ON CONFLICT DO "
                          "NOTHING RETURNING id) "
                          "UPDATE applications SET bot_id = bot.id FROM bot WHERE applications.id = $1",
                          DB_ID(a->id), DB_TEXT(a->name));
    if (st == ST_OK && !db_affected(rows))
        st = call_fail(c, ST_STALE, "the bot was made by another call just now");
    if (st == ST_OK)
        st = change_new_scope(ch, a->id);
    if (st == ST_OK)
        st = token_issue(c, change_db(ch), a->id, NULL, ret_token);
    return st == ST_OK ? change_commit(ch) : st;
}

static status renew_token(struct call *c, uint64_t bot_id, char **ret_token)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = change_begin(c, &bot_id, 1, ST_UNKNOWN_APPLICATION, &ch);
    if (st == ST_OK)
        st = token_revoke_all(c, ch, bot_id);
    if (st == ST_OK)
        st = token_issue(c, change_db(ch), bot_id, NULL, ret_token);
    return st == ST_OK ? change_commit(ch) : st;
}

static status create_bot(struct call *c, const Hubbub__V1__ApplicationRequest *req, Hubbub__V1__BotTokenResponse *resp)
{
    Hubbub__V1__Application *a;
    status st = find_own(c, req->application_id, &a);
    if (st != ST_OK)
        return st;
    st = a->bot ? renew_token(c, a->id, &resp->token) : insert_bot(c, a, &resp->token);
    if (st == ST_STALE)
        st = renew_token(c, a->id, &resp->token);
    if (st == ST_OK)
        PB_SET(resp, id, a->id);
    return st;
}

/* ---- Delete ---------------------------------------------------------------------------------------------------- */

/* The bot leaves its guilds and its tokens end; its user row stays for the messages that it wrote. */
static status delete_application(struct call *c, const Hubbub__V1__ApplicationRequest *req, Hubbub__V1__Empty *resp)
{
    Hubbub__V1__Application *a;
    status st = find_own(c, req->application_id, &a);
    if (st == ST_OK && a->bot)
        st = member_leave_all(c, a->id);
    if (st != ST_OK)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *rows;
    st = change_begin(c, &a->id, a->bot ? 1 : 0, ST_UNKNOWN_APPLICATION, &ch);
    if (st == ST_OK && a->bot)
        st = token_revoke_all(c, ch, a->id);
    if (st == ST_OK)
        st = change_query(ch, &rows, "DELETE FROM applications WHERE id = $1", DB_ID(a->id));
    if (st == ST_OK)
        st = change_commit(ch);
    return st == ST_OK && a->bot ? member_leave_all(c, a->id) : st; /* one that it was added to meanwhile */
}

/* ---- Authorize ------------------------------------------------------------------------------------------------- */

static status insert_bot_role(struct call *c, struct change *ch, const struct access *actor,
                              const Hubbub__V1__Application *app, uint64_t permissions, uint64_t *ret_role_id)
{
    struct db_rows *rows;
    struct arena *a = call_arena(c);
    status st = change_query(ch, &rows, "SELECT count(*) FROM roles WHERE guild_id = $1", DB_ID(actor->guild_id));
    if (st == ST_OK && db_i64(rows, 0, 0) >= ROLES_MAX)
        st = call_fail(c, ST_MAX_ROLES, "guild %" PRIu64 " has %d roles", actor->guild_id, ROLES_MAX);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "INSERT INTO roles AS r (id, guild_id, name, position, permissions, managed, bot_id) "
                          "VALUES (next_id(), $1, $2, 1, $3, true, $4) RETURNING " ROWS_ROLE,
                          DB_ID(actor->guild_id), DB_TEXT(app->bot->username), DB_ID(permissions), DB_ID(app->bot->id));
    if (st != ST_OK)
        return st;
    Hubbub__V1__GuildRole *e = PB_NEW(a, Hubbub__V1__GuildRole, hubbub__v1__guild_role);
    PB_SET(e, guild_id, actor->guild_id);
    e->role = rows_role(a, rows, 0, 0);
    change_add(ch, actor->guild_id, actor->guild_id, 0, ROWS_EVENT(a, role_create, e));
    *ret_role_id = e->role->id;
    return ST_OK;
}

static status add_bot(struct call *c, struct change *ch, const struct access *actor, const Hubbub__V1__Application *app,
                      uint64_t permissions)
{
    bool is_new;
    uint64_t role_id;
    struct db_rows *rows;
    Hubbub__V1__Member *member;
    status st = rows_insert_member(c, ch, actor->guild_id, app->bot->id, &is_new);
    if (st != ST_OK || !is_new)
        return st;
    st = insert_bot_role(c, ch, actor, app, permissions, &role_id);
    if (st == ST_OK)
        st =
            change_query(ch, &rows, "UPDATE members SET roles = ARRAY[$3::bigint] WHERE guild_id = $1 AND user_id = $2",
                         DB_ID(actor->guild_id), DB_ID(app->bot->id), DB_ID(role_id));
    if (st == ST_OK)
        st = rows_load_member(c, change_db(ch), actor->guild_id, app->bot->id, &member);
    if (st != ST_OK)
        return st;
    rows_add_joined(c, ch, actor->guild_id, member);
    st = messages_add_join(c, ch, actor->guild_id, member);
    if (st != ST_OK)
        return st;
    return audit_act(c, ch, actor->guild_id, AUDIT_BOT_ADD, app->bot->id);
}

static bool asks_for_bot(const char *scope)
{
    size_t n;
    for (const char *at = scope ? scope : ""; *at; at += n) {
        at += strspn(at, " +");
        n = strcspn(at, " +");
        if (n == 3 && !strncmp(at, "bot", 3))
            return true;
    }
    return false;
}

static status find_bot(struct call *c, uint64_t application_id, Hubbub__V1__Application **ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = load_application(c, d, application_id, ret);
    if (st != ST_OK)
        return st;
    if (!(*ret)->bot)
        return call_fail(c, ST_APPLICATION_HAS_NO_BOT, "application %" PRIu64 " has no bot", application_id);
    if (!(*ret)->bot_public && (*ret)->owner->id != call_user(c))
        return call_fail(c, ST_NOT_APPLICATION_OWNER, "the bot is private");
    return ST_OK;
}

/* The role gets of what is asked only what the actor holds. */
static status authorize(struct call *c, const Hubbub__V1__AuthorizeRequest *req, Hubbub__V1__AuthorizeResponse *resp)
{
    resp->location = "";
    if (!asks_for_bot(req->scope))
        return call_fail_field(c, "scope", "BASE_TYPE_CHOICES", "Value must be one of ('bot',).");
    if (!req->authorize)
        return ST_OK;
    Hubbub__V1__Application *app;
    status st = find_bot(c, req->client_id, &app);
    if (st != ST_OK)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    struct access actor;
    st = access_begin_guild(c, req->guild_id, app->bot->id, PERM_MANAGE_GUILD, &ch, &actor);
    if (st == ST_OK)
        st = add_bot(c, ch, &actor, app, req->permissions & actor.in_guild);
    return st == ST_OK ? change_commit(ch) : st;
}

const struct hubbub__v1__applications__handlers applications_handlers = {
    .create = create,
    .list = list,
    .get = get,
    .get_mine = get_mine,
    .edit = edit,
    .edit_mine = edit_mine,
    .delete = delete_application,
    .create_bot = create_bot,
    .authorize = authorize,
};
