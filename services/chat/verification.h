/* verification.h - a guild's verification level: who may not yet speak there or react.
 *   1  whose e-mail address is not verified
 *   2  ... or whose account is younger than VERIFICATION_ACCOUNT_S
 *   3  ... or who became a member less than VERIFICATION_MEMBER_S ago
 *   4  everybody: there are no telephone numbers here that would tell people apart
 * Whoever was given a role is exempt, and the owner. Raising the level takes a right away: guilds' edit raises the
 * epoch. */
#pragma once
#include "services/chat/access.h"

enum { VERIFICATION_ACCOUNT_S = 5 * 60, VERIFICATION_MEMBER_S = 10 * 60 };

/* The access's subject in its guild (in a DM: nothing to ask). ST_VERIFY_ACCOUNT for an address that is not verified,
 * ST_VERIFICATION_LEVEL for the rest. */
status verification_require(struct call *, struct db *, const struct access *) MUST_CHECK;
