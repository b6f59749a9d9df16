/* handle_administration.c - the Administration service: what the operator does to accounts, and the lists behind the
 * command line. The rest of the command line's work goes through the services that people use, in the owner's name. */
#include "services/chat/account_end.h"
#include "services/chat/accounts.h"
#include "services/chat/chat.h"
#include "services/chat/credentials.h"
#include "services/chat/handlers.h"
#include "services/chat/rows.h"
#include "services/chat/second_factor.h"
#include "services/chat/tokens.h"
#include <inttypes.h>

enum { PAGE_MAX = 1000 };

static int64_t page_limit(uint32_t asked)
{
    return asked < 1 ? 1 : asked > PAGE_MAX ? PAGE_MAX : asked;
}

static status no_account(struct call *c, uint64_t id)
{
    return call_fail(c, ST_UNKNOWN_USER, "no person has the id %" PRIu64, id);
}

/* ---- Read ------------------------------------------------------------------------------------------------------ */

#define ACCOUNT                                                                                                        \
    "SELECT u.id, u.username, u.email, u.admin, u.disabled, (SELECT count(*) FROM tokens t WHERE t.user_id = u.id), "  \
    "(SELECT count(*) FROM members m WHERE m.user_id = u.id), " ROWS_MS("u.created_at") ", u.mfa"                     \
    " FROM users u WHERE NOT u.bot AND "

static void read_account(const struct db_rows *rows, unsigned row, Hubbub__V1__Account *a)
{
    PB_SET(a, id, db_u64(rows, row, 0));
    a->username = (char *)db_text(rows, row, 1);
    a->email = (char *)db_text(rows, row, 2);
    PB_SET(a, admin, db_bool(rows, row, 3));
    PB_SET(a, disabled, db_bool(rows, row, 4));
    PB_SET(a, tokens, (uint32_t)db_i64(rows, row, 5));
    PB_SET(a, guilds, (uint32_t)db_i64(rows, row, 6));
    PB_SET(a, created_at, db_i64(rows, row, 7));
    PB_SET(a, second_factor, db_bool(rows, row, 8));
}

static status load_account(struct call *c, uint64_t id, Hubbub__V1__Account *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, ACCOUNT "u.id = $1", DB_ID(id));
    if (st == ST_OK && !db_count(rows))
        st = no_account(c, id);
    if (st == ST_OK)
        read_account(rows, 0, ret);
    return st;
}

static status get_account(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__Account *resp)
{
    return load_account(c, req->user_id, resp);
}

static status list_accounts(struct call *c, const Hubbub__V1__AccountPage *req, Hubbub__V1__AccountList *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, ACCOUNT "NOT u.deleted AND u.id > $1 ORDER BY u.id LIMIT $2", DB_ID(req->after),
                        DB_I64(page_limit(req->limit)));
    if (st != ST_OK)
        return st;
    resp->n_accounts = db_count(rows);
    resp->accounts = ARENA_ARRAY(call_arena(c), Hubbub__V1__Account *, resp->n_accounts);
    for (unsigned i = 0; i < resp->n_accounts; i++) {
        resp->accounts[i] = PB_NEW(call_arena(c), Hubbub__V1__Account, hubbub__v1__account);
        read_account(rows, i, resp->accounts[i]);
    }
    return ST_OK;
}

static Hubbub__V1__GuildSummaryRow *read_guild(struct arena *a, const struct db_rows *rows, unsigned row)
{
    Hubbub__V1__GuildSummaryRow *g = PB_NEW(a, Hubbub__V1__GuildSummaryRow, hubbub__v1__guild_summary_row);
    PB_SET(g, id, db_u64(rows, row, 0));
    g->name = (char *)db_text(rows, row, 1);
    PB_SET(g, owner_id, db_u64(rows, row, 2));
    g->owner_username = (char *)db_text(rows, row, 3);
    PB_SET(g, members, (uint32_t)db_i64(rows, row, 4));
    PB_SET(g, channels, (uint32_t)db_i64(rows, row, 5));
    PB_SET(g, invite_channel_id, db_u64(rows, row, 6));
    return g;
}

static status list_guilds(struct call *c, const Hubbub__V1__GuildPage *req, Hubbub__V1__GuildRows *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT g.id, g.name, g.owner_id, u.username, g.member_count, "
                        "(SELECT count(*) FROM channels c WHERE c.guild_id = g.id), coalesce(g.system_channel_id, "
                        "(SELECT c.id FROM channels c WHERE c.guild_id = g.id AND c.type = 0 ORDER BY c.position, c.id "
                        "LIMIT 1)) "
                        "FROM guilds g JOIN users u ON u.id = g.owner_id WHERE ($1::bigint = 0 OR g.id = $1) AND g.id > $2 "
                        "ORDER BY g.id LIMIT $3",
                        DB_ID(req->guild_id), DB_ID(req->after), DB_I64(page_limit(req->limit)));
    if (st == ST_OK && req->guild_id && !db_count(rows))
        st = call_fail(c, ST_UNKNOWN_GUILD, "no guild %" PRIu64, req->guild_id);
    if (st != ST_OK)
        return st;
    resp->n_guilds = db_count(rows);
    resp->guilds = ARENA_ARRAY(call_arena(c), Hubbub__V1__GuildSummaryRow *, resp->n_guilds);
    for (unsigned i = 0; i < resp->n_guilds; i++)
        resp->guilds[i] = read_guild(call_arena(c), rows, i);
    return ST_OK;
}

static Hubbub__V1__BotRow *read_bot(struct arena *a, const struct db_rows *rows, unsigned row)
{
    Hubbub__V1__BotRow *b = PB_NEW(a, Hubbub__V1__BotRow, hubbub__v1__bot_row);
    PB_SET(b, application_id, db_u64(rows, row, 0));
    b->name = (char *)db_text(rows, row, 1);
    PB_SET(b, owner_id, db_u64(rows, row, 2));
    b->owner_username = (char *)db_text(rows, row, 3);
    PB_SET(b, has_bot, !db_is_null(rows, row, 4));
    PB_SET(b, guilds, (uint32_t)db_i64(rows, row, 5));
    return b;
}

static status list_bots(struct call *c, const Hubbub__V1__BotQuery *req, Hubbub__V1__BotRows *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT a.id, a.name, a.owner_id, u.username, a.bot_id, "
                        "(SELECT count(*) FROM members m WHERE m.user_id = a.bot_id) FROM applications a JOIN users u ON "
                        "u.id = a.owner_id "
                        "WHERE ($1::bigint = 0 OR a.id = $1) AND ($2::text IS NULL OR a.name = $2) AND ($3::bigint = 0 OR a.owner_id = $3) "
                        "AND a.id > $4 ORDER BY a.id LIMIT $5",
                        DB_ID(req->application_id), DB_TEXT_OR_NULL(req->name), DB_ID(req->owner_id), DB_ID(req->after),
                        DB_I64(page_limit(req->limit)));
    if (st != ST_OK)
        return st;
    resp->n_bots = db_count(rows);
    resp->bots = ARENA_ARRAY(call_arena(c), Hubbub__V1__BotRow *, resp->n_bots);
    for (unsigned i = 0; i < resp->n_bots; i++)
        resp->bots[i] = read_bot(call_arena(c), rows, i);
    return ST_OK;
}

/* ---- Create, password, disable, token -------------------------------------------------------------------------- */

static status create_account(struct call *c, const Hubbub__V1__NewAccount *req, Hubbub__V1__Account *resp)
{
    Hubbub__V1__RegisterRequest form = HUBBUB__V1__REGISTER_REQUEST__INIT;
    form.username = req->username;
    form.email = req->email;
    form.password = req->password;
    uint64_t id;
    status st = account_create_by_operator(c, &form, req->admin, &id);
    return st == ST_OK ? load_account(c, id, resp) : st;
}

/* Begins a change of the person's own feed. */
static status begin_account(struct call *c, uint64_t id, struct change **ret)
{
    status st = change_begin(c, &id, 1, ST_UNKNOWN_USER, ret);
    return st == ST_OK ? account_require_person(c, *ret, id) : st;
}

static status set_password(struct call *c, const Hubbub__V1__SetPasswordRequest *req, Hubbub__V1__Empty *resp)
{
    status st = account_check_password(c, req->password);
    if (st != ST_OK)
        return st;
    char *hash = password_hash(call_arena(c), req->password);
    if (!hash)
        return call_fail(c, ST_OVERLOADED, "no memory for argon2");
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *rows;
    st = begin_account(c, req->user_id, &ch);
    if (st == ST_OK)
        st = change_query(ch, &rows, "UPDATE users SET password_hash = $2 WHERE id = $1", DB_ID(req->user_id),
                          DB_TEXT(hash));
    if (st == ST_OK)
        st = token_revoke_all(c, ch, req->user_id);
    return st == ST_OK ? change_commit(ch) : st;
}

static status set_disabled(struct call *c, const Hubbub__V1__SetDisabledRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = begin_account(c, req->user_id, &ch);
    if (st == ST_OK)
        st = account_set_disabled(c, ch, req->user_id, req->disabled);
    return st == ST_OK ? change_commit(ch) : st;
}

static status drop_second_factor(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = begin_account(c, req->user_id, &ch);
    if (st == ST_OK)
        st = second_factor_drop(c, ch, req->user_id);
    return st == ST_OK ? change_commit(ch) : st;
}

static status issue_token(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__TokenResponse *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *rows;
    status st = begin_account(c, req->user_id, &ch);
    if (st == ST_OK)
        st = change_query(ch, &rows, "SELECT FROM users WHERE id = $1 AND NOT disabled", DB_ID(req->user_id));
    if (st == ST_OK && !db_count(rows)) {
        call_error_text(c, "The account is disabled");
        return call_fail(c, ST_BAD_REQUEST, "user %" PRIu64 " is disabled", req->user_id);
    }
    if (st == ST_OK)
        st = token_issue(c, change_db(ch), req->user_id, NULL, &resp->token);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        PB_SET(resp, user_id, req->user_id);
    return st;
}

/* ---- Flags, delete --------------------------------------------------------------------------------------------- */

static status set_admin(struct call *c, const Hubbub__V1__SetAdminRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *rows;
    status st = begin_account(c, req->user_id, &ch);
    if (st == ST_OK)
        st = change_query(ch, &rows, "UPDATE users u SET admin = $2 WHERE u.id = $1 RETURNING " ROWS_ME,
                          DB_ID(req->user_id), DB_BOOL(req->admin));
    if (st != ST_OK)
        return st;
    Hubbub__V1__User *seen = rows_own_user(call_arena(c), rows, 0, 0);
    change_add(ch, req->user_id, req->user_id, 0, ROWS_EVENT(call_arena(c), user_update, seen));
    return change_commit(ch);
}

static status delete_account(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__Empty *resp)
{
    return account_delete(c, req->user_id, false);
}

const struct hubbub__v1__administration__handlers administration_handlers = {
    .create_account = create_account,
    .get_account = get_account,
    .list_accounts = list_accounts,
    .set_password = set_password,
    .set_disabled = set_disabled,
    .set_admin = set_admin,
    .drop_second_factor = drop_second_factor,
    .issue_token = issue_token,
    .delete_account = delete_account,
    .list_guilds = list_guilds,
    .list_bots = list_bots,
};
