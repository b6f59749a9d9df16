/* sweeper.h - removes files that nobody has use for: uploads whose message was refused, files of deleted messages and
 * guilds, pictures that were replaced. A thread of its own, which walks the store once an interval.
 *
 * A file is removed when it has not been stored for `grace` (an upload is younger than that until its message is
 * stored), and chat said twice that nothing refers to it: the second time when every transaction is over that may have
 * copied a reference (a forward) just before the last one went. It may be stored anew meanwhile: blob_remove_old sees
 * that. What is content-addressed needs no more: chat answers for all references at once. Nothing is kept between
 * passes, so a crash loses nothing; several instances over one directory do the work twice. */
#pragma once
#include "services/media/blob.h"
#include <stdbool.h>

enum { SWEEPER_BATCH = 200 /* files that chat is asked for at once */, SWEEPER_AGAIN_MS = 10000 };

struct sweeper_config {
    struct blob_store *store;
    const char *chat_targets, *secret;
    int64_t grace_s, interval_s; /* interval_s 0: never */
};
struct sweeper;
/* Starts the thread; the config is copied. */
struct sweeper *sweeper_create(const struct sweeper_config *);
/* Ends it: within the deadline of one call. */
void sweeper_destroy(struct sweeper *);
