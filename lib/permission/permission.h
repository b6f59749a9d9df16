/* permission.h - what somebody may do in a guild or a channel: PROTOCOL section 14. Pure; any thread. A set of
 * permissions is a uint64_t of PERM_ bits; JSON carries it as a decimal string. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Every bit: PERMISSION(bit, name). 47 has no meaning. */
#define PERMISSION_TABLE(PERMISSION)                                                                                   \
    PERMISSION(0, CREATE_INSTANT_INVITE)                                                                               \
    PERMISSION(1, KICK_MEMBERS)                                                                                        \
    PERMISSION(2, BAN_MEMBERS)                                                                                         \
    PERMISSION(3, ADMINISTRATOR)                                                                                       \
    PERMISSION(4, MANAGE_CHANNELS)                                                                                     \
    PERMISSION(5, MANAGE_GUILD)                                                                                        \
    PERMISSION(6, ADD_REACTIONS)                                                                                       \
    PERMISSION(7, VIEW_AUDIT_LOG)                                                                                      \
    PERMISSION(8, PRIORITY_SPEAKER)                                                                                    \
    PERMISSION(9, STREAM)                                                                                              \
    PERMISSION(10, VIEW_CHANNEL)                                                                                       \
    PERMISSION(11, SEND_MESSAGES)                                                                                      \
    PERMISSION(12, SEND_TTS_MESSAGES)                                                                                  \
    PERMISSION(13, MANAGE_MESSAGES)                                                                                    \
    PERMISSION(14, EMBED_LINKS)                                                                                        \
    PERMISSION(15, ATTACH_FILES)                                                                                       \
    PERMISSION(16, READ_MESSAGE_HISTORY)                                                                               \
    PERMISSION(17, MENTION_EVERYONE)                                                                                   \
    PERMISSION(18, USE_EXTERNAL_EMOJIS)                                                                                \
    PERMISSION(19, VIEW_GUILD_INSIGHTS)                                                                                \
    PERMISSION(20, CONNECT)                                                                                            \
    PERMISSION(21, SPEAK)                                                                                              \
    PERMISSION(22, MUTE_MEMBERS)                                                                                       \
    PERMISSION(23, DEAFEN_MEMBERS)                                                                                     \
    PERMISSION(24, MOVE_MEMBERS)                                                                                       \
    PERMISSION(25, USE_VAD)                                                                                            \
    PERMISSION(26, CHANGE_NICKNAME)                                                                                    \
    PERMISSION(27, MANAGE_NICKNAMES)                                                                                   \
    PERMISSION(28, MANAGE_ROLES)                                                                                       \
    PERMISSION(29, MANAGE_WEBHOOKS)                                                                                    \
    PERMISSION(30, MANAGE_GUILD_EXPRESSIONS)                                                                           \
    PERMISSION(31, USE_APPLICATION_COMMANDS)                                                                           \
    PERMISSION(32, REQUEST_TO_SPEAK)                                                                                   \
    PERMISSION(33, MANAGE_EVENTS)                                                                                      \
    PERMISSION(34, MANAGE_THREADS)                                                                                     \
    PERMISSION(35, CREATE_PUBLIC_THREADS)                                                                              \
    PERMISSION(36, CREATE_PRIVATE_THREADS)                                                                             \
    PERMISSION(37, USE_EXTERNAL_STICKERS)                                                                              \
    PERMISSION(38, SEND_MESSAGES_IN_THREADS)                                                                           \
    PERMISSION(39, USE_EMBEDDED_ACTIVITIES)                                                                            \
    PERMISSION(40, MODERATE_MEMBERS)                                                                                   \
    PERMISSION(41, VIEW_CREATOR_MONETIZATION_ANALYTICS)                                                                \
    PERMISSION(42, USE_SOUNDBOARD)                                                                                     \
    PERMISSION(43, CREATE_GUILD_EXPRESSIONS)                                                                           \
    PERMISSION(44, CREATE_EVENTS)                                                                                      \
    PERMISSION(45, USE_EXTERNAL_SOUNDS)                                                                                \
    PERMISSION(46, SEND_VOICE_MESSAGES)                                                                                \
    PERMISSION(48, SET_VOICE_CHANNEL_STATUS)                                                                           \
    PERMISSION(49, SEND_POLLS)                                                                                         \
    PERMISSION(50, USE_EXTERNAL_APPS)                                                                                  \
    PERMISSION(51, PIN_MESSAGES)                                                                                       \
    PERMISSION(52, BYPASS_SLOWMODE)

enum permission_bit {
#define PERMISSION(bit, name) PERM_BIT_##name = bit,
    PERMISSION_TABLE(PERMISSION)
#undef PERMISSION
};
#define PERM_(name) (UINT64_C(1) << PERM_BIT_##name)
#define PERM_CREATE_INSTANT_INVITE PERM_(CREATE_INSTANT_INVITE)
#define PERM_KICK_MEMBERS PERM_(KICK_MEMBERS)
#define PERM_BAN_MEMBERS PERM_(BAN_MEMBERS)
#define PERM_ADMINISTRATOR PERM_(ADMINISTRATOR)
#define PERM_MANAGE_CHANNELS PERM_(MANAGE_CHANNELS)
#define PERM_MANAGE_GUILD PERM_(MANAGE_GUILD)
#define PERM_ADD_REACTIONS PERM_(ADD_REACTIONS)
#define PERM_CREATE_GUILD_EXPRESSIONS PERM_(CREATE_GUILD_EXPRESSIONS)
#define PERM_MANAGE_GUILD_EXPRESSIONS PERM_(MANAGE_GUILD_EXPRESSIONS)
#define PERM_USE_EXTERNAL_EMOJIS PERM_(USE_EXTERNAL_EMOJIS)
#define PERM_VIEW_AUDIT_LOG PERM_(VIEW_AUDIT_LOG)
#define PERM_STREAM PERM_(STREAM)
#define PERM_VIEW_CHANNEL PERM_(VIEW_CHANNEL)
#define PERM_SEND_MESSAGES PERM_(SEND_MESSAGES)
#define PERM_SEND_TTS_MESSAGES PERM_(SEND_TTS_MESSAGES)
#define PERM_MANAGE_MESSAGES PERM_(MANAGE_MESSAGES)
#define PERM_EMBED_LINKS PERM_(EMBED_LINKS)
#define PERM_ATTACH_FILES PERM_(ATTACH_FILES)
#define PERM_READ_MESSAGE_HISTORY PERM_(READ_MESSAGE_HISTORY)
#define PERM_MENTION_EVERYONE PERM_(MENTION_EVERYONE)
#define PERM_CONNECT PERM_(CONNECT)
#define PERM_CHANGE_NICKNAME PERM_(CHANGE_NICKNAME)
#define PERM_MANAGE_NICKNAMES PERM_(MANAGE_NICKNAMES)
#define PERM_MANAGE_ROLES PERM_(MANAGE_ROLES)
#define PERM_MANAGE_WEBHOOKS PERM_(MANAGE_WEBHOOKS)
#define PERM_MODERATE_MEMBERS PERM_(MODERATE_MEMBERS)
#define PERM_PIN_MESSAGES PERM_(PIN_MESSAGES)
#define PERM_BYPASS_SLOWMODE PERM_(BYPASS_SLOWMODE)

/* Every bit that has a meaning: what an owner or an administrator holds. */
extern const uint64_t PERM_ALL;
/* What a guild of mfa_level 1 gives only to those with a second factor: PROTOCOL section 14 marks them. */
extern const uint64_t PERM_ELEVATED;
/* What @everyone may do in a new guild. */
extern const uint64_t PERM_DEFAULT;

/* Channel types that permissions tell apart; PROTOCOL section 17. */
enum {
    CHANNEL_TEXT = 0,
    CHANNEL_DM = 1,
    CHANNEL_VOICE = 2,
    CHANNEL_GROUP_DM = 3,
    CHANNEL_CATEGORY = 4,
    CHANNEL_ANNOUNCEMENT = 5,
    CHANNEL_STAGE = 13
};

/* Who asks, in which guild. */
struct permission_subject {
    uint64_t user_id, guild_id;
    bool owner;
    bool timed_out;        /* communication_disabled_until lies in the future */
    uint64_t base;         /* @everyone's permissions OR those of each of the member's roles */
    const uint64_t *roles; /* the member's, without @everyone; only permission_gather reads them */
    size_t n_roles;
};
struct permission_overwrite {
    uint64_t target_id; /* a role (the guild's id: @everyone) or a member */
    bool member;
    uint64_t allow, deny;
};
/* The overwrites of one channel that touch one subject, gathered by step of the computation. */
struct permission_sums {
    uint64_t everyone_allow, everyone_deny;
    uint64_t roles_allow, roles_deny;
    uint64_t member_allow, member_deny;
};

/* Adds those of the n overwrites that touch the subject. *sums starts zeroed. */
void permission_gather(const struct permission_subject *, const struct permission_overwrite *, size_t n,
                       struct permission_sums *sums);
/* In the guild as a whole: owner, administrator, timeout. No overwrites, no implied denials. */
uint64_t permission_in_guild(const struct permission_subject *);
/* In a channel of the type: the whole computation. 0 when the channel cannot be seen. */
uint64_t permission_compute(const struct permission_subject *, int channel_type, const struct permission_sums *);
