#include "services/chat/verification.h"
#include <inttypes.h>

enum level { LEVEL_ADDRESS = 1, LEVEL_ACCOUNT, LEVEL_MEMBER, LEVEL_ROLE };

static bool is_exempt(const struct access *a)
{
    return access_is_direct(a) || a->verification_level < LEVEL_ADDRESS || a->subject.owner || a->subject.n_roles > 0;
}

status verification_require(struct call *c, struct db *d, const struct access *a)
{
    struct db_rows *r;
    if (is_exempt(a))
        return ST_OK;
    status st = chat_query(c, d, &r,
                           "SELECT u.verified, clock_timestamp() >= u.created_at + make_interval(secs => $3), "
                           "clock_timestamp() >= m.joined_at + make_interval(secs => $4) "
                           "FROM users u JOIN members m ON m.user_id = u.id WHERE u.id = $1 AND m.guild_id = $2",
                           DB_ID(a->subject.user_id), DB_ID(a->guild_id), DB_I64(VERIFICATION_ACCOUNT_S),
                           DB_I64(VERIFICATION_MEMBER_S));
    if (st != ST_OK || !db_count(r)) /* not even a member by now: the epoch tells */
        return st;
    if (!db_bool(r, 0, 0))
        return call_fail(c, ST_VERIFY_ACCOUNT, "the address of user %" PRIu64 " is not verified", a->subject.user_id);
    const bool met[] = {[LEVEL_ADDRESS] = true,
                        [LEVEL_ACCOUNT] = db_bool(r, 0, 1),
                        [LEVEL_MEMBER] = db_bool(r, 0, 1) && db_bool(r, 0, 2),
                        [LEVEL_ROLE] = false};
    if (!met[a->verification_level])
        return call_fail(c, ST_VERIFICATION_LEVEL, "level %d of guild %" PRIu64, a->verification_level, a->guild_id);
    return ST_OK;
}
