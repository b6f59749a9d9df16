/* tickets.h - secrets that somebody is handed for one use and a while: the half of a login that the password was,
 * nonces, links in mails. 256 random bits as letters and digits; only their BLAKE2b-256 hash is kept. What expired is
 * removed by the janitor. */
#pragma once
#include "services/chat/change.h"

/* The numbers are in the database. */
enum ticket_purpose {
    TICKET_LOGIN = 1,     /* the password was right: the second factor is asked */
    TICKET_CODES = 2,     /* to see which recovery codes are left */
    TICKET_VERIFY = 4,    /* in a mail: this address is the user's; data: the address */
    TICKET_RESET = 5,     /* in a mail: choose a new password; data: the address */
    TICKET_CODES_NEW = 3, /* to have them made anew */
    TICKET_EVIDENCE = 7,  /* in links: files of a report; not spent by it. data: the report's id */
    TICKET_EXPORT = 6,    /* in a link: download one's last export; not spent by it */
};
/* How many of a purpose a user has at once; the oldest goes for one more. */
enum { TICKETS_MAX = 5 };

/* d: a lease or change_db(). *ret: the text, which exists nowhere else. data: kept with it; may be NULL. */
status ticket_issue(struct call *, struct db *, uint64_t user_id, enum ticket_purpose, const char *data,
                    char **ret) MUST_CHECK;
/* The same for a thread that has no call. */
status ticket_insert(struct db *, struct arena *, int64_t deadline_ms, uint64_t user_id, enum ticket_purpose,
                     const char *data, char **ret) MUST_CHECK;
/* Takes one back that did not reach anybody. */
status ticket_withdraw(struct db *, struct arena *, int64_t deadline_ms, const char *ticket) MUST_CHECK;
/* Whose it is; 0: nobody's, or expired, or spent. */
status ticket_owner(struct call *, struct db *, const char *ticket, enum ticket_purpose,
                    uint64_t *ret_user_id) MUST_CHECK;
/* The same, with what was kept with it, or "". */
status ticket_look(struct call *, struct db *, const char *ticket, enum ticket_purpose, uint64_t *ret_user_id,
                   const char **ret_data) MUST_CHECK;
/* In a change that holds the user's scope. *ret: it was good until now, and is no more. *ret_data: what was kept with
 * it, or ""; may be NULL. */
status ticket_spend(struct change *, uint64_t user_id, const char *ticket, enum ticket_purpose, bool *ret,
                    const char **ret_data) MUST_CHECK;
/* Ends those that the user has: with the tokens, when what they were based on has changed. An address stays the user's.
 */
status ticket_end_logins(struct change *, uint64_t user_id) MUST_CHECK;
/* Ends those that went to the user's address: it is another now. */
status ticket_end_mailed(struct change *, uint64_t user_id) MUST_CHECK;
