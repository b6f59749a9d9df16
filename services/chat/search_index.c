#include "services/chat/search_index.h"
#include "hubbub/v1/feeds.pb-c.h"
#include "lib/base/background.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/wire/wire.h"
#include "services/chat/message_rows.h"
#include "services/chat/search_terms.h"
#include <stdlib.h>

enum { LOCK_KEY = 0x68756203, STEP_MS = 10000, CHUNK = 400, SCOPES_AT_ONCE = 64 };
enum { IDLE_MS = 500, AWAY_MS = 2000, LOOK_AT_ALL_MS = 600000 };

static struct metric indexed_total = METRIC_COUNTER("hubbub_search_indexed_total", "Messages put into the search", "");
static struct metric removed_total =
    METRIC_COUNTER("hubbub_search_removed_total", "Messages taken out of the search", "");
static struct metric refilled_total =
    METRIC_COUNTER("hubbub_search_refilled_total", "Feeds read anew: their entries were gone before they were taken", "");

struct search_index {
    struct db_pool *pool;
    struct background thread;
};

static int64_t step_deadline(void)
{
    return clock_mono_ms() + STEP_MS;
}

/* ---- Documents --------------------------------------------------------------------------------------------------- */

/* Texts that PostgreSQL reads as one array: it has no arrays of arrays of different lengths, so each goes as JSON. */
static const char *terms_json(struct arena *a, const Hubbub__V1__Message *m)
{
    struct search_terms t = {.arena = a};
    struct buf json = {0};
    search_add_message(&t, m);
    buf_putc(&json, '[');
    for (size_t i = 0; i < t.n; i++) {
        if (i)
            buf_putc(&json, ',');
        wire_write_string(&json, t.items[i]);
    }
    buf_putc(&json, ']');
    char *text = arena_strndup(a, json.data ? json.data : "[]", json.data ? json.len : 2);
    buf_finish(&json);
    return text;
}

/* rows: ROWS_MESSAGE from column 0 on. */
static status store(struct db *d, struct arena *a, uint64_t scope_id, const struct db_rows *rows)
{
    struct db_rows *r;
    unsigned n = db_count(rows);
    uint64_t *channels = ARENA_ARRAY(a, uint64_t, n), *ids = ARENA_ARRAY(a, uint64_t, n);
    const char **terms = ARENA_ARRAY(a, const char *, n);
    for (unsigned i = 0; i < n; i++) {
        const Hubbub__V1__Message *m = rows_message(a, rows, i, 0, "");
        channels[i] = m->channel_id;
        ids[i] = m->id;
        terms[i] = terms_json(a, m);
    }
    status st = db_run(d, a, step_deadline(), &r,
                       "INSERT INTO message_search (channel_id, message_id, scope_id, terms)"
                       " SELECT x.channel_id, x.id, $1, ARRAY(SELECT json_array_elements_text(x.terms::json))"
                       " FROM unnest($2::bigint[], $3::bigint[], $4::text[]) AS x (channel_id, id, terms)"
                       " ON CONFLICT (channel_id, message_id) DO UPDATE SET terms = excluded.terms",
                       DB_ID(scope_id), DB_IDS(channels, n), DB_IDS(ids, n), DB_TEXTS(terms, n));
    if (st == ST_OK)
        metric_add(&indexed_total, n);
    return st;
}

static status take_out(struct db *d, struct arena *a, const uint64_t *channels, const uint64_t *ids, size_t n)
{
    struct db_rows *r;
    if (!n)
        return ST_OK;
    status st = db_run(d, a, step_deadline(), &r,
                       "DELETE FROM message_search s USING unnest($1::bigint[], $2::bigint[]) AS x (channel_id, id)"
                       " WHERE s.channel_id = x.channel_id AND s.message_id = x.id",
                       DB_IDS(channels, n), DB_IDS(ids, n));
    if (st == ST_OK)
        metric_add(&removed_total, db_affected(r));
    return st;
}

/* ---- The older messages ------------------------------------------------------------------------------------------ */

struct place {
    uint64_t scope_id, seq, head, channel_id, message_id;
    bool filling;
};

/* A chunk, by channel and id; the last one ends it. */
static status fill(struct db *d, struct arena *a, const struct place *p)
{
    struct db_rows *rows, *r;
    status st = db_run(d, a, step_deadline(), &rows,
                       "SELECT " ROWS_MESSAGE " FROM (SELECT y.* FROM channels c CROSS JOIN LATERAL"
                       " (SELECT * FROM messages WHERE channel_id = c.id AND (c.id > $2 OR id > $3) ORDER BY id LIMIT "
                       "$4) y WHERE coalesce(c.guild_id, c.id) = $1 AND c.id >= $2 ORDER BY y.channel_id, y.id LIMIT $4)"
                       " x LEFT JOIN users u ON u.id = x.author_id ORDER BY x.channel_id, x.id",
                       DB_ID(p->scope_id), DB_ID(p->channel_id), DB_ID(p->message_id), DB_I64(CHUNK));
    if (st != ST_OK)
        return st;
    unsigned n = db_count(rows);
    st = n ? store(d, a, p->scope_id, rows) : ST_OK;
    if (st == ST_OK)
        st = db_run(d, a, step_deadline(), &r,
                    "UPDATE search_scopes SET filling = $2, channel_id = $3, message_id = $4, documents = documents + $5"
                    " WHERE scope_id = $1",
                    DB_ID(p->scope_id), DB_BOOL(n == CHUNK), DB_ID(n ? db_u64(rows, n - 1, 1) : p->channel_id),
                    DB_ID(n ? db_u64(rows, n - 1, 0) : p->message_id), DB_I64(n));
    return st;
}

/* ---- The entries ------------------------------------------------------------------------------------------------- */

enum { ENTRY_CREATE = 1, ENTRY_UPDATE = 2, ENTRY_DELETE = 3, ENTRY_DELETE_BULK = 4 };

struct moved {
    uint64_t *channels, *ids;
    size_t n, room;
};

static void note(struct moved *m, struct arena *a, uint64_t channel, uint64_t id)
{
    if (m->n == m->room) {
        struct moved more = {.room = m->room ? 2 * m->room : CHUNK};
        more.channels = ARENA_ARRAY(a, uint64_t, more.room);
        more.ids = ARENA_ARRAY(a, uint64_t, more.room);
        for (; more.n < m->n; more.n++) {
            more.channels[more.n] = m->channels[more.n];
            more.ids[more.n] = m->ids[more.n];
        }
        *m = more;
    }
    m->channels[m->n] = channel;
    m->ids[m->n++] = id;
}

static void note_bulk(struct moved *m, struct arena *a, uint64_t channel, const struct db_rows *r, unsigned row)
{
    size_t n;
    const uint8_t *payload = db_bytes(r, row, 4, &n);
    const Hubbub__V1__Event *e = hubbub__v1__event__unpack(arena_protobuf(a), n, payload);
    for (size_t i = 0; e && e->message_delete_bulk && i < e->message_delete_bulk->n_ids; i++)
        note(m, a, channel, e->message_delete_bulk->ids[i]);
}

/* What the entries touched is taken out, and what of it is there is put in as it is now. */
static status apply(struct db *d, struct arena *a, uint64_t scope_id, const struct db_rows *entries)
{
    struct moved m = {0};
    struct db_rows *rows;
    for (unsigned i = 0; i < db_count(entries); i++) {
        int type = (int)db_i64(entries, i, 1);
        if (type >= ENTRY_CREATE && type <= ENTRY_DELETE)
            note(&m, a, db_u64(entries, i, 2), db_u64(entries, i, 3));
        else if (type == ENTRY_DELETE_BULK)
            note_bulk(&m, a, db_u64(entries, i, 2), entries, i);
    }
    status st = take_out(d, a, m.channels, m.ids, m.n);
    if (st != ST_OK || !m.n)
        return st;
    st = db_run(d, a, step_deadline(), &rows,
                "SELECT " ROWS_MESSAGE " FROM (SELECT DISTINCT * FROM unnest($1::bigint[], $2::bigint[])) AS q (c, i)"
                " JOIN messages x ON x.channel_id = q.c AND x.id = q.i LEFT JOIN users u ON u.id = x.author_id",
                DB_IDS(m.channels, m.n), DB_IDS(m.ids, m.n));
    return st == ST_OK && db_count(rows) ? store(d, a, scope_id, rows) : st;
}

static status start_anew(struct db *d, struct arena *a, const struct place *p)
{
    struct db_rows *r;
    metric_add(&refilled_total, 1);
    return db_run(d, a, step_deadline(), &r,
                  "UPDATE search_scopes SET seq = $2, filling = true, channel_id = 0, message_id = 0 WHERE scope_id = $1",
                  DB_ID(p->scope_id), DB_ID(p->head));
}

static status follow(struct db *d, struct arena *a, const struct place *p)
{
    struct db_rows *entries, *r;
    status st = db_run(d, a, step_deadline(), &entries,
                       "SELECT seq, type, topic, ref, payload FROM feed_entries WHERE scope_id = $1 AND seq > $2"
                       " ORDER BY seq LIMIT $3",
                       DB_ID(p->scope_id), DB_ID(p->seq), DB_I64(CHUNK));
    if (st != ST_OK)
        return st;
    unsigned n = db_count(entries);
    if (n == 0 || db_u64(entries, 0, 0) != p->seq + 1)
        return start_anew(d, a, p);
    st = apply(d, a, p->scope_id, entries);
    return st == ST_OK ? db_run(d, a, step_deadline(), &r, "UPDATE search_scopes SET seq = $2 WHERE scope_id = $1",
                                DB_ID(p->scope_id), DB_ID(db_u64(entries, n - 1, 0)))
                       : st;
}

/* ---- Rounds ------------------------------------------------------------------------------------------------------ */

static status move_on(struct db *d, struct arena *a, const struct place *p)
{
    status st = db_exec(d, step_deadline(), "BEGIN");
    if (st == ST_OK)
        st = p->filling ? fill(d, a, p) : follow(d, a, p);
    return st == ST_OK ? db_exec(d, step_deadline(), "COMMIT") : st;
}

/* Feeds of guilds and DMs; those of users have no messages. */
static status begin_new(struct db *d, struct arena *a, uint64_t token, bool all)
{
    struct db_rows *r;
    return db_run(d, a, step_deadline(), &r,
                  "INSERT INTO search_scopes (scope_id, seq) SELECT f.scope_id, f.head FROM feeds f"
                  " WHERE NOT f.closed AND NOT EXISTS (SELECT FROM search_scopes s WHERE s.scope_id = f.scope_id)"
                  " AND (EXISTS (SELECT FROM guilds g WHERE g.id = f.scope_id)"
                  " OR EXISTS (SELECT FROM channels c WHERE c.id = f.scope_id AND c.guild_id IS NULL))"
                  " AND ($2 OR f.scope_id IN (SELECT scope_id FROM feed_entries WHERE xid >= $1::text::xid8))"
                  " ON CONFLICT DO NOTHING",
                  DB_I64(token), DB_BOOL(all));
}

/* The feeds that are behind: of all, or of those with entries since the token. */
static status find_behind(struct db *d, struct arena *a, uint64_t token, bool all, struct db_rows **ret)
{
    return db_run(d, a, step_deadline(), ret,
                  "SELECT s.scope_id, s.seq, f.head, s.filling, s.channel_id, s.message_id FROM search_scopes s"
                  " JOIN feeds f ON f.scope_id = s.scope_id AND NOT f.closed WHERE (s.filling OR f.head > s.seq)"
                  " AND ($2 OR s.filling OR s.scope_id IN (SELECT scope_id FROM feed_entries WHERE xid >= $1::text::xid8))"
                  " ORDER BY s.filling, s.scope_id LIMIT $3",
                  DB_I64(token), DB_BOOL(all), DB_I64(SCOPES_AT_ONCE));
}

static status next_token(struct db *d, struct arena *a, uint64_t *ret)
{
    struct db_rows *r;
    status st = db_run(d, a, step_deadline(), &r, "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint");
    if (st == ST_OK)
        *ret = db_u64(r, 0, 0);
    return st;
}

static status move_all(struct db *d, struct arena *a, const struct db_rows *behind)
{
    status st = ST_OK;
    for (unsigned i = 0; st == ST_OK && i < db_count(behind); i++) {
        const struct place p = {
            .scope_id = db_u64(behind, i, 0),
            .seq = db_u64(behind, i, 1),
            .head = db_u64(behind, i, 2),
            .filling = db_bool(behind, i, 3),
            .channel_id = db_u64(behind, i, 4),
            .message_id = db_u64(behind, i, 5),
        };
        struct arena *own = arena_create(0);
        st = move_on(d, own, &p);
        arena_destroy(own);
    }
    return st;
}

status search_index_round(struct db *d, uint64_t *token, bool all, bool *ret_more)
{
    struct arena *a = arena_create(0);
    struct db_rows *r, *behind;
    uint64_t next;
    *ret_more = false;
    status st = db_run(d, a, step_deadline(), &r, "SELECT pg_try_advisory_lock($1)", DB_I64(LOCK_KEY));
    if (st == ST_OK && !db_bool(r, 0, 0))
        st = ST_OVERLOADED;
    if (st == ST_OK)
        st = next_token(d, a, &next);
    if (st == ST_OK)
        st = begin_new(d, a, *token, all);
    if (st == ST_OK)
        st = find_behind(d, a, *token, all, &behind);
    if (st == ST_OK)
        st = move_all(d, a, behind);
    if (st == ST_OK) {
        *ret_more = db_count(behind) > 0;
        *token = *ret_more ? *token : next; /* what was left is found by the same token */
    }
    arena_destroy(a);
    return st;
}

/* ---- The thread -------------------------------------------------------------------------------------------------- */

/* The lock is the connection's: whoever gets it looks at all feeds once, and again now and then. */
static status work(struct search_index *s)
{
    DB_LEASED struct db *d = NULL;
    uint64_t token = 0;
    int64_t looked = 0;
    status st = db_lease(s->pool, clock_mono_ms() + 1000, &d);
    if (st != ST_OK)
        return st;
    db_close_at_release(d);
    for (bool more = false; st == ST_OK && background_rest(&s->thread, more ? 1 : IDLE_MS);) {
        bool all = !looked || clock_mono_ms() - looked > LOOK_AT_ALL_MS;
        st = search_index_round(d, &token, all, &more);
        if (all && !more)
            looked = clock_mono_ms();
    }
    if (st == ST_INTERNAL)
        log_warn("the search index failed", LOG_S("sqlstate", db_sqlstate(d)), LOG_S("error", db_error_text(d)));
    return st;
}

static void run(void *user)
{
    struct search_index *s = user;
    do {
        if (work(s) == ST_OK)
            break;
    } while (background_rest(&s->thread, AWAY_MS));
}

struct search_index *search_index_create(struct db_pool *pool)
{
    struct search_index *s = calloc(1, sizeof *s);
    if (!s)
        log_fatal("no memory for the search index");
    s->pool = pool;
    metric_register(&indexed_total);
    metric_register(&removed_total);
    metric_register(&refilled_total);
    background_start(&s->thread, "the search index", run, s);
    return s;
}

void search_index_destroy(struct search_index *s)
{
    if (!s)
        return;
    background_end(&s->thread);
    free(s);
}
