/* mail.h - one mail to one address over SMTP, through libcurl: the only place that knows it. Any thread; blocks for at
 * most MAIL_TIMEOUT_S. Addresses and texts are never logged here. */
#pragma once
#include "lib/base/status.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { MAIL_CONNECT_S = 10, MAIL_TIMEOUT_S = 30, MAIL_CHECK_S = 8, MAIL_ERROR_BYTES = 256 };

enum mail_tls {
    MAIL_TLS_REQUIRE, /* STARTTLS, or smtps://: no mail goes and nothing is told without */
    MAIL_TLS_TRY,
    MAIL_TLS_OFF,
};
struct mail_config {
    const char *url;             /* smtp://host:587 or smtps://host:465; "": no mail is sent */
    const char *user, *password; /* user "": no login */
    const char *from;            /* "a@example.org" or "Name <a@example.org>" */
    const char *ca;              /* a PEM file that signs the server's certificate; "": the system's */
    enum mail_tls tls;
};
struct mail {
    uint64_t id; /* of the Message-ID: the same for each try, so that a mail that came twice can be known */
    const char *to, *subject, *text; /* subject: ASCII, one line; text: UTF-8 */
};
enum mail_result {
    MAIL_SENT,
    MAIL_REFUSED, /* for good: the server will never take it */
    MAIL_LATER,   /* it is away, busy, or does not know us */
};

/* Once, before the first thread. */
void mail_start(void);
/* NULL, or why nothing could be sent by it. */
const char *mail_config_wrong(const struct mail_config *);
static inline bool mail_is_on(const struct mail_config *c)
{
    return c->url && *c->url;
}
/* Ends early, as MAIL_LATER, once *stop is true. error: why not, without the address; "" when sent. */
enum mail_result mail_send(const struct mail_config *, const struct mail *, const atomic_bool *stop,
                           char error[MAIL_ERROR_BYTES]) MUST_CHECK;
/* Connects, greets, encrypts and logs in, within MAIL_CHECK_S. */
bool mail_check(const struct mail_config *, char error[MAIL_ERROR_BYTES]) MUST_CHECK;
