/* accounts.h - making accounts and taking them away: what Accounts (people themselves) and Administration (the operator)
 * share. */
#pragma once
#include "hubbub/v1/accounts.pb-c.h"
#include "services/chat/change.h"

/* What the names of deleted accounts begin with; nobody may choose such a name. */
#define ACCOUNT_DELETED_PREFIX "deleted_user_"

/* User names differ in more than case, of all of Unicode's letters and whatever locale the database was made with: the
 * expression of the index users_username. E-mail addresses fold ASCII only. */
#define ACCOUNT_SAME_NAME(a, b) "lower(" a " COLLATE \"und-x-icu\") = lower(" b "::text COLLATE \"und-x-icu\")"

/* By the operator: HUBBUB_REGISTRATION, age and consent are not asked. Else the rules of SignUp. The limits of name and
 * password are checked; hashes the password: on the bulkhead "argon2". *ret lives in the call's arena. */
status account_create_by_operator(struct call *, const Hubbub__V1__RegisterRequest *, bool admin,
                                  uint64_t *ret_id) MUST_CHECK;
/* Whether it is the caller's password: ST_PASSWORD_WRONG when not. argon2: on that bulkhead, with no lease held.
 * *ret_hash: what it was compared with; compare it again in the change that follows. */
status account_require_password(struct call *, const char *password, const char **ret_hash) MUST_CHECK;
/* In a change that holds the user's scope: ST_PASSWORD_WRONG when the hash is no longer this one, or somebody
 * else disabled the account. */
status account_require_unchanged(struct call *, struct change *, uint64_t user_id, const char *hash) MUST_CHECK;
/* In a change that holds the scope of a user whose password, or better, was shown: the answer is a token, or with a second
 * factor the ticket that asks for it. Who disabled themselves is back with the token. */
status account_admit(struct call *, struct change *, uint64_t user_id, bool mfa, const char *user_agent,
                     Hubbub__V1__TokenResponse *) MUST_CHECK;
/* The 50035 leaf "password" unless the length is allowed. */
status account_check_password(struct call *, const char *password) MUST_CHECK;
