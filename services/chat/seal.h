/* seal.h - secrets of people that lie in the database encrypted, so that who reads a backup has none of them: under a key
 * that is no part of it (HUBBUB_SEAL_KEY). XChaCha20-Poly1305, bound to the owner: one person's does not open as
 * another's. Pure; thread-safe. */
#pragma once
#include "lib/base/arena.h"
#include <stdint.h>

enum { SEAL_KEY_N = 32, SEAL_EXTRA_N = 1 + 24 + 16 /* form, nonce, tag */ };

/* 64 hexadecimal digits. false: something else. */
bool seal_read_key(const char *hex, uint8_t ret[SEAL_KEY_N]) MUST_CHECK;
/* *ret_n = n + SEAL_EXTRA_N bytes. */
uint8_t *seal_close(struct arena *, const uint8_t key[SEAL_KEY_N], uint64_t owner, const uint8_t *secret, size_t n,
                    size_t *ret_n);
/* NULL: another key, another owner, or something that was never sealed. */
uint8_t *seal_open(struct arena *, const uint8_t key[SEAL_KEY_N], uint64_t owner, const uint8_t *sealed, size_t n,
                   size_t *ret_n) MUST_CHECK;
