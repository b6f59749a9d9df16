/* handle_announcements.c - the service Announcements: to follow an announcement channel is to have a webhook of type 2
 * in one's own, and to publish a message there marks it for all who follow (crosspost.h). */
#include "hubbub/v1/webhooks.hub.h"
#include "services/chat/audit.h"
#include "services/chat/chat.h"
#include "services/chat/crosspost.h"
#include "services/chat/handlers.h"
#include "services/chat/message_content.h"
#include "services/chat/messages.h"
#include "services/chat/verification.h"
#include "services/chat/webhooks.h"
#include <inttypes.h>

enum { FOLLOWER_NAME_MAX = 80 }; /* code points, as CreateWebhookRequest has it */

static status check_announcement(struct call *c, const struct access *a)
{
    if (a->channel_type == CHANNEL_ANNOUNCEMENT)
        return ST_OK;
    return call_fail(c, ST_WRONG_CHANNEL_TYPE, "channel %" PRIu64 " is of type %d", a->channel_id, a->channel_type);
}

/* ---- Follow ------------------------------------------------------------------------------------------------------ */

/* Both guilds, before they are locked: a channel never moves to another. */
static status find_guilds(struct call *c, const Hubbub__V1__FollowChannelRequest *req, uint64_t *ret, size_t *ret_n)
{
    DB_LEASED struct db *d = NULL;
    struct access source, target;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = access_channel(c, d, req->channel_id, &source);
    if (st == ST_OK)
        st = check_announcement(c, &source);
    if (st == ST_OK)
        st = access_channel(c, d, req->webhook_channel_id, &target);
    if (st == ST_OK && access_is_direct(&target))
        st = call_fail(c, ST_NOT_ON_DM, "channel %" PRIu64 " is a DM", req->webhook_channel_id);
    if (st != ST_OK)
        return st;
    ret[0] = source.guild_id;
    ret[1] = target.guild_id;
    *ret_n = ret[0] == ret[1] ? 1 : 2;
    return ST_OK;
}

static status check_rights(struct call *c, struct change *ch, const Hubbub__V1__FollowChannelRequest *req,
                           struct access *ret)
{
    struct access source;
    status st = access_channel(c, change_db(ch), req->channel_id, &source);
    if (st == ST_OK)
        st = check_announcement(c, &source);
    if (st == ST_OK)
        st = messages_access(c, change_db(ch), req->webhook_channel_id, ret);
    if (st == ST_OK)
        st = access_require(c, ret, PERM_MANAGE_WEBHOOKS);
    if (st == ST_OK && req->channel_id == req->webhook_channel_id)
        st = call_fail_field(c, "webhook_channel_id", "CHANNEL_FOLLOWING_ITSELF", "A channel does not follow itself.");
    return st;
}

static char *cut(char *name)
{
    char *at = name;
    for (size_t points = 0; *at; at++)
        if ((*at & 0xc0) != 0x80 && points++ == FOLLOWER_NAME_MAX)
            break;
    *at = '\0';
    return name;
}

static status load_source(struct call *c, struct change *ch, uint64_t channel_id, Hubbub__V1__Webhook *w)
{
    struct arena *a = call_arena(c);
    struct db_rows *r;
    status st = change_query(
        ch, &r, "SELECT g.id, g.name, c.id, c.name FROM channels c JOIN guilds g ON g.id = c.guild_id WHERE c.id = $1",
        DB_ID(channel_id));
    if (st != ST_OK)
        return st;
    w->source_guild = PB_NEW(a, Hubbub__V1__WebhookSourceGuild, hubbub__v1__webhook_source_guild);
    PB_SET(w->source_guild, id, db_u64(r, 0, 0));
    w->source_guild->name = (char *)db_text(r, 0, 1);
    w->source_channel = PB_NEW(a, Hubbub__V1__WebhookSourceChannel, hubbub__v1__webhook_source_channel);
    PB_SET(w->source_channel, id, db_u64(r, 0, 2));
    w->source_channel->name = (char *)db_text(r, 0, 3);
    w->name = cut(arena_printf(a, "%s #%s", w->source_guild->name, w->source_channel->name));
    return ST_OK;
}

/* "USER has added SOURCE to this channel". */
static status add_notice(struct call *c, struct change *ch, const struct access *a, const Hubbub__V1__Webhook *w)
{
    Hubbub__V1__Message *m = PB_NEW(call_arena(c), Hubbub__V1__Message, hubbub__v1__message);
    PB_SET(m, channel_id, a->channel_id);
    PB_SET(m, type, MESSAGE_CHANNEL_FOLLOW_ADD);
    m->content = w->name;
    m->message_reference = PB_NEW(call_arena(c), Hubbub__V1__MessageReference, hubbub__v1__message_reference);
    PB_SET(m->message_reference, type, 0);
    PB_SET(m->message_reference, channel_id, w->source_channel->id);
    PB_SET(m->message_reference, guild_id, w->source_guild->id);
    return messages_add_system(c, ch, a, m);
}

static status add_follower(struct call *c, struct change *ch, const struct access *a, uint64_t source,
                           Hubbub__V1__FollowedChannel *ret)
{
    Hubbub__V1__Webhook *w = PB_NEW(call_arena(c), Hubbub__V1__Webhook, hubbub__v1__webhook);
    PB_SET(w, type, WEBHOOK_FOLLOWER);
    PB_SET(w, guild_id, a->guild_id);
    PB_SET(w, channel_id, a->channel_id);
    status st = load_source(c, ch, source, w);
    if (st == ST_OK)
        st = webhook_insert(c, ch, w);
    if (st == ST_OK)
        st = add_notice(c, ch, a, w);
    if (st != ST_OK)
        return st;
    PB_SET(ret, webhook_id, w->id);
    webhook_add_update(c, ch, a->guild_id, a->channel_id);
    Hubbub__V1__AuditEntry *e = audit_entry(c, AUDIT_WEBHOOK_CREATE, w->id);
    audit_compare(c, e, &hubbub__v1__webhook__wire, NULL, w, AUDIT_WEBHOOK_FIELDS);
    return audit_add(c, ch, a->guild_id, e);
}

static status follow(struct call *c, const Hubbub__V1__FollowChannelRequest *req, Hubbub__V1__FollowedChannel *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    struct db_rows *r;
    uint64_t guilds[2];
    size_t n;
    status st = find_guilds(c, req, guilds, &n);
    if (st == ST_OK)
        st = change_begin(c, guilds, n, ST_UNKNOWN_CHANNEL, &ch);
    if (st == ST_OK)
        st = check_rights(c, ch, req, &a);
    if (st == ST_OK)
        st = change_query(ch, &r, "SELECT id FROM webhooks WHERE source_channel_id = $1 AND channel_id = $2",
                          DB_ID(req->channel_id), DB_ID(a.channel_id));
    if (st != ST_OK)
        return st;
    PB_SET(ret, channel_id, req->channel_id);
    if (db_count(r)) {
        PB_SET(ret, webhook_id, db_u64(r, 0, 0));
        return ST_OK;
    }
    st = add_follower(c, ch, &a, req->channel_id, ret);
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Publish ----------------------------------------------------------------------------------------------------- */

/* How many of this hour are left: exact, since the change holds the guild's feed. */
static status check_limit(struct call *c, struct change *ch, uint64_t channel_id)
{
    struct db_rows *r;
    status st = change_query(ch, &r,
                             "SELECT count(*), coalesce(ceil(extract(epoch FROM min(at) + interval '1 hour' - "
                             "clock_timestamp()) * 1000), 0)::bigint FROM published WHERE channel_id = $1 AND at > "
                             "clock_timestamp() - interval '1 hour'",
                             DB_ID(channel_id));
    if (st != ST_OK || db_i64(r, 0, 0) < CROSSPOSTS_PER_HOUR)
        return st;
    call_retry_after(c, db_i64(r, 0, 1) > 0 ? db_i64(r, 0, 1) : 1);
    return call_fail(c, ST_CHANNEL_WRITE_LIMIT, "channel %" PRIu64 " published %d", channel_id, CROSSPOSTS_PER_HOUR);
}

static status may_publish(struct call *c, struct change *ch, const struct access *a, const Hubbub__V1__Message *m)
{
    status st = check_announcement(c, a);
    if (st == ST_OK)
        st = access_require(c, a, PERM_SEND_MESSAGES | (m->author->id == call_user(c) ? 0 : PERM_MANAGE_MESSAGES));
    if (st == ST_OK)
        st = verification_require(c, change_db(ch), a);
    if (st == ST_OK && (!message_is_ordinary(m->type) || m->n_message_snapshots || (m->flags & FLAG_IS_CROSSPOST)))
        st = call_fail(c, ST_BAD_MESSAGE_TYPE, "message of type %d", m->type);
    if (st == ST_OK && (m->flags & FLAG_CROSSPOSTED))
        st = call_fail(c, ST_ALREADY_CROSSPOSTED, "message %" PRIu64, m->id);
    return st == ST_OK ? check_limit(c, ch, a->channel_id) : st;
}

static status publish(struct call *c, struct change *ch, const struct access *a, Hubbub__V1__Message *m)
{
    struct db_rows *r;
    PB_SET(m, flags, m->flags | FLAG_CROSSPOSTED);
    status st = change_query(ch, &r, "UPDATE messages SET flags = $3 WHERE channel_id = $1 AND id = $2",
                             DB_ID(m->channel_id), DB_ID(m->id), DB_I64(m->flags));
    if (st == ST_OK)
        st = crosspost_publish(ch, m->channel_id, m->id);
    if (st == ST_OK)
        st = messages_complete(c, change_db(ch), &m, 1);
    return st == ST_OK ? messages_add_update(c, ch, a, m) : st;
}

static status crosspost(struct call *c, const Hubbub__V1__MessageRequest *req, Hubbub__V1__Message *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Message *m = NULL;
    status st = messages_begin(c, req->channel_id, 0, &ch, &a);
    if (st == ST_OK)
        st = messages_load(c, change_db(ch), req->channel_id, req->message_id, &m);
    if (st == ST_OK)
        st = may_publish(c, ch, &a, m);
    if (st == ST_OK)
        st = publish(c, ch, &a, m);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st != ST_OK)
        return st;
    chat_wake_crossposts(c);
    *ret = *m;
    return ST_OK;
}

const struct hubbub__v1__announcements__handlers announcements_handlers = {
    .follow = follow,
    .crosspost = crosspost,
};
