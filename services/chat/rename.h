/* rename.h - who is told when a user's names (or picture) change: the members of the user's guilds by
 * GUILD_MEMBER_UPDATE, friends by RELATIONSHIP_UPDATE, and whoever shares a DM by CHANNEL_UPDATE.
 *
 *   rename_begin(c, user, &ch)      the change holds the user's feed and those of the guilds
 *   ... the row is changed ...
 *   rename_tell_guilds(c, ch, user) in the same transaction: no replica of a guild keeps the old name
 *   change_commit(ch)
 *   rename_tell_rest(c, user)       the rest in changes of their own, since there may be thousands
 * What breaks off in the rest is told by the next READY. */
#pragma once
#include "services/chat/change.h"

enum { RENAME_AT_ONCE = 100 }; /* feeds that one change holds beside the user's: as many as a person's guilds */

/* ST_UNAUTHORIZED when the account is gone. */
status rename_begin(struct call *, uint64_t user_id, struct change **ret) MUST_CHECK;
/* Of a bot in more guilds than RENAME_AT_ONCE: those with the lowest ids. */
status rename_tell_guilds(struct call *, struct change *, uint64_t user_id) MUST_CHECK;
/* After the commit; what fails is logged. */
void rename_tell_rest(struct call *, uint64_t user_id);
