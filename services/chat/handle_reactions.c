/* handle_reactions.c - the service Reactions. Every act is a change on the guild, so the bound of distinct emoji and
 * the rights hold when it commits; an act that changes nothing is answered as one that does, and tells nobody. */
#include "services/chat/chat.h"
#include "services/chat/emoji.h"
#include "services/chat/emojis.h"
#include "services/chat/handlers.h"
#include "services/chat/messages.h"
#include "services/chat/relationships.h"
#include "services/chat/verification.h"
#include <inttypes.h>

enum { DISTINCT_MAX = 20, PAGE_DEFAULT = 25, PAGE_MAX = 100, TYPE_BURST = 1 };

/* The key that reactions with it are stored under. */
static status read_key(struct call *c, const char *emoji, const char **ret)
{
    *ret = emoji_read_key(call_arena(c), emoji);
    return *ret ? ST_OK : call_fail(c, ST_UNKNOWN_EMOJI, "no emoji %s", emoji ? emoji : "");
}

/* The way in of every act: rights, the message, the emoji (ret_key NULL: none is named). */
static status begin(struct call *c, uint64_t channel_id, uint64_t message_id, const char *emoji, uint64_t bits,
                    struct change **ret_change, struct access *ret, uint64_t *ret_author, const char **ret_key)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = messages_begin(c, channel_id, bits, &ch, ret);
    if (st == ST_OK)
        st = messages_load_author(c, change_db(ch), channel_id, message_id, ret_author);
    if (st == ST_OK && ret_key)
        st = read_key(c, emoji, ret_key);
    if (st != ST_OK)
        return st;
    *ret_change = ch;
    ch = NULL;
    return ST_OK;
}

static status load_changed(struct call *c, struct change *ch, const struct access *a, uint64_t message_id,
                           const char *key, uint64_t user_id, Hubbub__V1__ReactionChanged **ret)
{
    Hubbub__V1__ReactionChanged *x = PB_NEW(call_arena(c), Hubbub__V1__ReactionChanged, hubbub__v1__reaction_changed);
    PB_SET(x, user_id, user_id);
    PB_SET(x, channel_id, a->channel_id);
    PB_SET(x, message_id, message_id);
    ACCESS_SET_GUILD(a, x);
    *ret = x;
    return emojis_load_reaction(c, change_db(ch), key, &x->emoji);
}

/* ---- Add --------------------------------------------------------------------------------------------------------- */

/* Walks from one emoji to the next by the primary key, however many people reacted. */
static const char count_distinct_sql[] =
    "WITH RECURSIVE e AS ((SELECT emoji FROM reactions WHERE channel_id = $1 AND message_id = $2 ORDER BY emoji LIMIT "
    "1)"
    " UNION ALL SELECT (SELECT n.emoji FROM reactions n WHERE n.channel_id = $1 AND n.message_id = $2 AND n.emoji > "
    "e.emoji ORDER BY n.emoji LIMIT 1) FROM e WHERE e.emoji IS NOT NULL) SELECT count(emoji) FROM e";

/* An emoji that nobody put there yet needs ADD_REACTIONS and room, and, of the custom ones, be the caller's to use. */
static status may_begin_emoji(struct call *c, struct change *ch, const struct access *a,
                              const Hubbub__V1__ReactionRequest *req, const char *key)
{
    struct db_rows *r;
    status st =
        change_query(ch, &r,
                     "SELECT EXISTS (SELECT FROM reactions WHERE channel_id = $1 AND message_id = $2 AND emoji = "
                     "$3)",
                     DB_ID(req->channel_id), DB_ID(req->message_id), DB_TEXT(key));
    if (st != ST_OK || db_bool(r, 0, 0))
        return st;
    st = access_require(c, a, PERM_ADD_REACTIONS);
    if (st == ST_OK && emoji_key_id(key))
        st = emojis_check_use(c, change_db(ch), a, emoji_key_id(key));
    if (st == ST_OK)
        st = change_query(ch, &r, count_distinct_sql, DB_ID(req->channel_id), DB_ID(req->message_id));
    if (st == ST_OK && db_i64(r, 0, 0) >= DISTINCT_MAX)
        st = call_fail(c, ST_MAX_REACTIONS, "message %" PRIu64 " has %d", req->message_id, DISTINCT_MAX);
    return st;
}

static status add_event(struct call *c, struct change *ch, const struct access *a,
                        const Hubbub__V1__ReactionRequest *req, const char *key, uint64_t author)
{
    Hubbub__V1__ReactionChanged *x;
    status st = load_changed(c, ch, a, req->message_id, key, call_user(c), &x);
    if (st != ST_OK)
        return st;
    PB_SET(x, message_author_id, author);
    st = messages_load_member(c, change_db(ch), a->guild_id, call_user(c), &x->member);
    if (st == ST_OK)
        change_add(ch, a->scope_id, a->channel_id, 0, ROWS_EVENT(call_arena(c), reaction_add, x));
    return st;
}

/* Who is timed out keeps READ_MESSAGE_HISTORY, but joins in nothing. */
static status check_timeout(struct call *c, const struct access *a)
{
    if (!a->subject.timed_out || access_is_admin(a))
        return ST_OK;
    return call_fail(c, ST_MISSING_PERMISSIONS, "user %" PRIu64 " is timed out", call_user(c));
}

static status add(struct call *c, const Hubbub__V1__ReactionRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *r;
    uint64_t author = 0;
    const char *key;
    status st =
        begin(c, req->channel_id, req->message_id, req->emoji, PERM_READ_MESSAGE_HISTORY, &ch, &a, &author, &key);
    if (st == ST_OK)
        st = check_timeout(c, &a);
    if (st == ST_OK)
        st = verification_require(c, change_db(ch), &a);
    if (st == ST_OK)
        st = relationship_may_react(c, change_db(ch), author);
    if (st == ST_OK)
        st = may_begin_emoji(c, ch, &a, req, key);
    if (st == ST_OK)
        st = change_query(ch, &r,
                          "INSERT INTO reactions (channel_id, message_id, emoji, user_id) VALUES ($1, $2, $3, $4)"
                          " ON CONFLICT DO NOTHING",
                          DB_ID(req->channel_id), DB_ID(req->message_id), DB_TEXT(key), DB_ID(call_user(c)));
    if (st == ST_OK && db_affected(r))
        st = add_event(c, ch, &a, req, key, author);
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Remove ------------------------------------------------------------------------------------------------------ */

static status remove_of(struct call *c, const Hubbub__V1__UserReactionRequest *req, uint64_t bits)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *r;
    uint64_t author;
    const char *key;
    Hubbub__V1__ReactionChanged *x;
    status st = begin(c, req->channel_id, req->message_id, req->emoji, bits, &ch, &a, &author, &key);
    if (st == ST_OK)
        st = change_query(
            ch, &r, "DELETE FROM reactions WHERE channel_id = $1 AND message_id = $2 AND emoji = $3 AND user_id = $4",
            DB_ID(req->channel_id), DB_ID(req->message_id), DB_TEXT(key), DB_ID(req->user_id));
    if (st != ST_OK || !db_affected(r))
        return st;
    st = load_changed(c, ch, &a, req->message_id, key, req->user_id, &x);
    if (st != ST_OK)
        return st;
    change_add(ch, a.scope_id, a.channel_id, 0, ROWS_EVENT(call_arena(c), reaction_remove, x));
    return change_commit(ch);
}

static status remove_own(struct call *c, const Hubbub__V1__ReactionRequest *req, Hubbub__V1__Empty *ret)
{
    Hubbub__V1__UserReactionRequest own = HUBBUB__V1__USER_REACTION_REQUEST__INIT;
    own.channel_id = req->channel_id;
    own.message_id = req->message_id;
    own.emoji = req->emoji;
    own.user_id = call_user(c);
    return remove_of(c, &own, 0);
}

static status remove_one(struct call *c, const Hubbub__V1__UserReactionRequest *req, Hubbub__V1__Empty *ret)
{
    return remove_of(c, req, req->user_id == call_user(c) ? 0 : PERM_MANAGE_MESSAGES);
}

static status clear_some(struct call *c, uint64_t channel_id, uint64_t message_id, const char *emoji, bool all)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *r;
    uint64_t author;
    const char *key = NULL;
    status st = begin(c, channel_id, message_id, emoji, PERM_MANAGE_MESSAGES, &ch, &a, &author, all ? NULL : &key);
    if (st == ST_OK)
        st = change_query(ch, &r,
                          "DELETE FROM reactions WHERE channel_id = $1 AND message_id = $2 AND ($3::text IS NULL OR "
                          "emoji = $3)",
                          DB_ID(channel_id), DB_ID(message_id), DB_TEXT_OR_NULL(key));
    if (st != ST_OK || !db_affected(r))
        return st;
    Hubbub__V1__ReactionsCleared *x =
        PB_NEW(call_arena(c), Hubbub__V1__ReactionsCleared, hubbub__v1__reactions_cleared);
    PB_SET(x, channel_id, channel_id);
    PB_SET(x, message_id, message_id);
    ACCESS_SET_GUILD(&a, x);
    st = all ? ST_OK : emojis_load_reaction(c, change_db(ch), key, &x->emoji);
    if (st != ST_OK)
        return st;
    change_add(ch, a.scope_id, channel_id, 0,
               all ? ROWS_EVENT(call_arena(c), reactions_clear_all, x) : ROWS_EVENT(call_arena(c), reactions_clear, x));
    return change_commit(ch);
}

static status clear(struct call *c, const Hubbub__V1__ReactionRequest *req, Hubbub__V1__Empty *ret)
{
    return clear_some(c, req->channel_id, req->message_id, req->emoji, false);
}

static status clear_all(struct call *c, const Hubbub__V1__MessageRequest *req, Hubbub__V1__Empty *ret)
{
    return clear_some(c, req->channel_id, req->message_id, NULL, true);
}

/* ---- List -------------------------------------------------------------------------------------------------------- */

static status load_users(struct call *c, struct db *d, const Hubbub__V1__ListReactionsRequest *req, const char *key,
                         Hubbub__V1__UserList *ret)
{
    struct db_rows *r;
    int limit = !req->has_limit ? PAGE_DEFAULT : req->limit < 1 ? 1 : req->limit > PAGE_MAX ? PAGE_MAX : req->limit;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_USER " FROM reactions x JOIN users u ON u.id = x.user_id"
                           " WHERE x.channel_id = $1 AND x.message_id = $2 AND x.emoji = $3 AND x.user_id > $4"
                           " ORDER BY x.user_id LIMIT $5",
                           DB_ID(req->channel_id), DB_ID(req->message_id), DB_TEXT(key),
                           DB_ID(req->after > INT64_MAX ? INT64_MAX : req->after), DB_I64(limit));
    if (st != ST_OK)
        return st;
    ret->users = ARENA_ARRAY(call_arena(c), Hubbub__V1__User *, db_count(r));
    for (unsigned i = 0; i < db_count(r); i++)
        ret->users[ret->n_users++] = rows_user(call_arena(c), r, i, 0);
    return ST_OK;
}

static status list(struct call *c, const Hubbub__V1__ListReactionsRequest *req, Hubbub__V1__UserList *ret)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    uint64_t author;
    const char *key;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = messages_access(c, d, req->channel_id, &a);
    if (st == ST_OK)
        st = access_require(c, &a, PERM_READ_MESSAGE_HISTORY);
    if (st == ST_OK)
        st = messages_load_author(c, d, req->channel_id, req->message_id, &author);
    if (st == ST_OK)
        st = read_key(c, req->emoji, &key);
    if (st != ST_OK || req->type == TYPE_BURST)
        return st;
    return load_users(c, d, req, key, ret);
}

const struct hubbub__v1__reactions__handlers reactions_handlers = {
    .add = add,
    .remove_own = remove_own,
    .remove = remove_one,
    .list = list,
    .clear_all = clear_all,
    .clear = clear,
};
