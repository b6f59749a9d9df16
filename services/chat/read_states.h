/* read_states.h - how far each person has read each channel, and how many unread messages mention them.
 *
 * Nothing is counted up or down: a row says how far was read, rows of `mentions` say who was mentioned, and the count
 * is taken when it is asked for. So edits, removals, acknowledgements on another device and losses of a role need no
 * rule. Read from the start is what is older than the membership (of the guild, of the DM). In a DM every message of
 * the others counts as a mention, unless the user has muted it; in a guild @everyone and roles count unless suppressed.
 * Who writes has read the channel: the writer does it in its own statement. */
#pragma once
#include "hubbub/v1/read_states.pb-c.h"
#include "services/chat/change.h"

enum { READ_STATE_MENTIONS_MAX = 1000 /* counted in one channel */ };

/* Of the channels of the user's guilds and of the DMs that are shown: those with a row or a mention, by id. Whether the
 * user may view them is not looked at. */
status read_states_load(struct call *, struct db *, uint64_t user_id, Hubbub__V1__ReadState ***ret,
                        size_t *ret_n) MUST_CHECK;
/* The same of some channels. */
status read_states_load_some(struct call *, struct db *, uint64_t user_id, const uint64_t *channels, size_t n,
                             Hubbub__V1__ReadState ***ret, size_t *ret_n) MUST_CHECK;
/* The user wrote the message. */
status read_state_wrote(struct change *, uint64_t user_id, uint64_t channel_id, uint64_t message_id) MUST_CHECK;
