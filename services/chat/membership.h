/* membership.h - how a member leaves, which four services need: kick, leave, an application's end, and tests of both.
 */
#pragma once
#include "services/chat/change.h"

/* Inside a change that holds the guild's scope and the user's: removes the member and, for a bot, its managed roles;
 * writes the entries, raises the fence. ST_UNKNOWN_MEMBER when there is none. */
status member_remove(struct call *, struct change *, uint64_t guild_id, uint64_t user_id) MUST_CHECK;
/* The user leaves every guild, one transaction each: no guild waits for another. ST_INVALID_GUILD when one is the user's
 * own. What broke off is finished by calling again. */
status member_leave_all(struct call *, uint64_t user_id) MUST_CHECK;
