/* tokens.h - the tokens in the database: issue, resolve, revoke. credentials.h makes their text and hash. */
#pragma once
#include "hubbub/v1/accounts.pb-c.h"
#include "services/chat/change.h"

/* A new token of the user; the text exists only in *ret. d: a lease or change_db(). */
status token_issue(struct call *, struct db *, uint64_t user_id, char **ret) MUST_CHECK;
/* Whose it is; "Bot " and "Bearer " in front are cut. ST_UNAUTHORIZED when it is nobody's. */
status token_resolve(struct call *, struct db *, const char *token, Hubbub__V1__Identity *ret) MUST_CHECK;
/* Ends all tokens of the user, and says so in the user's own feed (the change holds that scope). */
status token_revoke_all(struct call *, struct change *, uint64_t user_id) MUST_CHECK;
/* The tokens_revoked entry for the hashes in column 0 of the rows; none for no rows. */
void token_add_revoked(struct call *, struct change *, uint64_t user_id, const struct db_rows *);
