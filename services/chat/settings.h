/* settings.h - what people's clients keep here: settings of the account, in two forms that do not know each other, and
 * settings of each guild and of the DMs. Of the latter, what decides how mentions are counted also stands in columns
 * (read_states.c): suppress_everyone, suppress_roles, and the channels that are muted without an end. */
#pragma once
#include "hubbub/v1/settings.pb-c.h"
#include "services/chat/change.h"

enum {
    SETTINGS_OVERRIDES_MAX = 1000,     /* of one guild */
    SETTINGS_PROTO_MAX = 256 * 1024,   /* bytes of one type */
    SETTINGS_PROTO_FIELDS_MAX = 1000,  /* outermost ones */
    SETTINGS_GUILDS_AT_ONCE_MAX = 100, /* of one bulk edit */
};

/* The defaults when there are none. */
status settings_load(struct call *, struct db *, uint64_t user_id, Hubbub__V1__UserSettings **ret) MUST_CHECK;
/* Base64; NULL: there are none. type: 1, 2. */
status settings_load_proto(struct call *, struct db *, uint64_t user_id, int type, char **ret) MUST_CHECK;
/* Those that differ from the defaults, by guild; only of guilds that the user is in. */
status settings_load_guilds(struct call *, struct db *, uint64_t user_id, Hubbub__V1__GuildSettings ***ret,
                            size_t *ret_n) MUST_CHECK;

/* Sets in `to` those fields that are present in `from`, of the same numbers and types: unset ones become unset. */
void settings_merge(ProtobufCMessage *to, const ProtobufCMessage *from, size_t n_present, const uint32_t *present);
/* A protobuf message whose outermost fields are those of `patch`, and those of `old` with other numbers. NULL when one
 * of the three is no protobuf, or has too many fields. *ret_n bytes. */
uint8_t *settings_merge_proto(struct arena *, const uint8_t *old, size_t n_old, const uint8_t *patch, size_t n_patch,
                              size_t *ret_n);
