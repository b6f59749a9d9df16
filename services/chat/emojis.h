/* emojis.h - custom emoji in the database: a guild's own, an application's own. d: a lease or change_db(). */
#pragma once
#include "hubbub/v1/emojis.pb-c.h"
#include "hubbub/v1/messages.pb-c.h"
#include "services/chat/access.h"

/* PROTOCOL section 15: of a guild without boosts; of an application. */
enum { EMOJIS_STILL_MAX = 50, EMOJIS_ANIMATED_MAX = 50, EMOJIS_OF_APPLICATION_MAX = 2000 };

/* Whose emoji: exactly one is not 0. */
struct emoji_owner {
    uint64_t guild_id, application_id;
};
/* By id; with_user: also who uploaded each. */
status emojis_load(struct call *, struct db *, struct emoji_owner, bool with_user, Hubbub__V1__Emoji ***ret,
                   size_t *ret_n) MUST_CHECK;
/* With its user. ST_UNKNOWN_EMOJI when the owner has none of that id. */
status emoji_load(struct call *, struct db *, struct emoji_owner, uint64_t emoji_id,
                  Hubbub__V1__Emoji **ret) MUST_CHECK;

/* Fills in name and animated of those that have an id; what is not there any more has neither. */
status emojis_name_reactions(struct call *, struct db *, Hubbub__V1__ReactionEmoji *const *, size_t n) MUST_CHECK;
/* The emoji of a reaction by its key (emoji.h). */
status emojis_load_reaction(struct call *, struct db *, const char *key, Hubbub__V1__ReactionEmoji **ret) MUST_CHECK;
/* Whether the caller may put it where the access is: this guild's, when a role that it is kept for is held; another
 * guild's that the caller is in, with USE_EXTERNAL_EMOJIS; the own one of an application's bot. ST_UNKNOWN_EMOJI also
 * for what the caller cannot know of. */
status emojis_check_use(struct call *, struct db *, const struct access *, uint64_t emoji_id) MUST_CHECK;
/* A message's text, as whoever the access is of may say it: an emoji that they may not use is left as its name, :name:,
 * as Discord does. Webhooks (no user) name what they like. */
status emojis_strip(struct call *, struct db *, const struct access *, char **content) MUST_CHECK;
