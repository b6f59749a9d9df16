/* handle_emojis.c - the service Emojis. A guild's are changed under its feed, so its bounds hold; an application's
 * under its owner's. The image is media's: here it is a hash. */
#include "hubbub/v1/guilds.hub.h"
#include "lib/wire/wire.h"
#include "services/chat/audit.h"
#include "services/chat/emoji.h"
#include "services/chat/emojis.h"
#include "services/chat/handlers.h"
#include "services/chat/rows.h"
#include <inttypes.h>

#define MANAGING (PERM_CREATE_GUILD_EXPRESSIONS | PERM_MANAGE_GUILD_EXPRESSIONS)

static status check_name(struct call *c, const char *name)
{
    if (!name || emoji_is_name(name))
        return ST_OK;
    return call_fail_field(c, "name", "STRING_TYPE_REGEX", "String value did not match validation regex.");
}

/* $1, $2: the owner. */
static status check_room(struct call *c, struct change *ch, struct emoji_owner owner, bool animated)
{
    struct db_rows *r;
    status st = change_query(ch, &r,
                             "SELECT count(*) FILTER (WHERE animated = $3), count(*) FROM emojis WHERE guild_id = $1 "
                             "OR application_id = $2",
                             DB_ID_OR_NULL(owner.guild_id), DB_ID_OR_NULL(owner.application_id), DB_BOOL(animated));
    if (st != ST_OK)
        return st;
    if (owner.application_id)
        return db_i64(r, 0, 1) < EMOJIS_OF_APPLICATION_MAX
                   ? ST_OK
                   : call_fail(c, ST_MAX_EMOJIS, "%d", EMOJIS_OF_APPLICATION_MAX);
    if (db_i64(r, 0, 0) < (animated ? EMOJIS_ANIMATED_MAX : EMOJIS_STILL_MAX))
        return ST_OK;
    return call_fail(c, animated ? ST_MAX_ANIMATED_EMOJIS : ST_MAX_EMOJIS, "guild %" PRIu64 " is full", owner.guild_id);
}

static status insert_emoji(struct call *c, struct change *ch, struct emoji_owner owner, const char *name,
                           const char *image, const uint64_t *roles, size_t n_roles, Hubbub__V1__Emoji **ret)
{
    struct db_rows *r;
    bool animated = image[0] == 'a' && image[1] == '_';
    status st = check_room(c, ch, owner, animated);
    if (st == ST_OK)
        st = change_query(ch, &r,
                          "INSERT INTO emojis (id, guild_id, application_id, user_id, name, image, animated, roles) "
                          "VALUES (next_id(), $1, $2, $3, $4, $5, $6, $7) RETURNING id",
                          DB_ID_OR_NULL(owner.guild_id), DB_ID_OR_NULL(owner.application_id), DB_ID(call_user(c)),
                          DB_TEXT(name), DB_TEXT(image), DB_BOOL(animated), DB_IDS(roles, n_roles));
    return st == ST_OK ? emoji_load(c, change_db(ch), owner, db_u64(r, 0, 0), ret) : st;
}

static status delete_emoji(struct change *ch, uint64_t emoji_id)
{
    struct db_rows *r;
    return change_query(ch, &r, "DELETE FROM emojis WHERE id = $1", DB_ID(emoji_id));
}

/* ---- A guild's --------------------------------------------------------------------------------------------------- */

static struct emoji_owner of_guild(uint64_t guild_id)
{
    return (struct emoji_owner){.guild_id = guild_id};
}

static status list(struct call *c, const Hubbub__V1__GuildRequest *req, Hubbub__V1__EmojiList *ret)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    return st == ST_OK ? emojis_load(c, d, of_guild(a.guild_id), a.permissions & MANAGING, &ret->emojis, &ret->n_emojis)
                       : st;
}

static status get(struct call *c, const Hubbub__V1__EmojiRequest *req, Hubbub__V1__Emoji *ret)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    Hubbub__V1__Emoji *e;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    if (st == ST_OK)
        st = emoji_load(c, d, of_guild(a.guild_id), req->emoji_id, &e);
    if (st != ST_OK)
        return st;
    if (!(a.permissions & MANAGING))
        e->user = NULL;
    *ret = *e;
    return ST_OK;
}

/* Tells the guild what emoji it has now, and the log what was done to one of them; before NULL: made, after NULL:
 * deleted. */
static status finish(struct call *c, struct change *ch, uint64_t guild_id, const Hubbub__V1__Emoji *before,
                     const Hubbub__V1__Emoji *after)
{
    static const char *const fields[] = {"name", NULL};
    enum audit_action action = !before ? AUDIT_EMOJI_CREATE : !after ? AUDIT_EMOJI_DELETE : AUDIT_EMOJI_UPDATE;
    Hubbub__V1__GuildEmojis *all = PB_NEW(call_arena(c), Hubbub__V1__GuildEmojis, hubbub__v1__guild_emojis);
    PB_SET(all, guild_id, guild_id);
    status st = emojis_load(c, change_db(ch), of_guild(guild_id), false, &all->emojis, &all->n_emojis);
    if (st != ST_OK)
        return st;
    change_add(ch, guild_id, guild_id, 0, ROWS_EVENT(call_arena(c), emojis_update, all));
    Hubbub__V1__AuditEntry *e = audit_entry(c, action, before ? before->id : after->id);
    audit_compare(c, e, &hubbub__v1__emoji__wire, before, after, fields);
    st = audit_add(c, ch, guild_id, e);
    return st == ST_OK ? change_commit(ch) : st;
}

static status create(struct call *c, const Hubbub__V1__CreateEmojiRequest *req, Hubbub__V1__Emoji *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Emoji *made;
    status st = check_name(c, req->name);
    if (st == ST_OK)
        st = access_begin_guild(c, req->guild_id, 0, PERM_CREATE_GUILD_EXPRESSIONS, &ch, &a);
    if (st == ST_OK)
        st = insert_emoji(c, ch, of_guild(a.guild_id), req->name, req->image, req->roles, req->n_roles, &made);
    if (st == ST_OK)
        st = finish(c, ch, a.guild_id, NULL, made);
    if (st == ST_OK)
        *ret = *made;
    return st;
}

/* Who may manage expressions changes all of them; who may create them, the own ones. */
static status begin_managed(struct call *c, uint64_t guild_id, uint64_t emoji_id, struct change **ret,
                            struct access *ret_access, Hubbub__V1__Emoji **ret_emoji)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = access_begin_guild(c, guild_id, 0, 0, &ch, ret_access);
    if (st == ST_OK && !(ret_access->permissions & MANAGING))
        st = access_require(c, ret_access, PERM_MANAGE_GUILD_EXPRESSIONS);
    if (st == ST_OK)
        st = emoji_load(c, change_db(ch), of_guild(guild_id), emoji_id, ret_emoji);
    if (st != ST_OK)
        return st;
    bool own = (*ret_emoji)->user && (*ret_emoji)->user->id == call_user(c);
    st = access_require(c, ret_access,
                        own && (ret_access->permissions & PERM_CREATE_GUILD_EXPRESSIONS)
                            ? PERM_CREATE_GUILD_EXPRESSIONS
                            : PERM_MANAGE_GUILD_EXPRESSIONS);
    if (st != ST_OK)
        return st;
    *ret = ch;
    ch = NULL;
    return ST_OK;
}

static status edit(struct call *c, const Hubbub__V1__EditEmojiRequest *req, Hubbub__V1__Emoji *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *r;
    Hubbub__V1__Emoji *before, *after;
    status st = check_name(c, req->name);
    if (st == ST_OK)
        st = begin_managed(c, req->guild_id, req->emoji_id, &ch, &a, &before);
    if (st == ST_OK)
        st = change_query(ch, &r,
                          "UPDATE emojis SET name = coalesce($2, name), roles = CASE WHEN $3 THEN $4 ELSE roles END "
                          "WHERE id = $1",
                          DB_ID(req->emoji_id), DB_TEXT_OR_NULL(req->name), DB_BOOL(WIRE_PRESENT_IN(req, 4)),
                          DB_IDS(req->roles, req->n_roles));
    if (st == ST_OK)
        st = emoji_load(c, change_db(ch), of_guild(a.guild_id), req->emoji_id, &after);
    if (st == ST_OK)
        st = finish(c, ch, a.guild_id, before, after);
    if (st == ST_OK)
        *ret = *after;
    return st;
}

static status delete_of_guild(struct call *c, const Hubbub__V1__EmojiRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Emoji *e;
    status st = begin_managed(c, req->guild_id, req->emoji_id, &ch, &a, &e);
    if (st == ST_OK)
        st = delete_emoji(ch, e->id);
    return st == ST_OK ? finish(c, ch, a.guild_id, e, NULL) : st;
}

/* ---- An application's -------------------------------------------------------------------------------------------- */

static struct emoji_owner of_application(uint64_t application_id)
{
    return (struct emoji_owner){.application_id = application_id};
}

/* For its owner and its bot. */
static status check_application(struct call *c, struct db *d, uint64_t application_id, uint64_t *ret_owner)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT owner_id, $2 IN (owner_id, bot_id) FROM applications WHERE id = $1",
                           DB_ID(application_id), DB_ID(call_user(c)));
    if (st != ST_OK)
        return st;
    if (!db_count(r))
        return call_fail(c, ST_UNKNOWN_APPLICATION, "no application %" PRIu64, application_id);
    if (!db_bool(r, 0, 1))
        return call_fail(c, ST_NOT_APPLICATION_OWNER, "application %" PRIu64 " is somebody else's", application_id);
    *ret_owner = db_u64(r, 0, 0);
    return ST_OK;
}

static status begin_application(struct call *c, uint64_t application_id, struct change **ret)
{
    uint64_t owner;
    {
        DB_LEASED struct db *d = NULL;
        status st = chat_lease(c, &d);
        if (st == ST_OK)
            st = check_application(c, d, application_id, &owner);
        if (st != ST_OK)
            return st;
    }
    return change_begin(c, &owner, 1, ST_UNKNOWN_APPLICATION, ret);
}

static status list_of_application(struct call *c, const Hubbub__V1__ApplicationEmojisRequest *req,
                                  Hubbub__V1__ApplicationEmojiList *ret)
{
    DB_LEASED struct db *d = NULL;
    uint64_t owner;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = check_application(c, d, req->application_id, &owner);
    return st == ST_OK ? emojis_load(c, d, of_application(req->application_id), true, &ret->items, &ret->n_items) : st;
}

static status get_of_application(struct call *c, const Hubbub__V1__ApplicationEmojiRequest *req, Hubbub__V1__Emoji *ret)
{
    DB_LEASED struct db *d = NULL;
    uint64_t owner;
    Hubbub__V1__Emoji *e;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = check_application(c, d, req->application_id, &owner);
    if (st == ST_OK)
        st = emoji_load(c, d, of_application(req->application_id), req->emoji_id, &e);
    if (st == ST_OK)
        *ret = *e;
    return st;
}

static status create_of_application(struct call *c, const Hubbub__V1__CreateApplicationEmojiRequest *req,
                                    Hubbub__V1__Emoji *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    Hubbub__V1__Emoji *made;
    status st = check_name(c, req->name);
    if (st == ST_OK)
        st = begin_application(c, req->application_id, &ch);
    if (st == ST_OK)
        st = insert_emoji(c, ch, of_application(req->application_id), req->name, req->image, NULL, 0, &made);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = *made;
    return st;
}

static status edit_of_application(struct call *c, const Hubbub__V1__EditApplicationEmojiRequest *req,
                                  Hubbub__V1__Emoji *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *r;
    Hubbub__V1__Emoji *after;
    status st = check_name(c, req->name);
    if (st == ST_OK)
        st = begin_application(c, req->application_id, &ch);
    if (st == ST_OK)
        st = change_query(ch, &r, "UPDATE emojis SET name = coalesce($3, name) WHERE id = $1 AND application_id = $2",
                          DB_ID(req->emoji_id), DB_ID(req->application_id), DB_TEXT_OR_NULL(req->name));
    if (st == ST_OK)
        st = emoji_load(c, change_db(ch), of_application(req->application_id), req->emoji_id, &after);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = *after;
    return st;
}

static status delete_of_application(struct call *c, const Hubbub__V1__ApplicationEmojiRequest *req,
                                    Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    Hubbub__V1__Emoji *e;
    status st = begin_application(c, req->application_id, &ch);
    if (st == ST_OK)
        st = emoji_load(c, change_db(ch), of_application(req->application_id), req->emoji_id, &e);
    if (st == ST_OK)
        st = delete_emoji(ch, e->id);
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Its image --------------------------------------------------------------------------------------------------- */

static status resolve(struct call *c, const Hubbub__V1__ResolveEmojiRequest *req, Hubbub__V1__EmojiImage *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r, "SELECT image FROM emojis WHERE id = $1", DB_ID(req->emoji_id));
    if (st != ST_OK)
        return st;
    if (!db_count(r))
        return call_fail(c, ST_UNKNOWN_EMOJI, "no emoji %" PRIu64, req->emoji_id);
    ret->hash = (char *)db_text(r, 0, 0);
    return ST_OK;
}

const struct hubbub__v1__emojis__handlers emojis_handlers = {
    .list = list,
    .get = get,
    .create = create,
    .edit = edit,
    .delete = delete_of_guild,
    .list_of_application = list_of_application,
    .get_of_application = get_of_application,
    .create_of_application = create_of_application,
    .edit_of_application = edit_of_application,
    .delete_of_application = delete_of_application,
    .resolve = resolve,
};
