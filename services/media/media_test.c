/* What a file is called, what it is taken for, and where it is kept. */
#include "lib/base/log.h"
#include "services/media/blob.h"
#include "services/media/filename.h"
#include "services/media/sniff.h"
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- File names ------------------------------------------------------------------------------------------------- */

static const char *const names[][2] = {
    {"cat.png", "cat.png"},
    {"../../etc/passwd", "passwd"},
    {"C:\\Users\\me\\a.txt", "a.txt"},
    {"..", "unknown"},
    {"", "unknown"},
    {"/", "unknown"},
    {NULL, "unknown"},
    {".htaccess", "htaccess"},
    {"a b\"c;d.txt", "a_b_c_d.txt"},
    {"a\r\nSet-Cookie: x", "aSet-Cookie__x"},
    {"\xe2\x80\xaegnp.exe", "gnp.exe"},           /* right-to-left override */
    {"a\xe2\x81\xa6z\xe2\x80\x8b.png", "az.png"}, /* isolate, zero-width space */
    {"a\xc2\x85z.png", "az.png"},                 /* C1 control */
    {"\xc0\xafx\xff.png", "x.png"},               /* overlong slash, no UTF-8 */
    {"M\xc3\xbcller.pdf", "M\xc3\xbcller.pdf"},
    {"\xe3\x80\x80.png", "_.png"}, /* ideographic space */
};

START_TEST(file_names)
{
    struct arena *a = arena_create(0);
    ck_assert_str_eq(filename_clean(a, names[_i][0]), names[_i][1]);
    arena_destroy(a);
}
END_TEST

START_TEST(a_long_name_keeps_its_extension_and_whole_characters)
{
    struct arena *a = arena_create(0);
    char raw[1100] = "";
    for (int i = 0; i < 500; i++)
        strcat(raw, "\xc3\xbc");
    strcat(raw, ".jpeg");
    const char *name = filename_clean(a, raw);
    ck_assert_uint_eq(strlen(name), 255);
    ck_assert_str_eq(name + 250, ".jpeg");
    raw[1000] = '_'; /* no extension */
    name = filename_clean(a, raw);
    ck_assert_uint_eq(strlen(name), 254);
    ck_assert_uint_eq((unsigned char)name[253], 0xbc);
    arena_destroy(a);
}
END_TEST

/* ---- Types ------------------------------------------------------------------------------------------------------ */

struct type_row {
    const char *bytes;
    size_t n;
    const char *claimed, *type;
};
#define TYPE(bytes, claimed, type)                                                                                     \
    {                                                                                                                  \
        (bytes), sizeof(bytes) - 1, (claimed), (type)                                                                  \
    }
#define TEXT "text/plain; charset=utf-8"
#define OCTETS "application/octet-stream"
static const struct type_row types[] = {
    TYPE("\x89PNG\r\n\x1a\n....", "text/html", "image/png"),
    TYPE("\xff\xd8\xff\xe0", NULL, "image/jpeg"),
    TYPE("RIFF....WEBPVP8 ", NULL, "image/webp"),
    TYPE("RIFF....WAVEfmt ", NULL, "audio/wav"),
    TYPE("\0\0\0\x20"
         "ftypavif\0\0\0\0",
         NULL, "image/avif"),
    TYPE("\0\0\0\x20"
         "ftypisom\0\0\2\0",
         NULL, "video/mp4"),
    TYPE("\x1a\x45\xdf\xa3\x01\0\x42\x82\x84webm", NULL, "video/webm"),
    TYPE("\x1a\x45\xdf\xa3\x01\0\x42\x82\x88matroska", NULL, "video/x-matroska"),
    TYPE("ID3\3\0", NULL, "audio/mpeg"),
    TYPE("OggS\0\2", NULL, "audio/ogg"),
    TYPE("%PDF-1.7", NULL, "application/pdf"),
    TYPE("PK\3\4\x14", "application/vnd.ms-excel", "application/zip"),
    TYPE("<html><script>alert(1)</script>", "text/html", TEXT),
    TYPE("<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml", TEXT),
    TYPE("hello \xc3\xbc", NULL, TEXT),
    TYPE("hello \xc3", NULL, OCTETS),
    TYPE("a\0b", "text/html", OCTETS),
    TYPE("a\0b", "image/svg+xml", OCTETS),
    TYPE("a\0b", "text/xml", OCTETS),
    TYPE("a\0b", "application/javascript", OCTETS),
    TYPE("a\0b", "audio/aac", "audio/aac"),
    TYPE("a\0b", "audio/aac\r\nX: y", OCTETS),
    TYPE("a\0b", "audio/", OCTETS),
    TYPE("BM\0\0", "image/bmp", OCTETS),
    TYPE("", "audio/aac", "audio/aac"),
    TYPE("", NULL, OCTETS),
};

START_TEST(types_by_content)
{
    const struct type_row *row = &types[_i];
    uint8_t *copy = malloc(row->n ? row->n : 1);
    struct text_check whole = {0}, pieces = {0};
    memcpy(copy, row->bytes, row->n);
    text_check_feed(&whole, copy, row->n);
    for (size_t i = 0; i < row->n; i++)
        text_check_feed(&pieces, copy + i, 1);
    ck_assert_int_eq(text_check_holds(&whole), text_check_holds(&pieces));
    ck_assert_str_eq(sniff_type(copy, row->n, text_check_holds(&whole), row->claimed), row->type);
    free(copy);
}
END_TEST

static const struct {
    const char *bytes;
    bool is_text;
} texts[] = {
    {"\xed\x9f\xbf", true},
    {"\xed\xa0\x80", false},
    {"\xe0\x9f\xbf", false},
    {"\xe0\xa0\x80", true},
    {"\xf0\x8f\xbf\xbf", false},
    {"\xf0\x90\x80\x80", true},
    {"\xf4\x8f\xbf\xbf", true},
    {"\xf4\x90\x80\x80", false},
    {"\xc1\xbf", false},
    {"\xf5\x80\x80\x80", false},
    {"\x80", false},
    {"\xc3\x28", false},
    {"\xe2\x82", false},
    {"\xe2\x82\xac x", true},
    {"\xf0\x9f\x98\x80", true},
    {"", true},
};

START_TEST(text_is_utf_8)
{
    struct text_check t = {0};
    text_check_feed(&t, (const uint8_t *)texts[_i].bytes, strlen(texts[_i].bytes));
    ck_assert_int_eq(text_check_holds(&t), texts[_i].is_text);
}
END_TEST

/* ---- The store -------------------------------------------------------------------------------------------------- */

static char directory[64];
static struct blob_store *store;

static void set_up(void)
{
    strcpy(directory, "/tmp/hubbub-media-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    strcat(directory, "/media");
    store = blob_store_create(directory);
    ck_assert_ptr_nonnull(store);
}

static void tear_down(void)
{
    char command[128];
    blob_store_destroy(store);
    snprintf(command, sizeof command, "rm -rf %.*s", (int)(strlen(directory) - 6), directory);
    ck_assert_int_eq(system(command), 0);
}

static int count_temporary(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s/tmp", directory);
    DIR *d = opendir(path);
    int n = -2;
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void put(const char *text, char *ret_key)
{
    struct blob_writer w;
    ck_assert_int_eq(blob_writer_open(&w, store), 0);
    ck_assert_int_eq(blob_writer_write(&w, text, strlen(text)), 0);
    ck_assert_int_eq(blob_writer_commit(&w, ret_key), 0);
    blob_writer_abort(&w); /* nothing */
}

/* BLAKE2b-256 of "abc". */
static const char abc_key[] = "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319";

START_TEST(a_blob_is_found_by_the_hash_of_its_content)
{
    char key[BLOB_KEY_CHARS + 1], again[BLOB_KEY_CHARS + 1], bytes[8];
    int fd;
    uint64_t size;
    put("abc", key);
    put("abc", again);
    ck_assert_str_eq(key, abc_key);
    ck_assert_str_eq(again, abc_key);
    ck_assert_int_eq(blob_open(store, key, &fd, &size), 0);
    ck_assert_uint_eq(size, 3);
    ck_assert_int_eq(read(fd, bytes, sizeof bytes), 3);
    close(fd);
    ck_assert_int_eq(count_temporary(), 0);
}
END_TEST

START_TEST(only_a_key_opens_a_blob)
{
    char key[BLOB_KEY_CHARS + 1], bad[128];
    int fd;
    uint64_t size;
    put("abc", key);
    ck_assert_int_eq(blob_open(store, NULL, &fd, &size), ENOENT);
    ck_assert_int_eq(blob_open(store, "", &fd, &size), ENOENT);
    ck_assert_int_eq(blob_open(store, "../../../etc/passwd", &fd, &size), ENOENT);
    snprintf(bad, sizeof bad, "%s0", key);
    ck_assert_int_eq(blob_open(store, bad, &fd, &size), ENOENT);
    snprintf(bad, sizeof bad, "%s", key);
    bad[0] = 'B';
    ck_assert_int_eq(blob_open(store, bad, &fd, &size), ENOENT);
    snprintf(bad, sizeof bad, "../../../../../../../../../../../../../../../../../../../../../etc");
    ck_assert_int_eq(blob_open(store, bad, &fd, &size), ENOENT);
}
END_TEST

START_TEST(what_is_not_committed_leaves_nothing)
{
    struct blob_writer w;
    ck_assert_int_eq(blob_writer_open(&w, store), 0);
    ck_assert_int_eq(blob_writer_write(&w, "abc", 3), 0);
    ck_assert_int_eq(count_temporary(), 1);
    blob_writer_abort(&w);
    blob_writer_abort(&w);
    ck_assert_int_eq(count_temporary(), 0);
}
END_TEST

START_TEST(a_start_removes_what_a_dead_writer_left_and_nothing_of_a_living_one)
{
    struct blob_writer dead, alive;
    char key[BLOB_KEY_CHARS + 1];
    ck_assert_int_eq(blob_writer_open(&dead, store), 0);
    ck_assert_int_eq(blob_writer_write(&dead, "abc", 3), 0);
    close(dead.fd); /* as its death would */
    ck_assert_int_eq(blob_writer_open(&alive, store), 0);
    struct blob_store *second = blob_store_create(directory);
    ck_assert_int_eq(count_temporary(), 1);
    ck_assert_int_eq(blob_writer_commit(&alive, key), 0);
    blob_store_destroy(second);
}
END_TEST

START_TEST(directories_are_the_owners_alone)
{
    struct stat st;
    ck_assert_int_eq(stat(directory, &st), 0);
    ck_assert_int_eq(st.st_mode & 0777, 0700);
}
END_TEST

START_TEST(a_full_disk_is_an_error_and_leaves_nothing)
{
    struct blob_writer w;
    char key[BLOB_KEY_CHARS + 1];
    ck_assert_int_eq(blob_writer_open(&w, store), 0);
    int file = w.fd, full = open("/dev/full", O_RDWR);
    ck_assert_int_ge(full, 0);
    ck_assert_int_ge(dup2(full, file), 0);
    ck_assert_int_eq(blob_writer_write(&w, "abc", 3), ENOSPC);
    blob_writer_abort(&w);
    close(full);
    ck_assert_int_eq(count_temporary(), 0);
    ck_assert_int_eq(blob_writer_open(&w, store), 0); /* and the place for it taken away */
    char path[128];
    snprintf(path, sizeof path, "%s/tmp/%s", directory, w.name);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(blob_writer_commit(&w, key), ENOENT);
    ck_assert_int_eq(w.fd, -1);
}
END_TEST

int main(void)
{
    log_init("media_test", "error");
    Suite *suite = suite_create("media");
    TCase *pure = tcase_create("pure"), *disk = tcase_create("disk");
    tcase_add_loop_test(pure, file_names, 0, sizeof names / sizeof *names);
    tcase_add_test(pure, a_long_name_keeps_its_extension_and_whole_characters);
    tcase_add_loop_test(pure, types_by_content, 0, sizeof types / sizeof *types);
    tcase_add_loop_test(pure, text_is_utf_8, 0, sizeof texts / sizeof *texts);
    tcase_add_checked_fixture(disk, set_up, tear_down);
    tcase_add_test(disk, a_blob_is_found_by_the_hash_of_its_content);
    tcase_add_test(disk, only_a_key_opens_a_blob);
    tcase_add_test(disk, what_is_not_committed_leaves_nothing);
    tcase_add_test(disk, a_start_removes_what_a_dead_writer_left_and_nothing_of_a_living_one);
    tcase_add_test(disk, directories_are_the_owners_alone);
    tcase_add_test(disk, a_full_disk_is_an_error_and_leaves_nothing);
    suite_add_tcase(suite, pure);
    suite_add_tcase(suite, disk);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
