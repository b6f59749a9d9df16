#include "services/chat/testing/fixture.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/chat/migrate.h"
#include "tests/support/postgres.h"

static const char empty_sql[] =
    "TRUNCATE users, guilds, messages, send_keys, feeds, feed_entries, feed_truncations, attachments, reactions, "
    "last_sends CASCADE";
/* 1024 VIEW_CHANNEL, 2048 SEND_MESSAGES, 32768 ATTACH_FILES, 65536 READ_MESSAGE_HISTORY. */
static const char fill_sql[] =
    "INSERT INTO users (id, username) VALUES (101, 'owner'), (102, 'member'), (103, 'stranger');"
    "INSERT INTO feeds (scope_id) VALUES (101), (102), (103), (1000), (2000);"
    "INSERT INTO guilds (id, name, owner_id, member_count) VALUES (1000, 'first', 101, 2), (2000, 'second', 101, 2);"
    "INSERT INTO roles (id, guild_id, name, permissions) VALUES (1000, 1000, '@everyone', 1024|2048|32768|65536), "
    "(2000, 2000, '@everyone', 1024|2048|65536);"
    "INSERT INTO members (guild_id, user_id, nick) VALUES (1000, 101, NULL), (1000, 102, 'nick'), (2000, 101, NULL), "
    "(2000, 102, NULL);"
    "INSERT INTO channels (id, guild_id, type, name) VALUES (1001, 1000, 0, 'general'), (1002, 1000, 4, 'group'), "
    "(2001, 2000, 0, 'general')";

static void must(status st, const char *sql, const struct db *d)
{
    if (st != ST_OK)
        log_fatal("%s: %s", sql, d ? db_error_text(d) : "no connection");
}

void fixture_exec(struct fixture *f, const char *sql)
{
    DB_LEASED struct db *d = NULL;
    must(db_lease(f->chat->db, clock_mono_ms() + 10000, &d), sql, NULL);
    must(db_exec(d, clock_mono_ms() + 10000, sql), sql, d);
}

struct db_rows *fixture_query(struct fixture *f, const char *sql)
{
    DB_LEASED struct db *d = NULL;
    struct db_rows *r = NULL;
    must(db_lease(f->chat->db, clock_mono_ms() + 10000, &d), sql, NULL);
    must(db_query(d, f->arena, clock_mono_ms() + 10000, sql, NULL, 0, &r), sql, d);
    return r;
}

int64_t fixture_number(struct fixture *f, const char *sql)
{
    return db_i64(fixture_query(f, sql), 0, 0);
}

void fixture_init(struct fixture *f)
{
    struct chat_config config = {.database_url = postgres_start(), .public_url = "http://hub.test", .workers = 20};
    f->arena = arena_create(0);
    f->chat = chat_create(&config);
    must(migrate_run(f->chat->db, true), "migrations", NULL);
    fixture_exec(f, empty_sql);
    fixture_exec(f, fill_sql);
    atomic_store(&f->chat->open, true);
}

void fixture_finish(struct fixture *f)
{
    chat_destroy(f->chat);
    arena_destroy(f->arena);
}

struct call *fixture_call(struct fixture *f, uint64_t user_id)
{
    return call_fake(&(struct fake_call){.server_user = f->chat, .user_id = user_id});
}

status fixture_send(struct fixture *f, uint64_t user_id, uint64_t channel_id, const char *content,
                    const char *request_id, uint64_t *ret_id)
{
    CALL_FAKED struct call *c =
        call_fake(&(struct fake_call){.server_user = f->chat, .user_id = user_id, .request_id = request_id});
    Hubbub__V1__CreateMessageRequest req = HUBBUB__V1__CREATE_MESSAGE_REQUEST__INIT;
    Hubbub__V1__Message m = HUBBUB__V1__MESSAGE__INIT;
    PB_SET(&req, channel_id, channel_id);
    req.content = (char *)content;
    status st = messages_handlers.create(c, &req, &m);
    if (st == ST_OK && ret_id)
        *ret_id = m.id;
    return st;
}
