#include "services/chat/account_end.h"
#include "lib/base/log.h"
#include "services/chat/accounts.h"
#include "services/chat/direct.h"
#include "services/chat/membership.h"
#include "services/chat/relationships.h"
#include "services/chat/rename.h"
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
    status st = change_query(ch, &rows, "SELECT admin FROM users WHERE id = $1 AND NOT bot AND NOT deleted", DB_ID(id));
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

static status set_disabled(struct call *c, struct change *ch, uint64_t id, bool disabled, bool self)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "UPDATE users SET disabled = $2, self_disabled = $3 WHERE id = $1", DB_ID(id),
                             DB_BOOL(disabled), DB_BOOL(self));
    return st == ST_OK && disabled ? token_revoke_all(c, ch, id) : st;
}

status account_set_disabled(struct call *c, struct change *ch, uint64_t id, bool disabled)
{
    return set_disabled(c, ch, id, disabled, false);
}

status account_disable_self(struct call *c, struct change *ch, uint64_t id)
{
    return set_disabled(c, ch, id, true, true);
}

status account_wake(struct change *ch, uint64_t id)
{
    struct db_rows *rows;
    return change_query(ch, &rows,
                        "UPDATE users SET disabled = false, self_disabled = false WHERE id = $1 AND self_disabled AND "
                        "NOT deleted",
                        DB_ID(id));
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
    return call_fail(c, ST_OWNS_GUILDS, "the account owns %u guilds and applications", n);
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
    if (st == ST_OK)
        st = change_query(ch, &rows, "DELETE FROM exports WHERE user_id = $1", DB_ID(id));
    return st == ST_OK ? change_query(ch, &rows, "DELETE FROM tickets WHERE user_id = $1", DB_ID(id)) : st;
}

status account_anonymise(struct call *c, struct change *ch, uint64_t id)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "UPDATE users u SET username = '" ACCOUNT_DELETED_PREFIX "' || u.id, global_name = NULL, "
                             "email = NULL, password_hash = NULL, date_of_birth = NULL, bio = NULL, pronouns = NULL, "
                             "avatar = NULL, banner = NULL, admin = false, flags = 0, mfa = false, disabled = true, "
                             "self_disabled = false, deleted = true, erased = false WHERE u.id = $1 AND NOT u.bot "
                             "RETURNING " ROWS_USER,
                             DB_ID(id));
    if (st == ST_OK && !db_count(rows))
        st = no_account(c, id);
    if (st == ST_OK) /* behind the update: nobody gives them anything more */
        st = check_owns_nothing(c, ch, id);
    if (st == ST_OK)
        st = forget_secrets(ch, id);
    if (st != ST_OK)
        return st;
    Hubbub__V1__User *seen = rows_user(call_arena(c), rows, 0, 0);
    change_add(ch, id, id, 0, ROWS_EVENT(call_arena(c), user_update, seen));
    return token_revoke_all(c, ch, id);
}

/* ---- The rest of deleting -------------------------------------------------------------------------------------- */

static status next_group(struct call *c, uint64_t id, uint64_t *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT c.id FROM dm_recipients r JOIN channels c ON c.id = r.channel_id WHERE r.user_id = $1 "
                        "AND c.owner_id = $1 AND EXISTS (SELECT FROM dm_recipients o WHERE o.channel_id = c.id AND "
                        "o.user_id <> $1) LIMIT 1",
                        DB_ID(id));
    if (st == ST_OK)
        *ret = db_count(rows) ? db_u64(rows, 0, 0) : 0;
    return st;
}

/* Groups that others are in go to another of them. */
static status pass_groups_on(struct call *c, uint64_t id)
{
    for (;;) {
        uint64_t group;
        status st = next_group(c, id, &group);
        if (st != ST_OK || !group)
            return st;
        CHANGE_OWNED struct change *ch = NULL;
        st = change_begin(c, &group, 1, ST_UNKNOWN_CHANNEL, &ch);
        if (st == ST_OK)
            st = direct_pass_on(c, ch, group, id);
        if (st == ST_OK)
            st = change_commit(ch);
        if (st != ST_OK && st != ST_UNKNOWN_CHANNEL)
            return st;
    }
}

/* What only the person saw. */
static status forget_own(struct call *c, uint64_t id)
{
    static const char *const all[] = {
        "DELETE FROM read_states WHERE user_id = $1",
        "DELETE FROM mentions WHERE target_id IN ($1::bigint, -($1::bigint))",
        "DELETE FROM user_settings WHERE user_id = $1",
        "DELETE FROM guild_settings WHERE user_id = $1",
        "DELETE FROM notes WHERE user_id = $1",
    };
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    for (size_t i = 0; st == ST_OK && i < sizeof all / sizeof *all; i++)
        st = chat_query(c, d, &rows, all[i], DB_ID(id));
    return st;
}

static status note_erased(struct call *c, uint64_t id)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    return st == ST_OK ? chat_query(c, d, &rows, "UPDATE users SET erased = true WHERE id = $1 AND deleted", DB_ID(id))
                       : st;
}

status account_erase(struct call *c, uint64_t id)
{
    status st = member_leave_all(c, id);
    if (st == ST_OK)
        st = relationships_end_all(c, id);
    if (st == ST_OK)
        st = pass_groups_on(c, id);
    if (st == ST_OK)
        st = forget_own(c, id);
    if (st != ST_OK)
        return st;
    rename_tell_rest(c, id);
    return note_erased(c, id);
}

void account_erase_now_or_later(struct call *c, uint64_t id)
{
    status st = account_erase(c, id);
    if (st != ST_OK)
        log_warn("a deleted account is erased later", LOG_I("user", id), LOG_S("status", status_row(st)->name));
}

status account_next_unerased(struct call *c, uint64_t *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, "SELECT id FROM users WHERE deleted AND NOT erased ORDER BY random() LIMIT 1");
    if (st == ST_OK)
        *ret = db_count(rows) ? db_u64(rows, 0, 0) : 0;
    return st;
}

status account_delete(struct call *c, uint64_t id, bool spare_administrators)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = change_begin(c, &id, 1, ST_UNKNOWN_USER, &ch);
    if (st == ST_OK && spare_administrators)
        st = account_require_ordinary(c, ch, id);
    if (st == ST_OK)
        st = account_anonymise(c, ch, id);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        account_erase_now_or_later(c, id);
    return st;
}
