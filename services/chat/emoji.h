/* emoji.h - the emoji of a reaction, as its route names it and as it is stored: by its key, which is the emoji itself,
 * or the decimal id of a custom one. Pure. */
#pragma once
#include "hubbub/v1/messages.pb-c.h"
#include "lib/base/arena.h"
#include <stdbool.h>

enum { EMOJI_CODE_POINTS_MAX = 32 };
/* One emoji of Unicode: a pictograph with what modifies and joins it, a flag, or a keycap; one grapheme cluster. */
bool emoji_is_unicode(const char *);
/* The key of what a route names: Unicode's, "name:id" or "a:name:id". NULL for all else. In the arena. */
const char *emoji_read_key(struct arena *, const char *text);
/* The id in a custom one's key; 0: it is Unicode's. */
uint64_t emoji_key_id(const char *key);
/* With the name (Unicode's) or the id (a custom one, whose name is to be looked up). */
Hubbub__V1__ReactionEmoji *emoji_of_key(struct arena *, const char *key);
/* Whether a custom emoji may have the name: letters, digits and _. */
bool emoji_is_name(const char *);
