/* access.h - what the caller may do in a guild or a channel, read in one round trip from one snapshot. Never cached.
 * A DM has no guild: its feed is its own, and whoever is in it holds the bits of ACCESS_DIRECT, no more.
 *
 * A check that guards a mutation runs inside the change: access_begin_guild and access_begin_channel take the guild's
 * feeds row first, so nobody's rights move between the check and the commit. A check that guards a read or a message
 * runs on a lease; messages carry `epoch` to their writer, which compares it (FEEDS.md, "Epoch fence").
 * How a refusal reads: ST_UNKNOWN_GUILD and ST_UNKNOWN_CHANNEL when there is none, ST_MISSING_ACCESS when the caller is
 * no member or may not view the channel, ST_MISSING_PERMISSIONS when bits lack, ST_NOT_ON_DM when bits lack in a DM,
 * ST_MFA_REQUIRED when the bits are held, but the guild asks for a second factor with them.
 * All recorded with call_fail. */
#pragma once
#include "hubbub/v1/channels.pb-c.h"
#include "lib/permission/permission.h"
#include "services/chat/change.h"

struct access {
    struct permission_subject subject; /* roles live in the call's arena */
    uint64_t guild_id;                 /* 0: a DM */
    uint64_t scope_id;                 /* of the feed: the guild, or the DM */
    uint64_t owner_id;                 /* of the guild, or of the group DM */
    uint64_t epoch;                    /* of the feeds row, of the same snapshot */
    bool member;
    bool lacks_factor;      /* the guild wants a second factor of those who moderate, and the subject has none */
    int verification_level; /* of the guild: verification.h */
    uint64_t in_guild;      /* permission_in_guild */
    int top_position;       /* of the subject's highest role; 0 with the guild's id: @everyone only */
    uint64_t top_role;
    uint64_t permissions; /* access_channel: in the channel; access_guild: the same as in_guild */
    /* access_channel only */
    uint64_t channel_id, parent_id;
    int channel_type;
    int rate_limit_per_user; /* seconds */
    bool someone_hides;      /* a DM that is not shown to everybody who is in it */
};
static inline bool access_is_direct(const struct access *a)
{
    return a->guild_id == 0;
}
/* Events and messages of a DM name no guild. */
#define ACCESS_SET_GUILD(access, message)                                                                              \
    do {                                                                                                               \
        if ((access)->guild_id)                                                                                        \
            PB_SET((message), guild_id, (access)->guild_id);                                                           \
    } while (0)

/* The caller in the guild. ST_OK only for a member. */
status access_guild(struct call *, struct db *, uint64_t guild_id, struct access *ret) MUST_CHECK;
/* Anybody in the guild, member or not (ret->member). ST_UNKNOWN_GUILD when there is none. */
status access_of(struct call *, struct db *, uint64_t guild_id, uint64_t user_id, struct access *ret) MUST_CHECK;
/* The caller in the channel. ST_OK only when it may be viewed. */
status access_channel(struct call *, struct db *, uint64_t channel_id, struct access *ret) MUST_CHECK;
/* Anybody in a channel of a guild, member or not, seen or not. ST_UNKNOWN_CHANNEL when there is none. */
status access_channel_of(struct call *, struct db *, uint64_t channel_id, uint64_t user_id,
                         struct access *ret) MUST_CHECK;
/* Everybody in the guild's voice channels, each in the channel they are in, by user id; channel_id 0: it is gone. */
status access_in_voice(struct call *, struct db *, uint64_t guild_id, struct access **ret, size_t *ret_n) MUST_CHECK;
/* ST_MISSING_PERMISSIONS unless all bits are held (in the channel, for access_channel). */
status access_require(struct call *, const struct access *, uint64_t bits) MUST_CHECK;
/* What the subject may do in another channel of the guild, whose overwrites are filled in. */
uint64_t access_in(struct call *, const struct access *, const Hubbub__V1__Channel *);

/* change_begin on the guild (and `more`, 0: none), then access_guild and access_require inside. */
status access_begin_guild(struct call *, uint64_t guild_id, uint64_t more, uint64_t bits, struct change **ret_change,
                          struct access *ret) MUST_CHECK;
/* The same for the channel's guild, then access_channel and access_require. ST_NOT_ON_DM for a DM. */
status access_begin_channel(struct call *, uint64_t channel_id, uint64_t bits, struct change **ret_change,
                            struct access *ret) MUST_CHECK;
/* The same for DMs too. */
status access_begin_any_channel(struct call *, uint64_t channel_id, uint64_t bits, struct change **ret_change,
                                struct access *ret) MUST_CHECK;

/* Hierarchy (PROTOCOL section 14): greater position first, of equal positions the lower id. */
bool access_above_role(const struct access *, int position, uint64_t role_id);
/* The owner above all; nobody above the owner or oneself. */
bool access_above(const struct access *, const struct access *target);
/* Administrator or owner: grants what it likes. */
static inline bool access_is_admin(const struct access *a)
{
    return a->subject.owner || (a->subject.base & PERM_ADMINISTRATOR);
}
/* ST_MISSING_PERMISSIONS when bits has one that the subject does not hold (in the channel, for access_channel). */
status access_may_grant(struct call *, const struct access *, uint64_t bits) MUST_CHECK;
