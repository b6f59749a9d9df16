/* slow_mode.h - one message of a user in a channel every so many seconds, exact however many are sent at once.
 *
 * A send is claimed by one statement before its message is stored, under the message's idempotency key: the same
 * message sent again passes, another one within the time does not. A claim whose message was certainly not stored is
 * given back; when that is not known it stays, and the user waits. */
#pragma once
#include "services/chat/access.h"

/* ST_SLOW_MODE with the time that is left, for the client. Nothing to do for who holds BYPASS_SLOWMODE. */
status slow_mode_claim(struct call *, struct db *, const struct access *, const char *key) MUST_CHECK;
/* The key is free for another message: the time counts for it as for any. */
status slow_mode_forget(struct call *, struct db *, uint64_t channel_id, const char *key) MUST_CHECK;
void slow_mode_give_back(struct call *, const struct access *, const char *key);
