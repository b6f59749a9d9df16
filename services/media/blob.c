#define _GNU_SOURCE /* O_PATH */
#include "services/media/blob.h"
#include "lib/base/log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct blob_store {
    int tmp, blobs, images; /* directories */
};

/* Opens a directory, making it if need be; -1 and errno when it cannot. A new name is durable when its parent was
 * synced. */
static int open_directory(int parent, const char *name)
{
    bool made = !mkdirat(parent, name, 0700);
    if (!made && errno != EEXIST)
        return -1;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && made && parent != AT_FDCWD && fsync(parent)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A file whose lock can be had has no writer any more. */
static void remove_if_left(int tmp, const char *name)
{
    int fd = openat(tmp, name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return;
    if (!flock(fd, LOCK_EX | LOCK_NB) && !unlinkat(tmp, name, 0))
        log_info("removed an unfinished upload", LOG_S("name", name));
    close(fd);
}

static void remove_leftovers(int tmp)
{
    int fd = openat(tmp, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            remove_if_left(tmp, e->d_name);
    closedir(d);
}

struct blob_store *blob_store_create(const char *directory)
{
    struct blob_store *s = calloc(1, sizeof *s);
    if (!s || sodium_init() < 0)
        log_fatal("no memory, or no source of random numbers");
    int fd = open_directory(AT_FDCWD, directory);
    s->tmp = fd < 0 ? -1 : open_directory(fd, "tmp");
    s->blobs = fd < 0 ? -1 : open_directory(fd, "blobs");
    s->images = fd < 0 ? -1 : open_directory(fd, "images");
    if (s->tmp < 0 || s->blobs < 0 || s->images < 0) {
        log_error("the media directory cannot be used", LOG_S("directory", directory), LOG_S("error", strerror(errno)));
        if (fd >= 0)
            close(fd);
        blob_store_destroy(s);
        return NULL;
    }
    close(fd);
    remove_leftovers(s->tmp);
    return s;
}

void blob_store_destroy(struct blob_store *s)
{
    if (!s)
        return;
    if (s->tmp >= 0)
        close(s->tmp);
    if (s->blobs >= 0)
        close(s->blobs);
    if (s->images >= 0)
        close(s->images);
    free(s);
}

int blob_writer_open(struct blob_writer *w, struct blob_store *s)
{
    *w = (struct blob_writer){.store = s, .fd = -1};
    uint8_t random[16];
    randombytes_buf(random, sizeof random);
    sodium_bin2hex(w->name, sizeof w->name, random, sizeof random);
    crypto_generichash_init(&w->hash, NULL, 0, crypto_generichash_BYTES);
    w->fd = openat(s->tmp, w->name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (w->fd < 0)
        return errno;
    if (!flock(w->fd, LOCK_EX))
        return 0;
    int error = errno;
    blob_writer_abort(w);
    return error;
}

int blob_writer_write(struct blob_writer *w, const void *bytes, size_t n)
{
    crypto_generichash_update(&w->hash, bytes, n);
    for (size_t done = 0; done < n;) {
        ssize_t wrote = write(w->fd, (const char *)bytes + done, n - done);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return errno;
        done += (size_t)wrote;
    }
    w->size += n;
    return 0;
}

ssize_t blob_writer_head(struct blob_writer *w, void *ret, size_t n)
{
    return pread(w->fd, ret, n, 0);
}

/* The directory of a key: ab/cd. */
static int open_shard(int parent, const char *key)
{
    char first[3] = {key[0], key[1]}, second[3] = {key[2], key[3]};
    int outer = open_directory(parent, first);
    if (outer < 0)
        return -1;
    int inner = open_directory(outer, second), error = errno;
    close(outer);
    errno = error;
    return inner;
}

static int place(struct blob_writer *w, int parent, const char *key, const char *name)
{
    if (fsync(w->fd))
        return errno;
    int shard = open_shard(parent, key);
    if (shard < 0)
        return errno;
    /* Shared: blob_remove_old, which holds it alone, comes before, and the file is there again, or after, and sees its
     * new age. */
    int error =
        flock(shard, LOCK_SH) || futimens(w->fd, NULL) || renameat(w->store->tmp, w->name, shard, name) || fsync(shard)
            ? errno
            : 0;
    close(shard);
    return error;
}

/* Over, whatever comes of it. */
static int commit(struct blob_writer *w, int parent, const char *key, const char *name)
{
    int error = place(w, parent, key, name);
    if (error) {
        blob_writer_abort(w);
        return error;
    }
    close(w->fd);
    w->fd = -1;
    return 0;
}

static void finish_hash(struct blob_writer *w, char ret_key[BLOB_KEY_CHARS + 1])
{
    uint8_t hash[crypto_generichash_BYTES];
    crypto_generichash_final(&w->hash, hash, sizeof hash);
    sodium_bin2hex(ret_key, BLOB_KEY_CHARS + 1, hash, sizeof hash);
}

int blob_writer_commit(struct blob_writer *w, char ret_key[BLOB_KEY_CHARS + 1])
{
    char key[BLOB_KEY_CHARS + 1];
    finish_hash(w, key);
    int error = commit(w, w->store->blobs, key, key);
    if (!error)
        memcpy(ret_key, key, sizeof key);
    return error;
}

int blob_writer_adopt(struct blob_writer *w)
{
    char bytes[16 << 10];
    ssize_t n;
    while ((n = pread(w->fd, bytes, sizeof bytes, (off_t)w->size)) > 0) {
        crypto_generichash_update(&w->hash, (const unsigned char *)bytes, (size_t)n);
        w->size += (uint64_t)n;
    }
    return n < 0 ? errno : 0;
}

/* What its directory is named by: the hexadecimal part. */
static const char *image_key(const char *name)
{
    return name[0] == 'a' && name[1] == '_' ? name + 2 : name;
}

int blob_writer_commit_image(struct blob_writer *w, bool animated, char ret_hash[BLOB_IMAGE_CHARS + 1])
{
    char key[BLOB_KEY_CHARS + 1], name[BLOB_IMAGE_CHARS + 1];
    finish_hash(w, key);
    snprintf(name, sizeof name, "%s%.32s", animated ? "a_" : "", key);
    int error = commit(w, w->store->images, key, name);
    if (!error)
        strcpy(ret_hash, name);
    return error;
}

int blob_writer_commit_variant(struct blob_writer *w, const char *name)
{
    return commit(w, w->store->images, image_key(name), name);
}

void blob_writer_abort(struct blob_writer *w)
{
    if (w->fd < 0)
        return;
    unlinkat(w->store->tmp, w->name, 0);
    close(w->fd);
    w->fd = -1;
}

static bool is_key(const char *key)
{
    return key && strspn(key, "0123456789abcdef") == BLOB_KEY_CHARS && !key[BLOB_KEY_CHARS];
}

/* path: below the directory; never from a client. */
static int open_file(int directory, const char *path, int *ret_fd, uint64_t *ret_size)
{
    struct stat st;
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno;
    if (fstat(fd, &st)) {
        int error = errno;
        close(fd);
        return error;
    }
    *ret_fd = fd;
    *ret_size = (uint64_t)st.st_size;
    return 0;
}

int blob_open(struct blob_store *s, const char *key, int *ret_fd, uint64_t *ret_size)
{
    char path[BLOB_KEY_CHARS + 8];
    if (!is_key(key))
        return ENOENT;
    snprintf(path, sizeof path, "%.2s/%.2s/%s", key, key + 2, key);
    return open_file(s->blobs, path, ret_fd, ret_size);
}

/* "a_" or nothing, 32 digits, then rest or nothing: a '.' and letters, digits, dots. */
static bool is_image_name(const char *name, bool rest)
{
    if (!name || strlen(name) > BLOB_NAME_BYTES_MAX)
        return false;
    const char *key = image_key(name), *end = key + strspn(key, "0123456789abcdef");
    if (end - key != 32)
        return false;
    return !*end || (rest && *end == '.' && !end[strspn(end, ".abcdefghijklmnopqrstuvwxyz0123456789")]);
}

bool blob_is_image_hash(const char *hash)
{
    return is_image_name(hash, false);
}

int blob_open_image(struct blob_store *s, const char *name, int *ret_fd, uint64_t *ret_size)
{
    char path[BLOB_NAME_BYTES_MAX + 8];
    if (!is_image_name(name, true))
        return ENOENT;
    const char *key = image_key(name);
    snprintf(path, sizeof path, "%.2s/%.2s/%s", key, key + 2, name);
    return open_file(s->images, path, ret_fd, ret_size);
}

/* ---- Removal ---------------------------------------------------------------------------------------------------- */

static bool is_old(int directory, const char *name, int64_t before_s)
{
    struct stat st;
    return !fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode) && st.st_mtime < before_s;
}

bool blob_remove_old(struct blob_store *s, enum blob_kind kind, const char *name, int64_t before_s)
{
    char path[8];
    if (kind == BLOB_IMAGE ? !is_image_name(name, true) : !is_key(name))
        return false;
    const char *key = kind == BLOB_IMAGE ? image_key(name) : name;
    snprintf(path, sizeof path, "%.2s/%.2s", key, key + 2);
    int shard = openat(kind == BLOB_IMAGE ? s->images : s->blobs, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (shard < 0)
        return false;
    bool removed = !flock(shard, LOCK_EX) && is_old(shard, name, before_s) && !unlinkat(shard, name, 0);
    close(shard);
    return removed;
}

struct walk {
    enum blob_kind kind;
    int64_t before_s;
    bool (*visit)(void *user, enum blob_kind, const char *name);
    void *user;
};

/* Of a directory of directories (depth 2, 1) or of files (0). */
static bool walk(const struct walk *w, int parent, const char *name, int depth)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return true;
    }
    bool go_on = true;
    for (struct dirent *e; go_on && (e = readdir(d));)
        if (e->d_name[0] != '.')
            go_on = depth ? walk(w, fd, e->d_name, depth - 1)
                          : !is_old(fd, e->d_name, w->before_s) || w->visit(w->user, w->kind, e->d_name);
    closedir(d);
    return go_on;
}

bool blob_visit_old(struct blob_store *s, int64_t before_s, bool (*visit)(void *user, enum blob_kind, const char *name),
                    void *user)
{
    const struct walk files = {BLOB_FILE, before_s, visit, user}, images = {BLOB_IMAGE, before_s, visit, user};
    return walk(&files, s->blobs, ".", 2) && walk(&images, s->images, ".", 2);
}
