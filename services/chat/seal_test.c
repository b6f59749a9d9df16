/* Goal: what is sealed opens under its key and for its owner alone, and shows nothing of the secret. */
#define _GNU_SOURCE
#include "services/chat/seal.h"
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t secret[20] = "a secret of 20 byte";

static struct arena *arena;
static uint8_t key[SEAL_KEY_N], other[SEAL_KEY_N];

static void start(void)
{
    arena = arena_create(0);
    randombytes_buf(key, sizeof key);
    randombytes_buf(other, sizeof other);
}

static void finish(void)
{
    arena_destroy(arena);
}

START_TEST(test_opens_for_its_owner_under_its_key)
{
    size_t n, n_open;
    uint8_t *sealed = seal_close(arena, key, 7, secret, sizeof secret, &n);
    ck_assert_uint_eq(n, sizeof secret + SEAL_EXTRA_N);
    ck_assert_ptr_null(memmem(sealed, n, secret, 8));
    uint8_t *opened = seal_open(arena, key, 7, sealed, n, &n_open);
    ck_assert_ptr_nonnull(opened);
    ck_assert_uint_eq(n_open, sizeof secret);
    ck_assert_mem_eq(opened, secret, sizeof secret);
    ck_assert_ptr_null(seal_open(arena, other, 7, sealed, n, &n_open));
    ck_assert_ptr_null(seal_open(arena, key, 8, sealed, n, &n_open));
    uint8_t *again = seal_close(arena, key, 7, secret, sizeof secret, &n);
    ck_assert_mem_ne(again, sealed, n);
}
END_TEST

START_TEST(test_every_changed_byte_is_seen)
{
    size_t n, n_open;
    uint8_t *sealed = seal_close(arena, key, 7, secret, sizeof secret, &n);
    for (size_t i = 0; i < n; i++) {
        sealed[i] ^= 1;
        ck_assert_ptr_null(seal_open(arena, key, 7, sealed, n, &n_open));
        sealed[i] ^= 1;
        ck_assert_ptr_null(seal_open(arena, key, 7, sealed, i, &n_open));
    }
    ck_assert_ptr_nonnull(seal_open(arena, key, 7, sealed, n, &n_open));
}
END_TEST

START_TEST(test_key_is_64_digits)
{
    char hex[66] = "";
    memset(hex, 'a', 64);
    ck_assert(seal_read_key(hex, key));
    ck_assert_uint_eq(key[31], 0xaa);
    hex[64] = 'a';
    ck_assert(!seal_read_key(hex, key));
    hex[63] = '\0';
    ck_assert(!seal_read_key(hex, key));
    memset(hex, 'g', 64);
    hex[64] = '\0';
    ck_assert(!seal_read_key(hex, key));
    ck_assert(!seal_read_key("", key));
}
END_TEST

int main(void)
{
    if (sodium_init() < 0)
        return 1;
    Suite *s = suite_create("seal");
    TCase *t = tcase_create("seal");
    tcase_add_checked_fixture(t, start, finish);
    tcase_add_test(t, test_opens_for_its_owner_under_its_key);
    tcase_add_test(t, test_every_changed_byte_is_seen);
    tcase_add_test(t, test_key_is_64_digits);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
