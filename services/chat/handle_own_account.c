/* handle_own_account.c - the service OwnAccount. Who asks proves it by the password, and by the second factor where there
 * is one; argon2 runs before the change begins, and what it was computed from is compared again inside. */
#include "services/chat/account_end.h"
#include "services/chat/accounts.h"
#include "services/chat/chat.h"
#include "services/chat/export.h"
#include "services/chat/handlers.h"
#include "services/chat/second_factor.h"
#include <inttypes.h>

static status has_factor(struct call *c, bool *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, "SELECT FROM users WHERE id = $1 AND mfa", DB_ID(call_user(c)));
    if (st == ST_OK)
        *ret = db_count(rows) > 0;
    return st;
}

struct proof {
    const char *hash;
    bool factor;
    struct second_factor_claim claim; /* when there is a factor */
};

static status prepare(struct call *c, const Hubbub__V1__ProvenRequest *req, struct proof *p)
{
    status st = account_require_password(c, req->password, &p->hash);
    if (st == ST_OK)
        st = has_factor(c, &p->factor);
    if (st != ST_OK || !p->factor)
        return st;
    if (!req->code || !*req->code)
        return call_fail(c, ST_MFA_BAD_CODE, "none was sent");
    return second_factor_prepare(c, call_user(c), req->code, &p->claim);
}

/* Begins a change of the caller in which the proof was right. */
static status begin_proven(struct call *c, const Hubbub__V1__ProvenRequest *req, struct change **ret)
{
    const uint64_t user = call_user(c);
    struct proof p;
    status st = prepare(c, req, &p);
    if (st == ST_OK)
        st = change_begin(c, &user, 1, ST_UNAUTHORIZED, ret);
    if (st == ST_OK && p.factor)
        st = second_factor_require(c, *ret, user, &p.claim);
    return st == ST_OK ? account_require_unchanged(c, *ret, user, p.hash) : st;
}

static status disable(struct call *c, const Hubbub__V1__ProvenRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = begin_proven(c, req, &ch);
    if (st == ST_OK)
        st = account_disable_self(c, ch, call_user(c));
    return st == ST_OK ? change_commit(ch) : st;
}

static status delete_account(struct call *c, const Hubbub__V1__ProvenRequest *req, Hubbub__V1__Empty *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = begin_proven(c, req, &ch);
    if (st == ST_OK)
        st = account_anonymise(c, ch, call_user(c));
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        account_erase_now_or_later(c, call_user(c));
    return st;
}

static status request_export(struct call *c, const Hubbub__V1__ProvenRequest *req, Hubbub__V1__DataExport *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = begin_proven(c, req, &ch);
    if (st == ST_OK)
        st = export_request(c, ch);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st != ST_OK)
        return st;
    chat_wake_accounts(c);
    return export_load(c, resp);
}

static status get_export(struct call *c, const Hubbub__V1__Empty *req, Hubbub__V1__DataExport *resp)
{
    return export_load(c, resp);
}

static status download(struct call *c, const Hubbub__V1__ExportTicket *req, void *none)
{
    return export_send(c, req->ticket ? req->ticket : "");
}

const struct hubbub__v1__own_account__handlers own_account_handlers = {
    .disable = disable,
    .delete = delete_account,
    .request_export = request_export,
    .get_export = get_export,
    .download = download,
};
