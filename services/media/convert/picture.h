/* picture.h - one image in, one image out, by libvips, with nothing of the first but its pixels: no metadata, upright,
 * in sRGB. Not thread-safe; for the confined program only. */
#pragma once
#include "lib/base/status.h"
#include <stdbool.h>
#include <stddef.h>

enum {
    PICTURE_PIXELS_MAX = 25000000,         /* of one frame, as it comes */
    PICTURE_FRAMES_MAX = 100,              /* of an animation */
    PICTURE_TOTAL_PIXELS_MAX = 50000000,   /* of all its frames */
    PICTURE_SIDE_MAX = 2048,               /* as it is kept: larger ones are made smaller */
    PICTURE_ANIMATED_PIXELS_MAX = 6500000, /* all frames of an animation, as it is kept */
};

enum picture_format { PICTURE_PNG, PICTURE_JPEG, PICTURE_WEBP, PICTURE_GIF, PICTURE_NONE };

/* Loads libvips with only what is needed. false: it cannot (logged by libvips). */
bool picture_init(const char *program) MUST_CHECK;
/* By the first bytes. */
enum picture_format picture_format(const void *bytes, size_t n);
/* Makes *ret (g_free) of the same format, as large as is kept; *ret_animated: more than one frame. false: no image of
 * the four kinds, a broken one, or past a bound. */
bool picture_normalize(const void *bytes, size_t n, void **ret, size_t *ret_n, bool *ret_animated) MUST_CHECK;
/* Makes *ret of the format, its longer side at most size (0: as it is). animated: with all frames, if there are more.
 */
bool picture_resize(const void *bytes, size_t n, int size, enum picture_format, bool animated, void **ret,
                    size_t *ret_n) MUST_CHECK;
