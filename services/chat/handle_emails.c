/* handle_emails.c - the service Emails: what a link in a mail proves. A new password is hashed before the change
 * begins. */
#include "services/chat/accounts.h"
#include "services/chat/chat.h"
#include "services/chat/credentials.h"
#include "services/chat/handlers.h"
#include "services/chat/outbox.h"
#include "services/chat/rows.h"
#include "services/chat/tickets.h"
#include "services/chat/tokens.h"
#include <inttypes.h>

static const char *text_of(const char *s)
{
    return s ? s : "";
}

static status bad_token(struct call *c)
{
    return call_fail_field(c, "token", "TOKEN_INVALID", "Invalid token.");
}

/* Whom the token is of. */
static status owner_of(struct call *c, const char *token, enum ticket_purpose purpose, uint64_t *ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = ticket_owner(c, d, token, purpose, ret);
    return st == ST_OK && !*ret ? bad_token(c) : st;
}

static status spend(struct call *c, struct change *ch, uint64_t user, const char *token, enum ticket_purpose purpose,
                    const char **ret_email)
{
    bool good;
    status st = ticket_spend(ch, user, token, purpose, &good, ret_email);
    return st == ST_OK && !good ? bad_token(c) : st;
}

/* ---- The address ---------------------------------------------------------------------------------------------------
 */

static status verify(struct call *c, const Hubbub__V1__VerifyEmailRequest *req, Hubbub__V1__TokenResponse *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *rows;
    uint64_t user;
    const char *email;
    status st = owner_of(c, text_of(req->token), TICKET_VERIFY, &user);
    if (st == ST_OK)
        st = change_begin(c, &user, 1, ST_UNKNOWN_USER, &ch);
    if (st == ST_OK)
        st = spend(c, ch, user, text_of(req->token), TICKET_VERIFY, &email);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "UPDATE users u SET verified = true WHERE u.id = $1 AND lower(u.email) = lower($2) AND NOT "
                          "u.disabled RETURNING " ROWS_ME,
                          DB_ID(user), DB_TEXT(email));
    if (st == ST_OK && !db_count(rows))
        st = bad_token(c);
    if (st != ST_OK)
        return st;
    Hubbub__V1__User *now = rows_own_user(call_arena(c), rows, 0, 0);
    change_add(ch, user, user, 0, ROWS_EVENT(call_arena(c), user_update, now));
    st = change_commit(ch);
    if (st == ST_OK)
        PB_SET(resp, user_id, user);
    return st;
}

static status resend(struct call *c, const Hubbub__V1__Empty *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *rows;
    uint64_t user = call_user(c);
    status st = outbox_require(c);
    if (st == ST_OK)
        st = change_begin(c, &user, 1, ST_UNAUTHORIZED, &ch);
    if (st == ST_OK)
        st = change_query(ch, &rows, "SELECT email FROM users WHERE id = $1 AND email IS NOT NULL AND NOT verified",
                          DB_ID(user));
    if (st != ST_OK || !db_count(rows))
        return st;
    st = outbox_add(c, ch, user, OUTBOX_VERIFY, db_text(rows, 0, 0));
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- The password --------------------------------------------------------------------------------------------------
 */

static status forgot(struct call *c, const Hubbub__V1__ForgotPasswordRequest *req, Hubbub__V1__Empty *resp)
{
    status st = outbox_require(c);
    return st == ST_OK ? outbox_add_for_login(c, text_of(req->login), OUTBOX_RESET) : st;
}

/* Whoever read the mail has the address too. */
static status store_password(struct call *c, struct change *ch, uint64_t user, const char *hash, const char *email,
                             bool *ret_mfa)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "UPDATE users SET password_hash = $2, verified = verified OR coalesce(lower(email) = "
                             "lower($3), false) WHERE id = $1 AND (NOT disabled OR self_disabled) RETURNING mfa",
                             DB_ID(user), DB_TEXT(hash), DB_TEXT(email));
    if (st == ST_OK && !db_count(rows))
        st = bad_token(c);
    if (st == ST_OK)
        *ret_mfa = db_bool(rows, 0, 0);
    return st;
}

static status reset(struct call *c, const Hubbub__V1__ResetPasswordRequest *req, Hubbub__V1__TokenResponse *resp)
{
    uint64_t user;
    bool mfa;
    const char *email, *token = text_of(req->token);
    status st = owner_of(c, token, TICKET_RESET, &user);
    if (st != ST_OK)
        return st;
    char *hash = password_hash(call_arena(c), text_of(req->password));
    if (!hash)
        return call_fail(c, ST_OVERLOADED, "no memory for argon2");
    CHANGE_OWNED struct change *ch = NULL;
    st = change_begin(c, &user, 1, ST_UNKNOWN_USER, &ch);
    if (st == ST_OK)
        st = spend(c, ch, user, token, TICKET_RESET, &email);
    if (st == ST_OK)
        st = store_password(c, ch, user, hash, email, &mfa);
    if (st == ST_OK)
        st = token_revoke_all(c, ch, user);
    if (st == ST_OK)
        st = account_admit(c, ch, user, mfa, req->user_agent, resp);
    return st == ST_OK ? change_commit(ch) : st;
}

const struct hubbub__v1__emails__handlers emails_handlers = {
    .verify = verify,
    .resend = resend,
    .forgot = forgot,
    .reset = reset,
};
