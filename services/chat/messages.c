#include "services/chat/messages.h"
#include "hubbub/v1/messages.hub.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "services/chat/chat.h"
#include "services/chat/emoji.h"
#include "services/chat/emojis.h"
#include "services/chat/mentions.h"
#include "services/chat/message_content.h"
#include "services/chat/read_states.h"
#include <inttypes.h>

/* ---- The way in -------------------------------------------------------------------------------------------------- */

static status check_type(struct call *c, const struct access *a)
{
    if (a->channel_type == CHANNEL_TEXT || a->channel_type == CHANNEL_VOICE ||
        a->channel_type == CHANNEL_ANNOUNCEMENT || access_is_direct(a))
        return ST_OK;
    return call_fail(c, ST_NON_TEXT_CHANNEL, "channel %" PRIu64 " is of type %d", a->channel_id, a->channel_type);
}

status messages_access(struct call *c, struct db *d, uint64_t channel_id, struct access *ret)
{
    struct access a;
    status st = access_channel(c, d, channel_id, &a);
    if (st == ST_OK)
        st = check_type(c, &a);
    if (st == ST_OK)
        *ret = a;
    return st;
}

status messages_begin(struct call *c, uint64_t channel_id, uint64_t bits, struct change **ret_change,
                      struct access *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = access_begin_any_channel(c, channel_id, bits, &ch, ret);
    if (st == ST_OK)
        st = check_type(c, ret);
    if (st != ST_OK)
        return st;
    *ret_change = ch;
    ch = NULL;
    return ST_OK;
}

/* ---- Loads ------------------------------------------------------------------------------------------------------- */

status messages_load(struct call *c, struct db *d, uint64_t channel_id, uint64_t message_id, Hubbub__V1__Message **ret)
{
    struct db_rows *r;
    status st =
        chat_query(c, d, &r,
                   "SELECT " ROWS_MESSAGE
                   " FROM messages x LEFT JOIN users u ON u.id = x.author_id WHERE x.channel_id = $1 AND x.id = $2",
                   DB_ID(channel_id), DB_ID(message_id));
    if (st != ST_OK)
        return st;
    if (db_count(r) == 0)
        return call_fail(c, ST_UNKNOWN_MESSAGE, "no message %" PRIu64, message_id);
    *ret = rows_message(call_arena(c), r, 0, 0, chat_public_url(c));
    return ST_OK;
}

status messages_load_author(struct call *c, struct db *d, uint64_t channel_id, uint64_t message_id, uint64_t *ret_user)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT author_id FROM messages WHERE channel_id = $1 AND id = $2",
                           DB_ID(channel_id), DB_ID(message_id));
    if (st != ST_OK)
        return st;
    if (db_count(r) == 0)
        return call_fail(c, ST_UNKNOWN_MESSAGE, "no message %" PRIu64, message_id);
    *ret_user = db_u64(r, 0, 0);
    return ST_OK;
}

status messages_load_member(struct call *c, struct db *d, uint64_t guild_id, uint64_t user_id, Hubbub__V1__Member **ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_MEMBER
                           " FROM members m JOIN users u ON u.id = m.user_id WHERE m.guild_id = $1 AND m.user_id = $2",
                           DB_ID(guild_id), DB_ID(user_id));
    if (st == ST_OK && db_count(r))
        *ret = rows_member(call_arena(c), r, 0, 0);
    return st;
}

/* ---- Reactions --------------------------------------------------------------------------------------------------- */

static Hubbub__V1__Reaction *read_reaction(struct arena *a, const struct db_rows *r, unsigned row)
{
    Hubbub__V1__Reaction *x = PB_NEW(a, Hubbub__V1__Reaction, hubbub__v1__reaction);
    x->emoji = emoji_of_key(a, db_text(r, row, 1));
    PB_SET(x, count, (int32_t)db_i64(r, row, 2));
    x->count_details = PB_NEW(a, Hubbub__V1__ReactionCounts, hubbub__v1__reaction_counts);
    PB_SET(x->count_details, normal, x->count);
    PB_SET(x, me, db_bool(r, row, 3));
    return x;
}

/* rows: by message. */
static void take_reactions(struct arena *a, const struct db_rows *r, Hubbub__V1__Message *m)
{
    m->n_reactions = 0;
    for (unsigned i = 0; i < db_count(r); i++) {
        if (db_u64(r, i, 0) != m->id)
            continue;
        if (!m->n_reactions)
            m->reactions = ARENA_ARRAY(a, Hubbub__V1__Reaction *, db_count(r) - i);
        m->reactions[m->n_reactions++] = read_reaction(a, r, i);
    }
}

/* The names of custom emoji. */
static status name_reactions(struct call *c, struct db *d, Hubbub__V1__Message *const *list, size_t n)
{
    size_t n_all = 0;
    for (size_t i = 0; i < n; i++)
        n_all += list[i]->n_reactions;
    Hubbub__V1__ReactionEmoji **all = ARENA_ARRAY(call_arena(c), Hubbub__V1__ReactionEmoji *, n_all);
    n_all = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < list[i]->n_reactions; j++)
            all[n_all++] = list[i]->reactions[j]->emoji;
    return emojis_name_reactions(c, d, all, n_all);
}

status messages_load_reactions(struct call *c, struct db *d, Hubbub__V1__Message *const *list, size_t n)
{
    struct db_rows *r;
    uint64_t *ids = ARENA_ARRAY(call_arena(c), uint64_t, n);
    if (!n)
        return ST_OK;
    for (size_t i = 0; i < n; i++)
        ids[i] = list[i]->id;
    status st = chat_query(c, d, &r,
                           "SELECT message_id, emoji, count(*), bool_or(user_id = $3) FROM reactions"
                           " WHERE channel_id = $1 AND message_id = ANY($2::bigint[])"
                           " GROUP BY message_id, emoji ORDER BY message_id, min(at)",
                           DB_ID(list[0]->channel_id), DB_IDS(ids, n), DB_ID(call_user(c)));
    for (size_t i = 0; st == ST_OK && i < n; i++)
        take_reactions(call_arena(c), r, list[i]);
    return st == ST_OK ? name_reactions(c, d, list, n) : st;
}

/* ---- References -------------------------------------------------------------------------------------------------- */

static bool is_reply(const Hubbub__V1__Message *m)
{
    return m->type == MESSAGE_REPLY && m->message_reference && m->message_reference->message_id;
}

static ProtobufCBinaryData json_of(struct arena *a, const Hubbub__V1__Message *m)
{
    struct buf json = {0};
    wire_write(&json, &hubbub__v1__message__wire, &m->base);
    ProtobufCBinaryData text = {json.len, arena_memdup(a, json.data, json.len)};
    buf_finish(&json);
    return text;
}

static void take_reference(struct call *c, const struct db_rows *r, Hubbub__V1__Message *m)
{
    PB_SET(m, referenced_message, ((ProtobufCBinaryData){4, (uint8_t *)"null"}));
    for (unsigned i = 0; i < db_count(r); i++) {
        if (db_u64(r, i, 0) != m->message_reference->message_id || db_u64(r, i, 1) != m->channel_id)
            continue;
        m->referenced_message = json_of(call_arena(c), rows_message(call_arena(c), r, i, 0, chat_public_url(c)));
        return;
    }
}

status messages_load_references(struct call *c, struct db *d, Hubbub__V1__Message *const *list, size_t n)
{
    struct db_rows *r;
    size_t n_ids = 0;
    uint64_t *channels = ARENA_ARRAY(call_arena(c), uint64_t, n), *ids = ARENA_ARRAY(call_arena(c), uint64_t, n);
    for (size_t i = 0; i < n; i++)
        if (is_reply(list[i])) {
            channels[n_ids] = list[i]->channel_id;
            ids[n_ids++] = list[i]->message_reference->message_id;
        }
    if (!n_ids)
        return ST_OK;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_MESSAGE
                           " FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[]) q (channel_id, id)) q"
                           " JOIN messages x ON x.channel_id = q.channel_id AND x.id = q.id"
                           " LEFT JOIN users u ON u.id = x.author_id",
                           DB_IDS(channels, n_ids), DB_IDS(ids, n_ids));
    for (size_t i = 0; st == ST_OK && i < n; i++)
        if (is_reply(list[i]))
            take_reference(c, r, list[i]);
    return st;
}

status messages_complete(struct call *c, struct db *d, Hubbub__V1__Message *const *list, size_t n)
{
    status st = messages_load_reactions(c, d, list, n);
    return st == ST_OK ? messages_load_references(c, d, list, n) : st;
}

Hubbub__V1__Mention *messages_mention(struct arena *a, const Hubbub__V1__User *u)
{
    Hubbub__V1__Mention *m = PB_NEW(a, Hubbub__V1__Mention, hubbub__v1__mention);
    PB_SET(m, id, u->id);
    m->username = u->username;
    m->discriminator = u->discriminator;
    m->global_name = u->global_name;
    m->avatar = u->avatar;
    m->has_bot = u->has_bot;
    m->bot = u->bot;
    PB_SET(m, public_flags, u->public_flags);
    return m;
}

static void give_members(struct arena *a, const struct db_rows *r, Hubbub__V1__Message *m)
{
    Hubbub__V1__Mention **list = ARENA_ARRAY(a, Hubbub__V1__Mention *, m->n_mentions);
    for (size_t i = 0; i < m->n_mentions; i++) {
        list[i] = arena_memdup(a, m->mentions[i], sizeof *m->mentions[i]);
        for (unsigned j = 0; j < db_count(r); j++)
            if (db_u64(r, j, ROWS_MEMBER_ONLY_N) == list[i]->id)
                list[i]->member = rows_member_only(a, r, j, 0);
    }
    m->mentions = list;
}

status messages_load_mention_members(struct call *c, struct db *d, uint64_t guild_id,
                                     Hubbub__V1__Message *const *events, size_t n)
{
    struct db_rows *r;
    size_t room = 0, n_ids = 0;
    for (size_t i = 0; i < n; i++)
        room += events[i]->n_mentions;
    if (!room || !guild_id)
        return ST_OK;
    uint64_t *ids = ARENA_ARRAY(call_arena(c), uint64_t, room);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < events[i]->n_mentions; j++)
            ids[n_ids++] = events[i]->mentions[j]->id;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_MEMBER_ONLY
                           ", m.user_id FROM members m WHERE m.guild_id = $1 AND m.user_id = ANY ($2::bigint[])",
                           DB_ID(guild_id), DB_IDS(ids, n_ids));
    for (size_t i = 0; st == ST_OK && i < n; i++)
        if (events[i]->n_mentions)
            give_members(call_arena(c), r, events[i]);
    return st;
}

/* ---- Entries ----------------------------------------------------------------------------------------------------- */

status messages_add_update(struct call *c, struct change *ch, const struct access *a, Hubbub__V1__Message *m)
{
    Hubbub__V1__Member *member = NULL;
    status st = messages_load_member(c, change_db(ch), a->guild_id, m->author->id, &member);
    if (st != ST_OK)
        return st;
    Hubbub__V1__Message *event = message_for_event(call_arena(c), m, a->guild_id, a->channel_type, member);
    event->n_reactions = 0; /* `me` differs from one reader to the next */
    st = messages_load_mention_members(c, change_db(ch), a->guild_id, &event, 1);
    change_add(ch, a->scope_id, m->channel_id, m->id, ROWS_EVENT(call_arena(c), message_update, event));
    return st;
}

/* Its id follows those that the writer gave in this guild: the change holds the feeds row. */
static status store_in_change(struct call *c, struct change *ch, const struct access *a, Hubbub__V1__Message *m)
{
    struct db_rows *r;
    size_t n;
    const void *extra = message_pack_extra(call_arena(c), m, &n);
    status st =
        change_query(ch, &r,
                     "WITH t AS MATERIALIZED (SELECT GREATEST((extract(epoch FROM clock_timestamp()) * 1000)::bigint - "
                     "1420070400000, last_ms + 1) AS ms FROM feeds WHERE scope_id = $1),"
                     " f AS (UPDATE feeds SET last_ms = t.ms FROM t WHERE scope_id = $1)"
                     " INSERT INTO messages (channel_id, id, author_id, type, content, extra, flags, edited_at)"
                     " SELECT $2, t.ms << 22 | nextval('id_counter'), $3, $4, $6, $5, $7, to_timestamp($8::bigint / "
                     "1000.0) FROM t RETURNING id",
                     DB_ID(a->scope_id), DB_ID(m->channel_id), DB_ID(m->author->id), DB_I64(m->type),
                     n ? DB_BYTES(extra, n) : DB_NULL, DB_TEXT(m->content), DB_I64(m->flags),
                     m->has_edited_timestamp ? DB_I64(m->edited_timestamp) : DB_NULL);
    if (st != ST_OK)
        return st;
    PB_SET(m, id, db_u64(r, 0, 0));
    PB_SET(m, timestamp, snowflake_ms(m->id));
    st = call_user(c) ? read_state_wrote(ch, call_user(c), m->channel_id, m->id) : ST_OK;
    return st == ST_OK ? mentions_store(c, ch, m, a->scope_id) : st;
}

status messages_load_self(struct call *c, struct db *d, const struct access *a, Hubbub__V1__User **ret,
                          Hubbub__V1__Member **ret_member)
{
    *ret_member = NULL;
    if (access_is_direct(a))
        return rows_load_user(c, d, call_user(c), ret);
    status st = rows_load_member(c, d, a->guild_id, call_user(c), ret_member);
    if (st == ST_OK)
        *ret = (*ret_member)->user;
    return st;
}

status messages_add(struct call *c, struct change *ch, const struct access *a, Hubbub__V1__Message *m,
                    Hubbub__V1__Member *member)
{
    if (!m->content)
        m->content = "";
    status st = store_in_change(c, ch, a, m);
    if (st != ST_OK)
        return st;
    Hubbub__V1__Message *event = message_for_event(call_arena(c), m, a->guild_id, a->channel_type, member);
    st = messages_load_mention_members(c, change_db(ch), a->guild_id, &event, 1);
    change_add(ch, a->scope_id, m->channel_id, m->id, ROWS_EVENT(call_arena(c), message_create, event));
    return st;
}

status messages_add_system(struct call *c, struct change *ch, const struct access *a, Hubbub__V1__Message *m)
{
    Hubbub__V1__Member *member;
    status st = messages_load_self(c, change_db(ch), a, &m->author, &member);
    return st == ST_OK ? messages_add(c, ch, a, m, member) : st;
}

static Hubbub__V1__Message *new_system(struct call *c, uint64_t channel_id, int type)
{
    Hubbub__V1__Message *m = PB_NEW(call_arena(c), Hubbub__V1__Message, hubbub__v1__message);
    PB_SET(m, channel_id, channel_id);
    PB_SET(m, type, type);
    return m;
}

status messages_add_join(struct call *c, struct change *ch, uint64_t guild_id, Hubbub__V1__Member *member)
{
    struct db_rows *r;
    status st = change_query(ch, &r,
                             "SELECT c.id, c.type FROM guilds g JOIN channels c ON c.id = g.system_channel_id"
                             " WHERE g.id = $1 AND g.system_channel_flags & $2 = 0",
                             DB_ID(guild_id), DB_I64(SYSTEM_SUPPRESS_JOINS));
    if (st != ST_OK || !db_count(r))
        return st;
    const struct access at = {.scope_id = guild_id,
                              .guild_id = guild_id,
                              .channel_id = db_u64(r, 0, 0),
                              .channel_type = (int)db_i64(r, 0, 1)};
    Hubbub__V1__Message *m = new_system(c, at.channel_id, MESSAGE_USER_JOIN);
    m->author = member->user;
    return messages_add(c, ch, &at, m, member);
}

status messages_add_rename(struct call *c, struct change *ch, const struct access *a, char *name)
{
    Hubbub__V1__Message *m = new_system(c, a->channel_id, MESSAGE_CHANNEL_NAME_CHANGE);
    m->content = name;
    return messages_add_system(c, ch, a, m);
}

status messages_add_icon_change(struct call *c, struct change *ch, const struct access *a)
{
    return messages_add_system(c, ch, a, new_system(c, a->channel_id, MESSAGE_CHANNEL_ICON_CHANGE));
}

status messages_add_recipient_notice(struct call *c, struct change *ch, const struct access *a, int type,
                                     Hubbub__V1__User *user)
{
    Hubbub__V1__Message *m = new_system(c, a->channel_id, type);
    m->mentions = ARENA_ARRAY(call_arena(c), Hubbub__V1__Mention *, 1);
    m->mentions[m->n_mentions++] = messages_mention(call_arena(c), user);
    return messages_add_system(c, ch, a, m);
}

status messages_remove_parts(struct change *ch, uint64_t channel_id, const uint64_t *message_ids, size_t n)
{
    struct db_rows *r;
    return change_query(ch, &r,
                        "WITH f AS (DELETE FROM attachments WHERE channel_id = $1 AND message_id = ANY($2::bigint[])),"
                        " n AS (DELETE FROM mentions WHERE channel_id = $1 AND message_id = ANY($2::bigint[])),"
                        " c AS (UPDATE crossposts SET due = true WHERE source_channel_id = $1 AND source_message_id = "
                        "ANY($2::bigint[]))"
                        " DELETE FROM reactions WHERE channel_id = $1 AND message_id = ANY($2::bigint[])",
                        DB_ID(channel_id), DB_IDS(message_ids, n));
}
