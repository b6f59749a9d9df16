/* rows.c - a result copied into the caller's arena, so that nobody has to free it. */
#include "lib/db/internal.h"
#include <stdlib.h>
#include <string.h>

struct cell {
    const char *text; /* never NULL */
    size_t n;
    bool null;
};
struct db_rows {
    unsigned rows, cols, affected;
    struct arena *arena;
    struct cell *cells;
};

struct db_rows *db_rows_copy(struct arena *a, const PGresult *r)
{
    struct db_rows *rows = ARENA_NEW(a, struct db_rows);
    rows->arena = a;
    rows->rows = (unsigned)PQntuples(r);
    rows->cols = (unsigned)PQnfields(r);
    rows->affected = (unsigned)strtoul(PQcmdTuples((PGresult *)r), NULL, 10);
    rows->cells = ARENA_ARRAY(a, struct cell, (size_t)rows->rows * rows->cols);
    for (unsigned i = 0; i < rows->rows; i++)
        for (unsigned j = 0; j < rows->cols; j++) {
            struct cell *c = &rows->cells[i * rows->cols + j];
            c->n = (size_t)PQgetlength(r, (int)i, (int)j);
            c->null = PQgetisnull(r, (int)i, (int)j);
            c->text = c->n ? arena_strndup(a, PQgetvalue(r, (int)i, (int)j), c->n) : "";
        }
    return rows;
}

static const struct cell *cell_at(const struct db_rows *r, unsigned row, unsigned col)
{
    if (row >= r->rows || col >= r->cols)
        abort(); /* a programmer's error: the statement has no such column */
    return &r->cells[row * r->cols + col];
}

unsigned db_count(const struct db_rows *r)
{
    return r->rows;
}

unsigned db_affected(const struct db_rows *r)
{
    return r->affected;
}

uint64_t db_u64(const struct db_rows *r, unsigned row, unsigned col)
{
    const char *text = cell_at(r, row, col)->text;
    return *text == '-' ? (uint64_t)strtoll(text, NULL, 10) : strtoull(text, NULL, 10);
}

int64_t db_i64(const struct db_rows *r, unsigned row, unsigned col)
{
    return strtoll(cell_at(r, row, col)->text, NULL, 10);
}

bool db_bool(const struct db_rows *r, unsigned row, unsigned col)
{
    return *cell_at(r, row, col)->text == 't';
}

const char *db_text(const struct db_rows *r, unsigned row, unsigned col)
{
    return cell_at(r, row, col)->text;
}

bool db_is_null(const struct db_rows *r, unsigned row, unsigned col)
{
    return cell_at(r, row, col)->null;
}

static int hex_digit(char c)
{
    return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

const uint8_t *db_bytes(const struct db_rows *r, unsigned row, unsigned col, size_t *ret_n)
{
    const struct cell *c = cell_at(r, row, col);
    size_t n = c->n >= 2 ? (c->n - 2) / 2 : 0; /* "\x0a0b" */
    uint8_t *bytes = arena_alloc(r->arena, n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(hex_digit(c->text[2 + 2 * i]) << 4 | hex_digit(c->text[3 + 2 * i]));
    *ret_n = n;
    return bytes;
}

size_t db_ids(const struct db_rows *r, unsigned row, unsigned col, struct arena *a, uint64_t **ret)
{
    const struct cell *c = cell_at(r, row, col);
    size_t n = 0, max = c->n > 2 ? 1 : 0;
    for (size_t i = 0; i < c->n; i++)
        max += c->text[i] == ',';
    uint64_t *ids = ARENA_ARRAY(a, uint64_t, max);
    const char *p = c->text;
    while (n < max && *p && *p != '}') {
        char *end;
        ids[n++] = (uint64_t)strtoll(p + 1, &end, 10);
        p = end;
    }
    *ret = ids;
    return n;
}
