/* change.c - the transaction behind change.h.
 *
 * begin: BEGIN, then one statement that locks the feeds rows in id order: the only order in which anybody takes
 * several, so two changes cannot deadlock on them. Entries are gathered in memory; commit writes them all, the heads,
 * epochs and closings with one statement, and commits. What was committed is told after that, so a hung Redis delays
 * nobody.
 *
 * A COMMIT whose answer is lost (the connection died, the deadline passed) is reported as ST_UNAVAILABLE although it
 * may have happened; then nobody is told here, and the gateways learn of it from the digest. */
#include "services/chat/change.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "services/chat/chat.h"
#include "services/chat/voices.h"
#include <string.h>

/* Entries of one change: a join is two, a role order up to 500, the replacement of 1,000 overwrites by as many others
 * 2,000 of the audit log. */
enum { ENTRIES_MAX = 4096, ENTRIES_FIRST = 16, SCOPES_MAX = 128 };

struct scope {
    uint64_t id, head;
    bool fence, close;
};
struct change {
    struct call *call;
    struct db *db;
    bool over;
    unsigned n_scopes, n_entries, room; /* room: of entries and refs, in the arena */
    struct scope scopes[SCOPES_MAX];
    Hubbub__V1__FeedEntry **entries;
    uint64_t *refs;
};

static status begin(struct change *ch, const uint64_t *scopes, size_t n, status gone_status)
{
    struct call *c = ch->call;
    status st = db_exec(ch->db, call_deadline_ms(c), "BEGIN");
    if (st != ST_OK)
        return chat_db_failed(c, ch->db, st, "begin");
    if (n == 0)
        return ST_OK;
    struct db_rows *r;
    st = change_query(ch, &r,
                      "SELECT scope_id, head FROM feeds WHERE scope_id = ANY($1::bigint[]) AND NOT closed ORDER BY "
                      "scope_id FOR NO KEY UPDATE",
                      DB_IDS(scopes, n));
    if (st != ST_OK)
        return st;
    for (unsigned i = 0; i < db_count(r); i++)
        ch->scopes[ch->n_scopes++] = (struct scope){.id = db_u64(r, i, 0), .head = db_u64(r, i, 1)};
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (unsigned j = 0; j < ch->n_scopes; j++)
            found |= ch->scopes[j].id == scopes[i];
        if (!found)
            return call_fail(c, gone_status, "scope %llu is gone", (unsigned long long)scopes[i]);
    }
    return ST_OK;
}

status change_begin(struct call *c, const uint64_t *scopes, size_t n, status gone_status, struct change **ret)
{
    if (n > SCOPES_MAX)
        log_fatal("a change of %zu scopes", n);
    CHANGE_OWNED struct change *ch = ARENA_NEW(call_arena(c), struct change);
    ch->call = c;
    status st = chat_lease(c, &ch->db);
    if (st == ST_OK)
        st = begin(ch, scopes, n, gone_status);
    if (st != ST_OK)
        return st;
    *ret = ch;
    ch = NULL;
    return ST_OK;
}

status change_new_scope(struct change *ch, uint64_t scope_id)
{
    if (ch->n_scopes == SCOPES_MAX)
        log_fatal("a change of more than %d scopes", SCOPES_MAX);
    struct db_rows *r;
    status st = change_query(ch, &r, "INSERT INTO feeds (scope_id) VALUES ($1)", DB_ID(scope_id));
    if (st == ST_OK)
        ch->scopes[ch->n_scopes++] = (struct scope){.id = scope_id};
    return st;
}

struct db *change_db(struct change *ch)
{
    return ch->db;
}

status change_query_params(struct change *ch, struct db_rows **ret, const char *sql, const struct db_param *params,
                           size_t n)
{
    return chat_query_params(ch->call, ch->db, ret, sql, params, n);
}

static struct scope *scope_of(struct change *ch, uint64_t id)
{
    for (unsigned i = 0; i < ch->n_scopes; i++)
        if (ch->scopes[i].id == id)
            return &ch->scopes[i];
    log_fatal("scope %llu is not held by the change", (unsigned long long)id);
}

static void make_room(struct change *ch)
{
    struct arena *a = call_arena(ch->call);
    if (ch->n_entries == ENTRIES_MAX)
        log_fatal("a change of more than %d entries", ENTRIES_MAX);
    if (ch->n_entries < ch->room)
        return;
    ch->room = ch->room ? 2 * ch->room : ENTRIES_FIRST;
    Hubbub__V1__FeedEntry **entries = ARENA_ARRAY(a, Hubbub__V1__FeedEntry *, ch->room);
    uint64_t *refs = ARENA_ARRAY(a, uint64_t, ch->room);
    for (unsigned i = 0; i < ch->n_entries; i++) {
        entries[i] = ch->entries[i];
        refs[i] = ch->refs[i];
    }
    ch->entries = entries;
    ch->refs = refs;
}

uint64_t change_add(struct change *ch, uint64_t scope_id, uint64_t topic, uint64_t ref, const Hubbub__V1__Event *event)
{
    make_room(ch);
    struct scope *s = scope_of(ch, scope_id);
    Hubbub__V1__FeedEntry *e = PB_NEW(call_arena(ch->call), Hubbub__V1__FeedEntry, hubbub__v1__feed_entry);
    PB_SET(e, scope_id, scope_id);
    PB_SET(e, seq, ++s->head);
    PB_SET(e, topic, topic);
    e->event = (Hubbub__V1__Event *)event;
    ch->refs[ch->n_entries] = ref;
    ch->entries[ch->n_entries++] = e;
    return s->head;
}

uint64_t change_add_for(struct change *ch, uint64_t scope_id, uint64_t permission, const Hubbub__V1__Event *event)
{
    uint64_t seq = change_add(ch, scope_id, scope_id, 0, event);
    PB_SET(ch->entries[ch->n_entries - 1], permission, permission);
    return seq;
}

void change_fence(struct change *ch, uint64_t scope_id)
{
    scope_of(ch, scope_id)->fence = true;
}

void change_close_scope(struct change *ch, uint64_t scope_id)
{
    scope_of(ch, scope_id)->close = true;
}

/* ---- Commit ------------------------------------------------------------------------------------------------------ */

/* The number of the one field that is set: feed_entries.type. */
static int64_t event_type(const Hubbub__V1__Event *event)
{
    const ProtobufCMessageDescriptor *d = event->base.descriptor;
    for (unsigned i = 0; i < d->n_fields; i++)
        if (*(void *const *)((const char *)event + d->fields[i].offset))
            return d->fields[i].id;
    log_fatal("an event with no field set");
}

struct entry_columns {
    uint64_t *scopes, *seqs, *topics;
    int64_t *types, *refs, *permissions;
    struct db_blob *payloads;
};

static struct db_blob pack_event(struct arena *a, const Hubbub__V1__Event *event)
{
    size_t n = hubbub__v1__event__get_packed_size(event);
    uint8_t *packed = arena_alloc(a, n);
    hubbub__v1__event__pack(event, packed);
    return (struct db_blob){packed, n};
}

static void fill_entries(struct change *ch, struct entry_columns *to)
{
    struct arena *a = call_arena(ch->call);
    unsigned n = ch->n_entries;
    *to = (struct entry_columns){ARENA_ARRAY(a, uint64_t, n),      ARENA_ARRAY(a, uint64_t, n),
                                 ARENA_ARRAY(a, uint64_t, n),      ARENA_ARRAY(a, int64_t, n),
                                 ARENA_ARRAY(a, int64_t, n),       ARENA_ARRAY(a, int64_t, n),
                                 ARENA_ARRAY(a, struct db_blob, n)};
    for (unsigned i = 0; i < n; i++) {
        const Hubbub__V1__FeedEntry *e = ch->entries[i];
        to->scopes[i] = e->scope_id;
        to->seqs[i] = e->seq;
        to->topics[i] = e->topic;
        to->types[i] = event_type(e->event);
        to->refs[i] = (int64_t)ch->refs[i];
        to->permissions[i] = (int64_t)e->permission;
        if (!ch->refs[i])
            to->payloads[i] = pack_event(a, e->event);
    }
}

static status write_entries(struct change *ch)
{
    struct arena *a = call_arena(ch->call);
    struct entry_columns e;
    fill_entries(ch, &e);
    uint64_t *ids = ARENA_ARRAY(a, uint64_t, ch->n_scopes), *heads = ARENA_ARRAY(a, uint64_t, ch->n_scopes);
    int64_t *fences = ARENA_ARRAY(a, int64_t, ch->n_scopes), *closes = ARENA_ARRAY(a, int64_t, ch->n_scopes);
    for (unsigned i = 0; i < ch->n_scopes; i++) {
        ids[i] = ch->scopes[i].id;
        heads[i] = ch->scopes[i].head;
        fences[i] = ch->scopes[i].fence;
        closes[i] = ch->scopes[i].close;
    }
    struct db_rows *r;
    return change_query(
        ch, &r,
        "WITH e AS (INSERT INTO feed_entries (scope_id, seq, slot, topic, type, ref, payload, permission)"
        " SELECT x.scope_id, x.seq, ((extract(epoch FROM clock_timestamp())::bigint / 21600) % 4)::smallint, x.topic, "
        "x.type,"
        " nullif(x.ref, 0), x.payload, nullif(x.permission, 0)"
        " FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::smallint[], $5::bigint[], $6::bytea[], "
        "$11::bigint[]) AS x (scope_id, seq, topic, type, ref, payload, permission))"
        " UPDATE feeds f SET head = x.head, epoch = f.epoch + x.fence, closed = x.close = 1"
        " FROM unnest($7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[]) AS x (scope_id, head, fence, close)"
        " WHERE f.scope_id = x.scope_id",
        DB_IDS(e.scopes, ch->n_entries), DB_IDS(e.seqs, ch->n_entries), DB_IDS(e.topics, ch->n_entries),
        DB_I64S(e.types, ch->n_entries), DB_I64S(e.refs, ch->n_entries), DB_BYTES_ARRAY(e.payloads, ch->n_entries),
        DB_IDS(ids, ch->n_scopes), DB_IDS(heads, ch->n_scopes), DB_I64S(fences, ch->n_scopes),
        DB_I64S(closes, ch->n_scopes), DB_I64S(e.permissions, ch->n_entries));
}

static bool has_effect(const struct change *ch)
{
    bool effect = ch->n_entries > 0;
    for (unsigned i = 0; i < ch->n_scopes; i++)
        effect |= ch->scopes[i].fence || ch->scopes[i].close;
    return effect;
}

static void tell(struct change *ch, struct db_generation g)
{
    if (ch->n_entries == 0)
        return;
    Hubbub__V1__Generation *generation = chat_generation(call_arena(ch->call), g);
    call_add_entries(ch->call, generation, ch->entries, ch->n_entries);
    chat_publish(chat_of(ch->call)->bus, generation, ch->entries, ch->n_entries);
}

/* Whoever may be in a voice channel no longer leaves it with the right. */
static status review_voices(struct change *ch)
{
    status st = ST_OK;
    for (unsigned i = 0; st == ST_OK && i < ch->n_scopes; i++)
        if (ch->scopes[i].fence && !ch->scopes[i].close)
            st = voices_review(ch->call, ch, ch->scopes[i].id);
    return st;
}

status change_commit(struct change *ch)
{
    status st = review_voices(ch);
    if (st == ST_OK && has_effect(ch))
        st = write_entries(ch);
    if (st == ST_OK) {
        fault_at(FAULT_CHANGE_WRITTEN);
        st = db_exec(ch->db, call_deadline_ms(ch->call), "COMMIT");
        if (st != ST_OK)
            st = chat_db_failed(ch->call, ch->db, st == ST_DEADLINE ? ST_UNAVAILABLE : st, "commit");
    }
    struct db_generation g = db_generation(ch->db);
    change_end(ch); /* the connection first: telling needs none */
    if (st != ST_OK)
        return st;
    fault_at(FAULT_CHANGE_COMMITTED);
    tell(ch, g);
    return st;
}

void change_end(struct change *ch)
{
    if (!ch || ch->over)
        return;
    ch->over = true;
    db_release(ch->db);
}
