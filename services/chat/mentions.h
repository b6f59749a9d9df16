/* mentions.h - whom a message mentions, as rows that unread mentions are counted from: one a mentioned user and role,
 * and one with the scope's id (the guild, the DM) for @everyone, so that no message costs a row a member. */
#pragma once
#include "hubbub/v1/messages.pb-c.h"
#include "services/chat/change.h"

/* Whom @here reaches: known, the members who were connected when it was written; else it counts as @everyone. A row of
 * a user by @here has the negative of the id, so that one who keeps @everyone quiet keeps these quiet too. */
struct here {
    bool known;
    const uint64_t *users;
    size_t n;
};
enum { HERE_ASKED_MAX = 10000, HERE_USERS_MAX = 2000 }; /* more members, or more of them connected: @everyone */

#define MENTION_TARGETS_MAX(m, here_n) ((m)->n_mentions + (m)->n_mention_roles + 1 + (here_n))
/* Fills ret, which has room for MENTION_TARGETS_MAX: each once, never the author. Returns how many. Pure. */
size_t mention_targets(const Hubbub__V1__Message *, const struct here *or_null, uint64_t author_id, uint64_t scope_id,
                       uint64_t *ret);
/* Whether it mentions by @here alone. */
bool mentions_only_here(const Hubbub__V1__Message *);
/* Asks presence, for HERE_WAIT_MS at most, who of the guild is connected. Without a lease. */
void mentions_find_here(struct call *, uint64_t guild_id, struct here *ret);
/* The counters. */
void mentions_register(void);
/* Of a message that was just stored in the change; the writer does it for its own. */
status mentions_store(struct call *, struct change *, const Hubbub__V1__Message *, uint64_t scope_id) MUST_CHECK;
/* After an edit: whoever @here reached stays reached while it says so, and nobody else is. */
status mentions_replace(struct call *, struct change *, const Hubbub__V1__Message *, uint64_t scope_id) MUST_CHECK;
