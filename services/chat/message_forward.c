#include "services/chat/message_forward.h"
#include "services/chat/chat.h"
#include "services/chat/message_content.h"
#include "services/chat/messages.h"
#include <inttypes.h>

static void put_reference(struct call *c, Hubbub__V1__Message *m, int type, const struct access *at, uint64_t id)
{
    m->message_reference = PB_NEW(call_arena(c), Hubbub__V1__MessageReference, hubbub__v1__message_reference);
    PB_SET(m->message_reference, type, type);
    PB_SET(m->message_reference, message_id, id);
    PB_SET(m->message_reference, channel_id, at->channel_id);
    ACCESS_SET_GUILD(at, m->message_reference);
}

static status refuse(struct call *c, const char *code, const char *text)
{
    return call_fail_field(c, "message_reference", code, text);
}

/* ---- Replies ----------------------------------------------------------------------------------------------------- */

static bool is_here(const struct access *a, const Hubbub__V1__MessageReference *ref)
{
    return (!ref->channel_id || ref->channel_id == a->channel_id) && (!ref->guild_id || ref->guild_id == a->guild_id);
}

static status set_reply(struct call *c, struct db *d, const struct access *a, const Hubbub__V1__MessageReference *ref,
                        Hubbub__V1__Message *m, uint64_t *ret_author)
{
    struct db_rows *r;
    status st = chat_query(c, d, &r, "SELECT author_id, type FROM messages WHERE channel_id = $1 AND id = $2",
                           DB_ID(a->channel_id), DB_ID(ref->message_id));
    if (st != ST_OK)
        return st;
    bool found = db_count(r) && is_here(a, ref);
    if (!found && ref->fail_if_not_exists)
        return refuse(c, "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message");
    if (!found)
        return ST_OK;
    if (!message_is_answerable((int)db_i64(r, 0, 1)))
        return refuse(c, "REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE", "Cannot reply to a system message");
    *ret_author = db_u64(r, 0, 0);
    PB_SET(m, type, MESSAGE_REPLY);
    put_reference(c, m, REFERENCE_REPLY, a, ref->message_id);
    return ST_OK;
}

/* ---- Forwards ---------------------------------------------------------------------------------------------------- */

/* The ids are the earlier message's. */
static status renumber_files(struct call *c, struct db *d, Hubbub__V1__Attachment **files, size_t n)
{
    struct db_rows *r;
    if (!n)
        return ST_OK;
    status st = chat_query(c, d, &r, "SELECT next_id() FROM generate_series(1, $1)", DB_I64(n));
    for (size_t i = 0; st == ST_OK && i < n; i++)
        PB_SET(files[i], id, db_u64(r, (unsigned)i, 0));
    return st;
}

/* Of a forward its own snapshot: they are one deep. */
static Hubbub__V1__MessageContent *content_of(struct arena *a, const Hubbub__V1__Message *m)
{
    if (m->n_message_snapshots)
        return m->message_snapshots[0]->message;
    Hubbub__V1__MessageContent *x = PB_NEW(a, Hubbub__V1__MessageContent, hubbub__v1__message_content);
    PB_SET(x, type, m->type);
    x->content = m->content;
    PB_SET(x, timestamp, m->timestamp);
    if (m->has_edited_timestamp)
        PB_SET(x, edited_timestamp, m->edited_timestamp);
    PB_SET(x, flags, m->flags);
    x->n_mentions = m->n_mentions;
    x->mentions = m->mentions;
    x->n_mention_roles = m->n_mention_roles;
    x->mention_roles = m->mention_roles;
    x->n_attachments = m->n_attachments;
    x->attachments = m->attachments;
    x->n_embeds = m->n_embeds;
    x->embeds = m->embeds;
    return x;
}

/* The source as the caller may read it; it may be the channel that is written to. */
static status load_source(struct call *c, struct db *d, const Hubbub__V1__MessageReference *ref, struct access *ret_at,
                          Hubbub__V1__Message **ret)
{
    status st = messages_access(c, d, ref->channel_id, ret_at);
    bool refused = st == ST_MISSING_ACCESS || st == ST_UNKNOWN_CHANNEL || st == ST_NON_TEXT_CHANNEL;
    if (refused || (st == ST_OK && !(ret_at->permissions & PERM_READ_MESSAGE_HISTORY)))
        return call_fail(c, ST_FORWARD_UNREADABLE, "user %" PRIu64 " does not read channel %" PRIu64, call_user(c),
                         ref->channel_id);
    if (st == ST_OK)
        st = messages_load(c, d, ref->channel_id, ref->message_id, ret);
    if (st == ST_UNKNOWN_MESSAGE)
        return refuse(c, "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message");
    if (st == ST_OK && !message_is_ordinary((*ret)->type))
        st = call_fail(c, ST_SYSTEM_MESSAGE, "message of type %d", (*ret)->type);
    return st;
}

static status set_forward(struct call *c, struct db *d, const Hubbub__V1__MessageReference *ref, Hubbub__V1__Message *m)
{
    struct arena *a = call_arena(c);
    struct access at;
    Hubbub__V1__Message *source;
    if (!ref->channel_id)
        return call_fail_field(c, "message_reference.channel_id", "BASE_TYPE_REQUIRED", "This field is required");
    if (!message_is_empty(m))
        return refuse(c, "MESSAGE_REFERENCE_FORWARD_WITH_CONTENT", "A forward has no content of its own");
    status st = load_source(c, d, ref, &at, &source);
    if (st != ST_OK)
        return st;
    m->message_snapshots = ARENA_ARRAY(a, Hubbub__V1__MessageSnapshot *, 1);
    m->message_snapshots[0] = PB_NEW(a, Hubbub__V1__MessageSnapshot, hubbub__v1__message_snapshot);
    m->message_snapshots[0]->message = content_of(a, source);
    m->n_message_snapshots = 1;
    PB_SET(m, flags, m->flags | FLAG_HAS_SNAPSHOT);
    put_reference(c, m, REFERENCE_FORWARD, &at, ref->message_id);
    size_t n;
    Hubbub__V1__Attachment **files = message_files(m, &n);
    st = renumber_files(c, d, files, n);
    message_set_urls(a, m, chat_public_url(c));
    return st;
}

status reference_set(struct call *c, struct db *d, const struct access *a, const Hubbub__V1__MessageReference *ref,
                     Hubbub__V1__Message *m, uint64_t *ret_author)
{
    if (!ref || !ref->message_id)
        return ST_OK;
    return reference_is_forward(ref) ? set_forward(c, d, ref, m) : set_reply(c, d, a, ref, m, ret_author);
}
