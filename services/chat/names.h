/* names.h - names of people and channels, put into one form. Pure; any thread. */
#pragma once
#include "lib/base/arena.h"

/* Puts a user's name into NFC, runs of white space collapsed; NULL (and *ret_why, for people) when it may not be one.
 */
char *username_normalise(struct arena *, const char *username, const char **ret_why);
/* A text channel's name: NFC, lower case, white space to '-', runs of '-' to one. Never empty for a name that is not.
 * NULL when it is no UTF-8 or holds control characters only. */
char *channel_name_normalise(struct arena *, const char *name);
