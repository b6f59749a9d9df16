/* handle_pins.c - the service Pins, by both families of routes. A pin is messages.pinned_at: a time of its own within
 * the channel, to the millisecond, so that a page begins exactly where the one before ended. */
#include "services/chat/audit.h"
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/message_content.h"
#include "services/chat/messages.h"
#include <inttypes.h>

enum { PINS_MAX = 250, PAGE_DEFAULT = 50, PAGE_MAX = 50 };

/* ---- Add and remove ---------------------------------------------------------------------------------------------- */

static status begin(struct call *c, const Hubbub__V1__MessageRequest *req, struct change **ret_change,
                    struct access *ret, Hubbub__V1__Message **ret_message)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = messages_begin(c, req->channel_id, 0, &ch, ret);
    if (st == ST_OK && !(ret->permissions & PERM_MANAGE_MESSAGES))
        st = access_require(c, ret, PERM_PIN_MESSAGES);
    if (st == ST_OK)
        st = messages_load(c, change_db(ch), req->channel_id, req->message_id, ret_message);
    if (st != ST_OK)
        return st;
    *ret_change = ch;
    ch = NULL;
    return ST_OK;
}

/* last_pin_ms 0: the channel never had one. */
static void add_pins_update(struct call *c, struct change *ch, const struct access *a, int64_t last_pin_ms)
{
    Hubbub__V1__PinsUpdated *x = PB_NEW(call_arena(c), Hubbub__V1__PinsUpdated, hubbub__v1__pins_updated);
    ACCESS_SET_GUILD(a, x);
    PB_SET(x, channel_id, a->channel_id);
    if (last_pin_ms)
        PB_SET(x, last_pin_timestamp, last_pin_ms);
    change_add(ch, a->scope_id, a->channel_id, 0, ROWS_EVENT(call_arena(c), pins_update, x));
}

static status audit(struct call *c, struct change *ch, const struct access *a, enum audit_action action,
                    const Hubbub__V1__Message *m)
{
    Hubbub__V1__AuditEntry *e = audit_entry(c, action, m->author->id);
    PB_SET(audit_options(c, e), channel_id, a->channel_id);
    PB_SET(audit_options(c, e), message_id, m->id);
    return audit_add(c, ch, a->guild_id, e);
}

static status check_room(struct call *c, struct change *ch, uint64_t channel_id)
{
    struct db_rows *r;
    status st = change_query(ch, &r, "SELECT count(*) FROM messages WHERE channel_id = $1 AND pinned_at IS NOT NULL",
                             DB_ID(channel_id));
    if (st == ST_OK && db_i64(r, 0, 0) >= PINS_MAX)
        st = call_fail(c, ST_MAX_PINS, "channel %" PRIu64 " has %d", channel_id, PINS_MAX);
    return st;
}

static status store_pin(struct change *ch, const Hubbub__V1__Message *m, int64_t *ret_ms)
{
    struct db_rows *r;
    status st = change_query(ch, &r,
                             "WITH t AS (UPDATE channels SET last_pin_at = greatest(date_trunc('milliseconds', "
                             "clock_timestamp()), last_pin_at + interval '1 millisecond') WHERE id = $1 RETURNING "
                             "last_pin_at) UPDATE messages SET pinned_at = t.last_pin_at FROM t"
                             " WHERE channel_id = $1 AND id = $2 RETURNING " ROWS_MS("t.last_pin_at"),
                             DB_ID(m->channel_id), DB_ID(m->id));
    if (st == ST_OK)
        *ret_ms = db_i64(r, 0, 0);
    return st;
}

/* "... pinned a message to this channel." */
static status tell_of_pin(struct call *c, struct change *ch, const struct access *a, const Hubbub__V1__Message *pinned)
{
    Hubbub__V1__Message *m = PB_NEW(call_arena(c), Hubbub__V1__Message, hubbub__v1__message);
    PB_SET(m, channel_id, a->channel_id);
    PB_SET(m, type, MESSAGE_CHANNEL_PINNED_MESSAGE);
    m->message_reference = PB_NEW(call_arena(c), Hubbub__V1__MessageReference, hubbub__v1__message_reference);
    PB_SET(m->message_reference, message_id, pinned->id);
    PB_SET(m->message_reference, channel_id, a->channel_id);
    ACCESS_SET_GUILD(a, m->message_reference);
    return messages_add_system(c, ch, a, m);
}

static status add(struct call *c, const Hubbub__V1__MessageRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Message *m;
    int64_t ms = 0;
    status st = begin(c, req, &ch, &a, &m);
    if (st != ST_OK || m->pinned)
        return st;
    if (!message_is_ordinary(m->type))
        return call_fail(c, ST_SYSTEM_MESSAGE, "message of type %d", m->type);
    st = check_room(c, ch, req->channel_id);
    if (st == ST_OK)
        st = store_pin(ch, m, &ms);
    PB_SET(m, pinned, true);
    if (st == ST_OK)
        st = messages_load_references(c, change_db(ch), &m, 1);
    if (st == ST_OK)
        st = messages_add_update(c, ch, &a, m);
    if (st != ST_OK)
        return st;
    add_pins_update(c, ch, &a, ms);
    st = tell_of_pin(c, ch, &a, m);
    if (st == ST_OK)
        st = audit(c, ch, &a, AUDIT_MESSAGE_PIN, m);
    return st == ST_OK ? change_commit(ch) : st;
}

static status remove_pin(struct call *c, const Hubbub__V1__MessageRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Message *m;
    struct db_rows *r;
    status st = begin(c, req, &ch, &a, &m);
    if (st != ST_OK || !m->pinned)
        return st;
    st = change_query(ch, &r,
                      "WITH x AS (UPDATE messages SET pinned_at = NULL WHERE channel_id = $1 AND id = $2)"
                      " SELECT " ROWS_MS("last_pin_at") " FROM channels WHERE id = $1",
                      DB_ID(req->channel_id), DB_ID(req->message_id));
    PB_SET(m, pinned, false);
    if (st == ST_OK)
        st = messages_load_references(c, change_db(ch), &m, 1);
    if (st == ST_OK)
        st = messages_add_update(c, ch, &a, m);
    if (st != ST_OK)
        return st;
    add_pins_update(c, ch, &a, db_i64(r, 0, 0));
    st = audit(c, ch, &a, AUDIT_MESSAGE_UNPIN, m);
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- List -------------------------------------------------------------------------------------------------------- */

/* At most limit + 1 of them, the last pinned first: the one too many says that there are more. */
static status load_pins(struct call *c, struct db *d, uint64_t channel_id, int64_t before_ms, int limit,
                        Hubbub__V1__PinPage *ret)
{
    struct arena *a = call_arena(c);
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_MESSAGE ", " ROWS_MS(
                               "x.pinned_at") " FROM messages x LEFT JOIN users u ON u.id = x.author_id"
                                              " WHERE x.channel_id = $1 AND x.pinned_at IS NOT NULL AND ($2::bigint = 0"
                                              " OR x.pinned_at < to_timestamp($2::bigint / 1000.0))"
                                              " ORDER BY x.pinned_at DESC LIMIT $3",
                           DB_ID(channel_id), DB_I64(before_ms), DB_I64(limit + 1));
    if (st != ST_OK)
        return st;
    PB_SET(ret, has_more, db_count(r) > (unsigned)limit);
    ret->n_items = ret->has_more ? (size_t)limit : db_count(r);
    ret->items = ARENA_ARRAY(a, Hubbub__V1__Pin *, ret->n_items);
    for (unsigned i = 0; i < ret->n_items; i++) {
        ret->items[i] = PB_NEW(a, Hubbub__V1__Pin, hubbub__v1__pin);
        PB_SET(ret->items[i], pinned_at, db_i64(r, i, ROWS_MESSAGE_N));
        ret->items[i]->message = rows_message(a, r, i, 0, chat_public_url(c));
    }
    return ST_OK;
}

static Hubbub__V1__Message **messages_of(struct arena *a, const Hubbub__V1__PinPage *page)
{
    Hubbub__V1__Message **list = ARENA_ARRAY(a, Hubbub__V1__Message *, page->n_items);
    for (size_t i = 0; i < page->n_items; i++)
        list[i] = page->items[i]->message;
    return list;
}

static status read_pins(struct call *c, uint64_t channel_id, int64_t before_ms, int limit, Hubbub__V1__PinPage *ret)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = messages_access(c, d, channel_id, &a);
    if (st != ST_OK || !(a.permissions & PERM_READ_MESSAGE_HISTORY))
        return st;
    st = load_pins(c, d, channel_id, before_ms, limit, ret);
    return st == ST_OK ? messages_complete(c, d, messages_of(call_arena(c), ret), ret->n_items) : st;
}

static status list(struct call *c, const Hubbub__V1__ListPinsRequest *req, Hubbub__V1__PinPage *ret)
{
    int limit = !req->has_limit ? PAGE_DEFAULT : req->limit < 1 ? 1 : req->limit > PAGE_MAX ? PAGE_MAX : req->limit;
    return read_pins(c, req->channel_id, req->has_before ? req->before : 0, limit, ret);
}

/* The older route does not page: it shows the newest ones. */
static status list_all(struct call *c, const Hubbub__V1__AllPinsRequest *req, Hubbub__V1__MessageList *ret)
{
    Hubbub__V1__PinPage page = HUBBUB__V1__PIN_PAGE__INIT;
    status st = read_pins(c, req->channel_id, 0, PAGE_MAX, &page);
    if (st != ST_OK)
        return st;
    ret->messages = messages_of(call_arena(c), &page);
    ret->n_messages = page.n_items;
    return ST_OK;
}

const struct hubbub__v1__pins__handlers pins_handlers = {
    .list = list,
    .add = add,
    .remove = remove_pin,
    .list_all = list_all,
    .add_by_old_path = add,
    .remove_by_old_path = remove_pin,
};
