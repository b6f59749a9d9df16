#include "services/chat/account_end.h"
#include "services/chat/accounts.h"
#include "services/chat/membership.h"
#include "services/chat/rows.h"
#include "services/chat/tokens.h"
#include <inttypes.h>

enum { NAMED_MAX = 20 /* of the guilds that stand in a refusal */ };

static status no_account(struct call *c, uint64_t id)
{
    return call_fail(c, ST_UNKNOWN_USER, "no person has the id %" PRIu64, id);
}

/* ---- Who it is ------------------------------------------------------------------------------------------------- */

static status load_flag(struct call *c, struct change *ch, uint64_t id, bool *ret_admin)
{
    struct db_rows *rows;
    status st =
        change_query(ch, &rows, "SELECT admin FROM users WHERE id = $1 AND NOT bot AND NOT deleted", DB_ID(id));
    if (st == ST_OK && !db_count(rows))
        st = no_account(c, id);
    if (st == ST_OK)
        *ret_admin = db_bool(rows, 0, 0);
    return st;
}

status account_require_person(struct call *c, struct change *ch, uint64_t id)
{
    bool admin;
    return load_flag(c, ch, id, &admin);
}

status account_require_ordinary(struct call *c, struct change *ch, uint64_t id)
{
    bool admin;
    status st = load_flag(c, ch, id, &admin);
    if (st != ST_OK || !admin)
        return st;
    call_error_text(c, "This is an administrator of the instance; who runs it can take that away first");
    return call_fail(c, ST_MISSING_PERMISSIONS, "user %" PRIu64 " is an administrator", id);
}

/* ---- Disable --------------------------------------------------------------------------------------------------- */

status account_set_disabled(struct call *c, struct change *ch, uint64_t id, bool disabled)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "UPDATE users SET disabled = $2 WHERE id = $1", DB_ID(id), DB_BOOL(disabled));
    return st == ST_OK && disabled ? token_revoke_all(c, ch, id) : st;
}

/* ---- Delete ---------------------------------------------------------------------------------------------------- */

/* Refuses with the list while something is theirs that would be left without an owner. Columns: kind, id, name. */
static status refuse_owner(struct call *c, const struct db_rows *rows)
{
    struct arena *a = call_arena(c);
    unsigned n = db_count(rows), named = n < NAMED_MAX ? n : NAMED_MAX;
    if (n == 0)
        return ST_OK;
    const char *list = "";
    for (unsigned i = 0; i < named; i++)
        list = arena_printf(a, "%s%s%s %s \"%s\"", list, i ? ", " : "", db_text(rows, i, 0), db_text(rows, i, 1),
                            db_text(rows, i, 2));
    call_error_text(c, arena_printf(a, "The account owns %s%s", list, n > named ? " and more" : ""));
    return call_fail(c, ST_BAD_REQUEST, "the account owns %u guilds and applications", n);
}

static status check_owns_nothing(struct call *c, struct change *ch, uint64_t id)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "SELECT 'guild', id, name FROM guilds WHERE owner_id = $1 UNION ALL "
                             "SELECT 'bot', id, name FROM applications WHERE owner_id = $1 ORDER BY 1, 2",
                             DB_ID(id));
    return st == ST_OK ? refuse_owner(c, rows) : st;
}

/* Addresses and secrets that stand elsewhere. */
static status forget_secrets(struct change *ch, uint64_t id)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "DELETE FROM outbox WHERE user_id = $1", DB_ID(id));
    if (st == ST_OK)
        st = change_query(ch, &rows, "DELETE FROM totp WHERE user_id = $1", DB_ID(id));
    return st == ST_OK ? change_query(ch, &rows, "DELETE FROM tickets WHERE user_id = $1", DB_ID(id)) : st;
}

static status anonymise(struct call *c, uint64_t id, bool spare_administrators)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *rows;
    status st = change_begin(c, &id, 1, ST_UNKNOWN_USER, &ch);
    if (st == ST_OK && spare_administrators)
        st = account_require_ordinary(c, ch, id);
    if (st == ST_OK)
        st = check_owns_nothing(c, ch, id);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "UPDATE users u SET username = '" ACCOUNT_DELETED_PREFIX "' || u.id, global_name = NULL, "
                          "email = NULL, password_hash = NULL, date_of_birth = NULL, bio = NULL, pronouns = NULL, avatar = NULL, banner = NULL, admin = false, flags = 0, "
                          "mfa = false, disabled = true, deleted = true WHERE u.id = $1 AND NOT u.bot RETURNING " ROWS_USER,
                          DB_ID(id));
    if (st == ST_OK && !db_count(rows))
        st = no_account(c, id);
    if (st == ST_OK)
        st = forget_secrets(ch, id);
    if (st != ST_OK)
        return st;
    Hubbub__V1__User *seen = rows_user(call_arena(c), rows, 0, 0);
    change_add(ch, id, id, 0, ROWS_EVENT(call_arena(c), user_update, seen));
    st = token_revoke_all(c, ch, id);
    return st == ST_OK ? change_commit(ch) : st;
}

status account_delete(struct call *c, uint64_t id, bool spare_administrators)
{
    status st = anonymise(c, id, spare_administrators);
    return st == ST_OK ? member_leave_all(c, id) : st;
}
