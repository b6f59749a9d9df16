/* internal.h - what pool.c, query.c and rows.c share. Not for users of lib/db. */
#pragma once
#include "lib/db/db.h"
#include <libpq-fe.h>

/* How long a silent server may keep a query before the pool's probe ends it (pool.c). */
enum { SILENT_MS = 500 };
/* Statements a connection may prepare; a program has far fewer. */
enum { STATEMENTS_MAX = 1024 };

struct db {
    PGconn *pq;
    struct db_pool *pool;
    struct db *next;  /* in the pool's idle list */
    bool broken;      /* half-used, lost or no longer trusted: refuses statements, closed at release */
    bool to_close;    /* closed at release; goes on until then */
    bool rolled_back; /* the last result was ROLLBACK */
    struct db_generation generation;
    const char *prepared[STATEMENTS_MAX]; /* open addressing by the text's address; the slot is the statement's name */
    unsigned n_prepared;
    char sqlstate[6];
    char constraint[64];
    char error[256];
};

/* Whether the probe found the server silent or away. */
bool pool_silent(struct db_pool *);
/* Waits until the socket is readable (or writable too): ST_OK, ST_DEADLINE, ST_UNAVAILABLE (the server is silent). */
status db_wait(struct db *, bool writable, int64_t started_ms, int64_t deadline_ms) MUST_CHECK;
/* Copies the result into the arena. */
struct db_rows *db_rows_copy(struct arena *, const PGresult *);
