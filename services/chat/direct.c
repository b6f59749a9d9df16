#include "services/chat/direct.h"
#include "lib/wire/wire.h"
#include "services/chat/message_content.h"
#include "services/chat/messages.h"
#include <inttypes.h>

/* ---- Who may write to whom --------------------------------------------------------------------------------------- */

/* r.user_id: the other; $1: the caller. */
#define REACH                                                                                                          \
    "NOT EXISTS (SELECT FROM relationships x WHERE x.type = 2 AND ((x.user_id = $1 AND x.other_id = r.user_id) OR "    \
    "(x.user_id = r.user_id AND x.other_id = $1))) AND (EXISTS (SELECT FROM relationships x WHERE x.user_id = $1 AND " \
    "x.other_id = r.user_id AND x.type = 1) OR EXISTS (SELECT FROM members a JOIN members b ON b.guild_id = "          \
    "a.guild_id AND b.user_id = r.user_id WHERE a.user_id = $1))"

static status refuse_unreached(struct call *c, const struct db_rows *r)
{
    for (unsigned i = 0; i < db_count(r); i++)
        if (!db_bool(r, i, 0))
            return call_fail(c, ST_CANNOT_DM, "user %" PRIu64 " may not write to %" PRIu64, call_user(c),
                             db_u64(r, i, 1));
    return ST_OK;
}

status direct_check_reach(struct call *c, struct db *d, const uint64_t *users, size_t n)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT " REACH ", r.user_id FROM unnest($2::bigint[]) r (user_id)"
                           " JOIN users u ON u.id = r.user_id",
                           DB_ID(call_user(c)), DB_IDS(users, n));
    if (st != ST_OK)
        return st;
    if (db_count(r) != n)
        return call_fail(c, ST_UNKNOWN_USER, "%u of %zu users are there", db_count(r), n);
    return refuse_unreached(c, r);
}

status direct_may_send(struct call *c, struct db *d, const struct access *a)
{
    struct db_rows *r;
    if (a->channel_type != CHANNEL_DM)
        return ST_OK;
    status st = chat_query(c, d, &r,
                           "SELECT " REACH ", r.user_id FROM dm_recipients r WHERE r.channel_id = $2 AND "
                           "r.user_id <> $1",
                           DB_ID(call_user(c)), DB_ID(a->channel_id));
    return st == ST_OK ? refuse_unreached(c, r) : st;
}

/* ---- Loads ------------------------------------------------------------------------------------------------------- */

#define ROWS_DIRECT ROWS_CHANNEL ", c.owner_id"
enum { ROWS_DIRECT_N = ROWS_CHANNEL_N + 1 };

static Hubbub__V1__Channel *read_direct(struct arena *a, const struct db_rows *r, unsigned row)
{
    Hubbub__V1__Channel *channel = rows_channel(a, r, row, 0);
    uint64_t owner = db_u64(r, row, ROWS_CHANNEL_N);
    channel->has_rate_limit_per_user = false;
    if (owner)
        PB_SET(channel, owner_id, owner);
    return channel;
}

/* people: by channel; columns of ROWS_USER, then the channel. */
static void take_recipients(struct arena *a, const struct db_rows *people, Hubbub__V1__Channel *channel)
{
    for (unsigned i = 0; i < db_count(people); i++) {
        if (db_u64(people, i, ROWS_USER_N) != channel->id)
            continue;
        if (!channel->n_recipients)
            channel->recipients = ARENA_ARRAY(a, Hubbub__V1__User *, db_count(people) - i);
        channel->recipients[channel->n_recipients++] = rows_user(a, people, i, 0);
    }
}

static status load_recipients(struct call *c, struct db *d, uint64_t viewer, Hubbub__V1__Channel *const *channels,
                              size_t n)
{
    struct db_rows *people;
    uint64_t *ids = ARENA_ARRAY(call_arena(c), uint64_t, n);
    for (size_t i = 0; i < n; i++)
        ids[i] = channels[i]->id;
    status st = chat_query(c, d, &people,
                           "SELECT " ROWS_USER ", q.channel_id FROM dm_recipients q JOIN users u ON u.id = q.user_id"
                           " WHERE q.channel_id = ANY($1::bigint[]) AND q.user_id <> $2 ORDER BY "
                           "q.channel_id, q.added, q.user_id",
                           DB_IDS(ids, n), DB_ID(viewer));
    for (size_t i = 0; st == ST_OK && i < n; i++)
        take_recipients(call_arena(c), people, channels[i]);
    return st;
}

status direct_load(struct call *c, struct db *d, uint64_t channel_id, uint64_t viewer, Hubbub__V1__Channel **ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT " ROWS_DIRECT " FROM channels c WHERE c.id = $1", DB_ID(channel_id));
    if (st != ST_OK)
        return st;
    if (!db_count(r))
        return call_fail(c, ST_UNKNOWN_CHANNEL, "no channel %" PRIu64, channel_id);
    *ret = read_direct(call_arena(c), r, 0);
    return load_recipients(c, d, viewer, ret, 1);
}

status direct_load_shown(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__DirectOpened ***ret, size_t *ret_n)
{
    struct arena *a = call_arena(c);
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_DIRECT ", f.head FROM dm_recipients q JOIN channels c ON c.id = q.channel_id"
                           " JOIN feeds f ON f.scope_id = c.id AND NOT f.closed"
                           " WHERE q.user_id = $1 AND q.shown ORDER BY c.id",
                           DB_ID(user_id));
    if (st != ST_OK)
        return st;
    size_t n = db_count(r);
    Hubbub__V1__DirectOpened **list = ARENA_ARRAY(a, Hubbub__V1__DirectOpened *, n);
    Hubbub__V1__Channel **channels = ARENA_ARRAY(a, Hubbub__V1__Channel *, n);
    for (unsigned i = 0; i < n; i++) {
        list[i] = PB_NEW(a, Hubbub__V1__DirectOpened, hubbub__v1__direct_opened);
        list[i]->channel = channels[i] = read_direct(a, r, i);
        PB_SET(list[i], position, db_u64(r, i, ROWS_DIRECT_N));
    }
    *ret = list;
    *ret_n = n;
    return n ? load_recipients(c, d, user_id, channels, n) : ST_OK;
}

status direct_is(struct call *c, uint64_t channel_id, bool *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r, "SELECT FROM channels WHERE id = $1 AND guild_id IS NULL", DB_ID(channel_id));
    if (st == ST_OK)
        *ret = db_count(r) > 0;
    return st;
}

/* ---- Shown and closed -------------------------------------------------------------------------------------------- */

status direct_add_opened(struct call *c, struct change *ch, uint64_t channel_id, uint64_t user_id, uint64_t position)
{
    Hubbub__V1__DirectOpened *opened = PB_NEW(call_arena(c), Hubbub__V1__DirectOpened, hubbub__v1__direct_opened);
    PB_SET(opened, position, position);
    status st = direct_load(c, change_db(ch), channel_id, user_id, &opened->channel);
    if (st == ST_OK)
        change_add(ch, user_id, user_id, 0, ROWS_EVENT(call_arena(c), direct_opened, opened));
    return st;
}

/* The head may move on meanwhile: what comes after it is the user's. */
status direct_show(struct call *c, struct change *ch, uint64_t channel_id, uint64_t user_id)
{
    struct db_rows *r;
    status st = change_query(ch, &r,
                             "UPDATE dm_recipients q SET shown = true FROM feeds f WHERE q.channel_id = $1 AND "
                             "q.user_id = $2 AND NOT q.shown AND f.scope_id = $1 RETURNING f.head",
                             DB_ID(channel_id), DB_ID(user_id));
    if (st != ST_OK || !db_count(r))
        return st;
    return direct_add_opened(c, ch, channel_id, user_id, db_u64(r, 0, 0));
}

static status list_hidden(struct call *c, uint64_t channel_id, uint64_t *ret, size_t *ret_n)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r, "SELECT user_id FROM dm_recipients WHERE channel_id = $1 AND NOT shown LIMIT 2",
                        DB_ID(channel_id));
    *ret_n = 0;
    for (unsigned i = 0; st == ST_OK && i < db_count(r); i++)
        ret[(*ret_n)++] = db_u64(r, i, 0);
    return st;
}

status direct_show_to_all(struct call *c, uint64_t channel_id)
{
    CHANGE_OWNED struct change *ch = NULL;
    uint64_t hidden[2];
    size_t n;
    status st = list_hidden(c, channel_id, hidden, &n);
    if (st != ST_OK || !n)
        return st;
    st = change_begin(c, hidden, n, ST_UNKNOWN_USER, &ch);
    for (size_t i = 0; st == ST_OK && i < n; i++)
        st = direct_show(c, ch, channel_id, hidden[i]);
    return st == ST_OK ? change_commit(ch) : st;
}

/* left_at: the DM's own entry that says so; 0: the user is in it still. */
static void add_closed(struct call *c, struct change *ch, uint64_t user_id, Hubbub__V1__Channel *channel,
                       uint64_t left_at)
{
    Hubbub__V1__DirectClosed *closed = PB_NEW(call_arena(c), Hubbub__V1__DirectClosed, hubbub__v1__direct_closed);
    closed->channel = channel;
    PB_SET(closed, left, left_at > 0);
    PB_SET(closed, position, left_at);
    change_add(ch, user_id, user_id, 0, ROWS_EVENT(call_arena(c), direct_closed, closed));
}

static status hide(struct call *c, struct change *ch, const struct access *a, Hubbub__V1__Channel *channel)
{
    struct db_rows *r;
    status st =
        change_query(ch, &r, "UPDATE dm_recipients SET shown = false WHERE channel_id = $1 AND user_id = $2 AND shown",
                     DB_ID(a->channel_id), DB_ID(call_user(c)));
    if (st != ST_OK || !db_affected(r))
        return st;
    change_fence(ch, a->scope_id);
    add_closed(c, ch, call_user(c), channel, 0);
    return ST_OK;
}

/* ---- Editing a group --------------------------------------------------------------------------------------------- */

status direct_add_update(struct call *c, struct change *ch, uint64_t channel_id)
{
    Hubbub__V1__Channel *channel;
    status st = direct_load(c, change_db(ch), channel_id, 0, &channel);
    if (st == ST_OK)
        change_add(ch, channel_id, channel_id, 0, ROWS_EVENT(call_arena(c), channel_update, channel));
    return st;
}

static status set_name(struct call *c, struct change *ch, const struct access *a, char *name)
{
    struct db_rows *r;
    status st = change_query(ch, &r, "UPDATE channels SET name = $2 WHERE id = $1 AND name IS DISTINCT FROM $2",
                             DB_ID(a->channel_id), DB_TEXT(name));
    if (st != ST_OK || !db_affected(r))
        return st;
    st = direct_add_update(c, ch, a->channel_id);
    return st == ST_OK ? messages_add_rename(c, ch, a, name) : st;
}

/* Who owns the group gives it to another who is in it. */
static status set_owner(struct call *c, struct change *ch, const struct access *a, uint64_t owner_id)
{
    struct db_rows *r;
    if (a->owner_id != call_user(c))
        return call_fail(c, ST_MISSING_PERMISSIONS, "user %" PRIu64 " does not own group %" PRIu64, call_user(c),
                         a->channel_id);
    if (owner_id == a->owner_id)
        return ST_OK;
    status st =
        change_query(ch, &r,
                     "UPDATE channels SET owner_id = $2 WHERE id = $1 AND EXISTS (SELECT FROM dm_recipients WHERE "
                     "channel_id = $1 AND user_id = $2)",
                     DB_ID(a->channel_id), DB_ID(owner_id));
    if (st == ST_OK && !db_affected(r))
        st = call_fail(c, ST_INVALID_RECIPIENTS, "user %" PRIu64 " is not in the group", owner_id);
    if (st == ST_OK)
        change_fence(ch, a->scope_id);
    return st == ST_OK ? direct_add_update(c, ch, a->channel_id) : st;
}

static status set_icon(struct call *c, struct change *ch, const struct access *a, const char *icon)
{
    struct db_rows *r;
    status st = change_query(ch, &r, "UPDATE channels SET icon = $2 WHERE id = $1 AND icon IS DISTINCT FROM $2",
                             DB_ID(a->channel_id), DB_TEXT_OR_NULL(icon));
    if (st != ST_OK || !db_affected(r))
        return st;
    st = direct_add_update(c, ch, a->channel_id);
    return st == ST_OK ? messages_add_icon_change(c, ch, a) : st;
}

status direct_edit(struct call *c, const Hubbub__V1__EditChannelRequest *req, Hubbub__V1__Channel *ret)
{
    const uint64_t channel_id = req->channel_id;
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Channel *channel;
    status st = access_begin_any_channel(c, channel_id, 0, &ch, &a);
    if (st == ST_OK && a.channel_type != CHANNEL_GROUP_DM)
        st = call_fail(c, ST_NOT_ON_DM, "channel %" PRIu64 " is no group", channel_id);
    if (st == ST_OK && req->owner)
        st = set_owner(c, ch, &a, req->owner);
    if (st == ST_OK && req->name)
        st = set_name(c, ch, &a, req->name);
    if (st == ST_OK && WIRE_PRESENT_IN(req, 12))
        st = set_icon(c, ch, &a, req->icon);
    if (st == ST_OK)
        st = direct_load(c, change_db(ch), channel_id, call_user(c), &channel);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = *channel;
    return st;
}

/* ---- Leaving a group --------------------------------------------------------------------------------------------- */

static status tell_removal(struct call *c, struct change *ch, const struct access *a, Hubbub__V1__User *user,
                           uint64_t *ret_position)
{
    Hubbub__V1__RecipientChanged *x =
        PB_NEW(call_arena(c), Hubbub__V1__RecipientChanged, hubbub__v1__recipient_changed);
    status st = messages_add_recipient_notice(c, ch, a, MESSAGE_RECIPIENT_REMOVE, user);
    PB_SET(x, channel_id, a->channel_id);
    x->user = user;
    *ret_position = change_add(ch, a->scope_id, a->channel_id, 0, ROWS_EVENT(call_arena(c), recipient_remove, x));
    change_fence(ch, a->scope_id);
    return st;
}

/* The group goes on under whoever has been there longest, and ends with its last one. */
static status follow_owner(struct call *c, struct change *ch, const struct access *a)
{
    struct db_rows *r;
    status st = change_query(ch, &r,
                             "UPDATE channels SET owner_id = n.user_id FROM (SELECT user_id FROM dm_recipients WHERE "
                             "channel_id = $1 ORDER BY added, user_id LIMIT 1) n WHERE id = $1",
                             DB_ID(a->channel_id));
    if (st == ST_OK && db_affected(r)) {
        st = direct_add_update(c, ch, a->channel_id);
    } else if (st == ST_OK) {
        st = change_query(ch, &r, "DELETE FROM channels WHERE id = $1", DB_ID(a->channel_id));
        change_close_scope(ch, a->scope_id);
    }
    return st;
}

status direct_pass_on(struct call *c, struct change *ch, uint64_t channel_id, uint64_t user_id)
{
    struct db_rows *r;
    status st = change_query(ch, &r,
                             "UPDATE channels SET owner_id = n.user_id FROM (SELECT user_id FROM dm_recipients WHERE "
                             "channel_id = $1 AND user_id <> $2 ORDER BY added, user_id LIMIT 1) n WHERE id = $1 AND "
                             "owner_id = $2",
                             DB_ID(channel_id), DB_ID(user_id));
    if (st != ST_OK || !db_affected(r))
        return st;
    change_fence(ch, channel_id);
    return direct_add_update(c, ch, channel_id);
}

status direct_remove(struct call *c, struct change *ch, const struct access *a, uint64_t user_id)
{
    struct db_rows *r;
    Hubbub__V1__Channel *channel;
    Hubbub__V1__User *user;
    uint64_t left_at = 0;
    status st = direct_load(c, change_db(ch), a->channel_id, user_id, &channel);
    if (st == ST_OK)
        st = change_query(ch, &r, "DELETE FROM dm_recipients WHERE channel_id = $1 AND user_id = $2",
                          DB_ID(a->channel_id), DB_ID(user_id));
    if (st == ST_OK && !db_affected(r))
        st = call_fail(c, ST_UNKNOWN_USER, "user %" PRIu64 " is not in DM %" PRIu64, user_id, a->channel_id);
    if (st == ST_OK)
        st = rows_load_user(c, change_db(ch), user_id, &user);
    if (st == ST_OK)
        st = tell_removal(c, ch, a, user, &left_at);
    if (st == ST_OK && user_id == a->owner_id)
        st = follow_owner(c, ch, a);
    if (st == ST_OK)
        add_closed(c, ch, user_id, channel, left_at);
    return st;
}

status direct_close(struct call *c, uint64_t channel_id, Hubbub__V1__Channel *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Channel *channel;
    const uint64_t scopes[] = {channel_id, call_user(c)};
    status st = change_begin(c, scopes, 2, ST_UNKNOWN_CHANNEL, &ch);
    if (st == ST_OK)
        st = access_channel(c, change_db(ch), channel_id, &a);
    if (st == ST_OK)
        st = direct_load(c, change_db(ch), channel_id, call_user(c), &channel);
    if (st == ST_OK)
        st = a.channel_type == CHANNEL_DM ? hide(c, ch, &a, channel) : direct_remove(c, ch, &a, call_user(c));
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = *channel;
    return st;
}
