/* feed_store.c - the digest and the ranges.
 *
 * The digest's exactness: a transaction's entries carry its xid; the next token is the xmin of the very snapshot that
 * the statement saw, so whatever it did not see has an xid at or above the token. A time column could not say that.
 *
 * Single flight: a flight is one statement asked with one token. A caller joins the newest one when that token is not
 * above its own (the answer then holds all that it asks for, and perhaps more) and it began at most DIGEST_MS ago. The
 * callers' threads do the work: who finds no flight flies. A flight's answer lives until its last reader copied it. */
#include "services/chat/feed_store.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "services/chat/chat.h"
#include "services/chat/messages.h"
#include "services/chat/rows.h"
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

enum { READ_LIMIT = 200, READ_MAX = 500, EVENT_CREATE = 1, EVENT_UPDATE = 2, EVENT_DELETE = 3 };

static struct metric digests_total = METRIC_COUNTER("hubbub_digests_total", "Digest statements", "");
static struct metric digests_shared =
    METRIC_COUNTER("hubbub_digests_shared_total", "Digest calls that shared another's statement", "");

struct flight {
    uint64_t token;
    int64_t started_ms;
    unsigned refs; /* the store's newest, and each reader */
    bool done;
    status st;
    struct arena *arena; /* of rows */
    struct db_rows *rows;
    struct db_generation generation;
};
struct feed_store {
    struct db_pool *pool;
    pthread_mutex_t mutex;
    pthread_cond_t landed;
    struct flight *newest;
};

struct feed_store *feed_store_create(struct db_pool *pool)
{
    struct feed_store *s = calloc(1, sizeof *s);
    if (!s)
        log_fatal("no memory for the feeds");
    s->pool = pool;
    pthread_mutex_init(&s->mutex, NULL);
    pthread_cond_init(&s->landed, NULL);
    metric_register(&digests_total);
    metric_register(&digests_shared);
    return s;
}

/* With the mutex held. */
static void unref(struct flight *f)
{
    if (!f || --f->refs > 0)
        return;
    arena_destroy(f->arena);
    free(f);
}

void feed_store_destroy(struct feed_store *s)
{
    if (!s)
        return;
    unref(s->newest);
    pthread_cond_destroy(&s->landed);
    pthread_mutex_destroy(&s->mutex);
    free(s);
}

/* ---- The digest -------------------------------------------------------------------------------------------------- */

/* Row 0: when the server started, the token, and whether the asked one is lapsed. */
static status ask(struct flight *f, struct db_pool *pool, int64_t deadline_ms)
{
    DB_LEASED struct db *d = NULL;
    status st = db_lease(pool, deadline_ms, &d);
    if (st != ST_OK)
        return st;
    metric_add(&digests_total, 1);
    f->generation = db_generation(d);
    return db_run(d, f->arena, deadline_ms, &f->rows,
                  "SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000)::bigint, 0, "
                  "pg_snapshot_xmin(pg_current_snapshot())::text, EXISTS (SELECT FROM feed_truncations "
                  "WHERE xid >= $1::text::xid8)"
                  " UNION ALL SELECT * FROM (SELECT scope_id, max(seq), NULL, NULL::boolean FROM feed_entries WHERE "
                  "xid >= $1::text::xid8 GROUP BY 1) e",
                  DB_ID(f->token));
}

static struct flight *start_flight(struct feed_store *s, uint64_t token)
{
    struct flight *f = calloc(1, sizeof *f);
    if (!f)
        log_fatal("no memory for a digest");
    *f = (struct flight){.token = token, .started_ms = clock_mono_ms(), .refs = 2, .arena = arena_create(0)};
    unref(s->newest);
    s->newest = f;
    return f;
}

static void fly(struct feed_store *s, struct flight *f, int64_t deadline_ms)
{
    pthread_mutex_unlock(&s->mutex);
    status st = ask(f, s->pool, deadline_ms);
    pthread_mutex_lock(&s->mutex);
    f->st = st;
    f->done = true;
    if (st != ST_OK && s->newest == f) { /* the next caller tries for itself */
        s->newest = NULL;
        f->refs--;
    }
    pthread_cond_broadcast(&s->landed);
}

static void copy_heads(struct call *c, const struct flight *f, Hubbub__V1__HeadsResponse *ret)
{
    struct arena *a = call_arena(c);
    ret->generation = chat_generation(a, f->generation);
    PB_SET(ret, token, db_u64(f->rows, 0, 2));
    PB_SET(ret, lapsed, db_bool(f->rows, 0, 3));
    PB_SET(ret, started_at, db_i64(f->rows, 0, 0));
    ret->n_heads = db_count(f->rows) - 1;
    ret->heads = ARENA_ARRAY(a, Hubbub__V1__Head *, ret->n_heads);
    for (unsigned i = 0; i < ret->n_heads; i++) {
        ret->heads[i] = PB_NEW(a, Hubbub__V1__Head, hubbub__v1__head);
        PB_SET(ret->heads[i], scope_id, db_u64(f->rows, i + 1, 0));
        PB_SET(ret->heads[i], seq, db_u64(f->rows, i + 1, 1));
    }
}

/* A token to begin with: no heads. */
static status first_token(struct call *c, Hubbub__V1__HeadsResponse *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text");
    if (st != ST_OK)
        return st;
    ret->generation = chat_generation(call_arena(c), db_generation(d));
    PB_SET(ret, token, db_u64(r, 0, 0));
    PB_SET(ret, lapsed, false);
    return ST_OK;
}

status feed_store_heads(struct feed_store *s, struct call *c, const Hubbub__V1__HeadsRequest *req,
                        Hubbub__V1__HeadsResponse *ret)
{
    if (!req->has_token)
        return first_token(c, ret);
    if (!atomic_load(&chat_of(c)->open))
        return chat_db_failed(c, NULL, ST_UNAVAILABLE, "read the digest");
    pthread_mutex_lock(&s->mutex);
    struct flight *f = s->newest;
    if (f && f->token <= req->token && clock_mono_ms() - f->started_ms <= DIGEST_MS) {
        f->refs++;
        metric_add(&digests_shared, 1);
        while (!f->done)
            pthread_cond_wait(&s->landed, &s->mutex); /* the flier's deadline bounds it */
    } else {
        f = start_flight(s, req->token);
        fly(s, f, call_deadline_ms(c));
    }
    pthread_mutex_unlock(&s->mutex);
    status st = f->st; /* done: nobody writes it any more */
    if (st == ST_OK)
        copy_heads(c, f, ret);
    pthread_mutex_lock(&s->mutex);
    unref(f);
    pthread_mutex_unlock(&s->mutex);
    return st == ST_OK ? ST_OK : chat_db_failed(c, NULL, st, "read the digest");
}

/* ---- Ranges ------------------------------------------------------------------------------------------------------ */

enum {
    AT_SEQ = 1,
    AT_TOPIC,
    AT_TYPE,
    AT_REF,
    AT_PAYLOAD,
    AT_PERMISSION,
    AT_HAS_MEMBER,
    AT_MEMBER,
    AT_MESSAGE = AT_MEMBER + ROWS_MEMBER_ONLY_N,
    AT_DIRECT_TYPE = AT_MESSAGE + ROWS_MESSAGE_N
};
#define READ_SQL                                                                                                       \
    "SELECT f.head, e.seq, e.topic, e.type, e.ref, e.payload, e.permission, m.user_id IS NOT NULL, " ROWS_MEMBER_ONLY  \
    ", " ROWS_MESSAGE ", k.type FROM feeds f LEFT JOIN channels k ON k.id = f.scope_id LEFT JOIN LATERAL "             \
    "(SELECT * FROM feed_entries n WHERE n.scope_id = f.scope_id "                                                     \
    "AND n.seq > $2 ORDER BY n.seq LIMIT $3) e"                                                                        \
    " ON true LEFT JOIN messages x ON e.type IN (1, 2) AND x.channel_id = e.topic AND x.id = e.ref"                    \
    " LEFT JOIN users u ON u.id = x.author_id LEFT JOIN members m ON m.guild_id = f.scope_id AND m.user_id = "         \
    "x.author_id"                                                                                                      \
    " WHERE f.scope_id = $1 ORDER BY e.seq"

/* guild_id 0: of a DM. */
static Hubbub__V1__Event *message_deleted(struct arena *a, const struct db_rows *r, unsigned row, uint64_t guild_id)
{
    Hubbub__V1__Event *event = PB_NEW(a, Hubbub__V1__Event, hubbub__v1__event);
    Hubbub__V1__MessageDeleted *m = event->message_delete =
        PB_NEW(a, Hubbub__V1__MessageDeleted, hubbub__v1__message_deleted);
    PB_SET(m, id, db_u64(r, row, AT_REF));
    PB_SET(m, channel_id, db_u64(r, row, AT_TOPIC));
    if (guild_id)
        PB_SET(m, guild_id, guild_id);
    return event;
}

/* NULL when the message's row is gone. */
static Hubbub__V1__Event *message_event(struct arena *a, const struct db_rows *r, unsigned row, uint64_t scope_id,
                                        const char *public_url)
{
    uint64_t guild_id = db_u64(r, row, AT_TOPIC) == scope_id ? 0 : scope_id; /* a DM's feed is its channel's */
    if (db_i64(r, row, AT_TYPE) == EVENT_DELETE)
        return message_deleted(a, r, row, guild_id);
    if (db_is_null(r, row, AT_MESSAGE))
        return NULL;
    Hubbub__V1__Member *member = db_bool(r, row, AT_HAS_MEMBER) ? rows_member_only(a, r, row, AT_MEMBER) : NULL;
    Hubbub__V1__Message *m = message_for_event(a, rows_message(a, r, row, AT_MESSAGE, public_url), guild_id,
                                               (int)db_i64(r, row, AT_DIRECT_TYPE), member);
    Hubbub__V1__Event *event = PB_NEW(a, Hubbub__V1__Event, hubbub__v1__event);
    if (db_i64(r, row, AT_TYPE) == EVENT_CREATE)
        event->message_create = m;
    else
        event->message_update = m;
    return event;
}

static Hubbub__V1__FeedEntry *read_entry(struct call *c, const struct db_rows *r, unsigned row, uint64_t scope_id)
{
    struct arena *a = call_arena(c);
    Hubbub__V1__FeedEntry *e = PB_NEW(a, Hubbub__V1__FeedEntry, hubbub__v1__feed_entry);
    PB_SET(e, scope_id, scope_id);
    PB_SET(e, seq, db_u64(r, row, AT_SEQ));
    PB_SET(e, topic, db_u64(r, row, AT_TOPIC));
    if (!db_is_null(r, row, AT_PERMISSION))
        PB_SET(e, permission, db_u64(r, row, AT_PERMISSION));
    if (!db_is_null(r, row, AT_REF)) {
        e->event = message_event(a, r, row, scope_id, chat_public_url(c));
    } else {
        size_t n;
        const uint8_t *payload = db_bytes(r, row, AT_PAYLOAD, &n);
        e->event = hubbub__v1__event__unpack(arena_protobuf(a), n, payload);
    }
    return e;
}

/* Replies show what they answer, mentions who it is in the guild. */
static status complete_entries(struct call *c, struct db *d, Hubbub__V1__FeedEntry *const *entries, size_t n)
{
    size_t n_messages = 0;
    Hubbub__V1__Message **messages = ARENA_ARRAY(call_arena(c), Hubbub__V1__Message *, n);
    for (size_t i = 0; i < n; i++) {
        const Hubbub__V1__Event *e = entries[i]->event;
        Hubbub__V1__Message *m = !e ? NULL : e->message_create ? e->message_create : e->message_update;
        if (m)
            messages[n_messages++] = m;
    }
    status st = messages_load_references(c, d, messages, n_messages);
    if (st == ST_OK && n_messages)
        st = messages_load_mention_members(c, d, messages[0]->guild_id, messages, n_messages);
    return st;
}

status feed_store_read(struct call *c, const Hubbub__V1__ReadFeedRequest *req, Hubbub__V1__ReadFeedResponse *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    uint32_t limit = !req->limit ? READ_LIMIT : req->limit > READ_MAX ? READ_MAX : req->limit;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r, READ_SQL, DB_ID(req->scope_id), DB_ID(req->after), DB_I64(limit));
    if (st != ST_OK)
        return st;
    if (db_count(r) == 0)
        return call_fail(c, ST_NOT_FOUND, "no scope %llu", (unsigned long long)req->scope_id);
    ret->generation = chat_generation(call_arena(c), db_generation(d));
    PB_SET(ret, head, db_u64(r, 0, 0));
    ret->n_entries = db_is_null(r, 0, AT_SEQ) ? 0 : db_count(r);
    ret->entries = ARENA_ARRAY(call_arena(c), Hubbub__V1__FeedEntry *, ret->n_entries);
    for (unsigned i = 0; i < ret->n_entries; i++)
        ret->entries[i] = read_entry(c, r, i, req->scope_id);
    return complete_entries(c, d, ret->entries, ret->n_entries);
}

/* ---- Members ----------------------------------------------------------------------------------------------------- */

enum { MEMBERS_MAX = 1000, MEMBERS_ASKED_MAX = 100, MEMBERS_HEAD = ROWS_MEMBER_N, MEMBERS_TOTAL, MEMBERS_NOW };

/* $1 the guild, $2 how many, then what `found` has; ids of members come out of it. The guild's row is there even when
 * nobody is found: then the member is NULL. */
#define MEMBERS_SQL(found)                                                                                             \
    "SELECT " ROWS_MEMBER ", f.head, g.member_count, " ROWS_MS(                                                        \
        "statement_timestamp()") " FROM feeds f JOIN guilds g ON g.id = f.scope_id "                                   \
                                 "LEFT JOIN LATERAL (" found ") i ON true "                                            \
                                 "LEFT JOIN members m ON m.guild_id = f.scope_id AND m.user_id = i.user_id "           \
                                 "LEFT JOIN users u ON u.id = m.user_id "                                              \
                                 "WHERE f.scope_id = $1 AND NOT f.closed ORDER BY i.user_id"
#define LOWER(column) "lower(" column " COLLATE \"und-x-icu\") COLLATE \"C\""
/* One index each; whoever has the most common beginning costs its first $2. */
#define NAMED_SQL                                                                                                      \
    "SELECT user_id FROM ((SELECT user_id FROM members WHERE guild_id = $1 AND nick IS NOT NULL AND " LOWER(           \
        "nick") " ^@ " LOWER("$3::text") " LIMIT $2) UNION (SELECT x.id FROM users x JOIN members y ON y.guild_id = "  \
                                         "$1 AND y.user_id = x.id WHERE " LOWER("x.username") " ^@ " LOWER(            \
                                             "$3::text") " LIMIT $2) UNION (SELECT x.id FROM users x JOIN members y "  \
                                                         "ON y.guild_id = $1 AND y.user_id = x.id WHERE "              \
                                                         "x.global_name IS NOT NULL AND " LOWER(                       \
                                                             "x.global_name") " ^@ " LOWER("$3::text") " LIMIT $2)) "  \
                                                                                                       "n ORDER BY "   \
                                                                                                       "1 LIMIT $2"

static status query_members(struct call *c, struct db *d, const Hubbub__V1__SearchMembersRequest *req,
                            struct db_rows **ret)
{
    uint32_t limit = req->limit && req->limit < MEMBERS_MAX ? req->limit : MEMBERS_MAX;
    if (req->n_user_ids)
        return chat_query(c, d, ret,
                          MEMBERS_SQL("SELECT user_id FROM members WHERE guild_id = $1 AND user_id = ANY($3::bigint[])"
                                      " LIMIT $2"),
                          DB_ID(req->guild_id), DB_I64(limit), DB_IDS(req->user_ids, req->n_user_ids));
    if (req->query && req->query[0])
        return chat_query(c, d, ret, MEMBERS_SQL(NAMED_SQL), DB_ID(req->guild_id), DB_I64(limit), DB_TEXT(req->query));
    return chat_query(c, d, ret,
                      MEMBERS_SQL("SELECT user_id FROM members WHERE guild_id = $1 AND user_id > $3 AND ($4::bigint = 0"
                                  " OR joined_at < to_timestamp(($4::bigint + 1) / 1000.0)) ORDER BY user_id LIMIT $2"),
                      DB_ID(req->guild_id), DB_I64(limit), DB_ID(req->after), DB_I64(req->joined_by));
}

status feed_store_members(struct call *c, struct db *d, const Hubbub__V1__SearchMembersRequest *req,
                          Hubbub__V1__SearchMembersResponse *ret)
{
    struct db_rows *r;
    if (req->n_user_ids > MEMBERS_ASKED_MAX)
        return call_fail(c, ST_BAD_REQUEST, "%zu members", req->n_user_ids);
    status st = query_members(c, d, req, &r);
    if (st != ST_OK)
        return st;
    if (db_count(r) == 0)
        return call_fail(c, ST_UNKNOWN_GUILD, "no guild %" PRIu64, req->guild_id);
    ret->generation = chat_generation(call_arena(c), db_generation(d));
    PB_SET(ret, head, db_u64(r, 0, MEMBERS_HEAD));
    PB_SET(ret, total, (uint32_t)db_u64(r, 0, MEMBERS_TOTAL));
    PB_SET(ret, joined_by, req->joined_by ? req->joined_by : db_i64(r, 0, MEMBERS_NOW));
    ret->members = ARENA_ARRAY(call_arena(c), Hubbub__V1__Member *, db_count(r));
    for (unsigned i = 0; i < db_count(r); i++)
        if (!db_is_null(r, i, ROWS_MEMBER_ONLY_N))
            ret->members[ret->n_members++] = rows_member(call_arena(c), r, i, 0);
    return ST_OK;
}
