/* crosspost.h - a published message in the channels that follow it.
 *
 * To publish marks a row of `crossposts` for each follower, in the source's change; so do an edit and a removal of the
 * source. Delivery takes the rows that are due, one change of the follower's guild each, and reads the source anew: it
 * writes the message, edits it, or marks that its source is gone. The row is locked and changed in the transaction of
 * the message, so nothing is delivered twice however many deliver and whenever one dies. */
#pragma once
#include "services/chat/access.h"

enum {
    CROSSPOSTS_PER_HOUR = 10,     /* of a channel */
    CROSSPOSTS_AT_ONCE = 64,      /* followers that one round serves */
    CROSSPOST_CHANNELS_MAX = 100, /* of the source's guild that one message names in mention_channels */
};

/* Marks the followers of the channel: the message is published. */
status crosspost_publish(struct change *, uint64_t channel_id, uint64_t message_id) MUST_CHECK;
/* The source was edited. (messages_remove_parts does the same for those that are removed.) */
status crosspost_edited(struct change *, uint64_t channel_id, uint64_t message_id) MUST_CHECK;

/* Delivers some of what is due. *ret_more: there may be more. A follower that cannot be served is left due. */
status crosspost_round(struct call *, bool *ret_more) MUST_CHECK;
