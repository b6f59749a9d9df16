/* default_avatar.h - what is shown of who has no avatar: /embed/avatars/0.png to 5.png. */
#pragma once
#include <stddef.h>

enum { DEFAULT_AVATARS = 6 };
/* A PNG that is drawn at the first call and kept. */
const void *default_avatar(unsigned index, size_t *ret_n);
