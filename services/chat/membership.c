#include "services/chat/membership.h"
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
