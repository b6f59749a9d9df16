/* handle_messages.c - the service Messages.
 *
 * Create reads the author's rights and the guild's epoch in one query, builds the message as its event shows it, gives
 * the connection back and hands the row to the writer; ST_STALE (a right may have gone meanwhile) starts it over, with
 * a fresh look. Edit and Delete are changes: they hold the guild's feeds row, so rights cannot move under them. */
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/wire/wire.h"
#include "services/chat/access.h"
#include "services/chat/audit.h"
#include "services/chat/chat.h"
#include "services/chat/crosspost.h"
#include "services/chat/direct.h"
#include "services/chat/emojis.h"
#include "services/chat/handlers.h"
#include "services/chat/mentions.h"
#include "services/chat/message_content.h"
#include "services/chat/message_embeds.h"
#include "services/chat/message_files.h"
#include "services/chat/message_forward.h"
#include "services/chat/message_remove.h"
#include "services/chat/message_send.h"
#include "services/chat/messages.h"
#include "services/chat/slow_mode.h"
#include "services/chat/verification.h"
#include "services/chat/writer.h"
#include <inttypes.h>
#include <string.h>

enum { NONCE_MS = 10 * 60 * 1000 }; /* how long an enforced nonce gives the earlier message */
enum { STALE_TRIES = 8, PAGE_DEFAULT = 50, PAGE_MAX = 100 };
enum { BULK_MIN = 2, BULK_MAX = 100, BULK_DAYS = 14 };
/* Field numbers of EditMessageRequest. */
enum { EDIT_CONTENT = 3, EDIT_EMBEDS = 4, EDIT_FLAGS = 6, EDIT_ATTACHMENTS = 7 };

/* ---- Mentions ---------------------------------------------------------------------------------------------------- */

static status load_mentioned_users(struct call *c, struct db *d, const struct mentions *from, Hubbub__V1__Message *m)
{
    struct db_rows *r;
    m->n_mentions = 0;
    if (!from->n_users)
        return ST_OK;
    status st = chat_query(c, d, &r,
                           "SELECT " ROWS_USER
                           " FROM users u WHERE u.id = ANY($1::bigint[]) ORDER BY array_position($1::bigint[], u.id)",
                           DB_IDS(from->users, from->n_users));
    if (st != ST_OK)
        return st;
    m->mentions = ARENA_ARRAY(call_arena(c), Hubbub__V1__Mention *, db_count(r));
    for (unsigned i = 0; i < db_count(r); i++)
        m->mentions[m->n_mentions++] = messages_mention(call_arena(c), rows_user(call_arena(c), r, i, 0));
    return ST_OK;
}

/* A role that may not be mentioned by everybody needs MENTION_EVERYONE. */
static status load_mentioned_roles(struct call *c, struct db *d, const struct access *a, const struct mentions *from,
                                   Hubbub__V1__Message *m)
{
    struct db_rows *r;
    m->n_mention_roles = 0;
    if (!from->n_roles)
        return ST_OK;
    status st = chat_query(c, d, &r,
                           "SELECT id FROM roles WHERE guild_id = $1 AND id = ANY($2::bigint[]) AND id <> $1 AND "
                           "(mentionable OR $3::boolean)",
                           DB_ID(a->guild_id), DB_IDS(from->roles, from->n_roles),
                           DB_BOOL(a->permissions & PERM_MENTION_EVERYONE));
    if (st != ST_OK)
        return st;
    m->mention_roles = ARENA_ARRAY(call_arena(c), uint64_t, db_count(r));
    for (unsigned i = 0; i < db_count(r); i++)
        m->mention_roles[m->n_mention_roles++] = db_u64(r, i, 0);
    return ST_OK;
}

/* replied_to: whose message is replied to; 0: nobody's. */
static status set_mentions(struct call *c, struct db *d, const struct access *a,
                           const Hubbub__V1__AllowedMentions *allowed, uint64_t replied_to, Hubbub__V1__Message *m)
{
    const char *conflict = mentions_conflict(allowed);
    if (conflict)
        return call_fail_field(
            c, "allowed_mentions", "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
            arena_printf(call_arena(c), "parse:[\"%s\"] and %s: [ids...] are mutually exclusive.", conflict, conflict));
    struct mentions found;
    mentions_parse(m->content, &found);
    mentions_allow(&found, allowed);
    if (replied_to && mentions_replied_user(allowed))
        mentions_add_user(&found, replied_to);
    PB_SET(m, mention_everyone, found.everyone && (a->permissions & PERM_MENTION_EVERYONE));
    status st = load_mentioned_users(c, d, &found, m);
    return st == ST_OK ? load_mentioned_roles(c, d, a, &found, m) : st;
}

/* ---- Create ------------------------------------------------------------------------------------------------------ */

static bool is_reply(const Hubbub__V1__MessageReference *ref)
{
    return ref && ref->message_id && !reference_is_forward(ref);
}

/* The caller as the sender. */
static status require_to_send(struct call *c, const struct access *a, const Hubbub__V1__CreateMessageRequest *req)
{
    uint64_t bits = PERM_SEND_MESSAGES;
    if (req->n_uploaded)
        bits |= PERM_ATTACH_FILES;
    if (req->n_embeds)
        bits |= PERM_EMBED_LINKS;
    if (req->tts)
        bits |= PERM_SEND_TTS_MESSAGES;
    status st = access_require(c, a, bits);
    if (st == ST_OK && is_reply(req->message_reference) && !(a->permissions & PERM_READ_MESSAGE_HISTORY))
        st = call_fail(c, ST_REPLY_NEEDS_HISTORY, "user %" PRIu64 " replies without history", call_user(c));
    return st;
}

static Hubbub__V1__Message *new_message(struct call *c, const Hubbub__V1__CreateMessageRequest *req)
{
    Hubbub__V1__Message *m = PB_NEW(call_arena(c), Hubbub__V1__Message, hubbub__v1__message);
    PB_SET(m, channel_id, req->channel_id);
    PB_SET(m, type, MESSAGE_DEFAULT);
    m->content = content_trim(call_arena(c), req->content);
    PB_SET(m, tts, req->tts);
    PB_SET(m, flags, req->flags & (FLAG_SUPPRESS_EMBEDS | FLAG_SUPPRESS_NOTIFICATIONS));
    m->n_embeds = req->n_embeds;
    m->embeds = req->embeds;
    if (req->nonce && *req->nonce)
        m->nonce = req->nonce;
    return m;
}

/* Checks the request and builds the message as GET shows it, but for its id. */
static status build_message(struct call *c, struct db *d, const struct access *a,
                            const Hubbub__V1__CreateMessageRequest *req, Hubbub__V1__Message **ret)
{
    Hubbub__V1__Message *m = new_message(c, req);
    uint64_t replied_to = 0;
    const struct files_input files = FILES_INPUT(req);
    status st = embeds_check(c, req->embeds, req->n_embeds);
    if (st == ST_OK)
        st = emojis_strip(c, d, a, &m->content);
    if (st == ST_OK)
        st = files_add(c, d, &files, m);
    if (st == ST_OK)
        st = reference_set(c, d, a, req->message_reference, m, &replied_to);
    if (st == ST_OK && message_is_empty(m))
        st = call_fail(c, ST_EMPTY_MESSAGE, "nothing to send");
    if (st == ST_OK)
        st = set_mentions(c, d, a, req->allowed_mentions, replied_to, m);
    if (st == ST_OK)
        st = messages_load_references(c, d, &m, 1);
    if (st == ST_OK)
        *ret = m;
    return st;
}

struct draft {
    struct message_sender sender;
    const char *key;              /* idempotency */
    bool claimed;                 /* of slow mode */
    Hubbub__V1__Message *message; /* as GET shows it */
    Hubbub__V1__Message *event;   /* as others get it */
};

/* The nonce, when it is to be enforced; else the request's id, which an internal resend keeps. Apart by their first
 * letter. */
static const char *idempotency_key(struct call *c, const Hubbub__V1__CreateMessageRequest *req)
{
    if (req->enforce_nonce && req->nonce && *req->nonce)
        return arena_printf(call_arena(c), "n%s", req->nonce);
    return arena_printf(call_arena(c), "r%s", call_request_id(c));
}

static status sender_self(struct call *c, struct db *d, const Hubbub__V1__CreateMessageRequest *req, const void *none,
                          struct message_sender *ret)
{
    status st = messages_access(c, d, req->channel_id, &ret->access);
    if (st == ST_OK)
        st = require_to_send(c, &ret->access, req);
    if (st == ST_OK)
        st = verification_require(c, d, &ret->access);
    if (st == ST_OK && access_is_direct(&ret->access))
        st = direct_may_send(c, d, &ret->access);
    return st == ST_OK ? messages_load_self(c, d, &ret->access, &ret->author, &ret->member) : st;
}

static status prepare_draft(struct call *c, const Hubbub__V1__CreateMessageRequest *req, message_sender_fn *load_sender,
                            const void *user, struct draft *ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = load_sender(c, d, req, user, &ret->sender);
    if (st == ST_OK)
        st = build_message(c, d, &ret->sender.access, req, &ret->message);
    if (st != ST_OK)
        return st;
    ret->message->author = ret->sender.author;
    if (ret->sender.webhook_id)
        PB_SET(ret->message, webhook_id, ret->sender.webhook_id);
    const struct access *at = &ret->sender.access;
    ret->event = message_for_event(call_arena(c), ret->message, at->guild_id, at->channel_type, ret->sender.member);
    st = messages_load_mention_members(c, d, at->guild_id, &ret->event, 1);
    if (st != ST_OK)
        return st;
    ret->key = idempotency_key(c, req);
    st = slow_mode_claim(c, d, &ret->sender.access, ret->key);
    ret->claimed = st == ST_OK;
    return st;
}

static void add_entry(struct call *c, const struct write_row *row)
{
    struct arena *a = call_arena(c);
    Hubbub__V1__FeedEntry *e = PB_NEW(a, Hubbub__V1__FeedEntry, hubbub__v1__feed_entry);
    PB_SET(e, scope_id, row->scope_id);
    PB_SET(e, seq, row->seq);
    PB_SET(e, topic, row->message->channel_id);
    e->event = ROWS_EVENT(a, message_create, row->message);
    call_add_entries(c, chat_generation(a, row->generation), &e, 1);
}

/* The message that the key stored before; when it was deleted meanwhile, this one under its id. */
static status answer_duplicate(struct call *c, uint64_t id, struct draft *draft)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    char *nonce = draft->message->nonce;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st =
            chat_query(c, d, &r,
                       "SELECT " ROWS_MESSAGE
                       " FROM messages x LEFT JOIN users u ON u.id = x.author_id WHERE x.channel_id = $1 AND x.id = $2",
                       DB_ID(draft->message->channel_id), DB_ID(id));
    if (st != ST_OK || db_count(r) == 0)
        return st;
    draft->message = rows_message(call_arena(c), r, 0, 0, chat_public_url(c));
    draft->message->nonce = nonce;
    return messages_complete(c, d, &draft->message, 1);
}

/* A nonce that was used long ago is free again: ST_STALE starts the request over without its key. */
static status forget_nonce(struct call *c, const struct write_row *row)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(
            c, d, &r, "DELETE FROM send_keys WHERE channel_id = $1 AND author_id = $2 AND key = $3 AND message_id = $4",
            DB_ID(row->message->channel_id), DB_ID(row->author_id), DB_TEXT(row->key), DB_ID(row->message->id));
    if (st == ST_OK)
        st = slow_mode_forget(c, d, row->message->channel_id, row->key);
    return st == ST_OK ? ST_STALE : st;
}

static status store_failed(struct call *c, status st)
{
    if (st == ST_UNAVAILABLE || st == ST_DEADLINE || st == ST_OVERLOADED)
        call_retry_after(c, 1000);
    if (st == ST_NOT_FOUND)
        st = ST_UNKNOWN_CHANNEL; /* the guild was deleted meanwhile */
    return st == ST_STALE ? st : call_fail(c, st, "cannot store the message");
}

static status store_draft(struct call *c, struct draft *draft)
{
    struct arena *a = call_arena(c);
    const struct access *access = &draft->sender.access;
    struct write_row row = {
        .scope_id = access->scope_id,
        .author_id = draft->sender.author->id,
        .epoch = access->epoch,
        .key = draft->key,
        .message = draft->event,
    };
    struct here here;
    if (!access_is_direct(access) && mentions_only_here(draft->message)) {
        mentions_find_here(c, access->guild_id, &here);
        row.here = &here;
    }
    row.extra = message_pack_extra(a, draft->message, &row.extra_n);
    status st = writer_store(chat_of(c)->writer, call_deadline_ms(c), &row);
    if (st != ST_OK)
        return store_failed(c, st);
    if (row.duplicate && *row.key == 'n' && clock_wall_ms() - row.message->timestamp > NONCE_MS)
        return forget_nonce(c, &row);
    PB_SET(draft->message, id, row.message->id);
    PB_SET(draft->message, timestamp, row.message->timestamp);
    if (row.duplicate)
        return answer_duplicate(c, row.message->id, draft);
    add_entry(c, &row);
    return ST_OK;
}

/* Certainly not stored: slow mode does not count it. */
static void drop_draft(struct call *c, const struct draft *draft, status st)
{
    if (draft->claimed && st != ST_UNAVAILABLE && st != ST_DEADLINE)
        slow_mode_give_back(c, &draft->sender.access, draft->key);
}

status message_send(struct call *c, const Hubbub__V1__CreateMessageRequest *req, message_sender_fn *load_sender,
                    const void *user, Hubbub__V1__Message *ret)
{
    for (int i = 0; i < STALE_TRIES; i++) {
        struct draft draft = {0};
        status st = prepare_draft(c, req, load_sender, user, &draft);
        if (st == ST_OK && draft.sender.access.someone_hides)
            st = direct_show_to_all(c, draft.sender.access.channel_id);
        if (st == ST_OK)
            st = store_draft(c, &draft);
        if (st == ST_OK)
            *ret = *draft.message;
        else
            drop_draft(c, &draft, st);
        if (st != ST_STALE)
            return st;
    }
    call_retry_after(c, 1000);
    return call_fail(c, ST_STALE, "rights changed %d times", STALE_TRIES);
}

static status create(struct call *c, const Hubbub__V1__CreateMessageRequest *req, Hubbub__V1__Message *ret)
{
    return message_send(c, req, sender_self, NULL, ret);
}

/* ---- Read -------------------------------------------------------------------------------------------------------- */

static const char page_before[] = MESSAGE_PAGE_SQL("<", "DESC");
static const char page_to[] = MESSAGE_PAGE_SQL("<=", "DESC");
static const char page_after[] = MESSAGE_PAGE_SQL(">", "ASC");

struct page {
    struct call *call;
    struct db *db;
    uint64_t channel_id;
    struct buf json;
    unsigned n;
};

static status append_page(struct page *p, const char *sql, uint64_t id, int limit)
{
    struct db_rows *r;
    struct db_param params[] = {DB_ID(p->channel_id), DB_ID(id > INT64_MAX ? INT64_MAX : id), DB_I64(limit)};
    status st = chat_query_params(p->call, p->db, &r, sql, params, 3);
    if (st != ST_OK)
        return st;
    unsigned n = db_count(r);
    Hubbub__V1__Message **list = ARENA_ARRAY(call_arena(p->call), Hubbub__V1__Message *, n);
    for (unsigned i = 0; i < n; i++)
        list[i] = rows_message(call_arena(p->call), r, i, 0, chat_public_url(p->call));
    st = messages_complete(p->call, p->db, list, n);
    for (unsigned i = 0; st == ST_OK && i < n; i++) {
        if (p->n++)
            buf_putc(&p->json, ',');
        wire_write(&p->json, &hubbub__v1__message__wire, &list[i]->base);
    }
    return st;
}

static status write_page(struct page *p, const Hubbub__V1__ListMessagesRequest *req)
{
    int limit = !req->has_limit ? PAGE_DEFAULT : req->limit < 1 ? 1 : req->limit > PAGE_MAX ? PAGE_MAX : req->limit;
    if (req->has_after)
        return append_page(p, page_after, req->after, limit);
    if (!req->has_around)
        return append_page(p, page_before, req->has_before ? req->before : INT64_MAX, limit);
    int newer = limit / 2;
    status st = newer ? append_page(p, page_after, req->around, newer) : ST_OK;
    return st == ST_OK ? append_page(p, page_to, req->around, limit - newer) : st;
}

static status read_page(struct page *p, const Hubbub__V1__ListMessagesRequest *req)
{
    struct access a;
    status st = messages_access(p->call, p->db, req->channel_id, &a);
    if (st == ST_OK && (a.permissions & PERM_READ_MESSAGE_HISTORY))
        st = write_page(p, req);
    return st;
}

static status list(struct call *c, const Hubbub__V1__ListMessagesRequest *req, Hubbub__V1__MessagePage *ret)
{
    if (req->has_before + req->has_after + req->has_around > 1)
        return call_fail_field(c, "around", "MUTUALLY_EXCLUSIVE", "Only one of before, after and around may be given");
    DB_LEASED struct db *d = NULL;
    status st = chat_snapshot(c, &d);
    if (st != ST_OK)
        return st;
    struct page p = {.call = c, .db = d, .channel_id = req->channel_id};
    buf_putc(&p.json, '[');
    st = read_page(&p, req);
    buf_putc(&p.json, ']');
    if (st == ST_OK && p.json.failed)
        st = call_fail(c, ST_INTERNAL, "a page of over %zu bytes", p.json.len);
    if (st == ST_OK) {
        ret->has_messages = true;
        ret->messages = (ProtobufCBinaryData){p.json.len, arena_memdup(call_arena(c), p.json.data, p.json.len)};
    }
    buf_finish(&p.json);
    return st;
}

static status get(struct call *c, const Hubbub__V1__MessageRequest *req, Hubbub__V1__Message *ret)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    Hubbub__V1__Message *m;
    status st = chat_snapshot(c, &d);
    if (st == ST_OK)
        st = messages_access(c, d, req->channel_id, &a);
    if (st == ST_OK)
        st = access_require(c, &a, PERM_READ_MESSAGE_HISTORY);
    if (st == ST_OK)
        st = messages_load(c, d, req->channel_id, req->message_id, &m);
    if (st == ST_OK)
        st = messages_complete(c, d, &m, 1);
    if (st == ST_OK)
        *ret = *m;
    return st;
}

/* ---- Edit -------------------------------------------------------------------------------------------------------- */

static bool edits_files(const Hubbub__V1__EditMessageRequest *req)
{
    return req->n_uploaded || WIRE_PRESENT_IN(req, EDIT_ATTACHMENTS);
}

/* Others may only hide embeds, with MANAGE_MESSAGES; a forward stays what it was. */
static status may_edit(struct call *c, const struct access *a, const Hubbub__V1__EditMessageRequest *req,
                       const Hubbub__V1__Message *m)
{
    if (!message_is_ordinary(m->type))
        return call_fail(c, ST_SYSTEM_MESSAGE, "message of type %d", m->type);
    bool own = m->author->id == call_user(c), more = req->n_uploaded > 0;
    for (size_t i = 0; i < req->n_present; i++)
        more |= req->present[i] != EDIT_FLAGS;
    if (own && more && m->n_message_snapshots)
        return call_fail(c, ST_SYSTEM_MESSAGE, "message %" PRIu64 " is a forward", m->id);
    if (own)
        return access_require(c, a, (req->n_uploaded ? PERM_ATTACH_FILES : 0) | (req->n_embeds ? PERM_EMBED_LINKS : 0));
    if (more)
        return call_fail(c, ST_NOT_AUTHOR, "user %" PRIu64 " edits a message of %" PRIu64, call_user(c), m->author->id);
    return access_require(c, a, PERM_MANAGE_MESSAGES);
}

/* What is uploaded comes behind what is kept; `attachments` names what is: absent, everything. */
static status edit_files(struct call *c, struct db *d, const Hubbub__V1__EditMessageRequest *req,
                         Hubbub__V1__Message *m)
{
    const struct files_input in = FILES_INPUT(req);
    if (WIRE_PRESENT_IN(req, EDIT_ATTACHMENTS))
        files_keep(call_arena(c), &in, m);
    return files_add(c, d, &in, m);
}

/* Whom the reply mentions because it answers them stays mentioned, unless allowed_mentions says otherwise. */
static status edit_mentions(struct call *c, struct db *d, const struct access *a,
                            const Hubbub__V1__EditMessageRequest *req, Hubbub__V1__Message *m)
{
    uint64_t author = 0;
    bool mentioned = req->allowed_mentions != NULL;
    status st = ST_OK;
    if (m->type == MESSAGE_REPLY && m->message_reference)
        st = messages_load_author(c, d, m->channel_id, m->message_reference->message_id, &author);
    if (st != ST_OK && st != ST_UNKNOWN_MESSAGE)
        return st;
    for (size_t i = 0; i < m->n_mentions; i++)
        mentioned |= m->mentions[i]->id == author;
    return set_mentions(c, d, a, req->allowed_mentions, mentioned ? author : 0, m);
}

/* Puts what is present into the message. *ret_edited: more than flags. */
static status apply_edit(struct call *c, struct db *d, const struct access *a,
                         const Hubbub__V1__EditMessageRequest *req, Hubbub__V1__Message *m, bool *ret_edited)
{
    bool content = WIRE_PRESENT_IN(req, EDIT_CONTENT), embeds = WIRE_PRESENT_IN(req, EDIT_EMBEDS),
         files = edits_files(req);
    const uint64_t settable = FLAG_SUPPRESS_EMBEDS;
    if (WIRE_PRESENT_IN(req, EDIT_FLAGS))
        PB_SET(m, flags, (m->flags & ~settable) | (req->flags & settable));
    if (embeds) {
        m->embeds = req->embeds;
        m->n_embeds = req->n_embeds;
    }
    *ret_edited = content || embeds || files;
    status st = embeds ? embeds_check(c, m->embeds, m->n_embeds) : ST_OK;
    if (st == ST_OK && files)
        st = edit_files(c, d, req, m);
    if (st == ST_OK && content) {
        m->content = content_trim(call_arena(c), req->content);
        st = emojis_strip(c, d, a, &m->content);
        if (st == ST_OK)
            st = edit_mentions(c, d, a, req, m);
    }
    if (st == ST_OK && message_is_empty(m))
        st = call_fail(c, ST_EMPTY_MESSAGE, "nothing would be left");
    return st;
}

static status save_edit(struct call *c, struct change *ch, Hubbub__V1__Message *m, bool edited)
{
    struct db_rows *r;
    size_t n;
    const void *extra = message_pack_extra(call_arena(c), m, &n);
    status st = change_query(ch, &r,
                             "UPDATE messages x SET content = $3, flags = $4, extra = $5, edited_at = CASE WHEN $6 "
                             "THEN clock_timestamp() ELSE edited_at END"
                             " WHERE channel_id = $1 AND id = $2 RETURNING " ROWS_MS("x.edited_at"),
                             DB_ID(m->channel_id), DB_ID(m->id), DB_TEXT(m->content), DB_I64(m->flags),
                             n ? DB_BYTES(extra, n) : DB_NULL, DB_BOOL(edited));
    if (st == ST_OK && !db_is_null(r, 0, 0))
        PB_SET(m, edited_timestamp, db_i64(r, 0, 0));
    return st;
}

status message_edit(struct call *c, struct change *ch, const struct access *a,
                    const Hubbub__V1__EditMessageRequest *req, Hubbub__V1__Message *m)
{
    bool edited = false;
    status st = apply_edit(c, change_db(ch), a, req, m, &edited);
    if (st == ST_OK && edits_files(req))
        st = files_save(ch, call_arena(c), m);
    if (st == ST_OK)
        st = save_edit(c, ch, m, edited);
    if (st == ST_OK && WIRE_PRESENT_IN(req, EDIT_CONTENT))
        st = mentions_replace(c, ch, m, a->scope_id);
    if (st == ST_OK && (m->flags & FLAG_CROSSPOSTED))
        st = crosspost_edited(ch, m->channel_id, m->id);
    if (st == ST_OK)
        st = messages_complete(c, change_db(ch), &m, 1);
    return st == ST_OK ? messages_add_update(c, ch, a, m) : st;
}

static status edit(struct call *c, const Hubbub__V1__EditMessageRequest *req, Hubbub__V1__Message *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    Hubbub__V1__Message *m = NULL;
    status st = access_begin_any_channel(c, req->channel_id, 0, &ch, &a);
    if (st == ST_OK)
        st = messages_load(c, change_db(ch), req->channel_id, req->message_id, &m);
    if (st == ST_OK)
        st = may_edit(c, &a, req, m);
    if (st == ST_OK)
        st = message_edit(c, ch, &a, req, m);
    if (st == ST_OK)
        st = change_commit(ch);
    if (st == ST_OK)
        *ret = *m;
    return st;
}

/* ---- Delete ------------------------------------------------------------------------------------------------------ */

static bool may_be_deleted(int type)
{
    return !(type >= 1 && type <= 5) && type != 21; /* PROTOCOL section 16 */
}

/* Of another's message. */
static status audit_removal(struct call *c, struct change *ch, const struct access *a, uint64_t author)
{
    Hubbub__V1__AuditEntry *e = audit_entry(c, AUDIT_MESSAGE_DELETE, author);
    PB_SET(audit_options(c, e), channel_id, a->channel_id);
    audit_options(c, e)->count = "1";
    return audit_add(c, ch, a->guild_id, e);
}

/* user_id: who removes it. */
static status remove_message(struct call *c, struct change *ch, const struct access *a, uint64_t message_id,
                             uint64_t user_id)
{
    struct db_rows *r;
    status st = change_query(ch, &r, "DELETE FROM messages WHERE channel_id = $1 AND id = $2 RETURNING author_id, type",
                             DB_ID(a->channel_id), DB_ID(message_id));
    if (st != ST_OK)
        return st;
    if (db_count(r) == 0)
        return call_fail(c, ST_UNKNOWN_MESSAGE, "no message %" PRIu64, message_id);
    if (!may_be_deleted((int)db_i64(r, 0, 1)))
        return call_fail(c, ST_SYSTEM_MESSAGE, "message of type %d", (int)db_i64(r, 0, 1));
    uint64_t author = db_u64(r, 0, 0);
    if (author != user_id)
        st = access_require(c, a, PERM_MANAGE_MESSAGES);
    if (st == ST_OK && author != user_id)
        st = audit_removal(c, ch, a, author);
    return st == ST_OK ? messages_remove_parts(ch, a->channel_id, &message_id, 1) : st;
}

status message_delete(struct call *c, struct change *ch, const struct access *a, uint64_t message_id, uint64_t user_id)
{
    status st = remove_message(c, ch, a, message_id, user_id);
    if (st != ST_OK)
        return st;
    Hubbub__V1__MessageDeleted *gone = PB_NEW(call_arena(c), Hubbub__V1__MessageDeleted, hubbub__v1__message_deleted);
    PB_SET(gone, id, message_id);
    PB_SET(gone, channel_id, a->channel_id);
    ACCESS_SET_GUILD(a, gone);
    change_add(ch, a->scope_id, a->channel_id, message_id, ROWS_EVENT(call_arena(c), message_delete, gone));
    return ST_OK;
}

/* A refusal rolls the removal back. */
static status delete_message(struct call *c, const Hubbub__V1__MessageRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    status st = access_begin_any_channel(c, req->channel_id, 0, &ch, &a);
    if (st == ST_OK)
        st = message_delete(c, ch, &a, req->message_id, call_user(c));
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Bulk delete ------------------------------------------------------------------------------------------------- */

static status check_bulk(struct call *c, const Hubbub__V1__BulkDeleteRequest *req)
{
    int64_t oldest = clock_wall_ms() - BULK_DAYS * 24 * 3600 * INT64_C(1000);
    if (req->n_messages < BULK_MIN || req->n_messages > BULK_MAX)
        return call_fail(c, ST_BULK_DELETE_COUNT, "%zu messages", req->n_messages);
    for (size_t i = 0; i < req->n_messages; i++) {
        if (snowflake_ms(req->messages[i]) < oldest)
            return call_fail(c, ST_BULK_DELETE_TOO_OLD, "message %" PRIu64, req->messages[i]);
        for (size_t j = 0; j < i; j++)
            if (req->messages[i] == req->messages[j])
                return call_fail_field(c, "messages", "SET_TYPE_ALREADY_CONTAINS_VALUE",
                                       "The set already contains this value");
    }
    return ST_OK;
}

static status audit_bulk(struct call *c, struct change *ch, const struct access *a, size_t n)
{
    Hubbub__V1__AuditEntry *e = audit_entry(c, AUDIT_MESSAGE_BULK_DELETE, a->channel_id);
    audit_options(c, e)->count = arena_printf(call_arena(c), "%zu", n);
    return audit_add(c, ch, a->guild_id, e);
}

static status bulk_delete(struct call *c, const Hubbub__V1__BulkDeleteRequest *req, Hubbub__V1__Empty *ret)
{
    CHANGE_OWNED struct change *ch = NULL;
    struct access a;
    size_t n = 0;
    status st = messages_begin(c, req->channel_id, PERM_MANAGE_MESSAGES, &ch, &a);
    if (st == ST_OK)
        st = check_bulk(c, req);
    if (st == ST_OK)
        st = message_remove_many(c, ch, a.guild_id, a.channel_id, req->messages, req->n_messages, &n);
    if (st == ST_OK && n)
        st = audit_bulk(c, ch, &a, n);
    return st == ST_OK ? change_commit(ch) : st;
}

/* ---- Attachments ------------------------------------------------------------------------------------------------- */

static status resolve_attachment(struct call *c, const Hubbub__V1__ResolveAttachmentRequest *req,
                                 Hubbub__V1__Attachment *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &r,
                        "SELECT f.filename, f.content_type, f.size, f.width, f.height, f.store_key FROM attachments f"
                        " JOIN channels c ON c.id = f.channel_id JOIN messages x ON x.channel_id = f.channel_id AND "
                        "x.id = f.message_id"
                        " WHERE f.id = $2 AND f.channel_id = $1",
                        DB_ID(req->channel_id), DB_ID(req->attachment_id));
    if (st != ST_OK)
        return st;
    if (db_count(r) == 0)
        return call_fail(c, ST_UNKNOWN_ASSET, "no attachment %" PRIu64, req->attachment_id);
    PB_SET(ret, id, req->attachment_id);
    ret->filename = (char *)db_text(r, 0, 0);
    ret->content_type = (char *)db_text(r, 0, 1);
    PB_SET(ret, size, db_u64(r, 0, 2));
    if (!db_is_null(r, 0, 3)) {
        PB_SET(ret, width, (uint32_t)db_u64(r, 0, 3));
        PB_SET(ret, height, (uint32_t)db_u64(r, 0, 4));
    }
    ret->store_key = (char *)db_text(r, 0, 5);
    return ST_OK;
}

/* ---- Typing ------------------------------------------------------------------------------------------------------ */

static void tell_typing(struct call *c, const struct access *a, Hubbub__V1__Member *member)
{
    Hubbub__V1__TypingStarted typing = HUBBUB__V1__TYPING_STARTED__INIT;
    PB_SET(&typing, channel_id, a->channel_id);
    ACCESS_SET_GUILD(a, &typing);
    PB_SET(&typing, user_id, call_user(c));
    PB_SET(&typing, timestamp, clock_wall_ms() / 1000);
    typing.member = member;
    Hubbub__V1__Event event = HUBBUB__V1__EVENT__INIT;
    event.typing_start = &typing;
    chat_publish_ephemeral(chat_of(c)->bus, "channel", a->channel_id, &event);
}

/* Nothing is stored: who is away when it is published does not learn of it. */
static status typing(struct call *c, const Hubbub__V1__TypingRequest *req, Hubbub__V1__Empty *ret)
{
    DB_LEASED struct db *d = NULL;
    struct access a;
    Hubbub__V1__Member *member = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = messages_access(c, d, req->channel_id, &a);
    if (st == ST_OK)
        st = access_require(c, &a, PERM_SEND_MESSAGES);
    if (st == ST_OK)
        st = messages_load_member(c, d, a.guild_id, call_user(c), &member);
    if (st == ST_OK)
        tell_typing(c, &a, member);
    return st;
}

const struct hubbub__v1__messages__handlers messages_handlers = {
    .create = create,
    .list = list,
    .get = get,
    .edit = edit,
    .delete = delete_message,
    .bulk_delete = bulk_delete,
    .resolve_attachment = resolve_attachment,
    .typing = typing,
};
