#include "services/chat/crosspost.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/chat/chat.h"
#include "services/chat/message_content.h"
#include "services/chat/message_files.h"
#include "services/chat/message_forward.h"
#include "services/chat/messages.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- Marking ----------------------------------------------------------------------------------------------------- */

status crosspost_publish(struct change *ch, uint64_t channel_id, uint64_t message_id)
{
    struct db_rows *r;
    return change_query(ch, &r,
                        "WITH p AS (INSERT INTO published (channel_id, message_id) VALUES ($1, $2)) INSERT INTO "
                        "crossposts (source_channel_id, source_message_id, webhook_id) SELECT $1, $2, id FROM webhooks "
                        "WHERE source_channel_id = $1",
                        DB_ID(channel_id), DB_ID(message_id));
}

status crosspost_edited(struct change *ch, uint64_t channel_id, uint64_t message_id)
{
    struct db_rows *r;
    return change_query(ch, &r,
                        "UPDATE crossposts SET due = true WHERE source_channel_id = $1 AND source_message_id = $2",
                        DB_ID(channel_id), DB_ID(message_id));
}

/* ---- What it is there -------------------------------------------------------------------------------------------- */

/* One follower that is due. */
struct target {
    uint64_t source_channel, source_message, webhook, guild;
};

/* A message that names channels of the source's guild which everybody there sees shows them, since nobody here knows
 * them. */
static size_t named_channels(const char *content, uint64_t *ret)
{
    size_t n = 0;
    for (const char *at = content; (at = strstr(at, "<#")) && n < CROSSPOST_CHANNELS_MAX; at += 2) {
        char *end;
        uint64_t id = strtoull(at + 2, &end, 10);
        if (end > at + 2 && *end == '>')
            ret[n++] = id;
    }
    return n;
}

static status set_mention_channels(struct call *c, struct db *d, uint64_t source_channel, Hubbub__V1__Message *m)
{
    struct arena *a = call_arena(c);
    struct db_rows *r;
    uint64_t ids[CROSSPOST_CHANNELS_MAX];
    size_t n = named_channels(m->content, ids);
    if (!n)
        return ST_OK;
    status st =
        chat_query(c, d, &r,
                   "SELECT c.id, c.guild_id, c.type, c.name FROM channels s JOIN channels c ON c.guild_id = "
                   "s.guild_id JOIN roles e ON e.id = c.guild_id LEFT JOIN overwrites o ON o.channel_id = c.id AND "
                   "o.target_id = c.guild_id WHERE s.id = $1 AND c.id = ANY ($2::bigint[]) AND (((e.permissions & "
                   "~coalesce(o.deny, 0)) | coalesce(o.allow, 0)) & $3) <> 0 ORDER BY c.id",
                   DB_ID(source_channel), DB_IDS(ids, n), DB_I64(PERM_VIEW_CHANNEL));
    if (st != ST_OK)
        return st;
    m->mention_channels = ARENA_ARRAY(a, Hubbub__V1__MentionChannel *, db_count(r));
    for (unsigned i = 0; i < db_count(r); i++) {
        Hubbub__V1__MentionChannel *x = PB_NEW(a, Hubbub__V1__MentionChannel, hubbub__v1__mention_channel);
        PB_SET(x, id, db_u64(r, i, 0));
        PB_SET(x, guild_id, db_u64(r, i, 1));
        PB_SET(x, type, (int32_t)db_i64(r, i, 2));
        x->name = (char *)db_text(r, i, 3);
        m->mention_channels[m->n_mention_channels++] = x;
    }
    return ST_OK;
}

static void put_reference(struct arena *a, const struct target *t, uint64_t guild_id, Hubbub__V1__Message *m)
{
    m->message_reference = PB_NEW(a, Hubbub__V1__MessageReference, hubbub__v1__message_reference);
    PB_SET(m->message_reference, type, REFERENCE_REPLY);
    PB_SET(m->message_reference, channel_id, t->source_channel);
    PB_SET(m->message_reference, message_id, t->source_message);
    PB_SET(m->message_reference, guild_id, guild_id);
}

/* The webhook as author, and the channel that it posts to now. */
static status load_place(struct call *c, struct db *d, const struct target *t, struct access *ret,
                         Hubbub__V1__User **ret_author, uint64_t *ret_source_guild)
{
    struct arena *a = call_arena(c);
    struct db_rows *r;
    status st =
        chat_query(c, d, &r,
                   "SELECT w.channel_id, c.type, w.name, w.avatar, s.guild_id FROM webhooks w JOIN channels c ON "
                   "c.id = w.channel_id LEFT JOIN channels s ON s.id = w.source_channel_id WHERE w.id = $1",
                   DB_ID(t->webhook));
    if (st == ST_OK && !db_count(r))
        st = call_fail(c, ST_UNKNOWN_WEBHOOK, "follower %" PRIu64 " is gone", t->webhook);
    if (st != ST_OK)
        return st;
    *ret = (struct access){.guild_id = t->guild,
                           .scope_id = t->guild,
                           .channel_id = db_u64(r, 0, 0),
                           .channel_type = (int)db_i64(r, 0, 1),
                           .permissions = PERM_ALL};
    *ret_source_guild = db_u64(r, 0, 4);
    Hubbub__V1__User *u = *ret_author = PB_NEW(a, Hubbub__V1__User, hubbub__v1__user);
    PB_SET(u, id, t->webhook);
    u->username = (char *)db_text(r, 0, 2);
    u->discriminator = "0000";
    if (!db_is_null(r, 0, 3))
        u->avatar = (char *)db_text(r, 0, 3);
    PB_SET(u, bot, true);
    return ST_OK;
}

/* The files are the source's under ids of their own, so they are read for as long as the message is there. */
static status copy_files(struct call *c, struct db *d, Hubbub__V1__Message *m)
{
    struct arena *a = call_arena(c);
    struct db_rows *r;
    if (!m->n_attachments)
        return ST_OK;
    status st = chat_query(c, d, &r, "SELECT next_id() FROM generate_series(1, $1)", DB_I64(m->n_attachments));
    for (size_t i = 0; st == ST_OK && i < m->n_attachments; i++) {
        m->attachments[i] = arena_memdup(a, m->attachments[i], sizeof *m->attachments[i]);
        PB_SET(m->attachments[i], id, db_u64(r, (unsigned)i, 0));
    }
    message_set_urls(a, m, chat_public_url(c));
    return st;
}

/* What the source says, as the webhook says it there; nobody is mentioned by it. */
static status build(struct call *c, struct db *d, const struct target *t, const struct access *at,
                    Hubbub__V1__User *author, uint64_t source_guild, const Hubbub__V1__Message *source,
                    Hubbub__V1__Message **ret)
{
    Hubbub__V1__Message *m = *ret = PB_NEW(call_arena(c), Hubbub__V1__Message, hubbub__v1__message);
    PB_SET(m, channel_id, at->channel_id);
    PB_SET(m, type, MESSAGE_DEFAULT);
    PB_SET(m, flags, FLAG_IS_CROSSPOST | (source->flags & FLAG_SUPPRESS_EMBEDS));
    PB_SET(m, webhook_id, t->webhook);
    m->author = author;
    m->content = source->content;
    m->n_embeds = source->n_embeds;
    m->embeds = source->embeds;
    m->n_attachments = source->n_attachments;
    m->attachments = source->attachments;
    if (source->has_edited_timestamp)
        PB_SET(m, edited_timestamp, source->edited_timestamp);
    put_reference(call_arena(c), t, source_guild, m);
    status st = set_mention_channels(c, d, t->source_channel, m);
    return st == ST_OK ? copy_files(c, d, m) : st;
}

/* ---- One delivery ------------------------------------------------------------------------------------------------ */

static status remember(struct change *ch, const struct target *t, uint64_t channel_id, uint64_t message_id)
{
    struct db_rows *r;
    return change_query(
        ch, &r,
        "UPDATE crossposts SET due = false, channel_id = nullif($4::bigint, 0), message_id = "
        "nullif($5::bigint, 0) WHERE source_channel_id = $1 AND source_message_id = $2 AND webhook_id = $3",
        DB_ID(t->source_channel), DB_ID(t->source_message), DB_ID(t->webhook), DB_ID(channel_id), DB_ID(message_id));
}

static status post(struct call *c, struct change *ch, const struct target *t, const struct access *at,
                   Hubbub__V1__Message *m)
{
    status st = messages_add(c, ch, at, m, NULL);
    if (st == ST_OK)
        st = files_save(ch, call_arena(c), m);
    return st == ST_OK ? remember(ch, t, at->channel_id, m->id) : st;
}

/* Puts the columns of m where the message is; whoever follows sees MESSAGE_UPDATE. Gone there: nothing to do. */
static status rewrite(struct call *c, struct change *ch, const struct target *t, struct access *at, uint64_t channel_id,
                      uint64_t message_id, Hubbub__V1__Message *m)
{
    struct db_rows *r;
    size_t n;
    at->channel_id = channel_id;
    PB_SET(m, channel_id, channel_id);
    PB_SET(m, id, message_id);
    PB_SET(m, timestamp, snowflake_ms(message_id));
    const void *extra = message_pack_extra(call_arena(c), m, &n);
    status st =
        change_query(ch, &r,
                     "UPDATE messages SET content = $3, flags = $4, extra = $5, edited_at = to_timestamp($6::bigint "
                     "/ 1000.0) WHERE channel_id = $1 AND id = $2",
                     DB_ID(channel_id), DB_ID(message_id), DB_TEXT(m->content), DB_I64(m->flags), DB_BYTES(extra, n),
                     m->has_edited_timestamp ? DB_I64(m->edited_timestamp) : DB_NULL);
    if (st == ST_OK && db_affected(r)) {
        st = files_save(ch, call_arena(c), m);
        if (st == ST_OK)
            st = messages_complete(c, change_db(ch), &m, 1);
        if (st == ST_OK)
            st = messages_add_update(c, ch, at, m);
    }
    return st == ST_OK ? remember(ch, t, channel_id, message_id) : st;
}

/* As Discord shows a message whose source is gone. */
static status mark_deleted(struct call *c, struct change *ch, const struct target *t, struct access *at,
                           uint64_t channel_id, uint64_t message_id)
{
    Hubbub__V1__Message *m;
    status st = messages_load(c, change_db(ch), channel_id, message_id, &m);
    if (st == ST_UNKNOWN_MESSAGE)
        return remember(ch, t, channel_id, message_id);
    if (st != ST_OK)
        return st;
    PB_SET(m, flags, m->flags | FLAG_SOURCE_DELETED);
    m->content = "[Original Message Deleted]";
    m->n_embeds = m->n_attachments = m->n_mention_channels = 0;
    return rewrite(c, ch, t, at, channel_id, message_id, m);
}

/* The change holds the follower's feed. The row last: whoever has it reads the source as it is now. */
static status deliver_in_change(struct call *c, struct change *ch, const struct target *t)
{
    struct db_rows *r;
    struct access at;
    Hubbub__V1__User *author;
    Hubbub__V1__Message *source, *m;
    uint64_t source_guild;
    status st = load_place(c, change_db(ch), t, &at, &author, &source_guild);
    if (st == ST_OK)
        st = change_query(
            ch, &r,
            "SELECT channel_id, message_id FROM crossposts WHERE source_channel_id = $1 AND source_message_id "
            "= $2 AND webhook_id = $3 AND due FOR UPDATE",
            DB_ID(t->source_channel), DB_ID(t->source_message), DB_ID(t->webhook));
    if (st != ST_OK || !db_count(r)) /* somebody else did */
        return st;
    uint64_t channel_id = db_u64(r, 0, 0), message_id = db_u64(r, 0, 1);
    st = messages_load(c, change_db(ch), t->source_channel, t->source_message, &source);
    if (st == ST_UNKNOWN_MESSAGE)
        return message_id ? mark_deleted(c, ch, t, &at, channel_id, message_id) : remember(ch, t, 0, 0);
    if (st == ST_OK)
        st = build(c, change_db(ch), t, &at, author, source_guild, source, &m);
    if (st != ST_OK)
        return st;
    return message_id ? rewrite(c, ch, t, &at, channel_id, message_id, m) : post(c, ch, t, &at, m);
}

static status deliver(struct call *c, const struct target *t)
{
    CHANGE_OWNED struct change *ch = NULL;
    status st = change_begin(c, &t->guild, 1, ST_UNKNOWN_GUILD, &ch);
    if (st == ST_OK)
        st = deliver_in_change(c, ch, t);
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Rounds ------------------------------------------------------------------------------------------------------ */

static status find_due(struct call *c, struct target *ret, unsigned *ret_n)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(
            c, d, &r,
            "SELECT x.source_channel_id, x.source_message_id, x.webhook_id, w.guild_id FROM crossposts x JOIN "
            "webhooks w ON w.id = x.webhook_id WHERE x.due ORDER BY x.source_message_id, x.webhook_id LIMIT $1",
            DB_I64(CROSSPOSTS_AT_ONCE));
    *ret_n = st == ST_OK ? db_count(r) : 0;
    for (unsigned i = 0; i < *ret_n; i++)
        ret[i] = (struct target){db_u64(r, i, 0), db_u64(r, i, 1), db_u64(r, i, 2), db_u64(r, i, 3)};
    return st;
}

status crosspost_round(struct call *c, bool *ret_more)
{
    struct target due[CROSSPOSTS_AT_ONCE];
    unsigned n, served = 0;
    status st = find_due(c, due, &n);
    for (unsigned i = 0; i < n && call_left_ms(c) > 0; i++) {
        status one = deliver(c, &due[i]);
        served += one == ST_OK;
        if (one == ST_UNAVAILABLE || one == ST_DEADLINE || one == ST_INTERNAL)
            st = one;
        if (one != ST_OK)
            log_debug("a follower was not served", LOG_S("status", status_row(one)->name));
    }
    *ret_more = n == CROSSPOSTS_AT_ONCE && served > 0;
    return st;
}
