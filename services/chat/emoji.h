/* emoji.h - the emoji of a reaction, as its route names it. Pure. */
#pragma once
#include <stdbool.h>

enum { EMOJI_CODE_POINTS_MAX = 32 };
/* One emoji of Unicode: a pictograph with what modifies and joins it, a flag, or a keycap; one grapheme cluster. */
bool emoji_is_unicode(const char *);
