/* writer.c - lanes: threads with a queue and a connection of their own.
 *
 * The happy path: writer_store appends the row to the lane of its scope and sleeps. The lane takes all that is queued,
 * at most BATCH_MAX, and sends the one statement: it locks the feeds rows (skipping locked ones), draws ids from
 * PostgreSQL's clock, inserts keys, messages, attachments and entries and moves the heads. The rows are answered with
 * what it says of each: ok     published in this order, then its caller is woken; dup    the key is there: its
 * message's id is looked up; stale  the epoch moved; gone: the scope is closed; busy   somebody else holds the scope:
 * the row goes to the slow lane, which waits for one scope at a time. While a scope has rows there, its new rows follow
 * them, so that they keep their order.
 *
 * How it fails: a batch whose answer is lost (connection, deadline) may be committed. It is sent once more on a new
 * connection: the keys make that exact, what was committed comes back as dup. A batch that PostgreSQL refuses (one
 * row's text, say) is run again row by row, so that only that row fails.
 *
 * The worker number in an id is an advisory lock of the lane's connection: nobody else draws ids with it, and it ends
 * with it. */
#include "services/chat/writer.h"
#include "lib/base/clock.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "services/chat/chat.h"
#include "services/chat/mentions.h"
#include "services/chat/message_rows.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 256, QUEUED_MAX = 8192, BATCH_MS = 3000, COUNTERS = 4096, LOCK_CLASS = 0x68756262 };

static struct metric stored_total = METRIC_COUNTER("hubbub_messages_stored_total", "Messages committed", "");
static struct metric batches_total =
    METRIC_COUNTER("hubbub_writer_batches_total", "Statements that store messages", "");
static struct metric duplicates_total =
    METRIC_COUNTER("hubbub_writer_duplicates_total", "Messages whose key was stored before", "");
static struct metric stale_total =
    METRIC_COUNTER("hubbub_writer_stale_total", "Messages refused by the epoch fence", "");
static struct metric busy_total = METRIC_COUNTER("hubbub_writer_busy_total", "Messages sent through the slow lane", "");
static struct metric resent_total =
    METRIC_COUNTER("hubbub_writer_resent_total", "Batches sent again after a lost answer", "");
static struct metric overloaded_total =
    METRIC_COUNTER("hubbub_writer_overloaded_total", "Messages refused: too many wait", "");

#define STORE_SQL(lock)                                                                                                \
    "WITH req AS MATERIALIZED (SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], "          \
    "$5::text[], $6::text[],"                                                                                          \
    " $7::smallint[], $8::int[], $9::bytea[])"                                                                         \
    " WITH ORDINALITY AS r (scope_id, channel_id, author_id, epoch, content, key, type, flags, extra, ord)),"          \
    " locked AS MATERIALIZED (SELECT scope_id, head, last_ms, epoch FROM feeds WHERE scope_id = ANY($10::bigint[]) "   \
    "AND NOT closed"                                                                                                   \
    " ORDER BY scope_id FOR NO KEY UPDATE" lock "),"                                                                   \
    " clk AS MATERIALIZED (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 1420070400000 AS ms,"       \
    " ((extract(epoch FROM clock_timestamp())::bigint / 21600) % 4)::smallint AS slot),"                               \
    " ids AS MATERIALIZED (SELECT q.*, l.head, c.slot, GREATEST(c.ms, l.last_ms + 1) AS ms,"                           \
    " (GREATEST(c.ms, l.last_ms + 1) << 22) | ($11::bigint << 12) | ($12::bigint + q.ord - 1) AS id"                   \
    " FROM req q JOIN locked l USING (scope_id), clk c WHERE l.epoch = q.epoch),"                                      \
    " keyed AS (INSERT INTO send_keys (channel_id, author_id, key, message_id, slot) SELECT channel_id, author_id, "   \
    "key, id, slot FROM ids"                                                                                           \
    " ORDER BY ord ON CONFLICT DO NOTHING RETURNING message_id),"                                                      \
    " fresh AS MATERIALIZED (SELECT i.*, i.head + row_number() OVER (PARTITION BY i.scope_id ORDER BY i.ord) AS seq"   \
    " FROM ids i JOIN keyed k ON k.message_id = i.id),"                                                                \
    " m AS (INSERT INTO messages (channel_id, id, author_id, type, flags, content, extra)"                             \
    " SELECT channel_id, id, author_id, type, flags, content, extra FROM fresh),"                                      \
    " a AS (INSERT INTO attachments (id, channel_id, message_id, filename, content_type, size, width, height, "        \
    "store_key)"                                                                                                       \
    " SELECT x.id, f.channel_id, f.id, x.filename, x.content_type, x.size, nullif(x.width, 0), nullif(x.height, 0), "  \
    "x.store_key"                                                                                                      \
    " FROM unnest($13::bigint[], $14::bigint[], $15::text[], $16::text[], $17::bigint[], $18::int[], $19::int[], "     \
    "$20::text[])"                                                                                                     \
    " AS x (ord, id, filename, content_type, size, width, height, store_key) JOIN fresh f ON f.ord = x.ord),"          \
    " n AS (INSERT INTO mentions (channel_id, message_id, target_id, author_id) SELECT f.channel_id, f.id, "           \
    "x.target_id, f.author_id FROM unnest($21::bigint[], $22::bigint[]) AS x (ord, target_id) JOIN fresh f ON f.ord "  \
    "= x.ord),"                                                                                                        \
    " s AS (INSERT INTO read_states AS s (user_id, channel_id, last_read) SELECT x.reader_id, f.channel_id, max(f.id)" \
    " FROM fresh f JOIN unnest($23::bigint[]) WITH ORDINALITY AS x (reader_id, ord) USING (ord) WHERE x.reader_id > 0" \
    " GROUP BY 1, 2 ORDER BY 1, 2 ON CONFLICT (user_id, channel_id) DO UPDATE SET last_read = "                        \
    "greatest(s.last_read, excluded.last_read)),"                                                                      \
    " e AS (INSERT INTO feed_entries (scope_id, seq, slot, topic, type, ref) SELECT scope_id, seq, slot, channel_id, " \
    "1, id FROM fresh),"                                                                                               \
    " u AS (UPDATE feeds f SET head = x.seq, last_ms = x.ms FROM (SELECT scope_id, max(seq) seq, max(ms) ms FROM "     \
    "fresh GROUP BY 1) x"                                                                                              \
    " WHERE f.scope_id = x.scope_id)"                                                                                  \
    " SELECT f.seq, f.id, CASE WHEN f.id IS NOT NULL THEN 'o' WHEN i.id IS NOT NULL THEN 'd' WHEN l.scope_id IS NOT "  \
    "NULL THEN 's'"                                                                                                    \
    " WHEN EXISTS (SELECT FROM feeds z WHERE z.scope_id = q.scope_id AND NOT z.closed) THEN 'b' ELSE 'g' END"          \
    " FROM req q LEFT JOIN fresh f USING (ord) LEFT JOIN ids i USING (ord) LEFT JOIN locked l ON l.scope_id = "        \
    "q.scope_id ORDER BY q.ord"

struct waiter { /* on the caller's stack */
    struct write_row *row;
    int64_t deadline_ms;
    status st;
    bool answered;
    pthread_cond_t woken;
    struct waiter *next;
};
struct queue {
    struct waiter *first, **last;
    unsigned n;
};
struct lane {
    struct writer *writer;
    bool slow, stopping;
    struct queue queue;
    uint64_t serving; /* slow: the scope in hand, 0: none */
    pthread_cond_t filled;
    pthread_t thread;
    /* the thread's own: */
    struct db *db;
    int64_t worker;  /* its number in ids */
    int64_t counter; /* of the next id, under COUNTERS */
    bool in_doubt;   /* the statement was sent, and whether it was committed is not known */
};
struct writer {
    struct db_pool *pool;
    struct bus_publisher *bus;
    pthread_mutex_t mutex;
    bool stopping;
    unsigned queued;
    struct lane lanes[WRITER_CONNECTIONS]; /* the last is the slow one */
};

/* ---- Queues: with the writer's mutex held ------------------------------------------------------------------------ */

static void queue_push(struct queue *q, struct waiter *w)
{
    w->next = NULL;
    *q->last = w;
    q->last = &w->next;
    q->n++;
}

/* Takes up to max waiters into batch; only those of one scope when scope is set. */
static unsigned queue_take(struct queue *q, struct waiter **batch, unsigned max, uint64_t scope)
{
    unsigned n = 0;
    struct waiter **at = &q->first;
    while (*at && n < max) {
        struct waiter *w = *at;
        if (scope && w->row->scope_id != scope) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        batch[n++] = w;
    }
    q->n -= n;
    for (at = &q->first; *at; at = &(*at)->next)
        ;
    q->last = at;
    return n;
}

static struct lane *slow_lane(struct writer *w)
{
    return &w->lanes[WRITER_FAST_LANES];
}

static bool is_slow(struct writer *w, uint64_t scope)
{
    struct lane *slow = slow_lane(w);
    if (slow->serving == scope)
        return true;
    for (struct waiter *x = slow->queue.first; x; x = x->next)
        if (x->row->scope_id == scope)
            return true;
    return false;
}

static struct lane *lane_of(struct writer *w, uint64_t scope)
{
    return is_slow(w, scope) ? slow_lane(w) : &w->lanes[(scope >> 22 ^ scope) % WRITER_FAST_LANES];
}

status writer_store(struct writer *w, int64_t deadline_ms, struct write_row *row)
{
    struct waiter me = {.row = row, .deadline_ms = deadline_ms, .woken = PTHREAD_COND_INITIALIZER};
    pthread_mutex_lock(&w->mutex);
    if (w->queued >= QUEUED_MAX || w->stopping) {
        pthread_mutex_unlock(&w->mutex);
        metric_add(&overloaded_total, 1);
        return ST_OVERLOADED;
    }
    w->queued++;
    struct lane *lane = lane_of(w, row->scope_id);
    queue_push(&lane->queue, &me);
    pthread_cond_signal(&lane->filled);
    while (!me.answered) /* a lane answers within its own bounds: BATCH_MS, a silent server, a refused lease */
        pthread_cond_wait(&me.woken, &w->mutex);
    w->queued--;
    pthread_mutex_unlock(&w->mutex);
    pthread_cond_destroy(&me.woken);
    return me.st;
}

static void answer(struct lane *lane, struct waiter *w, status st)
{
    pthread_mutex_lock(&lane->writer->mutex);
    w->st = st;
    w->answered = true;
    pthread_cond_signal(&w->woken);
    pthread_mutex_unlock(&lane->writer->mutex);
}

static void to_slow_lane(struct lane *lane, struct waiter *w)
{
    struct lane *slow = slow_lane(lane->writer);
    metric_add(&busy_total, 1);
    pthread_mutex_lock(&lane->writer->mutex);
    queue_push(&slow->queue, w);
    pthread_cond_signal(&slow->filled);
    pthread_mutex_unlock(&lane->writer->mutex);
}

/* ---- The lane's connection --------------------------------------------------------------------------------------- */

static void drop_connection(struct lane *lane)
{
    if (!lane->db)
        return;
    db_close_at_release(lane->db); /* the advisory lock goes with it */
    db_release(lane->db);
    lane->db = NULL;
}

static status take_worker_number(struct lane *lane, struct arena *a, int64_t deadline_ms)
{
    struct db_rows *r;
    status st = db_run(lane->db, a, deadline_ms, &r,
                       "SELECT n, set_config('lock_timeout', '1000', false) FROM generate_series(0, 1023) n WHERE "
                       "pg_try_advisory_lock($1::int, n) LIMIT 1",
                       DB_I64(LOCK_CLASS));
    if (st == ST_OK && db_count(r) == 0)
        st = ST_UNAVAILABLE; /* 1,024 writers are connected */
    if (st == ST_OK)
        lane->worker = db_i64(r, 0, 0);
    return st;
}

static status connect_lane(struct lane *lane, struct arena *a, int64_t deadline_ms)
{
    if (lane->db)
        return ST_OK;
    status st = db_lease(lane->writer->pool, deadline_ms, &lane->db);
    if (st != ST_OK)
        return ST_UNAVAILABLE;
    st = take_worker_number(lane, a, deadline_ms);
    if (st != ST_OK)
        drop_connection(lane);
    return st;
}

/* ---- The statement ----------------------------------------------------------------------------------------------- */

struct columns {
    unsigned n, n_scopes, n_files, n_mentions;
    uint64_t *scopes, *channels, *authors, *epochs, *distinct;
    const char **contents, **keys;
    int64_t *types, *flags;
    struct db_blob *extras;
    int64_t *file_ords, *file_sizes, *file_widths, *file_heights;
    uint64_t *file_ids;
    const char **file_names, **file_types, **file_keys;
    int64_t *mention_ords;
    uint64_t *mention_targets;
    uint64_t *readers; /* who has read the channel by writing; 0: a bot */
};

static void fill_files(struct columns *to, unsigned i, const Hubbub__V1__Message *m)
{
    size_t n;
    Hubbub__V1__Attachment **files = message_files(m, &n);
    for (size_t f = 0; f < n; f++) {
        const Hubbub__V1__Attachment *file = files[f];
        unsigned at = to->n_files++;
        to->file_ords[at] = i + 1;
        to->file_ids[at] = file->id;
        to->file_names[at] = file->filename ? file->filename : "";
        to->file_types[at] = file->content_type ? file->content_type : "";
        to->file_sizes[at] = (int64_t)file->size;
        to->file_widths[at] = file->width;
        to->file_heights[at] = file->height;
        to->file_keys[at] = file->store_key ? file->store_key : "";
    }
}

static void fill_mentions(struct columns *to, unsigned i, const struct write_row *row)
{
    uint64_t *targets = to->mention_targets + to->n_mentions;
    size_t n = mention_targets(row->message, row->here, row->author_id, row->scope_id, targets);
    for (size_t t = 0; t < n; t++)
        to->mention_ords[to->n_mentions++] = i + 1;
    to->readers[i] = row->message->author && row->message->author->bot ? 0 : row->author_id;
}

static void fill_row(struct columns *to, unsigned i, const struct write_row *row)
{
    const Hubbub__V1__Message *m = row->message;
    to->scopes[i] = row->scope_id;
    to->channels[i] = m->channel_id;
    to->authors[i] = row->author_id;
    to->epochs[i] = row->epoch;
    to->contents[i] = m->content ? m->content : "";
    to->keys[i] = row->key;
    to->types[i] = m->type;
    to->flags[i] = (int64_t)m->flags;
    if (row->extra_n)
        to->extras[i] = (struct db_blob){row->extra, row->extra_n};
    bool known = false;
    for (unsigned s = 0; s < to->n_scopes; s++)
        known |= to->distinct[s] == row->scope_id;
    if (!known)
        to->distinct[to->n_scopes++] = row->scope_id;
    fill_files(to, i, m);
    fill_mentions(to, i, row);
}

static void fill_columns(struct columns *to, struct arena *a, struct waiter **batch, unsigned n)
{
    size_t files = 0, own, mentions = 0;
    for (unsigned i = 0; i < n; i++) {
        message_files(batch[i]->row->message, &own);
        files += own;
        mentions += MENTION_TARGETS_MAX(batch[i]->row->message, batch[i]->row->here ? batch[i]->row->here->n : 0);
    }
    *to = (struct columns){
        .n = n,
        .scopes = ARENA_ARRAY(a, uint64_t, n),
        .channels = ARENA_ARRAY(a, uint64_t, n),
        .authors = ARENA_ARRAY(a, uint64_t, n),
        .epochs = ARENA_ARRAY(a, uint64_t, n),
        .distinct = ARENA_ARRAY(a, uint64_t, n),
        .contents = ARENA_ARRAY(a, const char *, n),
        .keys = ARENA_ARRAY(a, const char *, n),
        .types = ARENA_ARRAY(a, int64_t, n),
        .flags = ARENA_ARRAY(a, int64_t, n),
        .extras = ARENA_ARRAY(a, struct db_blob, n),
        .file_ords = ARENA_ARRAY(a, int64_t, files),
        .file_sizes = ARENA_ARRAY(a, int64_t, files),
        .file_widths = ARENA_ARRAY(a, int64_t, files),
        .file_heights = ARENA_ARRAY(a, int64_t, files),
        .file_ids = ARENA_ARRAY(a, uint64_t, files),
        .file_names = ARENA_ARRAY(a, const char *, files),
        .file_types = ARENA_ARRAY(a, const char *, files),
        .file_keys = ARENA_ARRAY(a, const char *, files),
        .mention_ords = ARENA_ARRAY(a, int64_t, mentions),
        .mention_targets = ARENA_ARRAY(a, uint64_t, mentions),
        .readers = ARENA_ARRAY(a, uint64_t, n),
    };
    for (unsigned i = 0; i < n; i++)
        fill_row(to, i, batch[i]->row);
}

static status send_statement(struct lane *lane, struct arena *a, int64_t deadline_ms, const struct columns *c,
                             struct db_rows **ret)
{
    if (lane->counter + c->n > COUNTERS)
        lane->counter = 0;
    struct db_param params[] = {
        DB_IDS(c->scopes, c->n),
        DB_IDS(c->channels, c->n),
        DB_IDS(c->authors, c->n),
        DB_IDS(c->epochs, c->n),
        DB_TEXTS(c->contents, c->n),
        DB_TEXTS(c->keys, c->n),
        DB_I64S(c->types, c->n),
        DB_I64S(c->flags, c->n),
        DB_BYTES_ARRAY(c->extras, c->n),
        DB_IDS(c->distinct, c->n_scopes),
        DB_I64(lane->worker),
        DB_I64(lane->counter),
        DB_I64S(c->file_ords, c->n_files),
        DB_IDS(c->file_ids, c->n_files),
        DB_TEXTS(c->file_names, c->n_files),
        DB_TEXTS(c->file_types, c->n_files),
        DB_I64S(c->file_sizes, c->n_files),
        DB_I64S(c->file_widths, c->n_files),
        DB_I64S(c->file_heights, c->n_files),
        DB_TEXTS(c->file_keys, c->n_files),
        DB_I64S(c->mention_ords, c->n_mentions),
        DB_IDS(c->mention_targets, c->n_mentions),
        DB_IDS(c->readers, c->n),
    };
    static const char fast[] = STORE_SQL(" SKIP LOCKED"), slow[] = STORE_SQL("");
    lane->counter += c->n;
    metric_add(&batches_total, 1);
    return db_query(lane->db, a, deadline_ms, lane->slow ? slow : fast, params, sizeof params / sizeof *params, ret);
}

/* ---- Answers ----------------------------------------------------------------------------------------------------- */

static void fill_stored(struct lane *lane, struct write_row *row, uint64_t seq, uint64_t id)
{
    row->seq = seq;
    row->generation = db_generation(lane->db);
    PB_SET(row->message, id, id);
    PB_SET(row->message, timestamp, snowflake_ms(id));
}

static void publish_stored(struct lane *lane, struct arena *a, struct waiter **stored, unsigned n)
{
    Hubbub__V1__FeedEntry **entries = ARENA_ARRAY(a, Hubbub__V1__FeedEntry *, n);
    for (unsigned i = 0; i < n; i++) {
        struct write_row *row = stored[i]->row;
        entries[i] = PB_NEW(a, Hubbub__V1__FeedEntry, hubbub__v1__feed_entry);
        PB_SET(entries[i], scope_id, row->scope_id);
        PB_SET(entries[i], seq, row->seq);
        PB_SET(entries[i], topic, row->message->channel_id);
        entries[i]->event = PB_NEW(a, Hubbub__V1__Event, hubbub__v1__event);
        entries[i]->event->message_create = row->message;
    }
    chat_publish(lane->writer->bus, chat_generation(a, db_generation(lane->db)), entries, n);
}

/* The earlier message of the key. Not there: the janitor took the key between the two statements; the caller tries
 * again. */
static status find_duplicate(struct lane *lane, struct arena *a, struct write_row *row)
{
    struct db_rows *r;
    status st = db_run(lane->db, a, clock_mono_ms() + BATCH_MS, &r,
                       "SELECT message_id FROM send_keys WHERE channel_id = $1 AND author_id = $2 AND key = $3",
                       DB_ID(row->message->channel_id), DB_ID(row->author_id), DB_TEXT(row->key));
    if (st != ST_OK)
        return st;
    if (db_count(r) == 0)
        return ST_UNAVAILABLE;
    fill_stored(lane, row, 0, db_u64(r, 0, 0));
    row->duplicate = true;
    metric_add(&duplicates_total, 1);
    return ST_OK;
}

static void answer_refused(struct lane *lane, struct arena *a, struct waiter *w, char kind)
{
    if (kind == 'd') {
        answer(lane, w, find_duplicate(lane, a, w->row));
    } else if (kind == 's') {
        metric_add(&stale_total, 1);
        answer(lane, w, ST_STALE);
    } else if (kind == 'b') {
        to_slow_lane(lane, w);
    } else {
        answer(lane, w, ST_NOT_FOUND);
    }
}

static void answer_batch(struct lane *lane, struct arena *a, struct waiter **batch, unsigned n, const struct db_rows *r)
{
    struct waiter *stored[BATCH_MAX];
    unsigned n_stored = 0;
    for (unsigned i = 0; i < n; i++) {
        if (*db_text(r, i, 2) != 'o')
            continue;
        fill_stored(lane, batch[i]->row, db_u64(r, i, 0), db_u64(r, i, 1));
        stored[n_stored++] = batch[i];
    }
    fault_at(FAULT_BATCH_STORED);
    publish_stored(lane, a, stored, n_stored);
    fault_at(FAULT_BATCH_PUBLISHED);
    metric_add(&stored_total, n_stored);
    for (unsigned i = 0; i < n_stored; i++)
        answer(lane, stored[i], ST_OK); /* its memory is its caller's again */
    for (unsigned i = 0; i < n; i++)
        if (*db_text(r, i, 2) != 'o')
            answer_refused(lane, a, batch[i], *db_text(r, i, 2));
}

/* ---- Batches ----------------------------------------------------------------------------------------------------- */

/* lock_timeout: the scope is still held by somebody, or another's unfinished transaction has the same key. */
static bool waited_for_lock(struct lane *lane)
{
    return lane->db && !strcmp(db_sqlstate(lane->db), "55P03");
}

/* One attempt. ST_OK: every row was answered. */
static status try_batch(struct lane *lane, struct waiter **batch, unsigned n)
{
    struct arena *a = arena_create(0);
    int64_t deadline_ms = clock_mono_ms() + BATCH_MS;
    struct columns c;
    struct db_rows *r;
    lane->in_doubt = false;
    status st = connect_lane(lane, a, deadline_ms);
    if (st == ST_OK) {
        fill_columns(&c, a, batch, n);
        st = send_statement(lane, a, deadline_ms, &c, &r);
        lane->in_doubt = (st == ST_UNAVAILABLE || st == ST_DEADLINE) && !waited_for_lock(lane);
    }
    if (st == ST_OK)
        answer_batch(lane, a, batch, n, r);
    arena_destroy(a);
    return st;
}

static void run_batch(struct lane *lane, struct waiter **batch, unsigned n)
{
    status st = try_batch(lane, batch, n);
    if (st != ST_OK && lane->in_doubt) {
        drop_connection(lane);
        metric_add(&resent_total, 1);
        st = try_batch(lane, batch, n);
    }
    if (st == ST_OK)
        return;
    bool again = waited_for_lock(lane);
    if (st != ST_INTERNAL && !again)
        drop_connection(lane);
    for (unsigned i = 0; i < n; i++) {
        if (again && clock_mono_ms() < batch[i]->deadline_ms)
            to_slow_lane(lane, batch[i]); /* behind the other scopes */
        else if (st == ST_INTERNAL && n > 1)
            run_batch(lane, &batch[i], 1);
        else
            answer(lane, batch[i], st == ST_INTERNAL ? ST_INTERNAL : ST_UNAVAILABLE);
    }
}

/* Waits for rows. 0: the writer ends and nothing is queued. */
static unsigned take_batch(struct lane *lane, struct waiter **batch)
{
    struct writer *w = lane->writer;
    pthread_mutex_lock(&w->mutex);
    lane->serving = 0;
    while (!lane->queue.first && !lane->stopping)
        pthread_cond_wait(&lane->filled, &w->mutex);
    if (lane->slow && lane->queue.first)
        lane->serving = lane->queue.first->row->scope_id;
    unsigned n = queue_take(&lane->queue, batch, BATCH_MAX, lane->serving);
    pthread_mutex_unlock(&w->mutex);
    return n;
}

/* Answers those that are too late to be stored; returns how many are left. */
static unsigned drop_late(struct lane *lane, struct waiter **batch, unsigned n)
{
    int64_t now = clock_mono_ms();
    unsigned left = 0;
    for (unsigned i = 0; i < n; i++) {
        if (now >= batch[i]->deadline_ms)
            answer(lane, batch[i], ST_DEADLINE);
        else
            batch[left++] = batch[i];
    }
    return left;
}

static void *run_lane(void *user)
{
    struct lane *lane = user;
    struct waiter *batch[BATCH_MAX];
    unsigned n;
    while ((n = take_batch(lane, batch)) > 0) {
        n = drop_late(lane, batch, n);
        if (n > 0)
            run_batch(lane, batch, n);
    }
    drop_connection(lane);
    return NULL;
}

/* ---- Life cycle -------------------------------------------------------------------------------------------------- */

struct writer *writer_create(struct db_pool *pool, struct bus_publisher *bus)
{
    struct writer *w = calloc(1, sizeof *w);
    if (!w)
        log_fatal("no memory for the writer");
    w->pool = pool;
    w->bus = bus;
    pthread_mutex_init(&w->mutex, NULL);
    struct metric *metrics[] = {&stored_total, &batches_total, &duplicates_total, &stale_total,
                                &busy_total,   &resent_total,  &overloaded_total};
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        metric_register(metrics[i]);
    for (unsigned i = 0; i < WRITER_CONNECTIONS; i++) {
        struct lane *lane = &w->lanes[i];
        *lane = (struct lane){.writer = w, .slow = i == WRITER_FAST_LANES, .filled = PTHREAD_COND_INITIALIZER};
        lane->queue.last = &lane->queue.first;
        if (pthread_create(&lane->thread, NULL, run_lane, lane))
            log_fatal("no thread for the writer");
    }
    return w;
}

static void stop_lanes(struct writer *w, unsigned from, unsigned to)
{
    pthread_mutex_lock(&w->mutex);
    for (unsigned i = from; i < to; i++) {
        w->lanes[i].stopping = true;
        pthread_cond_signal(&w->lanes[i].filled);
    }
    pthread_mutex_unlock(&w->mutex);
    for (unsigned i = from; i < to; i++)
        pthread_join(w->lanes[i].thread, NULL);
}

void writer_destroy(struct writer *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    pthread_mutex_unlock(&w->mutex);
    stop_lanes(w, 0, WRITER_FAST_LANES); /* may still hand rows to the slow lane */
    stop_lanes(w, WRITER_FAST_LANES, WRITER_CONNECTIONS);
    for (unsigned i = 0; i < WRITER_CONNECTIONS; i++)
        pthread_cond_destroy(&w->lanes[i].filled);
    pthread_mutex_destroy(&w->mutex);
    free(w);
}
