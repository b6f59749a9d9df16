/* update.h - what is shown of a user as the messages that others get. Pure. */
#pragma once
#include "hubbub/v1/feeds.pb-c.h"
#include "services/presence/store.h"

/* Without guild_id; borrows the strings of the argument. */
Hubbub__V1__PresenceUpdated *update_new(struct arena *, const struct shown *);
/* The packed BusMessage for one guild. Not a feed entry: it may be lost, and whoever connects asks Get. */
void *update_pack(struct arena *, const struct shown *, uint64_t guild_id, size_t *ret_n);
/* The same for a friend, wherever they are. */
void *update_pack_friend(struct arena *, const struct shown *, uint64_t friend_id, size_t *ret_n);
/* The packed BusMessage for the user's own sessions; the session "all" leads when there are several. */
void *update_pack_sessions(struct arena *, const struct shown *, size_t *ret_n);
