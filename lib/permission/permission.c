#include "lib/permission/permission.h"

#define PERMISSION(bit, name) | UINT64_C(1) << (bit)
const uint64_t PERM_ALL = 0 PERMISSION_TABLE(PERMISSION);
#undef PERMISSION

const uint64_t PERM_ELEVATED = PERM_KICK_MEMBERS | PERM_BAN_MEMBERS | PERM_ADMINISTRATOR | PERM_MANAGE_CHANNELS |
                               PERM_MANAGE_GUILD | PERM_MANAGE_MESSAGES | PERM_MANAGE_ROLES | PERM_MANAGE_WEBHOOKS |
                               PERM_(MANAGE_GUILD_EXPRESSIONS) | PERM_(MANAGE_THREADS) |
                               PERM_(VIEW_CREATOR_MONETIZATION_ANALYTICS);

const uint64_t PERM_DEFAULT =
    PERM_CREATE_INSTANT_INVITE | PERM_ADD_REACTIONS | PERM_STREAM | PERM_VIEW_CHANNEL | PERM_SEND_MESSAGES |
    PERM_SEND_TTS_MESSAGES | PERM_EMBED_LINKS | PERM_ATTACH_FILES | PERM_READ_MESSAGE_HISTORY | PERM_MENTION_EVERYONE |
    PERM_USE_EXTERNAL_EMOJIS | PERM_CONNECT | PERM_(SPEAK) | PERM_(USE_VAD) | PERM_CHANGE_NICKNAME |
    PERM_(USE_APPLICATION_COMMANDS) | PERM_(REQUEST_TO_SPEAK) | PERM_(CREATE_PUBLIC_THREADS) |
    PERM_(CREATE_PRIVATE_THREADS) | PERM_(USE_EXTERNAL_STICKERS) | PERM_(SEND_MESSAGES_IN_THREADS) |
    PERM_(USE_EMBEDDED_ACTIVITIES) | PERM_(USE_SOUNDBOARD) | PERM_(USE_EXTERNAL_SOUNDS) | PERM_(SEND_VOICE_MESSAGES) |
    PERM_(SEND_POLLS) | PERM_(USE_EXTERNAL_APPS);

/* What is left to somebody who is timed out. */
#define TIMED_OUT_KEEPS (PERM_VIEW_CHANNEL | PERM_READ_MESSAGE_HISTORY)
/* Nothing of this without SEND_MESSAGES. */
#define NEEDS_SEND (PERM_MENTION_EVERYONE | PERM_SEND_TTS_MESSAGES | PERM_ATTACH_FILES | PERM_EMBED_LINKS)
/* Nothing of this in a voice or stage channel without CONNECT. */
#define NEEDS_CONNECT                                                                                                  \
    (PERM_MANAGE_CHANNELS | PERM_MANAGE_ROLES | PERM_STREAM | PERM_(PRIORITY_SPEAKER) | PERM_(SPEAK) |                 \
     PERM_(MUTE_MEMBERS) | PERM_(DEAFEN_MEMBERS) | PERM_(MOVE_MEMBERS) | PERM_(USE_VAD) | PERM_(REQUEST_TO_SPEAK) |    \
     PERM_(MANAGE_EVENTS) | PERM_(CREATE_EVENTS) | PERM_(USE_EMBEDDED_ACTIVITIES) | PERM_(USE_SOUNDBOARD) |            \
     PERM_(USE_EXTERNAL_SOUNDS) | PERM_(SET_VOICE_CHANNEL_STATUS))

static bool has_role(const struct permission_subject *who, uint64_t role_id)
{
    for (size_t i = 0; i < who->n_roles; i++)
        if (who->roles[i] == role_id)
            return true;
    return false;
}

void permission_gather(const struct permission_subject *who, const struct permission_overwrite *overwrites, size_t n,
                       struct permission_sums *sums)
{
    for (size_t i = 0; i < n; i++) {
        const struct permission_overwrite *o = &overwrites[i];
        if (o->member && o->target_id == who->user_id) {
            sums->member_allow |= o->allow;
            sums->member_deny |= o->deny;
        } else if (!o->member && o->target_id == who->guild_id) {
            sums->everyone_allow |= o->allow;
            sums->everyone_deny |= o->deny;
        } else if (!o->member && has_role(who, o->target_id)) {
            sums->roles_allow |= o->allow;
            sums->roles_deny |= o->deny;
        }
    }
}

static bool holds_all(const struct permission_subject *who)
{
    return who->owner || (who->base & PERM_ADMINISTRATOR);
}

uint64_t permission_in_guild(const struct permission_subject *who)
{
    if (holds_all(who))
        return PERM_ALL;
    return who->timed_out ? who->base & TIMED_OUT_KEEPS : who->base;
}

static uint64_t without_implied(uint64_t p, int channel_type)
{
    if (!(p & PERM_VIEW_CHANNEL))
        return 0;
    if (!(p & PERM_SEND_MESSAGES))
        p &= ~NEEDS_SEND;
    if ((channel_type == CHANNEL_VOICE || channel_type == CHANNEL_STAGE) && !(p & PERM_CONNECT))
        p &= ~NEEDS_CONNECT;
    return p;
}

uint64_t permission_compute(const struct permission_subject *who, int channel_type, const struct permission_sums *sums)
{
    if (holds_all(who))
        return PERM_ALL;
    uint64_t p = who->base;
    p = (p & ~sums->everyone_deny) | sums->everyone_allow;
    p = (p & ~sums->roles_deny) | sums->roles_allow;
    p = (p & ~sums->member_deny) | sums->member_allow;
    p &= ~PERM_ADMINISTRATOR; /* no overwrite makes an administrator */
    if (who->timed_out)
        p &= TIMED_OUT_KEEPS;
    return without_implied(p, channel_type);
}
