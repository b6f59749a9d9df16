#include "services/chat/outbox.h"
#include "services/chat/accounts.h"
#include "services/chat/chat.h"

enum { FULL_RETRY_MS = 60000 };

bool outbox_is_on(struct call *c)
{
    return mail_is_on(&chat_of(c)->config.mail);
}

status outbox_require(struct call *c)
{
    return outbox_is_on(c) ? ST_OK : call_fail(c, ST_MAIL_OFF, "HUBBUB_SMTP_URL is not set");
}

#define HAS_ROOM(max) " WHERE (SELECT count(*) FROM (SELECT FROM outbox LIMIT " max ") x) < " max

static status full(struct call *c)
{
    call_retry_after(c, FULL_RETRY_MS);
    return call_fail(c, ST_OVERLOADED, "%d mails wait", OUTBOX_MAX);
}

status outbox_add(struct call *c, struct change *ch, uint64_t user_id, enum outbox_kind kind, const char *recipient)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "INSERT INTO outbox (kind, user_id, recipient) SELECT $1, $2, $3" HAS_ROOM("$4::bigint"),
                             DB_I64(kind), DB_ID(user_id), DB_TEXT(recipient), DB_I64(OUTBOX_MAX));
    return st == ST_OK && !db_affected(rows) ? full(c) : st;
}

/* A row is written for nobody too: a commit with nothing in it would be faster. */
status outbox_add_for_login(struct call *c, const char *login, enum outbox_kind kind)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "INSERT INTO outbox (kind, user_id, recipient) SELECT $1, u.id, u.email FROM (VALUES (1)) one "
                        "LEFT JOIN users u ON NOT u.bot AND (NOT u.disabled OR u.self_disabled) AND u.email IS NOT NULL AND "
                        "(" ACCOUNT_SAME_NAME("u.username",
                                              "$2") " OR lower(u.email) = lower($2))" HAS_ROOM("$3::bigint") " LIMIT 1",
                        DB_I64(kind), DB_TEXT(login), DB_I64(OUTBOX_MAX));
    return st == ST_OK && !db_affected(rows) ? full(c) : st;
}
