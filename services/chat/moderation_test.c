/* Goal: who is banned is out and stays out, also against an accept at the same moment; the hierarchy holds; messages go
 * in short changes; and every act on a guild leaves its entry in the audit log, shown only to those who may read it. */
#include "lib/permission/permission.h"
#include "services/chat/audit.h"
#include "services/chat/testing/world.h"
#include <check.h>
#include <stdio.h>
#include <string.h>

static struct {
    uint64_t owner, chief, plain, stranger, guild, general, chief_role;
} cast;

/* chief bans, kicks and reads the audit log; plain may nothing. */
static void set_stage(void)
{
    world_clear();
    world_reason = NULL;
    cast.owner = world_quick_person("owner");
    cast.chief = world_quick_person("chief");
    cast.plain = world_quick_person("plain");
    cast.stranger = world_quick_person("stranger");
    cast.guild = world_guild(cast.owner);
    cast.general = world_text_channel(cast.guild);
    cast.chief_role = world_role(cast.guild, cast.owner,
                                 PERM_BAN_MEMBERS | PERM_KICK_MEMBERS | PERM_VIEW_AUDIT_LOG | PERM_MANAGE_GUILD);
    world_join(cast.guild, cast.chief);
    world_join(cast.guild, cast.plain);
    world_give(cast.guild, cast.owner, cast.chief, cast.chief_role);
}

static status ban(uint64_t actor, uint64_t user, int seconds)
{
    Hubbub__V1__BanMemberRequest req = HUBBUB__V1__BAN_MEMBER_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, user_id, user);
    if (seconds)
        PB_SET(&req, delete_message_seconds, seconds);
    return DO(actor, bans, create, &req, &none);
}

static status unban(uint64_t actor, uint64_t user)
{
    Hubbub__V1__MemberRequest req = HUBBUB__V1__MEMBER_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, user_id, user);
    return DO(actor, bans, remove, &req, &none);
}

static status find_ban(uint64_t actor, uint64_t user, Hubbub__V1__Ban *ret)
{
    Hubbub__V1__MemberRequest req = HUBBUB__V1__MEMBER_REQUEST__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, user_id, user);
    return DO(actor, bans, get, &req, ret);
}

static status accept_invite(uint64_t user, const char *code)
{
    Hubbub__V1__InviteRequest req = HUBBUB__V1__INVITE_REQUEST__INIT;
    Hubbub__V1__Invite resp = HUBBUB__V1__INVITE__INIT;
    req.code = (char *)code;
    return DO(user, invites, accept, &req, &resp);
}

static int64_t count(const char *sql)
{
    return world_number(sql, cast.guild, 0);
}

/* ---- Bans ------------------------------------------------------------------------------------------------------ */

START_TEST(test_ban)
{
    set_stage();
    const char *code = world_invite(cast.general, cast.owner, 0, 0);
    int64_t epoch = count("SELECT epoch FROM feeds WHERE scope_id = $1 AND $2 = 0::bigint");
    Hubbub__V1__Ban found = HUBBUB__V1__BAN__INIT;
    world_reason = "was rude";
    ck_assert_int_eq(ban(cast.chief, cast.plain, 0), ST_OK);
    ck_assert_uint_eq(world_entries(), 4);
    ck_assert_uint_eq(world_entry(0)->event->member_remove->user->id, cast.plain);
    ck_assert_uint_eq(world_entry(1)->event->guild_left->guild_id, cast.guild);
    ck_assert_uint_eq(world_entry(2)->event->ban_add->user->id, cast.plain);
    ck_assert_uint_eq(world_entry(3)->permission, PERM_VIEW_AUDIT_LOG);
    ck_assert_str_eq(world_entry(3)->event->audit_entry->reason, "was rude");
    ck_assert_int_gt(count("SELECT epoch FROM feeds WHERE scope_id = $1 AND $2 = 0::bigint"), epoch);
    ck_assert_int_eq(find_ban(cast.chief, cast.plain, &found), ST_OK);
    ck_assert_str_eq(found.reason, "was rude");
    ck_assert_int_eq(accept_invite(cast.plain, code), ST_BANNED_FROM_GUILD);
    ck_assert_int_eq(ban(cast.chief, cast.plain, 0), ST_OK);
    ck_assert_uint_eq(world_entries(), 0); /* banned already */
    ck_assert_int_eq(unban(cast.plain, cast.plain), ST_MISSING_ACCESS);
    ck_assert_int_eq(unban(cast.chief, cast.plain), ST_OK);
    ck_assert_uint_eq(world_entry(0)->event->ban_remove->user->id, cast.plain);
    ck_assert_int_eq(unban(cast.chief, cast.plain), ST_UNKNOWN_BAN);
    ck_assert_int_eq(find_ban(cast.chief, cast.plain, &found), ST_UNKNOWN_BAN);
    ck_assert_int_eq(accept_invite(cast.plain, code), ST_OK);
}
END_TEST

START_TEST(test_hierarchy)
{
    set_stage();
    uint64_t equal = world_quick_person("equal");
    Hubbub__V1__Ban found = HUBBUB__V1__BAN__INIT;
    world_join(cast.guild, equal);
    world_give(cast.guild, cast.owner, equal, cast.chief_role);
    ck_assert_int_eq(ban(cast.plain, cast.stranger, 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(ban(cast.stranger, cast.plain, 0), ST_MISSING_ACCESS);
    ck_assert_int_eq(ban(cast.chief, cast.owner, 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(ban(cast.chief, cast.chief, 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(ban(cast.chief, equal, 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(ban(cast.owner, cast.owner, 0), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(ban(cast.chief, 12345, 0), ST_UNKNOWN_USER);
    ck_assert_int_eq(find_ban(cast.plain, cast.stranger, &found), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(count("SELECT count(*) FROM bans WHERE guild_id = $1 AND $2 = 0::bigint"), 0);
    ck_assert_int_eq(ban(cast.chief, cast.stranger, 0), ST_OK); /* one who is not there */
    ck_assert_uint_eq(world_entries(), 2);
    ck_assert_int_eq(ban(cast.owner, cast.chief, 0), ST_OK);
}
END_TEST

static const char *race_code;
static status race_outcomes[2];
static void ban_or_accept(unsigned i)
{
    race_outcomes[i] = i ? accept_invite(cast.stranger, race_code) : ban(cast.chief, cast.stranger, 0);
}

/* Whichever comes first: who is banned is no member afterwards. */
START_TEST(test_race)
{
    set_stage();
    race_code = world_invite(cast.general, cast.owner, 0, 0);
    for (int round = 0; round < 40; round++) {
        world_race(2, ban_or_accept);
        ck_assert_int_eq(race_outcomes[0], ST_OK);
        ck_assert(race_outcomes[1] == ST_OK || race_outcomes[1] == ST_BANNED_FROM_GUILD);
        ck_assert_int_eq(world_number("SELECT count(*) FROM members WHERE guild_id = $1 AND user_id = $2", cast.guild,
                                      cast.stranger),
                         0);
        ck_assert_int_eq(count("SELECT member_count FROM guilds WHERE id = $1 AND $2 = 0::bigint"), 3);
        ck_assert_int_eq(unban(cast.chief, cast.stranger), ST_OK);
    }
}
END_TEST

/* n < 1000 messages of an author in the stage's one text channel, some hours old. */
static void write_messages(uint64_t author, unsigned n, unsigned hours)
{
    ck_assert_int_eq(
        world_number("WITH w AS (INSERT INTO messages (channel_id, id, author_id, content) SELECT "
                     "(SELECT id FROM channels WHERE name = 'general'), ((extract(epoch FROM clock_timestamp()) * "
                     "1000)::bigint - 1420070400000 - $2 / 1000 * 3600000) << 22 | nextval('id_counter'), $1, 'text' "
                     "FROM generate_series(1, $2 % 1000) RETURNING 1) SELECT count(*) FROM w",
                     author, hours * 1000 + n),
        n);
}

static int64_t messages_of(uint64_t author)
{
    return world_number("SELECT count(*) FROM messages WHERE channel_id = $1 AND author_id = $2", cast.general, author);
}

START_TEST(test_purge)
{
    set_stage();
    write_messages(cast.plain, 250, 1);
    write_messages(cast.plain, 7, 30);
    write_messages(cast.owner, 20, 1);
    ck_assert_int_eq(ban(cast.chief, cast.plain, 86400), ST_OK);
    ck_assert_uint_eq(world_entries(), 4 + 3);
    for (size_t i = 4; i < 7; i++) {
        const Hubbub__V1__MessagesDeleted *gone = world_entry(i)->event->message_delete_bulk;
        ck_assert_uint_eq(world_entry(i)->topic, cast.general);
        ck_assert_uint_eq(gone->n_ids, i < 6 ? 100 : 50);
        ck_assert_uint_eq(gone->guild_id, cast.guild);
    }
    ck_assert_int_eq(messages_of(cast.plain), 7);
    ck_assert_int_eq(messages_of(cast.owner), 20);
    ck_assert_int_eq(ban(cast.chief, cast.plain, 604800), ST_OK); /* again: what is left */
    ck_assert_int_eq(messages_of(cast.plain), 0);
}
END_TEST

START_TEST(test_bulk)
{
    set_stage();
    write_messages(cast.plain, 3, 1);
    uint64_t ids[] = {cast.plain, cast.owner, cast.stranger, cast.plain, 999};
    Hubbub__V1__BulkBanRequest req = HUBBUB__V1__BULK_BAN_REQUEST__INIT;
    Hubbub__V1__BulkBanResponse resp = HUBBUB__V1__BULK_BAN_RESPONSE__INIT, again = resp;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, delete_message_seconds, 86400);
    req.user_ids = ids;
    req.n_user_ids = 5;
    ck_assert_int_eq(DO(cast.plain, bans, bulk_create, &req, &resp), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(DO(cast.chief, bans, bulk_create, &req, &resp), ST_OK);
    ck_assert(resp.n_banned_users == 2 && resp.banned_users[0] == cast.plain && resp.banned_users[1] == cast.stranger);
    ck_assert(resp.n_failed_users == 2 && resp.failed_users[0] == cast.owner && resp.failed_users[1] == 999);
    ck_assert_int_eq(messages_of(cast.plain), 0);
    ck_assert_int_eq(DO(cast.chief, bans, bulk_create, &req, &again), ST_BULK_BAN_FAILED);
}
END_TEST

START_TEST(test_list)
{
    set_stage();
    uint64_t ids[5];
    Hubbub__V1__ListBansRequest req = HUBBUB__V1__LIST_BANS_REQUEST__INIT;
    Hubbub__V1__BanList resp = HUBBUB__V1__BAN_LIST__INIT;
    for (int i = 0; i < 5; i++) {
        char name[16];
        snprintf(name, sizeof name, "guest %d", i);
        ids[i] = world_quick_person(name);
        ck_assert_int_eq(ban(cast.chief, ids[i], 0), ST_OK);
    }
    PB_SET(&req, guild_id, cast.guild);
    req.limit = 2;
    ck_assert_int_eq(DO(cast.plain, bans, list, &req, &resp), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(DO(cast.chief, bans, list, &req, &resp), ST_OK);
    ck_assert(resp.n_bans == 2 && resp.bans[0]->user->id == ids[0] && resp.bans[1]->user->id == ids[1]);
    PB_SET(&req, after, ids[1]);
    ck_assert_int_eq(DO(cast.chief, bans, list, &req, &resp), ST_OK);
    ck_assert(resp.n_bans == 2 && resp.bans[0]->user->id == ids[2] && resp.bans[1]->user->id == ids[3]);
    PB_SET(&req, after, 0);
    PB_SET(&req, before, ids[4]);
    ck_assert_int_eq(DO(cast.chief, bans, list, &req, &resp), ST_OK);
    ck_assert(resp.n_bans == 2 && resp.bans[0]->user->id == ids[2] && resp.bans[1]->user->id == ids[3]);
}
END_TEST

/* ---- The audit log --------------------------------------------------------------------------------------------- */

/* What the last call told: its one audit entry of the action, and that it is in the table. */
static const Hubbub__V1__AuditEntry *audited(enum audit_action action)
{
    struct call *done = world_last;
    for (size_t i = 0; i < world_entries(); i++) {
        const Hubbub__V1__FeedEntry *e = world_entry(i);
        if (!e->event->audit_entry || e->event->audit_entry->action_type != (uint32_t)action)
            continue;
        ck_assert_uint_eq(e->permission, PERM_VIEW_AUDIT_LOG);
        ck_assert_str_eq(e->event->audit_entry->reason, "because");
        ck_assert_int_eq(world_number("SELECT action_type FROM audit_log WHERE guild_id = $1 AND id = $2", cast.guild,
                                      e->event->audit_entry->id),
                         action);
        world_last = done;
        return e->event->audit_entry;
    }
    ck_abort_msg("no entry of action %d", action);
}

/* The change of a key: "old>new", "-" for none. */
static const char *changed(const Hubbub__V1__AuditEntry *e, const char *key)
{
    for (size_t i = 0; i < e->n_changes; i++) {
        const Hubbub__V1__AuditChange *c = e->changes[i];
        if (!strcmp(c->key, key))
            return arena_printf(call_arena(world_last), "%.*s>%.*s", c->has_old_value ? (int)c->old_value.len : 1,
                                c->has_old_value ? (char *)c->old_value.data : "-",
                                c->has_new_value ? (int)c->new_value.len : 1,
                                c->has_new_value ? (char *)c->new_value.data : "-");
    }
    return "";
}

START_TEST(test_guild_and_roles_are_audited)
{
    uint32_t name[] = {2};
    set_stage();
    world_reason = "because";
    Hubbub__V1__EditGuildRequest guild = HUBBUB__V1__EDIT_GUILD_REQUEST__INIT;
    Hubbub__V1__Guild g = HUBBUB__V1__GUILD__INIT;
    PB_SET(&guild, guild_id, cast.guild);
    guild.present = name;
    guild.n_present = 1;
    guild.name = "Renamed";
    ck_assert_int_eq(DO(cast.owner, guilds, edit, &guild, &g), ST_OK);
    ck_assert_str_eq(changed(audited(AUDIT_GUILD_UPDATE), "name"), "\"A guild\">\"Renamed\"");
    ck_assert_uint_eq(audited(AUDIT_GUILD_UPDATE)->n_changes, 1);
    ck_assert_int_eq(DO(cast.owner, guilds, edit, &guild, &g), ST_OK);
    ck_assert_uint_eq(world_entries(), 1); /* nothing differs: no entry */
    uint64_t role = world_role(cast.guild, cast.owner, 0);
    ck_assert_uint_eq(audited(AUDIT_ROLE_CREATE)->target_id, role);
    ck_assert_str_eq(changed(audited(AUDIT_ROLE_CREATE), "name"), "->\"new role\"");
    Hubbub__V1__EditRoleRequest edit = HUBBUB__V1__EDIT_ROLE_REQUEST__INIT;
    Hubbub__V1__Role r = HUBBUB__V1__ROLE__INIT;
    PB_SET(&edit, guild_id, cast.guild);
    PB_SET(&edit, role_id, role);
    PB_SET(&edit, permissions, PERM_KICK_MEMBERS);
    ck_assert_int_eq(DO(cast.owner, roles, edit, &edit, &r), ST_OK);
    ck_assert_str_eq(changed(audited(AUDIT_ROLE_UPDATE), "permissions"), "\"0\">\"2\"");
    Hubbub__V1__RolePosition place = HUBBUB__V1__ROLE_POSITION__INIT, *places[] = {&place};
    Hubbub__V1__ReorderRolesRequest order = HUBBUB__V1__REORDER_ROLES_REQUEST__INIT;
    Hubbub__V1__RoleList list = HUBBUB__V1__ROLE_LIST__INIT;
    PB_SET(&order, guild_id, cast.guild);
    PB_SET(&place, id, role);
    PB_SET(&place, position, 2);
    order.positions = places;
    order.n_positions = 1;
    ck_assert_int_eq(DO(cast.owner, roles, reorder, &order, &list), ST_OK);
    ck_assert_str_eq(changed(audited(AUDIT_ROLE_UPDATE), "position"), "1>2");
    Hubbub__V1__RoleRequest gone = HUBBUB__V1__ROLE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&gone, guild_id, cast.guild);
    PB_SET(&gone, role_id, role);
    ck_assert_int_eq(DO(cast.owner, roles, delete, &gone, &none), ST_OK);
    ck_assert_str_eq(changed(audited(AUDIT_ROLE_DELETE), "name"), "\"new role\">-");
}
END_TEST

START_TEST(test_members_are_audited)
{
    uint32_t nick[] = {3};
    set_stage();
    world_reason = "because";
    Hubbub__V1__EditMemberRequest edit = HUBBUB__V1__EDIT_MEMBER_REQUEST__INIT;
    Hubbub__V1__Member m = HUBBUB__V1__MEMBER__INIT;
    PB_SET(&edit, guild_id, cast.guild);
    PB_SET(&edit, user_id, cast.plain);
    edit.present = nick;
    edit.n_present = 1;
    edit.nick = "Plain Jane";
    ck_assert_int_eq(DO(cast.owner, members, edit, &edit, &m), ST_OK);
    ck_assert_str_eq(changed(audited(AUDIT_MEMBER_UPDATE), "nick"), "->\"Plain Jane\"");
    ck_assert_uint_eq(world_entries(), 2); /* no roles changed */
    world_give(cast.guild, cast.owner, cast.plain, cast.chief_role);
    const char *added = changed(audited(AUDIT_MEMBER_ROLE_UPDATE), "$add");
    ck_assert_ptr_nonnull(strstr(added, "->[{\"name\":\"new role\",\"id\":\""));
    Hubbub__V1__MemberRoleRequest role = HUBBUB__V1__MEMBER_ROLE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&role, guild_id, cast.guild);
    PB_SET(&role, user_id, cast.plain);
    PB_SET(&role, role_id, cast.chief_role);
    ck_assert_int_eq(DO(cast.owner, members, remove_role, &role, &none), ST_OK);
    ck_assert_str_ne(changed(audited(AUDIT_MEMBER_ROLE_UPDATE), "$remove"), "");
    Hubbub__V1__MemberRequest who = HUBBUB__V1__MEMBER_REQUEST__INIT;
    PB_SET(&who, guild_id, cast.guild);
    PB_SET(&who, user_id, cast.plain);
    ck_assert_int_eq(DO(cast.chief, members, kick, &who, &none), ST_OK);
    ck_assert_uint_eq(audited(AUDIT_MEMBER_KICK)->target_id, cast.plain);
    ck_assert_uint_eq(audited(AUDIT_MEMBER_KICK)->user_id, cast.chief);
    ck_assert_int_eq(ban(cast.chief, cast.plain, 0), ST_OK);
    ck_assert_uint_eq(audited(AUDIT_MEMBER_BAN_ADD)->target_id, cast.plain);
    ck_assert_int_eq(unban(cast.chief, cast.plain), ST_OK);
    ck_assert_uint_eq(audited(AUDIT_MEMBER_BAN_REMOVE)->target_id, cast.plain);
}
END_TEST

START_TEST(test_channels_are_audited)
{
    uint32_t topic[] = {4};
    set_stage();
    world_reason = "because";
    uint64_t id = world_channel(cast.guild, cast.owner, "news", 0, 0);
    ck_assert_str_eq(changed(audited(AUDIT_CHANNEL_CREATE), "name"), "->\"news\"");
    Hubbub__V1__EditChannelRequest edit = HUBBUB__V1__EDIT_CHANNEL_REQUEST__INIT;
    Hubbub__V1__Channel ch = HUBBUB__V1__CHANNEL__INIT;
    PB_SET(&edit, channel_id, id);
    edit.present = topic;
    edit.n_present = 1;
    edit.topic = "What is new";
    ck_assert_int_eq(DO(cast.owner, channels, edit, &edit, &ch), ST_OK);
    ck_assert_str_eq(changed(audited(AUDIT_CHANNEL_UPDATE), "topic"), "->\"What is new\"");
    ck_assert_uint_eq(audited(AUDIT_CHANNEL_UPDATE)->n_changes, 1);
    Hubbub__V1__PutOverwriteRequest put = HUBBUB__V1__PUT_OVERWRITE_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&put, channel_id, id);
    PB_SET(&put, overwrite_id, cast.chief_role);
    PB_SET(&put, type, 0);
    PB_SET(&put, allow, 1024);
    ck_assert_int_eq(DO(cast.owner, channels, put_overwrite, &put, &none), ST_OK);
    ck_assert_uint_eq(audited(AUDIT_OVERWRITE_CREATE)->options->id, cast.chief_role);
    ck_assert_uint_eq(audited(AUDIT_OVERWRITE_CREATE)->target_id, id);
    PB_SET(&put, deny, 2048);
    ck_assert_int_eq(DO(cast.owner, channels, put_overwrite, &put, &none), ST_OK);
    ck_assert_str_eq(changed(audited(AUDIT_OVERWRITE_UPDATE), "deny"), "\"0\">\"2048\"");
    Hubbub__V1__OverwriteRequest away = HUBBUB__V1__OVERWRITE_REQUEST__INIT;
    PB_SET(&away, channel_id, id);
    PB_SET(&away, overwrite_id, cast.chief_role);
    ck_assert_int_eq(DO(cast.owner, channels, delete_overwrite, &away, &none), ST_OK);
    ck_assert_str_eq(audited(AUDIT_OVERWRITE_DELETE)->options->type, "0");
    Hubbub__V1__ChannelPosition place = HUBBUB__V1__CHANNEL_POSITION__INIT, *places[] = {&place};
    Hubbub__V1__ReorderChannelsRequest order = HUBBUB__V1__REORDER_CHANNELS_REQUEST__INIT;
    PB_SET(&order, guild_id, cast.guild);
    PB_SET(&place, id, id);
    PB_SET(&place, position, 7);
    order.positions = places;
    order.n_positions = 1;
    ck_assert_int_eq(DO(cast.owner, channels, reorder, &order, &none), ST_OK);
    ck_assert_ptr_nonnull(strstr(changed(audited(AUDIT_CHANNEL_UPDATE), "position"), ">7"));
    Hubbub__V1__InviteRequest revoke = HUBBUB__V1__INVITE_REQUEST__INIT;
    Hubbub__V1__Invite invite = HUBBUB__V1__INVITE__INIT;
    revoke.code = world_invite(id, cast.owner, 5, 0);
    ck_assert_str_eq(changed(audited(AUDIT_INVITE_CREATE), "max_uses"), "->5");
    ck_assert_int_eq(DO(cast.owner, invites, delete, &revoke, &invite), ST_OK);
    ck_assert_uint_eq(audited(AUDIT_INVITE_DELETE)->options->channel_id, id);
    Hubbub__V1__ChannelRequest gone = HUBBUB__V1__CHANNEL_REQUEST__INIT;
    PB_SET(&gone, channel_id, id);
    ck_assert_int_eq(DO(cast.owner, channels, delete, &gone, &ch), ST_OK);
    ck_assert_str_eq(changed(audited(AUDIT_CHANNEL_DELETE), "name"), "\"news\">-");
}
END_TEST

START_TEST(test_read_audit_log)
{
    set_stage();
    Hubbub__V1__ListAuditRequest req = HUBBUB__V1__LIST_AUDIT_REQUEST__INIT;
    Hubbub__V1__AuditLog all = HUBBUB__V1__AUDIT_LOG__INIT, some = all;
    PB_SET(&req, guild_id, cast.guild);
    ck_assert_int_eq(ban(cast.chief, cast.plain, 0), ST_OK);
    ck_assert_int_eq(unban(cast.owner, cast.plain), ST_OK);
    ck_assert_int_eq(DO(cast.stranger, audit, list, &req, &all), ST_MISSING_ACCESS);
    world_join(cast.guild, cast.plain);
    ck_assert_int_eq(DO(cast.plain, audit, list, &req, &all), ST_MISSING_PERMISSIONS);
    ck_assert_int_eq(DO(cast.chief, audit, list, &req, &all), ST_OK);
    ck_assert_uint_eq(all.n_audit_log_entries, 4); /* role made, role given, ban, unban; the newest first */
    ck_assert_uint_eq(all.audit_log_entries[0]->action_type, AUDIT_MEMBER_BAN_REMOVE);
    ck_assert_uint_eq(all.audit_log_entries[3]->action_type, AUDIT_ROLE_CREATE);
    ck_assert_uint_eq(all.n_users, 3);
    ck_assert(!all.audit_log_entries[0]->has_guild_id);
    PB_SET(&req, user_id, cast.chief);
    ck_assert_int_eq(DO(cast.chief, audit, list, &req, &some), ST_OK);
    ck_assert(some.n_audit_log_entries == 1 && some.audit_log_entries[0]->action_type == AUDIT_MEMBER_BAN_ADD);
    PB_SET(&req, user_id, 0);
    PB_SET(&req, action_type, AUDIT_ROLE_CREATE);
    some = (Hubbub__V1__AuditLog)HUBBUB__V1__AUDIT_LOG__INIT;
    ck_assert_int_eq(DO(cast.chief, audit, list, &req, &some), ST_OK);
    ck_assert(some.n_audit_log_entries == 1 && some.audit_log_entries[0]->target_id == cast.chief_role);
    PB_SET(&req, action_type, 0);
    PB_SET(&req, before, all.audit_log_entries[0]->id);
    PB_SET(&req, limit, 2);
    some = (Hubbub__V1__AuditLog)HUBBUB__V1__AUDIT_LOG__INIT;
    ck_assert_int_eq(DO(cast.chief, audit, list, &req, &some), ST_OK);
    ck_assert(some.n_audit_log_entries == 2 && some.audit_log_entries[0]->id == all.audit_log_entries[1]->id);
}
END_TEST

/* ---- Search ---------------------------------------------------------------------------------------------------- */

START_TEST(test_search)
{
    set_stage();
    Hubbub__V1__FindMembersRequest req = HUBBUB__V1__FIND_MEMBERS_REQUEST__INIT;
    Hubbub__V1__MemberList resp = HUBBUB__V1__MEMBER_LIST__INIT;
    PB_SET(&req, guild_id, cast.guild);
    PB_SET(&req, limit, 10);
    req.query = "CH";
    ck_assert_int_eq(DO(cast.stranger, members, search, &req, &resp), ST_MISSING_ACCESS);
    ck_assert_int_eq(DO(cast.plain, members, search, &req, &resp), ST_OK);
    ck_assert(resp.n_members == 1 && resp.members[0]->user->id == cast.chief);
    world_number("UPDATE members SET nick = 'Chimney' WHERE guild_id = $1 AND user_id = $2 RETURNING 1", cast.guild,
                 cast.owner);
    ck_assert_int_eq(DO(cast.plain, members, search, &req, &resp), ST_OK);
    ck_assert(resp.n_members == 2 && resp.members[0]->user->id == cast.owner);
    req.query = "stranger";
    ck_assert_int_eq(DO(cast.plain, members, search, &req, &resp), ST_OK);
    ck_assert_uint_eq(resp.n_members, 0);
}
END_TEST

int main(void)
{
    const struct world_test tests[] = {
        {"ban", test_ban},
        {"hierarchy", test_hierarchy},
        {"ban against accept", test_race},
        {"purge", test_purge},
        {"bulk ban", test_bulk},
        {"list of bans", test_list},
        {"guild and roles are audited", test_guild_and_roles_are_audited},
        {"members are audited", test_members_are_audited},
        {"channels are audited", test_channels_are_audited},
        {"read the audit log", test_read_audit_log},
        {"search", test_search},
    };
    return world_run("moderation", tests, sizeof tests / sizeof *tests);
}
