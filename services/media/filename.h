/* filename.h - a client's file name made safe to show, to put into a URL and to save under. Pure. */
#pragma once
#include "lib/base/arena.h"

enum { FILENAME_BYTES_MAX = 255 };

/* The last part of the path; without control characters, bidirectional and invisible marks and bytes that are no UTF-8;
 * blanks and characters that some system or header gives a meaning become '_'; no leading dot. Too long: cut before the
 * extension. "unknown" when nothing is left; raw may be NULL. */
const char *filename_clean(struct arena *, const char *raw);
