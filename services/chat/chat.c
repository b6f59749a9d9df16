#include "services/chat/chat.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "services/chat/account_worker.h"
#include "services/chat/crosspost_worker.h"
#include "services/chat/feed_store.h"
#include "services/chat/mentions.h"
#include "services/chat/writer.h"
#include <stdlib.h>
#include <string.h>

struct chat *chat_create(const struct chat_config *config)
{
    struct chat *chat = calloc(1, sizeof *chat);
    if (!chat)
        log_fatal("no memory for the service");
    chat->config = *config;
    chat->started_ms = clock_mono_ms();
    chat->db = db_pool_create(config->database_url, config->workers + WRITER_CONNECTIONS +
                                                        6); /* migrations, janitor, search, crossposts, mailer, accounts */
    chat->bus = config->bus_urls ? bus_publisher_create(config->bus_urls) : NULL;
    mentions_register();
    chat->writer = writer_create(chat->db, chat->bus);
    chat->feeds = feed_store_create(chat->db);
    return chat;
}

void chat_destroy(struct chat *chat)
{
    if (!chat)
        return;
    feed_store_destroy(chat->feeds);
    writer_destroy(chat->writer);
    if (chat->bus)
        bus_publisher_destroy(chat->bus);
    db_pool_destroy(chat->db);
    free(chat);
}

struct db_pool *chat_db(struct call *c)
{
    return chat_of(c)->db;
}

void chat_wake_accounts(struct call *c)
{
    account_worker_wake(atomic_load(&chat_of(c)->accounts));
}

void chat_wake_crossposts(struct call *c)
{
    crosspost_worker_wake(atomic_load(&chat_of(c)->crossposts));
}

const char *chat_public_url(struct call *c)
{
    return chat_of(c)->config.public_url;
}

status chat_db_failed(struct call *c, struct db *d, status st, const char *what)
{
    if (st == ST_UNAVAILABLE || st == ST_DEADLINE)
        call_retry_after(c, 1000);
    return call_fail(c, st, "cannot %s: %s %s", what, d ? db_sqlstate(d) : "", d ? db_error_text(d) : "no connection");
}

status chat_lease(struct call *c, struct db **ret)
{
    status st = atomic_load(&chat_of(c)->open) ? db_lease(chat_db(c), call_deadline_ms(c), ret) : ST_UNAVAILABLE;
    return st == ST_OK ? ST_OK : chat_db_failed(c, NULL, st, "lease a connection");
}

status chat_snapshot(struct call *c, struct db **ret)
{
    status st = chat_lease(c, ret);
    if (st != ST_OK)
        return st;
    st = db_exec(*ret, call_deadline_ms(c), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return st == ST_OK ? ST_OK : chat_db_failed(c, *ret, st, "begin a snapshot");
}

status chat_query_params(struct call *c, struct db *d, struct db_rows **ret, const char *sql,
                         const struct db_param *params, size_t n)
{
    status st = db_query(d, call_arena(c), call_deadline_ms(c), sql, params, n, ret);
    return st == ST_OK ? ST_OK : chat_db_failed(c, d, st, "query");
}

Hubbub__V1__Generation *chat_generation(struct arena *a, struct db_generation g)
{
    Hubbub__V1__Generation *message = PB_NEW(a, Hubbub__V1__Generation, hubbub__v1__generation);
    PB_SET(message, system_id, g.system_id);
    PB_SET(message, timeline, g.timeline);
    return message;
}

/* ---- Telling ----------------------------------------------------------------------------------------------------- */

struct topic {
    const char *kind;
    uint64_t id;
};

/* What a feed has whose scope is the topic too, and which is a DM's: in a guild's feed the topic of these is a channel.
 */
static bool is_of_direct(const Hubbub__V1__FeedEntry *e)
{
    const Hubbub__V1__Event *ev = e->event;
    return e->topic == e->scope_id &&
           (ev->reaction_add || ev->reaction_remove || ev->reactions_clear || ev->reactions_clear_all ||
            ev->pins_update || ev->channel_update || ev->recipient_add || ev->recipient_remove);
}

static struct topic topic_of(const Hubbub__V1__FeedEntry *e)
{
    const Hubbub__V1__Event *ev = e->event;
    if (ev->message_create || ev->message_update || ev->message_delete || is_of_direct(e))
        return (struct topic){"channel", e->topic};
    if (ev->user_update || ev->guild_joined || ev->guild_left || ev->tokens_revoked || ev->direct_opened ||
        ev->direct_closed)
        return (struct topic){"user", e->scope_id};
    return (struct topic){"guild", e->scope_id};
}

static void publish_message(struct bus_publisher *bus, const Hubbub__V1__BusMessage *m, struct topic to)
{
    size_t size = hubbub__v1__bus_message__get_packed_size(m);
    uint8_t *packed = malloc(size ? size : 1);
    if (!packed)
        return; /* the digest tells of it */
    hubbub__v1__bus_message__pack(m, packed);
    bus_publish(bus, to.kind, to.id, packed, size);
    free(packed);
}

static void publish(struct bus_publisher *bus, const Hubbub__V1__Generation *g, Hubbub__V1__FeedEntry *const *entries,
                    size_t n, struct topic to)
{
    Hubbub__V1__BusMessage m = HUBBUB__V1__BUS_MESSAGE__INIT;
    m.generation = (Hubbub__V1__Generation *)g;
    m.entries = (Hubbub__V1__FeedEntry **)entries;
    m.n_entries = n;
    publish_message(bus, &m, to);
}

void chat_publish_ephemeral(struct bus_publisher *bus, const char *kind, uint64_t id, const Hubbub__V1__Event *event)
{
    if (!bus)
        return;
    Hubbub__V1__Event *events[] = {(Hubbub__V1__Event *)event};
    Hubbub__V1__BusMessage m = HUBBUB__V1__BUS_MESSAGE__INIT;
    m.ephemeral = events;
    m.n_ephemeral = 1;
    publish_message(bus, &m, (struct topic){kind, id});
}

void chat_publish(struct bus_publisher *bus, const Hubbub__V1__Generation *g, Hubbub__V1__FeedEntry *const *entries,
                  size_t n)
{
    if (!bus)
        return;
    for (size_t from = 0, to; from < n; from = to) {
        struct topic t = topic_of(entries[from]);
        for (to = from + 1; to < n && to - from < TELL_ENTRIES_MAX; to++) {
            struct topic next = topic_of(entries[to]);
            if (next.id != t.id || strcmp(next.kind, t.kind))
                break;
        }
        publish(bus, g, entries + from, to - from, t);
    }
}
