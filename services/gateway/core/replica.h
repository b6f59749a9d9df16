/* replica.h - what a gateway knows of one guild: the guild with its roles, the channels with their overwrites, members
 * and presences as far as it needs them. Loaded by one snapshot, changed only by feed entries in order. Pure.
 *
 * Who may view what is asked per view class: all members whose roles (and own overwrites) decide alike share one, so a
 * message costs one byte to look at per session. Everything that can decide otherwise retires the classes of before;
 * they stay readable until replica_release_classes(), so that gained and lost channels can be told apart. */
#pragma once
#include "hubbub/v1/feeds.pb-c.h"
#include "hubbub/v1/gateway.pb-c.h"
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

enum { REPLICA_MEMBERS_MAX = 2000, REPLICA_PRESENCES_MAX = 2000 };

struct replica_channel {
    uint64_t id;
    unsigned index; /* in replica.channels, and in view_class.views */
    struct replica *replica;
    Hubbub__V1__Channel *channel;
    UT_hash_handle hh; /* *replica.by_id */
};
struct replica_member {
    uint64_t user_id;
    Hubbub__V1__Member *member;
    UT_hash_handle hh;
};
struct replica_presence {
    uint64_t user_id;
    Hubbub__V1__PresenceUpdated *presence;
    UT_hash_handle hh;
};
struct replica_voice {
    uint64_t user_id;
    Hubbub__V1__VoiceState *state;
    UT_hash_handle hh;
};
/* Members who see the same channels. */
struct view_class {
    UT_hash_handle hh;
    struct view_class *next_retired;
    uint8_t *views; /* by channel index: enum view, filled when asked for */
    unsigned n_views;
    bool complete;  /* no view is left to work out */
    size_t n_key;   /* bytes */
    uint64_t key[]; /* owner, the user when an overwrite names them (else 0), then the roles, sorted */
};

struct replica {
    uint64_t guild_id;
    uint64_t version;                           /* of what decides views; unique among all replicas of the hub */
    uint64_t *versions;                         /* the hub's counter */
    Hubbub__V1__Guild *guild;                   /* with its roles */
    struct replica_channel **channels, **by_id; /* by_id: all channels of the hub */
    unsigned n_channels;
    struct replica_member *members;
    uint32_t member_count;
    struct replica_presence *presences;
    struct replica_presence *went; /* while presences are asked for: who was told to have gone meanwhile */
    bool presences_asked;
    bool presences_whole;         /* of every member: asked for with the snapshot, answered, and told since */
    struct replica_voice *voices; /* everybody who is in a channel */
    struct view_class *classes, *retired;
};

struct replica *replica_create(const Hubbub__V1__SnapshotResponse *, struct replica_channel **by_id,
                               uint64_t *versions);
void replica_destroy(struct replica *);

/* NULL when it is not this guild's. */
struct replica_channel *replica_channel(const struct replica *, uint64_t channel_id);
/* Adds or replaces. Whether the channel is new. */
bool replica_put_channel(struct replica *, const Hubbub__V1__Channel *);
void replica_remove_channel(struct replica *, struct replica_channel *);
/* The roles are kept when the given guild has none. Whether the owner is another one. */
bool replica_put_guild(struct replica *, const Hubbub__V1__Guild *);
void replica_put_emojis(struct replica *, const Hubbub__V1__GuildEmojis *);
/* Whether who-sees-what can be another after it. */
bool replica_role_decides(const struct replica *, const Hubbub__V1__Role *);
void replica_put_role(struct replica *, const Hubbub__V1__Role *);
/* Also from members and overwrites. */
void replica_remove_role(struct replica *, uint64_t role_id);
void replica_strip_member(Hubbub__V1__Member *, uint64_t role_id);
/* NULL when it is not known. */
const Hubbub__V1__Member *replica_member(const struct replica *, uint64_t user_id);
/* Beyond REPLICA_MEMBERS_MAX only known ones are replaced, unless `needed`. */
void replica_put_member(struct replica *, const Hubbub__V1__Member *, bool needed);
void replica_remove_member(struct replica *, uint64_t user_id);
/* Whether every member is known. */
bool replica_complete(const struct replica *);
const Hubbub__V1__PresenceUpdated *replica_presence(const struct replica *, uint64_t user_id);
/* Offline ones are forgotten. */
void replica_put_presence(struct replica *, const Hubbub__V1__PresenceUpdated *);
/* An answer of presence, from before what was told since the question; begin it with asked. */
void replica_ask_presences(struct replica *);
void replica_take_presences(struct replica *, Hubbub__V1__PresenceUpdated *const *, size_t n);

/* NULL: in no voice channel. */
const Hubbub__V1__VoiceState *replica_voice(const struct replica *, uint64_t user_id);
/* Without a channel: forgotten. */
void replica_put_voice(struct replica *, const Hubbub__V1__VoiceState *);

/* The class of a member; valid while replica.version is the same. */
struct view_class *replica_class(struct replica *, uint64_t user_id, const uint64_t *roles, size_t n_roles);
/* What its members may do in the guild; everything for the owner and administrators. */
uint64_t replica_permissions(const struct replica *, const struct view_class *);
bool replica_views(struct replica *, struct view_class *, const struct replica_channel *);
/* What was worked out before the classes were retired; false for what was not. */
bool replica_viewed(const struct view_class *, unsigned channel_index);
/* Works out every channel of the class. */
void replica_view_all(struct replica *, struct view_class *);
/* Views may be others from now on: a new version. */
void replica_retire_classes(struct replica *);
void replica_release_classes(struct replica *);
