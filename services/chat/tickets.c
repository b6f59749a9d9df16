#include "services/chat/tickets.h"
#include "services/chat/chat.h"
#include "services/chat/credentials.h"

enum { LETTERS = 43 /* of 62: 256 bits */ };

/* How long each is good. */
static int64_t life_s(enum ticket_purpose purpose)
{
    static const int64_t table[] = {[TICKET_LOGIN] = 300,
                                    [TICKET_CODES] = 300,
                                    [TICKET_CODES_NEW] = 300,
                                    [TICKET_VERIFY] = 86400,
                                    [TICKET_RESET] = 3600,
                                    [TICKET_EXPORT] = 3600,
                                    [TICKET_EVIDENCE] = 3600};
    return table[purpose];
}

status ticket_insert(struct db *d, struct arena *a, int64_t deadline_ms, uint64_t user_id, enum ticket_purpose purpose,
                     const char *data, char **ret)
{
    uint8_t digest[TOKEN_HASH_N];
    char *text = code_make(a, LETTERS);
    token_hash(text, digest);
    struct db_rows *rows;
    status st =
        db_run(d, a, deadline_ms, &rows,
               "WITH kept AS (SELECT hash FROM tickets WHERE user_id = $2 AND purpose = $3 ORDER BY created_at "
               "DESC LIMIT $6), gone AS (DELETE FROM tickets WHERE user_id = $2 AND purpose = $3 AND hash NOT IN "
               "(SELECT hash FROM kept)) INSERT INTO tickets (hash, user_id, purpose, data, expires_at) VALUES "
               "($1, $2, $3, $4, clock_timestamp() + make_interval(secs => $5))",
               DB_BYTES(digest, sizeof digest), DB_ID(user_id), DB_I64(purpose), DB_TEXT_OR_NULL(data),
               DB_I64(life_s(purpose)), DB_I64(TICKETS_MAX - 1));
    if (st == ST_OK)
        *ret = text;
    return st;
}

status ticket_issue(struct call *c, struct db *d, uint64_t user_id, enum ticket_purpose purpose, const char *data,
                    char **ret)
{
    status st = ticket_insert(d, call_arena(c), call_deadline_ms(c), user_id, purpose, data, ret);
    return st == ST_OK ? ST_OK : chat_db_failed(c, d, st, "issue a ticket");
}

status ticket_withdraw(struct db *d, struct arena *a, int64_t deadline_ms, const char *ticket)
{
    uint8_t digest[TOKEN_HASH_N];
    token_hash(ticket, digest);
    struct db_rows *rows;
    return db_run(d, a, deadline_ms, &rows, "DELETE FROM tickets WHERE hash = $1", DB_BYTES(digest, sizeof digest));
}

status ticket_look(struct call *c, struct db *d, const char *ticket, enum ticket_purpose purpose,
                   uint64_t *ret_user_id, const char **ret_data)
{
    uint8_t digest[TOKEN_HASH_N];
    token_hash(ticket, digest);
    struct db_rows *rows;
    status st = chat_query(
        c, d, &rows,
        "SELECT user_id, data FROM tickets WHERE hash = $1 AND purpose = $2 AND expires_at > clock_timestamp()",
        DB_BYTES(digest, sizeof digest), DB_I64(purpose));
    if (st != ST_OK)
        return st;
    *ret_user_id = db_count(rows) ? db_u64(rows, 0, 0) : 0;
    *ret_data = db_count(rows) ? db_text(rows, 0, 1) : "";
    return ST_OK;
}

status ticket_owner(struct call *c, struct db *d, const char *ticket, enum ticket_purpose purpose,
                    uint64_t *ret_user_id)
{
    const char *data;
    return ticket_look(c, d, ticket, purpose, ret_user_id, &data);
}

status ticket_spend(struct change *ch, uint64_t user_id, const char *ticket, enum ticket_purpose purpose, bool *ret,
                    const char **ret_data)
{
    uint8_t digest[TOKEN_HASH_N];
    token_hash(ticket, digest);
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "DELETE FROM tickets WHERE hash = $1 AND user_id = $2 AND purpose = $3 AND expires_at > "
                             "clock_timestamp() RETURNING data",
                             DB_BYTES(digest, sizeof digest), DB_ID(user_id), DB_I64(purpose));
    if (st != ST_OK)
        return st;
    *ret = db_count(rows) > 0;
    if (*ret && ret_data)
        *ret_data = db_text(rows, 0, 0);
    return ST_OK;
}

status ticket_end_logins(struct change *ch, uint64_t user_id)
{
    struct db_rows *rows;
    return change_query(ch, &rows, "DELETE FROM tickets WHERE user_id = $1 AND purpose <> $2", DB_ID(user_id),
                        DB_I64(TICKET_VERIFY));
}

status ticket_end_mailed(struct change *ch, uint64_t user_id)
{
    struct db_rows *rows;
    return change_query(ch, &rows, "DELETE FROM tickets WHERE user_id = $1 AND purpose IN ($2, $3)", DB_ID(user_id),
                        DB_I64(TICKET_VERIFY), DB_I64(TICKET_RESET));
}
