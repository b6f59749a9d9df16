/* Goal: files go through a real server and come back the same, whole or in part; what is too large, broken off or asked
 * for by a false name leaves nothing behind. */
#include "hubbub/v1/media.hub.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/media/handlers.h"
#include <check.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum { UPLOAD_BYTES_MAX = 10 << 20, CHUNK_BYTES = 64 << 10 };

static char folder[64];
static struct media media = {.upload_bytes_max = UPLOAD_BYTES_MAX};
static struct rpc_server *server;
static uv_loop_t loop;
static struct rpc_client *client;
static struct rpc_group *group;
static uint8_t *file;

static void set_up(void)
{
    static char address[96], directory[96];
    strcpy(folder, "/tmp/hubbub-media-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(address, sizeof address, "unix:%s/s", folder);
    snprintf(directory, sizeof directory, "%s/media", folder);
    media.store = blob_store_create(directory);
    static const struct rpc_bulkhead bulkhead = {"streams", 4, 4};
    struct rpc_server_config config = {
        .listen = address, .secret = "", .bulkheads = &bulkhead, .n_bulkheads = 1, .user = &media};
    server = rpc_server_create(&config);
    ck_assert_ptr_nonnull(server);
    handlers_serve(server);
    ck_assert(rpc_server_start(server));
    rpc_server_set_ready(server, true);
    uv_loop_init(&loop);
    client = rpc_client_create(&loop, "");
    group = rpc_group_create(client, address);
    file = malloc(UPLOAD_BYTES_MAX + 1);
    for (size_t i = 0; i <= UPLOAD_BYTES_MAX; i++)
        file[i] = (uint8_t)(i * 2654435761u >> 13);
}

static void tear_down(void)
{
    char command[96];
    rpc_group_destroy(group);
    rpc_client_destroy(client);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    rpc_server_drain(server, 1000);
    rpc_server_destroy(server);
    blob_store_destroy(media.store);
    free(file);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

/* ---- An upload -------------------------------------------------------------------------------------------------- */

struct upload {
    struct rpc_stream *stream;
    size_t sent, n, break_off_at;
    const char *filename, *content_type;
    bool done;
    status st;
    char key[80], name[300], type[128];
    uint64_t size;
    uint32_t width, height;
};

static void send_more(struct upload *u)
{
    Hubbub__V1__UploadChunk chunk = HUBBUB__V1__UPLOAD_CHUNK__INIT;
    size_t n = u->n - u->sent < CHUNK_BYTES ? u->n - u->sent : CHUNK_BYTES;
    if (!u->sent) {
        chunk.filename = (char *)u->filename;
        chunk.content_type = (char *)u->content_type;
    }
    PB_SET(&chunk, data, ((ProtobufCBinaryData){n, file + u->sent}));
    u->sent += n;
    rpc_stream_send(u->stream, &chunk.base);
}

static void on_sent(void *user)
{
    struct upload *u = user;
    if (u->break_off_at && u->sent >= u->break_off_at)
        rpc_stream_cancel(u->stream);
    else if (u->sent < u->n)
        send_more(u);
    else
        rpc_stream_close_send(u->stream);
}

static void on_uploaded(void *user, const struct rpc_result *r)
{
    struct upload *u = user;
    u->done = true;
    u->st = r->st;
    const Hubbub__V1__Attachment *a = (const Hubbub__V1__Attachment *)r->response;
    if (!a)
        return;
    snprintf(u->key, sizeof u->key, "%s", a->store_key);
    snprintf(u->name, sizeof u->name, "%s", a->filename);
    snprintf(u->type, sizeof u->type, "%s", a->content_type);
    u->size = a->size;
    u->width = a->width;
    u->height = a->height;
}

static void run_upload(struct upload *u)
{
    static const struct rpc_stream_events events = {.on_sent = on_sent, .on_done = on_uploaded};
    u->stream = rpc_stream_open(group, 0, &hubbub__v1__media__upload__method, NULL, NULL, &events, u);
    send_more(u);
    while (!u->done)
        uv_run(&loop, UV_RUN_ONCE);
}

/* ---- A download -------------------------------------------------------------------------------------------------- */

struct download {
    struct rpc_stream *stream;
    const uint8_t *expected;
    uint64_t size, received;
    bool done, differs;
    status st;
};

static void on_chunk(void *user, const ProtobufCMessage *message)
{
    struct download *d = user;
    const Hubbub__V1__DownloadChunk *chunk = (const Hubbub__V1__DownloadChunk *)message;
    if (chunk->has_size)
        d->size = chunk->size;
    if (chunk->data.len)
        d->differs = d->differs || chunk->data.len > CHUNK_BYTES ||
                     memcmp(chunk->data.data, d->expected + d->received, chunk->data.len);
    d->received += chunk->data.len;
    rpc_stream_read(d->stream);
}

static void on_downloaded(void *user, const struct rpc_result *r)
{
    struct download *d = user;
    d->done = true;
    d->st = r->st;
}

static struct download run_download(const char *key, uint64_t offset, uint64_t length)
{
    static const struct rpc_stream_events events = {.on_message = on_chunk, .on_done = on_downloaded};
    Hubbub__V1__DownloadRequest request = HUBBUB__V1__DOWNLOAD_REQUEST__INIT;
    struct download d = {.expected = file + offset};
    request.store_key = (char *)key;
    PB_SET(&request, offset, offset);
    PB_SET(&request, length, length);
    d.stream = rpc_stream_open(group, 0, &hubbub__v1__media__download__method, &request.base, NULL, &events, &d);
    rpc_stream_read(d.stream);
    while (!d.done)
        uv_run(&loop, UV_RUN_ONCE);
    return d;
}

/* An upload that failed or was broken off is removed, at the latest a moment later. */
static void expect_nothing_left(void)
{
    char path[96];
    int n = 0;
    snprintf(path, sizeof path, "%s/media/tmp", folder);
    for (int64_t until_ms = clock_mono_ms() + 2000; clock_mono_ms() < until_ms; usleep(5000)) {
        DIR *d = opendir(path);
        for (n = -2; readdir(d); n++)
            continue;
        closedir(d);
        if (!n)
            break;
    }
    ck_assert_int_eq(n, 0);
}

START_TEST(the_largest_file_goes_and_comes_back_whole_and_in_parts)
{
    struct upload u = {.n = UPLOAD_BYTES_MAX, .filename = "../a b.bin"};
    run_upload(&u);
    ck_assert_int_eq(u.st, ST_OK);
    ck_assert_uint_eq(u.size, UPLOAD_BYTES_MAX);
    ck_assert_str_eq(u.name, "a_b.bin");
    ck_assert_str_eq(u.type, "application/octet-stream");
    ck_assert_uint_eq(strlen(u.key), BLOB_KEY_CHARS);
    static const uint64_t ranges[][3] = {{0, 0, UPLOAD_BYTES_MAX},
                                         {100000, 200000, 200000},
                                         {UPLOAD_BYTES_MAX - 5, 0, 5},
                                         {UPLOAD_BYTES_MAX - 5, 500, 5},
                                         {7, UINT64_MAX, UPLOAD_BYTES_MAX - 7},
                                         {UPLOAD_BYTES_MAX, 1, 0}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct download d = run_download(u.key, ranges[i][0], ranges[i][1]);
        ck_assert_int_eq(d.st, ST_OK);
        ck_assert_uint_eq(d.size, UPLOAD_BYTES_MAX);
        ck_assert_uint_eq(d.received, ranges[i][2]);
        ck_assert(!d.differs);
    }
    ck_assert_int_eq(run_download(u.key, UPLOAD_BYTES_MAX + 1, 0).st, ST_RANGE_NOT_SATISFIABLE);
    expect_nothing_left();
}
END_TEST

START_TEST(an_image_is_measured)
{
    static const char png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\0\0\0\x10\x08\6\0\0\0";
    memcpy(file, png, sizeof png);
    struct upload u = {.n = sizeof png, .filename = "x.html", .content_type = "text/html"};
    run_upload(&u);
    ck_assert_int_eq(u.st, ST_OK);
    ck_assert_str_eq(u.type, "image/png");
    ck_assert_uint_eq(u.width, 256);
    ck_assert_uint_eq(u.height, 16);
}
END_TEST

START_TEST(one_byte_too_many_is_refused)
{
    struct upload u = {.n = UPLOAD_BYTES_MAX + 1, .filename = "a"};
    run_upload(&u);
    ck_assert_int_eq(u.st, ST_TOO_LARGE);
    expect_nothing_left();
}
END_TEST

START_TEST(an_upload_that_breaks_off_is_no_file)
{
    struct upload u = {.n = UPLOAD_BYTES_MAX, .filename = "a", .break_off_at = 1 << 20};
    run_upload(&u);
    ck_assert_int_eq(u.st, ST_CANCELLED);
    expect_nothing_left();
}
END_TEST

START_TEST(a_key_that_is_none_is_unknown)
{
    static const char *const keys[] = {"", "../../../../etc/passwd",
                                       "0000000000000000000000000000000000000000000000000000000000000000",
                                       "00/0000000000000000000000000000000000000000000000000000000000000"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        ck_assert_int_eq(run_download(keys[i], 0, 0).st, ST_UNKNOWN_ASSET);
}
END_TEST

int main(void)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigprocmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    log_init("handlers_test", "error");
    Suite *suite = suite_create("media handlers");
    TCase *t = tcase_create("calls");
    tcase_add_checked_fixture(t, set_up, tear_down);
    tcase_add_test(t, the_largest_file_goes_and_comes_back_whole_and_in_parts);
    tcase_add_test(t, an_image_is_measured);
    tcase_add_test(t, one_byte_too_many_is_refused);
    tcase_add_test(t, an_upload_that_breaks_off_is_no_file);
    tcase_add_test(t, a_key_that_is_none_is_unknown);
    tcase_set_timeout(t, 30);
    suite_add_tcase(suite, t);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
