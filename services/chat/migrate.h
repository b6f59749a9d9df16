/* migrate.h - the schema's numbered migrations, embedded in the program from migrations/NNNN_words.sql. One transaction
 * each, under an advisory lock, remembered with a checksum: a file that was changed after it was applied is refused. A
 * database with more migrations than the program knows is fine: a newer version runs beside it (expand, then contract).
 */
#pragma once
#include "lib/db/db.h"

struct migration {
    int number; /* rising; one that comes into a gap later is applied then */
    const char *name, *text;
};
extern const struct migration migrations[]; /* written by embed_migrations.sh */
extern const unsigned n_migrations;

/* Applies what is missing; apply false: only looks. ST_OK: the schema is there. ST_NOT_FOUND: apply is false and
 * something is missing. ST_INTERNAL: a migration fails or was changed (logged). Else the database's status: try again.
 */
status migrate_run(struct db_pool *, bool apply) MUST_CHECK;
