/* totp.h - codes of an authenticator (RFC 6238: SHA-1, six digits, steps of 30 s). The only place that sees liboath. No
 * database here. Thread-safe. */
#pragma once
#include "lib/base/arena.h"
#include <stdint.h>

enum { TOTP_STEP_S = 30, TOTP_DIGITS = 6, TOTP_WINDOW = 1 /* steps, to both sides */ };
enum { TOTP_SECRET_MIN = 10, TOTP_SECRET_MAX = 64 /* bytes */ };

/* The bytes of a base32 text in any case, with or without blanks and padding. false: it is none, or too short or long.
 */
bool totp_read_secret(struct arena *, const char *text, const uint8_t **ret, size_t *ret_n) MUST_CHECK;
/* Whether the six digits are the code of a step at most TOTP_WINDOW from now_s. *ret_step: which; a caller that keeps
 * the highest step it took refuses those up to it. */
bool totp_match(const uint8_t *secret, size_t n, const char *code, int64_t now_s, int64_t *ret_step) MUST_CHECK;
