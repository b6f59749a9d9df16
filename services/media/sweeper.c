#include "services/media/sweeper.h"
#include "hubbub/v1/files.hub.h"
#include "lib/base/arena.h"
#include "lib/base/background.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/rpc/rpc.h"
#include <stdlib.h>
#include <string.h>

enum { CALL_TIMEOUT_MS = 5000, FIRST_MS = 60000 };

struct file {
    enum blob_kind kind;
    char name[BLOB_NAME_BYTES_MAX + 1];
    bool used;
};
struct sweeper {
    struct sweeper_config config;
    struct background thread;
    bool failed; /* chat did not answer, the pass is given up */
    struct file files[SWEEPER_BATCH];
    unsigned n;
};

static struct metric swept = METRIC_COUNTER("hubbub_media_swept_files_total", "Files removed that nobody uses", "");
static struct metric passed = METRIC_COUNTER("hubbub_media_sweeps_total", "Looks for unused files", "result=\"done\"");
static struct metric given_up =
    METRIC_COUNTER("hubbub_media_sweeps_total", "Looks for unused files", "result=\"given up\"");

/* ---- A batch ---------------------------------------------------------------------------------------------------- */

/* What chat knows it by: of an image's variant, the image. */
static char *key_of(struct arena *a, const struct file *f)
{
    return arena_strndup(a, f->name, f->kind == BLOB_IMAGE ? strcspn(f->name, ".") : strlen(f->name));
}

static bool is_among(const char *key, char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(list[i], key))
            return true;
    return false;
}

/* Marks those in use; false when chat does not answer. */
static bool ask(struct sweeper *s, struct arena *a)
{
    Hubbub__V1__FilesUsedRequest request = HUBBUB__V1__FILES_USED_REQUEST__INIT;
    request.store_keys = ARENA_ARRAY(a, char *, s->n);
    request.hashes = ARENA_ARRAY(a, char *, s->n);
    for (unsigned i = 0; i < s->n; i++)
        if (s->files[i].kind == BLOB_IMAGE)
            request.hashes[request.n_hashes++] = key_of(a, &s->files[i]);
        else
            request.store_keys[request.n_store_keys++] = key_of(a, &s->files[i]);
    struct rpc_result r = rpc_call_wait(s->config.chat_targets, s->config.secret, &hubbub__v1__files__used__method,
                                        &request.base, NULL, CALL_TIMEOUT_MS, a);
    const Hubbub__V1__FilesUsedResponse *used = (const Hubbub__V1__FilesUsedResponse *)r.response;
    for (unsigned i = 0; r.st == ST_OK && i < s->n; i++) {
        struct file *f = &s->files[i];
        f->used = f->kind == BLOB_IMAGE ? is_among(key_of(a, f), used->hashes, used->n_hashes)
                                        : is_among(key_of(a, f), used->store_keys, used->n_store_keys);
    }
    return r.st == ST_OK;
}

static void keep_unused(struct sweeper *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < s->n; i++)
        if (!s->files[i].used)
            s->files[n++] = s->files[i];
    s->n = n;
}

static bool ask_once(struct sweeper *s)
{
    struct arena *a = arena_create(0);
    bool answered = ask(s, a);
    arena_destroy(a);
    keep_unused(s);
    return answered;
}

static int64_t oldest_kept_s(const struct sweeper *s)
{
    return clock_wall_ms() / 1000 - s->config.grace_s;
}

/* false: the pass is over. */
static bool sweep_batch(struct sweeper *s)
{
    int64_t again_ms = s->config.grace_s * 1000 < SWEEPER_AGAIN_MS ? s->config.grace_s * 1000 : SWEEPER_AGAIN_MS;
    s->failed = !ask_once(s);
    if (!s->failed && s->n) {
        if (!background_rest(&s->thread, again_ms))
            return false;
        s->failed = !ask_once(s);
    }
    for (unsigned i = 0; !s->failed && i < s->n; i++)
        if (blob_remove_old(s->config.store, s->files[i].kind, s->files[i].name, oldest_kept_s(s)))
            metric_add(&swept, 1);
    s->n = 0;
    return !s->failed;
}

/* ---- A pass ----------------------------------------------------------------------------------------------------- */

static bool visit(void *user, enum blob_kind kind, const char *name)
{
    struct sweeper *s = user;
    struct file *f = &s->files[s->n++];
    f->kind = kind;
    f->used = false;
    snprintf(f->name, sizeof f->name, "%s", name);
    return s->n < SWEEPER_BATCH || sweep_batch(s);
}

static void sweep(struct sweeper *s)
{
    s->n = 0;
    s->failed = false;
    bool whole = blob_visit_old(s->config.store, oldest_kept_s(s), visit, s) && (!s->n || sweep_batch(s));
    metric_add(whole ? &passed : &given_up, 1);
    if (s->failed)
        log_warn("files were not swept: chat does not answer", LOG_S("targets", s->config.chat_targets));
}

static void run(void *user)
{
    struct sweeper *s = user;
    int64_t interval_ms = s->config.interval_s * 1000, pause_ms = interval_ms < FIRST_MS ? interval_ms : FIRST_MS;
    for (; interval_ms && background_rest(&s->thread, pause_ms); pause_ms = interval_ms)
        sweep(s);
}

struct sweeper *sweeper_create(const struct sweeper_config *config)
{
    struct sweeper *s = calloc(1, sizeof *s);
    if (!s)
        log_fatal("out of memory");
    s->config = *config;
    metric_register(&swept);
    metric_register(&passed);
    metric_register(&given_up);
    background_start(&s->thread, "the sweeper", run, s);
    return s;
}

void sweeper_destroy(struct sweeper *s)
{
    if (!s)
        return;
    background_end(&s->thread);
    free(s);
}
