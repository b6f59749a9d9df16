/* handle_profiles.c - the service Profiles: what people tell of themselves, and what they note about others. A profile
 * is shown to who shares a guild with the user, is a friend, or has been asked or has asked. */
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/profiles.h"
#include "services/chat/relationships.h"
#include "services/chat/rows.h"
#include <inttypes.h>

/* ---- Profiles ---------------------------------------------------------------------------------------------------- */

/* $1: the caller, $2: the user. */
static status check_known(struct call *c, struct db *d, uint64_t user_id)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT $1::bigint = $2::bigint OR EXISTS (SELECT FROM relationships WHERE user_id = $1 AND "
                           "other_id = $2 AND type <> $3) OR EXISTS (SELECT FROM members a JOIN members b USING "
                           "(guild_id) WHERE a.user_id = $1 AND b.user_id = $2)",
                           DB_ID(call_user(c)), DB_ID(user_id), DB_I64(RELATIONSHIP_BLOCKED));
    if (st == ST_OK && !db_bool(r, 0, 0))
        st = call_fail(c, ST_MISSING_ACCESS, "nothing in common with user %" PRIu64, user_id);
    return st;
}

static status load_profile(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__UserProfile **ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT bio, pronouns, banner FROM users WHERE id = $1", DB_ID(user_id));
    if (st != ST_OK)
        return st;
    *ret = PB_NEW(call_arena(c), Hubbub__V1__UserProfile, hubbub__v1__user_profile);
    (*ret)->bio = (char *)db_text(r, 0, 0);
    (*ret)->pronouns = (char *)db_text(r, 0, 1);
    (*ret)->banner = (char *)db_text(r, 0, 2);
    return ST_OK;
}

/* With the nick that the user has there. */
static status load_mutual_guilds(struct call *c, struct db *d, uint64_t user_id, Hubbub__V1__Profile *ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT b.guild_id, b.nick FROM members a JOIN members b USING (guild_id) WHERE a.user_id = "
                           "$1 AND b.user_id = $2 ORDER BY 1",
                           DB_ID(call_user(c)), DB_ID(user_id));
    if (st != ST_OK)
        return st;
    ret->mutual_guilds = ARENA_ARRAY(call_arena(c), Hubbub__V1__MutualGuild *, db_count(r));
    for (unsigned i = 0; i < db_count(r); i++) {
        Hubbub__V1__MutualGuild *g = PB_NEW(call_arena(c), Hubbub__V1__MutualGuild, hubbub__v1__mutual_guild);
        PB_SET(g, id, db_u64(r, i, 0));
        g->nick = (char *)db_text(r, i, 1);
        ret->mutual_guilds[ret->n_mutual_guilds++] = g;
    }
    return ST_OK;
}

static status load_mutual_friends(struct call *c, struct db *d, const Hubbub__V1__ProfileRequest *req,
                                  Hubbub__V1__Profile *ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_USER " FROM relationships a JOIN relationships b ON b.other_id = a.other_id "
                           "JOIN users u ON u.id = a.other_id WHERE a.user_id = $1 AND b.user_id = $2 AND a.type = 1 "
                           "AND b.type = 1 ORDER BY u.id",
                           DB_ID(call_user(c)), DB_ID(req->user_id));
    if (st != ST_OK)
        return st;
    PB_SET(ret, mutual_friends_count, (int32_t)db_count(r));
    if (!req->with_mutual_friends)
        return ST_OK;
    ret->mutual_friends = ARENA_ARRAY(call_arena(c), Hubbub__V1__User *, db_count(r));
    for (unsigned i = 0; i < db_count(r); i++)
        ret->mutual_friends[ret->n_mutual_friends++] = rows_user(call_arena(c), r, i, 0);
    return ST_OK;
}

/* Of a guild that the caller is in, too. */
static status load_guild_member(struct call *c, struct db *d, const Hubbub__V1__ProfileRequest *req,
                                Hubbub__V1__Profile *ret)
{
    struct db_rows *r;
    status st =
        chat_query(c, d, &r,
                   "SELECT " ROWS_MEMBER " FROM members m JOIN users u ON u.id = m.user_id WHERE m.guild_id = "
                   "$1 AND m.user_id = $2 AND EXISTS (SELECT FROM members WHERE guild_id = $1 AND user_id = $3)",
                   DB_ID(req->guild_id), DB_ID(req->user_id), DB_ID(call_user(c)));
    if (st == ST_OK && db_count(r))
        ret->guild_member = rows_member(call_arena(c), r, 0, 0);
    return st;
}

static status get(struct call *c, const Hubbub__V1__ProfileRequest *req, Hubbub__V1__Profile *ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = rows_load_user(c, d, req->user_id, &ret->user);
    if (st == ST_OK)
        st = check_known(c, d, req->user_id);
    if (st == ST_OK)
        st = load_profile(c, d, req->user_id, &ret->user_profile);
    if (st == ST_OK && req->with_mutual_guilds)
        st = load_mutual_guilds(c, d, req->user_id, ret);
    if (st == ST_OK && (req->with_mutual_friends || req->with_mutual_friends_count))
        st = load_mutual_friends(c, d, req, ret);
    if (st == ST_OK && req->guild_id)
        st = load_guild_member(c, d, req, ret);
    return st;
}

status profile_update(struct change *ch, uint64_t user_id, const struct profile_edit *e)
{
    struct db_rows *r;
    if (!e->bio_set && !e->pronouns_set && !e->avatar_set && !e->banner_set)
        return ST_OK;
    return change_query(
        ch, &r,
        "UPDATE users SET bio = CASE WHEN $2 THEN $3 ELSE bio END, pronouns = CASE WHEN $4 THEN $5 ELSE "
        "pronouns END, avatar = CASE WHEN $6 THEN $7 ELSE avatar END, banner = CASE WHEN $8 THEN $9 ELSE banner END "
        "WHERE id = $1",
        DB_ID(user_id), DB_BOOL(e->bio_set), DB_TEXT_OR_NULL(e->bio), DB_BOOL(e->pronouns_set),
        DB_TEXT_OR_NULL(e->pronouns), DB_BOOL(e->avatar_set), DB_TEXT_OR_NULL(e->avatar), DB_BOOL(e->banner_set),
        DB_TEXT_OR_NULL(e->banner));
}

/* ---- Notes ------------------------------------------------------------------------------------------------------- */

static size_t code_points(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

static status check_note_room(struct call *c, struct change *ch, uint64_t other)
{
    struct db_rows *r;
    status st = change_query(ch, &r, "SELECT count(*) FROM notes WHERE user_id = $1 AND other_id <> $2",
                             DB_ID(call_user(c)), DB_ID(other));
    if (st == ST_OK && db_i64(r, 0, 0) >= NOTES_MAX)
        st = call_fail(c, ST_MAX_NOTES, "user %" PRIu64 " has %d notes", call_user(c), NOTES_MAX);
    return st;
}

/* An empty one is none. */
static status store_note(struct call *c, struct change *ch, uint64_t other, const char *note)
{
    struct db_rows *r;
    Hubbub__V1__User *user;
    if (!*note)
        return change_query(ch, &r, "DELETE FROM notes WHERE user_id = $1 AND other_id = $2", DB_ID(call_user(c)),
                            DB_ID(other));
    status st = rows_load_user(c, change_db(ch), other, &user);
    if (st == ST_OK)
        st = check_note_room(c, ch, other);
    return st == ST_OK ? change_query(ch, &r,
                                      "INSERT INTO notes (user_id, other_id, note) VALUES ($1, $2, $3) ON CONFLICT "
                                      "(user_id, other_id) DO UPDATE SET note = excluded.note",
                                      DB_ID(call_user(c)), DB_ID(other), DB_TEXT(note))
                       : st;
}

static status put_note(struct call *c, const Hubbub__V1__PutNoteRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    const uint64_t me = call_user(c);
    Hubbub__V1__NoteUpdated *e = PB_NEW(call_arena(c), Hubbub__V1__NoteUpdated, hubbub__v1__note_updated);
    PB_SET(e, id, req->user_id);
    e->note = req->note ? req->note : "";
    if (code_points(e->note) > NOTE_LENGTH_MAX)
        return call_fail(c, ST_NOTE_TOO_LONG, "a note of %zu characters", code_points(e->note));
    status st = change_begin(c, &me, 1, ST_UNKNOWN_USER, &ch);
    if (st == ST_OK)
        st = store_note(c, ch, req->user_id, e->note);
    if (st != ST_OK)
        return st;
    change_add(ch, me, me, 0, ROWS_EVENT(call_arena(c), user_note_update, e));
    return change_commit(ch);
}

static status get_note(struct call *c, const Hubbub__V1__UserRequest *req, Hubbub__V1__Note *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r, "SELECT note FROM notes WHERE user_id = $1 AND other_id = $2", DB_ID(call_user(c)),
                        DB_ID(req->user_id));
    if (st != ST_OK)
        return st;
    if (!db_count(r))
        return call_fail(c, ST_UNKNOWN_USER, "no note about user %" PRIu64, req->user_id);
    PB_SET(ret, user_id, call_user(c));
    PB_SET(ret, note_user_id, req->user_id);
    ret->note = (char *)db_text(r, 0, 0);
    return ST_OK;
}

const struct hubbub__v1__profiles__handlers profiles_handlers = {
    .get = get,
    .put_note = put_note,
    .get_note = get_note,
};
