/* handle_second_factor.c - the service SecondFactor. argon2 runs before the change begins; what it was computed from is
 * compared again inside. */
#include "lib/base/clock.h"
#include "services/chat/account_end.h"
#include "services/chat/accounts.h"
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/second_factor.h"
#include "services/chat/tickets.h"
#include "services/chat/tokens.h"
#include "services/chat/totp.h"
#include <inttypes.h>

static const char *text_of(const char *s)
{
    return s ? s : "";
}

static Hubbub__V1__RecoveryCode *code_of(struct call *c, const char *text, bool used)
{
    Hubbub__V1__RecoveryCode *r = PB_NEW(call_arena(c), Hubbub__V1__RecoveryCode, hubbub__v1__recovery_code);
    PB_SET(r, user_id, call_user(c));
    r->code = (char *)text;
    PB_SET(r, consumed, used);
    return r;
}

static Hubbub__V1__RecoveryCode **shown(struct call *c, const struct recovery_codes *codes)
{
    Hubbub__V1__RecoveryCode **list = ARENA_ARRAY(call_arena(c), Hubbub__V1__RecoveryCode *, RECOVERY_CODES);
    for (int i = 0; i < RECOVERY_CODES; i++)
        list[i] = code_of(c, codes->texts[i], false);
    return list;
}

/* All tokens of the user end, this one is new. */
static status renew(struct call *c, struct change *ch, const char *user_agent, char **ret)
{
    status st = token_revoke_all(c, ch, call_user(c));
    return st == ST_OK ? token_issue(c, change_db(ch), call_user(c), user_agent, ret) : st;
}

/* ---- Enable, disable -----------------------------------------------------------------------------------------------
 */

static status check_absent(struct call *c)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, "SELECT FROM users WHERE id = $1 AND mfa", DB_ID(call_user(c)));
    return st == ST_OK && db_count(rows) ? call_fail(c, ST_MFA_ENROLLED, "it is on already") : st;
}

static status enable(struct call *c, const Hubbub__V1__EnableTotpRequest *req, Hubbub__V1__EnableTotpResponse *resp)
{
    const char *hash;
    const uint8_t *secret;
    size_t n;
    int64_t step;
    uint64_t user = call_user(c);
    struct recovery_codes codes;
    status st = check_absent(c);
    if (st == ST_OK)
        st = account_require_password(c, req->password, &hash);
    if (st != ST_OK)
        return st;
    if (!totp_read_secret(call_arena(c), text_of(req->secret), &secret, &n))
        return call_fail(c, ST_MFA_BAD_SECRET, "no base32 of %d to %d bytes", TOTP_SECRET_MIN, TOTP_SECRET_MAX);
    if (!totp_match(secret, n, text_of(req->code), clock_wall_ms() / 1000, &step))
        return call_fail(c, ST_MFA_BAD_CODE, "not a code of the secret");
    st = recovery_codes_make(c, false, &codes);
    if (st != ST_OK)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    st = change_begin(c, &user, 1, ST_UNAUTHORIZED, &ch);
    if (st == ST_OK)
        st = account_require_unchanged(c, ch, user, hash);
    if (st == ST_OK)
        st = second_factor_enrol(c, ch, user, secret, n, step, &codes);
    if (st == ST_OK)
        st = renew(c, ch, req->user_agent, &resp->token);
    if (st == ST_OK)
        st = change_commit(ch);
    resp->n_backup_codes = RECOVERY_CODES;
    resp->backup_codes = shown(c, &codes);
    return st;
}

/* Begins a change of the user in which the code was right. */
static status begin_proven(struct call *c, uint64_t user_id, const char *code, struct change **ret)
{
    struct second_factor_claim claim;
    status st = second_factor_prepare(c, user_id, code, &claim);
    if (st == ST_OK)
        st = change_begin(c, &user_id, 1, ST_UNAUTHORIZED, ret);
    return st == ST_OK ? second_factor_require(c, *ret, user_id, &claim) : st;
}

static status disable(struct call *c, const Hubbub__V1__DisableTotpRequest *req, Hubbub__V1__TokenResponse *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = begin_proven(c, call_user(c), req->code, &ch);
    if (st == ST_OK)
        st = second_factor_drop(c, ch, call_user(c));
    if (st == ST_OK)
        st = renew(c, ch, req->user_agent, &resp->token);
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Recovery codes ------------------------------------------------------------------------------------------------
 */

static status challenge(struct call *c, const Hubbub__V1__RecoveryCodesChallengeRequest *req,
                        Hubbub__V1__RecoveryCodesChallenge *resp)
{
    const char *hash;
    status st = account_require_password(c, req->password, &hash);
    if (st != ST_OK)
        return st;
    DB_LEASED struct db *d = NULL;
    st = chat_lease(c, &d);
    if (st == ST_OK)
        st = ticket_issue(c, d, call_user(c), TICKET_CODES, NULL, &resp->nonce);
    if (st == ST_OK)
        st = ticket_issue(c, d, call_user(c), TICKET_CODES_NEW, NULL, &resp->regenerate_nonce);
    return st;
}

/* Which are used: their texts are not known any more. */
static status list_codes(struct call *c, struct change *ch, Hubbub__V1__RecoveryCodeList *resp)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "SELECT used FROM recovery_codes WHERE user_id = $1 ORDER BY position",
                             DB_ID(call_user(c)));
    if (st != ST_OK)
        return st;
    resp->n_backup_codes = db_count(rows);
    resp->backup_codes = ARENA_ARRAY(call_arena(c), Hubbub__V1__RecoveryCode *, resp->n_backup_codes);
    for (unsigned i = 0; i < resp->n_backup_codes; i++)
        resp->backup_codes[i] = code_of(c, "********", db_bool(rows, i, 0));
    return ST_OK;
}

static status spend_nonce(struct call *c, struct change *ch, const Hubbub__V1__RecoveryCodesRequest *req)
{
    bool good;
    status st = ticket_spend(ch, call_user(c), text_of(req->nonce), req->regenerate ? TICKET_CODES_NEW : TICKET_CODES,
                             &good, NULL);
    return st == ST_OK && !good ? call_fail(c, ST_MFA_BAD_NONCE, "the nonce is spent, or of something else") : st;
}

static status view_codes(struct call *c, const Hubbub__V1__RecoveryCodesRequest *req,
                         Hubbub__V1__RecoveryCodeList *resp)
{
    struct recovery_codes codes;
    status st = second_factor_salt(c, call_user(c), codes.salt);
    if (st == ST_OK && req->regenerate)
        st = recovery_codes_make(c, true, &codes);
    if (st != ST_OK)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    st = begin_proven(c, call_user(c), req->key, &ch);
    if (st == ST_OK)
        st = spend_nonce(c, ch, req);
    if (st == ST_OK && !req->regenerate)
        st = list_codes(c, ch, resp);
    if (st == ST_OK && req->regenerate) {
        st = recovery_codes_store(ch, call_user(c), &codes);
        resp->n_backup_codes = RECOVERY_CODES;
        resp->backup_codes = shown(c, &codes);
    }
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Login ---------------------------------------------------------------------------------------------------------
 */

static status bad_ticket(struct call *c)
{
    return call_fail(c, ST_MFA_BAD_TICKET, "the ticket is spent, expired, or nobody's");
}

static status find_owner(struct call *c, const char *ticket, uint64_t *ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = ticket_owner(c, d, ticket, TICKET_LOGIN, ret);
    return st == ST_OK && !*ret ? bad_ticket(c) : st;
}

/* A new password, a disabled account and the like have ended the ticket. */
static status finish_login(struct call *c, const Hubbub__V1__FinishLoginRequest *req, Hubbub__V1__TokenResponse *resp)
{
    uint64_t user;
    bool good;
    const char *ticket = text_of(req->ticket);
    status st = find_owner(c, ticket, &user);
    if (st != ST_OK)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    st = begin_proven(c, user, req->code, &ch);
    if (st == ST_OK)
        st = ticket_spend(ch, user, ticket, TICKET_LOGIN, &good, NULL);
    if (st == ST_OK && !good)
        st = bad_ticket(c);
    if (st == ST_OK)
        st = account_wake(ch, user);
    if (st == ST_OK)
        st = token_issue(c, change_db(ch), user, req->user_agent, &resp->token);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        PB_SET(resp, user_id, user);
    return st;
}

const struct hubbub__v1__second_factor__handlers second_factor_handlers = {
    .enable = enable,
    .disable = disable,
    .challenge = challenge,
    .view_codes = view_codes,
    .finish_login = finish_login,
};
