/* handle_directs.c - the service Directs. A DM of two is made under both users' feeds rows, so the two cannot make two
 * of it at once; a group is changed under its own. */
#include "services/chat/chat.h"
#include "services/chat/direct.h"
#include "services/chat/handlers.h"
#include "services/chat/message_content.h"
#include "services/chat/messages.h"
#include <inttypes.h>

/* ---- One to one -------------------------------------------------------------------------------------------------- */

static status insert_direct(struct call *c, struct change *ch, int type, uint64_t owner, const uint64_t *users,
                            size_t n, uint64_t *ret_id)
{
    struct db_rows *r;
    status st = rows_next_id(c, change_db(ch), ret_id);
    if (st == ST_OK)
        st = change_query(ch, &r, "INSERT INTO channels (id, type, owner_id) VALUES ($1, $2, nullif($3::bigint, 0))",
                          DB_ID(*ret_id), DB_I64(type), DB_ID(owner));
    if (st == ST_OK)
        st = change_new_scope(ch, *ret_id);
    if (st == ST_OK)
        st = change_query(ch, &r,
                          "INSERT INTO dm_recipients (channel_id, user_id, shown) SELECT $1, q, $3 FROM "
                          "unnest($2::bigint[]) q",
                          DB_ID(*ret_id), DB_IDS(users, n), DB_BOOL(type == CHANNEL_GROUP_DM));
    return st;
}

static status make_pair(struct call *c, struct change *ch, const uint64_t pair[2], uint64_t *ret_id)
{
    struct db_rows *r;
    status st = direct_check_reach(c, change_db(ch), &pair[1], 1);
    if (st == ST_OK)
        st = insert_direct(c, ch, CHANNEL_DM, 0, pair, 2, ret_id);
    if (st == ST_OK)
        st = change_query(ch, &r,
                          "INSERT INTO dm_pairs (low, high, channel_id) VALUES (least($1::bigint, $2), "
                          "greatest($1::bigint, $2), $3)",
                          DB_ID(pair[0]), DB_ID(pair[1]), DB_ID(*ret_id));
    return st;
}

/* pair: the caller, the other. */
static status find_or_make_pair(struct call *c, struct change *ch, const uint64_t pair[2], uint64_t *ret_id)
{
    struct db_rows *r;
    status st = change_query(ch, &r,
                             "SELECT channel_id FROM dm_pairs WHERE low = least($1::bigint, $2) AND high = "
                             "greatest($1::bigint, $2)",
                             DB_ID(pair[0]), DB_ID(pair[1]));
    if (st != ST_OK)
        return st;
    if (!db_count(r))
        return make_pair(c, ch, pair, ret_id);
    *ret_id = db_u64(r, 0, 0);
    return ST_OK;
}

static status open_pair(struct call *c, uint64_t other, Hubbub__V1__Channel *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    Hubbub__V1__Channel *channel;
    const uint64_t pair[] = {call_user(c), other};
    uint64_t id;
    if (other == call_user(c))
        return call_fail(c, ST_CANNOT_DM, "user %" PRIu64 " writes to themselves", other);
    status st = change_begin(c, pair, 2, ST_UNKNOWN_USER, &ch);
    if (st == ST_OK)
        st = find_or_make_pair(c, ch, pair, &id);
    if (st == ST_OK)
        st = direct_show(c, ch, id, call_user(c));
    if (st == ST_OK)
        st = direct_load(c, change_db(ch), id, call_user(c), &channel);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = *channel;
    return st;
}

/* ---- Groups ------------------------------------------------------------------------------------------------------ */

static status refuse_bots(struct call *c, struct db *d, const uint64_t *users, size_t n)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT FROM users WHERE id = ANY($1::bigint[]) AND bot", DB_IDS(users, n));
    if (st == ST_OK && db_count(r))
        st = call_fail(c, ST_INVALID_RECIPIENTS, "a bot in a group");
    return st;
}

static status may_group(struct call *c, struct db *d, const uint64_t *users, size_t n)
{
    status st = direct_check_reach(c, d, users, n);
    return st == ST_OK ? refuse_bots(c, d, users, n) : st;
}

/* users: the caller first. */
static status open_group(struct call *c, const uint64_t *users, size_t n, Hubbub__V1__Channel *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    Hubbub__V1__Channel *channel;
    uint64_t id;
    status st = change_begin(c, users, n, ST_UNKNOWN_USER, &ch);
    if (st == ST_OK)
        st = may_group(c, change_db(ch), users + 1, n - 1);
    if (st == ST_OK)
        st = insert_direct(c, ch, CHANNEL_GROUP_DM, users[0], users, n, &id);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = direct_add_opened(c, ch, id, users[i], 0);
    if (st == ST_OK)
        st = direct_load(c, change_db(ch), id, call_user(c), &channel);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = *channel;
    return st;
}

static bool contains(const uint64_t *ids, size_t n, uint64_t id)
{
    for (size_t i = 0; i < n; i++)
        if (ids[i] == id)
            return true;
    return false;
}

static status open_direct(struct call *c, const Hubbub__V1__OpenDirectRequest *req, Hubbub__V1__Channel *ret)
{
    if (req->has_recipient_id)
        return open_pair(c, req->recipient_id, ret);
    if (req->n_recipients == 1)
        return open_pair(c, req->recipients[0], ret);
    if (call_is_bot(c))
        return call_fail(c, ST_BOTS_FORBIDDEN, "a bot makes a group");
    uint64_t *users = ARENA_ARRAY(call_arena(c), uint64_t, req->n_recipients + 1);
    size_t n = 0;
    users[n++] = call_user(c);
    for (size_t i = 0; i < req->n_recipients; i++)
        if (!contains(users, n, req->recipients[i]))
            users[n++] = req->recipients[i];
    if (n < 2)
        return call_fail(c, ST_INVALID_RECIPIENTS, "a DM with nobody");
    if (n > DIRECT_GROUP_MAX)
        return call_fail(c, ST_MAX_RECIPIENTS, "a group of %zu", n);
    return open_group(c, users, n, ret);
}

/* ---- List -------------------------------------------------------------------------------------------------------- */

/* Bots are shown none, as in READY. */
static status list(struct call *c, const Hubbub__V1__Empty *req, Hubbub__V1__ChannelList *ret)
{
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__DirectOpened **shown;
    size_t n;
    if (call_is_bot(c))
        return ST_OK;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = direct_load_shown(c, d, call_user(c), &shown, &n);
    if (st != ST_OK)
        return st;
    ret->channels = ARENA_ARRAY(call_arena(c), Hubbub__V1__Channel *, n);
    for (size_t i = 0; i < n; i++)
        ret->channels[ret->n_channels++] = shown[i]->channel;
    return ST_OK;
}

/* ---- Recipients -------------------------------------------------------------------------------------------------- */

static status check_group(struct call *c, const struct access *a)
{
    if (a->channel_type == CHANNEL_GROUP_DM)
        return ST_OK;
    return call_fail(c, ST_WRONG_CHANNEL_TYPE, "channel %" PRIu64 " is no group", a->channel_id);
}

/* First without the change, whose refusal could not tell which of the two is gone. */
static status find_group(struct call *c, uint64_t channel_id)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = access_channel(c, d, channel_id, &a);
    return st == ST_OK ? check_group(c, &a) : st;
}

static status begin(struct call *c, const Hubbub__V1__DirectRecipientRequest *req, struct change **ret_change,
                    struct access *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    const uint64_t scopes[] = {req->channel_id, req->user_id};
    status st = find_group(c, req->channel_id);
    if (st == ST_OK && req->user_id == req->channel_id)
        st = call_fail(c, ST_UNKNOWN_USER, "%" PRIu64 " is a channel", req->user_id);
    if (st == ST_OK)
        st = change_begin(c, scopes, 2, ST_UNKNOWN_USER, &ch);
    if (st == ST_OK)
        st = access_channel(c, change_db(ch), req->channel_id, ret);
    if (st != ST_OK)
        return st;
    *ret_change = ch;
    ch = NULL;
    return ST_OK;
}

static status check_room(struct call *c, struct change *ch, uint64_t channel_id)
{
    struct db_rows *r;
    status st = change_query(ch, &r, "SELECT count(*) FROM dm_recipients WHERE channel_id = $1", DB_ID(channel_id));
    if (st == ST_OK && db_i64(r, 0, 0) >= DIRECT_GROUP_MAX)
        st = call_fail(c, ST_MAX_RECIPIENTS, "group %" PRIu64 " is full", channel_id);
    return st;
}

/* The new one's entries begin after the one that tells of them. */
static status tell_addition(struct call *c, struct change *ch, const struct access *a, uint64_t user_id)
{
    Hubbub__V1__RecipientChanged *x =
        PB_NEW(call_arena(c), Hubbub__V1__RecipientChanged, hubbub__v1__recipient_changed);
    PB_SET(x, channel_id, a->channel_id);
    status st = rows_load_user(c, change_db(ch), user_id, &x->user);
    if (st != ST_OK)
        return st;
    uint64_t position = change_add(ch, a->scope_id, a->channel_id, 0, ROWS_EVENT(call_arena(c), recipient_add, x));
    st = direct_add_opened(c, ch, a->channel_id, user_id, position);
    return st == ST_OK ? messages_add_recipient_notice(c, ch, a, MESSAGE_RECIPIENT_ADD, x->user) : st;
}

static status add_recipient(struct call *c, const Hubbub__V1__DirectRecipientRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *r;
    status st = begin(c, req, &ch, &a);
    if (st == ST_OK)
        st = change_query(ch, &r, "SELECT FROM dm_recipients WHERE channel_id = $1 AND user_id = $2",
                          DB_ID(a.channel_id), DB_ID(req->user_id));
    if (st != ST_OK || db_count(r))
        return st; /* in it already */
    st = check_room(c, ch, a.channel_id);
    if (st == ST_OK)
        st = may_group(c, change_db(ch), &req->user_id, 1);
    if (st == ST_OK)
        st = change_query(ch, &r,
                          "INSERT INTO dm_recipients (channel_id, user_id, added) SELECT $1, $2, " ROWS_AFTER_FEED
                          " FROM feeds f WHERE f.scope_id = $1",
                          DB_ID(a.channel_id), DB_ID(req->user_id));
    if (st == ST_OK)
        st = tell_addition(c, ch, &a, req->user_id);
    return st == ST_OK ? change_commit(ch) : st;
}

/* By oneself, or by the owner. */
static status remove_recipient(struct call *c, const Hubbub__V1__DirectRecipientRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    status st = begin(c, req, &ch, &a);
    if (st == ST_OK && req->user_id != call_user(c) && a.owner_id != call_user(c))
        st = call_fail(c, ST_MISSING_PERMISSIONS, "user %" PRIu64 " is not the owner", call_user(c));
    if (st == ST_OK)
        st = direct_remove(c, ch, &a, req->user_id);
    return st == ST_OK ? change_commit(ch) : st;
}

const struct hubbub__v1__directs__handlers directs_handlers = {
    .open = open_direct,
    .list = list,
    .add_recipient = add_recipient,
    .remove_recipient = remove_recipient,
};
