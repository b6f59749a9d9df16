/* direct.h - direct messages, one to one and in groups: channels without a guild, each with a feed of its own whose
 * scope is the channel.
 *
 * Who is in a DM stands in dm_recipients. Who is in one and is shown it has a direct_opened in the own feed: the
 * position from which on the DM's entries are the user's. A DM of two that somebody closed, or was never shown, is
 * shown to them again before the next message is stored: closing it raises the epoch, so a message whose sender saw it
 * open comes back as stale. A group is always shown; leaving it is for good, and raises the epoch too. */
#pragma once
#include "hubbub/v1/people.pb-c.h"
#include "services/chat/access.h"

enum { DIRECT_GROUP_MAX = 10 /* people in a group */ };

/* ST_OK unless the caller may not write to one of the users. ST_UNKNOWN_USER; ST_CANNOT_DM for who blocked the caller
 * or is blocked by them, or is neither a friend nor in a guild with them. */
status direct_check_reach(struct call *, struct db *, const uint64_t *users, size_t n) MUST_CHECK;
/* The same for the other one of a DM of two; a group has no such rule. */
status direct_may_send(struct call *, struct db *, const struct access *) MUST_CHECK;
/* Shows a DM of two to both. */
status direct_show_to_all(struct call *, uint64_t channel_id) MUST_CHECK;

/* As the viewer sees it: without them among the recipients (0: with everybody). */
status direct_load(struct call *, struct db *, uint64_t channel_id, uint64_t viewer,
                   Hubbub__V1__Channel **ret) MUST_CHECK;
/* What the user is shown, by id, with the heads of the feeds. */
status direct_load_shown(struct call *, struct db *, uint64_t user_id, Hubbub__V1__DirectOpened ***ret,
                         size_t *ret_n) MUST_CHECK;

/* Whether the channel is a DM; false for one that does not exist. */
status direct_is(struct call *, uint64_t channel_id, bool *ret) MUST_CHECK;
/* The caller, who is in it, gives a group a name or an icon, or, who owns it, gives it to another who is in it
 * (ST_MISSING_PERMISSIONS, ST_INVALID_RECIPIENTS). ST_NOT_ON_DM for a DM of two. */
status direct_edit(struct call *, const Hubbub__V1__EditChannelRequest *, Hubbub__V1__Channel *ret) MUST_CHECK;
/* The group goes on under whoever has been there longest of the others; in a change that holds its feed. */
status direct_pass_on(struct call *, struct change *, uint64_t channel_id, uint64_t user_id) MUST_CHECK;
/* channel_update with the recipients as they are now; in a change that holds the DM's feed. */
status direct_add_update(struct call *, struct change *, uint64_t channel_id) MUST_CHECK;
/* The caller closes a DM of two, or leaves a group. */
status direct_close(struct call *, uint64_t channel_id, Hubbub__V1__Channel *ret) MUST_CHECK;
/* Adds to the user's feed that they are shown the DM from the position on; in a change that holds their feed. */
status direct_add_opened(struct call *, struct change *, uint64_t channel_id, uint64_t user_id,
                         uint64_t position) MUST_CHECK;
/* Shows it to one who is in it, from now on, if it is not shown; in a change that holds their feed. */
status direct_show(struct call *, struct change *, uint64_t channel_id, uint64_t user_id) MUST_CHECK;
/* Takes the user out of the group; the change holds the group's feed and the user's. */
status direct_remove(struct call *, struct change *, const struct access *, uint64_t user_id) MUST_CHECK;
