/* Goal: accounts, tokens and bots keep their promises against a real PostgreSQL, also when many come at once. */
#include "lib/base/clock.h"
#include "lib/permission/permission.h"
#include "services/chat/credentials.h"
#include "services/chat/testing/world.h"
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static status sign_up(const char *name, const char *email, Hubbub__V1__TokenResponse *resp)
{
    Hubbub__V1__RegisterRequest req = HUBBUB__V1__REGISTER_REQUEST__INIT;
    req.username = (char *)name;
    req.email = (char *)email;
    req.password = "correct horse";
    PB_SET(&req, consent, true);
    hubbub__v1__token_response__init(resp);
    return DO(0, accounts, sign_up, &req, resp);
}

static status login(const char *name, const char *password, Hubbub__V1__TokenResponse *resp)
{
    Hubbub__V1__LoginRequest req = HUBBUB__V1__LOGIN_REQUEST__INIT;
    req.login = (char *)name;
    req.password = (char *)password;
    hubbub__v1__token_response__init(resp);
    return DO(0, accounts, login, &req, resp);
}

static uint64_t user_of(const char *token)
{
    Hubbub__V1__ResolveTokenRequest req = HUBBUB__V1__RESOLVE_TOKEN_REQUEST__INIT;
    Hubbub__V1__Identity resp = HUBBUB__V1__IDENTITY__INIT;
    req.token = (char *)token;
    return DO(0, accounts, resolve_token, &req, &resp) == ST_OK ? resp.user_id : 0;
}

/* ---- Registering ----------------------------------------------------------------------------------------------- */

static status outcomes[16];
static void sign_up_distinct(unsigned i)
{
    char name[32];
    Hubbub__V1__TokenResponse resp;
    snprintf(name, sizeof name, "racer %u", i);
    outcomes[i] = sign_up(name, NULL, &resp);
}

/* Six sign-ups stand before their INSERT, each with its belief of being the first; then they are let go. */
static struct db *gate;
static void sign_up_or_open_gate(unsigned i)
{
    if (i < 6) {
        sign_up_distinct(i);
        return;
    }
    int64_t waiting = 0;
    for (int tries = 0; tries < 1000 && waiting < 6; tries++, usleep(10000))
        waiting = world_number("SELECT count(*) FROM pg_locks WHERE NOT granted AND $1 = $2::bigint", 0, 0);
    ck_assert_int_eq(waiting, 6);
    ck_assert_int_eq(db_exec(gate, clock_mono_ms() + 5000, "COMMIT"), ST_OK);
}

START_TEST(test_first_is_admin)
{
    world_clear();
    world->config.registration = REGISTRATION_CLOSED; /* does not hold for the first */
    ck_assert_int_eq(db_lease(world->db, clock_mono_ms() + 5000, &gate), ST_OK);
    ck_assert_int_eq(db_exec(gate, clock_mono_ms() + 5000, "BEGIN; LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"),
                     ST_OK);
    world_race(7, sign_up_or_open_gate);
    db_release(gate);
    world->config.registration = REGISTRATION_OPEN;
    ck_assert_int_eq(world_number("SELECT count(*) FROM users WHERE admin AND $1 = $2::bigint", 0, 0), 1);
    ck_assert_int_eq(world_number("SELECT count(*) FROM users WHERE $1 = $2::bigint", 0, 0), 1);
    unsigned ok = 0, closed = 0;
    for (unsigned i = 0; i < 6; i++) {
        ok += outcomes[i] == ST_OK;
        closed += outcomes[i] == ST_REGISTRATION_CLOSED;
    }
    ck_assert_uint_eq(ok, 1);
    ck_assert_uint_eq(closed, 5);
    Hubbub__V1__TokenResponse second;
    ck_assert_int_eq(sign_up("second", NULL, &second), ST_OK);
    ck_assert_int_eq(world_number("SELECT admin::int FROM users WHERE id = $1 AND $2 = 0::bigint", second.user_id, 0),
                     0);
}
END_TEST

static void sign_up_same(unsigned i)
{
    static const char *const names[] = {"Same Name", "same name", "SAME NAME"};
    Hubbub__V1__TokenResponse resp;
    outcomes[i] = sign_up(names[i % 3], NULL, &resp);
}

START_TEST(test_names_are_unique)
{
    Hubbub__V1__TokenResponse resp;
    world_clear();
    world_race(8, sign_up_same);
    unsigned ok = 0;
    for (unsigned i = 0; i < 8; i++) {
        ok += outcomes[i] == ST_OK;
        ck_assert(outcomes[i] == ST_OK || outcomes[i] == ST_INVALID_FORM);
    }
    ck_assert_uint_eq(ok, 1);
    ck_assert_int_eq(sign_up("Ärger", "a@example.org", &resp), ST_OK);
    ck_assert_int_eq(sign_up("ÄRGER", NULL, &resp), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "username USERNAME_ALREADY_TAKEN");
    ck_assert_int_eq(sign_up("A\xcc\x88rger", NULL, &resp), ST_INVALID_FORM); /* decomposed */
    ck_assert_str_eq(LEAF, "username USERNAME_ALREADY_TAKEN");
    ck_assert_int_eq(sign_up("another", "A@Example.org", &resp), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "email EMAIL_ALREADY_REGISTERED");
}
END_TEST

static status with(const char *name, const char *email, bool consent, const char *birth)
{
    Hubbub__V1__RegisterRequest req = HUBBUB__V1__REGISTER_REQUEST__INIT;
    Hubbub__V1__TokenResponse resp = HUBBUB__V1__TOKEN_RESPONSE__INIT;
    req.username = (char *)name;
    req.email = (char *)email;
    req.password = "correct horse";
    req.date_of_birth = (char *)birth;
    PB_SET(&req, consent, consent);
    return DO(0, accounts, sign_up, &req, &resp);
}

START_TEST(test_form_is_checked)
{
    static const struct {
        const char *name, *email, *birth, *leaf;
        bool consent;
    } table[] = {
        {"everyone", NULL, NULL, "username USERNAME_INVALID", true},
        {"x@y", NULL, NULL, "username USERNAME_INVALID", true},
        {"My Discord", NULL, NULL, "username USERNAME_INVALID", true},
        {"fine", "no mail", NULL, "email EMAIL_TYPE_INVALID_EMAIL", true},
        {"fine", NULL, NULL, "consent BASE_TYPE_REQUIRED", false},
        {"fine", NULL, "2999-01-01", "date_of_birth DATE_TIME_TYPE_PARSE", true},
        {"fine", NULL, "2001-02-29", "date_of_birth DATE_TIME_TYPE_PARSE", true},
        {"fine", NULL, "2001-2-3", "date_of_birth DATE_TIME_TYPE_PARSE", true},
    };
    world_clear();
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        ck_assert_int_eq(with(table[i].name, table[i].email, table[i].consent, table[i].birth), ST_INVALID_FORM);
        ck_assert_str_eq(LEAF, table[i].leaf);
    }
    ck_assert_int_eq(with("fine", NULL, true, "2001-02-28"), ST_OK);
    int64_t then = INT64_C(1000000000000); /* 2001-09-09 */
    ck_assert_int_eq(years_since("1988-09-09", then), 13);
    ck_assert_int_eq(years_since("1988-09-10", then), 12);
}
END_TEST

START_TEST(test_registration_by_invite)
{
    world_clear();
    uint64_t owner = world_person("owner"), guild = world_guild(owner);
    char *code = world_invite(world_text_channel(guild), owner, 1, 0);
    Hubbub__V1__RegisterRequest req = HUBBUB__V1__REGISTER_REQUEST__INIT;
    Hubbub__V1__TokenResponse resp = HUBBUB__V1__TOKEN_RESPONSE__INIT;
    req.password = "correct horse";
    req.username = "guest";
    PB_SET(&req, consent, true);
    world->config.registration = REGISTRATION_CLOSED;
    ck_assert_int_eq(DO(0, accounts, sign_up, &req, &resp), ST_REGISTRATION_CLOSED);
    world->config.registration = REGISTRATION_INVITE;
    ck_assert_int_eq(DO(0, accounts, sign_up, &req, &resp), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "invite BASE_TYPE_REQUIRED");
    req.invite = "nonsense";
    ck_assert_int_eq(DO(0, accounts, sign_up, &req, &resp), ST_BAD_INVITE_CODE);
    req.invite = code;
    ck_assert_int_eq(DO(0, accounts, sign_up, &req, &resp), ST_OK);
    ck_assert_int_eq(
        world_number("SELECT count(*) FROM members WHERE guild_id = $1 AND user_id = $2", guild, resp.user_id), 1);
    req.username = "late guest";
    ck_assert_int_eq(DO(0, accounts, sign_up, &req, &resp), ST_BAD_INVITE_CODE); /* it was used up */
    ck_assert_int_eq(world_number("SELECT count(*) FROM users WHERE $1 = $2::bigint", 0, 0), 2);
    world->config.registration = REGISTRATION_OPEN;
}
END_TEST

/* ---- Tokens ---------------------------------------------------------------------------------------------------- */

START_TEST(test_login_costs_the_same)
{
    Hubbub__V1__TokenResponse resp;
    world_clear();
    uint64_t id = world_person("anna");
    int64_t runs = password_runs();
    ck_assert_int_eq(login("anna", "wrong password", &resp), ST_INVALID_FORM);
    ck_assert_int_eq(password_runs() - runs, 1);
    ck_assert_str_eq(LEAF, "password INVALID_LOGIN");
    runs = password_runs();
    ck_assert_int_eq(login("nobody at all", "wrong password", &resp), ST_INVALID_FORM);
    ck_assert_int_eq(password_runs() - runs, 1);
    ck_assert_str_eq(LEAF, "password INVALID_LOGIN");
    ck_assert_int_eq(login("ANNA", "password of anna", &resp), ST_OK);
    ck_assert_uint_eq(resp.user_id, id);
    ck_assert_uint_eq(user_of(resp.token), id);
    ck_assert_int_eq(
        world_number("SELECT count(*) FROM tokens WHERE user_id = $1 AND length(hash) = 32 AND $2 = 0::bigint", id, 0),
        2);
    ck_assert_uint_eq(user_of("MTIz.AAAA.BBBB"), 0);
}
END_TEST

START_TEST(test_logout_ends_one_token)
{
    Hubbub__V1__TokenResponse one, two;
    world_clear();
    uint64_t id = world_person("anna");
    ck_assert_int_eq(login("anna", "password of anna", &one), ST_OK);
    ck_assert_int_eq(login("anna", "password of anna", &two), ST_OK);
    Hubbub__V1__LogoutRequest req = HUBBUB__V1__LOGOUT_REQUEST__INIT;
    Hubbub__V1__Empty resp = HUBBUB__V1__EMPTY__INIT;
    req.token = one.token;
    ck_assert_int_eq(DO(id, accounts, logout, &req, &resp), ST_OK);
    ck_assert_uint_eq(world_entries(), 1);
    ck_assert_uint_eq(world_entry(0)->event->tokens_revoked->n_token_hashes, 1);
    ck_assert_uint_eq(user_of(one.token), 0);
    ck_assert_uint_eq(user_of(two.token), id);
    ck_assert_int_eq(DO(id, accounts, logout, &req, &resp), ST_UNAUTHORIZED);
}
END_TEST

START_TEST(test_password_change_ends_all)
{
    Hubbub__V1__TokenResponse old, resp;
    uint32_t present[] = {3, 4};
    world_clear();
    uint64_t id = world_person("anna");
    ck_assert_int_eq(login("anna", "password of anna", &old), ST_OK);
    Hubbub__V1__EditMeRequest req = HUBBUB__V1__EDIT_ME_REQUEST__INIT;
    Hubbub__V1__Me me = HUBBUB__V1__ME__INIT;
    req.present = present;
    req.n_present = 2;
    req.new_password = "another one";
    req.password = "wrong";
    ck_assert_int_eq(DO(id, accounts, edit_me, &req, &me), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "password PASSWORD_DOES_NOT_MATCH");
    ck_assert_uint_eq(user_of(old.token), id);
    req.password = "password of anna";
    ck_assert_int_eq(DO(id, accounts, edit_me, &req, &me), ST_OK);
    ck_assert_uint_eq(world_entries(), 2);
    ck_assert_ptr_nonnull(world_entry(0)->event->user_update);
    ck_assert_uint_eq(world_entry(1)->event->tokens_revoked->n_token_hashes, 2);
    ck_assert_uint_eq(user_of(old.token), 0);
    ck_assert_uint_eq(user_of(me.token), id);
    ck_assert_int_eq(login("anna", "password of anna", &resp), ST_INVALID_FORM);
    ck_assert_int_eq(login("anna", "another one", &resp), ST_OK);
}
END_TEST

START_TEST(test_edit_me)
{
    uint32_t present[] = {1, 2};
    world_clear();
    uint64_t anna = world_quick_person("anna");
    world_quick_person("Berta");
    Hubbub__V1__EditMeRequest req = HUBBUB__V1__EDIT_ME_REQUEST__INIT;
    Hubbub__V1__Me me = HUBBUB__V1__ME__INIT;
    req.present = present;
    req.n_present = 2;
    req.username = "berta";
    ck_assert_int_eq(DO(anna, accounts, edit_me, &req, &me), ST_INVALID_FORM);
    ck_assert_str_eq(LEAF, "username USERNAME_ALREADY_TAKEN");
    req.username = "Anna"; /* one's own in another case */
    req.global_name = "Anna A.";
    ck_assert_int_eq(DO(anna, accounts, edit_me, &req, &me), ST_OK);
    ck_assert_str_eq(me.username, "Anna");
    ck_assert_str_eq(me.global_name, "Anna A.");
    ck_assert_ptr_null(me.token);
    req.username = NULL;
    req.global_name = "";
    ck_assert_int_eq(DO(anna, accounts, edit_me, &req, &me), ST_OK);
    ck_assert_str_eq(me.username, "Anna");
    ck_assert_ptr_null(me.global_name);
}
END_TEST

/* ---- Bots ------------------------------------------------------------------------------------------------------ */

static uint64_t application(uint64_t owner)
{
    Hubbub__V1__CreateApplicationRequest req = HUBBUB__V1__CREATE_APPLICATION_REQUEST__INIT;
    Hubbub__V1__Application resp = HUBBUB__V1__APPLICATION__INIT;
    req.name = "Pinger";
    ck_assert_int_eq(DO(owner, applications, create, &req, &resp), ST_OK);
    ck_assert_uint_eq(strlen(resp.verify_key), 64);
    return resp.id;
}

static char *bot_token(uint64_t owner, uint64_t id)
{
    Hubbub__V1__ApplicationRequest req = HUBBUB__V1__APPLICATION_REQUEST__INIT;
    Hubbub__V1__BotTokenResponse resp = HUBBUB__V1__BOT_TOKEN_RESPONSE__INIT;
    PB_SET(&req, application_id, id);
    ck_assert_int_eq(DO(owner, applications, create_bot, &req, &resp), ST_OK);
    return resp.token;
}

static status authorize(uint64_t actor, uint64_t app, uint64_t guild, uint64_t permissions)
{
    Hubbub__V1__AuthorizeRequest req = HUBBUB__V1__AUTHORIZE_REQUEST__INIT;
    Hubbub__V1__AuthorizeResponse resp = HUBBUB__V1__AUTHORIZE_RESPONSE__INIT;
    PB_SET(&req, client_id, app);
    PB_SET(&req, guild_id, guild);
    PB_SET(&req, permissions, permissions);
    req.scope = "bot applications.commands";
    return DO(actor, applications, authorize, &req, &resp);
}

START_TEST(test_bot_token)
{
    world_clear();
    uint64_t anna = world_quick_person("anna"), app = application(anna);
    char *first = bot_token(anna, app), *second = bot_token(anna, app);
    ck_assert_uint_eq(user_of(first), 0);
    ck_assert_uint_eq(user_of(second), app);
    Hubbub__V1__EditApplicationRequest edit = HUBBUB__V1__EDIT_APPLICATION_REQUEST__INIT;
    Hubbub__V1__Application a = HUBBUB__V1__APPLICATION__INIT;
    PB_SET(&edit, application_id, app);
    PB_SET(&edit, flags, UINT64_C(1) << 15 | 1);
    ck_assert_int_eq(DO(world_quick_person("thief"), applications, edit, &edit, &a), ST_NOT_APPLICATION_OWNER);
    ck_assert_int_eq(DO(anna, applications, edit, &edit, &a), ST_OK);
    ck_assert_uint_eq(a.flags, UINT64_C(1) << 15);
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    hubbub__v1__application__init(&a);
    ck_assert_int_eq(DO_BOT(app, applications, get_mine, &none, &a), ST_OK);
    ck_assert_uint_eq(a.owner->id, anna);
    ck_assert_uint_eq(a.bot->id, app);
}
END_TEST

START_TEST(test_authorize)
{
    const uint64_t asked = PERM_SEND_MESSAGES | PERM_BAN_MEMBERS | PERM_MANAGE_GUILD;
    world_clear();
    uint64_t owner = world_quick_person("owner"), helper = world_quick_person("helper"), app = application(owner);
    uint64_t guild = world_guild(owner), role = world_role(guild, owner, PERM_MANAGE_GUILD);
    world_join(guild, helper);
    ck_assert_int_eq(authorize(helper, app, guild, asked), ST_APPLICATION_HAS_NO_BOT);
    bot_token(owner, app);
    ck_assert_int_eq(authorize(helper, app, guild, asked), ST_MISSING_PERMISSIONS);
    world_give(guild, owner, helper, role);
    ck_assert_int_eq(authorize(helper, app, guild, asked), ST_OK);
    ck_assert_uint_eq(world_entries(), 4); /* role_create, member_add, guild_joined, audit_entry */
    Hubbub__V1__GuildRole *made = world_entry(0)->event->role_create;
    Hubbub__V1__Member *member = world_entry(1)->event->member_add->member;
    ck_assert_uint_eq(made->role->permissions, PERM_SEND_MESSAGES | PERM_MANAGE_GUILD); /* not what the helper lacks */
    ck_assert(made->role->managed && made->role->tags->bot_id == app);
    ck_assert(member->n_roles == 1 && member->roles[0] == made->role->id && member->user->bot);
    ck_assert_uint_eq(world_entry(2)->scope_id, app);
    ck_assert_uint_eq(world_entry(2)->event->guild_joined->position, world_entry(1)->seq);
    ck_assert_int_eq(authorize(helper, app, guild, asked), ST_OK);
    ck_assert_uint_eq(world_entries(), 0); /* it is a member already */

    Hubbub__V1__ApplicationRequest gone = HUBBUB__V1__APPLICATION_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    PB_SET(&gone, application_id, app);
    ck_assert_int_eq(DO(owner, applications, delete, &gone, &none), ST_OK);
    ck_assert_int_eq(world_number("SELECT count(*) FROM members WHERE user_id = $1 AND guild_id = $2", app, guild), 0);
    ck_assert_int_eq(world_number("SELECT count(*) FROM roles WHERE bot_id = $1 AND guild_id = $2", app, guild), 0);
    ck_assert_int_eq(world_number("SELECT member_count FROM guilds WHERE id = $1 AND $2 = 0::bigint", guild, 0), 2);
}
END_TEST

/* ---- Sessions -------------------------------------------------------------------------------------------------- */

static void list_sessions(uint64_t user, Hubbub__V1__AuthSessionList *ret)
{
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    hubbub__v1__auth_session_list__init(ret);
    ck_assert_int_eq(DO(user, auth_sessions, list, &none, ret), ST_OK);
}

static status end_sessions(uint64_t user, char *first, char *second)
{
    Hubbub__V1__RevokeSessionsRequest req = HUBBUB__V1__REVOKE_SESSIONS_REQUEST__INIT;
    Hubbub__V1__Empty none = HUBBUB__V1__EMPTY__INIT;
    req.session_id_hashes = (char *[]){first, second};
    req.n_session_id_hashes = second ? 2 : 1;
    return DO(user, auth_sessions, revoke, &req, &none);
}

static char *login_from(const char *name, char *user_agent)
{
    Hubbub__V1__LoginRequest req = HUBBUB__V1__LOGIN_REQUEST__INIT;
    Hubbub__V1__TokenResponse resp = HUBBUB__V1__TOKEN_RESPONSE__INIT;
    req.login = (char *)name;
    req.password = "correct horse";
    req.user_agent = user_agent;
    ck_assert_int_eq(DO(0, accounts, login, &req, &resp), ST_OK);
    return resp.token;
}

START_TEST(test_sessions_are_listed_and_ended)
{
    Hubbub__V1__TokenResponse first, other;
    Hubbub__V1__AuthSessionList list, others;
    world_clear();
    ck_assert_int_eq(sign_up("lister", NULL, &first), ST_OK);
    ck_assert_int_eq(sign_up("somebody else", NULL, &other), ST_OK);
    char *phone = login_from("lister", "Mozilla/5.0 (Linux; Android 14) Chrome/126.0");
    world_number("WITH u AS (UPDATE tokens SET used_at = used_at - interval '1 hour' WHERE user_id = $1 AND os IS NULL "
                 "RETURNING 1) SELECT count(*) FROM u WHERE $2 = 0::bigint",
                 first.user_id, 0);
    list_sessions(first.user_id, &list);
    list_sessions(other.user_id, &others);
    ck_assert_uint_eq(list.n_user_sessions, 2);
    ck_assert_str_eq(list.user_sessions[0]->client_info->os, "Android");
    ck_assert_str_eq(list.user_sessions[0]->client_info->platform, "Chrome");
    ck_assert_ptr_null(list.user_sessions[1]->client_info->os);
    ck_assert_int_lt(list.user_sessions[1]->approx_last_used_time, list.user_sessions[0]->approx_last_used_time);

    ck_assert_uint_eq(user_of(first.token), first.user_id); /* used now: the order turns */
    Hubbub__V1__AuthSessionList used;
    list_sessions(first.user_id, &used);
    ck_assert_str_eq(used.user_sessions[0]->id_hash, list.user_sessions[1]->id_hash);

    char *phone_hash = list.user_sessions[0]->id_hash;
    ck_assert_int_eq(end_sessions(first.user_id, phone_hash, others.user_sessions[0]->id_hash), ST_UNKNOWN_SESSION);
    ck_assert_uint_eq(user_of(phone), first.user_id); /* not even the own one of the two */
    ck_assert_int_eq(end_sessions(first.user_id, phone_hash, NULL), ST_OK);
    ck_assert_uint_eq(world_entries(), 1);
    ck_assert_uint_eq(world_entry(0)->scope_id, first.user_id);
    ck_assert_uint_eq(world_entry(0)->event->tokens_revoked->n_token_hashes, 1);
    ck_assert_uint_eq(user_of(phone), 0);
    ck_assert_uint_eq(user_of(first.token), first.user_id);
    ck_assert_uint_eq(user_of(other.token), other.user_id);
    ck_assert_int_eq(end_sessions(first.user_id, phone_hash, NULL), ST_UNKNOWN_SESSION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("accounts");
    TCase *tc = tcase_create("all");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_first_is_admin);
    tcase_add_test(tc, test_names_are_unique);
    tcase_add_test(tc, test_form_is_checked);
    tcase_add_test(tc, test_registration_by_invite);
    tcase_add_test(tc, test_login_costs_the_same);
    tcase_add_test(tc, test_logout_ends_one_token);
    tcase_add_test(tc, test_password_change_ends_all);
    tcase_add_test(tc, test_sessions_are_listed_and_ended);
    tcase_add_test(tc, test_edit_me);
    tcase_add_test(tc, test_bot_token);
    tcase_add_test(tc, test_authorize);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* one PostgreSQL, threads of the service */
    world_start();
    srunner_run_all(runner, CK_NORMAL);
    world_stop();
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
