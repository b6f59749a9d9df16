#include "services/chat/export.h"
#include "hubbub/v1/media.pb-c.h"
#include "hubbub/v1/messages.hub.h"
#include "hubbub/v1/settings.hub.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/wire/wire.h"
#include "services/chat/chat.h"
#include "services/chat/message_rows.h"
#include "services/chat/rows.h"
#include "services/chat/settings.h"
#include "services/chat/tickets.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const int64_t DAY_MS = 24 * 3600 * INT64_C(1000);

/* ---- Asked for, looked at ---------------------------------------------------------------------------------------- */

status export_request(struct call *c, struct change *ch)
{
    struct db_rows *rows;
    status st = change_query(ch, &rows,
                             "INSERT INTO exports (user_id) SELECT $1 WHERE NOT EXISTS (SELECT FROM exports WHERE "
                             "user_id = $1 AND created_at > clock_timestamp() - interval '1 day')",
                             DB_ID(call_user(c)));
    if (st != ST_OK || db_affected(rows))
        return st;
    st = change_query(ch, &rows, "SELECT " ROWS_MS("max(created_at)") " FROM exports WHERE user_id = $1",
                      DB_ID(call_user(c)));
    if (st != ST_OK)
        return st;
    call_retry_after(c, db_i64(rows, 0, 0) + DAY_MS - clock_wall_ms());
    return call_fail(c, ST_RATE_LIMITED, "one export a day");
}

static status add_link(struct call *c, struct db *d, Hubbub__V1__DataExport *e)
{
    char *ticket;
    status st = ticket_issue(c, d, call_user(c), TICKET_EXPORT, NULL, &ticket);
    if (st == ST_OK)
        e->url = arena_printf(call_arena(c), "%s/exports/%s", chat_public_url(c), ticket);
    return st;
}

status export_load(struct call *c, Hubbub__V1__DataExport *e)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT id, size, messages, " ROWS_MS("created_at") ", " ROWS_MS(
                            "done_at") " FROM exports WHERE user_id = $1 ORDER BY id DESC LIMIT 1",
                        DB_ID(call_user(c)));
    if (st != ST_OK || !db_count(rows))
        return st;
    bool ready = !db_is_null(rows, 0, 4);
    PB_SET(e, id, db_u64(rows, 0, 0));
    e->state = (char *)(ready ? "ready" : "pending");
    PB_SET(e, size, db_u64(rows, 0, 1));
    PB_SET(e, messages, db_u64(rows, 0, 2));
    PB_SET(e, created_at, db_i64(rows, 0, 3));
    PB_SET(e, expires_at, e->created_at + EXPORT_DAYS * DAY_MS);
    if (!ready)
        return ST_OK;
    PB_SET(e, completed_at, db_i64(rows, 0, 4));
    return add_link(c, d, e);
}

/* ---- Sections but for messages ----------------------------------------------------------------------------------- */

struct export {
    struct call *call;
    struct change *ch;
    struct buf json;
    uint64_t id, user_id, channel_id, message_id, size, messages;
    unsigned section, pieces;
};

static status write_settings(struct export *e)
{
    Hubbub__V1__UserSettings *settings;
    status st = settings_load(e->call, change_db(e->ch), e->user_id, &settings);
    if (st == ST_OK)
        wire_write(&e->json, &hubbub__v1__user_settings__wire, &settings->base);
    return st;
}

static status write_guild_settings(struct export *e)
{
    Hubbub__V1__GuildSettings **list;
    size_t n;
    status st = settings_load_guilds(e->call, change_db(e->ch), e->user_id, &list, &n);
    buf_putc(&e->json, '[');
    for (size_t i = 0; st == ST_OK && i < n; i++) {
        if (i)
            buf_putc(&e->json, ',');
        wire_write(&e->json, &hubbub__v1__guild_settings__wire, &list[i]->base);
    }
    buf_putc(&e->json, ']');
    return st;
}

/* sql: one JSON value of the user $1; or what writes it. Each is bounded by what an account may have. */
#define LIST(columns_and_from) "SELECT coalesce(json_agg(x), '[]')::text FROM (SELECT " columns_and_from ") x"
static const struct section {
    const char *name, *sql;
    status (*write)(struct export *);
} sections[] = {
    {"exported_at", "SELECT to_json(clock_timestamp())::text WHERE $1::bigint IS NOT NULL"},
    {"account", "SELECT row_to_json(x)::text FROM (SELECT id::text, username, global_name, email, verified, avatar, "
                "banner, bio, pronouns, date_of_birth, mfa AS second_factor, admin AS administrator, created_at, seen_at "
                "FROM users WHERE id = $1) x"},
    {"settings", NULL, write_settings},
    {"settings_proto", "SELECT coalesce((SELECT json_build_object('1', translate(encode(proto_1, 'base64'), E'\\n', ''), '2', "
                       "translate(encode(proto_2, 'base64'), E'\\n', ''))::text FROM user_settings WHERE user_id = $1), '{}')"},
    {"guild_settings", NULL, write_guild_settings},
    {"sessions", LIST("created_at, used_at, os, platform FROM tokens WHERE user_id = $1 ORDER BY created_at")},
    {"guilds", LIST("g.id::text, g.name, g.owner_id = $1 AS owner, m.nick, m.joined_at, (SELECT coalesce(json_agg(r.name), "
                    "'[]') FROM roles r WHERE r.id = ANY (m.roles)) AS roles FROM members m JOIN guilds g ON g.id = "
                    "m.guild_id WHERE m.user_id = $1 ORDER BY g.id")},
    {"relationships",
     LIST("u.id::text, u.username, CASE r.type WHEN 1 THEN 'friend' WHEN 2 THEN 'blocked' WHEN 3 THEN 'incoming' ELSE "
          "'outgoing' END AS type, r.nickname, r.since FROM relationships r JOIN users u ON u.id = r.other_id WHERE "
          "r.user_id = $1 ORDER BY r.since, u.id")},
    {"notes", LIST("u.id::text, u.username, n.note FROM notes n JOIN users u ON u.id = n.other_id WHERE n.user_id = $1 "
                   "ORDER BY u.id")},
    {"direct_channels",
     LIST("c.id::text, c.type, c.name, (SELECT json_agg(json_build_object('id', u.id::text, 'username', u.username)) "
          "FROM dm_recipients o JOIN users u ON u.id = o.user_id WHERE o.channel_id = c.id AND o.user_id <> $1) AS "
          "recipients FROM dm_recipients r JOIN channels c ON c.id = r.channel_id WHERE r.user_id = $1 ORDER BY c.id")},
    {"applications", LIST("id::text, name, description FROM applications WHERE owner_id = $1 ORDER BY id")},
    {"reports", LIST("id::text, channel_id::text, message_id::text, reason, comment FROM reports WHERE reporter_id = $1 "
                     "ORDER BY id")},
};
enum { SECTIONS = sizeof sections / sizeof *sections };

static status write_section(struct export *e)
{
    const struct section *s = &sections[e->section];
    struct db_rows *rows;
    buf_printf(&e->json, "%s\"%s\":", e->section ? ",\n" : "{", s->name);
    if (s->write)
        return s->write(e);
    status st = change_query(e->ch, &rows, s->sql, DB_ID(e->user_id));
    if (st == ST_OK)
        buf_puts(&e->json, db_count(rows) ? db_text(rows, 0, 0) : "null");
    return st;
}

/* ---- Messages ---------------------------------------------------------------------------------------------------- */

/* The next channel there is; *ret 0: there is none. */
static status next_channel(struct export *e, uint64_t *ret)
{
    struct db_rows *rows;
    status st = change_query(e->ch, &rows,
                             "SELECT id FROM channels WHERE id > $1 AND type IN (0, 1, 2, 3, 5) ORDER BY id LIMIT 1",
                             DB_ID(e->channel_id));
    if (st == ST_OK)
        *ret = db_count(rows) ? db_u64(rows, 0, 0) : 0;
    return st;
}

static status write_messages(struct export *e, uint64_t to)
{
    struct arena *a = call_arena(e->call);
    struct db_rows *rows;
    status st = change_query(e->ch, &rows,
                             "SELECT " ROWS_MESSAGE " FROM messages x LEFT JOIN users u ON u.id = x.author_id WHERE "
                             "x.channel_id = $1 AND x.id > $2 AND x.id <= $3 AND x.author_id = $4 ORDER BY x.id",
                             DB_ID(e->channel_id), DB_ID(e->message_id), DB_ID(to), DB_ID(e->user_id));
    for (unsigned i = 0; st == ST_OK && i < db_count(rows); i++) {
        Hubbub__V1__Message *m = rows_message(a, rows, i, 0, chat_public_url(e->call));
        buf_puts(&e->json, e->messages++ ? ",\n" : "");
        wire_write(&e->json, &hubbub__v1__message__wire, &m->base);
    }
    return st;
}

/* A look at the channel; *ret_end: it has no more. */
static status scan(struct export *e, bool *ret_end)
{
    struct db_rows *rows;
    status st = change_query(e->ch, &rows,
                             "SELECT count(*), coalesce(max(id), 0) FROM (SELECT id FROM messages WHERE channel_id = "
                             "$1 AND id > $2 ORDER BY id LIMIT $3) x",
                             DB_ID(e->channel_id), DB_ID(e->message_id), DB_I64(EXPORT_SCAN));
    if (st != ST_OK)
        return st;
    *ret_end = db_i64(rows, 0, 0) < EXPORT_SCAN;
    uint64_t to = db_u64(rows, 0, 1);
    if (!db_i64(rows, 0, 0))
        return ST_OK;
    st = write_messages(e, to);
    e->message_id = to;
    return st;
}

/* *ret_end: of all channels. */
static status scan_on(struct export *e, bool *ret_end)
{
    bool end = !e->channel_id;
    status st = end ? ST_OK : scan(e, &end);
    if (st != ST_OK || !end)
        return st;
    uint64_t next = 0;
    st = next_channel(e, &next);
    e->channel_id = next;
    e->message_id = 0;
    *ret_end = st == ST_OK && !next;
    return st;
}

static status write_some_messages(struct export *e, bool *ret_done)
{
    status st = ST_OK;
    bool full = false;
    if (e->section == SECTIONS) {
        buf_puts(&e->json, ",\n\"messages\":[");
        e->section++;
    }
    for (int i = 0; st == ST_OK && !*ret_done && !full && i < EXPORT_SCANS && e->json.len < EXPORT_STEP_BYTES; i++) {
        st = scan_on(e, ret_done);
        full = (int64_t)(e->size + e->json.len) > EXPORT_BYTES_MAX;
    }
    if (*ret_done || full)
        buf_printf(&e->json, "],\n\"complete\":%s}\n", full ? "false" : "true");
    *ret_done |= full;
    return st;
}

/* ---- A step ------------------------------------------------------------------------------------------------------ */

/* Each in turn, so that one which fails does not hold up the others. */
static status choose(struct call *c, uint64_t *ret)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "UPDATE exports SET tried_at = clock_timestamp() WHERE id = (SELECT id FROM exports WHERE done_at "
                        "IS NULL ORDER BY tried_at NULLS FIRST, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id");
    if (st == ST_OK)
        *ret = db_count(rows) ? db_u64(rows, 0, 0) : 0;
    return st;
}

/* *ret: another chat has it, or it is gone. */
static status read_position(struct export *e, bool *ret_gone)
{
    struct db_rows *rows;
    status st = change_query(e->ch, &rows,
                             "SELECT user_id, section, channel_id, message_id, pieces, size, messages FROM exports "
                             "WHERE id = $1 AND done_at IS NULL FOR UPDATE SKIP LOCKED",
                             DB_ID(e->id));
    *ret_gone = st == ST_OK && !db_count(rows);
    if (st != ST_OK || *ret_gone)
        return st;
    e->user_id = db_u64(rows, 0, 0);
    e->section = (unsigned)db_i64(rows, 0, 1);
    e->channel_id = db_u64(rows, 0, 2);
    e->message_id = db_u64(rows, 0, 3);
    e->pieces = (unsigned)db_i64(rows, 0, 4);
    e->size = db_u64(rows, 0, 5);
    e->messages = db_u64(rows, 0, 6);
    return ST_OK;
}

static status save_pieces(struct export *e)
{
    struct db_rows *rows;
    status st = e->json.failed ? call_fail(e->call, ST_INTERNAL, "a step of over %zu bytes", e->json.len) : ST_OK;
    for (size_t at = 0; st == ST_OK && at < e->json.len; at += EXPORT_PIECE_BYTES) {
        size_t left = e->json.len - at, n = left < EXPORT_PIECE_BYTES ? left : EXPORT_PIECE_BYTES;
        st = change_query(e->ch, &rows, "INSERT INTO export_pieces (export_id, piece, data) VALUES ($1, $2, $3)",
                          DB_ID(e->id), DB_I64(e->pieces++), DB_BYTES(e->json.data + at, n));
    }
    e->size += e->json.len;
    return st;
}

static status save_position(struct export *e, bool done)
{
    struct db_rows *rows;
    return change_query(e->ch, &rows,
                        "UPDATE exports SET section = $2, channel_id = $3, message_id = $4, pieces = $5, size = $6, "
                        "messages = $7, done_at = CASE WHEN $8 THEN clock_timestamp() END WHERE id = $1",
                        DB_ID(e->id), DB_I64(e->section), DB_ID(e->channel_id), DB_ID(e->message_id),
                        DB_I64(e->pieces), DB_ID(e->size), DB_ID(e->messages), DB_BOOL(done));
}

static status run_step(struct export *e)
{
    bool gone, done = false;
    status st = read_position(e, &gone);
    if (st != ST_OK || gone)
        return st;
    while (st == ST_OK && e->section < SECTIONS && e->json.len < EXPORT_STEP_BYTES) {
        st = write_section(e);
        e->section++;
    }
    if (st == ST_OK && e->section >= SECTIONS)
        st = write_some_messages(e, &done);
    if (st == ST_OK)
        st = save_pieces(e);
    return st == ST_OK ? save_position(e, done) : st;
}

status export_step(struct call *c, bool *ret_more)
{
    struct export e = {.call = c};
    status st = choose(c, &e.id);
    *ret_more = st == ST_OK && e.id;
    if (!*ret_more)
        return st;
    CHANGE_OWNED struct change *ch = NULL;
    st = change_begin(c, NULL, 0, ST_INTERNAL, &ch);
    e.ch = ch;
    if (st == ST_OK)
        st = run_step(&e);
    if (st == ST_OK)
        st = change_commit(ch);
    buf_finish(&e.json);
    return st;
}

/* ---- The download ------------------------------------------------------------------------------------------------ */

static status find_by_ticket(struct call *c, const char *ticket, uint64_t *ret_id, unsigned *ret_pieces,
                             uint64_t *ret_size)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *rows;
    uint64_t user;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = ticket_owner(c, d, ticket, TICKET_EXPORT, &user);
    if (st == ST_OK)
        st = chat_query(c, d, &rows,
                        "SELECT id, pieces, size FROM exports WHERE user_id = $1 AND done_at IS NOT NULL ORDER BY id "
                        "DESC LIMIT 1",
                        DB_ID(user));
    if (st != ST_OK)
        return st;
    if (!db_count(rows))
        return call_fail(c, ST_UNKNOWN_ASSET, "the link is nobody's, or its export is gone");
    *ret_id = db_u64(rows, 0, 0);
    *ret_pieces = (unsigned)db_i64(rows, 0, 1);
    *ret_size = db_u64(rows, 0, 2);
    return ST_OK;
}

/* No lease is held while the client takes its time. In an arena of its own: the call's would keep every piece. */
static status send_piece(struct call *c, uint64_t id, unsigned piece, uint64_t size)
{
    struct arena *a = arena_create(0);
    Hubbub__V1__DownloadChunk chunk = HUBBUB__V1__DOWNLOAD_CHUNK__INIT;
    struct db_rows *rows;
    struct db *d = NULL;
    status st = chat_lease(c, &d);
    if (st == ST_OK)
        st = db_run(d, a, call_deadline_ms(c), &rows, "SELECT data FROM export_pieces WHERE export_id = $1 AND piece = $2",
                    DB_ID(id), DB_I64(piece));
    if (d)
        db_release(d);
    if (st == ST_OK && !db_count(rows))
        st = call_fail(c, ST_UNKNOWN_ASSET, "it expired meanwhile");
    if (st == ST_OK) {
        size_t n;
        chunk.has_data = true;
        chunk.data.data = (uint8_t *)db_bytes(rows, 0, 0, &n);
        chunk.data.len = n;
        if (!piece)
            PB_SET(&chunk, size, size);
        st = call_write(c, &chunk.base);
    }
    arena_destroy(a);
    return st;
}

status export_send(struct call *c, const char *ticket)
{
    uint64_t id = 0, size = 0;
    unsigned pieces = 0;
    status st = find_by_ticket(c, ticket, &id, &pieces, &size);
    for (unsigned i = 0; st == ST_OK && i < pieces; i++)
        st = send_piece(c, id, i, size);
    return st;
}
