#include "services/chat/read_states.h"
#include "services/chat/rows.h"

enum { FLAG_GUILD_CHANNEL = 1 };

/* Clauses of STATES_SQL. m: the user's tie to the channel c, which began at `since`; s: their row; $1: the user; $2:
 * how many mentions are counted. */
#define COLUMNS(guild) "SELECT c.id, " guild ", greatest(s.last_read, p.since), n.mentions, " ROWS_MS("s.pins_read_at")
/* What is below the first id that a message of that time can have. */
#define BELOW(since) " CROSS JOIN LATERAL (SELECT ((" ROWS_MS(since) " - 1420070400000) << 22) - 1 AS since) p"
#define THEIR_ROW " LEFT JOIN read_states s ON s.user_id = m.user_id AND s.channel_id = c.id"
#define COUNTED(x)                                                                                                     \
    " CROSS JOIN LATERAL (SELECT count(*) AS mentions FROM (" x " AND x.author_id <> m.user_id LIMIT $2) q) n"
#define SOME " WHERE m.user_id = $1 AND (s.user_id IS NOT NULL OR n.mentions > 0)"
/* g: what the user has set for the guild, or for the DMs. */
#define SETTINGS(guild) " LEFT JOIN guild_settings g ON g.user_id = m.user_id AND g.guild_id = " guild
/* One index probe a channel and target. */
#define MENTIONS                                                                                                       \
    "SELECT DISTINCT x.message_id FROM mentions x WHERE x.channel_id = c.id AND x.target_id = ANY "                    \
    "(m.user_id || CASE WHEN g.suppress_roles THEN '{}' ELSE m.roles END || CASE WHEN g.suppress_everyone THEN '{}' "  \
    "ELSE ARRAY[m.guild_id, -m.user_id] END) AND x.message_id > greatest(s.last_read, p.since)"
/* In a DM that is muted only what mentions the user. */
#define MESSAGES                                                                                                       \
    "SELECT FROM messages x WHERE x.channel_id = c.id AND x.id > greatest(s.last_read, p.since) AND (c.id <> ALL "     \
    "(coalesce(g.muted_channels, '{}')) OR EXISTS (SELECT FROM mentions t WHERE t.channel_id = x.channel_id AND "      \
    "t.message_id = x.id AND t.target_id IN (m.user_id, c.id)))"
#define GUILD_STATES                                                                                                   \
    COLUMNS("c.guild_id")                                                                                              \
    " FROM members m JOIN channels c ON c.guild_id = m.guild_id" BELOW("m.joined_at") THEIR_ROW SETTINGS("m.guild_id") \
        COUNTED(MENTIONS) SOME
#define DIRECT_STATES                                                                                                  \
    COLUMNS("NULL")                                                                                                    \
    " FROM dm_recipients m JOIN channels c ON c.id = m.channel_id" BELOW("m.added") THEIR_ROW SETTINGS("0")            \
        COUNTED(MESSAGES) SOME " AND m.shown"
#define STATES_SQL(more) GUILD_STATES more " UNION ALL " DIRECT_STATES more " ORDER BY 1"

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
