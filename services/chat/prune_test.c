/* Goal: a prune takes who has been away for so many days and whom no role keeps, and nobody else; it is counted before,
 * told to everybody, written into the audit log, and may be asked for only by who may kick and manage. */
#include "lib/permission/permission.h"
#include "services/chat/audit.h"
#include "services/chat/testing/world.h"
#include <inttypes.h>
#include <stdio.h>

enum { DAYS = 7, DAY_S = 86400 };
static struct {
    uint64_t owner, chief, chief_role, guild, low_role, high_role;
} cast;

static void set_stage(void)
{
    world_clear();
    cast.owner = world_quick_person("owner");
    cast.chief = world_quick_person("chief");
    cast.guild = world_guild(cast.owner);
    cast.low_role = world_role(cast.guild, cast.owner, 0);
    cast.chief_role = world_role(cast.guild, cast.owner, PERM_KICK_MEMBERS | PERM_MANAGE_GUILD);
    cast.high_role = world_role(cast.guild, cast.owner, 0);
    world_number("WITH x AS (UPDATE roles SET position = CASE id WHEN $1 THEN 1 WHEN $2 THEN 3 ELSE position END "
                 "RETURNING 1) SELECT count(*) FROM x",
                 cast.low_role, cast.high_role);
    world_number(
        "WITH x AS (UPDATE roles SET position = 2 WHERE id = $1 RETURNING 1) SELECT count(*) FROM x WHERE $2 = "
        "0::bigint",
        cast.chief_role, 0);
    world_join(cast.guild, cast.chief);
    world_give(cast.guild, cast.owner, cast.chief, cast.chief_role);
}

/* Joined long ago, and not seen for so long. */
static uint64_t away(const char *name, uint64_t seconds)
{
    uint64_t id = world_quick_person(name);
    world_join(cast.guild, id);
    world_number("WITH x AS (UPDATE users SET seen_at = clock_timestamp() - make_interval(secs => $2) WHERE id = $1 "
                 "RETURNING 1), y AS (UPDATE members SET joined_at = now() - interval '1 year' WHERE user_id = $1) "
                 "SELECT count(*) FROM x",
                 id, seconds);
    return id;
}

static bool is_member(uint64_t user)
{
    return world_number("SELECT count(*) FROM members WHERE guild_id = $1 AND user_id = $2", cast.guild, user) == 1;
}

static status count(uint64_t actor, const char *roles, int *ret)
{
    Hubbub__V1__CountPruneRequest req = HUBBUB__V1__COUNT_PRUNE_REQUEST__INIT;
    Hubbub__V1__PruneResponse resp = HUBBUB__V1__PRUNE_RESPONSE__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, days, DAYS);
    req.include_roles = (char *)roles;
    status st = DO(actor, prunes, count, &req, &resp);
    *ret = resp.has_pruned ? resp.pruned : -1;
    return st;
}

static status prune(uint64_t actor, const char *roles, const char *wanted, int *ret)
{
    Hubbub__V1__PruneRequest req = HUBBUB__V1__PRUNE_REQUEST__INIT;
    Hubbub__V1__PruneResponse resp = HUBBUB__V1__PRUNE_RESPONSE__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, days, DAYS);
    req.include_roles = (char *)roles;
    req.compute_prune_count = (char *)wanted;
    status st = DO(actor, prunes, prune, &req, &resp);
    *ret = resp.has_pruned ? resp.pruned : -1;
    return st;
}

START_TEST(test_whom)
{
    set_stage();
    uint64_t gone = away("gone", DAYS * DAY_S + 60), here = away("here", DAYS * DAY_S - 60), other;
    uint64_t roled = away("roled", 60 * DAY_S), used = away("used", 60 * DAY_S), fresh = away("fresh", 60 * DAY_S);
    int n;
    world_give(cast.guild, cast.owner, roled, cast.low_role);
    world_number("WITH x AS (INSERT INTO tokens (hash, user_id) VALUES ('x', $1) RETURNING 1) SELECT count(*) FROM x "
                 "WHERE $2 = 0::bigint",
                 used, 0);
    world_number("WITH x AS (UPDATE members SET joined_at = now() WHERE user_id = $1 RETURNING 1) SELECT count(*) FROM "
                 "x WHERE $2 = 0::bigint",
                 fresh, 0);
    ck_assert_int_eq(count(cast.chief, NULL, &n), ST_OK);
    ck_assert_int_eq(n, 1);
    world_reason = "spring";
    ck_assert_int_eq(prune(cast.chief, NULL, NULL, &n), ST_OK);
    world_reason = NULL;
    ck_assert_int_eq(n, 1);
    ck_assert_uint_eq(world_entries(), 3);
    ck_assert_uint_eq(world_entry(0)->event->member_remove->user->id, gone);
    ck_assert_uint_eq(world_entry(1)->event->guild_left->guild_id, cast.guild);
    const Hubbub__V1__AuditEntry *e = world_entry(2)->event->audit_entry;
    ck_assert_uint_eq(e->action_type, AUDIT_MEMBER_PRUNE);
    ck_assert_str_eq(e->options->members_removed, "1");
    ck_assert_str_eq(e->options->delete_member_days, "7");
    ck_assert_str_eq(e->reason, "spring");
    ck_assert(!is_member(gone) && is_member(here) && is_member(roled) && is_member(used) && is_member(fresh));
    ck_assert_int_eq(
        world_number("SELECT member_count - (SELECT count(*) FROM members WHERE guild_id = $1) FROM guilds "
                     "WHERE id = $1 AND $2 = 0::bigint",
                     cast.guild, 0),
        0);
    /* With the role in the request its holder goes too, but not one who has another role beside it. */
    char roles[64];
    other = away("other", 60 * DAY_S);
    world_give(cast.guild, cast.owner, other, cast.low_role);
    world_give(cast.guild, cast.owner, other, cast.high_role);
    snprintf(roles, sizeof roles, "[\"%" PRIu64 "\"]", cast.low_role);
    ck_assert_int_eq(prune(cast.chief, roles, "\"false\"", &n), ST_OK);
    ck_assert_int_eq(n, -1);
    ck_assert(!is_member(roled) && is_member(other));
}
END_TEST

START_TEST(test_refusals)
{
    set_stage();
    uint64_t plain = away("plain", 60 * DAY_S), stranger = world_quick_person("stranger");
    uint64_t kicker = world_quick_person("kicker");
    char high[32];
    int n;
    world_join(cast.guild, kicker);
    world_give(cast.guild, cast.owner, kicker, world_role(cast.guild, cast.owner, PERM_KICK_MEMBERS));
    snprintf(high, sizeof high, "%" PRIu64, cast.high_role);
    ck_assert_int_eq(prune(stranger, NULL, NULL, &n), ST_MISSING_ACCESS);
    ck_assert_int_eq(prune(plain, NULL, NULL, &n), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(prune(kicker, NULL, NULL, &n), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(count(kicker, NULL, &n), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(prune(cast.chief, high, NULL, &n), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(prune(cast.chief, "12345", NULL, &n), ST_INVALID_ROLE);
    ck_assert_int_eq(prune(cast.chief, "[{}]", NULL, &n), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "include_roles LIST_TYPE_CONVERT");
    ck_assert_int_eq(prune(cast.chief, NULL, "1.5", &n), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "compute_prune_count BOOLEAN_TYPE_CONVERT");
    ck_assert(is_member(plain));
    ck_assert_int_eq(prune(cast.owner, high, "true", &n), ST_OK);
    ck_assert_int_eq(n, 1);
}
END_TEST

/* More than one chunk; who is counted before is who goes. */
START_TEST(test_chunks)
{
    enum { MANY = 230 };
    int counted, n;
    set_stage();
    for (int i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "many%d", i);
        away(name, 60 * DAY_S);
    }
    ck_assert_int_eq(count(cast.owner, NULL, &counted), ST_OK);
    ck_assert_int_eq(counted, MANY);
    ck_assert_int_eq(prune(cast.owner, NULL, NULL, &n), ST_OK);
    ck_assert_int_eq(n, MANY);
    ck_assert_uint_eq(world_entries(), 2 * MANY + 3);
    ck_assert_int_eq(world_number("SELECT count(*) FROM members WHERE guild_id = $1 AND $2 = 0::bigint", cast.guild, 0),
                     2);
    ck_assert_int_eq(prune(cast.owner, NULL, NULL, &n), ST_OK);
    ck_assert_int_eq(n, 0);
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"who goes and who stays", test_whom},
        {"refusals", test_refusals},
        {"chunks", test_chunks},
    };
    return world_run("prune", tests, sizeof tests / sizeof *tests);
}
