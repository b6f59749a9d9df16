/* second_factor.h - whether somebody has the authenticator that the account was enrolled with, or one of its recovery
 * codes. A code counts once: the step of the last one that was taken is kept, recovery codes are marked. Wrong codes
 * are counted: after SECOND_FACTOR_FAILURES of them within SECOND_FACTOR_WINDOW_S the account's codes are not looked at
 * until the window is over. Recovery codes are hashed by argon2id with the account's salt, before the change begins. */
#pragma once
#include "services/chat/change.h"

enum { SECOND_FACTOR_FAILURES = 5, SECOND_FACTOR_WINDOW_S = 900 };
enum { RECOVERY_CODES = 10, RECOVERY_CODE_LETTERS = 8, RECOVERY_HASH_N = 32, RECOVERY_SALT_N = 16 };

/* What somebody says to prove it: read and hashed by second_factor_prepare, on the bulkhead "argon2", with no lease
 * held. */
struct second_factor_claim {
    const char *code; /* blanks and hyphens cut */
    bool recovery;    /* not the form of an authenticator's code */
    uint8_t hash[RECOVERY_HASH_N];
};
status second_factor_prepare(struct call *, uint64_t user_id, const char *code,
                             struct second_factor_claim *ret) MUST_CHECK;
/* Whether the claim holds; then the code is spent with the change. First thing in a change that holds the user's scope:
 * a wrong code is counted and the change ends. ST_MFA_BAD_CODE; ST_MFA_NOT_ENROLLED; ST_RATE_LIMITED with when to come
 * again. */
status second_factor_require(struct call *, struct change *, uint64_t user_id,
                             const struct second_factor_claim *) MUST_CHECK;

/* New codes; the hashes are made before the change, beside the texts. */
struct recovery_codes {
    uint8_t salt[RECOVERY_SALT_N];
    char *texts[RECOVERY_CODES];
    uint8_t hashes[RECOVERY_CODES][RECOVERY_HASH_N];
};
/* With the user's own salt when *ret->salt was read (second_factor_salt), else with a new one. ST_OVERLOADED: no
 * memory. */
status recovery_codes_make(struct call *, bool keep_salt, struct recovery_codes *ret) MUST_CHECK;
/* ST_MFA_NOT_ENROLLED when there is none. */
status second_factor_salt(struct call *, uint64_t user_id, uint8_t ret[RECOVERY_SALT_N]) MUST_CHECK;
/* In place of those that are there. */
status recovery_codes_store(struct change *, uint64_t user_id, const struct recovery_codes *) MUST_CHECK;

/* Enrols; the code of `step` counts as used. ST_MFA_ENROLLED when somebody did meanwhile. */
status second_factor_enrol(struct call *, struct change *, uint64_t user_id, const uint8_t *secret, size_t n,
                           int64_t step, const struct recovery_codes *) MUST_CHECK;
/* ST_MFA_NOT_ENROLLED when there is none. Both tell the user's own sessions (USER_UPDATE). */
status second_factor_drop(struct call *, struct change *, uint64_t user_id) MUST_CHECK;

/* The authenticators' secrets are sealed (seal.h) when there is a key, but not before seal_after_ms from the process's
 * start: a chat of an older version that runs beside it in a rolling restart reads only open ones. */
struct chat;
bool second_factor_seals(const struct chat *);
/* Seals up to a hundred that lie open. *ret_more: there may be more. */
status second_factor_seal_some(struct call *, bool *ret_more) MUST_CHECK;
