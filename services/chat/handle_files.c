/* handle_files.c - the service Files: what media may not remove. An attachment is in use while its message and its
 * channel are there, or a report of it is kept; an image while a column names it. */
#include "services/chat/change.h"
#include "services/chat/handlers.h"

static const char used_files[] =
    "SELECT k FROM unnest($1::text[]) k WHERE EXISTS (SELECT FROM attachments a JOIN channels c ON c.id = a.channel_id "
    "WHERE a.store_key = k) OR EXISTS (SELECT FROM report_files r WHERE r.store_key = k)";

/* The columns that hold hashes: each has an index for this (0022_emojis.sql). */
#define HAS(table, column) "EXISTS (SELECT FROM " table " WHERE " column " = k)"
static const char
    used_images
        [] =
            "SELECT k FROM unnest($1::text[]) k WHERE " HAS("users", "avatar") " OR " HAS("users", "banner") " OR " HAS("guilds", "icon") " OR " HAS("guilds", "banner") " OR " HAS("guilds", "splash") " OR " HAS(
                "guilds",
                "discovery_splash") " OR " HAS("members",
                                               "avatar") " OR " HAS("members",
                                                                    "banner") " OR " HAS("roles",
                                                                                         "icon") " OR " HAS("channels",
                                                                                                            "icon") " O"
                                                                                                                    "R"
                                                                                                                    " " HAS("applications",
                                                                                                                            "icon") " OR " HAS("webhooks",
                                                                                                                                               "avatar") " OR " HAS("emojis",
                                                                                                                                                                    "image");

static status find(struct call *c, struct db *d, const char *sql, char **asked, size_t n, char ***ret, size_t *ret_n)
{
    struct db_rows *r;
    const struct db_param params[] = {DB_TEXTS(asked, n)};
    if (!n)
        return ST_OK;
    status st = chat_query_params(c, d, &r, sql, params, 1);
    if (st != ST_OK)
        return st;
    *ret = ARENA_ARRAY(call_arena(c), char *, db_count(r));
    for (unsigned i = 0; i < db_count(r); i++)
        (*ret)[(*ret_n)++] = (char *)db_text(r, i, 0);
    return ST_OK;
}

static status used(struct call *c, const Hubbub__V1__FilesUsedRequest *req, Hubbub__V1__FilesUsedResponse *ret)
{
    DB_LEASED struct db *d = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = find(c, d, used_files, req->store_keys, req->n_store_keys, &ret->store_keys, &ret->n_store_keys);
    if (st == ST_OK)
        st = find(c, d, used_images, req->hashes, req->n_hashes, &ret->hashes, &ret->n_hashes);
    return st;
}

const struct hubbub__v1__files__handlers files_handlers = {.used = used};
