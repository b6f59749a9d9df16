/* credentials.h - passwords, tokens, and what a registration form says: no database here. Thread-safe.
 * A password is hashed with argon2id (19 MiB, two passes) and takes tens of milliseconds: call it on the "argon2"
 * bulkhead, with no lease and no change held. A token is base64url(user id).base64url(time).base64url(256 random bits);
 * only its BLAKE2b-256 hash is kept, so the database's reader cannot log in. */
#pragma once
#include "lib/base/arena.h"
#include <stdint.h>

enum { TOKEN_HASH_N = 32 };

/* The string to store; NULL when there is no memory for it. */
char *password_hash(struct arena *, const char *password) MUST_CHECK;
/* stored NULL or "": nobody's password; costs the same as a wrong one, and is false. */
bool password_verify(const char *stored, const char *password) MUST_CHECK;
/* How often argon2 ran in this process: for the test of equal cost. */
int64_t password_runs(void);

/* argon2id of a recovery code with the salt of its owner (16 bytes; 19 MiB, two passes). false: no memory for it. */
bool recovery_hash(const char *code, const uint8_t salt[16], uint8_t ret[32]) MUST_CHECK;

char *token_make(struct arena *, uint64_t user_id);
void token_hash(const char *token, uint8_t ret[TOKEN_HASH_N]);
/* n random bytes as lower-case hexadecimal digits. */
char *hex_make(struct arena *, unsigned n);
/* n letters and digits, each of 62 with equal chance: an invite's code. */
char *code_make(struct arena *, unsigned n);

/* One @, something on both sides, no white space: the rest is for a mail to find out. */
bool email_plausible(const char *email);
/* Full years since a date YYYY-MM-DD at now_ms; -1 when it is no date or lies ahead. */
int years_since(const char *date, int64_t now_ms);
