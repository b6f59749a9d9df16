#include "services/chat/totp.h"
#include "lib/base/log.h"
#include <liboath/oath.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    if (oath_init() != OATH_OK)
        log_fatal("liboath does not start");
}

bool totp_read_secret(struct arena *a, const char *text, const uint8_t **ret, size_t *ret_n)
{
    char *decoded = NULL;
    size_t n = 0;
    pthread_once(&once, prepare);
    if (oath_base32_decode(text, strlen(text), &decoded, &n) != OATH_OK)
        return false;
    bool fits = n >= TOTP_SECRET_MIN && n <= TOTP_SECRET_MAX;
    if (fits) {
        uint8_t *copy = arena_alloc(a, n);
        memcpy(copy, decoded, n);
        *ret = copy;
        *ret_n = n;
    }
    free(decoded);
    return fits;
}

bool totp_match(const uint8_t *secret, size_t n, const char *code, int64_t now_s, int64_t *ret_step)
{
    uint64_t step = 0;
    pthread_once(&once, prepare);
    if (strlen(code) != TOTP_DIGITS || strspn(code, "0123456789") != TOTP_DIGITS)
        return false;
    int found = oath_totp_validate4((const char *)secret, n, (time_t)now_s, TOTP_STEP_S, OATH_TOTP_DEFAULT_START_TIME,
                                    TOTP_WINDOW, NULL, &step, 0, code);
    if (found < 0)
        return false;
    *ret_step = (int64_t)step;
    return true;
}
