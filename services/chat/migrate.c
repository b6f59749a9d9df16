#include "services/chat/migrate.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include <sodium.h>
#include <string.h>

enum { LOCK_KEY = 0x68756201, STEP_MS = 600000 };

struct run {
    struct db *db;
    struct arena *arena;
    bool apply;
};

static int64_t step_deadline(void)
{
    return clock_mono_ms() + STEP_MS;
}

static status failed(struct run *r, status st, const char *name)
{
    if (st == ST_INTERNAL)
        log_error("migration failed", LOG_S("migration", name), LOG_S("sqlstate", db_sqlstate(r->db)),
                  LOG_S("error", db_error_text(r->db)));
    return st;
}

static status prepare(struct run *r)
{
    struct db_rows *rows;
    if (!r->apply)
        return ST_OK;
    status st = db_exec(r->db, step_deadline(), "SET statement_timeout = 0");
    if (st == ST_OK)
        st = db_run(r->db, r->arena, step_deadline(), &rows, "SELECT pg_advisory_lock($1)", DB_I64(LOCK_KEY));
    if (st == ST_OK)
        st = db_exec(r->db, step_deadline(),
                     "CREATE TABLE IF NOT EXISTS migrations (number int PRIMARY KEY, name text NOT NULL, checksum "
                     "bytea NOT NULL,"
                     " applied_at timestamptz NOT NULL DEFAULT now())");
    return st;
}

/* *ret_known: applied before. */
static status look_up(struct run *r, const struct migration *m, const uint8_t *checksum, size_t n, bool *ret_known)
{
    struct db_rows *rows;
    status st = db_run(r->db, r->arena, step_deadline(), &rows, "SELECT checksum FROM migrations WHERE number = $1",
                       DB_I64(m->number));
    if (st != ST_OK && !strcmp(db_sqlstate(r->db), "42P01") && !r->apply)
        return ST_NOT_FOUND; /* not even the table */
    if (st != ST_OK)
        return failed(r, st, m->name);
    *ret_known = db_count(rows) > 0;
    if (!*ret_known)
        return ST_OK;
    size_t stored_n;
    const uint8_t *stored = db_bytes(rows, 0, 0, &stored_n);
    if (stored_n == n && !memcmp(stored, checksum, n))
        return ST_OK;
    log_error("a migration was changed after it was applied", LOG_S("migration", m->name));
    return ST_INTERNAL;
}

static status apply_one(struct run *r, const struct migration *m, const uint8_t *checksum, size_t n)
{
    struct db_rows *rows;
    status st = db_exec(r->db, step_deadline(), "BEGIN");
    if (st == ST_OK)
        st = db_exec(r->db, step_deadline(), m->text);
    if (st == ST_OK)
        st = db_run(r->db, r->arena, step_deadline(), &rows,
                    "INSERT INTO migrations (number, name, checksum) VALUES ($1, $2, $3)", DB_I64(m->number),
                    DB_TEXT(m->name), DB_BYTES(checksum, n));
    if (st == ST_OK)
        st = db_exec(r->db, step_deadline(), "COMMIT");
    if (st != ST_OK)
        return failed(r, st, m->name);
    log_info("migrated", LOG_S("migration", m->name));
    return ST_OK;
}

static status run_one(struct run *r, const struct migration *m)
{
    uint8_t checksum[32];
    bool known = false;
    crypto_generichash(checksum, sizeof checksum, (const unsigned char *)m->text, strlen(m->text), NULL, 0);
    status st = look_up(r, m, checksum, sizeof checksum, &known);
    if (st != ST_OK || known)
        return st;
    return r->apply ? apply_one(r, m, checksum, sizeof checksum) : ST_NOT_FOUND;
}

status migrate_run(struct db_pool *pool, bool apply)
{
    DB_LEASED struct db *d = NULL;
    status st = db_lease(pool, clock_mono_ms() + 1000, &d);
    if (st != ST_OK)
        return st;
    struct run r = {.db = d, .arena = arena_create(0), .apply = apply};
    db_close_at_release(d); /* its settings and its lock end with it */
    st = prepare(&r);
    for (unsigned i = 0; st == ST_OK && i < n_migrations; i++)
        st = run_one(&r, &migrations[i]);
    arena_destroy(r.arena);
    return st;
}
