/* profiles.h - what people tell of themselves beyond their names, and notes about others. */
#pragma once
#include "services/chat/change.h"

enum { NOTE_LENGTH_MAX = 256 /* characters */, NOTES_MAX = 5000 /* of one person */ };

/* What PATCH /users/@me changes of it; NULL or "": nothing is told any more. */
struct profile_edit {
    bool bio_set, pronouns_set, avatar_set, banner_set;
    const char *bio, *pronouns, *avatar, *banner;
};
status profile_update(struct change *, uint64_t user_id, const struct profile_edit *) MUST_CHECK;
