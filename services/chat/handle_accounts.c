/* handle_accounts.c - the Accounts service. Passwords are hashed before a lease is taken and after it is given back:
 * argon2 takes tens of milliseconds. What was read before is compared again in the transaction that follows. */
#include "lib/base/clock.h"
#include "lib/wire/wire.h"
#include "services/chat/account_end.h"
#include "services/chat/accounts.h"
#include "services/chat/chat.h"
#include "services/chat/credentials.h"
#include "services/chat/handlers.h"
#include "services/chat/invites.h"
#include "services/chat/names.h"
#include "services/chat/outbox.h"
#include "services/chat/profiles.h"
#include "services/chat/rename.h"
#include "services/chat/tickets.h"
#include "services/chat/tokens.h"
#include <inttypes.h>
#include <string.h>
#include <strings.h>

static const char *text_of(const char *s)
{
    return s ? s : "";
}

static status taken(struct call *c, const char *field)
{
    if (!strcmp(field, "email"))
        return call_fail_field(c, "email", "EMAIL_ALREADY_REGISTERED", "Email is already registered.");
    return call_fail_field(c, "username", "USERNAME_ALREADY_TAKEN",
                           "Username is unavailable. Try adding numbers, letters, underscores _ , or periods.");
}

/* Which of the two is somebody else's; for the answer after an insert or update met a unique index. */
static status check_free(struct call *c, struct db *d, uint64_t user_id, const char *username, const char *email)
{
    struct db_rows *rows;
    status st =
        chat_query(c, d, &rows,
                   "SELECT EXISTS (SELECT FROM users WHERE NOT bot AND " ACCOUNT_SAME_NAME(
                       "username", "$2") " AND id <> $1), "
                                         "EXISTS (SELECT FROM users WHERE lower(email) = lower($3) AND id <> $1)",
                   DB_ID(user_id), DB_TEXT_OR_NULL(username), DB_TEXT_OR_NULL(email));
    if (st == ST_OK && db_bool(rows, 0, 0))
        st = taken(c, "username");
    if (st == ST_OK && db_bool(rows, 0, 1))
        st = taken(c, "email");
    return st;
}

static status check_username(struct call *c, const char *given, char **ret)
{
    const char *why;
    *ret = username_normalise(call_arena(c), text_of(given), &why);
    return *ret ? ST_OK : call_fail_field(c, "username", "USERNAME_INVALID", why);
}

static status check_email(struct call *c, const char *email)
{
    if (!email || !*email || email_plausible(email))
        return ST_OK;
    return call_fail_field(c, "email", "EMAIL_TYPE_INVALID_EMAIL", "Not a well formed email address.");
}

/* ---- Register -------------------------------------------------------------------------------------------------- */

enum { PASSWORD_MIN = 8, PASSWORD_MAX = 72 }; /* code points, as RegisterRequest says */

struct new_account {
    char *username, *hash;
    uint64_t id, guild_id; /* guild_id: of the invite, or 0 */
    bool first;            /* there is no account yet: it becomes the administrator and needs no invite */
    bool by_operator;      /* asks for no leave: neither registration mode nor age nor consent */
    bool admin;            /* becomes an administrator although not the first */
};

static status check_age(struct call *c, const char *date)
{
    if (!date || !*date)
        return ST_OK;
    int years = years_since(date, clock_wall_ms());
    if (years < 0)
        return call_fail_field(c, "date_of_birth", "DATE_TIME_TYPE_PARSE",
                               "Could not parse. Should be a date: YYYY-MM-DD.");
    if (years < chat_of(c)->config.minimum_age)
        return call_fail_field(c, "date_of_birth", "DATE_OF_BIRTH_UNDERAGE",
                               "You need to be older to use this service.");
    return ST_OK;
}

static status check_form(struct call *c, const Hubbub__V1__RegisterRequest *req, struct new_account *n)
{
    status st = check_username(c, req->username, &n->username);
    status email = check_email(c, req->email), age = check_age(c, req->date_of_birth);
    status consent = ST_OK;
    if (!req->consent && !n->by_operator)
        consent = call_fail_field(c, "consent", "BASE_TYPE_REQUIRED", "This field is required");
    return st != ST_OK ? st : email != ST_OK ? email : age != ST_OK ? age : consent;
}

static status read_first(struct call *c, struct db *d, bool *ret)
{
    struct db_rows *rows;
    status st = chat_query(c, d, &rows, "SELECT NOT EXISTS (SELECT FROM users WHERE NOT bot)");
    if (st == ST_OK)
        *ret = db_bool(rows, 0, 0);
    return st;
}

/* Whether this instance lets people in, and through which invite. Before argon2: a refusal shall be cheap. */
static status admit(struct call *c, const Hubbub__V1__RegisterRequest *req, struct new_account *n)
{
    {
        DB_LEASED struct db *d = NULL;
        status st = chat_lease(c, &d);
        if (st == ST_OK)
            st = read_first(c, d, &n->first);
        if (st == ST_OK)
            st = check_free(c, d, 0, n->username, req->email);
        if (st != ST_OK)
            return st;
    }
    enum registration mode = chat_of(c)->config.registration;
    bool has_invite = *text_of(req->invite);
    if (n->by_operator)
        return ST_OK;
    if (mode == REGISTRATION_CLOSED && !n->first)
        return call_fail(c, ST_REGISTRATION_CLOSED, "closed by the configuration");
    if (mode == REGISTRATION_INVITE && !n->first && !has_invite)
        return call_fail_field(c, "invite", "BASE_TYPE_REQUIRED", "This field is required");
    if (!has_invite)
        return ST_OK;
    status st = invite_guild(c, req->invite, &n->guild_id);
    return st == ST_UNKNOWN_INVITE ? call_fail(c, ST_BAD_INVITE_CODE, "no such invite") : st;
}

/* Registrations of the first account come one after the other, so that one of them is the first. */
static status settle_first(struct call *c, struct change *ch, struct new_account *n)
{
    struct db_rows *rows;
    if (!n->first)
        return ST_OK;
    status st = change_query(ch, &rows, "SELECT pg_advisory_xact_lock(hashtext('hubbub first account'))");
    if (st == ST_OK)
        st = read_first(c, change_db(ch), &n->first);
    bool open = n->by_operator || chat_of(c)->config.registration == REGISTRATION_OPEN;
    if (st == ST_OK && !n->first && !open && !n->guild_id)
        st = call_fail(c, ST_REGISTRATION_CLOSED, "somebody else was the first");
    return st;
}

static status insert_account(struct call *c, struct change *ch, const Hubbub__V1__RegisterRequest *req,
                             struct new_account *n)
{
    struct db_rows *rows;
    status st = settle_first(c, ch, n);
    if (st == ST_OK)
        st = change_query(ch, &rows,
                          "INSERT INTO users (id, username, global_name, email, password_hash, admin, date_of_birth, verified) "
                          "VALUES (next_id(), $1, $2, $3, $4, $5, $6::date, $7) ON CONFLICT DO NOTHING RETURNING id",
                          DB_TEXT(n->username), DB_TEXT_OR_NULL(req->global_name), DB_TEXT_OR_NULL(req->email),
                          DB_TEXT(n->hash), DB_BOOL(n->first || n->admin), DB_TEXT_OR_NULL(req->date_of_birth),
                          DB_BOOL(n->by_operator || !outbox_is_on(c)));
    if (st != ST_OK)
        return st;
    if (!db_count(rows)) {
        st = check_free(c, change_db(ch), 0, n->username, req->email);
        return st != ST_OK ? st : taken(c, "username");
    }
    n->id = db_u64(rows, 0, 0);
    st = change_new_scope(ch, n->id);
    bool asks = *text_of(req->email) && !n->by_operator && outbox_is_on(c);
    return st == ST_OK && asks ? outbox_add(c, ch, n->id, OUTBOX_VERIFY, req->email) : st;
}

static status sign_up(struct call *c, const Hubbub__V1__RegisterRequest *req, Hubbub__V1__TokenResponse *resp)
{
    struct new_account n = {0};
    status st = check_form(c, req, &n);
    if (st == ST_OK)
        st = admit(c, req, &n);
    if (st != ST_OK)
        return st;
    n.hash = password_hash(call_arena(c), text_of(req->password));
    if (!n.hash)
        return call_fail(c, ST_OVERLOADED, "no memory for argon2");
    CHANGE_OWNED struct change *ch = NULL;
    st = change_begin(c, &n.guild_id, n.guild_id ? 1 : 0, ST_BAD_INVITE_CODE, &ch);
    if (st == ST_OK)
        st = insert_account(c, ch, req, &n);
    Hubbub__V1__Invite *invite;
    if (st == ST_OK && n.guild_id) {
        st = invite_use(c, ch, req->invite, n.id, &invite);
        if (st == ST_UNKNOWN_INVITE)
            st = call_fail(c, ST_BAD_INVITE_CODE, "the invite ended");
    }
    if (st == ST_OK)
        st = token_issue(c, change_db(ch), n.id, req->user_agent, &resp->token);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        PB_SET(resp, user_id, n.id);
    return st;
}

status account_check_password(struct call *c, const char *password)
{
    size_t n = 0;
    for (const char *s = text_of(password); *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    if (n >= PASSWORD_MIN && n <= PASSWORD_MAX)
        return ST_OK;
    return call_fail_field(
        c, "password", "BASE_TYPE_BAD_LENGTH",
        arena_printf(call_arena(c), "Must be between %d and %d in length.", PASSWORD_MIN, PASSWORD_MAX));
}

status account_create_by_operator(struct call *c, const Hubbub__V1__RegisterRequest *req, bool admin, uint64_t *ret_id)
{
    struct new_account n = {.by_operator = true, .admin = admin};
    status st = check_form(c, req, &n), password = account_check_password(c, req->password);
    if (st == ST_OK)
        st = password;
    if (st == ST_OK)
        st = admit(c, req, &n);
    if (st != ST_OK)
        return st;
    n.hash = password_hash(call_arena(c), req->password);
    if (!n.hash)
        return call_fail(c, ST_OVERLOADED, "no memory for argon2");
    CHANGE_OWNED struct change *ch = NULL;
    st = change_begin(c, NULL, 0, ST_INTERNAL, &ch);
    if (st == ST_OK)
        st = insert_account(c, ch, req, &n);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret_id = n.id;
    return st;
}

/* ---- Tokens ---------------------------------------------------------------------------------------------------- */

static status invalid_login(struct call *c)
{
    static const char code[] = "INVALID_LOGIN", text[] = "Login or password is invalid.";
    call_fail_field(c, "login", code, text);
    return call_fail_field(c, "password", code, text);
}

struct login {
    uint64_t id;
    const char *hash; /* NULL: nobody */
    bool disabled, mfa; /* disabled: not by themselves alone */
    bool asleep;        /* by themselves */
};

static status find_login(struct call *c, const char *login, struct login *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT id, password_hash, disabled AND NOT self_disabled, mfa, self_disabled FROM users WHERE NOT bot AND "
                        "(" ACCOUNT_SAME_NAME("username", "$1") " OR lower(email) = lower($1)) LIMIT 1",
                        DB_TEXT(login));
    if (st != ST_OK)
        return st;
    *ret = (struct login){0};
    if (db_count(rows))
        *ret = (struct login){db_u64(rows, 0, 0), db_text(rows, 0, 1), db_bool(rows, 0, 2), db_bool(rows, 0, 3),
                              db_bool(rows, 0, 4)};
    return ST_OK;
}

static status issue_if_unchanged(struct call *c, const struct login *l, const char *user_agent, char **ret_token)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = token_issue_if(c, d, l->id, l->hash, user_agent, ret_token);
    return st == ST_OK && !*ret_token ? invalid_login(c) : st;
}

status account_admit(struct call *c, struct change *ch, uint64_t user_id, bool mfa, const char *user_agent,
                     Hubbub__V1__TokenResponse *resp)
{
    PB_SET(resp, user_id, user_id);
    if (!mfa) {
        status st = account_wake(ch, user_id);
        return st == ST_OK ? token_issue(c, change_db(ch), user_id, user_agent, &resp->token) : st;
    }
    PB_SET(resp, mfa, true);
    PB_SET(resp, totp, true);
    PB_SET(resp, backup, true);
    PB_SET(resp, sms, false);
    return ticket_issue(c, change_db(ch), user_id, TICKET_LOGIN, NULL, &resp->ticket);
}

/* The password was right. In a change: a new password or a disabled account either ends the ticket or is seen here. */
static status admit_in_change(struct call *c, const struct login *l, const char *user_agent,
                              Hubbub__V1__TokenResponse *resp)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = change_begin(c, &l->id, 1, ST_UNKNOWN_USER, &ch);
    if (st == ST_OK)
        st = account_require_unchanged(c, ch, l->id, l->hash);
    if (st == ST_PASSWORD_WRONG)
        st = invalid_login(c);
    if (st == ST_OK)
        st = account_admit(c, ch, l->id, l->mfa, user_agent, resp);
    return st == ST_OK ? change_commit(ch) : st;
}

/* Told only to somebody who knows the password. */
static status disabled_account(struct call *c)
{
    return call_fail_field(c, "login", "ACCOUNT_DISABLED", "This account is disabled. Ask who runs this server.");
}

static status login(struct call *c, const Hubbub__V1__LoginRequest *req, Hubbub__V1__TokenResponse *resp)
{
    struct login l;
    status st = find_login(c, text_of(req->login), &l);
    if (st != ST_OK)
        return st;
    if (!password_verify(l.hash, text_of(req->password))) /* nobody's hash: as slow, and false */
        return invalid_login(c);
    if (l.disabled)
        return disabled_account(c);
    st = l.mfa || l.asleep ? admit_in_change(c, &l, req->user_agent, resp)
                           : issue_if_unchanged(c, &l, req->user_agent, &resp->token);
    if (st == ST_OK)
        PB_SET(resp, user_id, l.id);
    return st;
}

static status logout(struct call *c, const Hubbub__V1__LogoutRequest *req, Hubbub__V1__Empty *resp)
{
    uint64_t user = call_user(c);
    uint8_t digest[TOKEN_HASH_N];
    token_hash(text_of(req->token), digest);
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *rows;
    status st = change_begin(c, &user, 1, ST_UNAUTHORIZED, &ch);
    if (st == ST_OK)
        st = change_query(ch, &rows, "DELETE FROM tokens WHERE hash = $1 AND user_id = $2 RETURNING hash",
                          DB_BYTES(digest, sizeof digest), DB_ID(user));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNAUTHORIZED, "the token ended already");
    token_add_revoked(c, ch, user, rows);
    return change_commit(ch);
}

static status resolve_token(struct call *c, const Hubbub__V1__ResolveTokenRequest *req, Hubbub__V1__Identity *resp)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = token_resolve(c, d, text_of(req->token), resp);
    return st == ST_OK && !resp->bot ? token_note_use(c, d, resp) : st;
}

/* ---- The account itself ---------------------------------------------------------------------------------------- */

static status get_me(struct call *c, const Hubbub__V1__Empty *req, Hubbub__V1__Me *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, "SELECT " ROWS_ME " FROM users u WHERE u.id = $1", DB_ID(call_user(c)));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNAUTHORIZED, "user %" PRIu64 " is gone", call_user(c));
    rows_me(call_arena(c), rows, 0, 0, resp);
    return ST_OK;
}

/* Field numbers of EditMeRequest. */
enum { EDIT_BIO = 100, EDIT_PRONOUNS = 101, EDIT_AVATAR = 120, EDIT_BANNER = 121 };
/* What an edit does; *_set: the column changes. */
struct account_edit {
    bool username_set, global_name_set, email_set;
    char *username;
    const char *global_name, *email;
    const char *old_hash, *new_hash; /* new_hash NULL: the password stays */
};

static status read_edit(struct call *c, const Hubbub__V1__EditMeRequest *req, struct account_edit *e)
{
    e->username_set = req->username && *req->username;
    e->global_name_set = WIRE_PRESENT_IN(req, 2);
    e->email_set = WIRE_PRESENT_IN(req, 5);
    e->global_name = text_of(req->global_name);
    e->email = text_of(req->email);
    status st = e->username_set ? check_username(c, req->username, &e->username) : ST_OK;
    return st == ST_OK && e->email_set ? check_email(c, req->email) : st;
}

static status wrong_password(struct call *c)
{
    return call_fail_field(c, "password", "PASSWORD_DOES_NOT_MATCH", "Password does not match.");
}

static status load_hash(struct call *c, const char **ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows, "SELECT password_hash FROM users WHERE id = $1", DB_ID(call_user(c)));
    if (st == ST_OK)
        *ret = db_count(rows) ? db_text(rows, 0, 0) : "";
    return st;
}

status account_require_password(struct call *c, const char *password, const char **ret_hash)
{
    status st = load_hash(c, ret_hash);
    if (st == ST_OK && !password_verify(*ret_hash, text_of(password)))
        st = call_fail(c, ST_PASSWORD_WRONG, "user %" PRIu64, call_user(c));
    return st;
}

status account_require_unchanged(struct call *c, struct change *ch, uint64_t user_id, const char *hash)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows, "SELECT FROM users WHERE id = $1 AND password_hash = $2 AND (NOT disabled OR self_disabled)",
                             DB_ID(user_id), DB_TEXT(hash));
    return st == ST_OK && !db_count(rows) ? call_fail(c, ST_PASSWORD_WRONG, "it changed meanwhile") : st;
}

/* A new password or e-mail needs the old password. */
static status check_password(struct call *c, const Hubbub__V1__EditMeRequest *req, struct account_edit *e)
{
    bool changes = *text_of(req->new_password);
    if (!changes && !e->email_set)
        return ST_OK;
    if (call_is_bot(c))
        return call_fail(c, ST_BOTS_FORBIDDEN, "a bot has neither password nor e-mail");
    if (!*text_of(req->password))
        return call_fail_field(c, "password", "BASE_TYPE_REQUIRED", "This field is required");
    status st = load_hash(c, &e->old_hash);
    if (st != ST_OK)
        return st;
    if (!password_verify(e->old_hash, req->password))
        return wrong_password(c);
    e->new_hash = changes ? password_hash(call_arena(c), req->new_password) : NULL;
    return changes && !e->new_hash ? call_fail(c, ST_OVERLOADED, "no memory for argon2") : ST_OK;
}

/* Another address is not known to be the user's; links that went to the old one end, and it is told. */
static status change_address(struct call *c, struct change *ch, const struct account_edit *e)
{
    struct db_rows *rows;
    uint64_t user = call_user(c);
    bool on = outbox_is_on(c);
    status st = change_query(ch, &rows, "SELECT coalesce(email, '') FROM users WHERE id = $1", DB_ID(user));
    if (st != ST_OK || !db_count(rows) || !strcasecmp(db_text(rows, 0, 0), e->email))
        return st;
    const char *before = db_text(rows, 0, 0);
    st = ticket_end_mailed(ch, user);
    if (st == ST_OK && on)
        st = change_query(ch, &rows, "UPDATE users SET verified = false WHERE id = $1", DB_ID(user));
    if (st == ST_OK && on && *before)
        st = outbox_add(c, ch, user, OUTBOX_CHANGED, before);
    if (st == ST_OK && on && *e->email)
        st = outbox_add(c, ch, user, OUTBOX_VERIFY, e->email);
    return st;
}

/* The old hash, when it was verified, is compared again: two changes of the password do not both win. */
static status update_account(struct call *c, struct change *ch, const struct account_edit *e, Hubbub__V1__Me *resp)
{
    struct db_rows *rows;
    uint64_t user = call_user(c);
    status st = e->username_set || e->email_set
                    ? check_free(c, change_db(ch), user, e->username_set && !call_is_bot(c) ? e->username : NULL,
                                 e->email_set ? e->email : NULL)
                    : ST_OK;
    if (st == ST_OK && e->email_set)
        st = change_address(c, ch, e);
    if (st == ST_OK)
        st = change_query(
            ch, &rows,
            "UPDATE users u SET username = coalesce($2, u.username), global_name = CASE WHEN $3 THEN $4 "
            "ELSE u.global_name END, "
            "email = CASE WHEN $5 THEN $6 ELSE u.email END, password_hash = coalesce($7, u.password_hash) "
            "WHERE u.id = $1 AND NOT u.disabled AND ($8::text IS NULL OR u.password_hash = $8) RETURNING " ROWS_ME,
            DB_ID(user), DB_TEXT_OR_NULL(e->username), DB_BOOL(e->global_name_set), DB_TEXT_OR_NULL(e->global_name),
            DB_BOOL(e->email_set), DB_TEXT_OR_NULL(e->email), DB_TEXT_OR_NULL(e->new_hash),
            DB_TEXT_OR_NULL(e->old_hash));
    if (st == ST_INTERNAL && !strcmp(db_sqlstate(change_db(ch)), "23505")) /* somebody took it since */
        return taken(c, strstr(db_constraint(change_db(ch)), "email") ? "email" : "username");
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return wrong_password(c);
    rows_me(call_arena(c), rows, 0, 0, resp);
    Hubbub__V1__User *seen = rows_own_user(call_arena(c), rows, 0, 0);
    change_add(ch, user, user, 0, ROWS_EVENT(call_arena(c), user_update, seen));
    return ST_OK;
}

static status edit_me(struct call *c, const Hubbub__V1__EditMeRequest *req, Hubbub__V1__Me *resp)
{
    const struct profile_edit profile = {
        .bio_set = WIRE_PRESENT_IN(req, EDIT_BIO),
        .pronouns_set = WIRE_PRESENT_IN(req, EDIT_PRONOUNS),
        .avatar_set = WIRE_PRESENT_IN(req, EDIT_AVATAR),
        .banner_set = WIRE_PRESENT_IN(req, EDIT_BANNER),
        .bio = req->bio,
        .pronouns = req->pronouns,
        .avatar = req->avatar,
        .banner = req->banner,
    };
    struct account_edit e = {0};
    uint64_t user = call_user(c);
    status st = read_edit(c, req, &e);
    if (st == ST_OK)
        st = check_password(c, req, &e);
    if (st != ST_OK)
        return st;
    bool renamed = e.username_set || e.global_name_set || profile.avatar_set;
    CHANGE_OWNED struct change *ch = NULL;
    st = renamed ? rename_begin(c, user, &ch) : change_begin(c, &user, 1, ST_UNAUTHORIZED, &ch);
    if (st == ST_OK)
        st = profile_update(ch, user, &profile);
    if (st == ST_OK)
        st = update_account(c, ch, &e, resp);
    if (st == ST_OK && renamed)
        st = rename_tell_guilds(c, ch, user);
    if (st == ST_OK && e.new_hash)
        st = token_revoke_all(c, ch, user);
    if (st == ST_OK && e.new_hash)
        st = token_issue(c, change_db(ch), user, req->user_agent, &resp->token);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK && renamed)
        rename_tell_rest(c, user);
    return st;
}

static status get_user(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__User *resp)
{
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__User *user;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = rows_load_user(c, d, req->user_id, &user);
    if (st == ST_OK)
        *resp = *user;
    return st;
}

static status find_user(struct call *c, const Hubbub__V1__FindUserRequest *req, Hubbub__V1__User *resp)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT " ROWS_USER " FROM users u WHERE NOT u.bot AND " ACCOUNT_SAME_NAME("u.username", "$1"),
                        DB_TEXT(text_of(req->username)));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_USER, "no such name");
    *resp = *rows_user(call_arena(c), rows, 0, 0);
    return ST_OK;
}

const struct hubbub__v1__accounts__handlers accounts_handlers = {
    .sign_up = sign_up,
    .login = login,
    .logout = logout,
    .get_me = get_me,
    .edit_me = edit_me,
    .get_user = get_user,
    .find_user = find_user,
    .resolve_token = resolve_token,
};
