#include "services/chat/tokens.h"
#include "services/chat/client_info.h"
#include "services/chat/credentials.h"
#include "services/chat/rows.h"
#include "services/chat/tickets.h"
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

/* FOR SHARE: a change of the password, or the account's disabling, that runs now either ends this token or is seen
 * here. */
status token_issue_if(struct call *c, struct db *d, uint64_t user_id, const char *password_hash, const char *user_agent,
                      char **ret)
{
    uint8_t digest[TOKEN_HASH_N];
    char *token = token_make(call_arena(c), user_id);
    token_hash(token, digest);
    struct client_info client = client_info_of(user_agent);
    struct db_rows *rows;
    status st = chat_query(c, d, &rows,
                           "INSERT INTO tokens (hash, user_id, os, platform) SELECT $1, id, $4, $5 FROM users WHERE "
                           "id = $2 AND ($3::text IS NULL OR (password_hash = $3 AND NOT disabled AND NOT mfa)) FOR SHARE",
                           DB_BYTES(digest, sizeof digest), DB_ID(user_id), DB_TEXT_OR_NULL(password_hash),
                           DB_TEXT_OR_NULL(client.os), DB_TEXT_OR_NULL(client.platform));
    if (st == ST_OK)
        *ret = db_affected(rows) == 1 ? token : NULL;
    return st;
}

status token_issue(struct call *c, struct db *d, uint64_t user_id, const char *user_agent, char **ret)
{
    status st = token_issue_if(c, d, user_id, NULL, user_agent, ret);
    return st == ST_OK && !*ret ? call_fail(c, ST_UNKNOWN_USER, "user %" PRIu64 " is gone", user_id) : st;
}

static const char *without_prefix(const char *token)
{
    static const char *const prefixes[] = {"Bot ", "Bearer "};
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(token, prefixes[i], strlen(prefixes[i])))
            return token + strlen(prefixes[i]);
    return token;
}

status token_resolve(struct call *c, struct db *d, const char *token, Hubbub__V1__Identity *ret)
{
    uint8_t *digest = arena_alloc(call_arena(c), TOKEN_HASH_N);
    token_hash(without_prefix(token), digest);
    struct db_rows *rows;
    status st = chat_query(c, d, &rows,
                           "SELECT u.id, u.bot, u.admin, a.id, a.flags FROM tokens t JOIN users u ON u.id = t.user_id "
                           "LEFT JOIN applications a ON a.bot_id = u.id WHERE t.hash = $1 AND NOT u.disabled",
                           DB_BYTES(digest, TOKEN_HASH_N));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNAUTHORIZED, "the token is nobody's");
    PB_SET(ret, user_id, db_u64(rows, 0, 0));
    PB_SET(ret, bot, db_bool(rows, 0, 1));
    PB_SET(ret, admin, db_bool(rows, 0, 2));
    PB_SET(ret, application_id, db_u64(rows, 0, 3));
    PB_SET(ret, application_flags, db_u64(rows, 0, 4));
    ret->has_token_hash = true;
    ret->token_hash = (ProtobufCBinaryData){TOKEN_HASH_N, digest};
    return ST_OK;
}

status token_note_use(struct call *c, struct db *d, const Hubbub__V1__Identity *who)
{
    struct db_rows *rows;
    return chat_query(c, d, &rows,
                      "WITH t AS (UPDATE tokens SET used_at = clock_timestamp() WHERE hash = $1 AND used_at < "
                      "clock_timestamp() - make_interval(secs => $2) RETURNING user_id) "
                      "UPDATE users SET seen_at = clock_timestamp() WHERE id = (SELECT user_id FROM t)",
                      DB_BYTES(who->token_hash.data, who->token_hash.len), DB_I64(TOKEN_NOTED_S));
}

char *token_id_hash(struct arena *a, const Hubbub__V1__Identity *who)
{
    size_t size = sodium_base64_encoded_len(who->token_hash.len, sodium_base64_VARIANT_ORIGINAL);
    return sodium_bin2base64(arena_alloc(a, size), size, who->token_hash.data, who->token_hash.len,
                             sodium_base64_VARIANT_ORIGINAL);
}

void token_add_revoked(struct call *c, struct change *ch, uint64_t user_id, const struct db_rows *rows)
{
    struct arena *a = call_arena(c);
    unsigned n = db_count(rows);
    if (!n)
        return;
    Hubbub__V1__TokensRevoked *e = PB_NEW(a, Hubbub__V1__TokensRevoked, hubbub__v1__tokens_revoked);
    e->n_token_hashes = n;
    e->token_hashes = ARENA_ARRAY(a, ProtobufCBinaryData, n);
    for (unsigned i = 0; i < n; i++)
        e->token_hashes[i].data = (uint8_t *)db_bytes(rows, i, 0, &e->token_hashes[i].len);
    change_add(ch, user_id, user_id, 0, ROWS_EVENT(a, tokens_revoked, e));
}

status token_revoke_all(struct call *c, struct change *ch, uint64_t user_id)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "DELETE FROM tokens WHERE user_id = $1 RETURNING hash", DB_ID(user_id));
    if (st == ST_OK)
        token_add_revoked(c, ch, user_id, rows);
    return st == ST_OK ? ticket_end_logins(ch, user_id) : st;
}
