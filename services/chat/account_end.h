/* account_end.h - how an account is disabled and deleted: by the person, by the operator's command line, by the
 * instance's administrators, by a report's end.
 *
 * Deleting: one transaction on the person's own feed takes away all that tells of them and ends their tokens; from then
 * on nobody acts as them. The rest follows in changes of its own: they leave their guilds as anybody leaves, their
 * friends are told, groups go to another owner, what only they saw is removed, and who shares a DM with them is told the
 * new name. What breaks off is finished by account_worker.h. Messages stay, and the DMs and groups they stand in. */
#pragma once
#include "services/chat/change.h"

/* In a change that holds the user's scope: ST_UNKNOWN_USER unless it is a person who was not deleted. */
status account_require_person(struct call *, struct change *, uint64_t user_id) MUST_CHECK;
/* The same, and ST_MISSING_PERMISSIONS for an administrator of the instance: first the operator takes the flag away. */
status account_require_ordinary(struct call *, struct change *, uint64_t user_id) MUST_CHECK;

/* In a change that holds the scope of a person. Disabled: all tokens end, and no login works until it is enabled. */
status account_set_disabled(struct call *, struct change *, uint64_t user_id, bool disabled) MUST_CHECK;
/* The same by the person: their next login takes it back (account_wake). */
status account_disable_self(struct call *, struct change *, uint64_t user_id) MUST_CHECK;
/* Who disabled themselves has proven to be there again; nothing for all others. */
status account_wake(struct change *, uint64_t user_id) MUST_CHECK;

/* The first transaction's part: in a change that holds the person's scope. ST_OWNS_GUILDS, with the list, while they own
 * guilds or applications. Once more for one that is deleted is fine. */
status account_anonymise(struct call *, struct change *, uint64_t user_id) MUST_CHECK;
/* The rest, behind the commit. Can be repeated. */
status account_erase(struct call *, uint64_t user_id) MUST_CHECK;
/* Both; what fails in the rest is logged and left to the worker. spare_administrators: as account_require_ordinary. */
status account_delete(struct call *, uint64_t user_id, bool spare_administrators) MUST_CHECK;
void account_erase_now_or_later(struct call *, uint64_t user_id);
/* Any person who was deleted and is not erased; *ret: their id, or 0. */
status account_next_unerased(struct call *, uint64_t *ret) MUST_CHECK;
