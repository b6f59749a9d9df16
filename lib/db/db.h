/* db.h - PostgreSQL for worker threads: a pool of connections, parameters only (no SQL is ever built from values), deadlines,
 * a circuit breaker. The only place that knows libpq. Queries are sent asynchronously and waited for with poll() until the
 * call's deadline; a connection that a deadline left half-used is thrown away. Statements are prepared once a connection
 * (by the address of their text: pass string literals). Thread-safe. */
#pragma once
#include "lib/base/arena.h"
#include "lib/base/status.h"
#include <stddef.h>
#include <stdint.h>

struct db_pool;
/* Never fails for an absent server: connections are made when leased. url: libpq URI or conninfo; it may name several
 * servers (target_session_attrs=read-write finds the one that is not a standby), and none of them holds up the others. */
struct db_pool *db_pool_create(const char *url, unsigned connections_max);
void db_pool_destroy(struct db_pool *);
/* The last attempt worked, or none was made; for /readyz. A breaker that opened refuses leases with ST_UNAVAILABLE at once for
 * up to 500 ms, so that nobody waits out a deadline for a server that is away. */
bool db_pool_ready(struct db_pool *);

struct db; /* a leased connection: one thread at a time; never held across a call to another service */
/* ST_UNAVAILABLE (server away, breaker), ST_DEADLINE (pool exhausted until deadline_ms on clock_mono_ms()). connect attempts: at most 900 ms. */
status db_lease(struct db_pool *, int64_t deadline_ms, struct db **ret) MUST_CHECK;
void db_release(struct db *); /* rolls back an open transaction; NULL is fine */
void db_close_at_release(struct db *); /* instead of keeping it: advisory locks and settings of the session end with it */
static inline void db_release_at(struct db **d)
{
    db_release(*d);
}
#define DB_LEASED __attribute__((cleanup(db_release_at))) /* DB_LEASED struct db *d = NULL; */

/* The history that a connection writes: a restore makes another system id, a failover another timeline. Read when the
 * connection is made; a server in recovery is ST_UNAVAILABLE. */
struct db_generation {
    uint64_t system_id;
    uint32_t timeline;
};
struct db_generation db_generation(const struct db *);

struct db_blob { /* data NULL: SQL NULL */
    const void *data;
    size_t n;
};
enum db_type { DB_T_I64, DB_T_U64, DB_T_TEXT, DB_T_BYTES, DB_T_BOOL, DB_T_U64_ARRAY, DB_T_I64_ARRAY, DB_T_TEXT_ARRAY, DB_T_NULL, DB_T_BYTES_ARRAY };
struct db_param {
    enum db_type type;
    int64_t number;
    const void *data; /* text, bytes, uint64_t[], int64_t[], const char *const[] (NULL items are SQL NULL) */
    size_t n;
};
#define DB_I64(v) ((struct db_param){DB_T_I64, (int64_t)(v), NULL, 0})
#define DB_ID(v) ((struct db_param){DB_T_U64, (int64_t)(v), NULL, 0})
#define DB_ID_OR_NULL(v) ((v) ? DB_ID(v) : DB_NULL)
#define DB_TEXT(s) ((struct db_param){DB_T_TEXT, 0, (s), 0})           /* "" stays "" */
#define DB_TEXT_OR_NULL(s) ((s) && *(s) ? DB_TEXT(s) : DB_NULL)
#define DB_BYTES(p, len) ((struct db_param){DB_T_BYTES, 0, (p), (len)})
#define DB_BOOL(b) ((struct db_param){DB_T_BOOL, (b), NULL, 0})
#define DB_IDS(p, len) ((struct db_param){DB_T_U64_ARRAY, 0, (p), (len)}) /* bigint[] */
#define DB_I64S(p, len) ((struct db_param){DB_T_I64_ARRAY, 0, (p), (len)})
#define DB_TEXTS(p, len) ((struct db_param){DB_T_TEXT_ARRAY, 0, (p), (len)})
#define DB_BYTES_ARRAY(p, len) ((struct db_param){DB_T_BYTES_ARRAY, 0, (p), (len)}) /* struct db_blob[] */
#define DB_NULL ((struct db_param){DB_T_NULL, 0, NULL, 0})

/* Rows, as text inside; valid until the arena goes. Columns by index. SQL NULL: 0, "", false, n = 0. */
struct db_rows;
unsigned db_count(const struct db_rows *);         /* rows returned */
unsigned db_affected(const struct db_rows *);      /* INSERT/UPDATE/DELETE count */
uint64_t db_u64(const struct db_rows *, unsigned row, unsigned col);
int64_t db_i64(const struct db_rows *, unsigned row, unsigned col);
bool db_bool(const struct db_rows *, unsigned row, unsigned col);
const char *db_text(const struct db_rows *, unsigned row, unsigned col); /* arena or result memory; never NULL */
const uint8_t *db_bytes(const struct db_rows *, unsigned row, unsigned col, size_t *ret_n);
bool db_is_null(const struct db_rows *, unsigned row, unsigned col);
/* A bigint[] column. */
size_t db_ids(const struct db_rows *, unsigned row, unsigned col, struct arena *, uint64_t **ret);

/* ST_OK; ST_DEADLINE; ST_UNAVAILABLE (connection lost, server shutting down); ST_INTERNAL with db_sqlstate() and db_error_text() for the rest. The rows live in the arena. */
status db_query(struct db *, struct arena *, int64_t deadline_ms, const char *sql, const struct db_param *, size_t n, struct db_rows **ret) MUST_CHECK;
/* db_run(d, arena, deadline, &rows, "SELECT ... $1", DB_ID(x), ...) */
#define db_run(d, arena, deadline_ms, ret, sql, ...)                                                                   \
    db_query((d), (arena), (deadline_ms), (sql), (struct db_param[]){{0}, ##__VA_ARGS__} + 1,                            \
             sizeof((struct db_param[]){{0}, ##__VA_ARGS__}) / sizeof(struct db_param) - 1, (ret))
/* "23505" and the like of the last failed query: unique violation, and the constraint's name ("" when none). */
const char *db_sqlstate(const struct db *);
const char *db_constraint(const struct db *);
const char *db_error_text(const struct db *);
/* Plain statements of a migration or transaction control: no parameters, several statements allowed. */
status db_exec(struct db *, int64_t deadline_ms, const char *sql) MUST_CHECK;
