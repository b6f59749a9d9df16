/* main.c - the chat process: accounts, guilds, permissions, messages and feeds; the only owner of PostgreSQL.
 *
 * It starts whatever is away: a thread waits for PostgreSQL and brings the schema up, and until then calls are answered
 * UNAVAILABLE. SIGTERM or SIGINT: not ready at once, running calls get DRAIN_MS, queued messages are written, exit 0.
 */
#include "hubbub/v1/presence.hub.h"
#include "lib/base/admin.h"
#include "lib/base/config.h"
#include "lib/base/fault.h"
#include "lib/base/log.h"
#include "lib/rpc/options.h"
#include "services/chat/account_worker.h"
#include "services/chat/chat.h"
#include "services/chat/crosspost_worker.h"
#include "services/chat/handlers.h"
#include "services/chat/janitor.h"
#include "services/chat/mailer.h"
#include "services/chat/migrate.h"
#include "services/chat/seal.h"
#include "services/chat/search_index.h"
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DRAIN_MS = 8000, RETRY_MS = 250 };
enum { FEEDS_WORKERS = 4, SNAPSHOT_WORKERS = 4, ARGON2_WORKERS = 2, SEARCH_WORKERS = 2, EXPORT_WORKERS = 2 };

static const char *listen_address, *admin_listen, *secret, *log_level, *redis_url, *bus_urls, *public_url,
    *database_url, *registration, *mail_tls, *presence_targets;
static struct mail_config mail;
static const char *seal_key;
static int64_t minimum_age, workers, seal_after_s;
static bool migrate;
static uint8_t sealing[SEAL_KEY_N]; /* seal_key, read */

static const struct config_option options[] = {
    {"HUBBUB_RPC_LISTEN", CONFIG_STRING, &listen_address, "unix:run/chat-1.sock",
     .doc = "where gRPC is served: unix:path or address:port"},
    {"HUBBUB_ADMIN_LISTEN", CONFIG_STRING, &admin_listen, "127.0.0.1:8201",
     .doc = "loopback address of /livez, /readyz and /metrics"},
    {"HUBBUB_CLUSTER_SECRET", CONFIG_STRING, &secret, NULL,
     .doc = "what the services prove themselves to each other with", .secret = true},
    {"HUBBUB_LOG_LEVEL", CONFIG_CHOICE, &log_level, "info", .choices = "debug|info|warn|error",
     .doc = "the lowest level that is logged"},
    {"HUBBUB_REDIS_URL", CONFIG_STRING, &redis_url, "redis://127.0.0.1:6379",
     .doc = "Redis: redis://host:port or unix:///path"},
    {"HUBBUB_BUS_URLS", CONFIG_STRING, &bus_urls, "",
     .doc = "comma list of the Redis that events are told by, the same for all services; empty: HUBBUB_REDIS_URL",
     .secret = true},
    {"HUBBUB_PRESENCE_TARGETS", CONFIG_STRING, &presence_targets, "unix:run/presence-1.sock",
     .doc = "comma list of presence instances, which are asked whom @here reaches"},
    {"HUBBUB_PUBLIC_URL", CONFIG_STRING, &public_url, "http://127.0.0.1:8080",
     .doc = "the address that clients use; in URLs that are handed out"},
    {"HUBBUB_DATABASE_URL", CONFIG_STRING, &database_url, NULL, .doc = "PostgreSQL: a libpq URI or conninfo",
     .secret = true},
    {"HUBBUB_MIGRATE", CONFIG_BOOL, &migrate, "yes", .doc = "bring the schema up at start; no: wait until another did"},
    {"HUBBUB_REGISTRATION", CONFIG_CHOICE, &registration, "open", .choices = "open|invite|closed",
     .doc = "who may make an account"},
    {"HUBBUB_MINIMUM_AGE", CONFIG_INT, &minimum_age, "13", 0, 99,
     .doc = "years an account's owner must have; 0: not asked"},
    {"HUBBUB_SMTP_URL", CONFIG_STRING, &mail.url, "",
     .doc = "the server that takes mails: smtp://host:587 or smtps://host:465; empty: no mail is sent"},
    {"HUBBUB_SMTP_USER", CONFIG_STRING, &mail.user, "", .doc = "the name to log in there with; empty: no login"},
    {"HUBBUB_SMTP_PASSWORD", CONFIG_STRING, &mail.password, "", .doc = "its password", .secret = true},
    {"HUBBUB_SMTP_FROM", CONFIG_STRING, &mail.from, "",
     .doc = "who mails come from: an address, or Name <address>; needed with HUBBUB_SMTP_URL"},
    {"HUBBUB_SMTP_TLS", CONFIG_CHOICE, &mail_tls, "require", .choices = "require|try|off",
     .doc = "encryption on smtp:// (STARTTLS)"},
    {"HUBBUB_SMTP_CA", CONFIG_STRING, &mail.ca, "",
     .doc = "a PEM file of certificates that the mail server is known by; empty: the system's"},
    {"HUBBUB_SEAL_KEY", CONFIG_STRING, &seal_key, "",
     .doc = "64 hexadecimal digits that the secrets of authenticators are encrypted by in the database, the same for all chats; empty: they lie open",
     .secret = true},
    {"HUBBUB_SEAL_AFTER_S", CONFIG_INT, &seal_after_s, "3600", 0, INT64_C(1) << 31,
     .doc = "from when on after its start a chat encrypts them, s: by then no older version runs beside it"},
    {"HUBBUB_CHAT_WORKERS", CONFIG_INT, &workers, "16", 1, 256,
     .doc = "threads for ordinary calls; each may hold a database connection"},
};

struct process {
    struct chat *chat;
    struct rpc_server *server;
    struct janitor *janitor;
    struct search_index *search; /* made by the opener */
    struct mailer *mailer;       /* the same */
    pthread_t opener;
    atomic_bool draining;
};

static enum registration registration_of(const char *text)
{
    return !strcmp(text, "open")     ? REGISTRATION_OPEN
           : !strcmp(text, "invite") ? REGISTRATION_INVITE
                                     : REGISTRATION_CLOSED;
}

static bool is_ready(void *user, struct buf *lines)
{
    struct process *p = user;
    bool up = db_pool_ready(p->chat->db), open = atomic_load(&p->chat->open), draining = atomic_load(&p->draining);
    buf_printf(lines, "postgresql: %s\nschema: %s\n", up ? "ok" : "away", open ? "ok" : "not yet there");
    buf_printf(lines, "redis: %s (not needed for traffic)\n", bus_publisher_connected(p->chat->bus) ? "ok" : "away");
    if (draining)
        buf_puts(lines, "draining\n");
    return up && open && !draining;
}

/* Waits for PostgreSQL and the schema; a migration that fails ends the process, for a person to look. */
static void *open_chat(void *user)
{
    struct process *p = user;
    while (!atomic_load(&p->draining)) {
        status st = migrate_run(p->chat->db, migrate);
        if (st == ST_INTERNAL)
            exit(1);
        if (st == ST_OK)
            break;
        usleep(RETRY_MS * 1000);
    }
    if (atomic_load(&p->draining))
        return NULL;
    atomic_store(&p->chat->open, true);
    rpc_server_set_ready(p->server, true);
    p->janitor = janitor_create(p->chat->db);
    p->search = search_index_create(p->chat->db);
    atomic_store(&p->chat->crossposts, crosspost_worker_create(p->server));
    p->mailer = mailer_create(p->chat->db, &p->chat->config.mail, p->chat->config.public_url);
    atomic_store(&p->chat->accounts, account_worker_create(p->server));
    log_info("ready");
    return NULL;
}

static struct rpc_server *create_server(struct chat *chat)
{
    const struct rpc_bulkhead bulkheads[] = {
        {"main", (unsigned)workers, 1024}, {"feeds", FEEDS_WORKERS, 1024}, {"snapshots", SNAPSHOT_WORKERS, 1024},
        {"argon2", ARGON2_WORKERS, 64},    {"search", SEARCH_WORKERS, 64},
        {"exports", EXPORT_WORKERS, 16},
    };
    struct rpc_server_config config = {
        .listen = listen_address,
        .secret = secret,
        .bulkheads = bulkheads,
        .n_bulkheads = sizeof bulkheads / sizeof *bulkheads,
        .user = chat,
    };
    return rpc_server_create(&config);
}

static void serve_all(struct rpc_server *s)
{
    hubbub__v1__accounts__serve(s, &accounts_handlers);
    hubbub__v1__applications__serve(s, &applications_handlers);
    hubbub__v1__auth_sessions__serve(s, &auth_sessions_handlers);
    hubbub__v1__second_factor__serve(s, &second_factor_handlers);
    hubbub__v1__emails__serve(s, &emails_handlers);
    hubbub__v1__guilds__serve(s, &guilds_handlers);
    hubbub__v1__roles__serve(s, &roles_handlers);
    hubbub__v1__members__serve(s, &members_handlers);
    hubbub__v1__channels__serve(s, &channels_handlers);
    hubbub__v1__invites__serve(s, &invites_handlers);
    hubbub__v1__messages__serve(s, &messages_handlers);
    hubbub__v1__search__serve(s, &search_handlers);
    hubbub__v1__reactions__serve(s, &reactions_handlers);
    hubbub__v1__pins__serve(s, &pins_handlers);
    hubbub__v1__bans__serve(s, &bans_handlers);
    hubbub__v1__prunes__serve(s, &prunes_handlers);
    hubbub__v1__audit__serve(s, &audit_handlers);
    hubbub__v1__announcements__serve(s, &announcements_handlers);
    hubbub__v1__webhooks__serve(s, &webhooks_handlers);
    hubbub__v1__emojis__serve(s, &emojis_handlers);
    hubbub__v1__directs__serve(s, &directs_handlers);
    hubbub__v1__reading__serve(s, &reading_handlers);
    hubbub__v1__relationships__serve(s, &relationships_handlers);
    hubbub__v1__voices__serve(s, &voices_handlers);
    hubbub__v1__settings__serve(s, &settings_handlers);
    hubbub__v1__profiles__serve(s, &profiles_handlers);
    hubbub__v1__files__serve(s, &files_handlers);
    hubbub__v1__feeds__serve(s, &feeds_handlers);
    hubbub__v1__administration__serve(s, &administration_handlers);
    hubbub__v1__own_account__serve(s, &own_account_handlers);
    hubbub__v1__instance__serve(s, &instance_handlers);
    hubbub__v1__reports__serve(s, &reports_handlers);
}

static sigset_t block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return set;
}

static void drain(struct process *p)
{
    log_info("draining");
    atomic_store(&p->draining, true);
    rpc_server_set_ready(p->server, false);
    rpc_server_drain(p->server, DRAIN_MS);
    pthread_join(p->opener, NULL);
    crosspost_worker_destroy(atomic_load(&p->chat->crossposts));
    account_worker_destroy(atomic_load(&p->chat->accounts));
    rpc_server_destroy(p->server);
}

static int run(struct process *p)
{
    sigset_t signals = block_signals();
    struct admin *admin = admin_create(admin_listen, is_ready, p);
    p->server = create_server(p->chat);
    if (!admin || !p->server)
        return 1;
    serve_all(p->server);
    if (!rpc_server_start(p->server))
        return 1;
    if (pthread_create(&p->opener, NULL, open_chat, p))
        log_fatal("no thread to open the database");
    log_info("listening", LOG_S("address", listen_address));
    int caught;
    sigwait(&signals, &caught);
    drain(p);
    mailer_destroy(p->mailer);
    search_index_destroy(p->search);
    janitor_destroy(p->janitor);
    admin_destroy(admin);
    return 0;
}

static enum mail_tls tls_of(const char *text)
{
    return !strcmp(text, "require") ? MAIL_TLS_REQUIRE : !strcmp(text, "try") ? MAIL_TLS_TRY : MAIL_TLS_OFF;
}

/* For `hubbub doctor`: one line. */
static int print_mail_check(void)
{
    char error[MAIL_ERROR_BYTES];
    if (!mail_is_on(&mail)) {
        puts("off (HUBBUB_SMTP_URL): nobody can confirm an address, or have a forgotten password replaced by themselves");
        return 0;
    }
    mail_start();
    if (mail_check(&mail, error)) {
        puts("the server answers, encrypted and logged in as configured");
        return 0;
    }
    puts(error);
    return 1;
}

/* --check-mail is ours, the rest is the option table's. What the table cannot see is checked before --check-config says
 * that all is right. */
static void load(int argc, char **argv, bool *ret_check_mail)
{
    *ret_check_mail = argc == 2 && !strcmp(argv[1], "--check-mail");
    bool check_config = argc == 2 && !strcmp(argv[1], "--check-config");
    const struct config_table tables[] = {{options, sizeof options / sizeof *options}, rpc_options};
    enum { TABLES = sizeof tables / sizeof *tables };
    config_load("chat", *ret_check_mail || check_config ? 1 : argc, argv, tables, TABLES);
    mail.tls = tls_of(mail_tls);
    const char *wrong = mail_config_wrong(&mail);
    if (wrong) {
        fprintf(stderr, "chat: %s\n", wrong);
        exit(2);
    }
    if (*seal_key && !seal_read_key(seal_key, sealing)) {
        fprintf(stderr, "chat: HUBBUB_SEAL_KEY: 64 hexadecimal digits, or nothing\n");
        exit(2);
    }
    if (check_config)
        config_load("chat", argc, argv, tables, TABLES);
}

/* Asks presence. A connection of its own for each question: @here is rare. */
static bool find_connected(const uint64_t *user_ids, size_t n, int64_t timeout_ms, struct arena *a, uint64_t **ret,
                           size_t *ret_n)
{
    Hubbub__V1__GetConnectedRequest request = HUBBUB__V1__GET_CONNECTED_REQUEST__INIT;
    request.user_ids = (uint64_t *)user_ids;
    request.n_user_ids = n;
    struct rpc_result r = rpc_call_wait(presence_targets, secret, &hubbub__v1__presences__get_connected__method,
                                        &request.base, NULL, timeout_ms, a);
    if (r.st != ST_OK)
        return false;
    const Hubbub__V1__GetConnectedResponse *response = (const Hubbub__V1__GetConnectedResponse *)r.response;
    *ret = response->user_ids;
    *ret_n = response->n_user_ids;
    return true;
}

int main(int argc, char **argv)
{
    bool check_mail;
    load(argc, argv, &check_mail);
    if (check_mail)
        return print_mail_check();
    log_init("chat", log_level);
    fault_init();
    if (!rpc_options_start())
        return 2;
    mail_start();
    if (sodium_init() < 0)
        log_fatal("libsodium does not start");
    block_signals();
    struct chat_config config = {
        .database_url = database_url,
        .bus_urls = *bus_urls ? bus_urls : redis_url,
        .public_url = public_url,
        .workers = (unsigned)workers + FEEDS_WORKERS + SNAPSHOT_WORKERS + ARGON2_WORKERS + SEARCH_WORKERS + EXPORT_WORKERS,
        .find_connected = find_connected,
        .registration = registration_of(registration),
        .minimum_age = (int)minimum_age,
        .mail = mail,
        .seal_key = *seal_key ? sealing : NULL,
        .seal_after_ms = seal_after_s * 1000,
    };
    static struct process process;
    process.chat = chat_create(&config);
    int code = run(&process);
    if (code == 0)
        chat_destroy(process.chat);
    return code;
}
