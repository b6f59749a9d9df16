/* mentions.h - whom a message mentions, as rows that unread mentions are counted from: one a mentioned user and role,
 * and one with the scope's id (the guild, the DM) for @everyone, so that no message costs a row a member. */
#pragma once
#include "hubbub/v1/messages.pb-c.h"
#include "services/chat/change.h"

#define MENTION_TARGETS_MAX(m) ((m)->n_mentions + (m)->n_mention_roles + 1)
/* Fills ret, which has room for MENTION_TARGETS_MAX: each once, never the author. Returns how many. Pure. */
size_t mention_targets(const Hubbub__V1__Message *, uint64_t author_id, uint64_t scope_id, uint64_t *ret);
/* Of a message that was just stored in the change; the writer does it for its own. */
status mentions_store(struct call *, struct change *, const Hubbub__V1__Message *, uint64_t scope_id) MUST_CHECK;
/* After an edit. */
status mentions_replace(struct call *, struct change *, const Hubbub__V1__Message *, uint64_t scope_id) MUST_CHECK;
