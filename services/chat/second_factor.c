#include "services/chat/second_factor.h"
#include "lib/base/clock.h"
#include "lib/base/metric.h"
#include "services/chat/chat.h"
#include "services/chat/credentials.h"
#include "services/chat/rows.h"
#include "services/chat/seal.h"
#include "services/chat/totp.h"
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

static struct metric wrong_total = METRIC_COUNTER("hubbub_second_factor_wrong_total", "Wrong codes", "");
static struct metric locked_total =
    METRIC_COUNTER("hubbub_second_factor_locked_total", "Codes that were not looked at after too many wrong ones", "");

static status not_enrolled(struct call *c, uint64_t user_id)
{
    return call_fail(c, ST_MFA_NOT_ENROLLED, "user %" PRIu64 " has no second factor", user_id);
}

/* ---- Claims ------------------------------------------------------------------------------------------------------ */

status second_factor_salt(struct call *c, uint64_t user_id, uint8_t ret[RECOVERY_SALT_N])
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, "SELECT salt FROM totp WHERE user_id = $1", DB_ID(user_id));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return not_enrolled(c, user_id);
    size_t n;
    const uint8_t *salt = db_bytes(rows, 0, 0, &n);
    if (n != RECOVERY_SALT_N)
        return call_fail(c, ST_INTERNAL, "a salt of %zu bytes", n);
    memcpy(ret, salt, n);
    return ST_OK;
}

/* As people copy them: "abcd-efgh", "123 456". */
static char *compact(struct arena *a, const char *code)
{
    char *copy = arena_alloc(a, strlen(code) + 1), *to = copy;
    for (; *code; code++)
        if (*code != ' ' && *code != '-')
            *to++ = (char)(*code >= 'A' && *code <= 'Z' ? *code + 'a' - 'A' : *code);
    *to = '\0';
    return copy;
}

status second_factor_prepare(struct call *c, uint64_t user_id, const char *code, struct second_factor_claim *ret)
{
    uint8_t salt[RECOVERY_SALT_N];
    *ret = (struct second_factor_claim){.code = compact(call_arena(c), code ? code : "")};
    ret->recovery = strlen(ret->code) == RECOVERY_CODE_LETTERS;
    if (!ret->recovery)
        return ST_OK;
    status st = second_factor_salt(c, user_id, salt);
    if (st == ST_OK && !recovery_hash(ret->code, salt, ret->hash))
        st = call_fail(c, ST_OVERLOADED, "no memory for argon2");
    return st;
}

/* What of the row the check needs: columns of its statement. */
enum { SECRET, LAST_STEP, FAILURES, LEFT_MS, SEALED };

static status load(struct call *c, struct change *ch, uint64_t user_id, struct db_rows **ret)
{
    status st = change_query(ch, ret,
                             "SELECT secret, last_step, CASE WHEN failures_at + make_interval(secs => $2) > "
                             "clock_timestamp() THEN failures ELSE 0 END, " ROWS_MS(
                                 "failures_at") " + $2 * 1000 - " ROWS_MS("clock_timestamp()") ", sealed FROM totp "
                                                                                               "WHERE user_id = $1",
                             DB_ID(user_id), DB_I64(SECOND_FACTOR_WINDOW_S));
    return st == ST_OK && !db_count(*ret) ? not_enrolled(c, user_id) : st;
}

static status locked(struct call *c, const struct db_rows *row)
{
    metric_add(&locked_total, 1);
    call_retry_after(c, db_i64(row, 0, LEFT_MS));
    return call_fail(c, ST_RATE_LIMITED, "%d wrong codes", SECOND_FACTOR_FAILURES);
}

static status spend_recovery(struct change *ch, uint64_t user_id, const struct second_factor_claim *claim, bool *ret)
{
    struct db_rows *rows;
    status st =
        change_query(ch, &rows, "UPDATE recovery_codes SET used = true WHERE user_id = $1 AND hash = $2 AND NOT used",
                     DB_ID(user_id), DB_BYTES(claim->hash, sizeof claim->hash));
    if (st == ST_OK)
        *ret = db_affected(rows) == 1;
    return st;
}

/* Of rows that are not sealed yet, as it is. */
static status read_secret(struct call *c, uint64_t user_id, const struct db_rows *row, const uint8_t **ret,
                          size_t *ret_n)
{
    const uint8_t *key = chat_of(c)->config.seal_key;
    size_t n;
    *ret = db_bytes(row, 0, SECRET, ret_n);
    if (db_is_null(row, 0, SEALED))
        return ST_OK;
    const uint8_t *sealed = db_bytes(row, 0, SEALED, &n);
    *ret = key ? seal_open(call_arena(c), key, user_id, sealed, n, ret_n) : NULL;
    return *ret ? ST_OK : call_fail(c, ST_INTERNAL, "the secret of user %" PRIu64 " opens by another HUBBUB_SEAL_KEY", user_id);
}

static status spend_step(struct call *c, struct change *ch, uint64_t user_id, const struct second_factor_claim *claim,
                         const struct db_rows *row, bool *ret)
{
    size_t n;
    int64_t step;
    struct db_rows *rows;
    const uint8_t *secret;
    status st = read_secret(c, user_id, row, &secret, &n);
    if (st != ST_OK)
        return st;
    *ret = totp_match(secret, n, claim->code, clock_wall_ms() / 1000, &step) && step > db_i64(row, 0, LAST_STEP);
    return *ret ? change_query(ch, &rows, "UPDATE totp SET last_step = $2 WHERE user_id = $1", DB_ID(user_id),
                               DB_I64(step))
                : ST_OK;
}

/* The window begins with the first wrong code. */
static status count_wrong(struct call *c, struct change *ch, uint64_t user_id, bool first)
{
    struct db_rows *rows;
    metric_add(&wrong_total, 1);
    status st =
        change_query(ch, &rows,
                     "UPDATE totp SET failures = CASE WHEN $2 THEN 1 ELSE failures + 1 END, "
                     "failures_at = CASE WHEN $2 THEN clock_timestamp() ELSE failures_at END WHERE user_id = $1",
                     DB_ID(user_id), DB_BOOL(first));
    if (st == ST_OK)
        st = change_commit(ch);
    return st == ST_OK ? call_fail(c, ST_MFA_BAD_CODE, "a wrong code of user %" PRIu64, user_id) : st;
}

static status forgive(struct change *ch, uint64_t user_id)
{
    struct db_rows *rows;
    return change_query(ch, &rows, "UPDATE totp SET failures = 0 WHERE user_id = $1 AND failures > 0", DB_ID(user_id));
}

status second_factor_require(struct call *c, struct change *ch, uint64_t user_id,
                             const struct second_factor_claim *claim)
{
    struct db_rows *row;
    bool good = false;
    status st = load(c, ch, user_id, &row);
    if (st != ST_OK)
        return st;
    int64_t failures = db_i64(row, 0, FAILURES);
    if (failures >= SECOND_FACTOR_FAILURES)
        return locked(c, row);
    st = claim->recovery ? spend_recovery(ch, user_id, claim, &good) : spend_step(c, ch, user_id, claim, row, &good);
    if (st != ST_OK)
        return st;
    return good ? forgive(ch, user_id) : count_wrong(c, ch, user_id, failures == 0);
}

/* ---- Recovery codes ------------------------------------------------------------------------------------------------
 */

/* 36 letters and digits: 41 bits, and argon2 behind them. */
static char *make_code(struct arena *a)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char *code = arena_alloc(a, RECOVERY_CODE_LETTERS + 1);
    for (int i = 0; i < RECOVERY_CODE_LETTERS; i++)
        code[i] = letters[randombytes_uniform(sizeof letters - 1)];
    code[RECOVERY_CODE_LETTERS] = '\0';
    return code;
}

status recovery_codes_make(struct call *c, bool keep_salt, struct recovery_codes *ret)
{
    if (!keep_salt)
        randombytes_buf(ret->salt, sizeof ret->salt);
    for (int i = 0; i < RECOVERY_CODES; i++) {
        ret->texts[i] = make_code(call_arena(c));
        if (!recovery_hash(ret->texts[i], ret->salt, ret->hashes[i]))
            return call_fail(c, ST_OVERLOADED, "no memory for argon2");
    }
    return ST_OK;
}

status recovery_codes_store(struct change *ch, uint64_t user_id, const struct recovery_codes *codes)
{
    struct db_blob hashes[RECOVERY_CODES];
    struct db_rows *rows;
    for (int i = 0; i < RECOVERY_CODES; i++)
        hashes[i] = (struct db_blob){codes->hashes[i], RECOVERY_HASH_N};
    status st = change_query(ch, &rows, "DELETE FROM recovery_codes WHERE user_id = $1", DB_ID(user_id));
    return st == ST_OK ? change_query(ch, &rows,
                                      "INSERT INTO recovery_codes (user_id, position, hash) SELECT $1, n, h FROM "
                                      "unnest($2::bytea[]) WITH ORDINALITY AS t (h, n)",
                                      DB_ID(user_id), DB_BYTES_ARRAY(hashes, RECOVERY_CODES))
                       : st;
}

/* ---- Enrolling -----------------------------------------------------------------------------------------------------
 */

static status mark(struct call *c, struct change *ch, uint64_t user_id, bool enrolled)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "UPDATE users u SET mfa = $2 WHERE u.id = $1 RETURNING " ROWS_ME,
                             DB_ID(user_id), DB_BOOL(enrolled));
    if (st == ST_OK && !db_count(rows))
        st = call_fail(c, ST_UNAUTHORIZED, "user %" PRIu64 " is gone", user_id);
    if (st == ST_OK)
        change_add(ch, user_id, user_id, 0,
                   ROWS_EVENT(call_arena(c), user_update, rows_own_user(call_arena(c), rows, 0, 0)));
    return st;
}

status second_factor_enrol(struct call *c, struct change *ch, uint64_t user_id, const uint8_t *secret, size_t n,
                           int64_t step, const struct recovery_codes *codes)
{
    struct db_rows *rows;
    size_t n_sealed = 0;
    const uint8_t *sealed = second_factor_seals(chat_of(c)) ? seal_close(call_arena(c), chat_of(c)->config.seal_key,
                                                                         user_id, secret, n, &n_sealed)
                                                            : NULL;
    status st = change_query(ch, &rows,
                             "INSERT INTO totp (user_id, secret, last_step, salt, sealed) VALUES ($1, $2, $3, $4, $5) "
                             "ON CONFLICT DO NOTHING",
                             DB_ID(user_id), DB_BYTES(secret, sealed ? 0 : n), DB_I64(step),
                             DB_BYTES(codes->salt, RECOVERY_SALT_N), sealed ? DB_BYTES(sealed, n_sealed) : DB_NULL);
    if (st == ST_OK && !db_affected(rows))
        st = call_fail(c, ST_MFA_ENROLLED, "user %" PRIu64 " has one", user_id);
    if (st == ST_OK)
        st = recovery_codes_store(ch, user_id, codes);
    return st == ST_OK ? mark(c, ch, user_id, true) : st;
}

status second_factor_drop(struct call *c, struct change *ch, uint64_t user_id)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "DELETE FROM totp WHERE user_id = $1", DB_ID(user_id));
    if (st == ST_OK && !db_affected(rows))
        st = not_enrolled(c, user_id);
    return st == ST_OK ? mark(c, ch, user_id, false) : st;
}

/* ---- Sealing what lies open ---------------------------------------------------------------------------------------- */

enum { SEAL_AT_ONCE = 100 };

bool second_factor_seals(const struct chat *chat)
{
    return chat->config.seal_key && clock_mono_ms() - chat->started_ms >= chat->config.seal_after_ms;
}

static status seal_row(struct call *c, struct change *ch, const struct db_rows *rows, unsigned row)
{
    struct db_rows *none;
    size_t n, n_sealed;
    const uint64_t user = db_u64(rows, row, 0);
    const uint8_t *secret = db_bytes(rows, row, 1, &n);
    const uint8_t *sealed = seal_close(call_arena(c), chat_of(c)->config.seal_key, user, secret, n, &n_sealed);
    return change_query(ch, &none, "UPDATE totp SET sealed = $2, secret = '' WHERE user_id = $1", DB_ID(user),
                        DB_BYTES(sealed, n_sealed));
}

status second_factor_seal_some(struct call *c, bool *ret_more)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *rows;
    *ret_more = false;
    if (!second_factor_seals(chat_of(c)))
        return ST_OK;
    status st = change_begin(c, NULL, 0, ST_INTERNAL, &ch);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "SELECT user_id, secret FROM totp WHERE sealed IS NULL LIMIT $1 FOR UPDATE SKIP LOCKED",
                          DB_I64(SEAL_AT_ONCE));
    for (unsigned i = 0; st == ST_OK && i < db_count(rows); i++)
        st = seal_row(c, ch, rows, i);
    if (st == ST_OK)
        *ret_more = db_count(rows) == SEAL_AT_ONCE;
    return st == ST_OK ? change_commit(ch) : st;
}
