/* outbox.h - mails that are to be sent: a row is written with the change that it tells of, so it is sent if and only if
 * that was committed; a worker sends them (mailer.h). A row holds no secret: the link's token is made when it is sent.
 */
#pragma once
#include "services/chat/change.h"

/* The numbers are in the database. */
enum outbox_kind {
    OUTBOX_VERIFY = 1,  /* to the address that the user has now: is it yours? */
    OUTBOX_RESET = 2,   /* to the same: choose a new password */
    OUTBOX_CHANGED = 3, /* to the one that was theirs before */
};
/* OUTBOX_MAX mails wait at most; one more is refused with ST_OVERLOADED. */
enum { OUTBOX_MAX = 10000 };

/* ST_MAIL_OFF, for the caller, when this server sends none. */
status outbox_require(struct call *) MUST_CHECK;
bool outbox_is_on(struct call *);
status outbox_add(struct call *, struct change *, uint64_t user_id, enum outbox_kind, const char *recipient) MUST_CHECK;
/* A mail to whoever has the name or address; the same work, and the same answer, when nobody has. */
status outbox_add_for_login(struct call *, const char *login, enum outbox_kind) MUST_CHECK;
