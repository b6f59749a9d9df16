/* relationships.h - what people are to each other: two rows, one of each side, changed together under the feeds rows of
 * both. A friend is a friend of both; what waits is outgoing for one and incoming for the other; a block is of one side
 * alone, and the other's row goes. */
#pragma once
#include "hubbub/v1/people.pb-c.h"
#include "services/chat/change.h"

enum relationship_type {
    RELATIONSHIP_NONE = 0,
    RELATIONSHIP_FRIEND = 1,
    RELATIONSHIP_BLOCKED = 2,
    RELATIONSHIP_INCOMING = 3,
    RELATIONSHIP_OUTGOING = 4
};
enum {
    RELATIONSHIP_FRIENDS_MAX = 1000, /* with the requests that are under way */
    RELATIONSHIP_BLOCKED_MAX = 5000
};

/* All of the user's, by since; accounts that were deleted are left out. */
status relationships_load(struct call *, struct db *, uint64_t user_id, Hubbub__V1__Relationship ***ret,
                          size_t *ret_n) MUST_CHECK;
/* What each of `of` (by id) has with the user. ST_STALE when one has nothing. */
status relationships_load_with(struct call *, struct db *, uint64_t user_id, const uint64_t *of, size_t n,
                               Hubbub__V1__Relationship ***ret, size_t *ret_n) MUST_CHECK;
/* All of the user's end, in changes of up to a hundred; who had one with them is told, they are not. Can be repeated. */
status relationships_end_all(struct call *, uint64_t user_id) MUST_CHECK;
/* ST_REACTION_BLOCKED when the author has blocked the caller. */
status relationship_may_react(struct call *, struct db *, uint64_t author_id) MUST_CHECK;
