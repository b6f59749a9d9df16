/* voices.h - who is in which voice channel: rows of voice_states, one a user in a guild. Every change is an entry of
 * the guild's feed, in the change that holds its scope: so the limit of a channel, a move against a kick, a right
 * against a join each have one order, and what a gateway shows is what is stored.
 *
 * The row is a session's: its gateway keeps it (voices_keep), and one that nobody keeps goes VOICE_LEASE_S later.
 * Whoever loses the right to be there goes with the change that took it: change_commit calls voices_review for each
 * guild that it fences. */
#pragma once
#include "hubbub/v1/voice.pb-c.h"
#include "services/chat/access.h"

enum { VOICE_LEASE_S = 60 };

struct voice {
    Hubbub__V1__VoiceState *state; /* as it is told, with guild_id and, when the user is a member, the member */
    bool brought;                  /* moved here by somebody: stays without VIEW_CHANNEL and CONNECT */
    bool suppressed;               /* somebody said so */
    bool in_afk;                   /* the channel is the guild's for those who are away */
};

/* *ret NULL: in none. */
status voices_find(struct call *, struct db *, uint64_t guild_id, uint64_t user_id, struct voice **ret) MUST_CHECK;
/* The same, else the given status. */
status voices_load(struct call *, struct db *, uint64_t guild_id, uint64_t user_id, status none,
                   struct voice **ret) MUST_CHECK;
/* Of a guild's snapshot. */
status voices_load_all(struct call *, struct db *, uint64_t guild_id, Hubbub__V1__VoiceState ***ret,
                       size_t *ret_n) MUST_CHECK;

/* Joins, moves, or changes what the session shows, when that is allowed: VIEW_CHANNEL and CONNECT, and room in the
 * channel for those without MOVE_MEMBERS. */
status voices_set(struct call *, struct change *, const Hubbub__V1__SetVoiceRequest *) MUST_CHECK;
/* Tells what is stored now; left: the channel where the user was, when it is another one, else 0. */
status voices_tell(struct call *, struct change *, uint64_t guild_id, uint64_t user_id, uint64_t left) MUST_CHECK;
/* Removes the row of v and tells. */
status voices_remove(struct call *, struct change *, struct voice *) MUST_CHECK;
/* The channel is about to be deleted. */
status voices_empty(struct call *, struct change *, uint64_t guild_id, uint64_t channel_id) MUST_CHECK;
/* Everybody in the guild by what they may now: who may not stay is removed; suppress, video and stream follow the
 * permissions. */
status voices_review(struct call *, struct change *, uint64_t guild_id) MUST_CHECK;
/* What PATCH of a member says of voice: mute, deaf, and (also alone) the channel. The caller's permissions count in the
 * channel of the member, those to move in both; rank does not. NOT_IN_VOICE. */
status voices_moderate(struct call *, struct change *, const struct access *,
                       const Hubbub__V1__EditMemberRequest *) MUST_CHECK;
/* Writes suppressed, and tells. */
status voices_suppress(struct call *, struct change *, const struct voice *, bool suppressed) MUST_CHECK;
/* Inside no change. Keeps, then removes what nobody has kept: not before gateways could keep for long enough. */
status voices_keep(struct call *, const Hubbub__V1__KeepVoicesRequest *) MUST_CHECK;
