/* handle_webhooks.c - the service Webhooks.
 *
 * What a webhook posts goes through message_send like any message. Its right is that it is there: removing or moving it
 * raises the guild's fence, so nothing is stored for it once that was answered. */
#include "lib/permission/permission.h"
#include "lib/wire/wire.h"
#include "services/chat/audit.h"
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/webhooks.h"
#include <inttypes.h>
#include <string.h>
#include <strings.h>

static Hubbub__V1__AuditEntry *audit_webhook(struct call *c, enum audit_action action,
                                             const Hubbub__V1__Webhook *before, const Hubbub__V1__Webhook *after)
{
    Hubbub__V1__AuditEntry *e = audit_entry(c, action, (before ? before : after)->id);
    audit_compare(c, e, &hubbub__v1__webhook__wire, before, after, AUDIT_WEBHOOK_FIELDS);
    return e;
}

/* ---- Read -------------------------------------------------------------------------------------------------------- */

static status list_of_channel(struct call *c, const Hubbub__V1__ChannelRequest *req, Hubbub__V1__WebhookList *ret)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_channel(c, d, req->channel_id, &a);
    if (st == ST_OK)
        st = access_require(c, &a, PERM_MANAGE_WEBHOOKS);
    return st == ST_OK ? webhooks_load(c, d, a.guild_id, a.channel_id, ret) : st;
}

static status list_of_guild(struct call *c, const Hubbub__V1__GuildChannelsRequest *req, Hubbub__V1__WebhookList *ret)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = access_guild(c, d, req->guild_id, &a);
    if (st == ST_OK)
        st = access_require(c, &a, PERM_MANAGE_WEBHOOKS);
    return st == ST_OK ? webhooks_load(c, d, a.guild_id, 0, ret) : st;
}

static status get(struct call *c, const Hubbub__V1__WebhookRequest *req, Hubbub__V1__Webhook *ret)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    Hubbub__V1__Webhook *w;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = webhook_load(c, d, req->webhook_id, &w);
    if (st == ST_OK)
        st = access_channel(c, d, w->channel_id, &a);
    if (st == ST_OK)
        st = access_require(c, &a, PERM_MANAGE_WEBHOOKS);
    if (st == ST_OK)
        *ret = *w;
    return st;
}

static status get_by_token(struct call *c, const Hubbub__V1__WebhookRequest *req, Hubbub__V1__Webhook *ret)
{
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__Webhook *w;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = webhook_load_by_token(c, d, req->webhook_id, req->webhook_token, &w);
    if (st == ST_OK)
        *ret = *w;
    return st;
}

/* ---- Create ------------------------------------------------------------------------------------------------------ */

static status create(struct call *c, const Hubbub__V1__CreateWebhookRequest *req, Hubbub__V1__Webhook *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    ret->name = req->name;
    ret->avatar = req->avatar;
    status st = webhook_check_name(c, "name", req->name);
    if (st == ST_OK)
        st = messages_begin(c, req->channel_id, PERM_MANAGE_WEBHOOKS, &ch, &a);
    if (st != ST_OK)
        return st;
    PB_SET(ret, type, WEBHOOK_INCOMING);
    PB_SET(ret, guild_id, a.guild_id);
    PB_SET(ret, channel_id, a.channel_id);
    st = webhook_insert(c, ch, ret);
    if (st == ST_OK)
        st = rows_load_user(c, change_db(ch), call_user(c), &ret->user);
    if (st != ST_OK)
        return st;
    webhook_add_update(c, ch, a.guild_id, a.channel_id);
    st = audit_add(c, ch, a.guild_id, audit_webhook(c, AUDIT_WEBHOOK_CREATE, NULL, ret));
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Edit, delete ------------------------------------------------------------------------------------------------ */

/* A change on the webhook's guild, and the webhook as it is inside: by the token, or (NULL) by the caller's right. */
static status begin(struct call *c, uint64_t webhook_id, const char *token, struct change **ret_change,
                    Hubbub__V1__Webhook **ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    uint64_t guild_id;
    {
        DB_LEASED struct db *d = NULL;
        status st = chat_lease(c, &d);
        if (st == ST_OK)
            st = webhook_load(c, d, webhook_id, ret);
        if (st != ST_OK)
            return st;
        guild_id = (*ret)->guild_id;
    }
    status st = change_begin(c, &guild_id, 1, ST_UNKNOWN_WEBHOOK, &ch);
    if (st == ST_OK && token)
        st = webhook_load_by_token(c, change_db(ch), webhook_id, token, ret);
    else if (st == ST_OK)
        st = webhook_load(c, change_db(ch), webhook_id, ret);
    if (st == ST_OK && !token)
        st = access_channel(c, change_db(ch), (*ret)->channel_id, &a);
    if (st == ST_OK && !token)
        st = access_require(c, &a, PERM_MANAGE_WEBHOOKS);
    if (st != ST_OK)
        return st;
    *ret_change = ch;
    ch = NULL;
    return ST_OK;
}

/* Another channel of the same guild, in which the caller manages webhooks too. */
static status move_webhook(struct call *c, struct change *ch, Hubbub__V1__Webhook *w, uint64_t channel_id)
{
    struct access a;
    struct db_rows *r;
    status st = messages_access(c, change_db(ch), channel_id, &a);
    if (st == ST_OK && a.guild_id != w->guild_id)
        st = call_fail(c, ST_UNKNOWN_CHANNEL, "channel %" PRIu64 " is not of guild %" PRIu64, channel_id, w->guild_id);
    if (st == ST_OK)
        st = access_require(c, &a, PERM_MANAGE_WEBHOOKS);
    if (st == ST_OK)
        st = change_query(ch, &r, "SELECT count(*) FROM webhooks WHERE channel_id = $1", DB_ID(channel_id));
    if (st == ST_OK && db_i64(r, 0, 0) >= WEBHOOKS_OF_CHANNEL_MAX)
        st = call_fail(c, ST_MAX_WEBHOOKS, "channel %" PRIu64 " has %d", channel_id, WEBHOOKS_OF_CHANNEL_MAX);
    if (st != ST_OK)
        return st;
    change_fence(ch, w->guild_id);
    webhook_add_update(c, ch, w->guild_id, w->channel_id);
    PB_SET(w, channel_id, channel_id);
    return ST_OK;
}

static status edit_of(struct call *c, const Hubbub__V1__EditWebhookRequest *req, const char *token,
                      Hubbub__V1__Webhook *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *r;
    Hubbub__V1__Webhook *w, before;
    status st = req->name ? webhook_check_name(c, "name", req->name) : ST_OK;
    if (st == ST_OK)
        st = begin(c, req->webhook_id, token, &ch, &w);
    if (st != ST_OK)
        return st;
    before = *w;
    if (req->name)
        w->name = req->name;
    if (WIRE_PRESENT_IN(req, 6))
        w->avatar = req->avatar;
    if (!token && req->channel_id && req->channel_id != w->channel_id)
        st = move_webhook(c, ch, w, req->channel_id);
    if (st == ST_OK)
        st = change_query(ch, &r, "UPDATE webhooks SET name = $2, channel_id = $3, avatar = $4 WHERE id = $1",
                          DB_ID(w->id), DB_TEXT(w->name), DB_ID(w->channel_id), DB_TEXT_OR_NULL(w->avatar));
    if (st != ST_OK)
        return st;
    webhook_add_update(c, ch, w->guild_id, w->channel_id);
    st = audit_add(c, ch, w->guild_id, audit_webhook(c, AUDIT_WEBHOOK_UPDATE, &before, w));
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = *w;
    return st;
}

static status edit(struct call *c, const Hubbub__V1__EditWebhookRequest *req, Hubbub__V1__Webhook *ret)
{
    return edit_of(c, req, NULL, ret);
}

static status edit_by_token(struct call *c, const Hubbub__V1__EditWebhookRequest *req, Hubbub__V1__Webhook *ret)
{
    return edit_of(c, req, req->webhook_token ? req->webhook_token : "", ret);
}

static status delete_of(struct call *c, uint64_t webhook_id, const char *token)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct db_rows *r;
    Hubbub__V1__Webhook *w;
    status st = begin(c, webhook_id, token, &ch, &w);
    if (st == ST_OK)
        st = change_query(ch, &r, "DELETE FROM webhooks WHERE id = $1", DB_ID(w->id));
    if (st != ST_OK)
        return st;
    change_fence(ch, w->guild_id);
    webhook_add_update(c, ch, w->guild_id, w->channel_id);
    st = audit_add(c, ch, w->guild_id, audit_webhook(c, AUDIT_WEBHOOK_DELETE, w, NULL));
    return st == ST_OK ? change_commit(ch) : st;
}

static status delete_webhook(struct call *c, const Hubbub__V1__WebhookRequest *req, Hubbub__V1__Empty *ret)
{
    return delete_of(c, req->webhook_id, NULL);
}

static status delete_by_token(struct call *c, const Hubbub__V1__WebhookRequest *req, Hubbub__V1__Empty *ret)
{
    return delete_of(c, req->webhook_id, req->webhook_token ? req->webhook_token : "");
}

/* ---- Execute ----------------------------------------------------------------------------------------------------- */

/* The webhook in its channel: it mentions whom it likes, and no slow mode counts it. */
static status load_access(struct call *c, struct db *d, uint64_t channel_id, struct access *ret)
{
    struct db_rows *r;
    status st =
        chat_query(c, d, &r,
                   "SELECT g.id, c.type, c.parent_id, g.owner_id, f.epoch FROM channels c JOIN guilds g ON g.id = "
                   "c.guild_id JOIN feeds f ON f.scope_id = g.id WHERE c.id = $1",
                   DB_ID(channel_id));
    if (st == ST_OK && !db_count(r))
        st = call_fail(c, ST_UNKNOWN_WEBHOOK, "the channel %" PRIu64 " is gone, and its webhooks", channel_id);
    if (st != ST_OK)
        return st;
    *ret = (struct access){.guild_id = db_u64(r, 0, 0),
                           .scope_id = db_u64(r, 0, 0),
                           .owner_id = db_u64(r, 0, 3),
                           .epoch = db_u64(r, 0, 4),
                           .permissions = PERM_ALL,
                           .channel_id = channel_id,
                           .parent_id = db_u64(r, 0, 2),
                           .channel_type = (int)db_i64(r, 0, 1)};
    return ST_OK;
}

static char *text_or(char *text, char *otherwise)
{
    return text && *text ? text : otherwise;
}

static status sender_webhook(struct call *c, struct db *d, const Hubbub__V1__CreateMessageRequest *message,
                             const void *user, struct message_sender *ret)
{
    const Hubbub__V1__ExecuteWebhookRequest *req = user;
    Hubbub__V1__Webhook *w;
    struct access a;
    /* The epoch first: a removal before it is seen by the read behind it, one after it by the writer. */
    status st = load_access(c, d, message->channel_id, &a);
    if (st == ST_OK)
        st = webhook_load_by_token(c, d, req->webhook_id, req->webhook_token, &w);
    if (st == ST_OK && w->channel_id != message->channel_id)
        st = call_fail(c, ST_UNKNOWN_WEBHOOK, "webhook %" PRIu64 " moved while it posted", w->id);
    if (st != ST_OK)
        return st;
    ret->access = a;
    ret->webhook_id = w->id;
    ret->author = PB_NEW(call_arena(c), Hubbub__V1__User, hubbub__v1__user);
    PB_SET(ret->author, id, w->id);
    ret->author->username = text_or(req->username, w->name);
    ret->author->discriminator = "0000";
    ret->author->avatar = w->avatar;
    PB_SET(ret->author, bot, true);
    return ST_OK;
}

static bool is_url(const char *text)
{
    return !strncasecmp(text, "http://", 7) || !strncasecmp(text, "https://", 8);
}

static status check_request(struct call *c, const Hubbub__V1__ExecuteWebhookRequest *req)
{
    if (req->thread_id)
        return call_fail(c, ST_UNKNOWN_CHANNEL, "no thread %" PRIu64, req->thread_id);
    if (req->avatar_url && *req->avatar_url && !is_url(req->avatar_url))
        return call_fail_field(c, "avatar_url", "URL_TYPE_INVALID_URL", "Not a well formed URL.");
    return req->username ? webhook_check_name(c, "username", req->username) : ST_OK;
}

/* Where it posts now. */
static status find_channel(struct call *c, const Hubbub__V1__ExecuteWebhookRequest *req, uint64_t *ret)
{
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__Webhook *w;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = webhook_load_by_token(c, d, req->webhook_id, req->webhook_token, &w);
    if (st == ST_OK)
        *ret = w->channel_id;
    return st;
}

static status post(struct call *c, const Hubbub__V1__ExecuteWebhookRequest *req, Hubbub__V1__Message *ret)
{
    Hubbub__V1__CreateMessageRequest message = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    uint64_t channel_id;
    status st = check_request(c, req);
    if (st == ST_OK)
        st = find_channel(c, req, &channel_id);
    if (st != ST_OK)
        return st;
    PB_SET(&message, channel_id, channel_id);
    message.content = req->content;
    PB_SET(&message, tts, req->tts);
    message.n_embeds = req->n_embeds;
    message.embeds = req->embeds;
    message.allowed_mentions = req->allowed_mentions;
    message.n_attachments = req->n_attachments;
    message.attachments = req->attachments;
    PB_SET(&message, flags, req->flags);
    message.n_uploaded = req->n_uploaded;
    message.uploaded = req->uploaded;
    message.n_uploaded_index = req->n_uploaded_index;
    message.uploaded_index = req->uploaded_index;
    return message_send(c, &message, sender_webhook, req, ret);
}

static status execute(struct call *c, const Hubbub__V1__ExecuteWebhookRequest *req, Hubbub__V1__Message *ret)
{
    Hubbub__V1__Message stored = HUBBUB__V1__MESSAGE__INIT;
    status st = post(c, req, &stored);
    if (st == ST_OK && req->wait)
        *ret = stored;
    return st;
}

static status execute_slack(struct call *c, const Hubbub__V1__SlackRequest *req, Hubbub__V1__SlackResponse *ret)
{
    Hubbub__V1__ExecuteWebhookRequest message = HUBBUB__V1__EXECUTE_WEBHOOK_REQUEST__INIT;
    Hubbub__V1__Message stored = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&message, webhook_id, req->webhook_id);
    message.webhook_token = req->webhook_token;
    if (!webhook_read_slack(call_arena(c), req, &message))
        return call_fail(c, ST_EMPTY_MESSAGE, "nothing to send");
    status st = post(c, &message, &stored);
    if (st == ST_OK)
        ret->text = "ok";
    return st;
}

/* An event that is not known is well received, and posts nothing: GitHub sends a ping first. */
static status execute_github(struct call *c, const Hubbub__V1__GithubRequest *req, Hubbub__V1__Empty *ret)
{
    Hubbub__V1__ExecuteWebhookRequest message = HUBBUB__V1__EXECUTE_WEBHOOK_REQUEST__INIT;
    Hubbub__V1__Message stored = HUBBUB__V1__MESSAGE__INIT;
    uint64_t channel_id;
    PB_SET(&message, webhook_id, req->webhook_id);
    message.webhook_token = req->webhook_token;
    if (!webhook_read_github(call_arena(c), req, &message))
        return find_channel(c, &message, &channel_id);
    return post(c, &message, &stored);
}

/* ---- Its messages ------------------------------------------------------------------------------------------------ */

static status load_own(struct call *c, struct db *d, const Hubbub__V1__Webhook *w, uint64_t message_id,
                       Hubbub__V1__Message **ret)
{
    status st = messages_load(c, d, w->channel_id, message_id, ret);
    if (st == ST_OK && (*ret)->webhook_id != w->id)
        st = call_fail(c, ST_UNKNOWN_MESSAGE, "message %" PRIu64 " is not of webhook %" PRIu64, message_id, w->id);
    return st;
}

static status get_message(struct call *c, const Hubbub__V1__WebhookMessageRequest *req, Hubbub__V1__Message *ret)
{
    DB_LEASED struct db *d = NULL;
    Hubbub__V1__Webhook *w;
    Hubbub__V1__Message *m;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = webhook_load_by_token(c, d, req->webhook_id, req->webhook_token, &w);
    if (st == ST_OK)
        st = load_own(c, d, w, req->message_id, &m);
    if (st == ST_OK)
        st = messages_complete(c, d, &m, 1);
    if (st == ST_OK)
        *ret = *m;
    return st;
}

/* The change, and what the webhook may do in it. */
static status begin_own(struct call *c, uint64_t webhook_id, const char *token, uint64_t message_id,
                        struct change **ret_change, struct access *ret_access, Hubbub__V1__Message **ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    Hubbub__V1__Webhook *w;
    status st = begin(c, webhook_id, token ? token : "", &ch, &w);
    if (st == ST_OK)
        st = load_access(c, change_db(ch), w->channel_id, ret_access);
    if (st == ST_OK)
        st = load_own(c, change_db(ch), w, message_id, ret);
    if (st != ST_OK)
        return st;
    *ret_change = ch;
    ch = NULL;
    return ST_OK;
}

/* The same fields have other numbers in EditMessageRequest. */
static void translate(struct arena *a, const Hubbub__V1__EditWebhookMessageRequest *from,
                      Hubbub__V1__EditMessageRequest *to)
{
    to->content = from->content;
    to->n_embeds = from->n_embeds;
    to->embeds = from->embeds;
    to->allowed_mentions = from->allowed_mentions;
    to->has_flags = from->has_flags;
    to->flags = from->flags;
    to->n_attachments = from->n_attachments;
    to->attachments = from->attachments;
    to->present = ARENA_ARRAY(a, uint32_t, from->n_present);
    for (size_t i = 0; i < from->n_present; i++)
        to->present[to->n_present++] = from->present[i] - 1;
}

static status edit_message(struct call *c, const Hubbub__V1__EditWebhookMessageRequest *req, Hubbub__V1__Message *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Message *m;
    Hubbub__V1__EditMessageRequest edit = HUBBUB__V1__EDIT_MESSAGE_REQUEST__INIT;
    translate(call_arena(c), req, &edit);
    status st = begin_own(c, req->webhook_id, req->webhook_token, req->message_id, &ch, &a, &m);
    if (st == ST_OK)
        st = message_edit(c, ch, &a, &edit, m);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = *m;
    return st;
}

static status delete_message(struct call *c, const Hubbub__V1__WebhookMessageRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Message *m;
    status st = begin_own(c, req->webhook_id, req->webhook_token, req->message_id, &ch, &a, &m);
    if (st == ST_OK)
        st = message_delete(c, ch, &a, req->message_id, m->author->id);
    return st == ST_OK ? change_commit(ch) : st;
}

const struct hubbub__v1__webhooks__handlers webhooks_handlers = {
    .create = create,
    .list_of_channel = list_of_channel,
    .list_of_guild = list_of_guild,
    .get = get,
    .edit = edit,
    .delete = delete_webhook,
    .get_by_token = get_by_token,
    .edit_by_token = edit_by_token,
    .delete_by_token = delete_by_token,
    .execute = execute,
    .execute_slack = execute_slack,
    .execute_github = execute_github,
    .get_message = get_message,
    .edit_message = edit_message,
    .delete_message = delete_message,
};
