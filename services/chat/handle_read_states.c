/* handle_read_states.c - the service Reading. A change holds the user's own feeds row, so acknowledgements of two
 * devices have one order; rows are written in the order of their channels, as the writer does. */
#include "services/chat/access.h"
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/read_states.h"
#include "services/chat/rows.h"

static status begin(struct call *c, struct change **ret)
{
    const uint64_t user_id = call_user(c);
    return change_begin(c, &user_id, 1, ST_UNKNOWN_USER, ret);
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

struct acks {
    bool manual;
    size_t n;
    uint64_t *channels, *messages;
};

/* Forward only, unless by hand. *ret: the channels that changed. */
static status store_acks(struct call *c, struct change *ch, const struct acks *acks, uint64_t **ret, size_t *ret_n)
{
    struct db_rows *r;
    status st = change_query(
        ch, &r,
        "INSERT INTO read_states AS s (user_id, channel_id, last_read) SELECT $1, q.c, max(q.m) FROM "
        "unnest($2::bigint[], $3::bigint[]) q (c, m) GROUP BY q.c ORDER BY q.c ON CONFLICT (user_id, channel_id) DO "
        "UPDATE SET last_read = excluded.last_read WHERE excluded.last_read > s.last_read OR ($4::boolean AND "
        "excluded.last_read < s.last_read) RETURNING channel_id",
        DB_ID(call_user(c)), DB_IDS(acks->channels, acks->n), DB_IDS(acks->messages, acks->n), DB_BOOL(acks->manual));
    if (st != ST_OK)
        return st;
    *ret_n = db_count(r);
    *ret = ARENA_ARRAY(call_arena(c), uint64_t, *ret_n);
    for (unsigned i = 0; i < *ret_n; i++)
        (*ret)[i] = db_u64(r, i, 0);
    return ST_OK;
}

static void add_acked(struct call *c, struct change *ch, const Hubbub__V1__ReadState *s, bool manual)
{
    Hubbub__V1__MessageAcked *e = PB_NEW(call_arena(c), Hubbub__V1__MessageAcked, hubbub__v1__message_acked);
    PB_SET(e, channel_id, s->id);
    PB_SET(e, message_id, s->last_message_id);
    PB_SET(e, mention_count, s->mention_count);
    PB_SET(e, flags, s->flags);
    if (manual)
        PB_SET(e, manual, true);
    PB_SET(e, version, change_add(ch, call_user(c), call_user(c), 0, ROWS_EVENT(call_arena(c), message_ack, e)));
}

static status write_acks(struct call *c, struct change *ch, const struct acks *acks)
{
    uint64_t *changed;
    size_t n, n_states = 0;
    Hubbub__V1__ReadState **states;
    status st = store_acks(c, ch, acks, &changed, &n);
    if (st == ST_OK && n)
        st = read_states_load_some(c, change_db(ch), call_user(c), changed, n, &states, &n_states);
    for (size_t i = 0; st == ST_OK && i < n_states; i++)
        add_acked(c, ch, states[i], acks->manual);
    return st;
}

static status ack(struct call *c, const Hubbub__V1__AckRequest *req, Hubbub__V1__AckResponse *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    uint64_t channel_id = req->channel_id, message_id = req->message_id;
    const struct acks one = {.manual = req->manual, .n = 1, .channels = &channel_id, .messages = &message_id};
    status st = begin(c, &ch);
    if (st == ST_OK)
        st = access_channel(c, change_db(ch), channel_id, &a);
    if (st == ST_OK)
        st = write_acks(c, ch, &one);
    return st == ST_OK ? change_commit(ch) : st;
}

/* Those whose channels may be viewed. */
static status take_viewed(struct call *c, struct change *ch, const Hubbub__V1__BulkAckRequest *req, struct acks *ret)
{
    for (size_t i = 0; i < req->n_read_states; i++) {
        const Hubbub__V1__AckItem *item = req->read_states[i];
        struct access a;
        if (item->read_state_type != 0)
            continue;
        status st = access_channel(c, change_db(ch), item->channel_id, &a);
        if (st == ST_MISSING_ACCESS || st == ST_UNKNOWN_CHANNEL)
            continue;
        if (st != ST_OK)
            return st;
        ret->channels[ret->n] = item->channel_id;
        ret->messages[ret->n++] = item->message_id;
    }
    return ST_OK;
}

static status ack_many(struct call *c, const Hubbub__V1__BulkAckRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct acks acks = {.channels = ARENA_ARRAY(call_arena(c), uint64_t, req->n_read_states),
                        .messages = ARENA_ARRAY(call_arena(c), uint64_t, req->n_read_states)};
    status st = begin(c, &ch);
    if (st == ST_OK)
        st = take_viewed(c, ch, req, &acks);
    if (st == ST_OK)
        st = write_acks(c, ch, &acks);
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Pins -------------------------------------------------------------------------------------------------------- */

static void add_pins_acked(struct call *c, struct change *ch, uint64_t channel_id, const struct db_rows *r)
{
    Hubbub__V1__PinsAcked *e = PB_NEW(call_arena(c), Hubbub__V1__PinsAcked, hubbub__v1__pins_acked);
    PB_SET(e, channel_id, channel_id);
    PB_SET(e, timestamp, db_i64(r, 0, 0));
    PB_SET(e, version, change_add(ch, call_user(c), call_user(c), 0, ROWS_EVENT(call_arena(c), pins_ack, e)));
}

/* Up to the channel's newest pin. */
static status ack_pins(struct call *c, const Hubbub__V1__ReadStateRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *r;
    status st = begin(c, &ch);
    if (st == ST_OK)
        st = access_channel(c, change_db(ch), req->channel_id, &a);
    if (st == ST_OK)
        st =
            change_query(ch, &r,
                         "INSERT INTO read_states AS s (user_id, channel_id, pins_read_at) SELECT $1, id, last_pin_at "
                         "FROM channels WHERE id = $2 AND last_pin_at IS NOT NULL ON CONFLICT (user_id, channel_id) DO "
                         "UPDATE SET pins_read_at = excluded.pins_read_at WHERE s.pins_read_at IS DISTINCT FROM "
                         "excluded.pins_read_at RETURNING " ROWS_MS("pins_read_at"),
                         DB_ID(call_user(c)), DB_ID(req->channel_id));
    if (st != ST_OK)
        return st;
    if (db_count(r))
        add_pins_acked(c, ch, req->channel_id, r);
    return change_commit(ch);
}

/* ---- Forgetting -------------------------------------------------------------------------------------------------- */

static status forget(struct call *c, const Hubbub__V1__ReadStateRequest *req, Hubbub__V1__Empty *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    return st == ST_OK ? chat_query(c, d, &r, "DELETE FROM read_states WHERE user_id = $1 AND channel_id = $2",
                                    DB_ID(call_user(c)), DB_ID(req->channel_id))
                       : st;
}

const struct hubbub__v1__reading__handlers reading_handlers = {
    .ack = ack,
    .ack_many = ack_many,
    .ack_pins = ack_pins,
    .forget = forget,
};
