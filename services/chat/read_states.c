#include "services/chat/read_states.h"
#include "services/chat/rows.h"

enum { FLAG_GUILD_CHANNEL = 1 };

/* The first id that a message of that time can have. */
#define SNOWFLAKE_AT(column) "(" ROWS_MS(column) " - 1420070400000 << 22)"

/* m: the user's tie to the channel c, with its beginning; counted: what of x mentions them. $1: the user; $2: how many
 * are counted. One index probe a channel and target. */
#define STATES_OF(guild, since, from, counted, more)                                                                   \
    "SELECT c.id, " guild ", greatest(s.last_read, p.since), n.mentions, " ROWS_MS(                                    \
        "s.pins_read_at") " FROM " from                                                                                \
                          " CROSS JOIN LATERAL (SELECT " SNOWFLAKE_AT(                                                 \
                              since) " AS since) p"                                                                    \
                                     " LEFT JOIN read_states s ON s.user_id = m.user_id AND s.channel_id = c.id"       \
                                     " CROSS JOIN LATERAL (SELECT count(*) AS mentions FROM (" counted                 \
                                     " AND x.author_id <> m.user_id LIMIT $2) q) n"                                    \
                                     " WHERE m.user_id = $1 AND (s.user_id IS NOT NULL OR n.mentions > 0)" more
#define STATES_SQL(more)                                                                                               \
    STATES_OF("c.guild_id", "m.joined_at", "members m JOIN channels c ON c.guild_id = m.guild_id",                     \
              "SELECT DISTINCT x.message_id FROM mentions x WHERE x.channel_id = c.id AND x.target_id = ANY "          \
              "(m.roles || ARRAY[m.user_id, m.guild_id]) AND x.message_id > greatest(s.last_read, p.since)",           \
              more)                                                                                                    \
    " UNION ALL " STATES_OF("NULL", "m.added", "dm_recipients m JOIN channels c ON c.id = m.channel_id",               \
                            "SELECT FROM messages x WHERE x.channel_id = c.id AND x.id > greatest(s.last_read, "       \
                            "p.since)",                                                                                \
                            " AND m.shown" more) " ORDER BY 1"

static Hubbub__V1__ReadState *read_state(struct arena *a, const struct db_rows *r, unsigned row)
{
    Hubbub__V1__ReadState *s = PB_NEW(a, Hubbub__V1__ReadState, hubbub__v1__read_state);
    PB_SET(s, id, db_u64(r, row, 0));
    PB_SET(s, guild_id, db_u64(r, row, 1));
    PB_SET(s, last_message_id, db_u64(r, row, 2));
    PB_SET(s, mention_count, (int32_t)db_i64(r, row, 3));
    if (!db_is_null(r, row, 4))
        PB_SET(s, last_pin_timestamp, db_i64(r, row, 4));
    PB_SET(s, flags, s->guild_id ? FLAG_GUILD_CHANNEL : 0);
    return s;
}

static void take_states(struct arena *a, const struct db_rows *r, Hubbub__V1__ReadState ***ret, size_t *ret_n)
{
    *ret_n = db_count(r);
    *ret = ARENA_ARRAY(a, Hubbub__V1__ReadState *, *ret_n);
    for (unsigned i = 0; i < *ret_n; i++)
        (*ret)[i] = read_state(a, r, i);
}

status read_states_load(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__ReadState ***ret, size_t *ret_n)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, STATES_SQL(""), DB_ID(user_id), DB_I64(READ_STATE_MENTIONS_MAX));
    if (st == ST_OK)
        take_states(call_arena(c), r, ret, ret_n);
    return st;
}

status read_states_load_some(struct call *c, struct db *d, uint64_t user_id, const uint64_t *channels, size_t n,
                             Hubbub__V1__ReadState ***ret, size_t *ret_n)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, STATES_SQL(" AND c.id = ANY($3::bigint[])"), DB_ID(user_id),
                           DB_I64(READ_STATE_MENTIONS_MAX), DB_IDS(channels, n));
    if (st == ST_OK)
        take_states(call_arena(c), r, ret, ret_n);
    return st;
}

status read_state_wrote(struct change *ch, uint64_t user_id, uint64_t channel_id, uint64_t message_id)
{
    struct db_rows *r;
    return change_query(ch, &r,
                        "INSERT INTO read_states AS s (user_id, channel_id, last_read) VALUES ($1, $2, $3) ON CONFLICT "
                        "(user_id, channel_id) DO UPDATE SET last_read = greatest(s.last_read, excluded.last_read)",
                        DB_ID(user_id), DB_ID(channel_id), DB_ID(message_id));
}
