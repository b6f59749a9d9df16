/* message_forward.h - message_reference: replies, and forwards, whose content is copied when they are sent. */
#pragma once
#include "services/chat/access.h"
#include "services/chat/message_rows.h"

enum { REFERENCE_REPLY = 0, REFERENCE_FORWARD = 1 };
static inline bool reference_is_forward(const Hubbub__V1__MessageReference *or_null)
{
    return or_null && or_null->type == REFERENCE_FORWARD;
}
/* Makes m a reply to, or a forward of, what the request refers to; NULL: neither.
 * A reply: the message stands in this channel and a person wrote it. It is gone, or stands elsewhere: ST_INVALID_FORM,
 * or (fail_if_not_exists false) m stays an ordinary message. *ret_author: whose it is; 0 when there is none.
 * A forward: m has nothing of its own; ST_FORWARD_UNREADABLE unless the caller reads the other channel's history. Its
 * files get ids of their own, so they are read as long as the forward is there. */
status reference_set(struct call *, struct db *, const struct access *, const Hubbub__V1__MessageReference *or_null,
                     Hubbub__V1__Message *m, uint64_t *ret_author) MUST_CHECK;
