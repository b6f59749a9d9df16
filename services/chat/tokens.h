/* tokens.h - the tokens in the database: issue, resolve, revoke. credentials.h makes their text and hash. */
#pragma once
#include "hubbub/v1/accounts.pb-c.h"
#include "services/chat/change.h"

/* A new token of the user; the text exists only in *ret. d: a lease or change_db(). user_agent: of who asks for it; may
 * be NULL. */
status token_issue(struct call *, struct db *, uint64_t user_id, const char *user_agent, char **ret) MUST_CHECK;
/* The same while the account is not disabled, its password is this one, and that is enough; else *ret is NULL. */
status token_issue_if(struct call *, struct db *, uint64_t user_id, const char *password_hash, const char *user_agent,
                      char **ret) MUST_CHECK;
/* Whose it is; "Bot " and "Bearer " in front are cut. ST_UNAUTHORIZED when it is nobody's. */
status token_resolve(struct call *, struct db *, const char *token, Hubbub__V1__Identity *ret) MUST_CHECK;
/* Notes that the token is used, and its user seen, when that was last noted over TOKEN_NOTED_S ago. */
enum { TOKEN_NOTED_S = 600 };
status token_note_use(struct call *, struct db *, const Hubbub__V1__Identity *) MUST_CHECK;
/* Base64 of its hash: how its owner names it. In the arena. */
char *token_id_hash(struct arena *, const Hubbub__V1__Identity *);
/* Ends all tokens and tickets of the user, and says so in the user's own feed (the change holds that scope). */
status token_revoke_all(struct call *, struct change *, uint64_t user_id) MUST_CHECK;
/* The tokens_revoked entry for the hashes in column 0 of the rows; none for no rows. */
void token_add_revoked(struct call *, struct change *, uint64_t user_id, const struct db_rows *);
