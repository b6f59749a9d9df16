/* Goal: what chat says twice that nobody uses is removed, when it is old; everything else stays: what is used, what is
 * young, what was stored anew meanwhile, and all of it while chat does not answer. */
#include "hubbub/v1/files.hub.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/rpc/rpc.h"
#include "services/media/sweeper.h"
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], address[96], directory[96];
static struct blob_store *store;
static struct rpc_server *chat;
static struct sweeper *sweeper;

/* ---- A chat that says what the test tells it --------------------------------------------------------------------- */

static char used_file[BLOB_KEY_CHARS + 1], used_image[BLOB_IMAGE_CHARS + 1], later[BLOB_KEY_CHARS + 1];
static atomic_int asked;
static atomic_bool silent;

/* `later` is unused at the first question, and used from then on: somebody copied a reference in between. */
static status used(struct call *c, const Hubbub__V1__FilesUsedRequest *req, Hubbub__V1__FilesUsedResponse *ret)
{
    int n = atomic_fetch_add(&asked, 1);
    if (atomic_load(&silent))
        return call_fail(c, ST_UNAVAILABLE, "silent");
    ret->store_keys = ARENA_ARRAY(call_arena(c), char *, req->n_store_keys);
    ret->hashes = ARENA_ARRAY(call_arena(c), char *, req->n_hashes);
    for (size_t i = 0; i < req->n_store_keys; i++)
        if (!strcmp(req->store_keys[i], used_file) || (n && !strcmp(req->store_keys[i], later)))
            ret->store_keys[ret->n_store_keys++] = req->store_keys[i];
    for (size_t i = 0; i < req->n_hashes; i++)
        if (!strcmp(req->hashes[i], used_image))
            ret->hashes[ret->n_hashes++] = req->hashes[i];
    return ST_OK;
}

static void set_up(void)
{
    static const struct hubbub__v1__files__handlers handlers = {.used = used};
    strcpy(folder, "/tmp/hubbub-sweep-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(address, sizeof address, "unix:%s/s", folder);
    snprintf(directory, sizeof directory, "%s/media", folder);
    store = blob_store_create(directory);
    static const struct rpc_bulkhead bulkhead = {"search", 1, 4};
    struct rpc_server_config config = {.listen = address, .secret = "", .bulkheads = &bulkhead, .n_bulkheads = 1};
    chat = rpc_server_create(&config);
    ck_assert_ptr_nonnull(chat);
    hubbub__v1__files__serve(chat, &handlers);
    ck_assert(rpc_server_start(chat));
    rpc_server_set_ready(chat, true);
    sweeper = NULL;
}

static void start(int64_t grace_s)
{
    const struct sweeper_config config = {
        .store = store, .chat_targets = address, .secret = "", .grace_s = grace_s, .interval_s = 1};
    sweeper = sweeper_create(&config);
}

static void tear_down(void)
{
    char command[96];
    sweeper_destroy(sweeper);
    rpc_server_drain(chat, 1000);
    rpc_server_destroy(chat);
    blob_store_destroy(store);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* ---- Files ------------------------------------------------------------------------------------------------------ */

static void open_writer(struct blob_writer *w, const char *text)
{
    ck_assert_int_eq(blob_writer_open(w, store), 0);
    ck_assert_int_eq(blob_writer_write(w, text, strlen(text)), 0);
}

static void put(const char *text, char *ret_key)
{
    struct blob_writer w;
    open_writer(&w, text);
    ck_assert_int_eq(blob_writer_commit(&w, ret_key), 0);
}

static void put_image(const char *text, char *ret_hash, char *ret_variant)
{
    struct blob_writer w;
    open_writer(&w, text);
    ck_assert_int_eq(blob_writer_commit_image(&w, true, ret_hash), 0);
    sprintf(ret_variant, "%s.64.gif.a", ret_hash);
    open_writer(&w, "smaller");
    ck_assert_int_eq(blob_writer_commit_variant(&w, ret_variant), 0);
}

static bool is_there(const char *name)
{
    int fd;
    uint64_t size;
    if (strlen(name) == BLOB_KEY_CHARS ? blob_open(store, name, &fd, &size) : blob_open_image(store, name, &fd, &size))
        return false;
    close(fd);
    return true;
}

/* Makes what is stored now older than it is. */
static void age_all(void)
{
    char command[300];
    snprintf(command, sizeof command, "find %s/blobs %s/images -type f -exec touch -d '1 hour ago' {} +", directory,
             directory);
    ck_assert_int_eq(system(command), 0);
}

static void wait_until_gone(const char *name)
{
    for (int64_t end = clock_mono_ms() + 20000; is_there(name) && clock_mono_ms() < end;)
        usleep(20000);
    ck_assert(!is_there(name));
}

START_TEST(only_what_nobody_uses_is_removed)
{
    char unused[BLOB_KEY_CHARS + 1], young[BLOB_KEY_CHARS + 1], hash[BLOB_IMAGE_CHARS + 1], variant[2][64];
    put("used", used_file);
    put("unused", unused);
    put("later", later);
    put_image("used image", used_image, variant[0]);
    put_image("unused image", hash, variant[1]);
    age_all();
    put("young", young);
    start(60);
    wait_until_gone(unused);
    wait_until_gone(hash);
    wait_until_gone(variant[1]);
    ck_assert(is_there(used_file));
    ck_assert(is_there(used_image));
    ck_assert(is_there(variant[0]));
    ck_assert(is_there(young));
    ck_assert(is_there(later));
}
END_TEST

START_TEST(while_chat_does_not_answer_everything_stays)
{
    char unused[BLOB_KEY_CHARS + 1];
    put("unused", unused);
    age_all();
    atomic_store(&silent, true);
    atomic_store(&asked, 0);
    start(1);
    for (int64_t end = clock_mono_ms() + 20000; atomic_load(&asked) < 3 && clock_mono_ms() < end;)
        usleep(20000);
    ck_assert_int_ge(atomic_load(&asked), 3);
    ck_assert(is_there(unused));
    atomic_store(&silent, false);
    wait_until_gone(unused);
}
END_TEST

START_TEST(what_is_stored_anew_is_young_again)
{
    char key[BLOB_KEY_CHARS + 1], again[BLOB_KEY_CHARS + 1];
    int64_t hour_ago = clock_wall_ms() / 1000 - 600;
    put("same", key);
    age_all();
    put("same", again);
    ck_assert_str_eq(key, again);
    ck_assert(!blob_remove_old(store, BLOB_FILE, key, hour_ago));
    ck_assert(is_there(key));
    age_all();
    ck_assert(blob_remove_old(store, BLOB_FILE, key, hour_ago));
    ck_assert(!is_there(key));
    ck_assert(!blob_remove_old(store, BLOB_FILE, key, hour_ago));
    ck_assert(!blob_remove_old(store, BLOB_FILE, "../../../etc/passwd", hour_ago));
    ck_assert(!blob_remove_old(store, BLOB_IMAGE, "../x", hour_ago));
}
END_TEST

/* More than one batch, none of them used: each pass goes on. */
START_TEST(many_files)
{
    char key[BLOB_KEY_CHARS + 1], text[32];
    for (int i = 0; i < SWEEPER_BATCH + 50; i++) {
        snprintf(text, sizeof text, "file %d", i);
        put(text, key);
    }
    put("used", used_file);
    age_all();
    start(1);
    for (int i = 0; i < SWEEPER_BATCH + 50; i++) {
        struct blob_writer w;
        snprintf(text, sizeof text, "file %d", i);
        open_writer(&w, text);
        uint8_t hash[crypto_generichash_BYTES];
        crypto_generichash_final(&w.hash, hash, sizeof hash);
        sodium_bin2hex(key, sizeof key, hash, sizeof hash);
        blob_writer_abort(&w);
        wait_until_gone(key);
    }
    ck_assert(is_there(used_file));
}
END_TEST

int main(void)
{
    log_init("sweeper_test", "error");
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    Suite *suite = suite_create("sweeper");
    TCase *tests = tcase_create("sweeper");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, only_what_nobody_uses_is_removed);
    tcase_add_test(tests, while_chat_does_not_answer_everything_stays);
    tcase_add_test(tests, what_is_stored_anew_is_young_again);
    tcase_add_test(tests, many_files);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
