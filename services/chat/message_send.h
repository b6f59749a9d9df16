/* message_send.h - the one way in which a message is stored, changed and removed, for whoever its author is: a user by
 * its rights, a webhook by its token. */
#pragma once
#include "services/chat/messages.h"

/* In whose name. */
struct message_sender {
    struct access access; /* its epoch is the one that the writer compares; permissions decide what is mentioned */
    Hubbub__V1__User *author;
    Hubbub__V1__Member *member; /* the author's; NULL in a DM and for a webhook */
    uint64_t webhook_id;        /* 0: a user */
};
/* Reads the sender and its right to send this request; called again when rights changed before the message was
 * stored. user: the caller's own. */
typedef status message_sender_fn(struct call *, struct db *, const Hubbub__V1__CreateMessageRequest *, const void *user,
                                 struct message_sender *ret);

/* Stores the message and tells of it. *ret: as GET shows it. */
status message_send(struct call *, const Hubbub__V1__CreateMessageRequest *, message_sender_fn *, const void *user,
                    Hubbub__V1__Message *ret) MUST_CHECK;
/* Inside a change, once it is known that it may be: puts what is present in the request into m (messages_load), stores
 * it and adds message_update. */
status message_edit(struct call *, struct change *, const struct access *, const Hubbub__V1__EditMessageRequest *,
                    Hubbub__V1__Message *m) MUST_CHECK;
/* Inside a change: removes the message for user_id, who is its author or holds MANAGE_MESSAGES by the access (then the
 * audit log has it); adds message_delete. ST_UNKNOWN_MESSAGE, ST_SYSTEM_MESSAGE. */
status message_delete(struct call *, struct change *, const struct access *, uint64_t message_id,
                      uint64_t user_id) MUST_CHECK;
