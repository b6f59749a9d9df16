#include "services/chat/credentials.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* OWASP's second choice of argon2id: 19 MiB, two passes, one lane. */
enum { PASSES = 2, MEMORY_BYTES = 19 * 1024 * 1024 };

static struct metric runs = METRIC_COUNTER("hubbub_password_hashes_total", "argon2 runs", "");
/* What an unknown user's password is compared with. */
static char nobody[crypto_pwhash_STRBYTES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    unsigned char secret[32];
    if (sodium_init() < 0)
        log_fatal("libsodium does not start");
    randombytes_buf(secret, sizeof secret);
    if (crypto_pwhash_str_alg(nobody, (const char *)secret, sizeof secret, PASSES, MEMORY_BYTES,
                              crypto_pwhash_ALG_ARGON2ID13) != 0)
        log_fatal("no memory for argon2");
}

char *password_hash(struct arena *arena, const char *password)
{
    pthread_once(&once, prepare);
    metric_add(&runs, 1);
    char *hash = arena_alloc(arena, crypto_pwhash_STRBYTES);
    int failed =
        crypto_pwhash_str_alg(hash, password, strlen(password), PASSES, MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13);
    return failed ? NULL : hash;
}

bool password_verify(const char *stored, const char *password)
{
    pthread_once(&once, prepare);
    metric_add(&runs, 1);
    bool known = stored && *stored;
    int wrong = crypto_pwhash_str_verify(known ? stored : nobody, password, strlen(password));
    return known && !wrong;
}

bool recovery_hash(const char *code, const uint8_t salt[16], uint8_t ret[32])
{
    static_assert(crypto_pwhash_SALTBYTES == 16, "the salt's size is in the header");
    pthread_once(&once, prepare);
    metric_add(&runs, 1);
    return !crypto_pwhash(ret, 32, code, strlen(code), salt, PASSES, MEMORY_BYTES, crypto_pwhash_ALG_ARGON2ID13);
}

int64_t password_runs(void)
{
    return atomic_load(&runs.value);
}

static char *base64(struct arena *arena, const void *data, size_t n)
{
    size_t size = sodium_base64_encoded_len(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return sodium_bin2base64(arena_alloc(arena, size), size, data, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

char *token_make(struct arena *arena, uint64_t user_id)
{
    pthread_once(&once, prepare);
    char id[24];
    int id_n = snprintf(id, sizeof id, "%" PRIu64, user_id);
    uint32_t now = (uint32_t)(clock_wall_ms() / 1000);
    uint8_t seconds[4] = {(uint8_t)(now >> 24), (uint8_t)(now >> 16), (uint8_t)(now >> 8), (uint8_t)now}, secret[32];
    randombytes_buf(secret, sizeof secret);
    return arena_printf(arena, "%s.%s.%s", base64(arena, id, (size_t)id_n), base64(arena, seconds, sizeof seconds),
                        base64(arena, secret, sizeof secret));
}

void token_hash(const char *token, uint8_t ret[TOKEN_HASH_N])
{
    crypto_generichash(ret, TOKEN_HASH_N, (const unsigned char *)token, strlen(token), NULL, 0);
}

char *hex_make(struct arena *arena, unsigned n)
{
    pthread_once(&once, prepare);
    uint8_t *bytes = arena_alloc(arena, n);
    randombytes_buf(bytes, n);
    return sodium_bin2hex(arena_alloc(arena, n * 2 + 1), n * 2 + 1, bytes, n);
}

char *code_make(struct arena *arena, unsigned n)
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    pthread_once(&once, prepare);
    char *code = arena_alloc(arena, n + 1);
    for (unsigned i = 0; i < n; i++)
        code[i] = letters[randombytes_uniform(sizeof letters - 1)];
    return code;
}

bool email_plausible(const char *email)
{
    const char *at = strchr(email, '@');
    return at && at > email && at[1] && !strchr(at + 1, '@') && !strpbrk(email, " \t\r\n<>,;\"");
}

static bool is_date(int year, int month, int day)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return year >= 1900 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1] + (leap && month == 2);
}

int years_since(const char *date, int64_t now_ms)
{
    int year, month, day, used = 0;
    if (strlen(date) != 10 || sscanf(date, "%4d-%2d-%2d%n", &year, &month, &day, &used) != 3 || used != 10 ||
        !is_date(year, month, day))
        return -1;
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm now;
    gmtime_r(&seconds, &now);
    int had_birthday = now.tm_mon + 1 > month || (now.tm_mon + 1 == month && now.tm_mday >= day);
    int years = now.tm_year + 1900 - year - !had_birthday;
    return years < 0 ? -1 : years;
}
