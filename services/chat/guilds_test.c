/* Goal: guilds, roles, members, channels and invites keep their rules against a real PostgreSQL: the last use of an
 * invite, the hierarchy, who sees which channel, what is told, and the fence that each loss of a right raises. */
#include "lib/base/clock.h"
#include "services/chat/access.h"
#include "services/chat/testing/world.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

static int64_t epoch(uint64_t guild)
{
    return world_number("SELECT epoch FROM feeds WHERE scope_id = $1 AND $2 = 0::bigint", guild, 0);
}

static int64_t count_members(uint64_t guild)
{
    int64_t counted = world_number("SELECT member_count FROM guilds WHERE id = $1 AND $2 = 0::bigint", guild, 0);
    ck_assert_int_eq(world_number("SELECT count(*) FROM members WHERE guild_id = $1 AND $2 = 0::bigint", guild, 0),
                     counted);
    return counted;
}

/* Entries of every scope count from 1 to its head, each number once. */
static void check_feeds(void)
{
    ck_assert_int_eq(
        world_number("SELECT count(*) FROM feeds f WHERE f.head <> (SELECT count(*) FROM feed_entries e WHERE "
                     "e.scope_id = f.scope_id) "
                     "OR f.head <> (SELECT coalesce(max(seq), 0) FROM feed_entries e WHERE e.scope_id = f.scope_id) "
                     "OR $1 <> $2::bigint",
                     0, 0),
        0);
}

/* ---- Guilds ---------------------------------------------------------------------------------------------------- */

START_TEST(test_new_guild)
{
    world_clear();
    uint64_t owner = world_quick_person("owner"), guild = world_guild(owner);
    ck_assert_uint_eq(world_entries(), 2);
    ck_assert_uint_eq(world_entry(0)->scope_id, guild);
    ck_assert_uint_eq(world_entry(0)->event->member_add->member->user->id, owner);
    ck_assert_uint_eq(world_entry(1)->event->guild_joined->position, 1);
    ck_assert_int_eq(count_members(guild), 1);
    Hubbub__V1__GuildRequest req = HUBBUB__V1__GUILD_REQUEST__INIT;
    Hubbub__V1__Guild g = HUBBUB__V1__GUILD__INIT;
    PB_SET(&req, guild_id, guild);
    ck_assert_int_eq(DO(owner, guilds, get, &req, &g), ST_OK);
    ck_assert(g.n_roles == 1 && g.roles[0]->id == guild && g.roles[0]->permissions == PERM_DEFAULT);
    ck_assert_uint_eq(g.system_channel_id, world_text_channel(guild));
    Hubbub__V1__ListMyGuildsRequest list = HUBBUB__V1__LIST_MY_GUILDS_REQUEST__INIT;
    Hubbub__V1__GuildSummaryList mine = HUBBUB__V1__GUILD_SUMMARY_LIST__INIT;
    ck_assert_int_eq(DO(owner, guilds, list_mine, &list, &mine), ST_OK);
    ck_assert(mine.n_guilds == 1 && mine.guilds[0]->owner && mine.guilds[0]->permissions == PERM_ALL);
}
END_TEST

START_TEST(test_who_gets_in)
{
    world_clear();
    uint64_t owner = world_quick_person("owner"), guild = world_guild(owner), stranger = world_quick_person("stranger");
    Hubbub__V1__GuildRequest req = HUBBUB__V1__GUILD_REQUEST__INIT;
    Hubbub__V1__Guild g = HUBBUB__V1__GUILD__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, guild_id, guild);
    ck_assert_int_eq(DO(stranger, guilds, get, &req, &g), ST_MISSING_ACCESS);
    ck_assert_int_eq(DO(stranger, guilds, delete, &req, &none), ST_MISSING_ACCESS);
    ck_assert_int_eq(DO(owner, guilds, leave, &req, &none), ST_INVALID_GUILD);
    world_join(guild, stranger);
    ck_assert_int_eq(DO(stranger, guilds, delete, &req, &none), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(DO(stranger, guilds, leave, &req, &none), ST_OK);
    ck_assert_uint_eq(world_entry(1)->event->guild_left->position, world_entry(0)->seq);
    ck_assert_int_eq(count_members(guild), 1);
    ck_assert_int_eq(DO(owner, guilds, delete, &req, &none), ST_OK);
    ck_assert_ptr_nonnull(world_entry(0)->event->guild_delete);
    ck_assert_int_eq(DO(owner, guilds, get, &req, &g), ST_UNKNOWN_GUILD);
    ck_assert_int_eq(DO(owner, guilds, delete, &req, &none), ST_UNKNOWN_GUILD);
    check_feeds();
}
END_TEST

START_TEST(test_hundred_guilds)
{
    world_clear();
    uint64_t owner = world_quick_person("owner");
    for (int i = 0; i < 100; i++)
        world_guild(owner);
    Hubbub__V1__CreateGuildRequest req = HUBBUB__V1__CREATE_GUILD_REQUEST__INIT;
    Hubbub__V1__Guild g = HUBBUB__V1__GUILD__INIT;
    req.name = "one more";
    ck_assert_int_eq(DO(owner, guilds, create, &req, &g), ST_MAX_GUILDS);
    ck_assert_int_eq(world_number("SELECT count(*) FROM guilds WHERE $1 = $2::bigint", 0, 0), 100);
    check_feeds();
}
END_TEST

START_TEST(test_edit_guild)
{
    uint32_t present[] = {2, 3, 7, 10};
    world_clear();
    uint64_t owner = world_quick_person("owner"), guild = world_guild(owner), heir = world_quick_person("heir");
    uint64_t other = world_guild(owner);
    Hubbub__V1__EditGuildRequest req = HUBBUB__V1__EDIT_GUILD_REQUEST__INIT;
    Hubbub__V1__Guild g = HUBBUB__V1__GUILD__INIT;
    req.present = present;
    req.n_present = 2;
    PB_SET(&req, guild_id, guild);
    req.name = "Renamed";
    req.description = "What it is";
    ck_assert_int_eq(DO(owner, guilds, edit, &req, &g), ST_OK);
    ck_assert_str_eq(g.name, "Renamed");
    ck_assert_str_eq(g.description, "What it is");
    ck_assert_uint_eq(g.system_channel_id, world_text_channel(guild)); /* not in `present` */
    req.n_present = 3;
    PB_SET(&req, system_channel_id, world_text_channel(other));
    ck_assert_int_eq(DO(owner, guilds, edit, &req, &g), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "system_channel_id CHANNEL_INVALID");
    PB_SET(&req, system_channel_id, 0); /* null */
    ck_assert_int_eq(DO(owner, guilds, edit, &req, &g), ST_OK);
    ck_assert_uint_eq(g.system_channel_id, 0);
    PB_SET(&req, owner_id, heir);
    ck_assert_int_eq(DO(owner, guilds, edit, &req, &g), ST_UNKNOWN_MEMBER);
    world_join(guild, heir);
    int64_t before = epoch(guild);
    ck_assert_int_eq(DO(owner, guilds, edit, &req, &g), ST_OK);
    ck_assert_uint_eq(g.owner_id, heir);
    ck_assert_int_gt(epoch(guild), before);
    PB_SET(&req, owner_id, owner);
    ck_assert_int_eq(DO(owner, guilds, edit, &req, &g), ST_MISSING_PERMISSIONS);
}
END_TEST

/* ---- Invites --------------------------------------------------------------------------------------------------- */

static char *code;
static uint64_t racers[8];
static status outcomes[8];
static void accept_one(unsigned i)
{
    Hubbub__V1__InviteRequest req = HUBBUB__V1__INVITE_REQUEST__INIT;
    Hubbub__V1__Invite resp = HUBBUB__V1__INVITE__INIT;
    req.code = code;
    outcomes[i] = DO(racers[i], invites, accept, &req, &resp);
}

START_TEST(test_last_use)
{
    world_clear();
    uint64_t owner = world_quick_person("owner"), guild = world_guild(owner);
    for (unsigned i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof name, "racer %u", i);
        racers[i] = world_quick_person(name);
    }
    for (int round = 0; round < 5; round++) {
        int64_t before = count_members(guild);
        int uses = round % 2 ? 1 : 3 - round / 2, left = 0;
        code = world_invite(world_text_channel(guild), owner, uses, 0);
        world_race(8, accept_one);
        for (unsigned i = 0; i < 8; i++) {
            ck_assert(outcomes[i] == ST_OK || outcomes[i] == ST_UNKNOWN_INVITE);
            left += outcomes[i] == ST_OK;
        }
        ck_assert_int_ge(left, uses); /* a member already is let through and counts no use */
        ck_assert_int_eq(count_members(guild) - before, uses);
        ck_assert_int_eq(world_number("SELECT count(*) FROM invites WHERE guild_id = $1 AND $2 = 0::bigint", guild, 0),
                         0);
        world_number("WITH m AS (DELETE FROM members WHERE guild_id = $1 AND user_id <> $2) UPDATE guilds SET "
                     "member_count = 1 WHERE id = $1 RETURNING 1",
                     guild, owner);
    }
    check_feeds();
}
END_TEST

START_TEST(test_accept)
{
    world_clear();
    uint64_t owner = world_quick_person("owner"), guild = world_guild(owner), guest = world_quick_person("guest");
    uint64_t general = world_text_channel(guild);
    Hubbub__V1__InviteRequest req = HUBBUB__V1__INVITE_REQUEST__INIT;
    Hubbub__V1__Invite resp = HUBBUB__V1__INVITE__INIT;
    req.code = world_invite(general, owner, 0, 3600);
    ck_assert_uint_eq(world_entry(0)->topic, general);
    ck_assert_int_eq(DO(guest, invites, accept, &req, &resp), ST_OK);
    ck_assert_uint_eq(world_entries(), 2);
    ck_assert_uint_eq(world_entry(0)->event->member_add->member->user->id, guest);
    ck_assert_uint_eq(world_entry(1)->scope_id, guest);
    ck_assert_uint_eq(world_entry(1)->event->guild_joined->position, world_entry(0)->seq);
    ck_assert_int_eq(DO(guest, invites, accept, &req, &resp), ST_OK);
    ck_assert_uint_eq(world_entries(), 0);
    ck_assert_int_eq(world_number("SELECT uses FROM invites WHERE guild_id = $1 AND $2 = 0::bigint", guild, 0), 1);
    world_number("UPDATE invites SET created_at = created_at - interval '1 hour' WHERE guild_id = $1 AND $2 = "
                 "0::bigint RETURNING 1",
                 guild, 0);
    ck_assert_int_eq(DO(world_quick_person("late"), invites, accept, &req, &resp), ST_UNKNOWN_INVITE);
    ck_assert_int_eq(DO(0, invites, get, &req, &resp), ST_UNKNOWN_INVITE);
}
END_TEST

START_TEST(test_invite_is_reused)
{
    world_clear();
    uint64_t owner = world_quick_person("owner"), guild = world_guild(owner), guest = world_quick_person("guest");
    Hubbub__V1__CreateInviteRequest req = HUBBUB__V1__CREATE_INVITE_REQUEST__INIT;
    Hubbub__V1__Invite first = HUBBUB__V1__INVITE__INIT, second = first, third = first;
    PB_SET(&req, channel_id, world_text_channel(guild));
    ck_assert_int_eq(DO(guest, invites, create, &req, &first), ST_MISSING_ACCESS);
    ck_assert_int_eq(DO(owner, invites, create, &req, &first), ST_OK);
    ck_assert_uint_eq(strlen(first.code), 8);
    ck_assert_int_eq(first.max_age, 86400);
    ck_assert_int_eq(DO(owner, invites, create, &req, &second), ST_OK);
    ck_assert_str_eq(first.code, second.code);
    ck_assert_uint_eq(world_entries(), 0);
    PB_SET(&req, unique, true);
    ck_assert_int_eq(DO(owner, invites, create, &req, &third), ST_OK);
    ck_assert_str_ne(first.code, third.code);
    Hubbub__V1__InviteRequest gone = HUBBUB__V1__INVITE_REQUEST__INIT;
    gone.code = first.code;
    world_join(guild, guest);
    ck_assert_int_eq(DO(guest, invites, delete, &gone, &second), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(DO(owner, invites, delete, &gone, &second), ST_OK);
    ck_assert_str_eq(world_entry(0)->event->invite_delete->code, first.code);
    ck_assert_int_eq(DO(owner, invites, delete, &gone, &second), ST_UNKNOWN_INVITE);
}
END_TEST

/* ---- Roles and members ----------------------------------------------------------------------------------------- */

/* owner; chief above aide above plain; the chief's role moderates, the aide's manages roles. */
static struct {
    uint64_t owner, chief, aide, plain, guild, chief_role, aide_role, low_role;
} cast;

static void set_stage(void)
{
    world_clear();
    cast.owner = world_quick_person("owner");
    cast.chief = world_quick_person("chief");
    cast.aide = world_quick_person("aide");
    cast.plain = world_quick_person("plain");
    cast.guild = world_guild(cast.owner);
    world_join(cast.guild, cast.chief);
    world_join(cast.guild, cast.aide);
    world_join(cast.guild, cast.plain);
    /* of equal positions the older is the higher one */
    cast.chief_role = world_role(cast.guild, cast.owner,
                                 PERM_MANAGE_ROLES | PERM_KICK_MEMBERS | PERM_MODERATE_MEMBERS | PERM_MANAGE_NICKNAMES);
    cast.aide_role = world_role(cast.guild, cast.owner, PERM_MANAGE_ROLES | PERM_KICK_MEMBERS);
    cast.low_role = world_role(cast.guild, cast.owner, 0);
    world_give(cast.guild, cast.owner, cast.chief, cast.chief_role);
    world_give(cast.guild, cast.owner, cast.aide, cast.aide_role);
}

static status role(uint64_t actor, uint64_t target, uint64_t role_id, bool add)
{
    Hubbub__V1__MemberRoleRequest req = HUBBUB__V1__MEMBER_ROLE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, user_id, target);
    PB_SET(&req, role_id, role_id);
    return add ? DO(actor, members, add_role, &req, &none) : DO(actor, members, remove_role, &req, &none);
}

static status edit_role(uint64_t actor, uint64_t role_id, uint64_t permissions)
{
    uint32_t present = 3;
    Hubbub__V1__EditRoleRequest req = HUBBUB__V1__EDIT_ROLE_REQUEST__INIT;
    Hubbub__V1__Role resp = HUBBUB__V1__ROLE__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, role_id, role_id);
    PB_SET(&req, permissions, permissions);
    req.present = &present;
    req.n_present = 1;
    return DO(actor, roles, edit, &req, &resp);
}

static status delete_role(uint64_t actor, uint64_t role_id)
{
    Hubbub__V1__RoleRequest req = HUBBUB__V1__ROLE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, role_id, role_id);
    return DO(actor, roles, delete, &req, &none);
}

static status kick(uint64_t actor, uint64_t target)
{
    Hubbub__V1__MemberRequest req = HUBBUB__V1__MEMBER_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, user_id, target);
    return DO(actor, members, kick, &req, &none);
}

START_TEST(test_role_hierarchy)
{
    set_stage();
    ck_assert_int_eq(role(cast.aide, cast.plain, cast.low_role, true), ST_OK);
    ck_assert_int_eq(role(cast.aide, cast.plain, cast.low_role, true), ST_OK); /* again: nothing to tell */
    ck_assert_uint_eq(world_entries(), 0);
    ck_assert_int_eq(role(cast.aide, cast.plain, cast.aide_role, true), ST_MISSING_PERMISSIONS); /* its own highest */
    ck_assert_int_eq(role(cast.aide, cast.plain, cast.chief_role, true), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(role(cast.aide, cast.chief, cast.chief_role, false), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(role(cast.plain, cast.plain, cast.low_role, false), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(role(cast.chief, cast.aide, cast.aide_role, false), ST_OK);
    ck_assert_int_eq(role(cast.owner, cast.plain, cast.guild, true), ST_INVALID_ROLE); /* @everyone */
    ck_assert_int_eq(role(cast.owner, cast.plain, 12345, true), ST_UNKNOWN_ROLE);
    world_give(cast.guild, cast.owner, cast.aide, cast.aide_role);

    ck_assert_int_eq(edit_role(cast.aide, cast.low_role, PERM_KICK_MEMBERS), ST_OK);
    ck_assert_int_eq(edit_role(cast.aide, cast.low_role, PERM_BAN_MEMBERS),
                     ST_MISSING_PERMISSIONS); /* it holds no such right */
    ck_assert_int_eq(edit_role(cast.aide, cast.chief_role, 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(edit_role(cast.aide, cast.aide_role, 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(edit_role(cast.aide, cast.guild, PERM_VIEW_CHANNEL), ST_OK);
    ck_assert_int_eq(delete_role(cast.owner, cast.guild), ST_INVALID_ROLE);
    ck_assert_int_eq(delete_role(cast.aide, cast.chief_role), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(delete_role(cast.aide, cast.low_role), ST_OK);
    ck_assert_int_eq(world_number("SELECT cardinality(roles) FROM members WHERE guild_id = $1 AND user_id = $2",
                                  cast.guild, cast.plain),
                     0);

    Hubbub__V1__CreateRoleRequest req = HUBBUB__V1__CREATE_ROLE_REQUEST__INIT;
    Hubbub__V1__Role resp = HUBBUB__V1__ROLE__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, permissions, PERM_ADMINISTRATOR);
    ck_assert_int_eq(DO(cast.aide, roles, create, &req, &resp), ST_MISSING_PERMISSIONS);
    check_feeds();
}
END_TEST

static status move(uint64_t actor, uint64_t role_id, int position)
{
    Hubbub__V1__ReorderRolesRequest req = HUBBUB__V1__REORDER_ROLES_REQUEST__INIT;
    Hubbub__V1__RoleList resp = HUBBUB__V1__ROLE_LIST__INIT;
    Hubbub__V1__RolePosition p = HUBBUB__V1__ROLE_POSITION__INIT, *list = &p;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&p, id, role_id);
    PB_SET(&p, position, position);
    req.positions = &list;
    req.n_positions = 1;
    return DO(actor, roles, reorder, &req, &resp);
}

static int64_t position(uint64_t role_id)
{
    return world_number("SELECT position FROM roles WHERE id = $1 AND $2 = 0::bigint", role_id, 0);
}

START_TEST(test_reorder_roles)
{
    set_stage();
    ck_assert_int_eq(move(cast.aide, cast.low_role, 5), ST_MISSING_PERMISSIONS); /* would end above the aide */
    ck_assert_int_eq(move(cast.aide, cast.chief_role, 2), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(move(cast.owner, cast.guild, 2), ST_INVALID_ROLE);
    ck_assert_int_eq(move(cast.owner, cast.low_role, 5), ST_OK); /* to the top */
    ck_assert_int_eq(position(cast.low_role), 3);
    ck_assert_int_eq(position(cast.chief_role), 2);
    ck_assert_int_eq(position(cast.aide_role), 1);
    ck_assert_int_eq(position(cast.guild), 0);
    ck_assert_int_eq(move(cast.owner, cast.low_role, 2), ST_OK); /* one down: the chief moves up */
    ck_assert_int_eq(position(cast.chief_role), 3);
    ck_assert_int_eq(position(cast.low_role), 2);
    ck_assert_int_eq(move(cast.chief, cast.aide_role, 2), ST_OK);
    ck_assert_uint_eq(world_entries(), 4); /* two roles, and the audit log of both */
    ck_assert_int_eq(position(cast.aide_role), 2);
}
END_TEST

START_TEST(test_kick)
{
    set_stage();
    ck_assert_int_eq(kick(cast.aide, cast.chief), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(kick(cast.aide, cast.owner), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(kick(cast.plain, cast.aide), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(kick(cast.aide, 12345), ST_UNKNOWN_MEMBER);
    int64_t before = epoch(cast.guild);
    ck_assert_int_eq(kick(cast.aide, cast.plain), ST_OK);
    ck_assert_uint_eq(world_entries(), 3); /* the third: the audit log */
    ck_assert_uint_eq(world_entry(0)->event->member_remove->user->id, cast.plain);
    ck_assert_uint_eq(world_entry(1)->scope_id, cast.plain);
    ck_assert_uint_eq(world_entry(1)->event->guild_left->position, world_entry(0)->seq);
    ck_assert_int_gt(epoch(cast.guild), before);
    ck_assert_int_eq(kick(cast.aide, cast.plain), ST_UNKNOWN_MEMBER);
    ck_assert_int_eq(count_members(cast.guild), 3);
    check_feeds();
}
END_TEST

static status edit_member(uint64_t actor, uint64_t target, uint32_t field, const char *nick, int64_t until)
{
    Hubbub__V1__EditMemberRequest req = HUBBUB__V1__EDIT_MEMBER_REQUEST__INIT;
    Hubbub__V1__Member resp = HUBBUB__V1__MEMBER__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, user_id, target);
    PB_SET(&req, communication_disabled_until, until);
    req.nick = (char *)nick;
    req.present = &field;
    req.n_present = 1;
    return DO(actor, members, edit, &req, &resp);
}

START_TEST(test_edit_member)
{
    enum { NICK = 3, UNTIL = 5 };
    const int64_t now = snowflake_ms(0) + world_number("SELECT (next_id() >> 22) + $1 - $2", 0, 0), day = 86400000;
    set_stage();
    ck_assert_int_eq(edit_member(cast.aide, cast.plain, NICK, "x", 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(edit_member(cast.chief, cast.plain, NICK, "Plain", 0), ST_OK);
    ck_assert_str_eq(world_entry(0)->event->member_update->member->nick, "Plain");
    ck_assert_int_eq(edit_member(cast.chief, cast.owner, NICK, "x", 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(edit_member(cast.plain, cast.plain, NICK, "Mine", 0), ST_OK); /* CHANGE_NICKNAME */
    ck_assert_int_eq(edit_member(cast.chief, cast.plain, UNTIL, NULL, now + 29 * day), ST_INVALID_FORM);
    ck_assert_int_eq(edit_member(cast.plain, cast.aide, UNTIL, NULL, now + day), ST_MISSING_PERMISSIONS);
    int64_t before = epoch(cast.guild);
    ck_assert_int_eq(edit_member(cast.chief, cast.plain, UNTIL, NULL, now + day), ST_OK);
    ck_assert_int_eq(world_entry(0)->event->member_update->member->communication_disabled_until, now + day);
    ck_assert_int_gt(epoch(cast.guild), before);
    ck_assert_int_eq(edit_member(cast.plain, cast.plain, NICK, "Again", 0), ST_MISSING_PERMISSIONS); /* timed out */
    ck_assert_int_eq(edit_member(cast.chief, cast.plain, UNTIL, NULL, 0), ST_OK);
    ck_assert_int_eq(edit_member(cast.plain, cast.plain, NICK, "", 0), ST_OK);
    ck_assert_ptr_null(world_entry(0)->event->member_update->member->nick);
}
END_TEST

/* ---- Channels -------------------------------------------------------------------------------------------------- */

static status overwrite(uint64_t actor, uint64_t channel, uint64_t target, int type, uint64_t allow, uint64_t deny)
{
    Hubbub__V1__PutOverwriteRequest req = HUBBUB__V1__PUT_OVERWRITE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, channel);
    PB_SET(&req, overwrite_id, target);
    PB_SET(&req, type, type);
    PB_SET(&req, allow, allow);
    PB_SET(&req, deny, deny);
    return DO(actor, channels, put_overwrite, &req, &none);
}

static status see(uint64_t user, uint64_t channel)
{
    Hubbub__V1__ChannelRequest req = HUBBUB__V1__CHANNEL_REQUEST__INIT;
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&req, channel_id, channel);
    return DO(user, channels, get, &req, &resp);
}

static size_t sees(uint64_t user)
{
    Hubbub__V1__GuildChannelsRequest req = HUBBUB__V1__GUILD_CHANNELS_REQUEST__INIT;
    Hubbub__V1__ChannelList resp = HUBBUB__V1__CHANNEL_LIST__INIT;
    PB_SET(&req, guild_id, cast.guild);
    ck_assert_int_eq(DO(user, channels, list_of_guild, &req, &resp), ST_OK);
    return resp.n_channels;
}

START_TEST(test_who_sees)
{
    set_stage();
    uint64_t hidden = world_channel(cast.guild, cast.owner, "Hidden Place", CHANNEL_TEXT, 0);
    ck_assert_str_eq(world_entry(0)->event->channel_create->name, "hidden-place");
    ck_assert_uint_eq(world_entry(0)->topic, hidden);
    ck_assert_int_eq(see(cast.plain, hidden), ST_OK);
    size_t before = sees(cast.plain);
    int64_t fence = epoch(cast.guild);
    ck_assert_int_eq(overwrite(cast.owner, hidden, cast.guild, 0, 0, PERM_VIEW_CHANNEL), ST_OK);
    ck_assert_uint_eq(world_entry(0)->event->channel_update->n_permission_overwrites, 1);
    ck_assert_int_gt(epoch(cast.guild), fence);
    ck_assert_int_eq(see(cast.plain, hidden), ST_MISSING_ACCESS);
    ck_assert_int_eq(see(12345, hidden), ST_MISSING_ACCESS);
    ck_assert_int_eq(see(cast.plain, 12345), ST_UNKNOWN_CHANNEL);
    ck_assert_uint_eq(sees(cast.plain), before - 1);
    ck_assert_int_eq(overwrite(cast.owner, hidden, cast.low_role, 0, PERM_VIEW_CHANNEL, 0), ST_OK);
    ck_assert_int_eq(see(cast.plain, hidden), ST_MISSING_ACCESS);
    world_give(cast.guild, cast.owner, cast.plain, cast.low_role);
    ck_assert_int_eq(see(cast.plain, hidden), ST_OK);
    ck_assert_uint_eq(sees(cast.plain), before);
    ck_assert_int_eq(overwrite(cast.owner, hidden, cast.plain, 1, 0, PERM_VIEW_CHANNEL), ST_OK);
    ck_assert_int_eq(see(cast.plain, hidden), ST_MISSING_ACCESS);
}
END_TEST

START_TEST(test_overwrites_grant_no_more)
{
    set_stage();
    uint64_t general = world_text_channel(cast.guild);
    ck_assert_int_eq(overwrite(cast.plain, general, cast.plain, 1, PERM_MANAGE_MESSAGES, 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(overwrite(cast.aide, general, cast.plain, 1, PERM_MANAGE_MESSAGES, 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(overwrite(cast.aide, general, cast.plain, 1, 0, PERM_SEND_MESSAGES), ST_OK);
    ck_assert_int_eq(overwrite(cast.owner, general, cast.plain, 1, PERM_MANAGE_MESSAGES, PERM_SEND_MESSAGES), ST_OK);
    ck_assert_int_eq(overwrite(cast.aide, general, cast.plain, 1, 0, 0),
                     ST_MISSING_PERMISSIONS); /* takes what it does not hold */
    ck_assert_int_eq(overwrite(cast.owner, general, 12345, 0, 0, 0), ST_UNKNOWN_ROLE);
    ck_assert_int_eq(overwrite(cast.owner, general, 12345, 1, 0, 0), ST_UNKNOWN_USER);
    Hubbub__V1__OverwriteRequest req = HUBBUB__V1__OVERWRITE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, channel_id, general);
    PB_SET(&req, overwrite_id, cast.plain);
    ck_assert_int_eq(DO(cast.aide, channels, delete_overwrite, &req, &none), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(DO(cast.owner, channels, delete_overwrite, &req, &none), ST_OK);
    ck_assert_int_eq(DO(cast.owner, channels, delete_overwrite, &req, &none), ST_UNKNOWN_OVERWRITE);
}
END_TEST

START_TEST(test_synced_channels)
{
    set_stage();
    uint64_t category = world_channel(cast.guild, cast.owner, "Staff", CHANNEL_CATEGORY, 0);
    ck_assert_int_eq(overwrite(cast.owner, category, cast.guild, 0, 0, PERM_VIEW_CHANNEL), ST_OK);
    uint64_t synced = world_channel(cast.guild, cast.owner, "synced", CHANNEL_TEXT, category);
    uint64_t apart = world_channel(cast.guild, cast.owner, "apart", CHANNEL_TEXT, category);
    ck_assert_int_eq(see(cast.plain, synced), ST_MISSING_ACCESS); /* born with the category's set */
    ck_assert_int_eq(overwrite(cast.owner, apart, cast.chief, 1, PERM_VIEW_CHANNEL, 0), ST_OK);
    ck_assert_int_eq(overwrite(cast.owner, category, cast.plain, 1, PERM_VIEW_CHANNEL, 0), ST_OK);
    ck_assert_uint_eq(world_entries(), 3); /* the synced channel, the category, the audit log */
    ck_assert_int_eq(see(cast.plain, synced), ST_OK);
    ck_assert_int_eq(see(cast.plain, apart), ST_MISSING_ACCESS);
    Hubbub__V1__ChannelRequest req = HUBBUB__V1__CHANNEL_REQUEST__INIT;
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&req, channel_id, category);
    ck_assert_int_eq(DO(cast.plain, channels, delete, &req, &resp), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(DO(cast.owner, channels, delete, &req, &resp), ST_OK);
    ck_assert_uint_eq(world_entries(), 4); /* two orphans, the category, the audit log */
    ck_assert_uint_eq(world_entry(0)->event->channel_update->parent_id, 0);
    ck_assert_uint_eq(world_entry(2)->event->channel_delete->id, category);
    check_feeds();
}
END_TEST

START_TEST(test_parents)
{
    set_stage();
    uint64_t elsewhere = world_guild(cast.owner),
             category = world_channel(cast.guild, cast.owner, "Full", CHANNEL_CATEGORY, 0);
    uint64_t foreign = world_channel(elsewhere, cast.owner, "Foreign", CHANNEL_CATEGORY, 0);
    Hubbub__V1__CreateChannelRequest req = HUBBUB__V1__CREATE_CHANNEL_REQUEST__INIT;
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    req.name = "child";
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, parent_id, foreign);
    ck_assert_int_eq(DO(cast.owner, channels, create, &req, &resp), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "parent_id CHANNEL_PARENT_INVALID");
    PB_SET(&req, parent_id, world_text_channel(cast.guild));
    ck_assert_int_eq(DO(cast.owner, channels, create, &req, &resp), ST_INVALID_FORM);
    for (int i = 0; i < 50; i++)
        world_channel(cast.guild, cast.owner, "child", CHANNEL_TEXT, category);
    PB_SET(&req, parent_id, category);
    ck_assert_int_eq(DO(cast.owner, channels, create, &req, &resp), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "parent_id CHANNEL_PARENT_MAX_CHANNELS");

    uint64_t general = world_text_channel(cast.guild);
    uint32_t parent = 3;
    Hubbub__V1__ReorderChannelsRequest reorder = HUBBUB__V1__REORDER_CHANNELS_REQUEST__INIT;
    Hubbub__V1__ChannelPosition p = HUBBUB__V1__CHANNEL_POSITION__INIT, *list = &p;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&reorder, guild_id, cast.guild);
    reorder.positions = &list;
    reorder.n_positions = 1;
    PB_SET(&p, id, general);
    PB_SET(&p, parent_id, category);
    PB_SET(&p, position, 7);
    p.present = &parent;
    p.n_present = 1;
    ck_assert_int_eq(DO(cast.owner, channels, reorder, &reorder, &none), ST_INVALID_FORM); /* 51 */
    PB_SET(&p, parent_id, 0);
    ck_assert_int_eq(DO(cast.owner, channels, reorder, &reorder, &none), ST_OK);
    ck_assert_int_eq(world_entry(0)->event->channel_update->position, 7);
    ck_assert_uint_eq(world_entry(0)->event->channel_update->parent_id, 0);
    PB_SET(&p, id, foreign);
    ck_assert_int_eq(DO(cast.owner, channels, reorder, &reorder, &none), ST_UNKNOWN_CHANNEL);
}
END_TEST

START_TEST(test_edit_channel)
{
    uint32_t present[] = {2, 4};
    set_stage();
    uint64_t general = world_text_channel(cast.guild);
    Hubbub__V1__EditChannelRequest req = HUBBUB__V1__EDIT_CHANNEL_REQUEST__INIT;
    Hubbub__V1__Channel resp = HUBBUB__V1__CHANNEL__INIT;
    req.present = present;
    req.n_present = 2;
    PB_SET(&req, channel_id, general);
    req.name = "Über  Uns";
    req.topic = "What we are";
    ck_assert_int_eq(DO(cast.plain, channels, edit, &req, &resp), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(DO(cast.owner, channels, edit, &req, &resp), ST_OK);
    ck_assert_str_eq(resp.name, "über-uns");
    ck_assert_str_eq(resp.topic, "What we are");
    ck_assert_ptr_nonnull(world_entry(0)->event->channel_update);
    ck_assert_uint_ne(resp.parent_id, 0);
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"new guild", test_new_guild},
        {"who gets in", test_who_gets_in},
        {"a hundred guilds", test_hundred_guilds},
        {"edit guild", test_edit_guild},
        {"last use of an invite", test_last_use},
        {"accept", test_accept},
        {"invite is reused", test_invite_is_reused},
        {"role hierarchy", test_role_hierarchy},
        {"reorder roles", test_reorder_roles},
        {"kick", test_kick},
        {"edit member", test_edit_member},
        {"who sees", test_who_sees},
        {"overwrites grant no more", test_overwrites_grant_no_more},
        {"synced channels", test_synced_channels},
        {"parents", test_parents},
        {"edit channel", test_edit_channel},
    };
    return world_run("guilds", tests, sizeof tests / sizeof *tests);
}
