#include "services/chat/membership.h"
#include "services/chat/chat.h"
#include "services/chat/rows.h"
#include <inttypes.h>

static status remove_managed_roles(struct call *c, struct change *ch, uint64_t guild_id, uint64_t user_id)
{
    struct db_rows *rows;
    struct arena *a = call_arena(c);
    status st = change_query(ch, &rows, "DELETE FROM roles WHERE guild_id = $1 AND bot_id = $2 RETURNING id",
                             DB_ID(guild_id), DB_ID(user_id));
    if (st != ST_OK)
        return st;
    for (unsigned i = 0; i < db_count(rows); i++) {
        Hubbub__V1__GuildRoleDeleted *e = PB_NEW(a, Hubbub__V1__GuildRoleDeleted, hubbub__v1__guild_role_deleted);
        PB_SET(e, guild_id, guild_id);
        PB_SET(e, role_id, db_u64(rows, i, 0));
        change_add(ch, guild_id, guild_id, 0, ROWS_EVENT(a, role_delete, e));
    }
    return ST_OK;
}

status member_remove(struct call *c, struct change *ch, uint64_t guild_id, uint64_t user_id)
{
    struct db_rows *rows;
    Hubbub__V1__User *user;
    status st =
        change_query(ch, &rows,
                     "WITH gone AS (DELETE FROM members WHERE guild_id = $1 AND user_id = $2 RETURNING 1) "
                     "UPDATE guilds SET member_count = member_count - 1 WHERE id = $1 AND EXISTS (SELECT FROM gone)",
                     DB_ID(guild_id), DB_ID(user_id));
    if (st == ST_OK && !db_affected(rows))
        st = call_fail(c, ST_UNKNOWN_MEMBER, "user %" PRIu64 " is no member of %" PRIu64, user_id, guild_id);
    if (st == ST_OK)
        st = rows_load_user(c, change_db(ch), user_id, &user);
    if (st == ST_OK)
        st = remove_managed_roles(c, ch, guild_id, user_id);
    if (st != ST_OK)
        return st;
    rows_add_left(c, ch, guild_id, user);
    change_fence(ch, guild_id);
    return ST_OK;
}

static status next_guild(struct call *c, uint64_t user_id, uint64_t *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, "SELECT guild_id FROM members WHERE user_id = $1 LIMIT 1", DB_ID(user_id));
    if (st == ST_OK)
        *ret = db_count(rows) ? db_u64(rows, 0, 0) : 0;
    return st;
}

/* Under the guild's lock: nobody gives it away meanwhile. */
static status check_no_owner(struct call *c, struct change *ch, uint64_t guild_id, uint64_t user_id)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "SELECT FROM guilds WHERE id = $1 AND owner_id = $2", DB_ID(guild_id),
                             DB_ID(user_id));
    if (st != ST_OK || !db_count(rows))
        return st;
    call_error_text(c, arena_printf(call_arena(c), "The owner of guild %" PRIu64 " cannot leave it", guild_id));
    return call_fail(c, ST_INVALID_GUILD, "user %" PRIu64 " owns guild %" PRIu64, user_id, guild_id);
}

status member_leave_all(struct call *c, uint64_t user_id)
{
    for (;;) {
        uint64_t guild_id;
        status st = next_guild(c, user_id, &guild_id);
        if (st != ST_OK || !guild_id)
            return st;
        CHANGE_OWNED struct change *ch = NULL;
        const uint64_t scopes[] = {guild_id, user_id};
        st = change_begin(c, scopes, 2, ST_UNKNOWN_GUILD, &ch);
        if (st == ST_OK)
            st = check_no_owner(c, ch, guild_id, user_id);
        if (st == ST_OK)
            st = member_remove(c, ch, guild_id, user_id);
        if (st == ST_OK)
            st = change_commit(ch);
        if (st != ST_OK && st != ST_UNKNOWN_GUILD && st != ST_UNKNOWN_MEMBER) /* those: somebody else removed it */
            return st;
    }
}
