/* presence - who is online. Starts and stays up without Redis: calls are answered UNAVAILABLE until it is there. */
#include "lib/base/admin.h"
#include "lib/base/config.h"
#include "lib/base/log.h"
#include "lib/base/metric.h"
#include "lib/bus/bus.h"
#include "lib/rpc/options.h"
#include "services/presence/handlers.h"
#include "services/presence/store.h"
#include "services/presence/teller.h"
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { DRAIN_MS = 5000 };

static const char *rpc_listen, *admin_listen, *secret, *log_level, *redis_url, *bus_urls;
static int64_t workers;
static const struct config_option options[] = {
    {"HUBBUB_RPC_LISTEN", CONFIG_STRING, &rpc_listen, "unix:run/presence-1.sock", .doc = "where the gateways call"},
    {"HUBBUB_ADMIN_LISTEN", CONFIG_STRING, &admin_listen, "127.0.0.1:8221", .doc = "/livez, /readyz, /metrics"},
    {"HUBBUB_CLUSTER_SECRET", CONFIG_STRING, &secret, NULL, .doc = "shared by all services", .secret = true},
    {"HUBBUB_LOG_LEVEL", CONFIG_CHOICE, &log_level, "info", .choices = "debug|info|warn|error", .doc = "lowest level"},
    {"HUBBUB_REDIS_URL", CONFIG_STRING, &redis_url, NULL, .doc = "redis://host:port or unix:///path", .secret = true},
    {"HUBBUB_BUS_URLS", CONFIG_STRING, &bus_urls, "",
     .doc = "comma list of the Redis that events are told by, the same for all services; empty: HUBBUB_REDIS_URL",
     .secret = true},
    {"HUBBUB_WORKERS", CONFIG_INT, &workers, "4", .min = 1, .max = 64, .doc = "threads that serve calls"},
};

struct presence {
    struct store_shared shared;
    struct bus_publisher *publisher;
    atomic_bool draining;
};

/* Redis away does not make it unready: no other instance would do better, and the line tells. */
static bool is_ready(void *user, struct buf *lines)
{
    struct presence *p = user;
    buf_printf(lines, "redis: %s\n", store_available(&p->shared) ? "ok" : "away");
    buf_printf(lines, "bus: %s\n", bus_publisher_connected(p->publisher) ? "ok" : "away");
    if (atomic_load(&p->draining))
        buf_puts(lines, "draining\n");
    return !atomic_load(&p->draining);
}

static void *start_worker(void *user)
{
    struct presence *p = user;
    return store_create(&p->shared);
}

static void stop_worker(void *user, void *worker)
{
    store_destroy(worker);
}

static sigset_t block_signals(void)
{
    sigset_t ending;
    sigemptyset(&ending);
    sigaddset(&ending, SIGTERM);
    sigaddset(&ending, SIGINT);
    pthread_sigmask(SIG_BLOCK, &ending, NULL);
    signal(SIGPIPE, SIG_IGN);
    return ending;
}

static struct rpc_server *create_server(struct presence *p)
{
    struct rpc_bulkhead bulkhead = {.name = "main", .workers = (unsigned)workers, .queue_max = 1024};
    struct rpc_server_config config = {
        .listen = rpc_listen,
        .secret = secret,
        .bulkheads = &bulkhead,
        .n_bulkheads = 1,
        .worker_start = start_worker,
        .worker_stop = stop_worker,
        .user = p,
    };
    struct rpc_server *server = rpc_server_create(&config);
    if (!server)
        exit(1);
    handlers_serve(server);
    return server;
}

int main(int argc, char **argv)
{
    static struct presence presence;
    const struct config_table tables[] = {{options, sizeof options / sizeof *options}, rpc_options};
    config_load("presence", argc, argv, tables, sizeof tables / sizeof *tables);
    log_init("presence", log_level);
    if (!rpc_options_start())
        return 2;
    sigset_t ending = block_signals();
    if (!store_shared_init(&presence.shared, redis_url, STORE_LEASE_MS, STORE_SETTLE_MS) ||
        !(presence.publisher = bus_publisher_create(*bus_urls ? bus_urls : redis_url)))
        return 2;
    struct rpc_server *server = create_server(&presence);
    struct admin *admin = admin_create(admin_listen, is_ready, &presence);
    if (!admin || !rpc_server_start(server))
        return 1;
    struct teller *teller = teller_create(&presence.shared, presence.publisher);
    rpc_server_set_ready(server, true);
    log_info("serving", LOG_S("address", rpc_listen));

    int signal_number;
    sigwait(&ending, &signal_number);
    log_info("draining", LOG_I("signal", signal_number));
    atomic_store(&presence.draining, true);
    rpc_server_set_ready(server, false);
    rpc_server_drain(server, DRAIN_MS);
    rpc_server_destroy(server);
    teller_destroy(teller);
    bus_publisher_destroy(presence.publisher);
    admin_destroy(admin);
    log_info("ended");
    return 0;
}
