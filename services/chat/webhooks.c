#define _GNU_SOURCE /* strcasestr */
#include "services/chat/webhooks.h"
#include "services/chat/chat.h"
#include "services/chat/credentials.h"
#include <inttypes.h>
#include <sodium.h>
#include <string.h>

#define ROWS_WEBHOOK                                                                                                   \
    "w.id, w.type, w.guild_id, w.channel_id, w.name, w.avatar, w.token, w.application_id, sg.id, sg.name, sc.id, "     \
    "sc.name, sg.icon, " ROWS_USER
#define ROWS_WEBHOOK_FROM                                                                                              \
    " FROM webhooks w LEFT JOIN users u ON u.id = w.user_id LEFT JOIN channels sc ON sc.id = w.source_channel_id "     \
    "LEFT JOIN guilds sg ON sg.id = sc.guild_id "

static void read_source(struct arena *a, const struct db_rows *r, unsigned row, Hubbub__V1__Webhook *w)
{
    if (db_is_null(r, row, 8))
        return;
    w->source_guild = PB_NEW(a, Hubbub__V1__WebhookSourceGuild, hubbub__v1__webhook_source_guild);
    PB_SET(w->source_guild, id, db_u64(r, row, 8));
    w->source_guild->name = (char *)db_text(r, row, 9);
    w->source_guild->icon = (char *)db_text(r, row, 12);
    w->source_channel = PB_NEW(a, Hubbub__V1__WebhookSourceChannel, hubbub__v1__webhook_source_channel);
    PB_SET(w->source_channel, id, db_u64(r, row, 10));
    w->source_channel->name = (char *)db_text(r, row, 11);
}

static void set_token(struct call *c, Hubbub__V1__Webhook *w, const char *token)
{
    w->token = (char *)token;
    w->url = arena_printf(call_arena(c), "%s/api/webhooks/%" PRIu64 "/%s", chat_public_url(c), w->id, token);
}

static Hubbub__V1__Webhook *read_webhook(struct call *c, const struct db_rows *r, unsigned row)
{
    struct arena *a = call_arena(c);
    Hubbub__V1__Webhook *w = PB_NEW(a, Hubbub__V1__Webhook, hubbub__v1__webhook);
    PB_SET(w, id, db_u64(r, row, 0));
    PB_SET(w, type, (int32_t)db_i64(r, row, 1));
    PB_SET(w, guild_id, db_u64(r, row, 2));
    PB_SET(w, channel_id, db_u64(r, row, 3));
    w->name = (char *)db_text(r, row, 4);
    if (!db_is_null(r, row, 5))
        w->avatar = (char *)db_text(r, row, 5);
    if (!db_is_null(r, row, 6))
        set_token(c, w, db_text(r, row, 6));
    if (!db_is_null(r, row, 7))
        PB_SET(w, application_id, db_u64(r, row, 7));
    read_source(a, r, row, w);
    if (!db_is_null(r, row, 13))
        w->user = rows_user(a, r, row, 13);
    return w;
}

status webhook_load(struct call *c, struct db *d, uint64_t id, Hubbub__V1__Webhook **ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT " ROWS_WEBHOOK ROWS_WEBHOOK_FROM "WHERE w.id = $1", DB_ID(id));
    if (st != ST_OK)
        return st;
    if (!db_count(r))
        return call_fail(c, ST_UNKNOWN_WEBHOOK, "no webhook %" PRIu64, id);
    *ret = read_webhook(c, r, 0);
    return ST_OK;
}

static bool same_token(const char *a, const char *b)
{
    size_t n = strlen(a);
    return n == strlen(b) && !sodium_memcmp(a, b, n);
}

status webhook_load_by_token(struct call *c, struct db *d, uint64_t id, const char *token, Hubbub__V1__Webhook **ret)
{
    Hubbub__V1__Webhook *w;
    status st = webhook_load(c, d, id, &w);
    if (st != ST_OK)
        return st;
    if (!w->token || !token || !same_token(w->token, token))
        return call_fail(c, ST_BAD_WEBHOOK_TOKEN, "not the token of webhook %" PRIu64, id);
    w->user = NULL;
    *ret = w;
    return ST_OK;
}

static void read_list(struct call *c, const struct db_rows *r, Hubbub__V1__WebhookList *ret)
{
    ret->webhooks = ARENA_ARRAY(call_arena(c), Hubbub__V1__Webhook *, db_count(r));
    for (unsigned i = 0; i < db_count(r); i++)
        ret->webhooks[ret->n_webhooks++] = read_webhook(c, r, i);
}

status webhooks_load_shown(struct call *c, struct db *d, uint64_t guild_id, const uint64_t *ids, size_t n,
                           Hubbub__V1__WebhookList *ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_WEBHOOK ROWS_WEBHOOK_FROM
                           "WHERE w.guild_id = $1 AND w.id = ANY ($2::bigint[]) ORDER BY w.id",
                           DB_ID(guild_id), DB_IDS(ids, n));
    if (st != ST_OK)
        return st;
    read_list(c, r, ret);
    for (size_t i = 0; i < ret->n_webhooks; i++)
        ret->webhooks[i]->token = ret->webhooks[i]->url = NULL;
    return ST_OK;
}

status webhooks_load(struct call *c, struct db *d, uint64_t guild_id, uint64_t channel_id, Hubbub__V1__WebhookList *ret)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_WEBHOOK ROWS_WEBHOOK_FROM
                           "WHERE w.guild_id = $1 AND ($2::bigint = 0 OR w.channel_id = $2) ORDER BY w.id",
                           DB_ID(guild_id), DB_ID(channel_id));
    if (st == ST_OK)
        read_list(c, r, ret);
    return st;
}

static status check_room(struct call *c, struct change *ch, const Hubbub__V1__Webhook *w)
{
    struct db_rows *r;
    status st = change_query(
        ch, &r, "SELECT count(*) FILTER (WHERE channel_id = $2), count(*) FROM webhooks WHERE guild_id = $1",
        DB_ID(w->guild_id), DB_ID(w->channel_id));
    if (st == ST_OK && db_i64(r, 0, 0) >= WEBHOOKS_OF_CHANNEL_MAX)
        st = call_fail(c, ST_MAX_WEBHOOKS, "channel %" PRIu64 " has %d", w->channel_id, WEBHOOKS_OF_CHANNEL_MAX);
    else if (st == ST_OK && db_i64(r, 0, 1) >= WEBHOOKS_OF_GUILD_MAX)
        st = call_fail(c, ST_MAX_GUILD_WEBHOOKS, "guild %" PRIu64 " has %d", w->guild_id, WEBHOOKS_OF_GUILD_MAX);
    return st;
}

status webhook_insert(struct call *c, struct change *ch, Hubbub__V1__Webhook *w)
{
    struct db_rows *r;
    const char *token = w->type == WEBHOOK_INCOMING ? code_make(call_arena(c), WEBHOOK_TOKEN_N) : NULL;
    status st = check_room(c, ch, w);
    if (st == ST_OK)
        st = change_query(
            ch, &r,
            "INSERT INTO webhooks (id, type, guild_id, channel_id, user_id, name, avatar, token, application_id, "
            "source_guild_id, source_channel_id) VALUES (next_id(), $1, $2, $3, $4, $5, $6, $7, "
            "(SELECT id FROM applications WHERE bot_id = $4), $8, $9) RETURNING id, application_id",
            DB_I64(w->type), DB_ID(w->guild_id), DB_ID(w->channel_id), DB_ID(call_user(c)), DB_TEXT(w->name),
            DB_TEXT_OR_NULL(w->avatar), DB_TEXT_OR_NULL(token), w->source_guild ? DB_ID(w->source_guild->id) : DB_NULL,
            w->source_channel ? DB_ID(w->source_channel->id) : DB_NULL);
    if (st != ST_OK)
        return st;
    PB_SET(w, id, db_u64(r, 0, 0));
    if (!db_is_null(r, 0, 1))
        PB_SET(w, application_id, db_u64(r, 0, 1));
    if (token)
        set_token(c, w, token);
    return ST_OK;
}

void webhook_add_update(struct call *c, struct change *ch, uint64_t guild_id, uint64_t channel_id)
{
    struct arena *a = call_arena(c);
    Hubbub__V1__WebhooksUpdated *e = PB_NEW(a, Hubbub__V1__WebhooksUpdated, hubbub__v1__webhooks_updated);
    PB_SET(e, guild_id, guild_id);
    PB_SET(e, channel_id, channel_id);
    change_add(ch, guild_id, channel_id, 0, ROWS_EVENT(a, webhooks_update, e));
}

status webhook_check_name(struct call *c, const char *field, const char *name)
{
    static const char *const refused[] = {"clyde", "discord"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        if (strcasestr(name, refused[i]))
            return call_fail_field(c, field, "USERNAME_INVALID_CONTAINS",
                                   arena_printf(call_arena(c), "Username cannot contain \"%s\"", refused[i]));
    return ST_OK;
}
