/* mailer.h - the thread that sends what stands in the outbox. Any number of chat processes may run one: an advisory
 * lock lets one work, and another takes over when its connection ends. A mail is sent at least once, and twice only
 * when the process or the connection to the server breaks between the server's yes and the row's removal. One that
 * cannot be sent now is tried again after 2 s, 4 s and so on, up to an hour, for MAILER_HOURS; one that the server
 * refuses is given up. A user gets at most MAILER_AN_HOUR of a kind in an hour. All of it is counted. */
#pragma once
#include "lib/db/db.h"
#include "lib/mail/mail.h"

enum { MAILER_HOURS = 24, MAILER_AN_HOUR = 5, MAILER_RETRY_S = 2, MAILER_RETRY_MAX_S = 3600 };

struct mailer;
/* The config and the URL must outlive it. NULL when no mail is sent. */
struct mailer *mailer_create(struct db_pool *, const struct mail_config *, const char *public_url);
/* A mail that is being sent is broken off and sent again by the next. NULL is fine. */
void mailer_destroy(struct mailer *);
