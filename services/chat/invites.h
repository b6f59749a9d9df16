/* invites.h - using an invite: what accepting one and registering by one share. */
#pragma once
#include "services/chat/change.h"
#include "services/chat/rows.h"

/* The guild of a code that can be used now; ST_UNKNOWN_INVITE otherwise. No lock: invite_use decides. */
status invite_guild(struct call *, const char *code, uint64_t *ret_guild_id) MUST_CHECK;
/* Inside a change that holds the guild's scope and the user's: counts one use, deletes the invite when that was the
 * last, and makes the user a member. Exact under any number of callers, by the guild's feeds row; expiry by
 * PostgreSQL's clock. A member already: no use is counted. ST_UNKNOWN_INVITE, ST_MAX_GUILDS. */
status invite_use(struct call *, struct change *, const char *code, uint64_t user_id,
                  Hubbub__V1__Invite **ret) MUST_CHECK;
