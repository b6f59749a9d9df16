#include "services/chat/seal.h"
#include <assert.h>
#include <sodium.h>
#include <string.h>

enum { FORM = 1, NONCE_N = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, TAG_N = crypto_aead_xchacha20poly1305_ietf_ABYTES };
static_assert(SEAL_KEY_N == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the key of XChaCha20-Poly1305");
static_assert(SEAL_EXTRA_N == 1 + NONCE_N + TAG_N, "form, nonce, tag");

bool seal_read_key(const char *hex, uint8_t ret[SEAL_KEY_N])
{
    size_t n;
    const char *end;
    return strlen(hex) == 2 * SEAL_KEY_N && !sodium_hex2bin(ret, SEAL_KEY_N, hex, 2 * SEAL_KEY_N, NULL, &n, &end) &&
           n == SEAL_KEY_N;
}

/* What is authenticated beside the secret: the same on every machine. */
struct owner {
    uint8_t bytes[8];
};
static struct owner owner_of(uint64_t id)
{
    struct owner o;
    for (unsigned i = 0; i < sizeof o.bytes; i++)
        o.bytes[i] = (uint8_t)(id >> 8 * i);
    return o;
}

uint8_t *seal_close(struct arena *a, const uint8_t key[SEAL_KEY_N], uint64_t owner, const uint8_t *secret, size_t n,
                    size_t *ret_n)
{
    uint8_t *sealed = arena_alloc(a, n + SEAL_EXTRA_N);
    const struct owner o = owner_of(owner);
    sealed[0] = FORM;
    randombytes_buf(sealed + 1, NONCE_N);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + 1 + NONCE_N, NULL, secret, n, o.bytes,
                                               sizeof o.bytes, NULL, sealed + 1, key);
    *ret_n = n + SEAL_EXTRA_N;
    return sealed;
}

uint8_t *seal_open(struct arena *a, const uint8_t key[SEAL_KEY_N], uint64_t owner, const uint8_t *sealed, size_t n,
                   size_t *ret_n)
{
    if (n < SEAL_EXTRA_N || sealed[0] != FORM)
        return NULL;
    uint8_t *secret = arena_alloc(a, n - SEAL_EXTRA_N + 1);
    const struct owner o = owner_of(owner);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(secret, NULL, NULL, sealed + 1 + NONCE_N, n - 1 - NONCE_N,
                                                   o.bytes, sizeof o.bytes, sealed + 1, key))
        return NULL;
    *ret_n = n - SEAL_EXTRA_N;
    return secret;
}
