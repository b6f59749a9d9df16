/* message_remove.h - the end of messages: the rows, and what hangs on them (files, reactions). */
#pragma once
#include "services/chat/change.h"

/* Removes those of the n messages that are there and adds one message_delete_bulk that names them; none when nothing
 * was there. Inside a change that holds the guild's scope; n <= 100, so that it is short. *ret_n (may be NULL): how
 * many. */
status message_remove_many(struct call *, struct change *, uint64_t guild_id, uint64_t channel_id, const uint64_t *ids,
                           size_t n, size_t *ret_n) MUST_CHECK;
