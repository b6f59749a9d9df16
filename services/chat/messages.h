/* messages.h - what the handlers of messages, reactions and pins share: the way in, the loads, and what a message shows
 * beside its row. d: a lease or change_db(). */
#pragma once
#include "services/chat/access.h"
#include "services/chat/message_rows.h"

/* The caller in a channel that has messages: access_channel, and ST_NON_TEXT_CHANNEL for a category. */
status messages_access(struct call *, struct db *, uint64_t channel_id, struct access *ret) MUST_CHECK;
/* access_begin_channel, for a channel that has messages. */
status messages_begin(struct call *, uint64_t channel_id, uint64_t bits, struct change **ret_change,
                      struct access *ret) MUST_CHECK;

/* As GET shows it, but for what messages_complete adds. ST_UNKNOWN_MESSAGE. */
status messages_load(struct call *, struct db *, uint64_t channel_id, uint64_t message_id,
                     Hubbub__V1__Message **ret) MUST_CHECK;
/* Whose it is; ST_UNKNOWN_MESSAGE. */
status messages_load_author(struct call *, struct db *, uint64_t channel_id, uint64_t message_id,
                            uint64_t *ret_user) MUST_CHECK;
/* The author's member as an event shows it; *ret stays as it is when they left the guild. */
status messages_load_member(struct call *, struct db *, uint64_t guild_id, uint64_t user_id,
                            Hubbub__V1__Member **ret) MUST_CHECK;

/* The caller as author: the member too, but in a DM. */
status messages_load_self(struct call *, struct db *, const struct access *, Hubbub__V1__User **ret,
                          Hubbub__V1__Member **ret_member) MUST_CHECK;

/* Reactions as the caller sees them, of messages of one channel: one query. */
status messages_load_reactions(struct call *, struct db *, Hubbub__V1__Message *const *, size_t n) MUST_CHECK;
/* referenced_message of those that are replies, of any channels: one query, none when there is no reply. */
status messages_load_references(struct call *, struct db *, Hubbub__V1__Message *const *, size_t n) MUST_CHECK;
/* Both. */
status messages_complete(struct call *, struct db *, Hubbub__V1__Message *const *, size_t n) MUST_CHECK;

/* message_update of m, in the change. */
status messages_add_update(struct call *, struct change *, const struct access *, Hubbub__V1__Message *m) MUST_CHECK;
/* Stores the message, whose author is there, inside the change, and adds its message_create. member: the author's, or
 * NULL. Its id and time are filled. */
status messages_add(struct call *, struct change *, const struct access *, Hubbub__V1__Message *m,
                    Hubbub__V1__Member *member) MUST_CHECK;
/* Stores a message that the system writes in the caller's name, and adds its message_create. m has its channel, type,
 * content and reference; its id, time and author are filled. */
status messages_add_system(struct call *, struct change *, const struct access *, Hubbub__V1__Message *m) MUST_CHECK;
/* "MEMBER is here", MESSAGE_USER_JOIN, in the guild's system channel: unless it has none, or is not to be told. */
status messages_add_join(struct call *, struct change *, uint64_t guild_id, Hubbub__V1__Member *) MUST_CHECK;
/* "... called this NAME", MESSAGE_CHANNEL_NAME_CHANGE of a group DM. */
status messages_add_rename(struct call *, struct change *, const struct access *, char *name) MUST_CHECK;
/* "... changed the icon", MESSAGE_CHANNEL_ICON_CHANGE of a group DM. */
status messages_add_icon_change(struct call *, struct change *, const struct access *) MUST_CHECK;
/* "... added / removed USER", MESSAGE_RECIPIENT_ADD and _REMOVE of a group DM. */
status messages_add_recipient_notice(struct call *, struct change *, const struct access *, int type,
                                     Hubbub__V1__User *user) MUST_CHECK;
/* Of events of one guild: who is mentioned gets their member there. The lists become copies; guild_id 0: nothing. */
status messages_load_mention_members(struct call *, struct db *, uint64_t guild_id, Hubbub__V1__Message *const *events,
                                     size_t n) MUST_CHECK;
Hubbub__V1__Mention *messages_mention(struct arena *, const Hubbub__V1__User *);
/* What goes with messages that were just removed: files, reactions, mentions; who follows them is told (crosspost.h).
 */
status messages_remove_parts(struct change *, uint64_t channel_id, const uint64_t *message_ids, size_t n) MUST_CHECK;
