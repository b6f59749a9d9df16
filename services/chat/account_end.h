/* account_end.h - how an account is disabled and deleted: by the operator's command line, by the instance's
 * administrators, by a report's end. */
#pragma once
#include "services/chat/change.h"

/* In a change that holds the user's scope: ST_UNKNOWN_USER unless it is a person who was not deleted. */
status account_require_person(struct call *, struct change *, uint64_t user_id) MUST_CHECK;
/* The same, and ST_MISSING_PERMISSIONS for an administrator of the instance: first the operator takes the flag away. */
status account_require_ordinary(struct call *, struct change *, uint64_t user_id) MUST_CHECK;
/* In a change that holds the scope of a person. Disabled: all tokens end. */
status account_set_disabled(struct call *, struct change *, uint64_t user_id, bool disabled) MUST_CHECK;

/* For good: one transaction on the person's own feed takes away all that tells of them and ends their tokens; from then
 * on nobody acts as them. Then they leave their guilds, one transaction each, as anybody leaves. What broke off in
 * between is finished by asking again. ST_BAD_REQUEST, with the list, while they own guilds or applications.
 * spare_administrators: as account_require_ordinary. */
status account_delete(struct call *, uint64_t user_id, bool spare_administrators) MUST_CHECK;
