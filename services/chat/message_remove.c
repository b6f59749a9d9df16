#include "services/chat/message_remove.h"
#include "services/chat/messages.h"
#include "services/chat/rows.h"

status message_remove_many(struct call *c, struct change *ch, uint64_t guild_id, uint64_t channel_id,
                           const uint64_t *ids, size_t n, size_t *ret_n)
{
    struct arena *a = call_arena(c);
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "WITH gone AS (DELETE FROM messages WHERE channel_id = $1 AND id = ANY ($2::bigint[]) "
                             "RETURNING id) SELECT id FROM gone ORDER BY id",
                             DB_ID(channel_id), DB_IDS(ids, n));
    if (st == ST_OK)
        st = messages_remove_parts(ch, channel_id, ids, n);
    if (st != ST_OK)
        return st;
    size_t n_gone = db_count(rows);
    if (ret_n)
        *ret_n = n_gone;
    if (!n_gone)
        return ST_OK;
    Hubbub__V1__MessagesDeleted *e = PB_NEW(a, Hubbub__V1__MessagesDeleted, hubbub__v1__messages_deleted);
    e->ids = ARENA_ARRAY(a, uint64_t, n_gone);
    e->n_ids = n_gone;
    for (unsigned i = 0; i < n_gone; i++)
        e->ids[i] = db_u64(rows, i, 0);
    PB_SET(e, channel_id, channel_id);
    PB_SET(e, guild_id, guild_id);
    change_add(ch, guild_id, channel_id, 0, ROWS_EVENT(a, message_delete_bulk, e));
    return ST_OK;
}
