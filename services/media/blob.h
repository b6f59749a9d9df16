/* blob.h - files kept by the hash of their content, on a disk: {dir}/blobs/ab/cd/{64 hex digits}. Thread-safe; several
 * processes may share a directory. A blob that exists is whole and on the disk, and never changes.
 *
 * Images that are shown at a URL of their own are kept apart, {dir}/images/ab/cd/NAME: NAME is 32 hex digits of the
 * hash, after "a_" when it is an animation, and for what was made of one a '.' and more behind it.
 *
 * A file is written to {dir}/tmp, which is locked while its writer lives, then renamed: what a dead writer left is
 * removed at the next start. All functions that can fail return 0 or an errno. */
#pragma once
#include "lib/base/status.h"
#include <sodium.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BLOB_KEY_CHARS = 64 };      /* BLAKE2b-256, lower-case hex */
enum { BLOB_IMAGE_CHARS = 34 };    /* of an image's hash, "a_" included */
enum { BLOB_NAME_BYTES_MAX = 64 }; /* of an image's name */

enum blob_kind { BLOB_FILE, BLOB_IMAGE };

struct blob_store;
/* Makes the directories (0700) and removes what was left in tmp. NULL when it cannot (logged). */
struct blob_store *blob_store_create(const char *directory);
void blob_store_destroy(struct blob_store *);

struct blob_writer {
    struct blob_store *store;
    int fd; /* -1: over */
    uint64_t size;
    char name[40]; /* in tmp */
    crypto_generichash_state hash;
};
int blob_writer_open(struct blob_writer *, struct blob_store *) MUST_CHECK;
int blob_writer_write(struct blob_writer *, const void *, size_t n) MUST_CHECK;
/* The first bytes written, up to n. */
ssize_t blob_writer_head(struct blob_writer *, void *ret, size_t n);
/* Durable and readable when it returns 0; over and removed otherwise. */
int blob_writer_commit(struct blob_writer *, char ret_key[BLOB_KEY_CHARS + 1]) MUST_CHECK;
/* Removes what was written; nothing after a commit. */
void blob_writer_abort(struct blob_writer *);

/* Takes in what another process wrote to the writer's empty file. */
int blob_writer_adopt(struct blob_writer *) MUST_CHECK;
/* As blob_writer_commit, for an image and for what was made of one. */
int blob_writer_commit_image(struct blob_writer *, bool animated, char ret_hash[BLOB_IMAGE_CHARS + 1]) MUST_CHECK;
int blob_writer_commit_variant(struct blob_writer *, const char *name) MUST_CHECK;

/* ENOENT also for what is no key: the key of a request is not trusted, and never is a path. */
int blob_open(struct blob_store *, const char *key, int *ret_fd, uint64_t *ret_size) MUST_CHECK;
int blob_open_image(struct blob_store *, const char *name, int *ret_fd, uint64_t *ret_size) MUST_CHECK;
/* Whether it is the hash of an image, whether there is one or not. */
bool blob_is_image_hash(const char *);

/* Calls visit for each file (its key) and image (its name) that was stored before the Unix time, until it returns
 * false: the result then, else true. What a directory cannot be read for is left out. */
bool blob_visit_old(struct blob_store *, int64_t before_s, bool (*visit)(void *user, enum blob_kind, const char *name),
                    void *user);
/* Removes it unless it was stored since, or anew: whoever stores the same content in this moment has it. Whether it
 * did. */
bool blob_remove_old(struct blob_store *, enum blob_kind, const char *name, int64_t before_s);
