/* handle_search.c - the service Search. What is found stands in message_search (search_index.h); each row is joined
 * with its message, so what was deleted is never shown, and only channels are looked in whose history the caller reads
 * now. */
#include "lib/base/buf.h"
#include "lib/wire/wire.h"
#include "services/chat/access.h"
#include "services/chat/chat.h"
#include "services/chat/handlers.h"
#include "services/chat/messages.h"
#include "services/chat/search_terms.h"
#include <inttypes.h>
#include <string.h>

enum { LIMIT_DEFAULT = 25, RESULTS_MAX = 10000 /* counted and paged through */, RETRY_MS = 2000 };

struct search {
    struct call *call;
    struct db *db;
    const Hubbub__V1__SearchMessagesRequest *req;
    uint64_t scope_id; /* the guild, or the DM */
    uint64_t *channels;
    size_t n_channels;
    struct search_terms all, none;             /* every one, not one */
    struct search_terms authors, users, roles; /* any one; empty: not asked */
};

static void search_end(struct search *s)
{
    db_release(s->db);
}
#define SEARCH_OWNED __attribute__((cleanup(search_end)))

/* ---- Where ------------------------------------------------------------------------------------------------------- */

static bool is_asked(const Hubbub__V1__SearchMessagesRequest *req, uint64_t channel_id)
{
    bool asked = !req->n_channel_id;
    for (size_t i = 0; i < req->n_channel_id; i++)
        asked |= req->channel_id[i] == channel_id;
    return asked;
}

static status choose_channels(struct search *s)
{
    const uint64_t bits = PERM_VIEW_CHANNEL | PERM_READ_MESSAGE_HISTORY;
    struct access a;
    Hubbub__V1__Channel **all;
    size_t n;
    status st = access_guild(s->call, s->db, s->req->guild_id, &a);
    if (st == ST_OK)
        st = rows_load_channels(s->call, s->db, s->req->guild_id, &all, &n);
    if (st != ST_OK)
        return st;
    s->scope_id = s->req->guild_id;
    s->channels = ARENA_ARRAY(call_arena(s->call), uint64_t, n);
    for (size_t i = 0; i < n; i++)
        if (is_asked(s->req, all[i]->id) && (access_in(s->call, &a, all[i]) & bits) == bits)
            s->channels[s->n_channels++] = all[i]->id;
    return ST_OK;
}

/* The one channel, whose history the caller reads. */
static status choose_channel(struct search *s, uint64_t channel_id)
{
    struct access a;
    status st = messages_access(s->call, s->db, channel_id, &a);
    if (st == ST_OK)
        st = access_require(s->call, &a, PERM_READ_MESSAGE_HISTORY);
    if (st != ST_OK)
        return st;
    s->scope_id = a.scope_id;
    s->channels = ARENA_ARRAY(call_arena(s->call), uint64_t, 1);
    s->channels[s->n_channels++] = channel_id;
    return ST_OK;
}

/* How common the asked terms are decides between the index of terms and the order of messages, so each search is
 * planned for what it asks; a plan for any terms at all reads a guild from end to end. */
static status begin(struct search *s)
{
    status st = chat_snapshot(s->call, &s->db);
    if (st != ST_OK)
        return st;
    st = db_exec(s->db, call_deadline_ms(s->call), "SET LOCAL plan_cache_mode = force_custom_plan");
    return st == ST_OK ? ST_OK : chat_db_failed(s->call, s->db, st, "set up a search");
}

/* The older messages of the guild or DM are still being read. */
static status require_index(struct search *s)
{
    struct db_rows *r;
    status st = chat_query(s->call, s->db, &r, "SELECT FROM search_scopes WHERE scope_id = $1 AND NOT filling",
                           DB_ID(s->scope_id));
    if (st != ST_OK || db_count(r))
        return st;
    call_retry_after(s->call, RETRY_MS);
    return call_fail(s->call, ST_INDEX_NOT_READY, "scope %" PRIu64 " is being indexed", s->scope_id);
}

/* ---- What -------------------------------------------------------------------------------------------------------- */

static void add_ids(struct search_terms *t, char kind, const uint64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; i++)
        search_add_id(t, kind, ids[i]);
}

static void gather_terms(struct search *s)
{
    const Hubbub__V1__SearchMessagesRequest *req = s->req;
    struct search_terms *sets[] = {&s->all, &s->none, &s->authors, &s->users, &s->roles};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++)
        sets[i]->arena = call_arena(s->call);
    search_add_text(&s->all, req->content, false);
    for (size_t i = 0; i < req->n_has; i++)
        search_add_has(*req->has[i] == '-' ? &s->none : &s->all, req->has[i] + (*req->has[i] == '-'));
    if (req->has_mention_everyone)
        search_add_has(req->mention_everyone ? &s->all : &s->none, "everyone");
    add_ids(&s->authors, 'u', req->author_id, req->n_author_id);
    add_ids(&s->users, 'm', req->mentions, req->n_mentions);
    add_ids(&s->roles, 'r', req->mentions_role_id, req->n_mentions_role_id);
}

#define SEARCH_FROM                                                                                                    \
    " FROM message_search s JOIN messages x ON x.channel_id = s.channel_id AND x.id = s.message_id"                    \
    " WHERE s.scope_id = $1 AND s.channel_id = ANY($2::bigint[]) AND s.message_id > $3 AND s.message_id < $4"          \
    " AND ($5::text[] = '{}' OR s.terms @> $5::text[]) AND ($6::text[] = '{}' OR NOT s.terms && $6::text[])"           \
    " AND ($7::text[] = '{}' OR s.terms && $7::text[]) AND ($8::text[] = '{}' OR s.terms && $8::text[])"               \
    " AND ($9::text[] = '{}' OR s.terms && $9::text[])"                                                                \
    " AND ($10::boolean IS NULL OR (x.pinned_at IS NOT NULL) = $10)"
#define SEARCH_PAGE(order)                                                                                             \
    "SELECT " ROWS_MESSAGE " FROM (SELECT x.*" SEARCH_FROM " ORDER BY x.id " order " LIMIT $11 OFFSET $12) x"          \
    " LEFT JOIN users u ON u.id = x.author_id ORDER BY x.id " order
static const char count_sql[] = "SELECT count(*) FROM (SELECT 1" SEARCH_FROM " LIMIT $11) n";
static const char newest_first[] = SEARCH_PAGE("DESC"), oldest_first[] = SEARCH_PAGE("ASC");
enum { CONDITIONS = 10 };

static uint64_t id_or(bool given, uint64_t id, uint64_t otherwise)
{
    return given && id < INT64_MAX ? id : otherwise;
}

static status run(struct search *s, const char *sql, int64_t limit, int64_t offset, bool paged, struct db_rows **ret)
{
    const Hubbub__V1__SearchMessagesRequest *req = s->req;
    const struct db_param params[] = {
        DB_ID(s->scope_id),
        DB_IDS(s->channels, s->n_channels),
        DB_ID(id_or(req->has_min_id, req->min_id, 0)),
        DB_ID(id_or(req->has_max_id, req->max_id, INT64_MAX)),
        DB_TEXTS(s->all.items, s->all.n),
        DB_TEXTS(s->none.items, s->none.n),
        DB_TEXTS(s->authors.items, s->authors.n),
        DB_TEXTS(s->users.items, s->users.n),
        DB_TEXTS(s->roles.items, s->roles.n),
        req->has_pinned ? DB_BOOL(req->pinned) : DB_NULL,
        DB_I64(limit),
        DB_I64(offset),
    };
    return chat_query_params(s->call, s->db, ret, sql, params, CONDITIONS + 1 + paged);
}

/* ---- The answer -------------------------------------------------------------------------------------------------- */

static status load_hits(struct search *s, const struct db_rows *r, Hubbub__V1__Message **list)
{
    status st = ST_OK;
    for (unsigned i = 0; i < db_count(r); i++) {
        list[i] = rows_message(call_arena(s->call), r, i, 0, chat_public_url(s->call));
        PB_SET(list[i], hit, true);
        if (st == ST_OK)
            st = messages_load_reactions(s->call, s->db, &list[i], 1);
    }
    return st == ST_OK ? messages_load_references(s->call, s->db, list, db_count(r)) : st;
}

static ProtobufCBinaryData write_hits(struct arena *a, Hubbub__V1__Message *const *list, unsigned n)
{
    struct buf json = {0};
    buf_putc(&json, '[');
    for (unsigned i = 0; i < n; i++) {
        buf_puts(&json, i ? ",[" : "[");
        wire_write(&json, &hubbub__v1__message__wire, &list[i]->base);
        buf_putc(&json, ']');
    }
    buf_putc(&json, ']');
    ProtobufCBinaryData text = {json.len, arena_memdup(a, json.data, json.len)};
    buf_finish(&json);
    return text;
}

static status answer(struct search *s, Hubbub__V1__SearchMessagesResponse *ret)
{
    const Hubbub__V1__SearchMessagesRequest *req = s->req;
    struct arena *a = call_arena(s->call);
    struct db_rows *count, *page;
    bool oldest = req->sort_order && !strcmp(req->sort_order, "asc");
    status st = run(s, count_sql, RESULTS_MAX, 0, false, &count);
    if (st == ST_OK)
        st = run(s, oldest ? oldest_first : newest_first, req->has_limit ? req->limit : LIMIT_DEFAULT, req->offset,
                 true, &page);
    if (st != ST_OK)
        return st;
    Hubbub__V1__Message **list = ARENA_ARRAY(a, Hubbub__V1__Message *, db_count(page));
    st = load_hits(s, page, list);
    if (st != ST_OK)
        return st;
    PB_SET(ret, total_results, (int32_t)db_i64(count, 0, 0));
    PB_SET(ret, messages, write_hits(a, list, db_count(page)));
    return ST_OK;
}

static status find(struct search *s, Hubbub__V1__SearchMessagesResponse *ret)
{
    status st = require_index(s);
    if (st != ST_OK)
        return st;
    gather_terms(s);
    return answer(s, ret);
}

static status in_guild(struct call *c, const Hubbub__V1__SearchMessagesRequest *req,
                       Hubbub__V1__SearchMessagesResponse *ret)
{
    SEARCH_OWNED struct search s = {.call = c, .req = req};
    status st = begin(&s);
    if (st == ST_OK)
        st = choose_channels(&s);
    return st == ST_OK ? find(&s, ret) : st;
}

static Hubbub__V1__SearchMessagesRequest as_guild_request(const Hubbub__V1__SearchChannelRequest *from)
{
    Hubbub__V1__SearchMessagesRequest to = HUBBUB__V1__SEARCH_MESSAGES_REQUEST__INIT;
    to.content = from->content;
    to.n_author_id = from->n_author_id;
    to.author_id = from->author_id;
    to.n_mentions = from->n_mentions;
    to.mentions = from->mentions;
    to.has_mention_everyone = from->has_mention_everyone;
    to.mention_everyone = from->mention_everyone;
    to.n_has = from->n_has;
    to.has = from->has;
    to.has_pinned = from->has_pinned;
    to.pinned = from->pinned;
    to.has_min_id = from->has_min_id;
    to.min_id = from->min_id;
    to.has_max_id = from->has_max_id;
    to.max_id = from->max_id;
    to.sort_order = from->sort_order;
    to.has_limit = from->has_limit;
    to.limit = from->limit;
    to.offset = from->offset;
    return to;
}

static status in_channel(struct call *c, const Hubbub__V1__SearchChannelRequest *req,
                         Hubbub__V1__SearchMessagesResponse *ret)
{
    const Hubbub__V1__SearchMessagesRequest asked = as_guild_request(req);
    SEARCH_OWNED struct search s = {.call = c, .req = &asked};
    status st = begin(&s);
    if (st == ST_OK)
        st = choose_channel(&s, req->channel_id);
    return st == ST_OK ? find(&s, ret) : st;
}

const struct hubbub__v1__search__handlers search_handlers = {
    .in_guild = in_guild,
    .in_channel = in_channel,
};
